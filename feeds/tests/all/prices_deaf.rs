//! Adapters of prices, and generic sources: strict about what decides, deaf to all
//! else.

use std::num::NonZeroU32;

use oracle_feeds::{Exchange, Reading};
use oracle_schema::policy::{
    BarFormat, CsvFormat, DecimalMark, RowSelector, Selector, SourcePolicy, Stamp, TimeUnit,
};

use crate::common::{T, exchange, generic, interpret, source};
use crate::deaf::{Lists, csv, json};

macro_rules! sample {
    ($file:literal) => {
        include_str!(concat!("../../samples/", $file))
    };
}

/// The answer under test, after and before others.
#[track_caller]
fn strict_and_deaf(venue: (&str, &str), answer: &str, body: &str, before: &[&str], after: &[&str]) {
    let source = source(venue.0, venue.1);
    let answered = |body: &str| exchange(200, body.as_bytes());
    let read = |body: &str| {
        let bodies = before.iter().copied().chain([body]);
        let all: Vec<Exchange> = bodies.chain(after.iter().copied()).map(answered).collect();
        interpret(&source, &all)
    };
    let lists = Lists::of(venue.0).in_answer(answer);
    json(body, &lists, &read).is_strict_and_deaf();
}

#[test]
fn kraken() {
    let venue = ("kraken", "XBTUSD");
    strict_and_deaf(venue, "OHLC", sample!("kraken/ohlc_ok.json"), &[], &[]);
    // Quiet minutes before the maturity.
    let quiet = r#"{"error":[],"result":{"XXBTZUSD":[
        [1790870220,"5","5","5","5.5","5","1",3],
        [1790870280,"5.5","5.5","5.5","5.5","0.0","0.00000000",0],
        [1790870340,"0","0","0","0","0.0","0.00000000",0],
        [1790870400,"7","7","7","7","7","1",1]],"last":1790870340}}"#;
    strict_and_deaf(venue, "OHLC", quiet, &[], &[]);
    let young = r#"{"error":[],"result":{"XXBTZUSD":[
        [1790913600,"1","1","1","1","1","1",1]],"last":1790913600}}"#;
    let trades = sample!("kraken/trades_ok.json");
    strict_and_deaf(venue, "Trades", trades, &[young], &[]);
}

#[test]
fn coinbase() {
    let venue = ("coinbase", "BTC-USD");
    let late = sample!("coinbase/candles_late.json");
    strict_and_deaf(
        venue,
        "candles",
        sample!("coinbase/candles_ok.json"),
        &[],
        &[],
    );
    strict_and_deaf(
        venue,
        "candles",
        sample!("coinbase/candles_caught_up.json"),
        &[],
        &[],
    );
    strict_and_deaf(
        venue,
        "trades",
        sample!("coinbase/trades_ok.json"),
        &[late],
        &[],
    );
}

#[test]
fn bitstamp() {
    let venue = ("bitstamp", "btcusd");
    let late = r#"{"data":{"pair":"BTC/USD","ohlc":[
        {"timestamp":"1790870220","open":"1","high":"1","low":"1","close":"61221","volume":"0.2"}]}}"#;
    strict_and_deaf(venue, "ohlc", sample!("bitstamp/ohlc_ok.json"), &[], &[]);
    let transactions = sample!("bitstamp/transactions_ok.json");
    strict_and_deaf(venue, "transactions", transactions, &[late], &[]);
}

#[test]
fn gemini() {
    let venue = ("gemini", "btcusd");
    strict_and_deaf(
        venue,
        "candles",
        sample!("gemini/candles_ok.json"),
        &[],
        &[],
    );
    let young = "[[1791043200000,1.5,1.5,1.5,1.5,0.1]]";
    strict_and_deaf(
        venue,
        "trades",
        sample!("gemini/trades_ok.json"),
        &[young],
        &["[]"],
    );
}

fn bar(volume: &str) -> BarFormat {
    BarFormat {
        length_s: NonZeroU32::new(60).unwrap(),
        stamped: Stamp::Open,
        volume: Some(volume.to_owned()),
    }
}

fn with(edit: impl Fn(&mut Selector)) -> SourcePolicy {
    let mut source = generic("http://x.test/", TimeUnit::S);
    edit(source.selector.as_mut().unwrap());
    source
}

#[test]
fn a_generic_source_that_states_one_price() {
    let source = with(|_| {});
    let read = |body: &str| interpret(&source, &[exchange(200, body.as_bytes())]);
    let body = format!(
        r#"{{"price":"0.25","ts":{T},"volume":1.5,"market":{{"name":"x","tags":[1,null]}},"error":null}}"#
    );
    let lists = Lists::new(&["price", "ts"], &["error"]);
    json(&body, &lists, &read).is_strict_and_deaf();
    // What says that it is an error is none.
    let failed = body.replace(r#""error":null"#, r#""error":1e999"#);
    assert!(!matches!(read(&failed), Reading::Observation(_)));
}

#[test]
fn a_generic_source_that_lists_bars() {
    let source = with(|selector| {
        "$.data[*].c".clone_into(&mut selector.value);
        selector.time = Some("$.data[*].t".to_owned());
        selector.bar = Some(bar("$.data[*].v"));
    });
    let read = |body: &str| interpret(&source, &[exchange(200, body.as_bytes())]);
    let row = |open: i64, close: &str, volume: &str| {
        format!(
            r#"{{"t":{},"o":"1","c":"{close}","v":"{volume}","n":[3]}}"#,
            T + open
        )
    };
    let rows = [
        row(-120, "0.2", "1"),
        row(-60, "0.3", "2"),
        row(0, "0.4", "1"),
    ];
    let body = format!(r#"{{"data":[{}],"more":{{"a":1}}}}"#, rows.join(","));
    let lists = Lists::new(&["data[].t", "data[].c", "data[].v"], &[]);
    json(&body, &lists, &read).is_strict_and_deaf();
    // Rows that are arrays.
    let source = with(|selector| {
        "$[*][2]".clone_into(&mut selector.value);
        selector.time = Some("$[*][0]".to_owned());
        selector.bar = Some(bar("$[*][3]"));
    });
    let read = |body: &str| interpret(&source, &[exchange(200, body.as_bytes())]);
    let rows =
        [-120, -60, 0].map(|open| format!("[{},9,\"0.{}\",\"1\",null]", T + open, 200 + open));
    let body = format!("[{}]", rows.join(","));
    let lists = Lists::new(&["[][0]", "[][2]", "[][3]"], &[]);
    json(&body, &lists, &read).is_strict_and_deaf();
}

fn table(row: Option<RowSelector>) -> CsvFormat {
    CsvFormat {
        delimiter: ';',
        decimal: DecimalMark::Comma,
        row,
    }
}

#[test]
fn a_generic_table_that_states_one_price() {
    let source = with(|selector| {
        "Kurs".clone_into(&mut selector.value);
        selector.time = Some("Zeit".to_owned());
        selector.csv = Some(table(Some(RowSelector {
            column: "Paar".to_owned(),
            equals: "PPCBTC".to_owned(),
        })));
    });
    let read = |body: &str| interpret(&source, &[exchange(200, body.as_bytes())]);
    let body = format!("Paar;Kurs;Zeit;Hoch\nXPMBTC;1,5;{T};2\nPPCBTC;0,25;{T};1\n");
    let lists = Lists::new(&["Paar", "Kurs", "Zeit"], &[]);
    csv(&body, b';', 0, &lists, &read).is_strict_and_deaf();
}

#[test]
fn a_generic_table_that_lists_bars() {
    let source = with(|selector| {
        "Schluss".clone_into(&mut selector.value);
        selector.time = Some("Zeit".to_owned());
        selector.csv = Some(table(None));
        selector.bar = Some(bar("Menge"));
    });
    let read = |body: &str| interpret(&source, &[exchange(200, body.as_bytes())]);
    let row = |open: i64, close: &str| format!("{};{close};1,5;x", T + open);
    let rows = [row(0, "0,4"), row(-60, "0,3"), row(-120, "0,2")];
    let body = format!("Zeit;Schluss;Menge;Hoch\n{}\n", rows.join("\n"));
    let lists = Lists::new(&["Zeit", "Schluss", "Menge"], &[]);
    csv(&body, b';', 0, &lists, &read).is_strict_and_deaf();
}
