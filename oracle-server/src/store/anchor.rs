//! Anchors: which checkpoint is in which transaction, and how far that one is.
//!
//! A transaction is a row before it is sent. Rows are made and changed under the
//! ledger's lock, so that a process that lost the lead makes none; its high
//! water stays where it is, since nothing here trusts the clock with more than a wait.

use chrono::{DateTime, TimeDelta, Utc};
use oracle_schema::anchor::{
    Anchor, Anchors, BlockHeader, ChainHash, Confirmation, MerkleBranch, Payload,
};
use oracle_schema::tlog::Hash;

use super::db::{Row, args, millis, opt_millis};
use super::{ReadStore, Store, StoreError};

/// No transaction waits longer for its next look.
pub const LONGEST_ANCHOR_WAIT: TimeDelta = TimeDelta::hours(2);

/// How far a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnchorState {
    /// Stored; no node has said yet that it took it.
    Prepared,
    /// A node took it.
    Sent,
    /// Deep enough in the chain.
    Confirmed,
    /// It can never be in the chain: what it spends was spent otherwise.
    Replaced,
}

impl AnchorState {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Prepared, "prepared"),
        (Self::Sent, "sent"),
        (Self::Confirmed, "confirmed"),
        (Self::Replaced, "replaced"),
    ];

    /// Its name in the database.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(state, _)| *state == self)
            .map_or("", |(_, name)| name)
    }

    fn named(name: &str) -> Result<Self, StoreError> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(state, _)| *state)
            .ok_or_else(|| StoreError::Damaged(format!("anchor state {name:?}")))
    }
}

/// A transaction to store before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAnchor {
    /// Size of the checkpoint.
    pub size: u64,
    /// Its id.
    pub txid: ChainHash,
    /// Its bytes.
    pub transaction: Vec<u8>,
    /// Which output is the anchor.
    pub vout: u32,
}

/// A transaction to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueAnchor {
    /// Its id.
    pub txid: ChainHash,
    /// Its bytes.
    pub transaction: Vec<u8>,
    /// How far it was.
    pub state: AnchorState,
    /// Looks in a row that brought nothing.
    pub attempts: i64,
}

/// What a look brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorStep {
    /// Whose.
    pub txid: ChainHash,
    /// How far it is.
    pub state: AnchorState,
    /// When to look again; `None`: never.
    pub due: Option<DateTime<Utc>>,
    /// Looks in a row that brought nothing.
    pub attempts: i64,
    /// The block it is in, with its height.
    pub block: Option<(u64, BlockHeader, MerkleBranch)>,
}

const COLUMNS: &str = "a.size, h.root, h.note, a.txid, a.tx, a.vout, a.state, a.height, a.header, \
                       a.tx_position, a.branch";

impl Store {
    /// The newest checkpoint, if it is to be anchored now: it is in no
    /// transaction yet, and none was prepared after `since` (a time after `now` is
    /// that of a clock that was wrong). One whose transaction can never be in the
    /// chain comes first, whatever the schedule.
    pub async fn head_to_anchor(
        &self,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<Payload>, StoreError> {
        let lost = self
            .readers
            .fetch_optional(
                "SELECT h.size, h.root FROM head h WHERE h.size = \
                 (SELECT MAX(a.size) FROM anchor a WHERE a.state = 'replaced' \
                 AND NOT EXISTS (SELECT 1 FROM anchor b WHERE b.size = a.size \
                 AND b.state <> 'replaced'))",
                args![],
            )
            .await?;
        let row = match lost {
            Some(row) => Some(row),
            None => {
                self.readers
                    .fetch_optional(
                        "SELECT h.size, h.root FROM head h \
                         WHERE h.size = (SELECT MAX(size) FROM head WHERE note IS NOT NULL) \
                         AND NOT EXISTS (SELECT 1 FROM anchor a \
                         WHERE a.size = h.size \
                         OR a.prepared_ms > $1 AND a.prepared_ms <= $2)",
                        args![millis(since), millis(now)],
                    )
                    .await?
            }
        };
        row.map(|row| {
            Ok(Payload {
                size: unsigned(row.get("size")?)?,
                root: root(&row)?,
            })
        })
        .transpose()
    }

    /// Stores a transaction before it is sent; one that was given up, and that the
    /// wallet made anew, is back. `Ok(false)`: another one has that checkpoint, and
    /// this one must not be sent.
    pub async fn prepare_anchor(
        &self,
        new: &NewAnchor,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.leader_tx().await?;
        let mut rows = tx
            .execute(
                "INSERT INTO anchor (txid, size, tx, vout, state, prepared_ms, due_ms) \
                 VALUES ($1, $2, $3, $4, 'prepared', $5, $5) ON CONFLICT DO NOTHING",
                args![
                    new.txid.0,
                    signed(new.size)?,
                    new.transaction.as_slice(),
                    i64::from(new.vout),
                    millis(now)
                ],
            )
            .await?;
        if rows == 0 {
            rows = tx
                .execute(
                    "UPDATE anchor SET state = 'prepared', prepared_ms = $1, due_ms = $1, \
                     attempts = 0 WHERE txid = $2 AND state = 'replaced' AND NOT EXISTS \
                     (SELECT 1 FROM anchor b WHERE b.size = $3 AND b.state <> 'replaced')",
                    args![millis(now), new.txid.0, signed(new.size)?],
                )
                .await?;
        }
        tx.commit().await?;
        Ok(rows == 1)
    }

    /// Leaves a transaction as it is, for another look later.
    pub async fn postpone_anchor(
        &self,
        txid: ChainHash,
        due: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.leader_tx().await?;
        tx.execute(
            "UPDATE anchor SET due_ms = $1, attempts = attempts + 1 WHERE txid = $2",
            args![millis(due), txid.0],
        )
        .await?;
        tx.commit().await
    }

    /// Transactions to look at now, the longest due first; also those due later
    /// than any wait is long, by a clock that was wrong.
    pub async fn due_anchors(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<DueAnchor>, StoreError> {
        let rows = self
            .readers
            .fetch(
                "SELECT txid, tx, state, attempts FROM anchor \
                 WHERE due_ms <= $1 OR due_ms > $2 ORDER BY due_ms, size LIMIT $3",
                args![millis(now), millis(now + LONGEST_ANCHOR_WAIT), limit],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(DueAnchor {
                    txid: ChainHash(row.hash("txid")?),
                    transaction: row.get("tx")?,
                    state: AnchorState::named(&row.get::<String>("state")?)?,
                    attempts: row.get("attempts")?,
                })
            })
            .collect()
    }

    /// When the next transaction is due.
    pub async fn next_anchor(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = self
            .readers
            .fetch_optional("SELECT MIN(due_ms) AS due_ms FROM anchor", args![])
            .await?;
        row.map_or(Ok(None), |row| row.opt_millis("due_ms"))
    }

    /// Records what a look brought.
    pub async fn record_anchor(&self, step: &AnchorStep) -> Result<(), StoreError> {
        let mut tx = self.leader_tx().await?;
        let (height, header, position, branch) = match &step.block {
            Some((height, header, branch)) => (
                Some(signed(*height)?),
                Some(header.0.to_vec()),
                Some(i64::from(branch.position)),
                Some(branch.hashes.iter().flat_map(|hash| hash.0).collect()),
            ),
            None => (None, None, None, None::<Vec<u8>>),
        };
        tx.execute(
            "UPDATE anchor SET state = $1, due_ms = $2, attempts = $3, height = $4, header = $5, \
             tx_position = $6, branch = $7 WHERE txid = $8",
            args![
                step.state.name(),
                opt_millis(step.due),
                step.attempts,
                height,
                header,
                position,
                branch,
                step.txid.0
            ],
        )
        .await?;
        tx.commit().await
    }
}

impl ReadStore {
    /// Anchors that were sent, the newest `limit` of those below the size `before`
    /// (of all without one), smallest size first, with proofs where they are
    /// confirmed.
    pub async fn anchors(&self, before: Option<u64>, limit: usize) -> Result<Anchors, StoreError> {
        let origin = self.oracle().await?.log_origin;
        let before = before.map_or(i64::MAX, |size| i64::try_from(size).unwrap_or(i64::MAX));
        let one_more = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let sql = format!(
            "SELECT {COLUMNS} FROM anchor a JOIN head h ON h.size = a.size \
             WHERE a.state IN ('sent', 'confirmed') AND a.size < $1 \
             ORDER BY a.size DESC LIMIT $2"
        );
        let rows = self
            .db
            .fetch(sqlx::AssertSqlSafe(sql), args![before, one_more])
            .await?;
        let is_more = rows.len() > limit;
        let mut anchors = rows
            .iter()
            .take(limit)
            .map(|row| anchor(row, &origin))
            .collect::<Result<Vec<_>, _>>()?;
        anchors.reverse();
        Ok(Anchors {
            next_before: anchors.first().map(|a| a.size).filter(|_| is_more),
            anchors,
        })
    }

    /// The first confirmed anchor of more than `last` and at most `size` entries.
    pub async fn anchor_covering(
        &self,
        last: u64,
        size: u64,
    ) -> Result<Option<Anchor>, StoreError> {
        let origin = self.oracle().await?.log_origin;
        let sql = format!(
            "SELECT {COLUMNS} FROM anchor a JOIN head h ON h.size = a.size \
             WHERE a.state = 'confirmed' AND a.size > $1 AND a.size <= $2 \
             ORDER BY a.size LIMIT 1"
        );
        let args = args![signed(last)?, signed(size)?];
        let row = self
            .db
            .fetch_optional(sqlx::AssertSqlSafe(sql), args)
            .await?;
        row.map(|row| anchor(&row, &origin)).transpose()
    }
}

fn anchor(row: &Row, origin: &str) -> Result<Anchor, StoreError> {
    let note: Option<String> = row.get("note")?;
    let transaction: Vec<u8> = row.get("tx")?;
    let is_confirmed = AnchorState::named(&row.get::<String>("state")?)? == AnchorState::Confirmed;
    let vout: i64 = row.get("vout")?;
    Ok(Anchor {
        origin: origin.to_owned(),
        size: unsigned(row.get("size")?)?,
        root: hex::encode(root(row)?),
        note: note.ok_or_else(|| StoreError::Damaged("an anchored head has no note".to_owned()))?,
        txid: ChainHash(row.hash("txid")?).to_string(),
        vout: u32::try_from(vout).map_err(|_| StoreError::Damaged(format!("output {vout}")))?,
        transaction: hex::encode(transaction),
        confirmation: is_confirmed.then(|| confirmation(row)).transpose()?,
    })
}

fn confirmation(row: &Row) -> Result<Confirmation, StoreError> {
    let damaged = || StoreError::Damaged("a confirmed anchor has no proof".to_owned());
    let height: Option<i64> = row.get("height")?;
    let header: Option<Vec<u8>> = row.get("header")?;
    let position: Option<i64> = row.get("tx_position")?;
    let branch: Option<Vec<u8>> = row.get("branch")?;
    let header = header.and_then(|bytes| bytes.try_into().ok());
    let branch = MerkleBranch {
        position: position
            .and_then(|n| u32::try_from(n).ok())
            .ok_or_else(damaged)?,
        hashes: branch
            .ok_or_else(damaged)?
            .as_chunks()
            .0
            .iter()
            .map(|hash| ChainHash(*hash))
            .collect(),
    };
    Ok(Confirmation::new(
        unsigned(height.ok_or_else(damaged)?)?,
        &BlockHeader(header.ok_or_else(damaged)?),
        &branch,
    ))
}

fn root(row: &Row) -> Result<Hash, StoreError> {
    row.opt_hash("root")?
        .ok_or_else(|| StoreError::Damaged("a head without a root".to_owned()))
}

fn signed(n: u64) -> Result<i64, StoreError> {
    i64::try_from(n).map_err(|_| StoreError::Damaged(format!("number {n}")))
}

fn unsigned(n: i64) -> Result<u64, StoreError> {
    u64::try_from(n).map_err(|_| StoreError::Damaged(format!("number {n}")))
}
