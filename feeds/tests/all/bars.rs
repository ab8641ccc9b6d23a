//! Generic sources that list bars of trades.

use std::num::NonZeroU32;

use oracle_feeds::observation::Reading;
use oracle_schema::policy::{
    BarFormat, CsvFormat, DecimalMark, Selector, SourcePolicy, Stamp, TimeUnit,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{T, exchange, generic, interpret, seen};

fn bars(stamped: Stamp) -> SourcePolicy {
    let mut source = generic("http://x.test/", TimeUnit::S);
    let selector = source.selector.as_mut().unwrap();
    "$.data[*].c".clone_into(&mut selector.value);
    selector.time = Some("$.data[*].t".to_owned());
    selector.bar = Some(BarFormat {
        length_s: NonZeroU32::new(60).unwrap(),
        stamped,
        volume: Some("$.data[*].v".to_owned()),
    });
    source
}

fn selector(source: &mut SourcePolicy) -> &mut Selector {
    source.selector.as_mut().unwrap()
}

fn row(time: i64, close: &str, volume: &str) -> Value {
    json!({"t": time, "c": close, "v": volume})
}

fn read(source: &SourcePolicy, rows: &[Value]) -> Reading {
    let body = json!({ "data": rows }).to_string();
    interpret(source, &[exchange(200, body.as_bytes())])
}

#[test]
fn a_bar_stamped_open_counts_only_once_it_has_ended_by_t() {
    let rows = [row(T - 60, "0.2601", "5"), row(T, "0.9999", "1")];
    let reading = read(&bars(Stamp::Open), &rows);
    assert_eq!(seen(&reading), ("0.2601", T));
}

#[test]
fn a_bar_stamped_close_ended_at_its_time() {
    let rows = [
        row(T - 60, "0.2601", "5"),
        row(T, "0.2700", "1"),
        row(T + 60, "0.9999", "1"),
    ];
    let reading = read(&bars(Stamp::Close), &rows);
    assert_eq!(seen(&reading), ("0.2700", T));
}

#[test]
fn a_source_that_has_not_moved_past_t_says_not_yet() {
    for rows in [
        vec![],
        vec![row(T - 120, "0.2601", "5")],
        vec![row(T - 120, "0.2601", "5"), row(T - 60, "0.2601", "0")],
    ] {
        let reading = read(&bars(Stamp::Open), &rows);
        assert!(matches!(reading, Reading::Lagging(_)), "{reading:?}");
        assert_eq!(reading.verdict(), "not_yet", "{}", reading.detail());
    }
    // The running bar is enough: it began when the last one was over.
    let rows = [row(T - 120, "0.2601", "5"), row(T - 30, "0.3", "0")];
    let reading = read(&bars(Stamp::Open), &rows);
    assert_eq!(seen(&reading), ("0.2601", T - 60));
}

#[test]
fn a_market_that_goes_on_without_trades_is_stale() {
    let frozen: Vec<Value> = (-20..=1).map(|n| row(T + n * 60, "0.2601", "0")).collect();
    let reading = read(&bars(Stamp::Open), &frozen);
    assert_eq!(reading.verdict(), "no_data", "{}", reading.detail());
    // The last trade is two days old.
    let mut old = vec![row(T - 2 * 86_400, "0.2601", "5")];
    old.extend(frozen);
    assert_eq!(read(&bars(Stamp::Open), &old).verdict(), "no_data");
}

#[test]
fn a_bar_with_trades_is_found_behind_those_without() {
    let rows = [
        row(T, "0.3", "0"),
        row(T - 60, "0.2", "0.00"),
        row(T - 120, "0.1", "1e-7"),
        row(T - 180, "0.4", "9"),
    ];
    assert_eq!(seen(&read(&bars(Stamp::Open), &rows)), ("0.1", T - 60));
}

#[test]
fn two_different_rows_of_the_bar_that_decides_are_a_contradiction() {
    let source = bars(Stamp::Open);
    let two = |a: Value, b: Value| read(&source, &[row(T, "9", "0"), a, b]);
    let same = row(T - 60, "0.2", "1");
    assert_eq!(seen(&two(same.clone(), same.clone())).0, "0.2");
    for other in [row(T - 60, "0.3", "1"), row(T - 60, "0.2", "0")] {
        assert_eq!(two(same.clone(), other).verdict(), "contradiction");
    }
    // Those that do not decide may be anything.
    let rows = [
        row(T, "9", "0"),
        same,
        row(T - 120, "1", "1"),
        row(T - 120, "2", "1"),
    ];
    assert_eq!(seen(&read(&source, &rows)).0, "0.2");
}

#[test]
fn what_decides_is_refused_when_it_is_damaged() {
    let source = bars(Stamp::Open);
    let good = [row(T, "0.3", "1"), row(T - 60, "0.2", "1")];
    assert_eq!(seen(&read(&source, &good)).0, "0.2");
    for (field, value) in [
        ("t", json!(null)),
        ("t", json!("soon")),
        ("c", json!(null)),
        ("c", json!("0")),
        ("c", json!("-1")),
        ("c", json!(1e-7)),
        ("v", json!(null)),
        ("v", json!("-1")),
        ("v", json!("many")),
        ("v", json!([])),
    ] {
        let mut rows = good.clone();
        rows[1][field] = value;
        let verdict = read(&source, &rows).verdict();
        assert_eq!(verdict, "contradiction", "{field} of {}", rows[1]);
    }
    for field in ["t", "c", "v"] {
        let mut rows = good.clone();
        rows[1].as_object_mut().unwrap().remove(field);
        assert_eq!(read(&source, &rows).verdict(), "contradiction", "{field}");
    }
    let wrong_unit = [row(T * 1000, "0.3", "1"), row((T - 60) * 1000, "0.2", "1")];
    assert_eq!(read(&source, &wrong_unit).verdict(), "contradiction");
}

#[test]
fn rows_may_be_arrays() {
    let mut source = bars(Stamp::Open);
    let selector = selector(&mut source);
    "$[*][4]".clone_into(&mut selector.value);
    selector.time = Some("$[*][0]".to_owned());
    selector.time_unit = Some(TimeUnit::Ms);
    selector.bar.as_mut().unwrap().volume = Some("$[*][5]".to_owned());
    let row = |time: i64, close: &str, volume: &str| {
        json!([
            time * 1000,
            "1",
            1e-9,
            null,
            close,
            volume,
            time * 1000 + 59_999,
            "0"
        ])
    };
    let body = json!([row(T - 60, "0.2601", "7"), row(T, "0.3", "0")]).to_string();
    let reading = interpret(&source, &[exchange(200, body.as_bytes())]);
    assert_eq!(seen(&reading), ("0.2601", T));
}

#[test]
fn rows_of_a_table_are_read_alike() {
    let mut source = bars(Stamp::Open);
    let selector = selector(&mut source);
    "Schluss".clone_into(&mut selector.value);
    selector.time = Some("Zeit".to_owned());
    selector.csv = Some(CsvFormat {
        delimiter: ';',
        decimal: DecimalMark::Comma,
        row: None,
    });
    selector.bar.as_mut().unwrap().volume = Some("Menge".to_owned());
    let table = |rows: &[(i64, &str, &str)]| {
        let lines = rows
            .iter()
            .map(|(time, close, volume)| format!("{time};{close};{volume};1.2.3"));
        let lines: Vec<String> = lines.collect();
        let text = format!("Zeit;Schluss;Menge;Hoch\n{}\n", lines.join("\n"));
        interpret(&source, &[exchange(200, text.as_bytes())])
    };
    let reading = table(&[(T, "9", "1"), (T - 60, "", "0"), (T - 120, "0,26", "1,5")]);
    assert_eq!(seen(&reading), ("0,26", T - 60));
    assert_eq!(table(&[(T - 60, "0,2", "1")]).verdict(), "not_yet");
    assert_eq!(
        table(&[(T, "9", "1"), (T - 60, "0.2", "1")]).verdict(),
        "contradiction"
    );
}

/// Anything that can stand in an answer.
fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(1e-9)),
        Just(json!(true)),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,8}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({"c": "1", "t": 1})),
    ]
}

proptest! {
    #[test]
    fn fields_that_do_not_decide_change_nothing(
        beside in anything(),
        inside in prop::collection::vec(anything(), 4),
        old in anything(),
        untraded in anything(),
        order in any::<bool>(),
    ) {
        let source = bars(Stamp::Open);
        let mut rows = vec![
            row(T, "0.3", "1"),
            row(T - 60, "0.2", "0"),
            row(T - 120, "0.1", "1"),
            row(T - 86_400, "0.4", "1"),
        ];
        for (row, value) in rows.iter_mut().zip(inside) {
            row["extra"] = value;
        }
        // Later than T, without a trade, or too old: neither price nor volume counts.
        rows[0]["c"] = untraded.clone();
        rows[0]["v"] = old.clone();
        rows[1]["c"] = untraded;
        rows[3]["c"] = old.clone();
        rows[3]["v"] = old;
        if order {
            rows.reverse();
        }
        let body = json!({"data": rows, "note": beside}).to_string();
        let reading = interpret(&source, &[exchange(200, body.as_bytes())]);
        prop_assert_eq!(seen(&reading), ("0.1", T - 60));
    }

    #[test]
    fn no_price_is_ever_of_a_bar_that_ended_after_t(
        rows in prop::collection::vec((-1_000_i64..1_000, 1_u32..50, 0_u32..3), 0..30),
        open in any::<bool>(),
    ) {
        let source = bars(if open { Stamp::Open } else { Stamp::Close });
        let length = if open { 60 } else { 0 };
        let all: Vec<Value> = rows
            .iter()
            .map(|(time, close, volume)| row(T + time, &close.to_string(), &volume.to_string()))
            .collect();
        if let Some(price) = read(&source, &all).price() {
            prop_assert!(price.effective_at <= T);
            prop_assert!(price.effective_at >= T - 900);
            let one_of = rows.iter().any(|(time, close, volume)| {
                T + time + length == price.effective_at
                    && *volume > 0
                    && close.to_string() == price.literal
            });
            prop_assert!(one_of);
            prop_assert!(rows.iter().any(|(time, _, _)| time + length > 0));
        }
    }
}

#[test]
fn a_row_that_lacks_a_field_lends_it_from_no_other_row() {
    let mut rows = vec![
        row(T - 120, "100", "1"),
        row(T - 60, "150", "1"),
        row(T, "251", "1"),
    ];
    rows[1].as_object_mut().unwrap().remove("c");
    // Equally many values and times, of other rows.
    rows.insert(2, json!({"c": "250", "v": "1"}));
    let mut source = bars(Stamp::Close);
    selector(&mut source).bar.as_mut().unwrap().volume = None;
    let reading = read(&source, &rows);
    assert_eq!(reading.verdict(), "contradiction", "{}", reading.detail());
}

#[test]
fn dust_is_a_volume() {
    let rows = [
        row(T - 60, "0.2601", "4.440892098500626e-16"),
        row(T, "0.9", "1"),
    ];
    assert_eq!(seen(&read(&bars(Stamp::Open), &rows)), ("0.2601", T));
}
