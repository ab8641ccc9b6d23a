//! RFC 6962 trees: roots, inclusion and consistency.
//!
//! A *subtree* here is complete: at level `l` and index `i` it has the `2^l`
//! leaves from `i·2^l` on. Every root and every proof is made of their hashes.

use sha2::{Digest, Sha256};

use super::Hash;

/// Deepest proof there can be: sizes are below 2^63.
pub const MAX_PROOF: usize = 63;

/// Hash of a leaf: `SHA-256(0x00 ‖ entry)`.
///
/// ```
/// let empty = oracle_schema::tlog::tree::leaf_hash(b"");
/// assert_eq!(hex::encode(empty), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
/// ```
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut hash = Sha256::new_with_prefix([0]);
    hash.update(entry);
    hash.finalize().into()
}

/// Hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut hash = Sha256::new_with_prefix([1]);
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}

/// Root of a tree without leaves: `SHA-256("")`.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// Where the hashes of complete subtrees come from.
pub trait Subtrees {
    /// What can go wrong there.
    type Error;

    /// The hash of the subtree at `level` with this index.
    fn subtree(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// A subtree: level and index.
pub type Node = (u32, u64);

/// Joins the hashes of a cover, right to left.
pub(super) fn fold(hashes: &[Hash]) -> Option<Hash> {
    hashes
        .iter()
        .rev()
        .copied()
        .reduce(|right, left| node_hash(&left, &right))
}

/// The largest complete subtrees that together are the leaves `begin..end`,
/// from left to right; `begin` must be where a subtree as large as needed
/// begins, as it is in every proof.
fn cover(begin: u64, end: u64) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut at = begin;
    while at < end {
        let fits = (end - at).ilog2();
        let level = if at == 0 {
            fits
        } else {
            fits.min(at.trailing_zeros())
        };
        nodes.push((level, at >> level));
        at += 1 << level;
    }
    nodes
}

/// Largest power of two below `size`, for a size above 1 (RFC 6962's k).
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// `MTH(D[begin:end])`.
fn range_hash<S: Subtrees>(begin: u64, end: u64, subtrees: &S) -> Result<Hash, S::Error> {
    let hashes = cover(begin, end)
        .into_iter()
        .map(|(level, index)| subtrees.subtree(level, index))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(fold(&hashes).unwrap_or_else(empty_root))
}

/// The hashes of the largest complete subtrees that together are the first `size`
/// leaves, from left to right. They stay as the tree grows.
pub fn left_of<S: Subtrees>(size: u64, subtrees: &S) -> Result<Vec<Hash>, S::Error> {
    cover(0, size)
        .into_iter()
        .map(|(level, index)| subtrees.subtree(level, index))
        .collect()
}

/// A tree of which nothing is kept but what it takes to append to it: the hashes of
/// its largest complete subtrees.
///
/// ```
/// use oracle_schema::tlog::tree::{Appended, leaf_hash, node_hash};
///
/// let mut tree = Appended::resume(1, vec![leaf_hash(b"a")]).ok_or("not of that size")?;
/// tree.append(leaf_hash(b"b"));
/// assert_eq!(tree.root(), node_hash(&leaf_hash(b"a"), &leaf_hash(b"b")));
/// # Ok::<(), &'static str>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appended {
    size: u64,
    left: Vec<Hash>,
}

impl Appended {
    /// The tree of `size` leaves with these subtrees; `None` if that size has another
    /// number of them, or is none that a log can have.
    pub fn resume(size: u64, left: Vec<Hash>) -> Option<Self> {
        (size >> MAX_PROOF == 0 && u32::try_from(left.len()) == Ok(size.count_ones()))
            .then_some(Self { size, left })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of its largest complete subtrees, from left to right.
    pub fn left(&self) -> &[Hash] {
        &self.left
    }

    /// Adds one leaf.
    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // As in binary addition: each subtree of the same size is joined to the left.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.left.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.left.push(hash);
        self.size += 1;
    }

    /// The root.
    pub fn root(&self) -> Hash {
        fold(&self.left).unwrap_or_else(empty_root)
    }
}

/// The root of the first `size` leaves.
pub fn root<S: Subtrees>(size: u64, subtrees: &S) -> Result<Hash, S::Error> {
    range_hash(0, size, subtrees)
}

/// That leaf `index` is in the tree of `size` leaves: the hashes beside its way
/// up, from the leaf's sibling to the root's child. `None` if it is not in it.
///
/// Source: RFC 6962, section 2.1.1.
pub fn prove_inclusion<S: Subtrees>(
    index: u64,
    size: u64,
    subtrees: &S,
) -> Result<Option<Vec<Hash>>, S::Error> {
    if index >= size {
        return Ok(None);
    }
    let (mut begin, mut end) = (0, size);
    let mut siblings = Vec::new();
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            siblings.push((middle, end));
            end = middle;
        } else {
            siblings.push((begin, middle));
            begin = middle;
        }
    }
    let hashes = siblings
        .into_iter()
        .rev()
        .map(|(begin, end)| range_hash(begin, end, subtrees))
        .collect::<Result<_, _>>()?;
    Ok(Some(hashes))
}

/// That the tree of `old` leaves is the beginning of that of `new` leaves.
/// `None` if `old` is larger. Empty where there is nothing to prove: from 0, or
/// between equal sizes.
///
/// Source: RFC 6962, section 2.1.2.
pub fn prove_consistency<S: Subtrees>(
    old: u64,
    new: u64,
    subtrees: &S,
) -> Result<Option<Vec<Hash>>, S::Error> {
    if old > new {
        return Ok(None);
    }
    if old == 0 || old == new {
        return Ok(Some(Vec::new()));
    }
    let (mut begin, mut end) = (0, new);
    let mut ranges = Vec::new();
    let mut whole = true;
    while old != end {
        let middle = begin + split(end - begin);
        if old <= middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((begin, middle));
            begin = middle;
            whole = false;
        }
    }
    // The old tree itself needs no mention: the verifier has its root.
    if !whole {
        ranges.push((begin, end));
    }
    let hashes = ranges
        .into_iter()
        .rev()
        .map(|(begin, end)| range_hash(begin, end, subtrees))
        .collect::<Result<_, _>>()?;
    Ok(Some(hashes))
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf is not below the size, or the old size not below the new one.
    #[error("{index} is not in a tree of {size}")]
    Outside {
        /// Leaf index, or old size.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
    /// Too many or too few hashes for these sizes.
    #[error("the proof has {0} hashes, which these sizes do not need")]
    Length(usize),
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// Checks an inclusion proof: that `leaf` is leaf `index` of the tree with this
/// size and root.
///
/// Source: RFC 9162, section 2.1.3.2.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Outside { index, size });
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length(proof.len()));
        }
        if at % 2 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at % 2 == 0 && at != 0 {
                at /= 2;
                last /= 2;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at /= 2;
        last /= 2;
    }
    if last != 0 {
        return Err(ProofError::Length(proof.len()));
    }
    if hash == *root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// Checks a consistency proof: that the tree with the old size and root is the
/// beginning of the one with the new size and root.
///
/// Source: RFC 9162, section 2.1.4.2; from an empty tree, and between equal
/// sizes, the proof is empty (C2SP `tlog-witness`).
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    let outside = ProofError::Outside {
        index: old,
        size: new,
    };
    if old > new {
        return Err(outside);
    }
    if old == 0 || old == new {
        if !proof.is_empty() {
            return Err(ProofError::Length(proof.len()));
        }
        let is_same = if old == 0 {
            *old_root == empty_root()
        } else {
            old_root == new_root
        };
        return if is_same {
            Ok(())
        } else {
            Err(ProofError::Root)
        };
    }
    let length = ProofError::Length(proof.len());
    // An old tree that is one complete subtree is where the way up begins.
    let (first, rest) = if old.is_power_of_two() {
        (*old_root, proof)
    } else {
        let (first, rest) = proof.split_first().ok_or(length)?;
        (*first, rest)
    };
    let (mut at, mut last) = (old - 1, new - 1);
    while at % 2 == 1 {
        at /= 2;
        last /= 2;
    }
    let (mut old_hash, mut new_hash) = (first, first);
    for sibling in rest {
        if last == 0 {
            return Err(length);
        }
        if at % 2 == 1 || at == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while at % 2 == 0 && at != 0 {
                at /= 2;
                last /= 2;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        at /= 2;
        last /= 2;
    }
    if last != 0 {
        return Err(length);
    }
    if old_hash == *old_root && new_hash == *new_root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}
