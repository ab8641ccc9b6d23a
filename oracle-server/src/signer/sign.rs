//! Signing is arithmetic: `s = k + e·x` per digit, then a check of the whole
//! event against its announced nonces.

use oracle_schema::tag::{attestation_hash, challenge_scalar};
use secp256k1::schnorr::Signature;
use secp256k1::{Keypair, Parity, PublicKey, Scalar, SecretKey, XOnlyPublicKey};

/// The oracle's key x: the one place in the process where it stays. Cleared on drop.
///
/// Boxed, since whatever is moved leaves a copy where it was.
pub(super) struct OracleKey {
    keypair: Box<Keypair>,
    parity: Parity,
    public: XOnlyPublicKey,
}

impl OracleKey {
    pub(super) fn new(secret: &SecretKey) -> Self {
        let keypair = Box::new(secret.keypair());
        let (public, parity) = keypair.x_only_public_key();
        Self {
            keypair,
            parity,
            public,
        }
    }

    pub(super) fn public(&self) -> XOnlyPublicKey {
        self.public
    }

    /// x, negated where P has odd Y: the secret of `lift_x(P)`.
    pub(super) fn even_secret(&self) -> SecretKey {
        let secret = self.keypair.secret_key();
        match self.parity {
            Parity::Even => secret,
            Parity::Odd => secret.negate(),
        }
    }

    /// BIP340 without auxiliary randomness: the same digest, the same bytes.
    pub(super) fn sign(&self, digest: &[u8; 32]) -> Signature {
        self.keypair.sign_schnorr_no_aux_rand(digest)
    }
}

impl Drop for OracleKey {
    fn drop(&mut self) {
        self.keypair.non_secure_erase();
    }
}

/// One position of an event: what is signed there, under which nonce.
pub(super) struct Position {
    nonce: XOnlyPublicKey,
    digest: [u8; 32],
    challenge: Scalar,
}

impl Position {
    pub(super) fn new(nonce: XOnlyPublicKey, public_key: &[u8; 32], message: &str) -> Self {
        let digest = attestation_hash(message);
        Self {
            nonce,
            digest,
            challenge: challenge_scalar(&nonce.to_byte_array(), public_key, &digest),
        }
    }

    pub(super) fn challenge(&self) -> &Scalar {
        &self.challenge
    }

    /// R.x ‖ s.
    pub(super) fn signature(&self, s: &SecretKey) -> Signature {
        let mut bytes = [0; 64];
        let (r, rest) = bytes.split_at_mut(32);
        r.copy_from_slice(&self.nonce.to_byte_array());
        rest.copy_from_slice(s.as_secret_bytes());
        Signature::from_byte_array(bytes)
    }
}

/// Whether every `s_i` fits the nonce announced for its position.
///
/// One nonce: plain BIP340. More: `Σ i·s_i·G = Σ i·R_i + (Σ i·e_i)·P` with
/// weights 1…n. Without the weights, two swapped nonces would pass, and the
/// later correction would publish one nonce under two challenges.
pub(super) fn check(public_key: &XOnlyPublicKey, positions: &[Position], s: &[SecretKey]) -> bool {
    if positions.len() != s.len() {
        return false;
    }
    if positions.len() > 1
        && let Some(fits) = weighted_check(public_key, positions, s)
    {
        return fits;
    }
    positions
        .iter()
        .zip(s)
        .all(|(p, s)| p.signature(s).verify(&p.digest, public_key).is_ok())
}

/// `None` where a sum happens to be zero or infinity and says nothing.
fn weighted_check(
    public_key: &XOnlyPublicKey,
    positions: &[Position],
    s: &[SecretKey],
) -> Option<bool> {
    let nonces: Vec<PublicKey> = positions
        .iter()
        .map(|p| p.nonce.public_key(Parity::Even))
        .collect();
    let left = weighted_scalars(s.iter().copied())?.public_key();
    let challenges = positions
        .iter()
        .map(|p| SecretKey::from_secret_bytes(p.challenge.to_be_bytes()).ok())
        .collect::<Option<Vec<_>>>()?;
    let e = weighted_scalars(challenges.into_iter())?;
    let right = public_key
        .public_key(Parity::Even)
        .mul_tweak(&e.into())
        .ok()?
        .combine(&weighted_points(&nonces)?)
        .ok()?;
    Some(left == right)
}

/// Σ `i·v_i`, i from 1: the sum of all suffix sums, so additions only.
fn weighted_scalars(values: impl DoubleEndedIterator<Item = SecretKey>) -> Option<SecretKey> {
    let mut values = values.rev();
    let mut suffix = values.next()?;
    let mut total = suffix;
    for value in values {
        suffix = suffix.add_tweak(&value.into()).ok()?;
        total = total.add_tweak(&suffix.into()).ok()?;
    }
    Some(total)
}

/// Σ `i·R_i`, i from 1: per bit of the weight one sum of points, doubled up from
/// the highest bit; about n/2·log n additions and log n inversions.
fn weighted_points(points: &[PublicKey]) -> Option<PublicKey> {
    let bits = usize::BITS - points.len().leading_zeros();
    let mut total: Option<PublicKey> = None;
    for bit in (0..bits).rev() {
        let mut terms: Vec<&PublicKey> = (1_usize..)
            .zip(points)
            .filter(|(weight, _)| (weight >> bit) & 1 == 1)
            .map(|(_, point)| point)
            .collect();
        if let Some(total) = &total {
            terms.extend([total, total]);
        }
        total = Some(PublicKey::combine_keys(&terms).ok()?);
    }
    total
}
