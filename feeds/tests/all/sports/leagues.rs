//! NHL, NBA and NFL: every sample with its reading, overtime on both bases, and
//! answers that must not become a value.

use oracle_feeds::fact::{MatchState, Score, Side};
use oracle_feeds::loopback::{MatchStage, ScriptedMatch};
use oracle_feeds::{Exchange, Query, Target, provider};
use oracle_schema::policy::MatchBasis;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    AT, KICKOFF, Story, answer, edited, fact, interpret, policy, refused, sample, score, source,
    with,
};

use crate::deaf::{self, Lists};

const NHL: &str = sample!("nhl/off.json");
const NHL_OVERTIME: &str = sample!("nhl/off_overtime.json");
const NHL_SHOOTOUT: &str = sample!("nhl/off_shootout.json");
const NBA: &str = sample!("nba/final.json");
const NBA_OVERTIME: &str = sample!("nba/final_overtime.json");
const NFL: &str = sample!("espn-nfl/final.json");
const NFL_OVERTIME: &str = sample!("espn-nfl/final_overtime.json");
const NFL_TIE: &str = sample!("espn-nfl/tie.json");

const FINISHED: [(&str, &str); 3] = [("nhl", NHL), ("nba", NBA), ("espn-nfl", NFL)];

type Scores = (Option<Score>, Option<Score>, Option<Score>);

#[track_caller]
fn scores(name: &str, body: &str) -> Scores {
    let fact = fact(name, body);
    assert_eq!(
        (fact.state, fact.kickoff),
        (MatchState::Finished, Some(KICKOFF))
    );
    (fact.regular, fact.extra, fact.penalties)
}

/// What the rule attests on a basis, every source read three times.
fn attested(name: &str, body: &str, basis: MatchBasis) -> String {
    let mut policy = policy(1, &[name]);
    policy.basis = basis;
    let mut story = Story::new(policy);
    for at in [AT, AT + 30, AT + 7200] {
        story.read(at, &[body]);
    }
    story.verdict(AT + 7200)
}

fn nhl_state(state: &str, planned: &str) -> String {
    edited(NHL, |v| {
        v["gameState"] = state.into();
        v["gameScheduleState"] = planned.into();
    })
}

fn nba_state(status: u32, text: &str) -> String {
    edited(NBA, |v| {
        v["game"]["gameStatus"] = status.into();
        v["game"]["gameStatusText"] = text.into();
    })
}

fn nfl_state(name: &str) -> String {
    edited(NFL, |v| v["status"]["type"]["name"] = name.into())
}

#[test]
fn each_league_is_asked_for_the_game_by_its_id() {
    for (name, path) in [
        ("nhl", "/v1/gamecenter/2026020012/boxscore"),
        (
            "nba",
            "/static/json/liveData/boxscore/boxscore_0022600123.json",
        ),
        (
            "espn-nfl",
            "/apis/site/v2/sports/football/nfl/scoreboard/401872931",
        ),
    ] {
        let source = source(name);
        let adapter = provider(name).unwrap();
        let request = adapter.plan(&Query::Fact(&source), &[]).unwrap();
        assert_eq!(request.target, Target::Path(path.to_owned()));
        for bad in ["", "../x", "1&k=2", "7777777777777", "00226001é"] {
            assert!(adapter.check_parameter("match", bad).is_err(), "{bad:?}");
            let source = with("match", bad, source.clone());
            assert_eq!(adapter.plan(&Query::Fact(&source), &[]), None);
            assert_eq!(interpret(&source, &[]).verdict(), "permanent");
        }
        assert!(adapter.check_parameter("home", "06").is_err());
        assert!(adapter.tells_regular_time());
    }
    let nba = provider("nba").unwrap();
    assert!(nba.check_parameter("match", "22600123").is_err());
    assert!(!provider("mlb").unwrap().tells_regular_time());
}

#[test]
fn a_game_decided_in_regular_time_has_one_score() {
    for (name, body, end) in [
        ("nhl", NHL, score(4, 1)),
        ("nba", NBA, score(124, 97)),
        ("espn-nfl", NFL, score(27, 24)),
    ] {
        assert_eq!(scores(name, body), (Some(end), None, None));
        let fact = fact(name, body);
        let announced = source(name).parameters;
        assert_eq!(
            (&fact.home, &fact.away),
            (&announced["home"], &announced["away"])
        );
        assert_eq!(fact.doubts, Vec::<String>::new());
        for basis in [MatchBasis::RegularTime, MatchBasis::Final] {
            assert_eq!(attested(name, body, basis), "attest home");
        }
    }
}

#[test]
fn overtime_is_a_draw_after_regular_time_and_a_win_in_the_end() {
    for (name, body, level, end, outcome) in [
        ("nhl", NHL_OVERTIME, 3, score(3, 4), "attest away"),
        ("nba", NBA_OVERTIME, 108, score(132, 123), "attest home"),
        ("espn-nfl", NFL_OVERTIME, 37, score(40, 37), "attest home"),
    ] {
        let regular = Some(score(level, level));
        assert_eq!(scores(name, body), (regular, Some(end), None));
        assert_eq!(attested(name, body, MatchBasis::RegularTime), "attest draw");
        assert_eq!(attested(name, body, MatchBasis::Final), outcome);
    }
}

#[test]
fn the_goal_for_a_shootout_is_taken_off_again() {
    let level = Some(score(3, 3));
    assert_eq!(
        scores("nhl", NHL_SHOOTOUT),
        (level, level, Some(score(1, 0)))
    );
    let draw = attested("nhl", NHL_SHOOTOUT, MatchBasis::RegularTime);
    assert_eq!(draw, "attest draw");
    assert_eq!(
        attested("nhl", NHL_SHOOTOUT, MatchBasis::Final),
        "attest home"
    );
    let away = edited(NHL_SHOOTOUT, |v| v["awayTeam"]["score"] = 5.into());
    let level = Some(score(4, 4));
    assert_eq!(scores("nhl", &away), (level, level, Some(score(0, 1))));
}

#[test]
fn a_tie_of_the_nfl_is_a_draw_on_both_bases() {
    let tie = (Some(score(37, 37)), Some(score(40, 40)), None);
    assert_eq!(scores("espn-nfl", NFL_TIE), tie);
    for basis in [MatchBasis::RegularTime, MatchBasis::Final] {
        assert_eq!(attested("espn-nfl", NFL_TIE, basis), "attest draw");
    }
}

#[test]
fn what_is_not_over_has_no_score() {
    let nhl = [
        (sample!("nhl/fut.json").to_owned(), MatchState::Scheduled),
        (nhl_state("PRE", "OK"), MatchState::Scheduled),
        (nhl_state("FUT", "TBD"), MatchState::Scheduled),
        (sample!("nhl/crit.json").to_owned(), MatchState::InPlay),
        (nhl_state("LIVE", "OK"), MatchState::InPlay),
        (nhl_state("OVER", "OK"), MatchState::InPlay),
        (sample!("nhl/ppd.json").to_owned(), MatchState::Postponed),
        (nhl_state("LIVE", "SUSP"), MatchState::Suspended),
        (nhl_state("FUT", "CNCL"), MatchState::Cancelled),
    ];
    let nba = [
        (
            sample!("nba/scheduled.json").to_owned(),
            MatchState::Scheduled,
        ),
        (nba_state(1, "TBD"), MatchState::Scheduled),
        (sample!("nba/in_play.json").to_owned(), MatchState::InPlay),
        (sample!("nba/ppd.json").to_owned(), MatchState::Postponed),
        (nba_state(1, "Postponed"), MatchState::Postponed),
        (nba_state(1, "Cancelled"), MatchState::Cancelled),
    ];
    let nfl = [
        (
            sample!("espn-nfl/scheduled.json").to_owned(),
            MatchState::Scheduled,
        ),
        (
            sample!("espn-nfl/in_play.json").to_owned(),
            MatchState::InPlay,
        ),
        (nfl_state("STATUS_HALFTIME"), MatchState::InPlay),
        (nfl_state("STATUS_END_PERIOD"), MatchState::InPlay),
        (nfl_state("STATUS_DELAYED"), MatchState::Suspended),
        (nfl_state("STATUS_SUSPENDED"), MatchState::Suspended),
        (
            sample!("espn-nfl/postponed.json").to_owned(),
            MatchState::Postponed,
        ),
        (nfl_state("STATUS_CANCELED"), MatchState::Cancelled),
        (nfl_state("STATUS_FORFEIT"), MatchState::Awarded),
    ];
    let leagues = [("nhl", &nhl[..]), ("nba", &nba[..]), ("espn-nfl", &nfl[..])];
    for (name, bodies) in leagues {
        for (body, state) in bodies {
            let fact = fact(name, body);
            assert_eq!(fact.state, *state, "{}", fact.literal);
            assert_eq!((fact.regular, fact.extra, fact.winner), (None, None, None));
        }
    }
}

#[test]
fn a_final_of_the_nhl_that_is_not_official_never_decides_alone() {
    let early = sample!("nhl/final.json");
    assert_eq!(scores("nhl", early), scores("nhl", NHL));
    assert_eq!(fact("nhl", early).doubts, ["final, and not yet official"]);
    assert_eq!(attested("nhl", early, MatchBasis::Final), "pending");
    let mut beside = Story::new(policy(2, &["nhl", "football-data"]));
    let home = super::FOOTBALL_DATA;
    for at in [AT, AT + 30, AT + 7200] {
        beside.read(at, &[early, home]);
    }
    assert_eq!(beside.verdict(AT + 7200), "attest home");
}

#[test]
fn a_game_of_the_nfl_that_was_cut_short_is_doubtful() {
    let short = edited(NFL, |v| v["status"]["period"] = 3.into());
    assert_eq!(fact("espn-nfl", &short).doubts, ["ended in quarter 3"]);
    assert_eq!(attested("espn-nfl", &short, MatchBasis::Final), "pending");
}

#[test]
fn states_that_contradict_each_other_are_refused() {
    for planned in ["PPD", "SUSP", "CNCL"] {
        refused("nhl", &nhl_state("OFF", planned), "contradiction", planned);
    }
    for status in [2, 3] {
        refused("nba", &nba_state(status, "PPD"), "contradiction", "PPD");
    }
    let open = edited(NFL, |v| v["status"]["type"]["completed"] = false.into());
    refused("espn-nfl", &open, "contradiction", "not completed");
}

#[test]
fn an_end_that_the_game_does_not_have_is_refused() {
    for (last, home, away) in [("REG", 2, 2), ("OT", 4, 2), ("SO", 2, 2), ("SO", 5, 3)] {
        let body = edited(NHL, |v| {
            v["gameOutcome"]["lastPeriodType"] = last.into();
            v["homeTeam"]["score"] = home.into();
            v["awayTeam"]["score"] = away.into();
        });
        refused("nhl", &body, "contradiction", "no game ends");
    }
    let level = edited(NBA, |v| v["game"]["awayTeam"]["score"] = 124.into());
    refused("nba", &level, "contradiction", "no game ends");
    let short = edited(NBA, |v| v["game"]["period"] = 3.into());
    refused("nba", &short, "contradiction", "period 3 of 4");
    let both = edited(NFL, |v| {
        v["competitions"][0]["competitors"][1]["winner"] = true.into();
    });
    refused("espn-nfl", &both, "contradiction", "both sides");
}

#[test]
fn winner_that_the_score_contradicts_holds() {
    let wrong = edited(NFL, |v| {
        v["competitions"][0]["competitors"][0]["winner"] = false.into();
        v["competitions"][0]["competitors"][1]["winner"] = true.into();
    });
    assert_eq!(fact("espn-nfl", &wrong).winner, Some(Side::Away));
    assert_eq!(attested("espn-nfl", &wrong, MatchBasis::Final), "hold");
}

#[test]
fn without_readable_periods_only_the_end_is_known() {
    let odd = [json!(null), json!("x"), json!([1]), json!([{"period": 1}])];
    for odd in odd {
        let nba = edited(NBA_OVERTIME, |v| {
            v["game"]["homeTeam"]["periods"] = odd.clone();
        });
        let nfl = edited(NFL_OVERTIME, |v| {
            v["competitions"][0]["competitors"][0]["linescores"] = odd.clone();
        });
        for (name, body) in [("nba", &nba), ("espn-nfl", &nfl)] {
            assert_eq!(scores(name, body).0, None);
            assert_eq!(fact(name, body).doubts, Vec::<String>::new());
            assert_eq!(attested(name, body, MatchBasis::Final), "attest home");
            assert_ne!(attested(name, body, MatchBasis::RegularTime), "attest draw");
        }
    }
}

#[test]
fn periods_that_do_not_lead_to_the_end_are_not_believed() {
    let points = |at: usize, points: u32| {
        edited(NBA_OVERTIME, |v| {
            v["game"]["homeTeam"]["periods"][at]["score"] = points.into();
        })
    };
    let twice = edited(NBA_OVERTIME, |v| {
        v["game"]["homeTeam"]["periods"][1]["period"] = 1.into();
    });
    let huge = u32::MAX;
    for body in [points(0, 28), points(5, 16), points(0, huge), twice] {
        let fact = fact("nba", &body);
        assert_eq!((fact.regular, fact.extra), (None, Some(score(132, 123))));
        assert!(fact.doubts[0].contains("from a level score to 132-123"));
        assert_eq!(attested("nba", &body, MatchBasis::Final), "pending");
    }
}

#[test]
fn sides_are_told_by_their_names_and_ids() {
    let reversed = edited(NFL, |v| {
        let sides = v["competitions"][0]["competitors"].as_array_mut().unwrap();
        sides.reverse();
    });
    assert_eq!(fact("espn-nfl", &reversed), fact("espn-nfl", NFL));
    let two_homes = NFL.replace("\"away\"", "\"home\"");
    refused(
        "espn-nfl",
        &two_homes,
        "contradiction",
        "one home and one away",
    );
    for (name, body) in FINISHED {
        let announced = source(name).parameters;
        let mut policy = policy(1, &[name]);
        policy.sources[0] = with("home", &announced["away"], source(name));
        policy.sources[0] = with("away", &announced["home"], policy.sources[0].clone());
        let mut story = Story::new(policy);
        story.read(AT, &[body]);
        assert_eq!(story.verdict(AT), "hold");
        assert!(story.reason(AT).contains("swapped"));
    }
}

#[test]
fn another_game_or_none_is_no_value() {
    for (name, body) in FINISHED {
        let id = source(name).parameters["match"].clone();
        let other = body.replace(&id, &id.replace('2', "3"));
        refused(name, &other, "contradiction", &id);
        for (status, body, verdict) in [
            (404, sample!("espn-nfl/error_404.json"), "permanent"),
            (403, "<Error><Code>AccessDenied</Code></Error>", "permanent"),
            (503, "<html>busy</html>", "transient"),
        ] {
            let answers: [Exchange; 1] = [answer(status, body, AT)];
            assert_eq!(interpret(&source(name), &answers).verdict(), verdict);
        }
        refused(name, "<html>busy</html>", "transient", "not JSON");
        refused(name, &body[..100], "transient", "truncated");
        refused(name, "", "transient", "empty");
        let doubled = body.replacen('{', r#"{"x":1,"x":2,"#, 1);
        refused(name, &doubled, "contradiction", "duplicate key");
        let down = r#"{"message":"maintenance"}"#;
        refused(name, down, "transient", "maintenance");
    }
}

#[test]
fn a_finished_game_without_what_decides_is_refused() {
    for (name, body, fields) in [
        (
            "nhl",
            NHL,
            &[
                "/homeTeam/score",
                "/awayTeam/score",
                "/gameOutcome",
                "/gameOutcome/lastPeriodType",
                "/startTimeUTC",
                "/gameState",
                "/gameScheduleState",
                "/homeTeam/id",
                "/id",
            ][..],
        ),
        (
            "nba",
            NBA,
            &[
                "/game/homeTeam/score",
                "/game/awayTeam/score",
                "/game/period",
                "/game/regulationPeriods",
                "/game/gameTimeUTC",
                "/game/gameStatus",
                "/game/awayTeam/teamId",
                "/game/gameId",
            ],
        ),
        (
            "espn-nfl",
            NFL,
            &[
                "/competitions/0/competitors/0/score",
                "/competitions/0/competitors/1/score",
                "/competitions/0/competitors/0/homeAway",
                "/competitions/0/competitors/1/team/id",
                "/status/period",
                "/status/type/name",
                "/status/type/completed",
                "/date",
                "/id",
            ],
        ),
    ] {
        for field in fields {
            for damage in [Value::Null, json!({}), json!("§"), json!(-1), json!(1.5)] {
                let body = edited(body, |v| *v.pointer_mut(field).unwrap() = damage.clone());
                let reading = interpret(&source(name), &[answer(200, &body, AT)]);
                assert_eq!(reading.verdict(), "contradiction", "{field} {damage}");
            }
        }
    }
    for points in ["", "+7", "7.0", " 7", "4294967296"] {
        let body = edited(NFL, |v| {
            v["competitions"][0]["competitors"][0]["score"] = points.into();
        });
        refused("espn-nfl", &body, "contradiction", "no score");
    }
}

#[test]
fn fields_of_a_game_to_come_may_be_anything() {
    for (name, body, fields) in [
        (
            "nhl",
            sample!("nhl/fut.json"),
            &["/startTimeUTC", "/venue"][..],
        ),
        (
            "nba",
            sample!("nba/scheduled.json"),
            &[
                "/game/homeTeam/score",
                "/game/period",
                "/game/homeTeam/periods",
                "/meta",
            ],
        ),
        (
            "espn-nfl",
            sample!("espn-nfl/scheduled.json"),
            &[
                "/competitions/0/competitors/0/score",
                "/competitions/0/competitors/0/linescores",
                "/status/period",
                "/status/type/completed",
                "/season",
            ],
        ),
    ] {
        for field in fields {
            for odd in [Value::Null, json!({}), json!("x"), json!(-1.5e-7)] {
                let body = edited(body, |v| *v.pointer_mut(field).unwrap() = odd.clone());
                assert_eq!(fact(name, &body).state, MatchState::Scheduled, "{field}");
            }
        }
    }
}

#[test]
fn each_adapter_is_strict_about_its_list_and_deaf_to_all_else() {
    for (name, body) in FINISHED {
        let read = |body: &str| interpret(&source(name), &[answer(200, body, AT)]);
        deaf::json(body, &Lists::of(name), &read).is_strict_and_deaf();
    }
    for (name, body) in [
        ("nhl", NHL_OVERTIME),
        ("nba", NBA_OVERTIME),
        ("espn-nfl", NFL_OVERTIME),
        ("espn-nfl", NFL_TIE),
        ("nhl", sample!("nhl/fut.json")),
        ("nba", sample!("nba/ppd.json")),
        ("espn-nfl", sample!("espn-nfl/postponed.json")),
    ] {
        let read = |body: &str| interpret(&source(name), &[answer(200, body, AT)]);
        deaf::json(body, &Lists::of(name), &read).is_deaf();
    }
}

#[test]
fn the_loopback_provider_speaks_as_the_leagues_do() {
    for (name, _) in FINISHED {
        let source = source(name);
        let number = |parameter: &str| source.parameters[parameter].parse().unwrap();
        for (stage, state) in [
            (MatchStage::Scheduled, MatchState::Scheduled),
            (MatchStage::Playing(2, 1), MatchState::InPlay),
            (MatchStage::Finished(2, 1), MatchState::Finished),
            (MatchStage::Overtime(2, (2, 3)), MatchState::Finished),
            (MatchStage::Postponed, MatchState::Postponed),
        ] {
            let game = ScriptedMatch {
                id: number("match"),
                home: number("home"),
                away: number("away"),
                kickoff: KICKOFF,
                stage,
            };
            let request = provider(name).unwrap().plan(&Query::Fact(&source), &[]);
            let path = game.path(name).unwrap();
            assert_eq!(request.unwrap().target, Target::Path(path));
            let fact = fact(name, &game.body(name).unwrap());
            assert_eq!(fact.state, state, "{name} {stage:?}");
            let scores = match stage {
                MatchStage::Finished(home, away) => (Some(score(home, away)), None),
                MatchStage::Overtime(level, (home, away)) => {
                    (Some(score(level, level)), Some(score(home, away)))
                }
                _ => (None, None),
            };
            assert_eq!((fact.regular, fact.extra), scores, "{name} {stage:?}");
        }
    }
}

proptest! {
    #[test]
    fn undocumented_word_is_named_and_never_a_value(word in "[A-Z]{5}_[A-Z0-9]{1,10}") {
        let quoted = format!("\"{word}\"");
        for (name, body, known) in [
            ("nhl", NHL, "\"OFF\""),
            ("nhl", NHL, "\"OK\""),
            ("nhl", NHL, "\"REG\""),
            ("nba", sample!("nba/scheduled.json"), "\"12:30 pm ET\""),
            ("espn-nfl", NFL, "\"STATUS_FINAL\""),
        ] {
            prop_assert!(body.contains(known));
            refused(name, &body.replace(known, &quoted), "contradiction", &word);
        }
        let status = edited(NBA, |v| v["game"]["gameStatus"] = 4.into());
        refused("nba", &status, "contradiction", "gameStatus");
    }
}
