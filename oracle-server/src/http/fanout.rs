//! One reader of the published log for all streams and long polls of this
//! process: each new item is read once and handed to whoever waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{broadcast, watch};

use crate::store::ReadStore;
use crate::store::read::{StreamItem, StreamKind};

/// Items a slow stream may be behind before it goes back to the store.
const BACKLOG: usize = 4096;
/// Items read from the store at once.
pub(super) const PAGE: i64 = 500;

/// Hands published items out.
#[derive(Debug)]
pub(super) struct Fanout {
    live: broadcast::Sender<Arc<StreamItem>>,
    /// By event id. Dropping the sender wakes everyone waiting for that event;
    /// a burst of others wakes nobody.
    waiting: Mutex<HashMap<String, watch::Sender<()>>>,
}

impl Fanout {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            live: broadcast::Sender::new(BACKLOG),
            waiting: Mutex::default(),
        })
    }

    /// Every item published from now on, in order.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Arc<StreamItem>> {
        self.live.subscribe()
    }

    /// Registers for the end of an event. Look into the store after this, then
    /// [`Waiter::ended`].
    pub(super) fn wait_for(self: &Arc<Self>, event_id: &str) -> Waiter {
        let end = self
            .waiting()
            .entry(event_id.to_owned())
            .or_insert_with(|| watch::Sender::new(()))
            .subscribe();
        Waiter {
            fanout: Arc::clone(self),
            event_id: event_id.to_owned(),
            end: Some(end),
        }
    }

    /// Tells everyone.
    pub(super) fn publish(&self, item: StreamItem) {
        if matches!(item.kind, StreamKind::Attested | StreamKind::Refunded) {
            self.waiting().remove(&item.event_id);
        }
        // No stream is open: nobody to tell.
        let _ = self.live.send(Arc::new(item));
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn waiting_events(&self) -> usize {
        self.waiting().len()
    }
}

/// One long poll.
#[derive(Debug)]
pub(super) struct Waiter {
    fanout: Arc<Fanout>,
    event_id: String,
    end: Option<watch::Receiver<()>>,
}

impl Waiter {
    /// Resolves when the event is attested or refunded.
    pub(super) async fn ended(&mut self) {
        if let Some(end) = &mut self.end {
            // Nothing is ever sent; the sender goes when the event ends.
            while end.changed().await.is_ok() {}
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut waiting = self.fanout.waiting();
        self.end = None;
        if waiting
            .get(&self.event_id)
            .is_some_and(|end| end.receiver_count() == 0)
        {
            waiting.remove(&self.event_id);
        }
    }
}

/// Reads each newly published item once and hands it out, until the fan-out or
/// the store's writer is gone.
pub(super) async fn run(store: ReadStore, fanout: Weak<Fanout>) {
    let mut head = store.head();
    let mut last = head.borrow_and_update().saturating_sub(1);
    while head.changed().await.is_ok() {
        let size = *head.borrow_and_update();
        while last < size.saturating_sub(1) {
            let Some(fanout) = fanout.upgrade() else {
                return;
            };
            match store.stream_after(last, PAGE).await {
                // Positions below the head that are not the stream's business.
                Ok(items) if items.is_empty() => last = size.saturating_sub(1),
                Ok(items) => {
                    for item in items {
                        last = last.max(item.position);
                        fanout.publish(item);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "published items could not be read; trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(position: i64, kind: StreamKind, event_id: &str) -> StreamItem {
        StreamItem {
            position,
            kind,
            event_id: event_id.to_owned(),
        }
    }

    #[tokio::test]
    async fn an_end_wakes_every_waiter_of_that_event_and_nobody_else() {
        let fanout = Fanout::new();
        let mut one = fanout.wait_for("a");
        let mut two = fanout.wait_for("a");
        let mut other = fanout.wait_for("b");
        fanout.publish(item(0, StreamKind::Announced, "a"));
        assert!(futures::poll!(Box::pin(one.ended())).is_pending());
        fanout.publish(item(1, StreamKind::Attested, "a"));
        one.ended().await;
        two.ended().await;
        assert!(futures::poll!(Box::pin(other.ended())).is_pending());
    }

    #[tokio::test]
    async fn waiters_that_give_up_leave_nothing_behind() {
        let fanout = Fanout::new();
        let one = fanout.wait_for("a");
        let two = fanout.wait_for("a");
        drop(one);
        assert_eq!(fanout.waiting_events(), 1);
        drop(two);
        assert_eq!(fanout.waiting_events(), 0);
    }

    #[tokio::test]
    async fn a_waiter_registered_after_the_end_does_not_keep_the_old_entry() {
        let fanout = Fanout::new();
        let mut first = fanout.wait_for("a");
        fanout.publish(item(0, StreamKind::Refunded, "a"));
        let second = fanout.wait_for("a");
        first.ended().await;
        drop(first);
        assert_eq!(fanout.waiting_events(), 1);
        drop(second);
        assert_eq!(fanout.waiting_events(), 0);
    }
}
