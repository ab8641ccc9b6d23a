//! `oracle get` and `oracle wait`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use oracle_client::bundle::End;
use oracle_client::{Announcement, Attestation, Error, EventInfo, Verified};
use oracle_schema::codec::Layout;
use serde_json::{Value, json};

use super::output::printable;
use super::sync::FromMirror;
use super::{Failure, Remote, output};

const GET_EXAMPLES: &str = "\
Examples:
  oracle get ppcusd-daily@2026-11-22T16:00:00Z --url http://127.0.0.1:8080
  oracle get ppcusd-daily@2026-11-22T16:00:00Z --url http://127.0.0.1:8080 --json
  oracle get ppcusd-daily@2026-11-22T16:00:00Z --mirror mirror";

/// Show an event, its announcement and, if there is one, its attestation
#[derive(Args)]
#[command(after_help = GET_EXAMPLES)]
pub(super) struct Get {
    #[command(flatten)]
    remote: Remote,
    /// Save everything that proves the event in this file: `oracle verify FILE
    /// --identity …` checks it offline, for ever
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Look it up in a mirror that `oracle sync` keeps, and ask no server: what is
    /// proven is the same, what only the server says is missing
    #[arg(long, value_name = "DIR", conflicts_with = "bundle")]
    mirror: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Get {
    pub(super) async fn run(&self) -> Result<(), Failure> {
        if let Some(dir) = &self.mirror {
            return self.mirrored(dir);
        }
        let client = self.remote.server.client()?;
        let id = &self.remote.id;
        let event = client.event(id).await?;
        if let Some(file) = &self.bundle {
            let (_, bytes) = client.proof(id).await?;
            std::fs::write(file, bytes).map_err(|source| Error::File {
                file: file.display().to_string(),
                source,
            })?;
        }
        let announced = optional(client.announcement(id).await)?;
        let attested = match announced {
            Some(_) => optional(client.attestation(id).await)?,
            None => None,
        };
        let shown = match (attested, announced) {
            (Some(a), _) => Shown {
                announcement: Some(a.announcement),
                attestation: Some(a.attestation),
            },
            (None, announcement) => Shown {
                announcement,
                attestation: None,
            },
        };
        if self.json {
            let mut value = shown.to_json();
            // The server's own view of it, as it was said.
            if let (Some(object), Ok(event)) = (value.as_object_mut(), serde_json::to_value(&event))
            {
                object.insert("event".to_owned(), event);
            }
            output::json(&value, true)?;
        } else {
            print_event(&event)?;
            shown.print()?;
        }
        self.remote.server.trust.verdict(&client).await
    }

    fn mirrored(&self, dir: &Path) -> Result<(), Failure> {
        let trust = &self.remote.server.trust;
        let found = FromMirror::find(dir, &self.remote.id, trust)?;
        let event = &found.event;
        let shown = Shown {
            announcement: Some(event.announcement.clone()),
            attestation: event.attestation().cloned(),
        };
        let refunded = match &event.end {
            Some(End::Refunded { reason, .. }) => Some(reason),
            Some(End::Attested { .. }) | None => None,
        };
        if self.json {
            let mut value = shown.to_json();
            value["event"] = Value::Null;
            value["announcement_position"] = event.announcement_position.into();
            value["policy_hash"] = hex::encode(event.policy_hash).into();
            value["refund_reason"] = json!(refunded);
            output::json(&value, true)?;
        } else {
            let promised = &event.announcement.event;
            field("event", promised.event_id.as_str())?;
            field("maturity", &promised.maturity.to_string())?;
            field("policy hash", &hex::encode(event.policy_hash))?;
            shown.print()?;
            if let Some(reason) = refunded {
                field("refunded", reason)?;
            }
        }
        found.verdict(trust)
    }
}

/// "Not there" is an answer for `get`, not a failure: the event's state says
/// which kind of not.
fn optional<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(
            Error::NotAttested { .. }
            | Error::NotAnnounced { .. }
            | Error::Refunded { .. }
            | Error::Withdrawn { .. },
        ) => Ok(None),
        Err(error) => Err(error),
    }
}

const WAIT_EXAMPLES: &str = "\
Exits 0 when attested, 3 when --timeout passes first, 4 refunded, 5 withdrawn,
6 unknown event, 1 when the answer does not verify.

Examples:
  oracle wait ppcusd-daily@2026-11-22T16:00:00Z --url http://127.0.0.1:8080
  oracle wait pm-upgrade-2026 --url http://127.0.0.1:8080 --timeout 2h --json";

/// Wait until an event is attested, and show the verified outcome
#[derive(Args)]
#[command(after_help = WAIT_EXAMPLES)]
pub(super) struct Wait {
    #[command(flatten)]
    remote: Remote,
    /// How long to wait, for example 30s, 10m, 2h
    #[arg(long, value_name = "DURATION", default_value = "60s",
          value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Wait {
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let client = self.remote.server.client()?;
        let id = &self.remote.id;
        let what = format!("waiting for {id}");
        let waiting = client.wait(id, self.timeout);
        let attested = output::with_patience(&what, self.timeout, waiting).await?;
        if self.json {
            let shown = Shown {
                announcement: Some(attested.announcement),
                attestation: Some(attested.attestation),
            };
            output::json(&shown.to_json(), true)?;
        } else {
            output::line(&format!(
                "ok attestation {} outcome={}",
                printable(self.remote.id.as_str()),
                printable(&attested.outcome_text())
            ))?;
        }
        self.remote.server.trust.verdict(&client).await
    }
}

/// What has been verified of an event so far.
struct Shown {
    announcement: Option<Verified<Announcement>>,
    attestation: Option<Verified<Attestation>>,
}

impl Shown {
    fn to_json(&self) -> Value {
        let announcement = self.announcement.as_ref();
        let attestation = self.attestation.as_ref();
        json!({
            "announcement": announcement.map(|a| a.to_json()),
            "announcement_hex": announcement.map(|a| hex::encode(a.to_tlv())),
            "attestation": attestation.map(|a| a.to_json()),
            "attestation_hex": attestation.map(|a| hex::encode(a.to_tlv(Layout::Spec))),
            "outcome": attestation.map(|a| a.outcome().to_string()),
        })
    }

    fn print(&self) -> std::io::Result<()> {
        if let Some(announcement) = &self.announcement {
            field("oracle key", &announcement.oracle_public_key.to_string())?;
            field("announcement", &hex::encode(announcement.to_tlv()))?;
        }
        if let Some(attestation) = &self.attestation {
            field(
                "attestation",
                &hex::encode(attestation.to_tlv(Layout::Spec)),
            )?;
            field("outcome", &attestation.outcome().to_string())?;
        }
        Ok(())
    }
}

fn print_event(event: &EventInfo) -> std::io::Result<()> {
    field("event", event.event_id.as_str())?;
    if let Some(title) = &event.title {
        field("title", title)?;
    }
    for line in event.description.iter().flat_map(|text| text.lines()) {
        field("", line)?;
    }
    for (key, name) in &event.names {
        field("name", &format!("{key}: {name}"))?;
    }
    field("kind", &event.kind)?;
    field("state", &event.state.to_string())?;
    if let Some(reason) = &event.reason {
        field("reason", reason)?;
    }
    let times = [
        ("maturity", Some(event.maturity)),
        ("attest by", event.attest_by),
        ("next attempt", event.next_attempt_at),
    ];
    for (name, time) in times {
        if let Some(time) = time {
            field(name, &time.format("%Y-%m-%dT%H:%M:%SZ").to_string())?;
        }
    }
    if let Some(policy_hash) = &event.policy_hash {
        field("policy hash", policy_hash)?;
    }
    Ok(())
}

fn field(name: &str, value: &str) -> std::io::Result<()> {
    output::line(&format!("{name:<13} {}", printable(value)))
}
