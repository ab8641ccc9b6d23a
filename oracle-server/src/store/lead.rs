//! Transactions of the process that leads.
//!
//! Every writer locks one row, the ledger. Its `epoch` says who leads and its
//! `next_position` numbers the log; a process that finds another epoch there has been
//! deposed and writes nothing.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};

use super::db::{Tx, args, millis};
use super::read::StateChange;
use super::{Store, StoreError};

/// A transaction that holds the ledger's row under this process's epoch: until it ends,
/// no other process commits anything. Functions that change events, rounds or the log
/// take one, so that they cannot be called without the lead.
pub(super) struct LeaderTx<'s> {
    store: &'s Store,
    tx: Tx,
    /// Size of the log that its last append makes.
    size: Option<i64>,
    /// What listeners of this process are told once it is committed.
    changes: Vec<StateChange>,
}

/// Log positions that a transaction may fill.
pub(super) struct Reserved {
    /// Position of the first entry.
    pub(super) first: i64,
    /// Time of the head that covers the batch: now, or a millisecond after the last.
    pub(super) time: DateTime<Utc>,
}

/// One log entry to append.
pub(super) struct NewEntry<'a> {
    pub(super) entry_type: i64,
    pub(super) event_id: &'a str,
    pub(super) bytes: Vec<u8>,
}

impl Store {
    /// Begins a transaction as the leader; the clock's high water stays.
    pub(super) async fn leader_tx(&self) -> Result<LeaderTx<'_>, StoreError> {
        self.locked(DateTime::UNIX_EPOCH).await
    }

    /// Begins a transaction as the leader, for work done at `now`: that raises the
    /// clock's high water.
    pub(super) async fn leader_tx_at(
        &self,
        now: DateTime<Utc>,
    ) -> Result<LeaderTx<'_>, StoreError> {
        self.locked(self.high_water_at(now)).await
    }

    async fn locked(&self, high_water: DateTime<Utc>) -> Result<LeaderTx<'_>, StoreError> {
        let mut tx = self.db.begin().await?;
        let rows = tx
            .execute(
                "UPDATE ledger SET high_water_ms = \
                 CASE WHEN high_water_ms < $1 THEN $1 ELSE high_water_ms END \
                 WHERE id = 1 AND epoch = $2",
                args![millis(high_water), self.epoch()],
            )
            .await?;
        self.if_leading((rows == 1).then_some(()))?;
        Ok(LeaderTx::new(self, tx))
    }

    /// Begins a transaction as the leader and reserves the next `count` positions of
    /// the log, in one statement.
    pub(super) async fn appending_tx(
        &self,
        count: usize,
        now: DateTime<Utc>,
    ) -> Result<(LeaderTx<'_>, Reserved), StoreError> {
        let mut tx = LeaderTx::new(self, self.db.begin().await?);
        let reserved = tx.reserve(count, now).await?;
        Ok((tx, reserved))
    }

    /// What work at that time raises the high water to: nothing while nobody
    /// has confirmed the time.
    fn high_water_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        if self.is_time_confirmed.load(Ordering::Acquire) {
            now
        } else {
            DateTime::UNIX_EPOCH
        }
    }

    /// What a statement under this process's epoch answered; nothing, if another
    /// process has taken over.
    fn if_leading<T>(&self, answer: Option<T>) -> Result<T, StoreError> {
        answer.ok_or_else(|| self.deposed())
    }

    /// That another process has taken over.
    pub fn deposed(&self) -> StoreError {
        StoreError::Deposed {
            epoch: self.epoch(),
        }
    }

    /// Tells readers and streams about a committed head, and the signer of heads.
    fn note_head(&self, size: i64) {
        self.tell_published(size);
        self.head.send_if_modified(|head| {
            let newer = size > *head;
            *head = size.max(*head);
            newer
        });
    }
}

impl<'s> LeaderTx<'s> {
    fn new(store: &'s Store, tx: Tx) -> Self {
        Self {
            store,
            tx,
            size: None,
            changes: Vec::new(),
        }
    }

    /// Reserves the next `count` positions of the log.
    pub(super) async fn reserve(
        &mut self,
        count: usize,
        now: DateTime<Utc>,
    ) -> Result<Reserved, StoreError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let row = self
            .tx
            .fetch_optional(
                "UPDATE ledger SET next_position = next_position + $1, \
                 head_time_ms = CASE WHEN head_time_ms < $2 THEN $2 ELSE head_time_ms + 1 END, \
                 high_water_ms = CASE WHEN high_water_ms < $4 THEN $4 ELSE high_water_ms END \
                 WHERE id = 1 AND epoch = $3 RETURNING next_position, head_time_ms",
                args![
                    count,
                    millis(now),
                    self.store.epoch(),
                    millis(self.store.high_water_at(now))
                ],
            )
            .await?;
        let row = self.store.if_leading(row)?;
        let next: i64 = row.get("next_position")?;
        Ok(Reserved {
            first: next - count,
            time: row.millis("head_time_ms")?,
        })
    }

    /// Appends entries at the reserved positions, and the signed head that covers
    /// them. The commit publishes it.
    pub(super) async fn append(
        &mut self,
        reserved: &Reserved,
        entries: Vec<NewEntry<'_>>,
    ) -> Result<(), StoreError> {
        let count = entries.len();
        let size = reserved.first + i64::try_from(count).unwrap_or(i64::MAX);
        let rows = (reserved.first..)
            .zip(entries)
            .map(|(position, e)| args![position, e.entry_type, e.event_id, e.bytes])
            .collect();
        self.tx
            .insert_rows(
                "INSERT INTO log_entry (position, entry_type, event_id, entry)",
                rows,
                "",
            )
            .await?;
        let store = self.store;
        let head = store.grow(self, reserved.first, count).await?;
        self.tx
            .execute(
                "INSERT INTO head (size, time_ms, root, note) VALUES ($1, $2, $3, $4)",
                args![size, millis(reserved.time), head.root, head.note],
            )
            .await?;
        self.size = Some(size);
        Ok(())
    }

    /// Has listeners of this process told, once it is committed.
    pub(super) fn tell(&mut self, change: StateChange) {
        self.changes.push(change);
    }

    /// Makes everything durable, then tells who reads and listens in this process.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        self.tx.commit().await?;
        if let Some(size) = self.size {
            self.store.note_head(size);
        }
        for change in self.changes {
            // An error only means that nobody listens.
            let _ = self.store.changes.send(change);
        }
        Ok(())
    }
}

impl Deref for LeaderTx<'_> {
    type Target = Tx;

    fn deref(&self) -> &Tx {
        &self.tx
    }
}

impl DerefMut for LeaderTx<'_> {
    fn deref_mut(&mut self) -> &mut Tx {
        &mut self.tx
    }
}
