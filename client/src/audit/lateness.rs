//! How long after the agreed delay outcomes were decided, in little memory.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

/// Values below 2^7 have a bin of their own; above, 64 bins a power of two.
const EXACT_BITS: u32 = 7;

/// Milliseconds from maturity and settle delay to the decision, as a histogram
/// whose bins are at most 1/64 wide.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lateness {
    count: u64,
    bins: BTreeMap<u64, u64>,
    worst: Option<(u64, String)>,
}

impl Lateness {
    /// Adds one decision; negative counts as zero.
    pub(super) fn add(&mut self, ms: i64, event: &str) {
        let ms = u64::try_from(ms).unwrap_or_default();
        self.count += 1;
        *self.bins.entry(bin(ms)).or_default() += 1;
        if self.worst.as_ref().is_none_or(|(worst, _)| *worst < ms) {
            self.worst = Some((ms, event.to_owned()));
        }
    }

    /// How many decisions.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The value that this share (in percent, up to 100) of decisions does not
    /// exceed, milliseconds; rounded down by at most 1/64. None of nothing.
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let rank = u128::from(self.count) * u128::from(percent);
        let rank = u64::try_from(rank.div_ceil(100)).ok()?.max(1);
        let mut seen = 0;
        self.bins.iter().find_map(|(bin, count)| {
            seen += count;
            (seen >= rank).then_some(*bin)
        })
    }

    /// The longest, milliseconds, and its event.
    pub fn worst(&self) -> Option<(u64, &str)> {
        let worst = self.worst.as_ref();
        worst.map(|(ms, event)| (*ms, event.as_str()))
    }
}

/// The lower end of the value's bin.
fn bin(ms: u64) -> u64 {
    let bits = u64::BITS - ms.leading_zeros();
    let drop = bits.saturating_sub(EXACT_BITS);
    ms >> drop << drop
}

impl Serialize for Lateness {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Lateness", 5)?;
        out.serialize_field("count", &self.count)?;
        out.serialize_field("median_ms", &self.percentile(50))?;
        out.serialize_field("p99_ms", &self.percentile(99))?;
        out.serialize_field("worst_ms", &self.worst().map(|(ms, _)| ms))?;
        out.serialize_field("worst_event", &self.worst().map(|(_, event)| event))?;
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_values_within_a_64th() {
        let mut lateness = Lateness::default();
        for ms in (1..=1000).rev() {
            lateness.add(ms * 10, "x");
        }
        for percent in [1, 50, 99, 100] {
            let exact = percent * 100;
            let got = lateness.percentile(percent).unwrap();
            assert!(
                got <= exact && got >= exact - exact / 64,
                "{percent}: {got}"
            );
        }
        assert_eq!(lateness.worst(), Some((10_000, "x")));
    }

    #[test]
    fn of_nothing_there_is_no_median() {
        assert_eq!(Lateness::default().percentile(50), None);
    }

    #[test]
    fn a_decision_before_its_time_is_not_late() {
        let mut lateness = Lateness::default();
        lateness.add(-5, "early");
        assert_eq!(lateness.percentile(50), Some(0));
    }
}
