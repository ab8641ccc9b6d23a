//! `[provider.peercoin]` and `[peercoin.*]`: nodes whose chain is asked for facts.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, SecondsFormat};
use oracle_feeds::fetch::{Login, ProviderSettings};
use oracle_feeds::provider::peercoin::{CHAIN, CONFIRMATIONS, HEIGHT, OF, PEERCOIN, UNTIL};
use oracle_feeds::provider::{GENERIC_NAME, provider};
use oracle_schema::Maturity;
use oracle_schema::anchor::rpc::chain_of;
use oracle_schema::policy::FactSource;
use oracle_schema::source_id::SourceId;

use super::anchor::{RpcLogin, login, rpc};
use super::facts::{Values, check_names};
use super::file::{File, Peercoin, SourceValue};
use super::place::Place;
use super::price::timeout;
use super::{Context, Refusal, rate};

/// As deep as an anchor has to be.
const DEFAULT_CONFIRMATIONS: &str = "6";
/// What a source says of the block that ends at the maturity.
const AT_MATURITY: &str = "{maturity}";

/// A node that events about facts may name.
#[derive(Debug, Clone)]
pub struct Node {
    /// Independence: sources of one root count once.
    pub(super) root: String,
    /// What it calls the chain of the oracle's network.
    pub(super) chain: &'static str,
}

/// The nodes by name, the unnamed one under its provider's, and how each is asked.
pub(super) struct Nodes {
    pub(super) named: BTreeMap<String, Node>,
    pub(super) settings: BTreeMap<String, ProviderSettings>,
}

pub(super) fn nodes(file: &File, base: &Path) -> Result<Nodes, Refusal> {
    let network = file.oracle.network.as_str();
    let mut nodes = Nodes {
        named: BTreeMap::new(),
        settings: BTreeMap::new(),
    };
    if let Some(section) = file.provider.get(PEERCOIN) {
        let key = format!("provider.{PEERCOIN}");
        if section.api_key_file.is_some() {
            let key = format!("{key}.api_key_file");
            return Err(Refusal::new(key, "a node takes a login, and no key"));
        }
        let section = Peercoin {
            url: section.base_url.clone(),
            cookie_file: section.cookie_file.clone(),
            user: section.user.clone(),
            password_file: section.password_file.clone(),
            root: None,
            timeout: section.timeout.clone(),
            rate: section.rate.clone(),
        };
        nodes.add(&key, "base_url", PEERCOIN, &section, network, base)?;
    }
    for (name, section) in &file.peercoin {
        let key = format!("peercoin.{name}");
        check_name(&key, name, file)?;
        nodes.add(&key, "url", name, section, network, base)?;
    }
    Ok(nodes)
}

/// How a source is reached is found by one name, whatever section it is from.
fn check_name(key: &str, name: &str, file: &File) -> Result<(), Refusal> {
    if provider(name).is_some() {
        return Err(Refusal::new(key, "has the name of a provider"));
    }
    if file.generic.contains_key(name) {
        return Err(Refusal::new(
            key,
            format!("[generic.{name}] has that name too"),
        ));
    }
    check(key, GENERIC_NAME, name)
}

fn check(key: &str, parameter: &str, value: &str) -> Result<(), Refusal> {
    let adapter = provider(PEERCOIN).map(|adapter| adapter.check_parameter(parameter, value));
    adapter
        .unwrap_or(Ok(()))
        .map_err(|reason| Refusal::new(key, format!("{value:?}: {reason}")))
}

impl Nodes {
    fn add(
        &mut self,
        key: &str,
        url_key: &str,
        name: &str,
        section: &Peercoin,
        network: &str,
        base: &Path,
    ) -> Result<(), Refusal> {
        let url_key = format!("{key}.{url_key}");
        let url = rpc(&url_key, section.url.as_deref(), network, "")?;
        let login = login(
            key,
            section.cookie_file.as_deref(),
            section.user.as_deref(),
            section.password_file.as_deref(),
            base,
        )?;
        let settings = ProviderSettings {
            base_url: Some(url.origin().ascii_serialization()),
            timeout: timeout(key, section.timeout.as_deref())?,
            rate: section
                .rate
                .as_deref()
                .map(|r| rate(format!("{key}.rate"), r))
                .transpose()?,
            api_key: None,
            api_key_header: None,
            login: Some(match login {
                RpcLogin::Cookie(path) => Login::Cookie(path),
                RpcLogin::Password { user, file } => Login::Password { user, file },
            }),
        };
        let node = Node {
            root: section.root.clone().unwrap_or_else(|| name.to_owned()),
            // Every network that a configuration may name has one.
            chain: chain_of(network).unwrap_or_default(),
        };
        self.settings.insert(name.to_owned(), settings);
        self.named.insert(name.to_owned(), node);
        Ok(())
    }
}

/// A source of a fact: of which block what is asked, and of which node.
pub(super) fn source(
    place: &Place,
    table: &Values,
    context: &Context<'_>,
    maturity: Maturity,
) -> Result<FactSource, Refusal> {
    let known = [GENERIC_NAME, OF, "at", CONFIRMATIONS];
    check_names(place, PEERCOIN, table, &known)?;
    let name = table
        .get(GENERIC_NAME)
        .map(|value| text(place, GENERIC_NAME, value))
        .transpose()?;
    let node = context.nodes.get(name.unwrap_or(PEERCOIN)).ok_or_else(|| {
        let missing = match name {
            Some(name) => format!("there is no [peercoin.{name}]"),
            None => "is missing, and there is no [provider.peercoin]".to_owned(),
        };
        place.refuse(GENERIC_NAME, missing)
    })?;
    let of = text(place, OF, place.required(OF, table.get(OF))?)?;
    let confirmations = match table.get(CONFIRMATIONS) {
        Some(value) => whole(place, CONFIRMATIONS, value)?,
        None => DEFAULT_CONFIRMATIONS.to_owned(),
    };
    let at = place.required("at", table.get("at"))?;
    let (which, block, shown) = match at {
        SourceValue::Text(text) if text == AT_MATURITY => {
            let at = maturity.unix();
            (UNTIL, at.to_string(), instant(at))
        }
        _ => {
            let height = whole(place, "at", at)?;
            (HEIGHT, height.clone(), height)
        }
    };
    if (of, which) == ("height", HEIGHT) {
        return Err(place.refuse(
            "of",
            format!("the height of a height says nothing; at = {AT_MATURITY:?} asks for one"),
        ));
    }
    let mut parameters = BTreeMap::from([
        (CHAIN.to_owned(), node.chain.to_owned()),
        (OF.to_owned(), of.to_owned()),
        (which.to_owned(), block),
        (CONFIRMATIONS.to_owned(), confirmations),
    ]);
    if let Some(name) = name {
        parameters.insert(GENERIC_NAME.to_owned(), name.to_owned());
    }
    for (parameter, value) in &parameters {
        let key = match parameter.as_str() {
            HEIGHT | UNTIL => "at",
            other => other,
        };
        check(&place.at(key), parameter, value)?;
    }
    Ok(FactSource {
        id: SourceId::of_node(name, &format!("{of}@{shown}")),
        provider: PEERCOIN.to_owned(),
        root: node.root.clone(),
        parameters,
    })
}

fn text<'a>(place: &Place, key: &str, value: &'a SourceValue) -> Result<&'a str, Refusal> {
    match value {
        SourceValue::Text(text) => Ok(text),
        _ => Err(place.refuse(key, "must be a text")),
    }
}

/// A whole number, written as one or as a text.
fn whole(place: &Place, key: &str, value: &SourceValue) -> Result<String, Refusal> {
    let number = match value {
        SourceValue::Number(number) => u64::try_from(*number).ok(),
        SourceValue::Text(text) => text.parse::<u64>().ok(),
        SourceValue::Names(_) => None,
    };
    let number = number.map(|number| number.to_string());
    let also = if key == "at" {
        format!(", or {AT_MATURITY:?}")
    } else {
        String::new()
    };
    number.ok_or_else(|| place.refuse(key, format!("must be a whole number{also}")))
}

fn instant(unix: i64) -> String {
    DateTime::from_timestamp(unix, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}
