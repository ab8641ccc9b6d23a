//! DLC oracle messages as every reader of them sees them: types that cannot
//! hold an invalid message, strict codecs in both directions, verification and
//! the participant's mathematics.
//!
//! Pure: no I/O, no async runtime, no clock. Everything that outlives the
//! server process has its shape here.
//!
//! Sources: dlcspecs `Messaging.md`, `Oracle.md`, `NumericOutcomeCompression.md`;
//! BIP340; RFC 8785 for the policy document.

pub mod anchor;
pub mod announcement;
pub mod attestation;
pub mod bundle;
pub mod codec;
pub mod event;
pub mod evidence;
pub mod hour;
pub mod http_signature;
pub mod log_entry;
pub mod nonce_proof;
pub mod nonces;
pub mod nostr;
pub mod operator;
pub mod point;
pub mod policy;
pub mod source_id;
pub mod sql;
pub mod tag;
pub mod tlog;
pub mod verify;

pub use announcement::{Announcement, OracleEvent, Promise};
pub use attestation::Attestation;
pub use event::{
    AssetId, Descriptor, Digits, DigitsDescriptor, EnumDescriptor, EventId, Maturity, Outcome,
    SeriesId,
};
pub use verify::Verified;
