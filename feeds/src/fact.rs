//! What matches, elections and other public values are like, in words that every provider's answer
//! can be put into. Facts, never outcomes: what they mean for a bet is a rule's
//! matter.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The state of a match, as one provider reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchFact {
    /// The provider's own words for state and score, for people:
    /// `FINISHED 2-1`.
    pub literal: String,
    /// How far the match is.
    pub state: MatchState,
    /// Kickoff as the provider has it now, Unix seconds. Where it contradicts
    /// itself (local and UTC time disagree) the later; none if it says that it
    /// does not know.
    pub kickoff: Option<i64>,
    /// The provider's id of the home side.
    pub home: String,
    /// The provider's id of the away side.
    pub away: String,
    /// After regular time; only what is final, never a running score.
    pub regular: Option<Score>,
    /// After extra time, goals of regular time included; none if none was
    /// played.
    pub extra: Option<Score>,
    /// The penalty shootout alone; none if there was none.
    pub penalties: Option<Score>,
    /// More than regular time was played, or may have been, and how the match
    /// ended cannot be told from the answer: `regular` is then not the final
    /// score, and `extra` and `penalties` may be missing though there were some.
    #[serde(default)]
    pub end_unknown: bool,
    /// There was a shootout, and the answer does not tell whether extra time came
    /// before it: who won is known, and the score that it followed is not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub extra_unknown: bool,
    /// Who won or advanced, where the provider says so.
    pub winner: Option<Side>,
    /// What makes the answer doubtful, for people: `goals end at 1-0, result
    /// is 2-1`. Not enough to refuse it, and to be seen in the trace.
    pub doubts: Vec<String>,
}

/// How far a match is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchState {
    /// Not begun.
    Scheduled,
    /// Begun and not over, pauses included.
    InPlay,
    /// Over and counted.
    Finished,
    /// Interrupted; it may go on.
    Suspended,
    /// To be played at another time.
    Postponed,
    /// Broken off for good, unless resumed.
    Abandoned,
    /// Will not be played.
    Cancelled,
    /// Decided at the table.
    Awarded,
    /// One side did not play.
    Walkover,
}

impl MatchState {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::InPlay => "in play",
            Self::Finished => "finished",
            Self::Suspended => "suspended",
            Self::Postponed => "postponed",
            Self::Abandoned => "abandoned",
            Self::Cancelled => "cancelled",
            Self::Awarded => "awarded",
            Self::Walkover => "walkover",
        }
    }
}

/// Goals, runs or points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Of the home side.
    pub home: u32,
    /// Of the away side.
    pub away: u32,
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.home, self.away)
    }
}

/// A side of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The home side.
    Home,
    /// The away side.
    Away,
}

/// The state of an election, as one provider reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElectionFact {
    /// The provider's own words, for people: `Called live`, `Endgültig`.
    pub literal: String,
    /// How far the count is.
    pub stage: ElectionStage,
    /// Ids of whoever the provider declares to have won. Empty where nobody is
    /// declared (a leader is not a winner).
    pub winners: Vec<String>,
    /// The provider says that a run-off decides.
    pub runoff: bool,
    /// The provider names a winner who does not lead the count: a call like any
    /// other, which the rule lets settle for longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trailing: bool,
    /// Final votes by id, where the provider declares no winner and the rule
    /// has to count; empty otherwise.
    pub votes: BTreeMap<String, u64>,
    /// What makes the answer doubtful, for people.
    pub doubts: Vec<String>,
}

/// A value, as one source states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueFact {
    /// As the source wrote it, without quotes.
    pub literal: String,
    /// The same without blanks at its ends; a number without an exponent, with
    /// a decimal point and without zeros that mean nothing.
    pub value: String,
}

/// How far a count is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ElectionStage {
    /// Nothing that anybody vouches for, a call that was taken back included.
    Counting,
    /// The provider cannot tell, and says that it will not soon.
    Undecidable,
    /// Called by those who call races.
    Called,
    /// Official and preliminary.
    Preliminary,
    /// Certified, or official and final.
    Certified,
}
