//! Decision → committed outcome → signature → log, in that order and no other.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_feeds::rule::FactTrace;
use oracle_feeds::rule::outcome::outcome;
use oracle_schema::policy::{Policy, Rule, VOID};
use oracle_schema::{Descriptor, EventId, Outcome};
use serde::{Deserialize, Serialize};

use super::batch::each_on_its_own;
use super::observe::{RoundDecision, stored};
use super::{BATCH, Engine, EngineError};
use crate::lifecycle::Illegal;
use crate::signer::SignerError;
use crate::store::{
    Candidate, ChangeError, CommittedOutcome, DueRound, RoundResult, SignedOutcome,
};

/// How long a committed event that could not be finished is left alone.
const STUCK_RETRY: TimeDelta = TimeDelta::minutes(1);

/// The decision of a round about a price, or of an event of facts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Decided {
    Price(RoundDecision),
    Fact(DecidedFact),
}

/// The decision of an event of facts, as stored and published.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DecidedFact {
    /// One of the event's.
    pub(super) outcome: String,
    /// How it came about.
    pub(super) trace: FactTrace,
}

impl DecidedFact {
    /// Why the outcome is `void`, if it is, in one sentence.
    pub(super) fn void_reason(&self) -> Option<String> {
        if self.outcome != VOID {
            return None;
        }
        let sources = self.trace.sources.iter();
        let void = sources.filter(|s| s.outcome.as_deref() == Some(VOID));
        let void = void.map(|s| {
            format!(
                "{} ({})",
                s.source,
                s.literal.as_ref().unwrap_or(&s.verdict)
            )
        });
        Some(format!("void by {}", void.collect::<Vec<_>>().join(", ")))
    }
}

impl Decided {
    /// What an event with this rule and descriptor attests.
    fn outcome(&self, rule: &Rule, descriptor: &Descriptor) -> Result<Outcome, String> {
        match self {
            Self::Price(decision) => {
                outcome(rule, &decision.price, descriptor).map_err(|e| e.to_string())
            }
            Self::Fact(decision) => descriptor
                .outcome(&decision.outcome)
                .map_err(|e| e.to_string()),
        }
    }
}

impl Engine {
    /// Stores what became of a round's attempt; a decision is attested at once
    /// from what is stored, as after a crash.
    pub(super) async fn finish_attempt(
        &self,
        round: &DueRound,
        result: &RoundResult,
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        self.store.finish_attempt(round, result, now).await?;
        if let RoundResult::Pending { .. } = result {
            return Ok(());
        }
        match self.store.decided_round(&round.id).await? {
            Some(due) => self.attest_round(&due).await,
            None => Ok(()),
        }
    }

    /// Attests every event of a decided round, batch by batch, then closes it.
    ///
    /// The next batch is committed while the last one is signed and published;
    /// for each event the order stays commit, journal, sign, publish.
    pub(super) async fn attest_round(&self, round: &DueRound) -> Result<(), EngineError> {
        let Some(decided) = &round.decided else {
            return Ok(());
        };
        let decision: Decided =
            serde_json::from_str(&decided.decision).map_err(stored("decision"))?;
        let mut after = String::new();
        let mut tickets = Vec::new();
        loop {
            let next = async {
                let now = self.clock.now();
                let (key, maturity) = (round.id.round_key.as_str(), round.id.maturity);
                let candidates = self
                    .store
                    .candidates(key, maturity, &after, now, BATCH)
                    .await?;
                let Some(last) = candidates.last() else {
                    return Ok(None);
                };
                let last = last.event_id().as_str().to_owned();
                let outcomes = self.outcomes(candidates, &decision).await?;
                let tickets = self.commit(outcomes, &decided.manifest_sha256).await?;
                Ok::<_, EngineError>(Some((last, tickets)))
            };
            // Both to their ends: what one of them fails at is no reason to
            // leave the other half done.
            let (next, published) = tokio::join!(next, self.sign_and_publish(tickets));
            published?;
            let Some((last, committed)) = next? else {
                break;
            };
            (after, tickets) = (last, committed);
        }
        self.store.close_round(round).await?;
        Ok(())
    }

    /// Applies each event's pinned rule to the price. An event whose rule
    /// cannot be applied is held, and does not block the others.
    async fn outcomes(
        &self,
        candidates: Vec<Candidate>,
        decision: &Decided,
    ) -> Result<Vec<(Candidate, Outcome)>, EngineError> {
        let mut policies: HashMap<[u8; 32], Policy> = HashMap::new();
        let mut outcomes = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let result = match policies.entry(*candidate.policy_hash()) {
                std::collections::hash_map::Entry::Occupied(known) => Ok(known.into_mut()),
                std::collections::hash_map::Entry::Vacant(slot) => {
                    Policy::parse(candidate.policy()).map(|p| slot.insert(p))
                }
            }
            .map_err(|e| e.to_string())
            .and_then(|policy| {
                let descriptor = &candidate.announcement().event.descriptor;
                decision.outcome(&policy.rule, descriptor)
            });
            match result {
                Ok(outcome) => outcomes.push((candidate, outcome)),
                Err(reason) => self.hold(&candidate, &reason).await?,
            }
        }
        Ok(outcomes)
    }

    async fn hold(&self, candidate: &Candidate, reason: &str) -> Result<(), EngineError> {
        let id = candidate.event_id().as_str();
        tracing::error!(event = id, reason, "held");
        match self.store.hold(candidate, reason, self.clock.now()).await {
            // Its time has run out meanwhile, and the refund is due; or it has an end.
            Ok(())
            | Err(ChangeError::Illegal {
                source: Illegal::TooLate(_) | Illegal::State(_),
                ..
            }) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Commits a batch; if the batch as a whole cannot be committed, one by one.
    async fn commit(
        &self,
        outcomes: Vec<(Candidate, Outcome)>,
        manifest: &[u8; 32],
    ) -> Result<Vec<CommittedOutcome>, EngineError> {
        match self
            .store
            .commit_outcomes(&outcomes, manifest, self.clock.now())
            .await
        {
            Ok(tickets) => return Ok(tickets),
            Err(ChangeError::Store(e)) if !e.is_constraint() => return Err(e.into()),
            Err(e) => tracing::error!(error = %e, "batch not committed; going one by one"),
        }
        let mut tickets = Vec::with_capacity(outcomes.len());
        for one in outcomes {
            let committed = self
                .store
                .commit_outcomes(std::slice::from_ref(&one), manifest, self.clock.now())
                .await;
            match committed {
                Ok(ticket) => tickets.extend(ticket),
                Err(ChangeError::Store(e)) if !e.is_constraint() => return Err(e.into()),
                // Its time has not come, or is over: the clock's matter, and not
                // one for people.
                Err(e @ ChangeError::Illegal { .. }) => return Err(e.into()),
                Err(e) => self.hold(&one.0, &e.to_string()).await?,
            }
        }
        Ok(tickets)
    }

    /// Signs committed outcomes and puts them into the log. Whatever fails here
    /// stays committed, and is finished by a later tick with the same bytes.
    async fn sign_and_publish(&self, tickets: Vec<CommittedOutcome>) -> Result<(), EngineError> {
        if tickets.is_empty() {
            return Ok(());
        }
        let signer = self.signer.clone();
        let (tickets, attested) = tokio::task::spawn_blocking(move || {
            let attested = signer.attest(&tickets)?;
            Ok::<_, SignerError>((tickets, attested))
        })
        .await??;
        let rows: Vec<SignedOutcome> = attested
            .into_iter()
            .zip(tickets)
            .map(|(s, t)| SignedOutcome::new(t, s.attestation, s.tlv))
            .collect();
        let now = self.clock.now();
        self.store.publish_attestations(&rows, now).await?;
        self.raise_high_water(now);
        metrics::counter!("oracle_attestations_total").increment(rows.len() as u64);
        tracing::info!(events = rows.len(), "attested");
        Ok(())
    }

    /// Publishes what an earlier process or tick committed and could not finish.
    pub(super) async fn finish_committed(&mut self) -> Result<(), EngineError> {
        let mut after = String::new();
        loop {
            let now = self.clock.now();
            let (mut tickets, last) = self.store.committed(now, &after, BATCH).await?;
            let Some(last) = last else { break };
            after = last;
            tickets.retain(|t| self.stuck.get(t.event_id()).is_none_or(|at| *at <= now));
            if tickets.is_empty() {
                continue;
            }
            tracing::warn!(events = tickets.len(), "finishing committed outcomes");
            let sign = |batch: &[CommittedOutcome]| self.sign_and_publish(batch.to_vec());
            let (refused, all) = each_on_its_own(&tickets, sign).await;
            for ticket in &tickets {
                self.stuck.remove(ticket.event_id());
            }
            for (ticket, error) in refused {
                let id = ticket.event_id();
                tracing::error!(event = %id, %error, "committed and cannot be finished");
                self.note_stuck(id.clone());
            }
            all?;
        }
        self.finish_refunds().await
    }

    /// What cannot be finished is an alarm, stays committed and is tried again; it does
    /// not keep the others waiting.
    pub(super) fn note_stuck(&mut self, event: EventId) {
        metrics::counter!("oracle_stuck_total").increment(1);
        self.stuck.insert(event, self.clock.now() + STUCK_RETRY);
    }
}
