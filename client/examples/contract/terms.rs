//! What the parties agree on: stakes, and who gets what at which outcome.

use oracle_client::points::Selection;
use oracle_client::{Announcement, Descriptor};

use super::Result;
use super::transaction::COIN;

/// What differs from one contract to another.
pub(crate) struct Terms {
    /// For the reader.
    pub(crate) title: &'static str,
    /// The oracle's word for such events.
    pub(crate) kind: &'static str,
    /// What each puts in.
    pub(crate) stakes: Stakes,
    /// Who gets what; an error if the event does not suit the contract.
    pub(crate) payouts: fn(&Announcement, Stakes) -> Result<Vec<Payout>>,
}

/// What each party puts in, units.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stakes {
    pub(crate) alice: u64,
    pub(crate) bob: u64,
}

impl Stakes {
    /// In whole peercoins.
    pub(crate) const fn coins(alice: u64, bob: u64) -> Self {
        Self {
            alice: alice * COIN,
            bob: bob * COIN,
        }
    }

    /// All that is paid out.
    pub(crate) fn total(self) -> u64 {
        self.alice + self.bob
    }
}

/// Alice's share when something comes true; the rest is Bob's.
#[derive(Debug, Clone)]
pub(crate) struct Payout {
    /// The outcome, or the range of numbers.
    pub(crate) when: Selection,
    /// Units.
    pub(crate) alice: u64,
}

/// A payout for each outcome of an enum event. An outcome that the contract has
/// no word for makes the event unsuitable: coins would be stuck until the refund.
pub(crate) fn by_outcome(
    announcement: &Announcement,
    share: impl Fn(&str) -> Option<u64>,
) -> Result<Vec<Payout>> {
    let Descriptor::Enum(outcomes) = &announcement.event.descriptor else {
        return Err("the contract is about named outcomes, the event about a number".into());
    };
    outcomes
        .outcomes()
        .iter()
        .map(|outcome| {
            let alice = share(outcome)
                .ok_or_else(|| format!("the contract says nothing about {outcome:?}"))?;
            Ok(Payout {
                when: Selection::Outcome(outcome.clone()),
                alice,
            })
        })
        .collect()
}

/// A straight line: Alice gets nothing up to `floor`, all from `cap` on, and in
/// between her share grows in `steps` equal steps, rounded down to the step.
///
/// Rounding is what keeps the transactions few: all numbers of a step are paid
/// alike and share the prefixes that cover them.
pub(crate) fn linear(
    announcement: &Announcement,
    floor: i128,
    cap: i128,
    steps: u64,
    total: u64,
) -> Result<Vec<Payout>> {
    let Descriptor::Digits(digits) = &announcement.event.descriptor else {
        return Err("the contract is about a number, the event about named outcomes".into());
    };
    let highest = digits
        .max()
        .and_then(|max| i128::try_from(max).ok())
        .filter(|max| !digits.is_signed() && cap < *max && floor < cap && floor >= 0)
        .ok_or("the event's digits do not hold the contract's prices")?;
    let width = cap - floor;
    let last = i128::from(steps);
    // The first number of a step: from it on the line is at the step or above.
    let first = |step: i128| floor + (width * step + last - 1) / last;
    (0..=steps)
        .map(|step| {
            let at = i128::from(step);
            let start = if at == 0 { 0 } else { first(at) };
            let end = if at == last {
                highest
            } else {
                first(at + 1) - 1
            };
            let alice = u128::from(total) * u128::from(step) / u128::from(steps);
            Ok(Payout {
                when: Selection::Range(start..=end),
                alice: u64::try_from(alice)?,
            })
        })
        .collect()
}
