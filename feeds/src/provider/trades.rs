//! The close of a bar rebuilt from trades, for times that a venue's bars no
//! longer or not yet cover: its last trade strictly before the minute ends.

use serde_json::value::RawValue;

use super::bars::{BAR, Window, bar_of, lagging, observation};
use crate::json;
use crate::observation::{PriceObservation, Reading};

/// Nanoseconds in a second.
pub(super) const NS: i64 = 1_000_000_000;

/// How much further back each sweep begins than the one before.
const WIDEN: i64 = 16;

/// One trade; its price is read only if it is the one that decides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trade<'a> {
    /// Unix nanoseconds.
    pub(super) at_ns: i64,
    /// The venue's number, which orders trades of one instant.
    pub(super) id: i64,
    /// Price.
    pub(super) price: &'a RawValue,
}

impl Trade<'_> {
    /// Orders trades by time.
    pub(super) fn rank(&self) -> (i64, i64) {
        (self.at_ns, self.id)
    }

    /// The open of its bar, Unix seconds.
    pub(super) fn bar(&self) -> i64 {
        bar_of(self.at_ns.div_euclid(NS))
    }

    /// Its price as the close of its bar.
    pub(super) fn close(&self) -> Result<PriceObservation, Reading> {
        let (literal, price) = json::number(self.price, "price")?;
        observation(&literal, price, self.bar())
    }
}

/// One answer of a venue's trade history.
#[derive(Debug, Clone)]
pub(super) struct Page<'a> {
    /// In any order.
    pub(super) trades: Vec<Trade<'a>>,
    /// Where the next page begins, Unix nanoseconds.
    pub(super) next_ns: i64,
    /// Whether the answer says by the venue's own clock that T is over.
    pub(super) past_t: bool,
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
/// `pages` answer the walk's own requests, in order. `traded` is the newest bar of
/// the window in which the venue says that something traded: a history that ends
/// before it lags. A history without a trade beyond the window is over only if the
/// venue's clock says that T is.
pub(super) fn walk<'a>(
    window: &Window,
    traded: Option<i64>,
    pages: impl Iterator<Item = Result<Page<'a>, Reading>>,
) -> Result<Walk, Reading> {
    let (floor, end) = (window.first_open * NS, window.end() * NS);
    let mut span = BAR * NS;
    let mut start = (end - span).max(floor);
    let mut since = start;
    let mut last: Option<Trade<'_>> = None;
    for page in pages {
        let page = page?;
        let passed_end = page.next_ns >= end || page.trades.iter().any(|t| t.at_ns >= end);
        // Where the cursor stands still, the venue has no more trades.
        let exhausted = page.trades.is_empty() || page.next_ns <= since;
        let inside = page
            .trades
            .into_iter()
            .filter(|t| (floor..end).contains(&t.at_ns));
        last = last.into_iter().chain(inside).max_by_key(Trade::rank);
        if !passed_end && !exhausted {
            since = page.next_ns;
            continue;
        }
        if !passed_end && !page.past_t {
            return Err(lagging(window));
        }
        if let Some(trade) = last {
            if traded.is_some_and(|open| open > trade.bar()) {
                return Err(lagging(window));
            }
            return trade.close().map(Walk::Found);
        }
        if start <= floor {
            return match traded {
                Some(_) => Err(lagging(window)),
                None => Ok(Walk::Nothing),
            };
        }
        span = span.saturating_mul(WIDEN);
        start = end.saturating_sub(span).max(floor);
        since = start;
    }
    Ok(Walk::Ask(since))
}
