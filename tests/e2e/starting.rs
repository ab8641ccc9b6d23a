//! What refuses a start, or a take-over, whose database, journal or log is not all
//! there is.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use oracle_client::EventState;
use oracle_server::clock::Clock;
use oracle_server::guard::{self, Accept};
use oracle_server::service::{Options, Running, ServiceError};
use oracle_server::store::{Store, StoreError};
use oracle_tests::database::Backend;
use oracle_tests::http;
use oracle_tests::world::{World, event_id};

use crate::series::{CENTS, MATURITY, SETTLED};

laws! {
    a_copied_journal_refuses_the_start_until_it_is_accepted,
    a_home_that_nobody_wrote_down_is_remembered_from_the_next_start_on,
    a_restored_database_refuses_the_start_until_it_is_accepted,
    a_standby_does_not_take_over_a_database_that_was_restored,
    a_process_does_not_lead_a_database_that_went_back_since_it_saw_it,
    a_further_journal_is_made_only_beside_a_process_that_leads,
    an_attestation_without_an_intent_is_never_signed_again,
    an_intent_that_the_log_contradicts_refuses_the_start,
    a_standby_does_not_take_over_an_attestation_without_an_intent,
}

const PATIENCE: Duration = Duration::from_secs(30);

async fn run(world: &World, options: Options) -> Result<Running, ServiceError> {
    world.database.wait_until_free().await;
    world.run(options).await
}

/// The one line with which a start ends.
async fn refusal(world: &World, options: Options) -> String {
    match run(world, options).await {
        Err(error) => {
            let line = error.to_string();
            assert!(!line.contains('\n'), "{line}");
            assert!(
                line.contains("docs/starting.md"),
                "says what is next: {line}"
            );
            line
        }
        Ok(_) => panic!("the service started"),
    }
}

async fn attested(backend: Backend) -> World {
    let mut world = World::new(backend, CENTS).await;
    world.at(SETTLED).await;
    world.stop().await;
    world
}

/// A copy of the journal takes its place.
fn copy_journal(world: &World) {
    let journal = world.dir().join("data/journal");
    let copy = world.dir().join("data/copy");
    fs::copy(&journal, &copy).unwrap();
    fs::rename(&copy, &journal).unwrap();
}

async fn a_copied_journal_refuses_the_start_until_it_is_accepted(backend: Backend) {
    let mut world = attested(backend).await;
    copy_journal(&world);
    for _ in 0..2 {
        let line = refusal(&world, Options::default()).await;
        assert!(
            line.contains("the journal is not the file it was"),
            "{line}"
        );
        assert!(line.contains("--accept-copy"), "{line}");
    }
    let options = Options {
        accept: Accept {
            copy: true,
            ..Accept::default()
        },
        ..Options::default()
    };
    run(&world, options).await.unwrap().stop().await.unwrap();
    assert_eq!(world.database.count("accepted").await, 1);
    world.database.wait_until_free().await;
    world.start().await.unwrap();
    assert_eq!(world.database.count("accepted").await, 1);
}

async fn a_home_that_nobody_wrote_down_is_remembered_from_the_next_start_on(backend: Backend) {
    let world = attested(backend).await;
    // As an earlier version left it.
    world
        .database
        .execute("UPDATE journal SET home = NULL")
        .await;
    copy_journal(&world);
    let options = Options::default();
    run(&world, options).await.unwrap().stop().await.unwrap();
    copy_journal(&world);
    let line = refusal(&world, options).await;
    assert!(
        line.contains("the journal is not the file it was"),
        "{line}"
    );
}

/// What `pg_restore` leaves: the same rows in tables that were made anew.
async fn restore(world: &World) {
    for sql in [
        "ALTER TABLE ledger RENAME TO old_ledger",
        "CREATE TABLE ledger (LIKE old_ledger INCLUDING ALL)",
        "INSERT INTO ledger SELECT * FROM old_ledger",
        "DROP TABLE old_ledger",
    ] {
        world.database.execute(sql).await;
    }
}

async fn a_restored_database_refuses_the_start_until_it_is_accepted(backend: Backend) {
    if backend == Backend::Sqlite {
        // Its file tells: see the law above.
        return;
    }
    let mut world = attested(backend).await;
    restore(&world).await;
    for _ in 0..2 {
        let line = refusal(&world, Options::default()).await;
        assert!(line.starts_with("the database was "), "{line}");
        assert!(line.contains("--accept-database"), "{line}");
    }
    let options = Options {
        accept: Accept {
            database: true,
            ..Accept::default()
        },
        ..Options::default()
    };
    run(&world, options).await.unwrap().stop().await.unwrap();
    assert_eq!(world.database.count("accepted").await, 1);
    world.database.wait_until_free().await;
    world.start().await.unwrap();
    world.stop().await;
    // As an earlier version wrote it: cluster and timeline alone.
    let cut = "UPDATE ledger SET incarnation = \
               split_part(incarnation, '/', 1) || '/' || split_part(incarnation, '/', 2)";
    world.database.execute(cut).await;
    world.database.wait_until_free().await;
    world.start().await.unwrap();
    world.stop().await;
    restore(&world).await;
    let line = refusal(&world, Options::default()).await;
    assert!(line.starts_with("the database was "), "{line}");
}

/// A leader that a test moves, and a standby that has seen what it attested.
async fn with_standby() -> (World, Running) {
    let mut world = World::new(Backend::Postgres, CENTS).await;
    world.join("data/second-journal").await.unwrap();
    let standby = world.run(Options::default()).await.unwrap();
    world.at(SETTLED).await;
    let client = http::client(&format!("http://{}", standby.public));
    let id = event_id("btc-cents", MATURITY);
    client.wait(&id, PATIENCE).await.unwrap();
    (world, standby)
}

/// How the standby ends when the leader is gone.
async fn end(mut standby: Running) -> String {
    let ended = tokio::time::timeout(PATIENCE, standby.ended()).await;
    let error = ended.expect("it goes on").expect_err("it leads");
    standby.stop().await.unwrap();
    error.to_string()
}

async fn a_standby_does_not_take_over_a_database_that_was_restored(backend: Backend) {
    if backend == Backend::Sqlite {
        return;
    }
    let (mut world, standby) = with_standby().await;
    restore(&world).await;
    world.stop().await;
    let line = end(standby).await;
    assert!(line.starts_with("the database was "), "{line}");
}

async fn a_process_does_not_lead_a_database_that_went_back_since_it_saw_it(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    world.at(SETTLED).await;
    // Like a standby's, which looks every second.
    let store = Arc::new(Store::open(&world.config().store_url, false).await.unwrap());
    let sql = "DELETE FROM head WHERE size = (SELECT MAX(size) FROM head)";
    world.database.execute(sql).await;
    world.stop().await;
    world.database.wait_until_free().await;
    assert!(store.take_lead().await.unwrap());
    let clock: Arc<dyn Clock> = world.clock.clone();
    let config = world.config();
    let passing = guard::pass(&store, &config, Accept::default(), &clock);
    let passed = Box::pin(passing).await;
    let line = passed.err().unwrap().to_string();
    assert!(
        line.contains("the database went back while this process stood by"),
        "{line}"
    );
    store.close().await;
}

async fn a_further_journal_is_made_only_beside_a_process_that_leads(backend: Backend) {
    let mut world = attested(backend).await;
    world.database.wait_until_free().await;
    let refused = world.join("data/second").await.unwrap_err();
    if backend == Backend::Sqlite {
        assert!(matches!(refused, StoreError::JoinSqlite), "{refused}");
        world.start().await.unwrap();
        let refused = world.join("data/third").await.unwrap_err();
        assert!(matches!(refused, StoreError::JoinSqlite), "{refused}");
        return;
    }
    assert!(matches!(refused, StoreError::NobodyLeads), "{refused}");
    // Somebody who only has it open does not lead.
    let store = Store::open(&world.config().store_url, false).await.unwrap();
    let refused = world.join("data/third").await.unwrap_err();
    assert!(matches!(refused, StoreError::NobodyLeads), "{refused}");
    store.close().await;
    assert_eq!(world.database.count("journal").await, 1);
    world.start().await.unwrap();
    world.join("data/fourth").await.unwrap();
    assert_eq!(world.database.count("journal").await, 2);
}

/// An attested event, and the journal as it was before: like a standby's, it does
/// not know how the event ended.
async fn forgetful(backend: Backend) -> World {
    let mut world = World::new(backend, CENTS).await;
    let journal = world.dir().join("data/journal");
    let before = fs::read(&journal).unwrap();
    world.at(SETTLED).await;
    world.stop().await;
    fs::write(&journal, before).unwrap();
    world
}

const REOPEN: &str = "UPDATE event SET state = 'announced'";

async fn an_attestation_without_an_intent_is_never_signed_again(backend: Backend) {
    let world = forgetful(backend).await;
    for sql in ["DELETE FROM intent", REOPEN, "DELETE FROM attestation"] {
        world.database.execute(sql).await;
        let line = refusal(&world, Options::default()).await;
        let id = event_id("btc-cents", MATURITY);
        assert!(
            line.starts_with(&format!("the log attests event {id}, and neither")),
            "{line}"
        );
    }
}

async fn an_intent_that_the_log_contradicts_refuses_the_start(backend: Backend) {
    let mut world = forgetful(backend).await;
    let id = event_id("btc-cents", MATURITY);
    for (change, what) in [
        ("messages = '[\"1\"]'", "what would be signed is 1:"),
        (
            "kind = 'refund', messages = '[]'",
            "what would be signed is refund:",
        ),
    ] {
        world
            .database
            .execute("CREATE TABLE kept AS SELECT * FROM intent")
            .await;
        let sql = format!("UPDATE intent SET {change}");
        world.database.execute(&sql).await;
        let line = refusal(&world, Options::default()).await;
        assert!(line.starts_with("the log attests "), "{line}");
        assert!(line.contains(id.as_str()) && line.contains(what), "{line}");
        for sql in [
            "DELETE FROM intent",
            "INSERT INTO intent SELECT * FROM kept",
            "DROP TABLE kept",
        ] {
            world.database.execute(sql).await;
        }
    }
    // As it was, the older journal is completed.
    world.database.wait_until_free().await;
    world.start().await.unwrap();
    assert_eq!(world.event(&id).await.state, EventState::Attested);
}

async fn a_standby_does_not_take_over_an_attestation_without_an_intent(backend: Backend) {
    if backend == Backend::Sqlite {
        return;
    }
    let (mut world, standby) = with_standby().await;
    for sql in ["DELETE FROM intent", REOPEN, "DELETE FROM attestation"] {
        world.database.execute(sql).await;
    }
    world.stop().await;
    let line = end(standby).await;
    assert!(line.starts_with("the log attests event "), "{line}");
}
