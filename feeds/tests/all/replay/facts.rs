//! Matches: answers over time, one of two sources kept back by its licence.

use oracle_feeds::replay::{Conclusion, Standing};
use oracle_feeds::rule::{Verdict, facts};
use oracle_feeds::{Query, SourceReading};
use oracle_schema::Outcome;
use oracle_schema::policy::{MatchPolicy, Rule};
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
    let mut case = Case::new(Rule::Match(rule()), AT, SETTLED);
    let playing = [
        sample!("openligadb/scheduled.json"),
        sample!("football-data/in_play.json"),
    ];
    let over = [OPENLIGADB, FOOTBALL_DATA];
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
    let decision = facts::decide(&case.policy.rule, AT, time(SETTLED), &readings).unwrap();
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

#[test]
fn what_no_rule_of_this_build_decides_is_incomplete() {
    let mut case = case();
    let Rule::Match(policy) = &case.policy.rule else {
        panic!("a match");
    };
    case.policy.rule = Rule::Operators(oracle_schema::policy::OperatorsPolicy {
        outcomes: policy.outcomes.clone(),
        panel: serde_json::from_value(json!({"members": [], "k": 1})).unwrap(),
        settle_delay_s: 0,
    });
    case.manifest.observations.clear();
    let report = case.report();
    assert_eq!(report.conclusion(), Conclusion::Incomplete);
    assert!(
        report.missing[0].contains("operators"),
        "{:?}",
        report.missing
    );
}
