//! The built command, as a participant types it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use common::{
    After, Answer, ID, Oracle, Server, announcement_path, attestation_path, choice, digits, join,
    oracle, run, world,
};
use oracle_schema::codec::Layout;
use oracle_schema::log_entry::NoticeKind;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

/// Good, and not shown to be in any log.
const UNPROVEN: i32 = 3;

/// The log as it was before the attestation.
fn not_attested(server: &Server) {
    server.log(|log| log.entries.truncate(2)).unwrap();
}

#[tokio::test]
async fn verify_reads_every_form_of_a_message() {
    let signer = Oracle::new("oracle");
    let announced = signer.announce(ID, choice(&["above", "not_above"]));
    let attestation = signer.attest(&announced, &["above"]);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| -> String {
        let path: PathBuf = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let tlv = announced.announcement.to_tlv();
    let announcements = [
        hex::encode(&tlv),
        hex::encode_upper(&tlv),
        file("a.hex", format!("{}\n", hex::encode(&tlv)).as_bytes()),
        file("a.bin", &tlv),
        // Behind 3 bytes of type and 1 of length.
        file("a.body", &tlv[4..]),
        announced.announcement.to_json().to_string(),
        file(
            "a.json",
            announced.announcement.to_json().to_string().as_bytes(),
        ),
    ];
    let spec = attestation.to_tlv(Layout::Spec);
    let attestations = [
        hex::encode(&spec),
        hex::encode(attestation.to_tlv(Layout::Counted)),
        file("t.bin", &spec),
        file("t.body", &spec[4..]),
        file("t.json", attestation.to_json().to_string().as_bytes()),
    ];
    for announcement in &announcements {
        let ran = run(&["verify", "--announcement", announcement]).await;
        assert_eq!(ran.0, UNPROVEN, "{announcement}: {}", ran.1);
        assert!(ran.1.starts_with(&format!("ok announcement {ID} key=")));
    }
    for attestation in &attestations {
        let announcement = announcements[0].as_str();
        let ran = run(&[
            "verify",
            "--announcement",
            announcement,
            "--attestation",
            attestation,
        ])
        .await;
        assert_eq!(ran.0, UNPROVEN, "{attestation}: {}", ran.1);
        let mut lines = ran.1.lines().skip(1);
        let attested = format!("ok attestation {ID} outcome=above");
        assert_eq!(lines.next(), Some(attested.as_str()));
        assert!(lines.next().unwrap().starts_with("unproven: "));
    }
}

#[tokio::test]
async fn verify_says_error_and_exits_1_for_whatever_is_not_valid() {
    let signer = Oracle::new("oracle");
    let announced = signer.announce(ID, choice(&["above", "not_above"]));
    let announcement = hex::encode(announced.announcement.to_tlv());
    let mut forged = announced.announcement.to_tlv();
    forged[10] ^= 1;
    let other = signer.announce("other", choice(&["above", "not_above"]));
    let other = hex::encode(signer.attest(&other, &["above"]).to_tlv(Layout::Spec));
    let wrong_key = Oracle::new("impostor").key().to_string();
    let long = "00".repeat(40);
    let cases: [&[&str]; 6] = [
        &["--announcement", &hex::encode(forged)],
        &["--announcement", &announcement[..announcement.len() - 2]],
        &["--announcement", "/nonexistent/file"],
        &["--announcement", &announcement, "--attestation", &other],
        &["--announcement", &announcement, "--attestation", &long],
        &["--announcement", &announcement, "--key", &wrong_key],
    ];
    for case in cases {
        let ran = run(&join(&["verify"], case)).await;
        assert_eq!(ran.0, 1, "{case:?}");
        assert!(ran.1.starts_with("error: "), "{case:?}: {}", ran.1);
        assert!(!ran.1.contains("ok "), "{case:?}: {}", ran.1);
    }
}

#[tokio::test]
async fn wrong_arguments_exit_2() {
    for case in [
        "",
        "verify",
        "verify --attestation 00",
        "get x",
        "get x --url ftp://example.org",
        "points x --url http://127.0.0.1:1 --range 9..1",
        "points x --url http://127.0.0.1:1 --range 1..2 --outcome 1",
        "wait x --url http://127.0.0.1:1 --timeout soon",
    ] {
        let arguments: Vec<_> = case.split_whitespace().collect();
        assert_eq!(run(&arguments).await.0, 2, "{case}");
    }
}

#[tokio::test]
async fn help_has_examples_for_every_command() {
    for command in ["verify", "get", "wait", "watch", "points"] {
        let ran = run(&[command, "--help"]).await;
        assert_eq!(ran.0, 0);
        assert!(ran.1.contains("Examples:"), "{command}");
    }
    let version = run(&["--version"]).await;
    assert!(version.1.contains(env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn get_shows_what_is_there_and_cannot_be_made_to_redraw_the_screen() {
    let (_, _, url) = world(false).await;
    let ran = run(&["get", ID, "--url", &url]).await;
    assert_eq!(ran.0, 0, "{}", ran.2);
    assert!(ran.1.contains("state         held"), "{}", ran.1);
    assert!(!ran.1.contains('\u{1b}'));
    assert!(!ran.1.contains("outcome"));

    let (_, _, url) = world(true).await;
    let shown = run(&["get", ID, "--url", &url, "--json"]).await.json();
    assert_eq!(shown["outcome"], "5");
    assert_eq!(shown["event"]["state"], "held");
    assert_eq!(shown["announcement"]["oracleEvent"]["eventId"], ID);
    // What it prints, `verify` accepts.
    let hex = |name: &str| shown[name].as_str().unwrap().to_owned();
    let (announcement, attestation) = (hex("announcement_hex"), hex("attestation_hex"));
    let ran = run(&[
        "verify",
        "--announcement",
        &announcement,
        "--attestation",
        &attestation,
    ])
    .await;
    assert_eq!(ran.0, UNPROVEN, "{}", ran.1);
}

#[tokio::test]
async fn wait_tells_its_ends_apart_by_exit_code() {
    let (signer, server, url) = world(true).await;
    let wait = async || run(&["wait", ID, "--url", &url, "--timeout", "300ms"]).await;
    let ran = wait().await;
    assert_eq!(
        (ran.0, ran.1.as_str()),
        (0, &*format!("ok attestation {ID} outcome=5\n"))
    );
    not_attested(&server);
    let impostor = Oracle::new("impostor");
    let forged = impostor.announce(ID, digits(2, 4, false));
    let forged = impostor.attest(&forged, &["1", "1", "1", "1"]);
    let truth = signer.announce(ID, digits(2, 4, false)).announcement;
    server.put(&announcement_path(ID), [Answer::Bytes(truth.to_tlv())]);
    for (answer, code) in [
        (Answer::Problem(404, "not-attested"), 3),
        // The server's word, which the log does not bear out.
        (Answer::Problem(410, "refunded"), 3),
        (Answer::Problem(410, "withdrawn"), 5),
        (Answer::Problem(404, "unknown-event"), 6),
        (Answer::Problem(500, "broken"), 1),
        (Answer::Bytes(forged.to_tlv(Layout::Spec)), 1),
    ] {
        server.put(&attestation_path(ID), [answer]);
        let ran = wait().await;
        assert_eq!(ran.0, code, "{}", ran.2);
        assert!(ran.2.starts_with("error: "));
        assert!(ran.1.is_empty());
    }
    server
        .log(|log| log.notice(ID, NoticeKind::Refund))
        .unwrap();
    server.put(&attestation_path(ID), [Answer::Problem(410, "refunded")]);
    assert_eq!(wait().await.0, 4);
}

#[tokio::test]
async fn watch_prints_verified_outcomes_and_stops_at_a_lie() {
    let (_, server, url) = world(true).await;
    server.put(
        "/v1/stream",
        [Answer::Stream(
            vec![
                "event: announced\nid: 1\ndata: {\"event_id\":\"ppcusd-daily@2026-11-22T16:00:00Z\"}\n\n",
                "event: attested\nid: 2\ndata: {\"event_id\":\"ppcusd-daily@2026-11-22T16:00:00Z\"}\n\n",
            ],
            After::Open,
        )],
    );
    let mut child = oracle(&["watch", "--url", &url])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    assert_eq!(
        first,
        format!("1 announced {ID} maturity=2026-11-22T16:00:00Z")
    );
    let second = lines.next_line().await.unwrap().unwrap();
    assert_eq!(second, format!("2 attested {ID} outcome=5"));
    drop(child);

    let other = Oracle::new("oracle").announce("other", digits(2, 4, false));
    let forged = Oracle::new("oracle").attest(&other, &["1", "1", "1", "1"]);
    server.attest(ID, &forged);
    not_attested(&server);
    let arguments = [
        "watch", "--url", &url, "--from", "0", "--json", "--event", ID,
    ];
    let ended = tokio::time::timeout(Duration::from_secs(20), run(&arguments));
    let ran = ended.await.unwrap();
    assert_eq!(ran.0, 1, "{}", ran.2);
    let line: Value = serde_json::from_str(ran.1.lines().next().unwrap()).unwrap();
    assert_eq!(
        (line["event"].as_str(), line["position"].as_u64()),
        (Some("announced"), Some(1))
    );
    let (asked, from) = server.seen("/v1/stream").pop().unwrap();
    let only_mine = "/v1/stream?events=ppcusd-daily%402026-11-22T16%3A00%3A00Z";
    assert_eq!((asked.as_str(), from.as_deref()), (only_mine, Some("0")));
}
