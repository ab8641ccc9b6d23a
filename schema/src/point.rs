//! The participant's mathematics: what an attestation's signatures will be,
//! seen from the announcement.
//!
//! For a nonce R, the oracle's key P and an outcome text m the signature's s
//! has the point `S = lift_x(R) + e·lift_x(P)` with `e = H_challenge(R ‖ P ‖
//! H_attestation(m))`. A contract is encrypted to S, or to the sum of the S of
//! the first digits, or of several oracles; the attestation is the key.
//!
//! Source: dlcspecs `Oracle.md`, `NumericOutcomeCompression.md`; BIP340.

use std::fmt;

use secp256k1::schnorr::Signature;
use secp256k1::{Parity, PublicKey, Scalar, SecretKey, XOnlyPublicKey};

use crate::announcement::Announcement;
use crate::event::{Descriptor, DigitsDescriptor};
use crate::tag::{attestation_hash, challenge_scalar};

mod range;
pub use range::{RangeError, group_range};

/// Most points that one call computes.
pub const MAX_POINTS: usize = 65_536;

/// Why a point or a secret could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointError {
    /// Enum points of a digit event or the reverse.
    #[error("the event is not a {0} event")]
    Kind(&'static str),
    /// A prefix of nothing has no point.
    #[error("no outcome values, points or signatures given")]
    Empty,
    /// More values than nonces.
    #[error("{got} outcome values; the announcement has {max} nonces")]
    TooLong {
        /// Values given.
        got: usize,
        /// Nonces announced.
        max: usize,
    },
    /// Not an outcome, digit or sign of the event at that position.
    #[error("{value:?} is not an outcome value of nonce {index}")]
    Value {
        /// Position of the nonce, from 0.
        index: usize,
        /// The text given.
        value: String,
    },
    /// More than [`MAX_POINTS`] in one answer.
    #[error("{0} points; at most {MAX_POINTS} are computed at once")]
    TooMany(usize),
    /// The points cancel out, or the secrets do.
    #[error("the sum is the point at infinity")]
    Infinity,
    /// A signature whose s is not below the group order.
    #[error("signature {index} holds no valid scalar")]
    Scalar {
        /// Its position, from 0.
        index: usize,
    },
}

/// The point to encrypt to for one outcome (an adaptor point).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OutcomePoint {
    /// The point itself.
    pub point: PublicKey,
}

impl OutcomePoint {
    /// SEC1 compressed form.
    pub fn compressed(&self) -> [u8; 33] {
        self.point.serialize()
    }

    /// The x coordinate. Peercoin's coinlib keys outcomes by it.
    pub fn xonly(&self) -> [u8; 32] {
        self.point.x_only_public_key().0.to_byte_array()
    }

    /// Whether y is odd, so that the x coordinate alone names the negated
    /// point and the secret for it is n − s.
    pub fn odd_y(&self) -> bool {
        self.point.x_only_public_key().1 == Parity::Odd
    }
}

impl fmt::Debug for OutcomePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutcomePoint({})", self.point)
    }
}

/// A value that a nonce can sign, and its point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValuePoint {
    /// The text to be signed.
    pub value: String,
    /// The point of its signature.
    pub point: OutcomePoint,
}

/// What a contract needs when its outcome came true: Σ s of the attestation's
/// signatures. The participants' secret; it says nothing about the oracle's key.
#[derive(Clone, PartialEq, Eq)]
pub struct AdaptorSecret(SecretKey);

impl AdaptorSecret {
    /// Big-endian scalar.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_secret_bytes()
    }

    /// The point it opens.
    pub fn point(&self) -> OutcomePoint {
        OutcomePoint {
            point: self.0.public_key(),
        }
    }

    /// The secret of the even-y point with the same x coordinate: n − s where
    /// the point has an odd y, else s. Normalise a sum, never its parts.
    pub fn normalised(&self) -> Self {
        if self.point().odd_y() {
            Self(self.0.negate())
        } else {
            self.clone()
        }
    }
}

impl fmt::Debug for AdaptorSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AdaptorSecret(of {})", self.0.public_key())
    }
}

/// The point of the signature that key and nonce make over an outcome text.
pub fn signature_point(
    nonce: &XOnlyPublicKey,
    oracle_public_key: &XOnlyPublicKey,
    text: &str,
) -> Result<OutcomePoint, PointError> {
    let e = challenge_scalar(
        &nonce.to_byte_array(),
        &oracle_public_key.to_byte_array(),
        &attestation_hash(text),
    );
    let r = nonce.public_key(Parity::Even);
    if e == Scalar::ZERO {
        return Ok(OutcomePoint { point: r });
    }
    oracle_public_key
        .public_key(Parity::Even)
        .mul_tweak(&e)
        .and_then(|ep| ep.combine(&r))
        .map(|point| OutcomePoint { point })
        .map_err(|_| PointError::Infinity)
}

/// The points of an enum event, in announced order.
pub fn enum_points(announcement: &Announcement) -> Result<Vec<ValuePoint>, PointError> {
    let event = &announcement.event;
    let (Descriptor::Enum(descriptor), [nonce]) = (&event.descriptor, event.nonces.as_slice())
    else {
        return Err(PointError::Kind("enum"));
    };
    if descriptor.outcomes().len() > MAX_POINTS {
        return Err(PointError::TooMany(descriptor.outcomes().len()));
    }
    value_points(nonce, announcement, descriptor.outcomes().iter().cloned())
}

/// The points of a digit event: for each nonce, in announced order, those of
/// every value it can sign. A sign nonce comes first, with `+` and `-`.
pub fn digit_points(announcement: &Announcement) -> Result<Vec<Vec<ValuePoint>>, PointError> {
    let event = &announcement.event;
    let Descriptor::Digits(descriptor) = &event.descriptor else {
        return Err(PointError::Kind("digits"));
    };
    let total = event.nonces.len() * usize::from(descriptor.base());
    if total > MAX_POINTS {
        return Err(PointError::TooMany(total));
    }
    let points = |(index, nonce)| {
        if descriptor.is_signed() && index == 0 {
            value_points(nonce, announcement, ["+", "-"].map(str::to_owned))
        } else {
            let digits = (0..descriptor.base()).map(|digit| digit.to_string());
            value_points(nonce, announcement, digits)
        }
    };
    event.nonces.iter().enumerate().map(points).collect()
}

fn value_points(
    nonce: &XOnlyPublicKey,
    announcement: &Announcement,
    values: impl IntoIterator<Item = String>,
) -> Result<Vec<ValuePoint>, PointError> {
    values
        .into_iter()
        .map(|value| {
            let point = signature_point(nonce, &announcement.oracle_public_key, &value)?;
            Ok(ValuePoint { value, point })
        })
        .collect()
}

/// The point of every outcome that begins with these values: the sum of the
/// signature points of the first `values.len()` nonces.
///
/// For a signed digit event the first value is `+` or `-`; for an enum event
/// the only value is the outcome.
pub fn prefix_point<S: AsRef<str>>(
    announcement: &Announcement,
    values: &[S],
) -> Result<OutcomePoint, PointError> {
    let event = &announcement.event;
    if values.len() > event.nonces.len() {
        return Err(PointError::TooLong {
            got: values.len(),
            max: event.nonces.len(),
        });
    }
    let points = values
        .iter()
        .map(AsRef::as_ref)
        .zip(&event.nonces)
        .enumerate()
        .map(|(index, (value, nonce))| {
            if !can_sign(&event.descriptor, index, value) {
                return Err(PointError::Value {
                    index,
                    value: value.to_owned(),
                });
            }
            signature_point(nonce, &announcement.oracle_public_key, value)
        })
        .collect::<Result<Vec<_>, _>>()?;
    sum(&points)
}

fn can_sign(descriptor: &Descriptor, index: usize, value: &str) -> bool {
    match descriptor {
        Descriptor::Enum(_) => descriptor.enum_outcome(value).is_ok(),
        Descriptor::Digits(d) if d.is_signed() && index == 0 => matches!(value, "+" | "-"),
        Descriptor::Digits(d) => is_digit(d, value),
    }
}

fn is_digit(descriptor: &DigitsDescriptor, value: &str) -> bool {
    value
        .parse::<u16>()
        .is_ok_and(|digit| digit < descriptor.base() && digit.to_string() == value)
}

/// The sum of points: of several digits, or of several oracles.
pub fn sum(points: &[OutcomePoint]) -> Result<OutcomePoint, PointError> {
    if points.is_empty() {
        return Err(PointError::Empty);
    }
    let points: Vec<&PublicKey> = points.iter().map(|p| &p.point).collect();
    PublicKey::combine_keys(&points)
        .map(|point| OutcomePoint { point })
        .map_err(|_| PointError::Infinity)
}

/// Σ s mod n over these signatures: the secret of the sum of their points.
///
/// Give it the first m signatures of a verified attestation for the prefix of
/// m values, or those of several oracles.
pub fn adaptor_secret(signatures: &[Signature]) -> Result<AdaptorSecret, PointError> {
    if signatures.is_empty() {
        return Err(PointError::Empty);
    }
    // `None` is zero, which a partial sum may be and a `SecretKey` may not.
    let mut total: Option<SecretKey> = None;
    for (index, signature) in signatures.iter().enumerate() {
        let (_, s) = signature.as_byte_array().split_at(32);
        let s = <[u8; 32]>::try_from(s)
            .ok()
            .and_then(|s| Scalar::from_be_bytes(s).ok())
            .ok_or(PointError::Scalar { index })?;
        total = match total {
            // The tweak is in range, so adding fails only when the sum is zero.
            Some(so_far) => so_far.add_tweak(&s).ok(),
            None => SecretKey::from_secret_bytes(s.to_be_bytes()).ok(),
        };
    }
    total.map(AdaptorSecret).ok_or(PointError::Infinity)
}

/// The order in which an event's nonces are assigned to its positions:
/// ascending by x-only bytes.
///
/// bitcoin-s writes signatures sorted by nonce; assigned this way they come
/// out in digit order there too.
pub fn assign_sorted<T>(mut nonces: Vec<T>, xonly: impl Fn(&T) -> [u8; 32]) -> Vec<T> {
    nonces.sort_by_cached_key(xonly);
    nonces
}
