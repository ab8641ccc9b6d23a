//! Kraken: `/0/public/OHLC`, and `/0/public/Trades` for times before the
//! newest 720 bars, and where these do not reach past T.
//!
//! Source: docs.kraken.com, "Get OHLC Data", "Get Recent Trades". The last row
//! of OHLC is the running bar and never final: where it opened before T, the venue
//! has not come so far, whatever its `Date` says. Errors come as HTTP 200; the
//! key of the result is not the pair asked for; `last` of Trades is a string of
//! nanoseconds and the times of trades are fractions of a second.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::bars::{BAR, Bar, Window, last_close, moved_past, no_trade, time_of};
use super::trades::{NS, Page, Trade, Walk, walk};
use super::{Provider, Step, accept, answered_past, price_step, symbol};
use crate::decimal;
use crate::json;
use crate::observation::{Exchange, Observation, PriceQuery, Query, Reading, Request};
use crate::rate::Rate;

pub(super) struct Kraken;

impl Provider for Kraken {
    fn name(&self) -> &'static str {
        "kraken"
    }
    fn longest_answer(&self) -> usize {
        super::MIB
    }
    fn version(&self) -> u32 {
        3
    }
    fn base_url(&self) -> &'static str {
        "https://api.kraken.com"
    }
    fn rate(&self) -> Rate {
        Rate::per_second(1)
    }
    fn deciding(&self) -> &'static [&'static str] {
        &[
            "OHLC:error",
            "OHLC:result.*[][0]",
            "OHLC:result.*[][4]",
            "OHLC:result.*[][6]",
            "Trades:error",
            "Trades:result.*[][0]",
            "Trades:result.*[][2]",
            "Trades:result.*[][6]",
            "Trades:result.last",
        ]
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        price_step(query, done, step)
    }
}

fn step(query: &PriceQuery<'_>, done: &[Exchange]) -> Result<Step, Reading> {
    let window = Window::of(query);
    let pair = symbol(query)?;
    let Some((first, rest)) = done.split_first() else {
        // `since` is exclusive; one bar more shows that the window is covered.
        let since = window.first_open - 2 * BAR;
        return Ok(Step::Ask(Request::path(format!(
            "/0/public/OHLC?pair={pair}&interval=1&since={since}"
        ))));
    };
    let bars = bars(query, &window, first)?;
    let past = moved_past(&bars, &window);
    let newest = last_close(&bars, &window)?;
    let traded = newest.as_ref().map(|newest| newest.effective_at - BAR);
    if let Some(found) = newest.filter(|_| past) {
        return Ok(Step::Done(Reading::Observation(Observation::Price(found))));
    }
    let oldest = bars.iter().map(|b| b.open).min();
    if past && oldest.is_some_and(|open| open <= window.first_open) {
        return Err(no_trade(&window));
    }
    let pages = rest.iter().map(|e| page(query, &window, e));
    Ok(match walk(&window, traded, pages)? {
        Walk::Found(found) => Step::Done(Reading::Observation(Observation::Price(found))),
        Walk::Nothing => Step::Done(no_trade(&window)),
        Walk::Ask(since_ns) => Step::Ask(Request::path(format!(
            // One nanosecond less, so that a trade at the very start is not lost
            // to an exclusive bound.
            "/0/public/Trades?pair={pair}&since={}&count=1000",
            since_ns - 1
        ))),
    })
}

#[derive(Deserialize)]
struct Answer<'a> {
    /// `<severity><category>:<message>`. A warning (`W`) stands beside a result and
    /// says nothing about it.
    error: Vec<String>,
    #[serde(borrow)]
    result: Option<BTreeMap<String, &'a RawValue>>,
}

/// The rows under the one key that is not `last`, and `last`.
fn rows(body: &[u8]) -> Result<(Vec<Vec<&RawValue>>, &RawValue), Reading> {
    let answer: Answer<'_> = json::parse(body)?;
    let is_warning = |message: &&String| message.starts_with('W');
    if let Some(error) = answer.error.iter().find(|message| !is_warning(message)) {
        return Err(error_reading(error));
    }
    let bad = |what: &str| Reading::Contradiction(format!("kraken result {what}"));
    let Some(mut result) = answer.result else {
        return Err(match answer.error.first() {
            Some(warning) => Reading::transient(json::quote(warning)),
            None => bad("is missing"),
        });
    };
    let last = result.remove("last").ok_or_else(|| bad("has no `last`"))?;
    let mut pairs = result.into_values();
    match (pairs.next(), pairs.next()) {
        (Some(rows), None) => serde_json::from_str(rows.get())
            .map(|rows| (rows, last))
            .map_err(|_| bad("holds no rows")),
        _ => Err(bad("does not hold exactly one pair")),
    }
}

/// `E<category>:<message>`; docs.kraken.com, "Errors".
fn error_reading(error: &str) -> Reading {
    let permanent = [
        "EQuery:",
        "EGeneral:Invalid",
        "EGeneral:Unknown",
        "EGeneral:Permission",
    ];
    if permanent.iter().any(|p| error.starts_with(p)) {
        Reading::Permanent(json::quote(error))
    } else {
        Reading::transient(json::quote(error))
    }
}

/// `[time, "open", "high", "low", "close", "vwap", "volume", count]`; the newest
/// is the running bar.
fn bars<'a>(
    query: &PriceQuery<'_>,
    window: &Window,
    exchange: &'a Exchange,
) -> Result<Vec<Bar<'a>>, Reading> {
    let (rows, _) = rows(accept(query, exchange)?)?;
    rows.iter()
        .map(|row| {
            Ok(Bar {
                open: window.sane(json::integer(time_of(row)?, "time")?)?,
                close: row.get(4).copied(),
                // Zero in a minute without trades.
                volume: row.get(6).copied(),
            })
        })
        .collect()
}

/// `["price", "volume", time, side, type, misc, id]`, oldest first.
fn page<'a>(
    query: &PriceQuery<'_>,
    window: &Window,
    exchange: &'a Exchange,
) -> Result<Page<'a>, Reading> {
    let (rows, last) = rows(accept(query, exchange)?)?;
    let mut trades = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let [price, _, time, _, _, _, rest @ ..] = row.as_slice() else {
            return Err(Reading::Contradiction(
                "trade has fewer than 6 fields".to_owned(),
            ));
        };
        let (_, time) = json::number(time, "time")?;
        let at_ns = i64::try_from(decimal::to_integer(time, 9))
            .map_err(|_| Reading::Contradiction("trade time out of range".to_owned()))?;
        window.sane(at_ns.div_euclid(NS))?;
        // Old recordings lack the id; rows come oldest first.
        let id = match rest.first() {
            Some(id) => json::integer(id, "trade id")?,
            None => i64::try_from(index).unwrap_or(i64::MAX),
        };
        trades.push(Trade { at_ns, id, price });
    }
    Ok(Page {
        trades,
        next_ns: json::integer(last, "last")?,
        past_t: answered_past(query, exchange),
    })
}
