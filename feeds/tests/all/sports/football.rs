//! Every sample of football-data.org and API-Football, with the reading it must
//! have.

use oracle_feeds::fact::{MatchFact, MatchState, Side};
use serde_json::{Value, json};

use super::{
    API_FOOTBALL, AT, FOOTBALL_DATA, KICKOFF, answer, edited, fact, interpret, refused, sample,
    score, source,
};

#[test]
fn football_data_states_without_a_result_have_no_score() {
    for (body, state) in [
        (sample!("football-data/timed.json"), MatchState::Scheduled),
        (sample!("football-data/in_play.json"), MatchState::InPlay),
        (
            sample!("football-data/postponed.json"),
            MatchState::Postponed,
        ),
        (
            sample!("football-data/suspended.json"),
            MatchState::Suspended,
        ),
        (
            sample!("football-data/cancelled.json"),
            MatchState::Cancelled,
        ),
    ] {
        let fact = fact("football-data", body);
        assert_eq!((fact.state, fact.kickoff), (state, Some(KICKOFF)));
        assert_eq!((fact.regular, fact.extra, fact.winner), (None, None, None));
        assert_eq!((fact.home.as_str(), fact.away.as_str()), ("5", "4"));
    }
}

#[test]
fn football_data_finished_is_full_time() {
    let fact = fact("football-data", FOOTBALL_DATA);
    assert_eq!(fact.state, MatchState::Finished);
    assert_eq!((fact.regular, fact.extra), (Some(score(2, 1)), None));
    assert_eq!(fact.winner, Some(Side::Home));
    assert_eq!(fact.literal, "FINISHED 2-1");
}

#[test]
fn football_data_full_time_is_not_90_minutes_after_extra_time() {
    let fact = fact("football-data", sample!("football-data/finished_aet.json"));
    assert_eq!(
        (fact.regular, fact.extra),
        (Some(score(1, 1)), Some(score(2, 1)))
    );
    assert_eq!((fact.winner, fact.doubts.len()), (Some(Side::Home), 0));
}

/// 1-1 after extra time, 5-4 on penalties: `fullTime` 6-5.
pub(super) fn shootout() -> String {
    edited(sample!("football-data/finished_aet.json"), |v| {
        v["score"]["duration"] = "PENALTY_SHOOTOUT".into();
        v["score"]["fullTime"] = json!({"home": 6, "away": 5});
        v["score"]["extraTime"] = json!({"home": 0, "away": 0});
        v["score"]["penalties"] = json!({"home": 5, "away": 4});
    })
}

#[test]
fn football_data_full_time_has_the_shootout_in_it() {
    let fact = fact("football-data", &shootout());
    assert_eq!(
        (fact.regular, fact.extra),
        (Some(score(1, 1)), Some(score(1, 1)))
    );
    assert_eq!((fact.penalties, fact.doubts.len()), (Some(score(5, 4)), 0));
}

#[test]
fn football_data_parts_that_do_not_add_up_are_a_doubt() {
    let body = edited(&shootout(), |v| v["score"]["fullTime"]["home"] = 7.into());
    let fact = fact("football-data", &body);
    assert!(fact.doubts[0].contains("sum"), "{:?}", fact.doubts);
    assert_eq!(fact.regular, Some(score(1, 1)));
}

#[test]
fn football_data_scores_that_do_not_fit_the_duration_are_refused() {
    for (from, duration) in [
        (shootout(), "REGULAR"),
        (FOOTBALL_DATA.to_owned(), "PENALTY_SHOOTOUT"),
    ] {
        let body = edited(&from, |v| v["score"]["duration"] = duration.into());
        let reading = interpret(&source("football-data"), &[answer(200, &body, AT)]);
        assert_eq!(reading.verdict(), "contradiction", "{duration}");
    }
    let draw = FOOTBALL_DATA.replace("HOME_TEAM", "DRAW");
    refused("football-data", &draw, "contradiction", "draw");
}

/// Changes the score of the shootout.
fn shootout_with(edit: impl Fn(&mut Value)) -> MatchFact {
    fact(
        "football-data",
        &edited(&shootout(), |v| edit(&mut v["score"])),
    )
}

#[test]
fn football_data_regular_time_stands_whatever_the_rest_is() {
    for fact in [
        shootout_with(|s| s["duration"] = "EXTRA_TIME".into()),
        shootout_with(|s| s["penalties"] = Value::Null),
        shootout_with(|s| s["penalties"] = json!({"home": null, "away": null})),
        shootout_with(|s| s["penalties"] = json!({"home": "five", "away": 4})),
        shootout_with(|s| s["penalties"]["away"] = Value::Null),
        shootout_with(|s| {
            s["extraTime"] = Value::Null;
            s["fullTime"]["home"] = 7.into();
        }),
        shootout_with(|s| s["winner"] = "DRAW".into()),
        shootout_with(|s| s["winner"] = "NOBODY".into()),
    ] {
        assert_eq!(fact.regular, Some(score(1, 1)), "{fact:?}");
        assert!(fact.end_unknown && !fact.doubts.is_empty(), "{fact:?}");
    }
}

#[test]
fn football_data_without_the_parts_of_a_match_has_no_90_minute_score() {
    let extra = edited(sample!("football-data/finished_aet.json"), |v| {
        let score = v["score"].as_object_mut().unwrap();
        score.remove("regularTime");
        score.remove("extraTime");
    });
    let fact = fact("football-data", &extra);
    assert_eq!((fact.regular, fact.extra), (None, Some(score(2, 1))));
    // As plans without the parts are answered: level, and only the winner named.
    let level = edited(&shootout(), |v| {
        v["score"] = json!({
            "winner": "AWAY_TEAM",
            "duration": "PENALTY_SHOOTOUT",
            "fullTime": {"home": 1, "away": 1},
        });
    });
    refused(
        "football-data",
        &level,
        "contradiction",
        "without penalties",
    );
}

#[test]
fn football_data_zeros_for_parts_that_were_not_played_are_none() {
    let zeros = edited(FOOTBALL_DATA, |v| {
        v["score"]["regularTime"] = json!({"home": 2, "away": 1});
        v["score"]["extraTime"] = json!({"home": 0, "away": 0});
        v["score"]["penalties"] = json!({"home": null, "away": null});
    });
    let fact = fact("football-data", &zeros);
    assert_eq!((fact.regular, fact.extra), (Some(score(2, 1)), None));
    assert!(!fact.end_unknown && fact.doubts.is_empty());
}

#[test]
fn words_differ_in_case() {
    let canc = sample!("api-football/canc.json").replace("\"CANC\"", "\"Canc\"");
    assert_eq!(fact("api-football", &canc).state, MatchState::Cancelled);
    let lower = FOOTBALL_DATA
        .replace("FINISHED", "Finished")
        .replace("REGULAR\"", "Regular\"");
    assert_eq!(fact("football-data", &lower).regular, Some(score(2, 1)));
    let kind = super::OPENLIGADB.replace("After90Minutes", "after90Minutes");
    assert_eq!(fact("openligadb", &kind).regular, Some(score(2, 1)));
}

#[test]
fn football_data_errors_are_refusals() {
    let forbidden = sample!("football-data/error_403.json");
    let missing = sample!("football-data/error_404.json");
    let limit = sample!("football-data/error_429.json");
    for (status, body, verdict, detail) in [
        (403, forbidden, "permanent", "restricted"),
        (404, missing, "permanent", "does not exist"),
        (429, limit, "transient", "request limit"),
        (200, limit, "transient", "request limit"),
    ] {
        let reading = interpret(&source("football-data"), &[answer(status, body, AT)]);
        assert_eq!(reading.verdict(), verdict, "{}", reading.detail());
        assert!(reading.detail().contains(detail), "{}", reading.detail());
    }
}

#[test]
fn api_football_states_without_a_result_have_no_score() {
    for (body, state, kickoff) in [
        (
            sample!("api-football/ns.json"),
            MatchState::Scheduled,
            Some(KICKOFF),
        ),
        (
            sample!("api-football/tbd.json"),
            MatchState::Scheduled,
            None,
        ),
        (
            sample!("api-football/pst.json"),
            MatchState::Postponed,
            Some(KICKOFF),
        ),
        (
            sample!("api-football/susp.json"),
            MatchState::Suspended,
            Some(KICKOFF),
        ),
        (
            sample!("api-football/abd.json"),
            MatchState::Abandoned,
            Some(KICKOFF),
        ),
        (
            sample!("api-football/canc.json"),
            MatchState::Cancelled,
            Some(KICKOFF),
        ),
        (
            sample!("api-football/wo.json"),
            MatchState::Walkover,
            Some(KICKOFF),
        ),
    ] {
        let fact = fact("api-football", body);
        assert_eq!((fact.state, fact.kickoff), (state, kickoff));
        assert_eq!((fact.regular, fact.extra, fact.winner), (None, None, None));
        assert_eq!((fact.home.as_str(), fact.away.as_str()), ("157", "165"));
    }
}

#[test]
fn api_football_goals_have_extra_time_in_them() {
    let plain = fact("api-football", API_FOOTBALL);
    assert_eq!((plain.regular, plain.extra), (Some(score(2, 1)), None));
    assert_eq!((plain.winner, plain.doubts.len()), (Some(Side::Home), 0));
    let extra = fact("api-football", sample!("api-football/aet.json"));
    assert_eq!(
        (extra.regular, extra.extra),
        (Some(score(1, 1)), Some(score(2, 1)))
    );
    assert_eq!(extra.doubts, [""; 0]);
}

#[test]
fn api_football_errors_come_as_http_200() {
    let token = sample!("api-football/error_token.json");
    refused("api-football", token, "permanent", "token: Error/Missing");
    let of = |errors: serde_json::Value| edited(API_FOOTBALL, |v| v["errors"] = errors.clone());
    let limit = of(json!({"requests": "You have reached the request limit for the day"}));
    refused("api-football", &limit, "transient", "request limit");
    let rate = of(json!({"rateLimit": "Too many requests."}));
    refused("api-football", &rate, "transient", "Too many");
    let listed = of(json!(["Your plan ended"]));
    refused("api-football", &listed, "permanent", "plan ended");
    refused("api-football", &of(json!(7)), "contradiction", "errors");
    assert_eq!(
        fact("api-football", &of(json!({}))).regular,
        Some(score(2, 1))
    );
}

#[test]
fn api_football_statuses_that_do_not_fit_the_scores_are_refused() {
    let body = sample!("api-football/aet.json");
    let regular = body.replace("\"AET\"", "\"FT\"");
    refused("api-football", &regular, "contradiction", "FT");
    // The score after 90 minutes stands by itself.
    let shootout = body.replace("\"AET\"", "\"PEN\"");
    let shootout = fact("api-football", &shootout);
    assert_eq!(
        (shootout.regular, shootout.extra),
        (Some(score(1, 1)), None)
    );
    assert!(shootout.end_unknown, "{:?}", shootout.doubts);
    let half = edited(API_FOOTBALL, |v| {
        v["response"][0]["score"]["fulltime"]["home"] = serde_json::Value::Null;
    });
    refused("api-football", &half, "contradiction", "fulltime");
}

#[test]
fn api_football_kickoffs_that_disagree_give_the_later_and_a_doubt() {
    let body = edited(API_FOOTBALL, |v| {
        v["response"][0]["fixture"]["timestamp"] = (KICKOFF - 3600).into();
    });
    let fact = fact("api-football", &body);
    assert_eq!(fact.kickoff, Some(KICKOFF));
    assert_eq!(fact.doubts.len(), 1);
}

#[test]
fn api_football_kickoff_that_cannot_be_read_is_a_doubt_beside_the_other() {
    for (field, odd) in [
        ("date", json!("tomorrow")),
        ("date", json!(7)),
        ("timestamp", json!("soon")),
    ] {
        let body = edited(API_FOOTBALL, |v| {
            v["response"][0]["fixture"][field] = odd.clone();
        });
        let fact = fact("api-football", &body);
        assert_eq!(fact.kickoff, Some(KICKOFF));
        assert!(fact.doubts[0].contains(field), "{:?}", fact.doubts);
    }
}
