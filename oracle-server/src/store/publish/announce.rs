//! Announcements: from signed to published.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use oracle_schema::Announcement;
use oracle_schema::log_entry::LogEntry;
use oracle_schema::nonce_proof::NonceProof;

use super::encoded;
use super::proof::proof_entry;
use crate::lifecycle::{self, Input, Standing, State};
use crate::store::db::{Fetch as _, args, millis};
use crate::store::lead::{LeaderTx, NewEntry};
use crate::store::steps::{Reason, step_of};
use crate::store::{ChangeError, Store, event_id};

/// Entries that an announcement takes in the log: its own, and behind it the proof of
/// its nonces.
const PER_ANNOUNCEMENT: usize = 2;

/// A signed announcement, ready for the log.
#[derive(Debug)]
pub struct SignedEvent {
    /// Where the event stands.
    pub standing: Standing,
    /// The message.
    pub announcement: Announcement,
    /// Its exact bytes.
    pub tlv: Vec<u8>,
    /// Derivation index and parity per nonce.
    pub nonce_map: Vec<u8>,
    /// What the nonces are bound to.
    pub content_hash: [u8; 32],
    /// Its policy.
    pub policy_hash: [u8; 32],
    /// That whoever announced knows the nonces.
    pub nonce_proof: NonceProof,
}

impl Store {
    /// Puts announcements, each with the proof of its nonces behind it, into the log
    /// and in front of readers: nonces burned, bytes stored, positions taken, head
    /// moved, all or nothing.
    pub async fn publish_announcements(
        &self,
        events: &[SignedEvent],
        now: DateTime<Utc>,
    ) -> Result<(), ChangeError> {
        if events.is_empty() {
            return Ok(());
        }
        let count = events.len().saturating_mul(PER_ANNOUNCEMENT);
        let (mut tx, reserved) = self.appending_tx(count, now).await?;
        let positions = || (reserved.first..).step_by(PER_ANNOUNCEMENT);
        let mut entries = Vec::with_capacity(count);
        let mut steps = Vec::with_capacity(events.len());
        for (position, e) in positions().zip(events) {
            entries.extend(announced_entries(position, e)?);
            let id = &e.announcement.event.event_id;
            steps.push(step_of(id, &e.standing, Input::Announce, now)?);
        }
        tx.take_steps(&steps, Reason::Keep).await?;
        let nonces = events
            .iter()
            .flat_map(|e| {
                let id = e.announcement.event.event_id.as_str();
                e.announcement
                    .event
                    .nonces
                    .iter()
                    .map(move |n| args![n.to_byte_array(), id])
            })
            .collect();
        tx.insert_rows("INSERT INTO nonce (nonce, event_id)", nonces, "")
            .await?;
        let rows = positions()
            .zip(events)
            .map(|(position, e)| {
                args![
                    e.announcement.event.event_id.as_str(),
                    position,
                    millis(reserved.time),
                    e.content_hash,
                    e.nonce_map.as_slice(),
                    e.tlv.as_slice()
                ]
            })
            .collect();
        tx.insert_rows(
            "INSERT INTO announcement \
             (event_id, position, announced_ms, content_hash, nonce_map, tlv)",
            rows,
            "",
        )
        .await?;
        meet_intents(&mut tx, events).await?;
        tx.append(&reserved, entries).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// The entries of one announcement, the first of them at `position`.
fn announced_entries(
    position: i64,
    event: &SignedEvent,
) -> Result<[NewEntry<'_>; PER_ANNOUNCEMENT], ChangeError> {
    let id = &event.announcement.event.event_id;
    let announcement = LogEntry::Announcement {
        policy_hash: event.policy_hash,
        announcement: event.announcement.clone(),
    };
    let announcement = NewEntry {
        entry_type: 1,
        event_id: id.as_str(),
        bytes: encoded(id, &announcement)?,
    };
    Ok([announcement, proof_entry(id, position, &event.nonce_proof)?])
}

/// Ends that the journal gave back to an older database meet their events
/// again: the same content takes its end over, other content is refused.
async fn meet_intents(tx: &mut LeaderTx<'_>, events: &[SignedEvent]) -> Result<(), ChangeError> {
    let by_id: HashMap<&str, &SignedEvent> = events
        .iter()
        .map(|e| (e.announcement.event.event_id.as_str(), e))
        .collect();
    let ids: Vec<&str> = by_id.keys().copied().collect();
    let sql = "SELECT event_id, content_hash FROM intent WHERE event_id IN";
    let mut steps = Vec::new();
    for row in tx.fetch_in(sql, &ids).await? {
        let id: String = row.get("event_id")?;
        let content = row.hash("content_hash")?;
        let event = by_id.get(id.as_str()).filter(|e| e.content_hash == content);
        let Some(event) = event else {
            let event = event_id(&id)?;
            return Err(ChangeError::Burned { event });
        };
        let announced = Standing {
            state: State::Announced,
            ..event.standing
        };
        let event = &event.announcement.event.event_id;
        let step = lifecycle::recommit(&announced).map_err(|source| ChangeError::Illegal {
            event: event.clone(),
            source,
        })?;
        steps.push((event.as_str(), step));
    }
    tx.take_steps(&steps, Reason::Keep).await
}
