//! Events as they stand at the time of reading: one, a page of them, how many.

use chrono::{DateTime, TimeDelta, Utc};
use oracle_schema::{Descriptor, EventId, Maturity};
use sqlx::AssertSqlSafe;

use super::ReadStore;
use crate::lifecycle::State;
use crate::store::db::{Arg, Row, args, first_second, seconds};
use crate::store::states::{UNATTESTED, UNFINISHED};
use crate::store::{StoreError, descriptor, event_id};

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
    /// Maturity at or after.
    pub from: Option<DateTime<Utc>>,
    /// Maturity strictly after.
    pub matures_after: Option<DateTime<Utc>>,
    /// Maturity at or before.
    pub to: Option<DateTime<Utc>>,
    /// Substring of the event id, or of its title or names in any case.
    pub q: Option<String>,
    /// Continue after this (maturity, event id), in the order asked for.
    pub after: Option<(Maturity, String)>,
    /// Latest maturity first; otherwise the earliest.
    pub latest_first: bool,
    /// Rows at most.
    pub limit: i64,
}

/// Attestations that are late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overdue {
    /// How many events.
    pub count: i64,
    /// For how long the oldest is, in whole seconds.
    pub oldest: TimeDelta,
}

/// The statement of a page, and what it asks for.
pub(in crate::store) fn listed(filter: &EventFilter, now: DateTime<Utc>) -> (String, Vec<Arg>) {
    let mut sql = format!("{EVENT_COLUMNS} WHERE 1 = 1");
    let mut args: Vec<Arg> = Vec::new();
    let mut condition = |sql_part: &str, arg: Arg| {
        args.push(arg);
        sql.push_str(&sql_part.replace('?', &format!("${}", args.len())));
    };
    if let Some(state) = filter.state {
        let (stored, matured) = state.stored();
        let of = match stored {
            State::Attested => " AND e.state = ?".to_owned(),
            // SQLite uses the index where a query repeats its condition alone.
            _ => format!(" AND e.{UNATTESTED} AND e.state = ?"),
        };
        condition(&of, stored.as_str().into());
        match matured {
            Some(true) => condition(" AND e.maturity <= ?", seconds(now)),
            Some(false) => condition(" AND e.maturity > ?", seconds(now)),
            None => {}
        }
    }
    if let Some(kind) = &filter.kind {
        // A series says more than a kind: the index of kinds is kept out of its way.
        let of = match filter.series {
            Some(_) => " AND e.kind || '' = ?",
            None => " AND e.kind = ?",
        };
        condition(of, kind.as_str().into());
    }
    if let Some(series) = &filter.series {
        condition(" AND e.series = ?", series.as_str().into());
    }
    if let Some(from) = filter.from {
        condition(" AND e.maturity >= ?", first_second(from));
    }
    if let Some(time) = filter.matures_after {
        condition(" AND e.maturity > ?", seconds(time));
    }
    if let Some(to) = filter.to {
        condition(" AND e.maturity <= ?", seconds(to));
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
    (sql, args)
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
    r.read_as("event", "event_id", |r| view(r, now))
}

fn view(r: &Row, now: DateTime<Utc>) -> Result<EventView, StoreError> {
    let id: String = r.get("event_id")?;
    let stored: String = r.get("state")?;
    let stored =
        State::parse(&stored).ok_or_else(|| StoreError::Damaged(format!("state {stored:?}")))?;
    let maturity = r.maturity()?;
    let descriptor: String = r.get("descriptor")?;
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
        maturity,
        attest_by: r.seconds("attest_by")?,
        announce_at: r.seconds("announce_at")?,
        descriptor: descriptor::read(&descriptor)?,
        policy_hash: r.hash("policy_hash")?,
        announced_at: r.opt_millis("announced_ms")?,
        attested_at: r.opt_millis("attested_ms")?,
        outcome: r.get("outcome")?,
        next_attempt_at: r.opt_millis("due_ms")?.filter(|_| open),
        announcement_position: r.get("announcement_position")?,
        attestation_position: r.get("attestation_position")?,
    })
}

impl EventState {
    /// The state a reader sees: an announced event has matured once its
    /// maturity is not after `now`.
    fn at(stored: State, maturity: Maturity, now: DateTime<Utc>) -> Self {
        match stored {
            State::Scheduled => Self::Scheduled,
            State::Announced if maturity.to_datetime() <= now => Self::Matured,
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

impl ReadStore {
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
        let (sql, args) = listed(filter, now);
        let rows = self.db.fetch(sqlx::AssertSqlSafe(sql), args).await?;
        rows.iter().map(|r| event_view(r, now)).collect()
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
                args![seconds(now)],
            )
            .await?;
        let Some(row) = row else {
            return Ok(Overdue::default());
        };
        let oldest = row.opt_seconds("oldest")?;
        let age = oldest.map_or(TimeDelta::zero(), |oldest| now - oldest);
        Ok(Overdue {
            count: row.get("count")?,
            oldest: TimeDelta::seconds(age.num_seconds()),
        })
    }

    /// How many events are in each stored state.
    pub async fn counts(&self) -> Result<Vec<(String, i64)>, StoreError> {
        self.db
            .fetch("SELECT state, events FROM event_count", args![])
            .await?
            .iter()
            .map(|r| Ok((r.get("state")?, r.get("events")?)))
            .collect()
    }
}
