//! Proofs of nonces.

use std::collections::BTreeSet;

use hkdf::Hkdf;
use oracle_schema::nonce_proof::{NonceProof, NonceProofError};
use oracle_schema::tag::{attestation_hash, challenge_scalar};
use oracle_schema::{Announcement, OracleEvent};
use proptest::prelude::*;
use secp256k1::{Parity, PublicKey, SecretKey};
use sha2::Sha512;

use crate::events::{choice, digits, samples};
use crate::generate_nonce_proof::seed;
use crate::oracle::{Announced, TestOracle, secret};
use crate::vectors::{array, bytes, run};

fn prove(announced: &Announced) -> NonceProof {
    NonceProof::prove(&announced.announcement, &announced.nonces, &seed()).unwrap()
}

#[test]
fn proofs_are_as_the_vectors_say() {
    run("nonce_proof.json", 23, |case| {
        let announcement = Announcement::from_tlv(&bytes(&case["announcement"])).unwrap();
        let proof = NonceProof::from_bytes(&bytes(&case["proof"]));
        let verified = proof.clone().and_then(|proof| proof.verify(&announcement));
        if let Some(error) = case["error"].as_str() {
            assert_eq!(verified.unwrap_err().name(), error, "{}", case["name"]);
            return;
        }
        assert_eq!(verified, Ok(()), "{}", case["name"]);
        let secrets = case["nonce_secrets"].as_array().unwrap().iter();
        let secrets: Vec<SecretKey> = secrets
            .map(|k| SecretKey::from_secret_bytes(array(k)).unwrap())
            .collect();
        let seed: [u8; 32] = array(&case["nonce_seed"]);
        let made = NonceProof::prove(&announcement, &secrets, &Hkdf::<Sha512>::new(None, &seed));
        assert_eq!(made, proof);
    });
}

#[test]
fn no_two_announcements_share_a_commitment_and_one_has_one_proof() {
    let oracle = TestOracle::new("first oracle");
    let mut announcements: Vec<Announced> = samples(&oracle)
        .into_iter()
        .map(|sample| sample.announced)
        .collect();
    // The same event by the same key: only the signature is another.
    let mut again = oracle.announce("again", 1, choice(&["yes", "no"]));
    announcements.push(oracle.announce("again", 1, choice(&["yes", "no"])));
    again.announcement.signature = oracle.sign_digest(&[7; 32]);
    announcements.push(again);
    let mut commitments = BTreeSet::new();
    for announced in &announcements {
        let proof = prove(announced);
        assert_eq!(prove(announced), proof);
        assert!(commitments.insert(proof.to_bytes()[..32].to_vec()));
    }
}

#[test]
fn scalars_of_other_nonces_prove_nothing() {
    let oracle = TestOracle::new("first oracle");
    let announced = oracle.announce("event", 1, digits(10, false, 3));
    let attempt = |scalars: &[SecretKey]| {
        NonceProof::prove(&announced.announcement, scalars, &seed()).unwrap_err()
    };
    let mut scalars = announced.nonces.clone();
    scalars.swap(0, 2);
    assert_eq!(attempt(&scalars), NonceProofError::Scalars);
    assert_eq!(attempt(&announced.nonces[..2]), NonceProofError::Scalars);
    assert_eq!(attempt(&[]), NonceProofError::Scalars);
    scalars = announced.nonces.clone();
    scalars[1] = secret("another");
    assert_eq!(attempt(&scalars), NonceProofError::Scalars);
    // Either scalar of a nonce is one.
    scalars = announced.nonces.iter().map(|k| k.negate()).collect();
    let proof = NonceProof::prove(&announced.announcement, &scalars, &seed()).unwrap();
    assert_eq!(proof, prove(&announced));
}

/// Whoever announces last and cancels the other's point knows no scalar of that
/// nonce; what he knows, the sum's, proves nothing.
#[test]
fn a_nonce_that_cancels_another_oracles_is_not_proven() {
    let [first, last] = ["first oracle", "second oracle"].map(TestOracle::new);
    let honest = first.announce("match", 1, choice(&["home", "away"]));
    let nonce = honest.announcement.event.nonces[0];
    let digest = attestation_hash("home");
    let e = challenge_scalar(
        &nonce.to_byte_array(),
        &first.public_key().to_byte_array(),
        &digest,
    );
    let key: PublicKey = first.public_key().public_key(Parity::Even);
    let point = key.mul_tweak(&e).unwrap();
    let point = point.combine(&nonce.public_key(Parity::Even)).unwrap();
    let (a, rogue) = (0..64)
        .map(|n| secret(&format!("a {n}")))
        .map(|a| (a, a.public_key().combine(&point.negate()).unwrap()))
        .find(|(_, rogue)| rogue.x_only_public_key().1 == Parity::Even)
        .unwrap();
    let announcement = last.sign_event(OracleEvent {
        nonces: vec![rogue.x_only_public_key().0],
        ..honest.announcement.event.clone()
    });
    let attempt = NonceProof::prove(&announcement, &[a], &seed());
    assert_eq!(attempt, Err(NonceProofError::Scalars));
    // Nor does a proof of that scalar, or the honest oracle's.
    let own = OracleEvent {
        nonces: vec![a.x_only_public_key().0],
        ..honest.announcement.event.clone()
    };
    let of_a = NonceProof::prove(&last.sign_event(own), &[a], &seed()).unwrap();
    for proof in [of_a, prove(&honest)] {
        assert_eq!(proof.verify(&announcement), Err(NonceProofError::Wrong));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// What is proven is proven of this announcement alone, whatever bit is
    /// another one.
    #[test]
    fn a_proof_with_another_bit_is_none(
        count in 1_u16..9,
        byte in 0_usize..NonceProof::BYTES,
        bit in 0_u8..8,
    ) {
        let oracle = TestOracle::new("first oracle");
        let announced = oracle.announce("bits", count.into(), digits(2, false, count));
        let proof = prove(&announced);
        prop_assert_eq!(proof.verify(&announced.announcement), Ok(()));
        let mut spoilt = proof.to_bytes();
        prop_assert_eq!(NonceProof::from_bytes(&spoilt), Ok(proof));
        spoilt[byte] ^= 1 << bit;
        let spoilt = NonceProof::from_bytes(&spoilt);
        let verified = spoilt.and_then(|proof| proof.verify(&announced.announcement));
        prop_assert!(verified.is_err());
        let later = oracle.announce("bits", u32::from(count) + 1, digits(2, false, count));
        prop_assert_eq!(proof.verify(&later.announcement), Err(NonceProofError::Wrong));
    }
}
