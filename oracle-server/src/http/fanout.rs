//! One reader of the published log for all streams and long polls of this
//! process: each new item is read once and handed to whoever waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use axum::response::sse::Event;
use quick_cache::sync::Cache;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::stream;
use crate::store::read::{StreamItem, StreamKind};
use crate::store::{ReadStore, StateChange, StoreError};

/// News that a slow stream may be behind before it goes back to the log.
const BACKLOG: usize = 4096;
/// Log positions read from the store at once.
const BLOCK: i64 = 512;
/// Blocks kept for streams that are behind: a burst leaves all of them behind
/// at the same place.
const BLOCKS: usize = 64;

/// One message of the stream, written once for all who read it.
#[derive(Debug)]
pub(super) struct News {
    /// About which event.
    pub(super) event_id: String,
    /// Log position; none for a mere change of state.
    pub(super) position: Option<i64>,
    /// As sent.
    pub(super) sse: Event,
}

/// A part of the log: its first position, and the last that was published.
type Span = (i64, i64);
/// Its items.
type Items = Arc<[Arc<News>]>;

/// Hands published items out.
#[derive(Debug)]
pub(super) struct Fanout {
    live: broadcast::Sender<Arc<News>>,
    /// By event id. Dropping the sender wakes everyone waiting for that event;
    /// a burst of others wakes nobody.
    waiting: Mutex<HashMap<String, watch::Sender<()>>>,
    /// What is published never changes, so nothing is ever invalidated.
    past: Cache<Span, Items>,
}

impl Fanout {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            live: broadcast::Sender::new(BACKLOG),
            waiting: Mutex::default(),
            past: Cache::new(BLOCKS),
        })
    }

    /// Everything that is new from now on, in order.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Arc<News>> {
        self.live.subscribe()
    }

    /// The items behind position `after`, up to a place that is answered as
    /// well; at `published`, the last published position, there are no more.
    ///
    /// Streams that are behind at the same place share one look into the store.
    pub(super) async fn past(
        &self,
        store: &ReadStore,
        after: i64,
        published: i64,
    ) -> Result<(Items, i64), StoreError> {
        let first = (after + 1).div_euclid(BLOCK) * BLOCK;
        let last = published.min(first + BLOCK - 1);
        let read = async {
            let items = store.stream_items(first, last).await?;
            let items: Items = items
                .iter()
                .map(|item| Arc::new(stream::item(item)))
                .collect();
            Ok::<_, StoreError>(items)
        };
        let items = self.past.get_or_insert_async(&(first, last), read).await?;
        Ok((items, last))
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
    pub(super) fn send(&self, item: &StreamItem) {
        if matches!(item.kind, StreamKind::Attested | StreamKind::Refunded) {
            self.waiting().remove(&item.event_id);
        }
        self.tell(stream::item(item));
    }

    fn tell(&self, news: News) {
        // No stream is open: nobody to tell.
        let _ = self.live.send(Arc::new(news));
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

/// Reads each newly published item once and hands it out, and every change of
/// state before what is published after it, until the fan-out or the store's
/// writer is gone.
pub(super) async fn run(store: ReadStore, fanout: Weak<Fanout>) {
    let mut head = store.head();
    let mut last = head.borrow_and_update().saturating_sub(1);
    let Some(mut changes) = store.changes() else {
        return;
    };
    loop {
        let change = tokio::select! {
            biased;
            change = changes.recv() => match change {
                Ok(change) => Some(change),
                // A hint that came too fast; where the event stands can be asked.
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            },
            new = head.changed() => match new {
                Ok(()) => None,
                Err(_) => return,
            },
        };
        let Some(fanout) = fanout.upgrade() else {
            return;
        };
        if let Some(StateChange { event_id, state }) = change {
            fanout.tell(stream::state(&event_id, state));
        } else {
            let published = head.borrow_and_update().saturating_sub(1);
            last = hand_out(&store, &fanout, last, published).await;
        }
    }
}

/// Sends what is behind `last`; answers `published`.
async fn hand_out(store: &ReadStore, fanout: &Fanout, mut last: i64, published: i64) -> i64 {
    while last < published {
        let end = published.min(last + BLOCK);
        match store.stream_items(last + 1, end).await {
            Ok(items) => {
                for item in &items {
                    fanout.send(item);
                }
                last = end;
            }
            Err(error) => {
                tracing::error!(%error, "published items could not be read; trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
    last
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
        fanout.send(&item(0, StreamKind::Announced, "a"));
        assert!(futures::poll!(Box::pin(one.ended())).is_pending());
        fanout.send(&item(1, StreamKind::Attested, "a"));
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
        fanout.send(&item(0, StreamKind::Refunded, "a"));
        let second = fanout.wait_for("a");
        first.ended().await;
        drop(first);
        assert_eq!(fanout.waiting_events(), 1);
        drop(second);
        assert_eq!(fanout.waiting_events(), 0);
    }
}
