//! What providers say about the time: one alone stops nothing but what it
//! answers, two that agree stop what rests on their answers.

use chrono::TimeDelta;
use oracle_client::EventState;
use oracle_feeds::loopback::{Fault, kerg2};
use oracle_tests::database::Backend;
use oracle_tests::http::Answer;
use oracle_tests::market::{START, btcusd_fixing_cents};
use oracle_tests::world::{World, event_id, instant};
use serde_json::json;

use crate::facts::{id, race, senate, until};
use crate::operators::{self, DELAY, act, create, question};
use crate::series;

laws! {
    a_cached_answer_is_used_and_stops_nothing,
    one_root_an_hour_behind_stops_nothing_but_its_own_event,
    two_roots_that_doubt_the_clock_stop_what_rests_on_them_and_nothing_else,
    a_doubt_ends_when_what_its_roots_told_is_old,
}

/// When the elections mature: before anything else.
const COUNTED: i64 = START + 600;
/// When the series is announced.
const ANNOUNCED: i64 = series::MATURITY - 600;
const TEN_MINUTES: i64 = 600;
const RESULTS: &str = "/bundestagswahlen/2029/kerg2.csv";

/// Two elections of one root each, a series to be announced once they have
/// matured, and questions to operators.
async fn world(backend: Backend) -> World {
    let matured = instant(COUNTED).to_rfc3339();
    let strongest = format!(
        r#"
[[event]]
id = "strongest"
kind = "election"
maturity = "{matured}"
basis = "endgueltig"
outcomes = ["union", "spd", "other", "void"]
agree = 1
candidates = {{ union = {{ bundeswahlleiterin = ["CDU", "CSU"] }}, spd = {{ bundeswahlleiterin = ["SPD"] }} }}
source = [ {{ provider = "bundeswahlleiterin", path = "{RESULTS}", area = "Bund", vote = 2 }} ]
"#
    );
    let senate =
        race("certified", "").replace(&instant(crate::facts::MATURITY).to_rfc3339(), &matured);
    let cents = series::CENTS.replace("\"1d\"", "\"10m\"");
    World::new(
        backend,
        &[operators::config(), strongest, senate, cents].concat(),
    )
    .await
}

fn count(world: &World, status: &str) {
    let votes = [("CDU", 11_192_310), ("SPD", 11_299_120), ("CSU", 2_961_020)];
    let body = kerg2(status, &votes);
    world.venues.set_answer("bundeswahlleiterin", RESULTS, body);
}

async fn state(world: &World, event: &str) -> (EventState, Option<String>, String) {
    let event = world.event(&id(event)).await;
    (event.state, event.outcome, event.reason.unwrap_or_default())
}

async fn readiness(world: &World) -> Answer {
    let ready = world.get("/readyz").await;
    assert_eq!(ready.status, 200, "{}", ready.json());
    ready
}

/// A series is announced and attested, operators create an event and decide
/// another; the questions are asked until the end.
async fn all_else_goes_on(world: &mut World) {
    world.at(ANNOUNCED).await;
    let price = event_id("btc-cents", series::MATURITY);
    assert_eq!(world.event(&price).await.state, EventState::Announced);
    let made = create(world, &question("pm-made", 2, &["yes", "no"])).await;
    assert_eq!(made.status, 201, "{}", made.json());
    assert_eq!(state(world, "pm-made").await.0, EventState::Announced);
    world.at(series::SETTLED).await;
    assert_eq!(
        world.event(&price).await.outcome,
        Some(btcusd_fixing_cents(series::MATURITY).to_string())
    );
    world.at(operators::MATURITY).await;
    for operator in ["alice", "bob"] {
        let answer = act(world, operator, "reports", json!({ "outcome": "yes" })).await;
        assert_eq!(answer.status, 202, "{}", answer.json());
    }
    // In steps: what a root told counts for an hour.
    for step in 1..=4 {
        world.at(operators::MATURITY + step * DELAY / 4).await;
    }
    let decided = state(world, "pm-upgrade").await;
    assert_eq!(decided.1.as_deref(), Some("yes"), "{}", decided.2);
}

async fn a_cached_answer_is_used_and_stops_nothing(backend: Backend) {
    let mut world = world(backend).await;
    count(&world, "Zwischenergebnis");
    let cached = Some(Fault::Cached(180));
    world.venues.set_fault("bundeswahlleiterin", cached);
    // Made before the maturity: it does not count, and is no alarm.
    world.at(COUNTED + 60).await;
    let (_, _, reason) = state(&world, "strongest").await;
    assert!(reason.contains("not read yet"), "{reason}");
    until(&mut world, COUNTED + 240).await;
    let (_, _, reason) = state(&world, "strongest").await;
    assert!(reason.starts_with("no outcome yet"), "{reason}");
    let ready = readiness(&world).await.json();
    assert_eq!(ready["clock"]["ahead_s"]["bundeswahlleiterin"], 0);
    assert_eq!(ready["clock"]["doubt"], json!(null));
    all_else_goes_on(&mut world).await;
    count(&world, "Endgültig");
    let published = world.now();
    until(&mut world, published + 300).await;
    assert_eq!(state(&world, "strongest").await.1.as_deref(), Some("union"));
    let bundle = crate::evidence::bundle(&world, &id("strongest")).await;
    let report = bundle.replay().unwrap();
    assert_eq!(report.mismatches, Vec::<String>::new());
    assert_eq!(report.outcome.as_deref(), Some("union"));
}

async fn one_root_an_hour_behind_stops_nothing_but_its_own_event(backend: Backend) {
    let mut world = world(backend).await;
    count(&world, "Endgültig");
    senate(&world, "certified", Some("18702"));
    let behind = Fault::ClockSkew(-TimeDelta::hours(1));
    world.venues.set_fault("ap", Some(behind));
    until(&mut world, COUNTED + 120).await;
    assert_eq!(state(&world, "strongest").await.1.as_deref(), Some("union"));
    all_else_goes_on(&mut world).await;
    let (_, outcome, reason) = state(&world, "senate").await;
    assert_eq!(outcome, None);
    assert!(reason.contains("3600 s earlier"), "{reason}");
    let ready = readiness(&world).await.json();
    assert_eq!(ready["clock"]["ahead_s"]["ap"], 3600);
    assert_eq!(ready["clock"]["doubt"], json!(null));
    assert_eq!(ready["clock"]["jumped"], false);
    world.venues.set_fault("ap", None);
    let mended = world.now();
    until(&mut world, mended + 120).await;
    assert_eq!(state(&world, "senate").await.1.as_deref(), Some("alder"));
}

async fn two_roots_that_doubt_the_clock_stop_what_rests_on_them_and_nothing_else(backend: Backend) {
    for ahead_s in [TEN_MINUTES, -TEN_MINUTES] {
        let mut world = world(backend).await;
        count(&world, "Endgültig");
        senate(&world, "certified", Some("18702"));
        let skew = Fault::ClockSkew(-TimeDelta::seconds(ahead_s));
        for provider in ["bundeswahlleiterin", "ap"] {
            world.venues.set_fault(provider, Some(skew.clone()));
        }
        until(&mut world, COUNTED + 120).await;
        all_else_goes_on(&mut world).await;
        let side = if ahead_s > 0 { "ahead" } else { "behind" };
        let says = format!("clock: local time is 600 s {side}");
        for event in ["strongest", "senate"] {
            let (now, outcome, reason) = state(&world, event).await;
            assert_eq!((now, outcome), (EventState::Matured, None), "{event}");
            assert!(reason.contains(&says), "{event}: {reason}");
        }
        let doubt = readiness(&world).await.json()["clock"]["doubt"].clone();
        assert_eq!(doubt["ahead_s"], ahead_s);
        assert_eq!(doubt["roots"], json!(["ap", "bundeswahlleiterin"]));
        // One of them comes to its senses: the other alone doubts nothing.
        world.venues.set_fault("ap", None);
        let mended = world.now();
        until(&mut world, mended + 120).await;
        assert_eq!(
            readiness(&world).await.json()["clock"]["doubt"],
            json!(null)
        );
        assert_eq!(state(&world, "senate").await.1.as_deref(), Some("alder"));
        world.venues.set_fault("bundeswahlleiterin", None);
        until(&mut world, mended + 240).await;
        assert_eq!(state(&world, "strongest").await.1.as_deref(), Some("union"));
    }
}

async fn a_doubt_ends_when_what_its_roots_told_is_old(backend: Backend) {
    let mut world = world(backend).await;
    for provider in ["bundeswahlleiterin", "ap"] {
        let skew = Fault::ClockSkew(-TimeDelta::minutes(10));
        world.venues.set_fault(provider, Some(skew));
    }
    until(&mut world, COUNTED + 60).await;
    assert_ne!(
        readiness(&world).await.json()["clock"]["doubt"],
        json!(null)
    );
    for provider in ["bundeswahlleiterin", "ap"] {
        world.venues.set_fault(provider, Some(Fault::Down));
    }
    world.at(COUNTED + 3600 + 120).await;
    let clock = readiness(&world).await.json()["clock"].clone();
    let nothing = json!({ "jumped": false, "ahead_s": {}, "doubt": null, "unconfirmed": null });
    assert_eq!(clock, nothing);
}
