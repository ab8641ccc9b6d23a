//! Downtime, edited configurations and exchanged files.

use std::time::Duration;

use chrono::TimeDelta;
use oracle_client::EventState;
use oracle_server::guard::Accept;
use oracle_server::service::{Options, ServiceError};
use oracle_server::signer::Signer;
use oracle_tests::database::Backend;
use oracle_tests::http;
use oracle_tests::market::{START, btcusd_fixing_cents, ppcusd_fixing_micros};
use oracle_tests::world::{World, event_id, instant};

use crate::series::{CENTS, MATURITY, MICROS, SETTLED, cents_at};

laws! {
    an_oracle_that_slept_through_maturity_attests_the_price_of_maturity,
    after_half_a_day_the_price_comes_from_the_venues_trades,
    an_event_that_was_never_announced_is_not_announced_after_the_fact,
    an_edit_changes_future_events_only,
    a_removed_series_with_open_events_refuses_the_start_by_name,
    a_removed_source_of_an_open_event_refuses_the_start_by_name,
    another_oracles_keys_are_refused,
    another_network_is_refused,
    a_journal_of_unknown_origin_is_refused,
    a_missing_or_damaged_journal_is_refused,
    a_journal_that_contradicts_the_database_is_refused,
    an_unknown_schema_version_is_refused,
    a_clock_behind_the_last_work_is_refused_unless_accepted,
    a_second_process_is_refused_or_stands_by_and_takes_over,
}

async fn sleep_through(backend: Backend, seconds: i64) -> World {
    let mut world = World::new(backend, &format!("{CENTS}{MICROS}")).await;
    world.stop().await;
    world.clock.set(instant(MATURITY + seconds));
    world.start().await.unwrap();
    world.run_due().await;
    for (series, outcome) in [
        ("btc-cents", btcusd_fixing_cents(MATURITY)),
        ("ppc-micros", ppcusd_fixing_micros(MATURITY)),
    ] {
        let attested = world
            .client()
            .attestation(&event_id(series, MATURITY))
            .await
            .unwrap();
        assert_eq!(attested.outcome_text(), outcome.to_string(), "{series}");
    }
    world
}

async fn an_oracle_that_slept_through_maturity_attests_the_price_of_maturity(backend: Backend) {
    sleep_through(backend, 600).await;
}

async fn after_half_a_day_the_price_comes_from_the_venues_trades(backend: Backend) {
    let world = sleep_through(backend, 13 * 3600).await;
    let requests = world.venues.requests();
    assert!(
        requests
            .iter()
            .any(|r| r.venue == "kraken" && r.path_and_query.starts_with("/0/public/Trades")),
        "{requests:?}"
    );
    let id = event_id("btc-cents", MATURITY);
    let evidence = world.client().evidence(&id).await.unwrap();
    for venue in ["kraken", "coinbase", "bitstamp", "gemini"] {
        assert!(
            evidence
                .observations
                .iter()
                .any(|o| o.source.starts_with(venue) && o.verdict == "observation"),
            "{venue} did not vote"
        );
    }
}

async fn an_event_that_was_never_announced_is_not_announced_after_the_fact(backend: Backend) {
    let one_off = r#"
[[event]]
id = "missed"
kind = "threshold"
price = "ppcusd"
above = "0.25"
maturity = "2026-11-22T15:30:00Z"
announce_at = "2026-11-22T15:20:00Z"
"#;
    let mut world = World::new(backend, &format!("{MICROS}{one_off}")).await;
    let scheduled = world.json("/v1/events/missed").await;
    assert_eq!(scheduled["state"], "scheduled");
    let early = world.get("/v1/announcements/missed").await;
    assert_eq!(
        (early.status, early.problem()),
        (404, "not-announced".into())
    );
    world.stop().await;
    world.clock.set(instant(SETTLED));
    world.start().await.unwrap();
    world.run_due().await;
    let missed = world.json("/v1/events/missed").await;
    assert_eq!(missed["state"], "withdrawn");
    assert!(missed["reason"].is_string());
    for path in ["/v1/announcements/missed", "/v1/attestations/missed"] {
        let answer = world.get(path).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (410, "withdrawn".into()),
            "{path}"
        );
    }
}

async fn an_edit_changes_future_events_only(backend: Backend) {
    let later = START + 2 * 86_400;
    let mut world = World::new(backend, &cents_at(&[MATURITY, later])).await;
    let announced = event_id("btc-cents", MATURITY);
    let before = world.event(&announced).await.policy_hash.unwrap();
    let policy = world
        .get(&format!("/v1/events/{announced}/policy"))
        .await
        .body;
    world.stop().await;
    world.edit(r#"max_deviation = "0.5%""#, r#"max_deviation = "0.4%""#);
    world.start().await.unwrap();
    world.at(SETTLED).await;
    let event = world.event(&announced).await;
    assert_eq!(event.policy_hash.unwrap(), before);
    assert_eq!(event.state, EventState::Attested);
    assert_eq!(
        world
            .get(&format!("/v1/events/{announced}/policy"))
            .await
            .body,
        policy
    );
    world.at(later - 86_400).await;
    let future = event_id("btc-cents", later);
    let after = world.event(&future).await.policy_hash.unwrap();
    assert_ne!(after, before);
    world.at(later + 60).await;
    assert_eq!(
        world.event(&future).await.outcome,
        Some(btcusd_fixing_cents(later).to_string())
    );
}

/// The one line with which a start ends; with the whole service, as the
/// command starts it.
async fn refusal(world: &World) -> String {
    if !world.is_started() {
        world.database.wait_until_free().await;
    }
    match world.run(Options::default()).await {
        Err(error @ ServiceError::Start(_)) => {
            let line = error.to_string();
            assert!(!line.contains('\n'), "{line}");
            line
        }
        Err(other) => panic!("not a refused start: {other}"),
        Ok(_) => panic!("the service started"),
    }
}

/// The refusal is about the change alone: undone, the oracle goes on.
async fn goes_on(world: &mut World) {
    world.database.wait_until_free().await;
    world.start().await.unwrap();
    world.at(SETTLED).await;
    let id = event_id("btc-cents", MATURITY);
    assert_eq!(world.event(&id).await.state, EventState::Attested);
}

async fn stopped(backend: Backend, series: &str) -> World {
    let mut world = World::new(backend, series).await;
    world.stop().await;
    world
}

async fn a_removed_series_with_open_events_refuses_the_start_by_name(backend: Backend) {
    let mut world = stopped(backend, &format!("{CENTS}{MICROS}")).await;
    world.edit(MICROS, "");
    let line = refusal(&world).await;
    assert!(line.contains("ppc-micros"), "{line}");
    assert!(!line.contains("btc-cents"), "{line}");
    // Without open events it may go.
    world.edit(CENTS, &format!("{CENTS}{MICROS}"));
    goes_on(&mut world).await;
    world.stop().await;
    world.edit(MICROS, "");
    world.start().await.unwrap();
}

async fn a_removed_source_of_an_open_event_refuses_the_start_by_name(backend: Backend) {
    let mut world = stopped(backend, &format!("{CENTS}{MICROS}")).await;
    let text = std::fs::read_to_string(world.config_file()).unwrap();
    let renamed = text
        .replace("[generic.ppcbtc_a]", "[generic.successor]")
        .replace("generic:ppcbtc_a", "generic:successor");
    std::fs::write(world.config_file(), renamed).unwrap();
    let line = refusal(&world).await;
    assert!(line.contains("generic:ppcbtc_a"), "{line}");
    assert!(!line.contains("ppcbtc_b"), "{line}");
    std::fs::write(world.config_file(), text).unwrap();
    goes_on(&mut world).await;
}

async fn another_oracles_keys_are_refused(backend: Backend) {
    let mut world = stopped(backend, CENTS).await;
    world.foreign_signer("other");
    let (ours, theirs) = (
        r#"keystore = "data/keystore.age""#,
        r#"keystore = "other/keystore.age""#,
    );
    world.edit(ours, theirs);
    let mixed = refusal(&world).await;
    assert!(mixed.contains("key"), "their key, our journal: {mixed}");
    world.edit(
        r#"journal = "data/journal""#,
        r#"journal = "other/journal""#,
    );
    let line = refusal(&world).await;
    assert!(line.contains("wrong key for this database"), "{line}");
    world.edit(theirs, ours);
    world.edit(
        r#"journal = "other/journal""#,
        r#"journal = "data/journal""#,
    );
    goes_on(&mut world).await;
}

async fn another_network_is_refused(backend: Backend) {
    let mut world = stopped(backend, CENTS).await;
    world.edit("peercoin-regtest", "peercoin-testnet");
    let line = refusal(&world).await;
    assert!(line.contains("network"), "{line}");
    assert!(line.contains("peercoin-testnet"), "{line}");
    assert!(line.contains("peercoin-regtest"), "{line}");
    world.edit("peercoin-testnet", "peercoin-regtest");
    goes_on(&mut world).await;
}

async fn a_journal_of_unknown_origin_is_refused(backend: Backend) {
    let mut world = stopped(backend, CENTS).await;
    // Our key, but a journal that no `init` told the database of.
    let mut files = world.signer_files("data");
    files.journal = world.dir().join("data/second-journal");
    Signer::create_journal(&files).unwrap();
    world.edit(r#""data/journal""#, r#""data/second-journal""#);
    let line = refusal(&world).await;
    assert!(line.contains("journal"), "{line}");
    world.edit(r#""data/second-journal""#, r#""data/journal""#);
    goes_on(&mut world).await;
}

async fn a_missing_or_damaged_journal_is_refused(backend: Backend) {
    let mut world = World::new(backend, &cents_at(&[MATURITY, START + 86_400])).await;
    world.at(SETTLED).await;
    world.stop().await;
    let journal = world.dir().join("data/journal");
    let away = world.dir().join("data/away");
    std::fs::rename(&journal, &away).unwrap();
    let line = refusal(&world).await;
    assert!(line.contains("journal"), "{line}");

    std::fs::rename(&away, &journal).unwrap();
    let bytes = std::fs::read(&journal).unwrap();
    let mut damaged = bytes.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&journal, damaged).unwrap();
    let line = refusal(&world).await;
    assert!(line.contains("journal"), "{line}");
    std::fs::write(&journal, bytes).unwrap();
    goes_on(&mut world).await;
}

async fn a_journal_that_contradicts_the_database_is_refused(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    world.at(SETTLED).await;
    world.stop().await;
    let outcome = btcusd_fixing_cents(MATURITY).to_string();
    let first = &outcome[..1];
    assert_ne!(first, "9");
    world
        .database
        .execute(&format!(
            "UPDATE intent SET messages = REPLACE(messages, '{first}', '9')"
        ))
        .await;
    let line = refusal(&world).await;
    assert!(line.contains("contradict"), "{line}");
    let id = event_id("btc-cents", MATURITY);
    assert!(line.contains(id.as_str()), "{line}");
}

async fn an_unknown_schema_version_is_refused(backend: Backend) {
    let mut world = stopped(backend, CENTS).await;
    world
        .database
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             SELECT 9999, 'from the future', success, checksum, 0 FROM _sqlx_migrations LIMIT 1",
        )
        .await;
    let line = refusal(&world).await;
    assert!(line.contains("unknown schema version"), "{line}");
    assert!(line.contains("9999"), "{line}");
    world
        .database
        .execute("DELETE FROM _sqlx_migrations WHERE version = 9999")
        .await;
    goes_on(&mut world).await;
}

async fn a_clock_behind_the_last_work_is_refused_unless_accepted(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    world.at(SETTLED).await;
    world.stop().await;
    world.clock.set(instant(SETTLED - 61));
    let line = refusal(&world).await;
    assert!(line.contains("61 s behind"), "{line}");
    assert!(line.contains("--accept-clock"), "{line}");
    let accepted = Options {
        accept: Accept {
            clock: true,
            ..Accept::default()
        },
        ..Options::default()
    };
    let service = world.run(accepted).await.unwrap();
    service.stop().await.unwrap();
    // A minute is within what clocks do.
    world.clock.advance(TimeDelta::seconds(2));
    world.start().await.unwrap();
}

async fn a_second_process_is_refused_or_stands_by_and_takes_over(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    if backend == Backend::Sqlite {
        let line = refusal(&world).await;
        assert!(line.contains("another process"), "{line}");
        return;
    }
    world.join("data/second-journal").await.unwrap();
    let standby = world.run(Options::default()).await.unwrap();
    let url = format!("http://{}", standby.public);
    let id = event_id("btc-cents", MATURITY);
    let client = http::client(&url);
    client.announcement(&id).await.unwrap();
    let ready = http::get(&url, "/readyz", &[]).await.json();
    assert_eq!(ready["leader"], false, "{ready}");
    world.stop().await;
    world.clock.set(instant(SETTLED));
    let attested = client.wait(&id, Duration::from_mins(1)).await.unwrap();
    assert_eq!(
        attested.outcome_text(),
        btcusd_fixing_cents(MATURITY).to_string()
    );
    let ready = http::get(&url, "/readyz", &[]).await.json();
    assert_eq!(ready["leader"], true, "{ready}");
    standby.stop().await.unwrap();
}
