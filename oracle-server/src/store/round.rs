//! Observation rounds: what was seen, what was decided, when to look again.
//!
//! All events of one price and one maturity share a round; an event of facts
//! has one of its own. `open`: no decision yet; `decided`: it stands, events are
//! being attested; `done`.

use chrono::{DateTime, TimeDelta, Utc};
use oracle_schema::Maturity;

use super::bodies::{Seen, put_manifest};
use super::db::{Row, Tx, args, millis};
use super::states::{OPEN, UNHELD_OR_SCHEDULED};
use super::{Store, StoreError};
use crate::keys::{LegKey, Observed, Question, RoundId, RoundKey};

/// A round to work on.
#[derive(Debug, Clone)]
pub struct DueRound {
    /// Which.
    pub id: RoundId,
    /// What it is asked.
    pub question: Question,
    /// Attempts so far.
    pub attempts: i64,
    /// The decision, once there is one.
    pub decided: Option<DecidedRound>,
}

/// A round's decision.
#[derive(Debug, Clone)]
pub struct DecidedRound {
    /// JSON: what was decided, and the trace.
    pub decision: String,
    /// SHA-256 of the canonical evidence manifest.
    pub manifest_sha256: [u8; 32],
}

/// One exchange with a provider, to be kept.
#[derive(Debug, Clone)]
pub struct ObservedExchange {
    /// As configured.
    pub source: String,
    /// Independence.
    pub root: String,
    /// Without secrets.
    pub url: String,
    /// The JSON that was posted; none for a GET.
    pub posted: Option<String>,
    /// When the request left.
    pub sent_at: DateTime<Utc>,
    /// When the answer was complete.
    pub received_at: DateTime<Utc>,
    /// HTTP status.
    pub status: Option<u16>,
    /// Kept headers, JSON.
    pub headers: String,
    /// SHA-256 of the body.
    pub sha256: Option<[u8; 32]>,
    /// The body, compressed.
    pub body: Option<Vec<u8>>,
    /// Whether the body may be passed on.
    pub is_public: bool,
    /// When the body is to be forgotten; none: never.
    pub keep_until: Option<DateTime<Utc>>,
    /// The answer's `Date`.
    pub date: Option<DateTime<Utc>>,
    /// SHA-256 of the server's leaf certificate.
    pub certificate: Option<[u8; 32]>,
    /// The fact, JSON; none for prices.
    pub fact: Option<String>,
    /// The value's literal text.
    pub literal: Option<String>,
    /// End of the bar used: Unix seconds as its source has them, of which nobody has
    /// checked that they are a time.
    pub effective_at: Option<i64>,
    /// How it was read.
    pub verdict: &'static str,
    /// Why.
    pub detail: Option<String>,
    /// Why no complete answer came.
    pub failure: Option<String>,
    /// The adapter that read it and its version.
    pub adapter: String,
}

/// What was seen of one leg in one attempt.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Which leg.
    pub leg_key: LegKey,
    /// T.
    pub maturity: Maturity,
    /// In the order made.
    pub exchanges: Vec<ObservedExchange>,
    /// The leg's decision, JSON, if it was decided.
    pub decision: Option<String>,
}

/// What became of a round's attempt.
#[derive(Debug, Clone)]
pub enum RoundResult {
    /// Look again.
    Pending {
        /// When.
        due: DateTime<Utc>,
        /// Why there is no price yet; one sentence.
        reason: String,
    },
    /// The price stands.
    Decided {
        /// JSON: price and trace.
        decision: String,
        /// Canonical evidence manifest.
        manifest: Vec<u8>,
        /// Its SHA-256.
        manifest_sha256: [u8; 32],
        /// Why the outcome is `void`, if it is; one sentence.
        reason: Option<String>,
    },
}

/// Longest time for which a round is put off that has nothing of its own to wait for.
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(10);

/// Longest time for which a question is put off, beyond the pace of its source.
const LONGEST_QUESTION: TimeDelta = TimeDelta::hours(2);

impl Store {
    /// Rounds that are due, longest waiting first.
    pub async fn due_rounds(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<DueRound>, StoreError> {
        self.db
            .fetch(
                "SELECT round_key, maturity, question, attempts, decision, manifest_sha256 \
                 FROM round WHERE due_ms <= $1 ORDER BY due_ms LIMIT $2",
                args![millis(now), limit],
            )
            .await?
            .iter()
            .map(due_round)
            .collect()
    }

    /// The decision of a leg at a maturity, JSON, if there is one.
    pub async fn fixing(
        &self,
        leg_key: &LegKey,
        maturity: Maturity,
    ) -> Result<Option<String>, StoreError> {
        self.db
            .fetch_optional(
                "SELECT decision FROM fixing WHERE leg_key = $1 AND maturity = $2",
                args![leg_key.as_str(), maturity],
            )
            .await?
            .map(|r| r.get("decision"))
            .transpose()
    }

    /// Keeps what was seen of a leg. The first decision of a leg is final.
    pub async fn save_attempt(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let mut tx = self.leader_tx().await?;
        let leg = Observed::Leg(&attempt.leg_key, attempt.maturity);
        let number = next_attempt(&mut tx, leg).await?;
        let seen = Seen {
            of: leg,
            attempt: number,
            reads: 1,
        };
        self.keep(&mut tx, seen, &attempt.exchanges).await?;
        if let Some(decision) = &attempt.decision {
            tx.execute(
                "INSERT INTO fixing (leg_key, maturity, attempt, decision) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT (leg_key, maturity) DO NOTHING",
                args![
                    attempt.leg_key.as_str(),
                    attempt.maturity,
                    number,
                    decision.as_str()
                ],
            )
            .await?;
        }
        tx.commit().await
    }

    /// Writes what became of a round's attempt. A decided round stays decided.
    pub async fn finish_attempt(
        &self,
        round: &DueRound,
        result: &RoundResult,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.leader_tx().await?;
        let key = round.id.round_key.as_str();
        let maturity = round.id.maturity;
        match result {
            RoundResult::Pending { due, reason } => {
                tx.execute(
                    "UPDATE round SET attempts = attempts + 1, leased = 0, due_ms = $1, reason = $2 \
                     WHERE round_key = $3 AND maturity = $4 AND state = 'open'",
                    args![millis(*due), reason.as_str(), key, maturity],
                )
                .await?;
            }
            RoundResult::Decided {
                decision,
                manifest,
                manifest_sha256,
                reason,
            } => {
                put_manifest(&mut tx, manifest_sha256, manifest).await?;
                tx.execute(
                    "UPDATE round SET attempts = attempts + 1, leased = 0, state = 'decided', due_ms = $1, \
                     decision = $2, manifest_sha256 = $3, reason = $4 \
                     WHERE round_key = $5 AND maturity = $6 AND state = 'open'",
                    args![
                        millis(now),
                        decision.as_str(),
                        *manifest_sha256,
                        reason.clone(),
                        key,
                        maturity
                    ],
                )
                .await?;
            }
        }
        tx.commit().await
    }

    /// Closes a round that no open event needs any more; answers whether it did. An
    /// event of facts is still asked about while it is held, unless by a veto; nothing
    /// that a price does would release one.
    pub async fn close_round(&self, round: &DueRound) -> Result<bool, StoreError> {
        let ends_holds = i64::from(round.question == Question::Facts);
        let mut tx = self.leader_tx().await?;
        let sql = format!(
            "UPDATE round SET state = 'done', due_ms = NULL \
             WHERE round_key = $1 AND maturity = $2 AND NOT EXISTS (SELECT 1 FROM event e \
             WHERE e.round_key = $1 AND e.maturity = $2 AND (e.state IN {UNHELD_OR_SCHEDULED} \
             OR (e.state = 'held' AND e.vetoed = 0 AND CAST($3 AS BIGINT) = 1)))"
        );
        let closed = tx
            .execute(
                sqlx::AssertSqlSafe(sql),
                args![round.id.round_key.as_str(), round.id.maturity, ends_holds],
            )
            .await?;
        tx.commit().await?;
        Ok(closed == 1)
    }

    /// Puts an open round off while it is being observed, without counting an
    /// attempt. If this process dies, the next one takes it back at its start.
    pub async fn lease_round(
        &self,
        round: &DueRound,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.leader_tx().await?;
        tx.execute(
            "UPDATE round SET due_ms = $1, leased = 1 WHERE round_key = $2 AND maturity = $3 \
             AND state = 'open'",
            args![
                millis(until),
                round.id.round_key.as_str(),
                round.id.maturity
            ],
        )
        .await?;
        tx.commit().await
    }

    /// Puts a round off that is not done, decided or not.
    pub async fn put_off_round(
        &self,
        round: &DueRound,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.leader_tx().await?;
        tx.execute(
            "UPDATE round SET due_ms = $1 WHERE round_key = $2 AND maturity = $3 \
             AND state IN ('open', 'decided')",
            args![
                millis(until),
                round.id.round_key.as_str(),
                round.id.maturity
            ],
        )
        .await?;
        tx.commit().await
    }

    /// Makes every leased round and subject due: nobody observes them any more. So are
    /// those that were put off under a clock that stood ahead, farther than any wait:
    /// they would come back when that time has come.
    pub async fn reclaim_rounds(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = self.leader_tx().await?;
        tx.execute(
            "UPDATE round SET due_ms = $1, leased = 0 WHERE leased = 1 AND state = 'open'",
            args![millis(now)],
        )
        .await?;
        tx.execute(
            "UPDATE round SET leased = 0, \
             due_ms = CASE WHEN maturity * 1000 > $1 THEN maturity * 1000 ELSE $1 END \
             WHERE due_ms > $2 AND due_ms > maturity * 1000 AND attempts > 0 \
             AND state IN ('open', 'decided')",
            args![millis(now), millis(now + LONGEST_WAIT)],
        )
        .await?;
        let first = format!(
            "(SELECT MIN(e.maturity) * 1000 FROM event_subject s \
             JOIN event e ON e.event_id = s.event_id \
             WHERE s.subject_key = subject.subject_key AND e.state IN {OPEN})"
        );
        let sql = format!(
            "UPDATE subject SET leased = 0, \
             due_ms = CASE WHEN {first} > $1 THEN {first} ELSE $1 END \
             WHERE due_ms > $2 + read_every_s * 1000 AND due_ms > {first}"
        );
        tx.execute(
            sqlx::AssertSqlSafe(sql),
            args![millis(now), millis(now + LONGEST_QUESTION)],
        )
        .await?;
        tx.execute(
            "UPDATE subject SET due_ms = $1, leased = 0 WHERE leased = 1",
            args![millis(now)],
        )
        .await?;
        tx.commit().await
    }

    /// A round that has its decision.
    pub async fn decided_round(&self, round: &RoundId) -> Result<Option<DueRound>, StoreError> {
        self.db
            .fetch_optional(
                "SELECT round_key, maturity, question, attempts, decision, manifest_sha256 \
                 FROM round WHERE round_key = $1 AND maturity = $2 AND state = 'decided'",
                args![round.round_key.as_str(), round.maturity],
            )
            .await?
            .map(|r| due_round(&r))
            .transpose()
    }

    /// The earliest time at which anything is due.
    pub async fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        // SQLite uses the index `event_open` for its own list of states only.
        let row = self
            .db
            .fetch_optional(
                sqlx::AssertSqlSafe(format!(
                    "SELECT MIN(due) AS due FROM (\
                     SELECT MIN(due_ms) AS due FROM round WHERE due_ms IS NOT NULL UNION ALL \
                     SELECT MIN(due_ms) FROM subject WHERE due_ms IS NOT NULL UNION ALL \
                     SELECT MIN(next_announce_at) * 1000 FROM series \
                     WHERE next_announce_at IS NOT NULL UNION ALL \
                     SELECT MIN(announce_at) * 1000 FROM event WHERE state = 'scheduled' \
                     UNION ALL SELECT MIN(attest_by) * 1000 FROM event \
                     WHERE state IN {OPEN} AND state <> 'scheduled') AS d"
                )),
                args![],
            )
            .await?;
        row.map_or(Ok(None), |r| r.opt_millis("due"))
    }
}

/// The number of the next attempt.
pub(super) async fn next_attempt(tx: &mut Tx, of: Observed<'_>) -> Result<i64, StoreError> {
    let last: i64 = tx
        .fetch_optional(
            "SELECT COALESCE(MAX(attempt), 0) AS attempt FROM observation \
             WHERE leg_key = $1 AND maturity = $2",
            args![of.key(), of.maturity()],
        )
        .await?
        .map_or(Ok(0), |r| r.get("attempt"))?;
    Ok(last + 1)
}

pub(super) fn due_round(r: &Row) -> Result<DueRound, StoreError> {
    r.read_as("round", "round_key", |r| {
        let decision: Option<String> = r.get("decision")?;
        Ok(DueRound {
            id: RoundId {
                round_key: RoundKey::read(r.get("round_key")?),
                maturity: r.maturity()?,
            },
            question: Question::read(r.get("question")?),
            attempts: r.get("attempts")?,
            decided: decision.zip(r.opt_hash("manifest_sha256")?).map(
                |(decision, manifest_sha256)| DecidedRound {
                    decision,
                    manifest_sha256,
                },
            ),
        })
    })
}
