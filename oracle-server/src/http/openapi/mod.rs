//! `/openapi.json`: written by the routes themselves, so that it cannot name
//! one that is not there, and completed with what they have in common.

mod bodies;
mod complete;
#[cfg(test)]
mod tests;
mod texts;

use std::sync::Arc;

use axum::Extension;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use utoipa::OpenApi;

pub(super) use bodies::{
    ApprovalBody, DlcAnnouncement, DlcAttestation, EventBody, ReasonBody, ReportBody,
};
pub(crate) use complete::complete;
pub(crate) use texts::*;

use super::cache::Representation;
use super::problem::{Problem, ProblemJson};
use super::query::Query;

/// Everything but the paths.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Peercoin DLC oracle",
        description = "Announcements and attestations of a discreet log contract oracle, and everything needed to check them. Times are RFC 3339 UTC; errors are RFC 9457 problems; what is published never changes. Whatever an address does not know, a parameter or a value, is refused."
    ),
    // Those of answers and bodies come with the routes, those of parameters do not.
    components(schemas(
        ProblemJson, AnnouncementForm, AttestationForm, Cursor, EventKind, EventName, EventNames,
        EventState, EvidenceForm, FormKind, FormOrder, FormState, FormText, FormTime, Hex32, HourName,
        Prefix, ProofForm, ProofOf, SearchText, Switch, TileName, Time
    )),
    // Its names have slashes in them, so its route is another than its path here.
    paths(super::log::get_tile),
    tags(
        (name = "oracle", description = "Who this is."),
        (name = "events", description = "What is and was to be decided, by which rules, on what evidence."),
        (name = "messages", description = "Announcements and attestations, and a stream of them."),
        (name = "log", description = "The append-only log: checkpoint, tiles, proofs, and what its entries name by hash."),
        (name = "operators", description = "Named people with keys of their own: what they did, and how they do it."),
        (name = "compat", description = "Read-only dialects of existing clients: kormir, p2pd, sibyls."),
        (name = "service", description = "For whoever runs or watches it."),
        (name = "pages", description = "For people.")
    )
)]
pub(crate) struct Document;

/// The finished document.
#[derive(Clone)]
pub(crate) struct Written(pub(crate) Arc<Representation>);

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "service",
    responses(
        (status = 200, description = "OpenAPI 3.1.", content_type = "application/json", body = Object),
        (status = 304, description = "The reader has it.")))]
pub(crate) async fn get_openapi(
    Extension(Written(document)): Extension<Written>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    Ok(document.revalidated(&headers))
}
