//! Payout curves cut into ranges and prefixes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::num::NonZeroU64;
use std::ops::RangeInclusive;

use oracle_client::DigitsDescriptor;
use oracle_client::payout::{PayoutError, PayoutGroup, domain, linear, payout_groups};
use proptest::prelude::*;

fn cut(base: u16, is_signed: bool, nb_digits: u16) -> DigitsDescriptor {
    DigitsDescriptor::new(base, is_signed, String::new(), 0, nb_digits).unwrap()
}

fn step(step: u64) -> NonZeroU64 {
    NonZeroU64::new(step).unwrap()
}

/// Bases and lengths whose whole domain can be walked.
fn descriptors() -> impl Strategy<Value = DigitsDescriptor> {
    (2_u16..=11, any::<bool>(), 1_u16..=8)
        .prop_filter("small enough to walk", |(base, _, nb_digits)| {
            u32::from(*base).pow(u32::from(*nb_digits)) <= 3_000
        })
        .prop_map(|(base, is_signed, nb_digits)| cut(base, is_signed, nb_digits))
}

/// Cuts the domain at the given places, in any order, with a payout for each.
fn pieces(
    domain: &RangeInclusive<i128>,
    cuts: &[i128],
    payouts: &[u64],
) -> Vec<(RangeInclusive<i128>, u64)> {
    let width = domain.end() - domain.start() + 1;
    let mut starts: Vec<_> = cuts
        .iter()
        .map(|at| domain.start() + at.rem_euclid(width))
        .chain([*domain.start()])
        .collect();
    starts.sort_unstable();
    starts.dedup();
    let ends = starts.iter().skip(1).map(|start| start - 1);
    let ends: Vec<_> = ends.chain([*domain.end()]).collect();
    let payouts = payouts.iter().cycle().copied();
    starts
        .into_iter()
        .zip(ends)
        .map(|(start, end)| start..=end)
        .zip(payouts)
        .collect()
}

/// Groups that hold this outcome, found by prefix as a wallet finds its CET.
fn holding<'a>(
    groups: &'a [PayoutGroup],
    descriptor: &DigitsDescriptor,
    number: i128,
) -> Vec<&'a PayoutGroup> {
    let texts = oracle_client::Outcome::Digits(descriptor.split(number)).messages();
    let prefixes = groups
        .iter()
        .flat_map(|group| group.prefixes.iter().map(move |prefix| (group, prefix)));
    prefixes
        .filter(|(_, prefix)| texts.starts_with(prefix))
        .map(|(group, _)| group)
        .collect()
}

proptest! {
    #[test]
    fn every_number_of_the_domain_is_in_exactly_one_prefix_of_its_payout(
        descriptor in descriptors(),
        cuts in prop::collection::vec(any::<i128>().prop_map(|n| n / 2), 0..6),
        payouts in prop::collection::vec(0_u64..4, 1..6),
    ) {
        let domain = domain(&descriptor).unwrap();
        let mut pieces = pieces(&domain, &cuts, &payouts);
        pieces.reverse();
        let groups = payout_groups(&descriptor, &pieces).unwrap();
        for pair in groups.windows(2) {
            prop_assert_ne!(pair[0].payout, pair[1].payout, "neighbours are merged");
            prop_assert_eq!(pair[0].numbers.end() + 1, *pair[1].numbers.start());
        }
        for number in domain {
            let found = holding(&groups, &descriptor, number);
            prop_assert_eq!(found.len(), 1, "{}", number);
            prop_assert!(found[0].numbers.contains(&number));
            let expected = pieces.iter().find(|(numbers, _)| numbers.contains(&number));
            prop_assert_eq!(found[0].payout, expected.unwrap().1);
        }
    }

    #[test]
    fn a_line_pays_the_rounded_value_at_every_number(
        descriptor in descriptors(),
        corners in prop::collection::btree_map(any::<i128>(), 0_u64..5_000, 1..5),
        rounding in 1_u64..400,
    ) {
        let domain = domain(&descriptor).unwrap();
        let width = domain.end() - domain.start() + 1;
        let corners: std::collections::BTreeMap<_, _> = corners
            .into_iter()
            .map(|(at, payout)| (domain.start() + at.rem_euclid(width), payout))
            .collect();
        let points: Vec<_> = corners.into_iter().collect();
        let pieces = linear(&descriptor, &points, step(rounding)).unwrap();
        let mut next = *domain.start();
        for (numbers, payout) in &pieces {
            prop_assert_eq!(*numbers.start(), next);
            for number in numbers.clone() {
                prop_assert_eq!(*payout, plainly(&points, number, rounding), "{}", number);
            }
            next = numbers.end() + 1;
        }
        prop_assert_eq!(next, domain.end() + 1);
        prop_assert!(payout_groups(&descriptor, &pieces).is_ok());
    }
}

/// The value by the textbook, in fractions: doubled distances to the multiples
/// below and above.
fn plainly(points: &[(i128, u64)], number: i128, step: u64) -> u64 {
    let (first, last) = (points[0], points[points.len() - 1]);
    let (numerator, denominator) = if number <= first.0 {
        (i128::from(first.1), 1)
    } else if number >= last.0 {
        (i128::from(last.1), 1)
    } else {
        let after = points.iter().position(|(at, _)| *at > number).unwrap();
        let ((x0, y0), (x1, y1)) = (points[after - 1], points[after]);
        let (y0, y1) = (i128::from(y0), i128::from(y1));
        (y0 * (x1 - x0) + (number - x0) * (y1 - y0), x1 - x0)
    };
    let step = i128::from(step);
    let below = numerator / (denominator * step) * step;
    let rest = numerator - below * denominator;
    let up = 2 * rest >= step * denominator;
    u64::try_from(if up { below + step } else { below }).unwrap()
}

#[test]
fn a_future_over_twenty_binary_digits_is_as_many_groups_as_its_steps() {
    let descriptor = cut(2, false, 20);
    let points = [(200_000, 0), (300_000, 10_000_000)];
    let pieces = linear(&descriptor, &points, step(100_000)).unwrap();
    let groups = payout_groups(&descriptor, &pieces).unwrap();
    assert_eq!(groups.len(), 101);
    assert_eq!(groups[0].numbers, 0..=200_499);
    assert_eq!(groups[100].numbers, 299_500..=1_048_575);
    assert_eq!(groups[50].payout, 5_000_000);
    let transactions: usize = groups.iter().map(|group| group.prefixes.len()).sum();
    assert!(transactions < 1_000, "{transactions}");
    // Without rounding every number between is a payout of its own.
    let error = linear(&descriptor, &points, step(1)).unwrap_err();
    assert_eq!(error, PayoutError::TooMany);
}

#[test]
fn a_threshold_is_two_groups_in_either_direction() {
    let descriptor = cut(2, false, 20);
    let (low, high) = (0..=250_000, 250_001..=1_048_575);
    for (below, above) in [(0, 7), (7, 0)] {
        let groups = payout_groups(&descriptor, &[(high.clone(), above), (low.clone(), below)]);
        let groups = groups.unwrap();
        assert_eq!((&groups[0].numbers, groups[0].payout), (&low, below));
        assert_eq!((&groups[1].numbers, groups[1].payout), (&high, above));
    }
}

#[test]
fn payouts_that_miss_or_repeat_a_number_are_refused_by_its_name() {
    let descriptor = cut(10, false, 2);
    let refused =
        |pieces: &[(RangeInclusive<i128>, u64)]| payout_groups(&descriptor, pieces).unwrap_err();
    assert_eq!(refused(&[]), PayoutError::Gap(0));
    assert_eq!(refused(&[(0..=98, 1)]), PayoutError::Gap(99));
    assert_eq!(refused(&[(1..=99, 1)]), PayoutError::Gap(0));
    assert_eq!(refused(&[(0..=9, 1), (11..=99, 2)]), PayoutError::Gap(10));
    assert_eq!(refused(&[(0..=9, 1), (9..=99, 2)]), PayoutError::Overlap(9));
    assert_eq!(
        refused(&[(0..=99, 1), (99..=99, 1)]),
        PayoutError::Overlap(99)
    );
    assert_eq!(refused(&[(0..=100, 1)]), PayoutError::Outside(100));
    let (start, end) = (5, 4);
    let backwards = PayoutError::Backwards { start, end };
    assert_eq!(refused(&[(start..=end, 1)]), backwards);
    let line = |points: &[(i128, u64)]| linear(&descriptor, points, step(1)).unwrap_err();
    assert_eq!(line(&[]), PayoutError::NoPoint);
    assert_eq!(line(&[(3, 0), (3, 1)]), PayoutError::Order(3));
    assert_eq!(line(&[(3, 0), (100, 1)]), PayoutError::Outside(100));
}

#[test]
fn the_widest_digits_there_are_do_not_overflow() {
    for is_signed in [false, true] {
        let descriptor = cut(2, is_signed, 127);
        let all = domain(&descriptor).unwrap();
        assert_eq!(*all.end(), i128::MAX);
        let groups = payout_groups(&descriptor, &[(all.clone(), 1)]).unwrap();
        assert_eq!(groups[0].numbers, all);
        let end = *all.end();
        let twice = [(all.clone(), 1), (end..=end, 1)];
        let error = payout_groups(&descriptor, &twice).unwrap_err();
        assert_eq!(error, PayoutError::Overlap(end));
        let flat = linear(&descriptor, &[(0, 5)], step(1)).unwrap();
        assert_eq!(flat, [(all.clone(), 5)]);
        let steep = [(*all.start(), 0), (end, u64::MAX)];
        let error = linear(&descriptor, &steep, step(1)).unwrap_err();
        assert_eq!(error, PayoutError::TooWide);
    }
    assert_eq!(domain(&cut(2, false, 128)), Err(PayoutError::Domain));
}
