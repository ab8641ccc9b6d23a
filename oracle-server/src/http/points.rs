//! `/v1/events/{id}/points`: what an announcement's signatures will open.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use oracle_schema::Announcement;
use oracle_schema::event::Descriptor;
use oracle_schema::point::{
    OutcomePoint, PointError, ValuePoint, digit_points, enum_points, prefix_point,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use super::cache::Representation;
use super::messages::announcement;
use super::openapi::{CompressedPoint, EventName, Hex32, Prefix};
use super::problem::{Kind, Problem};
use super::query::{EventPath, Query};

/// A point as contracts use it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "compressed": "03c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
    "xonly": "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
    "odd_y": true
}))]
struct PointJson {
    /// SEC1 compressed, hex.
    #[schema(value_type = CompressedPoint)]
    compressed: String,
    /// x coordinate, hex.
    #[schema(value_type = Hex32)]
    xonly: String,
    /// Whether the secret for the x-only key is n − s.
    odd_y: bool,
}

impl From<&OutcomePoint> for PointJson {
    fn from(point: &OutcomePoint) -> Self {
        Self {
            compressed: hex::encode(point.compressed()),
            xonly: hex::encode(point.xonly()),
            odd_y: point.odd_y(),
        }
    }
}

/// An enum outcome and its point.
#[derive(Debug, Serialize, ToSchema)]
struct OutcomeJson {
    outcome: String,
    #[serde(flatten)]
    point: PointJson,
}

/// A value that a nonce can sign, and its point.
#[derive(Debug, Serialize, ToSchema)]
struct ValueJson {
    value: String,
    #[serde(flatten)]
    point: PointJson,
}

/// The values of one nonce.
#[derive(Debug, Serialize, ToSchema)]
struct DigitJson {
    /// Position of the nonce; a sign nonce is 0, with values `+` and `-`.
    index: usize,
    values: Vec<ValueJson>,
}

/// All points of an event: `outcomes` for an enum event, `digits` for a digit event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum PointsJson {
    Enum { outcomes: Vec<OutcomeJson> },
    Digits { digits: Vec<DigitJson> },
}

/// What `/v1/events/{id}/points` answers.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the documentation")]
enum PointsAnswer {
    All(PointsJson),
    /// With `prefix`.
    Sum(PointJson),
}

/// Adaptor points of an announced event: per outcome, per digit value, or for
/// all outcomes that begin with a prefix.
#[utoipa::path(get, path = "/v1/events/{id}/points", tag = "events",
    params(
        ("id" = EventName, Path, description = "Event id; percent-encoded in an address."),
        ("prefix" = Option<Prefix>, Query, description = "Outcome values of the first nonces, comma-separated, such as `0,1,1`: one point, their sum."),
    ),
    responses(
        (status = 200, description = "All points; or with `prefix` one.", content_type = "application/json", body = PointsAnswer),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-event`, or `not-announced` with Retry-After."),
        (status = 410, description = "`withdrawn`."),
        (status = 422, description = "`too-many-points`: ask for prefixes.")))]
pub(super) async fn get_points(
    State(app): State<Arc<AppState>>,
    EventPath(id): EventPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::strict(&uri, &["prefix"])?;
    if let Some(prefix) = query.get("prefix") {
        let announcement = announcement(&app, &id).await?;
        let values: Vec<&str> = values(&announcement, prefix);
        let point = prefix_point(&announcement, &values).map_err(|e| refused(&e))?;
        return Ok(Representation::json(&PointJson::from(&point))?.immutable(&headers));
    }
    Ok(points(&app, &id).await?.immutable(&headers))
}

/// All points of an event, computed once.
pub(crate) async fn points(app: &AppState, id: &str) -> Result<Representation, Problem> {
    if let Some(cached) = app.message_cache.points.get(id) {
        return Ok(cached);
    }
    let announcement = announcement(app, id).await?;
    // Thousands of point multiplications must not hold up other readers.
    let points = tokio::task::spawn_blocking(move || all_points(&announcement))
        .await
        .map_err(|_| Kind::Internal.because("the points could not be computed"))??;
    app.message_cache
        .points
        .insert(id.to_owned(), points.clone());
    Ok(points)
}

/// An enum outcome may hold commas; it is the only value there is.
fn values<'a>(announcement: &Announcement, prefix: &'a str) -> Vec<&'a str> {
    match announcement.event.descriptor {
        Descriptor::Enum(_) => vec![prefix],
        Descriptor::Digits(_) => prefix.split(',').collect(),
    }
}

fn all_points(announcement: &Announcement) -> Result<Representation, Problem> {
    let points = match announcement.event.descriptor {
        Descriptor::Enum(_) => PointsJson::Enum {
            outcomes: enum_points(announcement)
                .map_err(|e| refused(&e))?
                .into_iter()
                .map(|ValuePoint { value, point }| OutcomeJson {
                    outcome: value,
                    point: PointJson::from(&point),
                })
                .collect(),
        },
        Descriptor::Digits(_) => PointsJson::Digits {
            digits: digit_points(announcement)
                .map_err(|e| refused(&e))?
                .into_iter()
                .enumerate()
                .map(|(index, values)| DigitJson {
                    index,
                    values: values.into_iter().map(value_json).collect(),
                })
                .collect(),
        },
    };
    Representation::json(&points)
}

fn value_json(ValuePoint { value, point }: ValuePoint) -> ValueJson {
    ValueJson {
        value,
        point: PointJson::from(&point),
    }
}

fn refused(error: &PointError) -> Problem {
    match error {
        PointError::TooMany(_) => Kind::TooManyPoints.because(error.to_string()),
        _ => Problem::bad("prefix", error.to_string()),
    }
}
