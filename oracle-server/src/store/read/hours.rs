//! What the log got in an hour, by the times of its heads.

use chrono::{DateTime, Utc};

use super::ReadStore;
use crate::store::StoreError;
use crate::store::db::{args, millis};
use crate::store::tree::unsigned;

/// The run of entries that an hour got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourOfLog {
    /// Position of the first.
    pub first: u64,
    /// Position behind the last: the size of the last head of the hour, or of the one
    /// before where the hour got nothing.
    pub end: u64,
    /// The signed checkpoint of that size.
    pub note: String,
    /// When the log got something again. Times of heads only grow, so that nothing can be
    /// added to the hour once there is a later one, whatever a clock does.
    pub next: Option<DateTime<Utc>>,
}

impl HourOfLog {
    /// Whether the log got something from the hour's beginning on.
    pub fn is_reached(&self) -> bool {
        self.first < self.end || self.next.is_some()
    }
}

impl ReadStore {
    /// What the published log got from `begin` on and before `end`; `None` where it had
    /// no signed head yet. Entries of before heads were signed are those of the first that
    /// was.
    pub async fn hour_of_log(
        &self,
        begin: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> Result<Option<HourOfLog>, StoreError> {
        // One statement: all of it is of one moment.
        let row = self
            .db
            .fetch_optional(
                "SELECT l.size, l.note, \
                 (SELECT f.size FROM head f WHERE f.time_ms < $1 AND f.note IS NOT NULL \
                 ORDER BY f.time_ms DESC LIMIT 1) AS first, \
                 (SELECT n.time_ms FROM head n WHERE n.time_ms >= $2 AND n.note IS NOT NULL \
                 ORDER BY n.time_ms LIMIT 1) AS next_ms \
                 FROM head l WHERE l.time_ms < $2 AND l.note IS NOT NULL \
                 ORDER BY l.time_ms DESC LIMIT 1",
                args![millis(begin), millis(end)],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(HourOfLog {
            first: unsigned(row.get::<Option<i64>>("first")?.unwrap_or_default())?,
            end: unsigned(row.get("size")?)?,
            note: row.get("note")?,
            next: row.opt_millis("next_ms")?,
        }))
    }
}
