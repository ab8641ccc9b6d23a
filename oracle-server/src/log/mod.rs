//! The log's checkpoints, heads of the store signed by the signer's log key, and
//! the log as static files.

mod export;
mod proof;

use std::sync::Arc;

use oracle_schema::tlog::checkpoint::{Algorithm, KeyError};
use oracle_schema::tlog::{Checkpoint, Hash, Note, NoteKey};

use crate::signer::{JournalHead, Signer};
use crate::store::SignHead;

pub use export::{ExportError, Exported, export};
pub use proof::{consistency, root};

/// Signs heads as checkpoints of one log.
pub struct Heads {
    signer: Arc<Signer>,
    key: NoteKey,
}

impl Heads {
    /// Of the log with this origin.
    pub fn new(signer: Arc<Signer>, origin: &str) -> Result<Self, KeyError> {
        let key = NoteKey::new(origin, Algorithm::Ed25519, &signer.log_public_key())?;
        Ok(Self { signer, key })
    }
}

impl SignHead for Heads {
    fn sign_head(&self, size: u64, root: &Hash) -> String {
        let checkpoint = Checkpoint {
            origin: self.key.name().to_owned(),
            size,
            root: *root,
        };
        let signature = self.signer.sign_checkpoint(&checkpoint);
        Note::signed(checkpoint, &self.key, &signature).to_text()
    }

    fn published(&self, size: u64, root: &Hash) {
        let head = JournalHead { size, root: *root };
        if let Err(error) = self.signer.note_head(head) {
            tracing::error!(%error, size, "the journal does not know the log's head");
        }
    }
}
