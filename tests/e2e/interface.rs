//! HTTP as outsiders use it, rightly and wrongly.

use oracle_client::points::{Selection, adaptor_points};
use oracle_schema::log_entry::LogEntry;
use oracle_tests::database::Backend;
use oracle_tests::world::{World, event_id};
use sha2::{Digest, Sha256};

use crate::series::{CENTS, MATURITY, MICROS, SETTLED, threshold};

laws! {
    bad_input_gets_a_problem_that_names_the_field_and_changes_nothing,
    what_is_published_never_changes_and_is_cached_for_ever,
    what_may_still_change_is_not_kept,
    announced_points_open_with_attested_secrets,
    the_policy_is_the_hashed_document,
    every_observation_and_the_manifest_hash_to_what_is_said,
}

async fn attested(backend: Backend) -> World {
    let series = format!("{CENTS}{MICROS}{}", threshold("ppc-option", "0.25"));
    let mut world = World::new(backend, &series).await;
    world.at(SETTLED).await;
    world
}

async fn bad_input_gets_a_problem_that_names_the_field_and_changes_nothing(backend: Backend) {
    let world = attested(backend).await;
    let log = world.database.log().await;
    let micros = event_id("ppc-micros", MATURITY);
    let cases = [
        ("/v1/events?limit=501".to_owned(), 400, "limit"),
        ("/v1/events?limit=0".to_owned(), 400, "limit"),
        ("/v1/events?limit=ten".to_owned(), 400, "limit"),
        ("/v1/events?limt=10".to_owned(), 400, "limt"),
        ("/v1/events?limit=1&limit=2".to_owned(), 400, "limit"),
        ("/v1/events?state=done".to_owned(), 400, "state"),
        ("/v1/events?from=yesterday".to_owned(), 400, "from"),
        (
            "/v1/events?from=2026-11-22T16:00:00Z&to=2026-11-22T15:00:00Z".to_owned(),
            400,
            "to",
        ),
        ("/v1/events?cursor=00ff".to_owned(), 400, "cursor"),
        ("/v1/events?q=%00".to_owned(), 400, "q"),
        (
            format!("/v1/announcements/{micros}?format=xml"),
            400,
            "format",
        ),
        (
            format!("/v1/attestations/{micros}?format=xml"),
            400,
            "format",
        ),
        (format!("/v1/attestations/{micros}?wait=61"), 400, "wait"),
        (format!("/v1/attestations/{micros}?wait=-1"), 400, "wait"),
        (format!("/v1/attestations/{micros}?hex=1"), 400, "hex"),
        (
            format!("/v1/events/{micros}/points?prefix=0,2"),
            400,
            "prefix",
        ),
        (format!("/v1/events/{micros}/points?prefix="), 400, "prefix"),
        (
            format!("/v1/events/{micros}/points?prefix={}0", "0,".repeat(20)),
            400,
            "prefix",
        ),
        ("/v1/evidence/abc".to_owned(), 400, "sha256"),
    ];
    for (path, status, field) in cases {
        let answer = world.get(&path).await;
        let problem = answer.json();
        assert_eq!(answer.status, status, "{path}: {problem}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(problem["status"], status, "{path}");
        assert_eq!(problem["field"], field, "{path}: {problem}");
    }
    let unknown = [
        "/v1/events/nobody",
        "/v1/events/nobody/policy",
        "/v1/events/nobody/points",
        "/v1/events/nobody/evidence",
        "/v1/announcements/nobody",
        "/v1/attestations/nobody",
        "/v1/attestations/nobody?wait=5",
        "/v1/attestations/%FF%00%2e%2e",
    ];
    for path in unknown {
        let answer = world.get(path).await;
        assert!(
            (400..500).contains(&answer.status),
            "{path}: {}",
            answer.status
        );
        if path.contains("nobody") {
            assert_eq!(
                (answer.status, answer.problem()),
                (404, "unknown-event".into()),
                "{path}"
            );
        }
    }
    let stream = world
        .get_with("/v1/stream", &[("last-event-id", "-1")])
        .await;
    assert_eq!(
        (stream.status, stream.problem()),
        (400, "bad-parameter".into())
    );
    let post = reqwest::Client::new()
        .post(format!("{}/v1/oracle", world.url()))
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(post.status(), 405);
    assert_eq!(world.database.log().await, log);
}

async fn what_is_published_never_changes_and_is_cached_for_ever(backend: Backend) {
    let mut world = attested(backend).await;
    let id = event_id("ppc-micros", MATURITY);
    let paths = [
        format!("/v1/announcements/{id}"),
        format!("/v1/announcements/{id}?format=tlv"),
        format!("/v1/attestations/{id}"),
        format!("/v1/attestations/{id}?format=rust-dlc"),
        format!("/v1/events/{id}/policy"),
        format!("/v1/events/{id}/points"),
        format!("/v1/events/{id}/points?prefix=0,0"),
    ];
    let mut bodies = Vec::new();
    for path in &paths {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        let caching = answer.header("cache-control");
        assert_eq!(caching, "public, max-age=31536000, immutable", "{path}");
        let tag = answer.header("etag").to_owned();
        assert!(!tag.is_empty(), "{path}");
        let again = world.get_with(path, &[("if-none-match", &tag)]).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        bodies.push((tag, answer.body));
    }
    world.stop().await;
    world.start().await.unwrap();
    world.at(SETTLED + 86_400).await;
    for (path, (tag, body)) in paths.iter().zip(bodies) {
        let answer = world.get(path).await;
        assert_eq!(
            (answer.header("etag"), answer.body == body),
            (&*tag, true),
            "{path}"
        );
    }
}

async fn what_may_still_change_is_not_kept(backend: Backend) {
    let world = World::new(backend, MICROS).await;
    let id = event_id("ppc-micros", MATURITY);
    for path in [
        format!("/v1/attestations/{id}"),
        format!("/v1/events/{id}"),
        "/v1/events".to_owned(),
        "/v1/oracle".to_owned(),
        "/v1/events/nobody".to_owned(),
    ] {
        let answer = world.get(&path).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
}

async fn announced_points_open_with_attested_secrets(backend: Backend) {
    let world = attested(backend).await;
    let client = world.client();
    for series in ["btc-cents", "ppc-micros", "ppc-option"] {
        let id = event_id(series, MATURITY);
        let attested = client.attestation(&id).await.unwrap();
        let texts = attested.attestation.outcomes.clone();
        let selection = Selection::Prefix(texts.clone());
        let points = adaptor_points(
            &attested.announcement,
            Some(&attested.attestation),
            &selection,
        )
        .unwrap();
        let point = &points[0];
        assert_eq!(point.secret.as_ref().unwrap().point(), point.point);
        // What the server lists is what the participant computes.
        let prefix = texts.join(",");
        let served = world
            .json(&format!("/v1/events/{id}/points?prefix={prefix}"))
            .await;
        assert_eq!(served["compressed"], hex::encode(point.point.compressed()));
        assert_eq!(served["xonly"], hex::encode(point.point.xonly()));
        assert_eq!(served["odd_y"], point.point.odd_y());

        let all = adaptor_points(
            &attested.announcement,
            Some(&attested.attestation),
            &Selection::All,
        )
        .unwrap();
        let opened = all.iter().filter(|p| p.secret.is_some()).count();
        assert_eq!(opened, texts.len(), "one secret a nonce and no other");
        let served = world.json(&format!("/v1/events/{id}/points")).await;
        let listed: Vec<String> = match served["digits"].as_array() {
            Some(digits) => digits
                .iter()
                .flat_map(|d| d["values"].as_array().unwrap().clone())
                .collect(),
            None => served["outcomes"].as_array().unwrap().clone(),
        }
        .iter()
        .map(|v| v["compressed"].as_str().unwrap().to_owned())
        .collect();
        let computed: Vec<String> = all
            .iter()
            .map(|p| hex::encode(p.point.compressed()))
            .collect();
        assert_eq!(listed, computed);
    }
}

async fn the_policy_is_the_hashed_document(backend: Backend) {
    let world = attested(backend).await;
    for series in ["btc-cents", "ppc-micros", "ppc-option"] {
        let id = event_id(series, MATURITY);
        let document = world.get(&format!("/v1/events/{id}/policy")).await.body;
        let hash = hex::encode(Sha256::digest(&document));
        assert_eq!(world.event(&id).await.policy_hash, Some(hash.clone()));
        let logged = world.database.log().await.into_iter().any(|(_, bytes)| {
            matches!(LogEntry::from_bytes(&bytes), Ok(LogEntry::Announcement {
                policy_hash, announcement,
            }) if announcement.event.event_id == id && hex::encode(policy_hash) == hash)
        });
        assert!(logged, "the log binds {series} to its policy");
    }
}

async fn every_observation_and_the_manifest_hash_to_what_is_said(backend: Backend) {
    let world = attested(backend).await;
    let id = event_id("ppc-micros", MATURITY);
    let evidence = world.json(&format!("/v1/events/{id}/evidence")).await;
    let observations = evidence["observations"].as_array().unwrap();
    assert_eq!(observations.len(), 6, "{evidence}");
    for observation in observations {
        assert_eq!(observation["verdict"], "observation");
        assert_eq!(observation["status"], 200);
        let sha256 = observation["sha256"].as_str().unwrap();
        let body = world.get(&format!("/v1/evidence/{sha256}")).await;
        assert_eq!(body.status, 200);
        assert_eq!(hex::encode(Sha256::digest(&body.body)), sha256);
        let literal = observation["literal"].as_str().unwrap();
        let text = String::from_utf8(body.body).unwrap();
        assert!(text.contains(literal), "{literal} is not in {text}");
    }
    let manifest = world.database.manifest(id.as_str()).await;
    let hash = hex::encode(Sha256::digest(&manifest));
    assert_eq!(evidence["manifest_sha256"], hash);
    let logged = world.database.log().await.into_iter().any(|(_, bytes)| {
        matches!(LogEntry::from_bytes(&bytes), Ok(LogEntry::Attestation {
            manifest_sha256, attestation, ..
        }) if attestation.event_id.as_ref() == Some(&id) && hex::encode(manifest_sha256) == hash)
    });
    assert!(logged, "the log binds the attestation to its evidence");
    let unknown = world.get(&format!("/v1/evidence/{}", "0".repeat(64))).await;
    assert_eq!(
        (unknown.status, unknown.problem()),
        (404, "unknown-evidence".into())
    );
}
