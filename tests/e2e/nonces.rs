//! Proofs of nonces: of every announcement one, in the log, in the bundle, and for
//! what was announced before there were any.

use oracle_client::bundle::{Bundle, Proven};
use oracle_client::points::{Nonces, Part, Selection, joint_point};
use oracle_schema::EventId;
use oracle_schema::log_entry::LogEntry;
use oracle_schema::nonce_proof::NonceProof;
use oracle_tests::database::Backend;
use oracle_tests::world::{World, event_id};

use crate::series::{CENTS, MATURITY, MICROS, SETTLED};

laws! {
    every_announcement_has_the_proof_of_its_nonces_behind_it_and_in_its_bundle,
    what_was_announced_without_a_proof_gets_one_while_it_is_open_and_once,
    a_batch_of_announcements_that_cannot_be_published_leaves_no_proof_behind,
}

/// Positions of announcements and of what proves their nonces, verified.
async fn proofs(world: &World) -> Vec<(u64, u64)> {
    let log = world.database.log().await;
    let entries: Vec<LogEntry> = log
        .iter()
        .map(|(_, bytes)| LogEntry::from_bytes(bytes).unwrap())
        .collect();
    let mut found = Vec::new();
    for (position, entry) in (0..).zip(&entries) {
        let LogEntry::NonceProof {
            announcement_position: at,
            proof,
        } = entry
        else {
            continue;
        };
        let announced = &entries[usize::try_from(*at).unwrap()];
        let LogEntry::Announcement { announcement, .. } = announced else {
            panic!("entry {position} proves {announced:?}");
        };
        let proof = NonceProof::from_bytes(proof).unwrap();
        assert_eq!(proof.verify(announcement), Ok(()));
        found.push((*at, position));
    }
    found
}

async fn proven(world: &World, id: &EventId) -> Proven {
    let answer = world.get(&format!("/v1/events/{id}/bundle")).await;
    assert_eq!(answer.status, 200, "{}", answer.problem());
    let bundle = Bundle::parse(&answer.body).unwrap();
    bundle.verify(&world.log_key().await, None).unwrap()
}

async fn every_announcement_has_the_proof_of_its_nonces_behind_it_and_in_its_bundle(
    backend: Backend,
) {
    let mut world = World::new(backend, &format!("{CENTS}{MICROS}")).await;
    let expected = [(1, 2), (3, 4)];
    assert_eq!(proofs(&world).await, expected);
    let heads = world.database.heads().await;
    assert!(
        heads.iter().all(|(size, _)| [1, 5].contains(size)),
        "no head has an announcement and not its proof: {heads:?}"
    );
    // The same after a restart, and after the end.
    world.stop().await;
    world.start().await.unwrap();
    world.run_due().await;
    world.at(SETTLED).await;
    assert_eq!(proofs(&world).await, expected);
    let ids = ["btc-cents", "ppc-micros"].map(|series| event_id(series, MATURITY));
    let [cents, micros] = [proven(&world, &ids[0]).await, proven(&world, &ids[1]).await];
    assert!(cents.attestation().is_some() && cents.nonce_proof.is_some());
    // What a participant makes of it.
    let fetched = world.client().proven(&ids[1]).await.unwrap();
    assert_eq!(fetched.nonce_proof, micros.nonce_proof);
    let part = |proven: &Proven, nonces| {
        joint_point(&[Part {
            announcement: &proven.announcement,
            attestation: None,
            nonces,
            selection: Selection::Outcome("7".to_owned()),
        }])
    };
    assert!(part(&cents, cents.nonce_proof.map(Nonces::Proven)).is_ok());
    assert!(part(&cents, micros.nonce_proof.map(Nonces::Proven)).is_err());
}

/// What the log has of an announcement from before is no proof: here those there are
/// count for none any more.
async fn forget_proofs(world: &World) {
    let forget = "UPDATE log_entry SET entry_type = 99 WHERE entry_type = 6";
    world.database.execute(forget).await;
}

async fn what_was_announced_without_a_proof_gets_one_while_it_is_open_and_once(backend: Backend) {
    let later = MICROS.replace("2026-11-22T15:30:00Z", "2026-11-22T18:30:00Z");
    assert_ne!(later, MICROS);
    let mut world = World::new(backend, &format!("{CENTS}{later}")).await;
    world.at(SETTLED).await;
    let (ended, open) = (
        event_id("btc-cents", MATURITY),
        event_id("ppc-micros", MATURITY + 3 * 3600),
    );
    let before = world.database.log().await.len();
    world.stop().await;
    forget_proofs(&world).await;
    world.start().await.unwrap();
    assert_eq!(proven(&world, &open).await.nonce_proof, None);
    world.run_due().await;

    let proof = proven(&world, &open).await;
    assert!(proof.nonce_proof.is_some());
    assert_eq!(
        proven(&world, &ended).await.nonce_proof,
        None,
        "it has ended"
    );
    let all = proofs(&world).await;
    let added = (proof.announcement_position, u64::try_from(before).unwrap());
    assert_eq!(all.last(), Some(&added));
    assert_eq!(world.database.log().await.len(), before + 1);
    // Never again: not by a later tick, and not by a later start.
    world.at(SETTLED + 60).await;
    world.stop().await;
    world.start().await.unwrap();
    world.at(SETTLED + 120).await;
    assert_eq!(proofs(&world).await, all);
}

async fn a_batch_of_announcements_that_cannot_be_published_leaves_no_proof_behind(
    backend: Backend,
) {
    let mut world = World::create(backend, &format!("{CENTS}{MICROS}")).await;
    world.start().await.unwrap();
    // The entry of the proof cannot be written: neither is the announcement's.
    let block = "CREATE UNIQUE INDEX blocked ON log_entry (entry_type) WHERE entry_type = 6";
    world.database.execute(block).await;
    world.run_due().await;
    // One got through, the other was withdrawn, and the log has both of one or none.
    let log = world.database.log().await;
    assert_eq!((log.len(), proofs(&world).await), (3, vec![(1, 2)]));
    let ids = ["btc-cents", "ppc-micros"].map(|series| event_id(series, MATURITY));
    let mut states = Vec::new();
    for id in &ids {
        states.push(world.event(id).await.state.to_string());
    }
    states.sort();
    assert_eq!(states, ["announced", "withdrawn"]);
}
