//! NFL as ESPN tells it: `/apis/site/v2/sports/football/nfl/scoreboard/{match}`.
//!
//! Source: ESPN's `site.api.espn.com`, whose answers many clients read and ESPN
//! documents nowhere; the shape is that of pseudo-r/Public-ESPN-API ("Response
//! schemas") and of recorded answers, among them one survey of all 286 games of
//! the season of 2025: the status stays `STATUS_FINAL` after overtime, `period`
//! says that there was one, and the line scores always add up. The league itself
//! documents no public source, and nflverse's `games.csv`, which is documented,
//! has neither states nor the score after regular time. Never seen live:
//! `STATUS_SUSPENDED`, `STATUS_FORFEIT`, `STATUS_ABANDONED`, two overtimes.
//!
//! Scores are texts, and run while the game does; times have no seconds. A game of
//! the regular season can end level after overtime. One that ends before its
//! fourth quarter is over was cut short: doubtful, so it never decides alone.
//!
//! What decides: `id`, home and away with their team ids, `status.type.name`, and
//! of a finished game `completed`, `date`, both scores and `status.period`;
//! `linescores` decides bets on regular time where there was overtime; `winner`
//! must not contradict the score.

use chrono::NaiveDateTime;
use oracle_schema::policy::FactSource;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::leagues::{self, Line, Raw};
use super::matches::{self, contradiction};
use super::{Licence, Provider, Step, Subject, fact_step};
use crate::fact::{MatchFact, MatchState, Score, Side};
use crate::json;
use crate::observation::{Exchange, Observation, Query, Reading, Request};
use crate::rate::Rate;

/// Quarters of regular time.
const QUARTERS: u32 = 4;

pub(super) struct EspnNfl;

impl Provider for EspnNfl {
    fn name(&self) -> &'static str {
        "espn-nfl"
    }
    fn base_url(&self) -> &'static str {
        "https://site.api.espn.com"
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
            "date",
            "status.period",
            "status.type.name",
            "status.type.completed",
            "competitions[].competitors[].homeAway",
            "competitions[].competitors[].team.id",
            "competitions[].competitors[].score",
        ]
    }
    fn hints(&self) -> &'static [&'static str] {
        &[
            "competitions[].competitors[].winner",
            "competitions[].competitors[].linescores",
        ]
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        fact_step(query, done, ask, read)
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    id: String,
    #[serde(borrow, default)]
    date: Raw<'a>,
    #[serde(borrow)]
    status: Status<'a>,
    #[serde(borrow)]
    competitions: Vec<Competition<'a>>,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow, default)]
    period: Raw<'a>,
    #[serde(borrow, rename = "type")]
    kind: Kind<'a>,
}

#[derive(Deserialize)]
struct Kind<'a> {
    name: String,
    #[serde(borrow, default)]
    completed: Raw<'a>,
}

#[derive(Deserialize)]
struct Competition<'a> {
    #[serde(borrow)]
    competitors: Vec<Competitor<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Competitor<'a> {
    home_away: String,
    team: Team,
    #[serde(borrow, default)]
    score: Raw<'a>,
    #[serde(borrow, default)]
    winner: Raw<'a>,
    #[serde(borrow, default)]
    linescores: Raw<'a>,
}

#[derive(Deserialize)]
struct Team {
    id: String,
}

#[derive(Deserialize)]
struct Quarter<'a> {
    period: u32,
    #[serde(borrow)]
    value: &'a RawValue,
}

fn ask(source: &FactSource) -> Result<Request, Reading> {
    let id = matches::match_id(source)?;
    Ok(Request::path(format!(
        "/apis/site/v2/sports/football/nfl/scoreboard/{id}"
    )))
}

fn read(source: &FactSource, body: &[u8]) -> Result<Observation, Reading> {
    let id = matches::match_id(source)?;
    let event: Event<'_> = matches::parse(body)?;
    if event.id != id {
        let other = json::quote(&event.id);
        return Err(contradiction(format!("match {other} for {id}")));
    }
    let state = state(&event.status.kind.name)?;
    let (home, away) = sides(&event.competitions)?;
    let name = &event.status.kind.name;
    let mut fact = leagues::fact(name, state, team(home)?, team(away)?);
    if state == MatchState::Finished {
        let date: String = leagues::due(event.date, "date")?;
        fact.kickoff = Some(kickoff(&date)?);
        finished(&mut fact, &event.status, home, away)?;
    } else {
        // Before the end nothing rests on it.
        let date: Option<String> = leagues::hint(event.date);
        fact.kickoff = date.and_then(|d| kickoff(&d).ok());
    }
    matches::observed(fact)
}

fn state(name: &str) -> Result<MatchState, Reading> {
    Ok(match name {
        "STATUS_SCHEDULED" | "STATUS_TBD" => MatchState::Scheduled,
        "STATUS_IN_PROGRESS"
        | "STATUS_END_PERIOD"
        | "STATUS_HALFTIME"
        | "STATUS_END_OF_REGULATION"
        | "STATUS_OVERTIME" => MatchState::InPlay,
        "STATUS_FINAL" | "STATUS_FINAL_OVERTIME" => MatchState::Finished,
        // Before the kickoff or after it.
        "STATUS_DELAYED" | "STATUS_RAIN_DELAY" | "STATUS_SUSPENDED" => MatchState::Suspended,
        "STATUS_POSTPONED" => MatchState::Postponed,
        "STATUS_CANCELED" => MatchState::Cancelled,
        "STATUS_ABANDONED" => MatchState::Abandoned,
        "STATUS_FORFEIT" => MatchState::Awarded,
        other => return Err(matches::unknown("status", other)),
    })
}

/// The one game of the event, home and away by name and not by place.
fn sides<'a, 'b>(
    competitions: &'b [Competition<'a>],
) -> Result<(&'b Competitor<'a>, &'b Competitor<'a>), Reading> {
    let [game] = competitions else {
        return Err(contradiction("not one competition"));
    };
    match game.competitors.as_slice() {
        [a, b] if (a.home_away.as_str(), b.home_away.as_str()) == ("home", "away") => Ok((a, b)),
        [a, b] if (a.home_away.as_str(), b.home_away.as_str()) == ("away", "home") => Ok((b, a)),
        _ => Err(contradiction("not one home and one away side")),
    }
}

/// The id of a side, a number in a text.
fn team(side: &Competitor<'_>) -> Result<String, Reading> {
    let id = &side.team.id;
    matches::check_id(id)
        .map_err(|why| contradiction(format!("team.id {:?} {why}", json::quote(id))))?;
    Ok(id.clone())
}

/// RFC 3339, mostly without seconds: `2026-02-08T23:30Z`.
fn kickoff(date: &str) -> Result<i64, Reading> {
    let minute = date
        .strip_suffix('Z')
        .and_then(|text| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").ok());
    minute.map_or_else(
        || matches::instant(date, "date"),
        |time| Ok(time.and_utc().timestamp()),
    )
}

fn finished(
    fact: &mut MatchFact,
    status: &Status<'_>,
    home: &Competitor<'_>,
    away: &Competitor<'_>,
) -> Result<(), Reading> {
    if !leagues::due::<bool>(status.kind.completed, "completed")? {
        return Err(contradiction("final, and not completed"));
    }
    let end = Score {
        home: points(home.score, "home score")?,
        away: points(away.score, "away score")?,
    };
    let played: u32 = leagues::due(status.period, "period")?;
    fact.literal = matches::literal(&fact.literal, Some(end));
    fact.winner = match (leagues::hint(home.winner), leagues::hint(away.winner)) {
        (Some(true), Some(true)) => return Err(contradiction("both sides are the winner")),
        (Some(true), _) => Some(Side::Home),
        (_, Some(true)) => Some(Side::Away),
        _ => None,
    };
    if played > QUARTERS {
        fact.regular = leagues::level_score(
            line(home.linescores),
            line(away.linescores),
            (QUARTERS, played),
            end,
            &mut fact.doubts,
        );
        fact.extra = Some(end);
        return Ok(());
    }
    if played < QUARTERS {
        fact.doubts.push(format!("ended in quarter {played}"));
    }
    fact.regular = Some(end);
    Ok(())
}

/// A whole number in a text.
fn points(raw: Raw<'_>, name: &str) -> Result<u32, Reading> {
    let text: String = leagues::due(raw, name)?;
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let odd = || contradiction(format!("{name} {:?} is no score", json::quote(&text)));
    text.parse().ok().filter(|_| digits).ok_or_else(odd)
}

fn line(linescores: Raw<'_>) -> Option<Line> {
    let quarters: Vec<Quarter<'_>> = leagues::hint(linescores)?;
    quarters
        .iter()
        .map(|q| Some((q.period, whole(q.value)?)))
        .collect()
}

/// A whole number, written as one or as `7.0`.
fn whole(raw: &RawValue) -> Option<u32> {
    let (_, value) = json::number(raw, "value").ok()?;
    Some(value)
        .filter(|v| v.fract() == Decimal::ZERO)
        .and_then(|v| v.to_u32())
}
