//! A raw Peercoin transaction, as far as anchors need it.

use super::{ChainHash, Payload};

/// Longest transaction that is read: nodes pass none on that is longer.
pub const MAX_TRANSACTION_BYTES: usize = 100_000;
/// From this version on a transaction has no time of its own.
const FIRST_WITHOUT_TIME: i32 = 3;
/// As long as two hashes: such a transaction could be a node of a Merkle tree.
const NODE_BYTES: usize = 64;
/// Outpoint, empty script, sequence.
const MIN_INPUT_BYTES: usize = 41;
/// Value, empty script.
const MIN_OUTPUT_BYTES: usize = 9;

/// An output of an earlier transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OutPoint {
    /// Of which transaction.
    pub txid: ChainHash,
    /// Which of its outputs.
    pub vout: u32,
}

/// A transaction, read to its last byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    txid: ChainHash,
    inputs: Vec<OutPoint>,
    scripts: Vec<Vec<u8>>,
}

/// Why bytes are no transaction that could be an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// Longer than [`MAX_TRANSACTION_BYTES`].
    #[error("transaction: {0} bytes; at most {MAX_TRANSACTION_BYTES} are read")]
    TooLong(usize),
    /// It ends too early.
    #[error("transaction: cut off")]
    Truncated,
    /// Something stands behind it.
    #[error("transaction: {0} bytes behind its end")]
    Trailing(usize),
    /// A count in a longer form than it needs.
    #[error("transaction: a count is not in its shortest form")]
    NotMinimal,
    /// A flag of another extension than witnesses, or witnesses of nothing.
    #[error("transaction: neither plain nor with witnesses")]
    Form,
    /// Without its witnesses 64 bytes long: it could be taken for a node of a
    /// block's Merkle tree.
    #[error("transaction: 64 bytes long, as a node of a Merkle tree is")]
    Ambiguous,
    /// No output, or several, that an anchor has.
    #[error("transaction: {0} outputs are anchors; one is due")]
    Anchors(usize),
}

impl Transaction {
    /// Reads a serialised transaction, with or without witnesses. Versions below
    /// 3 have a time behind the version.
    pub fn parse(bytes: &[u8]) -> Result<Self, TransactionError> {
        if bytes.len() > MAX_TRANSACTION_BYTES {
            return Err(TransactionError::TooLong(bytes.len()));
        }
        let mut reader = Reader(bytes);
        let version = reader.array::<4>()?;
        let time = if i32::from_le_bytes(version) < FIRST_WITHOUT_TIME {
            reader.array::<4>()?.to_vec()
        } else {
            Vec::new()
        };
        let has_witnesses = reader.0.first() == Some(&0);
        if has_witnesses && reader.take(2)? != [0, 1] {
            return Err(TransactionError::Form);
        }
        let body = reader.0;
        let inputs = reader.inputs()?;
        let scripts = reader.outputs()?;
        let body = body.get(..body.len() - reader.0.len()).unwrap_or_default();
        if has_witnesses && !reader.witnesses(inputs.len())? {
            return Err(TransactionError::Form);
        }
        let lock_time = reader.array::<4>()?;
        if !reader.0.is_empty() {
            return Err(TransactionError::Trailing(reader.0.len()));
        }
        let stripped = [&version, time.as_slice(), body, &lock_time].concat();
        if stripped.len() == NODE_BYTES {
            return Err(TransactionError::Ambiguous);
        }
        Ok(Self {
            txid: ChainHash::of(&stripped),
            inputs,
            scripts,
        })
    }

    /// Its id, which does not cover witnesses.
    pub fn txid(&self) -> ChainHash {
        self.txid
    }

    /// What it spends.
    pub fn inputs(&self) -> &[OutPoint] {
        &self.inputs
    }

    /// Its one anchor, and which output that is.
    pub fn anchor(&self) -> Result<(u32, Payload), TransactionError> {
        let found: Vec<(u32, Payload)> = (0..)
            .zip(&self.scripts)
            .filter_map(|(vout, script)| Some((vout, Payload::from_script(script)?)))
            .collect();
        match found.as_slice() {
            [anchor] => Ok(*anchor),
            several => Err(TransactionError::Anchors(several.len())),
        }
    }
}

/// What is left to read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], TransactionError> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(TransactionError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], TransactionError> {
        let (taken, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or(TransactionError::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// A count, little-endian behind its marker, in its shortest form.
    fn count(&mut self) -> Result<u64, TransactionError> {
        let [first] = self.array()?;
        let (count, least) = match first {
            0xfd => (u16::from_le_bytes(self.array()?).into(), 0xfd),
            0xfe => (u32::from_le_bytes(self.array()?).into(), 0x1_0000),
            0xff => (u64::from_le_bytes(self.array()?), 0x1_0000_0000),
            small => (u64::from(small), 0),
        };
        if count < least {
            return Err(TransactionError::NotMinimal);
        }
        Ok(count)
    }

    /// A number of things of at least `least` bytes each that can still come.
    pub(super) fn list(&mut self, least: usize) -> Result<usize, TransactionError> {
        let count = self.count()?;
        usize::try_from(count)
            .ok()
            .filter(|count| *count <= self.0.len() / least.max(1))
            .ok_or(TransactionError::Truncated)
    }

    fn text(&mut self) -> Result<&'a [u8], TransactionError> {
        let length = self.list(1)?;
        self.take(length)
    }

    fn inputs(&mut self) -> Result<Vec<OutPoint>, TransactionError> {
        let count = self.list(MIN_INPUT_BYTES)?;
        let mut inputs = Vec::with_capacity(count);
        for _ in 0..count {
            let txid = ChainHash(self.array()?);
            let vout = u32::from_le_bytes(self.array()?);
            self.text()?;
            self.array::<4>()?;
            inputs.push(OutPoint { txid, vout });
        }
        if inputs.is_empty() {
            return Err(TransactionError::Form);
        }
        Ok(inputs)
    }

    fn outputs(&mut self) -> Result<Vec<Vec<u8>>, TransactionError> {
        let count = self.list(MIN_OUTPUT_BYTES)?;
        let mut scripts = Vec::with_capacity(count);
        for _ in 0..count {
            self.array::<8>()?;
            scripts.push(self.text()?.to_vec());
        }
        Ok(scripts)
    }

    /// Skips the witnesses; answers whether there is any.
    fn witnesses(&mut self, inputs: usize) -> Result<bool, TransactionError> {
        let mut is_any = false;
        for _ in 0..inputs {
            let items = self.list(1)?;
            is_any |= items > 0;
            for _ in 0..items {
                self.text()?;
            }
        }
        Ok(is_any)
    }
}
