//! What the parties agree on: stakes, and who gets what at which outcome.

use std::num::NonZeroU64;

use oracle_client::payout::{linear, payout_groups};
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

/// A payout curve over an event's number: straight lines through `corners`
/// (number, Alice's units), flat before the first and after the last, rounded to
/// multiples of `step`.
///
/// Rounding is what keeps the transactions few: all numbers that are paid alike
/// share the prefixes that cover them. The client library refuses a curve that
/// leaves a number without a payout, or gives it two.
pub(crate) fn along(
    announcement: &Announcement,
    corners: &[(i128, u64)],
    step: u64,
) -> Result<Vec<Payout>> {
    let Descriptor::Digits(digits) = &announcement.event.descriptor else {
        return Err("the contract is about a number, the event about named outcomes".into());
    };
    let step = NonZeroU64::new(step).ok_or("payouts cannot be rounded to multiples of zero")?;
    let pieces = linear(digits, corners, step)?;
    let groups = payout_groups(digits, &pieces)?;
    Ok(groups
        .into_iter()
        .map(|group| Payout {
            when: Selection::Range(group.numbers),
            alice: group.payout,
        })
        .collect())
}
