//! One-minute bars: which of them may fix T, and the last one with trades.

use rust_decimal::Decimal;
use serde_json::value::RawValue;

use crate::json;
use crate::observation::{PriceObservation, PriceQuery, Reading};

/// Seconds in a bar.
pub(super) const BAR: i64 = 60;

/// A venue's time may lie this far from T, seconds, before it is taken for
/// one in the wrong unit.
const SANE: i64 = 366 * 86_400;

/// The bars that may fix T: those ending in T − `max_trade_age` … T, both
/// included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Open time of the oldest bar, Unix seconds. Beyond `last_open` if no bar
    /// qualifies.
    pub(super) first_open: i64,
    /// Open time of the newest bar, Unix seconds.
    pub(super) last_open: i64,
    at: i64,
}

impl Window {
    pub(super) fn of(query: &PriceQuery<'_>) -> Self {
        // A time beyond the wire's 32 bits is nobody's maturity; the clamp
        // only keeps the arithmetic below from overflowing.
        let at = query.at.clamp(0, i64::from(u32::MAX) * 2);
        let oldest_end = at - i64::from(query.max_trade_age_s);
        Self {
            first_open: bar_of(oldest_end + BAR - 1) - BAR,
            last_open: bar_of(at) - BAR,
            at,
        }
    }

    /// End of the newest bar, at or before T.
    pub(super) fn end(&self) -> i64 {
        self.last_open + BAR
    }

    pub(super) fn contains(&self, open: i64) -> bool {
        (self.first_open..=self.last_open).contains(&open)
    }

    /// Refuses a time that can only be in the wrong unit.
    pub(super) fn sane(&self, time: i64) -> Result<i64, Reading> {
        if time.abs_diff(self.at) > SANE.unsigned_abs() {
            return Err(Reading::Contradiction(format!(
                "time {time} is nowhere near T: wrong unit?"
            )));
        }
        Ok(time)
    }

    /// Refuses a time that opens no one-minute bar.
    pub(super) fn sane_open(&self, open: i64) -> Result<i64, Reading> {
        if self.sane(open)?.rem_euclid(BAR) != 0 {
            return Err(Reading::Contradiction(format!(
                "bar at {open} does not begin on a minute"
            )));
        }
        Ok(open)
    }
}

/// A row of bars, read no further than its time: what else it holds is looked at
/// only where it decides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bar<'a> {
    /// Open time, Unix seconds.
    pub(super) open: i64,
    /// Close.
    pub(super) close: Option<&'a RawValue>,
    /// Volume; more than zero where something traded.
    pub(super) volume: Option<&'a RawValue>,
}

impl Bar<'_> {
    /// Literal and value of the close, if anything traded.
    fn last_trade(&self) -> Result<Option<(String, Decimal)>, Reading> {
        let missing = |field: &str| {
            Reading::Contradiction(format!("the bar at {} has no {field}", self.open))
        };
        let volume = self.volume.ok_or_else(|| missing("volume"))?;
        if !json::is_positive(volume, "volume")? {
            return Ok(None);
        }
        json::number(self.close.ok_or_else(|| missing("close"))?, "close").map(Some)
    }
}

/// Whether the venue has shown that it moved past the window, by a bar that opens
/// at its end or later, the running one included.
///
/// Only then does a minute without a bar mean that nothing traded in it: bars have
/// come minutes late on pairs that trade every minute.
pub(super) fn moved_past(bars: &[Bar<'_>], window: &Window) -> bool {
    bars.iter().any(|bar| bar.open >= window.end())
}

/// The reading of a venue that has not.
pub(super) fn lagging(window: &Window) -> Reading {
    Reading::Lagging(format!(
        "has not shown that it moved past {}: what it lacks may only be late",
        window.end()
    ))
}

/// The time of a row that begins with it.
pub(super) fn time_of<'a>(row: &[&'a RawValue]) -> Result<&'a RawValue, Reading> {
    row.first()
        .copied()
        .ok_or_else(|| Reading::Contradiction("a bar without a time".to_owned()))
}

/// The close of the newest bar with trades inside the window, whatever the
/// order of the rows.
///
/// Rows are read from the newest back to the one that decides and no further; of
/// those outside the window nothing but their time. Two different rows for a minute
/// that is read are a contradiction.
pub(super) fn last_close(
    bars: &[Bar<'_>],
    window: &Window,
) -> Result<Option<PriceObservation>, Reading> {
    let mut inside: Vec<&Bar<'_>> = bars.iter().filter(|b| window.contains(b.open)).collect();
    inside.sort_by_key(|bar| std::cmp::Reverse(bar.open));
    for rows in inside.chunk_by(|a, b| a.open == b.open) {
        let mut read = Vec::with_capacity(rows.len());
        for bar in rows {
            read.push((window.sane_open(bar.open)?, bar.last_trade()?));
        }
        let mut read = read.into_iter();
        let Some((open, trade)) = read.next() else {
            continue;
        };
        let price = |trade: &Option<(String, Decimal)>| trade.as_ref().map(|(_, price)| *price);
        if read.any(|(_, other)| price(&other) != price(&trade)) {
            return Err(Reading::Contradiction(format!(
                "two different bars at {open}"
            )));
        }
        if let Some((literal, close)) = trade {
            return observation(&literal, close, open).map(Some);
        }
    }
    Ok(None)
}

/// The open of the bar that a second lies in.
pub(super) fn bar_of(second: i64) -> i64 {
    second - second.rem_euclid(BAR)
}

/// An observation of a bar's close; refuses a price that is not positive.
pub(super) fn observation(
    literal: &str,
    price: Decimal,
    open: i64,
) -> Result<PriceObservation, Reading> {
    if price <= Decimal::ZERO {
        return Err(Reading::Contradiction(format!(
            "price {literal} in the bar at {open} is not positive"
        )));
    }
    Ok(PriceObservation {
        literal: literal.to_owned(),
        price,
        effective_at: open + BAR,
    })
}

/// The reading when the whole window was seen and nothing traded in it.
pub(super) fn no_trade(window: &Window) -> Reading {
    Reading::NoData(format!(
        "no bar with trades ending in {} … {}",
        window.first_open + BAR,
        window.end()
    ))
}
