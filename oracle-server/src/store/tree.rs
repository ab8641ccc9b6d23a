//! The Merkle tree over the log: grown in the transaction that appends, read
//! as tiles.
//!
//! Stored are full tiles and, with each head, its root and signed checkpoint.
//! What is at the right edge follows from the entries behind the last full tile
//! and the roots of the tiles behind the last full one above.

use std::sync::{Arc, PoisonError};

use chrono::{DateTime, Utc};
use oracle_schema::tlog::tile::{Content, Tile, WIDTH, bundle};
use oracle_schema::tlog::tree::leaf_hash;
use oracle_schema::tlog::{FullTile, Growing, Hash};

use super::db::{Db, Row, Tx, args};
use super::{ReadStore, Store, StoreError};

/// Entries read at once where a tree is built over an older log.
const PAGE: u64 = 4096;
/// Levels of tiles that a log with positions in an i64 can have.
const LEVELS: u32 = 8;

/// Signs heads of the log; the signer does it.
pub trait SignHead: Send + Sync {
    /// The signed checkpoint of the first `size` entries with this root, as
    /// served.
    fn sign_head(&self, size: u64, root: &Hash) -> String;

    /// Told of each head that is committed, soon after.
    fn published(&self, size: u64, root: &Hash);
}

/// What a transaction found when it had appended.
pub(super) struct Head {
    pub(super) root: Hash,
    pub(super) note: String,
}

impl Store {
    /// Who signs the heads from now on; without anyone the log cannot grow.
    pub fn sign_heads_by(&self, key: Option<Arc<dyn SignHead>>) {
        *self.head_key.lock().unwrap_or_else(PoisonError::into_inner) = key;
    }

    /// Checks at a start that the entries are those that were signed, as far as
    /// the tree still grows there; where the last head has no tree yet, after
    /// `init` and over the log of an older version, builds and signs it.
    pub async fn complete_tree(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = self.leader_tx_at(now).await?;
        let last = tx
            .fetch_optional(
                "SELECT size, note FROM head ORDER BY size DESC LIMIT 1",
                args![],
            )
            .await?
            .ok_or(StoreError::NotInitialised)?;
        let size: i64 = last.get("size")?;
        let tree = self.tree_at(&mut tx, unsigned(size)?).await?;
        if last.get::<Option<String>>("note")?.is_some() {
            return tx.commit().await;
        }
        let head = self.head_of(&tree)?;
        tx.execute(
            "UPDATE head SET root = $1, note = $2 WHERE size = $3",
            args![head.root, head.note, size],
        )
        .await?;
        tx.commit().await
    }

    /// Grows the tree by the entries from position `first` on, which this
    /// transaction has inserted, and signs its head.
    ///
    /// What is hashed is read back from the database: not what was meant to be
    /// stored, but what a reader will get.
    pub(super) async fn grow(
        &self,
        tx: &mut Tx,
        first: i64,
        count: usize,
    ) -> Result<Head, StoreError> {
        let size = unsigned(first)?;
        let mut tree = self.tree_at(tx, size).await?;
        let entries = entries(tx, size, size + count as u64).await?;
        if entries.len() != count {
            return Err(StoreError::Damaged(format!(
                "{} log entries from position {first} on where {count} were appended",
                entries.len()
            )));
        }
        append(tx, &mut tree, &entries).await?;
        let head = self.head_of(&tree)?;
        *self.tree() = Some(tree);
        Ok(head)
    }

    /// Tells the signer of heads that the log of this size is committed. Where the
    /// next transaction has grown the tree already, it tells when it is committed.
    pub(super) fn tell_published(&self, size: i64) {
        let root = self.tree().as_ref().and_then(|tree| {
            let is_it = i64::try_from(tree.size()) == Ok(size);
            is_it.then(|| (tree.size(), tree.root()))
        });
        if let (Some((size, root)), Some(key)) = (root, self.head_key()) {
            key.published(size, &root);
        }
    }

    fn head_key(&self) -> Option<Arc<dyn SignHead>> {
        let key = self.head_key.lock();
        key.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn head_of(&self, tree: &Growing) -> Result<Head, StoreError> {
        let key = self.head_key().ok_or(StoreError::Unsigned)?;
        let root = tree.root();
        let note = key.sign_head(tree.size(), &root);
        Ok(Head { root, note })
    }

    /// The tree as this transaction sees it. The one in memory may be of a
    /// transaction that failed: the stored root decides.
    async fn tree_at(&self, tx: &mut Tx, size: u64) -> Result<Growing, StoreError> {
        let cached = self.tree().take().filter(|tree| tree.size() == size);
        let stored = tx
            .fetch_optional(
                "SELECT root FROM head WHERE size = $1",
                args![signed(size)?],
            )
            .await?
            .map(|row| row.opt_hash("root"))
            .transpose()?
            .flatten();
        match (cached, stored) {
            (Some(tree), Some(root)) if tree.root() == root => Ok(tree),
            (_, stored) => {
                let tree = load(tx, size).await?;
                match stored {
                    Some(root) if root != tree.root() => Err(StoreError::Damaged(format!(
                        "the first {size} log entries are not those of the head that was signed"
                    ))),
                    _ => Ok(tree),
                }
            }
        }
    }

    fn tree(&self) -> std::sync::MutexGuard<'_, Option<Growing>> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tree of the first `size` entries, from what is stored; tiles that an
/// older version did not make are made.
async fn load(tx: &mut Tx, size: u64) -> Result<Growing, StoreError> {
    let tiles: i64 = tx
        .fetch_optional(
            "SELECT COUNT(*) AS tiles FROM tile WHERE level = 0",
            args![],
        )
        .await?
        .map_or(Ok(0), |row| row.get("tiles"))?;
    let built = (unsigned(tiles)? * WIDTH).min(size / WIDTH * WIDTH);
    let mut partial = vec![Vec::new()];
    for level in 1..LEVELS {
        let hashes = built >> (8 * level);
        if hashes == 0 {
            break;
        }
        partial.push(roots(tx, level - 1, hashes / WIDTH * WIDTH, hashes).await?);
    }
    let mut tree = Growing::resume(built, partial)
        .ok_or_else(|| StoreError::Damaged(format!("tiles of the first {built} log entries")))?;
    while tree.size() < size {
        let end = size.min(tree.size() + PAGE);
        let entries = entries(tx, tree.size(), end).await?;
        if tree.size() + entries.len() as u64 != end {
            return Err(StoreError::Damaged(format!(
                "log entries before position {end} are missing"
            )));
        }
        append(tx, &mut tree, &entries).await?;
    }
    Ok(tree)
}

/// Appends to the tree and stores the tiles that this fills.
async fn append(tx: &mut Tx, tree: &mut Growing, entries: &[Vec<u8>]) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for entry in entries {
        for FullTile {
            level,
            index,
            hashes,
            root,
        } in tree.append(leaf_hash(entry))
        {
            rows.push(args![level, signed(index)?, root, hashes.concat()]);
        }
    }
    tx.insert_rows(
        "INSERT INTO tile (level, tile_index, root, hashes)",
        rows,
        "",
    )
    .await?;
    Ok(())
}

/// Entries at the positions from `first` to before `end`.
async fn entries(tx: &mut Tx, first: u64, end: u64) -> Result<Vec<Vec<u8>>, StoreError> {
    tx.fetch(ENTRIES, args![signed(first)?, signed(end)?])
        .await?
        .iter()
        .map(|row| row.get("entry"))
        .collect()
}

const ENTRIES: &str =
    "SELECT entry FROM log_entry WHERE position >= $1 AND position < $2 ORDER BY position";
const ROOTS: &str = "SELECT root FROM tile \
     WHERE level = $1 AND tile_index >= $2 AND tile_index < $3 ORDER BY tile_index";

async fn roots(tx: &mut Tx, level: u32, first: u64, end: u64) -> Result<Vec<Hash>, StoreError> {
    let rows = tx
        .fetch(ROOTS, args![level, signed(first)?, signed(end)?])
        .await?;
    rows.iter().map(|row| row.hash("root")).collect()
}

pub(super) fn signed(n: u64) -> Result<i64, StoreError> {
    i64::try_from(n).map_err(|_| StoreError::Damaged(format!("log position {n}")))
}

pub(super) fn unsigned(n: i64) -> Result<u64, StoreError> {
    u64::try_from(n).map_err(|_| StoreError::Damaged(format!("log position {n}")))
}

impl ReadStore {
    /// The root of the log's first `size` entries, if that was a published head.
    pub async fn root_at(&self, size: u64) -> Result<Option<Hash>, StoreError> {
        let row = self
            .db
            .fetch_optional(
                "SELECT root FROM head WHERE size = $1",
                args![signed(size)?],
            )
            .await?;
        Ok(row.map(|row| row.opt_hash("root")).transpose()?.flatten())
    }

    /// The bytes of a tile or entry bundle; `None` where the published log does
    /// not reach that far.
    pub async fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        let size: i64 = self
            .db
            .fetch_optional("SELECT COALESCE(MAX(size), 0) AS size FROM head", args![])
            .await?
            .map_or(Ok(0), |row| row.get("size"))?;
        let there = Tile::of(tile.content, tile.index, unsigned(size)?);
        if there.is_none_or(|there| there.width < tile.width) {
            return Ok(None);
        }
        let first = tile.index * WIDTH;
        let range = (first, first + tile.width);
        match tile.content {
            Content::Entries => {
                let entries = read_entries(&self.db, range).await?;
                let bundle = bundle(&entries)
                    .ok_or_else(|| StoreError::Damaged("a log entry is too long".to_owned()))?;
                whole(tile, entries.len()).map(|()| Some(bundle))
            }
            Content::Hashes(level) if tile.is_full() => {
                let row = self
                    .db
                    .fetch_optional(
                        "SELECT hashes FROM tile WHERE level = $1 AND tile_index = $2",
                        args![level, signed(tile.index)?],
                    )
                    .await?;
                let hashes: Option<Vec<u8>> = row.map(|row: Row| row.get("hashes")).transpose()?;
                match hashes {
                    Some(hashes) => Ok(Some(hashes)),
                    None => Err(StoreError::Damaged(format!("tile {tile} is not there"))),
                }
            }
            Content::Hashes(0) => {
                let entries = read_entries(&self.db, range).await?;
                let hashes: Vec<u8> = entries.iter().flat_map(|e| leaf_hash(e)).collect();
                whole(tile, entries.len()).map(|()| Some(hashes))
            }
            Content::Hashes(level) => {
                let rows = self
                    .db
                    .fetch(ROOTS, args![level - 1, signed(range.0)?, signed(range.1)?])
                    .await?;
                let mut hashes = Vec::new();
                for row in &rows {
                    hashes.extend_from_slice(&row.hash("root")?);
                }
                whole(tile, rows.len()).map(|()| Some(hashes))
            }
        }
    }
}

async fn read_entries(db: &Db, (first, end): (u64, u64)) -> Result<Vec<Vec<u8>>, StoreError> {
    db.fetch(ENTRIES, args![signed(first)?, signed(end)?])
        .await?
        .iter()
        .map(|row| row.get("entry"))
        .collect()
}

fn whole(tile: Tile, found: usize) -> Result<(), StoreError> {
    if found as u64 == tile.width {
        Ok(())
    } else {
        Err(StoreError::Damaged(format!("tile {tile} is not whole")))
    }
}
