//! The log as C2SP `tlog-tiles`, and proofs of what is in it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oracle_schema::anchor::MAX_PAGE;
use oracle_schema::tlog::tile::{Content, WIDTH, unbundle};
use oracle_schema::tlog::tree::prove_inclusion;
use oracle_schema::tlog::{Hash, Note, Tile, TileSet, TlogProof};
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::AppState;
use super::cache::Representation;
use super::events::event;
use super::evidence::ManifestDocument;
use super::openapi::{Bytes, EventName, Hex32, MessageHex, ProofForm, ProofOf, TileName, Time};
use super::problem::{Kind, Problem};
use super::query::{EventPath, HashPath, Query};
use crate::store::StoreError;

const BYTES: &str = "application/octet-stream";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// The signed checkpoint: origin, size and root of the log as it is now.
///
/// The log's own signature comes first, then the cosignatures of witnesses that
/// are there by now; a moment later there may be more.
#[utoipa::path(get, path = "/checkpoint", tag = "log",
    responses(
        (status = 200, description = "C2SP `tlog-checkpoint`, a signed note.", content_type = "text/plain", body = String),
        (status = 304, description = "The reader has it."),
        (status = 503, description = "`unavailable`: the log has no signed head yet.")))]
pub(super) async fn get_checkpoint(
    State(app): State<Arc<AppState>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let note = app.newest.get(&app).await?;
    Ok(note.briefly(&headers))
}

/// `/checkpoint` as it was read last: every follower of the log asks for it, and
/// again and again.
#[derive(Default)]
pub(super) struct Newest(Mutex<Option<Cached>>);

struct Cached {
    /// [`crate::store::ReadStore::checkpoint_version`].
    version: (i64, u64),
    /// By [`crate::clock::Clock::uptime`].
    read_at: Duration,
    note: Representation,
}

/// How long a cached checkpoint is good, for what another process adds to it.
const FRESH_FOR: Duration = Duration::from_secs(1);

impl Newest {
    /// Whoever comes while it is read waits, and reads nothing.
    async fn get(&self, app: &AppState) -> Result<Representation, Problem> {
        let mut cached = self.0.lock().await;
        // Before the note: a change meanwhile is read the next time.
        let version = app.store.checkpoint_version();
        let read_at = app.clock.uptime();
        if let Some(cached) = &*cached
            && cached.version == version
            && read_at.saturating_sub(cached.read_at) < FRESH_FOR
        {
            return Ok(cached.note.clone());
        }
        let note = Representation::new(TEXT, checkpoint(app).await?);
        *cached = Some(Cached {
            version,
            read_at,
            note: note.clone(),
        });
        Ok(note)
    }
}

/// The last checkpoint that a quorum of witnesses has cosigned.
///
/// Which witnesses and how many is up to the oracle's configuration; a reader
/// checks them by a policy of their own (C2SP `tlog-policy`). `/checkpoint` may
/// be later.
#[utoipa::path(get, path = "/v1/checkpoints/cosigned", tag = "log",
    responses(
        (status = 200, description = "C2SP `tlog-checkpoint` with cosignatures (`tlog-cosignature`).", content_type = "text/plain", body = String),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`not-cosigned`.")))]
pub(super) async fn get_cosigned_checkpoint(
    State(app): State<Arc<AppState>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let note = app.store.cosigned_checkpoint().await?;
    let note = note.ok_or_else(|| {
        Kind::NotCosigned
            .because("no quorum of witnesses has cosigned a checkpoint")
            .retry_after_s(5)
    })?;
    Ok(Representation::new(TEXT, note).briefly(&headers))
}

pub(super) async fn checkpoint(app: &AppState) -> Result<String, Problem> {
    let note = app.store.checkpoint().await?;
    note.ok_or_else(|| {
        Kind::Unavailable
            .because("the log has no signed head yet")
            .retry_after_s(5)
    })
}

/// A tile of hashes (`{level}/{index}`) or a bundle of entries
/// (`entries/{index}`), by its name in C2SP `tlog-tiles`.
#[utoipa::path(get, path = "/tile/{name}", tag = "log",
    params(("name" = TileName, Path, description = "Such as `0/x001/234`, `1/000.p/17` or `entries/000.p/3`; the slashes are slashes.")),
    responses(
        (status = 200, description = "Hashes of 32 bytes each, or entries behind two bytes of length each. Never changes.", content_type = "application/octet-stream", body = Bytes),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-tile`.")))]
pub(super) async fn get_tile(
    State(app): State<Arc<AppState>>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let missing = || {
        Kind::UnknownTile
            .because(format!("no tile {name:?} is published"))
            .field("name")
    };
    let tile: Tile = name.parse().map_err(|_| missing())?;
    let found = find_tile(&app, tile).await?.ok_or_else(missing)?;
    Ok(found.immutable(&headers))
}

/// A tile out of memory, where its immutability lets it be cached.
async fn find_tile(app: &AppState, tile: Tile) -> Result<Option<Representation>, StoreError> {
    if let Some(cached) = app.message_cache.tile(tile) {
        return Ok(Some(cached));
    }
    let found = app.store.tile(tile).await?;
    let found = found.map(|bytes| Representation::new(BYTES, bytes));
    if let Some(found) = &found {
        app.message_cache.keep_tile(tile, found.clone());
    }
    Ok(found)
}

/// The inclusion proof of the entry at `position` in the tree of `size`
/// entries, which is published.
pub(super) async fn prove(app: &AppState, position: i64, size: u64) -> Result<Inclusion, Problem> {
    let index = u64::try_from(position).map_err(damaged)?;
    let tiles = tiles_of(app, index, size).await?;
    let hashes = prove_inclusion(index, size, &tiles)
        .map_err(damaged)?
        .ok_or_else(|| damaged(format!("position {index} is not below {size}")))?;
    Ok(Inclusion { index, hashes })
}

/// The tiles that prove entry `index`, or the tree that ends with it, in the
/// published tree of `size` entries.
pub(super) async fn tiles_of(app: &AppState, index: u64, size: u64) -> Result<TileSet, Problem> {
    let mut tiles = TileSet::of(size);
    for tile in TileSet::needed(index, size) {
        let found = find_tile(app, tile).await?;
        let found = found.ok_or_else(|| damaged(format!("tile {tile} is not there")))?;
        tiles.insert(tile, found.body().to_vec());
    }
    Ok(tiles)
}

/// The entry at an index of the tree of `size` entries, which is published.
pub(super) async fn entry(app: &AppState, index: u64, size: u64) -> Result<Vec<u8>, Problem> {
    let missing = || damaged(format!("entry {index} is not there"));
    let tile = Tile::of(Content::Entries, index / WIDTH, size).ok_or_else(missing)?;
    let bundle = find_tile(app, tile).await?.ok_or_else(missing)?;
    let entries = unbundle(bundle.body()).ok_or_else(missing)?;
    let within = usize::try_from(index % WIDTH).map_err(damaged)?;
    let entry = entries.get(within).ok_or_else(missing)?;
    Ok(entry.to_vec())
}

/// The entries from `first` to `end`, of one bundle of the published tree of `size`
/// entries.
pub(super) async fn entries(
    app: &AppState,
    first: u64,
    end: u64,
    size: u64,
) -> Result<Vec<Vec<u8>>, Problem> {
    let missing = || damaged(format!("entries {first} to {end} are not there"));
    let tile = Tile::of(Content::Entries, first / WIDTH, size).ok_or_else(missing)?;
    // Not cached in memory: who reads all of the log would drive out what others ask for.
    let bundle = app.store.tile(tile).await?.ok_or_else(missing)?;
    let entries = unbundle(&bundle).ok_or_else(missing)?;
    let within = usize::try_from(first % WIDTH).map_err(damaged)?;
    let count = usize::try_from(end - first).map_err(damaged)?;
    let entries = entries.get(within..within + count).ok_or_else(missing)?;
    Ok(entries.iter().map(|entry| entry.to_vec()).collect())
}

/// A leaf and the way from it to the root.
pub(super) struct Inclusion {
    pub(super) index: u64,
    pub(super) hashes: Vec<Hash>,
}

pub(super) fn damaged(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "the stored log contradicts itself");
    Kind::Internal.because("the stored log contradicts itself")
}

/// Where an entry is, and the way from it to the checkpoint's root.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"leaf_index": 1, "hashes": ["NhxLl1A4KqUjyPGYNWbIAplDbmC+BTP5s6aDnGXhcmM="]}))]
struct InclusionJson {
    /// Position in the log.
    #[schema(minimum = 0)]
    leaf_index: u64,
    /// Base64, from the leaf's sibling to the root's child (RFC 6962, 2.1.1).
    hashes: Vec<String>,
}

impl From<Inclusion> for InclusionJson {
    fn from(proof: Inclusion) -> Self {
        Self {
            leaf_index: proof.index,
            hashes: proof.hashes.iter().map(|h| STANDARD.encode(h)).collect(),
        }
    }
}

/// `GET /v1/proofs/{id}`.
#[derive(Debug, Serialize, ToSchema)]
struct ProofsJson {
    /// The signed checkpoint that the proofs lead to.
    checkpoint: String,
    /// Of the announcement's entry.
    announcement: InclusionJson,
    /// Of the attestation's entry, once there is one.
    attestation: Option<InclusionJson>,
}

/// That an event's announcement and attestation are in the log.
///
/// With `format=tlog-proof` one of them as C2SP `tlog-proof`, whose extra data
/// is the entry itself: it verifies offline, with the log's key alone.
#[utoipa::path(get, path = "/v1/proofs/{id}", tag = "log",
    params(
        ("id" = EventName, Path, description = "Event id; percent-encoded in an address."),
        ("format" = Option<ProofForm>, Query, description = "`json` unless given."),
        ("of" = Option<ProofOf>, Query, description = "With `tlog-proof` only; `announcement` unless given."),
    ),
    responses(
        (status = 200, description = "Under the checkpoint of now.",
            content((ProofsJson = "application/json"), (String = "text/plain"))),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-event`, `not-announced`, or with `of=attestation` `not-attested`."),
        (status = 503, description = "`unavailable`: the log has no signed head yet.")))]
pub(super) async fn get_proofs(
    State(app): State<Arc<AppState>>,
    EventPath(id): EventPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::strict(&uri, &["format", "of"])?;
    let wanted = Wanted::of(&query)?;
    // The event before the checkpoint: what is in the log is under every later one.
    let event = event(&app, &id).await?;
    let announced = event
        .announcement_position
        .ok_or_else(|| Kind::NotAnnounced.because(format!("event {id} has no announcement")))?;
    let attested = event.attestation_position;
    let note = checkpoint(&app).await?;
    let parsed = Note::parse(&note).map_err(damaged)?;
    let size = parsed.checkpoint().size;
    let position = match wanted {
        Wanted::Both => {
            let proofs = ProofsJson {
                announcement: prove(&app, announced, size).await?.into(),
                attestation: match attested {
                    Some(position) => Some(prove(&app, position, size).await?.into()),
                    None => None,
                },
                checkpoint: note,
            };
            return Ok(Representation::json(&proofs)?.briefly(&headers));
        }
        Wanted::Announcement => announced,
        Wanted::Attestation => attested
            .ok_or_else(|| Kind::NotAttested.because(format!("event {id} is not attested")))?,
    };
    let Inclusion { index, hashes } = prove(&app, position, size).await?;
    let note = parsed;
    let proof = TlogProof {
        extra: Some(entry(&app, index, size).await?),
        index,
        hashes,
        note,
    };
    let proof = proof.to_string();
    Ok(Representation::new(TEXT, proof).briefly(&headers))
}

/// What a request for proofs is for.
enum Wanted {
    /// As JSON.
    Both,
    /// As `tlog-proof`.
    Announcement,
    /// As `tlog-proof`.
    Attestation,
}

impl Wanted {
    fn of(query: &Query) -> Result<Self, Problem> {
        match (query.get("format"), query.get("of")) {
            (None | Some("json"), None) => Ok(Self::Both),
            (None | Some("json"), Some(_)) => {
                Err(Problem::bad("of", "of goes with format=tlog-proof"))
            }
            (Some("tlog-proof"), None | Some("announcement")) => Ok(Self::Announcement),
            (Some("tlog-proof"), Some("attestation")) => Ok(Self::Attestation),
            (Some("tlog-proof"), Some(_)) => {
                Err(Problem::bad("of", "of is announcement or attestation"))
            }
            (Some(_), _) => Err(Problem::bad("format", "format is json or tlog-proof")),
        }
    }
}

/// A policy document by the hash that announcements' entries hold.
///
/// Exactly the bytes (RFC 8785 JSON) of which this is the SHA-256.
#[utoipa::path(get, path = "/v1/policies/{sha256}", tag = "log",
    params(("sha256" = Hex32, Path, description = "SHA-256 of the document, lower-case hex.")),
    responses(
        (status = 200, description = "The canonical document.", content_type = "application/json", body = Object),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-document`.")))]
pub(super) async fn get_policy_document(
    State(app): State<Arc<AppState>>,
    HashPath(hash): HashPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let found = app.store.policy_document(&hash).await?;
    document("policy", found, &headers)
}

/// An evidence manifest by the hash that attestations' entries hold.
///
/// Exactly the bytes (RFC 8785 JSON) of which this is the SHA-256. All events
/// of one price and maturity rest on one.
#[utoipa::path(get, path = "/v1/manifests/{sha256}", tag = "log",
    params(("sha256" = Hex32, Path, description = "SHA-256 of the document, lower-case hex.")),
    responses(
        (status = 200, description = "The canonical document.", content_type = "application/json", body = ManifestDocument),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-document`.")))]
pub(super) async fn get_manifest_document(
    State(app): State<Arc<AppState>>,
    HashPath(hash): HashPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let found = app.store.manifest_document(&hash).await?;
    document("manifest", found, &headers)
}

/// `GET /v1/anchors`; written by [`oracle_schema::anchor::Anchors`].
#[derive(ToSchema)]
#[allow(dead_code, reason = "it documents what another type writes")]
pub(super) struct AnchorsJson {
    /// By size, smallest first.
    anchors: Vec<AnchorJson>,
    /// Where there are older ones: `before` of the next request.
    #[schema(minimum = 1, required = true)]
    next_before: Option<u64>,
}

/// A checkpoint in a transaction that was sent to the network.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it documents what another type writes")]
pub(super) struct AnchorJson {
    /// Whose log.
    origin: String,
    /// Its entries.
    #[schema(minimum = 1)]
    size: u64,
    /// Their Merkle root.
    #[schema(value_type = Hex32)]
    root: String,
    /// The signed checkpoint.
    note: String,
    /// The transaction's id, as nodes write it.
    #[schema(value_type = Hex32)]
    txid: String,
    /// Which of its outputs is the anchor.
    #[schema(minimum = 0)]
    vout: u32,
    /// The transaction.
    #[schema(value_type = MessageHex)]
    transaction: String,
    /// The block, once it is deep enough in the chain.
    #[schema(required = true)]
    confirmation: Option<ConfirmationJson>,
}

/// The block that an anchor is in.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it documents what another type writes")]
pub(super) struct ConfirmationJson {
    /// Its place in the chain.
    #[schema(minimum = 0)]
    height: u64,
    /// Its id, as nodes write it.
    #[schema(value_type = Hex32)]
    block_hash: String,
    /// Its time: the log had its entries by then.
    #[schema(value_type = Time)]
    confirmed_at: String,
    /// Its 80 bytes, of which `block_hash` is the hash.
    #[schema(pattern = "^[0-9a-f]{160}$")]
    header: String,
    /// Which of its transactions.
    #[schema(minimum = 0)]
    position: u32,
    /// Hashes, as they are hashed, from the transaction up to the root.
    #[schema(value_type = Vec<Hex32>, max_items = 24)]
    branch: Vec<String>,
}

/// Checkpoints that were committed to Peercoin, with their proofs.
///
/// Everything that verifies offline (`docs/anchors.md`); whether the block is in
/// the chain, any node or block explorer says. The newest ones; older ones with
/// `before`.
#[utoipa::path(get, path = "/v1/anchors", tag = "log",
    params(
        ("before" = Option<u64>, Query, description = "Only those of fewer entries: `next_before` of the page before.", minimum = 1, maximum = 9_223_372_036_854_775_807_u64, example = 258),
        ("limit" = Option<u64>, Query, description = "At most so many; 100 unless given.", minimum = 1, maximum = 1000, example = 100),
    ),
    responses(
        (status = 200, description = "Empty where nothing is anchored.", content_type = "application/json", body = AnchorsJson),
        (status = 304, description = "The reader has it.")))]
pub(super) async fn get_anchors(
    State(app): State<Arc<AppState>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::strict(&uri, &["before", "limit"])?;
    let before = query.number("before", 1..=i64::MAX)?;
    let limit = query.number("limit", 1..=1000)?.unwrap_or(100);
    let limit = usize::try_from(limit).unwrap_or(MAX_PAGE);
    let before = before.and_then(|size| u64::try_from(size).ok());
    let anchors = app.store.anchors(before, limit).await?;
    Ok(Representation::json(&anchors)?.briefly(&headers))
}

/// A document that its hash names.
fn document(what: &str, found: Option<Vec<u8>>, headers: &HeaderMap) -> Result<Response, Problem> {
    let document = found.ok_or_else(|| {
        Kind::UnknownDocument
            .because(format!("no {what} of this hash is published"))
            .field("sha256")
    })?;
    Ok(Representation::new(JSON, document).immutable(headers))
}
