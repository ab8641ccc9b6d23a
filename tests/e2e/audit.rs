//! The audit of a real oracle: over HTTP, and of what it exports.

use std::path::Path;

use oracle_client::Options;
use oracle_client::audit::{AuditOptions, Report, Source, Verdict, audit};
use oracle_server::store::Store;
use oracle_tests::database::Backend;
use oracle_tests::world::World;
use serde_json::json;

use crate::facts::match_event;
use crate::markets;
use crate::operators;
use crate::series::{CENTS, MICROS, SETTLED, threshold};

laws! {
    everything_that_an_oracle_did_passes_the_audit_over_http_and_as_files,
    bets_and_values_of_each_kind_pass_the_audit_and_a_changed_outcome_is_named,
    a_byte_that_a_mirror_changed_is_named,
    a_restored_older_log_is_a_split_view_to_who_has_seen_the_newer_one,
}

pub(crate) async fn audited(source: &str, options: &AuditOptions) -> Report {
    let source = Source::new(source, &Options::default()).unwrap();
    audit(&source, options, &|_| ()).await.unwrap()
}

#[track_caller]
pub(crate) fn clean(report: &Report) {
    assert_eq!(report.verdict(), Verdict::Clean, "{report:#?}");
}

async fn export(world: &World, dir: &Path) {
    let store = Store::open(&world.config().store_url, false).await.unwrap();
    let exported = oracle_server::log::export(&store.reader(), dir).await;
    exported.unwrap();
    store.close().await;
}

fn text(dir: &Path) -> &str {
    dir.to_str().unwrap()
}

/// Digits, a threshold, a refund and a panel of operators.
fn config() -> String {
    let refunded = CENTS
        .replace("btc-cents", "given-up")
        .replace("2026-11-22T15:30:00Z", "2026-11-22T15:40:00Z")
        .replace("announce_ahead", "give_up_after = \"90s\"\nannounce_ahead");
    let above = threshold("above-025", "0.25");
    [CENTS, MICROS, &above, &refunded, &operators::config()].concat()
}

async fn everything_that_an_oracle_did_passes_the_audit_over_http_and_as_files(backend: Backend) {
    let mut world = World::new(backend, &config()).await;
    let kept = tempfile::tempdir().unwrap();
    let mut options = AuditOptions::at(world.now());
    options.state = Some(kept.path().join("state"));
    let announced = audited(&world.url(), &options).await;
    clean(&announced);
    assert_eq!((announced.open, announced.totals.attestations), (6, 0));

    world.at(SETTLED).await;
    world.break_all(Some(&oracle_feeds::loopback::Fault::Down));
    world.at(SETTLED + 900).await;
    world.break_all(None);
    world.at(operators::MATURITY + 10).await;
    for operator in ["alice", "bob"] {
        let body = json!({ "outcome": "yes" });
        let answer = operators::act(&mut world, operator, "reports", body).await;
        assert_eq!(answer.status, 202);
    }
    world.at(operators::MATURITY + 10 + operators::DELAY).await;

    options.now = world.now();
    let live = audited(&world.url(), &options).await;
    clean(&live);
    let totals = live.totals;
    assert_eq!((totals.attestations, totals.outcomes_replayed), (4, 4));
    assert_eq!((totals.notices, totals.operator_actions), (1, 2));
    // The second question of the panel has no report.
    assert_eq!((live.waiting_count, live.lateness.count()), (1, 4));

    let mirror = tempfile::tempdir().unwrap();
    export(&world, mirror.path()).await;
    let mut fresh = AuditOptions::at(world.now());
    fresh.key = Some(world.client().key().await.unwrap());
    let files = audited(text(mirror.path()), &fresh).await;
    clean(&files);
    assert_eq!(files.head, live.head);
    assert_eq!(files.totals.attestations, 4);
    // The mirror is the log that was audited over HTTP.
    clean(&audited(text(mirror.path()), &options).await);
}

/// The file of the entries of a log that is not longer than one.
fn bundle_of_entries(mirror: &Path) -> std::path::PathBuf {
    let partial = std::fs::read_dir(mirror.join("tile/entries/000.p")).unwrap();
    partial.map(|file| file.unwrap().path()).next().unwrap()
}

async fn bets_and_values_of_each_kind_pass_the_audit_and_a_changed_outcome_is_named(
    backend: Backend,
) {
    let world = markets::attested(backend).await;
    let count = markets::OUTCOMES.len() as u64;
    let options = AuditOptions::at(world.now());
    let live = audited(&world.url(), &options).await;
    clean(&live);
    let totals = live.totals;
    assert_eq!((totals.announcements, totals.attestations), (count, count));
    assert_eq!((totals.outcomes_replayed, live.waiting_count), (count, 0));
    let mirror = tempfile::tempdir().unwrap();
    export(&world, mirror.path()).await;
    let files = audited(text(mirror.path()), &options).await;
    clean(&files);
    assert_eq!(files.totals.outcomes_replayed, count);
    let bundle = bundle_of_entries(mirror.path());
    let honest = std::fs::read(&bundle).unwrap();
    for (event, said, lie) in [("goals", "over", "void"), ("priced", "some", "none")] {
        let mut bytes = honest.clone();
        // An attestation comes after all announcements, which list the outcomes.
        let is_said = |at: &usize| bytes[*at..].starts_with(said.as_bytes());
        let at = (0..bytes.len()).rev().find(is_said).unwrap();
        bytes[at..at + lie.len()].copy_from_slice(lie.as_bytes());
        std::fs::write(&bundle, bytes).unwrap();
        let report = audited(text(mirror.path()), &options).await;
        assert_eq!(report.verdict(), Verdict::Violation, "{report:#?}");
        let named = report.violations.first.iter().map(ToString::to_string);
        let named: Vec<String> = named.collect();
        let about = format!("(attestation of {event}): ");
        assert!(named.iter().any(|n| n.contains(&about)), "{named:#?}");
    }
}

async fn a_byte_that_a_mirror_changed_is_named(backend: Backend) {
    let mut world = World::new(backend, &[CENTS, &match_event("cup")].concat()).await;
    world.at(SETTLED).await;
    let mirror = tempfile::tempdir().unwrap();
    export(&world, mirror.path()).await;
    let options = AuditOptions::at(world.now());
    clean(&audited(text(mirror.path()), &options).await);
    let changed = std::fs::read_dir(mirror.path().join("v1/manifests")).unwrap();
    let file = changed.map(|file| file.unwrap().path()).next().unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let digit = bytes.iter().rposition(u8::is_ascii_digit).unwrap();
    bytes[digit] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let report = audited(text(mirror.path()), &options).await;
    assert_eq!(report.verdict(), Verdict::Violation, "{report:#?}");
    let named = report.violations.first[0].to_string();
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(
        named.starts_with(&format!("manifest {name} of entry ")),
        "{named}"
    );
}

async fn a_restored_older_log_is_a_split_view_to_who_has_seen_the_newer_one(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    let older = tempfile::tempdir().unwrap();
    export(&world, older.path()).await;
    world.at(SETTLED).await;
    let kept = tempfile::tempdir().unwrap();
    let mut options = AuditOptions::at(world.now());
    options.state = Some(kept.path().join("state"));
    clean(&audited(&world.url(), &options).await);
    let report = audited(text(older.path()), &options).await;
    assert_eq!(report.verdict(), Verdict::Violation, "{report:#?}");
    let named = report.violations.first[0].to_string();
    assert!(
        named.starts_with("checkpoint: covers 3 entries; the audit before saw 4"),
        "{named}"
    );
}
