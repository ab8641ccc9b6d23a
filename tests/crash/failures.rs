//! Writes that fail, and writes that are kept but reported as failed: the work
//! stays due, and ends once, with the same bytes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use oracle_feeds::loopback::LoopbackVenues;
use oracle_tests::http::get;
use oracle_tests::process::{PATIENCE, Server};

use crate::book::Book;
use crate::home::{Home, calm, change_price, config, now, venues};
use crate::inspect::assert_sound;
use crate::{journal, proxy};

/// How long writes fail.
const OUTAGE: Duration = Duration::from_secs(5);

/// Outcomes that are committed and not attested.
const PROMISED: &str = "SELECT COUNT(*) FROM intent i WHERE kind = 'attest' AND NOT EXISTS \
                        (SELECT 1 FROM attestation a WHERE a.event_id = i.event_id)";

#[tokio::test(flavor = "multi_thread")]
async fn commits_cut_before_or_after_they_are_kept_end_in_one_attestation() {
    let Some(home) = Home::postgres("cut commits").await else {
        return;
    };
    let venues = venues().await;
    let (_, rest) = home.database.url().split_once('@').unwrap();
    let (upstream, name) = rest.split_once('/').unwrap();
    let (address, cuts) = proxy::before(upstream.to_owned()).await;
    let through = home.database.url().replace(
        &format!("{upstream}/{name}"),
        &format!("{address}/{name}?sslmode=disable"),
    );
    std::fs::write(home.config(), config(&venues, &through, &calm(18))).unwrap();

    let mut server = Server::run(&home.config(), &[]).await;
    let url = server.ready().await.url();
    let mut book = Book::default();
    book.read_until(&url, 1).await;
    cuts.arm(true);
    let enough = async {
        while cuts.failed.load(Ordering::SeqCst) < 8 || cuts.persisted.load(Ordering::SeqCst) < 8 {
            // The service may have no connection just now.
            let _ = book.read(&url).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), enough)
        .await
        .unwrap();
    cuts.arm(false);
    book.quiet(&url, now()).await;
    book.read(&url).await.unwrap();
    book.assert_unchanged(&url).await;
    server.terminate();
    let ended = server.ended().await;
    assert_eq!(ended.code(), Some(0), "{:?}", ended.said());
    assert_sound(&home, &book).await;
    println!("{cuts:?}; {} attestations", book.attestations.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_written_is_written_later_once_on_sqlite() {
    outages(Home::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_written_is_written_later_once_on_postgres() {
    if let Some(home) = Home::postgres("failing writes").await {
        outages(home).await;
    }
}

/// The database refuses intents for a while, then attestations.
async fn outages(home: Home) {
    let venues = venues().await;
    home.configure(&venues, &calm(18));
    let mut server = Server::run(&home.config(), &[]).await;
    let url = server.ready().await.url();
    let mut book = Book::default();
    book.read_until(&url, 1).await;
    for table in ["intent", "attestation"] {
        outage(&home, &venues, table).await;
        book.quiet(&url, now()).await;
        book.read(&url).await.unwrap();
    }
    book.assert_unchanged(&url).await;
    server.terminate();
    let ended = server.ended().await;
    assert_eq!(ended.code(), Some(0), "{:?}", ended.said());
    let failed = ended
        .stderr
        .iter()
        .any(|l| l.contains("disk is full, says the test"));
    assert!(failed, "no write failed");
    assert_sound(&home, &book).await;
}

/// One table takes no rows. What is promised in the journal by then is what is
/// attested afterwards, although the venues tell another price by then.
async fn outage(home: &Home, venues: &LoopbackVenues, table: &str) {
    refuse_rows(home, table).await;
    // Rounds are decided in this time and find no room.
    tokio::time::sleep(OUTAGE).await;
    let promised = journal::assert_every_event_ends_once(&home.journal());
    if table == "attestation" {
        assert!(
            home.database.number(PROMISED).await > 0,
            "nothing was held up"
        );
        change_price(venues);
    }
    take_rows(home, table).await;
    let later = async {
        while home.database.number(PROMISED).await > 0 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), later)
        .await
        .unwrap();
    let kept = journal::assert_every_event_ends_once(&home.journal());
    for (id, messages) in promised {
        assert_eq!(kept.get(&id), Some(&messages), "promise about {id}");
    }
}

/// Every insertion into this table fails from now on.
async fn refuse_rows(home: &Home, table: &str) {
    let make: Vec<String> = if home.database.is_postgres() {
        vec![
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'disk is full, says the test'; END $$"
                .to_owned(),
            format!("CREATE TRIGGER refuse BEFORE INSERT ON {table} EXECUTE FUNCTION refuse()"),
        ]
    } else {
        vec![format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON {table} BEGIN \
             SELECT RAISE(ABORT, 'disk is full, says the test'); END"
        )]
    };
    for sql in make {
        home.database.execute(&sql).await.unwrap();
    }
}

/// Insertions succeed again.
async fn take_rows(home: &Home, table: &str) {
    let drop = if home.database.is_postgres() {
        format!("DROP TRIGGER refuse ON {table}")
    } else {
        "DROP TRIGGER refuse".to_owned()
    };
    home.database.execute(&drop).await.unwrap();
}

/// Writes of the write-ahead log fail, as on a full or broken disk; once there is room
/// again, the same process goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_disk_was_full_goes_on_by_itself() {
    const ROOM: u64 = 128 * 1024;
    let home = Home::sqlite().await;
    let venues = venues().await;
    home.configure(&venues, &calm(18));
    let mut server = Server::run_after("trap '' XFSZ", &home.config(), &[]).await;
    let addresses = server.ready().await;
    let url = addresses.url();
    let mut book = Book::default();
    book.read_until(&url, 1).await;
    // The journal has room: what fails is the database.
    let journal = std::fs::metadata(home.journal()).unwrap().len();
    server.limit_files(Some(journal + ROOM));
    let failed = |server: &Server| {
        let log = server.log();
        log.iter().filter(|l| l.contains("tick failed")).count()
    };
    let full = async {
        while failed(&server) < 3 || get(&url, "/readyz", &[]).await.status != 503 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, full).await.unwrap();
    server.limit_files(None);
    let before = book.attestations.len();
    let later = async {
        loop {
            let _ = book.read(&url).await;
            let ready = get(&url, "/readyz", &[]).await.status == 200;
            if ready && book.attestations.len() > before + 4 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, later).await.unwrap();
    book.quiet(&url, now()).await;
    book.assert_unchanged(&url).await;
    server.terminate();
    let ended = server.ended().await;
    assert_eq!(ended.code(), Some(0), "{:?}", ended.said());
    let mut log = ended.stderr.iter();
    assert!(
        log.any(|l| l.contains("its connection is closed")),
        "no connection was stuck"
    );
    assert_sound(&home, &book).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_survives_a_kill_and_another_price_on_sqlite() {
    killed_with_a_promise(Home::sqlite().await, Journal::Kept).await;
    killed_with_a_promise(Home::sqlite().await, Journal::NotWritten).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_survives_a_kill_and_another_price_on_postgres() {
    for at in [Journal::Kept, Journal::NotWritten] {
        if let Some(home) = Home::postgres("kill after a promise").await {
            killed_with_a_promise(home, at).await;
        }
    }
}

/// Where the kill came: after the journal's fsync, or before its write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Journal {
    Kept,
    NotWritten,
}

/// Killed between the intent row and the attestation: exactly what was promised
/// is attested by the next life, whatever the venues say by then.
async fn killed_with_a_promise(home: Home, journal: Journal) {
    let venues = venues().await;
    home.configure(&venues, &calm(18));
    let mut server = Server::run(&home.config(), &[]).await;
    let mut book = Book::default();
    book.read_until(&server.ready().await.url(), 1).await;
    refuse_rows(&home, "attestation").await;
    let waiting = async {
        while home.database.number(PROMISED).await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), waiting)
        .await
        .unwrap();
    server.kill().await;
    take_rows(&home, "attestation").await;
    let promises = home
        .database
        .pairs::<String, String>(
            "SELECT event_id, messages FROM intent i WHERE kind = 'attest' AND NOT EXISTS \
             (SELECT 1 FROM attestation a WHERE a.event_id = i.event_id)",
        )
        .await;
    assert!(!promises.is_empty());
    if journal == Journal::NotWritten {
        // As if the kill had come before the record: nothing was signed by it.
        let kept = journal::records(&home.journal())
            .into_iter()
            .take_while(|r| promises.iter().all(|(id, _)| *id != r.event))
            .last()
            .map_or(journal::HEADER, |r| r.end);
        let bytes = std::fs::read(home.journal()).unwrap();
        std::fs::write(home.journal(), &bytes[..kept]).unwrap();
    }
    change_price(&venues);

    let mut server = Server::run(&home.config(), &[]).await;
    let url = server.ready().await.url();
    book.quiet(&url, now()).await;
    book.read(&url).await.unwrap();
    book.assert_unchanged(&url).await;
    server.terminate();
    let ended = server.ended().await;
    assert_eq!(ended.code(), Some(0), "{:?}", ended.said());
    let ends = journal::assert_every_event_ends_once(&home.journal());
    for (id, messages) in promises {
        let messages: Vec<String> = serde_json::from_str(&messages).unwrap();
        assert_eq!(ends.get(&id), Some(&messages), "promise about {id}");
        assert!(book.attestations.contains_key(&id), "{id} is not attested");
    }
    assert_sound(&home, &book).await;
}
