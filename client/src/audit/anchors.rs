//! The log's checkpoints in Peercoin.

use std::collections::HashMap;

use oracle_schema::anchor::{Anchors, MAX_PAGE};
use oracle_schema::tlog::Tile;
use tokio::sync::Mutex;

use super::head;
use super::report::{Finding, Subject};
use super::session::Session;
use super::source::{Absent, Source};
use crate::anchor::{Log, Tiles, Verdict, check};

/// Longest list that is read, bytes: an export holds all anchors in one.
const MAX_LIST: usize = 64 * 1024 * 1024;
/// Bytes of the longest tile of hashes.
const MAX_TILE: usize = 256 * 32;
/// Tiles cached from one anchor to the next, which mostly need the same.
const MOST_TILES: usize = 256;

struct TileCache<'a> {
    source: &'a Source,
    tiles: Mutex<HashMap<Tile, Vec<u8>>>,
}

impl Tiles for TileCache<'_> {
    async fn tile(&self, tile: Tile) -> Result<Vec<u8>, String> {
        let mut tiles = self.tiles.lock().await;
        if let Some(cached) = tiles.get(&tile) {
            return Ok(cached.clone());
        }
        let path = format!("tile/{tile}");
        let bytes = self.source.get("tile", &path, MAX_TILE).await;
        let bytes = bytes.map_err(|absent| format!("tile {tile} {absent}"))?;
        if tiles.len() >= MOST_TILES {
            tiles.clear();
        }
        tiles.insert(tile, bytes.clone());
        Ok(bytes)
    }
}

impl Session<'_> {
    /// Every anchor that is shown, against the log, and against a node where one
    /// is given.
    pub(super) async fn check_anchors(&mut self) {
        let tiles = TileCache {
            source: self.source,
            tiles: Mutex::default(),
        };
        let mut before = None;
        // The log as it is by now, asked for once.
        let mut grown = None;
        let mut later = 0_u64;
        loop {
            let list = match self.list(before).await {
                Ok(list) => list,
                Err(Absent::NotThere) => break,
                Err(absent) => {
                    let finding = Finding::new(Subject::Anchors, absent);
                    self.report.missing.add(finding);
                    break;
                }
            };
            for anchor in &list.anchors {
                let log = Log {
                    head: &self.signed.checkpoint,
                    key: &self.identity.log_key,
                    network: &self.identity.network,
                };
                let node = self.options.peercoin.as_ref();
                let node = node.map(|(node, depth)| (node.as_ref(), *depth));
                let subject = || Subject::Anchor {
                    txid: anchor.txid.chars().take(64).collect(),
                    size: anchor.size,
                };
                if anchor.size > self.signed.checkpoint.size {
                    // An honest log grows, and is anchored, during an audit.
                    if grown.is_none() {
                        grown = self.grown().await;
                    }
                    if grown.is_some_and(|grown| anchor.size <= grown) {
                        later += 1;
                        continue;
                    }
                }
                let verdict = check(anchor, &log, &tiles, node).await;
                self.report.totals.anchors += 1;
                match verdict {
                    Verdict::Anchored(anchored) => {
                        let known = self.report.anchored.as_ref().map(|known| known.size);
                        if known < Some(anchored.size) {
                            self.report.anchored = Some(anchored);
                        }
                    }
                    Verdict::Pending => {}
                    Verdict::Violation(why) => {
                        self.report.violations.add(Finding::new(subject(), why));
                    }
                    Verdict::Unknown(why) => {
                        self.report.missing.add(Finding::new(subject(), why));
                    }
                }
            }
            // Each page must be older than the one before and go on where it
            // ends, or there is no end.
            let oldest = list.anchors.iter().map(|anchor| anchor.size).min();
            let next = list
                .next_before
                .filter(|next| Some(*next) == oldest && before.is_none_or(|b| *next < b));
            let Some(next) = next else { break };
            before = Some(next);
        }
        if later > 0 {
            let why = "of heads after the one audited; the next audit sees them";
            self.report.notes.push(format!("anchors: {later} {why}"));
        }
        if self.report.totals.anchors == 0 && self.options.peercoin.is_some() {
            let why = "there are none to look for in Peercoin";
            self.report.notes.push(format!("anchors: {why}"));
        }
    }

    /// How many entries the log has by now, under the log's signature.
    async fn grown(&self) -> Option<u64> {
        let (note, _) = head::note(self.source).await.ok()?;
        let checkpoint = note.verify(&self.identity.log_key).ok()?;
        Some(checkpoint.size)
    }

    async fn list(&self, before: Option<u64>) -> Result<Anchors, Absent> {
        let limit = MAX_PAGE.to_string();
        let before = before.map(|size| size.to_string());
        let mut query = vec![("limit", limit.as_str())];
        query.extend(before.as_deref().map(|size| ("before", size)));
        let source = self.source;
        let bytes = source
            .get_with("anchors", "v1/anchors", &query, MAX_LIST)
            .await?;
        serde_json::from_slice(&bytes).map_err(|e| Absent::Failed(format!("is no list: {e}")))
    }
}
