//! The rule of an event of facts, whichever it is.

use chrono::{DateTime, Utc};
use oracle_schema::policy::Rule;

use super::decision::Decision;
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
    let _ = (at, now, readings);
    match rule {
        Rule::Digits { .. }
        | Rule::Threshold { .. }
        | Rule::Match(_)
        | Rule::Election(_)
        | Rule::Operators(_) => None,
    }
}
