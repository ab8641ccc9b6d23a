//! Calls of races as they are made, taken back and certified over days.

use chrono::Duration;
use oracle_feeds::rule::{Verdict, election};
use oracle_schema::policy::ElectionBasis;

use super::{
    CALLED, CERTIFIED, RUNOFF, ap, attests, holds, pends, read, sample, senate, verdict, with,
};
use crate::common::{T, time};

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
fn a_status_that_nobody_knows_is_waited_out_and_restarts_the_delay() {
    let policy = senate(ElectionBasis::Called, 2);
    let odd = with(CALLED, "\"Called\"", "\"Advanced\"");
    pends(&policy, &[&odd, &odd], "Advanced live");
    pends(&policy, &[CALLED, CALLED, &odd], "Advanced live");
    attests(&policy, &[&odd, CALLED, CALLED, CALLED], "alder");
    let again = [CALLED, CALLED, &odd, CALLED, CALLED];
    assert!(matches!(
        verdict(&policy, &again),
        Verdict::Provisional { until, .. } if until == T + 5 * 3600
    ));
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
fn endgueltig_is_nobody_elses_word() {
    let policy = senate(ElectionBasis::Endgueltig, 0);
    holds(&policy, &[CERTIFIED, CERTIFIED], "official results");
}
