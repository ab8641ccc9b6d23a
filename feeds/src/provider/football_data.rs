//! football-data.org v4: `/v4/matches/{match}`, a key in `X-Auth-Token`.
//!
//! Source: docs.football-data.org, "Match", "Lookup Tables", "Overtime".
//! `score.fullTime` runs while the match does, and in the end is regular time,
//! extra time and penalties added up; `regularTime` is there where they differ.

use oracle_schema::policy::FactSource;
use serde::Deserialize;

use super::matches::{self, Points, contradiction};
use super::{Licence, Provider, Step, Subject, fact_step};
use crate::fact::{MatchFact, MatchState, Score, Side};
use crate::observation::{Exchange, Observation, Query, Reading, Request};
use crate::rate::Rate;

pub(super) struct FootballData;

impl Provider for FootballData {
    fn name(&self) -> &'static str {
        "football-data"
    }
    fn base_url(&self) -> &'static str {
        "https://api.football-data.org"
    }
    /// Of the free plan.
    fn rate(&self) -> Rate {
        Rate::per_minute(10)
    }
    fn subject(&self) -> Subject {
        Subject::Match
    }
    fn parameters(&self) -> &'static [&'static str] {
        matches::PARAMETERS
    }
    fn check_parameter(&self, _: &str, value: &str) -> Result<(), String> {
        matches::check_id(value)
    }
    fn key_header(&self) -> Option<&'static str> {
        Some("X-Auth-Token")
    }
    fn licence(&self) -> Licence {
        Licence::HashOnly
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        fact_step(query, done, ask, read)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    id: u64,
    utc_date: Option<String>,
    status: String,
    home_team: Team,
    away_team: Team,
    score: Scores,
}

#[derive(Deserialize)]
struct Team {
    /// None until a draw of lots has named the side.
    id: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scores {
    winner: Option<String>,
    duration: Option<String>,
    full_time: Points,
    regular_time: Option<Points>,
    extra_time: Option<Points>,
    penalties: Option<Points>,
}

fn ask(source: &FactSource) -> Result<Request, Reading> {
    let id = matches::match_id(source)?;
    Ok(Request::path(format!("/v4/matches/{id}")))
}

fn read(source: &FactSource, body: &[u8]) -> Result<Observation, Reading> {
    let id = matches::match_id(source)?;
    let found: Match = matches::parse(body)?;
    if found.id.to_string() != id {
        return Err(contradiction(format!("match {} for {id}", found.id)));
    }
    let state = state(&found.status)?;
    let shown = found.score.full_time.score("fullTime")?;
    let mut fact = MatchFact {
        literal: matches::literal(&found.status, shown),
        state,
        kickoff: found
            .utc_date
            .as_deref()
            .map(|text| matches::instant(text, "utcDate"))
            .transpose()?,
        home: team(&found.home_team),
        away: team(&found.away_team),
        regular: None,
        extra: None,
        penalties: None,
        winner: None,
        doubts: Vec::new(),
    };
    if state == MatchState::Finished {
        finished(&mut fact, &found.score)?;
    }
    matches::observed(fact)
}

/// A side that is not named yet is nobody's announced one.
fn team(team: &Team) -> String {
    team.id.map(|id| id.to_string()).unwrap_or_default()
}

fn state(status: &str) -> Result<MatchState, Reading> {
    Ok(match status {
        "SCHEDULED" | "TIMED" => MatchState::Scheduled,
        "IN_PLAY" | "PAUSED" | "EXTRA_TIME" | "PENALTY_SHOOTOUT" => MatchState::InPlay,
        "FINISHED" => MatchState::Finished,
        "SUSPENDED" => MatchState::Suspended,
        "POSTPONED" => MatchState::Postponed,
        "CANCELLED" => MatchState::Cancelled,
        "AWARDED" => MatchState::Awarded,
        other => return Err(matches::unknown("status", other)),
    })
}

fn finished(fact: &mut MatchFact, score: &Scores) -> Result<(), Reading> {
    let part = |points: Option<Points>, field| points.unwrap_or_default().score(field);
    let whole = score.full_time.score("fullTime")?;
    let regular = part(score.regular_time, "regularTime")?;
    let added = part(score.extra_time, "extraTime")?;
    let penalties = part(score.penalties, "penalties")?;
    let duration = score.duration.as_deref().unwrap_or_default();
    match (duration, added, penalties) {
        ("REGULAR", None, None) => {
            if regular.is_some() && regular != whole {
                return Err(contradiction("regularTime is not fullTime"));
            }
            fact.regular = whole;
        }
        ("EXTRA_TIME", _, None) | ("PENALTY_SHOOTOUT", _, Some(_)) => {
            fact.regular = regular;
            fact.extra = match (regular, added) {
                (Some(regular), Some(added)) => Some(matches::sum(regular, added)?),
                // Without a shootout it is the score after extra time.
                _ if penalties.is_none() => whole,
                _ => None,
            };
            fact.penalties = penalties;
        }
        ("REGULAR" | "EXTRA_TIME" | "PENALTY_SHOOTOUT", _, _) => {
            return Err(contradiction(format!(
                "{duration} does not fit extra time and penalties"
            )));
        }
        (other, _, _) => return Err(matches::unknown("duration", other)),
    }
    let last = fact.extra.or(fact.regular);
    let total = match (last, penalties) {
        (Some(last), Some(penalties)) => Some(matches::sum(last, penalties)?),
        _ => last,
    };
    if whole != total {
        fact.doubts
            .push("fullTime is not the sum of its parts".to_owned());
    }
    fact.winner = winner(score.winner.as_deref(), last, penalties)?;
    Ok(())
}

/// Whom the provider names; a draw that it names must be one.
fn winner(
    word: Option<&str>,
    last: Option<Score>,
    penalties: Option<Score>,
) -> Result<Option<Side>, Reading> {
    match word {
        Some("HOME_TEAM") => Ok(Some(Side::Home)),
        Some("AWAY_TEAM") => Ok(Some(Side::Away)),
        Some("DRAW") if penalties.is_some() || last.is_some_and(|s| s.home != s.away) => {
            Err(contradiction("a draw whose score is none"))
        }
        Some("DRAW") | None => Ok(None),
        Some(other) => Err(matches::unknown("winner", other)),
    }
}
