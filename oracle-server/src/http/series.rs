//! `/v1/series`: what the series will ask, and when they announce it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use oracle_schema::Maturity;
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use super::cache::fresh_json;
use super::events::{DigitsJson, digits, outcomes, state_name, time};
use super::openapi::{
    Cursor, EventKind, EventName, EventState as StateName, Hex32, SeriesName, Time,
};
use super::paging::{Page, one_more};
use super::problem::Problem;
use super::query::{Query, SeriesPath, cursor};
use crate::config::{Schedule, Series, Upcoming};
use crate::store::read::{EventFilter, EventView};

/// Series in a page when nothing else is asked for, and at most: each is looked up.
const PAGE_DEFAULT: i64 = 20;
const SERIES_MOST: i64 = 100;
/// Events ahead of one series when nothing else is asked for.
const AHEAD_DEFAULT: i64 = 10;
/// And at most.
const PAGE_MOST: i64 = 500;

/// A series.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "series_id": "ppcusd-daily", "kind": "digits", "title": "PPC/USD", "description": null,
    "names": {}, "period": {"cron": "0 16 * * *"}, "announce_ahead_s": 604_800,
    "settle_delay_s": 60, "give_up_after_s": 259_200,
    "digits": {"base": 2, "nb_digits": 20, "is_signed": false, "unit": "uUSD/PPC", "precision": 0},
    "nonces": 20,
    "policy_hash": "5f7c0d2b4c0b6a4f6f0f3b0a9b6f1f9f3b3e6a5d1c2b3a495867768594a3b2c1",
    "next": [{
        "event_id": "ppcusd-daily@2026-11-22T16:00:00Z", "maturity": "2026-11-22T16:00:00Z",
        "announce_at": "2026-11-15T16:00:00Z", "attest_by": "2026-11-25T16:00:00Z", "state": null
    }],
    "next_from": "2026-11-23T16:00:00Z"
}))]
struct SeriesJson {
    /// Name.
    #[schema(value_type = SeriesName)]
    series_id: String,
    /// `digits`, `threshold`, ….
    #[schema(value_type = EventKind)]
    kind: &'static str,
    /// What its events ask, in one line, without their maturity.
    title: String,
    /// What counts, what does not, where to look; lines end in `\n`.
    #[schema(required)]
    description: Option<String>,
    /// For people, by outcome or role. Ids decide.
    names: BTreeMap<String, String>,
    period: PeriodJson,
    /// How long before their maturity its events are announced.
    #[schema(minimum = 1)]
    announce_ahead_s: u64,
    /// From a maturity to the earliest decision.
    #[schema(minimum = 0)]
    settle_delay_s: i64,
    /// From a maturity to `attest_by`: without an attestation by then there is none.
    #[schema(minimum = 1)]
    give_up_after_s: u32,
    /// What can come out, for enum events.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    outcomes: Option<Vec<String>>,
    /// How the number is cut, for digit events.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = DigitsJson, required = false)]
    digits: Option<DigitsJson>,
    /// Nonces of each announcement, and signatures of each attestation.
    #[schema(minimum = 1)]
    nonces: usize,
    /// Of the policy of events to come, hex.
    #[schema(value_type = Hex32)]
    policy_hash: String,
    /// Its events ahead, the earliest maturity first.
    next: Vec<UpcomingJson>,
    /// Give it as `from` for those after; null where there are none.
    #[schema(value_type = Option<Time>, required)]
    next_from: Option<String>,
}

/// When the events of a series mature: one of the three.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PeriodJson {
    /// Every so many seconds, in step with the Unix epoch.
    EveryS(u32),
    /// A cron expression, UTC.
    Cron(String),
    /// At so many times that its operator lists.
    Listed(usize),
}

/// An event that is ahead.
#[derive(Debug, Serialize, ToSchema)]
struct UpcomingJson {
    /// Its name.
    #[schema(value_type = EventName)]
    event_id: String,
    /// When its outcome is fixed.
    #[schema(value_type = Time)]
    maturity: String,
    /// When it is or was due to be announced.
    #[schema(value_type = Time)]
    announce_at: String,
    /// Set refund locktimes after this.
    #[schema(value_type = Time)]
    attest_by: String,
    /// Where it stands; null until it is made, which is when it is due to be announced.
    #[schema(value_type = Option<StateName>, required)]
    state: Option<&'static str>,
}

/// A page of series, by name.
#[derive(Debug, Serialize, ToSchema)]
struct AllSeriesJson {
    series: Vec<SeriesJson>,
    /// Give it as `cursor` for the next page; null on the last.
    #[schema(value_type = Option<Cursor>, required)]
    next_cursor: Option<String>,
}

/// Series, by name, each with the next of its events.
#[utoipa::path(get, path = "/v1/series", tag = "events",
    params(
        ("limit" = Option<i64>, Query, description = "Series in a page; 20 if not given.", minimum = 1, maximum = 100, example = 10),
        ("cursor" = Option<Cursor>, Query, description = "Where to go on: `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page.", body = AllSeriesJson)))]
pub(super) async fn get_all_series(
    State(app): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, Problem> {
    let query = Query::strict(&uri, &["limit", "cursor"])?;
    let after = query.get("cursor").map(cursor::decode).transpose()?;
    let limit = query.number("limit", 1..=SERIES_MOST)?;
    let after = after.as_ref().map(|(_, id)| id.as_str());
    let page = Page::of(app.calendar.after(after), limit.unwrap_or(PAGE_DEFAULT));
    let next_cursor = page.next(|s| cursor::encode(Maturity::from_epoch(0), s.id.as_str()));
    let mut series: Vec<SeriesJson> = Vec::new();
    for one in page.into_rows() {
        series.push(with_next(&app, one, app.clock.now(), 1).await?);
    }
    Ok(fresh_json(
        StatusCode::OK,
        &AllSeriesJson {
            series,
            next_cursor,
        },
    ))
}

/// A series, and its events ahead with when they are announced.
///
/// What is past is at `/v1/events?series=`.
#[utoipa::path(get, path = "/v1/series/{id}", tag = "events",
    params(
        ("id" = SeriesName, Path, description = "Name of the series."),
        ("from" = Option<Time>, Query, description = "Only maturities at or after."),
        ("limit" = Option<i64>, Query, description = "Events ahead; 10 if not given.", minimum = 1, maximum = 500, example = 10),
    ),
    responses(
        (status = 200, description = "The series as configured.", body = SeriesJson),
        (status = 404, description = "`unknown-series`.")))]
pub(super) async fn get_series(
    State(app): State<Arc<AppState>>,
    SeriesPath(id): SeriesPath,
    uri: Uri,
) -> Result<Response, Problem> {
    let query = Query::strict(&uri, &["from", "limit"])?;
    let limit = query.number("limit", 1..=PAGE_MOST)?;
    let now = app.clock.now();
    // Right before `from`: one that matures then is among those after it.
    let from = query
        .time("from")?
        .map(|from| from - TimeDelta::nanoseconds(1));
    let after = from.map_or(now, |from| now.max(from));
    let series = app
        .calendar
        .series(&id)
        .ok_or_else(|| Problem::unknown_series(&id))?;
    let limit = limit.unwrap_or(AHEAD_DEFAULT);
    let json = with_next(&app, series, after, limit).await?;
    Ok(fresh_json(StatusCode::OK, &json))
}

/// A series with its events that mature after `after`: those that its schedule has, and
/// those that were made before the schedule was changed.
async fn with_next(
    app: &AppState,
    series: &Series,
    after: DateTime<Utc>,
    limit: i64,
) -> Result<SeriesJson, Problem> {
    let page = usize::try_from(limit).unwrap_or(usize::MAX);
    let filter = EventFilter {
        series: Some(series.id.as_str().to_owned()),
        matures_after: Some(after),
        limit: one_more(limit),
        ..EventFilter::default()
    };
    let mut ahead = BTreeMap::new();
    // One more of both tells where the next page begins.
    for upcoming in series.upcoming(after).take(page.saturating_add(1)) {
        let key = (upcoming.maturity, upcoming.event_id.to_string());
        ahead.insert(key, UpcomingJson::from(upcoming));
    }
    for event in app.store.events(&filter, app.clock.now()).await? {
        let key = (event.maturity, event.event_id.to_string());
        ahead.insert(key, UpcomingJson::from(event));
    }
    let mut next = Vec::new();
    let mut last = None;
    let mut next_from = None;
    for ((maturity, _), upcoming) in ahead {
        // Two of one maturity are never on two pages: `from` could not tell them apart.
        if next.len() >= page && last != Some(maturity) {
            next_from = Some(maturity.to_string());
            break;
        }
        last = Some(maturity);
        next.push(upcoming);
    }
    Ok(SeriesJson {
        next,
        next_from,
        ..SeriesJson::from(series)
    })
}

impl From<&Series> for SeriesJson {
    fn from(series: &Series) -> Self {
        let definition = &series.definition;
        let policy = &definition.policy;
        let question = policy.question(None);
        Self {
            series_id: series.id.as_str().to_owned(),
            kind: policy.rule.kind(),
            title: policy.headline(None),
            description: question.description,
            names: question.names,
            period: match &series.schedule {
                Schedule::Every(seconds) => PeriodJson::EveryS(*seconds),
                Schedule::Cron(cron) => PeriodJson::Cron(cron.pattern.to_string()),
                Schedule::At(times) => PeriodJson::Listed(times.len()),
            },
            announce_ahead_s: series.announce_ahead.as_secs(),
            settle_delay_s: definition.settle_delay_s(),
            give_up_after_s: policy.give_up_after_s,
            outcomes: outcomes(&definition.descriptor),
            digits: digits(&definition.descriptor),
            nonces: definition.descriptor.nonce_count(),
            policy_hash: hex::encode(definition.policy_hash),
            next: Vec::new(),
            next_from: None,
        }
    }
}

impl From<Upcoming> for UpcomingJson {
    fn from(upcoming: Upcoming) -> Self {
        Self {
            event_id: upcoming.event_id.to_string(),
            maturity: upcoming.maturity.to_string(),
            announce_at: time(upcoming.announce_at),
            attest_by: time(upcoming.attest_by),
            state: None,
        }
    }
}

impl From<EventView> for UpcomingJson {
    fn from(event: EventView) -> Self {
        Self {
            event_id: event.event_id.to_string(),
            maturity: event.maturity.to_string(),
            announce_at: time(event.announce_at),
            attest_by: time(event.attest_by),
            state: Some(state_name(event.state)),
        }
    }
}
