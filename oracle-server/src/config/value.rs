//! Kind fact: which value, and what it means.

use std::collections::BTreeMap;

use oracle_feeds::decimal;
use oracle_feeds::exact::Exact;
use oracle_feeds::provider::peercoin::PEERCOIN;
use oracle_feeds::provider::{GENERIC, GENERIC_NAME, Template};
use oracle_schema::Maturity;
use oracle_schema::policy::{Compare, DigitsPolicy, FactPolicy, FactSource, FactTest};
use oracle_schema::source_id::SourceId;
use rust_decimal::Decimal;

use super::definition::{decimals, number};
use super::facts::{Asked, OPERATORS, Values, check_names, check_outcomes, named};
use super::file::{Entry, Outcomes, SourceValue, Test};
use super::place::Place;
use super::{Context, Refusal, nodes};

/// A correction that comes within the hour restarts it.
const SETTLE_DELAY_S: u32 = 3600;

/// `kind = "fact"`.
pub(super) fn stated(
    place: &Place,
    entry: &Entry,
    context: &Context<'_>,
    maturity: Maturity,
) -> Result<FactPolicy, Refusal> {
    let digits = digits(place, entry)?;
    let (compare, tests) = match digits {
        Some(_) => (Compare::Number, BTreeMap::new()),
        None => tests(place, entry)?,
    };
    let outcomes: Vec<String> = tests.keys().cloned().collect();
    if digits.is_none() {
        check_outcomes(place, &outcomes)?;
    }
    let asked = Asked::of(place, entry, context, |own, name, table| {
        source(own, name, table, context, maturity, compare)
    })?;
    let delay = entry.settle_delay.as_deref();
    Ok(FactPolicy {
        outcomes,
        tests,
        compare,
        digits,
        agree: asked.agree,
        stable_reads: asked.stable_reads,
        read_every_s: asked.read_every_s,
        settle_delay_s: place.seconds("settle_delay", delay, SETTLE_DELAY_S)?,
        sources: asked.sources,
        panel: asked.panel,
    })
}

/// How the number itself is attested, where it is.
fn digits(place: &Place, entry: &Entry) -> Result<Option<DigitsPolicy>, Refusal> {
    if entry.digits.is_none() {
        let keys = [
            ("decimals", entry.decimals.is_some()),
            ("base", entry.base.is_some()),
            ("unit", entry.unit.is_some()),
            ("signed", entry.signed.is_some()),
        ];
        refuse_keys(
            place,
            &keys,
            "belongs to a value that is attested as digits",
        )?;
        return Ok(None);
    }
    let keys = [
        ("outcomes", entry.outcomes.is_some()),
        ("compare", entry.compare.is_some()),
    ];
    refuse_keys(
        place,
        &keys,
        "does not go with digits: the number is attested",
    )?;
    let signed = entry.signed.unwrap_or_default();
    number(place, entry, decimals(place, entry)?, signed).map(Some)
}

fn refuse_keys(place: &Place, keys: &[(&str, bool)], reason: &str) -> Result<(), Refusal> {
    match keys.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((key, _)) => Err(place.refuse(key, reason)),
    }
}

type Tests = BTreeMap<String, FactTest>;

/// What each outcome stands for. Thresholds are about numbers; without them the
/// value is a text unless the event says otherwise.
fn tests(place: &Place, entry: &Entry) -> Result<(Compare, Tests), Refusal> {
    let Outcomes::Tested(table) = place.required("outcomes", entry.outcomes.clone())? else {
        return Err(place.refuse(
            "outcomes",
            "must say when each is the one: yes = { equals = \"…\" }, no = { other = true }",
        ));
    };
    let own = |outcome: &str| Place::new(place.at(&format!("outcomes.{outcome}")));
    let mut tests = Tests::new();
    for (outcome, test) in &table.0 {
        tests.insert(outcome.clone(), read(&own(outcome), test)?);
    }
    let has_level = tests
        .values()
        .any(|t| matches!(t, FactTest::Above(_) | FactTest::Below(_)));
    let of_chain = asks_chain(entry);
    let compare = match entry.compare.as_deref() {
        None if has_level || of_chain => Compare::Number,
        None => Compare::Text,
        Some(text) => named(
            place,
            "compare",
            text,
            &[("text", Compare::Text), ("number", Compare::Number)],
        )?,
    };
    if has_level && compare == Compare::Text {
        return Err(place.refuse("compare", "above and below compare numbers"));
    }
    // As texts "1.50" would not be 1.5, and a bet would be lost by a zero.
    if of_chain && compare == Compare::Text {
        return Err(place.refuse("compare", "a node states numbers"));
    }
    check_disjoint(place, compare, &tests)?;
    check_complete(place, &tests)?;
    Ok((compare, tests))
}

/// Whether a node is among the sources: what it says is a number.
fn asks_chain(entry: &Entry) -> bool {
    let is_node = |table: &Values| match table.get("provider") {
        Some(SourceValue::Text(name)) => name == PEERCOIN,
        _ => false,
    };
    let sources = entry.source.as_deref().unwrap_or_default();
    sources.iter().any(|table| is_node(&table.0))
}

/// One test, and one only.
fn read(place: &Place, test: &Test) -> Result<FactTest, Refusal> {
    let level = |key: &str, text: &str| -> Result<Decimal, Refusal> {
        decimal::parse(text)
            .map(|level| level.normalize())
            .map_err(|e| place.refuse(key, format!("{text:?}: {e}")))
    };
    let mut found = Vec::new();
    if let Some(value) = &test.equals {
        found.push(FactTest::Equals(value.clone()));
    }
    if let Some(values) = &test.one_of {
        if values.is_empty() {
            return Err(place.refuse("one_of", "is empty"));
        }
        found.push(FactTest::OneOf(values.clone()));
    }
    if let Some(text) = &test.above {
        found.push(FactTest::Above(level("above", text)?));
    }
    if let Some(text) = &test.below {
        found.push(FactTest::Below(level("below", text)?));
    }
    match test.other {
        Some(true) => found.push(FactTest::Other(true)),
        Some(false) => return Err(place.refuse("other", "is true or not there")),
        None => {}
    }
    match (found.pop(), found.pop()) {
        (Some(test), None) => Ok(test),
        _ => Err(Refusal::new(
            place.at("").trim_end_matches('.'),
            "needs exactly one of equals, one_of, above, below and other",
        )),
    }
}

/// The values that are named, as they are compared.
fn named_values(test: &FactTest) -> &[String] {
    match test {
        FactTest::Equals(value) => std::slice::from_ref(value),
        FactTest::OneOf(values) => values,
        FactTest::Above(_) | FactTest::Below(_) | FactTest::Other(_) => &[],
    }
}

/// No value has two outcomes.
fn check_disjoint(place: &Place, compare: Compare, tests: &Tests) -> Result<(), Refusal> {
    let refuse =
        |outcome: &str, reason: String| Err(place.refuse(&format!("outcomes.{outcome}"), reason));
    let mut values: Vec<(Value<'_>, &str)> = Vec::new();
    for (outcome, test) in tests {
        for text in named_values(test) {
            if text.trim().is_empty() {
                return refuse(outcome, "a value is empty".to_owned());
            }
            let value = match compare {
                Compare::Text => Value::Text(text.trim()),
                Compare::Number => match text.parse() {
                    Ok(number) => Value::Number(number),
                    Err(e) => return refuse(outcome, format!("{text:?}: {e}")),
                },
            };
            if let Some((_, other)) = values.iter().find(|(known, _)| *known == value) {
                return refuse(outcome, format!("{text:?} stands for {other:?} already"));
            }
            values.push((value, outcome));
        }
    }
    let mut seen: Vec<(&str, &FactTest)> = Vec::new();
    for (outcome, test) in tests {
        for (value, owner) in &values {
            if let Value::Number(value) = value
                && holds(test, value)
            {
                return refuse(owner, format!("{value} is in {outcome:?} too"));
            }
        }
        let overlaps = |(_, other): &&(&str, &FactTest)| match (test, other) {
            (FactTest::Above(above), FactTest::Below(below))
            | (FactTest::Below(below), FactTest::Above(above)) => above < below,
            (FactTest::Above(_), FactTest::Above(_))
            | (FactTest::Below(_), FactTest::Below(_))
            | (FactTest::Other(_), FactTest::Other(_)) => true,
            _ => false,
        };
        if let Some((other, _)) = seen.iter().find(overlaps) {
            return refuse(outcome, format!("overlaps {other:?}"));
        }
        seen.push((outcome, test));
    }
    Ok(())
}

#[derive(PartialEq)]
enum Value<'a> {
    Text(&'a str),
    Number(Exact),
}

fn holds(test: &FactTest, number: &Exact) -> bool {
    match test {
        FactTest::Above(level) => *number > Exact::from(*level),
        FactTest::Below(level) => *number < Exact::from(*level),
        FactTest::Equals(_) | FactTest::OneOf(_) | FactTest::Other(_) => false,
    }
}

/// Every value has an outcome: one of them is all others, or two levels meet at
/// a number that is named.
fn check_complete(place: &Place, tests: &Tests) -> Result<(), Refusal> {
    if tests.values().any(|t| matches!(t, FactTest::Other(_))) {
        return Ok(());
    }
    let above = tests.values().find_map(|t| match t {
        FactTest::Above(level) => Some(*level),
        _ => None,
    });
    let below = tests.values().find_map(|t| match t {
        FactTest::Below(level) => Some(*level),
        _ => None,
    });
    let is_named = |level: Decimal| {
        let mut named = tests.values().flat_map(named_values);
        named.any(|text| text.parse::<Exact>().is_ok_and(|n| n == Exact::from(level)))
    };
    match (above, below) {
        (Some(above), Some(below)) if above == below && is_named(above) => Ok(()),
        _ => Err(place.refuse(
            "outcomes",
            "some values have none; give one of them { other = true }",
        )),
    }
}

fn source(
    place: &Place,
    name: &str,
    table: &Values,
    context: &Context<'_>,
    maturity: Maturity,
    compare: Compare,
) -> Result<FactSource, Refusal> {
    if name == PEERCOIN {
        return nodes::source(place, table, context, maturity);
    }
    if name != GENERIC {
        return Err(place.refuse(
            "provider",
            format!("{name:?} states no value; known are {GENERIC}, {PEERCOIN}, {OPERATORS}"),
        ));
    }
    check_names(place, name, table, &[GENERIC_NAME])?;
    let SourceValue::Text(name) = place.required(GENERIC_NAME, table.get(GENERIC_NAME))? else {
        return Err(place.refuse(GENERIC_NAME, "must be a text"));
    };
    let entry = context
        .generic
        .get(name)
        .ok_or_else(|| place.refuse(GENERIC_NAME, format!("there is no [generic.{name}]")))?;
    let mut parameters = entry.parameters.clone();
    parameters.insert("url".to_owned(), url(place, &entry.url, maturity)?);
    if compare == Compare::Number {
        parameters.insert("compare".to_owned(), "number".to_owned());
    }
    Ok(FactSource {
        id: SourceId::write(GENERIC, name),
        provider: GENERIC.to_owned(),
        root: entry.root.clone(),
        parameters,
    })
}

/// The URL for the maturity: what is asked is fixed when the event is announced.
fn url(place: &Place, template: &str, maturity: Maturity) -> Result<String, Refusal> {
    let refuse = |reason: String| place.refuse(GENERIC_NAME, format!("{template:?}: {reason}"));
    let parsed = Template::parse(template).map_err(|e| refuse(e.to_string()))?;
    let url = parsed.render(maturity.unix());
    url.ok_or_else(|| refuse("the maturity is beyond any calendar".to_owned()))
}
