//! `GET /events/{id}`: the life of one event, and everything its outcome rests
//! on.

mod points;
mod sources;
mod timeline;
mod trace;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use oracle_schema::Descriptor;
use oracle_schema::policy::{Policy, explain};

use self::points::Points;
use self::sources::{Action, Source};
use self::timeline::Step;
use self::trace::Trace;
use super::value::{Value, series_href};
use super::words::{Badge, Distance, Stamp, kind, late, rough};
use super::{Site, page};
use crate::http::AppState;
use crate::http::events::event;
use crate::http::openapi::{EventName, Html};
use crate::http::problem::Problem;
use crate::http::query::{EventPath, Query, path_segment};
use crate::store::Milestones;
use crate::store::read::{EventState, EventView};

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    site: Site,
    id: String,
    /// What it asks.
    title: Option<String>,
    description: Option<String>,
    /// Names of what is no outcome: of the competition, the office, ….
    names: Vec<(String, String)>,
    /// The id as a path segment.
    segment: String,
    kind: &'static str,
    series: Option<(String, String)>,
    state: Badge,
    meaning: &'static str,
    reason: Option<String>,
    /// Late, and by how much.
    overdue: Option<String>,
    value: Option<Value>,
    lateness: Option<String>,
    maturity: Stamp,
    distance: Distance,
    /// Unix seconds of what the clock alone changes next.
    turns_at: Option<i64>,
    attest_by: Stamp,
    choices: Vec<(String, Option<String>)>,
    digits: Option<String>,
    steps: Vec<Step>,
    policy: Vec<String>,
    warnings: Vec<String>,
    policy_hash: String,
    trace: Option<Trace>,
    sources: Vec<Source>,
    /// Exchanges that are not shown.
    left_out: usize,
    actions: Vec<Action>,
    points: Points,
    announced: bool,
    /// Where the log proves that whoever announced the nonces knows them.
    nonces: Option<i64>,
    attested: bool,
    manifest: Option<String>,
    /// Against which the page verifies, unless its reader knows better.
    identity: String,
}

/// An event's life, rules, sources, decision, points and downloads.
#[utoipa::path(get, path = "/events/{id}", tag = "pages",
    params(("id" = EventName, Path, description = "Event id; percent-encoded in an address.")),
    responses(
        (status = 200, description = "HTML.", content_type = "text/html", body = Html),
        (status = 404, description = "`unknown-event`.")))]
pub(crate) async fn get_event_page(
    State(app): State<Arc<AppState>>,
    EventPath(id): EventPath,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let event = event(&app, &id).await?;
    let milestones = app.store.milestones(&id).await?.unwrap_or_default();
    let policy = app.policies.of(&app.store, &event.policy_hash).await?;
    let evidence = app.store.evidence(&id).await?;
    let actions = app.store.operator_actions(&id).await?;
    let nonces = app.store.nonce_proof_position(&id).await?;
    let points = points::of(&app, &event).await?;
    let (observations, decision, manifest) = match evidence {
        Some(found) => (found.observations, found.decision, found.manifest_sha256),
        None => (Vec::new(), None, None),
    };
    let trace = decision.as_ref().map(Trace::of);
    let agreed_ms = trace.as_ref().and_then(|t| t.agreed_since_ms);
    let (sources, left_out) = sources::of(observations);
    let now = app.clock.now();
    let told = timeline::Told {
        milestones: &milestones,
        actions: &actions,
        statuses: app.store.statuses(&id).await?,
        agreed_ms,
    };
    let steps = timeline::of(&event, &told, now);
    let stream = format!(
        "/v1/stream?events={}",
        path_segment(&id).replace('+', "%2B")
    );
    let words = in_words(&event, policy.as_deref());
    page(&EventPage {
        site: Site::of(&app, "events").live(stream),
        segment: path_segment(&id),
        overdue: overdue(&event, &milestones, now),
        turns_at: turns_at(&event),
        value: words.value,
        lateness: words.lateness,
        maturity: words.maturity,
        distance: Distance {
            to: words.maturity.0,
            from: now,
        },
        title: words.title,
        description: words.description,
        names: words.names,
        choices: words.choices,
        digits: words.digits,
        policy: words.policy,
        warnings: words.warnings,
        kind: kind(&event.kind),
        series: event.series.map(|s| (series_href(&s), s)),
        state: Badge(event.state),
        meaning: Badge(event.state).meaning(),
        reason: event.reason,
        attest_by: Stamp(event.attest_by),
        steps,
        policy_hash: hex::encode(event.policy_hash),
        trace,
        sources,
        left_out,
        actions: actions.iter().map(Action::of).collect(),
        points,
        announced: event.announced_at.is_some(),
        nonces,
        attested: event.attested_at.is_some(),
        manifest: manifest.map(hex::encode),
        identity: app.identity.oracle.identity()?.to_string(),
        id,
    })
}

/// What an event and its policy say, written out.
struct InWords {
    title: Option<String>,
    description: Option<String>,
    names: Vec<(String, String)>,
    value: Option<Value>,
    lateness: Option<String>,
    maturity: Stamp,
    choices: Vec<(String, Option<String>)>,
    digits: Option<String>,
    policy: Vec<String>,
    warnings: Vec<String>,
}

fn in_words(event: &EventView, policy: Option<&Policy>) -> InWords {
    let unix = event.maturity.unix();
    let maturity = DateTime::from_timestamp(unix, 0).unwrap_or_default();
    let mut question = policy.map(|p| p.question(Some(unix))).unwrap_or_default();
    let (choices, digits) = match &event.descriptor {
        Descriptor::Enum(d) => {
            let outcomes = d.outcomes().iter();
            let named = outcomes.map(|o| (o.clone(), question.names.remove(o)));
            (named.collect(), None)
        }
        Descriptor::Digits(d) => {
            let sign = if d.is_signed() { " and a sign" } else { "" };
            let about = format!(
                "a whole number of {} digits of base {}{sign}, in {}",
                d.nb_digits(),
                d.base(),
                d.unit()
            );
            (Vec::new(), Some(about))
        }
    };
    let explained = |f: fn(&Policy, Option<i64>) -> Vec<String>| {
        policy.map(|p| f(p, Some(unix))).unwrap_or_default()
    };
    InWords {
        title: policy.map(|p| p.headline(Some(unix))),
        description: question.description,
        names: question.names.into_iter().collect(),
        value: event
            .outcome
            .as_deref()
            .map(|outcome| Value::of(outcome, &event.descriptor, policy)),
        lateness: event
            .attested_at
            .map(|at| late((at - maturity).num_milliseconds())),
        maturity: Stamp(maturity),
        choices,
        digits,
        policy: explained(explain::explain),
        warnings: explained(explain::warnings),
    }
}

fn overdue(event: &EventView, milestones: &Milestones, now: DateTime<Utc>) -> Option<String> {
    let open = matches!(
        event.state,
        EventState::Matured | EventState::Provisional | EventState::Held | EventState::Committed
    );
    let since = now - milestones.overdue_at;
    (open && since >= TimeDelta::zero()).then(|| rough(since.num_seconds()))
}

/// The maturity is said by no stream: it follows from the clock.
fn turns_at(event: &EventView) -> Option<i64> {
    matches!(event.state, EventState::Announced | EventState::Scheduled)
        .then(|| event.maturity.unix())
}
