//! How a match ended, and when it counts as not played.
//!
//! The bet is void if the match is cancelled, awarded or not played by a side;
//! if it kicked off later than `void_after` from the announced kickoff; or if
//! sources say, after that time, that it is not over. Silence says nothing: an
//! outage holds and never voids. A source that comes to say `finished` after
//! having said otherwise beyond that time restarts the settle delay like any
//! change; whoever finds that unjust has the delay to veto in.
//!
//! The total and the spread follow from the score that the basis counts: after
//! regular time, or with extra time. The goals of a penalty shootout are nobody's
//! score, so they count for neither; some books add one to the winner's.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use oracle_schema::policy::{FactSource, Market, MatchBasis, MatchPolicy, PUSH, VOID};
use rust_decimal::Decimal;

use super::agreement::{self, Terms, Vote, Voter};
use super::cause::Cause;
use super::decision::{Decision, Verdict};
use super::grounds::Grounds;
use super::outcome::attested;
use crate::exact::Exact;
use crate::fact::{MatchFact, MatchState, Score, Side};
use crate::observation::{Exchange, Observation, Reading, SourceReading};

const HOME: &str = "home";
const DRAW: &str = "draw";
const AWAY: &str = "away";
const OVER: &str = "over";
const UNDER: &str = "under";

/// Decides a match from everything its sources answered since the announcement.
///
/// `at` is the maturity, Unix seconds; `panel` the operators' common vote.
/// The order of `readings` does not matter.
pub fn decide(
    policy: &MatchPolicy,
    at: i64,
    now: DateTime<Utc>,
    readings: &[SourceReading],
    panel: Option<Voter>,
) -> Decision {
    let terms = Terms {
        at,
        agree: policy.agree.get(),
        stable_reads: policy.stable_reads.get(),
        settle_delay_s: policy.settle_delay_s,
    };
    let sources = policy.sources.iter().map(|source| {
        Voter::new(&source.id, &source.root, at, readings, |reading| {
            vote(policy, source, reading)
        })
    });
    let voters: Vec<Voter> = sources.chain(panel).collect();
    let mut decision = agreement::decide(&terms, now, &voters, readings);
    if now.timestamp() >= void_at(policy).max(at)
        && let Verdict::Pending { cause } = &decision.verdict
        // A doubtful clock cannot tell that the window is over.
        && !cause.is_of_time()
    {
        let waited = Box::new(cause.clone());
        let cause = Cause::VoidWindow { waited };
        decision.verdict = Verdict::Hold { cause };
    }
    decision
}

/// From when on a match that is not over is void, Unix seconds.
fn void_at(policy: &MatchPolicy) -> i64 {
    policy
        .kickoff
        .saturating_add(i64::from(policy.void_after_s))
}

fn vote(policy: &MatchPolicy, source: &FactSource, reading: &SourceReading) -> Vote {
    let Reading::Observation(Observation::Match(fact)) = &reading.reading else {
        return Vote::without_fact(&reading.reading);
    };
    if let Some(objection) = other_sides(source, fact) {
        return Vote::Objection(objection.into());
    }
    match ended(policy, fact, asked_at(&reading.exchanges)) {
        Ok((outcome, because)) => announced(policy, fact, &outcome, because),
        Err(vote) => vote,
    }
}

/// An outcome only if the event has it, and a doubtful one only beside another
/// source.
fn announced(policy: &MatchPolicy, fact: &MatchFact, outcome: &str, because: Grounds) -> Vote {
    // Digits hold every number; "void" is none.
    let has = match policy.digits {
        Some(_) => outcome != VOID,
        None => policy.outcomes.iter().any(|o| o == outcome),
    };
    if !has {
        let why = format!("no announced outcome stands for {outcome} ({because})");
        return Vote::Objection(why.into());
    }
    if policy.agree.get() == 1 && !fact.doubts.is_empty() {
        return Vote::Open(format!("doubtful: {}", fact.doubts.join("; ")).into());
    }
    Vote::For {
        outcome: outcome.to_owned(),
        because,
    }
}

/// Why the match is not between the announced sides, if it is not.
fn other_sides(source: &FactSource, fact: &MatchFact) -> Option<String> {
    let side = |name: &str| source.parameters.get(name).map(String::as_str);
    let (Some(home), Some(away)) = (side("home"), side("away")) else {
        return Some("the policy does not name both sides".to_owned());
    };
    let found = (fact.home.as_str(), fact.away.as_str());
    if found == (home, away) {
        return None;
    }
    let swapped = if found == (away, home) {
        "the sides are swapped"
    } else {
        "other sides"
    };
    Some(format!(
        "{swapped}: {} at home to {}, announced were {home} and {away}",
        found.0, found.1
    ))
}

/// When an answer speaks, Unix seconds: the earlier of the local clock and the
/// provider's `Date`, so that neither voids early by being ahead. What a cache
/// holds says how the match stood when the answer was made.
fn asked_at(exchanges: &[Exchange]) -> i64 {
    exchanges.last().map_or(i64::MIN, |e| {
        let sent = e.sent_at.timestamp();
        e.date.map_or(sent, |date| sent.min(date.timestamp()))
    })
}

/// The outcome of a match that is over or void, and its grounds; else the vote
/// it comes to.
fn ended(policy: &MatchPolicy, fact: &MatchFact, asked_at: i64) -> Result<(String, Grounds), Vote> {
    match fact.state {
        MatchState::Finished => finished(policy, fact, asked_at),
        state @ (MatchState::Cancelled | MatchState::Awarded | MatchState::Walkover) => {
            Ok((VOID.to_owned(), Grounds::NotPlayed(state)))
        }
        state @ (MatchState::Scheduled
        | MatchState::InPlay
        | MatchState::Suspended
        | MatchState::Postponed
        | MatchState::Abandoned) => {
            if asked_at >= void_at(policy) {
                Ok((VOID.to_owned(), Grounds::NotOver(state)))
            } else {
                let state = state.words();
                Err(Vote::Open(format!("{state}: {}", fact.literal).into()))
            }
        }
    }
}

fn finished(
    policy: &MatchPolicy,
    fact: &MatchFact,
    asked_at: i64,
) -> Result<(String, Grounds), Vote> {
    let Some(kickoff) = fact.kickoff else {
        // Nobody can tell whether it was played in time.
        return Err(Vote::Open("finished without a kickoff".into()));
    };
    if kickoff > asked_at {
        // A new date under the state of the old one, or the other way round.
        return Err(Vote::Objection("finished before its kickoff".into()));
    }
    if kickoff > void_at(policy) {
        return Ok((VOID.to_owned(), Grounds::PlayedLate));
    }
    if kickoff.saturating_add(i64::from(policy.void_after_s)) < policy.kickoff {
        return Err(Vote::Objection(
            "kickoff was long before the announced one".into(),
        ));
    }
    if let Some(unknown) = untold(policy, fact) {
        return Err(Vote::Open(unknown.into()));
    }
    settled(policy, fact).map_err(|why| Vote::Objection(why.into()))
}

/// What the source cannot tell of the part of the match that counts: it has not
/// said anything else, and may come to know.
fn untold(policy: &MatchPolicy, fact: &MatchFact) -> Option<String> {
    match policy.basis {
        MatchBasis::Final if fact.end_unknown => {
            let why = fact.doubts.join("; ");
            Some(format!("finished, and the end unknown: {why}"))
        }
        // Who won the shootout won; what was scored before it is another matter.
        MatchBasis::Final if fact.extra_unknown && policy.market != Market::Result => {
            Some("finished by a shootout, and no score of extra time".to_owned())
        }
        MatchBasis::RegularTime if fact.regular.is_none() => {
            Some("finished without a regular-time score".to_owned())
        }
        MatchBasis::Final | MatchBasis::RegularTime => None,
    }
}

/// Whether regular time was all that was played.
fn is_regular_only(fact: &MatchFact) -> bool {
    fact.extra.is_none() && fact.penalties.is_none() && !fact.end_unknown
}

/// The outcome of a match that was played, and the score it rests on; else the
/// objection.
fn settled(policy: &MatchPolicy, fact: &MatchFact) -> Result<(String, Grounds), String> {
    let (score, because) = match policy.market {
        Market::Result => {
            let (winner, because) = result(policy.basis, fact)?;
            let outcome = match winner {
                Some(Side::Home) => HOME,
                Some(Side::Away) => AWAY,
                None => DRAW,
            };
            return Ok((outcome.to_owned(), because));
        }
        Market::Total | Market::Spread => counted(policy.basis, fact)?,
    };
    let (home, away) = (Decimal::from(score.home), Decimal::from(score.away));
    let number = match policy.market {
        Market::Spread => home - away,
        Market::Result | Market::Total => home + away,
    };
    if let Some(digits) = &policy.digits {
        let outcome = attested(digits, &Exact::from(number)).map_err(|e| e.to_string())?;
        return Ok((outcome, because));
    }
    let line = policy.line.ok_or("the policy has no line")?;
    // The line of a spread is given to the home side.
    let (over, under, against) = match policy.market {
        Market::Spread => (HOME, AWAY, -line),
        Market::Result | Market::Total => (OVER, UNDER, line),
    };
    let outcome = match number.cmp(&against) {
        Ordering::Greater => over,
        Ordering::Less => under,
        Ordering::Equal => PUSH,
    };
    Ok((outcome.to_owned(), because))
}

/// The score that counts on that basis, a shootout's goals left out, and the
/// grounds; else the objection.
fn counted(basis: MatchBasis, fact: &MatchFact) -> Result<(Score, Grounds), String> {
    let (score, mut because) = match (basis, fact.extra, fact.regular) {
        (MatchBasis::Final, Some(extra), _) => (extra, played(extra, true, None)),
        (_, _, Some(regular)) => (regular, played(regular, false, None)),
        _ => return Err("finished without a regular-time score".to_owned()),
    };
    let whole = basis == MatchBasis::Final || is_regular_only(fact);
    if let (MatchBasis::Final, Some(penalties)) = (basis, fact.penalties) {
        if ahead(score).is_some() {
            // Perhaps the shootout's goals are in it.
            return Err(format!("a shootout after {because}"));
        }
        because = played(score, fact.extra.is_some(), Some(penalties));
    } else if whole && fact.winner.is_some() && fact.winner != ahead(score) {
        return Err(format!("the score is {because} and the winner another"));
    }
    Ok((score, because))
}

/// Who won on that basis, none for a draw, and the score; else the objection.
fn result(basis: MatchBasis, fact: &MatchFact) -> Result<(Option<Side>, Grounds), String> {
    let decided = played_out(fact);
    // Whom the provider names won the match as a whole. Where only regular time
    // was played that is the same thing.
    let whole = is_regular_only(fact);
    if basis == MatchBasis::Final || whole {
        let (winner, because) = decided?;
        if fact.winner.is_some() && fact.winner != winner {
            return Err(format!("the score is {because} and the winner another"));
        }
        if basis == MatchBasis::Final {
            return Ok((winner, because));
        }
    }
    let regular = fact
        .regular
        .ok_or("finished without a regular-time score")?;
    Ok((ahead(regular), played(regular, false, None)))
}

/// Who won in the end: extra time, else regular time; a draw by penalties.
fn played_out(fact: &MatchFact) -> Result<(Option<Side>, Grounds), String> {
    let score = fact
        .extra
        .or(fact.regular)
        .ok_or("finished without a regular-time score")?;
    let because = played(score, fact.extra.is_some(), None);
    let Some(penalties) = fact.penalties else {
        return Ok((ahead(score), because));
    };
    if ahead(score).is_some() {
        // The second leg of a tie, or a mistake.
        return Err(format!("a shootout after {because}"));
    }
    let because = played(score, fact.extra.is_some(), Some(penalties));
    match ahead(penalties) {
        None => Err(format!("a shootout without a winner: {because}")),
        winner => Ok((winner, because)),
    }
}

fn ahead(score: Score) -> Option<Side> {
    match score.home.cmp(&score.away) {
        Ordering::Greater => Some(Side::Home),
        Ordering::Less => Some(Side::Away),
        Ordering::Equal => None,
    }
}

fn played(score: Score, after_extra: bool, penalties: Option<Score>) -> Grounds {
    Grounds::Played {
        score,
        after_extra,
        penalties,
    }
}
