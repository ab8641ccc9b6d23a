//! Laws of the dialects: exact answers, and every refusal.

mod refusals;

use oracle_schema::{AssetId, SeriesId};

use super::*;
use crate::config::IdFormat;

const P2PD: &str = "ppcusd1795363200";
const KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

fn asset(name: &str, id_format: IdFormat, every_s: Option<u32>) -> Asset {
    Asset {
        name: name.to_owned(),
        series: SeriesId::parse("px").unwrap(),
        id_format,
        every_s,
        announce_ahead: Duration::from_hours(36),
    }
}

/// A world that offers a p2pd series and an ordinary one.
async fn offering() -> World {
    let mut world = World::new().await;
    world.series = Some("px");
    let p2pd = |name: &str| IdFormat::P2pd(AssetId::parse(name).unwrap());
    let px = SeriesId::parse("px").unwrap();
    let settings = HttpConfig {
        assets: vec![
            asset("btcusd", IdFormat::Series(px), Some(3600)),
            asset("ppcusd", p2pd("ppcusd"), Some(5400)),
            asset("ppceur", p2pd("ppceur"), None),
        ],
        ..settings()
    };
    world.router = public_router(world.app.clone(), &settings);
    world
}

const ORDINARY: &str = "px@2026-11-22T16:00:00Z";

/// `(path, status, problem, field)`.
type Refused = (&'static str, u16, &'static str, Option<&'static str>);

async fn check_refusals(world: &World, refused: &[Refused]) {
    for (path, status, slug, field) in refused {
        let answer = world.get(&format!("/compat{path}")).await;
        assert_eq!(answer.status.as_u16(), *status, "{path}");
        assert_eq!(answer.problem(slug).as_deref(), *field, "{path}");
    }
}

#[tokio::test]
async fn each_dialect_names_the_same_key_in_its_own_way() {
    let world = offering().await;
    let oracle = world.get("/v1/oracle").await.json();
    assert_eq!(oracle["public_key"], KEY);
    for (path, expected) in [
        ("/compat/kormir/pubkey", json!({ "pubkey": KEY })),
        ("/compat/p2pd/oracle/publickey", json!({ "publicKey": KEY })),
        ("/compat/sibyls/v1/pubkey", json!(KEY)),
        ("/compat/kormir/health-check", Value::Null),
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        assert_eq!(answer.json(), expected, "{path}");
        let surplus = world.get(&format!("{path}?x=1")).await;
        assert_eq!(surplus.problem("unknown-parameter"), Some("x".to_owned()));
    }
}

#[tokio::test]
async fn kormir_and_p2pd_answer_with_the_published_messages_and_the_same_caching() {
    let mut world = offering().await;
    let announcement = world.announce(P2PD, three_bits()).await;
    let kormir = "/compat/kormir/announcement/ppcusd1795363200";
    let p2pd = "/compat/p2pd/asset/ppcusd/announcement/2026-11-22T16:00:00Z";
    let with_offset = "/compat/p2pd/asset/ppcusd/announcement/2026-11-22T17:00:00%2B01:00";
    for path in [kormir, p2pd, with_offset] {
        let answer = world.get(path).await;
        assert_eq!(answer.json(), announcement.to_json(), "{path}");
        assert!(answer.header("cache-control").contains("immutable"));
    }
    world.mature();
    let attestation = world.attest_all(P2PD, &["1", "0", "1"]).await;
    let kormir = world
        .get("/compat/kormir/attestation/ppcusd1795363200")
        .await;
    assert_eq!(kormir.json(), attestation.to_json());
    let path = "/compat/p2pd/asset/ppcusd/attestation/2026-11-22T16:00:00Z";
    let p2pd = world.get(path).await;
    let signature = "05".repeat(64);
    assert_eq!(
        p2pd.json(),
        json!({
            "eventId": P2PD,
            "signatures": [&signature, &signature, &signature],
            "values": ["1", "0", "1"],
        })
    );
    for answer in [kormir, p2pd] {
        assert_eq!(
            answer.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
        assert!(!answer.header("etag").is_empty());
    }
    let etag = world.get(path).await.header("etag").to_owned();
    let known = Request::get(path).header("if-none-match", etag);
    let again = world.send(known.body(Body::empty()).unwrap()).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn kormirs_rows_hold_the_fields_of_every_generation() {
    let mut world = offering().await;
    let announcement = world.announce(P2PD, three_bits()).await;
    let open = json!({
        "event_id": P2PD,
        "announcement": announcement.to_json(),
        "attestation": null,
        "indexes": [],
        "signatures": [],
        "announcement_event_id": null,
        "attestation_event_id": null,
    });
    for path in ["", "?format=json"] {
        let rows = world
            .get(&format!("/compat/kormir/list-events{path}"))
            .await;
        assert_eq!(rows.json(), json!([open]));
        assert_eq!(rows.header("cache-control"), "no-store");
    }
    world.mature();
    let attestation = world.attest_all(P2PD, &["1", "0", "1"]).await;
    let signature = "05".repeat(64);
    let attested = json!({
        "event_id": P2PD,
        "announcement": announcement.to_json(),
        "attestation": attestation.to_json(),
        "indexes": [],
        "signatures": [["1", signature], ["0", signature], ["1", signature]],
        "announcement_event_id": null,
        "attestation_event_id": null,
    });
    let rows = world.get("/compat/kormir/list-events").await.json();
    assert_eq!(rows, json!([attested]));

    let announced = announcement.to_tlv();
    let counted = attestation.to_tlv(Layout::Counted);
    let row = |announcement: &[u8], attestation: &[u8]| {
        json!([{
            "id": null,
            "event_id": P2PD,
            "event_maturity_epoch": MATURITY,
            "announcement": hex::encode(announcement),
            "attestation": hex::encode(attestation),
        }])
    };
    let tlv = world.get("/compat/kormir/list-events?format=tlv").await;
    assert_eq!(tlv.json(), row(&announced, &counted));
    // The type takes three bytes; a length from 253 on three, below one.
    let header = |tlv: &[u8]| if tlv[3] == 0xfd { 6 } else { 4 };
    let hex = world.get("/compat/kormir/list-events?format=hex").await;
    assert_eq!(
        hex.json(),
        row(
            &announced[header(&announced)..],
            &counted[header(&counted)..]
        )
    );
}

#[tokio::test]
async fn kormirs_list_is_a_window_with_links_to_what_is_older() {
    let mut world = offering().await;
    for i in 0..5 {
        world.announce(&format!("e{i}"), yes_no()).await;
    }
    let ids = |answer: &Answer| -> Vec<String> {
        let rows = answer.json();
        let rows = rows.as_array().unwrap().iter();
        rows.map(|r| r["event_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let to_come = world.get("/compat/kormir/list-events?limit=2").await;
    assert_eq!(ids(&to_come), ["e1", "e0"], "the nearest, the latest first");
    assert_eq!(to_come.header("link"), "", "nothing has matured");
    world.mature();
    let mut path = "/compat/kormir/list-events?format=tlv&limit=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = world.get(&path).await;
        seen.push(ids(&page));
        let Some(link) = page.header("link").strip_prefix('<') else {
            break;
        };
        let (next, relation) = link.split_once('>').unwrap();
        assert_eq!(relation, "; rel=\"next\"");
        path = format!("/compat/kormir/{next}");
    }
    assert_eq!(
        seen,
        [vec!["e4", "e3"], vec!["e2", "e1"], vec!["e0"]],
        "no gap, no repeat"
    );
    check_refusals(
        &world,
        &[
            (
                "/kormir/list-events?limit=0",
                400,
                "bad-parameter",
                Some("limit"),
            ),
            (
                "/kormir/list-events?limit=101",
                400,
                "bad-parameter",
                Some("limit"),
            ),
            (
                "/kormir/list-events?format=xml",
                400,
                "bad-parameter",
                Some("format"),
            ),
            (
                "/kormir/list-events?cursor=00",
                400,
                "bad-parameter",
                Some("cursor"),
            ),
            (
                "/kormir/list-events?page=1",
                400,
                "unknown-parameter",
                Some("page"),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_sibyls_event_goes_from_announced_to_attested() {
    let mut world = offering().await;
    let announcement = world.announce(ORDINARY, three_bits()).await;
    let path = "/compat/sibyls/v1/announcement/2026-11-22T16:00:00Z";
    let mut expected = json!({
        "asset_pair": "BTCUSD",
        "announcement": hex::encode(announcement.to_tlv()),
        "attestation": null,
        "maturation": "2026-11-22T16:00:00Z",
        "outcome": null,
    });
    for query in ["", "?assetPair=BTCUSD", "?assetPair=btcusd"] {
        let open = world.get(&format!("{path}{query}")).await;
        assert_eq!(open.json(), expected, "{query}");
        assert_eq!(open.header("cache-control"), "no-store");
    }
    world.mature();
    let attestation = world.attest_all(ORDINARY, &["1", "0", "1"]).await;
    expected["attestation"] = json!(hex::encode(attestation.to_tlv(Layout::Counted)));
    expected["outcome"] = json!(5);
    let attested = world.get(path).await;
    assert_eq!(attested.json(), expected);
    // Its name may stand for another series one day.
    assert_eq!(attested.header("cache-control"), "no-cache");
    let list = world.get("/compat/sibyls/v1/announcements").await;
    assert_eq!(list.json(), json!([expected]));
    assert_eq!(list.header("cache-control"), "no-store");
}

#[tokio::test]
async fn sibyls_pages_hold_a_hundred_and_join_in_both_orders() {
    let mut world = offering().await;
    for i in 0..101 {
        world.announce(&format!("px@{i:03}"), yes_no()).await;
    }
    world.announce("other@000", yes_no()).await;
    let mut orders = Vec::new();
    for order in ["insertion", "reverseInsertion"] {
        let mut all: Vec<Value> = Vec::new();
        for (page, rows) in [(0, 100), (1, 1), (2, 0)] {
            let path = format!("/compat/sibyls/v1/announcements?sortBy={order}&page={page}");
            let answer = world.get(&path).await.json();
            let events = answer.as_array().unwrap();
            assert_eq!(events.len(), rows, "{path}");
            all.extend(events.iter().cloned());
        }
        orders.push(all);
    }
    orders[1].reverse();
    assert_eq!(orders[0], orders[1]);
    let distinct: std::collections::HashSet<_> = orders[0]
        .iter()
        .map(|e| e["announcement"].as_str())
        .collect();
    assert_eq!(distinct.len(), 101);
}

#[tokio::test]
async fn p2pd_offers_only_assets_whose_ids_its_clients_can_read() {
    let world = offering().await;
    let assets = world.get("/compat/p2pd/asset").await;
    assert_eq!(assets.json(), json!(["ppcusd", "ppceur"]));
    let config = world.get("/compat/p2pd/asset/ppcusd/config").await;
    assert_eq!(
        config.json(),
        json!({"startDate": "1970-01-01T00:00:00Z", "frequency": "PT1H30M", "range": "P1DT12H"})
    );
    check_refusals(
        &world,
        &[
            (
                "/p2pd/asset/btcusd/config",
                404,
                "unknown-asset",
                Some("asset"),
            ),
            ("/p2pd/asset/ppceur/config", 404, "not-found", Some("asset")),
            (
                "/p2pd/asset/%ff/config",
                400,
                "bad-parameter",
                Some("asset"),
            ),
        ],
    )
    .await;
}
