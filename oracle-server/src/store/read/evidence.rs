//! What outcomes rest on: the exchanges with sources, and the bodies of their answers.

use std::io::Read as _;
use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};
use oracle_schema::evidence::{Manifest, Observation, method};
use sqlx::AssertSqlSafe;

use super::ReadStore;
use crate::keys::{LegKey, Observed, Question, SubjectKey};
use crate::store::StoreError;
use crate::store::db::{Row, args, millis};

/// What an outcome rests on.
#[derive(Debug, Clone)]
pub struct EvidenceView {
    /// Oldest first: once there is a decision, those it rests on.
    pub observations: Vec<Observation>,
    /// Decision with its trace (JSON), once there is one.
    pub decision: Option<serde_json::Value>,
    /// SHA-256 of the canonical manifest, bound into the log entry.
    pub manifest_sha256: Option<[u8; 32]>,
}

/// Exchanges that one answer shows of a leg or subject. A decision rests on the
/// last of them.
pub(crate) const OBSERVATIONS: usize = 2000;

/// Samples of a leg that stay in sight beside them, however often it was asked
/// since: a decision may rest on them alone.
const SAMPLES: i64 = 2000;

/// Answers of a subject that stay in sight beside them, however long it has
/// been silent since: what a source last said still contradicts others.
pub(crate) const STANCE: usize = 3;

const OBSERVED: &str = "SELECT o.source, o.root, o.adapter, o.url, o.sent_ms, o.received_ms, \
     o.status, o.failure, o.headers, o.date_ms, o.certificate, o.sha256, b.is_public, o.literal, \
     o.effective_at, o.fact, o.verdict, o.detail, o.attempt, o.reads, o.posted, o.not_kept \
     FROM observation o LEFT JOIN evidence_body b ON b.sha256 = o.sha256 \
     WHERE o.leg_key = $1 AND o.maturity = $2 AND o.sent_ms >= $3";

fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn observation(r: &Row) -> Result<Observation, StoreError> {
    r.read_as("observation of", "source", observed)
}

fn observed(r: &Row) -> Result<Observation, StoreError> {
    let status: Option<i64> = r.get("status")?;
    let headers: String = r.get("headers")?;
    let public: Option<i64> = r.get("is_public")?;
    let fact: Option<String> = r.get("fact")?;
    let posted: Option<String> = r.get("posted")?;
    let not_kept: Option<String> = r.get("not_kept")?;
    let damaged = |e: serde_json::Error| StoreError::Damaged(e.to_string());
    Ok(Observation {
        leg: None,
        source: r.get("source")?,
        root: r.get("root")?,
        adapter: r.get("adapter")?,
        method: method(posted.as_deref()).to_owned(),
        url: r.get("url")?,
        posted,
        sent_ms: r.get("sent_ms")?,
        received_ms: r.get("received_ms")?,
        status: status.and_then(|s| u16::try_from(s).ok()),
        failure: r.get("failure")?,
        headers: serde_json::from_str(&headers).map_err(damaged)?,
        date_ms: r.get("date_ms")?,
        certificate_sha256: r.opt_hash("certificate")?.map(hex::encode),
        sha256: r.opt_hash("sha256")?.map(hex::encode),
        public: public == Some(1),
        // The same answer may have come again since, and been kept.
        not_kept: not_kept.filter(|_| public.is_none()),
        literal: r.get("literal")?,
        effective_at: r.get("effective_at")?,
        fact: fact
            .map(|f| serde_json::from_str(&f))
            .transpose()
            .map_err(damaged)?,
        verdict: r.get("verdict")?,
        detail: r.get("detail")?,
        attempt: r.get("attempt")?,
        reads: r.get("reads")?,
    })
}

impl ReadStore {
    /// What an event's outcome rests on; `None` for an unknown event.
    pub async fn evidence(&self, id: &str) -> Result<Option<EvidenceView>, StoreError> {
        if let Some((sha256, document)) = self.manifest(id).await? {
            let manifest: Manifest = serde_json::from_slice(&document)
                .map_err(|e| StoreError::Damaged(format!("manifest of {id}: {e}")))?;
            return Ok(Some(EvidenceView {
                observations: manifest.observations,
                decision: Some(manifest.decision),
                manifest_sha256: Some(sha256),
            }));
        }
        let row = self
            .db
            .fetch_optional(
                "SELECT e.maturity, r.question FROM event e \
                 LEFT JOIN round r ON r.round_key = e.round_key AND r.maturity = e.maturity \
                 WHERE e.event_id = $1",
                args![id],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let maturity = row.maturity()?;
        let question: Option<String> = row.get("question")?;
        let mut observations = Vec::new();
        match question.map(Question::read) {
            None => {}
            Some(Question::Facts) => {
                for key in self.subjects(id).await? {
                    let subject = Observed::Subject(&key);
                    let since = maturity.to_datetime();
                    observations.extend(self.observations(subject, since).await?);
                }
            }
            Some(Question::Price(price)) => {
                for leg in price.legs()? {
                    let key = LegKey::of(&leg)?;
                    let leg_at = Observed::Leg(&key, maturity);
                    let seen = self.observations(leg_at, DateTime::UNIX_EPOCH).await?;
                    observations.extend(seen.into_iter().map(|o| Observation {
                        leg: Some(leg.name.clone()),
                        ..o
                    }));
                }
            }
        }
        Ok(Some(EvidenceView {
            observations,
            decision: None,
            manifest_sha256: None,
        }))
    }

    /// What an event of facts asks its sources.
    pub(crate) async fn subjects(&self, id: &str) -> Result<Vec<SubjectKey>, StoreError> {
        self.db
            .fetch(
                "SELECT subject_key FROM event_subject WHERE event_id = $1 ORDER BY subject_key",
                args![id],
            )
            .await?
            .iter()
            .map(|r| r.get("subject_key").map(SubjectKey::read))
            .collect()
    }

    /// The latest exchanges about a leg or a subject that were sent since a time, oldest
    /// first. Of a subject also the last that it answered, and the last time that it
    /// contradicted itself; of a leg also its samples.
    pub(crate) async fn observations(
        &self,
        of: Observed<'_>,
        since: DateTime<Utc>,
    ) -> Result<Vec<Observation>, StoreError> {
        let (key, maturity) = (of.key(), of.maturity());
        let is_leg = matches!(of, Observed::Leg(..));
        let latest = format!("{OBSERVED} ORDER BY o.observation_id DESC LIMIT $4");
        let mut rows = self
            .db
            .fetch(
                AssertSqlSafe(latest),
                args![key, maturity, millis(since), limit(OBSERVATIONS)],
            )
            .await?;
        let oldest: Option<i64> = rows.last().map(|r| r.get("attempt")).transpose()?;
        let is_full = rows.len() >= OBSERVATIONS;
        if let Some(oldest) = oldest.filter(|_| is_full && !is_leg) {
            // It may be cut; whoever reads it again needs the whole of it.
            while rows.last().map(|r| r.get("attempt")).transpose()? == Some(oldest) {
                rows.pop();
            }
            let of = |verdict: &str, limit: &str| {
                format!(
                    "o.attempt IN (SELECT attempt FROM observation \
                     WHERE leg_key = $1 AND maturity = $2 AND sent_ms >= $3 \
                     AND verdict = '{verdict}' ORDER BY attempt DESC LIMIT {limit})"
                )
            };
            let stance = format!(
                "{OBSERVED} AND o.attempt <= $4 AND ({} OR {}) ORDER BY o.observation_id DESC",
                of("observation", "$5"),
                of("contradiction", "1"),
            );
            rows.extend(
                self.db
                    .fetch(
                        AssertSqlSafe(stance),
                        args![key, maturity, millis(since), oldest, limit(STANCE)],
                    )
                    .await?,
            );
        }
        if let Some(oldest) = oldest.filter(|_| is_full && is_leg) {
            let samples = format!(
                "{OBSERVED} AND o.attempt < $4 AND o.sent_ms <= $5 \
                 ORDER BY o.observation_id DESC LIMIT $6"
            );
            let args = args![
                key,
                maturity,
                millis(since),
                oldest,
                millis(maturity.to_datetime()),
                SAMPLES
            ];
            rows.extend(self.db.fetch(AssertSqlSafe(samples), args).await?);
        }
        self.note_read(&rows);
        rows.iter().rev().map(observation).collect()
    }

    /// Exchanges about a subject since a time, from an attempt on, oldest first; no more
    /// of them than [`OBSERVATIONS`].
    pub(crate) async fn observations_from(
        &self,
        subject: &SubjectKey,
        since: DateTime<Utc>,
        attempt: i64,
    ) -> Result<Vec<Observation>, StoreError> {
        let of = Observed::Subject(subject);
        let sql = format!("{OBSERVED} AND o.attempt >= $4 ORDER BY o.observation_id LIMIT $5");
        let args = args![
            of.key(),
            of.maturity(),
            millis(since),
            attempt,
            limit(OBSERVATIONS)
        ];
        let found = self.db.fetch(AssertSqlSafe(sql), args).await?;
        self.note_read(&found);
        found.iter().map(observation).collect()
    }

    fn note_read(&self, rows: &[Row]) {
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        self.observations_read.fetch_add(count, Ordering::Relaxed);
        metrics::counter!("oracle_observations_read_total").increment(count);
    }

    /// A recorded response body that may be passed on, uncompressed.
    pub async fn evidence_body(&self, sha256: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self
            .db
            .fetch_optional(
                "SELECT body FROM evidence_body WHERE sha256 = $1 AND is_public = 1",
                args![*sha256],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let compressed: Vec<u8> = row.get("body")?;
        let mut body = Vec::new();
        flate2::read::DeflateDecoder::new(compressed.as_slice())
            .read_to_end(&mut body)
            .map_err(|e| StoreError::Damaged(format!("evidence body: {e}")))?;
        Ok(Some(body))
    }
}
