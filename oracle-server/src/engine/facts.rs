//! Events of facts: ask their sources again and again, weigh what was answered.
//!
//! Questions and decisions are apart: a subject is asked when it is due,
//! however many events need it; each answer makes the rounds of those events
//! due, and a round is a pure decision over everything answered since the maturity.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_feeds::observation::{Query, SourceReading};
use oracle_feeds::retry;
use oracle_feeds::rule::facts::decide;
use oracle_feeds::rule::{Cause, Decision, Verdict};
use oracle_schema::Maturity;
use oracle_schema::evidence::{MANIFEST_VERSION, Manifest};
use oracle_schema::log_entry::LogEntry;
use oracle_schema::operator::OperatorAction;
use oracle_schema::policy::{Policy, canonical_json};
use sha2::{Digest, Sha256};

use super::answers::Answers;
use super::attest::DecidedFact;
use super::clock_trust::Moment;
use super::health::alarm_of_clock;
use super::observe::{exchange_row, json, stored};
use super::rows::reports;
use super::{Engine, EngineError, Seen};
use crate::store::{Candidate, ChangeError, DueRound, DueSubject, Progress, RoundResult};

/// Questions to one provider under way at once: a provider that hangs keeps no
/// other waiting, and its own are asked in the order in which they were due.
const ASKED_AT_ONCE: usize = 4;

/// How far a question is put off while it is being asked: if this process dies
/// it comes back by itself.
const LEASE: TimeDelta = TimeDelta::minutes(2);

/// When an event that waits for its sources is looked at again though none has
/// answered.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(5);

/// What a source answered to a question.
pub(super) struct SubjectSeen {
    begun: Moment,
    subject: DueSubject,
    reading: SourceReading,
}

impl Engine {
    /// Asks what is due, provider by provider.
    pub(super) async fn start_subjects(&mut self, now: DateTime<Utc>) -> Result<(), EngineError> {
        let due = self.store.due_providers(now).await?;
        let mut busy: HashMap<&str, usize> = HashMap::new();
        for (_, provider) in self.asking.values() {
            *busy.entry(provider.as_str()).or_default() += 1;
        }
        let room: Vec<(String, i64)> = due
            .into_iter()
            .filter_map(|provider| {
                let busy = busy.get(provider.as_str()).copied().unwrap_or_default();
                let room = i64::try_from(ASKED_AT_ONCE.saturating_sub(busy)).ok()?;
                (room > 0).then_some((provider, room))
            })
            .collect();
        let until = now + LEASE;
        for (provider, room) in room {
            let subjects = self
                .store
                .take_due_subjects(&provider, now, until, room)
                .await?;
            for subject in subjects {
                self.ask(subject);
            }
        }
        Ok(())
    }

    fn ask(&mut self, subject: DueSubject) {
        if self.asking.contains_key(&subject.key) {
            return;
        }
        let (key, provider) = (subject.key.clone(), subject.source.provider.clone());
        let (fetcher, clock) = (self.fetcher.clone(), self.clock.clone());
        let task = self.observing.spawn(async move {
            let begun = Moment::of(&*clock);
            let reading = fetcher.observe(&Query::Fact(&subject.source)).await;
            Seen::Subject(SubjectSeen {
                begun,
                subject,
                reading,
            })
        });
        self.asking.insert(key, (task.id(), provider));
    }

    /// Keeps what a source answered; the events that wait for it are due.
    pub(super) async fn take_in_subject(&mut self, seen: SubjectSeen) -> Result<(), EngineError> {
        self.asking.remove(&seen.subject.key);
        let now = self.clock.now();
        let reading = &seen.reading;
        self.note_sources(std::slice::from_ref(reading), now);
        self.note_skews(seen.begun, std::slice::from_ref(reading));
        // What was read when nobody knew the time is no evidence: it may have been before
        // the maturity.
        let is_kept = !self.is_dateless(reading);
        let failures = retry::failures_after(&reading.reading, seen.subject.failures);
        let wait = retry::next_question(&reading.reading, seen.subject.read_every, failures);
        let next = now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::days(1));
        let exchanges: Vec<_> = reading
            .exchanges
            .iter()
            .filter(|_| is_kept)
            .map(|e| exchange_row(reading, e))
            .collect::<Result<_, _>>()?;
        self.store
            .save_reading(&seen.subject.key, &exchanges, failures, next, now)
            .await?;
        Ok(())
    }

    /// Weighs what has been answered about an event, and takes the step that
    /// follows.
    pub(super) async fn evaluate_event(
        &mut self,
        round: &DueRound,
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        let Some(event) = round.id.round_key.event() else {
            return Err(EngineError::Stored {
                what: format!("round {}", round.id.round_key),
                reason: "it has no price, and is no event's own".to_owned(),
            });
        };
        if self.clock_trust.runs_ahead(&*self.clock) {
            // Settle delays and what sources say "since" are measured by it.
            let cause = if self.clock_trust.has_jumped() {
                Cause::ClockJumped
            } else {
                Cause::Untold
            };
            return self.wait_for_clock(round, &cause, now).await;
        }
        let Some(candidate) = self.store.undecided(event, now).await? else {
            if !self.store.close_round(round).await? {
                self.look_again(round, now + LOOK_AGAIN, None, now).await?;
            }
            return Ok(());
        };
        let policy = match Policy::parse(candidate.policy()) {
            Ok(policy) => policy,
            Err(e) => {
                let why = e.to_string().into();
                return self
                    .stop(round, &candidate, &Cause::Policy { why }, now)
                    .await;
            }
        };
        let (at, since) = (round.id.maturity.unix(), round.id.maturity.to_datetime());
        let sources = policy.rule.fact_sources();
        let readings = self.answers.by(&self.store, sources, since).await?;
        let reports = match policy.rule.panel() {
            Some(_) => reports(&self.store.operator_actions(event).await?),
            None => Vec::new(),
        };
        let Some(decision) = decide(&policy.rule, at, now, &readings, &reports) else {
            let why = "the policy has no rule about facts".into();
            return self
                .stop(round, &candidate, &Cause::Policy { why }, now)
                .await;
        };
        let roots = policy.rule.fact_sources().iter().map(|s| s.root.as_str());
        let is_untold = match decision.verdict {
            Verdict::Attest { .. } => self.waits_for_time(roots.clone()),
            Verdict::Pending { .. } => self.lacks_time(roots.clone()),
            Verdict::Provisional { .. } | Verdict::Hold { .. } => false,
        };
        if is_untold {
            // What stands so far stands, and is decided once somebody tells the time.
            alarm_of_clock(&Cause::Untold);
            return self.wait_for_clock(round, &Cause::Untold, now).await;
        }
        match self.clock_trust.doubted_by(&*self.clock, roots) {
            // What people must look at stays held, and says why.
            Some(doubt) if !matches!(decision.verdict, Verdict::Hold { .. }) => {
                let ahead_s = doubt.ahead_s;
                let cause = Cause::Clock { ahead_s };
                alarm_of_clock(&cause);
                self.progress(&candidate, Progress::Disagree, now).await?;
                self.wait_for_clock(round, &cause, now).await
            }
            _ => self.apply_decision(round, &candidate, decision, now).await,
        }
    }

    /// Leaves an event alone while the clock is doubtful for it. Its round is
    /// leased, so that it comes back when the clock is right again.
    async fn wait_for_clock(
        &self,
        round: &DueRound,
        cause: &Cause,
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        let due = now + LOOK_AGAIN;
        self.look_again(round, due, Some(&cause.to_string()), now)
            .await?;
        self.store.lease_round(round, due).await?;
        Ok(())
    }

    /// Takes the step that a decision calls for, where the clock is not in doubt.
    async fn apply_decision(
        &mut self,
        round: &DueRound,
        candidate: &Candidate,
        decision: Decision,
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        match &decision.verdict {
            Verdict::Pending { cause } => {
                alarm_of_clock(cause);
                self.progress(candidate, Progress::Disagree, now).await?;
                let reason = cause.to_string();
                self.look_again(round, now + LOOK_AGAIN, Some(&reason), now)
                    .await
            }
            Verdict::Provisional {
                outcome,
                until,
                cause,
            } => {
                let reason = cause.to_string();
                let proposal = Progress::Propose {
                    outcome,
                    reason: &reason,
                };
                self.progress(candidate, proposal, now).await?;
                let reason = format!("{outcome:?} if nothing changes; {reason}");
                let until = DateTime::from_timestamp(*until, 0).unwrap_or(now + LOOK_AGAIN);
                // Once the delay is over it waits for the next reading.
                let due = if until > now { until } else { now + LOOK_AGAIN };
                self.look_again(round, due, Some(&reason), now).await
            }
            Verdict::Hold { cause } => self.stop(round, candidate, cause, now).await,
            Verdict::Attest { outcome } => {
                // Also ends a hold that the sources ended themselves.
                self.progress(candidate, Progress::Agree, now).await?;
                let decided = DecidedFact {
                    outcome: outcome.clone(),
                    trace: decision.trace,
                };
                let mut answers = std::mem::take(&mut self.answers);
                let manifest = self
                    .fact_manifest(
                        &mut answers,
                        round.id.maturity,
                        candidate,
                        &decided,
                        None,
                        now,
                    )
                    .await;
                self.answers = answers;
                let manifest = manifest?;
                let result = RoundResult::Decided {
                    reason: decided.void_reason(),
                    decision: json(&decided)?,
                    manifest_sha256: Sha256::digest(&manifest).into(),
                    manifest,
                };
                self.finish_attempt(round, &result, now).await
            }
        }
    }

    /// Holds an event; its sources are still asked, and may end the hold.
    async fn stop(
        &self,
        round: &DueRound,
        candidate: &Candidate,
        cause: &Cause,
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        let reason = cause.to_string();
        tracing::warn!(event = candidate.event_id().as_str(), reason, "held");
        self.progress(candidate, Progress::Hold { reason: &reason }, now)
            .await?;
        self.look_again(round, now + LOOK_AGAIN, Some(&reason), now)
            .await
    }

    async fn progress(
        &self,
        candidate: &Candidate,
        progress: Progress<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        match self.store.progress(candidate, progress, now).await {
            Ok(()) => Ok(()),
            Err(ChangeError::Illegal { source, .. }) if source.is_overtaken() => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    async fn look_again(
        &self,
        round: &DueRound,
        due: DateTime<Utc>,
        reason: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        let result = RoundResult::Pending {
            due,
            reason: reason.unwrap_or_default().to_owned(),
        };
        self.finish_attempt(round, &result, now).await
    }

    /// The canonical evidence manifest: what was answered and what follows from it.
    /// `approval`: the request that decides, where people do.
    #[allow(
        clippy::too_many_arguments,
        reason = "each is a part of the document, and nobody else needs them together"
    )]
    pub(super) async fn fact_manifest(
        &self,
        answers: &mut Answers,
        maturity: Maturity,
        candidate: &Candidate,
        decided: &DecidedFact,
        approval: Option<OperatorAction>,
        now: DateTime<Utc>,
    ) -> Result<Vec<u8>, EngineError> {
        let reader = self.store.reader();
        let mut observations = Vec::new();
        for key in reader.subjects(candidate.event_id().as_str()).await? {
            let since = maturity.to_datetime();
            observations.extend(answers.rows(&self.store, &key, since).await?);
        }
        let id = candidate.event_id().as_str();
        let mut operators = Vec::new();
        let acted = self.store.operator_entries(candidate.event_id()).await?;
        for action in acted.into_iter().chain(approval) {
            let entry = LogEntry::OperatorAction(action).to_bytes();
            operators.push(hex::encode(entry.map_err(|e| EngineError::Stored {
                what: format!("operator's request on {id}"),
                reason: e.to_string(),
            })?));
        }
        canonical_json(&Manifest {
            version: MANIFEST_VERSION,
            maturity: maturity.unix(),
            decided_ms: now.timestamp_millis(),
            observations,
            operators,
            decision: serde_json::to_value(decided).map_err(stored("decision"))?,
        })
        .map_err(stored("manifest"))
    }
}
