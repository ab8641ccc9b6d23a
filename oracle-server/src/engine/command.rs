//! Requests of operators, carried out between ticks, one at a time.
//!
//! HTTP has checked who sent it. Here, in this order: the nonce is new (and is
//! burned, whatever follows), the event is known, the operator may do this, the
//! body is what is due, the event's state allows it. What is refused changes
//! nothing else; a report that contradicts its author is refused and kept.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use oracle_feeds::rule::panel::PANEL;
use oracle_feeds::rule::{ClockCheck, FactTrace, VoteTrace};
use oracle_schema::http_signature::VerifiedRequest;
use oracle_schema::operator::{Approval, Reason, Report, Verb};
use oracle_schema::policy::{Policy, VOID, choice_bits};
use oracle_schema::{Descriptor, EventId};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::announce::new_event;
use super::observe::json;
use super::settle::DecidedFact;
use super::{Engine, EngineError};
use crate::command::{Accepted, Command, Refused};
use crate::config::{Config, Scope, parse_event};
use crate::lifecycle::State;
use crate::store::{
    ActionRow, CommitError, DueRound, Effect, NewAction, OperatedEvent, event_round_key,
};

/// Who may ask for what, and how they reach the engine.
pub(super) struct Operations {
    config: Arc<Config>,
    commands: mpsc::Receiver<Command>,
}

/// Refused, or not done at all.
enum Failed {
    Refused(Refused),
    Engine(EngineError),
}

impl<E: Into<EngineError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

/// One request and what it is about.
struct Act<'a> {
    verb: Verb,
    id: &'a EventId,
    request: &'a VerifiedRequest,
    now: DateTime<Utc>,
}

impl<'a> Act<'a> {
    fn kept(&self) -> NewAction<'a> {
        NewAction {
            verb: self.verb,
            event_id: self.id,
            request: self.request,
            outcome: None,
            refusal: None,
        }
    }

    /// Whether this operator had this accepted before.
    fn is_repeated(&self, actions: &[ActionRow]) -> bool {
        let hash = self.request.body_sha256();
        actions.iter().any(|a| {
            a.verb == self.verb
                && a.operator == self.request.operator()
                && a.sha256 == hash
                && a.refusal.is_none()
        })
    }

    fn accepted(&self, state: State, event: &OperatedEvent, repeated: bool) -> Accepted {
        let matured = self.now.timestamp() >= event.maturity.unix();
        Accepted {
            event_id: self.id.clone(),
            state: match state {
                State::Announced if matured => "matured",
                other => other.as_str(),
            },
            repeated,
        }
    }

    /// The event may still have another end.
    fn require_open(&self, event: &OperatedEvent) -> Result<(), Failed> {
        let open = matches!(
            event.state,
            State::Announced | State::Provisional | State::Held
        );
        if event.state == State::Scheduled || self.now.timestamp() < event.maturity.unix() {
            return refuse(Refused::NotMatured(event.maturity.to_datetime()));
        }
        if !open || self.now.timestamp() >= event.attest_by {
            return refuse(Refused::AlreadyCommitted);
        }
        Ok(())
    }
}

fn refuse<T>(refused: Refused) -> Result<T, Failed> {
    Err(Failed::Refused(refused))
}

impl Engine {
    /// Takes requests of this configuration's operators from `commands`.
    #[must_use]
    pub fn with_operators(
        mut self,
        config: Arc<Config>,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        self.operations = Some(Operations { config, commands });
        self
    }

    /// The next request; never resolves where none can come.
    pub(super) async fn next_command(operations: &mut Option<Operations>) -> Command {
        if let Some(open) = operations {
            if let Some(command) = open.commands.recv().await {
                return command;
            }
            // Nobody is left who could send.
            *operations = None;
        }
        std::future::pending().await
    }

    /// Waits for one request and carries it out: what a test without
    /// [`Engine::run`] calls.
    pub async fn serve_command(&mut self) -> Result<(), EngineError> {
        let command = Self::next_command(&mut self.operations).await;
        self.command(command).await
    }

    /// Carries a request out and answers it. An error is the engine's; whoever
    /// asked is told to ask again.
    pub(super) async fn command(&mut self, command: Command) -> Result<(), EngineError> {
        let (verb, operator) = (command.verb, command.request.operator().to_owned());
        let result = self.carry_out(&command).await;
        let (answer, error) = match result {
            Ok(accepted) => (Ok(accepted), Ok(())),
            Err(Failed::Refused(refused)) => (Err(refused), Ok(())),
            Err(Failed::Engine(error)) => (Err(Refused::Unavailable), Err(error)),
        };
        match &answer {
            Ok(accepted) => {
                tracing::info!(%verb, operator, event = accepted.event_id.as_str(),
                    repeated = accepted.repeated, "operator");
            }
            Err(refused) => {
                let event = command.event.as_ref().map(EventId::as_str);
                tracing::warn!(%verb, operator, event, %refused, "operator refused");
            }
        }
        command.reply(answer);
        error
    }

    async fn carry_out(&mut self, command: &Command) -> Result<Accepted, Failed> {
        let now = self.clock.now();
        let request = &command.request;
        if !self
            .store
            .burn_operator_nonce(request.public_key(), request.nonce(), now)
            .await?
        {
            return refuse(Refused::Replayed);
        }
        let Some(id) = &command.event else {
            self.require_scope(request, Scope::Create)?;
            return self.create(request, now).await;
        };
        let Some(event) = self.store.operated_event(id.as_str()).await? else {
            return refuse(Refused::UnknownEvent);
        };
        self.require_scope(
            request,
            match command.verb {
                Verb::Create => Scope::Create,
                Verb::Report => Scope::Report,
                Verb::Approve | Verb::Veto => Scope::Approve,
                Verb::Void => Scope::Void,
            },
        )?;
        let act = Act {
            verb: command.verb,
            id,
            request,
            now,
        };
        match command.verb {
            Verb::Create => refuse(Refused::UnknownEvent),
            Verb::Report => self.report(&act, &event).await,
            Verb::Approve => self.approve(&act, &event).await,
            Verb::Veto => self.veto(&act, &event).await,
            Verb::Void => self.void(&act, &event).await,
        }
    }

    fn require_scope(&self, request: &VerifiedRequest, scope: Scope) -> Result<(), Failed> {
        let known = self.operations.iter().flat_map(|o| &o.config.operators);
        let mut known = known.filter(|o| o.name == request.operator());
        if known.any(|o| o.may(scope)) {
            return Ok(());
        }
        refuse(Refused::Scope {
            operator: request.operator().to_owned(),
            scope: scope.as_str(),
        })
    }

    async fn create(
        &mut self,
        request: &VerifiedRequest,
        now: DateTime<Utc>,
    ) -> Result<Accepted, Failed> {
        let Some(operations) = &self.operations else {
            return refuse(Refused::Unavailable);
        };
        let definition =
            |key: String, reason: String| Failed::Refused(Refused::Definition { key, reason });
        let event = parse_event(request.body(), &operations.config.context())
            .map_err(|e| definition(e.key, e.reason))?;
        let act = Act {
            verb: Verb::Create,
            id: &event.id,
            request,
            now,
        };
        if let Some(known) = self.store.operated_event(event.id.as_str()).await? {
            let actions = self.store.operator_actions(event.id.as_str()).await?;
            return match act.is_repeated(&actions) {
                true => Ok(act.accepted(known.state, &known, true)),
                false => refuse(Refused::EventExists),
            };
        }
        if event.maturity.unix() <= now.timestamp() {
            return Err(definition(
                "maturity".to_owned(),
                "has passed; an event is announced before it".to_owned(),
            ));
        }
        if event.definition.sole_outcomes > 0 {
            let most = operations.config.signer.max_open_choice_bits;
            let own = u32::try_from(event.definition.sole_outcomes).unwrap_or(u32::MAX);
            let open = self.store.open_choice().await?;
            let bits = choice_bits(open.into_iter().chain([own]));
            if bits > most {
                return refuse(Refused::ChoiceBudget { bits, most });
            }
        }
        let announce_at = event.announce_at.unwrap_or_else(|| now.timestamp());
        let new = new_event(
            event.id.clone(),
            None,
            &event.definition,
            event.maturity,
            announce_at,
        );
        let effect = Effect::Schedule {
            event: &new,
            document: &event.definition.document,
        };
        self.store.keep_action(&act.kept(), &effect, now).await?;
        Ok(Accepted {
            event_id: event.id.clone(),
            state: State::Scheduled.as_str(),
            repeated: false,
        })
    }

    async fn report(&mut self, act: &Act<'_>, event: &OperatedEvent) -> Result<Accepted, Failed> {
        let policy = policy(event)?;
        let operator = act.request.operator();
        let key = hex::encode(act.request.public_key());
        // Without a panel a report has no vote; a held event may be released to
        // it. Prices are nobody's word.
        let may = match policy.rule.panel() {
            Some(panel) => panel
                .members
                .iter()
                .any(|m| m.name == operator && m.public_key.eq_ignore_ascii_case(&key)),
            None => policy.rule.outcomes().is_some(),
        };
        if !may {
            return refuse(Refused::NotOnPanel(operator.to_owned()));
        }
        let report = Report::parse(act.request.body()).map_err(refused_body)?;
        if event.descriptor.enum_outcome(&report.outcome).is_err() {
            return refuse(Refused::Outcome(report.outcome));
        }
        let actions = self.store.operator_actions(act.id.as_str()).await?;
        if act.is_repeated(&actions) {
            return Ok(act.accepted(event.state, event, true));
        }
        act.require_open(event)?;
        let conflict = actions.iter().any(|a| {
            a.verb == Verb::Report
                && a.operator == operator
                && a.outcome.as_ref() != Some(&report.outcome)
        });
        let kept = NewAction {
            outcome: Some(&report.outcome),
            refusal: conflict.then_some("conflicting-report"),
            ..act.kept()
        };
        self.store
            .keep_action(&kept, &Effect::Wake, act.now)
            .await?;
        if conflict {
            return refuse(Refused::ConflictingReport(operator.to_owned()));
        }
        Ok(act.accepted(event.state, event, false))
    }

    async fn approve(&mut self, act: &Act<'_>, event: &OperatedEvent) -> Result<Accepted, Failed> {
        let approval = Approval::parse(act.request.body()).map_err(refused_body)?;
        let actions = self.store.operator_actions(act.id.as_str()).await?;
        let named = |a: &&ActionRow| {
            matches!(a.verb, Verb::Report | Verb::Void) && a.sha256 == approval.report
        };
        let Some(target) = actions.iter().find(named) else {
            return refuse(Refused::UnknownReport);
        };
        let operator = act.request.operator();
        if target.operator == operator || target.public_key == *act.request.public_key() {
            return refuse(Refused::SelfApproval(operator.to_owned()));
        }
        if act.is_repeated(&actions) {
            return Ok(act.accepted(event.state, event, true));
        }
        act.require_open(event)?;
        let outcome = match (&target.outcome, &event.descriptor) {
            (Some(outcome), _) => {
                let contradicts = |a: &ActionRow| {
                    a.verb == Verb::Report
                        && a.operator == target.operator
                        && a.outcome.as_ref() != Some(outcome)
                };
                if actions.iter().any(contradicts) {
                    return refuse(Refused::ConflictingReport(target.operator.clone()));
                }
                if event.state != State::Held {
                    return refuse(Refused::NotHeld);
                }
                Some(outcome.as_str())
            }
            (None, Descriptor::Enum(known)) => known
                .outcomes()
                .iter()
                .map(String::as_str)
                .find(|o| *o == VOID),
            (None, Descriptor::Digits(_)) => None,
        };
        match outcome {
            Some(outcome) => self.release(act, target, outcome).await?,
            None => self.abandon(act, target).await?,
        }
        let now = self.store.operated_event(act.id.as_str()).await?;
        let state = now.map_or(event.state, |e| e.state);
        Ok(act.accepted(state, event, false))
    }

    /// Two operators decide: the event's round gets their decision, which the
    /// next tick attests like any other.
    async fn release(
        &mut self,
        act: &Act<'_>,
        target: &ActionRow,
        outcome: &str,
    ) -> Result<(), Failed> {
        let at = act.now.timestamp();
        let Some(candidate) = self.store.open_event(act.id.as_str(), at).await? else {
            return refuse(Refused::AlreadyCommitted);
        };
        let maturity = candidate.announcement().event.maturity;
        let round = DueRound {
            round_key: event_round_key(act.id.as_str()),
            maturity,
            question: String::new(),
            attempts: 0,
            decided: None,
        };
        let decided = DecidedFact {
            outcome: outcome.to_owned(),
            trace: released(maturity.unix(), target, act, outcome),
        };
        let manifest = self
            .fact_manifest(&round, &candidate, &decided, act.now)
            .await?;
        let effect = Effect::Decide {
            round: &round,
            decision: &json(&decided)?,
            manifest: &manifest,
            manifest_sha256: Sha256::digest(&manifest).into(),
        };
        Ok(self
            .store
            .keep_action(&act.kept(), &effect, act.now)
            .await?)
    }

    /// Two operators agree that there is no outcome, and the event has none
    /// that says so: refund.
    async fn abandon(&mut self, act: &Act<'_>, target: &ActionRow) -> Result<(), Failed> {
        let at = act.now.timestamp();
        let Some(candidate) = self.store.open_event(act.id.as_str(), at).await? else {
            return refuse(Refused::AlreadyCommitted);
        };
        let reason = format!(
            "voided by operators {} and {}",
            target.operator,
            act.request.operator()
        );
        let effect = Effect::Abandon {
            candidate: &candidate,
            reason: &reason,
        };
        match self.store.keep_action(&act.kept(), &effect, act.now).await {
            Ok(()) => Ok(()),
            Err(CommitError::Store(e)) => Err(e.into()),
            Err(_) => refuse(Refused::AlreadyCommitted),
        }
    }

    async fn veto(&mut self, act: &Act<'_>, event: &OperatedEvent) -> Result<Accepted, Failed> {
        let veto = Reason::parse(act.request.body()).map_err(refused_body)?;
        let actions = self.store.operator_actions(act.id.as_str()).await?;
        if act.is_repeated(&actions) {
            return Ok(act.accepted(event.state, event, true));
        }
        act.require_open(event)?;
        let reason = match veto.reason.trim() {
            "" => format!("vetoed by operator {}", act.request.operator()),
            why => format!("vetoed by operator {}: {why}", act.request.operator()),
        };
        let effect = Effect::Veto { reason: &reason };
        self.store
            .keep_action(&act.kept(), &effect, act.now)
            .await?;
        Ok(act.accepted(State::Held, event, false))
    }

    async fn void(&mut self, act: &Act<'_>, event: &OperatedEvent) -> Result<Accepted, Failed> {
        Reason::parse(act.request.body()).map_err(refused_body)?;
        let actions = self.store.operator_actions(act.id.as_str()).await?;
        if act.is_repeated(&actions) {
            return Ok(act.accepted(event.state, event, true));
        }
        // Proposed at any time; carried out once it has matured.
        let open = matches!(
            event.state,
            State::Scheduled | State::Announced | State::Provisional | State::Held
        );
        if !open || act.now.timestamp() >= event.attest_by {
            return refuse(Refused::AlreadyCommitted);
        }
        self.store
            .keep_action(&act.kept(), &Effect::None, act.now)
            .await?;
        Ok(act.accepted(event.state, event, false))
    }
}

fn refused_body(error: oracle_schema::operator::BodyError) -> Failed {
    Failed::Refused(Refused::Body(error))
}

fn policy(event: &OperatedEvent) -> Result<Policy, Failed> {
    Policy::parse(&event.policy).map_err(|e| {
        Failed::Engine(EngineError::Stored {
            what: "policy".to_owned(),
            reason: e.to_string(),
        })
    })
}

/// Who released the event, and to what.
fn released(at: i64, target: &ActionRow, act: &Act<'_>, outcome: &str) -> FactTrace {
    let said = |operator: &str, verb: Verb, since_ms: i64, hash: &[u8; 32]| VoteTrace {
        source: format!("{PANEL}:{operator}"),
        root: PANEL.to_owned(),
        verdict: verb.name().to_owned(),
        literal: Some(hex::encode(hash)),
        outcome: Some(outcome.to_owned()),
        reads: 1,
        since_ms: Some(since_ms),
        why: None,
    };
    let now_ms = act.now.timestamp_millis();
    FactTrace {
        at,
        sources: vec![
            said(
                &target.operator,
                target.verb,
                target.received_at.timestamp_millis(),
                &target.sha256,
            ),
            said(
                act.request.operator(),
                Verb::Approve,
                now_ms,
                &act.request.body_sha256(),
            ),
        ],
        clock: ClockCheck {
            dates: 0,
            ahead_s: None,
        },
        agree: 2,
        agreed_since_ms: Some(now_ms),
    }
}
