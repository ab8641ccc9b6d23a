//! Feeds: adapters turn a venue's bytes into facts, rules turn facts into a
//! decision.
//!
//! Everything but the [`fetch`] and [`loopback`] modules is pure: no I/O, no
//! clock. An auditor replays recorded exchanges through the same
//! [`provider::Provider::interpret`] and the same [`rule::price`] that the
//! service used, and must come to the same outcome.
//!
//! [`retry`] says how long a source is left alone after what it answered; the caller waits.
//!
//! What is absent: asking again, giving up and refunding (the engine does it), storage and
//! signing.

pub mod decimal;
pub mod exact;
pub mod fact;
#[cfg(feature = "fetch")]
pub mod fetch;
pub mod health;
mod json;
#[cfg(feature = "fetch")]
mod limits;
#[cfg(feature = "loopback")]
pub mod loopback;
pub mod observation;
pub mod provider;
pub mod rate;
pub mod record;
mod redact;
pub mod replay;
pub mod retry;
pub mod rule;
pub mod sample;
pub mod time;

pub use exact::Exact;
pub use observation::{
    Exchange, Observation, PriceObservation, PriceQuery, Query, Reading, Request, SourceReading,
    Target,
};
pub use provider::{Provider, provider, provider_names};
pub use rate::Rate;
pub use redact::is_secret_key;
pub use time::TimeSource;
