//! Other people's messages against the log.

use oracle_client::audit::{AuditOptions, Report};
use oracle_client::{Announcement, Attestation};
use oracle_schema::codec::Layout;

use super::common::{Log, NOW, Oracle, choice, put};
use super::{audited, clean, finds};

/// What is in the directory of other people's messages.
async fn with(log: &Log, files: &[(&str, Vec<u8>)]) -> Report {
    let (dir, also) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    log.write(dir.path());
    for (name, bytes) in files {
        put(also.path(), name, bytes);
    }
    let mut options = AuditOptions::at(NOW);
    options.also = Some(also.path().to_path_buf());
    audited(dir.path(), &options).await
}

fn hex(attestation: &Attestation) -> Vec<u8> {
    hex::encode(attestation.to_tlv(Layout::Counted)).into_bytes()
}

fn json(announcement: &Announcement) -> Vec<u8> {
    announcement.to_json().to_string().into_bytes()
}

#[tokio::test]
async fn what_the_log_says_too_is_fine_in_every_form() {
    let log = Log::honest(2);
    let promise = log.promise("event-0");
    let mut attestation = log.oracle.attest(&promise, &["above"]);
    let mut files = vec![
        ("a.json", attestation.to_json().to_string().into_bytes()),
        ("a.tlv", attestation.to_tlv(Layout::Spec)),
        ("p.json", json(&promise.announcement)),
        ("p.tlv", promise.announcement.to_tlv()),
    ];
    attestation.event_id = None;
    files.push(("old-form.hex", hex(&attestation)));
    let report = with(&log, &files).await;
    clean(&report);
    assert_eq!((report.totals.third_party, report.notes.len()), (5, 0));
}

#[tokio::test]
async fn another_outcome_under_the_logs_nonce_is_equivocation() {
    let log = Log::honest(2);
    let theirs = log.oracle.attest(&log.promise("event-1"), &["not_above"]);
    let report = with(&log, &[("theirs.hex", hex(&theirs))]).await;
    finds(
        &report,
        "file theirs.hex: signs \"not_above\" where entry 7 signs \"above\"",
    );
    let hint = "oracle prove-equivocation theirs.hex fdd868";
    assert!(
        report.notes.iter().any(|note| note.contains(hint)),
        "{:?}",
        report.notes
    );
}

#[tokio::test]
async fn two_outcomes_of_an_event_that_the_log_has_not_attested_are_equivocation_too() {
    let log = Log::honest(1);
    let promise = log.promise("waits");
    let files = [
        ("1", hex(&log.oracle.attest(&promise, &["above"]))),
        ("2", hex(&log.oracle.attest(&promise, &["not_above"]))),
    ];
    let report = with(&log, &files).await;
    finds(
        &report,
        "file 1: attests the event of entry 2, which the log does not",
    );
    finds(
        &report,
        "file 2: signs \"not_above\" where file 1 signs \"above\"",
    );
}

#[tokio::test]
async fn what_the_oracle_signed_beside_the_log_is_a_violation() {
    let log = Log::honest(1);
    let secret = log.promise("secret");
    let attestation = log.oracle.attest(&secret, &["above"]);
    let otherwise = log.oracle.announce("waits", choice(&["yes", "no"]));
    let files = [
        ("announced", json(&secret.announcement)),
        ("attested", hex(&attestation)),
        ("otherwise", json(&otherwise.announcement)),
    ];
    let report = with(&log, &files).await;
    finds(
        &report,
        "file announced: announces secret, which the log does not",
    );
    finds(
        &report,
        "file attested: signs \"above\" under a nonce that the log never announced",
    );
    finds(
        &report,
        "file otherwise: announces waits otherwise than entry 2",
    );
}

#[tokio::test]
async fn what_anybody_can_write_proves_nothing() {
    let log = Log::honest(1);
    let mut forged = log.oracle.attest(&log.promise("event-0"), &["above"]);
    forged.outcomes = vec!["not_above".to_owned()];
    let stranger = Oracle::new("stranger");
    let theirs = stranger.announce("event-0", choice(&["above", "not_above"]));
    let mut announced = log.promise("secret").announcement;
    announced.event.maturity = oracle_client::Maturity::from_epoch(1);
    let files = [
        ("announced", json(&announced)),
        ("forged", hex(&forged)),
        ("note.txt", b"hello".to_vec()),
        ("other", hex(&stranger.attest(&theirs, &["not_above"]))),
    ];
    let report = with(&log, &files).await;
    clean(&report);
    assert_eq!(
        (report.totals.third_party, report.notes.len()),
        (0, 4),
        "{:?}",
        report.notes
    );
}
