//! How a provider has been doing: enough to leave it alone for a while, never to
//! give its word more or less weight.

/// Moving averages forget at 1/8 per reading.
const MEMORY: u64 = 8;

/// Failures in a row after which a provider is left alone.
const FAILURES: u32 = 10;

/// How long after each further failure, milliseconds.
const PAUSE_MS: i64 = 20_000;

/// Share of readings dropped for their distance, per mille, from which on a
/// provider is left alone.
const DROPPED: u64 = 900;

/// Prices compared before that counts.
const COMPARED: u32 = 24;

/// How long, milliseconds; then it has half a record again.
const LONG_PAUSE_MS: i64 = 600_000;

/// A provider's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    success: u64,
    lag_ms: u64,
    deviation_ppm: u64,
    dropped: u64,
    compared: u32,
    failures: u32,
    disabled_until_ms: i64,
}

impl Default for Health {
    /// Of a provider nobody has asked yet.
    fn default() -> Self {
        Self {
            success: 1000,
            lag_ms: 0,
            deviation_ppm: 0,
            dropped: 0,
            compared: 0,
            failures: 0,
            disabled_until_ms: i64::MIN,
        }
    }
}

impl Health {
    /// Notes an answer: whether it could be read (`not_yet` and `no_data` can),
    /// and how long it took, milliseconds.
    pub fn note_answer(&mut self, readable: bool, took_ms: u64, now_ms: i64) {
        self.success = average(self.success, if readable { 1000 } else { 0 });
        if readable {
            self.lag_ms = average(self.lag_ms, took_ms);
            self.failures = 0;
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            self.disable(now_ms, PAUSE_MS);
        }
    }

    /// Notes how far a price was from the median, millionths of it, and whether
    /// it was dropped for that.
    pub fn note_deviation(&mut self, ppm: u64, dropped: bool, now_ms: i64) {
        self.deviation_ppm = average(self.deviation_ppm, ppm);
        self.dropped = average(self.dropped, if dropped { 1000 } else { 0 });
        self.compared = self.compared.saturating_add(1);
        if self.compared >= COMPARED && self.dropped >= DROPPED {
            self.dropped = DROPPED / 2;
            self.disable(now_ms, LONG_PAUSE_MS);
        }
    }

    fn disable(&mut self, now_ms: i64, for_ms: i64) {
        self.disabled_until_ms = self.disabled_until_ms.max(now_ms.saturating_add(for_ms));
    }

    /// Until when it is left alone, Unix milliseconds, if it is.
    pub fn disabled_until_ms(&self, now_ms: i64) -> Option<i64> {
        (now_ms < self.disabled_until_ms).then_some(self.disabled_until_ms)
    }

    /// Share of answers that could be read, per mille, the last ones most.
    pub fn success_permille(&self) -> u64 {
        self.success
    }

    /// Time to a readable answer, milliseconds.
    pub fn lag_ms(&self) -> u64 {
        self.lag_ms
    }

    /// Distance of its prices from the median, millionths of it.
    pub fn deviation_ppm(&self) -> u64 {
        self.deviation_ppm
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

/// The next value of a moving average; moves by one at least, so that it
/// arrives.
fn average(held: u64, new: u64) -> u64 {
    if new >= held {
        held + (new - held).div_ceil(MEMORY)
    } else {
        held - (held - new).div_ceil(MEMORY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_fails_again_and_again_is_left_alone_and_then_asked_again() {
        let mut health = Health::default();
        for n in 0..FAILURES {
            assert_eq!(health.disabled_until_ms(0), None, "after {n}");
            health.note_answer(false, 0, 0);
        }
        assert_eq!(health.disabled_until_ms(0), Some(PAUSE_MS));
        assert_eq!(health.disabled_until_ms(PAUSE_MS), None);
        health.note_answer(true, 80, PAUSE_MS);
        assert_eq!(health.failures(), 0);
        health.note_answer(false, 0, PAUSE_MS);
        assert_eq!(
            health.disabled_until_ms(PAUSE_MS),
            None,
            "one failure is none"
        );
    }

    #[test]
    fn a_provider_that_is_always_off_the_median_is_left_alone_and_one_flash_is_forgiven() {
        let mut health = Health::default();
        health.note_deviation(900_000, true, 0);
        for _ in 0..COMPARED {
            health.note_deviation(100, false, 0);
        }
        assert_eq!(health.disabled_until_ms(0), None);
        for _ in 0..COMPARED {
            health.note_deviation(20_000, true, 0);
        }
        assert_eq!(health.disabled_until_ms(0), Some(LONG_PAUSE_MS));
    }

    #[test]
    fn averages_arrive_at_what_they_are_told() {
        let mut health = Health::default();
        for _ in 0..100 {
            health.note_answer(true, 250, 0);
            health.note_deviation(77, false, 0);
        }
        assert_eq!(health.success_permille(), 1000);
        assert_eq!((health.lag_ms(), health.deviation_ppm()), (250, 77));
        for _ in 0..100 {
            health.note_answer(false, 0, 0);
        }
        assert_eq!(health.success_permille(), 0);
    }
}
