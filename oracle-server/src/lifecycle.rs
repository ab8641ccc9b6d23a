//! The one state machine of an event, pure.
//!
//! `Scheduled → Announced → (Matured) → Provisional → Committed → Attested`,
//! with `Held` beside `Provisional`, and `Voided`, `Refund` and `Withdrawn` as
//! the other ends. `Matured` is derived from the clock and never stored.
//! Attest and refund compete for the same intent row: only one wins, and the
//! winner is final.

use std::fmt;

use chrono::{DateTime, Utc};
use oracle_schema::policy::VOID;
use oracle_schema::{Maturity, Outcome};
use sha2::{Digest, Sha256};

/// Where an event stands, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Known, not yet announced.
    Scheduled,
    /// Announced; matured once the clock says so.
    Announced,
    /// Sources agree, the settle delay runs.
    Provisional,
    /// Waits for people.
    Held,
    /// An intent row holds the end; the rest is mechanics.
    Committed,
    /// Signed and published.
    Attested,
    /// Signed `void` and published.
    Voided,
    /// Never to be signed.
    Refund,
    /// Never announced.
    Withdrawn,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Scheduled,
        Self::Announced,
        Self::Provisional,
        Self::Held,
        Self::Committed,
        Self::Attested,
        Self::Voided,
        Self::Refund,
        Self::Withdrawn,
    ];

    /// As stored and published.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Announced => "announced",
            Self::Provisional => "provisional",
            Self::Held => "held",
            Self::Committed => "committed",
            Self::Attested => "attested",
            Self::Voided => "voided",
            Self::Refund => "refund",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads what [`State::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }

    /// Whether nothing can happen to the event any more.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Attested | Self::Voided | Self::Refund | Self::Withdrawn
        )
    }
}

/// The times that bound an event.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Nothing is decided before it.
    pub maturity: Maturity,
    /// Nothing is decided at or after it: refund. Unix seconds.
    pub attest_by: i64,
}

/// What can happen to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// Its announcement goes into the log.
    Announce,
    /// It will never be announced.
    Withdraw,
    /// Sources agree; the settle delay starts.
    Agree,
    /// Sources disagree or people must look.
    Hold,
    /// Agreement was lost.
    Disagree,
    /// An outcome goes into the intent row.
    Commit,
    /// The attestation of the committed outcome goes into the log.
    Attest(&'a Outcome),
    /// The refund goes into the intent row.
    GiveUp,
    /// The refund goes into the intent row before its time: two operators agree
    /// that there is no outcome.
    Abandon,
    /// The notice of the committed refund goes into the log.
    Refund,
}

/// A step that must not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// Not from this state.
    #[error("a {} event cannot do this", .0.as_str())]
    State(State),
    /// Not before the maturity.
    #[error("the event has not matured; it matures at {0}")]
    NotMatured(Maturity),
    /// Not once the maturity has come.
    #[error("the event has already matured, at {0}")]
    Matured(Maturity),
    /// Not before `attest_by`.
    #[error("the event can still be attested, until {0} (Unix seconds)")]
    TooEarly(i64),
    /// Not at or after `attest_by`.
    #[error("the event's attest_by, {0} (Unix seconds), has passed; it will be refunded")]
    TooLate(i64),
}

/// The one transition function.
pub fn step(
    state: State,
    bounds: &Bounds,
    input: Input<'_>,
    now: DateTime<Utc>,
) -> Result<State, Illegal> {
    use State::{
        Announced, Attested, Committed, Held, Provisional, Refund, Scheduled, Voided, Withdrawn,
    };
    let matured = now.timestamp() >= bounds.maturity.unix();
    let expired = now.timestamp() >= bounds.attest_by;
    match (state, input) {
        (Scheduled, Input::Announce) if matured => Err(Illegal::Matured(bounds.maturity)),
        (Scheduled, Input::Announce) => Ok(Announced),
        (Scheduled, Input::Withdraw) => Ok(Withdrawn),
        (
            Announced | Provisional | Held,
            Input::Agree | Input::Hold | Input::Disagree | Input::Commit | Input::Abandon,
        ) => {
            if !matured {
                return Err(Illegal::NotMatured(bounds.maturity));
            }
            if expired {
                return Err(Illegal::TooLate(bounds.attest_by));
            }
            Ok(match input {
                Input::Commit | Input::Abandon => Committed,
                Input::Agree => Provisional,
                Input::Hold => Held,
                _ => Announced,
            })
        }
        (Announced | Provisional | Held, Input::GiveUp) if expired => Ok(Committed),
        (Announced | Provisional | Held, Input::GiveUp) => Err(Illegal::TooEarly(bounds.attest_by)),
        // The winner of the intent row is final: no time bound stops it.
        (Committed, Input::Attest(outcome)) => Ok(match outcome {
            Outcome::Enum(text) if text == VOID => Voided,
            _ => Attested,
        }),
        (Committed, Input::Refund) => Ok(Refund),
        _ => Err(Illegal::State(state)),
    }
}

/// Which end an intent row or journal record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IntentKind {
    /// An outcome is signed.
    Attest,
    /// Nothing will ever be signed: refund.
    Refund,
    /// Nothing will ever be signed: never announced.
    Withdraw,
}

impl IntentKind {
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attest => "attest",
            Self::Refund => "refund",
            Self::Withdraw => "withdraw",
        }
    }

    /// Reads what [`IntentKind::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Attest, Self::Refund, Self::Withdraw]
            .into_iter()
            .find(|k| k.as_str() == text)
    }
}

impl fmt::Display for IntentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What makes two intents of one event the same message: SHA-256 over kind,
/// event id, content hash and messages, each length-prefixed. The takeover
/// epoch is left out: a standby that repeats the message is not contradicting.
pub fn intent_digest(
    kind: IntentKind,
    event_id: &str,
    content_hash: &[u8; 32],
    messages: &[String],
) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    field(kind.as_str().as_bytes());
    field(event_id.as_bytes());
    field(content_hash);
    for message in messages {
        field(message.as_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const BOUNDS: Bounds = Bounds {
        maturity: Maturity::from_epoch(1_000),
        attest_by: 2_000,
    };

    fn at(s: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(s, 0).unwrap()
    }

    fn inputs(outcome: &Outcome) -> [Input<'_>; 10] {
        [
            Input::Announce,
            Input::Withdraw,
            Input::Agree,
            Input::Hold,
            Input::Disagree,
            Input::Commit,
            Input::Attest(outcome),
            Input::GiveUp,
            Input::Abandon,
            Input::Refund,
        ]
    }

    #[test]
    fn nothing_leaves_a_final_state() {
        let outcome = Outcome::Enum("x".into());
        for state in State::ALL.into_iter().filter(|s| s.is_final()) {
            for input in inputs(&outcome) {
                for now in [0, 1_000, 1_999, 2_000, 9_999] {
                    assert_eq!(
                        step(state, &BOUNDS, input, at(now)),
                        Err(Illegal::State(state))
                    );
                }
            }
        }
    }

    #[test]
    fn what_has_matured_is_never_announced() {
        let announce = |now| step(State::Scheduled, &BOUNDS, Input::Announce, at(now));
        assert_eq!(announce(999), Ok(State::Announced));
        assert_eq!(announce(1_000), Err(Illegal::Matured(BOUNDS.maturity)));
    }

    #[test]
    fn an_outcome_is_committed_from_maturity_until_attest_by_only() {
        for state in [State::Announced, State::Provisional, State::Held] {
            let commit = |now| step(state, &BOUNDS, Input::Commit, at(now));
            assert_eq!(commit(999), Err(Illegal::NotMatured(BOUNDS.maturity)));
            assert_eq!(commit(1_000), Ok(State::Committed));
            assert_eq!(commit(1_999), Ok(State::Committed));
            assert_eq!(commit(2_000), Err(Illegal::TooLate(2_000)));
        }
    }

    #[test]
    fn at_every_instant_exactly_one_of_commit_and_give_up_is_possible_after_maturity() {
        for now in [1_000, 1_500, 1_999, 2_000, 2_001] {
            let commit = step(State::Announced, &BOUNDS, Input::Commit, at(now)).is_ok();
            let give_up = step(State::Announced, &BOUNDS, Input::GiveUp, at(now)).is_ok();
            assert_ne!(commit, give_up, "at {now}");
        }
    }

    #[test]
    fn a_committed_event_only_moves_to_the_end_it_committed_to() {
        let outcome = Outcome::Enum("x".into());
        let void = Outcome::Enum(VOID.into());
        // However late.
        let go = |input| step(State::Committed, &BOUNDS, input, at(1_000_000));
        assert_eq!(go(Input::Attest(&outcome)), Ok(State::Attested));
        assert_eq!(go(Input::Attest(&void)), Ok(State::Voided));
        assert_eq!(go(Input::Refund), Ok(State::Refund));
        assert!(go(Input::Commit).is_err());
        assert!(go(Input::GiveUp).is_err());
        assert!(go(Input::Abandon).is_err());
    }

    #[test]
    fn names_are_read_back() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        assert_eq!(State::parse("matured"), None);
    }

    #[test]
    fn the_digest_separates_fields_and_kinds() {
        let d = |k, id: &str, m: &[&str]| {
            let m: Vec<String> = m.iter().map(ToString::to_string).collect();
            intent_digest(k, id, &[7; 32], &m)
        };
        let base = d(IntentKind::Attest, "e", &["ab"]);
        assert_eq!(base, d(IntentKind::Attest, "e", &["ab"]));
        for other in [
            d(IntentKind::Refund, "e", &["ab"]),
            d(IntentKind::Attest, "f", &["ab"]),
            d(IntentKind::Attest, "e", &["a", "b"]),
            d(IntentKind::Attest, "e", &["ab", ""]),
        ] {
            assert_ne!(base, other);
        }
    }
}
