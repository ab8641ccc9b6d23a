//! `oracle-server probe`: every provider asked once over HTTP, and what it saved
//! read again.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_feeds::loopback::{
    Fault, LoopbackNode, LoopbackVenues, MatchStage, ScriptedMatch, ScriptedRace, kerg2,
};
use oracle_feeds::provider_names;
use oracle_feeds::sample::{self, Row};
use oracle_feeds::time::TimeSource;
use oracle_server::probe::{Options, ProbeError, probe};
use oracle_tests::database::Backend;
use oracle_tests::made::{btcusd, preamble};
use oracle_tests::market::{self, START};
use oracle_tests::process::server_binary;
use oracle_tests::world::{World, instant};
use rust_decimal::Decimal;

const KICKOFF: i64 = START - 7200;

fn game_event(id: &str, provider: &str) -> String {
    // Zeros in front belong to the ids of some.
    let game = if provider == "nba" { "0000000009" } else { "9" };
    format!(
        r#"
[[event]]
id = "{id}"
kind = "match"
kickoff = "{}"
maturity = "{}"
basis = "final"
outcomes = ["home", "away", "void"]
agree = 1
source = [ {{ provider = "{provider}", match = "{game}", home = "1", away = "2" }} ]
"#,
        instant(KICKOFF).to_rfc3339(),
        instant(START + 3600).to_rfc3339(),
    )
}

/// Events that ask every provider of facts.
fn events() -> String {
    let mut text: String = MATCHES
        .iter()
        .map(|provider| game_event(&format!("game-{provider}"), provider))
        .collect();
    text.push_str(
        r#"
[[event]]
id = "senate"
kind = "election"
maturity = "2026-12-01T00:00:00Z"
basis = "called"
outcomes = ["alder", "other", "void"]
agree = 1
candidates = { alder = { ap = ["18702"] } }
source = [ { provider = "ap", date = "2026-11-03", state = "GA", office = "S" } ]

[[event]]
id = "bundestag"
kind = "election"
maturity = "2029-03-20T00:00:00Z"
basis = "endgueltig"
outcomes = ["spd", "other", "void"]
agree = 1
candidates = { spd = { bundeswahlleiterin = ["SPD"] } }
source = [ { provider = "bundeswahlleiterin", path = "/kerg2.csv", area = "Bund", vote = 2 } ]
"#,
    );
    text
}

const MATCHES: [&str; 7] = [
    "openligadb",
    "football-data",
    "api-football",
    "mlb",
    "nhl",
    "nba",
    "espn-nfl",
];

/// A node, and an event that asks it.
async fn node() -> (LoopbackNode, tempfile::TempDir, String) {
    let node = LoopbackNode::start("regtest", KICKOFF).await.unwrap();
    node.mine_until(START, 600);
    let dir = tempfile::tempdir().unwrap();
    let cookie = dir.path().join("cookie");
    std::fs::write(&cookie, node.cookie()).unwrap();
    let text = format!(
        r#"
[provider.peercoin]
base_url = "{}"
cookie_file = "{}"

[[event]]
id = "chain"
kind = "fact"
title = "How hard is block 5?"
maturity = "2026-12-01T00:00:00Z"
agree = 1
outcomes = {{ hard = {{ above = "20" }}, easy = {{ other = true }} }}
source = [ {{ provider = "peercoin", of = "difficulty", at = 5 }} ]
"#,
        node.url(),
        cookie.display()
    );
    (node, dir, text)
}

/// An oracle that has everything to ask, and providers that answer; the node and its
/// files as long as they are kept.
async fn world() -> (World, LoopbackNode, tempfile::TempDir) {
    let (node, dir, chain) = node().await;
    let world = World::create(Backend::Sqlite, &(events() + &chain)).await;
    node.keep_time(world.time_source());
    for provider in MATCHES {
        let game = ScriptedMatch {
            id: 9,
            home: 1,
            away: 2,
            kickoff: KICKOFF,
            stage: MatchStage::Finished(2, 1),
        };
        world.venues.set_match(provider, &game);
    }
    let race = ScriptedRace {
        date: "2026-11-03".to_owned(),
        state: "GA".to_owned(),
        office: "S".to_owned(),
        candidates: vec![("18702".to_owned(), 2), ("18705".to_owned(), 1)],
        results_type: "live",
        winner: Some("18702".to_owned()),
    };
    world.venues.set_answer("ap", &race.path(), race.body());
    let votes = kerg2("Endgültig", &[("SPD", 2), ("CDU", 1)]);
    world
        .venues
        .set_answer("bundeswahlleiterin", "/kerg2.csv", votes);
    (world, node, dir)
}

fn saved(dir: &Path) -> BTreeMap<String, Vec<Row>> {
    let index = std::fs::read(dir.join("index.json")).unwrap();
    let rows: Vec<Row> = serde_json::from_slice(&index).unwrap();
    let mut readings: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        readings.entry(row.reading.clone()).or_default().push(row);
    }
    readings
}

#[tokio::test]
async fn every_provider_is_asked_and_what_was_saved_reads_the_same_again() {
    let (world, _node, _dir) = world().await;
    let at = Some(instant(START - 600));
    let options = Options { source: None, at };
    let report = probe(&world.config(), world.clock.clone(), &options)
        .await
        .unwrap();
    assert_eq!(report.readable().0, report.sources.len(), "{report}");
    for name in provider_names() {
        assert!(
            report
                .sources
                .iter()
                .any(|s| s.question.query().provider() == name),
            "{name} was not probed"
        );
    }

    let dir = tempfile::tempdir().unwrap();
    let written = report.save(dir.path()).unwrap();
    // The same moment once more replaces what it wrote, and loses nothing.
    assert_eq!(report.save(dir.path()).unwrap(), written);
    let readings = saved(dir.path());
    assert_eq!(readings.len(), report.sources.len());
    assert_eq!(readings.values().map(Vec::len).sum::<usize>(), written);
    for rows in readings.values() {
        let body = |file: &str| std::fs::read(dir.path().join(file)).ok();
        let (recorded, again) = sample::reread(rows, body).unwrap();
        assert_eq!(recorded, again, "{}", rows[0].reading);
        assert_eq!(recorded.verdict, "observation", "{}", rows[0].expect);
        let nothing = |_: &str| Some(b"{}".to_vec());
        let (_, changed) = sample::reread(rows, nothing).unwrap();
        assert_ne!(recorded, changed, "{}", rows[0].reading);
    }
}

#[tokio::test]
async fn the_report_shows_the_request_the_literal_and_what_would_be_decided() {
    let (world, _node, _dir) = world().await;
    let at = Some(instant(START - 600));
    let options = Options { source: None, at };
    let text = probe(&world.config(), world.clock.clone(), &options)
        .await
        .unwrap()
        .to_string();
    let fixed = Decimal::new(market::btcusd_fixing_cents(START - 600), 2);
    for line in [
        "kraken:XBTUSD (root kraken), for price btcusd, price ppcusd",
        "/0/public/OHLC?pair=XBTUSD",
        "    200, ",
        "    date: Sun, 22 Nov 2026 15:00:00 GMT",
        &format!("price btcusd at 2026-11-22T14:50:00Z\n  fixed at {fixed}"),
        "event game-mlb\n  \"home\", if that stays so",
        "peercoin:difficulty@5 (root peercoin), for event chain\n  POST http://127.0.0.1:",
        "\n    {\"jsonrpc\":\"1.0\",\"id\":0,\"method\":\"getblockhash\",\"params\":[5]}\n    200, ",
        "event chain\n  \"hard\", if that stays so",
        "event bundestag\n  \"spd\", if that stays so",
        "event senate\n  \"alder\", if that stays so",
        "sources answered as documented",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}

#[tokio::test]
async fn one_source_can_be_asked_alone_and_one_that_fails_is_told_from_the_rest() {
    let (world, _node, _dir) = world().await;
    let only = |source: &str| Options {
        source: Some(source.to_owned()),
        at: Some(instant(START - 600)),
    };
    let config = world.config();
    world.venues.set_fault("kraken", Some(Fault::Http(429)));
    let report = probe(&config, world.clock.clone(), &only("kraken"))
        .await
        .unwrap();
    assert_eq!(report.readable(), (0, 1));
    // Three other venues were not asked: nothing is said about the price.
    assert_eq!(report.decisions, []);
    let text = report.to_string();
    assert!(text.contains("asks to be left alone for 7 s"), "{text}");
    let asked: Vec<String> = world
        .venues
        .requests()
        .into_iter()
        .map(|r| r.venue)
        .collect();
    assert_eq!(asked, ["kraken"]);

    let unknown = probe(&config, world.clock.clone(), &only("krakn")).await;
    let error = unknown.unwrap_err();
    assert!(error.to_string().contains("kraken:XBTUSD"), "{error}");
    let future = Options {
        source: None,
        at: Some(instant(START + 1)),
    };
    let refused = probe(&config, world.clock.clone(), &future).await;
    assert!(matches!(refused, Err(ProbeError::Future(_))));
}

#[derive(Debug)]
struct Now;

impl TimeSource for Now {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// The command itself, on the machine's clock and without an oracle: there is no
/// keystore, no journal and no database, and none is made.
#[tokio::test]
async fn the_command_needs_no_oracle_and_shows_no_key() {
    let wanted: Vec<(&str, u16)> = LoopbackVenues::BUILT_IN
        .into_iter()
        .chain(["football-data"])
        .map(|v| (v, 0))
        .collect();
    let venues = LoopbackVenues::start(&wanted, Arc::new(Now), Arc::new(market::price))
        .await
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("secrets")).unwrap();
    let key = dir.path().join("secrets/key");
    std::fs::write(&key, "s3cret-of-a-test\n").unwrap();
    let mut private = std::fs::metadata(&key).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut private, 0o600);
    std::fs::set_permissions(&key, private).unwrap();
    let game = ScriptedMatch {
        id: 9,
        home: 1,
        away: 2,
        kickoff: KICKOFF,
        stage: MatchStage::Finished(2, 1),
    };
    venues.set_match("football-data", &game);
    let text = preamble("sqlite:data/oracle.db")
        + &btcusd(&venues).unwrap()
        + &format!(
            "\n[provider.football-data]\nbase_url = \"{}\"\napi_key_file = \"secrets/key\"\n",
            venues.base_url("football-data").unwrap()
        )
        + &game_event("game", "football-data");
    let config = dir.path().join("oracle.toml");
    std::fs::write(&config, text).unwrap();
    let answers = dir.path().join("answers");
    let at = (Utc::now() - TimeDelta::minutes(5)).to_rfc3339();
    let run = async || {
        tokio::process::Command::new(server_binary().await)
            .arg("probe")
            .arg("--config")
            .arg(&config)
            .args(["--at", &at, "--save"])
            .arg(&answers)
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap()
    };
    let output = run().await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}\n{:?}", output.stderr);
    assert!(
        said.contains("5 of 5 sources answered as documented"),
        "{said}"
    );
    assert!(said.contains("\n  fixed at "), "{said}");
    assert!(said.contains("5 exchanges saved in "), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
    let index = std::fs::read_to_string(answers.join("index.json")).unwrap();
    assert!(!index.contains("s3cret"), "{index}");
    assert!(!dir.path().join("data").exists());

    venues.set_fault("gemini", Some(Fault::Html));
    let output = run().await;
    assert_eq!(output.status.code(), Some(1));
    let last = String::from_utf8(output.stderr).unwrap();
    let expected = "error: 1 of 5 sources did not answer as documented\n";
    assert!(last.ends_with(expected), "{last}");
}
