//! Questions to sources of facts: when each is asked, and what was answered.
//!
//! A subject is one question to one source. However many events need it, it is
//! asked once; each answer makes the rounds of those events due.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use oracle_schema::Maturity;
use oracle_schema::evidence::Observation;
use oracle_schema::policy::FactSource;
use sqlx::AssertSqlSafe;

use super::bodies::Seen;
use super::db::{Row, args, millis, seconds};
use super::round::ObservedExchange;
use super::states::{OPEN, UNDECIDED};
use super::{Store, StoreError};
use crate::keys::{Observed, RoundKey, SubjectKey};

/// Equal readings in a row that are kept from its beginning; of the rest only
/// the last. More than any policy's `stable_reads`.
const KEPT_OF_A_ROW: i64 = 16;

/// A question that is due.
#[derive(Debug, Clone)]
pub struct DueSubject {
    /// Its name.
    pub key: SubjectKey,
    /// Whom to ask for what.
    pub source: FactSource,
    /// Time between two reads.
    pub read_every: Duration,
    /// Failures in a row up to now.
    pub failures: u32,
}

impl Store {
    /// Providers that are due to be asked.
    pub async fn due_providers(&self, now: DateTime<Utc>) -> Result<Vec<String>, StoreError> {
        self.db
            .fetch(
                "SELECT DISTINCT provider FROM subject WHERE due_ms <= $1 ORDER BY provider",
                args![millis(now)],
            )
            .await?
            .iter()
            .map(|r| r.get("provider"))
            .collect()
    }

    /// Takes the questions to one provider that have been due for longest. They
    /// are put off until `until`, when they come back by themselves if this
    /// process dies; those that no open event needs are put off for good.
    pub async fn take_due_subjects(
        &self,
        provider: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<DueSubject>, StoreError> {
        let mut tx = self.leader_tx().await?;
        // What an event still needs, and from when on.
        let put_off = format!(
            "UPDATE subject SET leased = 0, due_ms = (\
             SELECT MIN(e.maturity) * 1000 FROM event_subject s \
             JOIN event e ON e.event_id = s.event_id WHERE s.subject_key = subject.subject_key \
             AND e.state IN {OPEN}) \
             WHERE subject_key IN (SELECT subject_key FROM subject WHERE provider = $1 \
             AND due_ms <= $2 ORDER BY due_ms, subject_key LIMIT $3) AND NOT EXISTS (\
             SELECT 1 FROM event_subject s JOIN event e ON e.event_id = s.event_id \
             WHERE s.subject_key = subject.subject_key AND e.maturity <= $4 \
             AND e.state IN {UNDECIDED})"
        );
        tx.execute(
            AssertSqlSafe(put_off),
            args![provider, millis(now), limit, seconds(now)],
        )
        .await?;
        let rows = tx
            .fetch(
                "UPDATE subject SET due_ms = $1, leased = 1 WHERE subject_key IN (\
                 SELECT subject_key FROM subject WHERE provider = $2 AND due_ms <= $3 \
                 ORDER BY due_ms, subject_key LIMIT $4) \
                 RETURNING subject_key, source, read_every_s, failures",
                args![millis(until), provider, millis(now), limit],
            )
            .await?;
        let due = rows.iter().map(due_subject).collect::<Result<_, _>>()?;
        tx.commit().await?;
        Ok(due)
    }

    /// Keeps what a source answered, and makes the rounds of the events that
    /// wait for it due.
    pub async fn save_reading(
        &self,
        key: &SubjectKey,
        exchanges: &[ObservedExchange],
        failures: u32,
        next: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.leader_tx().await?;
        let last = tx
            .fetch_optional(
                "SELECT attempt, reads, verdict, fact, sent_ms FROM observation \
                 WHERE leg_key = $1 AND maturity = 0 ORDER BY attempt DESC LIMIT 1",
                args![key.as_str()],
            )
            .await?;
        // A row begins anew with every event that matures: what was read before
        // does not count for it.
        let matured = tx
            .fetch_optional(
                "SELECT MAX(e.maturity) AS matured FROM event_subject s \
                 JOIN event e ON e.event_id = s.event_id \
                 WHERE s.subject_key = $1 AND e.maturity <= $2",
                args![key.as_str(), seconds(now)],
            )
            .await?
            .map_or(Ok(None), |r| r.opt_maturity("matured"))?;
        let matured = matured.map_or(DateTime::UNIX_EPOCH, Maturity::to_datetime);
        let (mut attempt, mut reads) = (1, 1);
        if let Some(last) = last {
            let (number, row): (i64, i64) = (last.get("attempt")?, last.get("reads")?);
            let (verdict, fact): (String, Option<String>) =
                (last.get("verdict")?, last.get("fact")?);
            attempt = number + 1;
            let equal = last.millis("sent_ms")? >= matured
                && exchanges
                    .last()
                    .is_some_and(|e| e.verdict == verdict && e.fact == fact);
            if equal {
                reads = row + 1;
                if row > KEPT_OF_A_ROW {
                    tx.execute(
                        "DELETE FROM observation \
                         WHERE leg_key = $1 AND maturity = 0 AND attempt = $2",
                        args![key.as_str(), number],
                    )
                    .await?;
                }
            }
        }
        let seen = Seen {
            of: Observed::Subject(key),
            attempt,
            reads,
        };
        self.keep(&mut tx, seen, exchanges).await?;
        tx.execute(
            "UPDATE subject SET due_ms = $1, leased = 0, failures = $2 WHERE subject_key = $3",
            args![millis(next), i64::from(failures), key.as_str()],
        )
        .await?;
        let of_event = RoundKey::sql_of_event("event_id");
        let wake = format!(
            "UPDATE round SET due_ms = $1 WHERE state = 'open' AND due_ms > $1 \
             AND round_key IN (SELECT {of_event} FROM event_subject WHERE subject_key = $2) \
             AND maturity <= $3"
        );
        let args = args![millis(now), key.as_str(), seconds(now)];
        tx.execute(AssertSqlSafe(wake), args).await?;
        tx.commit().await
    }

    /// What a source answered to a question since `since`, in whole attempts: the latest,
    /// and its last answers before those.
    pub async fn answers(
        &self,
        key: &SubjectKey,
        since: DateTime<Utc>,
    ) -> Result<Vec<Observation>, StoreError> {
        let subject = Observed::Subject(key);
        self.reader().observations(subject, since).await
    }

    /// The same from an attempt on, oldest first, as much as one answer shows at most.
    pub async fn answers_from(
        &self,
        key: &SubjectKey,
        since: DateTime<Utc>,
        attempt: i64,
    ) -> Result<Vec<Observation>, StoreError> {
        let reader = self.reader();
        reader.observations_from(key, since, attempt).await
    }

    /// Exchanges that this process has read back since it was opened.
    pub fn observations_read(&self) -> u64 {
        self.observations_read.load(Ordering::Relaxed)
    }
}

fn due_subject(r: &Row) -> Result<DueSubject, StoreError> {
    let source: String = r.get("source")?;
    let every: i64 = r.get("read_every_s")?;
    let failures: i64 = r.get("failures")?;
    Ok(DueSubject {
        key: SubjectKey::read(r.get("subject_key")?),
        source: serde_json::from_str(&source)
            .map_err(|e| StoreError::Damaged(format!("source of a subject: {e}")))?,
        read_every: Duration::from_secs(every.unsigned_abs()),
        failures: u32::try_from(failures).unwrap_or(u32::MAX),
    })
}
