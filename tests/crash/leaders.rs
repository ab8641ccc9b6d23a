//! Two processes, one database.

use std::time::Duration;

use oracle_server::signer::Signer;
use oracle_server::store::Store;
use oracle_tests::process::{PATIENCE, Server};

use crate::book::Book;
use crate::home::{Home, calm, config, now, signer_files, venues};
use crate::inspect::assert_sound;
use crate::journal;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_one_sqlite_file_ends_with_one_line() {
    let venues = venues().await;
    let home = Home::sqlite().await;
    home.configure(&venues, &calm(18));
    let mut first = Server::run(&home.config(), &[]).await;
    first.ready().await;

    let second = Server::run(&home.config(), &[]).await.ended().await;
    assert_eq!(second.code(), Some(1));
    assert_eq!(
        second.said(),
        ["error: another process holds this database; stop that one first (docs/starting.md)"]
    );

    // The first is not disturbed, and its place is free once it is gone.
    let mut book = Book::default();
    let url = first.ready().await.url();
    book.read_until(&url, 1).await;
    assert!(!book.announcements.is_empty());
    first.kill().await;
    let mut third = Server::run(&home.config(), &[]).await;
    book.assert_unchanged(&third.ready().await.url()).await;
    third.terminate();
    assert_eq!(third.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_database_under_another_name_is_led_by_nobody_else() {
    let venues = venues().await;
    let home = Home::sqlite().await;
    home.configure(&venues, &calm(18));
    let mut first = Server::run(&home.config(), &[]).await;
    first.ready().await;
    let database = home.path("oracle.db");
    for name in ["hard", "symbolic"] {
        // The same keys and a journal of its own: only the database says no.
        let dir = home.path(name);
        std::fs::create_dir(&dir).unwrap();
        for file in ["keystore.age", "passphrase", "journal"] {
            std::fs::copy(home.path(file), dir.join(file)).unwrap();
        }
        let link = dir.join("oracle.db");
        match name {
            "hard" => std::fs::hard_link(&database, &link).unwrap(),
            _ => std::os::unix::fs::symlink(&database, &link).unwrap(),
        }
        let store = format!("sqlite:{}", link.display());
        let file = dir.join("oracle.toml");
        std::fs::write(&file, config(&venues, &store, &calm(18))).unwrap();
        let second = Server::run(&file, &[]).await.ended().await;
        assert_eq!(second.code(), Some(1), "{name}: {:?}", second.stderr);
        assert_eq!(
            second.said(),
            ["error: another process holds this database; stop that one first (docs/starting.md)"],
            "{name}"
        );
    }
    first.terminate();
    assert_eq!(first.ended().await.code(), Some(0));
    // SQLite keeps its write-ahead log beside one name only.
    let alone = Server::run(&home.config(), &[]).await.ended().await;
    assert_eq!(alone.code(), Some(1));
    let said = alone.said().join("\n");
    assert!(
        said.contains("has 2 names") && said.contains("hard links"),
        "{said}"
    );
    std::fs::remove_file(home.path("hard/oracle.db")).unwrap();
    let mut alone = Server::run(&home.config(), &[]).await;
    alone.ready().await;
    alone.terminate();
    assert_eq!(alone.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_and_a_deposed_leader_writes_no_more() {
    let Some(home) = Home::postgres("standby and take-over").await else {
        return;
    };
    let venues = venues().await;
    home.configure(&venues, &calm(18));
    let mut book = Book::default();

    let mut a = Server::run(&home.config(), &[]).await;
    let a_at = a.ready().await;
    leads(a_at.admin).await;
    let standby_dir = standby(&home).await;
    let standby_config = standby_dir.path().join("oracle.toml");
    std::fs::write(
        &standby_config,
        config(&venues, home.database.url(), &calm(18)),
    )
    .unwrap();
    let mut b = Server::run(&standby_config, &[]).await;
    let b_at = b.ready().await;
    assert!(!leader(b_at.admin).await, "two lead");
    book.quiet(&a_at.url(), now()).await;
    book.read(&a_at.url()).await.unwrap();
    // A standby serves the same bytes.
    book.assert_unchanged(&b_at.url()).await;
    let first_epoch = epoch(&home).await;

    // The leader dies.
    a.kill().await;
    leads(b_at.admin).await;
    let second_epoch = epoch(&home).await;
    assert!(second_epoch > first_epoch, "{first_epoch} {second_epoch}");
    book.quiet(&b_at.url(), now()).await;
    book.read(&b_at.url()).await.unwrap();
    book.assert_unchanged(&b_at.url()).await;

    // The leader loses its session and does not know: the other takes over.
    let mut a = Server::run(&home.config(), &[]).await;
    let a_at = a.ready().await;
    assert!(!leader(a_at.admin).await, "two lead");
    depose_until_other_leads(&home, b_at.admin, a_at.admin).await;
    let third_epoch = epoch(&home).await;
    assert!(third_epoch > second_epoch, "{second_epoch} {third_epoch}");
    book.quiet(&a_at.url(), now()).await;
    book.read(&a_at.url()).await.unwrap();
    book.assert_unchanged(&a_at.url()).await;
    // What it wrote, it wrote as its epoch's leader: none of a later epoch.
    assert!(!leader(b_at.admin).await, "two lead");

    for server in [a, b] {
        server.terminate();
        assert_eq!(server.ended().await.code(), Some(0));
    }
    assert_sound(&home, &book).await;
    // Two journals, one truth.
    let ends = journal::assert_every_event_ends_once(&home.journal());
    for (id, messages) in journal::assert_every_event_ends_once(&standby_dir.path().join("journal"))
    {
        assert_eq!(ends.get(&id), Some(&messages), "journals about {id}");
    }
}

/// What `init --join` makes: the same keystore, a journal of its own.
async fn standby(home: &Home) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["keystore.age", "passphrase"] {
        std::fs::copy(home.path(name), dir.path().join(name)).unwrap();
    }
    let keys = Signer::create_journal(&signer_files(dir.path())).unwrap();
    let store = Store::open(home.database.url(), false).await.unwrap();
    store.join(&keys.journal_id, now()).await.unwrap();
    store.close().await;
    dir
}

async fn epoch(home: &Home) -> i64 {
    home.database.number("SELECT epoch FROM ledger").await
}

async fn leader(admin: std::net::SocketAddr) -> bool {
    let answer = reqwest::get(format!("http://{admin}/readyz"))
        .await
        .unwrap();
    let body = answer.bytes().await.unwrap();
    let ready: serde_json::Value = serde_json::from_slice(&body).unwrap();
    ready["leader"].as_bool().unwrap()
}

/// Waits until this process leads.
async fn leads(admin: std::net::SocketAddr) {
    let waiting = async {
        while !leader(admin).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}

/// Ends the session that holds the lead until the other process got it: the
/// deposed one may take it back first.
async fn depose_until_other_leads(
    home: &Home,
    from: std::net::SocketAddr,
    to: std::net::SocketAddr,
) {
    let waiting = async {
        while !leader(to).await || leader(from).await {
            if leader(from).await {
                home.database
                    .execute(
                        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l \
                         JOIN pg_database d ON d.oid = l.database AND d.datname = current_database() \
                         WHERE l.locktype = 'advisory' AND l.granted",
                    )
                    .await
                    .unwrap();
            }
            // Long enough for either to notice, short enough to catch both.
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}
