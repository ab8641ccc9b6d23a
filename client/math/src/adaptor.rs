//! Adaptor signatures: BIP340 signatures that lack one scalar.
//!
//! A contract's transaction is signed beforehand under an oracle's
//! [`OutcomePoint`] T. The result is worth nothing until the oracle attests the
//! outcome; then T's secret t completes it ([`AdaptorSignature::adapt`]). Who
//! sees the completed signature learns t ([`AdaptorSignature::extract`]).
//!
//! For key P, message m, nonce point R' and final nonce `R = R' + T`:
//!
//! ```text
//! e     = H_BIP0340/challenge(x(R) ‖ x(P) ‖ m)
//! s'·G  = g·R' + e·lift_x(P)         g = 1 if R has an even y, else −1
//! s     = s' + g·t                   the signature is x(R) ‖ s
//! ```
//!
//! One key signs here; for two parties the same bytes come out of a session of
//! the crate `musig2` (module `adaptor`), with P the aggregated and tweaked key.
//!
//! ```
//! use oracle_math::adaptor::AdaptorSignature;
//! use oracle_math::points::AdaptorSecret;
//! use secp256k1::SecretKey;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // What an oracle's attestation will reveal, and the point known before.
//! let secret = AdaptorSecret::from_bytes(&[7; 32])?;
//! let point = secret.point();
//!
//! let key = SecretKey::from_secret_bytes([1; 32])?.keypair();
//! let (public_key, _) = key.x_only_public_key();
//! let message = [2; 32];
//!
//! let adaptor = AdaptorSignature::sign(&key, &message, &point, &[3; 32])?;
//! adaptor.verify(&public_key, &message, &point)?;
//!
//! let signature = adaptor.adapt(&secret, &public_key, &message)?;
//! assert_eq!(adaptor.extract(&signature, &point)?, secret);
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::str::FromStr;

use oracle_schema::point::{AdaptorSecret, OutcomePoint};
use oracle_schema::tag::{challenge_scalar, tagged_hash};
use secp256k1::schnorr::{self, Signature};
use secp256k1::{Keypair, Parity, PublicKey, Scalar, SecretKey, XOnlyPublicKey};
use zeroize::Zeroizing;

/// Length of an adaptor signature, bytes.
pub const LENGTH: usize = 65;

/// Binds the nonce to key, point and message. The point must be in it: one
/// message under two points has two challenges, and a nonce shared by them
/// would reveal the key.
const NONCE_TAG: &str = "DLC/adaptor/nonce/v0";
const AUX_TAG: &str = "DLC/adaptor/aux/v0";

/// Why an adaptor signature is not one, or does not do what was asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdaptorError {
    /// Not 65 bytes, or not hexadecimal.
    #[error("an adaptor signature is 65 bytes")]
    Length,
    /// The first 33 bytes are no compressed point.
    #[error("nonce: not a compressed point")]
    Nonce,
    /// The last 32 bytes are zero or not below the group order.
    #[error("s: not a scalar between 1 and the group order")]
    Scalar,
    /// Nonce and point, or scalar and secret, cancel out.
    #[error("nonce and adaptor point cancel out")]
    Infinity,
    /// Not by this key over this message under this point.
    #[error("adaptor signature does not verify under this key, message and point")]
    Invalid,
    /// What the secret makes of it is no signature of the key over the message.
    #[error("the secret does not complete the signature; is it that of the point's other parity?")]
    NotCompleted,
    /// The signature is not the completion of this adaptor signature.
    #[error("the signature does not reveal the secret of this point")]
    NotRevealed,
}

/// An adaptor signature: a nonce point R' and a scalar s', in the encoding of
/// the `musig2` crate (compressed R', without the adaptor point, then s'
/// big-endian; 65 bytes).
///
/// It is not secret between the parties, but whoever has it can complete it once
/// the oracle has attested.
///
/// ```
/// use oracle_math::adaptor::{AdaptorError, AdaptorSignature};
///
/// // R' = G, s' = 1.
/// let text = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798\
///             0000000000000000000000000000000000000000000000000000000000000001";
/// let adaptor: AdaptorSignature = text.parse()?;
/// assert_eq!(adaptor.to_string(), text);
/// assert_eq!(AdaptorSignature::from_bytes(&[2; 64]), Err(AdaptorError::Length));
/// # Ok::<(), AdaptorError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AdaptorSignature {
    nonce: PublicKey,
    s: Scalar,
}

impl AdaptorSignature {
    /// Reads the 65 bytes; whether it verifies is for [`Self::verify`] to say.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AdaptorError> {
        let bytes = <&[u8; LENGTH]>::try_from(bytes).map_err(|_| AdaptorError::Length)?;
        let (nonce, s) = bytes.split_at(33);
        let nonce = PublicKey::from_slice(nonce).map_err(|_| AdaptorError::Nonce)?;
        let s = <[u8; 32]>::try_from(s).map_err(|_| AdaptorError::Length)?;
        let s = Scalar::from_be_bytes(s).map_err(|_| AdaptorError::Scalar)?;
        if s == Scalar::ZERO {
            return Err(AdaptorError::Scalar);
        }
        Ok(Self { nonce, s })
    }

    /// The 65 bytes: compressed R', then s'.
    pub fn to_bytes(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        let (nonce, s) = bytes.split_at_mut(33);
        nonce.copy_from_slice(&self.nonce.serialize());
        s.copy_from_slice(&self.s.to_be_bytes());
        bytes
    }

    /// s', big-endian.
    pub fn scalar(&self) -> [u8; 32] {
        self.s.to_be_bytes()
    }

    /// Signs for one key. `aux` is fresh randomness; should it repeat, the nonce
    /// still differs for every message and point.
    ///
    /// Key and nonce are wiped when done, as far as the curve library's copies
    /// allow.
    pub fn sign(
        key: &Keypair,
        message: &[u8; 32],
        point: &OutcomePoint,
        aux: &[u8; 32],
    ) -> Result<Self, AdaptorError> {
        let (public_key, parity) = key.x_only_public_key();
        let mut secret = SecretKey::from_keypair(key);
        if parity == Parity::Odd {
            secret = secret.negate();
        }
        let mut nonce = nonce(&secret, &public_key, message, point, aux)?;
        let signed = Self::sign_with(&secret, &public_key, message, point, nonce);
        secret.non_secure_erase();
        nonce.non_secure_erase();
        signed
    }

    /// `secret` is that of the key's even-y lift.
    fn sign_with(
        secret: &SecretKey,
        public_key: &XOnlyPublicKey,
        message: &[u8; 32],
        point: &OutcomePoint,
        mut nonce: SecretKey,
    ) -> Result<Self, AdaptorError> {
        let nonce_point = nonce.public_key();
        let (r, odd) = final_nonce(&nonce_point, point)?;
        if odd {
            nonce = nonce.negate();
        }
        let e = challenge_scalar(&r, &public_key.to_byte_array(), message);
        let mut product = secret.mul_tweak(&e).map_err(|_| AdaptorError::Infinity)?;
        let s = nonce.add_tweak(&Scalar::from(product));
        product.non_secure_erase();
        nonce.non_secure_erase();
        let signed = Self {
            nonce: nonce_point,
            s: s.map(Scalar::from).map_err(|_| AdaptorError::Infinity)?,
        };
        // A fault while signing must not leave the house.
        signed.verify(public_key, message, point)?;
        Ok(signed)
    }

    /// Whether the secret of `point` will complete this to a signature of
    /// `public_key` over `message`. Check it before money depends on it.
    pub fn verify(
        &self,
        public_key: &XOnlyPublicKey,
        message: &[u8; 32],
        point: &OutcomePoint,
    ) -> Result<(), AdaptorError> {
        let (r, odd) = final_nonce(&self.nonce, point)?;
        let e = challenge_scalar(&r, &public_key.to_byte_array(), message);
        let nonce = if odd { self.nonce.negate() } else { self.nonce };
        let expected = if e == Scalar::ZERO {
            Ok(nonce)
        } else {
            public_key
                .public_key(Parity::Even)
                .mul_tweak(&e)
                .and_then(|ep| ep.combine(&nonce))
        };
        let s = SecretKey::from_secret_bytes(self.scalar()).map_err(|_| AdaptorError::Scalar)?;
        match expected {
            Ok(expected) if expected == s.public_key() => Ok(()),
            _ => Err(AdaptorError::Invalid),
        }
    }

    /// Completes the signature with the point's secret, and verifies that the
    /// result is `public_key`'s BIP340 signature over `message`.
    ///
    /// A signature under the x-only point (as coinlib makes it) needs the
    /// [`AdaptorSecret::normalised`] secret.
    pub fn adapt(
        &self,
        secret: &AdaptorSecret,
        public_key: &XOnlyPublicKey,
        message: &[u8; 32],
    ) -> Result<Signature, AdaptorError> {
        let (r, odd) = final_nonce(&self.nonce, &secret.point())?;
        let added = if odd {
            secret.negated()
        } else {
            secret.clone()
        };
        let own = AdaptorSecret::from_bytes(&self.scalar()).map_err(|_| AdaptorError::Scalar)?;
        let s = AdaptorSecret::sum(&[own, added]).map_err(|_| AdaptorError::Infinity)?;
        let mut bytes = [0; 64];
        let (head, tail) = bytes.split_at_mut(32);
        head.copy_from_slice(&r);
        tail.copy_from_slice(&s.to_bytes());
        let signature = Signature::from_byte_array(bytes);
        schnorr::verify(&signature, message, public_key).map_err(|_| AdaptorError::NotCompleted)?;
        Ok(signature)
    }

    /// The secret of `point`, from the completed signature that appeared on the
    /// chain; verified to open the point.
    pub fn extract(
        &self,
        signature: &Signature,
        point: &OutcomePoint,
    ) -> Result<AdaptorSecret, AdaptorError> {
        let (r, odd) = final_nonce(&self.nonce, point)?;
        let bytes = signature.as_byte_array();
        let (head, s) = bytes.split_at(32);
        let s = <[u8; 32]>::try_from(s).map_err(|_| AdaptorError::NotRevealed)?;
        // s − s', and its negation for an odd final nonce.
        let own = AdaptorSecret::from_bytes(&self.scalar()).map_err(|_| AdaptorError::Scalar)?;
        let difference = AdaptorSecret::from_bytes(&s)
            .and_then(|s| AdaptorSecret::sum(&[s, own.negated()]))
            .map_err(|_| AdaptorError::NotRevealed)?;
        let secret = if odd {
            difference.negated()
        } else {
            difference
        };
        if head == r && secret.point() == *point {
            Ok(secret)
        } else {
            Err(AdaptorError::NotRevealed)
        }
    }

    /// x(R' + T), and whether R' + T has an odd y: with it and s' a library
    /// that keeps the final nonce (coinlib, libsecp256k1-zkp) can go on.
    pub(crate) fn final_nonce(
        &self,
        point: &OutcomePoint,
    ) -> Result<([u8; 32], bool), AdaptorError> {
        final_nonce(&self.nonce, point)
    }
}

impl FromStr for AdaptorSignature {
    type Err = AdaptorError;

    fn from_str(text: &str) -> Result<Self, AdaptorError> {
        let mut bytes = [0; LENGTH];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| AdaptorError::Length)?;
        Self::from_bytes(&bytes)
    }
}

impl fmt::Display for AdaptorSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.to_bytes()))
    }
}

impl fmt::Debug for AdaptorSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AdaptorSignature({self})")
    }
}

fn final_nonce(nonce: &PublicKey, point: &OutcomePoint) -> Result<([u8; 32], bool), AdaptorError> {
    let sum = nonce
        .combine(&point.point)
        .map_err(|_| AdaptorError::Infinity)?;
    let (x, parity) = sum.x_only_public_key();
    Ok((x.to_byte_array(), parity == Parity::Odd))
}

fn nonce(
    secret: &SecretKey,
    public_key: &XOnlyPublicKey,
    message: &[u8; 32],
    point: &OutcomePoint,
    aux: &[u8; 32],
) -> Result<SecretKey, AdaptorError> {
    let mask = Zeroizing::new(tagged_hash(AUX_TAG, &[aux]));
    let mut masked = Zeroizing::new(secret.to_secret_bytes());
    for (byte, mask) in masked.iter_mut().zip(mask.iter()) {
        *byte ^= mask;
    }
    let public_key = public_key.to_byte_array();
    let parts: [&[u8]; 4] = [&*masked, &public_key, &point.compressed(), message];
    let k = Zeroizing::new(tagged_hash(NONCE_TAG, &parts));
    SecretKey::from_secret_bytes(*k).map_err(|_| AdaptorError::Infinity)
}
