//! What the log says of events on the way to their end.

use oracle_client::EventState;
use oracle_feeds::loopback::{Fault, MatchStage};
use oracle_schema::log_entry::{LogEntry, StatusKind};
use oracle_tests::database::Backend;
use oracle_tests::world::World;

use crate::facts::{DELAY, MATURITY, game, id, match_event, play, until};
use crate::series::{CENTS, MATURITY as FIXING};

laws! {
    proposals_and_holds_are_in_the_log_once_each_and_before_the_end,
    what_is_overdue_is_said_to_be_late_once_across_restarts,
}

/// The log in words, without the genesis and the proofs of nonces.
async fn log(world: &World) -> Vec<String> {
    let log = world.database.log().await;
    let entries = log.iter().skip(1).filter_map(|(_, bytes)| {
        let entry = LogEntry::from_bytes(bytes).unwrap();
        let said = match entry {
            LogEntry::NonceProof { .. } => return None,
            LogEntry::Announcement { .. } => "announcement".to_owned(),
            LogEntry::Attestation { .. } => "attestation".to_owned(),
            LogEntry::Notice { .. } => "notice".to_owned(),
            LogEntry::Status(status) => match status.kind {
                StatusKind::Proposal(outcome) => format!("proposal {outcome}"),
                StatusKind::Hold => "hold".to_owned(),
                StatusKind::Late => "late".to_owned(),
            },
            other => panic!("{other:?}"),
        };
        Some(said)
    });
    entries.collect()
}

async fn proposals_and_holds_are_in_the_log_once_each_and_before_the_end(backend: Backend) {
    let mut world = World::new(backend, &match_event("cup")).await;
    play(&world, MatchStage::Finished(2, 1));
    until(&mut world, MATURITY + 240).await;
    assert_eq!(log(&world).await, ["announcement", "proposal home"]);
    world.stop().await;
    world.start().await.unwrap();
    until(&mut world, MATURITY + 300).await;
    assert_eq!(log(&world).await.len(), 2, "said once");

    let other = game("football-data", MatchStage::Finished(1, 1));
    world.venues.set_match("football-data", &other);
    until(&mut world, MATURITY + 420).await;
    assert_eq!(world.event(&id("cup")).await.state, EventState::Held);
    assert_eq!(log(&world).await.last().unwrap(), "hold");
    play(&world, MatchStage::Finished(1, 1));
    until(&mut world, MATURITY + 420 + DELAY + 120).await;
    assert_eq!(world.event(&id("cup")).await.state, EventState::Attested);
    assert_eq!(
        log(&world).await,
        [
            "announcement",
            "proposal home",
            "hold",
            "proposal draw",
            "attestation"
        ]
    );
}

async fn what_is_overdue_is_said_to_be_late_once_across_restarts(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    world.break_all(Some(&Fault::Down));
    let mut now = FIXING;
    while !log(&world).await.iter().any(|entry| entry == "late") {
        now += 60;
        assert!(now < FIXING + 86_400, "never late");
        world.at(now).await;
    }
    let ready = world.get("/readyz").await.json();
    assert_ne!(ready["overdue"], 0, "{ready}");
    world.stop().await;
    world.start().await.unwrap();
    world.at(now + 3600).await;
    world.break_all(None);
    world.at(now + 7200).await;
    assert_eq!(log(&world).await, ["announcement", "late", "attestation"]);
}
