use oracle_feeds::rule::{Cause, CrossError, Fixing, cross, decide_leg, descriptor, outcome};
use oracle_feeds::{Observation, Reading};
use oracle_schema::policy::{LegPolicy, PricePolicy, Rule};

use crate::common::{T, cause_of, d, leg, price_of, reading, reason_of, time};

const NOW: i64 = T + 61;

fn decide(leg: &LegPolicy, readings: &[oracle_feeds::SourceReading]) -> Fixing {
    decide_leg(leg, T, time(NOW), readings)
}

#[test]
fn flash_print_at_one_venue_does_not_move_the_fixing() {
    let leg = leg(3, &["a", "b", "c", "d"]);
    let mut readings = vec![
        reading("a", "61230"),
        reading("b", "61234.5"),
        reading("c", "61236.12"),
        reading("d", "9.00"),
    ];
    let decision = decide(&leg, &readings);
    assert_eq!(price_of(&decision), d("61234.5"));
    let dropped = decision.trace().sources.last().unwrap();
    assert!(!dropped.used && dropped.why.as_ref().unwrap().contains("max_deviation"));
    readings.pop();
    assert_eq!(price_of(&decide(&leg, &readings)), d("61234.5"));
}

#[test]
fn of_two_sources_a_thousandfold_apart_neither_decides() {
    let decision = decide(
        &leg(2, &["a", "b"]),
        &[reading("a", "1.10"), reading("b", "1100")],
    );
    assert!(reason_of(&decision).starts_with("0 of 2 sources: a:X: beyond"));
}

#[test]
fn two_of_eleven_near_zero_leave_the_median_alone() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
    let mut readings: Vec<_> = names.iter().map(|n| reading(n, "40100")).collect();
    readings.truncate(9);
    readings.extend([reading("j", "0.001"), reading("k", "0.002")]);
    assert_eq!(price_of(&decide(&leg(9, &names), &readings)), d("40100"));
}

#[test]
fn a_frozen_price_is_stale_by_its_trade_time() {
    let leg = leg(1, &["a"]);
    let mut frozen = reading("a", "0.10");
    let age = |frozen: &mut oracle_feeds::SourceReading, by: i64| {
        if let Reading::Observation(Observation::Price(o)) = &mut frozen.reading {
            o.effective_at = T - by;
        }
    };
    age(&mut frozen, 900);
    assert_eq!(price_of(&decide(&leg, &[frozen.clone()])), d("0.10"));
    age(&mut frozen, 901);
    assert!(reason_of(&decide(&leg, &[frozen.clone()])).contains("stale"));
    age(&mut frozen, -1);
    assert!(reason_of(&decide(&leg, &[frozen])).contains("after T"));
}

#[test]
fn an_outage_names_what_is_missing() {
    let mut down = reading("b", "1");
    down.reading = Reading::Transient {
        detail: "timeout".to_owned(),
        retry_after: None,
    };
    let decision = decide(&leg(3, &["a", "b", "c"]), &[reading("a", "1"), down]);
    assert_eq!(
        reason_of(&decision),
        "1 of 3 sources: b:X: timeout; c:X: not read"
    );
}

#[test]
fn one_root_has_one_vote() {
    let mut leg = leg(2, &["a", "b"]);
    for s in &mut leg.sources {
        s.root = "same".to_owned();
    }
    let readings = [reading("a", "1"), reading("b", "1")];
    assert!(reason_of(&decide(&leg, &readings)).contains("root same has voted"));
}

#[test]
fn a_reading_asked_before_t_never_votes() {
    let mut leg = leg(1, &["a"]);
    let mut early = reading("a", "1");
    early.exchanges[0].sent_at = time(T - 1);
    assert!(reason_of(&decide(&leg, &[early.clone()])).contains("asked before T"));
    early.exchanges[0].sent_at = time(T + 59);
    assert!(reason_of(&decide(&leg, &[early.clone()])).contains("settle_delay"));
    leg.settle_delay_s = 0;
    early.exchanges[0].sent_at = time(T);
    early.exchanges[0].date = Some(time(T - 1));
    assert!(reason_of(&decide(&leg, &[early.clone()])).contains("before T"));
    early.exchanges.clear();
    assert!(reason_of(&decide(&leg, &[early])).contains("no recorded request"));
}

#[test]
fn nothing_is_decided_before_settle_delay_is_over() {
    let leg = leg(1, &["a"]);
    let readings = [reading("a", "1")];
    let before = decide_leg(&leg, T, time(T + 59), &readings);
    assert_eq!(reason_of(&before), "settling until 2026-10-01T16:01:00Z");
    assert_eq!(
        price_of(&decide_leg(&leg, T, time(T + 61), &readings)),
        d("1")
    );
}

#[test]
fn a_clock_five_minutes_ahead_alarms() {
    let leg = leg(2, &["a", "b", "c"]);
    let mut readings = vec![reading("a", "1"), reading("b", "1"), reading("c", "1")];
    for r in &mut readings {
        r.exchanges[0].date = Some(time(NOW - 300));
    }
    let cause = Cause::Clock { ahead_s: 300 };
    assert_eq!(cause_of(&decide(&leg, &readings)), &cause);
    // One venue's wrong clock is that venue's problem.
    for r in &mut readings[1..] {
        r.exchanges[0].date = Some(time(NOW));
    }
    assert_eq!(price_of(&decide(&leg, &readings)), d("1"));
    for r in &mut readings {
        r.exchanges[0].date = None;
    }
    let unchecked = decide(&leg, &readings);
    assert_eq!(price_of(&unchecked), d("1"));
    assert_eq!(unchecked.trace().clock.ahead_s, None);
}

#[test]
fn an_answer_of_a_cache_is_as_old_as_its_date_and_doubts_no_clock() {
    let leg = leg(1, &["a"]);
    let cached = |age: i64| {
        let mut reading = reading("a", "1");
        let exchange = &mut reading.exchanges[0];
        exchange.date = Some(time(NOW - age));
        exchange.headers = vec![("age".to_owned(), age.to_string())];
        exchange.sent_at = time(NOW);
        decide_leg(&leg, T, time(NOW), &[reading])
    };
    assert_eq!(price_of(&cached(NOW - T - 60)), d("1"));
    let early = reason_of(&cached(NOW - T - 59));
    assert!(early.contains("before settle_delay was over"), "{early}");
    let early = reason_of(&cached(NOW - T + 1));
    assert!(early.contains("before T"), "{early}");
}

#[test]
fn an_age_that_cannot_be_read_says_nothing() {
    let mut exchange = reading("a", "1").exchanges.remove(0);
    let now = exchange.date;
    for odd in [
        "",
        "-5",
        "+5",
        "3.0",
        "1e3",
        "180, 180",
        "99999999999",
        "soon",
    ] {
        exchange.headers = vec![("age".to_owned(), odd.to_owned())];
        assert_eq!(exchange.age_s(), 0, "{odd:?}");
        assert_eq!(exchange.provider_now(), now, "{odd:?}");
    }
    exchange.headers = vec![("age".to_owned(), " 180 ".to_owned())];
    assert_eq!(exchange.age_s(), 180);
    exchange.headers = vec![("age".to_owned(), u32::MAX.to_string())];
    assert!(exchange.clock_ahead_s() < Some(0));
}

#[test]
fn an_even_number_fixes_at_the_exact_mean_of_the_middle_two() {
    let decision = decide(
        &leg(2, &["a", "b"]),
        &[reading("a", "100.01"), reading("b", "100.02")],
    );
    assert_eq!(price_of(&decision), d("100.015"));
}

#[test]
fn a_cross_is_exact_however_long() {
    assert_eq!(
        cross(&[d("0.00000412"), d("61234.5")]),
        Ok(d("0.25228614").into())
    );
    assert_eq!(cross(&[]), Err(CrossError::NoLegs));
    let long = d("1.234567890123456789012345678");
    let product = cross(&[long, long]).unwrap();
    assert_eq!(
        product.to_string(),
        "1.524157875323883675049535154031397676527968299765279684"
    );
}

#[test]
fn outcomes_follow_their_rule() {
    let price = PricePolicy {
        name: "ppcusd".to_owned(),
        legs: vec![leg(1, &["a"])],
    };
    let threshold = Rule::Threshold {
        price: price.clone(),
        above: d("0.25"),
    };
    let announced = descriptor(&threshold).unwrap();
    for (price, expected) in [("0.25", "not_above"), ("0.2500000001", "above")] {
        let found = outcome(&threshold, &d(price).into(), &announced).unwrap();
        assert_eq!(found.to_string(), expected);
    }
    let digits = Rule::Digits {
        price,
        decimals: 6,
        base: 2,
        digits: 20,
        unit: "uUSD/PPC".to_owned(),
    };
    let cut = descriptor(&digits).unwrap();
    for (price, expected) in [
        ("0.25228614", "252286"),
        ("0.2522865", "252286"),
        ("0.2522875", "252288"),
        ("2", "1048575"),
    ] {
        let found = outcome(&digits, &d(price).into(), &cut).unwrap();
        assert_eq!(found.to_string(), expected, "{price}");
    }
    // A product that hides its last digit beyond any decimal is above still.
    let tiny = d("0.00000000000000000000000001");
    let over = cross(&[d("0.25"), d("1") + tiny, d("1") + tiny]).unwrap();
    let found = outcome(&threshold, &over, &announced).unwrap();
    assert_eq!(found.to_string(), "above");
    assert!(outcome(&digits, &d("1").into(), &announced).is_err());
}

#[test]
fn a_trace_reads_back() {
    let decision = decide(&leg(1, &["a", "b"]), &[reading("a", "61234.50")]);
    let text = serde_json::to_string(decision.trace()).unwrap();
    let back: oracle_feeds::rule::Trace = serde_json::from_str(&text).unwrap();
    assert_eq!(&back, decision.trace());
}

fn lagging(name: &str) -> oracle_feeds::SourceReading {
    let mut late = reading(name, "1");
    late.reading = Reading::Lagging("no later bar".to_owned());
    late
}

#[test]
fn a_source_that_lags_is_waited_for_until_max_lag_is_over() {
    let mut leg = leg(2, &["a", "b", "c"]);
    let mut readings = vec![reading("a", "1"), reading("b", "1"), lagging("c")];
    assert_eq!(price_of(&decide(&leg, &readings)), d("1"), "no max_lag");
    leg.max_lag_s = Some(600);
    let cause = Cause::Lagging {
        until: T + 600,
        sources: vec!["c:X".to_owned()],
    };
    assert_eq!(cause_of(&decide(&leg, &readings)), &cause);
    assert_eq!(
        cause.to_string(),
        "waiting until 2026-10-01T16:10:00Z for what has not shown that it moved past maturity: \
         c:X"
    );
    // It is the time of the question that counts, whenever that is weighed.
    for (asked, decides) in [(599, false), (600, true)] {
        readings[2].exchanges[0].sent_at = time(T + asked);
        for now in [T + 601, T + 86_400] {
            let fixing = decide_leg(&leg, T, time(now), &readings);
            let attests = matches!(fixing, Fixing::Attest { .. });
            assert_eq!(attests, decides, "asked {asked} s after T: {fixing:?}");
        }
    }
    // It has no vote then, and its silence is named where the others are too few.
    leg.min_sources = 3.try_into().unwrap();
    let fixing = decide_leg(&leg, T, time(T + 601), &readings);
    assert_eq!(reason_of(&fixing), "2 of 3 sources: c:X: no later bar");
}

#[test]
fn a_source_that_fails_or_was_asked_too_early_is_not_waited_for() {
    let mut leg = leg(2, &["a", "b", "c"]);
    leg.max_lag_s = Some(600);
    for failed in [
        Reading::NotYet("asked before T".to_owned()),
        Reading::NoData("stale".to_owned()),
        Reading::Permanent("HTTP 404".to_owned()),
        Reading::Contradiction("two bars".to_owned()),
        Reading::Transient {
            detail: "timeout".to_owned(),
            retry_after: None,
        },
    ] {
        let mut other = lagging("c");
        other.reading = failed;
        let readings = [reading("a", "1"), reading("b", "1"), other];
        assert_eq!(price_of(&decide(&leg, &readings)), d("1"));
    }
    let unheard = [reading("a", "1"), reading("b", "1")];
    assert_eq!(price_of(&decide(&leg, &unheard)), d("1"));
    // Once it has caught up it votes.
    let mut later = reading("c", "1.001");
    later.exchanges[0].sent_at = time(T + 70);
    let readings = [
        reading("a", "1"),
        reading("b", "1.002"),
        lagging("c"),
        later,
    ];
    let fixing = decide_leg(&leg, T, time(T + 71), &readings);
    assert_eq!(price_of(&fixing), d("1.001"));
}
