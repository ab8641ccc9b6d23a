//! What a configuration asks, of whom, and about which time.

use std::num::NonZeroU32;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_feeds::observation::{Observation, PriceQuery, Reading, SourceReading};
use oracle_feeds::sample::Question;
use oracle_schema::policy::{LegPolicy, PricePolicy, Rule, SourcePolicy};

use crate::config::Config;

/// How far ahead the maturity is taken to be for a source that is sampled, seconds:
/// its turn at a slow venue may come late.
const SOON_S: u32 = 60;

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
    pub(super) now: DateTime<Utc>,
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
                let sources = leg.sources.iter();
                sources.map(move |source| self.question(leg, source, at))
            })
        });
        let facts = self.rule.into_iter().flat_map(Rule::fact_sources);
        prices.chain(facts.cloned().map(Question::Fact))
    }

    /// What has no history is asked now, as if the maturity were near.
    fn question(&self, leg: &LegPolicy, source: &SourcePolicy, at: i64) -> Question {
        let query = PriceQuery::of(leg, source, at);
        let soon = query
            .sample_from_s
            .map(|from_s| i64::from(from_s.min(SOON_S)));
        Question::Price {
            source: source.clone(),
            at: soon.map_or(at, |soon| self.now.timestamp().saturating_add(soon)),
            max_trade_age_s: leg.max_trade_age_s,
            sample_from_s: query.sample_from_s,
        }
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
        now,
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
            now,
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

/// What a source without history said, as if it had been asked at `at`.
pub(super) fn as_if_sampled(reading: &SourceReading, at: DateTime<Utc>) -> SourceReading {
    let mut reading = reading.clone();
    let Some(asked) = reading.exchanges.first().map(|e| e.sent_at) else {
        return reading;
    };
    let moved = at - asked;
    let move_by = |time: DateTime<Utc>| time.checked_add_signed(moved).unwrap_or(time);
    for exchange in &mut reading.exchanges {
        exchange.sent_at = move_by(exchange.sent_at);
        exchange.received_at = move_by(exchange.received_at);
        exchange.date = exchange.date.map(move_by);
    }
    if let Reading::Observation(Observation::Price(price)) = &mut reading.reading {
        // Down, so that none slips to after T.
        let seconds = moved.num_milliseconds().div_euclid(1000);
        price.effective_at = price.effective_at.saturating_add(seconds);
    }
    reading
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
