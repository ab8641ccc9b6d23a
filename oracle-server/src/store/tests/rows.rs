//! What is written is read back, and a row that nobody wrote is damaged and named.

use std::io::Write as _;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::writing::leg;
use super::*;
use crate::keys::{LegKey, Observed};
use crate::store::read::EventState;
use crate::store::{Attempt, ObservedExchange, RoundResult, StoreError};

laws! {
    events_are_read_back,
    rounds_are_read_back,
    evidence_is_read_back,
    what_is_published_is_read_back_to_the_byte,
    a_damaged_row_is_named,
}

async fn events_are_read_back(home: Home) {
    let digits = oracle_schema::DigitsDescriptor::new(2, true, "uUSD".to_owned(), 0, 20).unwrap();
    let events = [
        new_event("plain"),
        NewEvent {
            series: Some("s".to_owned()),
            kind: "digits",
            descriptor: Descriptor::Digits(digits),
            sole_outcomes: 3,
            search: Some("ärger".to_owned()),
            ..new_event("s@2026-11-22T16:00:00Z")
        },
    ];
    home.schedule(&events).await;
    let due = home
        .store
        .due_announcements(at(MATURITY), 10)
        .await
        .unwrap();
    for event in &events {
        let id = event.event_id.as_str();
        let seen = home
            .store
            .reader()
            .event(id, early())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(seen.event_id, event.event_id);
        assert_eq!(seen.kind, event.kind);
        assert_eq!(seen.series, event.series);
        assert_eq!(seen.state, EventState::Scheduled);
        assert_eq!(seen.maturity, event.maturity);
        assert_eq!(seen.attest_by, event.attest_by);
        assert_eq!(seen.announce_at, event.announce_at);
        assert_eq!(seen.descriptor, event.descriptor);
        assert_eq!(seen.policy_hash, event.policy_hash);
        let scheduled = due.iter().find(|e| e.event_id == event.event_id).unwrap();
        assert_eq!(scheduled.descriptor, event.descriptor);
        let standing = home.signed(event).standing;
        assert_eq!(scheduled.standing, standing);
    }
    assert_eq!(due.len(), events.len());
}

async fn rounds_are_read_back(home: Home) {
    let event = new_event("a");
    home.schedule(std::slice::from_ref(&event)).await;
    let store = &home.store;
    let due = store.due_rounds(at(MATURITY), 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].id.round_key, event.round_key);
    assert_eq!(due[0].id.maturity, event.maturity);
    assert_eq!(due[0].question, event.question);
    assert_eq!(due[0].attempts, 0);
    assert!(due[0].decided.is_none());
    assert!(
        store
            .due_rounds(at(MATURITY - 1), 10)
            .await
            .unwrap()
            .is_empty()
    );

    let later = at(MATURITY + 60);
    let pending = RoundResult::Pending {
        due: later,
        reason: "not yet".to_owned(),
    };
    store
        .finish_attempt(&due[0], &pending, at(MATURITY))
        .await
        .unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(event.announce_at));
    let due = store.due_rounds(later, 10).await.unwrap();
    assert_eq!(due[0].attempts, 1);

    let manifest =
        br#"{"decided_ms":1,"decision":{},"maturity":1,"observations":[],"version":1}"#.to_vec();
    let decided = RoundResult::Decided {
        decision: r#"{"price":"1"}"#.to_owned(),
        manifest_sha256: Sha256::digest(&manifest).into(),
        manifest: manifest.clone(),
        reason: None,
    };
    store
        .finish_attempt(&due[0], &decided, later)
        .await
        .unwrap();
    let round = store.decided_round(&due[0].id).await.unwrap().unwrap();
    let stands = round.decided.unwrap();
    assert_eq!(stands.decision, r#"{"price":"1"}"#);
    let reader = store.reader();
    let document = reader.manifest_document(&stands.manifest_sha256);
    assert_eq!(document.await.unwrap(), Some(manifest));
    // What was decided once stands.
    store
        .finish_attempt(&due[0], &pending, later)
        .await
        .unwrap();
    assert!(store.decided_round(&due[0].id).await.unwrap().is_some());
}

fn deflated(body: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn text() -> impl Strategy<Value = String> {
    // Postgres knows no NUL, and nothing that is kept has one.
    "[^\u{0}]{0,40}"
}

fn exchanges() -> impl Strategy<Value = ObservedExchange> {
    let times = (MATURITY * 1000..ATTEST_BY * 1000, 0_i64..90_000);
    let answer = (
        proptest::option::of(100_u16..600),
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..60)),
        any::<bool>(),
        proptest::option::of(any::<[u8; 32]>()),
        proptest::collection::vec((text(), text()), 0..3),
    );
    let read = (
        proptest::option::of(text()),
        proptest::option::of(any::<i64>()),
        proptest::option::of(text()),
        proptest::option::of(text()),
    );
    (times, text(), answer, read).prop_map(
        |((sent, took), url, (status, body, is_public, certificate, headers), read)| {
            let time = |ms| DateTime::from_timestamp_millis(ms).unwrap();
            let (literal, effective_at, detail, failure) = read;
            ObservedExchange {
                source: "kraken:XBTUSD".to_owned(),
                root: "kraken".to_owned(),
                url,
                posted: None,
                sent_at: time(sent),
                received_at: time(sent + took),
                status,
                headers: serde_json::to_string(&headers).unwrap(),
                sha256: body.as_ref().map(|body| Sha256::digest(body).into()),
                body: body.map(|body| deflated(&body)),
                is_public,
                keep_until: None,
                date: status.map(|_| time(sent / 1000 * 1000)),
                certificate,
                fact: None,
                literal,
                effective_at,
                verdict: "observation",
                detail,
                failure,
                adapter: "kraken/1".to_owned(),
            }
        },
    )
}

async fn evidence_is_read_back(home: Home) {
    let (store, reader) = (&home.store, home.store.reader());
    let mut runner = TestRunner::new(Config::with_cases(20));
    let number = AtomicU32::new(0);
    let some = proptest::collection::vec(exchanges(), 1..5);
    let law = async |exchanges: Vec<ObservedExchange>| {
        // A maturity of its own for each case.
        let number = number.fetch_add(1, Ordering::Relaxed);
        let maturity = Maturity::from_unix(MATURITY - i64::from(number)).unwrap();
        let attempt = Attempt {
            leg_key: leg(),
            maturity,
            exchanges,
            decision: None,
        };
        store.save_attempt(&attempt).await.unwrap();
        let key: LegKey = leg();
        let seen = reader.observations(Observed::Leg(&key, maturity), DateTime::UNIX_EPOCH);
        let seen = seen.await.unwrap();
        prop_assert_eq!(seen.len(), attempt.exchanges.len());
        for (seen, kept) in seen.iter().zip(&attempt.exchanges) {
            prop_assert_eq!(&seen.source, &kept.source);
            prop_assert_eq!(&seen.url, &kept.url);
            prop_assert_eq!(seen.sent_ms, kept.sent_at.timestamp_millis());
            prop_assert_eq!(seen.received_ms, kept.received_at.timestamp_millis());
            prop_assert_eq!(seen.status, kept.status);
            prop_assert_eq!(
                serde_json::to_string(&seen.headers).unwrap(),
                &*kept.headers
            );
            prop_assert_eq!(seen.date_ms, kept.date.map(|d| d.timestamp_millis()));
            prop_assert_eq!(&seen.certificate_sha256, &kept.certificate.map(hex::encode));
            prop_assert_eq!(&seen.sha256, &kept.sha256.map(hex::encode));
            prop_assert_eq!(&seen.literal, &kept.literal);
            prop_assert_eq!(seen.effective_at, kept.effective_at);
            prop_assert_eq!(&seen.detail, &kept.detail);
            prop_assert_eq!(&seen.failure, &kept.failure);
            prop_assert_eq!(&seen.verdict, kept.verdict);
            prop_assert_eq!(&seen.not_kept, &None);
            let Some(sha256) = kept.sha256.filter(|_| seen.public) else {
                continue;
            };
            let body = reader.evidence_body(&sha256).await.unwrap().unwrap();
            prop_assert_eq!(<[u8; 32]>::from(Sha256::digest(&body)), sha256);
        }
        Ok(())
    };
    let holds = |exchanges| block_in_place(|| Handle::current().block_on(law(exchanges)));
    runner.run(&some, holds).unwrap();
}

async fn what_is_published_is_read_back_to_the_byte(home: Home) {
    let event = new_event("a");
    home.schedule(std::slice::from_ref(&event)).await;
    let signed = home.signed(&event);
    let tlv = signed.tlv.clone();
    home.publish(&[signed]).await.unwrap();
    let reader = home.store.reader();
    let announced = reader.announcement("a").await.unwrap().unwrap();
    assert_eq!((announced.position, announced.tlv), (1, tlv));
    let candidate = home.candidate("a").await;
    assert_eq!(candidate.policy(), DOCUMENT);
    assert_eq!(candidate.policy_hash(), &policy_hash());
    home.attest("a", "not_above").await;
    let seen = reader.event("a", at(MATURITY)).await.unwrap().unwrap();
    assert_eq!(seen.state, EventState::Attested);
    assert_eq!(seen.outcome.as_deref(), Some("not_above"));
    assert_eq!(seen.announced_at, Some(announced.announced_at));
    assert_eq!(
        (seen.announcement_position, seen.attestation_position),
        (Some(1), Some(3))
    );
}

#[track_caller]
fn damaged<T: std::fmt::Debug>(answer: Result<T, StoreError>, names: &[&str]) {
    let Err(error) = answer else {
        panic!("{answer:?}");
    };
    assert!(error.is_damaged(), "{error}");
    let line = error.to_string();
    for name in names {
        assert!(line.contains(name), "{name} is not in: {line}");
    }
}

async fn a_damaged_row_is_named(home: Home) {
    let (store, reader) = (&home.store, home.store.reader());
    for id in ["state", "descriptor", "tlv", "hash", "intent"] {
        home.announce(id).await;
    }
    let unplanned = new_event("unplanned");
    home.schedule(std::slice::from_ref(&unplanned)).await;
    let now = at(MATURITY);

    // Whatever the verb is called: the store itself never writes such a state.
    let table = "event";
    let sql = format!("UPDATE {table} SET state = 'lost' WHERE event_id = 'state'");
    home.execute(&sql).await;
    damaged(
        reader.event("state", now).await,
        &["event state", "\"lost\""],
    );

    let broken = "UPDATE event SET descriptor = '{' WHERE event_id IN ('descriptor', 'unplanned')";
    home.execute(broken).await;
    damaged(reader.event("descriptor", now).await, &["event descriptor"]);
    let due = store.due_announcements(at(MATURITY), 10).await;
    damaged(due, &["event unplanned"]);

    home.execute("UPDATE announcement SET tlv = content_hash WHERE event_id = 'tlv'")
        .await;
    damaged(
        store.open_event("tlv", at(MATURITY)).await,
        &["event tlv", "announcement"],
    );

    let short = "UPDATE announcement SET content_hash = nonce_map WHERE event_id = 'hash'";
    home.execute(short).await;
    let names = ["event hash", "content_hash", "2 bytes"];
    damaged(store.open_event("hash", at(MATURITY)).await, &names);

    home.attest("intent", "above").await;
    home.execute("UPDATE intent SET messages = '[' WHERE event_id = 'intent'")
        .await;
    damaged(
        store.intents_after("", 10).await,
        &["intent of event intent", "messages"],
    );

    let exchanges = exchanges().prop_map(|mut exchange| {
        exchange.headers = "none".to_owned();
        exchange
    });
    let mut runner = TestRunner::deterministic();
    let tree = exchanges.new_tree(&mut runner).unwrap();
    let maturity = Maturity::from_unix(MATURITY).unwrap();
    let attempt = Attempt {
        leg_key: leg(),
        maturity,
        exchanges: vec![proptest::strategy::ValueTree::current(&tree)],
        decision: None,
    };
    store.save_attempt(&attempt).await.unwrap();
    let key = leg();
    let seen = reader.observations(Observed::Leg(&key, maturity), DateTime::UNIX_EPOCH);
    damaged(seen.await, &["observation of kraken:XBTUSD"]);

    let sql = "UPDATE round SET decision = 'x', manifest_sha256 = (SELECT nonce_map FROM \
               announcement LIMIT 1), due_ms = 0 WHERE round_key = 'price'";
    home.execute(sql).await;
    damaged(
        store.due_rounds(at(MATURITY), 10).await,
        &["round price", "manifest_sha256"],
    );
}
