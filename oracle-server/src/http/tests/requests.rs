//! Laws of requests: lists and pages, what is refused, what is documented.

use super::*;

#[tokio::test]
async fn pages_of_events_join_without_gap_or_repeat() {
    let mut world = World::new().await;
    for i in 0..5 {
        world.announce(&format!("e{i}"), yes_no()).await;
    }
    let mut seen = Vec::new();
    let mut path = "/v1/events?limit=2".to_owned();
    loop {
        let page = world.get(&path).await.json();
        let events = page["events"].as_array().unwrap();
        assert!(!events.is_empty() && events.len() <= 2);
        seen.extend(
            events
                .iter()
                .map(|e| e["event_id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/events?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ["e0", "e1", "e2", "e3", "e4"]);
}

#[tokio::test]
async fn bad_input_is_refused_by_name() {
    let world = World::new().await;
    for (path, slug, field) in [
        ("/v1/events?limit=0", "bad-parameter", "limit"),
        ("/v1/events?limit=501", "bad-parameter", "limit"),
        ("/v1/events?state=open", "bad-parameter", "state"),
        ("/v1/events?kind=digit", "bad-parameter", "kind"),
        ("/v1/events?from=yesterday", "bad-parameter", "from"),
        ("/v1/events?cursor=00", "bad-parameter", "cursor"),
        ("/v1/events?q=%00", "bad-parameter", "q"),
        ("/v1/events?sate=held", "unknown-parameter", "sate"),
        ("/v1/oracle?x=1", "unknown-parameter", "x"),
        ("/v1/stream?events=", "bad-parameter", "events"),
        ("/v1/stream?events=a,,b", "bad-parameter", "events"),
        ("/v1/attestations/e?wait=61", "bad-parameter", "wait"),
        ("/v1/attestations/e?wait=-1", "bad-parameter", "wait"),
        ("/v1/evidence/zz", "bad-parameter", "sha256"),
        ("/v1/events/%ff", "bad-parameter", "id"),
        (
            "/v1/events?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
            "bad-parameter",
            "to",
        ),
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(answer.problem(slug).as_deref(), Some(field), "{path}");
    }
    let stream = Request::get("/v1/stream")
        .header("last-event-id", "first")
        .body(Body::empty())
        .unwrap();
    let answer = world.send(stream).await;
    assert_eq!(
        answer.problem("bad-parameter").as_deref(),
        Some("Last-Event-ID")
    );
    assert_eq!(
        world.get("/v1/events/%00").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn unknown_paths_methods_and_large_bodies_are_problems() {
    let world = World::new().await;
    let answer = world.get("/v2/none").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    answer.problem("not-found");
    let post = Request::post("/v1/oracle").body(Body::empty()).unwrap();
    let answer = world.send(post).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    answer.problem("method-not-allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD");
    let large = Request::post("/v1/events")
        .header("content-length", "65537")
        .body(Body::empty())
        .unwrap();
    let answer = world.send(large).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    answer.problem("too-large");
}

#[tokio::test]
async fn every_documented_path_answers_and_every_operation_says_its_problems() {
    let mut world = World::new().await;
    world.announce("e", yes_no()).await;
    let document = world.get("/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 50, "{:?}", paths.keys());
    for (path, item) in paths {
        for operation in item.as_object().unwrap().values() {
            for status in ["200", "429", "500"] {
                assert!(
                    operation["responses"][status].is_object(),
                    "{path} {status}"
                );
            }
        }
        if item["get"].is_null() {
            for status in ["401", "403", "409", "422", "503"] {
                let response = &item["post"]["responses"][status];
                assert!(response.is_object(), "{path} {status}");
            }
            continue;
        }
        if path != "/v1/stream" {
            let path = path
                .replace("{id}", "e")
                .replace("{asset}", "btcusd")
                .replace("{time}", "2026-11-22T16:00:00Z")
                .replace("{name}", "0/000.p/1")
                .replace("{hour}", "2026-11-22T16")
                .replace("{sha256}", &"0".repeat(64));
            let answer = world.get(&path).await;
            if answer.status != StatusCode::OK {
                assert!(
                    !answer.json()["type"]
                        .as_str()
                        .unwrap()
                        .ends_with("/not-found"),
                    "{path}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_docs_page_has_every_operation_and_nothing_from_elsewhere() {
    let world = World::new().await;
    let document = world.get("/openapi.json").await.json();
    let page = world.get("/docs").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"));
    assert!(!policy.contains("unsafe"));
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(html.contains(&format!(" id=\"{id}\"")), "{id}");
        }
    }
    let mut sources: Vec<&str> = html
        .split([' ', '>'])
        .filter_map(|word| word.strip_prefix("src=").or(word.strip_prefix("href=")))
        .map(|quoted| quoted.trim_matches('"'))
        .collect();
    sources.retain(|source| !source.starts_with('#'));
    assert_eq!(sources, ["/docs.css", "/docs.js", "/", "/openapi.json"]);
    assert_eq!(html.matches("<script").count(), 1);
    for attribute in [" style=", " onclick=", " onsubmit="] {
        assert!(!html.contains(attribute), "{attribute}");
    }
    for asset in ["/docs.css", "/docs.js"] {
        let asset = world.get(asset).await;
        assert_eq!(asset.status, StatusCode::OK);
        let text = String::from_utf8(asset.body.to_vec()).unwrap();
        assert!(!text.contains("://") && !text.contains("import"), "{text}");
    }
    assert!(html.len() < 140_000, "{}", html.len());
}

#[tokio::test]
async fn a_304_depends_on_the_same_headers_as_the_answer_it_stands_for() {
    let world = World::new().await;
    let get = |known: bool| {
        let request = Request::get("/openapi.json").header("accept-encoding", "gzip");
        let request = if known {
            request.header("if-none-match", "*")
        } else {
            request
        };
        world.send(request.body(Body::empty()).unwrap())
    };
    let (whole, known) = (get(false).await, get(true).await);
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    for header in ["vary", "etag", "cache-control"] {
        assert_eq!(known.header(header), whole.header(header), "{header}");
    }
    assert_eq!(whole.header("vary"), "accept, accept-encoding");
}

#[tokio::test]
async fn a_coding_that_cannot_be_served_is_refused_as_a_problem() {
    let world = World::new().await;
    for path in ["/v1/oracle", "/v1/events/none"] {
        let request = Request::get(path).header("accept-encoding", "identity;q=0, x-none");
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::NOT_ACCEPTABLE);
        assert_eq!(
            answer.problem("not-acceptable"),
            Some("Accept-Encoding".to_owned())
        );
    }
}

#[tokio::test]
async fn events_can_be_asked_for_by_every_kind_there_is() {
    let world = World::new().await;
    for kind in crate::config::KINDS {
        let answer = world.get(&format!("/v1/events?kind={kind}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{kind}");
    }
}

#[tokio::test]
async fn any_origin_may_read_and_see_the_validator() {
    let world = World::new().await;
    let request = Request::get("/v1/oracle")
        .header("origin", "https://elsewhere.example")
        .body(Body::empty())
        .unwrap();
    let answer = world.send(request).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(
        answer
            .header("access-control-expose-headers")
            .contains("etag")
    );
    let oracle = answer.json();
    assert_eq!(oracle["dialect"], "tagged");
    assert_eq!(oracle["open_choice_bits"], 0);
    assert_eq!(oracle["max_open_choice_bits"], 64);
    assert_eq!(oracle["log_public_key"], hex::encode(LOG_KEY));
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() {
    let world = World::new().await;
    let rate_limit = RateLimit {
        burst: NonZeroU32::MIN,
        interval: Duration::from_hours(1),
    };
    let router = public_router(
        world.app.clone(),
        &HttpConfig {
            rate_limit,
            ..settings()
        },
    );
    let get = || Request::get("/v1/oracle").body(Body::empty()).unwrap();
    let first = router.clone().oneshot(get()).await.unwrap();
    assert_eq!(first.status(), StatusCode::OK);
    let second = router.oneshot(get()).await.unwrap();
    assert_eq!(second.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u32 = second.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=3601).contains(&wait));
}
