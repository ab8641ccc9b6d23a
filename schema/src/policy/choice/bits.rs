//! Amounts of choice: log2 of a number of outcomes, added up.

use std::fmt;
use std::ops::{Add, AddAssign};

/// How much choice there is among a number of outcomes: its logarithm to the
/// base 2, rounded up to 2^-32 of a bit, so that a sum is never too small. What
/// is a power of two is exact. Saturates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bits(u64);

/// Binary places kept of a bit.
const PLACES: u32 = 32;

/// Binary places of the mantissa while its logarithm is taken: its square has
/// to stay within 128 bits.
const MANTISSA: u32 = 62;

impl Bits {
    /// No choice.
    pub const ZERO: Self = Self(0);

    /// The choice among so many outcomes; none among none or one.
    pub fn of(outcomes: u128) -> Self {
        if outcomes <= 1 {
            return Self::ZERO;
        }
        let whole = outcomes.ilog2();
        // 1 ≤ mantissa ≤ 2; squaring it doubles its logarithm, whose next binary
        // place is 1 where the square is 2 or more.
        let mut mantissa = match MANTISSA.checked_sub(whole) {
            Some(up) => outcomes << up,
            None => shifted_up(outcomes, whole - MANTISSA),
        };
        let mut fraction = 0_u64;
        for place in (0..PLACES).rev() {
            mantissa = shifted_up(mantissa * mantissa, MANTISSA);
            if mantissa >= 2 << MANTISSA {
                mantissa = shifted_up(mantissa, 1);
                fraction |= 1 << place;
            }
        }
        if mantissa > 1 << MANTISSA {
            fraction += 1;
        }
        Self((u64::from(whole) << PLACES) + fraction)
    }

    /// The same choice so many times.
    pub fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// Whole bits, rounded up.
    pub fn whole(self) -> u64 {
        self.0.div_ceil(1 << PLACES)
    }
}

impl Add for Bits {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Bits {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl fmt::Display for Bits {
    /// With one decimal place, rounded up: `23.4`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (u128::from(self.0) * 10).div_ceil(1 << PLACES);
        match tenths % 10 {
            0 => write!(f, "{}", tenths / 10),
            rest => write!(f, "{}.{rest}", tenths / 10),
        }
    }
}

/// `value / 2^places`, rounded up.
fn shifted_up(value: u128, places: u32) -> u128 {
    (value >> places) + u128::from(value & ((1 << places) - 1) != 0)
}

/// The choice in a set of events, in bits: ⌈Σ log2(outcomes)⌉, rounded up once,
/// at the end.
///
/// `outcomes`: how many each event has; events with none or one add nothing.
pub fn choice_bits(outcomes: impl IntoIterator<Item = u32>) -> u32 {
    let all = outcomes.into_iter().map(|count| Bits::of(count.into()));
    u32::try_from(all.fold(Bits::ZERO, Add::add).whole()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Bits, choice_bits};

    #[test]
    fn choice_is_rounded_up_once_and_not_event_by_event() {
        // 3^12 = 531,441 lies between 2^19 and 2^20; rounded one by one it were 24.
        assert_eq!(choice_bits([3; 12]), 20);
        assert_eq!(choice_bits([3]), 2);
        assert_eq!(choice_bits([5, 7]), 6);
    }

    #[test]
    fn powers_of_two_are_not_rounded_up() {
        assert_eq!(choice_bits([2; 64]), 64);
        assert_eq!(choice_bits([4, 2, 8]), 6);
        assert_eq!(choice_bits([2; 256]), 256);
        for exponent in 0_u32..128 {
            assert_eq!(Bits::of(1 << exponent).whole(), u64::from(exponent));
        }
    }

    #[test]
    fn an_event_without_a_choice_adds_nothing() {
        assert_eq!(choice_bits([]), 0);
        assert_eq!(choice_bits([0, 1, 1]), 0);
        assert_eq!(choice_bits([1, 3, 1]), 2);
    }

    #[test]
    fn long_sums_stay_exact() {
        // log2(65,535) · 100 = 1599.998: still rounded up once.
        assert_eq!(choice_bits([65_535; 100]), 1600);
        // log2(u32::MAX) is just below 32.
        assert_eq!(choice_bits([u32::MAX; 40]), 1280);
        // log2(3) · 1000 = 1584.96, · 100,000 = 158,496.25.
        assert_eq!(choice_bits([3; 1000]), 1585);
        assert_eq!(choice_bits(std::iter::repeat_n(3, 100_000)), 158_497);
        assert_eq!(Bits::of(3).times(100_000).whole(), 158_497);
        // 3^40 has 64 bits, 3^41 has 65.
        assert_eq!(choice_bits([3; 40]), 64);
        assert_eq!(choice_bits([3; 41]), 65);
    }

    #[test]
    fn a_figure_is_never_too_small_and_hardly_too_large() {
        // log2(10^30) = 99.657…, of a number far above what a mantissa holds.
        assert_eq!(Bits::of(10_u128.pow(30)).to_string(), "99.7");
        assert_eq!(Bits::of(u128::MAX).whole(), 128);
        assert!(Bits::of(u128::MAX) > Bits::of(1 << 127));
        for outcomes in 2..5000_u128 {
            let bits = Bits::of(outcomes);
            assert!(bits >= Bits::of(outcomes - 1), "{outcomes}");
            // 64 of them: outcomes^64 is at most 2^whole, and not half as large.
            let exact = (0..64).fold((1_u128, 0_u32), |(kept, dropped), _| {
                let (product, more) = (kept * outcomes, kept.ilog2().saturating_sub(100));
                (product >> more, dropped + more)
            });
            let floor = u64::from(exact.0.ilog2() + exact.1);
            let whole = bits.times(64).whole();
            assert!((floor..=floor + 2).contains(&whole), "{outcomes}");
        }
    }

    #[test]
    fn a_sum_saturates() {
        let most = Bits::of(u128::MAX).times(u64::MAX);
        assert_eq!((most + most).whole(), 1 << 32);
        assert_eq!(choice_bits(std::iter::repeat_n(u32::MAX, 3)), 96);
    }

    #[test]
    fn a_figure_is_shown_with_a_tenth_rounded_up() {
        assert_eq!(Bits::of(4).to_string(), "2");
        assert_eq!(Bits::of(3).to_string(), "1.6");
        assert_eq!(Bits::of(5).to_string(), "2.4");
        assert_eq!(Bits::ZERO.to_string(), "0");
    }
}
