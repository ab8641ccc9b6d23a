//! A proof that verifies offline: an entry is in a log, at an index, under a
//! signed checkpoint.
//!
//! Source: C2SP `tlog-proof`.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{Note, NoteError, NoteKey};
use super::tree::{MAX_PROOF, ProofError, leaf_hash, verify_inclusion};
use super::{Checkpoint, Hash};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// The place of an entry, the way from it to the root, and the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Extra data: nobody's promise. This log puts the entry itself there, so
    /// that the proof needs nothing beside it.
    pub extra: Option<Vec<u8>>,
    /// The entry's position.
    pub index: u64,
    /// From the leaf's sibling to the root's child.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint.
    pub note: Note,
}

/// Why a text is no proof, or proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// The first line is another.
    #[error("the first line is not {FIRST_LINE:?}")]
    FirstLine,
    /// Anything else about its lines.
    #[error("line {0} is not what it should be")]
    Line(usize),
    /// Nothing to prove: the entry is not among the extra data.
    #[error("the proof does not hold the entry that it is of")]
    NoEntry,
    /// More hashes than any tree needs.
    #[error("more than {MAX_PROOF} hashes")]
    TooMany,
    /// The checkpoint.
    #[error("checkpoint: {0}")]
    Note(#[from] NoteError),
    /// The way to the root.
    #[error("inclusion: {0}")]
    Proof(#[from] ProofError),
}

impl TlogProof {
    /// Checks that `entry` is in the log of `key` where the proof says, and
    /// answers under which checkpoint.
    pub fn verify(&self, entry: &[u8], key: &NoteKey) -> Result<&Checkpoint, TlogProofError> {
        let checkpoint = self.note.verify(key)?;
        verify_inclusion(
            &leaf_hash(entry),
            self.index,
            checkpoint.size,
            &self.hashes,
            &checkpoint.root,
        )?;
        Ok(checkpoint)
    }

    /// The entry that it holds, [verified](Self::verify).
    pub fn entry(&self, key: &NoteKey) -> Result<&[u8], TlogProofError> {
        let entry = self.extra.as_deref().ok_or(TlogProofError::NoEntry)?;
        self.verify(entry, key).map(|_| entry)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{FIRST_LINE}\n");
        if let Some(extra) = &self.extra {
            writeln!(text, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(text, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(text, "{}", STANDARD.encode(hash))?;
        }
        write!(f, "{text}\n{}", self.note.to_text())
    }
}

impl FromStr for TlogProof {
    type Err = TlogProofError;

    fn from_str(text: &str) -> Result<Self, TlogProofError> {
        let (head, note) = text.split_once("\n\n").ok_or(TlogProofError::Line(1))?;
        let mut lines = head.split('\n').enumerate().peekable();
        if lines.next().is_none_or(|(_, line)| line != FIRST_LINE) {
            return Err(TlogProofError::FirstLine);
        }
        let mut extra = None;
        if let Some((n, line)) = lines.next_if(|(_, line)| line.starts_with("extra ")) {
            let data = line.strip_prefix("extra ").unwrap_or_default();
            let data = STANDARD.decode(data);
            extra = Some(data.map_err(|_| TlogProofError::Line(n + 1))?);
        }
        let index = lines
            .next()
            .and_then(|(_, line)| line.strip_prefix("index "))
            .and_then(|text| text.parse::<u64>().ok().filter(|n| n.to_string() == text))
            .ok_or(TlogProofError::Line(2))?;
        let mut hashes = Vec::new();
        for (n, line) in lines {
            let hash = STANDARD.decode(line).ok().and_then(|h| h.try_into().ok());
            hashes.push(hash.ok_or(TlogProofError::Line(n + 1))?);
            if hashes.len() > MAX_PROOF {
                return Err(TlogProofError::TooMany);
            }
        }
        let note = Note::parse(note)?;
        Ok(Self {
            extra,
            index,
            hashes,
            note,
        })
    }
}
