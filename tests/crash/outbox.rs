//! kill -9 while relays are told.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::DateTime;
use oracle_schema::Attestation;
use oracle_schema::codec::Layout;
use oracle_tests::process::Server;
use oracle_tests::relay::{Event, Relay, Reply};

use crate::book::Book;
use crate::home::{Home, calm, now, venues};

/// SIGKILLs.
const ROUNDS: u64 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn what_kills_interrupted_reaches_every_relay_with_the_same_bytes_on_sqlite() {
    kills(Home::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kills_interrupted_reaches_every_relay_with_the_same_bytes_on_postgres() {
    if let Some(home) = Home::postgres("kills between relay and outbox").await {
        kills(home).await;
    }
}

async fn kills(home: Home) {
    let venues = venues().await;
    let (steady, rude) = (Relay::start().await, Relay::start().await);
    let relays = format!(
        "{}[nostr]\nrelays = [{:?}, {:?}]\n",
        calm(8),
        steady.url(),
        rude.url()
    );
    home.configure(&venues, &relays);
    for round in 0..ROUNDS {
        // Half of the time one relay keeps what it gets, and says nothing.
        if round % 2 == 0 {
            rude.answers(|_| Reply::HangUp);
        } else {
            rude.answers(|_| Reply::Accept);
        }
        let mut server = Server::run(&home.config(), &[]).await;
        server.ready().await;
        // Until something more is under way; then a moment later each time.
        let before = steady.received().len();
        steady.wait_until(|all| all.len() > before).await;
        tokio::time::sleep(Duration::from_millis(round * 97 % 401)).await;
        assert_eq!(server.kill().await.code(), None, "round {round}");
    }
    rude.answers(|_| Reply::Accept);

    // No kills any more: what there is comes to its end.
    let mut server = Server::run(&home.config(), &[]).await;
    let url = server.ready().await.url();
    let mut book = Book::default();
    book.quiet(&url, now()).await;
    // However long the kills took.
    book.read_from(&url, DateTime::UNIX_EPOCH).await.unwrap();
    let mut due: HashSet<String> = HashSet::new();
    due.extend(book.announcements.values().map(|tlv| BASE64.encode(tlv)));
    due.extend(book.attestations.values().map(|tlv| {
        let (attestation, _) = Attestation::from_tlv(tlv).unwrap();
        BASE64.encode(attestation.to_tlv(Layout::Counted))
    }));
    for relay in [&steady, &rude] {
        relay
            .wait_until(|received| {
                let said: HashSet<&str> = received
                    .iter()
                    .filter_map(|e| e.json["content"].as_str())
                    .collect();
                due.iter().all(|content| said.contains(content.as_str()))
            })
            .await;
        relay.assert_sound();
    }
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));

    assert!(due.len() > 10, "only {} messages", due.len());
    let texts = |relay: &Relay| -> HashMap<String, String> {
        let all = relay.kept(88).into_iter().chain(relay.kept(89));
        // The series go on: what came after the reading is not counted.
        let is_due = |e: &Event| e.json["content"].as_str().is_some_and(|c| due.contains(c));
        all.filter(is_due)
            .map(|e| (e.id().to_owned(), e.text))
            .collect()
    };
    let (steady, rude) = (texts(&steady), texts(&rude));
    let ids =
        |texts: &HashMap<String, String>| -> BTreeSet<String> { texts.keys().cloned().collect() };
    assert_eq!(ids(&steady), ids(&rude), "two relays have other events");
    assert_eq!(steady.len(), due.len(), "one message has two events");
    for (id, text) in &steady {
        assert_eq!(Some(text), rude.get(id), "two relays have other bytes");
    }
}
