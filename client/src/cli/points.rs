//! `oracle points`.

use std::ops::RangeInclusive;

use clap::Args;
use oracle_client::points::{AdaptorPoint, Selection, Subject, adaptor_points};
use oracle_client::{Announcement, Attestation, Error, Verified};
use serde_json::{Map, Value, json};

use super::output::{eline, printable};
use super::{Failure, Remote, output};

const EXAMPLES: &str = "\
A digit event without a selection lists every value of every digit; contracts
use sums of these: an outcome, a prefix, or the prefixes that cover a range.

Once the event is attested, what came true also shows `secret`, the scalar of
the compressed point, and `secret_normalised`, that of the x-only point.

Examples:
  oracle points ppcusd-above-025@2026-11-22T16:00:00Z --url $URL
  oracle points ppcusd-daily@2026-11-22T16:00:00Z --url $URL --range 200000..299999
  oracle points ppcusd-daily@2026-11-22T16:00:00Z --url $URL --prefix 0,1,1 --json
  oracle points ppcusd-daily@2026-11-22T16:00:00Z --url $URL --outcome 252000 --coinlib";

/// Show adaptor points of an event, with their secrets once it is attested
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Points {
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    select: Select,
    /// What Peercoin's coinlib takes: x-only point, expected reveal time as a
    /// Unix timestamp, normalised secret
    #[arg(long)]
    coinlib: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[group(multiple = false)]
struct Select {
    /// One outcome: its text, or the attested integer
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    outcome: Option<String>,
    /// Numbers that begin with these digits, most significant first, after the
    /// sign if there is one
    #[arg(
        long,
        value_name = "0,1,1",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    prefix: Option<Vec<String>>,
    /// Numbers of a range, both ends included, in attested integers
    #[arg(long, value_name = "A..B", value_parser = range, allow_hyphen_values = true)]
    range: Option<RangeInclusive<i128>>,
}

impl Select {
    fn selection(&self) -> Selection {
        if let Some(outcome) = &self.outcome {
            Selection::Outcome(outcome.clone())
        } else if let Some(values) = &self.prefix {
            Selection::Prefix(values.clone())
        } else if let Some(range) = &self.range {
            Selection::Range(range.clone())
        } else {
            Selection::All
        }
    }
}

fn range(text: &str) -> Result<RangeInclusive<i128>, String> {
    let (start, end) = text
        .split_once("..")
        .ok_or("a range is written A..B, both ends included")?;
    let number = |text: &str| {
        text.parse::<i128>()
            .map_err(|e| format!("{text:?} is not an integer: {e}"))
    };
    let (start, end) = (number(start)?, number(end)?);
    if start > end {
        return Err(format!("{start} is after {end}"));
    }
    Ok(start..=end)
}

impl Points {
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let client = self.remote.server.client()?;
        let id = &self.remote.id;
        let (announcement, attestation) = match client.attestation(id).await {
            Ok(attested) => (attested.announcement, Some(attested.attestation)),
            Err(Error::NotAttested { .. }) => (client.announcement(id).await?, None),
            Err(error @ Error::Refunded { .. }) => {
                eline(&format!("note: {}", printable(&error.to_string())));
                (client.announcement(id).await?, None)
            }
            Err(error) => return Err(error.into()),
        };
        let points = adaptor_points(
            &announcement,
            attestation.as_ref(),
            &self.select.selection(),
        )
        .map_err(Error::from)?;
        let summand = |p: &AdaptorPoint| matches!(p.subject, Subject::Digit { .. });
        if self.coinlib && points.iter().any(summand) {
            return Err(Failure::Usage(
                "--coinlib needs --outcome, --prefix or --range for a digit event".to_owned(),
            ));
        }
        let points: Vec<_> = points.iter().map(|p| self.describe(p)).collect();
        self.print(&announcement, attestation.as_ref(), points)
            .map_err(Failure::from)
    }

    fn describe(&self, point: &AdaptorPoint) -> Map<String, Value> {
        let mut fields = subject(&point.subject);
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        put("xonly", hex::encode(point.point.xonly()).into());
        if !self.coinlib {
            put("compressed", hex::encode(point.point.compressed()).into());
            put("odd_y", point.point.odd_y().into());
        }
        if let Some(secret) = &point.secret {
            let normalised = hex::encode(secret.normalised().to_bytes());
            // Coinlib takes x-only points, whose only right secret is this.
            put("secret_normalised", normalised.into());
            if !self.coinlib {
                put("secret", hex::encode(secret.to_bytes()).into());
            }
        }
        fields
    }

    fn print(
        &self,
        announcement: &Verified<Announcement>,
        attestation: Option<&Verified<Attestation>>,
        points: Vec<Map<String, Value>>,
    ) -> std::io::Result<()> {
        let event = &announcement.event;
        let outcome = attestation.map(|a| a.outcome().to_string());
        if self.json {
            let value = json!({
                "event_id": event.event_id,
                "oracle_public_key": announcement.oracle_public_key.to_string(),
                "reveal_time": event.maturity.epoch(),
                "outcome": outcome,
                "points": points,
            });
            return output::json(&value, true);
        }
        output::line(&format!(
            "event {} reveal_time={} attested={}",
            printable(event.event_id.as_str()),
            event.maturity.epoch(),
            outcome
                .as_deref()
                .map_or("not yet".into(), |o| printable(o)),
        ))?;
        for point in points {
            let fields: Vec<String> = point
                .iter()
                .map(|(name, value)| match value {
                    Value::String(text) => format!("{name}={}", printable(text)),
                    other => format!("{name}={other}"),
                })
                .collect();
            output::line(&fields.join(" "))?;
        }
        Ok(())
    }
}

fn subject(subject: &Subject) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    match subject {
        Subject::Outcome(outcome) => {
            put("outcome", outcome.as_str().into());
        }
        Subject::Digit { index, value } => {
            put("index", (*index).into());
            put("value", value.as_str().into());
        }
        Subject::Prefix { values, numbers } => {
            put("prefix", values.join(",").into());
            if let Some(numbers) = numbers {
                // Decimal strings, as outcomes are: JSON readers round integers.
                put("first", numbers.start().to_string().into());
                put("last", numbers.end().to_string().into());
            }
        }
    }
    fields
}
