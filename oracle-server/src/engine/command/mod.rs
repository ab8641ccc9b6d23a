//! Requests of operators, carried out between ticks: new events those that wait together,
//! all others one at a time.
//!
//! HTTP has checked who sent it. Here, in this order: the nonce is new (and is
//! burned, whatever follows), the event is known, the operator may do this, the
//! body is what is due, the event's state allows it. What is refused changes
//! nothing else; a report that contradicts its author is refused and kept.

mod act;
mod create;

use std::collections::VecDeque;

use oracle_schema::EventId;
use oracle_schema::http_signature::VerifiedRequest;
use oracle_schema::operator::Verb;
use tokio::sync::mpsc;

use super::{Engine, EngineError};
use crate::command::{Accepted, Command, Refused};
use crate::config::Scope;
use crate::logging::{self, Shown};
use act::{Act, Failed, refuse};

/// Requests for new events that are kept together at most.
const TOGETHER: usize = 128;

/// What an engine does of requests before its next tick.
pub(super) enum Next {
    /// This one, and if it is about a new event those that wait behind it.
    First(Command),
    /// This one by itself.
    Alone(Command),
}

impl Engine {
    /// The next request; never resolves where none can come. What was set aside comes
    /// first, one between two ticks: prices that are sampled wait for no operator.
    pub(super) async fn next_command(
        set_aside: &mut VecDeque<Command>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Next {
        if let Some(command) = set_aside.pop_front() {
            return Next::Alone(command);
        }
        match commands.recv().await {
            Some(command) => Next::First(command),
            // Nobody is left who could send.
            None => std::future::pending().await,
        }
    }

    /// Waits for a request and does what [`Engine::run`] does of it: what a test without
    /// that calls.
    pub async fn serve_command(&mut self) -> Result<(), EngineError> {
        let next = Self::next_command(&mut self.set_aside, &mut self.commands).await;
        self.serve(next).await
    }

    /// How many requests wait to be carried out.
    pub fn waiting(&self) -> usize {
        self.commands.len()
    }

    /// Carries out a request, or those for new events that wait with it.
    pub(super) async fn serve(&mut self, next: Next) -> Result<(), EngineError> {
        let first = match next {
            Next::First(first) if first.event.is_none() => first,
            Next::First(command) | Next::Alone(command) => return self.command(command).await,
        };
        let mut created = vec![first];
        while created.len() < TOGETHER
            && let Ok(command) = self.commands.try_recv()
        {
            if command.event.is_some() {
                self.set_aside.push_back(command);
                break;
            }
            created.push(command);
        }
        match <[Command; 1]>::try_from(created) {
            Ok([alone]) => self.command(alone).await,
            Err(created) => self.create_all(created, self.clock.now()).await,
        }
    }

    /// Carries a request out and answers it. An error is the engine's; whoever
    /// asked is told to ask again.
    async fn command(&mut self, command: Command) -> Result<(), EngineError> {
        let done = self.carry_out(&command).await;
        answer_with(command, done)
    }

    async fn carry_out(&mut self, command: &Command) -> Result<Accepted, Failed> {
        let now = self.clock.now();
        let request = &command.request;
        if !self.may_sign() {
            // It would enter the log.
            return refuse(Refused::Unavailable);
        }
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
        let mut known = self
            .config
            .operators
            .iter()
            .filter(|o| o.name == request.operator());
        if known.any(|o| o.may(scope)) {
            return Ok(());
        }
        refuse(Refused::Scope {
            operator: request.operator().to_owned(),
            scope: scope.as_str(),
        })
    }
}

/// Answers a request with what became of it. An error is the engine's.
fn answer_with(command: Command, done: Result<Accepted, Failed>) -> Result<(), EngineError> {
    match done {
        Ok(accepted) => answer(command, Ok(accepted)),
        Err(Failed::Refused(refused)) => answer(command, Err(refused)),
        Err(Failed::Engine(error)) => {
            answer(command, Err(Refused::Unavailable));
            return Err(error);
        }
    }
    Ok(())
}

/// Answers a request, and says in the journal of the service what became of it.
fn answer(command: Command, answer: Result<Accepted, Refused>) {
    let (verb, operator) = (command.verb, command.request.operator());
    match &answer {
        Ok(accepted) => {
            tracing::info!(%verb, operator, event = accepted.event_id.as_str(),
                repeated = accepted.repeated, "operator");
        }
        Err(refused) => {
            let event = command.event.as_ref().map(EventId::as_str);
            if let Some(left_out) = logging::REFUSED.admit() {
                let refused = Shown(refused.to_string());
                tracing::warn!(%verb, operator, event, %refused, left_out, "operator refused");
            }
        }
    }
    command.reply(answer);
}
