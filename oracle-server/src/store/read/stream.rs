//! What streams report: entries of the log about events, and changes of state.

use sqlx::AssertSqlSafe;

use super::ReadStore;
use crate::lifecycle::State;
use crate::store::StoreError;
use crate::store::db::{Arg, Row, args};

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

impl ReadStore {
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
