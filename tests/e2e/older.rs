//! A store that an older build made opens with this one and goes on.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use oracle_client::EventState;
use oracle_feeds::loopback::MatchStage;
use oracle_server::guard::Accept;
use oracle_tests::database::Backend;
use oracle_tests::market::{START, btcusd_fixing_cents};
use oracle_tests::world::{World, event_id};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::audit::{audited, clean};
use crate::facts;
use oracle_client::audit::AuditOptions;

/// When the one price matures that was announced and not decided.
const OPEN: i64 = START + 5 * 3600;

/// What the older build said of its store.
#[derive(Deserialize)]
struct Made {
    /// When it stopped, Unix seconds.
    now: i64,
    /// The checkpoint that it served.
    checkpoint: String,
    /// Entries of its log.
    size: usize,
    /// Of all entries, each behind its length.
    entries_sha256: String,
    /// Of the bodies that it served, by path.
    served_sha256: BTreeMap<String, String>,
}

fn folder(build: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("older")
        .join(build)
}

fn unpacked(file: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut packed = GzDecoder::new(File::open(file).unwrap());
    packed.read_to_end(&mut bytes).unwrap();
    bytes
}

/// A world with the files of an older build's oracle, at the time at which that stopped.
async fn moved_in(build: &str) -> (World, Made) {
    let folder = folder(build);
    let made = std::fs::read(folder.join("made.json")).unwrap();
    let made: Made = serde_json::from_slice(&made).unwrap();
    let events = std::fs::read_to_string(folder.join("events.toml")).unwrap();
    let world = World::create(Backend::Sqlite, &events).await;
    let data = world.dir().join("data");
    for leftover in ["oracle.db-wal", "oracle.db-shm"] {
        assert!(!data.join(leftover).exists(), "{leftover} of another store");
    }
    for file in ["oracle.db", "keystore.age", "journal"] {
        let bytes = unpacked(&folder.join(format!("{file}.gz")));
        // Over what is there: it keeps its permissions.
        std::fs::write(data.join(file), bytes).unwrap();
    }
    world.set_time(made.now);
    (world, made)
}

fn digest(entries: &[(i64, Vec<u8>)]) -> String {
    let mut hash = Sha256::new();
    for (_, bytes) in entries {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    hex::encode(hash.finalize())
}

async fn is_as_it_was(world: &World, made: &Made) {
    let log = world.database.log().await;
    let before = log.get(..made.size).unwrap();
    assert_eq!(digest(before), made.entries_sha256);
    for (path, sha256) in &made.served_sha256 {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(&hex::encode(Sha256::digest(&answer.body)), sha256, "{path}");
    }
}

#[test]
fn a_store_made_by_an_older_build_opens_and_goes_on() {
    crate::run(Box::pin(goes_on("ec31394")));
}

async fn goes_on(build: &str) {
    let (mut world, made) = moved_in(build).await;
    let migrations = world.database.count("_sqlx_migrations").await;
    let moved = Accept {
        copy: true,
        ..Accept::default()
    };
    world.start_accepting(moved).await.unwrap();
    assert!(world.database.count("_sqlx_migrations").await > migrations);
    assert_eq!(world.database.log().await.len(), made.size);
    let checkpoint = world.get("/checkpoint").await;
    assert_eq!(checkpoint.body, made.checkpoint.as_bytes());
    is_as_it_was(&world, &made).await;

    // What was open has its end: held, provisional and announced.
    facts::play(&world, MatchStage::Finished(2, 1));
    let mended = made.now + 30 + facts::DELAY + 60;
    facts::until(&mut world, mended).await;
    world.at(made.now + 7200 + 60).await;
    world.at(OPEN + 60).await;
    for (event, outcome) in [
        (facts::id("cup"), "home".to_owned()),
        (facts::id("pm-without-void"), "no".to_owned()),
        (
            event_id("btc-open", OPEN),
            btcusd_fixing_cents(OPEN).to_string(),
        ),
    ] {
        let seen = world.event(&event).await;
        assert_eq!(seen.state, EventState::Attested, "{event}");
        let attestation = world.client().attestation(&event).await.unwrap();
        assert_eq!(attestation.outcome_text(), outcome, "{event}");
    }
    is_as_it_was(&world, &made).await;

    let report = audited(&world.url(), &AuditOptions::at(world.now())).await;
    clean(&report);
    let totals = report.totals;
    assert_eq!((totals.attestations, totals.outcomes_replayed), (7, 7));
    assert_eq!(totals.notices, 1);
}
