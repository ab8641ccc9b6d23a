//! Waits that double with every failure, and how they are spread.

use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};

/// How long whoever failed waits: `first` after the first failure, twice as long after
/// each further one in a row, `most` at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    first: TimeDelta,
    most: TimeDelta,
}

impl Backoff {
    pub(crate) const fn new(first: TimeDelta, most: TimeDelta) -> Self {
        Self { first, most }
    }

    /// The wait after a failure that had `earlier` ones before it.
    pub(crate) fn wait(self, earlier: i64) -> TimeDelta {
        let exponent = u32::try_from(earlier.clamp(0, 30)).unwrap_or_default();
        let full = self.first.checked_mul(2_i32.pow(exponent));
        full.map_or(self.most, |full| full.min(self.most))
    }

    /// The same, up to a quarter shorter at random, so that what failed together does not
    /// come back together.
    pub(crate) fn random(self, earlier: i64) -> TimeDelta {
        let full_ms = self.wait(earlier).num_milliseconds();
        TimeDelta::milliseconds(full_ms - rand::random_range(0..=full_ms / 4))
    }

    /// The same, up to a quarter longer, by a hash of what failed: what failed together
    /// does not come back together, and a restart changes nothing.
    pub(crate) fn fixed(self, earlier: i64, of: &[&[u8]]) -> TimeDelta {
        let mut hash = Sha256::new();
        for part in of {
            hash.update(part);
        }
        let share = i64::from(hash.finalize().first().copied().unwrap_or_default());
        let full_ms = self.wait(earlier).num_milliseconds();
        TimeDelta::milliseconds(full_ms + full_ms * share / 1024)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const SLOW: Backoff = Backoff::new(TimeDelta::seconds(3), TimeDelta::seconds(100));

    #[test]
    fn waits_double_and_stay_within_their_bounds() {
        let waits: Vec<i64> = (-1..8).map(|n| SLOW.wait(n).num_seconds()).collect();
        assert_eq!(waits, [3, 3, 6, 12, 24, 48, 96, 100, 100]);
        assert_eq!(SLOW.wait(i64::MAX).num_seconds(), 100);
        assert_eq!(SLOW.wait(i64::MIN).num_seconds(), 3);
        let longest = Backoff::new(TimeDelta::MAX, TimeDelta::MAX);
        assert_eq!(longest.wait(40), TimeDelta::MAX);
    }

    #[test]
    fn waits_are_spread_over_a_quarter() {
        for earlier in -1..100 {
            let full = SLOW.wait(earlier);
            let random = SLOW.random(earlier);
            assert!(full * 3 / 4 <= random && random <= full, "{random}");
            let fixed = SLOW.fixed(earlier, &[b"it"]);
            assert!(full <= fixed && fixed <= full * 5 / 4, "{fixed}");
            assert_eq!(fixed, SLOW.fixed(earlier, &[b"it"]), "by chance");
        }
        let different = |n: i64| SLOW.fixed(9, &[b"it", &n.to_be_bytes()]);
        let waits: HashSet<TimeDelta> = (0..100).map(different).collect();
        assert!(waits.len() > 50, "{} waits", waits.len());
    }
}
