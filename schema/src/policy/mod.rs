//! The policy document: everything, fixed at announcement, by which facts
//! become an outcome.
//!
//! Its canonical bytes are RFC 8785 JSON; `policy_hash` is their SHA-256. The
//! hash is bound into every nonce of the events under it and into their log
//! entries, so an edited policy can never meet an announced nonce. The document
//! names no event and no series: events under equal rules share one document.

mod choice;
pub mod explain;
mod facts;
pub mod meaning;
pub mod question;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

pub use choice::{Bits, Choice, FORGEABLE_BITS, OpenChoice, choice_bits};
pub use facts::{
    Compare, DigitsPolicy, ElectionBasis, ElectionPolicy, FactPolicy, FactSource, FactTest, Market,
    MatchBasis, MatchPolicy, OnDissent, OperatorsPolicy, PUSH, PanelMember, PanelPolicy, VOID,
};
pub use question::Question;

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
    /// What is asked, in one line; a template ([`question`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What counts, what does not, where to look; a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Names for people, by role (`home`, `office`, …) or outcome. Ids decide.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
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
    /// How a match ended.
    Match(MatchPolicy),
    /// Who won an election.
    Election(ElectionPolicy),
    /// What a public value is.
    Fact(FactPolicy),
    /// What named operators report.
    Operators(OperatorsPolicy),
}

impl Rule {
    /// `digits`, `threshold`, `match`, `election`, `fact` or `operators`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Digits { .. } => "digits",
            Self::Threshold { .. } => "threshold",
            Self::Match(_) => "match",
            Self::Election(_) => "election",
            Self::Fact(_) => "fact",
            Self::Operators(_) => "operators",
        }
    }

    /// The price under the rule, if it is about one.
    pub fn price(&self) -> Option<&PricePolicy> {
        match self {
            Self::Digits { price, .. } | Self::Threshold { price, .. } => Some(price),
            Self::Match(_) | Self::Election(_) | Self::Fact(_) | Self::Operators(_) => None,
        }
    }

    /// Whom the rule asks for facts, read again and again; none for prices.
    pub fn fact_sources(&self) -> &[FactSource] {
        match self {
            Self::Match(policy) => &policy.sources,
            Self::Election(policy) => &policy.sources,
            Self::Fact(policy) => &policy.sources,
            Self::Digits { .. } | Self::Threshold { .. } | Self::Operators(_) => &[],
        }
    }

    /// The operators whose reports count.
    pub fn panel(&self) -> Option<&PanelPolicy> {
        match self {
            Self::Match(policy) => policy.panel.as_ref(),
            Self::Election(policy) => policy.panel.as_ref(),
            Self::Fact(policy) => policy.panel.as_ref(),
            Self::Operators(policy) => Some(&policy.panel),
            Self::Digits { .. } | Self::Threshold { .. } => None,
        }
    }

    /// Seconds between two reads of a fact source.
    pub fn read_every_s(&self) -> Option<NonZeroU32> {
        match self {
            Self::Match(policy) => Some(policy.read_every_s),
            Self::Election(policy) => Some(policy.read_every_s),
            Self::Fact(policy) => Some(policy.read_every_s),
            Self::Digits { .. } | Self::Threshold { .. } | Self::Operators(_) => None,
        }
    }

    /// Shortest time from maturity to a decision, seconds.
    pub fn settle_delay_s(&self) -> u32 {
        match self {
            Self::Digits { price, .. } | Self::Threshold { price, .. } => {
                let legs = price.legs.iter();
                legs.map(|l| l.settle_delay_s).max().unwrap_or_default()
            }
            Self::Match(policy) => policy.settle_delay_s,
            Self::Election(policy) => policy.settle_delay_s,
            Self::Fact(policy) => policy.settle_delay_s,
            Self::Operators(policy) => policy.settle_delay_s,
        }
    }

    /// How the number itself is attested, of a rule about facts.
    pub fn fact_digits(&self) -> Option<&DigitsPolicy> {
        match self {
            Self::Match(policy) => policy.digits.as_ref(),
            Self::Fact(policy) => policy.digits.as_ref(),
            Self::Election(_)
            | Self::Operators(_)
            | Self::Digits { .. }
            | Self::Threshold { .. } => None,
        }
    }

    /// The outcomes of an enumerated rule, as announced; none for digits and
    /// thresholds, whose outcomes follow from the rule itself.
    pub fn outcomes(&self) -> Option<&[String]> {
        match self {
            _ if self.fact_digits().is_some() => None,
            Self::Match(policy) => Some(&policy.outcomes),
            Self::Fact(policy) => Some(&policy.outcomes),
            Self::Election(policy) => Some(&policy.outcomes),
            Self::Operators(policy) => Some(&policy.outcomes),
            Self::Digits { .. } | Self::Threshold { .. } => None,
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
    /// Seconds from T for which a source that has not shown that it moved past T is
    /// waited for, however many others could decide; absent: only while the others
    /// are too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_lag_s: Option<u32>,
    /// How sources without history are read; absent where all have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<SamplePolicy>,
}

/// When the oracle itself reads sources that answer no question about the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplePolicy {
    /// Seconds between two readings.
    pub every_s: NonZeroU32,
    /// Seconds before T from which on they are read; none after T.
    pub from_s: NonZeroU32,
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

impl SourcePolicy {
    /// Whether it is read before T, because it says nothing about the past.
    pub fn is_sampled(&self) -> bool {
        self.selector.as_ref().is_some_and(|s| !s.history)
    }
}

/// How a generic source is asked and read: JSON, or a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// URL with `{unix}`, `{unix_ms}` and `{iso}` for T, each with an optional
    /// offset in seconds: `{unix-300}`.
    pub url: String,
    /// RFC 9535 path of the price, exactly one match; with `bar` one match a
    /// row. For a table the name of its column.
    pub value: String,
    /// The same for the price's time; absent only where there is no history and
    /// the answer states none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Unit of that time; absent where that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_unit: Option<TimeUnit>,
    /// How the table is written; absent for JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvFormat>,
    /// Whether the price may be a JSON number with an exponent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exponent: bool,
    /// The answer lists bars of trades, `value` being their close; absent where
    /// it states one price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bar: Option<BarFormat>,
    /// Whether it can be asked about the past. One that cannot is sampled
    /// ([`SamplePolicy`]).
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub history: bool,
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_yes(value: &bool) -> bool {
    *value
}

/// How a source that lists bars of trades writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BarFormat {
    /// Length of a bar, seconds.
    pub length_s: NonZeroU32,
    /// Which end of it the source's time is.
    pub stamped: Stamp,
    /// Path or column of the volume: zero is no trade. Absent where the source
    /// lists bars with trades only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,
}

/// Which end of a bar its time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stamp {
    /// When it opened.
    Open,
    /// When it closed.
    Close,
}

/// How a table (CSV with one header row) is written, and which row counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvFormat {
    /// Between fields: one ASCII character.
    pub delimiter: char,
    /// Between whole and fraction. The other one is refused wherever it
    /// stands, so there are no thousands separators.
    pub decimal: DecimalMark,
    /// The row that counts, exactly one; absent where there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<RowSelector>,
}

/// What stands between the whole and the fraction of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DecimalMark {
    /// `0.25`.
    #[serde(rename = ".")]
    Point,
    /// `0,25`.
    #[serde(rename = ",")]
    Comma,
}

/// The row of a table whose column has a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowSelector {
    /// The column's name.
    pub column: String,
    /// What stands there, byte for byte.
    pub equals: String,
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    const DOCUMENT: &str = r#"{"give_up_after_s":259200,"rule":{"above":"0.250","kind":"threshold","price":{"legs":[{"max_deviation":"0.005","max_trade_age_s":900,"method":"close1m_median","min_sources":1,"name":"btcusd","settle_delay_s":60,"sources":[{"id":"kraken:XBTUSD","provider":"kraken","root":"kraken","symbol":"XBTUSD"}]}],"name":"btcusd"}},"version":1}"#;

    #[test]
    fn canonical_bytes_do_not_depend_on_how_the_document_was_written() {
        let policy = Policy::parse(DOCUMENT.as_bytes()).unwrap();
        assert_eq!(policy.canonical().unwrap(), DOCUMENT.as_bytes());
        let moved = DOCUMENT.replace(r#"{"give_up_after_s":259200,"#, "{ ");
        let moved = moved.replace(
            r#","version":1}"#,
            r#", "version": 1, "give_up_after_s": 259200}"#,
        );
        let same = Policy::parse(moved.as_bytes()).unwrap();
        assert_eq!(same.canonical().unwrap(), DOCUMENT.as_bytes());
    }

    #[test]
    fn the_hash_is_the_sha256_of_the_canonical_bytes() {
        let hash = hex::encode(policy_hash(DOCUMENT.as_bytes()));
        assert_eq!(
            hash,
            "6a85cf78f747422c4fb3000980c7bddbe464b69e2e26ac407c4e19024703f128"
        );
    }

    #[test]
    fn a_decimal_keeps_the_places_it_was_written_with() {
        // 0.250 and 0.25 are equal numbers and two documents.
        let shorter = DOCUMENT.replace("0.250", "0.25");
        let policy = Policy::parse(shorter.as_bytes()).unwrap();
        assert_eq!(policy.canonical().unwrap(), shorter.as_bytes());
    }

    #[test]
    fn what_samples_is_said_and_what_does_not_keeps_its_bytes() {
        let leg = r#""settle_delay_s":60,"#;
        let sampled = DOCUMENT
            .replace(leg, r#""sample":{"every_s":60,"from_s":900},"settle_delay_s":60,"#)
            .replace(
                r#""root":"kraken","#,
                r#""root":"kraken","selector":{"history":false,"url":"http://x.test/","value":"$.last"},"#,
            );
        let policy = Policy::parse(sampled.as_bytes()).unwrap();
        assert_eq!(policy.canonical().unwrap(), sampled.as_bytes());
        let leg = &policy.rule.price().unwrap().legs[0];
        assert!(leg.sources[0].is_sampled());
        assert_eq!(leg.sample.unwrap().from_s.get(), 900);
        let plain = Policy::parse(DOCUMENT.as_bytes()).unwrap();
        let leg = &plain.rule.price().unwrap().legs[0];
        assert!(!leg.sources[0].is_sampled() && leg.sample.is_none());
        for never in ["every_s", "from_s"] {
            let named = format!("\"{never}\":");
            let at = sampled.find(&named).unwrap() + named.len();
            let end = at + sampled[at..].find([',', '}']).unwrap();
            let spoilt = format!("{}0{}", &sampled[..at], &sampled[end..]);
            assert!(Policy::parse(spoilt.as_bytes()).is_err(), "{spoilt}");
        }
    }

    #[test]
    fn an_unknown_field_is_refused_at_every_level() {
        let opened = DOCUMENT.match_indices('{').map(|(at, _)| at + 1);
        let mut levels = 0;
        for at in opened {
            let mut spoilt = DOCUMENT.to_owned();
            spoilt.insert_str(at, r#""surplus":0,"#);
            assert!(
                matches!(Policy::parse(spoilt.as_bytes()), Err(PolicyError::Json(_))),
                "{spoilt}"
            );
            levels += 1;
        }
        assert_eq!(levels, 5);
    }

    #[test]
    fn a_wait_for_late_sources_is_part_of_the_document_where_there_is_one() {
        let waits = DOCUMENT.replace(
            r#","max_trade_age_s""#,
            r#","max_lag_s":600,"max_trade_age_s""#,
        );
        let policy = Policy::parse(waits.as_bytes()).unwrap();
        assert_eq!(policy.canonical().unwrap(), waits.as_bytes());
        let leg = &policy.rule.price().unwrap().legs[0];
        assert_eq!(leg.max_lag_s, Some(600));
    }

    #[test]
    fn a_field_twice_is_refused() {
        let spoilt = DOCUMENT.replace(r#""version":1"#, r#""version":1,"version":1"#);
        assert!(Policy::parse(spoilt.as_bytes()).is_err());
    }

    #[test]
    fn another_version_is_refused() {
        let newer = DOCUMENT.replace(r#""version":1"#, r#""version":2"#);
        assert!(matches!(
            Policy::parse(newer.as_bytes()),
            Err(PolicyError::Version(2))
        ));
    }

    #[test]
    fn a_quorum_of_none_is_refused() {
        let spoilt = DOCUMENT.replace(r#""min_sources":1"#, r#""min_sources":0"#);
        assert!(Policy::parse(spoilt.as_bytes()).is_err());
    }

    #[test]
    fn a_number_in_place_of_a_decimal_text_is_refused() {
        let spoilt = DOCUMENT.replace(r#""above":"0.250""#, r#""above":0.250"#);
        assert!(Policy::parse(spoilt.as_bytes()).is_err());
    }
}
