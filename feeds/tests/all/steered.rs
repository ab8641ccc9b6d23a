//! How far one root moves what is attested: never farther than the policy says.

use std::collections::BTreeSet;

use oracle_feeds::rule::{Fixing, cross, decide_leg, descriptor, outcome};
use oracle_schema::policy::{PricePolicy, Rule};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::common::{T, leg, reading, time};

const NAMES: [&str; 6] = ["liar", "b", "c", "d", "e", "f"];

/// What comes out, whatever the first root says, in steps of a quarter around the
/// prices of the others.
fn outcomes(rule: &Rule, others: &[Decimal]) -> BTreeSet<String> {
    let Some(leg) = rule.price().map(|price| &price.legs[0]) else {
        unreachable!("a price");
    };
    let descriptor = descriptor(rule).unwrap();
    let lowest = others.iter().min().unwrap();
    let steps = (*lowest / Decimal::from(10)).round();
    let from = lowest - steps / Decimal::TWO;
    let mut all = BTreeSet::new();
    let mut readings: Vec<_> = NAMES[1..]
        .iter()
        .zip(others)
        .map(|(name, price)| reading(name, &price.to_string()))
        .collect();
    let mut lie = from;
    while lie < from + steps {
        readings.push(reading(NAMES[0], &lie.to_string()));
        if let Fixing::Attest { price, .. } = decide_leg(leg, T, time(T + 61), &readings) {
            let price = cross(&[price]).unwrap();
            all.insert(outcome(rule, &price, &descriptor).unwrap().to_string());
        }
        readings.pop();
        lie += Decimal::new(25, 2);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn one_root_chooses_among_no_more_outcomes_than_its_policy_says(
        highest in 2_000_i64..11_000,
        below in prop::collection::vec(0_i64..50, 0..5),
        min in 2_u32..5,
    ) {
        // The others agree within max_deviation, 0.5 %.
        let others: Vec<Decimal> = [0]
            .iter()
            .chain(&below)
            .map(|permyriad| Decimal::new(highest * (10_000 - permyriad), 4))
            .collect();
        let count = others.len() + 1;
        let min = min.min(u32::try_from(count).unwrap());
        let rule = Rule::Digits {
            price: PricePolicy { name: "p".to_owned(), legs: vec![leg(min, &NAMES[..count])] },
            decimals: 0,
            base: 10,
            digits: 4,
            unit: "u".to_owned(),
        };
        let most = rule.choice().sources["liar"];
        prop_assert_eq!(most, 101);
        let chosen = outcomes(&rule, &others).len();
        prop_assert!(u128::try_from(chosen).unwrap() <= most, "{} of {}", chosen, most);
    }
}

#[test]
fn of_two_venues_either_reaches_nearly_all_that_its_policy_says() {
    let rule = Rule::Digits {
        price: PricePolicy {
            name: "p".to_owned(),
            legs: vec![leg(2, &NAMES[..2])],
        },
        decimals: 0,
        base: 10,
        digits: 4,
        unit: "u".to_owned(),
    };
    let chosen = outcomes(&rule, &[Decimal::from(9_900)]).len();
    assert!((98..=101).contains(&chosen), "{chosen}");
}
