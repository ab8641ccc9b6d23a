//! What is announced is attested, exactly, in every form.

use ddk_messages::TlvRecord;
use ddk_messages::oracle_msgs::{OracleAnnouncement, OracleAttestation};
use futures::StreamExt as _;
use oracle_client::{Error, EventState};
use oracle_schema::codec::Layout;
use oracle_schema::verify::{verify_announcement, verify_attestation};
use oracle_schema::{Announcement, Attestation};
use oracle_server::service::Options;
use oracle_tests::database::{Backend, leave_out};
use oracle_tests::http;
use oracle_tests::market::{
    self, btcusd_fixing_cents, ppcusd_fixing_e12, ppcusd_fixing_micros, venues,
};
use oracle_tests::world::{World, event_id, instant};
use rust_decimal::Decimal;
use secp256k1_zkp::Secp256k1;

use crate::series::{CENTS, MATURITY, MICROS, SETTLED, threshold};

laws! {
    every_series_is_announced_before_maturity_and_attests_the_fixing_after_the_settle_delay,
    a_threshold_is_compared_strictly_and_unrounded,
    every_form_of_every_message_is_read_and_verified_by_others,
    series_that_share_a_price_share_one_observation_round,
    the_service_by_itself_announces_waits_and_attests,
}

async fn every_series_is_announced_before_maturity_and_attests_the_fixing_after_the_settle_delay(
    backend: Backend,
) {
    let series = format!("{CENTS}{MICROS}{}", threshold("ppc-option", "0.25"));
    let mut world = World::new(backend, &series).await;
    let client = world.client();
    let expected = [
        ("btc-cents", btcusd_fixing_cents(MATURITY).to_string()),
        ("ppc-micros", ppcusd_fixing_micros(MATURITY).to_string()),
        ("ppc-option", "above".to_owned()),
    ];
    for (series, _) in &expected {
        let id = event_id(series, MATURITY);
        client.announcement(&id).await.unwrap();
        let event = world.event(&id).await;
        assert_eq!(event.state, EventState::Announced);
        assert_eq!(event.series.as_deref(), Some(*series));
        assert_eq!(event.outcome, None);
        assert_eq!(
            event.attest_by,
            Some(instant(MATURITY + 72 * 3600)),
            "the default give_up_after of a price"
        );
        let early = client.attestation(&id).await.unwrap_err();
        assert!(matches!(early, Error::NotAttested { .. }), "{early}");
    }
    for before in [MATURITY - 1, MATURITY, SETTLED - 1] {
        world.at(before).await;
        assert!(world.venues.requests().is_empty(), "asked at {before}");
    }
    let waiting = world.event(&event_id("btc-cents", MATURITY)).await;
    assert_eq!(waiting.state, EventState::Matured);
    world.at(SETTLED).await;
    for (series, outcome) in expected {
        let id = event_id(series, MATURITY);
        let attested = client.attestation(&id).await.unwrap();
        assert_eq!(attested.outcome_text(), outcome);
        let event = world.event(&id).await;
        assert_eq!(event.state, EventState::Attested);
        assert_eq!(event.outcome, Some(outcome));
        let late = event.attested_at.unwrap() - instant(SETTLED);
        // Heads a millisecond apart, at a time that stands still.
        assert!((0..10).contains(&late.num_milliseconds()), "{late}");
        assert_eq!(event.next_attempt_at, None);
        assert_eq!(event.reason, None);
    }
    let texts = |series: &str| {
        let id = event_id(series, MATURITY);
        let client = client.clone();
        async move {
            let attested = client.attestation(&id).await.unwrap();
            attested.attestation.outcomes.clone()
        }
    };
    let cents = btcusd_fixing_cents(MATURITY);
    assert_eq!(texts("btc-cents").await, market::digits(cents, 10, 9));
    let micros = ppcusd_fixing_micros(MATURITY);
    assert_eq!(texts("ppc-micros").await, market::digits(micros, 2, 20));
}

async fn a_threshold_is_compared_strictly_and_unrounded(backend: Backend) {
    let exact = Decimal::new(ppcusd_fixing_e12(MATURITY), 12);
    let below = exact - Decimal::new(1, 12);
    let series = threshold("at-the-price", &exact.to_string())
        + &threshold("just-below-the-price", &below.to_string());
    let mut world = World::new(backend, &series).await;
    world.at(SETTLED).await;
    for (series, outcome) in [
        ("at-the-price", "not_above"),
        ("just-below-the-price", "above"),
    ] {
        let id = event_id(series, MATURITY);
        let attested = world.client().attestation(&id).await.unwrap();
        assert_eq!(attested.outcome_text(), outcome, "{series}");
    }
}

/// The messages of an event in every form that is served, read again.
async fn forms(world: &World, id: &str) -> (Announcement, Attestation) {
    let secp = Secp256k1::verification_only();
    let announcements = format!("/v1/announcements/{id}");
    let attestations = format!("/v1/attestations/{id}");

    let tlv = world.get(&format!("{announcements}?format=tlv")).await.body;
    let announcement = Announcement::from_tlv(&tlv).unwrap();
    let theirs = OracleAnnouncement::from_tlv_bytes(&tlv).unwrap();
    theirs.validate(&secp).unwrap();
    let json = world.json(&announcements).await;
    assert_eq!(json, announcement.to_json());
    let hex = world.get(&format!("{announcements}?format=hex")).await.body;
    assert_eq!(hex, hex::encode(&tlv).into_bytes());

    let spec = world.get(&format!("{attestations}?format=tlv")).await.body;
    let (attestation, layout) = Attestation::from_tlv(&spec).unwrap();
    assert_eq!(layout, Layout::Spec);
    let counted = world
        .get(&format!("{attestations}?format=rust-dlc"))
        .await
        .body;
    let (same, layout) = Attestation::from_tlv(&counted).unwrap();
    assert_eq!((&same, layout), (&attestation, Layout::Counted));
    OracleAttestation::from_tlv_bytes(&counted)
        .unwrap()
        .validate(&secp, &theirs)
        .unwrap();
    let json = world.json(&attestations).await;
    assert_eq!(json, attestation.to_json());
    for (query, bytes) in [("format=hex", &spec), ("format=rust-dlc&hex=1", &counted)] {
        let hex = world.get(&format!("{attestations}?{query}")).await.body;
        assert_eq!(hex, hex::encode(bytes).into_bytes(), "{query}");
    }
    for (accept, kind) in [
        ("application/octet-stream", "application/octet-stream"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("application/json", "application/json"),
    ] {
        for path in [&announcements, &attestations] {
            let answer = world.get_with(path, &[("accept", accept)]).await;
            assert_eq!(answer.header("content-type"), kind);
        }
    }
    (announcement, attestation)
}

async fn every_form_of_every_message_is_read_and_verified_by_others(backend: Backend) {
    let series = format!("{CENTS}{MICROS}{}", threshold("ppc-option", "0.25"));
    let mut world = World::new(backend, &series).await;
    world.at(SETTLED).await;
    let files = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for series in ["btc-cents", "ppc-micros", "ppc-option"] {
        let id = event_id(series, MATURITY);
        let (announcement, attestation) = forms(&world, id.as_str()).await;
        for (name, bytes) in [
            ("announcement.json", announcement.to_json().to_string()),
            ("announcement.hex", hex::encode(announcement.to_tlv())),
            ("attestation.json", attestation.to_json().to_string()),
            (
                "attestation.hex",
                hex::encode(attestation.to_tlv(Layout::Spec)),
            ),
            (
                "attestation-counted.hex",
                hex::encode(attestation.to_tlv(Layout::Counted)),
            ),
        ] {
            let path = files.path().join(format!("{series}-{name}"));
            std::fs::write(&path, bytes).unwrap();
            paths.push(path);
        }
        let announcement = verify_announcement(announcement).unwrap();
        verify_attestation(attestation, &announcement).unwrap();
    }
    let Ok(check) = std::env::var("ORACLE_TEST_NODE_CHECK") else {
        leave_out("reading live messages with @node-dlc: ORACLE_TEST_NODE_CHECK is not set");
        return;
    };
    let output = tokio::process::Command::new("node")
        .arg(check)
        .args(&paths)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

async fn series_that_share_a_price_share_one_observation_round(backend: Backend) {
    // Three prices over one BTC/USD leg, and three events of each.
    let mut series = CENTS.to_owned();
    series += &CENTS.replace("btc-cents", "btc-cents-too");
    series += &CENTS
        .replace("btc-cents", "btc-dollars")
        .replace("decimals = 2", "decimals = 0");
    series += MICROS;
    series += &threshold("option-a", "0.25");
    series += &threshold("option-b", "0.26");
    let mut world = World::new(backend, &series).await;
    world.at(SETTLED).await;
    for venue in venues() {
        assert_eq!(world.requests_of(venue), 1, "{venue}");
    }
    let attested = world.json("/v1/events?state=attested").await;
    assert_eq!(attested["events"].as_array().unwrap().len(), 6);
}

async fn the_service_by_itself_announces_waits_and_attests(backend: Backend) {
    let world = World::create(backend, &format!("{CENTS}{MICROS}")).await;
    let service = world.run(Options::default()).await.unwrap();
    let client = http::client(&format!("http://{}", service.public));
    let id = event_id("ppc-micros", MATURITY);
    let patience = std::time::Duration::from_mins(1);
    let mut news = client.watch(Some(0));
    let announced = async { while news.next().await.unwrap().unwrap().event_id() != &id {} };
    tokio::time::timeout(patience, announced).await.unwrap();
    let waiting = tokio::spawn({
        let (client, id) = (client.clone(), id.clone());
        async move { client.wait(&id, patience).await }
    });
    world.clock.set(instant(SETTLED));
    let attested = waiting.await.unwrap().unwrap();
    assert_eq!(
        attested.outcome_text(),
        ppcusd_fixing_micros(MATURITY).to_string()
    );
    let admin = format!("http://{}", service.admin);
    let metrics = http::get(&admin, "/metrics", &[]).await;
    assert_eq!(metrics.status, 200);
    assert_eq!(http::get(&admin, "/readyz", &[]).await.status, 200);
    service.stop().await.unwrap();
}
