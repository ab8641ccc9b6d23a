//! An anchor as it is served, and everything that can be checked of it alone.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::{
    BlockHeader, ChainHash, MerkleBranch, Payload, ProofError, Transaction, TransactionError,
    bytes_from_hex, hash_from_hex,
};
use crate::tlog::checkpoint::NoteError;
use crate::tlog::{Hash, Note};

/// Anchors in one answer, at most.
pub const MAX_PAGE: usize = 1000;

/// `GET /v1/anchors`, and the file `v1/anchors` of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchors {
    /// By size, smallest first.
    pub anchors: Vec<Anchor>,
    /// Where there are older ones: `?before=` this size.
    pub next_before: Option<u64>,
}

/// A checkpoint in a transaction that was sent to the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Whose log.
    pub origin: String,
    /// Its entries.
    pub size: u64,
    /// Their root, hex.
    pub root: String,
    /// The signed checkpoint.
    pub note: String,
    /// The transaction's id, as nodes write it.
    pub txid: String,
    /// Which of its outputs is the anchor.
    pub vout: u32,
    /// The transaction, hex.
    pub transaction: String,
    /// The block, once it is deep enough in the chain.
    pub confirmation: Option<Confirmation>,
}

/// The block that an anchor is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Its place in the chain.
    pub height: u64,
    /// Its id, as nodes write it.
    pub block_hash: String,
    /// Its time, RFC 3339: the log had its entries by then.
    pub confirmed_at: String,
    /// Its 80 bytes, hex, of which `block_hash` is the hash.
    pub header: String,
    /// Which of its transactions.
    pub position: u32,
    /// Hashes (hex, as they are hashed) from the transaction up to the root.
    pub branch: Vec<String>,
}

impl Confirmation {
    /// As it is served.
    pub fn new(height: u64, header: &BlockHeader, branch: &MerkleBranch) -> Self {
        Self {
            height,
            block_hash: header.hash().to_string(),
            confirmed_at: rfc3339(header.time()),
            header: hex::encode(header.0),
            position: branch.position,
            branch: branch.hashes.iter().map(|h| hex::encode(h.0)).collect(),
        }
    }
}

/// Why an anchor proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// A field that does not have its form.
    #[error("{0}: malformed")]
    Malformed(&'static str),
    /// The transaction.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// The transaction has another id.
    #[error("txid: the transaction's is {0}")]
    Txid(ChainHash),
    /// The anchor is another output.
    #[error("vout: the anchor is output {0}")]
    Vout(u32),
    /// The transaction says another size or root.
    #[error("the transaction anchors size {} and root {}", .0.size, hex::encode(.0.root))]
    Payload(Payload),
    /// The checkpoint.
    #[error("note: {0}")]
    Note(#[from] NoteError),
    /// The checkpoint is of another log, size or root.
    #[error("note: it is of another log, size or root")]
    OtherCheckpoint,
    /// The header is of another block.
    #[error("block_hash: the header's is {0}")]
    BlockHash(ChainHash),
    /// The header has another time.
    #[error("confirmed_at: the block's time is {0}")]
    Time(String),
    /// The transaction is not in that block.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// An anchor of which all is true that follows from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedAnchor {
    /// What stands in the transaction.
    pub payload: Payload,
    /// The transaction.
    pub txid: ChainHash,
    /// The checkpoint, whose signature is checked by who knows the key.
    pub note: Note,
    /// The block and its height as said, which only a chain can confirm.
    pub block: Option<(BlockHeader, u64)>,
}

impl Anchor {
    /// Checks what follows from the bytes: that the transaction has this id and
    /// anchors this size and root, that the checkpoint is of them, and that the
    /// transaction is in the block of the header. Not checked: that the root is the
    /// log's, the checkpoint's signature, and that the block is in the chain.
    pub fn verify(&self) -> Result<VerifiedAnchor, AnchorError> {
        let malformed = AnchorError::Malformed;
        let txid: ChainHash = self.txid.parse().map_err(|_| malformed("txid"))?;
        let root: Hash = hash_from_hex(&self.root).ok_or(malformed("root"))?;
        let bytes = bytes_from_hex(&self.transaction).ok_or(malformed("transaction"))?;
        let transaction = Transaction::parse(&bytes)?;
        if transaction.txid() != txid {
            return Err(AnchorError::Txid(transaction.txid()));
        }
        let (vout, payload) = transaction.anchor()?;
        if vout != self.vout {
            return Err(AnchorError::Vout(vout));
        }
        let size = self.size;
        if payload != (Payload { size, root }) {
            return Err(AnchorError::Payload(payload));
        }
        let note = Note::parse(&self.note)?;
        let checkpoint = note.checkpoint();
        if (checkpoint.size, checkpoint.root) != (size, root) || checkpoint.origin != self.origin {
            return Err(AnchorError::OtherCheckpoint);
        }
        let block = match &self.confirmation {
            Some(confirmation) => Some((confirmation.verify(txid)?, confirmation.height)),
            None => None,
        };
        Ok(VerifiedAnchor {
            payload,
            txid,
            note,
            block,
        })
    }
}

impl Confirmation {
    fn verify(&self, txid: ChainHash) -> Result<BlockHeader, AnchorError> {
        let malformed = AnchorError::Malformed;
        let hash: ChainHash = self
            .block_hash
            .parse()
            .map_err(|_| malformed("block_hash"))?;
        let header = BlockHeader::from_hex(&self.header).ok_or(malformed("header"))?;
        let branch = MerkleBranch::from_hex(self.position, &self.branch);
        if header.hash() != hash {
            return Err(AnchorError::BlockHash(header.hash()));
        }
        let time = rfc3339(header.time());
        if self.confirmed_at != time {
            return Err(AnchorError::Time(time));
        }
        branch.ok_or(malformed("branch"))?.verify(txid, &header)?;
        Ok(header)
    }
}

/// A block's time as it is served.
fn rfc3339(unix: u32) -> String {
    // Every u32 is a time.
    DateTime::<Utc>::from_timestamp(unix.into(), 0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}
