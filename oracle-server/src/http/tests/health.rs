//! Laws of readiness and metrics.

use super::*;

#[tokio::test]
async fn readiness_fails_when_an_attestation_is_late() {
    let mut world = World::new().await;
    world.announce("e", yes_no()).await;
    let answer = world.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["leader"], true);
    world.clock.advance(TimeDelta::minutes(62));
    let answer = world.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["overdue"], 1);
    world.attest("e", "yes").await;
    assert_eq!(world.get("/readyz").await.status, StatusCode::OK);
    world
        .health
        .send_modify(|h| h.journal = Condition::Fails("full".to_owned()));
    assert_eq!(
        world.get("/readyz").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(world.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn readiness_says_that_the_disk_fills_and_fails_before_it_is_full() {
    let world = World::new().await;
    assert_eq!(world.get("/readyz").await.json()["disk"], "ok");
    let left = |mib: u64| {
        let free = std::collections::BTreeMap::from([("journal", mib << 20)]);
        let disk = crate::health::DiskHealth { free };
        world.health.send_modify(|health| health.disk = disk);
    };
    left(900);
    let answer = world.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::OK);
    let reason = answer.json()["disk"].as_str().unwrap().to_owned();
    assert!(reason.contains("900 MiB"), "{reason}");
    assert_eq!(answer.json()["disk_free_bytes"]["journal"], 900 << 20);
    left(100);
    let answer = world.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn metrics_are_on_the_admin_listener_only() {
    let world = World::new().await;
    world.get("/metrics").await.problem("not-found");
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let admin = admin_router(world.app.clone());
    let answer = admin.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}
