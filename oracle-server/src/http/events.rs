//! `/v1/oracle`, `/v1/events` and what hangs below an event: policy, evidence.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use chrono::{DateTime, SecondsFormat, Utc};
use oracle_schema::Descriptor;
use oracle_schema::evidence::Observation;
use oracle_schema::policy::{Question, choice_bits};
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use super::cache::{Representation, fresh_json};
use super::choice::ChoiceJson;
use super::nostr::{self, NostrJson};
use super::openapi::{
    Bytes, Cursor, EventKind, EventName, EventState as StateName, EvidenceForm, Hex32, Network,
    SearchText, SeriesName, Time, Verdict,
};
use super::paging::{Page, one_more};
use super::problem::{Kind, Problem};
use super::query::{EventPath, HashPath, Query, cursor};
use crate::config::KINDS;
use crate::store::read::{EventFilter, EventState, EventView};

/// Events in a page when nothing else is asked for, and at most.
const PAGE_DEFAULT: i64 = 100;
const PAGE_MOST: i64 = 500;
/// When to ask again, at the latest, for an announcement that should be there, seconds.
const OVERDUE_RETRY_S: i64 = 30;

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

/// `GET /v1/oracle`.
#[derive(Debug, Serialize, ToSchema)]
struct OracleJson<'a> {
    /// For people.
    name: &'a str,
    /// `peercoin`, `peercoin-testnet` or `peercoin-regtest`.
    #[schema(value_type = Network)]
    network: &'a str,
    /// What to pin: the verifier key of the oracle's log (C2SP vkey,
    /// `origin+hash+key`). Everything else follows from it.
    identity: String,
    /// x-only, hex. By itself its signature proves nothing but an attestation
    /// under a nonce that the log has announced.
    #[schema(value_type = Hex32)]
    public_key: String,
    /// Origin line of the log's checkpoints.
    log_origin: &'a str,
    /// Ed25519, hex.
    #[schema(value_type = Hex32)]
    log_public_key: String,
    /// Of the software.
    server_version: &'static str,
    /// Which hash is signed; always `tagged`.
    #[schema(pattern = "^tagged$")]
    dialect: &'static str,
    /// Choice, in bits, over open events of facts that one outside party alone
    /// decides, whichever; those not yet announced included.
    open_choice_bits: u32,
    /// The bound on it.
    max_open_choice_bits: u32,
    choice: ChoiceJson,
}

/// Who this oracle is.
#[utoipa::path(get, path = "/v1/oracle", tag = "oracle",
    responses((status = 200, description = "Identity and bounds.", body = OracleJson)))]
pub(crate) async fn get_oracle(
    State(app): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let identity = &app.identity;
    let open_choice_bits = choice_bits(app.store.open_choice().await?);
    let choice = app.choices.get(&app).await?;
    Ok(fresh_json(
        StatusCode::OK,
        &OracleJson {
            name: &identity.name,
            network: &identity.oracle.network,
            identity: identity.oracle.identity()?.to_string(),
            public_key: hex::encode(identity.oracle.public_key),
            log_origin: &identity.oracle.log_origin,
            log_public_key: hex::encode(identity.oracle.log_public_key),
            server_version: env!("CARGO_PKG_VERSION"),
            dialect: "tagged",
            open_choice_bits,
            max_open_choice_bits: identity.max_open_choice_bits,
            choice: ChoiceJson::from(&*choice),
        },
    ))
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

/// There is no such event; where a series will have it, with when it is announced. Only
/// what the database has of that series too: whoever leads may go by another file, or may
/// have passed that maturity over.
pub(super) async fn unknown(app: &AppState, id: &str) -> Problem {
    let now = app.clock.now();
    let Some((series, upcoming)) = app.calendar.event(id, now) else {
        return Problem::unknown_event(id);
    };
    let known = match app.store.one_series(series.id.as_str()).await {
        Ok(known) => known,
        Err(error) => return error.into(),
    };
    let is_made_later = known.is_some_and(|known| {
        known.policy_hash == series.definition.policy_hash
            && known
                .next_maturity
                .is_some_and(|next| next <= upcoming.maturity)
    });
    if !is_made_later {
        return Problem::unknown_event(id);
    }
    due_at(id, upcoming.announce_at, now)
}

/// The event is known, and is announced later.
pub(super) fn due_at(id: &str, at: DateTime<Utc>, now: DateTime<Utc>) -> Problem {
    // What is overdue waits for something that nobody here knows: the longer it does, the
    // less often it is worth asking.
    let wait = if at > now {
        (at - now).num_seconds() + 1
    } else {
        (now - at).num_seconds().clamp(1, OVERDUE_RETRY_S)
    };
    Kind::NotAnnounced
        .because(format!("event {id} is due to be announced at {}", time(at)))
        .retry_after_s(wait)
}

/// The rules of an event, RFC 8785 JSON.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the documentation")]
struct PolicyDocument {
    /// Of its shape.
    version: u32,
    /// How facts become an outcome; its members depend on the kind.
    #[schema(value_type = Object)]
    rule: (),
    /// After the maturity, seconds; then it is a refund.
    give_up_after_s: u32,
    /// What is asked, in one line; `{maturity}`, `{price}`, `{unit}` and
    /// `{above}` stand for what event and rule say.
    #[schema(value_type = String, required = false)]
    title: (),
    /// What counts, what does not, where to look; the same placeholders.
    #[schema(value_type = String, required = false)]
    description: (),
    /// For people, by outcome or role.
    #[schema(value_type = Object, required = false)]
    names: (),
}

/// The rules of an event: the canonical policy document (RFC 8785 JSON), whose
/// SHA-256 is the event's `policy_hash`.
#[utoipa::path(get, path = "/v1/events/{id}/policy", tag = "events",
    params(("id" = EventName, Path, description = "Event id; percent-encoded in an address.")),
    responses(
        (status = 200, description = "Exactly the bytes that were hashed.", content_type = "application/json", body = PolicyDocument),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-event`; `not-announced` of one that a series will have, with Retry-After.")))]
pub(crate) async fn get_policy(
    State(app): State<Arc<AppState>>,
    EventPath(id): EventPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let announced = event(&app, &id).await?.announced_at.is_some();
    let document = app
        .store
        .policy(&id)
        .await?
        .ok_or_else(|| Problem::unknown_event(&id))?;
    let document = Representation::new("application/json", document);
    // Until the announcement the rules can still be replaced.
    Ok(if announced {
        document.immutable(&headers)
    } else {
        document.revalidated(&headers)
    })
}

/// One exchange with a provider.
#[derive(Debug, Serialize, ToSchema)]
struct ObservationJson {
    /// Which leg of a price; null for facts.
    #[schema(required)]
    leg: Option<String>,
    /// As configured.
    source: String,
    /// Sources of one root count once.
    root: String,
    /// The adapter that read it and its version.
    adapter: String,
    /// What was asked, without secrets.
    url: String,
    /// The JSON that was posted there; null for a GET.
    #[schema(required)]
    posted: Option<String>,
    #[schema(value_type = Time)]
    sent_at: String,
    #[schema(value_type = Time)]
    received_at: String,
    /// HTTP status; null when nothing answered.
    #[schema(required)]
    status: Option<u16>,
    /// Why no complete answer came.
    #[schema(required)]
    failure: Option<String>,
    /// SHA-256 of the body, hex; see `/v1/evidence/{sha256}`.
    #[schema(value_type = Option<Hex32>, required)]
    sha256: Option<String>,
    /// Whether the body is there; otherwise its licence keeps it with the oracle, or
    /// `not_kept` says why nobody has it.
    public: bool,
    /// Why the body was not kept; null where it was, and where nothing came.
    #[schema(required)]
    not_kept: Option<String>,
    /// The value's text, as the provider wrote it.
    #[schema(required)]
    literal: Option<String>,
    /// End of the bar used.
    #[schema(value_type = Option<Time>, required)]
    effective_at: Option<String>,
    /// What was read of a match or an election; null for prices, but
    /// `{"lagging": true}` where the source has not shown that it moved past the
    /// maturity.
    #[schema(value_type = Option<Object>, required)]
    fact: Option<serde_json::Value>,
    /// `observation`, `not_yet`, `no_data`, `transient`, `permanent` or `contradiction`.
    #[schema(value_type = Verdict)]
    verdict: String,
    /// What the verdict rests on.
    #[schema(required)]
    detail: Option<String>,
    /// Which attempt at the source.
    attempt: i64,
    /// Equal readings in a row up to this one.
    reads: i64,
}

impl From<Observation> for ObservationJson {
    fn from(o: Observation) -> Self {
        let at = |time_ms: i64| {
            DateTime::from_timestamp_millis(time_ms).map_or_else(|| time_ms.to_string(), time)
        };
        Self {
            leg: o.leg,
            source: o.source,
            root: o.root,
            adapter: o.adapter,
            url: o.url,
            posted: o.posted,
            sent_at: at(o.sent_ms),
            received_at: at(o.received_ms),
            status: o.status,
            failure: o.failure,
            sha256: o.sha256,
            public: o.public,
            not_kept: o.not_kept,
            literal: o.literal,
            effective_at: o.effective_at.map(|s| at(s.saturating_mul(1000))),
            fact: o.fact,
            verdict: o.verdict,
            detail: o.detail,
            attempt: o.attempt,
            reads: o.reads,
        }
    }
}

/// What an outcome rests on.
#[derive(Debug, Serialize, ToSchema)]
struct EvidenceJson {
    /// Oldest first.
    observations: Vec<ObservationJson>,
    /// The decision and its trace; null until there is one.
    #[schema(value_type = Option<Object>, required)]
    decision: Option<serde_json::Value>,
    /// SHA-256 of the canonical manifest that the log entry binds, hex.
    #[schema(value_type = Option<Hex32>, required)]
    manifest_sha256: Option<String>,
}

/// What `/v1/events/{id}/evidence` answers.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the documentation")]
enum EvidenceOrManifest {
    Evidence(EvidenceJson),
    Manifest(ManifestDocument),
}

/// The canonical manifest (RFC 8785 JSON) that the log entry binds.
#[derive(Serialize, ToSchema)]
pub(crate) struct ManifestDocument {
    /// Of its shape.
    version: u32,
    /// Unix seconds.
    maturity: i64,
    /// Unix milliseconds.
    decided_ms: i64,
    /// With everything of each exchange.
    #[schema(value_type = Vec<Object>)]
    observations: (),
    /// What operators did: their log entries in hex.
    #[schema(value_type = Vec<String>, required = false)]
    operators: (),
    #[schema(value_type = Object)]
    decision: (),
}

/// What an event's outcome rests on.
#[utoipa::path(get, path = "/v1/events/{id}/evidence", tag = "events",
    params(("id" = EventName, Path, description = "Event id; percent-encoded in an address."),
        ("format" = Option<EvidenceForm>, Query, description = "`manifest`: exactly the bytes that `manifest_sha256` is the hash of.")),
    responses(
        (status = 200, description = "Observations and the decision's trace, or the manifest.", content_type = "application/json", body = EvidenceOrManifest),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-event`; `unknown-evidence` for a manifest before there is a decision.")))]
pub(crate) async fn get_evidence(
    State(app): State<Arc<AppState>>,
    EventPath(id): EventPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::strict(&uri, &["format"])?;
    match query.get("format") {
        None => {}
        Some("manifest") => {
            let Some((_, document)) = app.store.manifest(&id).await? else {
                event(&app, &id).await?;
                return Err(Kind::UnknownEvidence.because("nothing is decided yet"));
            };
            return Ok(Representation::new("application/json", document).revalidated(&headers));
        }
        Some(_) => return Err(Problem::bad("format", "format is manifest, or absent")),
    }
    let Some(evidence) = app.store.evidence(&id).await? else {
        return Err(unknown(&app, &id).await);
    };
    let json = Representation::json(&EvidenceJson {
        observations: evidence.observations.into_iter().map(Into::into).collect(),
        decision: evidence.decision,
        manifest_sha256: evidence.manifest_sha256.map(hex::encode),
    })?;
    Ok(json.revalidated(&headers))
}

/// A provider's answer, byte for byte.
#[utoipa::path(get, path = "/v1/evidence/{sha256}", tag = "events",
    params(("sha256" = Hex32, Path, description = "SHA-256 of the body, lower-case hex.")),
    responses(
        (status = 200, description = "The recorded body.", content_type = "application/octet-stream", body = Bytes),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-evidence`.")))]
pub(crate) async fn get_evidence_body(
    State(app): State<Arc<AppState>>,
    HashPath(sha256): HashPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let body = app.store.evidence_body(&sha256).await?.ok_or_else(|| {
        Kind::UnknownEvidence
            .because("no body of this hash is recorded, or its licence keeps it private")
            .field("sha256")
    })?;
    let mut response = Representation::new("application/octet-stream", body).immutable(&headers);
    // Strangers' bytes under our name: no browser may run them.
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    Ok(response)
}
