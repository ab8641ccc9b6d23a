//! `[anchor]`: which node commits checkpoints to Peercoin, and how often.

use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::{Refusal, duration, file, seconds};

/// A chain with a block every ten minutes needs no more.
const MIN_EVERY_S: u32 = 60;
/// Deeper than any of these says nothing more.
const CONFIRMATIONS: std::ops::RangeInclusive<u64> = 1..=1000;
const TIMEOUT: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(5);

/// Where checkpoints are anchored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// From one anchor to the next; none while the log does not grow.
    pub every: Duration,
    /// The node, without user and password.
    pub rpc: Url,
    /// Its wallet; without one the node's only one.
    pub wallet: Option<String>,
    /// What opens it.
    pub login: RpcLogin,
    /// Blocks from a transaction's on, itself included, that make it confirmed.
    pub confirmations: u64,
    /// Of one request.
    pub timeout: Duration,
}

/// Files that hold what a node asks for; read anew each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RpcLogin {
    /// The node's `.cookie`.
    Cookie(PathBuf),
    /// A user of its own.
    Password {
        /// The name.
        user: String,
        /// The file that holds nothing but the password.
        file: PathBuf,
    },
}

pub(super) fn anchor(
    section: &file::Anchor,
    network: &str,
    base: &Path,
) -> Result<Anchor, Refusal> {
    let every = seconds("anchor.every", &section.every)?;
    if every < MIN_EVERY_S {
        return Err(Refusal::new("anchor.every", "must be at least 1m"));
    }
    let timeout = duration("anchor.timeout", &section.timeout)?;
    if !TIMEOUT.contains(&timeout) {
        return Err(Refusal::new("anchor.timeout", "must be from 1s to 5m"));
    }
    if !CONFIRMATIONS.contains(&section.confirmations) {
        return Err(Refusal::new(
            "anchor.confirmations",
            "must be from 1 to 1000",
        ));
    }
    if section.wallet.as_deref() == Some("") {
        return Err(Refusal::new(
            "anchor.wallet",
            "is empty; leave it out for the only wallet",
        ));
    }
    Ok(Anchor {
        every: Duration::from_secs(every.into()),
        rpc: rpc(section.rpc.as_deref(), network)?,
        wallet: section.wallet.clone(),
        login: login(section, base)?,
        confirmations: section.confirmations,
        timeout,
    })
}

/// The address may be logged: nothing secret may be in it, and a refusal does not
/// repeat it.
fn rpc(text: Option<&str>, network: &str) -> Result<Url, Refusal> {
    let key = "anchor.rpc";
    let port = match network {
        "peercoin" => 9902,
        "peercoin-testnet" => 9904,
        _ => 18443,
    };
    let default = format!("http://127.0.0.1:{port}");
    let url = Url::parse(text.unwrap_or(&default)).map_err(|e| Refusal::new(key, e))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(Refusal::new(key, "must start with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::new(
            key,
            "must be without user and password: use cookie_file, or user and password_file",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() || url.path() != "/" {
        return Err(Refusal::new(
            key,
            "must be scheme, host and port alone; a wallet is named by the key wallet",
        ));
    }
    Ok(url)
}

fn login(section: &file::Anchor, base: &Path) -> Result<RpcLogin, Refusal> {
    match (&section.cookie_file, &section.user, &section.password_file) {
        (Some(cookie), None, None) => Ok(RpcLogin::Cookie(base.join(cookie))),
        (None, Some(user), Some(password)) if !user.is_empty() && !user.contains(':') => {
            Ok(RpcLogin::Password {
                user: user.clone(),
                file: base.join(password),
            })
        }
        (None, Some(_), Some(_)) => Err(Refusal::new(
            "anchor.user",
            "must be a name without a colon",
        )),
        _ => Err(Refusal::new(
            "anchor.cookie_file",
            "either cookie_file, or user and password_file, and not both",
        )),
    }
}
