//! What the whole-service tests stand on: an oracle in this process, on a
//! database of its own, over venues that lie when told to, in a time that only
//! the test moves.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "tests stop at the first surprise"
)]

pub mod config;
pub mod database;
pub mod flips;
pub mod http;
pub mod made;
pub mod market;
pub mod peercoin;
pub mod process;
pub mod relay;
pub mod witness;
pub mod world;
