//! A missing newest bar is "no trade" only of a venue that has moved past T.

use oracle_feeds::{Exchange, PriceQuery, Provider, Query, Reading, Target, provider};
use oracle_schema::policy::SourcePolicy;

use crate::common::{T, exchange, interpret, query, seen, source};

/// The two that list their newest trades beside bars by time.
const RECENT: [(&str, &str); 2] = [("coinbase", "BTC-USD"), ("bitstamp", "btcusd")];
/// The two whose history of trades is walked through.
const WALKED: [(&str, &str); 2] = [("kraken", "XBTUSD"), ("gemini", "btcusd")];

/// Bars of a venue, each an open (relative to T) and a close; all have trades.
fn bars(venue: &str, rows: &[(i64, &str)]) -> Exchange {
    let row = |(open, close): &(i64, &str)| {
        let open = T + open;
        match venue {
            "kraken" => format!(r#"[{open},"1","1","1","{close}","1","1",1]"#),
            "coinbase" => format!("[{open},1,1,1,{close},1]"),
            "gemini" => format!("[{open}000,1,1,1,{close},1]"),
            _ => format!(r#"{{"timestamp":"{open}","close":"{close}","volume":"1"}}"#),
        }
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    let rows = rows.join(",");
    let body = match venue {
        "kraken" => format!(r#"{{"error":[],"result":{{"XXBTZUSD":[{rows}],"last":1}}}}"#),
        "bitstamp" => format!(r#"{{"data":{{"pair":"x","ohlc":[{rows}]}}}}"#),
        _ => format!("[{rows}]"),
    };
    exchange(200, body.as_bytes())
}

/// Trades of a venue, each a second (relative to T) and a price, oldest first.
fn trades(venue: &str, rows: &[(i64, &str)]) -> Exchange {
    let row = |(id, (at, price)): (usize, &(i64, &str))| {
        let at = T + at;
        let time = crate::common::time(at).to_rfc3339();
        match venue {
            "kraken" => format!(r#"["{price}","1",{at}.5,"b","l","",{id}]"#),
            "coinbase" => format!(r#"{{"time":"{time}","trade_id":{id},"price":"{price}"}}"#),
            "gemini" => format!(r#"{{"timestampms":{at}000,"tid":{id},"price":"{price}"}}"#),
            _ => format!(r#"{{"date":"{at}","tid":"{id}","price":"{price}"}}"#),
        }
    };
    let mut all: Vec<String> = rows.iter().enumerate().map(row).collect();
    if venue != "kraken" {
        all.reverse();
    }
    let all = all.join(",");
    let last = rows.last().map_or(0, |(at, _)| T + at);
    let body = match venue {
        "kraken" => {
            format!(r#"{{"error":[],"result":{{"XXBTZUSD":[{all}],"last":"{last}500000000"}}}}"#)
        }
        _ => format!("[{all}]"),
    };
    exchange(200, body.as_bytes())
}

fn without_date(answer: &Exchange) -> Exchange {
    Exchange {
        date: None,
        ..answer.clone()
    }
}

fn of(venue: (&str, &str)) -> (SourcePolicy, &'static dyn Provider) {
    (source(venue.0, venue.1), provider(venue.0).unwrap())
}

/// The path that is asked next.
fn next(source: &SourcePolicy, done: &[Exchange]) -> Option<String> {
    let adapter = provider(&source.provider).unwrap();
    adapter.plan(&query(source), done).map(|r| match r.target {
        Target::Path(path) => path,
        Target::Absolute(url) => url,
    })
}

#[track_caller]
fn lags(source: &SourcePolicy, done: &[Exchange]) {
    assert_eq!(next(source, done), None, "{}", source.id);
    let reading = interpret(source, done);
    assert!(
        matches!(reading, Reading::Lagging(_)),
        "{}: {reading:?}",
        source.id
    );
}

#[track_caller]
fn says(source: &SourcePolicy, done: &[Exchange], price: &str, at: i64) {
    assert_eq!(next(source, done), None, "{}", source.id);
    assert_eq!(
        seen(&interpret(source, done)),
        (price, T + at),
        "{}",
        source.id
    );
}

#[test]
fn bars_are_asked_for_beyond_t_and_no_further_than_a_request_may_cover() {
    let (coinbase, _) = of(RECENT[0]);
    let (bitstamp, _) = of(RECENT[1]);
    assert_eq!(
        next(&coinbase, &[]).unwrap(),
        "/products/BTC-USD/candles?granularity=60\
         &start=2026-10-01T15:44:00Z&end=2026-10-01T17:00:00Z"
    );
    assert_eq!(
        next(&bitstamp, &[]).unwrap(),
        format!(
            "/api/v2/ohlc/btcusd/?step=60&start={}&end={}&limit=77",
            T - 960,
            T + 3600
        )
    );
    // A window of a day takes pages, the newest first.
    for (venue, rows) in RECENT.into_iter().zip([300, 1000]) {
        let (source, adapter) = of(venue);
        let wide = Query::Price(PriceQuery {
            source: &source,
            at: T,
            max_trade_age_s: 86_400,
            sample_from_s: None,
        });
        let mut done = Vec::new();
        let mut paths = Vec::new();
        while let Some(request) = adapter.plan(&wide, &done) {
            paths.push(format!("{:?}", request.target));
            done.push(bars(venue.0, &[(0, "9")]));
        }
        let minutes = 86_400 / 60 + 61;
        assert_eq!(paths.len(), (minutes + rows - 2) / (rows - 1), "{paths:?}");
        paths.dedup();
        assert_eq!(paths.len(), done.len());
        assert_eq!(adapter.interpret(&wide, &done).verdict(), "no_data");
    }
}

#[test]
fn a_later_bar_shows_that_a_missing_one_had_no_trade() {
    for venue in RECENT.into_iter().chain(WALKED) {
        let (source, _) = of(venue);
        says(
            &source,
            &[bars(venue.0, &[(-180, "5.5"), (0, "9")])],
            "5.5",
            -120,
        );
        says(
            &source,
            &[bars(venue.0, &[(-180, "5.5"), (600, "9")])],
            "5.5",
            -120,
        );
    }
}

#[test]
fn without_a_later_bar_trades_are_asked_for_once() {
    let asked = |venue| {
        let (source, _) = of(venue);
        next(&source, &[bars(venue.0, &[(-180, "5.5"), (-240, "4")])]).unwrap()
    };
    assert_eq!(asked(RECENT[0]), "/products/BTC-USD/trades?limit=1000");
    assert_eq!(asked(RECENT[1]), "/api/v2/transactions/btcusd/?time=hour");
    assert!(asked(WALKED[0]).starts_with("/0/public/Trades?pair=XBTUSD&since="));
    assert!(asked(WALKED[1]).starts_with("/v1/trades/btcusd?timestamp="));
}

#[test]
fn the_newest_bar_may_be_the_running_one_and_needs_proof_too() {
    for venue in RECENT.into_iter().chain(WALKED) {
        let (source, _) = of(venue);
        let running = bars(venue.0, &[(-60, "5.5")]);
        assert!(next(&source, std::slice::from_ref(&running)).is_some());
        let trades = trades(
            venue.0,
            &[(-70, "5"), (-30, "5.25"), (-1, "5.75"), (1, "9")],
        );
        says(&source, &[running, trades], "5.75", 0);
    }
}

#[test]
fn trades_after_t_tell_that_bars_are_late_and_the_one_before_is_the_price() {
    for venue in RECENT.into_iter().chain(WALKED) {
        let (source, _) = of(venue);
        let bars = bars(venue.0, &[(-300, "5.5")]);
        let list = trades(venue.0, &[(-70, "5"), (-20, "6"), (-10, "7"), (5, "9")]);
        says(&source, &[bars.clone(), list.clone()], "7", 0);
        // The list shows it itself: no clock is needed.
        says(&source, &[bars, without_date(&list)], "7", 0);
    }
}

#[test]
fn trades_that_begin_after_t_say_nothing_of_it() {
    for venue in RECENT {
        let (source, _) = of(venue);
        let list = trades(venue.0, &[(5, "9"), (6, "9")]);
        lags(&source, &[bars(venue.0, &[(-300, "5.5")]), list.clone()]);
        lags(&source, &[bars(venue.0, &[]), list]);
    }
}

#[test]
fn asked_long_after_t_later_bars_are_asked_for_where_the_trades_are() {
    for venue in RECENT {
        let (source, _) = of(venue);
        let old = bars(venue.0, &[(-300, "5.5")]);
        let list = trades(venue.0, &[(9000, "9"), (9100, "9")]);
        let asked = next(&source, &[old.clone(), list.clone()]).unwrap();
        assert!(asked.contains("cand") || asked.contains("ohlc"), "{asked}");
        let proof = bars(venue.0, &[(9000, "9")]);
        says(&source, &[old.clone(), list.clone(), proof], "5.5", -240);
        lags(&source, &[old, list, bars(venue.0, &[])]);
    }
}

#[test]
fn silence_is_believed_by_the_venues_own_clock_only() {
    for venue in RECENT {
        let (source, _) = of(venue);
        let list = trades(venue.0, &[(-200, "6"), (-130, "7")]);
        for old in [bars(venue.0, &[(-300, "5.5")]), bars(venue.0, &[])] {
            says(&source, &[old.clone(), list.clone()], "7", -120);
            lags(&source, &[old, without_date(&list)]);
        }
    }
    for venue in WALKED {
        let (source, _) = of(venue);
        let old = bars(venue.0, &[(-300, "5.5")]);
        let none = trades(venue.0, &[]);
        let wider = trades(venue.0, &[(-200, "6"), (-130, "7")]);
        let done = [old.clone(), none.clone(), wider.clone(), none.clone()];
        says(&source, &done, "7", -120);
        lags(&source, &[old.clone(), without_date(&none)]);
        lags(&source, &[old, none.clone(), wider, without_date(&none)]);
    }
}

#[test]
fn an_empty_list_leaves_the_bars_to_decide() {
    for venue in RECENT {
        let (source, _) = of(venue);
        let none = trades(venue.0, &[]);
        // Bars of the last hour have a trade that the list should have.
        lags(&source, &[bars(venue.0, &[(-300, "5.5")]), none.clone()]);
        lags(
            &source,
            &[bars(venue.0, &[(-300, "5.5")]), without_date(&none)],
        );
        let reading = interpret(&source, &[bars(venue.0, &[]), none]);
        assert_eq!(reading.verdict(), "no_data");
    }
}

#[test]
fn trades_that_lack_what_the_bars_have_are_late_themselves() {
    for venue in RECENT {
        let (source, _) = of(venue);
        let newer = bars(venue.0, &[(-180, "5.5")]);
        for rows in [
            &[(-400, "6"), (-300, "7")][..],
            &[(-400, "6"), (-300, "7"), (5, "9")][..],
            &[(-5000, "6"), (5, "9")][..],
        ] {
            lags(&source, &[newer.clone(), trades(venue.0, rows)]);
        }
    }
    for venue in WALKED {
        let (source, _) = of(venue);
        let newer = bars(venue.0, &[(-180, "5.5")]);
        let old = trades(venue.0, &[(-400, "6"), (-300, "7"), (5, "9")]);
        lags(&source, &[newer, trades(venue.0, &[(5, "9")]), old]);
    }
}

#[test]
fn a_list_that_spans_the_window_and_has_no_trade_in_it_shows_that_there_was_none() {
    for venue in RECENT {
        let (source, _) = of(venue);
        for rows in [&[(-5000, "6"), (5, "9")][..], &[(-5000, "6")][..]] {
            let done = [bars(venue.0, &[]), trades(venue.0, rows)];
            assert_eq!(next(&source, &done), None);
            assert_eq!(interpret(&source, &done).verdict(), "no_data");
        }
    }
}

#[test]
fn what_cannot_be_read_in_a_list_of_trades_is_refused() {
    let (source, _) = of(RECENT[0]);
    for row in [
        r#"{"time":"soon","trade_id":1,"price":"5"}"#,
        r#"{"time":1790870399,"trade_id":1,"price":"5"}"#,
        r#"{"time":"2026-10-01T15:59:59Z","trade_id":1,"price":"5e1"}"#,
        r#"{"time":"2026-10-01T15:59:59Z","trade_id":1,"price":"0"}"#,
        r#"{"time":"2026-10-01T15:59:59Z","trade_id":"x","price":"5"}"#,
        r#"{"time":"2024-10-01T15:59:59Z","trade_id":1,"price":"5"}"#,
        r#"{"time":"2026-10-01T15:59:59Z","price":"5"}"#,
    ] {
        let list = exchange(200, format!("[{row}]").as_bytes());
        let reading = interpret(&source, &[bars("coinbase", &[]), list]);
        assert_eq!(reading.verdict(), "contradiction", "{row}");
    }
    let busy = exchange(503, b"{}");
    let reading = interpret(&source, &[bars("coinbase", &[]), busy]);
    assert_eq!(reading.verdict(), "transient");
}
