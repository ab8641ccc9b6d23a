//! Anchors: checkpoints of the log, committed to Peercoin by an `OP_RETURN`
//! output.
//!
//! Size and root of a checkpoint stand in a transaction, the transaction in a
//! block, the block in a chain that nobody rewrites: the log had those entries
//! when that block was made. What a chain has to say is asked elsewhere; here is
//! everything that follows from bytes. Formats: `docs/anchors.md`.

mod block;
mod payload;
mod record;
pub mod rpc;
mod transaction;

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

pub use block::{BlockHeader, MAX_BRANCH, MerkleBranch, ProofError, branch_of};
pub use payload::{PAYLOAD_BYTES, Payload, SCRIPT_BYTES, TAG};
pub use record::{Anchor, AnchorError, Anchors, Confirmation, MAX_PAGE, VerifiedAnchor};
pub use transaction::{MAX_TRANSACTION_BYTES, OutPoint, Transaction, TransactionError};

/// A transaction's or block's id: SHA-256 twice. Written, as nodes write it,
/// with its bytes reversed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainHash(pub [u8; 32]);

impl ChainHash {
    /// SHA-256 of the SHA-256.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(Sha256::digest(bytes)).into())
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0;
        bytes.reverse();
        f.write_str(&hex::encode(bytes))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainHash({self})")
    }
}

/// Not 64 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 64 lower-case hex digits")]
pub struct ChainHashError;

impl FromStr for ChainHash {
    type Err = ChainHashError;

    fn from_str(text: &str) -> Result<Self, ChainHashError> {
        let mut bytes = hash_from_hex(text).ok_or(ChainHashError)?;
        bytes.reverse();
        Ok(Self(bytes))
    }
}

/// 32 bytes from lower-case hex: one spelling.
fn hash_from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    is_lower_case(text).then_some(bytes)
}

/// Bytes from lower-case hex.
fn bytes_from_hex(text: &str) -> Option<Vec<u8>> {
    is_lower_case(text)
        .then(|| hex::decode(text).ok())
        .flatten()
}

fn is_lower_case(text: &str) -> bool {
    !text.bytes().any(|b| b.is_ascii_uppercase())
}
