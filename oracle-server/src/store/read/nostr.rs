//! What an event's messages are as Nostr events.

use sqlx::AssertSqlSafe;

use super::ReadStore;
use crate::store::db::{Row, args};
use crate::store::nostr::{era, kind};
use crate::store::{OutboxTlv, StoreError};

/// One message and what makes a Nostr event of it.
#[derive(Debug, Clone)]
pub struct NostrMessage {
    /// Event kind.
    pub kind: u16,
    /// The message.
    pub message: OutboxTlv,
}

/// An announced event's messages.
#[derive(Debug, Clone)]
pub struct NostrMessages {
    /// The canonical policy document.
    pub policy: Vec<u8>,
    /// The announcement.
    pub announcement: NostrMessage,
    /// The attestation, once there is one.
    pub attestation: Option<NostrMessage>,
}

impl ReadStore {
    /// The messages of an event; `None` before its announcement, and while the oracle has
    /// published nothing to relays.
    pub async fn nostr_messages(&self, id: &str) -> Result<Option<NostrMessages>, StoreError> {
        let sql = format!(
            "SELECT p.document, a.announced_ms, a.tlv AS announcement, t.attested_ms, \
             t.tlv AS attestation, {} AS announcement_kind, {} AS announcement_tags, \
             {} AS attestation_kind, {} AS attestation_tags FROM announcement a \
             JOIN event e ON e.event_id = a.event_id \
             JOIN policy p ON p.policy_hash = e.policy_hash \
             LEFT JOIN attestation t ON t.event_id = a.event_id \
             WHERE a.event_id = $1 AND EXISTS (SELECT 1 FROM nostr_era)",
            era("announcement_kind", "a.position"),
            era("tags", "a.position"),
            era("attestation_kind", "t.position"),
            era("tags", "t.position"),
        );
        let row = self.db.fetch_optional(AssertSqlSafe(sql), args![id]);
        row.await?.map(|row| messages(&row)).transpose()
    }
}

fn messages(row: &Row) -> Result<NostrMessages, StoreError> {
    let has_tags = |column: &str| Ok::<_, StoreError>(row.get::<Option<i64>>(column)? == Some(1));
    let attestation: Option<Vec<u8>> = row.get("attestation")?;
    let attestation = match attestation {
        Some(tlv) => Some(NostrMessage {
            kind: kind(row, "attestation_kind")?,
            message: OutboxTlv {
                tlv,
                published_at: row.millis("attested_ms")?,
                has_tags: has_tags("attestation_tags")?,
            },
        }),
        None => None,
    };
    Ok(NostrMessages {
        policy: row.get("document")?,
        announcement: NostrMessage {
            kind: kind(row, "announcement_kind")?,
            message: OutboxTlv {
                tlv: row.get("announcement")?,
                published_at: row.millis("announced_ms")?,
                has_tags: has_tags("announcement_tags")?,
            },
        },
        attestation,
    })
}
