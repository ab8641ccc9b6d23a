//! `OpenLigaDB`: `/getmatchdata/{match}`.
//!
//! Source: api.openligadb.de, the service's own description and README. It
//! knows finished and not finished, and no word for postponed, abandoned or
//! awarded. Any registered user may edit a result for six days, so it should
//! never be a policy's only root. `matchResults` are in no order that means
//! anything, and a live match may hold an `Endergebnis`. Their kinds are those
//! of football; other sports put their thirds under the same kinds.
//!
//! Its editors mark a match as finished before they enter the result, and enter
//! results of extra time that was not played, or that cannot be: the row of each
//! kind is read by itself, and one that cannot be read takes nothing from others.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, Weekday};
use oracle_schema::policy::FactSource;
use serde::Deserialize;

use super::matches::{self, contradiction};
use super::{Provider, Step, Subject, fact_step};
use crate::fact::{MatchFact, MatchState, Score};
use crate::json::{self, Field};
use crate::observation::{Exchange, Observation, Query, Reading, Request};
use crate::rate::Rate;

pub(super) struct OpenLigaDb;

impl Provider for OpenLigaDb {
    fn name(&self) -> &'static str {
        "openligadb"
    }
    fn version(&self) -> u32 {
        3
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
    fn deciding(&self) -> &'static [&'static str] {
        &[
            "matchID",
            "team1.teamId",
            "team2.teamId",
            "matchIsFinished",
            "matchResults[].resultTypeKind",
            "matchResults[].resultName",
            "matchResults[].pointsTeam1",
            "matchResults[].pointsTeam2",
        ]
    }
    fn hints(&self) -> &'static [&'static str] {
        &[
            "matchDateTimeUTC",
            "matchDateTime",
            "timeZoneID",
            "matchResults[].resultDescription",
            "goals",
        ]
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        fact_step(query, done, ask, read)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Match {
    #[serde(rename = "matchID")]
    id: Field<u64>,
    /// Wall clock, without an offset.
    #[serde(rename = "matchDateTime")]
    local: Field<String>,
    /// Of that wall clock, by its Windows name.
    #[serde(rename = "timeZoneID")]
    zone: Field<String>,
    #[serde(rename = "matchDateTimeUTC")]
    utc: Field<String>,
    team1: Field<Team>,
    team2: Field<Team>,
    #[serde(rename = "matchIsFinished")]
    finished: Field<bool>,
    #[serde(rename = "matchResults")]
    results: Field<Vec<Field<MatchResult>>>,
    goals: Field<Vec<Field<Goal>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Team {
    #[serde(rename = "teamId")]
    id: Field<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MatchResult {
    #[serde(rename = "resultName")]
    name: Field<String>,
    #[serde(rename = "resultDescription")]
    description: Field<String>,
    #[serde(rename = "resultTypeKind")]
    kind: Field<String>,
    #[serde(rename = "pointsTeam1")]
    home: Field<u32>,
    #[serde(rename = "pointsTeam2")]
    away: Field<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Goal {
    #[serde(rename = "scoreTeam1")]
    home: Field<u32>,
    #[serde(rename = "scoreTeam2")]
    away: Field<u32>,
}

fn ask(source: &FactSource) -> Result<Request, Reading> {
    let id = matches::match_id(source)?;
    Ok(Request::path(format!("/getmatchdata/{id}")))
}

fn read(source: &FactSource, body: &[u8]) -> Result<Observation, Reading> {
    let found = asked(matches::match_id(source)?, body)?;
    let results = found.results.due("matchResults")?;
    let (state, word) = match (found.finished.due("matchIsFinished")?, results.is_empty()) {
        (true, _) => (MatchState::Finished, "finished"),
        (false, false) => (MatchState::InPlay, "not finished"),
        (false, true) => (MatchState::Scheduled, "not finished"),
    };
    let team = |team: Field<Team>, name| team.due(name)?.id.due(name);
    let mut fact = matches::fact(
        word.to_owned(),
        state,
        team(found.team1, "team1.teamId")?.to_string(),
        team(found.team2, "team2.teamId")?.to_string(),
    );
    fact.kickoff = kickoff(found.utc, found.local, found.zone, &mut fact.doubts);
    if state == MatchState::Finished {
        results_of(&mut fact, results)?;
        let last = fact.extra.or(fact.regular);
        fact.literal = matches::literal(word, last);
        let goals = found.goals.hint().unwrap_or_default();
        fact.doubts.extend(goals_doubt(goals, last));
    }
    matches::observed(fact)
}

/// The asked match: the object, or the one of that id in a list of a match day.
fn asked(id: &str, body: &[u8]) -> Result<Match, Reading> {
    let id_of = |m: &Match| m.id.as_ref().hint().copied();
    let found: Vec<Field<Match>> = match body.trim_ascii() {
        [b'[', ..] => matches::parse(body)?,
        // As for ids it does not know.
        b"null" => Vec::new(),
        _ => {
            let one: Match = matches::parse(body)?;
            match id_of(&one) {
                Some(found) if found.to_string() == id => return Ok(one),
                Some(found) => return Err(contradiction(format!("match {found} for {id}"))),
                None => return Err(matches::shapeless(body, "matchID")),
            }
        }
    };
    let found = found.into_iter().map(|m| m.hint().unwrap_or_default());
    matches::only(found.collect(), id, id_of, Reading::NoData)
}

/// A part of a match as its rows tell it: none, one score, or what is wrong.
type Part = Result<Option<Score>, Reading>;

/// Results by their kind, never by their place. The points after penalties are
/// the shootout's or the sum of all, as the editors of the league like it; both
/// name the same side, because the shootout follows a draw.
fn results_of(fact: &mut MatchFact, all: Vec<Field<MatchResult>>) -> Result<(), Reading> {
    let (mut regular, mut extra, mut penalties): (Part, Part, Part) =
        (Ok(None), Ok(None), Ok(None));
    for result in all {
        let result = result.hint().unwrap_or_default();
        foreign_sport(&result)?;
        let kind = result.kind.as_ref().hint().cloned().unwrap_or_default();
        let place = match kind.to_ascii_lowercase().as_str() {
            "after90minutes" => {
                if let Err(odd) = full_time(&result) {
                    regular = Err(odd);
                    continue;
                }
                &mut regular
            }
            "afterextratime" => &mut extra,
            "afterpenalties" => &mut penalties,
            "halftime" => continue,
            // Whatever was played here may have ended the match.
            _ => {
                let odd = matches::unknown("resultTypeKind", &kind);
                fact.doubts.push(odd.detail().to_owned());
                fact.end_unknown = true;
                continue;
            }
        };
        add(place, &result);
    }
    let more = [&extra, &penalties].map(Result::is_err).contains(&true);
    fact.end_unknown |= more;
    fact.regular = matches::part(regular, &mut fact.doubts);
    fact.extra = matches::part(extra, &mut fact.doubts);
    fact.penalties = matches::part(penalties, &mut fact.doubts);
    // Extra time comes before a shootout, but where the cup has none.
    fact.extra_unknown = fact.penalties.is_some() && fact.extra.is_none() && !fact.end_unknown;
    if fact.extra_unknown {
        let missing = "a shootout, and no result after extra time";
        fact.doubts.push(missing.to_owned());
    }
    if let (Some(regular), Some(_)) = (fact.regular, fact.extra.or(fact.penalties))
        && regular.home != regular.away
    {
        // The second leg of a tie, or a copy of the result in a row too many.
        let regular = matches::text(regular);
        fact.doubts.push(format!("more was played after {regular}"));
    }
    Ok(())
}

/// Takes a row into its part; two rows of one kind must say the same.
fn add(part: &mut Part, result: &MatchResult) {
    let points = |field: &Field<u32>, name| field.as_ref().due(name).copied();
    let score = points(&result.home, "pointsTeam1")
        .and_then(|home| Ok((home, points(&result.away, "pointsTeam2")?)))
        .map(|(home, away)| Score { home, away });
    *part = match (&*part, score) {
        (Err(odd), _) => Err(odd.clone()),
        (_, Err(odd)) => Err(odd),
        (Ok(Some(other)), Ok(score)) if *other != score => {
            Err(contradiction("two results of one kind"))
        }
        (Ok(_), Ok(score)) => Ok(Some(score)),
    };
}

/// Refuses results that name the parts of another sport.
fn foreign_sport(result: &MatchResult) -> Result<(), Reading> {
    const PARTS: [&str; 7] = [
        "drittel", "viertel", "satz", "inning", "quarter", "period", "third",
    ];
    let names = [&result.name, &result.description];
    for name in names.into_iter().filter_map(|name| name.as_ref().hint()) {
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
    let name = result.name.as_ref().hint().map_or("", String::as_str);
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
fn goals_doubt(goals: Vec<Field<Goal>>, last: Option<Score>) -> Option<String> {
    let end = goals
        .into_iter()
        .filter_map(Field::hint)
        .filter_map(|g| Some((g.home.hint()?, g.away.hint()?)))
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

/// Kickoff: UTC, or what the wall clock says; where they contradict each other
/// the later. One that is there and cannot be read is a doubt, since it may have
/// been that.
fn kickoff(
    utc: Field<String>,
    local: Field<String>,
    zone: Field<String>,
    doubts: &mut Vec<String>,
) -> Option<i64> {
    let clock = |field: Field<String>, name: &str| {
        let text = field.clean(name)?;
        text.map(|text| matches::wall_clock(&text, name))
            .transpose()
    };
    let utc = matches::part(matches::maybe_instant(utc, "matchDateTimeUTC"), doubts);
    let local = matches::part(clock(local, "matchDateTime"), doubts);
    let zone = matches::part(zone.clean("timeZoneID"), doubts);
    let (Some(local), Some(zone)) = (local, zone) else {
        return utc;
    };
    if zone != "W. Europe Standard Time" {
        doubts.push(format!(
            "kickoff by UTC only, time zone {:?} unknown",
            json::quote(zone)
        ));
        return utc;
    }
    let local = berlin(local);
    if utc.is_some_and(|utc| local.contains(&utc)) {
        return utc;
    }
    if utc.is_some() || local.len() != 1 {
        doubts.push("local time and UTC of the kickoff disagree".to_owned());
    }
    local.into_iter().chain(utc).max()
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
