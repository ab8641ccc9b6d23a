//! The messages from outside: vectors, other implementations, arbitrary bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod anchors;
mod arbitrary;
mod book;
mod bundles;
mod changed_bytes;
#[path = "../../fuzz/checks.rs"]
#[allow(unreachable_pub, reason = "the fuzz crate exports them")]
mod checks;
mod choice;
mod ddk;
mod events;
mod explain;
mod forge;
mod generate;
mod generate_adaptor;
mod generate_anchor;
mod generate_bundle;
mod generate_hour;
mod generate_invalid;
mod generate_log;
mod generate_nonce_proof;
mod generate_operator;
mod generate_participant;
mod generate_tlog;
mod generate_witness;
mod hours;
mod nonce_proof;
mod notes;
mod operators;
mod oracle;
mod question;
mod seeds;
mod tlog;
mod vectors;
mod witnesses;
