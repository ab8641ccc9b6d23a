//! How a client behaves.

use std::time::Duration;

use oracle_schema::tlog::{NoteKey, Policy};
use secp256k1::XOnlyPublicKey;

use crate::memory::Memory;

/// How a client behaves. The default suits a person at a terminal.
///
/// ```
/// use std::time::Duration;
/// use oracle_client::{Client, NoteKey, Options};
///
/// // From the contract, or `oracle-server identity` at the operator's.
/// let identity: NoteKey =
///     "oracle.example/log+575005b0+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs".parse()?;
/// let options = Options {
///     identity: Some(identity),
///     timeout: Duration::from_secs(5),
///     ..Options::default()
/// };
/// let client = Client::with_options("https://oracle.example/", options)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    /// The oracle's identity: the verifier key of its log, from an offer, a
    /// contract, the operator's own pages. Without it the one that `/v1/oracle`
    /// names first is trusted for the client's lifetime.
    pub identity: Option<NoteKey>,
    /// The witnesses of whom a quorum must have cosigned a checkpoint before
    /// anything is believed under it.
    pub witnesses: Option<Policy>,
    /// What was proven before; by default of this client's lifetime.
    /// [`Memory::open`] keeps it in a file.
    pub memory: Memory,
    /// Return messages under the oracle key that are not proven to be in its log.
    /// Such a message can be forged by whoever chooses the outcomes of enough open
    /// events (`docs/threat-model.md`).
    pub unproven: bool,
    /// The oracle's key P, when it is known from elsewhere. It must be the one that
    /// the log's first entry names; alone it identifies nobody. With
    /// [`Self::unproven`] and without it, the key that `/v1/oracle` names first is
    /// trusted for the client's lifetime.
    pub key: Option<XOnlyPublicKey>,
    /// Limit on one request, beyond the time the server is asked to hold it.
    pub timeout: Duration,
    /// A stream without a byte, heartbeats included, for so long is dead.
    pub idle_timeout: Duration,
    /// First pause between attempts.
    pub first_backoff: Duration,
    /// Longest pause between attempts, whatever the server asks for.
    pub max_backoff: Duration,
    /// How often one question is asked before a transient failure is returned;
    /// at least once. [`crate::Client::wait`] and [`crate::Client::watch`]
    /// go on regardless.
    pub attempts: u32,
    /// Announcements, attestations and policies kept, so many of each; 0 keeps
    /// none. They are immutable and were verified.
    pub cache: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            identity: None,
            witnesses: None,
            memory: Memory::default(),
            unproven: false,
            key: None,
            timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_mins(1),
            first_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
            attempts: 3,
            cache: 1024,
        }
    }
}
