//! What the answers of AP are read as.

use oracle_feeds::fact::ElectionStage;
use oracle_feeds::{Query, provider};

use super::{CALLED, CERTIFIED, RUNOFF, ap, fact, names, refused, sample, source, with};

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
        ("\"Called\"", "7", "unexpected JSON"),
        ("\"winner\": \"X\"", "\"won\": 1", "without a winner"),
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
fn a_call_status_that_nobody_knows_is_no_call() {
    let body = with(CALLED, "\"Called\"", "\"Advanced to\\nRecount\"");
    let fact = fact(&ap(), &body);
    assert_eq!(fact.stage, ElectionStage::Counting);
    assert_eq!(fact.literal, "Advanced to Recount live: 18702");
    let said = "raceCallStatus \"Advanced to Recount\" is not a known one";
    assert!(fact.doubts.iter().any(|d| d == said), "{:?}", fact.doubts);
}

#[test]
fn what_an_answer_says_beside_its_races_is_not_taken_for_an_error() {
    let body = CALLED.replacen('{', "{\"code\": 200, \"message\": \"not found\",", 1);
    assert_eq!(fact(&ap(), &body), fact(&ap(), CALLED));
}
