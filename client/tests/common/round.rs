//! An honest round of a price: its policy, the answers, the manifest.

use chrono::DateTime;
use oracle_feeds::rule::{Fixing, decide_leg};
use oracle_feeds::{Exchange, PriceQuery, Query, SourceReading, provider};
use oracle_schema::evidence::{MANIFEST_VERSION, Manifest, Observation};
use oracle_schema::policy::{Policy, canonical_json};
use serde_json::json;
use sha2::{Digest, Sha256};

/// The maturity of every test's announcement.
pub const T: i64 = 1_795_363_200;
pub const BODIES: [&str; 2] = [
    r#"{"price":"0.26","ts":1795363200}"#,
    r#"{"price":0.261,"ts":1795363140}"#,
];

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub fn policy() -> Policy {
    let source = |name: &str| {
        json!({
            "id": format!("generic:{name}"), "provider": "generic", "symbol": name, "root": name,
            "selector": {
                "url": format!("http://{name}.test/p?at={{unix}}"),
                "value": "$.price", "time": "$.ts", "time_unit": "s",
            },
        })
    };
    let leg = json!({
        "name": "ppcusd", "method": "close1m_median", "sources": [source("a"), source("b")],
        "min_sources": 2, "max_deviation": "0.05", "max_trade_age_s": 900, "settle_delay_s": 0,
    });
    serde_json::from_value(json!({
        "version": 1, "give_up_after_s": 259_200,
        "rule": {
            "kind": "threshold", "above": "0.25",
            "price": {"name": "ppcusd", "legs": [leg]},
        },
    }))
    .unwrap()
}

/// What the service records of an honest round at [`T`].
pub fn manifest(policy: &Policy) -> Vec<u8> {
    manifest_at(policy, T, BODIES)
}

/// What the service records of an honest round with these answers.
pub fn manifest_at(policy: &Policy, maturity: i64, bodies: [&str; 2]) -> Vec<u8> {
    let leg = &policy.rule.price().unwrap().legs[0];
    let at = DateTime::from_timestamp(maturity + 1, 0).unwrap();
    let readings: Vec<SourceReading> = leg
        .sources
        .iter()
        .zip(bodies)
        .map(|(source, body)| {
            let query = Query::Price(PriceQuery::of(leg, source, maturity));
            let exchanges = vec![Exchange {
                url: format!("http://{}.test/p?at={maturity}", source.symbol),
                posted: None,
                sent_at: at,
                received_at: at,
                status: Some(200),
                headers: Vec::new(),
                certificate: None,
                body: body.as_bytes().to_vec(),
                sha256: Some(Sha256::digest(body).into()),
                date: None,
                failure: None,
            }];
            SourceReading {
                source: source.id.clone(),
                root: source.root.clone(),
                reading: provider("generic").unwrap().interpret(&query, &exchanges),
                exchanges,
            }
        })
        .collect();
    let Fixing::Attest { price, trace } = decide_leg(leg, maturity, at, &readings) else {
        panic!("no price");
    };
    let observations = readings.iter().map(row).collect();
    canonical_json(&Manifest {
        version: MANIFEST_VERSION,
        maturity,
        decided_ms: (maturity + 1) * 1000,
        observations,
        operators: Vec::new(),
        decision: json!({
            "price": price,
            "legs": [{"name": "ppcusd", "price": price, "trace": trace}],
        }),
    })
    .unwrap()
}

fn row(reading: &SourceReading) -> Observation {
    let exchange = &reading.exchanges[0];
    Observation {
        leg: Some("ppcusd".to_owned()),
        source: reading.source.clone(),
        root: reading.root.clone(),
        adapter: "generic/1".to_owned(),
        method: "GET".to_owned(),
        url: exchange.url.clone(),
        posted: None,
        sent_ms: exchange.sent_at.timestamp_millis(),
        received_ms: exchange.received_at.timestamp_millis(),
        status: exchange.status,
        failure: None,
        headers: Vec::new(),
        date_ms: None,
        certificate_sha256: None,
        sha256: exchange.sha256.map(hex::encode),
        public: true,
        not_kept: None,
        literal: Some(reading.reading.detail().to_owned()),
        effective_at: reading.reading.price().map(|p| p.effective_at),
        fact: None,
        verdict: reading.reading.verdict().to_owned(),
        detail: None,
        attempt: 1,
        reads: 1,
    }
}
