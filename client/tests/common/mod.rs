//! What the client's tests stand on.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test binary uses a part"
)]

mod command;
mod facts;
mod log;
mod oracle;
mod round;
mod server;

pub use command::*;
pub use facts::*;
pub use log::*;
pub use oracle::*;
pub use round::*;
pub use server::*;

use std::time::Duration;

use oracle_client::{Client, Options};

/// Pauses short enough to run through many.
pub fn quick() -> Options {
    Options {
        first_backoff: Duration::from_millis(5),
        max_backoff: Duration::from_millis(20),
        timeout: Duration::from_secs(10),
        // Each prepared answer is one attempt.
        attempts: 1,
        // What these servers say is what they would say without a log.
        unproven: true,
        ..Options::default()
    }
}

pub fn client(url: &str) -> Client {
    Client::with_options(url, quick()).unwrap()
}
