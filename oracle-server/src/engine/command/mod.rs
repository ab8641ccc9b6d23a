//! Requests of operators, carried out between ticks, one at a time.
//!
//! HTTP has checked who sent it. Here, in this order: the nonce is new (and is
//! burned, whatever follows), the event is known, the operator may do this, the
//! body is what is due, the event's state allows it. What is refused changes
//! nothing else; a report that contradicts its author is refused and kept.

mod act;

use chrono::{DateTime, Utc};
use oracle_schema::EventId;
use oracle_schema::http_signature::VerifiedRequest;
use oracle_schema::operator::Verb;
use oracle_schema::policy::choice_bits;
use tokio::sync::mpsc;

use super::announce::new_event;
use super::{Engine, EngineError};
use crate::command::{Accepted, Command, Refused};
use crate::config::{Scope, parse_event};
use crate::lifecycle::State;
use crate::logging::{self, Shown};
use crate::store::Effect;
use act::{Act, Failed, refuse};

impl Engine {
    /// The next request; never resolves where none can come.
    pub(super) async fn next_command(commands: &mut mpsc::Receiver<Command>) -> Command {
        match commands.recv().await {
            Some(command) => command,
            // Nobody is left who could send.
            None => std::future::pending().await,
        }
    }

    /// Waits for one request and carries it out: what a test without
    /// [`Engine::run`] calls.
    pub async fn serve_command(&mut self) -> Result<(), EngineError> {
        let command = Self::next_command(&mut self.commands).await;
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
                if let Some(left_out) = logging::REFUSED.admit() {
                    let refused = Shown(refused.to_string());
                    tracing::warn!(%verb, operator, event, %refused, left_out, "operator refused");
                }
            }
        }
        command.reply(answer);
        error
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

    async fn create(
        &mut self,
        request: &VerifiedRequest,
        now: DateTime<Utc>,
    ) -> Result<Accepted, Failed> {
        let definition =
            |key: String, reason: String| Failed::Refused(Refused::Definition { key, reason });
        let event = parse_event(request.body(), &self.config.context())
            .map_err(|e| definition(e.key, e.reason))?;
        let act = Act {
            verb: Verb::Create,
            id: &event.id,
            request,
            now,
        };
        if let Some(known) = self.store.operated_event(event.id.as_str()).await? {
            let actions = self.store.operator_actions(event.id.as_str()).await?;
            if act.is_repeated(&actions) {
                return Ok(act.accepted(known.standing.state, &known, true));
            }
            return refuse(Refused::EventExists);
        }
        if event.maturity.unix() <= now.timestamp() {
            return Err(definition(
                "maturity".to_owned(),
                "has passed; an event is announced before it".to_owned(),
            ));
        }
        if event.definition.sole_outcomes > 0 {
            let most = self.config.signer.max_open_choice_bits;
            let own = event.definition.sole_choice();
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
}
