//! The configuration file: read strictly, checked completely, without secrets.
//!
//! [`file`] is the text's shape; here it becomes what the service runs on.
//! Every refusal names the file, the key and the reason.

mod anchor;
mod calendar;
mod compat;
mod definition;
mod events;
mod facts;
mod file;
mod generic;
mod nodes;
mod nostr;
mod operators;
mod place;
mod price;
mod question;
mod series;
#[cfg(test)]
mod tests;
mod time;
mod value;
mod witness;

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use oracle_feeds::fetch::ProviderSettings;
use oracle_feeds::rate::Rate;
use oracle_schema::policy::PricePolicy;
use oracle_schema::{EventId, Maturity, SeriesId};

pub use anchor::{Anchor, RpcLogin};
pub use calendar::{Calendar, Upcoming};
pub use compat::Asset;
pub use definition::Definition;
pub(crate) use definition::{KINDS, check_refund};
pub use events::parse_event;
pub use file::ForwardedHeader;
pub use generic::GenericFact;
pub use nodes::Node;
pub use nostr::Nostr;
pub use operators::{Operator, Scope};
pub use series::{IdFormat, Schedule};
pub use witness::Witnessing;

/// What is kept of the bodies of one day where the file says nothing, bytes as stored.
const EVIDENCE_PER_DAY: u64 = 2 * 1024 * 1024 * 1024;

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {key}: {reason}")]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// The key, dotted.
    pub key: String,
    /// What is wrong.
    pub reason: String,
}

/// Why an event, or a part of a file, was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct Refusal {
    /// The key, dotted.
    pub key: String,
    /// What is wrong.
    pub reason: String,
}

impl Refusal {
    #[allow(
        clippy::needless_pass_by_value,
        reason = "reasons are fresh errors and texts; a reference would litter every call"
    )]
    fn new(key: impl Into<String>, reason: impl ToString) -> Self {
        Self {
            key: key.into(),
            reason: reason.to_string(),
        }
    }
}

/// What the service runs on.
#[derive(Debug, Clone)]
pub struct Config {
    /// Display name.
    pub name: String,
    /// Must be the database's.
    pub network: String,
    /// HTTP side.
    pub http: Http,
    /// `sqlite:PATH` (absolute) or `postgres://…`.
    pub store_url: String,
    /// Bytes of answers that are kept of one day at most.
    pub evidence_per_day: u64,
    /// Signer's files.
    pub signer: SignerFiles,
    /// How providers and generic entries are asked.
    pub providers: BTreeMap<String, ProviderSettings>,
    /// Generic entries, by name, as events about facts name them.
    pub generic: BTreeMap<String, GenericFact>,
    /// Peercoin nodes that events about facts may name; the unnamed one under
    /// its provider's name.
    pub nodes: BTreeMap<String, Node>,
    /// Prices, by name, for events made while it runs.
    pub prices: BTreeMap<String, PricePolicy>,
    /// Operators, in the file's order.
    pub operators: Vec<Operator>,
    /// Series, by name.
    pub series: BTreeMap<SeriesId, Series>,
    /// One-off events.
    pub events: Vec<OneOff>,
    /// What the p2pd and sibyls dialects offer, by name.
    pub assets: Vec<Asset>,
    /// Relays, if any.
    pub nostr: Option<Nostr>,
    /// Witnesses and mirrors, if any.
    pub witness: Option<Witnessing>,
    /// The node that commits checkpoints to Peercoin, if any.
    pub anchor: Option<Anchor>,
}

/// What the names in an event refer to.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// `[price.*]`.
    pub prices: &'a BTreeMap<String, PricePolicy>,
    /// `[generic.*]`.
    pub generic: &'a BTreeMap<String, GenericFact>,
    /// `[provider.peercoin]` and `[peercoin.*]`.
    pub nodes: &'a BTreeMap<String, Node>,
    /// `[[operator]]`.
    pub operators: &'a [Operator],
    /// `[[series]]`, whose events' names are theirs alone.
    pub series: &'a BTreeMap<SeriesId, Series>,
}

/// `[http]`.
#[derive(Debug, Clone)]
pub struct Http {
    /// Public listener.
    pub listen: SocketAddr,
    /// Metrics and health.
    pub admin_listen: SocketAddr,
    /// As readers know it.
    pub public_url: String,
    /// Requests per client address.
    pub rate_limit: Rate,
    /// Open connections at most.
    pub max_connections: usize,
    /// Streams and long polls of one client address at most.
    pub held_per_client: NonZeroUsize,
    /// Who may set the forwarding header.
    pub trusted_proxies: Vec<IpAddr>,
    /// Which header that is.
    pub forwarded_header: ForwardedHeader,
}

/// `[signer]`.
#[derive(Debug, Clone)]
pub struct SignerFiles {
    /// `age` keystore.
    pub keystore: PathBuf,
    /// Passphrase; without it the systemd credential.
    pub passphrase_file: Option<PathBuf>,
    /// Signing journal.
    pub journal: PathBuf,
    /// Budget of outcomes that one outside party controls, bits.
    pub max_open_choice_bits: u32,
}

/// A series and what its events are made of.
#[derive(Debug, Clone)]
pub struct Series {
    /// Name.
    pub id: SeriesId,
    /// How its events are named.
    pub id_format: IdFormat,
    /// What each event is.
    pub definition: Definition,
    /// When they mature.
    pub schedule: Schedule,
    /// How long before maturity they are announced.
    pub announce_ahead: Duration,
    /// What tells the series from an edited one.
    pub fingerprint: String,
}

/// A one-off event.
#[derive(Debug, Clone)]
pub struct OneOff {
    /// Name.
    pub id: EventId,
    /// What it is.
    pub definition: Definition,
    /// When its outcome is fixed.
    pub maturity: Maturity,
    /// When it is announced; at once where absent.
    pub announce_at: Option<DateTime<Utc>>,
}

impl Config {
    /// What events made while the service runs may refer to.
    pub fn context(&self) -> Context<'_> {
        Context {
            prices: &self.prices,
            generic: &self.generic,
            nodes: &self.nodes,
            operators: &self.operators,
            series: &self.series,
        }
    }

    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| ConfigError {
            file: file.clone(),
            key: "(file)".to_owned(),
            reason: e.to_string(),
        })?;
        let base = std::path::absolute(path)
            .ok()
            .and_then(|p| p.parent().map(Path::to_owned))
            .unwrap_or_default();
        Self::parse(&text, &base).map_err(|r| ConfigError {
            file,
            key: r.key,
            reason: r.reason,
        })
    }

    pub(crate) fn parse(text: &str, base: &Path) -> Result<Self, Refusal> {
        let file = file::read(text)?;
        let network = file.oracle.network.clone();
        if !["peercoin", "peercoin-testnet", "peercoin-regtest"].contains(&network.as_str()) {
            return Err(Refusal::new(
                "oracle.network",
                format!("{network:?} is not peercoin, peercoin-testnet or peercoin-regtest"),
            ));
        }
        if file.oracle.name.trim().is_empty() {
            return Err(Refusal::new("oracle.name", "is empty"));
        }
        let mut providers = price::providers(&file.provider, &file.generic, base)?;
        let nodes = nodes::nodes(&file, base)?;
        providers.extend(nodes.settings);
        let nodes = nodes.named;
        let prices = price::prices(&file.price, &file.generic)?;
        let generic = generic::facts(&file.generic)?;
        let operators = operators::operators(&file.operator)?;
        let context = Context {
            prices: &prices,
            generic: &generic,
            nodes: &nodes,
            operators: &operators,
            series: &BTreeMap::new(),
        };
        let names = compat::names(&file.compat.assets, &file.series)?;
        let series = all_series(&file.series, &context, &names)?;
        let context = Context {
            series: &series,
            ..context
        };
        let events = all_events(&file.event, &context)?;
        let assets = compat::assets(&file.compat.assets, &series)?;
        let anchor = file.anchor.as_ref();
        let anchor = anchor.map(|section| anchor::anchor(section, &network, base));
        Ok(Self {
            name: file.oracle.name,
            network,
            anchor: anchor.transpose()?,
            http: http(file.http)?,
            store_url: store_url(&file.store.url, base)?,
            evidence_per_day: match &file.store.evidence_per_day {
                Some(text) => bytes("store.evidence_per_day", text)?,
                None => EVIDENCE_PER_DAY,
            },
            signer: SignerFiles {
                keystore: base.join(file.signer.keystore),
                passphrase_file: file.signer.passphrase_file.map(|p| base.join(p)),
                journal: base.join(file.signer.journal),
                max_open_choice_bits: file.signer.max_open_choice_bits,
            },
            providers,
            generic,
            nodes,
            prices,
            operators,
            series,
            events,
            assets,
            nostr: file.nostr.as_ref().map(nostr::nostr).transpose()?,
            witness: file
                .witness
                .as_ref()
                .map(|section| witness::witness(section, base))
                .transpose()?,
        })
    }
}

fn all_series(
    sections: &[file::Entry],
    context: &Context<'_>,
    names: &BTreeMap<&str, &str>,
) -> Result<BTreeMap<SeriesId, Series>, Refusal> {
    let mut all: BTreeMap<SeriesId, Series> = BTreeMap::new();
    let mut p2pd = HashSet::new();
    for (index, section) in sections.iter().enumerate() {
        let key = format!("series[{index}] {:?}", section.id);
        let name = names.get(section.id.as_str()).copied();
        let one = series::series(&key, section, context, name)?;
        if all.contains_key(&one.id) {
            return Err(Refusal::new(key, "another series has this id"));
        }
        if let Some(asset) = one.id_format.p2pd()
            && !p2pd.insert(asset.clone())
        {
            return Err(Refusal::new(
                format!("{key}.id_format"),
                format!("another series names its events {asset}…"),
            ));
        }
        all.insert(one.id.clone(), one);
    }
    Ok(all)
}

fn all_events(sections: &[file::Entry], context: &Context<'_>) -> Result<Vec<OneOff>, Refusal> {
    let mut all: Vec<OneOff> = Vec::with_capacity(sections.len());
    let mut ids = HashSet::with_capacity(sections.len());
    for (index, section) in sections.iter().enumerate() {
        let key = format!("event[{index}] {:?}", section.id);
        let one = events::one_off(&key, section, context)?;
        if !ids.insert(one.id.clone()) {
            return Err(Refusal::new(key, "another event has this id"));
        }
        all.push(one);
    }
    Ok(all)
}

fn http(section: file::Http) -> Result<Http, Refusal> {
    let public_url = section
        .public_url
        .unwrap_or_else(|| format!("http://{}", section.listen));
    let url = url::Url::parse(&public_url).map_err(|e| Refusal::new("http.public_url", e))?;
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() {
        return Err(Refusal::new(
            "http.public_url",
            "must be http:// or https:// without a query",
        ));
    }
    if section.listen == section.admin_listen && section.listen.port() != 0 {
        return Err(Refusal::new(
            "http.admin_listen",
            "is the same address as listen; metrics need one of their own",
        ));
    }
    if section.max_connections == 0 {
        return Err(Refusal::new("http.max_connections", "must be at least 1"));
    }
    Ok(Http {
        listen: section.listen,
        admin_listen: section.admin_listen,
        public_url: public_url.trim_end_matches('/').to_owned(),
        rate_limit: rate("http.rate_limit", &section.rate_limit)?,
        max_connections: section.max_connections,
        held_per_client: section
            .held_per_client
            .unwrap_or_else(|| share(section.max_connections)),
        forwarded_header: section.forwarded_header,
        trusted_proxies: section.trusted_proxies,
    })
}

/// Streams and long polls that one client may hold where the file does not say.
fn share(max_connections: usize) -> NonZeroUsize {
    /// Enough for the people behind one address, and for a wallet with many contracts.
    const HELD: usize = 200;
    NonZeroUsize::new(HELD.min(max_connections / 4)).unwrap_or(NonZeroUsize::MIN)
}

/// Relative SQLite paths are relative to the configuration file.
pub(crate) fn store_url(url: &str, base: &Path) -> Result<String, Refusal> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err(Refusal::new("store.url", "names no file"));
        }
        return Ok(format!("sqlite:{}", base.join(path).display()));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(url.to_owned());
    }
    Err(Refusal::new(
        "store.url",
        "must start with sqlite: or postgres://",
    ))
}

fn duration(key: impl Into<String>, text: &str) -> Result<Duration, Refusal> {
    humantime::parse_duration(text)
        .map_err(|e| Refusal::new(key, format!("{text:?} is not a duration like \"5s\": {e}")))
}

/// An amount of bytes.
fn bytes(key: &str, text: &str) -> Result<u64, Refusal> {
    const UNITS: [(&str, u64); 4] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    let amount = UNITS.iter().find_map(|(unit, shift)| {
        let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(1 << shift).filter(|bytes| *bytes > 0)
    });
    amount.ok_or_else(|| {
        let why = format!("{text:?} is not an amount like \"512MiB\" (KiB, MiB, GiB, TiB)");
        Refusal::new(key, why)
    })
}

/// A duration of whole seconds.
fn seconds(key: impl Into<String>, text: &str) -> Result<u32, Refusal> {
    let key = key.into();
    let d = duration(key.clone(), text)?;
    if d.subsec_nanos() != 0 {
        return Err(Refusal::new(
            key,
            format!("{text:?} is not in whole seconds"),
        ));
    }
    u32::try_from(d.as_secs()).map_err(|_| Refusal::new(key, format!("{text:?} is too long")))
}

/// A whole second, RFC 3339.
fn instant(key: &str, text: &str) -> Result<Maturity, Refusal> {
    let time = DateTime::parse_from_rfc3339(text)
        .map_err(|e| Refusal::new(key, format!("{text:?} is not an RFC 3339 time: {e}")))?;
    if time.timestamp_subsec_nanos() != 0 {
        return Err(Refusal::new(key, "must be a whole second"));
    }
    Maturity::from_unix(time.timestamp()).map_err(|e| Refusal::new(key, e))
}

fn rate(key: impl Into<String>, text: &str) -> Result<Rate, Refusal> {
    text.parse::<Rate>().map_err(|e| Refusal::new(key, e))
}
