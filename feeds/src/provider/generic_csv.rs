//! A table that states a price and its time: one row, two columns, and a
//! decimal mark that is declared, never guessed.

use std::borrow::Cow;

use csv::StringRecord;
use oracle_schema::policy::{CsvFormat, DecimalMark, RowSelector, Selector};
use rust_decimal::Decimal;

use super::generic::{Stated, milliseconds};
use super::table::{Table, field, text};
use crate::decimal;
use crate::json;
use crate::observation::Reading;

pub(super) fn read(
    selector: &Selector,
    format: &CsvFormat,
    body: &[u8],
) -> Result<Stated, Reading> {
    let delimiter = u8::try_from(format.delimiter)
        .map_err(|_| Reading::Permanent("the delimiter is not one byte".to_owned()))?;
    let table = Table::read(text(body)?, delimiter)?;
    let row = only_row(&table, format.row.as_ref())?;
    let literal = field(row, table.column(&selector.value)?);
    let price = number(literal, format.decimal).map_err(|why| {
        Reading::Contradiction(format!("value {:?}: {why}", json::quote(literal)))
    })?;
    let time = field(row, table.column(&selector.time)?);
    let number = |text: &str| number(text, format.decimal).ok();
    Ok(Stated {
        literal: literal.to_owned(),
        price,
        millis: milliseconds(time, selector.time_unit, number)?,
    })
}

/// The one row that counts.
fn only_row<'a>(
    table: &'a Table,
    selector: Option<&RowSelector>,
) -> Result<&'a StringRecord, Reading> {
    let wanted = selector
        .map(|s| Ok((table.column(&s.column)?, s.equals.as_str())))
        .transpose()?;
    let counts =
        |row: &&StringRecord| wanted.is_none_or(|(column, equals)| field(row, column) == equals);
    let mut rows = table.rows().filter(counts);
    match (rows.next(), rows.next()) {
        (Some(row), None) => Ok(row),
        (None, _) => Err(Reading::Contradiction("no row counts".to_owned())),
        (Some(_), Some(_)) => Err(Reading::Contradiction(
            "more than one row counts".to_owned(),
        )),
    }
}

fn number(text: &str, mark: DecimalMark) -> Result<Decimal, String> {
    let (foreign, plain) = match mark {
        DecimalMark::Point => (',', Cow::Borrowed(text)),
        DecimalMark::Comma => ('.', Cow::Owned(text.replace(',', "."))),
    };
    if text.contains(foreign) {
        return Err(format!("{foreign:?} is not the declared decimal mark"));
    }
    decimal::parse(&plain).map_err(|e| e.to_string())
}
