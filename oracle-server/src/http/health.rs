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
use super::problem::Problem;
use super::query::Query;

/// What the engine says about itself; it sends a new one when something changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthReport {
    /// Whether this process may commit and sign.
    pub leader: bool,
    /// `ok`, or why the signing journal cannot be used. Never a path.
    pub journal: String,
    /// By configured name.
    pub providers: BTreeMap<String, ProviderHealth>,
    /// Sum of log2(outcomes) over open operator-resolved events, as
    /// `GET /v1/oracle` shows it.
    pub open_choice_bits: u32,
}

impl Default for HealthReport {
    /// Before the engine's first word: not ready.
    fn default() -> Self {
        Self {
            leader: false,
            journal: "starting".to_owned(),
            providers: BTreeMap::new(),
            open_choice_bits: 0,
        }
    }
}

/// How one provider is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProviderHealth {
    /// The last exchange worked.
    pub ok: bool,
    /// When one last did.
    #[serde(serialize_with = "super::events::optional_time")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success_at: Option<DateTime<Utc>>,
    /// Failures since then.
    pub consecutive_failures: u32,
    /// What the last failure was; without secrets.
    pub last_error: Option<String>,
}

/// `GET /readyz`.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    /// Attestations that are late.
    overdue: i64,
    /// Age of the oldest of them, seconds.
    oldest_overdue_s: i64,
    /// Whether this process commits and signs; a standby is ready without.
    leader: bool,
    /// `ok`, or what is wrong with the signing journal.
    journal: String,
    /// By configured name.
    providers: BTreeMap<String, ProviderHealth>,
}

/// `GET /healthz`.
#[derive(Debug, Serialize, ToSchema)]
struct Alive {
    /// Always `ok`.
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
    (status = 503, description = "Attestations are overdue, or signing is not possible.", body = Readiness)))]
pub(super) async fn get_readyz(
    State(app): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let overdue = app.store.overdue(app.clock.now()).await?;
    let report = app.health.borrow().clone();
    let ready = overdue.count == 0 && report.journal == "ok";
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Ok(fresh_json(
        status,
        &Readiness {
            overdue: overdue.count,
            oldest_overdue_s: overdue.oldest_s,
            leader: report.leader,
            journal: report.journal,
            providers: report.providers,
        },
    ))
}
