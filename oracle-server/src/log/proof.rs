//! What the stored tiles say of a size that the log has or had.

use oracle_schema::tlog::tree::{prove_consistency, root as tree_root};
use oracle_schema::tlog::{Hash, TileSet};

use crate::store::{ReadStore, StoreError};

/// The Merkle root of the first `size` entries, whether or not that ever was a
/// head; `size` is not above that of the published log.
pub async fn root(store: &ReadStore, size: u64) -> Result<Hash, StoreError> {
    let tiles = tiles(store, size, size).await?;
    tree_root(size, &tiles).map_err(damaged)
}

/// That the first `old` entries are the beginning of the first `new`
/// (RFC 6962, section 2.1.2); `old` is not above `new`.
pub async fn consistency(store: &ReadStore, old: u64, new: u64) -> Result<Vec<Hash>, StoreError> {
    let tiles = tiles(store, old, new).await?;
    prove_consistency(old, new, &tiles)
        .map_err(damaged)?
        .ok_or_else(|| damaged(format!("{old} is above {new}")))
}

/// The tiles on the way to the last of the first `old` entries and along the
/// right edge, in the tree of `new` entries.
async fn tiles(store: &ReadStore, old: u64, new: u64) -> Result<TileSet, StoreError> {
    let mut tiles = TileSet::of(new);
    for tile in TileSet::needed(old.saturating_sub(1), new) {
        let bytes = store.tile(tile).await?;
        let bytes = bytes.ok_or_else(|| damaged(format!("tile {tile} is not there")))?;
        tiles.insert(tile, bytes);
    }
    Ok(tiles)
}

fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(error.to_string())
}
