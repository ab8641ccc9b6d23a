//! The log: everything ever published, in order, to the byte.

use oracle_feeds::loopback::Fault;
use oracle_schema::log_entry::{LogEntry, NoticeKind, StatusKind};
use oracle_schema::nonce_proof::NonceProof;
use oracle_schema::verify::{verify_announcement, verify_attestation};
use oracle_tests::database::Backend;
use oracle_tests::made::NETWORK;
use oracle_tests::world::{World, event_id};

use crate::series::{CENTS, MATURITY, MICROS, SETTLED};

laws! {
    the_log_is_gapless_from_genesis_and_holds_what_is_served,
    heads_grow_and_their_time_is_strictly_increasing,
}

/// An attested event, a refunded one, and a restart in between.
async fn history(backend: Backend) -> World {
    let refunded = CENTS
        .replace("btc-cents", "refunded")
        .replace("announce_ahead", "give_up_after = \"90s\"\nannounce_ahead");
    let mut world = World::new(backend, &format!("{CENTS}{MICROS}{refunded}")).await;
    world.break_all(Some(&Fault::Down));
    world.at(SETTLED).await;
    world.stop().await;
    world.start().await.unwrap();
    world.at(MATURITY + 90).await;
    world.break_all(None);
    world.at(MATURITY + 600).await;
    world
}

async fn the_log_is_gapless_from_genesis_and_holds_what_is_served(backend: Backend) {
    let world = history(backend).await;
    let oracle = world.client().oracle().await.unwrap();
    let log = world.database.log().await;
    // Three announced, with proofs; one refunded; two late, then attested.
    assert_eq!(log.len(), 1 + 2 * 3 + 1 + 2 + 2);
    let mut announcements = Vec::new();
    for ((position, bytes), expected) in log.iter().zip(0..) {
        assert_eq!(*position, expected);
        let entry = LogEntry::from_bytes(bytes).unwrap();
        assert_eq!(&entry.to_bytes().unwrap(), bytes, "one encoding");
        assert_eq!(matches!(entry, LogEntry::Genesis(_)), *position == 0);
        match entry {
            LogEntry::Genesis(genesis) => {
                genesis.verify().unwrap();
                let statement = genesis.statement;
                assert_eq!(statement.oracle_public_key, oracle.public_key);
                assert_eq!(statement.log_public_key, oracle.log_public_key);
                assert_eq!(statement.log_origin, oracle.log_origin);
                assert_eq!(statement.network, NETWORK);
            }
            LogEntry::Announcement { announcement, .. } => {
                let id = announcement.event.event_id.clone();
                let path = format!("/v1/announcements/{id}?format=tlv");
                assert_eq!(world.get(&path).await.body, announcement.to_tlv());
                let event = world.json(&format!("/v1/events/{id}")).await;
                assert_eq!(event["announcement_position"], *position);
                announcements.push((*position, verify_announcement(announcement).unwrap()));
            }
            LogEntry::Attestation {
                announcement_position,
                attestation,
                ..
            } => {
                let id = attestation.event_id.clone().unwrap();
                let path = format!("/v1/attestations/{id}?format=tlv");
                let served = world.get(&path).await.body;
                assert!(
                    bytes.ends_with(&served),
                    "the served bytes are the logged ones"
                );
                let event = world.json(&format!("/v1/events/{id}")).await;
                assert_eq!(event["attestation_position"], *position);
                let (_, announcement) = announcements
                    .iter()
                    .find(|(p, _)| p.unsigned_abs() == announcement_position)
                    .unwrap();
                verify_attestation(attestation, announcement).unwrap();
            }
            LogEntry::NonceProof {
                announcement_position,
                proof,
            } => {
                let (at, announcement) = announcements.last().unwrap();
                assert_eq!(
                    (at.unsigned_abs(), at + 1),
                    (announcement_position, *position)
                );
                let proof = NonceProof::from_bytes(&proof).unwrap();
                assert_eq!(proof.verify(announcement), Ok(()));
            }
            LogEntry::OperatorAction(action) => action.verify().unwrap(),
            LogEntry::Status(status) => {
                assert_eq!(status.kind, StatusKind::Late, "the venues were down");
                assert!(!status.reason.is_empty());
            }
            LogEntry::Notice {
                kind,
                event_id: id,
                reason,
                ..
            } => {
                assert_eq!(kind, NoticeKind::Refund);
                assert_eq!(id, event_id("refunded", MATURITY));
                assert_eq!(world.event(&id).await.reason, Some(reason));
            }
        }
    }
}

async fn heads_grow_and_their_time_is_strictly_increasing(backend: Backend) {
    let world = history(backend).await;
    let heads = world.database.heads().await;
    assert!(heads.len() >= 4, "{heads:?}");
    assert_eq!(heads.first().unwrap().0, 1, "genesis alone");
    assert_eq!(heads.last().unwrap().0, 12, "everything is covered");
    for pair in heads.windows(2) {
        assert!(pair[0].0 < pair[1].0, "{pair:?}");
        assert!(pair[0].1 < pair[1].1, "{pair:?}");
    }
}
