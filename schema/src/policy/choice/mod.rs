//! How much of what is signed one outside party can choose.
//!
//! Nonces are announced before their messages. Whoever can *choose* the messages
//! of about 256 bits' worth of open nonces of one BIP340 key can combine their
//! signatures into one on a message that the key never signed (the ROS attack;
//! with L < 256 bits of choice it takes about 2^(256 − L) tries).
//!
//! What counts is how many different messages a party can bring about, while
//! everybody else says what is so:
//!
//! - **One word decides** (`min_sources` = 1, `agree` = 1, a panel with `k` = 1):
//!   all outcomes.
//! - **A price of several roots**: a root whose price is farther than
//!   `max_deviation` from the median has no vote, so as long as the others agree
//!   within `max_deviation`, one root moves the fixing from 1/(1 + d) to 1/(1 − d)
//!   of it at most (two roots, whose mean decides; more of them leave less). How
//!   high the price will be nobody knows: it is taken to be as high as the digits
//!   can say, where that window holds the most numbers. A threshold counts whole:
//!   the price may be close to it. A root in several legs moves each of them.
//! - **A fact that several roots must agree on**: nothing. Whoever contradicts the
//!   others brings about a refund, not another message.
//!
//! Not signing is no choice that counts: a forged signature needs the scalar of
//! every nonce in it, and which nonces those are is settled before the forger can
//! compute what to choose. Sources are counted by root, since those of one root
//! are one party.
//!
//! Source: Benhamouda, Lepoint, Loss, Orrù, Raykova, "On the (in)security of
//! ROS" (2020).

mod bits;

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

pub use bits::{Bits, choice_bits};

use super::{DigitsPolicy, LegPolicy, PricePolicy, Rule};

/// Where a signature can be forged without any further work: the length of the
/// curve's order.
pub const FORGEABLE_BITS: u64 = 256;

/// Among how many outcomes of one question single parties can choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// One operator, whichever; 0 where none can.
    pub operator: u128,
    /// By root, those that can choose at all.
    pub sources: BTreeMap<String, u128>,
}

/// How much single parties can choose of all that is open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenChoice {
    /// Operators: of all questions that any of them decides alone.
    pub operators: Bits,
    /// Each root alone.
    pub sources: BTreeMap<String, Bits>,
}

impl OpenChoice {
    /// Adds so many questions of one kind.
    pub fn add(&mut self, choice: &Choice, questions: u64) {
        self.operators += Bits::of(choice.operator).times(questions);
        for (root, outcomes) in &choice.sources {
            let bits = Bits::of(*outcomes).times(questions);
            match self.sources.get_mut(root) {
                Some(sum) => *sum += bits,
                None => {
                    self.sources.insert(root.clone(), bits);
                }
            }
        }
    }

    /// Roots that could forge a signature.
    pub fn forgers(&self) -> impl Iterator<Item = &str> {
        let past = |bits: &Bits| bits.whole() >= FORGEABLE_BITS;
        let sources = self.sources.iter();
        sources.filter(move |(_, b)| past(b)).map(|(r, _)| &**r)
    }
}

/// How a value is cut into outcomes: events that cut it alike say the same of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Cut {
    Rounded { decimals: u32 },
    Compared { with: Decimal },
    Named,
}

impl Rule {
    /// Whether one party outside the service can decide the outcome of a question
    /// about facts alone: one operator, or one provider whose word is enough.
    /// Prices have a figure of their own ([`Rule::choice`]).
    pub fn has_sole_decider(&self) -> bool {
        let (operator, source) = self.decides_alone();
        operator || source
    }

    /// Whether one operator decides alone, and whether one source of facts does.
    fn decides_alone(&self) -> (bool, bool) {
        let (agree, sources) = match self {
            Self::Digits { .. } | Self::Threshold { .. } => return (false, false),
            Self::Operators(policy) => return (policy.panel.k.get() == 1, false),
            Self::Match(policy) => (policy.agree, &policy.sources),
            Self::Election(policy) => (policy.agree, &policy.sources),
            Self::Fact(policy) => (policy.agree, &policy.sources),
        };
        let panel_of_one = self.panel().is_some_and(|panel| panel.k.get() == 1);
        let enough = agree.get() == 1;
        (enough && panel_of_one, enough && !sources.is_empty())
    }

    /// What single parties can choose of one event under this rule.
    pub fn choice(&self) -> Choice {
        Choice::shared([self])
    }

    /// How many outcomes an event under this rule has; where a number has more
    /// than 128 bits, as many as that.
    fn outcome_count(&self) -> u128 {
        let count = |base: u16, digits: u16| {
            u128::from(base)
                .checked_pow(digits.into())
                .unwrap_or(u128::MAX)
        };
        match self {
            Self::Digits { base, digits, .. } => count(*base, *digits),
            Self::Threshold { .. } => 2,
            _ => match self.fact_digits() {
                Some(DigitsPolicy {
                    base,
                    digits,
                    signed,
                    ..
                }) => count(*base, *digits).saturating_mul(1 + u128::from(*signed)),
                None => {
                    u128::try_from(self.outcomes().map_or(0, <[String]>::len)).unwrap_or(u128::MAX)
                }
            },
        }
    }

    fn cut(&self) -> Cut {
        match self {
            Self::Digits { decimals, .. } => Cut::Rounded {
                decimals: *decimals,
            },
            Self::Threshold { above, .. } => Cut::Compared { with: *above },
            _ => Cut::Named,
        }
    }

    /// Who can choose the outcome alone, and among how many.
    fn choosers(&self) -> (u128, BTreeMap<&str, u128>) {
        let all = self.outcome_count();
        if let Some(price) = self.price() {
            let roots = price.roots().into_iter();
            let chosen = roots.map(|root| match price.window(root) {
                Some(window) if matches!(self, Self::Digits { .. }) => (root, window.numbers(all)),
                _ => (root, all),
            });
            return (0, chosen.filter(|(_, outcomes)| *outcomes > 1).collect());
        }
        let (operator, source) = self.decides_alone();
        let sources = self.fact_sources().iter().filter(|_| source);
        (
            if operator { all } else { 0 },
            sources.map(|s| (s.root.as_str(), all)).collect(),
        )
    }
}

impl Choice {
    /// What single parties can choose of events that one value decides: those of
    /// one price and one maturity.
    ///
    /// Events that round it alike are one, the one with the most numbers. All
    /// others cut the value at other places, so that their outcomes together are
    /// as many as the pieces: with n and m outcomes n + m − 1.
    pub fn shared<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Self {
        let mut operator: BTreeMap<Cut, u128> = BTreeMap::new();
        let mut sources: BTreeMap<&str, BTreeMap<Cut, u128>> = BTreeMap::new();
        let note = |cuts: &mut BTreeMap<Cut, u128>, cut: Cut, outcomes: u128| {
            let held = cuts.entry(cut).or_insert(outcomes);
            *held = outcomes.max(*held);
        };
        for rule in rules {
            let (alone, roots) = rule.choosers();
            note(&mut operator, rule.cut(), alone);
            for (root, outcomes) in roots {
                note(sources.entry(root).or_default(), rule.cut(), outcomes);
            }
        }
        let pieces = |cuts: &BTreeMap<Cut, u128>| {
            let more = cuts.values().map(|outcomes| outcomes.saturating_sub(1));
            more.fold(0, u128::saturating_add).saturating_add(1)
        };
        let operator = pieces(&operator);
        Self {
            operator: if operator > 1 { operator } else { 0 },
            sources: sources
                .iter()
                .map(|(root, cuts)| ((*root).to_owned(), pieces(cuts)))
                .collect(),
        }
    }
}

impl LegPolicy {
    /// Whose prices it is made of.
    pub fn roots(&self) -> BTreeSet<&str> {
        self.sources.iter().map(|s| s.root.as_str()).collect()
    }

    /// Whether nothing is fixed without this root, so that it can keep an event
    /// open until it is refunded.
    fn waits_for(&self, root: &str) -> bool {
        let roots = self.roots();
        roots.contains(root) && roots.len() - 1 < as_usize(self.min_sources.get())
    }
}

impl PricePolicy {
    /// Whose prices it is made of.
    pub fn roots(&self) -> BTreeSet<&str> {
        self.legs.iter().flat_map(LegPolicy::roots).collect()
    }

    /// Whether nothing is fixed without this root, so that it can keep an event
    /// open until it is refunded.
    pub fn waits_for(&self, root: &str) -> bool {
        self.legs.iter().any(|leg| leg.waits_for(root))
    }

    /// How far one root can move the price; `None`: anywhere.
    fn window(&self, root: &str) -> Option<Window> {
        let mut window = Window::NONE;
        for leg in self.legs.iter().filter(|leg| leg.roots().contains(root)) {
            if leg.min_sources.get() == 1 {
                return None;
            }
            window = window.and(leg.max_deviation);
        }
        Some(window)
    }
}

/// An interval of prices, by the ratio of its lower to its upper end.
#[derive(Debug, Clone, Copy)]
struct Window {
    /// Rounded down, in units of 1 / [`Window::SCALE`].
    ratio: u128,
}

impl Window {
    const SCALE: u128 = 1_000_000_000_000_000_000;
    const NONE: Self = Self { ratio: Self::SCALE };

    /// The same interval, moved by one more leg: (1 − d) / (1 + d).
    fn and(self, deviation: Decimal) -> Self {
        const PARTS: u128 = 1_000_000_000;
        let fraction = deviation.clamp(Decimal::ZERO, Decimal::ONE);
        let parts = fraction.checked_mul(Decimal::from(1_000_000_000_u64));
        let parts = parts.and_then(|p| p.ceil().to_u128());
        let parts = parts.unwrap_or(PARTS).min(PARTS);
        Self {
            ratio: self.ratio * (PARTS - parts) / (PARTS + parts),
        }
    }

    /// How many of the numbers 0 … `count` − 1 lie in it at most, rounded to
    /// whole ones: where its upper end is the largest of them.
    fn numbers(self, count: u128) -> u128 {
        let largest = count.saturating_sub(1);
        let part = Self::SCALE - self.ratio;
        let (whole, rest) = (largest / Self::SCALE, largest % Self::SCALE);
        let width = whole * part + (rest * part).div_ceil(Self::SCALE);
        width
            .saturating_add(u128::from(width > 0))
            .max(1)
            .min(count)
    }
}

fn as_usize(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
