//! A source without history, read by the oracle itself before T: when a request
//! counts, and to when the price in its answer belongs.
//!
//! What decides: when the request was sent and answered, the answer's own date,
//! and what stands at the selectors' places.

use chrono::{DateTime, Utc};
use oracle_schema::policy::Selector;

use super::generic::{Answer, Stated, price};
use super::{answered, generic, generic_csv};
use crate::observation::{Exchange, PriceObservation, PriceQuery, Reading};

/// How long after T the answer to a request sent before T may arrive, seconds: a
/// later one may hold a price of after T.
pub const SAMPLE_ANSWER_S: i64 = 5;

/// How far a source's clock may be ahead of ours, seconds.
const SKEW_S: i64 = 60;

/// Why a request about T, sent then, is no sample; nothing if it is one.
pub fn untimely(at: i64, from_s: u32, sent: DateTime<Utc>) -> Option<Reading> {
    let sent_ms = sent.timestamp_millis();
    if sent_ms < at.saturating_sub(i64::from(from_s)).saturating_mul(1000) {
        return Some(Reading::NotYet(format!(
            "sampled from {from_s} s before T to T only: sent before"
        )));
    }
    (sent_ms > at.saturating_mul(1000))
        .then(|| Reading::NoData("has no history, and is not asked after T".to_owned()))
}

/// Why an answer may hold a price of after T: it came too late, by the local clock
/// or by its own. A local clock that is slow lets a request leave after T, and then
/// only the answer's date tells.
pub fn answered_late(at: i64, exchange: &Exchange) -> Option<String> {
    let latest = at.saturating_add(SAMPLE_ANSWER_S);
    if exchange.received_at.timestamp_millis() > latest.saturating_mul(1000) {
        return Some(format!("answered more than {SAMPLE_ANSWER_S} s after T"));
    }
    let date = exchange.date.filter(|date| date.timestamp() > latest)?;
    Some(format!("answered at {date} by its own clock, after T"))
}

/// What an answer says of the price at the time of asking.
pub(super) fn read(
    query: &PriceQuery<'_>,
    from_s: u32,
    selector: &Selector,
    exchange: &Exchange,
) -> Result<PriceObservation, Reading> {
    if let Some(reading) = untimely(query.at, from_s, exchange.sent_at) {
        return Err(reading);
    }
    let body = answered(exchange)?;
    if let Some(why) = answered_late(query.at, exchange) {
        return Err(Reading::NoData(why));
    }
    let stated = match &selector.csv {
        Some(format) => generic_csv::timed(selector, format, body, read_at_ms(exchange))?,
        None => from_json(selector, body, read_at_ms(exchange))?,
    };
    let answer_ms = exchange.received_at.timestamp_millis();
    if stated.millis > answer_ms.saturating_add(SKEW_S * 1000) {
        return Err(Reading::Contradiction(format!(
            "time {} ms is later than the answer that states it: wrong unit or clock?",
            stated.millis
        )));
    }
    generic::in_window(query, stated)
}

fn from_json(selector: &Selector, body: &[u8], read_at_ms: i64) -> Result<Stated, Reading> {
    let answer = Answer::parse(body)?;
    let (literal, price) = price(answer.one(&selector.value, "value")?, selector.exponent)?;
    let millis = match generic::time_of(selector)? {
        Some((path, unit)) => generic::time(answer.one(path, "time")?, unit)?,
        None => read_at_ms,
    };
    Ok(Stated {
        literal,
        price,
        millis,
    })
}

/// When a price without a time of its own was the price: no later than it was
/// asked for, and no later than the answer was made.
fn read_at_ms(exchange: &Exchange) -> i64 {
    let made = exchange.made_at();
    let at = made.map_or(exchange.sent_at, |made| made.min(exchange.sent_at));
    at.timestamp_millis()
}
