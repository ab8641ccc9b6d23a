//! What an outcome says, with its unit and the name it has for people; no floats.

use super::{Policy, Rule};

impl Policy {
    /// An outcome in words: the number with its unit and, where the policy says what
    /// it stands for, as the value that was rounded; the name beside an outcome that
    /// has one.
    ///
    /// ```
    /// # use oracle_schema::policy::Policy;
    /// # fn meaning(policy: &Policy) -> String {
    /// policy.meaning("251873") // "251873 uUSD/PPC: ppcusd 0.251873"
    /// # }
    /// ```
    pub fn meaning(&self, outcome: &str) -> String {
        match &self.rule {
            Rule::Digits {
                price,
                decimals,
                base,
                digits,
                unit,
            } => {
                let places = usize::try_from(*decimals).unwrap_or(usize::MAX);
                let value = with_point(outcome, places);
                let bound = bound(outcome, *base, *digits);
                format!("{outcome} {unit}: {} {bound}{value}", price.name)
            }
            Rule::Threshold { price, above } => match outcome {
                "above" => format!("above: {} is above {above}", price.name),
                "not_above" => format!("not_above: {} is not above {above}", price.name),
                other => other.to_owned(),
            },
            rule => match (rule.fact_digits(), self.names.get(outcome)) {
                (Some(digits), _) => {
                    let places = usize::try_from(digits.decimals).unwrap_or(usize::MAX);
                    let value = with_point(outcome, places);
                    format!("{outcome} {}: {value}", digits.unit)
                }
                (None, Some(name)) => format!("{outcome} ({name})"),
                (None, None) => outcome.to_owned(),
            },
        }
    }
}

/// `≥` for the largest number of these digits, `≤` for none: they clamp.
pub fn bound(outcome: &str, base: u16, digits: u16) -> &'static str {
    let largest = u128::from(base)
        .checked_pow(u32::from(digits))
        .map(|n| (n - 1).to_string());
    if largest.is_some_and(|largest| largest == outcome) {
        "≥ "
    } else if outcome == "0" {
        "≤ "
    } else {
        ""
    }
}

/// A decimal integer divided by a power of ten, as text: no digit is lost.
pub fn with_point(integer: &str, decimals: usize) -> String {
    // No policy has more; a padding of gigabytes would be the only harm.
    const MOST: usize = 100;
    if decimals == 0 || decimals > MOST {
        return integer.to_owned();
    }
    let (sign, digits) = match integer.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", integer),
    };
    let padded = format!("{digits:0>width$}", width = decimals + 1);
    match padded.split_at_checked(padded.len() - decimals) {
        Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
        None => integer.to_owned(),
    }
}
