//! What is to be delivered to relays, and what was: one row for each published
//! message and relay.
//!
//! No leader is needed here. The cursor moves by compare-and-swap and a row is
//! one for its relay and position, so a second process at work can only repeat
//! what the relay already has.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::AssertSqlSafe;

use super::db::{Row, Tx, args, millis, opt_millis};
use super::nostr::{self, era};
use super::states::UNFINISHED;
use super::{Store, StoreError};

/// What a relay still lacks.
#[derive(Debug, Clone)]
pub struct OutboxItem {
    /// Log position.
    pub position: i64,
    /// Nostr event kind of the time it was queued.
    pub kind: u16,
    /// Tries so far that failed.
    pub attempts: i64,
    /// Tries so far that the relay refused as it is.
    pub refused: i64,
    /// The canonical policy document behind the announced event.
    pub policy: Vec<u8>,
    /// The message.
    pub message: OutboxMessage,
}

/// A message to deliver, with its exact stored bytes.
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

/// Bytes, when they were published, and what their Nostr event says beside them.
#[derive(Debug, Clone)]
pub struct OutboxTlv {
    /// TLV.
    pub tlv: Vec<u8>,
    /// When.
    pub published_at: DateTime<Utc>,
    /// Whether the event has the tags by which it is found.
    pub has_tags: bool,
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
    /// When to try again; `None`: never.
    pub retry_at: Option<DateTime<Utc>>,
    /// Why; without control characters.
    pub error: String,
    /// Whether the relay refused it as it is, so that nothing waits for it.
    pub is_refusal: bool,
}

/// What a relay lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Messages not accepted and not refused.
    pub waiting: i64,
    /// Messages refused, whether tried again or given up.
    pub refused: i64,
    /// When the oldest of those waiting was queued.
    pub oldest_at: Option<DateTime<Utc>>,
}

/// No message waits longer for its next try.
pub const LONGEST_WAIT: TimeDelta = TimeDelta::hours(31);

/// Held back because what it follows is not settled.
const IS_HELD: &str =
    "follows IS NOT NULL AND due_ms IS NULL AND accepted_ms IS NULL AND refused = 0";

impl Store {
    /// Registers a relay; a new one gets what is published from now on and the
    /// announcements of all events that are open, or with `backfill` everything
    /// there ever was.
    ///
    /// One transaction over at most `limit` messages; answers whether to call it
    /// again, which another process may do as well.
    pub async fn join_relay(
        &self,
        url: &str,
        backfill: bool,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let relay = self
            .readers
            .fetch_optional(
                "SELECT open_position, next_position FROM relay WHERE url = $1",
                args![url],
            )
            .await?;
        let Some(relay) = relay else {
            let mut tx = self.db.begin().await?;
            let (first, open) = if backfill {
                (0, None)
            } else {
                (head(&mut tx).await?, Some(0))
            };
            tx.execute(
                "INSERT INTO relay (url, next_position, open_position) VALUES ($1, $2, $3) \
                 ON CONFLICT (url) DO NOTHING",
                args![url, first, open],
            )
            .await?;
            tx.commit().await?;
            return Ok(true);
        };
        if let Some(from) = relay.get("open_position")? {
            self.queue_open(url, (from, relay.get("next_position")?), limit, now)
                .await?;
            return Ok(true);
        }
        self.bring_forward(url, limit, now).await
    }

    /// Queues announcements of open events between two positions. An event that
    /// ends meanwhile does so past the cursor, where its attestation brings its
    /// announcement along.
    async fn queue_open(
        &self,
        url: &str,
        (from, end): (i64, i64),
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        // Read without the lock that signing takes.
        let open = self
            .readers
            .fetch(
                AssertSqlSafe(format!(
                    "SELECT a.position, {} AS kind FROM announcement a \
                     JOIN event e ON e.event_id = a.event_id \
                     WHERE a.position >= $1 AND a.position < $2 AND e.state IN {UNFINISHED} \
                     ORDER BY a.position LIMIT $3",
                    era("announcement_kind", "a.position")
                )),
                args![from, end, limit],
            )
            .await?;
        let positions: Vec<(i64, u16)> = open
            .iter()
            .map(|r| Ok((r.get("position")?, nostr::kind(r, "kind")?)))
            .collect::<Result<_, StoreError>>()?;
        let is_full = i64::try_from(positions.len()).is_ok_and(|n| n >= limit);
        let next = positions
            .last()
            .filter(|_| is_full)
            .map(|(last, _)| last + 1);
        let mut tx = self.db.begin().await?;
        let moved = tx
            .execute(
                "UPDATE relay SET open_position = $1 WHERE url = $2 AND open_position = $3",
                args![next, url, from],
            )
            .await?;
        if moved == 0 {
            // Another process was quicker; its rows are the same.
            return Ok(());
        }
        let rows = positions
            .into_iter()
            .map(|(position, kind)| {
                args![
                    url,
                    position,
                    i64::from(kind),
                    0_i64,
                    millis(now),
                    millis(now)
                ]
            })
            .collect();
        tx.insert_rows(
            INSERT_ANNOUNCEMENTS,
            rows,
            "ON CONFLICT (url, position) DO NOTHING",
        )
        .await?;
        tx.commit().await
    }

    /// Makes due what a clock that ran ahead put off: no wait is that long.
    async fn bring_forward(
        &self,
        url: &str,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let moved = tx
            .execute(
                "UPDATE outbox SET due_ms = $1 WHERE url = $2 AND position IN \
                 (SELECT position FROM outbox WHERE url = $2 AND due_ms > $3 \
                 ORDER BY due_ms DESC LIMIT $4)",
                args![millis(now), url, millis(now + LONGEST_WAIT), limit],
            )
            .await?;
        tx.commit().await?;
        Ok(i64::try_from(moved).is_ok_and(|n| n >= limit))
    }

    /// Queues what was published since the last call, at most `limit` messages,
    /// and moves the relay's cursor, in one transaction. Answers whether there may be more.
    pub async fn fill_outbox(
        &self,
        url: &str,
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
                AssertSqlSafe(format!(
                    "SELECT l.position, l.entry_type, a.position AS announcement, \
                     {} AS announced_kind, {} AS attested_kind FROM log_entry l \
                     LEFT JOIN announcement a ON a.event_id = l.event_id \
                     WHERE l.position >= $1 AND l.position < $2 AND l.entry_type IN (1, 2, 3) \
                     ORDER BY l.position LIMIT $3",
                    era("announcement_kind", "a.position"),
                    era("attestation_kind", "l.position"),
                )),
                args![first, head, limit],
            )
            .await?;
        let (mut announcements, mut attestations) = (Vec::new(), Vec::new());
        let mut ended = Vec::new();
        let mut last = head - 1;
        for row in &news {
            let (position, entry_type): (i64, i64) = (row.get("position")?, row.get("entry_type")?);
            let announcement: Option<i64> = row.get("announcement")?;
            let kind = |column| nostr::kind(row, column).map(i64::from);
            match (entry_type, announcement) {
                (1, _) => {
                    let kind = kind("announced_kind")?;
                    announcements.push(args![url, position, kind, 0_i64, millis(now), millis(now)]);
                }
                (2, Some(a)) => {
                    // One from before the relay was known is sent ahead of its attestation.
                    let (announced, attested) = (kind("announced_kind")?, kind("attested_kind")?);
                    announcements.push(args![url, a, announced, 0_i64, millis(now), millis(now)]);
                    attestations.push(args![url, position, attested, a, 1_i64, millis(now)]);
                }
                (2, None) => {
                    return Err(StoreError::Damaged(format!(
                        "attestation at {position} without an announcement"
                    )));
                }
                // A refund: no attestation comes.
                (_, announcement) => ended.extend(announcement),
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
        let once = "ON CONFLICT (url, position) DO NOTHING";
        tx.insert_rows(INSERT_ANNOUNCEMENTS, announcements, once)
            .await?;
        tx.insert_rows(
            "INSERT INTO outbox (url, position, kind, follows, is_last, queued_ms)",
            attestations,
            once,
        )
        .await?;
        let sql = format!(
            "UPDATE outbox SET due_ms = $1 WHERE url = $2 AND position >= $3 AND position < $4 \
             AND {IS_HELD} AND EXISTS (SELECT 1 FROM outbox a WHERE a.url = outbox.url \
             AND a.position = outbox.follows AND (a.accepted_ms IS NOT NULL OR a.refused > 0))"
        );
        tx.execute(
            sqlx::AssertSqlSafe(sql),
            args![millis(now), url, first, next],
        )
        .await?;
        for announcement in ended {
            end(&mut tx, url, announcement).await?;
        }
        tx.commit().await?;
        Ok(is_full)
    }

    /// Whether the log has grown past a relay's cursor: asked without a lock.
    async fn has_news(&self, url: &str) -> Result<bool, StoreError> {
        let row = self
            .readers
            .fetch_optional(
                "SELECT 1 FROM relay WHERE url = $1 AND open_position IS NULL \
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
        self.readers
            .fetch(
                AssertSqlSafe(format!(
                    "SELECT o.position, o.kind, o.attempts, o.refused, o.follows, p.document, \
                 f.kind AS followed_kind, a.announced_ms, a.tlv AS announcement, \
                 {} AS announcement_tags, {} AS attestation_tags, \
                 t.attested_ms, t.tlv AS attestation FROM \
                 (SELECT * FROM outbox WHERE url = $1 AND due_ms IS NOT NULL AND due_ms <= $2 \
                 ORDER BY due_ms, position LIMIT $3) o \
                 LEFT JOIN outbox f ON f.url = o.url AND f.position = o.follows \
                 LEFT JOIN announcement a ON a.position = COALESCE(o.follows, o.position) \
                 LEFT JOIN attestation t ON t.position = o.position AND o.follows IS NOT NULL \
                 LEFT JOIN event e ON e.event_id = a.event_id \
                 LEFT JOIN policy p ON p.policy_hash = e.policy_hash \
                 ORDER BY o.due_ms, o.position",
                    era("tags", "a.position"),
                    era("tags", "o.position"),
                )),
                args![url, millis(now), limit],
            )
            .await?
            .iter()
            .map(item)
            .collect()
    }

    /// When a relay is to be sent something next.
    pub async fn next_in_outbox(&self, url: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = self
            .readers
            .fetch_optional(
                "SELECT due_ms FROM outbox WHERE url = $1 AND due_ms IS NOT NULL \
                 ORDER BY due_ms LIMIT 1",
                args![url],
            )
            .await?;
        row.map(|r| r.millis("due_ms")).transpose()
    }

    /// Records what became of a batch.
    pub async fn record_deliveries(
        &self,
        url: &str,
        deliveries: &[Delivery],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        // Against one who queues for the same relay: either that one sees that
        // an announcement is settled, or this one sees the attestation held back.
        tx.execute(
            "UPDATE relay SET next_position = next_position WHERE url = $1",
            args![url],
        )
        .await?;
        for Delivery { position, result } in deliveries {
            let is_settled = match result {
                Ok(()) => {
                    tx.execute(
                        "UPDATE outbox SET due_ms = NULL, last_error = NULL, accepted_ms = $1 \
                         WHERE url = $2 AND position = $3",
                        args![millis(now), url, *position],
                    )
                    .await?;
                    true
                }
                Err(undelivered) => {
                    tx.execute(
                        "UPDATE outbox SET due_ms = $1, last_error = $2, refused = refused + $3, \
                         attempts = attempts + 1 \
                         WHERE url = $4 AND position = $5 AND accepted_ms IS NULL",
                        args![
                            opt_millis(undelivered.retry_at),
                            undelivered.error.as_str(),
                            i64::from(undelivered.is_refusal),
                            url,
                            *position
                        ],
                    )
                    .await?;
                    undelivered.is_refusal
                }
            };
            if is_settled {
                let sql = format!(
                    "UPDATE outbox SET due_ms = $1 WHERE url = $2 AND follows = $3 AND {IS_HELD}"
                );
                tx.execute(sqlx::AssertSqlSafe(sql), args![millis(now), url, *position])
                    .await?;
            }
            if result.is_ok() {
                forget_delivered(&mut tx, url, *position).await?;
            }
        }
        tx.commit().await
    }

    /// How far a relay is behind.
    pub async fn backlog(&self, url: &str) -> Result<Backlog, StoreError> {
        let row = self
            .readers
            .fetch_optional(
                // Each from an index alone.
                "SELECT (SELECT COUNT(*) FROM outbox \
                 WHERE url = $1 AND accepted_ms IS NULL AND refused = 0) AS waiting, \
                 (SELECT COUNT(*) FROM outbox \
                 WHERE url = $1 AND accepted_ms IS NULL AND refused > 0) AS refused, \
                 (SELECT MIN(queued_ms) FROM outbox \
                 WHERE url = $1 AND accepted_ms IS NULL AND refused = 0) AS oldest_ms",
                args![url],
            )
            .await?;
        row.map_or_else(
            || Ok(Backlog::default()),
            |r| {
                Ok(Backlog {
                    waiting: r.get("waiting")?,
                    refused: r.get("refused")?,
                    oldest_at: r.opt_millis("oldest_ms")?,
                })
            },
        )
    }
}

const INSERT_ANNOUNCEMENTS: &str =
    "INSERT INTO outbox (url, position, kind, is_last, queued_ms, due_ms)";

fn item(r: &Row) -> Result<OutboxItem, StoreError> {
    let position: i64 = r.get("position")?;
    let missing = |what: &str| StoreError::Damaged(format!("outbox at {position} without {what}"));
    let kind =
        |n: i64| u16::try_from(n).map_err(|_| StoreError::Damaged(format!("event kind {n}")));
    let tlv = |time: &str, message: &str, what: &str| {
        let published_at = r.opt_millis(time)?;
        let tlv: Option<Vec<u8>> = r.get(message)?;
        let (published_at, tlv) = published_at.zip(tlv).ok_or_else(|| missing(what))?;
        let has_tags: Option<i64> = r.get(&format!("{message}_tags"))?;
        Ok::<_, StoreError>(OutboxTlv {
            tlv,
            published_at,
            has_tags: has_tags == Some(1),
        })
    };
    let announcement = tlv("announced_ms", "announcement", "its announcement")?;
    let message = if r.get::<Option<i64>>("follows")?.is_none() {
        OutboxMessage::Announcement(announcement)
    } else {
        let announced: Option<i64> = r.get("followed_kind")?;
        OutboxMessage::Attestation {
            attestation: tlv("attested_ms", "attestation", "its attestation")?,
            announcement,
            announcement_kind: kind(announced.ok_or_else(|| missing("the row it follows"))?)?,
        }
    };
    let policy: Option<Vec<u8>> = r.get("document")?;
    Ok(OutboxItem {
        position,
        kind: kind(r.get("kind")?)?,
        attempts: r.get("attempts")?,
        refused: r.get("refused")?,
        policy: policy.ok_or_else(|| missing("its policy"))?,
        message,
    })
}

/// Forgets an accepted attestation and, unless that is still tried, its
/// announcement; an accepted announcement that nothing follows any more, too.
async fn forget_delivered(tx: &mut Tx, url: &str, position: i64) -> Result<(), StoreError> {
    let row = tx
        .fetch_optional(
            "SELECT follows FROM outbox WHERE url = $1 AND position = $2",
            args![url, position],
        )
        .await?;
    let follows: Option<i64> = row.map_or(Ok(None), |r| r.get("follows"))?;
    if let Some(announcement) = follows {
        end(tx, url, announcement).await?;
    }
    forget(tx, url, position).await
}

/// Nothing follows this announcement any more.
async fn end(tx: &mut Tx, url: &str, announcement: i64) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE outbox SET is_last = 1 WHERE url = $1 AND position = $2",
        args![url, announcement],
    )
    .await?;
    forget(tx, url, announcement).await
}

async fn forget(tx: &mut Tx, url: &str, position: i64) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM outbox WHERE url = $1 AND position = $2 \
         AND is_last = 1 AND accepted_ms IS NOT NULL",
        args![url, position],
    )
    .await?;
    Ok(())
}

async fn cursor(tx: &mut Tx, url: &str) -> Result<Option<i64>, StoreError> {
    tx.fetch_optional("SELECT next_position FROM relay WHERE url = $1", args![url])
        .await?
        .map(|r| r.get("next_position"))
        .transpose()
}

async fn head(tx: &mut Tx) -> Result<i64, StoreError> {
    tx.fetch_optional("SELECT COALESCE(MAX(size), 0) AS size FROM head", args![])
        .await?
        .map_or(Ok(0), |r| r.get("size"))
}
