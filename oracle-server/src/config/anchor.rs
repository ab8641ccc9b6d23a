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
        rpc: rpc(
            "anchor.rpc",
            section.rpc.as_deref(),
            network,
            "; a wallet is named by the key wallet",
        )?,
        wallet: section.wallet.clone(),
        login: login(
            "anchor",
            section.cookie_file.as_deref(),
            section.user.as_deref(),
            section.password_file.as_deref(),
            base,
        )?,
        confirmations: section.confirmations,
        timeout,
    })
}

/// The address may be logged: nothing secret may be in it, and a refusal does not
/// repeat it. `hint`: what a path might have been meant for.
pub(super) fn rpc(
    key: &str,
    text: Option<&str>,
    network: &str,
    hint: &str,
) -> Result<Url, Refusal> {
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
            format!("must be scheme, host and port alone{hint}"),
        ));
    }
    Ok(url)
}

/// What opens a node, of the keys of the section `key`.
pub(super) fn login(
    key: &str,
    cookie_file: Option<&Path>,
    user: Option<&str>,
    password_file: Option<&Path>,
    base: &Path,
) -> Result<RpcLogin, Refusal> {
    match (cookie_file, user, password_file) {
        (Some(cookie), None, None) => Ok(RpcLogin::Cookie(base.join(cookie))),
        (None, Some(user), Some(password)) if !user.is_empty() && !user.contains(':') => {
            Ok(RpcLogin::Password {
                user: user.to_owned(),
                file: base.join(password),
            })
        }
        (None, Some(_), Some(_)) => Err(Refusal::new(
            format!("{key}.user"),
            "must be a name without a colon",
        )),
        _ => Err(Refusal::new(
            format!("{key}.cookie_file"),
            "either cookie_file, or user and password_file, and not both",
        )),
    }
}
