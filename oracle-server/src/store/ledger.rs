//! The one row that every writer locks.

use std::sync::atomic::Ordering;

use chrono::{DateTime, SecondsFormat, Utc};

use super::db::{Arg, Tx, args};
use super::home::accept;
use super::{Store, StoreError};

/// What one commit batch may append.
pub(super) struct Reserved {
    /// Position of the first entry.
    pub(super) first: i64,
    /// Time of the head that covers the batch, ms: max(now, last + 1).
    pub(super) time_ms: i64,
}

/// One log entry to append.
pub(super) struct NewEntry<'a> {
    pub(super) entry_type: i64,
    pub(super) event_id: &'a str,
    pub(super) bytes: Vec<u8>,
}

impl Store {
    /// What a commit at that time raises the high-water mark to: nothing while nobody
    /// has confirmed the time.
    fn mark(&self, now_ms: i64) -> i64 {
        if self.is_time_confirmed.load(Ordering::Acquire) {
            now_ms
        } else {
            0
        }
    }

    /// Locks the ledger row as its leader and moves the clock's high-water
    /// mark; another epoch in the row means that another process leads.
    pub(super) async fn lock(&self, tx: &mut Tx, now_ms: i64) -> Result<(), StoreError> {
        let rows = tx
            .execute(
                "UPDATE ledger SET high_water_ms = \
                 CASE WHEN high_water_ms < $1 THEN $1 ELSE high_water_ms END \
                 WHERE id = 1 AND epoch = $2",
                args![self.mark(now_ms), self.epoch()],
            )
            .await?;
        self.require_lead(rows == 1)
    }

    /// Keeps that an operator took it upon them that `now` is right, whatever the
    /// last committed work says; from now on that is no later than `now`.
    pub async fn accept_clock(
        &self,
        last_work_ms: i64,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let last_work = DateTime::from_timestamp_millis(last_work_ms).unwrap_or_default();
        let mut tx = self.db.begin().await?;
        self.lock(&mut tx, 0).await?;
        tx.execute(
            "UPDATE ledger SET high_water_ms = $1 WHERE id = 1 AND high_water_ms > $1",
            args![now.timestamp_millis()],
        )
        .await?;
        accept(&mut tx, "clock", &text(last_work), &text(now), now).await?;
        tx.commit().await
    }

    /// Locks the ledger row and reserves the next `count` log positions.
    pub(super) async fn reserve(
        &self,
        tx: &mut Tx,
        count: usize,
        now_ms: i64,
    ) -> Result<Reserved, StoreError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let row = tx
            .fetch_optional(
                "UPDATE ledger SET next_position = next_position + $1, \
                 head_time_ms = CASE WHEN head_time_ms < $2 THEN $2 ELSE head_time_ms + 1 END, \
                 high_water_ms = CASE WHEN high_water_ms < $4 THEN $4 ELSE high_water_ms END \
                 WHERE id = 1 AND epoch = $3 RETURNING next_position, head_time_ms",
                args![count, now_ms, self.epoch(), self.mark(now_ms)],
            )
            .await?;
        self.require_lead(row.is_some())?;
        let (next, time_ms): (i64, i64) =
            row.map_or(Ok((0, 0)), |r| Ok::<_, StoreError>((r.get(0)?, r.get(1)?)))?;
        Ok(Reserved {
            first: next - count,
            time_ms,
        })
    }

    /// Appends entries at the reserved positions and the signed head that covers
    /// them: what is committed is published.
    pub(super) async fn append(
        &self,
        tx: &mut Tx,
        reserved: &Reserved,
        entries: Vec<NewEntry<'_>>,
    ) -> Result<i64, StoreError> {
        let count = entries.len();
        let size = reserved.first + i64::try_from(count).unwrap_or(i64::MAX);
        let rows = (reserved.first..)
            .zip(entries)
            .map(|(position, e)| args![position, e.entry_type, e.event_id, e.bytes])
            .collect();
        tx.insert_rows(
            "INSERT INTO log_entry (position, entry_type, event_id, entry)",
            rows,
            "",
        )
        .await?;
        let head = self.grow(tx, reserved.first, count).await?;
        tx.execute(
            "INSERT INTO head (size, time_ms, root, note) VALUES ($1, $2, $3, $4)",
            args![size, reserved.time_ms, head.root, head.note],
        )
        .await?;
        Ok(size)
    }

    /// Tells readers and streams about a committed head, and the signer of heads.
    pub(super) fn publish(&self, size: i64) {
        self.tell_published(size);
        self.head.send_if_modified(|head| {
            let newer = size > *head;
            *head = size.max(*head);
            newer
        });
    }

    fn require_lead(&self, leads: bool) -> Result<(), StoreError> {
        if leads {
            Ok(())
        } else {
            Err(StoreError::Deposed {
                epoch: self.epoch(),
            })
        }
    }
}

/// Rows whose one column is matched against a list.
pub(super) async fn execute_in(
    tx: &mut Tx,
    before: &str,
    ids: &[&str],
    after: &str,
    mut leading: Vec<Arg>,
) -> Result<u64, StoreError> {
    use std::fmt::Write as _;
    let mut sql = String::from(before);
    sql.push('(');
    for (i, id) in ids.iter().enumerate() {
        leading.push(Arg::from(*id));
        // Writing to a String cannot fail.
        let _ = write!(sql, "{}${}", if i == 0 { "" } else { "," }, leading.len());
    }
    sql.push(')');
    sql.push_str(after);
    tx.execute(sqlx::AssertSqlSafe(sql), leading).await
}
