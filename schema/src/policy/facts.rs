//! Rules about matches, elections and named operators: who is asked, who must
//! agree, and for how long.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The outcome that settles a bet as if it had never been made.
pub const VOID: &str = "void";
/// The outcome of a score that falls on the line: stakes go back.
pub const PUSH: &str = "push";

/// One question to one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactSource {
    /// For people: `openligadb:77001/40/7`.
    pub id: String,
    /// Adapter.
    pub provider: String,
    /// Independence: sources of one root count once.
    pub root: String,
    /// What the adapter needs to ask and to recognise the answer, by name.
    pub parameters: BTreeMap<String, String>,
}

/// Named operators who report outcomes under their own keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelPolicy {
    /// Who may report; each has one vote.
    pub members: Vec<PanelMember>,
    /// Equal reports that make a vote.
    pub k: NonZeroU32,
}

/// One operator of a panel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelMember {
    /// As configured, and the `keyid` of requests.
    pub name: String,
    /// Ed25519 public key, hex.
    pub public_key: String,
}

/// How a fact that is a number is attested: number × 10^decimals, rounded
/// half-even, clamped to the digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DigitsPolicy {
    /// Number base of the digits.
    pub base: u16,
    /// Digits announced, the sign not counted.
    pub digits: u16,
    /// Decimal places kept.
    pub decimals: u32,
    /// What the attested integer counts.
    pub unit: String,
    /// Whether the first nonce signs `+` or `-`; without it a number below zero
    /// is clamped to zero.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signed: bool,
}

/// A bet on a match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchPolicy {
    /// As announced, of those that [`Market::outcomes`] lists; empty where the
    /// number itself is attested.
    pub outcomes: Vec<String>,
    /// What of the score is bet on; absent for the result.
    #[serde(default, skip_serializing_if = "Market::is_result")]
    pub market: Market,
    /// A multiple of one half: what the total is compared with, or what is added
    /// to the home side's score. Absent for the result and where the number
    /// itself is attested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Decimal>,
    /// How the number itself is attested, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<DigitsPolicy>,
    /// The announced kickoff, Unix seconds.
    pub kickoff: i64,
    /// Which result counts.
    pub basis: MatchBasis,
    /// Seconds from the announced kickoff after which what is not decided is
    /// `void`.
    pub void_after_s: u32,
    /// Independent roots that must say the same.
    pub agree: NonZeroU32,
    /// Equal consecutive reads of a source before it counts.
    pub stable_reads: NonZeroU32,
    /// Seconds between two reads of a source.
    pub read_every_s: NonZeroU32,
    /// Seconds from the first agreement to the decision; any change restarts.
    pub settle_delay_s: u32,
    /// What sources that contradict each other lead to.
    pub on_dissent: OnDissent,
    /// Who is asked. Parameters: `match`, `home`, `away`.
    pub sources: Vec<FactSource>,
    /// Operators, who together are one more root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<PanelPolicy>,
}

/// What of a match's score is bet on.
///
/// Goals of a penalty shootout are part of no total and no spread: they decide
/// who wins, and nobody's score.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Market {
    /// Who won: `home`, `draw`, `away`.
    #[default]
    Result,
    /// Home's score plus away's, against a line: `over`, `under`, `push`.
    Total,
    /// Home's score plus the line, against away's: `home`, `away`, `push`. As a
    /// number home's score minus away's.
    Spread,
}

impl Market {
    /// The outcomes that an event of this market can have.
    pub fn outcomes(self) -> [&'static str; 4] {
        match self {
            Self::Result => ["home", "draw", "away", VOID],
            Self::Total => ["over", "under", PUSH, VOID],
            Self::Spread => ["home", "away", PUSH, VOID],
        }
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes what it may skip by reference"
    )]
    fn is_result(&self) -> bool {
        *self == Self::Result
    }
}

/// Which result of a match counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchBasis {
    /// After regular time and its stoppage time.
    RegularTime,
    /// After extra time and penalties, where played.
    Final,
}

/// What sources that contradict each other lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDissent {
    /// Nothing is attested until they agree again, people release it, or it is
    /// refunded.
    Hold,
}

/// A bet on an election.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElectionPolicy {
    /// As announced. `other`, `runoff`, `tie` and `void` have their own
    /// meaning; every other one has candidates.
    pub outcomes: Vec<String>,
    /// Which stage of the count settles.
    pub basis: ElectionBasis,
    /// Independent roots that must say the same.
    pub agree: NonZeroU32,
    /// Equal consecutive reads of a source before it counts.
    pub stable_reads: NonZeroU32,
    /// Seconds between two reads of a source.
    pub read_every_s: NonZeroU32,
    /// Seconds from the first agreement to the decision; any change restarts.
    pub settle_delay_s: u32,
    /// By outcome, then by provider: the provider's own ids of the candidates
    /// (or parties, counted together) it stands for.
    pub candidates: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Who is asked.
    pub sources: Vec<FactSource>,
    /// Operators, who together are one more root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<PanelPolicy>,
}

/// Which stage of a count settles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ElectionBasis {
    /// Certified, or official and final.
    Certified,
    /// Called by those who call races, or more; the settle delay is the hold.
    Called,
    /// Germany's `Endgültiges Ergebnis`.
    Endgueltig,
}

/// A public value, and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactPolicy {
    /// As announced; empty where the number itself is attested.
    pub outcomes: Vec<String>,
    /// By outcome, when it is the one: disjoint, and complete.
    pub tests: BTreeMap<String, FactTest>,
    /// What the value is.
    pub compare: Compare,
    /// How the number itself is attested, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<DigitsPolicy>,
    /// Independent roots that must say the same.
    pub agree: NonZeroU32,
    /// Equal consecutive reads of a source before it counts.
    pub stable_reads: NonZeroU32,
    /// Seconds between two reads of a source.
    pub read_every_s: NonZeroU32,
    /// Seconds from the first agreement to the decision; any change restarts.
    pub settle_delay_s: u32,
    /// Who is asked.
    pub sources: Vec<FactSource>,
    /// Operators, who together are one more root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<PanelPolicy>,
}

/// How values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// Byte for byte, blanks at the ends left out: `1.10` is not `1.1`.
    Text,
    /// As exact decimals: `1.10` is `1.1`, and what is no number is refused.
    Number,
}

/// When a value means an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactTest {
    /// It is this.
    Equals(String),
    /// It is one of these.
    OneOf(Vec<String>),
    /// It is a number strictly above this.
    Above(Decimal),
    /// It is a number strictly below this.
    Below(Decimal),
    /// It is nothing that another outcome stands for; always `true`.
    Other(bool),
}

/// A question that named operators answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorsPolicy {
    /// As announced.
    pub outcomes: Vec<String>,
    /// Who answers.
    pub panel: PanelPolicy,
    /// Seconds from the k-th equal report to the decision: time for a veto.
    pub settle_delay_s: u32,
}
