//! Strict reading of untrusted tables: UTF-8, one header row, a declared
//! delimiter, every row as long as the header.

use csv::{ReaderBuilder, StringRecord};

use super::error_body;
use crate::json;
use crate::observation::Reading;

/// A table with named columns.
pub(super) struct Table {
    columns: StringRecord,
    rows: Vec<StringRecord>,
}

/// The text of a body without its byte order mark.
///
/// Nothing, a web page and an error in JSON are no tables; another encoding is
/// a contradiction, because a wrong letter can be another party.
pub(super) fn text(body: &[u8]) -> Result<&str, Reading> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Reading::transient("empty body"));
    }
    let text = std::str::from_utf8(body)
        .map_err(|_| Reading::Contradiction("the table is not UTF-8".to_owned()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('<') {
        return Err(Reading::transient("a web page where CSV is due"));
    }
    match error_body(text.as_bytes()) {
        Some(error) => Err(error),
        None => Ok(text),
    }
}

impl Table {
    /// Reads a header row and what follows it.
    pub(super) fn read(text: &str, delimiter: u8) -> Result<Self, Reading> {
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .from_reader(text.as_bytes());
        let columns = reader.headers().map_err(|e| refusal(&e))?.clone();
        let rows = reader
            .records()
            .collect::<Result<_, _>>()
            .map_err(|e| refusal(&e))?;
        Ok(Self { columns, rows })
    }

    /// Where the column of that name is.
    pub(super) fn column(&self, name: &str) -> Result<usize, Reading> {
        let mut found = self.columns.iter().enumerate().filter(|(_, c)| *c == name);
        match (found.next(), found.next()) {
            (Some((index, _)), None) => Ok(index),
            (None, _) => Err(Reading::Contradiction(format!(
                "there is no column {:?}",
                json::quote(name)
            ))),
            (Some(_), Some(_)) => Err(Reading::Contradiction(format!(
                "column {:?} occurs twice",
                json::quote(name)
            ))),
        }
    }

    /// The rows below the header.
    pub(super) fn rows(&self) -> impl Iterator<Item = &StringRecord> {
        self.rows.iter()
    }
}

/// A field; every row has one for every column.
pub(super) fn field(row: &StringRecord, column: usize) -> &str {
    row.get(column).unwrap_or_default()
}

fn refusal(error: &csv::Error) -> Reading {
    let line = error.position().map_or(0, csv::Position::line);
    Reading::Contradiction(match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("line {line} has {len} fields where the header has {expected_len}"),
        _ => format!("not CSV (line {line})"),
    })
}
