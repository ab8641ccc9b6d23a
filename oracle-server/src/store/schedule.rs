//! Series, and the events that they and the configuration ask for.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use oracle_schema::{Descriptor, EventId, Maturity};
use sqlx::AssertSqlSafe;

use super::db::{Arg, Fetch as _, Row, args, millis, opt_millis, opt_seconds, seconds};
use super::lead::LeaderTx;
use super::states::{NOT_FINAL, OPEN, UNATTESTED};
use super::steps::{Reason, step_of};
use super::{ChangeError, Store, StoreError, descriptor, event_id, standing};
use crate::keys::{NewSubject, Question, RoundKey};
use crate::lifecycle::{Input, Standing, State};

/// A series as configured, with where it stands.
#[derive(Debug, Clone)]
pub struct SeriesRow {
    /// Name.
    pub series_id: String,
    /// The configuration that made it, to notice an edit.
    pub definition: String,
    /// Policy of its future events.
    pub policy_hash: [u8; 32],
    /// Next maturity to announce; none when the list is done.
    pub next_maturity: Option<Maturity>,
    /// When that is due.
    pub next_announce_at: Option<DateTime<Utc>>,
}

impl SeriesRow {
    /// In the order of the table's columns.
    fn arguments(&self) -> Vec<Arg> {
        args![
            self.series_id.as_str(),
            self.definition.as_str(),
            self.policy_hash,
            self.next_maturity,
            opt_seconds(self.next_announce_at)
        ]
    }
}

/// A series whose next event is due to be created.
#[derive(Debug, Clone)]
pub struct DueSeries {
    /// Name.
    pub series_id: String,
    /// Maturity of the event.
    pub next_maturity: Maturity,
}

/// An event to be remembered.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Name.
    pub event_id: EventId,
    /// The series that makes it.
    pub series: Option<String>,
    /// `digits`, `threshold`, ….
    pub kind: &'static str,
    /// When the outcome is fixed.
    pub maturity: Maturity,
    /// When it becomes a refund; a whole second, as the next two are.
    pub attest_by: DateTime<Utc>,
    /// When it is announced.
    pub announce_at: DateTime<Utc>,
    /// When a missing attestation is an alarm.
    pub overdue_at: DateTime<Utc>,
    /// When its round is first due.
    pub round_due: DateTime<Utc>,
    /// From when on its round samples sources without history.
    pub sample_from: Option<DateTime<Utc>>,
    /// What can come out.
    pub descriptor: Descriptor,
    /// Canonical policy document's hash; the document must be stored.
    pub policy_hash: [u8; 32],
    /// Which round decides it, see `round`.
    pub round_key: RoundKey,
    /// What its round is asked.
    pub question: Question,
    /// What it asks sources of facts.
    pub subjects: Vec<NewSubject>,
    /// How many outcomes one outside party alone chooses among; else 0.
    pub sole_outcomes: i64,
    /// What searches find it by besides its name, in lower case.
    pub search: Option<String>,
}

/// A scheduled event whose announcement is due.
#[derive(Debug, Clone)]
pub struct ScheduledEvent {
    /// Name.
    pub event_id: EventId,
    /// Where it stands.
    pub standing: Standing,
    /// What can come out.
    pub descriptor: Descriptor,
    /// Its policy.
    pub policy_hash: [u8; 32],
}

impl Store {
    /// Every known series.
    pub async fn series(&self) -> Result<Vec<SeriesRow>, StoreError> {
        self.db
            .fetch(
                "SELECT series_id, definition, policy_hash, next_maturity, next_announce_at \
                 FROM series ORDER BY series_id",
                args![],
            )
            .await?
            .iter()
            .map(|r| {
                Ok(SeriesRow {
                    series_id: r.get("series_id")?,
                    definition: r.get("definition")?,
                    policy_hash: r.hash("policy_hash")?,
                    next_maturity: r.opt_maturity("next_maturity")?,
                    next_announce_at: r.opt_seconds("next_announce_at")?,
                })
            })
            .collect()
    }

    /// Makes the stored series those of the configuration and stores their
    /// policy documents. Events already made keep what they have.
    pub async fn put_series(
        &self,
        changed: &[SeriesRow],
        removed: &[String],
        policies: &[([u8; 32], Vec<u8>)],
    ) -> Result<(), StoreError> {
        let mut tx = self.leader_tx().await?;
        put_policies(&mut tx, policies).await?;
        let rows = changed.iter().map(SeriesRow::arguments).collect();
        tx.insert_rows(
            "INSERT INTO series \
             (series_id, definition, policy_hash, next_maturity, next_announce_at)",
            rows,
            "ON CONFLICT (series_id) DO UPDATE SET definition = excluded.definition, \
             policy_hash = excluded.policy_hash, next_maturity = excluded.next_maturity, \
             next_announce_at = excluded.next_announce_at",
        )
        .await?;
        let removed: Vec<&str> = removed.iter().map(String::as_str).collect();
        tx.execute_in("DELETE FROM series WHERE series_id IN", &removed, args![])
            .await?;
        tx.commit().await
    }

    /// Providers and generic entries that were configured at the last start.
    pub async fn providers(&self) -> Result<Vec<String>, StoreError> {
        self.db
            .fetch("SELECT name FROM provider ORDER BY name", args![])
            .await?
            .iter()
            .map(|r| r.get("name"))
            .collect()
    }

    /// Remembers what is configured now.
    pub async fn put_providers(&self, names: &[&str]) -> Result<(), StoreError> {
        let mut tx = self.leader_tx().await?;
        tx.execute("DELETE FROM provider", args![]).await?;
        let rows = names.iter().map(|name| args![*name]).collect();
        tx.insert_rows("INSERT INTO provider (name)", rows, "")
            .await?;
        tx.commit().await
    }

    /// Series with open events, for the start-up check.
    pub async fn series_with_open_events(&self) -> Result<Vec<String>, StoreError> {
        self.db
            .fetch(
                AssertSqlSafe(format!(
                    "SELECT DISTINCT series FROM event WHERE series IS NOT NULL \
                     AND {UNATTESTED} AND state IN {NOT_FINAL} ORDER BY series"
                )),
                args![],
            )
            .await?
            .iter()
            .map(|r| r.get("series"))
            .collect()
    }

    /// Policy documents that open events need, with one event each.
    pub async fn open_policies(&self) -> Result<Vec<(Vec<u8>, String)>, StoreError> {
        self.db
            .fetch(
                AssertSqlSafe(format!(
                    "SELECT p.document, o.event_id FROM \
                     (SELECT policy_hash, MIN(event_id) AS event_id FROM event \
                     WHERE state IN {OPEN} GROUP BY policy_hash) AS o \
                     JOIN policy p ON p.policy_hash = o.policy_hash"
                )),
                args![],
            )
            .await?
            .iter()
            .map(|r| Ok((r.get("document")?, r.get("event_id")?)))
            .collect()
    }

    /// Series whose next event is due.
    pub async fn due_series(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<DueSeries>, StoreError> {
        self.db
            .fetch(
                "SELECT series_id, next_maturity FROM series WHERE next_announce_at <= $1 \
                 AND next_maturity IS NOT NULL ORDER BY next_announce_at, series_id LIMIT $2",
                args![seconds(now), limit],
            )
            .await?
            .iter()
            .filter_map(|r| due_series(r).transpose())
            .collect()
    }

    /// Remembers events and moves their series on, in one transaction. An id
    /// that exists is left alone: it is burned. Answers the ids that are new.
    pub async fn schedule(
        &self,
        events: &[NewEvent],
        series: &[SeriesRow],
        policies: &[([u8; 32], Vec<u8>)],
    ) -> Result<u64, StoreError> {
        let mut tx = self.leader_tx().await?;
        let new = schedule_in(&mut tx, events, series, policies).await?;
        tx.commit().await?;
        Ok(new)
    }

    /// Which of these event ids exist, with their policy.
    pub async fn known_events(
        &self,
        ids: &[String],
    ) -> Result<Vec<(String, [u8; 32])>, StoreError> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let sql = "SELECT event_id, policy_hash FROM event WHERE event_id IN";
        let rows = (&self.db).fetch_in(sql, &ids).await?;
        rows.iter()
            .map(|r| Ok((r.get("event_id")?, r.hash("policy_hash")?)))
            .collect()
    }

    /// Scheduled events that are due, oldest first.
    pub async fn due_announcements(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<ScheduledEvent>, StoreError> {
        self.db
            .fetch(
                "SELECT event_id, state, vetoed, maturity, attest_by, descriptor, policy_hash \
                 FROM event WHERE state = 'scheduled' AND announce_at <= $1 \
                 ORDER BY announce_at LIMIT $2",
                args![seconds(now), limit],
            )
            .await?
            .iter()
            .map(|r| r.read_as("event", "event_id", scheduled))
            .collect()
    }

    /// Marks scheduled events as never to be announced.
    pub async fn withdraw(
        &self,
        events: &[ScheduledEvent],
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<(), ChangeError> {
        let mut steps = Vec::with_capacity(events.len());
        for e in events {
            steps.push(step_of(&e.event_id, &e.standing, Input::Withdraw, now)?);
        }
        let mut tx = self.leader_tx().await?;
        tx.take_steps(&steps, Reason::Set(reason)).await?;
        Ok(tx.commit().await?)
    }
}

/// None where the series has no next event.
fn due_series(r: &Row) -> Result<Option<DueSeries>, StoreError> {
    let Some(next_maturity) = r.opt_maturity("next_maturity")? else {
        return Ok(None);
    };
    let series_id = r.get("series_id")?;
    Ok(Some(DueSeries {
        series_id,
        next_maturity,
    }))
}

fn scheduled(r: &Row) -> Result<ScheduledEvent, StoreError> {
    Ok(ScheduledEvent {
        event_id: event_id(&r.get::<String>("event_id")?)?,
        standing: standing(r)?,
        descriptor: descriptor::read(&r.get::<String>("descriptor")?)?,
        policy_hash: r.hash("policy_hash")?,
    })
}

/// [`Store::schedule`] as part of a transaction that holds the ledger's lock.
pub(super) async fn schedule_in(
    tx: &mut LeaderTx<'_>,
    events: &[NewEvent],
    series: &[SeriesRow],
    policies: &[([u8; 32], Vec<u8>)],
) -> Result<u64, StoreError> {
    put_policies(tx, policies).await?;
    let mut rows = Vec::with_capacity(events.len());
    for e in events {
        rows.push(args![
            e.event_id.as_str(),
            e.series.clone(),
            e.kind,
            e.maturity,
            seconds(e.attest_by),
            seconds(e.announce_at),
            descriptor::write(&e.descriptor)?,
            e.policy_hash,
            e.round_key.as_str(),
            seconds(e.overdue_at),
            e.sole_outcomes,
            State::Scheduled.as_str(),
            e.search.clone()
        ]);
    }
    let new = tx
        .insert_rows(
            "INSERT INTO event (event_id, series, kind, maturity, attest_by, announce_at, \
             descriptor, policy_hash, round_key, overdue_at, sole_outcomes, state, search)",
            rows,
            "ON CONFLICT (event_id) DO NOTHING",
        )
        .await?;
    tx.count_events(State::Scheduled, new).await?;
    let mut seen = HashSet::new();
    let rounds = events
        .iter()
        .filter(|e| seen.insert((e.round_key.as_str(), e.maturity)))
        .map(|e| {
            args![
                e.round_key.as_str(),
                e.maturity,
                e.question.as_str(),
                "open",
                0_i64,
                millis(e.round_due),
                opt_millis(e.sample_from)
            ]
        })
        .collect();
    tx.insert_rows(
        "INSERT INTO round (round_key, maturity, question, state, attempts, due_ms, sample_ms)",
        rounds,
        "ON CONFLICT (round_key, maturity) DO NOTHING",
    )
    .await?;
    insert_subjects(tx, events).await?;
    let moved = series.iter().map(SeriesRow::arguments).collect();
    tx.insert_rows(
        "INSERT INTO series \
         (series_id, definition, policy_hash, next_maturity, next_announce_at)",
        moved,
        "ON CONFLICT (series_id) DO UPDATE SET next_maturity = excluded.next_maturity, \
         next_announce_at = excluded.next_announce_at",
    )
    .await?;
    Ok(new)
}

/// The questions that new events ask: each at the earliest maturity and as often
/// as any event wants it.
async fn insert_subjects(tx: &mut LeaderTx<'_>, events: &[NewEvent]) -> Result<(), StoreError> {
    let mut wanted: BTreeMap<&str, (&NewSubject, i64, Maturity)> = BTreeMap::new();
    let mut links = Vec::new();
    for e in events {
        for subject in &e.subjects {
            let entry = wanted.entry(subject.key.as_str()).or_insert((
                subject,
                subject.read_every_s,
                e.maturity,
            ));
            entry.1 = entry.1.min(subject.read_every_s);
            entry.2 = entry.2.min(e.maturity);
            links.push(args![e.event_id.as_str(), subject.key.as_str()]);
        }
    }
    let mut rows = Vec::with_capacity(wanted.len());
    for (key, (subject, every, first)) in wanted {
        let source = serde_json::to_string(&subject.source)
            .map_err(|e| StoreError::Damaged(e.to_string()))?;
        let provider = subject.source.provider.as_str();
        let due = millis(first.to_datetime());
        rows.push(args![key, provider, source, every, due]);
    }
    tx.insert_rows(
        "INSERT INTO subject (subject_key, provider, source, read_every_s, due_ms)",
        rows,
        "ON CONFLICT (subject_key) DO UPDATE SET \
         read_every_s = CASE WHEN excluded.read_every_s < subject.read_every_s \
         THEN excluded.read_every_s ELSE subject.read_every_s END, \
         due_ms = CASE WHEN subject.due_ms IS NULL OR excluded.due_ms < subject.due_ms \
         THEN excluded.due_ms ELSE subject.due_ms END",
    )
    .await?;
    tx.insert_rows(
        "INSERT INTO event_subject (event_id, subject_key)",
        links,
        "ON CONFLICT (event_id, subject_key) DO NOTHING",
    )
    .await?;
    Ok(())
}

pub(super) async fn put_policies(
    tx: &mut LeaderTx<'_>,
    policies: &[([u8; 32], Vec<u8>)],
) -> Result<(), StoreError> {
    let rows = policies
        .iter()
        .map(|(hash, document)| args![*hash, document.as_slice()])
        .collect();
    tx.insert_rows(
        "INSERT INTO policy (policy_hash, document)",
        rows,
        "ON CONFLICT (policy_hash) DO NOTHING",
    )
    .await?;
    Ok(())
}
