//! Events that operators make: what asked for them is kept, and they are scheduled, many
//! at once.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use oracle_schema::log_entry::LogEntry;
use oracle_schema::operator::OperatorAction;

use super::lead::NewEntry;
use super::operator::{INSERT_ACTIONS, action_row};
use super::schedule::schedule_in;
use super::{NewAction, NewEvent, Store, StoreError};

/// A request that makes an event, and the event.
#[derive(Debug)]
pub struct Creation<'a> {
    /// The request.
    pub action: NewAction<'a>,
    /// The event.
    pub event: NewEvent,
    /// Its policy document.
    pub document: &'a [u8],
}

/// What kept a batch of creations from being kept. Nothing of it has changed then.
#[derive(Debug, thiserror::Error)]
pub enum CreationError {
    /// There is an event of one of these names.
    #[error("a name of the batch was used before")]
    Used,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Keeps requests, puts them into the log and schedules their events: all, or nothing.
    pub async fn keep_creations(
        &self,
        creations: &[Creation<'_>],
        now: DateTime<Utc>,
    ) -> Result<(), CreationError> {
        let mut entries = Vec::with_capacity(creations.len());
        for creation in creations {
            entries.push(entry(creation, now)?);
        }
        let (mut tx, reserved) = self.appending_tx(creations.len(), now).await?;
        let rows = (reserved.first..)
            .zip(creations)
            .map(|(position, creation)| action_row(position, &creation.action, now))
            .collect();
        tx.insert_rows(INSERT_ACTIONS, rows, "").await?;
        let events: Vec<NewEvent> = creations.iter().map(|c| c.event.clone()).collect();
        let mut written = HashSet::new();
        let policies: Vec<_> = creations
            .iter()
            .filter(|c| written.insert(c.event.policy_hash))
            .map(|c| (c.event.policy_hash, c.document.to_vec()))
            .collect();
        let new = schedule_in(&mut tx, &events, &[], &policies).await?;
        let due = u64::try_from(creations.len()).unwrap_or(u64::MAX);
        if new != due {
            return Err(CreationError::Used);
        }
        tx.append(&reserved, entries).await?;
        Ok(tx.commit().await?)
    }
}

fn entry<'a>(creation: &Creation<'a>, now: DateTime<Utc>) -> Result<NewEntry<'a>, StoreError> {
    let id = creation.action.event_id;
    let action = OperatorAction::new(
        creation.action.verb,
        id.clone(),
        now.timestamp_millis().unsigned_abs(),
        creation.action.request,
    );
    let bytes = LogEntry::OperatorAction(action)
        .to_bytes()
        .map_err(|e| StoreError::Damaged(format!("operator's action on {id}: {e}")))?;
    Ok(NewEntry {
        entry_type: 4,
        event_id: id.as_str(),
        bytes,
    })
}
