//! Bodies of answers, and what a manifest makes stay of them.
//!
//! Whoever is asked decides how much it sends, and what an outcome rests on stays for
//! ever. So there is room for so much a day and no more, and for one provider's for a
//! part of that. What does not fit loses its body alone: its hash and what was read in
//! it are kept, decide as ever, and say that the body was not kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use oracle_schema::evidence::Manifest;
use oracle_schema::source_id::SourceId;
use sqlx::AssertSqlSafe;

use super::db::{Arg, Tx, args, millis, opt_millis};
use super::lead::LeaderTx;
use super::round::ObservedExchange;
use super::{Store, StoreError};
use crate::keys::Observed;

/// Of one provider at most one in so many of these: what it sends too much leaves the
/// others' room to them.
const SHARES: u64 = 4;

/// Bodies named in one statement at most.
const PINNED_AT_ONCE: usize = 200;

/// Why a body is not kept, as its evidence says it.
const DAY_IS_FULL: &str = "as much as is kept in a day came today of all sources";
/// The same, where there is room for others.
const SHARE_IS_FULL: &str = "its provider sent its share today of what is kept in a day";

/// Where and as what an attempt's exchanges are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// Whose exchanges they are.
    pub(super) of: Observed<'a>,
    /// The attempt's number.
    pub(super) attempt: i64,
    /// Equal readings in a row up to this one.
    pub(super) reads: i64,
}

/// Bodies of one day (UTC), bytes as stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BodiesToday {
    /// Kept.
    pub kept: u64,
    /// Not kept, since this process leads.
    pub dropped: u64,
    /// What is kept at most.
    pub limit: u64,
}

/// The room for bodies.
#[derive(Debug)]
pub(super) struct Room {
    limit: u64,
    /// In UTC; none before the first body.
    day: Option<NaiveDate>,
    kept: HashMap<String, u64>,
    dropped: u64,
}

/// Without a bound until [`Store::keep_a_day`] gives one.
impl Default for Room {
    fn default() -> Self {
        Self {
            limit: u64::MAX,
            day: None,
            kept: HashMap::new(),
            dropped: 0,
        }
    }
}

impl Room {
    fn today(&self) -> BodiesToday {
        BodiesToday {
            kept: self.kept.values().sum(),
            dropped: self.dropped,
            limit: self.limit,
        }
    }

    fn begin(&mut self, day: NaiveDate, kept: HashMap<String, u64>) {
        self.day = Some(day);
        self.kept = kept;
        self.dropped = 0;
    }

    /// Takes room for a body, or says why there is none.
    fn take(&mut self, provider: &str, bytes: u64) -> Result<(), &'static str> {
        let today = self.today().kept;
        let own = self.kept.get(provider).copied().unwrap_or_default();
        let refused = if today.saturating_add(bytes) > self.limit {
            Some(DAY_IS_FULL)
        } else if own.saturating_add(bytes) > self.limit / SHARES {
            Some(SHARE_IS_FULL)
        } else {
            None
        };
        if let Some(why) = refused {
            self.dropped = self.dropped.saturating_add(bytes);
            return Err(why);
        }
        self.kept.insert(provider.to_owned(), own + bytes);
        Ok(())
    }
}

fn bytes(body: &[u8]) -> u64 {
    u64::try_from(body.len()).unwrap_or(u64::MAX)
}

impl Store {
    /// How many bytes of bodies are kept of one day. Told at the start of each lead: what
    /// is there already is counted anew, since another process may have kept some of it.
    pub fn keep_a_day(&self, limit: u64) {
        *self.room() = Room {
            limit,
            ..Room::default()
        };
    }

    /// What came today and was kept, and what was not.
    pub fn bodies_today(&self) -> BodiesToday {
        self.room().today()
    }

    fn room(&self) -> std::sync::MutexGuard<'_, Room> {
        let room = self.room.lock();
        room.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// For each exchange why its body is not kept, if it is not. What is there already
    /// takes no room.
    async fn make_room(
        &self,
        tx: &mut LeaderTx<'_>,
        exchanges: &[ObservedExchange],
    ) -> Result<Vec<Option<&'static str>>, StoreError> {
        let mut refused = Vec::with_capacity(exchanges.len());
        let mut known: BTreeSet<[u8; 32]> = BTreeSet::new();
        for exchange in exchanges {
            let (Some(sha256), Some(body)) = (exchange.sha256, &exchange.body) else {
                refused.push(None);
                continue;
            };
            if known.contains(&sha256) || is_kept(tx, &sha256).await? {
                refused.push(None);
                continue;
            }
            let day = exchange.received_at.date_naive();
            // What was received before midnight and is kept after it counts as today's.
            let is_new = self.room().day.is_none_or(|today| today < day);
            if is_new {
                // Also after a start: whoever ran before has kept some of today's.
                let kept = kept_since(tx, day.and_time(NaiveTime::MIN).and_utc()).await?;
                self.room().begin(day, kept);
            }
            let taken = self
                .room()
                .take(SourceId::read(&exchange.source).record(), bytes(body));
            if taken.is_ok() {
                known.insert(sha256);
            }
            refused.push(taken.err());
        }
        Ok(refused)
    }

    /// Keeps exchanges, and of their bodies what there is room for.
    pub(super) async fn keep(
        &self,
        tx: &mut LeaderTx<'_>,
        seen: Seen<'_>,
        exchanges: &[ObservedExchange],
    ) -> Result<(), StoreError> {
        let not_kept = self.make_room(tx, exchanges).await?;
        let kept = exchanges.iter().zip(&not_kept);
        let kept = kept.filter(|(_, not_kept)| not_kept.is_none());
        put_bodies(tx, kept.map(|(exchange, _)| exchange)).await?;
        let rows = exchanges
            .iter()
            .zip(not_kept)
            .map(|(e, not_kept)| {
                args![
                    seen.of.key(),
                    seen.of.maturity(),
                    seen.attempt,
                    e.source.as_str(),
                    e.root.as_str(),
                    e.url.as_str(),
                    e.posted.clone(),
                    millis(e.sent_at),
                    millis(e.received_at),
                    e.status.map(i64::from),
                    e.headers.as_str(),
                    e.sha256.map(|h| h.to_vec()),
                    e.literal.clone(),
                    e.effective_at,
                    e.verdict,
                    e.detail.clone(),
                    opt_millis(e.date),
                    e.certificate.map(|h| h.to_vec()),
                    e.fact.clone(),
                    e.failure.clone(),
                    e.adapter.as_str(),
                    seen.reads,
                    not_kept.map(str::to_owned)
                ]
            })
            .collect();
        tx.insert_rows(
            "INSERT INTO observation (leg_key, maturity, attempt, source, root, url, posted, \
             sent_ms, received_ms, status, headers, sha256, literal, effective_at, verdict, \
             detail, date_ms, certificate, fact, failure, adapter, reads, not_kept)",
            rows,
            "",
        )
        .await?;
        Ok(())
    }
}

async fn is_kept(tx: &mut Tx, sha256: &[u8; 32]) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM evidence_body WHERE sha256 = $1";
    Ok(tx.fetch_optional(sql, args![*sha256]).await?.is_some())
}

/// Bytes kept of what came since a time, by whose share they take.
async fn kept_since(tx: &mut Tx, since: DateTime<Utc>) -> Result<HashMap<String, u64>, StoreError> {
    let rows = tx
        .fetch(
            "SELECT o.source, CAST(SUM(LENGTH(b.body)) AS BIGINT) AS bytes FROM \
             (SELECT sha256, MIN(source) AS source FROM observation \
             WHERE received_ms >= $1 AND sha256 IS NOT NULL GROUP BY sha256) AS o \
             JOIN evidence_body b ON b.sha256 = o.sha256 GROUP BY o.source",
            args![millis(since)],
        )
        .await?;
    let mut kept: HashMap<String, u64> = HashMap::new();
    for row in rows {
        let (source, bytes): (String, i64) = (row.get("source")?, row.get("bytes")?);
        *kept
            .entry(SourceId::read(&source).record().to_owned())
            .or_default() += bytes.unsigned_abs();
    }
    Ok(kept)
}

/// A body to be kept.
struct Body<'a> {
    bytes: &'a [u8],
    is_public: bool,
    /// None: for ever.
    keep_until: Option<DateTime<Utc>>,
}

/// Keeps bodies. What came from several sources may be passed on if one of them
/// allows it, and is kept as long as the most patient licence.
async fn put_bodies<'a>(
    tx: &mut LeaderTx<'_>,
    exchanges: impl Iterator<Item = &'a ObservedExchange>,
) -> Result<(), StoreError> {
    // One statement must not name a row twice.
    let mut bodies: BTreeMap<[u8; 32], Body<'_>> = BTreeMap::new();
    for exchange in exchanges {
        let (Some(sha256), Some(body)) = (exchange.sha256, &exchange.body) else {
            continue;
        };
        bodies
            .entry(sha256)
            .and_modify(|known| {
                known.is_public |= exchange.is_public;
                let both = known.keep_until.zip(exchange.keep_until);
                known.keep_until = both.map(|(a, b)| a.max(b));
            })
            .or_insert(Body {
                bytes: body,
                is_public: exchange.is_public,
                keep_until: exchange.keep_until,
            });
    }
    let rows = bodies
        .into_iter()
        .map(|(sha256, body)| {
            args![
                sha256,
                body.bytes,
                i64::from(body.is_public),
                opt_millis(body.keep_until),
                0_i64
            ]
        })
        .collect();
    tx.insert_rows(
        "INSERT INTO evidence_body (sha256, body, is_public, keep_until_ms, pinned)",
        rows,
        "ON CONFLICT (sha256) DO UPDATE SET \
         is_public = CASE WHEN excluded.is_public > evidence_body.is_public \
         THEN excluded.is_public ELSE evidence_body.is_public END, \
         keep_until_ms = CASE WHEN evidence_body.keep_until_ms IS NULL \
         OR excluded.keep_until_ms IS NULL THEN NULL \
         WHEN excluded.keep_until_ms > evidence_body.keep_until_ms \
         THEN excluded.keep_until_ms ELSE evidence_body.keep_until_ms END",
    )
    .await?;
    Ok(())
}

/// Keeps a manifest under its hash, and for good the bodies that it names.
pub(super) async fn put_manifest(
    tx: &mut LeaderTx<'_>,
    sha256: &[u8; 32],
    document: &[u8],
) -> Result<(), StoreError> {
    tx.insert_rows(
        "INSERT INTO manifest (manifest_sha256, document)",
        vec![args![*sha256, document]],
        "ON CONFLICT (manifest_sha256) DO NOTHING",
    )
    .await?;
    let manifest: Manifest = serde_json::from_slice(document)
        .map_err(|e| StoreError::Damaged(format!("manifest: {e}")))?;
    let named = manifest.observations.iter();
    let named: BTreeSet<&str> = named.filter_map(|o| o.sha256.as_deref()).collect();
    let named = named
        .into_iter()
        .map(hex::decode)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| StoreError::Damaged(format!("manifest: {e}")))?;
    // Of a source that says another thing each time there are thousands.
    for some in named.chunks(PINNED_AT_ONCE) {
        let places: Vec<String> = (1..=some.len()).map(|n| format!("${n}")).collect();
        let sql = format!(
            "UPDATE evidence_body SET pinned = 1 WHERE pinned = 0 AND sha256 IN ({})",
            places.join(", ")
        );
        let args = some.iter().map(|hash| Arg::from(hash.clone())).collect();
        tx.execute(AssertSqlSafe(sql), args).await?;
    }
    Ok(())
}

impl Store {
    /// Deletes bodies whose licence does not let them be kept any longer, and those
    /// that no manifest names and no exchange after `unused_since` brought: an
    /// outcome rests on none of them. Their hashes stay where they were written down.
    pub async fn forget_bodies(
        &self,
        now: DateTime<Utc>,
        unused_since: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let mut tx = self.leader_tx().await?;
        let mut forgotten = tx
            .execute(
                "DELETE FROM evidence_body WHERE keep_until_ms <= $1",
                args![millis(now)],
            )
            .await?;
        forgotten += tx
            .execute(
                "DELETE FROM evidence_body WHERE pinned = 0 AND NOT EXISTS (\
                 SELECT 1 FROM observation o WHERE o.sha256 = evidence_body.sha256 \
                 AND o.received_ms > $1)",
                args![millis(unused_since)],
            )
            .await?;
        tx.commit().await?;
        Ok(forgotten)
    }

    /// How many bodies are kept and how many bytes they take: those that manifests
    /// name, and the others.
    pub async fn kept_bodies(&self) -> Result<[(i64, i64); 2], StoreError> {
        let mut kept = [(0, 0); 2];
        let rows = self
            .db
            .fetch(
                "SELECT pinned, COUNT(*) AS bodies, \
                 CAST(COALESCE(SUM(LENGTH(body)), 0) AS BIGINT) AS bytes \
                 FROM evidence_body GROUP BY pinned",
                args![],
            )
            .await?;
        for row in rows {
            let [pinned, others] = &mut kept;
            let of = if row.get::<i64>("pinned")? == 1 {
                pinned
            } else {
                others
            };
            *of = (row.get("bodies")?, row.get("bytes")?);
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(limit: u64) -> Room {
        Room {
            limit,
            ..Room::default()
        }
    }

    #[test]
    fn one_provider_takes_its_share_and_leaves_the_others_theirs() {
        let mut room = room(400);
        assert_eq!(room.take("greedy", 100), Ok(()));
        assert_eq!(room.take("greedy", 1), Err(SHARE_IS_FULL));
        for modest in ["a", "b", "c"] {
            assert_eq!(room.take(modest, 100), Ok(()), "{modest}");
        }
        assert_eq!(room.take("late", 1), Err(DAY_IS_FULL));
        let today = BodiesToday {
            kept: 400,
            dropped: 2,
            limit: 400,
        };
        assert_eq!(room.today(), today);
        // Another day, with what another process kept of it.
        room.begin(
            NaiveDate::default(),
            HashMap::from([("greedy".to_owned(), 60)]),
        );
        assert_eq!(room.take("greedy", 41), Err(SHARE_IS_FULL));
        assert_eq!(room.take("greedy", 40), Ok(()));
    }
}
