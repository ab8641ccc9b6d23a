//! Adaptor points against attestations signed over the same nonces.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::{Oracle, choice, digits};
use oracle_client::points::{
    AdaptorPoint, Part, PointsError, Selection, Subject, adaptor_points, joint_point, joint_points,
};
use oracle_client::{Announcement, Attestation, Verified};
use oracle_schema::Descriptor;
use oracle_schema::verify::{verify_announcement, verify_attestation};

struct Known {
    announcement: Verified<Announcement>,
    attestation: Verified<Attestation>,
}

impl Known {
    fn new(descriptor: Descriptor, texts: &[&str]) -> Self {
        let oracle = Oracle::new("oracle");
        let announced = oracle.announce("points", descriptor);
        let announcement = verify_announcement(announced.announcement.clone()).unwrap();
        let attestation = oracle.attest(&announced, texts);
        let attestation = verify_attestation(attestation, &announcement).unwrap();
        Self {
            announcement,
            attestation,
        }
    }

    fn select(&self, selection: &Selection) -> Result<Vec<AdaptorPoint>, PointsError> {
        let before = adaptor_points(&self.announcement, None, selection)?;
        assert!(before.iter().all(|p| p.secret.is_none()));
        let after = adaptor_points(&self.announcement, Some(&self.attestation), selection)?;
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before.point, after.point);
            // A secret that does not open its point would lose the money.
            if let Some(secret) = &after.secret {
                assert_eq!(secret.point(), after.point);
                assert_eq!(secret.normalised().point().xonly(), after.point.xonly());
                assert!(!secret.normalised().point().odd_y());
            }
        }
        Ok(after)
    }

    fn range(&self, start: i128, end: i128) -> Vec<AdaptorPoint> {
        self.select(&Selection::Range(start..=end)).unwrap()
    }
}

fn prefixes(points: &[AdaptorPoint]) -> Vec<String> {
    let text = |p: &AdaptorPoint| match &p.subject {
        Subject::Prefix { values, .. } => values.concat(),
        other => panic!("{other:?}"),
    };
    points.iter().map(text).collect()
}

/// What came true, which is one point of a partition.
fn opened(points: &[AdaptorPoint]) -> Vec<String> {
    let open: Vec<_> = points
        .iter()
        .filter(|p| p.secret.is_some())
        .cloned()
        .collect();
    prefixes(&open)
}

#[test]
fn only_the_enum_outcome_that_came_true_has_a_secret() {
    let known = Known::new(choice(&["home", "draw", "away"]), &["draw"]);
    let points = known.select(&Selection::All).unwrap();
    let open: Vec<_> = points.iter().map(|p| p.secret.is_some()).collect();
    assert_eq!(open, [false, true, false]);
    let one = known
        .select(&Selection::Outcome("draw".to_owned()))
        .unwrap();
    assert_eq!(one, points[1..2]);
    let same = known
        .select(&Selection::Prefix(vec!["draw".to_owned()]))
        .unwrap();
    assert_eq!(one, same);
}

#[test]
fn the_range_of_the_spec_is_its_twenty_prefixes_and_one_of_them_opens() {
    let known = Known::new(digits(10, 4, false), &["8", "5", "0", "3"]);
    let points = known.range(5677, 8621);
    let expected = "5677 5678 5679 568 569 57 58 59 6 7 \
                    80 81 82 83 84 85 860 861 8620 8621";
    assert_eq!(prefixes(&points), expected.split(' ').collect::<Vec<_>>());
    assert_eq!(opened(&points), ["85"]);
    assert!(opened(&known.range(5677, 8502)).is_empty());
    assert_eq!(opened(&known.range(8503, 8503)), ["8503"]);
}

#[test]
fn the_prefixes_of_a_range_cover_it_once_without_gaps() {
    for (signed, texts) in [(false, vec!["0"; 7]), (true, vec!["+"; 1])] {
        let texts: Vec<_> = texts.into_iter().chain(vec!["1"; 7]).take(7).collect();
        let known = Known::new(digits(3, 7 - u16::from(signed), signed), &texts);
        let low = if signed { -728 } else { 0 };
        for (start, end) in [(low, 728), (low, low), (low + 5, 700), (1, 1), (-3, 3)] {
            let start = start.max(low);
            let mut next = start;
            for point in known.range(start, end) {
                let Subject::Prefix { numbers, .. } = point.subject else {
                    panic!("a range is made of prefixes");
                };
                let numbers = numbers.unwrap();
                assert_eq!(*numbers.start(), next);
                next = numbers.end() + 1;
            }
            assert_eq!(next, end + 1);
        }
    }
}

#[test]
fn a_negative_number_opens_its_own_range_and_not_its_mirror() {
    let known = Known::new(digits(10, 2, true), &["-", "0", "7"]);
    assert_eq!(opened(&known.range(-9, -1)), ["-07"]);
    assert!(opened(&known.range(0, 9)).is_empty());
    assert_eq!(opened(&known.range(-99, 99)), ["-07"]);
    let one = known.select(&Selection::Outcome("-7".to_owned())).unwrap();
    assert!(one[0].secret.is_some());
}

#[test]
fn every_value_of_every_digit_is_listed_and_one_of_each_opens() {
    let known = Known::new(digits(2, 3, true), &["+", "1", "0", "1"]);
    let points = known.select(&Selection::All).unwrap();
    let listed: Vec<_> = points
        .iter()
        .map(|p| match &p.subject {
            Subject::Digit { index, value } => format!("{index}{value}"),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(listed, ["0+", "0-", "10", "11", "20", "21", "30", "31"]);
    let open: Vec<_> = points
        .iter()
        .map(|p| u8::from(p.secret.is_some()))
        .collect();
    assert_eq!(open, [1, 0, 0, 1, 1, 0, 0, 1]);
}

#[test]
fn what_the_event_cannot_attest_has_no_point() {
    let number = Known::new(digits(10, 2, false), &["0", "7"]);
    let refused = |selection| number.select(&selection).unwrap_err();
    let outcome = |text: &str| Selection::Outcome(text.to_owned());
    // Clamping would quietly give the point of another outcome.
    assert_eq!(refused(outcome("100")), PointsError::Clamped { value: 100 });
    assert_eq!(refused(outcome("-1")), PointsError::Clamped { value: -1 });
    assert_eq!(
        refused(Selection::Range(0..=100)),
        PointsError::Clamped { value: 100 }
    );
    assert!(matches!(refused(outcome("seven")), PointsError::Outcome(_)));
    let (start, end) = (2, 1);
    assert_eq!(
        refused(Selection::Range(start..=end)),
        PointsError::Backwards { start, end }
    );
    for values in [vec![], vec!["10"], vec!["0", "0", "0"], vec!["00"]] {
        let values = values.into_iter().map(str::to_owned).collect();
        assert!(matches!(
            refused(Selection::Prefix(values)),
            PointsError::Point(_)
        ));
    }
    let choice = Known::new(choice(&["yes", "no"]), &["yes"]);
    let error = choice.select(&outcome("maybe")).unwrap_err();
    assert!(matches!(error, PointsError::Outcome(_)));
    let error = choice.select(&Selection::Range(0..=1)).unwrap_err();
    assert_eq!(error, PointsError::NotDigits);
}

#[test]
fn an_attestation_of_another_event_opens_nothing() {
    let oracle = Oracle::new("oracle");
    let of = |id: &str| {
        let announced = oracle.announce(id, choice(&["yes", "no"]));
        let announcement = verify_announcement(announced.announcement.clone()).unwrap();
        let attestation = oracle.attest(&announced, &["yes"]);
        let attestation = verify_attestation(attestation, &announcement).unwrap();
        (announcement, attestation)
    };
    let (announcement, own) = of("a");
    let (_, foreign) = of("b");
    let yes = Selection::Outcome("yes".to_owned());
    for selection in [yes, Selection::All] {
        assert!(adaptor_points(&announcement, Some(&own), &selection).is_ok());
        let error = adaptor_points(&announcement, Some(&foreign), &selection).unwrap_err();
        assert_eq!(error, PointsError::OtherAttestation);
    }
}

/// The limit of the plain sum, not a wish: the documentation of `joint_points`
/// says what to do about it. An announcement proves a key and no nonce.
#[test]
fn who_announces_after_the_others_can_know_the_joint_secret_of_one_outcome_alone() {
    const OUTCOMES: [&str; 3] = ["home", "draw", "away"];
    let honest = Oracle::new("honest").announce("match", choice(&OUTCOMES));
    let honest = verify_announcement(honest.announcement).unwrap();
    let draw = |announcement| Part {
        announcement,
        attestation: None,
        selection: Selection::Outcome("draw".to_owned()),
    };
    let seen = joint_point(&[draw(&honest)]).unwrap().point;
    let late = Oracle::new("late");
    let (late, known) = late.announce_against(&seen, "spiel", &OUTCOMES, "draw");
    // Nothing to be seen: every check passes, and nobody has attested.
    let late = verify_announcement(late).unwrap();
    assert_ne!(late.oracle_public_key, honest.oracle_public_key);
    let joint = joint_point(&[draw(&honest), draw(&late)]).unwrap();
    assert_eq!(joint.secret, None);
    assert_eq!(known.point(), joint.point);
    // It is for one outcome: the others still need both.
    for parts in [["home", "home"], ["draw", "away"]] {
        let part = |announcement, outcome: &str| Part {
            selection: Selection::Outcome(outcome.to_owned()),
            ..draw(announcement)
        };
        let joint = joint_point(&[part(&honest, parts[0]), part(&late, parts[1])]);
        assert_ne!(known.point(), joint.unwrap().point);
    }
}

#[test]
fn several_oracles_are_paired_by_meaning_and_refused_where_it_differs() {
    let known = |name: &str, id: &str, descriptor: Descriptor| {
        let announced = Oracle::new(name).announce(id, descriptor);
        verify_announcement(announced.announcement).unwrap()
    };
    let part = |announcement, selection| Part {
        announcement,
        attestation: None,
        selection,
    };
    // The same outcomes, announced in another order.
    let (a, b) = (
        known("a", "one", choice(&["home", "draw", "away"])),
        known("b", "two", choice(&["away", "home", "draw"])),
    );
    let all = joint_points(&[part(&a, Selection::All), part(&b, Selection::All)]).unwrap();
    let draw = |announcement| part(announcement, Selection::Outcome("draw".to_owned()));
    assert_eq!(all[1], joint_point(&[draw(&a), draw(&b)]).unwrap());

    let refused = |parts: &[Part<'_>]| joint_points(parts).unwrap_err();
    assert_eq!(refused(&[]), PointsError::NoOracle);
    let twice = PointsError::Twice("one".to_owned());
    assert_eq!(refused(&[draw(&a), draw(&a)]), twice);
    let mixed = [draw(&a), part(&b, Selection::All)];
    assert!(matches!(refused(&mixed), PointsError::Unlike(_)));
    let other = known("c", "three", choice(&["home", "draw", "void"]));
    let error = refused(&[part(&a, Selection::All), part(&other, Selection::All)]);
    assert!(matches!(error, PointsError::Outcome(_)));
    let error = joint_point(&[part(&a, Selection::All), part(&b, Selection::All)]);
    assert_eq!(error.unwrap_err(), PointsError::NotOne(3));

    let (ten, long) = (
        known("a", "ten", digits(10, 2, false)),
        known("b", "long", digits(10, 3, false)),
    );
    let low = |announcement| part(announcement, Selection::Range(0..=9));
    // 00 to 09 is one prefix of two digits and another of three.
    assert!(matches!(
        refused(&[low(&ten), low(&long)]),
        PointsError::Unlike(_)
    ));
    let summands = part(&ten, Selection::All);
    assert_eq!(refused(&[summands]), PointsError::Summands);
    // A number is a number, however many digits it has.
    let seven = |announcement| part(announcement, Selection::Outcome("7".to_owned()));
    assert!(joint_point(&[seven(&ten), seven(&long)]).is_ok());
}
