//! `oracle series`: what the series will ask, and when.

use chrono::{DateTime, Utc};
use clap::Args;
use oracle_client::{SeriesInfo, UpcomingEvent};
use serde_json::json;

use super::events::Time;
use super::output::{note, printable};
use super::{Failure, Server, output};

const EXAMPLES: &str = "\
Without a name one line a series; with one, what it asks and its events ahead: when
they mature, when they are announced, until when they are attested. All of it is the
server's word, and what is not announced yet may still change.

Examples:
  oracle series --url http://127.0.0.1:8080
  oracle series ppcusd-daily --limit 30
  oracle series ppcusd-daily --from 2026-12-01 --json";

/// List the series, or one with its events ahead
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Series {
    /// Name of one series, for example ppcusd-daily
    id: Option<String>,
    #[command(flatten)]
    server: Server,
    /// Maturity at or after: RFC 3339, or a date (UTC)
    #[arg(long, value_name = "TIME", requires = "id")]
    from: Option<Time>,
    /// How many events ahead, at most; 10 if not given
    #[arg(long, value_name = "N", requires = "id", value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Series {
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let client = self.server.client()?;
        let mut all = Vec::new();
        if let Some(id) = &self.id {
            let from = self.from.map(Time::start);
            all.push(client.one_series(id, from, self.limit).await?);
        } else {
            let mut cursor = None;
            loop {
                let page = client.series(cursor.as_deref()).await?;
                let is_empty = page.series.is_empty();
                all.extend(page.series);
                cursor = page.next_cursor;
                if cursor.is_none() || is_empty {
                    break;
                }
            }
        }
        if self.json {
            return Ok(output::json(&json!({ "series": all }), true)?);
        }
        if self.id.is_some() {
            all.iter().try_for_each(print)?;
        } else {
            for series in &all {
                output::line(&printable(&line(series)))?;
            }
            if all.is_empty() {
                note("note: the oracle has no series");
            }
        }
        Ok(())
    }
}

fn line(series: &SeriesInfo) -> String {
    let SeriesInfo {
        series_id,
        kind,
        title,
        period,
        ..
    } = series;
    format!("{series_id} {kind:<9} {period}  {title}")
}

fn print(series: &SeriesInfo) -> std::io::Result<()> {
    output::line(&printable(&line(series)))?;
    for text in series.description.iter().flat_map(|text| text.lines()) {
        output::line(&format!("  {}", printable(text)))?;
    }
    for event in &series.next {
        output::line(&printable(&upcoming(event)))?;
    }
    if let Some(from) = series.next_from {
        note(&format!("note: there are more; see --from {}", time(from)));
    }
    Ok(())
}

fn upcoming(event: &UpcomingEvent) -> String {
    let state = event.state.map(|state| state.to_string());
    let announced = state.unwrap_or_else(|| format!("announced {}", time(event.announce_at)));
    let (maturity, attest_by) = (time(event.maturity), time(event.attest_by));
    format!(
        "{maturity} {announced:<30} attested by {attest_by} {}",
        event.event_id
    )
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
