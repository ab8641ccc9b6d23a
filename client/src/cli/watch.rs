//! `oracle watch`: the stream, every announcement and outcome verified.

use std::time::Duration;

use clap::Args;
use futures::StreamExt;
use oracle_client::{Client, Error, EventId, StreamEvent};
use serde_json::{Value, json};

use super::output::{note, printable};
use super::{Failure, Server, output};

/// How long to try for a message that the stream says is there.
const FETCH: Duration = Duration::from_secs(30);

const EXAMPLES: &str = "\
Each line starts with the log position; `--from` resumes after one. Outages are
reported on stderr and waited out; a message that does not verify ends it with
exit code 1.

Examples:
  oracle watch --url http://127.0.0.1:8080
  oracle watch --url http://127.0.0.1:8080 --from 1041 --json
  oracle watch --url $URL --event ppcusd-daily@2026-11-22T16:00:00Z --from 0";

/// Follow announcements, attestations and refunds as they are published
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Watch {
    #[command(flatten)]
    server: Server,
    /// Start after this log position instead of with what comes next
    #[arg(long, value_name = "POSITION")]
    from: Option<u64>,
    /// Only this event; may be repeated, up to 100 times
    #[arg(long = "event", value_name = "ID")]
    events: Vec<EventId>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

impl Watch {
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let client = self.server.client()?;
        let mut news = if self.events.is_empty() {
            client.watch(self.from)
        } else {
            client.watch_events(&self.events, self.from)
        };
        while let Some(item) = news.next().await {
            match item {
                Ok(event) => self.show(&client, &event).await?,
                Err(error) if error.is_transient() => {
                    note(&format!("{error}; trying again"));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn show(&self, client: &Client, event: &StreamEvent) -> Result<(), Failure> {
        let (kind, detail) = describe(client, event).await?;
        if self.json {
            let mut value = json!({
                "event": kind,
                "position": event.position(),
                "event_id": event.event_id(),
            });
            if let (Some(object), Some((name, text))) = (value.as_object_mut(), detail) {
                object.insert(name.to_owned(), Value::String(text));
            }
            output::json(&value, false)?;
        } else {
            let position = event
                .position()
                .map_or_else(|| "-".to_owned(), |p| p.to_string());
            let id = printable(event.event_id().as_str()).into_owned();
            let detail = detail
                .map(|(name, text)| format!(" {name}={}", printable(&text)))
                .unwrap_or_default();
            output::line(&format!("{position} {kind} {id}{detail}"))?;
        }
        Ok(())
    }
}

/// The event's name and its one interesting value, verified where it can be.
async fn describe(
    client: &Client,
    event: &StreamEvent,
) -> Result<(&'static str, Option<(&'static str, String)>), Error> {
    Ok(match event {
        StreamEvent::Announced { event_id, .. } => {
            let announcement = client.announcement(event_id).await?;
            let maturity = announcement.event.maturity.to_string();
            ("announced", Some(("maturity", maturity)))
        }
        StreamEvent::Attested { event_id, .. } => {
            let attested = client.wait(event_id, FETCH).await?;
            ("attested", Some(("outcome", attested.outcome_text())))
        }
        StreamEvent::Refunded { .. } => ("refunded", None),
        StreamEvent::State { state, .. } => ("state", Some(("state", state.to_string()))),
    })
}
