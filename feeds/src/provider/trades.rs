//! The close of a bar rebuilt from trades, for times that a venue's bars no
//! longer cover: its last trade strictly before the minute ends.

use rust_decimal::Decimal;

use super::bars::{BAR, Window, observation};
use crate::observation::{PriceObservation, Reading};

/// Nanoseconds in a second.
pub(super) const NS: i64 = 1_000_000_000;

/// How much further back each sweep begins than the one before.
const WIDEN: i64 = 16;

/// One trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trade {
    /// Unix nanoseconds.
    pub(super) at_ns: i64,
    /// The venue's number, which orders trades of one instant.
    pub(super) id: i64,
    /// Price, as written.
    pub(super) literal: String,
    /// Price.
    pub(super) price: Decimal,
}

/// One answer of a venue's trade history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// In any order.
    pub(super) trades: Vec<Trade>,
    /// Where the next page begins, Unix nanoseconds.
    pub(super) next_ns: i64,
}

/// Where a walk through the history stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Walk {
    /// The next page needed begins here, Unix nanoseconds.
    Ask(i64),
    /// The close of the newest bar with trades.
    Found(PriceObservation),
    /// The window was seen whole; nothing traded in it.
    Nothing,
}

/// Walks forward from one minute before the window's end; where nothing traded
/// in it, again from further back, up to the whole window.
///
/// `pages` answer the walk's own requests, in order.
pub(super) fn walk(
    window: &Window,
    pages: impl Iterator<Item = Result<Page, Reading>>,
) -> Result<Walk, Reading> {
    let (floor, end) = (window.first_open * NS, window.end() * NS);
    let mut span = BAR * NS;
    let mut start = (end - span).max(floor);
    let mut since = start;
    let mut last: Option<Trade> = None;
    for page in pages {
        let page = page?;
        let passed_end = page.next_ns >= end || page.trades.iter().any(|t| t.at_ns >= end);
        // Where the cursor stands still, the venue has no more trades.
        let exhausted = page.trades.is_empty() || page.next_ns <= since;
        for trade in page.trades {
            let newer = last
                .as_ref()
                .is_none_or(|l| (trade.at_ns, trade.id) > (l.at_ns, l.id));
            if (floor..end).contains(&trade.at_ns) && newer {
                last = Some(trade);
            }
        }
        if !passed_end && !exhausted {
            since = page.next_ns;
            continue;
        }
        if let Some(trade) = last {
            let second = trade.at_ns.div_euclid(NS);
            let open = second - second.rem_euclid(BAR);
            return observation(&trade.literal, trade.price, open).map(Walk::Found);
        }
        if start <= floor {
            return Ok(Walk::Nothing);
        }
        span = span.saturating_mul(WIDEN);
        start = end.saturating_sub(span).max(floor);
        since = start;
    }
    Ok(Walk::Ask(since))
}
