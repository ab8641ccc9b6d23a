//! The files of a mirror: written whole or not at all.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use oracle_schema::hour::begin_of;

use crate::Error;
use crate::hours::MAX_HOUR_BYTES;

/// The hours that a directory has, in order.
pub(super) fn hours_in(dir: &Path) -> Result<Vec<String>, Error> {
    let mut hours = Vec::new();
    for file in std::fs::read_dir(dir).map_err(|e| failed(dir, e))? {
        let name = file.map_err(|e| failed(dir, e))?.file_name();
        let hour = name.to_str().and_then(|name| name.strip_suffix(".json"));
        // What a killed sync was about to write has another name.
        hours.extend(
            hour.filter(|hour| begin_of(hour).is_some())
                .map(str::to_owned),
        );
    }
    hours.sort_unstable();
    Ok(hours)
}

pub(super) fn file_of(hour: &str) -> String {
    format!("{hour}.json")
}

pub(super) fn failed(file: &Path, reason: impl std::fmt::Display) -> Error {
    Error::Mirror {
        file: file.display().to_string(),
        reason: reason.to_string(),
    }
}

pub(super) fn lock(dir: &Path) -> Result<File, Error> {
    let file = dir.join("lock");
    let lock = File::create(&file).map_err(|e| failed(&file, e))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(failed(
            dir,
            "another process has it open; wait until that has ended",
        )),
        Err(TryLockError::Error(e)) => Err(failed(&file, e)),
    }
}

pub(super) fn read_file(file: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = File::open(file)
        .and_then(|open| open.take(MAX_HOUR_BYTES as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|e| failed(file, e))?;
    if bytes.len() > MAX_HOUR_BYTES {
        return Err(failed(file, format!("longer than {MAX_HOUR_BYTES} bytes")));
    }
    Ok(bytes)
}

/// Writes a file whole or not at all, whenever the process or the power goes.
pub(super) fn put(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let (file, next) = (dir.join(name), dir.join("next"));
    let written = || {
        let mut out = File::create(&next)?;
        out.write_all(bytes)?;
        out.sync_all()?;
        std::fs::rename(&next, &file)?;
        if cfg!(unix) {
            File::open(dir)?.sync_all()?;
        }
        Ok(())
    };
    written().map_err(|e: io::Error| failed(&file, e))
}
