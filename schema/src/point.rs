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
    /// `-` before nothing but zeros, to the last nonce: zero is signed `+`, so
    /// nobody will ever know the secret.
    #[error("zero is never signed -")]
    NegativeZero,
    /// More than [`MAX_POINTS`] in one answer.
    #[error("{0} points; at most {MAX_POINTS} are computed at once")]
    TooMany(usize),
    /// The points cancel out, or the secrets do.
    #[error("the sum is the point at infinity")]
    Infinity,
    /// Bytes that are no secret.
    #[error("not a scalar between 1 and the group order")]
    Secret,
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

    /// The even-y point with the same x coordinate: what the x-only form names,
    /// and what the [`AdaptorSecret::normalised`] secret opens.
    pub fn even(&self) -> Self {
        Self {
            point: self.point.x_only_public_key().0.public_key(Parity::Even),
        }
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
///
/// Wiped when dropped, as far as the curve library's copies allow.
#[derive(Clone, PartialEq, Eq)]
pub struct AdaptorSecret(SecretKey);

impl Drop for AdaptorSecret {
    fn drop(&mut self) {
        self.0.non_secure_erase();
    }
}

impl AdaptorSecret {
    /// A secret from its big-endian scalar.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, PointError> {
        SecretKey::from_secret_bytes(*bytes)
            .map(Self)
            .map_err(|_| PointError::Secret)
    }

    /// Σ s mod n: the secret of the sum of their points. Sum secrets as they
    /// are and normalise the sum; normalised parts open another point.
    pub fn sum(secrets: &[Self]) -> Result<Self, PointError> {
        if secrets.is_empty() {
            return Err(PointError::Empty);
        }
        let scalars = secrets.iter().map(|secret| Scalar::from(secret.0));
        total(scalars).map(Self).ok_or(PointError::Infinity)
    }

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
            self.negated()
        } else {
            self.clone()
        }
    }

    /// n − s: the secret of the negated point.
    pub fn negated(&self) -> Self {
        Self(self.0.negate())
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
    if is_negative_zero(&event.descriptor, values) {
        return Err(PointError::NegativeZero);
    }
    sum(&points)
}

/// Whether all of a signed number's values are given and they are `-` and zeros.
fn is_negative_zero<S: AsRef<str>>(descriptor: &Descriptor, values: &[S]) -> bool {
    let mut texts = values.iter().map(AsRef::as_ref);
    matches!(descriptor, Descriptor::Digits(d) if d.is_signed())
        && values.len() == descriptor.nonce_count()
        && texts.next() == Some("-")
        && texts.all(|digit| digit == "0")
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
    let scalar = |(index, signature): (usize, &Signature)| {
        let (_, s) = signature.as_byte_array().split_at(32);
        <[u8; 32]>::try_from(s)
            .ok()
            .and_then(|s| Scalar::from_be_bytes(s).ok())
            .ok_or(PointError::Scalar { index })
    };
    let scalars = signatures
        .iter()
        .enumerate()
        .map(scalar)
        .collect::<Result<Vec<_>, _>>()?;
    total(scalars)
        .map(AdaptorSecret)
        .ok_or(PointError::Infinity)
}

/// The sum mod n. `None` is zero, which a partial sum may be and a `SecretKey`
/// may not.
fn total(scalars: impl IntoIterator<Item = Scalar>) -> Option<SecretKey> {
    scalars
        .into_iter()
        .fold(None, |total: Option<SecretKey>, s| match total {
            // The tweak is in range, so adding fails only when the sum is zero.
            Some(so_far) => so_far.add_tweak(&s).ok(),
            None => SecretKey::from_secret_bytes(s.to_be_bytes()).ok(),
        })
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use secp256k1::constants::CURVE_ORDER;

    use super::*;
    use crate::announcement::OracleEvent;
    use crate::event::{EnumDescriptor, EventId, Maturity};

    fn scalar_key(byte: u8) -> SecretKey {
        SecretKey::from_secret_bytes([byte; 32]).unwrap()
    }

    fn announcement(descriptor: Descriptor) -> Announcement {
        let nonces = (1..=descriptor.nonce_count())
            .map(|i| scalar_key(u8::try_from(i).unwrap()).x_only_public_key().0)
            .collect();
        Announcement {
            signature: Signature::from_byte_array([0; 64]),
            oracle_public_key: scalar_key(0x77).x_only_public_key().0,
            event: OracleEvent {
                nonces,
                maturity: Maturity::from_epoch(0),
                descriptor,
                event_id: EventId::parse("e").unwrap(),
            },
        }
    }

    fn signed_digits() -> Announcement {
        let unit = String::new();
        let cut = DigitsDescriptor::new(3, true, unit, 0, 2).unwrap();
        announcement(Descriptor::Digits(cut))
    }

    fn with_scalar(s: [u8; 32]) -> Signature {
        let mut bytes = [1; 64];
        bytes[32..].copy_from_slice(&s);
        Signature::from_byte_array(bytes)
    }

    #[test]
    fn points_that_cancel_out_are_an_error() {
        let point = scalar_key(1).public_key();
        let pair = [point, point.negate()].map(|point| OutcomePoint { point });
        assert_eq!(sum(&pair), Err(PointError::Infinity));
        assert_eq!(sum(&[]), Err(PointError::Empty));
    }

    #[test]
    fn secrets_that_cancel_out_are_an_error_only_at_the_end() {
        let s = scalar_key(9);
        let (one, minus_one) = (s.to_secret_bytes(), s.negate().to_secret_bytes());
        let cancelling = [with_scalar(one), with_scalar(minus_one)];
        assert_eq!(adaptor_secret(&cancelling), Err(PointError::Infinity));
        let back = [with_scalar(one), with_scalar(minus_one), with_scalar(one)];
        assert_eq!(adaptor_secret(&back).unwrap().to_bytes(), one);
        assert_eq!(
            adaptor_secret(&[with_scalar([0; 32])]),
            Err(PointError::Infinity)
        );
        assert_eq!(adaptor_secret(&[]), Err(PointError::Empty));
    }

    #[test]
    fn a_signature_beyond_the_group_order_is_no_secret() {
        let signatures = [with_scalar([1; 32]), with_scalar(CURVE_ORDER)];
        assert_eq!(
            adaptor_secret(&signatures),
            Err(PointError::Scalar { index: 1 })
        );
    }

    #[test]
    fn a_secret_does_not_show_in_debug() {
        let secret = adaptor_secret(&[with_scalar([0x5a; 32])]).unwrap();
        assert!(!format!("{secret:?}").contains("5a5a5a"));
    }

    #[test]
    fn digit_points_are_the_points_of_one_digit_each() {
        let announcement = signed_digits();
        let points = digit_points(&announcement).unwrap();
        let values = |i: usize| {
            points[i]
                .iter()
                .map(|p| p.value.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (values(0), values(1), values(2)),
            (vec!["+", "-"], vec!["0", "1", "2"], vec!["0", "1", "2"],)
        );
        let parts = [points[0][1].point, points[1][2].point, points[2][0].point];
        assert_eq!(prefix_point(&announcement, &["-", "2", "0"]), sum(&parts));
        assert_eq!(prefix_point(&announcement, &["-"]), Ok(parts[0]));
    }

    #[test]
    fn enum_points_are_in_announced_order() {
        let outcomes = vec!["b".to_owned(), "a".to_owned()];
        let announcement = announcement(Descriptor::Enum(
            EnumDescriptor::new(outcomes.clone()).unwrap(),
        ));
        let points = enum_points(&announcement).unwrap();
        assert_eq!(
            points.iter().map(|p| &p.value).collect::<Vec<_>>(),
            outcomes.iter().collect::<Vec<_>>()
        );
        assert_eq!(prefix_point(&announcement, &["a"]), Ok(points[1].point));
        assert_eq!(digit_points(&announcement), Err(PointError::Kind("digits")));
    }

    #[test]
    fn a_prefix_that_the_event_cannot_have_is_refused() {
        let announcement = signed_digits();
        let refused = |values: &[&str], index: usize| {
            let value = values[index].to_owned();
            let error = PointError::Value { index, value };
            assert_eq!(prefix_point(&announcement, values), Err(error));
        };
        refused(&["0"], 0);
        refused(&["+", "-"], 1);
        refused(&["+", "3"], 1);
        refused(&["+", "0", "01"], 2);
        let too_long = PointError::TooLong { got: 4, max: 3 };
        assert_eq!(
            prefix_point(&announcement, &["+", "0", "0", "0"]),
            Err(too_long)
        );
        assert_eq!(
            prefix_point::<&str>(&announcement, &[]),
            Err(PointError::Empty)
        );
        assert_eq!(enum_points(&announcement), Err(PointError::Kind("enum")));
    }

    #[test]
    fn negative_zero_has_no_point_but_its_beginning_has() {
        let announcement = signed_digits();
        let point = |values: &[&str]| prefix_point(&announcement, values);
        assert_eq!(point(&["-", "0", "0"]), Err(PointError::NegativeZero));
        for attestable in [&["-", "0"][..], &["-", "0", "1"], &["+", "0", "0"]] {
            assert!(point(attestable).is_ok(), "{attestable:?}");
        }
    }

    #[test]
    fn more_points_than_an_answer_holds_are_refused() {
        let cut = DigitsDescriptor::new(u16::MAX, false, String::new(), 0, 2).unwrap();
        let announcement = announcement(Descriptor::Digits(cut));
        assert_eq!(
            digit_points(&announcement),
            Err(PointError::TooMany(131_070))
        );
    }

    #[test]
    fn nonces_are_assigned_in_ascending_order_of_their_x() {
        let order = |last: [u8; 3]| {
            let nonces = last
                .map(|n| {
                    let mut x = [0; 32];
                    x[31] = n;
                    x
                })
                .to_vec();
            assign_sorted(nonces, |x| *x)
                .iter()
                .map(|x| x[31])
                .collect::<Vec<_>>()
        };
        assert_eq!(order([3, 1, 2]), [1, 2, 3]);
    }
}
