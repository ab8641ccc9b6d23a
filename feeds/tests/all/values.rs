//! Any public value: what is read of an answer, and what it means.

use std::collections::BTreeMap;

use oracle_feeds::fact::ValueFact;
use oracle_feeds::rule::Verdict;
use oracle_feeds::rule::value::{decide, outcome};
use oracle_feeds::{Exchange, Observation, Query, Reading, SourceReading, provider};
use oracle_schema::policy::{Compare, DigitsPolicy, FactPolicy, FactSource, FactTest};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{T, d, exchange, time};
use crate::deaf::{self, Lists};

fn source(name: &str, parameters: &[(&str, &str)]) -> FactSource {
    let mut all: BTreeMap<String, String> = parameters
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    all.insert("name".to_owned(), name.to_owned());
    all.insert("url".to_owned(), format!("http://{name}.test/v"));
    FactSource {
        id: format!("generic:{name}"),
        provider: "generic".to_owned(),
        root: name.to_owned(),
        parameters: all,
    }
}

fn answer(status: u16, body: &str, at: i64) -> Exchange {
    Exchange {
        sent_at: time(at),
        received_at: time(at),
        date: Some(time(at)),
        ..exchange(status, body.as_bytes())
    }
}

fn interpret(source: &FactSource, body: &str) -> Reading {
    provider("generic")
        .unwrap()
        .interpret(&Query::Fact(source), &[answer(200, body, T)])
}

#[track_caller]
fn value(source: &FactSource, body: &str) -> ValueFact {
    match interpret(source, body) {
        Reading::Observation(Observation::Value(fact)) => fact,
        other => panic!("{}: {}", other.verdict(), other.detail()),
    }
}

#[track_caller]
fn refused(source: &FactSource, body: &str, verdict: &str) {
    let reading = interpret(source, body);
    assert_eq!(reading.verdict(), verdict, "{body}: {}", reading.detail());
}

const TEXT: [(&str, &str); 1] = [("value", "$.release.tag")];
const NUMBER: [(&str, &str); 2] = [("value", "$.v"), ("compare", "number")];
const TABLE: [(&str, &str); 7] = [
    ("format", "csv"),
    ("delimiter", ";"),
    ("decimal", ","),
    ("row_column", "station"),
    ("row_equals", "Oslo"),
    ("value", "temp"),
    ("compare", "number"),
];

#[test]
fn a_value_is_read_where_the_selector_says_and_nowhere_else() {
    let text = source("a", &TEXT);
    let fact = value(&text, r#"{"release": {"tag": " 16.0 "}, "other": 1e5}"#);
    assert_eq!(
        (fact.literal.as_str(), fact.value.as_str()),
        (" 16.0 ", "16.0")
    );
    // As text a number keeps its zeros, and truth is a text too.
    assert_eq!(value(&text, r#"{"release": {"tag": 1.10}}"#).value, "1.10");
    assert_eq!(value(&text, r#"{"release": {"tag": true}}"#).value, "true");
    let number = source("a", &NUMBER);
    for (body, plain) in [
        (r#"{"v": 1.50}"#, "1.5"),
        (r#"{"v": "1.500"}"#, "1.5"),
        (r#"{"v": -0.0}"#, "0"),
        (r#"{"v": 1000}"#, "1000"),
    ] {
        assert_eq!(value(&number, body).value, plain, "{body}");
    }
    let table = source("a", &TABLE);
    let body = "station;temp;note\nOslo;-3,50;\nRome;12,1;warm\n";
    assert_eq!(value(&table, body).value, "-3.5");
    assert_eq!(value(&table, body).literal, "-3,50");
}

#[test]
fn what_is_missing_is_not_yet_and_what_cannot_be_read_is_refused() {
    let text = source("a", &TEXT);
    refused(&text, r#"{"release": {"tag": null}}"#, "not_yet");
    refused(&text, r#"{"release": {"tag": ""}}"#, "not_yet");
    refused(&text, r#"{"release": {}}"#, "contradiction");
    refused(&text, r#"{"release": {"tag": ["16.0"]}}"#, "contradiction");
    refused(
        &text,
        r#"{"release": {"tag": "1", "tag": "2"}}"#,
        "contradiction",
    );
    refused(
        &text,
        r#"{"error": "down", "release": {"tag": "16.0"}}"#,
        "transient",
    );
    refused(&text, "<html>", "transient");
    let number = source("a", &NUMBER);
    for body in [
        r#"{"v": "1,5"}"#,
        r#"{"v": "NaN"}"#,
        r#"{"v": "+1"}"#,
        r#"{"v": "007"}"#,
        r#"{"v": 1e3}"#,
        r#"{"v": true}"#,
    ] {
        refused(&number, body, "contradiction");
    }
    let mut exponent = NUMBER.to_vec();
    exponent.push(("exponent", "true"));
    assert_eq!(
        value(&source("a", &exponent), r#"{"v": 4.1e-06}"#).value,
        "0.0000041"
    );
    let table = source("a", &TABLE);
    refused(&table, "station;temp\nOslo;-3.5\n", "contradiction");
    refused(&table, "station;temp\nRome;1,5\n", "contradiction");
    refused(
        &table,
        "station;temp\nOslo;1,5\nOslo;1,6\n",
        "contradiction",
    );
    refused(&table, "station;value\nOslo;1,5\n", "contradiction");
}

/// The reading, one of another text being no observation: any text is a fact
/// where facts are compared as texts.
fn same_text(source: &FactSource, body: &str, text: &str) -> Reading {
    match interpret(source, body) {
        Reading::Observation(Observation::Value(fact)) if fact.value != text => {
            Reading::Contradiction(format!("another text {:?}", fact.value))
        }
        reading => reading,
    }
}

#[test]
fn json_is_read_at_the_selectors_place_and_nowhere_else() {
    let body = r#"{"error":null,"v":12.50,"w":1,"rows":[{"v":2},{"v":"x"}],"release":{"tag":" 16.0","date":"2026-12-01","notes":{"v":0}}}"#;
    let text = source("a", &TEXT);
    let read = |body: &str| same_text(&text, body, "16.0");
    let lists = Lists::new(&["release.tag"], &["error"]);
    deaf::json(body, &lists, &read).is_strict_and_deaf();
    let number = source("a", &NUMBER);
    let lists = Lists::new(&["v"], &["error"]);
    deaf::json(body, &lists, &|body| interpret(&number, body)).is_strict_and_deaf();
}

#[test]
fn a_table_is_read_in_the_selectors_column_and_row_and_nowhere_else() {
    let body = "id;station;note;temp;wind\n1;Rome;;21,5;x\n2;Oslo;cold;-3,5;\n3;Bern;;;4\n";
    let lists = Lists::new(&["station", "temp"], &[]);
    let number = source("a", &TABLE);
    let read = |body: &str| interpret(&number, body);
    deaf::csv(body, b';', 0, &lists, &read).is_strict_and_deaf();
    let mut text = TABLE.to_vec();
    text.retain(|(name, _)| *name != "compare");
    let text = source("a", &text);
    let read = |body: &str| same_text(&text, body, "-3,5");
    deaf::csv(body, b';', 0, &lists, &read).is_strict_and_deaf();
}

#[test]
fn the_request_is_the_announced_url_and_each_entry_has_settings_of_its_own() {
    let source = source("mirror_a", &TEXT);
    let request = provider("generic")
        .unwrap()
        .plan(&Query::Fact(&source), &[]);
    let target = request.unwrap().target;
    assert_eq!(
        target,
        oracle_feeds::observation::Target::Absolute("http://mirror_a.test/v".to_owned())
    );
    assert_eq!(Query::Fact(&source).settings(), "mirror_a");
}

fn policy(compare: Compare, tests: &[(&str, FactTest)]) -> FactPolicy {
    let number = [("value", "$.v"), ("compare", "number")];
    let parameters = match compare {
        Compare::Text => &number[..1],
        Compare::Number => &number[..],
    };
    FactPolicy {
        outcomes: tests.iter().map(|(o, _)| (*o).to_owned()).collect(),
        tests: tests
            .iter()
            .map(|(o, t)| ((*o).to_owned(), t.clone()))
            .collect(),
        compare,
        digits: None,
        agree: 2.try_into().unwrap(),
        stable_reads: 2.try_into().unwrap(),
        read_every_s: 30.try_into().unwrap(),
        settle_delay_s: 3600,
        sources: vec![source("a", parameters), source("b", parameters)],
        panel: None,
    }
}

fn digits(decimals: u32, signed: bool) -> FactPolicy {
    FactPolicy {
        outcomes: Vec::new(),
        digits: Some(DigitsPolicy {
            base: 2,
            digits: 8,
            decimals,
            unit: "u".to_owned(),
            signed,
        }),
        ..policy(Compare::Number, &[])
    }
}

fn release() -> FactPolicy {
    policy(
        Compare::Text,
        &[
            ("yes", FactTest::Equals("16.0".to_owned())),
            ("no", FactTest::Other(true)),
        ],
    )
}

fn levels() -> FactPolicy {
    policy(
        Compare::Number,
        &[
            ("high", FactTest::Above(d("5"))),
            ("five", FactTest::Equals("5.00".to_owned())),
            ("low", FactTest::Below(d("5"))),
        ],
    )
}

/// What two sources make of it that answer at these times.
fn verdict(policy: &FactPolicy, answers: &[(i64, &str, &str)], now: i64) -> String {
    let mut readings = Vec::new();
    for (at, a, b) in answers {
        for (source, body) in policy.sources.iter().zip([a, b]) {
            let exchange = answer(200, body, *at);
            readings.push(SourceReading {
                source: source.id.clone(),
                root: source.root.clone(),
                reading: provider("generic")
                    .unwrap()
                    .interpret(&Query::Fact(source), std::slice::from_ref(&exchange)),
                exchanges: vec![exchange],
            });
        }
    }
    match decide(policy, T, time(now), &readings, None).verdict {
        Verdict::Pending { .. } => "pending".to_owned(),
        Verdict::Hold { .. } => "hold".to_owned(),
        Verdict::Provisional { outcome, .. } => format!("provisional {outcome}"),
        Verdict::Attest { outcome } => format!("attest {outcome}"),
    }
}

#[test]
fn two_roots_read_twice_and_again_after_the_delay_attest() {
    let (a, b) = (r#"{"v": "16.0"}"#, r#"{"v": " 16.0"}"#);
    let mut answers = vec![(T, a, b)];
    assert_eq!(verdict(&release(), &answers, T), "pending");
    answers.push((T + 30, a, b));
    assert_eq!(verdict(&release(), &answers, T + 30), "provisional yes");
    assert_eq!(verdict(&release(), &answers, T + 3600), "provisional yes");
    answers.push((T + 3600, a, b));
    assert_eq!(verdict(&release(), &answers, T + 3600), "attest yes");
    // One that says another thing holds, and its return restarts the delay.
    answers.push((T + 3630, a, r#"{"v": "15.9"}"#));
    assert_eq!(verdict(&release(), &answers, T + 3630), "hold");
    for at in [T + 3660, T + 3690] {
        answers.push((at, a, b));
    }
    assert_eq!(verdict(&release(), &answers, T + 3690), "provisional yes");
}

#[test]
fn an_answer_from_before_the_maturity_does_not_count() {
    let body = r#"{"v": "16.0"}"#;
    let early = [(T - 60, body, body), (T - 30, body, body)];
    assert_eq!(verdict(&release(), &early, T + 3600), "pending");
}

#[test]
fn different_literals_of_one_number_agree_and_a_value_may_move_within_its_outcome() {
    let read = |at, a, b| (at, a, b);
    let five = (r#"{"v": 5}"#, r#"{"v": "5.000"}"#);
    let answers: Vec<_> = [T, T + 30, T + 3600]
        .map(|at| read(at, five.0, five.1))
        .into();
    assert_eq!(verdict(&levels(), &answers, T + 3600), "attest five");
    let answers = [
        read(T, r#"{"v": 6}"#, r#"{"v": 6}"#),
        read(T + 30, r#"{"v": 7}"#, r#"{"v": 6}"#),
        read(T + 3600, r#"{"v": 9}"#, r#"{"v": 8.5}"#),
    ];
    assert_eq!(verdict(&levels(), &answers, T + 3600), "attest high");
    // The number itself may not.
    assert_eq!(verdict(&digits(0, false), &answers, T + 3600), "hold");
}

#[test]
fn a_number_is_rounded_half_even_and_clamped_to_its_digits() {
    for (decimals, signed, value, attested) in [
        (1, false, "2.25", "22"),
        (1, false, "2.35", "24"),
        (0, false, "300", "255"),
        (0, false, "-3", "0"),
        (1, true, "-3.5", "-35"),
        (0, true, "-1000", "-255"),
    ] {
        assert_eq!(outcome(&digits(decimals, signed), value).unwrap(), attested);
    }
    assert!(outcome(&digits(0, false), "many").is_err());
}

#[test]
fn texts_are_compared_byte_for_byte_and_numbers_as_numbers() {
    let text = policy(
        Compare::Text,
        &[
            (
                "a",
                FactTest::OneOf(vec!["1.10".to_owned(), "x".to_owned()]),
            ),
            ("b", FactTest::Other(true)),
        ],
    );
    for (value, meant) in [("1.10", "a"), ("x", "a"), ("1.1", "b"), ("X", "b")] {
        assert_eq!(outcome(&text, value).unwrap(), meant, "{value}");
    }
    let number = FactPolicy {
        compare: Compare::Number,
        ..policy(
            Compare::Number,
            &[
                (
                    "a",
                    FactTest::OneOf(vec!["1.10".to_owned(), "3".to_owned()]),
                ),
                ("b", FactTest::Other(true)),
            ],
        )
    };
    for (value, meant) in [("1.1", "a"), ("3.0", "a"), ("1.11", "b")] {
        assert_eq!(outcome(&number, value).unwrap(), meant, "{value}");
    }
    assert!(outcome(&number, "x").is_err());
}

fn noise() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,6}", inner, 0..4).prop_map(|m| json!(m)),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_beside_the_value_changes_the_reading(
        others in prop::collection::btree_map("[a-u]{1,8}", noise(), 0..6),
        beside in noise(),
    ) {
        let mut others = others;
        others.remove("error");
        others.remove("release");
        let mut body = json!(others);
        body["release"] = json!({"tag": "16.0", "beside": beside});
        let read = value(&source("a", &TEXT), &body.to_string());
        prop_assert_eq!(read, value(&source("a", &TEXT), r#"{"release": {"tag": "16.0"}}"#));
    }

    #[test]
    fn a_damaged_value_is_no_value(damage in noise()) {
        let body = json!({"v": damage.clone()}).to_string();
        let reading = interpret(&source("a", &NUMBER), &body);
        let number = match &damage {
            Value::Number(_) | Value::String(_) => {
                let text = damage.as_str().map_or_else(|| damage.to_string(), str::to_owned);
                oracle_feeds::decimal::parse(text.trim()).is_ok()
            }
            _ => false,
        };
        prop_assert_eq!(matches!(reading, Reading::Observation(_)), number, "{}", body);
    }

    #[test]
    fn every_number_has_exactly_one_outcome(cents in -2000_i64..2000) {
        let value = rust_decimal::Decimal::new(cents, 2).to_string();
        let meant = match cents.cmp(&500) {
            std::cmp::Ordering::Greater => "high",
            std::cmp::Ordering::Equal => "five",
            std::cmp::Ordering::Less => "low",
        };
        prop_assert_eq!(outcome(&levels(), &value).unwrap(), meant);
    }
}
