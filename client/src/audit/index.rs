//! What must be compared over the whole log: an index of it, in files. It has a row, a *mention*,
//! for each nonce, event and request that an entry speaks of: the key, the entry's position and
//! what happened there. All mentions of a key are in one file, so the files are checked one by
//! one, each in little memory.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use oracle_schema::EventId;
use sha2::{Digest, Sha256};

use super::disk::sync_dir;

/// How many files.
pub(super) const BUCKETS: usize = 256;
/// Bytes of a file that are held back before they are written.
const HELD: usize = 32 * 1024;
/// Bytes of a mention: kind, key, position, time.
const MENTION: usize = 1 + 32 + 8 + 8;

/// What happened to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A nonce was announced.
    Nonce,
    /// An event was announced.
    Announced,
    /// An event was attested.
    Attested,
    /// An event's refund was noticed.
    Refunded,
    /// An event was withdrawn.
    Withdrawn,
    /// An event that has no end yet is spoken of.
    Status,
    /// An operator asked to void an event, or approved something about it.
    Operated,
    /// An entry keeps this request of an operator.
    Logged,
    /// Evidence rests on this request of an operator.
    Claimed,
    /// An event's nonces were proven.
    Proven,
}

/// Keys of different families never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    Nonces,
    Events,
    Actions,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Nonce,
        Self::Announced,
        Self::Attested,
        Self::Refunded,
        Self::Withdrawn,
        Self::Status,
        Self::Logged,
        Self::Claimed,
        Self::Operated,
        Self::Proven,
    ];

    fn code(self) -> u8 {
        match self {
            Self::Nonce => 0,
            Self::Announced => 1,
            Self::Attested => 2,
            Self::Refunded => 3,
            Self::Withdrawn => 4,
            Self::Status => 5,
            Self::Logged => 6,
            Self::Claimed => 7,
            Self::Operated => 8,
            Self::Proven => 9,
        }
    }

    fn family(self) -> Family {
        match self {
            Self::Nonce => Family::Nonces,
            Self::Announced
            | Self::Attested
            | Self::Refunded
            | Self::Withdrawn
            | Self::Status
            | Self::Operated
            | Self::Proven => Family::Events,
            Self::Logged | Self::Claimed => Family::Actions,
        }
    }
}

/// That an entry speaks of a key. Ordered by family, key and position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) kind: Kind,
    /// The nonce, or a hash.
    pub(super) key: [u8; 32],
    /// Of the entry that says so.
    pub(super) position: u64,
    /// Of an announcement: its maturity, and the seconds to its refund; the
    /// latter is zero if they are not known. Of a refund: when it was noticed.
    pub(super) time: (u32, u32),
}

impl Mention {
    pub(super) fn new(kind: Kind, key: [u8; 32], position: u64) -> Self {
        Self {
            kind,
            key,
            position,
            time: (0, 0),
        }
    }

    pub(super) fn of_event(kind: Kind, event: &EventId, position: u64) -> Self {
        Self::new(kind, event_key(event), position)
    }

    /// Mentions of one group are compared with each other.
    pub(super) fn group(&self) -> (Family, [u8; 32]) {
        (self.kind.family(), self.key)
    }

    fn to_bytes(self) -> [u8; MENTION] {
        let mut bytes = [0; MENTION];
        let parts: [&[u8]; 5] = [
            &[self.kind.code()],
            &self.key,
            &self.position.to_be_bytes(),
            &self.time.0.to_be_bytes(),
            &self.time.1.to_be_bytes(),
        ];
        for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (code, rest) = bytes.split_first()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (position, rest) = rest.split_first_chunk()?;
        let (maturity, rest) = rest.split_first_chunk()?;
        Some(Self {
            kind: Kind::ALL.into_iter().find(|kind| kind.code() == *code)?,
            key: *key,
            position: u64::from_be_bytes(*position),
            time: (
                u32::from_be_bytes(*maturity),
                u32::from_be_bytes(rest.try_into().ok()?),
            ),
        })
    }
}

/// The key of an event: the SHA-256 of its id.
pub(super) fn event_key(event: &EventId) -> [u8; 32] {
    Sha256::digest(event.as_str()).into()
}

/// The files.
#[derive(Debug)]
pub(super) struct Index {
    dir: PathBuf,
    held: Vec<Vec<u8>>,
    /// Files that were written to and may not be on the disk yet.
    unsynced: BTreeSet<usize>,
    /// Mentions in each file, with those held back.
    counts: Vec<u64>,
}

impl Index {
    /// Opens or makes the files in `dir`. What a killed run or a power cut left
    /// at their ends is a [`Self::truncate`] away from being right.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        Ok(Self {
            dir: dir.to_path_buf(),
            held: vec![Vec::new(); BUCKETS],
            unsynced: BTreeSet::new(),
            counts: vec![0; BUCKETS],
        })
    }

    /// How many mentions each file has.
    pub(super) fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Whether the files begin with so many mentions each, and these are all of
    /// entries before `position`.
    pub(super) fn holds(&self, counts: &[u64], position: u64) -> io::Result<bool> {
        if counts.len() != BUCKETS {
            return Ok(false);
        }
        for (number, count) in counts.iter().enumerate() {
            let bytes = read(&self.path(number))?;
            let first = bytes.chunks_exact(MENTION).map(Mention::from_bytes);
            let first = first.take(usize::try_from(*count).unwrap_or(usize::MAX));
            let is_before =
                |mention: &Option<Mention>| mention.is_some_and(|f| f.position < position);
            if first.take_while(is_before).count() as u64 != *count {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn push(&mut self, mention: Mention) -> io::Result<()> {
        // Keys are hashes or x coordinates: any byte of them spreads.
        let number = usize::from(mention.key[0]);
        let Some(held) = self.held.get_mut(number) else {
            return Ok(());
        };
        held.extend_from_slice(&mention.to_bytes());
        if let Some(count) = self.counts.get_mut(number) {
            *count += 1;
        }
        if held.len() < HELD {
            return Ok(());
        }
        let bytes = std::mem::take(held);
        self.unsynced.insert(number);
        append(&self.path(number), &bytes)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        for (number, held) in self.held.iter_mut().enumerate() {
            if !held.is_empty() {
                self.unsynced.insert(number);
                append(&path(&self.dir, number), held)?;
                held.clear();
            }
        }
        Ok(())
    }

    /// Makes what was pushed outlast a power cut. Until then nothing may say that
    /// it is there.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        while let Some(number) = self.unsynced.first().copied() {
            File::open(self.path(number))?.sync_all()?;
            self.unsynced.remove(&number);
        }
        sync_dir(&self.dir)
    }

    /// Keeps the first `counts` mentions of each file; none where none are given.
    pub(super) fn truncate(&mut self, counts: &[u64]) -> io::Result<()> {
        for number in 0..BUCKETS {
            if let Some(held) = self.held.get_mut(number) {
                held.clear();
            }
            let count = counts.get(number).copied().unwrap_or_default();
            let length = count.saturating_mul(MENTION as u64);
            let path = self.path(number);
            let there = match std::fs::metadata(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
                metadata => metadata?.len(),
            };
            if there > length {
                OpenOptions::new()
                    .write(true)
                    .open(&path)?
                    .set_len(length)?;
            }
            if let Some(count) = self.counts.get_mut(number) {
                *count = there.min(length) / MENTION as u64;
            }
        }
        Ok(())
    }

    fn path(&self, number: usize) -> PathBuf {
        path(&self.dir, number)
    }

    /// Reads what was flushed.
    pub(super) fn reader(&self) -> IndexReader {
        IndexReader {
            dir: self.dir.clone(),
        }
    }
}

/// The files, to be read.
#[derive(Debug, Clone)]
pub(super) struct IndexReader {
    dir: PathBuf,
}

impl IndexReader {
    /// The mentions of one file, by family, key and position.
    pub(super) fn bucket(&self, number: usize) -> io::Result<Vec<Mention>> {
        let mut all: Vec<Mention> = mentions(&read(&path(&self.dir, number))?).collect();
        all.sort_unstable_by_key(|mention| (mention.group(), mention.position, mention.kind));
        Ok(all)
    }

    /// The mentions about one key, by position.
    pub(super) fn of(&self, family: Family, key: &[u8; 32]) -> io::Result<Vec<Mention>> {
        let mut mentions = self.bucket(usize::from(key[0]))?;
        mentions.retain(|mention| mention.group() == (family, *key));
        Ok(mentions)
    }
}

fn path(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("{number:02x}"))
}

fn mentions(bytes: &[u8]) -> impl Iterator<Item = Mention> + '_ {
    bytes.chunks_exact(MENTION).filter_map(Mention::from_bytes)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        bytes => bytes,
    }
}

fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_come_back_in_order_and_those_after_a_mark_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut index = Index::open(dir.path()).unwrap();
        let key = |last| {
            let mut key = [7; 32];
            key[31] = last;
            key
        };
        let mut announced = Mention::new(Kind::Announced, key(1), 5);
        announced.time = (u32::MAX, 60);
        let all = [
            Mention::new(Kind::Attested, key(1), 9),
            announced,
            Mention::new(Kind::Nonce, key(1), 5),
            Mention::new(Kind::Claimed, key(1), 9),
        ];
        for mention in all {
            index.push(mention).unwrap();
        }
        index.flush().unwrap();
        let counts = index.counts().to_vec();
        assert!(index.holds(&counts, 10).unwrap());
        assert!(!index.holds(&counts, 9).unwrap(), "one is of entry 9");
        index.push(Mention::new(Kind::Nonce, key(2), 10)).unwrap();
        index.sync().unwrap();
        // What a power cut makes of a file that had grown.
        append(&index.path(7), &[0; MENTION + MENTION / 2]).unwrap();
        let mut index = Index::open(dir.path()).unwrap();
        assert!(index.holds(&counts, 10).unwrap());
        index.truncate(&counts).unwrap();
        assert_eq!(index.counts(), counts);
        let reader = index.reader();
        let bucket = reader.bucket(7).unwrap();
        assert_eq!(bucket, [all[2], all[1], all[0], all[3]]);
        let of = reader.of(Family::Events, &key(1)).unwrap();
        assert_eq!(of, [announced, all[0]]);
        assert_eq!(reader.of(Family::Events, &key(2)).unwrap(), []);
        assert_eq!(reader.bucket(8).unwrap(), []);
        index.truncate(&[]).unwrap();
        assert!(!index.holds(&counts, 10).unwrap());
        assert_eq!(reader.bucket(7).unwrap(), []);
    }

    #[test]
    fn every_kind_survives_its_code() {
        for kind in Kind::ALL {
            let mention = Mention::new(kind, [3; 32], u64::MAX);
            assert_eq!(Mention::from_bytes(&mention.to_bytes()), Some(mention));
        }
    }
}
