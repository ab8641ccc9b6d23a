//! The library against a server that may lie.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::{
    After, Announced, Answer, Oracle, Server, about, announcement_path, attestation_path, choice,
    client, event_id, quick,
};
use futures::StreamExt;
use oracle_client::{Error, EventState, Options, StreamEvent};
use oracle_schema::codec::Layout;
use serde_json::json;

const ID: &str = "ppcusd-daily@2026-11-22T16:00:00Z";
const LONG: Duration = Duration::from_secs(20);

/// A server, its oracle, and the enum event [`ID`] announced.
async fn world() -> (Oracle, Server, String, Announced) {
    let oracle = Oracle::new("oracle");
    let (server, url) = Server::start(&oracle).await;
    let announced = oracle.announce(ID, choice(&["above", "not_above"]));
    server.announce(&announced);
    (oracle, server, url, announced)
}

#[tokio::test]
async fn an_attested_event_comes_back_whole_and_verified() {
    let (oracle, server, url, announced) = world().await;
    server.attest(ID, &oracle.attest(&announced, &["above"]));
    let client = client(&url);
    let info = client.oracle().await.unwrap();
    assert_eq!(info.public_key, oracle.key());
    let choice = info.choice.unwrap();
    assert_eq!((choice.operators_bits, choice.sources["kraken"]), (2, 17));
    let attested = client.attestation(&event_id(ID)).await.unwrap();
    assert_eq!(attested.outcome_text(), "above");
    assert_eq!(*attested.announcement, announced.announcement);
}

#[tokio::test]
async fn an_announcement_under_another_key_than_the_oracles_is_refused() {
    let (_, server, url, _) = world().await;
    let impostor = Oracle::new("impostor");
    server.announce(&impostor.announce(ID, choice(&["above", "not_above"])));
    let error = client(&url).announcement(&event_id(ID)).await.unwrap_err();
    assert!(matches!(error, Error::WrongKey { got, .. } if *got == impostor.key()));
}

#[tokio::test]
async fn a_server_of_another_oracle_than_the_pinned_one_is_refused() {
    let (oracle, _, url, _) = world().await;
    let pinned = |key| {
        let key = Some(key);
        oracle_client::Client::with_options(&url, Options { key, ..quick() }).unwrap()
    };
    let expected = Oracle::new("other").key();
    let client = pinned(expected);
    let id = event_id(ID);
    for error in [
        client.oracle().await.unwrap_err(),
        client.announcement(&id).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::WrongKey { expected: e, .. } if *e == expected));
    }
    assert!(pinned(oracle.key()).announcement(&id).await.is_ok());
}

#[tokio::test]
async fn a_server_that_changes_its_key_is_caught() {
    let (_, server, url, _) = world().await;
    let client = client(&url);
    client.oracle().await.unwrap();
    server.put("/v1/oracle", [Answer::Json(about(&Oracle::new("other")))]);
    let error = client.oracle().await.unwrap_err();
    assert!(matches!(error, Error::WrongKey { .. }));
}

#[tokio::test]
async fn an_oracle_of_the_legacy_dialect_is_refused() {
    let (oracle, server, url, _) = world().await;
    let mut info = about(&oracle);
    info["dialect"] = json!("legacy");
    server.put("/v1/oracle", [Answer::Json(info)]);
    let error = client(&url).oracle().await.unwrap_err();
    assert!(matches!(error, Error::Dialect(d) if d == "legacy"));
}

#[tokio::test]
async fn a_valid_announcement_of_another_event_is_refused() {
    let (oracle, server, url, _) = world().await;
    let other = oracle.announce("other", choice(&["above", "not_above"]));
    server.put(
        &announcement_path(ID),
        [Answer::Bytes(other.announcement.to_tlv())],
    );
    let error = client(&url).announcement(&event_id(ID)).await.unwrap_err();
    assert!(matches!(error, Error::WrongEvent { got, .. } if got == "other"));
}

#[tokio::test]
async fn an_announcement_with_one_altered_signature_byte_is_refused() {
    let (_, server, url, announced) = world().await;
    let mut bytes = announced.announcement.to_tlv();
    // Behind the 4 bytes of type and length comes the signature.
    bytes[10] ^= 1;
    server.put(&announcement_path(ID), [Answer::Bytes(bytes)]);
    let error = client(&url).announcement(&event_id(ID)).await.unwrap_err();
    assert!(matches!(error, Error::Verify { .. }), "{error}");
}

#[tokio::test]
async fn a_truncated_message_and_a_cut_connection_are_told_apart() {
    let (_, server, url, announced) = world().await;
    let mut bytes = announced.announcement.to_tlv();
    bytes.pop();
    let cut = Answer::CutShort(bytes.clone());
    server.put(&announcement_path(ID), [cut, Answer::Bytes(bytes)]);
    let client = client(&url);
    let error = client.announcement(&event_id(ID)).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    let error = client.announcement(&event_id(ID)).await.unwrap_err();
    assert!(matches!(error, Error::Decode { .. }), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn every_kind_of_false_attestation_is_refused() {
    let (oracle, server, url, announced) = world().await;
    let other = oracle.announce("other", choice(&["above", "not_above"]));
    let truth = oracle.attest(&announced, &["above"]);
    let of_other_event = oracle.attest(&other, &["above"]);
    let mut renamed = of_other_event.clone();
    renamed.event_id = Some(event_id(ID));
    let mut altered = truth.clone();
    altered.outcomes = vec!["not_above".to_owned()];
    let mut by_other_key = Oracle::new("impostor").attest(&announced, &["above"]);
    by_other_key.oracle_public_key = oracle.key();
    let outside = oracle.attest(&announced, &["sideways"]);

    let client = client(&url);
    let id = event_id(ID);
    for (name, attestation) in [
        ("renamed", renamed),
        ("altered", altered),
        ("by another key", by_other_key),
        ("outside the descriptor", outside),
    ] {
        server.attest(ID, &attestation);
        let error = client.attestation(&id).await.unwrap_err();
        assert!(matches!(error, Error::Verify { .. }), "{name}: {error}");
        // Lies do not get truer by waiting.
        assert!(client.wait(&id, LONG).await.is_err(), "{name}");
    }
    server.attest(ID, &of_other_event);
    let error = client.attestation(&id).await.unwrap_err();
    assert!(matches!(error, Error::WrongEvent { .. }), "{error}");
    server.attest(ID, &truth);
    assert!(client.attestation(&id).await.is_ok());
}

#[tokio::test]
async fn the_counted_layout_is_read_too() {
    let (oracle, server, url, announced) = world().await;
    let counted = oracle
        .attest(&announced, &["above"])
        .to_tlv(Layout::Counted);
    server.put(&attestation_path(ID), [Answer::Bytes(counted)]);
    assert!(client(&url).attestation(&event_id(ID)).await.is_ok());
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let (_, server, url, _) = world().await;
    server.put(&announcement_path(ID), [Answer::Flood]);
    let error = client(&url).announcement(&event_id(ID)).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn every_way_of_having_no_outcome_has_its_own_error() {
    let (_, server, url, _) = world().await;
    let client = client(&url);
    let id = event_id(ID);
    let path = attestation_path(ID);
    let wait = async || client.wait(&id, Duration::ZERO).await.unwrap_err();
    assert!(matches!(wait().await, Error::NotAttested { .. }));
    server.put(&path, [Answer::Problem(410, "refunded")]);
    assert!(matches!(wait().await, Error::Refunded { reason, .. } if reason.contains("refunded")));
    server.put(&path, [Answer::Problem(410, "withdrawn")]);
    assert!(matches!(wait().await, Error::Withdrawn { .. }));
    server.put(&path, [Answer::Problem(503, "overloaded")]);
    assert!(wait().await.is_transient());
    let unknown = client.wait(&event_id("nothing"), LONG).await.unwrap_err();
    assert!(matches!(unknown, Error::UnknownEvent(id) if id.as_str() == "nothing"));
}

#[tokio::test]
async fn waiting_goes_on_through_not_yet_and_outages_and_ends_with_the_outcome() {
    let (oracle, server, url, announced) = world().await;
    let truth = oracle.attest(&announced, &["above"]).to_tlv(Layout::Spec);
    server.put(
        &attestation_path(ID),
        [
            Answer::Problem(404, "not-attested"),
            Answer::Problem(503, "restarting"),
            Answer::CutShort(vec![0xfd]),
            Answer::Hold(Duration::from_millis(20)),
            Answer::Problem(429, "rate"),
            Answer::Bytes(truth),
        ],
    );
    let attested = client(&url).wait(&event_id(ID), LONG).await.unwrap();
    assert_eq!(attested.outcome_text(), "above");
    assert_eq!(server.seen(&announcement_path(ID)).len(), 1);
    let polls = server.seen(&attestation_path(ID));
    assert_eq!(polls.len(), 6);
    // Long polls, within what the server allows.
    assert!(
        polls
            .iter()
            .all(|(uri, _)| uri.contains("wait=1") || uri.contains("wait=2"))
    );
}

#[tokio::test]
async fn waiting_begins_before_the_announcement() {
    let (oracle, server, url, announced) = world().await;
    let truth = oracle.attest(&announced, &["above"]);
    server.attest(ID, &truth);
    let not_yet = Answer::Problem(404, "not-announced");
    let announcement = Answer::Bytes(announced.announcement.to_tlv());
    server.put(
        &announcement_path(ID),
        [not_yet.clone(), not_yet, announcement],
    );
    let client = client(&url);
    let error = client.attestation(&event_id(ID)).await.unwrap_err();
    assert!(matches!(error, Error::NotAnnounced { .. }), "{error}");
    assert!(client.wait(&event_id(ID), LONG).await.is_ok());
}

#[tokio::test]
async fn waiting_ends_when_its_time_is_over() {
    let (_, server, url, _) = world().await;
    server.put(&attestation_path(ID), [Answer::Hold(LONG)]);
    let started = std::time::Instant::now();
    let error = client(&url)
        .wait(&event_id(ID), Duration::from_millis(1200))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotAttested { .. }), "{error}");
    assert!(started.elapsed() >= Duration::from_millis(1200));
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn an_unreachable_server_is_named_without_its_credentials() {
    let url = "http://user:hunter2@127.0.0.1:1/";
    let client = client(url);
    let error = client.oracle().await.unwrap_err();
    assert!(error.is_transient());
    assert!(!format!("{error} {error:?} {client:?}").contains("hunter2"));
    let refused = oracle_client::Client::new("ftp://example.org").unwrap_err();
    assert!(matches!(refused, Error::Url(_)));
}

#[tokio::test]
async fn an_event_is_read_with_states_that_do_not_exist_yet() {
    let (_, server, url, _) = world().await;
    let event = |state: &str, id: &str| {
        json!({
            "event_id": id, "kind": "threshold", "series": null, "state": state,
            "reason": null, "maturity": "2026-11-22T16:00:00Z",
            "attest_by": "2026-11-25T16:00:00Z", "outcomes": ["above", "not_above"],
            "policy_hash": "00", "announced_at": null, "attested_at": null,
            "outcome": null, "next_attempt_at": null, "announcement_position": 3,
        })
    };
    let path = format!("/v1/events/{ID}");
    let client = client(&url);
    let id = event_id(ID);
    for (said, state) in [
        ("matured", EventState::Matured),
        ("transcended", EventState::Unknown),
    ] {
        server.put(&path, [Answer::Json(event(said, ID))]);
        let info = client.event(&id).await.unwrap();
        assert_eq!(info.state, state);
        assert_eq!(info.more["announcement_position"], 3);
    }
    server.put(&path, [Answer::Json(event("matured", "other"))]);
    let error = client.event(&id).await.unwrap_err();
    assert!(matches!(error, Error::WrongEvent { .. }));
}

#[tokio::test]
async fn the_stream_resumes_after_a_disconnect_and_delivers_each_position_once() {
    let (_, server, url, _) = world().await;
    server.put(
        "/v1/stream",
        [
            Answer::Problem(503, "starting"),
            Answer::Stream(
                vec![
                    ": heartbeat\n\n",
                    "event: announced\nid: 4\ndata: {\"event_id\":\"a\"}\n\n",
                    "event: state\ndata: {\"event_id\":\"a\",\"state\":\"matured\"}\n\n",
                    "event: attes",
                    "ted\nid: 5\ndata: {\"event_id\":\"a\"}\n\nevent: attested\nid: 6\nda",
                ],
                After::Cut,
            ),
            Answer::Stream(
                vec![
                    "event: attested\nid: 5\ndata: {\"event_id\":\"a\"}\n\n",
                    "event: invented\nid: 6\ndata: {}\n\n",
                    "event: refunded\nid: 6\ndata: {\"event_id\":\"b\"}\n\n",
                ],
                After::Open,
            ),
        ],
    );
    let mut news = client(&url).watch(Some(3));
    let outage = news.next().await.unwrap().unwrap_err();
    assert!(outage.is_transient(), "{outage}");
    let got: Vec<_> = news.take(4).map(Result::unwrap).collect().await;
    let (a, b) = (event_id("a"), event_id("b"));
    let expected = [
        StreamEvent::Announced {
            position: 4,
            event_id: a.clone(),
        },
        StreamEvent::State {
            event_id: a.clone(),
            state: EventState::Matured,
        },
        StreamEvent::Attested {
            position: 5,
            event_id: a,
        },
        StreamEvent::Refunded {
            position: 6,
            event_id: b,
        },
    ];
    assert_eq!(got, expected);
    let resumed: Vec<_> = server.seen("/v1/stream").into_iter().map(|s| s.1).collect();
    assert_eq!(
        resumed,
        [Some("3"), Some("3"), Some("5")].map(|p| p.map(str::to_owned))
    );
}

/// A reader of rare events is cut off after a heartbeat, and what it waits for happens
/// meanwhile.
#[tokio::test]
async fn a_heartbeat_is_a_place_to_resume_from() {
    let (_, server, url, _) = world().await;
    let missed = "event: attested\nid: 43\ndata: {\"event_id\":\"a\"}\n\n";
    server.put(
        "/v1/stream",
        [
            Answer::Stream(
                vec![": open\nid: 40\n\n", ": heartbeat\nid: 42\n\n"],
                After::Cut,
            ),
            Answer::Problem(503, "restarting"),
            Answer::Stream(vec![missed], After::Open),
        ],
    );
    let mut news = client(&url).watch_events(&[event_id("a")], None);
    assert!(news.next().await.unwrap().unwrap_err().is_transient());
    let first = news.next().await.unwrap().unwrap();
    assert_eq!(first.position(), Some(43));
    let asked: Vec<_> = server.seen("/v1/stream").into_iter().map(|s| s.1).collect();
    assert_eq!(asked, [None, Some("42".into()), Some("42".into())]);
}

#[tokio::test]
async fn news_that_cannot_be_read_are_asked_for_once_more() {
    let (_, server, url, _) = world().await;
    server.put(
        "/v1/stream",
        [
            Answer::Stream(
                vec![
                    "event: attested\nid: 5\ndata: {\"event\n\n",
                    "event: attested\nid: 6\ndata: {\"event_id\":\"b\"}\n\n",
                ],
                After::Open,
            ),
            Answer::Stream(
                vec![
                    "event: attested\nid: 5\ndata: {\"event_id\":\"a\"}\n\n",
                    "event: attested\nid: 6\ndata: {\"event_id\":\"b\"}\n\n",
                ],
                After::Open,
            ),
        ],
    );
    let mut news = client(&url).watch(Some(4));
    let damage = news.next().await.unwrap().unwrap_err();
    assert!(matches!(damage, Error::Malformed { .. }), "{damage}");
    let positions: Vec<_> = news.take(2).map(|e| e.unwrap().position()).collect().await;
    assert_eq!(positions, [Some(5), Some(6)]);
}

#[tokio::test]
async fn news_that_stay_unreadable_keep_no_others_back() {
    let (_, server, url, _) = world().await;
    let damaged = "event: attested\nid: 5\ndata: {\"event\n\n";
    let next = "event: attested\nid: 6\ndata: {\"event_id\":\"b\"}\n\n";
    server.put(
        "/v1/stream",
        [
            Answer::Stream(vec![damaged, next], After::Open),
            Answer::Stream(vec![damaged, next], After::Open),
            Answer::Stream(vec![next], After::Open),
        ],
    );
    let mut news = client(&url).watch(Some(4));
    let first = news.next().await.unwrap().unwrap_err().to_string();
    let second = news.next().await.unwrap().unwrap_err().to_string();
    assert!(!first.contains("passed over"), "{first}");
    assert!(
        second.contains("position 5") && second.contains("passed over"),
        "{second}"
    );
    assert_eq!(news.next().await.unwrap().unwrap().position(), Some(6));
    let asked: Vec<_> = server.seen("/v1/stream").into_iter().map(|s| s.1).collect();
    assert_eq!(
        asked,
        [Some("4".into()), Some("4".into()), Some("5".into())]
    );
}

#[tokio::test]
async fn a_position_ahead_of_the_log_ends_the_stream_and_is_named_with_the_logs() {
    let (_, server, url, _) = world().await;
    server.put("/v1/stream", [Answer::Problem(409, "ahead-of-log")]);
    let mut news = client(&url).watch(Some(100_000));
    let error = news.next().await.unwrap().unwrap_err();
    assert!(!error.is_transient());
    assert!(
        matches!(&error, Error::AheadOfLog { position: 100_000, detail } if detail == "detail of ahead-of-log"),
        "{error}"
    );
    assert!(error.to_string().contains("100000"), "{error}");
    assert!(news.next().await.is_none());
}

#[tokio::test]
async fn a_stream_waits_for_whatever_answers_in_the_oracles_place() {
    let (_, server, url, _) = world().await;
    let news = "event: attested\nid: 9\ndata: {\"event_id\":\"a\"}\n\n";
    let page = |status| Answer::Page(status, "text/html", "<title>Sign in</title>");
    server.put("/login", [page(200)]);
    let strange = [
        page(200),
        page(403),
        page(404),
        Answer::Moved("/login"),
        Answer::Page(204, "text/event-stream", ""),
        Answer::Page(409, "application/problem+json", r#"{"type":"about:blank"}"#),
        Answer::Json(json!({})),
    ];
    let count = strange.len();
    let answers = strange
        .into_iter()
        .chain([Answer::Stream(vec![news], After::Open)]);
    server.put("/v1/stream", answers);
    let mut stream = client(&url).watch(Some(3));
    for i in 0..count {
        let error = stream.next().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::NotTheOracle { .. }), "{i}: {error}");
    }
    let first = stream.next().await.unwrap().unwrap();
    assert_eq!(first.position(), Some(9));
}

#[tokio::test]
async fn a_stream_of_some_events_asks_for_them_again_after_a_disconnect() {
    let (_, server, url, _) = world().await;
    let news = |text| Answer::Stream(vec![text], After::Cut);
    server.put(
        "/v1/stream",
        [
            news("event: attested\nid: 4\ndata: {\"event_id\":\"a\"}\n\n"),
            news("event: attested\nid: 9\ndata: {\"event_id\":\"b@c\"}\n\n"),
        ],
    );
    let mine = [event_id("a"), event_id("b@c")];
    let stream = client(&url).watch_events(&mine, Some(3));
    let got: Vec<_> = stream
        .take(2)
        .map(|e| e.unwrap().position())
        .collect()
        .await;
    assert_eq!(got, [Some(4), Some(9)]);
    let path = "/v1/stream?events=a%2Cb%40c".to_owned();
    let asked = ["3", "4"].map(|from| (path.clone(), Some(from.to_owned())));
    assert_eq!(server.seen("/v1/stream"), asked);
}

#[tokio::test]
async fn a_silent_stream_counts_as_dead_and_is_opened_again() {
    let (_, server, url, _) = world().await;
    let news = "event: attested\nid: 9\ndata: {\"event_id\":\"a\"}\n\n";
    server.put(
        "/v1/stream",
        [
            Answer::Stream(vec![], After::Open),
            Answer::Stream(vec![news], After::Open),
        ],
    );
    let options = Options {
        idle_timeout: Duration::from_millis(50),
        ..quick()
    };
    let client = oracle_client::Client::with_options(&url, options).unwrap();
    let first = client.watch(None).next().await.unwrap().unwrap();
    assert_eq!(first.position(), Some(9));
}

#[tokio::test]
async fn a_stream_that_is_refused_for_good_ends() {
    let (_, server, url, _) = world().await;
    server.put("/v1/stream", [Answer::Problem(400, "last-event-id")]);
    let mut news = client(&url).watch(Some(1));
    assert!(!news.next().await.unwrap().unwrap_err().is_transient());
    assert!(news.next().await.is_none());
}
