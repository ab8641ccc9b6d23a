//! What a rule makes of facts, and how it came to that.

use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::trace::ClockCheck;

/// What facts come to, now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// No outcome yet.
    Pending {
        /// What is missing.
        cause: Cause,
    },
    /// An outcome, if nothing changes.
    Provisional {
        /// Which.
        outcome: String,
        /// When it may be decided at the earliest, Unix seconds.
        until: i64,
        /// What it waits for.
        cause: Cause,
    },
    /// The outcome.
    Attest {
        /// Which.
        outcome: String,
    },
    /// Sources contradict each other or themselves, or say what no outcome
    /// stands for: nothing is attested while that lasts.
    Hold {
        /// Why.
        cause: Cause,
    },
}

/// A verdict and how it came about: published beside the outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// What follows.
    pub verdict: Verdict,
    /// Why.
    pub trace: FactTrace,
}

/// How facts were weighed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactTrace {
    /// Maturity, Unix seconds: nothing asked before it counts.
    pub at: i64,
    /// Every source of the policy, in its order; the panel, if there is one,
    /// last.
    pub sources: Vec<VoteTrace>,
    /// Whether the local clock agrees with the providers'.
    pub clock: ClockCheck,
    /// Roots that must say the same.
    pub agree: u32,
    /// Since when they do, and which outcome, if they do: Unix milliseconds.
    pub agreed_since_ms: Option<i64>,
}

/// What one source said in the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoteTrace {
    /// The source's id, or `operators`.
    pub source: String,
    /// Its root.
    pub root: String,
    /// Its last reading: [`crate::Reading::verdict`], or `unread`.
    pub verdict: String,
    /// What it rests on, as the source wrote it.
    pub literal: Option<String>,
    /// The outcome it stands for, if it does.
    pub outcome: Option<String>,
    /// Equal consecutive readings up to the last.
    pub reads: u32,
    /// Since when it says so, Unix milliseconds.
    pub since_ms: Option<i64>,
    /// Why it does not count, or what makes it doubtful.
    pub why: Option<String>,
}
