//! Why the signer did not do it.

use std::io;
use std::path::{Path, PathBuf};

use oracle_schema::{EventId, Maturity};

/// Why the signer refused or failed. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// `init` never overwrites.
    #[error("{path} already exists")]
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// The system refused a file operation.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// Verb: `read`, `create`, `lock`, ….
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system has no randomness to make keys from.
    #[error("no randomness from the system: {0}")]
    Random(getrandom::Error),
    /// A file with secrets that others can read.
    #[error("{path} has mode {mode:03o}; it holds a secret, only its owner may read it (600)")]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Neither a configured file nor a systemd credential.
    #[error("no passphrase: set signer.passphrase_file or the systemd credential `passphrase`")]
    NoPassphrase,
    /// An empty passphrase protects nothing.
    #[error("the passphrase in {path} is empty or not UTF-8")]
    BadPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// Wrong passphrase, or not a keystore of this service.
    #[error("keystore {path}: {reason}")]
    Keystore {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No journal: only `init` makes one, so it was lost or is elsewhere.
    #[error(
        "journal {path} is missing; restore it, an older copy is completed from the database \
         (docs/starting.md)"
    )]
    JournalMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The journal is not what this service wrote.
    #[error(
        "journal is corrupt at byte {offset}: {reason}; restore a copy, an older one is completed \
         from the database (docs/starting.md)"
    )]
    JournalCorrupt {
        /// First byte of the damaged header or record.
        offset: u64,
        /// What does not fit.
        reason: &'static str,
    },
    /// Another process signs with it.
    #[error("journal {path} is in use by another process; stop that one")]
    JournalLocked {
        /// The file.
        path: PathBuf,
    },
    /// The journal belongs to another oracle.
    #[error(
        "journal belongs to oracle {found}, the keystore to {expected}; [signer] names files of \
         two oracles"
    )]
    JournalWrongKey {
        /// x-only hex in the journal.
        found: String,
        /// x-only hex of the keystore.
        expected: String,
    },
    /// A write failed once; what is on the disk is unknown until a restart.
    #[error("journal write failed; nothing is signed until a restart has read it back")]
    JournalFailed,
    /// A record that no event of this service can produce.
    #[error("journal record of {event_id} is {got} bytes; at most {max} are allowed")]
    JournalRecordTooLarge {
        /// The event.
        event_id: String,
        /// Length found, bytes.
        got: usize,
        /// Length allowed, bytes.
        max: usize,
    },
    /// The event has another end already. Nothing of the batch was written.
    #[error("event {event_id} is already journaled as {existing}; refused: {requested}")]
    Conflict {
        /// The event.
        event_id: String,
        /// What the journal holds.
        existing: String,
        /// What was asked for.
        requested: String,
    },
    /// An attestation where only a refund is recorded.
    #[error("event {event_id} is to be attested; that is not an end without a signature")]
    NotAnEnd {
        /// The event.
        event_id: String,
    },
    /// Nothing is signed before maturity.
    #[error("event {event_id} matures at {maturity}; refused at {now}")]
    NotMatured {
        /// The event.
        event_id: EventId,
        /// Its maturity.
        maturity: Maturity,
        /// The signer's clock, RFC 3339.
        now: String,
    },
    /// The start's checks are not over, or somebody contradicted the log.
    #[error("nothing is signed: {reason}")]
    Shut {
        /// Why.
        reason: String,
    },
    /// The clock lies: committed work is later than it.
    #[error("clock is {behind_ms} ms behind the last committed work")]
    ClockBehind {
        /// How far.
        behind_ms: i64,
    },
    /// A statement that has no bytes to sign.
    #[error("statement: {0}")]
    Statement(String),
    /// A draft that cannot be announced.
    #[error("event {event_id} cannot be announced: {reason}")]
    Draft {
        /// The event.
        event_id: EventId,
        /// Why not.
        reason: String,
    },
    /// What was announced is not what this keystore announces. Nothing is proven of
    /// it.
    #[error(
        "the nonces of {event_id} cannot be proven: the stored announcement is not the one that \
         this keystore makes of the event; its row was changed, or the keystore is another one"
    )]
    OtherAnnouncement {
        /// The event.
        event_id: EventId,
    },
    /// A ticket whose parts do not belong together.
    #[error("committed outcome of {event_id} does not fit its announcement: {reason}")]
    Ticket {
        /// The event.
        event_id: EventId,
        /// What does not fit.
        reason: &'static str,
    },
    /// A signature that does not fit its announced nonce. An alarm: the store's
    /// nonces are not this keystore's, or memory is faulty. Nothing left.
    #[error("signatures of {event_id} do not fit the announced nonces; nothing was released")]
    CheckFailed {
        /// The event.
        event_id: EventId,
    },
    /// A derived scalar was zero; has probability 2^-256.
    #[error("arithmetic edge while signing {event_id}")]
    Arithmetic {
        /// The event.
        event_id: EventId,
    },
}

impl SignerError {
    /// Whether one event of the batch is at fault, so that the others can go on
    /// without it; else the machine, the journal or the clock is.
    pub fn is_about_the_event(&self) -> bool {
        matches!(
            self,
            Self::JournalRecordTooLarge { .. }
                | Self::Conflict { .. }
                | Self::NotAnEnd { .. }
                | Self::NotMatured { .. }
                | Self::Draft { .. }
                | Self::OtherAnnouncement { .. }
                | Self::Ticket { .. }
                | Self::CheckFailed { .. }
                | Self::Arithmetic { .. }
        )
    }

    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            what,
            path: path.to_owned(),
            source,
        }
    }
}
