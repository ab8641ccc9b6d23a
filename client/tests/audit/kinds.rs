//! Bets on a match beside its result, and other public values: what the evidence
//! comes to passes, and an outcome or a fact that is not it is named.

use serde_json::json;

use super::common::{Log, Told, told};
use super::{audit_of, clean, finds, names};

/// A log of the rounds, each with the outcome that `attested` makes of its own.
fn log(told: &[Told], attested: impl Fn(&Told) -> String) -> Log {
    let mut log = Log::new();
    let promises: Vec<_> = told.iter().map(|t| log.announce_told(t)).collect();
    for (told, promise) in told.iter().zip(&promises) {
        log.attest_told(told, promise, &attested(told));
    }
    log
}

#[tokio::test]
async fn an_event_of_each_kind_and_market_is_decided_again() {
    let told = told();
    let outcomes: Vec<&str> = told.iter().map(|t| t.outcome.as_str()).collect();
    assert_eq!(outcomes, ["over", "push", "1", "yes", "812345"]);
    let report = audit_of(&log(&told, |t| t.outcome.clone())).await;
    clean(&report);
    let totals = report.totals;
    assert_eq!((totals.announcements, totals.attestations), (5, 5));
    assert_eq!((totals.outcomes_replayed, totals.policies), (5, 5));
}

/// Another outcome that the event can have.
fn lie(told: &Told) -> String {
    let other = match told.id {
        "total" => "under",
        "handicap" => "home",
        "margin" => "-1",
        "release" => "no",
        _ => "812346",
    };
    other.to_owned()
}

#[tokio::test]
async fn another_outcome_than_the_facts_come_to_is_named() {
    let told = told();
    let report = audit_of(&log(&told, lie)).await;
    for (position, told) in (6..).zip(&told) {
        let (id, other) = (told.id, lie(told));
        finds(
            &report,
            &format!("of entry {position} (attestation of {id}): outcome: attested {other:?}"),
        );
        names(
            &report.violations,
            &format!("the evidence comes to {:?}", told.outcome),
        );
    }
}

#[tokio::test]
async fn a_fact_that_the_answer_does_not_state_is_named() {
    let mut told = told();
    // The oracle writes another score, another value, and what follows from them.
    for told in &mut told {
        let (path, said) = match told.policy.rule.kind() {
            "match" => ("/match/regular", json!({"home": 0, "away": 1})),
            _ => ("/value/value", json!("7")),
        };
        let fact = told.manifest.observations[0].fact.as_mut().unwrap();
        *fact.pointer_mut(path).unwrap() = said;
    }
    let report = audit_of(&log(&told, lie)).await;
    for told in &told {
        let source = &told.manifest.observations[0].source;
        let about = format!("(attestation of {}): ", told.id);
        let lie = format!("{source} attempt=1: fact: recorded ");
        let all = report.violations.first.iter().map(ToString::to_string);
        let own: Vec<String> = all.filter(|f| f.contains(&about)).collect();
        assert!(own.iter().any(|f| f.contains(&lie)), "{lie}: {own:#?}");
    }
}
