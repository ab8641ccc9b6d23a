//! Decimals exactly: from a source's literal text, and through arithmetic that
//! says `None` where the result would have to be rounded.

use std::cmp::Ordering;

use rust_decimal::Decimal;

/// Most significant digits a source may write.
pub const MAX_DIGITS: usize = 28;

/// Why a text is not a usable decimal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LiteralError {
    /// Not of the JSON number grammar (so no comma, `+`, `NaN`, `.5`, `007`).
    #[error("not a decimal number")]
    Syntax,
    /// Exponent notation where the source does not write it.
    #[error("exponent notation")]
    Exponent,
    /// More digits than can be held exactly.
    #[error("more than {MAX_DIGITS} digits")]
    Digits,
}

/// Reads a decimal of the JSON number grammar without an exponent.
pub fn parse(text: &str) -> Result<Decimal, LiteralError> {
    if text.contains(['e', 'E']) && parse_scientific(text).is_ok() {
        return Err(LiteralError::Exponent);
    }
    let (negative, whole, fraction) = split(text)?;
    assemble(negative, whole, fraction, 0)
}

/// Reads a decimal of the JSON number grammar, exponent allowed, exactly.
pub fn parse_scientific(text: &str) -> Result<Decimal, LiteralError> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        None => (text, 0),
        Some((mantissa, exponent)) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(LiteralError::Syntax);
            }
            let exponent = exponent.parse::<i32>().map_err(|_| LiteralError::Digits)?;
            (mantissa, exponent)
        }
    };
    let (negative, whole, fraction) = split(mantissa)?;
    assemble(negative, whole, fraction, exponent)
}

/// How a decimal of the JSON number grammar compares with zero, exponent
/// allowed. However many digits it has, it need not fit a [`Decimal`] for this.
pub fn sign(text: &str) -> Result<Ordering, LiteralError> {
    let mantissa = match text.split_once(['e', 'E']) {
        None => text,
        Some((mantissa, exponent)) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(LiteralError::Syntax);
            }
            mantissa
        }
    };
    let (negative, whole, fraction) = split(mantissa)?;
    let zero = whole.bytes().chain(fraction.bytes()).all(|b| b == b'0');
    Ok(match (zero, negative) {
        (true, _) => Ordering::Equal,
        (false, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
    })
}

/// Sign, whole and fraction of the JSON number grammar without an exponent.
pub(crate) fn split(text: &str) -> Result<(bool, &str, &str), LiteralError> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((_, "")) => return Err(LiteralError::Syntax),
        Some(parts) => parts,
        None => (unsigned, ""),
    };
    let is_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    if whole.is_empty() || leading_zero || !is_digits(whole) || !is_digits(fraction) {
        return Err(LiteralError::Syntax);
    }
    Ok((negative, whole, fraction))
}

fn assemble(
    negative: bool,
    whole: &str,
    fraction: &str,
    exponent: i32,
) -> Result<Decimal, LiteralError> {
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    if significant.len() > MAX_DIGITS {
        return Err(LiteralError::Digits);
    }
    let magnitude: i128 = if significant.is_empty() {
        0
    } else {
        significant.parse().map_err(|_| LiteralError::Syntax)?
    };
    let mantissa = if negative { -magnitude } else { magnitude };
    let scale = i64::try_from(fraction.len())
        .ok()
        .and_then(|s| s.checked_sub(i64::from(exponent)))
        .ok_or(LiteralError::Digits)?;
    exact(mantissa, scale).ok_or(LiteralError::Digits)
}

/// `mantissa / 10^scale`, if a [`Decimal`] can hold it exactly.
fn exact(mut mantissa: i128, mut scale: i64) -> Option<Decimal> {
    if mantissa == 0 {
        return Some(Decimal::ZERO);
    }
    while scale < 0 {
        mantissa = mantissa.checked_mul(10)?;
        scale += 1;
    }
    loop {
        let held = u32::try_from(scale)
            .ok()
            .and_then(|s| Decimal::try_from_i128_with_scale(mantissa, s).ok());
        if held.is_some() {
            return held;
        }
        if scale == 0 || mantissa % 10 != 0 {
            return None;
        }
        mantissa /= 10;
        scale -= 1;
    }
}

/// Both as integers at one scale, the larger of the two.
fn aligned(a: Decimal, b: Decimal) -> Option<(i128, i128, u32)> {
    let (a, b) = (a.normalize(), b.normalize());
    let scale = a.scale().max(b.scale());
    let raise = |x: Decimal| {
        10_i128
            .checked_pow(scale - x.scale())
            .and_then(|p| x.mantissa().checked_mul(p))
    };
    Some((raise(a)?, raise(b)?, scale))
}

/// a × b, or `None` where it does not fit exactly.
pub fn mul(a: Decimal, b: Decimal) -> Option<Decimal> {
    let (a, b) = (a.normalize(), b.normalize());
    exact(
        a.mantissa().checked_mul(b.mantissa())?,
        i64::from(a.scale()) + i64::from(b.scale()),
    )
}

/// (a + b) / 2, or `None` where it does not fit exactly.
pub fn mean(a: Decimal, b: Decimal) -> Option<Decimal> {
    let (a, b, scale) = aligned(a, b)?;
    let sum = a.checked_add(b)?;
    if sum % 2 == 0 {
        exact(sum / 2, i64::from(scale))
    } else {
        exact(sum.checked_mul(5)?, i64::from(scale) + 1)
    }
}

/// Whether |price − centre| > fraction × centre, for a positive centre.
///
/// Exact. Where the integers outgrow 127 bits the two numbers are many orders
/// of magnitude apart, so the answer is yes.
pub fn deviates(price: Decimal, centre: Decimal, fraction: Decimal) -> bool {
    let compare = || {
        let (p, c, _) = aligned(price, centre)?;
        let distance = p.checked_sub(c)?.checked_abs()?;
        let fraction = fraction.normalize();
        // Both sides carry the common scale; only the fraction adds its own.
        let left = distance.checked_mul(10_i128.checked_pow(fraction.scale())?)?;
        let right = c.checked_mul(fraction.mantissa())?;
        Some(left > right)
    };
    compare().unwrap_or(true)
}

/// price × 10^decimals rounded half-even to an integer, saturating at the
/// bounds of `i128` (far beyond what any digits can hold).
pub fn to_integer(price: Decimal, decimals: u32) -> i128 {
    let (mantissa, scale) = (price.mantissa(), price.scale());
    if let Some(up) = decimals.checked_sub(scale) {
        return 10_i128
            .checked_pow(up)
            .and_then(|p| mantissa.checked_mul(p))
            .unwrap_or(match mantissa.signum() {
                1 => i128::MAX,
                -1 => i128::MIN,
                _ => 0,
            });
    }
    // A Decimal's scale is at most 28, so the power fits.
    let divisor = 10_i128.pow(scale - decimals);
    let (quotient, twice) = (mantissa / divisor, (mantissa % divisor).abs() * 2);
    let away = twice > divisor || (twice == divisor && quotient % 2 != 0);
    if away {
        quotient + mantissa.signum()
    } else {
        quotient
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn d(text: &str) -> Decimal {
        parse_scientific(text).unwrap()
    }

    #[test]
    fn decimals_are_read_from_their_literal_text() {
        assert_eq!(parse("61234.50000").unwrap(), Decimal::new(612_345, 1));
        assert_eq!(parse("0.1").unwrap(), Decimal::new(1, 1));
        assert_eq!(parse("-0").unwrap(), Decimal::ZERO);
        assert_eq!(d("4.1e-06"), Decimal::new(41, 7));
        assert_eq!(d("1.5E3"), Decimal::from(1500));
        assert_eq!(
            parse("1234567890123456789012345678").unwrap().to_string(),
            "1234567890123456789012345678"
        );
    }

    #[test]
    fn comma_exponent_nan_and_loose_forms_are_refused() {
        assert_eq!(parse("4.1e-06"), Err(LiteralError::Exponent));
        for text in [
            "", "-", "61234,5", "NaN", "Infinity", "+1", ".5", "5.", "007", "1_000", " 1", "0x1",
            "1e", "1e+", "é", "1.2.3", "--1",
        ] {
            assert_eq!(parse(text), Err(LiteralError::Syntax), "{text}");
        }
        for text in [
            "12345678901234567890123456789",
            "1e29",
            "1e-29",
            "1e99999999999",
        ] {
            assert_eq!(parse_scientific(text), Err(LiteralError::Digits), "{text}");
        }
    }

    #[test]
    fn a_sign_is_read_whatever_the_magnitude() {
        for (text, expected) in [
            ("0", Ordering::Equal),
            ("-0.000", Ordering::Equal),
            ("0e-400", Ordering::Equal),
            ("9e-08", Ordering::Greater),
            ("4.2E-4", Ordering::Greater),
            ("1e-400", Ordering::Greater),
            ("0.0000000000000000000000000000000001", Ordering::Greater),
            ("-1.2e-07", Ordering::Less),
        ] {
            assert_eq!(sign(text), Ok(expected), "{text}");
        }
        for text in ["", "e", "1e", "1e+", "e5", "NaN", "1,2", "0x1", "1e5.0"] {
            assert_eq!(sign(text), Err(LiteralError::Syntax), "{text}");
        }
    }

    #[test]
    fn products_and_means_are_exact_or_nothing() {
        assert_eq!(mul(d("0.00000412"), d("61234.5")), Some(d("0.25228614")));
        assert_eq!(mean(d("1"), d("2")), Some(d("1.5")));
        assert_eq!(mean(d("61234.50"), d("61234.5")), Some(d("61234.5")));
        let long = d("1.234567890123456789012345678");
        assert_eq!(mul(long, long), None);
        assert_eq!(mean(d("1e-28"), d("2e-28")), None);
        assert_eq!(mean(d("1e27"), d("1e-28")), None);
    }

    #[test]
    fn deviation_is_strict_and_exact() {
        assert!(!deviates(d("100.5"), d("100"), d("0.005")));
        assert!(deviates(d("100.5000000001"), d("100"), d("0.005")));
        assert!(!deviates(d("99.5"), d("100"), d("0.005")));
        assert!(deviates(d("1e27"), d("1e-28"), d("0.005")));
    }

    #[test]
    fn integers_round_half_even_and_saturate() {
        for (price, decimals, expected) in [
            ("0.5", 0, 0),
            ("1.5", 0, 2),
            ("2.5", 0, 2),
            ("-0.5", 0, 0),
            ("-1.5", 0, -2),
            ("2.5000001", 0, 3),
            ("0.2523455", 6, 252_346),
            ("0.2523445", 6, 252_344),
            ("7", 2, 700),
        ] {
            assert_eq!(to_integer(d(price), decimals), expected, "{price}");
        }
        assert_eq!(to_integer(d("1"), 60), i128::MAX);
        assert_eq!(to_integer(d("-1"), 60), i128::MIN);
        assert_eq!(to_integer(Decimal::ZERO, 60), 0);
    }
}
