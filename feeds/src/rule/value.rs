//! Any other public value: what it is equal to, above or below, or the number
//! itself.
//!
//! A source stands for the outcome that its value means, so a value that moves
//! within one outcome (a block height above a level) is no change of mind.

use chrono::{DateTime, Utc};
use oracle_schema::policy::{Compare, FactPolicy, FactTest};

use super::agreement::{self, Terms, Vote, Voter};
use super::decision::Decision;
use super::grounds::Grounds;
use super::outcome::attested;
use crate::exact::Exact;
use crate::observation::{Observation, Reading, SourceReading};

/// Decides an event about a value that matured at `at` (Unix seconds) from the
/// readings of its sources, in any order, and the panel's vote.
pub fn decide(
    policy: &FactPolicy,
    at: i64,
    now: DateTime<Utc>,
    readings: &[SourceReading],
    panel: Option<Voter>,
) -> Decision {
    let terms = Terms {
        at,
        agree: policy.agree.get(),
        stable_reads: policy.stable_reads.get(),
        settle_delay_s: policy.settle_delay_s,
    };
    let sources = policy.sources.iter().map(|source| {
        Voter::new(&source.id, &source.root, at, readings, |r| {
            vote(policy, &r.reading)
        })
    });
    let voters: Vec<Voter> = sources.chain(panel).collect();
    agreement::decide(&terms, now, &voters, readings)
}

fn vote(policy: &FactPolicy, reading: &Reading) -> Vote {
    let Reading::Observation(Observation::Value(fact)) = reading else {
        return Vote::without_fact(reading);
    };
    match outcome(policy, &fact.value) {
        Ok(outcome) => Vote::For {
            outcome,
            because: Grounds::Value,
        },
        Err(why) => Vote::Objection(why.into()),
    }
}

/// The outcome that a value means, or why none does.
pub fn outcome(policy: &FactPolicy, value: &str) -> Result<String, String> {
    if let Some(digits) = &policy.digits {
        return attested(digits, &number(value)?).map_err(|e| e.to_string());
    }
    let number = match policy.compare {
        Compare::Text => None,
        Compare::Number => Some(number(value)?),
    };
    let equal = |known: &String| match &number {
        None => known.trim() == value,
        Some(number) => known.parse::<Exact>().is_ok_and(|known| known == *number),
    };
    let meant = |test: &FactTest| match test {
        FactTest::Equals(known) => equal(known),
        FactTest::OneOf(known) => known.iter().any(equal),
        FactTest::Above(level) => number.as_ref().is_some_and(|n| *n > Exact::from(*level)),
        FactTest::Below(level) => number.as_ref().is_some_and(|n| *n < Exact::from(*level)),
        FactTest::Other(_) => false,
    };
    // What is left goes last; all others exclude each other.
    policy
        .tests
        .iter()
        .find(|(_, test)| meant(test))
        .or_else(|| {
            let mut tests = policy.tests.iter();
            tests.find(|(_, test)| matches!(test, FactTest::Other(_)))
        })
        .map(|(outcome, _)| outcome.clone())
        .ok_or_else(|| format!("no outcome stands for {value:?}"))
}

fn number(value: &str) -> Result<Exact, String> {
    value.parse().map_err(|e| format!("{value:?}: {e}"))
}
