//! `GET /`: what matures next, what was just attested, and how the oracle is
//! doing.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;

use super::list::Fields;
use super::plot::{Lateness, lateness};
use super::value::{Line, lines, series_href};
use super::words::{Stamp, rough};
use super::{Site, page};
use crate::http::AppState;
use crate::http::openapi::Html;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::store::read::EventFilter;

/// Lines of each list.
const LINES: usize = 8;
/// Attestations whose lateness is plotted.
const PLOTTED: i64 = 60;
/// Events in trouble that are shown.
const TROUBLED: i64 = 6;
/// Series that are named.
const SERIES: i64 = 40;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    site: Site,
    health: Health,
    troubled: Vec<Line>,
    next: Vec<Line>,
    latest: Vec<Line>,
    lateness: Option<Lateness>,
    series: Vec<(String, String)>,
    fields: Fields,
}

/// How the process is doing, in words.
struct Health {
    leader: bool,
    /// Why the signing journal cannot be used, if it cannot.
    journal: Option<String>,
    overdue: i64,
    oldest: String,
    log_size: i64,
    open: i64,
    attested: i64,
    ended: i64,
    providers: Vec<Provider>,
}

struct Provider {
    name: String,
    ok: bool,
    asked: bool,
    last_success: Option<Stamp>,
    readable: String,
    lag_ms: u64,
    deviation: String,
    error: Option<String>,
}

/// The overview: what matures next, what was just attested, health.
#[utoipa::path(get, path = "/", tag = "pages",
    responses((status = 200, description = "HTML.", content_type = "text/html", body = Html)))]
pub(crate) async fn get_index(
    State(app): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let now = app.clock.now();
    let next = EventFilter {
        matures_after: Some(now),
        limit: i64::try_from(LINES).unwrap_or(i64::MAX),
        ..EventFilter::default()
    };
    let next = lines(&app, app.store.events(&next, now).await?).await?;
    let troubled = lines(&app, app.store.troubled(TROUBLED, now).await?).await?;
    let attested = lines(&app, app.store.latest_attested(PLOTTED, now).await?).await?;
    let lateness = lateness(&attested);
    let mut latest = attested;
    latest.truncate(LINES);
    let series = app.store.series(SERIES).await?.into_iter();
    page(&Overview {
        site: Site::of(&app, "overview").live("/v1/stream"),
        health: health(&app).await?,
        troubled,
        next,
        latest,
        lateness,
        series: series
            .map(|s| (series_href(&s.series_id), s.series_id))
            .collect(),
        fields: Fields::default(),
    })
}

async fn health(app: &AppState) -> Result<Health, Problem> {
    let now = app.clock.now();
    let overdue = app.store.overdue(now).await?;
    let counts = app.store.counts().await?;
    let count = |states: &[&str]| -> i64 {
        let of = counts.iter().filter(|(s, _)| states.contains(&s.as_str()));
        of.map(|(_, n)| n).sum()
    };
    let report = app.health.borrow().clone();
    let providers = report.providers.into_iter().map(|(name, health)| {
        let record = &health.record;
        Provider {
            name,
            ok: health.ok,
            asked: health.ok || health.last_error.is_some() || health.last_success_at.is_some(),
            last_success: health.last_success_at.map(Stamp),
            readable: super::value::with_point(&record.success_permille().to_string(), 1),
            lag_ms: record.lag_ms(),
            deviation: super::value::with_point(&record.deviation_ppm().to_string(), 4),
            error: health.last_error,
        }
    });
    Ok(Health {
        leader: report.leader,
        journal: (!report.journal.works()).then(|| report.journal.to_string()),
        overdue: overdue.count,
        oldest: rough(overdue.oldest.num_seconds()),
        log_size: *app.store.head().borrow(),
        open: count(&["scheduled", "announced", "provisional", "held", "committed"]),
        attested: count(&["attested", "voided"]),
        ended: count(&["refund", "withdrawn"]),
        providers: providers.collect(),
    })
}
