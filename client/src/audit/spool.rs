//! The entries as read, on disk: an audit comes back to announcements when it
//! meets their attestations, and memory must not grow with the log.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use oracle_schema::log_entry::MAX_ENTRY_BYTES;

use super::disk::sync_dir;

const ENTRIES: &str = "entries";
/// For each entry the end of its bytes in the other file, a big-endian u64.
const ENDS: &str = "ends";

/// The files that are written to.
#[derive(Debug)]
pub(super) struct Spool {
    dir: PathBuf,
    entries: BufWriter<File>,
    ends: BufWriter<File>,
    count: u64,
    end: u64,
}

/// The files that are read from; one for each thread.
#[derive(Debug)]
pub(super) struct SpoolReader {
    entries: File,
    ends: File,
}

impl Spool {
    /// Opens or makes the files in `dir`. What an interrupted run or a power cut
    /// left at their end is a [`Self::truncate`] away from being right, and
    /// nothing may be pushed before: here nobody knows how much may be cut off.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let (entries, ends) = (file(&dir.join(ENTRIES))?, file(&dir.join(ENDS))?);
        let there = entries.metadata()?.len();
        let mut spool = Self {
            dir: dir.to_path_buf(),
            count: ends.metadata()?.len() / 8,
            end: 0,
            entries: BufWriter::with_capacity(1 << 20, entries),
            ends: BufWriter::with_capacity(1 << 16, ends),
        };
        let mut reader = spool.reader()?;
        while spool.count > 0 && reader.end(spool.count)? > there {
            spool.count -= 1;
        }
        Ok(spool)
    }

    /// Whether the first `count` entries are there.
    pub(super) fn holds(&self, count: u64) -> io::Result<bool> {
        let there = self.entries.get_ref().metadata()?.len();
        Ok(count <= self.count && self.reader()?.end(count)? <= there)
    }

    /// How many entries there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Keeps the first `count` only; more than there are stay as they are.
    pub(super) fn truncate(&mut self, count: u64) -> io::Result<()> {
        self.flush()?;
        self.count = self.count.min(count);
        self.end = self.reader()?.end(self.count)?;
        let ends = self.count.saturating_mul(8);
        for (file, length) in [(&mut self.entries, self.end), (&mut self.ends, ends)] {
            file.get_ref().set_len(length)?;
            file.seek(SeekFrom::Start(length))?;
        }
        Ok(())
    }

    pub(super) fn push(&mut self, entry: &[u8]) -> io::Result<()> {
        self.entries.write_all(entry)?;
        self.end += entry.len() as u64;
        self.count += 1;
        self.ends.write_all(&self.end.to_be_bytes())
    }

    /// Makes what was pushed readable; the entries before their ends.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.entries.flush()?;
        self.ends.flush()
    }

    /// Makes what was pushed outlast a power cut.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.entries.get_ref().sync_all()?;
        self.ends.get_ref().sync_all()?;
        sync_dir(&self.dir)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    fn reader(&self) -> io::Result<SpoolReader> {
        SpoolReader::open(&self.dir)
    }
}

impl SpoolReader {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        Ok(Self {
            entries: File::open(dir.join(ENTRIES))?,
            ends: File::open(dir.join(ENDS))?,
        })
    }

    /// Where the first `count` entries end.
    fn end(&mut self, count: u64) -> io::Result<u64> {
        let Some(last) = count.checked_sub(1) else {
            return Ok(0);
        };
        let mut end = [0; 8];
        self.ends.seek(SeekFrom::Start(last.saturating_mul(8)))?;
        self.ends.read_exact(&mut end)?;
        Ok(u64::from_be_bytes(end))
    }

    /// Where an entry begins and ends.
    fn bounds(&mut self, position: u64) -> io::Result<(u64, u64)> {
        let Some(before) = position.checked_sub(1) else {
            return Ok((0, self.end(1)?));
        };
        let mut bounds = [0; 16];
        self.ends.seek(SeekFrom::Start(before.saturating_mul(8)))?;
        self.ends.read_exact(&mut bounds)?;
        let both = u128::from_be_bytes(bounds);
        let low = |n: u128| u64::try_from(n & u128::from(u64::MAX)).unwrap_or_default();
        Ok((low(both >> 64), low(both)))
    }

    /// The entry at a position that has been flushed.
    pub(super) fn entry(&mut self, position: u64) -> io::Result<Vec<u8>> {
        let (start, end) = self.bounds(position)?;
        let length = end.checked_sub(start).ok_or(io::ErrorKind::InvalidData)?;
        // Lengths are those of entries that were pushed.
        let length = usize::try_from(length).map_err(io::Error::other)?;
        if length > MAX_ENTRY_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut entry = vec![0; length];
        self.entries.seek(SeekFrom::Start(start))?;
        self.entries.read_exact(&mut entry)?;
        Ok(entry)
    }
}

fn file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pushed_is_there_again_after_a_restart_but_for_what_was_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(dir.path()).unwrap();
        for entry in [b"one".as_slice(), b"", b"three"] {
            spool.push(entry).unwrap();
        }
        spool.flush().unwrap();
        drop(spool);
        // A kill in the middle of the fourth: its end is there, its bytes are not.
        let ends = dir.path().join(ENDS);
        let mut bytes = std::fs::read(&ends).unwrap();
        bytes.extend_from_slice(&100_u64.to_be_bytes());
        bytes.extend_from_slice(b"cut");
        std::fs::write(&ends, bytes).unwrap();
        let mut spool = Spool::open(dir.path()).unwrap();
        assert_eq!(spool.count(), 3);
        spool.truncate(3).unwrap();
        spool.push(b"four").unwrap();
        spool.flush().unwrap();
        let mut reader = spool.reader().unwrap();
        let all: Vec<_> = (0..4).map(|n| reader.entry(n).unwrap()).collect();
        assert_eq!(all, [b"one".as_slice(), b"", b"three", b"four"]);
        assert!(reader.entry(4).is_err());
    }

    #[test]
    fn after_a_truncation_other_entries_follow() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(dir.path()).unwrap();
        for n in 0..10_u8 {
            spool.push(&[n; 5]).unwrap();
        }
        spool.truncate(4).unwrap();
        spool.push(b"new").unwrap();
        spool.flush().unwrap();
        let mut reader = spool.reader().unwrap();
        assert_eq!(spool.count(), 5);
        assert_eq!(reader.entry(3).unwrap(), [3; 5]);
        assert_eq!(reader.entry(4).unwrap(), b"new");
    }
}
