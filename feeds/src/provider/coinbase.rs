//! Coinbase Exchange: `/products/{id}/candles`, at most 300 a request, and
//! `/products/{id}/trades`, the newest 1000.
//!
//! Source: docs.cdp.coinbase.com, "Get product candles", "Get product trades".
//! Candles are `[time, LOW, HIGH, OPEN, CLOSE, volume]` in numbers, newest first;
//! minutes without trades are absent; rows may precede `start`. Users saw them come
//! one to seven minutes late on busy pairs (ccxt issue 13292). Trades are newest
//! first, their time RFC 3339 text.

use chrono::{DateTime, SecondsFormat};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::bars::{Bar, Window, time_of};
use super::recent::Venue;
use super::trades::Trade;
use super::{Provider, Step, accept_data, price_step};
use crate::json;
use crate::observation::{Exchange, PriceQuery, Query, Reading};
use crate::rate::Rate;

pub(super) struct Coinbase;

const VENUE: Venue = Venue {
    rows: 300,
    bars: |product, start, end| {
        format!(
            "/products/{product}/candles?granularity=60&start={}&end={}",
            rfc3339(start),
            rfc3339(end)
        )
    },
    trades: |product| format!("/products/{product}/trades?limit=1000"),
    read_bars: bars,
    read_trades: trades,
};

impl Provider for Coinbase {
    fn name(&self) -> &'static str {
        "coinbase"
    }
    fn longest_answer(&self) -> usize {
        super::MIB
    }
    fn version(&self) -> u32 {
        3
    }
    fn base_url(&self) -> &'static str {
        "https://api.exchange.coinbase.com"
    }
    fn rate(&self) -> Rate {
        Rate::per_second(10)
    }
    fn deciding(&self) -> &'static [&'static str] {
        &[
            "candles:[][0]",
            "candles:[][4]",
            "candles:[][5]",
            "trades:[].time",
            "trades:[].trade_id",
            "trades:[].price",
        ]
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        price_step(query, done, |query, done| VENUE.step(query, done))
    }
}

fn rfc3339(unix: i64) -> String {
    DateTime::from_timestamp(unix, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
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
            Ok(Bar {
                open: window.sane(json::integer(time_of(row)?, "time")?)?,
                close: row.get(4).copied(),
                volume: row.get(5).copied(),
            })
        })
        .collect()
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    time: &'a RawValue,
    #[serde(borrow)]
    trade_id: &'a RawValue,
    #[serde(borrow)]
    price: &'a RawValue,
}

fn trades<'a>(query: &PriceQuery<'_>, exchange: &'a Exchange) -> Result<Vec<Trade<'a>>, Reading> {
    let body = accept_data(query, exchange)?;
    let rows: Vec<Row<'_>> = json::parse(body)?;
    rows.into_iter()
        .map(|row| {
            let text = json::text(row.time)?;
            let time = DateTime::parse_from_rfc3339(&text).ok();
            let at_ns = time.and_then(|time| time.timestamp_nanos_opt());
            Ok(Trade {
                at_ns: at_ns.ok_or_else(|| {
                    let text = json::quote(&text);
                    Reading::Contradiction(format!("time {text:?} is not RFC 3339"))
                })?,
                id: json::integer(row.trade_id, "trade_id")?,
                price: row.price,
            })
        })
        .collect()
}
