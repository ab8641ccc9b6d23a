//! Honest rounds of bets on a match and of other public values, one of each kind
//! and market: the policy, the answer, the manifest and what it comes to.

use chrono::{DateTime, Utc};
use oracle_feeds::record::fact;
use oracle_feeds::rule::outcome::descriptor;
use oracle_feeds::rule::{Verdict, facts};
use oracle_feeds::{Exchange, Query, SourceReading, Target, provider};
use oracle_schema::Descriptor;
use oracle_schema::evidence::{MANIFEST_VERSION, Manifest, Observation};
use oracle_schema::log_entry::LogEntry;
use oracle_schema::policy::{Policy, canonical_json, policy_hash};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Announced, Log, T};

/// A match that ended 2-1, as a provider tells it whose answers are public.
const MATCH: &str = include_str!("../../../feeds/samples/openligadb/finished.json");
/// Its kickoff.
const KICKOFF: i64 = 1_792_859_400;
/// What the mirror of a release states.
const RELEASE: &str = r#"{"version":"16.0"}"#;
/// What an explorer states.
const HEIGHT: &str = r#"{"height":812345}"#;

/// An event of facts that one answer decides.
pub struct Told {
    pub id: &'static str,
    pub policy: Policy,
    pub body: &'static str,
    pub manifest: Manifest,
    /// What the evidence comes to.
    pub outcome: String,
}

/// One of each kind and market.
pub fn told() -> Vec<Told> {
    let number = |digits: u16, unit: &str, signed: bool| json!({"base": 2, "digits": digits, "decimals": 0, "unit": unit, "signed": signed});
    let total = json!({
        "market": "total", "line": "2.5", "outcomes": ["over", "under", "void"],
    });
    let spread = json!({
        "market": "spread", "line": "-1", "outcomes": ["home", "away", "push", "void"],
    });
    let margin = json!({
        "market": "spread", "outcomes": [], "digits": number(6, "goals", true),
    });
    let release = json!({
        "outcomes": ["yes", "no"], "compare": "text",
        "tests": {"yes": {"equals": "16.0"}, "no": {"other": true}},
    });
    let height = json!({
        "outcomes": [], "tests": {}, "compare": "number", "digits": number(24, "blocks", false),
    });
    vec![
        round("total", &game(total), MATCH),
        round("handicap", &game(spread), MATCH),
        round("margin", &game(margin), MATCH),
        round("release", &value("$.version", release), RELEASE),
        round("height", &value("$.height", height), HEIGHT),
    ]
}

/// One source, one read.
fn with(mut rule: Value, more: &Value) -> Value {
    let pace = json!({"agree": 1, "stable_reads": 1, "read_every_s": 30, "settle_delay_s": 0});
    let members = rule.as_object_mut().unwrap();
    for fields in [more, &pace] {
        members.extend(fields.as_object().unwrap().clone());
    }
    rule
}

fn game(rule: Value) -> Value {
    let source = json!({
        "id": "openligadb:77001/40/7", "provider": "openligadb", "root": "openligadb",
        "parameters": {"match": "77001", "home": "40", "away": "7"},
    });
    let terms = json!({
        "kind": "match", "kickoff": KICKOFF, "basis": "regular_time", "void_after_s": 172_800,
        "on_dissent": "hold", "sources": [source],
    });
    with(rule, &terms)
}

fn value(place: &str, rule: Value) -> Value {
    let mut parameters = json!({
        "name": "mirror", "url": "http://mirror.test/", "value": place,
    });
    if rule["compare"] == "number" {
        parameters["compare"] = "number".into();
    }
    let source = json!({
        "id": "generic:mirror", "provider": "generic", "root": "mirror", "parameters": parameters,
    });
    with(rule, &json!({"kind": "fact", "sources": [source]}))
}

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(T + 1, 0).unwrap()
}

fn round(id: &'static str, rule: &Value, body: &'static str) -> Told {
    let document = json!({"version": 1, "give_up_after_s": 259_200, "rule": rule});
    let policy = Policy::parse(document.to_string().as_bytes()).unwrap();
    let source = &policy.rule.fact_sources()[0];
    let adapter = provider(&source.provider).unwrap();
    let query = Query::Fact(source);
    let url = match adapter.plan(&query, &[]).unwrap().target {
        Target::Path(path) => format!("{}{path}", adapter.base_url()),
        Target::Absolute(url) => url,
    };
    let exchanges = vec![Exchange {
        url,
        posted: None,
        sent_at: at(),
        received_at: at(),
        status: Some(200),
        headers: Vec::new(),
        certificate: None,
        body: body.as_bytes().to_vec(),
        sha256: Some(Sha256::digest(body).into()),
        date: None,
        failure: None,
    }];
    let reading = SourceReading {
        source: source.id.clone(),
        root: source.root.clone(),
        reading: adapter.interpret(&query, &exchanges),
        exchanges,
    };
    let row = row(&reading, adapter.name(), adapter.version());
    let decision = facts::decide(&policy.rule, T, at(), &[reading], &[]).unwrap();
    let Verdict::Attest { outcome } = decision.verdict else {
        panic!("{id}: {decision:?}");
    };
    let manifest = Manifest {
        version: MANIFEST_VERSION,
        maturity: T,
        decided_ms: (T + 1) * 1000,
        observations: vec![row],
        operators: Vec::new(),
        decision: json!({"outcome": outcome, "trace": decision.trace}),
    };
    Told {
        id,
        policy,
        body,
        manifest,
        outcome,
    }
}

fn row(reading: &SourceReading, adapter: &str, version: u32) -> Observation {
    let exchange = &reading.exchanges[0];
    Observation {
        leg: None,
        source: reading.source.clone(),
        root: reading.root.clone(),
        adapter: format!("{adapter}/{version}"),
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
        effective_at: None,
        fact: fact(&reading.reading).unwrap(),
        verdict: reading.reading.verdict().to_owned(),
        detail: None,
        attempt: 1,
        reads: 1,
    }
}

impl Log {
    /// Announces the event of a round.
    pub fn announce_told(&mut self, told: &Told) -> (u64, Announced, Descriptor) {
        let document = told.policy.canonical().unwrap();
        self.publish("policies", &document);
        let descriptor = descriptor(&told.policy.rule).unwrap();
        let announced = self.oracle.announce(told.id, descriptor.clone());
        let at = self.push(&LogEntry::Announcement {
            policy_hash: policy_hash(&document),
            announcement: announced.announcement.clone(),
        });
        (at, announced, descriptor)
    }

    /// Attests this outcome on the evidence of the round.
    pub fn attest_told(
        &mut self,
        told: &Told,
        (at, announced, descriptor): &(u64, Announced, Descriptor),
        outcome: &str,
    ) -> u64 {
        let manifest = canonical_json(&told.manifest).unwrap();
        self.publish("manifests", &manifest);
        self.publish("evidence", told.body.as_bytes());
        let messages = descriptor.outcome(outcome).unwrap().messages();
        let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
        self.push(&LogEntry::Attestation {
            announcement_position: *at,
            manifest_sha256: Sha256::digest(&manifest).into(),
            attestation: self.oracle.attest(announced, &messages),
        })
    }
}
