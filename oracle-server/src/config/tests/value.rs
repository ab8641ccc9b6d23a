//! Kind fact.

use oracle_schema::policy::{Compare, FactPolicy, FactTest, Rule};

use super::*;

const EVENT: &str = r#"
[generic.mirror_a]
url = "http://127.0.0.1:1/a?at={unix}"
value = "$.release.tag"

[generic.mirror_b]
url = "http://127.0.0.1:2/b"
value = "tag"
format = "csv"
decimal = ","
delimiter = ";"
row = { column = "name", equals = "core" }
root = "elsewhere"

[[event]]
id = "release-16"
kind = "fact"
maturity = "2026-12-01T00:00:00Z"
TITLE
source = [ { provider = "generic", name = "mirror_a" }, { provider = "generic", name = "mirror_b" } ]
agree = 2
outcomes = { yes = { equals = "16.0" }, no = { other = true } }
"#;

const OUTCOMES: &str = "outcomes = { yes = { equals = \"16.0\" }, no = { other = true } }";

fn written(edit: impl Fn(String) -> String) -> Result<Config, Refusal> {
    let event = EVENT.replace("TITLE\n", TITLE);
    let text = format!("{CONTRACT}{}", edit(event));
    Config::parse(&text, Path::new("/"))
}

fn policy(config: &Config) -> FactPolicy {
    let event = config.events.iter().find(|e| e.id.as_str() == "release-16");
    match event.unwrap().definition.policy.rule.clone() {
        Rule::Fact(policy) => policy,
        other => panic!("{other:?}"),
    }
}

fn with(outcomes: &str) -> Result<Config, Refusal> {
    written(|event| {
        assert!(event.contains(OUTCOMES));
        event.replace(OUTCOMES, outcomes)
    })
}

#[test]
fn a_fact_is_pinned_with_its_tests_and_with_the_url_of_its_maturity() {
    let policy = policy(&written(|event| event).unwrap());
    assert_eq!(policy.outcomes, ["no", "yes"]);
    assert_eq!(policy.compare, Compare::Text);
    assert_eq!(policy.tests["yes"], FactTest::Equals("16.0".to_owned()));
    assert_eq!((policy.agree.get(), policy.stable_reads.get()), (2, 2));
    assert_eq!(
        (policy.read_every_s.get(), policy.settle_delay_s),
        (30, 3600)
    );
    let [a, b] = &policy.sources[..] else {
        panic!()
    };
    assert_eq!(
        (a.id.as_str(), a.root.as_str()),
        ("generic:mirror_a", "mirror_a")
    );
    assert_eq!(a.parameters["url"], "http://127.0.0.1:1/a?at=1796083200");
    assert_eq!(a.parameters["value"], "$.release.tag");
    assert!(!a.parameters.contains_key("compare"));
    assert_eq!(
        (b.root.as_str(), b.parameters["delimiter"].as_str()),
        ("elsewhere", ";")
    );
    assert_eq!(b.parameters["row_equals"], "core");
}

#[test]
fn thresholds_compare_numbers_and_so_do_digits() {
    let levels =
        "{ high = { above = \"5\" }, low = { below = \"5.0\" }, five = { equals = \"5.00\" } }";
    let levels = policy(&with(&format!("outcomes = {levels}")).unwrap());
    assert_eq!(levels.compare, Compare::Number);
    assert_eq!(levels.sources[0].parameters["compare"], "number");
    let digits = "digits = 12\ndecimals = 1\nunit = \"dC\"\nsigned = true";
    let config = with(digits).unwrap();
    let policy = policy(&config);
    assert!(policy.outcomes.is_empty() && policy.tests.is_empty());
    assert!(policy.digits.unwrap().signed);
    let numbers = "compare = \"number\"\noutcomes = { a = { one_of = [\"1\", \"2\"] }, b = { other = true } }";
    assert!(with(numbers).is_ok());
}

#[test]
fn tests_that_overlap_or_leave_a_value_out_are_refused() {
    for (outcomes, key) in [
        (r#"["yes", "no"]"#, "outcomes"),
        (r#"{ yes = { equals = "1" } }"#, "outcomes"),
        (r"{ yes = { other = true } }", "outcomes"),
        (
            r#"{ yes = { equals = "1" }, no = { equals = "2" } }"#,
            "outcomes",
        ),
        (
            r#"{ yes = { equals = "1" }, no = { equals = "1", other = true } }"#,
            "outcomes.no",
        ),
        (r"{ yes = { }, no = { other = true } }", "outcomes.yes"),
        (
            r#"{ yes = { equals = "1" }, no = { other = false } }"#,
            "outcomes.no.other",
        ),
        (
            r#"{ a = { equals = "1" }, b = { one_of = ["2", " 1"] }, c = { other = true } }"#,
            "outcomes.b",
        ),
        (
            r"{ a = { one_of = [] }, b = { other = true } }",
            "outcomes.a.one_of",
        ),
        (
            r#"{ a = { equals = " " }, b = { other = true } }"#,
            "outcomes.a",
        ),
        (
            r"{ a = { other = true }, b = { other = true } }",
            "outcomes.b",
        ),
        (
            r#"{ a = { above = "1" }, b = { above = "2" }, c = { other = true } }"#,
            "outcomes.b",
        ),
        (
            r#"{ a = { above = "1" }, b = { below = "2" } }"#,
            "outcomes.b",
        ),
        (
            r#"{ a = { above = "2" }, b = { below = "1" } }"#,
            "outcomes",
        ),
        (
            r#"{ a = { above = "1" }, b = { below = "1" } }"#,
            "outcomes",
        ),
        (
            r#"{ a = { above = "1" }, b = { equals = "2" }, c = { other = true } }"#,
            "outcomes.b",
        ),
        (
            r#"{ a = { above = "1" }, b = { equals = "one" }, c = { other = true } }"#,
            "outcomes.b",
        ),
        (
            r#"{ a = { above = "1e3" }, b = { other = true } }"#,
            "outcomes.a.above",
        ),
        (
            r#"{ a = { below = "1,5" }, b = { other = true } }"#,
            "outcomes.a.below",
        ),
    ] {
        let refusal = with(&format!("outcomes = {outcomes}")).unwrap_err();
        assert_eq!(
            refusal.key,
            format!("event[6] \"release-16\".{key}"),
            "{outcomes}"
        );
    }
    // Two writings of one number are two texts.
    let texts =
        r#"outcomes = { a = { equals = "1.0" }, b = { equals = "1" }, c = { other = true } }"#;
    assert!(with(texts).is_ok());
    let numbers = with(&format!("compare = \"number\"\n{texts}")).unwrap_err();
    assert_eq!(numbers.key, "event[6] \"release-16\".outcomes.b");
    let levels = "compare = \"text\"\noutcomes = { a = { above = \"1\" }, b = { other = true } }";
    assert_eq!(
        with(levels).unwrap_err().key,
        "event[6] \"release-16\".compare"
    );
}

#[test]
fn a_fact_that_does_not_fit_is_refused_with_its_key() {
    for (from, to, key) in [
        ("agree = 2", "agree = 3", "agree"),
        ("agree = 2", "", "agree"),
        (
            "name = \"mirror_a\"",
            "name = \"mirror_c\"",
            "source[0].name",
        ),
        (
            "provider = \"generic\", name = \"mirror_a\"",
            "provider = \"generic\"",
            "source[0].name",
        ),
        (
            "provider = \"generic\", name = \"mirror_a\"",
            "provider = \"ap\", date = \"2026-11-03\"",
            "source[0].provider",
        ),
        (
            "name = \"mirror_a\"",
            "name = \"mirror_a\", value = \"$.x\"",
            "source[0].value",
        ),
        (
            "name = \"mirror_a\"",
            "name = \"mirror_b\"",
            "source[1].provider",
        ),
        ("{unix}", "{when}", "generic.mirror_a.url"),
        (OUTCOMES, "digits = 8\nunit = \"C\"", "decimals"),
        (OUTCOMES, "digits = 8\ndecimals = 1", "unit"),
        ("agree = 2", "agree = 2\ndecimals = 1", "decimals"),
        ("agree = 2", "agree = 2\nsigned = true", "signed"),
        (
            "agree = 2",
            "agree = 2\nkickoff = \"2026-10-24T16:30:00Z\"",
            "kickoff",
        ),
    ] {
        let refusal = written(|event| {
            assert!(event.contains(from), "{from}");
            event.replace(from, to)
        })
        .unwrap_err();
        let full = refusal.key.clone();
        assert!(
            full == key || full.ends_with(&format!(".{key}")),
            "{from} -> {to}: {full}: {}",
            refusal.reason
        );
    }
}

#[test]
fn a_source_without_a_time_states_no_price() {
    let refusal = written(|event| {
        format!(
            "{event}\n[price.x]\nmethod = \"close1m_median\"\nsources = [\"generic:mirror_a\"]\n\
             min_sources = 1\nmax_deviation = \"1%\"\nmax_trade_age = \"1h\"\n"
        )
    })
    .unwrap_err();
    assert_eq!(refusal.key, "generic.mirror_a.time");
}

#[test]
fn a_fact_that_one_source_alone_states_is_its_choice() {
    let one = written(|event| event.replace("agree = 2", "agree = 1")).unwrap();
    assert_eq!(one.events[6].definition.sole_outcomes, 2);
}

const TITLE: &str = "title = \"Does the 16.0 release exist?\"\n";

#[test]
fn a_fact_says_what_it_asks() {
    let refusal = written(|event| event.replace(TITLE, "")).unwrap_err();
    assert_eq!(refusal.key, "event[6] \"release-16\".title");
}
