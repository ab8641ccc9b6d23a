//! Prices that waited for a late venue.

use oracle_feeds::replay::Conclusion;
use oracle_feeds::rule::{Cause, Fixing, cross, decide_leg, outcome};
use oracle_feeds::{Exchange, PriceQuery, Query, Reading, SourceReading};
use oracle_schema::policy::{LegPolicy, PricePolicy, Rule};
use serde_json::json;

use super::{Case, answered, asked, assert_objection, assert_reproduced};
use crate::common::{T, cause_of, d, leg, source, time};

/// Coinbase's bars a minute after T, when the last five are missing.
const LATE: &[u8] = include_bytes!("../../../samples/coinbase/candles_late.json");
/// The same bars once all are there.
const LATER: &[u8] = include_bytes!("../../../samples/coinbase/candles_caught_up.json");
/// Trades of a pair so busy that the newest thousand all came after T.
const TRADES: &[u8] = include_bytes!("../../../samples/coinbase/trades_after.json");
const GEMINI: &[u8] = b"[[1790870400000,1,1,1,61231,1],[1790870340000,1,1,1,61230,1]]";

fn waiting() -> LegPolicy {
    LegPolicy {
        sources: vec![source("coinbase", "BTC-USD"), source("gemini", "btcusd")],
        max_lag_s: Some(600),
        ..leg(1, &[])
    }
}

fn read(leg: &LegPolicy, source: usize, bodies: &[&[u8]], at: i64) -> SourceReading {
    let query = Query::Price(PriceQuery {
        source: &leg.sources[source],
        at: T,
        max_trade_age_s: leg.max_trade_age_s,
        sample_from_s: None,
    });
    let answers: Vec<Box<dyn Fn() -> Exchange + '_>> = bodies
        .iter()
        .map(|body| Box::new(move || answered(200, body, at)) as Box<dyn Fn() -> Exchange>)
        .collect();
    let answers: Vec<&dyn Fn() -> Exchange> = answers.iter().map(AsRef::as_ref).collect();
    asked(&query, &answers)
}

/// Attempts at these times; coinbase is late until the last, if it catches up.
fn case(times: &[i64], catches_up: bool) -> Case {
    let leg = waiting();
    let decided = times.last().unwrap();
    let rule = Rule::Digits {
        price: PricePolicy {
            name: "btcusd".to_owned(),
            legs: vec![leg.clone()],
        },
        decimals: 2,
        base: 2,
        digits: 30,
        unit: "cents".to_owned(),
    };
    let mut case = Case::new(rule, T, *decided);
    for (attempt, at) in (1..).zip(times) {
        let coinbase: &[&[u8]] = if at == decided && catches_up {
            &[LATER]
        } else {
            &[LATE, TRADES]
        };
        let readings = [read(&leg, 0, coinbase, *at), read(&leg, 1, &[GEMINI], *at)];
        for reading in &readings {
            case.record(Some(&leg.name), attempt, reading, true);
        }
        match decide_leg(&leg, T, time(*at), &readings) {
            Fixing::Attest { price, trace } if at == decided => {
                let all = cross(&[price]).unwrap();
                case.manifest.decision = json!({
                    "price": all,
                    "legs": [{"name": leg.name, "price": price, "trace": trace}],
                });
                let descriptor = oracle_feeds::rule::descriptor(&case.policy.rule).unwrap();
                case.outcome = outcome(&case.policy.rule, &all, &descriptor).unwrap();
            }
            fixing => {
                assert!(matches!(readings[0].reading, Reading::Lagging(_)));
                let waits = matches!(cause_of(&fixing), Cause::Lagging { .. });
                assert!(waits && at != decided, "{fixing:?}");
            }
        }
    }
    case
}

#[test]
fn a_venue_that_caught_up_is_in_the_price_that_follows_again() {
    let report = assert_reproduced(&case(&[T + 61, T + 120, T + 480], true));
    // (61236.12 + 61230) / 2
    assert_eq!(report.price, Some(d("61233.06").into()));
    assert_eq!(report.outcome.as_deref(), Some("6123306"));
}

#[test]
fn a_price_decided_without_a_late_venue_follows_again_from_its_last_attempt() {
    let case = case(&[T + 61, T + 599, T + 600], false);
    let report = assert_reproduced(&case);
    assert_eq!(report.price, Some(d("61230").into()));
    // Without the last attempt it was too early.
    let mut early = case;
    early.manifest.observations.retain(|o| o.attempt < 3);
    let begins = "decision.legs.btcusd: the evidence comes to no price: waiting until";
    assert_objection(&early.report(), begins);
}

#[test]
fn that_a_venue_lagged_is_known_without_its_answer() {
    let mut case = case(&[T + 61, T + 480], true);
    let rows = case.rows("coinbase:BTC-USD");
    assert!(rows[..2].iter().all(|r| r.verdict == "not_yet"));
    assert!(
        rows[..2]
            .iter()
            .all(|r| r.fact == Some(json!({"lagging": true})))
    );
    let sha256 = rows[1].sha256.clone().unwrap();
    case.bodies.remove(&sha256);
    let report = case.report();
    assert_eq!(report.conclusion(), Conclusion::Incomplete, "{report:#?}");
    assert_eq!(report.outcome.as_deref(), Some("6123306"));
    // An oracle that hides it where the answer is there is found out.
    let mut hidden = self::case(&[T + 61, T + 480], true);
    for row in hidden.rows("coinbase:BTC-USD") {
        row.fact = None;
    }
    assert_objection(&hidden.report(), "coinbase:BTC-USD: fact: ");
}
