//! What sources must do to agree, whatever the facts.

use oracle_feeds::Exchange;
use oracle_feeds::rule::agreement::{Vote, Voter};
use oracle_feeds::rule::matches::decide;
use oracle_feeds::rule::{Cause, Grounds, Verdict};
use proptest::prelude::*;

use super::{AT, Story, answer, policy, sample};
use crate::common::time;

const HOME: [&str; 3] = [
    sample!("openligadb/finished.json"),
    sample!("football-data/finished.json"),
    sample!("api-football/ft.json"),
];
const OPEN: [&str; 3] = [
    sample!("openligadb/scheduled.json"),
    sample!("football-data/timed.json"),
    sample!("api-football/ns.json"),
];
const THREE: [&str; 3] = ["openligadb", "football-data", "api-football"];
const SETTLED: i64 = AT + 7200;

fn one() -> Story {
    Story::new(policy(1, &["football-data"]))
}

#[test]
fn one_reading_is_not_stable() {
    let mut story = one();
    story.read(AT, &[HOME[1]]);
    assert_eq!(story.verdict(SETTLED), "pending");
    story.read(AT + 30, &[HOME[1]]);
    assert_eq!(story.verdict(SETTLED), "provisional home");
}

#[test]
fn reading_that_is_handed_over_twice_is_one_reading() {
    let mut story = one();
    story.read(AT, &[HOME[1]]).read(AT, &[HOME[1]]);
    assert_eq!(story.verdict(AT), "pending");
}

#[test]
fn reading_before_maturity_never_counts() {
    let mut story = one();
    story.read(AT - 30, &[HOME[1]]).read(AT - 1, &[HOME[1]]);
    story.read(SETTLED, &[HOME[1]]);
    assert_eq!(story.verdict(SETTLED), "pending");
    assert_eq!(story.decide(SETTLED).trace.sources[0].reads, 1);
}

#[test]
fn reading_answered_before_maturity_by_the_providers_clock_never_counts() {
    let mut story = one();
    for at in [AT, AT + 30, SETTLED] {
        story.answered(0, at, answer(200, HOME[1], AT - 1));
    }
    assert!(!story.verdict(SETTLED).starts_with("attest"));
    assert_eq!(story.decide(SETTLED).trace.sources[0].reads, 0);
}

#[test]
fn nothing_is_decided_before_maturity() {
    let mut story = one();
    story.read(AT, &[HOME[1]]).read(AT + 30, &[HOME[1]]);
    assert_eq!(story.verdict(AT - 1), "pending");
}

#[test]
fn agreement_must_be_repeated_after_the_delay_by_as_many() {
    let mut story = Story::new(policy(2, &THREE));
    story.read(AT, &HOME).read(AT + 30, &HOME);
    story.answered(0, SETTLED, answer(200, HOME[0], SETTLED));
    assert_eq!(story.verdict(SETTLED + 9), "provisional home");
    story.answered(2, SETTLED + 9, answer(200, HOME[2], SETTLED + 9));
    assert_eq!(story.verdict(SETTLED + 9), "attest home");
}

#[test]
fn delay_counts_from_the_last_root_that_was_needed() {
    let mut story = Story::new(policy(2, &THREE[..2]));
    story.read(AT, &[HOME[0], OPEN[1]]);
    story.read(AT + 30, &[HOME[0], OPEN[1]]);
    for at in [AT + 600, AT + 630, SETTLED] {
        story.read(at, &HOME[..2]);
    }
    assert_eq!(story.verdict(SETTLED), "provisional home");
    story.read(SETTLED + 600, &HOME[..2]);
    assert_eq!(story.verdict(SETTLED + 600), "attest home");
}

#[test]
fn any_source_that_takes_a_result_back_restarts_the_delay() {
    // The third is not needed, and its change of mind counts all the same.
    let mut story = Story::new(policy(2, &THREE));
    story.read(AT, &HOME).read(AT + 30, &HOME);
    story.read(AT + 600, &[HOME[0], HOME[1], OPEN[2]]);
    story.read(SETTLED, &HOME);
    assert_eq!(story.verdict(SETTLED), "provisional home");
    story.read(SETTLED + 600, &HOME);
    assert_eq!(story.verdict(SETTLED + 600), "attest home");
}

#[test]
fn contradictory_answer_restarts_the_delay_and_the_count() {
    let odd = HOME[1].replace("\"FINISHED\"", "\"UNDER_REVIEW\"");
    let mut story = one();
    story.read(AT, &[HOME[1]]).read(AT + 30, &[HOME[1]]);
    story.read(AT + 600, &[&odd]);
    assert_eq!(story.verdict(AT + 600), "hold");
    story.read(AT + 630, &[HOME[1]]);
    assert_eq!(story.verdict(AT + 630), "pending");
    story.read(AT + 660, &[HOME[1]]).read(SETTLED, &[HOME[1]]);
    assert_eq!(story.verdict(SETTLED), "provisional home");
    story.read(SETTLED + 600, &[HOME[1]]);
    assert_eq!(story.verdict(SETTLED + 600), "attest home");
}

#[test]
fn silent_source_does_not_confirm() {
    let mut story = Story::new(policy(2, &THREE[..2]));
    story.read(AT, &HOME[..2]).read(AT + 30, &HOME[..2]);
    story.answered(0, SETTLED, answer(200, HOME[0], SETTLED));
    story.answered(1, SETTLED, answer(503, "", SETTLED));
    assert_eq!(story.verdict(SETTLED), "pending");
    // It comes back, and silence was no change of mind.
    story.answered(1, SETTLED + 30, answer(200, HOME[1], SETTLED + 30));
    assert_eq!(story.verdict(SETTLED + 30), "attest home");
}

#[test]
fn silence_takes_no_contradiction_back() {
    let away = HOME[2]
        .replace("\"home\": 2", "\"home\": 0")
        .replace("\"winner\": true", "\"winner\": null")
        .replace("\"winner\": false", "\"winner\": true");
    let mut story = Story::new(policy(2, &THREE));
    story.read(AT, &[HOME[0], HOME[1], &away]);
    assert_eq!(story.verdict(AT), "hold");
    for at in [AT + 30, SETTLED] {
        story.read(at, &HOME[..2]);
        story.answered(2, at, answer(503, "", at));
    }
    assert_eq!(story.verdict(SETTLED), "hold");
    assert!(story.reason(SETTLED).contains("sources disagree"));
}

#[test]
fn two_sources_of_one_root_count_once() {
    let mut policy = policy(2, &THREE[..2]);
    policy.sources[1].root = policy.sources[0].root.clone();
    let mut story = Story::new(policy);
    for at in [AT, AT + 30, SETTLED] {
        story.read(at, &HOME[..2]);
    }
    assert_eq!(story.verdict(SETTLED), "pending");
    assert!(story.reason(SETTLED).starts_with("1 of 2"));
}

#[test]
fn local_clock_more_than_a_minute_ahead_decides_nothing() {
    let story = |ahead: i64| {
        let mut story = one();
        for at in [AT, AT + 30, SETTLED] {
            story.answered(0, at + ahead, answer(200, HOME[1], at));
        }
        story
    };
    assert_eq!(story(60).verdict(SETTLED + 60), "attest home");
    let wrong = story(61);
    assert_eq!(wrong.verdict(SETTLED + 61), "pending");
    assert_eq!(wrong.cause(SETTLED + 61), Cause::Behind { by_s: 61 });
    // Nor does it end the void window.
    assert_eq!(wrong.cause(AT + 90 * 86_400), Cause::Behind { by_s: 61 });
}

/// What a cache has held for so many seconds.
fn cached(body: &str, at: i64, age: i64) -> Exchange {
    let mut exchange = answer(200, body, at - age);
    exchange.headers = vec![("age".to_owned(), age.to_string())];
    exchange
}

#[test]
fn an_answer_of_a_cache_is_no_doubt_about_the_clock() {
    let mut story = one();
    for at in [AT + 180, AT + 210, SETTLED + 360] {
        story.answered(0, at, cached(HOME[1], at, 180));
    }
    let decision = story.decide(SETTLED + 360);
    assert_eq!(decision.trace.clock.ahead_s, Some(0));
    assert_eq!(story.verdict(SETTLED + 360), "attest home");
}

#[test]
fn an_answer_made_before_the_maturity_does_not_count_and_is_no_alarm() {
    let mut story = one();
    for at in [AT + 10, AT + 40] {
        story.answered(0, at, cached(HOME[1], at, 180));
    }
    let cause = story.cause(AT + 40);
    assert!(matches!(cause, Cause::NoOutcome { .. }), "{cause}");
}

#[test]
fn a_copy_made_within_the_settle_delay_does_not_confirm_when_it_is_over() {
    let mut story = one();
    story.read(AT, &HOME[1..2]).read(AT + 30, &HOME[1..2]);
    story.answered(0, SETTLED + 60, cached(HOME[1], SETTLED + 60, 180));
    assert_eq!(story.verdict(SETTLED + 60), "provisional home");
    story.answered(0, SETTLED + 180, cached(HOME[1], SETTLED + 180, 180));
    assert_eq!(story.verdict(SETTLED + 180), "attest home");
}

#[test]
fn one_root_an_hour_behind_does_not_outvote_another_and_two_alike_do() {
    let story = |behind: [i64; 2]| {
        let mut story = Story::new(policy(2, &THREE[..2]));
        let start = AT + 3600;
        for at in [start, start + 30, start + 7200] {
            for (source, by) in behind.into_iter().enumerate() {
                story.answered(source, at, answer(200, HOME[source], at - by));
            }
        }
        story
    };
    let end = SETTLED + 3600;
    assert_eq!(story([0, 3600]).verdict(end), "attest home");
    let doubted = story([3595, 3600]).cause(end);
    assert_eq!(doubted, Cause::Clock { ahead_s: 3600 });
    let apart = story([1800, 3600]).cause(end);
    assert_eq!(apart, Cause::Behind { by_s: 3600 });
}

#[test]
fn trace_tells_what_every_source_said() {
    let mut story = Story::new(policy(2, &THREE));
    story.read(AT, &[HOME[0], HOME[1], OPEN[2]]);
    story.answered(1, AT + 30, answer(503, "", AT + 30));
    let trace = story.decide(AT + 30).trace;
    let told: Vec<_> = trace
        .sources
        .iter()
        .map(|s| (s.verdict.as_str(), s.outcome.as_deref(), s.reads))
        .collect();
    assert_eq!(
        told,
        [
            ("observation", Some("home"), 1),
            ("transient", Some("home"), 1),
            ("observation", None, 1),
        ]
    );
    assert_eq!(trace.agree, 2);
}

/// The operators' common vote, since `since`, heard at `now`.
fn panel(outcome: &str, since: i64, now: i64) -> Voter {
    let vote = Vote::For {
        outcome: outcome.to_owned(),
        because: Grounds::Reports(vec!["ann".to_owned(), "bob".to_owned()]),
    };
    Voter::immediate("operators", "operators", since * 1000, now * 1000, vote)
}

#[test]
fn panel_is_one_more_root_and_needs_no_second_reading() {
    let mut story = Story::new(policy(2, &THREE[..1]));
    story.read(AT, &HOME[..1]).read(AT + 30, &HOME[..1]);
    let verdict = |story: &Story, outcome: &str, now: i64| {
        let panel = panel(outcome, AT + 600, now);
        decide(&story.policy, AT, time(now), &story.readings, Some(panel)).verdict
    };
    assert_eq!(story.verdict(AT + 600), "pending");
    assert!(matches!(
        verdict(&story, "home", AT + 600),
        Verdict::Provisional { until, .. } if until == SETTLED + 600
    ));
    assert!(matches!(
        verdict(&story, "away", AT + 600),
        Verdict::Hold { .. }
    ));
    story.read(SETTLED + 600, &HOME[..1]);
    assert!(matches!(
        verdict(&story, "home", SETTLED + 600),
        Verdict::Attest { .. }
    ));
}

/// What a source answers at a step: a result, another, none yet, nonsense,
/// silence.
fn body(provider: usize, kind: u8) -> Option<String> {
    let home = HOME[provider];
    Some(match kind {
        0..=2 => home.to_owned(),
        3 => OPEN[provider].to_owned(),
        4 => home.replace("\"home\": 2", "\"home\": 3"),
        5 => "{}".to_owned(),
        _ => return None,
    })
}

pub(crate) fn told(steps: &[(usize, u32, u8, i64)]) -> Story {
    let mut story = Story::new(policy(2, &THREE));
    for (source, step, kind, skew) in steps {
        let at = AT + i64::from(*step) * 600;
        let (status, body) = match body(*source, *kind) {
            Some(body) => (200, body),
            None => (503, String::new()),
        };
        story.answered(*source, at, answer(status, &body, at - skew));
    }
    story
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn order_of_readings_never_matters(
        steps in prop::collection::vec((0_usize..3, 0_u32..20, 0_u8..8, 0_i64..90), 1..24),
        by in any::<prop::sample::Index>(),
        now in 0_i64..16_000,
    ) {
        let mut story = told(&steps);
        let decision = story.decide(AT + now);
        let by = by.index(story.readings.len());
        story.readings.rotate_left(by);
        prop_assert_eq!(&decision, &story.decide(AT + now));
        story.readings.reverse();
        prop_assert_eq!(&decision, &story.decide(AT + now));
    }

    #[test]
    fn early_readings_never_decide(
        steps in prop::collection::vec((0_usize..3, 0_u32..20, 0_u8..8, 0_i64..90), 1..24),
    ) {
        let mut story = told(&steps);
        for reading in &mut story.readings {
            reading.exchanges[0].sent_at = time(AT - 1);
        }
        prop_assert_eq!(story.verdict(SETTLED), "pending");
    }
}
