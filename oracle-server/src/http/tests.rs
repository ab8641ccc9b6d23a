//! Laws of the HTTP room, through the routers and over sockets, on SQLite.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod compat;
mod pages;

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use oracle_schema::codec::Layout;
use oracle_schema::event::{DigitsDescriptor, EnumDescriptor};
use oracle_schema::nonce_proof::NonceProof;
use oracle_schema::{Announcement, Attestation, Descriptor, EventId, Maturity, OracleEvent};
use secp256k1::XOnlyPublicKey;
use secp256k1::schnorr::Signature;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt;

use super::*;
use crate::clock::TestClock;
use crate::health::Condition;
use crate::keys::{Question, RoundKey};
use crate::lifecycle::{Standing, State};
use crate::listener::{admin_router, public_router};
use crate::stop::stopped;
use crate::store::{NewEvent, SignHead, SignedEvent, SignedOutcome, Store};

const DOCUMENT: &[u8] = br#"{"rule":"test"}"#;
const MATURITY: i64 = 1_795_363_200;

fn at(unix: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(unix, 0).unwrap()
}

fn policy_hash() -> [u8; 32] {
    oracle_schema::policy::policy_hash(DOCUMENT)
}

/// Distinct x coordinates that are on the curve.
fn points() -> impl Iterator<Item = XOnlyPublicKey> {
    (1_u8..=255).filter_map(|i| XOnlyPublicKey::from_byte_array([i; 32]).ok())
}

/// A proof of nothing: the service serves what the signer made.
fn unverified_proof() -> NonceProof {
    let commitment = points().next().unwrap().to_byte_array();
    NonceProof::from_bytes(&[commitment, [1; 32]].concat()).unwrap()
}

struct World {
    store: Store,
    clock: Arc<TestClock>,
    app: Arc<AppState>,
    router: Router,
    stop: watch::Sender<bool>,
    health: watch::Sender<HealthReport>,
    used_nonces: usize,
    /// Of events whose ids name none.
    series: Option<&'static str>,
    _dir: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// Checks that it is a problem of this kind, and gives its `field`.
    fn problem(&self, slug: &str) -> Option<String> {
        assert_eq!(self.header("content-type"), problem::PROBLEM_JSON);
        assert_eq!(self.header("cache-control"), "no-store");
        let body = self.json();
        assert_eq!(body["type"], format!("/problems/{slug}"), "{body}");
        assert_eq!(body["status"], self.status.as_u16());
        body["field"].as_str().map(str::to_owned)
    }
}

pub(super) fn settings() -> HttpConfig {
    HttpConfig {
        public_url: "http://127.0.0.1:8080".to_owned(),
        rate_limit: RateLimit {
            burst: NonZeroU32::new(10_000).unwrap(),
            interval: Duration::from_millis(1),
        },
        max_connections: 100,
        held_per_client: NonZeroUsize::new(100).unwrap(),
        trusted_proxies: Vec::new(),
        forwarded_header: ForwardedHeader::default(),
        assets: Vec::new(),
    }
}

/// Heads as text: who signs them is tested elsewhere.
struct Unsigned;

/// The public key of RFC 8032's first test.
const LOG_KEY: [u8; 32] = [
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
    0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
];

impl SignHead for Unsigned {
    fn sign_head(&self, size: u64, root: &[u8; 32]) -> String {
        format!("{size} {}\n", hex::encode(root))
    }

    fn published(&self, _: u64, _: &[u8; 32]) {}
}

impl World {
    /// An oracle without events, an hour before [`MATURITY`].
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("oracle.db").display());
        let store = Store::open(&url, true).await.unwrap();
        let oracle = OracleRow {
            public_key: points().next().unwrap().to_byte_array(),
            log_public_key: LOG_KEY,
            log_origin: "oracle.example/log".to_owned(),
            network: "peercoin-regtest".to_owned(),
        };
        let now = at(MATURITY - 3600);
        store
            .initialise(&oracle, &[1; 16], b"genesis", now)
            .await
            .unwrap();
        assert!(store.take_lead().await.unwrap());
        store.sign_heads_by(Some(Arc::new(Unsigned)));
        store.complete_tree(DateTime::UNIX_EPOCH).await.unwrap();
        let clock = Arc::new(TestClock::at(now));
        let (stop, stopping) = watch::channel(false);
        let health = watch::Sender::new(HealthReport::leading());
        let identity = Identity {
            name: "Test <oracle>".to_owned(),
            oracle,
            max_open_choice_bits: 64,
            has_relays: true,
        };
        let app = AppState::new(
            store.reader(),
            clock.clone(),
            identity,
            Calendar::default(),
            health.subscribe(),
            stopping,
            OperatorAccess {
                operators: Vec::new(),
                commands: crate::command::channel().1,
            },
        );
        Self {
            router: public_router(app.clone(), &settings()),
            store,
            clock,
            app,
            stop,
            health,
            used_nonces: 1,
            series: None,
            _dir: dir,
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    fn new_event(id: &str, descriptor: Descriptor) -> NewEvent {
        NewEvent {
            event_id: EventId::parse(id).unwrap(),
            series: id.split_once('@').map(|(s, _)| s.to_owned()),
            kind: match descriptor {
                Descriptor::Enum(_) => "threshold",
                Descriptor::Digits(_) => "digits",
            },
            maturity: Maturity::from_unix(MATURITY).unwrap(),
            attest_by: at(MATURITY + 7200),
            announce_at: at(MATURITY - 3600),
            overdue_at: at(MATURITY + 60),
            round_due: at(MATURITY),
            sample_from: None,
            descriptor,
            policy_hash: policy_hash(),
            round_key: RoundKey::read("price".to_owned()),
            question: Question::read(json!({"name": "p", "legs": []}).to_string()),
            subjects: Vec::new(),
            sole_outcomes: 0,
            search: None,
        }
    }

    async fn schedule(&self, id: &str, descriptor: Descriptor) {
        let mut event = Self::new_event(id, descriptor);
        event.series = event.series.or_else(|| self.series.map(str::to_owned));
        self.store
            .schedule(&[event], &[], &[(policy_hash(), DOCUMENT.to_vec())])
            .await
            .unwrap();
    }

    async fn announce(&mut self, id: &str, descriptor: Descriptor) -> Announcement {
        self.schedule(id, descriptor.clone()).await;
        let count = match &descriptor {
            Descriptor::Enum(_) => 1,
            Descriptor::Digits(d) => usize::from(d.nb_digits()) + usize::from(d.is_signed()),
        };
        let announcement = Announcement {
            signature: Signature::from_byte_array([3; 64]),
            oracle_public_key: points().next().unwrap(),
            event: OracleEvent {
                nonces: points().skip(self.used_nonces).take(count).collect(),
                maturity: Maturity::from_unix(MATURITY).unwrap(),
                descriptor,
                event_id: EventId::parse(id).unwrap(),
            },
        };
        self.used_nonces += count;
        let signed = SignedEvent {
            standing: Standing {
                state: State::Scheduled,
                is_vetoed: false,
                maturity: announcement.event.maturity,
                attest_by: DateTime::<Utc>::MAX_UTC,
            },
            tlv: announcement.to_tlv(),
            nonce_map: vec![0; count * 2],
            content_hash: [4; 32],
            policy_hash: policy_hash(),
            nonce_proof: unverified_proof(),
            announcement: announcement.clone(),
        };
        self.store
            .publish_announcements(&[signed], self.now())
            .await
            .unwrap();
        announcement
    }

    /// Attests an enum event.
    async fn attest(&self, id: &str, outcome: &str) -> Attestation {
        self.attest_all(id, &[outcome]).await
    }

    /// Attests an event, one text for each nonce.
    async fn attest_all(&self, id: &str, outcomes: &[&str]) -> Attestation {
        let maturity = Maturity::from_unix(MATURITY).unwrap();
        let candidate = self
            .store
            .candidates("price", maturity, "", self.now(), 100)
            .await
            .unwrap()
            .into_iter()
            .find(|c| c.event_id().as_str() == id)
            .unwrap();
        let announcement = candidate.announcement().clone();
        let outcomes: Vec<String> = outcomes.iter().map(|&o| o.to_owned()).collect();
        let outcome = announcement
            .event
            .descriptor
            .parse_messages(&outcomes)
            .unwrap();
        let attestation = Attestation {
            event_id: Some(announcement.event.event_id.clone()),
            oracle_public_key: announcement.oracle_public_key,
            signatures: vec![Signature::from_byte_array([5; 64]); outcomes.len()],
            outcomes: outcome.messages(),
        };
        let mut tickets = self
            .store
            .commit_outcomes(&[(candidate, outcome)], &[6; 32], self.now())
            .await
            .unwrap();
        let signed = SignedOutcome::new(
            tickets.remove(0),
            attestation.clone(),
            attestation.to_tlv(Layout::Spec),
        );
        self.store
            .publish_attestations(&[signed], self.now())
            .await
            .unwrap();
        attestation
    }

    /// Refunds every announced event.
    async fn refund_all(&self, reason: &str) {
        let expired = self.store.expired(self.now(), 100).await.unwrap();
        self.store
            .commit_refunds(&expired, reason, self.now())
            .await
            .unwrap();
        let refunds = self.store.open_refunds("", 100).await.unwrap();
        self.store
            .publish_refunds(&refunds, self.now())
            .await
            .unwrap();
    }

    fn mature(&self) {
        self.clock.set(at(MATURITY));
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: axum::body::to_bytes(body, 1 << 20).await.unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }
}

fn yes_no() -> Descriptor {
    Descriptor::Enum(EnumDescriptor::new(vec!["yes".into(), "no".into()]).unwrap())
}

fn three_bits() -> Descriptor {
    Descriptor::Digits(DigitsDescriptor::new(2, false, "uUSD/PPC".into(), 0, 3).unwrap())
}

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

/// The world's public router behind a real socket.
async fn listening(
    world: &World,
    limits: Limits,
) -> (
    std::net::SocketAddr,
    tokio::task::JoinHandle<std::io::Result<()>>,
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut stopping = world.stop.subscribe();
    let served = tokio::spawn(serve(listener, world.router.clone(), limits, async move {
        stopped(&mut stopping).await;
    }));
    (address, served)
}

/// Reads until `needle` has come.
async fn read_until(stream: &mut TcpStream, needle: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains(needle) {
        let n = stream.read(&mut buffer).await.unwrap();
        assert!(n > 0, "closed before {needle:?}: {text}");
        text.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
    }
    text
}

#[tokio::test]
async fn a_stream_resumes_after_the_last_item_and_ends_with_the_service() {
    let mut world = World::new().await;
    world.announce("e1", yes_no()).await;
    world.announce("e2", yes_no()).await;
    world.mature();
    let (address, served) = listening(&world, Limits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 1\r\n\r\n")
        .await
        .unwrap();
    // Position 0 is the genesis, 1 the announcement of e1, 2 the proof of its nonces.
    let missed = read_until(&mut stream, "id: 3\n").await;
    assert!(missed.contains("event: announced\n") && !missed.contains("id: 1\n"));
    world.attest("e1", "yes").await;
    let live = read_until(&mut stream, "id: 5\n").await;
    assert!(live.contains("event: attested\n"), "{live}");
    assert!(live.contains(r#""href":"/v1/attestations/e1""#));
    world.stop.send_replace(true);
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    served.await.unwrap().unwrap();
}

/// Opens streams through a proxy that says who asks, until one is refused; how many
/// were not.
async fn open_streams(address: std::net::SocketAddr, client: &str) -> (Vec<TcpStream>, String) {
    let mut open = Vec::new();
    loop {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let ask =
            format!("GET /v1/stream HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\n\r\n");
        stream.write_all(ask.as_bytes()).await.unwrap();
        let head = read_until(&mut stream, "\r\n\r\n").await;
        if !head.starts_with("HTTP/1.1 200") {
            return (open, head);
        }
        open.push(stream);
    }
}

#[tokio::test]
async fn one_client_cannot_take_all_streams_and_gets_its_share_back() {
    let mut world = World::new().await;
    let settings = HttpConfig {
        held_per_client: NonZeroUsize::new(3).unwrap(),
        trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
        ..settings()
    };
    world.announce("e", yes_no()).await;
    world.router = public_router(world.app.clone(), &settings);
    let (address, _served) = listening(&world, Limits::default()).await;
    let (greedy, refused) = open_streams(address, "192.0.2.1").await;
    assert_eq!(greedy.len(), 3);
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(refused.contains("retry-after: "), "{refused}");
    // Long polls are held open too.
    let poll = Request::get("/v1/attestations/e?wait=60")
        .header("x-forwarded-for", "192.0.2.1")
        .extension(ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 9))));
    let answer = world.send(poll.body(Body::empty()).unwrap()).await;
    answer.problem("rate-limited");
    let (others, _) = open_streams(address, "192.0.2.2").await;
    assert_eq!(others.len(), 3);
    drop(greedy);
    // A dropped connection is noticed when the service next looks at it.
    let again = async {
        while open_streams(address, "192.0.2.1").await.0.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), again)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_request_with_two_lengths_is_refused_and_its_connection_closed() {
    let world = World::new().await;
    let (address, _served) = listening(&world, Limits::default()).await;
    let smuggled = "GET /v1/oracle HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = format!("Content-Length: {}\r\n", smuggled.len() + 5);
    let chunked = "Transfer-Encoding: chunked\r\n";
    for fields in [
        format!("{length}{chunked}"),
        format!("{chunked}{length}"),
        chunked.to_owned(),
    ] {
        for line in ["POST /v1/events", "GET /v1/oracle", "GET /nothing"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!("{line} HTTP/1.1\r\nHost: x\r\n{fields}\r\n0\r\n\r\n{smuggled}");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            // A reset after the answer is a close too.
            let _ = stream.read_to_end(&mut answer).await;
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.starts_with("HTTP/1.1 400"), "{line}: {answer}");
            assert!(answer.contains("connection: close"), "{line}: {answer}");
            assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{line}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_stream_without_a_position_starts_at_the_live_end() {
    let mut world = World::new().await;
    world.announce("e1", yes_no()).await;
    let (address, _served) = listening(&world, Limits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut text = read_until(&mut stream, "\r\n\r\n").await;
    world.announce("e2", yes_no()).await;
    text += &read_until(&mut stream, "id: 3\n").await;
    assert!(!text.contains("id: 1\n"));
}

#[tokio::test]
async fn a_reader_without_a_position_is_told_at_once_where_to_resume() {
    let mut world = World::new().await;
    world.announce("e1", yes_no()).await;
    let (address, _served) = listening(&world, Limits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /v1/stream?events=e1 HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let text = read_until(&mut stream, "id: 2\n\n").await;
    assert!(text.contains(": open\nid: 2\n\n"), "{text}");
    drop(stream);
    world.mature();
    world.attest("e1", "yes").await;
    // As a browser comes back, and as one that sets no headers.
    for (query, header) in [("", "Last-Event-ID: 2\r\n"), ("&after=2", "")] {
        let mut again = TcpStream::connect(address).await.unwrap();
        let ask = format!("GET /v1/stream?events=e1{query} HTTP/1.1\r\nHost: x\r\n{header}\r\n");
        again.write_all(ask.as_bytes()).await.unwrap();
        let text = read_until(&mut again, "id: 3\n").await;
        assert!(text.contains("event: attested\n"), "{text}");
    }
}

#[tokio::test]
async fn a_position_ahead_of_the_log_is_refused_and_both_are_named() {
    let mut world = World::new().await;
    world.announce("e1", yes_no()).await;
    let ask = |path: &str, last: Option<&str>| {
        let mut request = Request::get(path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        request.body(Body::empty()).unwrap()
    };
    // The log has the positions 0 to 2.
    for ahead in [
        "3",
        "100000",
        "9223372036854775807",
        "340282366920938463463374607431768211455",
    ] {
        for (request, field) in [
            (ask("/v1/stream", Some(ahead)), "Last-Event-ID"),
            (ask(&format!("/v1/stream?after={ahead}"), None), "after"),
            (
                ask("/v1/stream?events=e1&after=0", Some(ahead)),
                "Last-Event-ID",
            ),
        ] {
            let answer = world.send(request).await;
            assert_eq!(answer.status, StatusCode::CONFLICT);
            assert_eq!(answer.problem("ahead-of-log").as_deref(), Some(field));
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(&format!("position {ahead} ")), "{detail}");
            assert!(detail.contains("last position is 2"), "{detail}");
            assert!(detail.contains("another oracle"), "{detail}");
        }
    }
    for garbage in ["", "-1", "1.5", "0x10", " ", "1e3"] {
        let answer = world.send(ask("/v1/stream", Some(garbage))).await;
        assert_eq!(
            answer.problem("bad-parameter").as_deref(),
            Some("Last-Event-ID"),
            "{garbage:?}"
        );
    }
    let answer = world.get("/v1/stream?after=x").await;
    assert_eq!(answer.problem("bad-parameter").as_deref(), Some("after"));
}

#[tokio::test]
async fn a_change_of_state_comes_before_what_is_published_and_moves_no_reader() {
    let mut world = World::new().await;
    world.announce("e1", yes_no()).await;
    world.mature();
    let (address, _served) = listening(&world, Limits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 0\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut stream, "id: 1\n").await;
    world.attest("e1", "yes").await;
    let text = read_until(&mut stream, "id: 3\n").await;
    let (state, item) = text.split_once("event: attested\n").unwrap();
    assert!(state.contains("event: state\n"), "{text}");
    assert!(state.contains(r#""state":"committed""#), "{text}");
    assert!(!state.contains("id: "), "{text}");
    assert!(!item.contains("event: state\n"), "{text}");
}

#[tokio::test]
async fn a_stream_of_some_events_is_silent_about_others() {
    let mut world = World::new().await;
    for id in ["e1", "e2", "e3"] {
        world.announce(id, yes_no()).await;
    }
    world.mature();
    let (address, _served) = listening(&world, Limits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /v1/stream?events=e3,e1 HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 0\r\n\r\n")
        .await
        .unwrap();
    let mut text = read_until(&mut stream, "id: 5\n").await;
    world.attest("e2", "yes").await;
    world.attest("e3", "yes").await;
    text += &read_until(&mut stream, "id: 8\n").await;
    assert!(text.contains("id: 1\n"), "{text}");
    assert!(!text.contains("e2"), "{text}");
}

#[tokio::test]
async fn a_stream_that_is_behind_by_more_than_a_block_gets_everything_once() {
    let mut world = World::new().await;
    let ids: Vec<String> = (0..1100).map(|n| format!("e{n}")).collect();
    for id in &ids {
        world.announce(id, yes_no()).await;
    }
    let (address, _served) = listening(&world, Limits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 500\r\n\r\n")
        .await
        .unwrap();
    let text = read_until(&mut stream, "id: 2199\n").await;
    let got: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .collect();
    let due: Vec<String> = (501..=2199).step_by(2).map(|n| n.to_string()).collect();
    assert_eq!(got, due);
}

#[tokio::test]
async fn a_request_head_that_never_ends_is_dropped() {
    let world = World::new().await;
    let limits = Limits {
        header_timeout: Duration::from_millis(20),
        ..Limits::default()
    };
    let (address, _served) = listening(&world, limits).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").await.unwrap();
    let mut answer = Vec::new();
    // Ends only because the service closes.
    let _ = slow.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_closed() {
    let world = World::new().await;
    let limits = Limits {
        max_connections: 1,
        ..Limits::default()
    };
    let (address, _served) = listening(&world, limits).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    first.write_all(request).await.unwrap();
    read_until(&mut first, r#""status":"ok""#).await;
    let mut second = TcpStream::connect(address).await.unwrap();
    let mut answer = String::new();
    second.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    // The first is not disturbed.
    first.write_all(request).await.unwrap();
    read_until(&mut first, r#""status":"ok""#).await;
}

#[tokio::test]
async fn idle_connections_of_one_address_leave_room_for_others_and_a_proxys_are_not_counted() {
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    for (trusted_proxies, is_full) in [(vec![], true), (vec![[127, 0, 0, 1].into()], false)] {
        let world = World::new().await;
        let limits = Limits {
            max_connections: 4,
            per_client: NonZeroUsize::new(2).unwrap(),
            trusted_proxies,
            ..Limits::default()
        };
        let (address, _served) = listening(&world, limits).await;
        let mut idle = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request).await.unwrap();
            read_until(&mut stream, r#""status":"ok""#).await;
            idle.push(stream);
        }
        let mut one_more = TcpStream::connect(address).await.unwrap();
        if is_full {
            read_until(&mut one_more, "HTTP/1.1 503").await;
        } else {
            one_more.write_all(request).await.unwrap();
            read_until(&mut one_more, r#""status":"ok""#).await;
        }
    }
}

#[tokio::test]
async fn a_panicking_handler_is_a_problem_and_not_a_dropped_connection() {
    let broken = Router::new().route(
        "/broken",
        axum::routing::get(async || -> StatusCode { panic!("on purpose") }),
    );
    let request = Request::get("/broken").body(Body::empty()).unwrap();
    let answer = with_common_layers(broken, None)
        .oneshot(request)
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.headers()["content-type"], problem::PROBLEM_JSON);
}
