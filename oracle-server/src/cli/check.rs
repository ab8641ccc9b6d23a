//! `check`: validates a configuration and says what it will do.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use oracle_feeds::provider::peercoin::PEERCOIN;
use oracle_feeds::provider::provider;
use oracle_schema::policy::explain;

use super::{CliError, choice};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{
    Anchor, Asset, Config, ConfigError, Definition, Nostr, OneOff, Operator, Series, Witnessing,
};
use crate::guard;

/// Maturities shown per series.
const SHOWN: usize = 3;

#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) async fn check(path: &Path, is_file_only: bool) -> Result<(), CliError> {
    let config = Config::load(path)?;
    let now = SystemClock.now();
    let (text, refused) = explain(&config, now);
    print!("{text}");
    let refused = match refused {
        Some(reason) => Err(("signer.max_open_choice_bits", reason)),
        None if is_file_only => Ok(Vec::new()),
        None => guard::look(&config, now).await,
    };
    match refused {
        Ok(notes) => {
            for note in notes {
                println!("\nwarning: {note}");
            }
            Ok(())
        }
        Err((key, reason)) => Err(CliError::Config(ConfigError {
            file: path.display().to_string(),
            key: key.to_owned(),
            reason,
        })),
    }
}

/// The configuration in plain words, and why it cannot be used, if it cannot.
fn explain(config: &Config, now: DateTime<Utc>) -> (String, Option<String>) {
    let mut parts = vec![format!(
        "{} on {}: {} series, {} one-off events\nstore {}\npublic {} (admin {})\n",
        config.name,
        config.network,
        config.series.len(),
        config.events.len(),
        without_password(&config.store_url),
        config.http.listen,
        config.http.admin_listen
    )];
    for series in config.series.values() {
        parts.push(explain_series(series, now));
    }
    for event in &config.events {
        parts.push(explain_event(event, now));
    }
    if !config.operators.is_empty() {
        parts.push(explain_operators(&config.operators));
    }
    if !config.assets.is_empty() {
        parts.push(explain_assets(&config.assets));
    }
    parts.extend(config.nostr.as_ref().map(explain_nostr));
    parts.extend(config.witness.as_ref().map(explain_witness));
    parts.extend(config.anchor.as_ref().map(explain_anchor));
    let choice = choice::explain(config, now);
    parts.push(choice.text);
    (parts.concat(), choice.refused)
}

/// What the p2pd and sibyls dialects offer.
fn explain_assets(assets: &[Asset]) -> String {
    let mut text = "\nassets\n".to_owned();
    for asset in assets {
        let dialects = match asset.id_format.p2pd() {
            Some(_) => "p2pd and sibyls",
            None => "sibyls alone; p2pd needs id_format = \"p2pd\"",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {}: series {} for {dialects}",
            asset.name, asset.series
        );
    }
    text
}

fn explain_operators(operators: &[Operator]) -> String {
    let mut text = "\noperators\n".to_owned();
    for operator in operators {
        let scopes: Vec<&str> = operator.scopes.iter().map(|s| s.as_str()).collect();
        let scopes = if scopes.is_empty() {
            "nothing".to_owned()
        } else {
            scopes.join(", ")
        };
        let key = hex::encode(operator.public_key);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}: {scopes}; key {key}", operator.name);
    }
    text
}

fn explain_nostr(nostr: &Nostr) -> String {
    let relays: Vec<&str> = nostr.relays.iter().map(url::Url::as_str).collect();
    format!(
        "\nnostr\n  announcements as kind {}, attestations as kind {}, to {}\n  a new relay gets {}\n",
        nostr.announcement_kind,
        nostr.attestation_kind,
        relays.join(", "),
        if nostr.backfill {
            "everything there ever was"
        } else {
            "what is open and what comes"
        }
    )
}

fn explain_witness(witness: &Witnessing) -> String {
    let mut text = "\nwitness\n".to_owned();
    for (name, key, url) in witness.asked() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name} ({}) cosigns at {url}", key.name());
    }
    for mirror in &witness.mirrors {
        let _ = writeln!(text, "  a start asks {mirror} whether the log went back");
    }
    text
}

fn explain_anchor(anchor: &Anchor) -> String {
    let wallet = anchor.wallet.as_deref().unwrap_or("its only one");
    format!(
        "\nanchor\n  the newest checkpoint every {} through {}, wallet {wallet}; confirmed by {} blocks\n",
        humantime::format_duration(anchor.every),
        anchor.rpc,
        anchor.confirmations
    )
}

fn explain_event(event: &OneOff, now: DateTime<Utc>) -> String {
    let mut warnings = Vec::new();
    if event.maturity.unix() <= now.timestamp() {
        warnings.push("it has already matured: it will not be announced".to_owned());
    }
    warnings.extend(explain::warnings(
        &event.definition.policy,
        Some(event.maturity.unix()),
    ));
    format!(
        "\nevent {}\n  maturity: {}\n  announced: {}\n{}",
        event.id,
        event.maturity,
        event
            .announce_at
            .map_or_else(|| "at once".to_owned(), |at| time(at.timestamp())),
        explain_definition(&event.definition, Some(event.maturity.unix()), &warnings)
    )
}

fn explain_series(series: &Series, now: DateTime<Utc>) -> String {
    let mut next = now.timestamp();
    let mut times = Vec::new();
    while times.len() < SHOWN
        && let Some(t) = series.schedule.next_after(next)
    {
        times.push(time(t));
        next = t;
    }
    let times = if times.is_empty() {
        "none".to_owned()
    } else {
        times.join(", ")
    };
    let ids = match series.id_format.p2pd() {
        Some(asset) => format!("  event ids: {asset} and the maturity in Unix seconds\n"),
        None => String::new(),
    };
    format!(
        "\nseries {}\n  next maturities: {times}\n{ids}  announced {} before maturity\n{}",
        series.id,
        humantime::format_duration(series.announce_ahead),
        explain_definition(
            &series.definition,
            None,
            &explain::warnings(&series.definition.policy, None)
        )
    )
}

fn explain_definition(
    definition: &Definition,
    maturity: Option<i64>,
    warnings: &[String],
) -> String {
    let mut text = format!(
        "  kind: {}\n  policy hash: {}\n",
        definition.policy.rule.kind(),
        hex::encode(definition.policy_hash)
    );
    // Writing to a String cannot fail.
    for sentence in explain::explain(&definition.policy, maturity) {
        let _ = writeln!(text, "  {sentence}");
    }
    let sources = definition.policy.rule.fact_sources().iter();
    let doubts = sources.filter_map(|source| {
        let doubt = provider(&source.provider)?.doubt_about_request(&source.parameters)?;
        Some(format!("{}: {doubt}", source.id))
    });
    let doubts = doubts.chain(one_hand(definition));
    for warning in warnings.iter().cloned().chain(doubts) {
        let _ = writeln!(text, "  warning: {warning}");
    }
    text
}

/// Who runs the nodes nobody can see from outside.
fn one_hand(definition: &Definition) -> Option<String> {
    let sources = definition.policy.rule.fact_sources().iter();
    let nodes = sources.filter(|s| s.provider == PEERCOIN);
    let roots: BTreeSet<&str> = nodes.map(|s| s.root.as_str()).collect();
    (roots.len() > 1).then(|| {
        "nodes that one person runs, or that know the chain from each other alone, are no \
         independent roots; give those the same `root`"
            .to_owned()
    })
}

fn time(unix: i64) -> String {
    DateTime::from_timestamp(unix, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A store URL as it may be shown: passwords can stand in two places of it.
pub(super) fn without_password(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(parsed) if parsed.scheme() != "sqlite" => format!(
            "{}://{}{}",
            parsed.scheme(),
            parsed.host_str().unwrap_or_default(),
            parsed.path()
        ),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = include_str!("../config/tests/contract.toml");

    fn explained(text: &str) -> String {
        let Ok(config) = Config::parse(text, Path::new("/")) else {
            panic!("the documented configuration is refused");
        };
        // 2026-11-22T00:00:00Z
        let now = DateTime::from_timestamp(1_795_305_600, 0).unwrap_or_default();
        explain(&config, now).0
    }

    #[test]
    fn every_kind_of_event_is_explained_with_its_policy_hash_and_refund() {
        let text = explained(CONTRACT);
        let events: Vec<&str> = text.split("\nevent ").skip(1).collect();
        assert_eq!(events.len(), 6);
        for event in &events {
            assert!(event.contains("\n  policy hash: "), "{event}");
            assert!(event.contains("\n  attests "), "{event}");
            assert!(event.contains(": refund, irrevocably\n"), "{event}");
        }
        let [.., last] = events.as_slice() else {
            unreachable!("six events");
        };
        assert!(last.contains("kind: operators"), "{last}");
        assert!(text.contains("  watcher: approve; key 278117fc"), "{text}");
    }

    #[test]
    fn assets_and_p2pd_ids_are_explained() {
        let text = explained(CONTRACT);
        assert!(text.contains("\n  btcusd: series btcusd-hourly for sibyls alone"));
        assert!(!text.contains("event ids:"));
        let every = "every = \"1h\"";
        let p2pd = format!("{every}\nid_format = \"p2pd\"");
        let text = explained(&CONTRACT.replacen(every, &p2pd, 1));
        assert!(text.contains("\n  btcusd: series btcusd-hourly for p2pd and sibyls\n"));
        assert!(text.contains("\n  event ids: btcusd and the maturity in Unix seconds\n"));
    }

    #[test]
    fn relays_are_named_with_what_they_get() {
        assert!(!explained(CONTRACT).contains("\nnostr\n"));
        let text = explained(&format!(
            "{CONTRACT}\n[nostr]\nrelays = [\"wss://relay.example\"]\n"
        ));
        assert!(text.contains("kind 88, attestations as kind 89, to wss://relay.example/\n"));
    }

    #[test]
    fn witnesses_and_mirrors_are_named() {
        assert!(!explained(CONTRACT).contains("\nwitness\n"));
        let text = explained(&format!(
            "{CONTRACT}\n[witness]\nmirrors = [\"https://mirror.example\"]\n"
        ));
        let mirror = "  a start asks https://mirror.example/ whether the log went back\n";
        assert!(text.contains(mirror), "{text}");
    }

    #[test]
    fn the_node_that_anchors_is_named() {
        assert!(!explained(CONTRACT).contains("\nanchor\n"));
        let text = explained(&format!(
            "{CONTRACT}\n[anchor]\ncookie_file = \"c\"\nwallet = \"w\"\n"
        ));
        let expected = "every 6h through http://127.0.0.1:18443/, wallet w; confirmed by 6 blocks";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn nodes_of_one_hand_and_difficulties_of_two_kinds_are_warned_of() {
        let section = |name| format!("\n[peercoin.{name}]\ncookie_file = \"{name}\"\n");
        let sections = section("alice") + &section("bob");
        let source = |name: &str| {
            let at = "of = \"difficulty\", at = \"{maturity}\"";
            format!("{{ provider = \"peercoin\", name = \"{name}\", {at} }}")
        };
        let event = format!(
            "\n[[event]]\nid = \"hard\"\nkind = \"fact\"\ntitle = \"How hard?\"\n\
             maturity = \"2026-12-01T00:00:00Z\"\nagree = 2\ndigits = 20\ndecimals = 2\n\
             unit = \"u\"\nsource = [ {}, {} ]\n",
            source("alice"),
            source("bob")
        );
        let text = explained(&format!("{CONTRACT}{sections}{event}"));
        let event = text.split("\nevent hard\n").nth(1).unwrap_or_default();
        for expected in [
            "peercoin:alice/difficulty@2026-12-01T00:00:00Z: the difficulty (that of the block's \
             own kind) of the last block whose median time is not after 2026-12-01",
            "once the block after it has 6 confirmations on chain regtest\n",
            "warning: peercoin:bob/difficulty@2026-12-01T00:00:00Z: a block's difficulty is",
            "warning: nodes that one person runs",
        ] {
            assert!(event.contains(expected), "{expected:?} is not in\n{event}");
        }
    }

    #[test]
    fn what_has_matured_and_what_one_voice_decides_is_warned_of() {
        let text = explained(CONTRACT);
        let warnings: Vec<&str> = text
            .lines()
            .filter_map(|l| l.strip_prefix("  warning: "))
            .collect();
        let [matured, races, alone] = warnings.as_slice() else {
            panic!("{warnings:?}");
        };
        // The match of October, the Senate of a state that may elect two, the one
        // source of the German election.
        assert_eq!(*matured, "it has already matured: it will not be announced");
        assert!(races.starts_with("ap:2026-11-03/GA/S: the answer may list several races"));
        assert_eq!(*alone, "agree = 1: one source alone decides the outcome");
    }
}

#[cfg(test)]
mod live_tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::create::{Plan, make, make_passphrase};
    use crate::guard::look;
    use crate::service;

    const OPERATED: &str = r#"
[oracle]
name = "Test"
network = "peercoin-regtest"
[http]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
[store]
url = "sqlite:data/oracle.db"
[signer]
keystore = "data/keystore.age"
journal = "data/journal"
passphrase_file = "data/passphrase"
[[operator]]
name = "alice"
public_key = "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e"
scopes = ["report"]
[[event]]
id = "upgrade"
kind = "operators"
title = "Was it activated?"
maturity = "2100-01-01T00:00:00Z"
outcomes = ["yes", "no"]
panel = ["alice"]
k = 1
"#;

    fn now() -> DateTime<Utc> {
        SystemClock.now()
    }

    /// An oracle's files, made by `init`.
    async fn made(dir: &Path) -> PathBuf {
        std::fs::create_dir(dir.join("data")).unwrap();
        make(&Plan {
            dir: dir.to_owned(),
            network: "peercoin-regtest".to_owned(),
            store: "sqlite:data/oracle.db".to_owned(),
            passphrase_file: make_passphrase(&dir.join("data/passphrase")).unwrap(),
            config: OPERATED.to_owned(),
        })
        .await
        .unwrap();
        dir.join("oracle.toml")
    }

    fn config(text: &str, dir: &Path) -> Config {
        Config::parse(text, dir).unwrap_or_else(|e| panic!("{}: {}", e.key, e.reason))
    }

    #[tokio::test]
    async fn what_a_start_would_refuse_is_refused_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let file = made(dir).await;
        let whole = Config::load(&file).unwrap();
        assert_eq!(look(&whole, now()).await, Ok(Vec::new()));

        // The file's event is open from the first start on.
        let run =
            |config| service::start(config, service::Options::default(), Arc::new(SystemClock));
        let running = run(Config::load(&file).unwrap()).await.unwrap();
        // Beside the running service.
        assert_eq!(look(&whole, now()).await, Ok(Vec::new()));
        running.stop().await.unwrap();
        let before = std::fs::read(dir.join("data/oracle.db")).unwrap();
        let (bare, _) = OPERATED.split_once("[[operator]]").unwrap();
        let (key, why) = look(&config(bare, dir), now()).await.unwrap_err();
        assert_eq!(key, "store.url");
        assert!(
            why.contains("operator \"alice\" (event \"upgrade\")"),
            "{why}"
        );
        assert!(why.contains("put it back"), "{why}");
        let other = OPERATED.replace("peercoin-regtest", "peercoin-testnet");
        let (key, _) = look(&config(&other, dir), now()).await.unwrap_err();
        assert_eq!(key, "signer.keystore");
        let after = std::fs::read(dir.join("data/oracle.db")).unwrap();
        assert_eq!(before, after, "the database is only read");

        for (name, key) in [
            ("oracle.db", "store.url"),
            ("keystore.age", "signer.keystore"),
            ("passphrase", "signer.passphrase_file"),
        ] {
            std::fs::remove_file(dir.join("data").join(name)).unwrap();
            let (found, why) = look(&whole, now()).await.unwrap_err();
            assert_eq!(found, key, "{why}");
            assert!(why.contains("--file-only"), "{why}");
            assert!(!dir.join("data").join(name).exists());
        }
    }
}
