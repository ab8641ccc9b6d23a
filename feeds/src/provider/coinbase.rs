//! Coinbase Exchange: `/products/{id}/candles`, at most 300 a request.
//!
//! Source: docs.cdp.coinbase.com, "Get product candles". Rows are `[time, LOW,
//! HIGH, OPEN, CLOSE, volume]` in numbers, newest first; minutes without trades
//! are absent; rows may precede `start`.

use chrono::{DateTime, SecondsFormat};
use serde_json::value::RawValue;

use super::bars::{BAR, Bar, Window, last_close, no_trade, time_of};
use super::{Provider, Step, accept, error_body, price_step, symbol};
use crate::json;
use crate::observation::{Exchange, Observation, PriceQuery, Query, Reading, Request};
use crate::rate::Rate;

pub(super) struct Coinbase;

/// Rows a request may cover, both ends included.
const ROWS: i64 = 300;

impl Provider for Coinbase {
    fn name(&self) -> &'static str {
        "coinbase"
    }
    fn version(&self) -> u32 {
        2
    }
    fn base_url(&self) -> &'static str {
        "https://api.exchange.coinbase.com"
    }
    fn rate(&self) -> Rate {
        Rate::per_second(10)
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        price_step(query, done, step)
    }
}

fn step(query: &PriceQuery<'_>, done: &[Exchange]) -> Result<Step, Reading> {
    let window = Window::of(query);
    let product = symbol(query)?;
    let mut bars = Vec::new();
    let mut end = window.end();
    for exchange in done {
        bars.extend(read(query, &window, exchange)?);
        if let Some(found) = last_close(&bars, &window)? {
            return Ok(Step::Done(Reading::Observation(Observation::Price(found))));
        }
        end -= (ROWS - 1) * BAR;
        if end <= window.first_open {
            return Err(no_trade(&window));
        }
    }
    let start = (end - (ROWS - 1) * BAR).max(window.first_open.min(end));
    Ok(Step::Ask(Request::path(format!(
        "/products/{product}/candles?granularity=60&start={}&end={}",
        rfc3339(start),
        rfc3339(end)
    ))))
}

fn rfc3339(unix: i64) -> String {
    DateTime::from_timestamp(unix, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn read<'a>(
    query: &PriceQuery<'_>,
    window: &Window,
    exchange: &'a Exchange,
) -> Result<Vec<Bar<'a>>, Reading> {
    let body = accept(query, exchange)?;
    if let Some(error) = error_body(body) {
        return Err(error);
    }
    let rows: Vec<Vec<&RawValue>> = json::parse(body)?;
    rows.iter()
        .map(|row| {
            Ok(Bar {
                open: window.sane(json::integer(time_of(row)?, "time")?)?,
                close: row.get(4).copied(),
                volume: row.get(5).copied(),
            })
        })
        .collect()
}
