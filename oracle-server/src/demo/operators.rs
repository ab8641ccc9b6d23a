//! The demo's named operators: two people with keys of their own, who report
//! over HTTP like any other.

use std::path::Path;

use oracle_client::operator::{Action, Operator, OperatorKey};
use oracle_client::{Client, Error, EventId, EventState};
use oracle_schema::operator::Report;

use super::DemoError;
use crate::clock::{Clock as _, SystemClock};

/// Who they are.
pub(super) const NAMES: [&str; 2] = ["alice", "bob"];

/// What the events that they resolve begin with.
pub(super) const EVENTS: &str = "market-";

/// An operator's key, made where there is none.
pub(super) fn key(dir: &Path, name: &str) -> Result<OperatorKey, DemoError> {
    let path = dir.join(format!("data/{name}.key"));
    let key = if path.exists() {
        OperatorKey::load(&path)
    } else {
        OperatorKey::create(&path)
    };
    key.map_err(|e| DemoError::Step(e.to_string()))
}

/// Reports `yes` to every question of theirs that is open, once it has matured.
pub(super) async fn resolve(url: String, keys: Vec<(&'static str, OperatorKey)>) {
    if let Err(e) = report(&url, keys).await {
        tracing::error!(error = %e, "the demo's operators could not report");
    }
}

async fn report(url: &str, keys: Vec<(&'static str, OperatorKey)>) -> Result<(), Error> {
    let client = Client::new(url)?;
    let mut operators = Vec::with_capacity(keys.len());
    for (name, key) in keys {
        operators.push(Operator::new(url, name, key)?);
    }
    for id in open_questions(&client).await? {
        let matures = client.event(&id).await?.maturity;
        while SystemClock.now() < matures {
            SystemClock.sleep_until(matures).await;
        }
        let yes = Report {
            outcome: "yes".to_owned(),
            evidence: Vec::new(),
            note: None,
        };
        let action = Action::Report(id, yes);
        for operator in &operators {
            operator
                .send(&action, SystemClock.now().timestamp())
                .await?;
        }
    }
    Ok(())
}

async fn open_questions(client: &Client) -> Result<Vec<EventId>, Error> {
    let mut open = Vec::new();
    let mut cursor = None;
    loop {
        let page = client.events(cursor.as_deref()).await?;
        for event in page.events {
            let is_open = matches!(
                event.state,
                EventState::Scheduled | EventState::Announced | EventState::Matured
            );
            if is_open && event.event_id.as_str().starts_with(EVENTS) {
                open.push(event.event_id);
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(open);
        }
    }
}
