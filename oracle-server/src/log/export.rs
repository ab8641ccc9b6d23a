//! The log as files that any web server or object store can serve.
//!
//! The paths are the service's own, so that what audits one audits the other:
//! `checkpoint`, `v1/checkpoints/cosigned` where there is one, `tile/…`, and the
//! documents that entries name by hash. Nothing but the checkpoints, which are
//! written last, and the list of anchors ever changes.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use oracle_schema::anchor::{Anchors, MAX_PAGE};
use oracle_schema::evidence::Manifest;
use oracle_schema::log_entry::LogEntry;
use oracle_schema::tlog::tile::{Content, Tile, unbundle};
use oracle_schema::tlog::{Checkpoint, Note};

use crate::store::{ReadStore, StoreError};

const CHECKPOINT: &str = "checkpoint";
const COSIGNED: &str = "v1/checkpoints/cosigned";
const ANCHORS: &str = "v1/anchors";
/// What an attestation names whose evidence is lost.
const NO_MANIFEST: [u8; 32] = [0; 32];

/// What an export did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Entries that the directory had before.
    pub before: u64,
    /// Entries that it has now.
    pub size: u64,
    /// Files written.
    pub files: u64,
}

/// Why an export failed. What was written stays, and the next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Reading the log.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The directory has the checkpoint of another log, or of a later state.
    #[error("{dir} holds another log, or more of this one than the database does")]
    OtherLog {
        /// The directory.
        dir: PathBuf,
    },
    /// Nobody has run the service on this database yet.
    #[error("the log has no signed head yet; run the service once")]
    Empty,
    /// What is stored cannot be read.
    #[error("{what} is damaged: {reason}")]
    Damaged {
        /// Which part.
        what: String,
        /// How.
        reason: String,
    },
    /// Writing.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Brings the files in `dir` up to the log's last checkpoint.
pub async fn export(store: &ReadStore, dir: &Path) -> Result<Exported, ExportError> {
    // First, so that it is not beyond the tiles.
    let cosigned = store.cosigned_checkpoint().await?;
    let note = store.checkpoint().await?.ok_or(ExportError::Empty)?;
    let size = parsed(&note)?.size;
    let mut files = Files::new(dir);
    let before = match files.read(CHECKPOINT)? {
        Some(old) => known(store, dir, &old).await?,
        None => 0,
    };
    for tile in Tile::new_between(before, size) {
        let bytes = store.tile(tile).await?.ok_or_else(|| missing(tile))?;
        if tile.content == Content::Entries {
            documents(store, &mut files, tile, &bytes).await?;
        }
        files.add(&format!("tile/{tile}"), &bytes)?;
    }
    anchors(store, &mut files, size).await?;
    if let Some(cosigned) = cosigned {
        files.replace(COSIGNED, cosigned.as_bytes())?;
    }
    files.replace(CHECKPOINT, note.as_bytes())?;
    Ok(Exported {
        before,
        size,
        files: files.written,
    })
}

/// All anchors of checkpoints that the files hold, in one file; none where nothing
/// is anchored. The one document that changes, with each new block.
async fn anchors(store: &ReadStore, files: &mut Files<'_>, size: u64) -> Result<(), ExportError> {
    let mut all = Anchors::default();
    let mut before = Some(size.saturating_add(1));
    while before.is_some() {
        let mut page = store.anchors(before, MAX_PAGE).await?;
        before = page.next_before;
        page.anchors.append(&mut all.anchors);
        all.anchors = page.anchors;
    }
    if all.anchors.is_empty() {
        return Ok(());
    }
    let json = serde_json::to_vec(&all).map_err(|e| damaged(ANCHORS, e))?;
    if files.read(ANCHORS)?.as_deref() != Some(&json) {
        files.put(ANCHORS, &json)?;
    }
    Ok(())
}

fn parsed(note: &str) -> Result<Checkpoint, ExportError> {
    let note = Note::parse(note).map_err(|e| damaged(CHECKPOINT, e))?;
    Ok(note.checkpoint().clone())
}

/// The size of an earlier export, if it is of this log.
async fn known(store: &ReadStore, dir: &Path, old: &[u8]) -> Result<u64, ExportError> {
    let other = || ExportError::OtherLog {
        dir: dir.to_path_buf(),
    };
    let old = std::str::from_utf8(old).map_err(|_| other())?;
    let old = Note::parse(old).map_err(|_| other())?.checkpoint().clone();
    let root = store.root_at(old.size).await?;
    if old.origin == store.oracle().await?.log_origin && root == Some(old.root) {
        Ok(old.size)
    } else {
        Err(other())
    }
}

/// The documents that a bundle's entries name: policies, manifests and the
/// providers' answers that may be passed on.
async fn documents(
    store: &ReadStore,
    files: &mut Files<'_>,
    tile: Tile,
    bundle: &[u8],
) -> Result<(), ExportError> {
    let bad = |e: &dyn std::fmt::Display| damaged(&format!("tile {tile}"), e);
    let entries = unbundle(bundle).ok_or_else(|| bad(&"cut off"))?;
    for entry in entries {
        match LogEntry::from_bytes(entry).map_err(|e| bad(&e))? {
            LogEntry::Announcement { policy_hash, .. } => {
                let name = format!("v1/policies/{}", hex::encode(policy_hash));
                if !files.has(&name) {
                    let document = store.policy_document(&policy_hash).await?;
                    files.add(&name, &document.ok_or_else(|| missing(&name))?)?;
                }
            }
            // The outcome came back from the journal, and its evidence was lost with
            // the database: there is no document to look for.
            LogEntry::Attestation {
                manifest_sha256, ..
            } if manifest_sha256 == NO_MANIFEST => {}
            LogEntry::Attestation {
                manifest_sha256, ..
            } => {
                let name = format!("v1/manifests/{}", hex::encode(manifest_sha256));
                if !files.has(&name) {
                    let document = store.manifest_document(&manifest_sha256).await?;
                    let document = document.ok_or_else(|| missing(&name))?;
                    bodies(store, files, &name, &document).await?;
                    // Behind what it names, so that its being there says that they are,
                    // as far as they are kept.
                    files.add(&name, &document)?;
                }
            }
            LogEntry::Genesis(_)
            | LogEntry::Notice { .. }
            | LogEntry::OperatorAction(_)
            | LogEntry::Status(_)
            | LogEntry::NonceProof { .. } => {}
        }
    }
    Ok(())
}

async fn bodies(
    store: &ReadStore,
    files: &mut Files<'_>,
    name: &str,
    manifest: &[u8],
) -> Result<(), ExportError> {
    let manifest: Manifest = serde_json::from_slice(manifest).map_err(|e| damaged(name, e))?;
    let public = manifest.observations.into_iter().filter(|o| o.public);
    for sha256 in public.filter_map(|o| o.sha256) {
        let mut hash = [0; 32];
        hex::decode_to_slice(&sha256, &mut hash).map_err(|e| damaged(name, e))?;
        let name = format!("v1/evidence/{sha256}");
        if !files.has(&name) {
            if let Some(body) = store.evidence_body(&hash).await? {
                files.add(&name, &body)?;
            } else {
                // A licence may want what was public once to be forgotten.
                tracing::warn!(name, "a public answer is not kept any more; left out");
            }
        }
    }
    Ok(())
}

fn missing(what: impl std::fmt::Display) -> ExportError {
    damaged(&what.to_string(), "it is not there")
}

fn damaged(what: &str, reason: impl std::fmt::Display) -> ExportError {
    ExportError::Damaged {
        what: what.to_owned(),
        reason: reason.to_string(),
    }
}

/// Files below a directory, each whole or not there.
struct Files<'a> {
    dir: &'a Path,
    written: u64,
}

impl<'a> Files<'a> {
    fn new(dir: &'a Path) -> Self {
        Self { dir, written: 0 }
    }

    fn has(&self, name: &str) -> bool {
        self.dir.join(name).is_file()
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ExportError> {
        let path = self.dir.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ExportError::Io { path, source }),
        }
    }

    /// Writes what never changes, unless it is there.
    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        if self.has(name) {
            return Ok(());
        }
        self.put(name, bytes)
    }

    /// Writes what changes, if it has.
    fn replace(&mut self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        if self.read(name)?.as_deref() == Some(bytes) {
            return Ok(());
        }
        self.put(name, bytes)
    }

    /// Writes a file under another name, and renames it once it is on the disk.
    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let path = self.dir.join(name);
        let temporary = path.with_extension("part");
        let write = || {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        write().map_err(|source| ExportError::Io {
            path: path.clone(),
            source,
        })?;
        self.written += 1;
        Ok(())
    }
}
