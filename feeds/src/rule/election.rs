//! Elections: who won, by those who declare it or by final votes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use oracle_schema::policy::{ElectionBasis, ElectionPolicy, FactSource};

use super::agreement::{self, Terms, Vote, Voter};
use super::decision::Decision;
use super::grounds::Grounds;
use crate::fact::{ElectionFact, ElectionStage};
use crate::observation::{Observation, Reading, SourceReading};
use crate::provider::bundeswahlleiterin;

/// Whoever is mapped to no outcome.
const OTHER: &str = "other";
const RUNOFF: &str = "runoff";
const TIE: &str = "tie";

/// Decides an election that matured at `at` (Unix seconds) from the readings of
/// its sources, in any order, and the panel's vote.
///
/// - A source votes once the count has come to the stage that the policy's
///   basis names. What is less is open, and a call taken back is open again;
///   a race that the source says it cannot decide is an objection.
/// - A run-off is `runoff`, a winner that no outcome stands for is `other`, an
///   exact tie of final votes is `tie`; each where announced, else an
///   objection. Several declared winners are an objection.
/// - A declared winner who does not lead the count is one like any other; the
///   settle delay is then twice as long, and an hour at least.
/// - Where votes are counted, the parties of one outcome are counted together
///   and every other party alone; the strictly largest wins. A party that the
///   policy names and the result lacks is an objection.
pub fn decide(
    policy: &ElectionPolicy,
    at: i64,
    now: DateTime<Utc>,
    readings: &[SourceReading],
    panel: Option<Voter>,
) -> Decision {
    let terms = Terms {
        at,
        agree: policy.agree.get(),
        stable_reads: policy.stable_reads.get(),
        settle_delay_s: settle_delay_s(policy, at, readings),
    };
    let sources = policy.sources.iter().map(|source| {
        Voter::new(&source.id, &source.root, at, readings, |r| {
            vote(policy, source, &r.reading)
        })
    });
    let voters: Vec<Voter> = sources.chain(panel).collect();
    agreement::decide(&terms, now, &voters, readings)
}

/// The least that a winner who does not lead the count is let settle, seconds.
const TRAILING_S: u32 = 3600;

/// The policy's settle delay, longer if any source has named a winner who did not
/// lead since the maturity.
fn settle_delay_s(policy: &ElectionPolicy, at: i64, readings: &[SourceReading]) -> u32 {
    let trailing = |r: &SourceReading| {
        let counts = policy.sources.iter().any(|s| s.id == r.source)
            && r.exchanges.iter().all(|e| e.sent_at.timestamp() >= at);
        let Reading::Observation(Observation::Election(fact)) = &r.reading else {
            return false;
        };
        counts && fact.trailing
    };
    let delay = policy.settle_delay_s;
    if readings.iter().any(trailing) {
        delay.saturating_mul(2).max(TRAILING_S)
    } else {
        delay
    }
}

fn vote(policy: &ElectionPolicy, source: &FactSource, reading: &Reading) -> Vote {
    let fact = match reading {
        Reading::Observation(Observation::Election(fact)) => fact,
        // Nothing new is neither a confirmation nor a call taken back.
        Reading::NotYet(detail) => return Vote::Silent(detail.as_str().into()),
        other => return Vote::without_fact(other),
    };
    let ballot = Ballot { policy, source };
    match ballot.standing(fact) {
        Standing::Open => Vote::Open(fact.literal.as_str().into()),
        Standing::Objectionable(why) => objection(fact, &why),
        Standing::Settled => ballot.settled(fact).map_or_else(
            |why| objection(fact, &why),
            |(outcome, because)| Vote::For { outcome, because },
        ),
    }
}

fn objection(fact: &ElectionFact, why: &str) -> Vote {
    Vote::Objection(format!("{}: {why}", fact.literal).into())
}

/// Whether a fact has come far enough.
enum Standing {
    Open,
    Objectionable(String),
    Settled,
}

/// Who stands for an outcome of their own: one that was announced, or a party
/// or candidate by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Contender<'a> {
    Outcome(&'a str),
    Unmapped(&'a str),
}

/// A source, under a policy.
struct Ballot<'a> {
    policy: &'a ElectionPolicy,
    source: &'a FactSource,
}

impl<'a> Ballot<'a> {
    fn standing(&self, fact: &ElectionFact) -> Standing {
        let basis = self.policy.basis;
        if basis == ElectionBasis::Endgueltig && self.source.provider != bundeswahlleiterin::NAME {
            return Standing::Objectionable("not Germany's official results".to_owned());
        }
        match (fact.stage, basis) {
            (ElectionStage::Certified, _) | (ElectionStage::Called, ElectionBasis::Called) => {
                Standing::Settled
            }
            (ElectionStage::Undecidable, _) => {
                Standing::Objectionable("the source cannot tell who won".to_owned())
            }
            (ElectionStage::Counting | ElectionStage::Preliminary | ElectionStage::Called, _) => {
                Standing::Open
            }
        }
    }

    /// The outcome of a settled count and what it rests on, or why it has none.
    fn settled(&self, fact: &'a ElectionFact) -> Result<(String, Grounds), String> {
        match (fact.winners.as_slice(), fact.runoff) {
            ([], true) => Ok((self.announced(RUNOFF, "a run-off")?, Grounds::Runoff)),
            (_, true) => Err("a run-off and a winner".to_owned()),
            ([], false) if fact.votes.is_empty() => Err("settled without a winner".to_owned()),
            ([], false) => self.counted(&fact.votes),
            ([winner], false) => {
                let outcome = self.outcome(self.contender(winner)?)?;
                Ok((outcome, Grounds::Winner(winner.clone())))
            }
            (several, false) => Err(format!("{} winners", several.len())),
        }
    }

    /// The strictly largest contender.
    fn counted(&self, votes: &'a BTreeMap<String, u64>) -> Result<(String, Grounds), String> {
        if let Some(missing) = self.mapped().find(|(_, id)| !votes.contains_key(*id)) {
            return Err(format!("{:?} is not in the result", missing.1));
        }
        let mut tally: BTreeMap<Contender<'_>, u64> = BTreeMap::new();
        for (id, votes) in votes {
            let sum = tally.entry(self.contender(id)?).or_default();
            *sum = sum.checked_add(*votes).ok_or("too many votes to count")?;
        }
        let most = tally.values().copied().max().unwrap_or_default();
        if most == 0 {
            return Err("nobody has a vote".to_owned());
        }
        let counts = tally.iter();
        let counts = counts.map(|(contender, votes)| (contender.name().to_owned(), *votes));
        let because = Grounds::Votes(counts.collect());
        let mut first = tally.iter().filter(|(_, votes)| **votes == most);
        let outcome = match (first.next(), first.next()) {
            (Some((contender, _)), None) => self.outcome(*contender)?,
            _ => self.announced(TIE, "an exact tie")?,
        };
        Ok((outcome, because))
    }

    /// Every outcome with this provider's ids of it.
    fn mapped(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let provider = self.source.provider.as_str();
        self.policy
            .candidates
            .iter()
            .flat_map(move |(outcome, ids)| {
                ids.get(provider)
                    .into_iter()
                    .flatten()
                    .map(move |id| (outcome.as_str(), id.as_str()))
            })
    }

    fn contender(&self, id: &'a str) -> Result<Contender<'a>, String> {
        let mut outcomes = self.mapped().filter(|(_, mapped)| *mapped == id);
        match (outcomes.next(), outcomes.next()) {
            (Some((outcome, _)), None) => Ok(Contender::Outcome(outcome)),
            (None, _) => Ok(Contender::Unmapped(id)),
            (Some(_), Some(_)) => Err(format!("{id:?} stands for two outcomes")),
        }
    }

    fn outcome(&self, contender: Contender<'_>) -> Result<String, String> {
        match contender {
            Contender::Outcome(outcome) => self.announced(outcome, outcome),
            Contender::Unmapped(id) => self.announced(OTHER, id),
        }
    }

    /// `outcome`, if the event has it.
    fn announced(&self, outcome: &str, what: &str) -> Result<String, String> {
        let known = self.policy.outcomes.iter().any(|o| o == outcome);
        known
            .then(|| outcome.to_owned())
            .ok_or_else(|| format!("{what:?} has no outcome among those announced"))
    }
}

impl<'a> Contender<'a> {
    fn name(self) -> &'a str {
        match self {
            Self::Outcome(name) | Self::Unmapped(name) => name,
        }
    }
}
