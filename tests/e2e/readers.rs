//! Readers who wait, listen and page.

use std::future::ready;
use std::time::Duration;

use futures::StreamExt as _;
use oracle_client::StreamEvent;
use oracle_feeds::loopback::Fault;
use oracle_tests::database::Backend;
use oracle_tests::http::get;
use oracle_tests::market::START;
use oracle_tests::world::{World, event_id};
use tokio::time::timeout;

use crate::series::{CENTS, MATURITY, MICROS, SETTLED, cents_at};

laws! {
    a_long_poll_is_held_and_returns_with_the_attestation,
    a_long_poll_returns_with_the_refund,
    the_stream_gives_each_position_once_across_disconnects,
    pages_cover_every_event_once,
}

/// How long nothing must happen for a request to count as held.
const HELD: Duration = Duration::from_millis(300);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

async fn poll_until(world: &mut World, then: i64) -> (u16, String) {
    let path = format!(
        "/v1/attestations/{}?wait=60",
        event_id("btc-cents", MATURITY)
    );
    let url = world.url();
    let mut poll = tokio::spawn(async move { get(&url, &path, &[]).await });
    assert!(
        timeout(HELD, &mut poll).await.is_err(),
        "answered before there was anything to say"
    );
    world.at(then).await;
    let answer = timeout(PATIENCE, poll).await.unwrap().unwrap();
    (answer.status, answer.problem())
}

async fn a_long_poll_is_held_and_returns_with_the_attestation(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    assert_eq!(poll_until(&mut world, SETTLED).await.0, 200);
}

async fn a_long_poll_returns_with_the_refund(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    world.break_all(Some(&Fault::Down));
    let refund = poll_until(&mut world, MATURITY + 72 * 3600).await;
    assert_eq!(refund, (410, "refunded".to_owned()));
}

/// The next news, each with its position.
async fn listen(world: &World, from: u64, count: usize) -> Vec<StreamEvent> {
    let news = world.client().watch(Some(from)).take(count);
    let news: Vec<_> = timeout(PATIENCE, news.collect()).await.unwrap();
    news.into_iter().map(Result::unwrap).collect()
}

async fn the_stream_gives_each_position_once_across_disconnects(backend: Backend) {
    let refunded = CENTS
        .replace("btc-cents", "refunded")
        .replace("announce_ahead", "give_up_after = \"61s\"\nannounce_ahead");
    let mut world = World::new(backend, &format!("{CENTS}{MICROS}{refunded}")).await;
    // Three announcements behind the genesis at 0, each before the proof of its nonces;
    // one of them read.
    let mut heard = listen(&world, 0, 1).await;
    let last = heard[0].position().unwrap();
    heard.extend(listen(&world, last, 2).await);
    // A listener who is there when it happens.
    let last = heard[2].position().unwrap();
    let live = world.client().watch(Some(last));
    // A change of state has no position; `facts` listens to those.
    let mut live = live
        .filter(|news| ready(!matches!(news, Ok(StreamEvent::State { .. }))))
        .boxed();
    assert!(timeout(HELD, live.next()).await.is_err(), "nothing is new");
    world.break_all(Some(&Fault::Down));
    world.at(MATURITY + 61).await;
    world.break_all(None);
    world.at(MATURITY + 170).await;
    for _ in 0..2 {
        heard.push(
            timeout(PATIENCE, live.next())
                .await
                .unwrap()
                .unwrap()
                .unwrap(),
        );
    }
    drop(live);
    // And one who comes back with Last-Event-ID.
    let last = heard[4].position().unwrap();
    heard.extend(listen(&world, last, 1).await);

    let positions: Vec<u64> = heard.iter().filter_map(StreamEvent::position).collect();
    assert_eq!(positions, [1, 3, 5, 7, 8, 9]);
    assert_eq!(world.database.log().await.len(), 10);
    let kinds: Vec<&str> = heard
        .iter()
        .map(|e| match e {
            StreamEvent::Announced { .. } => "announced",
            StreamEvent::Attested { .. } => "attested",
            StreamEvent::Refunded { .. } => "refunded",
            StreamEvent::State { .. } => "state",
        })
        .collect();
    let expected = [
        "announced",
        "announced",
        "announced",
        "refunded",
        "attested",
        "attested",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(heard[3].event_id(), &event_id("refunded", MATURITY));
    // A new listener hears the same again, from the beginning.
    assert_eq!(listen(&world, 0, 6).await, heard);
}

async fn pages_cover_every_event_once(backend: Backend) {
    let maturities: Vec<i64> = (1..=13).map(|n| START + 600 * n).collect();
    // Two series, so that equal maturities straddle pages.
    let cents = cents_at(&maturities);
    let dollars = cents
        .replace("btc-cents", "btc-dollars")
        .replace("decimals = 2", "decimals = 0");
    let mut world = World::new(backend, &format!("{cents}{dollars}")).await;
    let mut all: Vec<String> = maturities
        .iter()
        .flat_map(|m| ["btc-cents", "btc-dollars"].map(|s| event_id(s, *m).to_string()))
        .collect();
    all.sort_by_key(|id| {
        id.split_once('@')
            .map(|(s, at)| (at.to_owned(), s.to_owned()))
    });
    for limit in [1, 5, 26, 500] {
        let (ids, pages) = pages(&world, &format!("limit={limit}")).await;
        assert_eq!(ids, all, "limit {limit}");
        assert_eq!(pages, all.len().div_ceil(limit), "limit {limit}");
    }
    world.at(maturities[3] + 60).await;
    let (ids, _) = pages(&world, "limit=3&state=attested&series=btc-cents").await;
    let expected: Vec<String> = maturities[..4]
        .iter()
        .map(|m| event_id("btc-cents", *m).to_string())
        .collect();
    assert_eq!(ids, expected);
    let (ids, _) = pages(
        &world,
        "limit=2&from=2026-11-22T15:10:00Z&to=2026-11-22T15:20:00Z&q=dollars",
    )
    .await;
    let expected: Vec<String> = maturities[..2]
        .iter()
        .map(|m| event_id("btc-dollars", *m).to_string())
        .collect();
    assert_eq!(ids, expected);
}

async fn pages(world: &World, query: &str) -> (Vec<String>, usize) {
    let (mut ids, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = world.json(&format!("/v1/events?{query}{cursor}")).await;
        pages += 1;
        let events = page["events"].as_array().unwrap();
        ids.extend(
            events
                .iter()
                .map(|e| e["event_id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (ids, pages),
        }
        assert!(pages < 100, "no end of pages");
    }
}
