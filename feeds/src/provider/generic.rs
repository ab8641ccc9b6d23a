//! Any JSON or table over HTTP that states a price and its time.
//!
//! In JSON the selectors are RFC 9535 paths with exactly one match each. They run on a
//! parsed copy; the price is then read from the literal text at the place they
//! found, so no number passes through a float.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::DateTime;
use oracle_schema::policy::{Selector, TimeUnit};
use rust_decimal::Decimal;
use serde_json::Value;
use serde_json::value::RawValue;
use serde_json_path::{JsonPath, PathElement};

use super::{Provider, Step, Template, accept, generic_csv, price_step};
use crate::decimal;
use crate::json;
use crate::observation::{
    Exchange, Observation, PriceObservation, PriceQuery, Query, Reading, Request, Target,
};
use crate::rate::Rate;

pub(super) struct Generic;

impl Provider for Generic {
    fn name(&self) -> &'static str {
        "generic"
    }
    fn base_url(&self) -> &'static str {
        ""
    }
    fn rate(&self) -> Rate {
        Rate::per_second(10)
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        price_step(query, done, step)
    }
}

fn step(query: &PriceQuery<'_>, done: &[Exchange]) -> Result<Step, Reading> {
    let selector = query
        .source
        .selector
        .as_ref()
        .ok_or_else(|| Reading::Permanent("generic source without a selector".to_owned()))?;
    let Some(exchange) = done.first() else {
        return ask(&selector.url, query.at).map(Step::Ask);
    };
    let body = accept(query, exchange)?;
    read(query, selector, body).map(|o| Step::Done(Reading::Observation(Observation::Price(o))))
}

/// The request of a URL with placeholders, for `at`.
pub(super) fn ask(url: &str, at: i64) -> Result<Request, Reading> {
    let bad = |why: String| Reading::Permanent(format!("url: {why}"));
    let template = Template::parse(url).map_err(|e| bad(e.to_string()))?;
    let url = template.render(at);
    Ok(Request {
        target: Target::Absolute(url.ok_or_else(|| bad(format!("{at} is no time")))?),
    })
}

/// What a source states, wherever it stood.
pub(super) struct Stated {
    /// As the source wrote it.
    pub(super) literal: String,
    pub(super) price: Decimal,
    /// Unix milliseconds, rounded up.
    pub(super) millis: i64,
}

fn read(
    query: &PriceQuery<'_>,
    selector: &Selector,
    body: &[u8],
) -> Result<PriceObservation, Reading> {
    let stated = match &selector.csv {
        Some(format) => generic_csv::read(selector, format, body)?,
        None => from_json(selector, body)?,
    };
    in_window(query, stated)
}

fn from_json(selector: &Selector, body: &[u8]) -> Result<Stated, Reading> {
    let raw: &RawValue = json::parse(body)?;
    let value: Value = json::parse(body)?;
    if let Some(error) = stated_error(&value) {
        return Err(error);
    }
    let (literal, price) = price(
        select(&selector.value, "value", &value, raw)?,
        selector.exponent,
    )?;
    let time = json::text(select(&selector.time, "time", &value, raw)?)?;
    let number = |text: &str| decimal::parse_scientific(text).ok();
    Ok(Stated {
        literal,
        price,
        millis: milliseconds(&time, selector.time_unit, number)?,
    })
}

/// An answer that says it is an error is none, whatever else it holds: what
/// stands beside an error may be the last price known.
fn stated_error(value: &Value) -> Option<Reading> {
    let error = value.get("error")?;
    let none = match error {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(code) => code.as_u64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.is_empty(),
    };
    (!none).then(|| Reading::transient(format!("error {}", json::quote(error))))
}

fn in_window(query: &PriceQuery<'_>, stated: Stated) -> Result<PriceObservation, Reading> {
    let Stated {
        literal,
        price,
        millis,
    } = stated;
    if price <= Decimal::ZERO {
        return Err(Reading::Contradiction(format!(
            "price {literal} is not positive"
        )));
    }
    // A time between two seconds counts as the later one, so that it can never
    // slip to T or before.
    let effective_at = millis.div_euclid(1000) + i64::from(millis.rem_euclid(1000) != 0);
    let age = query.at.checked_sub(effective_at).unwrap_or(i64::MAX);
    if effective_at.abs_diff(query.at) > 366 * 86_400 {
        return Err(Reading::Contradiction(format!(
            "time {effective_at} is nowhere near T: wrong unit?"
        )));
    }
    if age < 0 {
        return Err(Reading::NoData(format!(
            "price is of {effective_at}, after T"
        )));
    }
    if age > i64::from(query.max_trade_age_s) {
        return Err(Reading::NoData(format!(
            "price is {age} s older than T: stale"
        )));
    }
    Ok(PriceObservation {
        literal,
        price,
        effective_at,
    })
}

/// Checks that `path` is an RFC 9535 path, for whoever reads a configuration.
pub fn check_path(path: &str) -> Result<(), String> {
    JsonPath::parse(path)
        .map(drop)
        .map_err(|e| format!("{path:?} is not an RFC 9535 path: {e}"))
}

/// The literal text at the one place that `path` matches.
fn select<'a>(
    path: &str,
    field: &str,
    value: &Value,
    raw: &'a RawValue,
) -> Result<&'a RawValue, Reading> {
    let parsed = JsonPath::parse(path)
        .map_err(|_| Reading::Permanent(format!("{field} path {path:?} is not RFC 9535")))?;
    let nodes = parsed.query_located(value);
    let mut nodes = nodes.iter();
    let (Some(node), None) = (nodes.next(), nodes.next()) else {
        return Err(Reading::Contradiction(format!(
            "{field} path {path:?} does not match exactly once"
        )));
    };
    node.location()
        .iter()
        .try_fold(raw, |raw, element| descend(raw, element))
        .ok_or_else(|| Reading::Contradiction(format!("{field} path {path:?} leads nowhere")))
}

fn descend<'a>(raw: &'a RawValue, element: &PathElement<'_>) -> Option<&'a RawValue> {
    match element {
        PathElement::Name(name) => {
            let map: BTreeMap<Cow<'a, str>, &'a RawValue> = serde_json::from_str(raw.get()).ok()?;
            map.get(*name).copied()
        }
        PathElement::Index(index) => {
            let rows: Vec<&'a RawValue> = serde_json::from_str(raw.get()).ok()?;
            rows.get(*index).copied()
        }
    }
}

/// A plain decimal, as a JSON number or a string; a number with an exponent
/// where the source is declared to write them.
fn price(raw: &RawValue, exponent: bool) -> Result<(String, Decimal), Reading> {
    if raw.get().starts_with('"') || !exponent {
        return json::number(raw, "value");
    }
    let literal = json::text(raw)?;
    let price = decimal::parse_scientific(&literal)
        .map_err(|e| Reading::Contradiction(format!("value {:?}: {e}", json::quote(&literal))))?;
    Ok((literal.into_owned(), price))
}

/// Unix milliseconds, rounded up; `number` reads what is no RFC 3339 text.
pub(super) fn milliseconds(
    text: &str,
    unit: TimeUnit,
    number: impl FnOnce(&str) -> Option<Decimal>,
) -> Result<i64, Reading> {
    let bad = || Reading::Contradiction(format!("time {:?} is not {unit:?}", json::quote(text)));
    let scale = match unit {
        TimeUnit::Rfc3339 => {
            let time = DateTime::parse_from_rfc3339(text).map_err(|_| bad())?;
            let partial = time.timestamp_subsec_nanos() % 1_000_000 != 0;
            return Ok(time.timestamp_millis() + i64::from(partial));
        }
        TimeUnit::S => 3,
        TimeUnit::Ms => 0,
    };
    let time = number(text).ok_or_else(bad)?;
    let scaled = decimal::mul(time, Decimal::from(10_i64.pow(scale))).ok_or_else(bad)?;
    i64::try_from(decimal::to_integer(scaled.ceil(), 0)).map_err(|_| bad())
}
