//! When a source is asked again, by what it answered.

use std::time::Duration;

use crate::observation::Reading;

/// Time to the next question, after `failures` failures in a row (this one
/// included).
///
/// - a fact, `not_yet`, `no_data`: at the pace of the policy;
/// - transient: from 5 s doubling to 5 minutes, or as long as the source asked;
/// - contradiction: from 30 s doubling to 15 minutes: somebody has to mend it;
/// - permanent: from 1 minute doubling to 1 hour: somebody has to see it.
///
/// A failure never makes a source be asked more often than its policy does,
/// except that nobody waits longer than those bounds for the first answer.
pub fn next_question(reading: &Reading, read_every: Duration, failures: u32) -> Duration {
    let (first, most) = match reading {
        Reading::Observation(_) | Reading::NotYet(_) | Reading::Lagging(_) | Reading::NoData(_) => {
            return read_every;
        }
        Reading::Transient { .. } => (Duration::from_secs(5), Duration::from_mins(5)),
        Reading::Contradiction(_) => (Duration::from_secs(30), Duration::from_mins(15)),
        Reading::Permanent(_) => (Duration::from_mins(1), Duration::from_hours(1)),
    };
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let asked = match reading {
        Reading::Transient { retry_after, .. } => retry_after.unwrap_or_default(),
        _ => Duration::ZERO,
    };
    doubled.min(most).max(read_every.min(most)).max(asked)
}

/// Failures in a row after this reading.
pub fn failures_after(reading: &Reading, before: u32) -> u32 {
    if reading.is_readable() {
        0
    } else {
        before.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(30);

    fn transient(retry_after: Option<u64>) -> Reading {
        Reading::Transient {
            detail: String::new(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn an_answer_is_followed_by_the_policys_pace_whatever_failed_before() {
        for reading in [
            Reading::NotYet(String::new()),
            Reading::NoData(String::new()),
        ] {
            assert_eq!(next_question(&reading, EVERY, 9), EVERY);
            assert_eq!(failures_after(&reading, 9), 0);
        }
    }

    #[test]
    fn every_class_of_failure_backs_off_to_its_own_bound_and_no_further() {
        let classes = [
            (transient(None), 300),
            (Reading::Contradiction(String::new()), 900),
            (Reading::Permanent(String::new()), 3600),
        ];
        for (reading, most) in classes {
            let waits: Vec<u64> = (1..40)
                .map(|n| next_question(&reading, Duration::from_secs(1), n).as_secs())
                .collect();
            assert!(waits.is_sorted(), "{waits:?}");
            assert_eq!(waits.last(), Some(&most));
            assert_eq!(failures_after(&reading, 3), 4);
        }
    }

    #[test]
    fn a_source_that_asks_to_be_left_alone_is() {
        let wait = next_question(&transient(Some(1800)), EVERY, 1);
        assert_eq!(wait, Duration::from_mins(30));
    }

    #[test]
    fn a_failure_never_quickens_a_slow_policy_beyond_the_bound() {
        let slow = Duration::from_hours(6);
        assert_eq!(
            next_question(&transient(None), slow, 1),
            Duration::from_mins(5)
        );
    }
}
