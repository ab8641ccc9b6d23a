//! Venues whose bars are late, and venues where nothing trades: told apart by what
//! they show of having moved past the maturity.

use oracle_client::EventState;
use oracle_client::replay::{Conclusion, Report};
use oracle_feeds::loopback::Fault;
use oracle_tests::database::Backend;
use oracle_tests::market::btcusd_fixing_cents;
use oracle_tests::world::{World, event_id};
use serde_json::{Value, json};

use crate::evidence::bundle;
use crate::series::{CENTS, MATURITY, SETTLED};

laws! {
    a_venue_whose_bars_are_late_is_in_the_price_once_it_has_caught_up,
    a_silent_pair_is_attested_from_its_last_trades,
    a_venue_that_stays_late_is_left_out_when_max_lag_is_over,
    trades_after_the_maturity_stand_in_for_late_bars,
    numbers_in_rows_that_do_not_count_change_nothing,
}

/// The maturity of the samples.
const SAMPLED: i64 = 1_790_870_400;
const LATE: &str = include_str!("../../feeds/samples/coinbase/candles_late.json");
const CAUGHT_UP: &str = include_str!("../../feeds/samples/coinbase/candles_caught_up.json");

/// A price of these venues, and an event of it in cents.
fn priced(sources: &[&str], min_sources: u32, more: &str) -> String {
    format!(
        "[price.lagusd]\nmethod = \"close1m_median\"\nsources = {sources:?}\n\
         min_sources = {min_sources}\nmax_deviation = \"0.5%\"\nmax_trade_age = \"15m\"\n\
         settle_delay = \"60s\"\n{more}\n{}",
        CENTS.replace("price = \"btcusd\"", "price = \"lagusd\"")
    )
}

/// Bars of Coinbase: the sample's, moved to the maturity here.
fn candles(world: &World, sample: &str) {
    let mut rows: Vec<Vec<Value>> = serde_json::from_str(sample).unwrap();
    for row in &mut rows {
        row[0] = json!(row[0].as_i64().unwrap() - SAMPLED + MATURITY);
    }
    let body = json!(rows).to_string();
    world
        .venues
        .set_answer("coinbase", "/products/BTC-USD/candles", body);
}

/// Trades of Coinbase at these milliseconds from the maturity, newest first.
fn trades(world: &World, rows: &[(i64, &str)]) {
    let row = |(ms, price): &(i64, &str)| {
        let at = chrono::DateTime::from_timestamp_millis(MATURITY * 1000 + ms).unwrap();
        json!({"trade_id": 86_000_000 + ms, "side": "sell", "size": "0.01", "price": price,
            "time": at.to_rfc3339()})
    };
    let rows: Vec<Value> = rows.iter().map(row).collect();
    let body = json!(rows).to_string();
    world
        .venues
        .set_answer("coinbase", "/products/BTC-USD/trades", body);
}

/// Bars of Bitstamp: opens from the maturity, and closes.
fn ohlc(world: &World, rows: &[(i64, &str)]) {
    let row = |(open, close): &(i64, &str)| {
        json!({"timestamp": (MATURITY + open).to_string(), "open": close, "high": close,
            "low": close, "close": close, "volume": "0.31100344"})
    };
    let rows: Vec<Value> = rows.iter().map(row).collect();
    let body = json!({"data": {"pair": "BTC/USD", "ohlc": rows}}).to_string();
    world
        .venues
        .set_answer("bitstamp", "/api/v2/ohlc/btcusd/", body);
}

async fn event(world: &World) -> (EventState, Option<String>, String) {
    let event = world.event(&event_id("btc-cents", MATURITY)).await;
    (event.state, event.outcome, event.reason.unwrap_or_default())
}

/// The event's attempts until `end`, each when the service itself wants it.
async fn attempts_until(world: &mut World, end: i64) -> usize {
    let id = event_id("btc-cents", MATURITY);
    let mut attempts = 0;
    while let Some(next) = world.event(&id).await.next_attempt_at {
        // Times of events are whole seconds, those of attempts are not.
        let next = (next.timestamp() + 1).max(world.now() + 1);
        if next >= end {
            break;
        }
        world.at(next).await;
        attempts += 1;
    }
    attempts
}

/// The published evidence of the event, and what it replays to.
async fn replayed(world: &World) -> (Vec<Value>, Report) {
    let id = event_id("btc-cents", MATURITY);
    let evidence = world.json(&format!("/v1/events/{id}/evidence")).await;
    let rows = evidence["observations"].as_array().unwrap().clone();
    let report = bundle(world, &id).await.replay().unwrap();
    assert_eq!(report.conclusion(), Conclusion::Reproduced, "{report:#?}");
    (rows, report)
}

/// What the rows of a source say, in order.
fn verdicts(rows: &[Value], source: &str) -> Vec<String> {
    let own = rows.iter().filter(|row| row["source"] == source);
    own.map(|row| row["verdict"].as_str().unwrap().to_owned())
        .collect()
}

async fn a_venue_whose_bars_are_late_is_in_the_price_once_it_has_caught_up(backend: Backend) {
    let two = priced(
        &["coinbase:BTC-USD", "bitstamp:btcusd"],
        1,
        "max_lag = \"10m\"",
    );
    let mut world = World::new(backend, &two).await;
    ohlc(&world, &[(-60, "61230"), (0, "61231")]);
    candles(&world, LATE);
    // So busy that the newest trades all came after the maturity.
    trades(&world, &[(41_205, "61237.01"), (3860, "61236.90")]);
    world.at(SETTLED).await;
    let (state, outcome, reason) = event(&world).await;
    assert_eq!((state, outcome), (EventState::Matured, None));
    assert!(reason.contains("coinbase:BTC-USD"), "{reason}");
    assert!(reason.contains("moved past maturity"), "{reason}");
    assert!(attempts_until(&mut world, MATURITY + 420).await > 4);
    assert_eq!(
        event(&world).await.1,
        None,
        "five missing bars are not silence"
    );
    candles(&world, CAUGHT_UP);
    world.at(MATURITY + 480).await;
    let (state, outcome, _) = event(&world).await;
    // (61236.12 + 61230) / 2
    let mean = Some("6123306".to_owned());
    assert_eq!((state, outcome), (EventState::Attested, mean));
    let (rows, report) = replayed(&world).await;
    assert_eq!(report.outcome.as_deref(), Some("6123306"));
    let verdicts = verdicts(&rows, "coinbase:BTC-USD");
    let (last, before) = verdicts.split_last().unwrap();
    assert_eq!(last, "observation");
    assert!(before.iter().all(|v| v == "not_yet"), "{verdicts:?}");
    let marked = |row: &&Value| row["fact"] == json!({"lagging": true});
    assert_eq!(rows.iter().filter(marked).count(), before.len());
}

async fn a_silent_pair_is_attested_from_its_last_trades(backend: Backend) {
    let two = priced(
        &["coinbase:BTC-USD", "bitstamp:btcusd"],
        2,
        "max_lag = \"10m\"",
    );
    let mut world = World::new(backend, &two).await;
    // Both list trades, all of them old.
    candles(&world, LATE);
    trades(&world, &[(-301_000, "61000.00"), (-350_000, "60999.99")]);
    ohlc(&world, &[(-600, "61010")]);
    let sold = json!([{"date": (MATURITY - 570).to_string(), "tid": "7", "amount": "0.01",
        "type": "1", "price": "61010"}]);
    world
        .venues
        .set_answer("bitstamp", "/api/v2/transactions/", sold.to_string());
    world.at(SETTLED).await;
    let (state, outcome, reason) = event(&world).await;
    assert_eq!(state, EventState::Attested, "{reason}");
    assert_eq!(outcome.as_deref(), Some("6100500"));
    let (rows, _) = replayed(&world).await;
    let asked = |path: &str| {
        let has = |row: &Value| row["url"].as_str().unwrap().contains(path);
        rows.iter().any(has)
    };
    assert!(asked("/products/BTC-USD/trades?limit=1000"));
    assert!(asked("/api/v2/transactions/btcusd/?time=hour"));
}

async fn a_venue_that_stays_late_is_left_out_when_max_lag_is_over(backend: Backend) {
    let three = ["coinbase:BTC-USD", "bitstamp:btcusd", "gemini:btcusd"];
    let mut world = World::new(backend, &priced(&three, 2, "max_lag = \"10m\"")).await;
    candles(&world, LATE);
    trades(&world, &[(41_205, "61237.01"), (3860, "61236.90")]);
    world.at(SETTLED).await;
    attempts_until(&mut world, MATURITY + 600).await;
    world.at(MATURITY + 599).await;
    let (state, outcome, reason) = event(&world).await;
    assert_eq!((state, outcome), (EventState::Matured, None));
    assert!(reason.contains("coinbase:BTC-USD"), "{reason}");
    let ready = world.get("/readyz").await;
    assert_eq!(
        ready.status,
        200,
        "a wait that was announced: {}",
        ready.json()
    );
    world.at(MATURITY + 665).await;
    // The mean of the two others, of which one is ten cents above the other.
    let (_, outcome, reason) = event(&world).await;
    let mean = btcusd_fixing_cents(MATURITY) + 5;
    assert_eq!(outcome, Some(mean.to_string()), "{reason}");
    let (rows, _) = replayed(&world).await;
    let verdicts = verdicts(&rows, "coinbase:BTC-USD");
    assert!(verdicts.iter().all(|v| v == "not_yet"), "{verdicts:?}");
}

async fn trades_after_the_maturity_stand_in_for_late_bars(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    world.break_all(Some(&Fault::LateCandles(std::time::Duration::from_mins(5))));
    world.at(SETTLED).await;
    let (_, outcome, reason) = event(&world).await;
    let fixing = btcusd_fixing_cents(MATURITY).to_string();
    assert_eq!(outcome, Some(fixing), "{reason}");
    replayed(&world).await;
}

async fn numbers_in_rows_that_do_not_count_change_nothing(backend: Backend) {
    let two = priced(&["coinbase:BTC-USD", "bitstamp:btcusd"], 2, "");
    let mut world = World::new(backend, &two).await;
    ohlc(&world, &[(-60, "61230"), (0, "61231")]);
    let rows = [
        (0, "1,1,1,1,9e-08"),
        (-60, "61234.1,61237.0,61235.0,61236.12,1.27"),
        (-120, "1e5,1e5,1e5,1e5,1.2e-07"),
        (-5000, "null,[],{},\"x\",1e999"),
    ];
    let rows = rows.map(|(open, row)| format!("[{},{row}]", MATURITY + open));
    let body = format!("[{}]", rows.join(","));
    world
        .venues
        .set_answer("coinbase", "/products/BTC-USD/candles", body);
    world.at(SETTLED).await;
    let (_, outcome, reason) = event(&world).await;
    assert_eq!(outcome.as_deref(), Some("6123306"), "{reason}");
    replayed(&world).await;
}
