//! Journals and databases that were deleted, damaged, or are older than they
//! should be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use oracle_feeds::loopback::LoopbackVenues;
use oracle_schema::Announcement;
use oracle_tests::process::{Ended, Server};

use crate::book::Book;
use crate::home::{Home, calm, change_price, now, venues};
use crate::inspect::assert_sound;
use crate::journal;

/// An oracle that has attested something and was stopped.
async fn stopped(venues: &LoopbackVenues) -> (Home, Book) {
    let home = Home::sqlite().await;
    home.configure(venues, &calm(18));
    let mut book = Book::default();
    work(&home, &mut book, 4).await;
    (home, book)
}

/// Runs until readers got so many attestations, then stops properly.
async fn work(home: &Home, book: &mut Book, attestations: usize) {
    let mut server = Server::run(&home.config(), &[]).await;
    let url = server.ready().await.url();
    book.read_until(&url, attestations).await;
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
}

/// Copies of a stopped oracle's database or journal.
fn copy(home: &Home, name: &str) -> PathBuf {
    let to = home.path(&format!("{name}.old"));
    // A clean stop folds the write-ahead log back into the file.
    assert!(!home.path("oracle.db-wal").exists());
    std::fs::copy(home.path(name), &to).unwrap();
    to
}

async fn refused(home: &Home) -> String {
    let ended: Ended = Server::run(&home.config(), &[]).await.ended().await;
    let said = ended.said();
    assert_eq!(ended.code(), Some(1), "{said:?}");
    assert_eq!(said.len(), 1, "one clear line: {said:?}");
    said[0].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_or_damaged_journal_refuses_to_start() {
    let venues = venues().await;
    let (home, book) = stopped(&venues).await;
    let file = home.journal();
    let good = std::fs::read(&file).unwrap();

    let away = home.path("journal.away");
    std::fs::rename(&file, &away).unwrap();
    let line = refused(&home).await;
    assert!(
        line.contains("journal") && line.contains("is missing"),
        "{line}"
    );
    assert!(!file.exists(), "a refused start made a journal");
    std::fs::rename(&away, &file).unwrap();

    let first = journal::HEADER;
    let offsets = [
        0,              // magic
        8,              // version
        20,             // journal id
        40,             // oracle key
        first - 1,      // checksum of the header
        first,          // length: bigger than the file
        first + 3,      // length: a little off
        first + 5,      // checksum of the length
        first + 9,      // checksum of the payload
        first + 12,     // sequence
        first + 60,     // body
        good.len() / 2, // somewhere
        good.len() - 1, // the very last byte
    ];
    for offset in offsets {
        let mut edited = good.clone();
        edited[offset] ^= 0x01;
        std::fs::write(&file, &edited).unwrap();
        let line = refused(&home).await;
        assert!(
            line.contains("journal is corrupt at byte"),
            "{offset}: {line}"
        );
        assert_eq!(std::fs::read(&file).unwrap(), edited, "{offset}: touched");
    }

    // As it was, it starts.
    std::fs::write(&file, &good).unwrap();
    let mut server = Server::run(&home.config(), &[]).await;
    book.assert_unchanged(&server.ready().await.url()).await;
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
    assert_sound(&home, &book).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_journal_is_completed_from_the_database() {
    let venues = venues().await;
    let (home, mut book) = stopped(&venues).await;
    let file = home.journal();
    let good = std::fs::read(&file).unwrap();
    let records = journal::records(&file);
    assert!(records.len() >= 4);
    change_price(&venues);
    // Older by all but one record, by one, by everything; and with a torn tail.
    let one = records[0].end;
    let all_but_one = records[records.len() - 2].end;
    for length in [one, all_but_one, journal::HEADER, all_but_one + 5] {
        std::fs::write(&file, &good[..length]).unwrap();
        let more = book.attestations.len() + 1;
        work(&home, &mut book, more).await;
        assert_sound(&home, &book).await;
    }
    let mut server = Server::run(&home.config(), &[]).await;
    book.assert_unchanged(&server.ready().await.url()).await;
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_older_than_the_journal_signs_nothing_and_the_newest_goes_on() {
    let venues = venues().await;
    let (home, mut book) = stopped(&venues).await;
    let old = copy(&home, "oracle.db");
    let more = book.attestations.len() + 2;
    work(&home, &mut book, more).await;
    let newest = home.path("newest.db");
    std::fs::copy(home.path("oracle.db"), &newest).unwrap();
    let size = |file: &Path| {
        let database = crate::database::Database::sqlite(file);
        async move { database.number("SELECT MAX(size) FROM head").await }
    };
    let (was, is) = (size(&old).await, size(&newest).await);
    let heads = journal::heads(&home.journal());
    assert_eq!(heads.last(), Some(&is.unsigned_abs()), "{heads:?}");

    // The database goes back, the journal does not; the venues tell another price.
    std::fs::copy(&old, home.path("oracle.db")).unwrap();
    change_price(&venues);
    let before = std::fs::read(home.journal()).unwrap();
    for _ in 0..2 {
        let line = refused(&home).await;
        assert!(
            line.contains("the database is older than the journal"),
            "{line}"
        );
        let sizes = format!("knows {is} log entries where the database has {was}");
        assert!(line.contains(&sizes), "{line}");
        assert_eq!(std::fs::read(home.journal()).unwrap(), before, "touched");
        assert_eq!(size(&home.path("oracle.db")).await, was, "the log grew");
    }

    std::fs::copy(&newest, home.path("oracle.db")).unwrap();
    let more = book.attestations.len() + 2;
    work(&home, &mut book, more).await;
    assert_sound(&home, &book).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_oracle_with_an_edited_config_meets_no_earlier_nonce() {
    let venues = venues().await;
    let home = Home::sqlite().await;
    let far = |series: String| series.replace("\"10s\"", "\"120s\"");
    home.configure(&venues, &far(calm(18)));
    let old = copy(&home, "oracle.db");
    let old_journal = copy(&home, "journal");
    let mut first = Book::default();
    work(&home, &mut first, 2).await;
    assert!(
        first.announcements.len() > 60,
        "{}",
        first.announcements.len()
    );

    // The announcements are lost, and the series are no longer the same.
    std::fs::copy(&old, home.path("oracle.db")).unwrap();
    std::fs::copy(&old_journal, home.journal()).unwrap();
    home.configure(
        &venues,
        &far(calm(19)).replace("above = \"70000\"", "above = \"70001\""),
    );
    let mut second = Book::default();
    work(&home, &mut second, 1).await;

    let nonces = |book: &Book| -> BTreeMap<String, Vec<[u8; 32]>> {
        let mut nonces: BTreeMap<String, Vec<[u8; 32]>> = BTreeMap::new();
        for (id, tlv) in &book.announcements {
            let of = nonces.entry(id.clone()).or_default();
            for nonce in &Announcement::from_tlv(tlv).unwrap().event.nonces {
                of.push(nonce.to_byte_array());
            }
        }
        nonces
    };
    let (earlier, later) = (nonces(&first), nonces(&second));
    let again = later.keys().filter(|id| earlier.contains_key(*id)).count();
    assert!(again > 20, "only {again} events were announced twice");
    let used: std::collections::BTreeSet<&[u8; 32]> = earlier.values().flatten().collect();
    for (id, nonces) in &later {
        for nonce in nonces {
            assert!(
                !used.contains(nonce),
                "a nonce of {id} was announced before"
            );
        }
    }
    journal::assert_every_event_ends_once(&home.journal());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_of_another_past_than_the_databases_is_refused() {
    let venues = venues().await;
    let (home, mut book) = stopped(&venues).await;
    let old_database = copy(&home, "oracle.db");
    let old_journal = copy(&home, "journal");
    // One life decides …
    let more = book.attestations.len() + 6;
    work(&home, &mut book, more).await;
    let database = home.path("decided.db");
    std::fs::copy(home.path("oracle.db"), &database).unwrap();
    let decided = journal::assert_every_event_ends_once(&home.journal());

    // … and the same past decides otherwise: a whole journal, every sum right.
    std::fs::copy(&old_database, home.path("oracle.db")).unwrap();
    std::fs::copy(&old_journal, home.journal()).unwrap();
    change_price(&venues);
    let mut server = Server::run(&home.config(), &[]).await;
    let url = server.ready().await.url();
    Book::default().quiet(&url, now()).await;
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
    let otherwise = journal::assert_every_event_ends_once(&home.journal());
    assert!(
        decided
            .iter()
            .any(|(id, messages)| otherwise.get(id).is_some_and(|o| o != messages))
    );

    // Whether the database is longer or shorter than that other log.
    std::fs::copy(&database, home.path("oracle.db")).unwrap();
    let line = refused(&home).await;
    assert!(
        line.contains("journal and database are of two logs")
            || line.contains("the database is older than the journal"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_directory_signs_nothing_until_it_is_accepted() {
    let venues = venues().await;
    let (home, mut book) = stopped(&venues).await;
    let copied = home.path("copied");
    std::fs::create_dir(&copied).unwrap();
    for name in ["keystore.age", "passphrase", "journal", "oracle.db"] {
        std::fs::copy(home.path(name), copied.join(name)).unwrap();
    }
    let url = format!("sqlite:{}", copied.join("oracle.db").display());
    let text = crate::home::config(&venues, &url, &calm(18));
    let config = copied.join("oracle.toml");
    std::fs::write(&config, text).unwrap();
    let journal = std::fs::read(copied.join("journal")).unwrap();
    for _ in 0..2 {
        let ended = Server::run(&config, &[]).await.ended().await;
        assert_eq!(ended.code(), Some(1));
        let said = ended.said().join("\n");
        for part in [
            "these files were copied or restored: the database is not the file it was, \
             the journal is not the file it was;",
            "--accept-copy",
            "docs/starting.md",
        ] {
            assert!(said.contains(part), "{part:?} in {said:?}");
        }
        let now = std::fs::read(copied.join("journal")).unwrap();
        assert_eq!(now, journal, "a refused start wrote into the journal");
    }

    // The original is where it was, also when it is moved; then it is gone.
    let more = book.attestations.len() + 1;
    work(&home, &mut book, more).await;
    let moved = home.path("moved");
    std::fs::create_dir(&moved).unwrap();
    for name in ["keystore.age", "passphrase", "journal", "oracle.db"] {
        std::fs::rename(home.path(name), moved.join(name)).unwrap();
    }
    let there = moved.join("oracle.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&there, text.replace("/copied/", "/moved/")).unwrap();
    let mut server = Server::run(&there, &[]).await;
    book.assert_unchanged(&server.ready().await.url()).await;
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));

    for arguments in [&["--accept-copy"][..], &[]] {
        let mut server = Server::run(&config, arguments).await;
        server.ready().await;
        let log = server.log().join("\n");
        let accepted = log.contains("accepted by --accept-copy");
        assert_eq!(accepted, !arguments.is_empty(), "{log}");
        server.terminate();
        assert_eq!(server.ended().await.code(), Some(0));
    }
    let database = crate::database::Database::sqlite(&copied.join("oracle.db"));
    let kept = "SELECT COUNT(*) FROM accepted WHERE what = 'copy' AND recorded <> found";
    assert_eq!(database.number(kept).await, 1);
}
