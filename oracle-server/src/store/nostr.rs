//! What fixes the Nostr event of a published message, beside the message itself: kinds and
//! tags, by the position in the log.

use super::db::{Row, args};
use super::lead::LeaderTx;
use super::{Store, StoreError};

/// The column of the era in which a position lies; null before there is any.
pub(super) fn era(column: &str, position: &str) -> String {
    format!(
        "(SELECT n.{column} FROM nostr_era n WHERE n.from_position <= {position} \
         ORDER BY n.from_position DESC LIMIT 1)"
    )
}

/// An event kind as a column has it.
pub(super) fn kind(row: &Row, column: &str) -> Result<u16, StoreError> {
    let kind: Option<i64> = row.get(column)?;
    kind.and_then(|kind| u16::try_from(kind).ok())
        .ok_or_else(|| StoreError::Damaged(format!("event kind {kind:?} as {column}")))
}

impl Store {
    /// From the published head on, messages have these event kinds, and tags. Where that is
    /// so already, nothing happens.
    ///
    /// An oracle that has published to relays before there were eras published without
    /// tags, and what it published stays so.
    pub async fn begin_nostr_era(
        &self,
        announcement_kind: u16,
        attestation_kind: u16,
    ) -> Result<(), StoreError> {
        let kinds = [i64::from(announcement_kind), i64::from(attestation_kind)];
        // Under the ledger's lock nobody publishes between the look at the head and the
        // new era's first position.
        let mut tx = self.leader_tx().await?;
        let latest = tx
            .fetch_optional(
                "SELECT announcement_kind, attestation_kind, tags FROM nostr_era \
                 ORDER BY from_position DESC LIMIT 1",
                args![],
            )
            .await?;
        let is_first = latest.is_none();
        if let Some(row) = latest {
            let known: [i64; 2] = [row.get("announcement_kind")?, row.get("attestation_kind")?];
            if known == kinds && row.get::<i64>("tags")? == 1 {
                return Ok(());
            }
        }
        let told = tx
            .fetch_optional("SELECT 1 FROM relay LIMIT 1", args![])
            .await?;
        let from: i64 = if is_first && told.is_none() {
            0
        } else {
            tx.fetch_optional("SELECT COALESCE(MAX(size), 0) AS size FROM head", args![])
                .await?
                .map_or(Ok(0), |row| row.get("size"))?
        };
        let sql = "INSERT INTO nostr_era (from_position, announcement_kind, attestation_kind, tags) \
                   VALUES ($1, $2, $3, $4) ON CONFLICT (from_position) DO UPDATE SET \
                   announcement_kind = excluded.announcement_kind, \
                   attestation_kind = excluded.attestation_kind, tags = excluded.tags";
        if is_first && from > 0 {
            let [announced, attested] = kinds_so_far(&mut tx, kinds).await?;
            tx.execute(sql, args![0_i64, announced, attested, 0_i64])
                .await?;
        }
        tx.execute(sql, args![from, kinds[0], kinds[1], 1_i64])
            .await?;
        tx.commit().await
    }
}

/// The kinds of what was queued for relays before there were eras, of announcements and
/// attestations; `kinds` where nothing of the sort was.
async fn kinds_so_far(tx: &mut LeaderTx<'_>, kinds: [i64; 2]) -> Result<[i64; 2], StoreError> {
    let mut so_far = kinds;
    // An attestation follows its announcement.
    let queued = [
        "SELECT kind FROM outbox WHERE follows IS NULL ORDER BY position LIMIT 1",
        "SELECT kind FROM outbox WHERE follows IS NOT NULL ORDER BY position LIMIT 1",
    ];
    for (kind, sql) in so_far.iter_mut().zip(queued) {
        if let Some(row) = tx.fetch_optional(sql, args![]).await? {
            *kind = row.get("kind")?;
        }
    }
    Ok(so_far)
}
