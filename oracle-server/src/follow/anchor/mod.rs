//! Checkpoints of the log, committed to Peercoin (`docs/anchors.md`).
//!
//! One task on the process that leads. What it knows stands in rows: a
//! transaction is stored before it is sent, so that a crash anywhere sends the same
//! bytes again, and another one is made for a checkpoint only once the node says
//! that the first can never be in the chain. A node that was exchanged meanwhile may
//! say so wrongly, and the checkpoint then stands in the chain twice: a fee, and
//! nothing else. A node that hangs holds up nothing but this task.

mod rpc;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_schema::anchor::rpc::{MISSING_INPUTS, REJECTED};
use oracle_schema::anchor::{Payload, Transaction};
use tokio::sync::watch;

use super::{Follower, Next};
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::config::Anchor;
use crate::stop::unless_stopped;
use crate::store::{AnchorState, AnchorStep, DueAnchor, NewAnchor, Store, StoreError};
use rpc::{Node, NodeError, Place, Session};

/// Between looks at a transaction that is not deep enough in the chain yet.
const POLL: TimeDelta = TimeDelta::minutes(1);
/// Between looks at a confirmed one, which a reorganisation may take out again.
const RECHECK: TimeDelta = TimeDelta::minutes(10);
/// So deep, no reorganisation is expected any more.
const FINAL_DEPTH: u64 = 100;
/// Longest wait after a pass that failed.
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(10);
/// After passes that failed.
const PAUSE: Backoff = Backoff::new(TimeDelta::seconds(1), LONGEST_PAUSE);
/// Of one transaction that nodes do not take, beside [`POLL`].
const DELAY: Backoff = Backoff::new(TimeDelta::seconds(1), TimeDelta::hours(1));
/// The schedule is looked at no more rarely than this.
const LOOK_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Transactions looked at in one pass.
const BATCH: i64 = 32;

/// Why a pass ended early.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error("the wallet's transaction is not an anchor: {0}")]
    Transaction(#[from] oracle_schema::anchor::TransactionError),
    #[error("the wallet's transaction anchors something else")]
    OtherPayload,
    #[error("the node would refuse the wallet's transaction: {0}")]
    Refused(String),
    #[error("the node refused a transaction that it had said it would take")]
    NotTaken,
}

/// Anchors checkpoints.
pub struct Anchorer {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    config: Anchor,
    network: String,
    node: Node,
    /// Passes in a row that failed.
    failures: i64,
    paused_until: Option<DateTime<Utc>>,
    /// The failure that was logged last, so that it is logged once.
    logged: Option<String>,
}

impl Follower for Anchorer {
    const PANICS: &'static str = "oracle_anchor_panics_total";

    fn name(&self) -> String {
        "anchors".to_owned()
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    fn anew(&self) -> Self {
        Self {
            store: self.store.clone(),
            clock: self.clock.clone(),
            config: self.config.clone(),
            network: self.network.clone(),
            node: self.node.clone(),
            failures: 0,
            paused_until: None,
            logged: None,
        }
    }

    async fn step(&mut self, stop: &mut watch::Receiver<bool>) -> Result<Next, StoreError> {
        // Cut short anywhere, it goes on from the rows.
        let next = unless_stopped(stop, self.tick()).await.transpose()?;
        Ok(next.map_or(Next::Woken, Next::At))
    }
}

impl Anchorer {
    /// Over the store of a process that leads. Nothing happens yet. The error is
    /// one of the HTTP client's own making.
    pub fn new(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        config: &Anchor,
        network: &str,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            store,
            clock,
            node: Node::new(config)?,
            config: config.clone(),
            network: network.to_owned(),
            failures: 0,
            paused_until: None,
            logged: None,
        })
    }

    /// Does once what is due now: what a test with an injected clock calls instead of
    /// having [`Followers`](super::Followers) run it.
    pub async fn run_due(&mut self) -> Result<(), StoreError> {
        self.tick().await.map(drop)
    }

    /// Why the last pass failed, if it did.
    pub fn trouble(&self) -> Option<&str> {
        self.logged.as_deref()
    }

    /// One pass; answers when to make the next.
    async fn tick(&mut self) -> Result<DateTime<Utc>, StoreError> {
        let now = self.clock.now();
        // Longer than any pause is what a clock says that was wrong.
        let longest = now + LONGEST_PAUSE;
        let pause = self
            .paused_until
            .filter(|until| (now..=longest).contains(until));
        if let Some(until) = pause.filter(|until| *until > now) {
            return Ok(until);
        }
        match self.work(now).await {
            Ok(is_asked) => self.recovered(is_asked),
            Err(Failure::Store(error)) => return Err(error),
            Err(error) => return Ok(self.back_off(&error.to_string())),
        }
        let latest = self.clock.now() + LOOK_EVERY;
        let due = self.store.next_anchor().await?.unwrap_or(latest);
        Ok(due.clamp(self.clock.now() + TimeDelta::seconds(1), latest))
    }

    fn recovered(&mut self, is_asked: bool) {
        if is_asked {
            self.failures = 0;
            self.paused_until = None;
            if self.logged.take().is_some() {
                tracing::info!("the Peercoin node answers again; anchoring goes on");
            }
        }
    }

    fn back_off(&mut self, error: &str) -> DateTime<Utc> {
        self.failures += 1;
        metrics::counter!("oracle_anchor_failures_total").increment(1);
        if self.logged.as_deref() == Some(error) {
            tracing::debug!(error, failures = self.failures, "anchoring failed");
        } else {
            tracing::warn!(error, "anchoring failed; tried again and again");
            self.logged = Some(error.to_owned());
        }
        let until = self.clock.now() + PAUSE.wait(self.failures - 1);
        self.paused_until = Some(until);
        until
    }

    /// Looks at what is due and anchors the newest checkpoint if that is;
    /// answers whether the node was needed.
    async fn work(&self, now: DateTime<Utc>) -> Result<bool, Failure> {
        let due = self.store.due_anchors(now, BATCH).await?;
        let head = self
            .store
            .head_to_anchor(now - self.config.every, now)
            .await?;
        if due.is_empty() && head.is_none() {
            return Ok(false);
        }
        let session = self.node.open(&self.network).await?;
        for anchor in &due {
            match self.look(&session, anchor).await {
                Err(Failure::Node(error)) if error.is_of_one() => {
                    self.postpone(anchor, &error).await?;
                }
                looked => {
                    looked?;
                }
            }
        }
        // A look may have found a transaction that can never be in the chain.
        if let Some(head) = self
            .store
            .head_to_anchor(now - self.config.every, now)
            .await?
        {
            self.anchor(&session, &head).await?;
        }
        Ok(true)
    }

    /// The node answers, but not about this one: the others go on.
    async fn postpone(&self, anchor: &DueAnchor, error: &NodeError) -> Result<(), StoreError> {
        let txid = anchor.txid;
        if anchor.attempts == 0 {
            tracing::warn!(%txid, %error, "an anchor cannot be looked at; tried again and again");
        }
        let due = self.clock.now() + POLL + DELAY.wait(anchor.attempts);
        self.store.postpone_anchor(txid, due).await
    }

    /// Has the wallet make a transaction, stores it, and sends it.
    async fn anchor(&self, session: &Session<'_>, head: &Payload) -> Result<(), Failure> {
        let transaction = session.make(head).await?;
        let read = Transaction::parse(&transaction)?;
        let (vout, payload) = read.anchor()?;
        if payload != *head {
            return Err(Failure::OtherPayload);
        }
        // What would be refused is not worth a row.
        if let Some(reason) = session.refusal(&transaction).await? {
            return Err(Failure::Refused(reason));
        }
        let new = NewAnchor {
            size: head.size,
            txid: read.txid(),
            transaction,
            vout,
        };
        if !self.store.prepare_anchor(&new, self.clock.now()).await? {
            return Ok(());
        }
        let prepared = DueAnchor {
            txid: new.txid,
            transaction: new.transaction,
            state: AnchorState::Prepared,
            attempts: 0,
        };
        match self.look(session, &prepared).await? {
            // The next one would fare no better at once: the pass has failed.
            AnchorState::Replaced => Err(Failure::NotTaken),
            _ => Ok(()),
        }
    }

    /// Finds out where a transaction is and does what follows; answers how far it
    /// is now.
    async fn look(
        &self,
        session: &Session<'_>,
        anchor: &DueAnchor,
    ) -> Result<AnchorState, Failure> {
        let now = self.clock.now();
        let mut step = AnchorStep {
            txid: anchor.txid,
            state: AnchorState::Sent,
            due: Some(now + POLL),
            attempts: 0,
            block: None,
        };
        let place = session.place(anchor.txid).await?;
        match place {
            Place::Block(hash) => {
                if let Some(block) = session.block(hash).await? {
                    let (header, branch) = session.proof(anchor.txid, hash).await?;
                    step.block = Some((block.height, header, branch));
                    if block.depth >= self.config.confirmations {
                        step.state = AnchorState::Confirmed;
                        let is_final = block.depth >= FINAL_DEPTH.max(self.config.confirmations);
                        step.due = (!is_final).then_some(now + RECHECK);
                    }
                }
            }
            Place::Conflicted(depth) if depth >= self.config.confirmations => {
                step.state = AnchorState::Replaced;
                step.due = None;
            }
            // Until the block that has the other spending is deep enough, this one
            // may come back.
            Place::Conflicted(_) | Place::Mempool => {}
            Place::Nowhere | Place::Unknown => self.send(session, anchor, place, &mut step).await?,
        }
        tell(anchor, &step);
        self.store.record_anchor(&step).await?;
        Ok(step.state)
    }

    /// Sends the bytes, for the first time or again.
    async fn send(
        &self,
        session: &Session<'_>,
        anchor: &DueAnchor,
        place: Place,
        step: &mut AnchorStep,
    ) -> Result<(), Failure> {
        match session.send(&anchor.transaction).await {
            Ok(()) => Ok(()),
            Err(e) if matches!(e.code(), Some(MISSING_INPUTS | REJECTED)) => {
                if anchor.state == AnchorState::Prepared && place == Place::Unknown {
                    // Neither node nor wallet knows it, and its coins are not there: it
                    // is given up. Where the answer to an earlier sending was lost and
                    // this is another node, it may be in the chain all the same.
                    step.state = AnchorState::Replaced;
                    step.due = None;
                } else {
                    step.state = anchor.state;
                    step.attempts = anchor.attempts + 1;
                    step.due = Some(self.clock.now() + POLL + DELAY.wait(anchor.attempts));
                }
                tracing::warn!(txid = %anchor.txid, error = %e, "an anchor's transaction is not taken");
                Ok(())
            }
            Err(e) => Err(e.into()),
        }
    }
}

/// Logs and counts a change.
fn tell(anchor: &DueAnchor, step: &AnchorStep) {
    if anchor.state == step.state {
        return;
    }
    let txid = anchor.txid;
    match (anchor.state, step.state) {
        (AnchorState::Confirmed, AnchorState::Sent) => {
            tracing::warn!(%txid, "an anchor's block is no longer in the main chain");
        }
        (_, AnchorState::Replaced) => {
            tracing::warn!(%txid, "an anchor's inputs were spent otherwise; made anew");
        }
        (_, state) => tracing::info!(%txid, state = state.name(), "anchor"),
    }
    metrics::counter!("oracle_anchors_total", "state" => step.state.name()).increment(1);
}
