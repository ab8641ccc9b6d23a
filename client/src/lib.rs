//! Participant's client of a Peercoin DLC oracle.
//!
//! It fetches announcements and attestations, verifies every byte that money
//! depends on against the oracle's identity, the verifier key of its log, and
//! derives adaptor points and their secrets. It shares the message types with the server and nothing else, so
//! what it accepts can be checked without trusting the server's code. To replay
//! evidence it needs the adapters and rules that were announced, which are the
//! server's too, without the part that fetches.
//!
//! From an event to coins that move, without a server (the bytes are in
//! [`sample`]; a [`Client`] fetches and verifies them):
//!
//! ```
//! use oracle_client::adaptor::AdaptorSignature;
//! use oracle_client::points::{Selection, adaptor_points};
//! use oracle_client::verify::{verify_announcement, verify_attestation};
//! use oracle_client::{Announcement, Attestation, sample};
//! use secp256k1::SecretKey;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Before the match: the point of a draw, and a transaction signed under it.
//! let bytes = sample::MATCH_ANNOUNCEMENT.as_bytes();
//! let announcement = verify_announcement(Announcement::from_any(bytes)?)?;
//! let draw = Selection::Outcome("draw".to_owned());
//! let point = adaptor_points(&announcement, None, &draw)?[0].point;
//!
//! let key = SecretKey::from_secret_bytes([1; 32])?.keypair();
//! let sighash = [2; 32];
//! let signed = AdaptorSignature::sign(&key, &sighash, &point, &[3; 32])?;
//!
//! // After it: the attestation's secret completes the signature.
//! let bytes = sample::MATCH_ATTESTATION.as_bytes();
//! let attestation = verify_attestation(Attestation::from_any(bytes)?, &announcement)?;
//! let opened = adaptor_points(&announcement, Some(&attestation), &draw)?;
//! let secret = opened[0].secret.as_ref().ok_or("it was a draw")?;
//! let signature = signed.adapt(secret, &key.x_only_public_key().0, &sighash)?;
//! # assert_eq!(signed.extract(&signature, &point)?, *secret);
//! # Ok(())
//! # }
//! ```
//!
//! | module | for |
//! |---|---|
//! | [`Client`] | fetching, waiting, following; all of it verified |
//! | [`Mirror`] | the whole log by hours, so that no event is named to the server |
//! | [`points`] | adaptor points and secrets of outcomes, prefixes, ranges, several oracles |
//! | [`payout`] | a payout curve as ranges and prefixes |
//! | [`adaptor`] | adaptor signatures: verify, adapt, extract |
//! | [`coinlib`] | the same for Peercoin's coinlib: x-only points, locktimes, scalars |
//! | [`operator`], [`replay`] | reporting as a named operator; auditing an outcome |
//! | [`audit`], [`equivocation`] | auditing a whole log; two outcomes under one nonce |
//!
//! Whole contracts on Peercoin are in `client/examples/`, the bytes for other
//! languages in `docs/for-wallets.md` and `schema/vectors/`.

pub mod anchor;
mod attested;
pub mod audit;
mod backoff;
mod cache;
mod client;
pub mod equivocation;
mod error;
mod evidence;
mod hours;
mod http;
mod memory;
mod mirror;
mod model;
pub mod operator;
mod options;
mod proof;
mod search;
mod series;
mod sse;
mod stream;

pub use attested::Attested;
pub use client::Client;
pub use error::{Cause, Error};
pub use evidence::{Bundle, Stated};
pub use hours::HourOfLog;
pub use memory::Memory;
pub use mirror::{Mirror, MirroredEvent, Step, Synced};
pub use model::{
    ChoiceInfo, EventInfo, EventState, EventsPage, EvidenceInfo, ObservationInfo, OracleInfo,
    parse_key,
};
pub use options::Options;
pub use oracle_feeds::replay;
/// What is computed without asking anybody: a crate of its own, for who fetches by itself.
pub use oracle_math::{adaptor, coinlib, payout, points, sample};
pub use oracle_schema::bundle;
pub use oracle_schema::hour;
pub use oracle_schema::tlog::{NoteKey, Policy as WitnessPolicy};
/// The rules of a valid message, for what did not come through a [`Client`].
pub use oracle_schema::verify;
pub use oracle_schema::{
    Announcement, Attestation, Descriptor, DigitsDescriptor, EventId, Maturity, Outcome, Verified,
};
pub use search::Search;
pub use series::{Period, SeriesInfo, SeriesPage, UpcomingEvent};
pub use stream::StreamEvent;
