//! What sources of facts have answered, in memory from one decision to the next.
//!
//! Each answer makes every event that asks the same due at once, and each of them
//! weighs all that was answered since its maturity. That is read once; from then on a tick
//! reads what came since the last one, however many events ask and however much was
//! answered before. A source that says another thing each time would else delay prices.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_feeds::observation::SourceReading;
use oracle_schema::evidence::Observation;
use oracle_schema::policy::FactSource;

use super::rows::readings;
use crate::keys::SubjectKey;
use crate::store::{OBSERVATIONS, STANCE, Store, StoreError};

/// How far before a maturity an attempt may have begun of which something came after
/// it: attempts are kept whole.
const BEFORE: TimeDelta = TimeDelta::hours(1);

/// Exchanges cached at most, of all subjects together.
const CACHED: usize = 20_000;

/// Readings that stand together for events with the same sources and maturity, cached
/// during one tick.
const TOGETHER: usize = 20_000;

/// What some sources answered since a time.
type Asked = (Vec<SubjectKey>, DateTime<Utc>);

/// What sources have answered, by subject.
#[derive(Debug, Default)]
pub(super) struct Answers {
    subjects: HashMap<SubjectKey, Subject>,
    together: HashMap<Asked, Arc<Vec<SourceReading>>>,
    /// Counts ticks.
    tick: u64,
}

#[derive(Debug, Default)]
struct Subject {
    /// From when on it was read.
    since: DateTime<Utc>,
    /// Oldest first.
    attempts: Vec<Attempt>,
    /// The tick in which the store was last asked.
    tick: Option<u64>,
}

/// One attempt at a source: its exchanges, and what they say.
#[derive(Debug)]
struct Attempt {
    number: i64,
    rows: Vec<Observation>,
    readings: Vec<SourceReading>,
}

impl Attempt {
    fn is_since(&self, since: DateTime<Utc>) -> bool {
        let since_ms = since.timestamp_millis();
        self.rows.iter().all(|row| row.sent_ms >= since_ms)
    }

    fn says(&self, verdict: &str) -> bool {
        self.rows.iter().any(|row| row.verdict == verdict)
    }
}

impl Answers {
    /// What sources answered since `since`, for a decision.
    pub(super) async fn by(
        &mut self,
        store: &Store,
        sources: &[FactSource],
        since: DateTime<Utc>,
    ) -> Result<Arc<Vec<SourceReading>>, StoreError> {
        let keys = sources.iter().map(SubjectKey::of);
        let asked = (keys.collect::<Result<Vec<_>, _>>()?, since);
        if let Some(known) = self.together.get(&asked) {
            return Ok(known.clone());
        }
        let mut readings = Vec::new();
        for key in &asked.0 {
            let attempts = self.subject(store, key, since).await?.since(since);
            readings.extend(attempts.flat_map(|a| &a.readings).cloned());
        }
        let rows: usize = self.together.values().map(|known| known.len()).sum();
        if rows + readings.len() > TOGETHER {
            self.together.clear();
        }
        let readings = Arc::new(readings);
        self.together.insert(asked, readings.clone());
        Ok(readings)
    }

    /// The rows that a manifest lists of a subject: those that a decision in the same
    /// tick was made from.
    pub(super) async fn rows(
        &mut self,
        store: &Store,
        key: &SubjectKey,
        since: DateTime<Utc>,
    ) -> Result<Vec<Observation>, StoreError> {
        let attempts = self.subject(store, key, since).await?.since(since);
        Ok(attempts.flat_map(|a| &a.rows).cloned().collect())
    }

    /// Ends a tick: until the next one more may be answered.
    pub(super) fn end_tick(&mut self) {
        self.tick += 1;
        self.together.clear();
        let mut rows: usize = self.subjects.values().map(Subject::rows).sum();
        if rows <= CACHED {
            return;
        }
        let mut oldest: Vec<(Option<u64>, SubjectKey)> = Vec::with_capacity(self.subjects.len());
        oldest.extend(self.subjects.iter().map(|(key, s)| (s.tick, key.clone())));
        oldest.sort_unstable();
        for (_, key) in oldest {
            if rows <= CACHED {
                break;
            }
            let gone = self.subjects.remove(&key);
            rows -= gone.map_or(0, |subject| subject.rows());
        }
    }

    /// A subject with its answers up to this tick.
    async fn subject(
        &mut self,
        store: &Store,
        key: &SubjectKey,
        since: DateTime<Utc>,
    ) -> Result<&Subject, StoreError> {
        let subject = self.subjects.entry(key.clone()).or_default();
        let since = since - BEFORE;
        let is_new = subject.tick.is_none() || since < subject.since;
        if is_new || subject.attempts.is_empty() && subject.tick != Some(self.tick) {
            subject.attempts = attempts(store.answers(key, since).await?)?;
            subject.since = since;
            // What stood together came from what was read before.
            self.together.clear();
        } else if subject.tick != Some(self.tick) {
            subject.go_on(store, key).await?;
        }
        subject.tick = Some(self.tick);
        Ok(subject)
    }
}

impl Subject {
    fn rows(&self) -> usize {
        self.attempts.iter().map(|a| a.rows.len()).sum()
    }

    /// Reads what was answered since it was last read.
    async fn go_on(&mut self, store: &Store, key: &SubjectKey) -> Result<(), StoreError> {
        // From the last attempt on: another may stand in its place that answered the same.
        let from = self.attempts.last().map_or(0, |last| last.number);
        let rows = store.answers_from(key, self.since, from).await?;
        if rows.len() >= OBSERVATIONS {
            self.attempts = attempts(store.answers(key, self.since).await?)?;
            return Ok(());
        }
        let rows = attempts(rows)?;
        self.attempts.retain(|attempt| attempt.number < from);
        self.attempts.extend(rows);
        let in_sight = self.in_sight();
        let mut in_sight = in_sight.into_iter();
        self.attempts.retain(|_| in_sight.next().unwrap_or(true));
        Ok(())
    }

    /// Which attempts are among the latest rows, or are what the source last answered.
    /// Bounded as what the store reads at once is.
    fn in_sight(&self) -> Vec<bool> {
        let (mut rows, mut observed, mut contradicted) = (0, 0, false);
        let mut in_sight: Vec<bool> = Vec::with_capacity(self.attempts.len());
        for attempt in self.attempts.iter().rev() {
            rows += attempt.rows.len();
            let of_stance = attempt.says("observation") && observed < STANCE
                || attempt.says("contradiction") && !contradicted;
            if attempt.says("observation") {
                observed += attempt.rows.len();
            }
            contradicted |= attempt.says("contradiction");
            in_sight.push(rows < OBSERVATIONS || of_stance);
        }
        in_sight.reverse();
        in_sight
    }

    /// Whole attempts since a time, oldest first.
    fn since(&self, since: DateTime<Utc>) -> impl Iterator<Item = &Attempt> {
        let attempts = self.attempts.iter();
        attempts.filter(move |attempt| attempt.is_since(since))
    }
}

/// Rows of a subject by attempt.
fn attempts(rows: Vec<Observation>) -> Result<Vec<Attempt>, StoreError> {
    let mut attempts: Vec<Attempt> = Vec::new();
    for row in rows {
        match attempts.last_mut().filter(|a| a.number == row.attempt) {
            Some(attempt) => attempt.rows.push(row),
            None => attempts.push(Attempt {
                number: row.attempt,
                rows: vec![row],
                readings: Vec::new(),
            }),
        }
    }
    for attempt in &mut attempts {
        attempt.readings = readings(&attempt.rows)?;
    }
    Ok(attempts)
}
