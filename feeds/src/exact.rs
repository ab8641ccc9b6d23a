//! Products of decimals with as many digits as they take, for prices that are
//! crosses of several legs: compared and rounded only where an outcome is due.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::decimal::{LiteralError, split};

/// A decimal number of any length. As text and in JSON a plain decimal, as
/// [`Decimal`] writes it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Exact {
    negative: bool,
    /// Decimal digits, the most significant first, none of them a leading zero;
    /// empty for zero.
    digits: Vec<u8>,
    /// How many of them stand after the point.
    scale: usize,
}

impl Exact {
    fn new(negative: bool, digits: impl Iterator<Item = u8>, scale: usize) -> Self {
        let digits: Vec<u8> = digits.skip_while(|d| *d == 0).collect();
        Self {
            negative: negative && !digits.is_empty(),
            digits,
            scale,
        }
    }

    /// self × other, without trailing zeros after the point.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        let mut cells = vec![0_u32; self.digits.len() + other.digits.len()];
        for (i, a) in self.digits.iter().rev().enumerate() {
            let row = cells.iter_mut().skip(i);
            for (cell, b) in row.zip(other.digits.iter().rev()) {
                *cell += u32::from(*a) * u32::from(*b);
            }
        }
        let mut carry = 0;
        let mut digits: Vec<u8> = Vec::with_capacity(cells.len());
        for cell in cells {
            carry += cell;
            digits.push(u8::try_from(carry % 10).unwrap_or_default());
            carry /= 10;
        }
        let scale = self.scale + other.scale;
        let trailing = digits.iter().take(scale).take_while(|d| **d == 0).count();
        Self::new(
            self.negative != other.negative,
            digits.into_iter().skip(trailing).rev(),
            scale - trailing,
        )
    }

    /// × 10^decimals, rounded half-even to an integer, saturating at the bounds
    /// of `i128`.
    pub fn to_integer(&self, decimals: u32) -> i128 {
        let decimals = usize::try_from(decimals).unwrap_or(usize::MAX);
        let cut = self.scale.saturating_sub(decimals);
        let zeros = decimals.saturating_sub(self.scale);
        let head = self.digits.len().saturating_sub(cut);
        let sign = if self.negative { -1 } else { 1 };
        let mut integer = 0_i128;
        let whole = self.digits.iter().take(head).copied();
        // Past 39 digits the sum has been saturated long ago.
        for digit in whole.chain(std::iter::repeat_n(0, zeros.min(40))) {
            integer = integer
                .saturating_mul(10)
                .saturating_add(sign * i128::from(digit));
        }
        let leading = cut.saturating_sub(self.digits.len());
        let mut rest = std::iter::repeat_n(0, leading)
            .chain(self.digits.iter().skip(head).copied())
            .skip_while(|_| cut == 0);
        let away = match rest.next().unwrap_or_default().cmp(&5) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => rest.any(|d| d != 0) || integer % 2 != 0,
        };
        integer.saturating_add(sign * i128::from(away))
    }

    /// The digits with zeros up to that scale.
    fn at_scale(&self, scale: usize) -> impl Iterator<Item = u8> + '_ {
        let zeros = if self.digits.is_empty() {
            0
        } else {
            scale.saturating_sub(self.scale)
        };
        self.digits
            .iter()
            .copied()
            .chain(std::iter::repeat_n(0, zeros))
    }

    fn cmp_magnitude(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        let (a, b) = (self.at_scale(scale), other.at_scale(scale));
        let (a, b): (Vec<u8>, Vec<u8>) = (a.collect(), b.collect());
        a.len().cmp(&b.len()).then_with(|| a.cmp(&b))
    }
}

impl From<Decimal> for Exact {
    fn from(decimal: Decimal) -> Self {
        let digits = decimal.mantissa().unsigned_abs().to_string();
        Self::new(
            decimal.is_sign_negative(),
            digits.bytes().map(|b| b - b'0'),
            usize::try_from(decimal.scale()).unwrap_or_default(),
        )
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |x: &Self| match (x.digits.is_empty(), x.negative) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => -1,
        };
        let (a, b) = (sign(self), sign(other));
        a.cmp(&b).then_with(|| match a {
            -1 => other.cmp_magnitude(self),
            _ => self.cmp_magnitude(other),
        })
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Exact {}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.scale + 1;
        let zeros = width.saturating_sub(self.digits.len());
        let digits = std::iter::repeat_n(0, zeros).chain(self.digits.iter().copied());
        let mut text: String = digits.map(|d| char::from(b'0' + d)).collect();
        if self.scale > 0 {
            text.insert(text.len() - self.scale, '.');
        }
        f.write_str(if self.negative { "-" } else { "" })?;
        f.write_str(&text)
    }
}

impl fmt::Debug for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Exact {
    type Err = LiteralError;
    fn from_str(text: &str) -> Result<Self, LiteralError> {
        let (negative, whole, fraction) = split(text)?;
        let digits = whole.bytes().chain(fraction.bytes()).map(|b| b - b'0');
        Ok(Self::new(negative, digits, fraction.len()))
    }
}

impl TryFrom<String> for Exact {
    type Error = LiteralError;
    fn try_from(text: String) -> Result<Self, LiteralError> {
        text.parse()
    }
}

impl From<Exact> for String {
    fn from(exact: Exact) -> Self {
        exact.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::decimal;

    fn e(text: &str) -> Exact {
        text.parse().unwrap()
    }

    #[test]
    fn text_is_kept_as_a_decimal_writes_it() {
        for text in ["61234.50", "0.25", "-0.005", "7", "0", "0.00", "100"] {
            assert_eq!(e(text).to_string(), text);
            let decimal: Decimal = text.parse().unwrap();
            assert_eq!(Exact::from(decimal).to_string(), decimal.to_string());
            let json = serde_json::to_string(&decimal).unwrap();
            let back: Exact = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&back).unwrap(), json);
        }
        for bad in ["", "1e3", "1,5", ".5", "NaN"] {
            assert!(bad.parse::<Exact>().is_err(), "{bad}");
        }
    }

    #[test]
    fn products_keep_every_digit() {
        let long = e("1.234567890123456789012345678");
        assert_eq!(
            long.times(&long).to_string(),
            "1.524157875323883675049535154031397676527968299765279684"
        );
        assert_eq!(
            e("0.00000412").times(&e("61234.50")).to_string(),
            "0.25228614"
        );
        assert_eq!(e("20").times(&e("0.5")).to_string(), "10");
        assert_eq!(e("-20").times(&e("0.05")).to_string(), "-1");
        assert_eq!(e("0").times(&e("0.05")), e("0"));
    }

    #[test]
    fn order_is_that_of_the_numbers() {
        let ascending = [
            "-10",
            "-1.51",
            "-1.5",
            "0",
            "0.00000000000000000000000000000000000001",
            "0.9",
            "1",
            "1.0000000000000000000000000000000000001",
            "9",
            "10.5",
        ];
        for pair in ascending.windows(2) {
            assert!(e(pair[0]) < e(pair[1]), "{pair:?}");
        }
        assert_eq!(e("1.50"), e("1.5"));
        assert_eq!(e("-0.0"), e("0"));
    }

    #[test]
    fn integers_are_those_of_decimals_where_both_can_tell() {
        for text in [
            "0.5",
            "1.5",
            "2.5",
            "-0.5",
            "-1.5",
            "2.5000001",
            "0.2523455",
            "0.2523445",
            "7",
            "0",
            "0.049",
            "0.05",
            "0.051",
            "9.99",
            "123456789.987654321",
        ] {
            let decimal: Decimal = text.parse().unwrap();
            for decimals in [0, 1, 2, 6, 18, 60] {
                assert_eq!(
                    e(text).to_integer(decimals),
                    decimal::to_integer(decimal, decimals),
                    "{text} {decimals}"
                );
            }
        }
        let half = "2.50000000000000000000000000000000000000000";
        assert_eq!(e(half).to_integer(0), 2);
        assert_eq!(e(&format!("{half}1")).to_integer(0), 3);
        assert_eq!(e(&"9".repeat(60)).to_integer(0), i128::MAX);
    }
}
