//! The log as readers check it: a signed checkpoint, tiles, and proofs that
//! verify without the database.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use chrono::TimeDelta;
use oracle_client::EventState;
use oracle_schema::tlog::checkpoint::Algorithm;
use oracle_schema::tlog::tile::{Content, unbundle};
use oracle_schema::tlog::tree::{leaf_hash, prove_consistency, verify_consistency};
use oracle_schema::tlog::{Checkpoint, Growing, Note, NoteKey, Tile, TileSet, TlogProof};
use oracle_server::store::Store;
use oracle_tests::database::{Backend, leave_out};
use oracle_tests::market::START;
use oracle_tests::world::{World, event_id, instant};
use serde_json::Value;

use crate::series::{CENTS, MATURITY, SETTLED};

laws! {
    the_checkpoint_covers_the_log_and_every_published_message_is_proved_under_it,
    entries_tiles_and_root_follow_from_each_other,
    a_log_from_before_the_tree_has_one_after_the_next_start,
    entries_that_are_not_those_that_were_signed_stop_the_start,
    exported_files_are_what_the_service_serves_and_grow_with_the_log,
    an_answer_that_was_forgotten_stops_no_export,
    an_outcome_that_only_the_journal_had_stops_no_export,
    the_checkpoint_is_read_once_a_second_and_with_each_head,
}

/// One-off events on one price, more than two tiles of entries in the end: three each.
fn many(count: usize) -> String {
    let mut text = String::new();
    for n in 0..count {
        write!(
            text,
            "\n[[event]]\nid = \"above-{n:03}\"\nkind = \"threshold\"\nprice = \"btcusd\"\n\
             above = \"60000\"\nmaturity = \"{}\"\n",
            instant(START + 3600).to_rfc3339()
        )
        .unwrap();
    }
    text
}

async fn log_key(world: &World) -> NoteKey {
    let oracle = world.client().oracle().await.unwrap();
    NoteKey::new(
        &oracle.log_origin,
        Algorithm::Ed25519,
        &oracle.log_public_key,
    )
    .unwrap()
}

async fn checkpoint(world: &World, key: &NoteKey) -> Checkpoint {
    let answer = world.get("/checkpoint").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let note = Note::parse(std::str::from_utf8(&answer.body).unwrap()).unwrap();
    note.verify(key).unwrap().clone()
}

async fn tile(world: &World, tile: Tile) -> Vec<u8> {
    let answer = world.get(&format!("/tile/{tile}")).await;
    assert_eq!(answer.status, 200, "{tile}");
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert!(answer.header("cache-control").contains("immutable"));
    answer.body
}

async fn the_checkpoint_covers_the_log_and_every_published_message_is_proved_under_it(
    backend: Backend,
) {
    let mut world = World::new(backend, CENTS).await;
    let key = log_key(&world).await;
    let before = checkpoint(&world, &key).await;
    let open = world.json("/v1/events?state=announced&limit=1").await;
    let open = open["events"][0]["event_id"].as_str().unwrap().to_owned();
    let proofs = world.json(&format!("/v1/proofs/{open}")).await;
    assert_eq!(proofs["attestation"], Value::Null);
    let early = format!("/v1/proofs/{open}?format=tlog-proof&of=attestation");
    assert_eq!(world.get(&early).await.problem(), "not-attested");
    world.at(SETTLED).await;
    let after = checkpoint(&world, &key).await;
    let log = world.database.log().await;
    assert_eq!(after.size, log.len() as u64);
    assert!(before.size < after.size);
    let id = format!(
        "btc-cents@{}",
        instant(MATURITY).format("%Y-%m-%dT%H:%M:%SZ")
    );
    let proofs = world.json(&format!("/v1/proofs/{id}")).await;
    for of in ["announcement", "attestation"] {
        let index = proofs[of]["leaf_index"].as_u64().unwrap();
        let entry = &log[usize::try_from(index).unwrap()].1;
        let path = format!("/v1/proofs/{id}?format=tlog-proof&of={of}");
        let text = String::from_utf8(world.get(&path).await.body).unwrap();
        let proof: TlogProof = text.parse().unwrap();
        assert_eq!(proof.index, index);
        assert_eq!(proof.verify(entry, &key), Ok(&after));
        assert_eq!(proof.entry(&key), Ok(entry.as_slice()));
        assert!(proof.verify(&log[0].1, &key).is_err());
        assert_eq!(proof.note.to_text(), proofs["checkpoint"].as_str().unwrap());
    }
}

async fn entries_tiles_and_root_follow_from_each_other(backend: Backend) {
    let mut world = World::new(backend, &many(180)).await;
    let key = log_key(&world).await;
    let before = checkpoint(&world, &key).await;
    world.at(START + 3600 + 100).await;
    let attested = world.event(&"above-179".parse().unwrap()).await;
    assert_eq!(attested.state, EventState::Attested);
    let after = checkpoint(&world, &key).await;
    assert_eq!(after.size, 1 + 3 * 180);

    let mut tree = Growing::default();
    let mut leaves = Vec::new();
    for bundle in Tile::new_between(0, after.size) {
        if bundle.content == Content::Entries {
            let bytes = tile(&world, bundle).await;
            let entries = unbundle(&bytes).unwrap();
            assert_eq!(entries.len() as u64, bundle.width);
            for entry in entries {
                leaves.push(leaf_hash(entry));
                tree.append(leaf_hash(entry));
            }
        }
    }
    assert_eq!(tree.root(), after.root);
    let first = tile(&world, "0/000".parse().unwrap()).await;
    assert_eq!(first, leaves[..256].concat());
    let edge = tile(&world, Tile::of(Content::Hashes(0), 2, after.size).unwrap()).await;
    assert_eq!(edge, leaves[512..].concat());

    let mut tiles = TileSet::of(after.size);
    for needed in TileSet::needed(before.size - 1, after.size) {
        tiles.insert(needed, tile(&world, needed).await);
    }
    let proof = prove_consistency(before.size, after.size, &tiles)
        .unwrap()
        .unwrap();
    verify_consistency(before.size, &before.root, after.size, &after.root, &proof).unwrap();

    for missing in [
        "0/003",
        "0/002.p/30",
        "1/000",
        "2/000.p/1",
        "entries/003",
        "0/2",
        "x",
        "0/000.p/256",
    ] {
        let answer = world.get(&format!("/tile/{missing}")).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (404, "unknown-tile"),
            "{missing}"
        );
    }
}

async fn a_log_from_before_the_tree_has_one_after_the_next_start(backend: Backend) {
    let mut world = World::new(backend, &many(180)).await;
    let key = log_key(&world).await;
    world.at(START + 3600 + 100).await;
    let before = checkpoint(&world, &key).await;
    world.stop().await;
    world
        .database
        .execute("UPDATE head SET root = NULL, note = NULL")
        .await;
    world.database.execute("DELETE FROM tile").await;
    world.start().await.unwrap();
    assert_eq!(checkpoint(&world, &key).await, before);
    assert_eq!(tile(&world, "0/001".parse().unwrap()).await.len(), 256 * 32);
}

async fn entries_that_are_not_those_that_were_signed_stop_the_start(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    world.at(SETTLED).await;
    world.stop().await;
    let swap = "UPDATE log_entry SET entry = (SELECT entry FROM log_entry WHERE position = 2) \
                WHERE position = 1";
    world.database.execute(swap).await;
    let error = world.start().await.unwrap_err().to_string();
    assert!(
        error.contains("are not those of the head that was signed"),
        "{error}"
    );
}

async fn exported_files_are_what_the_service_serves_and_grow_with_the_log(backend: Backend) {
    let mut world = World::new(backend, &many(180)).await;
    let dir = tempfile::tempdir().unwrap();
    let export = async |world: &World| {
        let store = Store::open(&world.config().store_url, false).await.unwrap();
        let exported = oracle_server::log::export(&store.reader(), dir.path()).await;
        store.close().await;
        exported
    };
    let first = export(&world).await.unwrap();
    assert_eq!((first.before, first.size), (0, 361));
    world.at(START + 3600 + 100).await;
    let second = export(&world).await.unwrap();
    assert_eq!((second.before, second.size), (361, 541));
    assert_eq!(export(&world).await.unwrap().files, 0);

    let files = files_below(dir.path());
    for name in &files {
        let answer = world.get(&format!("/{name}")).await;
        assert_eq!(answer.status, 200, "{name}");
        assert!(
            answer.body == fs::read(dir.path().join(name)).unwrap(),
            "{name}"
        );
    }
    let mut named = Tile::new_between(0, 541)
        .iter()
        .map(|tile| format!("tile/{tile}"))
        .collect::<BTreeSet<_>>();
    named.insert("checkpoint".to_owned());
    assert!(named.is_subset(&files), "{:?}", named.difference(&files));
    let count = |prefix: &str| files.iter().filter(|f| f.starts_with(prefix)).count();
    // One price and one maturity: one policy, one manifest, an answer a venue at least.
    assert_eq!((count("v1/policies/"), count("v1/manifests/")), (1, 1));
    assert!(count("v1/evidence/") >= 3);

    let other = World::new(backend, CENTS).await;
    let refused = export(&other).await.unwrap_err().to_string();
    assert!(refused.contains("another log"), "{refused}");
}

async fn an_answer_that_was_forgotten_stops_no_export(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    world.at(SETTLED).await;
    let forget = "DELETE FROM evidence_body WHERE is_public = 1";
    world.database.execute(forget).await;
    let files = exported(&world).await;
    assert_eq!(count(&files, "v1/manifests/"), 1);
    assert_eq!(count(&files, "v1/evidence/"), 0);
}

async fn an_outcome_that_only_the_journal_had_stops_no_export(backend: Backend) {
    let Backend::Sqlite = backend else {
        return leave_out("an older Postgres database: its file is not to be had");
    };
    let mut world = World::new(backend, CENTS).await;
    let database = world.dir().join("data/oracle.db");
    let backup = world.dir().join("oracle.db");
    world.stop().await;
    fs::copy(&database, &backup).unwrap();
    world.start().await.unwrap();
    world.at(SETTLED).await;
    world.stop().await;
    for log in ["oracle.db-wal", "oracle.db-shm"] {
        let _ = fs::remove_file(database.with_file_name(log));
    }
    fs::copy(&backup, &database).unwrap();
    // The journal's last record is the head that published the outcome: without it,
    // the process died between the journal and the log.
    let journal = world.dir().join("data/journal");
    let bytes = fs::read(&journal).unwrap();
    let head = 12 + 81;
    fs::write(&journal, &bytes[..bytes.len() - head]).unwrap();
    world.start().await.unwrap();
    world.at(SETTLED + 60).await;
    let id = event_id("btc-cents", MATURITY);
    assert_eq!(world.event(&id).await.state, EventState::Attested);
    let files = exported(&world).await;
    assert_eq!(count(&files, "v1/policies/"), 1);
    assert_eq!(count(&files, "v1/manifests/"), 0);
}

fn count(files: &BTreeSet<String>, prefix: &str) -> usize {
    files.iter().filter(|f| f.starts_with(prefix)).count()
}

async fn the_checkpoint_is_read_once_a_second_and_with_each_head(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    let note = async |world: &World| {
        let answer = world.get("/checkpoint").await;
        assert_eq!(answer.status, 200);
        String::from_utf8(answer.body).unwrap()
    };
    let first = note(&world).await;
    let change = "UPDATE head SET note = 'changed' WHERE size = (SELECT MAX(size) FROM head)";
    world.database.execute(change).await;
    assert_eq!(note(&world).await, first, "read again within the second");
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(note(&world).await, "changed");
    // A head that is there is served at once, whatever is kept.
    world.at(SETTLED).await;
    assert!(Note::parse(&note(&world).await).is_ok());
}

/// The files of a first export.
async fn exported(world: &World) -> BTreeSet<String> {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&world.config().store_url, false).await.unwrap();
    let exported = oracle_server::log::export(&store.reader(), dir.path()).await;
    store.close().await;
    exported.unwrap();
    files_below(dir.path())
}

/// Every file's path below a directory.
fn files_below(dir: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.insert(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files
}
