//! The dialects, through the code of the clients that speak them.

use std::sync::Arc;

use ddk::ddk_manager::Oracle as _;
use ddk::logger::Logger;
use ddk::oracle::kormir::KormirOracleClient;
use ddk::oracle::p2p_derivatives::P2PDOracleClient;
use ddk_messages::TlvRecord;
use ddk_messages::oracle_msgs::{OracleAnnouncement, OracleAttestation};
use oracle_client::EventId;
use oracle_tests::database::Backend;
use oracle_tests::market::{START, btcusd_fixing_cents, digits, ppcusd_fixing_micros};
use oracle_tests::world::{World, event_id};
use secp256k1_zkp::Secp256k1;

use crate::series::{MATURITY, MICROS, SETTLED, cents_at, threshold};

laws! {
    ddks_kormir_client_reads_and_verifies_numbers_and_enums,
    ddks_p2pd_client_reads_and_verifies_a_series_with_its_ids,
    a_sibyls_reader_gets_tlvs_that_others_verify,
    kormirs_list_holds_what_comes_next_and_what_came_last,
    a_series_that_takes_p2pd_ids_keeps_what_it_announced,
}

/// BTC/USD every half hour, under ids that p2pd clients can read.
const P2PD: &str = r#"
[[series]]
id = "btcusd-half-hourly"
kind = "digits"
id_format = "p2pd"
price = "btcusd"
decimals = 2
base = 2
digits = 27
unit = "cent/BTC"
every = "30m"
announce_ahead = "1h"

[compat]
assets = { btcusd = "btcusd-half-hourly" }
"#;

/// Checks both messages as ddk does before it takes and settles a contract,
/// and what it leaves out.
fn verify(announcement: &OracleAnnouncement, attestation: &OracleAttestation) {
    let secp = Secp256k1::verification_only();
    announcement.validate(&secp).unwrap();
    attestation.validate(&secp, announcement).unwrap();
    let event = &announcement.oracle_event;
    assert_eq!(attestation.event_id, event.event_id);
    assert_eq!(attestation.nonces(), event.oracle_nonces);
}

async fn kormir(world: &World) -> KormirOracleClient {
    let host = format!("{}/compat/kormir", world.url());
    let quiet = Arc::new(Logger::disabled("test".to_owned()));
    KormirOracleClient::new(&host, None, quiet).await.unwrap()
}

async fn ddks_kormir_client_reads_and_verifies_numbers_and_enums(backend: Backend) {
    let mut world = World::new(backend, &format!("{MICROS}{}", threshold("option", "0.25"))).await;
    let client = kormir(&world).await;
    let ids = ["ppc-micros", "option"].map(|series| event_id(series, MATURITY));
    for id in &ids {
        let announcement = client.get_announcement(id.as_str()).await.unwrap();
        assert_eq!(announcement.oracle_public_key, client.get_public_key());
        client.get_attestation(id.as_str()).await.unwrap_err();
    }
    let open = client.list_events().await.unwrap();
    assert_eq!(open.len(), 2);
    assert!(open.iter().all(|e| e.attestation().is_none()));

    world.at(SETTLED).await;
    let values = [
        digits(ppcusd_fixing_micros(MATURITY), 2, 20),
        vec!["above".to_owned()],
    ];
    for (id, value) in ids.iter().zip(values) {
        let announcement = client.get_announcement(id.as_str()).await.unwrap();
        let attestation = client.get_attestation(id.as_str()).await.unwrap();
        verify(&announcement, &attestation);
        assert_eq!(attestation.outcomes, value);
    }
    let listed = client.list_events().await.unwrap();
    assert_eq!(listed.len(), 2);
    for event in listed {
        assert_eq!(event.event_id, event.announcement.oracle_event.event_id);
        verify(&event.announcement, &event.attestation().unwrap());
    }
    client.get_announcement("nope").await.unwrap_err();
    client.get_attestation("nope").await.unwrap_err();
}

async fn ddks_p2pd_client_reads_and_verifies_a_series_with_its_ids(backend: Backend) {
    let mut world = World::new(backend, P2PD).await;
    let client = P2PDOracleClient::new(&format!("{}/compat/p2pd", world.url()))
        .await
        .unwrap();
    let id = format!("btcusd{MATURITY}");
    let announcement = client.get_announcement(&id).await.unwrap();
    assert_eq!(announcement.oracle_public_key, client.get_public_key());
    assert_eq!(announcement.oracle_event.event_id, id);
    client.get_attestation(&id).await.unwrap_err();
    let config = world.json("/compat/p2pd/asset/btcusd/config").await;
    assert_eq!(config["frequency"], "PT30M");
    assert_eq!(config["range"], "PT1H");

    world.at(SETTLED).await;
    let attestation = client.get_attestation(&id).await.unwrap();
    verify(&announcement, &attestation);
    let cents = btcusd_fixing_cents(MATURITY);
    assert_eq!(attestation.outcomes, digits(cents, 2, 27));
    // Between two maturities, and beyond what is announced.
    for never in [MATURITY + 1, MATURITY + 24 * 3600] {
        let id = format!("btcusd{never}");
        client.get_announcement(&id).await.unwrap_err();
    }
    // The same event by its id, as everywhere.
    let id = EventId::parse(&id).unwrap();
    let event = world.event(&id).await;
    assert_eq!(event.series.as_deref(), Some("btcusd-half-hourly"));
    assert_eq!(event.outcome, Some(cents.to_string()));
}

async fn a_sibyls_reader_gets_tlvs_that_others_verify(backend: Backend) {
    let mut world = World::new(backend, P2PD).await;
    world.at(SETTLED).await;
    let path = "/compat/sibyls/v1/announcement/2026-11-22T15:30:00Z?assetPair=BTCUSD";
    let event = world.json(path).await;
    let tlv = |name: &str| hex::decode(event[name].as_str().unwrap()).unwrap();
    verify(
        &OracleAnnouncement::from_tlv_bytes(&tlv("announcement")).unwrap(),
        &OracleAttestation::from_tlv_bytes(&tlv("attestation")).unwrap(),
    );
    assert_eq!(event["asset_pair"], "BTCUSD");
    assert_eq!(event["maturation"], "2026-11-22T15:30:00Z");
    assert_eq!(event["outcome"], btcusd_fixing_cents(MATURITY));
    let list = world.json("/compat/sibyls/v1/announcements").await;
    let maturities: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["maturation"].as_str().unwrap())
        .collect();
    assert_eq!(
        maturities,
        [
            "2026-11-22T16:30:00Z",
            "2026-11-22T16:00:00Z",
            "2026-11-22T15:30:00Z"
        ]
    );
}

async fn kormirs_list_holds_what_comes_next_and_what_came_last(backend: Backend) {
    let times: Vec<i64> = (1..=6).map(|i| START + i * 600).collect();
    let mut world = World::new(backend, &cents_at(&times)).await;
    world.at(times[2] + 60).await;
    let page = |query: &str| {
        let path = format!("/compat/kormir/list-events?{query}");
        let world = &world;
        async move {
            let answer = world.get(&path).await;
            let rows = answer.json();
            let maturities: Vec<i64> = rows
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r["event_maturity_epoch"].as_i64().unwrap())
                .collect();
            (rows, maturities, answer.header("link").to_owned())
        }
    };
    let (rows, maturities, link) = page("format=hex&limit=2").await;
    assert_eq!(maturities, [times[4], times[3], times[2], times[1]]);
    let (next, _) = link.split_once('>').unwrap();
    let (_, next) = next.split_once('?').unwrap();
    let (_, older, link) = page(next).await;
    assert_eq!((older, link.as_str()), (vec![times[0]], ""));
    // Bare bodies, as older readers have them.
    let body = |name: &str| hex::decode(rows[2][name].as_str().unwrap()).unwrap();
    verify(
        &OracleAnnouncement::from_tlv_bytes_or_legacy(&body("announcement")).unwrap(),
        &OracleAttestation::from_tlv_bytes_or_legacy(&body("attestation")).unwrap(),
    );
    assert_eq!(rows[0]["attestation"], serde_json::Value::Null);
}

async fn a_series_that_takes_p2pd_ids_keeps_what_it_announced(backend: Backend) {
    let before = P2PD.replace("id_format = \"p2pd\"\n", "");
    let mut world = World::new(backend, &before).await;
    let old = event_id("btcusd-half-hourly", MATURITY);
    let announced = world.client().announcement(&old).await.unwrap();
    assert_eq!(
        world.json("/compat/p2pd/asset").await,
        serde_json::json!([])
    );
    world.stop().await;
    let price = "kind = \"digits\"\nprice = \"btcusd\"";
    world.edit(price, &format!("id_format = \"p2pd\"\n{price}"));
    world.start().await.unwrap();
    world.run_due().await;
    assert_eq!(
        world.json("/compat/p2pd/asset").await,
        serde_json::json!(["btcusd"])
    );
    let new = EventId::parse(&format!("btcusd{MATURITY}")).unwrap();
    let fresh = world.client().announcement(&new).await.unwrap();
    assert_ne!(fresh.event.nonces, announced.event.nonces);
    world.at(SETTLED).await;
    for id in [old, new] {
        let attested = world.client().attestation(&id).await.unwrap();
        let cents = btcusd_fixing_cents(MATURITY).to_string();
        assert_eq!(attested.outcome_text(), cents, "{id}");
    }
}
