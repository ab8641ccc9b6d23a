//! That a transaction is in a block: header and Merkle branch.

use super::transaction::{Reader, TransactionError};
use super::{ChainHash, hash_from_hex};

/// Deepest branch: blocks have fewer transactions than this many bits count.
pub const MAX_BRANCH: usize = 24;
/// Bytes of a header that its hash covers.
const HEADER_BYTES: usize = 80;

/// The 80 bytes that a block's id is the hash of, proof-of-work or proof-of-stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHeader(pub [u8; HEADER_BYTES]);

impl BlockHeader {
    /// Reads hex of exactly a header.
    pub fn from_hex(text: &str) -> Option<Self> {
        super::bytes_from_hex(text)?.try_into().ok().map(Self)
    }

    /// The block's id.
    pub fn hash(&self) -> ChainHash {
        ChainHash::of(&self.0)
    }

    /// Root of the block's transactions.
    pub fn merkle_root(&self) -> ChainHash {
        let mut root = [0; 32];
        for (byte, from) in root.iter_mut().zip(self.0.iter().skip(36)) {
            *byte = *from;
        }
        ChainHash(root)
    }

    /// The block's time, Unix seconds.
    pub fn time(&self) -> u32 {
        let mut time = [0; 4];
        for (byte, from) in time.iter_mut().zip(self.0.iter().skip(68)) {
            *byte = *from;
        }
        u32::from_le_bytes(time)
    }
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The node's answer is cut off, or something stands behind it.
    #[error("block proof: {0}")]
    Bytes(#[from] TransactionError),
    /// Counts and hashes that no tree has.
    #[error("block proof: not the shape of a tree")]
    Shape,
    /// Not this one transaction.
    #[error("block proof: it is not of this transaction alone")]
    OtherTransaction,
    /// The hashes lead elsewhere.
    #[error("block proof: it leads to another root than the header has")]
    Root,
}

/// The way from a transaction to the root of its block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MerkleBranch {
    /// Which transaction of the block, from 0.
    pub position: u32,
    /// The hashes beside the way, from the transaction up.
    pub hashes: Vec<ChainHash>,
}

impl MerkleBranch {
    /// Reads hashes in hex, bytes as they are hashed.
    pub fn from_hex(position: u32, hashes: &[String]) -> Option<Self> {
        let hashes = hashes
            .iter()
            .map(|text| hash_from_hex(text).map(ChainHash))
            .collect::<Option<_>>()?;
        Some(Self { position, hashes })
    }

    /// Checks that the transaction is in the block of this header.
    ///
    /// One branch, one spelling: a position has no bits above the branch, and a
    /// right child that equals its left sibling, which only a made-up tree has, is
    /// refused.
    pub fn verify(&self, txid: ChainHash, header: &BlockHeader) -> Result<(), ProofError> {
        if self.hashes.len() > MAX_BRANCH || self.position >> self.hashes.len() != 0 {
            return Err(ProofError::Shape);
        }
        let mut node = txid;
        for (level, sibling) in self.hashes.iter().enumerate() {
            node = if self.position >> level & 1 == 0 {
                join(&node, sibling)
            } else if *sibling == node {
                return Err(ProofError::Shape);
            } else {
                join(sibling, &node)
            };
        }
        if node == header.merkle_root() {
            Ok(())
        } else {
            Err(ProofError::Root)
        }
    }
}

fn join(left: &ChainHash, right: &ChainHash) -> ChainHash {
    ChainHash::of(&[left.0, right.0].concat())
}

/// Header and branch from a node's `gettxoutproof` of one transaction, verified.
///
/// The node's own form (BIP37's `merkleblock`) is not passed on: its count of
/// transactions is bound by nothing, so that one proof has several spellings.
pub fn branch_of(txid: ChainHash, proof: &[u8]) -> Result<(BlockHeader, MerkleBranch), ProofError> {
    let mut reader = Reader(proof);
    let header = BlockHeader(reader.array()?);
    let transactions = u32::from_le_bytes(reader.array()?);
    let count = reader.list(32)?;
    let hashes = (0..count)
        .map(|_| reader.array().map(ChainHash))
        .collect::<Result<Vec<_>, _>>()?;
    let length = reader.list(1)?;
    let flags = reader.take(length)?;
    if !reader.0.is_empty() {
        return Err(TransactionError::Trailing(reader.0.len()).into());
    }
    if transactions == 0 || transactions >> MAX_BRANCH != 0 {
        return Err(ProofError::Shape);
    }
    let mut walk = Walk {
        transactions,
        hashes: &hashes,
        flags: flags
            .iter()
            .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1))
            .collect::<Vec<_>>()
            .into_iter(),
        found: None,
    };
    let top = transactions.next_power_of_two().trailing_zeros();
    walk.node(top, 0, txid)?;
    // What fills the last byte of flags says nothing.
    if !walk.hashes.is_empty() || walk.flags.len() >= 8 || walk.flags.any(|flag| flag) {
        return Err(ProofError::Shape);
    }
    let branch = walk.found.ok_or(ProofError::OtherTransaction)?;
    branch.verify(txid, &header)?;
    Ok((header, branch))
}

/// The way down a partial tree (BIP37).
struct Walk<'a> {
    transactions: u32,
    hashes: &'a [ChainHash],
    flags: std::vec::IntoIter<bool>,
    found: Option<MerkleBranch>,
}

impl Walk<'_> {
    /// The hash of the node at this height and index; notes the branch of the
    /// one transaction below it that is marked.
    fn node(&mut self, height: u32, index: u32, txid: ChainHash) -> Result<ChainHash, ProofError> {
        let is_marked = self.flags.next().ok_or(ProofError::Shape)?;
        if height > 0 && is_marked {
            return self.parent(height, index, txid);
        }
        let (hash, rest) = self.hashes.split_first().ok_or(ProofError::Shape)?;
        self.hashes = rest;
        if is_marked {
            if self.found.is_some() || *hash != txid {
                return Err(ProofError::OtherTransaction);
            }
            self.found = Some(MerkleBranch {
                position: index,
                hashes: Vec::new(),
            });
        }
        Ok(*hash)
    }

    fn parent(
        &mut self,
        height: u32,
        index: u32,
        txid: ChainHash,
    ) -> Result<ChainHash, ProofError> {
        let was_found = self.found.is_some();
        let left = self.node(height - 1, 2 * index, txid)?;
        let is_left = self.found.is_some() && !was_found;
        // The last of an odd number is its own sibling.
        let width = self.transactions.div_ceil(1 << (height - 1));
        let right = if 2 * index + 1 < width {
            let right = self.node(height - 1, 2 * index + 1, txid)?;
            if right == left {
                return Err(ProofError::Shape);
            }
            right
        } else {
            left
        };
        let is_below = self.found.is_some() && !was_found;
        if let Some(found) = self.found.as_mut().filter(|_| is_below) {
            found.hashes.push(if is_left { right } else { left });
        }
        Ok(join(&left, &right))
    }
}
