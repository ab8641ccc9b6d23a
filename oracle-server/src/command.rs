//! The one way from HTTP into the engine: verified requests of operators, answered once
//! what they changed is durable.

use chrono::{DateTime, SecondsFormat, Utc};
use oracle_schema::EventId;
use oracle_schema::http_signature::VerifiedRequest;
use oracle_schema::operator::{BodyError, Verb};
use tokio::sync::{mpsc, oneshot, watch};

/// Requests waiting for the engine at most; more are told to come back.
const WAITING: usize = 256;

/// What an operator asks of the engine.
#[derive(Debug)]
pub struct Command {
    /// What to do.
    pub verb: Verb,
    /// The `{id}` of the path; none for [`Verb::Create`].
    pub event: Option<EventId>,
    /// The request, its signature checked against the configured key.
    pub request: VerifiedRequest,
    reply: oneshot::Sender<Result<Accepted, Refused>>,
}

impl Command {
    /// Answers whoever waits, and hands back what was answered for.
    pub fn reply(self, answer: Result<Accepted, Refused>) {
        // Whoever asked may have gone; what was done stays done.
        let _ = self.reply.send(answer);
    }
}

/// What became of an accepted request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The event.
    pub event_id: EventId,
    /// Where it stands now, as readers see it.
    pub state: &'static str,
    /// The same had been accepted before: nothing changed.
    pub repeated: bool,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its nonce was used before.
    #[error("this nonce was used before under this key")]
    Replayed,
    /// No event of that name.
    #[error("there is no such event")]
    UnknownEvent,
    /// The operator may not do this.
    #[error("operator {operator:?} does not have the scope {scope:?}")]
    Scope {
        /// Who.
        operator: String,
        /// What is missing.
        scope: &'static str,
    },
    /// The operator, under this key, is not on the event's panel.
    #[error("operator {0:?} is not on the event's panel under this key")]
    NotOnPanel(String),
    /// An operator's own report or proposal.
    #[error("operator {0:?} cannot approve what is their own")]
    SelfApproval(String),
    /// The body is not what is due.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The body describes no event that can be made.
    #[error("{key}: {reason}")]
    Definition {
        /// Key of the event.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// The outcome is not one of the event's.
    #[error("{0:?} is not an outcome of the event")]
    Outcome(String),
    /// No report or proposal has that body.
    #[error("no report or proposal on this event has a body of that SHA-256")]
    UnknownReport,
    /// Not before the maturity.
    #[error("the event matures at {}", .0.to_rfc3339_opts(SecondsFormat::Secs, true))]
    NotMatured(DateTime<Utc>),
    /// Only a held event is released.
    #[error("the event is not held; there is nothing to release")]
    NotHeld,
    /// A price is held by nobody's word.
    #[error("a price is decided by its venues; two operators can void it")]
    NotVetoable,
    /// Its end is fixed.
    #[error("the event's end is fixed, or its time is over")]
    AlreadyCommitted,
    /// The report contradicts an earlier one of the same operator.
    #[error("operator {0:?} has reported another outcome: they have no vote on this event")]
    ConflictingReport(String),
    /// The operator has done so much about the event that more would only fill the
    /// log and the evidence.
    #[error(
        "operator {operator:?} has sent {most} requests on this event, which is as many as are \
         kept; what they said stands, and other operators can go on"
    )]
    TooMuch {
        /// Who.
        operator: String,
        /// The bound.
        most: usize,
    },
    /// Operators together have.
    #[error("operators have sent as much on this event as is kept; what was said stands")]
    TooMuchInAll,
    /// The name is burned.
    #[error("there is an event of that name")]
    EventExists,
    /// One outside party would have too much choice.
    #[error("{bits} bits of choice would be open; at most {most} are allowed")]
    ChoiceBudget {
        /// With this event.
        bits: u32,
        /// The bound.
        most: u32,
    },
    /// The engine could not do it now; nothing is lost by asking again.
    #[error("the service cannot do this at the moment")]
    Unavailable,
}

/// HTTP's end: sends to whichever engine leads in this process.
#[derive(Debug, Clone)]
pub struct Commands(watch::Receiver<Option<mpsc::Sender<Command>>>);

/// The service's end: gives each engine that takes the lead its own mailbox.
#[derive(Debug)]
pub struct CommandSource(watch::Sender<Option<mpsc::Sender<Command>>>);

/// A port without an engine behind it yet, and the way to it.
pub fn channel() -> (CommandSource, Commands) {
    let (sender, receiver) = watch::channel(None);
    (CommandSource(sender), Commands(receiver))
}

impl CommandSource {
    /// A new mailbox; what an earlier engine had not read is lost with it, and
    /// its senders are told.
    pub fn open(&self) -> mpsc::Receiver<Command> {
        let (sender, receiver) = mpsc::channel(WAITING);
        self.0.send_replace(Some(sender));
        receiver
    }
}

impl Commands {
    /// Sends a request and waits for the answer; [`Refused::Unavailable`]
    /// where no engine leads, or it is too busy.
    pub async fn send(
        &self,
        verb: Verb,
        event: Option<EventId>,
        request: VerifiedRequest,
    ) -> Result<Accepted, Refused> {
        let engine = self.0.borrow().clone().ok_or(Refused::Unavailable)?;
        let (reply, answer) = oneshot::channel();
        let command = Command {
            verb,
            event,
            request,
            reply,
        };
        engine.try_send(command).map_err(|_| Refused::Unavailable)?;
        answer.await.unwrap_or(Err(Refused::Unavailable))
    }
}
