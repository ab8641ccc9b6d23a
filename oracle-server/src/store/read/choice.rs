//! Which questions are open whose answers somebody may choose.

use std::fmt::Write as _;

use sqlx::AssertSqlSafe;

use super::ReadStore;
use crate::store::StoreError;
use crate::store::db::{Arg, args};
use crate::store::states::UNFINISHED;

/// As the index `event_choice` has it, so that nothing else is read.
const CHOSEN: &str = "(kind IN ('digits', 'threshold') OR sole_outcomes > 0)";

/// Announced events under one policy that are not attested yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenPolicy {
    /// Their policy.
    pub policy_hash: [u8; 32],
    /// How many.
    pub events: u64,
    /// At how many different maturities.
    pub maturities: u64,
}

impl ReadStore {
    /// Announced events without an end that rest on prices, or on one party's
    /// word.
    pub async fn open_questions(&self) -> Result<Vec<OpenPolicy>, StoreError> {
        let sql = format!(
            "SELECT policy_hash, COUNT(*) AS events, COUNT(DISTINCT maturity) AS maturities \
             FROM event WHERE state IN {UNFINISHED} AND {CHOSEN} \
             GROUP BY policy_hash"
        );
        let rows = self.db.fetch(AssertSqlSafe(sql), args![]).await?;
        rows.iter()
            .map(|r| {
                Ok(OpenPolicy {
                    policy_hash: r.hash("policy_hash")?,
                    events: r.get::<i64>("events")?.unsigned_abs(),
                    maturities: r.get::<i64>("maturities")?.unsigned_abs(),
                })
            })
            .collect()
    }

    /// At how many maturities which of these policies have open events together:
    /// bit i stands for the i-th. For policies of one price, 62 at most.
    pub async fn open_together(
        &self,
        policies: &[[u8; 32]],
    ) -> Result<Vec<(u64, u64)>, StoreError> {
        let mut cases = String::new();
        let mut places = Vec::new();
        for (bit, _) in policies.iter().enumerate() {
            let place = bit + 1;
            // Writing to a String cannot fail.
            let _ = write!(cases, " WHEN ${place} THEN {}", 1_u64 << bit.min(62));
            places.push(format!("${place}"));
        }
        let sql = format!(
            "SELECT together, COUNT(*) AS maturities FROM (SELECT \
             CAST(SUM(DISTINCT CASE policy_hash{cases} END) AS BIGINT) AS together \
             FROM event WHERE policy_hash IN ({}) AND state IN {UNFINISHED} AND {CHOSEN} GROUP BY maturity) AS open \
             GROUP BY together",
            places.join(", ")
        );
        let arguments: Vec<Arg> = policies.iter().map(Arg::from).collect();
        let rows = self.db.fetch(AssertSqlSafe(sql), arguments).await?;
        rows.iter()
            .map(|r| {
                let [together, count] = [r.get::<i64>("together")?, r.get::<i64>("maturities")?];
                Ok((together.unsigned_abs(), count.unsigned_abs()))
            })
            .collect()
    }
}
