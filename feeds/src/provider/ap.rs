//! Associated Press: `/v3/elections/{date}`, the key in a header.
//!
//! Source: developer.ap.org, "Elections Response Data Elements" and
//! "Race Call Status". A race has reporting units; that of the state itself
//! carries the state's winner, which need not be the nation's. `winner` is `X`
//! for who has won and `R` for who goes into a run-off.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use oracle_schema::policy::FactSource;
use serde::Deserialize;

use super::{Licence, Provider, Step, Subject, error_body, fact_step, parameter};
use crate::fact::{ElectionFact, ElectionStage};
use crate::json;
use crate::observation::{Exchange, Observation, Query, Reading, Request};
use crate::rate::Rate;

pub(super) struct Ap;

/// How AP writes the whole country where a state's postal code is due.
const NATION: &str = "US";

impl Provider for Ap {
    fn name(&self) -> &'static str {
        "ap"
    }
    fn base_url(&self) -> &'static str {
        "https://api.ap.org"
    }
    fn rate(&self) -> Rate {
        Rate::per_second(1)
    }
    fn subject(&self) -> Subject {
        Subject::Election
    }
    fn parameters(&self) -> &'static [&'static str] {
        &["date", "state", "office"]
    }
    fn check_parameter(&self, name: &str, value: &str) -> Result<(), String> {
        check(name, value)
    }
    fn key_header(&self) -> Option<&'static str> {
        Some("x-api-key")
    }
    fn licence(&self) -> Licence {
        Licence::HashOnly
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        fact_step(query, done, ask, read)
    }
}

fn check(name: &str, value: &str) -> Result<(), String> {
    let capitals = |max: usize| {
        (1..=max).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_uppercase())
    };
    let (good, must) = match name {
        "date" => (
            value.len() == 10 && NaiveDate::parse_from_str(value, "%Y-%m-%d").is_ok(),
            "must be a day like 2026-11-03",
        ),
        "state" => (
            value.len() == 2 && capitals(2),
            "must be a postal code like GA",
        ),
        _ => (capitals(3), "must be AP's id of an office, like S"),
    };
    good.then_some(()).ok_or_else(|| must.to_owned())
}

fn checked<'a>(source: &'a FactSource, name: &str) -> Result<&'a str, Reading> {
    let value = parameter(source, name)?;
    check(name, value).map_err(|must| Reading::Permanent(format!("{name} {must}")))?;
    Ok(value)
}

fn level(state: &str) -> &'static str {
    match state {
        NATION => "national",
        _ => "state",
    }
}

fn ask(source: &FactSource) -> Result<Request, Reading> {
    let (date, state) = (checked(source, "date")?, checked(source, "state")?);
    let (office, level) = (checked(source, "office")?, level(state));
    Ok(Request::path(format!(
        "/v3/elections/{date}?statePostal={state}&officeID={office}&level={level}&format=json"
    )))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    election_date: String,
    races: Vec<Race>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Race {
    test: bool,
    results_type: String,
    #[serde(rename = "officeID")]
    office_id: String,
    reporting_units: Vec<Unit>,
    #[serde(rename = "raceCallStatus")]
    call_status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unit {
    state_postal: String,
    level: String,
    candidates: Vec<Candidate>,
}

#[derive(Deserialize)]
struct Candidate {
    #[serde(rename = "candidateID")]
    id: String,
    #[serde(default)]
    winner: Option<String>,
}

fn read(source: &FactSource, body: &[u8]) -> Result<Observation, Reading> {
    if let Some(error) = error_body(body) {
        return Err(error);
    }
    let contradiction = |text: String| Err(Reading::Contradiction(text));
    let answer: Answer = json::parse(body)?;
    let (date, state) = (checked(source, "date")?, checked(source, "state")?);
    if answer.election_date != date {
        return contradiction(format!(
            "election of {:?}, not of {date}",
            json::quote(&answer.election_date)
        ));
    }
    let race = match answer.races.as_slice() {
        [] => return Err(Reading::NotYet("no changes: no race is listed".to_owned())),
        [race] => race,
        races => return contradiction(format!("{} races where one is due", races.len())),
    };
    let office = checked(source, "office")?;
    if race.office_id != office {
        return contradiction(format!(
            "a race for office {:?}, not {office}",
            json::quote(&race.office_id)
        ));
    }
    if race.test {
        return contradiction("test data".to_owned());
    }
    let mut units = race
        .reporting_units
        .iter()
        .filter(|u| u.level == level(state) && u.state_postal == state);
    let (Some(unit), None) = (units.next(), units.next()) else {
        return contradiction(format!(
            "not exactly one reporting unit for {} {state}",
            level(state)
        ));
    };
    fact(race, winners(unit)?).map(Observation::Election)
}

/// The ids of the candidates marked as winners.
fn winners(unit: &Unit) -> Result<Vec<String>, Reading> {
    let mut seen = BTreeSet::new();
    let mut winners = Vec::new();
    for candidate in &unit.candidates {
        if candidate.id.is_empty() || !seen.insert(candidate.id.as_str()) {
            return Err(Reading::Contradiction(format!(
                "candidate {:?} is listed twice or has no id",
                json::quote(&candidate.id)
            )));
        }
        match candidate.winner.as_deref() {
            Some("X") => winners.push(candidate.id.clone()),
            None | Some("" | "R") => {}
            Some(other) => {
                return Err(Reading::Contradiction(format!(
                    "winner is marked {:?}",
                    json::quote(other)
                )));
            }
        }
    }
    Ok(winners)
}

fn fact(race: &Race, winners: Vec<String>) -> Result<ElectionFact, Reading> {
    let settled = match race.results_type.as_str() {
        "live" => ElectionStage::Called,
        "certified" => ElectionStage::Certified,
        "test" => return Err(Reading::Contradiction("test data".to_owned())),
        other => {
            return Err(Reading::Contradiction(format!(
                "resultsType {:?}",
                json::quote(other)
            )));
        }
    };
    let (stage, runoff) = match race.call_status.as_str() {
        "Called" => (settled, false),
        "Runoff" => (settled, true),
        // "Uncalled" takes a call back; a winner who does not lead is a call
        // that may be.
        "Too Early" | "Too Early to Call" | "Too Close" | "Too Close to Call"
        | "Winner Not Leading" | "Uncalled" => (ElectionStage::Counting, false),
        "Unable to Call" => (ElectionStage::Undecidable, false),
        other => {
            return Err(Reading::Contradiction(format!(
                "raceCallStatus {:?}",
                json::quote(other)
            )));
        }
    };
    let called = matches!(stage, ElectionStage::Called | ElectionStage::Certified);
    let mut doubts = Vec::new();
    if !called && !winners.is_empty() {
        doubts.push("a winner is marked though the race is not called".to_owned());
    }
    if !called && settled == ElectionStage::Certified {
        doubts.push("results are certified though the race is not called".to_owned());
    }
    Ok(ElectionFact {
        literal: json::quote(format_args!(
            "{} {}: {}",
            race.call_status,
            race.results_type,
            if winners.is_empty() {
                "no winner".to_owned()
            } else {
                winners.join(", ")
            }
        )),
        stage,
        winners,
        runoff,
        votes: BTreeMap::new(),
        doubts,
    })
}
