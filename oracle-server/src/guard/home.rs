//! Whether keystore, journal and database sit where they sat: a copied directory and
//! restored files do not.
//!
//! A file keeps its inode and its time of birth through restarts and when it is moved
//! within its file system; a copy has others. What cannot be seen: a copy of the whole
//! disk or virtual machine, a snapshot that was rolled back, a file whose content was
//! written over in place.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::engine::StartError;
use crate::follow::Copied;
use crate::signer::JournalId;
use crate::store::{Store, StoreError};

/// Goes into the hash of the machine's id, which is nobody's business.
const MACHINE: &[u8] = b"peercoin-dlc-oracle/machine\n";

/// Where a journal and its database are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Home {
    /// Hash of the machine's id; none in a container, whose id is its image's.
    machine: Option<String>,
    /// An SQLite database's file.
    database: Option<Place>,
    journal: Option<Place>,
    /// A copy that was accepted, of which nobody outside has said yet that it is the
    /// newest: so it stays through restarts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_unconfirmed: bool,
}

/// What a file has and a copy of it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    inode: u64,
    /// Unix nanoseconds; not every file system knows.
    born_ns: Option<u64>,
}

impl Place {
    fn of(file: &Metadata) -> Self {
        let born = file.created().ok();
        let born = born.and_then(|born| born.duration_since(SystemTime::UNIX_EPOCH).ok());
        Self {
            inode: file.ino(),
            born_ns: born.and_then(|born| u64::try_from(born.as_nanos()).ok()),
        }
    }

    fn is_same(self, other: Self) -> bool {
        self.inode == other.inode && is_same(self.born_ns.as_ref(), other.born_ns.as_ref())
    }
}

/// What is not known on one side tells nothing.
fn is_same<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
    one.is_none() || other.is_none() || one == other
}

impl Home {
    fn find(store_url: &str, journal: &Path) -> std::io::Result<Self> {
        // Asked of the name: opening and closing the database would drop SQLite's locks.
        let place = |path: &Path| std::fs::metadata(path).map(|file| Place::of(&file));
        let database = store_url.strip_prefix("sqlite:");
        Ok(Self {
            machine: machine(),
            database: database.map(|path| place(Path::new(path))).transpose()?,
            journal: Some(place(journal)?),
            is_unconfirmed: false,
        })
    }

    /// What is not where it was, in words.
    fn changes_from(&self, recorded: &Self) -> Vec<&'static str> {
        let is_same_place = |one: Option<Place>, other: Option<Place>| match (one, other) {
            (Some(one), Some(other)) => one.is_same(other),
            _ => true,
        };
        let checks = [
            (
                is_same(self.machine.as_ref(), recorded.machine.as_ref()),
                "the machine is another",
            ),
            (
                is_same_place(self.database, recorded.database),
                "the database is not the file it was",
            ),
            (
                is_same_place(self.journal, recorded.journal),
                "the journal is not the file it was",
            ),
        ];
        let changed = checks.into_iter().filter(|(is_same, _)| !is_same);
        changed.map(|(_, what)| what).collect()
    }
}

/// A hash of `/etc/machine-id`.
fn machine() -> Option<String> {
    let is_contained = ["/.dockerenv", "/run/.containerenv"]
        .iter()
        .any(|file| Path::new(file).exists());
    if is_contained {
        return None;
    }
    let id = std::fs::read_to_string("/etc/machine-id").ok()?;
    let id = id.trim();
    // "uninitialized" while a system is made.
    (id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())).then(|| {
        let hash = Sha256::new_with_prefix(MACHINE).chain_update(id).finalize();
        hex::encode(hash.split_at(16).0)
    })
}

/// Writes down where a new journal and its database are.
pub async fn record_home(
    store: &Store,
    store_url: &str,
    journal: &Path,
    journal_id: &JournalId,
) -> Result<(), StartError> {
    let home = Home::find(store_url, journal).map_err(StartError::Home)?;
    Ok(store.set_home(journal_id, &text(&home)?, None).await?)
}

/// Refuses files that are not where they were, unless an operator accepts it.
/// Answers whether they are a copy that was accepted, now (not served yet) or at an
/// earlier start (which served it), and that nobody has confirmed yet.
pub(super) async fn check(
    store: &Store,
    store_url: &str,
    journal: &Path,
    journal_id: &JournalId,
    accept: Option<DateTime<Utc>>,
) -> Result<Copied, StartError> {
    let mut found = Home::find(store_url, journal).map_err(StartError::Home)?;
    let Some(recorded) = store.home(journal_id).await? else {
        tracing::info!("where journal and database are is remembered from now on");
        store.set_home(journal_id, &text(&found)?, None).await?;
        return Ok(Copied::No);
    };
    let known: Home = serde_json::from_str(&recorded)
        .map_err(|e| StoreError::Damaged(format!("home of the journal: {e}")))?;
    let changes = found.changes_from(&known).join(", ");
    found.is_unconfirmed = known.is_unconfirmed || !changes.is_empty();
    let found = text(&found)?;
    if changes.is_empty() {
        if found != recorded {
            // More is known than before, or less.
            store.set_home(journal_id, &found, None).await?;
        }
        return Ok(if known.is_unconfirmed {
            Copied::Served
        } else {
            Copied::No
        });
    }
    let Some(now) = accept else {
        return Err(StartError::Copied { changes });
    };
    tracing::error!(
        changes,
        "copied or restored files, accepted by --accept-copy"
    );
    let accepted = Some((recorded.as_str(), now));
    store.set_home(journal_id, &found, accepted).await?;
    Ok(Copied::Unserved)
}

/// Somebody outside has said that the accepted copy has the newest head, or there is
/// nobody to ask.
pub(super) async fn confirm(store: &Store, journal_id: &JournalId) -> Result<(), StoreError> {
    let Some(recorded) = store.home(journal_id).await? else {
        return Ok(());
    };
    let mut home: Home = serde_json::from_str(&recorded)
        .map_err(|e| StoreError::Damaged(format!("home of the journal: {e}")))?;
    home.is_unconfirmed = false;
    store.set_home(journal_id, &text(&home)?, None).await
}

fn text(home: &Home) -> Result<String, StoreError> {
    serde_json::to_string(home).map_err(|e| StoreError::Damaged(format!("home: {e}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::fs;

    use super::*;

    fn home(dir: &Path) -> Home {
        let url = format!("sqlite:{}", dir.join("db").display());
        Home::find(&url, &dir.join("journal")).unwrap()
    }

    #[test]
    fn a_home_survives_writing_and_moving_and_a_copy_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let [was, moved, copied] = ["was", "moved", "copied"].map(|name| dir.path().join(name));
        fs::create_dir(&was).unwrap();
        for file in ["db", "journal"] {
            fs::write(was.join(file), file).unwrap();
        }
        let recorded = home(&was);
        fs::write(was.join("db"), "more").unwrap();
        assert_eq!(home(&was), recorded);
        fs::rename(&was, &moved).unwrap();
        assert_eq!(home(&moved), recorded);

        fs::create_dir(&copied).unwrap();
        for file in ["db", "journal"] {
            fs::copy(moved.join(file), copied.join(file)).unwrap();
        }
        assert_eq!(
            home(&copied).changes_from(&recorded),
            [
                "the database is not the file it was",
                "the journal is not the file it was"
            ]
        );
        fs::rename(copied.join("journal"), moved.join("journal")).unwrap();
        assert_eq!(
            home(&moved).changes_from(&recorded),
            ["the journal is not the file it was"]
        );
    }

    #[test]
    fn what_is_not_known_tells_nothing() {
        let place = |inode, born_ns| Some(Place { inode, born_ns });
        let home = |machine: Option<&str>, journal| Home {
            machine: machine.map(str::to_owned),
            database: None,
            journal,
            is_unconfirmed: false,
        };
        let recorded = home(Some("a"), place(1, Some(5)));
        for same in [
            home(None, place(1, Some(5))),
            home(Some("a"), place(1, None)),
            home(Some("a"), None),
        ] {
            assert!(same.changes_from(&recorded).is_empty(), "{same:?}");
        }
        for (other, change) in [
            (home(Some("b"), None), "the machine is another"),
            (
                home(None, place(1, Some(6))),
                "the journal is not the file it was",
            ),
            (
                home(None, place(2, None)),
                "the journal is not the file it was",
            ),
        ] {
            assert_eq!(other.changes_from(&recorded), [change]);
        }
    }
}
