//! What follows from an intent row: attestations and refund notices.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use oracle_schema::log_entry::{LogEntry, NoticeKind};
use oracle_schema::{Attestation, EventId, Outcome};

use super::encoded;
use crate::lifecycle::{Input, Standing};
use crate::store::commit::messages;
use crate::store::db::{Fetch as _, Row, Tx, args, millis};
use crate::store::lead::NewEntry;
use crate::store::steps::{Reason, step_of};
use crate::store::{ChangeError, CommittedOutcome, Store, StoreError, event_id, standing};

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
    /// Where it stands.
    pub standing: Standing,
}

impl SignedOutcome {
    /// The signature over a ticket's outcome.
    pub fn new(ticket: CommittedOutcome, attestation: Attestation, tlv: Vec<u8>) -> Self {
        Self {
            attestation,
            tlv,
            outcome: ticket.outcome,
            event_id: ticket.event_id,
            standing: ticket.standing,
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
    /// Where the event stands.
    pub standing: Standing,
    /// Why.
    pub reason: String,
}

impl Store {
    /// Puts attestations into the log and in front of readers.
    pub async fn publish_attestations(
        &self,
        signed: &[SignedOutcome],
        now: DateTime<Utc>,
    ) -> Result<(), ChangeError> {
        if signed.is_empty() {
            return Ok(());
        }
        let (mut tx, reserved) = self.appending_tx(signed.len(), now).await?;
        let ids: Vec<&str> = signed.iter().map(|s| s.event_id.as_str()).collect();
        let bound = bound_by_intent(&mut tx, &ids).await?;
        let mut entries = Vec::with_capacity(signed.len());
        let mut steps = Vec::with_capacity(signed.len());
        for s in signed {
            let id = &s.event_id;
            let intent = bound.get(id.as_str()).ok_or_else(|| ChangeError::Entry {
                event: id.clone(),
                reason: "it has no announcement or no intent".to_owned(),
            })?;
            // The ticket came from this row. After an older database was put in place under
            // a running process the row may be another process's, of the same epoch.
            if intent.messages != s.outcome.messages() {
                return Err(ChangeError::Conflict {
                    event: id.clone(),
                    existing: intent.messages.join(","),
                });
            }
            let entry = LogEntry::Attestation {
                announcement_position: intent.announcement_position,
                manifest_sha256: intent.manifest_sha256,
                attestation: s.attestation.clone(),
            };
            entries.push(NewEntry {
                entry_type: 2,
                event_id: id.as_str(),
                bytes: encoded(id, &entry)?,
            });
            steps.push(step_of(id, &s.standing, Input::Attest(&s.outcome), now)?);
        }
        let rows = (reserved.first..)
            .zip(signed)
            .map(|(position, s)| {
                args![
                    s.event_id.as_str(),
                    position,
                    millis(reserved.time),
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
        tx.take_steps(&steps, Reason::Keep).await?;
        tx.append(&reserved, entries).await?;
        tx.commit().await?;
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
                "SELECT e.event_id, i.content_hash, i.epoch, e.state, e.vetoed, e.maturity, \
                 e.attest_by, e.reason FROM event e JOIN intent i ON i.event_id = e.event_id \
                 WHERE e.state = 'committed' AND i.kind = 'refund' AND e.event_id > $1 \
                 ORDER BY e.event_id LIMIT $2",
                args![after, limit],
            )
            .await?;
        rows.iter()
            .map(|r| r.read_as("event", "event_id", open_refund))
            .collect()
    }

    /// Puts refund notices into the log; the events are then final.
    pub async fn publish_refunds(
        &self,
        refunds: &[OpenRefund],
        now: DateTime<Utc>,
    ) -> Result<(), ChangeError> {
        if refunds.is_empty() {
            return Ok(());
        }
        let (mut tx, reserved) = self.appending_tx(refunds.len(), now).await?;
        let ids: Vec<&str> = refunds.iter().map(|r| r.event_id.as_str()).collect();
        let sql = "SELECT event_id FROM intent WHERE kind = 'refund' AND event_id IN";
        let rows = tx.fetch_in(sql, &ids).await?;
        let committed = rows.iter().map(|r| r.get("event_id"));
        let committed: HashSet<String> = committed.collect::<Result<_, _>>()?;
        let mut steps = Vec::with_capacity(refunds.len());
        for r in refunds {
            if !committed.contains(r.event_id.as_str()) {
                return Err(ChangeError::Entry {
                    event: r.event_id.clone(),
                    reason: "its intent is no refund".to_owned(),
                });
            }
            steps.push(step_of(&r.event_id, &r.standing, Input::Refund, now)?);
        }
        tx.take_steps(&steps, Reason::Keep).await?;
        let mut entries = Vec::with_capacity(refunds.len());
        for r in refunds {
            let notice = LogEntry::Notice {
                kind: NoticeKind::Refund,
                event_id: r.event_id.clone(),
                time_ms: reserved.time.timestamp_millis().unsigned_abs(),
                reason: r.reason.clone(),
            };
            entries.push(NewEntry {
                entry_type: 3,
                event_id: r.event_id.as_str(),
                bytes: encoded(&r.event_id, &notice)?,
            });
        }
        tx.append(&reserved, entries).await?;
        tx.commit().await?;
        Ok(())
    }
}

fn open_refund(r: &Row) -> Result<OpenRefund, StoreError> {
    let reason: Option<String> = r.get("reason")?;
    Ok(OpenRefund {
        event_id: event_id(&r.get::<String>("event_id")?)?,
        content_hash: r.hash("content_hash")?,
        epoch: r.get("epoch")?,
        standing: standing(r)?,
        reason: reason.unwrap_or_else(|| "no outcome could be determined".to_owned()),
    })
}

/// What an event was committed to, and where it was announced.
struct Bound {
    announcement_position: u64,
    manifest_sha256: [u8; 32],
    messages: Vec<String>,
}

/// Per event that is to be attested.
async fn bound_by_intent(tx: &mut Tx, ids: &[&str]) -> Result<HashMap<String, Bound>, StoreError> {
    let sql = "SELECT i.event_id, a.position, i.manifest_sha256, i.messages FROM intent i \
               JOIN announcement a ON a.event_id = i.event_id \
               WHERE i.kind = 'attest' AND i.event_id IN";
    let rows = tx.fetch_in(sql, ids).await?;
    let mut bound = HashMap::with_capacity(rows.len());
    for row in &rows {
        let id: String = row.get("event_id")?;
        let position: i64 = row.get("position")?;
        let announcement_position = u64::try_from(position).map_err(|_| {
            StoreError::Damaged(format!("announcement of {id}: position {position}"))
        })?;
        let committed = Bound {
            announcement_position,
            manifest_sha256: row.hash("manifest_sha256")?,
            messages: messages(&row.get::<String>("messages")?)?,
        };
        bound.insert(id, committed);
    }
    Ok(bound)
}
