//! Laws of the explorer's pages as a browser gets them.

use std::io::Write as _;

use super::*;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const HOSTILE: &str = "<script>alert('1')</script>";

impl World {
    async fn browse(&self, path: &str) -> Answer {
        let request = Request::get(path).header("accept", BROWSER);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// A page that must be there, as text.
    async fn page(&self, path: &str) -> String {
        let answer = self.browse(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {:?}", answer.body);
        answer.html(path)
    }
}

impl Answer {
    fn html(&self, path: &str) -> String {
        assert_eq!(self.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(self.header("cache-control"), "no-store", "{path}");
        let policy = self.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let html = String::from_utf8(self.body.to_vec()).unwrap();
        assert!(html.starts_with("<!doctype html>"), "{path}");
        assert_eq!(html.matches("<h1").count(), 1, "{path}");
        html
    }
}

fn compressed(html: &str) -> usize {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(html.as_bytes()).unwrap();
    encoder.finish().unwrap().len()
}

#[tokio::test]
async fn an_oracle_without_events_has_pages_that_say_so() {
    let world = World::new().await;
    let overview = world.page("/").await;
    assert!(overview.contains("Nothing is ahead."));
    assert!(overview.contains("Nothing is attested yet."));
    assert!(overview.contains("No provider has been asked yet."));
    let events = world.page("/events").await;
    assert!(events.contains("There are no events yet."));
    let none = world.page("/events?q=x").await;
    assert!(none.contains("Nothing matches."));
    assert!(world.page("/log").await.contains("genesis"));
    assert!(world.page("/operators").await.contains("has no operators"));
    let oracle = world.page("/oracle").await;
    assert!(oracle.contains(&hex::encode(world.app.identity.oracle.public_key)));
    assert!(oracle.contains("Test &#60;oracle&#62;"), "{oracle:.400}");
}

#[tokio::test]
async fn nothing_from_outside_leaves_its_place_in_a_page() {
    let mut world = World::new().await;
    let outcomes = vec![HOSTILE.to_owned(), "\" onload=\"x".to_owned()];
    let descriptor = Descriptor::Enum(EnumDescriptor::new(outcomes).unwrap());
    world.announce("e", descriptor.clone()).await;
    world.announce("r@2026-11-22T16:00:00Z", yes_no()).await;
    world.health.send_modify(|report| {
        report.journal = Condition::Fails(HOSTILE.to_owned());
        let health = crate::health::ProviderHealth {
            last_error: Some(HOSTILE.to_owned()),
            ..crate::health::ProviderHealth::default()
        };
        report.providers.insert(HOSTILE.to_owned(), health);
    });
    world.mature();
    world.attest("e", HOSTILE).await;
    world.clock.advance(TimeDelta::hours(4));
    world.refund_all(HOSTILE).await;
    for path in [
        "/",
        "/events",
        "/events/e",
        "/events/r@2026-11-22T16:00:00Z",
        "/series/r",
        "/log",
    ] {
        let html = world.page(path).await;
        assert!(!html.contains("<script>"), "{path}");
        assert!(!html.contains("\" onload="), "{path}");
    }
    for path in [
        "/events?q=%3Cscript%3E",
        "/events?series=%22%3E%3Cscript%3E",
    ] {
        let html = world.page(path).await;
        assert!(!html.contains("<script>"), "{path}");
        assert!(html.contains("&#60;script&#62;"), "{path}");
    }
    let unknown = world.browse("/events/%3Cscript%3E").await;
    assert!(!unknown.html("unknown").contains("<script>"));
}

#[tokio::test]
async fn an_event_shows_its_life_from_schedule_to_attestation() {
    let mut world = World::new().await;
    world.schedule("s", yes_no()).await;
    let html = world.page("/events/s").await;
    assert!(html.contains("class=\"state scheduled\""));
    assert!(html.contains("To be announced"));
    assert!(!html.contains("Verify in this browser"));

    world.announce("px@2026-11-22T16:00:00Z", yes_no()).await;
    let path = "/events/px@2026-11-22T16:00:00Z";
    let html = world.page(path).await;
    assert!(html.contains("class=\"state announced\""));
    assert!(html.contains("data-turns-at=\"1795363200\""));
    assert!(html.contains("Verify in this browser"));
    assert!(html.contains("<a href=\"/series/px\">px</a>"));
    // Whoever adds its nonces to others' has to know this.
    assert!(html.contains("proven known <a class=\"position\" href=\"/log?before=3\">log 2</a>"));

    world.mature();
    assert!(world.page(path).await.contains("class=\"state matured\""));
    world.clock.advance(TimeDelta::seconds(90));
    let html = world.page(path).await;
    assert!(html.contains("<strong>Overdue</strong> for 30 s"));
    assert!(world.page("/").await.contains("Needs attention"));

    world.attest("px@2026-11-22T16:00:00Z", "yes").await;
    let html = world.page(path).await;
    assert!(html.contains("data-outcome=\"yes\""));
    assert!(html.contains("90.000 s after maturity"));
    assert!(html.contains("came true"));
    assert!(html.contains("/v1/attestations/px@2026-11-22T16:00:00Z?format=rust-dlc&amp;hex=1"));
    let series = world.page("/series/px").await;
    assert!(series.contains("1 outcomes from 2026-11-22 16:00:00"));
}

#[tokio::test]
async fn a_refund_is_said_first_and_with_its_reason() {
    let mut world = World::new().await;
    world.announce("e", yes_no()).await;
    world.clock.advance(TimeDelta::hours(4));
    world.refund_all("no price by then").await;
    let html = world.page("/events/e").await;
    let alert = html.find("This event will never be attested.").unwrap();
    assert!(alert < html.find("<dl").unwrap());
    assert!(html.contains("no price by then"));
    assert!(!html.contains("No outcome yet"));
}

#[tokio::test]
async fn what_is_not_there_is_a_page_for_browsers_and_a_problem_for_programs() {
    let world = World::new().await;
    for (path, status, says) in [
        (
            "/events/nope",
            StatusCode::NOT_FOUND,
            "There is no such event",
        ),
        (
            "/series/nope",
            StatusCode::NOT_FOUND,
            "There is no such series",
        ),
        (
            "/nowhere",
            StatusCode::NOT_FOUND,
            "There is nothing at this address",
        ),
        (
            "/events?from=yesterday",
            StatusCode::BAD_REQUEST,
            "<strong class=\"key\">from</strong>",
        ),
        (
            "/events?state=open",
            StatusCode::BAD_REQUEST,
            "<strong class=\"key\">state</strong>",
        ),
        (
            "/events?order=up",
            StatusCode::BAD_REQUEST,
            "<strong class=\"key\">order</strong>",
        ),
        (
            "/events?x=1",
            StatusCode::BAD_REQUEST,
            "<strong class=\"key\">x</strong>",
        ),
        (
            "/log?before=0",
            StatusCode::BAD_REQUEST,
            "<strong class=\"key\">before</strong>",
        ),
    ] {
        let answer = world.browse(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.html(path).contains(says), "{path}");
        assert!(answer.header("vary").contains("accept"), "{path}");
        let answer = world.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(
            answer.header("content-type"),
            problem::PROBLEM_JSON,
            "{path}"
        );
    }
    for path in [
        "/v1/events/nope",
        "/v1/events?from=x",
        "/assets/nope.js",
        "/tile/x",
    ] {
        let answer = world.browse(path).await;
        assert_eq!(
            answer.header("content-type"),
            problem::PROBLEM_JSON,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_compressed_problem_becomes_a_page_that_is_not() {
    let world = World::new().await;
    let request = Request::get("/events/nope")
        .header("accept", BROWSER)
        .header("accept-encoding", "gzip");
    let answer = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("content-encoding"), "");
    answer.html("/events/nope");
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_a_page_that_says_so() {
    let world = World::new().await;
    world.store.close().await;
    for path in ["/", "/events", "/events/e", "/log", "/series/x"] {
        let answer = world.browse(path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(
            answer
                .html(path)
                .contains("What is published stays published.")
        );
        assert!(!answer.header("retry-after").is_empty());
    }
}

#[tokio::test]
async fn filters_keep_each_other_and_empty_fields_filter_by_nothing() {
    let world = World::new().await;
    for i in 0..120 {
        world
            .schedule(&format!("px{i:03}@2026-11-22T16:00:00Z"), yes_no())
            .await;
    }
    let form = "q=px&kind=threshold&series=&state=scheduled&from=2026-11-22T15:00&to=&order=";
    let html = world.page(&format!("/events?{form}")).await;
    let kept = "q=px&#38;kind=threshold&#38;state=scheduled&#38;from=2026-11-22T15%3A00%3A00Z";
    assert!(
        html.contains(&format!("href=\"/events?{kept}&#38;cursor=")),
        "{html}"
    );
    // The address without a filter has all the others.
    assert!(html.contains("href=\"/events?q=px&#38;kind=threshold&#38;state=scheduled\""));
    assert!(html.contains("value=\"2026-11-22T15:00:00\""));

    for order in ["latest", "earliest"] {
        let mut seen = Vec::new();
        let mut path = format!("/events?order={order}");
        loop {
            let html = world.page(&path).await;
            let ids = html.split("class=\"event\" href=\"/events/").skip(1);
            seen.extend(ids.map(|rest| rest[..5].to_owned()));
            let next = html.split("<a href=\"").find(|part| {
                part.split_once('>')
                    .is_some_and(|(tag, _)| tag.contains("rel=\"next\""))
            });
            match next {
                Some(link) => path = link[..link.find('"').unwrap()].replace("&#38;", "&"),
                None => break,
            }
        }
        let mut due: Vec<String> = (0..120).map(|i| format!("px{i:03}")).collect();
        if order == "latest" {
            due.reverse();
        }
        assert_eq!(seen, due, "{order}");
    }
}

#[tokio::test]
async fn a_space_in_a_form_is_a_space_and_a_plus_is_a_plus() {
    let world = World::new().await;
    world.schedule("a+b", yes_no()).await;
    assert!(
        world
            .page("/events?q=a%2Bb")
            .await
            .contains("/events/a+b\"")
    );
    assert!(
        world
            .page("/events?q=a+b")
            .await
            .contains("Nothing matches.")
    );
}

#[tokio::test]
async fn pages_of_hundreds_of_events_stay_light() {
    let world = World::new().await;
    for i in 0..300 {
        let id = format!("a-series-with-a-long-name-{i:03}@2026-11-22T16:00:00Z");
        world.schedule(&id, yes_no()).await;
    }
    for path in ["/", "/events", "/events?q=series", "/log"] {
        let html = world.page(path).await;
        let weight = compressed(&html);
        assert!(weight < 20_000, "{path}: {weight} bytes compressed");
        assert!(html.len() < 100_000, "{path}: {} bytes", html.len());
    }
}

#[tokio::test]
async fn style_and_scripts_are_immutable_under_the_addresses_that_pages_name() {
    let world = World::new().await;
    let html = world.page("/").await;
    let assets: Vec<&str> = html
        .split('"')
        .filter(|part| part.starts_with("/assets/"))
        .collect();
    assert_eq!(assets.len(), 3, "{assets:?}");
    for path in assets {
        let answer = world.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.header("cache-control").contains("immutable"));
        assert!(!answer.header("etag").is_empty());
    }
}
