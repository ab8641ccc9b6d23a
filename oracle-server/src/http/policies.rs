//! Policies: the document of an event's, and the cache of those that pages and lists
//! read, as they never change.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use oracle_schema::policy::Policy;
use quick_cache::sync::Cache;
use utoipa::ToSchema;

use super::AppState;
use super::cache::Representation;
use super::events::event;
use super::openapi::EventName;
use super::problem::Problem;
use super::query::{EventPath, Query};
use crate::store::{ReadStore, StoreError};

/// Policies cached; an oracle has about one for each series, and one for each question.
const CACHED: usize = 4096;

/// Policies by their hash. `None`: a document that this build cannot read.
pub(crate) struct Policies(Cache<[u8; 32], Option<Arc<Policy>>>);

impl Default for Policies {
    fn default() -> Self {
        Self(Cache::new(CACHED))
    }
}

impl Policies {
    /// The policy of a hash that an event has.
    pub(crate) async fn of(
        &self,
        store: &ReadStore,
        hash: &[u8; 32],
    ) -> Result<Option<Arc<Policy>>, StoreError> {
        if let Some(cached) = self.0.get(hash) {
            return Ok(cached);
        }
        let Some(document) = store.policy_document(hash).await? else {
            return Ok(None);
        };
        let policy = Policy::parse(&document).ok().map(Arc::new);
        self.0.insert(*hash, policy.clone());
        Ok(policy)
    }
}

/// The rules of an event, RFC 8785 JSON.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the documentation")]
struct PolicyDocument {
    /// Of its shape.
    version: u32,
    /// How facts become an outcome; its members depend on the kind.
    #[schema(value_type = Object)]
    rule: (),
    /// After the maturity, seconds; then it is a refund.
    give_up_after_s: u32,
    /// What is asked, in one line; `{maturity}`, `{price}`, `{unit}` and
    /// `{above}` stand for what event and rule say.
    #[schema(value_type = String, required = false)]
    title: (),
    /// What counts, what does not, where to look; the same placeholders.
    #[schema(value_type = String, required = false)]
    description: (),
    /// For people, by outcome or role.
    #[schema(value_type = Object, required = false)]
    names: (),
}

/// The rules of an event: the canonical policy document (RFC 8785 JSON), whose
/// SHA-256 is the event's `policy_hash`.
#[utoipa::path(get, path = "/v1/events/{id}/policy", tag = "events",
    params(("id" = EventName, Path, description = "Event id; percent-encoded in an address.")),
    responses(
        (status = 200, description = "Exactly the bytes that were hashed.", content_type = "application/json", body = PolicyDocument),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-event`; `not-announced` of one that a series will have, with Retry-After.")))]
pub(crate) async fn get_policy(
    State(app): State<Arc<AppState>>,
    EventPath(id): EventPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let announced = event(&app, &id).await?.announced_at.is_some();
    let document = app
        .store
        .policy(&id)
        .await?
        .ok_or_else(|| Problem::unknown_event(&id))?;
    let document = Representation::new("application/json", document);
    // Until the announcement the rules can still be replaced.
    Ok(if announced {
        document.immutable(&headers)
    } else {
        document.revalidated(&headers)
    })
}
