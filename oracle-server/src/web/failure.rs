//! Problems as pages, for whoever reads with a browser.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue, VARY};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

use super::{Site, page_with};
use crate::http::AppState;
use crate::http::problem::{Kind, Problem};

/// Addresses whose problems are read by programs, whatever they accept.
const OF_PROGRAMS: [&str; 8] = [
    "/v1/",
    "/compat/",
    "/tile/",
    "/checkpoint",
    "/openapi.json",
    "/healthz",
    "/readyz",
    "/assets/",
];

#[derive(Template)]
#[template(path = "failure.html")]
struct Failure<'a> {
    site: Site,
    status: u16,
    title: &'static str,
    detail: &'a str,
    field: Option<&'a str>,
    hint: &'static str,
}

/// Middleware: a problem becomes a page where a browser asked for one.
pub(crate) async fn explain(
    State(app): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    let path = request.uri().path();
    let of_people = reads
        && accepts_html(request.headers())
        && !OF_PROGRAMS.iter().any(|start| path.starts_with(start));
    let response = next.run(request).await;
    if !of_people {
        return response;
    }
    let Some(problem) = response.extensions().get::<Problem>().cloned() else {
        return response;
    };
    as_page(&app, response, &problem)
}

fn accepts_html(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|kind| kind.trim().eq_ignore_ascii_case("text/html"))
}

/// The same answer, its status and headers, with a page for a body.
fn as_page(app: &AppState, response: Response, problem: &Problem) -> Response {
    let status = response.status();
    let failure = Failure {
        site: Site::of(app, ""),
        status: status.as_u16(),
        title: problem.kind().title(),
        detail: problem.detail(),
        field: problem.at_fault(),
        hint: hint(problem.kind(), status),
    };
    let Ok(page) = page_with(status, &failure) else {
        return response;
    };
    let (mut parts, _) = response.into_parts();
    let (of_page, body) = page.into_parts();
    // They are of the body that goes.
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(CONTENT_ENCODING);
    for (name, value) in of_page.headers {
        if let Some(name) = name {
            parts.headers.insert(name, value);
        }
    }
    parts
        .headers
        .insert(VARY, HeaderValue::from_static("accept"));
    Response::from_parts(parts, body)
}

fn hint(kind: Kind, status: StatusCode) -> &'static str {
    match kind {
        Kind::UnknownEvent => "Names are exact, capitals included. Search by a part of it.",
        Kind::BadParameter | Kind::UnknownParameter => {
            "Correct it in the address, or start again from the list of events."
        }
        Kind::RateLimited => "Wait a moment, then load the page again.",
        Kind::Unavailable | Kind::Timeout => {
            "What is published stays published. Load the page again in a moment."
        }
        _ if status.is_server_error() => "The fault is ours, and it is in the service's log.",
        _ => "Nothing was changed.",
    }
}
