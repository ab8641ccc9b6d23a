//! Totals and spreads: from the same score as the result, under the same rules of
//! time.

use oracle_feeds::fact::{MatchFact, MatchState, Score};
use oracle_feeds::rule::Verdict;
use oracle_feeds::{Observation, Reading, SourceReading};
use oracle_schema::policy::{DigitsPolicy, Market, MatchBasis, MatchPolicy};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::football::shootout;
use super::{AT, KICKOFF, Story, VOID_AT, answer, policy, sample, score};

/// 2-1.
const HOME: [&str; 2] = [
    sample!("openligadb/finished.json"),
    sample!("football-data/finished.json"),
];

fn bet(market: Market, line: &str) -> MatchPolicy {
    MatchPolicy {
        market,
        line: Some(line.parse().unwrap()),
        outcomes: market.outcomes().map(str::to_owned).into(),
        ..policy(2, &["openligadb", "football-data"])
    }
}

fn number(market: Market, digits: u16) -> MatchPolicy {
    MatchPolicy {
        market,
        line: None,
        outcomes: Vec::new(),
        digits: Some(DigitsPolicy {
            base: 2,
            digits,
            decimals: 0,
            unit: "goals".to_owned(),
            signed: market == Market::Spread,
        }),
        ..policy(2, &["openligadb", "football-data"])
    }
}

fn played(home: u32, away: u32) -> MatchFact {
    MatchFact {
        literal: format!("FINISHED {home}-{away}"),
        state: MatchState::Finished,
        kickoff: Some(KICKOFF),
        home: "40".to_owned(),
        away: "7".to_owned(),
        regular: Some(score(home, away)),
        extra: None,
        penalties: None,
        end_unknown: false,
        extra_unknown: false,
        winner: None,
        doubts: Vec::new(),
    }
}

/// What `agree = 1` makes of a fact that is read three times.
fn settles(policy: &MatchPolicy, fact: &MatchFact) -> Verdict {
    let mut policy = policy.clone();
    policy.agree = 1.try_into().unwrap();
    policy.sources.truncate(1);
    let mut story = Story::new(policy);
    for at in [AT, AT + 30, AT + 7200] {
        let source = &story.policy.sources[0];
        story.readings.push(SourceReading {
            source: source.id.clone(),
            root: source.root.clone(),
            exchanges: vec![answer(200, "{}", at)],
            reading: Reading::Observation(Observation::Match(Box::new(fact.clone()))),
        });
    }
    story.decide(AT + 7200).verdict
}

fn attests(policy: &MatchPolicy, fact: &MatchFact) -> String {
    match settles(policy, fact) {
        Verdict::Attest { outcome } => outcome,
        other => panic!("{other:?}"),
    }
}

fn holds(policy: &MatchPolicy, fact: &MatchFact) -> String {
    match settles(policy, fact) {
        Verdict::Hold { cause } => cause.to_string(),
        other => panic!("{other:?}"),
    }
}

fn waits(policy: &MatchPolicy, fact: &MatchFact) -> String {
    match settles(policy, fact) {
        Verdict::Pending { cause } => cause.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_total_and_a_spread_are_settled_from_the_answers_that_settle_the_result() {
    for (policy, outcome) in [
        (bet(Market::Total, "2.5"), "attest over"),
        (bet(Market::Total, "3"), "attest push"),
        (bet(Market::Total, "3.5"), "attest under"),
        (bet(Market::Spread, "-0.5"), "attest home"),
        (bet(Market::Spread, "-1"), "attest push"),
        (bet(Market::Spread, "-1.5"), "attest away"),
        (number(Market::Total, 6), "attest 3"),
        (number(Market::Spread, 6), "attest 1"),
    ] {
        let mut story = Story::new(policy);
        story.read(AT + 30, &HOME).read(AT + 60, &HOME);
        assert_eq!(
            story.verdict(AT + 60),
            outcome.replace("attest", "provisional")
        );
        // The delay is over, and nobody has said so again.
        assert_ne!(story.verdict(AT + 30 + 7200), outcome);
        story.read(AT + 30 + 7200, &HOME);
        assert_eq!(story.verdict(AT + 30 + 7200), outcome);
    }
}

#[test]
fn sources_of_different_scores_and_one_outcome_agree_and_a_corrected_score_begins_anew() {
    let three_one = super::edited(HOME[1], |v| {
        v["score"]["fullTime"]["home"] = 3.into();
    });
    for (line, verdict) in [("2.5", "attest over"), ("3.5", "hold")] {
        let mut story = Story::new(bet(Market::Total, line));
        for at in [AT, AT + 30, AT + 7200] {
            story.read(at, &[HOME[0], &three_one]);
        }
        assert_eq!(story.verdict(AT + 7200), verdict, "{line}");
    }
    let mut story = Story::new(bet(Market::Total, "2.5"));
    story.read(AT, &HOME).read(AT + 30, &HOME);
    for at in [AT + 7000, AT + 7100, AT + 7200] {
        story.read(at, &[HOME[0], &three_one]);
    }
    assert_eq!(story.verdict(AT + 7200), "provisional over");
}

#[test]
fn goals_of_a_shootout_are_part_of_no_total_and_no_spread() {
    let mut fact = played(1, 1);
    fact.extra = Some(score(2, 2));
    fact.penalties = Some(score(5, 4));
    fact.winner = Some(oracle_feeds::fact::Side::Home);
    for (basis, total) in [(MatchBasis::RegularTime, "2"), (MatchBasis::Final, "4")] {
        let on = |policy: MatchPolicy| MatchPolicy { basis, ..policy };
        assert_eq!(attests(&on(number(Market::Total, 6)), &fact), total);
        assert_eq!(attests(&on(number(Market::Spread, 6)), &fact), "0");
        assert_eq!(attests(&on(bet(Market::Spread, "0")), &fact), "push");
    }
    // As a provider writes one.
    let mut one = policy(1, &["football-data"]);
    one.basis = MatchBasis::Final;
    one.market = Market::Total;
    one.digits = number(Market::Total, 6).digits;
    let mut story = Story::new(one);
    for at in [AT, AT + 30, AT + 7200] {
        story.read(at, &[&shootout()]);
    }
    assert_eq!(story.verdict(AT + 7200), "attest 2");
}

#[test]
fn a_score_that_contradicts_itself_holds() {
    let mut fact = played(2, 1);
    fact.penalties = Some(score(5, 4));
    let final_total = MatchPolicy {
        basis: MatchBasis::Final,
        ..bet(Market::Total, "2.5")
    };
    assert!(holds(&final_total, &fact).contains("a shootout after 2-1"));
    // After regular time the shootout decides nothing.
    assert_eq!(attests(&bet(Market::Total, "2.5"), &fact), "over");
    let mut fact = played(2, 1);
    fact.winner = Some(oracle_feeds::fact::Side::Away);
    assert!(holds(&bet(Market::Total, "2.5"), &fact).contains("the winner another"));
}

#[test]
fn a_part_that_the_source_cannot_tell_is_waited_for_and_others_are_settled() {
    let final_total = MatchPolicy {
        basis: MatchBasis::Final,
        ..bet(Market::Total, "2.5")
    };
    let mut fact = played(1, 1);
    fact.end_unknown = true;
    assert!(waits(&final_total, &fact).contains("the end unknown"));
    assert_eq!(attests(&bet(Market::Total, "2.5"), &fact), "under");
    fact.end_unknown = false;
    // Level after regular time, and who won a shootout: not what came between.
    fact.extra_unknown = true;
    fact.penalties = Some(score(5, 4));
    assert!(waits(&final_total, &fact).contains("no score of extra time"));
    assert_eq!(attests(&bet(Market::Total, "2.5"), &fact), "under");
    let winner = MatchPolicy {
        basis: MatchBasis::Final,
        ..policy(1, &["openligadb"])
    };
    assert_eq!(attests(&winner, &fact), "home");
    fact.extra_unknown = false;
    fact.penalties = None;
    fact.regular = None;
    fact.extra = Some(score(2, 1));
    assert_eq!(attests(&final_total, &fact), "over");
    assert!(waits(&bet(Market::Total, "2.5"), &fact).contains("without a regular-time score"));
}

#[test]
fn what_is_void_is_void_in_every_market_and_never_a_number() {
    let mut fact = played(2, 1);
    fact.state = MatchState::Awarded;
    assert_eq!(attests(&bet(Market::Total, "2.5"), &fact), "void");
    assert_eq!(attests(&bet(Market::Spread, "1"), &fact), "void");
    let reason = holds(&number(Market::Total, 6), &fact);
    assert!(
        reason.contains("no announced outcome stands for void (awarded)"),
        "{reason}"
    );
    let mut late = played(2, 1);
    late.kickoff = Some(VOID_AT + 1);
    let policy = MatchPolicy {
        sources: number(Market::Total, 6).sources,
        ..number(Market::Total, 6)
    };
    let mut story = Story::new(MatchPolicy {
        agree: 1.try_into().unwrap(),
        sources: policy.sources[..1].to_vec(),
        ..policy
    });
    for at in [VOID_AT + 7200, VOID_AT + 7230, VOID_AT + 20_000] {
        let source = &story.policy.sources[0];
        story.readings.push(SourceReading {
            source: source.id.clone(),
            root: source.root.clone(),
            exchanges: vec![answer(200, "{}", at)],
            reading: Reading::Observation(Observation::Match(Box::new(late.clone()))),
        });
    }
    assert_eq!(story.verdict(VOID_AT + 20_000), "hold");
}

#[test]
fn a_number_beyond_the_digits_is_clamped_and_keeps_its_sign() {
    assert_eq!(attests(&number(Market::Total, 3), &played(5, 4)), "7");
    assert_eq!(attests(&number(Market::Spread, 3), &played(0, 9)), "-7");
    assert_eq!(attests(&number(Market::Spread, 3), &played(1, 4)), "-3");
    assert_eq!(attests(&number(Market::Spread, 3), &played(4, 4)), "0");
}

#[test]
fn a_market_whose_line_is_missing_or_whose_outcome_was_not_announced_holds() {
    let mut policy = bet(Market::Total, "3");
    policy.outcomes.retain(|o| o != "push");
    assert!(holds(&policy, &played(2, 1)).contains("no announced outcome stands for push"));
    policy.line = None;
    assert!(holds(&policy, &played(2, 1)).contains("no line"));
}

proptest! {
    #[test]
    fn over_under_and_push_divide_all_scores(
        home in 0_u32..200, away in 0_u32..200, halves in -400_i64..=400,
    ) {
        let line = Decimal::from(halves) / Decimal::TWO;
        let fact = played(home, away);
        let total = 2 * i64::from(home + away);
        let expected = match total.cmp(&halves) {
            std::cmp::Ordering::Greater => "over",
            std::cmp::Ordering::Less => "under",
            std::cmp::Ordering::Equal => "push",
        };
        prop_assert_eq!(attests(&bet(Market::Total, &line.to_string()), &fact), expected);
        let spread = 2 * i64::from(home) + halves - 2 * i64::from(away);
        let expected = match spread.cmp(&0) {
            std::cmp::Ordering::Greater => "home",
            std::cmp::Ordering::Less => "away",
            std::cmp::Ordering::Equal => "push",
        };
        prop_assert_eq!(attests(&bet(Market::Spread, &line.to_string()), &fact), expected);
        let Score { home, away } = fact.regular.unwrap();
        prop_assert_eq!(attests(&number(Market::Total, 12), &fact), (home + away).to_string());
        prop_assert_eq!(
            attests(&number(Market::Spread, 12), &fact),
            (i64::from(home) - i64::from(away)).to_string()
        );
    }
}
