//! What is to be published elsewhere, and what was: one row for each published
//! message and relay.
//!
//! No leader is needed here. The cursor moves by compare-and-swap and a row is
//! one for its relay and position, so a second process at work can only repeat
//! what the relay already has.

use chrono::{DateTime, TimeDelta, Utc};

use super::db::{Tx, args};
use super::{Store, StoreError, time_ms};

/// What a relay still lacks.
#[derive(Debug, Clone)]
pub struct OutboxItem {
    /// Log position.
    pub position: i64,
    /// Nostr event kind of the time it was queued.
    pub kind: u16,
    /// Tries so far that failed.
    pub attempts: i64,
    /// Tries so far that the relay refused for good.
    pub refused: i64,
    /// The message.
    pub message: OutboxMessage,
}

/// A message to publish, with its exact stored bytes.
#[derive(Debug, Clone)]
pub enum OutboxMessage {
    /// An announcement.
    Announcement(OutboxTlv),
    /// An attestation.
    Attestation {
        /// The attestation, spec layout.
        attestation: OutboxTlv,
        /// What it attests.
        announcement: OutboxTlv,
        /// The kind that the announcement has at this relay.
        announcement_kind: u16,
    },
}

/// Bytes and when they were published.
#[derive(Debug, Clone)]
pub struct OutboxTlv {
    /// TLV.
    pub tlv: Vec<u8>,
    /// When.
    pub published_at: DateTime<Utc>,
}

/// What became of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Log position.
    pub position: i64,
    /// What the relay said.
    pub result: Result<(), Undelivered>,
}

/// Why a relay does not have it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// When to try again.
    pub retry_at: DateTime<Utc>,
    /// Why; without control characters.
    pub error: String,
    /// Whether the relay refused it for good, so that nothing waits for it.
    pub is_refusal: bool,
}

/// What a relay lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Messages not accepted and not refused.
    pub waiting: i64,
    /// Messages refused for good.
    pub refused: i64,
    /// When the oldest of those waiting was queued, Unix ms.
    pub oldest_ms: Option<i64>,
}

/// No message waits longer for its next try.
pub const LONGEST_WAIT: TimeDelta = TimeDelta::hours(2);

/// An attestation waits until its announcement was accepted or refused.
const IS_READY: &str = "o.due_ms IS NOT NULL AND NOT EXISTS (SELECT 1 FROM outbox a \
     WHERE a.url = o.url AND a.position = o.follows AND a.accepted_ms IS NULL AND a.refused = 0)";

impl Store {
    /// Registers a relay; a new one gets what is published from now on and the
    /// announcements of all events that are open, or with `backfill` everything
    /// there ever was. `kind` is that of announcements.
    pub async fn join_relay(
        &self,
        url: &str,
        kind: u16,
        backfill: bool,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let first = if backfill { 0 } else { head(&mut tx).await? };
        let joined = tx
            .execute(
                "INSERT INTO relay (url, next_position) VALUES ($1, $2) \
                 ON CONFLICT (url) DO NOTHING",
                args![url, first],
            )
            .await?;
        if joined == 0 {
            // Put off by a clock that ran ahead: no wait is that long.
            tx.execute(
                "UPDATE outbox SET due_ms = $1 WHERE url = $2 AND due_ms > $3",
                args![
                    now.timestamp_millis(),
                    url,
                    (now + LONGEST_WAIT).timestamp_millis()
                ],
            )
            .await?;
        } else {
            tx.execute(
                "INSERT INTO outbox (url, position, kind, queued_ms, due_ms) \
                 SELECT $1, a.position, $2, $3, $3 FROM announcement a \
                 JOIN event e ON e.event_id = a.event_id WHERE a.position < $4 \
                 AND e.state IN ('announced', 'provisional', 'held', 'committed')",
                args![url, i64::from(kind), now.timestamp_millis(), first],
            )
            .await?;
        }
        tx.commit().await
    }

    /// Queues what was published since the last call, at most `limit` messages,
    /// and moves the relay's cursor, in one transaction. `kinds` are those of
    /// announcements and attestations. Answers whether there may be more.
    pub async fn fill_outbox(
        &self,
        url: &str,
        kinds: (u16, u16),
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        if !self.has_news(url).await? {
            return Ok(false);
        }
        let mut tx = self.db.begin().await?;
        let (Some(first), head) = (cursor(&mut tx, url).await?, head(&mut tx).await?) else {
            return Ok(false);
        };
        let news = tx
            .fetch(
                "SELECT l.position, l.entry_type, a.position FROM log_entry l \
                 LEFT JOIN announcement a ON a.event_id = l.event_id \
                 WHERE l.position >= $1 AND l.position < $2 AND l.entry_type IN (1, 2) \
                 ORDER BY l.position LIMIT $3",
                args![first, head, limit],
            )
            .await?;
        let (mut announcements, mut rows) = (Vec::new(), Vec::with_capacity(news.len()));
        let now_ms = now.timestamp_millis();
        let (announced, attested) = (i64::from(kinds.0), i64::from(kinds.1));
        let mut last = head - 1;
        for row in &news {
            let (position, entry_type): (i64, i64) = (row.get(0)?, row.get(1)?);
            let announcement: Option<i64> = row.get(2)?;
            if entry_type == 2 {
                // One from before the relay was known is sent ahead of its attestation.
                announcements
                    .extend(announcement.map(|a| args![url, a, announced, now_ms, now_ms]));
                rows.push(args![url, position, attested, announcement, now_ms, now_ms]);
            } else {
                announcements.push(args![url, position, announced, now_ms, now_ms]);
            }
            last = position;
        }
        let is_full = i64::try_from(news.len()).is_ok_and(|n| n >= limit);
        let next = if is_full { last + 1 } else { head };
        let moved = tx
            .execute(
                "UPDATE relay SET next_position = $1 WHERE url = $2 AND next_position = $3",
                args![next, url, first],
            )
            .await?;
        if moved == 0 {
            // Another process was quicker; its rows are the same.
            return Ok(true);
        }
        tx.insert_rows(
            "INSERT INTO outbox (url, position, kind, queued_ms, due_ms)",
            announcements,
            "ON CONFLICT (url, position) DO NOTHING",
        )
        .await?;
        tx.insert_rows(
            "INSERT INTO outbox (url, position, kind, follows, queued_ms, due_ms)",
            rows,
            "ON CONFLICT (url, position) DO NOTHING",
        )
        .await?;
        tx.commit().await?;
        Ok(is_full)
    }

    /// Whether the log has grown past a relay's cursor: asked without a lock.
    async fn has_news(&self, url: &str) -> Result<bool, StoreError> {
        let row = self
            .readers
            .fetch_optional(
                "SELECT 1 FROM relay WHERE url = $1 \
                 AND next_position < (SELECT COALESCE(MAX(size), 0) FROM head)",
                args![url],
            )
            .await?;
        Ok(row.is_some())
    }

    /// What a relay is to be sent now: what has been due longest first, so that
    /// whatever fails again and again makes way, and in the order of the log.
    pub async fn due_in_outbox(
        &self,
        url: &str,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<OutboxItem>, StoreError> {
        let sql = format!(
            "SELECT o.position, o.kind, o.attempts, o.refused, a.announced_ms, a.tlv, \
             t.attested_ms, t.tlv, f.kind FROM outbox o \
             JOIN log_entry l ON l.position = o.position \
             JOIN announcement a ON a.event_id = l.event_id \
             LEFT JOIN attestation t ON t.position = o.position \
             LEFT JOIN outbox f ON f.url = o.url AND f.position = o.follows \
             WHERE o.url = $1 AND o.due_ms <= $2 AND {IS_READY} ORDER BY o.due_ms, o.position LIMIT $3"
        );
        self.readers
            .fetch(
                sqlx::AssertSqlSafe(sql),
                args![url, now.timestamp_millis(), limit],
            )
            .await?
            .iter()
            .map(|r| {
                let kind = |n: i64| {
                    u16::try_from(n).map_err(|_| StoreError::Damaged(format!("event kind {n}")))
                };
                let announcement = OutboxTlv {
                    published_at: time_ms(r.get(4)?)?,
                    tlv: r.get(5)?,
                };
                let (attested_ms, tlv): (Option<i64>, Option<Vec<u8>>) = (r.get(6)?, r.get(7)?);
                let own = kind(r.get(1)?)?;
                let message = match attested_ms.zip(tlv) {
                    None => OutboxMessage::Announcement(announcement),
                    Some((at, tlv)) => OutboxMessage::Attestation {
                        attestation: OutboxTlv {
                            tlv,
                            published_at: time_ms(at)?,
                        },
                        announcement,
                        announcement_kind: r.get::<Option<i64>>(8)?.map_or(Ok(own), kind)?,
                    },
                };
                Ok(OutboxItem {
                    position: r.get(0)?,
                    kind: own,
                    attempts: r.get(2)?,
                    refused: r.get(3)?,
                    message,
                })
            })
            .collect()
    }

    /// When a relay is to be sent something next.
    pub async fn next_in_outbox(&self, url: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        let sql = format!(
            "SELECT o.due_ms FROM outbox o WHERE o.url = $1 AND {IS_READY} \
             ORDER BY o.due_ms LIMIT 1"
        );
        let row = self
            .readers
            .fetch_optional(sqlx::AssertSqlSafe(sql), args![url])
            .await?;
        row.map(|r| time_ms(r.get(0)?)).transpose()
    }

    /// Records what became of a batch.
    pub async fn record_deliveries(
        &self,
        url: &str,
        deliveries: &[Delivery],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        for delivery in deliveries {
            match &delivery.result {
                Ok(()) => {
                    tx.execute(
                        "UPDATE outbox SET due_ms = NULL, last_error = NULL, accepted_ms = $1 \
                         WHERE url = $2 AND position = $3",
                        args![now.timestamp_millis(), url, delivery.position],
                    )
                    .await?
                }
                Err(undelivered) => {
                    tx.execute(
                        "UPDATE outbox SET due_ms = $1, last_error = $2, refused = refused + $3, \
                         attempts = attempts + 1 \
                         WHERE url = $4 AND position = $5 AND accepted_ms IS NULL",
                        args![
                            undelivered.retry_at.timestamp_millis(),
                            undelivered.error.as_str(),
                            i64::from(undelivered.is_refusal),
                            url,
                            delivery.position
                        ],
                    )
                    .await?
                }
            };
        }
        tx.commit().await
    }

    /// How far a relay is behind.
    pub async fn backlog(&self, url: &str) -> Result<Backlog, StoreError> {
        let row = self
            .readers
            .fetch_optional(
                "SELECT COALESCE(SUM(CASE WHEN refused = 0 THEN 1 ELSE 0 END), 0), \
                 COALESCE(SUM(CASE WHEN refused = 0 THEN 0 ELSE 1 END), 0), \
                 MIN(CASE WHEN refused = 0 THEN queued_ms END) \
                 FROM outbox WHERE url = $1 AND due_ms IS NOT NULL",
                args![url],
            )
            .await?;
        row.map_or_else(
            || Ok(Backlog::default()),
            |r| {
                Ok(Backlog {
                    waiting: r.get(0)?,
                    refused: r.get(1)?,
                    oldest_ms: r.get(2)?,
                })
            },
        )
    }
}

async fn cursor(tx: &mut Tx, url: &str) -> Result<Option<i64>, StoreError> {
    tx.fetch_optional("SELECT next_position FROM relay WHERE url = $1", args![url])
        .await?
        .map(|r| r.get(0))
        .transpose()
}

async fn head(tx: &mut Tx) -> Result<i64, StoreError> {
    tx.fetch_optional("SELECT COALESCE(MAX(size), 0) FROM head", args![])
        .await?
        .map_or(Ok(0), |r| r.get(0))
}
