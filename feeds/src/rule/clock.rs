//! Whether providers' clocks make the local one doubtful.
//!
//! One provider says little about the time: its clock may be wrong, or a cache
//! that sends no `Age` may answer for it. So a doubt takes two independent
//! roots that say the same, and it is about what rests on their answers alone.

use std::collections::BTreeMap;

use super::cause::Cause;
use super::trace::ClockCheck;

/// How far the local clock may be from a provider's, seconds.
pub const TOLERANCE_S: i64 = 60;

/// How far apart two roots may be that say the same about the local clock,
/// seconds: a slow answer, not another time.
const ALIKE_S: i64 = 30;

/// Roots that say the same of the local clock, and that it is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// How far the local clock is ahead of theirs, seconds; negative where it is
    /// behind. Of several the farthest.
    pub ahead_s: i64,
    /// Two at least.
    pub roots: Vec<String>,
}

/// How far the local clock is ahead of each root's, seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skews(BTreeMap<String, i64>);

impl FromIterator<(String, i64)> for Skews {
    fn from_iter<I: IntoIterator<Item = (String, i64)>>(skews: I) -> Self {
        Self(skews.into_iter().collect())
    }
}

impl Skews {
    /// By root.
    pub fn by_root(&self) -> &BTreeMap<String, i64> {
        &self.0
    }

    /// As traces tell it.
    pub fn check(&self) -> ClockCheck {
        ClockCheck::of(self.0.values().copied().collect())
    }

    /// The largest group of two or more roots that say the same of the local
    /// clock, and that it is wrong by more than [`TOLERANCE_S`]; of equal groups
    /// the one by which it is farther ahead.
    pub fn doubt(&self) -> Option<Doubt> {
        let from = |first: i64| {
            let alike = first..=first.saturating_add(ALIKE_S);
            let wrong = |skew: i64| skew.saturating_abs() > TOLERANCE_S;
            let alike = move |skew: i64| wrong(skew) && alike.contains(&skew);
            self.0.iter().filter(move |(_, skew)| alike(**skew))
        };
        let first = self.0.values().copied();
        let first = first.max_by_key(|first| (from(*first).count(), *first))?;
        let (_, ahead_s) = from(first).max_by_key(|(_, skew)| skew.saturating_abs())?;
        let roots: Vec<String> = from(first).map(|(root, _)| root.clone()).collect();
        (roots.len() >= 2).then_some(Doubt {
            ahead_s: *ahead_s,
            roots,
        })
    }

    /// Why a decision that rests on these roots must wait, if it must: a clock
    /// that is ahead decides before its time.
    ///
    /// - Two roots that say so alike, and no more that say otherwise.
    /// - One root says so, or several and each something else, and none says
    ///   that the local clock is right: too little to call it wrong, and too
    ///   little to decide by it.
    ///
    /// A clock that is behind asks late and decides late, which is no harm.
    pub fn cause(&self) -> Option<Cause> {
        let median = self.check().ahead_s.filter(|s| *s > TOLERANCE_S)?;
        if let Some(doubt) = self.doubt().filter(|d| d.ahead_s > 0) {
            let ahead_s = doubt.ahead_s;
            return Some(Cause::Clock { ahead_s });
        }
        let is_right = |skew: &i64| skew.saturating_abs() <= TOLERANCE_S;
        let confirmed = self.0.values().any(is_right);
        (!confirmed).then_some(Cause::Behind { by_s: median })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn skews(skews: &[i64]) -> Skews {
        let named = skews.iter().zip('a'..);
        named
            .map(|(skew, name)| (name.to_string(), *skew))
            .collect()
    }

    #[test]
    fn one_root_is_no_doubt_and_two_that_differ_are_none() {
        for told in [
            &[][..],
            &[3600],
            &[0, 3600],
            &[600, 3600],
            &[60, 60],
            &[-59, 59],
        ] {
            assert_eq!(skews(told).doubt(), None, "{told:?}");
        }
    }

    #[test]
    fn two_roots_that_say_the_same_are_a_doubt_however_many_confirm_the_clock() {
        for (told, ahead_s) in [
            (&[600, 601][..], 601),
            (&[0, 600, 0, 590, 0, 0], 600),
            (&[-600, -605, 0], -605),
            (&[100, 100, 600, 600], 600),
            (&[61, 62], 62),
        ] {
            let doubt = skews(told).doubt().map(|d| (d.ahead_s, d.roots.len()));
            assert_eq!(doubt, Some((ahead_s, 2)), "{told:?}");
        }
    }

    #[test]
    fn a_decision_waits_for_two_alike_or_for_one_whom_nobody_contradicts() {
        let waits = |told: &[i64]| skews(told).cause();
        assert_eq!(waits(&[600, 600]), Some(Cause::Clock { ahead_s: 600 }));
        assert_eq!(
            waits(&[0, 0, 600, 600]),
            Some(Cause::Clock { ahead_s: 600 })
        );
        assert_eq!(waits(&[3600]), Some(Cause::Behind { by_s: 3600 }));
        assert_eq!(waits(&[600, 3600]), Some(Cause::Behind { by_s: 3600 }));
        // A root that is itself far off says of nobody that the clock is right.
        assert_eq!(waits(&[3600, -5000]), Some(Cause::Behind { by_s: 3600 }));
        for told in [
            &[][..],
            &[60],
            &[0, 3600],
            &[0, 0, 0, 600, 600],
            &[-600, -600],
        ] {
            assert_eq!(waits(told), None, "{told:?}");
        }
    }

    proptest! {
        /// What was attested while the median alone decided is attested still:
        /// published evidence replays.
        #[test]
        fn nothing_waits_that_the_median_did_not_hold_back(
            told in prop::collection::vec(-7200_i64..7200, 0..8),
        ) {
            let skews = skews(&told);
            if skews.cause().is_some() {
                prop_assert!(skews.check().ahead_s > Some(TOLERANCE_S));
            }
        }

        #[test]
        fn no_skew_overflows(told in prop::collection::vec(any::<i64>(), 0..5)) {
            let _ = skews(&told).cause();
        }
    }
}
