//! What happened to an event, and what is still to come, in order of time.

use chrono::{DateTime, Utc};
use oracle_schema::log_entry::{Status, StatusKind};
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
    /// Its class in the style sheet: `done`, `now`, `ahead` or `bad`.
    pub(super) class: &'static str,
}

/// What is known beside the event itself.
pub(super) struct Told<'a> {
    pub(super) milestones: &'a Milestones,
    pub(super) actions: &'a [ActionRow],
    /// What the log says of it before its end.
    pub(super) statuses: Vec<(i64, Status)>,
    /// Since when its sources agree.
    pub(super) agreed_ms: Option<i64>,
}

/// In order of time; what has no time yet comes last.
pub(super) fn of(event: &EventView, told: &Told<'_>, now: DateTime<Utc>) -> Vec<Step> {
    let milestones = told.milestones;
    let mut steps = vec![announced(event)];
    steps.extend(told.actions.iter().map(acted));
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
    if told.statuses.is_empty()
        && let Some(at) = told.agreed_ms.and_then(DateTime::from_timestamp_millis)
    {
        steps.push(step(Some(at), "Sources agreed", "done"));
    }
    steps.extend(
        told.statuses
            .iter()
            .map(|(at, status)| status_step(*at, status)),
    );
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

fn step(at: Option<DateTime<Utc>>, what: impl Into<String>, class: &'static str) -> Step {
    Step {
        at: at.map(Stamp),
        what: what.into(),
        detail: None,
        position: None,
        class,
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

fn status_step(position: i64, status: &Status) -> Step {
    let at = i64::try_from(status.time_ms).ok();
    let (what, class) = match &status.kind {
        StatusKind::Proposal(outcome) => (format!("Sources agree on {outcome:?}"), "done"),
        StatusKind::Hold => ("Held".to_owned(), "bad"),
        StatusKind::Late => ("Late".to_owned(), "bad"),
    };
    Step {
        position: Some(position),
        detail: Some(status.reason.clone()).filter(|reason| !reason.is_empty()),
        ..step(at.and_then(DateTime::from_timestamp_millis), what, class)
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
    let class = if event.state == EventState::Held {
        "bad"
    } else {
        "now"
    };
    let mut steps = vec![Step {
        detail: event.reason.clone(),
        ..step(None, waiting, class)
    }];
    if let Some(at) = event.next_attempt_at {
        steps.push(step(Some(at), "Next look", "ahead"));
    }
    steps.push(step(Some(event.attest_by), LAST, "ahead"));
    steps
}

const LAST: &str = "Refunded, if there is no outcome by then";

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use oracle_schema::event::EnumDescriptor;
    use oracle_schema::{Descriptor, EventId, Maturity};

    use super::*;

    const MATURITY: i64 = 1_795_363_200;

    fn event(state: EventState) -> EventView {
        let at = |s: i64| DateTime::from_timestamp(MATURITY + s, 0).unwrap();
        let outcomes = vec!["yes".to_owned(), "void".to_owned()];
        EventView {
            event_id: EventId::parse("e").unwrap(),
            kind: "match".to_owned(),
            series: None,
            state,
            reason: Some("because".to_owned()),
            maturity: Maturity::from_unix(MATURITY).unwrap(),
            attest_by: at(7200),
            announce_at: at(-3600),
            descriptor: Descriptor::Enum(EnumDescriptor::new(outcomes).unwrap()),
            policy_hash: [0; 32],
            announced_at: Some(at(-3600)),
            attested_at: None,
            outcome: None,
            next_attempt_at: Some(at(30)),
            announcement_position: Some(1),
            attestation_position: None,
        }
    }

    fn steps(
        event: &EventView,
        milestones: &Milestones,
        statuses: Vec<(i64, Status)>,
    ) -> Vec<Step> {
        let told = Told {
            milestones,
            actions: &[],
            statuses,
            agreed_ms: None,
        };
        of(
            event,
            &told,
            DateTime::from_timestamp(MATURITY + 10, 0).unwrap(),
        )
    }

    #[test]
    fn an_open_event_says_what_it_waits_for_and_when_it_ends() {
        for (state, waits, class) in [
            (EventState::Matured, "Sources are asked", "now"),
            (
                EventState::Provisional,
                "Sources agree; the settle delay runs",
                "now",
            ),
            (EventState::Held, "Held", "bad"),
            (EventState::Committed, "Being signed", "now"),
        ] {
            let steps = steps(&event(state), &Milestones::default(), Vec::new());
            let now = steps.iter().find(|s| s.what == waits).unwrap();
            assert_eq!((now.class, now.detail.as_deref()), (class, Some("because")));
            assert!(now.at.is_none());
            assert!(steps.iter().any(|s| s.what == LAST && s.class == "ahead"));
        }
    }

    #[test]
    fn an_ended_event_waits_for_nothing() {
        let at = DateTime::from_timestamp(MATURITY + 7200, 0).unwrap();
        for (state, what) in [
            (
                EventState::Refund,
                "Refund published: contracts end by their refund transactions",
            ),
            (EventState::Withdrawn, "Withdrawn"),
        ] {
            let milestones = Milestones {
                committed_at: Some(at),
                overdue_at: at,
                notice: Some((9, at)),
            };
            let steps = steps(&event(state), &milestones, Vec::new());
            let last = steps.last().unwrap();
            assert_eq!((last.what.as_str(), last.position), (what, Some(9)));
            assert!(steps.iter().all(|s| s.class != "ahead"));
        }
        let mut attested = event(EventState::Voided);
        attested.attested_at = Some(at);
        attested.attestation_position = Some(7);
        let steps = steps(&attested, &Milestones::default(), Vec::new());
        assert_eq!(steps.last().unwrap().what, "Attested as void");
    }

    #[test]
    fn what_the_log_says_stands_in_the_order_of_time() {
        let status = |s: i64, kind| Status {
            event_id: EventId::parse("e").unwrap(),
            time_ms: u64::try_from((MATURITY + s) * 1000).unwrap(),
            kind,
            reason: String::new(),
        };
        let statuses = vec![
            (3, status(1, StatusKind::Proposal("yes".to_owned()))),
            (4, status(5, StatusKind::Hold)),
            (5, status(9, StatusKind::Late)),
        ];
        let steps = steps(&event(EventState::Held), &Milestones::default(), statuses);
        let told: Vec<_> = steps
            .iter()
            .filter(|s| s.at.is_some())
            .map(|s| s.what.as_str())
            .collect();
        assert_eq!(
            told,
            [
                "Announced",
                "Matured",
                "Sources agree on \"yes\"",
                "Held",
                "Late",
                "Next look",
                LAST
            ]
        );
    }
}
