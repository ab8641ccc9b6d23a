//! Bitstamp: `/api/v2/ohlc/{pair}/`, at most 1000 rows a request, and
//! `/api/v2/transactions/{pair}/`, those of the last hour.
//!
//! Source: bitstamp.net/api, "OHLC data", "Transactions". All fields are strings.
//! The time of a bar is its open, and the running one is listed, which counts for
//! nothing but that the venue has come so far. Transactions are newest first, their
//! `date` in whole Unix seconds; `tid` orders those of one second. A maintenance
//! notice may come as HTTP 200.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::bars::{BAR, Bar, Window};
use super::recent::Venue;
use super::trades::{NS, Trade};
use super::{Provider, Step, accept_data, price_step};
use crate::json;
use crate::observation::{Exchange, PriceQuery, Query, Reading};
use crate::rate::Rate;

pub(super) struct Bitstamp;

const VENUE: Venue = Venue {
    rows: 1000,
    bars: |pair, start, end| {
        let limit = (end - start) / BAR + 1;
        format!("/api/v2/ohlc/{pair}/?step=60&start={start}&end={end}&limit={limit}")
    },
    trades: |pair| format!("/api/v2/transactions/{pair}/?time=hour"),
    read_bars: bars,
    read_trades: trades,
};

impl Provider for Bitstamp {
    fn name(&self) -> &'static str {
        "bitstamp"
    }
    fn longest_answer(&self) -> usize {
        super::MIB
    }
    fn version(&self) -> u32 {
        3
    }
    fn base_url(&self) -> &'static str {
        "https://www.bitstamp.net"
    }
    fn rate(&self) -> Rate {
        // 10,000 requests in ten minutes.
        Rate::per_second(16)
    }
    fn deciding(&self) -> &'static [&'static str] {
        &[
            "ohlc:data.ohlc[].timestamp",
            "ohlc:data.ohlc[].close",
            "ohlc:data.ohlc[].volume",
            "transactions:[].date",
            "transactions:[].tid",
            "transactions:[].price",
        ]
    }
    fn hints(&self) -> &'static [&'static str] {
        &["ohlc:error", "ohlc:reason", "ohlc:message", "ohlc:code"]
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        price_step(query, done, |query, done| VENUE.step(query, done))
    }
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

fn bars<'a>(
    query: &PriceQuery<'_>,
    window: &Window,
    exchange: &'a Exchange,
) -> Result<Vec<Bar<'a>>, Reading> {
    let body = accept_data(query, exchange)?;
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

#[derive(Deserialize)]
struct Transaction<'a> {
    #[serde(borrow)]
    date: &'a RawValue,
    #[serde(borrow)]
    tid: &'a RawValue,
    #[serde(borrow)]
    price: &'a RawValue,
}

fn trades<'a>(query: &PriceQuery<'_>, exchange: &'a Exchange) -> Result<Vec<Trade<'a>>, Reading> {
    let body = accept_data(query, exchange)?;
    let rows: Vec<Transaction<'_>> = json::parse(body)?;
    rows.into_iter()
        .map(|row| {
            Ok(Trade {
                at_ns: json::integer(row.date, "date")?.saturating_mul(NS),
                id: json::integer(row.tid, "tid")?,
                price: row.price,
            })
        })
        .collect()
}
