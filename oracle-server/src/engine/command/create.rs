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
use super::{answer, answer_with};
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
    /// kept together; every other one is set aside, to be carried out as if it had come
    /// alone, and so is each of them where a nonce was used before.
    pub(super) async fn create_all(
        &mut self,
        commands: Vec<Command>,
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        let (plain, others) = match self.plain(commands, now).await {
            Ok(sorted) => sorted,
            Err((commands, error)) => return unavailable(commands, error),
        };
        self.set_aside.extend(others);
        if plain.is_empty() {
            return Ok(());
        }
        let nonces: Vec<_> = plain
            .iter()
            .map(|p| (p.command.request.public_key(), p.command.request.nonce()))
            .collect();
        match self.store.burn_operator_nonces(&nonces, now).await {
            Ok(true) => self.create_plain(plain, now).await,
            // Nothing is burned; which one was used shows by itself.
            Ok(false) => {
                self.set_aside.extend(plain.into_iter().map(|p| p.command));
                Ok(())
            }
            Err(error) => unavailable(plain.into_iter().map(|p| p.command), error.into()),
        }
    }

    /// Makes new events, whose requests' nonces are burned.
    async fn create_plain(
        &mut self,
        plain: Vec<Plain>,
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        match self.keep(&plain, now).await {
            Ok(()) => {
                for Plain { command, event } in plain {
                    answer(command, Ok(accepted(event.id)));
                }
                Ok(())
            }
            Err(CreationError::Store(error)) if !error.is_constraint() && !error.is_damaged() => {
                unavailable(plain.into_iter().map(|p| p.command), error.into())
            }
            // One of them cannot be kept. Which one shows by itself, and the others are.
            Err(_) => {
                let mut result = Ok(());
                for Plain { command, .. } in plain {
                    let made = self.create(&command.request, now).await;
                    if let Err(error) = answer_with(command, made) {
                        result = Err(error);
                    }
                }
                result
            }
        }
    }

    /// Requests that nothing refuses, and the others; all of them, if that could not be
    /// found out.
    async fn plain(
        &mut self,
        commands: Vec<Command>,
        now: DateTime<Utc>,
    ) -> Result<(Vec<Plain>, Vec<Command>), (Vec<Command>, EngineError)> {
        if !self.may_sign() {
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
        let (known, mut open) = match self.known_and_open(&plain).await {
            Ok(found) => found,
            Err(error) => {
                others.extend(plain.into_iter().map(|p| p.command));
                return Err((others, error));
            }
        };
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

    /// Which of the events there are already, and how many outcomes each open one has that
    /// one party decides, if any of these is such a one.
    async fn known_and_open(
        &self,
        plain: &[Plain],
    ) -> Result<(HashSet<String>, Vec<u32>), EngineError> {
        let ids: Vec<String> = plain.iter().map(|p| p.event.id.to_string()).collect();
        let known = self.store.known_events(&ids).await?;
        let known = known.into_iter().map(|(id, _)| id).collect();
        let mut open = Vec::new();
        if plain.iter().any(|p| p.event.definition.sole_outcomes > 0) {
            open = self.store.open_choice().await?;
        }
        Ok((known, open))
    }

    async fn keep(&self, plain: &[Plain], now: DateTime<Utc>) -> Result<(), CreationError> {
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

/// Nothing is lost by asking again.
fn unavailable(
    commands: impl IntoIterator<Item = Command>,
    error: EngineError,
) -> Result<(), EngineError> {
    for command in commands {
        answer(command, Err(Refused::Unavailable));
    }
    Err(error)
}
