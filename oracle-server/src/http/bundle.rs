//! `GET /v1/events/{id}/bundle`: everything that proves one event.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use oracle_schema::bundle::{BUNDLE_FORMAT, Bundle, Consistency, CoveringAnchor, Included};
use oracle_schema::tlog::tree::prove_consistency;
use oracle_schema::tlog::{Hash, Note, TileSet};
use utoipa::ToSchema;

use super::AppState;
use super::cache::Representation;
use super::events::event;
use super::log::{AnchorJson, Inclusion, checkpoint, damaged, entry, prove, tiles_of};
use super::messages::not_announced;
use super::openapi::EventName;
use super::problem::{Kind, Problem};
use super::query::{EventPath, Query};

/// `GET /v1/events/{id}/bundle`; written by [`Bundle`].
#[derive(ToSchema)]
#[allow(dead_code, reason = "it documents what another type writes")]
struct BundleJson {
    /// Always `peercoin-dlc-oracle/bundle/v1`.
    #[schema(pattern = "^peercoin-dlc-oracle/bundle/v1$")]
    format: String,
    /// The event.
    event_id: String,
    /// The signed checkpoint that all proofs lead to, with cosignatures.
    checkpoint: String,
    /// Entry 0: who the oracle is.
    genesis: IncludedJson,
    /// The announcement's entry.
    announcement: IncludedJson,
    /// The entry that proves its nonces; none of an event that ended before the log had
    /// such entries.
    #[schema(required = false, nullable = false)]
    nonce_proof: Option<IncludedJson>,
    /// The attestation's entry, once there is one.
    #[schema(required = false, nullable = false)]
    attestation: Option<IncludedJson>,
    /// The entry that says that there will be none, if the event was refunded.
    #[schema(required = false, nullable = false)]
    notice: Option<IncludedJson>,
    /// The canonical policy document.
    policy: String,
    /// The first confirmed anchor that covers these entries.
    #[schema(required = false, nullable = false)]
    anchor: Option<CoveringAnchorJson>,
    /// With `from`: that the log only grew since that size.
    #[schema(required = false, nullable = false)]
    consistency: Option<ConsistencyJson>,
}

/// An entry and the way from it to the checkpoint's root.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it documents what another type writes")]
pub(super) struct IncludedJson {
    /// Position in the log.
    #[schema(minimum = 0)]
    leaf_index: u64,
    /// Base64.
    entry: String,
    /// Base64, from the leaf's sibling to the root's child (RFC 6962, 2.1.1).
    hashes: Vec<String>,
}

/// An anchor and its consistency with the checkpoint.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it documents what another type writes")]
struct CoveringAnchorJson {
    #[serde(flatten)]
    anchor: AnchorJson,
    /// Base64 (RFC 6962, 2.1.2).
    consistency: Vec<String>,
}

/// That the log only grew.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it documents what another type writes")]
struct ConsistencyJson {
    /// The size that was asked for.
    #[schema(minimum = 0)]
    from: u64,
    /// Base64 (RFC 6962, 2.1.2).
    hashes: Vec<String>,
}

/// Everything that proves an event, in one document.
///
/// The genesis, the announcement, the proof of its nonces and, once they exist, the attestation or the
/// notice of a refund, each with its way to one signed checkpoint; the policy; an
/// anchor. It verifies offline with nothing but the `identity` of
/// `GET /v1/oracle`, from then on and for ever (`oracle verify BUNDLE --identity …`).
#[utoipa::path(get, path = "/v1/events/{id}/bundle", tag = "events",
    params(
        ("id" = EventName, Path, description = "Event id; percent-encoded in an address."),
        ("from" = Option<u64>, Query, description = "Entries of the last checkpoint that the reader has: the bundle then has a proof that the log only grew since.", minimum = 0, maximum = 9_223_372_036_854_775_807_u64, example = 1),
    ),
    responses(
        (status = 200, description = "Under a checkpoint of now, cosigned where witnesses have done so for these entries.", content_type = "application/json", body = BundleJson),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-event` or `not-announced`."),
        (status = 409, description = "`ahead-of-log`: the log has fewer entries than asked for."),
        (status = 410, description = "`withdrawn`: the event was never announced."),
        (status = 503, description = "`unavailable`: the log has no signed head yet.")))]
pub(super) async fn get_bundle(
    State(app): State<Arc<AppState>>,
    EventPath(id): EventPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::strict(&uri, &["from"])?;
    let from = query.number("from", 0..=i64::MAX)?;
    let from = from.and_then(|size| u64::try_from(size).ok());
    let bundle = bundle(&app, &id, from).await?;
    Ok(Representation::json(&bundle)?.briefly(&headers))
}

async fn bundle(app: &AppState, id: &str, from: Option<u64>) -> Result<Bundle, Problem> {
    // The event before the checkpoint: what is in the log is under every later one.
    let event = event(app, id).await?;
    let Some(announced) = event.announcement_position else {
        return Err(not_announced(app, id).await?);
    };
    let notice = match event.attestation_position {
        Some(_) => None,
        None => app.store.refund_position(id).await?,
    };
    let end = event.attestation_position.or(notice);
    let proof = app.store.nonce_proof_position(id).await?;
    let last = announced.max(end.max(proof).unwrap_or_default());
    let last = u64::try_from(last).map_err(damaged)?;
    let note = covering(app, last, from.unwrap_or_default()).await?;
    let size = Note::parse(&note).map_err(damaged)?.checkpoint().size;
    let consistency = match from {
        Some(from) if from > size => {
            return Err(Kind::AheadOfLog
                .because(format!("the log has {size} entries, not {from}"))
                .field("from"));
        }
        Some(from) => Some(Consistency::new(from, &consistent(app, from, size).await?)),
        None => None,
    };
    let policy = app.store.policy_document(&event.policy_hash).await?;
    let policy = policy.ok_or_else(|| damaged(format!("event {id} has no policy")))?;
    Ok(Bundle {
        format: BUNDLE_FORMAT.to_owned(),
        event_id: id.to_owned(),
        genesis: included(app, 0, size).await?,
        announcement: included(app, announced, size).await?,
        nonce_proof: included_at(app, proof, size).await?,
        attestation: included_at(app, event.attestation_position, size).await?,
        notice: included_at(app, notice, size).await?,
        policy: String::from_utf8(policy).map_err(damaged)?,
        anchor: anchor(app, last, size).await?,
        consistency,
        checkpoint: note,
    })
}

/// The last cosigned checkpoint if it covers the entry at `last` and is not behind
/// `from`, else the newest one.
async fn covering(app: &AppState, last: u64, from: u64) -> Result<String, Problem> {
    if let Some(note) = app.store.cosigned_checkpoint().await? {
        let size = Note::parse(&note).map_err(damaged)?.checkpoint().size;
        if size > last && size >= from {
            return Ok(note);
        }
    }
    checkpoint(app).await
}

/// The entry at a position, with its proof.
async fn included(app: &AppState, position: i64, size: u64) -> Result<Included, Problem> {
    let Inclusion { index, hashes } = prove(app, position, size).await?;
    let entry = entry(app, index, size).await?;
    Ok(Included::new(index, &entry, &hashes))
}

/// The same, where there is one.
async fn included_at(
    app: &AppState,
    position: Option<i64>,
    size: u64,
) -> Result<Option<Included>, Problem> {
    match position {
        Some(position) => Ok(Some(included(app, position, size).await?)),
        None => Ok(None),
    }
}

/// That the log with `from` entries is the beginning of that with `size`.
async fn consistent(app: &AppState, from: u64, size: u64) -> Result<Vec<Hash>, Problem> {
    let tiles = match from.checked_sub(1) {
        Some(last) => tiles_of(app, last, size).await?,
        None => TileSet::of(size),
    };
    prove_consistency(from, size, &tiles)
        .map_err(damaged)?
        .ok_or_else(|| damaged(format!("{from} entries are not the beginning of {size}")))
}

/// The first confirmed anchor of more than `last` and at most `size` entries.
async fn anchor(app: &AppState, last: u64, size: u64) -> Result<Option<CoveringAnchor>, Problem> {
    let Some(anchor) = app.store.anchor_covering(last, size).await? else {
        return Ok(None);
    };
    let proof = consistent(app, anchor.size, size).await?;
    Ok(Some(CoveringAnchor::new(anchor, &proof)))
}
