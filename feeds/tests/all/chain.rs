//! Facts of Peercoin's chain: what a node is asked, what its answers are read as.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use oracle_feeds::fact::ValueFact;
use oracle_feeds::fetch::{Fetcher, Login, ProviderSettings};
use oracle_feeds::loopback::{LoopbackNode, NodeFault};
use oracle_feeds::provider::MAX_REQUESTS;
use oracle_feeds::{Exchange, Observation, Query, Rate, Reading, SourceReading, provider};
use oracle_schema::evidence::method;
use oracle_schema::policy::FactSource;
use proptest::prelude::*;

use crate::common::{Stopped, T, exchange};
use crate::deaf::{self, Lists};

macro_rules! sample {
    ($file:literal) => {
        include_str!(concat!("../../samples/peercoin/", $file))
    };
}

const INFO: &str = sample!("getblockchaininfo.json");
const HASH: &str = sample!("getblockhash.json");
const HEADER: &str = sample!("getblockheader.json");
const COINS: &str = sample!("gettxoutsetinfo.json");
const HASHES: &str = sample!("getblockhash_several.json");
const HEADERS: &str = sample!("getblockheader_several.json");
const HEIGHT: &str = "820000";

fn source(parameters: &[(&str, &str)]) -> FactSource {
    let mut all = BTreeMap::from([
        ("chain".to_owned(), "main".to_owned()),
        ("confirmations".to_owned(), "6".to_owned()),
        ("name".to_owned(), "alice".to_owned()),
    ]);
    for (name, value) in parameters {
        all.insert((*name).to_owned(), (*value).to_owned());
    }
    FactSource {
        id: "peercoin:alice/x".to_owned(),
        provider: "peercoin".to_owned(),
        root: "alice".to_owned(),
        parameters: all,
    }
}

fn at_height(of: &str) -> FactSource {
    source(&[("of", of), ("height", HEIGHT)])
}

/// The height of the last block until T.
fn height_at_t() -> FactSource {
    source(&[
        ("of", "height"),
        ("until", "1790870400"),
        ("confirmations", "3"),
    ])
}

/// A chain so short that one round of the search sees all of it; its end is after T.
fn chain_of_five() -> String {
    INFO.replace("820006", "4")
        .replace("1790867330", "1790870501")
}

fn interpret(source: &FactSource, done: &[Exchange]) -> Reading {
    let query = Query::Fact(source);
    provider("peercoin").unwrap().interpret(&query, done)
}

/// What the source says when these are the answers, each with status 200.
fn read(source: &FactSource, bodies: &[&str]) -> Reading {
    let done: Vec<Exchange> = bodies.iter().map(|b| exchange(200, b.as_bytes())).collect();
    interpret(source, &done)
}

#[track_caller]
fn value(reading: Reading) -> ValueFact {
    match reading {
        Reading::Observation(Observation::Value(fact)) => fact,
        other => panic!("{}: {}", other.verdict(), other.detail()),
    }
}

#[track_caller]
fn refused(reading: &Reading, verdict: &str, words: &str) {
    assert_eq!(reading.verdict(), verdict, "{}", reading.detail());
    assert!(reading.detail().contains(words), "{}", reading.detail());
}

#[test]
fn a_block_of_a_height_is_asked_for_by_four_calls_at_most() {
    let adapter = provider("peercoin").unwrap();
    let bodies = [INFO, HASH, HEADER, COINS];
    let source = at_height("supply");
    let mut asked = Vec::new();
    let mut done = Vec::new();
    while let Some(request) = adapter.plan(&Query::Fact(&source), &done) {
        let body = request.body.unwrap();
        assert_eq!(method(Some(&body)), "POST");
        asked.push(body);
        done.push(exchange(200, bodies[done.len()].as_bytes()));
    }
    let block = "c3a1f0e9d8c7b6a5948372615f4e3d2c1b0a9f8e7d6c5b4a39281706f5e4d3c2";
    assert_eq!(
        asked,
        [
            r#"{"jsonrpc":"1.0","id":0,"method":"getblockchaininfo","params":[]}"#.to_owned(),
            r#"{"jsonrpc":"1.0","id":0,"method":"getblockhash","params":[820000]}"#.to_owned(),
            format!(r#"{{"jsonrpc":"1.0","id":0,"method":"getblockheader","params":["{block}"]}}"#),
            format!(
                r#"{{"jsonrpc":"1.0","id":0,"method":"gettxoutsetinfo","params":["none","{block}"]}}"#
            ),
        ]
    );
}

#[test]
fn values_keep_their_literal_and_are_exact() {
    let three = [INFO, HASH, HEADER];
    let time = value(read(&at_height("time"), &three));
    assert_eq!(time.value, "1790867328");
    let difficulty = value(read(&at_height("difficulty"), &three));
    assert_eq!(difficulty.literal, "30.87630128400512");
    assert_eq!(difficulty.value, "30.87630128400512");
    let small = HEADER.replace("30.87630128400512", "4.656542373906925e-10");
    let small = value(read(&at_height("difficulty"), &[INFO, HASH, &small]));
    assert_eq!(small.literal, "4.656542373906925e-10");
    assert_eq!(small.value, "0.0000000004656542373906925");
    let supply = value(read(&at_height("supply"), &[INFO, HASH, HEADER, COINS]));
    assert_eq!(supply.literal, "29431877.120400");
    assert_eq!(supply.value, "29431877.1204");
    let until = height_at_t();
    let few = chain_of_five();
    let height = value(read(&until, &[&few, HASHES, HEADERS]));
    assert_eq!(height.value, "1");
}

#[test]
fn a_block_that_is_not_deep_enough_or_left_the_chain_is_waited_for() {
    let time = at_height("time");
    let early = INFO.replace("\"blocks\":820006", "\"blocks\":820004");
    refused(&read(&time, &[&early]), "not_yet", "lacks confirmations");
    let exact = INFO.replace("\"blocks\":820006", "\"blocks\":820005");
    assert!(matches!(
        read(&time, &[&exact, HASH, HEADER]),
        Reading::Observation(_)
    ));
    for (confirmations, words) in [("5", "5 confirmations of 6"), ("-1", "left the main chain")] {
        let header = format!("\"confirmations\":{confirmations},");
        let header = HEADER.replace("\"confirmations\":7,", &header);
        refused(&read(&time, &[INFO, HASH, &header]), "not_yet", words);
    }
    // More than any chain has would make the search for a time endless.
    let until = height_at_t();
    for blocks in ["100000001", "18446744073709551000"] {
        let absurd = INFO.replace("\"blocks\":820006", &format!("\"blocks\":{blocks}"));
        refused(
            &read(&until, &[&absurd]),
            "contradiction",
            "than any chain has",
        );
    }
    let syncing = INFO.replace(
        "\"initialblockdownload\":false",
        "\"initialblockdownload\":true",
    );
    refused(&read(&time, &[&syncing]), "not_yet", "still fetching");
}

#[test]
fn another_chain_and_another_block_are_contradictions() {
    let time = at_height("time");
    let other = INFO.replace("\"main\"", "\"test\"");
    refused(
        &read(&time, &[&other]),
        "contradiction",
        "on chain \"test\"",
    );
    for (from, to) in [
        ("\"height\":820000", "\"height\":820001"),
        ("{\"hash\":\"c3", "{\"hash\":\"c4"),
    ] {
        let header = HEADER.replace(from, to);
        assert_ne!(header, HEADER);
        let words = "where the one of height 820000 was asked for";
        refused(&read(&time, &[INFO, HASH, &header]), "contradiction", words);
    }
    let coins = COINS.replace("\"bestblock\":\"c3", "\"bestblock\":\"c4");
    let supply = at_height("supply");
    let read = read(&supply, &[INFO, HASH, HEADER, &coins]);
    refused(&read, "contradiction", "the coins after the block");
}

#[test]
fn errors_mean_what_the_method_means_by_them() {
    let time = at_height("time");
    let supply = at_height("supply");
    let failing = |source: &FactSource, before: &[&str], status: u16, body: &str| {
        let mut done: Vec<Exchange> = before.iter().map(|b| exchange(200, b.as_bytes())).collect();
        done.push(exchange(status, body.as_bytes()));
        interpret(source, &done)
    };
    let warming = sample!("warming_up.json");
    let error = |code: i64| format!(r#"{{"result":null,"error":{{"code":{code}}},"id":0}}"#);
    for (read, verdict, words) in [
        (
            failing(&time, &[], 500, warming),
            "transient",
            "just started",
        ),
        (
            failing(&time, &[INFO], 500, sample!("out_of_range.json")),
            "not_yet",
            "out of range",
        ),
        (
            failing(&time, &[INFO, HASH], 500, &error(-5)),
            "not_yet",
            "-5",
        ),
        (
            failing(
                &supply,
                &[INFO, HASH, HEADER],
                500,
                sample!("no_index.json"),
            ),
            "permanent",
            "needs -coinstatsindex=1",
        ),
        (
            failing(&supply, &[INFO, HASH, HEADER], 500, &error(-32603)),
            "transient",
            "-32603",
        ),
        (
            failing(&time, &[], 404, &error(-32601)),
            "permanent",
            "-32601",
        ),
        (
            failing(&time, &[], 401, ""),
            "permanent",
            "refuses this login",
        ),
        (
            failing(&time, &[], 403, ""),
            "permanent",
            "refuses this user",
        ),
        (
            failing(&time, &[], 503, "Work queue depth exceeded"),
            "transient",
            "HTTP 503",
        ),
        (failing(&time, &[], 404, "<html>"), "permanent", "HTTP 404"),
        (failing(&time, &[], 500, "<html>"), "transient", "HTTP 500"),
        (failing(&time, &[], 200, "<html>"), "transient", "not JSON"),
    ] {
        refused(&read, verdict, words);
    }
    // One error among several is an error.
    let one = HASHES.replacen("\"error\":null", "\"error\":{\"code\":-8}", 1);
    let until = height_at_t();
    let few = chain_of_five();
    refused(&self::read(&until, &[&few, &one]), "not_yet", "-8");
}

/// The adapter's lists as far as they are about one method's answer.
fn lists(method: &str, without: &[&str]) -> Lists {
    let adapter = provider("peercoin").unwrap();
    let of = |all: &[&'static str]| -> Vec<&'static str> {
        let rows = all.iter().filter_map(|row| row.split_once(": "));
        rows.filter(|(name, path)| (*name == method || *name == "any") && !without.contains(path))
            .map(|(_, path)| path)
            .collect()
    };
    Lists::new(&of(adapter.deciding()), &of(adapter.hints()))
}

#[test]
fn each_answer_is_read_strictly_where_it_counts_and_nowhere_else() {
    let until = height_at_t();
    let few = chain_of_five();
    let info = |body: &str| read(&until, &[body, HASHES, HEADERS]);
    deaf::json(&few, &lists("getblockchaininfo", &[]), &info).is_strict_and_deaf();
    let time = at_height("time");
    // Of a height the chain's own time has no say.
    let info = |body: &str| read(&time, &[body, HASH, HEADER]);
    let no_time = lists("getblockchaininfo", &["result.mediantime"]);
    deaf::json(INFO, &no_time, &info).is_strict_and_deaf();
    let hash = |body: &str| read(&time, &[INFO, body, HEADER]);
    deaf::json(HASH, &lists("getblockhash", &[]), &hash).is_strict_and_deaf();
    for of in ["time", "difficulty"] {
        let idle = ["result.time", "result.difficulty"].map(String::from);
        let idle: Vec<&str> = idle
            .iter()
            .filter(|p| !p.ends_with(of))
            .map(|p| &**p)
            .collect();
        let idle = [
            &idle[..],
            &["result.mediantime", "result.previousblockhash"],
        ]
        .concat();
        let source = at_height(of);
        let header = |body: &str| read(&source, &[INFO, HASH, body]);
        deaf::json(HEADER, &lists("getblockheader", &idle), &header).is_strict_and_deaf();
    }
    let supply = at_height("supply");
    let coins = |body: &str| read(&supply, &[INFO, HASH, HEADER, body]);
    deaf::json(COINS, &lists("gettxoutsetinfo", &[]), &coins).is_strict_and_deaf();
}

#[test]
fn several_answers_at_once_are_read_as_strictly() {
    let until = height_at_t();
    let few = chain_of_five();
    let several = |method: &str, without: &[&str]| {
        let mut all = lists(method, without).under("[]");
        all.deciding.extend(lists("several at once", &[]).deciding);
        all
    };
    let hashes = |body: &str| read(&until, &[&few, body, HEADERS]);
    deaf::json(HASHES, &several("getblockhash", &[]), &hashes).is_strict_and_deaf();
    let idle = ["result.time", "result.difficulty"];
    let headers = |body: &str| read(&until, &[&few, HASHES, body]);
    deaf::json(HEADERS, &several("getblockheader", &idle), &headers).is_strict_and_deaf();
    // In another order, or one short.
    let rows: Vec<serde_json::Value> = serde_json::from_str(HASHES).unwrap();
    let turned: Vec<_> = rows.iter().rev().collect();
    let turned = serde_json::to_string(&turned).unwrap();
    assert_eq!(value(hashes(&turned)).value, "1");
    let short = serde_json::to_string(&rows[..2]).unwrap();
    refused(&hashes(&short), "contradiction", "an answer is missing");
    let twice = serde_json::to_string(&[&rows[0], &rows[0], &rows[1]]).unwrap();
    refused(&hashes(&twice), "contradiction", "an id twice");
}

#[test]
fn parameters_that_say_nothing_are_permanent() {
    for parameters in [
        &[("of", "weight"), ("height", "1")][..],
        &[("of", "time")],
        &[("of", "time"), ("height", "1"), ("until", "1")],
        &[("of", "time"), ("height", "-1")],
        &[("of", "time"), ("height", "1"), ("confirmations", "0")],
        &[("of", "time"), ("height", "1"), ("chain", "signet")],
    ] {
        let read = read(&source(parameters), &[INFO, HASH, HEADER]);
        assert_eq!(read.verdict(), "permanent", "{parameters:?}");
    }
}

/// Names a file that holds a cookie.
fn cookie(text: &str) -> (std::path::PathBuf, impl Drop + use<>) {
    struct Gone(std::path::PathBuf);
    impl Drop for Gone {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("oracle-feeds-cookie-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, text).unwrap();
    (path.clone(), Gone(path))
}

fn fetcher(node: &LoopbackNode, login: Login) -> Fetcher {
    let settings = ProviderSettings {
        base_url: Some(node.url()),
        timeout: Duration::from_secs(20),
        rate: Some(Rate::per_second(10_000)),
        login: Some(login),
        ..ProviderSettings::default()
    };
    let settings = BTreeMap::from([("alice".to_owned(), settings)]);
    Fetcher::new(settings, Arc::new(Stopped::at(T))).unwrap()
}

async fn observe(fetcher: &Fetcher, source: &FactSource) -> SourceReading {
    fetcher.observe(&Query::Fact(source)).await
}

/// The last block until a time, by the definition.
fn last_until(times: &[i64], until: i64) -> Option<usize> {
    let median = |height: usize| {
        let from = height.saturating_sub(10);
        let mut last: Vec<i64> = times[from..=height].to_vec();
        last.sort_unstable();
        last[last.len() / 2]
    };
    (0..times.len()).take_while(|h| median(*h) <= until).last()
}

/// Times as consensus allows them: later than the median before, and not in order.
fn times(count: usize, jitter: &[i64]) -> Vec<i64> {
    let mut times: Vec<i64> = vec![0];
    while times.len() < count {
        let from = times.len().saturating_sub(11);
        let mut last = times[from..].to_vec();
        last.sort_unstable();
        let median = last[last.len() / 2];
        times.push(median + 1 + jitter[times.len() % jitter.len()]);
    }
    times
}

async fn node_with(times: &[i64]) -> LoopbackNode {
    let node = LoopbackNode::start("main", times[0]).await.unwrap();
    for time in &times[1..] {
        node.mine(*time);
    }
    node
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_search_finds_the_block_of_the_definition(
        count in 1_usize..1500,
        jitter in prop::collection::vec(0_i64..9000, 1..40),
        at in any::<prop::sample::Index>(),
        confirmations in 1_usize..20,
    ) {
        let times = times(count, &jitter);
        let until = at.index(usize::try_from(times.iter().max().unwrap() + 10).unwrap());
        let until = i64::try_from(until).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let read = runtime.block_on(async {
            let node = node_with(&times).await;
            let (path, _gone) = cookie(&node.cookie());
            let source = source(&[
                ("of", "height"),
                ("until", &until.to_string()),
                ("confirmations", &confirmations.to_string()),
            ]);
            observe(&fetcher(&node, Login::Cookie(path)), &source).await
        });
        prop_assert!(read.exchanges.len() <= MAX_REQUESTS);
        let last = last_until(&times, until).unwrap();
        // The block that ends it has to be there, and deep enough.
        let is_deep = last + 1 + confirmations <= times.len();
        match &read.reading {
            Reading::Observation(Observation::Value(fact)) => {
                prop_assert!(is_deep);
                prop_assert_eq!(&fact.value, &last.to_string());
            }
            other => {
                prop_assert_eq!((other.verdict(), is_deep), ("not_yet", false), "{}", other.detail());
            }
        }
    }
}

#[tokio::test]
async fn a_login_is_read_anew_for_each_request_and_shown_nowhere() {
    let node = node_with(&times(30, &[600])).await;
    let (path, _gone) = cookie(&node.cookie());
    let fetcher = fetcher(&node, Login::Cookie(path.clone()));
    let source = source(&[("of", "time"), ("height", "3")]);
    let read = observe(&fetcher, &source).await;
    assert_eq!(read.reading.verdict(), "observation", "{read:?}");
    for exchange in &read.exchanges {
        assert!(exchange.posted.is_some());
        assert_eq!(exchange.url, format!("{}/", node.url()));
    }
    // The node starts anew, and then its file is there again.
    node.change_cookie("__cookie__:an0ther");
    let read = observe(&fetcher, &source).await;
    refused(&read.reading, "permanent", "refuses this login");
    std::fs::write(&path, "__cookie__:an0ther\n").unwrap();
    let read = observe(&fetcher, &source).await;
    assert_eq!(read.reading.verdict(), "observation");
    let shown = format!("{read:?}{:?}", Login::Cookie(path.clone()));
    assert!(!shown.contains("an0ther"), "{shown}");
    std::fs::remove_file(&path).unwrap();
    let read = observe(&fetcher, &source).await;
    refused(&read.reading, "transient", "cannot be read");
}

#[tokio::test]
async fn a_user_of_ones_own_and_an_answer_that_repeats_the_login() {
    let node = node_with(&times(30, &[600])).await;
    node.change_cookie("oracle:pass:w0rd");
    let (file, _gone) = cookie("pass:w0rd\n");
    let user = "oracle".to_owned();
    let fetcher = fetcher(&node, Login::Password { user, file });
    let source = source(&[("of", "time"), ("height", "3")]);
    let read = observe(&fetcher, &source).await;
    assert_eq!(read.reading.verdict(), "observation", "{read:?}");
    node.set_fault(Some(NodeFault::RepeatsLogin));
    let read = observe(&fetcher, &source).await;
    refused(&read.reading, "transient", "repeats the login");
    assert_eq!(read.exchanges[0].body, b"");
}

#[tokio::test]
async fn a_node_in_trouble_is_asked_again() {
    let node = node_with(&times(30, &[600])).await;
    let (path, _gone) = cookie(&node.cookie());
    let fetcher = fetcher(&node, Login::Cookie(path));
    let supply = source(&[("of", "supply"), ("height", "3")]);
    for (fault, verdict) in [
        (NodeFault::WarmingUp, "transient"),
        (NodeFault::Busy, "transient"),
        (NodeFault::Fails(-1), "transient"),
        (NodeFault::Fails(-32_601), "permanent"),
    ] {
        node.set_fault(Some(fault));
        let read = observe(&fetcher, &supply).await;
        assert_eq!(read.reading.verdict(), verdict, "{fault:?}");
    }
    node.set_fault(None);
    assert_eq!(
        value(observe(&fetcher, &supply).await.reading).value,
        "29000000"
    );
    node.set_indexed(false);
    let read = observe(&fetcher, &supply).await;
    refused(&read.reading, "permanent", "-coinstatsindex=1");
}
