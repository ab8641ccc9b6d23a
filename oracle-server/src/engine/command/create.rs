//! Events that operators make.
//!
//! Requests that wait together are kept together: one transaction and one head of the log
//! for all of them, since each of these waits for the disk.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use oracle_schema::EventId;
use oracle_schema::http_signature::VerifiedRequest;
use oracle_schema::operator::Verb;
use oracle_schema::policy::choice_bits;

use super::act::{Act, Failed, refuse};
use super::answer;
use crate::command::{Accepted, Command, Refused};
use crate::config::{OneOff, Scope, parse_event};
use crate::engine::announce::new_event;
use crate::engine::{Engine, EngineError};
use crate::lifecycle::State;
use crate::store::{Creation, CreationError, Effect, NewEvent};

/// A request that makes an event nobody has made before, and the event.
struct Plain {
    command: Command,
    event: OneOff,
}

impl Engine {
    /// Carries out requests for new events. Those about which there is nothing to say are
    /// kept together; every other one, and each of them if that fails, is carried out by
    /// itself, as if it had come alone.
    pub(super) async fn create_all(
        &mut self,
        commands: Vec<Command>,
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        let (plain, others) = self.plain(commands, now).await?;
        let mut result = Ok(());
        let left = match self.keep(&plain, now).await {
            Ok(()) => {
                for Plain { command, event } in plain {
                    answer(command, Ok(accepted(event.id)));
                }
                Vec::new()
            }
            Err(CreationError::Store(error)) if !error.is_constraint() => {
                for Plain { command, .. } in plain {
                    answer(command, Err(Refused::Unavailable));
                }
                result = Err(EngineError::from(error));
                Vec::new()
            }
            // One of them is to be refused; which one shows by itself.
            Err(_) => plain.into_iter().map(|p| p.command).collect(),
        };
        for command in left.into_iter().chain(others) {
            match self.command(command).await {
                Err(error) if error.is_deposed() => return Err(error),
                Err(error) => result = Err(error),
                Ok(()) => {}
            }
        }
        result
    }

    /// Requests that nothing refuses, and the others.
    async fn plain(
        &mut self,
        commands: Vec<Command>,
        now: DateTime<Utc>,
    ) -> Result<(Vec<Plain>, Vec<Command>), EngineError> {
        if commands.len() < 2 || !self.may_sign() {
            return Ok((Vec::new(), commands));
        }
        let (mut plain, mut others) = (Vec::with_capacity(commands.len()), Vec::new());
        let mut names = HashSet::new();
        for command in commands {
            match self.new_event_of(&command.request, now) {
                Ok(event) if names.insert(event.id.clone()) => plain.push(Plain { command, event }),
                _ => others.push(command),
            }
        }
        let ids: Vec<String> = plain.iter().map(|p| p.event.id.to_string()).collect();
        let known = self.store.known_events(&ids).await?;
        let known: HashSet<&str> = known.iter().map(|(id, _)| id.as_str()).collect();
        let mut open = Vec::new();
        if plain.iter().any(|p| p.event.definition.sole_outcomes > 0) {
            open = self.store.open_choice().await?;
        }
        let most = self.config.signer.max_open_choice_bits;
        let mut new = Vec::with_capacity(plain.len());
        for one in plain {
            let own = one.event.definition.sole_choice();
            let is_sole = one.event.definition.sole_outcomes > 0;
            let is_within = !is_sole || choice_bits(open.iter().copied().chain([own])) <= most;
            if known.contains(one.event.id.as_str()) || !is_within {
                others.push(one.command);
                continue;
            }
            if is_sole {
                open.push(own);
            }
            new.push(one);
        }
        Ok((new, others))
    }

    async fn keep(&self, plain: &[Plain], now: DateTime<Utc>) -> Result<(), CreationError> {
        if plain.is_empty() {
            return Ok(());
        }
        let creations: Vec<Creation<'_>> = plain
            .iter()
            .map(|Plain { command, event }| {
                let act = Act {
                    verb: Verb::Create,
                    id: &event.id,
                    request: &command.request,
                    now,
                };
                Creation {
                    action: act.action(),
                    event: scheduled(event, now),
                    document: &event.definition.document,
                }
            })
            .collect();
        self.store.keep_creations(&creations, now).await
    }

    /// The event that a request describes, if its author may make one and it is ahead.
    fn new_event_of(
        &self,
        request: &VerifiedRequest,
        now: DateTime<Utc>,
    ) -> Result<OneOff, Failed> {
        self.require_scope(request, Scope::Create)?;
        let event = self.described(request)?;
        require_ahead(&event, now)?;
        Ok(event)
    }

    fn described(&self, request: &VerifiedRequest) -> Result<OneOff, Failed> {
        parse_event(request.body(), &self.config.context()).map_err(|e| definition(e.key, e.reason))
    }

    /// Carries out one request for a new event.
    pub(super) async fn create(
        &mut self,
        request: &VerifiedRequest,
        now: DateTime<Utc>,
    ) -> Result<Accepted, Failed> {
        let event = self.described(request)?;
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
        require_ahead(&event, now)?;
        if event.definition.sole_outcomes > 0 {
            let most = self.config.signer.max_open_choice_bits;
            let own = event.definition.sole_choice();
            let open = self.store.open_choice().await?;
            let bits = choice_bits(open.into_iter().chain([own]));
            if bits > most {
                return refuse(Refused::ChoiceBudget { bits, most });
            }
        }
        let effect = Effect::Schedule {
            event: &scheduled(&event, now),
            document: &event.definition.document,
        };
        self.store.keep_action(&act.action(), &effect, now).await?;
        Ok(accepted(event.id))
    }
}

fn definition(key: String, reason: String) -> Failed {
    Failed::Refused(Refused::Definition { key, reason })
}

fn require_ahead(event: &OneOff, now: DateTime<Utc>) -> Result<(), Failed> {
    if event.maturity.unix() > now.timestamp() {
        return Ok(());
    }
    Err(definition(
        "maturity".to_owned(),
        "has passed; an event is announced before it".to_owned(),
    ))
}

/// As the store remembers it: announced at once, where it names no time.
fn scheduled(event: &OneOff, now: DateTime<Utc>) -> NewEvent {
    let announce_at = event.announce_at.unwrap_or(now);
    let id = event.id.clone();
    new_event(id, None, &event.definition, event.maturity, announce_at)
}

fn accepted(event_id: EventId) -> Accepted {
    Accepted {
        event_id,
        state: State::Scheduled.as_str(),
        repeated: false,
    }
}
