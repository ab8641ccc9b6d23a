//! The rule of an event of facts, whichever it is.

use chrono::{DateTime, Utc};
use oracle_schema::policy::Rule;

use super::decision::Decision;
use super::{election, matches};
use crate::observation::SourceReading;

/// What the facts come to; none for rules about prices.
///
/// `at` is the maturity, Unix seconds; `readings` are those of the rule's
/// sources, in any order.
pub fn decide(
    rule: &Rule,
    at: i64,
    now: DateTime<Utc>,
    readings: &[SourceReading],
) -> Option<Decision> {
    match rule {
        Rule::Match(policy) => Some(matches::decide(policy, at, now, readings, None)),
        Rule::Election(policy) => Some(election::decide(policy, at, now, readings, None)),
        Rule::Digits { .. } | Rule::Threshold { .. } | Rule::Operators(_) => None,
    }
}
