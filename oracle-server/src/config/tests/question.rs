//! What events ask.

use super::*;

const TITLE: &str = "title = \"Is the upgrade of 2026 active on the main chain?\"\n";

fn event(config: &Config, id: &str) -> OneOff {
    let event = config.events.iter().find(|e| e.id.as_str() == id);
    event.unwrap().clone()
}

/// The documented configuration with one text replaced.
fn with(from: &str, to: &str) -> Config {
    assert!(CONTRACT.contains(from), "{from}");
    Config::parse(&CONTRACT.replacen(from, to, 1), Path::new("/"))
        .unwrap_or_else(|refusal| panic!("{refusal}"))
}

/// The question to operators with more keys; its hash.
fn asked(more: &str) -> [u8; 32] {
    let config = with(TITLE, more);
    event(&config, "pm-upgrade-2026").definition.policy_hash
}

#[test]
fn three_questions_to_operators_have_three_policies() {
    let mut hashes = [
        asked("title = \"Is the upgrade of 2026 active?\"\n"),
        asked("title = \"Does it rain in Berlin on 1 December 2026?\"\n"),
        asked(
            "title = \"Does it rain in Berlin on 1 December 2026?\"\ndescription = \"Snow counts.\"\n",
        ),
    ];
    hashes.sort_unstable();
    assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2]);
}

#[test]
fn operators_are_asked_a_question() {
    let refusal = spoilt(TITLE, "");
    assert_eq!(refusal.key, "event[5] \"pm-upgrade-2026\".title");
    assert!(refusal.reason.contains("missing"), "{}", refusal.reason);
}

#[test]
fn other_kinds_may_leave_their_question_to_the_rules() {
    let policy = &event(&contract(), "bl1-2026-r9-fcb-bvb").definition.policy;
    assert_eq!((&policy.title, &policy.description), (&None, &None));
    assert!(policy.names.is_empty());
}

#[test]
fn texts_that_nobody_can_read_are_refused_by_name() {
    for (more, key) in [
        ("title = \"\"", "title"),
        ("title = \"a\\nb\"", "title"),
        ("title = \"a\\u001b[31mb\"", "title"),
        ("title = \"a\\u202eb\"", "title"),
        ("title = \"e\\u0301\"", "title"),
        ("title = \" a\"", "title"),
        ("title = \"{price}?\"", "title"),
        ("title = \"{today}?\"", "title"),
        ("title = 1", "title"),
        ("title = \"a\"\ndescription = \"a\\u001bb\"", "description"),
        ("title = \"a\"\ndescription = \"{today}\"", "description"),
        ("title = \"a\"\ndescription = \"\"", "description"),
        ("title = \"a\"\nnames = { yes = \"\" }", "names.yes"),
        (
            "title = \"a\"\nnames = { yes = \"a\\u200bb\" }",
            "names.yes",
        ),
        ("title = \"a\"\nnames = { yess = \"a\" }", "names.yess"),
        ("title = \"a\"\nnames = { alice = \"a\" }", "names.alice"),
    ] {
        let refusal = spoilt(TITLE, &format!("{more}\n"));
        let prefix = match more {
            "title = 1" => "event[5]".to_owned(),
            _ => format!("event[5] {:?}", "pm-upgrade-2026"),
        };
        assert_eq!(refusal.key, format!("{prefix}.{key}"), "{more}");
    }
    let long = |key: &str, most: usize| {
        let text = "x".repeat(most + 1);
        let title = if key == "title" {
            ""
        } else {
            "title = \"a\"\n"
        };
        spoilt(TITLE, &format!("{title}{key} = \"{text}\"\n")).reason
    };
    assert!(long("title", 140).contains("140"));
    assert!(long("description", 4000).contains("4000"));
    assert!(long("names.yes", 80).contains("80"));
}

#[test]
fn names_are_of_what_the_event_knows() {
    let on = |id: &str, names: &str| {
        let line = format!("id = \"{id}\"\n");
        let text = CONTRACT.replacen(&line, &format!("{line}names = {{ {names} }}\n"), 1);
        Config::parse(&text, Path::new("/")).map(|c| event(&c, id).definition.policy.names)
    };
    for (id, known, unknown) in [
        (
            "bl1-2026-r9-fcb-bvb",
            "home = \"FC Bayern\", away = \"BVB\", competition = \"Bundesliga\", draw = \"Remis\"",
            "office = \"x\"",
        ),
        (
            "us-sen-ga-2026",
            "office = \"US Senate\", area = \"Georgia\", alder = \"A. Alder\", other = \"Others\"",
            "home = \"x\"",
        ),
        (
            "pm-upgrade-2026",
            "yes = \"active\", competition = \"x\"",
            "maybe = \"x\"",
        ),
    ] {
        let count = known.matches(" = ").count();
        assert_eq!(on(id, known).map(|names| names.len()), Ok(count), "{known}");
        let refusal = on(id, unknown).unwrap_err();
        assert!(refusal.key.contains(".names."), "{}", refusal.key);
        assert!(refusal.reason.contains("known are"), "{}", refusal.reason);
    }
}

#[test]
fn a_series_asks_by_a_template() {
    let config = accepted(
        "id = \"s\"\n",
        "id = \"s\"\ntitle = \"{price} in {unit} on {maturity}\"\n",
    );
    let definition = &config.series.values().next().unwrap().definition;
    let policy = &definition.policy;
    assert_eq!(
        policy.title.as_deref(),
        Some("{price} in {unit} on {maturity}")
    );
    let title = policy.question(Some(1_795_363_200)).title;
    assert_eq!(
        title.as_deref(),
        Some("btcusd in u on 2026-11-22T16:00:00Z")
    );
    let key = |more: &str| refused_key("id = \"s\"\n", &format!("id = \"s\"\n{more}\n"));
    assert_eq!(key("title = \"{above}\""), "series[0] \"s\".title");
    assert_eq!(
        key("description = \"{now}\""),
        "series[0] \"s\".description"
    );
    assert_eq!(
        key("names = { above = \"x\" }"),
        "series[0] \"s\".names.above"
    );
}

#[test]
fn json_asks_the_same_question() {
    let body = serde_json::json!({
        "id": "rain", "kind": "operators", "maturity": "2026-11-30T00:00:00Z",
        "outcomes": ["yes", "no"], "panel": ["alice"], "k": 1,
    });
    let config = contract();
    let parse =
        |body: &serde_json::Value| parse_event(body.to_string().as_bytes(), &config.context());
    assert_eq!(parse(&body).unwrap_err().key, "title");
    let mut titled = body.clone();
    titled["title"] = serde_json::json!("Rain?");
    titled["names"] = serde_json::json!({"yes": "it rains"});
    let policy = parse(&titled).unwrap().definition.policy;
    assert_eq!(policy.title.as_deref(), Some("Rain?"));
    titled["names"] = serde_json::json!({"maybe": "it drizzles"});
    assert_eq!(parse(&titled).unwrap_err().key, "names.maybe");
    let twice = titled
        .to_string()
        .replace("{\"maybe\"", "{\"yes\":\"a\",\"yes\"");
    assert_eq!(
        parse_event(twice.as_bytes(), &config.context())
            .unwrap_err()
            .key,
        "names"
    );
}
