//! Entries of the public log: everything the oracle ever promised or said.
//!
//! An entry is `u8 version ‖ u8 type ‖ body`; `docs/log-format.md` gives the
//! bodies for implementers in other languages and `vectors/log_entries.json`
//! examples. An entry has exactly one encoding: what [`LogEntry::from_bytes`]
//! accepts, [`LogEntry::to_bytes`] writes back to the byte.

mod status;

use secp256k1::XOnlyPublicKey;
use secp256k1::schnorr::Signature;

use crate::announcement::{Announcement, Promise};
use crate::attestation::Attestation;
use crate::codec::{CodecError, KnownPoint, Layout, Reader, put_string};
use crate::event::{EventId, IdError, MAX_STRING_BYTES};
use crate::nonce_proof::NonceProof;
use crate::operator::{ActionError, MAX_BODY_BYTES, OperatorAction};
use crate::tag::tagged_hash;

pub use status::{Status, StatusKind};

/// Version of the entry format.
pub const ENTRY_VERSION: u8 = 1;
/// Longest entry, bytes: the C2SP tile format gives it a `u16` length.
pub const MAX_ENTRY_BYTES: usize = 65_535;
/// Tag of the digest that binds the log key to the oracle key.
pub const GENESIS_TAG: &str = "peercoin-dlc-oracle/genesis/v1";

const GENESIS: u8 = 0;
const ANNOUNCEMENT: u8 = 1;
const ATTESTATION: u8 = 2;
const NOTICE: u8 = 3;
const OPERATOR_ACTION: u8 = 4;
const STATUS: u8 = 5;
const NONCE_PROOF: u8 = 6;

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEntry {
    /// The first entry of a log, and only that.
    Genesis(Genesis),
    /// An event was announced.
    Announcement {
        /// SHA-256 of the policy document the event is decided by.
        policy_hash: [u8; 32],
        /// The announcement.
        announcement: Announcement,
    },
    /// An event was attested.
    Attestation {
        /// Position in the log of the event's announcement.
        announcement_position: u64,
        /// SHA-256 of the canonical evidence manifest.
        manifest_sha256: [u8; 32],
        /// The attestation; it has an event id.
        attestation: Attestation,
    },
    /// An event will never be attested.
    Notice {
        /// In what way it ended.
        kind: NoticeKind,
        /// The event.
        event_id: EventId,
        /// When that was decided, Unix milliseconds.
        time_ms: u64,
        /// Why, in one sentence.
        reason: String,
    },
    /// A named operator did something, under their own signature.
    OperatorAction(OperatorAction),
    /// An announced event is proposed, held or late.
    Status(Status),
    /// Whoever announced knows the scalars of the announced nonces.
    NonceProof {
        /// Position in the log of the announcement.
        announcement_position: u64,
        /// A [`crate::nonce_proof::NonceProof`]; whether it is one of that
        /// announcement is not checked here, as it is not of a signature.
        proof: [u8; NonceProof::BYTES],
    },
}

/// How an event ended without an attestation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Announced, and never to be attested.
    Refund,
    /// Never announced.
    Withdrawn,
}

impl NoticeKind {
    fn code(self) -> u8 {
        match self {
            Self::Refund => 1,
            Self::Withdrawn => 2,
        }
    }
}

/// What the oracle says about itself when its log begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenesisStatement {
    /// Network name, for example `peercoin-testnet`.
    pub network: String,
    /// The key that announces and attests.
    pub oracle_public_key: XOnlyPublicKey,
    /// Ed25519 key that signs the log's checkpoints.
    pub log_public_key: [u8; 32],
    /// Origin line of the checkpoints.
    pub log_origin: String,
    /// When the log began, Unix milliseconds.
    pub created_ms: u64,
}

impl GenesisStatement {
    /// The digest that the oracle key signs (BIP340): [`GENESIS_TAG`] over the
    /// entry's bytes before the signature, version and type included.
    pub fn digest(&self) -> Result<[u8; 32], LogEntryError> {
        self.to_bytes()
            .map(|bytes| tagged_hash(GENESIS_TAG, &[&bytes]))
    }

    fn to_bytes(&self) -> Result<Vec<u8>, LogEntryError> {
        let mut out = vec![ENTRY_VERSION, GENESIS];
        put_checked("network", &mut out, &self.network, 1)?;
        out.extend_from_slice(&self.oracle_public_key.to_byte_array());
        out.extend_from_slice(&self.log_public_key);
        put_checked("log_origin", &mut out, &self.log_origin, 1)?;
        out.extend_from_slice(&self.created_ms.to_be_bytes());
        Ok(out)
    }
}

/// A [`GenesisStatement`] and the oracle key's signature over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// What is stated.
    pub statement: GenesisStatement,
    /// BIP340 over [`GenesisStatement::digest`].
    pub signature: Signature,
}

impl Genesis {
    /// Checks that the oracle key named in the statement signed it.
    pub fn verify(&self) -> Result<(), LogEntryError> {
        let digest = self.statement.digest()?;
        self.signature
            .verify(&digest, &self.statement.oracle_public_key)
            .map_err(|_| LogEntryError::GenesisSignature)
    }
}

/// Why bytes are not a log entry, or an entry has no bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogEntryError {
    /// More than [`MAX_ENTRY_BYTES`].
    #[error("log entry is {0} bytes long; at most {MAX_ENTRY_BYTES} are allowed")]
    EntryTooLong(usize),
    /// A version this build does not know.
    #[error("log entry version {0}; this build reads {ENTRY_VERSION}")]
    Version(u8),
    /// A type this version does not have.
    #[error("log entry type {0} is unknown")]
    Type(u8),
    /// A notice of a kind this version does not have.
    #[error("notice kind {0} is unknown")]
    NoticeKind(u8),
    /// A status of a kind this version does not have.
    #[error("status kind {0} is unknown")]
    StatusKind(u8),
    /// A verb of an operator that this version does not have.
    #[error("operator verb {0} is unknown")]
    Verb(u8),
    /// A body longer than an operator's request may have.
    #[error("body is {0} bytes long; at most {MAX_BODY_BYTES} are allowed")]
    OperatorBody(usize),
    /// A text that is empty and must not be, or is too long.
    #[error("{field} is {got} bytes long; it must be {min} to {MAX_STRING_BYTES}")]
    Text {
        /// Which text.
        field: &'static str,
        /// Length found, bytes.
        got: usize,
        /// Length required, bytes.
        min: usize,
    },
    /// An event id that is not one.
    #[error("event_id: {0}")]
    EventId(#[from] IdError),
    /// A message that is not in the one form the log holds: TLV with header,
    /// spec layout, event id present.
    #[error("{0} is not in the form that the log holds")]
    NotCanonical(&'static str),
    /// A field that does not decode; offsets count from the start of the entry,
    /// inside a message from the start of the message.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The genesis is not signed by the key it names.
    #[error("genesis signature is not valid")]
    GenesisSignature,
    /// An operator's action is not what the operator signed.
    #[error("operator action: {0}")]
    OperatorAction(#[from] ActionError),
}

impl LogEntryError {
    /// Whether an entry is well made as far as this build can tell, and means something
    /// that it does not know.
    pub fn is_of_a_later_version(&self) -> bool {
        matches!(
            self,
            Self::Version(_)
                | Self::Type(_)
                | Self::NoticeKind(_)
                | Self::StatusKind(_)
                | Self::Verb(_)
        )
    }

    /// A stable name for the kind of error, as the vectors have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::EntryTooLong(_) => "entry-too-long",
            Self::Version(_) => "version",
            Self::Type(_) => "entry-type",
            Self::NoticeKind(_) => "notice-kind",
            Self::StatusKind(_) => "status-kind",
            Self::Verb(_) => "operator-verb",
            Self::OperatorBody(_) => "too-long",
            Self::Text { .. } => "text",
            Self::EventId(_) => "event-id",
            Self::NotCanonical(_) => "not-canonical",
            Self::Codec(error) => error.name(),
            Self::GenesisSignature => "genesis-signature",
            Self::OperatorAction(_) => "operator-action",
        }
    }
}

impl LogEntry {
    /// The entry as the log holds and hashes it.
    ///
    /// Fails on a text outside its bounds, an attestation without event id and
    /// an entry over [`MAX_ENTRY_BYTES`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, LogEntryError> {
        let out = match self {
            Self::Genesis(genesis) => {
                let mut out = genesis.statement.to_bytes()?;
                out.extend_from_slice(genesis.signature.as_byte_array());
                out
            }
            Self::Announcement {
                policy_hash,
                announcement,
            } => {
                let mut out = vec![ENTRY_VERSION, ANNOUNCEMENT];
                out.extend_from_slice(policy_hash);
                out.extend_from_slice(&announcement.to_tlv());
                out
            }
            Self::Attestation {
                announcement_position,
                manifest_sha256,
                attestation,
            } => {
                if attestation.event_id.is_none() {
                    return Err(LogEntryError::NotCanonical("attestation"));
                }
                let mut out = vec![ENTRY_VERSION, ATTESTATION];
                out.extend_from_slice(&announcement_position.to_be_bytes());
                out.extend_from_slice(manifest_sha256);
                out.extend_from_slice(&attestation.to_tlv(Layout::Spec));
                out
            }
            Self::Notice {
                kind,
                event_id,
                time_ms,
                reason,
            } => {
                let mut out = vec![ENTRY_VERSION, NOTICE, kind.code()];
                put_string(&mut out, event_id.as_str());
                out.extend_from_slice(&time_ms.to_be_bytes());
                put_checked("reason", &mut out, reason, 0)?;
                out
            }
            Self::OperatorAction(action) => {
                let mut out = vec![ENTRY_VERSION, OPERATOR_ACTION];
                action.write(&mut out)?;
                out
            }
            Self::Status(status) => status.to_bytes()?,
            Self::NonceProof {
                announcement_position,
                proof,
            } => {
                let mut out = vec![ENTRY_VERSION, NONCE_PROOF];
                out.extend_from_slice(&announcement_position.to_be_bytes());
                out.extend_from_slice(proof);
                out
            }
        };
        check_length(&out)?;
        Ok(out)
    }

    /// Checks what an entry says under a signature of its own: the genesis by
    /// the oracle key, an operator's action by the operator's. Announcements
    /// and attestations are [`crate::verify`]'s, proofs of nonces
    /// [`crate::nonce_proof`]'s.
    pub fn verify(&self) -> Result<(), LogEntryError> {
        match self {
            Self::Genesis(genesis) => genesis.verify(),
            Self::OperatorAction(action) => Ok(action.verify()?),
            Self::Announcement { .. }
            | Self::Attestation { .. }
            | Self::Notice { .. }
            | Self::Status(_)
            | Self::NonceProof { .. } => Ok(()),
        }
    }

    /// Reads an entry; signatures and rules are not checked here.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LogEntryError> {
        Self::read(Reader::new(bytes))
    }

    /// The same, faster for entries that name this key, which need not be all:
    /// for who reads the whole log of one oracle.
    pub fn from_bytes_of(bytes: &[u8], key: &XOnlyPublicKey) -> Result<Self, LogEntryError> {
        Self::read(Reader::knowing(bytes, &KnownPoint::from(key)))
    }

    /// Of an announcement's entry that was read before: the policy's hash, and
    /// what an attestation is held against. `None` of any other entry.
    pub fn promise_of(bytes: &[u8], key: &XOnlyPublicKey) -> Option<([u8; 32], Promise)> {
        let known = KnownPoint::from(key);
        let mut reader = Reader::knowing(bytes, &known);
        let kind: [u8; 2] = reader.array("type").ok()?;
        if kind != [ENTRY_VERSION, ANNOUNCEMENT] {
            return None;
        }
        let policy_hash = reader.array("policy_hash").ok()?;
        let promise = Promise::from_message(&reader.message()).ok()?;
        Some((policy_hash, promise))
    }

    fn read(mut reader: Reader<'_>) -> Result<Self, LogEntryError> {
        check_length(reader.remaining())?;
        let version = reader.u8("version")?;
        if version != ENTRY_VERSION {
            return Err(LogEntryError::Version(version));
        }
        match reader.u8("type")? {
            GENESIS => read_genesis(reader).map(Self::Genesis),
            ANNOUNCEMENT => read_announcement(reader),
            ATTESTATION => read_attestation(reader),
            NOTICE => read_notice(reader),
            OPERATOR_ACTION => OperatorAction::read(reader).map(Self::OperatorAction),
            STATUS => Status::read(reader).map(Self::Status),
            NONCE_PROOF => read_nonce_proof(reader),
            other => Err(LogEntryError::Type(other)),
        }
    }
}

fn read_genesis(mut reader: Reader<'_>) -> Result<Genesis, LogEntryError> {
    let statement = GenesisStatement {
        network: text("network", &mut reader)?,
        oracle_public_key: reader.point("oracle_public_key")?,
        log_public_key: reader.array("log_public_key")?,
        log_origin: text("log_origin", &mut reader)?,
        created_ms: reader.u64("created_ms")?,
    };
    let signature = Signature::from_byte_array(reader.array("signature")?);
    reader.end("genesis")?;
    Ok(Genesis {
        statement,
        signature,
    })
}

fn read_announcement(mut reader: Reader<'_>) -> Result<LogEntry, LogEntryError> {
    let policy_hash = reader.array("policy_hash")?;
    let announcement = Announcement::from_message(&reader.message())?;
    // The codec also reads bare bodies; the log holds one form only.
    if announcement.to_tlv() != reader.remaining() {
        return Err(LogEntryError::NotCanonical("announcement"));
    }
    Ok(LogEntry::Announcement {
        policy_hash,
        announcement,
    })
}

fn read_attestation(mut reader: Reader<'_>) -> Result<LogEntry, LogEntryError> {
    let announcement_position = reader.u64("announcement_position")?;
    let manifest_sha256 = reader.array("manifest_sha256")?;
    let (attestation, layout) = Attestation::from_message(&reader.message())?;
    let canonical = layout == Layout::Spec
        && attestation.event_id.is_some()
        && attestation.to_tlv(Layout::Spec) == reader.remaining();
    if !canonical {
        return Err(LogEntryError::NotCanonical("attestation"));
    }
    Ok(LogEntry::Attestation {
        announcement_position,
        manifest_sha256,
        attestation,
    })
}

fn read_notice(mut reader: Reader<'_>) -> Result<LogEntry, LogEntryError> {
    let kind = match reader.u8("kind")? {
        1 => NoticeKind::Refund,
        2 => NoticeKind::Withdrawn,
        other => return Err(LogEntryError::NoticeKind(other)),
    };
    let event_id = EventId::parse(&reader.string("event_id")?)?;
    let time_ms = reader.u64("time_ms")?;
    let reason = reader.string("reason")?;
    reader.end("notice")?;
    Ok(LogEntry::Notice {
        kind,
        event_id,
        time_ms,
        reason,
    })
}

fn read_nonce_proof(mut reader: Reader<'_>) -> Result<LogEntry, LogEntryError> {
    let announcement_position = reader.u64("announcement_position")?;
    let proof = reader.array("proof")?;
    reader.end("nonce proof")?;
    Ok(LogEntry::NonceProof {
        announcement_position,
        proof,
    })
}

fn text(field: &'static str, reader: &mut Reader<'_>) -> Result<String, LogEntryError> {
    let text = reader.string(field)?;
    if text.is_empty() {
        let (got, min) = (0, 1);
        return Err(LogEntryError::Text { field, got, min });
    }
    Ok(text)
}

fn put_checked(
    field: &'static str,
    out: &mut Vec<u8>,
    text: &str,
    min: usize,
) -> Result<(), LogEntryError> {
    let got = text.len();
    if got < min || got > MAX_STRING_BYTES {
        return Err(LogEntryError::Text { field, got, min });
    }
    put_string(out, text);
    Ok(())
}

fn check_length(bytes: &[u8]) -> Result<(), LogEntryError> {
    if bytes.len() > MAX_ENTRY_BYTES {
        return Err(LogEntryError::EntryTooLong(bytes.len()));
    }
    Ok(())
}
