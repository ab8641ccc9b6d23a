//! Prices: a cross of two legs, from the venues' samples.

use oracle_feeds::replay::{Conclusion, Standing};
use oracle_feeds::rule::{Fixing, cross, decide_leg, outcome};
use oracle_feeds::{Exchange, PriceQuery, Query, SourceReading};
use oracle_schema::policy::{
    CsvFormat, DecimalMark, LegPolicy, PricePolicy, Rule, SourcePolicy, TimeUnit,
};
use serde_json::json;

use super::{Case, answered, asked, assert_objection, assert_reproduced, silent};
use crate::common::{T, d, generic, leg, price_of, source, time};

macro_rules! sample {
    ($file:literal) => {
        include_bytes!(concat!("../../../samples/", $file)).as_slice()
    };
}

const PPC: &[u8] = br#"{"price":"0.00000412","ts":1790870400}"#;
const PPC_TABLE: &[u8] = b"ts;price\n1790870400;0,00000412\n";

fn thin(name: &str) -> SourcePolicy {
    SourcePolicy {
        id: format!("generic:{name}"),
        symbol: name.to_owned(),
        root: name.to_owned(),
        ..generic(&format!("http://{name}.test/p?at={{unix}}"), TimeUnit::S)
    }
}

/// The same as a table with a decimal comma.
fn thin_table(name: &str) -> SourcePolicy {
    let mut source = thin(name);
    let selector = source.selector.as_mut().unwrap();
    (selector.value, selector.time) = ("price".to_owned(), Some("ts".to_owned()));
    selector.csv = Some(CsvFormat {
        delimiter: ';',
        decimal: DecimalMark::Comma,
        row: None,
    });
    source
}

fn legs() -> Vec<LegPolicy> {
    let venues = [
        source("kraken", "XBTUSD"),
        source("coinbase", "BTC-USD"),
        source("bitstamp", "btcusd"),
        source("gemini", "btcusd"),
    ];
    vec![
        LegPolicy {
            name: "ppcbtc".to_owned(),
            sources: vec![thin("a"), thin_table("b")],
            ..leg(2, &[])
        },
        LegPolicy {
            sources: venues.into(),
            ..leg(3, &[])
        },
    ]
}

fn read(leg: &LegPolicy, source: usize, answers: &[&dyn Fn() -> Exchange]) -> SourceReading {
    let query = Query::Price(PriceQuery::of(leg, &leg.sources[source], T));
    asked(&query, answers)
}

/// What each venue answers, in the order of the policy.
fn answer(leg: &LegPolicy, source: usize) -> &'static [u8] {
    match leg.sources[source].provider.as_str() {
        "kraken" => sample!("kraken/ohlc_ok.json"),
        "coinbase" => sample!("coinbase/candles_ok.json"),
        "bitstamp" => sample!("bitstamp/ohlc_ok.json"),
        "gemini" => sample!("gemini/candles_ok.json"),
        _ if source == 0 => PPC,
        _ => PPC_TABLE,
    }
}

/// PPC/USD in microdollars. At the first attempt one venue is silent and two
/// are down; at the second all answer.
pub(super) fn case() -> Case {
    let price = PricePolicy {
        name: "ppcusd".to_owned(),
        legs: legs(),
    };
    let rule = Rule::Digits {
        price,
        decimals: 6,
        base: 2,
        digits: 20,
        unit: "uUSD/PPC".to_owned(),
    };
    let mut case = Case::new(rule, T, T + 72);
    for leg in legs() {
        for source in 0..leg.sources.len() {
            let first = match source {
                0 => read(&leg, source, &[&|| silent(T + 61)]),
                _ => read(&leg, source, &[&|| answered(503, b"down", T + 61)]),
            };
            case.record(Some(&leg.name), 1, &first, true);
        }
        for source in 0..leg.sources.len() {
            let body = answer(&leg, source);
            let second = read(&leg, source, &[&|| answered(200, body, T + 71)]);
            case.record(Some(&leg.name), 2, &second, true);
        }
    }
    decide(&mut case, 2);
    case
}

/// Decides as the service does, from the readings of that attempt.
fn decide(case: &mut Case, attempt: i64) {
    let mut decided = Vec::new();
    let mut prices = Vec::new();
    for leg in legs() {
        let rows = case.manifest.observations.iter();
        let readings: Vec<SourceReading> = rows
            .filter(|o| o.leg.as_deref() == Some(&leg.name) && o.attempt == attempt)
            .map(|o| SourceReading {
                source: o.source.clone(),
                root: o.root.clone(),
                exchanges: vec![oracle_feeds::record::exchange(o, Vec::new()).unwrap()],
                reading: oracle_feeds::record::reading(o).unwrap(),
            })
            .collect();
        let fixing = decide_leg(&leg, T, time(T + 72), &readings);
        let Fixing::Attest { price, trace } = &fixing else {
            panic!("{fixing:?}");
        };
        prices.push(price_of(&fixing));
        decided.push(json!({"name": leg.name, "price": price, "trace": trace}));
    }
    let price = cross(&prices).unwrap();
    case.manifest.decision = json!({"price": price, "legs": decided});
    let descriptor = oracle_feeds::rule::outcome::descriptor(&case.policy.rule).unwrap();
    case.outcome = outcome(&case.policy.rule, &price, &descriptor).unwrap();
}

#[test]
fn an_honest_price_is_found_again_from_the_bodies() {
    let case = case();
    let report = assert_reproduced(&case);
    // 0.00000412 × (61233.4 + 61234.5) / 2
    assert_eq!(report.price, Some(d("0.252283874").into()));
    assert_eq!(report.outcome.as_deref(), Some("252284"));
    assert_eq!(report.observations.len(), 12);
    assert_eq!(report.count(|s| *s == Standing::Unanswered), 2);
    assert_eq!(report.count(|s| *s == Standing::Reproduced), 10);
}

#[test]
fn a_venue_that_did_not_answer_in_time_left_nothing_to_replay() {
    let mut case = case();
    let of_gemini =
        |o: &oracle_schema::evidence::Observation| o.source == "gemini:btcusd" && o.attempt == 2;
    case.manifest.observations.retain(|o| !of_gemini(o));
    decide(&mut case, 2);
    // The service notes that it waited in vain.
    case.manifest.decision["legs"][1]["trace"]["sources"][3]["verdict"] = json!("transient");
    let report = assert_reproduced(&case);
    assert_eq!(report.outcome.as_deref(), Some("252286"));
}

#[test]
fn the_first_attempt_that_comes_to_a_price_decides_for_good() {
    let mut case = case();
    let leg = &legs()[0];
    for source in 0..2 {
        let dearer = String::from_utf8(answer(leg, source).to_vec()).unwrap();
        let dearer = dearer.replace("00412", "00413");
        let third = read(leg, source, &[&|| answered(200, dearer.as_bytes(), T + 71)]);
        case.record(Some("ppcbtc"), 3, &third, true);
    }
    assert_reproduced(&case);
    // An oracle that took the later one instead is found out.
    for row in &mut case.manifest.observations {
        if row.leg.as_deref() == Some("btcusd") && row.attempt == 2 {
            row.attempt = 3;
        }
    }
    decide(&mut case, 3);
    assert_objection(
        &case.report(),
        "decision.legs.ppcbtc.price: recorded 0.00000413",
    );
}

#[test]
fn answers_over_several_requests_are_read_together() {
    let young = br#"{"error":[],"result":{"XXBTZUSD":[
        [1790913600,"1","1","1","1","1","1",1],[1790913660,"1","1","1","1","1","1",1]],"last":1790913600}}"#;
    let trades = sample!("kraken/trades_ok.json");
    let mut case = case();
    case.manifest
        .observations
        .retain(|o| o.source != "kraken:XBTUSD" || o.attempt != 2);
    let kraken = read(
        &legs()[1],
        0,
        &[&|| answered(200, young, T + 71), &|| {
            answered(200, trades, T + 71)
        }],
    );
    case.record(Some("btcusd"), 2, &kraken, true);
    // The last exchange comes with the reading of both.
    let rows = case.manifest.observations.len();
    let mut whole = case;
    {
        let readings: Vec<SourceReading> = (1..4)
            .map(|n| {
                let body = answer(&legs()[1], n);
                read(&legs()[1], n, &[&|| answered(200, body, T + 71)])
            })
            .chain([kraken])
            .collect();
        let Fixing::Attest { price, trace } = decide_leg(&legs()[1], T, time(T + 72), &readings)
        else {
            panic!("no price");
        };
        whole.manifest.decision["legs"][1] =
            json!({"name": "btcusd", "price": price, "trace": trace});
    }
    let report = assert_reproduced(&whole);
    assert_eq!(report.count(|s| *s == Standing::Reproduced), 11);
    // Without its first half the second is no answer to anything.
    whole.manifest.observations.remove(rows - 2);
    assert_objection(&whole.report(), "kraken:XBTUSD: url: ");
}

#[test]
fn a_body_that_should_be_public_and_is_not_there_leaves_it_undecided() {
    let mut case = case();
    let sha256 = case.rows("gemini:btcusd")[1].sha256.clone().unwrap();
    case.bodies.remove(&sha256);
    let report = case.report();
    assert_eq!(report.conclusion(), Conclusion::Incomplete);
    assert_eq!(report.outcome.as_deref(), Some("252284"));
    let missing = |s: &Standing| matches!(s, Standing::Missing(why) if why.contains(&sha256));
    assert_eq!(report.count(missing), 1);
    // The venue's licence is no excuse.
    case.rows("gemini:btcusd")[1].public = false;
    let report = case.report();
    assert_eq!(report.conclusion(), Conclusion::Incomplete);
    let withheld = |s: &Standing| matches!(s, Standing::Missing(why) if why.starts_with("public"));
    assert_eq!(report.count(withheld), 1);
}

#[test]
fn a_provider_reached_elsewhere_is_noted_and_its_request_still_checked() {
    let mut case = case();
    for row in case.rows("kraken:XBTUSD") {
        row.url = row
            .url
            .replace("https://api.kraken.com", "http://127.0.0.1:9101");
    }
    let report = assert_reproduced(&case);
    let notes: Vec<_> = report
        .observations
        .iter()
        .filter_map(|o| o.note.as_deref())
        .collect();
    assert_eq!(notes, ["not asked at https://api.kraken.com"; 2]);
    for row in case.rows("kraken:XBTUSD") {
        row.url = row.url.replace("XBTUSD", "XBTEUR");
    }
    assert_objection(&case.report(), "kraken:XBTUSD: url: ");
}

#[test]
fn a_generic_source_is_asked_where_the_policy_says() {
    let mut case = case();
    for row in case.rows("generic:a") {
        row.url = row.url.replace("a.test", "b.test");
    }
    assert_objection(&case.report(), "generic:a: url: ");
}

#[test]
fn what_another_version_of_an_adapter_read_otherwise_cannot_be_judged() {
    let mut case = case();
    case.rows("coinbase:BTC-USD")[1].adapter = "coinbase/9".to_owned();
    assert_reproduced(&case);
    // It is taken as recorded, like the decision that it led to, and named.
    case.rows("coinbase:BTC-USD")[1].effective_at = Some(T - 60);
    let sources = &mut case.manifest.decision["legs"][1]["trace"]["sources"];
    let index = sources
        .as_array()
        .unwrap()
        .iter()
        .position(|s| s["source"] == "coinbase:BTC-USD")
        .unwrap();
    sources[index]["effective_at"] = (T - 60).into();
    let report = case.report();
    assert_eq!(report.conclusion(), Conclusion::Incomplete, "{report:#?}");
    let named = |s: &Standing| matches!(s, Standing::Missing(why) if why.contains("coinbase/9"));
    assert_eq!(report.count(named), 1);
}

#[test]
fn what_another_version_of_an_adapter_asked_otherwise_is_taken_as_recorded() {
    // As before bars were asked for beyond the maturity.
    let shorter = |case: &mut Case, adapter: &str| {
        let row = case.rows("coinbase:BTC-USD").remove(1);
        row.url = row.url.replace("T17:00:00Z", "T16:00:00Z");
        adapter.clone_into(&mut row.adapter);
    };
    let mut older = case();
    shorter(&mut older, "coinbase/2");
    let report = older.report();
    assert_eq!(report.conclusion(), Conclusion::Incomplete, "{report:#?}");
    assert_eq!(report.outcome.as_deref(), Some("252284"));
    let named = |s: &Standing| {
        let begins = "adapter: coinbase/2 asked otherwise than coinbase/3";
        matches!(s, Standing::Missing(why) if why.starts_with(begins))
    };
    assert_eq!(report.count(named), 1);
    // Not if this version says that it asked so, nor if the body is another.
    let mut same = case();
    shorter(&mut same, "coinbase/3");
    assert_objection(&same.report(), "coinbase:BTC-USD: url: ");
    let sha256 = older.rows("coinbase:BTC-USD")[1].sha256.clone().unwrap();
    older.bodies.insert(sha256, b"[]".to_vec());
    assert_objection(&older.report(), "coinbase:BTC-USD: sha256: ");
    // Where a policy has the whole URL no version may ask elsewhere.
    let mut elsewhere = case();
    for row in elsewhere.rows("generic:a") {
        row.url = row.url.replace("a.test", "b.test");
        "generic/2".clone_into(&mut row.adapter);
    }
    assert_objection(&elsewhere.report(), "generic:a: url: ");
}
