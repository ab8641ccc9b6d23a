//! Whether a deadline has passed, whatever the clock says.
//!
//! Decisions about prices compare the clock with the providers' `Date`
//! themselves. A refund rests on no price, and is as irrevocable: a machine
//! whose clock jumps ahead, or wakes up years ahead, must not refund every
//! event there is. So deadlines are measured from the last time that providers
//! told, by the monotonic clock.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Clock;

/// How far the clock may be ahead of the providers', seconds.
const TOLERANCE_S: i64 = 60;

/// How long a jump ahead, or a start after a deadline, that no provider
/// contradicts is not believed.
const SETTLED: Duration = Duration::from_mins(10);

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
    provider: Option<Mark>,
    /// Uptime at which the clock was first seen ahead, while it is.
    ahead_since: Option<Duration>,
}

impl ClockTrust {
    /// Nothing but the clock's own word, at the start of the process.
    pub(super) fn new(clock: &dyn Clock) -> Self {
        Self {
            start: Mark::of(clock),
            provider: None,
            ahead_since: None,
        }
    }

    /// The clock was found `ahead_s` ahead of the providers' median, in an
    /// observation that began at `begun`. If the clock was set meanwhile, the
    /// measurement says nothing about now.
    pub(super) fn measured(&mut self, begun: Mark, clock: &dyn Clock, ahead_s: i64) {
        let end = Mark::of(clock);
        if (end.time.timestamp() - begun.at(end.uptime)).abs() > 1 {
            return;
        }
        let ahead = TimeDelta::try_seconds(ahead_s.max(0)).unwrap_or(TimeDelta::MAX);
        if let Some(time) = end.time.checked_sub_signed(ahead) {
            self.provider = Some(Mark { time, ..end });
        }
    }

    /// Whether the clock is later than it can be: it has jumped ahead, or the
    /// providers say that it is ahead.
    ///
    /// A machine that slept looks the same. So a jump that no provider
    /// contradicts for [`SETTLED`] is believed, by this question only.
    pub(super) fn runs_ahead(&mut self, clock: &dyn Clock) -> bool {
        let now = Mark::of(clock);
        let believed = self.provider.unwrap_or(self.start).at(now.uptime);
        if now.time.timestamp() <= believed.saturating_add(TOLERANCE_S) {
            self.ahead_since = None;
            return false;
        }
        let since = *self.ahead_since.get_or_insert(now.uptime);
        let contradicted = self.provider.is_some_and(|p| p.uptime > since);
        if contradicted || now.uptime.saturating_sub(since) < SETTLED {
            return true;
        }
        *self = Self {
            start: now,
            provider: None,
            ahead_since: None,
        };
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
        trust.measured(Mark::of(&clock), &clock, 365 * 86_400);
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
        trust.measured(Mark::of(&clock), &clock, 8 * 3_600);
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
        trust.measured(begun, &clock, 0);
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
        trust.measured(Mark::of(&clock), &clock, 0);
        assert!(trust.has_passed(999, clock.uptime()));
        trust.measured(Mark::of(&clock), &clock, 86_400);
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
}
