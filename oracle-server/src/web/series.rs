//! `GET /series/{id}`: what came out over time, what is next, by which rules.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use chrono::{DateTime, Utc};
use oracle_schema::Descriptor;
use oracle_schema::policy::explain;

use super::list::Fields;
use super::plot::{Course, numbers, words};
use super::value::{Line, lines};
use super::words::{Distance, Stamp, kind};
use super::{Site, page};
use crate::config::Upcoming;
use crate::http::AppState;
use crate::http::openapi::{Html, SeriesName};
use crate::http::problem::Problem;
use crate::http::query::{Query, SeriesPath};
use crate::store::read::{EventFilter, EventState};

/// Attested events that are plotted and listed.
const PLOTTED: i64 = 120;
/// Events that are ahead.
const AHEAD: i64 = 8;
/// Events that are not announced yet.
const PLANNED: usize = 3;

#[derive(Template)]
#[template(path = "series.html")]
struct SeriesPage {
    site: Site,
    id: String,
    kind: &'static str,
    /// What its events ask, by their template.
    title: Option<String>,
    description: Option<String>,
    policy: Vec<String>,
    policy_hash: String,
    course: Option<Course>,
    /// Outcomes are numbers, which stand beside what they mean.
    numbers: bool,
    /// The latest first.
    past: Vec<Line>,
    next: Vec<Line>,
    /// What its schedule has after those, and is not announced yet.
    planned: Vec<Planned>,
    /// Ended without an attestation, the latest first.
    refunded: Vec<Line>,
    /// All events of it.
    all: String,
}

/// An event that the schedule has, and that is not made yet.
struct Planned {
    id: String,
    announced: Stamp,
    distance: Distance,
}

/// The next of a series that are not announced yet; none where it is not configured any
/// more.
fn planned(app: &AppState, id: &str) -> Vec<Planned> {
    let now = app.clock.now();
    let series = app.calendar.series(id);
    // Those before are announced, or are about to be.
    let unannounced = series.into_iter().flat_map(|s| {
        let announced = now.checked_add_signed(s.ahead());
        s.upcoming(announced.unwrap_or(DateTime::<Utc>::MAX_UTC))
    });
    let of = |event: Upcoming| Planned {
        id: event.event_id.to_string(),
        announced: Stamp(event.announce_at),
        distance: Distance {
            to: event.announce_at,
            from: now,
        },
    };
    unannounced.take(PLANNED).map(of).collect()
}

/// A series: its fixings over time, what is next, its rules.
#[utoipa::path(get, path = "/series/{id}", tag = "pages",
    params(("id" = SeriesName, Path, description = "Name of the series.")),
    responses(
        (status = 200, description = "HTML.", content_type = "text/html", body = Html),
        (status = 404, description = "`unknown-series`.")))]
pub(crate) async fn get_series_page(
    State(app): State<Arc<AppState>>,
    SeriesPath(id): SeriesPath,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let now = app.clock.now();
    let of_series = |limit: i64| EventFilter {
        series: Some(id.clone()),
        latest_first: true,
        limit,
        ..EventFilter::default()
    };
    let known = app.store.one_series(&id).await?;
    // A series that was taken out of the configuration still has its events.
    let any = app.store.events(&of_series(1), now).await?.pop();
    let (Some(hash), any) = (
        known
            .map(|s| s.policy_hash)
            .or(any.as_ref().map(|e| e.policy_hash)),
        any,
    ) else {
        return Err(Problem::unknown_series(&id));
    };
    let policy = app.policies.of(&app.store, &hash).await?;
    let in_state = |state, limit| EventFilter {
        state: Some(state),
        ..of_series(limit)
    };
    let attested = app
        .store
        .events(&in_state(EventState::Attested, PLOTTED), now)
        .await?;
    let outcomes = attested.first().map(|e| e.descriptor.clone());
    let past = lines(&app, attested).await?;
    let refunded = app
        .store
        .events(&in_state(EventState::Refund, AHEAD), now)
        .await?;
    let next = EventFilter {
        matures_after: Some(now),
        latest_first: false,
        ..of_series(AHEAD)
    };
    let next = app.store.events(&next, now).await?;
    let mut oldest_first: Vec<Line> = past;
    oldest_first.reverse();
    let is_number = matches!(outcomes, Some(Descriptor::Digits(_)));
    let course = match outcomes {
        Some(Descriptor::Enum(d)) => words(&oldest_first, d.outcomes()),
        Some(Descriptor::Digits(_)) => numbers(&oldest_first, in_decimal),
        None => None,
    };
    oldest_first.reverse();
    let rule = policy.as_ref().map(|p| p.rule.kind());
    page(&SeriesPage {
        site: Site::of(&app, "events").live("/v1/stream"),
        kind: kind(
            rule.or(any.as_ref().map(|e| e.kind.as_str()))
                .unwrap_or_default(),
        ),
        title: policy.as_deref().map(|p| p.headline(None)),
        description: policy.as_deref().and_then(|p| p.question(None).description),
        policy: policy
            .as_deref()
            .map(|p| explain::explain(p, None))
            .unwrap_or_default(),
        policy_hash: hex::encode(hash),
        course,
        numbers: is_number,
        past: oldest_first,
        next: lines(&app, next).await?,
        planned: planned(&app, &id),
        refunded: lines(&app, refunded).await?,
        all: Fields::of_series(&id).href("", ""),
        id,
    })
}

/// The price where the policy says it, else the integer and its unit.
fn in_decimal(line: &Line) -> String {
    let Some(value) = &line.value else {
        return String::new();
    };
    match (&value.price, &value.unit) {
        (Some(price), _) => price.decimal.clone(),
        (None, Some(unit)) => format!("{} {unit}", value.outcome),
        (None, None) => value.outcome.clone(),
    }
}
