//! The rule of an event of facts, whichever it is.

use chrono::{DateTime, Utc};
use oracle_schema::policy::Rule;

use super::decision::Decision;
use super::panel::{self, OperatorReport};
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
    let _ = readings;
    match rule {
        Rule::Digits { .. }
        | Rule::Threshold { .. }
        | Rule::Match(_)
        | Rule::Election(_) => None,
        Rule::Operators(policy) => Some(panel::decide(policy, at, now, reports)),
    }
}
