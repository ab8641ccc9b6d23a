//! A table that states a price and its time: one row, two columns, and a
//! decimal mark that is declared, never guessed.

use std::borrow::Cow;

use csv::StringRecord;
use oracle_schema::policy::{BarFormat, CsvFormat, DecimalMark, RowSelector, Selector, TimeUnit};
use rust_decimal::Decimal;

use super::generic::{Stated, due_time, milliseconds, time_of};
use super::generic_bars;
use super::table::{Table, field, text};
use crate::decimal;
use crate::json;
use crate::observation::{PriceQuery, Reading};

pub(super) fn read(
    selector: &Selector,
    format: &CsvFormat,
    body: &[u8],
) -> Result<Stated, Reading> {
    let (time, unit) = due_time(selector)?;
    one(selector, format, body, |table, row| {
        millis(format, field(row, table.column(time)?), unit)
    })
}

/// The same; a table that states no time is of `read_at_ms`.
pub(super) fn timed(
    selector: &Selector,
    format: &CsvFormat,
    body: &[u8],
    read_at_ms: i64,
) -> Result<Stated, Reading> {
    let time = time_of(selector)?;
    one(selector, format, body, |table, row| match time {
        Some((time, unit)) => millis(format, field(row, table.column(time)?), unit),
        None => Ok(read_at_ms),
    })
}

fn one(
    selector: &Selector,
    format: &CsvFormat,
    body: &[u8],
    time: impl FnOnce(&Table, &StringRecord) -> Result<i64, Reading>,
) -> Result<Stated, Reading> {
    let table = table(format, body)?;
    let row = only_row(&table, format.row.as_ref())?;
    let literal = field(row, table.column(&selector.value)?);
    let (literal, price) = price(literal, "value", format.decimal)?;
    Ok(Stated {
        literal,
        price,
        millis: time(&table, row)?,
    })
}

fn millis(format: &CsvFormat, time: &str, unit: TimeUnit) -> Result<i64, Reading> {
    milliseconds(time, unit, |text| number(text, format.decimal).ok())
}

/// The close of the newest bar with trades up to T, a row a bar.
pub(super) fn bars(
    query: &PriceQuery<'_>,
    selector: &Selector,
    format: &CsvFormat,
    bar: &BarFormat,
    body: &[u8],
) -> Result<Stated, Reading> {
    let (time, unit) = due_time(selector)?;
    let table = table(format, body)?;
    let rows = CsvRows {
        rows: rows(&table, format.row.as_ref())?,
        value: table.column(&selector.value)?,
        time: table.column(time)?,
        volume: match &bar.volume {
            Some(name) => Some(table.column(name)?),
            None => None,
        },
        unit,
        mark: format.decimal,
    };
    generic_bars::newest(query, bar, &rows)
}

fn table(format: &CsvFormat, body: &[u8]) -> Result<Table, Reading> {
    let delimiter = u8::try_from(format.delimiter)
        .map_err(|_| Reading::Permanent("the delimiter is not one byte".to_owned()))?;
    Table::read(text(body)?, delimiter)
}

/// The rows of a table that count, and where its columns stand.
struct CsvRows<'a> {
    rows: Vec<&'a StringRecord>,
    value: usize,
    time: usize,
    volume: Option<usize>,
    unit: TimeUnit,
    mark: DecimalMark,
}

impl CsvRows<'_> {
    fn field(&self, row: usize, column: usize) -> &str {
        self.rows.get(row).map_or("", |row| field(row, column))
    }
}

impl generic_bars::Rows for CsvRows<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn millis(&self, row: usize) -> Result<i64, Reading> {
        let number = |text: &str| number(text, self.mark).ok();
        milliseconds(self.field(row, self.time), self.unit, number)
    }
    fn price(&self, row: usize) -> Result<(String, Decimal), Reading> {
        price(self.field(row, self.value), "value", self.mark)
    }
    fn volume(&self, row: usize) -> Result<Option<Decimal>, Reading> {
        let Some(column) = self.volume else {
            return Ok(None);
        };
        let (_, volume) = price(self.field(row, column), "volume", self.mark)?;
        Ok(Some(volume))
    }
}

fn price(literal: &str, name: &str, mark: DecimalMark) -> Result<(String, Decimal), Reading> {
    let price = number(literal, mark).map_err(|why| {
        Reading::Contradiction(format!("{name} {:?}: {why}", json::quote(literal)))
    })?;
    Ok((literal.to_owned(), price))
}

/// The one row that counts.
pub(super) fn only_row<'a>(
    table: &'a Table,
    selector: Option<&RowSelector>,
) -> Result<&'a StringRecord, Reading> {
    match rows(table, selector)?.as_slice() {
        [row] => Ok(row),
        [] => Err(Reading::Contradiction("no row counts".to_owned())),
        _ => Err(Reading::Contradiction(
            "more than one row counts".to_owned(),
        )),
    }
}

/// The rows that count.
fn rows<'a>(
    table: &'a Table,
    selector: Option<&RowSelector>,
) -> Result<Vec<&'a StringRecord>, Reading> {
    let wanted = selector
        .map(|s| Ok((table.column(&s.column)?, s.equals.as_str())))
        .transpose()?;
    let counts =
        |row: &&StringRecord| wanted.is_none_or(|(column, equals)| field(row, column) == equals);
    Ok(table.rows().filter(counts).collect())
}

pub(super) fn number(text: &str, mark: DecimalMark) -> Result<Decimal, String> {
    let (foreign, plain) = match mark {
        DecimalMark::Point => (',', Cow::Borrowed(text)),
        DecimalMark::Comma => ('.', Cow::Owned(text.replace(',', "."))),
    };
    if text.contains(foreign) {
        return Err(format!("{foreign:?} is not the declared decimal mark"));
    }
    decimal::parse(&plain).map_err(|e| e.to_string())
}
