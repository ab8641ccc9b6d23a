//! NBA: `/static/json/liveData/boxscore/boxscore_{match}.json`.
//!
//! Source: the files behind nba.com's own live pages. The league publishes no
//! documentation; endpoint, data sets and a recorded answer are in the
//! documentation of `swar/nba_api` ("Box score"), overtime and `PPD` in recorded
//! scoreboards of the same files. Never seen live: the file of a postponed game,
//! and any cancelled one. Before its day a game has no file, and from the networks
//! of some data centres none at all: both answer 403, which says nothing.
//!
//! `gameStatus` is 1 before, 2 during and 3 after the game; that it was postponed
//! stands only in `gameStatusText`, beside status 1, in the place of `7:30 pm ET`.
//! Scores run while the game does. Of a game with overtime the periods tell the
//! score after regular time, which was level. No game ends level.
//!
//! What decides: `gameId`, both team ids, `gameStatus`, before the game
//! `gameStatusText`, and after it `gameTimeUTC`, both scores, `period` and
//! `regulationPeriods`; `periods` decides bets on regular time where there was
//! overtime.

use oracle_schema::policy::FactSource;
use serde::Deserialize;

use super::leagues::{self, Line, Raw};
use super::matches::{self, contradiction};
use super::{Licence, Provider, Step, Subject, fact_step, parameter};
use crate::fact::{MatchFact, MatchState, Score};
use crate::json;
use crate::observation::{Exchange, Observation, Query, Reading, Request};
use crate::rate::Rate;

pub(super) struct Nba;

impl Provider for Nba {
    fn name(&self) -> &'static str {
        "nba"
    }
    fn base_url(&self) -> &'static str {
        "https://cdn.nba.com"
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
    fn check_parameter(&self, name: &str, value: &str) -> Result<(), String> {
        if name == "match" {
            check_game(value)
        } else {
            matches::check_id(value)
        }
    }
    fn licence(&self) -> Licence {
        Licence::HashOnly
    }
    fn deciding(&self) -> &'static [&'static str] {
        &[
            "game.gameId",
            "game.gameStatus",
            "game.gameTimeUTC",
            "game.period",
            "game.regulationPeriods",
            "game.homeTeam.teamId",
            "game.homeTeam.score",
            "game.awayTeam.teamId",
            "game.awayTeam.score",
        ]
    }
    fn hints(&self) -> &'static [&'static str] {
        &[
            "game.gameStatusText",
            "game.homeTeam.periods",
            "game.awayTeam.periods",
        ]
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        fact_step(query, done, ask, read)
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    game: Game<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Game<'a> {
    #[serde(rename = "gameId")]
    id: String,
    #[serde(rename = "gameStatus")]
    status: u32,
    #[serde(borrow, default, rename = "gameStatusText")]
    text: Raw<'a>,
    #[serde(borrow, default, rename = "gameTimeUTC")]
    start: Raw<'a>,
    #[serde(borrow, default)]
    period: Raw<'a>,
    #[serde(borrow, default)]
    regulation_periods: Raw<'a>,
    #[serde(borrow)]
    home_team: Team<'a>,
    #[serde(borrow)]
    away_team: Team<'a>,
}

#[derive(Deserialize)]
struct Team<'a> {
    #[serde(rename = "teamId")]
    id: u64,
    #[serde(borrow, default)]
    score: Raw<'a>,
    #[serde(borrow, default)]
    periods: Raw<'a>,
}

#[derive(Deserialize)]
struct Period {
    period: u32,
    score: u32,
}

/// Why the text cannot be the id of a game, whose zeros in front belong to it.
fn check_game(value: &str) -> Result<(), String> {
    if value.len() == 10 && value.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    Err("must be the game's id as nba.com has it: 10 digits, zeros in front included".to_owned())
}

fn game_id(source: &FactSource) -> Result<&str, Reading> {
    let id = parameter(source, "match")?;
    check_game(id)
        .map_err(|why| Reading::Permanent(format!("match {:?} {why}", json::quote(id))))?;
    Ok(id)
}

fn ask(source: &FactSource) -> Result<Request, Reading> {
    let id = game_id(source)?;
    Ok(Request::path(format!(
        "/static/json/liveData/boxscore/boxscore_{id}.json"
    )))
}

fn read(source: &FactSource, body: &[u8]) -> Result<Observation, Reading> {
    let id = game_id(source)?;
    let game = matches::parse::<Answer<'_>>(body)?.game;
    if game.id != id {
        let other = json::quote(&game.id);
        return Err(contradiction(format!("match {other} for {id}")));
    }
    let text: Option<String> = leagues::hint(game.text);
    let state = state(game.status, text.as_deref().unwrap_or_default())?;
    let words = format!("{} {}", game.status, text.unwrap_or_default());
    let home = game.home_team.id.to_string();
    let away = game.away_team.id.to_string();
    let mut fact = leagues::fact(words.trim_end(), state, home, away);
    if state == MatchState::Finished {
        let start: String = leagues::due(game.start, "gameTimeUTC")?;
        fact.kickoff = Some(matches::instant(&start, "gameTimeUTC")?);
        finished(&mut fact, &game)?;
    } else {
        // Before the end nothing rests on it.
        let start: Option<String> = leagues::hint(game.start);
        fact.kickoff = start.and_then(|s| matches::instant(&s, "gameTimeUTC").ok());
    }
    matches::observed(fact)
}

fn state(status: u32, text: &str) -> Result<MatchState, Reading> {
    let word = text.trim().to_ascii_lowercase();
    let called_off = match word.as_str() {
        "ppd" | "postponed" => Some(MatchState::Postponed),
        "cancelled" | "canceled" => Some(MatchState::Cancelled),
        _ => None,
    };
    match (status, called_off) {
        (1, Some(state)) => Ok(state),
        // The time of the day at which it begins.
        (1, None) if word == "tbd" || word.ends_with(" et") => Ok(MatchState::Scheduled),
        (1, None) => Err(matches::unknown("gameStatusText", text)),
        (2, None) => Ok(MatchState::InPlay),
        (3, None) => Ok(MatchState::Finished),
        (2 | 3, Some(_)) => Err(contradiction(format!(
            "gameStatus {status} with gameStatusText {:?}",
            json::quote(text)
        ))),
        (other, _) => Err(matches::unknown("gameStatus", &other.to_string())),
    }
}

fn finished(fact: &mut MatchFact, game: &Game<'_>) -> Result<(), Reading> {
    let end = Score {
        home: leagues::due(game.home_team.score, "homeTeam.score")?,
        away: leagues::due(game.away_team.score, "awayTeam.score")?,
    };
    let played: u32 = leagues::due(game.period, "period")?;
    let regulation: u32 = leagues::due(game.regulation_periods, "regulationPeriods")?;
    fact.literal = matches::literal(&fact.literal, Some(end));
    if end.home == end.away {
        return Err(contradiction(format!(
            "no game ends {}",
            matches::text(end)
        )));
    }
    if regulation == 0 || played < regulation {
        return Err(contradiction(format!(
            "finished in period {played} of {regulation}"
        )));
    }
    if played == regulation {
        fact.regular = Some(end);
        return Ok(());
    }
    fact.regular = leagues::level_score(
        line(game.home_team.periods),
        line(game.away_team.periods),
        (regulation, played),
        end,
        &mut fact.doubts,
    );
    fact.extra = Some(end);
    Ok(())
}

fn line(periods: Raw<'_>) -> Option<Line> {
    let periods: Vec<Period> = leagues::hint(periods)?;
    Some(periods.iter().map(|p| (p.period, p.score)).collect())
}
