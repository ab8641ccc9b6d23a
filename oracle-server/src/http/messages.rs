//! `/v1/announcements/{id}` and `/v1/attestations/{id}`: the published DLC
//! messages in the forms of [`super::formats`], served from memory once read.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use chrono::{DateTime, Utc};
use oracle_schema::codec::Layout;
use oracle_schema::tlog::Tile;
use oracle_schema::{Announcement, Attestation};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::AppState;
use super::cache::Representation;
use super::calendar::{due_at, unknown};
use super::events::{event, time};
use super::formats::Format;
use super::held::Client;
use super::openapi::{
    AnnouncementForm, AttestationForm, DlcAnnouncement, DlcAttestation, EventName, MessageBytes,
    MessageHex, Switch,
};
use super::problem::{Kind, Problem};
use super::query::{EventPath, Query};
use crate::stop::stopped;
use crate::store::read::{AttestationLookup, EventState};

/// Bytes of messages kept in memory, per kind.
const CACHE_BYTES: u64 = 64 << 20;
/// Bytes of partial tiles kept in memory.
const EDGE_BYTES: u64 = 4 << 20;
/// An estimate of how many partial tiles that is.
const EDGES: usize = 256;
/// After the maturity an outcome may come at any moment; a reader is sent away for so
/// long at most, seconds.
const SURPRISE_S: i64 = 60;
/// Longest long poll, seconds.
const WAIT_MOST_S: i64 = 60;

/// One published message in every form.
pub(super) struct Message {
    json: Representation,
    tlv: Representation,
    hex: Representation,
    /// Counted layout, bytes and hex; attestations only.
    rust_dlc: Option<(Representation, Representation)>,
}

impl Message {
    fn new(
        json: &serde_json::Value,
        tlv: Vec<u8>,
        counted: Option<&[u8]>,
    ) -> Result<Self, Problem> {
        let bytes = |b: &[u8]| Representation::new("application/octet-stream", b.to_vec());
        let text = |b: &[u8]| Representation::new("text/plain; charset=utf-8", hex::encode(b));
        Ok(Self {
            json: Representation::json(json)?,
            hex: text(&tlv),
            tlv: Representation::new("application/octet-stream", tlv),
            rust_dlc: counted.map(|c| (bytes(c), text(c))),
        })
    }

    /// The message in one of its forms.
    pub(super) fn form(&self, format: Format) -> &Representation {
        match (format, &self.rust_dlc) {
            (Format::Json, _) => &self.json,
            (Format::Hex, _) => &self.hex,
            (Format::RustDlc, Some((bytes, _))) => bytes,
            (Format::RustDlcHex, Some((_, text))) => text,
            // Announcements have one layout only.
            (Format::Tlv | Format::RustDlc | Format::RustDlcHex, _) => &self.tlv,
        }
    }
}

/// Weighs a message by its bytes.
#[derive(Clone)]
struct Bytes;

impl Weighter<String, Arc<Message>> for Bytes {
    fn weight(&self, id: &String, message: &Arc<Message>) -> u64 {
        let forms = [Some(&message.json), Some(&message.tlv), Some(&message.hex)];
        let counted = message.rust_dlc.iter().flat_map(|(b, t)| [b, t]);
        let bytes: u64 = forms
            .into_iter()
            .flatten()
            .chain(counted)
            .map(Representation::weight)
            .sum();
        bytes + u64::try_from(id.len()).unwrap_or(0)
    }
}

/// Published messages and points in memory. They never change, so nothing is
/// ever invalidated.
pub(super) struct MessageCache {
    announcements: Cache<String, Arc<Message>, Bytes>,
    attestations: Cache<String, Arc<Message>, Bytes>,
    /// `/v1/events/{id}/points`: some milliseconds of curve arithmetic each.
    pub(super) points: Cache<String, Representation, PointBytes>,
    /// Full tiles and entry bundles.
    tiles: Cache<Tile, Representation, TileBytes>,
    /// Partial ones: 255 of each full tile could be asked for, so they have a
    /// little place of their own, where they evict none of those.
    edges: Cache<Tile, Representation, TileBytes>,
}

/// Weighs a tile by its bytes.
#[derive(Clone)]
pub(super) struct TileBytes;

impl Weighter<Tile, Representation> for TileBytes {
    fn weight(&self, _: &Tile, bytes: &Representation) -> u64 {
        bytes.weight()
    }
}

/// Weighs a point list by its bytes.
#[derive(Clone)]
pub(super) struct PointBytes;

impl Weighter<String, Representation> for PointBytes {
    fn weight(&self, id: &String, points: &Representation) -> u64 {
        points.weight() + u64::try_from(id.len()).unwrap_or(0)
    }
}

impl MessageCache {
    pub(super) fn new() -> Self {
        // An estimate of entries; the weight is what bounds.
        const ENTRIES: usize = 8192;
        Self {
            announcements: Cache::with_weighter(ENTRIES, CACHE_BYTES, Bytes),
            attestations: Cache::with_weighter(ENTRIES, CACHE_BYTES, Bytes),
            points: Cache::with_weighter(ENTRIES, CACHE_BYTES, PointBytes),
            tiles: Cache::with_weighter(ENTRIES, CACHE_BYTES, TileBytes),
            edges: Cache::with_weighter(EDGES, EDGE_BYTES, TileBytes),
        }
    }

    /// A tile or entry bundle, if it is still there.
    pub(super) fn tile(&self, tile: Tile) -> Option<Representation> {
        self.tiles_like(tile).get(&tile)
    }

    /// Keeps a tile or entry bundle, which never changes.
    pub(super) fn keep_tile(&self, tile: Tile, bytes: Representation) {
        self.tiles_like(tile).insert(tile, bytes);
    }

    fn tiles_like(&self, tile: Tile) -> &Cache<Tile, Representation, TileBytes> {
        if tile.is_full() {
            &self.tiles
        } else {
            &self.edges
        }
    }
}

/// A stored message that this build cannot read: never the reader's fault.
/// What is stored of an event cannot be read by this build.
pub(super) fn unreadable(id: &str, error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(event_id = id, %error, "stored message cannot be read");
    Kind::Internal.because("the stored message cannot be read")
}

/// The announcement of an event, parsed.
pub(super) async fn announcement(app: &AppState, id: &str) -> Result<Announcement, Problem> {
    match app.store.announcement(id).await? {
        Some(row) => Announcement::from_tlv(&row.tlv).map_err(|e| unreadable(id, &e)),
        None => Err(not_announced(app, id).await?),
    }
}

/// Why there is no announcement.
pub(super) async fn not_announced(app: &AppState, id: &str) -> Result<Problem, Problem> {
    let event = event(app, id).await?;
    Ok(if event.state == EventState::Withdrawn {
        withdrawn(&event.reason.unwrap_or_default())
    } else {
        due_at(id, event.announce_at, app.clock.now())
    })
}

fn withdrawn(reason: &str) -> Problem {
    Kind::Withdrawn.because(format!("never announced: {reason}"))
}

/// The announcement of an event.
#[utoipa::path(get, path = "/v1/announcements/{id}", tag = "messages",
    params(
        ("id" = EventName, Path, description = "Event id; percent-encoded in an address."),
        ("format" = Option<AnnouncementForm>, Query, description = "`json`, `tlv` or `hex`; otherwise the Accept header decides."),
    ),
    responses(
        (status = 200, description = "The published announcement; it never changes.",
            content((DlcAnnouncement = "application/json"), (MessageBytes = "application/octet-stream"), (MessageHex = "text/plain"))),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-event`, or `not-announced` with Retry-After."),
        (status = 406, description = "`not-acceptable`."),
        (status = 410, description = "`withdrawn`.")))]
pub(super) async fn get_announcement(
    State(app): State<Arc<AppState>>,
    EventPath(id): EventPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::strict(&uri, &["format"])?;
    let format = Format::of_announcement(&query, &headers)?;
    let message = announcement_message(&app, &id).await?;
    Ok(message.form(format).immutable(&headers))
}

/// The announcement of an event, in every form.
pub(super) async fn announcement_message(
    app: &AppState,
    id: &str,
) -> Result<Arc<Message>, Problem> {
    if let Some(cached) = app.message_cache.announcements.get(id) {
        return Ok(cached);
    }
    let announcement = announcement(app, id).await?;
    let json = announcement.to_json();
    let message = Arc::new(Message::new(&json, announcement.to_tlv(), None)?);
    app.message_cache
        .announcements
        .insert(id.to_owned(), Arc::clone(&message));
    Ok(message)
}

/// The attestation of an event.
#[utoipa::path(get, path = "/v1/attestations/{id}", tag = "messages",
    params(
        ("id" = EventName, Path, description = "Event id; percent-encoded in an address."),
        ("format" = Option<AttestationForm>, Query, description = "`json`, `tlv` (spec layout), `hex` or `rust-dlc` (counted layout); otherwise the Accept header decides."),
        ("hex" = Option<Switch>, Query, description = "`1` with `format=rust-dlc`: hex instead of bytes."),
        ("wait" = Option<i64>, Query, description = "Seconds to wait for the attestation, 0 to 60.", minimum = 0, maximum = 60, example = 0),
    ),
    responses(
        (status = 200, description = "The published attestation; it never changes.",
            content((DlcAttestation = "application/json"), (MessageBytes = "application/octet-stream"), (MessageHex = "text/plain"))),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-event`, or `not-announced` or `not-attested` with Retry-After."),
        (status = 406, description = "`not-acceptable`."),
        (status = 410, description = "`refunded` or `withdrawn`."),
        (status = 429, description = "`rate-limited`: also where the address holds as many streams and long polls as it may.")))]
pub(super) async fn get_attestation(
    State(app): State<Arc<AppState>>,
    Extension(client): Extension<Client>,
    EventPath(id): EventPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::strict(&uri, &["format", "hex", "wait"])?;
    let format = Format::of_attestation(&query, &headers)?;
    let wait = query.number("wait", 0..=WAIT_MOST_S)?.unwrap_or(0);
    // Registered before looking, so that nothing falls between the two.
    let waiter = (wait > 0).then(|| app.fanout.wait_for(&id));
    let mut found = attestation_message(&app, &id).await;
    if let (Some(mut waiter), Err(problem)) = (waiter, &found)
        && problem.kind() == Kind::NotAttested
    {
        let _place = client.hold()?;
        let patience = Duration::from_secs(wait.unsigned_abs());
        let mut stopping = app.stopping.clone();
        tokio::select! {
            () = waiter.ended() => {
                // Everyone who waited is here at once: one look for all.
                let read = read_attestation(&app, &id);
                found = app.message_cache.attestations.get_or_insert_async(&id, read).await;
            }
            () = tokio::time::sleep(patience) => found = attestation_message(&app, &id).await,
            () = stopped(&mut stopping) => {}
        }
    }
    Ok(found?.form(format).immutable(&headers))
}

/// The attestation of an event, in every form, or why there is none.
pub(super) async fn attestation_message(app: &AppState, id: &str) -> Result<Arc<Message>, Problem> {
    if let Some(cached) = app.message_cache.attestations.get(id) {
        return Ok(cached);
    }
    let message = read_attestation(app, id).await?;
    app.message_cache
        .attestations
        .insert(id.to_owned(), Arc::clone(&message));
    Ok(message)
}

async fn read_attestation(app: &AppState, id: &str) -> Result<Arc<Message>, Problem> {
    let row = match app.store.attestation(id).await? {
        AttestationLookup::Attested(row) => row,
        AttestationLookup::UnknownEvent => return Err(unknown(app, id).await),
        AttestationLookup::NotYet { next_attempt_at } => {
            return Err(not_yet(app, id, next_attempt_at).await?);
        }
        AttestationLookup::Refunded { reason } => {
            return Err(Kind::Refunded.because(format!("no signature, ever: {reason}")));
        }
        AttestationLookup::Withdrawn { reason } => return Err(withdrawn(&reason)),
    };
    let (attestation, _) = Attestation::from_tlv(&row.tlv).map_err(|e| unreadable(id, &e))?;
    let counted = attestation.to_tlv(Layout::Counted);
    let message = Message::new(&attestation.to_json(), row.tlv, Some(&counted))?;
    Ok(Arc::new(message))
}

async fn not_yet(
    app: &AppState,
    id: &str,
    next_attempt_at: DateTime<Utc>,
) -> Result<Problem, Problem> {
    let now = app.clock.now();
    let mut wait = (next_attempt_at - now).num_seconds();
    if wait > SURPRISE_S {
        // No outcome comes before the maturity; after it a report or a late source may
        // bring one before the service looks again by itself.
        let maturity = event(app, id).await?.maturity.unix();
        wait = wait.min((maturity - now.timestamp()).max(SURPRISE_S));
    }
    Ok(Kind::NotAttested
        .because(format!(
            "event {id} is not attested yet; the service looks next at {}",
            time(next_attempt_at)
        ))
        .retry_after_s(wait))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn partial_tiles_evict_no_full_ones() {
        let cached = MessageCache::new();
        let tile = |name: String| name.parse::<Tile>().unwrap();
        let full: Vec<Tile> = (0..9).map(|n| tile(format!("0/00{n}"))).collect();
        for tile in &full {
            cached.keep_tile(*tile, Representation::new("x", vec![0; 1 << 20]));
        }
        for n in 0..100 {
            for width in 1..256 {
                let partial = tile(format!("0/{n:03}.p/{width}"));
                cached.keep_tile(partial, Representation::new("x", vec![0; 1 << 14]));
            }
        }
        assert!(full.iter().all(|tile| cached.tile(*tile).is_some()));
        assert!(cached.edges.weight() <= EDGE_BYTES);
        let last = tile("0/099.p/255".to_owned());
        assert!(cached.tile(last).is_some(), "what is asked for now is kept");
    }
}
