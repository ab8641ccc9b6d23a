//! Bytes to messages and back, strict in both directions.
//!
//! Three forms are read: the TLV bytes of dlcspecs `Messaging.md`, the same as
//! hex text, and the JSON of rust-dlc's `use-serde` feature (camelCase). A
//! decoder accepts one spelling of a value only: minimal bigsize, booleans 0 or
//! 1, exact lengths, no trailing bytes, no unknown or repeated JSON key. What
//! it accepts is well-formed, not true: [`crate::verify`] decides that.
//!
//! Decoders never panic, and never allocate from a length they have not
//! compared with the bytes that are there.

mod json;
mod tlv;

pub(crate) use json::{Member, Object};
pub use tlv::event_tlv;
pub(crate) use tlv::{KnownPoint, Reader, put_bytes, put_string};

use crate::announcement::Announcement;
use crate::attestation::Attestation;
use crate::event::{DescriptorError, IdError};

/// How an attestation TLV lays out its outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// dlcspecs, bitcoin-s: the outcomes follow the signatures directly.
    Spec,
    /// rust-dlc, ddk, node-dlc: a `u16` count stands before the outcomes.
    Counted,
}

/// Why bytes are not a message.
///
/// `field` is the spec's name of the field (in JSON its path), `offset` the
/// byte from the start of the input at which it begins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The input ends inside a field.
    #[error("{field} at byte {offset} needs {needed} bytes; {left} are left")]
    Truncated {
        /// Field that does not fit.
        field: &'static str,
        /// Where it begins.
        offset: usize,
        /// Bytes it needs.
        needed: u64,
        /// Bytes there are.
        left: usize,
    },
    /// Bytes after the end of a message, or of a TLV nested in it.
    #[error("{count} bytes follow {field} at byte {offset}")]
    Trailing {
        /// What should have ended.
        field: &'static str,
        /// Where the surplus begins.
        offset: usize,
        /// How long it is.
        count: usize,
    },
    /// A bigsize in more bytes than its value needs.
    #[error("{field} at byte {offset} is not a minimal bigsize")]
    NotMinimal {
        /// Type, length or string that it belongs to.
        field: &'static str,
        /// Where the bigsize begins.
        offset: usize,
    },
    /// Another TLV type than the one due here.
    #[error("{field} at byte {offset} has TLV type {got}")]
    Type {
        /// Message due here.
        field: &'static str,
        /// Where the type begins.
        offset: usize,
        /// Type found.
        got: u64,
    },
    /// A boolean that is neither 0 nor 1.
    #[error("{field} at byte {offset} is {got}; a boolean is 0 or 1")]
    Boolean {
        /// Field read.
        field: &'static str,
        /// Where it is.
        offset: usize,
        /// Byte found.
        got: u8,
    },
    /// Text that is not UTF-8.
    #[error("{field} at byte {offset} is not UTF-8")]
    Utf8 {
        /// Field read.
        field: &'static str,
        /// Where the text begins.
        offset: usize,
    },
    /// Text longer than [`crate::event::MAX_STRING_BYTES`].
    #[error("{field} at byte {offset} is {got} bytes long; at most {max} are allowed")]
    TooLong {
        /// Field read.
        field: &'static str,
        /// Where it begins.
        offset: usize,
        /// Length found, bytes.
        got: u64,
        /// Length allowed, bytes.
        max: usize,
    },
    /// A list or text that must hold something and does not.
    #[error("{field} at byte {offset} is empty")]
    Empty {
        /// Field read.
        field: &'static str,
        /// Where it begins.
        offset: usize,
    },
    /// As many outcomes as signatures are due.
    #[error("{field} at byte {offset} has {got} items; {expected} are due")]
    Count {
        /// Field read.
        field: &'static str,
        /// Where its count is.
        offset: usize,
        /// Items found.
        got: usize,
        /// Items due.
        expected: usize,
    },
    /// 32 bytes that are not the x coordinate of a curve point.
    #[error("{field} at byte {offset} is not an x-only point on the curve")]
    Point {
        /// Field read.
        field: &'static str,
        /// Where it begins.
        offset: usize,
    },
    /// A well-formed descriptor that describes no event.
    #[error("event_descriptor at byte {offset}: {source}")]
    Descriptor {
        /// Where the descriptor begins.
        offset: usize,
        /// What is wrong with it.
        source: DescriptorError,
    },
    /// A name that is no event id.
    #[error("event_id at byte {offset}: {source}")]
    EventId {
        /// Where the id begins.
        offset: usize,
        /// What is wrong with it.
        source: IdError,
    },
    /// Text that is not JSON, or repeats a key.
    #[error("not JSON: {0}")]
    Json(String),
    /// JSON of another shape than the message's.
    #[error("{path}: {problem}")]
    JsonShape {
        /// The member, for example `oracleEvent.oracleNonces[3]`.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl CodecError {
    /// A stable name for the kind of error, as the vectors have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::Trailing { .. } => "trailing",
            Self::NotMinimal { .. } => "not-minimal",
            Self::Type { .. } => "type",
            Self::Boolean { .. } => "boolean",
            Self::Utf8 { .. } => "utf8",
            Self::TooLong { .. } => "too-long",
            Self::Empty { .. } => "empty",
            Self::Count { .. } => "count",
            Self::Point { .. } => "point",
            Self::Descriptor { .. } => "descriptor",
            Self::EventId { .. } => "event-id",
            Self::Json(_) => "json",
            Self::JsonShape { .. } => "json-shape",
        }
    }

    /// The byte at which decoding stopped; 0 for JSON, whose errors name a path.
    pub fn offset(&self) -> usize {
        match self {
            Self::Truncated { offset, .. }
            | Self::Trailing { offset, .. }
            | Self::NotMinimal { offset, .. }
            | Self::Type { offset, .. }
            | Self::Boolean { offset, .. }
            | Self::Utf8 { offset, .. }
            | Self::TooLong { offset, .. }
            | Self::Empty { offset, .. }
            | Self::Count { offset, .. }
            | Self::Point { offset, .. }
            | Self::Descriptor { offset, .. }
            | Self::EventId { offset, .. } => *offset,
            Self::Json(_) | Self::JsonShape { .. } => 0,
        }
    }
}

impl Announcement {
    /// Reads an announcement in any form a person may hold it: TLV bytes, a
    /// bare body, hex text (any case, surrounding whitespace ignored), JSON.
    pub fn from_any(input: &[u8]) -> Result<Self, CodecError> {
        match Form::of(input) {
            Form::Json(text) => Self::from_json(text),
            Form::Hex(bytes) => Self::from_tlv(&bytes),
            Form::Binary => Self::from_tlv(input),
        }
    }
}

impl Attestation {
    /// Reads an attestation in any form a person may hold it: TLV bytes of
    /// either [`Layout`], a bare body, hex text (any case, surrounding
    /// whitespace ignored), JSON.
    pub fn from_any(input: &[u8]) -> Result<Self, CodecError> {
        match Form::of(input) {
            Form::Json(text) => Self::from_json(text),
            Form::Hex(bytes) => Self::from_tlv(&bytes).map(|(attestation, _)| attestation),
            Form::Binary => Self::from_tlv(input).map(|(attestation, _)| attestation),
        }
    }
}

/// The form that input of unknown origin has.
enum Form<'a> {
    Json(&'a [u8]),
    Hex(Vec<u8>),
    Binary,
}

impl<'a> Form<'a> {
    /// No message is valid in two forms: a binary one starts with a TLV header
    /// that is not UTF-8, or, bare, holds a key or a signature that would have
    /// to be text from end to end.
    fn of(input: &'a [u8]) -> Self {
        let text = input.trim_ascii();
        if text.starts_with(b"{") && std::str::from_utf8(text).is_ok() {
            return Self::Json(text);
        }
        match hex::decode(text) {
            Ok(bytes) if !bytes.is_empty() => Self::Hex(bytes),
            _ => Self::Binary,
        }
    }
}
