//! What a policy asks: templates, names, and what binds them.

use oracle_schema::policy::explain::explain;
use oracle_schema::policy::question::{
    TextError, check_description, check_name, check_title, is_unseen,
};
use oracle_schema::policy::{Policy, Question, policy_hash};
use proptest::prelude::*;
use serde_json::{Value, json};

const MATURITY: i64 = 1_795_363_200; // 2026-11-22T16:00:00Z

fn leg() -> Value {
    json!({
        "name": "btcusd", "method": "close1m_median", "min_sources": 1, "max_deviation": "0.005",
        "max_trade_age_s": 900, "settle_delay_s": 60, "sources": [{
            "id": "kraken:XBTUSD", "provider": "kraken", "symbol": "XBTUSD", "root": "kraken",
        }],
    })
}

fn digits() -> Value {
    json!({
        "kind": "digits", "decimals": 2, "base": 2, "digits": 20, "unit": "cents/BTC",
        "price": {"name": "btcusd", "legs": [leg()]},
    })
}

fn threshold() -> Value {
    json!({
        "kind": "threshold", "above": "60000.5", "price": {"name": "btcusd", "legs": [leg()]},
    })
}

fn operators() -> Value {
    json!({
        "kind": "operators", "outcomes": ["yes", "no"], "settle_delay_s": 7200,
        "panel": {"members": [{"name": "alice", "public_key": "00"}], "k": 1},
    })
}

fn policy(rule: &Value, more: &Value) -> Policy {
    let mut document = json!({"version": 1, "rule": rule, "give_up_after_s": 86_400});
    let members = document.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    Policy::parse(document.to_string().as_bytes()).unwrap()
}

fn titled(rule: &Value, title: &str) -> Policy {
    policy(rule, &json!({ "title": title }))
}

fn hash(policy: &Policy) -> [u8; 32] {
    policy_hash(&policy.canonical().unwrap())
}

#[test]
fn a_policy_that_asks_nothing_has_the_bytes_it_always_had() {
    let document = json!({"version": 1, "rule": operators(), "give_up_after_s": 86_400});
    let policy = policy(&operators(), &json!({}));
    let canonical = policy.canonical().unwrap();
    assert_eq!(canonical, document.to_string().as_bytes());
    assert_eq!(policy.question(Some(MATURITY)), Question::default());
}

#[test]
fn each_text_of_a_question_is_bound_by_the_hash() {
    let texts = [
        json!({}),
        json!({"title": "Does it rain?"}),
        json!({"title": "Does it snow?"}),
        json!({"title": "Does it rain?", "description": "In Berlin."}),
        json!({"title": "Does it rain?", "description": "In Bonn."}),
        json!({"title": "Does it rain?", "names": {"yes": "it does"}}),
        json!({"title": "Does it rain?", "names": {"no": "it does"}}),
    ];
    let mut hashes: Vec<[u8; 32]> = texts
        .iter()
        .map(|texts| hash(&policy(&operators(), texts)))
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), texts.len());
}

#[test]
fn a_template_is_filled_in_with_what_the_event_and_the_rule_say() {
    let asks =
        |rule: &Value, title: &str, maturity| titled(rule, title).question(maturity).title.unwrap();
    for (rule, template, title) in [
        (
            digits(),
            "{price} on {maturity}",
            "btcusd on 2026-11-22T16:00:00Z",
        ),
        (digits(), "{unit}{unit}", "cents/BTCcents/BTC"),
        (threshold(), "Is {price} > {above}?", "Is btcusd > 60000.5?"),
        (
            operators(),
            "Rain at {maturity}?",
            "Rain at 2026-11-22T16:00:00Z?",
        ),
        // What stands for nothing stays, and takes nothing else with it.
        (
            operators(),
            "{price} {unit} {above} {}",
            "{price} {unit} {above} {}",
        ),
        (digits(), "{above} {price}", "{above} btcusd"),
        (digits(), "{ {price} } {price", "{ btcusd } {price"),
    ] {
        assert_eq!(asks(&rule, template, Some(MATURITY)), title);
    }
    assert_eq!(
        asks(&digits(), "{price} on {maturity}", None),
        "btcusd on {maturity}"
    );
}

#[test]
fn what_is_filled_in_is_no_template() {
    let mut rule = digits();
    rule["unit"] = json!("{maturity}");
    rule["price"]["name"] = json!("{unit}");
    let policy = titled(&rule, "{price} in {unit}");
    let title = policy.question(Some(MATURITY)).title;
    assert_eq!(title.as_deref(), Some("{unit} in {maturity}"));
}

#[test]
fn a_policy_without_a_title_has_a_headline_all_the_same() {
    let headline = |rule: &Value| policy(rule, &json!({})).headline(Some(MATURITY));
    assert_eq!(
        headline(&digits()),
        "btcusd in cents/BTC at 2026-11-22T16:00:00Z"
    );
    assert_eq!(
        headline(&threshold()),
        "Is btcusd above 60000.5 at 2026-11-22T16:00:00Z?"
    );
    assert_eq!(headline(&operators()), "A question to operators");
    assert_eq!(titled(&operators(), "Rain?").headline(None), "Rain?");
}

#[test]
fn the_words_of_a_policy_begin_with_its_question() {
    let asked = policy(
        &operators(),
        &json!({
            "title": "Does it rain at {maturity}?",
            "description": "In Berlin.\n\nDrizzle counts.",
            "names": {"no": "dry", "yes": "wet"},
        }),
    );
    let plain = explain(&policy(&operators(), &json!({})), Some(MATURITY));
    let words = explain(&asked, Some(MATURITY));
    assert_eq!(
        words[..3],
        [
            "asks: Does it rain at 2026-11-22T16:00:00Z?",
            "that is: In Berlin. Drizzle counts.",
            "for people, no is dry and yes is wet; ids decide",
        ]
    );
    assert_eq!(words[3..], plain);
}

#[test]
fn a_title_is_one_line_of_what_everybody_sees() {
    let rule = titled(&operators(), "x").rule;
    let check = |title: &str| check_title(title, &rule);
    assert_eq!(
        check("Regnet es? 雨? \u{1f327}\u{fe0f} می\u{200c}خواهم"),
        Ok(())
    );
    assert_eq!(check(&"é".repeat(140)), Ok(()));
    let length = |found| Err(TextError::Length { most: 140, found });
    assert_eq!(check(&"é".repeat(141)), length(141));
    assert_eq!(check(""), length(0));
    for blank in [" x", "x ", "\u{a0}x", " "] {
        assert_eq!(check(blank), Err(TextError::Blanks), "{blank:?}");
    }
    for unseen in [
        '\0',
        '\t',
        '\n',
        '\r',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '\u{ad}',
        '\u{200b}',
        '\u{200e}',
        '\u{2028}',
        '\u{2029}',
        '\u{202e}',
        '\u{2066}',
        '\u{3164}',
        '\u{feff}',
        '\u{e0041}',
    ] {
        let error = Err(TextError::Unseen(u32::from(unseen)));
        assert_eq!(check(&format!("a{unseen}b")), error);
        let name = check_name(&format!("a{unseen}b"));
        assert_eq!(name, error);
    }
    assert_eq!(check("e\u{301}"), Err(TextError::NotNfc));
}

#[test]
fn a_description_has_lines_and_nothing_else_that_is_unseen() {
    let rule = titled(&operators(), "x").rule;
    assert_eq!(check_description("One.\n\n- two\n- three", &rule), Ok(()));
    assert_eq!(check_description(&"é".repeat(4000), &rule), Ok(()));
    for bad in [
        "One.\r\nTwo.",
        "a\tb",
        "a\u{202e}b",
        "\nx",
        "x\n",
        &"x".repeat(4001),
        "",
    ] {
        assert!(check_description(bad, &rule).is_err(), "{bad:?}");
    }
}

#[test]
fn a_placeholder_that_stands_for_nothing_is_refused() {
    for (rule, template, what) in [
        (digits(), "{price} {unit} {maturity}", None),
        (threshold(), "{price} {above} {maturity}", None),
        (operators(), "{maturity}", None),
        (digits(), "{above}", Some("{above}")),
        (threshold(), "{unit}", Some("{unit}")),
        (operators(), "a {price}", Some("{price}")),
        (operators(), "{Maturity}", Some("{Maturity}")),
        (operators(), "{ maturity}", Some("{ maturity}")),
        (operators(), "{}", Some("{}")),
        (operators(), "{maturity", Some("{")),
        (operators(), "maturity}", Some("}")),
        (operators(), "{maturity}}", Some("}")),
        (operators(), "{{maturity}}", Some("{{maturity}")),
    ] {
        let rule = titled(&rule, "x").rule;
        let expected = what.map_or(Ok(()), |w| Err(TextError::Placeholder(w.to_owned())));
        assert_eq!(check_title(template, &rule), expected, "{template}");
        assert_eq!(check_description(template, &rule), expected, "{template}");
    }
    // Names are no templates.
    assert_eq!(check_name("{maturity}"), Ok(()));
}

#[test]
fn a_title_is_as_long_and_as_plain_as_what_it_becomes() {
    let mut rule = digits();
    rule["unit"] = json!("u".repeat(100));
    let rule = titled(&rule, "x").rule;
    assert_eq!(check_title("{unit}", &rule), Ok(()));
    let length = TextError::Length {
        most: 140,
        found: 200,
    };
    assert_eq!(check_title("{unit}{unit}", &rule), Err(length));
    let mut rule = digits();
    rule["unit"] = json!("\u{202e}");
    let rule = titled(&rule, "x").rule;
    assert_eq!(
        check_title("in {unit} each", &rule),
        Err(TextError::Unseen(0x202e))
    );
}

proptest! {
    #[test]
    fn what_was_accepted_renders_to_one_clean_line(
        title in "[a-z{} ]{0,20}(\\{maturity\\}|\\{price\\}|\\{above\\}|\\{unit\\})?.{0,20}",
        maturity in 0_i64..4_000_000_000,
    ) {
        let policy = titled(&threshold(), &title);
        if check_title(&title, &policy.rule).is_ok() {
            let title = policy.question(Some(maturity)).title.unwrap();
            prop_assert!(!title.contains(['{', '}']) && !title.chars().any(is_unseen), "{}", title);
            prop_assert!((1..=140).contains(&title.chars().count()));
        }
    }
}
