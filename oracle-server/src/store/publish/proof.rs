//! Proofs of nonces that were announced before announcements had any.

use chrono::{DateTime, Utc};
use oracle_schema::log_entry::LogEntry;
use oracle_schema::nonce_proof::NonceProof;
use oracle_schema::{Descriptor, EventId, Maturity};

use super::encoded;
use crate::store::db::{Row, Tx, args, seconds};
use crate::store::lead::NewEntry;
use crate::store::states::{OPEN, UNDECIDED};
use crate::store::{ChangeError, ReadStore, Store, StoreError, descriptor, event_id};

/// Where a search through open events stands: the last one that was looked at.
#[derive(Debug, Clone)]
pub struct OpenCursor {
    attest_by: DateTime<Utc>,
    event_id: String,
}

impl OpenCursor {
    /// Before every event.
    pub const START: Self = Self {
        attest_by: DateTime::<Utc>::MIN_UTC,
        event_id: String::new(),
    };

    /// Right after an event.
    pub fn after(event: &UnprovenEvent) -> Self {
        Self {
            attest_by: event.attest_by,
            event_id: event.event_id.as_str().to_owned(),
        }
    }
}

/// An open event whose nonces the log does not prove.
#[derive(Debug, Clone)]
pub struct UnprovenEvent {
    /// Name.
    pub event_id: EventId,
    /// When the outcome is fixed.
    pub maturity: Maturity,
    /// When it becomes a refund.
    pub attest_by: DateTime<Utc>,
    /// What can come out.
    pub descriptor: Descriptor,
    /// Its policy.
    pub policy_hash: [u8; 32],
    /// The announcement's exact bytes.
    pub tlv: Vec<u8>,
}

impl UnprovenEvent {
    fn from_row(r: &Row) -> Result<Self, StoreError> {
        let id: String = r.get("event_id")?;
        let stored: String = r.get("descriptor")?;
        Ok(Self {
            event_id: event_id(&id)?,
            maturity: r.maturity()?,
            attest_by: r.seconds("attest_by")?,
            descriptor: descriptor::read(&stored)?,
            policy_hash: r.hash("policy_hash")?,
            tlv: r.get("tlv")?,
        })
    }
}

impl Store {
    /// Announced events without an end whose nonces the log does not prove: those
    /// after the cursor, in its order.
    pub async fn unproven(
        &self,
        after: &OpenCursor,
        limit: i64,
    ) -> Result<Vec<UnprovenEvent>, StoreError> {
        // SQLite uses the index `event_open` for its own list of states only.
        let sql = format!(
            "SELECT e.event_id, e.maturity, e.attest_by, e.descriptor, e.policy_hash, \
             a.tlv FROM event e JOIN announcement a ON a.event_id = e.event_id \
             WHERE e.attest_by >= $1 AND (e.attest_by > $1 OR e.event_id > $2) \
             AND e.state IN {OPEN} AND e.state <> 'scheduled' \
             AND NOT EXISTS (SELECT 1 FROM log_entry l WHERE l.entry_type = 6 \
             AND l.event_id = e.event_id) ORDER BY e.attest_by, e.event_id LIMIT $3"
        );
        self.db
            .fetch(
                sqlx::AssertSqlSafe(sql),
                args![seconds(after.attest_by), after.event_id.as_str(), limit],
            )
            .await?
            .iter()
            .map(|r| r.read_as("event", "event_id", UnprovenEvent::from_row))
            .collect()
    }

    /// Puts the proofs of announced nonces into the log, of those events that have no
    /// end yet; answers of how many.
    pub async fn publish_nonce_proofs(
        &self,
        proven: &[(EventId, NonceProof)],
        now: DateTime<Utc>,
    ) -> Result<usize, ChangeError> {
        let mut tx = self.leader_tx().await?;
        let mut entries = Vec::with_capacity(proven.len());
        for (id, proof) in proven {
            if let Some(position) = open_position(&mut tx, id.as_str()).await? {
                entries.push(proof_entry(id, position, proof)?);
            }
        }
        let count = entries.len();
        if count == 0 {
            return Ok(0);
        }
        let reserved = tx.reserve(count, now).await?;
        tx.append(&reserved, entries).await?;
        tx.commit().await?;
        Ok(count)
    }
}

impl ReadStore {
    /// Where the log proves the nonces of an event.
    pub async fn nonce_proof_position(&self, event_id: &str) -> Result<Option<i64>, StoreError> {
        let published = *self.head().borrow();
        let row = self
            .db
            .fetch_optional(
                "SELECT position FROM log_entry \
                 WHERE entry_type = 6 AND event_id = $1 AND position < $2",
                args![event_id, published],
            )
            .await?;
        row.map(|row| row.get("position")).transpose()
    }
}

/// Where an event without an end was announced.
async fn open_position(tx: &mut Tx, id: &str) -> Result<Option<i64>, StoreError> {
    let sql = format!(
        "SELECT a.position FROM announcement a JOIN event e ON e.event_id = a.event_id \
         WHERE a.event_id = $1 AND e.state IN {UNDECIDED}"
    );
    let row = tx
        .fetch_optional(sqlx::AssertSqlSafe(sql), args![id])
        .await?;
    row.map(|row| row.get("position")).transpose()
}

/// The entry that proves the nonces announced at `position`.
pub(super) fn proof_entry<'a>(
    id: &'a EventId,
    position: i64,
    proof: &NonceProof,
) -> Result<NewEntry<'a>, ChangeError> {
    let announcement_position = u64::try_from(position).map_err(|_| ChangeError::Entry {
        event: id.clone(),
        reason: format!("it was announced at position {position}"),
    })?;
    let entry = LogEntry::NonceProof {
        announcement_position,
        proof: proof.to_bytes(),
    };
    Ok(NewEntry {
        entry_type: 6,
        event_id: id.as_str(),
        bytes: encoded(id, &entry)?,
    })
}
