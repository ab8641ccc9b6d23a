//! An honest log passes the audit; whatever is changed in it is found and named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests stop at the first surprise"
)]

mod also;
mod cli;
#[path = "../common/mod.rs"]
mod common;
mod equivocation;
mod flipped;
mod incomplete;
mod kinds;
mod rules;
mod state;

use std::path::Path;

use common::{Log, NOW};
use oracle_client::Options;
use oracle_client::audit::{AuditOptions, Findings, Report, Source, Verdict, audit};

fn source(dir: &Path) -> Source {
    Source::new(dir.to_str().unwrap(), &Options::default()).unwrap()
}

async fn audited(dir: &Path, options: &AuditOptions) -> Report {
    audit(&source(dir), options, &|_| ()).await.unwrap()
}

/// The audit of a log as it is written.
async fn audit_of(log: &Log) -> Report {
    let dir = tempfile::tempdir().unwrap();
    log.write(dir.path());
    audited(dir.path(), &AuditOptions::at(NOW)).await
}

#[track_caller]
fn names(findings: &Findings, says: &str) {
    let all: Vec<String> = findings.first.iter().map(ToString::to_string).collect();
    assert!(all.iter().any(|f| f.contains(says)), "{says}: {all:#?}");
}

/// The audit ended with a violation of these words.
#[track_caller]
fn finds(report: &Report, says: &str) {
    assert_eq!(report.verdict(), Verdict::Violation, "{says}: {report:#?}");
    names(&report.violations, says);
}

#[track_caller]
fn clean(report: &Report) {
    assert_eq!(report.verdict(), Verdict::Clean, "{report:#?}");
}

#[tokio::test]
async fn an_honest_log_is_clean_and_everything_in_it_was_checked() {
    let report = audit_of(&Log::honest(3)).await;
    clean(&report);
    let totals = report.totals;
    assert_eq!((totals.entries, totals.announcements), (12, 5));
    assert_eq!((totals.attestations, totals.notices), (3, 2));
    assert_eq!((totals.operator_actions, totals.nonces), (1, 5));
    // Genesis, five announcements, an operator, three attestations.
    assert_eq!(totals.signatures, 10);
    assert_eq!((totals.outcomes_replayed, totals.policies), (3, 1));
    assert_eq!((report.waiting_count, report.open), (1, 0));
    assert_eq!(report.waiting[0].event_id.as_str(), "waits");
    assert_eq!(report.lateness.worst(), Some((1000, "event-0")));
}

#[tokio::test]
async fn a_log_of_several_tiles_is_clean_on_any_number_of_threads() {
    let log = Log::honest(300);
    let dir = tempfile::tempdir().unwrap();
    log.write(dir.path());
    let mut reports = Vec::new();
    for jobs in [1, 3] {
        let mut options = AuditOptions::at(NOW);
        options.jobs = jobs.try_into().unwrap();
        reports.push(audited(dir.path(), &options).await);
    }
    clean(&reports[0]);
    assert_eq!(reports[0], reports[1]);
    // Two full tiles of leaves, the third, and the one above.
    assert_eq!(reports[0].totals.tiles, 4);
    assert_eq!(reports[0].totals.attestations, 300);
}

#[tokio::test]
async fn since_a_position_signatures_are_left_out_but_not_what_holds_over_the_whole_log() {
    let mut log = Log::honest(2);
    let dir = tempfile::tempdir().unwrap();
    log.write(dir.path());
    let mut options = AuditOptions::at(NOW);
    options.since = 7;
    let report = audited(dir.path(), &options).await;
    clean(&report);
    // One attestation is at 7; its announcement's signature is not due.
    assert_eq!((report.totals.signatures, report.totals.entries), (1, 10));
    assert_eq!(report.totals.outcomes_replayed, 1);
    assert_eq!(report.waiting[0].due, Some(common::T + 259_200));
    let again = log.promise("event-0");
    log.push_announcement(&again.announcement);
    log.write(dir.path());
    let report = audited(dir.path(), &options).await;
    finds(
        &report,
        "entry 10 (announcement of event-0): announces nonce ",
    );
    finds(&report, "comes after the event was attested in entry 6");
}
