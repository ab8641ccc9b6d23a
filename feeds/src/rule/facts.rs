//! The rule of an event of facts, whichever it is.

use chrono::{DateTime, Utc};
use oracle_schema::policy::Rule;

use super::decision::Decision;
use super::panel::{self, OperatorReport};
use super::{election, matches, value};
use crate::observation::SourceReading;

/// What the facts come to; none for rules about prices.
///
/// `at` is the maturity, Unix seconds; `readings` are those of the rule's
/// sources and `reports` those of operators, each in any order.
pub fn decide(
    rule: &Rule,
    at: i64,
    now: DateTime<Utc>,
    readings: &[SourceReading],
    reports: &[OperatorReport],
) -> Option<Decision> {
    let panel = rule.panel().map(|p| panel::voter(p, at, now, reports));
    match rule {
        Rule::Match(policy) => Some(matches::decide(policy, at, now, readings, panel)),
        Rule::Election(policy) => Some(election::decide(policy, at, now, readings, panel)),
        Rule::Fact(policy) => Some(value::decide(policy, at, now, readings, panel)),
        Rule::Operators(policy) => Some(panel::decide(policy, at, now, reports)),
        Rule::Digits { .. } | Rule::Threshold { .. } => None,
    }
}
