//! The explorer: pages for people, rendered on the server.
//!
//! A part of the public router that sees what [`crate::http`] does: the read
//! store, health and identity, never the signer or the feeds. Pages are whole
//! without JavaScript; scripts of our own keep them up to date and verify in the
//! browser. Nothing is inline, nothing comes from elsewhere, and every text from
//! outside is escaped by the templates.

mod assets;
mod event;
mod failure;
mod identity;
mod list;
mod log;
mod overview;
mod plot;
mod series;
#[cfg(test)]
mod tests;
mod value;
mod words;

use std::sync::Arc;

use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::AppState;
use crate::http::cache::NO_STORE;
use crate::http::problem::{Kind, Problem};

pub(crate) use assets::get_asset;
pub(crate) use failure::explain as problem_page;

/// Nothing inline, nothing from elsewhere.
const SECURITY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// The pages, for the public router.
pub(crate) fn routes() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::new()
        .routes(routes!(overview::get_index))
        .routes(routes!(list::get_event_list))
        .routes(routes!(event::get_event_page))
        .routes(routes!(series::get_series_page))
        .routes(routes!(identity::get_oracle_page))
        .routes(routes!(identity::get_operators_page))
        .routes(routes!(log::get_log_page))
}

/// Where readers find the service, as configured.
#[derive(Debug, Clone)]
pub(crate) struct PublicUrl(pub(crate) Arc<str>);

/// What every page shows around its content.
struct Site {
    name: String,
    network: String,
    /// Which entry of the navigation this page stands under.
    section: &'static str,
    /// When it was rendered.
    now: DateTime<Utc>,
    /// What the live script listens to: the stream's address, or nothing.
    stream: Option<String>,
}

impl Site {
    fn of(app: &AppState, section: &'static str) -> Self {
        Self {
            name: app.identity.name.clone(),
            network: app.identity.oracle.network.clone(),
            section,
            now: app.clock.now(),
            stream: None,
        }
    }

    fn live(mut self, stream: impl Into<String>) -> Self {
        self.stream = Some(stream.into());
        self
    }

    fn rendered(&self) -> words::Stamp {
        words::Stamp(self.now)
    }
}

/// A page as it is now.
fn page(template: &impl Template) -> Result<Response, Problem> {
    page_with(StatusCode::OK, template)
}

fn page_with(status: StatusCode, template: &impl Template) -> Result<Response, Problem> {
    let html = template.render().map_err(|error| {
        tracing::error!(%error, "page could not be rendered");
        Kind::Internal.because("the page could not be rendered")
    })?;
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(NO_STORE));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SECURITY));
    Ok(response)
}
