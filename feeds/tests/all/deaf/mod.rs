//! Property tests that every adapter can be put to: strict about the fields
//! that decide, deaf to all others.
//!
//! A test names an answer that reads, and what reads it:
//!
//! ```ignore
//! let read = |body: &str| interpret(&source("football-data"), &[answer(200, body, AT)]);
//! let lists = Lists::of("football-data");
//! deaf::json(FINISHED, &lists, &read).is_strict_and_deaf();
//! // An answer in which some of the lists' fields have no say (a match not begun):
//! deaf::json(SCHEDULED, &lists, &read).is_deaf();
//! // Tables, by the names of their columns; the header is the 10th line:
//! deaf::csv(TABLE, b';', 9, &lists, &read).is_strict_and_deaf();
//! ```
//!
//! The lists are the adapter's own ([`Provider::deciding`] and
//! [`Provider::hints`]), or a test's where the configuration chooses the paths
//! (generic sources). For adapters that take several answers, `read` puts the
//! body into its place among the others.
//!
//! What is asserted, for every field of the answer:
//!
//! - **not listed**: removed, renamed, nulled, given another type or a number
//!   with an exponent, beside new neighbours, alone and several at random: the
//!   reading stays the same to the letter.
//! - **deciding**, and the objects it stands in: removed, nulled, given another
//!   type or nonsense for a text: no observation any more. Inside arrays one
//!   item of them must refuse (the match that was asked for); damage to the
//!   others may change nothing, and never makes another fact.
//! - **hints**: the same damage may refuse, leave out a part of the fact or
//!   raise a doubt; it never makes another fact.
//!
//! [`Provider::deciding`]: oracle_feeds::Provider::deciding
//! [`Provider::hints`]: oracle_feeds::Provider::hints

mod csv;
mod json;
mod tests;
mod tree;

use std::collections::BTreeMap;

use oracle_feeds::fact::{ElectionFact, ElectionStage, MatchFact};
use oracle_feeds::{Observation, Reading};
use proptest::test_runner::{Config, TestRunner};

pub(crate) use self::csv::csv;
pub(crate) use self::json::json;

/// Which fields decide, and which can only take away.
#[derive(Debug, Clone)]
pub(crate) struct Lists {
    pub(crate) deciding: Vec<String>,
    pub(crate) hints: Vec<String>,
}

impl Lists {
    /// Those of a registered adapter.
    pub(crate) fn of(provider: &str) -> Self {
        let adapter = oracle_feeds::provider(provider).unwrap();
        Self::new(adapter.deciding(), adapter.hints())
    }

    /// Those of one of the answers that an adapter reads, by its name.
    pub(crate) fn in_answer(self, name: &str) -> Self {
        let own = |all: Vec<String>| {
            let of_it = all.iter().filter_map(|path| path.split_once(':'));
            of_it
                .filter(|(answer, _)| *answer == name)
                .map(|(_, path)| path.to_owned())
                .collect()
        };
        let own = Self {
            deciding: own(self.deciding),
            hints: own(self.hints),
        };
        assert!(!own.deciding.is_empty(), "no answer is called {name}");
        own
    }

    /// For answers that hold the usual one under a path (`[]`: a list of them).
    pub(crate) fn under(self, path: &str) -> Self {
        let under = |all: Vec<String>| all.iter().map(|p| format!("{path}.{p}")).collect();
        Self {
            deciding: under(self.deciding),
            hints: under(self.hints),
        }
    }

    pub(crate) fn new(deciding: &[&str], hints: &[&str]) -> Self {
        assert!(!deciding.is_empty(), "an adapter whose fields never decide");
        let owned = |all: &[&str]| all.iter().map(|p| (*p).to_owned()).collect();
        Self {
            deciding: owned(deciding),
            hints: owned(hints),
        }
    }
}

/// What an answer says; the body is that of the answer under test.
pub(crate) type Read<'a> = &'a dyn Fn(&str) -> Reading;

/// The reading of the answer as it is.
#[track_caller]
fn observed(read: Read<'_>, body: &str) -> Reading {
    let reading = read(body);
    assert!(
        matches!(reading, Reading::Observation(_)),
        "the sample must read: {}: {}",
        reading.verdict(),
        reading.detail()
    );
    reading
}

/// Whether the later reading says nothing that the earlier did not say.
fn says_no_more(before: &Reading, after: &Reading) -> bool {
    match (before, after) {
        (_, after) if !matches!(after, Reading::Observation(_)) => true,
        (
            Reading::Observation(Observation::Match(before)),
            Reading::Observation(Observation::Match(after)),
        ) => match_says_no_more(before, after),
        (
            Reading::Observation(Observation::Election(before)),
            Reading::Observation(Observation::Election(after)),
        ) => election_says_no_more(before, after),
        _ => before == after,
    }
}

/// The words for people and the doubts may differ, and parts may be left out; extra
/// time and penalties only if the fact says that the end is unknown, or
/// the score of regular time would pass for the final one.
fn match_says_no_more(before: &MatchFact, after: &MatchFact) -> bool {
    fn kept<T: PartialEq>(before: Option<&T>, after: Option<&T>) -> bool {
        after.is_none() || before == after
    }
    let end = |fact: &MatchFact| (fact.extra.or(fact.regular), fact.penalties);
    let same_end = end(before) == end(after);
    (before.state, &before.home, &before.away) == (after.state, &after.home, &after.away)
        && kept(before.kickoff.as_ref(), after.kickoff.as_ref())
        && kept(before.regular.as_ref(), after.regular.as_ref())
        && kept(before.extra.as_ref(), after.extra.as_ref())
        && kept(before.penalties.as_ref(), after.penalties.as_ref())
        && kept(before.winner.as_ref(), after.winner.as_ref())
        && (same_end || after.end_unknown)
        && (!before.extra_unknown || after.extra_unknown || after.end_unknown)
}

/// The words for people and the doubts may differ. A fact that says of nobody that
/// they have won says nothing. Of counted votes some may be missing, or stand under
/// a damaged name: whom the rule asks for and does not find, it holds for.
fn election_says_no_more(before: &ElectionFact, after: &ElectionFact) -> bool {
    let plain = |fact: &ElectionFact| ElectionFact {
        literal: String::new(),
        votes: BTreeMap::new(),
        doubts: Vec::new(),
        ..fact.clone()
    };
    let silent = after.stage == ElectionStage::Counting && after.votes.is_empty();
    let counts = |name: &String, votes: &u64| before.votes.get(name).is_none_or(|v| v == votes);
    let votes_say_no_more = after.votes.len() <= before.votes.len()
        && after.votes.iter().all(|(name, votes)| counts(name, votes));
    silent || plain(before) == plain(after) && votes_say_no_more
}

/// Cases of several changes at once.
fn runner() -> TestRunner {
    TestRunner::new(Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    })
}

/// Collects what damage did at the places of one pattern.
#[derive(Default)]
struct Damage {
    refused: bool,
    done: bool,
}

impl Damage {
    /// Takes the reading of a damaged body, which must not be another fact.
    #[track_caller]
    fn take(&mut self, before: &Reading, after: &Reading, what: &str) {
        self.done = true;
        assert!(
            says_no_more(before, after),
            "{what} makes another fact:\n{before:?}\n{after:?}"
        );
        self.refused |= !matches!(after, Reading::Observation(_));
    }
}
