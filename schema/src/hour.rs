//! Everything that the log got in one hour, in one document: a reader who takes every
//! hour has every announcement and attestation, and never names an event.
//!
//! The entries are a run of the log, `first` to the size of a signed checkpoint. `left`
//! stands for the entries before them: the hashes of the largest complete subtrees,
//! which do not change when the log grows. From both follows the checkpoint's root, so
//! an hour verifies by itself under the identity, and an hour that is over never
//! changes. That hours follow each other without a gap is seen by [`ProvenHour::continues`].
//!
//! The form is JSON (`docs/bundles.md`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::bundle::{BundleError, BundlePart, Included, identity_of};
use crate::log_entry::{GenesisStatement, LogEntry, LogEntryError};
use crate::tlog::checkpoint::{NoteError, NoteKey};
use crate::tlog::tree::{Appended, MAX_PROOF, ProofError, leaf_hash, verify_inclusion};
use crate::tlog::{Checkpoint, Hash, Note};

/// What [`Hour::format`] says.
pub const HOUR_FORMAT: &str = "peercoin-dlc-oracle/hour/v1";
/// Seconds of an hour.
pub const HOUR_S: i64 = 3600;

/// `GET /v1/bundles/{hour}`. Nothing of it is known to be true before [`Self::verify`].
/// Members that a reader does not know are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hour {
    /// [`HOUR_FORMAT`].
    pub format: String,
    /// When it begins, as the address has it: `2026-11-22T16`, UTC.
    pub hour: String,
    /// Whether it is over: then this document never changes.
    pub complete: bool,
    /// The next hour in which the log got something; known once this one is over.
    pub next: Option<String>,
    /// The last checkpoint of the hour (C2SP `tlog-checkpoint`), signed by the log: where
    /// the log got nothing in that hour, the one before.
    pub checkpoint: String,
    /// Entry 0: who the oracle is.
    pub genesis: Included,
    /// Position of the first entry.
    pub first: u64,
    /// Base64, from left to right: the largest complete subtrees of the entries before.
    pub left: Vec<String>,
    /// Base64: the entries (`docs/log-format.md`), up to the checkpoint's size.
    pub entries: Vec<String>,
}

/// Why an hour proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HourError {
    /// Not JSON, or a member is missing or of another type.
    #[error("not an hour's bundle: {0}")]
    Json(String),
    /// A format that this build does not know.
    #[error("format is {0:?}; this build reads {HOUR_FORMAT:?}")]
    Format(String),
    /// The next hour is none, or not a later one; it is named if and only if this one is over.
    #[error("next: {0:?} is not the hour after one that is over, or named too early")]
    Next(String),
    /// It is about another hour than was asked for.
    #[error("hour: {got:?}, not {expected:?}")]
    OtherHour {
        /// In the document.
        got: String,
        /// Asked for.
        expected: String,
    },
    /// Not base64, or not hashes of 32 bytes.
    #[error("{0}: not base64 of the right length")]
    Base64(&'static str),
    /// The checkpoint is not signed by the identity.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
    /// The genesis is not entry 0 of that log, or of another log.
    #[error("{0}")]
    Genesis(Box<BundleError>),
    /// Not in the log.
    #[error("genesis: {0}")]
    Inclusion(ProofError),
    /// `left` is not what a log of `first` entries has.
    #[error("left: {0} entries before are not these subtrees")]
    Left(u64),
    /// As many entries do not lead to the checkpoint's size, or its root.
    #[error("entries: from {first} on they do not make the checkpoint of {size}")]
    Root {
        /// Position of the first.
        first: u64,
        /// Of the checkpoint.
        size: u64,
    },
    /// An entry that does not decode.
    #[error("entry {position}: {source}")]
    Entry {
        /// Its position.
        position: u64,
        /// Why.
        source: LogEntryError,
    },
    /// The hour does not go on where the one before ended.
    #[error("the hours before end at {expected} entries, this one begins at {got}, or elsewhere")]
    Gap {
        /// Where this one begins.
        got: u64,
        /// Where it should.
        expected: u64,
    },
}

impl HourError {
    /// A stable name for the kind of error, as the vectors have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::Format(_) => "format",
            Self::Next(_) => "next",
            Self::OtherHour { .. } => "other-hour",
            Self::Base64(_) => "base64",
            Self::Checkpoint(_) => "checkpoint",
            Self::Genesis(source) => source.name(),
            Self::Inclusion(_) => "inclusion",
            Self::Left(_) => "left",
            Self::Root { .. } => "root",
            Self::Entry { .. } => "entry",
            Self::Gap { .. } => "gap",
        }
    }
}

/// What an hour proves.
#[derive(Debug, Clone)]
pub struct ProvenHour {
    /// Who the oracle is.
    pub genesis: GenesisStatement,
    /// The log at the end of the hour.
    pub checkpoint: Checkpoint,
    /// Position of the first entry.
    pub first: u64,
    /// Whether the server says that it is over.
    pub complete: bool,
    /// Where the server says that the log goes on.
    pub next: Option<String>,
    /// Each with its position in the log; their signatures are not checked yet.
    pub entries: Vec<(u64, LogEntry)>,
    /// Positions of entries of a type, a kind or a version that this build does not know:
    /// they are in the log, and a later build reads them.
    pub unknown: Vec<u64>,
    /// Of all entries, in the order of the log.
    leaves: Vec<Hash>,
    /// The tree before the first entry.
    pub before: Appended,
    /// The tree behind the last.
    pub after: Appended,
}

impl ProvenHour {
    /// The root of the log's first `size` entries; `None` unless the hour begins at or
    /// before them and reaches them.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        let count = usize::try_from(size.checked_sub(self.first)?).ok()?;
        let mut tree = self.before.clone();
        for leaf in self.leaves.get(..count)? {
            tree.append(*leaf);
        }
        Some(tree.root())
    }

    /// How many entries it has, those that this build does not know included.
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether the log got nothing in that hour.
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// That this hour goes on where another ended.
    pub fn continues(&self, before: &Appended) -> Result<(), HourError> {
        if self.before == *before {
            return Ok(());
        }
        Err(HourError::Gap {
            got: self.first,
            expected: before.size(),
        })
    }
}

impl Hour {
    /// Reads an hour; nothing is checked but its form.
    pub fn parse(bytes: &[u8]) -> Result<Self, HourError> {
        let hour: Self =
            serde_json::from_slice(bytes).map_err(|e| HourError::Json(e.to_string()))?;
        if hour.format == HOUR_FORMAT {
            Ok(hour)
        } else {
            Err(HourError::Format(hour.format))
        }
    }

    /// Checks that it is what the log of this identity got in the hour that was asked
    /// for. That the log's times are true nobody can check; and a server can keep back what
    /// came later, as long as the reader has not heard of a later checkpoint: compare the
    /// tree that the last hour leads to with one that witnesses cosigned.
    pub fn verify(&self, hour: &str, identity: &NoteKey) -> Result<ProvenHour, HourError> {
        if self.hour != hour {
            return Err(HourError::OtherHour {
                got: self.hour.clone(),
                expected: hour.to_owned(),
            });
        }
        let is_sound = match &self.next {
            Some(next) => self.complete && begin_of(next).is_some() && next.as_str() > hour,
            None => !self.complete,
        };
        if !is_sound {
            return Err(HourError::Next(self.next.clone().unwrap_or_default()));
        }
        let note = Note::parse(&self.checkpoint)?;
        let checkpoint = note.verify(identity)?.clone();
        let genesis = self.genesis(&checkpoint, identity)?;
        let before = self.before()?;
        let mut after = before.clone();
        let mut leaves = Vec::with_capacity(self.entries.len());
        let (mut entries, mut unknown) = (Vec::with_capacity(self.entries.len()), Vec::new());
        for text in &self.entries {
            let bytes = decoded("entries", text)?;
            let position = after.size();
            let leaf = leaf_hash(&bytes);
            after.append(leaf);
            leaves.push(leaf);
            match LogEntry::from_bytes(&bytes) {
                Ok(entry) => entries.push((position, entry)),
                Err(error) if error.is_of_a_later_version() => unknown.push(position),
                Err(source) => return Err(HourError::Entry { position, source }),
            }
        }
        if (after.size(), after.root()) != (checkpoint.size, checkpoint.root) {
            return Err(HourError::Root {
                first: self.first,
                size: checkpoint.size,
            });
        }
        Ok(ProvenHour {
            genesis,
            checkpoint,
            first: self.first,
            complete: self.complete,
            next: self.next.clone(),
            entries,
            unknown,
            leaves,
            before,
            after,
        })
    }

    fn before(&self) -> Result<Appended, HourError> {
        if self.left.len() > MAX_PROOF {
            return Err(HourError::Base64("left"));
        }
        let hash = |text: &String| -> Result<Hash, HourError> {
            let bytes = decoded("left", text)?;
            bytes.try_into().map_err(|_| HourError::Base64("left"))
        };
        let left = self.left.iter().map(hash).collect::<Result<_, _>>()?;
        Appended::resume(self.first, left).ok_or(HourError::Left(self.first))
    }

    fn genesis(
        &self,
        checkpoint: &Checkpoint,
        identity: &NoteKey,
    ) -> Result<GenesisStatement, HourError> {
        let refused = |error: BundleError| HourError::Genesis(Box::new(error));
        let other_entry = || refused(BundleError::OtherEntry(BundlePart::Genesis));
        if self.genesis.leaf_index != 0 {
            return Err(other_entry());
        }
        let bytes = decoded("genesis", &self.genesis.entry)?;
        if self.genesis.hashes.len() > MAX_PROOF {
            return Err(HourError::Base64("genesis"));
        }
        let hashes = self.genesis.hashes.iter().map(|text| {
            let bytes = decoded("genesis", text)?;
            bytes.try_into().map_err(|_| HourError::Base64("genesis"))
        });
        let hashes = hashes.collect::<Result<Vec<Hash>, _>>()?;
        let (size, root) = (checkpoint.size, &checkpoint.root);
        verify_inclusion(&leaf_hash(&bytes), 0, size, &hashes, root)
            .map_err(HourError::Inclusion)?;
        let entry = |source| HourError::Entry {
            position: 0,
            source,
        };
        let LogEntry::Genesis(genesis) = LogEntry::from_bytes(&bytes).map_err(entry)? else {
            return Err(other_entry());
        };
        genesis.verify().map_err(entry)?;
        let named = identity_of(&genesis.statement).map_err(refused)?;
        if named != *identity {
            return Err(refused(BundleError::OtherLog {
                got: named.to_string(),
                expected: identity.to_string(),
            }));
        }
        Ok(genesis.statement)
    }
}

/// How the hour in which a time lies is named: `2026-11-22T16`, UTC.
pub fn hour_of(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H").to_string()
}

/// When the hour of this name begins. `None` for a day that no calendar has, and for any
/// other spelling than [`hour_of`]'s: each hour has one name.
pub fn begin_of(hour: &str) -> Option<DateTime<Utc>> {
    // Years with a sign, of which there are longer ones, are none of these names.
    if hour.replace(|c: char| c.is_ascii_digit(), "0") != "0000-00-00T00" {
        return None;
    }
    let begin = NaiveDateTime::parse_from_str(&format!("{hour}:00"), "%Y-%m-%dT%H:%M").ok()?;
    let begin = begin.and_utc();
    (hour_of(begin) == hour).then_some(begin)
}

fn decoded(member: &'static str, text: &str) -> Result<Vec<u8>, HourError> {
    STANDARD.decode(text).map_err(|_| HourError::Base64(member))
}
