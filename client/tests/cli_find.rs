//! Finding events with the built command, and what a terminal's user expects of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::collections::BTreeSet;

use common::{Answer, ID, Oracle, Server, choice, join, oracle, policy, run, world};
use oracle_schema::codec::Layout;
use serde_json::{Value, json};

fn event(id: &str, more: &Value) -> Value {
    let mut event = json!({
        "event_id": id, "kind": "threshold", "series": null, "state": "announced",
        "maturity": "2026-11-22T16:00:00Z", "attest_by": "2026-11-25T16:00:00Z",
        "announce_at": "2026-11-22T15:00:00Z", "outcomes": ["above", "not_above"],
        "outcome": null,
    });
    for (name, value) in more.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

/// A threshold event, announced.
async fn threshold() -> (Oracle, Server, String) {
    let signer = Oracle::new("oracle");
    let (server, url) = Server::start(&signer).await;
    let announced = signer.announce(ID, choice(&["above", "not_above"]));
    server.announce(&announced);
    let path = format!("/v1/events/{ID}");
    server.put(&path, [Answer::Json(event(ID, &json!({})))]);
    (signer, server, url)
}

#[tokio::test]
async fn events_are_looked_for_page_by_page() {
    let (_, server, url) = threshold().await;
    let page = |from: usize, count: usize, next: Option<&str>| {
        let events: Vec<_> = (from..from + count)
            .map(|n| {
                let title = format!("Match {n}\u{1b}[2J");
                event(&format!("match-{n}"), &json!({ "title": title }))
            })
            .collect();
        Answer::Json(json!({ "events": events, "next_cursor": next }))
    };
    let pages = [page(0, 500, Some("c1")), page(500, 200, Some("c2"))];
    server.put("/v1/events", pages.clone());
    let ran = run(&[
        "events",
        "--url",
        &url,
        "--kind",
        "match",
        "--state",
        "announced",
        "--series",
        "cup",
        "--from",
        "2026-11-01",
        "--to",
        "2026-11-30T12:00:00+01:00",
        "--text",
        "Cup final",
        "--limit",
        "700",
    ])
    .await;
    assert_eq!(ran.0, 0, "{}", ran.2);
    assert_eq!(ran.1.lines().count(), 700);
    let first = "2026-11-22T16:00:00Z announced   match-0  Match 0\\u{1b}[2J";
    assert_eq!(ran.1.lines().next(), Some(first));
    assert!(ran.2.contains("more than 700"), "{}", ran.2);
    let asked: Vec<_> = server
        .seen("/v1/events?")
        .into_iter()
        .map(|s| s.0)
        .collect();
    let filter = "/v1/events?kind=match&series=cup&state=announced&from=2026-11-01T00%3A00%3A00Z\
                  &to=2026-11-30T11%3A00%3A00Z&q=Cup+final&limit=";
    assert_eq!(
        asked,
        [format!("{filter}500"), format!("{filter}200&cursor=c1")]
    );

    server.put("/v1/events", pages);
    let found = run(&["events", "--url", &url, "--limit", "3", "--json"]).await;
    let found = found.json();
    assert_eq!(found["events"].as_array().unwrap().len(), 3);
    assert_eq!(found["more"], true);
    // A day's end is its last second.
    server.put("/v1/events", [page(0, 0, None)]);
    let ran = run(&["events", "--url", &url, "--to", "2026-11-30"]).await;
    assert!(ran.2.contains("no event is like that"), "{}", ran.2);
    let last = server.seen("/v1/events?").pop().unwrap().0;
    assert!(last.contains("to=2026-11-30T23%3A59%3A59Z"), "{last}");
}

#[tokio::test]
async fn wrong_filters_are_named_with_the_right_ones() {
    for (arguments, words) in [
        (["--kind", "matches"], "match, election"),
        (["--state", "open"], "announced, matured"),
        (["--from", "tomorrow"], "2026-11-22"),
        (["--limit", "0"], "0"),
    ] {
        let ran = run(&join(
            &["events", "--url", "http://127.0.0.1:1"],
            &arguments,
        ))
        .await;
        assert_eq!(ran.0, 2, "{arguments:?}");
        assert!(ran.2.contains(words), "{}", ran.2);
    }
    let ran = run(&["events", "--url", "oracle.example"]).await;
    assert_eq!(ran.0, 2);
    assert!(ran.2.contains("write https://oracle.example"), "{}", ran.2);
}

#[tokio::test]
async fn show_tells_an_event_in_words_and_units() {
    let (signer, server, url) = threshold().await;
    let ran = run(&["show", ID, "--url", &url]).await;
    assert_eq!(ran.0, 0, "{}", ran.2);
    for words in [
        "asks        Is ppcusd above 0.25 at 2026-11-22T16:00:00Z?",
        "outcomes    above, not_above",
        "decided by  attests \"above\" if ppcusd > 0.25",
        "refund, irrevocably",
        "stands      announced: matures 2026-11-22T16:00:00Z; attested by 2026-11-25T16:00:00Z",
    ] {
        assert!(ran.1.contains(words), "{words:?} is not in\n{}", ran.1);
    }
    let announced = signer.announce(ID, choice(&["above", "not_above"]));
    server.attest(ID, &signer.attest(&announced, &["above"]));
    let ran = run(&["show", ID, "--url", &url]).await;
    let stands = "stands      attested: above: ppcusd is above 0.25 (entry 3 of the log)";
    assert!(ran.1.contains(stands), "{}", ran.1);
    let shown = run(&["show", ID, "--url", &url, "--json"]).await.json();
    assert_eq!(shown["meaning"], "above: ppcusd is above 0.25");
    assert_eq!(
        (&shown["is_proven"], &shown["outcome"]),
        (&true.into(), &"above".into())
    );
}

#[tokio::test]
async fn show_says_what_is_not_proven_and_lets_nothing_redraw_the_screen() {
    let (_, server, url) = threshold().await;
    let evil = event(
        "held-one",
        &json!({ "state": "held", "reason": "\u{1b}[2J\u{202e}sources", "policy_hash": null }),
    );
    server.put("/v1/events/held-one", [Answer::Json(evil.clone())]);
    let soon = Answer::Later(404, "not-announced", 9);
    server.put("/v1/events/held-one/bundle", [soon]);
    let ran = run(&["show", "held-one", "--url", &url]).await;
    assert_eq!(ran.0, 1, "the server states no policy: {}", ran.2);
    let document = policy().canonical().unwrap();
    let mut stated = evil;
    stated["policy_hash"] = hex::encode(oracle_schema::policy::policy_hash(&document)).into();
    server.put("/v1/events/held-one", [Answer::Json(stated)]);
    server.put("/v1/events/held-one/policy", [Answer::Bytes(document)]);
    let ran = run(&["show", "held-one", "--url", &url]).await;
    assert_eq!(ran.0, 0, "{}", ran.2);
    assert!(!ran.1.contains(['\u{1b}', '\u{202e}']), "{}", ran.1);
    assert!(
        ran.1
            .contains("careful     not announced: the rules may still change")
    );
    assert!(
        ran.1.contains("held: a human is needed: \\u{1b}[2J"),
        "{}",
        ran.1
    );
    let unknown = run(&["show", "nothing", "--url", &url]).await;
    assert_eq!(unknown.0, 6);
}

#[tokio::test]
async fn a_wrong_outcome_is_answered_with_those_that_there_are() {
    let (_, _, url) = threshold().await;
    let ran = run(&["points", ID, "--url", &url, "--outcome", "over"]).await;
    assert_eq!(ran.0, 2);
    assert!(ran.2.contains("the outcomes above, not_above"), "{}", ran.2);
    let (_, _, url) = world(false).await;
    let ran = run(&["points", ID, "--url", &url, "--outcome", "many"]).await;
    assert_eq!(ran.0, 2);
    assert!(ran.2.contains("4 digits of base 2 (uUSD/PPC)"), "{}", ran.2);
}

#[tokio::test]
async fn a_message_of_the_older_dialect_is_told_from_a_forged_one() {
    let signer = Oracle::new("oracle");
    let announced = signer.announce(ID, choice(&["above", "not_above"]));
    let older = |digest: [u8; 32]| {
        let mut announcement = announced.announcement.clone();
        announcement.signature = signer.sign_digest(&digest);
        hex::encode(announcement.to_tlv())
    };
    let tlv = announced.announcement.event.to_tlv();
    let plain = |bytes: &[u8]| <[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest(bytes));
    // All of the event, and its body: behind three bytes of type and one of length.
    for digest in [plain(&tlv), plain(&tlv[4..])] {
        let ran = run(&["verify", "--announcement", &older(digest)]).await;
        assert_eq!(ran.0, 1);
        assert!(ran.1.contains("older dialect"), "{}", ran.1);
    }
    let ran = run(&["verify", "--announcement", &older([7; 32])]).await;
    assert!(!ran.1.contains("older dialect"), "{}", ran.1);

    let announcement = hex::encode(announced.announcement.to_tlv());
    let attestation = signer.attest_untagged(&announced, &["above"]);
    let attestation = hex::encode(attestation.to_tlv(Layout::Spec));
    let ran = run(&[
        "verify",
        "--announcement",
        &announcement,
        "--attestation",
        &attestation,
    ])
    .await;
    assert_eq!(ran.0, 1);
    assert!(ran.1.contains("older dialect"), "{}", ran.1);
}

#[tokio::test]
async fn quiet_leaves_answers_and_errors() {
    let (_, _, url) = threshold().await;
    let loud = run(&["show", ID, "--url", &url]).await;
    assert!(
        loud.2.contains("note: no identity was pinned"),
        "{}",
        loud.2
    );
    let quiet = run(&["show", ID, "--url", &url, "--quiet"]).await;
    assert_eq!((quiet.1, quiet.2.as_str()), (loud.1, ""));
    let wait = ["-q", "wait", ID, "--url", &url, "--timeout", "50ms"];
    let ran = run(&wait).await;
    assert_eq!(ran.0, 3);
    // No progress where nobody watches, and the error alone.
    assert_eq!(ran.2, format!("error: event {ID} is not attested yet\n"));
}

#[tokio::test]
async fn environment_and_file_stand_in_for_flags_of_every_command() {
    let (_, server, url) = threshold().await;
    server.put(
        "/v1/events",
        [Answer::Json(json!({ "events": [], "next_cursor": null }))],
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let other = common::identity_of(&Oracle::new("other"));
    std::fs::write(&file, format!("url = \"{url}\"\nidentity = \"{other}\"\n")).unwrap();
    let reads: [&[&str]; 5] = [
        &["show", ID],
        &["get", ID],
        &["points", ID],
        &["wait", ID, "--timeout", "0s"],
        &["evidence", ID],
    ];
    for arguments in reads {
        // The identity of the file is another one: whatever asked, it was read.
        let mut command = oracle(arguments);
        let ran = command.env("ORACLE_CONFIG", &file).output().await.unwrap();
        let text = String::from_utf8(ran.stderr).unwrap() + &String::from_utf8(ran.stdout).unwrap();
        assert!(
            text.contains("identity") || text.contains("not proven"),
            "{arguments:?}: {text}"
        );
        let mut command = oracle(arguments);
        let identity = common::identity_of(&Oracle::new("oracle")).to_string();
        let ran = command
            .env("ORACLE_URL", &url)
            .env("ORACLE_IDENTITY", identity)
            .output()
            .await
            .unwrap();
        let code = ran.status.code().unwrap();
        let expected: &[i32] = match arguments[0] {
            "wait" | "evidence" => &[3],
            _ => &[0],
        };
        let text = String::from_utf8(ran.stderr).unwrap();
        assert!(expected.contains(&code), "{arguments:?}: {code} {text}");
    }
    let mut command = oracle(&["events"]);
    let ran = command.env("ORACLE_CONFIG", &file).output().await.unwrap();
    assert_eq!(ran.status.code(), Some(0));
}

#[tokio::test]
async fn shells_and_man_know_every_command() {
    let help = run(&["--help"]).await.1;
    let commands: Vec<&str> = help
        .split("Commands:\n")
        .nth(1)
        .unwrap()
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(
        commands.contains(&"events") && commands.len() > 10,
        "{commands:?}"
    );
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).await;
        assert_eq!(script.0, 0);
        for command in &commands {
            assert!(script.1.contains(command), "{shell} lacks {command}");
        }
        if shell == "bash" || shell == "zsh" || shell == "fish" {
            assert!(script.1.contains("provisional"), "{shell} lacks the states");
        }
    }
    let page = run(&["man"]).await;
    assert!(page.1.contains(".TH oracle 1"), "{}", page.1);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man1");
    let ran = run(&["man", "--out", out.to_str().unwrap()]).await;
    assert_eq!(ran.0, 0, "{}", ran.2);
    for command in &commands {
        let page = std::fs::read_to_string(out.join(format!("oracle-{command}.1")));
        let page = page.unwrap_or_else(|e| panic!("{command}: {e}"));
        assert!(page.contains(".SH NAME"), "{command}");
    }
    assert!(out.join("oracle.1").exists());
}

/// The page's section of a command, up to the next.
fn section<'a>(page: &'a str, command: &str) -> &'a str {
    let heading = format!("\n### `oracle {command}`");
    let (_, rest) = page
        .split_once(&heading)
        .unwrap_or_else(|| panic!("docs/oracle-cli.md has no section {heading:?}"));
    rest.split("\n### ").next().unwrap()
}

/// Names in backticks in the first column of the section's table.
fn documented(section: &str) -> BTreeSet<String> {
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next())
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn every_member_of_every_json_answer_is_documented() {
    let page = include_str!("../../docs/oracle-cli.md");
    let (signer, server, url) = threshold().await;
    let announced = signer.announce(ID, choice(&["above", "not_above"]));
    server.attest(ID, &signer.attest(&announced, &["above"]));
    server.put(
        "/v1/events",
        [Answer::Json(json!({ "events": [], "next_cursor": null }))],
    );
    let bundle = server.log(|log| log.bundle(ID, None)).flatten().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(file("bundle.json"), serde_json::to_string(&bundle).unwrap()).unwrap();
    let hex = |outcome| hex::encode(signer.attest(&announced, &[outcome]).to_tlv(Layout::Spec));
    let (one, two) = (hex("above"), hex("not_above"));
    let (bundle, proof, key) = (file("bundle.json"), file("proof"), file("operator.key"));
    let hour = server.log(|log| log.hour("1970-01-01T00", 0, false));
    let hour = serde_json::to_value(hour.unwrap()).unwrap();
    server.put("/v1/bundles/1970-01-01T00", [Answer::Json(hour)]);
    server.put(
        "/v1/series",
        [Answer::Json(json!({ "series": [], "next_cursor": null }))],
    );
    let mirror = file("mirror");
    let since = "1970-01-01T00";
    let answers: [(&str, Vec<&str>); 12] = [
        ("series", vec!["series", "--url", &url]),
        (
            "sync",
            vec!["sync", &mirror, "--url", &url, "--since", since],
        ),
        ("get", vec!["get", ID, "--mirror", &mirror]),
        ("events", vec!["events", "--url", &url]),
        ("show", vec!["show", ID, "--url", &url]),
        ("get", vec!["get", ID, "--url", &url]),
        ("wait", vec!["wait", ID, "--url", &url]),
        ("points", vec!["points", ID, "--url", &url]),
        ("points", vec!["points", ID, "--url", &url, "--coinlib"]),
        ("verify", vec!["verify", &bundle]),
        (
            "prove-equivocation",
            vec!["prove-equivocation", &one, &two, "--out", &proof],
        ),
        ("operator keygen", vec!["operator", "keygen", "--out", &key]),
    ];
    for (command, arguments) in answers {
        let ran = run(&join(&arguments, &["--json"])).await;
        let answer: Value = serde_json::from_str(&ran.1)
            .unwrap_or_else(|e| panic!("{command}: {e}: {} {}", ran.1, ran.2));
        let known = documented(section(page, command));
        for name in answer.as_object().unwrap().keys() {
            assert!(
                known.contains(name),
                "{command} --json: {name} is not documented"
            );
        }
    }
    // What needs more than this world is documented at least.
    for command in [
        "watch",
        "evidence",
        "audit",
        "operator create",
        "completions",
        "man",
    ] {
        assert!(!section(page, command).trim().is_empty());
    }
}
