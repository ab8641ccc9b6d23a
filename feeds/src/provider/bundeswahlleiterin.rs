//! Die Bundeswahlleiterin: `kerg2.csv`, Germany's official results.
//!
//! Source: bundeswahlleiterin.de, open data, "kerg2". A preamble of free lines
//! says whose data it is and how final, then a header row, then one row for
//! each area, group and vote: `;`, decimal comma, UTF-8 with a byte order mark.
//! CDU and CSU are separate rows. Nobody is declared to have won; the rule
//! counts, and only what is final.
//!
//! Read against the published files of 2021 (final) and 2025 (preliminary), which
//! stand in `samples/bundeswahlleiterin/real`. In them the preamble is a table too
//! (`Status:;Endgültig;;;`), and a party that did not stand in an area has a row
//! there for the last election's sake, without a count.

use std::collections::{BTreeMap, BTreeSet};

use csv::StringRecord;
use oracle_schema::policy::FactSource;

use super::table::{self, Table, field};
use super::{Provider, Step, Subject, checked, fact_step};
use crate::fact::{ElectionFact, ElectionStage};
use crate::json;
use crate::observation::{Exchange, Observation, Query, Reading, Request};
use crate::rate::Rate;

/// As in the configuration.
pub(crate) const NAME: &str = "bundeswahlleiterin";

pub(super) struct Bundeswahlleiterin;

/// The first count that not every reader of JSON holds exactly; far more than
/// there are people.
const COUNT_LIMIT: u64 = 1 << 53;

/// Longest path of a file.
const MAX_PATH: usize = 200;

/// The columns that decide.
const COLUMNS: [&str; 6] = [
    "Gebietsart",
    "Gebietsnummer",
    "Gruppenart",
    "Gruppenname",
    "Stimme",
    "Anzahl",
];

/// Electorate, valid votes and the like: no party.
const TOTALS: &str = "System-Gruppe";

impl Provider for Bundeswahlleiterin {
    fn name(&self) -> &'static str {
        NAME
    }
    fn version(&self) -> u32 {
        3
    }
    fn base_url(&self) -> &'static str {
        "https://www.bundeswahlleiterin.de"
    }
    fn rate(&self) -> Rate {
        Rate::per_second(1)
    }
    fn subject(&self) -> Subject {
        Subject::Election
    }
    fn parameters(&self) -> &'static [&'static str] {
        &["path", "area", "vote"]
    }
    fn check_parameter(&self, name: &str, value: &str) -> Result<(), String> {
        check(name, value)
    }
    fn deciding(&self) -> &'static [&'static str] {
        &COLUMNS
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        fact_step(query, done, ask, read)
    }
}

fn check(name: &str, value: &str) -> Result<(), String> {
    let (good, must) = match name {
        "path" => (
            plain_path(value),
            "must begin with / and hold A-Z a-z 0-9 - _ . / only, at most 200 of them",
        ),
        "area" => (
            Area::parse(value).is_some(),
            "must be Bund, or Land/ or Wahlkreis/ and its number",
        ),
        _ => (
            matches!(value, "1" | "2"),
            "must be 1 (for a candidate) or 2 (for a party)",
        ),
    };
    good.then_some(()).ok_or_else(|| must.to_owned())
}

fn plain_path(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/');
    path.strip_prefix('/').is_some_and(|rest| {
        path.len() <= MAX_PATH
            && path.bytes().all(plain)
            && rest
                .split('/')
                .all(|s| !s.is_empty() && s != "." && s != "..")
    })
}

fn ask(source: &FactSource) -> Result<Request, Reading> {
    Ok(Request::path(checked(source, "path", check)?.to_owned()))
}

/// `Bund`, `Land/9`, `Wahlkreis/75`.
struct Area<'a> {
    kind: &'a str,
    number: Option<u32>,
}

impl<'a> Area<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        match text.split_once('/') {
            None if text == "Bund" => Some(Self {
                kind: text,
                number: None,
            }),
            Some((kind @ ("Land" | "Wahlkreis"), digits))
                if digits.bytes().all(|b| b.is_ascii_digit()) =>
            {
                let number = Some(digits.parse().ok()?);
                Some(Self { kind, number })
            }
            _ => None,
        }
    }

    fn is(&self, kind: &str, number: &str) -> bool {
        // Some years write the kind in capitals and numbers with zeros.
        self.kind.eq_ignore_ascii_case(kind)
            && self
                .number
                .is_none_or(|own| number.parse().is_ok_and(|n: u32| n == own))
    }
}

fn read(source: &FactSource, body: &[u8]) -> Result<Observation, Reading> {
    let text = table::text(body)?;
    let (preamble, rows) = text.split_at(header(text)?);
    let (literal, stage) = status(preamble)?;
    let votes = match stage {
        ElectionStage::Certified => votes(source, rows)?,
        _ => BTreeMap::new(),
    };
    Ok(Observation::Election(ElectionFact {
        literal,
        stage,
        winners: Vec::new(),
        runoff: false,
        votes,
        trailing: false,
        doubts: Vec::new(),
    }))
}

/// Where the header row begins: the first line that names most of the columns
/// which decide. Which of them it lacks is said where it is needed.
fn header(text: &str) -> Result<usize, Reading> {
    let names = |line: &str| {
        let cells = line.split(';').map(|cell| cell.trim_matches('"'));
        cells.filter(|cell| COLUMNS.contains(cell)).count()
    };
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if 2 * names(line.trim_end()) > COLUMNS.len() {
            return Ok(start);
        }
        start += line.len();
    }
    let most = COLUMNS.join(", ");
    Err(Reading::Contradiction(format!(
        "no header row with the columns {most}"
    )))
}

/// How final the preamble says the result is.
fn status(preamble: &str) -> Result<(String, ElectionStage), Reading> {
    let separator = |c: char| c.is_whitespace() || matches!(c, ':' | ';' | '"');
    let mut found = None;
    for line in preamble.lines() {
        let line = line.trim_matches(|c: char| c != ':' && separator(c) || c == '#');
        let labelled = line
            .strip_prefix("Status")
            .filter(|rest| rest.trim_start().starts_with([':', ';']));
        // Between label and word stand a colon, the table's delimiter, or both.
        let words = labelled.unwrap_or(line).trim_matches(separator);
        let stage = match words {
            "Zwischenergebnis" | "ZWISCHENERGEBNIS" => ElectionStage::Counting,
            "Vorläufig" | "Vorläufiges Ergebnis" | "VORLAEUFIG" => ElectionStage::Preliminary,
            "Endgültig" | "Endgültiges Ergebnis" | "ENDGUELTIG" => ElectionStage::Certified,
            other if labelled.is_some() => {
                return Err(Reading::Contradiction(format!(
                    "status {:?}",
                    json::quote(other)
                )));
            }
            _ => continue,
        };
        if found.replace((words.to_owned(), stage)).is_some() {
            return Err(Reading::Contradiction("two lines of status".to_owned()));
        }
    }
    found.ok_or_else(|| Reading::Contradiction("no line of status".to_owned()))
}

/// Where the columns that matter are.
struct Columns {
    area: usize,
    area_number: usize,
    kind: usize,
    name: usize,
    vote: usize,
    count: usize,
}

/// The final votes of the source's area, by party.
fn votes(source: &FactSource, rows: &str) -> Result<BTreeMap<String, u64>, Reading> {
    let area = checked(source, "area", check)?;
    let vote = checked(source, "vote", check)?;
    let parsed =
        Area::parse(area).ok_or_else(|| Reading::Permanent("the source has no area".to_owned()))?;
    let table = Table::read(rows, b';')?;
    let at = Columns {
        area: table.column("Gebietsart")?,
        area_number: table.column("Gebietsnummer")?,
        kind: table.column("Gruppenart")?,
        name: table.column("Gruppenname")?,
        vote: table.column("Stimme")?,
        count: table.column("Anzahl")?,
    };
    let own = |row: &&StringRecord| {
        parsed.is(field(row, at.area), field(row, at.area_number)) && field(row, at.vote) == vote
    };
    let mut tally = Tally::default();
    for row in table.rows().filter(own) {
        tally.take(row, &at).map_err(Reading::Contradiction)?;
    }
    if tally.votes.is_empty() {
        return Err(Reading::Contradiction(format!(
            "no party has a row for {area}, vote {vote}"
        )));
    }
    tally.finish().map_err(Reading::Contradiction)
}

/// The rows of one area and vote.
#[derive(Default)]
struct Tally {
    votes: BTreeMap<String, u64>,
    /// Who has a row without a count.
    uncounted: BTreeSet<String>,
    /// Valid votes, where the file says how many there are.
    valid: Option<u64>,
}

impl Tally {
    fn take(&mut self, row: &StringRecord, at: &Columns) -> Result<(), String> {
        let (kind, name) = (field(row, at.kind), field(row, at.name));
        match kind {
            TOTALS => {
                if name == "Gültige" {
                    self.valid = Some(count(row, at)?);
                }
                return Ok(());
            }
            // Who stands alone can win a constituency.
            "Partei" | "Einzelbewerber/Wählergruppe" => {}
            other => return Err(format!("Gruppenart {:?}", json::quote(other))),
        }
        let again = if field(row, at.count).is_empty() {
            !self.uncounted.insert(name.to_owned()) || self.votes.contains_key(name)
        } else {
            self.votes
                .insert(name.to_owned(), count(row, at)?)
                .is_some()
                || self.uncounted.contains(name)
        };
        if again {
            return Err(format!("{:?} has two rows", json::quote(name)));
        }
        Ok(())
    }

    /// A row without a count is that of a party which did not stand. It cannot be
    /// told from one whose count was lost but by the valid votes that nobody else
    /// has: with none left it has no vote; with too few left to overtake the
    /// largest party it is left out, and a rule that asks for it finds it missing;
    /// else the answer is refused.
    fn finish(mut self) -> Result<BTreeMap<String, u64>, String> {
        const TOO_MANY: &str = "the parties have more votes than are valid";
        let sum = self
            .votes
            .values()
            .try_fold(0_u64, |sum, n| sum.checked_add(*n));
        let sum = sum.ok_or(TOO_MANY)?;
        let left = match self.valid {
            Some(valid) => Some(valid.checked_sub(sum).ok_or(TOO_MANY)?),
            None => None,
        };
        let Some(first) = self.uncounted.first().cloned() else {
            return Ok(self.votes);
        };
        let largest = self.votes.values().copied().max().unwrap_or_default();
        match left {
            Some(0) => {
                let none = self.uncounted.into_iter().map(|name| (name, 0));
                self.votes.extend(none);
            }
            Some(left) if left < largest => {}
            _ => {
                return Err(format!(
                    "{} has \"\" votes in a final result",
                    json::quote(first)
                ));
            }
        }
        Ok(self.votes)
    }
}

fn count(row: &StringRecord, at: &Columns) -> Result<u64, String> {
    let text = field(row, at.count);
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
        .filter(|votes| *votes < COUNT_LIMIT)
        .ok_or_else(|| {
            format!(
                "{} has {:?} votes in a final result",
                json::quote(field(row, at.name)),
                json::quote(text)
            )
        })
}
