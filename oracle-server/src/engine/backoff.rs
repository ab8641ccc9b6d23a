//! How long to wait before looking again.

use chrono::TimeDelta;

use crate::backoff::doubled;

/// Longest wait between two attempts.
const MAX_SECONDS: i64 = 60;

/// 1 s, 2 s, 4 s … 60 s, shortened by up to a quarter at random so that many
/// rounds that failed together do not come back together.
pub(super) fn delay(attempts: i64) -> TimeDelta {
    let full_ms = doubled(1000, attempts - 1, MAX_SECONDS * 1000);
    TimeDelta::milliseconds(full_ms - rand::random_range(0..=full_ms / 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_within_their_bounds() {
        for attempts in 0..200 {
            let ms = delay(attempts).num_milliseconds();
            let full = (1000 << attempts.clamp(1, 7).saturating_sub(1)).min(60_000);
            assert!(
                (full * 3 / 4..=full).contains(&ms),
                "{ms} ms after {attempts}"
            );
        }
    }
}
