//! What was signed goes into the log and in front of readers: announcements with the
//! proofs of their nonces, attestations, notices of refunds. Each batch is one
//! transaction: the events' steps, the entries at their positions and the signed head
//! that covers them, or nothing of it.

mod announce;
mod attest;
mod proof;

use oracle_schema::EventId;
use oracle_schema::log_entry::LogEntry;

use super::ChangeError;

pub use announce::SignedEvent;
pub use attest::{OpenRefund, SignedOutcome};
pub use proof::{OpenCursor, UnprovenEvent};

/// The bytes of an entry about an event.
fn encoded(event: &EventId, entry: &LogEntry) -> Result<Vec<u8>, ChangeError> {
    entry.to_bytes().map_err(|error| ChangeError::Entry {
        event: event.clone(),
        reason: error.to_string(),
    })
}
