//! `/compat/sibyls`: what readers of a sibyls oracle ask: the numbers of a
//! series, TLV in hex.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Assets, event_of, maturity, public_key, text, with_bundle};
use crate::config::Asset;
use crate::http::AppState;
use crate::http::cache::{Representation, fresh_json};
use crate::http::formats::Format;
use crate::http::messages::{announcement_message, attestation_message};
use crate::http::problem::{Kind, Problem, ProblemJson};
use crate::http::query::Query;
use crate::store::{PublishedEvent, PublishedFilter};

/// Events of a page, as sibyls has them.
const PAGE: i64 = 100;
/// The last page.
const LAST_PAGE: i64 = 999;
/// What a sibyls oracle takes for granted.
const DEFAULT_ASSET: &str = "BTCUSD";

/// An announced event of an asset.
#[derive(Debug, Serialize, ToSchema)]
struct SibylsEventJson {
    /// In capitals.
    asset_pair: String,
    /// TLV, hex.
    announcement: String,
    /// TLV in the counted layout, hex; null until attested.
    attestation: Option<String>,
    /// Maturity, RFC 3339.
    maturation: String,
    /// The attested integer; null until attested.
    outcome: Option<u64>,
}

/// The oracle's public key: a bare JSON string.
#[utoipa::path(get, path = "/compat/sibyls/v1/pubkey", tag = "compat",
    responses(
        (status = 200, description = "x-only, hex.", content_type = "application/json", body = String),
        (status = 304, description = "The reader has it.")))]
pub(in crate::http) async fn get_pubkey(
    State(app): State<Arc<AppState>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    Ok(Representation::json(&public_key(&app))?.revalidated(&headers))
}

fn asset<'a>(assets: &'a Assets, query: &Query) -> Result<&'a Asset, Problem> {
    let wanted = query.get("assetPair").unwrap_or(DEFAULT_ASSET);
    assets
        .iter()
        .find(|a| a.name.eq_ignore_ascii_case(wanted))
        .ok_or_else(|| {
            let names: Vec<_> = assets.iter().map(|a| a.name.to_ascii_uppercase()).collect();
            let offered = match names.as_slice() {
                [] => "this oracle offers none".to_owned(),
                names => format!("there are {}", names.join(", ")),
            };
            Problem::bad(
                "assetPair",
                format!("there is no asset {wanted:?}; {offered}"),
            )
        })
}

/// The announced events of an asset, a hundred a page.
#[utoipa::path(get, path = "/compat/sibyls/v1/announcements", tag = "compat",
    params(
        ("assetPair" = Option<String>, Query, description = "Name of the asset in any capitals, default `BTCUSD`."),
        ("sortBy" = Option<String>, Query, description = "`reverseInsertion` (default: latest maturity first) or `insertion`."),
        ("page" = Option<i64>, Query, description = "From 0, the default, to 999.", minimum = 0, maximum = 999),
    ),
    responses((status = 200, description = "A page; an empty one is past the end.", body = Vec<SibylsEventJson>)))]
pub(in crate::http) async fn get_announcements(
    State(app): State<Arc<AppState>>,
    Extension(assets): Extension<Assets>,
    uri: Uri,
) -> Result<Response, Problem> {
    let query = Query::strict(&uri, &["sortBy", "page", "assetPair"])?;
    let latest_first = match query.get("sortBy") {
        None | Some("reverseInsertion") => true,
        Some("insertion") => false,
        Some(_) => {
            return Err(Problem::bad(
                "sortBy",
                "sortBy is insertion or reverseInsertion",
            ));
        }
    };
    let page = query.number("page", 0..=LAST_PAGE)?.unwrap_or(0);
    let asset = asset(&assets, &query)?;
    let filter = PublishedFilter {
        series: Some(asset.series.as_str()),
        latest_first,
        skip: page * PAGE,
        limit: PAGE,
        ..PublishedFilter::default()
    };
    let mut events = Vec::new();
    for event in app.store.published(&filter).await? {
        events.push(event_json(&app, asset, &event).await?);
    }
    Ok(fresh_json(StatusCode::OK, &events))
}

/// One event of an asset, by its maturity.
#[utoipa::path(get, path = "/compat/sibyls/v1/announcement/{time}", tag = "compat",
    params(
        ("time" = String, Path, description = "Exactly the maturity, RFC 3339."),
        ("assetPair" = Option<String>, Query, description = "Name of the asset in any capitals, default `BTCUSD`."),
    ),
    responses(
        (status = 200, description = "The event, as the asset is configured now.", body = SibylsEventJson),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-event`, or `not-announced` with Retry-After.", body = ProblemJson, content_type = "application/problem+json"),
        (status = 410, description = "`withdrawn`.", body = ProblemJson, content_type = "application/problem+json")))]
pub(in crate::http) async fn get_announcement(
    State(app): State<Arc<AppState>>,
    Extension(assets): Extension<Assets>,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::strict(&uri, &["assetPair"])?;
    let Path(time) =
        path.map_err(|_| Problem::bad("time", "the time is not percent-encoded UTF-8"))?;
    let maturity = maturity("time", &time)?;
    let asset = asset(&assets, &query)?;
    let event = event_of(&app, asset, maturity).await?;
    let json = event_json(&app, asset, &event).await?;
    let answer = if json.attestation.is_some() {
        // Not for ever: what an asset's name stands for is configuration.
        Representation::json(&json)?.revalidated(&headers)
    } else {
        fresh_json(StatusCode::OK, &json)
    };
    Ok(with_bundle(answer, event.event_id.as_str()))
}

async fn event_json(
    app: &AppState,
    asset: &Asset,
    event: &PublishedEvent,
) -> Result<SibylsEventJson, Problem> {
    let id = event.event_id.as_str();
    let announcement = announcement_message(app, id).await?;
    let (attestation, outcome) = match &event.outcome {
        None => (None, None),
        Some(outcome) => {
            let outcome = outcome.parse().map_err(|_| {
                tracing::error!(event_id = id, outcome, "attested outcome is not a number");
                Kind::Internal.because("the attested outcome is not a number")
            })?;
            let attestation = attestation_message(app, id).await?;
            (Some(text(&attestation, Format::RustDlcHex)), Some(outcome))
        }
    };
    Ok(SibylsEventJson {
        asset_pair: asset.name.to_ascii_uppercase(),
        announcement: text(&announcement, Format::Hex),
        attestation,
        maturation: event.maturity.to_string(),
        outcome,
    })
}
