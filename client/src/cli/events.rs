//! `oracle events`: what there is.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::Args;
use clap::builder::PossibleValuesParser;
use oracle_client::{Error, EventInfo, EventState, Search};
use serde_json::json;

use super::output::{note, printable};
use super::{Failure, Server, output};

const EXAMPLES: &str = "\
Prints one line an event, oldest maturity first: maturity, state, id, what it asks
and, once there is one, the outcome. All of it is the server's word; `oracle show ID`
proves what can be proven.

Examples:
  oracle events --url http://127.0.0.1:8080
  oracle events --kind match --state announced --text cup
  oracle events --series ppcusd-daily --from 2026-11-01 --to 2026-11-30 --json";

/// Events in a page, at most.
const PAGE: u32 = 500;

/// Find events by kind, series, state, time and text
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Events {
    #[command(flatten)]
    server: Server,
    /// Only events of this kind
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(KINDS))]
    kind: Option<String>,
    /// Only events of this series
    #[arg(long, value_name = "NAME")]
    series: Option<String>,
    /// Only events in this state
    #[arg(long, value_name = "STATE", value_parser = PossibleValuesParser::new(STATES))]
    state: Option<String>,
    /// Maturity at or after: RFC 3339, or a date (UTC)
    #[arg(long, value_name = "TIME")]
    from: Option<Time>,
    /// Maturity at or before: RFC 3339, or a date (UTC), whose end it is
    #[arg(long, value_name = "TIME")]
    to: Option<Time>,
    /// Part of the id, the title or a name
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// How many, at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const KINDS: [&str; 6] = [
    "digits",
    "threshold",
    "match",
    "election",
    "fact",
    "operators",
];

const STATES: [&str; 10] = [
    "scheduled",
    "announced",
    "matured",
    "provisional",
    "held",
    "committed",
    "attested",
    "voided",
    "refund",
    "withdrawn",
];

/// A moment, or a whole day.
#[derive(Clone, Copy)]
pub(super) enum Time {
    At(DateTime<Utc>),
    Day(NaiveDate),
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(day) = text.parse() {
            return Ok(Self::Day(day));
        }
        let at = DateTime::parse_from_rfc3339(text);
        at.map(|at| Self::At(at.to_utc())).map_err(|_| {
            "not a time such as 2026-11-22T16:00:00Z, nor a date such as 2026-11-22".to_owned()
        })
    }
}

impl Time {
    pub(super) fn start(self) -> DateTime<Utc> {
        match self {
            Self::At(at) => at,
            Self::Day(day) => day.and_time(NaiveTime::MIN).and_utc(),
        }
    }

    fn end(self) -> DateTime<Utc> {
        match self {
            Self::At(at) => at,
            Self::Day(day) => day
                .and_hms_opt(23, 59, 59)
                .map_or_else(|| self.start(), |end| end.and_utc()),
        }
    }
}

impl Events {
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let client = self.server.client()?;
        let mut search = Search {
            kind: self.kind.clone(),
            series: self.series.clone(),
            state: self.state.as_deref().and_then(state),
            from: self.from.map(Time::start),
            to: self.to.map(Time::end),
            text: self.text.clone(),
            limit: None,
        };
        let most = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let (mut events, mut cursor) = (Vec::new(), None);
        loop {
            let left = most.saturating_sub(events.len());
            search.limit = Some(u32::try_from(left).unwrap_or(PAGE).min(PAGE));
            let page = client.search(&search, cursor.as_deref()).await;
            let page = page.map_err(refused)?;
            let is_empty = page.events.is_empty();
            events.extend(page.events);
            cursor = page.next_cursor;
            if cursor.is_none() || is_empty || events.len() >= most {
                break;
            }
        }
        events.truncate(most);
        if self.json {
            return Ok(output::json(
                &json!({ "events": events, "more": cursor.is_some() }),
                true,
            )?);
        }
        for event in &events {
            output::line(&printable(&line(event)))?;
        }
        if events.is_empty() {
            note("note: no event is like that; `oracle events` without filters shows all");
        } else if cursor.is_some() {
            note(&format!("note: there are more than {most}; see --limit"));
        }
        Ok(())
    }
}

fn state(name: &str) -> Option<EventState> {
    serde_json::from_value(name.into()).ok()
}

/// What the server refuses is an argument.
fn refused(error: Error) -> Failure {
    match error {
        Error::Problem {
            status: 400,
            detail,
            ..
        } => Failure::Usage(detail),
        error => error.into(),
    }
}

fn line(event: &EventInfo) -> String {
    let maturity = event.maturity.format("%Y-%m-%dT%H:%M:%SZ");
    let state = event.state.to_string();
    let mut line = format!("{maturity} {state:<11} {}", event.event_id);
    if let Some(title) = &event.title {
        line.push_str("  ");
        line.push_str(title);
    }
    if let Some(outcome) = &event.outcome {
        line.push_str("  = ");
        line.push_str(outcome);
        let unit = event.digits.as_ref().and_then(|d| d["unit"].as_str());
        if let Some(unit) = unit {
            line.push(' ');
            line.push_str(unit);
        }
    }
    line
}
