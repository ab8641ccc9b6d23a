//! Two outcomes for one event, at the same time.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use oracle_schema::Outcome;
use oracle_server::clock::{Clock as _, TestClock};
use oracle_server::config::Config;
use oracle_server::guard::Accept;
use oracle_server::service::{Assembly, Lead};
use oracle_server::signer::Signer;
use oracle_server::store::{Candidate, ChangeError, Store};

use crate::home::{Home, calm, now, venues};

/// Attempts at once.
const ATTEMPTS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_concurrent_commits_one_outcome_wins_on_sqlite() {
    Box::pin(race(&Home::sqlite().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_concurrent_commits_one_outcome_wins_on_postgres() {
    if let Some(home) = Home::postgres("concurrent commits").await {
        Box::pin(race(&home)).await;
    }
}

async fn race(home: &Home) {
    let clock = Arc::new(TestClock::at(now()));
    let (store, signer, candidate) = announced(home, &clock).await;
    let store = Arc::new(store);
    // Past the maturity.
    clock.advance(TimeDelta::seconds(20));
    let outcomes = [
        Outcome::Enum("above".into()),
        Outcome::Enum("not_above".into()),
    ];

    let mut attempts = tokio::task::JoinSet::new();
    for n in 0..ATTEMPTS {
        let (store, candidate, clock) = (store.clone(), candidate.clone(), clock.clone());
        let outcome = outcomes[n % 2].clone();
        attempts.spawn(async move {
            let one = [(candidate, outcome.clone())];
            let result = store.commit_outcomes(&one, &[7; 32], clock.now()).await;
            (outcome, result)
        });
    }
    let (mut won, mut lost) = (Vec::new(), Vec::new());
    while let Some(attempt) = attempts.join_next().await {
        match attempt.unwrap() {
            (outcome, Ok(tickets)) => {
                assert_eq!(tickets.len(), 1);
                assert_eq!(tickets[0].outcome(), &outcome);
                won.push((outcome.to_string(), tickets));
            }
            (outcome, Err(ChangeError::Conflict { event, existing })) => {
                assert_eq!(&event, candidate.event_id());
                lost.push((outcome.to_string(), existing));
            }
            (outcome, Err(e)) => panic!("{outcome}: {e}"),
        }
    }
    let winners: BTreeSet<&String> = won.iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(winners.len(), 1, "one outcome wins: {winners:?}");
    // The identical outcome is no conflict: half of the attempts each.
    assert_eq!((won.len(), lost.len()), (ATTEMPTS / 2, ATTEMPTS / 2));
    let winner = won[0].0.clone();
    assert!(lost.iter().all(|(_, existing)| *existing == winner));
    let row = home
        .database
        .pairs::<String, String>("SELECT event_id, messages FROM intent")
        .await;
    assert_eq!(
        row,
        [(candidate.event_id().to_string(), format!("[\"{winner}\"]"))]
    );

    // Every ticket is the same one, and the signature's bytes with it.
    let signatures: BTreeSet<Vec<u8>> = won
        .iter()
        .take(10)
        .map(|(_, tickets)| signer.attest(tickets).unwrap()[0].tlv.clone())
        .collect();
    assert_eq!(signatures.len(), 1);

    // And later, from the row as it stands now.
    let loser = outcomes.iter().find(|o| o.to_string() != winner).unwrap();
    let late = [(candidate.clone(), loser.clone())];
    assert!(matches!(
        store.commit_outcomes(&late, &[7; 32], clock.now()).await,
        Err(ChangeError::Conflict { .. })
    ));
    store.close().await;
}

/// A threshold event that was really announced, on a store that leads.
async fn announced(home: &Home, clock: &Arc<TestClock>) -> (Store, Arc<Signer>, Candidate) {
    let venues = venues().await;
    home.configure(&venues, &calm(18));
    let config = Config::load(&home.config()).unwrap();
    let assembly = Assembly::open(config.clone(), clock.clone()).await.unwrap();
    let accept = Accept {
        clock: true,
        ..Accept::default()
    };
    let lead = assembly.lead(accept).await.unwrap();
    let Lead {
        mut engine, signer, ..
    } = lead.unwrap();
    engine.tick(clock.now()).await.unwrap();
    drop(engine);
    let store = assembly.store;
    let series = config.series.values().find(|s| s.id.as_str() == "above");
    let series = series.unwrap();
    let next = series.schedule.next_after(clock.now().timestamp()).unwrap();
    let maturity = oracle_schema::Maturity::from_unix(next).unwrap();
    let candidates = store
        .candidates(
            series.definition.round_key.as_str(),
            maturity,
            "",
            maturity.to_datetime(),
            10,
        )
        .await
        .unwrap();
    let candidate = candidates
        .into_iter()
        .find(|c| c.event_id().as_str().starts_with("above@"))
        .unwrap();
    let store = Arc::into_inner(store).unwrap();
    (store, signer, candidate)
}
