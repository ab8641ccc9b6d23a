//! What the log says of an event that has no end yet.

use super::{ENTRY_VERSION, LogEntryError, STATUS, put_checked, text};
use crate::codec::{Reader, put_string};
use crate::event::EventId;

/// An announced event that may still be attested: something happened to it that
/// its participants should be able to hold the oracle to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The event.
    pub event_id: EventId,
    /// When, Unix milliseconds.
    pub time_ms: u64,
    /// What.
    pub kind: StatusKind,
    /// Why, in one sentence; may be empty.
    pub reason: String,
}

/// What happened to an event that has no end yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusKind {
    /// Its sources agree on this outcome, which is attested if nothing changes
    /// within the settle delay.
    Proposal(String),
    /// It waits for people: sources contradict each other, or its rule cannot be
    /// applied.
    Hold,
    /// It should have been attested by now.
    Late,
}

impl StatusKind {
    fn code(&self) -> u8 {
        match self {
            Self::Proposal(_) => 1,
            Self::Hold => 2,
            Self::Late => 3,
        }
    }
}

impl Status {
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, LogEntryError> {
        let mut out = vec![ENTRY_VERSION, STATUS, self.kind.code()];
        put_string(&mut out, self.event_id.as_str());
        out.extend_from_slice(&self.time_ms.to_be_bytes());
        if let StatusKind::Proposal(outcome) = &self.kind {
            put_checked("outcome", &mut out, outcome, 1)?;
        }
        put_checked("reason", &mut out, &self.reason, 0)?;
        Ok(out)
    }

    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, LogEntryError> {
        let code = reader.u8("kind")?;
        let event_id = EventId::parse(&reader.string("event_id")?)?;
        let time_ms = reader.u64("time_ms")?;
        let kind = match code {
            1 => StatusKind::Proposal(text("outcome", &mut reader)?),
            2 => StatusKind::Hold,
            3 => StatusKind::Late,
            other => return Err(LogEntryError::StatusKind(other)),
        };
        let reason = reader.string("reason")?;
        reader.end("status")?;
        Ok(Self {
            event_id,
            time_ms,
            kind,
            reason,
        })
    }
}
