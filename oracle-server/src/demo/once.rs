//! `demo --once`: one full cycle, step by step, each step shown or failed.

use std::time::Duration;

use chrono::SecondsFormat;
use oracle_client::points::{Selection, adaptor_points};
use oracle_client::replay::{Conclusion, Standing};
use oracle_client::{Attested, Client, EventId, StreamEvent, Verified};
use oracle_schema::Announcement;
use tokio::time::Instant;

use super::{CYCLE_LIMIT, DemoError, operators};
use crate::clock::{Clock as _, SystemClock};

/// One line of the table.
struct Step {
    name: &'static str,
    detail: String,
    took: Duration,
}

/// The table so far; a failed step ends it.
struct Table {
    steps: Vec<Step>,
    started: Instant,
}

impl Table {
    #[allow(clippy::disallowed_methods, reason = "durations for people, not times")]
    fn new() -> Self {
        Self {
            steps: Vec::new(),
            started: Instant::now(),
        }
    }

    #[allow(clippy::disallowed_methods, reason = "durations for people, not times")]
    fn done(&mut self, name: &'static str, detail: String) {
        let now = Instant::now();
        self.steps.push(Step {
            name,
            detail,
            took: now.duration_since(self.started),
        });
        self.started = now;
    }

    #[allow(clippy::print_stdout, reason = "the command's output")]
    fn print(&self) {
        println!("  step              ok        time  what was shown");
        for step in &self.steps {
            println!(
                "  {:<17} ok  {:>8} ms  {}",
                step.name,
                step.took.as_millis(),
                step.detail
            );
        }
    }
}

/// Announce → mature → observe → attest → fetch → verify → adaptor secret →
/// re-verify everything stored; for every kind of event.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) async fn cycle(client: &Client, key: &str) -> Result<(), DemoError> {
    let mut table = Table::new();
    let result = tokio::time::timeout(CYCLE_LIMIT, steps(client, key, &mut table)).await;
    table.print();
    match result {
        Ok(Ok(())) => {
            println!("\nall {} steps passed", table.steps.len());
            Ok(())
        }
        Ok(Err(e)) => Err(e),
        Err(_) => Err(DemoError::Step(format!(
            "the step after {:?} did not finish in time",
            table.steps.last().map_or("start", |s| s.name)
        ))),
    }
}

fn failed(step: &'static str) -> impl Fn(oracle_client::Error) -> DemoError {
    move |e| DemoError::Step(format!("step {step:?} failed: {e}"))
}

async fn steps(client: &Client, key: &str, table: &mut Table) -> Result<(), DemoError> {
    let oracle = client.oracle().await.map_err(failed("oracle"))?;
    if oracle.public_key.to_string() != key {
        return Err(DemoError::Step(
            "step \"oracle\" failed: HTTP names another key".to_owned(),
        ));
    }
    table.done("oracle", format!("{} {key:.16}…", oracle.network));
    // All of them first: a participant has the announcement before the maturity.
    let mut announcements = Vec::new();
    for (name, series) in [
        ("future", "ppcusd-future"),
        ("binary option", "ppcusd-above-025"),
        ("sports bet", "cup-"),
        ("over or under", "goals-"),
        ("handicap", "handicap-"),
        ("margin", "margin-"),
        ("public value", "release-"),
        ("public number", "height-"),
        ("election bet", "senate-"),
        ("prediction market", operators::EVENTS),
    ] {
        let announced = upcoming(client, series).await?;
        let event = &announced.event;
        let ahead = event.maturity.unix() - SystemClock.now().timestamp();
        table.done(
            "announce",
            format!(
                "{name} {}: {} nonces, {ahead} s ahead",
                event.event_id,
                event.nonces.len()
            ),
        );
        announcements.push((name, announced));
    }
    for (name, announced) in &announcements {
        one_event(client, name, announced, table).await?;
    }
    let checked = reverify(client).await?;
    table.done("re-verify all", checked);
    Ok(())
}

/// The next event of a series that is announced and not yet mature.
async fn upcoming(client: &Client, series: &str) -> Result<Verified<Announcement>, DemoError> {
    use futures::StreamExt as _;
    let mut events = client.watch(Some(0));
    while let Some(event) = events.next().await {
        let StreamEvent::Announced { event_id, .. } = event.map_err(failed("announce"))? else {
            continue;
        };
        if !event_id.as_str().starts_with(series) {
            continue;
        }
        let announcement = client
            .announcement(&event_id)
            .await
            .map_err(failed("announce"))?;
        if announcement.event.maturity.unix() > SystemClock.now().timestamp() {
            return Ok(announcement);
        }
    }
    Err(DemoError::Step(
        "step \"announce\" failed: the stream ended".to_owned(),
    ))
}

async fn one_event(
    client: &Client,
    name: &str,
    announced: &Verified<Announcement>,
    table: &mut Table,
) -> Result<(), DemoError> {
    let id = &announced.event.event_id;
    let attested = client
        .wait(id, CYCLE_LIMIT)
        .await
        .map_err(failed("attest"))?;
    let info = client.event(id).await.map_err(failed("attest"))?;
    let after = info
        .attested_at
        .map(|t| (t - announced.event.maturity.to_datetime()).num_milliseconds())
        .unwrap_or_default();
    table.done(
        "mature, attest",
        format!(
            "{name}: {} {after} ms after maturity",
            attested.outcome_text()
        ),
    );
    table.done("replay evidence", replayed(client, id).await?);
    table.done("verify", verified(&attested));
    table.done("adaptor secret", adaptor_secret(&attested)?);
    Ok(())
}

/// Reads the recorded answers again and decides again, as an auditor does.
async fn replayed(client: &Client, id: &EventId) -> Result<String, DemoError> {
    let mut bundle = client.bundle(id).await.map_err(failed("replay"))?;
    client
        .fetch_bodies(&mut bundle)
        .await
        .map_err(failed("replay"))?;
    let report = bundle.replay().map_err(failed("replay"))?;
    if report.conclusion() != Conclusion::Reproduced {
        return Err(DemoError::Step(format!(
            "step \"replay\" failed: {:?} {:?}",
            report.mismatches, report.missing
        )));
    }
    let again = report.count(|s| *s == Standing::Reproduced);
    let withheld = report.count(|s| *s == Standing::Withheld);
    Ok(format!(
        "{again} answers read again, {withheld} withheld by licence; decided again: {}",
        report.outcome.unwrap_or_default()
    ))
}

fn verified(attested: &Attested) -> String {
    format!(
        "{} BIP340 signatures under the announced nonces",
        attested.attestation.signatures.len()
    )
}

/// The point a contract would have been encrypted to before the event, opened
/// by the attestation.
fn adaptor_secret(attested: &Attested) -> Result<String, DemoError> {
    let failed =
        |e: &dyn std::fmt::Display| DemoError::Step(format!("step \"adaptor secret\" failed: {e}"));
    let selection = Selection::Outcome(attested.outcome_text());
    let before =
        adaptor_points(&attested.announcement, None, &selection).map_err(|e| failed(&e))?;
    let after = adaptor_points(
        &attested.announcement,
        Some(&attested.attestation),
        &selection,
    )
    .map_err(|e| failed(&e))?;
    let (Some(before), Some(after)) = (before.first(), after.first()) else {
        return Err(failed(&"no point for the outcome"));
    };
    let secret = after
        .secret
        .as_ref()
        .ok_or_else(|| failed(&"the attestation yields no secret"))?;
    if secret.point() != before.point {
        return Err(failed(&"s·G is not the point announced beforehand"));
    }
    Ok(format!(
        "s·G = {:.16}…, known since the announcement",
        hex::encode(before.point.compressed())
    ))
}

/// Fetches and verifies every announcement and attestation there is.
async fn reverify(client: &Client) -> Result<String, DemoError> {
    let (mut announcements, mut attestations) = (0_u32, 0_u32);
    let mut cursor = None;
    loop {
        let page = client
            .events(cursor.as_deref())
            .await
            .map_err(failed("re-verify all"))?;
        for event in &page.events {
            if event.announced_at.is_some() {
                client
                    .announcement(&event.event_id)
                    .await
                    .map_err(failed("re-verify all"))?;
                announcements += 1;
            }
            if event.attested_at.is_some() {
                client
                    .attestation(&event.event_id)
                    .await
                    .map_err(failed("re-verify all"))?;
                attestations += 1;
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let at = SystemClock.now().to_rfc3339_opts(SecondsFormat::Secs, true);
    Ok(format!(
        "{announcements} announcements, {attestations} attestations at {at}"
    ))
}
