//! The server's event stream, read across disconnects.
//!
//! Source: WHATWG HTML, "Server-sent events".

use std::time::Duration;

use eventsource_stream::{Event, EventStream, EventStreamError, Eventsource};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use oracle_schema::EventId;
use reqwest::Response;
use reqwest::header::HeaderName;
use serde::Deserialize;

use crate::backoff::Backoff;
use crate::error::Cause;
use crate::http::{Get, Http};
use crate::model::EventState;
use crate::{Error, Options};

const WHAT: &str = "stream";
/// Longest single event, bytes; real ones are below 1 KiB.
const MAX_EVENT: usize = 64 * 1024;
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

type Chunks = BoxStream<'static, Result<Vec<u8>, Error>>;

/// One reader of the stream and what it has to remember between connections.
struct Watch {
    http: Http,
    idle: Duration,
    backoff: Backoff,
    /// Event ids with commas between them.
    only: Option<String>,
    last: Option<u64>,
    pause: Option<Duration>,
    events: Option<EventStream<Chunks>>,
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
        pause: None,
        events: None,
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
            let Some(events) = &mut self.events else {
                if let Some(pause) = self.pause.take() {
                    tokio::time::sleep(pause).await;
                }
                match self.connect().await {
                    Ok(events) => self.events = Some(events),
                    Err(error) => {
                        self.over = !error.is_transient();
                        self.pause = Some(self.backoff.pause(error.retry_after()));
                        return Some(Err(error));
                    }
                }
                continue;
            };
            match events.next().await {
                Some(Ok(event)) => {
                    if let Some(item) = self.interpret(&event) {
                        self.backoff.reset();
                        return Some(item);
                    }
                }
                // Connections end all the time; only what a reconnect cannot
                // mend is worth reporting.
                None | Some(Err(EventStreamError::Transport(Error::Transport { .. }))) => {
                    self.disconnect();
                }
                Some(Err(error)) => {
                    self.disconnect();
                    return Some(Err(match error {
                        EventStreamError::Transport(error) => error,
                        other => malformed(&other),
                    }));
                }
            }
        }
        None
    }

    // `&mut` because a shared reference to the open body would not be `Send`.
    async fn connect(&mut self) -> Result<EventStream<Chunks>, Error> {
        let only: Vec<_> = self.only.iter().map(|ids| ("events", &**ids)).collect();
        let get = Get {
            what: WHAT,
            path: &["v1", "stream"],
            query: &only,
            accept: "text/event-stream",
            hold: Duration::ZERO,
            attempts: 1,
        };
        let resume = self.last.map(|last| (LAST_EVENT_ID, last.to_string()));
        let response = self.http.open(get, resume).await?;
        Ok(chunks(response, self.idle).eventsource())
    }

    fn disconnect(&mut self) {
        self.events = None;
        self.pause = Some(self.backoff.pause(None));
    }

    /// `None` for kinds of a later server and for what was delivered before.
    fn interpret(&mut self, event: &Event) -> Option<Result<StreamEvent, Error>> {
        let item = parse(event)?;
        if let Ok(position) = item.as_ref().map(StreamEvent::position)
            && let Some(position) = position
        {
            if self.last.is_some_and(|last| position <= last) {
                return None;
            }
            self.last = Some(position);
        }
        Some(item)
    }
}

#[derive(Deserialize)]
struct Data {
    event_id: EventId,
    #[serde(default)]
    state: Option<EventState>,
}

fn parse(event: &Event) -> Option<Result<StreamEvent, Error>> {
    let kind = event.event.as_str();
    if !matches!(kind, "announced" | "attested" | "refunded" | "state") {
        return None;
    }
    let parts = || -> Result<StreamEvent, Error> {
        let Data { event_id, state } =
            serde_json::from_str(&event.data).map_err(|e| malformed(&e))?;
        if kind == "state" {
            let state = state.unwrap_or(EventState::Unknown);
            return Ok(StreamEvent::State { event_id, state });
        }
        let position = event
            .id
            .parse()
            .map_err(|_| malformed(&format_args!("id {:?} is not a log position", event.id)))?;
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

/// The body as it comes. Ends with an error when the server falls silent
/// (heartbeats count as sound) or sends an event without end.
fn chunks(response: Response, idle: Duration) -> Chunks {
    let state = Some((response, Bound::default()));
    stream::unfold(state, move |state| async move {
        let (mut response, mut bound) = state?;
        let fail = |error| Some((Err(error), None));
        match tokio::time::timeout(idle, response.chunk()).await {
            Err(_) => fail(Error::Transport {
                what: WHAT,
                source: Cause::Silent(idle),
            }),
            Ok(Err(error)) => fail(Error::transport(WHAT, error)),
            Ok(Ok(None)) => None,
            Ok(Ok(Some(chunk))) if bound.admits(&chunk) => {
                Some((Ok(chunk.to_vec()), Some((response, bound))))
            }
            Ok(Ok(Some(_))) => fail(Error::TooLarge {
                what: WHAT,
                limit: MAX_EVENT,
            }),
        }
    })
    .boxed()
}

/// Bytes since the last blank line: the parser behind it buffers until then.
#[derive(Default)]
struct Bound {
    length: usize,
    line_is_empty: bool,
}

impl Bound {
    fn admits(&mut self, chunk: &[u8]) -> bool {
        for byte in chunk {
            self.length += 1;
            match byte {
                b'\n' if self.line_is_empty => self.length = 0,
                b'\n' => self.line_is_empty = true,
                b'\r' => {}
                _ => self.line_is_empty = false,
            }
            if self.length > MAX_EVENT {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn event(kind: &str, id: &str, data: &str) -> Event {
        Event {
            event: kind.to_owned(),
            id: id.to_owned(),
            data: data.to_owned(),
            retry: None,
        }
    }

    #[test]
    fn a_kind_of_a_later_server_is_skipped_and_damage_is_reported() {
        assert!(parse(&event("cosigned", "7", "{}")).is_none());
        let whole = parse(&event("attested", "7", r#"{"event_id":"a","more":1}"#));
        assert_eq!(whole.unwrap().unwrap().position(), Some(7));
        for (id, data) in [("x", r#"{"event_id":"a"}"#), ("7", "{}"), ("7", "not json")] {
            assert!(parse(&event("attested", id, data)).unwrap().is_err());
        }
    }

    #[test]
    fn an_event_without_end_is_cut_off_and_heartbeats_are_not() {
        let mut bound = Bound::default();
        for _ in 0..MAX_EVENT {
            assert!(bound.admits(b": beat\n\n"));
        }
        assert!(bound.admits(&vec![b'x'; MAX_EVENT]));
        assert!(!bound.admits(b"x"));
        let mut bound = Bound::default();
        assert!(!(0..=MAX_EVENT).all(|_| bound.admits(b"data: x\n")));
    }
}
