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
//! ```
//!
//! Integers are big-endian, `string` is u32 length + UTF-8, `prev_hash` the
//! SHA-256 of the whole previous record (of the header for the first), seq
//! counts from 0, kind is 1 attest, 2 refund, 3 withdraw.
//!
//! The length has a checksum of its own: else one flipped bit in it would look
//! like a torn tail, and truncating that would forget what follows.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::SignerError;
use super::record::{JournalRecord, take};

/// Name of one journal; random.
pub type JournalId = [u8; 16];

const MAGIC: &[u8; 8] = b"PPCDLCJ1";
const VERSION: u8 = 1;
const HEADER_LEN: usize = 8 + 1 + 16 + 32 + 4;
const FRAME_LEN: usize = 12;
/// Longest payload, bytes; an event of the most nonces stays far below.
const MAX_PAYLOAD: usize = 16 << 20;

/// What the journal does to its file; a test puts failures here.
pub(super) trait JournalFile: Send {
    /// Writes all of `bytes` at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns once everything appended is durable.
    fn sync(&mut self) -> io::Result<()>;
}

impl JournalFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
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
        let mut ends = HashMap::new();
        while let Some((start, record)) = scan.record()? {
            let binding = record.binding();
            if ends
                .insert(record.event_id.into_boxed_str(), binding)
                .is_some()
            {
                return Err(corrupt(start, "an event ends twice"));
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
            on_fatal,
            failed: false,
        })
    }

    pub(super) fn id(&self) -> JournalId {
        self.id
    }

    #[cfg(test)]
    pub(super) fn replace_file(&mut self, file: Box<dyn JournalFile>) {
        self.file = file;
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
        let mut bytes = Vec::new();
        let (mut seq, mut prev_hash) = (self.next_seq, self.prev_hash);
        for (record, _) in &fresh {
            prev_hash = encode_record(&mut bytes, seq, &prev_hash, record)?;
            seq += 1;
        }
        let written = self.file.append(&bytes).and_then(|()| self.file.sync());
        if let Err(error) = written {
            // After a failed fsync the kernel may have dropped the pages and
            // would report the next one as a success: never retried.
            self.failed = true;
            tracing::error!(path = %self.path.display(), %error, "journal write failed; aborting");
            (self.on_fatal)();
            return Err(SignerError::JournalFailed);
        }
        self.end += bytes.len() as u64;
        self.next_seq = seq;
        self.prev_hash = prev_hash;
        for (record, binding) in fresh {
            self.ends.insert(record.event_id.as_str().into(), binding);
        }
        Ok(())
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
        let mut scan = Scan::start(file, &self.path)?;
        // The tail may be growing under another thread's append.
        scan.len = self.end;
        Ok(JournalRecords { scan, done: false })
    }
}

/// The records of a journal, read and verified one by one.
pub struct JournalRecords {
    scan: Scan,
    done: bool,
}

impl Iterator for JournalRecords {
    type Item = Result<JournalRecord, SignerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.scan.record().map(|found| found.map(|(_, r)| r));
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

fn conflict(existing: Option<&JournalRecord>, requested: &JournalRecord) -> SignerError {
    SignerError::Conflict {
        event_id: requested.event_id.clone(),
        existing: existing.map_or_else(|| "another end".to_owned(), ToString::to_string),
        requested: requested.to_string(),
    }
}

fn corrupt(offset: u64, reason: &'static str) -> SignerError {
    SignerError::JournalCorrupt { offset, reason }
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

/// Appends one record to `out`; its hash.
fn encode_record(
    out: &mut Vec<u8>,
    seq: u64,
    prev_hash: &[u8; 32],
    record: &JournalRecord,
) -> Result<[u8; 32], SignerError> {
    let mut payload = Vec::with_capacity(64 + record.event_id.len() + record.nonces.len() * 40);
    payload.extend_from_slice(&seq.to_be_bytes());
    payload.extend_from_slice(prev_hash);
    record.encode(&mut payload);
    let too_large = |got| SignerError::JournalRecordTooLarge {
        event_id: record.event_id.clone(),
        got,
        max: MAX_PAYLOAD,
    };
    let len = u32::try_from(payload.len())
        .ok()
        .filter(|_| payload.len() <= MAX_PAYLOAD)
        .ok_or_else(|| too_large(payload.len()))?
        .to_be_bytes();
    let mut frame = [0; FRAME_LEN];
    frame[..4].copy_from_slice(&len);
    frame[4..8].copy_from_slice(&crc32fast::hash(&len).to_be_bytes());
    frame[8..].copy_from_slice(&crc32fast::hash(&payload).to_be_bytes());
    out.extend_from_slice(&frame);
    out.extend_from_slice(&payload);
    Ok(record_hash(&frame, &payload))
}

fn record_hash(frame: &[u8; FRAME_LEN], payload: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix(frame)
        .chain_update(payload)
        .finalize()
        .into()
}

/// Reads a journal from the start, verifying everything.
struct Scan {
    reader: BufReader<File>,
    path: PathBuf,
    len: u64,
    /// Where the next record starts; after the last complete record at the end.
    offset: u64,
    seq: u64,
    prev_hash: [u8; 32],
    id: JournalId,
    public_key: [u8; 32],
}

impl Scan {
    fn start(file: File, path: &Path) -> Result<Self, SignerError> {
        let len = file
            .metadata()
            .map_err(SignerError::io("read", path))?
            .len();
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let mut header = [0; HEADER_LEN];
        if len < HEADER_LEN as u64 {
            return Err(corrupt(0, "shorter than its header"));
        }
        reader
            .read_exact(&mut header)
            .map_err(SignerError::io("read", path))?;
        let (body, crc) = header.split_at(HEADER_LEN - 4);
        if !body.starts_with(MAGIC) {
            return Err(corrupt(0, "not a signing journal"));
        }
        if crc != crc32fast::hash(body).to_be_bytes() {
            return Err(corrupt(0, "checksum of the header"));
        }
        let mut fields = body.split_at(MAGIC.len()).1;
        let header_field = || corrupt(0, "shorter than its header");
        if take::<1>(&mut fields) != Some([VERSION]) {
            return Err(corrupt(0, "unknown version"));
        }
        let id: JournalId = take(&mut fields).ok_or_else(header_field)?;
        let public_key = take(&mut fields).ok_or_else(header_field)?;
        Ok(Self {
            reader,
            path: path.to_owned(),
            len,
            offset: HEADER_LEN as u64,
            seq: 0,
            prev_hash: Sha256::digest(header).into(),
            id,
            public_key,
        })
    }

    /// The next record and where it starts; `None` at the end or at a tail
    /// shorter than its own length.
    fn record(&mut self) -> Result<Option<(u64, JournalRecord)>, SignerError> {
        let start = self.offset;
        let rest = self.len.saturating_sub(start);
        if rest < 8 {
            return Ok(None);
        }
        let mut frame = [0; FRAME_LEN];
        self.read(&mut frame[..8])?;
        let [l0, l1, l2, l3, c0, c1, c2, c3, ..] = frame;
        let len = [l0, l1, l2, l3];
        if crc32fast::hash(&len).to_be_bytes() != [c0, c1, c2, c3] {
            return Err(corrupt(start, "checksum of a record's length"));
        }
        let len = u32::from_be_bytes(len) as usize;
        if len > MAX_PAYLOAD {
            return Err(corrupt(start, "a record too long to be one"));
        }
        if rest < (FRAME_LEN + len) as u64 {
            return Ok(None);
        }
        self.read(&mut frame[8..])?;
        let mut payload = vec![0; len];
        self.read(&mut payload)?;
        if frame[8..] != crc32fast::hash(&payload).to_be_bytes() {
            return Err(corrupt(start, "checksum of a record"));
        }
        let record = payload
            .strip_prefix(&self.seq.to_be_bytes())
            .ok_or(corrupt(start, "sequence number"))?
            .strip_prefix(&self.prev_hash)
            .ok_or(corrupt(start, "hash of the previous record"))
            .and_then(|body| {
                JournalRecord::decode(body).ok_or(corrupt(start, "contents of a record"))
            })?;
        self.offset += (FRAME_LEN + len) as u64;
        self.seq += 1;
        self.prev_hash = record_hash(&frame, &payload);
        Ok(Some((start, record)))
    }

    fn read(&mut self, out: &mut [u8]) -> Result<(), SignerError> {
        self.reader
            .read_exact(out)
            .map_err(SignerError::io("read", &self.path))
    }
}
