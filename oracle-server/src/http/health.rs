//! `/healthz` (the process answers) and `/readyz` (it does its job).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use super::cache::fresh_json;
use super::choice::ChoiceHealthJson;
use super::events::time;
use super::openapi::Time;
use super::problem::Problem;
use super::query::Query;
use crate::health::{ClockHealth, ProviderHealth};

/// How one provider is doing.
#[derive(Debug, Serialize, ToSchema)]
struct ProviderJson {
    /// The last answer held an observation.
    ok: bool,
    /// When one last did.
    #[schema(value_type = Option<Time>, required)]
    last_success_at: Option<String>,
    /// Answers in a row that could not be read.
    consecutive_failures: u32,
    /// Why the last answer held no observation, if it did not.
    #[schema(required)]
    last_error: Option<String>,
    /// Share of answers that could be read, per mille; the last ones count most.
    #[schema(maximum = 1000)]
    success_permille: u64,
    /// Time to a readable answer, milliseconds; the last ones count most.
    lag_ms: u64,
    /// Distance of its prices from the median, millionths; the last count most.
    deviation_ppm: u64,
    /// Until when it is not asked because of its record, if so.
    #[schema(value_type = Option<Time>, required)]
    disabled_until: Option<String>,
}

impl ProviderJson {
    fn new(health: ProviderHealth, now: DateTime<Utc>) -> Self {
        let record = &health.record;
        Self {
            ok: health.ok,
            last_success_at: health.last_success_at.map(time),
            consecutive_failures: record.failures(),
            last_error: health.last_error,
            success_permille: record.success_permille(),
            lag_ms: record.lag_ms(),
            deviation_ppm: record.deviation_ppm(),
            disabled_until: record
                .disabled_until_ms(now.timestamp_millis())
                .and_then(DateTime::from_timestamp_millis)
                .map(time),
        }
    }
}

/// `GET /readyz`.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    /// Attestations that are late.
    #[schema(minimum = 0)]
    overdue: i64,
    /// Age of the oldest of them, seconds.
    #[schema(minimum = 0)]
    oldest_overdue_s: i64,
    /// Whether this process commits and signs; a standby is ready without.
    leader: bool,
    /// `ok`, or what is wrong with the signing journal.
    journal: String,
    /// `ok`, or why nothing is announced and attested: no witness and no mirror has
    /// answered since the start, or one of them contradicts the log.
    signing: String,
    /// `ok`, or how often in a row what is due could not be done: twice, and the
    /// service is not ready.
    engine: String,
    /// `ok`, or how little room is left where the service writes: below 1 GiB it is
    /// said, below 128 MiB the service is not ready.
    disk: String,
    /// Bytes that are free there: of `journal`, and of `database` with SQLite.
    disk_free_bytes: BTreeMap<&'static str, u64>,
    /// `ok`, or that sources send more than is kept of a day: their answers count, and
    /// bodies are not kept. No reason for 503.
    evidence: String,
    /// By configured name.
    providers: BTreeMap<String, ProviderJson>,
    /// What is known about the service's clock. A doubt is no reason for 503:
    /// what rests on the answers of the roots that doubt it waits, all else goes
    /// on.
    clock: ClockJson,
    choice: ChoiceHealthJson,
}

/// What is known about the service's clock besides what it says.
#[derive(Debug, Serialize, ToSchema)]
struct ClockJson {
    /// It jumped ahead, by a clock that cannot be set, and no provider has said
    /// yet that it is right; or a provider has contradicted it since the start: nothing
    /// is announced or decided.
    jumped: bool,
    /// How far it is ahead of each root that told the time within an hour,
    /// seconds; negative where it is behind. Odd ones alone stop nothing.
    ahead_s: BTreeMap<String, i64>,
    /// Independent roots that say alike that it is wrong, if there are any.
    #[schema(required)]
    doubt: Option<ClockDoubtJson>,
    /// Why it is not believed for everything yet, or that decisions wait for an answer
    /// that tells the time. When something waits for more than a minute because of it,
    /// the service is not ready.
    #[schema(required)]
    unconfirmed: Option<String>,
}

/// Independent roots that say alike that the clock is wrong.
#[derive(Debug, Serialize, ToSchema)]
struct ClockDoubtJson {
    /// How far it is ahead of theirs, seconds; negative where it is behind.
    ahead_s: i64,
    /// Two at least. What rests on their answers waits.
    #[schema(min_items = 2)]
    roots: Vec<String>,
    /// Since when, by the doubted clock.
    #[schema(value_type = Time)]
    since: String,
}

impl From<ClockHealth> for ClockJson {
    fn from(health: ClockHealth) -> Self {
        Self {
            jumped: health.jumped,
            ahead_s: health.ahead_s,
            doubt: health.doubt.map(|doubt| ClockDoubtJson {
                ahead_s: doubt.ahead_s,
                roots: doubt.roots,
                since: time(doubt.since),
            }),
            unconfirmed: health.unconfirmed.map(|why| why.to_string()),
        }
    }
}

/// Passes of the engine that fail in a row before the service is not ready: one
/// happens when a database fails over.
const FAILED_PASSES: u32 = 2;

/// `GET /healthz`.
#[derive(Debug, Serialize, ToSchema)]
struct Alive {
    /// Always `ok`.
    #[schema(pattern = "^ok$")]
    status: &'static str,
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "service",
    responses((status = 200, description = "The process answers.", body = Alive)))]
pub(super) async fn get_healthz(uri: Uri) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    Ok(fresh_json(StatusCode::OK, &Alive { status: "ok" }))
}

/// Whether attestations are on time and the journal can be used.
#[utoipa::path(get, path = "/readyz", tag = "service", responses(
    (status = 200, description = "Ready.", body = Readiness),
    (status = 503, description = "Attestations are overdue, what is due cannot be done, or signing is not possible, or soon will not be: the disk is almost full.", body = Readiness)))]
pub(super) async fn get_readyz(
    State(app): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let now = app.clock.now();
    let overdue = app.store.overdue(now).await?;
    let choice = app.choices.get(&app).await?;
    let report = app.health.borrow().clone();
    let evidence = report.evidence();
    let works = report.failed_passes < FAILED_PASSES;
    let ready = overdue.count == 0
        && report.journal.works()
        && report.signing.works()
        && works
        && !report.clock.is_held
        && !report.disk.is_almost_full();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Ok(fresh_json(
        status,
        &Readiness {
            overdue: overdue.count,
            oldest_overdue_s: overdue.oldest.num_seconds(),
            leader: report.leader,
            journal: report.journal.to_string(),
            signing: report.signing.to_string(),
            engine: match report.failed_passes {
                0 => "ok".to_owned(),
                n => format!("failed {n} times in a row; the log says why"),
            },
            disk: report.disk.reason(),
            evidence,
            disk_free_bytes: report.disk.free,
            clock: report.clock.into(),
            choice: ChoiceHealthJson::from(&*choice),
            providers: report
                .providers
                .into_iter()
                .map(|(name, health)| (name, ProviderJson::new(health, now)))
                .collect(),
        },
    ))
}
