//! `deploy/examples/ppc.toml` itself, its venues on loopback: Peercoin is priced from
//! venues of every kind, and what none of them may do is refused.

use std::fmt::Write as _;
use std::sync::Arc;

use chrono::TimeDelta;
use oracle_client::EventState;
use oracle_feeds::loopback::{Fault, LoopbackVenues};
use oracle_schema::Maturity;
use oracle_schema::policy::LegPolicy;
use oracle_server::keys::LegKey;
use oracle_server::probe::{Options, probe};
use oracle_server::store::{Attempt, ObservedExchange, Store};
use oracle_tests::database::Backend;
use oracle_tests::made::preamble;
use oracle_tests::market::{START, btcusd_fixing_cents};
use oracle_tests::world::{World, event_id, instant};
use serde_json::{Value, json};

use crate::evidence::{bundle, reproduced};

laws! {
    the_example_prices_peercoin_and_its_evidence_replays,
    a_frozen_venue_is_stale_and_the_others_decide,
    a_venue_that_lags_is_waited_for_while_it_is_needed,
    a_restart_between_samples_loses_none_that_was_taken,
    a_clock_that_stood_ahead_for_a_while_costs_no_sample,
    a_last_sample_that_fails_leaves_it_to_the_one_before,
    what_was_never_sampled_has_no_vote_and_is_not_asked_after_the_maturity,
    a_venue_that_fails_is_sampled_on_and_its_last_price_is_kept,
    a_sample_stays_in_sight_however_often_the_leg_is_asked,
    probe_asks_a_ticker_now_and_says_that_it_is_sampled,
}

const EXAMPLE: &str = include_str!("../../deploy/examples/ppc.toml");

/// Midnight, the first maturity of the example's series.
const T: i64 = START + 9 * 3600;

/// When its prices have settled.
const SETTLED: i64 = T + 300;

const VENUES: [(&str, &str); 6] = [
    ("altquick", "https://altquick.com"),
    ("freiexchange", "https://api.freiexchange.com"),
    ("stakecube", "https://stakecube.io"),
    ("mexc", "https://api.mexc.com"),
    ("nonkyc", "https://api.nonkyc.io"),
    ("coinpaprika", "https://api.coinpaprika.com"),
];

/// The example's oracle and its Peercoin venues.
struct Peercoin {
    world: World,
    venues: LoopbackVenues,
}

impl Peercoin {
    /// Started, everything announced, every venue answering.
    async fn new(backend: Backend) -> Self {
        Self::edited(backend, |text| text).await
    }

    async fn edited(backend: Backend, edit: impl FnOnce(String) -> String) -> Self {
        let world = World::create(backend, "").await;
        let ports: Vec<(&str, u16)> = VENUES.iter().map(|(name, _)| (*name, 0)).collect();
        let venues = LoopbackVenues::start(&ports, world.time_source(), Arc::new(|_, _, _| None))
            .await
            .unwrap();
        let text = edit(configuration(&world, &venues));
        std::fs::write(world.config_file(), text).unwrap();
        let this = Self { world, venues };
        this.altquick(&[(-60, "0.00000410", "12.5"), (0, "0.00009999", "1")]);
        this.freiexchange("0.00000414");
        this.stakecube("0.00000413");
        this.mexc(&[(-60, "0.2600", "12.5"), (0, "0.9999", "1")]);
        this.nonkyc(&[(-300, "0.262"), (0, "0.9999")]);
        this.coinpaprika("0.261");
        let Self { mut world, venues } = this;
        world.start().await.unwrap();
        world.run_due().await;
        Self { world, venues }
    }

    fn answer(&self, venue: &str, path: &str, body: &Value) {
        self.venues.set_answer(venue, path, body.to_string());
    }

    /// Newest first, as it is documented.
    fn altquick(&self, rows: &[(i64, &str, &str)]) {
        let row = |(open, close, volume): &(i64, &str, &str)| {
            let ms = (T + open) * 1000;
            json!([ms, close, close, close, close, volume, ms + 60_000, 2])
        };
        let rows: Vec<Value> = rows.iter().rev().map(row).collect();
        self.answer("altquick", "/api/v1/klines?market=BTC_PPC", &json!(rows));
    }

    fn freiexchange(&self, last: &str) {
        let ticker = json!({"marketid": "7", "volume24h": "0.00000000", "high": "0.00000000",
            "low": "0.00000000", "last": last, "percent_change_24h": null});
        self.answer(
            "freiexchange",
            "/public/ticker/PPC",
            &json!({"PPC_BTC": [ticker]}),
        );
    }

    fn stakecube(&self, last: &str) {
        let market = |last: &str| json!({"lastPrice": last, "bestBid": "0", "volumeBase24h": "0"});
        let markets = json!({"LTC_BTC": market("0.001"), "PPC_BTC": market(last)});
        let body = json!({"success": true, "result": markets});
        self.answer("stakecube", "/api/v2/exchange/spot/markets?base=BTC", &body);
    }

    fn mexc(&self, rows: &[(i64, &str, &str)]) {
        let row = |(open, close, volume): &(i64, &str, &str)| {
            let ms = (T + open) * 1000;
            json!([ms, close, close, close, close, volume, ms + 60_000, "1.2"])
        };
        let rows: Vec<Value> = rows.iter().map(row).collect();
        self.answer("mexc", "/api/v3/klines?symbol=PPCUSDT", &json!(rows));
    }

    fn nonkyc(&self, rows: &[(i64, &str)]) {
        let row =
            |(open, close): &(i64, &str)| json!({"time": T + open, "close": close, "volume": 3});
        let bars: Vec<Value> = rows.iter().map(row).collect();
        self.answer("nonkyc", "/api/v2/market/candles", &json!({ "bars": bars }));
    }

    fn coinpaprika(&self, price: &str) {
        let point = |unix: i64, price: &str| json!({"timestamp": instant(unix), "price": price});
        let points = json!([point(T, price), point(T + 300, "0.9999")]);
        self.answer(
            "coinpaprika",
            "/v1/tickers/ppc-peercoin/historical",
            &points,
        );
    }

    /// After T every venue without history has another price.
    fn move_on(&self) {
        self.freiexchange("0.00009999");
        self.stakecube("0.00009999");
    }

    /// Samples at the beginning, once later, and at T.
    async fn sample(&mut self) {
        for at in [T - 900, T - 60, T] {
            self.world.at(at).await;
        }
    }

    /// What every venue's clock says beside the one here.
    fn requests(&self, venue: &str) -> usize {
        let requests = self.venues.requests();
        requests.iter().filter(|r| r.venue == venue).count()
    }

    async fn outcome(&self, series: &str) -> Option<String> {
        let event = self.world.event(&event_id(series, T)).await;
        assert_eq!(event.state == EventState::Attested, event.outcome.is_some());
        event.outcome
    }

    async fn reason(&self, series: &str) -> String {
        let event = self
            .world
            .json(&format!("/v1/events/{}", event_id(series, T)))
            .await;
        event["reason"].as_str().unwrap_or_default().to_owned()
    }

    /// Of whom the decision took which price, by the published evidence.
    async fn used(&self, leg: &str) -> Vec<(String, Option<String>)> {
        let id = event_id("ppcusd-daily", T);
        let evidence = self.world.client().evidence(&id).await.unwrap();
        let legs = evidence.decision.unwrap()["legs"].clone();
        let legs = legs.as_array().unwrap();
        let leg = legs.iter().find(|l| l["name"] == leg).unwrap();
        let sources = leg["trace"]["sources"].as_array().unwrap();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        sources
            .iter()
            .map(|s| {
                (
                    text(&s["source"]).unwrap(),
                    text(&s["literal"]).filter(|_| s["used"] == true),
                )
            })
            .collect()
    }

    async fn replays(&self, series: &str) {
        reproduced(&bundle(&self.world, &event_id(series, T)).await);
    }
}

/// The example below its `[signer]`, with its venues' addresses and paces replaced.
fn configuration(world: &World, venues: &LoopbackVenues) -> String {
    let (_, example) = EXAMPLE
        .split_once("\njournal = \"data/journal\"\n")
        .unwrap();
    let mut text = example.to_owned();
    for (name, host) in VENUES {
        assert!(text.contains(host), "{host}");
        text = text.replace(host, &venues.base_url(name).unwrap());
    }
    for rate in ["1/s", "20/m"] {
        let paced = format!("rate = \"{rate}\"");
        assert!(text.contains(&paced), "{rate}");
        text = text.replace(&paced, "rate = \"10000/s\"");
    }
    for venue in LoopbackVenues::BUILT_IN {
        let base = world.venues.base_url(venue).unwrap();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n[provider.{venue}]\nbase_url = \"{base}\"\nrate = \"10000/s\"\n"
        );
    }
    preamble(world.database.url()) + &text
}

/// PPC/USD in microdollars, half to even, of PPC/BTC in 10^-9.
fn micros(ppcbtc_e9: i64) -> String {
    let exact = ppcbtc_e9 * btcusd_fixing_cents(T);
    let (whole, rest) = (exact / 100_000, exact % 100_000);
    let up = rest > 50_000 || (rest == 50_000 && whole % 2 == 1);
    (whole + i64::from(up)).to_string()
}

async fn the_example_prices_peercoin_and_its_evidence_replays(backend: Backend) {
    let mut ppc = Peercoin::new(backend).await;
    assert_eq!(
        ppc.requests("freiexchange"),
        0,
        "nothing is sampled hours before"
    );
    ppc.sample().await;
    ppc.move_on();
    let sampled = ppc.requests("freiexchange");
    assert_eq!(sampled, 3);
    for at in [T + 1, T + 60, SETTLED, SETTLED + 60] {
        ppc.world.at(at).await;
    }
    assert_eq!(ppc.outcome("ppcusd-daily").await, Some(micros(4130)));
    assert_eq!(
        ppc.outcome("ppcusdt-daily").await.as_deref(),
        Some("261000")
    );
    assert_eq!(
        ppc.requests("freiexchange"),
        sampled,
        "nobody asks it after T"
    );
    let used = ppc.used("ppcbtc").await;
    let literals: Vec<Option<&str>> = used.iter().map(|(_, used)| used.as_deref()).collect();
    // The bar that opened at T never counts, nor what a ticker says after it.
    assert_eq!(
        literals,
        [Some("0.00000410"), Some("0.00000414"), Some("0.00000413")]
    );
    ppc.replays("ppcusd-daily").await;
    ppc.replays("ppcusdt-daily").await;
    let attested = ppc
        .world
        .client()
        .attestation(&event_id("ppcusd-daily", T))
        .await;
    assert_eq!(attested.unwrap().outcome_text(), micros(4130));
}

async fn a_frozen_venue_is_stale_and_the_others_decide(backend: Backend) {
    let mut ppc = Peercoin::new(backend).await;
    // Equal bars without a trade, and the last trade days ago.
    let frozen: Vec<(i64, &str, &str)> = (-360..=5).map(|n| (n * 60, "0.00000500", "0")).collect();
    ppc.altquick(&frozen);
    ppc.mexc(&frozen);
    ppc.sample().await;
    ppc.move_on();
    ppc.world.at(SETTLED).await;
    assert_eq!(ppc.outcome("ppcusd-daily").await, Some(micros(4135)));
    assert_eq!(ppc.used("ppcbtc").await[0].1, None);
    // The aggregator votes in the place of the venue it lists.
    assert_eq!(
        ppc.outcome("ppcusdt-daily").await.as_deref(),
        Some("261500")
    );
    ppc.replays("ppcusd-daily").await;
    ppc.replays("ppcusdt-daily").await;
}

async fn a_venue_that_lags_is_waited_for_while_it_is_needed(backend: Backend) {
    let mut ppc = Peercoin::new(backend).await;
    // Nothing after T yet: what is missing may only be late.
    ppc.altquick(&[(-60, "0.00000410", "12.5")]);
    ppc.nonkyc(&[(-300, "0.262")]);
    ppc.sample().await;
    ppc.world.at(SETTLED).await;
    // Two others are enough of the three.
    assert_eq!(ppc.outcome("ppcusd-daily").await, Some(micros(4135)));
    assert_eq!(ppc.outcome("ppcusdt-daily").await, None);
    let reason = ppc.reason("ppcusdt-daily").await;
    assert!(reason.contains("no bar ends after T"), "{reason}");
    ppc.nonkyc(&[(-300, "0.262"), (0, "0.9999")]);
    ppc.world.at(SETTLED + 120).await;
    assert_eq!(
        ppc.outcome("ppcusdt-daily").await.as_deref(),
        Some("261000")
    );
    ppc.replays("ppcusd-daily").await;
    ppc.replays("ppcusdt-daily").await;
}

async fn a_restart_between_samples_loses_none_that_was_taken(backend: Backend) {
    let mut ppc = Peercoin::new(backend).await;
    ppc.world.at(T - 120).await;
    ppc.world.stop().await;
    ppc.freiexchange("0.00000416");
    ppc.world.set_time(T - 30);
    ppc.world.start().await.unwrap();
    // Goes on where it was: this sample is newer.
    ppc.world.run_due().await;
    ppc.world.stop().await;
    ppc.move_on();
    ppc.world.set_time(T + 10);
    ppc.world.start().await.unwrap();
    let sampled = ppc.requests("freiexchange");
    ppc.world.at(SETTLED).await;
    assert_eq!((sampled, ppc.requests("freiexchange")), (2, 2));
    // 0.00000410, 0.00000413, 0.00000416.
    assert_eq!(ppc.outcome("ppcusd-daily").await, Some(micros(4130)));
    let used = ppc.used("ppcbtc").await;
    assert_eq!(used[1].1.as_deref(), Some("0.00000416"));
    ppc.replays("ppcusd-daily").await;
}

async fn a_clock_that_stood_ahead_for_a_while_costs_no_sample(backend: Backend) {
    let mut ppc = Peercoin::new(backend).await;
    ppc.world.at(T - 120).await;
    // The venues' clocks stay right, so the one here is doubted.
    ppc.world.set_ahead(TimeDelta::hours(1));
    ppc.world.run_due().await;
    assert_eq!(ppc.outcome("ppcusd-daily").await, None);
    ppc.world.set_ahead(-TimeDelta::hours(1));
    ppc.world.run_due().await;
    ppc.freiexchange("0.00000416");
    let before = ppc.requests("freiexchange");
    ppc.world.at(T - 30).await;
    assert_eq!(ppc.requests("freiexchange"), before + 1);
    ppc.move_on();
    ppc.world.at(SETTLED).await;
    assert_eq!(ppc.outcome("ppcusd-daily").await, Some(micros(4130)));
    let used = ppc.used("ppcbtc").await;
    assert_eq!(used[1].1.as_deref(), Some("0.00000416"));
    ppc.replays("ppcusd-daily").await;
}

async fn a_last_sample_that_fails_leaves_it_to_the_one_before(backend: Backend) {
    let mut ppc = Peercoin::new(backend).await;
    ppc.world.at(T - 60).await;
    ppc.freiexchange("0.00009999");
    ppc.venues.set_fault("freiexchange", Some(Fault::Http(503)));
    ppc.venues.set_fault("stakecube", Some(Fault::ErrorBody200));
    ppc.world.at(T).await;
    ppc.venues.set_fault("freiexchange", None);
    ppc.world.at(SETTLED).await;
    assert_eq!(ppc.outcome("ppcusd-daily").await, Some(micros(4130)));
    let id = event_id("ppcusd-daily", T);
    let evidence = ppc.world.client().evidence(&id).await.unwrap();
    let of = |source: &str| {
        let rows = evidence.observations.iter();
        rows.filter(|o| o.source == format!("generic:ppcbtc_{source}"))
            .map(|o| o.verdict.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("freiexchange"), ["observation", "transient"]);
    assert_eq!(of("stakecube"), ["observation", "transient"]);
    ppc.replays("ppcusd-daily").await;
}

async fn what_was_never_sampled_has_no_vote_and_is_not_asked_after_the_maturity(backend: Backend) {
    let mut ppc = Peercoin::new(backend).await;
    // The oracle was asleep.
    ppc.world.at(SETTLED).await;
    ppc.world.at(SETTLED + 600).await;
    assert_eq!(ppc.outcome("ppcusd-daily").await, None);
    let reason = ppc.reason("ppcusd-daily").await;
    assert!(reason.contains("1 of 2 sources"), "{reason}");
    assert!(reason.contains("no sample of it"), "{reason}");
    assert_eq!(ppc.requests("freiexchange") + ppc.requests("stakecube"), 0);
    assert!(ppc.requests("altquick") > 0);
    // What has a history is not kept from its price.
    assert_eq!(
        ppc.outcome("ppcusdt-daily").await.as_deref(),
        Some("261000")
    );
}

async fn a_venue_that_fails_is_sampled_on_and_its_last_price_is_kept(backend: Backend) {
    let often = |text: String| {
        text.replace("sample_every = \"1m\"", "sample_every = \"10s\"")
            .replace("sample_from = \"15m\"", "sample_from = \"1h\"")
    };
    let mut ppc = Peercoin::edited(backend, often).await;
    ppc.world.at(T - 3600).await;
    ppc.venues.set_fault("freiexchange", Some(Fault::Http(500)));
    for n in (0..360).rev() {
        ppc.world.at(T - n * 10).await;
    }
    ppc.world.at(SETTLED).await;
    // Left alone for a while again and again, and never for good.
    let asked = ppc.requests("freiexchange");
    assert!((110..300).contains(&asked), "{asked}");
    assert_eq!(ppc.requests("stakecube"), 361);
    assert_eq!(ppc.outcome("ppcusd-daily").await, Some(micros(4130)));
    let id = event_id("ppcusd-daily", T);
    let evidence = ppc.world.client().evidence(&id).await.unwrap();
    let kept = |source: &str| {
        let rows = evidence.observations.iter();
        rows.filter(|o| o.source.ends_with(source)).count()
    };
    assert_eq!((kept("freiexchange"), kept("stakecube")), (101, 100));
    ppc.replays("ppcusd-daily").await;
}

fn exchange(source: &str, sent: i64) -> ObservedExchange {
    let sent_at = instant(sent);
    ObservedExchange {
        source: source.to_owned(),
        root: source.to_owned(),
        url: "http://venue.test/".to_owned(),
        posted: None,
        sent_at,
        received_at: sent_at + TimeDelta::milliseconds(1),
        status: None,
        headers: "[]".to_owned(),
        sha256: None,
        body: None,
        is_public: true,
        keep_until: None,
        date: None,
        certificate: None,
        fact: None,
        literal: (sent < T).then(|| "0.5".to_owned()),
        effective_at: (sent < T).then_some(sent),
        verdict: if sent < T { "observation" } else { "transient" },
        detail: None,
        failure: None,
        adapter: "generic/3".to_owned(),
    }
}

async fn a_sample_stays_in_sight_however_often_the_leg_is_asked(backend: Backend) {
    let mut ppc = Peercoin::new(backend).await;
    let config = ppc.world.config();
    let leg: &LegPolicy = &config.prices["ppcbtc"].legs[0];
    let key = LegKey::of(leg).unwrap();
    let maturity = Maturity::from_unix(T).unwrap();
    ppc.world.stop().await;
    let store = Store::open(&config.store_url, false).await.unwrap();
    assert!(store.take_lead().await.unwrap());
    let ticker = "generic:ppcbtc_freiexchange";
    store
        .save_sample(&key, maturity, ticker, &[exchange(ticker, T - 60)])
        .await
        .unwrap();
    // More than any one answer shows.
    for _ in 0..3 {
        let exchanges = (0..900)
            .map(|n| exchange("generic:ppcbtc_altquick", T + n))
            .collect();
        let attempt = Attempt {
            leg_key: key.clone(),
            maturity,
            exchanges,
            decision: None,
        };
        store.save_attempt(&attempt).await.unwrap();
    }
    let samples = store.sample_rows(&key, maturity, &[ticker]).await.unwrap();
    let prices: Vec<i64> = samples.iter().map(|s| s.effective_at.unwrap()).collect();
    assert_eq!(prices, [T - 60]);
    store.close().await;
}

async fn probe_asks_a_ticker_now_and_says_that_it_is_sampled(backend: Backend) {
    let ppc = Peercoin::new(backend).await;
    ppc.world.set_time(T + 600);
    let options = Options {
        source: None,
        at: Some(instant(T)),
    };
    let config = ppc.world.config();
    let report = probe(&config, ppc.world.clock.clone(), &options).await;
    let text = report.unwrap().to_string();
    let lines = [
        "generic:ppcbtc_freiexchange (root freiexchange), for price ppcbtc",
        "  has no history: sampled in the 900 s before a maturity, asked now",
        "  observation: 0.00000414, of 2026-11-23T00:10:00Z",
        "price ppcbtc at 2026-11-23T00:00:00Z\n  fixed at 0.00000413",
    ];
    for line in lines {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}
