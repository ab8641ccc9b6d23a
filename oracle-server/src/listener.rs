//! What each of the two listeners serves: the interface of [`crate::http`] and, on the
//! public one, the pages of [`crate::web`] over it.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum::{Extension, Router};

use crate::http::{self, Admission, AppState, HttpConfig, metrics};
use crate::web;

/// Everything on `listen`.
pub fn public_router(state: Arc<AppState>, config: &HttpConfig) -> Router {
    let admission = Arc::new(Admission::new(config));
    let routes = http::api(web::routes(), config)
        .route("/assets/{name}", get(web::get_asset))
        .with_state(Arc::clone(&state))
        .layer(Extension(web::PublicUrl(config.public_url.as_str().into())));
    http::with_common_layers(routes, Some(admission))
        .layer(from_fn_with_state(state, web::problem_page))
}

/// Everything on `admin_listen`.
pub fn admin_router(state: Arc<AppState>) -> Router {
    // Installed before the first scrape, so that nothing since then is missing.
    let _ = metrics::recorder();
    let (routes, _) = http::health_routes().split_for_parts();
    let routes = routes
        .route("/metrics", get(metrics::get_metrics))
        .with_state(state);
    http::with_common_layers(routes, None)
}
