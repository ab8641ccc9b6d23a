//! Evidence replayed: what was decided follows again, and nothing else does.

mod chain;
mod facts;
mod lag;
mod price;
mod tampered;

use std::collections::BTreeMap;

use oracle_feeds::record::fact;
use oracle_feeds::replay::{Conclusion, Evidence, Report, replay};
use oracle_feeds::rule::outcome::descriptor;
use oracle_feeds::{Exchange, Query, Reading, Request, SourceReading, Target, provider};
use oracle_schema::EventId;
use oracle_schema::Outcome;
use oracle_schema::evidence::{MANIFEST_VERSION, Manifest, Observation as Row, method};
use oracle_schema::policy::{Policy, Rule, canonical_json, policy_hash};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::common::{exchange, time};

/// An outcome and its evidence, as an oracle publishes them.
struct Case {
    policy: Policy,
    manifest: Manifest,
    at: i64,
    outcome: Outcome,
    bodies: BTreeMap<String, Vec<u8>>,
}

impl Case {
    fn new(rule: Rule, at: i64, decided: i64) -> Self {
        let outcome = Outcome::Enum(String::new());
        Self {
            policy: Policy {
                version: 1,
                rule,
                give_up_after_s: 30 * 86_400,
                title: None,
                description: None,
                names: BTreeMap::new(),
            },
            manifest: Manifest {
                version: MANIFEST_VERSION,
                maturity: at,
                decided_ms: decided * 1000,
                observations: Vec::new(),
                operators: Vec::new(),
                decision: Value::Null,
            },
            at,
            outcome,
            bodies: BTreeMap::new(),
        }
    }

    /// Records a reading as the service does; bodies of `public` ones are kept.
    fn record(&mut self, leg: Option<&str>, attempt: i64, reading: &SourceReading, public: bool) {
        for exchange in &reading.exchanges {
            let row = row(leg, attempt, reading, exchange, public);
            if let Some(sha256) = row.sha256.clone().filter(|_| public) {
                self.bodies.insert(sha256, exchange.body.clone());
            }
            self.manifest.observations.push(row);
        }
    }

    /// The replay, all hashes being those of the bytes.
    fn report(&self) -> Report {
        let manifest = canonical_json(&self.manifest).unwrap();
        self.report_of(&manifest, Sha256::digest(&manifest).into())
    }

    fn report_of(&self, manifest: &[u8], manifest_sha256: [u8; 32]) -> Report {
        let policy = self.policy.canonical().unwrap();
        replay(&Evidence {
            manifest,
            manifest_sha256,
            policy: &policy,
            policy_hash: policy_hash(&policy),
            event_id: &event_id(),
            maturity: self.at,
            descriptor: &descriptor(&self.policy.rule).unwrap(),
            outcome: &self.outcome,
            bodies: &self.bodies,
        })
    }

    /// The rows of a source.
    fn rows(&mut self, source: &str) -> Vec<&mut Row> {
        let rows = self.manifest.observations.iter_mut();
        rows.filter(|o| o.source == source).collect()
    }
}

/// The event of every case.
fn event_id() -> EventId {
    EventId::parse("an-event").unwrap()
}

/// Asks as the fetcher does; these are the answers.
fn asked(query: &Query<'_>, answers: &[&dyn Fn() -> Exchange]) -> SourceReading {
    let adapter = provider(query.provider()).unwrap();
    let mut exchanges: Vec<Exchange> = Vec::new();
    for answer in answers {
        let request = adapter.plan(query, &exchanges).unwrap();
        exchanges.push(Exchange {
            url: url(adapter.base_url(), &request),
            posted: request.body,
            ..answer()
        });
    }
    assert_eq!(adapter.plan(query, &exchanges), None, "{}", query.source());
    SourceReading {
        source: query.source().to_owned(),
        root: query.root().to_owned(),
        reading: adapter.interpret(query, &exchanges),
        exchanges,
    }
}

fn url(base: &str, request: &Request) -> String {
    match &request.target {
        Target::Path(path) => format!("{base}{path}"),
        Target::Absolute(url) => url.clone(),
    }
}

/// An answer at `at`, with a `Date` of that second.
fn answered(status: u16, body: &[u8], at: i64) -> Exchange {
    Exchange {
        sent_at: time(at),
        received_at: time(at),
        headers: vec![("date".to_owned(), time(at).to_rfc2822())],
        date: Some(time(at)),
        sha256: Some(Sha256::digest(body).into()),
        ..exchange(status, body)
    }
}

/// No answer at `at`.
fn silent(at: i64) -> Exchange {
    Exchange {
        sent_at: time(at),
        received_at: time(at + 5),
        status: None,
        date: None,
        failure: Some("timeout".to_owned()),
        ..exchange(200, b"")
    }
}

fn row(
    leg: Option<&str>,
    attempt: i64,
    reading: &SourceReading,
    exchange: &Exchange,
    public: bool,
) -> Row {
    let adapter = provider(reading.source.split(':').next().unwrap()).unwrap();
    let observed = matches!(reading.reading, Reading::Observation(_));
    Row {
        leg: leg.map(str::to_owned),
        source: reading.source.clone(),
        root: reading.root.clone(),
        adapter: format!("{}/{}", adapter.name(), adapter.version()),
        method: method(exchange.posted.as_deref()).to_owned(),
        url: exchange.url.clone(),
        posted: exchange.posted.clone(),
        sent_ms: exchange.sent_at.timestamp_millis(),
        received_ms: exchange.received_at.timestamp_millis(),
        status: exchange.status,
        failure: exchange.failure.clone(),
        headers: exchange.headers.clone(),
        date_ms: exchange.date.map(|d| d.timestamp_millis()),
        certificate_sha256: None,
        sha256: exchange.sha256.map(hex::encode),
        public,
        not_kept: None,
        literal: observed.then(|| reading.reading.detail().to_owned()),
        effective_at: reading.reading.price().map(|p| p.effective_at),
        fact: fact(&reading.reading).unwrap(),
        verdict: reading.reading.verdict().to_owned(),
        detail: Some(reading.reading.detail().to_owned()),
        attempt,
        reads: 1,
    }
}

/// Everything that a report objects to.
fn objections(report: &Report) -> Vec<String> {
    use oracle_feeds::replay::Standing;
    let exchanges = report
        .observations
        .iter()
        .filter_map(|o| match &o.standing {
            Standing::Mismatch(why) => Some(format!("{}: {why}", o.source)),
            _ => None,
        });
    exchanges.chain(report.mismatches.clone()).collect()
}

#[track_caller]
fn assert_reproduced(case: &Case) -> Report {
    let report = case.report();
    assert_eq!(
        report.conclusion(),
        Conclusion::Reproduced,
        "{:#?}\n{:?}",
        objections(&report),
        report.missing
    );
    report
}

/// A mismatch, one of whose objections begins so.
#[track_caller]
fn assert_objection(report: &Report, begins: &str) {
    assert_eq!(report.conclusion(), Conclusion::Mismatch);
    let objections = objections(report);
    assert!(
        objections.iter().any(|o| o.starts_with(begins)),
        "{begins}: {objections:#?}"
    );
}
