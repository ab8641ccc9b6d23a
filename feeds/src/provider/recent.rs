//! Bars by time, of venues that list beside them only their newest trades
//! (Coinbase, Bitstamp).
//!
//! Bars are asked for beyond the window, since a minute without one had no trade
//! only if the venue has moved past it. Where no bar shows that, the newest trades
//! are asked for once:
//!
//! - one after the window: the venue moved on and its bars are late. The last
//!   trade before is the price, if the list reaches back to it.
//! - none after the window: the venue has been silent since, if its own clock says
//!   that T is over. The newest trade listed is its last.
//! - none at all: the bars are all there is, by the same clock.

use super::bars::{BAR, Bar, Window, lagging, last_close, moved_past, no_trade};
use super::trades::{NS, Trade};
use super::{Step, answered_past, symbol};
use crate::observation::{Exchange, Observation, PriceObservation, PriceQuery, Reading, Request};

/// How far beyond the window bars are asked for, seconds.
const BEYOND: i64 = 3600;

/// What tells one of these venues from another.
pub(super) struct Venue {
    /// Rows a request for bars may cover, both ends included.
    pub(super) rows: i64,
    /// Path of the bars of a symbol that open in `start` … `end`.
    pub(super) bars: fn(&str, i64, i64) -> String,
    /// Path of the newest trades of a symbol.
    pub(super) trades: fn(&str) -> String,
    /// Reads bars.
    pub(super) read_bars: ReadBars,
    /// Reads trades.
    pub(super) read_trades: ReadTrades,
}

type ReadBars = for<'a> fn(&PriceQuery<'_>, &Window, &'a Exchange) -> Result<Vec<Bar<'a>>, Reading>;
type ReadTrades = for<'a> fn(&PriceQuery<'_>, &'a Exchange) -> Result<Vec<Trade<'a>>, Reading>;

/// What the newest trades of a venue come to.
enum Listed {
    /// The last trade before the window's end.
    Price(PriceObservation),
    /// Nothing traded in the window.
    Nothing,
    /// No trade is listed, and the venue's clock says that T is over.
    Silent,
    /// All trades listed are after the window; the newest is in the bar that opens
    /// then.
    Later(i64),
}

impl Venue {
    pub(super) fn step(&self, query: &PriceQuery<'_>, done: &[Exchange]) -> Result<Step, Reading> {
        let window = Window::of(query);
        let symbol = symbol(query)?;
        let ask = |path: String| Ok(Step::Ask(Request::path(path)));
        let found = |price| Ok(Step::Done(Reading::Observation(Observation::Price(price))));
        let mut answers = done.iter();
        let mut end = window.end() + BEYOND;
        let Some(first) = answers.next() else {
            return ask(self.page(symbol, &window, end));
        };
        let mut bars = (self.read_bars)(query, &window, first)?;
        let newest = last_close(&bars, &window)?;
        let newest_bar = newest.map(|newest| newest.effective_at - BAR);
        if !moved_past(&bars, &window) {
            let Some(exchange) = answers.next() else {
                return ask((self.trades)(symbol));
            };
            match self.listed(query, &window, exchange, newest_bar)? {
                Listed::Price(price) => return found(price),
                Listed::Nothing => return Err(no_trade(&window)),
                Listed::Silent => {}
                // Asked so much later that bars for it were not asked for.
                Listed::Later(open) if open > end => {
                    let Some(exchange) = answers.next() else {
                        let start = (open - (self.rows - 1) * BAR).max(window.end());
                        return ask((self.bars)(symbol, start, open));
                    };
                    if !moved_past(&(self.read_bars)(query, &window, exchange)?, &window) {
                        return Err(lagging(&window));
                    }
                }
                Listed::Later(_) => return Err(lagging(&window)),
            }
        }
        loop {
            if let Some(price) = last_close(&bars, &window)? {
                return found(price);
            }
            end -= (self.rows - 1) * BAR;
            if end <= window.first_open {
                return Err(no_trade(&window));
            }
            let Some(exchange) = answers.next() else {
                return ask(self.page(symbol, &window, end));
            };
            bars.extend((self.read_bars)(query, &window, exchange)?);
        }
    }

    /// The bars up to the one that opens at `end`, as many as a request may cover
    /// and the window needs.
    fn page(&self, symbol: &str, window: &Window, end: i64) -> String {
        let start = (end - (self.rows - 1) * BAR).max(window.first_open.min(end));
        (self.bars)(symbol, start, end)
    }

    /// Reads the newest trades, of a venue whose bars do not show that it moved past
    /// the window; `newest_bar` opens the newest of them in which something traded.
    fn listed(
        &self,
        query: &PriceQuery<'_>,
        window: &Window,
        exchange: &Exchange,
        newest_bar: Option<i64>,
    ) -> Result<Listed, Reading> {
        let trades = (self.read_trades)(query, exchange)?;
        let (start, end) = (window.first_open * NS, window.end() * NS);
        let newest = trades.iter().max_by_key(|trade| trade.rank());
        if let Some(newest) = newest {
            window.sane(newest.at_ns.div_euclid(NS))?;
        }
        let later = newest.filter(|newest| newest.at_ns >= end);
        if later.is_none() && !answered_past(query, exchange) {
            return Err(lagging(window));
        }
        let before = trades.iter().filter(|trade| trade.at_ns < end);
        let Some(last) = before.max_by_key(|trade| trade.rank()) else {
            // A list of the last hour that lacks a trade which the bars have in it.
            let listed_from = exchange.sent_at.timestamp() - BEYOND;
            if later.is_none() && newest_bar.is_some_and(|open| open + BAR > listed_from) {
                return Err(lagging(window));
            }
            return Ok(later.map_or(Listed::Silent, |later| Listed::Later(later.bar())));
        };
        // A list that lacks a trade which the bars have is late itself.
        if newest_bar.is_some_and(|open| open > last.bar()) {
            return Err(lagging(window));
        }
        if last.at_ns < start {
            return Ok(Listed::Nothing);
        }
        last.close().map(Listed::Price)
    }
}
