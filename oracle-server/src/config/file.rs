//! The text's shape. Unknown keys are errors; units are in the values.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use oracle_schema::policy::{DecimalMark, RowSelector, Stamp, TimeUnit};
use serde::Deserialize;

use super::Refusal;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) oracle: Oracle,
    #[serde(default)]
    pub(super) http: Http,
    pub(super) store: Store,
    pub(super) signer: Signer,
    #[serde(default)]
    pub(super) provider: BTreeMap<String, Provider>,
    #[serde(default)]
    pub(super) price: BTreeMap<String, Price>,
    #[serde(default)]
    pub(super) generic: BTreeMap<String, Generic>,
    #[serde(default)]
    pub(super) peercoin: BTreeMap<String, Peercoin>,
    #[serde(default)]
    pub(super) series: Vec<Entry>,
    #[serde(default)]
    pub(super) event: Vec<Entry>,
    #[serde(default)]
    pub(super) operator: Vec<Operator>,
    #[serde(default)]
    pub(super) compat: Compat,
    pub(super) nostr: Option<Nostr>,
    pub(super) witness: Option<Witness>,
    pub(super) anchor: Option<Anchor>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Oracle {
    pub(super) name: String,
    pub(super) network: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Http {
    pub(super) listen: SocketAddr,
    pub(super) admin_listen: SocketAddr,
    pub(super) public_url: Option<String>,
    pub(super) rate_limit: String,
    pub(super) max_connections: usize,
    pub(super) held_per_client: Option<NonZeroUsize>,
    pub(super) trusted_proxies: Vec<IpAddr>,
    pub(super) forwarded_header: ForwardedHeader,
}

/// The header in which trusted proxies say who asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`: a list that each proxy adds to.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239): a list too.
    Forwarded,
    /// `X-Real-IP`: one address.
    XRealIp,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 9090)),
            public_url: None,
            rate_limit: "200/s".to_owned(),
            max_connections: 10_000,
            held_per_client: None,
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::default(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Store {
    pub(super) url: String,
    pub(super) evidence_per_day: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signer {
    pub(super) keystore: PathBuf,
    pub(super) passphrase_file: Option<PathBuf>,
    pub(super) journal: PathBuf,
    #[serde(default = "default_choice_bits")]
    pub(super) max_open_choice_bits: u32,
}

fn default_choice_bits() -> u32 {
    64
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    pub(super) base_url: Option<String>,
    pub(super) timeout: Option<String>,
    pub(super) rate: Option<String>,
    pub(super) api_key_file: Option<PathBuf>,
    pub(super) cookie_file: Option<PathBuf>,
    pub(super) user: Option<String>,
    pub(super) password_file: Option<PathBuf>,
}

/// A node of the oracle's network.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Peercoin {
    pub(super) url: Option<String>,
    pub(super) cookie_file: Option<PathBuf>,
    pub(super) user: Option<String>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) root: Option<String>,
    pub(super) timeout: Option<String>,
    pub(super) rate: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Price {
    pub(super) method: Option<String>,
    pub(super) sources: Option<Vec<String>>,
    pub(super) min_sources: Option<u32>,
    pub(super) max_deviation: Option<String>,
    pub(super) max_trade_age: Option<String>,
    pub(super) settle_delay: Option<String>,
    pub(super) max_lag: Option<String>,
    pub(super) cross: Option<Vec<String>>,
    pub(super) quote: Option<String>,
    pub(super) sample_every: Option<String>,
    pub(super) sample_from: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Generic {
    pub(super) url: String,
    pub(super) value: String,
    pub(super) time: Option<String>,
    pub(super) time_unit: Option<TimeUnit>,
    #[serde(default)]
    pub(super) format: Format,
    pub(super) delimiter: Option<String>,
    pub(super) decimal: Option<DecimalMark>,
    pub(super) row: Option<RowSelector>,
    #[serde(default)]
    pub(super) exponent: bool,
    pub(super) bar: Option<String>,
    pub(super) stamped: Option<Stamp>,
    pub(super) volume: Option<String>,
    pub(super) history: Option<bool>,
    pub(super) timeout: Option<String>,
    pub(super) rate: Option<String>,
    pub(super) root: Option<String>,
    pub(super) api_key_file: Option<PathBuf>,
    pub(super) api_key_header: Option<String>,
}

/// What a generic source answers in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    #[default]
    Json,
    Csv,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nostr {
    pub(super) relays: Vec<String>,
    #[serde(default = "default_announcement_kind")]
    pub(super) announcement_kind: u16,
    #[serde(default = "default_attestation_kind")]
    pub(super) attestation_kind: u16,
    #[serde(default)]
    pub(super) backfill: bool,
}

fn default_announcement_kind() -> u16 {
    88
}

fn default_attestation_kind() -> u16 {
    89
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Witness {
    pub(super) policy: Option<PathBuf>,
    #[serde(default = "default_witness_timeout")]
    pub(super) timeout: String,
    #[serde(default = "default_witness_every")]
    pub(super) every: String,
    #[serde(default)]
    pub(super) mirrors: Vec<String>,
}

fn default_witness_timeout() -> String {
    "5s".to_owned()
}

fn default_witness_every() -> String {
    "1s".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Anchor {
    #[serde(default = "default_anchor_every")]
    pub(super) every: String,
    pub(super) rpc: Option<String>,
    pub(super) wallet: Option<String>,
    pub(super) cookie_file: Option<PathBuf>,
    pub(super) user: Option<String>,
    pub(super) password_file: Option<PathBuf>,
    #[serde(default = "default_confirmations")]
    pub(super) confirmations: u64,
    #[serde(default = "default_rpc_timeout")]
    pub(super) timeout: String,
}

fn default_anchor_every() -> String {
    "6h".to_owned()
}

fn default_confirmations() -> u64 {
    6
}

fn default_rpc_timeout() -> String {
    "30s".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Operator {
    pub(super) name: String,
    pub(super) public_key: String,
    pub(super) scopes: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Compat {
    /// Asset to series.
    pub(super) assets: BTreeMap<String, String>,
}

// Every key of every kind, each optional: serde cannot both flatten and deny
// unknown fields. Which ones belong together is checked by kind, so that a
// refusal can name it.
macro_rules! entry {
    ($($key:ident : $ty:ty),* $(,)?) => {
        /// A `[[series]]` or an `[[event]]`.
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields, expecting = "a table")]
        pub(super) struct Entry {
            pub(super) id: String,
            pub(super) kind: String,
            $(pub(super) $key: Option<$ty>,)*
        }

        impl Entry {
            /// The optional keys that are there.
            pub(super) fn given(&self) -> impl Iterator<Item = &'static str> {
                [$(self.$key.is_some().then_some(stringify!($key)),)*]
                    .into_iter()
                    .flatten()
            }
        }
    };
}

entry! {
    // of series
    id_format: String,
    every: String,
    cron: String,
    at: Vec<String>,
    announce_ahead: String,
    // of events
    maturity: String,
    announce_at: String,
    // of all
    title: String,
    description: String,
    names: Table<String>,
    give_up_after: String,
    // of kinds
    price: String,
    decimals: u32,
    base: u16,
    digits: u16,
    unit: String,
    above: String,
    kickoff: String,
    market: String,
    line: String,
    basis: String,
    outcomes: Outcomes,
    compare: String,
    signed: bool,
    void_after: String,
    agree: u32,
    stable_reads: u32,
    read_every: String,
    settle_delay: String,
    on_dissent: String,
    candidates: Table<Table<Vec<String>>>,
    source: Vec<Table<SourceValue>>,
    panel: Vec<String>,
    k: u32,
}

/// The outcomes, or when each is the one.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a list of texts, or a table of outcomes with one of equals, one_of, \
                 above, below and other each"
)]
pub(super) enum Outcomes {
    Listed(Vec<String>),
    Tested(Table<Test>),
}

/// When a value means an outcome: one of these.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    pub(super) equals: Option<String>,
    pub(super) one_of: Option<Vec<String>>,
    pub(super) above: Option<String>,
    pub(super) below: Option<String>,
    pub(super) other: Option<bool>,
}

/// What a key of a source may hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a text, a whole number or a list of texts"
)]
pub(super) enum SourceValue {
    Text(String),
    Number(i64),
    Names(Vec<String>),
}

/// A table whose keys are free. A key that occurs twice is refused: JSON leaves
/// open which one would count.
#[derive(Debug, Clone)]
pub(super) struct Table<V>(pub(super) BTreeMap<String, V>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Table<V> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<V>(std::marker::PhantomData<V>);

        impl<'de, V: Deserialize<'de>> serde::de::Visitor<'de> for Visitor<V> {
            type Value = Table<V>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Table<V>, A::Error> {
                let mut table = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, V>()? {
                    if table.contains_key(&key) {
                        return Err(serde::de::Error::custom(format!("{key:?} occurs twice")));
                    }
                    table.insert(key, value);
                }
                Ok(Table(table))
            }
        }

        deserializer.deserialize_map(Visitor(std::marker::PhantomData))
    }
}

/// Reads one event as JSON; the refusal names the key.
pub(super) fn read_event(json: &[u8]) -> Result<Entry, Refusal> {
    // Serde would also take a list of the values, in the order of the fields.
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(Refusal::new("(syntax)", "is not a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let entry: Entry = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
        let path = e.path().to_string();
        refusal(path, &e.into_inner().to_string(), "")
    })?;
    deserializer
        .end()
        .map_err(|e| Refusal::new("(syntax)", e))?;
    Ok(entry)
}

/// Reads the text; the refusal names the key.
pub(super) fn read(text: &str) -> Result<File, Refusal> {
    let deserializer = toml::Deserializer::parse(text).map_err(|e| syntax(text, &e))?;
    serde_path_to_error::deserialize(deserializer).map_err(|e| {
        let path = e.path().to_string();
        let inner = e.into_inner();
        refusal(path, inner.message(), &line_of(text, &inner))
    })
}

/// A key that is not there has no path of its own: the section's, and its name.
fn refusal(mut path: String, message: &str, line: &str) -> Refusal {
    if let Some((missing, _)) = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split_once('`'))
    {
        path = match path.as_str() {
            "." => missing.to_owned(),
            section => format!("{section}.{missing}"),
        };
    } else if path == "." {
        "(syntax)".clone_into(&mut path);
    }
    Refusal::new(path, format!("{message}{line}"))
}

fn syntax(text: &str, e: &toml::de::Error) -> Refusal {
    Refusal::new("(syntax)", format!("{}{}", e.message(), line_of(text, e)))
}

fn line_of(text: &str, e: &toml::de::Error) -> String {
    e.span()
        .and_then(|span| text.get(..span.start))
        .map(|before| format!(" (line {})", before.matches('\n').count() + 1))
        .unwrap_or_default()
}
