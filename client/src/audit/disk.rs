//! The audit's own files: written whole or not at all, and named when the system fails at one.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::AuditError;

/// Names the file of the audit's own at which the system failed.
pub(super) trait InFile<T> {
    fn in_file(self, file: impl AsRef<Path>) -> Result<T, AuditError>;
}

impl<T> InFile<T> for io::Result<T> {
    fn in_file(self, file: impl AsRef<Path>) -> Result<T, AuditError> {
        self.map_err(|source| AuditError::Work {
            file: file.as_ref().display().to_string(),
            source,
        })
    }
}

/// What ends an audit in the middle: the system failed at a file of the audit's directory, which
/// is named once, where the audit ends; or the error says already what it is about.
#[derive(Debug)]
pub(super) enum Failed {
    Io(io::Error),
    Named(AuditError),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<AuditError> for Failed {
    fn from(error: AuditError) -> Self {
        Self::Named(error)
    }
}

impl Failed {
    pub(super) fn in_directory(self, dir: &Path) -> AuditError {
        match self {
            Self::Io(source) => AuditError::Work {
                file: dir.display().to_string(),
                source,
            },
            Self::Named(error) => error,
        }
    }
}

/// Reads what [`put`] wrote; none where there is no such file.
pub(super) fn read<T: DeserializeOwned>(file: &Path) -> io::Result<Option<T>> {
    match std::fs::read(file) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        bytes => Ok(Some(serde_json::from_slice(&bytes?)?)),
    }
}

/// Writes a value as JSON, whole or not at all.
pub(super) fn put(file: &Path, value: &impl Serialize) -> Result<(), AuditError> {
    let mut next = file.as_os_str().to_owned();
    next.push(".next");
    let next = PathBuf::from(next);
    let written = || {
        let mut out = File::create(&next)?;
        out.write_all(&serde_json::to_vec_pretty(value)?)?;
        out.sync_all()?;
        std::fs::rename(&next, file)
    };
    written().in_file(file)
}

/// Makes the names in a directory outlast a power cut, where that is possible.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}
