//! Words decide nothing: readings whose words are others come to the same, by the
//! same cause.

use oracle_feeds::rule::{Cause, Decision, Fixing, Verdict, Words, decide_leg, matches};
use oracle_feeds::{Observation, Reading, SourceReading};
use oracle_schema::policy::MatchPolicy;
use proptest::prelude::*;

use crate::common::{T, leg, reading, time};
use crate::sports::agreement::told;
use crate::sports::{AT, Story};

/// Words that once decided, and some that sort before and behind all others.
const WORDS: [&str; 4] = ["clock: it has jumped ahead", "", "~", "finished"];

/// The same facts, and the same variants, in other words.
fn reworded(readings: &[SourceReading], words: &str) -> Vec<SourceReading> {
    let mut readings = readings.to_vec();
    for reading in &mut readings {
        match &mut reading.reading {
            Reading::NotYet(detail)
            | Reading::Lagging(detail)
            | Reading::NoData(detail)
            | Reading::Transient { detail, .. }
            | Reading::Permanent(detail)
            | Reading::Contradiction(detail) => words.clone_into(detail),
            Reading::Observation(Observation::Match(fact)) => reword(&mut fact.doubts, words),
            Reading::Observation(Observation::Election(fact)) => reword(&mut fact.doubts, words),
            Reading::Observation(Observation::Price(_) | Observation::Value(_)) => {}
        }
    }
    readings
}

fn reword(doubts: &mut [String], words: &str) {
    for doubt in doubts {
        words.clone_into(doubt);
    }
}

/// A cause without its words. Which part of a cause is words stands here once more,
/// so that a new one has to say.
fn wordless(cause: Cause) -> Cause {
    let why = || Words::from("");
    match cause {
        Cause::NoOutcome { .. } => Cause::NoOutcome { why: why() },
        Cause::TooFew { have, need, .. } => Cause::TooFew {
            have,
            need,
            why: why(),
        },
        Cause::Dissent { .. } => Cause::Dissent { why: why() },
        Cause::Objection { .. } => Cause::Objection { why: why() },
        Cause::Deadlock { .. } => Cause::Deadlock { why: why() },
        Cause::Policy { .. } => Cause::Policy { why: why() },
        Cause::Unreadable { leaves } => Cause::Unreadable {
            leaves: Box::new(wordless(*leaves)),
        },
        Cause::VoidWindow { waited } => Cause::VoidWindow {
            waited: Box::new(wordless(*waited)),
        },
        Cause::NotMatured
        | Cause::Settling { .. }
        | Cause::Lagging { .. }
        | Cause::Agreed
        | Cause::Vetoable
        | Cause::Clock { .. }
        | Cause::Behind { .. }
        | Cause::ClockJumped
        | Cause::Untold
        | Cause::TooManyDigits => cause,
    }
}

/// A decision without words, its trace included.
fn about_facts(mut decision: Decision) -> Decision {
    decision.verdict = match decision.verdict {
        Verdict::Pending { cause } => Verdict::Pending {
            cause: wordless(cause),
        },
        Verdict::Hold { cause } => Verdict::Hold {
            cause: wordless(cause),
        },
        other @ (Verdict::Provisional { .. } | Verdict::Attest { .. }) => other,
    };
    for source in &mut decision.trace.sources {
        source.why = None;
    }
    decision
}

fn about_a_price(fixing: Fixing) -> Fixing {
    match fixing {
        Fixing::Pending { cause, mut trace } => {
            for source in &mut trace.sources {
                source.why = None;
            }
            let cause = wordless(cause);
            Fixing::Pending { cause, trace }
        }
        Fixing::Attest { price, mut trace } => {
            for source in &mut trace.sources {
                source.why = None;
            }
            Fixing::Attest { price, trace }
        }
    }
}

fn decide(policy: &MatchPolicy, now: i64, readings: &[SourceReading]) -> Decision {
    about_facts(matches::decide(policy, AT, time(now), readings, None))
}

/// What a venue says, and how many seconds after T it was asked.
fn said(venue: usize, kind: u8, after: i64) -> SourceReading {
    let words = format!("{kind} by {venue}");
    let mut said = reading(["a", "b", "c"][venue], "1.5");
    said.exchanges[0].sent_at = time(T + after);
    said.exchanges[0].date = Some(time(T + after));
    said.reading = match kind {
        0..=2 => return said,
        3 => Reading::NotYet(words),
        4 => Reading::Lagging(words),
        5 => Reading::NoData(words),
        6 => Reading::Contradiction(words),
        _ => Reading::Permanent(words),
    };
    said
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_match_is_decided_by_no_words(
        steps in prop::collection::vec((0_usize..3, 0_u32..20, 0_u8..8, 0_i64..90), 1..24),
        now in 0_i64..16_000,
        window in any::<bool>(),
        words in prop::sample::select(WORDS.to_vec()),
    ) {
        let Story { mut policy, readings } = told(&steps);
        if window {
            // It is over at the maturity.
            policy.void_after_s = 0;
            policy.kickoff = AT;
        }
        let decided = decide(&policy, AT + now, &readings);
        let again = decide(&policy, AT + now, &reworded(&readings, words));
        prop_assert_eq!(decided, again);
    }

    #[test]
    fn a_price_is_decided_by_no_words(
        said_by in prop::collection::vec((0_usize..3, 0_u8..8, 60_i64..64), 1..12),
        now in 60_i64..200,
        words in prop::sample::select(WORDS.to_vec()),
    ) {
        let mut leg = leg(2, &["a", "b", "c"]);
        leg.max_lag_s = Some(62);
        let readings = said_by.iter().map(|(venue, kind, after)| said(*venue, *kind, *after));
        let readings: Vec<SourceReading> = readings.collect();
        let decided = about_a_price(decide_leg(&leg, T, time(T + now), &readings));
        let again = decide_leg(&leg, T, time(T + now), &reworded(&readings, words));
        prop_assert_eq!(decided, about_a_price(again));
    }
}

#[test]
fn no_sentence_tells_a_late_venue_from_one_that_cannot_know() {
    let mut leg = leg(1, &["a", "b"]);
    leg.max_lag_s = Some(100);
    for words in WORDS {
        let mut readings = vec![said(0, 0, 61), said(1, 3, 61), said(1, 4, 61)];
        readings[1].reading = Reading::NotYet("m".to_owned());
        readings[2].reading = Reading::Lagging(words.to_owned());
        let fixing = decide_leg(&leg, T, time(T + 61), &readings);
        let waits = matches!(
            &fixing,
            Fixing::Pending {
                cause: Cause::Lagging { .. },
                ..
            }
        );
        assert!(waits, "{words:?}: {fixing:?}");
    }
}
