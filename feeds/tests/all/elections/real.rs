//! Elections as they were: the official files as published, and answers of the
//! shapes that providers document as optional.

use std::io::Read as _;

use flate2::read::GzDecoder;
use oracle_feeds::fact::ElectionStage;
use oracle_feeds::{Query, provider};
use oracle_schema::policy::{ElectionBasis, ElectionPolicy, FactSource};

use super::{ap, attests, fact, federal, pends, policy, refused, senate, strongest};

macro_rules! official {
    ($file:literal) => {
        unpacked(include_bytes!(concat!(
            "../../../samples/bundeswahlleiterin/real/",
            $file
        )))
    };
}

fn unpacked(packed: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    text
}

fn with(mut source: FactSource, parameters: &[(&str, &str)]) -> FactSource {
    for (name, value) in parameters {
        source
            .parameters
            .insert((*name).to_owned(), (*value).to_owned());
    }
    source
}

/// Who has most votes where, one party by itself for each outcome.
fn largest(area: &str, vote: &str, parties: &[&str]) -> ElectionPolicy {
    let source = with(federal(), &[("area", area), ("vote", vote)]);
    let ids: Vec<[&str; 1]> = parties.iter().map(|p| [*p]).collect();
    let candidates: Vec<(&str, &[&str])> = ids.iter().map(|id| (id[0], &id[..])).collect();
    policy(ElectionBasis::Endgueltig, source, &candidates, 0)
}

#[test]
fn the_final_result_of_2021_decides_for_the_spd() {
    let body = official!("kerg2_2021_final.csv.gz");
    let votes = fact(&federal(), &body).votes;
    assert_eq!(votes["SPD"], 11_955_434);
    assert_eq!(votes["CDU"] + votes["CSU"], 8_775_471 + 2_402_827);
    attests(&strongest(), &[&body, &body], "spd");
    for (area, vote, winner) in [
        ("Land/1", "2", "SPD"),
        ("Wahlkreis/75", "1", "GRÜNE"),
        ("Wahlkreis/001", "2", "SPD"),
    ] {
        let policy = largest(area, vote, &["SPD", "CDU", "GRÜNE"]);
        attests(&policy, &[&body, &body], winner);
    }
    let bavaria = largest("Land/9", "2", &["SPD", "CSU"]);
    attests(&bavaria, &[&body, &body], "CSU");
}

#[test]
fn the_result_of_2025_waits_until_it_is_final() {
    let body = official!("kerg2_2025_prelim.csv.gz");
    pends(&strongest(), &[&body, &body], "Vorläufig");
    let last = body.replacen("Status:;Vorläufig", "Status:;Endgültig", 1);
    assert_ne!(body, last);
    attests(&strongest(), &[&body, &last, &last], "union");
    let kreis = largest("Wahlkreis/1", "2", &["CDU", "AfD", "SPD"]);
    attests(&kreis, &[&last, &last], "CDU");
}

#[test]
fn a_party_without_a_count_did_not_stand_and_the_others_decide() {
    for body in [
        include_str!("../../../samples/bundeswahlleiterin/kerg2_blank_counts.csv"),
        include_str!("../../../samples/bundeswahlleiterin/kerg2_real_layout.csv"),
    ] {
        assert_eq!(fact(&federal(), body).stage, ElectionStage::Certified);
        let apart = largest("Bund", "2", &["SPD", "CDU"]);
        attests(&apart, &[body, body], "SPD");
    }
}

#[test]
fn a_race_without_a_call_status_waits_for_its_winner() {
    let policy = senate(ElectionBasis::Called, 0);
    let open = include_str!("../../../samples/ap/v3_no_status_yet.json");
    pends(&policy, &[open, open], "no winner");
}

#[test]
fn a_ballot_measure_is_decided_by_the_mark_on_its_winner() {
    let body = include_str!("../../../samples/ap/v3_ballot_measure.json");
    let candidates: [(&str, &[&str]); 2] = [("yes", &["18702"]), ("no", &["18705"])];
    let source = with(ap(), &[("office", "I")]);
    let policy = policy(ElectionBasis::Called, source, &candidates, 0);
    attests(&policy, &[body, body], "yes");
}

#[test]
fn the_announced_seat_decides_among_those_listed() {
    let body = include_str!("../../../samples/ap/v3_house_seats.json");
    // The second seat is the other candidate's, and the third is nobody's yet.
    let mut answer: serde_json::Value = serde_json::from_str(body).unwrap();
    let seats = answer["races"].as_array_mut().unwrap();
    let candidates = |seat: usize| format!("/{seat}/reportingUnits/0/candidates");
    let mut listed = serde_json::Value::Array(seats.clone());
    let second = listed.pointer_mut(&candidates(1)).unwrap();
    second[0].as_object_mut().unwrap().remove("winner");
    second[1]["winner"] = "X".into();
    listed[2] =
        serde_json::json!({"raceID": 40003, "seatNum": "3", "officeID": "H", "reportingUnits": 7});
    answer["races"] = listed;
    let body = answer.to_string();
    for (named, outcome) in [
        (("race", "40001"), "alder"),
        (("seat", "1"), "alder"),
        (("race", "40002"), "birch"),
        (("seat", "2"), "birch"),
    ] {
        let source = with(ap(), &[("office", "H"), named]);
        let candidates: [(&str, &[&str]); 2] = [("alder", &["18702"]), ("birch", &["18705"])];
        let policy = policy(ElectionBasis::Called, source, &candidates, 0);
        attests(&policy, &[&body, &body], outcome);
    }
    // Unnamed, several are none; a seat that is not listed is none either.
    for source in [
        with(ap(), &[("office", "H")]),
        with(ap(), &[("office", "H"), ("seat", "9")]),
    ] {
        refused(&source, &body, "contradiction", "races");
    }
}

#[test]
fn the_question_to_ap_says_which_results_and_which_race() {
    let adapter = provider("ap").unwrap();
    let named = [
        ("office", "H"),
        ("race", "40002"),
        ("seat", "2"),
        ("race_type", "G"),
    ];
    let mut source = with(ap(), &named);
    for (basis, results) in [
        (ElectionBasis::Certified, "c"),
        (ElectionBasis::Called, "l"),
    ] {
        adapter.complete(basis, &mut source.parameters);
        let request = adapter.plan(&Query::Fact(&source), &[]).unwrap();
        let expected = format!(
            "Path(\"/v3/elections/2026-11-03?statePostal=GA&officeID=H&level=state&raceID=40002\
             &raceTypeID=G&seatNum=2&resultsType={results}&format=json\")"
        );
        assert_eq!(format!("{:?}", request.target), expected);
    }
    assert!(adapter.doubt_about_request(&source.parameters).is_none());
    source.parameters.remove("race");
    source.parameters.remove("seat");
    let doubt = adapter.doubt_about_request(&source.parameters).unwrap();
    assert!(doubt.contains("several races"), "{doubt}");
}

#[test]
fn ranked_choice_goes_on_counting() {
    let called = include_str!("../../../samples/ap/v3_called.json");
    let body = called.replace("\"Called\"", "\"Awaiting Ranked Choice Results\"");
    assert_ne!(called, body);
    pends(
        &senate(ElectionBasis::Called, 0),
        &[&body, &body],
        "Ranked Choice",
    );
}
