//! The signing journal: what was promised never to be signed otherwise.
//!
//! Append-only file, locked for the life of the process.
//!
//! ```text
//! header  "PPCDLCJ1" ‖ u8 version ‖ journal id x16 ‖ oracle key x32 ‖ u32 crc32
//! record  u32 len ‖ u32 crc32(len) ‖ u32 crc32(payload) ‖ payload of len bytes
//! payload u64 seq ‖ prev_hash x32 ‖ body
//! body    u8 kind ‖ i64 epoch ‖ u32 maturity ‖ string event_id ‖ content_hash x32
//!         ‖ u32 n ‖ n*x32 nonces ‖ u32 m ‖ m*string messages
//!         or u8 4 ‖ u64 size ‖ root x32
//! ```
//!
//! Integers are big-endian, `string` is u32 length + UTF-8, `prev_hash` the
//! SHA-256 of the whole previous record (of the header for the first), seq
//! counts from 0, kind is 1 attest, 2 refund, 3 withdraw, 4 the log's head.
//!
//! A head is written after the commit that published it and is not synced by
//! itself: a database that lacks it has gone back. Losing the last heads in a power
//! cut only means that less is known.
//!
//! The length has a checksum of its own: else one flipped bit in it would look
//! like a torn tail, and truncating that would forget what follows.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::SignerError;
use super::record::{Entry, JournalHead, JournalRecord};
use super::scan::{JournalRecords, Scan, corrupt, record_hash};

/// Name of one journal; random.
pub type JournalId = [u8; 16];

pub(super) const MAGIC: &[u8; 8] = b"PPCDLCJ1";
pub(super) const VERSION: u8 = 1;
pub(super) const HEADER_LEN: usize = 8 + 1 + 16 + 32 + 4;
pub(super) const FRAME_LEN: usize = 12;
/// Longest payload, bytes; an event of the most nonces stays far below.
pub(super) const MAX_PAYLOAD: usize = 16 << 20;

/// What the journal does to its file; a test puts failures here.
pub(super) trait JournalFile: Send {
    /// Writes all of `bytes` at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns once everything appended is durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Takes back what was appended beyond `len`.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

impl JournalFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// The open journal.
pub(super) struct Journal {
    file: Box<dyn JournalFile>,
    path: PathBuf,
    id: JournalId,
    /// Where the next record starts.
    end: u64,
    next_seq: u64,
    prev_hash: [u8; 32],
    /// Event id to [`JournalRecord::binding`].
    ends: HashMap<Box<str>, [u8; 32]>,
    /// The last head of the log that was published.
    head: Option<JournalHead>,
    /// Called when a write failed; does not return in production.
    on_fatal: fn(),
    failed: bool,
}

impl Journal {
    /// A new, empty journal for the oracle with this key.
    pub(super) fn create(path: &Path, public_key: &[u8; 32]) -> Result<JournalId, SignerError> {
        let mut id = JournalId::default();
        getrandom::fill(&mut id).map_err(SignerError::Random)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists => SignerError::Exists {
                    path: path.to_owned(),
                },
                _ => SignerError::io("create", path)(source),
            })?;
        file.write_all(&encode_header(&id, public_key))
            .and_then(|()| file.sync_all())
            .and_then(|()| sync_directory_of(path))
            .map_err(SignerError::io("write", path))?;
        Ok(id)
    }

    /// Locks the journal, reads all of it, and cuts off a torn tail.
    pub(super) fn open(
        path: &Path,
        public_key: &[u8; 32],
        on_fatal: fn(),
    ) -> Result<Self, SignerError> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(path)
            .map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => SignerError::JournalMissing {
                    path: path.to_owned(),
                },
                _ => SignerError::io("open", path)(source),
            })?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => SignerError::JournalLocked {
                path: path.to_owned(),
            },
            TryLockError::Error(source) => SignerError::io("lock", path)(source),
        })?;

        let reading = file.try_clone().map_err(SignerError::io("read", path))?;
        let mut scan = Scan::start(reading, path)?;
        if scan.public_key != *public_key {
            return Err(SignerError::JournalWrongKey {
                found: hex::encode(scan.public_key),
                expected: hex::encode(public_key),
            });
        }
        let (mut ends, mut head) = (HashMap::new(), None);
        while let Some((start, entry)) = scan.entry()? {
            match entry {
                Entry::Head(last) => head = Some(last),
                Entry::End(record) => {
                    let binding = record.binding();
                    let id = record.event_id.into_boxed_str();
                    if ends.insert(id, binding).is_some() {
                        return Err(corrupt(start, "an event ends twice"));
                    }
                }
            }
        }
        let (end, next_seq, prev_hash, id) = (scan.offset, scan.seq, scan.prev_hash, scan.id);
        if end < scan.len {
            tracing::warn!(
                path = %path.display(),
                at = end,
                bytes = scan.len - end,
                "journal has a torn last record, never signed; truncating"
            );
            file.set_len(end)
                .map_err(SignerError::io("truncate", path))?;
        }
        // What was read may be in the page cache only, left by a process that
        // died before its fsync; trusting it here needs it on the disk.
        file.sync_all().map_err(SignerError::io("sync", path))?;
        Ok(Self {
            file: Box::new(file),
            path: path.to_owned(),
            id,
            end,
            next_seq,
            prev_hash,
            ends,
            head,
            on_fatal,
            failed: false,
        })
    }

    pub(super) fn id(&self) -> JournalId {
        self.id
    }

    /// The last published head of the log that is known here.
    pub(super) fn head(&self) -> Option<JournalHead> {
        self.head
    }

    #[cfg(test)]
    pub(super) fn replace_file(&mut self, file: Box<dyn JournalFile>) {
        self.file = file;
    }

    /// Whether a write failed: nothing is written any more.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Makes every record durable, with one write and one fdatasync, before it
    /// returns. Records that are there already are skipped; one that
    /// contradicts refuses the whole batch before anything is written.
    pub(super) fn append(&mut self, records: &[JournalRecord]) -> Result<(), SignerError> {
        if self.failed {
            return Err(SignerError::JournalFailed);
        }
        let fresh = self.fresh(records)?;
        if fresh.is_empty() {
            return Ok(());
        }
        let mut batch = self.batch();
        for (record, _) in &fresh {
            batch.add(&record.event_id, |out| record.encode(out))?;
        }
        self.write(&batch)?;
        for (record, binding) in fresh {
            self.ends.insert(record.event_id.as_str().into(), binding);
        }
        Ok(())
    }

    /// Writes down a head of the log once it is published: no promise, so it waits
    /// for the next record's sync. One that is no larger than the last says nothing
    /// new.
    pub(super) fn note_head(&mut self, head: JournalHead) -> Result<(), SignerError> {
        if self.failed {
            return Err(SignerError::JournalFailed);
        }
        if self.head.is_some_and(|known| known.size >= head.size) {
            return Ok(());
        }
        let mut batch = self.batch();
        batch.add("the log's head", |out| head.encode(out))?;
        if let Err(error) = self.file.append(&batch.bytes) {
            // It is no promise: without room the last head that is known stays.
            tracing::error!(path = %self.path.display(), %error, "the log's head is not written down");
            return match self.file.cut(self.end) {
                Ok(()) => Ok(()),
                Err(error) => self.fail(&error),
            };
        }
        self.advance(&batch);
        self.head = Some(head);
        Ok(())
    }

    fn batch(&self) -> Batch {
        Batch {
            bytes: Vec::new(),
            next_seq: self.next_seq,
            prev_hash: self.prev_hash,
        }
    }

    fn write(&mut self, batch: &Batch) -> Result<(), SignerError> {
        let written = self.file.append(&batch.bytes);
        if let Err(error) = written.and_then(|()| self.file.sync()) {
            return self.fail(&error);
        }
        self.advance(batch);
        Ok(())
    }

    /// After a failed fsync the kernel may have dropped the pages and would report the
    /// next one as a success: never retried.
    fn fail(&mut self, error: &io::Error) -> Result<(), SignerError> {
        self.failed = true;
        tracing::error!(path = %self.path.display(), %error, "journal write failed; aborting");
        (self.on_fatal)();
        Err(SignerError::JournalFailed)
    }

    fn advance(&mut self, batch: &Batch) {
        self.end += batch.bytes.len() as u64;
        self.next_seq = batch.next_seq;
        self.prev_hash = batch.prev_hash;
    }

    /// The records that are neither in the journal nor earlier in the batch.
    fn fresh<'a>(
        &self,
        records: &'a [JournalRecord],
    ) -> Result<Vec<(&'a JournalRecord, [u8; 32])>, SignerError> {
        let mut fresh: Vec<(&JournalRecord, [u8; 32])> = Vec::with_capacity(records.len());
        let mut staged: HashMap<&str, usize> = HashMap::with_capacity(records.len());
        for record in records {
            let binding = record.binding();
            if let Some(existing) = self.ends.get(record.event_id.as_str()) {
                if *existing != binding {
                    return Err(conflict(self.find(&record.event_id)?.as_ref(), record));
                }
            } else if let Some((earlier, existing)) = staged
                .get(record.event_id.as_str())
                .and_then(|i| fresh.get(*i))
            {
                if *existing != binding {
                    return Err(conflict(Some(earlier), record));
                }
            } else {
                staged.insert(&record.event_id, fresh.len());
                fresh.push((record, binding));
            }
        }
        Ok(fresh)
    }

    fn find(&self, event_id: &str) -> Result<Option<JournalRecord>, SignerError> {
        for record in self.records()? {
            let record = record?;
            if record.event_id == event_id {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Every record up to now, oldest first, from the file.
    pub(super) fn records(&self) -> Result<JournalRecords, SignerError> {
        let file = File::open(&self.path).map_err(SignerError::io("open", &self.path))?;
        // The tail may be growing under another thread's append.
        JournalRecords::of(file, &self.path, self.end)
    }
}

fn conflict(existing: Option<&JournalRecord>, requested: &JournalRecord) -> SignerError {
    SignerError::Conflict {
        event_id: requested.event_id.clone(),
        existing: existing.map_or_else(|| "another end".to_owned(), ToString::to_string),
        requested: requested.to_string(),
    }
}

/// Makes the directory entry of `path` durable.
pub(super) fn sync_directory_of(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent)?.sync_all()
}

fn encode_header(id: &JournalId, public_key: &[u8; 32]) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_LEN);
    header.extend_from_slice(MAGIC);
    header.push(VERSION);
    header.extend_from_slice(id);
    header.extend_from_slice(public_key);
    header.extend_from_slice(&crc32fast::hash(&header).to_be_bytes());
    header
}

/// Records on their way into the file.
struct Batch {
    bytes: Vec<u8>,
    next_seq: u64,
    prev_hash: [u8; 32],
}

impl Batch {
    /// Appends one record, whose body `encode` writes; `about` names it in a
    /// refusal.
    fn add(&mut self, about: &str, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), SignerError> {
        let mut payload = Vec::with_capacity(1024);
        payload.extend_from_slice(&self.next_seq.to_be_bytes());
        payload.extend_from_slice(&self.prev_hash);
        encode(&mut payload);
        let len = u32::try_from(payload.len())
            .ok()
            .filter(|_| payload.len() <= MAX_PAYLOAD)
            .ok_or_else(|| SignerError::JournalRecordTooLarge {
                event_id: about.to_owned(),
                got: payload.len(),
                max: MAX_PAYLOAD,
            })?
            .to_be_bytes();
        let mut frame = [0; FRAME_LEN];
        frame[..4].copy_from_slice(&len);
        frame[4..8].copy_from_slice(&crc32fast::hash(&len).to_be_bytes());
        frame[8..].copy_from_slice(&crc32fast::hash(&payload).to_be_bytes());
        self.bytes.extend_from_slice(&frame);
        self.bytes.extend_from_slice(&payload);
        self.next_seq += 1;
        self.prev_hash = record_hash(&frame, &payload);
        Ok(())
    }
}
