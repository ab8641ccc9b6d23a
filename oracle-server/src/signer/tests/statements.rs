//! Nostr events: their bytes, their signatures, and whose they may be.

use oracle_schema::codec::Layout;
use oracle_schema::{Announcement, Attestation};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::signer::{NostrStatement, SignerError, Statement};

fn messages(rig: &Rig) -> (Announcement, Attestation) {
    let draft = draft("match", enum_event());
    let announced = announce(&rig.signer, &draft);
    let ticket = ticket(&draft, &announced, Outcome::Enum("above".to_owned()));
    let attested = rig.signer.attest(&[ticket]).unwrap().remove(0);
    (announced.announcement, attested.attestation)
}

fn statements(rig: &Rig) -> [NostrStatement; 2] {
    let (announcement, attestation) = messages(rig);
    let announcement = NostrStatement::announcement(88, 1_799_000_000, &announcement);
    let attestation = NostrStatement::attestation(89, 1_800_000_060, &attestation, &announcement);
    [announcement, attestation]
}

#[test]
fn an_event_is_signed_over_the_id_of_its_serialisation_and_the_same_each_time() {
    let rig = rig(5);
    let statements = statements(&rig);
    let [announcement, attestation] = &statements;
    assert_eq!(announcement.tags(), Vec::<Vec<String>>::new());
    let id = hex::encode(announcement.id());
    assert_eq!(attestation.tags(), [["e".to_owned(), id]]);
    let sign = |rig: &Rig, s| rig.signer.statement(Statement::Nostr(s)).unwrap();
    let signatures = statements.each_ref().map(|s| sign(&rig, s));
    for (statement, signature) in statements.iter().zip(&signatures) {
        let serialised = json!([
            0,
            hex::encode(rig.signer.public_key().to_byte_array()),
            statement.created_at(),
            statement.kind(),
            statement.tags(),
            statement.content(),
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
    let (announcement, attestation) = messages(&rig);
    let [announced, attested] = statements(&rig);
    let read = |s: &NostrStatement| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD
            .decode(s.content())
            .unwrap()
    };
    assert_eq!(read(&announced), announcement.to_tlv());
    assert_eq!(read(&attested), attestation.to_tlv(Layout::Counted));
}

#[test]
fn another_oracles_message_is_not_signed() {
    let (ours, theirs) = (rig(7), rig(8));
    for statement in &statements(&theirs) {
        let error = ours.signer.statement(Statement::Nostr(statement));
        assert!(matches!(error, Err(SignerError::Statement(_))), "{error:?}");
    }
}
