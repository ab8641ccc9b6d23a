//! kill -9, a hundred times.

use std::time::Duration;

use oracle_tests::process::Server;
use tokio::sync::watch;

use crate::book::Book;
use crate::home::{BUSY, Home, now, venues};
use crate::inspect::assert_sound;

/// SIGKILLs per storm.
const ROUNDS: u64 = 100;

/// A storm in which hardly anything was attested would show nothing. Where a machine is
/// too slow for so many attestations, processes live until they have attested.
const ATTESTED: u64 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_kills_lose_no_event_and_change_no_byte_on_sqlite() {
    storm(Home::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_kills_lose_no_event_and_change_no_byte_on_postgres() {
    if let Some(home) = Home::postgres("the kill storm").await {
        storm(home).await;
    }
}

async fn storm(home: Home) {
    let venues = venues().await;
    home.configure(&venues, BUSY);
    let mut book = Book::default();
    // What kills left half done and later starts said to have found.
    let (mut unsigned, mut unjournaled) = (0, 0);
    for round in 0..ROUNDS {
        let log = round_of_kill(&home, &mut book, round).await.join("\n");
        unsigned += usize::from(log.contains("finishing committed outcomes"));
        unjournaled += usize::from(log.contains("the journal lacks intents"));
    }
    let announced_in_storm = book.announcements.len();
    let attested_in_storm = book.attestations.len();

    let mut server = Server::run(&home.config(), &[]).await;
    let url = server.ready().await.url();
    let events = book.quiet(&url, now()).await;
    book.read(&url).await.unwrap();
    for id in book.announcements.keys() {
        let matured_unfinished = !book.attestations.contains_key(id)
            && events
                .iter()
                .any(|e| e.event_id == *id && e.state != "refund" && e.state != "attested");
        assert!(!matured_unfinished, "{id} was announced and is forgotten");
    }
    book.assert_unchanged(&url).await;
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));

    let epochs = home.database.number("SELECT epoch FROM ledger").await;
    assert!(epochs > 50, "only {epochs} of {ROUNDS} starts came to lead");
    assert!(announced_in_storm > 30, "{announced_in_storm} announced");
    assert!(attested_in_storm > 10, "{attested_in_storm} attested");
    assert!(book.heads.len() > 20, "{} checkpoints", book.heads.len());
    assert_sound(&home, &book).await;
    println!(
        "{ROUNDS} kills, {epochs} epochs, {unsigned} starts found committed outcomes unsigned, \
         {unjournaled} unjournaled; {announced_in_storm} announcements and \
         {attested_in_storm} attestations read in between, {} and {} in the end",
        book.announcements.len(),
        book.attestations.len()
    );
}

/// One life: a start, and SIGKILL 0–400 ms after it or after being ready, or
/// within 100 ms after a maturity, or after the next attestation that is read if there
/// were few so far. What it logged.
async fn round_of_kill(home: &Home, book: &mut Book, round: u64) -> Vec<String> {
    let server = Server::run(&home.config(), &[]).await;
    let mut addresses = server.addresses();
    // 263 has no factor in common with 401: the delays spread evenly.
    let life = Duration::from_millis(round * 263 % 401);
    let from_ready = !round.is_multiple_of(4);
    let at_maturity = round % 4 == 3;
    let attested = |book: &Book| book.attestations.len() as u64;
    let is_slow = attested(book) * ROUNDS < ATTESTED * round;
    let (counted, mut count) = watch::channel(attested(book));
    let killer = async {
        if from_ready {
            let ready = addresses.wait_for(Option::is_some);
            let _ = tokio::time::timeout(Duration::from_secs(20), ready).await;
        }
        if at_maturity && is_slow {
            let _ = tokio::time::timeout(Duration::from_secs(20), count.changed()).await;
            tokio::time::sleep(Duration::from_millis(round % 101)).await;
        } else if at_maturity {
            // Events mature with every second, and are attested right after it.
            let into_second = u64::from(now().timestamp_subsec_millis());
            let aimed = Duration::from_millis(1000 - into_second + round % 101);
            tokio::time::sleep(aimed).await;
        } else {
            tokio::time::sleep(life).await;
        }
    };
    let mut told = server.addresses();
    let reader = async {
        loop {
            let url = match told.wait_for(Option::is_some).await.map(|a| *a) {
                Ok(Some(addresses)) => addresses.url(),
                _ => return std::future::pending::<()>().await,
            };
            // The server may be killed under any of these requests.
            let _ = book.read(&url).await;
            let now = attested(book);
            counted.send_if_modified(|count| std::mem::replace(count, now) != now);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = killer => {}
        () = reader => {}
    }
    let ended = server.kill().await;
    assert_eq!(
        ended.code(),
        None,
        "round {round} ended by itself: {:?}",
        ended.said()
    );
    ended.stderr
}
