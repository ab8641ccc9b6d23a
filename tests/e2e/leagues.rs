//! Leagues whose games go into overtime: who won, and what regular time ended at.

use oracle_client::EventState;
use oracle_feeds::loopback::{MatchStage, ScriptedMatch};
use oracle_tests::database::Backend;
use oracle_tests::world::{World, instant};

use crate::facts::{KICKOFF, MATURITY, id, until};

laws! {
    an_overtime_of_the_nhl_is_a_draw_after_regular_time_and_a_win_in_the_end,
}

fn event(name: &str, basis: &str, outcomes: &str) -> String {
    format!(
        r#"
[[event]]
id = "{name}"
kind = "match"
kickoff = "{}"
maturity = "{}"
basis = "{basis}"
outcomes = [{outcomes}]
agree = 1
settle_delay = "1m"
source = [ {{ provider = "nhl", match = "2026020012", home = "6", away = "3" }} ]
"#,
        instant(KICKOFF).to_rfc3339(),
        instant(MATURITY).to_rfc3339(),
    )
}

async fn an_overtime_of_the_nhl_is_a_draw_after_regular_time_and_a_win_in_the_end(
    backend: Backend,
) {
    let regular = r#""home", "draw", "away", "void""#;
    let events = [
        event("won", "final", r#""home", "away", "void""#),
        event("drawn", "regular_time", regular),
    ];
    let mut world = World::new(backend, &events.concat()).await;
    let play = |world: &World, stage| {
        let game = ScriptedMatch {
            id: 2_026_020_012,
            home: 6,
            away: 3,
            kickoff: KICKOFF,
            stage,
        };
        world.venues.set_match("nhl", &game);
    };
    // Level, and going on: neither is decided.
    play(&world, MatchStage::Playing(3, 3));
    until(&mut world, MATURITY + 120).await;
    for name in ["won", "drawn"] {
        let event = world.event(&id(name)).await;
        assert_eq!(event.state, EventState::Matured, "{name}");
    }
    play(&world, MatchStage::Overtime(3, (3, 4)));
    until(&mut world, MATURITY + 120 + 180).await;
    for (name, outcome) in [("won", "away"), ("drawn", "draw")] {
        let event = world.event(&id(name)).await;
        let reached = (event.state, event.outcome.as_deref());
        assert_eq!(reached, (EventState::Attested, Some(outcome)), "{name}");
    }
}
