//! Matches that were not played as announced, as it unfolds: what providers
//! answer over time, and whether the rule waits, holds or voids.

use oracle_schema::policy::MatchPolicy;

use super::{AT, KICKOFF, Story, VOID_AT, answer, edited, policy, sample};

const OPEN: [&str; 2] = [
    sample!("openligadb/scheduled.json"),
    sample!("football-data/timed.json"),
];
const HOME: [&str; 2] = [
    sample!("openligadb/finished.json"),
    sample!("football-data/finished.json"),
];
const POSTPONED: [&str; 2] = [
    sample!("football-data/postponed.json"),
    sample!("api-football/pst.json"),
];

fn two() -> MatchPolicy {
    policy(2, &["openligadb", "football-data"])
}

/// Both of these say what happened to a match that was not played.
fn formal() -> MatchPolicy {
    policy(2, &["football-data", "api-football"])
}

#[test]
fn postponed_game_that_reads_final_waits_and_is_void_in_the_end() {
    let body = edited(sample!("mlb/final.json"), |v| {
        let game = &mut v["dates"][0]["games"][0];
        game["status"]["codedGameState"] = "D".into();
        game["status"]["statusCode"] = "DR".into();
        game["status"]["detailedState"] = "Postponed".into();
    });
    let mut story = Story::new(policy(1, &["mlb"]));
    story.read(AT, &[&body]).read(AT + 30, &[&body]);
    assert_eq!(story.verdict(AT + 30), "pending");
    for at in [VOID_AT, VOID_AT + 30, VOID_AT + 7200] {
        story.read(at, &[&body]);
    }
    assert_eq!(story.verdict(VOID_AT + 7200), "attest void");
}

#[test]
fn postponed_and_shown_level_is_never_a_draw() {
    let level = edited(POSTPONED[0], |v| {
        v["score"]["fullTime"] = serde_json::json!({"home": 0, "away": 0});
    });
    let mut story = Story::new(formal());
    for n in 0..40 {
        story.read(AT + n * 3600, &[&level, POSTPONED[1]]);
        assert_eq!(story.verdict(AT + n * 3600), "pending");
    }
}

#[test]
fn kickoff_moved_ten_days_is_void_though_it_was_played() {
    let later = KICKOFF + 10 * 86_400;
    let moved = |body: &str| edited(body, |v| v["utcDate"] = "2026-11-03T16:30:00Z".into());
    let played = edited(sample!("api-football/ft.json"), |v| {
        v["response"][0]["fixture"]["date"] = "2026-11-03T16:30:00Z".into();
        v["response"][0]["fixture"]["timestamp"] = later.into();
    });
    // Read all the while: void when the window is over.
    let mut story = Story::new(formal());
    let timed = moved(OPEN[1]);
    story.read(AT, &[&timed, POSTPONED[1]]);
    assert_eq!(story.verdict(AT), "pending");
    for at in [VOID_AT, VOID_AT + 30, VOID_AT + 7200] {
        story.read(at, &[&timed, POSTPONED[1]]);
    }
    assert_eq!(story.verdict(VOID_AT + 7200), "attest void");
    // Read for the first time after it was played: no different.
    let mut story = Story::new(formal());
    let finished = moved(HOME[1]);
    for at in [later + 7200, later + 7230, later + 14_400] {
        story.read(at, &[&finished, &played]);
    }
    assert_eq!(story.verdict(later + 14_400), "attest void");
}

#[test]
fn match_that_is_finished_before_its_kickoff_holds() {
    // A day later, and beyond the window: neither is a result, nor void.
    for later in ["2026-10-25T14:30:00Z", "2026-11-03T16:30:00Z"] {
        let moved = edited(HOME[1], |v| v["utcDate"] = later.into());
        let mut story = Story::new(two());
        for at in [AT, AT + 30, AT + 7200] {
            story.read(at, &[HOME[0], &moved]);
        }
        assert_eq!(story.verdict(AT + 7200), "hold");
    }
}

#[test]
fn kickoff_moved_by_a_day_still_counts() {
    let mut story = Story::new(two());
    story.read(AT, &[sample!("openligadb/rescheduled.json"), OPEN[1]]);
    assert_eq!(story.verdict(AT), "pending");
    let moved = [
        edited(HOME[0], |v| {
            v["matchDateTime"] = "2026-10-25T15:30:00".into();
            v["matchDateTimeUTC"] = "2026-10-25T14:30:00Z".into();
        }),
        edited(HOME[1], |v| v["utcDate"] = "2026-10-25T14:30:00Z".into()),
    ];
    let end = AT + 22 * 3600;
    for at in [end, end + 30, end + 7200] {
        story.read(at, &[&moved[0], &moved[1]]);
    }
    assert_eq!(story.verdict(end + 7200), "attest home");
}

#[test]
fn outage_never_voids() {
    let mut story = Story::new(two());
    story.read(AT, &OPEN);
    for at in [AT + 3600, VOID_AT, VOID_AT + 86_400] {
        story.outage(at);
    }
    assert_eq!(story.verdict(VOID_AT - 1), "pending");
    assert_eq!(story.verdict(VOID_AT), "hold");
    assert_eq!(story.verdict(VOID_AT + 86_400), "hold");
    // The sources come back, and the match was played in time.
    let back = VOID_AT + 2 * 86_400;
    for at in [back, back + 30, back + 7200] {
        story.read(at, &HOME);
    }
    assert_eq!(story.verdict(back + 7200), "attest home");
}

#[test]
fn one_source_alone_never_voids_for_two() {
    let mut story = Story::new(formal());
    for at in [VOID_AT, VOID_AT + 30, VOID_AT + 7200] {
        story.answered(0, at, answer(200, POSTPONED[0], at));
        story.answered(1, at, answer(503, "", at));
    }
    assert_eq!(story.verdict(VOID_AT + 7200), "hold");
    assert!(
        story
            .reason(VOID_AT + 7200)
            .starts_with("the void window is over")
    );
}

#[test]
fn void_beside_a_result_holds() {
    let mut story = Story::new(formal());
    for at in [VOID_AT, VOID_AT + 30, VOID_AT + 7200] {
        story.read(at, &[HOME[1], POSTPONED[1]]);
    }
    assert_eq!(story.verdict(VOID_AT + 7200), "hold");
}

#[test]
fn neither_clock_alone_ends_the_void_window() {
    for (sent, date) in [(0, -3600), (-3600, 0)] {
        let mut story = Story::new(policy(1, &["api-football"]));
        for at in [VOID_AT, VOID_AT + 30] {
            let dated = answer(200, POSTPONED[1], at + date);
            story.answered(0, at + sent, dated);
        }
        let verdict = story.decide(VOID_AT + 30);
        assert_eq!(verdict.trace.sources[0].outcome, None);
    }
}

#[test]
fn cancelled_awarded_and_walked_over_are_void_at_once() {
    let awarded = |body: &str| edited(body, |v| v["status"] = "AWARDED".into());
    for bodies in [
        [
            sample!("football-data/cancelled.json").to_owned(),
            sample!("api-football/canc.json").to_owned(),
        ],
        [awarded(HOME[1]), sample!("api-football/wo.json").to_owned()],
    ] {
        let mut story = Story::new(formal());
        for at in [AT, AT + 30, AT + 7200] {
            story.read(at, &[&bodies[0], &bodies[1]]);
        }
        assert_eq!(story.verdict(AT + 7200), "attest void");
    }
}

#[test]
fn abandoned_may_be_resumed_within_the_window() {
    let broken_off = [
        sample!("football-data/suspended.json"),
        sample!("api-football/abd.json"),
    ];
    let resumed = [HOME[1], sample!("api-football/ft.json")];
    let mut story = Story::new(formal());
    story.read(AT, &broken_off).read(AT + 30, &broken_off);
    assert_eq!(story.verdict(AT + 30), "pending");
    let end = AT + 86_400;
    for at in [end, end + 30, end + 7200] {
        story.read(at, &resumed);
    }
    assert_eq!(story.verdict(end + 7200), "attest home");
}

#[test]
fn void_that_was_not_announced_holds() {
    let mut policy = formal();
    policy.outcomes.retain(|o| o != "void");
    let mut story = Story::new(policy);
    story.read(
        AT,
        &[
            sample!("football-data/cancelled.json"),
            sample!("api-football/canc.json"),
        ],
    );
    assert_eq!(story.verdict(AT), "hold");
    assert!(
        story
            .reason(AT)
            .contains("no announced outcome stands for void")
    );
}

#[test]
fn kickoff_long_before_the_announced_one_holds() {
    let early = edited(HOME[1], |v| v["utcDate"] = "2026-10-14T16:30:00Z".into());
    let mut story = Story::new(two());
    story.read(AT, &[HOME[0], &early]);
    assert_eq!(story.verdict(AT), "hold");
}

#[test]
fn a_replay_under_a_new_id_leaves_the_announced_match_void() {
    // Broken off; the replay stands in the same answer, under its own id.
    let replayed = edited(sample!("api-football/abd.json"), |v| {
        let played: serde_json::Value =
            serde_json::from_str(sample!("api-football/ft.json")).unwrap();
        let mut replay = played["response"][0].clone();
        replay["fixture"]["id"] = 1_400_077.into();
        v["response"].as_array_mut().unwrap().insert(0, replay);
    });
    let mut story = Story::new(policy(1, &["api-football"]));
    story.read(AT, &[&replayed]).read(AT + 30, &[&replayed]);
    assert_eq!(story.verdict(AT + 30), "pending");
    for at in [VOID_AT, VOID_AT + 30, VOID_AT + 7200] {
        story.read(at, &[&replayed]);
    }
    assert_eq!(story.verdict(VOID_AT + 7200), "attest void");
}
