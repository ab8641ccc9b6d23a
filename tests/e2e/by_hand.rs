//! `docs/verify-by-hand.md`, command by command, against a real oracle.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use oracle_schema::EventId;
use oracle_tests::database::Backend;
use oracle_tests::world::{World, event_id};

use crate::series::{CENTS, MATURITY, SETTLED, threshold};

laws! {
    every_command_of_the_page_says_ok_about_an_honest_event,
}

const PAGE: &str = include_str!("../../docs/verify-by-hand.md");
const TOOLS: [&str; 6] = ["bash", "curl", "jq", "openssl", "python3", "sha256sum"];

/// The page's commands, as one script that stops at the first failure.
fn script() -> String {
    let blocks = PAGE.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split("\n```").next().unwrap());
    let blocks: Vec<&str> = blocks.collect();
    assert!(blocks.len() >= 9, "{} blocks", blocks.len());
    format!("set -euo pipefail\n{}\n", blocks.join("\n"))
}

fn run(dir: &Path, url: &str, id: &EventId) -> Output {
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(script()).current_dir(dir);
    bash.env("URL", url).env("ID", id.as_str());
    bash.env_remove("http_proxy").env_remove("https_proxy");
    bash.stdin(Stdio::null()).output().unwrap()
}

async fn every_command_of_the_page_says_ok_about_an_honest_event(backend: Backend) {
    let missing: Vec<_> = TOOLS.iter().filter(|tool| !is_here(tool)).collect();
    if !missing.is_empty() {
        eprintln!("left out: docs/verify-by-hand.md, for want of {missing:?}");
        return;
    }
    let events = [CENTS, &threshold("above-025", "0.25")].concat();
    let mut world = World::new(backend, &events).await;
    world.at(SETTLED).await;
    for (series, signatures) in [("btc-cents", 9), ("above-025", 1)] {
        let dir = tempfile::tempdir().unwrap();
        let (url, id) = (world.url(), event_id(series, MATURITY));
        let path = dir.path().to_path_buf();
        let ran = tokio::task::spawn_blocking(move || run(&path, &url, &id)).await;
        let ran = ran.unwrap();
        let said = String::from_utf8(ran.stdout).unwrap();
        let err = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{said}\n{err}");
        for ok in [
            "ok genesis: oracle ",
            "ok checkpoint is signed by the log's key",
            "ok announcement is entry ",
            "ok attestation is entry ",
            &format!("ok announcement: signed, with {signatures} nonces"),
            "ok policy",
            "ok attestation: ",
            "ok manifest",
            "ok answer ",
            "ok decision",
        ] {
            assert!(said.contains(ok), "{ok}:\n{said}\n{err}");
        }
    }
}

fn is_here(tool: &str) -> bool {
    let mut command = Command::new(tool);
    // Each of them knows one of these, and none waits for input.
    let answered = command.arg("--version").stdin(Stdio::null()).output();
    answered.is_ok()
}
