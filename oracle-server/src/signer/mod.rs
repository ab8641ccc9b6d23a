//! The only secrets of the project.
//!
//! Four typed calls: announce these drafts, prove the nonces of what was announced,
//! attest these committed outcomes, sign this statement; never a raw hash. The order inside [`Signer::attest`]
//! is the safety: check the clock, journal the promise durably, sign, check
//! against the announced nonces, and only then let anything out. A threshold
//! group can stand behind the same calls.
//!
//! Keys, nonces and the seed never leave this module. They are cleared on
//! drop; copies that the compiler leaves on the stack cannot be.

#![allow(
    clippy::disallowed_types,
    reason = "the one module that handles secret keys"
)]

mod announce;
mod attest;
mod error;
mod gate;
mod journal;
mod keystore;
mod nonce;
mod nostr;
mod parallel;
mod record;
mod scan;
mod sign;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, TryLockError};

use ed25519_dalek::Signer as _;
use oracle_schema::log_entry::GenesisStatement;
use oracle_schema::tlog::Checkpoint;
use secp256k1::XOnlyPublicKey;
use secp256k1::schnorr::Signature;
use secrecy::SecretString;
use zeroize::Zeroize as _;

use crate::clock::Clock;
use crate::lifecycle::IntentKind;

pub use announce::{Announced, Draft, SignedAnnouncement};
pub use attest::SignedAttestation;
pub use error::SignerError;
pub use gate::{Gate, Signing};
pub use journal::JournalId;
pub use keystore::read_passphrase;
pub use nostr::{NostrStatement, NostrTags};
pub use record::{JournalHead, JournalRecord};
pub use scan::JournalRecords;

use journal::Journal;
use keystore::Secrets;
use nonce::NonceSeed;
pub use nonce::TooLong;
use sign::OracleKey;

/// How far the clock may stand behind committed work, ms.
const CLOCK_TOLERANCE_MS: i64 = 60_000;

/// Where the signer's files are.
#[derive(Debug, Clone)]
pub struct SignerConfig {
    /// `age` file.
    pub keystore: PathBuf,
    /// Of the keystore; see [`read_passphrase`].
    pub passphrase: SecretString,
    /// Signing journal.
    pub journal: PathBuf,
}

/// What `init` made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKeys {
    /// The oracle's key P.
    pub public_key: XOnlyPublicKey,
    /// Ed25519 key of the log.
    pub log_public_key: [u8; 32],
    /// The journal that may sign.
    pub journal_id: JournalId,
}

/// What the oracle key states beside announcements and attestations.
#[derive(Debug, Clone, Copy)]
pub enum Statement<'a> {
    /// The first log entry, which binds the log key to the oracle key.
    Genesis(&'a GenesisStatement),
    /// A Nostr event around one of the oracle's verified messages (NIP-01).
    Nostr(&'a NostrStatement),
}

/// The keys, the journal and the clock, behind typed calls.
///
/// All calls take `&self` and block on disk and arithmetic: use it from
/// blocking threads.
pub struct Signer {
    key: OracleKey,
    nonces: NonceSeed,
    /// Boxed, since whatever is moved leaves a copy where it was.
    log_key: Box<ed25519_dalek::SigningKey>,
    network: String,
    journal: Mutex<Journal>,
    journal_id: JournalId,
    clock: Arc<dyn Clock>,
    high_water_ms: AtomicI64,
    gate: Arc<Gate>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("public_key", &self.public_key())
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// Makes a keystore and an empty journal; refuses where either exists.
    pub fn create(cfg: &SignerConfig, network: &str) -> Result<PublicKeys, SignerError> {
        Self::create_with_work_factor(cfg, network, keystore::WORK_FACTOR)
    }

    /// [`Signer::create`] with scrypt's log2 N given: for tests, which have no time.
    pub fn create_with_work_factor(
        cfg: &SignerConfig,
        network: &str,
        work_factor: u8,
    ) -> Result<PublicKeys, SignerError> {
        for path in [&cfg.keystore, &cfg.journal] {
            if std::fs::symlink_metadata(path).is_ok() {
                return Err(SignerError::Exists { path: path.clone() });
            }
        }
        let secrets = Secrets::generate(network)?;
        secrets.write(&cfg.keystore, cfg.passphrase.clone(), work_factor)?;
        let public_key = OracleKey::new(&secrets.signing_key).public();
        Ok(PublicKeys {
            public_key,
            log_public_key: log_key(&secrets).verifying_key().to_bytes(),
            journal_id: Journal::create(&cfg.journal, &public_key.to_byte_array())?,
        })
    }

    /// Makes an empty journal for an existing keystore (`init --join`).
    pub fn create_journal(cfg: &SignerConfig) -> Result<PublicKeys, SignerError> {
        let secrets = Secrets::read(&cfg.keystore, cfg.passphrase.clone())?;
        let public_key = OracleKey::new(&secrets.signing_key).public();
        Ok(PublicKeys {
            public_key,
            log_public_key: log_key(&secrets).verifying_key().to_bytes(),
            journal_id: Journal::create(&cfg.journal, &public_key.to_byte_array())?,
        })
    }

    /// Whether the passphrase opens the keystore, and whose it is: the oracle's key and
    /// the network. The journal is left alone.
    pub fn look(
        keystore: &Path,
        passphrase: SecretString,
    ) -> Result<(XOnlyPublicKey, String), SignerError> {
        let keys = Keys::read(keystore, passphrase);
        clear_stack();
        let keys = keys?;
        Ok((keys.key.public(), keys.network))
    }

    /// Decrypts the keystore; locks the journal and verifies all of it.
    pub fn open(cfg: SignerConfig, clock: Arc<dyn Clock>) -> Result<Self, SignerError> {
        Self::open_with(cfg, clock, || std::process::abort())
    }

    fn open_with(
        cfg: SignerConfig,
        clock: Arc<dyn Clock>,
        on_fatal: fn(),
    ) -> Result<Self, SignerError> {
        let keys = Keys::read(&cfg.keystore, cfg.passphrase);
        clear_stack();
        let Keys {
            key,
            nonces,
            log_key,
            network,
        } = keys?;
        let public_key = key.public();
        let journal = Journal::open(&cfg.journal, &public_key.to_byte_array(), on_fatal)?;
        Ok(Self {
            nonces,
            log_key,
            network,
            journal_id: journal.id(),
            journal: Mutex::new(journal),
            key,
            clock,
            high_water_ms: AtomicI64::new(i64::MIN),
            gate: Arc::default(),
        })
    }

    /// The oracle's key P.
    pub fn public_key(&self) -> XOnlyPublicKey {
        self.key.public()
    }

    /// Ed25519 key of the log.
    pub fn log_public_key(&self) -> [u8; 32] {
        self.log_key.verifying_key().to_bytes()
    }

    /// As given to `init`: `peercoin`, `peercoin-testnet` or `peercoin-regtest`.
    pub fn network(&self) -> &str {
        &self.network
    }

    /// Name of the open journal.
    pub fn journal_id(&self) -> JournalId {
        self.journal_id
    }

    /// Whether announcements and attestations are signed; shut until it is opened.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    fn require_open(&self) -> Result<(), SignerError> {
        match self.gate.signing() {
            Signing::On => Ok(()),
            shut => Err(SignerError::Shut {
                reason: shut.reason().to_owned(),
            }),
        }
    }

    /// Time of the last committed work, Unix ms: the clock is not believed when
    /// it stands more than 60 s behind it. Only ever raised, except by a start
    /// whose operator overrode it.
    pub fn set_high_water(&self, ms: i64) {
        self.high_water_ms.store(ms, Ordering::Release);
    }

    /// Raises the high water once work has been committed at `ms`.
    pub fn raise_high_water(&self, ms: i64) {
        self.high_water_ms.fetch_max(ms, Ordering::AcqRel);
    }

    /// Journals refunds, durably. Nothing is signed; a record
    /// of an attestation is refused.
    pub fn record_ends(&self, ends: &[JournalRecord]) -> Result<(), SignerError> {
        if let Some(wrong) = ends.iter().find(|end| end.kind == IntentKind::Attest) {
            return Err(SignerError::NotAnEnd {
                event_id: wrong.event_id.clone(),
            });
        }
        self.journal_append(ends)
    }

    /// Every end in the journal, oldest first, read back from the file: for
    /// reconciling it with the intent rows at a start.
    pub fn journal_records(&self) -> Result<Vec<JournalRecord>, SignerError> {
        self.journal_iter()?.collect()
    }

    /// [`Signer::journal_records`] one at a time, whatever the journal's size.
    pub fn journal_iter(&self) -> Result<JournalRecords, SignerError> {
        self.lock_journal()?.records()
    }

    /// Records that the database has and an older journal lacks; at start,
    /// before anything is signed. An attest record carries its announced
    /// nonces, else its event could not be signed later.
    pub fn append_missing(&self, records: &[JournalRecord]) -> Result<(), SignerError> {
        self.journal_append(records)
    }

    /// The last published head of the log that the journal knows; none in a journal
    /// of an earlier version and in a new one.
    pub fn journal_head(&self) -> Result<Option<JournalHead>, SignerError> {
        Ok(self.lock_journal()?.head())
    }

    /// Writes down that the log was published up to this head; call it when that is
    /// committed, and never before.
    pub fn note_head(&self, head: JournalHead) -> Result<(), SignerError> {
        self.lock_journal()?.note_head(head)
    }

    /// BIP340 signature of a statement; the same statement, the same bytes.
    pub fn statement(&self, statement: Statement<'_>) -> Result<Signature, SignerError> {
        let digest = match statement {
            Statement::Genesis(genesis) => genesis
                .digest()
                .map_err(|e| SignerError::Statement(e.to_string()))?,
            Statement::Nostr(event) => event.signed_by(self)?,
        };
        Ok(self.key.sign(&digest))
    }

    /// Ed25519 signature of a checkpoint (the text of a C2SP signed note) by the
    /// log key. That it follows from the ones before is the store's to ensure.
    pub fn sign_checkpoint(&self, checkpoint: &Checkpoint) -> [u8; 64] {
        let signature = self.log_key.sign(checkpoint.text().as_bytes()).to_bytes();
        clear_stack();
        signature
    }

    /// Why nothing can be journaled any more, if that is so: a write failed, or a thread
    /// died in the middle of one.
    pub fn journal_failure(&self) -> Option<SignerError> {
        let has_failed = match self.journal.try_lock() {
            Ok(journal) => journal.has_failed(),
            // Somebody writes to it.
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Poisoned(_)) => true,
        };
        has_failed.then_some(SignerError::JournalFailed)
    }

    fn journal_append(&self, records: &[JournalRecord]) -> Result<(), SignerError> {
        self.lock_journal()?.append(records)
    }

    fn lock_journal(&self) -> Result<std::sync::MutexGuard<'_, Journal>, SignerError> {
        // A panic inside an append leaves the file in an unknown state.
        self.journal.lock().map_err(|_| SignerError::JournalFailed)
    }
}

/// What a keystore's secrets become.
struct Keys {
    key: OracleKey,
    nonces: NonceSeed,
    log_key: Box<ed25519_dalek::SigningKey>,
    network: String,
}

impl Keys {
    /// Not inlined: what it leaves on the stack is below its caller's, who clears it.
    #[inline(never)]
    fn read(keystore: &Path, passphrase: SecretString) -> Result<Self, SignerError> {
        let secrets = Secrets::read(keystore, passphrase)?;
        let key = OracleKey::new(&secrets.signing_key);
        Ok(Self {
            nonces: NonceSeed::new(&secrets.nonce_seed, &key.public()),
            log_key: Box::new(log_key(&secrets)),
            network: secrets.network.clone(),
            key,
        })
    }
}

fn log_key(secrets: &Secrets) -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&secrets.log_key)
}

/// Overwrites what functions that have returned left below its caller's part of the
/// stack: whatever was moved or passed there by value stays until something else is
/// written over it.
#[inline(never)]
#[allow(
    clippy::large_stack_arrays,
    reason = "the stack is what is cleared; threads have megabytes of it"
)]
fn clear_stack() {
    let mut room = [0_u8; 64 * 1024];
    room.zeroize();
    std::hint::black_box(&room);
}

/// Keeps core dumps and other processes of the same user away from the keys:
/// not dumpable, no core file. Call it first in `main`.
///
/// Pages are not locked in memory: swap is the host's to encrypt or disable.
pub fn harden() -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit};
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    rustix::process::setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    Ok(())
}

/// Proof at compile time that `$secret` lacks each `$forbidden` trait: an
/// implementation would make `Lacks<_>` ambiguous.
macro_rules! lacks {
    ($secret:ty: $($forbidden:path),+) => { $(
        const _: fn() = || {
            trait Lacks<A> {
                fn proof() {}
            }
            impl<T: ?Sized> Lacks<()> for T {}
            #[allow(dead_code, reason = "a name for the second implementation only")]
            struct Forbidden;
            impl<T: ?Sized + $forbidden> Lacks<Forbidden> for T {}
            <$secret as Lacks<_>>::proof();
        };
    )+ };
}
lacks!(nonce::SecretNonce: Clone, fmt::Debug, serde::Serialize);
lacks!(nonce::SecretNonces: Clone, fmt::Debug, serde::Serialize);
lacks!(NonceSeed: Clone, fmt::Debug, serde::Serialize);
lacks!(OracleKey: Clone, fmt::Debug, serde::Serialize);
lacks!(Secrets: Clone, fmt::Debug, serde::Serialize);
lacks!(Signer: Clone, serde::Serialize);
