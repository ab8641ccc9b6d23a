//! Published messages, passed on to Nostr relays (`docs/nostr.md`); heads, cosigned
//! by witnesses (`docs/witnesses.md`); checkpoints, committed to Peercoin (`anchor`,
//! `docs/anchors.md`).
//!
//! Follows the published head and nothing else, on the process that leads. What
//! each relay lacks stands in rows (`outbox`); each relay has a task of its own
//! (`relay`), so a dead one delays no other, and none of them the engine,
//! which knows nothing of this module. `witness` is one task for all witnesses,
//! which have to meet on one head.

mod anchor;
mod connection;
mod nostr;
mod outbox;
mod relay;
mod witness;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::config::Nostr;
use crate::signer::Signer;
use crate::stop::stopped;
use crate::store::{Store, StoreError};

pub use anchor::{Anchorer, Anchoring};

use outbox::Outbox;
use relay::Relay;

pub use witness::{Contradicted, Copied, Cosigner, Heard, ask};

/// Before a task that panicked is started anew.
const PANIC_PAUSE: Duration = Duration::from_secs(5);
/// How long stopping may take before tasks are dropped where they stand.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// How long a relay may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// To a connection that speaks WebSocket.
    pub connect: Duration,
    /// To take a batch and answer all of it.
    pub answer: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(30),
        }
    }
}

/// Passes on what is published; see [`RelayTask::start`].
pub struct RelayTask {
    relays: Vec<Relay>,
}

impl RelayTask {
    /// Over the store and signer of a process that leads. Nothing happens yet.
    pub fn new(
        store: Arc<Store>,
        signer: &Arc<Signer>,
        clock: &Arc<dyn Clock>,
        config: &Nostr,
        timing: Timing,
    ) -> Self {
        let outbox = Outbox::new(store, clock.clone(), config);
        let relays = config
            .relays
            .iter()
            .map(|url| Relay::new(url, outbox.clone(), signer.clone(), timing))
            .collect();
        Self { relays }
    }

    /// Goes on by itself until stopped.
    pub fn start(self) -> Following {
        Following::start(|tasks, stop| {
            for relay in self.relays {
                let stop = stop.clone();
                tasks.spawn(keep_running(
                    "oracle_nostr_panics_total",
                    PANIC_PAUSE,
                    stop.clone(),
                    move || relay.anew().run(stop.clone()),
                ));
            }
        })
    }

    /// Does what is due now at every relay, what they answer included: what a
    /// test with an injected clock calls instead of [`RelayTask::start`].
    pub async fn run_due(&mut self) -> Result<(), StoreError> {
        join_all(self.relays.iter_mut().map(Relay::run_due))
            .await
            .into_iter()
            .collect()
    }
}

/// Runs a task that ends by itself, and anew for as long as it panics, which
/// `counter` counts: what it knows stands in rows.
async fn keep_running<F: Future<Output = ()>>(
    counter: &'static str,
    pause: Duration,
    mut stop: watch::Receiver<bool>,
    mut task: impl FnMut() -> F,
) {
    // The task's state is gone with it: nothing half-changed is seen again.
    while AssertUnwindSafe(task()).catch_unwind().await.is_err() {
        tracing::error!(
            counter,
            "a task that follows the log panicked; started anew"
        );
        metrics::counter!(counter).increment(1);
        if timeout(pause, stopped(&mut stop)).await.is_ok() {
            return;
        }
    }
}

/// A running task or several, of a [`RelayTask`] or [`Cosigner`] for example; dropped, it stops at once, and
/// nothing is lost by it.
pub struct Following {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Following {
    fn start(spawn: impl FnOnce(&mut JoinSet<()>, watch::Receiver<bool>)) -> Self {
        let stop = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        spawn(&mut tasks, stop.subscribe());
        Self { stop, tasks }
    }

    /// One task, started anew for as long as it panics, which `counter` counts.
    pub(crate) fn of<F>(
        counter: &'static str,
        mut task: impl FnMut(watch::Receiver<bool>) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start(|tasks, stop| {
            let until = stop.clone();
            let task = move || task(stop.clone());
            tasks.spawn(keep_running(counter, PANIC_PAUSE, until, task));
        })
    }

    /// Stops and waits until no task has the signer any more.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(STOP_PATIENCE, ended).await.is_err() {
            tracing::warn!("tasks that follow the log did not stop in time; dropped");
        }
        self.tasks.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_started_anew_and_one_that_ends_is_not() {
        let starts = Cell::new(0);
        let stop = watch::Sender::new(false);
        let task = || async {
            starts.set(starts.get() + 1);
            assert!(starts.get() >= 3, "start {}", starts.get());
        };
        keep_running("panics", Duration::ZERO, stop.subscribe(), task).await;
        assert_eq!(starts.get(), 3);
    }

    #[tokio::test]
    async fn a_task_that_panics_is_not_started_anew_after_a_stop() {
        let starts = Cell::new(0);
        let stop = watch::Sender::new(true);
        let task = || async {
            starts.set(starts.get() + 1);
            panic!("again");
        };
        keep_running("panics", Duration::ZERO, stop.subscribe(), task).await;
        assert_eq!(starts.get(), 1);
    }
}
