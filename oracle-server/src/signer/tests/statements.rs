//! Nostr events: their bytes, their signatures, and whose they may be.

use oracle_schema::codec::Layout;
use oracle_schema::verify::{Verified, verify_announcement, verify_attestation};
use oracle_schema::{Announcement, Attestation};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::signer::{NostrStatement, NostrTags, SignerError, Statement};

fn messages(rig: &Rig, id: &str) -> (Verified<Announcement>, Verified<Attestation>) {
    let draft = draft(id, enum_event());
    let announced = announce(&rig.signer, &draft);
    let ticket = ticket(&draft, &announced, Outcome::Enum("above".to_owned()));
    let attested = rig.signer.attest(&[ticket]).unwrap().remove(0);
    let announcement = verify_announcement(announced.announcement).unwrap();
    let attestation = verify_attestation(attested.attestation, &announcement).unwrap();
    (announcement, attestation)
}

fn statements(rig: &Rig) -> [NostrStatement; 2] {
    let (announcement, attestation) = messages(rig, "match");
    let announcement = NostrStatement::announcement(88, 1_799_000_000, &announcement);
    let attestation =
        NostrStatement::attestation(89, 1_800_000_060, &attestation, &announcement).unwrap();
    [announcement, attestation]
}

fn refused<T: std::fmt::Debug>(result: &Result<T, SignerError>) {
    assert!(
        matches!(result, Err(SignerError::Statement(_))),
        "{result:?}"
    );
}

#[test]
fn an_event_is_signed_over_the_id_of_its_serialisation_and_the_same_each_time() {
    let rig = rig(5);
    let statements = statements(&rig);
    let [announcement, attestation] = &statements;
    assert_eq!(announcement.event().tags, Vec::<Vec<String>>::new());
    let id = hex::encode(announcement.id());
    assert_eq!(attestation.event().tags, [["e".to_owned(), id]]);
    let sign = |rig: &Rig, s| rig.signer.statement(Statement::Nostr(s)).unwrap();
    let signatures = statements.each_ref().map(|s| sign(&rig, s));
    for (statement, signature) in statements.iter().zip(&signatures) {
        let serialised = json!([
            0,
            hex::encode(rig.signer.public_key().to_byte_array()),
            statement.event().created_at,
            statement.event().kind,
            statement.event().tags,
            statement.event().content,
        ])
        .to_string();
        let id: [u8; 32] = Sha256::digest(serialised).into();
        assert_eq!(statement.id(), id);
        signature.verify(&id, &rig.signer.public_key()).unwrap();
    }
    let rig = rig.reopened();
    for (statement, signature) in statements.iter().zip(&signatures) {
        assert_eq!(sign(&rig, statement), *signature);
    }
}

#[test]
fn an_event_carries_the_message_in_the_layout_that_its_readers_know() {
    let rig = rig(6);
    let (announcement, attestation) = messages(&rig, "match");
    let [announced, attested] = statements(&rig);
    let read = |s: &NostrStatement| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD
            .decode(&s.event().content)
            .unwrap()
    };
    assert_eq!(read(&announced), announcement.to_tlv());
    assert_eq!(read(&attested), attestation.to_tlv(Layout::Counted));
}

#[test]
fn another_oracles_message_is_not_signed() {
    let (ours, theirs) = (rig(7), rig(8));
    for statement in &statements(&theirs) {
        refused(&ours.signer.statement(Statement::Nostr(statement)));
    }
}

#[test]
fn an_event_of_another_meaning_or_before_all_time_is_not_signed() {
    let rig = rig(9);
    let (announcement, attestation) = messages(&rig, "match");
    let announced = NostrStatement::announcement(88, 1_799_000_000, &announcement);
    let with = |kind: u16, at: i64| {
        let attested = NostrStatement::attestation(kind, at, &attestation, &announced).unwrap();
        [
            NostrStatement::announcement(kind, at, &announcement),
            attested,
        ]
    };
    // Kind 5 with an `e` tag would ask relays to delete the announcement.
    for (kind, at) in [0, 3, 5, 10_000, 20_089, 39_999]
        .map(|kind| (kind, 1_800_000_060))
        .into_iter()
        .chain([(88, -1)])
    {
        for statement in &with(kind, at) {
            refused(&rig.signer.statement(Statement::Nostr(statement)));
        }
    }
    for statement in &with(40_000, 0) {
        rig.signer.statement(Statement::Nostr(statement)).unwrap();
    }
}

#[test]
fn an_attestation_does_not_point_at_what_is_not_its_announcement() {
    let (rig, theirs) = (rig(10), rig(11));
    let (_, attestation) = messages(&rig, "match");
    let (another, _) = messages(&rig, "another");
    let (forged, _) = messages(&theirs, "match");
    for announcement in [another, forged] {
        let announced = NostrStatement::announcement(88, 1_799_000_000, &announcement);
        refused(&NostrStatement::attestation(
            89,
            1_800_000_060,
            &attestation,
            &announced,
        ));
    }
    let [_, attested] = statements(&rig);
    refused(&NostrStatement::attestation(
        89,
        1_800_000_060,
        &attestation,
        &attested,
    ));
}

const POLICY: &[u8] = br#"{"give_up_after_s":3600,"rule":{"above":"0.25","kind":"threshold","price":{"legs":[],"name":"ppcusd"}},"title":"Above {above}?","version":1}"#;

/// The two statements of an event with this policy, and what its tags say.
fn tagged(rig: &Rig, id: &str) -> ([NostrStatement; 2], NostrTags) {
    let mut draft = draft(id, enum_event());
    draft.policy_hash = oracle_schema::policy::policy_hash(POLICY);
    let announced = announce(&rig.signer, &draft);
    let ticket = ticket(&draft, &announced, Outcome::Enum("above".to_owned()));
    let attested = rig.signer.attest(&[ticket]).unwrap().remove(0);
    let message = verify_announcement(announced.announcement).unwrap();
    let attested = verify_attestation(attested.attestation, &message).unwrap();
    let tags = NostrTags::new(&message, POLICY).unwrap();
    let announced = NostrStatement::announcement(88, 1_799_000_000, &message);
    let announced = announced.with(tags.clone()).unwrap();
    let attested = NostrStatement::attestation(89, 1_800_000_060, &attested, &announced).unwrap();
    ([announced, attested.with(tags.clone()).unwrap()], tags)
}

#[test]
fn tags_of_the_announced_policy_are_signed_and_an_attestation_points_first() {
    let rig = rig(12);
    let ([announced, attested], _) = tagged(&rig, "match");
    for statement in [&announced, &attested] {
        let signature = rig.signer.statement(Statement::Nostr(statement)).unwrap();
        let key = rig.signer.public_key();
        signature.verify(&statement.id(), &key).unwrap();
    }
    let tags = &announced.event().tags;
    assert!(tags.contains(&vec!["title".to_owned(), "Above 0.25?".to_owned()]));
    let (first, rest) = attested.event().tags.split_first().unwrap();
    assert_eq!(first, &["e".to_owned(), hex::encode(announced.id())]);
    assert_eq!(rest, tags);
}

#[test]
fn tags_of_another_policy_or_event_are_not_signed() {
    let rig = rig(13);
    // Announced under a policy with another hash.
    let (announcement, attestation) = messages(&rig, "match");
    let tags = NostrTags::new(&announcement, POLICY).unwrap();
    let announced = NostrStatement::announcement(88, 1_799_000_000, &announcement);
    let attested =
        NostrStatement::attestation(89, 1_800_000_060, &attestation, &announced).unwrap();
    for statement in [announced, attested] {
        let statement = statement.with(tags.clone()).unwrap();
        refused(&rig.signer.statement(Statement::Nostr(&statement)));
    }
    let (_, another) = tagged(&rig, "another");
    let announced = NostrStatement::announcement(88, 1_799_000_000, &announcement);
    refused(&announced.with(another));
    refused(&NostrTags::new(&announcement, b"{}"));
}
