//! One event with everything that proves it, in one document that verifies
//! offline: the checkpoint, and under it the genesis, the announcement, the proof of
//! its nonces and, once they exist, the attestation or the notice that there will be
//! none.
//!
//! The root of trust is the log's verifier key, the oracle's *identity*. A
//! signature of the oracle key proves nothing by itself: whoever can choose the
//! outcomes of enough open events can combine their signatures into one on
//! another message (`docs/threat-model.md`). So nothing is taken from a bundle
//! that is not an entry of the log under a checkpoint of that key.
//!
//! The form is JSON; `docs/bundles.md` describes it for other languages and
//! `vectors/bundles.json` has examples, also of what must be refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::anchor::{Anchor, AnchorError, VerifiedAnchor};
use crate::announcement::Announcement;
use crate::attestation::Attestation;
use crate::event::EventId;
use crate::log_entry::{Genesis, GenesisStatement, LogEntry, LogEntryError, NoticeKind};
use crate::nonce_proof::{NonceProof, NonceProofError};
use crate::policy;
use crate::tlog::checkpoint::{Algorithm, KeyError, NoteError, NoteKey};
use crate::tlog::policy::{NotValid, Policy as WitnessPolicy};
use crate::tlog::tree::{MAX_PROOF, ProofError, leaf_hash, verify_consistency, verify_inclusion};
use crate::tlog::{Checkpoint, Hash, Note};
use crate::verify::{Verified, VerifyError, verify_announcement, verify_attestation};

/// What [`Bundle::format`] says.
pub const BUNDLE_FORMAT: &str = "peercoin-dlc-oracle/bundle/v1";
/// Longest bundle that is read, bytes: policies are the longest part of it.
pub const MAX_BUNDLE_BYTES: usize = 32 * 1024 * 1024;

/// `GET /v1/events/{id}/bundle`. Nothing of it is known to be true before
/// [`Self::verify`]. Members that a reader does not know are passed over, so that
/// later versions can add some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// [`BUNDLE_FORMAT`].
    pub format: String,
    /// The event that it is about.
    pub event_id: String,
    /// A signed checkpoint of the log (C2SP `tlog-checkpoint`), with whatever
    /// cosignatures it had. All proofs lead to it.
    pub checkpoint: String,
    /// Entry 0: who the oracle is.
    pub genesis: Included,
    /// The event's announcement.
    pub announcement: Included,
    /// That whoever announced it knows the scalars of its nonces, if the log says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce_proof: Option<Included>,
    /// Its attestation, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Included>,
    /// The notice that it will never be attested, if that is how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Included>,
    /// The canonical policy document by which the event is decided.
    pub policy: String,
    /// An anchor in Peercoin that covers the entries above, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<CoveringAnchor>,
    /// That the log only grew since the reader's last checkpoint, if the reader
    /// named its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consistency: Option<Consistency>,
}

/// An entry of the log and the way from it to the checkpoint's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Included {
    /// Its position.
    pub leaf_index: u64,
    /// Its bytes (`docs/log-format.md`), base64.
    pub entry: String,
    /// Base64, from the leaf's sibling to the root's child (RFC 6962, 2.1.1).
    pub hashes: Vec<String>,
}

impl Included {
    /// As it is served.
    pub fn new(leaf_index: u64, entry: &[u8], hashes: &[Hash]) -> Self {
        Self {
            leaf_index,
            entry: STANDARD.encode(entry),
            hashes: encode(hashes),
        }
    }
}

/// That the log with `from` entries is the beginning of the checkpoint's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consistency {
    /// Entries of the older checkpoint.
    pub from: u64,
    /// Base64 (RFC 6962, 2.1.2).
    pub hashes: Vec<String>,
}

impl Consistency {
    /// As it is served.
    pub fn new(from: u64, hashes: &[Hash]) -> Self {
        Self {
            from,
            hashes: encode(hashes),
        }
    }
}

/// An anchor, and that the checkpoint continues the anchored one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveringAnchor {
    /// As `GET /v1/anchors` serves it.
    #[serde(flatten)]
    pub anchor: Anchor,
    /// Base64: consistency of the anchored size with the checkpoint.
    pub consistency: Vec<String>,
}

impl CoveringAnchor {
    /// As it is served.
    pub fn new(anchor: Anchor, consistency: &[Hash]) -> Self {
        Self {
            anchor,
            consistency: encode(consistency),
        }
    }
}

fn encode(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| STANDARD.encode(hash)).collect()
}

/// Which part of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundlePart {
    /// Entry 0.
    Genesis,
    /// The announcement.
    Announcement,
    /// The proof of its nonces.
    NonceProof,
    /// The attestation.
    Attestation,
    /// The notice.
    Notice,
    /// The anchor.
    Anchor,
    /// The proof that the log only grew.
    Consistency,
}

impl std::fmt::Display for BundlePart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Genesis => "genesis",
            Self::Announcement => "announcement",
            Self::NonceProof => "nonce_proof",
            Self::Attestation => "attestation",
            Self::Notice => "notice",
            Self::Anchor => "anchor",
            Self::Consistency => "consistency",
        })
    }
}

/// Why a bundle proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Longer than [`MAX_BUNDLE_BYTES`].
    #[error("the bundle is {0} bytes long; at most {MAX_BUNDLE_BYTES} are read")]
    TooLong(usize),
    /// Not JSON, or a member is missing or of another type.
    #[error("not a bundle: {0}")]
    Json(String),
    /// A format that this build does not know.
    #[error("format is {0:?}; this build reads {BUNDLE_FORMAT:?}")]
    Format(String),
    /// Text that is not base64, a hash that is not 32 bytes, or more hashes than
    /// any tree needs.
    #[error("{0}: entry or hashes are not base64 of the right length")]
    Base64(BundlePart),
    /// The checkpoint is not signed by the identity.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
    /// The checkpoint is not cosigned as the reader's policy demands.
    #[error("checkpoint: {0}")]
    Quorum(#[from] NotValid),
    /// The entry is not in that log at that position.
    #[error("{part}: {source}")]
    Inclusion {
        /// Of which part.
        part: BundlePart,
        /// What the proof is not.
        source: ProofError,
    },
    /// The entry does not decode, or the genesis is not signed by its key.
    #[error("{part}: {source}")]
    Entry {
        /// Of which part.
        part: BundlePart,
        /// Why.
        source: LogEntryError,
    },
    /// The entry is of another type, or at another position than it can have.
    #[error("{0}: the proof is of another entry of the log")]
    OtherEntry(BundlePart),
    /// The entry is about another event.
    #[error("{part}: of event {got:?}, not {expected:?}")]
    OtherEvent {
        /// Which part.
        part: BundlePart,
        /// The event that it is about.
        got: String,
        /// The event that the bundle names.
        expected: String,
    },
    /// The genesis is that of another log.
    #[error("genesis: it names log key {got}, the identity is {expected}")]
    OtherLog {
        /// The log key of the genesis, as a verifier key.
        got: String,
        /// The identity.
        expected: String,
    },
    /// The genesis names a log key that is none.
    #[error("genesis: log key: {0}")]
    LogKey(KeyError),
    /// The announcement is by another oracle key than the genesis names.
    #[error("announcement: by oracle key {got}, the log's is {expected}")]
    OtherKey {
        /// In the announcement.
        got: String,
        /// In the genesis.
        expected: String,
    },
    /// A rule or a signature that does not hold.
    #[error("{part}: {source}")]
    Verify {
        /// Which part.
        part: BundlePart,
        /// Which rule.
        source: VerifyError,
    },
    /// The attestation or the proof of nonces is of another announcement, or before it.
    #[error(
        "{part}: it names the announcement at position {got}; the bundle's is at {expected}, and \
         before it"
    )]
    OtherAnnouncement {
        /// Which part.
        part: BundlePart,
        /// The position that it names.
        got: u64,
        /// The position of the bundle's announcement.
        expected: u64,
    },
    /// The proof of nonces is none, or not one of the announcement's.
    #[error(
        "nonce_proof: {0}; whoever announced the event may not know its nonces: do not add it to \
         another oracle's"
    )]
    NonceProof(NonceProofError),
    /// Both an attestation and a notice that there will be none.
    #[error("the bundle has an attestation and a notice that there is none")]
    TwoEnds,
    /// The policy is not the one that was announced.
    #[error("policy: its hash is not the one in the announcement's entry")]
    Policy,
    /// The anchor is false.
    #[error("anchor: {0}")]
    Anchor(#[from] AnchorError),
    /// The anchor does not cover the entries.
    #[error("anchor: it has {size} entries, the bundle's last is at position {last}")]
    AnchorTooEarly {
        /// Entries anchored.
        size: u64,
        /// The highest position.
        last: u64,
    },
    /// The reader saw a later checkpoint before.
    #[error("checkpoint: of {got} entries; one of {known} was seen before")]
    Older {
        /// The bundle's size.
        got: u64,
        /// The remembered size.
        known: u64,
    },
    /// The server says itself that its log is shorter than what the reader saw.
    #[error("checkpoint: a log of {known} entries was seen before; the server says: {detail}")]
    Shorter {
        /// The remembered size.
        known: u64,
        /// The server's words.
        detail: String,
    },
    /// The log is no continuation of the one that the reader saw before.
    #[error("checkpoint: the log is not the one seen before, at {known} entries: {source}")]
    Forked {
        /// The remembered size.
        known: u64,
        /// What the proof is not.
        source: ProofError,
    },
    /// No proof that the log continues the one that the reader saw before.
    #[error("consistency: no proof from {0} entries, which were seen before")]
    NoConsistency(u64),
}

impl BundleError {
    /// A stable name for the kind of error, as the vectors have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "too-long",
            Self::Json(_) => "json",
            Self::Format(_) => "format",
            Self::Base64(_) => "base64",
            Self::Checkpoint(_) => "checkpoint",
            Self::Quorum(_) => "quorum",
            Self::Inclusion { .. } => "inclusion",
            Self::Entry { .. } => "entry",
            Self::OtherEntry(_) => "other-entry",
            Self::OtherEvent { .. } => "other-event",
            Self::OtherLog { .. } | Self::LogKey(_) => "other-log",
            Self::OtherKey { .. } => "other-key",
            Self::Verify { source, .. } => source.name(),
            Self::OtherAnnouncement { .. } => "other-announcement",
            Self::NonceProof(_) => "nonce-proof",
            Self::TwoEnds => "two-ends",
            Self::Policy => "policy",
            Self::Anchor(_) => "anchor",
            Self::AnchorTooEarly { .. } => "anchor-too-early",
            Self::Older { .. } | Self::Shorter { .. } => "older",
            Self::Forked { .. } => "forked",
            Self::NoConsistency(_) => "no-consistency",
        }
    }
}

/// What a bundle proves about its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Who the oracle is.
    pub genesis: GenesisStatement,
    /// Under which head of the log.
    pub checkpoint: Checkpoint,
    /// Who cosigned it, by the names in the reader's policy; empty without one.
    pub cosigned_by: Vec<String>,
    /// What was promised.
    pub announcement: Verified<Announcement>,
    /// Where it stands in the log.
    pub announcement_position: u64,
    /// That whoever announced it knows the scalars of its nonces; `None` if the bundle
    /// does not show it. Only then is a sum with other oracles' points safe against
    /// whoever announced last.
    pub nonce_proof: Option<NonceProof>,
    /// By which policy; [`Self::policy`] is the document of this hash.
    pub policy_hash: [u8; 32],
    /// The canonical document.
    pub policy: String,
    /// How the event ended, if it has.
    pub end: Option<End>,
    /// The anchor that covers all of it, if the bundle has one. That its block is
    /// in the chain is for a node to say.
    pub anchor: Option<VerifiedAnchor>,
}

/// How an event ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With an outcome.
    Attested {
        /// Where the entry stands in the log.
        position: u64,
        /// SHA-256 of the evidence manifest.
        manifest_sha256: [u8; 32],
        /// What was signed.
        attestation: Verified<Attestation>,
    },
    /// Without one: the refund is the only way out.
    Refunded {
        /// Where the entry stands in the log.
        position: u64,
        /// When that was decided, Unix milliseconds.
        time_ms: u64,
        /// Why, in one sentence.
        reason: String,
    },
}

impl End {
    /// Where the entry stands in the log.
    pub fn position(&self) -> u64 {
        match self {
            Self::Attested { position, .. } | Self::Refunded { position, .. } => *position,
        }
    }
}

impl Proven {
    /// The attestation, if the event ended with one.
    pub fn attestation(&self) -> Option<&Verified<Attestation>> {
        match &self.end {
            Some(End::Attested { attestation, .. }) => Some(attestation),
            Some(End::Refunded { .. }) | None => None,
        }
    }
}

impl Bundle {
    /// Reads a bundle; nothing is checked but its form.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > MAX_BUNDLE_BYTES {
            return Err(BundleError::TooLong(bytes.len()));
        }
        let bundle: Self =
            serde_json::from_slice(bytes).map_err(|e| BundleError::Json(e.to_string()))?;
        if bundle.format == BUNDLE_FORMAT {
            Ok(bundle)
        } else {
            Err(BundleError::Format(bundle.format))
        }
    }

    /// The identity that the bundle itself names: of use to who has none, and no
    /// proof of anything.
    pub fn named_identity(&self) -> Result<NoteKey, BundleError> {
        let entry = decoded(BundlePart::Genesis, &self.genesis.entry)?;
        identity_of(&genesis(&entry)?.statement)
    }

    /// Checks everything that it holds against the log's verifier key, and against
    /// the reader's policy of witnesses where there is one.
    pub fn verify(
        &self,
        identity: &NoteKey,
        witnesses: Option<&WitnessPolicy>,
    ) -> Result<Proven, BundleError> {
        let note = Note::parse(&self.checkpoint)?;
        let checkpoint = note.verify(identity)?.clone();
        let cosigned_by = match witnesses {
            Some(policy) => policy
                .check(&note)?
                .iter()
                .map(|cosigned| cosigned.witness.name.clone())
                .collect(),
            None => Vec::new(),
        };
        let statement = self.genesis(&checkpoint, identity)?;
        let (policy_hash, announcement) = self.announcement(&checkpoint, &statement)?;
        let nonce_proof = self.nonce_proof(&checkpoint, &announcement)?;
        let end = self.end(&checkpoint, &announcement)?;
        if policy::policy_hash(self.policy.as_bytes()) != policy_hash {
            return Err(BundleError::Policy);
        }
        let proven_at = self.nonce_proof.as_ref().map(|part| part.leaf_index);
        let ended_at = end.as_ref().map(End::position);
        let last = self.announcement.leaf_index;
        let last = last.max(proven_at.max(ended_at).unwrap_or_default());
        Ok(Proven {
            anchor: self.anchor(&checkpoint, identity, last)?,
            genesis: statement,
            checkpoint,
            cosigned_by,
            announcement,
            announcement_position: self.announcement.leaf_index,
            nonce_proof,
            policy_hash,
            policy: self.policy.clone(),
            end,
        })
    }

    /// Checks that the log of `checkpoint`, which [`Self::verify`] answered, is the
    /// one that the reader saw before with this size and root, or its continuation.
    pub fn continues(
        &self,
        checkpoint: &Checkpoint,
        known: &Checkpoint,
    ) -> Result<(), BundleError> {
        let (got, size) = (checkpoint.size, known.size);
        if got < size {
            return Err(BundleError::Older { got, known: size });
        }
        let hashes = match &self.consistency {
            Some(proof) if proof.from == size => {
                decoded_all(BundlePart::Consistency, &proof.hashes)?
            }
            _ if got == size => Vec::new(),
            _ => return Err(BundleError::NoConsistency(size)),
        };
        verify_consistency(size, &known.root, got, &checkpoint.root, &hashes).map_err(|source| {
            BundleError::Forked {
                known: size,
                source,
            }
        })
    }

    fn genesis(
        &self,
        checkpoint: &Checkpoint,
        identity: &NoteKey,
    ) -> Result<GenesisStatement, BundleError> {
        const PART: BundlePart = BundlePart::Genesis;
        if self.genesis.leaf_index != 0 {
            return Err(BundleError::OtherEntry(PART));
        }
        let genesis = genesis(&included(PART, &self.genesis, checkpoint)?)?;
        genesis
            .verify()
            .map_err(|source| BundleError::Entry { part: PART, source })?;
        let named = identity_of(&genesis.statement)?;
        if named != *identity {
            return Err(BundleError::OtherLog {
                got: named.to_string(),
                expected: identity.to_string(),
            });
        }
        Ok(genesis.statement)
    }

    fn announcement(
        &self,
        checkpoint: &Checkpoint,
        genesis: &GenesisStatement,
    ) -> Result<([u8; 32], Verified<Announcement>), BundleError> {
        const PART: BundlePart = BundlePart::Announcement;
        let LogEntry::Announcement {
            policy_hash,
            announcement,
        } = entry(PART, &included(PART, &self.announcement, checkpoint)?)?
        else {
            return Err(BundleError::OtherEntry(PART));
        };
        self.is_about(PART, &announcement.event.event_id)?;
        let (got, expected) = (announcement.oracle_public_key, genesis.oracle_public_key);
        if got != expected {
            return Err(BundleError::OtherKey {
                got: got.to_string(),
                expected: expected.to_string(),
            });
        }
        let announcement = verify_announcement(announcement)
            .map_err(|source| BundleError::Verify { part: PART, source })?;
        Ok((policy_hash, announcement))
    }

    fn nonce_proof(
        &self,
        checkpoint: &Checkpoint,
        announcement: &Announcement,
    ) -> Result<Option<NonceProof>, BundleError> {
        const PART: BundlePart = BundlePart::NonceProof;
        let Some(part) = &self.nonce_proof else {
            return Ok(None);
        };
        let LogEntry::NonceProof {
            announcement_position,
            proof,
        } = entry(PART, &included(PART, part, checkpoint)?)?
        else {
            return Err(BundleError::OtherEntry(PART));
        };
        self.check_place(PART, part, announcement_position)?;
        let proof = NonceProof::from_bytes(&proof).map_err(BundleError::NonceProof)?;
        proof
            .verify(announcement)
            .map_err(BundleError::NonceProof)?;
        Ok(Some(proof))
    }

    /// Whether a part that names the announcement at `got` names this bundle's, and
    /// comes after it.
    fn check_place(&self, part: BundlePart, entry: &Included, got: u64) -> Result<(), BundleError> {
        let expected = self.announcement.leaf_index;
        if got == expected && entry.leaf_index > expected {
            return Ok(());
        }
        Err(BundleError::OtherAnnouncement {
            part,
            got,
            expected,
        })
    }

    fn end(
        &self,
        checkpoint: &Checkpoint,
        announcement: &Verified<Announcement>,
    ) -> Result<Option<End>, BundleError> {
        match (&self.attestation, &self.notice) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(BundleError::TwoEnds),
            (Some(part), None) => self.attested(part, checkpoint, announcement).map(Some),
            (None, Some(part)) => self.refunded(part, checkpoint).map(Some),
        }
    }

    fn attested(
        &self,
        part: &Included,
        checkpoint: &Checkpoint,
        announcement: &Verified<Announcement>,
    ) -> Result<End, BundleError> {
        const PART: BundlePart = BundlePart::Attestation;
        let LogEntry::Attestation {
            announcement_position: got,
            manifest_sha256,
            attestation,
        } = entry(PART, &included(PART, part, checkpoint)?)?
        else {
            return Err(BundleError::OtherEntry(PART));
        };
        self.check_place(PART, part, got)?;
        let attestation = verify_attestation(attestation, announcement)
            .map_err(|source| BundleError::Verify { part: PART, source })?;
        Ok(End::Attested {
            position: part.leaf_index,
            manifest_sha256,
            attestation,
        })
    }

    fn refunded(&self, part: &Included, checkpoint: &Checkpoint) -> Result<End, BundleError> {
        const PART: BundlePart = BundlePart::Notice;
        let LogEntry::Notice {
            kind: NoticeKind::Refund,
            event_id,
            time_ms,
            reason,
        } = entry(PART, &included(PART, part, checkpoint)?)?
        else {
            return Err(BundleError::OtherEntry(PART));
        };
        self.is_about(PART, &event_id)?;
        Ok(End::Refunded {
            position: part.leaf_index,
            time_ms,
            reason,
        })
    }

    fn anchor(
        &self,
        checkpoint: &Checkpoint,
        identity: &NoteKey,
        last: u64,
    ) -> Result<Option<VerifiedAnchor>, BundleError> {
        let Some(covering) = &self.anchor else {
            return Ok(None);
        };
        let anchor = covering.anchor.verify()?;
        let anchored = anchor.note.verify(identity)?;
        let hashes = decoded_all(BundlePart::Anchor, &covering.consistency)?;
        verify_consistency(
            anchored.size,
            &anchored.root,
            checkpoint.size,
            &checkpoint.root,
            &hashes,
        )
        .map_err(|source| BundleError::Inclusion {
            part: BundlePart::Anchor,
            source,
        })?;
        let size = anchored.size;
        if size <= last {
            return Err(BundleError::AnchorTooEarly { size, last });
        }
        Ok(Some(anchor))
    }

    fn is_about(&self, part: BundlePart, got: &EventId) -> Result<(), BundleError> {
        if got.as_str() == self.event_id {
            return Ok(());
        }
        Err(BundleError::OtherEvent {
            part,
            got: got.to_string(),
            expected: self.event_id.clone(),
        })
    }
}

/// The verifier key of the log that a genesis begins.
pub fn identity_of(genesis: &GenesisStatement) -> Result<NoteKey, BundleError> {
    NoteKey::new(
        &genesis.log_origin,
        Algorithm::Ed25519,
        &genesis.log_public_key,
    )
    .map_err(BundleError::LogKey)
}

fn genesis(bytes: &[u8]) -> Result<Genesis, BundleError> {
    match entry(BundlePart::Genesis, bytes)? {
        LogEntry::Genesis(genesis) => Ok(genesis),
        _ => Err(BundleError::OtherEntry(BundlePart::Genesis)),
    }
}

fn entry(part: BundlePart, bytes: &[u8]) -> Result<LogEntry, BundleError> {
    LogEntry::from_bytes(bytes).map_err(|source| BundleError::Entry { part, source })
}

/// The entry's bytes, which are in the log of the checkpoint.
fn included(
    part: BundlePart,
    included: &Included,
    checkpoint: &Checkpoint,
) -> Result<Vec<u8>, BundleError> {
    let entry = decoded(part, &included.entry)?;
    let hashes = decoded_all(part, &included.hashes)?;
    let (index, size) = (included.leaf_index, checkpoint.size);
    verify_inclusion(&leaf_hash(&entry), index, size, &hashes, &checkpoint.root)
        .map_err(|source| BundleError::Inclusion { part, source })?;
    Ok(entry)
}

fn decoded(part: BundlePart, text: &str) -> Result<Vec<u8>, BundleError> {
    STANDARD.decode(text).map_err(|_| BundleError::Base64(part))
}

fn decoded_all(part: BundlePart, hashes: &[String]) -> Result<Vec<Hash>, BundleError> {
    if hashes.len() > MAX_PROOF {
        return Err(BundleError::Base64(part));
    }
    let decode = |text: &String| {
        let bytes = decoded(part, text)?;
        bytes.try_into().map_err(|_| BundleError::Base64(part))
    };
    hashes.iter().map(decode).collect()
}
