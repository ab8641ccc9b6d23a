//! The venues' answers, field by field as they write them.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::{StatusCode, Uri};
use chrono::{DateTime, SecondsFormat};
use rust_decimal::Decimal;

use super::{Fault, PriceFn};

const BAR: i64 = 60;

/// A venue at one moment.
pub(super) struct Market<'a> {
    pub(super) venue: &'a str,
    /// Unix seconds.
    pub(super) now: i64,
    pub(super) price: &'a PriceFn,
    pub(super) fault: Option<&'a Fault>,
}

/// One minute; `close` is its last trade, `open` its first.
struct Bar {
    at: i64,
    open: Decimal,
    close: Decimal,
}

impl Bar {
    fn high(&self) -> Decimal {
        self.open.max(self.close)
    }
    fn low(&self) -> Decimal {
        self.open.min(self.close)
    }
}

struct Trade {
    ms: i64,
    id: i64,
    price: Decimal,
}

type Query = HashMap<String, String>;
type Answer = Result<String, StatusCode>;

impl Market<'_> {
    /// The body for a request, or the status of a refusal.
    pub(super) fn answer(&self, uri: &Uri) -> Answer {
        let query: Query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
        let parts: Vec<&str> = uri.path().split('/').filter(|p| !p.is_empty()).collect();
        match (self.venue, parts.as_slice()) {
            ("kraken", ["0", "public", "OHLC"]) => self.kraken_ohlc(&query),
            ("kraken", ["0", "public", "Trades"]) => self.kraken_trades(&query),
            ("coinbase", ["products", id, "candles"]) => self.coinbase_candles(id, &query),
            ("coinbase", ["products", id, "trades"]) => Ok(self.coinbase_trades(id, &query)),
            ("bitstamp", ["api", "v2", "ohlc", pair]) => self.bitstamp_ohlc(pair, &query),
            ("bitstamp", ["api", "v2", "transactions", pair]) => {
                self.bitstamp_transactions(pair, &query)
            }
            ("gemini", ["v2", "candles", pair, "1m"]) => Ok(self.gemini_candles(pair)),
            ("gemini", ["v1", "trades", pair]) => self.gemini_trades(pair, &query),
            ("kraken" | "coinbase" | "bitstamp" | "gemini", _) => Err(StatusCode::NOT_FOUND),
            (_, [pair]) => self.generic(pair, &query),
            _ => Err(StatusCode::NOT_FOUND),
        }
    }

    /// What the venue says when it fails.
    pub(super) fn error_body(&self) -> String {
        match self.venue {
            "kraken" => r#"{"error":["EService:Unavailable"]}"#,
            "coinbase" => r#"{"message":"Service temporarily unavailable"}"#,
            "bitstamp" => r#"{"error":"We are currently undergoing scheduled maintenance."}"#,
            "gemini" => {
                r#"{"result":"error","reason":"Maintenance","message":"Down for maintenance"}"#
            }
            _ => r#"{"error":"unavailable"}"#,
        }
        .to_owned()
    }

    /// The venue's own knowledge ends here.
    fn horizon(&self) -> i64 {
        match self.fault {
            Some(Fault::LateBar(delay)) => self.ago(*delay),
            _ => self.now,
        }
    }

    fn ago(&self, delay: Duration) -> i64 {
        self.now - i64::try_from(delay.as_secs()).unwrap_or(i64::MAX / 2)
    }

    /// The newest bar listed.
    fn running(&self) -> i64 {
        floor(match self.fault {
            Some(Fault::LateCandles(delay)) => self.ago(*delay),
            _ => self.horizon(),
        })
    }

    fn close(&self, symbol: &str, open: i64) -> Option<Decimal> {
        let whole = floor(self.now);
        if self.fault == Some(&Fault::MissingBar) && (whole - 2 * BAR..whole).contains(&open) {
            return None;
        }
        let price = (self.price)(self.venue, symbol, open)?;
        match self.fault {
            Some(Fault::Factor(factor)) => price.checked_mul(*factor),
            _ => Some(price),
        }
    }

    /// A minute with trades that has begun and is listed.
    fn bar(&self, symbol: &str, open: i64) -> Option<Bar> {
        (open <= self.running()).then(|| self.minute(symbol, open))?
    }

    fn minute(&self, symbol: &str, open: i64) -> Option<Bar> {
        let close = self.close(symbol, open)?;
        Some(Bar {
            at: open,
            open: self.close(symbol, open - BAR).unwrap_or(close),
            close,
        })
    }

    /// Two trades a minute: one at its open, one just before its end. The oldest
    /// after a time, at most `limit`.
    fn trades(&self, symbol: &str, after_ms: i64, limit: usize) -> Vec<Trade> {
        let horizon = self.horizon();
        let mut found = Vec::new();
        let mut minute = floor(after_ms.div_euclid(1000));
        while minute <= floor(horizon) && found.len() < limit {
            if let Some(bar) = self.minute(symbol, minute) {
                let ends = [(20_250, bar.open), (59_688, bar.close)];
                let both = ends.into_iter().zip(0..).map(|((ms, price), n)| Trade {
                    ms: minute * 1000 + ms,
                    id: minute / BAR * 2 + n,
                    price,
                });
                found.extend(both.filter(|t| t.ms > after_ms && t.ms <= horizon * 1000));
            }
            minute += BAR;
        }
        found.truncate(limit);
        found
    }

    /// The newest trades of the last so many seconds, newest first.
    fn newest_trades(&self, symbol: &str, seconds: i64, limit: usize) -> Vec<Trade> {
        let mut trades = self.trades(symbol, (self.now - seconds) * 1000, usize::MAX);
        trades.reverse();
        trades.truncate(limit);
        trades
    }

    fn kraken_ohlc(&self, query: &Query) -> Answer {
        let pair = text(query, "pair")?;
        let since = integer(query, "since").unwrap_or(0);
        let oldest = (self.running() - 719 * BAR).max(floor(since) + BAR);
        let mut carried: Option<Decimal> = None;
        let mut rows = Vec::new();
        let mut open = oldest;
        while open <= self.running() {
            if let Some(bar) = self.bar(pair, open) {
                carried = Some(bar.close);
                let (o, h, l, c) = (bar.open, bar.high(), bar.low(), bar.close);
                rows.push(format!(
                    r#"[{open},"{o}","{h}","{l}","{c}","{c}","0.77120033",54]"#
                ));
            } else if let Some(c) = carried {
                rows.push(format!(
                    r#"[{open},"{c}","{c}","{c}","{c}","0.0","0.00000000",0]"#
                ));
            }
            open += BAR;
        }
        let last = self.running() - BAR;
        Ok(kraken(pair, &rows, &last.to_string()))
    }

    fn kraken_trades(&self, query: &Query) -> Answer {
        let pair = text(query, "pair")?;
        let since_ns = integer(query, "since")?;
        let limit = integer(query, "count").unwrap_or(1000).clamp(1, 1000);
        let trades = self.trades(
            pair,
            since_ns.div_euclid(1_000_000),
            usize::try_from(limit).unwrap_or(1000),
        );
        let rows: Vec<String> = trades
            .iter()
            .map(|t| {
                format!(
                    r#"["{}","0.01200000",{}.{:03},"b","l","",{}]"#,
                    t.price,
                    t.ms / 1000,
                    t.ms % 1000,
                    t.id
                )
            })
            .collect();
        let last_ns = trades.last().map_or(since_ns, |t| t.ms * 1_000_000);
        Ok(kraken(pair, &rows, &format!("\"{last_ns}\"")))
    }

    fn coinbase_candles(&self, id: &str, query: &Query) -> Answer {
        let (start, end) = (rfc3339(query, "start")?, rfc3339(query, "end")?);
        if (end - start) / BAR >= 300 {
            return Err(StatusCode::BAD_REQUEST);
        }
        let rows: Vec<String> = self
            .newest_first(id, start, end)
            .map(|b| {
                let (o, h, l, c) = (b.open, b.high(), b.low(), b.close);
                format!("[{},{l},{h},{o},{c},2.11933104]", b.at)
            })
            .collect();
        Ok(format!("[{}]", rows.join(",")))
    }

    fn coinbase_trades(&self, id: &str, query: &Query) -> String {
        let limit = integer(query, "limit").unwrap_or(1000).clamp(1, 1000);
        let trades = self.newest_trades(id, 86_400, usize::try_from(limit).unwrap_or(1000));
        let rows: Vec<String> = trades
            .iter()
            .map(|t| {
                let time = DateTime::from_timestamp_millis(t.ms).unwrap_or_default();
                format!(
                    r#"{{"trade_id":{},"side":"sell","size":"0.06469797","price":"{}","time":"{}"}}"#,
                    t.id,
                    t.price,
                    time.to_rfc3339_opts(SecondsFormat::Micros, true)
                )
            })
            .collect();
        format!("[{}]", rows.join(","))
    }

    fn bitstamp_transactions(&self, pair: &str, query: &Query) -> Answer {
        let seconds = match query.get("time").map(String::as_str) {
            Some("minute") => 60,
            None | Some("hour") => 3600,
            Some("day") => 86_400,
            Some(_) => return Err(StatusCode::BAD_REQUEST),
        };
        let rows: Vec<String> = self
            .newest_trades(pair, seconds, usize::MAX)
            .iter()
            .map(|t| {
                format!(
                    r#"{{"date":"{}","tid":"{}","amount":"0.01800000","type":"0","price":"{}"}}"#,
                    t.ms.div_euclid(1000),
                    t.id,
                    t.price
                )
            })
            .collect();
        Ok(format!("[{}]", rows.join(",")))
    }

    fn bitstamp_ohlc(&self, pair: &str, query: &Query) -> Answer {
        let (start, end) = (integer(query, "start")?, integer(query, "end")?);
        let limit = integer(query, "limit")?;
        if integer(query, "step")? != BAR || !(1..=1000).contains(&limit) {
            return Err(StatusCode::BAD_REQUEST);
        }
        let whole = query.get("exclude_current_candle").map(String::as_str) == Some("true");
        let last = end.min(self.running() - if whole { BAR } else { 0 });
        let mut rows: Vec<String> = self
            .newest_first(pair, start, last)
            .map(|b| {
                let (o, h, l, c) = (b.open, b.high(), b.low(), b.close);
                format!(
                    r#"{{"timestamp":"{}","open":"{o}","high":"{h}","low":"{l}","close":"{c}","volume":"0.31100344"}}"#,
                    b.at
                )
            })
            .take(usize::try_from(limit).unwrap_or(1000))
            .collect();
        rows.reverse();
        let (base, quote) = pair.split_at_checked(3).unwrap_or((pair, ""));
        Ok(format!(
            r#"{{"data":{{"pair":"{}/{}","ohlc":[{}]}}}}"#,
            base.to_uppercase(),
            quote.to_uppercase(),
            rows.join(",")
        ))
    }

    fn gemini_candles(&self, pair: &str) -> String {
        let rows: Vec<String> = self
            .newest_first(pair, self.running() - 1439 * BAR, self.running())
            .map(|b| {
                let (o, h, l, c) = (b.open, b.high(), b.low(), b.close);
                format!("[{},{o},{h},{l},{c},0.44]", b.at * 1000)
            })
            .collect();
        format!("[{}]", rows.join(","))
    }

    fn gemini_trades(&self, pair: &str, query: &Query) -> Answer {
        let after = integer(query, "timestamp")?;
        let limit = integer(query, "limit_trades").unwrap_or(50).clamp(1, 500);
        let mut trades = self.trades(pair, after, usize::try_from(limit).unwrap_or(50));
        trades.reverse();
        let rows: Vec<String> = trades
            .iter()
            .map(|t| {
                format!(
                    r#"{{"timestamp":{},"timestampms":{},"tid":{},"price":"{}","amount":"0.018407209","exchange":"gemini","type":"buy"}}"#,
                    t.ms / 1000,
                    t.ms,
                    t.id,
                    t.price
                )
            })
            .collect();
        Ok(format!("[{}]", rows.join(",")))
    }

    /// The last price known at `at`, with the end of its minute as time.
    fn generic(&self, symbol: &str, query: &Query) -> Answer {
        let at = integer(query, "at")?.min(self.horizon());
        let newest = floor(at) - BAR;
        let bar = (0..24 * 60)
            .find_map(|n| self.bar(symbol, newest - n * BAR))
            .ok_or(StatusCode::NOT_FOUND)?;
        Ok(format!(
            r#"{{"symbol":"{symbol}","price":"{}","ts":{}}}"#,
            bar.close,
            bar.at + BAR
        ))
    }

    fn newest_first(&self, symbol: &str, start: i64, end: i64) -> impl Iterator<Item = Bar> {
        let newest = floor(end.min(self.running()));
        let count = ((newest - start).div_euclid(BAR) + 1).clamp(0, 2000);
        (0..count).filter_map(move |n| self.bar(symbol, newest - n * BAR))
    }
}

/// XBTUSD is answered under XXBTZUSD.
fn kraken(pair: &str, rows: &[String], last: &str) -> String {
    let key = match pair.split_at_checked(3) {
        Some((base, quote)) if quote.len() == 3 => format!("X{base}Z{quote}"),
        _ => pair.to_owned(),
    };
    format!(
        r#"{{"error":[],"result":{{"{key}":[{}],"last":{last}}}}}"#,
        rows.join(",")
    )
}

fn floor(unix: i64) -> i64 {
    unix - unix.rem_euclid(BAR)
}

fn text<'q>(query: &'q Query, key: &str) -> Result<&'q str, StatusCode> {
    query
        .get(key)
        .map(String::as_str)
        .ok_or(StatusCode::BAD_REQUEST)
}

fn integer(query: &Query, key: &str) -> Result<i64, StatusCode> {
    text(query, key)?
        .parse()
        .map_err(|_| StatusCode::BAD_REQUEST)
}

fn rfc3339(query: &Query, key: &str) -> Result<i64, StatusCode> {
    DateTime::parse_from_rfc3339(text(query, key)?)
        .map(|t| t.timestamp())
        .map_err(|_| StatusCode::BAD_REQUEST)
}
