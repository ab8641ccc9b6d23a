//! What one party can choose of what is signed.

use std::collections::BTreeMap;

use oracle_schema::policy::{
    Bits, Choice, FORGEABLE_BITS, LegPolicy, Method, OpenChoice, PricePolicy, Rule, SourcePolicy,
};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

fn leg(roots: &[&str], min_sources: u32, deviation: Decimal) -> LegPolicy {
    let source = |root: &&str| SourcePolicy {
        id: format!("{root}:X"),
        provider: (*root).to_owned(),
        symbol: "X".to_owned(),
        root: (*root).to_owned(),
        selector: None,
    };
    LegPolicy {
        name: "leg".to_owned(),
        method: Method::Close1mMedian,
        sources: roots.iter().map(source).collect(),
        min_sources: min_sources.try_into().unwrap(),
        max_deviation: deviation,
        max_trade_age_s: 900,
        settle_delay_s: 60,
        max_lag_s: None,
        sample: None,
    }
}

fn digits_of(legs: Vec<LegPolicy>, decimals: u32, base: u16, digits: u16) -> Rule {
    Rule::Digits {
        price: PricePolicy {
            name: "price".to_owned(),
            legs,
        },
        decimals,
        base,
        digits,
        unit: "u".to_owned(),
    }
}

fn above(legs: Vec<LegPolicy>, level: u32) -> Rule {
    Rule::Threshold {
        price: PricePolicy {
            name: "price".to_owned(),
            legs,
        },
        above: level.into(),
    }
}

fn percent(tenths: u32) -> Decimal {
    Decimal::new(tenths.into(), 3)
}

const VENUES: [&str; 4] = ["kraken", "coinbase", "bitstamp", "gemini"];

fn venues() -> Vec<LegPolicy> {
    vec![leg(&VENUES, 3, percent(5))]
}

fn of(rule: &Rule, root: &str) -> u128 {
    rule.choice().sources.get(root).copied().unwrap_or(1)
}

#[test]
fn one_venue_of_several_moves_the_price_within_max_deviation() {
    // 2 · 0.5 % / 1.005 of 2^20 − 1, and the one that rounding adds.
    assert_eq!(of(&digits_of(venues(), 0, 2, 20), "kraken"), 10_435);
    assert_eq!(Bits::of(10_435).to_string(), "13.4");
    // The same range in cents.
    let cents = of(&digits_of(venues(), 2, 2, 30), "kraken");
    assert_eq!(Bits::of(cents).to_string(), "23.4");
    assert_eq!(digits_of(venues(), 2, 2, 30).choice().operator, 0);
}

#[test]
fn where_one_source_is_enough_it_chooses_everything() {
    let rule = digits_of(vec![leg(&VENUES, 1, percent(5))], 2, 2, 30);
    assert_eq!(of(&rule, "gemini"), 1 << 30);
    // Also as one leg of two.
    let legs = vec![leg(&["a", "b"], 2, percent(50)), leg(&["c"], 1, percent(5))];
    let rule = digits_of(legs, 2, 10, 6);
    assert_eq!(of(&rule, "c"), 1_000_000);
    assert!(of(&rule, "a") < 100_000);
}

#[test]
fn a_root_in_two_legs_moves_both_and_sources_of_one_root_are_one_party() {
    let legs = vec![
        leg(&["a", "b", "c"], 2, percent(10)),
        leg(&["a", "x", "y"], 2, percent(10)),
    ];
    let rule = digits_of(legs, 0, 10, 6);
    let [one, both] = [of(&rule, "b"), of(&rule, "a")];
    assert!(both > one + one * 9 / 10 && both < 2 * one, "{one} {both}");
    let mut twice = leg(&["a", "b"], 2, percent(10));
    twice.sources.push(SourcePolicy {
        id: "generic:a2".to_owned(),
        ..twice.sources[0].clone()
    });
    let rule = digits_of(vec![twice], 0, 10, 6);
    assert_eq!(rule.choice().sources.len(), 2);
    assert!(rule.price().unwrap().waits_for("a"));
    assert!(
        !digits_of(venues(), 0, 2, 20)
            .price()
            .unwrap()
            .waits_for("gemini")
    );
}

#[test]
fn a_threshold_is_one_bit() {
    let choice = above(venues(), 65_000).choice();
    assert!(choice.sources.values().eq(&[2; 4]));
}

#[test]
fn venues_that_must_agree_exactly_choose_nothing() {
    let rule = digits_of(vec![leg(&VENUES, 3, Decimal::ZERO)], 2, 2, 30);
    assert_eq!(rule.choice(), Choice::default());
}

#[test]
fn numbers_beyond_128_bits_count_as_many() {
    let rule = digits_of(vec![leg(&["a"], 1, percent(5))], 0, 65_535, 65_535);
    assert_eq!(Bits::of(of(&rule, "a")).whole(), 128);
    let odd = digits_of(vec![leg(&VENUES, 2, Decimal::MAX)], 0, 65_535, 65_535);
    assert_eq!(Bits::of(of(&odd, "kraken")).whole(), 128);
    let negative = digits_of(vec![leg(&VENUES, 2, Decimal::MIN)], 0, 2, 20);
    assert_eq!(negative.choice(), Choice::default());
}

fn fact(agree: u32, k: Option<u32>, outcomes: &[&str]) -> Rule {
    let source =
        |root: &str| json!({"id": root, "provider": "generic", "root": root, "parameters": {}});
    let mut rule = json!({
        "kind": "fact", "outcomes": outcomes, "tests": {}, "compare": "text", "agree": agree,
        "stable_reads": 1, "read_every_s": 30, "settle_delay_s": 0,
        "sources": [source("a"), source("b")],
    });
    if let Some(k) = k {
        rule["panel"] = panel(k);
    }
    serde_json::from_value(rule).unwrap()
}

fn panel(k: u32) -> Value {
    let member = |name: &str| json!({"name": name, "public_key": "00"});
    json!({"members": [member("alice"), member("bob")], "k": k})
}

fn operators(k: u32) -> Rule {
    serde_json::from_value(json!({
        "kind": "operators", "outcomes": ["yes", "no", "void"], "panel": panel(k),
        "settle_delay_s": 0,
    }))
    .unwrap()
}

#[test]
fn facts_are_the_choice_of_whoever_decides_them_alone_and_of_nobody_else() {
    let alone = Choice {
        operator: 0,
        sources: BTreeMap::from([("a".to_owned(), 3), ("b".to_owned(), 3)]),
    };
    let outcomes = ["x", "y", "z"];
    assert_eq!(fact(1, None, &outcomes).choice(), alone);
    // Two operators together are no single party, one is.
    assert_eq!(fact(1, Some(2), &outcomes).choice(), alone);
    assert_eq!(fact(1, Some(1), &outcomes).choice().operator, 3);
    assert_eq!(fact(2, Some(1), &outcomes).choice(), Choice::default());
    assert_eq!(operators(1).choice().operator, 3);
    assert_eq!(operators(2).choice(), Choice::default());
    let mut number = fact(1, None, &[]);
    if let Rule::Fact(policy) = &mut number {
        let cut = json!({"base": 2, "digits": 6, "decimals": 0, "unit": "u", "signed": true});
        policy.digits = Some(serde_json::from_value(cut).unwrap());
    }
    assert_eq!(of(&number, "b"), 128);
}

#[test]
fn events_that_one_value_decides_are_one_choice() {
    let cents = digits_of(venues(), 2, 2, 30);
    let decimal = digits_of(venues(), 2, 10, 9);
    let alone = of(&cents, "kraken");
    // The same number in other digits says nothing new …
    let both = Choice::shared([&cents, &decimal]);
    assert_eq!(both.sources["kraken"], alone.max(of(&decimal, "kraken")));
    // … and three levels cut it into four pieces, or in three more places.
    let levels: Vec<Rule> = (1..=3).map(|level| above(venues(), level)).collect();
    assert_eq!(Choice::shared(&levels).sources["kraken"], 4);
    let all = levels.iter().chain([&cents, &cents]);
    assert_eq!(Choice::shared(all).sources["kraken"], alone + 3);
}

#[test]
fn what_is_open_adds_up_by_party() {
    let mut open = OpenChoice::default();
    open.add(&digits_of(venues(), 0, 2, 20).choice(), 19);
    open.add(&operators(1).choice(), 64);
    assert_eq!(open.operators.whole(), 102);
    assert_eq!(open.sources["kraken"].whole(), 254);
    assert_eq!(open.forgers().count(), 0);
    open.add(&fact(1, None, &["x", "y", "z", "void"]).choice(), 1);
    open.add(
        &above(vec![leg(&["kraken", "a"], 2, percent(5))], 1).choice(),
        2,
    );
    assert_eq!(open.sources["a"].whole(), 4);
    assert_eq!(open.sources["kraken"].whole(), FORGEABLE_BITS);
    assert!(open.forgers().eq(["kraken"]));
}

const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

proptest! {
    /// A root's choice never grows by another root, a narrower deviation, a
    /// coarser unit with as many digits fewer, or fewer digits; and it is never
    /// more than the digits can say.
    #[test]
    fn choice_is_monotone(
        roots in 1_usize..7,
        min in 1_usize..7,
        tenths in 0_u32..1001,
        decimals in 1_u32..9,
        digits in 2_u16..19,
    ) {
        let min = u32::try_from(min.min(roots)).unwrap();
        let rule = |roots: usize, min, tenths, decimals, digits| {
            let leg = leg(&NAMES[..roots], min, percent(tenths));
            of(&digits_of(vec![leg], decimals, 10, digits), "a")
        };
        let choice = rule(roots, min, tenths, decimals, digits);
        prop_assert!(choice <= 10_u128.pow(digits.into()));
        prop_assert!(rule(roots + 1, min, tenths, decimals, digits) <= choice);
        prop_assert!(rule(roots + 1, min + 1, tenths, decimals, digits) <= choice);
        prop_assert!(rule(roots, min, tenths.saturating_sub(1), decimals, digits) <= choice);
        prop_assert!(rule(roots, min, tenths, decimals - 1, digits - 1) <= choice);
        prop_assert!(rule(roots, min, tenths, decimals, digits - 1) <= choice);
    }

    /// What several events say together is at least what one of them says, and at
    /// most what they would say of values that have nothing to do with each other.
    #[test]
    fn a_shared_choice_is_between_the_finest_and_the_product(
        parts in prop::collection::vec((0_u32..4, 1_u16..12, any::<bool>()), 1..6),
    ) {
        let rules: Vec<Rule> = parts
            .iter()
            .map(|&(decimals, digits, is_level)| {
                if is_level {
                    above(venues(), decimals)
                } else {
                    digits_of(venues(), decimals, 10, digits)
                }
            })
            .collect();
        let each = rules.iter().map(|rule| of(rule, "kraken"));
        let finest = each.clone().max().unwrap();
        let product = each.fold(1_u128, u128::saturating_mul);
        let together = Choice::shared(&rules).sources.get("kraken").copied().unwrap_or(1);
        prop_assert!((finest..=product).contains(&together));
        prop_assert_eq!(Choice::shared(&rules), Choice::shared(rules.iter().rev()));
    }
}
