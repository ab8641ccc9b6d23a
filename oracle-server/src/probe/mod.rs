//! `probe`: asks each configured source its real question once and says what the
//! oracle would make of the answer.
//!
//! It uses the service's own fetcher, adapters and rules. It opens neither the
//! store nor the signer, so it can be run beside a service, and decides nothing.

mod questions;
mod report;
mod save;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use oracle_feeds::observation::SourceReading;
use oracle_feeds::rule::facts;
use oracle_feeds::rule::price::{Fixing, cross, decide_leg};
use oracle_feeds::rule::{Decision, Verdict};
use oracle_feeds::sample::Question;
use oracle_schema::policy::{PricePolicy, Rule};
use rust_decimal::Decimal;

use crate::clock::Clock;
use crate::config::Config;
use crate::service::{ServiceError, fetcher};
use questions::{Asked, Subject, as_if_sampled, subjects};

pub use save::SaveError;

/// Questions under way at once.
const ASKED_AT_ONCE: usize = 8;

/// What to ask.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only this source: its id (`kraken:XBTUSD`), or all of a provider
    /// (`kraken`).
    pub source: Option<String>,
    /// The time whose price is asked; without it the last minute for which the
    /// policy would decide by now.
    pub at: Option<DateTime<Utc>>,
}

/// Why nothing was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// No source of that name.
    #[error("--source: no configured source is called {asked:?}; there are: {known}")]
    Unknown {
        /// As given.
        asked: String,
        /// Every id, for people.
        known: String,
    },
    /// Nothing can be known of the future.
    #[error("--at: {0} is in the future")]
    Future(DateTime<Utc>),
    /// The fetcher's settings.
    #[error(transparent)]
    Fetcher(#[from] ServiceError),
}

/// What was asked, what came back, and what would follow.
#[derive(Debug)]
pub struct Report {
    /// Each question once, in the order of the configuration.
    pub sources: Vec<Probed>,
    /// What prices and events would come to.
    pub decisions: Vec<WouldBe>,
}

/// One source's answer.
#[derive(Debug)]
pub struct Probed {
    /// Who uses it: `price btcusd`, `event bl1-2026-r9`.
    pub used_by: Vec<String>,
    /// What was asked.
    pub question: Question,
    /// The exchanges, and what the adapter read in them.
    pub seen: SourceReading,
}

impl Probed {
    /// Whether the source answered what it documents: a fact, or that it cannot
    /// know one yet.
    pub fn is_readable(&self) -> bool {
        self.seen.reading.is_readable()
    }
}

/// What a price or an event would come to by these answers alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WouldBe {
    /// `price btcusd at …`, `event bl1-2026-r9`.
    pub about: String,
    /// The decision, in a sentence.
    pub decision: String,
}

impl Report {
    /// How many sources answered readably, of how many.
    pub fn readable(&self) -> (usize, usize) {
        let readable = self.sources.iter().filter(|s| s.is_readable()).count();
        (readable, self.sources.len())
    }
}

/// Asks every configured source, or those that `options` name, once.
pub async fn probe(
    config: &Config,
    clock: Arc<dyn Clock>,
    options: &Options,
) -> Result<Report, ProbeError> {
    let now = clock.now();
    if let Some(at) = options.at.filter(|at| *at > now) {
        return Err(ProbeError::Future(at));
    }
    let subjects = subjects(config, options.at, now);
    let asked = wanted(&subjects, options.source.as_deref())?;
    let fetcher = fetcher(config, clock.clone())?;
    let seen: Vec<SourceReading> = futures::stream::iter(&asked)
        .map(|asked| async { fetcher.observe(&asked.question.query()).await })
        .buffered(ASKED_AT_ONCE)
        .collect()
        .await;
    let sources: Vec<Probed> = asked
        .into_iter()
        .zip(seen)
        .map(|(asked, seen)| Probed {
            used_by: asked.used_by,
            question: asked.question,
            seen,
        })
        .collect();
    let now = clock.now();
    let decisions = subjects
        .iter()
        .filter_map(|subject| would_be(subject, &sources, now))
        .collect();
    Ok(Report { sources, decisions })
}

/// Each question once, with all who use it.
fn wanted(subjects: &[Subject<'_>], only: Option<&str>) -> Result<Vec<Asked>, ProbeError> {
    let mut asked: Vec<Asked> = Vec::new();
    for subject in subjects {
        for question in subject.questions() {
            match asked.iter_mut().find(|a| a.question == question) {
                Some(known) => known.used_by.push(subject.name.clone()),
                None => asked.push(Asked {
                    used_by: vec![subject.name.clone()],
                    question,
                }),
            }
        }
    }
    let Some(only) = only else { return Ok(asked) };
    let ids: Vec<String> = asked
        .iter()
        .map(|a| a.question.query().source().to_owned())
        .collect();
    asked.retain(|a| {
        let query = a.question.query();
        query.source() == only || query.provider() == only
    });
    if asked.is_empty() {
        return Err(ProbeError::Unknown {
            asked: only.to_owned(),
            known: ids.join(", "),
        });
    }
    Ok(asked)
}

/// What a subject comes to; none if not all of its sources were asked.
fn would_be(subject: &Subject<'_>, sources: &[Probed], now: DateTime<Utc>) -> Option<WouldBe> {
    let readings: Vec<SourceReading> = subject
        .questions()
        .map(|question| {
            let probed = sources.iter().find(|p| p.question == question)?;
            Some(probed.seen.clone())
        })
        .collect::<Option<_>>()?;
    let decision = match subject.price {
        Some(price) => fixing(price, subject.at, now, &readings),
        None => fact(subject.rule?, now, &readings)?,
    };
    Some(WouldBe {
        about: subject.about(),
        decision,
    })
}

/// `61233.06`, or which leg waits for what.
fn fixing(
    price: &PricePolicy,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
    readings: &[SourceReading],
) -> String {
    let mut prices: Vec<Decimal> = Vec::with_capacity(price.legs.len());
    let mut missing = Vec::new();
    for leg in &price.legs {
        let own = |r: &SourceReading| {
            let source = leg.sources.iter().find(|s| s.id == r.source)?;
            Some(if source.is_sampled() {
                as_if_sampled(r, at)
            } else {
                r.clone()
            })
        };
        let readings: Vec<SourceReading> = readings.iter().filter_map(own).collect();
        match decide_leg(leg, at.timestamp(), now, &readings) {
            Fixing::Attest { price, .. } => prices.push(price),
            Fixing::Pending { cause, .. } => missing.push(format!("{}: {cause}", leg.name)),
        }
    }
    if !missing.is_empty() {
        return format!("waits: {}", missing.join("; "));
    }
    match cross(&prices) {
        Ok(price) => format!("fixed at {price}"),
        Err(e) => format!("waits: {e}"),
    }
}

/// What the facts come to if each source says the same again as often as it must,
/// until the settle delay is over: one reading of each is all there is.
fn fact(rule: &Rule, now: DateTime<Utc>, readings: &[SourceReading]) -> Option<String> {
    // Nothing that was asked before the maturity counts: it matured just before.
    let asked = readings.iter().flat_map(|r| &r.exchanges);
    let at = asked.map(|e| e.sent_at.timestamp()).min();
    let at = at.unwrap_or_else(|| now.timestamp());
    let Decision { verdict, .. } =
        facts::decide(&questions::at_once(rule), at, now, readings, &[])?;
    Some(match verdict {
        Verdict::Attest { outcome } | Verdict::Provisional { outcome, .. } => {
            format!("{outcome:?}, if that stays so for as long as the policy asks")
        }
        Verdict::Pending { cause } => format!("waits: {cause}"),
        Verdict::Hold { cause } => format!("held: {cause}"),
    })
}
