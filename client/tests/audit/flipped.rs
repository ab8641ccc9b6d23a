//! One changed byte, anywhere.

use oracle_client::audit::{AuditOptions, Verdict};
use oracle_schema::tlog::Checkpoint;
use proptest::prelude::*;

use super::common::{BODIES, Log, NOW, ORIGIN, put, sha256, sign};
use super::{audited, clean, finds};

/// Flips the lowest bit of a byte from the end of a file, audits, and puts it
/// back.
async fn flipped(path: &str, from_end: usize, says: &str) {
    let log = Log::honest(2);
    let dir = tempfile::tempdir().unwrap();
    log.write(dir.path());
    let mut bytes = log.files()[path].clone();
    let at = bytes.len() - from_end;
    bytes[at] ^= 1;
    put(dir.path(), path, &bytes);
    finds(&audited(dir.path(), &AuditOptions::at(NOW)).await, says);
}

/// How far the end of an entry is from the end of the log's only bundle.
fn behind(log: &Log, position: usize) -> usize {
    let later = log.entries[position + 1..].iter();
    later.map(|entry| entry.len() + 2).sum()
}

#[tokio::test]
async fn a_flipped_byte_is_named_wherever_it_is() {
    let log = Log::honest(2);
    let tile = "tile/0/000.p/10";
    let entries = "tile/entries/000.p/10";
    flipped(
        tile,
        1,
        "tile 0/000.p/10: hash 9 is not that of the log's entries",
    )
    .await;
    flipped(tile, 32 * 10, "tile 0/000.p/10: hash 0 is not").await;
    // In the signature of an attestation, the id of an announcement, a notice.
    let says = "entry 7 (attestation of event-1): is not the entry that the checkpoint covers";
    flipped(entries, behind(&log, 7) + "above".len() + 5, says).await;
    let says = "entry 7 (attestation of event-1): signature 0 is not valid over its outcome";
    flipped(entries, behind(&log, 7) + "above".len() + 5, says).await;
    flipped(
        entries,
        behind(&log, 1) + 1,
        "entry 1 (announcement of event-1): is not the entry",
    )
    .await;
    flipped(entries, behind(&log, 9) + 1, "entry 9").await;
    flipped(
        entries,
        behind(&log, 5) + 1,
        "entry 5 (report of pm-upgrade-2026 by alice): operator action",
    )
    .await;
    flipped(
        entries,
        behind(&log, 0) + 1,
        "entry 0 (genesis): genesis signature is not valid",
    )
    .await;
    let note = log.checkpoint();
    // A digit of the signature that stays one.
    let is_digit = |n: &usize| (note.as_bytes()[note.len() - n] ^ 1).is_ascii_alphanumeric();
    let digit = (10..40).find(is_digit).unwrap();
    flipped(
        "checkpoint",
        digit,
        "checkpoint: the signature by oracle.test/log does not verify",
    )
    .await;
    flipped("checkpoint", note.len() - ORIGIN.len() - 1, "checkpoint: ").await;
    let policy = hex::encode(log.policy_hash);
    let says = format!("policy {policy} of entry 1: the document's SHA-256 is ");
    flipped(&format!("v1/policies/{policy}"), 5, &says).await;
    let manifest = hex::encode(log.manifest_hash);
    let says =
        format!("manifest {manifest} of entry 6 (attestation of event-0): manifest_sha256: ");
    flipped(&format!("v1/manifests/{manifest}"), 5, &says).await;
    let body = sha256(BODIES[0].as_bytes());
    let says = format!(
        "manifest {manifest} of entry 6 (attestation of event-0): generic:a attempt=1: sha256: "
    );
    flipped(&format!("v1/evidence/{body}"), 5, &says).await;
}

#[tokio::test]
async fn a_flipped_byte_in_the_middle_of_a_large_log_is_named() {
    let log = Log::honest(300);
    let dir = tempfile::tempdir().unwrap();
    log.write(dir.path());
    let files = log.files();
    let options = AuditOptions::at(NOW);
    for (path, at, says) in [
        (
            "tile/0/001",
            32 * 7,
            "tile 0/001: hash 7 is not that of the log's entries",
        ),
        (
            "tile/1/000.p/2",
            40,
            "tile 1/000.p/2: hash 1 is not that of the log's entries",
        ),
        ("tile/entries/001", 3, "entry 256"),
    ] {
        let mut bytes = files[path].clone();
        bytes[at] ^= 1;
        put(dir.path(), path, &bytes);
        let report = audited(dir.path(), &options).await;
        finds(&report, says);
        put(dir.path(), path, &files[path]);
    }
    clean(&audited(dir.path(), &options).await);
}

#[tokio::test]
async fn entries_that_were_removed_moved_or_inserted_are_named() {
    let honest = Log::honest(2);
    let note = honest.checkpoint();
    let tile = &honest.files()["tile/0/000.p/10"];
    let change = async |change: fn(&mut Vec<Vec<u8>>), says: &str| {
        let mut log = honest.clone();
        change(&mut log.entries);
        let mut files = log.files();
        let name = format!("tile/entries/000.p/{}", log.entries.len());
        let bundle = files.remove(&name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        honest.write(dir.path());
        put(dir.path(), "tile/entries/000.p/10", &bundle);
        put(dir.path(), "tile/0/000.p/10", tile);
        put(dir.path(), "checkpoint", note.as_bytes());
        let report = audited(dir.path(), &AuditOptions::at(NOW)).await;
        finds(&report, says);
    };
    let removed = |e: &mut Vec<_>| drop(e.remove(3));
    change(
        removed,
        "tile entries/000.p/10: has 9 whole entries, not 10",
    )
    .await;
    change(removed, "entry 3: is not there as the tree has it").await;
    let inserted = |e: &mut Vec<Vec<u8>>| e.insert(5, e[9].clone());
    change(inserted, "entry 5: is not there as the tree has it").await;
    let moved = |e: &mut Vec<Vec<u8>>| e.swap(1, 2);
    change(moved, "entry 1 (announcement of event-1): is not the entry").await;
    change(moved, "checkpoint: its root is not that of the entries").await;
    let cut_off = |e: &mut Vec<Vec<u8>>| {
        e[9].pop();
    };
    change(cut_off, "entry 9").await;
}

#[tokio::test]
async fn a_log_that_is_signed_anew_after_a_change_contradicts_itself() {
    // Whoever has the log's key signs the changed log, but cannot hide it.
    let change = async |change: fn(&mut Log), says: &str| {
        let mut log = Log::honest(2);
        change(&mut log);
        finds(&super::audit_of(&log).await, says);
    };
    change(
        |log| drop(log.entries.remove(2)),
        "entry 6 (attestation of event-1): attestation is for event \"event-1\"; the announcement",
    )
    .await;
    change(
        |log| log.entries.swap(1, 2),
        "entry 6 (attestation of event-0): attestation is for event",
    )
    .await;
    change(|log| drop(log.entries.remove(0)), "entry 0: is no genesis").await;
    change(
        |log| {
            let late = log.promise("late").announcement;
            log.push_announcement(&late);
            let late = log.entries.pop().unwrap();
            log.entries.insert(1, late);
        },
        "entry 7 (attestation of event-0): attestation is for event",
    )
    .await;
}

#[tokio::test]
async fn a_checkpoint_over_another_root_size_or_origin_is_refused() {
    let log = Log::honest(1);
    let dir = tempfile::tempdir().unwrap();
    let honest = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: log.entries.len() as u64,
        root: log.root(),
    };
    let audit = async |checkpoint: Checkpoint, says: &str| {
        log.write(dir.path());
        put(dir.path(), "checkpoint", sign(checkpoint).as_bytes());
        finds(&audited(dir.path(), &AuditOptions::at(NOW)).await, says);
    };
    let root = [9; 32];
    audit(
        Checkpoint {
            root,
            ..honest.clone()
        },
        "checkpoint: its root is not",
    )
    .await;
    let origin = "elsewhere".to_owned();
    audit(
        Checkpoint {
            origin,
            ..honest.clone()
        },
        "checkpoint: the checkpoint is of",
    )
    .await;
    audit(
        Checkpoint { size: 0, ..honest },
        "checkpoint: covers nothing",
    )
    .await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_bit_of_any_file_can_be_flipped(
        events in 0..4_usize,
        file in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let log = Log::honest(events);
        let mut files = log.files();
        if events == 0 {
            // Without an outcome nobody reads its evidence.
            files.retain(|path, _| !path.starts_with("v1/manifests") && !path.starts_with("v1/evidence"));
        }
        let dir = tempfile::tempdir().unwrap();
        log.write(dir.path());
        let path = file.get(&files.keys().cloned().collect::<Vec<_>>()).clone();
        let bytes = files.get_mut(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        put(dir.path(), &path, bytes);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let report = runtime.block_on(audited(dir.path(), &AuditOptions::at(NOW)));
        // A size that grew asks for files that are not there, the genesis among them,
        // by which alone this auditor knows the log's key.
        let is_size = path == "checkpoint" && (ORIGIN.len() + 1..ORIGIN.len() + 3).contains(&at);
        let verdict = report.verdict();
        prop_assert!(
            verdict == Verdict::Violation || (is_size && verdict == Verdict::Incomplete),
            "{} byte {} bit {}: {:#?}", path, at, bit, report
        );
    }
}
