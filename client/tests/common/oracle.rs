//! An oracle small enough to read: known keys, explicit nonces, real bytes.

use hkdf::Hkdf;
use oracle_schema::nonce_proof::NonceProof;
use oracle_schema::point::{AdaptorSecret, OutcomePoint, assign_sorted};
use oracle_schema::tag::{announcement_hash, attestation_hash, challenge_scalar};
use oracle_schema::{
    Announcement, Attestation, Descriptor, DigitsDescriptor, EnumDescriptor, EventId, Maturity,
    OracleEvent,
};
use secp256k1::schnorr::{Signature, sign_no_aux_rand};
use secp256k1::{Parity, Scalar, SecretKey, XOnlyPublicKey};
use sha2::{Digest, Sha256, Sha512};

/// The maturity of announcements that do not say another, Unix seconds.
const T: u32 = 1_795_363_200;

/// Signs whatever it is told, also what an honest oracle would not.
#[derive(Clone)]
pub struct Oracle(SecretKey);

/// An announcement and the nonces behind it.
pub struct Announced {
    pub announcement: Announcement,
    nonces: Vec<SecretKey>,
}

impl Announced {
    /// That whoever announced it knows its nonces.
    pub fn nonce_proof(&self) -> NonceProof {
        NonceProof::prove(&self.announcement, &self.nonces, &seed()).unwrap()
    }
}

/// Out of which proofs of nonces are made.
pub fn seed() -> Hkdf<Sha512> {
    Hkdf::new(None, b"a test's")
}

impl Oracle {
    pub fn new(name: &str) -> Self {
        Self(secret(name))
    }

    pub fn key(&self) -> XOnlyPublicKey {
        self.0.x_only_public_key().0
    }

    pub fn announce(&self, id: &str, descriptor: Descriptor) -> Announced {
        self.announce_at(id, descriptor, T)
    }

    /// With the maturity, Unix seconds.
    pub fn announce_at(&self, id: &str, descriptor: Descriptor, maturity: u32) -> Announced {
        let count = descriptor.nonce_count();
        let nonces = (0..count).map(|i| secret(&format!("{id}/{i}"))).collect();
        let nonces = assign_sorted(nonces, |k| k.x_only_public_key().0.to_byte_array());
        let points = nonces.iter().map(|k| k.x_only_public_key().0).collect();
        Announced {
            announcement: self.promise(id, descriptor, points, maturity),
            nonces,
        }
    }

    /// An enum event whose nonce takes the points of other oracles out of the
    /// sum for one outcome; the secret of that sum, and a, all that its maker knows
    /// of the nonce a·G − others.
    pub fn announce_against(
        &self,
        others: &OutcomePoint,
        id: &str,
        outcomes: &[&str],
        outcome: &str,
    ) -> (Announcement, AdaptorSecret, SecretKey) {
        let (a, nonce) = (0..)
            .find_map(|i| {
                let a = secret(&format!("{id}/against/{i}"));
                let nonce = a.public_key().combine(&others.point.negate()).unwrap();
                let (x, parity) = nonce.x_only_public_key();
                (parity == Parity::Even).then_some((a, x))
            })
            .unwrap();
        let joint = a.add_tweak(&self.challenged(&nonce, outcome)).unwrap();
        let announcement = self.promise(id, choice(outcomes), vec![nonce], T);
        let secret = AdaptorSecret::from_bytes(&joint.to_secret_bytes()).unwrap();
        (announcement, secret, a)
    }

    /// An enum event with the nonce of this scalar.
    pub fn announce_scalar(&self, id: &str, outcomes: &[&str], k: &SecretKey) -> Announced {
        let nonce = k.x_only_public_key().0;
        Announced {
            announcement: self.promise(id, choice(outcomes), vec![nonce], T),
            nonces: vec![*k],
        }
    }

    /// What an honest oracle never does: the nonces of an event in another one.
    pub fn announce_again(&self, past: &Announced, id: &str) -> Announcement {
        let event = &past.announcement.event;
        self.promise(id, event.descriptor.clone(), event.nonces.clone(), T)
    }

    fn promise(
        &self,
        id: &str,
        descriptor: Descriptor,
        nonces: Vec<XOnlyPublicKey>,
        maturity: u32,
    ) -> Announcement {
        let event = OracleEvent {
            nonces,
            maturity: Maturity::from_epoch(maturity),
            descriptor,
            event_id: event_id(id),
        };
        let digest = announcement_hash(&event.to_tlv());
        Announcement {
            signature: sign_no_aux_rand(&digest, &self.0.keypair()),
            oracle_public_key: self.key(),
            event,
        }
    }

    /// Signs a digest as it is.
    pub fn sign_digest(&self, digest: &[u8; 32]) -> Signature {
        sign_no_aux_rand(digest, &self.0.keypair())
    }

    /// The secret key, which an equivocation gives away.
    pub fn secret(&self) -> [u8; 32] {
        self.0.to_secret_bytes()
    }

    /// Signs these texts under the announced nonces.
    pub fn attest(&self, announced: &Announced, texts: &[&str]) -> Attestation {
        let signatures = announced.nonces.iter().zip(texts);
        Attestation {
            event_id: Some(announced.announcement.event.event_id.clone()),
            oracle_public_key: self.key(),
            signatures: signatures.map(|(k, text)| self.sign(k, text)).collect(),
            outcomes: texts.iter().map(|&text| text.to_owned()).collect(),
        }
    }

    /// The same as the first oracles did, over hashes without a tag.
    pub fn attest_untagged(&self, announced: &Announced, texts: &[&str]) -> Attestation {
        let mut attestation = self.attest(announced, texts);
        let signed = announced.nonces.iter().zip(texts);
        attestation.signatures = signed
            .map(|(k, text)| self.sign_under(k, &Sha256::digest(text.as_bytes()).into()))
            .collect();
        attestation
    }

    fn sign(&self, nonce: &SecretKey, text: &str) -> Signature {
        self.sign_under(nonce, &attestation_hash(text))
    }

    /// `s = k + e·x`, both secrets negated where their points have an odd y.
    fn sign_under(&self, nonce: &SecretKey, digest: &[u8; 32]) -> Signature {
        let r = nonce.x_only_public_key().0;
        let s = even(nonce).add_tweak(&self.challenge(&r, digest)).unwrap();
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&r.to_byte_array());
        bytes[32..].copy_from_slice(&s.to_secret_bytes());
        Signature::from_byte_array(bytes)
    }

    /// `e·x` of an outcome.
    fn challenged(&self, nonce: &XOnlyPublicKey, text: &str) -> Scalar {
        self.challenge(nonce, &attestation_hash(text))
    }

    /// `e·x`.
    fn challenge(&self, nonce: &XOnlyPublicKey, digest: &[u8; 32]) -> Scalar {
        let (r, p) = (nonce.to_byte_array(), self.key().to_byte_array());
        let e = challenge_scalar(&r, &p, digest);
        let ex = even(&self.0).mul_tweak(&e).unwrap();
        Scalar::from_be_bytes(ex.to_secret_bytes()).unwrap()
    }
}

/// The best that can be said about the nonce a·G − others without its scalar: the
/// challenge is guessed as g, T = t·G + g·others takes the unknown out, and
/// z = t + g·a would be right if the guess were.
pub fn guess_proof(others: &OutcomePoint, a: &SecretKey) -> NonceProof {
    let guess = Scalar::from(secret("guess"));
    let point = others.point.mul_tweak(&guess).unwrap();
    let (t, commitment) = (0..)
        .find_map(|i| {
            let t = secret(&format!("guess/{i}"));
            let commitment = t.public_key().combine(&point).unwrap();
            let (x, parity) = commitment.x_only_public_key();
            (parity == Parity::Even).then_some((t, x))
        })
        .unwrap();
    let z = a.mul_tweak(&guess).unwrap().add_tweak(&t.into()).unwrap();
    let proof = [commitment.to_byte_array(), z.to_secret_bytes()].concat();
    NonceProof::from_bytes(&proof).unwrap()
}

fn even(key: &SecretKey) -> SecretKey {
    match key.x_only_public_key().1 {
        Parity::Even => *key,
        Parity::Odd => key.negate(),
    }
}

fn secret(name: &str) -> SecretKey {
    SecretKey::from_secret_bytes(Sha256::digest(name.as_bytes()).into()).unwrap()
}

pub fn event_id(id: &str) -> EventId {
    EventId::parse(id).unwrap()
}

pub fn choice(outcomes: &[&str]) -> Descriptor {
    Descriptor::Enum(EnumDescriptor::normalised(outcomes).unwrap())
}

pub fn digits(base: u16, nb_digits: u16, is_signed: bool) -> Descriptor {
    let unit = "uUSD/PPC".to_owned();
    Descriptor::Digits(DigitsDescriptor::new(base, is_signed, unit, 0, nb_digits).unwrap())
}
