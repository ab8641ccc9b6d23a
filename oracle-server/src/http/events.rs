//! `/v1/events`, `/v1/events/{id}`: events and where they stand.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use chrono::{DateTime, SecondsFormat, Utc};
use oracle_schema::Descriptor;
use oracle_schema::policy::Question;
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use super::cache::fresh_json;
use super::calendar::unknown;
use super::nostr::{self, NostrJson};
use super::openapi::{
    Cursor, EventKind, EventName, EventState as StateName, Hex32, SearchText, SeriesName, Time,
};
use super::paging::{Page, one_more};
use super::problem::Problem;
use super::query::{EventPath, Query, cursor};
use crate::config::KINDS;
use crate::store::read::{EventFilter, EventState, EventView};

/// Events in a page when nothing else is asked for, and at most.
const PAGE_DEFAULT: i64 = 100;
const PAGE_MOST: i64 = 500;

/// The contract's names of the states.
pub(crate) const STATES: [(EventState, &str); 10] = [
    (EventState::Scheduled, "scheduled"),
    (EventState::Announced, "announced"),
    (EventState::Matured, "matured"),
    (EventState::Provisional, "provisional"),
    (EventState::Held, "held"),
    (EventState::Committed, "committed"),
    (EventState::Attested, "attested"),
    (EventState::Voided, "voided"),
    (EventState::Refund, "refund"),
    (EventState::Withdrawn, "withdrawn"),
];

pub(crate) fn state_name(state: EventState) -> &'static str {
    STATES
        .iter()
        .find(|(s, _)| *s == state)
        .map_or("unknown", |(_, name)| name)
}

/// RFC 3339 UTC with a `Z`; a fraction only where there is one.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// How a number is cut into digits.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DigitsJson {
    #[schema(minimum = 2)]
    base: u16,
    #[schema(minimum = 1)]
    nb_digits: u16,
    /// The first nonce signs `+` or `-`.
    is_signed: bool,
    /// What the attested integer counts.
    unit: String,
    /// Always 0: the attested integer is the value.
    precision: i32,
}

/// What can come out of an enum event.
pub(super) fn outcomes(descriptor: &Descriptor) -> Option<Vec<String>> {
    match descriptor {
        Descriptor::Enum(d) => Some(d.outcomes().to_vec()),
        Descriptor::Digits(_) => None,
    }
}

/// How the number of a digit event is cut.
pub(super) fn digits(descriptor: &Descriptor) -> Option<DigitsJson> {
    match descriptor {
        Descriptor::Enum(_) => None,
        Descriptor::Digits(d) => Some(DigitsJson {
            base: d.base(),
            nb_digits: d.nb_digits(),
            is_signed: d.is_signed(),
            unit: d.unit().to_owned(),
            precision: d.precision(),
        }),
    }
}

/// One event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "event_id": "ppcusd-daily@2026-11-22T16:00:00Z", "kind": "digits", "series": "ppcusd-daily",
    "title": "PPC/USD at 2026-11-22T16:00:00Z", "description": null, "names": {},
    "state": "attested", "reason": null, "maturity": "2026-11-22T16:00:00Z",
    "attest_by": "2026-11-25T16:00:00Z", "announce_at": "2026-11-15T16:00:00Z",
    "digits": {"base": 2, "nb_digits": 20, "is_signed": false, "unit": "uUSD/PPC", "precision": 0},
    "policy_hash": "5f7c0d2b4c0b6a4f6f0f3b0a9b6f1f9f3b3e6a5d1c2b3a495867768594a3b2c1",
    "announced_at": "2026-11-15T16:00:00.125Z", "attested_at": "2026-11-22T16:01:04.871Z",
    "outcome": "251873", "next_attempt_at": null,
    "announcement_position": 1, "attestation_position": 2,
    "nostr": {
        "announcement": "0f2c1d3b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f00f",
        "attestation": "9b1de0c2a3f45566778899aabbccddeeff00112233445566778899aabbccddee"
    }
}))]
pub(crate) struct EventJson {
    /// Name; burned for ever once used.
    #[schema(value_type = EventName)]
    event_id: String,
    /// `digits`, `threshold`, ….
    #[schema(value_type = EventKind)]
    kind: String,
    /// The series that made it, if one did.
    #[schema(value_type = Option<SeriesName>, required)]
    series: Option<String>,
    /// What it asks, in one line, as its policy has it; null where that says
    /// nothing.
    #[schema(required, max_length = 140)]
    title: Option<String>,
    /// What counts, what does not, where to look; lines end in `\n`.
    #[schema(required)]
    description: Option<String>,
    /// For people, by outcome or role (`home`, `office`, …). Ids decide.
    names: BTreeMap<String, String>,
    /// `scheduled`, `announced`, `matured`, `provisional`, `held`, `committed`,
    /// `attested`, `voided`, `refund` or `withdrawn`.
    #[schema(value_type = StateName)]
    state: &'static str,
    /// One sentence on why it is held, voided, refunded, withdrawn or pending.
    #[schema(required)]
    reason: Option<String>,
    /// When the outcome is fixed.
    #[schema(value_type = Time)]
    maturity: String,
    /// Set refund locktimes after this.
    #[schema(value_type = Time)]
    attest_by: String,
    /// When it is or was due to be announced.
    #[schema(value_type = Time)]
    announce_at: String,
    /// What can come out, for an enum event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    outcomes: Option<Vec<String>>,
    /// How the number is cut, for a digit event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = DigitsJson, required = false)]
    digits: Option<DigitsJson>,
    /// SHA-256 of the policy document, hex.
    #[schema(value_type = Hex32)]
    policy_hash: String,
    #[schema(value_type = Option<Time>, required)]
    announced_at: Option<String>,
    #[schema(value_type = Option<Time>, required)]
    attested_at: Option<String>,
    /// The outcome, or the attested integer in decimal; null until attested.
    #[schema(required)]
    outcome: Option<String>,
    /// When the service looks again.
    #[schema(value_type = Option<Time>, required)]
    next_attempt_at: Option<String>,
    /// Position of the announcement in the log.
    #[schema(minimum = 1, required)]
    announcement_position: Option<i64>,
    /// Position of the attestation in the log.
    #[schema(minimum = 1, required)]
    attestation_position: Option<i64>,
    /// Ids of its Nostr events. Only at `/v1/events/{id}`, from the announcement on, where
    /// this oracle delivers to relays.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = NostrJson, required = false)]
    nostr: Option<NostrJson>,
}

impl EventJson {
    /// The event with what its policy asks.
    async fn of(app: &AppState, event: EventView) -> Result<Self, Problem> {
        let policy = app.policies.of(&app.store, &event.policy_hash).await?;
        let question = policy.map(|policy| policy.question(Some(event.maturity.unix())));
        Ok(Self::asking(event, question.unwrap_or_default()))
    }

    fn asking(event: EventView, question: Question) -> Self {
        Self {
            event_id: event.event_id.to_string(),
            kind: event.kind,
            series: event.series,
            title: question.title,
            description: question.description,
            names: question.names,
            state: state_name(event.state),
            reason: event.reason,
            maturity: event.maturity.to_string(),
            attest_by: time(event.attest_by),
            announce_at: time(event.announce_at),
            outcomes: outcomes(&event.descriptor),
            digits: digits(&event.descriptor),
            policy_hash: hex::encode(event.policy_hash),
            announced_at: event.announced_at.map(time),
            attested_at: event.attested_at.map(time),
            outcome: event.outcome,
            next_attempt_at: event.next_attempt_at.map(time),
            announcement_position: event.announcement_position,
            attestation_position: event.attestation_position,
            nostr: None,
        }
    }
}

/// A page of events, oldest maturity first.
#[derive(Debug, Serialize, ToSchema)]
struct EventsJson {
    events: Vec<EventJson>,
    /// Give it as `cursor` for the next page; null on the last.
    #[schema(value_type = Option<Cursor>, required)]
    next_cursor: Option<String>,
}

/// Which events a query asks for, and in which order: `latest_first` where the address
/// knows no order, or none is asked for.
pub(crate) fn filter(query: &Query, latest_first: bool) -> Result<EventFilter, Problem> {
    let state = query
        .get("state")
        .map(|wanted| {
            STATES
                .iter()
                .find(|(_, name)| *name == wanted)
                .map(|(state, _)| *state)
                .ok_or_else(|| {
                    let names: Vec<_> = STATES.iter().map(|(_, name)| *name).collect();
                    Problem::bad("state", format!("state is one of {}", names.join(", ")))
                })
        })
        .transpose()?;
    let (from, to) = (query.time("from")?, query.time("to")?);
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(Problem::bad("to", "to is before from"));
    }
    Ok(EventFilter {
        state,
        kind: kind(query)?,
        series: query.text("series")?,
        from,
        to,
        matures_after: None,
        q: query.text("q")?,
        after: query.get("cursor").map(cursor::decode).transpose()?,
        latest_first: match query.get("order") {
            None => latest_first,
            Some("latest") => true,
            Some("earliest") => false,
            Some(_) => return Err(Problem::bad("order", "order is latest or earliest")),
        },
        limit: query
            .number("limit", 1..=PAGE_MOST)?
            .unwrap_or(PAGE_DEFAULT),
    })
}

fn kind(query: &Query) -> Result<Option<String>, Problem> {
    let known = |kind: &str| KINDS.contains(&kind);
    match query.get("kind") {
        Some(kind) if !known(kind) => Err(Problem::bad(
            "kind",
            format!("kind is one of {}", KINDS.join(", ")),
        )),
        kind => Ok(kind.map(str::to_owned)),
    }
}

/// Events, oldest maturity first.
#[utoipa::path(get, path = "/v1/events", tag = "events",
    params(
        ("state" = Option<StateName>, Query, description = "Only this state."),
        ("kind" = Option<EventKind>, Query, description = "Only this kind."),
        ("series" = Option<SearchText>, Query, description = "Only this series."),
        ("from" = Option<Time>, Query, description = "Maturity at or after."),
        ("to" = Option<Time>, Query, description = "Maturity at or before; not before `from`."),
        ("q" = Option<SearchText>, Query, description = "Part of the event id; or of the title or a name, in any case."),
        ("limit" = Option<i64>, Query, description = "Events in a page; 100 if not given.", minimum = 1, maximum = 500, example = 10),
        ("cursor" = Option<Cursor>, Query, description = "Where to go on: `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page.", body = EventsJson)))]
pub(crate) async fn get_events(
    State(app): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, Problem> {
    const KNOWN: &[&str] = &[
        "state", "kind", "series", "from", "to", "q", "limit", "cursor",
    ];
    let mut filter = filter(&Query::strict(&uri, KNOWN)?, false)?;
    let limit = filter.limit;
    filter.limit = one_more(limit);
    let page = Page::of(app.store.events(&filter, app.clock.now()).await?, limit);
    let next_cursor = page.next(|e| cursor::encode(e.maturity, e.event_id.as_str()));
    let mut events = Vec::new();
    for event in page.into_rows() {
        events.push(EventJson::of(&app, event).await?);
    }
    Ok(fresh_json(
        StatusCode::OK,
        &EventsJson {
            events,
            next_cursor,
        },
    ))
}

/// One event and where it stands.
#[utoipa::path(get, path = "/v1/events/{id}", tag = "events",
    params(("id" = EventName, Path, description = "Event id; percent-encoded in an address.")),
    responses(
        (status = 200, description = "The event as of now.", body = EventJson),
        (status = 404, description = "`unknown-event`; `not-announced` of one that a series will have, with Retry-After.")))]
pub(crate) async fn get_event(
    State(app): State<Arc<AppState>>,
    EventPath(id): EventPath,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let event = event(&app, &id).await?;
    let mut event = EventJson::of(&app, event).await?;
    event.nostr = nostr::ids(&app, &id).await?;
    Ok(fresh_json(StatusCode::OK, &event))
}

/// An event that must exist.
pub(crate) async fn event(app: &AppState, id: &str) -> Result<EventView, Problem> {
    match app.store.event(id, app.clock.now()).await? {
        Some(event) => Ok(event),
        None => Err(unknown(app, id).await),
    }
}
