//! The decision trace: what every source said and what became of it, published
//! beside the outcome.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// How one leg was decided, or why it was not yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// [`oracle_schema::policy::LegPolicy::name`].
    pub leg: String,
    /// T, Unix seconds.
    pub at: i64,
    /// Every source of the policy, in its order.
    pub sources: Vec<SourceTrace>,
    /// Whether the local clock agrees with the providers'.
    pub clock: ClockCheck,
    /// Independent roots with a usable price.
    pub roots: u32,
    /// Median of those, before any was dropped for its distance.
    pub first_median: Option<Decimal>,
    /// Roots left after dropping those beyond `max_deviation`, once.
    pub kept: u32,
    /// Roots the policy demands.
    pub min_sources: u32,
    /// The fixing: the median of the kept prices.
    pub price: Option<Decimal>,
}

/// What one source said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceTrace {
    /// [`oracle_schema::policy::SourcePolicy::id`].
    pub source: String,
    /// [`oracle_schema::policy::SourcePolicy::root`].
    pub root: String,
    /// [`crate::Reading::verdict`], or `unread`.
    pub verdict: String,
    /// The price as the source wrote it.
    pub literal: Option<String>,
    /// The price.
    pub price: Option<Decimal>,
    /// Unix seconds to which the price belongs.
    pub effective_at: Option<i64>,
    /// Whether the price went into the fixing.
    pub used: bool,
    /// Why it did not.
    pub why: Option<String>,
}

/// The local clock against the median of the providers' clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockCheck {
    /// Sources that sent a `Date`. With none, the clock is unchecked.
    pub dates: u32,
    /// Median of [`crate::Exchange::clock_ahead_s`], seconds; positive where the
    /// local clock is ahead.
    pub ahead_s: Option<i64>,
}

impl ClockCheck {
    /// Of the skews ([`crate::Exchange::clock_ahead_s`]), one for each root.
    pub fn of(mut skews: Vec<i64>) -> Self {
        skews.sort_unstable();
        // Of an even number the larger of the middle two: rather an alarm too many.
        let ahead_s = skews.get(skews.len() / 2).copied();
        Self {
            dates: u32::try_from(skews.len()).unwrap_or(u32::MAX),
            ahead_s,
        }
    }
}
