//! Gemini: `/v2/candles/{symbol}/1m`, recent bars only, and
//! `/v1/trades/{symbol}` for times before them, and where they do not show that the
//! venue moved past T.
//!
//! Source: docs.gemini.com, "List Candles", "List Trades". Candles are `[ms,
//! open, high, low, close, volume]` in numbers, newest first; `timestamp` asks
//! for trades after it, and each page is newest first.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::bars::{BAR, Bar, Window, last_close, moved_past, no_trade, time_of};
use super::trades::{Page, Trade, Walk, walk};
use super::{Provider, Step, accept_data, answered_past, price_step, symbol};
use crate::json;
use crate::observation::{Exchange, Observation, PriceQuery, Query, Reading, Request};
use crate::rate::Rate;

pub(super) struct Gemini;

/// Nanoseconds in a millisecond.
const MS: i64 = 1_000_000;

impl Provider for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }
    fn longest_answer(&self) -> usize {
        super::MIB
    }
    fn version(&self) -> u32 {
        3
    }
    fn base_url(&self) -> &'static str {
        "https://api.gemini.com"
    }
    fn rate(&self) -> Rate {
        // 120 a minute; more than five at once are delayed by the venue, so
        // they are spread here.
        Rate::per_second(2)
    }
    fn deciding(&self) -> &'static [&'static str] {
        &[
            "candles:[][0]",
            "candles:[][4]",
            "candles:[][5]",
            "trades:[].timestampms",
            "trades:[].tid",
            "trades:[].price",
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
        return Ok(Step::Ask(Request::path(format!("/v2/candles/{pair}/1m"))));
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
            "/v1/trades/{pair}?timestamp={}&limit_trades=500",
            // One millisecond less, so that a trade at the very start is not
            // lost to an exclusive bound.
            since_ns / MS - 1
        ))),
    })
}

fn bars<'a>(
    query: &PriceQuery<'_>,
    window: &Window,
    exchange: &'a Exchange,
) -> Result<Vec<Bar<'a>>, Reading> {
    let body = accept_data(query, exchange)?;
    let rows: Vec<Vec<&RawValue>> = json::parse(body)?;
    rows.iter()
        .map(|row| {
            let ms = json::integer(time_of(row)?, "time")?;
            if ms.rem_euclid(1000) != 0 {
                return Err(Reading::Contradiction(format!(
                    "bar at {ms} ms is not on a second"
                )));
            }
            Ok(Bar {
                open: window.sane(ms.div_euclid(1000))?,
                close: row.get(4).copied(),
                volume: row.get(5).copied(),
            })
        })
        .collect()
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    timestampms: &'a RawValue,
    #[serde(borrow)]
    tid: &'a RawValue,
    #[serde(borrow)]
    price: &'a RawValue,
}

fn page<'a>(
    query: &PriceQuery<'_>,
    window: &Window,
    exchange: &'a Exchange,
) -> Result<Page<'a>, Reading> {
    let body = accept_data(query, exchange)?;
    let rows: Vec<Row<'_>> = json::parse(body)?;
    let mut trades = Vec::with_capacity(rows.len());
    for row in rows {
        let ms = json::integer(row.timestampms, "timestampms")?;
        window.sane(ms.div_euclid(1000))?;
        trades.push(Trade {
            at_ns: ms.saturating_mul(MS),
            id: json::integer(row.tid, "tid")?,
            price: row.price,
        });
    }
    Ok(Page {
        next_ns: trades.iter().map(|t| t.at_ns).max().unwrap_or(i64::MIN),
        trades,
        past_t: answered_past(query, exchange),
    })
}
