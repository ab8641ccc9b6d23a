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
