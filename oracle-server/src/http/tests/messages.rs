//! Laws of announcements, attestations, refunds, points and waiting for them.

use super::*;

#[tokio::test]
async fn an_attestation_goes_from_unknown_to_not_yet_to_immutable() {
    let mut world = World::new().await;
    let path = "/v1/attestations/px@2026-11-22T16:00:00Z";
    let answer = world.get(path).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.problem("unknown-event"), Some("id".to_owned()));

    world.announce("px@2026-11-22T16:00:00Z", yes_no()).await;
    let answer = world.get(path).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    answer.problem("not-attested");
    assert_eq!(answer.header("retry-after"), "3600");

    world.mature();
    let answer = world.get(path).await;
    answer.problem("not-attested");
    let wait: i64 = answer.header("retry-after").parse().unwrap();
    assert!(
        (1..=60).contains(&wait),
        "an outcome may come at any moment"
    );
    let attestation = world.attest("px@2026-11-22T16:00:00Z", "yes").await;
    let answer = world.get(path).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json(), attestation.to_json());
    assert_eq!(
        answer.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    let known = Request::get(path)
        .header("if-none-match", answer.header("etag"))
        .body(Body::empty())
        .unwrap();
    let again = world.send(known).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert!(again.body.is_empty());
}

#[tokio::test]
async fn every_format_holds_the_same_message() {
    let mut world = World::new().await;
    let announcement = world.announce("e+1:x", three_bits()).await;
    let tlv = announcement.to_tlv();
    let path = "/v1/announcements/e%2B1:x";
    assert_eq!(world.get(path).await.json(), announcement.to_json());
    assert_eq!(world.get(&format!("{path}?format=tlv")).await.body, tlv);
    assert_eq!(
        world.get(&format!("{path}?format=hex")).await.body,
        hex::encode(&tlv)
    );
    let accept = Request::get(path)
        .header("accept", "application/octet-stream")
        .body(Body::empty())
        .unwrap();
    let answer = world.send(accept).await;
    assert_eq!(answer.body, tlv);
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert!(answer.header("vary").contains("accept"));
    let refused = world.get(&format!("{path}?format=rust-dlc")).await;
    assert_eq!(refused.problem("bad-parameter"), Some("format".to_owned()));

    world.announce("e2", yes_no()).await;
    world.mature();
    let attestation = world.attest("e2", "no").await;
    let path = "/v1/attestations/e2?format=rust-dlc";
    let counted = attestation.to_tlv(Layout::Counted);
    assert_eq!(world.get(path).await.body, counted);
    assert_eq!(
        world.get(&format!("{path}&hex=1")).await.body,
        hex::encode(&counted)
    );
}

#[tokio::test]
async fn a_refund_is_said_with_its_reason() {
    let mut world = World::new().await;
    world.announce("e", yes_no()).await;
    world.clock.advance(TimeDelta::hours(4));
    world.refund_all("no price by then").await;
    let answer = world.get("/v1/attestations/e").await;
    assert_eq!(answer.status, StatusCode::GONE);
    answer.problem("refunded");
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .contains("no price by then")
    );
    assert_eq!(world.get("/v1/events/e").await.json()["state"], "refund");
    // The announcement stays: it was published.
    assert_eq!(
        world.get("/v1/announcements/e").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_scheduled_event_has_no_announcement_yet() {
    let world = World::new().await;
    world.schedule("e", yes_no()).await;
    for path in ["/v1/announcements/e", "/v1/events/e/points"] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        answer.problem("not-announced");
        assert_eq!(answer.header("retry-after"), "1");
    }
    let policy = world.get("/v1/events/e/policy").await;
    assert_eq!(policy.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn the_policy_of_an_announced_event_is_exactly_the_hashed_bytes() {
    let mut world = World::new().await;
    world.announce("e", yes_no()).await;
    let policy = world.get("/v1/events/e/policy").await;
    assert_eq!(policy.body, DOCUMENT);
    assert!(policy.header("cache-control").contains("immutable"));
    let event = world.get("/v1/events/e").await.json();
    assert_eq!(event["policy_hash"], hex::encode(policy_hash()));
    assert_eq!(event["outcomes"], json!(["yes", "no"]));
    assert_eq!(event["outcome"], Value::Null);
    assert_eq!(event["state"], "announced");
}

#[tokio::test]
async fn points_sum_over_a_prefix() {
    use oracle_schema::point::{digit_points, prefix_point};
    let mut world = World::new().await;
    let announcement = world.announce("d", three_bits()).await;
    let all = world.get("/v1/events/d/points").await;
    assert!(all.header("cache-control").contains("immutable"));
    let all = all.json();
    let expected = digit_points(&announcement).unwrap();
    for (index, values) in expected.iter().enumerate() {
        assert_eq!(all["digits"][index]["index"], index);
        for (value, point) in values.iter().enumerate() {
            let shown = &all["digits"][index]["values"][value];
            assert_eq!(shown["value"], point.value);
            assert_eq!(shown["compressed"], hex::encode(point.point.compressed()));
        }
    }
    let one = world.get("/v1/events/d/points?prefix=0,1").await.json();
    let sum = prefix_point(&announcement, &["0", "1"]).unwrap();
    assert_eq!(one["xonly"], hex::encode(sum.xonly()));
    assert_eq!(one["odd_y"], sum.odd_y());
    for bad in ["", "2", "0,1,1,0", "0,,1", "00"] {
        let answer = world
            .get(&format!("/v1/events/d/points?prefix={bad}"))
            .await;
        assert_eq!(
            answer.problem("bad-parameter").as_deref(),
            Some("prefix"),
            "{bad}"
        );
    }
    world.announce("e", yes_no()).await;
    let points = world.get("/v1/events/e/points").await.json();
    assert_eq!(points["outcomes"][1]["outcome"], "no");
    assert!(points["outcomes"][1]["xonly"].is_string());
}

#[tokio::test]
async fn a_long_poll_is_answered_by_the_attestation() {
    let mut world = World::new().await;
    world.announce("e", yes_no()).await;
    world.mature();
    let router = world.router.clone();
    let poll = tokio::spawn(async move {
        let request = Request::get("/v1/attestations/e?wait=60")
            .body(Body::empty())
            .unwrap();
        router.oneshot(request).await.unwrap().status()
    });
    while world.app.fanout.waiting_events() == 0 {
        tokio::task::yield_now().await;
    }
    world.attest("e", "yes").await;
    assert_eq!(poll.await.unwrap(), StatusCode::OK);
    assert_eq!(world.app.fanout.waiting_events(), 0);
}

#[tokio::test]
async fn a_long_poll_for_an_unknown_event_does_not_wait() {
    let world = World::new().await;
    let answer = world.get("/v1/attestations/none?wait=60").await;
    answer.problem("unknown-event");
}
