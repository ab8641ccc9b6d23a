//! Matches as they are: a game that was suspended stands under two dates.

use oracle_client::EventState;
use oracle_client::replay::Conclusion;
use oracle_tests::database::Backend;
use oracle_tests::world::{World, instant};
use serde_json::Value;

use crate::evidence::bundle;
use crate::facts::{MATURITY, id, until};

laws! {
    a_suspended_game_is_waited_for_and_decided_by_when_it_went_on,
}

const BOTH_FINAL: &str = include_str!("../../feeds/samples/mlb/suspended_both_final.json");
const PATH: &str = "/api/v1/schedule?sportId=1&gamePk=780009";

/// New York at home to the Athletics: begun on 20 September, gone on a day later.
fn game(id: &str, void_after: &str) -> String {
    format!(
        r#"
[[event]]
id = "{id}"
kind = "match"
kickoff = "2026-09-20T17:35:00Z"
maturity = "{}"
basis = "final"
outcomes = ["home", "away", "void"]
void_after = "{void_after}"
agree = 1
settle_delay = "2m"
source = [ {{ provider = "mlb", match = "780009", home = "121", away = "133" }} ]
"#,
        instant(MATURITY).to_rfc3339()
    )
}

/// The same answer while the game goes on.
fn playing() -> String {
    let mut answer: Value = serde_json::from_str(BOTH_FINAL).unwrap();
    let status = "/dates/1/games/0/status";
    let status = answer.pointer_mut(status).unwrap();
    for (field, word) in [
        ("codedGameState", "I"),
        ("statusCode", "I"),
        ("detailedState", "In Progress"),
    ] {
        status[field] = word.into();
    }
    answer.to_string()
}

async fn a_suspended_game_is_waited_for_and_decided_by_when_it_went_on(backend: Backend) {
    let events = game("patient", "100d") + &game("two-days", "48h") + &game("same-day", "12h");
    let mut world = World::new(backend, &events).await;
    world.venues.set_answer("mlb", PATH, playing());
    world.at(MATURITY).await;
    until(&mut world, MATURITY + 60).await;
    let event = world.event(&id("patient")).await;
    assert_eq!(event.state, EventState::Matured);
    let reason = event.reason.unwrap_or_default();
    assert!(reason.contains("in play"), "{reason}");
    world.venues.set_answer("mlb", PATH, BOTH_FINAL);
    until(&mut world, MATURITY + 360).await;
    // It went on 22 hours and a half after the announced kickoff.
    for (event, outcome) in [
        ("patient", "away"),
        ("two-days", "away"),
        ("same-day", "void"),
    ] {
        let seen = world.event(&id(event)).await;
        assert_eq!(seen.outcome.as_deref(), Some(outcome), "{event}: {seen:?}");
        let report = bundle(&world, &id(event)).await.replay().unwrap();
        assert_eq!(report.conclusion(), Conclusion::Reproduced, "{report:#?}");
    }
}
