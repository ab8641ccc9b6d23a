//! Adaptor signatures against an implementation by others: the `musig2` crate,
//! alone and in sessions of two.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use musig2::secp::{MaybePoint, Point, Scalar};
use musig2::{
    AggNonce, CompactSignature, KeyAggContext, LiftedSignature, PartialSignature, SecNonce, adaptor,
};
use oracle_client::adaptor::{AdaptorError, AdaptorSignature};
use oracle_client::coinlib::SchnorrAdaptorSignature;
use oracle_client::points::AdaptorSecret;
use secp256k1::{Keypair, SecretKey, XOnlyPublicKey};
use sha2::{Digest, Sha256};

fn bytes(label: &str) -> [u8; 32] {
    Sha256::digest(label.as_bytes()).into()
}

fn key(label: &str) -> Keypair {
    SecretKey::from_secret_bytes(bytes(label))
        .unwrap()
        .keypair()
}

/// Enough rounds for every combination of parities to occur many times.
const ROUNDS: usize = 64;

#[test]
fn what_this_crate_signs_the_other_verifies_adapts_and_reveals() {
    for round in 0..ROUNDS {
        let label = |name: &str| format!("{name} {round}");
        let key = key(&label("key"));
        let message = bytes(&label("message"));
        let secret = AdaptorSecret::from_bytes(&bytes(&label("secret"))).unwrap();
        let ours = AdaptorSignature::sign(&key, &message, &secret.point(), &[0; 32]).unwrap();

        let theirs = musig2::AdaptorSignature::from_bytes(&ours.to_bytes()).unwrap();
        let point = Point::from_slice(&secret.point().compressed()).unwrap();
        let public = Point::from_slice(&key.public_key().serialize()).unwrap();
        adaptor::verify_single(public, &theirs, message, point).unwrap();
        let scalar = Scalar::from_slice(&secret.to_bytes()).unwrap();
        let adapted: CompactSignature = theirs.adapt(scalar).unwrap();
        let (x_only, _) = key.x_only_public_key();
        let completed = ours.adapt(&secret, &x_only, &message).unwrap();
        assert_eq!(completed.to_byte_array(), adapted.serialize());
        let lifted = LiftedSignature::from_bytes(&completed.to_byte_array()).unwrap();
        let revealed: musig2::secp::MaybeScalar = theirs.reveal_secret(&lifted).unwrap();
        assert_eq!(revealed.serialize(), secret.to_bytes());
    }
}

/// Two parties, the funding key tweaked as taproot has it, one adaptor signature.
fn session(label: &str, message: &[u8; 32], point: Point) -> (XOnlyPublicKey, AdaptorSignature) {
    let secrets =
        ["alice", "bob"].map(|who| Scalar::reduce_from(&bytes(&format!("{who} {label}"))));
    let keys = secrets.map(|secret| secret.base_point_mul());
    let context = KeyAggContext::new(keys).unwrap();
    let context = context.with_unspendable_taproot_tweak().unwrap();
    let aggregated: Point = context.aggregated_pubkey();
    let nonces: Vec<_> = secrets
        .iter()
        .enumerate()
        .map(|(i, secret)| {
            SecNonce::build_with_seckey(bytes(&format!("nonce {i} {label}")), *secret)
                .with_message(message)
                .build()
        })
        .collect();
    let public_nonces = nonces.iter().map(SecNonce::public_nonce);
    let sum = AggNonce::sum(public_nonces);
    let partial: Vec<PartialSignature> = secrets
        .iter()
        .zip(nonces)
        .map(|(secret, nonce)| {
            adaptor::sign_partial(&context, *secret, nonce, &sum, point, message).unwrap()
        })
        .collect();
    let signature = adaptor::aggregate_partial_signatures(
        &context,
        &sum,
        MaybePoint::Valid(point),
        partial,
        message,
    )
    .unwrap();
    let x_only = XOnlyPublicKey::from_byte_array(aggregated.serialize_xonly()).unwrap();
    let ours = AdaptorSignature::from_bytes(&signature.serialize()).unwrap();
    (x_only, ours)
}

#[test]
fn two_parties_sessions_are_verified_completed_and_give_the_secret_away() {
    let mut odd = [0; 3];
    for round in 0..ROUNDS {
        let label = round.to_string();
        let message = bytes(&format!("message {round}"));
        let secret = AdaptorSecret::from_bytes(&bytes(&format!("secret {round}"))).unwrap();
        let point = secret.point();
        let their_point = Point::from_slice(&point.compressed()).unwrap();
        let (key, signed) = session(&label, &message, their_point);

        signed.verify(&key, &message, &point).unwrap();
        let completed = signed.adapt(&secret, &key, &message).unwrap();
        secp256k1::schnorr::verify(&completed, &message, &key).unwrap();
        assert_eq!(signed.extract(&completed, &point).unwrap(), secret);

        // The other oracle's outcome, and the other half of the x-only point.
        let other = AdaptorSecret::from_bytes(&bytes("another outcome")).unwrap();
        for wrong in [other, secret.negated()] {
            let refused = signed.adapt(&wrong, &key, &message);
            assert_eq!(refused, Err(AdaptorError::NotCompleted));
        }
        let parities = [
            point.odd_y(),
            signed.to_bytes()[0] == 3,
            SchnorrAdaptorSignature::new(&signed, &point)
                .unwrap()
                .parity,
        ];
        for (count, is_odd) in odd.iter_mut().zip(parities) {
            *count += usize::from(is_odd);
        }
    }
    assert!(odd.iter().all(|n| (8..ROUNDS - 8).contains(n)), "{odd:?}");
}

#[test]
fn one_message_under_two_points_uses_two_nonces() {
    let key = key("key");
    let sign = |secret: &str, aux| {
        let point = AdaptorSecret::from_bytes(&bytes(secret)).unwrap().point();
        AdaptorSignature::sign(&key, &[9; 32], &point, &aux).unwrap()
    };
    let nonce = |signed: AdaptorSignature| signed.to_bytes()[1..33].to_vec();
    // The same nonce under two challenges would reveal the key.
    assert_ne!(nonce(sign("a", [0; 32])), nonce(sign("b", [0; 32])));
    assert_ne!(nonce(sign("a", [0; 32])), nonce(sign("a", [1; 32])));
    assert_eq!(sign("a", [0; 32]), sign("a", [0; 32]));
}
