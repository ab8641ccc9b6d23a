//! `/v1/events/{id}/evidence`, `/v1/evidence`: what an outcome rests on.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::Response;
use chrono::DateTime;
use oracle_schema::evidence::Observation;
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use super::cache::Representation;
use super::calendar::unknown;
use super::events::{event, time};
use super::openapi::{Bytes, EventName, EvidenceForm, Hex32, Time, Verdict};
use super::problem::{Kind, Problem};
use super::query::{EventPath, HashPath, Query};

/// One exchange with a provider.
#[derive(Debug, Serialize, ToSchema)]
struct ObservationJson {
    /// Which leg of a price; null for facts.
    #[schema(required)]
    leg: Option<String>,
    /// As configured.
    source: String,
    /// Sources of one root count once.
    root: String,
    /// The adapter that read it and its version.
    adapter: String,
    /// What was asked, without secrets.
    url: String,
    /// The JSON that was posted there; null for a GET.
    #[schema(required)]
    posted: Option<String>,
    #[schema(value_type = Time)]
    sent_at: String,
    #[schema(value_type = Time)]
    received_at: String,
    /// HTTP status; null when nothing answered.
    #[schema(required)]
    status: Option<u16>,
    /// Why no complete answer came.
    #[schema(required)]
    failure: Option<String>,
    /// SHA-256 of the body, hex; see `/v1/evidence/{sha256}`.
    #[schema(value_type = Option<Hex32>, required)]
    sha256: Option<String>,
    /// Whether the body is there; otherwise its licence keeps it with the oracle, or
    /// `not_kept` says why nobody has it.
    public: bool,
    /// Why the body was not kept; null where it was, and where nothing came.
    #[schema(required)]
    not_kept: Option<String>,
    /// The value's text, as the provider wrote it.
    #[schema(required)]
    literal: Option<String>,
    /// End of the bar used.
    #[schema(value_type = Option<Time>, required)]
    effective_at: Option<String>,
    /// What was read of a match or an election; null for prices, but
    /// `{"lagging": true}` where the source has not shown that it moved past the
    /// maturity.
    #[schema(value_type = Option<Object>, required)]
    fact: Option<serde_json::Value>,
    /// `observation`, `not_yet`, `no_data`, `transient`, `permanent` or `contradiction`.
    #[schema(value_type = Verdict)]
    verdict: String,
    /// What the verdict rests on.
    #[schema(required)]
    detail: Option<String>,
    /// Which attempt at the source.
    attempt: i64,
    /// Equal readings in a row up to this one.
    reads: i64,
}

impl From<Observation> for ObservationJson {
    fn from(o: Observation) -> Self {
        let at = |time_ms: i64| {
            DateTime::from_timestamp_millis(time_ms).map_or_else(|| time_ms.to_string(), time)
        };
        Self {
            leg: o.leg,
            source: o.source,
            root: o.root,
            adapter: o.adapter,
            url: o.url,
            posted: o.posted,
            sent_at: at(o.sent_ms),
            received_at: at(o.received_ms),
            status: o.status,
            failure: o.failure,
            sha256: o.sha256,
            public: o.public,
            not_kept: o.not_kept,
            literal: o.literal,
            effective_at: o.effective_at.map(|s| at(s.saturating_mul(1000))),
            fact: o.fact,
            verdict: o.verdict,
            detail: o.detail,
            attempt: o.attempt,
            reads: o.reads,
        }
    }
}

/// What an outcome rests on.
#[derive(Debug, Serialize, ToSchema)]
struct EvidenceJson {
    /// Oldest first.
    observations: Vec<ObservationJson>,
    /// The decision and its trace; null until there is one.
    #[schema(value_type = Option<Object>, required)]
    decision: Option<serde_json::Value>,
    /// SHA-256 of the canonical manifest that the log entry binds, hex.
    #[schema(value_type = Option<Hex32>, required)]
    manifest_sha256: Option<String>,
}

/// What `/v1/events/{id}/evidence` answers.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the documentation")]
enum EvidenceOrManifest {
    Evidence(EvidenceJson),
    Manifest(ManifestDocument),
}

/// The canonical manifest (RFC 8785 JSON) that the log entry binds.
#[derive(Serialize, ToSchema)]
pub(crate) struct ManifestDocument {
    /// Of its shape.
    version: u32,
    /// Unix seconds.
    maturity: i64,
    /// Unix milliseconds.
    decided_ms: i64,
    /// With everything of each exchange.
    #[schema(value_type = Vec<Object>)]
    observations: (),
    /// What operators did: their log entries in hex.
    #[schema(value_type = Vec<String>, required = false)]
    operators: (),
    #[schema(value_type = Object)]
    decision: (),
}

/// What an event's outcome rests on.
#[utoipa::path(get, path = "/v1/events/{id}/evidence", tag = "events",
    params(("id" = EventName, Path, description = "Event id; percent-encoded in an address."),
        ("format" = Option<EvidenceForm>, Query, description = "`manifest`: exactly the bytes that `manifest_sha256` is the hash of.")),
    responses(
        (status = 200, description = "Observations and the decision's trace, or the manifest.", content_type = "application/json", body = EvidenceOrManifest),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-event`; `unknown-evidence` for a manifest before there is a decision.")))]
pub(crate) async fn get_evidence(
    State(app): State<Arc<AppState>>,
    EventPath(id): EventPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::strict(&uri, &["format"])?;
    match query.get("format") {
        None => {}
        Some("manifest") => {
            let Some((_, document)) = app.store.manifest(&id).await? else {
                event(&app, &id).await?;
                return Err(Kind::UnknownEvidence.because("nothing is decided yet"));
            };
            return Ok(Representation::new("application/json", document).revalidated(&headers));
        }
        Some(_) => return Err(Problem::bad("format", "format is manifest, or absent")),
    }
    let Some(evidence) = app.store.evidence(&id).await? else {
        return Err(unknown(&app, &id).await);
    };
    let json = Representation::json(&EvidenceJson {
        observations: evidence.observations.into_iter().map(Into::into).collect(),
        decision: evidence.decision,
        manifest_sha256: evidence.manifest_sha256.map(hex::encode),
    })?;
    Ok(json.revalidated(&headers))
}

/// A provider's answer, byte for byte.
#[utoipa::path(get, path = "/v1/evidence/{sha256}", tag = "events",
    params(("sha256" = Hex32, Path, description = "SHA-256 of the body, lower-case hex.")),
    responses(
        (status = 200, description = "The recorded body.", content_type = "application/octet-stream", body = Bytes),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-evidence`.")))]
pub(crate) async fn get_evidence_body(
    State(app): State<Arc<AppState>>,
    HashPath(sha256): HashPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let body = app.store.evidence_body(&sha256).await?.ok_or_else(|| {
        Kind::UnknownEvidence
            .because("no body of this hash is recorded, or its licence keeps it private")
            .field("sha256")
    })?;
    let mut response = Representation::new("application/octet-stream", body).immutable(&headers);
    // Strangers' bytes under our name: no browser may run them.
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    Ok(response)
}
