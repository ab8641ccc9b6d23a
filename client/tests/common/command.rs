//! The built command, and a small world for it.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;

use super::{Answer, Oracle, Server, digits};

pub const ID: &str = "ppcusd-daily@2026-11-22T16:00:00Z";

/// Exit code, stdout, stderr.
pub struct Ran(pub i32, pub String, pub String);

impl Ran {
    pub fn json(&self) -> Value {
        assert_eq!(self.0, 0, "{}", self.2);
        serde_json::from_str(&self.1).unwrap()
    }
}

pub fn oracle(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oracle"));
    command
        .args(arguments)
        // Nothing of one test is known to another.
        .env_remove("XDG_STATE_HOME")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("HOME")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

pub fn join<'a>(first: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [first, more].concat()
}

pub async fn run(arguments: &[&str]) -> Ran {
    let output = oracle(arguments).output().await.unwrap();
    Ran(
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// A server with a digit event, attested 5 (binary 0101) if asked so.
pub async fn world(attested: bool) -> (Oracle, Server, String) {
    let signer = Oracle::new("oracle");
    let (server, url) = Server::start(&signer).await;
    let announced = signer.announce(ID, digits(2, 4, false));
    server.announce(&announced);
    if attested {
        server.attest(ID, &signer.attest(&announced, &["0", "1", "0", "1"]));
    }
    server.put(
        &format!("/v1/events/{ID}"),
        [Answer::Json(json!({
            "event_id": ID, "kind": "digits", "series": "ppcusd-daily",
            "state": "held", "reason": "sources \u{1b}[2J disagree",
            "maturity": "2026-11-22T16:00:00Z", "attest_by": "2026-11-25T16:00:00Z",
            "outcome": null,
        }))],
    );
    (signer, server, url)
}
