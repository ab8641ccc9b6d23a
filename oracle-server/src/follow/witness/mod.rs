//! Cosignatures: each head is submitted to the policy's witnesses
//! (`docs/witnesses.md`).
//!
//! Follows the published head and nothing else, on the process that leads;
//! nothing waits for it. There is one target at a time, the head that everybody
//! is asked to cosign, so that a quorum meets on one head even where heads come
//! faster than witnesses answer. The target moves on when it has its quorum, or
//! when nobody who was asked is left to answer.

mod client;
mod start;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use oracle_schema::tlog::{Note, Policy};
use tokio::sync::watch;
use url::Url;

use super::outbox::Outbox;
use super::{Follower, Next};
use crate::clock::Clock;
use crate::config::Witnessing;
use crate::signer::{Gate, Signing};
use crate::store::{NewCosignature, SignedHead, Store, StoreError};

use client::{Witness, WitnessError};

pub use start::{Contradicted, Copied, Heard, ask};

/// How far witnesses are behind is measured no more often than this.
const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// And no more rarely than this while one is.
const LOOK_EVERY: TimeDelta = TimeDelta::seconds(30);

/// Gets heads cosigned.
pub struct Cosigner {
    shared: Shared,
    head: watch::Receiver<i64>,
    signing: watch::Receiver<Signing>,
    peers: Vec<Peer>,
    asked: FuturesUnordered<BoxFuture<'static, Answered>>,
    /// What they answered and nobody has looked at yet.
    answers: Vec<Answered>,
    /// Whether the next head is waited for, and not only time and answers.
    takes_heads: bool,
    /// What everybody is asked to cosign.
    target: Option<Arc<Target>>,
    /// Whether the target has its quorum.
    is_met: bool,
    /// When the target moved, by [`Clock::uptime`].
    moved_at: Duration,
    measure_at: Duration,
    has_adopted: bool,
}

/// What a start has and a panic does not take away.
#[derive(Clone)]
struct Shared {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    policy: Arc<Policy>,
    witnesses: Vec<Arc<Witness>>,
    every: Duration,
    /// Shut when a witness contradicts the log; nobody is asked while it is.
    gate: Arc<Gate>,
}

/// What is known of a witness.
struct Peer {
    witness: Arc<Witness>,
    /// What it cosigned last, as far as is known.
    known: u64,
    /// Heads up to this size need not be submitted.
    done: u64,
    /// The size of the head that it is asked to cosign.
    asked: Option<u64>,
    /// What it said against the log last; that has been looked into.
    contradiction: Option<String>,
    /// Troubles in a row.
    failures: i64,
    paused_until: Option<DateTime<Utc>>,
}

struct Target {
    head: SignedHead,
}

struct Answered {
    peer: usize,
    target: Arc<Target>,
    result: Result<NewCosignature, WitnessError>,
}

impl Shared {
    fn cosigner(&self) -> Cosigner {
        let peer = |witness: &Arc<Witness>| Peer {
            witness: witness.clone(),
            known: 0,
            done: 0,
            asked: None,
            contradiction: None,
            failures: 0,
            paused_until: None,
        };
        Cosigner {
            peers: self.witnesses.iter().map(peer).collect(),
            head: self.store.reader().head(),
            signing: self.gate.watch(),
            shared: self.clone(),
            asked: FuturesUnordered::new(),
            answers: Vec::new(),
            takes_heads: true,
            target: None,
            is_met: false,
            moved_at: Duration::ZERO,
            measure_at: Duration::ZERO,
            has_adopted: false,
        }
    }
}

impl Follower for Cosigner {
    const PANICS: &'static str = "oracle_witness_panics_total";

    fn name(&self) -> String {
        "witnesses".to_owned()
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    fn anew(&self) -> Self {
        self.shared.cosigner()
    }

    async fn step(&mut self, _: &mut watch::Receiver<bool>) -> Result<Next, StoreError> {
        // Where the database fails, the next head calls for nothing before the pause is over.
        self.takes_heads = false;
        while let Some(answered) = self.answers.pop() {
            self.hear(answered).await?;
        }
        self.head.mark_unchanged();
        self.signing.mark_unchanged();
        self.tick().await
    }

    async fn woken(&mut self) {
        // The senders of both are the store and the signer's gate, which live as long as
        // this.
        tokio::select! {
            biased;
            Some(answered) = self.asked.next() => self.answers.push(answered),
            _ = self.head.changed(), if self.takes_heads => {}
            _ = self.signing.changed() => {}
        }
    }
}

impl Cosigner {
    /// Over the store of a process that leads, with those witnesses of the
    /// policy that have a URL; whoever contradicts the log shuts `gate` until that has
    /// been looked into. Nothing happens yet.
    pub fn new(
        store: Arc<Store>,
        clock: &Arc<dyn Clock>,
        config: &Witnessing,
        gate: &Arc<Gate>,
    ) -> Result<Self, reqwest::Error> {
        let http = client::http_client()?;
        let witness = |(name, key, url): (&str, _, &Url)| {
            let http = http.clone();
            Arc::new(Witness::new(name, key, url, http, config.timeout))
        };
        let shared = Shared {
            store,
            clock: clock.clone(),
            policy: Arc::new(config.policy.clone()),
            witnesses: config.asked().map(witness).collect(),
            every: config.every,
            gate: gate.clone(),
        };
        Ok(shared.cosigner())
    }

    /// Does what is due now, what the witnesses answer included: what a test with an
    /// injected clock calls instead of having [`Followers`](super::Followers) run it.
    pub async fn run_due(&mut self) -> Result<(), StoreError> {
        loop {
            let next = self.tick().await?;
            if let Some(answered) = self.asked.next().await {
                self.hear(answered).await?;
            } else if !matches!(next, Next::At(at) if at <= self.now()) {
                return Ok(());
            }
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.shared.clock.now()
    }

    /// Moves the target on if it may, and asks whoever is to be asked. Nobody while the
    /// gate is shut: a witness that is told the rest of a copy, or of a log that is
    /// contradicted, would say that it knows it when it is asked for its word.
    async fn tick(&mut self) -> Result<Next, StoreError> {
        self.adopt().await?;
        let head = self.shared.store.reader().last_head().await?;
        let Some(head) = head.filter(|_| self.shared.gate.is_open()) else {
            self.takes_heads = true;
            return Ok(Next::Woken);
        };
        let newest = head.size;
        let mut at = self.move_target(head);
        self.ask();
        self.measure(newest).await?;
        self.takes_heads = at.is_none();
        let size = self.target.as_ref().map_or(0, |target| target.head.size);
        for peer in &self.peers {
            if peer.asked.is_none() && peer.done < size {
                at = earlier(at, peer.paused_until);
            }
        }
        if self.peers.iter().any(|peer| peer.done < newest) {
            at = earlier(at, Some(self.now() + LOOK_EVERY));
        }
        Ok(at.map_or(Next::Woken, Next::At))
    }

    /// Reads once what is stored, under the policy of now.
    async fn adopt(&mut self) -> Result<(), StoreError> {
        if self.has_adopted {
            return Ok(());
        }
        let store = &self.shared.store;
        let keys: Vec<String> = self
            .shared
            .policy
            .witnesses()
            .iter()
            .map(|witness| witness.key.to_string())
            .collect();
        let policy = self.shared.policy.clone();
        store
            .adopt_witnesses(&keys, |note| is_met(&policy, note))
            .await?;
        for row in store.reader().cosignatures().await? {
            for peer in &mut self.peers {
                if peer.witness.key.to_string() == row.key {
                    peer.known = row.size;
                    peer.done = row.size;
                }
            }
        }
        self.has_adopted = true;
        Ok(())
    }

    /// Takes the newest head as the target once the last one is over; answers
    /// when it will be taken, if only time is missing.
    fn move_target(&mut self, head: SignedHead) -> Option<DateTime<Utc>> {
        if let Some(target) = &self.target {
            if head.size <= target.head.size {
                return None;
            }
            // Who is still asked to cosign the target may give it its quorum.
            let size = Some(target.head.size);
            if !self.is_met && self.peers.iter().any(|peer| peer.asked == size) {
                return None;
            }
            let rest =
                (self.moved_at + self.shared.every).saturating_sub(self.shared.clock.uptime());
            if !rest.is_zero() {
                let rest = TimeDelta::from_std(rest).unwrap_or(LOOK_EVERY);
                return Some(self.now() + rest);
            }
        }
        self.moved_at = self.shared.clock.uptime();
        self.is_met = false;
        self.target = Some(Arc::new(Target { head }));
        None
    }

    /// Asks everybody who lacks the target, is not asked yet and not left alone.
    fn ask(&mut self) {
        let now = self.shared.clock.now();
        let Some(target) = &self.target else {
            return;
        };
        for (index, peer) in self.peers.iter_mut().enumerate() {
            if peer.asked.is_some()
                || peer.done >= target.head.size
                || peer.paused_until.is_some_and(|until| until > now)
            {
                continue;
            }
            peer.asked = Some(target.head.size);
            peer.paused_until = None;
            let (witness, target, known) = (peer.witness.clone(), target.clone(), peer.known);
            let (reader, clock) = (self.shared.store.reader(), self.shared.clock.clone());
            self.asked.push(Box::pin(async move {
                let result = witness
                    .cosign(&reader, &*clock, &target.head, known, true)
                    .await;
                Answered {
                    peer: index,
                    target,
                    result,
                }
            }));
        }
    }

    /// Keeps what a witness answered, or leaves it alone for a while.
    async fn hear(&mut self, answered: Answered) -> Result<(), StoreError> {
        let size = answered.target.head.size;
        let now = self.now();
        let Some(peer) = self.peers.get_mut(answered.peer) else {
            return Ok(());
        };
        peer.asked = None;
        match answered.result {
            Ok(cosignature) => {
                self.keep(&cosignature).await?;
                if let Some(peer) = self.peers.get_mut(answered.peer) {
                    peer.succeed(size);
                }
            }
            Err(WitnessError::Ahead { theirs, .. }) if has(&self.shared.store, theirs).await? => {
                // Another process was quicker, with a later head.
                peer.known = theirs;
                peer.done = size;
            }
            Err(error) => {
                if let WitnessError::Ahead { .. } | WitnessError::Forked(_) = error {
                    peer.contradict(&error, &self.shared.gate);
                }
                peer.fail(&error, now);
            }
        }
        Ok(())
    }

    async fn keep(&mut self, cosignature: &NewCosignature) -> Result<(), StoreError> {
        let size = cosignature.size;
        // The smallest head that somebody is still asked to cosign.
        let asked = self.peers.iter().filter_map(|peer| peer.asked);
        let floor = asked.min().map_or(size, |asked| asked.min(size));
        let policy = self.shared.policy.clone();
        let is_cosigned = self
            .shared
            .store
            .add_cosignature(cosignature, floor, |note| is_met(&policy, note))
            .await?;
        if is_cosigned {
            metrics::gauge!("oracle_cosigned_size").set(gauge(size));
            if self.target.as_ref().is_some_and(|t| t.head.size == size) {
                self.is_met = true;
            }
        }
        Ok(())
    }

    /// Publishes how far the witnesses are behind, if that was not just done.
    async fn measure(&mut self, newest: u64) -> Result<(), StoreError> {
        let uptime = self.shared.clock.uptime();
        if uptime < self.measure_at {
            return Ok(());
        }
        self.measure_at = uptime + MEASURE_EVERY;
        let reader = self.shared.store.reader();
        for peer in &self.peers {
            let size = peer.known.min(newest);
            let behind_s = match reader.head_after(size).await? {
                Some(time) => (self.now() - time).num_seconds().max(0),
                None => 0,
            };
            let name = peer.witness.key.name().to_owned();
            metrics::gauge!("oracle_witness_size", "witness" => name.clone()).set(gauge(size));
            metrics::gauge!("oracle_witness_behind_seconds", "witness" => name)
                .set(gauge(behind_s.unsigned_abs()));
        }
        Ok(())
    }
}

impl Peer {
    fn succeed(&mut self, size: u64) {
        let name = self.witness.key.name();
        if std::mem::take(&mut self.failures) > 0 {
            tracing::info!(
                witness = name,
                size,
                "a witness that had failed cosigns again"
            );
        }
        self.contradiction = None;
        self.known = size;
        self.done = self.done.max(size);
        metrics::counter!("oracle_witness_cosigned_total", "witness" => name.to_owned())
            .increment(1);
    }

    /// Stops signing at once, until it is clear who is wrong. The same again is no
    /// news: a witness that others outvote must not hold everything up for ever.
    fn contradict(&mut self, error: &WitnessError, gate: &Gate) {
        let contradiction = format!("witness {}: {error}", self.witness.key.name());
        if self.contradiction.as_ref() != Some(&contradiction) {
            gate.doubt(contradiction.clone());
            self.contradiction = Some(contradiction);
        }
    }

    fn fail(&mut self, error: &WitnessError, now: DateTime<Utc>) {
        self.failures += 1;
        let name = self.witness.key.name();
        self.paused_until = Some(now + Outbox::pause(name, self.failures));
        metrics::counter!("oracle_witness_failed_total", "witness" => name.to_owned()).increment(1);
        match error {
            WitnessError::Ahead { .. } | WitnessError::Forked(_) => tracing::error!(
                witness = name, %error, "a witness knows another log, it says"
            ),
            _ if self.failures == 1 => {
                tracing::warn!(witness = name, %error, "witness failed; tried again and again");
            }
            _ => tracing::debug!(
                witness = name, %error, failures = self.failures, "witness failed"
            ),
        }
    }
}

/// Whether the log has grown to this size.
async fn has(store: &Store, size: u64) -> Result<bool, StoreError> {
    let head = store.reader().last_head().await?;
    Ok(head.is_some_and(|head| head.size >= size))
}

/// Whether the cosignatures of a checkpoint are a quorum.
fn is_met(policy: &Policy, note: &str) -> bool {
    Note::parse(note).is_ok_and(|note| {
        let cosigned = policy.cosigned(&note).unwrap_or_default();
        policy.is_met_by(|w| cosigned.iter().any(|c| c.witness.key == w.key))
    })
}

fn earlier(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "gauges are floats by their format; the counts are small"
)]
fn gauge(value: u64) -> f64 {
    value as f64
}
