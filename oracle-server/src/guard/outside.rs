//! Witnesses and mirrors: nothing is signed before one of them has answered, and
//! nothing any more once they contradict the log.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::watch;

use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::config::Witnessing;
use crate::follow::{Contradicted, Copied, Follower, Heard, Next, ask};
use crate::signer::{Gate, JournalId, Signer, Signing};
use crate::stop::unless_stopped;
use crate::store::{Store, StoreError};

/// Between two tries to reach somebody.
const PAUSE: Backoff = Backoff::new(TimeDelta::seconds(1), TimeDelta::seconds(30));

/// Asks who is outside, and keeps the gate.
pub struct Lookout {
    store: Arc<Store>,
    gate: Arc<Gate>,
    clock: Arc<dyn Clock>,
    config: Arc<Witnessing>,
    journal: JournalId,
    /// Of a copy only who knows this very head counts, and not from this process.
    copied: Copied,
    /// Told of every change of the gate.
    signing: watch::Receiver<Signing>,
    /// When it asks next, by [`Clock::uptime`].
    due: Option<Duration>,
    /// Tries since the gate was last open.
    tries: i64,
}

impl Follower for Lookout {
    const PANICS: &'static str = "oracle_lookout_panics_total";

    fn name(&self) -> String {
        "lookout".to_owned()
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    fn anew(&self) -> Self {
        Self {
            store: self.store.clone(),
            gate: self.gate.clone(),
            clock: self.clock.clone(),
            config: self.config.clone(),
            journal: self.journal,
            copied: self.copied,
            signing: self.gate.watch(),
            due: None,
            tries: 0,
        }
    }

    async fn step(&mut self, stop: &mut watch::Receiver<bool>) -> Result<Next, StoreError> {
        if self.due.is_some_and(|due| due <= self.clock.uptime()) && self.gate.is_in_question() {
            self.due = None;
            self.tries += 1;
            // Cut short, nothing is known.
            let _ = unless_stopped(stop, self.look()).await;
        }
        let signing = self.signing.borrow_and_update().clone();
        let wait = match signing {
            Signing::On | Signing::Stopped(_) => {
                self.tries = 0;
                self.due = None;
                return Ok(Next::Woken);
            }
            // The start has just asked.
            Signing::Waiting(_) => PAUSE.wait(self.tries),
            Signing::Doubted(_) if self.tries == 0 => TimeDelta::zero(),
            Signing::Doubted(_) => PAUSE.wait(self.tries - 1),
        };
        let wait = wait.to_std().unwrap_or_default();
        self.due = Some(self.clock.uptime() + wait);
        Ok(Next::After(wait))
    }

    async fn woken(&mut self) {
        // Its sender is the gate, which lives as long as this.
        let _ = self.signing.changed().await;
    }
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
            signing: signer.gate().watch(),
            clock,
            config: Arc::new(config),
            journal: signer.journal_id(),
            copied,
            due: None,
            tries: 0,
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

    /// Does what is due now: what a test with an injected clock calls instead of having
    /// [`Followers`](crate::follow::Followers) run it.
    pub async fn run_due(&self) {
        if self.gate.is_in_question() {
            self.look().await;
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
