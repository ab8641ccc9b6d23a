//! The tests of adapters find the faults that they are there for.

use oracle_feeds::{Observation, PriceObservation, Reading};
use serde_json::Value;

use super::{Lists, csv, json};

const BODY: &str =
    r#"{"rows":[{"id":1,"price":"5.5","note":"x"},{"id":2,"price":"7.50"}],"v":0.10}"#;
const TABLE: &str = "a title;;\nid;price;note\n1;5.5;x\n2;7.50;y\n";

fn lists() -> Lists {
    Lists::new(&["rows[].id", "rows[].price"], &[])
}

fn price(literal: &str) -> Reading {
    match literal.parse() {
        Ok(price) => Reading::Observation(Observation::Price(PriceObservation {
            literal: literal.to_owned(),
            price,
            effective_at: 0,
        })),
        Err(_) => Reading::Contradiction("price".to_owned()),
    }
}

/// The price of row 2.
fn careful(body: &str) -> Reading {
    // No float holds it.
    let body = body.replace("1e999", "1e99");
    let value: Value = serde_json::from_str(&body).unwrap();
    let rows = value["rows"].as_array();
    let row = rows.and_then(|rows| rows.iter().find(|row| row["id"] == 2));
    price(
        row.and_then(|row| row["price"].as_str())
            .unwrap_or_default(),
    )
}

#[test]
fn a_careful_reader_passes() {
    json(BODY, &lists(), &careful).is_strict_and_deaf();
}

#[test]
#[should_panic(expected = "at rows[0].note")]
fn a_field_that_is_read_and_not_listed_is_found() {
    let parsed =
        |body: &str| serde_json::from_str::<Value>(&body.replace("1e999", "1e99")).unwrap();
    let nosy = |body: &str| match parsed(body)["rows"][0]["note"] {
        Value::String(_) => careful(body),
        _ => Reading::Contradiction("note".to_owned()),
    };
    json(BODY, &lists(), &nosy).is_strict_and_deaf();
}

#[test]
#[should_panic(expected = "is no refusal")]
fn a_field_that_is_listed_and_not_read_is_found() {
    let lists = Lists::new(&["rows[].id", "rows[].price", "v"], &[]);
    json(BODY, &lists, &careful).is_strict_and_deaf();
}

#[test]
#[should_panic(expected = "makes another fact")]
fn a_reader_that_takes_the_next_best_is_found() {
    let lax = |body: &str| match careful(body) {
        Reading::Contradiction(_) => price("5.5"),
        reading => reading,
    };
    json(BODY, &lists(), &lax).is_strict_and_deaf();
}

/// The price of row 2 of a table whose header is its second line.
fn careful_table(body: &str) -> Reading {
    let mut rows = body
        .lines()
        .skip(1)
        .map(|l| l.split(';').collect::<Vec<_>>());
    let header = rows.next().unwrap();
    let column = |name| header.iter().position(|cell| *cell == name);
    let (Some(id), Some(at)) = (column("id"), column("price")) else {
        return Reading::Contradiction("header".to_owned());
    };
    let row = rows.find(|row| row.get(id) == Some(&"2"));
    price(row.and_then(|row| row.get(at).copied()).unwrap_or_default())
}

fn columns() -> Lists {
    Lists::new(&["id", "price"], &[])
}

#[test]
fn a_careful_reader_of_tables_passes() {
    csv(TABLE, b';', 1, &columns(), &careful_table).is_strict_and_deaf();
}

#[test]
#[should_panic(expected = "column 2")]
fn a_column_that_is_counted_on_and_not_listed_is_found() {
    let counts = |body: &str| match body.lines().nth(1).unwrap().split(';').count() {
        3 => careful_table(body),
        _ => Reading::Contradiction("columns".to_owned()),
    };
    csv(TABLE, b';', 1, &columns(), &counts).is_strict_and_deaf();
}

#[test]
fn every_adapter_says_what_it_looks_at() {
    let without: Vec<&str> = oracle_feeds::provider_names()
        // Its fields are those that the configuration names.
        .filter(|name| *name != oracle_feeds::provider::GENERIC)
        .filter(|name| oracle_feeds::provider(name).unwrap().deciding().is_empty())
        .collect();
    assert_eq!(without, Vec::<&str>::new());
}
