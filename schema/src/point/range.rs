//! A numeric range as the few digit prefixes that cover it.
//!
//! Source: dlcspecs `NumericOutcomeCompression.md`.

use std::ops::RangeInclusive;

/// Why a range cannot be grouped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// A base in which no number can be written.
    #[error("base is {0}; it must be at least 2")]
    Base(u16),
    /// Digits that hold nothing, or more than 127 bits.
    #[error("{nb_digits} digits of base {base} are not between 1 digit and 127 bits")]
    Digits {
        /// Number base.
        base: u16,
        /// Digits.
        nb_digits: u16,
    },
    /// The start lies after the end.
    #[error("range starts at {start}, after its end {end}")]
    Backwards {
        /// First value.
        start: u128,
        /// Last value.
        end: u128,
    },
    /// The end is more than the digits can hold.
    #[error("range ends at {end}; the digits hold at most {max}")]
    Above {
        /// Last value.
        end: u128,
        /// Largest value of the digits.
        max: u128,
    },
}

/// The fewest digit prefixes that cover exactly the values of `range`, both
/// ends included, in ascending order of the values they cover.
///
/// A prefix is most significant digit first; the digits it leaves out are free.
/// It has at least one digit: a prefix of none would need no attestation, so
/// the range of all values is one prefix per first digit. At most
/// `2·(base − 1)·nb_digits` prefixes.
pub fn group_range(
    base: u16,
    nb_digits: u16,
    range: RangeInclusive<u128>,
) -> Result<Vec<Vec<u16>>, RangeError> {
    let (start, end) = range.into_inner();
    let weights = weights(base, nb_digits)?;
    let max = weights.last().map_or(0, |top| top * u128::from(base) - 1);
    if start > end {
        return Err(RangeError::Backwards { start, end });
    }
    if end > max {
        return Err(RangeError::Above { end, max });
    }
    let mut prefixes = Vec::new();
    let mut next = start;
    while next <= end {
        // The largest aligned block that begins here and does not pass the end.
        let fits = |(_, weight): &(usize, &u128)| {
            next.is_multiple_of(**weight) && end - next >= **weight - 1
        };
        let (free, weight) = weights
            .iter()
            .enumerate()
            .rev()
            .find(fits)
            .map_or((0, 1), |(free, weight)| (free, *weight));
        prefixes.push(digits(next / weight, base, usize::from(nb_digits) - free));
        next += weight;
    }
    Ok(prefixes)
}

/// `base^0 … base^(nb_digits − 1)`.
fn weights(base: u16, nb_digits: u16) -> Result<Vec<u128>, RangeError> {
    if base < 2 {
        return Err(RangeError::Base(base));
    }
    let unfit = RangeError::Digits { base, nb_digits };
    let fits = u128::from(base)
        .checked_pow(u32::from(nb_digits))
        .is_some_and(|count| count <= 1 << 127);
    if nb_digits == 0 || !fits {
        return Err(unfit);
    }
    let next = |weight: &u128| weight.checked_mul(u128::from(base));
    Ok(std::iter::successors(Some(1), next)
        .take(usize::from(nb_digits))
        .collect())
}

fn digits(value: u128, base: u16, count: usize) -> Vec<u16> {
    let mut digits = vec![0; count];
    let mut rest = value;
    for digit in digits.iter_mut().rev() {
        // The remainder is below a u16 base.
        *digit = u16::try_from(rest % u128::from(base)).unwrap_or_default();
        rest /= u128::from(base);
    }
    digits
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    fn texts(base: u16, nb_digits: u16, range: RangeInclusive<u128>) -> Vec<String> {
        let prefixes = group_range(base, nb_digits, range).unwrap();
        let text = |p: &Vec<u16>| p.iter().map(ToString::to_string).collect();
        prefixes.iter().map(text).collect()
    }

    #[test]
    fn the_spec_example_in_base_ten_is_its_twenty_prefixes() {
        let expected = "5677 5678 5679 568 569 57 58 59 6 7 \
                        80 81 82 83 84 85 860 861 8620 8621";
        assert_eq!(
            texts(10, 4, 5677..=8621),
            expected.split_whitespace().collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_spec_example_in_base_two_is_its_groupings_and_endpoints() {
        // The spec lists 8620 (…00) and 8621 (…01) apart; its own endpoint
        // optimisation makes one prefix of them.
        let expected = "01011000101101 0101100010111 0101100011 01011001 0101101 010111 011 \
                        100000 1000010 100001100 10000110100 100001101010 1000011010110";
        assert_eq!(
            texts(2, 14, 5677..=8621),
            expected.split_whitespace().collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_spec_example_of_the_endpoint_optimisation_is_three_prefixes_and_a_row() {
        let expected = "22 23 24 25 26 27 28 29 3 4";
        assert_eq!(
            texts(10, 4, 2200..=4999),
            expected.split_whitespace().collect::<Vec<_>>()
        );
    }

    #[test]
    fn all_values_are_one_prefix_per_first_digit() {
        assert_eq!(texts(3, 4, 0..=80), ["0", "1", "2"]);
    }

    #[test]
    fn the_widest_range_is_grouped_without_overflow() {
        let max = (1_u128 << 127) - 1;
        assert_eq!(texts(2, 127, 0..=max), ["0", "1"]);
        assert_eq!(group_range(2, 127, 1..=max).unwrap().len(), 127);
    }

    #[test]
    fn what_is_no_range_of_the_digits_is_refused() {
        assert_eq!(group_range(1, 4, 0..=0), Err(RangeError::Base(1)));
        for nb_digits in [0, 128, u16::MAX] {
            let unfit = RangeError::Digits { base: 2, nb_digits };
            assert_eq!(group_range(2, nb_digits, 0..=0), Err(unfit));
        }
        let (start, end) = (5, 4);
        let backwards = RangeError::Backwards { start, end };
        assert_eq!(group_range(2, 4, start..=end), Err(backwards));
        let above = RangeError::Above { end: 16, max: 15 };
        assert_eq!(group_range(2, 4, 0..=16), Err(above));
    }

    proptest! {
        #[test]
        fn prefixes_partition_the_range_exactly(
            base in 2_u16..=17,
            nb_digits in 1_u16..=6,
            a in any::<u128>(),
            b in any::<u128>(),
        ) {
            let count = u128::from(base).pow(u32::from(nb_digits));
            let (start, end) = ((a % count).min(b % count), (a % count).max(b % count));
            let mut next = start;
            for prefix in group_range(base, nb_digits, start..=end).unwrap() {
                prop_assert!(!prefix.is_empty() && prefix.len() <= usize::from(nb_digits));
                prop_assert!(prefix.iter().all(|digit| *digit < base));
                let head = prefix.iter().fold(0, |n, d| n * u128::from(base) + u128::from(*d));
                let free = u32::from(nb_digits) - u32::try_from(prefix.len()).unwrap();
                let width = u128::from(base).pow(free);
                prop_assert_eq!(head * width, next);
                next += width;
            }
            prop_assert_eq!(next, end + 1);
        }
    }
}
