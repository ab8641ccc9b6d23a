//! What was asked, what came back, and what it says.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use oracle_schema::policy::SourcePolicy;
use rust_decimal::Decimal;

/// One question to one source: its price at `at`.
#[derive(Debug, Clone, Copy)]
pub struct PriceQuery<'a> {
    /// Whom to ask for what.
    pub source: &'a SourcePolicy,
    /// T, Unix seconds. Need not be aligned to a minute.
    pub at: i64,
    /// Oldest usable price: T minus the end of its bar, seconds.
    pub max_trade_age_s: u32,
}

/// The next GET an adapter wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where to.
    pub target: Target,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Path and query under the provider's base URL, beginning with `/`.
    Path(String),
    /// A whole `http` or `https` URL (generic sources).
    Absolute(String),
}

impl Request {
    /// A request under the provider's base URL.
    pub fn path(path_and_query: String) -> Self {
        Self {
            target: Target::Path(path_and_query),
        }
    }
}

/// One request and its answer, as recorded for evidence.
#[derive(Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Full URL, secrets redacted.
    pub url: String,
    /// When the request left, local clock.
    pub sent_at: DateTime<Utc>,
    /// When the answer (or the failure) was complete, local clock.
    pub received_at: DateTime<Utc>,
    /// HTTP status, if an answer came.
    pub status: Option<u16>,
    /// `date`, `etag`, `last-modified`, `content-type` and `retry-after` only,
    /// names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body after content decoding. Empty after a failure.
    pub body: Vec<u8>,
    /// SHA-256 of `body`; absent after a failure.
    pub sha256: Option<[u8; 32]>,
    /// The `Date` header, if present and readable.
    pub date: Option<DateTime<Utc>>,
    /// Why no complete answer came: `timeout`, `connect`, `too large`,
    /// `truncated`, … Never holds a URL.
    pub failure: Option<String>,
}

impl Exchange {
    /// The first recorded header of that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("url", &self.url)
            .field("sent_at", &self.sent_at)
            .field("received_at", &self.received_at)
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .field("sha256", &self.sha256.map(hex::encode))
            .field("date", &self.date)
            .field("failure", &self.failure)
            .finish()
    }
}

/// A price that a source reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceObservation {
    /// The number exactly as the source wrote it, without quotes.
    pub literal: String,
    /// The same number.
    pub price: Decimal,
    /// Unix seconds to which the price belongs: the end of the bar used, or
    /// the datum's own time for generic sources.
    pub effective_at: i64,
}

/// What the answers of one source say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A price.
    Observation(PriceObservation),
    /// The source cannot know yet; ask again.
    NotYet(String),
    /// The source knows, and there was no trade in the window.
    NoData(String),
    /// Asking again may help.
    Transient {
        /// What went wrong.
        detail: String,
        /// How long the source asked us to stay away.
        retry_after: Option<Duration>,
    },
    /// Asking again will not help: wrong symbol, wrong URL, refused.
    Permanent(String),
    /// The answer contradicts itself or the source's documented shape.
    Contradiction(String),
}

impl Reading {
    /// `observation`, `not_yet`, `no_data`, `transient`, `permanent` or
    /// `contradiction`.
    pub fn verdict(&self) -> &'static str {
        match self {
            Self::Observation(_) => "observation",
            Self::NotYet(_) => "not_yet",
            Self::NoData(_) => "no_data",
            Self::Transient { .. } => "transient",
            Self::Permanent(_) => "permanent",
            Self::Contradiction(_) => "contradiction",
        }
    }

    /// One sentence for people; for an observation its literal.
    pub fn detail(&self) -> &str {
        match self {
            Self::Observation(o) => &o.literal,
            Self::NotYet(detail)
            | Self::NoData(detail)
            | Self::Transient { detail, .. }
            | Self::Permanent(detail)
            | Self::Contradiction(detail) => detail,
        }
    }

    /// The price, if there is one.
    pub fn observation(&self) -> Option<&PriceObservation> {
        match self {
            Self::Observation(o) => Some(o),
            _ => None,
        }
    }

    pub(crate) fn transient(detail: impl Into<String>) -> Self {
        Self::Transient {
            detail: detail.into(),
            retry_after: None,
        }
    }
}

/// One source's answer to one query, with everything needed to check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceReading {
    /// [`SourcePolicy::id`].
    pub source: String,
    /// [`SourcePolicy::root`].
    pub root: String,
    /// Every request made, in order. Empty if none was sent.
    pub exchanges: Vec<Exchange>,
    /// What they say together.
    pub reading: Reading,
}
