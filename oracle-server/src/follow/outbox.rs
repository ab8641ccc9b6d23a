//! The rows behind the relays: what is due, what became of it, when it is tried
//! again.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, watch};

use super::nostr::Verdict;
use crate::backoff::doubled;
use crate::clock::Clock;
use crate::config::Nostr;
use crate::store::{Backlog, Delivery, OutboxItem, Store, StoreError, Undelivered};

/// Messages queued in one transaction, or queued anew.
const FILL: i64 = 500;
/// Longest wait after a failure that may pass.
const MAX_DELAY_S: i64 = 600;
/// Wait after a first refusal, which another try rarely changes.
const REFUSED_DELAY_S: i64 = 3600;
/// Longest wait after a refusal.
const MAX_REFUSED_DELAY_S: i64 = 24 * 3600;
/// Refusals, over about a week, after which a message is given up.
pub(super) const MAX_REFUSALS: i64 = 12;
/// Of a relay's words, as much as is kept.
const MAX_ERROR_CHARS: usize = 200;

/// What the tasks of all relays share.
#[derive(Clone)]
pub(super) struct Outbox {
    store: Arc<Store>,
    /// All relays together take one of the engine's connections at most.
    gate: Arc<Semaphore>,
    /// And one for counting, which takes its time where much is missing.
    counting: Arc<Semaphore>,
    pub(super) clock: Arc<dyn Clock>,
    /// Event kinds of announcements and attestations.
    kinds: (u16, u16),
    backfill: bool,
}

impl Outbox {
    pub(super) fn new(store: Arc<Store>, clock: Arc<dyn Clock>, config: &Nostr) -> Self {
        Self {
            store,
            gate: Arc::new(Semaphore::new(1)),
            counting: Arc::new(Semaphore::new(1)),
            clock,
            kinds: (config.announcement_kind, config.attestation_kind),
            backfill: config.backfill,
        }
    }

    /// Changes when something is published.
    pub(super) fn head(&self) -> watch::Receiver<i64> {
        self.store.reader().head()
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Registers the relay, one transaction of it; answers whether to go on.
    pub(super) async fn join(&self, url: &str) -> Result<bool, StoreError> {
        // The semaphore is never closed.
        let _turn = self.gate.acquire().await;
        self.store
            .join_relay(url, self.kinds.0, self.backfill, FILL, self.now())
            .await
    }

    /// Queues what was published since; answers whether there may be more.
    pub(super) async fn fill(&self, url: &str) -> Result<bool, StoreError> {
        let _turn = self.gate.acquire().await;
        self.store
            .fill_outbox(url, self.kinds, FILL, self.now())
            .await
    }

    pub(super) async fn due(&self, url: &str, limit: usize) -> Result<Vec<OutboxItem>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let _turn = self.gate.acquire().await;
        self.store.due_in_outbox(url, self.now(), limit).await
    }

    pub(super) async fn next(&self, url: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        let _turn = self.gate.acquire().await;
        self.store.next_in_outbox(url).await
    }

    pub(super) async fn backlog(&self, url: &str) -> Result<Backlog, StoreError> {
        let _turn = self.counting.acquire().await;
        self.store.backlog(url).await
    }

    pub(super) async fn record(&self, url: &str, all: &[Delivery]) -> Result<(), StoreError> {
        let _turn = self.gate.acquire().await;
        self.store.record_deliveries(url, all, self.now()).await
    }

    /// What follows from a relay's verdict.
    pub(super) fn delivery(&self, url: &str, item: &OutboxItem, verdict: &Verdict) -> Delivery {
        let (error, is_refusal) = match verdict {
            Verdict::Accepted => {
                return Delivery {
                    position: item.position,
                    result: Ok(()),
                };
            }
            Verdict::Later(error) => (error, false),
            Verdict::Refused(error) => (error, true),
        };
        let full_s = if is_refusal {
            refused_delay_s(item.refused)
        } else {
            Some(full_delay_s(item.attempts))
        };
        let spread = |s| spread(s, &[url.as_bytes(), &item.position.to_be_bytes()]);
        Delivery {
            position: item.position,
            result: Err(Undelivered {
                retry_at: full_s.map(|s| self.now() + spread(s)),
                error: printable(error),
                is_refusal,
            }),
        }
    }

    /// How long a relay is left alone after that many failures in a row.
    pub(super) fn pause(url: &str, failures: i64) -> TimeDelta {
        spread(full_delay_s(failures - 1), &[url.as_bytes()])
    }
}

/// 1 s, 2 s, 4 s … 10 min after `earlier` failures.
fn full_delay_s(earlier: i64) -> i64 {
    doubled(1, earlier, MAX_DELAY_S)
}

/// 1 h, 2 h, 4 h … 24 h after `earlier` refusals and one more; `None`: it was
/// the last.
fn refused_delay_s(earlier: i64) -> Option<i64> {
    (earlier + 1 < MAX_REFUSALS).then(|| doubled(REFUSED_DELAY_S, earlier, MAX_REFUSED_DELAY_S))
}

/// Up to a quarter longer, so that what failed together does not come back
/// together; the same for the same thing, so that a restart changes nothing.
fn spread(seconds: i64, of: &[&[u8]]) -> TimeDelta {
    let mut hash = Sha256::new();
    for part in of {
        hash.update(part);
    }
    let share = i64::from(hash.finalize().first().copied().unwrap_or_default());
    TimeDelta::milliseconds(seconds * 1000 + seconds * 1000 * share / 1024)
}

/// A relay's words for a log line and a text column.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_ERROR_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::LONGEST_WAIT;

    #[test]
    fn waits_grow_to_ten_minutes_and_a_quarter_and_are_the_same_again() {
        for failures in 1..100 {
            let full = TimeDelta::seconds((1 << (failures - 1).min(20)).min(600));
            let wait = Outbox::pause("wss://relay.example/", failures);
            assert!(
                wait >= full && wait <= full * 5 / 4,
                "{wait} after {failures}"
            );
            assert_eq!(wait, Outbox::pause("wss://relay.example/", failures));
        }
        let waits: std::collections::HashSet<_> = (0..100_i64)
            .map(|position| spread(MAX_REFUSED_DELAY_S, &[&position.to_be_bytes()]))
            .collect();
        assert!(waits.len() > 50, "{} waits", waits.len());
        assert!(waits.iter().all(|wait| *wait < LONGEST_WAIT));
    }

    #[test]
    fn refusals_are_asked_again_ever_more_rarely_and_for_about_a_week() {
        let waits: Vec<i64> = (0..).map_while(refused_delay_s).collect();
        assert_eq!(waits[..6], [1, 2, 4, 8, 16, 24].map(|h| h * 3600));
        assert_eq!(waits.len(), 11);
        assert_eq!(waits.iter().sum::<i64>() / 3600, 31 + 6 * 24);
        assert_eq!(refused_delay_s(i64::MAX - 1), None);
    }

    #[test]
    fn a_relays_words_are_kept_without_control_characters_and_not_for_ever() {
        assert_eq!(printable("bad\u{0}\n\u{1b}[31m kind"), "bad[31m kind");
        assert_eq!(
            printable(&"ä".repeat(1000)).chars().count(),
            MAX_ERROR_CHARS
        );
    }
}
