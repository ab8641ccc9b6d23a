//! Pauses between attempts: doubling, capped, scattered.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// The next pause, growing with every use until [`Backoff::reset`].
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, max: Duration) -> Self {
        Self {
            first,
            max,
            next: first,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }

    /// A pause of at least what the server asked for and at most the maximum.
    pub(crate) fn pause(&mut self, asked: Option<Duration>) -> Duration {
        let own = self.next;
        self.next = own.saturating_mul(2).min(self.max);
        let base = own.max(asked.unwrap_or_default()).min(self.max);
        // Everyone who waits for one event, or reads one stream, is turned away in one
        // moment; up to half less keeps them from coming back in one moment too.
        base.saturating_sub(scatter(own / 2))
    }
}

/// Somewhere from zero up to `span`. The standard library's hasher seeds are
/// random enough to spread load, and nothing else depends on it.
fn scatter(span: Duration) -> Duration {
    let part = RandomState::new().build_hasher().finish() % 1024;
    span.saturating_mul(u32::try_from(part).unwrap_or_default()) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_grow_to_the_maximum_and_start_again_after_a_reset() {
        let mut backoff = Backoff::new(FIRST, MAX);
        let pauses: Vec<_> = (0..8).map(|_| backoff.pause(None)).collect();
        assert!(pauses[0] <= FIRST && pauses[0] >= FIRST / 2);
        assert!(pauses.iter().all(|p| *p <= MAX));
        assert!(pauses[7] >= MAX / 2);
        backoff.reset();
        assert!(backoff.pause(None) <= FIRST);
    }

    #[test]
    fn readers_that_are_cut_off_together_come_back_apart() {
        let mut pauses: Vec<_> = (0..1000)
            .map(|_| Backoff::new(FIRST, MAX).pause(None))
            .collect();
        pauses.sort();
        let widest = pauses[990].saturating_sub(pauses[10]);
        assert!(widest > FIRST / 3, "{widest:?}");
    }

    #[test]
    fn a_server_may_slow_its_clients_down_but_not_stop_them() {
        let mut backoff = Backoff::new(FIRST, MAX);
        assert!(backoff.pause(Some(Duration::from_millis(800))) >= Duration::from_millis(750));
        assert!(backoff.pause(Some(Duration::from_hours(24))) <= MAX);
    }
}
