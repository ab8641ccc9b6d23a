//! What the adapters of matches have in common: their parameters, scores that
//! are whole or absent, and what makes an answer inconsistent.

use chrono::{DateTime, NaiveDateTime, Utc};
use oracle_schema::policy::FactSource;
use serde::Deserialize;

use super::{error_body, parameter};
use crate::fact::{MatchFact, MatchState, Score, Side};
use crate::json::{self, Field};
use crate::observation::{Observation, Reading};

/// What every source of matches says: the match's id and those of its sides.
pub(super) const PARAMETERS: &[&str] = &["match", "home", "away"];

/// Why the text cannot be an id: all four providers number theirs.
pub(super) fn check_id(value: &str) -> Result<(), String> {
    let digits = (1..=12).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    // Ids are compared as text, and providers write none with leading zeros.
    if !digits || value.starts_with('0') {
        return Err("must be the provider's number: 1 to 12 digits, the first not 0".to_owned());
    }
    Ok(())
}

/// The id of the match that was asked for, fit for a URL.
pub(super) fn match_id(source: &FactSource) -> Result<&str, Reading> {
    let id = parameter(source, "match")?;
    check_id(id).map_err(|why| Reading::Permanent(format!("match {:?} {why}", json::quote(id))))?;
    Ok(id)
}

/// Reads a body; one of another shape may be an error that came as HTTP 200.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Reading> {
    json::parse(body).map_err(|refusal| match refusal {
        Reading::Contradiction(_) => error_body(body).unwrap_or(refusal),
        other => other,
    })
}

pub(super) fn contradiction(detail: impl Into<String>) -> Reading {
    Reading::Contradiction(detail.into())
}

/// A status that the provider does not document: never a value.
pub(super) fn unknown(field: &str, word: &str) -> Reading {
    contradiction(format!("unknown {field} {:?}", json::quote(word)))
}

/// The one match with the asked id; `others` says what it means that there are
/// only others.
pub(super) fn only<T>(
    matches: Vec<T>,
    id: &str,
    id_of: impl Fn(&T) -> Option<u64>,
    others: fn(String) -> Reading,
) -> Result<T, Reading> {
    if matches.is_empty() {
        return Err(Reading::NoData(format!("no match {id}")));
    }
    let mut asked = matches.into_iter().filter(|m| is(id_of(m), id));
    match (asked.next(), asked.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(others(format!("other matches, and no match {id}"))),
        (Some(_), Some(_)) => Err(contradiction(format!("several matches {id}"))),
    }
}

/// Whether a match's id is the asked one; ids are compared as text.
pub(super) fn is(found: Option<u64>, id: &str) -> bool {
    found.is_some_and(|found| found.to_string() == id)
}

/// The refusal of a body that lacks what every answer has: what it says of
/// itself, if it is an error that came as HTTP 200.
pub(super) fn shapeless(body: &[u8], missing: &str) -> Reading {
    let refusal = || contradiction(format!("unexpected JSON: no {missing}"));
    error_body(body).unwrap_or_else(refusal)
}

/// Two numbers, both or neither.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Points {
    #[serde(default)]
    home: Field<u32>,
    #[serde(default)]
    away: Field<u32>,
}

impl Points {
    /// The score, if there is one; half a score is a contradiction.
    pub(super) fn score(self, name: &str) -> Result<Option<Score>, Reading> {
        let home = self.home.clean(&format!("{name}.home"))?;
        let away = self.away.clean(&format!("{name}.away"))?;
        whole(home, away, name)
    }
}

/// A score of both sides or of none.
pub(super) fn whole(
    home: Option<u32>,
    away: Option<u32>,
    name: &str,
) -> Result<Option<Score>, Reading> {
    match (home, away) {
        (Some(home), Some(away)) => Ok(Some(Score { home, away })),
        (None, None) => Ok(None),
        _ => Err(contradiction(format!("{name} has one side only"))),
    }
}

/// The score in a field that may be missing.
pub(super) fn score(points: Field<Points>, name: &str) -> Result<Option<Score>, Reading> {
    match points.clean(name)? {
        Some(points) => points.score(name),
        None => Ok(None),
    }
}

/// The part of a fact that a source may be unable to tell: unreadable, it is
/// left out, with a doubt, so that bets on the other parts can be decided.
pub(super) fn part<T>(read: Result<Option<T>, Reading>, doubts: &mut Vec<String>) -> Option<T> {
    read.unwrap_or_else(|why| {
        doubts.push(why.detail().to_owned());
        None
    })
}

/// The score of both parts together.
pub(super) fn sum(a: Score, b: Score) -> Result<Score, Reading> {
    let add = |a: u32, b: u32| {
        a.checked_add(b)
            .ok_or_else(|| contradiction("a score beyond all bounds"))
    };
    Ok(Score {
        home: add(a.home, b.home)?,
        away: add(a.away, b.away)?,
    })
}

/// `2-1`.
pub(super) fn text(score: Score) -> String {
    format!("{}-{}", score.home, score.away)
}

/// `FINISHED 2-1`.
pub(super) fn literal(state: &str, score: Option<Score>) -> String {
    let state = json::quote(state);
    score.map_or_else(|| state.clone(), |s| format!("{state} {}", text(s)))
}

/// Figures of a part that was not played may be zeros.
pub(super) fn any_goal(score: Option<Score>) -> bool {
    score.is_some_and(|s| (s.home, s.away) != (0, 0))
}

/// Takes the winner that the provider names. One that cannot be leaves the end of
/// the match unknown where more than regular time was played, whose score still
/// stands; where only that was played it contradicts it.
pub(super) fn name_winner(
    fact: &mut MatchFact,
    winner: Result<Option<Side>, Reading>,
    regular_only: bool,
) -> Result<(), Reading> {
    match winner {
        Ok(winner) => fact.winner = winner,
        Err(odd) if regular_only => return Err(odd),
        Err(odd) => {
            fact.doubts.push(odd.detail().to_owned());
            fact.end_unknown = true;
        }
    }
    Ok(())
}

/// The side that is marked as the winner.
pub(super) fn winner(home: Field<bool>, away: Field<bool>) -> Result<Option<Side>, Reading> {
    match (home.hint().unwrap_or(false), away.hint().unwrap_or(false)) {
        (true, true) => Err(contradiction("both sides are the winner")),
        (true, false) => Ok(Some(Side::Home)),
        (false, true) => Ok(Some(Side::Away)),
        (false, false) => Ok(None),
    }
}

/// An RFC 3339 time with its offset, Unix seconds.
pub(super) fn instant(text: &str, field: &str) -> Result<i64, Reading> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.with_timezone(&Utc).timestamp())
        .map_err(|_| contradiction(format!("{field} {:?} is no time", json::quote(text))))
}

/// A time that may be missing; one that cannot be read is no time.
pub(super) fn maybe_instant(field: Field<String>, name: &str) -> Result<Option<i64>, Reading> {
    let text = field.clean(name)?;
    text.map(|text| instant(&text, name)).transpose()
}

/// A time of the clock on the wall, without an offset.
pub(super) fn wall_clock(text: &str, field: &str) -> Result<NaiveDateTime, Reading> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .map_err(|_| contradiction(format!("{field} {:?} is no time", json::quote(text))))
}

/// A match of which only the state and the sides are known yet.
pub(super) fn fact(literal: String, state: MatchState, home: String, away: String) -> MatchFact {
    MatchFact {
        literal,
        state,
        kickoff: None,
        home,
        away,
        regular: None,
        extra: None,
        penalties: None,
        end_unknown: false,
        extra_unknown: false,
        winner: None,
        doubts: Vec::new(),
    }
}

/// The fact. Of a match that is not finished no score and no winner is kept:
/// those are running, or awarded. Of one that is finished there must be a score,
/// and a kickoff, or nobody can tell whether it was played in time.
pub(super) fn observed(mut fact: MatchFact) -> Result<Observation, Reading> {
    if fact.state != MatchState::Finished {
        fact.regular = None;
        fact.extra = None;
        fact.penalties = None;
        fact.winner = None;
        fact.end_unknown = false;
        fact.extra_unknown = false;
        return Ok(Observation::Match(Box::new(fact)));
    }
    if let (Some(regular), Some(extra)) = (fact.regular, fact.extra)
        && (extra.home < regular.home || extra.away < regular.away)
    {
        fact.doubts.push(format!(
            "{} after regular time and {} after extra time",
            text(regular),
            text(extra)
        ));
        fact.extra = None;
        fact.end_unknown = true;
    }
    if fact.regular.is_none() && fact.extra.is_none() {
        return Err(if fact.doubts.is_empty() {
            Reading::NotYet("finished, and no score yet".to_owned())
        } else {
            contradiction(format!(
                "finished without a score: {}",
                fact.doubts.join("; ")
            ))
        });
    }
    if fact.kickoff.is_none() {
        return Err(Reading::NotYet("finished without a kickoff".to_owned()));
    }
    Ok(Observation::Match(Box::new(fact)))
}
