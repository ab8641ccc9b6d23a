//! Events on the way to their end: proposed, held, late. Each of these is in
//! the log before anyone reads it elsewhere.

use chrono::{DateTime, Utc};
use oracle_schema::event::MAX_STRING_BYTES;
use oracle_schema::log_entry::{LogEntry, Status, StatusKind};
use sqlx::AssertSqlSafe;

use super::db::{Tx, args, seconds};
use super::lead::{LeaderTx, NewEntry};
use super::states::UNFINISHED;
use super::steps::Reason;
use super::{Candidate, ChangeError, Store, StoreError, event_id};
use crate::lifecycle::Input;

/// What has become of the facts about an event.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// They agree on this outcome, and the settle delay runs.
    Propose {
        /// One of the event's.
        outcome: &'a str,
        /// One sentence.
        reason: &'a str,
    },
    /// They have agreed for long enough: the outcome is committed next.
    Agree,
    /// They contradict each other, or the rule cannot be applied.
    Hold {
        /// One sentence.
        reason: &'a str,
    },
    /// There are not enough of them, or no more.
    Disagree,
}

impl<'a> Progress<'a> {
    fn input(self) -> Input<'static> {
        match self {
            Self::Propose { .. } | Self::Agree => Input::Agree,
            Self::Hold { .. } => Input::Hold,
            Self::Disagree => Input::Disagree,
        }
    }

    /// What the log says of it, and why.
    fn entry(self) -> Option<(StatusKind, &'a str)> {
        match self {
            Self::Propose { outcome, reason } => {
                Some((StatusKind::Proposal(outcome.to_owned()), reason))
            }
            Self::Hold { reason } => Some((StatusKind::Hold, reason)),
            Self::Agree | Self::Disagree => None,
        }
    }
}

impl Store {
    /// Moves an undecided event as facts come and go, unless an operator's veto
    /// holds it.
    pub async fn progress(
        &self,
        event: &Candidate,
        progress: Progress<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), ChangeError> {
        let (id, step) = event.step(progress.input(), now)?;
        let reason = match progress {
            Progress::Hold { reason } => Reason::Set(reason),
            _ => Reason::Clear,
        };
        let mut tx = self.leader_tx().await?;
        let moved = tx.try_steps(&[(id, step)], reason).await?;
        if let (1, Some((kind, reason))) = (moved, progress.entry()) {
            let is_known = !step.changes_state() && says(&mut tx, id, &kind).await?;
            if !is_known {
                append_status(&mut tx, &[(id, kind, reason)], now).await?;
            }
        }
        Ok(tx.commit().await?)
    }

    /// Holds an event until people look, or until it is refunded.
    pub async fn hold(
        &self,
        event: &Candidate,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<(), ChangeError> {
        let (id, step) = event.step(Input::Hold, now)?;
        let mut tx = self.leader_tx().await?;
        let moved = tx.try_steps(&[(id, step)], Reason::Set(reason)).await?;
        if moved == 1 && step.changes_state() {
            append_status(&mut tx, &[(id, StatusKind::Hold, reason)], now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Says of events that should have been attested by `now` that they are
    /// late, once each; answers of how many.
    pub async fn note_late(&self, now: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
        // SQLite uses the index `event_late` for its own condition only.
        let sql = format!(
            "SELECT e.event_id, COALESCE(e.reason, r.reason) AS reason FROM event e \
             LEFT JOIN round r ON r.round_key = e.round_key AND r.maturity = e.maturity \
             WHERE e.late = 0 AND e.state IN {UNFINISHED} \
             AND e.overdue_at <= $1 ORDER BY e.overdue_at LIMIT $2"
        );
        let rows = self
            .db
            .fetch(AssertSqlSafe(sql), args![seconds(now), limit])
            .await?;
        let mut late: Vec<(String, String)> = Vec::with_capacity(rows.len());
        for row in &rows {
            let reason: Option<String> = row.get("reason")?;
            late.push((row.get("event_id")?, reason.unwrap_or_default()));
        }
        if late.is_empty() {
            return Ok(0);
        }
        let mut tx = self.leader_tx().await?;
        let ids: Vec<&str> = late.iter().map(|(id, _)| id.as_str()).collect();
        let sql = format!(
            "UPDATE event SET late = 1 WHERE late = 0 AND state IN {UNFINISHED} AND event_id IN"
        );
        let noted = tx.execute_in(&sql, &ids, args![]).await?;
        if noted != ids.len() as u64 {
            // One of them ended meanwhile: the next tick sees which are left.
            return Ok(0);
        }
        let entries: Vec<_> = late
            .iter()
            .map(|(id, reason)| (id.as_str(), StatusKind::Late, reason.as_str()))
            .collect();
        append_status(&mut tx, &entries, now).await?;
        tx.commit().await?;
        Ok(noted)
    }
}

async fn append_status(
    tx: &mut LeaderTx<'_>,
    statuses: &[(&str, StatusKind, &str)],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let reserved = tx.reserve(statuses.len(), now).await?;
    let mut entries = Vec::with_capacity(statuses.len());
    for (id, kind, reason) in statuses {
        let status = Status {
            event_id: event_id(id)?,
            time_ms: reserved.time.timestamp_millis().unsigned_abs(),
            kind: kind.clone(),
            reason: cut(reason).to_owned(),
        };
        let bytes = LogEntry::Status(status)
            .to_bytes()
            .map_err(|e| StoreError::Damaged(format!("status of {id}: {e}")))?;
        entries.push(NewEntry {
            entry_type: 5,
            event_id: id,
            bytes,
        });
    }
    tx.append(&reserved, entries).await
}

/// Whether the last that the log says of an event's status is this.
async fn says(tx: &mut Tx, id: &str, kind: &StatusKind) -> Result<bool, StoreError> {
    let last = tx
        .fetch_optional(
            "SELECT entry FROM log_entry WHERE entry_type = 5 AND event_id = $1 \
             ORDER BY position DESC LIMIT 1",
            args![id],
        )
        .await?;
    let Some(last) = last else { return Ok(false) };
    match LogEntry::from_bytes(&last.get::<Vec<u8>>("entry")?) {
        Ok(LogEntry::Status(status)) => Ok(status.kind == *kind),
        Ok(_) => Ok(false),
        Err(e) => Err(StoreError::Damaged(format!("status of {id}: {e}"))),
    }
}

/// A sentence as long as an entry holds it: sources can be wordy.
fn cut(reason: &str) -> &str {
    let mut end = reason.len().min(MAX_STRING_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.get(..end).unwrap_or_default()
}
