//! What ends a start or a run, and with which exit code.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use oracle_feeds::loopback::Fault;
use oracle_server::clock::TestClock;
use oracle_server::config::Config;
use oracle_server::guard::Accept;
use oracle_server::service::{self, Options};
use oracle_tests::process::Server;

use crate::book::Book;
use crate::home::{Home, break_venues, calm, now, venues};

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_config_exits_2_naming_file_key_and_reason() {
    let venues = venues().await;
    let home = Home::sqlite().await;
    home.configure(&venues, &calm(18));
    let good = std::fs::read_to_string(home.config()).unwrap();
    for (from, to, key, reason) in [
        ("every = \"2s\"", "every = \"2x\"", "every", "2x"),
        (
            "network = \"peercoin-regtest\"",
            "network = \"bitcoin\"",
            "oracle.network",
            "bitcoin",
        ),
        ("min_sources = 3", "min_source = 3", "min_source", "unknown"),
        (
            "price = \"btcusd\"\nabove",
            "price = \"eurusd\"\nabove",
            "price",
            "eurusd",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        std::fs::write(home.config(), good.replace(from, to)).unwrap();
        let ended = Server::run(&home.config(), &[]).await.ended().await;
        assert_eq!(ended.code(), Some(2), "{to}: {:?}", ended.said());
        let said = ended.said();
        assert_eq!(said.len(), 1, "{said:?}");
        for part in ["oracle.toml", key, reason] {
            assert!(said[0].contains(part), "{part:?} in {:?}", said[0]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_exits_0_at_once_while_every_venue_hangs() {
    let venues = venues().await;
    let home = Home::sqlite().await;
    home.configure(&venues, &calm(18));
    let mut server = Server::run(&home.config(), &[]).await;
    let url = server.ready().await.url();
    // Nothing is announced before a venue has told the time.
    Book::default().read_until(&url, 1).await;
    break_venues(&venues, Some(&Fault::Slow(Duration::from_mins(5))));
    let before = venues.requests().len();
    // Hanging requests are under way once the venues have seen some.
    let asked = async {
        while venues.requests().len() == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked)
        .await
        .unwrap();
    let told = Instant::now();
    server.terminate();
    let ended = server.ended().await;
    assert_eq!(ended.code(), Some(0), "{:?}", ended.said());
    assert!(
        told.elapsed() < Duration::from_secs(5),
        "{:?}",
        told.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_more_than_a_minute_behind_committed_work_refuses_to_start() {
    let venues = venues().await;
    let home = Home::sqlite().await;
    home.configure(&venues, &calm(18));
    let mut server = Server::run(&home.config(), &[]).await;
    let url = server.ready().await.url();
    let mut book = Book::default();
    book.read_until(&url, 1).await;
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
    let last = home
        .database
        .number("SELECT high_water_ms FROM ledger")
        .await;

    let start = async |behind: TimeDelta, accept_clock| {
        let clock = chrono::DateTime::from_timestamp_millis(last).unwrap() - behind;
        let options = Options {
            accept: Accept {
                clock: accept_clock,
                ..Accept::default()
            },
            ..Options::default()
        };
        let config = Config::load(&home.config()).unwrap();
        service::start(config, options, Arc::new(TestClock::at(clock))).await
    };
    let refused = start(TimeDelta::seconds(62), false).await.err();
    let refused = refused.expect("refused").to_string();
    assert!(refused.contains("--accept-clock"), "{refused}");
    assert!(refused.contains("62 s behind"), "{refused}");
    for (behind, accept) in [(58, false), (62, true), (86_400, true)] {
        let running = start(TimeDelta::seconds(behind), accept).await;
        let running = running.unwrap_or_else(|e| panic!("{behind} s behind: {e}"));
        book.assert_unchanged(&format!("http://{}", running.public))
            .await;
        running.stop().await.unwrap();
    }
    assert!(now().timestamp_millis() >= last);
}
