//! What happened to an event, and what is still to come, in order of time.

use chrono::{DateTime, Utc};
use oracle_schema::operator::Verb;

use super::super::words::Stamp;
use crate::store::read::{EventState, EventView};
use crate::store::{ActionRow, Milestones};

/// One step in an event's life.
pub(super) struct Step {
    pub(super) at: Option<Stamp>,
    pub(super) what: String,
    pub(super) detail: Option<String>,
    /// Where the log says so.
    pub(super) position: Option<i64>,
    /// `done`, `now`, `ahead` or `bad`.
    pub(super) mark: &'static str,
}

/// In order of time; what has no time yet comes last.
pub(super) fn of(
    event: &EventView,
    milestones: &Milestones,
    actions: &[ActionRow],
    agreed_ms: Option<i64>,
    now: DateTime<Utc>,
) -> Vec<Step> {
    let mut steps = vec![announced(event)];
    steps.extend(actions.iter().map(acted));
    let maturity = DateTime::from_timestamp(event.maturity.unix(), 0).unwrap_or_default();
    if event.state != EventState::Withdrawn {
        let past = maturity <= now;
        let what = if past { "Matured" } else { "Matures" };
        steps.push(step(
            Some(maturity),
            what,
            if past { "done" } else { "ahead" },
        ));
    }
    if let Some(at) = agreed_ms.and_then(DateTime::from_timestamp_millis) {
        steps.push(step(Some(at), "Sources agreed", "done"));
    }
    if let Some(at) = milestones.committed_at {
        let what = match event.state {
            EventState::Refund => "Refund committed: no signature, ever",
            EventState::Withdrawn => "Withdrawal committed",
            _ => "Outcome committed, before it was signed",
        };
        steps.push(step(Some(at), what, "done"));
    }
    steps.extend(ended(event, milestones));
    steps.extend(current(event));
    // Steps of one moment keep the order they were put in.
    steps.sort_by_key(|s| s.at.map_or(DateTime::<Utc>::MAX_UTC, |at| at.0));
    steps
}

fn step(at: Option<DateTime<Utc>>, what: impl Into<String>, mark: &'static str) -> Step {
    Step {
        at: at.map(Stamp),
        what: what.into(),
        detail: None,
        position: None,
        mark,
    }
}

fn announced(event: &EventView) -> Step {
    match (event.announced_at, event.state) {
        (Some(at), _) => Step {
            position: event.announcement_position,
            detail: Some(
                "Its nonces are promised: what is signed later fits them or nothing.".to_owned(),
            ),
            ..step(Some(at), "Announced", "done")
        },
        (None, EventState::Withdrawn) => step(None, "Was never announced", "bad"),
        (None, _) => step(Some(event.announce_at), "To be announced", "ahead"),
    }
}

fn acted(action: &ActionRow) -> Step {
    let who = &action.operator;
    let outcome = action.outcome.as_deref().unwrap_or_default();
    let what = match action.verb {
        Verb::Create => format!("{who} created it"),
        Verb::Report => format!("{who} reported {outcome:?}"),
        Verb::Approve => format!("{who} approved"),
        Verb::Veto => format!("{who} vetoed"),
        Verb::Void => format!("{who} proposed to void it"),
    };
    Step {
        position: Some(action.position),
        detail: action
            .refusal
            .as_ref()
            .map(|why| format!("Kept, and not counted: {why}.")),
        ..step(
            Some(action.received_at),
            what,
            if action.refusal.is_some() {
                "bad"
            } else {
                "done"
            },
        )
    }
}

fn ended(event: &EventView, milestones: &Milestones) -> Option<Step> {
    if let Some(at) = event.attested_at {
        let what = match event.state {
            EventState::Voided => "Attested as void",
            _ => "Attested",
        };
        return Some(Step {
            position: event.attestation_position,
            detail: event.outcome.clone(),
            ..step(Some(at), what, "done")
        });
    }
    let (position, at) = milestones.notice?;
    let what = match event.state {
        EventState::Withdrawn => "Withdrawn",
        _ => "Refund published: contracts end by their refund transactions",
    };
    Some(Step {
        position: Some(position),
        detail: event.reason.clone(),
        ..step(Some(at), what, "bad")
    })
}

/// What it waits for, and how long.
fn current(event: &EventView) -> Vec<Step> {
    let waiting = match event.state {
        EventState::Matured => "Sources are asked",
        EventState::Provisional => "Sources agree; the settle delay runs",
        EventState::Held => "Held",
        EventState::Committed => "Being signed",
        EventState::Scheduled | EventState::Announced => {
            return vec![step(Some(event.attest_by), LAST, "ahead")];
        }
        EventState::Attested | EventState::Voided | EventState::Refund | EventState::Withdrawn => {
            return Vec::new();
        }
    };
    let mark = if event.state == EventState::Held {
        "bad"
    } else {
        "now"
    };
    let mut steps = vec![Step {
        detail: event.reason.clone(),
        ..step(None, waiting, mark)
    }];
    if let Some(at) = event.next_attempt_at {
        steps.push(step(Some(at), "Next look", "ahead"));
    }
    steps.push(step(Some(event.attest_by), LAST, "ahead"));
    steps
}

const LAST: &str = "Refunded, if there is no outcome by then";
