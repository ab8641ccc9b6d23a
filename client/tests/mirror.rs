//! A wallet that takes the log by hours: it has everything, and names no event.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::Path;

use common::*;
use oracle_client::points::{Selection, adaptor_points};
use oracle_client::{Client, Error, Memory, Mirror, Options};
use oracle_schema::log_entry::NoticeKind;
use oracle_schema::tlog::NoteKey;
use serde_json::json;

/// The log's genesis says that it was made in the first millisecond of 1970.
const FIRST: [&str; 4] = [
    "1970-01-01T00",
    "1970-01-01T01",
    "1970-01-01T02",
    "1970-01-01T03",
];

fn pinned() -> Options {
    Options {
        unproven: false,
        identity: Some(identity()),
        ..quick()
    }
}

fn new_client(url: &str) -> Client {
    Client::with_options(url, pinned()).unwrap()
}

fn path(hour: &str) -> String {
    format!("/v1/bundles/{hour}")
}

/// Serves an hour of a log.
fn serve(server: &Server, log: &Log, (hour, first, complete): (&str, u64, bool)) {
    let document = serde_json::to_value(log.hour(hour, first, complete)).unwrap();
    server.put(&path(hour), [Answer::Json(document)]);
    for (path, bytes) in log.files() {
        server.put(&format!("/{path}"), [Answer::Bytes(bytes)]);
    }
}

/// Serves the files by which a client finds the log's beginning, and no hour.
async fn server_of(log: &Log) -> (Server, String) {
    let (server, url) = Server::start(&log.oracle).await;
    for (path, bytes) in log.files() {
        server.put(&format!("/{path}"), [Answer::Bytes(bytes)]);
    }
    for hour in FIRST {
        server.put(&path(hour), [Answer::Later(404, "unknown-hour", 60)]);
    }
    (server, url)
}

fn open(dir: &Path) -> Mirror {
    Mirror::open(dir, &identity()).unwrap()
}

/// A log in three hours, and served: its first entries, an event that waits, and one that
/// is attested, one refunded and one withdrawn.
async fn world() -> (Log, Server, String) {
    let mut log = Log::new();
    let price = log.oracle.announce(ID, digits(2, 4, false));
    let at = log.push_proven(&price);
    let (server, url) = server_of(&log).await;
    serve(&server, &log, (FIRST[0], 0, true));
    let first = log.entries.len() as u64;
    log.announce("waits");
    serve(&server, &log, (FIRST[1], first, true));
    let first = log.entries.len() as u64;
    log.announce("off");
    let attestation = log.oracle.attest(&price, &["0", "1", "0", "1"]);
    log.push_attestation(at, attestation);
    log.notice("off", NoticeKind::Refund);
    log.notice("never", NoticeKind::Withdrawn);
    serve(&server, &log, (FIRST[2], first, false));
    (log, server, url)
}

/// Everything that was asked for names an hour or the log, and no event.
fn names_no_event(server: &Server) {
    for (path, _) in server.seen("/") {
        let is_known = ["/v1/bundles/1970-01-01T", "/checkpoint", "/tile/"]
            .iter()
            .any(|known| path.starts_with(known));
        assert!(is_known, "{path}");
        for id in ["ppcusd", "waits", "off", "never"] {
            assert!(!path.contains(id), "{path}");
        }
    }
}

#[tokio::test]
async fn a_wallet_that_takes_hours_settles_and_names_no_event() {
    let (_, server, url) = world().await;
    let folder = tempfile::tempdir().unwrap();
    let mut mirror = open(folder.path());
    let client = new_client(&url);
    let synced = mirror.sync(&client, None).await.unwrap();
    assert_eq!((synced.hours, synced.entries), (3, 8));
    assert_eq!(mirror.hours(), Some((FIRST[0], FIRST[2])));

    let id = event_id(ID);
    let event = mirror.event(&id).unwrap();
    assert!(event.nonce_proof.is_some());
    let attested = mirror.attestation(&id).unwrap();
    assert_eq!(attested.outcome_text(), "5");
    let five = Selection::Outcome("5".to_owned());
    let points = adaptor_points(&event.announcement, event.attestation(), &five).unwrap();
    let secret = points[0].secret.as_ref().unwrap();
    assert_eq!(secret.point(), points[0].point);
    names_no_event(&server);

    // What it proves is what the event's own bundle proves.
    let proven = client.proven(&id).await;
    assert!(proven.is_err(), "this server has no bundle of it");
    let waits = mirror.attestation(&event_id("waits")).unwrap_err();
    assert!(waits.is_not_yet(), "{waits}");
    let off = mirror.attestation(&event_id("off")).unwrap_err();
    assert!(matches!(off, Error::Refunded { .. }), "{off}");
    let never = mirror.attestation(&event_id("never")).unwrap_err();
    assert!(matches!(never, Error::Withdrawn { .. }), "{never}");
    let unknown = mirror.event(&event_id("another")).unwrap_err().to_string();
    assert!(
        unknown.contains("from 1970-01-01T00 to 1970-01-01T02"),
        "{unknown}"
    );
    assert_eq!(mirror.event_ids().count(), 3);
}

#[tokio::test]
async fn a_sync_that_was_killed_goes_on_and_an_open_hour_grows() {
    let (mut log, server, url) = world().await;
    let folder = tempfile::tempdir().unwrap();
    let client = new_client(&url);
    let mut mirror = open(folder.path());
    // One hour, and then the process is gone in the middle of the next.
    let step = mirror.step(&client, None).await.unwrap().unwrap();
    assert_eq!((step.hour.as_str(), step.complete), (FIRST[0], true));
    drop(mirror);
    std::fs::write(folder.path().join("hours/next"), b"{\"format\":\"peerc").unwrap();

    let mut mirror = open(folder.path());
    mirror.sync(&client, None).await.unwrap();
    drop(mirror);
    let asked = server.seen(&path(FIRST[0]));
    assert_eq!(asked.len(), 1, "an hour that is over is not fetched again");

    log.announce("later");
    serve(&server, &log, (FIRST[2], 4, true));
    let mut mirror = open(folder.path());
    let synced = mirror.sync(&client, None).await.unwrap();
    // The next hour is ahead, which ends it.
    assert_eq!((synced.hours, synced.entries), (1, 1));
    mirror.event(&event_id("later")).unwrap();
    // While one process syncs it another can read it, and not sync it.
    let mut other = open(folder.path());
    other.event(&event_id("later")).unwrap();
    let busy = other.sync(&client, None).await.unwrap_err().to_string();
    assert!(busy.contains("another process"), "{busy}");
}

#[tokio::test]
async fn a_mirror_takes_in_what_another_process_wrote_before_it_writes() {
    let (_, _server, url) = world().await;
    let folder = tempfile::tempdir().unwrap();
    let client = new_client(&url);
    let mut slow = open(folder.path());
    let mut quick = open(folder.path());
    quick.sync(&client, None).await.unwrap();
    drop(quick);
    let synced = slow.sync(&client, None).await.unwrap();
    assert_eq!(
        (synced.hours, synced.entries),
        (1, 0),
        "the open hour alone"
    );
    slow.attestation(&event_id(ID)).unwrap();
}

#[tokio::test]
async fn a_mirror_that_begins_later_says_what_it_has_not() {
    let (_, _server, url) = world().await;
    let folder = tempfile::tempdir().unwrap();
    let client = new_client(&url);
    let mut mirror = open(folder.path());
    let bad = mirror.sync(&client, Some("yesterday")).await.unwrap_err();
    assert!(bad.to_string().contains("2026-11-22T16"), "{bad}");
    mirror.sync(&client, Some(FIRST[2])).await.unwrap();
    mirror.event(&event_id("off")).unwrap();
    let older = mirror.event(&event_id(ID)).unwrap_err();
    assert!(matches!(older, Error::NotMirrored { .. }), "{older}");
    let earlier = mirror.sync(&client, Some(FIRST[0])).await.unwrap_err();
    assert!(
        earlier
            .to_string()
            .contains("begins with hour 1970-01-01T02"),
        "{earlier}"
    );
}

/// A mirror of the first two hours, and then this of the third.
async fn then(change: impl FnOnce(&Server, &Log)) -> (Error, tempfile::TempDir) {
    let (log, server, url) = world().await;
    let folder = tempfile::tempdir().unwrap();
    open(folder.path())
        .sync(&new_client(&url), None)
        .await
        .unwrap();
    change(&server, &log);
    let mut mirror = open(folder.path());
    let kept = mirror.head().cloned();
    let error = mirror.sync(&new_client(&url), None).await.unwrap_err();
    assert_eq!(
        open(folder.path()).head(),
        kept.as_ref(),
        "nothing was kept"
    );
    (error, folder)
}

#[tokio::test]
async fn a_fork_a_gap_and_a_shorter_log_are_refused_and_both_sides_named() {
    let (error, _folder) = then(|server, log| {
        let mut other = log.clone();
        let last = other.entries.len() - 1;
        other.entries.swap(last, last - 1);
        serve(server, &other, (FIRST[2], 4, false));
    })
    .await;
    let Error::Forked {
        size: 8, seen, got, ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_ne!(seen, got);

    let (error, _folder) = then(|server, log| {
        let mut shorter = log.clone();
        shorter.entries.pop();
        serve(server, &shorter, (FIRST[2], 4, false));
    })
    .await;
    assert!(
        matches!(error, Error::Shorter { had: 8, got: 7, .. }),
        "{error}"
    );

    // The hour begins elsewhere than it began.
    let (error, _folder) = then(|server, log| serve(server, log, (FIRST[2], 5, false))).await;
    assert!(matches!(error, Error::Hour { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("end at 4 entries, this one begins at 5"),
        "{error}"
    );

    // A log that was another from the beginning of the hour on.
    let (error, _folder) = then(|server, log| {
        let mut other = log.clone();
        other.entries.swap(1, 2);
        serve(server, &other, (FIRST[2], 4, false));
    })
    .await;
    assert!(matches!(error, Error::Forked { size: 4, .. }), "{error}");

    // Of another log altogether.
    let (error, _folder) = then(|server, _| {
        let mut other = Log::home_of(Oracle::new("another"));
        other.announce("x");
        serve(server, &other, (FIRST[2], 1, false));
    })
    .await;
    assert!(matches!(error, Error::Hour { .. }), "{error}");
}

#[tokio::test]
async fn hours_are_held_against_what_was_proven_before() {
    let (log, server, url) = world().await;
    let file = tempfile::tempdir().unwrap();
    let memory = || Memory::open(&file.path().join("memory")).unwrap();
    let remembers = || Options {
        memory: memory(),
        ..pinned()
    };
    let client = Client::with_options(&url, remembers()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).sync(&client, None).await.unwrap();
    let head = memory().head(&identity()).unwrap().unwrap();
    assert_eq!(head.size, 8);
    // A new mirror, and another log than the first one's.
    let mut other = log.clone();
    other.entries.swap(4, 5);
    serve(&server, &other, (FIRST[2], 4, false));
    let folder = tempfile::tempdir().unwrap();
    let client = Client::with_options(&url, remembers()).unwrap();
    let error = open(folder.path()).sync(&client, None).await.unwrap_err();
    assert!(matches!(error, Error::Apart { newer: 8, .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_mirror_is_refused_and_the_place_named() {
    let (_, _server, url) = world().await;
    let folder = tempfile::tempdir().unwrap();
    open(folder.path())
        .sync(&new_client(&url), None)
        .await
        .unwrap();
    let why = |identity: &NoteKey| {
        Mirror::open(folder.path(), identity)
            .unwrap_err()
            .to_string()
    };
    let other = why(&identity_of(&Oracle::new("another")));
    assert!(other.contains("it is of the log"), "{other}");

    let file = folder.path().join(format!("hours/{}.json", FIRST[2]));
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, whole.replacen("\"first\":4", "\"first\":3", 1)).unwrap();
    let spoilt = why(&identity());
    assert!(spoilt.contains(FIRST[2]), "{spoilt}");
    std::fs::write(&file, whole).unwrap();
    std::fs::remove_file(folder.path().join(format!("hours/{}.json", FIRST[1]))).unwrap();
    let missing = why(&identity());
    assert!(missing.contains("1970-01-01T01 is missing"), "{missing}");
}

#[tokio::test]
async fn an_event_with_two_ends_or_two_announcements_is_refused() {
    let mut log = Log::new();
    let twice = log.announce("twice");
    log.push_announcement(&twice.1.announcement);
    let both = log.announce("both");
    log.attest(&both, "above");
    log.notice("both", NoticeKind::Refund);
    let doubled = log.announce("doubled");
    log.attest(&doubled, "above");
    log.attest(&doubled, "not_above");
    let (server, url) = server_of(&log).await;
    serve(&server, &log, (FIRST[0], 0, false));
    let folder = tempfile::tempdir().unwrap();
    let mut mirror = open(folder.path());
    mirror.sync(&new_client(&url), None).await.unwrap();
    let why = |id| mirror.event(&event_id(id)).unwrap_err();
    assert!(matches!(
        why("twice"),
        Error::Twice {
            first: 1,
            second: 2,
            ..
        }
    ));
    assert!(matches!(
        why("doubled"),
        Error::Twice {
            what: "attestation",
            ..
        }
    ));
    assert!(matches!(why("both"), Error::Unproven { .. }));
}

#[tokio::test]
async fn what_a_server_said_too_early_of_an_hour_is_asked_again() {
    let (log, server, url) = world().await;
    let mut begun = Log::new();
    begun.entries = log.entries[..3].to_vec();
    for next in [FIRST[3], FIRST[1]] {
        let folder = tempfile::tempdir().unwrap();
        let mut mirror = open(folder.path());
        // The middle hour is said to be over before it has anything; then what is true.
        let mut early = serde_json::to_value(begun.hour(FIRST[0], 0, true)).unwrap();
        early["next"] = json!(next);
        let mut whole = log.clone();
        whole.entries.truncate(4);
        let whole = serde_json::to_value(whole.hour(FIRST[0], 0, true)).unwrap();
        server.put(&path(FIRST[0]), [Answer::Json(early), Answer::Json(whole)]);
        serve(&server, &log, (FIRST[1], 4, false));
        let client = new_client(&url);
        mirror.sync(&client, None).await.unwrap();
        mirror.sync(&client, None).await.unwrap();
        assert_eq!(mirror.head().unwrap().size, 8, "{next}");
        mirror.attestation(&event_id(ID)).unwrap();
    }
}

#[tokio::test]
async fn a_server_that_names_hours_without_an_entry_is_not_followed() {
    let (log, server, url) = world().await;
    let whole = log.entries.len() as u64;
    serve(&server, &log, (FIRST[2], 4, true));
    serve(&server, &log, (FIRST[3], whole, true));
    let folder = tempfile::tempdir().unwrap();
    let mut mirror = open(folder.path());
    let error = mirror.sync(&new_client(&url), None).await.unwrap_err();
    assert!(error.to_string().contains("which has nothing"), "{error}");
    assert_eq!(mirror.hours(), Some((FIRST[0], FIRST[2])));
}

/// What the service answers of one series.
fn series() -> serde_json::Value {
    json!({
        "series_id": "ppcusd-daily", "kind": "digits", "title": "PPC/USD", "description": "a\nb",
        "names": {}, "period": {"cron": "0 16 * * *"}, "announce_ahead_s": 604_800,
        "settle_delay_s": 60, "give_up_after_s": 259_200, "nonces": 20,
        "digits": {"base": 2, "nb_digits": 20, "is_signed": false, "unit": "uUSD/PPC", "precision": 0},
        "policy_hash": "5f".repeat(32),
        "next": [{
            "event_id": ID, "maturity": "2026-11-22T16:00:00Z", "state": null,
            "announce_at": "2026-11-15T16:00:00Z", "attest_by": "2026-11-25T16:00:00Z",
        }],
        "next_from": "2026-11-23T16:00:00Z",
    })
}

#[tokio::test]
async fn series_are_listed_and_one_tells_what_is_ahead() {
    let (server, url) = Server::start(&Oracle::new("oracle")).await;
    let page =
        |cursor: Option<&str>| Answer::Json(json!({"series": [series()], "next_cursor": cursor}));
    server.put("/v1/series", [page(Some("x")), page(None)]);
    server.put("/v1/series/ppcusd-daily", [Answer::Json(series())]);
    server.put("/v1/series/other", [Answer::Json(series())]);
    let client = client(&url);
    let first = client.series(None).await.unwrap();
    assert_eq!(first.next_cursor.as_deref(), Some("x"));
    let from = chrono::DateTime::from_timestamp(1_795_363_200, 0);
    let one = client
        .one_series("ppcusd-daily", from, Some(3))
        .await
        .unwrap();
    assert_eq!(one.next[0].event_id, event_id(ID));
    assert_eq!(one.next[0].state, None);
    let (asked, _) = server.seen("/v1/series/ppcusd-daily").remove(0);
    assert!(
        asked.ends_with("limit=3") && asked.contains("from=2026-11-22T16"),
        "{asked}"
    );
    let other = client.one_series("other", None, None).await.unwrap_err();
    assert!(matches!(other, Error::Malformed { .. }), "{other}");

    let listed = run(&["series", "--url", &url]).await;
    assert!(
        listed.1.starts_with("ppcusd-daily digits    0 16 * * *"),
        "{}",
        listed.1
    );
    let shown = run(&["series", "ppcusd-daily", "--url", &url, "--limit", "2"]).await;
    let line = format!(
        "2026-11-22T16:00:00Z announced 2026-11-15T16:00:00Z attested by 2026-11-25T16:00:00Z {ID}"
    );
    assert!(shown.1.replace("  ", " ").contains(&line), "{}", shown.1);
    assert!(
        shown.2.contains("--from 2026-11-23T16:00:00Z"),
        "{}",
        shown.2
    );
}

#[tokio::test]
async fn the_command_keeps_a_mirror_and_answers_from_it_with_the_oracle_gone() {
    let (_, server, url) = world().await;
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("mirror");
    let (dir, identity) = (dir.to_str().unwrap(), identity().to_string());
    let pin = ["--identity", identity.as_str()];
    let none = run(&["get", ID, "--mirror", dir]).await;
    assert_eq!(none.0, 2, "{}", none.2);
    assert!(none.2.contains("oracle sync"), "{}", none.2);
    let synced = run(&join(&["sync", dir, "--url", &url], &pin)).await;
    assert_eq!(synced.0, 0, "{}", synced.2);
    let line = "ok mirror hours=1970-01-01T00..1970-01-01T02 log_size=8 new_entries=8\n";
    assert_eq!(synced.1, line);
    names_no_event(&server);

    // No address is given from here on.
    let got = run(&join(&["get", ID, "--mirror", dir, "--json"], &pin))
        .await
        .json();
    assert_eq!(got["outcome"], "5");
    let shown = run(&join(&["get", ID, "--mirror", dir], &pin)).await;
    assert!(shown.1.contains("outcome       5"), "{}", shown.1);
    let arguments = ["points", ID, "--mirror", dir, "--outcome", "5", "--json"];
    let points = run(&join(&arguments, &pin)).await.json();
    assert_eq!(points["nonces"], "proven");
    assert!(points["points"][0]["secret"].is_string(), "{points}");
    let refunded = run(&join(&["get", "off", "--mirror", dir, "--json"], &pin))
        .await
        .json();
    assert_eq!(refunded["refund_reason"], "");
    let unknown = run(&join(&["get", "another", "--mirror", dir], &pin)).await;
    assert_eq!(unknown.0, 6, "{}", unknown.2);
    let other = identity_of(&Oracle::new("another")).to_string();
    let other = run(&["get", ID, "--mirror", dir, "--identity", &other]).await;
    assert_eq!(other.0, 2, "{}", other.2);
    let unpinned = run(&["get", ID, "--mirror", dir]).await;
    assert!(
        unpinned.2.contains("no identity was pinned"),
        "{}",
        unpinned.2
    );
}

#[tokio::test]
async fn an_hour_that_ends_before_what_is_known_is_its_beginning_or_refused() {
    let (_, server, url) = world().await;
    let client = new_client(&url);
    let known = client.hour(FIRST[2]).await.unwrap();
    // Tied by the tiles: it does not reach what is known.
    client.hour(FIRST[0]).await.unwrap();
    // As the log's key signed it for somebody else.
    let mut other = Log::new();
    other.announce("another");
    serve(&server, &other, (FIRST[0], 0, true));
    let refused = client.hour(FIRST[0]).await.unwrap_err();
    let newer = known.proven.checkpoint.size;
    let is_due = matches!(&refused, Error::Apart { hour, newer: n, .. }
        if hour == FIRST[0] && *n == newer);
    assert!(is_due, "{refused}");
    // Without tiles nothing is shown, so nothing is believed.
    let (log, server, url) = world().await;
    let client = new_client(&url);
    client.hour(FIRST[2]).await.unwrap();
    for (path, _) in log
        .files()
        .into_iter()
        .filter(|(p, _)| p.starts_with("tile/0/"))
    {
        server.put(&format!("/{path}"), [Answer::Problem(404, "not-found")]);
    }
    client.hour(FIRST[0]).await.unwrap_err();
}
