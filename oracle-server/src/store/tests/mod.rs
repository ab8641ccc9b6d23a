//! Laws of the store, each on both engines: on SQLite, and on Postgres where
//! `ORACLE_TEST_POSTGRES` names a server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

/// Makes a test of each law on each engine.
macro_rules! laws {
    ($($law:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[test]
                fn $law() {
                    crate::store::tests::on_sqlite(super::$law);
                }
            )+
        }
        mod postgres {
            $(
                #[test]
                fn $law() {
                    crate::store::tests::on_postgres(stringify!($law), super::$law);
                }
            )+
        }
    };
}

mod lists;
mod rows;
mod writing;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use chrono::{DateTime, Utc};
use oracle_schema::nonce_proof::NonceProof;
use oracle_schema::{
    Announcement, Attestation, Descriptor, EnumDescriptor, EventId, Maturity, OracleEvent,
};
use secp256k1::XOnlyPublicKey;
use secp256k1::schnorr::Signature;
use sqlx::AssertSqlSafe;
use tokio::runtime::Runtime;

use super::db::{Db, args};
use super::{
    Candidate, ChangeError, NewEvent, OracleRow, SignHead, SignedEvent, SignedOutcome, Store,
};
use crate::keys::{Question, RoundKey};
use crate::lifecycle::{Standing, State};

/// Names an administrator's URL of a running Postgres.
const POSTGRES_VARIABLE: &str = "ORACLE_TEST_POSTGRES";

const DOCUMENT: &[u8] = br#"{"rule":"test"}"#;
/// When the events mature that say nothing else.
const MATURITY: i64 = 1_795_363_200;
/// When they can no longer be attested.
const ATTEST_BY: i64 = MATURITY + 7200;

fn at(unix: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(unix, 0).unwrap()
}

/// An hour before [`MATURITY`].
fn early() -> DateTime<Utc> {
    at(MATURITY - 3600)
}

fn policy_hash() -> [u8; 32] {
    oracle_schema::policy::policy_hash(DOCUMENT)
}

/// An oracle's store that leads.
struct Home {
    store: Store,
    /// Nonces that are burned.
    nonces: AtomicU32,
}

/// Runs a law on a file of its own.
fn on_sqlite<F: Future<Output = ()>>(law: impl FnOnce(Home) -> F) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("oracle.db").display());
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async { law(Home::at(&url).await).await });
}

/// Runs a law on a database of its own, gone when the law is.
fn on_postgres<F: Future<Output = ()>>(name: &str, law: impl FnOnce(Home) -> F) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let Ok(admin) = std::env::var(POSTGRES_VARIABLE) else {
        use std::io::Write as _;
        // Where libtest does not hide it; nobody reads a broken stderr.
        let what = format!("{name} on Postgres: {POSTGRES_VARIABLE} is not set");
        let _ = writeln!(std::io::stderr(), "left out: {what}");
        return;
    };
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let database = format!("oracle_store_{}_{number}", std::process::id());
    let drop = format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)");
    let runtime = Runtime::new().unwrap();
    // Process ids come back: an earlier run may have been killed.
    for sql in [&drop, &format!("CREATE DATABASE {database}")] {
        runtime.block_on(administer(&admin, sql));
    }
    let (server, _) = admin.rsplit_once('/').unwrap();
    let url = format!("{server}/{database}");
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async { law(Home::at(&url).await).await });
    }));
    runtime.block_on(administer(&admin, &drop));
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

async fn administer(admin: &str, sql: &str) {
    use sqlx::Connection as _;
    let mut connection = sqlx::PgConnection::connect(admin).await.unwrap();
    let sql = AssertSqlSafe(sql.to_owned());
    sqlx::query(sql).execute(&mut connection).await.unwrap();
}

/// Heads as text: who signs them is tested elsewhere.
struct Unsigned;

impl SignHead for Unsigned {
    fn sign_head(&self, size: u64, root: &[u8; 32]) -> String {
        format!("{size} {}\n", hex::encode(root))
    }

    fn published(&self, _: u64, _: &[u8; 32]) {}
}

/// One point for each number.
fn point(number: u32) -> XOnlyPublicKey {
    let mut x = [1; 32];
    x[..4].copy_from_slice(&number.to_be_bytes());
    // Every other number is a coordinate of one.
    let mut points = (0..=u8::MAX).filter_map(|last| {
        x[31] = last;
        XOnlyPublicKey::from_byte_array(x).ok()
    });
    points.next().unwrap()
}

fn above() -> Descriptor {
    let outcomes = vec!["above".to_owned(), "not_above".to_owned()];
    Descriptor::Enum(EnumDescriptor::new(outcomes).unwrap())
}

/// An event that matures at [`MATURITY`].
fn new_event(id: &str) -> NewEvent {
    NewEvent {
        event_id: EventId::parse(id).unwrap(),
        series: None,
        kind: "threshold",
        maturity: Maturity::from_unix(MATURITY).unwrap(),
        attest_by: at(ATTEST_BY),
        announce_at: at(MATURITY - 3600),
        overdue_at: at(MATURITY + 60),
        round_due: at(MATURITY),
        sample_from: None,
        descriptor: above(),
        policy_hash: policy_hash(),
        round_key: RoundKey::read("price".to_owned()),
        question: Question::read(r#"{"name":"p","legs":[]}"#.to_owned()),
        subjects: Vec::new(),
        sole_outcomes: 0,
        search: None,
    }
}

impl Home {
    async fn at(url: &str) -> Self {
        let store = Store::open(url, true).await.unwrap();
        let oracle = OracleRow {
            public_key: point(0).to_byte_array(),
            log_public_key: [2; 32],
            log_origin: "oracle.example/log".to_owned(),
            network: "peercoin-regtest".to_owned(),
        };
        let genesis = store.initialise(&oracle, &[1; 16], b"genesis", early());
        genesis.await.unwrap();
        assert!(store.take_lead().await.unwrap());
        store.sign_heads_by(Some(Arc::new(Unsigned)));
        store.complete_tree(early()).await.unwrap();
        let nonces = AtomicU32::new(1);
        Self { store, nonces }
    }

    async fn schedule(&self, events: &[NewEvent]) {
        let policies = [(policy_hash(), DOCUMENT.to_vec())];
        self.store.schedule(events, &[], &policies).await.unwrap();
    }

    /// What the signer would make of an event.
    fn signed(&self, event: &NewEvent) -> SignedEvent {
        let nonce = point(self.nonces.fetch_add(1, Ordering::Relaxed));
        let announcement = Announcement {
            signature: Signature::from_byte_array([3; 64]),
            oracle_public_key: point(0),
            event: OracleEvent {
                nonces: vec![nonce],
                maturity: event.maturity,
                descriptor: event.descriptor.clone(),
                event_id: event.event_id.clone(),
            },
        };
        let proof = [point(0).to_byte_array(), [1; 32]].concat();
        SignedEvent {
            standing: Standing {
                state: State::Scheduled,
                is_vetoed: false,
                maturity: event.maturity,
                attest_by: event.attest_by,
            },
            tlv: announcement.to_tlv(),
            nonce_map: vec![0; 2],
            content_hash: [4; 32],
            policy_hash: event.policy_hash,
            nonce_proof: NonceProof::from_bytes(&proof).unwrap(),
            announcement,
        }
    }

    async fn publish(&self, events: &[SignedEvent]) -> Result<(), ChangeError> {
        self.store.publish_announcements(events, early()).await
    }

    /// Schedules and announces an event.
    async fn announce(&self, id: &str) {
        let event = new_event(id);
        self.schedule(std::slice::from_ref(&event)).await;
        self.publish(&[self.signed(&event)]).await.unwrap();
    }

    /// An event that has matured and has no end.
    async fn candidate(&self, id: &str) -> Candidate {
        let found = self.store.open_event(id, at(MATURITY)).await.unwrap();
        found.unwrap()
    }

    /// Commits and attests an outcome.
    async fn attest(&self, id: &str, text: &str) {
        let signed = [self.signed_outcome(id, text).await];
        let published = self.store.publish_attestations(&signed, at(MATURITY));
        published.await.unwrap();
    }

    /// Commits an outcome; answers what the signer would make of the ticket.
    async fn signed_outcome(&self, id: &str, text: &str) -> SignedOutcome {
        let candidate = self.candidate(id).await;
        let announcement = candidate.announcement().clone();
        let descriptor = &announcement.event.descriptor;
        let outcome = descriptor.parse_messages(&[text.to_owned()]).unwrap();
        let attestation = Attestation {
            event_id: Some(announcement.event.event_id.clone()),
            oracle_public_key: announcement.oracle_public_key,
            signatures: vec![Signature::from_byte_array([5; 64])],
            outcomes: outcome.messages(),
        };
        let decided = [(candidate, outcome)];
        let tickets = self.store.commit_outcomes(&decided, &[6; 32], at(MATURITY));
        let ticket = tickets.await.unwrap().remove(0);
        let tlv = attestation.to_tlv(oracle_schema::codec::Layout::Spec);
        SignedOutcome::new(ticket, attestation, tlv)
    }

    /// Changes rows behind the store's back.
    async fn execute(&self, sql: &str) {
        let mut tx = self.store.db.begin().await.unwrap();
        let sql = AssertSqlSafe(sql.to_owned());
        tx.execute(sql, args![]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// What a query of one text column answers, in order.
    async fn texts(&self, sql: &str) -> Vec<String> {
        let db: &Db = &self.store.db;
        let sql = AssertSqlSafe(format!(
            "SELECT CAST(text AS TEXT) AS text FROM ({sql}) AS q"
        ));
        let rows = db.fetch(sql, args![]).await.unwrap();
        rows.iter().map(|r| r.get("text").unwrap()).collect()
    }

    /// Whatever a writer could have changed.
    async fn image(&self) -> Vec<String> {
        let mut image = Vec::new();
        for table in [
            "announcement",
            "attestation",
            "event",
            "evidence_body",
            "fixing",
            "head",
            "intent",
            "log_entry",
            "manifest",
            "nonce",
            "observation",
            "operator_nonce",
            "policy",
            "provider",
            "round",
            "series",
        ] {
            let sql = format!("SELECT '{table} ' || COUNT(*) AS text FROM {table}");
            image.extend(self.texts(&sql).await);
        }
        for sql in [
            "SELECT event_id || ' ' || state || ' ' || vetoed || ' ' || late || ' ' || \
             COALESCE(reason, '-') AS text FROM event ORDER BY event_id",
            "SELECT round_key || ' ' || state || ' ' || attempts || ' ' || leased || ' ' || \
             COALESCE(due_ms, 0) AS text FROM round ORDER BY round_key, maturity",
            "SELECT next_position || ' ' || head_time_ms || ' ' || high_water_ms AS text FROM ledger",
        ] {
            image.extend(self.texts(sql).await);
        }
        image
    }
}
