//! One relay: a connection while there is something to say, batches, and what
//! follows from its answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use url::Url;

use super::connection::{Connection, RelayError};
use super::nostr::{Event, Verdict, events};
use super::outbox::{MAX_REFUSALS, Outbox};
use super::{Follower, Next, Timing};
use crate::clock::Clock;
use crate::signer::Signer;
use crate::stop::unless_stopped;
use crate::store::{OutboxItem, StoreError};

/// Messages under way at once, at most.
const MAX_WINDOW: usize = 32;
/// The backlog is measured no more often than this.
const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// And this, where much is missing.
const MEASURE_MUCH_EVERY: Duration = Duration::from_mins(1);
/// Much.
const MUCH: i64 = 10_000;
/// The backlog's age is looked at no more rarely than this, while there is one.
const LOOK_EVERY: TimeDelta = TimeDelta::seconds(30);

/// What one relay gets.
pub(super) struct Relay {
    head: watch::Receiver<i64>,
    url: Url,
    outbox: Outbox,
    signer: Arc<Signer>,
    timing: Timing,
    has_joined: bool,
    connection: Option<Connection>,
    /// Messages in the next batch: one after trouble, so that a message which
    /// makes the relay hang up takes no others with it; twice as many after
    /// each batch that was answered.
    window: usize,
    /// Troubles in a row.
    failures: i64,
    paused_until: Option<DateTime<Utc>>,
    /// By [`crate::clock::Clock::uptime`].
    measure_at: Duration,
    /// At the last measurement.
    lacks_much: bool,
}

impl Follower for Relay {
    const PANICS: &'static str = "oracle_nostr_panics_total";

    fn name(&self) -> String {
        format!("relay {}", self.url)
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.outbox.clock
    }

    fn anew(&self) -> Self {
        Self::new(
            &self.url,
            self.outbox.clone(),
            self.signer.clone(),
            self.timing,
        )
    }

    async fn step(&mut self, stop: &mut watch::Receiver<bool>) -> Result<Next, StoreError> {
        self.head.mark_unchanged();
        Ok(match self.tick(stop).await? {
            // The age of what waits grows meanwhile.
            Next::At(at) => Next::At(at.min(self.outbox.now() + LOOK_EVERY)),
            next => next,
        })
    }

    async fn woken(&mut self) {
        // Its sender is the store, which lives as long as this.
        let _ = self.head.changed().await;
    }

    async fn leave(&mut self) {
        self.disconnect().await;
    }
}

impl Relay {
    pub(super) fn new(url: &Url, outbox: Outbox, signer: Arc<Signer>, timing: Timing) -> Self {
        Self {
            head: outbox.head(),
            url: url.clone(),
            outbox,
            signer,
            timing,
            has_joined: false,
            connection: None,
            window: 1,
            failures: 0,
            paused_until: None,
            measure_at: Duration::ZERO,
            lacks_much: false,
        }
    }

    /// Does what is due now.
    pub(super) async fn run_due(&mut self) -> Result<(), StoreError> {
        let (_never, mut stop) = watch::channel(false);
        loop {
            match self.tick(&mut stop).await? {
                Next::Now => {}
                Next::At(at) if at <= self.outbox.now() => {}
                Next::At(_) | Next::After(_) | Next::Woken => return Ok(()),
            }
        }
    }

    /// Queues what is new and sends one batch of what is due. Only talking to
    /// the relay is cut short by `stop`.
    async fn tick(&mut self, stop: &mut watch::Receiver<bool>) -> Result<Next, StoreError> {
        if !self.has_joined {
            self.has_joined = !self.outbox.join(self.url.as_str()).await?;
            if !self.has_joined {
                return Ok(Next::Now);
            }
        }
        let has_more = self.outbox.fill(self.url.as_str()).await?;
        if let Some(until) = self.paused_until {
            if until > self.outbox.now() {
                self.measure().await?;
                return Ok(if has_more { Next::Now } else { Next::At(until) });
            }
            self.paused_until = None;
        }
        let items = self.outbox.due(self.url.as_str(), self.window).await?;
        if items.is_empty() {
            if has_more {
                return Ok(Next::Now);
            }
            if self.lacks_much {
                self.measure().await?;
            } else {
                // Idle: the figure is exact, and the next one at once.
                self.measure_at = Duration::ZERO;
                self.measure().await?;
                self.measure_at = Duration::ZERO;
            }
            self.disconnect().await;
            let next = self.outbox.next(self.url.as_str()).await?;
            return Ok(next.map_or(Next::Woken, Next::At));
        }
        self.measure().await?;
        self.send(items, stop).await?;
        Ok(Next::Now)
    }

    /// Sends a batch and records what became of each message.
    async fn send(
        &mut self,
        items: Vec<OutboxItem>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        let items: Arc<[OutboxItem]> = items.into();
        let (mut deliveries, mut batch) = (Vec::with_capacity(items.len()), Vec::new());
        let events = match events(&self.signer, &items).await {
            Ok(events) => events,
            Err(error) => {
                tracing::error!(relay = %self.url, %error, "making events failed");
                // Which of them it was shows when each is tried alone.
                let verdict = Verdict::Later("making its event failed".to_owned());
                let later = |item| self.outbox.delivery(self.url.as_str(), item, &verdict);
                deliveries.extend(items.iter().map(later));
                self.back_off();
                return self.outbox.record(self.url.as_str(), &deliveries).await;
            }
        };
        for (item, event) in items.iter().zip(events) {
            match event {
                Ok(event) => batch.push((item, event)),
                Err(e) => {
                    let verdict = Verdict::Refused(e.to_string());
                    deliveries.push(self.outbox.delivery(self.url.as_str(), item, &verdict));
                    tracing::error!(position = item.position, error = %e, "no event of a message");
                }
            }
        }
        let mut verdicts = HashMap::with_capacity(batch.len());
        let result = unless_stopped(stop, self.exchange(&batch, &mut verdicts)).await;
        let was_sent = self.connection.is_some();
        let mut is_limited = false;
        for (item, event) in &batch {
            let verdict = match (verdicts.remove(&event.id), &result) {
                (Some(verdict), _) => verdict,
                // It went out, or part of it: whose fault it was shows when it
                // is tried alone.
                (None, Some(Err(e))) if was_sent => Verdict::Later(e.to_string()),
                // Not sent, or stopped: it stays due.
                (None, _) => continue,
            };
            is_limited |= verdict.is_rate_limit();
            self.note(item, event, &verdict);
            deliveries.push(self.outbox.delivery(self.url.as_str(), item, &verdict));
        }
        self.learn(result, is_limited);
        self.outbox.record(self.url.as_str(), &deliveries).await
    }

    async fn exchange(
        &mut self,
        batch: &[(&OutboxItem, Event)],
        verdicts: &mut HashMap<String, Verdict>,
    ) -> Result<(), RelayError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            empty => empty.insert(Connection::open(&self.url, self.timing.connect).await?),
        };
        let events: Vec<&Event> = batch.iter().map(|(_, event)| event).collect();
        connection
            .exchange(&events, verdicts, self.timing.answer)
            .await
    }

    /// Logs and counts one verdict.
    fn note(&mut self, item: &OutboxItem, event: &Event, verdict: &Verdict) {
        let relay = self.url.to_string();
        match verdict {
            Verdict::Accepted => {
                if std::mem::take(&mut self.failures) > 0 {
                    tracing::info!(relay, "accepted by a relay that had failed");
                }
                metrics::counter!("oracle_nostr_accepted_total", "relay" => relay).increment(1);
            }
            Verdict::Refused(error) => {
                metrics::counter!("oracle_nostr_refused_total", "relay" => relay.clone())
                    .increment(1);
                let what = match item.refused + 1 {
                    1 => "refused by a relay; tried again, ever more rarely",
                    MAX_REFUSALS.. => "refused by a relay; given up",
                    _ => return,
                };
                tracing::warn!(
                    relay,
                    position = item.position,
                    event = event.id,
                    ?error,
                    "{what}"
                );
            }
            Verdict::Later(error) => {
                tracing::debug!(relay, position = item.position, ?error, "not accepted yet");
            }
        }
    }

    /// What a batch says about the relay.
    fn learn(&mut self, result: Option<Result<(), RelayError>>, is_limited: bool) {
        match result {
            Some(Ok(())) if is_limited => self.back_off(),
            Some(Ok(())) => self.window = (self.window * 2).min(MAX_WINDOW),
            Some(Err(error)) => {
                self.connection = None;
                self.back_off();
                if self.failures == 1 {
                    tracing::warn!(relay = %self.url, %error, "relay failed; tried again and again");
                } else {
                    tracing::debug!(relay = %self.url, %error, failures = self.failures, "relay failed");
                }
            }
            // In the middle of something: of no use any more.
            None => self.connection = None,
        }
    }

    fn back_off(&mut self) {
        self.window = 1;
        self.failures += 1;
        let pause = Outbox::pause(self.url.as_str(), self.failures);
        self.paused_until = Some(self.outbox.now() + pause);
    }

    async fn disconnect(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.close().await;
        }
    }

    /// Publishes how far the relay is behind, if that was not just done.
    #[allow(
        clippy::cast_precision_loss,
        reason = "gauges are floats by their format; the counts are small"
    )]
    async fn measure(&mut self) -> Result<(), StoreError> {
        let uptime = self.outbox.clock.uptime();
        if uptime < self.measure_at {
            return Ok(());
        }
        let backlog = self.outbox.backlog(self.url.as_str()).await?;
        self.lacks_much = backlog.waiting + backlog.refused > MUCH;
        self.measure_at = uptime
            + if self.lacks_much {
                MEASURE_MUCH_EVERY
            } else {
                MEASURE_EVERY
            };
        let age = |oldest: DateTime<Utc>| (self.outbox.now() - oldest).num_seconds().max(0);
        let gauge = |what: &'static str, value: i64| {
            metrics::gauge!(what, "relay" => self.url.to_string()).set(value as f64);
        };
        gauge("oracle_nostr_outbox_depth", backlog.waiting);
        gauge(
            "oracle_nostr_outbox_oldest_seconds",
            backlog.oldest_at.map_or(0, age),
        );
        gauge("oracle_nostr_outbox_refused", backlog.refused);
        Ok(())
    }
}
