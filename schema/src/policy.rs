//! The policy document: everything, fixed at announcement, by which facts
//! become an outcome.
//!
//! Its canonical bytes are RFC 8785 JSON; `policy_hash` is their SHA-256. The
//! hash is bound into every nonce of the events under it and into their log
//! entries, so an edited policy can never meet an announced nonce. The document
//! names no event and no series: events under equal rules share one document.

use std::num::NonZeroU32;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Version of the document's shape.
pub const POLICY_VERSION: u32 = 1;

/// The canonical policy document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// [`POLICY_VERSION`].
    pub version: u32,
    /// How an outcome is found.
    pub rule: Rule,
    /// Seconds after maturity at which a missing outcome becomes a refund.
    pub give_up_after_s: u32,
}

/// How facts become an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// The price itself: price × 10^decimals, rounded half-even, clamped to
    /// the digits.
    Digits {
        /// What is fixed.
        price: PricePolicy,
        /// Decimal places kept.
        decimals: u32,
        /// Number base of the digits.
        base: u16,
        /// Digits announced.
        digits: u16,
        /// What the attested integer counts.
        unit: String,
    },
    /// `above` if the unrounded price is strictly above the level, else
    /// `not_above`.
    Threshold {
        /// What is fixed.
        price: PricePolicy,
        /// The level.
        above: Decimal,
    },
}

impl Rule {
    /// `digits` or `threshold`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Digits { .. } => "digits",
            Self::Threshold { .. } => "threshold",
        }
    }

    /// The price under the rule.
    pub fn price(&self) -> &PricePolicy {
        match self {
            Self::Digits { price, .. } | Self::Threshold { price, .. } => price,
        }
    }
}

/// A price: the exact product of its legs (one leg for a plain price).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PricePolicy {
    /// Name in the configuration, for people.
    pub name: String,
    /// At least one.
    pub legs: Vec<LegPolicy>,
}

/// One fixing: several venues, one number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegPolicy {
    /// Name in the configuration, for people.
    pub name: String,
    /// How venue prices become one.
    pub method: Method,
    /// Where prices come from.
    pub sources: Vec<SourcePolicy>,
    /// Independent roots that must be left after the deviation drop.
    pub min_sources: NonZeroU32,
    /// Largest distance from the median, as a fraction (`0.005` = 0.5 %).
    pub max_deviation: Decimal,
    /// Largest age of the bar used: T minus its end, seconds.
    pub max_trade_age_s: u32,
    /// Seconds after T before the first decision.
    pub settle_delay_s: u32,
}

/// How venue prices become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Per venue the close of the last one-minute bar with trades ending at or
    /// before T; the median over venues, those beyond `max_deviation` from it
    /// dropped once; for an even count the mean of the middle two.
    #[serde(rename = "close1m_median")]
    Close1mMedian,
}

/// One venue's instrument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourcePolicy {
    /// As configured, for example `kraken:XBTUSD`.
    pub id: String,
    /// Adapter.
    pub provider: String,
    /// The venue's own name of the instrument.
    pub symbol: String,
    /// Independence: sources of one root count once.
    pub root: String,
    /// How to read a generic source; absent for the built-in adapters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
}

/// How a generic JSON source is asked and read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// URL with `{unix}` for T in seconds.
    pub url: String,
    /// RFC 9535 path of the price; exactly one match.
    pub value: String,
    /// RFC 9535 path of the price's time; exactly one match.
    pub time: String,
    /// Unit of that time.
    pub time_unit: TimeUnit,
}

/// Unit of a provider's timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Unix seconds.
    S,
    /// Unix milliseconds.
    Ms,
    /// RFC 3339 text.
    Rfc3339,
}

/// Why bytes are not a policy document.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not JSON of this shape.
    #[error("policy document: {0}")]
    Json(#[from] serde_json::Error),
    /// A newer or older shape.
    #[error("policy document version {0}; this build reads {POLICY_VERSION}")]
    Version(u32),
}

impl Policy {
    /// RFC 8785 bytes, the document as published.
    pub fn canonical(&self) -> Result<Vec<u8>, PolicyError> {
        Ok(canonical_json(self)?)
    }

    /// Reads a published document.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        let policy: Self = serde_json::from_slice(bytes)?;
        if policy.version != POLICY_VERSION {
            return Err(PolicyError::Version(policy.version));
        }
        Ok(policy)
    }
}

/// RFC 8785 bytes of any document that is hashed and published.
pub fn canonical_json(document: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    serde_jcs::to_vec(document)
}

/// SHA-256 of the canonical bytes.
pub fn policy_hash(canonical: &[u8]) -> [u8; 32] {
    Sha256::digest(canonical).into()
}
