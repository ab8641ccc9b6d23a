use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use oracle_feeds::rule::{Cause, Fixing};
use oracle_feeds::{
    Exchange, Observation, PriceObservation, PriceQuery, Query, Reading, SourceReading, TimeSource,
};
use oracle_schema::policy::{LegPolicy, Method, Selector, SourcePolicy, TimeUnit};
use rust_decimal::Decimal;

/// 2026-10-01T16:00:00Z, the maturity of every sample.
pub(crate) const T: i64 = 1_790_870_400;

pub(crate) fn time(unix: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(unix, 0).unwrap()
}

pub(crate) fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A clock that stands where it is put.
#[derive(Clone)]
pub(crate) struct Stopped(Arc<Mutex<i64>>);

impl Stopped {
    pub(crate) fn at(unix: i64) -> Self {
        Self(Arc::new(Mutex::new(unix)))
    }
    pub(crate) fn set(&self, unix: i64) {
        *self.0.lock().unwrap() = unix;
    }
}

impl TimeSource for Stopped {
    fn now(&self) -> DateTime<Utc> {
        time(*self.0.lock().unwrap())
    }
}

pub(crate) fn source(provider: &str, symbol: &str) -> SourcePolicy {
    SourcePolicy {
        id: format!("{provider}:{symbol}"),
        provider: provider.to_owned(),
        symbol: symbol.to_owned(),
        root: provider.to_owned(),
        selector: None,
    }
}

pub(crate) fn generic(url: &str, time_unit: TimeUnit) -> SourcePolicy {
    SourcePolicy {
        selector: Some(Selector {
            url: url.to_owned(),
            value: "$.price".to_owned(),
            time: Some("$.ts".to_owned()),
            time_unit: Some(time_unit),
            history: true,
            bar: None,
            exponent: false,
            csv: None,
        }),
        ..source("generic", "ppcbtc_a")
    }
}

pub(crate) fn query(source: &SourcePolicy) -> Query<'_> {
    query_at(source, T)
}

pub(crate) fn query_at(source: &SourcePolicy, at: i64) -> Query<'_> {
    Query::Price(PriceQuery {
        source,
        at,
        max_trade_age_s: 900,
        sample_from_s: None,
    })
}

/// An answer sent 61 s after T, with a `Date` of that second.
pub(crate) fn exchange(status: u16, body: &[u8]) -> Exchange {
    Exchange {
        url: "http://127.0.0.1/".to_owned(),
        posted: None,
        sent_at: time(T + 61),
        received_at: time(T + 61),
        status: Some(status),
        headers: Vec::new(),
        certificate: None,
        body: body.to_vec(),
        sha256: None,
        date: Some(time(T + 61)),
        failure: None,
    }
}

pub(crate) fn interpret(source: &SourcePolicy, exchanges: &[Exchange]) -> Reading {
    oracle_feeds::provider(&source.provider)
        .unwrap()
        .interpret(&query(source), exchanges)
}

/// Literal and time of an observation.
pub(crate) fn seen(reading: &Reading) -> (&str, i64) {
    let o = reading
        .price()
        .unwrap_or_else(|| panic!("{}: {}", reading.verdict(), reading.detail()));
    (&o.literal, o.effective_at)
}

pub(crate) fn leg(min_sources: u32, sources: &[&str]) -> LegPolicy {
    LegPolicy {
        name: "btcusd".to_owned(),
        method: Method::Close1mMedian,
        sources: sources.iter().map(|s| source(s, "X")).collect(),
        min_sources: min_sources.try_into().unwrap(),
        max_deviation: d("0.005"),
        max_trade_age_s: 900,
        settle_delay_s: 60,
        max_lag_s: None,
        sample: None,
    }
}

pub(crate) fn reading(name: &str, price: &str) -> SourceReading {
    SourceReading {
        source: format!("{name}:X"),
        root: name.to_owned(),
        exchanges: vec![exchange(200, b"")],
        reading: Reading::Observation(Observation::Price(PriceObservation {
            literal: price.to_owned(),
            price: d(price),
            effective_at: T,
        })),
    }
}

pub(crate) fn price_of(decision: &Fixing) -> Decimal {
    match decision {
        Fixing::Attest { price, .. } => *price,
        Fixing::Pending { cause, .. } => panic!("pending: {cause}"),
    }
}

pub(crate) fn reason_of(decision: &Fixing) -> String {
    cause_of(decision).to_string()
}

pub(crate) fn cause_of(decision: &Fixing) -> &Cause {
    match decision {
        Fixing::Pending { cause, .. } => cause,
        Fixing::Attest { price, .. } => panic!("attests {price}"),
    }
}
