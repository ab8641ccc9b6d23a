//! What an operator accepted of the clock.

use chrono::{DateTime, SecondsFormat, Utc};

use super::db::{args, millis};
use super::home::accept;
use super::{Store, StoreError};

impl Store {
    /// Keeps that an operator took it upon them that `now` is right, whatever the
    /// last committed work says; from now on that is no later than `now`.
    pub async fn accept_clock(
        &self,
        last_work: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let mut tx = self.leader_tx().await?;
        tx.execute(
            "UPDATE ledger SET high_water_ms = $1 WHERE id = 1 AND high_water_ms > $1",
            args![millis(now)],
        )
        .await?;
        accept(&mut tx, "clock", &text(last_work), &text(now), now).await?;
        tx.commit().await
    }
}
