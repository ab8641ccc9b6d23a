//! Samples: sources that answer no question about the past are read before T.
//!
//! Which rounds have such sources stands in their rows; what was read is
//! evidence like everything else, so a process that starts between two samples
//! goes on. Only when the next one is due stands in memory: a start takes one
//! more than it must.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_feeds::observation::{PriceQuery, Query, Reading, SourceReading};
use oracle_feeds::provider::SAMPLE_ANSWER_S;
use oracle_schema::Maturity;
use oracle_schema::policy::{LegPolicy, SamplePolicy, SourcePolicy};
use tokio::task::Id;

use super::clock_trust::Moment;
use super::observe::exchange_row;
use super::rows::readings;
use super::{Engine, EngineError, LegAt, Seen};
use crate::keys::{LegKey, Question};
use crate::store::DueRound;

/// Rounds sampled at once, those that mature first before the others.
const ROUNDS: i64 = 256;

/// Samples under way at once.
const UNDER_WAY: usize = 256;

/// The same of one source: one that answers slowly keeps no other waiting.
const UNDER_WAY_OF_SOURCE: usize = 32;

/// How long before T the last sample is taken, seconds: a tick comes every second,
/// and a request that leaves after T does not count.
const LAST_S: i64 = 2;

/// A source of a leg at a maturity.
type SampleKey = (LegAt, String);

/// The samples of one process.
#[derive(Default)]
pub(super) struct Sampling {
    under_way: HashMap<SampleKey, Id>,
    /// The last slot of each for which a sample was taken, Unix seconds.
    taken: HashMap<SampleKey, i64>,
    /// Sources that asked to be left alone, until when.
    left_alone: HashMap<String, DateTime<Utc>>,
}

impl Sampling {
    /// A task died: what it sampled is free again.
    pub(super) fn died(&mut self, task: Id) {
        let taken = &mut self.taken;
        self.under_way.retain(|key, other| {
            if *other == task {
                taken.remove(key);
            }
            *other != task
        });
    }

    /// How many are under way.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    fn forget_before(&mut self, now: DateTime<Utc>) {
        self.taken
            .retain(|((_, at), _), _| at.unix() >= now.timestamp());
        self.left_alone.retain(|_, until| *until > now);
    }
}

/// What a source answered.
pub(super) struct SampleSeen {
    begun: Moment,
    key: SampleKey,
    /// None if it did not answer while that could count.
    reading: Option<SourceReading>,
}

impl Engine {
    /// Takes the samples that are due.
    pub(super) async fn take_samples(&mut self) -> Result<(), EngineError> {
        if self.clock_trust.runs_ahead(&*self.clock) {
            // A round whose T seems to be over could still be sampled when the clock
            // is set right, and a sample of now would be stored under a later time.
            return Ok(());
        }
        let now = self.clock.now();
        let (rounds, mut over) = self.store.rounds_to_sample(now, ROUNDS).await?;
        self.sampling.forget_before(now);
        for round in rounds {
            match self.sample_round(&round, now) {
                Ok(()) => {}
                Err(e) if e.is_about_one_round() => {
                    let (key, at) = (round.id.round_key.as_str(), round.id.maturity.unix());
                    tracing::error!(round = key, maturity = at, error = %e, "cannot be sampled");
                    over.push(round);
                }
                Err(e) => return Err(e),
            }
        }
        if !over.is_empty() {
            self.store.end_sampling(&over).await?;
        }
        Ok(())
    }

    fn sample_round(&mut self, round: &DueRound, now: DateTime<Utc>) -> Result<(), EngineError> {
        let Question::Price(price) = &round.question else {
            return Ok(());
        };
        let at = round.id.maturity;
        for leg in price.legs()? {
            let Some(slot) = leg.sample.and_then(|sample| slot(sample, at.unix(), now)) else {
                continue;
            };
            let key = LegKey::of(&leg)?;
            for source in leg.sources.iter().filter(|s| s.is_sampled()) {
                self.sample(&leg, source, (key.clone(), at), slot, now);
            }
        }
        Ok(())
    }

    fn sample(
        &mut self,
        leg: &LegPolicy,
        source: &SourcePolicy,
        leg_at: LegAt,
        slot: i64,
        now: DateTime<Utc>,
    ) {
        let at = leg_at.1;
        let last_answer = at.to_datetime() + TimeDelta::seconds(SAMPLE_ANSWER_S);
        let key = (leg_at, source.id.clone());
        let is_taken = self
            .sampling
            .taken
            .get(&key)
            // Slots go back with the clock.
            .is_some_and(|last| *last == slot);
        let under_way = &self.sampling.under_way;
        let of_source = under_way.keys().filter(|(_, id)| *id == source.id);
        let is_busy = under_way.contains_key(&key)
            || under_way.len() >= UNDER_WAY
            || of_source.count() >= UNDER_WAY_OF_SOURCE;
        let is_left_alone = self.sampling.left_alone.contains_key(&source.id)
            || self.disabled(&source.id, now).is_some();
        // The slot stays open: it is taken once that is over.
        if is_taken || is_busy || is_left_alone {
            return;
        }
        let (fetcher, clock) = (self.fetcher.clone(), self.clock.clone());
        let (leg, source) = (leg.clone(), source.clone());
        let seen = key.clone();
        let task = self.observing.spawn(async move {
            let begun = Moment::of(&*clock);
            let query = Query::Price(PriceQuery::of(&leg, &source, at.unix()));
            let reading = tokio::select! {
                biased;
                reading = fetcher.observe(&query) => Some(reading),
                () = until(&*clock, last_answer) => None,
            };
            Seen::Sample(SampleSeen {
                begun,
                key: seen,
                reading,
            })
        });
        self.sampling.under_way.insert(key.clone(), task.id());
        self.sampling.taken.insert(key, slot);
    }

    /// Keeps what a source answered before T.
    pub(super) async fn take_in_sample(&mut self, seen: SampleSeen) -> Result<(), EngineError> {
        self.sampling.under_way.remove(&seen.key);
        let Some(reading) = &seen.reading else {
            return Ok(());
        };
        let now = self.clock.now();
        if let Reading::Transient {
            retry_after: Some(wait),
            ..
        } = &reading.reading
        {
            let until = now + TimeDelta::from_std(*wait).unwrap_or_default();
            self.sampling
                .left_alone
                .insert(reading.source.clone(), until);
        }
        self.note_sources(std::slice::from_ref(reading), now);
        self.note_skews(seen.begun, std::slice::from_ref(reading));
        if reading.exchanges.is_empty() {
            return Ok(());
        }
        let exchanges: Vec<_> = reading
            .exchanges
            .iter()
            .map(|e| exchange_row(reading, e))
            .collect::<Result<_, _>>()?;
        let ((leg_key, at), source) = &seen.key;
        let saved = self.store.save_sample(leg_key, *at, source, &exchanges);
        if let Err(e) = saved.await {
            self.sampling.taken.remove(&seen.key);
            return Err(e.into());
        }
        Ok(())
    }

    /// Whether samples of these legs are still under way. Their round waits: what
    /// it decides from, a replay finds in the evidence.
    pub(super) fn is_sampling(
        &self,
        legs: &[LegPolicy],
        at: Maturity,
    ) -> Result<bool, EngineError> {
        for leg in legs.iter().filter(|leg| leg.sample.is_some()) {
            let leg_at = (LegKey::of(leg)?, at);
            if self.sampling.under_way.keys().any(|(of, _)| *of == leg_at) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The samples of a leg, for the decision after T.
    pub(super) async fn samples(
        &self,
        leg: &LegPolicy,
        key: &LegKey,
        at: Maturity,
    ) -> Result<Vec<SourceReading>, EngineError> {
        let sampled = leg.sources.iter().filter(|s| s.is_sampled());
        let sources: Vec<&str> = sampled.map(|s| s.id.as_str()).collect();
        if sources.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.store.sample_rows(key, at, &sources).await?;
        Ok(readings(&rows)?)
    }
}

/// The last slot up to `now`, Unix seconds: slots are `every_s` apart, counted
/// back from T, and one shortly before T. None where none counts.
fn slot(sample: SamplePolicy, at: i64, now: DateTime<Utc>) -> Option<i64> {
    let begin = at.saturating_sub(i64::from(sample.from_s.get()));
    let is_over = now.timestamp_millis() > at.saturating_mul(1000);
    let left = at.saturating_sub(now.timestamp());
    if now.timestamp() < begin || is_over {
        return None;
    }
    let every = i64::from(sample.every_s.get());
    let regular = at - (left.saturating_add(every - 1)).div_euclid(every) * every;
    let last = (left <= LAST_S).then_some(at - LAST_S);
    Some(last.map_or(regular, |last| last.max(regular)))
}

/// Resolves when the clock shows `at`.
async fn until(clock: &dyn crate::clock::Clock, at: DateTime<Utc>) {
    // A clock may wake its sleepers before their time.
    while clock.now() < at {
        clock.sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    const T: i64 = 1_790_870_400;

    fn policy(every: u32, from: u32) -> SamplePolicy {
        SamplePolicy {
            every_s: every.try_into().unwrap(),
            from_s: from.try_into().unwrap(),
        }
    }

    fn at_ms(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(T * 1000 + ms).unwrap()
    }

    fn slot_at(every: u32, from: u32, ms: i64) -> Option<i64> {
        slot(policy(every, from), T, at_ms(ms)).map(|slot| slot - T)
    }

    #[test]
    fn slots_count_back_from_t_and_end_with_it() {
        for (ms, slot) in [
            (-900_001, None),
            (-900_000, Some(-900)),
            (-899_000, Some(-900)),
            (-840_000, Some(-840)),
            (-60_000, Some(-60)),
            (-3000, Some(-60)),
            (-2000, Some(-2)),
            (-1, Some(-2)),
            (0, Some(0)),
            (1, None),
        ] {
            assert_eq!(slot_at(60, 900, ms), slot, "{ms}");
        }
        // A beginning between two slots.
        assert_eq!(slot_at(60, 90, -90_000), Some(-120));
        assert_eq!(slot_at(60, 90, -60_000), Some(-60));
    }

    proptest! {
        /// Looked at every second, a source is sampled about as often as its policy
        /// says, and never after T.
        #[test]
        fn a_source_is_sampled_as_often_as_its_policy_says(
            every in 10_u32..200,
            more in 0_u32..1000,
            phase in 0_i64..1000,
        ) {
            let from = every + more;
            let mut taken: Vec<i64> = Vec::new();
            let mut last = None;
            for second in -i64::from(from) - 5..5 {
                let now = second * 1000 + phase;
                let due = slot_at(every, from, now).filter(|slot| last.is_none_or(|l| l < *slot));
                if due.is_some() {
                    last = due;
                    taken.push(now);
                }
            }
            prop_assert!(taken.iter().all(|ms| *ms <= 0 && *ms >= -i64::from(from) * 1000));
            prop_assert!(taken.last() >= Some(&(-LAST_S * 1000)));
            let most = usize::try_from(from / every).unwrap() + 3;
            prop_assert!(taken.len() <= most, "{} of {most}", taken.len());
            let gap = i64::from(every) * 1000 + 1000;
            prop_assert!(taken.windows(2).all(|pair| pair[1] - pair[0] <= gap));
        }
    }
}
