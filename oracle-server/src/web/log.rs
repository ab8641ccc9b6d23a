//! `GET /log`: the append-only log, its checkpoint, and how to audit it.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use chrono::TimeDelta;
use oracle_schema::anchor::Anchor;

use super::value::event_href;
use super::words::Stamp;
use super::{PublicUrl, Site, page};
use crate::http::AppState;
use crate::http::openapi::Html;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::store::LogRow;

/// Entries on a page.
const ENTRIES: i64 = 50;
/// Anchors on a page.
const ANCHORS: usize = 5;

#[derive(Template)]
#[template(path = "log.html")]
struct LogPage {
    site: Site,
    size: i64,
    /// Entries that came in the last hour.
    growth: i64,
    published: Option<Stamp>,
    /// The signed checkpoint, and who else signed it.
    checkpoint: Option<String>,
    cosigners: Vec<String>,
    /// In Peercoin's chain, the latest first.
    anchors: Vec<Anchor>,
    log_origin: String,
    identity: String,
    log_public_key: String,
    public_url: String,
    entries: Vec<Entry>,
    /// Whether these are the latest.
    latest: bool,
    older: Option<i64>,
}

struct Entry {
    position: i64,
    what: &'static str,
    event: Option<(String, String)>,
    bytes: i64,
    at: Stamp,
}

impl From<LogRow> for Entry {
    fn from(row: LogRow) -> Self {
        Self {
            position: row.position,
            what: match row.entry_type {
                0 => "genesis",
                1 => "announcement",
                2 => "attestation",
                3 => "notice",
                4 => "operator",
                5 => "status",
                6 => "nonce proof",
                _ => "other",
            },
            event: row
                .event_id
                .filter(|id| !id.is_empty())
                .map(|id| (event_href(&id), id)),
            bytes: row.bytes,
            at: Stamp(row.published_at),
        }
    }
}

/// The log: its size and entries, the latest first, and how to audit it.
#[utoipa::path(get, path = "/log", tag = "pages",
    params(("before" = Option<i64>, Query, description = "Entries below this position.", minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 100)),
    responses((status = 200, description = "HTML.", content_type = "text/html", body = Html)))]
pub(crate) async fn get_log_page(
    State(app): State<Arc<AppState>>,
    Extension(url): Extension<PublicUrl>,
    uri: Uri,
) -> Result<Response, Problem> {
    let query = Query::strict(&uri, &["before"])?;
    let before = query.number("before", 1..=9_007_199_254_740_991)?;
    let rows = app
        .store
        .log_rows(before.unwrap_or(i64::MAX), ENTRIES)
        .await?;
    let now = app.clock.now();
    let head = app.store.head_at(now + TimeDelta::days(1)).await?;
    let hour_ago = app.store.head_at(now - TimeDelta::hours(1)).await?;
    let size = *app.store.head().borrow();
    let oracle = &app.identity.oracle;
    let checkpoint = app.store.checkpoint().await?;
    page(&LogPage {
        site: match before {
            None => Site::of(&app, "log").live("/v1/stream"),
            Some(_) => Site::of(&app, "log"),
        },
        size,
        growth: size - hour_ago.map_or(0, |h| h.size),
        published: head.map(|h| Stamp(h.time)),
        cosigners: checkpoint
            .as_deref()
            .map(|note| cosigners(note, &oracle.log_origin))
            .unwrap_or_default(),
        checkpoint,
        anchors: app
            .store
            .anchors(None, ANCHORS)
            .await?
            .anchors
            .into_iter()
            .rev()
            .collect(),
        log_origin: oracle.log_origin.clone(),
        identity: oracle.identity()?.to_string(),
        log_public_key: hex::encode(oracle.log_public_key),
        public_url: url.0.to_string(),
        older: rows.last().map(|r| r.position).filter(|p| *p > 0),
        entries: rows.into_iter().map(Entry::from).collect(),
        latest: before.is_none_or(|b| b >= size),
    })
}

/// Names of the note's signatures but the log's own; none of them is checked
/// here.
fn cosigners(note: &str, origin: &str) -> Vec<String> {
    let signatures = note.split_once("\n\n").map_or("", |(_, lines)| lines);
    signatures
        .lines()
        .filter_map(|line| line.strip_prefix("— ")?.split_once(' '))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name != origin)
        .collect()
}
