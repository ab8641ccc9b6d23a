//! How a client behaves.

use std::time::Duration;

use secp256k1::XOnlyPublicKey;

/// How a client behaves. The default suits a person at a terminal.
///
/// ```
/// use std::time::Duration;
/// use oracle_client::{Client, Options, parse_key};
///
/// let key = "45dd095a8888e3ad6ca7eeff538d43c5cb0e79fee57c5483d6169895c110ac05";
/// let options = Options {
///     key: parse_key(key),
///     timeout: Duration::from_secs(5),
///     ..Options::default()
/// };
/// let client = Client::with_options("https://oracle.example/", options)?;
/// # Ok::<(), oracle_client::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    /// The oracle's key P, when it is known from elsewhere (an offer, a
    /// contract). Without it the key that `/v1/oracle` names first is trusted
    /// for the client's lifetime.
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
