//! Vectors of log entries and of the policy document.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use oracle_schema::EventId;
use oracle_schema::log_entry::{
    Genesis, GenesisStatement, LogEntry, NoticeKind, Status, StatusKind,
};
use oracle_schema::operator::{OperatorAction, Verb};
use oracle_schema::policy::{
    LegPolicy, Method, POLICY_VERSION, Policy, PricePolicy, Rule, Selector, SourcePolicy, TimeUnit,
    policy_hash,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::events::{choice, digits};
use crate::generate::file;
use crate::generate_nonce_proof::prove;
use crate::generate_operator;
use crate::oracle::TestOracle;

/// When the events under the policies mature.
const MATURITY: i64 = 1_795_363_200; // 2026-11-22T16:00:00Z

/// Where the verb of an action on [`generate_operator::EVENT`] stands.
const VERB_AT: usize = 2 + 1 + generate_operator::EVENT.len() + 8;

/// Valid entries, by name.
pub(crate) fn entries(oracle: &TestOracle) -> Vec<(&'static str, LogEntry)> {
    let statement = GenesisStatement {
        network: "peercoin-regtest".to_owned(),
        oracle_public_key: oracle.public_key(),
        log_public_key: [7; 32],
        log_origin: "oracle.example/log".to_owned(),
        created_ms: 1_795_363_200_123,
    };
    let signature = oracle.sign_digest(&statement.digest().unwrap());
    let announced = oracle.announce("logged", 1_795_363_200, choice(&["yes", "no"]));
    let number = oracle.announce("logged-digits", 1_795_363_200, digits(10, true, 2));
    let notice = |kind, reason: &str| LogEntry::Notice {
        kind,
        event_id: EventId::parse("logged-refund").unwrap(),
        time_ms: 1_795_622_400_000,
        reason: reason.to_owned(),
    };
    vec![
        (
            "genesis",
            LogEntry::Genesis(Genesis {
                statement,
                signature,
            }),
        ),
        (
            "announcement",
            LogEntry::Announcement {
                policy_hash: [0x11; 32],
                announcement: announced.announcement.clone(),
            },
        ),
        (
            "announcement-digits",
            LogEntry::Announcement {
                policy_hash: [0x12; 32],
                announcement: number.announcement.clone(),
            },
        ),
        (
            "attestation",
            LogEntry::Attestation {
                announcement_position: 1,
                manifest_sha256: [0x22; 32],
                attestation: oracle.attest(&announced, &["yes".to_owned()]),
            },
        ),
        (
            "attestation-digits",
            LogEntry::Attestation {
                announcement_position: 2,
                manifest_sha256: [0x23; 32],
                attestation: oracle
                    .attest(&number, &["-".to_owned(), "4".to_owned(), "2".to_owned()]),
            },
        ),
        (
            "refund",
            notice(NoticeKind::Refund, "no fixing within 72 h"),
        ),
        ("withdrawn", notice(NoticeKind::Withdrawn, "")),
        ("operator-create", operator_action(Verb::Create)),
        ("operator-report", operator_action(Verb::Report)),
        ("operator-approve", operator_action(Verb::Approve)),
        ("operator-veto", operator_action(Verb::Veto)),
        ("operator-void", operator_action(Verb::Void)),
        (
            "proposal",
            status(
                StatusKind::Proposal("yes".to_owned()),
                "2 of 2 sources agree",
            ),
        ),
        ("hold", status(StatusKind::Hold, "sources contradict")),
        ("late", status(StatusKind::Late, "")),
        (
            "nonce-proof",
            LogEntry::NonceProof {
                announcement_position: 1,
                proof: prove(&announced),
            },
        ),
    ]
}

fn status(kind: StatusKind, reason: &str) -> LogEntry {
    LogEntry::Status(Status {
        event_id: EventId::parse("logged").unwrap(),
        time_ms: 1_795_363_260_500,
        kind,
        reason: reason.to_owned(),
    })
}

fn operator_action(verb: Verb) -> LogEntry {
    let verbs = generate_operator::verbs();
    let (_, sample) = verbs.iter().find(|(v, _)| *v == verb).unwrap();
    let key = generate_operator::key("alice").verifying_key().to_bytes();
    let request = sample.verified(&key).unwrap();
    let event_id = EventId::parse(generate_operator::EVENT).unwrap();
    let time_ms = u64::try_from(sample.now).unwrap() * 1000 + 250;
    LogEntry::OperatorAction(OperatorAction::new(verb, event_id, time_ms, &request))
}

pub(crate) fn cases(oracle: &TestOracle) -> Value {
    let mut cases: Vec<Value> = Vec::new();
    for (name, entry) in entries(oracle) {
        let bytes = entry.to_bytes().unwrap();
        let mut leaf = Sha256::new_with_prefix([0]);
        leaf.update(&bytes);
        let mut case = json!({
            "name": name,
            "entry": hex::encode(&bytes),
            "leaf_hash": hex::encode(leaf.finalize()),
            "error": null,
        });
        if let LogEntry::Genesis(genesis) = &entry {
            case["genesis_digest"] = json!(hex::encode(genesis.statement.digest().unwrap()));
        }
        cases.push(case);
    }
    for (name, error, bytes) in refused(oracle) {
        cases.push(json!({ "name": name, "entry": hex::encode(bytes), "error": error }));
    }
    file(
        "Log entries (docs/log-format.md). Where error is not null the entry must be refused; a \
         genesis-signature or operator-action entry decodes and its signature does not hold. leaf_hash is \
         SHA-256(0x00 then the entry).",
        &cases,
    )
}

fn refused(oracle: &TestOracle) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let entries = entries(oracle);
    let bytes = |name: &str| {
        let (_, entry) = entries.iter().find(|(n, _)| *n == name).unwrap();
        entry.to_bytes().unwrap()
    };
    let edit = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes(name);
        change(&mut bytes);
        bytes
    };
    let (_, LogEntry::Attestation { attestation, .. }) = &entries[3] else {
        unreachable!("the fourth entry is an attestation")
    };
    let counted = attestation.to_tlv(oracle_schema::codec::Layout::Counted);
    let header = 4;
    let mut refused = vec![
        ("nothing", "truncated", Vec::new()),
        ("version 2", "version", edit("refund", &|b| b[0] = 2)),
        ("type 7", "entry-type", edit("refund", &|b| b[1] = 7)),
        (
            "notice kind 3",
            "notice-kind",
            edit("refund", &|b| b[2] = 3),
        ),
        (
            "byte after a notice",
            "trailing",
            edit("refund", &|b| b.push(0)),
        ),
        (
            "notice cut short",
            "truncated",
            edit("refund", &|b| b.truncate(b.len() - 1)),
        ),
        (
            "genesis of no network",
            "text",
            edit("genesis", &|b| {
                b.splice(2..19, [0]);
            }),
        ),
        (
            "genesis forged",
            "genesis-signature",
            edit("genesis", &|b| b[60] ^= 1),
        ),
        (
            "attestation in the counted layout",
            "not-canonical",
            edit("attestation", &|b| {
                b.splice(42.., counted.iter().copied());
            }),
        ),
        (
            "announcement without its TLV header",
            "not-canonical",
            edit("announcement", &|b| {
                b.drain(34..34 + header);
            }),
        ),
        ("status kind 4", "status-kind", edit("hold", &|b| b[2] = 4)),
        (
            "proposal of nothing",
            "text",
            edit("proposal", &|b| {
                let outcome = 2 + 1 + 1 + "logged".len() + 8;
                b.splice(outcome..outcome + 4, [0]);
            }),
        ),
        (
            "nonce proof cut short",
            "truncated",
            edit("nonce-proof", &|b| b.truncate(b.len() - 1)),
        ),
        (
            "byte after a nonce proof",
            "trailing",
            edit("nonce-proof", &|b| b.push(0)),
        ),
        (
            "hold with an outcome",
            "trailing",
            edit("proposal", &|b| b[2] = 2),
        ),
    ];
    refused.extend(refused_actions(&bytes("operator-report")));
    refused.push(("longer than 65535 bytes", "entry-too-long", vec![1; 65_536]));
    refused
}

/// An operator's report, changed.
fn refused_actions(report: &[u8]) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let edit = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = report.to_vec();
        change(&mut bytes);
        bytes
    };
    vec![
        (
            "operator verb 6",
            "operator-verb",
            edit(&|b| b[VERB_AT] = 6),
        ),
        (
            "byte after an operator's body",
            "trailing",
            edit(&|b| b.push(b' ')),
        ),
        (
            "operator's body changed",
            "operator-action",
            edit(&|b| {
                let last = b.len() - 2;
                b[last] ^= 1;
            }),
        ),
        (
            "operator's report filed as a veto",
            "operator-action",
            edit(&|b| b[VERB_AT] = Verb::Veto.code()),
        ),
        (
            "operator's report filed under another event",
            "operator-action",
            edit(&|b| b[3] ^= 1),
        ),
    ]
}

/// Policies of both kinds and all shapes of a source.
pub(crate) fn policy_samples() -> Vec<(&'static str, Policy)> {
    let source = |id: &str, provider: &str, symbol: &str| SourcePolicy {
        id: id.to_owned(),
        provider: provider.to_owned(),
        symbol: symbol.to_owned(),
        root: provider.to_owned(),
        selector: None,
    };
    let btcusd = LegPolicy {
        name: "btcusd".to_owned(),
        method: Method::Close1mMedian,
        sources: vec![
            source("kraken:XBTUSD", "kraken", "XBTUSD"),
            source("coinbase:BTC-USD", "coinbase", "BTC-USD"),
        ],
        min_sources: NonZeroU32::new(2).unwrap(),
        max_deviation: "0.005".parse().unwrap(),
        max_trade_age_s: 900,
        settle_delay_s: 60,
        max_lag_s: None,
        sample: None,
    };
    let ppcbtc = LegPolicy {
        name: "ppcbtc".to_owned(),
        sources: vec![SourcePolicy {
            root: "venue-a".to_owned(),
            selector: Some(Selector {
                url: "http://127.0.0.1:9105/ppcbtc?at={unix}".to_owned(),
                value: "$.price".to_owned(),
                time: Some("$.ts".to_owned()),
                time_unit: Some(TimeUnit::S),
                history: true,
                bar: None,
                exponent: false,
                csv: None,
            }),
            ..source("generic:ppcbtc_a", "generic", "ppcbtc_a")
        }],
        min_sources: NonZeroU32::MIN,
        max_deviation: "0.05".parse().unwrap(),
        max_trade_age_s: 21_600,
        ..btcusd.clone()
    };
    let policy = |rule| Policy {
        version: POLICY_VERSION,
        rule,
        give_up_after_s: 259_200,
        title: None,
        description: None,
        names: BTreeMap::new(),
    };
    let threshold = policy(Rule::Threshold {
        price: PricePolicy {
            name: "btcusd".to_owned(),
            legs: vec![btcusd.clone()],
        },
        above: "60000.5".parse().unwrap(),
    });
    let asked = Policy {
        title: Some("Is {price} above {above} at {maturity}?".to_owned()),
        description: Some("By two venues.\n\nEqual is not above.".to_owned()),
        names: [("above", "Über 60.000,50 $"), ("not_above", "at most that")]
            .map(|(key, name)| (key.to_owned(), name.to_owned()))
            .into(),
        ..threshold.clone()
    };
    vec![
        ("threshold", threshold),
        ("threshold-asked", asked),
        (
            "digits-cross",
            policy(Rule::Digits {
                price: PricePolicy {
                    name: "ppcusd".to_owned(),
                    legs: vec![ppcbtc, btcusd],
                },
                decimals: 6,
                base: 2,
                digits: 20,
                unit: "uUSD/PPC".to_owned(),
            }),
        ),
    ]
}

/// Policies about facts, two of which attest a number: its unit is part of what they
/// ask, and a price is not.
fn fact_policy_samples() -> Vec<(&'static str, Policy)> {
    let asked = |provider: &str, parameters: Value| json!({"id": provider, "provider": provider, "root": provider, "parameters": parameters});
    let paced = |mut rule: Value| {
        let pace =
            json!({"agree": 1, "stable_reads": 2, "read_every_s": 30, "settle_delay_s": 7200});
        rule.as_object_mut()
            .unwrap()
            .extend(pace.as_object().unwrap().clone());
        rule
    };
    let game = |mut rule: Value| {
        let sides = json!({"match": "551001", "home": "5", "away": "4"});
        let terms = json!({
            "kind": "match", "kickoff": MATURITY - 7200, "basis": "regular_time",
            "void_after_s": 172_800, "on_dissent": "hold",
            "sources": [asked("football-data", sides)],
        });
        rule.as_object_mut()
            .unwrap()
            .extend(terms.as_object().unwrap().clone());
        paced(rule)
    };
    let value = |mut rule: Value| {
        let place = json!({"name": "mirror", "url": "http://127.0.0.1:9106/", "value": "$.v"});
        let terms = json!({
            "kind": "fact", "compare": "number", "sources": [asked("generic", place)],
        });
        rule.as_object_mut()
            .unwrap()
            .extend(terms.as_object().unwrap().clone());
        paced(rule)
    };
    let goals = json!({"base": 2, "digits": 6, "decimals": 0, "unit": "goals", "signed": true});
    let blocks = json!({"base": 2, "digits": 20, "decimals": 0, "unit": "blocks"});
    let question = |title: &str, rule: Value| {
        let document = json!({
            "version": 1, "give_up_after_s": 259_200, "rule": rule, "title": title,
            "description": "In {unit}, of {price}, above {above}.", "names": {"home": "Heim"},
        });
        Policy::parse(document.to_string().as_bytes()).unwrap()
    };
    vec![
        (
            "match-total",
            question(
                "More than 2.5 goals?",
                game(
                    json!({"market": "total", "line": "2.5", "outcomes": ["over", "under", "void"]}),
                ),
            ),
        ),
        (
            "match-margin",
            question(
                "By how many {unit} does Heim win by {maturity}?",
                game(json!({"market": "spread", "outcomes": [], "digits": goals})),
            ),
        ),
        (
            "fact-outcomes",
            question(
                "Is it above 7 {unit}?",
                value(json!({
                    "outcomes": ["above", "not"],
                    "tests": {"above": {"above": "7"}, "not": {"other": true}},
                })),
            ),
        ),
        (
            "fact-digits",
            question(
                "How many {unit} are there at {maturity}?",
                value(json!({"outcomes": [], "tests": {}, "digits": blocks})),
            ),
        ),
    ]
}

pub(crate) fn policies() -> Value {
    let case = |(name, policy): (&str, Policy)| {
        let canonical = policy.canonical().unwrap();
        let question = policy.question(Some(MATURITY));
        json!({
            "name": name,
            "policy_hash": hex::encode(policy_hash(&canonical)),
            "canonical": String::from_utf8(canonical).unwrap(),
            "maturity": MATURITY,
            "title": question.title,
            "description": question.description,
            "names": question.names,
        })
    };
    file(
        "Policy documents: the RFC 8785 text and its SHA-256, and what an event of that maturity \
         (Unix seconds) asks under it.",
        &policy_samples()
            .into_iter()
            .chain(fact_policy_samples())
            .map(case)
            .collect::<Vec<_>>(),
    )
}
