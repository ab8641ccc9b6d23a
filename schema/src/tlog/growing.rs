//! A tree that entries are appended to: its partial tiles, from which root and
//! full tiles follow.

use super::Hash;
use super::tile::WIDTH;
use super::tree::{empty_root, fold, node_hash};

/// Hashes of a full tile.
const FULL: usize = 256;
const _: () = assert!(FULL as u64 == WIDTH);

/// A tile that has just become full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullTile {
    /// Its level: its hashes are subtrees of tree level 8·level.
    pub level: u32,
    /// Its index.
    pub index: u64,
    /// The 256 hashes.
    pub hashes: Vec<Hash>,
    /// Their root, which is a hash of the tile above.
    pub root: Hash,
}

/// The right edge of a tree.
///
/// ```
/// use oracle_schema::tlog::Growing;
/// use oracle_schema::tlog::tree::{leaf_hash, node_hash};
///
/// let mut tree = Growing::default();
/// tree.append(leaf_hash(b"a"));
/// tree.append(leaf_hash(b"b"));
/// assert_eq!(tree.size(), 2);
/// assert_eq!(tree.root(), node_hash(&leaf_hash(b"a"), &leaf_hash(b"b")));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Growing {
    size: u64,
    /// The partial tile of each level, lowest first; empty where it is not
    /// begun.
    partial: Vec<Vec<Hash>>,
}

impl Growing {
    /// A tree of `size` leaves whose partial tiles are known, lowest level
    /// first; `None` if they have not as many hashes as that size needs.
    pub fn resume(size: u64, partial: Vec<Vec<Hash>>) -> Option<Self> {
        let mut rest = size;
        for hashes in &partial {
            if u64::try_from(hashes.len()).ok()? != rest % WIDTH {
                return None;
            }
            rest /= WIDTH;
        }
        (rest == 0).then_some(Self { size, partial })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The partial tile of a level; empty if there is none.
    pub fn partial(&self, level: usize) -> &[Hash] {
        self.partial.get(level).map_or(&[], Vec::as_slice)
    }

    /// Adds one leaf; answers the tiles that it fills, lowest first.
    pub fn append(&mut self, leaf: Hash) -> Vec<FullTile> {
        let mut filled = Vec::new();
        let (mut hash, mut level) = (leaf, 0_u32);
        let mut index = self.size / WIDTH;
        self.size += 1;
        for partial in &mut self.partial {
            partial.push(hash);
            if partial.len() < FULL {
                return filled;
            }
            let hashes = std::mem::take(partial);
            let root = subtree_root(&hashes);
            filled.push(FullTile {
                level,
                index,
                hashes,
                root,
            });
            (hash, level, index) = (root, level + 1, index / WIDTH);
        }
        self.partial.push(vec![hash]);
        filled
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        // The largest complete subtrees, from left to right: the highest tiles
        // first, and in each the powers of two that make up its width.
        let mut cover = Vec::new();
        for partial in self.partial.iter().rev() {
            let mut rest = partial.as_slice();
            while !rest.is_empty() {
                let (subtree, others) = rest.split_at(1 << rest.len().ilog2());
                cover.push(subtree_root(subtree));
                rest = others;
            }
        }
        fold(&cover).unwrap_or_else(empty_root)
    }
}

/// The root over a power of two of hashes.
pub fn subtree_root(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => node_hash(left, right),
                // Not a power of two: carried up, as RFC 6962 does at the edge.
                other => other.first().copied().unwrap_or_else(empty_root),
            })
            .collect();
    }
    row.first().copied().unwrap_or_else(empty_root)
}
