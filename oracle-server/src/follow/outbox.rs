//! The rows behind the relays: what is due, what became of it, when it is tried
//! again.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Semaphore, watch};

use super::nostr::Verdict;
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::config::Nostr;
use crate::store::{Backlog, Delivery, OutboxItem, Store, StoreError, Undelivered};

/// Messages queued in one transaction, or queued anew.
const FILL: i64 = 500;
/// After failures that may pass.
const FAILED: Backoff = Backoff::new(TimeDelta::seconds(1), TimeDelta::minutes(10));
/// After refusals, which another try rarely changes.
const REFUSED: Backoff = Backoff::new(TimeDelta::hours(1), TimeDelta::hours(24));
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
            .begin_nostr_era(self.kinds.0, self.kinds.1)
            .await?;
        self.store
            .join_relay(url, self.backfill, FILL, self.now())
            .await
    }

    /// Queues what was published since; answers whether there may be more.
    pub(super) async fn fill(&self, url: &str) -> Result<bool, StoreError> {
        let _turn = self.gate.acquire().await;
        self.store.fill_outbox(url, FILL, self.now()).await
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
        let of: [&[u8]; 2] = [url.as_bytes(), &item.position.to_be_bytes()];
        let wait = if is_refusal {
            (!is_last(item.refused)).then(|| REFUSED.fixed(item.refused, &of))
        } else {
            Some(FAILED.fixed(item.attempts, &of))
        };
        Delivery {
            position: item.position,
            result: Err(Undelivered {
                retry_at: wait.map(|wait| self.now() + wait),
                error: printable(error),
                is_refusal,
            }),
        }
    }

    /// How long a relay is left alone after that many failures in a row.
    pub(super) fn pause(url: &str, failures: i64) -> TimeDelta {
        FAILED.fixed(failures - 1, &[url.as_bytes()])
    }
}

/// Whether a refusal that had `earlier` ones before it is the last: the message is given
/// up.
fn is_last(earlier: i64) -> bool {
    earlier >= MAX_REFUSALS - 1
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
    fn waits_grow_to_ten_minutes_and_a_quarter() {
        for failures in 1..100 {
            let full = TimeDelta::seconds((1 << (failures - 1).min(20)).min(600));
            let wait = Outbox::pause("wss://relay.example/", failures);
            assert!(
                wait >= full && wait <= full * 5 / 4,
                "{wait} after {failures}"
            );
        }
    }

    #[test]
    fn refusals_are_asked_again_ever_more_rarely_and_for_about_a_week() {
        let asked_again = (0..).take_while(|earlier| !is_last(*earlier));
        let waits: Vec<i64> = asked_again.map(|n| REFUSED.wait(n).num_hours()).collect();
        assert_eq!(waits[..6], [1, 2, 4, 8, 16, 24]);
        assert_eq!(waits.len(), 11);
        assert_eq!(waits.iter().sum::<i64>(), 31 + 6 * 24);
        assert!(is_last(i64::MAX));
        let longest = |position: i64| REFUSED.fixed(99, &[&position.to_be_bytes()]);
        assert!((0..100).all(|position| longest(position) < LONGEST_WAIT));
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
