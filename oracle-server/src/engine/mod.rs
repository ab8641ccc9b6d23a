//! The only orchestration: [`Engine::tick`] does whatever is due at a time.
//!
//! What is due stands in the store's rows, never in a queue in memory, so a
//! process that starts after any crash or downtime goes on where the rows are.
//! One tick, in order:
//!
//! 0. ask for the time, if that is open (`time`);
//! 1. read sources without history whose T is near (`sample`);
//! 2. finish what is committed and not yet published (`attest`);
//! 3. refund what has passed its `attest_by`;
//! 4. make the next events of series, announce what is due (`announce`), prove the
//!    nonces of what was announced without a proof (`prove`);
//! 5. take in finished observations, decide rounds (`observe` for prices, `facts`
//!    for the rest), attest (`attest`);
//! 6. start observations that are due.
//!
//! Requests of operators are carried out between ticks (`command`).
//! Observations run beside the tick: a venue that hangs delays nobody else.

mod announce;
mod answers;
mod attest;
mod batch;
mod bodies;
mod budget;
mod clock_trust;
mod command;
mod facts;
mod health;
mod leg;
mod observe;
mod prove;
mod rows;
mod sample;
mod startup;
mod time;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_feeds::fetch::Fetcher;
use oracle_schema::{EventId, Maturity};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

pub use clock_trust::Started;
pub use startup::{StartError, check, configure};

use clock_trust::ClockTrust;
use time::AskingTime;

use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::command::Command;
use crate::config::Config;
use crate::health::{Condition, HealthReport};
use crate::keys::{KeyError, LegKey, RoundId, SubjectKey};
use crate::signer::{Signer, SignerError, Signing};
use crate::stop::stopped;
use crate::store::{ChangeError, DueRound, OpenCursor, Store, StoreError};

/// Events in one transaction at most.
const BATCH: i64 = 1000;

/// Rounds looked at in one tick.
const ROUNDS_PER_TICK: i64 = 256;

/// Between two attempts at a round, and two passes that failed.
const RETRY: Backoff = Backoff::new(TimeDelta::seconds(1), TimeDelta::seconds(60));

/// How long to wait when what is due cannot be done yet.
const IDLE: TimeDelta = TimeDelta::milliseconds(250);

/// Why a tick could not be finished. Nothing is lost: the rows are still due.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Committing or publishing.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The signer refused.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A worker thread died.
    #[error("worker thread: {0}")]
    Worker(#[from] tokio::task::JoinError),
    /// A stored document that this build cannot read.
    #[error("stored {what} cannot be read: {reason}")]
    Stored {
        /// Which document.
        what: String,
        /// Why.
        reason: String,
    },
    /// What a source answered cannot be written down as evidence.
    #[error("the answer of {source_id} cannot be recorded: {reason}")]
    Unrecordable {
        /// Whose.
        source_id: String,
        /// Why.
        reason: String,
    },
}

impl From<KeyError> for EngineError {
    fn from(error: KeyError) -> Self {
        Self::Store(error.into())
    }
}

impl EngineError {
    /// Whether an error is the batch's own fault and not the database's or the
    /// machine's: then the batch is tried one by one, so that no event blocks
    /// another.
    fn is_about_the_events(&self) -> bool {
        match self {
            Self::Change(ChangeError::Store(e)) | Self::Store(e) => e.is_constraint(),
            Self::Change(_) => true,
            Self::Signer(e) => e.is_about_the_event(),
            _ => false,
        }
    }

    /// Whether an error is about what one round or its events are, and not the
    /// database's or the machine's: then the others go on.
    fn is_about_one_round(&self) -> bool {
        match self {
            // A constraint is the log's own here: `commit` looks to those of its events.
            Self::Store(e) | Self::Change(ChangeError::Store(e)) => e.is_damaged(),
            Self::Stored { .. } => true,
            other => other.is_about_the_events(),
        }
    }

    /// Another process took over: this one must stop writing.
    pub fn is_deposed(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Deposed { .. })
                | Self::Change(ChangeError::Store(StoreError::Deposed { .. }))
        )
    }
}

/// What a start may take before what matured meanwhile is late.
const CATCH_UP: TimeDelta = TimeDelta::minutes(1);

/// What an observation brought.
enum Seen {
    /// A price leg.
    Leg(observe::LegSeen),
    /// A source of facts.
    Subject(facts::SubjectSeen),
    /// A source without history, before T.
    Sample(sample::SampleSeen),
    /// The time alone.
    Time(time::TimeSeen),
}

/// The orchestration of one leading process.
pub struct Engine {
    store: Arc<Store>,
    signer: Arc<Signer>,
    fetcher: Arc<Fetcher>,
    clock: Arc<dyn Clock>,
    config: Arc<Config>,
    observing: JoinSet<Seen>,
    /// Legs under observation, and the task that observes each.
    in_flight: HashMap<LegAt, tokio::task::Id>,
    /// Questions under way, and the task and provider of each.
    asking: HashMap<SubjectKey, (tokio::task::Id, String)>,
    sampling: sample::Sampling,
    answers: answers::Answers,
    /// Rounds whose legs are being observed.
    waiting: HashMap<RoundId, DueRound>,
    /// What is known of legs that have no price yet.
    legs: HashMap<LegAt, leg::LegProgress>,
    clock_trust: ClockTrust,
    time: AskingTime,
    /// When bodies are looked through next.
    forget_at: DateTime<Utc>,
    /// From when on what is late is said to be: a start first catches up.
    late_from: DateTime<Utc>,
    /// After which open event those without a proof of their nonces are looked for;
    /// `None` once all were.
    unproven_after: Option<OpenCursor>,
    /// Committed events that could not be finished, and when to try again.
    stuck: HashMap<EventId, DateTime<Utc>>,
    health: watch::Sender<HealthReport>,
    /// Requests of operators.
    commands: mpsc::Receiver<Command>,
    /// Of these, what is to be carried out by itself.
    set_aside: VecDeque<Command>,
}

/// What an engine is made of.
pub struct Parts {
    /// Opened, and leading.
    pub store: Arc<Store>,
    /// Behind [`crate::guard`]'s checks.
    pub signer: Arc<Signer>,
    /// Over the configured providers.
    pub fetcher: Arc<Fetcher>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Series, operators, and who can be asked for the time.
    pub config: Arc<Config>,
    /// What the start knows of the time.
    pub started: Started,
    /// Where the engine says how it is doing.
    pub health: watch::Sender<HealthReport>,
    /// Requests of operators.
    pub commands: mpsc::Receiver<Command>,
}

/// A leg at a maturity: (leg key, T in Unix seconds).
type LegAt = (LegKey, Maturity);

impl Engine {
    /// Of a process that has just taken the lead. Nothing is done yet.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            store,
            signer,
            fetcher,
            clock,
            config,
            started,
            health,
            commands,
        } = parts;
        health.send_modify(|report| {
            report.begin(true);
            report.signing = health::condition(&signer.gate().signing());
        });
        let time = AskingTime::of(&fetcher, &config.time_roots());
        let clock_trust = ClockTrust::started(&*clock, started, time.asked());
        let late_from = clock.now() + CATCH_UP;
        store.confirm_time(clock_trust.is_confirmed());
        Self {
            clock_trust,
            time,
            store,
            signer,
            fetcher,
            clock,
            config,
            observing: JoinSet::new(),
            in_flight: HashMap::new(),
            asking: HashMap::new(),
            sampling: sample::Sampling::default(),
            answers: answers::Answers::default(),
            waiting: HashMap::new(),
            legs: HashMap::new(),
            forget_at: DateTime::UNIX_EPOCH,
            late_from,
            unproven_after: Some(OpenCursor::START),
            stuck: HashMap::new(),
            health,
            commands,
            set_aside: VecDeque::new(),
        }
    }

    /// Does what is due at `now` and can be done without waiting for a
    /// provider; of each kind of work a batch, so that a backlog of one keeps no
    /// other waiting. Answers whether there may be more.
    pub async fn tick(&mut self, now: DateTime<Utc>) -> Result<bool, EngineError> {
        // Beside all that follows, and whoever may sign.
        self.ask_time();
        // First: nothing else is worthless a second later.
        self.take_samples().await?;
        if !self.may_sign() {
            // What was asked for is kept; all else stays due.
            while let Some(seen) = self.observing.try_join_next() {
                self.take_in(seen).await?;
            }
            return Ok(false);
        }
        self.finish_committed().await?;
        self.forget_bodies(now).await?;
        let mut more = self.refund_expired(now).await?;
        let is_held = self.clock_trust.runs_ahead(&*self.clock);
        if !is_held {
            // What is announced or withdrawn stays so when the clock is set right.
            more |= self.make_series_events(now).await?;
            more |= self.announce_due(now).await?;
            more |= self.prove_announced(now).await?;
        }
        while let Some(seen) = self.observing.try_join_next() {
            self.take_in(seen).await?;
        }
        self.note_clock(now).await?;
        // What the time held back is due.
        more |= is_held && !self.clock_trust.runs_ahead(&*self.clock);
        self.evaluate_waiting(now).await?;
        self.start_rounds(now).await?;
        self.start_subjects(now).await?;
        more |= self.note_late(now).await?;
        self.note_bodies();
        Ok(more)
    }

    /// Whether anything may be announced, attested or entered into the log now, which
    /// health says too.
    fn may_sign(&self) -> bool {
        let signing = self.signer.gate().signing();
        let condition = health::condition(&signing);
        let journal = match self.signer.journal_failure() {
            Some(error) => Condition::Fails(error.to_string()),
            None => Condition::Works,
        };
        self.health.send_if_modified(|report| {
            let is_news = report.signing != condition || report.journal != journal;
            report.signing = condition;
            report.journal = journal;
            is_news
        });
        signing == Signing::On
    }

    /// Says in the log what is late; last, when what could be attested is.
    async fn note_late(&mut self, now: DateTime<Utc>) -> Result<bool, EngineError> {
        if now < self.late_from || self.clock_trust.runs_ahead(&*self.clock) {
            return Ok(false);
        }
        let late = self.store.note_late(now, BATCH).await?;
        if late > 0 {
            tracing::error!(
                events = late,
                "late: not attested when they should have been"
            );
        }
        Ok(late > 0)
    }

    /// Ticks until nothing is due and no observation is under way: what a test
    /// with an injected clock calls instead of [`Engine::run`].
    pub async fn run_due(&mut self) -> Result<(), EngineError> {
        loop {
            if self.tick(self.clock.now()).await? {
                continue;
            }
            let Some(seen) = self.observing.join_next().await else {
                return Ok(());
            };
            self.take_in(seen).await?;
        }
    }

    /// Runs until `shutdown` resolves or the lead is lost. A tick that fails is
    /// logged and tried again.
    pub async fn run(&mut self, mut shutdown: watch::Receiver<bool>) -> Result<(), EngineError> {
        let mut failures = 0_u32;
        let mut signing = self.signer.gate().watch();
        loop {
            let now = self.clock.now();
            let wake = match self.tick(now).await {
                Ok(true) => now,
                Ok(false) => {
                    failures = 0;
                    self.next_wake(now).await
                }
                Err(e) if e.is_deposed() => return Err(e),
                Err(e) => {
                    failures = failures.saturating_add(1);
                    tracing::error!(error = %e, failures, "tick failed; the work stays due");
                    // A commit reported as failed may stand: readers are told.
                    if let Err(e) = self.store.refresh_head().await {
                        tracing::error!(error = %e, "cannot read the published head");
                    }
                    now + RETRY.random(i64::from(failures) - 1)
                }
            };
            self.report_metrics();
            self.health.send_if_modified(|report| {
                std::mem::replace(&mut report.failed_passes, failures) != failures
            });
            tokio::select! {
                biased;
                () = stopped(&mut shutdown) => break,
                // An error would mean that the signer is gone, and it is ours.
                _ = signing.changed() => {}
                // First: answers that keep coming would let nobody be heard.
                next = Self::next_command(&mut self.set_aside, &mut self.commands) => {
                    match self.serve(next).await {
                        Ok(()) => {}
                        Err(e) if e.is_deposed() => return Err(e),
                        Err(e) => tracing::error!(error = %e, "operator's request not carried out"),
                    }
                }
                Some(seen) = self.observing.join_next() => {
                    match self.take_in(seen).await {
                        Ok(()) => {}
                        Err(e) if e.is_deposed() => return Err(e),
                        Err(e) => tracing::error!(error = %e, "observation lost; it is made again"),
                    }
                }
                () = self.clock.sleep_until(wake) => {
                    if !self.store.still_leads().await {
                        return Err(self.store.deposed().into());
                    }
                }
            }
        }
        // Whatever is being observed is asked again after the next start.
        self.observing.shutdown().await;
        if let Err(e) = self.leave_safely().await {
            // The rows stand; the next start goes on from them.
            tracing::warn!(error = %e, "stopping with work unfinished");
        }
        Ok(())
    }

    /// Gives back the rounds under observation and publishes what is committed.
    async fn leave_safely(&mut self) -> Result<(), EngineError> {
        // Under a clock that is ahead they would be due at its time; the next start takes
        // the leases back.
        if !self.clock_trust.runs_ahead(&*self.clock) {
            self.store.reclaim_rounds(self.clock.now()).await?;
        }
        if self.may_sign() {
            self.finish_committed().await?;
        }
        Ok(())
    }

    async fn next_wake(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        // Never later than this, so that rows other processes write are seen.
        let latest = now + TimeDelta::seconds(1);
        match self.store.next_due().await {
            Ok(due) => due
                // What stays due after a tick waits for something else.
                .map_or(latest, |due| if due <= now { now + IDLE } else { due })
                .min(latest),
            Err(e) => {
                tracing::error!(error = %e, "cannot ask what is due next");
                latest
            }
        }
    }
}
