//! Bundles: what the service says proves it, offline and for ever.

use oracle_client::Error;
use oracle_client::bundle::{Bundle, End, identity_of};
use oracle_feeds::loopback::Fault;
use oracle_tests::database::Backend;
use oracle_tests::world::{World, event_id};

use crate::series::{CENTS, MATURITY, MICROS, SETTLED};

laws! {
    every_end_of_an_event_is_proven_by_its_bundle_and_the_identity_alone,
    a_reader_sees_that_the_log_only_grew_or_is_told_that_it_is_shorter,
    the_identity_is_said_everywhere_and_is_the_one_of_the_genesis,
}

async fn bundle(world: &World, id: &str, query: &str) -> Bundle {
    let answer = world.get(&format!("/v1/events/{id}/bundle{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.problem());
    Bundle::parse(&answer.body).unwrap()
}

/// One attested, one refunded, one announced.
async fn history(backend: Backend) -> World {
    let refunded = CENTS
        .replace("btc-cents", "refunded")
        .replace("announce_ahead", "give_up_after = \"90s\"\nannounce_ahead");
    let mut world = World::new(backend, &format!("{CENTS}{refunded}")).await;
    world.break_all(Some(&Fault::Down));
    world.at(MATURITY + 90).await;
    world.break_all(None);
    world.at(MATURITY + 600).await;
    world
}

async fn every_end_of_an_event_is_proven_by_its_bundle_and_the_identity_alone(backend: Backend) {
    let world = history(backend).await;
    let identity = world.log_key().await;
    let attested = event_id("btc-cents", MATURITY);
    let proven = bundle(&world, attested.as_str(), "").await;
    let proven = proven.verify(&identity, None).unwrap();
    let served = world.json(&format!("/v1/events/{attested}")).await;
    let outcome = proven.attestation().unwrap().outcome().to_string();
    assert_eq!(served["outcome"], outcome);
    assert_eq!(served["policy_hash"], hex::encode(proven.policy_hash));
    let policy = world.get(&format!("/v1/events/{attested}/policy")).await;
    assert_eq!(proven.policy.as_bytes(), policy.body);
    assert_eq!(identity_of(&proven.genesis).unwrap(), identity);

    let gone = event_id("refunded", MATURITY);
    let proven = bundle(&world, gone.as_str(), "").await;
    let proven = proven.verify(&identity, None).unwrap();
    assert!(
        matches!(proven.end, Some(End::Refunded { .. })),
        "{:?}",
        proven.end
    );
    let error = world.client().attestation(&gone).await.unwrap_err();
    assert!(matches!(error, Error::Refunded { .. }), "{error}");

    let unknown = world.get("/v1/events/nobody-knows-it/bundle").await;
    assert_eq!(
        (unknown.status, unknown.problem().as_str()),
        (404, "unknown-event")
    );
}

async fn a_reader_sees_that_the_log_only_grew_or_is_told_that_it_is_shorter(backend: Backend) {
    let mut world = World::new(backend, &format!("{CENTS}{MICROS}")).await;
    let identity = world.log_key().await;
    let id = event_id("btc-cents", MATURITY);
    let before = bundle(&world, id.as_str(), "").await;
    let before = before.verify(&identity, None).unwrap();
    assert!(before.end.is_none());
    let size = before.checkpoint.size;
    world.at(SETTLED).await;
    let after = bundle(&world, id.as_str(), &format!("?from={size}")).await;
    let proven = after.verify(&identity, None).unwrap();
    assert!(proven.attestation().is_some() && proven.checkpoint.size > size);
    after
        .continues(&proven.checkpoint, &before.checkpoint)
        .unwrap();
    // From nothing, and from all of it.
    for from in [0, proven.checkpoint.size] {
        let bundle = bundle(&world, id.as_str(), &format!("?from={from}")).await;
        assert_eq!(bundle.consistency.map(|c| c.hashes.len()), Some(0));
    }
    let ahead = proven.checkpoint.size + 1;
    let answer = world
        .get(&format!("/v1/events/{id}/bundle?from={ahead}"))
        .await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (409, "ahead-of-log")
    );
    let answer = world.get(&format!("/v1/events/{id}/bundle?from=-1")).await;
    assert_eq!(answer.status, 400);
}

async fn the_identity_is_said_everywhere_and_is_the_one_of_the_genesis(backend: Backend) {
    let world = World::new(backend, CENTS).await;
    let identity = world.log_key().await.to_string();
    assert_eq!(world.json("/v1/oracle").await["identity"], identity);
    let page = world.get("/oracle").await;
    let page = String::from_utf8(page.body).unwrap();
    assert!(page.replace("&#43;", "+").contains(&identity), "{page}");
    let id = event_id("btc-cents", MATURITY);
    let named = bundle(&world, id.as_str(), "").await.named_identity();
    assert_eq!(named.unwrap().to_string(), identity);
    let link = format!(
        "</v1/events/{}/bundle>",
        id.as_str().replace('@', "%40").replace(':', "%3A")
    );
    let answer = world
        .get(&format!("/compat/kormir/announcement/{id}"))
        .await;
    assert!(
        answer.header("link").starts_with(&link),
        "{}",
        answer.header("link")
    );
}
