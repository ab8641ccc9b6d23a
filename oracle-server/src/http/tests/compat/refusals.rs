//! What the dialects do not have, and how they say so.

use super::*;

#[tokio::test]
async fn kormir_and_p2pd_say_what_they_do_not_have_and_why() {
    let world = offering().await;
    check_refusals(
        &world,
        &[
            (
                "/kormir/announcement/nope",
                404,
                "unknown-event",
                Some("id"),
            ),
            ("/kormir/attestation/nope", 404, "unknown-event", Some("id")),
            ("/kormir/attestation/%ff", 400, "bad-parameter", Some("id")),
            (
                "/kormir/attestation/nope?format=tlv",
                400,
                "unknown-parameter",
                Some("format"),
            ),
            ("/kormir/create-enum", 404, "not-found", None),
            (
                "/p2pd/asset/ppcusd/announcement/2026-11-22T16:00:00Z",
                404,
                "unknown-event",
                Some("time"),
            ),
            (
                "/p2pd/asset/ppcusd/attestation/2026-11-22T16:00:00Z",
                404,
                "unknown-event",
                Some("time"),
            ),
            (
                "/p2pd/asset/xauusd/announcement/2026-11-22T16:00:00Z",
                404,
                "unknown-asset",
                Some("asset"),
            ),
            (
                "/p2pd/asset/btcusd/attestation/2026-11-22T16:00:00Z",
                404,
                "unknown-asset",
                Some("asset"),
            ),
            (
                "/p2pd/asset/ppcusd/announcement/tomorrow",
                400,
                "bad-parameter",
                Some("time"),
            ),
            (
                "/p2pd/asset/ppcusd/announcement/2026-11-22T16:00:00.5Z",
                400,
                "bad-parameter",
                Some("time"),
            ),
            (
                "/p2pd/asset/ppcusd/attestation/1969-12-31T23:59:59Z",
                400,
                "bad-parameter",
                Some("time"),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn sibyls_says_what_it_does_not_have_and_why() {
    let world = offering().await;
    check_refusals(
        &world,
        &[
            (
                "/sibyls/v1/announcement/2026-11-22T16:00:00Z",
                404,
                "unknown-event",
                Some("time"),
            ),
            (
                "/sibyls/v1/announcement/1795363200",
                400,
                "bad-parameter",
                Some("time"),
            ),
            (
                "/sibyls/v1/announcement/2026-11-22T16:00:00Z?assetPair=XAUUSD",
                400,
                "bad-parameter",
                Some("assetPair"),
            ),
            (
                "/sibyls/v1/announcements?assetPair=",
                400,
                "bad-parameter",
                Some("assetPair"),
            ),
            (
                "/sibyls/v1/announcements?sortBy=maturity",
                400,
                "bad-parameter",
                Some("sortBy"),
            ),
            (
                "/sibyls/v1/announcements?page=-1",
                400,
                "bad-parameter",
                Some("page"),
            ),
            (
                "/sibyls/v1/announcements?page=1000",
                400,
                "bad-parameter",
                Some("page"),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn each_dialect_says_not_yet() {
    let mut world = offering().await;
    world.schedule("ppceur1795363200", three_bits()).await;
    check_refusals(
        &world,
        &[
            (
                "/kormir/announcement/ppceur1795363200",
                404,
                "not-announced",
                None,
            ),
            (
                "/p2pd/asset/ppceur/announcement/2026-11-22T16:00:00Z",
                404,
                "not-announced",
                None,
            ),
            (
                "/sibyls/v1/announcement/2026-11-22T16:00:00Z?assetPair=PPCEUR",
                404,
                "not-announced",
                None,
            ),
        ],
    )
    .await;

    world.announce(P2PD, three_bits()).await;
    for path in [
        "/compat/kormir/attestation/ppcusd1795363200",
        "/compat/p2pd/asset/ppcusd/attestation/2026-11-22T16:00:00Z",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        answer.problem("not-attested");
        assert_eq!(answer.header("retry-after"), "3600");
    }
}

#[tokio::test]
async fn each_dialect_says_never() {
    let mut world = offering().await;
    world.announce(P2PD, three_bits()).await;
    world.clock.advance(TimeDelta::hours(4));
    world.refund_all("no price by then").await;
    check_refusals(
        &world,
        &[
            (
                "/kormir/attestation/ppcusd1795363200",
                410,
                "refunded",
                None,
            ),
            (
                "/p2pd/asset/ppcusd/attestation/2026-11-22T16:00:00Z",
                410,
                "refunded",
                None,
            ),
        ],
    )
    .await;
    // The announcement stays, and the dialects that pair it show no attestation.
    let sibyls = "/compat/sibyls/v1/announcement/2026-11-22T16:00:00Z?assetPair=PPCUSD";
    let sibyls = world.get(sibyls).await.json();
    assert_eq!(sibyls["attestation"], Value::Null);
    assert_eq!(sibyls["outcome"], Value::Null);
    let rows = world.get("/compat/kormir/list-events").await.json();
    assert_eq!(rows[0]["signatures"], json!([]));
}

#[tokio::test]
async fn an_event_that_took_the_name_before_is_not_offered_as_the_assets() {
    let mut world = offering().await;
    world.series = None;
    world.announce(P2PD, three_bits()).await;
    let kormir = "/compat/kormir/announcement/ppcusd1795363200";
    assert_eq!(world.get(kormir).await.status, StatusCode::OK);
    for path in [
        "/compat/p2pd/asset/ppcusd/announcement/2026-11-22T16:00:00Z",
        "/compat/p2pd/asset/ppcusd/attestation/2026-11-22T16:00:00Z",
        "/compat/sibyls/v1/announcement/2026-11-22T16:00:00Z?assetPair=PPCUSD",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.problem("unknown-event"), Some("time".to_owned()));
    }
}

#[tokio::test]
async fn every_mount_is_documented_and_takes_no_write() {
    let world = offering().await;
    let document = world.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    let mounts: Vec<_> = paths
        .iter()
        .filter(|(path, _)| path.starts_with("/compat/"))
        .collect();
    assert_eq!(mounts.len(), 13);
    for (path, item) in mounts {
        let methods: Vec<_> = item.as_object().unwrap().keys().collect();
        assert_eq!(methods, ["get"], "{path}");
        assert_eq!(item["get"]["tags"], json!(["compat"]), "{path}");
        let path = path.replace(['{', '}'], "");
        let post = Request::post(path.as_str()).body(Body::empty()).unwrap();
        let answer = world.send(post).await;
        answer.problem("method-not-allowed");
    }
}

#[tokio::test]
async fn the_dialects_are_under_the_same_rate_limit() {
    let mut world = offering().await;
    let settings = HttpConfig {
        rate_limit: RateLimit {
            burst: NonZeroU32::MIN,
            interval: Duration::from_hours(1),
        },
        ..settings()
    };
    world.router = public_router(world.app.clone(), &settings);
    let path = "/compat/kormir/list-events";
    assert_eq!(world.get(path).await.status, StatusCode::OK);
    let answer = world.get(path).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!answer.header("retry-after").is_empty());
}
