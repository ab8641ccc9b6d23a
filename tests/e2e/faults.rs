//! Lying, late and silent providers.

use std::time::Duration;

use chrono::TimeDelta;
use oracle_client::{Error, EventState};
use oracle_feeds::loopback::{Fault, LoopbackVenues};
use oracle_tests::database::Backend;
use oracle_tests::market::{btcusd_fixing_cents, ppcusd_fixing_micros};
use oracle_tests::world::{World, event_id, instant};
use rust_decimal::Decimal;

use crate::series::{CENTS, MATURITY, MICROS, SETTLED, cents_at};

laws! {
    no_fault_of_one_venue_moves_the_outcome,
    too_few_sources_attest_nothing_and_later_the_price_at_maturity,
    after_give_up_an_event_is_refunded_for_ever,
    one_missing_leg_of_a_cross_holds_the_whole_price_back,
    who_asks_for_rest_is_left_alone_while_others_are_asked_again,
    late_bars_are_waited_for_and_nobody_is_asked_before,
    a_clock_ahead_of_all_providers_decides_nothing,
}

/// Whatever a venue can do wrong, once.
fn every_fault() -> Vec<Fault> {
    vec![
        Fault::Down,
        Fault::Slow(Duration::from_secs(30)),
        Fault::Factor(Decimal::TEN),
        Fault::Factor(Decimal::new(1, 1)),
        Fault::ErrorBody200,
        Fault::Http(500),
        Fault::Http(429),
        Fault::Http(404),
        Fault::LateBar(Duration::from_mins(10)),
        Fault::Html,
        Fault::Truncated,
        Fault::ClockSkew(TimeDelta::minutes(-10)),
        Fault::ClockSkew(TimeDelta::minutes(10)),
        Fault::Empty,
        Fault::Redirect,
        Fault::TooLarge,
        Fault::LateCandles(Duration::from_mins(10)),
    ]
}

async fn no_fault_of_one_venue_moves_the_outcome(backend: Backend) {
    let mut cases: Vec<(&str, Fault)> = every_fault()
        .into_iter()
        .enumerate()
        .map(|(n, fault)| (LoopbackVenues::BUILT_IN[n % 4], fault))
        .collect();
    // Without its last bars a venue votes with an older, lower price: at the
    // lowest venue, so that the median of the others stays.
    cases.push(("kraken", Fault::MissingBar));
    let maturities: Vec<i64> = (0..)
        .map(|n| MATURITY + 600 * n)
        .take(cases.len())
        .collect();
    let mut world = World::new(backend, &cents_at(&maturities)).await;
    for (maturity, (venue, fault)) in maturities.into_iter().zip(cases) {
        world.venues.set_fault(venue, Some(fault.clone()));
        world.at(maturity + 60).await;
        world.venues.set_fault(venue, None);
        let id = event_id("btc-cents", maturity);
        let event = world.event(&id).await;
        assert_eq!(
            event.outcome,
            Some(btcusd_fixing_cents(maturity).to_string()),
            "{fault:?} of {venue}: {event:?}"
        );
        world.client().attestation(&id).await.unwrap();
    }
}

async fn too_few_sources_attest_nothing_and_later_the_price_at_maturity(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    let id = event_id("btc-cents", MATURITY);
    world.venues.set_fault("kraken", Some(Fault::Down));
    world.venues.set_fault("gemini", Some(Fault::ErrorBody200));
    world.at(SETTLED).await;
    let mut now = SETTLED;
    // Attempts come at growing distances and never cease.
    for attempt in 0..12 {
        let event = world.event(&id).await;
        assert_eq!(event.state, EventState::Matured);
        assert_eq!(event.outcome, None);
        let reason = event.reason.unwrap();
        assert!(reason.contains("2 of 3 sources"), "{reason}");
        assert!(reason.contains("kraken:XBTUSD"), "{reason}");
        assert!(reason.contains("gemini:btcusd"), "{reason}");
        let next = event.next_attempt_at.unwrap();
        let wait = next - instant(now);
        assert!(
            wait > TimeDelta::zero() && wait <= TimeDelta::seconds(60),
            "{wait} after attempt {attempt}"
        );
        let answer = world.get(&format!("/v1/attestations/{id}")).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (404, "not-attested".into())
        );
        assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
        assert_eq!(answer.header("cache-control"), "no-store");
        now = next.timestamp() + 1;
        world.at(now).await;
    }
    world.venues.set_fault("kraken", None);
    world.venues.set_fault("gemini", None);
    // Two hours on the market is elsewhere.
    let late = MATURITY + 7200;
    assert_ne!(btcusd_fixing_cents(late), btcusd_fixing_cents(MATURITY));
    world.at(late).await;
    let attested = world.client().attestation(&id).await.unwrap();
    assert_eq!(
        attested.outcome_text(),
        btcusd_fixing_cents(MATURITY).to_string()
    );
}

async fn after_give_up_an_event_is_refunded_for_ever(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    let id = event_id("btc-cents", MATURITY);
    world.break_all(Some(&Fault::Down));
    world.at(SETTLED).await;
    let attest_by = world.event(&id).await.attest_by.unwrap().timestamp();
    assert_eq!(attest_by, MATURITY + 72 * 3600);
    world.at(attest_by - 1).await;
    assert_eq!(world.event(&id).await.state, EventState::Matured);
    world.at(attest_by).await;
    world.break_all(None);
    let asked = world.venues.requests().len();
    for later in [0, 1, 60, 86_400] {
        world.at(attest_by + later).await;
        let event = world.event(&id).await;
        assert_eq!(event.state, EventState::Refund);
        assert!(!event.reason.unwrap().is_empty());
        assert_eq!(event.next_attempt_at, None);
        let answer = world.get(&format!("/v1/attestations/{id}")).await;
        assert_eq!((answer.status, answer.problem()), (410, "refunded".into()));
        let error = world.client().attestation(&id).await.unwrap_err();
        assert!(matches!(error, Error::Refunded { .. }), "{error}");
    }
    // Nor does a new process think again.
    world.stop().await;
    world.start().await.unwrap();
    world.run_due().await;
    assert_eq!(world.event(&id).await.state, EventState::Refund);
    assert_eq!(world.venues.requests().len(), asked);
}

async fn one_missing_leg_of_a_cross_holds_the_whole_price_back(backend: Backend) {
    let mut world = World::new(backend, MICROS).await;
    let id = event_id("ppc-micros", MATURITY);
    world.venues.set_fault("ppcbtc_b", Some(Fault::Empty));
    world.at(SETTLED).await;
    let event = world.event(&id).await;
    assert_eq!(event.outcome, None);
    let reason = event.reason.unwrap();
    assert!(reason.contains("ppcbtc: 1 of 2 sources"), "{reason}");
    assert!(!reason.contains("btcusd:"), "that leg stands: {reason}");
    let kraken = world.requests_of("kraken");
    world.venues.set_fault("ppcbtc_b", None);
    world.at(SETTLED + 120).await;
    let attested = world.client().attestation(&id).await.unwrap();
    assert_eq!(
        attested.outcome_text(),
        ppcusd_fixing_micros(MATURITY).to_string()
    );
    assert_eq!(
        world.requests_of("kraken"),
        kraken,
        "a leg that has its fixing is not asked again"
    );
}

async fn who_asks_for_rest_is_left_alone_while_others_are_asked_again(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    let id = event_id("btc-cents", MATURITY);
    world.venues.set_fault("kraken", Some(Fault::Http(429)));
    for failing in ["coinbase", "gemini"] {
        world.venues.set_fault(failing, Some(Fault::Http(500)));
    }
    world.at(SETTLED).await;
    let venues = LoopbackVenues::BUILT_IN;
    let first = venues.map(|venue| world.requests_of(venue));
    for step in 1..=6 {
        world.at(SETTLED + step).await;
    }
    for (venue, before) in venues.into_iter().zip(first) {
        let after = world.requests_of(venue);
        match venue {
            "kraken" => assert_eq!((before, after), (1, 1), "it asked for 7 s of rest"),
            _ => assert!(after > before, "{venue} may be asked again"),
        }
    }
    world.break_all(None);
    world.at(SETTLED + 120).await;
    assert_eq!(
        world.event(&id).await.outcome,
        Some(btcusd_fixing_cents(MATURITY).to_string())
    );
    // What was read at different times is one decision, and replays as one.
    let report = crate::evidence::bundle(&world, &id).await.replay().unwrap();
    assert_eq!(report.mismatches, Vec::<String>::new());
}

async fn late_bars_are_waited_for_and_nobody_is_asked_before(backend: Backend) {
    let mut world = World::new(backend, &format!("{CENTS}{MICROS}")).await;
    world.break_all(Some(&Fault::LateBar(Duration::from_secs(55))));
    for now in [MATURITY - 60, MATURITY, MATURITY + 30, SETTLED - 1] {
        world.at(now).await;
    }
    world.at(SETTLED).await;
    let requests = world.venues.requests();
    assert!(!requests.is_empty());
    for request in requests {
        assert!(request.at >= instant(SETTLED), "{request:?}");
    }
    let event = world.event(&event_id("btc-cents", MATURITY)).await;
    assert_eq!(
        event.outcome,
        Some(btcusd_fixing_cents(MATURITY).to_string())
    );
}

async fn a_clock_ahead_of_all_providers_decides_nothing(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    let id = event_id("btc-cents", MATURITY);
    world.break_all(Some(&Fault::ClockSkew(TimeDelta::seconds(-90))));
    // By the providers' time too, maturity and settle delay are over at the end.
    for now in [SETTLED, SETTLED + 120, SETTLED + 300] {
        world.at(now).await;
        let event = world.event(&id).await;
        assert_eq!((event.state, event.outcome), (EventState::Matured, None));
        let reason = event.reason.unwrap();
        assert!(
            reason.starts_with("btcusd: clock: local time is 90 s ahead"),
            "{reason}"
        );
    }
    world.break_all(None);
    world.at(SETTLED + 600).await;
    assert_eq!(
        world.event(&id).await.outcome,
        Some(btcusd_fixing_cents(MATURITY).to_string())
    );
}
