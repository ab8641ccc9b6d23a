//! `/v1/stream`: Server-Sent Events, one for each published item, resuming by
//! log position.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use utoipa::ToSchema;

use super::fanout::PAGE;
use super::metrics::StreamGauge;
use super::problem::Problem;
use super::query::{Query, path_segment};
use super::{AppState, stopped};
use crate::store::StoreError;
use crate::store::read::{StreamItem, StreamKind};

const LAST_EVENT_ID: &str = "last-event-id";
/// Silence after which proxies might cut the connection is longer than this.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The `data:` of one item.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "event_id": "ppcusd-daily@2026-11-22T16:00:00Z", "position": 42,
    "href": "/v1/attestations/ppcusd-daily@2026-11-22T16:00:00Z"
}))]
struct ItemJson<'a> {
    event_id: &'a str,
    /// Log position, also the SSE `id`.
    position: i64,
    /// Where to read it: announcement, attestation, or for a refund the event.
    href: String,
}

fn sse(item: &StreamItem) -> Event {
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
    Event::default()
        .event(name)
        .id(item.position.to_string())
        // JSON of two strings and a number holds no line break and always serialises.
        .data(serde_json::to_string(&data).unwrap_or_default())
}

/// Published items as they happen: `announced`, `attested`, `refunded`, with
/// the log position as id. Without Last-Event-ID only what is published from
/// now on; with it everything after that position.
#[utoipa::path(get, path = "/v1/stream", tag = "messages",
    params(("Last-Event-ID" = Option<i64>, Header, description = "Log position of the last item received.", minimum = 0)),
    responses((status = 200, description = "An endless stream; each `data:` is one object.",
        content_type = "text/event-stream", body = ItemJson)))]
pub(super) async fn get_stream(
    State(app): State<Arc<AppState>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let after = match headers.get(LAST_EVENT_ID) {
        Some(given) => given
            .to_str()
            .ok()
            .and_then(|text| text.parse().ok())
            .filter(|position: &i64| *position >= 0)
            .ok_or_else(|| {
                Problem::bad("Last-Event-ID", "Last-Event-ID is the position of an item")
            })?,
        None => app.store.head().borrow().saturating_sub(1),
    };
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    let mut response = Sse::new(items(app, after))
        .keep_alive(keep_alive)
        .into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would hold items back until its buffer is full.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    Ok(response)
}

/// Every item with a position above `cursor`, once and in order, until the
/// service stops or the store fails (the reader then resumes where it was).
fn items(
    app: Arc<AppState>,
    mut cursor: i64,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    async_stream::stream! {
        let _open = StreamGauge::opened();
        let mut stop = Box::pin(stopped(app.stopping.clone()));
        // Listening before reading: what is published in between arrives twice,
        // and the cursor drops the second.
        let mut live = app.fanout.subscribe();
        'behind: loop {
            loop {
                let page = match page(&app, cursor).await {
                    Ok(page) => page,
                    Err(error) => {
                        tracing::error!(%error, "stream ends: items could not be read");
                        return;
                    }
                };
                let Some(last) = page.last() else { break };
                cursor = last.position;
                for item in &page {
                    yield Ok(sse(item));
                }
            }
            loop {
                let received = tokio::select! {
                    () = &mut stop => return,
                    received = live.recv() => received,
                };
                match received {
                    Ok(item) if item.position <= cursor => {}
                    Ok(item) => {
                        cursor = item.position;
                        yield Ok(sse(&item));
                    }
                    Err(RecvError::Lagged(_)) => continue 'behind,
                    Err(RecvError::Closed) => return,
                }
            }
        }
    }
}

async fn page(app: &AppState, after: i64) -> Result<Vec<StreamItem>, StoreError> {
    if *app.stopping.borrow() {
        return Ok(Vec::new());
    }
    app.store.stream_after(after, PAGE).await
}
