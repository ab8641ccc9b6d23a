//! What Peercoin's coinlib takes from an oracle, under its own names.
//!
//! coinlib's `DLCTerms.outcomes` maps an x-only adaptor point to a `CETOutcome`
//! (outputs and a locktime); it knows neither digits nor attestations. From an
//! event this module makes the points and locktimes before it, and the scalar
//! for `SchnorrAdaptorSignature.adapt` after it.
//!
//! Two things to get right: coinlib reads an x-only point as the one with an
//! even y, so the scalar is that of the *sum*, negated if the sum has an odd y;
//! and a CET must not be locked for longer than until the oracle speaks, nor be
//! of another locktime type than the refund, nor come after it.
//!
//! ```
//! use std::time::Duration;
//! use oracle_math::coinlib::{MedianTimeLocktime, check_locktimes, refund_locktime};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let reveal = MedianTimeLocktime::new(1_795_363_200)?; // 2026-11-22T16:00:00Z
//! let attest_by = "2026-11-25T16:00:00Z".parse()?;
//! let refund = refund_locktime(attest_by, Duration::from_hours(24))?;
//! assert_eq!(refund.value(), 1_795_708_800);
//! check_locktimes(reveal, reveal, refund)?;
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use oracle_schema::{Announcement, Verified};
use secp256k1::PublicKey;

use crate::adaptor::{AdaptorError, AdaptorSignature, LENGTH};
use crate::points::{AdaptorPoint, AdaptorSecret, JointPoint, OutcomePoint, Subject};

/// Locktimes below are block heights, from here on they are timestamps
/// (coinlib's `Locktime`, consensus' `LOCKTIME_THRESHOLD`).
pub const TIME_THRESHOLD: u32 = 500_000_000;

/// Why there are no terms to give to coinlib.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CoinlibError {
    /// A time before 1985-11-05, which a locktime would read as a block height,
    /// or after 2106-02-07, which does not fit in it.
    #[error("{0} is not a timestamp locktime ({TIME_THRESHOLD} to {max})", max = u32::MAX)]
    Locktime(i64),
    /// A CET locked beyond the expected reveal: its winner would have to wait
    /// although the oracle has spoken.
    #[error("CET locktime {cet} is after the expected reveal {reveal}")]
    AfterReveal {
        /// The CET's locktime.
        cet: u32,
        /// When the oracle is expected to speak.
        reveal: u32,
    },
    /// coinlib's `cetLocktimeAfterRf`.
    #[error("CET locktime {cet} is not before the refund locktime {refund}")]
    AfterRefund {
        /// The CET's locktime.
        cet: u32,
        /// The refund's locktime.
        refund: u32,
    },
    /// Two outcomes with one x-only point; coinlib's map holds one.
    #[error("outcomes {0:?} share an x-only point")]
    SharedPoint([Vec<Subject>; 2]),
    /// A point of one digit, which is part of an outcome and none itself.
    #[error("digit {0} is a summand; choose outcomes, prefixes or a range")]
    Summand(usize),
    /// No announcement was given.
    #[error("no oracle given")]
    NoOracle,
}

/// A locktime that compares with the median time of the last 11 blocks, as
/// coinlib's class of that name. Median time lags the clock by about an hour on
/// Peercoin (blocks are 10 minutes apart).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MedianTimeLocktime(u32);

impl MedianTimeLocktime {
    /// A locktime from Unix seconds.
    ///
    /// ```
    /// use oracle_math::coinlib::MedianTimeLocktime;
    /// assert!(MedianTimeLocktime::new(499_999_999).is_err(), "a block height");
    /// ```
    pub fn new(unix: i64) -> Result<Self, CoinlibError> {
        u32::try_from(unix)
            .ok()
            .filter(|value| *value >= TIME_THRESHOLD)
            .map(Self)
            .ok_or(CoinlibError::Locktime(unix))
    }

    /// The field of the transaction.
    pub fn value(self) -> u32 {
        self.0
    }

    /// coinlib's rule for CET and refund; both are of one type here.
    pub fn is_definitely_before(self, other: Self) -> bool {
        self < other
    }
}

/// When an oracle, or the last of several, is expected to speak: the maturity.
/// The latest locktime that a CET of the event may have, and the usual one.
pub fn reveal_locktime(
    announcements: &[&Verified<Announcement>],
) -> Result<MedianTimeLocktime, CoinlibError> {
    let latest = announcements.iter().map(|a| a.event.maturity.epoch()).max();
    let latest = latest.ok_or(CoinlibError::NoOracle)?;
    MedianTimeLocktime::new(i64::from(latest))
}

/// The refund's locktime: `margin` after the time from which the oracle will
/// certainly not attest any more (`attest_by` of the bundle or of the event; the latest,
/// if there are several oracles).
///
/// The margin is the time to get a CET mined that was attested at the last
/// moment; a day is ample. Median time lags, so the chain adds about an hour.
pub fn refund_locktime(
    attest_by: DateTime<Utc>,
    margin: Duration,
) -> Result<MedianTimeLocktime, CoinlibError> {
    let margin = i64::try_from(margin.as_secs()).unwrap_or(i64::MAX);
    // A locktime in the very second of attest_by would not be after it.
    let after = attest_by.timestamp().saturating_add(margin.max(1));
    MedianTimeLocktime::new(after)
}

/// coinlib's rules for the locktime of a CET: not later than the expected
/// reveal, and before the refund.
pub fn check_locktimes(
    cet: MedianTimeLocktime,
    reveal: MedianTimeLocktime,
    refund: MedianTimeLocktime,
) -> Result<(), CoinlibError> {
    if cet > reveal {
        return Err(CoinlibError::AfterReveal {
            cet: cet.0,
            reveal: reveal.0,
        });
    }
    if !cet.is_definitely_before(refund) {
        return Err(CoinlibError::AfterRefund {
            cet: cet.0,
            refund: refund.0,
        });
    }
    Ok(())
}

/// One entry of coinlib's `DLCTerms.outcomes`, without the outputs, which are
/// the participants' matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CetOutcome {
    /// What it stands for, at each oracle.
    pub subjects: Vec<Subject>,
    /// For `CETOutcome.locktime`.
    pub locktime: MedianTimeLocktime,
    /// For `SchnorrAdaptorSignature.adapt`, once this came true: the secret of
    /// the even-y point.
    pub adaptor_scalar: Option<AdaptorSecret>,
}

/// The outcomes by x-only point, in the order in which coinlib serialises them.
///
/// ```
/// use oracle_math::coinlib::{outcomes, reveal_locktime};
/// use oracle_math::points::{Selection, adaptor_points};
/// # use oracle_math::{Announcement, Attestation, sample, verify::*};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let announcement = Announcement::from_any(sample::MATCH_ANNOUNCEMENT.as_bytes())?;
/// # let announcement = verify_announcement(announcement)?;
/// # let attestation = Attestation::from_any(sample::MATCH_ATTESTATION.as_bytes())?;
/// # let attestation = verify_attestation(attestation, &announcement)?;
/// let points = adaptor_points(&announcement, Some(&attestation), &Selection::All)?;
/// let terms = outcomes(&points, reveal_locktime(&[&announcement])?)?;
/// assert_eq!(terms.len(), 4);
/// for (xonly, outcome) in &terms {
///     if let Some(scalar) = &outcome.adaptor_scalar {
///         // What coinlib looks the CET up by.
///         assert_eq!(scalar.point().xonly(), *xonly);
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// All get one locktime, the reveal; a contract that wants its CETs earlier sets
/// it in `cet` and has it checked.
pub fn outcomes<P: Point>(
    points: &[P],
    cet: MedianTimeLocktime,
) -> Result<BTreeMap<[u8; 32], CetOutcome>, CoinlibError> {
    let mut outcomes: BTreeMap<[u8; 32], CetOutcome> = BTreeMap::new();
    for point in points {
        let (subjects, outcome_point, secret) = point.parts();
        if let [Subject::Digit { index, .. }] = subjects {
            return Err(CoinlibError::Summand(*index));
        }
        let entry = CetOutcome {
            subjects: subjects.to_vec(),
            locktime: cet,
            adaptor_scalar: secret.map(AdaptorSecret::normalised),
        };
        if let Some(first) = outcomes.get(&outcome_point.xonly()) {
            let subjects = [first.subjects.clone(), entry.subjects];
            return Err(CoinlibError::SharedPoint(subjects));
        }
        outcomes.insert(outcome_point.xonly(), entry);
    }
    Ok(outcomes)
}

/// A point of one oracle ([`AdaptorPoint`]) or of several ([`JointPoint`]).
pub trait Point: sealed::Sealed {
    /// What it stands for at each oracle, the point, and its secret if it came
    /// true.
    fn parts(&self) -> (&[Subject], OutcomePoint, Option<&AdaptorSecret>);
}

mod sealed {
    /// The two kinds there are.
    pub trait Sealed {}
    impl Sealed for super::AdaptorPoint {}
    impl Sealed for super::JointPoint {}
}

impl Point for AdaptorPoint {
    fn parts(&self) -> (&[Subject], OutcomePoint, Option<&AdaptorSecret>) {
        let subject = std::slice::from_ref(&self.subject);
        (subject, self.point, self.secret.as_ref())
    }
}

impl Point for JointPoint {
    fn parts(&self) -> (&[Subject], OutcomePoint, Option<&AdaptorSecret>) {
        (&self.subjects, self.point, self.secret.as_ref())
    }
}

/// coinlib's `SchnorrAdaptorSignature`, also that of libsecp256k1-zkp's musig
/// module: the final nonce's x and its parity instead of the nonce point.
///
/// ```
/// use oracle_math::adaptor::AdaptorSignature;
/// use oracle_math::coinlib::SchnorrAdaptorSignature;
/// use oracle_math::points::AdaptorSecret;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // coinlib signs under the even-y point, which the normalised secret opens.
/// let secret = AdaptorSecret::from_bytes(&[7; 32])?.normalised();
/// let key = secp256k1::SecretKey::from_secret_bytes([1; 32])?.keypair();
/// let signed = AdaptorSignature::sign(&key, &[2; 32], &secret.point(), &[3; 32])?;
/// let theirs = SchnorrAdaptorSignature::new(&signed, &secret.point())?;
/// assert_eq!(theirs.pre_sig[32..], signed.scalar());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchnorrAdaptorSignature {
    /// x(R) ‖ s', where R includes the adaptor point.
    pub pre_sig: [u8; 64],
    /// True when R has an odd y.
    pub parity: bool,
}

impl SchnorrAdaptorSignature {
    /// The same signature in coinlib's form. `point` must be the one that was
    /// signed under: for coinlib the [`OutcomePoint::even`] one.
    pub fn new(adaptor: &AdaptorSignature, point: &OutcomePoint) -> Result<Self, AdaptorError> {
        let (x, parity) = adaptor.final_nonce(point)?;
        let mut pre_sig = [0; 64];
        let (head, tail) = pre_sig.split_at_mut(32);
        head.copy_from_slice(&x);
        tail.copy_from_slice(&adaptor.scalar());
        Ok(Self { pre_sig, parity })
    }

    /// Back again: what coinlib made under `point`, to be verified, adapted and extracted
    /// from by [`AdaptorSignature`], which checks what it makes.
    pub fn adaptor(&self, point: &OutcomePoint) -> Result<AdaptorSignature, AdaptorError> {
        let (x, s) = self.pre_sig.split_at(32);
        let mut nonce = [0; 33];
        let mut bytes = [0; LENGTH];
        let (tag, rest) = nonce.split_at_mut(1);
        tag.fill(if self.parity { 3 } else { 2 });
        rest.copy_from_slice(x);
        // R includes the point; R' does not.
        let nonce = PublicKey::from_slice(&nonce)
            .map_err(|_| AdaptorError::Nonce)?
            .combine(&point.point.negate())
            .map_err(|_| AdaptorError::Infinity)?;
        let (head, tail) = bytes.split_at_mut(33);
        head.copy_from_slice(&nonce.serialize());
        tail.copy_from_slice(s);
        AdaptorSignature::from_bytes(&bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn point(subject: Subject) -> AdaptorPoint {
        let secret = AdaptorSecret::from_bytes(&[7; 32]).unwrap();
        AdaptorPoint {
            subject,
            point: secret.point(),
            secret: Some(secret),
        }
    }

    #[test]
    fn a_refund_is_after_attest_by_even_without_a_margin() {
        let attest_by = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let refund = |margin| refund_locktime(attest_by, Duration::from_secs(margin));
        assert_eq!(refund(0).unwrap().value(), 1_800_000_001);
        assert_eq!(refund(86_400).unwrap().value(), 1_800_086_400);
        let error = CoinlibError::Locktime(i64::MAX);
        assert_eq!(refund(u64::MAX), Err(error));
        let long_ago = DateTime::from_timestamp(0, 0).unwrap();
        let refund = refund_locktime(long_ago, Duration::ZERO);
        assert_eq!(refund, Err(CoinlibError::Locktime(1)));
    }

    #[test]
    fn a_single_digit_is_no_outcome() {
        let cet = MedianTimeLocktime::new(1_800_000_000).unwrap();
        let (index, value) = (3, "1".to_owned());
        let digit = point(Subject::Digit { index, value });
        assert_eq!(outcomes(&[digit], cet), Err(CoinlibError::Summand(3)));
        assert_eq!(reveal_locktime(&[]), Err(CoinlibError::NoOracle));
    }
}
