//! One key and one signature of two parties: MuSig2 (BIP327), with adaptor
//! signatures for what only the oracle can complete.
//!
//! `musig2` runs the session; what comes out of it is an adaptor signature as
//! the client library knows it, which verifies, adapts and extracts.
//!
//! The adaptor point is added to the first half of the sum of nonces before
//! anything is hashed, as libsecp256k1-zkp, coinlib and `client/js` do: a party
//! that uses one of those can sign with this one. `musig2::adaptor` adds it after
//! the hash, which gives other halves, so it is not used here.

use bitcoin::key::TapTweak as _;
use bitcoin::{ScriptBuf, XOnlyPublicKey};
use musig2::secp::{MaybePoint, MaybeScalar, Point, Scalar};
use musig2::{
    AggNonce, CompactSignature, KeyAggContext, LiftedSignature, PartialSignature, PubNonce,
    SecNonce, compute_challenge_hash_tweak,
};
use oracle_client::adaptor::AdaptorSignature;
use oracle_client::points::{AdaptorSecret, OutcomePoint};

use super::Result;

/// The key of the contract's output, which both must sign for.
#[derive(Debug, Clone)]
pub(crate) struct JointKey(KeyAggContext);

impl JointKey {
    /// Aggregates the keys, whoever computes it to the same key, and commits to
    /// there being no script path: BIP341 recommends this tweak where only the
    /// key is to spend (BIP86 does it for single keys), so that either party can
    /// show that the other hid no script in the output.
    pub(crate) fn new(mut keys: [Point; 2]) -> Result<Self> {
        keys.sort();
        let key = KeyAggContext::new(keys)?.with_unspendable_taproot_tweak()?;
        Ok(Self(key))
    }

    /// Its parts.
    pub(crate) fn context(&self) -> &KeyAggContext {
        &self.0
    }

    fn output_key(&self) -> Point {
        self.0.aggregated_pubkey()
    }

    /// The key that the chain sees.
    pub(crate) fn x_only(&self) -> Result<secp256k1::XOnlyPublicKey> {
        let bytes = self.output_key().serialize_xonly();
        Ok(secp256k1::XOnlyPublicKey::from_byte_array(bytes)?)
    }

    /// Pays to the key, and to nothing else.
    pub(crate) fn script(&self) -> Result<ScriptBuf> {
        let key = XOnlyPublicKey::from_slice(&self.output_key().serialize_xonly())?;
        Ok(ScriptBuf::new_p2tr_tweaked(key.dangerous_assume_tweaked()))
    }
}

/// Something to be signed by both.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    /// The signature hash of the transaction.
    pub(crate) message: [u8; 32],
    /// What the signature is encrypted to; the refund's is to nothing.
    pub(crate) point: Option<OutcomePoint>,
}

impl Task {
    /// The sum of both nonces, with the point in it.
    pub(crate) fn sum(&self, nonces: [&PubNonce; 2]) -> Result<AggNonce> {
        let sum = AggNonce::sum(nonces);
        Ok(match &self.point {
            Some(point) => AggNonce::new(sum.R1 + public(point)?, sum.R2),
            None => sum,
        })
    }
}

fn public(point: &OutcomePoint) -> Result<MaybePoint> {
    Ok(Point::from_slice(&point.compressed())?.into())
}

/// A party's first step: a fresh nonce for each task. The secret half never
/// leaves the party, is used for one signature and consumed by it.
pub(crate) fn nonces(key: &JointKey, secret: Scalar, tasks: &[Task]) -> Result<Vec<SecNonce>> {
    tasks
        .iter()
        .map(|task| {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed)?;
            Ok(SecNonce::build_with_seckey(seed, secret)
                .with_aggregated_pubkey(key.output_key())
                .with_message(&task.message)
                .build())
        })
        .collect()
}

/// A party's second step: its half of one signature.
pub(crate) fn sign(
    key: &JointKey,
    secret: Scalar,
    nonce: SecNonce,
    both: &AggNonce,
    task: &Task,
) -> Result<PartialSignature> {
    let half = musig2::sign_partial(&key.0, secret, nonce, both, task.message)?;
    Ok(half)
}

/// Whether the other party's half is right, so that a failure names its sender.
pub(crate) fn verify_half(
    key: &JointKey,
    signer: Point,
    nonce: &PubNonce,
    both: &AggNonce,
    task: &Task,
    half: PartialSignature,
) -> Result<()> {
    musig2::verify_partial(&key.0, half, both, signer, nonce, task.message)?;
    Ok(())
}

/// Both halves together: an adaptor signature that the secret of `point` will
/// complete, which is verified here.
///
/// s' is the sum of the halves and the tweak's part in it (BIP327, `PartialSigAgg`);
/// R' is the session's nonce without the point.
pub(crate) fn join(
    key: &JointKey,
    both: &AggNonce,
    task: &Task,
    point: &OutcomePoint,
    halves: [PartialSignature; 2],
) -> Result<AdaptorSignature> {
    let output = key.output_key();
    let coefficient: MaybeScalar = both.nonce_coefficient(output, task.message);
    let nonce: Point = both.final_nonce(coefficient);
    let challenge: MaybeScalar =
        compute_challenge_hash_tweak(&nonce.serialize_xonly(), &output, task.message);
    let tweak: Scalar = key.0.tweak_sum().ok_or("the key is not tweaked")?;
    let tweaked = (challenge * tweak).negate_if(output.parity());
    let scalar = halves.into_iter().sum::<MaybeScalar>() + tweaked;
    let without = nonce - public(point)?;
    let joined = musig2::AdaptorSignature::new(without, scalar);
    let signature = AdaptorSignature::from_bytes(&joined.serialize())?;
    signature.verify(&key.x_only()?, &task.message, point)?;
    Ok(signature)
}

/// Both halves together where nothing is encrypted: a signature, verified.
pub(crate) fn join_plain(
    key: &JointKey,
    both: &AggNonce,
    task: &Task,
    halves: [PartialSignature; 2],
) -> Result<[u8; 64]> {
    let signature: CompactSignature =
        musig2::aggregate_partial_signatures(&key.0, both, halves, task.message)?;
    Ok(signature.serialize())
}

/// What a secret makes of a signature, right or wrong. Nobody needs this but to
/// show that a wrong one is refused: the library's `adapt` verifies its result.
pub(crate) fn force(signature: &AdaptorSignature, secret: &AdaptorSecret) -> Result<[u8; 64]> {
    let signature = musig2::AdaptorSignature::from_bytes(&signature.to_bytes())?;
    let forced: LiftedSignature = signature
        .adapt(MaybeScalar::from_slice(&secret.to_bytes())?)
        .ok_or("nonce and adaptor point cancel out")?;
    Ok(forced.serialize())
}
