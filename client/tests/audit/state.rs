//! Audits that go on where the last one ended.

use std::path::{Path, PathBuf};

use oracle_client::audit::{AuditError, AuditOptions, Progress, Report, Verdict, audit};
use oracle_schema::log_entry::NoticeKind;
use tempfile::TempDir;

use super::common::{BODIES, Log, NOW, put, sha256};
use super::{audited, clean, finds, source};

/// A mirror of a log, and the state of its auditor.
struct Auditor {
    mirror: TempDir,
    kept: TempDir,
    options: AuditOptions,
}

impl Auditor {
    fn new() -> Self {
        let kept = tempfile::tempdir().unwrap();
        let mut options = AuditOptions::at(NOW);
        options.state = Some(kept.path().join("state.json"));
        Self {
            mirror: tempfile::tempdir().unwrap(),
            kept,
            options,
        }
    }

    async fn audit(&self, log: &Log) -> Report {
        log.write(self.mirror.path());
        self.again().await
    }

    async fn again(&self) -> Report {
        audited(self.mirror.path(), &self.options).await
    }

    fn state(&self) -> PathBuf {
        self.kept.path().join("state.json")
    }
}

fn remove(dir: &Path, path: &str) {
    std::fs::remove_file(dir.join(path)).unwrap();
}

#[tokio::test]
async fn the_next_audit_reads_what_is_new_and_compares_it_with_all_there_was() {
    let auditor = Auditor::new();
    let mut log = Log::honest(300);
    clean(&auditor.audit(&log).await);
    let audited = log.entries.len() as u64;
    let same = auditor.again().await;
    clean(&same);
    assert_eq!((same.from, same.totals.entries), (audited, 0));
    let more = log.announce("more");
    log.attest(&more, "above");
    let waiting = log.promise("waits");
    log.attest(&(301, waiting), "above");
    // The full tiles are not asked for again.
    remove(auditor.mirror.path(), "tile/entries/000");
    let next = auditor.audit(&log).await;
    clean(&next);
    assert_eq!((next.from, next.totals.entries), (audited, 3));
    assert_eq!((next.totals.signatures, next.waiting_count), (3, 0));
    let twice = log.promise("event-7").announcement;
    log.push_announcement(&twice);
    let report = auditor.audit(&log).await;
    finds(&report, "announces the event of entry 8 again");
    finds(&report, ", which entry 8 announced before");
    // Said again as long as it is so.
    finds(
        &auditor.again().await,
        "announces the event of entry 8 again",
    );
}

#[tokio::test]
async fn a_smaller_or_forked_checkpoint_is_a_split_view_and_both_notes_are_kept() {
    let auditor = Auditor::new();
    let log = Log::honest(2);
    clean(&auditor.audit(&log).await);
    let old = log.checkpoint();
    let fork = async |change: &dyn Fn(&mut Log), says: &str| {
        let mut log = log.clone();
        change(&mut log);
        let report = auditor.audit(&log).await;
        finds(&report, says);
        let kept = auditor.kept.path().join("state.json.d/split-view");
        finds(
            &report,
            &format!("both signed notes are in {}", kept.display()),
        );
        let note = |name| std::fs::read_to_string(kept.join(name)).unwrap();
        assert_eq!(note("checkpoint-audited"), old);
        assert_eq!(note("checkpoint-served"), log.checkpoint());
        report
    };
    let shorter = |log: &mut Log| drop(log.entries.pop());
    fork(
        &shorter,
        "checkpoint: covers 9 entries; the audit before saw 10",
    )
    .await;
    let other_end = |log: &mut Log| {
        log.entries.pop();
        log.notice("other", NoticeKind::Withdrawn);
    };
    fork(&other_end, "checkpoint: has another root over 10 entries").await;
    let other_and_longer = |log: &mut Log| {
        other_end(log);
        log.notice("more", NoticeKind::Withdrawn);
    };
    let report = fork(
        &other_and_longer,
        "checkpoint: its 11 entries do not continue the 10",
    )
    .await;
    finds(
        &report,
        "entry 9 (withdrawal of withdrawn): is not the entry audited before",
    );
    // The honest log is still the one that was audited.
    log.write(auditor.mirror.path());
    clean(&auditor.again().await);
}

#[tokio::test]
async fn a_fork_deep_in_a_large_log_is_found_and_its_first_entry_named() {
    let auditor = Auditor::new();
    let log = Log::honest(300);
    clean(&auditor.audit(&log).await);
    let mut forked = log.clone();
    let other = forked.promise("other").announcement;
    forked.push_announcement(&other);
    forked.entries[5] = forked.entries.last().unwrap().clone();
    let report = auditor.audit(&forked).await;
    finds(
        &report,
        "do not continue the 606 audited before: a split view",
    );
    finds(
        &report,
        "entry 5 (announcement of event-4): is not the entry audited before",
    );
}

#[tokio::test]
async fn a_fork_is_found_with_the_state_file_alone_or_half_of_its_directory() {
    let log = Log::honest(300);
    let mut forked = log.clone();
    let other = forked.promise("other").announcement;
    forked.push_announcement(&other);
    forked.entries[5] = forked.entries.last().unwrap().clone();
    forked.entries.pop();
    forked.notice("more", NoticeKind::Withdrawn);
    let lose_all: &dyn Fn(&Path) = &|dir| std::fs::remove_dir_all(dir).unwrap();
    let lose_half: &dyn Fn(&Path) = &|dir| {
        let ends = std::fs::File::options().write(true).open(dir.join("ends"));
        ends.unwrap().set_len(8 * 3).unwrap();
    };
    for lose in [lose_all, lose_half] {
        let auditor = Auditor::new();
        clean(&auditor.audit(&log).await);
        let state = std::fs::read(auditor.state()).unwrap();
        lose(&auditor.kept.path().join("state.json.d"));
        let report = auditor.audit(&forked).await;
        finds(
            &report,
            "do not continue the 606 audited before: a split view",
        );
        assert_eq!(std::fs::read(auditor.state()).unwrap(), state);
        // What the fork served is not kept as the log's.
        log.write(auditor.mirror.path());
        clean(&auditor.again().await);
    }
}

#[tokio::test]
async fn facts_that_were_lost_are_gathered_again_before_anything_is_compared() {
    let log = Log::honest(2);
    let mut reused = log.clone();
    reused.push_announcement(&log.promise("event-0").announcement);
    for lost in ["facts", "facts and half of the entries"] {
        let auditor = Auditor::new();
        clean(&auditor.audit(&log).await);
        let dir = auditor.kept.path().join("state.json.d");
        std::fs::remove_dir_all(dir.join("facts")).unwrap();
        if lost != "facts" {
            let entries = std::fs::File::options()
                .write(true)
                .open(dir.join("entries"));
            entries.unwrap().set_len(700).unwrap();
        }
        let report = auditor.audit(&reused).await;
        finds(&report, ", which entry 1 announced before");
    }
}

#[tokio::test]
async fn what_a_power_cut_left_behind_the_mark_is_taken_for_nothing() {
    let auditor = Auditor::new();
    let mut log = Log::honest(2);
    clean(&auditor.audit(&log).await);
    let dir = auditor.kept.path().join("state.json.d");
    let grow = |path: &Path, bytes: &[u8]| {
        let mut all = std::fs::read(path).unwrap_or_default();
        all.extend_from_slice(bytes);
        std::fs::write(path, all).unwrap();
    };
    // Lengths that reached the disk before what they are the lengths of.
    grow(&dir.join("ends"), &[0; 8 * 3]);
    grow(&dir.join("entries"), &[0; 100]);
    let more = log.announce("more");
    log.attest(&more, "above");
    let nonce = more.1.announcement.event.nonces[0].to_byte_array();
    let file = dir.join("facts").join(format!("{:02x}", nonce[0]));
    // A fact about the new nonce whose position did not reach it.
    grow(&file, &[&[0], nonce.as_slice(), &[0; 16]].concat());
    let next = auditor.audit(&log).await;
    clean(&next);
    assert_eq!(next.totals.entries, 2);
    log.push_announcement(&log.promise("event-0").announcement);
    let report = auditor.audit(&log).await;
    finds(&report, ", which entry 1 announced before");
}

#[tokio::test]
async fn an_interrupted_audit_reads_nothing_twice() {
    let auditor = Auditor::new();
    let mut log = Log::honest(2);
    for n in 0..5000 {
        log.notice(&format!("withdrawn-{n}"), NoticeKind::Withdrawn);
    }
    log.write(auditor.mirror.path());
    let missing = "tile/entries/017";
    remove(auditor.mirror.path(), missing);
    let first = auditor.again().await;
    assert_eq!(first.verdict(), Verdict::Incomplete, "{first:#?}");
    assert_eq!(first.totals.entries, 4096);
    put(auditor.mirror.path(), missing, &log.files()[missing]);
    for index in 0..16 {
        remove(auditor.mirror.path(), &format!("tile/entries/{index:03}"));
    }
    let second = auditor.again().await;
    clean(&second);
    assert_eq!((second.from, second.totals.entries), (4096, 5010 - 4096));
}

#[tokio::test]
async fn a_killed_audit_leaves_nothing_that_the_next_one_takes_for_checked() {
    let auditor = Auditor::new();
    let mut log = Log::honest(2);
    for n in 0..5000 {
        log.notice(&format!("withdrawn-{n}"), NoticeKind::Withdrawn);
    }
    log.write(auditor.mirror.path());
    let source = source(auditor.mirror.path());
    let killed = tokio::sync::Notify::new();
    let kill = |_: Progress| killed.notify_one();
    tokio::select! {
        biased;
        () = killed.notified() => {}
        _ = audit(&source, &auditor.options, &kill) => {}
    }
    let next = auditor.again().await;
    clean(&next);
    assert_eq!(next.totals.announcements, 4);
    clean(&auditor.again().await);
}

#[tokio::test]
async fn evidence_that_was_missing_is_asked_for_again() {
    let auditor = Auditor::new();
    let log = Log::honest(2);
    log.write(auditor.mirror.path());
    let body = format!("v1/evidence/{}", sha256(BODIES[0].as_bytes()));
    remove(auditor.mirror.path(), &body);
    for _ in 0..2 {
        let report = auditor.again().await;
        assert_eq!(report.verdict(), Verdict::Incomplete, "{report:#?}");
        assert_eq!(report.missing.count, 2);
    }
    put(auditor.mirror.path(), &body, BODIES[0].as_bytes());
    let report = auditor.again().await;
    clean(&report);
    assert_eq!(report.totals.outcomes_replayed, 2);
    assert_eq!(auditor.again().await.totals.outcomes_replayed, 0);
}

#[tokio::test]
async fn everything_under_a_policy_that_was_missing_is_checked_once_it_is_there() {
    let auditor = Auditor::new();
    let mut log = Log::honest(2);
    let lie = log.announce("lie");
    let at = log.attest(&lie, "not_above");
    log.write(auditor.mirror.path());
    let policy = format!("v1/policies/{}", hex::encode(log.policy_hash));
    remove(auditor.mirror.path(), &policy);
    for _ in 0..2 {
        let report = auditor.again().await;
        assert_eq!(report.verdict(), Verdict::Incomplete, "{report:#?}");
        assert_eq!(report.missing.count, 1, "said once: {report:#?}");
        assert_eq!(report.totals.outcomes_replayed, 0);
    }
    put(
        auditor.mirror.path(),
        &policy,
        &log.files()[policy.as_str()],
    );
    let report = auditor.again().await;
    assert_eq!(report.totals.outcomes_replayed, 3);
    finds(
        &report,
        &format!("of entry {at} (attestation of lie): outcome: attested \"not_above\""),
    );
}

#[tokio::test]
async fn what_an_earlier_audit_left_out_is_checked_when_asked_for() {
    let mut auditor = Auditor::new();
    let mut log = Log::honest(2);
    let promise = log.promise("waits");
    log.attest(&(3, promise), "not_above");
    auditor.options.since = log.entries.len() as u64;
    clean(&auditor.audit(&log).await);
    auditor.options.since = 0;
    let report = auditor.again().await;
    finds(
        &report,
        "(attestation of waits): outcome: attested \"not_above\"",
    );
}

#[tokio::test]
async fn a_damaged_state_is_said_to_be_one_and_two_audits_do_not_share_it() {
    let auditor = Auditor::new();
    clean(&auditor.audit(&Log::honest(1)).await);
    let state = std::fs::read_to_string(auditor.state()).unwrap();
    let size = "\"size\": 8";
    assert!(state.contains(size), "{state}");
    std::fs::write(auditor.state(), state.replace(size, "\"size\": 7")).unwrap();
    let source = source(auditor.mirror.path());
    let error = audit(&source, &auditor.options, &|_| ()).await.unwrap_err();
    assert!(matches!(error, AuditError::State { .. }), "{error}");
    std::fs::write(auditor.state(), state).unwrap();
    let lock = std::fs::File::create(auditor.kept.path().join("state.json.d/lock")).unwrap();
    lock.lock().unwrap();
    let error = audit(&source, &auditor.options, &|_| ()).await.unwrap_err();
    assert!(matches!(error, AuditError::Busy(_)), "{error}");
    drop(lock);
    clean(&auditor.again().await);
}

#[tokio::test]
async fn that_the_log_proves_nonces_is_remembered_by_the_next_audit() {
    let auditor = Auditor::new();
    let mut log = Log::honest(1);
    let proven = log.promise("proven");
    log.push_proven(&proven);
    clean(&auditor.audit(&log).await);
    let more = log.promise("more");
    log.push_proven(&more);
    clean(&auditor.audit(&log).await);
    log.announce("bare");
    finds(
        &auditor.audit(&log).await,
        "entry 12 (announcement of bare): has no proof that the oracle knows its nonces",
    );
}
