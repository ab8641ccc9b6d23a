//! Any JSON or table over HTTP that states a price and its time.
//!
//! In JSON the selectors are RFC 9535 paths with exactly one match each, and
//! with `bar` one match a row, as many of each: `$[*][4]` in rows that are
//! arrays, `$.data[*].c` in rows that are objects. They run on a parsed copy;
//! the price is then read from the literal text at the place they found, so no
//! number passes through a float.
//!
//! What decides: an `error` beside the data, and what stands at the selectors'
//! places. Everything else in the answer may be anything.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::DateTime;
use oracle_schema::policy::{BarFormat, Selector, TimeUnit};
use rust_decimal::Decimal;
use serde_json::Value;
use serde_json::value::RawValue;
use serde_json_path::{JsonPath, PathElement};

use super::{
    GENERIC, Provider, Step, Template, accept, generic_bars, generic_csv, generic_fact,
    generic_sample, price_step,
};
use crate::decimal;
use crate::json;
use crate::observation::{
    Exchange, Observation, PriceObservation, PriceQuery, Query, Reading, Request, Target,
};
use crate::rate::Rate;

pub(super) struct Generic;

impl Provider for Generic {
    fn name(&self) -> &'static str {
        GENERIC
    }
    fn longest_answer(&self) -> usize {
        2 * super::MIB
    }
    fn base_url(&self) -> &'static str {
        ""
    }
    fn version(&self) -> u32 {
        3
    }
    fn rate(&self) -> Rate {
        Rate::per_second(10)
    }
    fn deciding(&self) -> &'static [&'static str] {
        &["value", "time", "volume", "row.column"]
    }
    fn hints(&self) -> &'static [&'static str] {
        &["error"]
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        match query {
            Query::Fact(source) => generic_fact::step(source, done).unwrap_or_else(Step::Done),
            Query::Price(_) => price_step(query, done, step),
        }
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
    let observed = match query.sample_from_s {
        Some(from_s) => generic_sample::read(query, from_s, selector, exchange),
        None => read(query, selector, accept(query, exchange)?),
    };
    observed.map(|o| Step::Done(Reading::Observation(Observation::Price(o))))
}

/// The request of a URL with placeholders, for `at`.
pub(super) fn ask(url: &str, at: i64) -> Result<Request, Reading> {
    let bad = |why: String| Reading::Permanent(format!("url: {why}"));
    let url = match Template::parse(url) {
        Ok(template) => template.render(at),
        // Announced before other braces were refused: asked as it was then.
        Err(_) => Some(url.replace("{unix}", &at.to_string())),
    };
    let url = url.ok_or_else(|| bad(format!("{at} is no time")))?;
    Ok(Request::get(Target::Absolute(url)))
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
    let stated = match (&selector.csv, &selector.bar) {
        (Some(format), None) => generic_csv::read(selector, format, body)?,
        (Some(format), Some(bar)) => generic_csv::bars(query, selector, format, bar, body)?,
        (None, None) => from_json(selector, body)?,
        (None, Some(bar)) => {
            let answer = Answer::parse(body)?;
            generic_bars::newest(query, bar, &JsonRows::of(selector, bar, &answer)?)?
        }
    };
    in_window(query, stated)
}

fn from_json(selector: &Selector, body: &[u8]) -> Result<Stated, Reading> {
    let (path, unit) = due_time(selector)?;
    let answer = Answer::parse(body)?;
    let (literal, price) = price(answer.one(&selector.value, "value")?, selector.exponent)?;
    Ok(Stated {
        literal,
        price,
        millis: time(answer.one(path, "time")?, unit)?,
    })
}

/// Where the price's time stands and in which unit, if it stands anywhere.
pub(super) fn time_of(selector: &Selector) -> Result<Option<(&str, TimeUnit)>, Reading> {
    match (&selector.time, selector.time_unit) {
        (Some(time), Some(unit)) => Ok(Some((time, unit))),
        (None, None) => Ok(None),
        _ => Err(Reading::Permanent(
            "a time without a unit, or the other way round".to_owned(),
        )),
    }
}

/// The same of a source that answers questions about the past: it must say of
/// when its price is.
pub(super) fn due_time(selector: &Selector) -> Result<(&str, TimeUnit), Reading> {
    time_of(selector)?.ok_or_else(|| Reading::Permanent("a selector without a time".to_owned()))
}

/// Unix milliseconds, rounded up.
pub(super) fn time(raw: &RawValue, unit: TimeUnit) -> Result<i64, Reading> {
    let number = |text: &str| decimal::parse_scientific(text).ok();
    milliseconds(&json::text(raw)?, unit, number)
}

/// A body, parsed, and as it was written.
pub(super) struct Answer<'a> {
    value: Value,
    raw: &'a RawValue,
}

impl<'a> Answer<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Reading> {
        let raw = json::parse(body)?;
        let value = json::value(raw);
        match stated_error(&value) {
            Some(error) => Err(error),
            None => Ok(Self { value, raw }),
        }
    }

    /// The literal text at the one place that `path` matches.
    pub(super) fn one(&self, path: &str, field: &str) -> Result<&'a RawValue, Reading> {
        match self.all(path, field)?.as_slice() {
            [only] => Ok(only),
            _ => Err(Reading::Contradiction(format!(
                "{field} path {path:?} does not match exactly once"
            ))),
        }
    }

    /// For each match of `path` the row it lies in: its place in the outermost array
    /// that the matches do not share. A match is missing where a row lacks the field,
    /// so the n-th match need not be the n-th row's.
    fn rows(&self, path: &str, field: &str) -> Result<Vec<usize>, Reading> {
        let parsed = JsonPath::parse(path)
            .map_err(|_| Reading::Permanent(format!("{field} path {path:?} is not RFC 9535")))?;
        let nodes = parsed.query_located(&self.value);
        let index = |element: &PathElement<'_>| match element {
            PathElement::Index(index) => Some(*index),
            PathElement::Name(_) => None,
        };
        let places: Vec<Vec<usize>> = nodes
            .iter()
            .map(|node| node.location().iter().filter_map(index).collect())
            .collect();
        let depth = places.iter().map(Vec::len).max().unwrap_or_default();
        let differs = |level: &usize| {
            let first = places.first().and_then(|place| place.get(*level));
            places.iter().any(|place| place.get(*level) != first)
        };
        let level = (0..depth).find(differs).unwrap_or_default();
        let row = |place: Vec<usize>| place.get(level).copied().unwrap_or_default();
        Ok(places.into_iter().map(row).collect())
    }

    /// How many items the array has of which `path` takes each: rows that lack the
    /// field are among them.
    fn every_item(&self, path: &str) -> Option<usize> {
        let (array, rest) = path.split_once("[*]")?;
        if rest.contains('*') || path.contains(['?', ':']) || path.contains("..") {
            return None;
        }
        let array = JsonPath::parse(array).ok()?;
        let array = array.query(&self.value).exactly_one().ok()?;
        array.as_array().map(Vec::len)
    }

    /// The literal texts at all places that `path` matches, in its order.
    fn all(&self, path: &str, field: &str) -> Result<Vec<&'a RawValue>, Reading> {
        let parsed = JsonPath::parse(path)
            .map_err(|_| Reading::Permanent(format!("{field} path {path:?} is not RFC 9535")))?;
        let nodes = parsed.query_located(&self.value);
        let places: Vec<(usize, Vec<&PathElement<'_>>)> = nodes
            .iter()
            .map(|node| node.location().iter().collect())
            .enumerate()
            .collect();
        let mut found = vec![None; places.len()];
        descend(self.raw, &places, 0, &mut found);
        let found: Option<Vec<&RawValue>> = found.into_iter().collect();
        found.ok_or_else(|| Reading::Contradiction(format!("{field} path {path:?} leads nowhere")))
    }
}

/// The rows of a JSON answer: the n-th match of each path is the n-th row's.
struct JsonRows<'a> {
    value: Vec<&'a RawValue>,
    time: Vec<&'a RawValue>,
    volume: Option<Vec<&'a RawValue>>,
    unit: TimeUnit,
    selector: &'a Selector,
}

impl<'a> JsonRows<'a> {
    fn of(
        selector: &'a Selector,
        bar: &'a BarFormat,
        answer: &Answer<'a>,
    ) -> Result<Self, Reading> {
        let (time_path, unit) = due_time(selector)?;
        let value = answer.all(&selector.value, "value")?;
        let time = answer.all(time_path, "time")?;
        let volume = match &bar.volume {
            Some(path) => Some(answer.all(path, "volume")?),
            None => None,
        };
        let rows = value.len();
        let numbers = answer.rows(&selector.value, "value")?;
        let mut others = vec![answer.rows(time_path, "time")?];
        if let Some(path) = &bar.volume {
            others.push(answer.rows(path, "volume")?);
        }
        // A row that lacks all of them matches nothing, and is no row to pass over.
        if let Some(items) = answer.every_item(time_path).filter(|n| *n != rows) {
            return Err(Reading::Contradiction(format!(
                "of {items} rows only {rows} have a value"
            )));
        }
        let shifted = rows > 1 && others.iter().any(|other| *other != numbers);
        if shifted || time.len() != rows || volume.as_ref().is_some_and(|v| v.len() != rows) {
            return Err(Reading::Contradiction(format!(
                "the paths do not match the same rows: {rows} values, {} times{}",
                time.len(),
                volume.map_or(String::new(), |v| format!(", {} volumes", v.len()))
            )));
        }
        Ok(Self {
            value,
            time,
            volume,
            unit,
            selector,
        })
    }
}

impl generic_bars::Rows for JsonRows<'_> {
    fn len(&self) -> usize {
        self.value.len()
    }
    fn millis(&self, row: usize) -> Result<i64, Reading> {
        time(at(&self.time, row)?, self.unit)
    }
    fn price(&self, row: usize) -> Result<(String, Decimal), Reading> {
        price(at(&self.value, row)?, self.selector.exponent)
    }
    fn volume(&self, row: usize) -> Result<Option<Decimal>, Reading> {
        let Some(volumes) = &self.volume else {
            return Ok(None);
        };
        // Only whether it is zero counts, so any way to write a number does.
        let traded = json::is_positive(at(volumes, row)?, "volume")?;
        let volume = if traded { Decimal::ONE } else { Decimal::ZERO };
        Ok(Some(volume))
    }
}

fn at<'a>(texts: &[&'a RawValue], row: usize) -> Result<&'a RawValue, Reading> {
    let text = texts.get(row).copied();
    text.ok_or_else(|| Reading::Contradiction(format!("there is no row {row}")))
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

pub(super) fn in_window(
    query: &PriceQuery<'_>,
    stated: Stated,
) -> Result<PriceObservation, Reading> {
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

/// Collects the literal texts at `places` below `raw`, which all begin with the
/// same `depth` steps. Each container is parsed once for all that lies in it,
/// so an answer of many rows takes no longer than it is long.
fn descend<'a>(
    raw: &'a RawValue,
    places: &[(usize, Vec<&PathElement<'_>>)],
    depth: usize,
    found: &mut [Option<&'a RawValue>],
) {
    let children = Children::of(raw);
    for same in places.chunk_by(|a, b| a.1.get(depth) == b.1.get(depth)) {
        let Some((number, place)) = same.first() else {
            continue;
        };
        match place.get(depth) {
            None => {
                if let Some(slot) = found.get_mut(*number) {
                    *slot = Some(raw);
                }
            }
            Some(step) => {
                if let Some(child) = children.get(step) {
                    descend(child, same, depth + 1, found);
                }
            }
        }
    }
}

/// What a JSON value holds.
enum Children<'a> {
    Map(BTreeMap<Cow<'a, str>, &'a RawValue>),
    Rows(Vec<&'a RawValue>),
    None,
}

impl<'a> Children<'a> {
    fn of(raw: &'a RawValue) -> Self {
        let text = raw.get();
        let map = || serde_json::from_str(text).ok().map(Self::Map);
        let rows = || serde_json::from_str(text).ok().map(Self::Rows);
        let children = match text.as_bytes().first() {
            Some(b'{') => map(),
            Some(b'[') => rows(),
            _ => None,
        };
        children.unwrap_or(Self::None)
    }

    fn get(&self, step: &PathElement<'_>) -> Option<&'a RawValue> {
        match (self, step) {
            (Self::Map(map), PathElement::Name(name)) => map.get(*name).copied(),
            (Self::Rows(rows), PathElement::Index(index)) => rows.get(*index).copied(),
            _ => None,
        }
    }
}

/// A plain decimal, as a JSON number or a string; a number with an exponent
/// where the source is declared to write them.
pub(super) fn price(raw: &RawValue, exponent: bool) -> Result<(String, Decimal), Reading> {
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
