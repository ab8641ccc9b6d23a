//! Asking again, and not asking again: retries, restarts, the cache.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::{
    Announced, Answer, Oracle, Server, announcement_path, attestation_path, choice, event_id, quick,
};
use oracle_client::{Client, Error, Options};
use oracle_schema::codec::Layout;
use serde_json::json;
use sha2::{Digest, Sha256};

const ID: &str = "ppcusd-daily@2026-11-22T16:00:00Z";

fn announced(oracle: &Oracle, id: &str) -> Announced {
    oracle.announce(id, choice(&["above", "not_above"]))
}

async fn world() -> (Oracle, Server, String, Announced) {
    let oracle = Oracle::new("oracle");
    let (server, url) = Server::start(&oracle).await;
    let announced = announced(&oracle, ID);
    server.announce(&announced);
    (oracle, server, url, announced)
}

fn patient(url: &str, attempts: u32) -> Client {
    let options = Options {
        attempts,
        ..quick()
    };
    Client::with_options(url, options).unwrap()
}

#[tokio::test]
async fn a_question_is_asked_as_often_as_the_options_say_and_no_longer() {
    let (_, server, url, announced) = world().await;
    let path = announcement_path(ID);
    let good = Answer::Bytes(announced.announcement.to_tlv());
    let busy = Answer::Problem(503, "overloaded");
    let answers = [busy.clone(), Answer::CutShort(vec![0xfd]), good];
    server.put(&path, answers.clone());
    assert!(patient(&url, 3).announcement(&event_id(ID)).await.is_ok());
    assert_eq!(server.seen(&path).len(), 3);
    server.put(&path, answers);
    let error = patient(&url, 2).announcement(&event_id(ID)).await;
    assert!(error.unwrap_err().is_transient());
    assert_eq!(server.seen(&path).len(), 5);
    // An answer is an answer: it is not asked for again.
    server.put(&path, [Answer::Problem(404, "unknown-event")]);
    let error = patient(&url, 9).announcement(&event_id(ID)).await;
    assert!(matches!(error.unwrap_err(), Error::UnknownEvent(_)));
    assert_eq!(server.seen(&path).len(), 6);
}

#[tokio::test]
async fn a_server_that_asks_for_a_pause_gets_it_up_to_the_longest() {
    let (oracle, server, url, announced) = world().await;
    let path = attestation_path(ID);
    let truth = oracle.attest(&announced, &["above"]).to_tlv(Layout::Spec);
    server.put(
        &path,
        [
            Answer::Later(503, "restarting", 3_600),
            Answer::Bytes(truth.clone()),
        ],
    );
    let options = Options {
        max_backoff: Duration::from_millis(300),
        attempts: 2,
        ..quick()
    };
    let client = Client::with_options(&url, options.clone()).unwrap();
    let started = Instant::now();
    assert!(client.attestation(&event_id(ID)).await.is_ok());
    // The own first pause would have been 5 ms.
    assert!(started.elapsed() >= Duration::from_millis(295));
    server.put(
        &path,
        [
            Answer::Later(404, "not-attested", 3_600),
            Answer::Bytes(truth),
        ],
    );
    let client = Client::with_options(&url, options).unwrap();
    let started = Instant::now();
    let waited = client.wait(&event_id(ID), Duration::from_secs(20)).await;
    assert!(waited.is_ok());
    assert!(started.elapsed() >= Duration::from_millis(295));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_survives_a_restart_of_the_server() {
    let oracle = Oracle::new("oracle");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("http://{address}");
    let server = Server::default();
    server.put("/v1/oracle", [Answer::Json(common::about(&oracle))]);
    let announced = announced(&oracle, ID);
    server.announce(&announced);
    let held = Answer::Hold(Duration::from_mins(1));
    server.put(&attestation_path(ID), [held]);
    let first = tokio::runtime::Runtime::new().unwrap();
    {
        let _entered = first.enter();
        server.serve(listener);
    }

    let waiting = tokio::spawn(async move {
        let client = patient(&url, 1);
        client.wait(&event_id(ID), Duration::from_secs(30)).await
    });
    while server.seen(&attestation_path(ID)).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Every socket of it closes, the one that holds our request too.
    first.shutdown_background();
    let again = loop {
        match std::net::TcpListener::bind(address) {
            Ok(listener) => break listener,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    server.attest(ID, &oracle.attest(&announced, &["above"]));
    server.serve(again);
    let attested = waiting.await.unwrap().unwrap();
    assert_eq!(attested.outcome_text(), "above");
}

/// What answers in the oracle's place, and how it is named.
fn strangers() -> Vec<(Answer, &'static str)> {
    let page = |status| Answer::Page(status, "text/html; charset=utf-8", "<title>Sign in</title>");
    vec![
        (page(404), "404 with text/html titled \"Sign in\""),
        (page(403), "403 with text/html"),
        (page(200), "200 with text/html"),
        (
            Answer::Moved("/login"),
            "200 with text/html titled \"Sign in\"",
        ),
        (
            Answer::Page(200, "application/octet-stream", ""),
            "200 with nothing at all",
        ),
        (
            Answer::Page(204, "text/plain", ""),
            "204 with nothing at all",
        ),
        (
            Answer::Page(410, "application/json", "{}"),
            "410 with application/json",
        ),
        (
            Answer::Page(404, "application/problem+json", r#"{"title":"no route"}"#),
            "404 with application/problem+json",
        ),
        (
            Answer::Page(502, "text/html", "<html>"),
            "502 with text/html",
        ),
    ]
}

async fn patiently(url: &str, timeout: Duration) -> Result<oracle_client::Attested, Error> {
    patient(url, 1).wait(&event_id(ID), timeout).await
}

#[tokio::test]
async fn only_the_oracles_own_words_end_a_wait() {
    let (oracle, server, url, announced) = world().await;
    let login = Answer::Page(200, "text/html", "<title>Sign in</title>");
    server.put("/login", [login]);
    let truth = oracle.attest(&announced, &["above"]);
    server.attest(ID, &truth);
    let whole = truth.to_tlv(Layout::Spec);
    let mut answers: Vec<_> = strangers().into_iter().map(|(answer, _)| answer).collect();
    // A proxy that cuts an answer short and says so, and one that does not.
    answers.push(Answer::CutShort(whole[..20].to_vec()));
    answers.push(Answer::Bytes(whole[..20].to_vec()));
    answers.push(Answer::Bytes(whole.clone()));
    let count = answers.len();
    server.put(&attestation_path(ID), answers.clone());
    let waited = patiently(&url, Duration::from_secs(30)).await;
    assert_eq!(waited.unwrap().outcome_text(), "above");
    assert_eq!(server.seen(&attestation_path(ID)).len(), count);

    // The same where the announcement is asked for.
    let announcement = announced.announcement.to_tlv();
    *answers.last_mut().unwrap() = Answer::Bytes(announcement);
    server.put(&announcement_path(ID), answers);
    let waited = patiently(&url, Duration::from_secs(30)).await;
    assert_eq!(waited.unwrap().outcome_text(), "above");
}

#[tokio::test]
async fn what_was_in_the_way_is_named_when_the_time_is_over() {
    let (_, server, url, _) = world().await;
    let login = Answer::Page(200, "text/html", "<title>Sign in</title>");
    server.put("/login", [login]);
    for (answer, name) in strangers() {
        server.put(&attestation_path(ID), [answer]);
        let started = Instant::now();
        let wait = patiently(&url, Duration::from_millis(60));
        let error = wait.await.unwrap_err();
        assert!(started.elapsed() >= Duration::from_millis(60), "{name}");
        assert!(
            matches!(error, Error::NotTheOracle { .. }),
            "{name}: {error}"
        );
        let text = error.to_string();
        assert!(
            text.contains(name) && text.contains("out of reach"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_proven_wait_goes_on_past_a_page_in_the_bundles_place() {
    let (oracle, server, url, announced) = world().await;
    let path = format!("/v1/events/{ID}/bundle");
    let truth = oracle.attest(&announced, &["above"]);
    server.attest(ID, &truth);
    let bundle = server.log(|log| log.bundle(ID, None)).flatten().unwrap();
    let bundle = serde_json::to_value(bundle).unwrap();
    let page = Answer::Page(200, "text/html", "<html>");
    let cut = Answer::Page(200, "application/json", "{\"format\":");
    let soon = Answer::Later(404, "not-announced", 1);
    server.put(&path, [page, cut, soon, Answer::Json(bundle)]);
    let options = Options {
        unproven: false,
        max_backoff: Duration::from_millis(50),
        ..quick()
    };
    let client = Client::with_options(&url, options).unwrap();
    let waited = client.wait(&event_id(ID), Duration::from_secs(30)).await;
    assert_eq!(waited.unwrap().outcome_text(), "above");
    // Those four, and one after the attestation was there.
    assert_eq!(server.seen(&path).len(), 5);
}

#[tokio::test]
async fn a_server_that_never_answers_ends_a_wait_one_request_late_at_most() {
    let oracle = Oracle::new("oracle");
    let (server, url) = Server::start(&oracle).await;
    let held = Answer::Stream(vec![], common::After::Open);
    server.put("/v1/oracle", [held.clone()]);
    let options = Options {
        timeout: Duration::from_millis(300),
        unproven: false,
        attempts: 9,
        ..quick()
    };
    let client = Client::with_options(&url, options).unwrap();
    let started = Instant::now();
    let error = client.wait(&event_id(ID), Duration::from_millis(200)).await;
    assert!(error.unwrap_err().is_transient());
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn the_wrong_scheme_is_named_with_the_right_one() {
    let (_, _, url, _) = world().await;
    let https = url.replace("http://", "https://");
    let error = patient(&https, 1).oracle().await.unwrap_err();
    assert!(error.is_transient());
    assert!(error.to_string().contains("try http://"), "{error}");
    // A TLS server's answer to plain HTTP: an alert record.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 1024]).await;
            let _ = socket.write_all(&[0x15, 3, 3, 0, 2, 2, 50]).await;
        }
    });
    let error = patient(&url, 1).oracle().await.unwrap_err();
    assert!(error.to_string().contains("try https://"), "{error}");
}

#[tokio::test]
async fn what_was_verified_is_not_fetched_again_by_any_clone() {
    let (oracle, server, url, announced) = world().await;
    let client = patient(&url, 1);
    let id = event_id(ID);
    // Not yet is no fact to keep.
    assert!(client.attestation(&id).await.unwrap_err().is_not_yet());
    server.attest(ID, &oracle.attest(&announced, &["above"]));
    let first = client.attestation(&id).await.unwrap();
    let second = client.clone().attestation(&id).await.unwrap();
    assert_eq!(first, second);
    assert!(client.wait(&id, Duration::ZERO).await.is_ok());
    assert_eq!(server.seen(&announcement_path(ID)).len(), 1);
    assert_eq!(server.seen(&attestation_path(ID)).len(), 2);
    // Another client trusts for itself.
    assert!(patient(&url, 1).attestation(&id).await.is_ok());
    assert_eq!(server.seen(&announcement_path(ID)).len(), 2);
}

#[tokio::test]
async fn a_kept_attestation_never_meets_another_announcement_than_its_own() {
    let (oracle, server, url, announced_once) = world().await;
    let options = Options {
        cache: 8,
        ..quick()
    };
    let client = Client::with_options(&url, options).unwrap();
    let id = event_id(ID);
    let read_others = async |when: &str| {
        for i in 0..40 {
            let other = format!("{when}-{i}");
            server.announce(&announced(&oracle, &other));
            client.announcement(&event_id(&other)).await.unwrap();
        }
    };
    server.attest(ID, &oracle.attest(&announced_once, &["above"]));
    // What comes into a full cache is the first to go.
    read_others("before").await;
    let first = client.attestation(&id).await.unwrap();
    read_others("after").await;
    // The announcement is forgotten, and the oracle tells another story now:
    // under the same nonces, which alone would not give it away.
    let second_story = oracle.announce(ID, choice(&["not_above", "above", "void"]));
    let bytes = second_story.announcement.to_tlv();
    server.put(&announcement_path(ID), [Answer::Bytes(bytes)]);
    let now = client.announcement(&id).await.unwrap_err();
    assert!(
        matches!(now, Error::NonceReused { .. }),
        "the nonces were not forgotten"
    );
    assert_eq!(client.attestation(&id).await.unwrap(), first);
    assert_eq!(client.wait(&id, Duration::ZERO).await.unwrap(), first);
    assert_eq!(server.seen(&attestation_path(ID)).len(), 1);
}

#[tokio::test]
async fn a_lie_is_not_kept() {
    let (oracle, server, url, announced) = world().await;
    let client = patient(&url, 1);
    let other = oracle.announce("other", choice(&["above", "not_above"]));
    let path = announcement_path(ID);
    server.put(&path, [Answer::Bytes(other.announcement.to_tlv())]);
    assert!(client.announcement(&event_id(ID)).await.is_err());
    server.announce(&announced);
    let truth = client.announcement(&event_id(ID)).await.unwrap();
    assert_eq!(*truth, announced.announcement);
}

#[tokio::test]
async fn the_cache_holds_so_many_and_none_if_told_so() {
    const EVENTS: usize = 40;
    let (oracle, server, url, _) = world().await;
    for (keep, fewest, most) in [(8, EVENTS - 8, EVENTS), (0, EVENTS, EVENTS), (1_000, 0, 0)] {
        let options = Options {
            cache: keep,
            ..quick()
        };
        let client = Client::with_options(&url, options).unwrap();
        let ids: Vec<_> = (0..EVENTS).map(|i| format!("event-{keep}-{i}")).collect();
        let ask = async || {
            for id in &ids {
                server.announce(&announced(&oracle, id));
                assert!(client.announcement(&event_id(id)).await.is_ok());
            }
            let path = announcement_path(&format!("event-{keep}-"));
            server.seen(&path).len()
        };
        let first = ask().await;
        assert_eq!(first, EVENTS);
        let again = ask().await - first;
        assert!(
            (fewest..=most).contains(&again),
            "{keep} kept, {again} asked"
        );
    }
}

#[tokio::test]
async fn a_policy_is_the_document_of_the_stated_hash_and_kept() {
    let (_, server, url, _) = world().await;
    let client = patient(&url, 1);
    let id = event_id(ID);
    let document = br#"{"rule":"test"}"#.to_vec();
    let state = |hash: Option<String>| {
        let event = json!({
            "event_id": ID, "kind": "threshold", "state": "announced",
            "maturity": "2026-11-22T16:00:00Z", "policy_hash": hash,
        });
        server.put(&format!("/v1/events/{ID}"), [Answer::Json(event)]);
    };
    state(None);
    let error = client.policy(&id).await.unwrap_err();
    assert!(matches!(error, Error::NoPolicy(_)));
    let path = format!("/v1/events/{ID}/policy");
    server.put(&path, [Answer::Bytes(document.clone())]);
    state(Some(hex::encode([1; 32])));
    let error = client.policy(&id).await.unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
    let hash = oracle_schema::policy::policy_hash(&document);
    assert_eq!(hash, <[u8; 32]>::from(Sha256::digest(&document)));
    state(Some(hex::encode(hash)));
    for _ in 0..3 {
        assert_eq!(client.policy(&id).await.unwrap(), document);
    }
    assert_eq!(server.seen(&path).len(), 2);
}
