//! Participant's client of a Peercoin DLC oracle.
//!
//! It fetches announcements and attestations, verifies every byte that money
//! depends on against the oracle's key, and derives adaptor points and their
//! secrets. It shares the message types with the server and nothing else, so
//! what it accepts can be checked without trusting the server's code. To replay
//! evidence it needs the adapters and rules that were announced, which are the
//! server's too, without the part that fetches.
//!
//! ```no_run
//! # async fn demo() -> Result<(), oracle_client::Error> {
//! use oracle_client::{Client, EventId};
//!
//! let oracle = Client::new("http://127.0.0.1:8080")?;
//! let Ok(id) = "ppcusd-daily@2026-11-22T16:00:00Z".parse::<EventId>() else {
//!     return Ok(());
//! };
//! let attested = oracle.wait(&id, std::time::Duration::from_secs(60)).await?;
//! println!("{}", attested.outcome_text());
//! # Ok(())
//! # }
//! ```

pub mod adaptor;
mod backoff;
mod client;
pub mod coinlib;
mod error;
mod evidence;
mod http;
mod joint;
mod model;
pub mod operator;
pub mod payout;
pub mod points;
mod stream;

pub use client::{Attested, Client, Options};
pub use error::{Cause, Error};
pub use evidence::{Bundle, Stated};
pub use model::{
    EventInfo, EventState, EventsPage, EvidenceInfo, ObservationInfo, OracleInfo, parse_key,
};
pub use oracle_feeds::replay;
pub use oracle_schema::{
    Announcement, Attestation, Descriptor, DigitsDescriptor, EventId, Maturity, Outcome, Verified,
};
pub use stream::StreamEvent;
