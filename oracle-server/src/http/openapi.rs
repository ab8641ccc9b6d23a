//! `/openapi.json`: written by the routes themselves, so that it cannot name
//! one that is not there.

use std::sync::Arc;

use axum::Extension;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};

use super::cache::Representation;
use super::problem::{Kind, PROBLEM_JSON, Problem, ProblemJson};
use super::query::Query;

/// Everything but the paths.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Peercoin DLC oracle",
        description = "Announcements and attestations of a discreet log contract oracle, and everything needed to check them. Times are RFC 3339 UTC; errors are RFC 9457 problems; what is published never changes."
    ),
    components(schemas(ProblemJson)),
    tags(
        (name = "oracle", description = "Who this is."),
        (name = "events", description = "What is and was to be decided, by which rules, on what evidence."),
        (name = "messages", description = "Announcements and attestations, and a stream of them."),
        (name = "operators", description = "Named people with keys of their own: what they did, and how they do it."),
        (name = "compat", description = "Read-only dialects of existing clients: kormir, p2pd, sibyls."),
        (name = "service", description = "For whoever runs or watches it."),
        (name = "pages", description = "For people.")
    )
)]
pub(super) struct Document;

/// What every address can answer.
const EVERYWHERE: [Kind; 6] = [
    Kind::BadParameter,
    Kind::MethodNotAllowed,
    Kind::TooLarge,
    Kind::RateLimited,
    Kind::Internal,
    Kind::Timeout,
];

/// Adds to each operation the problems that do not depend on it.
pub(super) fn document_problems(document: &mut utoipa::openapi::OpenApi) {
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.head, &mut item.post]
            .into_iter()
            .flatten()
        {
            for kind in EVERYWHERE {
                document_problem(operation, kind);
            }
        }
    }
}

fn document_problem(operation: &mut Operation, kind: Kind) {
    let schema = Ref::from_schema_name("ProblemJson");
    let response = ResponseBuilder::new()
        .description(format!("`{}`: {}.", kind.slug(), kind.title()))
        .content(
            PROBLEM_JSON,
            ContentBuilder::new().schema(Some(schema)).build(),
        )
        .build();
    operation
        .responses
        .responses
        .entry(kind.status().as_u16().to_string())
        .or_insert(RefOr::T(response));
}

/// The finished document.
#[derive(Clone)]
pub(super) struct Written(pub(super) Arc<Representation>);

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "service",
    responses(
        (status = 200, description = "OpenAPI 3.1.", content_type = "application/json", body = Object),
        (status = 304, description = "The reader has it.")))]
pub(super) async fn get_openapi(
    Extension(Written(document)): Extension<Written>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    Ok(document.revalidated(&headers))
}
