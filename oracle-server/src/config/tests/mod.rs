//! What is refused, and under which key.

#![allow(clippy::unwrap_used, reason = "tests")]

mod anchor;
mod chain;
mod compat;
mod events;
mod facts;
mod nostr;
mod operators;
mod ppc;
mod question;
mod sampled;
mod value;
mod witness;

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

fn accepted(from: &str, to: &str) -> Config {
    assert!(GOOD.contains(from), "{from}");
    Config::parse(&GOOD.replacen(from, to, 1), Path::new("/"))
        .unwrap_or_else(|refusal| panic!("{}: {}", refusal.key, refusal.reason))
}

const JSON_ENTRY: &str = "value = \"$.price\"\ntime = \"$.ts\"";

/// The entry as a table, with more keys.
fn table(more: &str) -> String {
    format!("format = \"csv\"\nvalue = \"Kurs\"\ntime = \"Zeit\"\n{more}")
}

#[test]
fn a_table_needs_a_declared_decimal_mark() {
    let key = |more: &str| refused_key(JSON_ENTRY, &table(more));
    assert_eq!(key(""), "generic.a.decimal");
    assert_eq!(key("decimal = \"'\""), "generic.a.decimal");
    for delimiter in ["", ";;", "a", "\\n", "\\\"", ".", "\u{a7}", "1", "-", " "] {
        let more = format!("decimal = \",\"\ndelimiter = \"{delimiter}\"");
        assert_eq!(key(&more), "generic.a.delimiter", "{delimiter}");
    }
    let row = "decimal = \",\"\nrow = { column = \"\", equals = \"PPC\" }";
    assert_eq!(key(row), "generic.a.row.column");
    let row = "decimal = \",\"\nrow = { column = \"Paar\" }";
    assert_eq!(key(row), "generic.a.row.equals");
    for good in ["", "delimiter = \";\"", "delimiter = \"\\t\""] {
        accepted(JSON_ENTRY, &table(&format!("decimal = \",\"\n{good}")));
    }
    let json = format!("{JSON_ENTRY}\ndecimal = \".\"");
    assert_eq!(refused_key(JSON_ENTRY, &json), "generic.a.decimal");
}

#[test]
fn a_secret_in_a_url_is_refused_because_policies_are_public() {
    for query in [
        "?API_KEY=s&at={unix}",
        "?at={unix}&token=s",
        "?at={unix}&key=",
        "?at={unix}&access_key=s",
        "?at={unix}&apiToken=s",
    ] {
        assert_eq!(refused_key("?at={unix}", query), "generic.a.url", "{query}");
    }
}

#[test]
fn a_placeholder_that_is_none_or_chooses_the_host_is_refused() {
    for query in [
        "?at={date}",
        "?at={unix+x}",
        "?at={unix",
        "?at=unix}",
        "?at={}",
    ] {
        assert_eq!(refused_key("?at={unix}", query), "generic.a.url", "{query}");
    }
    accepted("?at={unix}", "?from={iso-300}&to={unix_ms+0}");
    assert_eq!(
        refused_key("http://127.0.0.1:9105/", "http://127.0.0.1:9{unix}/"),
        "generic.a.url"
    );
    assert_eq!(
        refused_key("http://127.0.0.1:9105/", "http://{unix}.test/"),
        "generic.a.url"
    );
}

#[test]
fn bars_say_their_length_and_which_end_their_time_is() {
    let with = |more: &str| format!("{JSON_ENTRY}\n{more}");
    let key = |more: &str| refused_key(JSON_ENTRY, &with(more));
    assert_eq!(key("bar = \"1m\""), "generic.a.stamped");
    assert_eq!(key("stamped = \"open\""), "generic.a.stamped");
    assert_eq!(key("volume = \"$.v\""), "generic.a.volume");
    for length in ["0s", "25h", "1", "soon"] {
        let more = format!("bar = \"{length}\"\nstamped = \"open\"");
        assert_eq!(key(&more), "generic.a.bar", "{length}");
    }
    let bars = "bar = \"5m\"\nstamped = \"close\"";
    assert_eq!(key(&format!("{bars}\nvolume = \"v\"")), "generic.a.volume");
    accepted(JSON_ENTRY, &with(bars));
    accepted(JSON_ENTRY, &with(&format!("{bars}\nvolume = \"$[*].v\"")));
}

#[test]
fn what_belongs_to_a_price_is_refused_where_there_is_no_time() {
    let fact = "[generic.b]\nurl = \"http://127.0.0.1:9106/\"\nvalue = \"$.v\"\n";
    let with = |more: &str| format!("{fact}{more}\n[[series]]");
    accepted("[[series]]", &with(""));
    for (key, value) in [
        ("time_unit", "\"s\""),
        ("bar", "\"1m\""),
        ("stamped", "\"open\""),
        ("volume", "\"$.v\""),
    ] {
        let more = with(&format!("{key} = {value}"));
        assert_eq!(refused_key("[[series]]", &more), format!("generic.b.{key}"));
    }
}

#[test]
fn a_key_comes_from_a_file_and_goes_to_its_own_header_and_host() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    let keyed = |header: &str| format!("{JSON_ENTRY}\napi_key_file = {file:?}\n{header}");
    let header = "api_key_header = \"X-Key\"";
    assert_eq!(
        refused_key(JSON_ENTRY, &keyed(header)),
        "generic.a.api_key_file",
        "the file is not there"
    );
    for nothing in ["", " \n", "a\nb", "\u{1}"] {
        std::fs::write(&file, nothing).unwrap();
        let refused = refused_key(JSON_ENTRY, &keyed(header));
        assert_eq!(refused, "generic.a.api_key_file", "{nothing:?}");
    }
    std::fs::write(&file, "s3cret\n").unwrap();
    let config = accepted(JSON_ENTRY, &keyed(header));
    let settings = &config.providers["a"];
    assert_eq!(settings.api_key, oracle_feeds::fetch::ApiKey::new("s3cret"));
    assert_eq!(settings.base_url.as_deref(), Some("http://127.0.0.1:9105"));
    assert!(!format!("{config:?}").contains("s3cret"));
    assert_eq!(refused_key(JSON_ENTRY, &keyed("")), "generic.a");
    assert_eq!(
        refused_key(JSON_ENTRY, &format!("{JSON_ENTRY}\n{header}")),
        "generic.a"
    );
    assert_eq!(
        refused_key(JSON_ENTRY, &keyed("api_key_header = \"X Key\"")),
        "generic.a.api_key_header"
    );
    let section =
        |name: &str| format!("[provider.{name}]\napi_key_file = {file:?}\n[price.btcusd]");
    let config = accepted("[price.btcusd]", &section("ap"));
    assert!(config.providers["ap"].api_key.is_some());
    let kraken = GOOD.replacen("9101\"", &format!("9101\"\napi_key_file = {file:?}"), 1);
    let refused = Config::parse(&kraken, Path::new("/")).err().unwrap();
    assert_eq!(refused.key, "provider.kraken.api_key_file");
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

#[test]
fn a_dollar_token_is_a_dollar_only_where_the_price_says_so() {
    for (name, sources, good) in [
        ("btcusd", "\"kraken:XBTUSDT\"", false),
        ("btcusd", "\"coinbase:BTC-USDC\"", false),
        ("btcusd", "\"kraken:XBTUSD\", \"bitstamp:btceur\"", false),
        ("btcusd", "\"kraken:XBTUSD\", \"coinbase:BTC-USDT\"", false),
        ("btcusdt", "\"kraken:XBTUSD\"", false),
        ("btcusdt", "\"coinbase:BTC-USDC\"", false),
        ("btcusdt", "\"coinbase:BTC-USDT\"", true),
        ("btc-usdt", "\"kraken:XBTUSDT\"", true),
        ("coin", "\"kraken:XBTUSDT\"", false),
        ("coin", "\"kraken:XBTUSDT\"]\nquote = \"USDT\" #", true),
        ("coin", "\"kraken:XBTUSD\"", true),
        ("usdtusd", "\"kraken:USDTZUSD\"", true),
        ("dai", "\"kraken:DAIUSD\"", true),
        ("ethbtc", "\"kraken:ETHXBT\", \"coinbase:ETH-BTC\"", true),
    ] {
        let text = GOOD
            .replace("btcusd", name)
            .replace("\"kraken:XBTUSD\"", sources);
        let refused = Config::parse(&text, Path::new("/")).err();
        let expected = (!good).then(|| format!("price.{name}.sources"));
        assert_eq!(refused.map(|r| r.key), expected, "{name} {sources}");
    }
    let sources = "sources = [\"kraken:XBTUSD\"]";
    let unknown = format!("{sources}\nquote = \"dollar\"");
    assert_eq!(refused_key(sources, &unknown), "price.btcusd.quote");
}

#[test]
fn a_wait_for_late_venues_lies_between_settle_delay_and_give_up() {
    let with = |more: &str| format!("max_trade_age = \"15m\"\n{more}");
    let key = |more: &str| refused_key("max_trade_age = \"15m\"", &with(more));
    for short in [
        "max_lag = \"30s\"",
        "max_lag = \"60s\"",
        "max_lag = \"soon\"",
    ] {
        assert_eq!(key(short), "price.btcusd.max_lag");
    }
    let equal = "settle_delay = \"10m\"\nmax_lag = \"10m\"";
    assert_eq!(key(equal), "price.btcusd.max_lag");
    // Given up after 72 h by default.
    let text = GOOD.replacen("max_trade_age = \"15m\"", &with("max_lag = \"72h\""), 1);
    let refusal = Config::parse(&text, Path::new("/")).unwrap_err();
    assert!(refusal.key.ends_with("give_up_after"), "{}", refusal.key);
    assert_eq!(
        refusal.reason,
        "must be at least 300 s longer than max_lag of price.btcusd"
    );
    let config = accepted("max_trade_age = \"15m\"", &with("max_lag = \"10m\""));
    let definition = &config.series.values().next().unwrap().definition;
    let legs = &definition.policy.rule.price().unwrap().legs;
    assert_eq!(legs[0].max_lag_s, Some(600));
    // No alarm before the wait is over.
    let maturity = Maturity::from_unix(1_790_870_400).unwrap();
    let overdue = definition.settle_delay_s() + definition.patience_s(maturity);
    assert_eq!(overdue, 600 + 120);
}
