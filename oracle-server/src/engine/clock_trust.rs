//! What is known about the time besides what the clock says.
//!
//! Three questions, each with its own answer:
//!
//! - Has the clock jumped ahead? The monotonic clock tells. While it has,
//!   nothing is announced or decided, as that cannot be taken back. Providers
//!   only tell whether the jump was right (a machine that slept): what they say
//!   of a clock that did not jump stops nothing here.
//! - Do independent roots doubt it? Two that say alike that it is wrong. Then
//!   what rests on their answers waits, and nothing else.
//! - Has a deadline passed? A refund rests on no answer and is irrevocable: a
//!   machine whose clock jumps ahead, or wakes up years ahead, must not refund
//!   every event there is. So deadlines are measured from the last time that
//!   providers told, by the monotonic clock, and of two words the one that waits
//!   longer counts.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use oracle_feeds::rule::clock::TOLERANCE_S;
use oracle_feeds::rule::{Doubt, Skews};

use crate::clock::Clock;

/// How long a jump ahead, or a start after a deadline, that no provider
/// contradicts is not believed.
const SETTLED: Duration = Duration::from_mins(10);

/// How long what a root told about the time counts.
const TOLD_FOR: Duration = Duration::from_hours(1);

/// A time, and the uptime at which it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    time: DateTime<Utc>,
    uptime: Duration,
}

impl Mark {
    /// What a clock says.
    pub(super) fn of(clock: &dyn Clock) -> Self {
        Self {
            time: clock.now(),
            uptime: clock.uptime(),
        }
    }

    /// Uptime from `earlier` to this mark.
    pub(super) fn since(self, earlier: Self) -> Duration {
        self.uptime.saturating_sub(earlier.uptime)
    }

    /// What time it is at `uptime`, Unix seconds, if the mark was right.
    fn at(self, uptime: Duration) -> i64 {
        let since = uptime.saturating_sub(self.uptime);
        let since = TimeDelta::from_std(since).unwrap_or(TimeDelta::MAX);
        self.time
            .checked_add_signed(since)
            .map_or(i64::MAX, |t| t.timestamp())
    }
}

/// What is known about the time.
#[derive(Debug)]
pub(super) struct ClockTrust {
    start: Mark,
    /// The last time that the clock was found right, or the start.
    right: Mark,
    /// What time each root said it was. All told since the last jump.
    told: BTreeMap<String, Mark>,
    /// What the roots together said it was, of two words the earlier.
    provider: Option<Mark>,
    jump: Option<Jump>,
}

/// The clock is later than it can be.
#[derive(Debug, Clone, Copy)]
struct Jump {
    /// Uptime at which that was first seen.
    since: Duration,
    /// Whether a root has said so too.
    contradicted: bool,
}

impl ClockTrust {
    /// Nothing but the clock's own word, at the start of the process.
    pub(super) fn new(clock: &dyn Clock) -> Self {
        let start = Mark::of(clock);
        Self {
            start,
            right: start,
            told: BTreeMap::new(),
            provider: None,
            jump: None,
        }
    }

    /// The clock was found `ahead_s` ahead of a root's, in an observation that
    /// began at `begun`. If the clock was set meanwhile, the measurement says
    /// nothing about now.
    pub(super) fn measured(&mut self, root: &str, begun: Mark, clock: &dyn Clock, ahead_s: i64) {
        // What was told before a jump is no word about it.
        self.runs_ahead(clock);
        let end = Mark::of(clock);
        if (end.time.timestamp() - begun.at(end.uptime)).abs() > 1 {
            return;
        }
        let ahead = |ahead_s: i64| TimeDelta::try_seconds(ahead_s).unwrap_or(TimeDelta::MAX);
        let Some(time) = end.time.checked_sub_signed(ahead(ahead_s)) else {
            return;
        };
        self.told.insert(root.to_owned(), Mark { time, ..end });
        let skews = self.skews(clock);
        // Of an even number the one by which the clock is further ahead.
        let Some(median_s) = skews.check().ahead_s else {
            return;
        };
        if let Some(time) = end.time.checked_sub_signed(ahead(median_s.max(0))) {
            self.provider = Some(Mark { time, ..end });
        }
        let is_right =
            skews.by_root().values().any(|skew| is_close(*skew)) && median_s <= TOLERANCE_S;
        if is_right && self.jump.is_none() {
            self.right = end;
        }
    }

    /// How far the clock is now ahead of each root that told the time lately.
    pub(super) fn skews(&self, clock: &dyn Clock) -> Skews {
        let now = Mark::of(clock);
        let fresh = self.told.iter();
        let fresh = fresh.filter(|(_, told)| now.since(**told) <= TOLD_FOR);
        fresh
            .map(|(root, told)| {
                let skew = now.time.timestamp().saturating_sub(told.at(now.uptime));
                (root.clone(), skew)
            })
            .collect()
    }

    /// The doubt that a decision about `roots` rests on: as many of them doubt
    /// the clock as say that it is right. Two that doubt it are enough, whichever
    /// events they were asked for.
    pub(super) fn doubted_by<'a>(
        &self,
        clock: &dyn Clock,
        roots: impl Iterator<Item = &'a str>,
    ) -> Option<Doubt> {
        let skews = self.skews(clock);
        let doubt = skews.doubt()?;
        let mut roots: Vec<&str> = roots.collect();
        roots.sort_unstable();
        roots.dedup();
        let is_doubting = |root: &&&str| doubt.roots.iter().any(|r| r == **root);
        let doubting = roots.iter().filter(is_doubting).count();
        let by_root = skews.by_root();
        let says_right = |root: &&&str| by_root.get(**root).is_some_and(|skew| is_close(*skew));
        let confirming = roots.iter().filter(says_right).count();
        (doubting > 0 && doubting >= confirming).then_some(doubt)
    }

    /// Whether the clock is later than it can be: it has jumped ahead.
    ///
    /// A machine that slept looks the same. So a jump is believed once more
    /// roots say that the clock is right than say that it is not, or when no
    /// root has contradicted it for [`SETTLED`].
    pub(super) fn runs_ahead(&mut self, clock: &dyn Clock) -> bool {
        let now = Mark::of(clock);
        let ahead_s = now.time.timestamp() - self.right.at(now.uptime);
        if ahead_s <= TOLERANCE_S {
            self.jump = None;
            return false;
        }
        let Some(mut jump) = self.jump else {
            self.told.clear();
            self.jump = Some(Jump {
                since: now.uptime,
                contradicted: false,
            });
            return true;
        };
        let skews = self.skews(clock);
        let told = skews.by_root().values();
        let right = told.clone().filter(|skew| is_close(**skew)).count();
        // Nearer to the time that the monotonic clock tells than to the jump's: a
        // root that is itself an hour behind says nothing of a night's sleep.
        let wrong = |skew: &&i64| **skew > TOLERANCE_S && skew.saturating_mul(2) > ahead_s;
        let wrong = told.filter(wrong).count();
        if right > wrong {
            self.jump = None;
            self.right = now;
            return false;
        }
        jump.contradicted |= wrong > 0;
        self.jump = Some(jump);
        if jump.contradicted || now.uptime.saturating_sub(jump.since) < SETTLED {
            return true;
        }
        *self = Self::new(clock);
        false
    }

    /// Whether `deadline` (Unix seconds) has passed at `uptime`.
    pub(super) fn has_passed(&self, deadline: i64, uptime: Duration) -> bool {
        if let Some(provider) = self.provider {
            return provider.at(uptime).saturating_add(TOLERANCE_S) >= deadline;
        }
        if deadline > self.start.time.timestamp() {
            // This process has watched it pass.
            return self.start.at(uptime) >= deadline;
        }
        // Only a provider can tell a late start from a clock that is ahead; where
        // none says anything for long, the clock is believed.
        uptime.saturating_sub(self.start.uptime) >= SETTLED
    }
}

/// Whether a root says that the clock is right.
fn is_close(skew: i64) -> bool {
    skew.saturating_abs() <= TOLERANCE_S
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::clock::TestClock;

    fn clock() -> TestClock {
        TestClock::at(DateTime::from_timestamp(1_000, 0).unwrap())
    }

    #[test]
    fn a_clock_that_jumps_ahead_passes_no_deadline_and_announces_nothing() {
        let clock = clock();
        let mut trust = ClockTrust::new(&clock);
        assert!(!trust.runs_ahead(&clock));
        clock.jump(TimeDelta::days(365));
        assert!(trust.runs_ahead(&clock));
        assert!(!trust.has_passed(2_000, clock.uptime()));
        trust.measured("a", Mark::of(&clock), &clock, 365 * 86_400);
        assert!(trust.runs_ahead(&clock));
        assert!(!trust.has_passed(2_000, clock.uptime()));
        clock.advance(TimeDelta::seconds(1_000));
        assert!(trust.has_passed(2_000, clock.uptime()));
    }

    #[test]
    fn a_machine_that_slept_announces_again_unless_a_provider_contradicts() {
        let clock = clock();
        let mut trust = ClockTrust::new(&clock);
        clock.jump(TimeDelta::hours(8));
        assert!(trust.runs_ahead(&clock));
        clock.advance(TimeDelta::minutes(5));
        trust.measured("a", Mark::of(&clock), &clock, 8 * 3_600);
        clock.advance(TimeDelta::minutes(10));
        assert!(trust.runs_ahead(&clock), "a provider says so");

        let mut trust = ClockTrust::new(&clock);
        clock.jump(TimeDelta::hours(8));
        assert!(trust.runs_ahead(&clock));
        clock.advance(TimeDelta::minutes(10));
        assert!(!trust.runs_ahead(&clock), "nobody says otherwise");
    }

    #[test]
    fn a_jump_during_an_observation_spoils_its_measurement() {
        let clock = clock();
        let mut trust = ClockTrust::new(&clock);
        let begun = Mark::of(&clock);
        clock.jump(TimeDelta::days(3));
        trust.measured("a", begun, &clock, 0);
        assert!(!trust.has_passed(2_000, clock.uptime()));
    }

    #[test]
    fn a_deadline_before_the_start_waits_for_a_provider_or_ten_minutes() {
        let clock = clock();
        let mut trust = ClockTrust::new(&clock);
        clock.advance(TimeDelta::seconds(599));
        assert!(!trust.has_passed(999, clock.uptime()));
        let untold = clock.uptime() + Duration::from_secs(1);
        assert!(trust.has_passed(999, untold), "nobody says otherwise");
        trust.measured("a", Mark::of(&clock), &clock, 0);
        assert!(trust.has_passed(999, clock.uptime()));
        trust.measured("a", Mark::of(&clock), &clock, 86_400);
        assert!(!trust.has_passed(999, untold), "a provider says otherwise");
    }

    #[test]
    fn a_deadline_this_process_watched_pass_has_passed_though_no_provider_answers() {
        let clock = clock();
        let trust = ClockTrust::new(&clock);
        assert!(!trust.has_passed(1_010, clock.uptime()));
        clock.advance(TimeDelta::seconds(10));
        assert!(trust.has_passed(1_010, clock.uptime()));
    }

    /// What roots say: by how much the clock is ahead of each.
    fn told(trust: &mut ClockTrust, clock: &TestClock, skews: &[(&str, i64)]) {
        for (root, ahead_s) in skews {
            trust.measured(root, Mark::of(clock), clock, *ahead_s);
        }
    }

    #[test]
    fn what_providers_say_of_a_clock_that_did_not_jump_announces_on() {
        let clock = clock();
        let mut trust = ClockTrust::new(&clock);
        for skews in [&[("a", 3_600)][..], &[("a", 600), ("b", 600), ("c", 601)]] {
            told(&mut trust, &clock, skews);
            clock.advance(TimeDelta::minutes(5));
            assert!(!trust.runs_ahead(&clock), "{skews:?}");
        }
    }

    #[test]
    fn a_doubt_is_about_what_rests_on_its_roots() {
        let clock = clock();
        let mut trust = ClockTrust::new(&clock);
        let of = |trust: &ClockTrust, roots: &[&str]| {
            let doubt = trust.doubted_by(&clock, roots.iter().copied());
            doubt.map(|doubt| doubt.ahead_s)
        };
        told(&mut trust, &clock, &[("a", 600), ("c", 0), ("d", 0)]);
        assert_eq!(of(&trust, &["a"]), None, "one root is no doubt");
        told(&mut trust, &clock, &[("b", 600)]);
        for doubted in [&["a"][..], &["a", "b"], &["a", "c"], &["a", "unheard"]] {
            assert_eq!(of(&trust, doubted), Some(600), "{doubted:?}");
        }
        for others in [&[][..], &["c"], &["unheard"], &["a", "c", "d"]] {
            assert_eq!(of(&trust, others), None, "{others:?}");
        }
    }

    #[test]
    fn a_doubt_follows_the_clock_when_it_is_set_right() {
        let clock = clock();
        let mut trust = ClockTrust::new(&clock);
        told(&mut trust, &clock, &[("a", 600), ("b", 600)]);
        assert!(trust.skews(&clock).doubt().is_some());
        clock.jump(TimeDelta::seconds(-600));
        assert_eq!(trust.skews(&clock).doubt(), None);
        clock.advance(TimeDelta::seconds(3_601));
        assert!(trust.skews(&clock).by_root().is_empty(), "old");
    }

    #[test]
    fn a_root_an_hour_behind_does_not_call_a_nights_sleep_a_jump() {
        let clock = clock();
        let mut trust = ClockTrust::new(&clock);
        clock.jump(TimeDelta::hours(8));
        assert!(trust.runs_ahead(&clock));
        clock.advance(TimeDelta::minutes(5));
        told(&mut trust, &clock, &[("a", 3_600)]);
        assert!(trust.runs_ahead(&clock));
        clock.advance(TimeDelta::minutes(5));
        assert!(!trust.runs_ahead(&clock));
    }

    #[test]
    fn a_jump_that_a_root_contradicted_is_not_believed_when_it_falls_silent() {
        let clock = clock();
        let mut trust = ClockTrust::new(&clock);
        clock.jump(TimeDelta::days(365));
        assert!(trust.runs_ahead(&clock));
        told(&mut trust, &clock, &[("a", 365 * 86_400)]);
        assert!(trust.runs_ahead(&clock));
        clock.advance(TimeDelta::hours(3));
        assert!(trust.runs_ahead(&clock));
        assert!(!trust.has_passed(1_000 + 86_400, clock.uptime()));
        // More say that it is right than do not.
        told(&mut trust, &clock, &[("a", 0)]);
        assert!(!trust.runs_ahead(&clock));
    }

    #[test]
    fn a_refund_waits_for_the_later_of_two_words() {
        let clock = clock();
        let mut trust = ClockTrust::new(&clock);
        told(&mut trust, &clock, &[("a", 0), ("b", 3_600)]);
        clock.advance(TimeDelta::seconds(1_000));
        assert!(!trust.has_passed(1_500, clock.uptime()));
        told(&mut trust, &clock, &[("c", 0)]);
        assert!(trust.has_passed(1_500, clock.uptime()));
    }
}
