//! How much of what a source sends is kept.
//!
//! Answers are evidence: what an outcome rests on is kept for ever. A source that
//! sends megabytes each time, which no source needs, would fill the oracle's disk. So
//! beyond an allowance its large answers count as failed: they are not kept, and have
//! no vote that a replay could not find. Small ones always count.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Answers that take no more than this count whatever came before, bytes as stored.
const SMALL: usize = 256 * 1024;

/// What the allowance is counted in, bytes as stored.
const UNIT: usize = 64 * 1024;

/// Large answers of one source that are kept at once, units: 256 MiB.
const AT_ONCE: NonZeroU32 = NonZeroU32::new(4096).unwrap();

/// As many again in a day.
const EACH: Duration = Duration::from_secs(86_400 / 4096);

/// What each source has sent lately.
pub(super) struct Allowance {
    limiter: DefaultKeyedRateLimiter<String>,
    /// The last large answer of each: the same one again is stored once.
    last: Mutex<HashMap<String, [u8; 32]>>,
}

impl Default for Allowance {
    fn default() -> Self {
        let quota = Quota::with_period(EACH).unwrap_or(Quota::per_minute(NonZeroU32::MIN));
        Self {
            limiter: RateLimiter::keyed(quota.allow_burst(AT_ONCE)),
            last: Mutex::default(),
        }
    }
}

impl Allowance {
    /// Whether an answer of this source is kept.
    pub(super) fn admits(&self, source: &str, sha256: &[u8; 32], body: &[u8]) -> bool {
        if body.len() <= SMALL {
            return true;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(source) == Some(sha256) {
            return true;
        }
        let stored = stored(body);
        if stored <= SMALL {
            return true;
        }
        let units = u32::try_from(stored.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let Some(units) = NonZeroU32::new(units) else {
            return true;
        };
        let admitted = self.limiter.check_key_n(&source.to_owned(), units);
        let is_admitted = matches!(admitted, Ok(Ok(())));
        if is_admitted {
            last.insert(source.to_owned(), *sha256);
        }
        is_admitted
    }
}

/// About how many bytes are stored of an answer.
fn stored(body: &[u8]) -> usize {
    use std::io::Write as _;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    // Writing to a Vec cannot fail.
    let _ = encoder.write_all(body);
    encoder.finish().map_or(body.len(), |stored| stored.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What no compression makes smaller.
    fn noise(seed: u32) -> Vec<u8> {
        let mut state = seed | 1;
        let next = |_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()
        };
        (0..2 * 1024 * 1024 / 4).flat_map(next).collect()
    }

    #[test]
    fn a_source_that_sends_megabytes_each_time_is_kept_up_to_its_allowance() {
        let allowance = Allowance::default();
        let body = noise(7);
        let hash = |n: u32| {
            let mut hash = [0; 32];
            hash.iter_mut()
                .zip(n.to_le_bytes())
                .for_each(|(h, b)| *h = b);
            hash
        };
        let kept = (0..200).filter(|n| allowance.admits("greedy", &hash(*n), &body));
        let kept = kept.count();
        assert!((120..=128).contains(&kept), "{kept} of 2 MiB each");
        // Small ones count, and so do other sources.
        assert!(allowance.admits("greedy", &hash(300), &body[..SMALL]));
        assert!(allowance.admits("modest", &hash(300), &body));
        // The same again is stored once.
        for _ in 0..1000 {
            assert!(allowance.admits("modest", &hash(300), &body));
        }
        // Text of figures takes far less than it is long.
        let text = b"[1732982400,\"0.2601\",\"0.2603\"],".repeat(60_000);
        for n in 0..1000 {
            assert!(allowance.admits("market", &hash(n), &text));
        }
    }
}
