//! What witnesses cosigned: lines beside the heads, added later.
//!
//! No leader is needed here: a cosignature that verifies is true whoever stores
//! it.

use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};

use super::db::{Tx, args, seconds};
use super::read::ReadStore;
use super::tree::{signed, unsigned};
use super::{Store, StoreError};

/// A cosignature that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCosignature {
    /// The witness's verifier key.
    pub witness: String,
    /// Of the head with this size.
    pub size: u64,
    /// The signature line, with its line feed.
    pub line: String,
    /// When, as the witness says; a whole second.
    pub time: DateTime<Utc>,
}

/// The last head that a witness cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignatureRow {
    /// The name of its key.
    pub name: String,
    /// Its verifier key: name, key id and key.
    pub key: String,
    /// Size of the head.
    pub size: u64,
    /// When, as the witness says.
    pub time: DateTime<Utc>,
}

/// A signed head of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead {
    /// Entries.
    pub size: u64,
    /// The checkpoint, with the log's signature alone.
    pub note: String,
}

impl Store {
    /// Forgets witnesses other than these, by their verifier keys, and the
    /// cosigned head if `meets`, the policy of now, does not hold for it.
    pub async fn adopt_witnesses(
        &self,
        keys: &[String],
        meets: impl Fn(&str) -> bool + Send,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let rows = tx
            .fetch("SELECT DISTINCT witness FROM cosignature", args![])
            .await?;
        for row in rows {
            let witness: String = row.get("witness")?;
            if !keys.contains(&witness) {
                tx.execute("DELETE FROM cosignature WHERE witness = $1", args![witness])
                    .await?;
            }
        }
        let cosigned = tx
            .fetch_optional(LAST_COSIGNED, args![])
            .await?
            .map(|row| row.get::<String>("note"))
            .transpose()?;
        if cosigned.is_some_and(|note| !meets(&note)) {
            tx.execute("DELETE FROM cosigned_head", args![]).await?;
        }
        let sizes = tx
            .fetch(
                "SELECT DISTINCT size FROM cosignature ORDER BY size DESC",
                args![],
            )
            .await?;
        for size in sizes {
            if take_cosigned(&mut tx, size.get("size")?, &meets).await? {
                break;
            }
        }
        tx.commit().await?;
        self.cosigned.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Keeps a cosignature. Where the checkpoint with all it has so far is what
    /// `meets` asks for, it is the cosigned head from now on, unless a larger
    /// one is; answers whether it is.
    ///
    /// Nobody is asked to cosign heads below `floor` any more: what the witness
    /// said of them is deleted.
    pub async fn add_cosignature(
        &self,
        new: &NewCosignature,
        floor: u64,
        meets: impl Fn(&str) -> bool + Send,
    ) -> Result<bool, StoreError> {
        let size = signed(new.size)?;
        let mut tx = self.db.begin().await?;
        tx.execute(
            "INSERT INTO cosignature (size, witness, line, time_s) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (size, witness) DO UPDATE SET line = $3, time_s = $4",
            args![
                size,
                new.witness.as_str(),
                new.line.as_str(),
                seconds(new.time)
            ],
        )
        .await?;
        tx.execute(
            "DELETE FROM cosignature WHERE witness = $1 AND size < $2",
            args![new.witness.as_str(), signed(floor.min(new.size))?],
        )
        .await?;
        let is_cosigned = take_cosigned(&mut tx, size, &meets).await?;
        tx.commit().await?;
        self.cosigned.fetch_add(1, Ordering::Release);
        Ok(is_cosigned)
    }
}

const LAST_COSIGNED: &str = "SELECT note FROM cosigned_head ORDER BY size DESC LIMIT 1";

/// Makes a head the cosigned one if its cosignatures are what is asked for, and
/// no larger one is.
async fn take_cosigned(
    tx: &mut Tx,
    size: i64,
    meets: &(impl Fn(&str) -> bool + Send),
) -> Result<bool, StoreError> {
    let note = cosigned_note(tx, size).await?;
    let larger = tx
        .fetch_optional(
            "SELECT size FROM cosigned_head WHERE size > $1",
            args![size],
        )
        .await?;
    if larger.is_some() || !meets(&note) {
        return Ok(false);
    }
    tx.execute("DELETE FROM cosigned_head", args![]).await?;
    tx.execute(
        "INSERT INTO cosigned_head (size, note) VALUES ($1, $2)",
        args![size, note],
    )
    .await?;
    Ok(true)
}

/// The checkpoint of a head with the cosignatures that are stored.
async fn cosigned_note(tx: &mut Tx, size: i64) -> Result<String, StoreError> {
    let rows = tx
        .fetch(
            "SELECT h.note, c.line FROM head h JOIN cosignature c ON c.size = h.size \
             WHERE h.size = $1 AND h.note IS NOT NULL ORDER BY c.witness",
            args![size],
        )
        .await?;
    let first = rows
        .first()
        .ok_or_else(|| StoreError::Damaged(format!("no signed head of size {size}")))?;
    let mut note: String = first.get("note")?;
    for row in &rows {
        note += &row.get::<String>("line")?;
    }
    Ok(note)
}

impl ReadStore {
    /// The signed checkpoint of the last head, with the cosignatures it has by
    /// now; `None` before the first.
    pub async fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        let rows = self
            .db
            .fetch(
                "SELECT h.note, c.line FROM head h LEFT JOIN cosignature c ON c.size = h.size \
                 WHERE h.size = (SELECT MAX(size) FROM head) AND h.note IS NOT NULL \
                 ORDER BY c.witness",
                args![],
            )
            .await?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        let mut note: String = first.get("note")?;
        for row in &rows {
            note += &row.get::<Option<String>>("line")?.unwrap_or_default();
        }
        Ok(Some(note))
    }

    /// Changes with what [`ReadStore::checkpoint`] answers, as far as this process
    /// knows: of what another one does, a standby hears a moment later.
    pub fn checkpoint_version(&self) -> (i64, u64) {
        (*self.head.borrow(), self.cosigned.load(Ordering::Acquire))
    }

    /// The last head, if it is signed.
    pub async fn last_head(&self) -> Result<Option<SignedHead>, StoreError> {
        let row = self
            .db
            .fetch_optional(
                "SELECT size, note FROM head ORDER BY size DESC LIMIT 1",
                args![],
            )
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let (size, note): (i64, Option<String>) = (row.get("size")?, row.get("note")?);
        let size = unsigned(size)?;
        Ok(note.map(|note| SignedHead { size, note }))
    }

    /// Entries of the last head; 0 where there is none.
    pub async fn head_size(&self) -> Result<u64, StoreError> {
        let row = self
            .db
            .fetch_optional("SELECT COALESCE(MAX(size), 0) AS size FROM head", args![])
            .await?;
        unsigned(row.map_or(Ok(0), |row| row.get("size"))?)
    }

    /// When the first head beyond `size` entries was signed.
    pub async fn head_after(&self, size: u64) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.db
            .fetch_optional(
                "SELECT time_ms FROM head WHERE size > $1 ORDER BY size LIMIT 1",
                args![signed(size)?],
            )
            .await?
            .map(|row| row.millis("time_ms"))
            .transpose()
    }

    /// The checkpoint of the last head whose cosignatures meet the quorum, with
    /// them; `None` where no head did so far.
    pub async fn cosigned_checkpoint(&self) -> Result<Option<String>, StoreError> {
        self.db
            .fetch_optional(LAST_COSIGNED, args![])
            .await?
            .map(|row| row.get("note"))
            .transpose()
    }

    /// The last head that each witness cosigned, by the names of their keys;
    /// witnesses that never did are not there.
    pub async fn cosignatures(&self) -> Result<Vec<CosignatureRow>, StoreError> {
        let rows = self
            .db
            .fetch(
                "SELECT c.witness, c.size, c.time_s FROM cosignature c WHERE c.size = \
                 (SELECT MAX(l.size) FROM cosignature l WHERE l.witness = c.witness) \
                 ORDER BY c.witness",
                args![],
            )
            .await?;
        let mut all = Vec::with_capacity(rows.len());
        for row in rows {
            let key: String = row.get("witness")?;
            all.push(CosignatureRow {
                name: key.split('+').next().unwrap_or_default().to_owned(),
                key,
                size: unsigned(row.get("size")?)?,
                time: row.seconds("time_s")?,
            });
        }
        Ok(all)
    }
}
