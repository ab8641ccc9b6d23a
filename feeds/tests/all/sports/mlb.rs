//! Every sample of MLB, with the reading it must have.

use oracle_feeds::fact::{MatchState, Side};
use serde_json::Value;

use super::{MLB, edited, fact, refused, sample, score};

#[test]
fn final_is_the_final_score() {
    let fact = fact("mlb", MLB);
    assert_eq!(
        (fact.state, fact.regular),
        (MatchState::Finished, Some(score(3, 5)))
    );
    assert_eq!((fact.home.as_str(), fact.away.as_str()), ("121", "133"));
    assert_eq!((fact.winner, fact.doubts.len()), (Some(Side::Away), 0));
}

#[test]
fn game_cut_short_is_finished_and_doubtful() {
    let fact = fact("mlb", sample!("mlb/completed_early.json"));
    assert_eq!(
        (fact.state, fact.regular),
        (MatchState::Finished, Some(score(1, 4)))
    );
    assert_eq!(fact.doubts, ["completed early: Rain"]);
}

#[test]
fn no_game_is_no_data() {
    refused("mlb", sample!("mlb/empty_dates.json"), "no_data", "780001");
}

/// The final game in another state; `abstractGameState` still says `Final`.
pub(super) fn in_state(coded: &str, code: &str, detailed: &str) -> String {
    edited(MLB, |v| {
        let status = &mut v["dates"][0]["games"][0]["status"];
        status["codedGameState"] = coded.into();
        status["statusCode"] = code.into();
        status["detailedState"] = detailed.into();
    })
}

#[test]
fn abstract_state_is_not_believed() {
    for (coded, code, detailed, state) in [
        ("D", "DR", "Postponed: Rain", MatchState::Postponed),
        ("O", "O", "Game Over", MatchState::InPlay),
        ("I", "I", "In Progress", MatchState::InPlay),
        ("U", "UR", "Suspended: Rain", MatchState::Suspended),
        ("C", "CR", "Cancelled: Rain", MatchState::Cancelled),
        ("S", "S", "Scheduled", MatchState::Scheduled),
        ("R", "R", "Forfeit", MatchState::Awarded),
    ] {
        let fact = fact("mlb", &in_state(coded, code, detailed));
        assert_eq!((fact.state, fact.regular, fact.winner), (state, None, None));
    }
    let torn = in_state("F", "DR", "Postponed");
    refused("mlb", &torn, "contradiction", "DR");
    let odd = in_state("F", "FX", "Under Review");
    refused("mlb", &odd, "contradiction", "Under Review");
}

#[test]
fn moved_game_is_read_under_its_new_date() {
    let old: Value = serde_json::from_str(&in_state("D", "DR", "Postponed")).unwrap();
    let moved = edited(MLB, |v| {
        let dates = v["dates"].as_array_mut().unwrap();
        dates.insert(0, old["dates"][0].clone());
    });
    assert_eq!(fact("mlb", &moved).regular, Some(score(3, 5)));
    let twice = edited(&moved, |v| {
        let again = v["dates"][1].clone();
        v["dates"].as_array_mut().unwrap().push(again);
    });
    refused("mlb", &twice, "contradiction", "several");
}

#[test]
fn game_with_two_winners_or_half_a_score_is_refused() {
    let winners = edited(MLB, |v| {
        v["dates"][0]["games"][0]["teams"]["home"]["isWinner"] = true.into();
    });
    refused("mlb", &winners, "contradiction", "winner");
    let half = edited(MLB, |v| {
        v["dates"][0]["games"][0]["teams"]["home"]["score"] = Value::Null;
    });
    refused("mlb", &half, "contradiction", "one side");
}

#[test]
fn another_game_says_nothing_of_a_postponed_one() {
    let listed = edited(MLB, |v| {
        let games = v["dates"][0]["games"].as_array_mut().unwrap();
        let mut other = games[0].clone();
        other["gamePk"] = 780_002.into();
        games[0]["status"]["codedGameState"] = "D".into();
        games[0]["status"]["statusCode"] = "DR".into();
        games[0]["status"]["detailedState"] = "Postponed".into();
        games.push(other);
    });
    assert_eq!(fact("mlb", &listed).state, MatchState::Postponed);
}
