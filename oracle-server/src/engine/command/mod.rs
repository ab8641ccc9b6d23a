//! Requests of operators, carried out between ticks: new events those that wait together,
//! all others one at a time.
//!
//! HTTP has checked who sent it. Here, in this order: the nonce is new (and is
//! burned, whatever follows), the event is known, the operator may do this, the
//! body is what is due, the event's state allows it. What is refused changes
//! nothing else; a report that contradicts its author is refused and kept.

mod act;
mod create;

use oracle_schema::EventId;
use oracle_schema::http_signature::VerifiedRequest;
use oracle_schema::operator::Verb;
use tokio::sync::mpsc;

use super::{Engine, EngineError};
use crate::command::{Accepted, Command, Refused};
use crate::config::Scope;
use crate::logging::{self, Shown};
use act::{Act, Failed, refuse};

/// Requests that are carried out between two ticks at most.
const TOGETHER: usize = 128;

impl Engine {
    /// The next request; never resolves where none can come.
    pub(super) async fn next_command(commands: &mut mpsc::Receiver<Command>) -> Command {
        match commands.recv().await {
            Some(command) => command,
            // Nobody is left who could send.
            None => std::future::pending().await,
        }
    }

    /// Waits for a request, and carries out all that wait with it: what a test without
    /// [`Engine::run`] calls.
    pub async fn serve_command(&mut self) -> Result<(), EngineError> {
        let command = Self::next_command(&mut self.commands).await;
        self.commands_from(command).await
    }

    /// How many requests wait to be carried out.
    pub fn waiting(&self) -> usize {
        self.commands.len()
    }

    /// Carries out a request and those that wait behind it.
    pub(super) async fn commands_from(&mut self, first: Command) -> Result<(), EngineError> {
        let (mut created, mut others) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(command) = next {
            match command.event {
                None => created.push(command),
                Some(_) => others.push(command),
            }
            let is_full = created.len() + others.len() >= TOGETHER;
            next = (!is_full).then(|| self.commands.try_recv().ok()).flatten();
        }
        // Who asks about an event has heard that it is there: it is in no later request.
        let mut result = self.create_all(created, self.clock.now()).await;
        for command in others {
            match self.command(command).await {
                Err(error) if error.is_deposed() => return Err(error),
                Err(error) => result = Err(error),
                Ok(()) => {}
            }
        }
        result
    }

    /// Carries a request out and answers it. An error is the engine's; whoever
    /// asked is told to ask again.
    async fn command(&mut self, command: Command) -> Result<(), EngineError> {
        match self.carry_out(&command).await {
            Ok(accepted) => answer(command, Ok(accepted)),
            Err(Failed::Refused(refused)) => answer(command, Err(refused)),
            Err(Failed::Engine(error)) => {
                answer(command, Err(Refused::Unavailable));
                return Err(error);
            }
        }
        Ok(())
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
