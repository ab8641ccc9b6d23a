//! What readers see: published rows only, never a lock.

use chrono::{DateTime, Utc};
use oracle_schema::{Descriptor, EventId, Maturity};
use tokio::sync::watch;

use super::StoreError;

/// Where an event stands, as readers see it (`CONTRACT` names of section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventState {
    /// Known, not yet announced.
    Scheduled,
    /// Announced, not yet mature.
    Announced,
    /// Mature, no outcome yet.
    Matured,
    /// Sources agree; the settle delay runs.
    Provisional,
    /// Waits for people.
    Held,
    /// The outcome is fixed, the signature not yet published.
    Committed,
    /// Attested.
    Attested,
    /// An enum event attested `void`.
    Voided,
    /// Never to be attested.
    Refund,
    /// Never announced.
    Withdrawn,
}

/// One event as `GET /v1/events/{id}` shows it.
#[derive(Debug, Clone)]
pub struct EventView {
    /// Name.
    pub event_id: EventId,
    /// `digits`, `threshold`, ….
    pub kind: String,
    /// The series that made it, if one did.
    pub series: Option<String>,
    /// Where it stands at the time of reading.
    pub state: EventState,
    /// One sentence: why pending, held, voided, refunded or withdrawn.
    pub reason: Option<String>,
    /// When the outcome is fixed.
    pub maturity: Maturity,
    /// Maturity + `give_up_after`; refund locktimes go after it.
    pub attest_by: DateTime<Utc>,
    /// When it is (or was to be) announced.
    pub announce_at: DateTime<Utc>,
    /// What can come out.
    pub descriptor: Descriptor,
    /// SHA-256 of the policy document.
    pub policy_hash: [u8; 32],
    /// When it was announced.
    pub announced_at: Option<DateTime<Utc>>,
    /// When it was attested.
    pub attested_at: Option<DateTime<Utc>>,
    /// Enum text or attested integer, once attested.
    pub outcome: Option<String>,
    /// When the service looks again.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Log position of the announcement.
    pub announcement_position: Option<i64>,
    /// Log position of the attestation.
    pub attestation_position: Option<i64>,
}

/// Which events to list, oldest maturity first.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only this state.
    pub state: Option<EventState>,
    /// Only this kind.
    pub kind: Option<String>,
    /// Only this series.
    pub series: Option<String>,
    /// Maturity at or after, Unix seconds.
    pub from: Option<i64>,
    /// Maturity at or before, Unix seconds.
    pub to: Option<i64>,
    /// Substring of the event id.
    pub q: Option<String>,
    /// Continue after this (maturity, event id).
    pub after: Option<(i64, String)>,
    /// Rows at most.
    pub limit: i64,
}

/// Stored announcement.
#[derive(Debug, Clone)]
pub struct AnnouncementRow {
    /// Log position.
    pub position: i64,
    /// When.
    pub announced_at: DateTime<Utc>,
    /// Exact bytes, 55332.
    pub tlv: Vec<u8>,
}

/// Stored attestation.
#[derive(Debug, Clone)]
pub struct AttestationRow {
    /// Log position.
    pub position: i64,
    /// When.
    pub attested_at: DateTime<Utc>,
    /// Enum text or attested integer.
    pub outcome: String,
    /// Exact bytes, 55400, spec layout.
    pub tlv: Vec<u8>,
}

/// What there is to say about an event's attestation.
#[derive(Debug, Clone)]
pub enum AttestationLookup {
    /// No such event.
    UnknownEvent,
    /// Not yet.
    NotYet {
        /// When the service looks next (at least the maturity).
        next_attempt_at: DateTime<Utc>,
    },
    /// Never: refunded.
    Refunded {
        /// Why.
        reason: String,
    },
    /// Never: withdrawn before announcement.
    Withdrawn {
        /// Why.
        reason: String,
    },
    /// Here it is.
    Attested(AttestationRow),
}

/// One exchange with a provider.
#[derive(Debug, Clone)]
pub struct ObservationRow {
    /// As configured, `kraken:XBTUSD`.
    pub source: String,
    /// Independence.
    pub root: String,
    /// Without secrets.
    pub url: String,
    /// When the request left.
    pub sent_at: DateTime<Utc>,
    /// When the answer was complete.
    pub received_at: DateTime<Utc>,
    /// HTTP status; none when nothing answered.
    pub status: Option<u16>,
    /// SHA-256 of the body.
    pub sha256: Option<[u8; 32]>,
    /// The value's literal text.
    pub literal: Option<String>,
    /// End of the bar used, Unix seconds.
    pub effective_at: Option<i64>,
    /// `observation`, `not_yet`, `no_data`, `transient`, `permanent`, `contradiction`.
    pub verdict: String,
    /// What the verdict rests on.
    pub detail: Option<String>,
    /// Which attempt of the round.
    pub attempt: i64,
}

/// What an outcome rests on.
#[derive(Debug, Clone)]
pub struct EvidenceView {
    /// Oldest first.
    pub observations: Vec<ObservationRow>,
    /// Decision with its trace (JSON), once there is one.
    pub decision: Option<serde_json::Value>,
    /// SHA-256 of the canonical manifest, bound into the log entry.
    pub manifest_sha256: Option<[u8; 32]>,
}

/// One thing the stream reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamItem {
    /// Log position, the SSE id.
    pub position: i64,
    /// What happened.
    pub kind: StreamKind,
    /// To which event.
    pub event_id: String,
}

/// What the stream reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// An announcement was published.
    Announced,
    /// An attestation was published.
    Attested,
    /// A refund notice was published.
    Refunded,
}

/// Attestations that are late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overdue {
    /// How many events.
    pub count: i64,
    /// Age of the oldest, seconds past maturity + settle delay.
    pub oldest_s: i64,
}

/// Identity of the oracle in this database.
#[derive(Debug, Clone)]
pub struct OracleRow {
    /// x-only.
    pub public_key: [u8; 32],
    /// Ed25519.
    pub log_public_key: [u8; 32],
    /// Checkpoint origin.
    pub log_origin: String,
    /// `peercoin`, `peercoin-testnet`, `peercoin-regtest`.
    pub network: String,
}

/// Read access for HTTP; clones share one pool.
#[derive(Clone)]
pub struct ReadStore {
    pub(super) db: super::db::Db,
    pub(super) head: watch::Receiver<i64>,
}

#[allow(clippy::todo, clippy::unused_async, reason = "skeleton")]
impl ReadStore {
    /// Published log size; changes when something is published.
    pub fn head(&self) -> watch::Receiver<i64> {
        self.head.clone()
    }

    /// Whose oracle this is.
    pub async fn oracle(&self) -> Result<OracleRow, StoreError> {
        todo!()
    }

    /// One event, its state as of `now`.
    pub async fn event(
        &self,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<EventView>, StoreError> {
        let _ = (id, now);
        todo!()
    }

    /// A page of events; `now` decides which announced ones are matured.
    pub async fn events(
        &self,
        filter: &EventFilter,
        now: DateTime<Utc>,
    ) -> Result<Vec<EventView>, StoreError> {
        let _ = (filter, now);
        todo!()
    }

    /// The announcement of an event.
    pub async fn announcement(&self, id: &str) -> Result<Option<AnnouncementRow>, StoreError> {
        let _ = id;
        todo!()
    }

    /// The attestation of an event, or why there is none.
    pub async fn attestation(&self, id: &str) -> Result<AttestationLookup, StoreError> {
        let _ = id;
        todo!()
    }

    /// Canonical policy document of an event.
    pub async fn policy(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let _ = id;
        todo!()
    }

    /// What an event's outcome rests on; `None` for an unknown event.
    pub async fn evidence(&self, id: &str) -> Result<Option<EvidenceView>, StoreError> {
        let _ = id;
        todo!()
    }

    /// A recorded response body, uncompressed.
    pub async fn evidence_body(&self, sha256: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        let _ = sha256;
        todo!()
    }

    /// Published items with position > `after`, oldest first.
    pub async fn stream_after(
        &self,
        after: i64,
        limit: i64,
    ) -> Result<Vec<StreamItem>, StoreError> {
        let _ = (after, limit);
        todo!()
    }

    /// Events that should have been attested by now and are not.
    pub async fn overdue(&self, now: DateTime<Utc>) -> Result<Overdue, StoreError> {
        let _ = now;
        todo!()
    }

    /// Events by stored state, for metrics.
    pub async fn counts(&self) -> Result<Vec<(String, i64)>, StoreError> {
        todo!()
    }
}
