//! `[nostr]`: which relays get what is published.

use std::collections::HashSet;

use oracle_schema::nostr::is_fit_kind;
use url::{Host, Url};

use super::Refusal;
use super::file;

/// Each relay is a task and a cursor of its own.
const MAX_RELAYS: usize = 32;

/// Where announcements and attestations are delivered beside HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nostr {
    /// `wss://…`, or `ws://` to a loopback address; distinct, at least one.
    pub relays: Vec<Url>,
    /// Event kind of announcements.
    pub announcement_kind: u16,
    /// Event kind of attestations; another.
    pub attestation_kind: u16,
    /// Whether a new relay gets everything there ever was.
    pub backfill: bool,
}

pub(super) fn nostr(section: &file::Nostr) -> Result<Nostr, Refusal> {
    for (key, kind) in [
        ("nostr.announcement_kind", section.announcement_kind),
        ("nostr.attestation_kind", section.attestation_kind),
    ] {
        if !is_fit_kind(kind) {
            return Err(Refusal::new(
                key,
                format!("{kind} is not a kind of which relays keep every event"),
            ));
        }
    }
    if section.announcement_kind == section.attestation_kind {
        return Err(Refusal::new(
            "nostr.attestation_kind",
            "is announcement_kind too",
        ));
    }
    if section.relays.is_empty() {
        return Err(Refusal::new("nostr.relays", "names no relay"));
    }
    if section.relays.len() > MAX_RELAYS {
        return Err(Refusal::new(
            "nostr.relays",
            format!("at most {MAX_RELAYS} relays"),
        ));
    }
    let mut seen = HashSet::with_capacity(section.relays.len());
    let mut relays = Vec::with_capacity(section.relays.len());
    for (index, text) in section.relays.iter().enumerate() {
        let key = format!("nostr.relays[{index}]");
        let url = relay(&key, text)?;
        if !seen.insert(url.clone()) {
            return Err(Refusal::new(key, "is there twice"));
        }
        relays.push(url);
    }
    Ok(Nostr {
        relays,
        announcement_kind: section.announcement_kind,
        attestation_kind: section.attestation_kind,
        backfill: section.backfill,
    })
}

/// The URL is stored, logged and a metric's label: nothing secret may be in it,
/// and a refusal does not repeat it.
fn relay(key: &str, text: &str) -> Result<Url, Refusal> {
    let url = Url::parse(text).map_err(|e| Refusal::new(key, e))?;
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(Refusal::new(
            key,
            "must be without user, password, query and fragment: it is stored and logged",
        ));
    }
    let is_loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(_)) => false,
        None => return Err(Refusal::new(key, "names no host")),
    };
    match url.scheme() {
        "wss" => Ok(url),
        "ws" if is_loopback => Ok(url),
        _ => Err(Refusal::new(
            key,
            "must start with wss:// (ws:// only to a loopback address)",
        )),
    }
}
