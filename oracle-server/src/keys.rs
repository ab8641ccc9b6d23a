//! How rounds, legs and subjects are named in the database, and what a round is
//! asked. Each text is written and read here and nowhere else; what stands in a
//! database stays as it is.

use std::fmt;

use oracle_schema::policy::{FactSource, LegPolicy, PricePolicy};
use oracle_schema::{EventId, Maturity};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// What has no name, or is no question.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A policy that cannot be written as JSON.
    #[error("no key: {0}")]
    Content(serde_json::Error),
    /// A round's price that this build cannot read.
    #[error("price of a round: {0}")]
    Price(serde_json::Error),
}

/// 128 bits of the SHA-256 of the JSON, in hex: what is written alike has one key.
fn content_key(value: &impl Serialize) -> Result<String, KeyError> {
    let json = serde_json::to_vec(value).map_err(KeyError::Content)?;
    let mut key = hex::encode(Sha256::digest(&json));
    key.truncate(32);
    Ok(key)
}

/// Names a leg by what it is: prices that have it share its fixing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegKey(String);

impl LegKey {
    /// Of a leg.
    pub fn of(leg: &LegPolicy) -> Result<Self, KeyError> {
        content_key(leg).map(Self)
    }

    /// As the database has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Names a source of facts by what it is asked: events that ask the same share it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectKey(String);

impl SubjectKey {
    /// Of a source.
    pub fn of(source: &FactSource) -> Result<Self, KeyError> {
        content_key(source).map(Self)
    }

    /// From the database.
    pub fn read(text: String) -> Self {
        Self(text)
    }

    /// As the database has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A question that a new event needs answered.
#[derive(Debug, Clone)]
pub struct NewSubject {
    /// Its name.
    pub key: SubjectKey,
    /// Whom to ask for what.
    pub source: FactSource,
    /// Seconds between two reads.
    pub read_every_s: i64,
}

/// Whose exchanges the rows of `observation` are. A subject's have 0 for a maturity:
/// events with several maturities share them.
#[derive(Debug, Clone, Copy)]
pub enum Observed<'a> {
    /// A leg at its maturity.
    Leg(&'a LegKey, Maturity),
    /// A subject, whenever it was asked.
    Subject(&'a SubjectKey),
}

impl<'a> Observed<'a> {
    /// The column `leg_key`.
    pub fn key(self) -> &'a str {
        match self {
            Self::Leg(key, _) => key.as_str(),
            Self::Subject(key) => key.as_str(),
        }
    }

    /// The column `maturity`.
    pub fn maturity(self) -> Maturity {
        match self {
            Self::Leg(_, maturity) => maturity,
            Self::Subject(_) => Maturity::from_epoch(0),
        }
    }
}

/// Begins the key of an event's own round; a price's is hexadecimal.
const EVENT_ROUND: &str = "e:";

/// Names the rounds of a price, or those of an event of facts. A price is named by
/// what it is: events with equal definitions of it share its rounds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoundKey(String);

impl RoundKey {
    /// Of a price.
    pub fn of_price(price: &PricePolicy) -> Result<Self, KeyError> {
        content_key(price).map(Self)
    }

    /// Of an event of facts, which has a round of its own.
    pub fn of_event(event: &str) -> Self {
        Self(format!("{EVENT_ROUND}{event}"))
    }

    /// From the database.
    pub fn read(text: String) -> Self {
        Self(text)
    }

    /// As the database has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The event whose own round it is, if it is one.
    pub fn event(&self) -> Option<&str> {
        self.0.strip_prefix(EVENT_ROUND)
    }

    /// The key of an event's own round as an expression of SQL, of that which has the
    /// event's id.
    pub(crate) fn sql_of_event(id: &str) -> String {
        format!("'{EVENT_ROUND}' || {id}")
    }
}

impl fmt::Display for RoundKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One round: of a price or an event, at a maturity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoundId {
    /// Which price, or which event.
    pub round_key: RoundKey,
    /// T.
    pub maturity: Maturity,
}

impl RoundId {
    /// The own round of an event of facts.
    pub fn of_event(event: &EventId, maturity: Maturity) -> Self {
        Self {
            round_key: RoundKey::of_event(event.as_str()),
            maturity,
        }
    }
}

/// What a round is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// A price.
    Price(PriceJson),
    /// What its event asks: sources of facts, operators or both. The event's policy
    /// says it, so the database has an empty text.
    Facts,
}

impl Question {
    /// A price's.
    pub fn price(price: &PricePolicy) -> Result<Self, KeyError> {
        let json = serde_json::to_string(price).map_err(KeyError::Content)?;
        Ok(Self::Price(PriceJson(json)))
    }

    /// From the database. A price is read where it is worked on, so that one that is
    /// damaged stops its own round and no other.
    pub fn read(text: String) -> Self {
        if text.is_empty() {
            Self::Facts
        } else {
            Self::Price(PriceJson(text))
        }
    }

    /// As the database has it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Price(PriceJson(json)) => json,
            Self::Facts => "",
        }
    }
}

/// A price as JSON, as it was pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceJson(String);

impl PriceJson {
    /// Its legs.
    pub fn legs(&self) -> Result<Vec<LegPolicy>, KeyError> {
        serde_json::from_str::<PricePolicy>(&self.0)
            .map(|price| price.legs)
            .map_err(KeyError::Price)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    /// A price as an older build stored it, and the keys that it gave it.
    const PRICE: &str = r#"{"name":"btcusd","legs":[{"name":"btcusd","method":"close1m_median","sources":[{"id":"kraken:XBTUSD","provider":"kraken","symbol":"XBTUSD","root":"kraken"}],"min_sources":1,"max_deviation":"0.005","max_trade_age_s":900,"settle_delay_s":60}]}"#;
    const SOURCE: &str = r#"{"id":"openligadb:77001","provider":"openligadb","root":"openligadb","parameters":{"match":"77001"}}"#;

    #[test]
    fn keys_are_those_of_older_databases() {
        let price: PricePolicy = serde_json::from_str(PRICE).unwrap();
        let source: FactSource = serde_json::from_str(SOURCE).unwrap();
        assert_eq!(
            RoundKey::of_price(&price).unwrap().as_str(),
            "67f2c0ce471d9f8d17fa42f982671f19"
        );
        assert_eq!(
            LegKey::of(&price.legs[0]).unwrap().as_str(),
            "0850b6ef63fc5775a9c0e4c1a550a1ba"
        );
        assert_eq!(
            SubjectKey::of(&source).unwrap().as_str(),
            "143fa4c799baf869c28cbb0a03e7c513"
        );
        let event = RoundKey::of_event("bl1-2026-r9-fcb-bvb");
        assert_eq!(event.as_str(), "e:bl1-2026-r9-fcb-bvb");
        assert_eq!(RoundKey::sql_of_event("event_id"), "'e:' || event_id");
        assert_eq!(Question::price(&price).unwrap().as_str(), PRICE);
        assert_eq!(Question::Facts.as_str(), "");
    }

    #[test]
    fn a_price_is_no_event_and_a_damaged_one_is_named() {
        let price: PricePolicy = serde_json::from_str(PRICE).unwrap();
        assert_eq!(RoundKey::of_price(&price).unwrap().event(), None);
        let Question::Price(damaged) = Question::read("{".to_owned()) else {
            panic!("a text is a price");
        };
        let error = damaged.legs().unwrap_err().to_string();
        assert!(error.starts_with("price of a round: EOF"), "{error}");
        let Question::Price(json) = Question::read(PRICE.to_owned()) else {
            panic!("a text is a price");
        };
        assert_eq!(json.legs().unwrap(), price.legs);
    }

    #[test]
    fn a_subjects_exchanges_have_no_maturity() {
        let source: FactSource = serde_json::from_str(SOURCE).unwrap();
        let price: PricePolicy = serde_json::from_str(PRICE).unwrap();
        let (subject, leg) = (SubjectKey::of(&source), LegKey::of(&price.legs[0]));
        let (subject, leg) = (subject.unwrap(), leg.unwrap());
        let of_subject = Observed::Subject(&subject);
        assert_eq!(
            (of_subject.key(), of_subject.maturity()),
            (subject.as_str(), Maturity::from_epoch(0))
        );
        let of_leg = Observed::Leg(&leg, Maturity::from_epoch(60));
        assert_eq!(
            (of_leg.key(), of_leg.maturity()),
            (leg.as_str(), Maturity::from_epoch(60))
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(name in "[a-z0-9][a-z0-9@.:-]{0,40}", text in ".*") {
            let key = RoundKey::of_event(&name);
            let again = RoundKey::read(key.as_str().to_owned());
            prop_assert_eq!(again.event(), Some(name.as_str()));
            prop_assert_eq!(again, key);
            // Whatever stands in a row is written back unchanged.
            let question = Question::read(text.clone());
            prop_assert_eq!(question.as_str(), &text);
            prop_assert_eq!(question == Question::Facts, text.is_empty());
            let key = SubjectKey::read(text.clone());
            prop_assert_eq!(key.as_str(), &text);
        }
    }
}
