//! MLB: `/api/v1/schedule?sportId=1&gamePk={match}`.
//!
//! Source: statsapi.mlb.com, `/api/v1/gameStatus`. `abstractGameState` reads
//! `Final` for games that were postponed, so only `codedGameState` and
//! `statusCode` count. `O` (game over) comes before `F` (final) and is not yet
//! official. A game cut short (`FR`) is official when the league says so, after
//! five innings. A game has no draw and no result after nine innings of its own:
//! the final score, extra innings included, stands as the one of regular time.
//!
//! One `gamePk` may stand under several dates. A postponed game leaves a
//! `Postponed` row under each date that it was moved from; those say nothing once
//! there is another row. A suspended game stands under the date on which it began
//! and under the one on which it goes on, tied by `resumeDate` and `resumedFrom`,
//! and in the end all of them are final with one score. Its kickoff is then the
//! last part's, so that a game that went on after the void window is void whenever
//! it is read. The games of a doubleheader have ids of their own.

use oracle_schema::policy::FactSource;
use serde::Deserialize;

use super::matches::{self, contradiction};
use super::{Licence, Provider, Step, Subject, fact_step};
use crate::fact::{MatchFact, MatchState, Score, Side as Winner};
use crate::json::{self, Field};
use crate::observation::{Exchange, Observation, Query, Reading, Request};
use crate::rate::Rate;

pub(super) struct Mlb;

impl Provider for Mlb {
    fn name(&self) -> &'static str {
        "mlb"
    }
    fn version(&self) -> u32 {
        3
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
    /// Extra innings count.
    fn tells_regular_time(&self) -> bool {
        false
    }
    fn licence(&self) -> Licence {
        Licence::HashOnly
    }
    fn deciding(&self) -> &'static [&'static str] {
        &[
            "dates[].games[].gamePk",
            "dates[].games[].gameDate",
            "dates[].games[].status.codedGameState",
            "dates[].games[].status.statusCode",
            "dates[].games[].status.detailedState",
            "dates[].games[].teams.home.team.id",
            "dates[].games[].teams.away.team.id",
            "dates[].games[].teams.home.score",
            "dates[].games[].teams.away.score",
        ]
    }
    fn hints(&self) -> &'static [&'static str] {
        &[
            "dates[].games[].status.startTimeTBD",
            "dates[].games[].teams.home.isWinner",
            "dates[].games[].teams.away.isWinner",
            "dates[].games[].resumeDate",
            "dates[].games[].resumedFrom",
        ]
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        fact_step(query, done, ask, read)
    }
}

#[derive(Deserialize)]
struct Schedule {
    dates: Vec<Field<Date>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Date {
    games: Field<Vec<Field<Game>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Game {
    #[serde(rename = "gamePk")]
    id: Field<u64>,
    #[serde(rename = "gameDate")]
    date: Field<String>,
    #[serde(rename = "resumeDate")]
    resumes: Field<String>,
    #[serde(rename = "resumedFrom")]
    resumed_from: Field<String>,
    status: Field<Status>,
    teams: Field<Sides>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    #[serde(rename = "codedGameState")]
    coded: Field<String>,
    #[serde(rename = "statusCode")]
    code: Field<String>,
    #[serde(rename = "detailedState")]
    detailed: Field<String>,
    #[serde(rename = "startTimeTBD")]
    start_time_tbd: Field<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sides {
    home: Field<Side>,
    away: Field<Side>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Side {
    team: Field<Team>,
    score: Field<u32>,
    is_winner: Field<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Team {
    id: Field<u64>,
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
    let dates = schedule.dates.into_iter().filter_map(Field::hint);
    let games = dates.flat_map(|d| d.games.hint().unwrap_or_default());
    let games: Vec<Game> = games.filter_map(Field::hint).collect();
    let rows = asked(games, id)?;
    let rows = rows.into_iter().map(Row::of).collect::<Result<_, _>>()?;
    let rows = in_order(rows, id)?;
    let Some(last) = rows.last() else {
        return Err(Reading::NoData(format!("no match {id}")));
    };
    let mut fact = matches::fact(
        matches::literal(&last.words, None),
        together(&rows)?,
        last.sides.0.clone(),
        last.sides.1.clone(),
    );
    fact.kickoff = kickoff(&rows, fact.state, &mut fact.doubts)?;
    if fact.state == MatchState::Finished {
        finished(&mut fact, &rows)?;
    }
    matches::observed(fact)
}

/// The rows of the asked game; those that it was postponed from only where there
/// is no other.
fn asked(games: Vec<Game>, id: &str) -> Result<Vec<Game>, Reading> {
    if games.is_empty() {
        return Err(Reading::NoData(format!("no match {id}")));
    }
    let id_of = |g: &Game| g.id.as_ref().hint().copied();
    let (mut rows, others): (Vec<Game>, Vec<Game>) =
        games.into_iter().partition(|g| matches::is(id_of(g), id));
    if rows.is_empty() {
        let others = others.len();
        return Err(contradiction(format!(
            "{others} other matches, and no match {id}"
        )));
    }
    let postponed = |g: &Game| {
        let status = g.status.as_ref().hint();
        status.is_some_and(|s| s.coded.as_ref().hint().is_some_and(|coded| coded == "D"))
    };
    if rows.iter().all(postponed) {
        // One of several says what all of them say.
        rows.truncate(1);
    } else {
        rows.retain(|g| !postponed(g));
    }
    Ok(rows)
}

/// What one row of the schedule says of the game.
struct Row {
    state: MatchState,
    /// Status code and detailed state, for people.
    words: String,
    cut_short: Option<String>,
    sides: (String, String),
    score: Result<Option<Score>, Reading>,
    winner: Result<Option<Winner>, Reading>,
    date: Result<Option<i64>, Reading>,
    tbd: bool,
    resumes: Result<Option<i64>, Reading>,
    resumed_from: Option<i64>,
}

impl Row {
    fn of(game: Game) -> Result<Self, Reading> {
        let status = game.status.due("status")?;
        let code = status.code.due("statusCode")?;
        let coded = status.coded.due("codedGameState")?;
        let detailed = status.detailed.clean("detailedState");
        let state = state(&coded, &code, &detailed)?;
        let detailed = json::quote(detailed.unwrap_or_default().unwrap_or_default());
        let cut_short = after(&detailed, "Completed Early").map(str::to_owned);
        let sides = game.teams.due("teams")?;
        let home = sides.home.due("teams.home")?;
        let away = sides.away.due("teams.away")?;
        let id = |team: Field<Team>, name| team.due(name)?.id.due(name);
        let points = (
            home.score.clean("home.score"),
            away.score.clean("away.score"),
        );
        Ok(Self {
            state,
            words: format!("{} {detailed}", json::quote(&code)),
            cut_short,
            sides: (
                id(home.team, "home.team.id")?.to_string(),
                id(away.team, "away.team.id")?.to_string(),
            ),
            score: match points {
                (Ok(home), Ok(away)) => matches::whole(home, away, "score"),
                (Err(odd), _) | (_, Err(odd)) => Err(odd),
            },
            winner: matches::winner(home.is_winner, away.is_winner),
            date: matches::maybe_instant(game.date, "gameDate"),
            tbd: status.start_time_tbd.hint().unwrap_or(false),
            resumes: matches::maybe_instant(game.resumes, "resumeDate"),
            resumed_from: matches::maybe_instant(game.resumed_from, "").unwrap_or_default(),
        })
    }
}

/// The rows by their time. Several must be one game: each resumes an earlier one,
/// between the same sides.
fn in_order(mut rows: Vec<Row>, id: &str) -> Result<Vec<Row>, Reading> {
    if rows.len() < 2 {
        return Ok(rows);
    }
    let several = |why: &str| contradiction(format!("several matches {id}: {why}"));
    let mut starts = Vec::new();
    for row in &rows {
        let start = row.date.clone()?;
        starts.push(start.ok_or_else(|| several("one without gameDate"))?);
    }
    let mut order: Vec<(i64, Row)> = starts.into_iter().zip(rows.drain(..)).collect();
    order.sort_by_key(|(start, _)| *start);
    for (index, (start, row)) in order.iter().enumerate().skip(1) {
        let resumes = |(earlier, before): &(i64, Row)| {
            earlier < start
                && (before.resumes == Ok(Some(*start)) || row.resumed_from == Some(*earlier))
        };
        if !order.iter().take(index).any(resumes) {
            return Err(several("not tied by resumeDate and resumedFrom"));
        }
        if order.iter().any(|(_, other)| other.sides != row.sides) {
            return Err(several("between other sides"));
        }
    }
    Ok(order.into_iter().map(|(_, row)| row).collect())
}

/// The state of the game by all of its rows: over only when all of them say so.
fn together(rows: &[Row]) -> Result<MatchState, Reading> {
    let Some(first) = rows.first().map(|row| row.state) else {
        return Ok(MatchState::Scheduled);
    };
    if rows.iter().all(|row| row.state == first) {
        return Ok(first);
    }
    let goes_on = |row: &Row| {
        matches!(
            row.state,
            MatchState::Scheduled | MatchState::InPlay | MatchState::Suspended
        )
    };
    if rows.iter().any(|row| row.state == MatchState::InPlay) {
        Ok(MatchState::InPlay)
    } else if rows.iter().any(goes_on) {
        Ok(MatchState::Suspended)
    } else {
        Err(contradiction(
            "the parts of one game ended in different ways",
        ))
    }
}

/// When the game was last begun. A suspended one that is listed once goes on, or
/// went on, when it says; where that cannot be read nobody knows when.
fn kickoff(
    rows: &[Row],
    state: MatchState,
    doubts: &mut Vec<String>,
) -> Result<Option<i64>, Reading> {
    let mut latest = None;
    for row in rows {
        let date = match &row.date {
            // With the time still open it is a placeholder on the right day.
            Ok(date) => date.filter(|_| !row.tbd),
            Err(odd) if state == MatchState::Finished => return Err(odd.clone()),
            Err(_) => None,
        };
        latest = latest.max(date);
    }
    match rows {
        [only] if latest.is_some() => Ok(match &only.resumes {
            Ok(resumes) => latest.max(*resumes),
            Err(odd) => {
                doubts.push(odd.detail().to_owned());
                None
            }
        }),
        _ => Ok(latest),
    }
}

/// One score and one winner, whichever row tells them.
fn finished(fact: &mut MatchFact, rows: &[Row]) -> Result<(), Reading> {
    for row in rows {
        let score = row.score.clone()?;
        if score.is_some() && fact.regular.is_some() && score != fact.regular {
            return Err(contradiction("the parts of one game have different scores"));
        }
        fact.regular = fact.regular.or(score);
        let winner = row.winner.clone()?;
        if winner.is_some() && fact.winner.is_some() && winner != fact.winner {
            return Err(contradiction(
                "the parts of one game have different winners",
            ));
        }
        fact.winner = fact.winner.or(winner);
        if let Some(why) = &row.cut_short {
            fact.doubts.push(format!("completed early{why}"));
        }
    }
    fact.doubts.dedup();
    fact.literal = matches::literal(&fact.literal, fact.regular);
    Ok(())
}

/// `: Rain` of `Completed Early: Rain`.
fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

/// `codedGameState` is the first letter of `statusCode`, whose second says why.
fn state(
    coded: &str,
    code: &str,
    detailed: &Result<Option<String>, Reading>,
) -> Result<MatchState, Reading> {
    if coded.len() != 1 || !code.starts_with(coded) {
        return Err(contradiction(format!(
            "codedGameState {:?} with statusCode {:?}",
            json::quote(coded),
            json::quote(code)
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
        "F" => {
            let word = detailed.clone()?.unwrap_or_default();
            let known = ["Final", "Completed Early"];
            if !known.iter().any(|known| after(&word, known).is_some()) {
                return Err(matches::unknown("detailedState", &word));
            }
            MatchState::Finished
        }
        other => return Err(matches::unknown("codedGameState", other)),
    })
}
