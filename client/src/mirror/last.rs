//! Where a mirror ends, and what may come next.

use oracle_schema::hour::{HourError, ProvenHour};
use oracle_schema::tlog::Checkpoint;
use oracle_schema::tlog::tree::Appended;

use crate::Error;
use crate::hours::unproven;

/// The last hour of a mirror.
#[derive(Debug)]
pub(super) struct Last {
    pub(super) hour: String,
    /// Of its document, bytes.
    pub(super) length: u64,
    /// The hour to ask for next, once this one is over.
    pub(super) next: Option<String>,
    pub(super) before: Appended,
    pub(super) checkpoint: Checkpoint,
    pub(super) after: Appended,
}

impl Last {
    /// Whether an hour goes on from this one, or is this one with as much in it or more.
    pub(super) fn continues(&self, hour: &str, proven: &ProvenHour) -> Result<(), Error> {
        let is_same = self.hour == hour;
        let from = if is_same { &self.before } else { &self.after };
        if proven.before != *from {
            return Err(apart(hour, proven, from));
        }
        if !is_same {
            return Ok(());
        }
        let (had, got) = (self.checkpoint.size, proven.checkpoint.size);
        if got < had {
            let hour = hour.to_owned();
            return Err(Error::Shorter { hour, had, got });
        }
        match proven.root_at(had) {
            Some(root) if root == self.checkpoint.root => Ok(()),
            root => Err(Error::Forked {
                hour: hour.to_owned(),
                size: had,
                seen: hex::encode(self.checkpoint.root),
                got: root.map(hex::encode).unwrap_or_default(),
            }),
        }
    }
}

/// How the tree before an hour is not the one that the mirror has.
fn apart(hour: &str, proven: &ProvenHour, from: &Appended) -> Error {
    if proven.first < from.size() && proven.checkpoint.size < from.size() {
        return Error::Shorter {
            hour: hour.to_owned(),
            had: from.size(),
            got: proven.checkpoint.size,
        };
    }
    if proven.first != from.size() {
        return unproven(hour)(HourError::Gap {
            got: proven.first,
            expected: from.size(),
        });
    }
    Error::Forked {
        hour: hour.to_owned(),
        size: from.size(),
        seen: hex::encode(from.root()),
        got: hex::encode(proven.before.root()),
    }
}
