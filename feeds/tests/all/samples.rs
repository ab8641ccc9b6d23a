//! Every sample of the five venues, with the reading it must have. T is
//! 2026-10-01T16:00:00Z; row times are opens.

use oracle_schema::policy::TimeUnit;

use crate::common::{T, exchange, generic, interpret, query, query_at, seen, source};

macro_rules! sample {
    ($file:literal) => {
        include_bytes!(concat!("../../samples/", $file)).as_slice()
    };
}

#[track_caller]
fn refused(provider: &str, status: u16, body: &[u8], verdict: &str, detail: &str) {
    let reading = interpret(&source(provider, "XBTUSD"), &[exchange(status, body)]);
    assert_eq!(reading.verdict(), verdict, "{}", reading.detail());
    assert!(reading.detail().contains(detail), "{}", reading.detail());
}

#[test]
fn kraken_fixes_with_the_row_that_opens_a_minute_before_t() {
    let s = source("kraken", "XBTUSD");
    let mut answer = exchange(200, sample!("kraken/ohlc_ok.json"));
    assert_eq!(seen(&interpret(&s, &[answer.clone()])), ("61234.5", T));
    // The row after it commits it, Date or not.
    answer.date = None;
    assert_eq!(seen(&interpret(&s, &[answer])), ("61234.5", T));
}

#[test]
fn kraken_bars_too_young_lead_to_trades_strictly_before_t() {
    let s = source("kraken", "XBTUSD");
    let young = br#"{"error":[],"result":{"XXBTZUSD":[
        [1790913600,"1","1","1","1","1","1",1],[1790913660,"1","1","1","1","1","1",1]],"last":1790913600}}"#;
    let first = exchange(200, young);
    let kraken = oracle_feeds::provider("kraken").unwrap();
    let planned = kraken.plan(&query(&s), std::slice::from_ref(&first));
    assert_eq!(
        format!("{:?}", planned.unwrap().target),
        r#"Path("/0/public/Trades?pair=XBTUSD&since=1790870339999999999&count=1000")"#
    );
    let trades = exchange(200, sample!("kraken/trades_ok.json"));
    // The trade at T + 0.7 ms is the fourth; the third closes the bar.
    assert_eq!(seen(&interpret(&s, &[first, trades])), ("61234.50000", T));
}

#[test]
fn kraken_trade_at_exactly_t_is_excluded() {
    let s = source("kraken", "XBTUSD");
    let first = exchange(200, br#"{"error":[],"result":{"XXBTZUSD":[[1790913600,"1","1","1","1","1","1",1],[1790913660,"1","1","1","1","1","1",1]],"last":1}}"#);
    let page = br#"{"error":[],"result":{"XXBTZUSD":[
        ["5.1","1",1790870399.9999999,"b","l","",1],["6.2","1",1790870400,"b","l","",2]],"last":"1790870400000000000"}}"#;
    let reading = interpret(&s, &[first, exchange(200, page)]);
    assert_eq!(seen(&reading), ("5.1", T));
}

#[test]
fn kraken_errors_come_as_http_200() {
    let unknown = sample!("kraken/error_unknown_pair.json");
    refused("kraken", 200, unknown, "permanent", "Unknown asset pair");
    refused(
        "kraken",
        200,
        sample!("kraken/error_rate.json"),
        "transient",
        "Rate limit",
    );
}

#[test]
fn kraken_ticker_and_status_are_no_bars() {
    for body in [
        sample!("kraken/ticker_ok.json"),
        sample!("kraken/system_status_maintenance.json"),
    ] {
        refused("kraken", 200, body, "contradiction", "last");
    }
}

#[test]
fn kraken_running_bar_never_fixes() {
    let s = source("kraken", "XBTUSD");
    let running = br#"{"error":[],"result":{"XXBTZUSD":[[1790870280,"1","1","1","9","1","1",1],[1790870340,"1","1","1","5","1","1",1]],"last":1790870280}}"#;
    // By the venue's own clock the minute is over; its trades are asked all the same.
    let answer = exchange(200, running);
    let kraken = oracle_feeds::provider("kraken").unwrap();
    let planned = kraken.plan(&query(&s), std::slice::from_ref(&answer));
    assert!(format!("{:?}", planned.unwrap().target).contains("/0/public/Trades"));
    let trades = exchange(200, sample!("kraken/trades_ok.json"));
    let reading = interpret(&s, &[answer, trades]);
    assert_eq!(seen(&reading), ("61234.50000", T));
}

#[test]
fn zero_trade_bars_are_skipped_and_never_price_zero() {
    let s = source("kraken", "XBTUSD");
    let quiet = br#"{"error":[],"result":{"XXBTZUSD":[
        [1790870220,"5","5","5","5.5","5","1",3],
        [1790870280,"5.5","5.5","5.5","5.5","0.0","0.00000000",0],
        [1790870340,"0","0","0","0","0.0","0.00000000",0],
        [1790870400,"7","7","7","7","7","1",1]],"last":1790870340}}"#;
    assert_eq!(
        seen(&interpret(&s, &[exchange(200, quiet)])),
        ("5.5", T - 120)
    );
}

#[test]
fn coinbase_close_is_the_fifth_field() {
    let s = source("coinbase", "BTC-USD");
    let reading = interpret(&s, &[exchange(200, sample!("coinbase/candles_ok.json"))]);
    assert_eq!(seen(&reading), ("61236.12", T));
}

#[test]
fn coinbase_without_bars_and_trades_is_no_data() {
    let empty = exchange(200, sample!("coinbase/candles_empty.json"));
    let reading = interpret(&source("coinbase", "BTC-USD"), &[empty.clone(), empty]);
    assert_eq!(reading.verdict(), "no_data", "{}", reading.detail());
}

#[test]
fn coinbase_refusals_are_named() {
    let missing = sample!("coinbase/error_notfound.json");
    refused("coinbase", 404, missing, "permanent", "HTTP 404: NotFound");
    refused("coinbase", 200, missing, "permanent", "NotFound");
    let rate = sample!("coinbase/error_rate.json");
    refused(
        "coinbase",
        429,
        rate,
        "transient",
        "HTTP 429: Public rate limit",
    );
    for ticker in [
        sample!("coinbase/ticker_ok.json"),
        sample!("coinbase/ticker_stale.json"),
    ] {
        refused("coinbase", 200, ticker, "contradiction", "");
    }
}

#[test]
fn bitstamp_strings_are_read() {
    let s = source("bitstamp", "btcusd");
    let reading = interpret(&s, &[exchange(200, sample!("bitstamp/ohlc_ok.json"))]);
    assert_eq!(seen(&reading), ("61230", T));
}

#[test]
fn bitstamp_refusals_are_named() {
    let step = sample!("bitstamp/error_step.json");
    refused("bitstamp", 400, step, "permanent", "HTTP 400: 400.002");
    let ticker = sample!("bitstamp/ticker_ok.json");
    refused("bitstamp", 200, ticker, "contradiction", "data");
    let maintenance = br#"{"error":"We are undergoing scheduled maintenance"}"#;
    refused("bitstamp", 200, maintenance, "transient", "maintenance");
}

#[test]
fn gemini_candles_are_in_milliseconds() {
    let s = source("gemini", "btcusd");
    let reading = interpret(&s, &[exchange(200, sample!("gemini/candles_ok.json"))]);
    assert_eq!(seen(&reading), ("61233.4", T));
}

#[test]
fn gemini_trades_serve_when_candles_are_too_young() {
    let s = source("gemini", "btcusd");
    let young = exchange(200, b"[[1791043200000,1.5,1.5,1.5,1.5,0.1]]");
    let trades = exchange(200, sample!("gemini/trades_ok.json"));
    let end = exchange(200, b"[]");
    let reading = interpret(&s, &[young, trades, end]);
    assert_eq!(seen(&reading), ("61233.40", T));
}

#[test]
fn gemini_unknown_symbol_is_permanent() {
    let symbol = sample!("gemini/error_symbol.json");
    refused("gemini", 400, symbol, "permanent", "InvalidSymbol");
    refused("gemini", 200, symbol, "permanent", "InvalidSymbol");
}

#[test]
fn a_cut_body_is_transient_everywhere() {
    for provider in ["kraken", "coinbase", "bitstamp", "gemini"] {
        for body in [sample!("generic/truncated.json"), b"", b"<html></html>"] {
            refused(provider, 200, body, "transient", "");
        }
    }
}

#[test]
fn seconds_where_milliseconds_are_due_are_refused_and_the_reverse() {
    let wrong = b"[[1790870340,1.5,1.5,1.5,1.5,0.1]]";
    refused("gemini", 200, wrong, "contradiction", "");
    let wrong = b"[[1790870340000,1.5,1.5,1.5,1.5,0.1]]";
    refused("coinbase", 200, wrong, "contradiction", "unit");
}

#[test]
fn numbers_that_are_not_plain_decimals_are_refused() {
    for (close, detail) in [
        ("6.1e4", "exponent"),
        ("\"61234,5\"", "not a decimal"),
        ("\"NaN\"", "not a decimal"),
        ("12345678901234567890123456789", "digits"),
        ("null", "number"),
        ("-5", "not positive"),
        ("0", "not positive"),
    ] {
        let body = format!("[[1790870340,1,1,1,{close},2]]");
        refused("coinbase", 200, body.as_bytes(), "contradiction", detail);
    }
    let twice = br#"{"data":{"pair":"x","ohlc":[{"timestamp":"1790870340","close":"5","close":"6","volume":"1"}]}}"#;
    refused("bitstamp", 200, twice, "contradiction", "duplicate");
}

#[test]
fn two_different_bars_of_one_minute_contradict() {
    let body = b"[[1790870340,1,1,1,5,2],[1790870340,1,1,1,6,2]]";
    refused("coinbase", 200, body, "contradiction", "two different bars");
    let s = source("coinbase", "BTC-USD");
    let same = exchange(
        200,
        b"[[1790870400,1,1,1,1,1],[1790870280,1,1,1,4,2],[1790870340,1,1,1,5,2],[1790870340,1,1,1,5,2]]",
    );
    assert_eq!(seen(&interpret(&s, &[same])), ("5", T));
}

#[test]
fn generic_takes_one_match_not_later_than_t_and_not_stale() {
    let cases: [(&str, TimeUnit, &str, &str); 12] = [
        (
            r#"{"price":"0.00000412","ts":1790870399}"#,
            TimeUnit::S,
            "observation",
            "0.00000412",
        ),
        (
            r#"{"price":4.12e-06,"ts":1790870399000}"#,
            TimeUnit::Ms,
            "contradiction",
            "exponent",
        ),
        (
            r#"{"price":1.5,"ts":"2026-10-01T18:00:00+02:00"}"#,
            TimeUnit::Rfc3339,
            "observation",
            "1.5",
        ),
        (
            r#"{"price":"4.12e-06","ts":1790870399}"#,
            TimeUnit::S,
            "contradiction",
            "exponent",
        ),
        (
            r#"{"price":1.5,"ts":1790870400.001}"#,
            TimeUnit::S,
            "no_data",
            "after T",
        ),
        (
            r#"{"price":1.5,"ts":1790870400001}"#,
            TimeUnit::Ms,
            "no_data",
            "after T",
        ),
        (
            r#"{"price":1.5,"ts":1790869499}"#,
            TimeUnit::S,
            "no_data",
            "stale",
        ),
        (
            r#"{"price":1.5,"ts":1790870399}"#,
            TimeUnit::Ms,
            "contradiction",
            "unit",
        ),
        (
            r#"{"price":1.5,"ts":"yesterday"}"#,
            TimeUnit::Rfc3339,
            "contradiction",
            "time",
        ),
        (
            r#"{"ts":1790870399}"#,
            TimeUnit::S,
            "contradiction",
            "exactly once",
        ),
        (
            r#"{"price":1,"price":2,"ts":1790870399}"#,
            TimeUnit::S,
            "contradiction",
            "duplicate",
        ),
        (
            r#"{"price":0.0,"ts":1790870399}"#,
            TimeUnit::S,
            "contradiction",
            "not positive",
        ),
    ];
    for (body, unit, verdict, detail) in cases {
        let s = generic("http://x.test/?at={unix}", unit);
        let reading = interpret(&s, &[exchange(200, body.as_bytes())]);
        assert_eq!(reading.verdict(), verdict, "{body}: {}", reading.detail());
        assert!(
            reading.detail().contains(detail),
            "{body}: {}",
            reading.detail()
        );
    }
}

#[test]
fn generic_url_carries_t_in_seconds() {
    let s = generic("http://x.test/?at={unix}", TimeUnit::S);
    let planned = oracle_feeds::provider("generic")
        .unwrap()
        .plan(&query(&s), &[]);
    let target = format!("{:?}", planned.unwrap().target);
    assert_eq!(target, r#"Absolute("http://x.test/?at=1790870400")"#);
}

#[test]
fn an_answer_from_before_t_is_not_yet_whatever_it_holds() {
    let s = source("coinbase", "BTC-USD");
    let mut early = exchange(200, sample!("coinbase/candles_ok.json"));
    early.date = Some(crate::common::time(T - 1));
    assert_eq!(interpret(&s, &[early.clone()]).verdict(), "not_yet");
    early.date = None;
    early.sent_at = crate::common::time(T - 1);
    assert_eq!(interpret(&s, &[early]).verdict(), "not_yet");
}

#[test]
fn between_minutes_the_bar_ends_before_t() {
    let s = source("coinbase", "BTC-USD");
    let q = query_at(&s, T + 30);
    let reading = oracle_feeds::provider("coinbase")
        .unwrap()
        .interpret(&q, &[exchange(200, sample!("coinbase/candles_ok.json"))]);
    assert_eq!(seen(&reading), ("61236.12", T));
}

#[test]
fn a_symbol_that_is_no_plain_name_is_never_put_into_a_url() {
    let s = source("kraken", "XBTUSD&x=1");
    let kraken = oracle_feeds::provider("kraken").unwrap();
    assert_eq!(kraken.plan(&query(&s), &[]), None);
    assert_eq!(kraken.interpret(&query(&s), &[]).verdict(), "permanent");
}

#[test]
fn generic_answer_that_states_an_error_is_no_price() {
    let s = generic("http://x.test/", TimeUnit::S);
    let read = |error: &str| {
        let body = format!(r#"{{"error": {error}, "price": "0.25", "ts": {T}}}"#);
        interpret(&s, &[exchange(200, body.as_bytes())])
    };
    for error in [r#""stale""#, "true", "17", r#"["E"]"#, r#"{"code": 1}"#] {
        assert_eq!(read(error).verdict(), "transient", "{error}");
    }
    for none in ["null", "false", "0", r#""""#, "[]", "{}"] {
        assert_eq!(seen(&read(none)).0, "0.25", "{none}");
    }
}

#[test]
fn an_exponent_is_read_only_where_it_is_declared() {
    let mut s = generic("http://x.test/", TimeUnit::S);
    let answer = exchange(200, br#"{"price":4.12e-06,"ts":1790870399}"#);
    assert_eq!(
        interpret(&s, std::slice::from_ref(&answer)).verdict(),
        "contradiction"
    );
    s.selector.as_mut().unwrap().exponent = true;
    assert_eq!(seen(&interpret(&s, &[answer])), ("4.12e-06", T - 1));
}

#[test]
fn a_volume_with_an_exponent_is_a_volume() {
    let coinbase = source("coinbase", "BTC-USD");
    let body = br"[[1790870400,1,1,1,1,1],[1790870340,61234.1,61237.0,61235.0,61236.12,9e-08],[1790870280,1,1,1,1,1]]";
    let reading = interpret(&coinbase, &[exchange(200, body)]);
    assert_eq!(seen(&reading), ("61236.12", T));
    let gemini = source("gemini", "btcusd");
    let body = br"[[1790870400000,1,1,1,1,1],[1790870340000,61234.1,61237.0,61230.0,61233.4,0.771],[1790870280000,61234.1,61237.0,61230.0,61233.1,4.2E-4]]";
    let reading = interpret(&gemini, &[exchange(200, body)]);
    assert_eq!(seen(&reading), ("61233.4", T));
    let nothing =
        br"[[1790870400,1,1,1,1,1],[1790870340,1,1,1,2,0e-8],[1790870280,1,1,1,61000.5,1e-9]]";
    let reading = interpret(&coinbase, &[exchange(200, nothing)]);
    assert_eq!(seen(&reading), ("61000.5", T - 60));
    // What decides is as strict as ever.
    for bad in ["\"x\"", "-1", "null", "[1]"] {
        let body = format!("[[1790870340,1,1,1,61236.12,{bad}]]");
        refused("coinbase", 200, body.as_bytes(), "contradiction", "");
    }
    refused(
        "coinbase",
        200,
        b"[[1790870340,1,1,1,6e4,1]]",
        "contradiction",
        "close",
    );
    refused(
        "coinbase",
        200,
        b"[[1790870340,1,1,1,6]]",
        "contradiction",
        "no volume",
    );
}

#[test]
fn rows_that_do_not_count_may_be_of_any_shape() {
    // Before the window, older than the row that decides, after T.
    for odd in [
        "[1790865900,null,[],{},\"x\",9e-08]",
        "[1790870280,1e5,1e5,1e5,1e5,-3]",
        "[1790870280]",
        "[1790870400,1,1,1,null,null]",
    ] {
        let body = format!("[[1790870400],{odd},[1790870340,\"odd\",null,{{}},61236.12,0.771]]");
        let reading = interpret(
            &source("coinbase", "BTC-USD"),
            &[exchange(200, body.as_bytes())],
        );
        assert_eq!(seen(&reading), ("61236.12", T), "{odd}");
    }
}

#[test]
fn kraken_warnings_stand_beside_a_result() {
    let s = source("kraken", "XBTUSD");
    let body = std::str::from_utf8(sample!("kraken/ohlc_ok.json")).unwrap();
    let warned = body.replacen("[]", r#"["WQuery:Deprecated parameter"]"#, 1);
    assert_ne!(warned, body);
    let reading = interpret(&s, &[exchange(200, warned.as_bytes())]);
    assert_eq!(seen(&reading), ("61234.5", T));
    let both = body.replacen("[]", r#"["WQuery:Old","EService:Unavailable"]"#, 1);
    refused("kraken", 200, both.as_bytes(), "transient", "Unavailable");
    let alone = br#"{"error":["WGeneral:Danger"]}"#;
    refused("kraken", 200, alone, "transient", "Danger");
}

#[test]
fn content_older_than_t_is_no_price_of_t_whatever_date_a_cache_writes() {
    let s = source("kraken", "XBTUSD");
    let mut answer = exchange(200, sample!("kraken/ohlc_ok.json"));
    let sent = answer.sent_at.timestamp();
    answer
        .headers
        .push(("age".to_owned(), (sent - T).to_string()));
    assert_eq!(
        seen(&interpret(&s, std::slice::from_ref(&answer))),
        ("61234.5", T)
    );
    answer.headers.pop();
    answer
        .headers
        .push(("age".to_owned(), (sent - T + 3).to_string()));
    assert_eq!(interpret(&s, &[answer]).verdict(), "not_yet");
}
