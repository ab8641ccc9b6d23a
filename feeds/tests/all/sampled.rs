//! Sources without history: read before T by the oracle itself.

use std::num::NonZeroU32;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_feeds::rule::{Fixing, decide_leg};
use oracle_feeds::{Exchange, PriceQuery, Query, Reading, SourceReading, provider};
use oracle_schema::policy::{
    CsvFormat, DecimalMark, LegPolicy, SamplePolicy, Selector, SourcePolicy, TimeUnit,
};
use proptest::prelude::*;

use crate::common::{T, exchange, generic, leg, price_of, reason_of, seen, time};

const FROM: u32 = 900;

/// A ticker that states a price, and perhaps a time.
fn ticker(name: &str, unit: Option<TimeUnit>) -> SourcePolicy {
    let mut source = generic("http://ticker.test/last", TimeUnit::S);
    source.id = format!("generic:{name}");
    name.clone_into(&mut source.symbol);
    name.clone_into(&mut source.root);
    let selector = selector(&mut source);
    selector.history = false;
    selector.time = unit.map(|_| "$.ts".to_owned());
    selector.time_unit = unit;
    source
}

fn selector(source: &mut SourcePolicy) -> &mut Selector {
    source.selector.as_mut().unwrap()
}

fn sampled(min_sources: u32, sources: Vec<SourcePolicy>) -> LegPolicy {
    LegPolicy {
        sources,
        sample: Some(SamplePolicy {
            every_s: NonZeroU32::new(60).unwrap(),
            from_s: NonZeroU32::new(FROM).unwrap(),
        }),
        ..leg(min_sources, &[])
    }
}

/// Milliseconds from T.
fn at_ms(ms: i64) -> DateTime<Utc> {
    time(T) + TimeDelta::milliseconds(ms)
}

fn sent(ms: i64, body: &str) -> Exchange {
    Exchange {
        sent_at: at_ms(ms),
        received_at: at_ms(ms + 100),
        date: None,
        ..exchange(200, body.as_bytes())
    }
}

fn read(source: &SourcePolicy, exchange: Exchange) -> SourceReading {
    let leg = sampled(1, vec![source.clone()]);
    let query = Query::Price(PriceQuery::of(&leg, source, T));
    let exchanges = vec![exchange];
    SourceReading {
        source: source.id.clone(),
        root: source.root.clone(),
        reading: provider("generic").unwrap().interpret(&query, &exchanges),
        exchanges,
    }
}

fn sample(source: &SourcePolicy, ms: i64, price: &str) -> SourceReading {
    read(source, sent(ms, &format!(r#"{{"price":"{price}"}}"#)))
}

fn decide(leg: &LegPolicy, readings: &[SourceReading]) -> Fixing {
    decide_leg(leg, T, time(T + 61), readings)
}

#[test]
fn a_ticker_without_a_time_states_the_price_of_when_it_was_read() {
    let source = ticker("a", None);
    let body = r#"{"price":"0.26"}"#;
    assert_eq!(
        seen(&sample(&source, -60_000, "0.26").reading),
        ("0.26", T - 60)
    );
    // Between two seconds: the later one.
    assert_eq!(seen(&sample(&source, -500, "0.26").reading), ("0.26", T));
    // A cache's answer is as old as it was made.
    let mut cached = sent(-60_000, body);
    cached.date = Some(time(T - 300));
    assert_eq!(seen(&read(&source, cached).reading), ("0.26", T - 300));
    // A provider whose clock is ahead makes nothing newer.
    let mut ahead = sent(-60_000, body);
    ahead.date = Some(time(T - 20));
    assert_eq!(seen(&read(&source, ahead).reading), ("0.26", T - 60));
    let mut stale = sent(-60_000, body);
    stale.headers = vec![("age".to_owned(), "901".to_owned())];
    let stale = read(&source, stale).reading;
    assert_eq!(stale.verdict(), "no_data", "{}", stale.detail());
}

#[test]
fn a_slow_local_clock_makes_no_price_of_after_t_a_sample() {
    let source = ticker("a", None);
    // Sent five minutes after T by a clock that is as much behind.
    let mut late = sent(-2000, r#"{"price":"0.26"}"#);
    late.date = Some(time(T + 298));
    let reading = read(&source, late);
    assert_eq!(reading.reading.verdict(), "no_data");
    assert!(reading.reading.detail().contains("by its own clock"));
    // Where the ticker itself says nothing of the time, the others do.
    let undated = sample(&source, -2000, "0.26");
    let mut leg = sampled(1, vec![source]);
    leg.sources
        .push(crate::common::source("coinbase", "PPC-BTC"));
    let mut other = exchange(404, b"");
    other.sent_at = time(T + 61);
    other.received_at = time(T + 61);
    other.date = Some(time(T + 61 + 300));
    let other = SourceReading {
        source: "coinbase:PPC-BTC".to_owned(),
        root: "coinbase".to_owned(),
        reading: Reading::Permanent("HTTP 404".to_owned()),
        exchanges: vec![other],
    };
    assert_eq!(
        price_of(&decide(&leg, std::slice::from_ref(&undated))),
        "0.26".parse().unwrap()
    );
    let fixing = decide(&leg, &[undated, other]);
    assert!(
        reason_of(&fixing).contains("behind the providers'"),
        "{fixing:?}"
    );
}

#[test]
fn a_request_counts_from_the_beginning_of_sampling_to_t_both_included() {
    let source = ticker("a", None);
    let from = -i64::from(FROM) * 1000;
    for (ms, verdict) in [
        (from - 1, "not_yet"),
        (from, "observation"),
        (-1, "observation"),
        (0, "observation"),
        (1, "no_data"),
        (61_000, "no_data"),
    ] {
        assert_eq!(
            sample(&source, ms, "1").reading.verdict(),
            verdict,
            "{ms} ms"
        );
    }
}

#[test]
fn an_answer_that_comes_long_after_t_may_state_a_later_price() {
    let source = ticker("a", None);
    let mut slow = sent(-10, r#"{"price":"1"}"#);
    slow.received_at = at_ms(5000);
    assert_eq!(read(&source, slow.clone()).reading.verdict(), "observation");
    slow.received_at = at_ms(5001);
    assert_eq!(read(&source, slow).reading.verdict(), "no_data");
}

#[test]
fn a_tickers_own_time_counts_where_it_states_one() {
    let source = ticker("a", Some(TimeUnit::S));
    let stated = |ms: i64, ts: i64| {
        let body = format!(r#"{{"price":"1","ts":{ts}}}"#);
        read(&source, sent(ms, &body)).reading
    };
    assert_eq!(seen(&stated(-60_000, T - 500)), ("1", T - 500));
    // Its clock may be a little ahead, but no price is of after T.
    assert_eq!(seen(&stated(-60_000, T - 30)), ("1", T - 30));
    assert_eq!(stated(-1000, T + 1).verdict(), "no_data");
    assert_eq!(stated(-60_000, T - 901).verdict(), "no_data");
    for wrong in [T + 60, T * 1000, T / 1000] {
        let reading = stated(-60_000, wrong);
        assert_eq!(
            reading.verdict(),
            "contradiction",
            "{wrong}: {}",
            reading.detail()
        );
    }
}

#[test]
fn a_table_is_sampled_like_json() {
    let mut source = ticker("a", None);
    let table = selector(&mut source);
    "last".clone_into(&mut table.value);
    table.csv = Some(CsvFormat {
        delimiter: ';',
        decimal: DecimalMark::Comma,
        row: None,
    });
    let reading = read(&source, sent(-60_000, "pair;last\nPPC;0,26\n")).reading;
    assert_eq!(seen(&reading), ("0,26", T - 60));
    let table = selector(&mut source);
    table.time = Some("at".to_owned());
    table.time_unit = Some(TimeUnit::S);
    let body = format!("last;at\n0,26;{}\n", T - 90);
    assert_eq!(
        seen(&read(&source, sent(-60_000, &body)).reading),
        ("0,26", T - 90)
    );
}

#[test]
fn the_last_sample_before_t_counts_and_one_that_failed_leaves_it_to_the_one_before() {
    let source = ticker("a", None);
    let leg = sampled(1, vec![source.clone()]);
    let mut readings = vec![
        sample(&source, -120_000, "0.24"),
        sample(&source, -60_000, "0.25"),
        sample(&source, 0, "0.26"),
        sample(&source, 1000, "0.99"),
    ];
    assert_eq!(price_of(&decide(&leg, &readings)), "0.26".parse().unwrap());
    readings[2] = read(
        &source,
        Exchange {
            status: Some(503),
            ..sent(0, "")
        },
    );
    assert_eq!(price_of(&decide(&leg, &readings)), "0.25".parse().unwrap());
    readings[1] = sample(&source, -60_000, "0");
    let decision = decide(&leg, &readings);
    assert_eq!(price_of(&decision), "0.24".parse().unwrap());
    let trace = &decision.trace().sources[0];
    assert_eq!((trace.literal.as_deref(), trace.used), (Some("0.24"), true));
    // Of those that may not vote the last says why.
    let why = reason_of(&decide(&leg, &readings[3..]));
    assert!(why.contains("not asked after T"), "{why}");
    let why = reason_of(&decide(&leg, &[]));
    assert!(why.contains("there is no sample of it"), "{why}");
}

#[test]
fn what_was_read_outside_the_window_has_no_vote_whatever_an_adapter_made_of_it() {
    let source = ticker("a", None);
    let leg = sampled(1, vec![source.clone()]);
    for ms in [-900_001, 1] {
        let mut forged = sample(&source, -60_000, "0.25");
        forged.exchanges[0].sent_at = at_ms(ms);
        assert!(
            matches!(decide(&leg, &[forged]), Fixing::Pending { .. }),
            "{ms}"
        );
    }
    let mut late = sample(&source, -60_000, "0.25");
    late.exchanges[0].received_at = at_ms(5001);
    assert!(matches!(decide(&leg, &[late]), Fixing::Pending { .. }));
    let mut unasked = sample(&source, -60_000, "0.25");
    unasked.exchanges.clear();
    assert!(matches!(decide(&leg, &[unasked]), Fixing::Pending { .. }));
}

#[test]
fn a_sample_votes_beside_a_venue_that_is_asked_after_t() {
    let mut venue = crate::common::source("a", "X");
    "a".clone_into(&mut venue.root);
    let source = ticker("b", None);
    let leg = sampled(2, vec![venue, source.clone()]);
    let asked = crate::common::reading("a", "0.2500");
    let readings = [sample(&source, -2000, "0.2501"), asked.clone()];
    assert_eq!(
        price_of(&decide(&leg, &readings)),
        "0.25005".parse().unwrap()
    );
    // And the venue is not read before T because the other one is.
    let mut early = asked;
    early.exchanges[0].sent_at = time(T - 2);
    let why = reason_of(&decide(&leg, &[readings[0].clone(), early]));
    assert!(why.contains("asked before T"), "{why}");
    let before = decide_leg(&leg, T, time(T + 59), &readings);
    assert_eq!(reason_of(&before), "settling until 2026-10-01T16:01:00Z");
}

#[test]
fn two_tickers_whose_dates_doubt_the_clock_stop_the_decision() {
    let sources = vec![ticker("a", None), ticker("b", None)];
    let leg = sampled(2, sources.clone());
    let readings: Vec<SourceReading> = sources
        .iter()
        .map(|source| {
            let mut early = sent(-2000, r#"{"price":"1"}"#);
            early.date = Some(at_ms(-602_000));
            read(source, early)
        })
        .collect();
    let why = reason_of(&decide(&leg, &readings));
    assert!(why.contains("clock"), "{why}");
}

#[test]
fn a_leg_that_does_not_say_when_it_samples_has_no_samples() {
    let source = ticker("a", None);
    let mut leg = sampled(1, vec![source.clone()]);
    leg.sample = None;
    let query = PriceQuery::of(&leg, &source, T);
    assert_eq!(query.sample_from_s, Some(0));
    assert!(matches!(
        decide(&leg, &[sample(&source, -1000, "1")]),
        Fixing::Pending { .. }
    ));
}

proptest! {
    /// Whatever is read whenever and in whatever order: what fixes the price was
    /// asked and made by T, and is the last of that.
    #[test]
    fn no_price_of_after_t_is_ever_the_fixing(
        samples in prop::collection::vec((-1_000_000_i64..100_000, 1_u32..1000, 0_i64..8000), 0..12),
        own_time in any::<bool>(),
    ) {
        let source = ticker("a", own_time.then_some(TimeUnit::Ms));
        let leg = sampled(1, vec![source.clone()]);
        let mut readings: Vec<SourceReading> = samples
            .iter()
            .map(|(ms, price, took)| {
                let ts = T * 1000 + ms + took;
                let body = format!(r#"{{"price":"{price}","ts":{ts}}}"#);
                let mut exchange = sent(*ms, &body);
                exchange.received_at = at_ms(ms + took);
                read(&source, exchange)
            })
            .collect();
        let usable = |(ms, _, took): &&(i64, u32, i64)| {
            (-900_000..=0).contains(ms) && ms + took <= if own_time { 0 } else { 5000 }
        };
        let last = samples.iter().filter(usable).max_by_key(|(ms, ..)| *ms).map(|s| s.0);
        let decision = decide(&leg, &readings);
        readings.reverse();
        prop_assert_eq!(&decision, &decide(&leg, &readings));
        match (decision, last) {
            (Fixing::Attest { price, .. }, Some(last)) => {
                let of_last = |s: &&(i64, u32, i64)| s.0 == last && usable(s);
                let prices: Vec<u32> = samples.iter().filter(of_last).map(|s| s.1).collect();
                prop_assert!(prices.iter().any(|p| price == (*p).into()), "{price} of {prices:?}");
            }
            (Fixing::Pending { .. }, None) => {}
            (decision, last) => prop_assert!(false, "{decision:?}, the last being {last:?}"),
        }
    }

    #[test]
    fn nothing_that_a_ticker_answers_breaks_its_reading(
        body in prop::collection::vec(any::<u8>(), 0..200),
        sent_ms in any::<i32>(),
    ) {
        let reading = read(&ticker("a", Some(TimeUnit::Rfc3339)), Exchange {
            body,
            ..sent(sent_ms.into(), "")
        });
        prop_assert!(!matches!(reading.reading, Reading::Observation(_)));
    }
}
