//! MLB: `/api/v1/schedule?sportId=1&gamePk={match}`.
//!
//! Source: statsapi.mlb.com, `/api/v1/gameStatus`. `abstractGameState` reads
//! `Final` for games that were postponed, so only `codedGameState` and
//! `statusCode` count. `O` (game over) comes before `F` (final) and is not yet
//! official. A game cut short (`FR`) is official when the league says so, after
//! five innings. A game has no draw and no result after nine innings of its own:
//! the final score, extra innings included, stands as the one of regular time.

use oracle_schema::policy::FactSource;
use serde::Deserialize;

use super::matches::{self, contradiction};
use super::{Licence, Provider, Step, Subject, fact_step};
use crate::fact::{MatchFact, MatchState, Score};
use crate::json;
use crate::observation::{Exchange, Observation, Query, Reading, Request};
use crate::rate::Rate;

pub(super) struct Mlb;

impl Provider for Mlb {
    fn name(&self) -> &'static str {
        "mlb"
    }
    fn base_url(&self) -> &'static str {
        "https://statsapi.mlb.com"
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
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        fact_step(query, done, ask, read)
    }
}

#[derive(Deserialize)]
struct Schedule {
    dates: Vec<Date>,
}

#[derive(Deserialize)]
struct Date {
    games: Vec<Game>,
}

#[derive(Deserialize)]
struct Game {
    #[serde(rename = "gamePk")]
    id: u64,
    #[serde(rename = "gameDate")]
    date: Option<String>,
    status: Status,
    teams: Sides,
}

#[derive(Deserialize)]
struct Status {
    #[serde(rename = "codedGameState")]
    coded: String,
    #[serde(rename = "statusCode")]
    code: String,
    #[serde(rename = "detailedState")]
    detailed: String,
    #[serde(default, rename = "startTimeTBD")]
    start_time_tbd: bool,
}

#[derive(Deserialize)]
struct Sides {
    home: Side,
    away: Side,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Side {
    team: Team,
    score: Option<u32>,
    is_winner: Option<bool>,
}

#[derive(Deserialize)]
struct Team {
    id: u64,
}

fn ask(source: &FactSource) -> Result<Request, Reading> {
    let id = matches::match_id(source)?;
    Ok(Request::path(format!(
        "/api/v1/schedule?sportId=1&gamePk={id}"
    )))
}

fn read(source: &FactSource, body: &[u8]) -> Result<Observation, Reading> {
    let id = matches::match_id(source)?;
    let schedule: Schedule = matches::parse(body)?;
    let mut games: Vec<Game> = schedule.dates.into_iter().flat_map(|d| d.games).collect();
    // A game that was moved stands under both dates; the old one is `Postponed`.
    let asked = |g: &Game| g.id.to_string() == id;
    if games.iter().any(|g| asked(g) && g.status.coded != "D") {
        games.retain(|g| !asked(g) || g.status.coded != "D");
    }
    let game = matches::only(games, id, |g| g.id, Reading::Contradiction)?;
    let state = state(&game.status)?;
    let score = match (game.teams.home.score, game.teams.away.score) {
        (Some(home), Some(away)) => Some(Score { home, away }),
        (None, None) => None,
        _ => return Err(contradiction("score has one side only")),
    };
    let kickoff = game
        .date
        .as_deref()
        // With the time still open it is a placeholder on the right day.
        .filter(|_| !game.status.start_time_tbd)
        .map(|text| matches::instant(text, "gameDate"))
        .transpose()?;
    let detailed = json::quote(&game.status.detailed);
    let cut_short = state == MatchState::Finished && detailed.starts_with("Completed Early");
    let doubts = cut_short.then(|| format!("completed early{}", &rest(&detailed)));
    matches::observed(MatchFact {
        literal: matches::literal(
            &format!("{} {detailed}", json::quote(&game.status.code)),
            score,
        ),
        state,
        kickoff,
        home: game.teams.home.team.id.to_string(),
        away: game.teams.away.team.id.to_string(),
        regular: score,
        extra: None,
        penalties: None,
        winner: matches::winner(game.teams.home.is_winner, game.teams.away.is_winner)?,
        doubts: doubts.into_iter().collect(),
    })
}

/// `: Rain` of `Completed Early: Rain`.
fn rest(detailed: &str) -> &str {
    detailed.strip_prefix("Completed Early").unwrap_or_default()
}

/// `codedGameState` is the first letter of `statusCode`, whose second says why.
fn state(status: &Status) -> Result<MatchState, Reading> {
    let coded = status.coded.as_str();
    if coded.len() != 1 || !status.code.starts_with(coded) {
        return Err(contradiction(format!(
            "codedGameState {:?} with statusCode {:?}",
            json::quote(coded),
            json::quote(&status.code)
        )));
    }
    Ok(match coded {
        "S" | "P" => MatchState::Scheduled,
        // In progress, manager's challenge, umpire's review, game over.
        "I" | "M" | "N" | "O" => MatchState::InPlay,
        "T" | "U" => MatchState::Suspended,
        "D" => MatchState::Postponed,
        "C" => MatchState::Cancelled,
        // Forfeit.
        "Q" | "R" => MatchState::Awarded,
        "F" if ["Final", "Completed Early"]
            .iter()
            .any(|known| status.detailed.starts_with(known)) =>
        {
            MatchState::Finished
        }
        "F" => return Err(matches::unknown("detailedState", &status.detailed)),
        other => return Err(matches::unknown("codedGameState", other)),
    })
}
