//! One key and one signature of two parties: MuSig2 (BIP327), with adaptor
//! signatures for what only the oracle can complete.

use bitcoin::key::TapTweak as _;
use bitcoin::{ScriptBuf, XOnlyPublicKey};
use musig2::secp::{MaybePoint, Point, Scalar};
use musig2::{
    AggNonce, CompactSignature, KeyAggContext, LiftedSignature, PartialSignature, PubNonce,
    SecNonce, adaptor,
};

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
        Ok(Self(
            KeyAggContext::new(keys)?.with_unspendable_taproot_tweak()?,
        ))
    }

    fn output_key(&self) -> Point {
        self.0.aggregated_pubkey()
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
    /// What the signature is encrypted to; `Infinity` for a plain signature.
    pub(crate) point: MaybePoint,
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
    Ok(adaptor::sign_partial(
        &key.0,
        secret,
        nonce,
        both,
        task.point,
        task.message,
    )?)
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
    adaptor::verify_partial(&key.0, half, both, task.point, signer, nonce, task.message)?;
    Ok(())
}

/// Both halves together: an adaptor signature that the secret of the task's
/// point will complete, which is verified here.
pub(crate) fn join(
    key: &JointKey,
    both: &AggNonce,
    task: &Task,
    halves: [PartialSignature; 2],
) -> Result<musig2::AdaptorSignature> {
    let joined =
        adaptor::aggregate_partial_signatures(&key.0, both, task.point, halves, task.message)?;
    adaptor::verify_single(key.output_key(), &joined, task.message, task.point)?;
    Ok(joined)
}

/// A signature that was encrypted to nothing, complete and verified.
pub(crate) fn plain(
    key: &JointKey,
    joined: &musig2::AdaptorSignature,
    task: &Task,
) -> Result<[u8; 64]> {
    complete(key, joined, task, musig2::secp::MaybeScalar::Zero)
}

/// Completes a signature with a secret and verifies the result.
pub(crate) fn complete(
    key: &JointKey,
    joined: &musig2::AdaptorSignature,
    task: &Task,
    secret: musig2::secp::MaybeScalar,
) -> Result<[u8; 64]> {
    let signature = force(joined, secret)?;
    let compact = CompactSignature::from_bytes(&signature)?;
    musig2::verify_single(key.output_key(), compact, task.message)?;
    Ok(signature)
}

/// What a secret makes of a signature, right or wrong.
pub(crate) fn force(
    joined: &musig2::AdaptorSignature,
    secret: musig2::secp::MaybeScalar,
) -> Result<[u8; 64]> {
    let signature: LiftedSignature = joined
        .adapt(secret)
        .ok_or("nonce and adaptor point cancel out")?;
    Ok(signature.serialize())
}
