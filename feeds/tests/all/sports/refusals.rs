//! What is asked, and answers of any of the four that must not become a value.

use oracle_feeds::{Query, Reading, Target, provider};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    API_FOOTBALL, AT, FOOTBALL_DATA, MLB, OPENLIGADB, Story, VOID_AT, answer, edited, interpret,
    policy, refused, source, with,
};

const NAMES: [&str; 4] = ["openligadb", "football-data", "api-football", "mlb"];
const FINISHED: [(&str, &str); 4] = [
    ("openligadb", OPENLIGADB),
    ("football-data", FOOTBALL_DATA),
    ("api-football", API_FOOTBALL),
    ("mlb", MLB),
];

#[test]
fn each_provider_is_asked_for_the_match_by_its_id() {
    for (name, path) in [
        ("openligadb", "/getmatchdata/77001"),
        ("football-data", "/v4/matches/551001"),
        ("api-football", "/fixtures?id=1400001"),
        ("mlb", "/api/v1/schedule?sportId=1&gamePk=780001"),
    ] {
        let source = source(name);
        let adapter = provider(name).unwrap();
        let request = adapter.plan(&Query::Fact(&source), &[]).unwrap();
        assert_eq!(request.target, Target::Path(path.to_owned()));
    }
}

#[test]
fn an_id_that_is_no_number_never_reaches_a_url() {
    for name in NAMES {
        let adapter = provider(name).unwrap();
        for bad in ["", "../x", "1&k=2", "077001", "7777777777777"] {
            assert!(adapter.check_parameter("match", bad).is_err(), "{bad:?}");
            let source = with("match", bad, source(name));
            assert_eq!(adapter.plan(&Query::Fact(&source), &[]), None);
            assert_eq!(interpret(&source, &[]).verdict(), "permanent");
        }
        assert_eq!(adapter.check_parameter("match", "77001"), Ok(()));
    }
}

#[test]
fn the_wait_that_a_provider_asks_for_is_kept() {
    for name in NAMES {
        let mut slow = answer(429, "{}", AT);
        slow.headers = vec![("retry-after".to_owned(), "51".to_owned())];
        let Reading::Transient { retry_after, .. } = interpret(&source(name), &[slow]) else {
            panic!("{name}");
        };
        assert_eq!(retry_after.unwrap().as_secs(), 51);
    }
}

#[test]
fn another_match_than_the_asked_one_is_refused() {
    for (name, body, id) in [
        ("openligadb", OPENLIGADB, "77001"),
        ("football-data", FOOTBALL_DATA, "551001"),
        ("mlb", MLB, "780001"),
    ] {
        refused(name, &body.replace(id, "99"), "contradiction", id);
    }
    let other = edited(API_FOOTBALL, |v| {
        v["response"][0]["fixture"]["id"] = 99.into();
    });
    refused("api-football", &other, "contradiction", "1400001");
}

#[test]
fn what_is_no_clean_json_is_no_value() {
    for (name, body) in FINISHED {
        refused(name, "<html>busy</html>", "transient", "not JSON");
        refused(name, &body[..100], "transient", "truncated");
        refused(name, "", "transient", "empty");
        let doubled = body.replacen('{', r#"{"x":1,"x":2,"#, 1);
        refused(name, &doubled, "contradiction", "duplicate key");
        let down = r#"{"message":"maintenance"}"#;
        refused(name, down, "transient", "maintenance");
    }
    for bad in ["2.5", "-2", "\"2\"", "2e0", "4294967296"] {
        let body = FOOTBALL_DATA.replace("\"home\": 2", &format!("\"home\": {bad}"));
        refused("football-data", &body, "contradiction", "unexpected JSON");
    }
}

/// Every place in a JSON value.
fn places(value: &Value, path: &str, into: &mut Vec<String>) {
    into.push(path.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{path}/{index}"), into);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                places(member, &format!("{path}/{key}"), into);
            }
        }
        _ => {}
    }
}

fn leaf() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        Value::Null,
        json!(true),
        json!(""),
        json!("9999-12-31T23:59:59"),
        json!("+262142-12-31T23:59:59"),
        json!("-262142-01-01T00:00:00"),
        json!(-1),
        json!(1.5),
        json!(u32::MAX),
        json!(u64::MAX),
        json!(i64::MIN),
        json!([]),
        json!({}),
    ])
}

proptest! {
    #[test]
    fn no_spoilt_answer_panics_an_adapter_or_the_rule(
        which in 0..FINISHED.len(),
        spoils in prop::collection::vec((any::<prop::sample::Index>(), leaf()), 1..4),
    ) {
        let (name, body) = FINISHED[which];
        let mut value: Value = serde_json::from_str(body).unwrap();
        for (place, leaf) in spoils {
            let mut all = Vec::new();
            places(&value, "", &mut all);
            let path: &String = place.get(&all);
            *value.pointer_mut(path).unwrap() = leaf;
        }
        let mut story = Story::new(policy(1, &[name]));
        for at in [AT, AT + 30, VOID_AT + 7200] {
            story.read(at, &[&value.to_string()]);
            let _ = story.verdict(at);
        }
    }

    #[test]
    fn undocumented_word_is_named_and_never_a_value(word in "[A-Z]{5}_[A-Z0-9]{1,10}") {
        let quoted = format!("\"{word}\"");
        for (name, body, known) in [
            ("openligadb", OPENLIGADB, "\"After90Minutes\""),
            ("football-data", FOOTBALL_DATA, "\"FINISHED\""),
            ("football-data", FOOTBALL_DATA, "\"REGULAR\""),
            ("football-data", FOOTBALL_DATA, "\"HOME_TEAM\""),
            ("api-football", API_FOOTBALL, "\"FT\""),
            ("mlb", MLB, "\"F\""),
        ] {
            prop_assert!(body.contains(known));
            refused(name, &body.replace(known, &quoted), "contradiction", &word);
        }
    }
}
