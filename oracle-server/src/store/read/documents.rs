//! Documents that are published by their hash or by the event they belong to: policies
//! and evidence manifests.

use super::ReadStore;
use crate::store::StoreError;
use crate::store::db::args;

impl ReadStore {
    /// Canonical policy document of an event.
    pub async fn policy(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.db
            .fetch_optional(
                "SELECT p.document FROM event e \
                 JOIN policy p ON p.policy_hash = e.policy_hash WHERE e.event_id = $1",
                args![id],
            )
            .await?
            .map(|r| r.get("document"))
            .transpose()
    }

    /// A published policy document by the SHA-256 of its bytes.
    pub async fn policy_document(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        self.document("SELECT document FROM policy WHERE policy_hash = $1", hash)
            .await
    }

    /// The canonical manifest of an event's decision, and its SHA-256.
    pub async fn manifest(&self, id: &str) -> Result<Option<([u8; 32], Vec<u8>)>, StoreError> {
        // A decision that was not carried out yet, or by people in the end.
        let row = self
            .db
            .fetch_optional(
                "SELECT m.manifest_sha256, m.document FROM event e \
                 LEFT JOIN intent i ON i.event_id = e.event_id AND i.kind = 'attest' \
                 LEFT JOIN round r ON r.round_key = e.round_key AND r.maturity = e.maturity \
                 JOIN manifest m \
                 ON m.manifest_sha256 = COALESCE(i.manifest_sha256, r.manifest_sha256) \
                 WHERE e.event_id = $1",
                args![id],
            )
            .await?;
        row.map(|r| Ok((r.hash("manifest_sha256")?, r.get("document")?)))
            .transpose()
    }

    /// An evidence manifest by the SHA-256 of its bytes.
    pub async fn manifest_document(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        self.document(
            "SELECT document FROM manifest WHERE manifest_sha256 = $1",
            hash,
        )
        .await
    }

    async fn document(
        &self,
        sql: &'static str,
        hash: &[u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.db.fetch_optional(sql, args![*hash]).await?;
        row.map(|row| row.get("document")).transpose()
    }
}
