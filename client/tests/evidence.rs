//! `oracle evidence` against an oracle that keeps its evidence, and one that
//! does not.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::path::Path;

use common::{
    Announced, Answer, BODIES, Oracle, Server, choice, identity, manifest, oracle, policy, sha256,
};
use oracle_schema::policy::policy_hash;
use serde_json::{Value, json};

const ID: &str = "ppcusd-above-025@2026-11-22T16:00:00Z";
/// Exit code, stdout, stderr.
struct Ran(i32, String, String);

impl Ran {
    #[track_caller]
    fn ends(&self, code: i32, says: &str) {
        assert_eq!(self.0, code, "{}{}", self.1, self.2);
        assert!(self.1.contains(says), "{says}: {}{}", self.1, self.2);
    }
}

async fn evidence(arguments: &[&str]) -> Ran {
    let arguments = [&["evidence"], arguments].concat();
    let output = oracle(&arguments).output().await.unwrap();
    Ran(
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// An oracle, the event announced, and its evidence published.
struct World {
    oracle: Oracle,
    server: Server,
    announced: Announced,
    url: String,
}

impl World {
    async fn new() -> Self {
        let oracle = Oracle::new("oracle");
        let (server, url) = Server::start(&oracle).await;
        let announced = oracle.announce(ID, choice(&["above", "not_above"]));
        server.announce(&announced);
        let world = Self {
            oracle,
            server,
            announced,
            url,
        };
        world.publish();
        for body in BODIES {
            world.body(&sha256(body.as_bytes()), Answer::Bytes(body.into()));
        }
        world
    }

    /// Evidence for the next reader.
    fn publish(&self) {
        let policy = policy();
        let document = policy.canonical().unwrap();
        let manifest = manifest(&policy);
        let event = json!({
            "event_id": ID, "kind": "threshold", "state": "attested",
            "maturity": "2026-11-22T16:00:00Z",
            "policy_hash": hex::encode(policy_hash(&document)),
        });
        let event_path = format!("/v1/events/{ID}");
        self.server.put(&event_path, [Answer::Json(event)]);
        self.server
            .put(&format!("{event_path}/policy"), [Answer::Bytes(document)]);
        self.server
            .put(&format!("{event_path}/evidence"), [Answer::Bytes(manifest)]);
    }

    fn body(&self, sha256: &str, answer: Answer) {
        self.server.put(&format!("/v1/evidence/{sha256}"), [answer]);
    }

    fn attest(&self, outcome: &str) {
        let attestation = self.oracle.attest(&self.announced, &[outcome]);
        self.server.attest(ID, &attestation);
    }

    async fn evidence(&self, more: &[&str]) -> Ran {
        self.publish();
        evidence(&[&[ID, "--url", &self.url], more].concat()).await
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn evidence_is_replayed_kept_and_replayed_again_without_the_oracle() {
    let world = World::new().await;
    world.attest("above");
    let kept = tempfile::tempdir().unwrap();
    let ran = world.evidence(&["--save", text(kept.path())]).await;
    ran.ends(
        0,
        "ok ppcusd generic:a attempt=1 observation \"0.26\" sha256=",
    );
    ran.ends(0, "decided again: price=0.2605");
    ran.ends(0, &format!("ok evidence {ID} outcome=above"));
    drop(world);
    let again = evidence(&["--from", text(kept.path())]).await;
    assert_eq!((again.0, again.1), (0, ran.1));
    let json = evidence(&["--from", text(kept.path()), ID, "--json"]).await;
    let said: Value = serde_json::from_str(&json.1).unwrap();
    assert_eq!(said["conclusion"], "reproduced");
    assert_eq!(said["read_again"], 2);
    assert_eq!(said["report"]["observations"][1]["standing"], "reproduced");
    assert_eq!(said["report"]["price"], "0.2605");
}

#[tokio::test]
async fn every_kept_file_that_was_changed_is_named() {
    let world = World::new().await;
    world.attest("above");
    let kept = tempfile::tempdir().unwrap();
    let body = format!("bodies/{}", sha256(BODIES[1].as_bytes()));
    let changes = [
        ("manifest.json", "manifest_sha256: "),
        ("policy.json", "policy_hash: "),
        (body.as_str(), "generic:b attempt=1: sha256: "),
        ("attestation.tlv", ""),
        ("announcement.tlv", ""),
        ("stated.json", ""),
    ];
    for (name, says) in changes {
        world
            .evidence(&["--save", text(kept.path())])
            .await
            .ends(0, "ok evidence");
        let path = kept.path().join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let ran = evidence(&["--from", text(kept.path())]).await;
        ran.ends(1, says);
        assert!(!ran.1.contains("ok evidence"), "{name}: {}", ran.1);
    }
}

#[tokio::test]
async fn another_outcome_than_the_evidence_leads_to_is_a_mismatch() {
    let world = World::new().await;
    world.attest("not_above");
    let ran = world.evidence(&[]).await;
    ran.ends(1, "MISMATCH outcome: attested \"not_above\"");
    ran.ends(1, "the evidence comes to \"above\"");
    // JSON says the same with the same code, and nothing beside it.
    let ran = world.evidence(&["--json"]).await;
    let said: Value = serde_json::from_str(&ran.1).unwrap();
    assert_eq!((ran.0, said["conclusion"].as_str()), (1, Some("mismatch")));
}

#[tokio::test]
async fn a_body_that_the_oracle_has_not_leaves_it_open_until_somebody_has_it() {
    let world = World::new().await;
    world.attest("above");
    let hash = sha256(BODIES[0].as_bytes());
    world.body(&hash, Answer::Problem(404, "unknown-evidence"));
    let ran = world.evidence(&[]).await;
    ran.ends(2, "missing ppcusd generic:a");
    ran.ends(
        2,
        &format!("incomplete: ppcusd generic:a attempt=1: sha256: no body {hash}"),
    );
    let bodies = tempfile::tempdir().unwrap();
    std::fs::write(bodies.path().join(&hash), BODIES[0]).unwrap();
    let ran = world.evidence(&["--bodies", text(bodies.path())]).await;
    ran.ends(0, "ok evidence");
    // What is at hand is not asked for.
    let asked = world.server.seen(&format!("/v1/evidence/{hash}"));
    assert_eq!(asked.len(), 1);
    // A body that is not the one is worse than none.
    world.body(&hash, Answer::Bytes(b"{}".to_vec()));
    world
        .evidence(&[])
        .await
        .ends(1, "MISMATCH ppcusd generic:a");
}

#[tokio::test]
async fn what_cannot_be_had_is_no_verdict() {
    let world = World::new().await;
    // Bound and closed: nobody listens there.
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let ran = evidence(&[ID, "--url", &nobody]).await;
    ran.ends(2, "incomplete: ");
    let nowhere = tempfile::tempdir().unwrap();
    let ran = evidence(&["--from", text(nowhere.path())]).await;
    ran.ends(2, "incomplete: stated.json");
    // Not attested has its own code, as everywhere.
    assert_eq!(world.evidence(&[]).await.0, 3);
    // An outcome whose evidence was lost, as its entry in the log says.
    world.server.log(|log| log.manifest_hash = [0; 32]).unwrap();
    world.attest("above");
    let ran = world.evidence(&[]).await;
    ran.ends(2, "no evidence");
}

#[tokio::test]
async fn a_bundle_of_another_oracle_or_event_is_refused() {
    let world = World::new().await;
    world.attest("above");
    let kept = tempfile::tempdir().unwrap();
    let other = Oracle::new("other").key().to_string();
    assert_eq!(world.evidence(&["--key", &other]).await.0, 1);
    let ran = world.evidence(&["--save", text(kept.path())]).await;
    ran.ends(0, "ok evidence");
    let from = ["--from", text(kept.path())];
    let key = world.oracle.key().to_string();
    evidence(&[&from[..], &["--key", &key]].concat())
        .await
        .ends(3, "ok evidence");
    let pinned = identity().to_string();
    evidence(&[&from[..], &["--identity", &pinned]].concat())
        .await
        .ends(0, "ok evidence");
    let ran = evidence(&[&from[..], &["--key", &other]].concat()).await;
    assert!(
        ran.0 == 1 && ran.2.contains("signed by oracle key"),
        "{}",
        ran.2
    );
    let ran = evidence(&[&from[..], &["another-event"]].concat()).await;
    assert!(ran.0 == 1 && ran.2.contains("another-event"), "{}", ran.2);
}
