//! Nodes, and facts of the chain.

use oracle_feeds::fetch::Login;
use oracle_schema::policy::{Compare, FactPolicy, Rule};

use super::*;

const EVENT: &str = r#"
[peercoin.alice]
url = "http://127.0.0.1:9902"
cookie_file = "cookie"

[peercoin.bob]
url = "https://node.example:9902/"
user = "oracle"
password_file = "/secrets/bob"
root = "elsewhere"
timeout = "20s"
rate = "5/s"

[[event]]
id = "height"
kind = "fact"
title = "How high is the chain?"
maturity = "2026-12-01T00:00:00Z"
source = [
  { provider = "peercoin", name = "alice", of = "supply", at = 820000, confirmations = 12 },
  { provider = "peercoin", name = "bob", of = "height", at = "{maturity}" },
]
agree = 2
outcomes = { yes = { equals = "820000" }, no = { other = true } }
"#;

fn written(from: &str, to: &str) -> Result<Config, Refusal> {
    assert!(EVENT.contains(from), "{from}");
    let text = format!("{GOOD}{}", EVENT.replacen(from, to, 1));
    Config::parse(&text, Path::new("/etc/oracle"))
}

fn policy(config: &Config) -> FactPolicy {
    match config.events[0].definition.policy.rule.clone() {
        Rule::Fact(policy) => policy,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_question_to_a_node_is_pinned_with_its_chain_and_block() {
    let config = written("alice", "alice").unwrap();
    let policy = policy(&config);
    assert_eq!(policy.compare, Compare::Number);
    let [alice, bob] = policy.sources.as_slice() else {
        panic!("{policy:?}");
    };
    let parameters = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let owned = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        owned.collect()
    };
    assert_eq!(alice.id, "peercoin:alice/supply@820000");
    assert_eq!(alice.root, "alice");
    let due = [
        ("chain", "regtest"),
        ("confirmations", "12"),
        ("height", "820000"),
        ("name", "alice"),
        ("of", "supply"),
    ];
    assert_eq!(alice.parameters, parameters(&due));
    assert_eq!(bob.id, "peercoin:bob/height@2026-12-01T00:00:00Z");
    assert_eq!(bob.root, "elsewhere");
    let due = [
        ("chain", "regtest"),
        ("confirmations", "6"),
        ("name", "bob"),
        ("of", "height"),
        ("until", "1796083200"),
    ];
    assert_eq!(bob.parameters, parameters(&due));
    let settings = &config.providers["alice"];
    assert_eq!(settings.base_url.as_deref(), Some("http://127.0.0.1:9902"));
    let cookie = Login::Cookie("/etc/oracle/cookie".into());
    assert_eq!(settings.login, Some(cookie));
    let settings = &config.providers["bob"];
    let base = settings.base_url.as_deref();
    assert_eq!(base, Some("https://node.example:9902"));
    let password = Login::Password {
        user: "oracle".to_owned(),
        file: "/secrets/bob".into(),
    };
    assert_eq!(settings.login, Some(password));
}

#[test]
fn one_node_needs_no_name() {
    let config = written(
        "[peercoin.alice]\nurl = \"http://127.0.0.1:9902\"",
        "[provider.peercoin]",
    );
    // The event still names alice.
    let refusal = config.unwrap_err();
    assert_eq!(refusal.key, "event[0] \"height\".source[0].name");
    let text = EVENT
        .replacen(
            "[peercoin.alice]\nurl = \"http://127.0.0.1:9902\"",
            "[provider.peercoin]",
            1,
        )
        .replacen("name = \"alice\", ", "", 1);
    let text = format!("{GOOD}{text}");
    let config = Config::parse(&text, Path::new("/")).unwrap();
    let source = policy(&config).sources[0].clone();
    assert_eq!(source.id, "peercoin:supply@820000");
    assert_eq!(source.root, "peercoin");
    assert!(!source.parameters.contains_key("name"));
    // The port of the network.
    let settings = &config.providers["peercoin"];
    assert_eq!(settings.base_url.as_deref(), Some("http://127.0.0.1:18443"));
}

#[test]
fn a_refusal_names_the_key_and_no_secret() {
    let source = "event[0] \"height\".source[0]";
    for (from, to, key) in [
        ("cookie_file = \"cookie\"", "", "peercoin.alice.cookie_file"),
        (
            "cookie_file = \"cookie\"",
            "cookie_file = \"c\"\nuser = \"u\"",
            "peercoin.alice.cookie_file",
        ),
        ("\"oracle\"", "\"a:b\"", "peercoin.bob.user"),
        (
            "http://127.0.0.1:9902",
            "http://u:s3cret@127.0.0.1:9902",
            "peercoin.alice.url",
        ),
        (
            "http://127.0.0.1:9902",
            "http://127.0.0.1:9902/wallet/w",
            "peercoin.alice.url",
        ),
        ("\"20s\"", "\"0s\"", "peercoin.bob.timeout"),
        ("\"5/s\"", "\"fast\"", "peercoin.bob.rate"),
        ("[peercoin.alice]", "[peercoin.kraken]", "peercoin.kraken"),
        ("[peercoin.alice]", "[peercoin.a]", "peercoin.a"),
        ("[peercoin.alice]", "[peercoin.\"a b\"]", "peercoin.a b"),
        ("url = \"http", "wallet = \"http", "peercoin.alice.wallet"),
        ("of = \"supply\"", "of = \"weight\"", "of"),
        ("of = \"supply\"", "of = \"height\"", "of"),
        ("of = \"supply\", ", "", "of"),
        ("at = 820000", "at = -1", "at"),
        ("at = 820000", "at = \"soon\"", "at"),
        ("at = 820000", "at = 200000000", "at"),
        ("at = 820000, ", "", "at"),
        ("confirmations = 12", "confirmations = 0", "confirmations"),
        (
            "confirmations = 12",
            "confirmations = 1001",
            "confirmations",
        ),
        ("confirmations = 12", "height = 12", "height"),
        ("name = \"alice\"", "name = \"carol\"", "name"),
        ("name = \"alice\", ", "", "name"),
        (
            "agree = 2",
            "agree = 2\ncompare = \"text\"",
            "event[0] \"height\".compare",
        ),
        ("agree = 2", "agree = 3", "event[0] \"height\".agree"),
    ] {
        let Err(refusal) = written(from, to) else {
            panic!("{to:?} was accepted");
        };
        let is_own = refusal.key == key || refusal.key == format!("{source}.{key}");
        assert!(is_own, "{to:?}: {refusal}");
        assert!(!refusal.to_string().contains("s3cret"), "{refusal}");
    }
}

#[test]
fn a_login_belongs_to_a_node_and_a_key_to_others() {
    for (section, key) in [
        (
            "[provider.coinbase]\ncookie_file = \"c\"",
            "provider.coinbase.cookie_file",
        ),
        (
            "[provider.coinbase]\nuser = \"u\"",
            "provider.coinbase.user",
        ),
        (
            "[provider.peercoin]\napi_key_file = \"k\"",
            "provider.peercoin.api_key_file",
        ),
        (
            "[provider.peercoin]\nbase_url = \"ftp://x\"",
            "provider.peercoin.base_url",
        ),
    ] {
        let text = format!("{GOOD}\n{section}\n");
        let refusal = Config::parse(&text, Path::new("/")).unwrap_err();
        assert_eq!(refusal.key, key, "{}", refusal.reason);
    }
}

#[test]
fn the_example_is_one() {
    const EXAMPLE: &str = include_str!("../../../../deploy/examples/chain.toml");
    let config = Config::parse(EXAMPLE, Path::new("/")).unwrap();
    assert_eq!(config.events.len(), 2);
    for event in &config.events {
        let sources = event.definition.policy.rule.fact_sources();
        assert_eq!(sources.len(), 2);
        assert_eq!(event.definition.sole_choice(), 0, "two roots decide");
        for source in sources {
            assert_eq!(source.parameters["chain"], "main");
        }
    }
}

#[test]
fn a_node_is_not_asked_for_the_time_and_all_else_is() {
    let config = written("alice", "alice").unwrap();
    let roots = config.time_roots();
    let roots: Vec<(&str, &str)> = roots
        .iter()
        .map(|(root, name)| (root.as_str(), name.as_str()))
        .collect();
    assert_eq!(roots, [("a", "a"), ("kraken", "kraken")]);
}
