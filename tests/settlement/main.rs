//! The contract examples of the client, run as the programs they are against a
//! real server, and what they made checked again: by consensus code in this
//! process, and by a node where there is one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests stop at the first surprise"
)]

mod contracts;
mod judge;
mod loopback;
mod node;
mod program;
mod scripted;

/// Runs a test on a runtime of its own.
fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}
