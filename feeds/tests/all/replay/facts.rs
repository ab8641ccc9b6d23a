//! Matches: answers over time, one of two sources kept back by its licence.

use ed25519_dalek::SigningKey;
use oracle_feeds::replay::Standing;
use oracle_feeds::rule::{OperatorReport, Verdict, facts};
use oracle_feeds::{Query, SourceReading};
use oracle_schema::http_signature::{Parameters, Request, SignedRequest, body_sha256, sign};
use oracle_schema::log_entry::LogEntry;
use oracle_schema::operator::{OperatorAction, Verb};
use oracle_schema::policy::{MatchPolicy, Rule};
use oracle_schema::{EventId, Outcome};
use serde_json::json;

use super::{Case, answered, asked, assert_objection, assert_reproduced, silent};
use crate::common::time;
use crate::sports::{AT, FOOTBALL_DATA, OPENLIGADB, policy, sample};

const SETTLED: i64 = AT + 90 + 7200;

fn rule() -> MatchPolicy {
    policy(2, &["openligadb", "football-data"])
}

/// In play, then over, an outage, and still over when the delay has passed.
pub(super) fn case() -> Case {
    case_of(OPENLIGADB)
}

/// The same, with doubts about the result.
fn doubtful_case() -> Case {
    case_of(sample!("openligadb/finished_goals_disagree.json"))
}

fn case_of(openligadb: &str) -> Case {
    let mut case = Case::new(Rule::Match(rule()), AT, SETTLED);
    let playing = [
        sample!("openligadb/scheduled.json"),
        sample!("football-data/in_play.json"),
    ];
    let over = [openligadb, FOOTBALL_DATA];
    let mut readings: Vec<SourceReading> = Vec::new();
    let times = [AT, AT + 30, AT + 60, AT + 90, SETTLED];
    for (attempt, at) in (1..).zip(times) {
        for (n, source) in rule().sources.iter().enumerate() {
            let body = if at == AT { playing[n] } else { over[n] };
            let reading = asked(
                &Query::Fact(source),
                &[&|| {
                    if at == AT + 60 {
                        silent(at)
                    } else {
                        answered(200, body.as_bytes(), at)
                    }
                }],
            );
            case.record(None, attempt, &reading, n == 0);
            readings.push(reading);
        }
    }
    let decision = facts::decide(&case.policy.rule, AT, time(SETTLED), &readings, &[]).unwrap();
    let Verdict::Attest { outcome } = decision.verdict else {
        panic!("{decision:?}");
    };
    case.manifest.decision = json!({"outcome": outcome, "trace": decision.trace});
    case.outcome = Outcome::Enum(outcome);
    case
}

#[test]
fn an_honest_result_follows_again_and_what_was_withheld_is_not_called_verified() {
    let report = assert_reproduced(&case());
    assert_eq!(report.outcome.as_deref(), Some("home"));
    assert_eq!(report.count(|s| *s == Standing::Reproduced), 4);
    assert_eq!(report.count(|s| *s == Standing::Withheld), 4);
    assert_eq!(report.count(|s| *s == Standing::Unanswered), 2);
}

#[test]
fn a_withheld_body_that_somebody_disclosed_is_read_again() {
    let mut case = case();
    let sha256 = case.rows("football-data:551001")[1].sha256.clone().unwrap();
    case.bodies
        .insert(sha256.clone(), FOOTBALL_DATA.as_bytes().to_vec());
    let report = assert_reproduced(&case);
    assert_eq!(report.count(|s| *s == Standing::Withheld), 1);
    // And one that was passed on as it is not the one.
    case.bodies.insert(sha256, b"{}".to_vec());
    assert_objection(&case.report(), "football-data:551001: sha256: ");
}

#[test]
fn a_fact_that_its_body_does_not_state_is_named() {
    let mut case = case();
    for row in case.rows("openligadb:77001") {
        if let Some(fact) = &mut row.fact {
            fact["match"]["regular"] = json!({"home": 1, "away": 1});
        }
    }
    assert_objection(&case.report(), "openligadb:77001: fact: recorded");
}

#[test]
fn a_doubt_may_be_worded_otherwise_but_not_be_left_out() {
    let with = |mut case: Case, is_doubtful: bool, doubts: serde_json::Value| {
        for row in case.rows("openligadb:77001") {
            let of_match = row.fact.as_mut().map(|fact| &mut fact["match"]["doubts"]);
            let Some(of_match) = of_match else { continue };
            if (*of_match == json!([])) != is_doubtful {
                *of_match = doubts.clone();
            }
        }
        case
    };
    assert_reproduced(&doubtful_case());
    let worded = json!(["the goals and the result differ", "and so on"]);
    assert_reproduced(&with(doubtful_case(), true, worded));
    let without = with(doubtful_case(), true, json!([]));
    let objects = "openligadb:77001: fact: recorded";
    assert_objection(&without.report(), objects);
    // Nor may one be made up that its body does not give.
    let made_up = with(case(), false, json!(["it looked odd"]));
    assert_objection(&made_up.report(), objects);
}

#[test]
fn a_withheld_fact_that_says_otherwise_does_not_lead_to_the_outcome() {
    let mut case = case();
    for row in case.rows("football-data:551001") {
        if let Some(fact) = &mut row.fact {
            fact["match"]["regular"] = json!({"home": 1, "away": 1});
            fact["match"]["winner"] = json!(null);
        }
    }
    assert_objection(
        &case.report(),
        "decision.outcome: the evidence comes to none (held)",
    );
}

#[test]
fn a_decision_before_the_delay_is_over_is_found_out() {
    let mut case = case();
    case.manifest.decided_ms = (SETTLED - 100) * 1000;
    case.manifest.observations.truncate(8);
    assert_objection(
        &case.report(),
        "decision.outcome: the evidence comes to none (provisional)",
    );
}

#[test]
fn an_outcome_that_the_evidence_does_not_lead_to_is_found_out() {
    let mut case = case();
    case.outcome = Outcome::Enum("away".to_owned());
    assert_objection(&case.report(), "outcome: attested \"away\"");
    // Also where the recorded decision says the same.
    case.manifest.decision["outcome"] = json!("away");
    assert_objection(
        &case.report(),
        "decision.outcome: recorded away, decided again home",
    );
}

/// Whose key is whose.
fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(&[name.as_bytes()[0]; 32])
}

fn public_key(name: &str) -> String {
    hex::encode(key(name).verifying_key().to_bytes())
}

/// The log's entry of a request that an operator signed at `at`, hex.
fn acted(name: &str, verb: Verb, body: &serde_json::Value, at: i64, event: &str) -> String {
    let path = format!("/v1/events/{event}/{}", verb.segment().unwrap());
    let body = body.to_string().into_bytes();
    let request = Request {
        method: "POST",
        authority: "oracle.test",
        path: &path,
        query: None,
        body: &body,
    };
    let parameters = Parameters::new(at, at + 60, "0123456789abcdef", name).unwrap();
    let values = sign(&request, &parameters, &key(name)).unwrap();
    let public = key(name).verifying_key().to_bytes();
    let request = SignedRequest::parse(&request, &values).unwrap();
    let request = request.verify(&public, at).unwrap();
    let time_ms = u64::try_from(at * 1000).unwrap();
    let action = OperatorAction::new(verb, EventId::parse(event).unwrap(), time_ms, &request);
    hex::encode(LogEntry::OperatorAction(action).to_bytes().unwrap())
}

fn reported(name: &str, outcome: &str, at: i64) -> String {
    acted(
        name,
        Verb::Report,
        &json!({ "outcome": outcome }),
        at,
        "an-event",
    )
}

/// A question to alice and bob, of whom alice has reported.
fn asked_of_operators(k: u32) -> Case {
    let mut case = case();
    let member = |name: &str| json!({ "name": name, "public_key": public_key(name) });
    case.policy.rule = Rule::Operators(oracle_schema::policy::OperatorsPolicy {
        outcomes: rule().outcomes,
        panel: serde_json::from_value(json!({
            "members": [member("alice"), member("bob")], "k": k
        }))
        .unwrap(),
        settle_delay_s: 60,
    });
    case.manifest.observations.clear();
    case.manifest.operators = vec![reported("alice", "home", AT)];
    case.outcome = Outcome::Enum("home".to_owned());
    case
}

#[test]
fn reports_of_operators_are_weighed_again_and_only_what_they_signed() {
    let mut case = asked_of_operators(1);
    let body = json!({ "outcome": "home" }).to_string();
    let report = OperatorReport {
        operator: "alice".to_owned(),
        public_key: public_key("alice"),
        outcome: "home".to_owned(),
        received_ms: AT * 1000,
        sha256: body_sha256(body.as_bytes()),
    };
    let rule = &case.policy.rule;
    let decision = facts::decide(rule, AT, time(SETTLED), &[], &[report]).unwrap();
    case.manifest.decision = json!({"outcome": "home", "trace": decision.trace});
    assert_reproduced(&case);
    let honest = case.manifest.operators[0].clone();
    case.manifest.operators = vec![reported("alice", "away", AT)];
    assert_objection(
        &case.report(),
        "decision.outcome: recorded home, decided again away",
    );
    // Mallory's word under alice's name, and alice's about another event.
    let forged = honest.replace(&public_key("alice"), &public_key("mallory"));
    case.manifest.operators = vec![forged];
    assert_objection(&case.report(), "operators[0]: ");
    let body = json!({ "outcome": "home" });
    let other = acted("alice", Verb::Report, &body, AT, "another-event");
    case.manifest.operators = vec![other];
    assert_objection(&case.report(), "operators[0]: is about another-event");
    case.manifest.operators.clear();
    assert_objection(
        &case.report(),
        "decision.outcome: the evidence comes to none",
    );
}

#[test]
fn what_two_operators_released_is_theirs_and_not_one_operators() {
    let said = |operator: &str, verb: &str| {
        json!({
            "source": format!("operators:{operator}"), "root": "operators", "verdict": verb,
            "literal": "5a", "outcome": "home", "reads": 1, "since_ms": AT * 1000, "why": null,
        })
    };
    let body = json!({ "outcome": "home" }).to_string();
    let hash = hex::encode(body_sha256(body.as_bytes()));
    let released = |approver: &str, hash: &str, at: i64| {
        let mut case = asked_of_operators(2);
        let trace = json!({
            "at": AT, "clock": {"dates": 0, "ahead_s": null}, "agree": 2,
            "agreed_since_ms": SETTLED * 1000,
            "sources": [said("alice", "report"), said(approver, "approve")],
        });
        case.manifest.decision = json!({"outcome": "home", "trace": trace});
        let approval = json!({ "report": hash });
        let approved = acted(approver, Verb::Approve, &approval, at, "an-event");
        case.manifest.operators.push(approved);
        case
    };
    assert_reproduced(&released("bob", &hash, SETTLED));
    let mut unsigned = released("bob", &hash, SETTLED);
    unsigned.manifest.operators.pop();
    let mut never_reported = released("bob", &hash, SETTLED);
    never_reported.manifest.operators.remove(0);
    for spoilt in [
        released("alice", &hash, SETTLED),
        released("bob", &"5b".repeat(32), SETTLED),
        released("bob", &hash, AT - 1),
        unsigned,
        never_reported,
    ] {
        assert_objection(&spoilt.report(), "decision: no two operators");
    }
}
