//! The intent row and what follows from it.
//!
//! `intent` has one row per event, ever. Whoever inserts it decides the event's
//! end; everyone else gets [`ChangeError::Conflict`], or the same ticket again
//! if it was the same end.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use oracle_schema::log_entry::LogEntry;
use oracle_schema::{Announcement, EventId, Maturity, Outcome};

use super::db::{Fetch as _, Row, args, millis, seconds};
use super::lead::LeaderTx;
use super::states::{OPEN, UNDECIDED, UNHELD};
use super::steps::{Reason, step_of};
use super::{ChangeError, CommittedOutcome, Store, StoreError, event_id, standing};
use crate::lifecycle::{self, Input, IntentKind, Standing, State, Step, intent_digest};

/// An announced event that waits for an outcome.
#[derive(Debug, Clone)]
pub struct Candidate {
    event_id: EventId,
    standing: Standing,
    policy_hash: [u8; 32],
    policy: Vec<u8>,
    content_hash: [u8; 32],
    nonce_map: Vec<u8>,
    announcement: Announcement,
}

impl Candidate {
    /// The event.
    pub fn event_id(&self) -> &EventId {
        &self.event_id
    }
    /// When it becomes a refund.
    pub fn attest_by(&self) -> DateTime<Utc> {
        self.standing.attest_by
    }
    /// Hash of its pinned policy.
    pub fn policy_hash(&self) -> &[u8; 32] {
        &self.policy_hash
    }
    /// Its pinned policy document.
    pub fn policy(&self) -> &[u8] {
        &self.policy
    }
    /// As announced.
    pub fn announcement(&self) -> &Announcement {
        &self.announcement
    }

    /// The step that `input` is for it.
    pub(super) fn step(
        &self,
        input: Input<'_>,
        now: DateTime<Utc>,
    ) -> Result<(&str, Step), ChangeError> {
        step_of(&self.event_id, &self.standing, input, now)
    }
}

/// An intent row, as it is reconciled with the journal at a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The event.
    pub event_id: String,
    /// Which end.
    pub kind: IntentKind,
    /// What its nonces are bound to.
    pub content_hash: [u8; 32],
    /// Texts to sign; empty for refunds.
    pub messages: Vec<String>,
    /// Takeover epoch.
    pub epoch: i64,
    /// When; to the millisecond once it is stored.
    pub committed_at: DateTime<Utc>,
    /// Evidence.
    pub manifest_sha256: [u8; 32],
}

impl Intent {
    /// See [`intent_digest`].
    pub fn digest(&self) -> [u8; 32] {
        intent_digest(
            self.kind,
            &self.event_id,
            &self.content_hash,
            &self.messages,
        )
    }

    /// The end in words, for conflict reports.
    fn describe(&self) -> String {
        match self.kind {
            IntentKind::Attest => self.messages.join(","),
            IntentKind::Refund => self.kind.to_string(),
        }
    }

    fn from_row(r: &Row) -> Result<Self, StoreError> {
        r.read_as("intent of event", "event_id", |r| {
            let kind: String = r.get("kind")?;
            let messages: String = r.get("messages")?;
            Ok(Self {
                event_id: r.get("event_id")?,
                kind: IntentKind::parse(&kind)
                    .ok_or_else(|| StoreError::Damaged(format!("kind {kind:?}")))?,
                content_hash: r.hash("content_hash")?,
                messages: self::messages(&messages)?,
                epoch: r.get("epoch")?,
                committed_at: r.millis("committed_ms")?,
                manifest_sha256: r.hash("manifest_sha256")?,
            })
        })
    }
}

/// The texts of an intent row.
pub(super) fn messages(json: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(json).map_err(|e| StoreError::Damaged(format!("intent messages: {e}")))
}

const INTENT_COLUMNS: &str =
    "event_id, kind, content_hash, messages, epoch, committed_ms, manifest_sha256";

const CANDIDATE_COLUMNS: &str = "e.event_id, e.state, e.vetoed, e.maturity, e.attest_by, \
     e.policy_hash, p.document, a.content_hash, a.nonce_map, a.tlv";

/// Events with everything a [`Candidate`] has.
const CANDIDATES: &str = "event e JOIN announcement a ON a.event_id = e.event_id \
     JOIN policy p ON p.policy_hash = e.policy_hash";

/// Reads [`CANDIDATE_COLUMNS`].
fn candidate(r: &Row) -> Result<Candidate, StoreError> {
    r.read_as("event", "event_id", |r| {
        let standing = standing(r)?;
        let tlv: Option<Vec<u8>> = r.get("tlv")?;
        let tlv = tlv.ok_or_else(|| {
            let state = standing.state.as_str();
            StoreError::Damaged(format!("it is {state} and has no announcement"))
        })?;
        Ok(Candidate {
            standing,
            policy_hash: r.hash("policy_hash")?,
            policy: r.get("document")?,
            content_hash: r.hash("content_hash")?,
            nonce_map: r.get("nonce_map")?,
            announcement: Announcement::from_tlv(&tlv)
                .map_err(|e| StoreError::Damaged(format!("announcement: {e}")))?,
            event_id: event_id(&r.get::<String>("event_id")?)?,
        })
    })
}

impl Store {
    /// Events of a round that still wait for their outcome and may have one at
    /// `now`: those after `after`, in the order of their ids.
    pub async fn candidates(
        &self,
        round_key: &str,
        maturity: Maturity,
        after: &str,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<Candidate>, StoreError> {
        let sql = format!(
            "SELECT {CANDIDATE_COLUMNS} FROM {CANDIDATES} \
             WHERE e.round_key = $1 AND e.maturity = $2 AND e.event_id > $3 \
             AND e.state IN {UNHELD} AND e.attest_by > $4 \
             ORDER BY e.event_id LIMIT $5"
        );
        self.db
            .fetch(
                sqlx::AssertSqlSafe(sql),
                args![round_key, maturity, after, seconds(now), limit],
            )
            .await?
            .iter()
            .map(candidate)
            .collect()
    }

    /// An event that may have its outcome at `now`, held ones
    /// included unless an operator's veto holds them.
    pub async fn undecided(
        &self,
        event: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Candidate>, StoreError> {
        self.open_candidate(event, now, " AND e.vetoed = 0").await
    }

    /// An announced event that has no end yet and may have one at `now`,
    /// whoever holds it.
    pub async fn open_event(
        &self,
        event: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Candidate>, StoreError> {
        self.open_candidate(event, now, "").await
    }

    async fn open_candidate(
        &self,
        event: &str,
        now: DateTime<Utc>,
        condition: &'static str,
    ) -> Result<Option<Candidate>, StoreError> {
        let sql = format!(
            "SELECT {CANDIDATE_COLUMNS} FROM {CANDIDATES} WHERE e.event_id = $1 \
             AND e.maturity <= $2 AND e.attest_by > $2 \
             AND e.state IN {UNDECIDED}{condition}"
        );
        self.db
            .fetch_optional(sqlx::AssertSqlSafe(sql), args![event, seconds(now)])
            .await?
            .map(|r| candidate(&r))
            .transpose()
    }

    /// Announced events whose `attest_by` has come.
    pub async fn expired(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<Candidate>, StoreError> {
        // SQLite uses the index `event_open` for its own list of states only.
        let sql = format!(
            "SELECT {CANDIDATE_COLUMNS} FROM {CANDIDATES} WHERE e.attest_by <= $1 \
             AND e.state IN {OPEN} AND e.state <> 'scheduled' ORDER BY e.attest_by LIMIT $2"
        );
        self.db
            .fetch(sqlx::AssertSqlSafe(sql), args![seconds(now), limit])
            .await?
            .iter()
            .map(candidate)
            .collect()
    }

    /// Commits one outcome per event: compare-and-swap on the intent row.
    ///
    /// All of the batch or nothing. The identical outcome again is no conflict
    /// and yields the same ticket.
    pub async fn commit_outcomes(
        &self,
        decided: &[(Candidate, Outcome)],
        manifest_sha256: &[u8; 32],
        now: DateTime<Utc>,
    ) -> Result<Vec<CommittedOutcome>, ChangeError> {
        let mut intents = Vec::with_capacity(decided.len());
        let mut steps = Vec::with_capacity(decided.len());
        for (c, outcome) in decided {
            c.announcement
                .event
                .descriptor
                .parse_messages(&outcome.messages())
                .map_err(|source| ChangeError::Outcome {
                    event: c.event_id.clone(),
                    source,
                })?;
            steps.push(c.step(Input::Commit, now)?);
            intents.push(Intent {
                event_id: c.event_id.as_str().to_owned(),
                kind: IntentKind::Attest,
                content_hash: c.content_hash,
                messages: outcome.messages(),
                epoch: self.epoch(),
                committed_at: now,
                manifest_sha256: *manifest_sha256,
            });
        }
        let mut tx = self.leader_tx_at(now).await?;
        put_intents(&mut tx, &intents, &steps, Reason::Clear).await?;
        tx.commit().await?;
        let epoch = self.epoch();
        Ok(decided
            .iter()
            .map(|(c, outcome)| ticket(c.clone(), outcome.clone(), epoch))
            .collect())
    }

    /// Commits refunds: the other end that competes for the intent row.
    pub async fn commit_refunds(
        &self,
        expired: &[Candidate],
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<(), ChangeError> {
        let mut intents = Vec::with_capacity(expired.len());
        let mut steps = Vec::with_capacity(expired.len());
        for c in expired {
            steps.push(c.step(Input::GiveUp, now)?);
            intents.push(self.refund_of(c, now));
        }
        let mut tx = self.leader_tx_at(now).await?;
        put_intents(&mut tx, &intents, &steps, Reason::Set(reason)).await?;
        Ok(tx.commit().await?)
    }

    fn refund_of(&self, event: &Candidate, now: DateTime<Utc>) -> Intent {
        Intent {
            event_id: event.event_id.as_str().to_owned(),
            kind: IntentKind::Refund,
            content_hash: event.content_hash,
            messages: Vec::new(),
            epoch: self.epoch(),
            committed_at: now,
            manifest_sha256: [0; 32],
        }
    }

    /// Commits the refund of an event that two operators abandon, as part of a
    /// transaction.
    pub(super) async fn commit_abandoned(
        &self,
        tx: &mut LeaderTx<'_>,
        event: &Candidate,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<(), ChangeError> {
        let steps = [event.step(Input::Abandon, now)?];
        let intents = [self.refund_of(event, now)];
        put_intents(tx, &intents, &steps, Reason::Set(reason)).await
    }

    /// Outcomes that are committed and not yet attested, of events that have
    /// matured at `now`: what a crash left. Those after `after`,
    /// in the order of their ids, and the last id looked at; a row that cannot
    /// be read is an alarm and keeps no other waiting.
    pub async fn committed(
        &self,
        now: DateTime<Utc>,
        after: &str,
        limit: i64,
    ) -> Result<(Vec<CommittedOutcome>, Option<String>), StoreError> {
        // An event without its announcement is to be noticed, hence LEFT JOIN.
        let sql = format!(
            "SELECT {CANDIDATE_COLUMNS}, i.messages, i.epoch FROM event e \
             JOIN intent i ON i.event_id = e.event_id \
             JOIN policy p ON p.policy_hash = e.policy_hash \
             LEFT JOIN announcement a ON a.event_id = e.event_id \
             WHERE e.state = 'committed' AND e.maturity <= $1 AND e.event_id > $2 \
             AND i.kind = 'attest' ORDER BY e.event_id LIMIT $3"
        );
        let rows = self
            .db
            .fetch(sqlx::AssertSqlSafe(sql), args![seconds(now), after, limit])
            .await?;
        let last = rows.last().map(|row| row.get("event_id")).transpose()?;
        let tickets = rows
            .iter()
            .map(|row| {
                let c = candidate(row)?;
                let messages = messages(&row.get::<String>("messages")?)?;
                let outcome = c
                    .announcement
                    .event
                    .descriptor
                    .parse_messages(&messages)
                    .map_err(|e| StoreError::Damaged(format!("intent of {}: {e}", c.event_id)))?;
                Ok(ticket(c, outcome, row.get("epoch")?))
            })
            .filter_map(|ticket: Result<_, StoreError>| {
                ticket
                    .inspect_err(|e| {
                        metrics::counter!("oracle_stuck_total").increment(1);
                        tracing::error!(error = %e, "committed and cannot be read");
                    })
                    .ok()
            })
            .collect();
        Ok((tickets, last))
    }

    /// Every intent row after `after`, by event id, to be reconciled with the journal at a start.
    pub async fn intents_after(&self, after: &str, limit: i64) -> Result<Vec<Intent>, StoreError> {
        let sql = format!(
            "SELECT {INTENT_COLUMNS} FROM intent WHERE event_id > $1 ORDER BY event_id LIMIT $2"
        );
        self.db
            .fetch(sqlx::AssertSqlSafe(sql), args![after, limit])
            .await?
            .iter()
            .map(Intent::from_row)
            .collect()
    }

    /// What the log attests for these events, as the texts that were signed.
    pub async fn logged_outcomes(
        &self,
        ids: &[&str],
    ) -> Result<HashMap<String, Vec<String>>, StoreError> {
        let sql = "SELECT event_id, entry FROM log_entry WHERE entry_type = 2 AND event_id IN";
        let mut logged = HashMap::new();
        for row in (&self.db).fetch_in(sql, ids).await? {
            let (id, entry): (String, Vec<u8>) = (row.get("event_id")?, row.get("entry")?);
            match LogEntry::from_bytes(&entry) {
                Ok(LogEntry::Attestation { attestation, .. }) => {
                    logged.insert(id, attestation.outcomes);
                }
                _ => {
                    return Err(StoreError::Damaged(format!(
                        "attestation of {id} in the log"
                    )));
                }
            }
        }
        Ok(logged)
    }

    /// An event that the log attests and no intent row promises, if there is one.
    pub async fn attested_without_intent(&self) -> Result<Option<String>, StoreError> {
        let row = self
            .db
            .fetch_optional(
                "SELECT l.event_id FROM log_entry l WHERE l.entry_type = 2 AND NOT EXISTS \
                 (SELECT 1 FROM intent i WHERE i.event_id = l.event_id) LIMIT 1",
                args![],
            )
            .await?;
        row.map(|row| row.get("event_id")).transpose()
    }

    /// Nonces an event was announced with, and its maturity.
    pub async fn announced_nonces(
        &self,
        id: &str,
    ) -> Result<Option<(Maturity, Vec<[u8; 32]>)>, StoreError> {
        let row = self
            .db
            .fetch_optional(
                "SELECT tlv FROM announcement WHERE event_id = $1",
                args![id],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let tlv: Vec<u8> = row.get("tlv")?;
        let a = Announcement::from_tlv(&tlv)
            .map_err(|e| StoreError::Damaged(format!("announcement of {id}: {e}")))?;
        let nonces = a
            .event
            .nonces
            .iter()
            .map(secp256k1::XOnlyPublicKey::to_byte_array)
            .collect();
        Ok(Some((a.event.maturity, nonces)))
    }

    /// Inserts intents that the journal has and the database lost, and moves
    /// their events, so that nothing else can be committed for them. An event that is
    /// not announced yet, or not known, meets its intent when it is announced.
    pub async fn restore_intents(&self, intents: &[Intent]) -> Result<(), ChangeError> {
        let ids: Vec<&str> = intents.iter().map(|i| i.event_id.as_str()).collect();
        let mut tx = self.leader_tx().await?;
        let sql = format!(
            "SELECT event_id, state, vetoed, maturity, attest_by FROM event \
             WHERE state IN {UNDECIDED} AND event_id IN"
        );
        let mut undecided = Vec::new();
        for row in tx.fetch_in(&sql, &ids).await? {
            let event = event_id(&row.get::<String>("event_id")?)?;
            match lifecycle::recommit(&row.read_as("event", "event_id", standing)?) {
                Ok(step) => undecided.push((event, step)),
                Err(source) => return Err(ChangeError::Illegal { event, source }),
            }
        }
        let steps: Vec<(&str, Step)> = undecided
            .iter()
            .map(|(id, step)| (id.as_str(), *step))
            .collect();
        put_intents(&mut tx, intents, &steps, Reason::Clear).await?;
        Ok(tx.commit().await?)
    }
}

fn ticket(c: Candidate, outcome: Outcome, epoch: i64) -> CommittedOutcome {
    let event = c.announcement.event;
    CommittedOutcome {
        event_id: c.event_id,
        standing: Standing {
            state: State::Committed,
            ..c.standing
        },
        descriptor: event.descriptor,
        policy_hash: c.policy_hash,
        nonces: event.nonces,
        nonce_map: c.nonce_map,
        outcome,
        epoch,
    }
}

/// Inserts intents and moves their events. The identical intent again is no conflict:
/// its event has moved already.
async fn put_intents(
    tx: &mut LeaderTx<'_>,
    intents: &[Intent],
    steps: &[(&str, Step)],
    reason: Reason<'_>,
) -> Result<(), ChangeError> {
    let known_before = intents.len() as u64 - insert_intents(tx, intents).await?;
    if known_before > 0 {
        let existing = existing_intents(tx, intents).await?;
        for intent in intents {
            if let Some(e) = existing.get(&intent.event_id)
                && e.digest() != intent.digest()
            {
                return Err(ChangeError::Conflict {
                    event: event_id(&intent.event_id)?,
                    existing: e.describe(),
                });
            }
        }
    }
    let found = tx.try_steps(steps, reason).await?;
    let expected = steps.len() as u64;
    // One whose intent is new has to move with it.
    if expected - found > known_before {
        return Err(ChangeError::Moved { expected, found });
    }
    Ok(())
}

async fn insert_intents(tx: &mut LeaderTx<'_>, intents: &[Intent]) -> Result<u64, StoreError> {
    let mut rows = Vec::with_capacity(intents.len());
    for i in intents {
        let messages =
            serde_json::to_string(&i.messages).map_err(|e| StoreError::Damaged(e.to_string()))?;
        rows.push(args![
            i.event_id.as_str(),
            i.kind.as_str(),
            i.content_hash,
            messages,
            i.digest(),
            i.epoch,
            millis(i.committed_at),
            i.manifest_sha256
        ]);
    }
    tx.insert_rows(
        "INSERT INTO intent (event_id, kind, content_hash, messages, digest, epoch, \
         committed_ms, manifest_sha256)",
        rows,
        "ON CONFLICT (event_id) DO NOTHING",
    )
    .await
}

async fn existing_intents(
    tx: &mut LeaderTx<'_>,
    intents: &[Intent],
) -> Result<HashMap<String, Intent>, StoreError> {
    let ids: Vec<&str> = intents.iter().map(|i| i.event_id.as_str()).collect();
    let sql = format!("SELECT {INTENT_COLUMNS} FROM intent WHERE event_id IN");
    let rows = tx.fetch_in(&sql, &ids).await?;
    let mut existing = HashMap::with_capacity(rows.len());
    for row in &rows {
        let intent = Intent::from_row(row)?;
        existing.insert(intent.event_id.clone(), intent);
    }
    Ok(existing)
}
