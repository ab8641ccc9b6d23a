//! The text's shape. Unknown keys are errors; units are in the values.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use oracle_schema::policy::{DecimalMark, RowSelector, TimeUnit};
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
    pub(super) series: Vec<Series>,
    #[serde(default)]
    pub(super) event: Vec<Event>,
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
    pub(super) trusted_proxies: Vec<IpAddr>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 9090)),
            public_url: None,
            rate_limit: "200/s".to_owned(),
            max_connections: 20_000,
            trusted_proxies: Vec::new(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Store {
    pub(super) url: String,
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
    pub(super) cross: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Generic {
    pub(super) url: String,
    pub(super) value: String,
    pub(super) time: String,
    pub(super) time_unit: TimeUnit,
    #[serde(default)]
    pub(super) format: Format,
    pub(super) delimiter: Option<String>,
    pub(super) decimal: Option<DecimalMark>,
    pub(super) row: Option<RowSelector>,
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

/// What a series and a one-off event have in common: which outcome is announced.
#[derive(Debug, Default)]
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) price: Option<String>,
    pub(super) decimals: Option<u32>,
    pub(super) base: Option<u16>,
    pub(super) digits: Option<u16>,
    pub(super) unit: Option<String>,
    pub(super) above: Option<String>,
    pub(super) give_up_after: Option<String>,
}

// serde cannot both flatten and deny unknown fields, so the common part is
// written out in both and split off here.
macro_rules! section {
    ($name:ident { $($own:ident : $ty:ty),* $(,)? }) => {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            pub(super) id: String,
            kind: String,
            price: Option<String>,
            decimals: Option<u32>,
            base: Option<u16>,
            digits: Option<u16>,
            unit: Option<String>,
            above: Option<String>,
            give_up_after: Option<String>,
            $(pub(super) $own: $ty,)*
        }

        impl $name {
            pub(super) fn take_kind(&mut self) -> Kind {
                Kind {
                    name: std::mem::take(&mut self.kind),
                    price: self.price.take(),
                    decimals: self.decimals,
                    base: self.base,
                    digits: self.digits,
                    unit: self.unit.take(),
                    above: self.above.take(),
                    give_up_after: self.give_up_after.take(),
                }
            }
        }
    };
}

section!(Series {
    every: Option<String>,
    cron: Option<String>,
    at: Option<Vec<String>>,
    announce_ahead: Option<String>,
});

section!(Event {
    maturity: String,
    announce_at: Option<String>,
});

/// Reads the text; the refusal names the key.
pub(super) fn read(text: &str) -> Result<File, Refusal> {
    let deserializer = toml::Deserializer::parse(text).map_err(|e| syntax(text, &e))?;
    serde_path_to_error::deserialize(deserializer).map_err(|e| {
        let mut path = e.path().to_string();
        let inner = e.into_inner();
        // A key that is not there has no path of its own: the section's, and its name.
        if let Some(missing) = inner
            .message()
            .strip_prefix("missing field `")
            .and_then(|rest| rest.strip_suffix('`'))
        {
            path = match path.as_str() {
                "." => missing.to_owned(),
                section => format!("{section}.{missing}"),
            };
        }
        let line = line_of(text, &inner);
        Refusal::new(path, format!("{}{line}", inner.message()))
    })
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
