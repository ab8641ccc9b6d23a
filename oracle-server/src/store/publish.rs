//! What follows from an intent row: attestations and refund notices in the
//! log, and in front of readers.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use oracle_schema::log_entry::{LogEntry, NoticeKind};
use oracle_schema::policy::VOID;
use oracle_schema::{Attestation, EventId, Maturity, Outcome};

use super::db::{Tx, args};
use super::ledger::{NewEntry, execute_in};
use super::schedule::PublishError;
use super::{CommittedOutcome, Store, StoreError, event_id};
use crate::lifecycle::State;

/// An attestation ready for the log.
#[derive(Debug)]
pub struct SignedOutcome {
    /// The message.
    pub attestation: Attestation,
    /// Exact bytes, spec layout.
    pub tlv: Vec<u8>,
    /// The outcome signed.
    pub outcome: Outcome,
    /// The event.
    pub event_id: EventId,
}

impl SignedOutcome {
    /// The signature over a ticket's outcome.
    pub fn new(ticket: CommittedOutcome, attestation: Attestation, tlv: Vec<u8>) -> Self {
        Self {
            attestation,
            tlv,
            outcome: ticket.outcome,
            event_id: ticket.event_id,
        }
    }
}

/// A refund that has its intent and lacks its notice.
#[derive(Debug, Clone)]
pub struct OpenRefund {
    /// The event.
    pub event_id: EventId,
    /// What its nonces are bound to.
    pub content_hash: [u8; 32],
    /// Takeover epoch of the intent.
    pub epoch: i64,
    /// When the outcome was to be fixed.
    pub maturity: Maturity,
    /// Why.
    pub reason: String,
}

impl Store {
    /// Puts attestations into the log and in front of readers.
    pub async fn publish_attestations(
        &self,
        signed: &[SignedOutcome],
        now: DateTime<Utc>,
    ) -> Result<(), PublishError> {
        if signed.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        let reserved = self
            .reserve(&mut tx, signed.len(), now.timestamp_millis())
            .await?;
        let ids: Vec<&str> = signed.iter().map(|s| s.event_id.as_str()).collect();
        let bound = bound_by_intent(&mut tx, &ids).await?;
        let mut entries = Vec::with_capacity(signed.len());
        let (mut attested, mut voided) = (Vec::new(), Vec::new());
        for s in signed {
            let id = s.event_id.as_str();
            let (announcement, manifest) = bound.get(id).ok_or_else(|| PublishError::Entry {
                event: id.to_owned(),
                reason: "it has no announcement or no intent".to_owned(),
            })?;
            let bytes = LogEntry::Attestation {
                announcement_position: u64::try_from(*announcement).unwrap_or_default(),
                manifest_sha256: *manifest,
                attestation: s.attestation.clone(),
            }
            .to_bytes()
            .map_err(|error| PublishError::Entry {
                event: id.to_owned(),
                reason: error.to_string(),
            })?;
            entries.push(NewEntry {
                entry_type: 2,
                event_id: id,
                bytes,
            });
            match &s.outcome {
                Outcome::Enum(text) if text == VOID => voided.push(id),
                _ => attested.push(id),
            }
        }
        let rows = (reserved.first..)
            .zip(signed)
            .map(|(position, s)| {
                args![
                    s.event_id.as_str(),
                    position,
                    reserved.time_ms,
                    s.outcome.to_string(),
                    s.tlv.as_slice()
                ]
            })
            .collect();
        tx.insert_rows(
            "INSERT INTO attestation (event_id, position, attested_ms, outcome, tlv)",
            rows,
            "",
        )
        .await?;
        let changed = set_state(&mut tx, State::Attested, &attested).await?
            + set_state(&mut tx, State::Voided, &voided).await?;
        let expected = signed.len() as u64;
        if changed != expected {
            return Err(PublishError::State {
                expected,
                found: changed,
            });
        }
        let size = self.append(&mut tx, &reserved, entries).await?;
        tx.commit().await?;
        self.publish(size);
        Ok(())
    }

    /// Refunds whose notice is not in the log yet.
    pub async fn open_refunds(
        &self,
        after: &str,
        limit: i64,
    ) -> Result<Vec<OpenRefund>, StoreError> {
        let rows = self
            .db
            .fetch(
                "SELECT e.event_id, i.content_hash, i.epoch, e.maturity, e.reason \
                 FROM event e JOIN intent i ON i.event_id = e.event_id \
                 WHERE e.state = 'committed' AND i.kind = 'refund' AND e.event_id > $1 \
                 ORDER BY e.event_id LIMIT $2",
                args![after, limit],
            )
            .await?;
        rows.iter()
            .map(|r| {
                let id: String = r.get(0)?;
                let maturity: i64 = r.get(3)?;
                let reason: Option<String> = r.get(4)?;
                Ok(OpenRefund {
                    event_id: event_id(&id)?,
                    content_hash: r.hash(1)?,
                    epoch: r.get(2)?,
                    maturity: Maturity::from_unix(maturity)
                        .map_err(|e| StoreError::Damaged(e.to_string()))?,
                    reason: reason.unwrap_or_else(|| "no outcome could be determined".to_owned()),
                })
            })
            .collect()
    }

    /// Puts refund notices into the log; the events are then final.
    pub async fn publish_refunds(
        &self,
        refunds: &[OpenRefund],
        now: DateTime<Utc>,
    ) -> Result<(), PublishError> {
        if refunds.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        let reserved = self
            .reserve(&mut tx, refunds.len(), now.timestamp_millis())
            .await?;
        let ids: Vec<&str> = refunds.iter().map(|r| r.event_id.as_str()).collect();
        let changed = set_state(&mut tx, State::Refund, &ids).await?;
        let expected = refunds.len() as u64;
        if changed != expected {
            return Err(PublishError::State {
                expected,
                found: changed,
            });
        }
        let mut entries = Vec::with_capacity(refunds.len());
        for r in refunds {
            let bytes = LogEntry::Notice {
                kind: NoticeKind::Refund,
                event_id: r.event_id.clone(),
                time_ms: u64::try_from(reserved.time_ms).unwrap_or_default(),
                reason: r.reason.clone(),
            }
            .to_bytes()
            .map_err(|error| PublishError::Entry {
                event: r.event_id.to_string(),
                reason: error.to_string(),
            })?;
            entries.push(NewEntry {
                entry_type: 3,
                event_id: r.event_id.as_str(),
                bytes,
            });
        }
        let size = self.append(&mut tx, &reserved, entries).await?;
        tx.commit().await?;
        self.publish(size);
        Ok(())
    }
}

/// Announcement position and evidence manifest per event.
async fn bound_by_intent(
    tx: &mut Tx,
    ids: &[&str],
) -> Result<HashMap<String, (i64, [u8; 32])>, StoreError> {
    let mut bound = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(1000) {
        let list: Vec<String> = (1..=chunk.len()).map(|n| format!("${n}")).collect();
        let sql = format!(
            "SELECT i.event_id, a.position, i.manifest_sha256 FROM intent i \
             JOIN announcement a ON a.event_id = i.event_id \
             WHERE i.kind = 'attest' AND i.event_id IN ({})",
            list.join(",")
        );
        let rows = tx
            .fetch(
                sqlx::AssertSqlSafe(sql),
                chunk.iter().map(|id| (*id).into()).collect(),
            )
            .await?;
        for row in &rows {
            bound.insert(row.get(0)?, (row.get(1)?, row.hash(2)?));
        }
    }
    Ok(bound)
}

async fn set_state(tx: &mut Tx, state: State, ids: &[&str]) -> Result<u64, StoreError> {
    let mut changed = 0;
    for chunk in ids.chunks(1000) {
        changed += execute_in(
            tx,
            "UPDATE event SET state = $1 WHERE state = 'committed' AND event_id IN ",
            chunk,
            "",
            args![state.as_str()],
        )
        .await?;
    }
    Ok(changed)
}
