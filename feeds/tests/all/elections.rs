//! Elections from the providers' bytes to the verdict: every sample with the
//! reading it must have, and what happens over days.

use std::collections::BTreeMap;

use chrono::Duration;
use oracle_feeds::fact::{ElectionFact, ElectionStage};
use oracle_feeds::rule::{Verdict, election};
use oracle_feeds::{Observation, Query, Reading, SourceReading, provider};
use oracle_schema::policy::{ElectionBasis, ElectionPolicy, FactSource};
use proptest::prelude::*;

use crate::common::{T, exchange, time};

macro_rules! sample {
    ($file:literal) => {
        include_str!(concat!("../../samples/", $file))
    };
}

const CALLED: &str = sample!("ap/v3_called.json");
const CERTIFIED: &str = sample!("ap/v3_certified.json");
const RUNOFF: &str = sample!("ap/v3_runoff.json");
const FINAL: &str = sample!("bundeswahlleiterin/kerg2_endgueltig.csv");

pub(crate) fn source(provider: &str, parameters: &[(&str, &str)]) -> FactSource {
    FactSource {
        id: provider.to_owned(),
        provider: provider.to_owned(),
        root: provider.to_owned(),
        parameters: parameters
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
    }
}

pub(crate) fn ap() -> FactSource {
    source(
        "ap",
        &[("date", "2026-11-03"), ("state", "GA"), ("office", "S")],
    )
}

pub(crate) fn federal() -> FactSource {
    let path = "/bundestagswahlen/2029/kerg2.csv";
    source(
        "bundeswahlleiterin",
        &[("path", path), ("area", "Bund"), ("vote", "2")],
    )
}

fn interpret(source: &FactSource, body: &[u8]) -> Reading {
    provider(&source.provider)
        .unwrap()
        .interpret(&Query::Fact(source), &[exchange(200, body)])
}

pub(crate) fn fact(source: &FactSource, body: &str) -> ElectionFact {
    match interpret(source, body.as_bytes()) {
        Reading::Observation(Observation::Election(fact)) => fact,
        other => panic!("{}: {}", other.verdict(), other.detail()),
    }
}

#[track_caller]
pub(crate) fn refused(source: &FactSource, body: &str, verdict: &str, detail: &str) {
    let reading = interpret(source, body.as_bytes());
    assert_eq!(reading.verdict(), verdict, "{}", reading.detail());
    assert!(reading.detail().contains(detail), "{}", reading.detail());
}

/// `text` with something of it changed, which must be there.
#[track_caller]
fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}

/// One reading, `hours` after maturity.
fn read(source: &FactSource, hours: i64, body: &str) -> SourceReading {
    let mut answer = exchange(200, body.as_bytes());
    answer.sent_at = time(T) + Duration::hours(hours);
    answer.date = Some(answer.sent_at);
    SourceReading {
        source: source.id.clone(),
        root: source.root.clone(),
        reading: provider(&source.provider)
            .unwrap()
            .interpret(&Query::Fact(source), std::slice::from_ref(&answer)),
        exchanges: vec![answer],
    }
}

pub(crate) fn names(outcomes: &[&str]) -> Vec<String> {
    outcomes.iter().map(|o| (*o).to_owned()).collect()
}

pub(crate) fn policy(
    basis: ElectionBasis,
    source: FactSource,
    candidates: &[(&str, &[&str])],
    settle_hours: u32,
) -> ElectionPolicy {
    let mut outcomes: Vec<String> = candidates.iter().map(|(o, _)| (*o).to_owned()).collect();
    outcomes.extend(names(&["other", "runoff", "tie", "void"]));
    ElectionPolicy {
        outcomes,
        basis,
        agree: 1.try_into().unwrap(),
        stable_reads: 2.try_into().unwrap(),
        read_every_s: 3600.try_into().unwrap(),
        settle_delay_s: settle_hours * 3600,
        candidates: candidates
            .iter()
            .map(|(outcome, ids)| {
                let by_provider = BTreeMap::from([(source.provider.clone(), names(ids))]);
                ((*outcome).to_owned(), by_provider)
            })
            .collect(),
        sources: vec![source],
        panel: None,
    }
}

pub(crate) fn senate(basis: ElectionBasis, settle_hours: u32) -> ElectionPolicy {
    let candidates: [(&str, &[&str]); 2] = [("alder", &["18702"]), ("birch", &["18705"])];
    policy(basis, ap(), &candidates, settle_hours)
}

pub(crate) fn strongest() -> ElectionPolicy {
    let candidates: [(&str, &[&str]); 2] = [("union", &["CDU", "CSU"]), ("spd", &["SPD"])];
    policy(ElectionBasis::Endgueltig, federal(), &candidates, 0)
}

/// The verdict at the last reading, of bodies read hour after hour.
fn verdict(policy: &ElectionPolicy, bodies: &[&str]) -> Verdict {
    let source = &policy.sources[0];
    let readings: Vec<_> = (0..)
        .zip(bodies)
        .map(|(hour, body)| read(source, hour, body))
        .collect();
    let now = time(T) + Duration::hours(i64::try_from(bodies.len()).unwrap() - 1);
    election::decide(policy, T, now, &readings, None).verdict
}

#[track_caller]
pub(crate) fn attests(policy: &ElectionPolicy, bodies: &[&str], outcome: &str) {
    let found = verdict(policy, bodies);
    assert_eq!(
        found,
        Verdict::Attest {
            outcome: outcome.to_owned()
        }
    );
}

#[track_caller]
pub(crate) fn pends(policy: &ElectionPolicy, bodies: &[&str], why: &str) {
    match verdict(policy, bodies) {
        Verdict::Pending { cause } => assert!(cause.to_string().contains(why), "{cause}"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn holds(policy: &ElectionPolicy, bodies: &[&str], why: &str) {
    match verdict(policy, bodies) {
        Verdict::Hold { cause } => assert!(cause.to_string().contains(why), "{cause}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ap_samples_are_read_as_stated() {
    for (body, stage, winners, runoff) in [
        (
            sample!("ap/v3_too_early.json"),
            ElectionStage::Counting,
            &[][..],
            false,
        ),
        (
            sample!("ap/v3_too_close.json"),
            ElectionStage::Counting,
            &[],
            false,
        ),
        (CALLED, ElectionStage::Called, &["18702"], false),
        (RUNOFF, ElectionStage::Called, &[], true),
        (
            sample!("ap/v3_unable.json"),
            ElectionStage::Undecidable,
            &[],
            false,
        ),
        (CERTIFIED, ElectionStage::Certified, &["18702"], false),
        (
            sample!("ap/v3_uncontested.json"),
            ElectionStage::Called,
            &["18702"],
            false,
        ),
    ] {
        let fact = fact(&ap(), body);
        assert_eq!(
            (fact.stage, fact.winners, fact.runoff),
            (stage, names(winners), runoff),
            "{}",
            fact.literal
        );
        assert!(fact.votes.is_empty() && fact.doubts.is_empty());
    }
    let no_changes = sample!("ap/v3_no_changes.json");
    refused(&ap(), no_changes, "not_yet", "no changes");
}

#[test]
fn the_states_winner_is_the_states_and_the_nations_the_nations() {
    // The older dialect has no call status: the mark on the winner is the call.
    let body = sample!("ap/v2_called_national_and_state.json");
    for (state, winner) in [("VA", "51896"), ("US", "52107")] {
        let parameters = [("date", "2026-11-03"), ("state", state), ("office", "P")];
        let fact = fact(&source("ap", &parameters), body);
        assert_eq!(fact.winners, names(&[winner]));
        assert_eq!(fact.stage, ElectionStage::Called);
    }
    let elsewhere = [("date", "2026-11-03"), ("state", "GA"), ("office", "P")];
    let elsewhere = source("ap", &elsewhere);
    refused(&elsewhere, body, "contradiction", "one reporting unit");
}

#[test]
fn ap_answers_that_are_not_what_was_asked_are_contradictions() {
    for (from, to, detail) in [
        ("\"test\": false", "\"test\": true", "test data"),
        ("\"live\"", "\"test\"", "test data"),
        ("\"live\"", "\"projected\"", "resultsType"),
        ("\"Called\"", "\"Advanced\"", "raceCallStatus \"Advanced\""),
        ("\"X\"", "\"W\"", "winner is marked \"W\""),
        ("\"X\"", "true", "unexpected JSON"),
        (
            "\"2026-11-03\",\n",
            "\"2024-11-05\",\n",
            "election of \"2024-11-05\"",
        ),
        ("\"officeID\": \"S\"", "\"officeID\": \"G\"", "for office S"),
        ("\"18705\"", "\"18702\"", "listed twice"),
        (
            "\"level\": \"state\"",
            "\"level\": \"FIPSCode\"",
            "one reporting unit",
        ),
        (
            "\"test\": false",
            "\"test\": false, \"test\": false",
            "duplicate key",
        ),
    ] {
        refused(&ap(), &with(CALLED, from, to), "contradiction", detail);
    }
    let mut two: serde_json::Value = serde_json::from_str(CALLED).unwrap();
    let races = two["races"].as_array_mut().unwrap();
    races.push(races[0].clone());
    refused(&ap(), &two.to_string(), "contradiction", "2 races");
    refused(&ap(), "<html></html>", "transient", "not JSON");
    refused(&ap(), r#"{"message":"slow down"}"#, "transient", "slow");
}

#[test]
fn ap_is_asked_for_the_state_with_the_key_elsewhere() {
    let adapter = provider("ap").unwrap();
    let request = adapter.plan(&Query::Fact(&ap()), &[]).unwrap();
    assert_eq!(
        format!("{:?}", request.target),
        "Path(\"/v3/elections/2026-11-03?statePostal=GA&officeID=S&level=state&format=json\")"
    );
    assert_eq!(adapter.key_header(), Some("x-api-key"));
    for (name, bad) in [
        ("date", "2026-11-31"),
        ("date", "2026-11-3"),
        ("state", "ga"),
        ("state", "G&"),
        ("office", ""),
        ("office", "S&x"),
    ] {
        assert!(adapter.check_parameter(name, bad).is_err(), "{name} {bad}");
        let mut source = ap();
        source.parameters.insert(name.to_owned(), bad.to_owned());
        assert_eq!(adapter.plan(&Query::Fact(&source), &[]), None);
    }
}

#[test]
fn a_call_settles_only_where_calls_were_announced() {
    attests(
        &senate(ElectionBasis::Called, 1),
        &[CALLED, CALLED],
        "alder",
    );
    pends(
        &senate(ElectionBasis::Certified, 0),
        &[CALLED, CALLED],
        "Called live",
    );
    let certified = senate(ElectionBasis::Certified, 1);
    attests(&certified, &[CALLED, CERTIFIED, CERTIFIED], "alder");
    // Certification confirms a call; it is no change of mind.
    let called = senate(ElectionBasis::Called, 2);
    attests(&called, &[CALLED, CERTIFIED, CERTIFIED], "alder");
}

#[test]
fn a_call_taken_back_is_open_again_and_restarts_the_delay() {
    let policy = senate(ElectionBasis::Called, 2);
    let uncalled = with(CALLED, "\"Called\"", "\"Uncalled\"");
    pends(
        &policy,
        &[CALLED, CALLED, &uncalled, &uncalled],
        "Uncalled live",
    );
    let again = [CALLED, CALLED, &uncalled, CALLED, CALLED];
    assert!(matches!(
        verdict(&policy, &again),
        Verdict::Provisional { until, .. } if until == T + 5 * 3600
    ));
    let again = [CALLED, CALLED, &uncalled, CALLED, CALLED, CALLED];
    attests(&policy, &again, "alder");
}

#[test]
fn a_call_moved_to_another_candidate_restarts_the_delay() {
    let policy = senate(ElectionBasis::Called, 2);
    let moved = with(CALLED, "18702", "0");
    let moved = with(&moved, "18705", "18702");
    let moved = with(&moved, "\"0\"", "\"18705\"");
    assert!(matches!(
        verdict(&policy, &[CALLED, &moved, &moved]),
        Verdict::Provisional { outcome, until, .. }
            if outcome == "birch" && until == T + 3 * 3600
    ));
}

#[test]
fn no_changes_is_neither_a_confirmation_nor_a_call_taken_back() {
    let policy = senate(ElectionBasis::Called, 2);
    let nothing = sample!("ap/v3_no_changes.json");
    pends(&policy, &[CALLED, CALLED, nothing], "0 of 1");
    pends(&policy, &[nothing, nothing], "no changes");
    attests(&policy, &[CALLED, nothing, CALLED], "alder");
}

#[test]
fn a_leader_is_no_winner() {
    let policy = senate(ElectionBasis::Called, 0);
    for body in [
        sample!("ap/v3_too_early.json"),
        sample!("ap/v3_too_close.json"),
    ] {
        pends(&policy, &[body, body], "no winner");
    }
}

#[test]
fn a_winner_who_does_not_lead_has_won_and_settles_for_longer() {
    let behind = with(CALLED, "\"Called\"", "\"Winner Not Leading\"");
    let mut policy = senate(ElectionBasis::Called, 0);
    assert!(matches!(
        verdict(&policy, &[&behind]),
        Verdict::Pending { .. }
    ));
    assert!(matches!(
        verdict(&policy, &[&behind, &behind]),
        Verdict::Attest { outcome } if outcome == "alder"
    ));
    policy.settle_delay_s = 3 * 3600;
    assert!(matches!(
        verdict(&policy, &[&behind, &behind, &behind, &behind]),
        Verdict::Provisional { until, .. } if until == T + 6 * 3600
    ));
    attests(&policy, &[behind.as_str(); 7], "alder");
    // Once said, it holds for longer though the winner leads meanwhile.
    assert!(matches!(
        verdict(&policy, &[&behind, CALLED, CALLED, CALLED]),
        Verdict::Provisional { until, .. } if until == T + 6 * 3600
    ));
}

#[test]
fn a_race_that_cannot_be_called_holds_until_it_can() {
    let policy = senate(ElectionBasis::Certified, 0);
    let unable = sample!("ap/v3_unable.json");
    holds(&policy, &[unable], "cannot tell");
    attests(&policy, &[unable, CERTIFIED, CERTIFIED], "alder");
}

#[test]
fn test_data_and_two_races_never_decide() {
    let policy = senate(ElectionBasis::Called, 0);
    let test = with(CALLED, "\"test\": false", "\"test\": true");
    holds(&policy, &[&test, &test], "test data");
    holds(&policy, &[CALLED, CALLED, &test], "test data");
}

#[test]
fn several_winners_and_none_are_held() {
    let policy = senate(ElectionBasis::Called, 0);
    let two = with(
        CALLED,
        "\"voteCount\": 1990004",
        "\"voteCount\": 1990004, \"winner\": \"X\"",
    );
    holds(&policy, &[&two, &two], "2 winners");
    let none = with(CALLED, "\"winner\": \"X\"", "\"winner\": \"\"");
    holds(&policy, &[&none, &none], "without a winner");
    let both = with(CALLED, "\"Called\"", "\"Runoff\"");
    holds(&policy, &[&both, &both], "a run-off and a winner");
}

#[test]
fn a_run_off_is_its_own_outcome_or_holds() {
    let mut policy = senate(ElectionBasis::Called, 0);
    attests(&policy, &[RUNOFF, RUNOFF], "runoff");
    policy.outcomes.retain(|o| o != "runoff");
    holds(&policy, &[RUNOFF, RUNOFF], "a run-off");
    let certified = senate(ElectionBasis::Certified, 0);
    pends(&certified, &[RUNOFF, RUNOFF], "Runoff live");
    let body = with(RUNOFF, "\"live\"", "\"certified\"");
    attests(&certified, &[&body, &body], "runoff");
}

#[test]
fn an_unmapped_winner_is_other_or_holds() {
    let mut policy = senate(ElectionBasis::Certified, 0);
    let third = with(CERTIFIED, "\"18702\"", "\"18799\"");
    attests(&policy, &[&third, &third], "other");
    policy.outcomes.retain(|o| o != "other");
    holds(&policy, &[&third, &third], "18799");
}

#[test]
fn a_candidate_who_is_gone_from_the_list_takes_nobody_elses_place() {
    let policy = senate(ElectionBasis::Certified, 0);
    let withdrawn = with(CERTIFIED, "\"18705\"", "\"18799\"");
    attests(&policy, &[&withdrawn, &withdrawn], "alder");
}

#[test]
fn two_sources_must_name_the_same_winner() {
    let mut policy = senate(ElectionBasis::Called, 0);
    let mut second = ap();
    second.id = "ap-second".to_owned();
    second.root = "second".to_owned();
    policy.sources.push(second.clone());
    policy.agree = 2.try_into().unwrap();
    let other = with(CALLED, "\"18702\"", "\"18799\"");
    let now = time(T) + Duration::hours(1);
    let decide = |body: &str| {
        let readings = [
            read(&ap(), 0, CALLED),
            read(&second, 0, body),
            read(&ap(), 1, CALLED),
            read(&second, 1, body),
        ];
        election::decide(&policy, T, now, &readings, None)
    };
    assert!(
        matches!(decide(&other).verdict, Verdict::Hold { cause } if cause.to_string().contains("other"))
    );
    let agreed = decide(CALLED);
    assert!(matches!(agreed.verdict, Verdict::Attest { outcome } if outcome == "alder"));
    assert_eq!(agreed.trace.sources.len(), 2);
    // An outage of one leaves the other alone, and one is too few.
    assert!(matches!(
        decide("<html></html>").verdict,
        Verdict::Pending { .. }
    ));
}

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
fn endgueltig_is_nobody_elses_word() {
    let policy = senate(ElectionBasis::Endgueltig, 0);
    holds(&policy, &[CERTIFIED, CERTIFIED], "official results");
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
        ("Wahlart;", "Art;", "no header row"),
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

proptest! {
    #[test]
    fn no_mangled_answer_panics_an_adapter(
        cut in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        for (source, body) in [(ap(), CERTIFIED), (federal(), FINAL)] {
            let mut bytes = body.as_bytes().to_vec();
            let at = cut.index(bytes.len());
            let _ = interpret(&source, &bytes[..at]).detail();
            bytes[at] = byte;
            let _ = interpret(&source, &bytes).detail();
        }
    }
}
