//! What a policy says of itself in plain words.

use oracle_schema::policy::Policy;
use oracle_schema::policy::explain::{explain, warnings};
use serde_json::{Value, json};

const KICKOFF: i64 = 1_792_859_400; // 2026-10-24T16:30:00Z
const MATURITY: i64 = KICKOFF + 2 * 3600;

fn policy(rule: &Value, give_up_after_s: u32) -> Policy {
    let document = json!({"version": 1, "rule": rule, "give_up_after_s": give_up_after_s});
    Policy::parse(document.to_string().as_bytes()).unwrap()
}

fn text(rule: &Value) -> String {
    explain(&policy(rule, 30 * 86_400), Some(MATURITY)).join("\n")
}

fn source(provider: &str) -> Value {
    json!({
        "id": format!("{provider}:1/2/3"), "provider": provider, "root": provider,
        "parameters": {"match": "1", "home": "2", "away": "3"},
    })
}

fn panel(k: u32) -> Value {
    let member = |name: &str| json!({"name": name, "public_key": "00"});
    json!({"members": [member("alice"), member("bob")], "k": k})
}

fn match_rule() -> Value {
    json!({
        "kind": "match", "outcomes": ["home", "draw", "away", "void"], "kickoff": KICKOFF,
        "basis": "regular_time", "void_after_s": 172_800, "agree": 2, "stable_reads": 2,
        "read_every_s": 30, "settle_delay_s": 7200, "on_dissent": "hold",
        "sources": [source("openligadb"), source("football-data")],
    })
}

fn election_rule() -> Value {
    json!({
        "kind": "election", "outcomes": ["alder", "birch", "other", "void"], "basis": "certified",
        "agree": 2, "stable_reads": 2, "read_every_s": 30, "settle_delay_s": 0,
        "candidates": {"alder": {"ap": ["1"]}, "birch": {"ap": ["2", "3"]}},
        "sources": [source("ap")], "panel": panel(2),
    })
}

fn operators_rule() -> Value {
    json!({
        "kind": "operators", "outcomes": ["yes", "no"], "panel": panel(2), "settle_delay_s": 7200,
    })
}

fn price_rule(min_sources: u32) -> Value {
    let bar = |venue: &str| json!({"id": format!("{venue}:X"), "provider": venue, "symbol": "X", "root": venue});
    let selector = json!({"url": "http://x", "value": "$.p", "time": "$.t", "time_unit": "s"});
    let generic = json!({"id": "generic:a", "provider": "generic", "symbol": "a", "root": "a", "selector": selector});
    json!({
        "kind": "threshold", "above": "2",
        "price": {"name": "p", "legs": [{
            "name": "p", "method": "close1m_median", "min_sources": min_sources,
            "max_deviation": "0.005", "max_trade_age_s": 900, "settle_delay_s": 60,
            "sources": [bar("kraken"), bar("gemini"), generic],
        }]},
    })
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not said in:\n{text}");
    }
}

#[test]
fn a_match_says_who_must_agree_what_voids_what_holds_and_when_it_is_refunded() {
    says(
        &text(&match_rule()),
        &[
            "\"home\", \"draw\", \"away\" or \"void\" of the match of 2026-10-24T16:30:00Z",
            "after regular time",
            "asks openligadb:1/2/3 and football-data:1/2/3 from maturity, every 30s",
            "2 independent ones must agree, each with 2 equal reads",
            "decided 2h after they first agree",
            "any change begins that time again",
            "void if 2 of them say",
            "after 2026-10-26T16:30:00Z",
            "a source that does not answer never makes it void",
            "held while sources contradict each other",
            "whose answer cannot be read (an unknown status or shape, another id)",
            "a match finished before its kickoff",
            "by 2026-11-23T18:30:00Z (30d after maturity): refund, irrevocably",
        ],
    );
}

#[test]
fn a_match_that_mlb_answers_says_that_extra_innings_count() {
    let mut rule = match_rule();
    assert!(!text(&rule).contains("innings"));
    rule["outcomes"] = json!(["home", "away", "void"]);
    rule["sources"] = json!([source("mlb"), source("openligadb")]);
    says(&text(&rule), &["for mlb extra innings count"]);
}

#[test]
fn a_total_and_a_spread_say_what_is_compared_and_that_shootouts_do_not_count() {
    let mut rule = match_rule();
    rule["market"] = json!("total");
    rule["line"] = json!("3");
    rule["outcomes"] = json!(["over", "under", "push", "void"]);
    says(
        &text(&rule),
        &[
            "\"over\" if both sides' scores together are above 3, \"under\" if below, \"push\" if \
             they are equal of the match of 2026-10-24T16:30:00Z",
            "goals of a penalty shootout are not counted",
            "after regular time",
            "void if 2 of them say",
        ],
    );
    rule["market"] = json!("spread");
    rule["line"] = json!("-1.5");
    rule["outcomes"] = json!(["home", "away", "void"]);
    let spread = text(&rule);
    says(
        &spread,
        &["\"home\" if the home side's score plus -1.5 is above the away side's"],
    );
    assert!(!spread.contains("push"), "{spread}");
}

#[test]
fn a_number_of_a_match_says_how_it_is_cut_and_that_it_cannot_be_void() {
    let mut rule = match_rule();
    rule["market"] = json!("spread");
    rule["outcomes"] = json!([]);
    rule["digits"] = json!({
        "base": 2, "digits": 8, "decimals": 0, "unit": "goals", "signed": true,
    });
    says(
        &text(&rule),
        &[
            "attests the spread: the home side's score minus the away side's",
            "in goals, rounded half-even, as a sign and 8 digits of base 2; clamped to -(2^8-1) … 2^8-1",
            "digits cannot say void",
            "refunded in the end",
        ],
    );
}

#[test]
fn a_match_without_the_outcome_void_says_that_it_is_held() {
    let mut rule = match_rule();
    rule["outcomes"] = json!(["home", "draw", "away"]);
    let text = text(&rule);
    says(&text, &["there is no outcome void"]);
    assert!(!text.contains("void if"), "{text}");
}

#[test]
fn an_election_says_what_each_outcome_stands_for_and_what_no_outcome_does() {
    says(
        &text(&election_rule()),
        &[
            "certified, or official and final",
            "ap:1/2/3 and operators (2 equal reports of alice and bob)",
            "\"alder\" stands for 1 of ap",
            "\"birch\" stands for 2 and 3 of ap",
            "a winner that no outcome names is \"other\"",
            "several winners, a race that a source cannot decide, a run-off and a tie",
            "decided as soon as they agree",
            "refund",
        ],
    );
}

#[test]
fn a_question_to_operators_says_who_may_stop_it() {
    says(
        &text(&operators_rule()),
        &[
            "\"yes\" or \"no\" by the reports of alice and bob",
            "decided 2h after the report that made 2 equal ones",
            "one operator's veto stops it",
            "two operators together release or void",
            "refund",
        ],
    );
}

#[test]
fn a_stated_price_is_not_called_a_bar() {
    let explained = explain(&policy(&price_rule(2), 259_200), None).join("\n");
    says(
        &explained,
        &[
            "the close of the last one-minute bar with trades of kraken:X and gemini:X",
            "the price that generic:a states with its own time",
            "from 1m after maturity",
            "at most 15m older",
            "more than 0.5 % from",
            "without a fixing 3d after maturity: refund, irrevocably",
        ],
    );
}

#[test]
fn a_sampled_price_says_how_often_and_from_when_it_is_read() {
    let mut rule = price_rule(2);
    let leg = &mut rule["price"]["legs"][0];
    leg["sample"] = json!({"every_s": 60, "from_s": 900});
    let selector = &mut leg["sources"][2]["selector"];
    selector["history"] = false.into();
    let dated = policy(&rule, 259_200);
    let words = "read every 1m from 15m before maturity up to it, of which the last reading counts";
    says(
        &explain(&dated, None).join("\n"),
        &[&format!(
            "the price that generic:a states with its own time, {words}"
        )],
    );
    assert_eq!(warnings(&dated, None), Vec::<String>::new());
    let selector = &mut rule["price"]["legs"][0]["sources"][2]["selector"];
    for key in ["time", "time_unit"] {
        selector.as_object_mut().unwrap().remove(key);
    }
    let timeless = policy(&rule, 259_200);
    let words = format!("the price that generic:a states without a time, {words}");
    says(&explain(&timeless, None).join("\n"), &[&words]);
    let warned = warnings(&timeless, None).join("\n");
    assert!(
        warned.contains("generic:a states no time: a market that stands still"),
        "{warned}"
    );
}

#[test]
fn outcomes_outside_ascii_are_warned_of() {
    let mut rule = operators_rule();
    assert_eq!(
        warnings(&policy(&rule, 30 * 86_400), None),
        Vec::<String>::new()
    );
    rule["outcomes"] = json!(["André", "no", "🎉"]);
    let warned = warnings(&policy(&rule, 30 * 86_400), None).join("\n");
    says(
        &warned,
        &["\"André\" and \"🎉\"", "@node-dlc/messaging", "names"],
    );
}

#[test]
fn an_outcome_is_told_with_unit_value_and_name() {
    let meaning = |rule: &Value, outcome: &str| policy(rule, 259_200).meaning(outcome);
    let mut rule = price_rule(2);
    let said = meaning(&rule, "not_above");
    assert!(said.ends_with("is not above 2"), "{said}");
    rule["kind"] = "digits".into();
    rule.as_object_mut().unwrap().remove("above");
    for (key, value) in [
        ("decimals", json!(6)),
        ("base", json!(2)),
        ("digits", json!(20)),
    ] {
        rule[key] = value;
    }
    rule["unit"] = "uUSD/PPC".into();
    let said = meaning(&rule, "251873");
    assert!(
        said.starts_with("251873 uUSD/PPC: ") && said.ends_with(" 0.251873"),
        "{said}"
    );
    assert!(meaning(&rule, "1048575").ends_with(" ≥ 1.048575"));
    assert_eq!(meaning(&operators_rule(), "yes"), "yes");
}

#[test]
fn one_voice_alone_is_warned_of() {
    let warned = |rule: &Value| warnings(&policy(rule, 30 * 86_400), Some(MATURITY)).join("\n");
    for quiet in [
        match_rule(),
        election_rule(),
        operators_rule(),
        price_rule(2),
    ] {
        assert_eq!(warned(&quiet), "");
    }
    says(&warned(&price_rule(1)), &["min_sources = 1"]);

    let mut rule = match_rule();
    rule["agree"] = json!(1);
    says(&warned(&rule), &["agree = 1"]);
    rule["sources"] = json!([source("openligadb")]);
    says(
        &warned(&rule),
        &["agree = 1", "openligadb is the only source"],
    );

    let mut rule = operators_rule();
    rule["panel"] = panel(1);
    says(&warned(&rule), &["k = 1"]);
    // One operator beside a source that must agree decides nothing alone.
    let mut rule = election_rule();
    rule["panel"] = panel(1);
    assert_eq!(warned(&rule), "");
}

#[test]
fn a_refund_that_comes_before_the_decision_is_warned_of() {
    let warned =
        |give_up: u32| warnings(&policy(&match_rule(), give_up), Some(MATURITY)).join("\n");
    // 30 s between two reads and two hours' delay.
    says(&warned(7230), &["it can only be refunded"]);
    assert!(!warned(7231).contains("it can only be refunded"));
    // Void from 48 h after kickoff, that is 46 h after maturity, and the delay.
    says(&warned(48 * 3600), &["it is refunded instead"]);
    assert_eq!(warned(48 * 3600 + 1), "");
}

#[test]
fn only_a_party_that_needs_nobody_else_is_a_sole_decider() {
    let sole = |rule: &Value| policy(rule, 1).rule.has_sole_decider();
    assert!(!sole(&price_rule(1)));
    assert!(!sole(&match_rule()));
    assert!(!sole(&operators_rule()));
    let mut rule = match_rule();
    rule["agree"] = json!(1);
    assert!(sole(&rule));
    let mut rule = election_rule();
    rule["agree"] = json!(1);
    assert!(sole(&rule));
    // Without the provider it takes both operators.
    rule["sources"] = json!([]);
    assert!(!sole(&rule));
    rule["panel"] = panel(1);
    assert!(sole(&rule));
}

#[test]
fn a_price_says_for_how_long_late_sources_are_waited_for() {
    let mut rule = price_rule(2);
    let without = text(&rule);
    assert!(!without.contains("waited for"), "{without}");
    rule["price"]["legs"][0]["max_lag_s"] = json!(600);
    says(
        &text(&rule),
        &[
            "p: a source that has not shown that it moved past maturity is waited for until \
             10m after it, however many others have answered; then the others decide",
        ],
    );
}
