//! Laws of the HTTP room, through the routers and over sockets, on SQLite.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod compat;
mod connections;
mod health;
mod messages;
mod pages;
mod requests;
mod streams;

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
