//! Relays, and what may not be one.

use super::*;

fn with(section: &str) -> Result<Config, Refusal> {
    Config::parse(&format!("{GOOD}[nostr]\n{section}\n"), Path::new("/"))
}

fn key_of(section: &str) -> String {
    match with(section) {
        Ok(_) => format!("{section:?} was accepted"),
        Err(refusal) => refusal.key,
    }
}

#[test]
fn nothing_is_published_where_nothing_is_configured() {
    let config = Config::parse(GOOD, Path::new("/")).unwrap();
    assert_eq!(config.nostr, None);
}

#[test]
fn relays_have_defaults_and_one_name_each() {
    let nostr =
        with("relays = [\"wss://Relay.Example\", \"ws://127.0.0.1:7777/x\", \"ws://[::1]\"]")
            .unwrap()
            .nostr
            .unwrap();
    let urls: Vec<&str> = nostr.relays.iter().map(url::Url::as_str).collect();
    assert_eq!(
        urls,
        [
            "wss://relay.example/",
            "ws://127.0.0.1:7777/x",
            "ws://[::1]/"
        ]
    );
    assert_eq!((nostr.announcement_kind, nostr.attestation_kind), (88, 89));
    assert!(!nostr.backfill);
}

#[test]
fn a_refused_relay_is_named_by_its_key_and_not_repeated() {
    for url in [
        "https://relay.example",
        "relay.example",
        "ws://relay.example",
        "ws://localhost:7777",
        "ws://192.168.0.1",
        "wss://",
        "wss://user@relay.example",
        "wss://user:secret@relay.example",
        "wss://relay.example/?token=secret",
        "wss://relay.example/#secret",
    ] {
        let section = format!("relays = [\"wss://a.example\", {url:?}]");
        let refusal = with(&section).map(|_| ()).unwrap_err();
        assert_eq!(refusal.key, "nostr.relays[1]", "{url}");
        assert!(!refusal.to_string().contains("secret"), "{refusal}");
    }
    let twice = "relays = [\"wss://a.example\", \"wss://A.example/\"]";
    assert_eq!(key_of(twice), "nostr.relays[1]");
    assert_eq!(key_of("relays = []"), "nostr.relays");
    assert_eq!(key_of(""), "nostr.relays");
    let many: Vec<String> = (0..33).map(|n| format!("wss://r{n}.example")).collect();
    assert_eq!(key_of(&format!("relays = {many:?}")), "nostr.relays");
}

#[test]
fn kinds_that_relays_do_not_keep_are_refused() {
    let relays = "relays = [\"wss://a.example\"]\n";
    for kind in ["0", "3", "5", "10000", "20089", "39999"] {
        for key in ["announcement_kind", "attestation_kind"] {
            assert_eq!(
                key_of(&format!("{relays}{key} = {kind}")),
                format!("nostr.{key}")
            );
        }
    }
    assert_eq!(
        key_of(&format!("{relays}announcement_kind = 89")),
        "nostr.attestation_kind"
    );
    assert_eq!(
        key_of(&format!("{relays}announcement_kind = 65536")),
        "nostr.announcement_kind"
    );
    assert_eq!(
        key_of(&format!("{relays}secret_key = \"x\"")),
        "nostr.secret_key"
    );
    let nostr = with(&format!(
        "{relays}announcement_kind = 1088\nbackfill = true"
    ))
    .unwrap()
    .nostr
    .unwrap();
    assert_eq!(nostr.announcement_kind, 1088);
    assert!(nostr.backfill);
}
