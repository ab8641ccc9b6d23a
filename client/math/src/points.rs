//! Adaptor points of an announced event, and their secrets once it is
//! attested.
//!
//! A contract's outcome is encrypted to a point: the signature point of an enum
//! outcome, or the sum of the points of the first digits, which covers every
//! number that begins with them. The mathematics is [`oracle_schema::point`];
//! here it is asked in the words of an event: an outcome, a prefix, a range.

use std::ops::RangeInclusive;

pub use crate::joint::{JointPoint, Nonces, Part, joint_point, joint_points};
use oracle_schema::event::{OutcomeError, Sign};
pub use oracle_schema::nonce_proof::{NonceProof, NonceProofError};
pub use oracle_schema::point::{AdaptorSecret, OutcomePoint, PointError, RangeError};
use oracle_schema::point::{
    MAX_POINTS, ValuePoint, adaptor_secret, digit_points, enum_points, group_range, prefix_point,
};
use oracle_schema::{Announcement, Attestation, Descriptor, DigitsDescriptor, Outcome, Verified};
use secp256k1::XOnlyPublicKey;

/// Why the points asked for do not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointsError {
    /// The announcement has no such point.
    #[error(transparent)]
    Point(#[from] PointError),
    /// The digits cannot hold the range.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// Not an outcome of the event.
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
    /// A range of an event whose outcomes are not numbers.
    #[error("a range needs a digit event")]
    NotDigits,
    /// A number that the event would clamp to another one.
    #[error("{value} is outside what the event can attest")]
    Clamped {
        /// The number given.
        value: i128,
    },
    /// The attestation's secret does not open the announcement's point.
    #[error("the attestation is not of this announcement")]
    OtherAttestation,
    /// No oracle was given.
    #[error("no oracle given")]
    NoOracle,
    /// One event of one oracle counted as two.
    #[error("event {0} of one oracle is given twice")]
    Twice(String),
    /// An oracle of which nobody knows whether it knows its nonces.
    #[error(
        "event {event} of oracle {key}: nothing proves that the oracle knows its nonces. Whoever \
         announced last could have chosen a nonce that cancels the others', and would then know \
         the joint secret of one outcome alone, before anyone attests it. Give the proof of its \
         log (`nonce_proof` of the event's bundle); if its log has none, only you can say that \
         its nonces are taken on trust"
    )]
    NoncesNotProven {
        /// Its event.
        event: String,
        /// The oracle's key.
        key: Box<XOnlyPublicKey>,
    },
    /// A proof of nonces that is not one of the oracle's announcement.
    #[error(
        "event {event} of oracle {key}: {source}. It may have chosen a nonce that cancels the \
         other oracles', and is not added to them"
    )]
    NonceProof {
        /// Its event.
        event: String,
        /// The oracle's key.
        key: Box<XOnlyPublicKey>,
        /// What the proof is not.
        source: NonceProofError,
    },
    /// Oracles whose selections cannot be paired.
    #[error("the oracles differ in {0}")]
    Unlike(&'static str),
    /// Points of single digits, which no contract uses.
    #[error("a digit event needs an outcome, a prefix or a range")]
    Summands,
    /// Several points, or none, where one was asked for.
    #[error("the selection is {0} points; one is needed")]
    NotOne(usize),
    /// A range whose end comes before its start.
    #[error("range starts at {start}, after its end {end}")]
    Backwards {
        /// First value.
        start: i128,
        /// Last value.
        end: i128,
    },
}

/// Which points of an event; [`adaptor_points`] has examples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Every outcome of an enum event; every value of every digit of a digit
    /// event.
    All,
    /// One outcome: an enum text, or the attested integer in decimal.
    Outcome(String),
    /// All numbers that begin with these digits, most significant first; for a
    /// signed event `+` or `-` comes first.
    Prefix(Vec<String>),
    /// All numbers of a range, both ends included, as attested integers.
    Range(RangeInclusive<i128>),
}

/// What a point stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One outcome, as [`Outcome`] displays it.
    Outcome(String),
    /// One value of one nonce; a summand, of no use to a contract alone.
    Digit {
        /// Position of the nonce, from 0.
        index: usize,
        /// The text it would sign.
        value: String,
    },
    /// All numbers that begin with these values.
    Prefix {
        /// The texts of the first nonces.
        values: Vec<String>,
        /// The numbers covered, both ends included; `None` beyond 127 bits.
        numbers: Option<RangeInclusive<i128>>,
    },
}

/// A point, and its secret if that is what came true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdaptorPoint {
    /// What it stands for.
    pub subject: Subject,
    /// The point to encrypt to.
    pub point: OutcomePoint,
    /// The scalar that opens it; `None` before the attestation and for what
    /// did not happen. Coinlib and other users of x-only points need it
    /// [`AdaptorSecret::normalised`].
    pub secret: Option<AdaptorSecret>,
}

/// The selected points of an event, in ascending order of outcome.
///
/// ```
/// use oracle_math::points::{Selection, Subject, adaptor_points};
/// # use oracle_math::{Announcement, Attestation, sample, verify::*};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let announcement = Announcement::from_any(sample::RAIN_ANNOUNCEMENT.as_bytes())?;
/// # let announcement = verify_announcement(announcement)?;
/// # let attestation = Attestation::from_any(sample::RAIN_ATTESTATION.as_bytes())?;
/// # let attestation = verify_attestation(attestation, &announcement)?;
/// // Four decimal digits, attested 70: at most 99 mm is 00__, one point.
/// let dry = Selection::Range(0..=99);
/// let points = adaptor_points(&announcement, Some(&attestation), &dry)?;
/// let Subject::Prefix { values, numbers } = &points[0].subject else { unreachable!() };
/// assert_eq!((values.concat().as_str(), numbers.clone()), ("00", Some(0..=99)));
/// let secret = points[0].secret.as_ref().ok_or("it came true")?;
/// assert_eq!(secret.point(), points[0].point);
///
/// // Without the attestation, or for what did not happen, there is no secret.
/// let wet = Selection::Prefix(vec!["1".to_owned()]);
/// let points = adaptor_points(&announcement, Some(&attestation), &wet)?;
/// assert!(points[0].secret.is_none());
/// # Ok(())
/// # }
/// ```
pub fn adaptor_points(
    announcement: &Verified<Announcement>,
    attestation: Option<&Verified<Attestation>>,
    selection: &Selection,
) -> Result<Vec<AdaptorPoint>, PointsError> {
    let event = Event {
        announcement,
        attestation,
    };
    match (selection, &announcement.event.descriptor) {
        (Selection::All, Descriptor::Enum(_)) => enum_points(announcement)?
            .into_iter()
            .map(|p| event.value(Subject::Outcome(p.value.clone()), 0, &p))
            .collect(),
        (Selection::All, Descriptor::Digits(_)) => digit_points(announcement)?
            .into_iter()
            .enumerate()
            .flat_map(|(index, values)| values.into_iter().map(move |p| (index, p)))
            .map(|(index, p)| {
                let value = p.value.clone();
                event.value(Subject::Digit { index, value }, index, &p)
            })
            .collect(),
        (Selection::Outcome(text), descriptor) => {
            let outcome = outcome(descriptor, text)?;
            let subject = Subject::Outcome(outcome.to_string());
            Ok(vec![event.prefix(subject, &outcome.messages())?])
        }
        (Selection::Prefix(values), descriptor) => {
            Ok(vec![event.prefix(subject(descriptor, values), values)?])
        }
        (Selection::Range(range), descriptor @ Descriptor::Digits(digits)) => {
            let prefixes = range_prefixes(digits, range)?;
            if prefixes.len() > MAX_POINTS {
                return Err(PointError::TooMany(prefixes.len()).into());
            }
            prefixes
                .iter()
                .map(|values| event.prefix(subject(descriptor, values), values))
                .collect()
        }
        (Selection::Range(_), Descriptor::Enum(_)) => Err(PointsError::NotDigits),
    }
}

struct Event<'a> {
    announcement: &'a Verified<Announcement>,
    attestation: Option<&'a Verified<Attestation>>,
}

impl Event<'_> {
    fn value(
        &self,
        subject: Subject,
        index: usize,
        found: &ValuePoint,
    ) -> Result<AdaptorPoint, PointsError> {
        let secret = self
            .attestation
            .filter(|a| a.outcomes.get(index) == Some(&found.value))
            .and_then(|a| a.signatures.get(index..=index))
            .map(adaptor_secret)
            .transpose()?;
        opened(subject, found.point, secret)
    }

    fn prefix(&self, subject: Subject, values: &[String]) -> Result<AdaptorPoint, PointsError> {
        let secret = self
            .attestation
            .filter(|a| a.outcomes.starts_with(values))
            .and_then(|a| a.signatures.get(..values.len()))
            // An empty prefix is refused below, by name.
            .filter(|signatures| !signatures.is_empty())
            .map(adaptor_secret)
            .transpose()?;
        opened(subject, prefix_point(self.announcement, values)?, secret)
    }
}

/// A secret of another point would lose the money that waits for it, so it goes
/// out only beside the point it opens.
fn opened(
    subject: Subject,
    point: OutcomePoint,
    secret: Option<AdaptorSecret>,
) -> Result<AdaptorPoint, PointsError> {
    if secret
        .as_ref()
        .is_some_and(|secret| secret.point() != point)
    {
        return Err(PointsError::OtherAttestation);
    }
    Ok(AdaptorPoint {
        subject,
        point,
        secret,
    })
}

fn outcome(descriptor: &Descriptor, text: &str) -> Result<Outcome, PointsError> {
    let Descriptor::Digits(digits) = descriptor else {
        return Ok(descriptor.enum_outcome(text)?);
    };
    let value = text
        .parse()
        .map_err(|_| OutcomeError::NotAnOutcome(text.to_owned()))?;
    exact(digits, value).map(Outcome::Digits)
}

/// The digits of a number that need no clamping: an adaptor point of the
/// clamped number would be one of another outcome.
fn exact(descriptor: &DigitsDescriptor, value: i128) -> Result<oracle_schema::Digits, PointsError> {
    let digits = descriptor.split(value);
    if digits.value() == Some(value) {
        Ok(digits)
    } else {
        Err(PointsError::Clamped { value })
    }
}

/// The fewest prefixes that cover exactly the numbers of `range`, both ends
/// included, in ascending order: the texts of the first nonces, with the sign
/// first where there is one.
///
/// The grouping of dlcspecs' `NumericOutcomeCompression`, in any base.
///
/// ```
/// use oracle_math::points::range_prefixes;
/// use oracle_math::DigitsDescriptor;
///
/// let cut = DigitsDescriptor::new(10, false, String::new(), 0, 4)?;
/// let prefixes = range_prefixes(&cut, &(5677..=8621))?;
/// assert_eq!(prefixes.len(), 20);
/// assert_eq!(prefixes[3].concat(), "568");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn range_prefixes(
    descriptor: &DigitsDescriptor,
    range: &RangeInclusive<i128>,
) -> Result<Vec<Vec<String>>, PointsError> {
    // Negative numbers ascend as their magnitudes descend, and carry a `-`.
    let (start, end) = (*range.start(), *range.end());
    if start > end {
        return Err(PointsError::Backwards { start, end });
    }
    exact(descriptor, start)?;
    exact(descriptor, end)?;
    let group = |sign: &'static str, magnitudes: RangeInclusive<u128>| {
        let groups = group_range(descriptor.base(), descriptor.nb_digits(), magnitudes)?;
        let sign = descriptor.is_signed().then(|| sign.to_owned());
        Ok::<_, PointsError>(
            groups
                .into_iter()
                .map(|digits| {
                    let digits = digits.iter().map(ToString::to_string);
                    sign.clone().into_iter().chain(digits).collect::<Vec<_>>()
                })
                .collect::<Vec<_>>(),
        )
    };
    let mut prefixes = Vec::new();
    if start < 0 {
        let nearest = end.min(-1).unsigned_abs();
        prefixes = group("-", nearest..=start.unsigned_abs())?;
        prefixes.reverse();
    }
    if end >= 0 {
        prefixes.extend(group(
            "+",
            start.max(0).unsigned_abs()..=end.unsigned_abs(),
        )?);
    }
    Ok(prefixes)
}

fn subject(descriptor: &Descriptor, values: &[String]) -> Subject {
    match (descriptor, values) {
        (Descriptor::Enum(_), [outcome]) => Subject::Outcome(outcome.clone()),
        (Descriptor::Digits(digits), _) => Subject::Prefix {
            values: values.to_vec(),
            numbers: numbers(digits, values),
        },
        // Not a prefix of this event; computing its point says so.
        (Descriptor::Enum(_), _) => Subject::Prefix {
            values: values.to_vec(),
            numbers: None,
        },
    }
}

/// The numbers that begin with these values: the free digits all zero, and all
/// at their highest.
fn numbers(descriptor: &DigitsDescriptor, values: &[String]) -> Option<RangeInclusive<i128>> {
    let free = descriptor
        .nb_digits()
        .checked_add(u16::from(descriptor.is_signed()))
        .and_then(|all| usize::from(all).checked_sub(values.len()))?;
    let filled = |digit: u16| {
        let digits = std::iter::repeat_n(digit.to_string(), free);
        let texts: Vec<String> = values.iter().cloned().chain(digits).collect();
        descriptor.parse(&texts)
    };
    let high = filled(descriptor.base() - 1).ok()?;
    let low = match filled(0) {
        Ok(low) => low.value()?,
        // Zero is never signed `-`, so these numbers begin at minus one.
        Err(OutcomeError::NegativeZero) => -1,
        Err(_) => return None,
    };
    let negative = high.sign() == Some(Sign::Minus);
    let high = high.value()?;
    Some(if negative { high..=low } else { low..=high })
}
