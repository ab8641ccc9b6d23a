//! Auditors: what the service publishes about an outcome leads to it again.

use std::time::Duration;

use chrono::TimeDelta;
use oracle_client::audit::{AuditOptions, Verdict};
use oracle_client::replay::{Checked, Conclusion, Report, Standing};
use oracle_client::{Bundle, EventId};
use oracle_feeds::loopback::{Fault, MatchStage};
use oracle_server::store::Store;
use oracle_tests::database::Backend;
use oracle_tests::market::{START, btcusd_fixing_cents, ppcusd_fixing_micros};
use oracle_tests::world::{World, event_id, instant};

use crate::audit::audited;
use crate::facts::{DELAY, MATURITY as PLAYED, id, match_event, play, race, senate, until};
use crate::series::{CENTS, MATURITY, MICROS, SETTLED, cents_at, threshold};

laws! {
    every_price_follows_again_from_what_is_published,
    a_price_found_in_trades_hours_later_follows_again,
    whatever_a_venue_answers_is_read_again_as_it_was,
    a_match_follows_again_and_what_a_licence_withholds_is_said,
    an_election_follows_again,
    a_kept_bundle_needs_no_oracle,
    what_an_outcome_rests_on_stays_and_what_none_rests_on_goes,
    beyond_what_is_kept_of_a_day_bodies_are_dropped_and_nothing_else,
    sixty_replays_at_once_reproduce_and_delay_nothing,
}

pub(crate) async fn bundle(world: &World, id: &EventId) -> Bundle {
    let client = world.client();
    let mut bundle = client.bundle(id).await.unwrap();
    client.fetch_bodies(&mut bundle).await.unwrap();
    bundle
}

#[track_caller]
pub(crate) fn reproduced(bundle: &Bundle) -> Report {
    let report = bundle.replay().unwrap();
    assert_eq!(
        report.conclusion(),
        Conclusion::Reproduced,
        "{}: {report:#?}",
        bundle.stated.event_id
    );
    assert_eq!(report.outcome, Some(bundle.attested.outcome_text()));
    report
}

fn read_again(report: &Report) -> usize {
    report.count(|s| *s == Standing::Reproduced)
}

/// Forgets bodies as an hourly look does, where nothing received before `unused_since`
/// counts as in use.
async fn forget(world: &mut World, unused_since: i64) -> u64 {
    world.stop().await;
    let store = Store::open(&world.config().store_url, false).await.unwrap();
    assert!(store.take_lead().await.unwrap());
    let forgotten = store.forget_bodies(instant(world.now()), instant(unused_since));
    let forgotten = forgotten.await;
    store.close().await;
    world.database.wait_until_free().await;
    world.start().await.unwrap();
    forgotten.unwrap()
}

async fn what_an_outcome_rests_on_stays_and_what_none_rests_on_goes(backend: Backend) {
    const LATER: i64 = MATURITY + 1800;
    let series = cents_at(&[MATURITY, LATER]);
    let mut world = World::new(backend, &series).await;
    world.at(SETTLED).await;
    let id = event_id("btc-cents", MATURITY);
    reproduced(&bundle(&world, &id).await);
    let named = world.database.count("evidence_body").await;
    assert!(named > 0);
    // Answers about an event that is not decided: no manifest names them yet.
    world.break_all(Some(&Fault::Html));
    world.at(LATER + 60).await;
    let unnamed = world.database.count("evidence_body").await - named;
    assert!(unnamed > 0, "{unnamed}");
    // What was received lately may still be needed, and what is named always.
    assert_eq!(forget(&mut world, LATER).await, 0);
    // Its exchange gone, as a sample's is that came before the last hundred.
    let lose = format!("DELETE FROM observation WHERE maturity = {LATER}");
    world.database.execute(&lose).await;
    let forgotten = forget(&mut world, LATER).await;
    assert_eq!(i64::try_from(forgotten).unwrap(), unnamed);
    // However long ago it was: the outcome can be replayed.
    assert_eq!(forget(&mut world, LATER + 86_400).await, 0);
    assert_eq!(world.database.count("evidence_body").await, named);
    reproduced(&bundle(&world, &id).await);
    // And the open event goes on.
    world.break_all(None);
    world.at(LATER + 1200).await;
    reproduced(&bundle(&world, &event_id("btc-cents", LATER)).await);
}

/// Of what each source answered little is kept; or nothing, where that is nothing.
async fn with_room_for(backend: Backend, events: &str, evidence_per_day: &str) -> World {
    let mut world = World::create(backend, events).await;
    let room = format!("[store]\nevidence_per_day = \"{evidence_per_day}\"\n");
    world.edit("[store]\n", &room);
    world.start().await.unwrap();
    world.run_due().await;
    world
}

async fn beyond_what_is_kept_of_a_day_bodies_are_dropped_and_nothing_else(backend: Backend) {
    let events = format!("{MICROS}{}", match_event("cup"));
    let mut world = with_room_for(backend, &events, "1KiB").await;
    world.at(SETTLED).await;
    play(&world, MatchStage::Finished(2, 1));
    until(&mut world, PLAYED + DELAY + 120).await;
    let price = bundle(&world, &event_id("ppc-micros", MATURITY)).await;
    let cup = bundle(&world, &id("cup")).await;
    assert_eq!(price.unavailable.len() + cup.unavailable.len(), 0);
    let (price, cup) = (price.replay().unwrap(), cup.replay().unwrap());
    let micros = ppcusd_fixing_micros(MATURITY).to_string();
    assert_eq!(price.outcome, Some(micros), "decided as ever");
    assert_eq!(cup.outcome.as_deref(), Some("home"));
    // Their licences let the bodies be shown, so the oracle's word for them is too little.
    assert_eq!(price.conclusion(), Conclusion::Incomplete, "{price:#?}");
    assert_eq!(cup.conclusion(), Conclusion::Incomplete, "{cup:#?}");
    let all = price.observations.iter().chain(&cup.observations);
    let not_kept = |o: &&Checked| match &o.standing {
        Standing::Missing(why) => why.contains("kept in a day"),
        _ => false,
    };
    let dropped: Vec<_> = all.filter(not_kept).collect();
    assert!(dropped.len() > 4, "{dropped:?}");
    for one in dropped {
        let sha256 = one.sha256.as_deref().unwrap();
        let body = world.get(&format!("/v1/evidence/{sha256}")).await;
        assert_eq!(body.status, 404, "{one:?}");
    }
    let ready = world.get("/readyz").await;
    let said = ready.json()["evidence"].as_str().unwrap().to_owned();
    assert_eq!(ready.status, 200, "{said}");
    assert!(said.contains("store.evidence_per_day"), "{said}");
    let audit = audited(&world.url(), &AuditOptions::at(world.now())).await;
    assert_eq!(audit.verdict(), Verdict::Incomplete, "{audit:#?}");
}

async fn sixty_replays_at_once_reproduce_and_delay_nothing(backend: Backend) {
    const REPLAYS: usize = 60;
    const LATER: i64 = MATURITY + 1800;
    let mut world = World::new(backend, &cents_at(&[MATURITY, LATER])).await;
    world.at(SETTLED).await;
    let replay = |client: oracle_client::Client| async move {
        let id = event_id("btc-cents", MATURITY);
        let mut bundle = client.bundle(&id).await.unwrap();
        client.fetch_bodies(&mut bundle).await.unwrap();
        reproduced(&bundle)
    };
    let mut replays = tokio::task::JoinSet::new();
    for _ in 0..REPLAYS {
        replays.spawn(replay(world.client()));
    }
    // While they go on the next price is fixed, at its time.
    world.at(LATER + 60).await;
    let at = instant(LATER + 60);
    let id = event_id("btc-cents", LATER);
    let event = world.event(&id).await;
    let cents = btcusd_fixing_cents(LATER).to_string();
    assert_eq!(event.outcome, Some(cents), "{event:?}");
    assert_eq!(event.attested_at, Some(at), "{event:?}");
    let mut done = 0;
    while let Some(report) = replays.join_next().await {
        assert!(read_again(&report.unwrap()) >= 4);
        done += 1;
    }
    assert_eq!(done, REPLAYS);
}

async fn every_price_follows_again_from_what_is_published(backend: Backend) {
    let series = format!("{CENTS}{MICROS}{}", threshold("ppc-option", "0.25"));
    let mut world = World::new(backend, &series).await;
    // A first attempt in vain is part of the evidence.
    world.break_all(Some(&Fault::Http(500)));
    world.at(SETTLED).await;
    world.break_all(None);
    world.at(SETTLED + 600).await;
    let cents = reproduced(&bundle(&world, &event_id("btc-cents", MATURITY)).await);
    assert_eq!(
        cents.outcome,
        Some(btcusd_fixing_cents(MATURITY).to_string())
    );
    assert!(cents.observations.iter().any(|o| o.verdict == "transient"));
    assert!(
        cents
            .observations
            .iter()
            .any(|o| o.verdict == "observation")
    );
    let micros = reproduced(&bundle(&world, &event_id("ppc-micros", MATURITY)).await);
    assert_eq!(
        micros.outcome,
        Some(ppcusd_fixing_micros(MATURITY).to_string())
    );
    assert!(read_again(&micros) > read_again(&cents), "two legs");
    let option = reproduced(&bundle(&world, &event_id("ppc-option", MATURITY)).await);
    assert_eq!(option.observations, micros.observations);
    // Replayed on loopback, every built-in venue was asked elsewhere.
    assert!(cents.observations.iter().all(|o| o.note.is_some()));
}

async fn a_price_found_in_trades_hours_later_follows_again(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    world.break_all(Some(&Fault::Down));
    world.at(SETTLED).await;
    world.break_all(None);
    // Kraken's newest bars no longer reach back so far.
    world.at(SETTLED + 20 * 3600).await;
    let report = reproduced(&bundle(&world, &event_id("btc-cents", MATURITY)).await);
    let trades = |o: &&Checked| o.url.contains("/0/public/Trades");
    assert!(report.observations.iter().filter(trades).count() > 0);
    assert!(report.count(|s| *s == Standing::Unanswered) > 0);
}

async fn whatever_a_venue_answers_is_read_again_as_it_was(backend: Backend) {
    let faults = [
        Fault::Down,
        Fault::Factor(10.into()),
        Fault::ErrorBody200,
        Fault::Http(429),
        Fault::Http(404),
        Fault::MissingBar,
        Fault::LateCandles(Duration::from_mins(10)),
        Fault::Html,
        Fault::Truncated,
        Fault::ClockSkew(TimeDelta::minutes(-3)),
        Fault::ClockSkew(TimeDelta::minutes(3)),
        Fault::Empty,
        Fault::Redirect,
        Fault::TooLarge,
    ];
    let times: Vec<i64> = (1..).take(faults.len()).map(|n| START + 3600 * n).collect();
    let mut world = World::new(backend, &cents_at(&times)).await;
    for (at, fault) in times.iter().zip(&faults) {
        world.venues.set_fault("gemini", Some(fault.clone()));
        world.at(at + 60).await;
        reproduced(&bundle(&world, &event_id("btc-cents", *at)).await);
        world.venues.set_fault("gemini", None);
    }
}

async fn a_match_follows_again_and_what_a_licence_withholds_is_said(backend: Backend) {
    let mut world = World::new(backend, &match_event("cup")).await;
    play(&world, MatchStage::Playing(2, 1));
    until(&mut world, PLAYED + 60).await;
    play(&world, MatchStage::Finished(2, 1));
    until(&mut world, PLAYED + DELAY + 120).await;
    let bundle = bundle(&world, &id("cup")).await;
    let report = reproduced(&bundle);
    assert_eq!(report.outcome.as_deref(), Some("home"));
    for observation in &report.observations {
        let expected = if observation.source.starts_with("openligadb") {
            Standing::Reproduced
        } else {
            Standing::Withheld
        };
        assert_eq!(observation.standing, expected, "{}", observation.source);
        let sha256 = observation.sha256.as_deref().unwrap();
        let body = world.get(&format!("/v1/evidence/{sha256}")).await;
        let there = if expected == Standing::Withheld {
            404
        } else {
            200
        };
        assert_eq!(body.status, there, "{}", observation.source);
    }
    // Half of them, read at the same times.
    assert_eq!(2 * read_again(&report), report.observations.len());
    assert!(read_again(&report) > 16, "a long row, beginning and end");
}

async fn an_election_follows_again(backend: Backend) {
    let events = race("called", "settle_delay = \"10m\"");
    let mut world = World::new(backend, &events).await;
    senate(&world, "live", None);
    until(&mut world, PLAYED + 60).await;
    senate(&world, "live", Some("18702"));
    until(&mut world, PLAYED + DELAY + 300).await;
    let report = reproduced(&bundle(&world, &id("senate")).await);
    assert_eq!(report.outcome.as_deref(), Some("alder"));
}

async fn a_kept_bundle_needs_no_oracle(backend: Backend) {
    let mut world = World::new(backend, MICROS).await;
    world.at(SETTLED).await;
    let bundle = bundle(&world, &event_id("ppc-micros", MATURITY)).await;
    let report = reproduced(&bundle);
    let kept = tempfile::tempdir().unwrap();
    bundle.save(kept.path()).unwrap();
    let identity = world.client().identity().await.unwrap();
    drop(world);
    let loaded = Bundle::load(kept.path(), None, Some(&identity)).unwrap();
    assert_eq!(loaded.manifest, bundle.manifest);
    assert_eq!(reproduced(&loaded), report);
}
