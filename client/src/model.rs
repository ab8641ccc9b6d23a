//! The JSON answers of the documented HTTP API, as far as a participant
//! needs them. Unknown fields are ignored, so that a server may say more.
//!
//! Nothing here is signed: it helps to find and to explain, and every value
//! that money depends on comes from a verified message instead.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use oracle_schema::EventId;
use oracle_schema::tlog::checkpoint::{Algorithm, NoteKey};
use secp256k1::XOnlyPublicKey;
use serde::{Deserialize, Serialize};

/// Who the oracle says it is: `GET /v1/oracle`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OracleInfo {
    /// Display name.
    pub name: String,
    /// `peercoin`, `peercoin-testnet` or `peercoin-regtest`.
    pub network: String,
    /// The key P that signs announcements and attestations.
    pub public_key: XOnlyPublicKey,
    /// Origin line of the log's checkpoints.
    pub log_origin: String,
    /// Ed25519 key of the log.
    pub log_public_key: [u8; 32],
    /// The server's own version.
    pub server_version: String,
    /// Σ log2(outcomes) over the open events that one operator alone decides.
    pub open_choice_bits: serde_json::Number,
    /// The cap on [`Self::open_choice_bits`].
    pub max_open_choice_bits: serde_json::Number,
    /// How much each party can choose of what the oracle has announced. None from a
    /// server that does not say so.
    pub choice: Option<ChoiceInfo>,
}

/// How much of the outcomes of announced events each party can choose, in bits, at
/// most. Whoever chooses 256 can forge a signature of the oracle's key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChoiceInfo {
    /// Of all events together that one operator alone decides.
    pub operators_bits: u64,
    /// By root of independence, as policies name it; roots that can choose nothing are
    /// left out.
    pub sources: BTreeMap<String, u64>,
}

/// [`OracleInfo`] before its keys are parsed.
#[derive(Deserialize)]
pub(crate) struct RawOracleInfo {
    name: String,
    network: String,
    public_key: String,
    log_origin: String,
    log_public_key: String,
    server_version: String,
    dialect: String,
    open_choice_bits: serde_json::Number,
    max_open_choice_bits: serde_json::Number,
    choice: Option<ChoiceInfo>,
}

impl OracleInfo {
    /// What to pin: the verifier key of the log that it names.
    pub fn identity(&self) -> Result<NoteKey, crate::Error> {
        let key = &self.log_public_key;
        NoteKey::new(&self.log_origin, Algorithm::Ed25519, key).map_err(|e| {
            crate::Error::Malformed {
                what: "oracle",
                reason: format!("the log's key: {e}"),
            }
        })
    }
}

impl RawOracleInfo {
    pub(crate) fn parse(self) -> Result<OracleInfo, crate::Error> {
        const WHAT: &str = "oracle";
        if self.dialect != "tagged" {
            return Err(crate::Error::Dialect(self.dialect));
        }
        let bad = |field: &str| crate::Error::Malformed {
            what: WHAT,
            reason: format!("{field} is not a 32-byte key in hex"),
        };
        let mut log_public_key = [0_u8; 32];
        hex::decode_to_slice(&self.log_public_key, &mut log_public_key)
            .map_err(|_| bad("log_public_key"))?;
        Ok(OracleInfo {
            name: self.name,
            network: self.network,
            public_key: parse_key(&self.public_key).ok_or_else(|| bad("public_key"))?,
            log_origin: self.log_origin,
            log_public_key,
            server_version: self.server_version,
            open_choice_bits: self.open_choice_bits,
            max_open_choice_bits: self.max_open_choice_bits,
            choice: self.choice,
        })
    }
}

/// An oracle key from its x-only hex, 64 characters of any case.
///
/// ```
/// use oracle_client::parse_key;
///
/// let text = "45dd095a8888e3ad6ca7eeff538d43c5cb0e79fee57c5483d6169895c110ac05";
/// assert_eq!(parse_key(text).map(|key| key.to_string()), Some(text.to_owned()));
/// assert_eq!(parse_key("02"), None);
/// ```
pub fn parse_key(text: &str) -> Option<XOnlyPublicKey> {
    let mut bytes = [0_u8; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    XOnlyPublicKey::from_byte_array(bytes).ok()
}

/// What the server says about an event: `GET /v1/events/{id}`. Unsigned.
///
/// ```
/// use oracle_client::{EventInfo, EventState};
///
/// let event: EventInfo = serde_json::from_str(r#"{
///     "event_id": "match", "kind": "match", "state": "matured",
///     "maturity": "2026-11-22T16:00:00Z", "attest_by": "2026-11-25T16:00:00Z"
/// }"#)?;
/// assert_eq!(event.state, EventState::Matured);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventInfo {
    /// The event.
    pub event_id: EventId,
    /// `digits`, `threshold`, `match`, `election` or `operators`.
    pub kind: String,
    /// Name of the series it belongs to.
    #[serde(default)]
    pub series: Option<String>,
    /// What it asks, in one line; the policy's title, its template filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What counts, what does not, where to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Names for people, by role (`home`, `office`, …) or outcome.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
    /// Where it stands.
    pub state: EventState,
    /// Why, for held, voided, refund and withdrawn.
    #[serde(default)]
    pub reason: Option<String>,
    /// When the outcome is fixed.
    pub maturity: DateTime<Utc>,
    /// No attestation comes after this; set refund locktimes after it.
    #[serde(default)]
    pub attest_by: Option<DateTime<Utc>>,
    /// Outcomes of an enum event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<Vec<String>>,
    /// Descriptor of a digit event, as the server words it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<serde_json::Value>,
    /// SHA-256 of the canonical policy document, hex.
    #[serde(default)]
    pub policy_hash: Option<String>,
    /// When the announcement was published.
    #[serde(default)]
    pub announced_at: Option<DateTime<Utc>>,
    /// When the attestation was published.
    #[serde(default)]
    pub attested_at: Option<DateTime<Utc>>,
    /// The outcome as text, `null` until attested.
    #[serde(default)]
    pub outcome: Option<String>,
    /// When the service looks again.
    #[serde(default)]
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

/// A page of `GET /v1/events`. Unsigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsPage {
    /// Oldest maturity first.
    pub events: Vec<EventInfo>,
    /// Where to go on; `None` after the last page.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// What an outcome rests on: `GET /v1/events/{id}/evidence`. Unsigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceInfo {
    /// Oldest first.
    pub observations: Vec<ObservationInfo>,
    /// Decision and trace, as the server words them.
    #[serde(default)]
    pub decision: Option<serde_json::Value>,
    /// SHA-256 of the manifest that the attestation's log entry binds, hex.
    #[serde(default)]
    pub manifest_sha256: Option<String>,
}

/// One exchange of the server with a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservationInfo {
    /// As configured.
    pub source: String,
    /// `observation`, `not_yet`, `no_data`, `transient`, `permanent` or
    /// `contradiction`.
    pub verdict: String,
    /// The value's literal text.
    #[serde(default)]
    pub literal: Option<String>,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

/// State of an event, as the HTTP API names it.
///
/// ```
/// use oracle_client::EventState;
///
/// assert_eq!(EventState::Refund.to_string(), "refund");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// Known, not announced yet.
    Scheduled,
    /// Nonces are published.
    Announced,
    /// Maturity has passed.
    Matured,
    /// Sources agree; the settle delay runs.
    Provisional,
    /// A human is needed.
    Held,
    /// The outcome is final, its signature not out yet.
    Committed,
    /// Signed and published.
    Attested,
    /// Attested as `void`.
    Voided,
    /// Will never be attested.
    Refund,
    /// Never announced.
    Withdrawn,
    /// A state that this client does not know.
    #[serde(other)]
    Unknown,
}

impl std::fmt::Display for EventState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Scheduled => "scheduled",
            Self::Announced => "announced",
            Self::Matured => "matured",
            Self::Provisional => "provisional",
            Self::Held => "held",
            Self::Committed => "committed",
            Self::Attested => "attested",
            Self::Voided => "voided",
            Self::Refund => "refund",
            Self::Withdrawn => "withdrawn",
            Self::Unknown => "unknown",
        })
    }
}

/// RFC 9457 problem, every field optional as the RFC has it.
#[derive(Default, Deserialize)]
pub(crate) struct Problem {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    detail: Option<String>,
}

impl Problem {
    /// Whether it says which of the service's problems it is; gateways answer with
    /// problems of their own, which do not.
    pub(crate) fn is_named(&self) -> bool {
        let kind = self.kind.as_deref().unwrap_or_default();
        kind.rsplit_once('/')
            .is_some_and(|(place, name)| place.ends_with("problems") && !name.is_empty())
    }

    /// Last path segment of the type, the stable name of the problem.
    pub(crate) fn kind(&self) -> String {
        self.kind
            .as_deref()
            .and_then(|k| k.rsplit('/').next())
            .filter(|k| !k.is_empty())
            .unwrap_or("about:blank")
            .to_owned()
    }

    pub(crate) fn detail(self) -> String {
        self.detail.or(self.title).unwrap_or_default()
    }
}
