//! A value without a time of its own, out of any JSON or table.
//!
//! Decides: the value at the one place that the selector names, and an `error`
//! that the answer states. Everything else in it may be missing, new or odd.

use std::borrow::Cow;

use oracle_schema::policy::{DecimalMark, FactSource, RowSelector};
use rust_decimal::Decimal;

use super::generic::Answer;
use super::generic_csv::{number, only_row};
use super::table::{Table, field, text};
use super::{Step, answered, parameter};
use crate::decimal;
use crate::fact::ValueFact;
use crate::json;
use crate::observation::{Exchange, Observation, Reading, Request, Target};

/// Longest value, bytes: it stands in every reading, trace and manifest.
const MAX_LITERAL: usize = 1000;

pub(super) fn step(source: &FactSource, done: &[Exchange]) -> Result<Step, Reading> {
    let Some(exchange) = done.first() else {
        let url = parameter(source, "url")?.to_owned();
        return Ok(Step::Ask(Request::get(Target::Absolute(url))));
    };
    let body = answered(exchange)?;
    let fact = match source.parameters.get("format").map(String::as_str) {
        None => from_json(source, body)?,
        Some("csv") => from_table(source, body)?,
        Some(other) => {
            return Err(Reading::Permanent(format!("format {other:?} is unknown")));
        }
    };
    Ok(Step::Done(Reading::Observation(Observation::Value(fact))))
}

fn has(source: &FactSource, name: &str, value: &str) -> bool {
    source.parameters.get(name).is_some_and(|v| v == value)
}

fn is_number(source: &FactSource) -> bool {
    has(source, "compare", "number")
}

fn from_json(source: &FactSource, body: &[u8]) -> Result<ValueFact, Reading> {
    let answer = Answer::parse(body)?;
    let found = answer.one(parameter(source, "value")?, "value")?;
    let literal = match found.get() {
        "null" => return Err(Reading::NotYet("the value is null".to_owned())),
        truth @ ("true" | "false") => Cow::Borrowed(truth),
        _ => json::text(found)?,
    };
    if !is_number(source) {
        return stated(&literal, literal.trim().to_owned());
    }
    let parsed = if has(source, "exponent", "true") {
        decimal::parse_scientific(literal.trim())
    } else {
        decimal::parse(literal.trim())
    };
    let number = parsed.map_err(|e| no_number(&literal, &e))?;
    stated(&literal, plain(number))
}

fn from_table(source: &FactSource, body: &[u8]) -> Result<ValueFact, Reading> {
    let delimiter = match parameter(source, "delimiter")?.as_bytes() {
        [one] => *one,
        _ => {
            return Err(Reading::Permanent(
                "the delimiter is not one byte".to_owned(),
            ));
        }
    };
    let row = source
        .parameters
        .get("row_column")
        .map(|column| {
            Ok(RowSelector {
                column: column.clone(),
                equals: parameter(source, "row_equals")?.to_owned(),
            })
        })
        .transpose()?;
    let table = Table::read(text(body)?, delimiter)?;
    let row = only_row(&table, row.as_ref())?;
    let literal = field(row, table.column(parameter(source, "value")?)?);
    if !is_number(source) {
        return stated(literal, literal.trim().to_owned());
    }
    let mark = if has(source, "decimal", ",") {
        DecimalMark::Comma
    } else {
        DecimalMark::Point
    };
    let number = number(literal.trim(), mark).map_err(|e| no_number(literal, &e))?;
    stated(literal, plain(number))
}

fn no_number(literal: &str, why: &dyn std::fmt::Display) -> Reading {
    Reading::Contradiction(format!("value {:?}: {why}", json::quote(literal)))
}

fn plain(number: Decimal) -> String {
    number.normalize().to_string()
}

fn stated(literal: &str, value: String) -> Result<ValueFact, Reading> {
    if literal.len() > MAX_LITERAL {
        return Err(Reading::Contradiction(format!(
            "the value is longer than {MAX_LITERAL} bytes"
        )));
    }
    if value.is_empty() {
        return Err(Reading::NotYet("the value is empty".to_owned()));
    }
    Ok(ValueFact {
        literal: literal.to_owned(),
        value,
    })
}
