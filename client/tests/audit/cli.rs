//! The commands as people run them.

use std::process::{Command, Stdio};

use oracle_schema::codec::Layout;
use serde_json::Value;

use super::common::{BODIES, Log, Ran, T, put, run, sha256};

const AT: &str = "2026-11-22T16:01:00Z";

fn written(log: &Log) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    log.write(dir.path());
    dir
}

#[tokio::test]
async fn the_verdict_is_the_exit_code_and_the_last_line() {
    assert_eq!(
        AT.parse::<chrono::DateTime<chrono::Utc>>()
            .unwrap()
            .timestamp(),
        T + 60
    );
    let log = Log::honest(2);
    let dir = written(&log);
    let path = dir.path().to_str().unwrap();
    let Ran(code, out, err) = run(&["audit", path, "--at", AT]).await;
    assert_eq!(code, 0, "{out}{err}");
    assert!(
        out.ends_with("ok audit: nothing wrong, 1 matured and not yet attested, 0 to mature\n"),
        "{out}"
    );
    assert!(
        out.contains("10 entries: 4 announcements, 2 attestations"),
        "{out}"
    );
    assert!(
        out.contains("waiting waits: matured 2026-11-22T16:00:00+00:00"),
        "{out}"
    );
    assert!(out.contains("at worst 1s (event-0)"), "{out}");
    let body = format!("v1/evidence/{}", sha256(BODIES[0].as_bytes()));
    std::fs::remove_file(dir.path().join(&body)).unwrap();
    let Ran(code, out, _) = run(&["audit", path, "--at", AT]).await;
    assert_eq!(code, 2);
    assert!(
        out.ends_with("incomplete: nothing wrong, but 2 could not be had\n"),
        "{out}"
    );
    put(dir.path(), &body, b"{}");
    let Ran(code, out, _) = run(&["audit", path, "--at", AT]).await;
    assert_eq!(code, 1);
    assert!(out.contains("WRONG manifest "), "{out}");
    assert!(out.ends_with("VIOLATION: 2 found\n"), "{out}");
    let Ran(code, out, _) = run(&["audit", path, "--at", AT, "--json"]).await;
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, said["verdict"].as_str()), (1, Some("violation")));
    assert_eq!(said["violations"]["count"], 2);
    assert_eq!(said["head"]["size"], 10);
    assert_eq!(said["lateness"]["worst_ms"], 1000);
    let Ran(code, _, err) = run(&["audit", path, "--at", "yesterday"]).await;
    assert_eq!(code, 2, "{err}");
}

#[tokio::test]
async fn a_proof_of_equivocation_convinces_a_stranger() {
    let log = Log::honest(1);
    let promise = log.promise("event-0");
    let files = tempfile::tempdir().unwrap();
    let file = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    for outcome in ["above", "not_above"] {
        let attestation = log.oracle.attest(&promise, &[outcome]);
        put(files.path(), outcome, &attestation.to_tlv(Layout::Spec));
    }
    put(files.path(), "announcement", &promise.announcement.to_tlv());
    let (above, not_above, out) = (file("above"), file("not_above"), file("proof"));
    let Ran(code, said, _) = run(&["prove-equivocation", &above, &above, "--out", &out]).await;
    assert_eq!(code, 1);
    assert!(
        said.contains("error: the attestations sign the same message"),
        "{said}"
    );
    assert!(!std::fs::exists(&out).unwrap());
    let announcement = file("announcement");
    let proof = [
        "prove-equivocation",
        &above,
        &not_above,
        "--out",
        &out,
        "--announcement",
        &announcement,
    ];
    let Ran(code, said, err) = run(&proof).await;
    assert_eq!(code, 0, "{said}{err}");
    assert!(said.contains("ok equivocation: proven"), "{said}");
    let proof = std::fs::read(files.path().join("proof/proof.json")).unwrap();
    let proof: Value = serde_json::from_slice(&proof).unwrap();
    let key = proof["secret_key"].as_str().unwrap();
    assert_eq!(proof["public_key"], log.oracle.key().to_string());
    let checked = Command::new("python3")
        .arg(files.path().join("proof/check.py"))
        .stdin(Stdio::null())
        .output();
    match checked {
        Ok(checked) => {
            let said = String::from_utf8(checked.stdout).unwrap();
            let err = String::from_utf8_lossy(&checked.stderr);
            assert_eq!(said, format!("proven: the secret key is {key}\n"), "{err}");
        }
        Err(e) => eprintln!("left out: check.py of the proof, python3: {e}"),
    }
}
