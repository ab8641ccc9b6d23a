//! Samples: what sources without history answered before T.
//!
//! A round's row says from when on there is something to sample. Each sample is
//! an attempt of its own under the leg's key, beside those that are made after T.

use chrono::{DateTime, TimeDelta, Utc};
use oracle_schema::Maturity;
use oracle_schema::evidence::Observation;
use oracle_schema::policy::{PricePolicy, SourcePolicy};

use super::bodies::Seen;
use super::db::{args, millis};
use super::round::{DueRound, ObservedExchange, due_round, next_attempt};
use super::{Store, StoreError};
use crate::keys::{LegKey, Observed};

/// Samples of one source that are kept. The last usable one counts, and stays
/// however many failed after it.
const KEPT: i64 = 100;

/// When the first sample of a price is due; none where all its sources have a history.
pub fn sample_from(price: Option<&PricePolicy>, maturity: Maturity) -> Option<DateTime<Utc>> {
    let legs = price?.legs.iter();
    let sampled = legs.filter(|leg| leg.sources.iter().any(SourcePolicy::is_sampled));
    let from_s = sampled
        .filter_map(|leg| Some(leg.sample?.from_s.get()))
        .max()?;
    Some(maturity.to_datetime() - TimeDelta::seconds(from_s.into()))
}

impl Store {
    /// Rounds with sources to sample now, nearest maturity first; and those
    /// for which that is over.
    pub async fn rounds_to_sample(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<(Vec<DueRound>, Vec<DueRound>), StoreError> {
        let rows = self
            .db
            .fetch(
                "SELECT round_key, maturity, question, attempts, decision, manifest_sha256 \
                 FROM round WHERE sample_ms <= $1 ORDER BY maturity, round_key LIMIT $2",
                args![millis(now), limit],
            )
            .await?;
        let rounds: Vec<DueRound> = rows.iter().map(due_round).collect::<Result<_, _>>()?;
        let is_open = |r: &DueRound| r.id.maturity.to_datetime() >= now && r.decided.is_none();
        Ok(rounds.into_iter().partition(is_open))
    }

    /// Ends the sampling for rounds.
    pub async fn end_sampling(&self, rounds: &[DueRound]) -> Result<(), StoreError> {
        let mut tx = self.leader_tx().await?;
        for round in rounds {
            tx.execute(
                "UPDATE round SET sample_ms = NULL WHERE round_key = $1 AND maturity = $2",
                args![round.id.round_key.as_str(), round.id.maturity],
            )
            .await?;
        }
        tx.commit().await
    }

    /// Keeps what a source without history answered.
    pub async fn save_sample(
        &self,
        leg_key: &LegKey,
        maturity: Maturity,
        source: &str,
        exchanges: &[ObservedExchange],
    ) -> Result<(), StoreError> {
        let mut tx = self.leader_tx().await?;
        let leg = Observed::Leg(leg_key, maturity);
        let number = next_attempt(&mut tx, leg).await?;
        let seen = Seen {
            of: leg,
            attempt: number,
            reads: 1,
        };
        self.keep(&mut tx, seen, exchanges).await?;
        tx.execute(
            "DELETE FROM observation WHERE leg_key = $1 AND maturity = $2 AND source = $3 \
             AND attempt < (SELECT MIN(attempt) FROM (SELECT DISTINCT attempt FROM observation \
             WHERE leg_key = $1 AND maturity = $2 AND source = $3 \
             ORDER BY attempt DESC LIMIT $4) AS latest) \
             AND attempt <> (SELECT COALESCE(MAX(attempt), 0) FROM observation \
             WHERE leg_key = $1 AND maturity = $2 AND source = $3 AND verdict = 'observation')",
            args![leg_key.as_str(), maturity, source, KEPT],
        )
        .await?;
        tx.commit().await
    }

    /// The samples of a leg's sources, as a manifest lists them, so that whoever
    /// replays it decides from the same.
    pub async fn sample_rows(
        &self,
        leg_key: &LegKey,
        maturity: Maturity,
        sources: &[&str],
    ) -> Result<Vec<Observation>, StoreError> {
        let mut rows = self
            .reader()
            .observations(Observed::Leg(leg_key, maturity), DateTime::UNIX_EPOCH)
            .await?;
        rows.retain(|row| sources.contains(&row.source.as_str()));
        Ok(rows)
    }
}
