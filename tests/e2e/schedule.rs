//! What readers are told of events that are not announced yet, and of the log by hours.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use oracle_client::points::{Selection, adaptor_points};
use oracle_client::{Client, Mirror, Options};
use oracle_schema::hour::{Hour, ProvenHour};
use oracle_schema::log_entry::LogEntry;
use oracle_schema::tlog::NoteKey;
use oracle_schema::tlog::tree::Appended;
use oracle_tests::database::Backend;
use oracle_tests::market::START;
use oracle_tests::world::{World, event_id, instant};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

use crate::series::{CENTS, MATURITY};

laws! {
    an_event_of_a_series_is_known_before_it_is_announced,
    a_series_says_when_it_announces_and_keeps_to_it,
    every_entry_of_the_log_is_in_exactly_one_hour,
    an_hour_that_is_over_never_changes,
    what_the_log_says_of_a_time_ahead_is_found_all_the_same,
    an_event_that_was_made_before_the_schedule_changed_is_on_one_page,
    a_wallet_that_takes_hours_settles_and_no_request_names_its_event,
}

/// Every hour, announced twenty minutes ahead.
const HOURLY: &str = r#"
[[series]]
id = "ppc-hourly"
kind = "threshold"
title = "PPC/USD above 0.25 at {maturity}"
price = "ppcusd"
above = "0.25"
every = "1h"
announce_ahead = "20m"
"#;
/// The first maturity that is not announced at the start.
const NEXT: i64 = START + 3600;

async fn world(backend: Backend) -> World {
    World::new(backend, &format!("{CENTS}{HOURLY}")).await
}

async fn an_event_of_a_series_is_known_before_it_is_announced(backend: Backend) {
    let mut world = world(backend).await;
    world.at(NEXT - 1260).await;
    let id = event_id("ppc-hourly", NEXT);
    let places = [
        format!("/v1/events/{id}"),
        format!("/v1/events/{id}/bundle"),
        format!("/v1/announcements/{id}"),
        format!("/v1/attestations/{id}"),
        format!("/v1/attestations/{id}?wait=1"),
    ];
    for path in &places {
        let answer = world.get(path).await;
        assert_eq!(answer.problem(), "not-announced", "{path}");
        assert_eq!(answer.header("retry-after"), "61", "{path}");
    }
    // Names that the series never gives: between two maturities, behind the time, written
    // otherwise, and of nobody.
    let unknown = [
        event_id("ppc-hourly", NEXT + 1).to_string(),
        event_id("ppc-hourly", NEXT - 7200).to_string(),
        id.as_str().replace('Z', "+00:00"),
        event_id("ppc-daily", NEXT).to_string(),
        // Its series lists one maturity, and not this.
        event_id("btc-cents", MATURITY - 3600).to_string(),
    ];
    for id in &unknown {
        let answer = world.get(&format!("/v1/attestations/{id}")).await;
        assert_eq!(answer.problem(), "unknown-event", "{id}");
    }
    world.at(NEXT - 1200).await;
    assert_eq!(world.json(&places[0]).await["state"], "announced");
    assert_eq!(world.get(&places[2]).await.status, 200);
    assert_eq!(world.get(&places[3]).await.problem(), "not-attested");
}

async fn a_series_says_when_it_announces_and_keeps_to_it(backend: Backend) {
    let mut world = world(backend).await;
    world.run_due().await;
    let all = world.json("/v1/series").await;
    let names: Vec<&str> = all["series"].as_array().unwrap().iter().map(name).collect();
    assert_eq!(names, ["btc-cents", "ppc-hourly"]);
    let first = world.json("/v1/series?limit=1").await;
    assert_eq!(first["series"].as_array().unwrap().len(), 1);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = world
        .json(&format!("/v1/series?limit=1&cursor={cursor}"))
        .await;
    assert_eq!(name(&second["series"][0]), "ppc-hourly");
    assert_eq!(second["next_cursor"], Value::Null);
    assert_eq!(all["series"][0]["digits"]["nb_digits"], 9);
    assert_eq!(all["series"][0]["nonces"], 9);
    assert_eq!(all["series"][0]["period"]["listed"], 1);
    assert_eq!(all["series"][1]["outcomes"][0], "above");
    assert_eq!(all["series"][1]["period"]["every_s"], 3600);

    let page = world.get("/series/ppc-hourly").await;
    let page = String::from_utf8(page.body).unwrap();
    let planned = format!(
        "{}</span> <span class=\"sub\">will be announced",
        event_id("ppc-hourly", NEXT)
    );
    assert!(page.contains(&planned), "{page}");

    // A day of it, in pages.
    let mut said = Vec::new();
    let mut from = String::new();
    while said.len() < 24 {
        let page = world
            .json(&format!("/v1/series/ppc-hourly?limit=5{from}"))
            .await;
        said.extend(page["next"].as_array().unwrap().clone());
        from = format!("&from={}", page["next_from"].as_str().unwrap());
    }
    for (one, maturity) in said.iter().zip((0..).map(|n| NEXT + 3600 * n)) {
        assert_eq!(one["event_id"], event_id("ppc-hourly", maturity).as_str());
    }
    for one in said.iter().take(3) {
        let id = one["event_id"].as_str().unwrap();
        let due = one["announce_at"].as_str().unwrap();
        let due = chrono::DateTime::parse_from_rfc3339(due)
            .unwrap()
            .timestamp();
        world.at(due - 1).await;
        let early = world.get(&format!("/v1/announcements/{id}")).await;
        assert_eq!(early.problem(), "not-announced", "{id}");
        world.at(due).await;
        let event = world.json(&format!("/v1/events/{id}")).await;
        for member in ["maturity", "announce_at", "attest_by"] {
            assert_eq!(event[member], one[member], "{id} {member}");
        }
    }
    assert_eq!(
        world.get("/v1/series/nobody").await.problem(),
        "unknown-series"
    );
    let bad = world.get("/v1/series/ppc-hourly?limit=0").await;
    assert_eq!(bad.problem(), "bad-parameter");
}

fn name(series: &Value) -> &str {
    series["series_id"].as_str().unwrap()
}

async fn hour(world: &World, begin: i64) -> Hour {
    let answer = world.get(&path(begin)).await;
    assert_eq!(answer.status, 200, "{}", answer.problem());
    Hour::parse(&answer.body).unwrap()
}

fn path(begin: i64) -> String {
    format!("/v1/bundles/{}", instant(begin).format("%Y-%m-%dT%H"))
}

fn proven(hour: &Hour, identity: &NoteKey) -> ProvenHour {
    hour.verify(&hour.hour, identity).unwrap()
}

/// Begins and ends with the hours in which something was published.
async fn hours(world: &mut World) -> (i64, i64) {
    let begin = START.div_euclid(3600) * 3600;
    for n in 0..5 {
        world.at(begin + 3600 * n + 2400).await;
        world.at(begin + 3600 * (n + 1)).await;
        world.at(begin + 3600 * (n + 1) + 120).await;
    }
    (begin, begin + 5 * 3600)
}

async fn every_entry_of_the_log_is_in_exactly_one_hour(backend: Backend) {
    let mut world = world(backend).await;
    let (begin, end) = hours(&mut world).await;
    let identity = world.log_key().await;
    let mut before = Appended::default();
    let mut seen = BTreeMap::new();
    let mut at = begin;
    while at <= end {
        let hour = proven(&hour(&world, at).await, &identity);
        hour.continues(&before).unwrap();
        for (position, entry) in &hour.entries {
            if let LogEntry::Announcement { announcement, .. } = entry {
                seen.insert(announcement.event.event_id.to_string(), *position);
            }
        }
        before = hour.after;
        at += 3600;
    }
    let published = world.json("/v1/events?limit=500").await;
    let published = published["events"].as_array().unwrap();
    assert!(published.len() >= 6, "{}", published.len());
    for event in published {
        let position = seen.get(event["event_id"].as_str().unwrap());
        assert_eq!(event["announcement_position"].as_u64(), position.copied());
    }
    let note = world.get("/checkpoint").await;
    let note = oracle_schema::tlog::Note::parse(std::str::from_utf8(&note.body).unwrap()).unwrap();
    let checkpoint = note.verify(&identity).unwrap();
    assert_eq!(
        (before.size(), before.root()),
        (checkpoint.size, checkpoint.root)
    );
    let never = world.get("/v1/bundles/2026-11-22T25").await;
    assert_eq!(never.problem(), "unknown-hour");
    // An hour of before the log, one that is ahead, and what is no hour.
    let earlier = world.get(&path(begin - 7200)).await;
    assert_eq!(earlier.problem(), "unknown-hour");
    let ahead = world.get(&path(end + 3600)).await;
    assert_eq!(ahead.problem(), "unknown-hour");
    assert_eq!(ahead.header("retry-after"), "3481");
    for bad in ["2026-11-22", "2026-11-22T16:00:00Z", "2026-11-22t16"] {
        let answer = world.get(&format!("/v1/bundles/{bad}")).await;
        assert_eq!(answer.problem(), "bad-parameter", "{bad}");
    }
}

async fn an_hour_that_is_over_never_changes(backend: Backend) {
    let mut world = world(backend).await;
    let (_, end) = hours(&mut world).await;
    let identity = world.log_key().await;
    // Nothing was published in the present hour's rest: it may still get something.
    let open = hour(&world, end).await;
    assert!(!open.complete);
    let over = world.get(&path(end - 3600)).await;
    let cached = over.header("cache-control");
    assert!(cached.contains("immutable"), "{cached}");
    let known = [("if-none-match", over.header("etag"))];
    let again = world.get_with(&path(end - 3600), &known).await;
    assert_eq!(again.status, 304);
    // The clock is set back into that hour, and the oracle goes on.
    world.set_time(end - 1200);
    world.run_due().await;
    world.at(end + 2400).await;
    world.at(end + 3720).await;
    let later = world.get(&path(end - 3600)).await;
    assert_eq!(later.body, over.body);
    let hour = hour(&world, end).await;
    assert!(hour.complete, "a later hour has begun");
    let proof = proven(&hour, &identity);
    assert!(proof.checkpoint.size > proven(&open, &identity).checkpoint.size);

    // Whatever a server changes in it is noticed.
    let (mut fewer, mut other, mut shifted) = (hour.clone(), hour.clone(), hour.clone());
    fewer.entries.pop();
    other.entries.swap(0, 1);
    shifted.first -= 1;
    for (changed, named) in [(fewer, "root"), (other, "root"), (shifted, "left")] {
        let error = changed.verify(&hour.hour, &identity).unwrap_err();
        assert!([named, "root"].contains(&error.name()), "{error}");
    }
    let error = hour.verify("2026-11-22T00", &identity).unwrap_err();
    assert_eq!(error.name(), "other-hour");
}

async fn what_the_log_says_of_a_time_ahead_is_found_all_the_same(backend: Backend) {
    let mut world = world(backend).await;
    let (_, end) = hours(&mut world).await;
    let identity = world.log_key().await;
    // The clock is a month ahead when an outcome that is due is signed, and set right again.
    let month = 30 * 24 * 3600;
    world.at(end + month).await;
    world.set_time(end + 600);
    world.run_due().await;
    let present = proven(&hour(&world, end).await, &identity);
    let newest = world.get("/checkpoint").await;
    let newest = oracle_schema::tlog::Note::parse(std::str::from_utf8(&newest.body).unwrap());
    let newest = newest.unwrap().checkpoint().clone();
    let mut at = present;
    while let Some(next) = at.next.clone() {
        let answer = world.get(&format!("/v1/bundles/{next}")).await;
        assert_eq!(answer.status, 200, "{next}: {}", answer.problem());
        let following = Hour::parse(&answer.body)
            .unwrap()
            .verify(&next, &identity)
            .unwrap();
        following.continues(&at.after).unwrap();
        at = following;
    }
    assert_eq!(at.after.size(), newest.size);
}

async fn an_event_that_was_made_before_the_schedule_changed_is_on_one_page(backend: Backend) {
    let mut world = world(backend).await;
    world.at(NEXT - 1200).await;
    world.stop().await;
    // Announced for a maturity that the schedule no longer has.
    world.edit("every = \"1h\"", "every = \"50m\"");
    world.start().await.unwrap();
    let mut said = Vec::new();
    let mut from = String::new();
    while said.len() < 5 {
        let page = world
            .json(&format!("/v1/series/ppc-hourly?limit=1{from}"))
            .await;
        said.extend(page["next"].as_array().unwrap().clone());
        from = format!("&from={}", page["next_from"].as_str().unwrap());
    }
    let said: Vec<&str> = said
        .iter()
        .map(|e| e["maturity"].as_str().unwrap())
        .collect();
    let ahead = [NEXT, NEXT + 1800, NEXT + 4800, NEXT + 7800, NEXT + 10_800];
    let ahead: Vec<String> = ahead
        .iter()
        .map(|t| instant(*t).format("%Y-%m-%dT%H:%M:%SZ").to_string())
        .collect();
    assert_eq!(said, ahead);
}

/// A connection in front of a server that keeps what it is asked.
struct Tap {
    url: String,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    async fn before(url: &str) -> Self {
        let server = url.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let said = Arc::new(Mutex::new(Vec::new()));
        let kept = said.clone();
        tokio::spawn(async move {
            while let Ok((reader, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                let (mut from_reader, mut to_reader) = reader.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                tokio::spawn(async move { copy(&mut from_server, &mut to_reader).await });
                let kept = kept.clone();
                tokio::spawn(async move {
                    let mut part = [0; 4096];
                    while let Ok(length @ 1..) = from_reader.read(&mut part).await {
                        kept.lock().unwrap().extend_from_slice(&part[..length]);
                        to_server.write_all(&part[..length]).await.unwrap();
                    }
                });
            }
        });
        Self { url, said }
    }

    fn said(&self) -> String {
        String::from_utf8(self.said.lock().unwrap().clone()).unwrap()
    }
}

async fn a_wallet_that_takes_hours_settles_and_no_request_names_its_event(backend: Backend) {
    let mut world = world(backend).await;
    world.at(NEXT - 1200).await;
    let identity = world.log_key().await;
    let tap = Tap::before(&world.url()).await;
    let options = Options {
        identity: Some(identity.clone()),
        ..Options::default()
    };
    let wallet = Client::with_options(&tap.url, options).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let id = event_id("ppc-hourly", NEXT);
    // Before the outcome: the contract's points.
    let mut mirror = Mirror::open(dir.path(), &identity).unwrap();
    mirror.sync(&wallet, None).await.unwrap();
    let promised = mirror.event(&id).unwrap();
    assert!(promised.nonce_proof.is_some());
    let points = adaptor_points(&promised.announcement, None, &Selection::All).unwrap();
    assert!(mirror.attestation(&id).unwrap_err().is_not_yet());
    drop(mirror);
    // The outcome, and the wallet comes back.
    world.at(NEXT).await;
    world.at(NEXT + 120).await;
    let mut mirror = Mirror::open(dir.path(), &identity).unwrap();
    mirror.sync(&wallet, None).await.unwrap();
    let attested = mirror.attestation(&id).unwrap();
    let end = Some(&attested.attestation);
    let opened = adaptor_points(&attested.announcement, end, &Selection::All).unwrap();
    let secrets = opened.iter().zip(&points).filter_map(|(opened, point)| {
        assert_eq!(opened.point, point.point);
        Some((opened.secret.as_ref()?.point(), point.point))
    });
    let secrets: Vec<_> = secrets.collect();
    assert_eq!(secrets.len(), 1, "what came true");
    assert_eq!(secrets[0].0, secrets[0].1);

    // All that the oracle saw of it.
    let said = tap.said();
    let requests: Vec<&str> = said.lines().filter(|l| l.starts_with("GET ")).collect();
    assert!(requests.len() >= 4, "{requests:?}");
    for request in &requests {
        let places = ["GET /checkpoint ", "GET /tile/", "GET /v1/bundles/"];
        assert!(places.iter().any(|p| request.starts_with(p)), "{request}");
    }
    assert!(
        !said.contains("ppc-hourly") && !said.contains("%40"),
        "{said}"
    );

    // It is what the event's own bundle proves.
    let proven = world.client().proven(&id).await.unwrap();
    assert_eq!(proven.announcement, attested.announcement);
    assert_eq!(proven.attestation(), Some(&attested.attestation));
    assert_eq!(proven.nonce_proof, promised.nonce_proof);
    assert_eq!(proven.policy_hash, promised.policy_hash);
}
