//! What was asked, what came back, and what it says.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_schema::policy::{FactSource, LegPolicy, SourcePolicy};
use rust_decimal::Decimal;

use crate::fact::{ElectionFact, MatchFact, ValueFact};
use crate::provider::peercoin::PEERCOIN;
use crate::provider::{GENERIC, GENERIC_NAME};

/// Longest wait that a `Retry-After` can impose.
pub const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// One question to one source.
#[derive(Debug, Clone, Copy)]
pub enum Query<'a> {
    /// A price at a time.
    Price(PriceQuery<'a>),
    /// What the source says now about a match or an election. When an answer
    /// may count is the rule's matter: events with other maturities share it.
    Fact(&'a FactSource),
}

impl<'a> Query<'a> {
    /// The source's id.
    pub fn source(&self) -> &'a str {
        match self {
            Self::Price(query) => &query.source.id,
            Self::Fact(source) => &source.id,
        }
    }

    /// The source's root.
    pub fn root(&self) -> &'a str {
        match self {
            Self::Price(query) => &query.source.root,
            Self::Fact(source) => &source.root,
        }
    }

    /// Under which name it is configured how the source is reached: its own for a
    /// generic source and for a node that has one, else its provider's.
    pub fn settings(&self) -> &'a str {
        match self {
            Self::Price(query) if query.source.selector.is_some() => &query.source.symbol,
            Self::Price(query) => &query.source.provider,
            Self::Fact(source) => source
                .parameters
                .get(GENERIC_NAME)
                .filter(|_| [GENERIC, PEERCOIN].contains(&source.provider.as_str()))
                .unwrap_or(&source.provider),
        }
    }

    /// The adapter's name.
    pub fn provider(&self) -> &'a str {
        match self {
            Self::Price(query) => &query.source.provider,
            Self::Fact(source) => &source.provider,
        }
    }
}

/// One question to one source: its price at `at`.
#[derive(Debug, Clone, Copy)]
pub struct PriceQuery<'a> {
    /// Whom to ask for what.
    pub source: &'a SourcePolicy,
    /// T, Unix seconds. Need not be aligned to a minute.
    pub at: i64,
    /// Oldest usable price: T minus the end of its bar, seconds.
    pub max_trade_age_s: u32,
    /// For a source without history how long before T it is read, seconds; it is
    /// asked no more after T.
    pub sample_from_s: Option<u32>,
}

impl<'a> PriceQuery<'a> {
    /// What a leg asks one of its sources about `at`.
    pub fn of(leg: &LegPolicy, source: &'a SourcePolicy, at: i64) -> Self {
        let from_s = || leg.sample.map_or(0, |sample| sample.from_s.get());
        Self {
            source,
            at,
            max_trade_age_s: leg.max_trade_age_s,
            sample_from_s: source.is_sampled().then(from_s),
        }
    }
}

/// The next request an adapter wants: a GET, or a POST where there is a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where to.
    pub target: Target,
    /// The JSON to post. It is published with the evidence, so nothing secret
    /// may be in it.
    pub body: Option<String>,
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
    /// A GET under the provider's base URL.
    pub fn path(path_and_query: String) -> Self {
        Self::get(Target::Path(path_and_query))
    }

    /// A GET.
    pub fn get(target: Target) -> Self {
        Self { target, body: None }
    }

    /// A POST of JSON under the provider's base URL.
    pub fn post(path: String, body: String) -> Self {
        Self {
            target: Target::Path(path),
            body: Some(body),
        }
    }
}

/// One request and its answer, as recorded for evidence.
#[derive(Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Full URL, secrets redacted.
    pub url: String,
    /// The JSON that was posted; none for a GET.
    pub posted: Option<String>,
    /// When the request left, local clock.
    pub sent_at: DateTime<Utc>,
    /// When the answer (or the failure) was complete, local clock.
    pub received_at: DateTime<Utc>,
    /// HTTP status, if an answer came.
    pub status: Option<u16>,
    /// `date`, `age`, `etag`, `last-modified`, `content-type` and `retry-after`
    /// only, names in lower case.
    pub headers: Vec<(String, String)>,
    /// SHA-256 of the leaf certificate the server showed (DER); none over http.
    pub certificate: Option<[u8; 32]>,
    /// Body after content decoding. Empty after a failure.
    pub body: Vec<u8>,
    /// SHA-256 of `body`; absent after a failure.
    pub sha256: Option<[u8; 32]>,
    /// The `Date` header, if present and readable: when the origin made the
    /// answer, by the provider's clock. A cache passes it on unchanged, so it is
    /// not the provider's now ([`Exchange::provider_now`]).
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

    /// How long the host asks to be left alone (RFC 9110, section 10.2.3), at most
    /// [`MAX_RETRY_AFTER`]. Seconds, or a date by the host's own clock.
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.header("retry-after")?;
        let wait = if let Ok(seconds) = value.parse() {
            Duration::from_secs(seconds)
        } else {
            let until: DateTime<Utc> = DateTime::parse_from_rfc2822(value).ok()?.into();
            let from = self.provider_now().unwrap_or(self.received_at);
            (until - from).to_std().unwrap_or_default()
        };
        Some(wait.min(MAX_RETRY_AFTER))
    }

    /// How long a cache has held the answer, seconds, by its `Age` (RFC 9111,
    /// section 5.1): digits and nothing else. What cannot be read says nothing:
    /// then, and without the header, 0.
    pub fn age_s(&self) -> u32 {
        let digits = |v: &&str| !v.is_empty() && v.bytes().all(|b| b.is_ascii_digit());
        self.header("age")
            .map(str::trim)
            .filter(digits)
            .and_then(|v| v.parse().ok())
            .unwrap_or_default()
    }

    /// When the content was made, at the latest; none if nothing says. That is
    /// `Date`, which a cache passes on; some caches write one of their own, and
    /// then `Age` tells.
    pub fn made_at(&self) -> Option<DateTime<Utc>> {
        // Both count whole seconds, so one more may have passed.
        let age = i64::from(self.age_s()) - 1;
        let by_age = (age >= 0)
            .then(|| self.sent_at.checked_sub_signed(TimeDelta::seconds(age)))
            .flatten();
        self.date.into_iter().chain(by_age).min()
    }

    /// What time it was at the provider when it answered: `Date` and `Age`
    /// together. For comparing clocks; how fresh the content is, `date` alone
    /// says.
    pub fn provider_now(&self) -> Option<DateTime<Utc>> {
        self.date?
            .checked_add_signed(TimeDelta::seconds(i64::from(self.age_s())))
    }

    /// How far the local clock was ahead of the provider's when the request
    /// left, seconds; negative where it was behind. Headers have whole seconds,
    /// so ±1 means nothing.
    pub fn clock_ahead_s(&self) -> Option<i64> {
        let provider = self.provider_now()?.timestamp();
        self.sent_at.timestamp().checked_sub(provider)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("url", &self.url)
            .field("posted", &self.posted)
            .field("sent_at", &self.sent_at)
            .field("received_at", &self.received_at)
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("certificate", &self.certificate.map(hex::encode))
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

/// What a source reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// A price.
    Price(PriceObservation),
    /// The state of a match; boxed, or every refusal would be as large.
    Match(Box<MatchFact>),
    /// The state of an election.
    Election(ElectionFact),
    /// Any other value.
    Value(ValueFact),
}

/// What the answers of one source say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A fact.
    Observation(Observation),
    /// The source cannot know yet; ask again.
    NotYet(String),
    /// The source has not shown that it moved past T: what it lacks may only be
    /// late; ask again. Recorded as `not_yet`.
    Lagging(String),
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
            Self::NotYet(_) | Self::Lagging(_) => "not_yet",
            Self::NoData(_) => "no_data",
            Self::Transient { .. } => "transient",
            Self::Permanent(_) => "permanent",
            Self::Contradiction(_) => "contradiction",
        }
    }

    /// One sentence for people; for an observation the literal it rests on.
    pub fn detail(&self) -> &str {
        match self {
            Self::Observation(Observation::Price(price)) => &price.literal,
            Self::Observation(Observation::Match(fact)) => &fact.literal,
            Self::Observation(Observation::Election(fact)) => &fact.literal,
            Self::Observation(Observation::Value(fact)) => &fact.literal,
            Self::NotYet(detail)
            | Self::Lagging(detail)
            | Self::NoData(detail)
            | Self::Transient { detail, .. }
            | Self::Permanent(detail)
            | Self::Contradiction(detail) => detail,
        }
    }

    /// Whether the source answered as documented: a fact, or that it cannot know
    /// one (yet).
    pub fn is_readable(&self) -> bool {
        match self {
            Self::Observation(_) | Self::NotYet(_) | Self::Lagging(_) | Self::NoData(_) => true,
            Self::Transient { .. } | Self::Permanent(_) | Self::Contradiction(_) => false,
        }
    }

    /// The price, if there is one.
    pub fn price(&self) -> Option<&PriceObservation> {
        match self {
            Self::Observation(Observation::Price(price)) => Some(price),
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
