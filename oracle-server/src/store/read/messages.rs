//! What was published of one event: its announcement, its attestation or why there is
//! none, its refund.

use chrono::{DateTime, Utc};

use super::ReadStore;
use crate::lifecycle::State;
use crate::store::StoreError;
use crate::store::db::args;

/// Stored announcement.
#[derive(Debug, Clone)]
pub struct AnnouncementRow {
    /// Log position.
    pub position: i64,
    /// When.
    pub announced_at: DateTime<Utc>,
    /// Exact bytes, 55332.
    pub tlv: Vec<u8>,
}

/// Stored attestation.
#[derive(Debug, Clone)]
pub struct AttestationRow {
    /// Log position.
    pub position: i64,
    /// When.
    pub attested_at: DateTime<Utc>,
    /// Enum text or attested integer.
    pub outcome: String,
    /// Exact bytes, 55400, spec layout.
    pub tlv: Vec<u8>,
}

/// What there is to say about an event's attestation.
#[derive(Debug, Clone)]
pub enum AttestationLookup {
    /// No such event.
    UnknownEvent,
    /// Not yet.
    NotYet {
        /// When the service looks next (at least the maturity).
        next_attempt_at: DateTime<Utc>,
    },
    /// Never: refunded.
    Refunded {
        /// Why.
        reason: String,
    },
    /// Never: withdrawn before announcement.
    Withdrawn {
        /// Why.
        reason: String,
    },
    /// Here it is.
    Attested(AttestationRow),
}

impl ReadStore {
    /// The announcement of an event.
    pub async fn announcement(&self, id: &str) -> Result<Option<AnnouncementRow>, StoreError> {
        self.db
            .fetch_optional(
                "SELECT position, announced_ms, tlv FROM announcement WHERE event_id = $1",
                args![id],
            )
            .await?
            .map(|r| {
                Ok(AnnouncementRow {
                    position: r.get("position")?,
                    announced_at: r.millis("announced_ms")?,
                    tlv: r.get("tlv")?,
                })
            })
            .transpose()
    }

    /// The attestation of an event, or why there is none.
    pub async fn attestation(&self, id: &str) -> Result<AttestationLookup, StoreError> {
        let row = self
            .db
            .fetch_optional(
                "SELECT e.state, e.reason, e.maturity, r.due_ms, t.position, t.attested_ms, \
                 t.outcome, t.tlv FROM event e \
                 LEFT JOIN attestation t ON t.event_id = e.event_id \
                 LEFT JOIN round r ON r.round_key = e.round_key AND r.maturity = e.maturity \
                 WHERE e.event_id = $1",
                args![id],
            )
            .await?;
        let Some(r) = row else {
            return Ok(AttestationLookup::UnknownEvent);
        };
        let state: String = r.get("state")?;
        let reason: Option<String> = r.get("reason")?;
        let reason = reason.unwrap_or_default();
        if let Some(position) = r.get::<Option<i64>>("position")? {
            return Ok(AttestationLookup::Attested(AttestationRow {
                position,
                attested_at: r.millis("attested_ms")?,
                outcome: r.get("outcome")?,
                tlv: r.get("tlv")?,
            }));
        }
        Ok(match State::parse(&state) {
            Some(State::Refund) => AttestationLookup::Refunded { reason },
            Some(State::Withdrawn) => AttestationLookup::Withdrawn { reason },
            _ => {
                let maturity = r.seconds("maturity")?;
                let due = r.opt_millis("due_ms")?;
                AttestationLookup::NotYet {
                    next_attempt_at: due.map_or(maturity, |due| due.max(maturity)),
                }
            }
        })
    }

    /// Where the log says that the event is refunded.
    pub async fn refund_position(&self, event_id: &str) -> Result<Option<i64>, StoreError> {
        let published = *self.head.borrow();
        let row = self
            .db
            .fetch_optional(
                "SELECT l.position FROM log_entry l JOIN event e ON e.event_id = l.event_id \
                 WHERE l.event_id = $1 AND l.entry_type = 3 AND e.state = 'refund' \
                 AND l.position < $2",
                args![event_id, published],
            )
            .await?;
        row.map(|row| row.get("position")).transpose()
    }
}
