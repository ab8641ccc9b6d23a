//! The log by hours: everything that was published, without naming an event.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use oracle_schema::bundle::identity_of;
use oracle_schema::hour::{Hour, HourError, ProvenHour, begin_of, hour_of};
use oracle_schema::log_entry::LogEntry;
use oracle_schema::tlog::checkpoint::MAX_NOTE_BYTES;
use oracle_schema::tlog::tile::{Content, TileSet, unbundle};
use oracle_schema::tlog::tree::{prove_consistency, verify_consistency};
use oracle_schema::tlog::{Checkpoint, Note, NoteKey, Tile};

use crate::http::{ANY, Get, JSON};
use crate::{Client, Error};

/// Longest hour that is read, bytes.
pub(crate) const MAX_HOUR_BYTES: usize = 64 * 1024 * 1024;
/// Longest bundle of entries: 256 of them, of 64 KiB and their lengths.
const MAX_ENTRIES_BYTES: usize = 256 * (64 * 1024 + 2);
/// A tile of hashes: 256 of them.
const MAX_HASHES_BYTES: usize = 256 * 32;
/// How often an hour is held against what this client knows, while other requests of it
/// learn of later checkpoints.
const RACES: usize = 16;

/// An hour of the log, proven under the identity.
#[derive(Debug, Clone)]
pub struct HourOfLog {
    /// The document: it can be kept, and proves the same again offline ([`Hour`]).
    pub bytes: Vec<u8>,
    /// Whether it is over, by the server's word: then it never changes.
    pub complete: bool,
    /// What it proves.
    pub proven: ProvenHour,
}

impl HourOfLog {
    /// Reads and checks the document of an hour.
    ///
    /// Fails with [`Error::Hour`].
    pub fn verify(bytes: Vec<u8>, hour: &str, identity: &NoteKey) -> Result<Self, Error> {
        let read = Hour::parse(&bytes).and_then(|read| read.verify(hour, identity));
        let proven = read.map_err(unproven(hour))?;
        Ok(Self {
            complete: proven.complete,
            bytes,
            proven,
        })
    }
}

impl Client {
    /// Everything that the log got in one hour, named by when it begins
    /// (`2026-11-22T16`, UTC), proven under the identity. An hour that is not over may
    /// have more the next time.
    ///
    /// Announcements and attestations in it are entries of the log; their own
    /// signatures are not checked yet. [`crate::Mirror`] keeps hours and does that.
    ///
    /// The server answers [`Error::Problem`] `unknown-hour` for an hour that is ahead,
    /// with [`Error::retry_after`], or before the log.
    ///
    /// ```no_run
    /// # async fn demo(client: oracle_client::Client) -> Result<(), oracle_client::Error> {
    /// let hour = client.hour("2026-11-22T16").await?;
    /// println!("{} entries up to {}", hour.proven.entries.len(), hour.proven.checkpoint.size);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn hour(&self, hour: &str) -> Result<HourOfLog, Error> {
        let identity = self.identity().await?;
        let get = Get {
            what: "hour",
            path: &["v1", "bundles", hour],
            query: &[],
            accept: JSON,
            hold: Duration::ZERO,
            attempts: self.options.attempts,
        };
        let bytes = self.http.get_up_to(MAX_HOUR_BYTES, get).await?;
        let found = HourOfLog::verify(bytes, hour, &identity)?;
        let key = found.proven.genesis.oracle_public_key;
        self.trusted_key("genesis", key)?;
        self.agrees(hour, &found.proven, &identity).await?;
        Ok(found)
    }

    /// Holds the hour against the largest checkpoint that was proven so far, by its own
    /// entries or by the log's tiles, and remembers the hour's if it is larger.
    async fn agrees(
        &self,
        hour: &str,
        proven: &ProvenHour,
        identity: &NoteKey,
    ) -> Result<(), Error> {
        let memory = &self.options.memory;
        let head = &proven.checkpoint;
        for _ in 0..RACES {
            let known = memory.head(identity)?;
            if let Some(known) = &known {
                match proven.root_at(known.size) {
                    Some(root) if root == known.root => {}
                    Some(root) => {
                        return Err(Error::Forked {
                            hour: hour.to_owned(),
                            size: known.size,
                            seen: hex::encode(known.root),
                            got: hex::encode(root),
                        });
                    }
                    // It begins behind that checkpoint, or ends before it.
                    None if known.size < head.size => self.tie(hour, known, head).await?,
                    None => return self.tie(hour, head, known).await,
                }
            }
            if memory.saw(identity, known.as_ref(), head)? {
                return Ok(());
            }
        }
        Err(Error::Malformed {
            what: "hour",
            reason: format!("the log grew {RACES} times while it was read"),
        })
    }

    /// That the smaller of two logs is the beginning of the larger one, by the log's tiles.
    async fn tie(&self, hour: &str, older: &Checkpoint, newer: &Checkpoint) -> Result<(), Error> {
        const WHAT: &str = "tile";
        let identity = self.identity().await?;
        // Mirrors keep the widest tiles alone, those of the log as it is today. A cache may
        // have an earlier checkpoint; whoever served the larger of the two has its tiles.
        let today = self.checkpoint(WHAT, &identity).await?.size;
        let today = today.max(newer.size);
        let mut tiles = TileSet::of(today);
        for size in [older.size, newer.size] {
            for tile in TileSet::needed(size.saturating_sub(1), today) {
                tiles.insert(tile, self.tile(tile, MAX_HASHES_BYTES).await?);
            }
        }
        let proof = prove_consistency(older.size, newer.size, &tiles);
        let proof = proof.map_err(|e| Error::Malformed {
            what: WHAT,
            reason: e.to_string(),
        })?;
        let proof = proof.unwrap_or_default();
        verify_consistency(older.size, &older.root, newer.size, &newer.root, &proof).map_err(|_| {
            Error::Apart {
                hour: hour.to_owned(),
                older: older.size,
                newer: newer.size,
            }
        })
    }

    /// The log's checkpoint as it is now.
    async fn checkpoint(
        &self,
        what: &'static str,
        identity: &NoteKey,
    ) -> Result<Checkpoint, Error> {
        let wrong = |reason: String| Error::Malformed { what, reason };
        let note = self.file(&["checkpoint"], MAX_NOTE_BYTES).await?;
        let note = String::from_utf8(note).map_err(|_| wrong("checkpoint: not UTF-8".into()))?;
        let note = Note::parse(&note).map_err(|e| wrong(format!("checkpoint: {e}")))?;
        let checkpoint = note.verify(identity);
        let checkpoint = checkpoint.map_err(|e| wrong(format!("checkpoint: {e}")))?;
        Ok(checkpoint.clone())
    }

    async fn tile(&self, tile: Tile, limit: usize) -> Result<Vec<u8>, Error> {
        let path = format!("tile/{tile}");
        let path: Vec<&str> = path.split('/').collect();
        self.file(&path, limit).await
    }

    /// The hour in which the log began, by its first entry.
    pub(crate) async fn first_hour(&self) -> Result<String, Error> {
        const WHAT: &str = "genesis";
        let wrong = |reason: String| Error::Malformed { what: WHAT, reason };
        let identity = self.identity().await?;
        let size = self.checkpoint(WHAT, &identity).await?.size;
        let tile = Tile::of(Content::Entries, 0, size)
            .ok_or_else(|| wrong("the log is empty".to_owned()))?;
        let bytes = self.tile(tile, MAX_ENTRIES_BYTES).await?;
        let first = unbundle(&bytes).and_then(|entries| entries.first().copied());
        let entry = LogEntry::from_bytes(first.unwrap_or_default());
        let Ok(LogEntry::Genesis(genesis)) = entry else {
            return Err(wrong("the first entry is none".to_owned()));
        };
        genesis.verify().map_err(|e| wrong(e.to_string()))?;
        let named = identity_of(&genesis.statement).map_err(|e| wrong(e.to_string()))?;
        if named != identity {
            return Err(Error::WrongIdentity {
                expected: identity.to_string(),
                got: named.to_string(),
            });
        }
        let created = i64::try_from(genesis.statement.created_ms).ok();
        let created = created.and_then(DateTime::from_timestamp_millis);
        let created = created.ok_or_else(|| wrong("created_ms is no time".to_owned()))?;
        Ok(hour_of(created))
    }

    async fn file(&self, path: &[&str], limit: usize) -> Result<Vec<u8>, Error> {
        let get = Get {
            what: "log",
            path,
            query: &[],
            accept: ANY,
            hold: Duration::ZERO,
            attempts: self.options.attempts,
        };
        self.http.get_up_to(limit, get).await
    }
}

pub(crate) fn unproven(hour: &str) -> impl Fn(HourError) -> Error {
    |source| Error::Hour {
        hour: hour.to_owned(),
        source: Box::new(source),
    }
}

/// The hour after another.
pub(crate) fn next_of(hour: &str) -> Option<String> {
    begin_of(hour)?
        .checked_add_signed(TimeDelta::hours(1))
        .map(hour_of)
}

#[cfg(test)]
mod tests {
    use super::next_of;

    #[test]
    fn hours_follow_each_other_over_midnight_and_new_year() {
        let next = |hour| next_of(hour).unwrap_or_default();
        assert_eq!(next("2026-11-22T16"), "2026-11-22T17");
        assert_eq!(next("2026-12-31T23"), "2027-01-01T00");
        assert_eq!(next("2028-02-28T23"), "2028-02-29T00");
    }
}
