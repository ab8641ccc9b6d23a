//! From a payout curve to the transactions of a numeric contract.
//!
//! A contract over numbers needs one transaction per digit prefix, not one per
//! number. [`linear`] turns the corners of a curve into ranges of equal payout,
//! [`payout_groups`] turns ranges into prefixes. All of it in integers: payouts
//! in the coin's smallest unit (Peercoin: 1 PPC = 1,000,000), numbers as the
//! oracle attests them.
//!
//! Source: dlcspecs `PayoutCurve.md`, `NumericOutcomeCompression.md`.
//!
//! ```
//! use std::num::NonZeroU64;
//! use oracle_math::DigitsDescriptor;
//! use oracle_math::payout::{domain, linear, payout_groups};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // 20 binary digits, µUSD per PPC: nothing below 0.20 USD, all 10 PPC above
//! // 0.30 USD, linear between, in steps of 0.1 PPC.
//! let cut = DigitsDescriptor::new(2, false, "uUSD/PPC".to_owned(), 0, 20)?;
//! let step = NonZeroU64::new(100_000).ok_or("not zero")?;
//! let pieces = linear(&cut, &[(200_000, 0), (300_000, 10_000_000)], step)?;
//! let groups = payout_groups(&cut, &pieces)?;
//! assert_eq!(groups.len(), 101);
//! assert_eq!(groups[0].numbers, 0..=200_499);
//! assert_eq!(groups[100].payout, 10_000_000);
//!
//! // "Above 0.25 USD?" as a price: two ranges.
//! let top = *domain(&cut)?.end();
//! let above = payout_groups(&cut, &[(0..=250_000, 0), (250_001..=top, 10_000_000)])?;
//! assert_eq!(above.len(), 2);
//! # Ok(())
//! # }
//! ```

use std::num::NonZeroU64;
use std::ops::RangeInclusive;

use oracle_schema::DigitsDescriptor;
use oracle_schema::point::MAX_POINTS;

use crate::points::{PointsError, range_prefixes};

/// Why payouts do not make a contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayoutError {
    /// Digits of more than 127 bits.
    #[error("the digits hold more than 127 bits")]
    Domain,
    /// Numbers that no range pays for.
    #[error("no payout for {0}")]
    Gap(i128),
    /// A number that two ranges pay for.
    #[error("two payouts for {0}")]
    Overlap(i128),
    /// A range whose end comes before its start.
    #[error("range starts at {start}, after its end {end}")]
    Backwards {
        /// First number.
        start: i128,
        /// Last number.
        end: i128,
    },
    /// A number that the digits cannot hold.
    #[error("{0} is outside what the event can attest")]
    Outside(i128),
    /// A curve without a corner.
    #[error("a curve needs at least one point")]
    NoPoint,
    /// Corners that do not ascend.
    #[error("curve points do not ascend at {0}")]
    Order(i128),
    /// Numbers beyond what 128-bit integers interpolate exactly.
    #[error("the curve is too wide to interpolate exactly")]
    TooWide,
    /// More ranges or prefixes than one contract should have; round coarser.
    #[error("more than {MAX_POINTS} ranges or prefixes; use larger rounding steps")]
    TooMany,
    /// The digits refuse the range.
    #[error(transparent)]
    Points(#[from] PointsError),
}

/// Numbers of one payout, and the prefixes to make transactions for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayoutGroup {
    /// Attested integers, both ends included.
    pub numbers: RangeInclusive<i128>,
    /// What they pay, in the coin's smallest unit.
    pub payout: u64,
    /// Covering exactly these numbers, in ascending order: the texts of the
    /// first nonces, for [`crate::points::Selection::Prefix`].
    pub prefixes: Vec<Vec<String>>,
}

/// Every number the event can attest: from 0, or from −max if it is signed.
///
/// ```
/// use oracle_math::{DigitsDescriptor, payout::domain};
///
/// let cut = DigitsDescriptor::new(10, true, String::new(), 0, 2)?;
/// assert_eq!(domain(&cut)?, -99..=99);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn domain(descriptor: &DigitsDescriptor) -> Result<RangeInclusive<i128>, PayoutError> {
    let max = descriptor.max().and_then(|max| i128::try_from(max).ok());
    let max = max.ok_or(PayoutError::Domain)?;
    Ok(if descriptor.is_signed() { -max } else { 0 }..=max)
}

/// The transactions of a numeric contract: the pieces, which together hold every
/// number of the domain exactly once (in any order), neighbours of equal payout
/// merged, each with its prefixes.
///
/// A gap would leave an outcome without a transaction and an overlap one with
/// two; both are refused, naming the number.
pub fn payout_groups(
    descriptor: &DigitsDescriptor,
    pieces: &[(RangeInclusive<i128>, u64)],
) -> Result<Vec<PayoutGroup>, PayoutError> {
    let merged = merge(&domain(descriptor)?, pieces)?;
    let mut count = 0_usize;
    merged
        .into_iter()
        .map(|(numbers, payout)| {
            let prefixes = range_prefixes(descriptor, &numbers)?;
            count = count.saturating_add(prefixes.len());
            if count > MAX_POINTS {
                return Err(PayoutError::TooMany);
            }
            Ok(PayoutGroup {
                numbers,
                payout,
                prefixes,
            })
        })
        .collect()
}

fn merge(
    domain: &RangeInclusive<i128>,
    pieces: &[(RangeInclusive<i128>, u64)],
) -> Result<Vec<(RangeInclusive<i128>, u64)>, PayoutError> {
    let mut sorted = pieces.to_vec();
    sorted.sort_by_key(|(numbers, _)| *numbers.start());
    let mut merged: Vec<(RangeInclusive<i128>, u64)> = Vec::new();
    // `None` once the last number there is has its payout.
    let mut next = Some(*domain.start());
    for (numbers, payout) in sorted {
        let (start, end) = numbers.into_inner();
        if start > end {
            return Err(PayoutError::Backwards { start, end });
        }
        for number in [start, end] {
            if !domain.contains(&number) {
                return Err(PayoutError::Outside(number));
            }
        }
        match next {
            Some(next) if start > next => return Err(PayoutError::Gap(next)),
            Some(next) if start == next => {}
            _ => return Err(PayoutError::Overlap(start)),
        }
        match merged.last_mut() {
            Some((last, same)) if *same == payout => *last = *last.start()..=end,
            _ => merged.push((start..=end, payout)),
        }
        next = end.checked_add(1).filter(|next| domain.contains(next));
    }
    match next {
        Some(next) => Err(PayoutError::Gap(next)),
        None => Ok(merged),
    }
}

/// A curve of straight lines through `points` (number, payout), flat before the
/// first and after the last, as ranges of equal payout.
///
/// Each payout is the exact value rounded to a multiple of `step`, halves up, as
/// dlcspecs' rounding intervals have it; the corners are rounded like the rest.
/// Points ascend by number and lie in the event's domain: an oracle attests the
/// nearest end of the domain for what lies beyond, and the flat ends are what it
/// then pays.
pub fn linear(
    descriptor: &DigitsDescriptor,
    points: &[(i128, u64)],
    step: NonZeroU64,
) -> Result<Vec<(RangeInclusive<i128>, u64)>, PayoutError> {
    let domain = domain(descriptor)?;
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Err(PayoutError::NoPoint);
    };
    if let Some((outside, _)) = points.iter().find(|(number, _)| !domain.contains(number)) {
        return Err(PayoutError::Outside(*outside));
    }
    let mut pieces = Pieces::default();
    if first.0 > *domain.start() {
        let flat = Line::flat(first.1, step);
        pieces.push(*domain.start()..=first.0 - 1, flat.payout(first.0)?)?;
    }
    for pair in points.windows(2) {
        let [from, to] = pair else { continue };
        if from.0 >= to.0 {
            return Err(PayoutError::Order(to.0));
        }
        let line = Line::between(*from, *to, step)?;
        pieces.cut(&line, from.0, to.0 - 1)?;
    }
    let flat = Line::flat(last.1, step);
    pieces.push(last.0..=*domain.end(), flat.payout(last.0)?)?;
    Ok(pieces.0)
}

#[derive(Default)]
struct Pieces(Vec<(RangeInclusive<i128>, u64)>);

impl Pieces {
    fn push(&mut self, numbers: RangeInclusive<i128>, payout: u64) -> Result<(), PayoutError> {
        let count = self.0.len();
        match self.0.last_mut() {
            Some((last, same)) if *same == payout => *last = *last.start()..=*numbers.end(),
            _ if count == MAX_POINTS => return Err(PayoutError::TooMany),
            _ => self.0.push((numbers, payout)),
        }
        Ok(())
    }

    /// Cuts `start..=end` where the rounded payout changes. Along a line it
    /// changes in one direction, so each cut is found by bisection.
    fn cut(&mut self, line: &Line, start: i128, end: i128) -> Result<(), PayoutError> {
        let mut from = start;
        while from <= end {
            let payout = line.payout(from)?;
            let (mut last, mut limit) = (from, end);
            while last < limit {
                let middle = last + (limit - last + 1) / 2;
                if line.payout(middle)? == payout {
                    last = middle;
                } else {
                    limit = middle - 1;
                }
            }
            self.push(from..=last, payout)?;
            from = last + 1;
        }
        Ok(())
    }
}

/// `payout(x) = round(y + (x − x0)·rise/run)`.
struct Line {
    x0: i128,
    y: i128,
    rise: i128,
    run: i128,
    step: i128,
}

impl Line {
    fn flat(payout: u64, step: NonZeroU64) -> Self {
        Self {
            x0: 0,
            y: i128::from(payout),
            rise: 0,
            run: 1,
            step: i128::from(step.get()),
        }
    }

    fn between(from: (i128, u64), to: (i128, u64), step: NonZeroU64) -> Result<Self, PayoutError> {
        Ok(Self {
            x0: from.0,
            y: i128::from(from.1),
            rise: i128::from(to.1) - i128::from(from.1),
            run: to.0.checked_sub(from.0).ok_or(PayoutError::TooWide)?,
            step: i128::from(step.get()),
        })
    }

    /// The nearest multiple of the step, halves up, in one exact division:
    /// `floor((2·value + step) / (2·step))·step` with both scaled by run.
    fn payout(&self, x: i128) -> Result<u64, PayoutError> {
        let exact = || {
            let rise = x.checked_sub(self.x0)?.checked_mul(self.rise)?;
            let value = self.y.checked_mul(self.run)?.checked_add(rise)?;
            let width = self.step.checked_mul(self.run)?;
            let steps = value
                .checked_mul(2)?
                .checked_add(width)?
                .checked_div_euclid(width.checked_mul(2)?)?;
            u64::try_from(steps.checked_mul(self.step)?).ok()
        };
        exact().ok_or(PayoutError::TooWide)
    }
}
