//! How much of what is open single parties can choose, as the oracle says it.

use oracle_tests::database::Backend;
use oracle_tests::http;
use oracle_tests::market::START;
use oracle_tests::world::World;
use serde_json::{Value, json};

use crate::operators;
use crate::series::{CENTS, MICROS, SETTLED, cents_at, threshold};

laws! {
    the_figures_rise_with_announcing_and_fall_with_attesting,
    events_that_one_value_decides_count_once,
    what_operators_decide_alone_has_a_figure_of_its_own,
    whoever_can_forge_is_named_and_stops_nothing,
}

/// Long enough for the next figure.
const FRESH_S: i64 = 10;

const BTC: [&str; 4] = ["bitstamp", "coinbase", "gemini", "kraken"];
const PPC: [&str; 2] = ["ppcbtc_a", "ppcbtc_b"];

async fn page(world: &World) -> String {
    String::from_utf8(world.get("/oracle").await.body).unwrap()
}

async fn choice(world: &World) -> Value {
    let oracle = world.json("/v1/oracle").await;
    let ready = world.json("/readyz").await;
    for part in ["operators_bits", "sources"] {
        assert_eq!(oracle["choice"][part], ready["choice"][part]);
    }
    let info = world.client().oracle().await.unwrap();
    assert_eq!(serde_json::to_value(info.choice).unwrap(), oracle["choice"]);
    oracle["choice"].clone()
}

fn sources(btc: u64, ppc: u64) -> Value {
    let btc = BTC.iter().map(|root| ((*root).to_owned(), json!(btc)));
    let ppc = PPC
        .iter()
        .filter(|_| ppc > 0)
        .map(|root| ((*root).to_owned(), json!(ppc)));
    Value::Object(btc.chain(ppc).collect())
}

async fn the_figures_rise_with_announcing_and_fall_with_attesting(backend: Backend) {
    let later = CENTS.replace("announce_ahead = \"1d\"", "announce_ahead = \"20m\"");
    let mut world = World::new(backend, &format!("{later}{MICROS}")).await;
    // 20 binary digits: 0.5 % of a venue of dollars, 5 % of one of bitcoins.
    let micros = sources(14, 17);
    assert_eq!(
        choice(&world).await,
        json!({"operators_bits": 0, "sources": micros})
    );
    // And nine decimal ones in cents: 13.4 + 23.3.
    world.at(START + 600).await;
    assert_eq!(choice(&world).await["sources"], sources(37, 17));
    world.at(SETTLED).await;
    assert_eq!(
        choice(&world).await,
        json!({"operators_bits": 0, "sources": {}})
    );
    assert!(
        page(&world)
            .await
            .contains("Nobody can choose anything now.")
    );
}

async fn events_that_one_value_decides_count_once(backend: Backend) {
    let again = MICROS
        .replace("ppc-micros", "ppc-again")
        .replace("digits = 20", "digits = 18");
    let options: String = (0..3)
        .map(|n| threshold(&format!("option-{n}"), &format!("0.2{n}")))
        .collect();
    let elsewhere = threshold("elsewhere", "0.25").replace("T15:30:00Z", "T15:40:00Z");
    let series = format!("{MICROS}{again}{options}{elsewhere}");
    let world = World::new(backend, &series).await;
    // 10,435 numbers and three more places where the range is cut, 13.4 bits, and
    // another value's one bit: each counted alone they were 29 bits.
    assert_eq!(choice(&world).await["sources"], sources(15, 18));
    let page = page(&world).await;
    assert!(
        page.contains("<tr><th scope=\"row\">ppcbtc_a</th><td>18</td></tr>"),
        "{page}"
    );
}

async fn what_operators_decide_alone_has_a_figure_of_its_own(backend: Backend) {
    let mut world = World::new(backend, &operators::config()).await;
    let none = json!({"operators_bits": 0, "sources": {}});
    assert_eq!(choice(&world).await, none);
    for (id, k) in [("alone", 1), ("also-alone", 1), ("together", 2)] {
        let question = operators::question(id, k, &["yes", "no", "void"]);
        assert_eq!(operators::create(&mut world, &question).await.status, 201);
    }
    world.at(START + FRESH_S).await;
    // 2 · log2(3), rounded up once.
    let two = json!({"operators_bits": 4, "sources": {}});
    assert_eq!(choice(&world).await, two);
}

async fn whoever_can_forge_is_named_and_stops_nothing(backend: Backend) {
    let times: Vec<i64> = (1..=11).map(|n| START + n * 600).collect();
    let mut world = World::new(backend, &cents_at(&times)).await;
    assert_eq!(choice(&world).await["sources"], sources(256, 0));
    let ready = world.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["choice"]["forgers"], json!(BTC));
    assert!(page(&world).await.contains("<td>256: can forge</td>"));
    world.at(START + 900).await;
    assert_eq!(choice(&world).await["sources"], sources(233, 0));
    let ready = world.json("/readyz").await;
    assert_eq!(ready["choice"]["forgers"], json!([]));
}

/// The series of `/metrics`. All tests of a process share them, so not their values.
#[test]
fn the_figures_are_series_too() {
    crate::run(Box::pin(async {
        let mut world = World::new(Backend::Sqlite, CENTS).await;
        world.stop().await;
        let running = world
            .run(oracle_server::service::Options::default())
            .await
            .unwrap();
        let answer = http::get(&format!("http://{}", running.admin), "/metrics", &[]).await;
        let text = String::from_utf8(answer.body).unwrap();
        for line in [
            "oracle_choice_source_bits{source=\"kraken\"} ",
            "oracle_choice_operators_bits ",
            "oracle_choice_forgers ",
        ] {
            let mut lines = text.lines();
            assert!(
                lines.any(|l| l.starts_with(line)),
                "{line} is not in\n{text}"
            );
        }
        running.stop().await.unwrap();
    }));
}
