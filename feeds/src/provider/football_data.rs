//! football-data.org v4: `/v4/matches/{match}`, a key in `X-Auth-Token`.
//!
//! Source: docs.football-data.org, "Match", "Lookup Tables", "Overtime".
//! `score.fullTime` runs while the match does, and in the end is regular time,
//! extra time and penalties added up; `regularTime` is there where they differ.
//! Answers are seen that leave the shootout's figures out, and such as do not add
//! up: the score after 90 minutes stands by itself, whatever follows it.

use oracle_schema::policy::FactSource;
use serde::Deserialize;

use super::matches::{self, Points, contradiction};
use super::{Licence, Provider, Step, Subject, fact_step};
use crate::fact::{MatchFact, MatchState, Score, Side};
use crate::json::Field;
use crate::observation::{Exchange, Observation, Query, Reading, Request};
use crate::rate::Rate;

pub(super) struct FootballData;

impl Provider for FootballData {
    fn name(&self) -> &'static str {
        "football-data"
    }
    fn version(&self) -> u32 {
        2
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
    fn deciding(&self) -> &'static [&'static str] {
        &[
            "id",
            "utcDate",
            "status",
            "homeTeam.id",
            "awayTeam.id",
            "score.duration",
            "score.fullTime.home",
            "score.fullTime.away",
        ]
    }
    fn hints(&self) -> &'static [&'static str] {
        &[
            "score.winner",
            "score.regularTime",
            "score.extraTime",
            "score.penalties",
        ]
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        fact_step(query, done, ask, read)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    id: u64,
    #[serde(default)]
    utc_date: Field<String>,
    #[serde(default)]
    status: Field<String>,
    #[serde(default)]
    home_team: Field<Team>,
    #[serde(default)]
    away_team: Field<Team>,
    #[serde(default)]
    score: Field<Scores>,
}

#[derive(Deserialize)]
struct Team {
    #[serde(default)]
    id: Field<u64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Scores {
    winner: Field<String>,
    duration: Field<String>,
    full_time: Field<Points>,
    regular_time: Field<Points>,
    extra_time: Field<Points>,
    penalties: Field<Points>,
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
    let status = found.status.due("status")?;
    let state = state(&status)?;
    let mut fact = matches::fact(
        matches::literal(&status, None),
        state,
        team(found.home_team, "homeTeam")?,
        team(found.away_team, "awayTeam")?,
    );
    if state == MatchState::Finished {
        fact.kickoff = kickoff(found.utc_date)?;
        finished(&mut fact, found.score.due("score")?)?;
    } else {
        fact.kickoff = kickoff(found.utc_date).unwrap_or_default();
        // Runs while the match does, and decides nothing.
        let running = found.score.hint().unwrap_or_default().full_time;
        let running = matches::score(running, "fullTime").unwrap_or_default();
        fact.literal = matches::literal(&status, running);
    }
    matches::observed(fact)
}

fn kickoff(date: Field<String>) -> Result<Option<i64>, Reading> {
    date.clean("utcDate")?
        .map(|text| matches::instant(&text, "utcDate"))
        .transpose()
}

/// The id of a side; none until a draw of lots has named it.
fn team(team: Field<Team>, name: &str) -> Result<String, Reading> {
    let id = team.due(name)?.id.clean(&format!("{name}.id"))?;
    let unnamed = || Reading::NotYet(format!("{name} is not named yet"));
    id.map(|id| id.to_string()).ok_or_else(unnamed)
}

fn state(status: &str) -> Result<MatchState, Reading> {
    Ok(match status.to_ascii_uppercase().as_str() {
        "SCHEDULED" | "TIMED" => MatchState::Scheduled,
        "IN_PLAY" | "PAUSED" | "EXTRA_TIME" | "PENALTY_SHOOTOUT" => MatchState::InPlay,
        "FINISHED" => MatchState::Finished,
        "SUSPENDED" => MatchState::Suspended,
        "POSTPONED" => MatchState::Postponed,
        "CANCELLED" => MatchState::Cancelled,
        "AWARDED" => MatchState::Awarded,
        _ => return Err(matches::unknown("status", status)),
    })
}

fn finished(fact: &mut MatchFact, score: Scores) -> Result<(), Reading> {
    let duration = score.duration.due("duration")?;
    let whole = matches::score(score.full_time, "fullTime");
    fact.literal = matches::literal(&fact.literal, whole.as_ref().ok().copied().flatten());
    let doubts = &mut fact.doubts;
    let regular = matches::part(matches::score(score.regular_time, "regularTime"), doubts);
    let added = matches::part(matches::score(score.extra_time, "extraTime"), doubts);
    let penalties = matches::part(matches::score(score.penalties, "penalties"), doubts);
    let word = duration.to_ascii_uppercase();
    match word.as_str() {
        "REGULAR" => {
            let whole = whole?;
            if matches::any_goal(added) || matches::any_goal(penalties) {
                return Err(contradiction(
                    "REGULAR does not fit extra time and penalties",
                ));
            }
            if regular.is_some() && regular != whole {
                return Err(contradiction("regularTime is not fullTime"));
            }
            fact.regular = whole;
        }
        "EXTRA_TIME" => {
            let whole = matches::part(whole, doubts);
            fact.regular = regular;
            after_extra_time(fact, whole, added, penalties)?;
        }
        "PENALTY_SHOOTOUT" => {
            let whole = matches::part(whole, doubts);
            fact.regular = regular;
            after_penalties(fact, whole, added, penalties)?;
        }
        _ => return Err(matches::unknown("duration", &duration)),
    }
    let winner = winner(fact, score.winner);
    matches::name_winner(fact, winner, word == "REGULAR")
}

/// Sets what extra time came to: what it added to regular time, else the whole.
fn after_extra_time(
    fact: &mut MatchFact,
    whole: Option<Score>,
    added: Option<Score>,
    penalties: Option<Score>,
) -> Result<(), Reading> {
    if matches::any_goal(penalties) {
        fact.doubts
            .push("EXTRA_TIME does not fit penalties".to_owned());
        fact.end_unknown = true;
        return Ok(());
    }
    fact.extra = match (fact.regular, added) {
        (Some(regular), Some(added)) => Some(matches::sum(regular, added)?),
        _ => whole,
    };
    fact.end_unknown = fact.extra.is_none();
    if whole != fact.extra {
        not_the_sum(fact);
    }
    Ok(())
}

/// Sets what extra time and the shootout came to, where both can be told.
fn after_penalties(
    fact: &mut MatchFact,
    whole: Option<Score>,
    added: Option<Score>,
    penalties: Option<Score>,
) -> Result<(), Reading> {
    let Some(shootout) = penalties else {
        fact.doubts
            .push("PENALTY_SHOOTOUT without penalties".to_owned());
        fact.end_unknown = true;
        return Ok(());
    };
    fact.penalties = penalties;
    fact.extra = match (fact.regular, added) {
        (Some(regular), Some(added)) => Some(matches::sum(regular, added)?),
        _ => None,
    };
    let total = match fact.extra.or(fact.regular) {
        Some(last) => Some(matches::sum(last, shootout)?),
        None => None,
    };
    if whole != total {
        not_the_sum(fact);
        // Without its figures nobody can tell that extra time added no goal.
        fact.end_unknown = fact.extra.is_none();
    }
    Ok(())
}

fn not_the_sum(fact: &mut MatchFact) {
    fact.doubts
        .push("fullTime is not the sum of its parts".to_owned());
}

/// Whom the provider names; a draw that it names must be one.
fn winner(fact: &MatchFact, word: Field<String>) -> Result<Option<Side>, Reading> {
    let word = word.hint().unwrap_or_default();
    let last = fact.extra.or(fact.regular);
    let level = fact.penalties.is_none() && last.is_none_or(|s| s.home == s.away);
    match word.to_ascii_uppercase().as_str() {
        "HOME_TEAM" => Ok(Some(Side::Home)),
        "AWAY_TEAM" => Ok(Some(Side::Away)),
        "DRAW" if !level => Err(contradiction("a draw whose score is none")),
        "" | "DRAW" => Ok(None),
        _ => Err(matches::unknown("winner", &word)),
    }
}
