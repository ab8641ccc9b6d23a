//! What is not there is no lie, and is said.

use std::path::Path;

use oracle_client::audit::{AuditOptions, Report, Source, Verdict, audit};

use super::common::{BODIES, Log, NOW, quick, sha256};
use super::{audited, names};

async fn without(path: &str) -> Report {
    let dir = tempfile::tempdir().unwrap();
    Log::honest(2).write(dir.path());
    std::fs::remove_file(dir.path().join(path)).unwrap();
    audited(dir.path(), &AuditOptions::at(NOW)).await
}

#[tokio::test]
async fn a_file_that_is_not_there_makes_the_audit_incomplete_and_is_named() {
    let log = Log::honest(2);
    let (policy, manifest) = (hex::encode(log.policy_hash), hex::encode(log.manifest_hash));
    let body = sha256(BODIES[1].as_bytes());
    for (path, says) in [
        ("checkpoint", "checkpoint: is not there".to_owned()),
        (
            "tile/0/000.p/10",
            "tile 0/000.p/10: is not there".to_owned(),
        ),
        (
            "tile/entries/000.p/10",
            "tile entries/000.p/10: is not there".to_owned(),
        ),
        (
            &format!("v1/policies/{policy}"),
            format!("policy {policy} of entry 1: is not there"),
        ),
        (
            &format!("v1/manifests/{manifest}"),
            format!("manifest {manifest} of entry 6 (attestation of event-0): is not there"),
        ),
        (
            &format!("v1/evidence/{body}"),
            format!("generic:b attempt=1: sha256: no body {body} (evidence {body} is not there)"),
        ),
    ] {
        let report = without(path).await;
        assert_eq!(report.verdict(), Verdict::Incomplete, "{path}: {report:#?}");
        names(&report.missing, &says);
    }
}

#[tokio::test]
async fn a_directory_that_is_none_and_a_service_that_is_away_are_incomplete() {
    let options = AuditOptions::at(NOW);
    let report = audited(Path::new("/nowhere"), &options).await;
    assert_eq!(report.verdict(), Verdict::Incomplete);
    // Bound and closed: nobody listens there.
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let source = Source::new(&address, &quick()).unwrap();
    let report = audit(&source, &options, &|_| ()).await.unwrap();
    assert_eq!(report.verdict(), Verdict::Incomplete);
    names(&report.missing, "checkpoint: ");
}
