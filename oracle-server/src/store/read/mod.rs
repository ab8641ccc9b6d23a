//! What readers see: published rows only, never a lock.

mod choice;
mod explorer;
mod listing;

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use oracle_feeds::observation::method;
use oracle_schema::evidence::{Manifest, Observation};
use oracle_schema::tlog::checkpoint::{Algorithm, NoteKey};
use oracle_schema::{Descriptor, EventId, Maturity};
use sqlx::AssertSqlSafe;
use tokio::sync::{broadcast, watch};

use super::db::{Arg, Db, Row, args};
use super::states::UNFINISHED;
use super::{StoreError, descriptor, event_id, time_ms, time_s};
use crate::keys::{LegKey, Observed, Question, SubjectKey};
use crate::lifecycle::State;

pub use choice::OpenPolicy;
pub use explorer::{HeadRow, LogRow, Milestones, SeriesLine};
pub use listing::{PublishedEvent, PublishedFilter};

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

/// Which events to list, and in which order.
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
    /// Substring of the event id, or of its title or names in any case.
    pub q: Option<String>,
    /// Continue after this (maturity, event id), in the order asked for.
    pub after: Option<(i64, String)>,
    /// Latest maturity first; otherwise the earliest.
    pub latest_first: bool,
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

/// What an outcome rests on.
#[derive(Debug, Clone)]
pub struct EvidenceView {
    /// Oldest first: once there is a decision, those it rests on.
    pub observations: Vec<Observation>,
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

/// A change of an event's state, as it happens; what is published besides is a
/// [`StreamItem`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// Whose.
    pub event_id: String,
    /// The new state.
    pub state: State,
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

impl OracleRow {
    /// What people pin: the verifier key of the log.
    pub fn identity(&self) -> Result<NoteKey, StoreError> {
        NoteKey::new(&self.log_origin, Algorithm::Ed25519, &self.log_public_key)
            .map_err(|e| StoreError::Damaged(format!("the log's key: {e}")))
    }
}

/// Read access for HTTP; clones share one pool.
#[derive(Clone)]
pub struct ReadStore {
    pub(super) db: Db,
    pub(super) head: watch::Receiver<i64>,
    pub(super) cosigned: Arc<AtomicU64>,
    pub(super) observations_read: Arc<AtomicU64>,
    pub(super) changes: broadcast::WeakSender<StateChange>,
}

/// Exchanges that one answer shows of a leg or subject. A decision rests on the
/// last of them.
pub(crate) const OBSERVATIONS: usize = 2000;

/// Samples of a leg that stay in sight beside them, however often it was asked
/// since: a decision may rest on them alone.
const SAMPLES: i64 = 2000;

/// Answers of a subject that stay in sight beside them, however long it has
/// been silent since: what a source last said still contradicts others.
pub(crate) const STANCE: usize = 3;

const OBSERVED: &str = "SELECT o.source, o.root, o.adapter, o.url, o.sent_ms, o.received_ms, \
     o.status, o.failure, o.headers, o.date_ms, o.certificate, o.sha256, b.is_public, o.literal, \
     o.effective_at, o.fact, o.verdict, o.detail, o.attempt, o.reads, o.posted, o.not_kept \
     FROM observation o LEFT JOIN evidence_body b ON b.sha256 = o.sha256 \
     WHERE o.leg_key = $1 AND o.maturity = $2 AND o.sent_ms >= $3";

fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn observation(r: &Row) -> Result<Observation, StoreError> {
    let status: Option<i64> = r.get("status")?;
    let headers: String = r.get("headers")?;
    let public: Option<i64> = r.get("is_public")?;
    let fact: Option<String> = r.get("fact")?;
    let posted: Option<String> = r.get("posted")?;
    let not_kept: Option<String> = r.get("not_kept")?;
    let damaged = |e: serde_json::Error| StoreError::Damaged(format!("observation: {e}"));
    Ok(Observation {
        leg: None,
        source: r.get("source")?,
        root: r.get("root")?,
        adapter: r.get("adapter")?,
        method: method(posted.as_deref()).to_owned(),
        url: r.get("url")?,
        posted,
        sent_ms: r.get("sent_ms")?,
        received_ms: r.get("received_ms")?,
        status: status.and_then(|s| u16::try_from(s).ok()),
        failure: r.get("failure")?,
        headers: serde_json::from_str(&headers).map_err(damaged)?,
        date_ms: r.get("date_ms")?,
        certificate_sha256: r.opt_hash("certificate")?.map(hex::encode),
        sha256: r.opt_hash("sha256")?.map(hex::encode),
        public: public == Some(1),
        // The same answer may have come again since, and been kept.
        not_kept: not_kept.filter(|_| public.is_none()),
        literal: r.get("literal")?,
        effective_at: r.get("effective_at")?,
        fact: fact
            .map(|f| serde_json::from_str(&f))
            .transpose()
            .map_err(damaged)?,
        verdict: r.get("verdict")?,
        detail: r.get("detail")?,
        attempt: r.get("attempt")?,
        reads: r.get("reads")?,
    })
}

/// Columns of an [`EventView`].
pub(super) const EVENT_COLUMNS: &str = "SELECT e.event_id, e.kind, e.series, e.state, e.reason, e.maturity, \
     e.attest_by, e.announce_at, e.descriptor, e.policy_hash, a.announced_ms, \
     a.position AS announcement_position, t.attested_ms, t.position AS attestation_position, \
     t.outcome, r.due_ms, r.reason AS round_reason FROM event e \
     LEFT JOIN announcement a ON a.event_id = e.event_id \
     LEFT JOIN attestation t ON t.event_id = e.event_id \
     LEFT JOIN round r ON r.round_key = e.round_key AND r.maturity = e.maturity ";

pub(super) fn event_view(r: &Row, now: DateTime<Utc>) -> Result<EventView, StoreError> {
    let id: String = r.get("event_id")?;
    let stored: String = r.get("state")?;
    let stored = State::parse(&stored)
        .ok_or_else(|| StoreError::Damaged(format!("event {id}: state {stored:?}")))?;
    let maturity: i64 = r.get("maturity")?;
    let descriptor: String = r.get("descriptor")?;
    let announced_ms: Option<i64> = r.get("announced_ms")?;
    let attested_ms: Option<i64> = r.get("attested_ms")?;
    let due_ms: Option<i64> = r.get("due_ms")?;
    let round_reason: Option<String> = r.get("round_reason")?;
    let state = EventState::at(stored, maturity, now);
    let reason: Option<String> = r.get("reason")?;
    // A voided event's round says why, as an open one's says what is missing.
    let open = !stored.is_final() || stored == State::Voided;
    Ok(EventView {
        event_id: event_id(&id)?,
        kind: r.get("kind")?,
        series: r.get("series")?,
        state,
        reason: reason.or(round_reason.filter(|_| open)),
        maturity: Maturity::from_unix(maturity).map_err(|e| StoreError::Damaged(e.to_string()))?,
        attest_by: time_s(r.get("attest_by")?)?,
        announce_at: time_s(r.get("announce_at")?)?,
        descriptor: descriptor::read(&descriptor)?,
        policy_hash: r.hash("policy_hash")?,
        announced_at: announced_ms.map(time_ms).transpose()?,
        attested_at: attested_ms.map(time_ms).transpose()?,
        outcome: r.get("outcome")?,
        next_attempt_at: due_ms.filter(|_| open).map(time_ms).transpose()?,
        announcement_position: r.get("announcement_position")?,
        attestation_position: r.get("attestation_position")?,
    })
}

impl EventState {
    /// The state a reader sees: an announced event has matured once its
    /// maturity is not after `now`.
    fn at(stored: State, maturity: i64, now: DateTime<Utc>) -> Self {
        match stored {
            State::Scheduled => Self::Scheduled,
            State::Announced if maturity <= now.timestamp() => Self::Matured,
            State::Announced => Self::Announced,
            State::Provisional => Self::Provisional,
            State::Held => Self::Held,
            State::Committed => Self::Committed,
            State::Attested => Self::Attested,
            State::Voided => Self::Voided,
            State::Refund => Self::Refund,
            State::Withdrawn => Self::Withdrawn,
        }
    }

    /// The stored state behind it, and whether the maturity must have come
    /// (`Some(true)`) or must not (`Some(false)`).
    fn stored(self) -> (State, Option<bool>) {
        match self {
            Self::Scheduled => (State::Scheduled, None),
            Self::Announced => (State::Announced, Some(false)),
            Self::Matured => (State::Announced, Some(true)),
            Self::Provisional => (State::Provisional, None),
            Self::Held => (State::Held, None),
            Self::Committed => (State::Committed, None),
            Self::Attested => (State::Attested, None),
            Self::Voided => (State::Voided, None),
            Self::Refund => (State::Refund, None),
            Self::Withdrawn => (State::Withdrawn, None),
        }
    }
}

/// Reads position, type and event of an entry.
fn stream_item(r: &Row) -> Result<StreamItem, StoreError> {
    let entry_type: i64 = r.get("entry_type")?;
    Ok(StreamItem {
        position: r.get("position")?,
        kind: match entry_type {
            1 => StreamKind::Announced,
            2 => StreamKind::Attested,
            3 => StreamKind::Refunded,
            other => return Err(StoreError::Damaged(format!("log entry type {other}"))),
        },
        event_id: r.get("event_id")?,
    })
}

impl ReadStore {
    /// Published log size; changes when something is published.
    pub fn head(&self) -> watch::Receiver<i64> {
        self.head.clone()
    }

    /// Changes of state from now on that this process makes: a standby hears
    /// none, and who falls far behind misses some. `None`: the store is closed.
    pub fn changes(&self) -> Option<broadcast::Receiver<StateChange>> {
        self.changes.upgrade().map(|sender| sender.subscribe())
    }

    /// Whose oracle this is.
    pub async fn oracle(&self) -> Result<OracleRow, StoreError> {
        let row = self
            .db
            .fetch_optional(
                "SELECT public_key, log_public_key, log_origin, network FROM oracle WHERE id = 1",
                args![],
            )
            .await?
            .ok_or(StoreError::NotInitialised)?;
        Ok(OracleRow {
            public_key: row.hash("public_key")?,
            log_public_key: row.hash("log_public_key")?,
            log_origin: row.get("log_origin")?,
            network: row.get("network")?,
        })
    }

    /// One event, its state as of `now`.
    pub async fn event(
        &self,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<EventView>, StoreError> {
        let sql = format!("{EVENT_COLUMNS} WHERE e.event_id = $1");
        self.db
            .fetch_optional(sqlx::AssertSqlSafe(sql), args![id])
            .await?
            .map(|r| event_view(&r, now))
            .transpose()
    }

    /// A page of events; `now` decides which announced ones are matured.
    pub async fn events(
        &self,
        filter: &EventFilter,
        now: DateTime<Utc>,
    ) -> Result<Vec<EventView>, StoreError> {
        let mut sql = format!("{EVENT_COLUMNS} WHERE 1 = 1");
        let mut args: Vec<Arg> = Vec::new();
        let mut condition = |sql_part: &str, arg: Arg| {
            args.push(arg);
            sql.push_str(&sql_part.replace('?', &format!("${}", args.len())));
        };
        if let Some(state) = filter.state {
            let (stored, matured) = state.stored();
            condition(" AND e.state = ?", stored.as_str().into());
            match matured {
                Some(true) => condition(" AND e.maturity <= ?", now.timestamp().into()),
                Some(false) => condition(" AND e.maturity > ?", now.timestamp().into()),
                None => {}
            }
        }
        if let Some(kind) = &filter.kind {
            condition(" AND e.kind = ?", kind.as_str().into());
        }
        if let Some(series) = &filter.series {
            condition(" AND e.series = ?", series.as_str().into());
        }
        if let Some(from) = filter.from {
            condition(" AND e.maturity >= ?", from.into());
        }
        if let Some(to) = filter.to {
            condition(" AND e.maturity <= ?", to.into());
        }
        if let Some(q) = &filter.q {
            // LIKE ignores case on one engine only.
            condition(
                " AND (REPLACE(e.event_id, ?, '') <> e.event_id",
                q.as_str().into(),
            );
            condition(
                " OR REPLACE(e.search, ?, '') <> e.search)",
                q.to_lowercase().into(),
            );
        }
        let (beyond, order) = if filter.latest_first {
            ("<", " ORDER BY e.maturity DESC, e.event_id DESC")
        } else {
            (">", " ORDER BY e.maturity, e.event_id")
        };
        if let Some((maturity, id)) = &filter.after {
            let after = format!(" AND (e.maturity, e.event_id) {beyond} (?");
            condition(&after, (*maturity).into());
            condition(", ?)", id.as_str().into());
        }
        condition(&format!("{order} LIMIT ?"), filter.limit.into());
        self.db
            .fetch(sqlx::AssertSqlSafe(sql), args)
            .await?
            .iter()
            .map(|r| event_view(r, now))
            .collect()
    }

    /// The announcement of an event.
    pub async fn announcement(&self, id: &str) -> Result<Option<AnnouncementRow>, StoreError> {
        self.db
            .fetch_optional(
                "SELECT position, announced_ms, tlv FROM announcement WHERE event_id = $1",
                args![id],
            )
            .await?
            .map(|r| {
                Ok(AnnouncementRow {
                    position: r.get("position")?,
                    announced_at: time_ms(r.get("announced_ms")?)?,
                    tlv: r.get("tlv")?,
                })
            })
            .transpose()
    }

    /// The attestation of an event, or why there is none.
    pub async fn attestation(&self, id: &str) -> Result<AttestationLookup, StoreError> {
        let row = self
            .db
            .fetch_optional(
                "SELECT e.state, e.reason, e.maturity, r.due_ms, t.position, t.attested_ms, \
                 t.outcome, t.tlv FROM event e \
                 LEFT JOIN attestation t ON t.event_id = e.event_id \
                 LEFT JOIN round r ON r.round_key = e.round_key AND r.maturity = e.maturity \
                 WHERE e.event_id = $1",
                args![id],
            )
            .await?;
        let Some(r) = row else {
            return Ok(AttestationLookup::UnknownEvent);
        };
        let state: String = r.get("state")?;
        let reason: Option<String> = r.get("reason")?;
        let reason = reason.unwrap_or_default();
        if let Some(position) = r.get::<Option<i64>>("position")? {
            return Ok(AttestationLookup::Attested(AttestationRow {
                position,
                attested_at: time_ms(r.get("attested_ms")?)?,
                outcome: r.get("outcome")?,
                tlv: r.get("tlv")?,
            }));
        }
        Ok(match State::parse(&state) {
            Some(State::Refund) => AttestationLookup::Refunded { reason },
            Some(State::Withdrawn) => AttestationLookup::Withdrawn { reason },
            _ => {
                let maturity = time_s(r.get("maturity")?)?;
                let due = r.get::<Option<i64>>("due_ms")?.map(time_ms).transpose()?;
                AttestationLookup::NotYet {
                    next_attempt_at: due.map_or(maturity, |due| due.max(maturity)),
                }
            }
        })
    }

    /// Canonical policy document of an event.
    pub async fn policy(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.db
            .fetch_optional(
                "SELECT p.document FROM event e \
                 JOIN policy p ON p.policy_hash = e.policy_hash WHERE e.event_id = $1",
                args![id],
            )
            .await?
            .map(|r| r.get("document"))
            .transpose()
    }

    /// What an event's outcome rests on; `None` for an unknown event.
    pub async fn evidence(&self, id: &str) -> Result<Option<EvidenceView>, StoreError> {
        if let Some((sha256, document)) = self.manifest(id).await? {
            let manifest: Manifest = serde_json::from_slice(&document)
                .map_err(|e| StoreError::Damaged(format!("manifest of {id}: {e}")))?;
            return Ok(Some(EvidenceView {
                observations: manifest.observations,
                decision: Some(manifest.decision),
                manifest_sha256: Some(sha256),
            }));
        }
        let row = self
            .db
            .fetch_optional(
                "SELECT e.maturity, r.question FROM event e \
                 LEFT JOIN round r ON r.round_key = e.round_key AND r.maturity = e.maturity \
                 WHERE e.event_id = $1",
                args![id],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let maturity: i64 = row.get("maturity")?;
        let question: Option<String> = row.get("question")?;
        let mut observations = Vec::new();
        match question.map(Question::read) {
            None => {}
            Some(Question::Facts) => {
                for key in self.subjects(id).await? {
                    let subject = Observed::Subject(&key);
                    observations.extend(self.observations(subject, maturity).await?);
                }
            }
            Some(Question::Price(price)) => {
                for leg in price.legs()? {
                    let key = LegKey::of(&leg)?;
                    let leg_at = Observed::Leg(&key, maturity);
                    let seen = self.observations(leg_at, 0).await?;
                    observations.extend(seen.into_iter().map(|o| Observation {
                        leg: Some(leg.name.clone()),
                        ..o
                    }));
                }
            }
        }
        Ok(Some(EvidenceView {
            observations,
            decision: None,
            manifest_sha256: None,
        }))
    }

    /// The canonical manifest of an event's decision, and its SHA-256.
    pub async fn manifest(&self, id: &str) -> Result<Option<([u8; 32], Vec<u8>)>, StoreError> {
        // A decision that was not carried out yet, or by people in the end.
        let row = self
            .db
            .fetch_optional(
                "SELECT m.manifest_sha256, m.document FROM event e \
                 LEFT JOIN intent i ON i.event_id = e.event_id AND i.kind = 'attest' \
                 LEFT JOIN round r ON r.round_key = e.round_key AND r.maturity = e.maturity \
                 JOIN manifest m \
                 ON m.manifest_sha256 = COALESCE(i.manifest_sha256, r.manifest_sha256) \
                 WHERE e.event_id = $1",
                args![id],
            )
            .await?;
        row.map(|r| Ok((r.hash("manifest_sha256")?, r.get("document")?)))
            .transpose()
    }

    /// A published policy document by the SHA-256 of its bytes.
    pub async fn policy_document(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        self.document("SELECT document FROM policy WHERE policy_hash = $1", hash)
            .await
    }

    /// An evidence manifest by the SHA-256 of its bytes.
    pub async fn manifest_document(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        self.document(
            "SELECT document FROM manifest WHERE manifest_sha256 = $1",
            hash,
        )
        .await
    }

    async fn document(
        &self,
        sql: &'static str,
        hash: &[u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.db.fetch_optional(sql, args![*hash]).await?;
        row.map(|row| row.get("document")).transpose()
    }

    /// What an event of facts asks its sources.
    pub(crate) async fn subjects(&self, id: &str) -> Result<Vec<SubjectKey>, StoreError> {
        self.db
            .fetch(
                "SELECT subject_key FROM event_subject WHERE event_id = $1 ORDER BY subject_key",
                args![id],
            )
            .await?
            .iter()
            .map(|r| r.get("subject_key").map(SubjectKey::read))
            .collect()
    }

    /// The latest exchanges about a leg or a subject that were sent since a time
    /// (Unix seconds), oldest first. Of a subject also the last that it answered, and
    /// the last time that it contradicted itself; of a leg also its samples.
    pub(crate) async fn observations(
        &self,
        of: Observed<'_>,
        since: i64,
    ) -> Result<Vec<Observation>, StoreError> {
        let (key, maturity) = (of.key(), of.maturity());
        let is_leg = matches!(of, Observed::Leg(..));
        let since_ms = since.saturating_mul(1000);
        let latest = format!("{OBSERVED} ORDER BY o.observation_id DESC LIMIT $4");
        let mut rows = self
            .db
            .fetch(
                AssertSqlSafe(latest),
                args![key, maturity, since_ms, limit(OBSERVATIONS)],
            )
            .await?;
        let oldest: Option<i64> = rows.last().map(|r| r.get("attempt")).transpose()?;
        let is_full = rows.len() >= OBSERVATIONS;
        if let Some(oldest) = oldest.filter(|_| is_full && !is_leg) {
            // It may be cut; whoever reads it again needs the whole of it.
            while rows.last().map(|r| r.get("attempt")).transpose()? == Some(oldest) {
                rows.pop();
            }
            let of = |verdict: &str, limit: &str| {
                format!(
                    "o.attempt IN (SELECT attempt FROM observation \
                     WHERE leg_key = $1 AND maturity = $2 AND sent_ms >= $3 \
                     AND verdict = '{verdict}' ORDER BY attempt DESC LIMIT {limit})"
                )
            };
            let stance = format!(
                "{OBSERVED} AND o.attempt <= $4 AND ({} OR {}) ORDER BY o.observation_id DESC",
                of("observation", "$5"),
                of("contradiction", "1"),
            );
            rows.extend(
                self.db
                    .fetch(
                        AssertSqlSafe(stance),
                        args![key, maturity, since_ms, oldest, limit(STANCE)],
                    )
                    .await?,
            );
        }
        if let Some(oldest) = oldest.filter(|_| is_full && is_leg) {
            let samples = format!(
                "{OBSERVED} AND o.attempt < $4 AND o.sent_ms <= $5 \
                 ORDER BY o.observation_id DESC LIMIT $6"
            );
            let maturity_ms = maturity.saturating_mul(1000);
            let args = args![key, maturity, since_ms, oldest, maturity_ms, SAMPLES];
            rows.extend(self.db.fetch(AssertSqlSafe(samples), args).await?);
        }
        self.note_read(&rows);
        rows.iter().rev().map(observation).collect()
    }

    /// Exchanges about a subject since a time (Unix seconds), from an attempt on, oldest
    /// first; no more of them than [`OBSERVATIONS`].
    pub(crate) async fn observations_from(
        &self,
        subject: &SubjectKey,
        since: i64,
        attempt: i64,
    ) -> Result<Vec<Observation>, StoreError> {
        let of = Observed::Subject(subject);
        let sql = format!("{OBSERVED} AND o.attempt >= $4 ORDER BY o.observation_id LIMIT $5");
        let since_ms = since.saturating_mul(1000);
        let args = args![
            of.key(),
            of.maturity(),
            since_ms,
            attempt,
            limit(OBSERVATIONS)
        ];
        let found = self.db.fetch(AssertSqlSafe(sql), args).await?;
        self.note_read(&found);
        found.iter().map(observation).collect()
    }

    fn note_read(&self, rows: &[Row]) {
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        self.observations_read.fetch_add(count, Ordering::Relaxed);
        metrics::counter!("oracle_observations_read_total").increment(count);
    }

    /// A recorded response body that may be passed on, uncompressed.
    pub async fn evidence_body(&self, sha256: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self
            .db
            .fetch_optional(
                "SELECT body FROM evidence_body WHERE sha256 = $1 AND is_public = 1",
                args![*sha256],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let compressed: Vec<u8> = row.get("body")?;
        let mut body = Vec::new();
        flate2::read::DeflateDecoder::new(compressed.as_slice())
            .read_to_end(&mut body)
            .map_err(|e| StoreError::Damaged(format!("evidence body: {e}")))?;
        Ok(Some(body))
    }

    /// Items at the positions from `first` to `last`, both included, oldest
    /// first.
    pub async fn stream_items(&self, first: i64, last: i64) -> Result<Vec<StreamItem>, StoreError> {
        self.db
            .fetch(
                "SELECT position, entry_type, event_id FROM log_entry \
                 WHERE position >= $1 AND position <= $2 AND entry_type IN (1, 2, 3) \
                 ORDER BY position",
                args![first, last],
            )
            .await?
            .iter()
            .map(stream_item)
            .collect()
    }

    /// The items about some events at the positions from `first` to `last`, both
    /// included, oldest first: at most three for each, however long the log is.
    pub async fn stream_items_of(
        &self,
        events: impl IntoIterator<Item = &str>,
        first: i64,
        last: i64,
    ) -> Result<Vec<StreamItem>, StoreError> {
        let mut args = args![first, last];
        args.extend(events.into_iter().map(Arg::from));
        let ids: Vec<String> = (3..=args.len()).map(|n| format!("${n}")).collect();
        let ids = ids.join(",");
        let part = |kind: u8, table: &str| {
            format!(
                "SELECT position, CAST({kind} AS BIGINT) AS entry_type, event_id FROM {table} \
                 WHERE event_id IN ({ids}) AND position >= $1 AND position <= $2"
            )
        };
        let sql = format!(
            "{} UNION ALL {} UNION ALL {} AND entry_type = 3 ORDER BY position",
            part(1, "announcement"),
            part(2, "attestation"),
            part(3, "log_entry")
        );
        let rows = self.db.fetch(AssertSqlSafe(sql), args).await?;
        rows.iter().map(stream_item).collect()
    }

    /// Where the log says that the event is refunded.
    pub async fn refund_position(&self, event_id: &str) -> Result<Option<i64>, StoreError> {
        let published = *self.head.borrow();
        let row = self
            .db
            .fetch_optional(
                "SELECT l.position FROM log_entry l JOIN event e ON e.event_id = l.event_id \
                 WHERE l.event_id = $1 AND l.entry_type = 3 AND e.state = 'refund' \
                 AND l.position < $2",
                args![event_id, published],
            )
            .await?;
        row.map(|row| row.get("position")).transpose()
    }

    /// Events that should have been attested by now and are not.
    pub async fn overdue(&self, now: DateTime<Utc>) -> Result<Overdue, StoreError> {
        let row = self
            .db
            .fetch_optional(
                AssertSqlSafe(format!(
                    "SELECT COUNT(*) AS count, MIN(overdue_at) AS oldest FROM event \
                     WHERE overdue_at <= $1 \
                     AND state IN {UNFINISHED}"
                )),
                args![now.timestamp()],
            )
            .await?;
        let Some(row) = row else {
            return Ok(Overdue::default());
        };
        let oldest: Option<i64> = row.get("oldest")?;
        Ok(Overdue {
            count: row.get("count")?,
            oldest_s: oldest.map_or(0, |o| now.timestamp() - o),
        })
    }

    /// Events by stored state, for metrics.
    pub async fn counts(&self) -> Result<Vec<(String, i64)>, StoreError> {
        self.db
            .fetch(
                "SELECT state, COUNT(*) AS count FROM event GROUP BY state",
                args![],
            )
            .await?
            .iter()
            .map(|r| Ok((r.get("state")?, r.get("count")?)))
            .collect()
    }
}
