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
use crate::fact::{MatchFact, MatchState};
use crate::json;
use crate::observation::{Exchange, Observation, Query, Reading, Request};
use crate::rate::Rate;

pub(super) struct ApiFootball;

impl Provider for ApiFootball {
    fn name(&self) -> &'static str {
        "api-football"
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
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        fact_step(query, done, ask, read)
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    errors: &'a RawValue,
    #[serde(borrow)]
    response: &'a RawValue,
}

#[derive(Deserialize)]
struct Entry {
    fixture: Fixture,
    teams: Sides,
    goals: Points,
    score: Scores,
}

#[derive(Deserialize)]
struct Fixture {
    id: u64,
    date: Option<String>,
    timestamp: Option<i64>,
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    short: String,
}

#[derive(Deserialize)]
struct Sides {
    home: Team,
    away: Team,
}

#[derive(Deserialize)]
struct Team {
    id: u64,
    winner: Option<bool>,
}

#[derive(Deserialize)]
struct Scores {
    fulltime: Points,
    extratime: Points,
    penalty: Points,
}

fn ask(source: &FactSource) -> Result<Request, Reading> {
    let id = matches::match_id(source)?;
    Ok(Request::path(format!("/fixtures?id={id}")))
}

fn read(source: &FactSource, body: &[u8]) -> Result<Observation, Reading> {
    let id = matches::match_id(source)?;
    let answer: Answer<'_> = matches::parse(body)?;
    no_errors(answer.errors)?;
    // After the errors: with them the response may be of any shape.
    let entries: Vec<Entry> = json::parse(answer.response.get().as_bytes())?;
    let found = matches::only(entries, id, |e| e.fixture.id, Reading::Contradiction)?;
    let status = found.fixture.status.short.as_str();
    let mut fact = MatchFact {
        literal: matches::literal(status, found.goals.score("goals")?),
        state: state(status)?,
        kickoff: None,
        home: found.teams.home.id.to_string(),
        away: found.teams.away.id.to_string(),
        regular: None,
        extra: None,
        penalties: None,
        winner: matches::winner(found.teams.home.winner, found.teams.away.winner)?,
        doubts: Vec::new(),
    };
    // `TBD` comes with a time that means nothing.
    if status != "TBD" {
        fact.kickoff = kickoff(&found.fixture, &mut fact.doubts)?;
    }
    if fact.state == MatchState::Finished {
        finished(&mut fact, status, &found)?;
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

fn state(short: &str) -> Result<MatchState, Reading> {
    Ok(match short {
        "NS" | "TBD" => MatchState::Scheduled,
        "1H" | "HT" | "2H" | "ET" | "BT" | "P" | "LIVE" => MatchState::InPlay,
        "FT" | "AET" | "PEN" => MatchState::Finished,
        "SUSP" | "INT" => MatchState::Suspended,
        "PST" => MatchState::Postponed,
        "CANC" => MatchState::Cancelled,
        "ABD" => MatchState::Abandoned,
        "AWD" => MatchState::Awarded,
        "WO" => MatchState::Walkover,
        other => return Err(matches::unknown("status", other)),
    })
}

/// Kickoff is given twice; where the two disagree the later.
fn kickoff(fixture: &Fixture, doubts: &mut Vec<String>) -> Result<Option<i64>, Reading> {
    let date = fixture
        .date
        .as_deref()
        .map(|text| matches::instant(text, "date"))
        .transpose()?;
    if let (Some(date), Some(timestamp)) = (date, fixture.timestamp)
        && date != timestamp
    {
        doubts.push("date and timestamp of the kickoff disagree".to_owned());
    }
    Ok(date.max(fixture.timestamp))
}

fn finished(fact: &mut MatchFact, status: &str, found: &Entry) -> Result<(), Reading> {
    let goals = found.goals.score("goals")?;
    let added = found.score.extratime.score("extratime")?;
    let penalties = found.score.penalty.score("penalty")?;
    fact.regular = found.score.fulltime.score("fulltime")?;
    match (status, added, penalties) {
        ("FT", None, None) | ("AET", _, None) => {}
        ("PEN", _, Some(_)) => fact.penalties = penalties,
        _ => {
            return Err(contradiction(format!(
                "{status} does not fit extra time and penalties"
            )));
        }
    }
    let mut whole = fact.regular;
    if let (Some(regular), Some(added)) = (fact.regular, added) {
        whole = Some(matches::sum(regular, added)?);
        fact.extra = whole;
    } else if status == "AET" {
        fact.extra = goals;
        whole = goals;
    }
    if whole != goals {
        fact.doubts
            .push("goals are not those of regular and extra time".to_owned());
    }
    Ok(())
}
