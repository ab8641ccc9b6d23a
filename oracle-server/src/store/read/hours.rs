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
    /// Whether there is a later head: times of heads only grow, so nothing can be
    /// added to the hour any more, whatever a clock does.
    pub complete: bool,
}

impl ReadStore {
    /// What the published log got from `begin` on and before `end`; `None` where it had
    /// no signed head yet.
    pub async fn hour_of_log(
        &self,
        begin: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> Result<Option<HourOfLog>, StoreError> {
        const BEFORE: &str =
            "SELECT size, note FROM head WHERE time_ms < $1 ORDER BY time_ms DESC LIMIT 1";
        // Whether it is over before what it got: a head that comes between the two
        // statements makes the hour look open, never a part of it look like all of it.
        let complete = self
            .db
            .fetch_optional(
                "SELECT size FROM head WHERE time_ms >= $1 ORDER BY time_ms LIMIT 1",
                args![millis(end)],
            )
            .await?
            .is_some();
        let last = self.db.fetch_optional(BEFORE, args![millis(end)]).await?;
        let Some(last) = last else { return Ok(None) };
        let Some(note) = last.get::<Option<String>>("note")? else {
            return Ok(None);
        };
        let first = self
            .db
            .fetch_optional(BEFORE, args![millis(begin)])
            .await?
            .map_or(Ok(0), |row| row.get("size"))?;
        Ok(Some(HourOfLog {
            first: unsigned(first)?,
            end: unsigned(last.get("size")?)?,
            note,
            complete,
        }))
    }
}
