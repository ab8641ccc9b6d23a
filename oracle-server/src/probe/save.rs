//! Exchanges as files, in the shape of the samples.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use oracle_feeds::record::RecordError;
use oracle_feeds::sample;
use serde_json::Value;

use super::Report;

/// The rows of a directory of samples.
const INDEX: &str = "index.json";

const RECORDED_BY: &str = concat!("oracle-server probe ", env!("CARGO_PKG_VERSION"));

/// Why exchanges were not saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The disk.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The directory has an index of another shape.
    #[error("{path}: not an array of samples: {source}")]
    Index {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// An answer that has no recorded form.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Report {
    /// Writes every exchange into `dir`, made if it does not exist; rows and files
    /// that are there already stay. Answers how many were written.
    pub fn save(&self, dir: &Path) -> Result<usize, SaveError> {
        let mut rows = index(dir)?;
        let mut written = 0;
        for source in &self.sources {
            for (row, body) in sample::rows(&source.question, &source.seen, RECORDED_BY)? {
                if let Some(file) = &row.file {
                    let path = dir.join(file);
                    if let Some(parent) = path.parent() {
                        std::fs::create_dir_all(parent).map_err(io(parent))?;
                    }
                    std::fs::write(&path, body).map_err(io(&path))?;
                }
                let same = |old: &Value| {
                    old.get("reading").and_then(Value::as_str) == Some(&row.reading)
                        && old.get("exchange") == Some(&Value::from(row.exchange))
                };
                rows.retain(|old| !same(old));
                let path = dir.join(INDEX);
                let value = serde_json::to_value(&row);
                rows.push(value.map_err(|source| SaveError::Index { path, source })?);
                written += 1;
            }
        }
        write_index(dir, &rows)?;
        Ok(written)
    }
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> SaveError {
    let path = path.to_owned();
    move |source| SaveError::Io { path, source }
}

fn index(dir: &Path) -> Result<Vec<Value>, SaveError> {
    let path = dir.join(INDEX);
    match std::fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|source| SaveError::Index { path, source })
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(io(&path)(e)),
    }
}

/// Whole or not at all: an index cut in half would lose every sample.
fn write_index(dir: &Path, rows: &[Value]) -> Result<(), SaveError> {
    let path = dir.join(INDEX);
    std::fs::create_dir_all(dir).map_err(io(dir))?;
    let mut json = serde_json::to_vec_pretty(rows).map_err(|source| SaveError::Index {
        path: path.clone(),
        source,
    })?;
    json.push(b'\n');
    let fresh = dir.join("index.json.new");
    let written = std::fs::File::create(&fresh)
        .and_then(|mut file| file.write_all(&json).and_then(|()| file.sync_all()));
    written.map_err(io(&fresh))?;
    std::fs::rename(&fresh, &path).map_err(io(&path))
}
