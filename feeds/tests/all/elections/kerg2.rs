//! Germany's official results: what the table is read as, and who has won by it.

use std::collections::BTreeMap;

use oracle_feeds::fact::ElectionStage;
use oracle_feeds::provider;
use oracle_feeds::rule::Verdict;
use oracle_schema::policy::ElectionBasis;

use super::{
    FINAL, attests, fact, federal, holds, interpret, pends, policy, refused, sample, strongest,
    verdict, with,
};
use crate::common::T;

#[test]
fn kerg2_samples_are_read_as_stated() {
    let interim = sample!("bundeswahlleiterin/kerg2_zwischenergebnis.csv");
    let interim = fact(&federal(), interim);
    assert_eq!(interim.stage, ElectionStage::Counting);
    assert!(interim.votes.is_empty() && interim.winners.is_empty());
    let last = fact(&federal(), FINAL);
    assert_eq!(last.stage, ElectionStage::Certified);
    assert_eq!(last.literal, "Endgültig");
    let votes: Vec<_> = last.votes.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    assert_eq!(
        votes,
        [
            ("BSW", 2_481_410),
            ("CDU", 11_192_310),
            ("CSU", 2_961_020),
            ("SPD", 11_299_120)
        ]
    );
}

#[test]
fn cdu_and_csu_together_beat_a_party_larger_than_either() {
    attests(&strongest(), &[FINAL, FINAL], "union");
    let candidates: [(&str, &[&str]); 2] = [("cdu", &["CDU"]), ("spd", &["SPD"])];
    let apart = policy(ElectionBasis::Endgueltig, federal(), &candidates, 0);
    attests(&apart, &[FINAL, FINAL], "spd");
}

#[test]
fn only_the_final_result_settles_whatever_the_preliminary_said() {
    let policy = strongest();
    let interim = sample!("bundeswahlleiterin/kerg2_zwischenergebnis.csv");
    pends(&policy, &[interim, interim], "Zwischenergebnis");
    let flipped = with(FINAL, ";11299120;", ";14999120;");
    let preliminary = with(&flipped, "Status: Endgültig", "Status: Vorläufig");
    pends(&policy, &[interim, &preliminary, &preliminary], "Vorläufig");
    attests(&policy, &[&preliminary, FINAL, FINAL], "union");
}

#[test]
fn an_exact_tie_and_an_unmapped_largest_party_have_their_own_outcomes() {
    let mut policy = strongest();
    // CDU and CSU have 14,153,330 together.
    let tie = with(FINAL, ";11299120;", ";14153330;");
    attests(&policy, &[&tie, &tie], "tie");
    let third = with(FINAL, ";2481410;", ";14153331;");
    attests(&policy, &[&third, &third], "other");
    policy.outcomes.retain(|o| o != "tie" && o != "other");
    holds(&policy, &[&tie, &tie], "an exact tie");
    holds(&policy, &[&third, &third], "BSW");
}

#[test]
fn a_mapped_party_that_the_result_lacks_is_held() {
    let policy = strongest();
    let without = with(FINAL, ";CSU;", ";CSX;");
    holds(&policy, &[&without, &without], "\"CSU\" is not in");
}

#[test]
fn a_corrected_final_result_restarts_the_delay_though_the_winner_stays() {
    let mut policy = strongest();
    policy.settle_delay_s = 2 * 3600;
    let corrected = with(FINAL, ";2961020;", ";2961021;");
    let bodies = [FINAL, FINAL, &corrected, &corrected];
    assert!(matches!(
        verdict(&policy, &bodies),
        Verdict::Provisional { until, .. } if until == T + 4 * 3600
    ));
}

#[test]
fn kerg2_without_one_known_status_is_a_contradiction() {
    let status = "Status: Endgültig\r\n";
    for (to, detail) in [
        ("", "no line of status"),
        ("Status: Amtlich\r\n", "status \"Amtlich\""),
        ("Status: \r\n", "status \"\""),
        (
            "Status: Endgültig\r\nStatus: Endgültig\r\n",
            "two lines of status",
        ),
        (
            "Status: Vorläufig\r\nEndgültiges Ergebnis\r\n",
            "two lines of status",
        ),
    ] {
        refused(
            &federal(),
            &with(FINAL, status, to),
            "contradiction",
            detail,
        );
    }
    let other = with(FINAL, status, "# Endgültiges Ergebnis;;;\r\n");
    assert_eq!(fact(&federal(), &other).stage, ElectionStage::Certified);
}

#[test]
fn kerg2_rows_that_cannot_be_trusted_are_contradictions() {
    for (from, to, detail) in [
        (";2961020;", ";n/a;", "\"n/a\" votes in a final result"),
        (";2961020;", ";;", "\"\" votes"),
        (";2961020;", ";2.961.020;", "\"2.961.020\" votes"),
        (";2961020;", ";2961020,0;", "votes"),
        (";2961020;", ";-1;", "votes"),
        (";2961020;", ";99999999999999999999;", "votes"),
        (
            ";2961020;",
            ";9007199254740992;",
            "\"9007199254740992\" votes",
        ),
        (";2961020;", ";49600000;", "more votes than are valid"),
        (";CSU;3;2;", ";CDU;3;2;", "\"CDU\" has two rows"),
        ("Partei;CSU;", "Gruppe;CSU;", "Gruppenart \"Gruppe\""),
        ("BT;25.02.2029;Bund;99", "BT;25.02.2029;Bund", "18 fields"),
        (";Anzahl;", ";Stimmen;", "no column \"Anzahl\""),
        (";Prozent;", ";Anzahl;", "\"Anzahl\" occurs twice"),
        (
            ";Gruppenart;Gruppenname;",
            ";a;b;",
            "no column \"Gruppenart\"",
        ),
        (
            "Gebietsart;Gebietsnummer;Gebietsname",
            "a;b;c",
            "no column \"Gebietsart\"",
        ),
        (
            "Gruppenart;Gruppenname;Gruppenreihenfolge;Stimme",
            "a;b;c;d",
            "no header row",
        ),
        (";Bund;", ";Land;", "no party has a row"),
    ] {
        refused(&federal(), &with(FINAL, from, to), "contradiction", detail);
    }
    let latin1: Vec<u8> = FINAL
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'-'))
        .collect();
    let reading = interpret(&federal(), &latin1);
    assert_eq!(reading.verdict(), "contradiction");
    assert!(reading.detail().contains("UTF-8"));
    refused(&federal(), "<!doctype html>", "transient", "web page");
    refused(&federal(), "\r\n", "transient", "empty");
    refused(
        &federal(),
        r#"{"error":"maintenance"}"#,
        "transient",
        "maint",
    );
}

#[test]
fn the_header_is_found_by_the_columns_that_decide() {
    let moved = with(FINAL, "\r\nWahlart;", "\r\nNeu;Wahl;");
    let moved = with(&moved, "\r\nBT;", "\r\n1;BT;");
    assert_eq!(fact(&federal(), &moved), fact(&federal(), FINAL));
    let quoted = with(
        FINAL,
        ";Gebietsart;Gebietsnummer;",
        ";\"Gebietsart\";Gebietsnummer;",
    );
    assert_eq!(fact(&federal(), &quoted), fact(&federal(), FINAL));
}

#[test]
fn a_constituency_counts_its_own_rows_and_single_candidates() {
    let rows = "BT;25.02.2029;Wahlkreis;075;Mitte;Land;11;Partei;CDU;1;1;900;;;;;;;\r\n\
        BT;25.02.2029;WAHLKREIS;75;Mitte;Land;11;Einzelbewerber/Wählergruppe;EB: Ahorn;9;1;901;;;;;;;\r\n\
        BT;25.02.2029;Wahlkreis;76;Pankow;Land;11;Partei;CDU;1;1;5;;;;;;;\r\n";
    let body = format!("{FINAL}{rows}");
    let mut source = federal();
    source
        .parameters
        .insert("area".to_owned(), "Wahlkreis/75".to_owned());
    source.parameters.insert("vote".to_owned(), "1".to_owned());
    let votes = fact(&source, &body).votes;
    assert_eq!(
        votes,
        BTreeMap::from([("CDU".to_owned(), 900), ("EB: Ahorn".to_owned(), 901)])
    );
    let candidates: [(&str, &[&str]); 1] = [("cdu", &["CDU"])];
    let policy = policy(ElectionBasis::Endgueltig, source, &candidates, 0);
    attests(&policy, &[&body, &body], "other");
}

#[test]
fn kerg2_parameters_can_stand_in_a_url() {
    let adapter = provider("bundeswahlleiterin").unwrap();
    for (name, good, bad) in [
        (
            "path",
            &["/a/kerg2.csv"][..],
            &["", "a.csv", "//x.test/a", "/a/../b", "/a?b", "/a b", "/"][..],
        ),
        (
            "area",
            &["Bund", "Land/9", "Wahlkreis/075"],
            &["", "Bund/99", "Land", "Land/", "Land/+9", "Kreis/1"],
        ),
        ("vote", &["1", "2"], &["", "0", "3", "02"]),
    ] {
        for value in good {
            assert_eq!(adapter.check_parameter(name, value), Ok(()), "{value}");
        }
        for value in bad {
            assert!(adapter.check_parameter(name, value).is_err(), "{value}");
        }
    }
}
