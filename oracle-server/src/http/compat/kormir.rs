//! `/compat/kormir`: what ddk's `KormirOracleClient` and kormir's own readers ask.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::LINK;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{Signed, public_key, text, with_bundle};
use crate::http::AppState;
use crate::http::cache::{Representation, fresh_json};
use crate::http::formats::Format;
use crate::http::messages::{announcement_message, attestation_message};
use crate::http::nostr;
use crate::http::paging::{Page, one_more};
use crate::http::problem::{Kind, Problem, ProblemJson};
use crate::http::query::{EventPath, Query, cursor};
use crate::store::{PublishedEvent, PublishedFilter};

/// Rows of a list on each side of now, unless fewer are asked for.
const ROWS: i64 = 50;

/// Whether the service answers: `null`.
#[utoipa::path(get, path = "/compat/kormir/health-check", tag = "compat",
    responses((status = 200, description = "`null`: it answers.", content_type = "application/json", body = Option<bool>, example = json!(null))))]
pub(in crate::http) async fn get_health_check(uri: Uri) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    Ok(fresh_json(StatusCode::OK, &()))
}

/// `GET /compat/kormir/pubkey`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"pubkey": "3fa859d8d76ed2358cbaab80ec534e548ecac9b35102a18a7ab45ea1a67ca8ca"}))]
struct PubkeyJson {
    /// x-only, hex.
    pubkey: String,
}

/// The oracle's public key, as kormir names it.
#[utoipa::path(get, path = "/compat/kormir/pubkey", tag = "compat",
    responses(
        (status = 200, description = "The key.", body = PubkeyJson),
        (status = 304, description = "The reader has it.")))]
pub(in crate::http) async fn get_pubkey(
    State(app): State<Arc<AppState>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let pubkey = public_key(&app);
    Ok(Representation::json(&PubkeyJson { pubkey })?.revalidated(&headers))
}

/// The announcement of an event, as DLC JSON.
#[utoipa::path(get, path = "/compat/kormir/announcement/{id}", tag = "compat",
    params(("id" = String, Path, description = "Event id, percent-encoded.")),
    responses(
        (status = 200, description = "The published announcement; it never changes.", content_type = "application/json", body = Object),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-event`, or `not-announced` with Retry-After.", body = ProblemJson, content_type = "application/problem+json"),
        (status = 410, description = "`withdrawn`.", body = ProblemJson, content_type = "application/problem+json")))]
pub(in crate::http) async fn get_announcement(
    State(app): State<Arc<AppState>>,
    EventPath(id): EventPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let message = announcement_message(&app, &id).await?;
    let answer = message.form(Format::Json).immutable(&headers);
    Ok(with_bundle(answer, &id))
}

/// The attestation of an event, as DLC JSON.
#[utoipa::path(get, path = "/compat/kormir/attestation/{id}", tag = "compat",
    params(("id" = String, Path, description = "Event id, percent-encoded.")),
    responses(
        (status = 200, description = "The published attestation; it never changes.", content_type = "application/json", body = Object),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-event`, or `not-attested` with Retry-After.", body = ProblemJson, content_type = "application/problem+json"),
        (status = 410, description = "`refunded` or `withdrawn`.", body = ProblemJson, content_type = "application/problem+json")))]
pub(in crate::http) async fn get_attestation(
    State(app): State<Arc<AppState>>,
    EventPath(id): EventPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let message = attestation_message(&app, &id).await?;
    let answer = message.form(Format::Json).immutable(&headers);
    Ok(with_bundle(answer, &id))
}

/// A row of `format=json`: the fields of every generation of kormir.
#[derive(Debug, Serialize, ToSchema)]
struct EventRow {
    /// Name of the event.
    event_id: String,
    /// DLC JSON.
    #[schema(value_type = Object)]
    announcement: Box<RawValue>,
    /// DLC JSON, once attested.
    #[schema(value_type = Option<Object>)]
    attestation: Option<Box<RawValue>>,
    /// Always empty: nonces have no index here.
    indexes: [u32; 0],
    /// What was signed, each outcome with its signature in hex; empty until attested.
    #[schema(value_type = Vec<Vec<String>>)]
    signatures: Vec<(String, String)>,
    /// Id of the announcement's Nostr event, hex; null where this oracle delivers to no
    /// relay.
    announcement_event_id: Option<String>,
    /// Id of the attestation's Nostr event, once attested.
    attestation_event_id: Option<String>,
}

/// A row of `format=hex` (bare bodies) and `format=tlv` (with type and length).
#[derive(Debug, Serialize, ToSchema)]
struct HexRow {
    /// Always null: the row number of an older kormir's database.
    id: Option<u32>,
    /// Name of the event.
    event_id: String,
    /// When the outcome is fixed, Unix seconds.
    event_maturity_epoch: u32,
    /// Hex.
    announcement: String,
    /// Hex, counted layout, once attested.
    attestation: Option<String>,
}

/// Rows in one of kormir's formats.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Row {
    Json(EventRow),
    Hex(HexRow),
}

#[derive(Debug, Clone, Copy)]
enum ListFormat {
    Json,
    Hex,
    Tlv,
}

/// Announced events, latest maturity first: the nearest to come and the latest
/// that have matured, at most `limit` of each. A Link header leads to older ones.
#[utoipa::path(get, path = "/compat/kormir/list-events", tag = "compat",
    params(
        ("format" = Option<String>, Query, description = "`json` (default), `hex` or `tlv`."),
        ("limit" = Option<i64>, Query, description = "Rows on each side of now, 1 to 50, default 50.", minimum = 1, maximum = 50),
        ("cursor" = Option<String>, Query, description = "From the Link header of the page before."),
    ),
    responses((status = 200, description = "A window of the events; `Link: <…>; rel=\"next\"` where there are older ones.", body = Vec<Row>,
        headers(("Link" = String, description = "The next page.")))))]
pub(in crate::http) async fn get_list_events(
    State(app): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, Problem> {
    let query = Query::strict(&uri, &["format", "limit", "cursor"])?;
    let format = match query.get("format") {
        None | Some("json") => ListFormat::Json,
        Some("hex") => ListFormat::Hex,
        Some("tlv") => ListFormat::Tlv,
        Some(_) => return Err(Problem::bad("format", "format is json, hex or tlv")),
    };
    let limit = query.number("limit", 1..=ROWS)?.unwrap_or(ROWS);
    let (events, next) = window(&app, query.get("cursor"), limit).await?;
    let mut rows = Vec::with_capacity(events.len());
    for event in &events {
        rows.push(row(&app, event, format).await?);
    }
    let mut response = fresh_json(StatusCode::OK, &rows);
    if let Some(cursor) = next {
        let name = match format {
            ListFormat::Json => "json",
            ListFormat::Hex => "hex",
            ListFormat::Tlv => "tlv",
        };
        let link =
            format!("<list-events?format={name}&limit={limit}&cursor={cursor}>; rel=\"next\"");
        let link = HeaderValue::from_str(&link)
            .map_err(|_| Kind::Internal.because("the next page cannot be named"))?;
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// The events of a page, and where the next begins.
async fn window(
    app: &AppState,
    after: Option<&str>,
    limit: i64,
) -> Result<(Vec<PublishedEvent>, Option<String>), Problem> {
    let mut past = PublishedFilter {
        latest_first: true,
        limit: one_more(limit),
        ..PublishedFilter::default()
    };
    let after = after.map(cursor::decode).transpose()?;
    let mut events = Vec::new();
    if let Some((maturity, id)) = &after {
        past.before = Some((*maturity, id));
    } else {
        let now = app.clock.now();
        past.matured_by = Some(now);
        let to_come = PublishedFilter {
            matures_after: Some(now),
            limit,
            ..PublishedFilter::default()
        };
        events = app.store.published(&to_come).await?;
        events.reverse();
    }
    let matured = Page::of(app.store.published(&past).await?, limit);
    let next = matured.next(|e| cursor::encode(e.maturity, e.event_id.as_str()));
    events.append(&mut matured.into_rows());
    Ok((events, next))
}

async fn row(app: &AppState, event: &PublishedEvent, format: ListFormat) -> Result<Row, Problem> {
    let id = event.event_id.as_str();
    let announcement = announcement_message(app, id).await?;
    let attestation = match &event.outcome {
        Some(_) => Some(attestation_message(app, id).await?),
        None => None,
    };
    let hex = |message: &_, form| {
        let tlv = text(message, form);
        match format {
            ListFormat::Hex => body_of(&tlv).to_owned(),
            ListFormat::Json | ListFormat::Tlv => tlv,
        }
    };
    if let ListFormat::Hex | ListFormat::Tlv = format {
        return Ok(Row::Hex(HexRow {
            id: None,
            event_id: id.to_owned(),
            event_maturity_epoch: event.maturity.epoch(),
            announcement: hex(&announcement, Format::Hex),
            attestation: attestation.map(|a| hex(&a, Format::RustDlcHex)),
        }));
    }
    let raw = |message: &_| {
        RawValue::from_string(text(message, Format::Json)).map_err(|error| {
            tracing::error!(event_id = id, %error, "published message is not JSON");
            Kind::Internal.because("the message cannot be written")
        })
    };
    let signed = attestation.as_deref().map(Signed::of).transpose()?;
    let signed = signed.map(|s| s.outcomes.into_iter().zip(s.signatures).collect());
    let nostr = nostr::ids(app, id).await?;
    let (announcement_event_id, attestation_event_id) = nostr.map_or((None, None), |ids| {
        (Some(ids.announcement), ids.attestation)
    });
    Ok(Row::Json(EventRow {
        event_id: id.to_owned(),
        announcement: raw(&announcement)?,
        attestation: attestation.as_deref().map(raw).transpose()?,
        indexes: [],
        signatures: signed.unwrap_or_default(),
        announcement_event_id,
        attestation_event_id,
    }))
}

/// A TLV in hex without its type (three bytes for every DLC message) and length
/// (a bigsize).
fn body_of(tlv: &str) -> &str {
    const TYPE: usize = 6;
    let length = match tlv.get(TYPE..TYPE + 2) {
        Some("fd") => 6,
        Some("fe") => 10,
        Some("ff") => 18,
        _ => 2,
    };
    tlv.get(TYPE + length..).unwrap_or_default()
}
