//! `[witness]`: who cosigns the log's heads, and who else knows the log.

use std::fs;
use std::path::Path;
use std::time::Duration;

use oracle_schema::tlog::{NoteKey, Policy};
use url::{Host, Url};

use super::{Refusal, duration, file};

/// No witness is worth a longer wait, which a start may have to take.
const MAX_TIMEOUT: Duration = Duration::from_mins(1);
/// A policy that asks for nobody: of a section with mirrors alone.
const NOBODY: &[u8] = b"quorum none\n";

/// Who cosigns, and who is asked whether the log went back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessing {
    /// Witnesses and quorum.
    pub policy: Policy,
    /// Submission prefix of each witness of the policy, in its order; none for
    /// witnesses that somebody else asks.
    urls: Vec<Option<Url>>,
    /// For all that one witness or mirror is asked at once, two requests if
    /// need be.
    pub timeout: Duration,
    /// Between two heads that witnesses are asked to cosign, at least.
    pub every: Duration,
    /// Where `checkpoint` is below, each.
    pub mirrors: Vec<Url>,
}

impl Witnessing {
    /// The witnesses to ask: name, key and submission prefix.
    pub fn asked(&self) -> impl Iterator<Item = (&str, &NoteKey, &Url)> {
        self.policy
            .witnesses()
            .iter()
            .zip(&self.urls)
            .filter_map(|(w, url)| Some((w.name.as_str(), &w.key, url.as_ref()?)))
    }
}

pub(super) fn witness(section: &file::Witness, base: &Path) -> Result<Witnessing, Refusal> {
    let (policy, urls) = match &section.policy {
        Some(path) => policy(&base.join(path))?,
        None if section.mirrors.is_empty() => {
            return Err(Refusal::new(
                "witness",
                "names neither a policy nor mirrors",
            ));
        }
        None => (parse(NOBODY)?, Vec::new()),
    };
    let timeout = duration("witness.timeout", &section.timeout)?;
    if timeout.is_zero() || timeout > MAX_TIMEOUT {
        let reason = "must be above 0 s and at most 1 min: a start may wait as long";
        return Err(Refusal::new("witness.timeout", reason));
    }
    let mut mirrors = Vec::with_capacity(section.mirrors.len());
    for (index, text) in section.mirrors.iter().enumerate() {
        let key = format!("witness.mirrors[{index}]");
        let url = address(text).map_err(|reason| Refusal::new(key.clone(), reason))?;
        if mirrors.contains(&url) {
            return Err(Refusal::new(key, "is there twice"));
        }
        mirrors.push(url);
    }
    Ok(Witnessing {
        policy,
        urls,
        timeout,
        every: duration("witness.every", &section.every)?,
        mirrors,
    })
}

const KEY: &str = "witness.policy";

fn parse(text: &[u8]) -> Result<Policy, Refusal> {
    Policy::parse(text).map_err(|e| Refusal::new(KEY, e))
}

/// Reads the policy's file, and where its witnesses are.
fn policy(path: &Path) -> Result<(Policy, Vec<Option<Url>>), Refusal> {
    let refuse =
        |reason: &dyn std::fmt::Display| Refusal::new(KEY, format!("{}: {reason}", path.display()));
    let text = fs::read(path).map_err(|e| refuse(&e))?;
    let policy = Policy::parse(&text).map_err(|e| refuse(&e))?;
    let mut urls = Vec::with_capacity(policy.witnesses().len());
    for witness in policy.witnesses() {
        let url = witness.url.as_deref().map(address).transpose();
        urls.push(url.map_err(|e| refuse(&format!("witness {}: URL: {e}", witness.name)))?);
    }
    let is_asked = |key: &NoteKey| {
        let mut all = policy.witnesses().iter().zip(&urls);
        all.any(|(witness, url)| witness.key == *key && url.is_some())
    };
    if !policy.is_met_by(|witness| is_asked(&witness.key)) {
        let reason = "the witnesses with a URL are no quorum: no head would ever be cosigned";
        return Err(refuse(&reason));
    }
    Ok((policy, urls))
}

/// The address of a witness or mirror. It is logged: nothing secret may be in
/// it, and a refusal does not repeat it.
fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| e.to_string())?;
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err("must be without user, password, query and fragment: it is logged".to_owned());
    }
    let is_loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(_)) => false,
        None => return Err("names no host".to_owned()),
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback => Ok(url),
        _ => Err("must start with https:// (http:// only to a loopback address)".to_owned()),
    }
}
