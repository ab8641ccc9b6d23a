//! The lock of an SQLite database: of its file, whatever names that has.
//!
//! `flock`, which Linux keeps apart from the POSIX locks that SQLite takes. A
//! descriptor of the database must never be closed in a process that has it open:
//! the system would drop SQLite's locks with it. So the descriptors stay open until
//! the process ends, one for each file, and a second holder inside the process is
//! told from memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// Device and inode.
type Inode = (u64, u64);

/// A database file that this process has locked before.
struct Opened {
    file: File,
    is_held: bool,
}

static OPENED: LazyLock<Mutex<HashMap<Inode, Opened>>> = LazyLock::new(Mutex::default);

/// Held until dropped.
#[derive(Debug)]
pub(super) struct FileLock(Inode);

impl FileLock {
    /// None: another process, or another store of this one, holds it.
    pub(super) fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let inode = inode_of(&std::fs::metadata(path)?);
        let mut opened = opened();
        let known = match opened.entry(inode) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(slot) => {
                let file = File::options().read(true).write(true).open(path)?;
                if inode_of(&file.metadata()?) != inode {
                    std::mem::forget(file);
                    return Err(io::Error::other("it was replaced while it was opened"));
                }
                slot.insert(Opened {
                    file,
                    is_held: false,
                })
            }
        };
        if known.is_held {
            return Ok(None);
        }
        match known.file.try_lock() {
            Ok(()) => known.is_held = true,
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => return Err(e),
        }
        Ok(Some(Self(inode)))
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if let Some(known) = opened().get_mut(&self.0) {
            known.is_held = false;
            if let Err(error) = known.file.unlock() {
                tracing::error!(%error, "the database stays locked until this process ends");
            }
        }
    }
}

fn opened() -> MutexGuard<'static, HashMap<Inode, Opened>> {
    OPENED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn inode_of(metadata: &Metadata) -> Inode {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn one_holder_has_a_file_under_all_its_names() {
        let dir = tempfile::tempdir().unwrap();
        let [file, link, symlink] = ["a", "b", "c"].map(|name| dir.path().join(name));
        std::fs::write(&file, "").unwrap();
        std::fs::hard_link(&file, &link).unwrap();
        std::os::unix::fs::symlink(&file, &symlink).unwrap();
        let names = [&file, &link, &symlink];
        for name in names {
            let held = FileLock::try_take(name).unwrap().unwrap();
            for name in names {
                assert!(FileLock::try_take(name).unwrap().is_none());
            }
            drop(held);
        }
        // Another process has a descriptor of its own.
        let theirs = File::open(&file).unwrap();
        theirs.try_lock().unwrap();
        assert!(FileLock::try_take(&link).unwrap().is_none());
        drop(theirs);
        assert!(FileLock::try_take(&link).unwrap().is_some());
    }
}
