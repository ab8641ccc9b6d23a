//! What relays get, whatever they and the process do.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::TimeDelta;
use ddk_messages::TlvRecord;
use ddk_messages::oracle_msgs::{OracleAnnouncement, OracleAttestation};
use futures::{SinkExt as _, StreamExt as _};
use oracle_feeds::loopback::Fault;
use oracle_server::follow::RelayTask;
use oracle_server::service::Options;
use oracle_server::store::Store;
use oracle_tests::database::{Backend, leave_out};
use oracle_tests::http;
use oracle_tests::market::btcusd_fixing_cents;
use oracle_tests::relay::{Event, Relay, Reply};
use oracle_tests::world::{World, event_id, instant};
use secp256k1_zkp::Secp256k1;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use crate::series::{CENTS, MATURITY, MICROS, SETTLED, cents_at, threshold};

laws! {
    every_announcement_and_attestation_arrives_once_and_others_read_it,
    a_dead_relay_gets_later_what_the_others_have,
    what_is_resent_has_the_same_bytes,
    a_refusal_is_asked_again_ever_more_rarely_and_blocks_nothing,
    a_message_refused_for_a_week_is_given_up,
    what_every_relay_has_is_forgotten,
    a_changed_row_gets_no_signature,
    a_relay_that_joins_in_pieces_gets_what_is_open,
    an_announcement_that_is_not_accepted_yet_holds_its_attestation_back,
    a_message_that_makes_the_relay_hang_up_keeps_no_other_back,
    a_relay_that_wants_less_is_left_alone_for_a_while,
    a_process_that_ends_in_the_middle_goes_on_where_it_was,
    a_silent_relay_delays_neither_an_attestation_nor_the_end,
    what_no_head_covers_is_not_sent,
    a_new_relay_gets_what_is_open_and_what_comes,
    a_new_relay_gets_everything_when_asked_to,
    an_attestation_points_at_its_announcement_whatever_the_kinds_are_now,
    only_the_process_that_leads_publishes,
    events_are_found_by_each_of_their_tags,
    a_reader_like_ddks_reads_both_messages_by_the_ids_that_are_told,
    what_was_published_before_there_were_tags_keeps_its_id,
    an_upgrade_with_other_kinds_keeps_the_ids_of_what_was_published,
    an_oracle_without_relays_tells_no_ids,
}

/// How long a relay may take in a test in which it does not hang.
const LONG: Duration = Duration::from_mins(1);
/// More than any wait after a failure.
const LATER: i64 = 800;

fn relays(relays: &[&Relay]) -> String {
    let urls: Vec<String> = relays.iter().map(|r| format!("{:?}", r.url())).collect();
    format!("\n[nostr]\nrelays = [{}]\n", urls.join(", "))
}

async fn world(backend: Backend, series: &str, to: &[&Relay]) -> (World, RelayTask) {
    let world = World::new(backend, &format!("{series}{}", relays(to))).await;
    let publisher = world.publisher(LONG);
    (world, publisher)
}

/// Lets time go by and the engine do what is due, then the publisher.
async fn at(world: &mut World, publisher: &mut RelayTask, unix: i64) {
    world.at(unix).await;
    publisher.run_due().await.unwrap();
}

fn ids(events: &[Event]) -> Vec<String> {
    events.iter().map(|e| e.id().to_owned()).collect()
}

fn all(relay: &Relay) -> HashSet<String> {
    let mut all = relay.kept(88);
    all.extend(relay.kept(89));
    all.into_iter().map(|e| e.text).collect()
}

async fn every_announcement_and_attestation_arrives_once_and_others_read_it(backend: Backend) {
    let relay = Relay::start().await;
    let series = format!("{CENTS}{MICROS}{}", threshold("ppc-option", "0.25"));
    let refunded = CENTS
        .replace("btc-cents", "refunded")
        .replace("btcusd", "ppcbtc")
        .replace("announce_ahead", "give_up_after = \"61s\"\nannounce_ahead");
    let (mut world, mut publisher) =
        world(backend, &format!("{series}{refunded}"), &[&relay]).await;
    publisher.run_due().await.unwrap();
    assert_eq!(relay.kept(88).len(), 4);
    world.venues.set_fault("ppcbtc_a", Some(Fault::Down));
    at(&mut world, &mut publisher, MATURITY + 61).await;
    world.venues.set_fault("ppcbtc_a", None);
    at(&mut world, &mut publisher, MATURITY + 600).await;
    assert_eq!((relay.kept(88).len(), relay.kept(89).len()), (4, 3));
    assert_eq!(relay.received().len(), 7, "something was sent twice");
    assert!(relay.pongs() > 0, "pings were not answered");
    relay.assert_sound();

    let secp = Secp256k1::new();
    let oracle = world.json("/v1/oracle").await;
    let announcements = relay.kept(88);
    let bytes = |event: &Event| {
        assert_eq!(event.json["pubkey"], oracle["public_key"]);
        BASE64
            .decode(event.json["content"].as_str().unwrap())
            .unwrap()
    };
    for event in &announcements {
        let read = OracleAnnouncement::from_tlv_bytes(&bytes(event)).unwrap();
        read.validate(&secp).unwrap();
        let id = &read.oracle_event.event_id;
        let served = world
            .get(&format!("/v1/announcements/{id}?format=tlv"))
            .await;
        assert_eq!(served.body, bytes(event));
        let shown = world.json(&format!("/v1/events/{id}")).await;
        assert_eq!(seconds(&shown["announced_at"]), event.json["created_at"]);
        assert_eq!(event.tag("d"), Some(id.as_str()));
        assert_eq!(shown["nostr"]["announcement"], event.id());
    }
    for event in relay.kept(89) {
        let read = OracleAttestation::from_tlv_bytes(&bytes(&event)).unwrap();
        let id = &read.event_id;
        let announced = announcements
            .iter()
            .find(|a| event.json["tags"][0] == json!(["e", a.id()]))
            .unwrap();
        let announced = OracleAnnouncement::from_tlv_bytes(&bytes(announced)).unwrap();
        assert_eq!(&announced.oracle_event.event_id, id);
        read.validate(&secp, &announced).unwrap();
        let served = world
            .get(&format!("/v1/attestations/{id}?format=rust-dlc"))
            .await;
        assert_eq!(served.body, bytes(&event));
        let shown = world.json(&format!("/v1/events/{id}")).await;
        assert_eq!(seconds(&shown["attested_at"]), event.json["created_at"]);
        assert_eq!(shown["nostr"]["attestation"], event.id());
    }
    read_with_nostr_tools(&world, &relay).await;
}

/// Another implementation reads what the relay got, where there is one.
async fn read_with_nostr_tools(world: &World, relay: &Relay) {
    let Ok(check) = std::env::var("ORACLE_TEST_NODE_CHECK") else {
        leave_out("reading events with nostr-tools: ORACLE_TEST_NODE_CHECK is not set");
        return;
    };
    let lines: Vec<String> = relay.received().into_iter().map(|e| e.text).collect();
    let file = world.dir().join("events.jsonl");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let output = tokio::process::Command::new("node")
        .arg(Path::new(&check).with_file_name("nostr.mjs"))
        .arg(file)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("4 announcements, 3 attestations"), "{said}");
}

fn seconds(time: &Value) -> i64 {
    chrono::DateTime::parse_from_rfc3339(time.as_str().unwrap())
        .unwrap()
        .timestamp()
}

async fn a_dead_relay_gets_later_what_the_others_have(backend: Backend) {
    let (dead, alive) = (Relay::start().await, Relay::start().await);
    dead.set_down(true);
    let (mut world, mut publisher) =
        world(backend, &format!("{CENTS}{MICROS}"), &[&dead, &alive]).await;
    publisher.run_due().await.unwrap();
    at(&mut world, &mut publisher, SETTLED).await;
    assert_eq!((alive.kept(88).len(), alive.kept(89).len()), (2, 2));
    assert!(dead.connections() > 0, "nobody tried");
    assert_eq!(dead.received(), []);
    // Tried again, but ever more rarely.
    for minute in 1..120 {
        world.set_time(SETTLED + 60 * minute);
        publisher.run_due().await.unwrap();
    }
    let tries = dead.connections();
    assert!((15..=30).contains(&tries), "{tries} tries in two hours");
    dead.set_down(false);
    world.set_time(SETTLED + 7200 + LATER);
    publisher.run_due().await.unwrap();
    assert_eq!(all(&dead), all(&alive));
    dead.assert_sound();
    alive.assert_sound();
}

async fn what_is_resent_has_the_same_bytes(backend: Backend) {
    let relay = Relay::start().await;
    let (mut world, mut publisher) = world(backend, &format!("{CENTS}{MICROS}"), &[&relay]).await;
    // Keeps everything, and hangs up before it says so.
    relay.answers(|_| Reply::HangUp);
    publisher.run_due().await.unwrap();
    for n in 1..8 {
        at(&mut world, &mut publisher, SETTLED + LATER * n).await;
    }
    let sent = relay.received().len();
    assert!(sent >= 4, "{sent} sent");
    relay.answers(|_| Reply::Accept);
    for n in 8..12 {
        at(&mut world, &mut publisher, SETTLED + LATER * n).await;
    }
    assert_eq!((relay.kept(88).len(), relay.kept(89).len()), (2, 2));
    // `duplicate:` counts as accepted.
    let sent = relay.received().len();
    at(&mut world, &mut publisher, SETTLED + LATER * 20).await;
    assert_eq!(relay.received().len(), sent);
    relay.assert_sound();
}

async fn a_refusal_is_asked_again_ever_more_rarely_and_blocks_nothing(backend: Backend) {
    let (strict, other) = (Relay::start().await, Relay::start().await);
    let (mut world, mut publisher) =
        world(backend, &format!("{CENTS}{MICROS}"), &[&strict, &other]).await;
    publisher.run_due().await.unwrap();
    let unwanted = ids(&other.kept(88))[0].clone();
    // A relay that is new to the oracle and dislikes one announcement.
    drop(publisher);
    let picky = Relay::start().await;
    let id = unwanted.clone();
    picky.answers(move |event| {
        if event.id() == id {
            Reply::Deny("blocked: not that one")
        } else {
            Reply::Accept
        }
    });
    world.edit(&strict.url(), &picky.url());
    let mut publisher = world.publisher(LONG);
    publisher.run_due().await.unwrap();
    let asked = |relay: &Relay| {
        relay
            .received()
            .iter()
            .filter(|e| e.id() == unwanted)
            .count()
    };
    assert_eq!((picky.kept(88).len(), asked(&picky)), (1, 1));
    let mut asked_at = world.now();
    // Its attestation does not wait for what will not come.
    at(&mut world, &mut publisher, SETTLED).await;
    assert_eq!(picky.kept(89).len(), 2);
    // The hour after the first refusal may or may not be over by now.
    let mut asked_before = asked(&picky);
    if asked_before > 1 {
        asked_at = world.now();
    }
    let mut wait_h = 1 << (asked_before - 1);
    while wait_h < 24 {
        let before = asked_at + wait_h * 3600 - 60;
        world.set_time(before.max(world.now()));
        publisher.run_due().await.unwrap();
        assert_eq!(asked(&picky), asked_before, "before {wait_h} h");
        asked_at += wait_h * 3600 * 5 / 4 + 60;
        world.set_time(asked_at);
        publisher.run_due().await.unwrap();
        asked_before += 1;
        assert_eq!(asked(&picky), asked_before, "after {wait_h} h");
        wait_h *= 2;
    }
    let refused_at = world.now();
    picky.answers(|_| Reply::Accept);
    world.set_time(refused_at + 31 * 3600);
    publisher.run_due().await.unwrap();
    assert_eq!(all(&picky), all(&other));
    picky.assert_sound();
}

async fn a_message_refused_for_a_week_is_given_up(backend: Backend) {
    let relay = Relay::start().await;
    let (world, mut publisher) = world(backend, CENTS, &[&relay]).await;
    relay.answers(|_| Reply::Deny("blocked: no"));
    for _ in 0..20 {
        publisher.run_due().await.unwrap();
        world.clock.advance(TimeDelta::hours(31));
    }
    assert_eq!(relay.received().len(), 12);
    // Not even by a start after a clock that was wrong.
    drop(publisher);
    relay.answers(|_| Reply::Accept);
    let mut publisher = world.publisher(LONG);
    publisher.run_due().await.unwrap();
    assert_eq!(relay.received().len(), 12);
    let store = Store::open(&world.config().store_url, false).await.unwrap();
    let backlog = store.backlog(&relay.url()).await.unwrap();
    assert_eq!((backlog.waiting, backlog.refused), (0, 1));
    store.close().await;
}

async fn what_every_relay_has_is_forgotten(backend: Backend) {
    let relay = Relay::start().await;
    let refunded = CENTS
        .replace("btc-cents", "refunded")
        .replace("btcusd", "ppcbtc")
        .replace("announce_ahead", "give_up_after = \"61s\"\nannounce_ahead");
    let series = format!("{CENTS}{MICROS}{refunded}");
    let (mut world, mut publisher) = world(backend, &series, &[&relay]).await;
    relay.answers(|event| match event.kind() {
        88 => Reply::Deny("pow: 25 bits"),
        _ => Reply::Accept,
    });
    publisher.run_due().await.unwrap();
    world.venues.set_fault("ppcbtc_a", Some(Fault::Down));
    at(&mut world, &mut publisher, MATURITY + 61).await;
    world.venues.set_fault("ppcbtc_a", None);
    at(&mut world, &mut publisher, MATURITY + 600).await;
    assert_eq!((relay.kept(88).len(), relay.kept(89).len()), (0, 2));
    assert_eq!(world.database.count("outbox").await, 3, "announcements");
    relay.answers(|_| Reply::Accept);
    world.clock.advance(TimeDelta::hours(31));
    publisher.run_due().await.unwrap();
    assert_eq!((relay.kept(88).len(), relay.kept(89).len()), (3, 2));
    assert_eq!(world.database.count("outbox").await, 0);
    // In the usual order, too.
    let second = Relay::start().await;
    drop(publisher);
    let list = format!("[{:?}]\nbackfill = true", second.url());
    world.edit(&format!("[{:?}]", relay.url()), &list);
    world.publisher(LONG).run_due().await.unwrap();
    assert_eq!(all(&second), all(&relay));
    assert_eq!(world.database.count("outbox").await, 0);
}

async fn a_changed_row_gets_no_signature(backend: Backend) {
    let relay = Relay::start().await;
    let (mut world, mut publisher) = world(backend, &format!("{CENTS}{MICROS}"), &[&relay]).await;
    publisher.run_due().await.unwrap();
    world.at(SETTLED).await;
    // Each is the oracle's own; together they are not what it said.
    let cents = event_id("btc-cents", MATURITY);
    world
        .database
        .execute(&format!(
            "UPDATE attestation SET tlv = \
             (SELECT tlv FROM attestation WHERE event_id <> '{cents}') \
             WHERE event_id = '{cents}'"
        ))
        .await;
    publisher.run_due().await.unwrap();
    assert_eq!((relay.kept(88).len(), relay.received().len()), (2, 3));
    let [sent] = &relay.kept(89)[..] else {
        panic!("{:?}", relay.kept(89));
    };
    // A deletion of the announcement it points at.
    world
        .database
        .execute("UPDATE outbox SET kind = 5, due_ms = 0 WHERE follows IS NOT NULL")
        .await;
    publisher.run_due().await.unwrap();
    assert_eq!(relay.received().len(), 3);
    assert_eq!(sent.kind(), 89);
    relay.assert_sound();
}

async fn a_relay_that_joins_in_pieces_gets_what_is_open(backend: Backend) {
    let (first, second) = (Relay::start().await, Relay::start().await);
    let maturities: Vec<i64> = (0..12).map(|n| MATURITY + 600 * n).collect();
    let (mut world, mut publisher) = world(backend, &cents_at(&maturities), &[&first]).await;
    publisher.run_due().await.unwrap();
    at(&mut world, &mut publisher, SETTLED).await;
    assert_eq!((first.kept(88).len(), first.kept(89).len()), (12, 1));
    // A process that ends in the middle of it.
    let url = second.url();
    let store = Store::open(&world.config().store_url, false).await.unwrap();
    let backlog = async || store.backlog(&url).await.unwrap().waiting;
    for queued in [0, 4, 8] {
        let more = store.join_relay(&url, false, 4, instant(world.now()));
        assert!(more.await.unwrap());
        assert_eq!(backlog().await, queued);
        // Nothing else is queued meanwhile.
        let filled = store.fill_outbox(&url, 4, instant(world.now()));
        assert!(!filled.await.unwrap());
        assert_eq!(backlog().await, queued);
    }
    store.close().await;
    at(&mut world, &mut publisher, MATURITY + 660).await;
    world.edit(&first.url(), &second.url());
    let mut publisher = world.publisher(LONG);
    publisher.run_due().await.unwrap();
    assert_eq!((second.kept(88).len(), second.kept(89).len()), (11, 1));
    at(&mut world, &mut publisher, MATURITY + 600 * 11 + 60).await;
    assert_eq!((second.kept(88).len(), second.kept(89).len()), (11, 11));
    second.assert_sound();
}

async fn an_announcement_that_is_not_accepted_yet_holds_its_attestation_back(backend: Backend) {
    let relay = Relay::start().await;
    let (mut world, mut publisher) = world(backend, &format!("{CENTS}{MICROS}"), &[&relay]).await;
    relay.answers(|event| match event.kind() {
        88 => Reply::Deny("error: disk full"),
        _ => Reply::Accept,
    });
    publisher.run_due().await.unwrap();
    for n in 0..4 {
        at(&mut world, &mut publisher, SETTLED + LATER * n).await;
    }
    assert!(relay.received().iter().all(|e| e.kind() == 88));
    relay.answers(|_| Reply::Accept);
    at(&mut world, &mut publisher, SETTLED + LATER * 4).await;
    assert_eq!((relay.kept(88).len(), relay.kept(89).len()), (2, 2));
    relay.assert_sound();
}

async fn a_message_that_makes_the_relay_hang_up_keeps_no_other_back(backend: Backend) {
    let relay = Relay::start().await;
    let maturities: Vec<i64> = (0..12).map(|n| MATURITY + 600 * n).collect();
    let (world, mut publisher) = world(backend, &cents_at(&maturities), &[&relay]).await;
    let poison = event_id("btc-cents", maturities[3]).to_string();
    let poison = BASE64.encode(
        world
            .get(&format!("/v1/announcements/{poison}?format=tlv"))
            .await
            .body,
    );
    let content = poison.clone();
    relay.answers(move |event| {
        if event.json["content"].as_str() == Some(&content) {
            Reply::HangUp
        } else {
            Reply::Accept
        }
    });
    for _ in 0..6 {
        publisher.run_due().await.unwrap();
        world.clock.advance(TimeDelta::seconds(LATER));
    }
    let accepted: Vec<Event> = relay
        .kept(88)
        .into_iter()
        .filter(|e| e.json["content"].as_str() != Some(&poison))
        .collect();
    assert_eq!(accepted.len(), 11);
    relay.assert_sound();
}

async fn a_relay_that_wants_less_is_left_alone_for_a_while(backend: Backend) {
    let relay = Relay::start().await;
    let maturities: Vec<i64> = (0..40).map(|n| MATURITY + 600 * n).collect();
    let (world, mut publisher) = world(backend, &cents_at(&maturities), &[&relay]).await;
    relay.answers(|_| Reply::Deny("rate-limited: slow down"));
    publisher.run_due().await.unwrap();
    let sent = relay.received().len();
    assert!(
        sent <= 2,
        "{sent} events to a relay that said no to the first"
    );
    relay.answers(|_| Reply::Accept);
    publisher.run_due().await.unwrap();
    assert_eq!(relay.received().len(), sent, "not left alone");
    // However many of a batch are too many, it is one sign to wait.
    let kept = AtomicUsize::new(0);
    relay.answers(move |_| match kept.fetch_add(1, Ordering::Relaxed) {
        0..10 => Reply::Accept,
        _ => Reply::Deny("rate-limited: slow down"),
    });
    world.clock.advance(TimeDelta::seconds(LATER));
    publisher.run_due().await.unwrap();
    let sent = relay.received().len();
    assert_eq!(relay.kept(88).len(), 10);
    world.clock.advance(TimeDelta::seconds(2));
    publisher.run_due().await.unwrap();
    assert!(relay.received().len() > sent, "left alone for too long");
    relay.answers(|_| Reply::Accept);
    world.clock.advance(TimeDelta::seconds(LATER));
    publisher.run_due().await.unwrap();
    assert_eq!(relay.kept(88).len(), 40);
    relay.assert_sound();
}

async fn a_process_that_ends_in_the_middle_goes_on_where_it_was(backend: Backend) {
    let relay = Relay::start().await;
    let maturities: Vec<i64> = (0..20).map(|n| MATURITY + 600 * n).collect();
    let (mut world, mut publisher) = world(backend, &cents_at(&maturities), &[&relay]).await;
    for heard in [1, 4, 9] {
        // The last one is kept, and nobody is told.
        let kept = AtomicUsize::new(0);
        relay.answers(move |_| {
            if kept.fetch_add(1, Ordering::Relaxed) < heard {
                Reply::Accept
            } else {
                Reply::Silence
            }
        });
        let before = relay.received().len();
        tokio::select! {
            _ = publisher.run_due() => panic!("a silent relay was not waited for"),
            () = relay.wait_until(|received| received.len() > before + heard) => {}
        }
        drop(publisher);
        world.stop().await;
        world.start().await.unwrap();
        world.run_due().await;
        publisher = world.publisher(LONG);
    }
    relay.answers(|_| Reply::Accept);
    publisher.run_due().await.unwrap();
    assert_eq!(relay.kept(88).len(), 20);
    relay.assert_sound();
    at(&mut world, &mut publisher, MATURITY + 600 * 19 + 60).await;
    assert_eq!(relay.kept(89).len(), 20);
    relay.assert_sound();
}

async fn a_silent_relay_delays_neither_an_attestation_nor_the_end(backend: Backend) {
    let relay = Relay::start().await;
    relay.answers(|_| Reply::Silence);
    let mut world = World::create(backend, &format!("{CENTS}{}", relays(&[&relay]))).await;
    let running = world.run(Options::default()).await.unwrap();
    relay.wait_until(|received| !received.is_empty()).await;
    let id = event_id("btc-cents", MATURITY);
    world.clock.set(instant(SETTLED));
    let client = http::client(&format!("http://{}", running.public));
    // Less than the relay's time to answer.
    let attested = client.wait(&id, Duration::from_secs(20)).await.unwrap();
    assert_eq!(
        attested.outcome_text(),
        btcusd_fixing_cents(MATURITY).to_string()
    );
    let ready = http::get(&format!("http://{}", running.public), "/readyz", &[]).await;
    assert_ne!(ready.status, 503);
    let metrics = http::get(&format!("http://{}", running.admin), "/metrics", &[]).await;
    let metrics = String::from_utf8(metrics.body).unwrap();
    let depth = format!("oracle_nostr_outbox_depth{{relay=\"{}\"}} 1", relay.url());
    assert!(metrics.contains(&depth), "{metrics}");
    timeout(Duration::from_secs(20), running.stop())
        .await
        .expect("the relay keeps the service from ending")
        .unwrap();
    // It had not heard of the outcome; it does now.
    relay.answers(|_| Reply::Accept);
    world.database.wait_until_free().await;
    world.start().await.unwrap();
    let mut publisher = world.publisher(LONG);
    publisher.run_due().await.unwrap();
    assert_eq!((relay.kept(88).len(), relay.kept(89).len()), (1, 1));
    relay.assert_sound();
}

async fn what_no_head_covers_is_not_sent(backend: Backend) {
    let relay = Relay::start().await;
    let (mut world, mut publisher) = world(backend, &format!("{CENTS}{MICROS}"), &[&relay]).await;
    publisher.run_due().await.unwrap();
    assert_eq!(relay.kept(88).len(), 2);
    world.at(SETTLED).await;
    let (size, time_ms) = *world.database.heads().await.last().unwrap();
    let below: i64 = world.database.heads().await.iter().rev().nth(1).unwrap().0;
    let unpublished = usize::try_from(size - below).unwrap();
    world
        .database
        .execute(&format!("DELETE FROM head WHERE size = {size}"))
        .await;
    publisher.run_due().await.unwrap();
    assert_eq!(relay.kept(89).len(), 2 - unpublished);
    world
        .database
        .execute(&format!(
            "INSERT INTO head (size, time_ms) VALUES ({size}, {time_ms})"
        ))
        .await;
    publisher.run_due().await.unwrap();
    assert_eq!(relay.kept(89).len(), 2);
}

/// An oracle with a past: one event attested, one announced.
async fn with_a_past(backend: Backend) -> (World, Relay, Relay) {
    let (first, second) = (Relay::start().await, Relay::start().await);
    let (mut world, mut publisher) =
        world(backend, &cents_at(&[MATURITY, MATURITY + 7200]), &[&first]).await;
    publisher.run_due().await.unwrap();
    at(&mut world, &mut publisher, SETTLED).await;
    assert_eq!((first.kept(88).len(), first.kept(89).len()), (2, 1));
    (world, first, second)
}

async fn a_new_relay_gets_what_is_open_and_what_comes(backend: Backend) {
    let (mut world, first, second) = with_a_past(backend).await;
    world.edit(
        &format!("{:?}", first.url()),
        &format!("{:?}, {:?}", first.url(), second.url()),
    );
    let mut publisher = world.publisher(LONG);
    publisher.run_due().await.unwrap();
    assert_eq!((second.kept(88).len(), second.kept(89).len()), (1, 0));
    at(&mut world, &mut publisher, MATURITY + 7260).await;
    assert_eq!((first.kept(88).len(), first.kept(89).len()), (2, 2));
    assert_eq!((second.kept(88).len(), second.kept(89).len()), (1, 1));
    assert!(all(&second).is_subset(&all(&first)));
    second.assert_sound();
    assert_eq!(
        first.received().len(),
        4,
        "the old relay got something twice"
    );
}

async fn a_new_relay_gets_everything_when_asked_to(backend: Backend) {
    let (mut world, first, second) = with_a_past(backend).await;
    let list = format!("[{:?}, {:?}]\nbackfill = true", first.url(), second.url());
    world.edit(&format!("[{:?}]", first.url()), &list);
    let mut publisher = world.publisher(LONG);
    publisher.run_due().await.unwrap();
    assert_eq!(all(&second), all(&first));
    at(&mut world, &mut publisher, MATURITY + 7260).await;
    assert_eq!((second.kept(88).len(), second.kept(89).len()), (2, 2));
    assert_eq!(all(&second), all(&first));
    second.assert_sound();
}

async fn an_attestation_points_at_its_announcement_whatever_the_kinds_are_now(backend: Backend) {
    let relay = Relay::start().await;
    let (mut world, mut publisher) = world(backend, CENTS, &[&relay]).await;
    publisher.run_due().await.unwrap();
    drop(publisher);
    world.edit(
        "[nostr]",
        "[nostr]\nannouncement_kind = 1088\nattestation_kind = 1089",
    );
    let mut publisher = world.publisher(LONG);
    publisher.run_due().await.unwrap();
    at(&mut world, &mut publisher, SETTLED).await;
    let (announced, attested) = (relay.kept(88), relay.kept(1089));
    assert_eq!((announced.len(), attested.len()), (1, 1));
    assert_eq!(attested[0].json["tags"][0][1], announced[0].id());
    relay.assert_sound();
    // For every relay, and for who asks the oracle, the ids are these.
    let second = Relay::start().await;
    let list = format!("[{:?}]\nbackfill = true", second.url());
    world.edit(&format!("[{:?}]", relay.url()), &list);
    world.publisher(LONG).run_due().await.unwrap();
    assert_eq!(ids(&second.kept(88)), ids(&announced));
    assert_eq!(ids(&second.kept(1089)), ids(&attested));
    let shown = world.json(&path("btc-cents")).await;
    assert_eq!(shown["nostr"]["announcement"], announced[0].id());
    assert_eq!(shown["nostr"]["attestation"], attested[0].id());
}

async fn only_the_process_that_leads_publishes(backend: Backend) {
    let relay = Relay::start().await;
    // Whoever publishes first publishes everything.
    let section = format!("{}backfill = true\n", relays(&[&relay]));
    let mut world = World::new(backend, &format!("{CENTS}{section}")).await;
    let reading = Options {
        read_only: true,
        ..Options::default()
    };
    let reader = world.run(reading).await.unwrap();
    let standby = if backend == Backend::Postgres {
        world.join("data/second-journal").await.unwrap();
        Some(world.run(Options::default()).await.unwrap())
    } else {
        None
    };
    let url = format!("http://{}", reader.public);
    let id = event_id("btc-cents", MATURITY);
    world.at(SETTLED).await;
    http::client(&url).wait(&id, LONG).await.unwrap();
    if let Some(standby) = &standby {
        let url = format!("http://{}", standby.public);
        http::client(&url).wait(&id, LONG).await.unwrap();
    }
    // They have seen the attestation, and told the relay of nothing.
    assert_eq!(relay.connections(), 0);
    world.stop().await;
    if let Some(standby) = standby {
        relay.wait_until(|received| received.len() == 2).await;
        standby.stop().await.unwrap();
    } else {
        world.start().await.unwrap();
        world.publisher(LONG).run_due().await.unwrap();
        world.stop().await;
    }
    reader.stop().await.unwrap();
    assert_eq!((relay.kept(88).len(), relay.kept(89).len()), (1, 1));
    assert_eq!(relay.received().len(), 2);
    relay.assert_sound();
}

/// `/v1/events/{id}` of a series' event at the maturity.
fn path(series: &str) -> String {
    format!("/v1/events/{}", event_id(series, MATURITY))
}

/// What a stranger gets from a relay for one filter.
async fn asked(relay: &Relay, filter: Value) -> Vec<Value> {
    let url = relay.url();
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut socket, _) = client_async(&url, stream).await.unwrap();
    let request = json!(["REQ", "here", filter]).to_string();
    socket.send(Message::text(request)).await.unwrap();
    let mut events = Vec::new();
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message.unwrap() else {
            continue;
        };
        let mut message: Value = serde_json::from_str(&text).unwrap();
        match message[0].as_str().unwrap() {
            "EVENT" => events.push(message[2].take()),
            "EOSE" => return events,
            _ => {}
        }
    }
    panic!("the relay hung up");
}

async fn events_are_found_by_each_of_their_tags(backend: Backend) {
    let relay = Relay::start().await;
    let titled = MICROS.replace(
        "announce_ahead",
        "title = \"{price} \\\"fixing\\\" at {maturity} in \\\\ {unit}, für ₿\"\nannounce_ahead",
    );
    let series = format!("{CENTS}{titled}{}", threshold("ppc-option", "0.25"));
    let (mut world, mut publisher) = world(backend, &series, &[&relay]).await;
    publisher.run_due().await.unwrap();
    at(&mut world, &mut publisher, SETTLED).await;
    relay.assert_sound();
    let shown = world.json(&path("ppc-micros")).await;
    let hash = shown["policy_hash"].clone();
    let day = (MATURITY / 86_400).to_string();
    let (cents, micros, option) = ("btc-cents", "ppc-micros", "ppc-option");
    for (filter, of) in [
        (json!({"#d": [shown["event_id"]]}), &[micros][..]),
        (json!({"#t": ["digits"]}), &[cents, micros]),
        (json!({"#t": ["threshold"]}), &[option]),
        (json!({"#s": [micros, option]}), &[micros, option]),
        (json!({"#n": ["PPCUSD"]}), &[micros, option]),
        (json!({"#n": ["BTC"]}), &[cents]),
        (json!({"#n": ["USD"], "#t": ["digits"]}), &[cents, micros]),
        (json!({"#x": [hash]}), &[micros]),
        (json!({"#D": [day]}), &[cents, micros, option]),
        (json!({"#D": ["1"]}), &[]),
    ] {
        for kind in [88, 89] {
            let mut filter = filter.clone();
            filter["kinds"] = json!([kind]);
            filter["authors"] = json!([world.json("/v1/oracle").await["public_key"]]);
            let found: BTreeSet<String> = asked(&relay, filter.clone())
                .await
                .iter()
                .map(|event| tag(event, "s").unwrap().to_owned())
                .collect();
            let of: BTreeSet<String> = of.iter().map(|s| (*s).to_owned()).collect();
            assert_eq!(found, of, "{filter}");
        }
    }
    let found = asked(&relay, json!({"ids": [shown["nostr"]["announcement"]]})).await;
    let title = "ppcusd \"fixing\" at 2026-11-22T15:30:00Z in \\ uUSD/PPC, für ₿";
    assert_eq!(shown["title"], title);
    assert_eq!(tag(&found[0], "title"), Some(title));
    assert_eq!(tag(&found[0], "maturity"), Some(&*MATURITY.to_string()));
    let announcement = &shown["nostr"]["announcement"];
    let found = asked(&relay, json!({"#e": [announcement]})).await;
    assert_eq!(found[0]["id"], shown["nostr"]["attestation"]);
}

fn tag<'a>(event: &'a Value, name: &str) -> Option<&'a str> {
    let tags = event["tags"].as_array()?;
    tags.iter().find(|tag| tag[0] == name)?[1].as_str()
}

/// What ddk's `NostrOracle` does: it subscribes to both kinds, keeps by its Nostr id whatever
/// it can decode, and answers questions for such ids. The decoding is ddk's own.
async fn a_reader_like_ddks_reads_both_messages_by_the_ids_that_are_told(backend: Backend) {
    let relay = Relay::start().await;
    let (mut world, mut publisher) = world(backend, CENTS, &[&relay]).await;
    let since = world.now();
    publisher.run_due().await.unwrap();
    at(&mut world, &mut publisher, SETTLED).await;
    let (mut announcements, mut attestations) = (HashMap::new(), HashMap::new());
    for event in asked(&relay, json!({"kinds": [88, 89], "since": since})).await {
        let id = event["id"].as_str().unwrap().to_owned();
        let content = BASE64.decode(event["content"].as_str().unwrap()).unwrap();
        if event["kind"] == 88 {
            let read = OracleAnnouncement::from_tlv_bytes_or_legacy(&content).unwrap();
            announcements.insert(id, read);
        } else {
            let read = OracleAttestation::from_tlv_bytes_or_legacy(&content).unwrap();
            attestations.insert(id, read);
        }
    }
    // The service tells the ids, and so does the mount for kormir's readers.
    let rows = world.json("/compat/kormir/list-events").await;
    let told = world.json(&path("btc-cents")).await["nostr"].take();
    assert_eq!(rows[0]["announcement_event_id"], told["announcement"]);
    assert_eq!(rows[0]["attestation_event_id"], told["attestation"]);
    let announcement = &announcements[told["announcement"].as_str().unwrap()];
    let attestation = &attestations[told["attestation"].as_str().unwrap()];
    assert_eq!(attestation.event_id, announcement.oracle_event.event_id);
    let secp = Secp256k1::new();
    announcement.validate(&secp).unwrap();
    attestation.validate(&secp, announcement).unwrap();
}

async fn what_was_published_before_there_were_tags_keeps_its_id(backend: Backend) {
    let relay = Relay::start().await;
    let (mut world, mut publisher) =
        world(backend, &cents_at(&[MATURITY, MATURITY + 7200]), &[&relay]).await;
    // As an earlier release published: no tags, no eras.
    world
        .database
        .execute("INSERT INTO nostr_era VALUES (0, 88, 89, 0)")
        .await;
    relay.answers(|_| Reply::HangUp);
    publisher.run_due().await.unwrap();
    let sent = relay.received().len();
    assert!(sent > 0);
    drop(publisher);
    world.database.execute("DELETE FROM nostr_era").await;
    relay.answers(|_| Reply::Accept);
    world.clock.advance(TimeDelta::seconds(LATER));
    let mut publisher = world.publisher(LONG);
    publisher.run_due().await.unwrap();
    // What is sent again, or for the first time, is what it would have been.
    let before = relay.kept(88);
    assert_eq!(before.len(), 2);
    assert!(before.iter().all(|e| e.json["tags"] == json!([])));
    relay.assert_sound();
    let shown = world.json(&path("btc-cents")).await;
    assert!(ids(&before).contains(&shown["nostr"]["announcement"].as_str().unwrap().to_owned()));
    // What is published from then on has tags, and points at what there is.
    at(&mut world, &mut publisher, SETTLED).await;
    let [attested] = &relay.kept(89)[..] else {
        panic!("{:?}", relay.kept(89));
    };
    assert_eq!(shown["nostr"]["announcement"], attested.json["tags"][0][1]);
    assert_eq!(attested.tag("s"), Some("btc-cents"));
    let shown = world.json(&path("btc-cents")).await;
    assert_eq!(shown["nostr"]["attestation"], attested.id());
    // So it is for another relay, and for another start.
    drop(publisher);
    world.stop().await;
    world.start().await.unwrap();
    let second = Relay::start().await;
    let list = format!("[{:?}, {:?}]\nbackfill = true", relay.url(), second.url());
    world.edit(&format!("[{:?}]", relay.url()), &list);
    let received = relay.received().len();
    world.publisher(LONG).run_due().await.unwrap();
    assert_eq!(all(&second), all(&relay));
    assert_eq!(relay.received().len(), received, "something was sent twice");
}

async fn an_upgrade_with_other_kinds_keeps_the_ids_of_what_was_published(backend: Backend) {
    let relay = Relay::start().await;
    let (world, mut publisher) = world(backend, CENTS, &[&relay]).await;
    // As an earlier release published, and left it: no tags, no eras.
    world
        .database
        .execute("INSERT INTO nostr_era VALUES (0, 88, 89, 0)")
        .await;
    publisher.run_due().await.unwrap();
    let sent = ids(&relay.kept(88));
    assert_eq!(sent.len(), 1);
    drop(publisher);
    world.database.execute("DELETE FROM nostr_era").await;
    let list = format!("[{:?}]", relay.url());
    let kinds = "announcement_kind = 1088\nattestation_kind = 1089";
    world.edit(&list, &format!("{list}\n{kinds}"));
    world.publisher(LONG).run_due().await.unwrap();
    let told = world.json(&path("btc-cents")).await["nostr"]["announcement"].take();
    assert_eq!(told, *sent[0]);
}

async fn an_oracle_without_relays_tells_no_ids(backend: Backend) {
    let world = World::new(backend, CENTS).await;
    assert_eq!(world.json(&path("btc-cents")).await["nostr"], Value::Null);
    let rows = world.json("/compat/kormir/list-events").await;
    assert_eq!(rows[0]["announcement_event_id"], Value::Null);
    let listed = world.json("/v1/events").await;
    assert!(listed["events"][0].get("nostr").is_none());
}
