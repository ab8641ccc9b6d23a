//! What of a fact an outcome rests on.

use std::fmt;

use crate::fact::{MatchState, Score};

/// What of a fact an outcome rests on. A source whose grounds change has changed
/// its mind, though it may stand for the same outcome as before; the sentence is
/// for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grounds {
    /// The score that counts.
    Played {
        /// Without a shootout's goals.
        score: Score,
        /// Whether it is the score after extra time.
        after_extra: bool,
        /// The shootout's goals, where they count.
        penalties: Option<Score>,
    },
    /// It was never played, or decided otherwise: cancelled, awarded, walkover.
    NotPlayed(MatchState),
    /// It was not over when the void window was.
    NotOver(MatchState),
    /// It was played after the void window.
    PlayedLate,
    /// A declared winner, by the provider's id.
    Winner(String),
    /// A declared run-off.
    Runoff,
    /// Counted votes, all of them: a correction that leaves the winner alone is
    /// a change of mind all the same.
    Votes(Vec<(String, u64)>),
    /// A value: one that moves within an outcome is no change of mind.
    Value,
    /// Reports of these operators.
    Reports(Vec<String>),
}

impl fmt::Display for Grounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Played {
                score,
                after_extra,
                penalties,
            } => {
                write!(f, "{score}")?;
                if *after_extra {
                    f.write_str(" after extra time")?;
                }
                match penalties {
                    Some(penalties) => write!(f, ", {penalties} on penalties"),
                    None => Ok(()),
                }
            }
            Self::NotPlayed(state) => f.write_str(state.words()),
            Self::NotOver(state) => write!(f, "{} beyond the void window", state.words()),
            Self::PlayedLate => f.write_str("played beyond the void window"),
            Self::Winner(id) => write!(f, "winner {id}"),
            Self::Runoff => f.write_str("runoff"),
            Self::Votes(votes) => {
                let votes = votes.iter().map(|(name, votes)| format!("{name} {votes}"));
                f.write_str(&votes.collect::<Vec<_>>().join(", "))
            }
            Self::Value => f.write_str("its value"),
            Self::Reports(operators) => write!(f, "reported by {}", operators.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentences_are_these() {
        let score = |home, away| Score { home, away };
        let played = |after_extra, penalties| Grounds::Played {
            score: score(2, 1),
            after_extra,
            penalties,
        };
        let votes = vec![("a".to_owned(), 2), ("b".to_owned(), 1)];
        let names = vec!["ann".to_owned(), "bob".to_owned()];
        for (grounds, text) in [
            (played(false, None), "2-1"),
            (played(true, None), "2-1 after extra time"),
            (played(false, Some(score(4, 3))), "2-1, 4-3 on penalties"),
            (
                played(true, Some(score(4, 3))),
                "2-1 after extra time, 4-3 on penalties",
            ),
            (Grounds::NotPlayed(MatchState::Cancelled), "cancelled"),
            (Grounds::NotPlayed(MatchState::Awarded), "awarded"),
            (Grounds::NotPlayed(MatchState::Walkover), "walkover"),
            (
                Grounds::NotOver(MatchState::InPlay),
                "in play beyond the void window",
            ),
            (Grounds::PlayedLate, "played beyond the void window"),
            (Grounds::Winner("kim".to_owned()), "winner kim"),
            (Grounds::Runoff, "runoff"),
            (Grounds::Votes(votes), "a 2, b 1"),
            (Grounds::Value, "its value"),
            (Grounds::Reports(names), "reported by ann, bob"),
        ] {
            assert_eq!(grounds.to_string(), text, "{grounds:?}");
        }
    }
}
