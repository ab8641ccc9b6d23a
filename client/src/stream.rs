//! The server's event stream, read across disconnects.
//!
//! Source: WHATWG HTML, "Server-sent events".

use std::collections::VecDeque;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use oracle_schema::EventId;
use reqwest::Response;
use reqwest::header::HeaderName;
use serde::Deserialize;

use crate::backoff::Backoff;
use crate::error::Cause;
use crate::http::{EVENT_STREAM, Get, Http};
use crate::model::EventState;
use crate::sse::{MAX_EVENT, Message, Parser};
use crate::{Error, Options};

const WHAT: &str = "stream";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// News about one event. A hint where to look, unsigned: what it says is
/// proved by fetching the announcement or attestation.
///
/// `position` is the entry's position in the oracle's log, and where
/// [`crate::Client::watch`] can resume.
///
/// ```
/// use oracle_client::StreamEvent;
///
/// let news = StreamEvent::Attested { position: 41, event_id: "match".parse()? };
/// assert_eq!((news.event_id().as_str(), news.position()), ("match", Some(41)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// An announcement was published.
    Announced {
        /// Log position.
        position: u64,
        /// Which event.
        event_id: EventId,
    },
    /// An attestation was published.
    Attested {
        /// Log position.
        position: u64,
        /// Which event.
        event_id: EventId,
    },
    /// The oracle will never attest the event.
    Refunded {
        /// Log position.
        position: u64,
        /// Which event.
        event_id: EventId,
    },
    /// The event changed its state; not logged, so not resumable.
    State {
        /// Which event.
        event_id: EventId,
        /// The new state.
        state: EventState,
    },
}

impl StreamEvent {
    /// The event it is about.
    pub fn event_id(&self) -> &EventId {
        match self {
            Self::Announced { event_id, .. }
            | Self::Attested { event_id, .. }
            | Self::Refunded { event_id, .. }
            | Self::State { event_id, .. } => event_id,
        }
    }

    /// Log position; `None` for a mere change of state.
    pub fn position(&self) -> Option<u64> {
        match self {
            Self::Announced { position, .. }
            | Self::Attested { position, .. }
            | Self::Refunded { position, .. } => Some(*position),
            Self::State { .. } => None,
        }
    }
}

/// One reader of the stream and what it has to remember between connections.
struct Watch {
    http: Http,
    idle: Duration,
    backoff: Backoff,
    /// Event ids with commas between them.
    only: Option<String>,
    /// The place to resume from: the last id that the server sent, an item's or a
    /// heartbeat's. Everything up to it was delivered.
    last: Option<u64>,
    /// Items up to here were delivered, or are not wanted: who hands out an older
    /// connection's answer hands them out again.
    known: Option<u64>,
    /// The position of an item that could not be read. It is asked for once more, and if
    /// it is no better then, the reader goes on behind it.
    unreadable: Option<u64>,
    pause: Option<Duration>,
    connection: Option<Connection>,
    over: bool,
}

pub(crate) fn watch(
    http: Http,
    options: &Options,
    only: Option<String>,
    from: Option<u64>,
) -> BoxStream<'static, Result<StreamEvent, Error>> {
    let watch = Watch {
        http,
        idle: options.idle_timeout,
        backoff: Backoff::new(options.first_backoff, options.max_backoff),
        only,
        last: from,
        known: from,
        unreadable: None,
        pause: None,
        connection: None,
        over: false,
    };
    stream::unfold(watch, |mut watch| async move {
        let item = watch.next().await?;
        Some((item, watch))
    })
    .boxed()
}

impl Watch {
    async fn next(&mut self) -> Option<Result<StreamEvent, Error>> {
        while !self.over {
            let Some(connection) = &mut self.connection else {
                if let Some(pause) = self.pause.take() {
                    tokio::time::sleep(pause).await;
                }
                match self.connect().await {
                    Ok(connection) => self.connection = Some(connection),
                    Err(error) => {
                        self.over = !error.is_transient();
                        self.pause = Some(self.backoff.pause(error.retry_after()));
                        return Some(Err(error));
                    }
                }
                continue;
            };
            match connection.next(self.idle).await {
                Ok(Some(message)) => {
                    // A server that lets in and cuts off at once gets longer pauses, and so
                    // does one that cannot be read; one that has said something since is
                    // alive.
                    let has_said = connection.received > 1 || message.data.is_some();
                    let item = self.take(&message);
                    if has_said && !matches!(item, Some(Err(_))) {
                        self.backoff.reset();
                    }
                    if item.is_some() {
                        return item;
                    }
                }
                // Connections end all the time; only what a reconnect cannot
                // mend is worth reporting.
                Ok(None) | Err(Error::Transport { .. }) => self.disconnect(),
                Err(error) => {
                    self.disconnect();
                    return Some(Err(error));
                }
            }
        }
        None
    }

    // `&mut` because a shared reference to the open body would not be `Send`.
    async fn connect(&mut self) -> Result<Connection, Error> {
        let only: Vec<_> = self.only.iter().map(|ids| ("events", &**ids)).collect();
        let get = Get {
            what: WHAT,
            path: &["v1", "stream"],
            query: &only,
            accept: EVENT_STREAM,
            hold: Duration::ZERO,
            attempts: 1,
        };
        let resume = self.last.map(|last| (LAST_EVENT_ID, last.to_string()));
        match (self.http.open(get, resume).await, self.last) {
            (Err(Error::Problem { kind, detail, .. }), Some(position))
                if kind == "ahead-of-log" =>
            {
                Err(Error::AheadOfLog { position, detail })
            }
            (response, _) => Ok(Connection::new(response?)),
        }
    }

    fn disconnect(&mut self) {
        self.connection = None;
        self.pause = Some(self.backoff.pause(None));
    }

    /// `None` for heartbeats, for kinds of a later server and for what was delivered
    /// before. What cannot be read is asked for again, once.
    fn take(&mut self, message: &Message) -> Option<Result<StreamEvent, Error>> {
        let item = match parse(message) {
            Some(Err(error)) => {
                let passed = self.pass_the_second_time(message);
                self.disconnect();
                return Some(Err(passed.map_or(error, |position| {
                    malformed(&format_args!(
                        "position {position} cannot be read, asked twice, and is passed over"
                    ))
                })));
            }
            item => item.and_then(Result::ok),
        };
        if let Ok(id) = message.id.parse::<u64>() {
            self.last = Some(self.last.map_or(id, |last| last.max(id)));
            if message.data.is_none() {
                self.known.get_or_insert(id);
            }
        }
        let position = item.as_ref().and_then(StreamEvent::position);
        if let Some(position) = position {
            if Some(position) <= self.known {
                return None;
            }
            self.known = Some(position);
        }
        item.map(Ok)
    }
}

impl Watch {
    /// Passes an item that could not be read before either: else nothing behind it would
    /// ever be heard. Answers its position. An item without one cannot be passed, and the
    /// pauses grow.
    fn pass_the_second_time(&mut self, message: &Message) -> Option<u64> {
        let id = message.id.parse().ok()?;
        if self.unreadable.replace(id) != Some(id) {
            return None;
        }
        self.last = self.last.max(Some(id));
        self.known = self.known.max(Some(id));
        Some(id)
    }
}

/// An open stream.
struct Connection {
    response: Response,
    parser: Parser,
    ready: VecDeque<Message>,
    /// Messages so far, heartbeats included.
    received: u64,
}

impl Connection {
    fn new(response: Response) -> Self {
        Self {
            response,
            parser: Parser::default(),
            ready: VecDeque::new(),
            received: 0,
        }
    }

    /// The next message; `None` at the end. Fails when the server falls silent
    /// (heartbeats count as sound) or sends an event without end.
    async fn next(&mut self, idle: Duration) -> Result<Option<Message>, Error> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                self.received += 1;
                return Ok(Some(message));
            }
            let Ok(chunk) = tokio::time::timeout(idle, self.response.chunk()).await else {
                return Err(Error::Transport {
                    what: WHAT,
                    source: Cause::Silent(idle),
                });
            };
            let Some(chunk) = chunk.map_err(|e| Error::transport(WHAT, e))? else {
                return Ok(None);
            };
            let messages = self.parser.push(&chunk).map_err(|_| Error::TooLarge {
                what: WHAT,
                limit: MAX_EVENT,
            })?;
            self.ready.extend(messages);
        }
    }
}

#[derive(Deserialize)]
struct Data {
    event_id: EventId,
    #[serde(default)]
    state: Option<EventState>,
}

fn parse(message: &Message) -> Option<Result<StreamEvent, Error>> {
    let kind = message.kind.as_str();
    let data = message.data.as_deref()?;
    if !matches!(kind, "announced" | "attested" | "refunded" | "state") {
        return None;
    }
    let parts = || -> Result<StreamEvent, Error> {
        let Data { event_id, state } = serde_json::from_str(data).map_err(|e| malformed(&e))?;
        if kind == "state" {
            let state = state.unwrap_or(EventState::Unknown);
            return Ok(StreamEvent::State { event_id, state });
        }
        let id = &message.id;
        let position = id
            .parse()
            .map_err(|_| malformed(&format_args!("id {id:?} is not a log position")))?;
        Ok(match kind {
            "announced" => StreamEvent::Announced { position, event_id },
            "attested" => StreamEvent::Attested { position, event_id },
            _ => StreamEvent::Refunded { position, event_id },
        })
    };
    Some(parts())
}

fn malformed(reason: &dyn std::fmt::Display) -> Error {
    Error::Malformed {
        what: WHAT,
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn message(kind: &str, id: &str, data: &str) -> Message {
        Message {
            kind: kind.to_owned(),
            id: id.to_owned(),
            data: Some(data.to_owned()),
        }
    }

    #[test]
    fn a_kind_of_a_later_server_is_skipped_and_damage_is_reported() {
        assert!(parse(&message("cosigned", "7", "{}")).is_none());
        let whole = parse(&message("attested", "7", r#"{"event_id":"a","more":1}"#));
        assert_eq!(whole.unwrap().unwrap().position(), Some(7));
        for (id, data) in [("x", r#"{"event_id":"a"}"#), ("7", "{}"), ("7", "not json")] {
            assert!(parse(&message("attested", id, data)).unwrap().is_err());
        }
    }
}
