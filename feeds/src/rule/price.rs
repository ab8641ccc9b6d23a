//! Price fixing: `close1m_median`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use oracle_schema::policy::{LegPolicy, Method, SourcePolicy};
use rust_decimal::Decimal;

use super::cause::{Cause, instant};
use super::clock::{Skews, TOLERANCE_S};
use super::trace::{SourceTrace, Trace};
use crate::decimal;
use crate::exact::Exact;
use crate::observation::{Exchange, Reading, SourceReading};
use crate::provider::{answered_late, untimely};

/// What the readings come to.
///
/// Give-up and refund are not decided here but by the lifecycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fixing {
    /// No fixing yet.
    Pending {
        /// What is missing.
        cause: Cause,
        /// How it came to that.
        trace: Trace,
    },
    /// The fixing.
    Attest {
        /// The price, exact.
        price: Decimal,
        /// How it came to that.
        trace: Trace,
    },
}

impl Fixing {
    /// How it came to that.
    pub fn trace(&self) -> &Trace {
        match self {
            Self::Pending { trace, .. } | Self::Attest { trace, .. } => trace,
        }
    }
}

/// Why legs have no product.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrossError {
    /// Nothing to multiply.
    #[error("a price without legs")]
    NoLegs,
}

/// The exact product of the legs, never rounded.
pub fn cross(prices: &[Decimal]) -> Result<Exact, CrossError> {
    let legs = prices.iter().map(|price| Exact::from(*price));
    legs.reduce(|product, leg| product.times(&leg))
        .ok_or(CrossError::NoLegs)
}

/// Decides one leg from the readings of its sources, in any order.
///
/// - Nothing before T + `settle_delay`, by `now` and by each request's sending
///   time: bars close late, so an answer to an earlier request may lack the
///   last one.
/// - A source without history votes with the last of its samples that has a
///   usable price: sent in T − `sample.from` … T, and of a time as below. One
///   that fails leaves its vote to the one before. None is waited for.
/// - A source votes with a positive price whose bar ended in
///   T − `max_trade_age` … T and whose every request was sent, and by `Date`
///   answered, after T. Of several readings of one source the one sent last
///   counts.
/// - A root votes once: its first source, in policy order, that can.
/// - Nothing while the roots' clocks make the local one doubtful
///   ([`Skews::cause`]).
/// - Nothing while a source lags ([`Reading::Lagging`]) by an answer to a request
///   sent before T + `max_lag`, where the policy has one. Not `now` but when it was
///   asked says so, for the same readings to come to the same whenever they are
///   weighed.
/// - Roots farther than `max_deviation` from the median are dropped, once;
///   `min_sources` must be left; the fixing is their median.
pub fn decide_leg(
    leg: &LegPolicy,
    at: i64,
    now: DateTime<Utc>,
    readings: &[SourceReading],
) -> Fixing {
    let Method::Close1mMedian = leg.method;
    let mut latest = latest_by_source(readings);
    latest.extend(last_samples(leg, at, readings));
    let skews = skews(leg, &latest);
    let mut trace = Trace {
        leg: leg.name.clone(),
        at,
        sources: Vec::with_capacity(leg.sources.len()),
        clock: skews.check(),
        roots: 0,
        first_median: None,
        kept: 0,
        min_sources: leg.min_sources.get(),
        price: None,
    };
    let open_at = at.saturating_add(i64::from(leg.settle_delay_s));
    // Whether a sample left before T is told by the local clock alone.
    let is_slow = trace.clock.ahead_s.is_some_and(|s| s < -TOLERANCE_S);
    let mut votes = Vec::new();
    for source in &leg.sources {
        let reading = latest.get(source.id.as_str()).copied();
        let mut entry = entry(source, reading);
        let vote = if source.is_sampled() && is_slow {
            Err("sampled by a local clock that is behind the providers'".to_owned())
        } else {
            vote(leg, source, at, reading)
        };
        match vote {
            Err(why) => entry.why = Some(why),
            Ok(_) if votes.iter().any(|v: &Vote<'_>| v.root == source.root) => {
                entry.why = Some(format!("root {} has voted", source.root));
            }
            Ok(price) => votes.push(Vote {
                root: &source.root,
                entry: trace.sources.len(),
                price,
            }),
        }
        trace.sources.push(entry);
    }
    trace.roots = count(votes.len());

    if now.timestamp() < open_at {
        return pending(trace, Cause::Settling { until: open_at });
    }
    if let Some(cause) = skews.cause() {
        return pending(trace, cause);
    }
    if let Some(cause) = lagging(leg, at, &latest) {
        return pending(trace, cause);
    }
    fix(leg, trace, &votes)
}

/// The sources that are still waited for because they lag. One that failed is not.
fn lagging(leg: &LegPolicy, at: i64, latest: &BTreeMap<&str, &SourceReading>) -> Option<Cause> {
    let until = at.saturating_add(i64::from(leg.max_lag_s?));
    let lags = |source: &&SourcePolicy| {
        latest.get(source.id.as_str()).is_some_and(|reading| {
            let asked = reading.exchanges.last().map(|e| e.sent_at.timestamp());
            matches!(reading.reading, Reading::Lagging(_)) && asked.is_some_and(|at| at < until)
        })
    };
    let sources: Vec<String> = leg
        .sources
        .iter()
        .filter(lags)
        .map(|source| source.id.clone())
        .collect();
    (!sources.is_empty()).then_some(Cause::Lagging { until, sources })
}

/// A root's price, and where its source stands in the trace.
struct Vote<'a> {
    root: &'a str,
    entry: usize,
    price: Decimal,
}

fn fix(leg: &LegPolicy, mut trace: Trace, votes: &[Vote<'_>]) -> Fixing {
    if count(votes.len()) < leg.min_sources.get() {
        return missing(trace);
    }
    let Some(centre) = median(votes.iter().map(|v| v.price)) else {
        return pending(trace, Cause::TooManyDigits);
    };
    trace.first_median = Some(centre);
    let mut kept = Vec::with_capacity(votes.len());
    for vote in votes {
        let Some(entry) = trace.sources.get_mut(vote.entry) else {
            continue;
        };
        if decimal::deviates(vote.price, centre, leg.max_deviation) {
            entry.why = Some(format!("beyond max_deviation from the median {centre}"));
        } else {
            entry.used = true;
            kept.push(vote.price);
        }
    }
    trace.kept = count(kept.len());
    if trace.kept < trace.min_sources {
        return missing(trace);
    }
    match median(kept.into_iter()) {
        Some(price) => {
            trace.price = Some(price);
            Fixing::Attest { price, trace }
        }
        None => pending(trace, Cause::TooManyDigits),
    }
}

fn pending(trace: Trace, cause: Cause) -> Fixing {
    Fixing::Pending { cause, trace }
}

/// `2 of 3 sources: kraken:XBTUSD: timeout; …`
fn missing(trace: Trace) -> Fixing {
    let have = if trace.first_median.is_some() {
        trace.kept
    } else {
        trace.roots
    };
    let whys: Vec<String> = trace
        .sources
        .iter()
        .filter_map(|s| Some(format!("{}: {}", s.source, s.why.as_ref()?)))
        .collect();
    let whys = if whys.is_empty() {
        "the policy names too few".to_owned()
    } else {
        whys.join("; ")
    };
    let cause = Cause::TooFew {
        have,
        need: trace.min_sources,
        why: format!("sources: {whys}").into(),
    };
    pending(trace, cause)
}

/// Per source the reading sent last; ties broken by content, so that the order
/// of the readings never matters.
fn latest_by_source<'a>(
    readings: impl IntoIterator<Item = &'a SourceReading>,
) -> BTreeMap<&'a str, &'a SourceReading> {
    let rank = |r: &SourceReading| {
        (
            r.exchanges.last().map(|e| e.sent_at),
            r.reading.verdict(),
            // Recorded with one word, and waited for otherwise: no sentence may
            // say which of the two it was.
            matches!(r.reading, Reading::Lagging(_)),
            r.reading.detail().to_owned(),
            r.reading.price().map(|o| o.effective_at),
        )
    };
    let mut latest: BTreeMap<&str, &SourceReading> = BTreeMap::new();
    for reading in readings {
        latest
            .entry(reading.source.as_str())
            .and_modify(|held| {
                if rank(reading) > rank(held) {
                    *held = reading;
                }
            })
            .or_insert(reading);
    }
    latest
}

/// Of each source without history the last sample that may vote; none where none
/// may.
fn last_samples<'a>(
    leg: &LegPolicy,
    at: i64,
    readings: &'a [SourceReading],
) -> BTreeMap<&'a str, &'a SourceReading> {
    let sampled = |reading: &&SourceReading| {
        let mut sources = leg.sources.iter().filter(|s| s.is_sampled());
        sources.any(|s| s.id == reading.source && vote(leg, s, at, Some(reading)).is_ok())
    };
    latest_by_source(readings.iter().filter(sampled))
}

fn entry(source: &SourcePolicy, reading: Option<&SourceReading>) -> SourceTrace {
    let observation = reading.and_then(|r| r.reading.price());
    SourceTrace {
        source: source.id.clone(),
        root: source.root.clone(),
        verdict: reading.map_or("unread", |r| r.reading.verdict()).to_owned(),
        literal: observation.map(|o| o.literal.clone()),
        price: observation.map(|o| o.price),
        effective_at: observation.map(|o| o.effective_at),
        used: false,
        why: None,
    }
}

/// The price with which a source may vote, or why it may not.
fn vote(
    leg: &LegPolicy,
    source: &SourcePolicy,
    at: i64,
    reading: Option<&SourceReading>,
) -> Result<Decimal, String> {
    let Some(reading) = reading else {
        let why = if source.is_sampled() {
            "has no history, and there is no sample of it"
        } else {
            "not read"
        };
        return Err(why.to_owned());
    };
    let Some(observation) = reading.reading.price() else {
        return Err(reading.reading.detail().to_owned());
    };
    if reading.exchanges.is_empty() {
        return Err("no recorded request".to_owned());
    }
    for exchange in &reading.exchanges {
        if source.is_sampled() {
            sampled_in_time(leg, at, exchange)?;
        } else {
            asked_in_time(leg, at, exchange)?;
        }
    }
    if observation.price <= Decimal::ZERO {
        return Err(format!("price {} is not positive", observation.literal));
    }
    let age = at
        .checked_sub(observation.effective_at)
        .ok_or("price's time is out of range")?;
    if age < 0 {
        return Err(format!(
            "price is of {}, after T",
            instant(observation.effective_at)
        ));
    }
    if age > i64::from(leg.max_trade_age_s) {
        return Err(format!("stale: price is {age} s older than T"));
    }
    Ok(observation.price)
}

fn sampled_in_time(leg: &LegPolicy, at: i64, exchange: &Exchange) -> Result<(), String> {
    let from_s = leg.sample.map_or(0, |sample| sample.from_s.get());
    if let Some(why) = untimely(at, from_s, exchange.sent_at) {
        return Err(why.detail().to_owned());
    }
    answered_late(at, exchange).map_or(Ok(()), Err)
}

fn asked_in_time(leg: &LegPolicy, at: i64, exchange: &Exchange) -> Result<(), String> {
    let open_at = at.saturating_add(i64::from(leg.settle_delay_s));
    let sent = exchange.sent_at.timestamp();
    if sent < at {
        return Err("asked before T".to_owned());
    }
    if sent < open_at {
        return Err("asked before settle_delay was over".to_owned());
    }
    // When the content was made: a cache's `Age` makes it no newer.
    match exchange.made_at() {
        Some(made) if made.timestamp() < at => Err(format!("answered at {made}, before T")),
        Some(made) if exchange.age_s() > 0 && made.timestamp() < open_at => Err(format!(
            "a cache's answer of {made}, before settle_delay was over"
        )),
        _ => Ok(()),
    }
}

/// One skew per root, so that no venue outvotes the others about the time.
fn skews(leg: &LegPolicy, latest: &BTreeMap<&str, &SourceReading>) -> Skews {
    let mut by_root: BTreeMap<String, i64> = BTreeMap::new();
    for source in &leg.sources {
        let skew = latest
            .get(source.id.as_str())
            .and_then(|r| r.exchanges.iter().find_map(Exchange::clock_ahead_s));
        if let Some(skew) = skew {
            by_root.entry(source.root.clone()).or_insert(skew);
        }
    }
    by_root.into_iter().collect()
}

/// The exact median; of an even number the exact mean of the middle two.
fn median(prices: impl Iterator<Item = Decimal>) -> Option<Decimal> {
    let mut prices: Vec<Decimal> = prices.collect();
    prices.sort_unstable();
    let upper = *prices.get(prices.len() / 2)?;
    if prices.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *prices.get((prices.len() / 2).checked_sub(1)?)?;
    decimal::mean(lower, upper)
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
