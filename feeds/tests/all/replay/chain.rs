//! A node's answers: what was posted is evidence like what was answered.

use std::collections::BTreeMap;

use oracle_feeds::Query;
use oracle_feeds::replay::Standing;
use oracle_feeds::rule::{Verdict, facts};
use oracle_schema::Outcome;
use oracle_schema::policy::{Compare, FactPolicy, FactSource, FactTest, Rule, canonical_json};
use serde_json::json;

use super::{Case, answered, asked, assert_objection, assert_reproduced};
use crate::common::{T, d, time};

macro_rules! sample {
    ($file:literal) => {
        include_bytes!(concat!("../../../samples/peercoin/", $file)).as_slice()
    };
}

const SOURCE: &str = "peercoin:alice/supply@820000";

fn rule() -> FactPolicy {
    let parameters = [
        ("chain", "main"),
        ("of", "supply"),
        ("height", "820000"),
        ("confirmations", "6"),
        ("name", "alice"),
    ];
    let parameters = parameters.map(|(k, v)| (k.to_owned(), v.to_owned()));
    FactPolicy {
        outcomes: vec!["few".to_owned(), "many".to_owned()],
        tests: BTreeMap::from([
            ("many".to_owned(), FactTest::Above(d("29431877.12"))),
            ("few".to_owned(), FactTest::Other(true)),
        ]),
        compare: Compare::Number,
        digits: None,
        agree: 1.try_into().unwrap(),
        stable_reads: 1.try_into().unwrap(),
        read_every_s: 30.try_into().unwrap(),
        settle_delay_s: 0,
        sources: vec![FactSource {
            id: SOURCE.to_owned(),
            provider: "peercoin".to_owned(),
            root: "alice".to_owned(),
            parameters: parameters.into(),
        }],
        panel: None,
    }
}

fn case() -> Case {
    let mut case = Case::new(Rule::Fact(rule()), T, T + 60);
    let ok = |body: &'static [u8]| move || answered(200, body, T + 30);
    let [info, hash] = [
        sample!("getblockchaininfo.json"),
        sample!("getblockhash.json"),
    ]
    .map(ok);
    let [header, coins] = [
        sample!("getblockheader.json"),
        sample!("gettxoutsetinfo.json"),
    ]
    .map(ok);
    let source = &rule().sources[0];
    let reading = asked(&Query::Fact(source), &[&info, &hash, &header, &coins]);
    case.record(None, 1, &reading, true);
    let decision = facts::decide(&case.policy.rule, T, time(T + 60), &[reading], &[]).unwrap();
    let Verdict::Attest { outcome } = decision.verdict else {
        panic!("{decision:?}");
    };
    case.manifest.decision = json!({"outcome": outcome, "trace": decision.trace});
    case.outcome = Outcome::Enum(outcome);
    case
}

#[test]
fn what_was_posted_is_in_the_evidence_and_follows_again() {
    let case = case();
    let report = assert_reproduced(&case);
    assert_eq!(report.outcome.as_deref(), Some("many"));
    assert_eq!(report.count(|s| *s == Standing::Reproduced), 4);
    let manifest = String::from_utf8(canonical_json(&case.manifest).unwrap()).unwrap();
    assert_eq!(manifest.matches(r#""method":"POST""#).count(), 4);
    assert_eq!(manifest.matches(r#""posted":"{\"jsonrpc\""#).count(), 4);
    // A node elsewhere is the oracle's own matter; a line says so.
    let mut elsewhere = self::case();
    for row in elsewhere.rows(SOURCE) {
        row.url = "https://node.example/".to_owned();
    }
    let report = assert_reproduced(&elsewhere);
    assert!(report.observations.iter().all(|o| o.note.is_some()));
}

#[test]
fn another_question_is_found_out_whatever_its_answer() {
    type Edit = fn(&mut Case);
    let edits: [(&str, Edit); 5] = [
        ("posted: ", |c| {
            let row = c.rows(SOURCE).remove(1);
            let posted = row.posted.as_deref().unwrap();
            row.posted = Some(posted.replace("820000", "820001"));
        }),
        ("posted: nothing sent", |c| {
            let row = c.rows(SOURCE).remove(1);
            row.posted = None;
            row.method = "GET".to_owned();
        }),
        ("method: \"POST\"", |c| c.rows(SOURCE)[0].posted = None),
        ("method: \"PUT\"", |c| {
            c.rows(SOURCE)[0].method = "PUT".to_owned();
        }),
        ("url: ", |c| c.rows(SOURCE)[0].url.push_str("wallet/w")),
    ];
    for (begins, edit) in edits {
        let mut case = case();
        edit(&mut case);
        assert_objection(&case.report(), &format!("{SOURCE}: {begins}"));
    }
}

#[test]
fn evidence_of_a_get_keeps_its_bytes() {
    let bytes = canonical_json(&super::price::case().manifest).unwrap();
    assert!(!String::from_utf8(bytes).unwrap().contains("posted"));
}
