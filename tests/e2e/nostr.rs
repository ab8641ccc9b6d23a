//! What relays get, whatever they and the process do.

mod found;
mod joining;
mod unwilling;

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
    what_is_resent_has_the_same_bytes,
    what_every_relay_has_is_forgotten,
    a_changed_row_gets_no_signature,
    a_process_that_ends_in_the_middle_goes_on_where_it_was,
    what_no_head_covers_is_not_sent,
    only_the_process_that_leads_delivers,
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
    let deliverer = world.deliverer(LONG);
    (world, deliverer)
}

/// Lets time go by and the engine do what is due, then the deliverer.
async fn at(world: &mut World, deliverer: &mut RelayTask, unix: i64) {
    world.at(unix).await;
    deliverer.run_due().await.unwrap();
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
    let (mut world, mut deliverer) =
        world(backend, &format!("{series}{refunded}"), &[&relay]).await;
    deliverer.run_due().await.unwrap();
    assert_eq!(relay.kept(88).len(), 4);
    world.venues.set_fault("ppcbtc_a", Some(Fault::Down));
    at(&mut world, &mut deliverer, MATURITY + 61).await;
    world.venues.set_fault("ppcbtc_a", None);
    at(&mut world, &mut deliverer, MATURITY + 600).await;
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

async fn what_is_resent_has_the_same_bytes(backend: Backend) {
    let relay = Relay::start().await;
    let (mut world, mut deliverer) = world(backend, &format!("{CENTS}{MICROS}"), &[&relay]).await;
    // Keeps everything, and hangs up before it says so.
    relay.answers(|_| Reply::HangUp);
    deliverer.run_due().await.unwrap();
    for n in 1..8 {
        at(&mut world, &mut deliverer, SETTLED + LATER * n).await;
    }
    let sent = relay.received().len();
    assert!(sent >= 4, "{sent} sent");
    relay.answers(|_| Reply::Accept);
    for n in 8..12 {
        at(&mut world, &mut deliverer, SETTLED + LATER * n).await;
    }
    assert_eq!((relay.kept(88).len(), relay.kept(89).len()), (2, 2));
    // `duplicate:` counts as accepted.
    let sent = relay.received().len();
    at(&mut world, &mut deliverer, SETTLED + LATER * 20).await;
    assert_eq!(relay.received().len(), sent);
    relay.assert_sound();
}

async fn what_every_relay_has_is_forgotten(backend: Backend) {
    let relay = Relay::start().await;
    let refunded = CENTS
        .replace("btc-cents", "refunded")
        .replace("btcusd", "ppcbtc")
        .replace("announce_ahead", "give_up_after = \"61s\"\nannounce_ahead");
    let series = format!("{CENTS}{MICROS}{refunded}");
    let (mut world, mut deliverer) = world(backend, &series, &[&relay]).await;
    relay.answers(|event| match event.kind() {
        88 => Reply::Deny("pow: 25 bits"),
        _ => Reply::Accept,
    });
    deliverer.run_due().await.unwrap();
    world.venues.set_fault("ppcbtc_a", Some(Fault::Down));
    at(&mut world, &mut deliverer, MATURITY + 61).await;
    world.venues.set_fault("ppcbtc_a", None);
    at(&mut world, &mut deliverer, MATURITY + 600).await;
    assert_eq!((relay.kept(88).len(), relay.kept(89).len()), (0, 2));
    assert_eq!(world.database.count("outbox").await, 3, "announcements");
    relay.answers(|_| Reply::Accept);
    world.clock.advance(TimeDelta::hours(31));
    deliverer.run_due().await.unwrap();
    assert_eq!((relay.kept(88).len(), relay.kept(89).len()), (3, 2));
    assert_eq!(world.database.count("outbox").await, 0);
    // In the usual order, too.
    let second = Relay::start().await;
    drop(deliverer);
    let list = format!("[{:?}]\nbackfill = true", second.url());
    world.edit(&format!("[{:?}]", relay.url()), &list);
    world.deliverer(LONG).run_due().await.unwrap();
    assert_eq!(all(&second), all(&relay));
    assert_eq!(world.database.count("outbox").await, 0);
}

async fn a_changed_row_gets_no_signature(backend: Backend) {
    let relay = Relay::start().await;
    let (mut world, mut deliverer) = world(backend, &format!("{CENTS}{MICROS}"), &[&relay]).await;
    deliverer.run_due().await.unwrap();
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
    deliverer.run_due().await.unwrap();
    assert_eq!((relay.kept(88).len(), relay.received().len()), (2, 3));
    let [sent] = &relay.kept(89)[..] else {
        panic!("{:?}", relay.kept(89));
    };
    // A deletion of the announcement it points at.
    world
        .database
        .execute("UPDATE outbox SET kind = 5, due_ms = 0 WHERE follows IS NOT NULL")
        .await;
    deliverer.run_due().await.unwrap();
    assert_eq!(relay.received().len(), 3);
    assert_eq!(sent.kind(), 89);
    relay.assert_sound();
}

async fn a_process_that_ends_in_the_middle_goes_on_where_it_was(backend: Backend) {
    let relay = Relay::start().await;
    let maturities: Vec<i64> = (0..20).map(|n| MATURITY + 600 * n).collect();
    let (mut world, mut deliverer) = world(backend, &cents_at(&maturities), &[&relay]).await;
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
            _ = deliverer.run_due() => panic!("a silent relay was not waited for"),
            () = relay.wait_until(|received| received.len() > before + heard) => {}
        }
        drop(deliverer);
        world.stop().await;
        world.start().await.unwrap();
        world.run_due().await;
        deliverer = world.deliverer(LONG);
    }
    relay.answers(|_| Reply::Accept);
    deliverer.run_due().await.unwrap();
    assert_eq!(relay.kept(88).len(), 20);
    relay.assert_sound();
    at(&mut world, &mut deliverer, MATURITY + 600 * 19 + 60).await;
    assert_eq!(relay.kept(89).len(), 20);
    relay.assert_sound();
}

async fn what_no_head_covers_is_not_sent(backend: Backend) {
    let relay = Relay::start().await;
    let (mut world, mut deliverer) = world(backend, &format!("{CENTS}{MICROS}"), &[&relay]).await;
    deliverer.run_due().await.unwrap();
    assert_eq!(relay.kept(88).len(), 2);
    world.at(SETTLED).await;
    let (size, time_ms) = *world.database.heads().await.last().unwrap();
    let below: i64 = world.database.heads().await.iter().rev().nth(1).unwrap().0;
    let unpublished = usize::try_from(size - below).unwrap();
    world
        .database
        .execute(&format!("DELETE FROM head WHERE size = {size}"))
        .await;
    deliverer.run_due().await.unwrap();
    assert_eq!(relay.kept(89).len(), 2 - unpublished);
    world
        .database
        .execute(&format!(
            "INSERT INTO head (size, time_ms) VALUES ({size}, {time_ms})"
        ))
        .await;
    deliverer.run_due().await.unwrap();
    assert_eq!(relay.kept(89).len(), 2);
}

async fn only_the_process_that_leads_delivers(backend: Backend) {
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
        world.deliverer(LONG).run_due().await.unwrap();
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
