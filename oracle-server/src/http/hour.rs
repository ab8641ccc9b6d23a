//! `GET /v1/bundles/{hour}`: everything that the log got in an hour. Whoever takes
//! every hour names no event.

use std::io;
use std::sync::Arc;

use async_stream::try_stream;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::Duration;
use futures::Stream;
use oracle_schema::bundle::Included;
use oracle_schema::hour::{HOUR_FORMAT, HOUR_S, Hour, hour_of};
use oracle_schema::tlog::tile::WIDTH;
use oracle_schema::tlog::tree::left_of;
use utoipa::ToSchema;

use super::AppState;
use super::bundle::IncludedJson;
use super::cache::Representation;
use super::events::time;
use super::held::{Client, Place};
use super::log::{damaged, entries, entry, prove, tiles_of};
use super::openapi::HourName;
use super::problem::Problem;
use super::query::{HourPath, Query};
use crate::store::HourOfLog;

/// About how much of an answer is written at once.
const PIECE_BYTES: usize = 64 * 1024;

/// `GET /v1/bundles/{hour}`; read by [`Hour`].
#[derive(ToSchema)]
#[allow(dead_code, reason = "it documents what another type writes")]
struct HourJson {
    /// Always `peercoin-dlc-oracle/hour/v1`.
    #[schema(pattern = "^peercoin-dlc-oracle/hour/v1$")]
    format: String,
    /// As in the address.
    #[schema(value_type = HourName)]
    hour: String,
    /// Whether it is over: then this never changes.
    complete: bool,
    /// The next hour in which the log got something: ask for that one next. Null until
    /// this one is over.
    #[schema(value_type = Option<HourName>, required)]
    next: Option<String>,
    /// The hour's last signed checkpoint: of so many entries as there are up to the end
    /// of this document.
    checkpoint: String,
    /// Entry 0: who the oracle is.
    genesis: IncludedJson,
    /// Position of the first entry.
    #[schema(minimum = 0)]
    first: u64,
    /// Base64, from left to right: hashes of the largest complete subtrees of the
    /// entries before.
    left: Vec<String>,
    /// Base64: announcements, proofs of their nonces, attestations, notices and what
    /// operators did, in the order of the log.
    entries: Vec<String>,
}

/// Every announcement and attestation that was published in one hour (UTC).
///
/// A wallet that takes each hour has what it needs of every event and tells nobody which
/// it holds a contract on. An hour that is over never changes; the present one can be
/// asked for again and again. It verifies with nothing but the `identity` of
/// `GET /v1/oracle`.
#[utoipa::path(get, path = "/v1/bundles/{hour}", tag = "messages",
    params(("hour" = HourName, Path, description = "When the hour begins, UTC.")),
    responses(
        (status = 200, description = "The entries of that hour, under a checkpoint.", content_type = "application/json", body = HourJson),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-hour`: the hour is ahead, with Retry-After, or the log had not begun."),
        (status = 429, description = "`rate-limited`: also where the address holds as many streams, long polls and hours as it may.")))]
pub(super) async fn get_hour(
    State(app): State<Arc<AppState>>,
    Extension(client): Extension<Client>,
    HourPath(begin): HourPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let end = begin.checked_add_signed(Duration::seconds(HOUR_S));
    let end = end.ok_or_else(|| Problem::unknown_hour("no later hour can be named"))?;
    let found = app.store.hour_of_log(begin, end).await?;
    let found = found.ok_or_else(|| {
        Problem::unknown_hour("the log has no signed checkpoint of that hour or an earlier one")
    })?;
    let now = app.clock.now();
    // By the log's time, where that is ahead: its entries are in the hours that it says.
    if begin > now && !found.is_reached() {
        let ahead = format!("the hour begins at {}", time(begin));
        return Err(Problem::unknown_hour(ahead).retry_after_s((begin - now).num_seconds() + 1));
    }
    // As long as it is read, it is one of the things that this client holds.
    let place = client.hold()?;
    let name = hour_of(begin);
    // What there is to know of an hour is how far it goes, and whether it is over.
    let version = format!("{HOUR_FORMAT} {name} {} {:?}", found.end, found.next);
    let version = Representation::new("application/json", version);
    let complete = found.next.is_some();
    let start = start(&app, name, &found).await?;
    let body = Body::from_stream(written(app, start, (found.first, found.end), place));
    Ok(if complete {
        version.immutable_stream(&headers, body)
    } else {
        version.brief_stream(&headers, body)
    })
}

/// The document without its entries.
async fn start(app: &AppState, hour: String, found: &HourOfLog) -> Result<Hour, Problem> {
    let left = match found.first.checked_sub(1) {
        Some(last) => {
            let tiles = tiles_of(app, last, found.end).await?;
            left_of(found.first, &tiles).map_err(damaged)?
        }
        None => Vec::new(),
    };
    let genesis = prove(app, 0, found.end).await?;
    Ok(Hour {
        format: HOUR_FORMAT.to_owned(),
        hour,
        complete: found.next.is_some(),
        next: found.next.map(hour_of),
        checkpoint: found.note.clone(),
        genesis: Included::new(0, &entry(app, 0, found.end).await?, &genesis.hashes),
        first: found.first,
        left: left.iter().map(|hash| STANDARD.encode(hash)).collect(),
        entries: Vec::new(),
    })
}

/// The document, its entries a bundle of the log at a time: an hour may be longer than
/// what one answer should hold in memory.
fn written(
    app: Arc<AppState>,
    start: Hour,
    (first, end): (u64, u64),
    place: Place,
) -> impl Stream<Item = io::Result<Bytes>> {
    try_stream! {
        let _place = place;
        let text = serde_json::to_string(&start).map_err(io::Error::other)?;
        // `entries` is the last member, and empty.
        let head = text.strip_suffix("]}").unwrap_or(&text).to_owned();
        yield Bytes::from(head);
        let mut at = first;
        while at < end {
            let next = ((at / WIDTH + 1) * WIDTH).min(end);
            let entries = entries(&app, at, next, end).await;
            let entries = entries.map_err(|problem| cut_off(&problem))?;
            let mut text = String::new();
            for entry in entries {
                if at > first {
                    text.push(',');
                }
                text.push('"');
                STANDARD.encode_string(entry, &mut text);
                text.push('"');
                at += 1;
                if text.len() > PIECE_BYTES {
                    yield Bytes::from(std::mem::take(&mut text));
                }
            }
            yield Bytes::from(text);
        }
        yield Bytes::from_static(b"]}");
    }
}

/// The answer has begun: all that is left is to break it off, so that its reader sees
/// that it is not whole.
fn cut_off(problem: &Problem) -> io::Error {
    io::Error::other(problem.detail().to_owned())
}
