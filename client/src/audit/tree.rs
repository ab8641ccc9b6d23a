//! The tree, built again from the entries and compared with what is served.

use oracle_schema::tlog::tile::{Content, WIDTH};
use oracle_schema::tlog::tree::{
    leaf_hash, prove_consistency, prove_inclusion, verify_consistency, verify_inclusion,
};
use oracle_schema::tlog::{Checkpoint, Growing, Hash, Subtrees as _, Tile, TileSet};

use super::fetch::{Stretch, about, file, hashes};
use super::report::{Finding, Subject};
use super::source::{Absent, Source};
use super::spool::SpoolReader;

/// Tiles that differ, of which so many are looked into.
const MOST_SUSPECTS: usize = 64;

/// The tree so far, and what was served otherwise.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) growing: Growing,
    suspects: Vec<Suspect>,
    /// Tiles compared.
    pub(super) compared: u64,
    pub(super) violations: Vec<Finding>,
    pub(super) missing: Vec<Finding>,
}

/// A served tile that is not that of the entries.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    tile: Tile,
    /// Its first hash that differs.
    at: usize,
}

impl Tree {
    /// A tree of which everything so far was compared before.
    pub(super) fn resume(growing: Growing) -> Self {
        Self {
            growing,
            ..Self::default()
        }
    }

    /// Whether nothing differs yet, and nothing was missing.
    pub(super) fn is_clean(&self) -> bool {
        self.suspects.is_empty() && self.violations.is_empty() && self.missing.is_empty()
    }

    /// Appends the entries, and compares the tiles they fill.
    pub(super) fn append(&mut self, stretch: &Stretch) {
        for entry in &stretch.entries {
            for full in self.growing.append(leaf_hash(entry)) {
                let tile = Tile {
                    content: Content::Hashes(full.level),
                    index: full.index,
                    width: WIDTH,
                };
                let served = stretch.tiles.get(&tile).cloned();
                let served = served.unwrap_or(Err(Absent::NotThere));
                self.compare(tile, &full.hashes, served);
            }
        }
    }

    /// Compares the partial tiles at the right edge.
    pub(super) async fn edge(&mut self, source: &Source) {
        let size = self.growing.size();
        for level in 0_u32.. {
            let begun = size.checked_shr(8 * level).unwrap_or_default();
            if begun == 0 {
                return;
            }
            let Some(tile) = Tile::of(Content::Hashes(level), begun / WIDTH, size) else {
                continue;
            };
            let served = file(source, tile).await;
            let rebuilt = self.growing.partial(level as usize).to_vec();
            self.compare(tile, &rebuilt, served);
        }
    }

    fn compare(&mut self, tile: Tile, rebuilt: &[Hash], served: Result<Vec<u8>, Absent>) {
        let served = match served {
            Ok(served) => served,
            Err(absent) => {
                self.missing.push(about(tile, absent));
                return;
            }
        };
        self.compared += 1;
        let Some(hashes) = hashes(tile, &served) else {
            let why = format!("has {} bytes, not {}", served.len(), tile.width * 32);
            self.violations.push(about(tile, why));
            return;
        };
        let pairs = hashes.iter().zip(rebuilt);
        let at = pairs
            .into_iter()
            .position(|(served, rebuilt)| served != rebuilt);
        if let Some(at) = at
            && self.suspects.len() < MOST_SUSPECTS
        {
            self.suspects.push(Suspect { tile, at });
        }
    }

    /// Whether tile or entry is wrong where they differ: the checkpoint tells.
    /// `entry` names the entry at a position.
    pub(super) async fn judge(
        &mut self,
        source: &Source,
        checkpoint: &Checkpoint,
        mut entry: impl FnMut(u64) -> Subject,
    ) {
        let suspects = std::mem::take(&mut self.suspects);
        if self.growing.root() == checkpoint.root {
            let wrong = suspects.iter().map(|suspect| {
                let why = format!("hash {} is not that of the log's entries", suspect.at);
                about(suspect.tile, why)
            });
            self.violations.extend(wrong);
            return;
        }
        let why = "its root is not that of the entries";
        self.violations.push(Finding::new(Subject::Checkpoint, why));
        // Hashes above differ because those below do.
        let is_leaf = |s: &&Suspect| s.tile.content == Content::Hashes(0);
        for suspect in suspects.iter().filter(is_leaf) {
            let position = suspect.tile.index * WIDTH + suspect.at as u64;
            let finding = if is_covered(source, checkpoint, position).await {
                Finding::new(
                    entry(position),
                    "is not the entry that the checkpoint covers",
                )
            } else {
                let why = format!(
                    "hash {} is neither that of the entry nor under the checkpoint",
                    suspect.at
                );
                about(suspect.tile, why)
            };
            self.violations.push(finding);
        }
        if !suspects.iter().any(|s| is_leaf(&s)) {
            let wrong = suspects.iter().map(|suspect| {
                let why = format!("hash {} is not that of the log's entries", suspect.at);
                about(suspect.tile, why)
            });
            self.violations.extend(wrong);
        }
    }
}

/// Whether the served hash of a leaf is under the checkpoint by the served
/// tiles.
async fn is_covered(source: &Source, checkpoint: &Checkpoint, position: u64) -> bool {
    let Some(tiles) = tiles(source, &[position], checkpoint.size).await else {
        return false;
    };
    let (size, root) = (checkpoint.size, &checkpoint.root);
    let Ok(leaf) = tiles.subtree(0, position) else {
        return false;
    };
    let proof = prove_inclusion(position, size, &tiles);
    let Ok(Some(proof)) = proof else {
        return false;
    };
    verify_inclusion(&leaf, position, size, &proof, root).is_ok()
}

/// The served tiles that proofs about these leaves need.
async fn tiles(source: &Source, positions: &[u64], size: u64) -> Option<TileSet> {
    let mut set = TileSet::of(size);
    for position in positions {
        for tile in TileSet::needed(*position, size) {
            set.insert(tile, file(source, tile).await.ok()?);
        }
    }
    Some(set)
}

/// What a bundle that is none says about the log: its first entry that the
/// served hashes do not have.
pub(super) async fn broken_bundle(
    source: &Source,
    tile: Tile,
    entries: &[Vec<u8>],
) -> Vec<Finding> {
    let why = format!("has {} whole entries, not {}", entries.len(), tile.width);
    let mut findings = vec![about(tile, why)];
    let hashed = Tile {
        content: Content::Hashes(0),
        ..tile
    };
    let served = file(source, hashed).await.ok();
    if let Some(served) = served.and_then(|bytes| hashes(hashed, &bytes)) {
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let differs = |at: &usize| served.get(*at) != leaves.get(*at);
        if let Some(at) = (0..served.len().max(leaves.len())).find(differs) {
            let position = tile.index * WIDTH + at as u64;
            let why = "is not there as the tree has it: changed, removed, inserted or cut off";
            findings.push(Finding::new(Subject::entry(position), why));
        }
    }
    findings
}

/// Whether the served tiles prove that the new tree is the old one continued.
pub(super) async fn is_continued(source: &Source, old: &Checkpoint, new: &Checkpoint) -> bool {
    let Some(last) = old.size.checked_sub(1) else {
        return true;
    };
    let Some(tiles) = tiles(source, &[last], new.size).await else {
        return false;
    };
    let Ok(Some(proof)) = prove_consistency(old.size, new.size, &tiles) else {
        return false;
    };
    verify_consistency(old.size, &old.root, new.size, &new.root, &proof).is_ok()
}

/// The first entry whose served hash is not that of the entry in the spool.
pub(super) async fn first_other(
    source: &Source,
    mut spool: SpoolReader,
    count: u64,
    size: u64,
) -> std::io::Result<Option<u64>> {
    for index in 0..count.div_ceil(WIDTH) {
        let Some(tile) = Tile::of(Content::Hashes(0), index, size) else {
            break;
        };
        let served = file(source, tile).await.ok();
        let Some(served) = served.and_then(|bytes| hashes(tile, &bytes)) else {
            continue;
        };
        for (position, served) in (index * WIDTH..count).zip(served) {
            if leaf_hash(&spool.entry(position)?) != served {
                return Ok(Some(position));
            }
        }
    }
    Ok(None)
}
