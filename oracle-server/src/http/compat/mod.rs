//! Read-only dialects of existing clients, over the same published messages
//! (docs/compat.md): kormir, p2pd and sibyls.
//!
//! These clients are of the rust-dlc family, whose attestation TLV counts its
//! outcomes. Errors stay problems: none of them reads the body of one.

pub(super) mod kormir;
pub(super) mod p2pd;
pub(super) mod sibyls;

use std::sync::Arc;

use axum::http::HeaderValue;
use axum::http::header::LINK;
use axum::response::Response;
use chrono::DateTime;
use oracle_schema::Maturity;
use serde::Deserialize;
use url::form_urlencoded::byte_serialize;

use super::messages::Message;
use super::problem::{Kind, Problem};
use super::{AppState, formats::Format};
use crate::config::Asset;
use crate::store::PublishedEvent;

/// What the p2pd and sibyls dialects offer.
#[derive(Debug, Clone)]
pub(super) struct Assets(Arc<[Asset]>);

impl Assets {
    pub(super) fn new(assets: &[Asset]) -> Self {
        Self(assets.into())
    }

    fn iter(&self) -> impl Iterator<Item = &Asset> {
        self.0.iter()
    }
}

/// The oracle's key, x-only, in hex.
fn public_key(app: &AppState) -> String {
    hex::encode(app.identity.oracle.public_key)
}

/// The maturity that a client names by time.
fn maturity(field: &'static str, text: &str) -> Result<Maturity, Problem> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .filter(|t| t.timestamp_subsec_nanos() == 0)
        .and_then(|t| Maturity::from_unix(t.timestamp()).ok())
        .ok_or_else(|| {
            Problem::bad(
                field,
                format!("{field} must be a whole second, RFC 3339, such as 2026-11-22T16:00:00Z"),
            )
        })
}

/// The event of an asset that matures then; of that name *and* of the asset's
/// series, since the name may have been taken before the series was there.
async fn event_of(
    app: &AppState,
    asset: &Asset,
    maturity: Maturity,
) -> Result<PublishedEvent, Problem> {
    let id = asset.id_format.event_id(maturity);
    app.store
        .series_event(asset.series.as_str(), id.as_str())
        .await?
        .ok_or_else(|| {
            let name = &asset.name;
            Kind::UnknownEvent
                .because(format!("no event of {name:?} matures at {maturity}"))
                .field("time")
        })
}

/// What attestations of all dialects are made of.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    event_id: String,
    signatures: Vec<String>,
    outcomes: Vec<String>,
}

impl Signed {
    /// Of a published attestation.
    fn of(attestation: &Message) -> Result<Self, Problem> {
        serde_json::from_slice(attestation.form(Format::Json).body()).map_err(|error| {
            tracing::error!(%error, "published attestation cannot be read");
            Kind::Internal.because("the attestation cannot be read")
        })
    }
}

/// An answer with the way to what proves it: these dialects have no place for a log,
/// and a signature of the oracle key alone proves an attestation and nothing else.
fn with_bundle(mut answer: Response, event_id: &str) -> Response {
    // A space is the one character that forms write differently than paths.
    let id: String = byte_serialize(event_id.as_bytes()).collect();
    let id = id.replace('+', "%20");
    let link = format!("</v1/events/{id}/bundle>; rel=\"describedby\"; type=\"application/json\"");
    if let Ok(link) = HeaderValue::from_str(&link) {
        answer.headers_mut().insert(LINK, link);
    }
    answer
}

/// A form that is text.
fn text(message: &Message, format: Format) -> String {
    // Hex and JSON are always UTF-8.
    String::from_utf8_lossy(message.form(format).body()).into_owned()
}
