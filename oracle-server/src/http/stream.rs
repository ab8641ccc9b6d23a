//! `/v1/stream`: Server-Sent Events, one for each published item, resuming by
//! log position.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, extract};
use futures::Stream;
use oracle_schema::EventId;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use utoipa::ToSchema;

use super::AppState;
use super::fanout::News;
use super::held::{Client, Place};
use super::metrics::StreamGauge;
use super::openapi::{EventName, EventNames, EventState};
use super::problem::{Kind, Problem};
use super::query::{Query, path_segment};
use crate::lifecycle::State;
use crate::stop::stopped;
use crate::store::StoreError;
use crate::store::read::{StreamItem, StreamKind};

const EVENTS: &str = "events";
const AFTER: &str = "after";
/// Events that one reader names at most.
const EVENTS_MOST: usize = 100;
const LAST_EVENT_ID: &str = "last-event-id";
/// Digits of a position at most: those of every integer that anyone has kept one in.
const DIGITS_MOST: usize = 39;
/// Silence after which proxies might cut the connection is longer than this.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The `data:` of one item.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "event_id": "ppcusd-daily@2026-11-22T16:00:00Z", "position": 42,
    "href": "/v1/attestations/ppcusd-daily@2026-11-22T16:00:00Z"
}))]
struct ItemJson<'a> {
    #[schema(value_type = EventName)]
    event_id: &'a str,
    /// Log position, also the SSE `id`.
    #[schema(minimum = 1)]
    position: i64,
    /// Where to read it: announcement, attestation, or for a refund the event.
    href: String,
}

/// The `data:` of a change of state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "event_id": "ppcusd-daily@2026-11-22T16:00:00Z", "state": "provisional",
    "href": "/v1/events/ppcusd-daily@2026-11-22T16:00:00Z"
}))]
struct StateJson<'a> {
    #[schema(value_type = EventName)]
    event_id: &'a str,
    /// The new state. `matured` comes only when sources that agreed do so no
    /// more; at the maturity it follows from the time.
    #[schema(value_type = EventState)]
    state: &'static str,
    /// Where to read more.
    href: String,
}

/// The `data:` of one message: an item with `announced`, `attested` and
/// `refunded`, a change of state with `state`.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the documentation")]
enum StreamData {
    Item(ItemJson<'static>),
    State(StateJson<'static>),
}

/// A published item as the stream has it.
pub(super) fn item(item: &StreamItem) -> News {
    let (name, collection) = match item.kind {
        StreamKind::Announced => ("announced", "announcements"),
        StreamKind::Attested => ("attested", "attestations"),
        StreamKind::Refunded => ("refunded", "events"),
    };
    let data = ItemJson {
        event_id: &item.event_id,
        position: item.position,
        href: format!("/v1/{collection}/{}", path_segment(&item.event_id)),
    };
    News {
        event_id: item.event_id.clone(),
        position: Some(item.position),
        sse: written(name, &data).id(item.position.to_string()),
    }
}

/// A change of state as the stream has it: without an id, so that nobody
/// resumes from it.
pub(super) fn state(event_id: &str, state: State) -> News {
    let data = StateJson {
        event_id,
        state: match state {
            // Being announced is an item; to be so again is to wait for sources.
            State::Announced => "matured",
            other => other.as_str(),
        },
        href: format!("/v1/events/{}", path_segment(event_id)),
    };
    News {
        event_id: event_id.to_owned(),
        position: None,
        sse: written("state", &data),
    }
}

/// That everything up to here was sent, and nothing more.
fn position(cursor: i64, comment: &str) -> Event {
    Event::default().comment(comment).id(cursor.to_string())
}

fn written(name: &str, data: &impl Serialize) -> Event {
    Event::default()
        .event(name)
        // JSON of strings and a number holds no line break and always serialises.
        .data(serde_json::to_string(data).unwrap_or_default())
}

/// Which events a reader wants to hear about: these, or all.
struct Wanted(Option<HashSet<String>>);

impl Wanted {
    fn of(query: &Query) -> Result<Self, Problem> {
        let Some(list) = query.get(EVENTS) else {
            return Ok(Self(None));
        };
        let ids: HashSet<String> = list.split(',').map(str::to_owned).collect();
        if ids.len() > EVENTS_MOST {
            let most = format!("{EVENTS} names at most {EVENTS_MOST} events");
            return Err(Problem::bad(EVENTS, most));
        }
        for id in &ids {
            // Those of series have one `@` more than those that people chose.
            EventId::one_off(&id.replacen('@', ":", 1))
                .map_err(|e| Problem::bad(EVENTS, format!("{id:?}: {e}")))?;
        }
        Ok(Self(Some(ids)))
    }

    /// Items behind position `after`, and up to which position these are all.
    ///
    /// For named events they are looked up by name: a reader that comes back
    /// after months costs no walk through what others were told meanwhile.
    async fn past(
        &self,
        app: &AppState,
        after: i64,
        published: i64,
    ) -> Result<(Arc<[Arc<News>]>, i64), StoreError> {
        let Some(ids) = &self.0 else {
            return app.fanout.past(&app.store, after, published).await;
        };
        let ids = ids.iter().map(String::as_str);
        let items = app.store.stream_items_of(ids, after + 1, published).await?;
        let items = items.iter().map(|found| Arc::new(item(found))).collect();
        Ok((items, published))
    }

    fn has(&self, news: &News) -> bool {
        self.0
            .as_ref()
            .is_none_or(|ids| ids.contains(&news.event_id))
    }
}

/// Where a reader goes on: after the position of `Last-Event-ID`, which a browser
/// sends when it comes back, else of `after`.
async fn resume(
    app: &AppState,
    query: &Query,
    headers: &HeaderMap,
) -> Result<Option<i64>, Problem> {
    let (field, given) = match (headers.get(LAST_EVENT_ID), query.get(AFTER)) {
        (Some(header), _) => ("Last-Event-ID", header.to_str().unwrap_or_default()),
        (None, Some(after)) => (AFTER, after),
        (None, None) => return Ok(None),
    };
    let is_number =
        (1..=DIGITS_MOST).contains(&given.len()) && given.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        let why = format!("{field} is the position of an item in the log, a whole number");
        return Err(Problem::bad(field, why));
    }
    // What no integer holds is ahead of every log.
    let after = given.parse().unwrap_or(i64::MAX);
    let last = last_position(app);
    if after <= last {
        return Ok(Some(after));
    }
    // Another process may have published it before this one heard of it.
    let size = app.store.head_size().await?;
    let last = last.max(i64::try_from(size).unwrap_or(i64::MAX).saturating_sub(1));
    if after <= last {
        return Ok(Some(after));
    }
    Err(Kind::AheadOfLog
        .because(format!(
            "position {given} lies ahead of this log, whose last position is {last}: the oracle \
             went back to an older state, or the position is of another oracle; compare the \
             identity that GET /v1/oracle names and a checkpoint that you kept"
        ))
        .field(field))
}

/// The last position that this process knows to be published.
fn last_position(app: &AppState) -> i64 {
    app.store.head().borrow().saturating_sub(1).max(0)
}

/// Published items as they happen: `announced`, `attested`, `refunded`, with
/// the log position as id. Without a position only what is published from
/// now on; with one everything after it. Every id is a place to resume from, also
/// those of comments: one at once for a reader that named no position, and one with
/// each heartbeat. Between items, without an id, `state`: an event moved on and
/// nothing was published. It is a hint that is sent once, by the process that leads.
#[utoipa::path(get, path = "/v1/stream", tag = "messages",
    params(
        ("events" = Option<EventNames>, Query, description = "Only these events: at most 100 ids, with commas between them."),
        ("after" = Option<i64>, Query, description = "As Last-Event-ID, which goes before it, for a reader that sets no headers.", minimum = 0, example = 0),
        ("Last-Event-ID" = Option<i64>, Header, description = "The last id received, a position in the log.", minimum = 0, example = 0)),
    responses((status = 200, description = "An endless stream; the `data:` of each message is one object.",
        content_type = "text/event-stream", body = StreamData),
        (status = 409, description = "`ahead-of-log`: the log does not reach that position. The oracle went back, or the position is of another one."),
        (status = 429, description = "`rate-limited`: also where the address holds as many streams and long polls as it may.")))]
pub(super) async fn get_stream(
    extract::State(app): extract::State<Arc<AppState>>,
    Extension(client): Extension<Client>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::strict(&uri, &[EVENTS, AFTER])?;
    let wanted = Wanted::of(&query)?;
    let from = resume(&app, &query, &headers).await?;
    let cursor = from.unwrap_or_else(|| last_position(&app));
    let place = client.hold()?;
    let mut response = Sse::new(news(app, cursor, from.is_none(), wanted, place)).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would hold items back until its buffer is full.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    Ok(response)
}

/// Every wanted item with a position above `cursor`, once and in order, and the
/// changes of state between them, until the service stops or the store fails
/// (the reader then resumes where it was). `is_new`: the reader does not know `cursor`.
fn news(
    app: Arc<AppState>,
    mut cursor: i64,
    is_new: bool,
    wanted: Wanted,
    place: Place,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    async_stream::stream! {
        // Both until the stream ends.
        let _open = (StreamGauge::opened(), place);
        let mut stopping = app.stopping.clone();
        let mut stop = Box::pin(stopped(&mut stopping));
        // Listening before reading: what is published in between arrives twice,
        // and the cursor drops the second.
        let mut live = app.fanout.subscribe();
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.reset();
        if is_new {
            // A connection that is cut before the first item is resumed from here.
            yield Ok(position(cursor, "open"));
        }
        'behind: loop {
            loop {
                let published = app.store.head().borrow().saturating_sub(1);
                if cursor >= published || *app.stopping.borrow() {
                    break;
                }
                let (items, end) = match wanted.past(&app, cursor, published).await {
                    Ok(past) => past,
                    Err(error) => {
                        tracing::error!(%error, "stream ends: items could not be read");
                        return;
                    }
                };
                for item in items.iter() {
                    if item.position.is_some_and(|p| p > cursor) && wanted.has(item) {
                        yield Ok(item.sse.clone());
                    }
                }
                cursor = end;
            }
            loop {
                let received = tokio::select! {
                    () = &mut stop => return,
                    received = live.recv() => received,
                    _ = heartbeat.tick() => {
                        // With the position, so that a reader whose events are
                        // rare resumes from here.
                        yield Ok(position(cursor, "heartbeat"));
                        continue;
                    }
                };
                match received {
                    Ok(news) => {
                        if news.position.is_some_and(|p| p <= cursor) {
                            continue;
                        }
                        cursor = news.position.unwrap_or(cursor);
                        if wanted.has(&news) {
                            yield Ok(news.sse.clone());
                        }
                    }
                    Err(RecvError::Lagged(_)) => continue 'behind,
                    Err(RecvError::Closed) => return,
                }
            }
        }
    }
}
