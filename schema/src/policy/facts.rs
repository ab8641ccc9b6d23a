//! Rules about matches, elections and named operators: who is asked, who must
//! agree, and for how long.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// The outcome that settles a bet as if it had never been made.
pub const VOID: &str = "void";

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

/// A bet on a match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchPolicy {
    /// As announced: of `home`, `draw`, `away` and `void`.
    pub outcomes: Vec<String>,
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
