//! Matches that were played, as it unfolds: what providers answer over time, and whether the rule
//! waits, holds, or attests.

use oracle_schema::policy::{MatchBasis, MatchPolicy};
use serde_json::Value;

use super::football::shootout;
use super::{AT, KICKOFF, Story, VOID_AT, edited, policy, sample, with};

const OPEN: [&str; 2] = [
    sample!("openligadb/scheduled.json"),
    sample!("football-data/timed.json"),
];
const HOME: [&str; 2] = [
    sample!("openligadb/finished.json"),
    sample!("football-data/finished.json"),
];

fn two() -> MatchPolicy {
    policy(2, &["openligadb", "football-data"])
}

/// Both of these say what happened to a match that was not played.
fn formal() -> MatchPolicy {
    policy(2, &["football-data", "api-football"])
}

#[test]
fn two_sources_read_twice_and_again_after_the_delay_attest() {
    let mut story = Story::new(two());
    story.read(AT, &OPEN);
    assert_eq!(story.verdict(AT), "pending");
    story.read(AT + 30, &HOME);
    assert_eq!(story.verdict(AT + 30), "pending");
    story.read(AT + 60, &HOME);
    assert_eq!(story.verdict(AT + 60), "provisional home");
    // The delay is over, and nobody has said so again.
    assert_eq!(story.verdict(AT + 30 + 7200), "provisional home");
    story.read(AT + 30 + 7200, &HOME);
    assert_eq!(story.verdict(AT + 30 + 7200), "attest home");
}

#[test]
fn live_endergebnis_is_pending() {
    let live = [
        edited(HOME[0], |v| v["matchIsFinished"] = false.into()),
        sample!("football-data/in_play.json").to_owned(),
    ];
    let mut story = Story::new(two());
    for n in 0..9 {
        story.read(AT + n * 3600, &[&live[0], &live[1]]);
    }
    assert_eq!(story.verdict(AT + 8 * 3600), "pending");
}

#[test]
fn shootout_is_a_draw_after_90_minutes_and_a_win_in_the_end() {
    let shootout = shootout();
    let level = edited(sample!("openligadb/cup_aet.json"), |v| {
        v["matchID"] = 77001.into();
        v["matchDateTime"] = "2026-10-24T18:30:00".into();
        v["matchDateTimeUTC"] = "2026-10-24T16:30:00Z".into();
        v["matchResults"][2]["pointsTeam1"] = 1.into();
        v["matchResults"]
            .as_array_mut()
            .unwrap()
            .push(serde_json::json!({
                "resultName": "nach Elfmeterschießen", "resultTypeKind": "AfterPenalties",
                "pointsTeam1": 6, "pointsTeam2": 5,
            }));
    });
    for (basis, outcome) in [
        (MatchBasis::RegularTime, "attest draw"),
        (MatchBasis::Final, "attest home"),
    ] {
        let mut story = Story::new(MatchPolicy { basis, ..two() });
        for at in [AT, AT + 30, AT + 7200] {
            story.read(at, &[&level, &shootout]);
        }
        assert_eq!(story.verdict(AT + 7200), outcome);
    }
}

#[test]
fn extra_time_counts_only_where_it_was_announced() {
    let bodies = [
        sample!("football-data/finished_aet.json"),
        sample!("api-football/aet.json"),
    ];
    for (basis, outcome) in [
        (MatchBasis::RegularTime, "attest draw"),
        (MatchBasis::Final, "attest home"),
    ] {
        let mut story = Story::new(MatchPolicy { basis, ..formal() });
        for at in [AT, AT + 30, AT + 7200] {
            story.read(at, &bodies);
        }
        assert_eq!(story.verdict(AT + 7200), outcome);
    }
}

#[test]
fn swapped_sides_hold() {
    let swapped = edited(HOME[1], |v| {
        v["homeTeam"]["id"] = 4.into();
        v["awayTeam"]["id"] = 5.into();
    });
    let mut story = Story::new(two());
    for at in [AT, AT + 30, AT + 7200] {
        story.read(at, &[HOME[0], &swapped]);
    }
    assert_eq!(story.verdict(AT + 7200), "hold");
    assert!(story.reason(AT + 7200).contains("swapped"));
}

#[test]
fn sides_other_than_the_announced_hold_even_before_the_end() {
    let mut policy = two();
    policy.sources[1] = with("home", "6", policy.sources[1].clone());
    let mut story = Story::new(policy);
    story.read(AT, &OPEN);
    assert_eq!(story.verdict(AT), "hold");
    assert!(story.reason(AT).contains("other sides"));
}

#[test]
fn corrected_result_restarts_the_delay() {
    let corrected = [
        edited(HOME[0], |v| {
            v["matchResults"][1]["pointsTeam2"] = 2.into();
            v["goals"] = Value::Array(Vec::new());
        }),
        edited(HOME[1], |v| {
            v["score"]["fullTime"]["away"] = 2.into();
            v["score"]["winner"] = "DRAW".into();
        }),
    ];
    let mut story = Story::new(two());
    story.read(AT, &HOME).read(AT + 30, &HOME);
    assert_eq!(story.verdict(AT + 30), "provisional home");
    // One of them corrects itself after 16 minutes, the other later.
    story.read(AT + 960, &[&corrected[0], HOME[1]]);
    assert_eq!(story.verdict(AT + 960), "hold");
    for at in [AT + 990, AT + 1020, AT + 7200] {
        story.read(at, &[&corrected[0], &corrected[1]]);
    }
    assert_eq!(story.verdict(AT + 7200), "provisional draw");
    story.read(AT + 990 + 7200, &[&corrected[0], &corrected[1]]);
    assert_eq!(story.verdict(AT + 990 + 7200), "attest draw");
}

#[test]
fn another_score_with_the_same_winner_restarts_the_delay_too() {
    let more = edited(HOME[1], |v| v["score"]["fullTime"]["home"] = 3.into());
    let mut story = Story::new(two());
    story.read(AT, &HOME).read(AT + 30, &HOME);
    story.read(AT + 60, &[HOME[0], &more]);
    story.read(AT + 90, &HOME).read(AT + 120, &HOME);
    story.read(AT + 7200, &HOME);
    assert_eq!(story.verdict(AT + 7200), "provisional home");
    story.read(AT + 7290, &HOME);
    assert_eq!(story.verdict(AT + 7290), "attest home");
}

#[test]
fn draw_that_was_not_announced_holds() {
    let mut policy = policy(1, &["mlb"]);
    policy.kickoff = KICKOFF;
    policy.outcomes.retain(|o| o != "draw");
    let tied = edited(sample!("mlb/final.json"), |v| {
        let game = &mut v["dates"][0]["games"][0];
        game["gameDate"] = "2026-10-24T16:30:00Z".into();
        game["status"]["statusCode"] = "FT".into();
        game["status"]["detailedState"] = "Final: Tied".into();
        game["teams"]["home"]["score"] = 5.into();
        game["teams"]["away"]["isWinner"] = false.into();
    });
    let mut story = Story::new(policy);
    story.read(AT, &[&tied]);
    assert_eq!(story.verdict(AT), "hold");
    assert!(story.reason(AT).contains("draw"));
}

#[test]
fn doubtful_result_needs_a_second_source() {
    let doubtful = sample!("openligadb/finished_goals_disagree.json");
    let times = [AT, AT + 30, AT + 7200];
    let mut alone = Story::new(policy(1, &["openligadb"]));
    let mut beside = Story::new(two());
    for at in times {
        alone.read(at, &[doubtful]);
        beside.read(at, &[doubtful, HOME[1]]);
    }
    assert_eq!(alone.verdict(AT + 7200), "pending");
    assert!(alone.reason(AT + 7200).contains("goals end at 1-0"));
    assert_eq!(beside.verdict(AT + 7200), "attest home");
    let trace = beside.decide(AT + 7200).trace;
    assert_eq!(
        trace.sources[0].why.as_deref(),
        Some("goals end at 1-0, result is 2-1")
    );
}

#[test]
fn winner_that_the_score_contradicts_holds() {
    let wrong = edited(HOME[1], |v| v["score"]["winner"] = "AWAY_TEAM".into());
    for basis in [MatchBasis::RegularTime, MatchBasis::Final] {
        let mut story = Story::new(MatchPolicy { basis, ..two() });
        story.read(AT, &[HOME[0], &wrong]);
        assert_eq!(story.verdict(AT), "hold");
    }
}

#[test]
fn finished_without_a_score_is_no_goalless_draw() {
    let bare = [
        edited(HOME[0], |v| v["matchResults"] = Value::Array(Vec::new())),
        edited(HOME[1], |v| {
            v["score"]["fullTime"] = serde_json::json!({"home": null, "away": null});
            v["score"]["winner"] = Value::Null;
        }),
    ];
    let mut story = Story::new(two());
    story.read(AT, &[&bare[0], &bare[1]]);
    story.read(AT + 30, &[&bare[0], &bare[1]]);
    assert_eq!(story.verdict(AT + 30), "pending");
    // It never comes: people look, and nothing is void.
    assert_eq!(story.verdict(VOID_AT), "hold");
    // The flag came before the result.
    for at in [AT + 60, AT + 90, AT + 60 + 7200] {
        story.read(at, &HOME);
    }
    assert_eq!(story.verdict(AT + 60 + 7200), "attest home");
}

#[test]
fn undocumented_status_holds_and_never_votes() {
    let odd = edited(HOME[1], |v| v["status"] = "UNDER_REVIEW".into());
    let mut story = Story::new(two());
    for at in [
        AT,
        AT + 30,
        AT + 7200,
        VOID_AT,
        VOID_AT + 30,
        VOID_AT + 7200,
    ] {
        story.read(at, &[HOME[0], &odd]);
        assert_eq!(story.verdict(at), "hold");
    }
}

#[test]
fn shootout_after_a_decided_score_holds() {
    // The second leg of a tie: who won this match is not who advanced.
    let leg = edited(&shootout(), |v| {
        v["score"]["extraTime"] = serde_json::json!({"home": 1, "away": 0});
        v["score"]["fullTime"] = serde_json::json!({"home": 7, "away": 5});
    });
    let mut policy = policy(1, &["football-data"]);
    policy.basis = MatchBasis::Final;
    let mut story = Story::new(policy);
    story.read(AT, &[&leg]);
    assert_eq!(story.verdict(AT), "hold");
    assert!(story.reason(AT).contains("a shootout after 2-1"));
}

#[test]
fn finished_match_without_a_kickoff_is_not_known_to_be_in_time() {
    let body = edited(HOME[1], |v| v["utcDate"] = Value::Null);
    let mut story = Story::new(policy(1, &["football-data"]));
    for at in [AT, AT + 30, AT + 7200] {
        story.read(at, &[&body]);
    }
    assert_eq!(story.verdict(AT + 7200), "pending");
    assert_eq!(story.verdict(VOID_AT), "hold");
}
