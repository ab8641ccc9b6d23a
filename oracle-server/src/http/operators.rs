//! Operators: their signed requests in, and what they did out.
//!
//! A request is read whole, its signature checked against the configured key
//! and the public address, and handed to the engine, which alone decides. The
//! status codes are [`super::problem`]'s.

use std::sync::Arc;

use axum::Extension;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, Uri};
use axum::response::Response;
use oracle_schema::EventId;
use oracle_schema::http_signature::{
    self, FieldValues, SignatureError, SignedRequest, VerifiedRequest,
};
use oracle_schema::operator::{Evidence, MAX_BODY_BYTES, Report, Verb};
use oracle_schema::policy::{Policy, explain};
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use super::cache::fresh_json;
use super::events::{event, time};
use super::openapi::{
    ApprovalBody, EventBody, EventName, EventState, Hex32, OperatorScope, OperatorVerb, ReasonBody,
    ReportBody, Signature, Time,
};
use super::problem::{Kind, Problem};
use super::query::{EventPath, Query};
use crate::command::Refused;
use crate::logging::{self, Shown};
use crate::store::ActionRow;

/// When to ask again where no engine leads.
const RETRY_S: i64 = 5;

/// `@authority` of every signed request: the public address's, whatever `Host`
/// says.
#[derive(Debug, Clone)]
pub(super) struct Authority(Arc<str>);

impl Authority {
    /// Of a checked `[http] public_url`; of anything else an authority that no
    /// request can name.
    pub(super) fn of(public_url: &str) -> Self {
        let url = url::Url::parse(public_url).ok();
        let authority = url.and_then(|url| {
            let host = url.host_str()?;
            Some(match url.port() {
                Some(port) => format!("{host}:{port}"),
                None => host.to_owned(),
            })
        });
        Self(authority.unwrap_or_default().into())
    }
}

/// The answer to an accepted request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "event_id": "pm-upgrade-2026", "state": "matured", "accepted": true,
    "sha256": "1f0c0d2b4c0b6a4f6f0f3b0a9b6f1f9f3b3e6a5d1c2b3a495867768594a3b2c1"
}))]
struct AcceptedJson {
    /// The event.
    #[schema(value_type = EventName)]
    event_id: String,
    /// Where it stands now.
    #[schema(value_type = EventState)]
    state: &'static str,
    /// Always true; refusals are problems.
    accepted: bool,
    /// SHA-256 of the body, hex: what an approval names.
    #[schema(value_type = Hex32)]
    sha256: String,
    /// Of an event that was made: what a careful person would think about twice, one
    /// sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    warnings: Vec<String>,
}

// The five handlers below differ by a verb and by what their annotations say, and the
// annotations are the text of `/openapi.json`: which statuses an action has, and in whose
// words. A macro or a table would have to carry all of that again, in a grammar that
// neither `utoipa` nor a reader knows; what they have in common is `act`.

/// Create an event: the JSON of an `[[event]]`, signed by an operator with the
/// scope `create`. It is announced at once, or at its `announce_at`.
#[utoipa::path(post, path = "/v1/events", tag = "operators",
    request_body(content = EventBody, description = "At most 16 KiB; signed as docs/operator-requests.md says."),
    responses(
        (status = 201, description = "Made, durably.", body = AcceptedJson),
        (status = 200, description = "The operator had made it with the same body.", body = AcceptedJson),
        (status = 401, description = "`unsigned`, `bad-signature`, `expired`, `replayed`."),
        (status = 403, description = "`scope`."),
        (status = 409, description = "`event-exists`, `choice-budget`."),
        (status = 422, description = "`bad-body`, naming the key."),
        (status = 503, description = "`unavailable`: this process does not lead.")))]
pub(super) async fn post_event(
    State(app): State<Arc<AppState>>,
    Extension(authority): Extension<Authority>,
    request: Request,
) -> Result<Response, Problem> {
    act(&app, &authority, Verb::Create, None, request).await
}

/// Report an event's outcome: scope `report`, and on the event's panel if it
/// has one.
#[utoipa::path(post, path = "/v1/events/{id}/reports", tag = "operators",
    params(("id" = EventName, Path, description = "Event id; percent-encoded in an address.")),
    request_body(content = ReportBody, description = "`{outcome, evidence: [{url, sha256}], note}`; the latter two optional."),
    responses(
        (status = 202, description = "Kept.", body = AcceptedJson),
        (status = 200, description = "The operator had said so with the same body.", body = AcceptedJson),
        (status = 401, description = "`unsigned`, `bad-signature`, `expired`, `replayed`."),
        (status = 403, description = "`scope`, `not-on-panel`."),
        (status = 404, description = "`unknown-event`."),
        (status = 409, description = "`not-matured`, `already-committed`, `too-many-actions`; `conflicting-report` is kept as evidence."),
        (status = 422, description = "`outcome`, or `bad-body`, naming the member."),
        (status = 503, description = "`unavailable`: this process does not lead.")))]
pub(super) async fn post_report(
    State(app): State<Arc<AppState>>,
    Extension(authority): Extension<Authority>,
    id: Result<EventPath, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    act(&app, &authority, Verb::Report, Some(id), request).await
}

/// Approve another operator's report, which releases a held event to its
/// outcome, or proposal to void, which carries it out. Scope `approve`.
#[utoipa::path(post, path = "/v1/events/{id}/approvals", tag = "operators",
    params(("id" = EventName, Path, description = "Event id; percent-encoded in an address.")),
    request_body(content = ApprovalBody, description = "`{report}`: SHA-256 of the approved body, hex."),
    responses(
        (status = 202, description = "Carried out.", body = AcceptedJson),
        (status = 200, description = "The operator had approved it.", body = AcceptedJson),
        (status = 401, description = "`unsigned`, `bad-signature`, `expired`, `replayed`."),
        (status = 403, description = "`scope`, `self-approval`."),
        (status = 404, description = "`unknown-event`."),
        (status = 409, description = "`not-matured`, `not-held`, `already-committed`, `too-many-actions`; `conflicting-report`: its author has contradicted it."),
        (status = 422, description = "`unknown-report`, or `bad-body`, naming the member."),
        (status = 503, description = "`unavailable`: this process does not lead.")))]
pub(super) async fn post_approval(
    State(app): State<Arc<AppState>>,
    Extension(authority): Extension<Authority>,
    id: Result<EventPath, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    act(&app, &authority, Verb::Approve, Some(id), request).await
}

/// Hold a matured event, until two operators release or void it, or it is
/// refunded. Scope `approve`.
#[utoipa::path(post, path = "/v1/events/{id}/veto", tag = "operators",
    params(("id" = EventName, Path, description = "Event id; percent-encoded in an address.")),
    request_body(content = ReasonBody, description = "`{reason}`; may be empty."),
    responses(
        (status = 202, description = "Held.", body = AcceptedJson),
        (status = 200, description = "The operator had vetoed with the same body.", body = AcceptedJson),
        (status = 401, description = "`unsigned`, `bad-signature`, `expired`, `replayed`."),
        (status = 403, description = "`scope`."),
        (status = 404, description = "`unknown-event`."),
        (status = 409, description = "`not-matured`, `not-vetoable`, `already-committed`."),
        (status = 422, description = "`bad-body`, naming the member."),
        (status = 503, description = "`unavailable`: this process does not lead.")))]
pub(super) async fn post_veto(
    State(app): State<Arc<AppState>>,
    Extension(authority): Extension<Authority>,
    id: Result<EventPath, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    act(&app, &authority, Verb::Veto, Some(id), request).await
}

/// Propose to void an event. Another operator's approval of this body carries
/// it out: outcome `void` where the event has it, else a refund. Scope `void`.
#[utoipa::path(post, path = "/v1/events/{id}/void", tag = "operators",
    params(("id" = EventName, Path, description = "Event id; percent-encoded in an address.")),
    request_body(content = ReasonBody, description = "`{reason}`; may be empty."),
    responses(
        (status = 202, description = "Kept.", body = AcceptedJson),
        (status = 200, description = "The operator had proposed it with the same body.", body = AcceptedJson),
        (status = 401, description = "`unsigned`, `bad-signature`, `expired`, `replayed`."),
        (status = 403, description = "`scope`."),
        (status = 404, description = "`unknown-event`."),
        (status = 409, description = "`already-committed`."),
        (status = 422, description = "`bad-body`, naming the member."),
        (status = 503, description = "`unavailable`: this process does not lead.")))]
pub(super) async fn post_void(
    State(app): State<Arc<AppState>>,
    Extension(authority): Extension<Authority>,
    id: Result<EventPath, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    act(&app, &authority, Verb::Void, Some(id), request).await
}

async fn act(
    app: &AppState,
    authority: &Authority,
    verb: Verb,
    id: Option<Result<EventPath, Problem>>,
    request: Request,
) -> Result<Response, Problem> {
    let answer = carry_out(app, authority, verb, id, request).await;
    let result = match &answer {
        Ok(_) => "accepted",
        Err(problem) => problem.kind().slug(),
    };
    metrics::counter!("oracle_operator_requests_total", "verb" => verb.name(), "result" => result)
        .increment(1);
    answer
}

async fn carry_out(
    app: &AppState,
    authority: &Authority,
    verb: Verb,
    id: Option<Result<EventPath, Problem>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| {
        Kind::TooLarge
            .because("an operator's request has a body of at most 16 KiB")
            .field("body")
    })?;
    let signed = signed(authority, &parts, &body);
    let id_text = id.as_ref().and_then(|id| id.as_ref().ok());
    let request = match signed {
        Ok(signed) => {
            // Only a panel's vote is bound to the key it was announced with.
            let voted = id_text.filter(|_| verb == Verb::Report);
            verified(app, signed, voted.map(|EventPath(id)| id.as_str())).await?
        }
        Err(error) => Err(error),
    };
    let request = request.inspect_err(|error| {
        if let Some(left_out) = logging::REFUSED.admit() {
            let (path, error) = (Shown(parts.uri.path()), Shown(error.to_string()));
            tracing::warn!(%verb, %path, %error, left_out, "operator's request refused");
        }
    })?;
    let id = match id {
        None => None,
        Some(id) => {
            let EventPath(id) = id?;
            Some(EventId::parse(&id).map_err(|_| Problem::unknown_event(&id))?)
        }
    };
    let sha256 = hex::encode(request.body_sha256());
    let accepted = app.operator_access.commands.send(verb, id, request).await?;
    let status = match (accepted.repeated, verb) {
        (true, _) => StatusCode::OK,
        (false, Verb::Create) => StatusCode::CREATED,
        (false, _) => StatusCode::ACCEPTED,
    };
    let warnings = match verb {
        Verb::Create => warnings(app, accepted.event_id.as_str()).await?,
        _ => Vec::new(),
    };
    Ok(fresh_json(
        status,
        &AcceptedJson {
            event_id: accepted.event_id.to_string(),
            state: accepted.state,
            accepted: true,
            sha256,
            warnings,
        },
    ))
}

/// What its policy gives to think about.
async fn warnings(app: &AppState, id: &str) -> Result<Vec<String>, Problem> {
    let event = event(app, id).await?;
    let policy = app.policies.of(&app.store, &event.policy_hash).await?;
    let maturity = Some(event.maturity.unix());
    Ok(policy.map_or_else(Vec::new, |policy| explain::warnings(&policy, maturity)))
}

fn signed(
    authority: &Authority,
    parts: &Parts,
    body: &[u8],
) -> Result<SignedRequest, SignatureError> {
    let fields = parts.headers.iter();
    let fields = fields.map(|(name, value)| (HeaderName::as_str(name), value.as_bytes()));
    let values = FieldValues::collect(fields)?;
    let request = http_signature::Request {
        method: parts.method.as_str(),
        authority: &authority.0,
        path: parts.uri.path(),
        query: parts.uri.query(),
        body,
    };
    SignedRequest::parse(&request, &values)
}

/// Checks a request against the operator's configured key, else, where it is a
/// report on `event`, against the key that the event's panel was announced with:
/// an event keeps it, whatever the file says later.
async fn verified(
    app: &AppState,
    signed: SignedRequest,
    event: Option<&str>,
) -> Result<Result<VerifiedRequest, SignatureError>, Problem> {
    let now = app.clock.now().timestamp();
    let name = signed.operator().to_owned();
    let Some(operator) = app
        .operator_access
        .operators
        .iter()
        .find(|o| o.name == name)
    else {
        return Ok(Err(SignatureError::Signature));
    };
    let result = signed.clone().verify(&operator.public_key, now);
    let (Err(SignatureError::Signature), Some(id)) = (&result, event) else {
        return Ok(result);
    };
    let policy = app.store.policy(id).await?;
    let policy = policy.and_then(|document| Policy::parse(&document).ok());
    let members = policy.iter().filter_map(|p| p.rule.panel());
    let member = members.flat_map(|p| &p.members).find(|m| m.name == name);
    let mut key = [0; 32];
    let pinned = member.is_some_and(|m| hex::decode_to_slice(&m.public_key, &mut key).is_ok());
    Ok(if pinned {
        signed.verify(&key, now)
    } else {
        result
    })
}

impl From<SignatureError> for Problem {
    fn from(error: SignatureError) -> Self {
        let kind = match error {
            SignatureError::Unsigned(_) => Kind::Unsigned,
            SignatureError::Expired { .. } => Kind::Expired,
            SignatureError::Profile { .. }
            | SignatureError::Digest
            | SignatureError::Key
            | SignatureError::Signature => Kind::BadSignature,
        };
        let problem = kind.because(error.to_string());
        match error {
            SignatureError::Profile { field, .. } | SignatureError::Unsigned(field) => {
                problem.field(field)
            }
            SignatureError::Digest => problem.field("content-digest"),
            SignatureError::Expired { .. } => problem.field("expires"),
            SignatureError::Key | SignatureError::Signature => problem.field("signature"),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        match refused {
            Refused::Replayed => Kind::Replayed.because(text).field("nonce"),
            Refused::UnknownEvent => Kind::UnknownEvent.because(text).field("id"),
            Refused::Scope { .. } => Kind::Scope.because(text),
            Refused::NotOnPanel(_) => Kind::NotOnPanel.because(text),
            Refused::SelfApproval(_) => Kind::SelfApproval.because(text),
            Refused::Body(error) => {
                let field = error.field().unwrap_or("body").to_owned();
                Kind::BadBody.because(text).field(field)
            }
            Refused::Definition { key, .. } => Kind::BadBody.because(text).field(key),
            Refused::Outcome(_) => Kind::Outcome.because(text).field("outcome"),
            Refused::UnknownReport => Kind::UnknownReport.because(text).field("report"),
            Refused::NotMatured(_) => Kind::NotMatured.because(text),
            Refused::NotHeld => Kind::NotHeld.because(text),
            Refused::NotVetoable => Kind::NotVetoable.because(text),
            Refused::AlreadyCommitted => Kind::AlreadyCommitted.because(text),
            Refused::ConflictingReport(_) => Kind::ConflictingReport.because(text),
            Refused::TooMuch { .. } | Refused::TooMuchInAll => Kind::TooManyActions.because(text),
            Refused::EventExists => Kind::EventExists.because(text).field("id"),
            Refused::ChoiceBudget { .. } => Kind::ChoiceBudget.because(text),
            Refused::Unavailable => Kind::Unavailable.because(text).retry_after_s(RETRY_S),
        }
    }
}

/// `GET /v1/operators`.
#[derive(Debug, Serialize, ToSchema)]
struct OperatorsJson {
    operators: Vec<OperatorJson>,
}

/// Someone who signs requests.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "name": "alice", "scopes": ["report", "approve"],
    "public_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
}))]
struct OperatorJson {
    /// The `keyid` of requests.
    name: String,
    /// Ed25519, hex.
    #[schema(value_type = Hex32)]
    public_key: String,
    /// Of `create`, `report`, `approve` and `void`.
    #[schema(value_type = Vec<OperatorScope>)]
    scopes: Vec<&'static str>,
}

/// Who may create, report, approve and void at this oracle.
#[utoipa::path(get, path = "/v1/operators", tag = "operators",
    responses((status = 200, description = "As configured.", body = OperatorsJson)))]
pub(super) async fn get_operators(
    State(app): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let operators = app.operator_access.operators.iter();
    let operators = operators.map(|o| OperatorJson {
        name: o.name.clone(),
        public_key: hex::encode(o.public_key),
        scopes: o.scopes.iter().map(|s| s.as_str()).collect(),
    });
    let operators = operators.collect();
    Ok(fresh_json(StatusCode::OK, &OperatorsJson { operators }))
}

/// `GET /v1/events/{id}/reports`.
#[derive(Debug, Serialize, ToSchema)]
struct ReportsJson {
    #[schema(value_type = EventName)]
    event_id: String,
    /// What operators reported, oldest first.
    reports: Vec<ActionJson>,
    /// What else they did: creation, approvals, vetoes, proposals to void.
    actions: Vec<ActionJson>,
}

/// A signed request as it was kept.
#[derive(Debug, Serialize, ToSchema)]
struct ActionJson {
    /// `create`, `report`, `approve`, `veto` or `void`.
    #[schema(value_type = OperatorVerb)]
    verb: &'static str,
    /// Who.
    operator: String,
    /// Ed25519, hex.
    #[schema(value_type = Hex32)]
    public_key: String,
    /// The outcome, of a report.
    #[schema(required)]
    outcome: Option<String>,
    /// Documents that a report points to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<LinkJson>, required = false)]
    evidence: Vec<LinkJson>,
    /// The operator's words, of a report.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    note: Option<String>,
    /// SHA-256 of the body, hex: what approvals name.
    #[schema(value_type = Hex32)]
    sha256: String,
    /// When it was received.
    #[schema(value_type = Time)]
    received_at: String,
    /// Whether it counts; a contradiction is kept and does not.
    accepted: bool,
    /// The problem that answered it, if it does not.
    #[schema(required)]
    refusal: Option<String>,
    /// The body as sent.
    body: String,
    /// The text that was signed (RFC 9421).
    signature_base: String,
    /// Ed25519 over it, hex.
    #[schema(value_type = Signature)]
    signature: String,
    /// Position in the log.
    #[schema(minimum = 1)]
    log_position: i64,
}

/// A document.
#[derive(Debug, Serialize, ToSchema)]
struct LinkJson {
    url: String,
    /// Of the document as the operator read it, hex.
    #[schema(value_type = Hex32)]
    sha256: String,
}

impl From<Evidence> for LinkJson {
    fn from(link: Evidence) -> Self {
        Self {
            url: link.url,
            sha256: hex::encode(link.sha256),
        }
    }
}

impl From<&ActionRow> for ActionJson {
    fn from(row: &ActionRow) -> Self {
        let report = match row.verb {
            Verb::Report => Report::parse(&row.body).ok(),
            _ => None,
        };
        let (evidence, note) = report.map(|r| (r.evidence, r.note)).unwrap_or_default();
        Self {
            verb: row.verb.name(),
            operator: row.operator.clone(),
            public_key: hex::encode(row.public_key),
            outcome: row.outcome.clone(),
            evidence: evidence.into_iter().map(LinkJson::from).collect(),
            note,
            sha256: hex::encode(row.sha256),
            received_at: time(row.received_at),
            accepted: row.refusal.is_none(),
            refusal: row.refusal.clone(),
            body: String::from_utf8_lossy(&row.body).into_owned(),
            signature_base: row.base.clone(),
            signature: hex::encode(&row.signature),
            log_position: row.position,
        }
    }
}

/// What operators reported about an event, and what else they did, with their
/// signatures.
#[utoipa::path(get, path = "/v1/events/{id}/reports", tag = "operators",
    params(("id" = EventName, Path, description = "Event id; percent-encoded in an address.")),
    responses(
        (status = 200, description = "Oldest first.", body = ReportsJson),
        (status = 404, description = "`unknown-event`.")))]
pub(super) async fn get_reports(
    State(app): State<Arc<AppState>>,
    EventPath(id): EventPath,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    event(&app, &id).await?;
    let kept = app.store.operator_actions(&id).await?;
    let (reports, actions): (Vec<_>, Vec<_>) =
        kept.iter().partition(|row| row.verb == Verb::Report);
    Ok(fresh_json(
        StatusCode::OK,
        &ReportsJson {
            event_id: id,
            reports: reports.into_iter().map(ActionJson::from).collect(),
            actions: actions.into_iter().map(ActionJson::from).collect(),
        },
    ))
}
