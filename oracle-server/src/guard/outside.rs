//! Witnesses and mirrors: nothing is signed before one of them has answered, and
//! nothing any more once they contradict the log.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::Witnessing;
use crate::follow::{Contradicted, Copied, Following, Heard, ask};
use crate::signer::{Gate, JournalId, Signer, Signing};
use crate::stop::stopped;
use crate::store::Store;

/// Between two tries to reach somebody: doubled each time, from and to this.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(1);
const LAST_PAUSE: TimeDelta = TimeDelta::seconds(30);

/// Asks who is outside, and keeps the gate.
#[derive(Clone)]
pub struct Lookout {
    store: Arc<Store>,
    gate: Arc<Gate>,
    clock: Arc<dyn Clock>,
    config: Arc<Witnessing>,
    journal: JournalId,
    /// Of a copy only who knows this very head counts, and not from this process.
    copied: Copied,
}

impl Lookout {
    pub(super) fn new(
        store: Arc<Store>,
        signer: &Signer,
        clock: Arc<dyn Clock>,
        config: Witnessing,
        copied: Copied,
    ) -> Self {
        Self {
            store,
            gate: signer.gate().clone(),
            clock,
            config: Arc::new(config),
            journal: signer.journal_id(),
            copied,
        }
    }

    /// From now on the log is served, and may be known from here.
    pub(super) fn served(mut self) -> Self {
        if self.copied == Copied::Unserved {
            self.copied = Copied::Served;
        }
        self
    }

    /// Asks once; a contradiction is the answer to whoever asks.
    pub(super) async fn hear(&self) -> Result<Heard, Contradicted> {
        let heard = ask(&self.store, &*self.clock, &self.config, self.copied).await?;
        if self.copied != Copied::No && heard != Heard::Nothing {
            super::home::confirm(&self.store, &self.journal).await?;
        }
        Ok(heard)
    }

    /// Does what is due now: what a test with an injected clock calls instead of
    /// [`Lookout::start`].
    pub async fn run_due(&self) {
        if matches!(
            self.gate.signing(),
            Signing::Waiting(_) | Signing::Doubted(_)
        ) {
            self.look().await;
        }
    }

    /// Goes on by itself until stopped.
    pub fn start(self) -> Following {
        Following::of("oracle_lookout_panics_total", move |stop| {
            self.clone().run(stop)
        })
    }

    async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut signing = self.gate.watch();
        let mut pause = None;
        loop {
            let state = signing.borrow_and_update().clone();
            let wait = match state {
                Signing::On | Signing::Stopped(_) => {
                    pause = None;
                    None
                }
                // The start has just asked.
                Signing::Waiting(_) => Some(pause.unwrap_or(FIRST_PAUSE)),
                Signing::Doubted(_) => Some(pause.unwrap_or(TimeDelta::zero())),
            };
            let due = async {
                match wait {
                    Some(wait) => sleep(&*self.clock, wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stopped(&mut stop) => return,
                changed = signing.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    continue;
                }
                () = due => {}
            }
            let next = wait.unwrap_or_default() * 2;
            pause = Some(next.clamp(FIRST_PAUSE, LAST_PAUSE));
            tokio::select! {
                biased;
                () = stopped(&mut stop) => return,
                () = self.look() => {}
            }
        }
    }

    async fn look(&self) {
        // What is said while the others answer is looked into in its turn.
        let seen = self.gate.signing();
        let is_doubted = matches!(seen, Signing::Doubted(_));
        match self.hear().await {
            // One answer is not enough against one that contradicted.
            Ok(heard) if is_doubted && heard != Heard::Quorum => {
                tracing::warn!("the log was contradicted, and no quorum cosigns it; not signing");
            }
            Ok(heard) => take(&self.gate, &seen, heard),
            // This process's own trouble, or a witness's word against the silence of
            // others who could outvote it: asked again.
            Err(
                error @ (Contradicted::Store(_)
                | Contradicted::Client(_)
                | Contradicted::Undecided(_)),
            ) => {
                tracing::error!(
                    %error,
                    "the log could not be compared with what others know; not signing"
                );
            }
            Err(error) => {
                metrics::counter!("oracle_contradicted_total").increment(1);
                tracing::error!(%error, "the log is contradicted: nothing is signed any more");
                // No entry either: it would be one of a second log.
                self.store.sign_heads_by(None);
                self.gate.stop(error.to_string());
            }
        }
    }
}

/// The gate opens if somebody answered that this is the log, and is shut if nobody
/// did.
pub(super) fn take(gate: &Gate, seen: &Signing, heard: Heard) {
    match heard {
        Heard::Quorum | Heard::ThisLog => {
            tracing::info!("signing");
            gate.open_if(seen);
        }
        Heard::Nothing if *seen == gate.signing() => {
            tracing::warn!(
                "no witness and no mirror answers; nothing is announced or attested until one does"
            );
            gate.wait(
                "no witness and no mirror has answered whether this is all of the log".to_owned(),
            );
        }
        Heard::Nothing => {}
    }
}

async fn sleep(clock: &dyn Clock, wait: TimeDelta) {
    let from = clock.uptime();
    let wait = wait.to_std().unwrap_or(Duration::ZERO);
    while clock.uptime() < from + wait {
        let rest = (from + wait).saturating_sub(clock.uptime());
        let at = clock.now() + TimeDelta::from_std(rest).unwrap_or(LAST_PAUSE);
        clock.sleep_until(at).await;
    }
}
