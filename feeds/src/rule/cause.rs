//! Why nothing is attested yet. Rules and the engine act on the variant; the
//! sentence is for people, and rewording it changes nothing.

use std::fmt;

use chrono::DateTime;
use serde::{Deserialize, Serialize};

use super::words::Words;

/// Why an event waits, or is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case", deny_unknown_fields)]
pub enum Cause {
    /// Its maturity is ahead.
    NotMatured,
    /// A price's `settle_delay` runs.
    Settling {
        /// Until when, Unix seconds.
        until: i64,
    },
    /// Sources have not shown that they moved past T, and are waited for.
    Lagging {
        /// Until when, Unix seconds.
        until: i64,
        /// Which.
        sources: Vec<String>,
    },
    /// Sources agree, and the settle delay runs.
    Agreed,
    /// Operators agree, and may still veto.
    Vetoable,
    /// Independent providers' clocks agree that the local one is wrong.
    Clock {
        /// By how much it is ahead, seconds; negative where it is behind.
        ahead_s: i64,
    },
    /// What the answers say of the time is earlier than the local clock, and no
    /// two roots say the same: they may be wrong, or the clock.
    Behind {
        /// By how much, seconds.
        by_s: i64,
    },
    /// The local clock moved otherwise than the monotonic one. No rule says
    /// so: the process that runs them does.
    ClockJumped,
    /// Nobody has told the time: neither the sources, nor lately anybody else that
    /// the local clock is right. No rule says so: the process that runs them does.
    Untold,
    /// No source stands for an outcome.
    NoOutcome {
        /// What each says, for people.
        why: Words,
    },
    /// Fewer stand for an outcome than must.
    TooFew {
        /// How many do.
        have: u32,
        /// How many must.
        need: u32,
        /// Of what, and what is wrong with the others, for people.
        why: Words,
    },
    /// An answer that cannot be read leaves too few: people must look.
    Unreadable {
        /// What it leaves.
        leaves: Box<Cause>,
    },
    /// Sources stand for different outcomes.
    Dissent {
        /// Who says what, for people.
        why: Words,
    },
    /// What a source says no outcome stands for, or contradicts the
    /// announcement.
    Objection {
        /// Who says what, for people.
        why: Words,
    },
    /// No outcome can have enough reports any more, or two have.
    Deadlock {
        /// Who reported what, for people.
        why: Words,
    },
    /// The void window is over, and there is no answer to tell whether the
    /// match was played: people must look.
    VoidWindow {
        /// What was waited for.
        waited: Box<Cause>,
    },
    /// A median with more digits than a decimal has.
    TooManyDigits,
    /// The announced policy cannot be read or has no rule here.
    Policy {
        /// What is wrong with it, for people.
        why: Words,
    },
}

impl Cause {
    /// Whether the local clock is doubted, or nobody confirms it: an alarm.
    pub fn is_clock(&self) -> bool {
        matches!(self, Self::Clock { .. } | Self::ClockJumped | Self::Untold)
    }

    /// Whether it is open what time it is, so that no window can be told to be
    /// over.
    pub fn is_of_time(&self) -> bool {
        self.is_clock() || matches!(self, Self::Behind { .. })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMatured => f.write_str("it has not matured"),
            Self::Settling { until } => write!(f, "settling until {}", instant(*until)),
            Self::Lagging { until, sources } => write!(
                f,
                "waiting until {} for what has not shown that it moved past maturity: {}",
                instant(*until),
                sources.join(", ")
            ),
            Self::Agreed => {
                f.write_str("settling: sources agree, and must still do so when the delay is over")
            }
            Self::Vetoable => f.write_str("settling: operators agree, and a veto may still come"),
            Self::Clock { ahead_s } if *ahead_s < 0 => {
                let behind_s = ahead_s.unsigned_abs();
                write!(f, "clock: local time is {behind_s} s behind the providers'")
            }
            Self::Clock { ahead_s } => {
                write!(
                    f,
                    "clock: local time is {ahead_s} s ahead of the providers'"
                )
            }
            Self::Behind { by_s } => write!(
                f,
                "the answers say that it is {by_s} s earlier than by the local clock, \
                 and no two independent sources say the same"
            ),
            Self::ClockJumped => f.write_str("clock: it has jumped ahead"),
            Self::Untold => f.write_str(
                "no answer has told the time: its sources do not, and nobody else has confirmed \
                 the clock lately",
            ),
            Self::NoOutcome { why } => write!(f, "no outcome yet: {why}"),
            Self::TooFew { have, need, why } => write!(f, "{have} of {need} {why}"),
            Self::Unreadable { leaves } => leaves.fmt(f),
            Self::Dissent { why } => write!(f, "sources disagree: {why}"),
            Self::Objection { why } | Self::Deadlock { why } | Self::Policy { why } => why.fmt(f),
            Self::VoidWindow { waited } => write!(f, "the void window is over and {waited}"),
            Self::TooManyDigits => f.write_str("the median has too many digits"),
        }
    }
}

/// A time for people; a number beyond any calendar.
pub(super) fn instant(unix: i64) -> String {
    DateTime::from_timestamp(unix, 0)
        .map_or_else(|| unix.to_string(), |t| t.format("%FT%TZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each, its sentence, and whether it is an alarm of the clock and about
    /// the time. A sentence is published and stored: who rewords it does so here too,
    /// and nothing else may change by it.
    fn all() -> Vec<(Cause, &'static str, [bool; 2])> {
        let why = || Words::from("a: b");
        let few = Cause::TooFew {
            have: 1,
            need: 2,
            why: "sources: a: b".into(),
        };
        let lagging = Cause::Lagging {
            until: 60,
            sources: vec!["a".to_owned(), "b".to_owned()],
        };
        let untold = "no answer has told the time: its sources do not, and nobody else has \
                      confirmed the clock lately";
        let behind = "the answers say that it is 70 s earlier than by the local clock, and no \
                      two independent sources say the same";
        let agreed = "settling: sources agree, and must still do so when the delay is over";
        let lags = "waiting until 1970-01-01T00:01:00Z for what has not shown that it moved past \
                    maturity: a, b";
        let vetoable = "settling: operators agree, and a veto may still come";
        let clock = |ahead_s| Cause::Clock { ahead_s };
        let ahead = "clock: local time is 70 s ahead of the providers'";
        let slow = "clock: local time is 70 s behind the providers'";
        let window = |waited: Cause| Cause::VoidWindow {
            waited: Box::new(waited),
        };
        let unreadable = Cause::Unreadable {
            leaves: Box::new(few.clone()),
        };
        let (none, time, alarm) = ([false; 2], [false, true], [true; 2]);
        vec![
            (Cause::NotMatured, "it has not matured", none),
            (
                Cause::Settling { until: 60 },
                "settling until 1970-01-01T00:01:00Z",
                none,
            ),
            (lagging, lags, none),
            (Cause::Agreed, agreed, none),
            (Cause::Vetoable, vetoable, none),
            (clock(70), ahead, alarm),
            (clock(-70), slow, alarm),
            (Cause::Behind { by_s: 70 }, behind, time),
            (Cause::ClockJumped, "clock: it has jumped ahead", alarm),
            (Cause::Untold, untold, alarm),
            (
                Cause::NoOutcome { why: why() },
                "no outcome yet: a: b",
                none,
            ),
            (few.clone(), "1 of 2 sources: a: b", none),
            (unreadable, "1 of 2 sources: a: b", none),
            (
                Cause::Dissent { why: why() },
                "sources disagree: a: b",
                none,
            ),
            (Cause::Objection { why: why() }, "a: b", none),
            (Cause::Deadlock { why: why() }, "a: b", none),
            (
                window(few),
                "the void window is over and 1 of 2 sources: a: b",
                none,
            ),
            (Cause::TooManyDigits, "the median has too many digits", none),
            (Cause::Policy { why: why() }, "a: b", none),
        ]
    }

    #[test]
    fn the_sentences_are_these() {
        for (cause, text, _) in all() {
            assert_eq!(cause.to_string(), text, "{cause:?}");
        }
    }

    #[test]
    fn what_a_cause_is_does_not_depend_on_words() {
        for (cause, _, is) in all() {
            assert_eq!([cause.is_clock(), cause.is_of_time()], is, "{cause:?}");
        }
        // Words that once made an alarm, in a cause that is none.
        let why = Words::from("clock: local time is 600 s ahead of the providers'");
        for cause in [
            Cause::NoOutcome { why: why.clone() },
            Cause::Objection { why: why.clone() },
            Cause::Policy { why },
        ] {
            assert!(!cause.is_clock() && !cause.is_of_time(), "{cause:?}");
        }
    }
}
