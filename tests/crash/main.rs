//! What no crash, second process, old copy or failed write may do: forget an
//! event, change a published byte, or sign one nonce twice.
//!
//! Real processes, real databases, real time. SQLite always; Postgres where
//! `ORACLE_TEST_POSTGRES` names a server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod book;
mod copies;
mod database;
mod failures;
mod front;
mod home;
mod inspect;
mod journal;
mod leaders;
mod memory;
mod outbox;
mod proxy;
mod race;
mod refusals;
mod storm;
