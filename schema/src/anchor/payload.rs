//! The 48 bytes that stand in the chain.

use crate::tlog::Hash;

/// What every anchor begins with, readable in a block explorer.
pub const TAG: [u8; 8] = *b"DLCLOG01";
/// Tag, size and root.
pub const PAYLOAD_BYTES: usize = 48;
/// `OP_RETURN`, one push, and the payload.
pub const SCRIPT_BYTES: usize = PAYLOAD_BYTES + 2;

const OP_RETURN: u8 = 0x6a;
const PUSH: u8 = 0x30;

/// What an anchor says: the log had this root at this size. The root covers the
/// genesis entry, and with it the log's name and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload {
    /// Entries.
    pub size: u64,
    /// Their Merkle root (RFC 6962).
    pub root: Hash,
}

impl Payload {
    /// `tag ‖ u64 size, big-endian ‖ root`.
    ///
    /// ```
    /// use oracle_schema::anchor::Payload;
    ///
    /// let payload = Payload { size: 258, root: [0xab; 32] };
    /// let bytes = payload.to_bytes();
    /// assert_eq!(bytes[..16], *b"DLCLOG01\0\0\0\0\0\0\x01\x02");
    /// assert_eq!(Payload::from_bytes(&bytes), Some(payload));
    /// ```
    pub fn to_bytes(&self) -> [u8; PAYLOAD_BYTES] {
        let mut bytes = [0; PAYLOAD_BYTES];
        let parts = TAG.into_iter().chain(self.size.to_be_bytes());
        for (byte, part) in bytes.iter_mut().zip(parts.chain(self.root)) {
            *byte = part;
        }
        bytes
    }

    /// Reads [`Self::to_bytes`]; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&TAG)?;
        let (size, root) = rest.split_first_chunk::<8>()?;
        Some(Self {
            size: u64::from_be_bytes(*size),
            root: root.try_into().ok()?,
        })
    }

    /// The output's script: `OP_RETURN` and one push of the payload.
    pub fn script(&self) -> Vec<u8> {
        [&[OP_RETURN, PUSH], self.to_bytes().as_slice()].concat()
    }

    /// Reads [`Self::script`]; no other way to push the same bytes is read.
    pub fn from_script(script: &[u8]) -> Option<Self> {
        Self::from_bytes(script.strip_prefix(&[OP_RETURN, PUSH])?)
    }
}
