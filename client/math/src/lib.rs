//! What a participant computes from messages that are proven: adaptor points and their
//! secrets, payouts, adaptor signatures, locktimes.
//!
//! Nothing here fetches or keeps state. `oracle_client` has all of it under the same names,
//! and fetches and proves the messages as well; `client/ffi` gives it to other languages.
//!
//! | module | for |
//! |---|---|
//! | [`points`] | adaptor points and secrets of outcomes, prefixes, ranges, several oracles |
//! | [`payout`] | a payout curve as ranges and prefixes |
//! | [`adaptor`] | adaptor signatures: verify, adapt, extract |
//! | [`coinlib`] | the same for Peercoin's coinlib: x-only points, locktimes, scalars |
//! | [`sample`] | two events for examples and tests |

pub mod adaptor;
pub mod coinlib;
mod joint;
pub mod payout;
pub mod points;
pub mod sample;

/// The rules of a valid message.
pub use oracle_schema::verify;
pub use oracle_schema::{Announcement, Attestation, Descriptor, DigitsDescriptor, Verified};
