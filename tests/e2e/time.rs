//! Nothing that cannot be taken back happens on a clock that nobody has confirmed.

use chrono::TimeDelta;
use oracle_client::EventState;
use oracle_feeds::loopback::Fault;
use oracle_server::guard::Accept;
use oracle_server::service::ServiceError;
use oracle_tests::database::Backend;
use oracle_tests::market::{FACT_PROVIDERS, START, btcusd_fixing_cents, venues};
use oracle_tests::world::{World, event_id};
use serde_json::{Value, json};

use crate::facts::{id, race, senate, until};
use crate::operators::{self, act};
use crate::series::{CENTS, MATURITY, SETTLED, cents_at};

laws! {
    a_boot_far_ahead_with_every_venue_dead_refunds_nothing,
    a_start_a_day_ahead_announces_nothing_and_leaves_no_day_out,
    the_operators_word_announces_and_a_later_start_is_mended_by_it,
    venues_without_a_date_decide_nothing_while_nobody_confirms_the_clock,
    facts_read_while_nobody_told_the_time_are_no_evidence,
    operators_decide_once_somebody_has_confirmed_the_clock,
}

const DAY: i64 = 86_400;
const LATER: TimeDelta = TimeDelta::minutes(5);

/// A price on each of five days, announced a day and a half before.
fn daily() -> String {
    let maturities: Vec<i64> = (0..5).map(|day| MATURITY + day * DAY).collect();
    cents_at(&maturities).replace(r#"announce_ahead = "1d""#, r#"announce_ahead = "36h""#)
}

/// Breaks or mends all that can be asked.
pub(crate) fn break_all(world: &World, fault: Option<&Fault>) {
    for venue in venues().chain(FACT_PROVIDERS) {
        world.venues.set_fault(venue, fault.cloned());
    }
}

async fn clock(world: &World) -> (u16, Value) {
    let ready = world.get("/readyz").await;
    (ready.status, ready.json()["clock"].clone())
}

async fn announced(world: &World) -> Vec<String> {
    let events = world.json("/v1/events?limit=500").await;
    let events = events["events"].as_array().unwrap().iter();
    let mut ids: Vec<String> = events
        .filter(|event| event["state"] != "scheduled")
        .map(|event| event["event_id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

fn days(days: std::ops::Range<i64>) -> Vec<String> {
    days.map(|day| event_id("btc-cents", MATURITY + day * DAY).to_string())
        .collect()
}

fn accept() -> Accept {
    Accept {
        clock: true,
        ..Accept::default()
    }
}

async fn a_boot_far_ahead_with_every_venue_dead_refunds_nothing(backend: Backend) {
    let mut world = World::new(backend, &(daily() + &race("certified", ""))).await;
    let before = announced(&world).await;
    assert!(before.len() >= 3, "{before:?}");
    world.stop().await;
    break_all(&world, Some(&Fault::Down));
    world.set_ahead(TimeDelta::days(400));
    world.start().await.unwrap();
    for _ in 0..12 {
        world.run_due().await;
        world.clock.advance(LATER);
    }
    for event in &before {
        let event = world.event(&id(event)).await;
        assert_eq!(event.state, EventState::Matured, "{event:?}");
    }
    assert_eq!(announced(&world).await, before);
    let (status, said) = clock(&world).await;
    assert_eq!(status, 503);
    let why = said["unconfirmed"].as_str().unwrap();
    assert!(why.contains("no answer has told the time"), "{why}");
    assert_eq!(said["jumped"], false, "nobody says so");
    world.stop().await;
    world.set_ahead(TimeDelta::days(-400));
    break_all(&world, None);
    world.start().await.unwrap();
    world.at(SETTLED).await;
    world.at(SETTLED + DAY).await;
    for day in 0..2 {
        let maturity = MATURITY + day * DAY;
        let event = world.event(&event_id("btc-cents", maturity)).await;
        let cents = btcusd_fixing_cents(maturity).to_string();
        assert_eq!(event.outcome, Some(cents), "{event:?}");
    }
    assert_eq!(clock(&world).await.0, 200);
}

async fn a_start_a_day_ahead_announces_nothing_and_leaves_no_day_out(backend: Backend) {
    let mut world = World::create(backend, &daily()).await;
    world.set_ahead(TimeDelta::days(1));
    world.start().await.unwrap();
    for _ in 0..10 {
        world.run_due().await;
        world.clock.advance(TimeDelta::minutes(2));
    }
    assert_eq!(announced(&world).await, Vec::<String>::new());
    let (status, said) = clock(&world).await;
    assert_eq!((status, &said["jumped"]), (503, &json!(true)));
    let why = said["unconfirmed"].as_str().unwrap();
    assert!(why.contains("answers contradict the clock"), "{why}");
    assert_eq!(said["ahead_s"]["kraken"], DAY);
    // Set right while it runs.
    world.set_ahead(TimeDelta::days(-1));
    world.run_due().await;
    assert_eq!(announced(&world).await, days(0..2));
    assert_eq!(clock(&world).await.0, 200);
    // Another start ahead, and set right before the next.
    world.stop().await;
    world.set_ahead(TimeDelta::days(1));
    world.start().await.unwrap();
    world.run_due().await;
    assert_eq!(announced(&world).await, days(0..2));
    world.stop().await;
    world.set_ahead(TimeDelta::days(-1));
    world.start().await.unwrap();
    world.at(START + DAY).await;
    assert_eq!(announced(&world).await, days(0..3));
}

async fn the_operators_word_announces_and_a_later_start_is_mended_by_it(backend: Backend) {
    let mut world = World::create(backend, &daily()).await;
    break_all(&world, Some(&Fault::Down));
    world.set_ahead(TimeDelta::days(1));
    world.start_accepting(accept()).await.unwrap();
    world.run_due().await;
    let wrong = announced(&world).await;
    assert!(!wrong.is_empty(), "his word is taken");
    assert_eq!(world.database.count("accepted").await, 1);
    world.stop().await;
    world.set_ahead(TimeDelta::days(-1));
    break_all(&world, None);
    let refused = match world.start().await {
        Err(ServiceError::Start(refused)) => refused.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(refused.contains("--accept-clock"), "{refused}");
    world.database.wait_until_free().await;
    world.start_accepting(accept()).await.unwrap();
    world.run_due().await;
    assert_eq!(world.database.count("accepted").await, 2);
    world.stop().await;
    // From now on without it.
    world.start().await.unwrap();
    world.at(SETTLED + DAY).await;
    let event = world.event(&event_id("btc-cents", MATURITY + DAY)).await;
    let cents = btcusd_fixing_cents(MATURITY + DAY).to_string();
    assert_eq!(event.outcome, Some(cents), "{event:?}");
}

async fn venues_without_a_date_decide_nothing_while_nobody_confirms_the_clock(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    let event = event_id("btc-cents", MATURITY);
    world.stop().await;
    break_all(&world, Some(&Fault::Dateless));
    world.set_ahead(LATER);
    world.start().await.unwrap();
    // By the clock it is settled, and by the truth not even matured.
    for now in [SETTLED, SETTLED + 60, SETTLED + 120] {
        world.at(now).await;
        let info = world.event(&event).await;
        assert_eq!((info.state, info.outcome), (EventState::Matured, None));
        let reason = info.reason.unwrap();
        assert!(reason.contains("no answer has told the time"), "{reason}");
    }
    let (status, said) = clock(&world).await;
    assert_eq!(status, 503);
    assert!(said["unconfirmed"].is_string(), "{said}");
    assert_eq!(world.database.count("observation").await, 0);
    // One that has a Date says how late it is.
    world.venues.set_fault("kraken", None);
    world.at(SETTLED + 180).await;
    assert_eq!(world.event(&event).await.outcome, None);
    assert_eq!(clock(&world).await.1["ahead_s"]["kraken"], 300);
    // Set right: decided at its time, from what is read then.
    world.set_ahead(-LATER);
    world.at(SETTLED - 1).await;
    assert_eq!(world.event(&event).await.outcome, None);
    until(&mut world, SETTLED + 120).await;
    let cents = btcusd_fixing_cents(MATURITY).to_string();
    assert_eq!(world.event(&event).await.outcome, Some(cents));
    let report = crate::evidence::bundle(&world, &event)
        .await
        .replay()
        .unwrap();
    assert_eq!(report.mismatches, Vec::<String>::new());
}

async fn facts_read_while_nobody_told_the_time_are_no_evidence(backend: Backend) {
    let mut world = World::new(backend, &race("certified", "")).await;
    senate(&world, "certified", Some("18702"));
    world.stop().await;
    break_all(&world, Some(&Fault::Dateless));
    world.set_ahead(LATER);
    world.start().await.unwrap();
    let matured = crate::facts::MATURITY;
    until(&mut world, matured + 240).await;
    let event = world.event(&id("senate")).await;
    assert_eq!((event.state, event.outcome), (EventState::Matured, None));
    let reason = event.reason.unwrap();
    assert!(reason.contains("no answer has told the time"), "{reason}");
    assert_eq!(world.database.count("observation").await, 0);
    // Set right, and somebody else has a Date: that is enough for those without.
    world.set_ahead(-LATER);
    world.venues.set_fault("kraken", None);
    until(&mut world, matured + 600).await;
    let event = world.event(&id("senate")).await;
    assert_eq!(
        event.outcome.as_deref(),
        Some("alder"),
        "{:?}",
        event.reason
    );
}

async fn operators_decide_once_somebody_has_confirmed_the_clock(backend: Backend) {
    let mut world = World::new(backend, &operators::config()).await;
    world.at(operators::MATURITY).await;
    world.stop().await;
    break_all(&world, Some(&Fault::Down));
    world.start().await.unwrap();
    world.run_due().await;
    for operator in ["alice", "bob"] {
        let answer = act(&mut world, operator, "reports", json!({ "outcome": "yes" })).await;
        assert_eq!(answer.status, 202, "{}", answer.json());
    }
    world.at(operators::MATURITY + operators::DELAY).await;
    world.at(operators::MATURITY + 2 * operators::DELAY).await;
    let event = world.event(&id(operators::QUESTION)).await;
    assert_eq!(event.outcome, None);
    break_all(&world, None);
    world.clock.advance(TimeDelta::minutes(2));
    world.run_due().await;
    let event = world.event(&id(operators::QUESTION)).await;
    assert_eq!(event.outcome.as_deref(), Some("yes"), "{:?}", event.reason);
}
