//! Associated Press: `/v3/elections/{date}`, the key in a header.
//!
//! Source: developer.ap.org, "Elections Request", "Elections Response Data
//! Elements", "Race Call Status" and the release notes of v3. The API gives live
//! results unless `resultsType=c` asks for certified ones. A request may bring
//! several races (seats of a House, ballot measures, primaries of two parties,
//! electors by district), so a source can name its own. A race has reporting
//! units; that of the state itself carries the state's winner, which need not be
//! the nation's. `winner` is `X` for who has won and `R` for who goes into a
//! run-off. `raceCallStatus` comes "when available": before a call and for ballot
//! measures there is none. The test flag is deprecated. A status that is not
//! documented is no call: it is waited until there is another one.
//!
//! Never seen live: the body is composed from the documentation of its fields.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::NaiveDate;
use oracle_schema::policy::{ElectionBasis, FactSource};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Licence, Provider, Step, Subject, checked, fact_step, matches, plain};
use crate::fact::{ElectionFact, ElectionStage};
use crate::json;
use crate::observation::{Exchange, Observation, Query, Reading, Request};
use crate::rate::Rate;

pub(super) struct Ap;

/// How AP writes the whole country where a state's postal code is due.
const NATION: &str = "US";

/// The parameter that says which results are asked for: `l` or `c`. It follows
/// from the event's basis. Policies of older builds lack it, and get what the API
/// gives by default.
const RESULTS_TYPE: &str = "results_type";
/// The parameter that says of which reporting unit the winner counts.
const LEVEL: &str = "level";

impl Provider for Ap {
    fn name(&self) -> &'static str {
        "ap"
    }
    fn version(&self) -> u32 {
        3
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
    fn optional_parameters(&self) -> &'static [&'static str] {
        &["race", "race_type", "seat", "level"]
    }
    fn complete(&self, basis: ElectionBasis, parameters: &mut BTreeMap<String, String>) {
        let results = match basis {
            ElectionBasis::Certified | ElectionBasis::Endgueltig => "c",
            ElectionBasis::Called => "l",
        };
        parameters.insert(RESULTS_TYPE.to_owned(), results.to_owned());
        parameters
            .entry(LEVEL.to_owned())
            .or_insert_with(|| "state".to_owned());
    }
    fn doubt_about_request(&self, parameters: &BTreeMap<String, String>) -> Option<String> {
        several_races(parameters)
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
    fn deciding(&self) -> &'static [&'static str] {
        &[
            "electionDate",
            "races[].officeID",
            "races[].raceID",
            "races[].raceTypeID",
            "races[].seatNum",
            "races[].resultsType",
            "races[].reportingUnits[].statePostal",
            "races[].reportingUnits[].level",
            "races[].reportingUnits[].candidates[].candidateID",
            "races[].reportingUnits[].candidates[].winner",
        ]
    }
    fn hints(&self) -> &'static [&'static str] {
        &["races[].raceCallStatus", "races[].test"]
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        fact_step(query, done, ask, read)
    }
}

fn check(name: &str, value: &str) -> Result<(), String> {
    let capitals = |max: usize| {
        (1..=max).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_uppercase())
    };
    let digits =
        |max: usize| (1..=max).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    let (good, must) = match name {
        "date" => (
            value.len() == 10 && NaiveDate::parse_from_str(value, "%Y-%m-%d").is_ok(),
            "must be a day like 2026-11-03",
        ),
        "state" => (
            value.len() == 2 && capitals(2),
            "must be a postal code like GA",
        ),
        "race" => (digits(10), "must be AP's id of a race, like 11810"),
        "race_type" => (capitals(2), "must be AP's id of a type of race, like G"),
        "seat" => (
            digits(6),
            "must be the number of a seat or district, like 6",
        ),
        LEVEL => (
            matches!(value, "state" | "district"),
            "must be \"state\" or \"district\"",
        ),
        RESULTS_TYPE => (matches!(value, "l" | "c"), "must be \"l\" or \"c\""),
        _ => (capitals(3), "must be AP's id of an office, like S"),
    };
    good.then_some(()).ok_or_else(|| must.to_owned())
}

/// Why a request may bring several races, where the source names none.
///
/// Offices by AP's ids: P president, S U.S. Senate, G governor; every other one may
/// have several seats or, for ballot measures, several questions.
fn several_races(parameters: &BTreeMap<String, String>) -> Option<String> {
    let value = |name: &str| parameters.get(name).map(String::as_str);
    if value("race").is_some() {
        return None;
    }
    let (office, state) = (value("office")?, value("state")?);
    let named = value("seat").is_some() && value("race_type").is_some();
    let why = match office {
        _ if named => return None,
        "P" if matches!(state, "ME" | "NE") => "its electors are chosen by district too",
        "P" | "G" | "S" if value("race_type").is_some() => return None,
        "P" | "G" | "S" => {
            "a primary has one for each party, and a special election may be held beside"
        }
        _ => "the office has several seats or questions",
    };
    Some(format!(
        "the answer may list several races for office {office} in {state} ({why}), and then nothing is decided: name `race`"
    ))
}

/// A parameter that every source has.
fn own<'a>(source: &'a FactSource, name: &str) -> Result<&'a str, Reading> {
    checked(source, name, check)
}

/// An optional parameter that the source has.
fn given<'a>(source: &'a FactSource, name: &str) -> Result<Option<&'a str>, Reading> {
    let value = source.parameters.get(name);
    value.map(|_| own(source, name)).transpose()
}

/// Of which reporting unit the winner counts.
fn unit_level(source: &FactSource, state: &str) -> Result<&'static str, Reading> {
    Ok(match (given(source, LEVEL)?, state) {
        (Some("district"), _) => "district",
        (_, NATION) => "national",
        _ => "state",
    })
}

fn ask(source: &FactSource) -> Result<Request, Reading> {
    let (date, state) = (own(source, "date")?, own(source, "state")?);
    let office = own(source, "office")?;
    // The level of the state brings the nation's sum with it; "national" is what
    // policies of older builds ask.
    let level = match given(source, LEVEL)? {
        Some(level) => level,
        None if state == NATION => "national",
        None => "state",
    };
    let mut path =
        format!("/v3/elections/{date}?statePostal={state}&officeID={office}&level={level}");
    for (parameter, field) in [
        ("race", "raceID"),
        ("race_type", "raceTypeID"),
        ("seat", "seatNum"),
        (RESULTS_TYPE, "resultsType"),
    ] {
        if let Some(value) = given(source, parameter)? {
            // Writing to a String cannot fail.
            let _ = write!(path, "&{field}={value}");
        }
    }
    Ok(Request::path(path + "&format=json"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    election_date: String,
    #[serde(borrow)]
    races: Vec<&'a RawValue>,
}

/// What tells one race from another. Of a race that is not asked about nothing
/// else is read, and these may be of any shape.
#[derive(Deserialize)]
struct RaceName {
    #[serde(rename = "raceID")]
    race: Option<Value>,
    #[serde(rename = "raceTypeID")]
    race_type: Option<Value>,
    #[serde(rename = "seatNum")]
    seat: Option<Value>,
    #[serde(rename = "officeID")]
    office: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Race<'a> {
    /// Deprecated; of no other say than `true`.
    test: Option<Value>,
    results_type: String,
    #[serde(borrow)]
    reporting_units: Vec<&'a RawValue>,
    #[serde(rename = "raceCallStatus")]
    call_status: Option<String>,
}

/// What tells one reporting unit from another.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UnitName {
    state_postal: Option<Value>,
    level: Option<Value>,
}

#[derive(Deserialize)]
struct Unit {
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
    let contradiction = |text: String| Err(Reading::Contradiction(text));
    let answer: Answer<'_> = matches::parse(body)?;
    let (date, state) = (own(source, "date")?, own(source, "state")?);
    if answer.election_date != date {
        return contradiction(format!(
            "election of {:?}, not of {date}",
            json::quote(&answer.election_date)
        ));
    }
    let race: Race<'_> = json::parse(announced_race(source, &answer)?.get().as_bytes())?;
    if race.test == Some(Value::Bool(true)) {
        return contradiction("test data".to_owned());
    }
    let level = unit_level(source, state)?;
    let mut units = race.reporting_units.iter().filter(|raw| {
        serde_json::from_str::<UnitName>(raw.get()).is_ok_and(|unit| {
            is(unit.level.as_ref(), level) && is(unit.state_postal.as_ref(), state)
        })
    });
    let (Some(unit), None) = (units.next(), units.next()) else {
        return contradiction(format!(
            "not exactly one reporting unit for {level} {state}"
        ));
    };
    let unit: Unit = json::parse(unit.get().as_bytes())?;
    fact(&race, winners(&unit)?).map(Observation::Election)
}

/// Whether a field says `text`: ids are texts in most places and numbers in some.
fn is(field: Option<&Value>, text: &str) -> bool {
    match field {
        Some(Value::String(own)) => own == text,
        Some(Value::Number(own)) => own.as_u64().is_some_and(|n| n.to_string() == text),
        _ => false,
    }
}

/// The one race that the source is about: of its office, and of the id, type and
/// seat that it names.
fn announced_race<'a>(source: &FactSource, answer: &Answer<'a>) -> Result<&'a RawValue, Reading> {
    if answer.races.is_empty() {
        return Err(Reading::NotYet("no changes: no race is listed".to_owned()));
    }
    let office = own(source, "office")?;
    let (race, race_type) = (given(source, "race")?, given(source, "race_type")?);
    let seat = given(source, "seat")?;
    let fits = |field: Option<&Value>, wanted: Option<&str>| wanted.is_none_or(|w| is(field, w));
    let announced = |raw: &&&RawValue| {
        serde_json::from_str::<RaceName>(raw.get()).is_ok_and(|name| {
            is(name.office.as_ref(), office)
                && fits(name.race.as_ref(), race)
                && fits(name.race_type.as_ref(), race_type)
                && fits(name.seat.as_ref(), seat)
        })
    };
    let found: Vec<&'a RawValue> = answer.races.iter().filter(announced).copied().collect();
    match found.as_slice() {
        [race] => Ok(race),
        [] => Err(Reading::Contradiction(format!(
            "none of {} races is the announced one for office {office}",
            answer.races.len()
        ))),
        several => Err(Reading::Contradiction(format!(
            "{} races where one is due",
            several.len()
        ))),
    }
}

/// The ids of the candidates marked as winners.
fn winners(unit: &Unit) -> Result<Vec<String>, Reading> {
    let mut seen = BTreeSet::new();
    let mut winners = Vec::new();
    for candidate in &unit.candidates {
        // A damaged id would be a winner whom no outcome names.
        if !plain(&candidate.id) || !seen.insert(candidate.id.as_str()) {
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

fn fact(race: &Race<'_>, winners: Vec<String>) -> Result<ElectionFact, Reading> {
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
    let status = race.call_status.as_deref().unwrap_or_default();
    let known = stage(status, settled, !winners.is_empty());
    // A word that nobody knows is no call: it is waited for the next one.
    let (stage, runoff) = known.unwrap_or((ElectionStage::Counting, false));
    let called = matches!(stage, ElectionStage::Called | ElectionStage::Certified);
    if called && !runoff && winners.is_empty() {
        return Err(Reading::Contradiction(format!(
            "{} without a winner",
            json::quote(status)
        )));
    }
    let mut doubts = Vec::new();
    if known.is_none() {
        let status = json::quote(status);
        doubts.push(format!("raceCallStatus {status:?} is not a known one"));
    }
    if !called && !winners.is_empty() {
        doubts.push("a winner is marked though the race is not called".to_owned());
    }
    if !called && settled == ElectionStage::Certified {
        doubts.push("results are certified though the race is not called".to_owned());
    }
    let status_or_none = if status.is_empty() {
        "No status"
    } else {
        status
    };
    let marked = if winners.is_empty() {
        "no winner".to_owned()
    } else {
        winners.join(", ")
    };
    Ok(ElectionFact {
        literal: json::quote(format_args!(
            "{status_or_none} {}: {marked}",
            race.results_type
        )),
        stage,
        winners,
        runoff,
        trailing: status.eq_ignore_ascii_case("winner not leading"),
        votes: BTreeMap::new(),
        doubts,
    })
}

/// How far the count is by AP's word, and whether a run-off decides; none for a
/// word that AP does not document.
fn stage(status: &str, settled: ElectionStage, is_won: bool) -> Option<(ElectionStage, bool)> {
    Some(match status.to_lowercase().as_str() {
        "runoff" => (settled, true),
        "" if !is_won => (ElectionStage::Counting, false),
        // Without a status the mark on the winner is the call.
        "called" | "winner not leading" | "" => (settled, false),
        // "Uncalled" takes a call back.
        "too early"
        | "too early to call"
        | "too close"
        | "too close to call"
        | "uncalled"
        | "awaiting ranked choice results" => (ElectionStage::Counting, false),
        "unable to call" => (ElectionStage::Undecidable, false),
        _ => return None,
    })
}
