//! An oracle with known keys: every secret is the hash of a label, so that the
//! vectors are the same on every machine. For tests only.

use oracle_schema::codec::event_tlv;
use oracle_schema::point::assign_sorted;
use oracle_schema::tag::{announcement_hash, attestation_hash, challenge_scalar};
use oracle_schema::{Announcement, Attestation, Descriptor, EventId, Maturity, OracleEvent};
use secp256k1::schnorr::Signature;
use secp256k1::{Parity, Scalar, SecretKey, XOnlyPublicKey};
use sha2::{Digest, Sha256};

pub(crate) struct TestOracle {
    label: String,
    pub(crate) secret: SecretKey,
}

pub(crate) struct Announced {
    pub(crate) announcement: Announcement,
    pub(crate) nonces: Vec<SecretKey>,
}

pub(crate) fn secret(label: &str) -> SecretKey {
    SecretKey::from_secret_bytes(Sha256::digest(label.as_bytes()).into()).unwrap()
}

pub(crate) fn xonly(secret: &SecretKey) -> XOnlyPublicKey {
    secret.x_only_public_key().0
}

/// The secret of the even-y point with the same x coordinate.
pub(crate) fn even(secret: &SecretKey) -> SecretKey {
    if secret.x_only_public_key().1 == Parity::Odd {
        secret.negate()
    } else {
        *secret
    }
}

impl TestOracle {
    pub(crate) fn new(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            secret: secret(&format!("oracle-schema vectors: {label}")),
        }
    }

    pub(crate) fn public_key(&self) -> XOnlyPublicKey {
        xonly(&self.secret)
    }

    pub(crate) fn announce(&self, id: &str, maturity: u32, descriptor: Descriptor) -> Announced {
        let nonces = (0..descriptor.nonce_count())
            .map(|i| secret(&format!("{} nonce {id} {i}", self.label)))
            .collect();
        let nonces = assign_sorted(nonces, |nonce| xonly(nonce).to_byte_array());
        let event = OracleEvent {
            nonces: nonces.iter().map(xonly).collect(),
            maturity: Maturity::from_epoch(maturity),
            descriptor,
            event_id: EventId::parse(id).unwrap(),
        };
        Announced {
            announcement: self.sign_event(event),
            nonces,
        }
    }

    /// Signs any event, also one that breaks the rules.
    pub(crate) fn sign_event(&self, event: OracleEvent) -> Announcement {
        let tlv = event_tlv(
            &event.nonces,
            event.maturity,
            &event.descriptor,
            &event.event_id,
        );
        Announcement {
            signature: self.sign_digest(&announcement_hash(&tlv)),
            oracle_public_key: self.public_key(),
            event,
        }
    }

    pub(crate) fn sign_digest(&self, digest: &[u8; 32]) -> Signature {
        self.secret.keypair().sign_schnorr_no_aux_rand(digest)
    }

    pub(crate) fn sign_text(&self, nonce: &SecretKey, text: &str) -> Signature {
        let r = xonly(nonce).to_byte_array();
        let p = self.public_key().to_byte_array();
        let e = challenge_scalar(&r, &p, &attestation_hash(text));
        let ed = even(&self.secret).mul_tweak(&e).unwrap();
        let s = even(nonce).add_tweak(&Scalar::from(ed)).unwrap();
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r);
        signature[32..].copy_from_slice(&s.to_secret_bytes());
        Signature::from_byte_array(signature)
    }

    /// Signs any texts, also those that are no outcome.
    pub(crate) fn attest(&self, announced: &Announced, texts: &[String]) -> Attestation {
        Attestation {
            event_id: Some(announced.announcement.event.event_id.clone()),
            oracle_public_key: self.public_key(),
            signatures: announced
                .nonces
                .iter()
                .zip(texts)
                .map(|(nonce, text)| self.sign_text(nonce, text))
                .collect(),
            outcomes: texts.to_vec(),
        }
    }
}
