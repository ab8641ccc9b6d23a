//! Bitstamp: `/api/v2/ohlc/{pair}/`, at most 1000 rows a request.
//!
//! Source: bitstamp.net/api, "OHLC data". All fields are strings, the time is
//! the open; a maintenance notice may come as HTTP 200.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::bars::{BAR, Bar, Window, last_close, no_trade};
use super::{Provider, Step, accept, error_body, price_step, symbol};
use crate::json;
use crate::observation::{Exchange, Observation, PriceQuery, Query, Reading, Request};
use crate::rate::Rate;

pub(super) struct Bitstamp;

/// Rows a request may cover, both ends included.
const ROWS: i64 = 1000;

impl Provider for Bitstamp {
    fn name(&self) -> &'static str {
        "bitstamp"
    }
    fn version(&self) -> u32 {
        2
    }
    fn base_url(&self) -> &'static str {
        "https://www.bitstamp.net"
    }
    fn rate(&self) -> Rate {
        // 10,000 requests in ten minutes.
        Rate::per_second(16)
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        price_step(query, done, step)
    }
}

fn step(query: &PriceQuery<'_>, done: &[Exchange]) -> Result<Step, Reading> {
    let window = Window::of(query);
    let pair = symbol(query)?;
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
    let limit = (end - start) / BAR + 1;
    Ok(Step::Ask(Request::path(format!(
        "/api/v2/ohlc/{pair}/?step=60&start={start}&end={end}&limit={limit}&exclude_current_candle=true"
    ))))
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    ohlc: Vec<Row<'a>>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    timestamp: &'a RawValue,
    #[serde(borrow, default)]
    close: Option<&'a RawValue>,
    #[serde(borrow, default)]
    volume: Option<&'a RawValue>,
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
    let answer: Answer<'_> = json::parse(body)?;
    let rows = answer.data.ohlc.iter();
    rows.map(|row| {
        Ok(Bar {
            open: window.sane(json::integer(row.timestamp, "timestamp")?)?,
            close: row.close,
            volume: row.volume,
        })
    })
    .collect()
}
