//! The evidence manifest: everything an outcome rests on, as published.
//!
//! Its canonical bytes are RFC 8785 JSON, served by
//! `/v1/events/{id}/evidence?format=manifest`; their SHA-256 stands in the
//! attestation's log entry. Whoever has the bodies it names can read them again
//! with the same adapters and decide again by the same rule.

use serde::{Deserialize, Serialize};

/// Version of the manifest's shape.
pub const MANIFEST_VERSION: u32 = 2;

/// Longest manifest that whoever audits accepts, bytes. An oracle stays below it: of
/// each question it lists a bounded number of answers with short texts, and of
/// operators' requests [`MAX_OPERATORS_BYTES`].
pub const MAX_MANIFEST_BYTES: usize = 64 * 1024 * 1024;

/// Bytes of operators' requests about one event that an oracle keeps at most, bodies
/// and signed texts together; in a manifest they stand as hex.
pub const MAX_OPERATORS_BYTES: usize = 4 * 1024 * 1024;

/// What one outcome rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`].
    pub version: u32,
    /// Unix seconds: nothing asked before it counts, but what a sampled source
    /// was asked.
    pub maturity: i64,
    /// When it was decided, Unix milliseconds.
    pub decided_ms: i64,
    /// What was asked and answered, oldest first. Of a long row of equal
    /// readings the beginning and the end.
    pub observations: Vec<Observation>,
    /// What operators did about the event, oldest first: hex of the log entries
    /// (type 4) that keep their signed requests. Empty where none did anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operators: Vec<String>,
    /// The decision and its trace.
    pub decision: serde_json::Value,
}

/// The HTTP method of a request that posted this.
pub fn method(posted: Option<&str>) -> &'static str {
    match posted {
        None => "GET",
        Some(_) => "POST",
    }
}

/// One exchange with a provider, and what its adapter made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// Which leg of a price; none for facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<String>,
    /// As the policy names it.
    pub source: String,
    /// Sources of one root count once.
    pub root: String,
    /// The adapter that read it and its version: `kraken/1`.
    pub adapter: String,
    /// HTTP method.
    pub method: String,
    /// What was asked, without secrets.
    pub url: String,
    /// The JSON that was posted there, as it was sent; absent for a GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posted: Option<String>,
    /// When the request left, Unix milliseconds, local clock.
    pub sent_ms: i64,
    /// When the answer (or the failure) was complete, Unix milliseconds.
    pub received_ms: i64,
    /// HTTP status, if an answer came.
    pub status: Option<u16>,
    /// Why no complete answer came.
    pub failure: Option<String>,
    /// `date`, `age`, `etag`, `last-modified`, `content-type` and `retry-after`,
    /// as far as sent; names in lower case. Before `age` was kept, an answer of a
    /// cache looks like one of a provider whose clock is behind.
    pub headers: Vec<(String, String)>,
    /// The `Date` header, Unix milliseconds, where it could be read.
    pub date_ms: Option<i64>,
    /// SHA-256 of the server's leaf certificate (DER), hex; none over http.
    pub certificate_sha256: Option<String>,
    /// SHA-256 of the body after content decoding, hex.
    pub sha256: Option<String>,
    /// Whether the body is at `/v1/evidence/{sha256}`; otherwise its licence
    /// keeps it with the oracle.
    pub public: bool,
    /// Why the body was not kept though an answer came: what was read in it is then
    /// the oracle's word. Absent where it was kept, and where nothing came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_kept: Option<String>,
    /// The value's text, as the provider wrote it.
    pub literal: Option<String>,
    /// For prices the time the price belongs to, Unix seconds.
    pub effective_at: Option<i64>,
    /// For facts what the adapter read. For a price that is `not_yet` because the
    /// source has not shown that it moved past T: `{"lagging": true}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<serde_json::Value>,
    /// `observation`, `not_yet`, `no_data`, `transient`, `permanent` or
    /// `contradiction`.
    pub verdict: String,
    /// What the verdict rests on, for people.
    pub detail: Option<String>,
    /// Exchanges of one attempt at one source belong together.
    pub attempt: i64,
    /// Equal readings in a row up to this one.
    pub reads: i64,
}
