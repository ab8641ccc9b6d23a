//! Against `ddk-messages`, the implementation that reads the tagged dialect:
//! ours in theirs, theirs in ours. Signed digit events are left out, since ddk
//! cannot use them.

use ddk_messages::TlvRecord;
use ddk_messages::oracle_msgs::{
    DigitDecompositionEventDescriptor, EnumEventDescriptor, EventDescriptor, OracleAnnouncement,
    OracleAttestation, OracleEvent, tagged_announcement_msg, tagged_attestation_msg,
};
use oracle_schema::codec::Layout;
use oracle_schema::tag::{announcement_hash, attestation_hash};
use oracle_schema::verify::{verify_announcement, verify_attestation};
use oracle_schema::{Announcement, Attestation, Descriptor};
use secp256k1_zkp::{Keypair, Secp256k1, XOnlyPublicKey};

use crate::events::{Sample, samples};
use crate::oracle::TestOracle;

/// From the live HTTP interface of a production oracle.
const LIVE_ANNOUNCEMENT: &str = "fdd824fd012a73740e61118e5d1c2c223c986b859a42c2cca56cb621d13ff8880ea856caf24aa29bc36a1e0d5c471b6a2baa68f98a413362c4e6a97f13c04b186395e9e0d8fcc3d07289c2ade25405c1c421b38c9322cd73fb2c89f42ce0730a35fae1f8875dfdd822c60001529fadc9958e1e1cf8ea29f05a25d67e04a0c21dcbfcb99b8b24d32f274795eb68e81101fdd8064e0004086e6f742d70616964067265706169641d6c6971756964617465642d62792d6d617475726174696f6e2d646174651d6c6971756964617465642d62792d70726963652d7468726573686f6c644d6c6f616e2d6d6174757265642d38313233313935633631653439376631323465623764336266626531323232613530326233306162343139363766306466323036306133656533366635623063";

fn unsigned(oracle: &TestOracle) -> Vec<Sample> {
    let mut samples = samples(oracle);
    samples.retain(|s| match &s.announced.announcement.event.descriptor {
        Descriptor::Enum(_) => true,
        Descriptor::Digits(d) => !d.is_signed(),
    });
    assert_eq!(samples.len(), 8);
    samples
}

#[test]
fn ddk_accepts_what_we_write() {
    let oracle = TestOracle::new("first oracle");
    let secp = Secp256k1::verification_only();
    for sample in unsigned(&oracle) {
        let tlv = sample.announced.announcement.to_tlv();
        let announcement = OracleAnnouncement::from_tlv_bytes(&tlv).unwrap();
        announcement.validate(&secp).unwrap();
        assert_eq!(announcement.to_tlv_bytes(), tlv);

        let attestation = oracle.attest(&sample.announced, &sample.texts);
        let tlv = attestation.to_tlv(Layout::Counted);
        let theirs = OracleAttestation::from_tlv_bytes(&tlv).unwrap();
        theirs.validate(&secp, &announcement).unwrap();
        assert_eq!(theirs.outcomes, sample.texts);
        assert_eq!(theirs.to_tlv_bytes(), tlv);
    }
}

fn theirs(point: &secp256k1::XOnlyPublicKey) -> XOnlyPublicKey {
    XOnlyPublicKey::from_slice(&point.to_byte_array()).unwrap()
}

fn their_event(sample: &Sample) -> OracleEvent {
    let event = &sample.announced.announcement.event;
    let event_descriptor = match &event.descriptor {
        Descriptor::Enum(d) => EventDescriptor::EnumEvent(EnumEventDescriptor {
            outcomes: d.outcomes().to_vec(),
        }),
        Descriptor::Digits(d) => {
            EventDescriptor::DigitDecompositionEvent(DigitDecompositionEventDescriptor {
                base: d.base(),
                is_signed: d.is_signed(),
                unit: d.unit().to_owned(),
                precision: d.precision(),
                nb_digits: d.nb_digits(),
            })
        }
    };
    OracleEvent {
        oracle_nonces: event.nonces.iter().map(theirs).collect(),
        event_maturity_epoch: event.maturity.epoch(),
        event_descriptor,
        event_id: event.event_id.to_string(),
    }
}

#[test]
fn we_accept_what_ddk_writes() {
    let oracle = TestOracle::new("first oracle");
    let secp = Secp256k1::new();
    let key = Keypair::from_seckey_slice(&secp, &oracle.secret.to_secret_bytes()).unwrap();
    for sample in unsigned(&oracle) {
        let oracle_event = their_event(&sample);
        let digest = tagged_announcement_msg(&oracle_event);
        let made = OracleAnnouncement {
            announcement_signature: secp.sign_schnorr_no_aux_rand(&digest, &key),
            oracle_public_key: key.x_only_public_key().0,
            oracle_event,
        };
        let announcement = Announcement::from_tlv(&made.to_tlv_bytes()).unwrap();
        let hash = announcement_hash(&announcement.event.to_tlv());
        assert_eq!(digest.as_ref(), &hash);
        let announcement = verify_announcement(announcement).unwrap();

        let ours = oracle.attest(&sample.announced, &sample.texts);
        let made = OracleAttestation {
            event_id: sample.announced.announcement.event.event_id.to_string(),
            oracle_public_key: key.x_only_public_key().0,
            signatures: ours
                .signatures
                .iter()
                .map(|s| secp256k1_zkp::schnorr::Signature::from_slice(s.as_byte_array()).unwrap())
                .collect(),
            outcomes: sample.texts.clone(),
        };
        let (attestation, layout) = Attestation::from_tlv(&made.to_tlv_bytes()).unwrap();
        assert_eq!(layout, Layout::Counted);
        let attestation = verify_attestation(attestation, &announcement).unwrap();
        assert_eq!(attestation.outcomes, sample.texts);
        for text in &sample.texts {
            assert_eq!(
                tagged_attestation_msg(text).as_ref(),
                &attestation_hash(text)
            );
        }
    }
}

#[test]
fn a_production_oracles_announcement_verifies_and_is_written_back_unchanged() {
    let announcement = Announcement::from_any(LIVE_ANNOUNCEMENT.as_bytes()).unwrap();
    assert_eq!(hex::encode(announcement.to_tlv()), LIVE_ANNOUNCEMENT);
    verify_announcement(announcement).unwrap();
}
