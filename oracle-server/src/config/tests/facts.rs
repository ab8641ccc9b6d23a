//! Matches, elections and questions to operators.

use oracle_schema::policy::{
    ElectionBasis, ElectionPolicy, Market, MatchBasis, MatchPolicy, OnDissent, Rule,
};

use super::*;
use crate::keys::Question;

fn rule(config: &Config, index: usize) -> Rule {
    config.events[index].definition.policy.rule.clone()
}

fn match_policy(config: &Config) -> MatchPolicy {
    match rule(config, 2) {
        Rule::Match(policy) => policy,
        other => panic!("{other:?}"),
    }
}

fn election_policy(config: &Config, index: usize) -> ElectionPolicy {
    match rule(config, index) {
        Rule::Election(policy) => policy,
        other => panic!("{other:?}"),
    }
}

fn edited(from: &str, to: &str) -> Config {
    assert!(CONTRACT.contains(from), "{from}");
    Config::parse(&CONTRACT.replacen(from, to, 1), Path::new("/")).unwrap()
}

#[test]
fn a_match_is_pinned_as_it_is_written() {
    let config = contract();
    let policy = match_policy(&config);
    assert_eq!(policy.outcomes, ["home", "draw", "away", "void"]);
    assert_eq!(policy.kickoff, 1_792_859_400);
    assert_eq!(policy.basis, MatchBasis::RegularTime);
    assert_eq!(policy.void_after_s, 172_800);
    assert_eq!(policy.agree.get(), 2);
    assert_eq!(policy.on_dissent, OnDissent::Hold);
    assert!(policy.panel.is_none());
    let sources: Vec<(&str, &str)> = policy
        .sources
        .iter()
        .map(|s| (s.id.as_str(), s.root.as_str()))
        .collect();
    assert_eq!(
        sources,
        [
            ("openligadb:77001/40/7", "openligadb"),
            ("football-data:551001/5/4", "football-data")
        ]
    );
    let definition = &config.events[2].definition;
    assert_eq!(definition.policy.give_up_after_s, 30 * 86_400);
    assert_eq!(definition.round_key.as_str(), "e:bl1-2026-r9-fcb-bvb");
    assert_eq!(definition.question, Question::Facts);
    let asked: Vec<(&str, i64)> = definition
        .subjects
        .iter()
        .map(|s| (s.source.id.as_str(), s.read_every_s))
        .collect();
    assert_eq!(
        asked,
        [
            ("openligadb:77001/40/7", 30),
            ("football-data:551001/5/4", 30)
        ]
    );
}

#[test]
fn what_a_match_leaves_out_has_the_documented_value() {
    let written = contract();
    let mut short = CONTRACT.to_owned();
    for line in [
        "void_after = \"48h\"\n",
        "stable_reads = 2\n",
        "read_every = \"30s\"\n",
        "settle_delay = \"2h\"\n",
        "on_dissent = \"hold\"\n",
        "give_up_after = \"30d\"\n",
    ] {
        assert!(short.contains(line), "{line}");
        short = short.replacen(line, "", 1);
    }
    let short = Config::parse(&short, Path::new("/")).unwrap();
    assert_eq!(
        written.events[2].definition.document,
        short.events[2].definition.document
    );
}

#[test]
fn an_election_is_pinned_as_it_is_written() {
    let config = contract();
    let georgia = election_policy(&config, 3);
    assert_eq!(georgia.basis, ElectionBasis::Certified);
    assert_eq!(georgia.settle_delay_s, 0);
    assert_eq!(georgia.sources.len(), 1);
    assert_eq!(georgia.sources[0].id, "ap:2026-11-03/GA/S");
    assert_eq!(georgia.panel.unwrap().k.get(), 2);
    assert_eq!(georgia.candidates["birch"]["ap"], ["18705"]);

    let germany = election_policy(&config, 4);
    let source = &germany.sources[0];
    assert_eq!(
        source.id,
        "bundeswahlleiterin:/bundestagswahlen/2029/kerg2.csv/Bund/2"
    );
    // A whole number and its text are one parameter.
    assert_eq!(source.parameters["vote"], "2");
    let text = edited("vote = 2", "vote = \"2\"");
    assert_eq!(
        config.events[4].definition.document,
        text.events[4].definition.document
    );
}

#[test]
fn a_call_is_held_for_a_day_unless_announced_otherwise() {
    let called = edited("basis = \"certified\"", "basis = \"called\"");
    assert_eq!(election_policy(&called, 3).settle_delay_s, 86_400);
    let shorter = edited(
        "basis = \"certified\"",
        "basis = \"called\"\nsettle_delay = \"1h\"",
    );
    assert_eq!(election_policy(&shorter, 3).settle_delay_s, 3600);
}

#[test]
fn a_draw_after_regular_time_can_be_asked_of_leagues_that_play_overtime() {
    for (provider, id) in [
        ("nhl", "551001"),
        ("espn-nfl", "551001"),
        ("nba", "0000551001"),
    ] {
        let text = CONTRACT
            .replacen("\"football-data\"", &format!("\"{provider}\""), 1)
            .replacen("\"551001\"", &format!("\"{id}\""), 1);
        let config = Config::parse(&text, Path::new("/")).unwrap();
        assert_eq!(match_policy(&config).sources[1].provider, provider);
    }
}

#[test]
fn a_draw_after_regular_time_is_refused_where_extra_innings_count() {
    let mlb = CONTRACT.replacen("\"football-data\"", "\"mlb\"", 1);
    assert_eq!(
        Config::parse(&mlb, Path::new("/")).unwrap_err().key,
        "event[2] \"bl1-2026-r9-fcb-bvb\".basis"
    );
    for (from, to) in [
        ("\"regular_time\"", "\"final\""),
        (
            "[\"home\", \"draw\", \"away\", \"void\"]",
            "[\"home\", \"away\", \"void\"]",
        ),
    ] {
        assert!(mlb.contains(from), "{from}");
        Config::parse(&mlb.replacen(from, to, 1), Path::new("/")).unwrap();
    }
}

#[test]
fn a_refused_match_is_named_with_its_key() {
    let at = "event[2] \"bl1-2026-r9-fcb-bvb\"";
    let outcomes = "outcomes = [\"home\", \"draw\", \"away\", \"void\"]";
    for (from, to, key) in [
        (outcomes, "outcomes = [\"home\", \"win\"]", "outcomes"),
        (outcomes, "outcomes = [\"home\"]", "outcomes"),
        (outcomes, "outcomes = [\"home\", \"home\"]", "outcomes"),
        (outcomes, "", "outcomes"),
        ("2026-10-24T16:30:00Z", "2026-10-24T18:30:00Z", "kickoff"),
        ("2026-10-24T16:30:00Z", "2026-10-24T16:30:00.5Z", "kickoff"),
        ("kickoff = \"2026-10-24T16:30:00Z\"\n", "", "kickoff"),
        ("2026-10-24T18:30:00Z", "2026-10-24T18:30:00.1Z", "maturity"),
        ("maturity = \"2026-10-24T18:30:00Z\"\n", "", "maturity"),
        ("\"regular_time\"", "\"first_half\"", "basis"),
        ("basis = \"regular_time\"\n", "", "basis"),
        ("agree = 2\nstable", "stable", "agree"),
        ("agree = 2\nstable", "agree = 0\nstable", "agree"),
        ("agree = 2\nstable", "agree = 3\nstable", "agree"),
        ("stable_reads = 2", "stable_reads = 0", "stable_reads"),
        ("stable_reads = 2", "stable_reads = 11", "stable_reads"),
        ("read_every = \"30s\"", "read_every = \"0s\"", "read_every"),
        (
            "read_every = \"30s\"",
            "read_every = \"100ms\"",
            "read_every",
        ),
        ("\"48h\"", "\"two days\"", "void_after"),
        (
            "on_dissent = \"hold\"",
            "on_dissent = \"majority\"",
            "on_dissent",
        ),
        (
            "give_up_after = \"30d\"",
            "give_up_after = \"2h\"",
            "give_up_after",
        ),
        ("on_dissent = \"hold\"", "k = 2", "k"),
        ("on_dissent = \"hold\"", "price = \"btcusd\"", "price"),
        ("on_dissent = \"hold\"", "every = \"1d\"", "every"),
        ("\"openligadb\"", "\"openligadb2\"", "source[0].provider"),
        ("\"openligadb\"", "\"kraken\"", "source[0].provider"),
        ("\"openligadb\"", "\"ap\"", "source[0].provider"),
        ("provider = \"openligadb\", ", "", "source[0].provider"),
        ("match = \"77001\", ", "", "source[0].match"),
        ("match = \"77001\"", "match = \"77/001\"", "source[0].match"),
        (
            "match = \"77001\"",
            "match = [\"77001\"]",
            "source[0].match",
        ),
        (
            "match = \"77001\"",
            "match = \"77001\", root = \"x\"",
            "source[0].root",
        ),
        ("away = \"7\"", "away = \"40\"", "source[0].away"),
        (
            "{ provider = \"football-data\", match = \"551001\", home = \"5\", away = \"4\" }",
            "{ provider = \"openligadb\", match = 77001, home = \"40\", away = \"7\" }",
            "source[1].provider",
        ),
    ] {
        assert_eq!(
            spoilt(from, to).key,
            format!("{at}.{key}"),
            "{from} -> {to}"
        );
    }
}

/// The documented match with another bet on it.
fn bet(lines: &str) -> Result<Config, Refusal> {
    let outcomes = "outcomes = [\"home\", \"draw\", \"away\", \"void\"]";
    assert!(CONTRACT.contains(outcomes));
    Config::parse(&CONTRACT.replacen(outcomes, lines, 1), Path::new("/"))
}

#[test]
fn a_total_a_spread_and_their_numbers_are_pinned_as_they_are_written() {
    let total =
        bet("market = \"total\"\nline = \"2.50\"\noutcomes = [\"over\", \"under\", \"void\"]");
    let policy = match_policy(&total.unwrap());
    assert_eq!(policy.market, Market::Total);
    // As any other writing of the same number.
    assert_eq!(policy.line.unwrap().to_string(), "2.5");
    assert_eq!(policy.outcomes, ["over", "under", "void"]);
    let spread =
        bet("market = \"spread\"\nline = \"-1\"\noutcomes = [\"home\", \"away\", \"push\"]");
    assert_eq!(
        match_policy(&spread.unwrap()).line.unwrap().to_string(),
        "-1"
    );
    for (market, signed) in [("total", false), ("spread", true)] {
        let number = bet(&format!(
            "market = {market:?}\ndigits = 8\nunit = \"goals\""
        ))
        .unwrap();
        let policy = match_policy(&number);
        assert!(policy.outcomes.is_empty() && policy.line.is_none());
        assert_eq!(policy.digits.unwrap().signed, signed);
        match &number.events[2].definition.descriptor {
            oracle_schema::Descriptor::Digits(digits) => {
                assert_eq!((digits.base(), digits.nb_digits()), (2, 8));
                assert_eq!((digits.is_signed(), digits.unit()), (signed, "goals"));
            }
            other @ oracle_schema::Descriptor::Enum(_) => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_result_is_pinned_as_before_there_were_markets() {
    let plain = contract().events[2].definition.document.clone();
    assert!(!String::from_utf8(plain.clone()).unwrap().contains("market"));
    let named = bet("market = \"result\"\noutcomes = [\"home\", \"draw\", \"away\", \"void\"]");
    assert_eq!(named.unwrap().events[2].definition.document, plain);
}

#[test]
fn a_bet_that_does_not_fit_its_market_is_refused() {
    let enumerated = |market: &str, line: &str, outcomes: &str| {
        format!("market = {market:?}\nline = {line:?}\noutcomes = {outcomes}")
    };
    let ou = r#"["over", "under", "void"]"#;
    let oup = r#"["over", "under", "push"]"#;
    for (lines, key) in [
        (enumerated("totals", "2.5", ou), "market"),
        (enumerated("total", "2.25", ou), "line"),
        (enumerated("total", "2.75", ou), "line"),
        (enumerated("total", "2,5", ou), "line"),
        (enumerated("total", "-2.5", ou), "line"),
        (enumerated("total", "1e1", ou), "line"),
        (enumerated("total", "10001", oup), "line"),
        (enumerated("total", "3", ou), "outcomes"),
        (enumerated("total", "2.5", oup), "outcomes"),
        (
            enumerated("total", "2.5", r#"["over", "void"]"#),
            "outcomes",
        ),
        (
            enumerated("total", "2.5", r#"["over", "under", "home"]"#),
            "outcomes",
        ),
        (
            enumerated("total", "2.5", r#"["home", "draw", "away"]"#),
            "outcomes",
        ),
        (enumerated("spread", "1", r#"["home", "away"]"#), "outcomes"),
        (
            enumerated("spread", "1", r#"["home", "draw", "away"]"#),
            "outcomes",
        ),
        (
            enumerated("spread", "0.5", r#"["home", "away", "push"]"#),
            "outcomes",
        ),
        (
            enumerated("result", "1", r#"["home", "draw", "away"]"#),
            "line",
        ),
        (format!("market = \"total\"\noutcomes = {ou}"), "line"),
        (
            "market = \"total\"\nline = \"2.5\"\ndigits = 8\nunit = \"goals\"".to_owned(),
            "line",
        ),
        (
            format!("market = \"total\"\ndigits = 8\nunit = \"goals\"\noutcomes = {ou}"),
            "outcomes",
        ),
        ("market = \"total\"\ndigits = 8".to_owned(), "unit"),
        (
            "market = \"total\"\ndigits = 65\nunit = \"goals\"".to_owned(),
            "digits",
        ),
        (
            format!("market = \"total\"\nline = \"2.5\"\nunit = \"goals\"\noutcomes = {ou}"),
            "unit",
        ),
        ("digits = 8\nunit = \"goals\"".to_owned(), "digits"),
    ] {
        let refusal = bet(&lines).unwrap_err();
        assert_eq!(
            refusal.key,
            format!("event[2] \"bl1-2026-r9-fcb-bvb\".{key}"),
            "{lines}"
        );
    }
}

#[test]
fn a_number_that_one_source_alone_decides_is_a_choice_among_all_its_digits() {
    let sole = |digits: u32| {
        let text = CONTRACT
            .replacen("agree = 2\nstable", "agree = 1\nstable", 1)
            .replacen(
                "outcomes = [\"home\", \"draw\", \"away\", \"void\"]",
                &format!("market = \"spread\"\ndigits = {digits}\nunit = \"goals\""),
                1,
            );
        Config::parse(&text, Path::new("/"))
    };
    assert_eq!(sole(6).unwrap().events[2].definition.sole_outcomes, 128);
    assert!(sole(40).unwrap_err().key.ends_with(".digits"));
}

#[test]
fn a_refused_election_is_named_with_its_key() {
    let at = "event[3] \"us-sen-ga-2026\"";
    let candidates = "{ alder = { ap = [\"18702\"] }, birch = { ap = [\"18705\"] } }";
    for (to, key) in [
        ("{ alder = { ap = [\"18702\"] } }", "candidates.birch.ap"),
        (
            "{ alder = { ap = [\"18702\"] }, birch = { ap = [] } }",
            "candidates.birch.ap",
        ),
        (
            "{ alder = { ap = [\"1\"] }, birch = { ap = [\"2\"], mlb = [\"3\"] } }",
            "candidates.birch.mlb",
        ),
        (
            "{ alder = { ap = [\"1\"] }, birch = { ap = [\"2\"] }, other = { ap = [\"3\"] } }",
            "candidates.other",
        ),
        (
            "{ alder = { ap = [\"1\"] }, birch = { ap = [\"2\"] }, elm = { ap = [\"3\"] } }",
            "candidates.elm",
        ),
        (
            "{ alder = { ap = [\"1\"] }, birch = { ap = [\"2\", \"1\"] } }",
            "candidates.birch.ap",
        ),
        (
            "{ alder = { ap = [\"1\", \"1\"] }, birch = { ap = [\"2\"] } }",
            "candidates.alder.ap",
        ),
        (
            "{ alder = { ap = [\"1\"] }, birch = { ap = [\" 2\"] } }",
            "candidates.birch.ap",
        ),
    ] {
        assert_eq!(spoilt(candidates, to).key, format!("{at}.{key}"), "{to}");
    }
    for (from, to, key) in [
        ("basis = \"certified\"", "basis = \"final\"", "basis"),
        ("basis = \"certified\"", "basis = \"endgueltig\"", "basis"),
        ("agree = 2\ncand", "agree = 3\ncand", "agree"),
        ("state = \"GA\", ", "", "source[0].state"),
        (
            "{ provider = \"ap\", date = \"2026-11-03\", state = \"GA\", office = \"S\" },",
            "",
            "source",
        ),
    ] {
        assert_eq!(spoilt(from, to).key, format!("{at}.{key}"), "{to}");
    }
}

#[test]
fn only_outcomes_that_one_party_alone_decides_are_its_choice() {
    let choices = |config: &Config| -> Vec<i64> {
        let events = config.events.iter();
        events.map(|e| e.definition.sole_outcomes).collect()
    };
    // Of the documented events only the German one asks one source alone.
    assert_eq!(choices(&contract()), [0, 0, 0, 0, 4, 0]);
    let one = edited("k = 2\nsettle_delay", "k = 1\nsettle_delay");
    assert_eq!(choices(&one), [0, 0, 0, 0, 4, 3]);
    let one = edited("agree = 2\nstable", "agree = 1\nstable");
    assert_eq!(choices(&one), [0, 0, 4, 0, 4, 0]);
}

#[test]
fn outcomes_that_look_alike_are_refused() {
    let at = "event[5] \"pm-upgrade-2026\".outcomes";
    for outcomes in [
        r#"["yes", "yes "]"#,
        r#"["yes", " yes"]"#,
        r#"["yes", "ye\u0000s"]"#,
        r#"["yes", ""]"#,
        r#"["yes", "e\u0301"]"#,
        r#"["yes", "yes"]"#,
        r#"["yes", "yes\u200b"]"#,
        r#"["yes", "\u202eyes"]"#,
        "[]",
    ] {
        let refusal = spoilt(r#"["yes", "no", "void"]"#, outcomes);
        assert_eq!(refusal.key, at, "{outcomes}");
    }
}

#[test]
fn a_question_that_cannot_be_repeated_is_no_series() {
    for kind in ["match", "election", "operators"] {
        let text = GOOD.replacen("\"digits\"", &format!("{kind:?}"), 1);
        let refusal = Config::parse(&text, Path::new("/")).unwrap_err();
        assert_eq!(refusal.key, "series[0] \"s\".kind");
        assert!(refusal.reason.contains(kind), "{}", refusal.reason);
        assert!(refusal.reason.contains("[[event]]"), "{}", refusal.reason);
    }
    for (key, text) in [
        ("kickoff", "\"2026-10-24T16:30:00Z\""),
        ("maturity", "\"2026-10-24T16:30:00Z\""),
        ("agree", "2"),
        ("above", "\"1\""),
    ] {
        let edited = format!("digits = 20\n{key} = {text}");
        assert_eq!(
            refused_key("digits = 20", &edited),
            format!("series[0] \"s\".{key}")
        );
    }
}
