//! Elections as they were: the official files as published, and answers of the
//! shapes that providers document as optional.

use std::io::Read as _;

use flate2::read::GzDecoder;
use oracle_feeds::fact::ElectionStage;
use oracle_schema::policy::{ElectionBasis, ElectionPolicy, FactSource};

use crate::elections::{ap, attests, fact, federal, pends, policy, senate, strongest};

macro_rules! official {
    ($file:literal) => {
        unpacked(include_bytes!(concat!(
            "../../samples/bundeswahlleiterin/real/",
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
        include_str!("../../samples/bundeswahlleiterin/kerg2_blank_counts.csv"),
        include_str!("../../samples/bundeswahlleiterin/kerg2_real_layout.csv"),
    ] {
        assert_eq!(fact(&federal(), body).stage, ElectionStage::Certified);
        let apart = largest("Bund", "2", &["SPD", "CDU"]);
        attests(&apart, &[body, body], "SPD");
    }
}

#[test]
fn a_race_without_a_call_status_waits_for_its_winner() {
    let policy = senate(ElectionBasis::Called, 0);
    let open = include_str!("../../samples/ap/v3_no_status_yet.json");
    pends(&policy, &[open, open], "no winner");
}

#[test]
fn a_ballot_measure_is_decided_by_the_mark_on_its_winner() {
    let body = include_str!("../../samples/ap/v3_ballot_measure.json");
    let candidates: [(&str, &[&str]); 2] = [("yes", &["18702"]), ("no", &["18705"])];
    let source = with(ap(), &[("office", "I")]);
    let policy = policy(ElectionBasis::Called, source, &candidates, 0);
    attests(&policy, &[body, body], "yes");
}

#[test]
fn the_announced_seat_decides_among_those_listed() {
    let body = include_str!("../../samples/ap/v3_house_seats.json");
    for named in [("race", "40002"), ("seat", "2")] {
        let source = with(ap(), &[("office", "H"), named]);
        let candidates: [(&str, &[&str]); 1] = [("alder", &["18702"])];
        let policy = policy(ElectionBasis::Called, source, &candidates, 0);
        attests(&policy, &[body, body], "alder");
    }
}

#[test]
fn ranked_choice_goes_on_counting() {
    let called = include_str!("../../samples/ap/v3_called.json");
    let body = called.replace("\"Called\"", "\"Awaiting Ranked Choice Results\"");
    assert_ne!(called, body);
    pends(
        &senate(ElectionBasis::Called, 0),
        &[&body, &body],
        "Ranked Choice",
    );
}
