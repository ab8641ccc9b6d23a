//! Where journals and their database sit, and what operators took upon them.

use chrono::{DateTime, Utc};

use super::db::{Db, Tx, args, millis};
use super::{ADVISORY_LOCK, Store, StoreError};

impl Store {
    /// Where a journal and this database were at its last start; none before its
    /// first.
    pub async fn home(&self, journal_id: &[u8; 16]) -> Result<Option<String>, StoreError> {
        let row = self
            .db
            .fetch_optional(
                "SELECT home FROM journal WHERE journal_id = $1",
                args![*journal_id],
            )
            .await?;
        Ok(row.map(|row| row.get("home")).transpose()?.flatten())
    }

    /// Writes down where they are. `accepted` has the place before, if an operator
    /// accepted another one, and when: that stays in the database.
    pub async fn set_home(
        &self,
        journal_id: &[u8; 16],
        home: &str,
        accepted: Option<(&str, DateTime<Utc>)>,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        if let Some((recorded, now)) = accepted {
            accept(&mut tx, "copy", recorded, home, now).await?;
        }
        tx.execute(
            "UPDATE journal SET home = $1 WHERE journal_id = $2",
            args![home, *journal_id],
        )
        .await?;
        tx.commit().await
    }

    /// Whether a further journal may be made now: a process that leads is the proof
    /// that the database is the one in use.
    pub async fn check_joinable(&self) -> Result<(), StoreError> {
        let Db::Postgres(_) = &self.db else {
            return Err(StoreError::JoinSqlite);
        };
        // How Postgres shows an advisory lock with a key of 64 bits.
        let (high, low) = (ADVISORY_LOCK >> 32, ADVISORY_LOCK & 0xffff_ffff);
        let row = self
            .db
            .fetch_optional(
                "SELECT COUNT(*) AS leaders FROM pg_locks WHERE locktype = 'advisory' AND granted \
                 AND classid::bigint = $1 AND objid::bigint = $2 AND objsubid = 1 AND database = \
                 (SELECT oid FROM pg_database WHERE datname = current_database())",
                args![high, low],
            )
            .await?;
        let leaders: i64 = row.map_or(Ok(0), |row| row.get("leaders"))?;
        if leaders == 0 {
            return Err(StoreError::NobodyLeads);
        }
        Ok(())
    }
}

/// Keeps what an operator accepted.
pub(super) async fn accept(
    tx: &mut Tx,
    what: &str,
    recorded: &str,
    found: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO accepted (accepted_ms, what, recorded, found) VALUES ($1, $2, $3, $4)",
        args![millis(now), what, recorded, found],
    )
    .await?;
    Ok(())
}
