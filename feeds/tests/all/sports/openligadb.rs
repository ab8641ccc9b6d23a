//! Every sample of `OpenLigaDB`, with the reading it must have.

use oracle_feeds::fact::MatchState;
use serde_json::Value;

use super::{
    AT, KICKOFF, OPENLIGADB, answer, edited, fact, interpret, read, refused, sample, score, source,
    with,
};

const CUP: &str = sample!("openligadb/cup_aet.json");

#[test]
fn scheduled_has_no_score() {
    let fact = fact("openligadb", sample!("openligadb/scheduled.json"));
    assert_eq!(fact.state, MatchState::Scheduled);
    assert_eq!(fact.kickoff, Some(KICKOFF));
    assert_eq!((fact.home.as_str(), fact.away.as_str()), ("40", "7"));
    assert_eq!((fact.regular, fact.doubts.len()), (None, 0));
}

#[test]
fn moved_kickoff_across_the_change_of_clocks_is_consistent() {
    let fact = fact("openligadb", sample!("openligadb/rescheduled.json"));
    assert_eq!(fact.state, MatchState::Scheduled);
    // Three hours less by the wall clock, and the hour that is repeated.
    assert_eq!(fact.kickoff, Some(KICKOFF + 22 * 3600));
    assert_eq!(fact.doubts, [""; 0]);
}

#[test]
fn kickoffs_that_disagree_give_the_later_and_a_doubt() {
    let fact = fact("openligadb", sample!("openligadb/dst_mismatch.json"));
    assert_eq!(fact.kickoff, Some(KICKOFF + 22 * 3600));
    assert!(fact.doubts[0].contains("disagree"), "{:?}", fact.doubts);
}

#[test]
fn finished_is_the_result_after_90_minutes() {
    let fact = fact("openligadb", OPENLIGADB);
    assert_eq!(fact.state, MatchState::Finished);
    assert_eq!(fact.regular, Some(score(2, 1)));
    assert_eq!((fact.extra, fact.penalties), (None, None));
    assert_eq!(fact.doubts, [""; 0]);
    assert_eq!(fact.literal, "finished 2-1");
}

#[test]
fn goals_that_end_elsewhere_are_a_doubt() {
    let body = sample!("openligadb/finished_goals_disagree.json");
    let fact = fact("openligadb", body);
    assert_eq!(fact.regular, Some(score(2, 1)));
    assert_eq!(fact.doubts, ["goals end at 1-0, result is 2-1"]);
}

#[test]
fn results_go_by_kind_and_their_order_means_nothing() {
    let source = with("match", "77555", source("openligadb"));
    let mut body: Value = serde_json::from_str(CUP).unwrap();
    body["matchResults"].as_array_mut().unwrap().reverse();
    for body in [CUP, &body.to_string()] {
        let fact = read(&source, body);
        assert_eq!(
            (fact.regular, fact.extra),
            (Some(score(1, 1)), Some(score(2, 1)))
        );
        assert_eq!(fact.doubts, [""; 0]);
    }
}

#[test]
fn thirds_under_the_kinds_of_football_are_no_result() {
    let source = with("match", "78001", source("openligadb"));
    let body = sample!("openligadb/hockey_thirds.json");
    let reading = interpret(&source, &[answer(200, body, AT)]);
    assert_eq!(reading.verdict(), "contradiction");
    assert!(reading.detail().contains("Drittel"), "{}", reading.detail());
}

#[test]
fn match_day_is_searched_by_id() {
    let list = sample!("openligadb/matchday_list.json");
    assert_eq!(fact("openligadb", list).regular, Some(score(2, 1)));
    let second = read(&with("match", "77002", source("openligadb")), list);
    assert_eq!(
        (second.home.as_str(), second.state),
        ("9", MatchState::Scheduled)
    );
    let third = with("match", "77003", source("openligadb"));
    let reading = interpret(&third, &[answer(200, list, AT)]);
    assert_eq!(reading.verdict(), "no_data");
    let twice = list.replace("77002", "77001");
    refused("openligadb", &twice, "contradiction", "several");
}

#[test]
fn change_date_is_no_match() {
    let body = sample!("openligadb/lastchange.json");
    refused("openligadb", body, "contradiction", "unexpected JSON");
}

#[test]
fn live_endergebnis_is_not_final() {
    let live = OPENLIGADB.replace("\"matchIsFinished\": true", "\"matchIsFinished\": false");
    let fact = fact("openligadb", &live);
    assert_eq!((fact.state, fact.regular), (MatchState::InPlay, None));
}

#[test]
fn kinds_and_names_it_does_not_have_are_refused() {
    let kind = OPENLIGADB.replace("After90Minutes", "AfterSevenInnings");
    refused("openligadb", &kind, "contradiction", "AfterSevenInnings");
    let name = OPENLIGADB.replace("Endergebnis", "2. Spielabschnitt");
    refused("openligadb", &name, "contradiction", "Spielabschnitt");
    for later in [
        "n.V.",
        "nach Verlängerung",
        "nach Elfmeterschießen",
        "(overtime)",
    ] {
        let name = OPENLIGADB.replace("Endergebnis", &format!("Endergebnis {later}"));
        refused("openligadb", &name, "contradiction", later);
    }
    let twice = OPENLIGADB.replace("HalfTime", "After90Minutes");
    let twice = twice.replace("Halbzeit", "Endergebnis");
    refused("openligadb", &twice, "contradiction", "two results");
    refused("openligadb", "null\n", "no_data", "77001");
}

#[test]
fn time_zone_it_is_not_known_to_use_leaves_utc_and_a_doubt() {
    let elsewhere = OPENLIGADB.replace("W. Europe Standard Time", "Tokyo Standard Time");
    let fact = fact("openligadb", &elsewhere);
    assert_eq!(fact.kickoff, Some(KICKOFF));
    assert!(fact.doubts[0].contains("Tokyo"), "{:?}", fact.doubts);
}

/// Kickoff and whether it is doubtful, of a wall clock in Berlin and UTC.
fn kickoff(local: &str, utc: &str) -> (Option<i64>, bool) {
    let fact = fact(
        "openligadb",
        &edited(OPENLIGADB, |v| {
            v["matchDateTime"] = local.into();
            v["matchDateTimeUTC"] = utc.into();
        }),
    );
    (fact.kickoff, !fact.doubts.is_empty())
}

#[test]
fn berlin_changes_its_clocks_on_the_last_sundays_of_march_and_october() {
    for (local, utc) in [
        ("2026-10-25T15:30:00", "2026-10-25T14:30:00Z"),
        ("2027-03-28T01:59:59", "2027-03-28T00:59:59Z"),
        ("2027-03-28T03:00:00", "2027-03-28T01:00:00Z"),
        ("2027-01-01T00:00:00", "2026-12-31T23:00:00Z"),
        // The hour that is shown twice.
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
        ("2026-10-25T02:30:00", "2026-10-25T01:30:00Z"),
    ] {
        let (at, doubtful) = kickoff(local, utc);
        let same = chrono::DateTime::parse_from_rfc3339(utc).unwrap();
        assert_eq!((at, doubtful), (Some(same.timestamp()), false), "{local}");
    }
    // The hour that is never shown.
    assert!(kickoff("2027-03-28T02:30:00", "2027-03-28T01:30:00Z").1);
    assert!(kickoff("2026-10-24T17:30:00", "2026-10-24T16:30:00Z").1);
}

/// The result of a cup match with one of its rows changed.
fn cup(edit: impl Fn(&mut Value)) -> oracle_feeds::fact::MatchFact {
    let source = with("match", "77555", source("openligadb"));
    read(&source, &edited(CUP, |v| edit(&mut v["matchResults"])))
}

#[test]
fn nonsense_about_extra_time_takes_nothing_from_regular_time() {
    for fact in [
        // Goals of extra time alone, not the score after it.
        cup(|rows| rows[2]["pointsTeam1"] = 0.into()),
        cup(|rows| rows[2]["pointsTeam1"] = Value::Null),
        cup(|rows| rows[2]["pointsTeam2"] = "one".into()),
        cup(|rows| rows[2]["resultTypeKind"] = "Unknown".into()),
        cup(|rows| rows[2]["resultTypeKind"] = Value::Null),
        cup(|rows| rows[2] = Value::Null),
        cup(|rows| {
            let mut twice = rows[2].clone();
            twice["pointsTeam1"] = 3.into();
            rows.as_array_mut().unwrap().push(twice);
        }),
    ] {
        assert_eq!(fact.regular, Some(score(1, 1)), "{fact:?}");
        assert_eq!(fact.extra, None, "{fact:?}");
        assert!(fact.end_unknown && !fact.doubts.is_empty(), "{fact:?}");
    }
}

#[test]
fn copies_of_the_result_in_rows_of_what_was_not_played_are_a_doubt() {
    let copies = edited(OPENLIGADB, |v| {
        let mut copy = v["matchResults"][1].clone();
        copy["resultTypeKind"] = "AfterExtraTime".into();
        v["matchResults"].as_array_mut().unwrap().push(copy);
    });
    let fact = fact("openligadb", &copies);
    assert_eq!(fact.regular, Some(score(2, 1)));
    assert!(fact.doubts[0].contains("more was played"), "{fact:?}");
}

#[test]
fn a_row_that_is_listed_twice_alike_is_one_row() {
    let fact = cup(|rows| {
        let copy = rows[1].clone();
        rows.as_array_mut().unwrap().push(copy);
    });
    assert_eq!((fact.regular, fact.doubts.len()), (Some(score(1, 1)), 0));
}

#[test]
fn rows_of_other_parts_may_be_odd() {
    let odd = edited(OPENLIGADB, |v| {
        v["matchResults"][0]["pointsTeam1"] = "?".into();
        v["matchResults"][0]["pointsTeam2"] = Value::Null;
        v["goals"] = "none".into();
    });
    let fact = fact("openligadb", &odd);
    assert_eq!((fact.regular, fact.doubts.len()), (Some(score(2, 1)), 0));
}

#[test]
fn the_finished_flag_may_come_before_the_result() {
    let bare = edited(OPENLIGADB, |v| {
        v["matchResults"].as_array_mut().unwrap().truncate(1);
    });
    refused("openligadb", &bare, "not_yet", "no score yet");
}

#[test]
fn a_kickoff_that_cannot_be_read_is_a_doubt_beside_the_other() {
    for (field, odd) in [
        ("matchDateTimeUTC", Value::from("2026-10-24 16:30")),
        ("matchDateTimeUTC", Value::from(7)),
        ("matchDateTime", Value::from("Saturday")),
        ("matchDateTime", Value::from(false)),
        ("timeZoneID", Value::from(1)),
    ] {
        let fact = fact(
            "openligadb",
            &edited(OPENLIGADB, |v| v[field] = odd.clone()),
        );
        assert_eq!(fact.kickoff, Some(KICKOFF));
        assert!(fact.doubts[0].contains(field), "{:?}", fact.doubts);
    }
}

#[test]
fn a_shootout_without_a_result_of_extra_time_tells_who_won_and_no_total_in_the_end() {
    let fact = cup(|rows| {
        rows[2]["resultTypeKind"] = "AfterPenalties".into();
        rows[2]["pointsTeam1"] = 5.into();
        rows[2]["pointsTeam2"] = 4.into();
    });
    assert_eq!(fact.regular, Some(score(1, 1)));
    assert_eq!((fact.extra, fact.penalties), (None, Some(score(5, 4))));
    assert!(fact.extra_unknown && !fact.end_unknown, "{fact:?}");
    assert!(fact.doubts[0].contains("a shootout"), "{:?}", fact.doubts);
    // What comes before it is told: nothing is unknown.
    let whole = cup(|rows| {
        let mut shootout = rows[2].clone();
        shootout["resultTypeKind"] = "AfterPenalties".into();
        rows.as_array_mut().unwrap().push(shootout);
    });
    assert!(!whole.extra_unknown, "{whole:?}");
}
