//! NHL: `/v1/gamecenter/{match}/boxscore`.
//!
//! Source: the league's own `api-web.nhle.com`. It publishes no documentation;
//! the shape is that of the public references (Zmalski/NHL-API-Reference) and of
//! recorded answers and types of several client libraries. Asked by the game's id,
//! because a game that is moved leaves the list of its old date. Never seen live:
//! `SUSP` and `CNCL` of `gameScheduleState`, which client libraries name.
//!
//! `gameScheduleState` speaks first: a postponed game goes on saying `FUT`. `OVER`
//! comes before `FINAL`, and that some hours before `OFF`, when the league has
//! closed the books: a `FINAL` is doubtful, so it counts beside another source and
//! never alone.
//!
//! Scores are final ones, and the winner of a shootout gets one goal for it.
//! Overtime ends with its first goal, so `lastPeriodType` tells the score after
//! regular time: that of the loser, on both sides. The shootout stands as 1-0.
//!
//! What decides: `id`, both team ids, the two states, and of a finished game
//! `startTimeUTC`, both scores and `gameOutcome.lastPeriodType`.

use std::cmp::Ordering;

use oracle_schema::policy::FactSource;
use serde::Deserialize;

use super::leagues::{self, Raw};
use super::matches::{self, contradiction};
use super::{Licence, Provider, Step, Subject, fact_step};
use crate::fact::{MatchFact, MatchState, Score};
use crate::json;
use crate::observation::{Exchange, Observation, Query, Reading, Request};
use crate::rate::Rate;

pub(super) struct Nhl;

impl Provider for Nhl {
    fn name(&self) -> &'static str {
        "nhl"
    }
    fn base_url(&self) -> &'static str {
        "https://api-web.nhle.com"
    }
    /// None is published.
    fn rate(&self) -> Rate {
        Rate::per_second(1)
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
    fn licence(&self) -> Licence {
        Licence::HashOnly
    }
    fn deciding(&self) -> &'static [&'static str] {
        &[
            "id",
            "gameState",
            "gameScheduleState",
            "startTimeUTC",
            "homeTeam.id",
            "homeTeam.score",
            "awayTeam.id",
            "awayTeam.score",
            "gameOutcome.lastPeriodType",
        ]
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        fact_step(query, done, ask, read)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Game<'a> {
    id: u64,
    #[serde(rename = "gameState")]
    state: String,
    #[serde(rename = "gameScheduleState")]
    planned: String,
    #[serde(borrow, default, rename = "startTimeUTC")]
    start: Raw<'a>,
    #[serde(borrow)]
    home_team: Team<'a>,
    #[serde(borrow)]
    away_team: Team<'a>,
    #[serde(borrow, default, rename = "gameOutcome")]
    outcome: Raw<'a>,
}

#[derive(Deserialize)]
struct Team<'a> {
    id: u64,
    #[serde(borrow, default)]
    score: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    last_period_type: String,
}

fn ask(source: &FactSource) -> Result<Request, Reading> {
    let id = matches::match_id(source)?;
    Ok(Request::path(format!("/v1/gamecenter/{id}/boxscore")))
}

fn read(source: &FactSource, body: &[u8]) -> Result<Observation, Reading> {
    let id = matches::match_id(source)?;
    let game: Game<'_> = matches::parse(body)?;
    if game.id.to_string() != id {
        return Err(contradiction(format!("match {} for {id}", game.id)));
    }
    let state = state(&game)?;
    let words = match game.planned.as_str() {
        "OK" => game.state.clone(),
        other => format!("{} {other}", game.state),
    };
    let home = game.home_team.id.to_string();
    let away = game.away_team.id.to_string();
    let mut fact = leagues::fact(&words, state, home, away);
    if state == MatchState::Finished {
        let start: String = leagues::due(game.start, "startTimeUTC")?;
        fact.kickoff = Some(matches::instant(&start, "startTimeUTC")?);
        finished(&mut fact, &game)?;
    } else if game.planned != "TBD" {
        // Before the end nothing rests on it.
        let start: Option<String> = leagues::hint(game.start);
        fact.kickoff = start.and_then(|s| matches::instant(&s, "startTimeUTC").ok());
    }
    matches::observed(fact)
}

/// The state of the schedule, unless that is as planned (`TBD`: no time of the
/// day yet); then the state of the game.
fn state(game: &Game<'_>) -> Result<MatchState, Reading> {
    let playing = match game.state.as_str() {
        "FUT" | "PRE" => MatchState::Scheduled,
        // Critical: the last minutes, or overtime. Over: not final yet.
        "LIVE" | "CRIT" | "OVER" => MatchState::InPlay,
        "FINAL" | "OFF" => MatchState::Finished,
        other => return Err(matches::unknown("gameState", other)),
    };
    let planned = match game.planned.as_str() {
        "OK" | "TBD" => return Ok(playing),
        "PPD" => MatchState::Postponed,
        "SUSP" => MatchState::Suspended,
        "CNCL" => MatchState::Cancelled,
        other => return Err(matches::unknown("gameScheduleState", other)),
    };
    if playing == MatchState::Finished {
        return Err(contradiction(format!(
            "gameState {} with gameScheduleState {}",
            json::quote(&game.state),
            json::quote(&game.planned)
        )));
    }
    Ok(planned)
}

fn finished(fact: &mut MatchFact, game: &Game<'_>) -> Result<(), Reading> {
    let end = Score {
        home: leagues::due(game.home_team.score, "homeTeam.score")?,
        away: leagues::due(game.away_team.score, "awayTeam.score")?,
    };
    let outcome: Outcome = leagues::due(game.outcome, "gameOutcome.lastPeriodType")?;
    let last = outcome.last_period_type.as_str();
    fact.literal = matches::literal(&format!("{} {last}", game.state), Some(end));
    if game.state == "FINAL" {
        fact.doubts.push("final, and not yet official".to_owned());
    }
    let loser = end.home.min(end.away);
    let level = Score {
        home: loser,
        away: loser,
    };
    let by_one = end.home.abs_diff(end.away) == 1;
    match last {
        "REG" if end.home != end.away => fact.regular = Some(end),
        "OT" if by_one => {
            fact.regular = Some(level);
            fact.extra = Some(end);
        }
        "SO" if by_one => {
            fact.regular = Some(level);
            fact.extra = Some(level);
            fact.penalties = Some(match end.home.cmp(&end.away) {
                Ordering::Less => Score { home: 0, away: 1 },
                Ordering::Equal | Ordering::Greater => Score { home: 1, away: 0 },
            });
        }
        "REG" | "OT" | "SO" => {
            return Err(contradiction(format!(
                "no game ends {} after {last}",
                matches::text(end)
            )));
        }
        other => return Err(matches::unknown("lastPeriodType", other)),
    }
    Ok(())
}
