//! Games of MLB that stand under several dates: suspended and resumed, postponed
//! before, played twice a day.

use oracle_feeds::fact::{MatchFact, MatchState, Side};
use oracle_feeds::{Observation, Reading};
use oracle_schema::policy::{FactSource, MatchPolicy};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Story, answer, edited, interpret, policy, sample, score, source, with};
use crate::deaf::{self, Lists};

const BOTH_FINAL: &str = sample!("mlb/suspended_both_final.json");

/// 2026-09-20T17:35:00Z, when the game began.
const BEGAN: i64 = 1_789_925_700;
/// 2026-09-21T16:10:00Z, when it went on.
const RESUMED: i64 = 1_790_007_000;
/// After both.
const LATER: i64 = RESUMED + 86_400;

fn suspended_game() -> FactSource {
    with("match", "780009", source("mlb"))
}

fn reading(body: &str) -> Reading {
    interpret(&suspended_game(), &[answer(200, body, LATER)])
}

#[track_caller]
fn fact(body: &str) -> MatchFact {
    match reading(body) {
        Reading::Observation(Observation::Match(fact)) => *fact,
        other => panic!("{}: {}", other.verdict(), other.detail()),
    }
}

#[track_caller]
fn contradicts(body: &str, detail: &str) {
    let reading = reading(body);
    assert_eq!(reading.verdict(), "contradiction", "{}", reading.detail());
    assert!(reading.detail().contains(detail), "{}", reading.detail());
}

fn row(body: &mut Value, index: usize) -> &mut Value {
    &mut body["dates"][index]["games"][0]
}

fn set_state(row: &mut Value, coded: &str, code: &str, detailed: &str) {
    row["status"]["codedGameState"] = coded.into();
    row["status"]["statusCode"] = code.into();
    row["status"]["detailedState"] = detailed.into();
}

/// The case with its rows in these states: code, status code, words.
fn in_states(first: (&str, &str, &str), second: (&str, &str, &str)) -> String {
    edited(BOTH_FINAL, |v| {
        set_state(row(v, 0), first.0, first.1, first.2);
        set_state(row(v, 1), second.0, second.1, second.2);
    })
}

const FINAL: (&str, &str, &str) = ("F", "F", "Final");
const SUSPENDED: (&str, &str, &str) = ("U", "UR", "Suspended: Rain");
const SCHEDULED: (&str, &str, &str) = ("S", "S", "Scheduled");
const PLAYING: (&str, &str, &str) = ("I", "I", "In Progress");

#[test]
fn a_suspended_and_resumed_game_is_one_game_with_one_score() {
    let fact = fact(BOTH_FINAL);
    assert_eq!(
        (fact.state, fact.regular, fact.winner),
        (MatchState::Finished, Some(score(3, 5)), Some(Side::Away))
    );
    assert_eq!((fact.home.as_str(), fact.away.as_str()), ("121", "133"));
    // By the part that went on, so that one beyond the void window is void.
    assert_eq!(fact.kickoff, Some(RESUMED));
    assert_eq!(
        (fact.literal.as_str(), fact.doubts.len()),
        ("F Final 3-5", 0)
    );
}

#[test]
fn it_is_strict_and_deaf_like_any_game() {
    let lists = Lists::of("mlb");
    deaf::json(BOTH_FINAL, &lists, &reading).is_deaf();
    let waiting = in_states(SUSPENDED, SUSPENDED);
    deaf::json(&waiting, &lists, &reading).is_deaf();
}

#[test]
fn while_any_row_goes_on_the_game_is_waited_for() {
    for (first, second, state) in [
        (SUSPENDED, SUSPENDED, MatchState::Suspended),
        (SUSPENDED, SCHEDULED, MatchState::Suspended),
        (SUSPENDED, PLAYING, MatchState::InPlay),
        (SUSPENDED, ("O", "O", "Game Over"), MatchState::InPlay),
        (FINAL, SUSPENDED, MatchState::Suspended),
        (SUSPENDED, FINAL, MatchState::Suspended),
        (
            SUSPENDED,
            ("C", "CR", "Cancelled: Rain"),
            MatchState::Suspended,
        ),
    ] {
        let fact = fact(&in_states(first, second));
        assert_eq!(
            (fact.state, fact.regular),
            (state, None),
            "{first:?} {second:?}"
        );
    }
    let ends = in_states(FINAL, ("C", "CR", "Cancelled: Rain"));
    contradicts(&ends, "different ways");
}

#[test]
fn the_order_of_the_rows_means_nothing() {
    let reversed = edited(BOTH_FINAL, |v| {
        v["dates"].as_array_mut().unwrap().reverse();
    });
    assert_eq!(reading(&reversed), reading(BOTH_FINAL));
    let one_date = edited(BOTH_FINAL, |v| {
        let second = row(v, 1).take();
        let games = v["dates"][0]["games"].as_array_mut().unwrap();
        games.insert(0, second);
        v["dates"].as_array_mut().unwrap().truncate(1);
    });
    assert_eq!(reading(&one_date), reading(BOTH_FINAL));
}

#[test]
fn one_tie_is_enough_and_none_is_too_few() {
    for field in [(0, "resumeDate"), (1, "resumedFrom")] {
        let one = edited(BOTH_FINAL, |v| row(v, field.0)[field.1] = Value::Null);
        assert_eq!(reading(&one), reading(BOTH_FINAL), "{field:?}");
    }
    let untied = edited(BOTH_FINAL, |v| {
        row(v, 0)["resumeDate"] = Value::Null;
        row(v, 1)["resumedFrom"] = "2026-09-19T17:35:00Z".into();
    });
    contradicts(&untied, "several matches 780009");
    let twins = edited(BOTH_FINAL, |v| *row(v, 1) = row(v, 0).clone());
    contradicts(&twins, "several matches 780009");
}

#[test]
fn a_game_listed_once_that_went_on_at_a_time_nobody_can_read_is_waited_for() {
    let alone = |resumes: Value| {
        edited(BOTH_FINAL, |v| {
            row(v, 0)["resumeDate"] = resumes.clone();
            v["dates"].as_array_mut().unwrap().truncate(1);
        })
    };
    let known = alone("2026-09-21T16:10:00Z".into());
    assert_eq!(fact(&known).kickoff, Some(RESUMED));
    assert_eq!(fact(&alone(Value::Null)).kickoff, Some(BEGAN));
    for odd in [json!("tomorrow"), json!(7)] {
        let reading = reading(&alone(odd));
        assert_eq!(reading.verdict(), "not_yet", "{}", reading.detail());
    }
}

#[test]
fn rows_that_differ_in_what_decides_contradict_each_other() {
    let scores = edited(BOTH_FINAL, |v| {
        row(v, 0)["teams"]["home"]["score"] = 6.into();
    });
    contradicts(&scores, "different scores");
    let half = edited(BOTH_FINAL, |v| {
        row(v, 0)["teams"]["home"]["score"] = Value::Null;
    });
    contradicts(&half, "one side");
    let winners = edited(BOTH_FINAL, |v| {
        row(v, 0)["teams"]["home"]["isWinner"] = true.into();
        row(v, 0)["teams"]["away"]["isWinner"] = false.into();
    });
    contradicts(&winners, "different winners");
    let sides = edited(BOTH_FINAL, |v| {
        row(v, 0)["teams"]["home"]["team"]["id"] = 133.into();
        row(v, 0)["teams"]["away"]["team"]["id"] = 121.into();
    });
    contradicts(&sides, "other sides");
}

#[test]
fn rows_that_the_game_was_postponed_from_say_nothing_beside_others() {
    let three = edited(BOTH_FINAL, |v| {
        let mut first = v["dates"][0].clone();
        first["games"][0]["gameDate"] = "2026-09-19T17:35:00Z".into();
        first["games"][0]["rescheduleDate"] = "2026-09-20T17:35:00Z".into();
        set_state(&mut first["games"][0], "D", "DR", "Postponed");
        first["games"][0]["teams"]["home"]["score"] = Value::Null;
        v["dates"].as_array_mut().unwrap().insert(0, first);
    });
    assert_eq!(reading(&three), reading(BOTH_FINAL));
    // The day on which it was to go on is postponed in its turn.
    let again = in_states(SUSPENDED, ("D", "DR", "Postponed"));
    assert_eq!(fact(&again).state, MatchState::Suspended);
    let twice = in_states(("D", "DR", "Postponed"), ("D", "DR", "Postponed"));
    assert_eq!(fact(&twice).state, MatchState::Postponed);
}

#[test]
fn a_game_suspended_twice_has_three_rows() {
    let thrice = edited(BOTH_FINAL, |v| {
        let mut third = v["dates"][1].clone();
        third["games"][0]["gameDate"] = "2026-09-22T16:10:00Z".into();
        third["games"][0]["resumedFrom"] = "2026-09-21T16:10:00Z".into();
        v["dates"].as_array_mut().unwrap().push(third);
    });
    let fact = fact(&thrice);
    assert_eq!(fact.regular, Some(score(3, 5)));
    assert_eq!(fact.kickoff, Some(RESUMED + 86_400));
}

#[test]
fn a_suspended_game_that_is_listed_once_ends_when_it_went_on() {
    for index in [0, 1] {
        let once = edited(BOTH_FINAL, |v| {
            v["dates"] = json!([v["dates"][index]]);
        });
        assert_eq!(reading(&once), reading(BOTH_FINAL), "{index}");
    }
}

#[test]
fn the_other_game_of_a_doubleheader_says_nothing() {
    let both = edited(BOTH_FINAL, |v| {
        row(v, 1)["doubleHeader"] = "Y".into();
        row(v, 1)["gameNumber"] = 1.into();
        let mut second = row(v, 1).clone();
        second["gamePk"] = 780_010.into();
        second["gameNumber"] = 2.into();
        second["gameDate"] = "2026-09-21T20:10:00Z".into();
        second["teams"]["home"]["score"] = "odd".into();
        set_state(&mut second, "?", "?", "?");
        let games = v["dates"][1]["games"].as_array_mut().unwrap();
        games.insert(0, second);
        games.push(Value::Null);
    });
    assert_eq!(reading(&both), reading(BOTH_FINAL));
}

/// A bet on the game, void 48 h after it was to begin.
fn bet() -> MatchPolicy {
    MatchPolicy {
        kickoff: BEGAN,
        outcomes: ["home", "away", "void"].map(str::to_owned).into(),
        sources: vec![suspended_game()],
        ..policy(1, &[])
    }
}

#[test]
fn it_waits_while_suspended_and_then_attests_away() {
    let mut story = Story::new(bet());
    let at = super::AT;
    let suspended = in_states(SUSPENDED, SUSPENDED);
    let within = MatchPolicy {
        kickoff: at - 7200,
        ..bet()
    };
    story.policy = within;
    story.read(at, &[&suspended]).read(at + 30, &[&suspended]);
    assert_eq!(story.verdict(at + 30), "pending");
    let moved = |body: &str| {
        body.replace("2026-09-20T17:35", "2026-10-24T16:30")
            .replace("2026-09-21T16:10", "2026-10-25T16:10")
    };
    let day = at + 86_400;
    for now in [day, day + 30, day + 7200] {
        story.read(now, &[&moved(BOTH_FINAL)]);
    }
    assert_eq!(story.verdict(day + 7200), "attest away");
}

#[test]
fn a_game_that_went_on_after_the_void_window_is_void_whenever_it_is_read() {
    let began = super::KICKOFF;
    let moved = BOTH_FINAL
        .replace("2026-09-20T17:35", "2026-10-24T16:30")
        .replace("2026-09-21T16:10", "2026-12-24T16:10");
    let mut story = Story::new(MatchPolicy {
        kickoff: began,
        ..bet()
    });
    let late = began + 70 * 86_400;
    for now in [late, late + 30, late + 7200] {
        story.read(now, &[&moved]);
    }
    assert_eq!(story.verdict(late + 7200), "attest void");
}

proptest! {
    #[test]
    fn no_shuffle_of_rows_makes_another_fact(order in Just(vec![0_usize, 1, 2, 3]).prop_shuffle()) {
        let four: Vec<Value> = {
            let mut v: Value = serde_json::from_str(BOTH_FINAL).unwrap();
            let mut postponed = v["dates"][0].clone();
            set_state(&mut postponed["games"][0], "D", "DR", "Postponed");
            let mut other = v["dates"][0].clone();
            other["games"][0]["gamePk"] = 780_010.into();
            vec![v["dates"][0].take(), v["dates"][1].take(), postponed, other]
        };
        let dates: Vec<&Value> = order.iter().map(|i| &four[*i]).collect();
        let body = json!({ "dates": dates }).to_string();
        prop_assert_eq!(reading(&body), reading(BOTH_FINAL));
    }
}
