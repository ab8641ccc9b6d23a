//! `GET /events`: every event there is, found by name, kind, series, state and
//! time, with the filters of `/v1/events`.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use url::form_urlencoded::Serializer;

use super::value::{Line, lines};
use super::words::kind as kind_in_words;
use super::{Site, page};
use crate::config::KINDS;
use crate::http::AppState;
use crate::http::events::{STATES, filter};
use crate::http::openapi::{Cursor, FormKind, FormOrder, FormState, FormText, FormTime, Html};
use crate::http::paging::{Page, one_more};
use crate::http::problem::Problem;
use crate::http::query::{Query, cursor};

/// Events on a page.
const LINES: i64 = 50;
/// Series to choose from.
const SERIES: i64 = 200;

/// What the form shows, as it was sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    pub(super) q: String,
    kind: String,
    series: String,
    state: String,
    from: String,
    to: String,
    earliest: bool,
}

impl Fields {
    fn of(query: &Query) -> Self {
        let text = |name: &str| query.get(name).unwrap_or_default().to_owned();
        Self {
            q: text("q"),
            kind: text("kind"),
            series: text("series"),
            state: text("state"),
            from: text("from"),
            to: text("to"),
            earliest: query.get("order") == Some("earliest"),
        }
    }

    /// Those of one series.
    pub(super) fn of_series(id: &str) -> Self {
        Self {
            series: id.to_owned(),
            ..Self::default()
        }
    }

    fn pairs(&self) -> Vec<(&'static str, &str)> {
        let order = if self.earliest { "earliest" } else { "" };
        let all = [
            ("q", self.q.as_str()),
            ("kind", &self.kind),
            ("series", &self.series),
            ("state", &self.state),
            ("from", &self.from),
            ("to", &self.to),
            ("order", order),
        ];
        all.into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }

    /// The address of these filters, with a field changed or added.
    pub(super) fn href(&self, name: &str, value: &str) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(self.pairs().into_iter().filter(|(n, _)| *n != name));
        if !value.is_empty() {
            query.append_pair(name, value);
        }
        let query = query.finish();
        if query.is_empty() {
            "/events".to_owned()
        } else {
            format!("/events?{query}")
        }
    }

    /// As a date field has it: without the zone, which is UTC.
    fn local(time: &str) -> &str {
        time.strip_suffix('Z').unwrap_or(time)
    }
}

#[derive(Template)]
#[template(path = "events.html")]
struct EventList {
    site: Site,
    fields: Fields,
    /// What is filtered by: its name, its value, the address without it.
    chosen: Vec<(&'static str, String, String)>,
    lines: Vec<Line>,
    series: Vec<String>,
    next: Option<String>,
    /// The address of the first page, on any other.
    start: Option<String>,
    json: String,
}

impl EventList {
    fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
        KINDS.iter().map(|kind| (*kind, kind_in_words(kind)))
    }

    fn states() -> impl Iterator<Item = &'static str> {
        STATES.iter().map(|(_, name)| *name)
    }
}

/// Events by name, kind, series, state and time of maturity; the latest first.
/// An empty field filters by nothing.
#[utoipa::path(get, path = "/events", tag = "pages",
    params(
        ("q" = Option<FormText>, Query, description = "Part of the event id; or of the title or a name, in any case."),
        ("kind" = Option<FormKind>, Query, description = "Only this kind."),
        ("series" = Option<FormText>, Query, description = "Only this series."),
        ("state" = Option<FormState>, Query, description = "Only this state."),
        ("from" = Option<FormTime>, Query, description = "Maturity at or after; UTC where it names no zone."),
        ("to" = Option<FormTime>, Query, description = "Maturity at or before; not before `from`."),
        ("order" = Option<FormOrder>, Query, description = "Which maturity comes first."),
        ("cursor" = Option<Cursor>, Query, description = "Where to go on, as the link to the next page has it."),
    ),
    responses((status = 200, description = "HTML.", content_type = "text/html", body = Html)))]
pub(crate) async fn get_event_list(
    State(app): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, Problem> {
    const KNOWN: &[&str] = &[
        "q", "kind", "series", "state", "from", "to", "order", "cursor",
    ];
    let query = Query::of_form(&uri, KNOWN, &["from", "to"])?;
    let mut filter = filter(&query, true)?;
    let fields = Fields::of(&query);
    filter.limit = one_more(LINES);
    let events = Page::of(app.store.events(&filter, app.clock.now()).await?, LINES);
    let next = events
        .next(|e| cursor::encode(e.maturity, e.event_id.as_str()))
        .map(|cursor| fields.href("cursor", &cursor));
    let mut series: Vec<String> = app
        .store
        .series(SERIES)
        .await?
        .into_iter()
        .map(|s| s.series_id)
        .collect();
    if !fields.series.is_empty() && !series.contains(&fields.series) {
        series.push(fields.series.clone());
    }
    let shown = fields
        .pairs()
        .into_iter()
        .filter(|(name, _)| *name != "order");
    page(&EventList {
        site: Site::of(&app, "events"),
        chosen: shown
            .map(|(name, value)| (name, value.to_owned(), fields.href(name, "")))
            .collect(),
        lines: lines(&app, events.into_rows()).await?,
        series,
        next,
        start: filter.after.is_some().then(|| fields.href("", "")),
        json: json_address(&fields),
        fields,
    })
}

/// The same question to the API.
fn json_address(fields: &Fields) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(fields.pairs().into_iter().filter(|(n, _)| *n != "order"));
    let query = query.finish().replace('+', "%20");
    if query.is_empty() {
        "/v1/events".to_owned()
    } else {
        format!("/v1/events?{query}")
    }
}
