//! What each verb does to an event, once it is known who asks.

use chrono::{DateTime, Utc};
use oracle_feeds::rule::panel::PANEL;
use oracle_feeds::rule::{ClockCheck, FactTrace, VoteTrace};
use oracle_schema::evidence::MAX_OPERATORS_BYTES;
use oracle_schema::http_signature::VerifiedRequest;
use oracle_schema::operator::{Approval, OperatorAction, Reason, Report, Verb};
use oracle_schema::policy::{Policy, VOID};
use oracle_schema::{Descriptor, EventId};
use sha2::{Digest, Sha256};

use crate::command::{Accepted, Refused};
use crate::engine::answers::Answers;
use crate::engine::attest::DecidedFact;
use crate::engine::observe::json;
use crate::engine::{Engine, EngineError};
use crate::keys::RoundId;
use crate::lifecycle::State;
use crate::store::{ActionRow, ChangeError, Effect, NewAction, OperatedEvent};

/// Refused, or not done at all.
pub(super) enum Failed {
    Refused(Refused),
    Engine(EngineError),
}

impl<E: Into<EngineError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

/// One request and what it is about.
pub(super) struct Act<'a> {
    pub(super) verb: Verb,
    pub(super) id: &'a EventId,
    pub(super) request: &'a VerifiedRequest,
    pub(super) now: DateTime<Utc>,
}

impl<'a> Act<'a> {
    pub(super) fn action(&self) -> NewAction<'a> {
        NewAction {
            verb: self.verb,
            event_id: self.id,
            request: self.request,
            outcome: None,
            refusal: None,
        }
    }

    /// The log entry that will keep it.
    fn entry(&self) -> OperatorAction {
        let time_ms = self.now.timestamp_millis().unsigned_abs();
        OperatorAction::new(self.verb, self.id.clone(), time_ms, self.request)
    }

    /// Whether this operator had this accepted before. An approval is used up
    /// once the event has been vetoed after it.
    pub(super) fn is_repeated(&self, actions: &[ActionRow]) -> bool {
        let hash = self.request.body_sha256();
        let is_vetoed_after = |approval: &ActionRow| {
            let mut vetoes = actions.iter().filter(|a| a.verb == Verb::Veto);
            vetoes.any(|veto| veto.position > approval.position)
        };
        actions.iter().any(|a| {
            a.verb == self.verb
                && a.operator == self.request.operator()
                && a.sha256 == hash
                && a.refusal.is_none()
                && !(a.verb == Verb::Approve && is_vetoed_after(a))
        })
    }

    pub(super) fn accepted(&self, state: State, event: &OperatedEvent, repeated: bool) -> Accepted {
        let matured = self.now.timestamp() >= event.standing.maturity.unix();
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
            event.standing.state,
            State::Announced | State::Provisional | State::Held
        );
        if event.standing.state == State::Scheduled
            || self.now.timestamp() < event.standing.maturity.unix()
        {
            return refuse(Refused::NotMatured(event.standing.maturity.to_datetime()));
        }
        if !open || self.now >= event.standing.attest_by {
            return refuse(Refused::AlreadyCommitted);
        }
        Ok(())
    }

    /// There is room for one more request: all of them are in the log and, with
    /// the event's outcome, in a manifest, which whoever audits reads whole.
    fn require_room(&self, actions: &[ActionRow]) -> Result<(), Failed> {
        let operator = self.request.operator();
        let own = actions.iter().filter(|a| a.operator == operator).count();
        if own >= KEPT_OF_ONE {
            return refuse(Refused::TooMuch {
                operator: operator.to_owned(),
                most: KEPT_OF_ONE,
            });
        }
        let size = |body: &[u8], base: &str| body.len() + base.len();
        let kept: usize = actions.iter().map(|a| size(&a.body, &a.base)).sum();
        if kept + size(self.request.body(), self.request.base()) > MAX_OPERATORS_BYTES {
            return refuse(Refused::TooMuchInAll);
        }
        Ok(())
    }
}

/// Requests of one operator about one event that are kept: reports with further
/// notes, vetoes and approvals in turn. A repeat of one is none.
const KEPT_OF_ONE: usize = 16;

pub(super) fn refuse<T>(refused: Refused) -> Result<T, Failed> {
    Err(Failed::Refused(refused))
}

impl Engine {
    pub(super) async fn report(
        &mut self,
        act: &Act<'_>,
        event: &OperatedEvent,
    ) -> Result<Accepted, Failed> {
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
            None => policy.rule.price().is_none(),
        };
        if !may {
            return refuse(Refused::NotOnPanel(operator.to_owned()));
        }
        let report = Report::parse(act.request.body()).map_err(refused_body)?;
        if event.descriptor.outcome(&report.outcome).is_err() {
            return refuse(Refused::Outcome(report.outcome));
        }
        let actions = self.store.operator_actions(act.id.as_str()).await?;
        if act.is_repeated(&actions) {
            return Ok(act.accepted(event.standing.state, event, true));
        }
        act.require_open(event)?;
        let conflict = actions.iter().any(|a| {
            a.verb == Verb::Report
                && a.operator == operator
                && a.outcome.as_ref() != Some(&report.outcome)
        });
        if !conflict {
            act.require_room(&actions)?;
        }
        // One contradiction is the evidence; more of them would only fill the log.
        let is_known =
            |a: &ActionRow| a.verb == Verb::Report && a.operator == operator && a.refusal.is_some();
        if conflict && actions.iter().any(is_known) {
            return refuse(Refused::ConflictingReport(operator.to_owned()));
        }
        let action = NewAction {
            outcome: Some(&report.outcome),
            refusal: conflict.then_some("conflicting-report"),
            ..act.action()
        };
        self.store
            .keep_action(&action, &Effect::Wake, act.now)
            .await?;
        if conflict {
            return refuse(Refused::ConflictingReport(operator.to_owned()));
        }
        Ok(act.accepted(event.standing.state, event, false))
    }

    pub(super) async fn approve(
        &mut self,
        act: &Act<'_>,
        event: &OperatedEvent,
    ) -> Result<Accepted, Failed> {
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
            return Ok(act.accepted(event.standing.state, event, true));
        }
        if self.clock_trust.runs_ahead(&*self.clock) || self.waits_for_time(std::iter::empty()) {
            // What two operators do is irrevocable, and bound to the maturity.
            return refuse(Refused::Unavailable);
        }
        act.require_open(event)?;
        act.require_room(&actions)?;
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
                if event.standing.state != State::Held {
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
        let state = now.map_or(event.standing.state, |e| e.standing.state);
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
        let open = self.store.open_event(act.id.as_str(), act.now).await?;
        let Some(candidate) = open else {
            return refuse(Refused::AlreadyCommitted);
        };
        let maturity = candidate.announcement().event.maturity;
        let decided = DecidedFact {
            outcome: outcome.to_owned(),
            trace: released(maturity.unix(), target, act, outcome),
        };
        let mut answers = Answers::default();
        let manifest = self
            .fact_manifest(
                &mut answers,
                maturity,
                &candidate,
                &decided,
                Some(act.entry()),
                act.now,
            )
            .await?;
        let effect = Effect::Decide {
            candidate: &candidate,
            round: &RoundId::of_event(act.id, maturity),
            decision: &json(&decided)?,
            manifest: &manifest,
            manifest_sha256: Sha256::digest(&manifest).into(),
            reason: (outcome == VOID).then(|| voided_by(act, target)),
        };
        Ok(self
            .store
            .keep_action(&act.action(), &effect, act.now)
            .await?)
    }

    /// Two operators agree that there is no outcome, and the event has none
    /// that says so: refund.
    async fn abandon(&mut self, act: &Act<'_>, target: &ActionRow) -> Result<(), Failed> {
        let open = self.store.open_event(act.id.as_str(), act.now).await?;
        let Some(candidate) = open else {
            return refuse(Refused::AlreadyCommitted);
        };
        let reason = voided_by(act, target);
        let effect = Effect::Abandon {
            candidate: &candidate,
            reason: &reason,
        };
        match self
            .store
            .keep_action(&act.action(), &effect, act.now)
            .await
        {
            Ok(()) => Ok(()),
            Err(ChangeError::Store(e)) => Err(e.into()),
            Err(_) => refuse(Refused::AlreadyCommitted),
        }
    }

    pub(super) async fn veto(
        &mut self,
        act: &Act<'_>,
        event: &OperatedEvent,
    ) -> Result<Accepted, Failed> {
        let veto = Reason::parse(act.request.body()).map_err(refused_body)?;
        let actions = self.store.operator_actions(act.id.as_str()).await?;
        if act.is_repeated(&actions) {
            return Ok(act.accepted(event.standing.state, event, true));
        }
        if policy(event)?.rule.price().is_some() {
            // Nobody could release it: to hold a price would be to refund it.
            return refuse(Refused::NotVetoable);
        }
        act.require_open(event)?;
        act.require_room(&actions)?;
        let why = in_brief(&veto.reason);
        let reason = format!("vetoed by operator {}{why}", act.request.operator());
        let effect = Effect::Veto {
            event,
            reason: &reason,
        };
        self.store
            .keep_action(&act.action(), &effect, act.now)
            .await?;
        Ok(act.accepted(State::Held, event, false))
    }

    pub(super) async fn void(
        &mut self,
        act: &Act<'_>,
        event: &OperatedEvent,
    ) -> Result<Accepted, Failed> {
        Reason::parse(act.request.body()).map_err(refused_body)?;
        let actions = self.store.operator_actions(act.id.as_str()).await?;
        if act.is_repeated(&actions) {
            return Ok(act.accepted(event.standing.state, event, true));
        }
        // Proposed at any time; carried out once it has matured.
        let open = matches!(
            event.standing.state,
            State::Scheduled | State::Announced | State::Provisional | State::Held
        );
        if !open || act.now >= event.standing.attest_by {
            return refuse(Refused::AlreadyCommitted);
        }
        act.require_room(&actions)?;
        self.store
            .keep_action(&act.action(), &Effect::None, act.now)
            .await?;
        Ok(act.accepted(event.standing.state, event, false))
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

/// Who voided the event, and why, in one sentence.
fn voided_by(act: &Act<'_>, target: &ActionRow) -> String {
    let (one, other) = (&target.operator, act.request.operator());
    let why = Reason::parse(&target.body).map(|body| body.reason);
    let why = in_brief(&why.unwrap_or_default());
    format!("voided by operators {one} and {other}{why}")
}

/// An operator's words after a colon, short and on one line: they become part
/// of reasons and of notices in the log, which are bounded.
fn in_brief(words: &str) -> String {
    const MOST: usize = 300;
    let line = words.trim().replace(char::is_control, " ");
    match line.char_indices().nth(MOST) {
        _ if line.is_empty() => String::new(),
        Some((end, _)) => format!(": {}…", line.get(..end).unwrap_or_default()),
        None => format!(": {line}"),
    }
}

/// Who released the event, and to what.
fn released(at: i64, target: &ActionRow, act: &Act<'_>, outcome: &str) -> FactTrace {
    let vote = |operator: &str, verb: Verb, since_ms: i64, hash: &[u8; 32]| VoteTrace {
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
            vote(
                &target.operator,
                target.verb,
                target.received_at.timestamp_millis(),
                &target.sha256,
            ),
            vote(
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
