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

/// Where an event stands, and what bounds its next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// As stored.
    pub state: State,
    /// Whether an operator's veto holds it: its sources change nothing any more.
    pub is_vetoed: bool,
    /// Nothing is decided before it.
    pub maturity: Maturity,
    /// Nothing is decided at or after it: refund.
    pub attest_by: DateTime<Utc>,
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
    /// An operator holds it, whatever its sources say.
    Veto,
    /// Two operators decide it: nothing holds it any more.
    Release,
    /// An outcome goes into the intent row.
    Commit,
    /// The end that the journal remembers goes into the intent row again.
    Recommit,
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

/// A change of an event that [`step`] allowed; nothing else makes one. The store takes
/// it only from where it begins, so an event that has moved meanwhile stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Step {
    from: State,
    was_vetoed: bool,
    to: State,
    is_vetoed: bool,
}

impl Step {
    /// Where it begins.
    pub const fn from(&self) -> State {
        self.from
    }

    /// Where it ends.
    pub const fn to(&self) -> State {
        self.to
    }

    /// Whether a veto holds the event where it begins.
    pub const fn was_vetoed(&self) -> bool {
        self.was_vetoed
    }

    /// Whether a veto holds the event where it ends.
    pub const fn is_vetoed(&self) -> bool {
        self.is_vetoed
    }

    /// Whether the event is in another state afterwards.
    pub fn changes_state(&self) -> bool {
        self.from != self.to
    }

    /// Whether an entry of the log tells of the new state, in the same transaction.
    pub const fn is_logged(&self) -> bool {
        matches!(
            (self.from, self.to),
            (State::Scheduled, State::Announced)
                | (_, State::Attested | State::Voided | State::Refund)
        )
    }
}

/// A step that must not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// Not from this state.
    #[error("a {} event cannot do this", .0.as_str())]
    State(State),
    /// Not while a veto holds it.
    #[error("an operator's veto holds the event")]
    Vetoed,
    /// Not before the maturity.
    #[error("the event has not matured; it matures at {0}")]
    NotMatured(Maturity),
    /// Not once the maturity has come.
    #[error("the event has already matured, at {0}")]
    Matured(Maturity),
    /// Not before `attest_by`.
    #[error("the event can still be attested, until {} (Unix seconds)", .0.timestamp())]
    TooEarly(DateTime<Utc>),
    /// Not at or after `attest_by`.
    #[error("the event's attest_by, {} (Unix seconds), has passed; it will be refunded",
        .0.timestamp())]
    TooLate(DateTime<Utc>),
}

impl Illegal {
    /// Whether the event has gone on while something was decided about it: its time ran
    /// out, it has an end, or people hold it. What was decided is worth nothing then, and
    /// nothing is wrong.
    pub const fn is_overtaken(&self) -> bool {
        matches!(self, Self::TooLate(_) | Self::State(_) | Self::Vetoed)
    }
}

/// The one transition function: where `input` takes an event at `now`.
pub fn step(event: &Standing, input: Input<'_>, now: DateTime<Utc>) -> Result<Step, Illegal> {
    let to = next_state(event, input, now)?;
    let is_vetoed = match input {
        Input::Veto => true,
        Input::Release => false,
        _ => event.is_vetoed,
    };
    Ok(Step {
        from: event.state,
        was_vetoed: event.is_vetoed,
        to,
        is_vetoed,
    })
}

/// Where the end that the journal remembers takes an event, at whatever time.
pub fn recommit(event: &Standing) -> Result<Step, Illegal> {
    step(event, Input::Recommit, DateTime::UNIX_EPOCH)
}

fn next_state(event: &Standing, input: Input<'_>, now: DateTime<Utc>) -> Result<State, Illegal> {
    use State::{
        Announced, Attested, Committed, Held, Provisional, Refund, Scheduled, Voided, Withdrawn,
    };
    let matured = now >= event.maturity.to_datetime();
    let expired = now >= event.attest_by;
    match (event.state, input) {
        (Scheduled, Input::Announce) if matured => Err(Illegal::Matured(event.maturity)),
        (Scheduled, Input::Announce) => Ok(Announced),
        (Scheduled, Input::Withdraw) => Ok(Withdrawn),
        (Announced | Provisional | Held, Input::GiveUp) if expired => Ok(Committed),
        (Announced | Provisional | Held, Input::GiveUp) => Err(Illegal::TooEarly(event.attest_by)),
        // What was promised once is promised for ever: no time bound stops it.
        (Announced | Provisional | Held | Committed, Input::Recommit) => Ok(Committed),
        (Announced | Provisional | Held, input) => {
            let to = decided_state(input).ok_or(Illegal::State(event.state))?;
            if !matured {
                return Err(Illegal::NotMatured(event.maturity));
            }
            if expired {
                return Err(Illegal::TooLate(event.attest_by));
            }
            let is_by_operators = matches!(input, Input::Veto | Input::Release | Input::Abandon);
            if event.is_vetoed && !is_by_operators {
                return Err(Illegal::Vetoed);
            }
            Ok(to)
        }
        // The winner of the intent row is final: no time bound stops it.
        (Committed, Input::Attest(outcome)) => Ok(match outcome {
            Outcome::Enum(text) if text == VOID => Voided,
            _ => Attested,
        }),
        (Committed, Input::Refund) => Ok(Refund),
        (state, _) => Err(Illegal::State(state)),
    }
}

/// Where an undecided event goes between its maturity and its `attest_by`.
const fn decided_state(input: Input<'_>) -> Option<State> {
    match input {
        Input::Agree | Input::Release => Some(State::Provisional),
        Input::Hold | Input::Veto => Some(State::Held),
        Input::Disagree => Some(State::Announced),
        Input::Commit | Input::Abandon => Some(State::Committed),
        Input::Announce
        | Input::Withdraw
        | Input::Recommit
        | Input::Attest(_)
        | Input::GiveUp
        | Input::Refund => None,
    }
}

/// Which end an intent row or journal record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IntentKind {
    /// An outcome is signed.
    Attest,
    /// Nothing will ever be signed: refund.
    Refund,
}

impl IntentKind {
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attest => "attest",
            Self::Refund => "refund",
        }
    }

    /// Reads what [`IntentKind::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Attest, Self::Refund]
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

    const MATURITY: i64 = 1_000;
    const ATTEST_BY: i64 = 2_000;
    /// Before, at and after each bound.
    const TIMES: [i64; 7] = [0, 999, 1_000, 1_500, 1_999, 2_000, 1_000_000];

    fn at(unix: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(unix, 0).unwrap()
    }

    fn standing(state: State, is_vetoed: bool) -> Standing {
        Standing {
            state,
            is_vetoed,
            maturity: Maturity::from_epoch(1_000),
            attest_by: at(ATTEST_BY),
        }
    }

    fn take(state: State, input: Input<'_>, now: i64) -> Result<State, Illegal> {
        step(&standing(state, false), input, at(now)).map(|step| step.to())
    }

    fn inputs<'a>(outcome: &'a Outcome, void: &'a Outcome) -> [Input<'a>; 14] {
        [
            Input::Announce,
            Input::Withdraw,
            Input::Agree,
            Input::Hold,
            Input::Disagree,
            Input::Veto,
            Input::Release,
            Input::Commit,
            Input::Recommit,
            Input::Attest(outcome),
            Input::Attest(void),
            Input::GiveUp,
            Input::Abandon,
            Input::Refund,
        ]
    }

    /// The whole machine, written a second time as a table: from where, with what,
    /// from and until when (exclusive), under a veto or not, to where.
    fn may(state: State, is_vetoed: bool, input: Input<'_>, now: i64) -> Option<State> {
        use State::{
            Announced, Attested, Committed, Held, Provisional, Refund, Scheduled, Voided, Withdrawn,
        };
        const ALWAYS: std::ops::Range<i64> = 0..i64::MAX;
        let open: &[State] = &[Announced, Provisional, Held];
        let unfinished: &[State] = &[Announced, Provisional, Held, Committed];
        let while_open = MATURITY..ATTEST_BY;
        let (from, when, under_veto, to): (&[State], _, bool, State) = match input {
            Input::Announce => (&[Scheduled], 0..MATURITY, true, Announced),
            Input::Withdraw => (&[Scheduled], ALWAYS, true, Withdrawn),
            Input::Agree => (open, while_open, false, Provisional),
            Input::Hold => (open, while_open, false, Held),
            Input::Disagree => (open, while_open, false, Announced),
            Input::Veto => (open, while_open, true, Held),
            Input::Release => (open, while_open, true, Provisional),
            Input::Commit => (open, while_open, false, Committed),
            Input::Abandon => (open, while_open, true, Committed),
            Input::Recommit => (unfinished, ALWAYS, true, Committed),
            Input::GiveUp => (open, ATTEST_BY..i64::MAX, true, Committed),
            Input::Attest(Outcome::Enum(text)) if text == VOID => {
                (&[Committed], ALWAYS, true, Voided)
            }
            Input::Attest(_) => (&[Committed], ALWAYS, true, Attested),
            Input::Refund => (&[Committed], ALWAYS, true, Refund),
        };
        (from.contains(&state) && when.contains(&now) && (under_veto || !is_vetoed)).then_some(to)
    }

    #[test]
    fn every_pair_of_state_and_input_goes_where_the_table_says() {
        let (outcome, void) = (Outcome::Enum("x".into()), Outcome::Enum(VOID.into()));
        for state in State::ALL {
            for is_vetoed in [false, true] {
                for input in inputs(&outcome, &void) {
                    for now in TIMES {
                        let taken = step(&standing(state, is_vetoed), input, at(now));
                        let case = format!("{state:?}, vetoed {is_vetoed}, {input:?}, at {now}");
                        assert_eq!(
                            taken.ok().map(|s| s.to()),
                            may(state, is_vetoed, input, now),
                            "{case}"
                        );
                        if let Ok(step) = taken {
                            assert_eq!(step.from(), state, "{case}");
                            assert_eq!(step.was_vetoed(), is_vetoed, "{case}");
                            let expected = match input {
                                Input::Veto => true,
                                Input::Release => false,
                                _ => is_vetoed,
                            };
                            assert_eq!(step.is_vetoed(), expected, "{case}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_leaves_a_final_state() {
        let (outcome, void) = (Outcome::Enum("x".into()), Outcome::Enum(VOID.into()));
        for state in State::ALL.into_iter().filter(|s| s.is_final()) {
            for input in inputs(&outcome, &void) {
                for now in TIMES {
                    assert_eq!(take(state, input, now), Err(Illegal::State(state)));
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_done_says_why() {
        let maturity = Maturity::from_epoch(1_000);
        for (state, input, now, why) in [
            (
                State::Scheduled,
                Input::Announce,
                1_000,
                Illegal::Matured(maturity),
            ),
            (
                State::Announced,
                Input::Commit,
                999,
                Illegal::NotMatured(maturity),
            ),
            (
                State::Held,
                Input::Release,
                2_000,
                Illegal::TooLate(at(ATTEST_BY)),
            ),
            (
                State::Held,
                Input::GiveUp,
                1_999,
                Illegal::TooEarly(at(ATTEST_BY)),
            ),
            (
                State::Announced,
                Input::Announce,
                0,
                Illegal::State(State::Announced),
            ),
            (
                State::Committed,
                Input::Commit,
                1_500,
                Illegal::State(State::Committed),
            ),
        ] {
            assert_eq!(take(state, input, now), Err(why), "{state:?} {input:?}");
        }
        let now = at(1_500);
        let vetoed = standing(State::Held, true);
        assert_eq!(step(&vetoed, Input::Agree, now), Err(Illegal::Vetoed));
    }

    #[test]
    fn at_every_instant_exactly_one_of_commit_and_give_up_is_possible_after_maturity() {
        for now in [1_000, 1_500, 1_999, 2_000, 2_001] {
            let commit = take(State::Announced, Input::Commit, now).is_ok();
            let give_up = take(State::Announced, Input::GiveUp, now).is_ok();
            assert_ne!(commit, give_up, "at {now}");
        }
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
