use oracle_feeds::rule::{Fixing, decide_leg};
use oracle_feeds::{Query, provider, provider_names};
use oracle_schema::policy::{FactSource, TimeUnit};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::common::{T, exchange, generic, leg, query_at, reading, source, time};

const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

fn prices() -> impl Strategy<Value = Vec<(i64, u32)>> {
    prop::collection::vec((1_i64..100_000_000_000, 0_u32..8), 1..7)
}

fn readings(prices: &[(i64, u32)]) -> Vec<oracle_feeds::SourceReading> {
    NAMES
        .iter()
        .zip(prices)
        .map(|(name, (m, scale))| reading(name, &Decimal::new(*m, *scale).to_string()))
        .collect()
}

fn json_like() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("1790870340".to_owned()),
        Just("1790870340000".to_owned()),
        Just("\"61234.5\"".to_owned()),
        Just("61234.5".to_owned()),
        Just("-9223372036854775808".to_owned()),
        Just("\"99999999999999999999999999\"".to_owned()),
        Just("null".to_owned()),
        Just("\"\"".to_owned()),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        let key = prop::sample::select(vec![
            "error",
            "result",
            "last",
            "XXBTZUSD",
            "data",
            "ohlc",
            "timestamp",
            "close",
            "volume",
            "price",
            "ts",
            "timestampms",
            "tid",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..9).prop_map(|v| format!("[{}]", v.join(","))),
            prop::collection::vec((key, inner), 0..5).prop_map(|v| {
                let members: Vec<_> = v.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// A source of a provider, every parameter of it the number 1.
fn fact_source(provider: &str, parameters: &[&str]) -> FactSource {
    FactSource {
        id: format!("{provider}:1"),
        provider: provider.to_owned(),
        root: provider.to_owned(),
        parameters: parameters
            .iter()
            .map(|name| ((*name).to_owned(), "1".to_owned()))
            .collect(),
    }
}

fn every_provider_survives(bodies: &[Vec<u8>], at: i64) {
    for name in provider_names() {
        let mut s = source(name, "XBTUSD");
        if name == "generic" {
            s = generic("http://x.test/", TimeUnit::S);
        }
        let q = query_at(&s, at);
        let fact = fact_source(name, provider(name).unwrap().parameters());
        let adapter = provider(name).unwrap();
        let mut done = Vec::new();
        for body in bodies {
            let mut answer = exchange(200, body);
            answer.sent_at = time(T + 61).max(time(at.clamp(0, T * 2)));
            answer.date = None;
            done.push(answer);
            let _ = adapter.plan(&q, &done);
            let _ = adapter.interpret(&q, &done).detail();
            let _ = adapter.interpret(&Query::Fact(&fact), &done).detail();
        }
    }
}

proptest! {
    #[test]
    fn the_fixing_lies_among_the_prices(prices in prices(), min in 1_u32..4) {
        let readings = readings(&prices);
        if let Fixing::Attest { price, trace } = decide_leg(&leg(min, &NAMES), T, time(T + 61), &readings) {
            let all: Vec<Decimal> = readings.iter().filter_map(|r| Some(r.reading.price()?.price)).collect();
            prop_assert!(price >= *all.iter().min().unwrap() && price <= *all.iter().max().unwrap());
            prop_assert!(trace.kept >= min);
        }
    }

    #[test]
    fn the_order_of_readings_never_matters(prices in prices(), seed in any::<prop::sample::Index>()) {
        let mut shuffled = readings(&prices);
        let leg = leg(2, &NAMES);
        let decision = decide_leg(&leg, T, time(T + 61), &shuffled);
        let by = seed.index(shuffled.len());
        shuffled.rotate_left(by);
        prop_assert_eq!(&decision, &decide_leg(&leg, T, time(T + 61), &shuffled));
        shuffled.reverse();
        prop_assert_eq!(decision, decide_leg(&leg, T, time(T + 61), &shuffled));
    }

    #[test]
    fn early_readings_never_decide(prices in prices(), early in 1_i64..100_000, now in 0_i64..100_000) {
        let mut all = readings(&prices);
        for r in &mut all {
            r.exchanges[0].sent_at = time(T - early);
        }
        let decision = decide_leg(&leg(1, &NAMES), T, time(T + now), &all);
        prop_assert!(matches!(decision, Fixing::Pending { .. }), "{:?}", decision);
    }

    #[test]
    fn no_bytes_panic_an_adapter(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..3),
        at in any::<i64>(),
    ) {
        every_provider_survives(&bodies, at);
    }

    #[test]
    fn no_json_panics_an_adapter(bodies in prop::collection::vec(json_like(), 1..4)) {
        let bodies: Vec<Vec<u8>> = bodies.into_iter().map(String::into_bytes).collect();
        every_provider_survives(&bodies, T);
    }
}
