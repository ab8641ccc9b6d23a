//! API-Football v3: `/fixtures?id={match}`, a key in `x-apisports-key`.
//!
//! Source: api-football.com, documentation v3, "Fixtures". `score.fulltime` is
//! the score after 90 minutes, `goals` has extra time in it and the shootout
//! not, `score.extratime` is what extra time added. `errors` is an empty array
//! when all is well and an object when not, both with HTTP 200. The free plan
//! ends at 100 requests a day: one match read every 15 minutes.

use std::collections::BTreeMap;

use oracle_schema::policy::FactSource;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::matches::{self, Points, contradiction};
use super::{Licence, Provider, Step, Subject, fact_step};
use crate::fact::{MatchFact, MatchState, Score};
use crate::json::{self, Field};
use crate::observation::{Exchange, Observation, Query, Reading, Request};
use crate::rate::Rate;

pub(super) struct ApiFootball;

impl Provider for ApiFootball {
    fn name(&self) -> &'static str {
        "api-football"
    }
    fn version(&self) -> u32 {
        3
    }
    fn base_url(&self) -> &'static str {
        "https://v3.football.api-sports.io"
    }
    /// Of the free plan, which also ends at 100 a day.
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
        Some("x-apisports-key")
    }
    fn licence(&self) -> Licence {
        Licence::HashOnly
    }
    fn deciding(&self) -> &'static [&'static str] {
        &[
            "response[].fixture.id",
            "response[].fixture.status.short",
            "response[].teams.home.id",
            "response[].teams.away.id",
            "response[].score.fulltime.home",
            "response[].score.fulltime.away",
        ]
    }
    fn hints(&self) -> &'static [&'static str] {
        &[
            "errors",
            "response[].fixture.date",
            "response[].fixture.timestamp",
            "response[].teams.home.winner",
            "response[].teams.away.winner",
            "response[].goals",
            "response[].score.extratime",
            "response[].score.penalty",
        ]
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        fact_step(query, done, ask, read)
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    errors: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    fixture: Field<Fixture>,
    teams: Field<Sides>,
    goals: Field<Points>,
    score: Field<Scores>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fixture {
    id: Field<u64>,
    date: Field<String>,
    timestamp: Field<i64>,
    status: Field<Status>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    short: Field<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sides {
    home: Field<Team>,
    away: Field<Team>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Team {
    id: Field<u64>,
    winner: Field<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Scores {
    fulltime: Field<Points>,
    extratime: Field<Points>,
    penalty: Field<Points>,
}

fn ask(source: &FactSource) -> Result<Request, Reading> {
    let id = matches::match_id(source)?;
    Ok(Request::path(format!("/fixtures?id={id}")))
}

fn read(source: &FactSource, body: &[u8]) -> Result<Observation, Reading> {
    let id = matches::match_id(source)?;
    let answer: Answer<'_> = matches::parse(body)?;
    if let Some(errors) = answer.errors {
        no_errors(errors)?;
    }
    // After the errors: with them the response may be of any shape.
    let Some(response) = answer.response else {
        return Err(matches::shapeless(body, "response"));
    };
    let entries: Vec<Field<Entry>> = json::parse(response.get().as_bytes())?;
    let entries = entries.into_iter().map(|e| e.hint().unwrap_or_default());
    let id_of = |e: &Entry| e.fixture.as_ref().hint()?.id.as_ref().hint().copied();
    let found = matches::only(entries.collect(), id, id_of, Reading::Contradiction)?;
    let fixture = found.fixture.due("fixture")?;
    let short = fixture.status.due("status")?.short.due("status.short")?;
    let status = short.to_ascii_uppercase();
    let sides = found.teams.due("teams")?;
    let home = sides.home.due("teams.home")?;
    let away = sides.away.due("teams.away")?;
    let mut doubts = Vec::new();
    let goals = matches::part(matches::score(found.goals, "goals"), &mut doubts);
    let mut fact = matches::fact(
        matches::literal(&short, goals),
        state(&status)?,
        home.id.due("teams.home.id")?.to_string(),
        away.id.due("teams.away.id")?.to_string(),
    );
    // `TBD` comes with a time that means nothing.
    if status != "TBD" {
        fact.kickoff = kickoff(fixture.date, fixture.timestamp, &mut fact.doubts);
    }
    if fact.state == MatchState::Finished {
        fact.doubts.append(&mut doubts);
        finished(&mut fact, &status, goals, found.score.due("score")?)?;
        let winner = matches::winner(home.winner, away.winner);
        matches::name_winner(&mut fact, winner, status == "FT")?;
    }
    matches::observed(fact)
}

/// `[]` and `{}` are no errors; anything else is.
fn no_errors(errors: &RawValue) -> Result<(), Reading> {
    let errors: BTreeMap<String, String> = match errors.get().trim_start().as_bytes() {
        [b'[', ..] => serde_json::from_str::<Vec<String>>(errors.get())
            .map(|all| all.into_iter().map(|text| (String::new(), text)).collect()),
        _ => serde_json::from_str(errors.get()),
    }
    .map_err(|_| contradiction("errors is neither a list nor an object of texts"))?;
    let Some((key, text)) = errors.iter().next() else {
        return Ok(());
    };
    let detail = json::quote(format!("{key}: {text}").trim_start_matches(": "));
    Err(match key.as_str() {
        // Over the limit of the day or of the minute, or the provider's own bug.
        "requests" | "rateLimit" | "bug" | "report" => Reading::transient(detail),
        "" if detail.to_lowercase().contains("limit") => Reading::transient(detail),
        _ => Reading::Permanent(detail),
    })
}

fn state(status: &str) -> Result<MatchState, Reading> {
    Ok(match status {
        "NS" | "TBD" => MatchState::Scheduled,
        "1H" | "HT" | "2H" | "ET" | "BT" | "P" | "LIVE" => MatchState::InPlay,
        "FT" | "AET" | "PEN" => MatchState::Finished,
        "SUSP" | "INT" => MatchState::Suspended,
        "PST" => MatchState::Postponed,
        "CANC" => MatchState::Cancelled,
        "ABD" => MatchState::Abandoned,
        "AWD" => MatchState::Awarded,
        "WO" => MatchState::Walkover,
        _ => return Err(matches::unknown("status", status)),
    })
}

/// Kickoff is given twice; one of the two is enough, and where they disagree it is
/// the later. One that cannot be read is a doubt, since it may have been that.
fn kickoff(date: Field<String>, timestamp: Field<i64>, doubts: &mut Vec<String>) -> Option<i64> {
    let date = matches::part(matches::maybe_instant(date, "date"), doubts);
    let timestamp = matches::part(timestamp.clean("timestamp"), doubts);
    if let (Some(date), Some(timestamp)) = (date, timestamp)
        && date != timestamp
    {
        doubts.push("date and timestamp of the kickoff disagree".to_owned());
    }
    date.max(timestamp)
}

fn finished(
    fact: &mut MatchFact,
    status: &str,
    goals: Option<Score>,
    score: Scores,
) -> Result<(), Reading> {
    let doubts = &mut fact.doubts;
    let regular = matches::part(matches::score(score.fulltime, "fulltime"), doubts);
    let added = matches::part(matches::score(score.extratime, "extratime"), doubts);
    let penalties = matches::part(matches::score(score.penalty, "penalty"), doubts);
    fact.regular = regular;
    let mut whole = match (regular, added) {
        (Some(regular), Some(added)) => Some(matches::sum(regular, added)?),
        _ => None,
    };
    let misfit = || format!("{status} does not fit extra time and penalties");
    match status {
        "FT" if matches::any_goal(added) || matches::any_goal(penalties) => {
            return Err(contradiction(misfit()));
        }
        "FT" => whole = regular,
        "AET" if !matches::any_goal(penalties) => {
            whole = whole.or(goals);
            fact.extra = whole;
            fact.end_unknown = whole.is_none();
        }
        "PEN" if penalties.is_some() => {
            fact.penalties = penalties;
            // A shootout may follow regular time at once.
            fact.extra = whole.or(goals.filter(|_| goals != regular));
            fact.end_unknown = whole.is_none() && goals.is_none();
            whole = fact.extra.or(regular);
        }
        _ => {
            fact.doubts.push(misfit());
            fact.end_unknown = true;
            return Ok(());
        }
    }
    if whole != goals {
        fact.doubts
            .push("goals are not those of regular and extra time".to_owned());
    }
    Ok(())
}
