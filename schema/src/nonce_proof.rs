//! One proof that whoever announced an event knows the scalars of all its
//! nonces.
//!
//! An announcement's signature proves that its maker knows the scalar of P; of the
//! nonces it proves nothing. Who adds up points of several oracles needs to know
//! more: whoever announces last could choose a nonce that cancels the others'
//! ([`crate::point`]). This proof is a Schnorr proof of the sum Σ cⁱ·Rᵢ:
//!
//! - T = t·G, with an even y,
//! - c = `H_tag(x(T) ‖ P ‖ SHA-256(announcement TLV))` mod n,
//! - z = t + Σ cⁱ·kᵢ for i = 1 … number of nonces, kᵢ the scalar of the even-y Rᵢ,
//! - valid where z·G = T + Σ cⁱ·Rᵢ.
//!
//! Who can answer one T for as many c as there are nonces and one more knows every
//! kᵢ: the cⁱ are a Vandermonde matrix (batch Schnorr: Gennaro, Leigh, Sundaram,
//! Yerazunis, "Batching Schnorr identification scheme with applications", 2004).
//! c binds the proof to the whole announcement, its signature included, so it fits
//! no other.
//!
//! **t never meets two challenges**: two answers to one T are an equation in the
//! nonces, and as many as there are nonces give them all away, with them the
//! oracle's key. So t is derived from a seed and from exactly what c is made of
//! besides T: the same announcement gives the same proof, another one another t.

use hkdf::Hkdf;
use secp256k1::{Parity, PublicKey, Scalar, SecretKey, XOnlyPublicKey};
use sha2::{Digest, Sha256, Sha512};

use crate::announcement::Announcement;
use crate::tag::{reduce, tagged_hash};

/// Tag of the challenge.
pub const NONCE_PROOF_TAG: &str = "peercoin-dlc-oracle/nonce-proof/v1";

/// Domain of t among all that is derived from a nonce seed.
const SECRET_DOMAIN: &[u8] = b"peercoin-dlc-oracle/nonce-proof-secret/v1";

/// Why bytes are no proof, or a proof not one of an announcement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NonceProofError {
    /// Not 64 bytes.
    #[error("a proof of nonces has 64 bytes, not {0}")]
    Length(usize),
    /// The first half is not on the curve.
    #[error("the commitment is not the x coordinate of a point")]
    Commitment,
    /// The second half is no scalar.
    #[error("the response is not a scalar between 1 and the group order")]
    Response,
    /// It proves something else.
    #[error("the proof is not one of this announcement's nonces")]
    Wrong,
    /// Other scalars than those of the announced nonces, or another number of them.
    #[error("the scalars are not those of the announced nonces")]
    Scalars,
}

impl NonceProofError {
    /// The name that the vectors use.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Length(_) => "length",
            Self::Commitment => "commitment",
            Self::Response => "response",
            Self::Wrong => "wrong",
            Self::Scalars => "scalars",
        }
    }
}

/// A proof of knowledge of all nonces of one announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonceProof {
    commitment: XOnlyPublicKey,
    /// Between 1 and n − 1.
    response: Scalar,
}

impl NonceProof {
    /// x(T) ‖ z.
    pub const BYTES: usize = 64;

    /// Reads exactly one proof.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NonceProofError> {
        let wrong = NonceProofError::Length(bytes.len());
        let whole: &[u8; Self::BYTES] = bytes.try_into().map_err(|_| wrong.clone())?;
        let (commitment, rest) = whole.split_first_chunk::<32>().ok_or(wrong.clone())?;
        let response: [u8; 32] = rest.try_into().map_err(|_| wrong)?;
        Ok(Self {
            commitment: XOnlyPublicKey::from_byte_array(*commitment)
                .map_err(|_| NonceProofError::Commitment)?,
            response: Scalar::from_be_bytes(response)
                .ok()
                .filter(|z| *z != Scalar::ZERO)
                .ok_or(NonceProofError::Response)?,
        })
    }

    /// The only encoding.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let (commitment, response) = bytes.split_at_mut(32);
        commitment.copy_from_slice(&self.commitment.to_byte_array());
        response.copy_from_slice(&self.response.to_be_bytes());
        bytes
    }

    /// Proves that `scalars` are those of the announcement's nonces, in their
    /// order; either of the two that a nonce's x coordinate has.
    ///
    /// `seed`: the extracted nonce seed, from which t is derived. Nothing is
    /// answered that does not verify.
    pub fn prove(
        announcement: &Announcement,
        scalars: &[SecretKey],
        seed: &Hkdf<Sha512>,
    ) -> Result<Self, NonceProofError> {
        let nonces = &announcement.event.nonces;
        if scalars.len() != nonces.len() {
            return Err(NonceProofError::Scalars);
        }
        let content = Content::of(announcement);
        let (mut t, commitment) = content.secret(seed).ok_or(NonceProofError::Scalars)?;
        let c = content.challenge(&commitment);
        let response = respond(nonces, scalars, &t, &c);
        t.non_secure_erase();
        let proof = Self {
            commitment,
            response: response.ok_or(NonceProofError::Scalars)?.into(),
        };
        proof.check(announcement, &content)?;
        Ok(proof)
    }

    /// Whether whoever made it knew the scalar of each nonce of `announcement`. It
    /// says nothing of the announcement's own signature.
    pub fn verify(&self, announcement: &Announcement) -> Result<(), NonceProofError> {
        self.check(announcement, &Content::of(announcement))
    }

    fn check(&self, announcement: &Announcement, content: &Content) -> Result<(), NonceProofError> {
        let c = content.challenge(&self.commitment);
        let right = weighted_sum(&announcement.event.nonces, &c)
            .and_then(|sum| sum.combine(&self.commitment.public_key(Parity::Even)).ok());
        let left = SecretKey::from_secret_bytes(self.response.to_be_bytes());
        match (left, right) {
            (Ok(z), Some(right)) if z.public_key() == right => Ok(()),
            _ => Err(NonceProofError::Wrong),
        }
    }
}

/// What a proof is bound to, and t derived from.
struct Content {
    public_key: [u8; 32],
    /// SHA-256 of the announcement TLV.
    announcement: [u8; 32],
}

impl Content {
    fn of(announcement: &Announcement) -> Self {
        Self {
            public_key: announcement.oracle_public_key.to_byte_array(),
            announcement: Sha256::digest(announcement.to_tlv()).into(),
        }
    }

    fn challenge(&self, commitment: &XOnlyPublicKey) -> Scalar {
        let commitment = commitment.to_byte_array();
        let parts: [&[u8]; 3] = [&commitment, &self.public_key, &self.announcement];
        reduce(tagged_hash(NONCE_PROOF_TAG, &parts))
    }

    /// t of the even-y T, and T. `None` where it is zero: never.
    fn secret(&self, seed: &Hkdf<Sha512>) -> Option<(SecretKey, XOnlyPublicKey)> {
        let info = [SECRET_DOMAIN, &self.public_key, &self.announcement];
        let mut bytes = [0; 32];
        seed.expand_multi_info(&info, &mut bytes).ok()?;
        let mut t = SecretKey::from_secret_bytes(reduce(bytes).to_be_bytes()).ok()?;
        let (commitment, parity) = t.x_only_public_key();
        if parity == Parity::Odd {
            t = t.negate();
        }
        Some((t, commitment))
    }
}

/// t + Σ cⁱ·kᵢ. `None` where a scalar is not of its nonce, or a sum is zero: never.
fn respond(
    nonces: &[XOnlyPublicKey],
    scalars: &[SecretKey],
    t: &SecretKey,
    c: &Scalar,
) -> Option<SecretKey> {
    let mut sum: Option<SecretKey> = None;
    for (nonce, k) in nonces.iter().zip(scalars).rev() {
        let (public, parity) = k.x_only_public_key();
        if public != *nonce {
            return None;
        }
        let mut even = match parity {
            Parity::Even => *k,
            Parity::Odd => k.negate(),
        };
        let next = match sum {
            None => even,
            Some(sum) => sum.add_tweak(&even.into()).ok()?,
        };
        even.non_secure_erase();
        sum = Some(next.mul_tweak(c).ok()?);
    }
    sum?.add_tweak(&(*t).into()).ok()
}

/// Σ cⁱ·Rᵢ by Horner's rule. `None` where a sum is the point at infinity.
fn weighted_sum(nonces: &[XOnlyPublicKey], c: &Scalar) -> Option<PublicKey> {
    let mut sum: Option<PublicKey> = None;
    for nonce in nonces.iter().rev() {
        let nonce = nonce.public_key(Parity::Even);
        let next = match sum {
            None => nonce,
            Some(sum) => sum.combine(&nonce).ok()?,
        };
        sum = Some(next.mul_tweak(c).ok()?);
    }
    sum
}
