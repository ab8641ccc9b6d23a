//! What is known of a leg that has no fixing yet: when each of its sources may be
//! asked again.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_feeds::observation::{Reading, SourceReading};
use oracle_feeds::retry;
use oracle_feeds::rule::Cause;

/// How long after its last question a leg is remembered: longer than any round
/// waits that has nothing else to wait for.
const FORGET: TimeDelta = TimeDelta::minutes(10);

/// What has been seen of a leg so far.
#[derive(Debug, Default)]
pub(super) struct LegProgress {
    /// Why it has no price yet, and since when that is known; none before it was
    /// observed.
    cause: Option<(Cause, DateTime<Utc>)>,
    /// By source.
    sources: BTreeMap<String, Asked>,
}

/// What became of the last question to a source.
#[derive(Debug)]
struct Asked {
    /// Without its exchanges, which belong to the attempt that made them.
    reading: SourceReading,
    /// Failures in a row.
    failures: u32,
    /// When it may be asked again.
    due: DateTime<Utc>,
}

impl LegProgress {
    /// The last readings of the sources that are left alone now, because the wait
    /// that their answer called for is not over.
    pub(super) fn resting(&self, now: DateTime<Utc>) -> Vec<SourceReading> {
        let resting = self.sources.values().filter(|s| s.due > now);
        resting.map(|s| s.reading.clone()).collect()
    }

    /// Why the leg has no price yet, in a sentence.
    pub(super) fn reason(&self) -> String {
        self.cause
            .as_ref()
            .map_or_else(|| "not observed".to_owned(), |(cause, _)| cause.to_string())
    }

    /// Whether it has no price because it is open what time it is.
    pub(super) fn is_of_time(&self) -> bool {
        self.cause.as_ref().is_some_and(|(c, _)| c.is_of_time())
    }

    /// When the first source without a price may be asked again.
    pub(super) fn next_question(&self) -> Option<DateTime<Utc>> {
        let missing = self.sources.values();
        let missing = missing.filter(|s| s.reading.reading.price().is_none());
        missing.map(|s| s.due).min()
    }

    /// Whether nobody has asked for the leg since the last of its sources might have
    /// been asked again: the rounds that it belonged to are over.
    pub(super) fn is_forgotten(&self, now: DateTime<Utc>) -> bool {
        let noted = self.cause.as_ref().map(|(_, at)| *at);
        let last = self.sources.values().map(|s| s.due).chain(noted).max();
        last.is_none_or(|last| last + FORGET < now)
    }

    /// Takes in what an attempt brought: the readings of the sources that it
    /// asked, and why they came to no price.
    pub(super) fn note(&mut self, asked: Vec<SourceReading>, cause: Cause, now: DateTime<Utc>) {
        for mut reading in asked {
            let before = self.sources.get(&reading.source).map_or(0, |s| s.failures);
            let failures = retry::failures_after(&reading.reading, before);
            let due = now + own_wait(&reading.reading, failures);
            reading.exchanges.clear();
            let asked = Asked {
                reading,
                failures,
                due,
            };
            self.sources.insert(asked.reading.source.clone(), asked);
        }
        self.cause = Some((cause, now));
    }
}

/// How long a source is left alone for what it answered; the round's own pace
/// comes on top.
fn own_wait(reading: &Reading, failures: u32) -> TimeDelta {
    let wait = match reading {
        Reading::Permanent(_) | Reading::Contradiction(_) => {
            retry::next_question(reading, Duration::ZERO, failures)
        }
        Reading::Transient { retry_after, .. } => retry_after.unwrap_or_default(),
        Reading::Observation(_) | Reading::NotYet(_) | Reading::Lagging(_) | Reading::NoData(_) => {
            Duration::ZERO
        }
    };
    TimeDelta::from_std(wait).unwrap_or(TimeDelta::hours(1))
}

#[cfg(test)]
mod tests {
    use oracle_feeds::observation::{Observation, PriceObservation};
    use rust_decimal::Decimal;

    use super::*;

    fn now(s: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(s)
    }

    fn reading(source: &str, reading: Reading) -> SourceReading {
        SourceReading {
            source: source.to_owned(),
            root: source.to_owned(),
            exchanges: Vec::new(),
            reading,
        }
    }

    fn price() -> Reading {
        Reading::Observation(Observation::Price(PriceObservation {
            literal: "1".to_owned(),
            price: Decimal::ONE,
            effective_at: 0,
        }))
    }

    fn transient(retry_after: Option<u64>) -> Reading {
        Reading::Transient {
            detail: String::new(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn too_few() -> Cause {
        Cause::TooFew {
            have: 1,
            need: 2,
            why: "".into(),
        }
    }

    fn resting(progress: &LegProgress, s: i64) -> Vec<String> {
        let resting = progress.resting(now(s)).into_iter();
        resting.map(|reading| reading.source).collect()
    }

    #[test]
    fn a_source_rests_as_long_as_its_answer_calls_for_and_no_other_rests_with_it() {
        let mut progress = LegProgress::default();
        let asked = vec![
            reading("a", price()),
            reading("b", transient(Some(30))),
            reading("c", transient(None)),
            reading("d", Reading::Permanent(String::new())),
        ];
        progress.note(asked, too_few(), now(0));
        assert_eq!(resting(&progress, 0), ["b", "d"]);
        assert_eq!(resting(&progress, 30), ["d"]);
        assert_eq!(resting(&progress, 60), Vec::<String>::new());
        assert_eq!(progress.next_question(), Some(now(0)), "c");
    }

    #[test]
    fn while_all_without_a_price_rest_nothing_is_asked() {
        let mut progress = LegProgress::default();
        let asked = vec![reading("a", price()), reading("b", transient(Some(30)))];
        progress.note(asked, too_few(), now(0));
        assert_eq!(progress.next_question(), Some(now(30)));
    }

    #[test]
    fn a_leg_is_forgotten_when_nobody_asks_for_it_any_more() {
        let mut progress = LegProgress::default();
        progress.note(vec![reading("a", price())], too_few(), now(0));
        assert!(!progress.is_forgotten(now(600)));
        assert!(progress.is_forgotten(now(601)));
    }

    #[test]
    fn failures_in_a_row_make_the_wait_longer() {
        let mut progress = LegProgress::default();
        let mut at = 0;
        let mut waits = Vec::new();
        for _ in 0..4 {
            let asked = vec![reading("a", Reading::Contradiction(String::new()))];
            progress.note(asked, too_few(), now(at));
            let next = progress.next_question().map_or(0, |due| due.timestamp());
            waits.push(next - at);
            at = next;
        }
        assert_eq!(waits, [30, 60, 120, 240]);
    }
}
