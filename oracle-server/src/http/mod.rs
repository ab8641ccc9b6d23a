//! HTTP: what readers see, and the way of operators in. Imports a read store,
//! what the engine says about its health and a command channel to it; never the
//! signer, never the feeds.
//!
//! [`problem`] is the only table of status codes. Published things are
//! immutable (`cache`) and served from memory once read; one task
//! (`fanout`) tells streams and long polls what is new.

mod admission;
mod bundle;
pub(crate) mod cache;
mod calendar;
mod choice;
mod compat;
mod docs;
pub(crate) mod events;
mod evidence;
mod fanout;
mod formats;
mod health;
mod held;
mod hour;
mod log;
mod messages;
pub mod metrics;
mod nostr;
pub(crate) mod openapi;
mod operators;
mod oracle;
pub(crate) mod paging;
pub(crate) mod points;
mod policies;
pub mod problem;
pub(crate) mod query;
mod series;
mod serve;
mod stream;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, ETAG, LINK, REFERRER_POLICY, RETRY_AFTER, TRANSFER_ENCODING,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use admission::RateLimit;
pub use serve::{Limits, serve};

use crate::clock::Clock;
use crate::command::Commands;
use crate::config::{Asset, Calendar, ForwardedHeader, Operator};
use crate::health::HealthReport;
use crate::store::{OracleRow, ReadStore};
pub(crate) use admission::Admission;
use cache::Representation;
use fanout::Fanout;
use policies::Policies;
use problem::{Kind, Problem};

/// Largest request body, bytes.
const BODY_BYTES: usize = 64 * 1024;
/// Longest time to an answer, and the same where a long poll is allowed.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const ANSWER_WAIT_WITHIN: Duration = Duration::from_secs(90);

/// What the routers need of `[http]` and `[compat]`.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// How readers reach the public listener, without a trailing slash.
    pub public_url: String,
    /// Per client address.
    pub rate_limit: RateLimit,
    /// Connections at once on the public listener.
    pub max_connections: usize,
    /// Streams and long polls of one client address at once.
    pub held_per_client: NonZeroUsize,
    /// Whose forwarding header is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Which one that is.
    pub forwarded_header: ForwardedHeader,
    /// What the p2pd and sibyls dialects offer.
    pub assets: Vec<Asset>,
}

impl HttpConfig {
    /// Bounds for [`serve`] on the public listener.
    pub fn limits(&self) -> Limits {
        let half = NonZeroUsize::new(self.max_connections / 2).unwrap_or(NonZeroUsize::MIN);
        let proxies = self.trusted_proxies.iter();
        Limits {
            max_connections: self.max_connections,
            per_client: half.max(self.held_per_client),
            trusted_proxies: proxies.map(IpAddr::to_canonical).collect(),
            ..Limits::default()
        }
    }
}

/// Who the oracle is, as `GET /v1/oracle` says it.
#[derive(Debug, Clone)]
pub struct Identity {
    /// For people.
    pub name: String,
    /// Keys, network and log.
    pub oracle: OracleRow,
    /// `[signer] max_open_choice_bits`.
    pub max_open_choice_bits: u32,
    /// Whether its messages go to Nostr relays.
    pub has_relays: bool,
}

/// What the handlers share.
pub struct AppState {
    pub(crate) store: ReadStore,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) identity: Identity,
    pub(crate) health: watch::Receiver<HealthReport>,
    pub(crate) policies: Policies,
    pub(crate) calendar: Calendar,
    stopping: watch::Receiver<bool>,
    fanout: Arc<Fanout>,
    message_cache: messages::MessageCache,
    newest: log::Newest,
    pub(crate) choices: choice::Choices,
    pub(crate) operator_access: OperatorAccess,
}

/// Who may ask the engine for something, and the way there.
#[derive(Debug, Clone)]
pub struct OperatorAccess {
    /// As configured.
    pub operators: Vec<Operator>,
    /// To the engine.
    pub commands: Commands,
}

impl AppState {
    /// Starts the task that follows the published log; call it inside a Tokio
    /// runtime. When `stopping` becomes true, streams end and long polls answer.
    pub fn new(
        store: ReadStore,
        clock: Arc<dyn Clock>,
        identity: Identity,
        calendar: Calendar,
        health: watch::Receiver<HealthReport>,
        stopping: watch::Receiver<bool>,
        operator_access: OperatorAccess,
    ) -> Arc<Self> {
        let fanout = Fanout::new();
        tokio::spawn(fanout::run(store.clone(), Arc::downgrade(&fanout)));
        Arc::new(Self {
            store,
            clock,
            identity,
            health,
            policies: Policies::default(),
            calendar,
            stopping,
            fanout,
            message_cache: messages::MessageCache::new(),
            newest: log::Newest::default(),
            choices: choice::Choices::default(),
            operator_access,
        })
    }
}

/// What readers and operators ask for on the public listener, with the document that
/// describes it; `pages` stand in that document too.
pub(crate) fn api(
    pages: OpenApiRouter<Arc<AppState>>,
    config: &HttpConfig,
) -> Router<Arc<AppState>> {
    let (routes, document) = public_routes(pages).split_for_parts();
    let (document, page) = finish(document, &config.public_url);
    routes
        .route("/docs.css", axum::routing::get(docs::get_style))
        .route("/docs.js", axum::routing::get(docs::get_script))
        .route("/tile/{*name}", axum::routing::get(log::get_tile))
        .layer(Extension(document))
        .layer(Extension(page))
        .layer(Extension(compat::Assets::new(&config.assets)))
        .layer(Extension(operators::Authority::of(&config.public_url)))
}

/// Whether the process lives, and whether it serves; on both listeners.
pub(crate) fn health_routes() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::new()
        .routes(routes!(health::get_healthz))
        .routes(routes!(health::get_readyz))
}

fn public_routes(pages: OpenApiRouter<Arc<AppState>>) -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::with_openapi(openapi::Document::openapi())
        .merge(pages)
        .routes(routes!(oracle::get_oracle))
        .routes(routes!(events::get_events, operators::post_event))
        .routes(routes!(events::get_event))
        .routes(routes!(bundle::get_bundle))
        .routes(routes!(points::get_points))
        .routes(routes!(policies::get_policy))
        .routes(routes!(evidence::get_evidence))
        .routes(routes!(evidence::get_evidence_body))
        .routes(routes!(operators::get_operators))
        .routes(routes!(operators::get_reports, operators::post_report))
        .routes(routes!(operators::post_approval))
        .routes(routes!(operators::post_veto))
        .routes(routes!(operators::post_void))
        .routes(routes!(messages::get_announcement))
        .routes(routes!(messages::get_attestation))
        .routes(routes!(hour::get_hour))
        .routes(routes!(series::get_all_series))
        .routes(routes!(series::get_series))
        .routes(routes!(stream::get_stream))
        .routes(routes!(log::get_proofs))
        .routes(routes!(log::get_checkpoint))
        .routes(routes!(log::get_cosigned_checkpoint))
        .routes(routes!(log::get_policy_document))
        .routes(routes!(log::get_manifest_document))
        .routes(routes!(log::get_anchors))
        .routes(routes!(openapi::get_openapi))
        .routes(routes!(docs::get_docs))
        .merge(compat_routes())
        .merge(health_routes())
}

fn compat_routes() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::new()
        .routes(routes!(compat::kormir::get_health_check))
        .routes(routes!(compat::kormir::get_pubkey))
        .routes(routes!(compat::kormir::get_announcement))
        .routes(routes!(compat::kormir::get_attestation))
        .routes(routes!(compat::kormir::get_list_events))
        .routes(routes!(compat::p2pd::get_publickey))
        .routes(routes!(compat::p2pd::get_assets))
        .routes(routes!(compat::p2pd::get_config))
        .routes(routes!(compat::p2pd::get_announcement))
        .routes(routes!(compat::p2pd::get_attestation))
        .routes(routes!(compat::sibyls::get_pubkey))
        .routes(routes!(compat::sibyls::get_announcements))
        .routes(routes!(compat::sibyls::get_announcement))
}

/// The document with what all operations have in common.
fn finished(document: utoipa::openapi::OpenApi, public_url: &str) -> serde_json::Value {
    // It holds nothing but texts, numbers and lists, which always serialise.
    let document = serde_json::to_value(document).unwrap_or_default();
    openapi::complete(document, public_url)
}

fn finish(document: utoipa::openapi::OpenApi, public_url: &str) -> (openapi::Written, docs::Page) {
    let document = finished(document, public_url);
    let written = Representation::json(&document)
        .unwrap_or_else(|_| Representation::new("application/json", "{}"));
    (
        openapi::Written(Arc::new(written)),
        docs::Page::of(&document),
    )
}

/// What every answer of both listeners has in common, outermost last.
pub(crate) fn with_common_layers(routes: Router, admission: Option<Arc<Admission>>) -> Router {
    let header =
        |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    let mut polite = routes
        .fallback(async || Kind::NotFound.because("no resource has this path"))
        .method_not_allowed_fallback(async || {
            Kind::MethodNotAllowed.because("see the Allow header for the methods of this resource")
        })
        .layer(CompressionLayer::new())
        .layer(map_response(explain_coding))
        .layer(from_fn(bound_time))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn(bound_body))
        .layer(from_fn(refuse_transfer_coding));
    if let Some(admission) = admission {
        polite = polite.layer(from_fn_with_state(admission, admission::limit_rate));
    }
    polite
        .layer(CatchPanicLayer::custom(metrics::panicked))
        .layer(
            CorsLayer::new()
                .allow_origin(Any)
                .allow_methods([Method::GET, Method::HEAD])
                .allow_headers(Any)
                .expose_headers([
                    ETAG,
                    LINK,
                    RETRY_AFTER,
                    HeaderName::from_static("x-request-id"),
                ]),
        )
        .layer(header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(REFERRER_POLICY, "no-referrer"))
        .layer(from_fn(metrics::observe))
}

/// Middleware: the compression layer refuses an `Accept-Encoding` that excludes
/// everything by the status alone.
async fn explain_coding(response: Response) -> Response {
    let kind = response.extensions().get::<Kind>();
    if response.status() != Kind::NotAcceptable.status() || kind == Some(&Kind::NotAcceptable) {
        return response;
    }
    Kind::NotAcceptable
        .because("served are gzip and no coding at all")
        .field("Accept-Encoding")
        .into_response()
}

/// Middleware: an answer must begin in time. A stream begins at once and may
/// then go on for ever.
async fn bound_time(request: Request, next: Next) -> Response {
    let waits = request
        .extensions()
        .get::<MatchedPath>()
        .is_some_and(|path| path.as_str() == "/v1/attestations/{id}");
    let limit = if waits {
        ANSWER_WAIT_WITHIN
    } else {
        ANSWER_WITHIN
    };
    tokio::time::timeout(limit, next.run(request))
        .await
        .unwrap_or_else(|_| {
            Kind::Timeout
                .because("no answer was ready in time")
                .into_response()
        })
}

/// Middleware: a body has an announced length. Of a message with `Transfer-Encoding`
/// and `Content-Length` two readers on its way may see two different ends, and the
/// second could be a request that nobody sent; the server drops one of the two before
/// anybody here can see both. So none with a transfer coding is read, and its
/// connection, on which nobody knows where the next request begins, is closed.
async fn refuse_transfer_coding(request: Request, next: Next) -> Response {
    if !request.headers().contains_key(TRANSFER_ENCODING) {
        return next.run(request).await;
    }
    let problem = Problem::bad(
        "Transfer-Encoding",
        "a body is sent with Content-Length and without Transfer-Encoding",
    );
    let mut response = problem.into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

/// Middleware: a body announced as too large is refused before it is sent.
async fn bound_body(request: Request, next: Next) -> Response {
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse::<u64>().ok());
    if announced.is_some_and(|length| length > BODY_BYTES as u64) {
        let problem: Problem = Kind::TooLarge.because("a request body is at most 64 KiB");
        return problem.into_response();
    }
    next.run(request).await
}
