//! Prices in tables: what is declared is read, everything else is refused.

use oracle_feeds::Reading;
use oracle_schema::policy::{
    CsvFormat, DecimalMark, RowSelector, Selector, SourcePolicy, TimeUnit,
};

use crate::common::{T, exchange, generic, interpret, seen};

const GERMAN: &str = include_str!("../../samples/generic/prices_comma.csv");
const ENGLISH: &str = include_str!("../../samples/generic/price_point.csv");

fn table(value: &str, time: &str, time_unit: TimeUnit, csv: CsvFormat) -> SourcePolicy {
    let mut source = generic("http://x.test/", time_unit);
    source.selector = Some(Selector {
        url: "http://x.test/".to_owned(),
        value: value.to_owned(),
        time: Some(time.to_owned()),
        time_unit: Some(time_unit),
        history: true,
        bar: None,
        exponent: false,
        csv: Some(csv),
    });
    source
}

fn german() -> SourcePolicy {
    let row = RowSelector {
        column: "Paar".to_owned(),
        equals: "PPC/BTC".to_owned(),
    };
    let format = CsvFormat {
        delimiter: ';',
        decimal: DecimalMark::Comma,
        row: Some(row),
    };
    table("Kurs", "Zeit", TimeUnit::Rfc3339, format)
}

fn english() -> SourcePolicy {
    let format = CsvFormat {
        delimiter: ',',
        decimal: DecimalMark::Point,
        row: None,
    };
    table("price", "time", TimeUnit::S, format)
}

fn read(source: &SourcePolicy, body: &str) -> Reading {
    interpret(source, &[exchange(200, body.as_bytes())])
}

#[track_caller]
fn refused(source: &SourcePolicy, body: &str, verdict: &str, detail: &str) {
    let reading = read(source, body);
    assert_eq!(reading.verdict(), verdict, "{}", reading.detail());
    assert!(reading.detail().contains(detail), "{}", reading.detail());
}

#[track_caller]
fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}

#[test]
fn the_declared_row_and_decimal_mark_are_read() {
    let reading = read(&german(), GERMAN);
    assert_eq!(seen(&reading), ("0,00000412", T - 1));
    assert_eq!(reading.price().unwrap().price.to_string(), "0.00000412");
    assert_eq!(seen(&read(&english(), ENGLISH)), ("61234.50", T - 1));
    let unix = with(ENGLISH, "\n", "\r\n");
    assert_eq!(seen(&read(&english(), &unix)), ("61234.50", T - 1));
}

#[test]
fn a_number_not_written_as_declared_is_refused() {
    for (literal, detail) in [
        ("0.00000412", "'.' is not the declared decimal mark"),
        ("1.234,5", "'.' is not the declared decimal mark"),
        ("4,12e-6", "exponent"),
        ("NaN", "not a decimal number"),
        ("1,234,5", "not a decimal number"),
        ("1 234,5", "not a decimal number"),
        (" 1,5", "not a decimal number"),
        ("+1,5", "not a decimal number"),
        ("1,5 EUR", "not a decimal number"),
        ("", "not a decimal number"),
        ("n/a", "not a decimal number"),
        ("0,0000", "not positive"),
        ("-1,5", "not positive"),
        ("1,2345678901234567890123456789", "digits"),
    ] {
        let body = with(GERMAN, "0,00000412", literal);
        refused(&german(), &body, "contradiction", detail);
    }
    let body = with(ENGLISH, "61234.50", "\"61,234.50\"");
    refused(&english(), &body, "contradiction", "',' is not");
    // Unquoted, the separator makes one field too many.
    let body = with(ENGLISH, "61234.50", "61,234.50");
    refused(&english(), &body, "contradiction", "3 fields");
}

#[test]
fn exactly_one_row_counts() {
    let twice = with(GERMAN, "PPC/USD", "PPC/BTC");
    refused(&german(), &twice, "contradiction", "more than one row");
    let none = with(GERMAN, "PPC/BTC", "ppc/btc");
    refused(&german(), &none, "contradiction", "no row");
    let two = format!("{ENGLISH}61235.00,1790870399\n");
    refused(&english(), &two, "contradiction", "more than one row");
    refused(&english(), "price,time\n", "contradiction", "no row");
}

#[test]
fn a_column_must_be_there_once_and_rows_must_be_whole() {
    let missing = with(GERMAN, "Kurs", "Preis");
    refused(&german(), &missing, "contradiction", "no column \"Kurs\"");
    let missing = with(GERMAN, "Paar;", "Markt;");
    refused(&german(), &missing, "contradiction", "no column \"Paar\"");
    let twice = with(GERMAN, "Volumen", "Kurs");
    refused(&german(), &twice, "contradiction", "occurs twice");
    let cut = with(GERMAN, ";2026-10-01T15:59:59Z", "");
    refused(&german(), &cut, "contradiction", "fields");
    let unclosed = with(ENGLISH, "61234.50", "\"61234.50");
    refused(&english(), &unclosed, "contradiction", "fields");
}

#[test]
fn the_time_is_held_to_its_unit_and_window() {
    for (time, verdict, detail) in [
        ("1790870399000", "contradiction", "wrong unit"),
        ("2026-10-01T15:59:59Z", "contradiction", "is not S"),
        ("1.790870399e9", "contradiction", "is not S"),
        ("1790870401", "no_data", "after T"),
        ("1790870399.5", "observation", "61234.50"),
        ("1790869000", "no_data", "stale"),
    ] {
        let body = with(ENGLISH, "1790870399", time);
        refused(&english(), &body, verdict, detail);
    }
}

#[test]
fn what_is_no_table_is_no_price() {
    for (body, verdict, detail) in [
        ("", "transient", "empty"),
        ("\u{feff}<html></html>", "transient", "web page"),
        (r#"{"error":"slow down"}"#, "transient", "slow down"),
        (r#"{"message":"not found"}"#, "permanent", "not found"),
        (r#"{"price":"1.5"}"#, "contradiction", "no row"),
    ] {
        refused(&english(), body, verdict, detail);
    }
    let latin1 = [ENGLISH.as_bytes(), &[0xfc]].concat();
    let reading = interpret(&english(), &[exchange(200, &latin1)]);
    assert_eq!(reading.verdict(), "contradiction");
    assert!(reading.detail().contains("UTF-8"));
}
