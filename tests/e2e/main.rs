//! The service from outside: what it promises, on both engines, while its
//! providers lie, its process stops and its files are exchanged.
//!
//! Each law is one function, run on SQLite and, where `ORACLE_TEST_POSTGRES`
//! names a server, on Postgres.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests stop at the first surprise"
)]

use std::pin::Pin;

/// Makes a test of each law on each engine.
macro_rules! laws {
    ($($law:ident),+ $(,)?) => {
        mod sqlite {
            use oracle_tests::database::Backend;
            $(
                #[test]
                fn $law() {
                    crate::run(Box::pin(super::$law(Backend::Sqlite)));
                }
            )+
        }
        mod postgres {
            use oracle_tests::database::Backend;
            $(
                #[test]
                fn $law() {
                    if Backend::Postgres.is_here(stringify!($law)) {
                        crate::run(Box::pin(super::$law(Backend::Postgres)));
                    }
                }
            )+
        }
    };
}

/// Runs a law on a runtime of its own. Boxed: one instance of the runtime's
/// code for all laws keeps the build short.
fn run(law: Pin<Box<dyn Future<Output = ()>>>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(law);
}

mod anchor;
mod anchor_audit;
mod audit;
mod bundle;
mod by_hand;
mod chain;
mod choice;
mod clock;
mod compat;
mod evidence;
mod facts;
mod faults;
mod interface;
mod leagues;
mod log;
mod markets;
mod nonces;
mod nostr;
mod older;
mod operators;
mod ppc;
mod probe;
mod promises;
mod question;
mod readers;
mod restarts;
mod rollback;
mod schedule;
mod series;
mod signing;
mod starting;
mod status;
mod strangers;
mod time;
mod tree;
mod venues;
mod witness;
mod world_elections;
mod world_sports;
