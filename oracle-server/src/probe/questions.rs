//! What a configuration asks, of whom, and about which time.

use std::num::NonZeroU32;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_feeds::sample::Question;
use oracle_schema::policy::{PricePolicy, Rule};

use crate::config::Config;

/// A question and who needs it.
pub(super) struct Asked {
    pub(super) used_by: Vec<String>,
    pub(super) question: Question,
}

/// A price, or an event that is decided from facts.
pub(super) struct Subject<'a> {
    /// `price btcusd`, `event bl1-2026-r9`.
    pub(super) name: String,
    /// The time whose price is asked; facts are asked now.
    pub(super) at: DateTime<Utc>,
    /// Where it is a price.
    pub(super) price: Option<&'a PricePolicy>,
    /// Where it is an event of facts.
    pub(super) rule: Option<&'a Rule>,
}

impl Subject<'_> {
    pub(super) fn questions(&self) -> impl Iterator<Item = Question> + '_ {
        let at = self.at.timestamp();
        let prices = self.price.into_iter().flat_map(move |price| {
            price.legs.iter().flat_map(move |leg| {
                leg.sources.iter().map(move |source| Question::Price {
                    source: source.clone(),
                    at,
                    max_trade_age_s: leg.max_trade_age_s,
                })
            })
        });
        let facts = self.rule.into_iter().flat_map(Rule::fact_sources);
        prices.chain(facts.cloned().map(Question::Fact))
    }

    pub(super) fn about(&self) -> String {
        match self.price {
            Some(_) => format!("{} at {}", self.name, self.at.format("%FT%TZ")),
            None => self.name.clone(),
        }
    }
}

/// Every price, then every event and series that asks sources of facts.
pub(super) fn subjects(
    config: &Config,
    at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Vec<Subject<'_>> {
    let prices = config.prices.values().map(|price| Subject {
        name: format!("price {}", price.name),
        at: at.unwrap_or_else(|| settled(price, now)),
        price: Some(price),
        rule: None,
    });
    let events = config
        .events
        .iter()
        .map(|e| (format!("event {}", e.id), &e.definition));
    let series = config
        .series
        .values()
        .map(|s| (format!("series {}", s.id), &s.definition));
    let facts = events
        .chain(series)
        .filter(|(_, definition)| !definition.policy.rule.fact_sources().is_empty())
        .map(|(name, definition)| Subject {
            name,
            at: now,
            price: None,
            rule: Some(&definition.policy.rule),
        });
    prices.chain(facts).collect()
}

/// The last whole minute whose settle delay is over.
fn settled(price: &PricePolicy, now: DateTime<Utc>) -> DateTime<Utc> {
    let delay = price.legs.iter().map(|leg| leg.settle_delay_s).max();
    let delay = i64::from(delay.unwrap_or_default());
    let open = now.timestamp() - delay;
    let minute = open - open.rem_euclid(60);
    DateTime::from_timestamp(minute, 0).unwrap_or(now - TimeDelta::seconds(delay))
}

/// The rule as if one reading were enough and nothing were waited for.
pub(super) fn at_once(rule: &Rule) -> Rule {
    let mut rule = rule.clone();
    match &mut rule {
        Rule::Match(policy) => {
            policy.stable_reads = NonZeroU32::MIN;
            policy.settle_delay_s = 0;
        }
        Rule::Election(policy) => {
            policy.stable_reads = NonZeroU32::MIN;
            policy.settle_delay_s = 0;
        }
        Rule::Fact(policy) => {
            policy.stable_reads = NonZeroU32::MIN;
            policy.settle_delay_s = 0;
        }
        Rule::Digits { .. } | Rule::Threshold { .. } | Rule::Operators(_) => {}
    }
    rule
}
