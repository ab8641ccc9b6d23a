//! Published messages, passed on to Nostr relays (`docs/nostr.md`); heads, cosigned
//! by witnesses (`docs/witnesses.md`); checkpoints, committed to Peercoin (`anchor`,
//! `docs/anchors.md`).
//!
//! All of them follow the published head and nothing else, on the process that leads,
//! each in a task of its own: `task` has their shape and runs them, and the engine knows
//! nothing of this module. What each relay lacks stands in rows (`outbox`), and a task
//! for each relay (`relay`) sends it. `witness` is one task for all witnesses, which have
//! to meet on one head.

mod anchor;
mod connection;
mod nostr;
mod outbox;
mod relay;
mod task;
mod witness;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use crate::clock::Clock;
use crate::config::Nostr;
use crate::signer::Signer;
use crate::store::{Store, StoreError};

pub use anchor::Anchorer;
pub use task::{Follower, Followers, Next};
pub use witness::{Contradicted, Copied, Cosigner, Heard, ask};

use outbox::Outbox;
use relay::Relay;

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

/// Passes on what is published.
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

    /// Starts one follower for each relay.
    pub fn start(self, followers: &mut Followers) {
        for relay in self.relays {
            followers.start(relay);
        }
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
