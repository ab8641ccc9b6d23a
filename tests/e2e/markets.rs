//! Bets on a match beside its result, and any other public value: attested, and
//! found again from what is published.

use oracle_client::EventState;
use oracle_client::replay::Standing;
use oracle_feeds::loopback::MatchStage;
use oracle_tests::database::Backend;
use oracle_tests::world::{World, instant};

use crate::evidence::bundle;
use crate::facts::{DELAY, MATURITY, id, match_event, play, until};

laws! {
    a_total_a_spread_and_a_value_are_attested_and_follow_again,
}

const RESULT: &str = r#"outcomes = ["home", "draw", "away", "void"]"#;

fn bet(id: &str, lines: &str) -> String {
    let event = match_event(id);
    assert!(event.contains(RESULT));
    event.replace(RESULT, lines)
}

fn value(id: &str, lines: &str) -> String {
    format!(
        r#"
[[event]]
id = "{id}"
kind = "fact"
title = "What is the price on the venues' pages?"
maturity = "{}"
{lines}
agree = 2
settle_delay = "10m"
source = [ {{ provider = "generic", name = "ppcbtc_a" }}, {{ provider = "generic", name = "ppcbtc_b" }} ]
"#,
        instant(MATURITY).to_rfc3339(),
    )
}

/// One of each, and what comes of them when the match ends 1-2.
pub(crate) const OUTCOMES: [(&str, &str); 6] = [
    ("goals", "over"),
    ("level", "push"),
    ("handicap", "away"),
    ("margin", "-1"),
    ("priced", "some"),
    ("counted", "414"),
];

pub(crate) fn events() -> String {
    let total = r#"market = "total"
line = "2.5"
outcomes = ["over", "under", "void"]"#;
    let whole = r#"market = "spread"
line = "1"
outcomes = ["home", "away", "push", "void"]"#;
    let half = r#"market = "spread"
line = "-0.5"
outcomes = ["home", "away", "void"]"#;
    let margin = r#"market = "spread"
digits = 6
unit = "goals""#;
    let some = r#"outcomes = { some = { above = "0" }, none = { other = true } }"#;
    let number = r#"digits = 12
decimals = 8
unit = "satoshi""#;
    [
        bet("goals", total),
        bet("level", whole),
        bet("handicap", half),
        bet("margin", margin),
        value("priced", some),
        value("counted", number),
    ]
    .concat()
}

/// A world in which they are all attested.
pub(crate) async fn attested(backend: Backend) -> World {
    let mut world = World::new(backend, &events()).await;
    play(&world, MatchStage::Finished(1, 2));
    until(&mut world, MATURITY + DELAY + 60).await;
    world
}

async fn a_total_a_spread_and_a_value_are_attested_and_follow_again(backend: Backend) {
    let world = attested(backend).await;
    for (event, outcome) in OUTCOMES {
        let seen = world.event(&id(event)).await;
        assert_eq!(
            seen.state,
            EventState::Attested,
            "{event}: {:?}",
            seen.reason
        );
        assert_eq!(seen.outcome.as_deref(), Some(outcome), "{event}");
        let report = bundle(&world, &id(event)).await.replay().unwrap();
        assert_eq!(
            report.outcome.as_deref(),
            Some(outcome),
            "{event}: {report:#?}"
        );
        assert!(report.mismatches.is_empty(), "{event}: {report:#?}");
        let mismatch = |s: &Standing| matches!(s, Standing::Mismatch(_));
        assert_eq!(report.count(mismatch), 0, "{event}: {report:#?}");
    }
}
