//! What readers see: published rows only, never a lock.
//!
//! One file for each thing that is read; all of them are methods of [`ReadStore`].

mod choice;
mod documents;
mod events;
mod evidence;
mod explorer;
mod hours;
mod listing;
mod messages;
mod nostr;
mod stream;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use oracle_schema::tlog::checkpoint::{Algorithm, NoteKey};
use tokio::sync::{broadcast, watch};

use super::StoreError;
use super::db::{Db, args};

pub use choice::OpenPolicy;
#[cfg(test)]
pub(super) use events::listed;
pub use events::{EventFilter, EventState, EventView, Overdue};
pub use evidence::EvidenceView;
pub(crate) use evidence::{OBSERVATIONS, STANCE};
pub use explorer::{HeadRow, LogRow, Milestones, SeriesLine};
pub use hours::HourOfLog;
pub use listing::{PublishedEvent, PublishedFilter};
pub use messages::{AnnouncementRow, AttestationLookup, AttestationRow};
pub use nostr::{NostrMessage, NostrMessages};
pub use stream::{StateChange, StreamItem, StreamKind};

/// Identity of the oracle in this database.
#[derive(Debug, Clone)]
pub struct OracleRow {
    /// x-only.
    pub public_key: [u8; 32],
    /// Ed25519.
    pub log_public_key: [u8; 32],
    /// Checkpoint origin.
    pub log_origin: String,
    /// `peercoin`, `peercoin-testnet`, `peercoin-regtest`.
    pub network: String,
}

impl OracleRow {
    /// What people pin: the verifier key of the log.
    pub fn identity(&self) -> Result<NoteKey, StoreError> {
        NoteKey::new(&self.log_origin, Algorithm::Ed25519, &self.log_public_key)
            .map_err(|e| StoreError::Damaged(format!("the log's key: {e}")))
    }
}

/// Read access for HTTP; clones share one pool.
#[derive(Clone)]
pub struct ReadStore {
    pub(super) db: Db,
    pub(super) head: watch::Receiver<i64>,
    pub(super) cosigned: Arc<AtomicU64>,
    pub(super) observations_read: Arc<AtomicU64>,
    pub(super) changes: broadcast::WeakSender<StateChange>,
}

impl ReadStore {
    /// Published log size; changes when something is published.
    pub fn head(&self) -> watch::Receiver<i64> {
        self.head.clone()
    }

    /// Changes of state from now on that this process makes: a standby hears
    /// none, and who falls far behind misses some. `None`: the store is closed.
    pub fn changes(&self) -> Option<broadcast::Receiver<StateChange>> {
        self.changes.upgrade().map(|sender| sender.subscribe())
    }

    /// Whose oracle this is.
    pub async fn oracle(&self) -> Result<OracleRow, StoreError> {
        let row = self
            .db
            .fetch_optional(
                "SELECT public_key, log_public_key, log_origin, network FROM oracle WHERE id = 1",
                args![],
            )
            .await?
            .ok_or(StoreError::NotInitialised)?;
        Ok(OracleRow {
            public_key: row.hash("public_key")?,
            log_public_key: row.hash("log_public_key")?,
            log_origin: row.get("log_origin")?,
            network: row.get("network")?,
        })
    }
}
