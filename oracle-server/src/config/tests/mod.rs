//! What is refused, and under which key.

#![allow(clippy::unwrap_used, reason = "tests")]

mod events;
mod facts;
mod operators;

use super::*;

const GOOD: &str = r#"
[oracle]
name = "x"
network = "peercoin-regtest"
[http]
listen = "127.0.0.1:8080"
[store]
url = "sqlite:data/oracle.db"
[signer]
keystore = "data/keystore.age"
journal = "data/journal"
[provider.kraken]
base_url = "http://127.0.0.1:9101"
[price.btcusd]
method = "close1m_median"
sources = ["kraken:XBTUSD"]
min_sources = 1
max_deviation = "0.5%"
max_trade_age = "15m"
[generic.a]
url = "http://127.0.0.1:9105/?at={unix}"
value = "$.price"
time = "$.ts"
time_unit = "s"
[[series]]
id = "s"
kind = "digits"
price = "btcusd"
decimals = 2
base = 2
digits = 20
unit = "u"
every = "1d"
announce_ahead = "7d"
"#;

/// Every kind of event, as documented.
const CONTRACT: &str = include_str!("contract.toml");

fn contract() -> Config {
    Config::parse(CONTRACT, Path::new("/")).unwrap()
}

/// The documented configuration with one text replaced; its refusal.
fn spoilt(from: &str, to: &str) -> Refusal {
    assert!(CONTRACT.contains(from), "{from}");
    let text = CONTRACT.replacen(from, to, 1);
    match Config::parse(&text, Path::new("/")) {
        Ok(_) => panic!("{to:?} was accepted"),
        Err(refusal) => refusal,
    }
}

fn refused_key(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let text = GOOD.replacen(from, to, 1);
    match Config::parse(&text, Path::new("/")) {
        Ok(_) => format!("{to:?} was accepted"),
        Err(refusal) => refusal.key,
    }
}

#[test]
fn a_refusal_names_the_key_that_must_be_changed() {
    assert!(Config::parse(GOOD, Path::new("/")).is_ok());
    for (from, to, key) in [
        ("9101\"", "9101/x\"", "provider.kraken.base_url"),
        ("9101\"", "9101?x\"", "provider.kraken.base_url"),
        // Refused though no price uses the entry yet.
        ("\"$.price\"", "\"$.[\"", "generic.a.value"),
        ("\"$.ts\"", "\"ts\"", "generic.a.time"),
        ("[store]\nurl = \"sqlite:data/oracle.db\"\n", "", "store"),
        ("keystore = \"data/keystore.age\"\n", "", "signer.keystore"),
        ("base = 2", "base = 1", "series[0] \"s\".base"),
        ("digits = 20", "digits = 0", "series[0] \"s\".digits"),
        (
            "listen = \"127.0.0.1:8080\"",
            "listen = \"127.0.0.1:9090\"",
            "http.admin_listen",
        ),
    ] {
        assert_eq!(refused_key(from, to), key);
    }
}
