//! What the pages show beyond the answers of the API: the latest attestations,
//! what needs people, an event's milestones, the entries of the log.

use chrono::{DateTime, Utc};
use oracle_schema::Maturity;
use oracle_schema::log_entry::{LogEntry, Status};
use sqlx::AssertSqlSafe;

use super::ReadStore;
use super::events::{EVENT_COLUMNS, EventView, event_view};
use crate::store::StoreError;
use crate::store::db::{Row, args, millis, seconds};
use crate::store::states::UNFINISHED;

/// When an event's end was fixed and said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Milestones {
    /// When the outcome, or that there is none, was committed.
    pub committed_at: Option<DateTime<Utc>>,
    /// When the attestation is overdue.
    pub overdue_at: DateTime<Utc>,
    /// Log position of the notice that it will never be attested, and when that
    /// was published.
    pub notice: Option<(i64, DateTime<Utc>)>,
}

/// One entry of the log, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// Where it stands.
    pub position: i64,
    /// Type of the entry ([`oracle_schema::log_entry`]).
    pub entry_type: i64,
    /// What it is about, if it is about an event.
    pub event_id: Option<String>,
    /// Length of the entry, bytes.
    pub bytes: i64,
    /// Time of the head that published it.
    pub published_at: DateTime<Utc>,
}

/// Published size of the log at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadRow {
    /// Entries.
    pub size: i64,
    /// When.
    pub time: DateTime<Utc>,
}

/// A series that the oracle ever had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesLine {
    /// Name.
    pub series_id: String,
    /// Its rules now.
    pub policy_hash: [u8; 32],
    /// The maturity of the event that is made next; none when its list is done.
    pub next_maturity: Option<Maturity>,
}

impl ReadStore {
    /// The latest attested events, the latest first.
    pub async fn latest_attested(
        &self,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<EventView>, StoreError> {
        let sql = format!(
            "{EVENT_COLUMNS} WHERE e.event_id IN \
             (SELECT event_id FROM attestation ORDER BY position DESC LIMIT $1) \
             ORDER BY t.position DESC"
        );
        let rows = self.db.fetch(AssertSqlSafe(sql), args![limit]).await?;
        rows.iter().map(|r| event_view(r, now)).collect()
    }

    /// Events that wait for people or are late, the longest overdue first.
    pub async fn troubled(
        &self,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<EventView>, StoreError> {
        let sql = format!(
            "{EVENT_COLUMNS} WHERE e.state = 'held' OR (e.overdue_at <= $1 \
             AND e.state IN {UNFINISHED}) \
             ORDER BY e.overdue_at, e.event_id LIMIT $2"
        );
        let args = args![seconds(now), limit];
        let rows = self.db.fetch(AssertSqlSafe(sql), args).await?;
        rows.iter().map(|r| event_view(r, now)).collect()
    }

    /// When an event's end was fixed; `None` for an unknown event.
    pub async fn milestones(&self, id: &str) -> Result<Option<Milestones>, StoreError> {
        let row = self
            .db
            .fetch_optional(
                "SELECT i.committed_ms, e.overdue_at FROM event e \
                 LEFT JOIN intent i ON i.event_id = e.event_id WHERE e.event_id = $1",
                args![id],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let notice = self
            .db
            .fetch_optional(
                "SELECT l.position, (SELECT h.time_ms FROM head h WHERE h.size > l.position \
                 ORDER BY h.size LIMIT 1) AS published_ms FROM log_entry l \
                 WHERE l.event_id = $1 AND l.entry_type = 3 ORDER BY l.position LIMIT 1",
                args![id],
            )
            .await?;
        Ok(Some(Milestones {
            committed_at: row.opt_millis("committed_ms")?,
            overdue_at: row.seconds("overdue_at")?,
            notice: notice
                .map(|r| Ok::<_, StoreError>((r.get("position")?, r.millis("published_ms")?)))
                .transpose()?,
        }))
    }

    /// What the log says of an event before its end, oldest first, each with its
    /// position; the first hundred.
    pub async fn statuses(&self, id: &str) -> Result<Vec<(i64, Status)>, StoreError> {
        let rows = self
            .db
            .fetch(
                "SELECT position, entry FROM log_entry WHERE entry_type = 5 \
                 AND event_id = $1 ORDER BY position LIMIT 100",
                args![id],
            )
            .await?;
        let read = |r: &Row| match LogEntry::from_bytes(&r.get::<Vec<u8>>("entry")?) {
            Ok(LogEntry::Status(status)) => Ok((r.get("position")?, status)),
            Ok(_) => Err(StoreError::Damaged(format!("status of {id}"))),
            Err(e) => Err(StoreError::Damaged(format!("status of {id}: {e}"))),
        };
        rows.iter().map(read).collect()
    }

    /// Series, by name.
    pub async fn series(&self, limit: i64) -> Result<Vec<SeriesLine>, StoreError> {
        self.db
            .fetch(
                "SELECT series_id, policy_hash, next_maturity FROM series ORDER BY series_id LIMIT $1",
                args![limit],
            )
            .await?
            .iter()
            .map(series_line)
            .collect()
    }

    /// One series.
    pub async fn one_series(&self, id: &str) -> Result<Option<SeriesLine>, StoreError> {
        self.db
            .fetch_optional(
                "SELECT series_id, policy_hash, next_maturity FROM series WHERE series_id = $1",
                args![id],
            )
            .await?
            .map(|r| series_line(&r))
            .transpose()
    }

    /// Published entries below `before` (at most the published size), the
    /// latest first.
    pub async fn log_rows(&self, before: i64, limit: i64) -> Result<Vec<LogRow>, StoreError> {
        let before = before.min(*self.head().borrow());
        let rows = self
            .db
            .fetch(
                "SELECT l.position, l.entry_type, l.event_id, CAST(LENGTH(l.entry) AS BIGINT) AS bytes, \
                 (SELECT h.time_ms FROM head h WHERE h.size > l.position ORDER BY h.size LIMIT 1) \
                 AS published_ms FROM log_entry l WHERE l.position < $1 ORDER BY l.position DESC LIMIT $2",
                args![before, limit],
            )
            .await?;
        rows.iter().map(log_row).collect()
    }

    /// The published head at or before a time; the first one before that.
    pub async fn head_at(&self, at: DateTime<Utc>) -> Result<Option<HeadRow>, StoreError> {
        self.db
            .fetch_optional(
                "SELECT size, time_ms FROM head WHERE time_ms <= $1 ORDER BY size DESC LIMIT 1",
                args![millis(at)],
            )
            .await?
            .map(|r| head_row(&r))
            .transpose()
    }
}

fn series_line(r: &Row) -> Result<SeriesLine, StoreError> {
    Ok(SeriesLine {
        series_id: r.get("series_id")?,
        policy_hash: r.hash("policy_hash")?,
        next_maturity: r.opt_maturity("next_maturity")?,
    })
}

fn head_row(r: &Row) -> Result<HeadRow, StoreError> {
    Ok(HeadRow {
        size: r.get("size")?,
        time: r.millis("time_ms")?,
    })
}

fn log_row(r: &Row) -> Result<LogRow, StoreError> {
    Ok(LogRow {
        position: r.get("position")?,
        entry_type: r.get("entry_type")?,
        event_id: r.get("event_id")?,
        bytes: r.get("bytes")?,
        published_at: r.opt_millis("published_ms")?.unwrap_or_default(),
    })
}
