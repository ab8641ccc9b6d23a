//! Request rates as people write them: `1/s`, `120/m`.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// At most `count` requests in each `per`, which is also the largest burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
}

/// Not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rate {0:?} is not of the form COUNT/s, COUNT/m, COUNT/h or COUNT/d with COUNT ≥ 1")]
pub struct RateError(String);

impl Rate {
    /// So many requests a second; 0 counts as 1.
    pub const fn per_second(count: u32) -> Self {
        Self::new(count, Unit::Second)
    }

    /// So many requests a minute; 0 counts as 1.
    pub const fn per_minute(count: u32) -> Self {
        Self::new(count, Unit::Minute)
    }

    const fn new(count: u32, unit: Unit) -> Self {
        let count = match NonZeroU32::new(count) {
            Some(count) => count,
            None => NonZeroU32::MIN,
        };
        Self { count, unit }
    }

    /// Largest burst, requests.
    pub fn burst(self) -> NonZeroU32 {
        self.count
    }

    /// Time between two requests when the burst is used up.
    pub fn interval(self) -> Duration {
        let per = match self.unit {
            Unit::Second => 1,
            Unit::Minute => 60,
            Unit::Hour => 3600,
            Unit::Day => 86_400,
        };
        Duration::from_secs(per) / self.count.get()
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(s: &str) -> Result<Self, RateError> {
        let error = || RateError(s.to_owned());
        let (count, unit) = s.split_once('/').ok_or_else(error)?;
        let unit = match unit {
            "s" => Unit::Second,
            "m" => Unit::Minute,
            "h" => Unit::Hour,
            "d" => Unit::Day,
            _ => return Err(error()),
        };
        if !count.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error());
        }
        let count = count.parse().map_err(|_| error())?;
        Ok(Self { count, unit })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Second => 's',
            Unit::Minute => 'm',
            Unit::Hour => 'h',
            Unit::Day => 'd',
        };
        write!(f, "{}/{unit}", self.count)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_rate_reads_back_as_written() {
        for text in ["1/s", "10/m", "400/h", "7500/d"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        assert_eq!(
            "120/m".parse::<Rate>().unwrap().interval(),
            Duration::from_millis(500)
        );
    }

    #[test]
    fn what_is_not_a_rate_is_refused() {
        for text in [
            "",
            "1",
            "0/s",
            "-1/s",
            "+1/s",
            "1/w",
            "1.5/s",
            "1 /s",
            "99999999999/s",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
