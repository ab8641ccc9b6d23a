//! Events as JSON.

use super::*;

/// The documented events, as JSON.
fn events_as_json() -> Vec<serde_json::Value> {
    let file: toml::Table = CONTRACT.parse().unwrap();
    let events = serde_json::to_value(&file["event"]).unwrap();
    events.as_array().unwrap().clone()
}

fn refused(json: &str) -> Refusal {
    let config = contract();
    match parse_event(json.as_bytes(), &config.context()) {
        Ok(event) => panic!("{} was accepted", event.id),
        Err(refusal) => refusal,
    }
}

#[test]
fn an_event_as_json_is_the_same_event() {
    let config = contract();
    let events = events_as_json();
    assert_eq!(events.len(), config.events.len());
    for (json, written) in events.iter().zip(&config.events) {
        let event = parse_event(json.to_string().as_bytes(), &config.context()).unwrap();
        assert_eq!(event.id, written.id);
        assert_eq!(event.maturity, written.maturity);
        assert_eq!(event.announce_at, written.announce_at);
        assert_eq!(event.definition.document, written.definition.document);
        assert_eq!(event.definition.descriptor, written.definition.descriptor);
        assert_eq!(event.definition.round_key, written.definition.round_key);
    }
}

#[test]
fn a_refusal_of_json_names_the_events_own_key() {
    let event = |key: &str, value: serde_json::Value| {
        let mut event = events_as_json().swap_remove(2);
        event[key] = value;
        event.to_string()
    };
    for (key, value, refused_key) in [
        ("surplus", serde_json::json!(1), "surplus"),
        ("agree", serde_json::json!(9), "agree"),
        ("agree", serde_json::json!("2"), "agree"),
        ("agree", serde_json::json!(-1), "agree"),
        ("agree", serde_json::json!(1.5), "agree"),
        ("id", serde_json::json!("series@2026"), "id"),
        ("kind", serde_json::json!("lottery"), "kind"),
        ("every", serde_json::json!("1d"), "every"),
        ("maturity", serde_json::json!(1_792_859_400), "maturity"),
        ("source", serde_json::json!([{}]), "source[0].provider"),
        ("source", serde_json::json!([[]]), "source[0]"),
        ("source", serde_json::json!("openligadb"), "source"),
        ("maturity", serde_json::Value::Null, "maturity"),
    ] {
        assert_eq!(
            refused(&event(key, value.clone())).key,
            refused_key,
            "{value}"
        );
    }
    for missing in ["id", "kind"] {
        let mut event = events_as_json().swap_remove(2);
        event.as_object_mut().unwrap().remove(missing);
        assert_eq!(refused(&event.to_string()).key, missing);
    }
}

#[test]
fn a_key_twice_is_refused_at_every_level() {
    let event = events_as_json().swap_remove(3).to_string();
    for (from, to) in [
        ("\"agree\":2", "\"agree\":2,\"agree\":2"),
        ("\"state\":\"GA\"", "\"state\":\"GA\",\"state\":\"FL\""),
        ("\"ap\":[\"18702\"]", "\"ap\":[\"18702\"],\"ap\":[\"1\"]"),
        (
            "\"alder\":{\"ap\":[\"18702\"]}",
            "\"alder\":{\"ap\":[\"18702\"]},\"alder\":{\"ap\":[\"1\"]}",
        ),
    ] {
        assert!(event.contains(from), "{from} in {event}");
        refused(&event.replacen(from, to, 1));
    }
}

#[test]
fn half_an_event_and_more_than_one_are_refused() {
    let event = events_as_json().swap_remove(2).to_string();
    for end in 0..event.len() {
        refused(&event[..end]);
    }
    for whole in [
        format!("{event} 1"),
        format!("{event}{event}"),
        format!("[{event}]"),
        "[\"id\", \"operators\"]".to_owned(),
        "null".to_owned(),
        String::new(),
        "\"event\"".to_owned(),
        "[".repeat(10_000),
    ] {
        assert_eq!(refused(&whole).key, "(syntax)");
    }
    let config = contract();
    assert!(parse_event(b"\xff\xfe{}", &config.context()).is_err());
}

/// An event of operators, with these of its keys.
fn operated(more: &serde_json::Value) -> String {
    let mut event = events_as_json().pop().unwrap();
    assert_eq!(event["kind"], "operators");
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    event.to_string()
}

#[test]
fn an_event_on_which_no_contract_has_a_refund_is_refused() {
    let at = |maturity: &str, give_up_after: &str| {
        operated(&serde_json::json!({
            "maturity": maturity, "announce_at": "2026-01-01T00:00:00Z",
            "give_up_after": give_up_after,
        }))
    };
    let refusal = refused(&at("2106-02-07T00:00:00Z", "30d"));
    assert_eq!(refusal.key, "give_up_after");
    assert!(
        refusal.reason.contains("2106-02-07T06:28:15Z"),
        "{}",
        refusal.reason
    );
    assert!(refusal.reason.contains("refund"), "{}", refusal.reason);
    // A day is left to get the last transaction mined.
    assert_eq!(
        refused(&at("2106-02-06T00:00:00Z", "6h29m")).key,
        "give_up_after"
    );
    let config = contract();
    let last = at("2106-02-06T00:00:00Z", "6h28m");
    assert!(parse_event(last.as_bytes(), &config.context()).is_ok());
}

#[test]
fn a_series_lists_no_time_on_which_no_contract_has_a_refund() {
    let listed = |last: &str| format!("at = [\"2027-01-01T00:00:00Z\", \"{last}\"]");
    let refused = refused_key("every = \"1d\"", &listed("2106-02-04T00:00:00Z"));
    assert_eq!(refused, "series[0] \"s\".give_up_after");
    let good = GOOD.replacen("every = \"1d\"", &listed("2106-02-03T00:00:00Z"), 1);
    assert!(Config::parse(&good, Path::new("/")).is_ok());
}

#[test]
fn an_event_that_the_log_could_not_hold_is_refused_before_its_id_is_burned() {
    let of = |count: usize, length: usize| {
        let outcomes: Vec<String> = (0..count).map(|n| format!("{n:0>length$}")).collect();
        operated(&serde_json::json!({ "outcomes": outcomes }))
    };
    let refusal = refused(&of(1000, 100));
    assert_eq!(refusal.key, "outcomes");
    assert!(
        refusal.reason.contains("at most 65535"),
        "{}",
        refusal.reason
    );
    let config = contract();
    assert!(parse_event(of(600, 100).as_bytes(), &config.context()).is_ok());
}

/// What each of them asks is stated, and pinned by its hash.
#[test]
fn three_questions_to_operators_have_three_policies() {
    let config = contract();
    let hashes: std::collections::BTreeSet<[u8; 32]> = ["Is it raining?", "Is it 3?", "Who won?"]
        .into_iter()
        .map(|title| {
            let event = operated(&serde_json::json!({ "title": title, "names": {} }));
            let event = parse_event(event.as_bytes(), &config.context()).unwrap();
            assert_eq!(event.definition.policy.title.as_deref(), Some(title));
            event.definition.policy_hash
        })
        .collect();
    assert_eq!(hashes.len(), 3);
    let untitled = operated(&serde_json::json!({ "title": null }));
    assert_eq!(refused(&untitled).key, "title");
}
