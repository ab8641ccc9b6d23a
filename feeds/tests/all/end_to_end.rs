//! The fetcher and the adapters against the loopback venues.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use oracle_feeds::fetch::{ApiKey, Fetcher, ProviderSettings};
use oracle_feeds::loopback::{Fault, LoopbackVenues, price_path};
use oracle_feeds::{PriceQuery, Query, Rate, SourceReading};
use oracle_schema::policy::{SourcePolicy, TimeUnit};
use rust_decimal::Decimal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::common::{Stopped, T, d, generic, query, seen, source};

const VENUES: [(&str, &str); 4] = [
    ("kraken", "XBTUSD"),
    ("coinbase", "BTC-USD"),
    ("bitstamp", "btcusd"),
    ("gemini", "btcusd"),
];

struct World {
    venues: LoopbackVenues,
    fetcher: Fetcher,
    time: Stopped,
}

/// Distinct prices a minute and a venue.
#[allow(clippy::unnecessary_wraps, reason = "the shape of PriceFn")]
fn market(venue: &str, symbol: &str, open: i64) -> Option<Decimal> {
    Some(price_path(venue, symbol, d("61234.50"), open))
}

async fn world() -> World {
    let time = Stopped::at(T + 61);
    let names = ["kraken", "coinbase", "bitstamp", "gemini", "venue-a"];
    let ports: Vec<(&str, u16)> = names.iter().map(|n| (*n, 0)).collect();
    let venues = LoopbackVenues::start(&ports, Arc::new(time.clone()), Arc::new(market))
        .await
        .unwrap();
    let settings: BTreeMap<String, ProviderSettings> = LoopbackVenues::BUILT_IN
        .iter()
        .map(|name| {
            let entry = ProviderSettings {
                base_url: venues.base_url(name),
                timeout: Duration::from_secs(20),
                rate: Some(Rate::per_second(1000)),
                ..ProviderSettings::default()
            };
            ((*name).to_owned(), entry)
        })
        .collect();
    let fetcher = Fetcher::new(settings, Arc::new(time.clone())).unwrap();
    World {
        venues,
        fetcher,
        time,
    }
}

async fn observe(world: &World, venue: &str) -> SourceReading {
    let symbol = VENUES.iter().find(|(v, _)| *v == venue).unwrap().1;
    world.fetcher.observe(&query(&source(venue, symbol))).await
}

async fn everyone_fixes_t(world: &World) {
    for (venue, symbol) in VENUES {
        let read = observe(world, venue).await;
        let close = market(venue, symbol, T - 60).unwrap();
        let (literal, at) = seen(&read.reading);
        assert_eq!((literal.parse(), at), (Ok(close), T), "{venue}");
        let last = read.exchanges.last().unwrap();
        assert!(last.sha256.is_some() && last.date.is_some());
    }
}

#[tokio::test]
async fn every_venue_fixes_t_a_minute_later() {
    everyone_fixes_t(&world().await).await;
}

#[tokio::test]
async fn every_venue_fixes_t_thirteen_hours_later() {
    let world = world().await;
    world.time.set(T + 13 * 3600);
    everyone_fixes_t(&world).await;
    let requests = world.venues.requests();
    assert!(
        requests
            .iter()
            .any(|r| r.path_and_query.contains("/Trades"))
    );
}

#[tokio::test]
async fn every_venue_fixes_t_three_days_later() {
    let world = world().await;
    world.time.set(T + 3 * 86_400);
    everyone_fixes_t(&world).await;
    let requests = world.venues.requests();
    assert!(
        requests
            .iter()
            .any(|r| r.path_and_query.contains("/v1/trades"))
    );
}

fn at_venue_a(world: &World) -> SourcePolicy {
    let url = world.venues.generic_url("venue-a", "ppcbtc").unwrap();
    generic(&format!("{url}&api_key=s3cret"), TimeUnit::S)
}

#[tokio::test]
async fn a_generic_source_fixes_t_and_its_secret_stays_out_of_the_record() {
    let world = world().await;
    let source = at_venue_a(&world);
    let read = world.fetcher.observe(&query(&source)).await;
    let close = market("venue-a", "ppcbtc", T - 60).unwrap();
    let (literal, at) = seen(&read.reading);
    assert_eq!((literal.parse(), at), (Ok(close), T));
    assert!(!format!("{read:?}").contains("s3cret"));
    let asked = &world.venues.requests()[0].path_and_query;
    assert_eq!(asked, &format!("/ppcbtc?at={T}&api_key=s3cret"));
}

#[tokio::test]
async fn before_t_nothing_is_sent() {
    let world = world().await;
    world.time.set(T - 1);
    for (venue, _) in VENUES {
        assert_eq!(observe(&world, venue).await.reading.verdict(), "not_yet");
    }
    assert_eq!(world.venues.requests(), []);
}

#[tokio::test]
async fn every_fault_is_recorded_as_what_it_is() {
    let world = world().await;
    let cases = [
        (Fault::Down, "transient", ""),
        (Fault::ErrorBody200, "transient", "ava"),
        (Fault::Http(503), "transient", "HTTP 503"),
        (Fault::Http(403), "permanent", "HTTP 403"),
        (Fault::Html, "transient", "not JSON"),
        (Fault::Empty, "transient", "empty"),
        (Fault::Truncated, "transient", "truncated"),
        (Fault::TooLarge, "transient", "too large"),
        (Fault::Redirect, "permanent", "redirect"),
        (
            Fault::ClockSkew(TimeDelta::minutes(-5)),
            "not_yet",
            "before T",
        ),
    ];
    for (fault, verdict, detail) in cases {
        for venue in ["kraken", "coinbase"] {
            world.venues.set_fault(venue, Some(fault.clone()));
            let reading = observe(&world, venue).await.reading;
            assert_eq!(
                reading.verdict(),
                verdict,
                "{fault:?}: {}",
                reading.detail()
            );
            assert!(
                reading.detail().contains(detail),
                "{fault:?}: {}",
                reading.detail()
            );
            world.venues.set_fault(venue, None);
        }
    }
    everyone_fixes_t(&world).await;
}

#[tokio::test]
async fn too_many_requests_says_when_to_come_back() {
    let world = world().await;
    world.venues.set_fault("gemini", Some(Fault::Http(429)));
    let reading = observe(&world, "gemini").await.reading;
    let oracle_feeds::Reading::Transient { retry_after, .. } = reading else {
        panic!("{reading:?}");
    };
    assert_eq!(retry_after, Some(Duration::from_secs(7)));
    // The host is left alone, whatever else it is asked, until then.
    world.venues.set_fault("gemini", None);
    let asked = world.venues.requests().len();
    let other = source("gemini", "ethusd");
    let read = world.fetcher.observe(&query(&other)).await;
    let oracle_feeds::Reading::Transient { retry_after, .. } = &read.reading else {
        panic!("{:?}", read.reading);
    };
    assert!(
        *retry_after >= Some(Duration::from_secs(7)),
        "{retry_after:?}"
    );
    assert!(read.exchanges.is_empty());
    assert_eq!(world.venues.requests().len(), asked);
    world.time.set(T + 61 + 7);
    assert_eq!(
        observe(&world, "gemini").await.reading.verdict(),
        "observation"
    );
}

#[tokio::test]
async fn a_slow_venue_is_a_recorded_timeout() {
    let world = world().await;
    let settings = ProviderSettings {
        base_url: world.venues.base_url("bitstamp"),
        timeout: Duration::from_millis(50),
        ..ProviderSettings::default()
    };
    let settings = BTreeMap::from([("bitstamp".to_owned(), settings)]);
    let hasty = Fetcher::new(settings, Arc::new(world.time.clone())).unwrap();
    let hour = Duration::from_hours(1);
    world.venues.set_fault("bitstamp", Some(Fault::Slow(hour)));
    let source = source("bitstamp", "btcusd");
    let read = hasty.observe(&query(&source)).await;
    assert_eq!(read.exchanges[0].failure.as_deref(), Some("timeout"));
    assert_eq!(read.reading.verdict(), "transient");
}

#[tokio::test]
async fn a_minute_without_trades_yields_the_bar_before() {
    let world = world().await;
    for (venue, _) in VENUES {
        world.venues.set_fault(venue, Some(Fault::MissingBar));
        let reading = observe(&world, venue).await.reading;
        assert_eq!(seen(&reading).1, T - 60, "{venue}");
    }
}

#[tokio::test]
async fn late_bars_are_no_silence_and_trades_tell_the_price() {
    let world = world().await;
    let late = Fault::LateCandles(Duration::from_mins(5));
    for (venue, _) in VENUES {
        world.venues.set_fault(venue, Some(late.clone()));
    }
    everyone_fixes_t(&world).await;
    let requests = world.venues.requests();
    for asked in ["/0/public/Trades", "/trades?limit=1000", "/transactions/"] {
        let of_it = |r: &oracle_feeds::loopback::RecordedRequest| r.path_and_query.contains(asked);
        assert!(requests.iter().any(of_it), "{asked}");
    }
}

#[tokio::test]
async fn a_quiet_window_is_no_data_and_paging_is_bounded() {
    let time = Stopped::at(T + 3 * 86_400);
    let ports: Vec<(&str, u16)> = VENUES.iter().map(|(n, _)| (*n, 0)).collect();
    let recent = |_: &str, _: &str, open: i64| (open > T + 86_400).then(|| d("5"));
    let venues = LoopbackVenues::start(&ports, Arc::new(time.clone()), Arc::new(recent))
        .await
        .unwrap();
    for (venue, symbol) in VENUES {
        let entry = ProviderSettings {
            base_url: venues.base_url(venue),
            rate: Some(Rate::per_second(1000)),
            ..ProviderSettings::default()
        };
        let settings = BTreeMap::from([(venue.to_owned(), entry)]);
        let fetcher = Fetcher::new(settings, Arc::new(time.clone())).unwrap();
        let source = source(venue, symbol);
        let wide = Query::Price(PriceQuery {
            source: &source,
            at: T,
            max_trade_age_s: 12 * 3600,
            sample_from_s: None,
        });
        let read = fetcher.observe(&wide).await;
        assert_eq!(
            read.reading.verdict(),
            "no_data",
            "{venue}: {:?}",
            read.reading
        );
        assert!(read.exchanges.len() <= oracle_feeds::provider::MAX_REQUESTS);
    }
}

/// Answers one request with a body; its head.
async fn one_request(listener: TcpListener, status: &str, body: &str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\
         age: 180\r\netag: \"s3/cret\"\r\n\r\n{body}",
        body.len()
    );
    // Whoever has read enough closes.
    let _ = stream.write_all(answer.as_bytes()).await;
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_key_goes_to_its_own_host_in_its_own_header_and_nowhere_else() {
    for own in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("http://{}", listener.local_addr().unwrap());
        let elsewhere = "http://127.0.0.1:1".to_owned();
        let settings = ProviderSettings {
            base_url: Some(if own { here.clone() } else { elsewhere }),
            api_key: ApiKey::new("s3cret"),
            api_key_header: "x-key".parse().ok(),
            ..ProviderSettings::default()
        };
        let source = generic(&format!("{here}/?at={{unix}}"), TimeUnit::S);
        let settings = BTreeMap::from([(source.symbol.clone(), settings)]);
        let fetcher = Fetcher::new(settings, Arc::new(Stopped::at(T + 300))).unwrap();
        let asked = query(&source);
        let (head, read) = tokio::join!(
            one_request(listener, "200 OK", "{}"),
            fetcher.observe(&asked)
        );
        assert_eq!(head.contains("x-key: s3cret"), own, "{head}");
        assert_eq!(head.contains("s3cret"), own, "{head}");
        assert_eq!(read.reading.verdict(), "contradiction");
        assert!(!format!("{read:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn an_answer_that_repeats_the_key_is_not_kept() {
    for (status, body) in [
        (
            "400 Bad Request",
            r#"{"message": "token s3/cret is invalid"}"#,
        ),
        ("200 OK", r#"{"price": "0.25", "ts": 0, "for": "s3\/cret"}"#),
        // What the adapter decodes, and would say of a value it cannot read.
        ("200 OK", r#"{"price": "s3\u002Fcret", "ts": 0}"#),
        ("200 OK", r#"{"price": "s3\u002F\u0063\u0072et", "ts": 0}"#),
        ("200 OK", r#"{"price": "0.25", "ts": "s3%2Fcret"}"#),
        ("200 OK", r#"{"price": "0.25", "ts": "s3&sol;cret"}"#),
        (
            "200 OK",
            r#"{"price": "0.25", "ts": 0, "b": "eHM2L2M6czMvY3JldA=="}"#,
        ),
        (
            "200 OK",
            r#"{"price": "0.25", "ts": 0, "h": "73332F63726574"}"#,
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("http://{}", listener.local_addr().unwrap());
        let settings = ProviderSettings {
            base_url: Some(here.clone()),
            api_key: ApiKey::new("s3/cret"),
            api_key_header: "x-key".parse().ok(),
            ..ProviderSettings::default()
        };
        let source = generic(&format!("{here}/?at={{unix}}"), TimeUnit::S);
        let settings = BTreeMap::from([(source.symbol.clone(), settings)]);
        let fetcher = Fetcher::new(settings, Arc::new(Stopped::at(T + 300))).unwrap();
        let asked = query(&source);
        let (_, read) = tokio::join!(one_request(listener, status, body), fetcher.observe(&asked));
        assert_eq!(read.reading.verdict(), "transient");
        assert!(read.reading.detail().contains("repeats the API key"));
        assert_eq!(read.exchanges[0].body, b"");
        assert!(!format!("{read:?}").contains("cret"), "{read:?}");
    }
}

#[tokio::test]
async fn an_answer_longer_than_its_adapter_needs_is_not_read() {
    for (mib, verdict) in [(1, "contradiction"), (3, "transient")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("http://{}", listener.local_addr().unwrap());
        let source = generic(&format!("{here}/?at={{unix}}"), TimeUnit::S);
        let fetcher = Fetcher::new(BTreeMap::new(), Arc::new(Stopped::at(T + 300))).unwrap();
        let body = format!("{{\"a\":\"{}\"}}", "x".repeat(mib << 20));
        let asked = query(&source);
        let (_, read) = tokio::join!(
            one_request(listener, "200 OK", &body),
            fetcher.observe(&asked)
        );
        assert_eq!(read.reading.verdict(), verdict, "{}", read.reading.detail());
        assert_eq!(read.exchanges[0].body.is_empty(), verdict == "transient");
    }
}

#[tokio::test]
async fn caches_are_asked_to_ask_their_origin_and_the_age_of_what_they_hold_is_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = format!("http://{}", listener.local_addr().unwrap());
    let source = generic(&format!("{here}/?at={{unix}}"), TimeUnit::S);
    let fetcher = Fetcher::new(BTreeMap::new(), Arc::new(Stopped::at(T + 300))).unwrap();
    let asked = query(&source);
    let (head, read) = tokio::join!(
        one_request(listener, "200 OK", "{}"),
        fetcher.observe(&asked)
    );
    assert!(head.contains("cache-control: no-cache\r\n"), "{head}");
    assert_eq!(read.exchanges[0].age_s(), 180);
}

#[tokio::test]
async fn a_host_is_asked_for_the_time_without_a_key_and_whatever_it_answers_tells_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = format!("http://{}", listener.local_addr().unwrap());
    let settings = ProviderSettings {
        base_url: Some(here.clone()),
        api_key: ApiKey::new("s3cret"),
        api_key_header: "x-key".parse().ok(),
        ..ProviderSettings::default()
    };
    let settings = BTreeMap::from([("entry".to_owned(), settings)]);
    let time = Stopped::at(T + 300);
    let fetcher = Fetcher::new(settings, Arc::new(time.clone())).unwrap();
    assert_eq!(fetcher.origin_of("entry"), Some(here));
    assert_eq!(fetcher.origin_of("unknown"), None);
    assert_eq!(fetcher.ask_time("unknown").await, None);
    let (head, told) = tokio::join!(
        one_request(listener, "401 Unauthorized", ""),
        fetcher.ask_time("entry")
    );
    assert!(head.starts_with("HEAD / HTTP/1.1\r\n"), "{head}");
    assert!(!head.contains("s3cret"), "{head}");
    assert_eq!(told, None, "no Date");

    let world = world().await;
    let ahead = TimeDelta::hours(-1);
    for (fault, ahead_s) in [
        (None, Some(0)),
        (Some(Fault::Http(404)), Some(0)),
        (Some(Fault::TooLarge), Some(0)),
        (Some(Fault::Cached(180)), Some(0)),
        (Some(Fault::ClockSkew(ahead)), Some(3600)),
        (Some(Fault::Dateless), None),
        (Some(Fault::Down), None),
        // It asks for 7 s of rest, which says nothing of questions for data.
        (Some(Fault::Http(429)), Some(0)),
        (None, Some(0)),
    ] {
        world.venues.set_fault("kraken", fault.clone());
        let told = world.fetcher.ask_time("kraken").await;
        assert_eq!(told, ahead_s, "{fault:?}");
    }
    assert_eq!(world.venues.requests(), [], "no price was asked for");
    assert!(!world.venues.asked_time().is_empty());
}
