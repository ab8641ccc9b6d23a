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

async fn a_total_a_spread_and_a_value_are_attested_and_follow_again(backend: Backend) {
    let events = [
        bet(
            "over",
            "market = \"total\"\nline = \"3\"\noutcomes = [\"over\", \"under\", \"push\", \"void\"]",
        ),
        bet(
            "handicap",
            "market = \"spread\"\nline = \"-0.5\"\noutcomes = [\"home\", \"away\", \"void\"]",
        ),
        bet(
            "margin",
            "market = \"spread\"\ndigits = 6\nunit = \"goals\"",
        ),
        value(
            "priced",
            "outcomes = { some = { above = \"0\" }, none = { other = true } }",
        ),
    ];
    let mut world = World::new(backend, &events.concat()).await;
    play(&world, MatchStage::Finished(1, 2));
    until(&mut world, MATURITY + DELAY + 60).await;
    for (event, outcome) in [
        ("over", "push"),
        ("handicap", "away"),
        ("margin", "-1"),
        ("priced", "some"),
    ] {
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
