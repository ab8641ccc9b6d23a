//! Who could choose an outcome alone, and how much choice that is.
//!
//! Nonces are announced before their messages. Whoever can *choose* the messages
//! of about 256 bits' worth of open nonces of one BIP340 key can combine their
//! signatures into one on a message that the key never signed (the ROS attack;
//! with L < 256 bits of choice the work grows as about 2^(256 − L)). The choice
//! that one outside party holds over open events is therefore budgeted.
//!
//! Source: Benhamouda, Lepoint, Loss, Orrù, Raykova, "On the (in)security of
//! ROS" (2020).

use super::Rule;

impl Rule {
    /// Whether one party outside the service can decide the outcome alone: one
    /// operator, or one provider of facts whose word is enough.
    ///
    /// Prices never count: a venue cannot make its own last trade any number
    /// it likes without others' trading, and what one may move is one event's
    /// price, the same for all events that share it.
    pub fn has_sole_decider(&self) -> bool {
        let (agree, sources) = match self {
            Self::Digits { .. } | Self::Threshold { .. } => return false,
            Self::Operators(policy) => return policy.panel.k.get() == 1,
            Self::Match(policy) => (policy.agree, &policy.sources),
            Self::Election(policy) => (policy.agree, &policy.sources),
            Self::Fact(policy) => (policy.agree, &policy.sources),
        };
        let panel_of_one = self.panel().is_some_and(|panel| panel.k.get() == 1);
        agree.get() == 1 && (!sources.is_empty() || panel_of_one)
    }
}

/// Up to here the sum is exact; far beyond any budget that makes sense.
const EXACT_BITS: u64 = 1 << 16;

/// The choice in a set of events, in bits: Σ log2(outcomes), rounded up once,
/// at the end: ⌈log2(Π outcomes)⌉.
///
/// `outcomes`: how many each event has; events with none or one add nothing.
/// Exact up to 65,536 bits; beyond, every further event is rounded up for
/// itself, so that the figure is never too small. Saturates.
pub fn choice_bits(outcomes: impl IntoIterator<Item = u32>) -> u32 {
    let mut product = Product::ONE;
    let mut beyond: u64 = 0;
    for count in outcomes.into_iter().filter(|count| *count > 1) {
        if product.ceil_log2() >= EXACT_BITS {
            beyond = beyond.saturating_add(u64::from(32 - (count - 1).leading_zeros()));
        } else {
            product.multiply(count);
        }
    }
    u32::try_from(product.ceil_log2().saturating_add(beyond)).unwrap_or(u32::MAX)
}

/// `odd · 2^shift`: most events have two outcomes, and shifting is free.
struct Product {
    /// Little endian, no zero at the end; never empty.
    odd: Vec<u32>,
    shift: u64,
}

impl Product {
    const ONE: Self = Self {
        odd: Vec::new(),
        shift: 0,
    };

    /// `factor` is not zero.
    fn multiply(&mut self, factor: u32) {
        let twos = factor.trailing_zeros();
        self.shift += u64::from(twos);
        let factor = u64::from(factor >> twos);
        if factor == 1 {
            return;
        }
        if self.odd.is_empty() {
            self.odd.push(1);
        }
        let mut carry = 0_u64;
        for limb in &mut self.odd {
            let wide = u64::from(*limb) * factor + carry;
            let [low, high] = halves(wide);
            *limb = low;
            carry = u64::from(high);
        }
        if carry > 0 {
            self.odd.push(halves(carry)[0]);
        }
    }

    fn ceil_log2(&self) -> u64 {
        let Some((top, lower)) = self.odd.split_last() else {
            return self.shift;
        };
        let bits = lower.len() as u64 * 32 + u64::from(32 - top.leading_zeros());
        // An odd number above one is no power of two: its length rounds up.
        self.shift + bits
    }
}

/// Low and high 32 bits.
fn halves(wide: u64) -> [u32; 2] {
    // Both fit by construction.
    [wide & u64::from(u32::MAX), wide >> 32].map(|half| u32::try_from(half).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::choice_bits;

    #[test]
    fn choice_is_rounded_up_once_and_not_event_by_event() {
        // 3^12 = 531,441 lies between 2^19 and 2^20; rounded one by one it were 24.
        assert_eq!(choice_bits([3; 12]), 20);
        assert_eq!(choice_bits([3]), 2);
        assert_eq!(choice_bits([5, 7]), 6);
    }

    #[test]
    fn powers_of_two_are_not_rounded_up() {
        assert_eq!(choice_bits([2; 64]), 64);
        assert_eq!(choice_bits([4, 2, 8]), 6);
        assert_eq!(choice_bits([2; 256]), 256);
    }

    #[test]
    fn an_event_without_a_choice_adds_nothing() {
        assert_eq!(choice_bits([]), 0);
        assert_eq!(choice_bits([0, 1, 1]), 0);
        assert_eq!(choice_bits([1, 3, 1]), 2);
    }

    #[test]
    fn long_products_carry() {
        // log2(65,535) · 100 = 1599.998: still rounded up once.
        assert_eq!(choice_bits([65_535; 100]), 1600);
        // log2(u32::MAX) is just below 32.
        assert_eq!(choice_bits([u32::MAX; 40]), 1280);
        // log2(3) · 1000 = 1584.96.
        assert_eq!(choice_bits([3; 1000]), 1585);
        // 3^41 has 65 bits, the first that needs a third limb.
        assert_eq!(choice_bits([3; 40]), 64);
        assert_eq!(choice_bits([3; 41]), 65);
    }

    #[test]
    fn far_beyond_any_budget_the_figure_is_never_too_small() {
        let exact = choice_bits(std::iter::repeat_n(2, 65_536));
        assert_eq!(exact, 65_536);
        let events = std::iter::repeat_n(2, 65_536).chain([3, 5, 4]);
        assert_eq!(choice_bits(events), 65_536 + 2 + 3 + 2);
    }
}
