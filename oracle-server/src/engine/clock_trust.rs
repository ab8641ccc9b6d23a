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

/// Without any provider's word, deadlines that passed before the start are
/// believed after so long: nobody may be left to ask.
const UNCONFIRMED: Duration = Duration::from_mins(10);

/// A time, and the uptime at which it was.
#[derive(Debug, Clone, Copy)]
struct Mark {
    time: DateTime<Utc>,
    uptime: Duration,
}

impl Mark {
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
}

impl ClockTrust {
    /// Nothing but the clock's own word, at the start of the process.
    pub(super) fn new(clock: &dyn Clock) -> Self {
        Self {
            start: Mark {
                time: clock.now(),
                uptime: clock.uptime(),
            },
            provider: None,
        }
    }

    /// The clock was found `ahead_s` ahead of the providers' median.
    pub(super) fn measured(&mut self, clock: &dyn Clock, ahead_s: i64) {
        let ahead = TimeDelta::try_seconds(ahead_s.max(0)).unwrap_or(TimeDelta::MAX);
        if let Some(time) = clock.now().checked_sub_signed(ahead) {
            self.provider = Some(Mark {
                time,
                uptime: clock.uptime(),
            });
        }
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
        uptime.saturating_sub(self.start.uptime) >= UNCONFIRMED
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
    fn a_clock_that_jumps_ahead_passes_no_deadline() {
        let clock = clock();
        let mut trust = ClockTrust::new(&clock);
        clock.jump(TimeDelta::days(365));
        assert!(!trust.has_passed(2_000, clock.uptime()));
        trust.measured(&clock, 365 * 86_400);
        assert!(!trust.has_passed(2_000, clock.uptime()));
        clock.advance(TimeDelta::seconds(1_000));
        assert!(trust.has_passed(2_000, clock.uptime()));
    }

    #[test]
    fn a_deadline_before_the_start_waits_for_a_provider_or_ten_minutes() {
        let clock = clock();
        let mut trust = ClockTrust::new(&clock);
        clock.advance(TimeDelta::seconds(599));
        assert!(!trust.has_passed(999, clock.uptime()));
        clock.advance(TimeDelta::seconds(1));
        assert!(trust.has_passed(999, clock.uptime()));

        let woken_ahead = clock;
        trust = ClockTrust::new(&woken_ahead);
        trust.measured(&woken_ahead, 0);
        assert!(trust.has_passed(999, woken_ahead.uptime()));
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
