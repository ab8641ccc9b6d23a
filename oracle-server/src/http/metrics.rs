//! What HTTP says about itself: a request log line, Prometheus series by route
//! template, and the id that joins an answer to its log line.

use std::any::Any;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::time::Instant;
use tracing::Instrument;

use super::AppState;
use super::problem::Kind;
use crate::logging;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Counted by `route`, `method` and `status`.
pub const REQUESTS: &str = "oracle_http_requests_total";
/// Seconds to the head of the answer, by `route`.
pub const LATENCY: &str = "oracle_http_request_seconds";
/// Upper bounds of [`LATENCY`]'s buckets, seconds; the last are long polls.
const LATENCY_BUCKETS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0,
];
/// Open `/v1/stream` connections.
pub const STREAMS: &str = "oracle_http_streams";
/// Open connections of both listeners.
pub const CONNECTIONS: &str = "oracle_http_connections";
/// Connections turned away at the cap.
pub const REFUSED: &str = "oracle_http_connections_refused_total";

static NEXT_REQUEST: AtomicU64 = AtomicU64::new(1);

/// Middleware: measures and logs every answer. Only the path template is a
/// label, so strangers cannot make series.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    let started = now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let method = known_method(request.method());
    // Unique within a run of the process, like its log; a client cannot choose it.
    let id = NEXT_REQUEST.fetch_add(1, Ordering::Relaxed);
    let span = tracing::info_span!("request", id, method, route);
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    let took = started.elapsed();
    span.in_scope(|| {
        if status.is_server_error() {
            if let Some(left_out) = logging::FAILED.admit() {
                tracing::warn!(status = status.as_u16(), ?took, left_out, "answered");
            }
        } else {
            tracing::debug!(status = status.as_u16(), ?took, "answered");
        }
    });
    let labels = [
        ("route", route.clone()),
        ("method", method.to_owned()),
        ("status", status.as_u16().to_string()),
    ];
    metrics::counter!(REQUESTS, &labels).increment(1);
    metrics::histogram!(LATENCY, "route" => route).record(took.as_secs_f64());
    response
        .headers_mut()
        .insert(REQUEST_ID, HeaderValue::from(id));
    response
}

/// For durations only; nothing outside the process sees it.
#[allow(
    clippy::disallowed_methods,
    reason = "a stopwatch, not a time of day: nothing is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}

fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::POST => "POST",
        _ => "other",
    }
}

/// The answer to a request whose handler panicked.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the signature that the layer calls"
)]
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<&'static str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(panic = message, "a request handler panicked");
    Kind::Internal
        .because("the service failed on this request")
        .into_response()
}

/// Counts one open stream for as long as it lives.
#[derive(Debug)]
pub(super) struct StreamGauge(());

impl StreamGauge {
    pub(super) fn opened() -> Self {
        metrics::gauge!(STREAMS).increment(1.0);
        Self(())
    }
}

impl Drop for StreamGauge {
    fn drop(&mut self) {
        metrics::gauge!(STREAMS).decrement(1.0);
    }
}

/// The process's recorder; the first caller installs it.
///
/// `None` where another recorder was installed before (an embedding program's):
/// then that one has the numbers.
pub fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            PrometheusBuilder::new()
                .set_buckets(&LATENCY_BUCKETS)
                .ok()?
                .install_recorder()
                .inspect_err(|error| tracing::warn!(%error, "no metrics from this process"))
                .ok()
        })
        .as_ref()
}

/// `GET /metrics`: the Prometheus text, with this build's version as a
/// constant series.
pub(crate) async fn get_metrics(State(app): State<Arc<AppState>>) -> Response {
    // Computing the figure sets its series; without a database all others are still told.
    if let Err(error) = app.choices.get(&app).await {
        tracing::warn!(%error, "no figure of the open choice");
    }
    let mut text = String::new();
    if let Some(recorder) = recorder() {
        recorder.run_upkeep();
        text = recorder.render();
    }
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "# TYPE oracle_build_info gauge\noracle_build_info{{version=\"{}\"}} 1",
        env!("CARGO_PKG_VERSION")
    );
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}
