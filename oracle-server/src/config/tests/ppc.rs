//! `deploy/examples/ppc.toml` against answers of the shapes it was written for.

use chrono::{DateTime, TimeDelta, Utc};
use oracle_feeds::observation::{Exchange, PriceQuery, Query, SourceReading};
use oracle_feeds::provider;
use oracle_feeds::rule::{Fixing, decide_leg};
use oracle_schema::policy::LegPolicy;
use serde_json::{Value, json};

use super::*;

const EXAMPLE: &str = include_str!("../../../../deploy/examples/ppc.toml");

/// A maturity: midnight.
const T: i64 = 1_790_812_800;

fn leg() -> LegPolicy {
    let config = Config::parse(EXAMPLE, Path::new("/")).unwrap_or_else(|e| panic!("{e}"));
    let mut price = config.prices.get("ppcusdt").unwrap().clone();
    price.legs.remove(0)
}

fn mexc(rows: &[(i64, &str, &str)]) -> Value {
    let row = |(open, close, volume): &(i64, &str, &str)| {
        let ms = (T + open) * 1000;
        json!([
            ms,
            "0.26",
            "0.27",
            "0.25",
            close,
            volume,
            ms + 60_000,
            "1.2"
        ])
    };
    rows.iter().map(row).collect()
}

fn nonkyc(rows: &[(i64, f64, f64)]) -> Value {
    let row = |(open, close, volume): &(i64, f64, f64)| {
        json!({"time": T + open, "open": 0.26, "high": 0.27, "low": 0.25, "close": close,
            "volume": volume})
    };
    json!({"bars": rows.iter().map(row).collect::<Vec<_>>(), "meta": {"noData": false}})
}

fn coinpaprika(rows: &[(&str, f64)]) -> Value {
    let row = |(time, price): &(&str, f64)| json!({"timestamp": time, "price": price, "volume_24h": 1968, "market_cap": 8_376_178});
    rows.iter().map(row).collect()
}

/// What the leg comes to, and what each source read.
fn decide(answers: [Value; 3]) -> (Option<String>, Vec<(String, String)>) {
    let leg = leg();
    let sent_at = DateTime::<Utc>::from_timestamp(T, 0).unwrap() + TimeDelta::minutes(6);
    let readings: Vec<SourceReading> = leg
        .sources
        .iter()
        .zip(answers)
        .map(|(source, answer)| {
            let query = Query::Price(PriceQuery::of(&leg, source, T));
            let adapter = provider(&source.provider).unwrap();
            assert!(adapter.plan(&query, &[]).is_some());
            let exchange = Exchange {
                url: "https://venue.test/".to_owned(),
                posted: None,
                sent_at,
                received_at: sent_at,
                status: Some(200),
                headers: Vec::new(),
                certificate: None,
                body: answer.to_string().into_bytes(),
                sha256: None,
                date: Some(sent_at),
                failure: None,
            };
            let exchanges = vec![exchange];
            SourceReading {
                source: source.id.clone(),
                root: source.root.clone(),
                reading: adapter.interpret(&query, &exchanges),
                exchanges,
            }
        })
        .collect();
    let read = readings
        .iter()
        .map(|r| {
            (
                r.reading.verdict().to_owned(),
                r.reading.detail().to_owned(),
            )
        })
        .collect();
    let price = match decide_leg(&leg, T, sent_at, &readings) {
        Fixing::Attest { price, .. } => Some(price.normalize().to_string()),
        Fixing::Pending { .. } => None,
    };
    (price, read)
}

fn good() -> [Value; 3] {
    [
        mexc(&[(-60, "0.2600", "12.5"), (0, "0.9999", "1")]),
        nonkyc(&[(-300, 0.262, 3.0), (0, 0.9999, 1.0)]),
        coinpaprika(&[
            ("2026-09-30T23:55:00Z", 0.25),
            ("2026-10-01T00:00:00Z", 0.261),
            ("2026-10-01T00:05:00Z", 0.9999),
        ]),
    ]
}

#[test]
fn the_example_prices_peercoin_from_the_documented_shapes() {
    let (price, read) = decide(good());
    // The aggregator answers, and has no vote beside the venue it lists.
    assert_eq!(price.as_deref(), Some("0.261"), "{read:?}");
    let literals: Vec<&str> = read.iter().map(|(_, literal)| literal.as_str()).collect();
    assert_eq!(literals, ["0.2600", "0.262", "0.261"]);
}

#[test]
fn the_example_asks_for_times_around_the_maturity() {
    let leg = leg();
    let urls: Vec<String> = leg
        .sources
        .iter()
        .map(|source| {
            let query = Query::Price(PriceQuery::of(&leg, source, T));
            format!("{:?}", provider("generic").unwrap().plan(&query, &[]))
        })
        .collect();
    for (url, times) in urls.iter().zip([
        "startTime=1790791200000&endTime=1790813400000",
        "from=1790791200&to=1790813400",
        "start=1790791200&end=1790813400",
    ]) {
        assert!(url.contains(times), "{url}");
    }
}

#[test]
fn a_frozen_venue_has_no_vote_and_the_aggregator_takes_its_place() {
    let mut answers = good();
    let frozen: Vec<(i64, &str, &str)> = (-400..=1).map(|n| (n * 60, "0.31", "0")).collect();
    answers[0] = mexc(&frozen);
    let (price, read) = decide(answers);
    assert_eq!(read[0].0, "no_data");
    assert_eq!(price.as_deref(), Some("0.2615"), "{read:?}");
}

#[test]
fn a_venue_that_lags_is_waited_for() {
    let mut answers = good();
    answers[1] = nonkyc(&[(-600, 0.262, 3.0)]);
    let (price, read) = decide(answers);
    assert_eq!(read[1].0, "not_yet");
    assert_eq!(price, None, "one root is left of two");
}

#[test]
fn milliseconds_where_seconds_are_declared_are_refused() {
    let mut answers = good();
    let text = answers[1]
        .to_string()
        .replace(&T.to_string(), &(T * 1000).to_string());
    let text = text.replace(&(T - 300).to_string(), &((T - 300) * 1000).to_string());
    answers[1] = serde_json::from_str(&text).unwrap();
    let (_, read) = decide(answers);
    assert_eq!(read[1].0, "contradiction", "{read:?}");
}
