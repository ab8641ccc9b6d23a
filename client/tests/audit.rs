//! An honest log passes the audit; whatever is changed in it is found and named.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::path::Path;

use common::{BODIES, Log, NOW, T, put, sha256};
use oracle_client::Options;
use oracle_client::audit::{AuditOptions, Report, Source, Verdict, audit};
use oracle_schema::log_entry::{LogEntry, NoticeKind};
use oracle_schema::tlog::Checkpoint;

async fn audited(dir: &Path, options: &AuditOptions) -> Report {
    let source = Source::new(dir.to_str().unwrap(), &Options::default()).unwrap();
    audit(&source, options, &|_| ()).await.unwrap()
}

/// The audit of a log as it is written.
async fn audit_of(log: &Log) -> Report {
    let dir = tempfile::tempdir().unwrap();
    log.write(dir.path());
    audited(dir.path(), &AuditOptions::at(NOW)).await
}

#[track_caller]
fn finds(report: &Report, says: &str) {
    let all: Vec<String> = report.violations.first.iter().map(ToString::to_string).collect();
    assert_eq!(report.verdict(), Verdict::Violation, "{says}: {report:?}");
    assert!(all.iter().any(|f| f.contains(says)), "{says}: {all:#?}");
}

#[tokio::test]
async fn an_honest_log_is_clean_and_everything_in_it_was_checked() {
    let report = audit_of(&Log::honest(3)).await;
    assert_eq!(report.verdict(), Verdict::Clean, "{report:#?}");
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
