//! Reading a journal's file: everything is verified, nothing is passed over.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::SignerError;
use super::journal::{FRAME_LEN, HEADER_LEN, JournalId, MAGIC, MAX_PAYLOAD, VERSION};
use super::record::{Entry, JournalRecord, take};

/// The ends in a journal, read and verified one by one.
pub struct JournalRecords {
    scan: Scan,
    done: bool,
}

impl JournalRecords {
    /// Of the first `len` bytes of a file.
    pub(super) fn of(file: File, path: &Path, len: u64) -> Result<Self, SignerError> {
        let mut scan = Scan::start(file, path)?;
        scan.len = len;
        Ok(Self { scan, done: false })
    }
}

impl Iterator for JournalRecords {
    type Item = Result<JournalRecord, SignerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        loop {
            let entry = self.scan.entry();
            match entry {
                Ok(Some((_, Entry::Head(_)))) => {}
                Ok(Some((_, Entry::End(record)))) => return Some(Ok(record)),
                Ok(None) => {
                    self.done = true;
                    return None;
                }
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
    }
}

pub(super) fn corrupt(offset: u64, reason: &'static str) -> SignerError {
    SignerError::JournalCorrupt { offset, reason }
}

pub(super) fn record_hash(frame: &[u8; FRAME_LEN], payload: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix(frame)
        .chain_update(payload)
        .finalize()
        .into()
}

/// How many bytes of a record must be zero, to the end of the file, before it counts
/// as never written.
const UNWRITTEN: u64 = 8;

/// Why a record cannot be read.
enum BadRecord {
    /// Its bytes are not those that were written; with one that was, it would end here.
    Corrupt {
        reason: &'static str,
        end: u64,
    },
    Other(SignerError),
}

impl From<SignerError> for BadRecord {
    fn from(error: SignerError) -> Self {
        Self::Other(error)
    }
}

/// Reads a journal from the start, verifying everything.
pub(super) struct Scan {
    reader: BufReader<File>,
    path: PathBuf,
    pub(super) len: u64,
    /// Where the next record starts; after the last complete record at the end.
    pub(super) offset: u64,
    pub(super) seq: u64,
    pub(super) prev_hash: [u8; 32],
    pub(super) id: JournalId,
    pub(super) public_key: [u8; 32],
}

impl Scan {
    pub(super) fn start(file: File, path: &Path) -> Result<Self, SignerError> {
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

    /// The next record and where it starts; `None` at the end, or at a tail that was
    /// never synced: shorter than its own length, or with nothing but zeros from some
    /// byte of the record on, which a file system leaves that wrote down the file's new
    /// length before its content when the power went.
    pub(super) fn entry(&mut self) -> Result<Option<(u64, Entry)>, SignerError> {
        let start = self.offset;
        match self.whole_entry() {
            Err(BadRecord::Corrupt { reason, end }) => {
                if self.is_unwritten(start, end)? {
                    return Ok(None);
                }
                Err(corrupt(start, reason))
            }
            Err(BadRecord::Other(error)) => Err(error),
            Ok(entry) => Ok(entry),
        }
    }

    /// Whether everything from some byte before `end` to the end of the file is zero.
    fn is_unwritten(&self, start: u64, end: u64) -> Result<bool, SignerError> {
        let failed = || SignerError::io("read", &self.path);
        let mut tail = File::open(&self.path).map_err(failed())?;
        tail.seek(SeekFrom::Start(start)).map_err(failed())?;
        let mut tail = BufReader::with_capacity(1 << 16, tail.take(self.len - start));
        let mut at = start;
        let mut written = start;
        loop {
            let chunk = tail.fill_buf().map_err(failed())?;
            if chunk.is_empty() {
                break;
            }
            if let Some(last) = chunk.iter().rposition(|byte| *byte != 0) {
                written = at + last as u64 + 1;
            }
            let read = chunk.len();
            at += read as u64;
            tail.consume(read);
        }
        // A record that was written and damaged may end in a zero by chance.
        Ok(written + UNWRITTEN <= end)
    }

    fn whole_entry(&mut self) -> Result<Option<(u64, Entry)>, BadRecord> {
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
            let end = self.len.min(start + FRAME_LEN as u64 + UNWRITTEN);
            return Err(BadRecord::Corrupt {
                reason: "checksum of a record's length",
                end,
            });
        }
        let len = u32::from_be_bytes(len) as usize;
        if len > MAX_PAYLOAD {
            return Err(corrupt(start, "a record too long to be one").into());
        }
        if rest < (FRAME_LEN + len) as u64 {
            return Ok(None);
        }
        self.read(&mut frame[8..])?;
        let mut payload = vec![0; len];
        self.read(&mut payload)?;
        if frame[8..] != crc32fast::hash(&payload).to_be_bytes() {
            return Err(BadRecord::Corrupt {
                reason: "checksum of a record",
                end: start + (FRAME_LEN + len) as u64,
            });
        }
        let entry = payload
            .strip_prefix(&self.seq.to_be_bytes())
            .ok_or(corrupt(start, "sequence number"))?
            .strip_prefix(&self.prev_hash)
            .ok_or(corrupt(start, "hash of the previous record"))
            .and_then(|body| Entry::decode(body).ok_or(corrupt(start, "contents of a record")))?;
        self.offset += (FRAME_LEN + len) as u64;
        self.seq += 1;
        self.prev_hash = record_hash(&frame, &payload);
        Ok(Some((start, entry)))
    }

    fn read(&mut self, out: &mut [u8]) -> Result<(), SignerError> {
        self.reader
            .read_exact(out)
            .map_err(SignerError::io("read", &self.path))
    }
}
