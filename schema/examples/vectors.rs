//! Writes `schema/vectors/*.json` and `schema/fuzz/seeds/` anew:
//! `cargo run -p oracle-schema --example vectors`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a developer's tool"
)]

#[path = "../tests/suite/book.rs"]
mod book;
#[path = "../tests/suite/events.rs"]
mod events;
#[path = "../tests/suite/forge.rs"]
mod forge;
#[path = "../tests/suite/generate.rs"]
mod generate;
#[path = "../tests/suite/generate_adaptor.rs"]
mod generate_adaptor;
#[path = "../tests/suite/generate_anchor.rs"]
mod generate_anchor;
#[path = "../tests/suite/generate_bundle.rs"]
mod generate_bundle;
#[path = "../tests/suite/generate_hour.rs"]
mod generate_hour;
#[path = "../tests/suite/generate_invalid.rs"]
mod generate_invalid;
#[path = "../tests/suite/generate_log.rs"]
mod generate_log;
#[path = "../tests/suite/generate_nonce_proof.rs"]
mod generate_nonce_proof;
#[path = "../tests/suite/generate_operator.rs"]
mod generate_operator;
#[path = "../tests/suite/generate_participant.rs"]
mod generate_participant;
#[path = "../tests/suite/generate_tlog.rs"]
mod generate_tlog;
#[path = "../tests/suite/generate_witness.rs"]
mod generate_witness;
#[path = "../tests/suite/oracle.rs"]
mod oracle;
#[path = "../tests/suite/seeds.rs"]
mod seeds;

use std::fs;
use std::path::Path;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, content) in generate::files() {
        let text = serde_json::to_string_pretty(&content).unwrap();
        fs::write(root.join("vectors").join(name), text + "\n").unwrap();
    }
    for (path, bytes) in seeds::files() {
        let path = root.join("fuzz/seeds").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
