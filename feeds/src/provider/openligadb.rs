//! `OpenLigaDB`: `/getmatchdata/{match}`.
//!
//! Source: api.openligadb.de, the service's own description and README. It
//! knows finished and not finished, and no word for postponed, abandoned or
//! awarded. Any registered user may edit a result for six days, so it should
//! never be a policy's only root. `matchResults` are in no order that means
//! anything, and a live match may hold an `Endergebnis`. Their kinds are those
//! of football; other sports put their thirds under the same kinds.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, Weekday};
use oracle_schema::policy::FactSource;
use serde::Deserialize;

use super::matches::{self, contradiction};
use super::{Provider, Step, Subject, fact_step};
use crate::fact::{MatchFact, MatchState, Score};
use crate::json;
use crate::observation::{Exchange, Observation, Query, Reading, Request};
use crate::rate::Rate;

pub(super) struct OpenLigaDb;

impl Provider for OpenLigaDb {
    fn name(&self) -> &'static str {
        "openligadb"
    }
    fn base_url(&self) -> &'static str {
        "https://api.openligadb.de"
    }
    /// None is published; a free service of volunteers.
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
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        fact_step(query, done, ask, read)
    }
}

#[derive(Deserialize)]
struct Match {
    #[serde(rename = "matchID")]
    id: u64,
    /// Wall clock, without an offset.
    #[serde(rename = "matchDateTime")]
    local: Option<String>,
    /// Of that wall clock, by its Windows name.
    #[serde(rename = "timeZoneID")]
    zone: Option<String>,
    #[serde(rename = "matchDateTimeUTC")]
    utc: Option<String>,
    team1: Team,
    team2: Team,
    #[serde(rename = "matchIsFinished")]
    finished: bool,
    #[serde(rename = "matchResults")]
    results: Vec<MatchResult>,
    goals: Option<Vec<Goal>>,
}

#[derive(Deserialize)]
struct Team {
    #[serde(rename = "teamId")]
    id: u64,
}

#[derive(Deserialize)]
struct MatchResult {
    #[serde(rename = "resultName")]
    name: Option<String>,
    #[serde(rename = "resultDescription")]
    description: Option<String>,
    #[serde(rename = "resultTypeKind")]
    kind: Option<String>,
    #[serde(rename = "pointsTeam1")]
    home: u32,
    #[serde(rename = "pointsTeam2")]
    away: u32,
}

#[derive(Deserialize)]
struct Goal {
    #[serde(rename = "scoreTeam1")]
    home: Option<u32>,
    #[serde(rename = "scoreTeam2")]
    away: Option<u32>,
}

fn ask(source: &FactSource) -> Result<Request, Reading> {
    let id = matches::match_id(source)?;
    Ok(Request::path(format!("/getmatchdata/{id}")))
}

fn read(source: &FactSource, body: &[u8]) -> Result<Observation, Reading> {
    let found = asked(matches::match_id(source)?, body)?;
    let mut doubts = Vec::new();
    let kickoff = kickoff(&found, &mut doubts)?;
    let (state, word) = match (found.finished, found.results.is_empty()) {
        (true, _) => (MatchState::Finished, "finished"),
        (false, false) => (MatchState::InPlay, "not finished"),
        (false, true) => (MatchState::Scheduled, "not finished"),
    };
    let mut fact = MatchFact {
        literal: word.to_owned(),
        state,
        kickoff,
        home: found.team1.id.to_string(),
        away: found.team2.id.to_string(),
        regular: None,
        extra: None,
        penalties: None,
        winner: None,
        doubts,
    };
    if state == MatchState::Finished {
        let Results {
            regular,
            extra,
            penalties,
        } = results(&found.results)?;
        fact.regular = regular;
        fact.extra = extra;
        fact.penalties = penalties;
        let last = extra.or(regular);
        fact.literal = matches::literal(word, last);
        fact.doubts.extend(goals_doubt(&found, last));
    }
    matches::observed(fact)
}

/// The asked match: the object, or the one of that id in a list of a match day.
fn asked(id: &str, body: &[u8]) -> Result<Match, Reading> {
    let found: Vec<Match> = match body.trim_ascii() {
        [b'[', ..] => matches::parse(body)?,
        // As for ids it does not know.
        b"null" => Vec::new(),
        _ => {
            let one: Match = matches::parse(body)?;
            if one.id.to_string() != id {
                return Err(contradiction(format!("match {} for {id}", one.id)));
            }
            vec![one]
        }
    };
    matches::only(found, id, |m| m.id, Reading::NoData)
}

#[derive(Default)]
struct Results {
    regular: Option<Score>,
    extra: Option<Score>,
    penalties: Option<Score>,
}

/// Results by their kind, never by their place. The points after penalties are
/// the shootout's or the sum of all, as the editors of the league like it; both
/// name the same side, because the shootout follows a draw.
fn results(all: &[MatchResult]) -> Result<Results, Reading> {
    let mut results = Results::default();
    for result in all {
        foreign_sport(result)?;
        let place = match result.kind.as_deref() {
            Some("After90Minutes") => {
                full_time(result)?;
                &mut results.regular
            }
            Some("AfterExtraTime") => &mut results.extra,
            Some("AfterPenalties") => &mut results.penalties,
            Some("HalfTime" | "Unknown") | None => continue,
            Some(kind) => return Err(matches::unknown("resultTypeKind", kind)),
        };
        let score = Score {
            home: result.home,
            away: result.away,
        };
        if place.replace(score).is_some() {
            return Err(contradiction("two results of one kind"));
        }
    }
    Ok(results)
}

/// Refuses results that name the parts of another sport.
fn foreign_sport(result: &MatchResult) -> Result<(), Reading> {
    const PARTS: [&str; 7] = [
        "drittel", "viertel", "satz", "inning", "quarter", "period", "third",
    ];
    let names = [&result.name, &result.description];
    for name in names.into_iter().flatten() {
        let lower = name.to_lowercase();
        if PARTS.iter().any(|part| lower.contains(part)) {
            return Err(contradiction(format!(
                "the result {:?} is of another sport than the kinds",
                json::quote(name)
            )));
        }
    }
    Ok(())
}

/// Refuses a result under `After90Minutes` whose name does not say that it is
/// one, or says that more was played: names are the league's own, the kinds are
/// football's.
fn full_time(result: &MatchResult) -> Result<(), Reading> {
    const NAMES: [&str; 4] = ["endergebnis", "endstand", "90 min", "regul"];
    const LATER: [&str; 8] = [
        "verläng", "verlaeng", "n.v", "n. v", "elfm", "penal", "extra", "overtime",
    ];
    let name = result.name.as_deref().unwrap_or_default();
    let lower = name.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    if has(&NAMES) && !has(&LATER) {
        return Ok(());
    }
    Err(contradiction(format!(
        "the result {:?} does not say that it is one after 90 minutes",
        json::quote(name)
    )))
}

/// The goals, where they are listed, must end at the result.
fn goals_doubt(found: &Match, last: Option<Score>) -> Option<String> {
    let goals = found.goals.as_deref().unwrap_or_default();
    let end = goals
        .iter()
        .filter_map(|g| Some((g.home?, g.away?)))
        .max_by_key(|(home, away)| (u64::from(*home) + u64::from(*away), *home))
        .map(|(home, away)| Score { home, away })?;
    let last = last?;
    (end != last).then(|| {
        format!(
            "goals end at {}, result is {}",
            matches::text(end),
            matches::text(last)
        )
    })
}

/// Kickoff: UTC, and what the wall clock says; where they contradict each
/// other the later.
fn kickoff(found: &Match, doubts: &mut Vec<String>) -> Result<Option<i64>, Reading> {
    let utc = found
        .utc
        .as_deref()
        .map(|text| matches::instant(text, "matchDateTimeUTC"))
        .transpose()?;
    let local = found
        .local
        .as_deref()
        .map(|text| matches::wall_clock(text, "matchDateTime"))
        .transpose()?;
    let (Some(local), Some(zone)) = (local, found.zone.as_deref()) else {
        return Ok(utc);
    };
    if zone != "W. Europe Standard Time" {
        doubts.push(format!(
            "kickoff by UTC only, time zone {:?} unknown",
            json::quote(zone)
        ));
        return Ok(utc);
    }
    let local = berlin(local);
    if utc.is_some_and(|utc| local.contains(&utc)) {
        return Ok(utc);
    }
    if utc.is_some() || local.len() != 1 {
        doubts.push("local time and UTC of the kickoff disagree".to_owned());
    }
    Ok(local.into_iter().chain(utc).max())
}

/// Every instant at which clocks in Berlin showed that time: two in the hour
/// that is repeated, none in the one that is left out. The rule of the European
/// Union since 1996 (directive 2000/84/EC): summer time from the last Sunday of
/// March to that of October, changing at 01:00 UTC.
fn berlin(local: NaiveDateTime) -> Vec<i64> {
    let shown = local.and_utc().timestamp();
    let summer = |at: i64| {
        let change = |month| last_sunday(local.year(), month).map(|d| d + 3600);
        Some(change(3)? <= at && at < change(10)?)
    };
    [(3600, false), (7200, true)]
        .into_iter()
        .map(|(offset, is_summer)| (shown - offset, is_summer))
        .filter(|(at, is_summer)| summer(*at) == Some(*is_summer))
        .map(|(at, _)| at)
        .collect()
}

/// Midnight UTC of a month's last Sunday, for months of 31 days.
fn last_sunday(year: i32, month: u32) -> Option<i64> {
    let last = NaiveDate::from_ymd_opt(year, month, 31)?;
    let back = last.weekday().days_since(Weekday::Sun);
    let sunday = last.checked_sub_days(Days::new(u64::from(back)))?;
    Some(sunday.and_hms_opt(0, 0, 0)?.and_utc().timestamp())
}
