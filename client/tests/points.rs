//! Adaptor points against attestations signed over the same nonces.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::{Oracle, choice, digits, guess_proof, seed};
use oracle_client::points::{
    AdaptorPoint, NonceProof, NonceProofError, Nonces, Part, PointsError, Selection, Subject,
    adaptor_points, joint_point, joint_points,
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

const OUTCOMES: [&str; 3] = ["home", "draw", "away"];

/// An honest oracle's event, and the proof of its nonces.
fn honest(name: &str, id: &str) -> (Verified<Announcement>, NonceProof) {
    let announced = Oracle::new(name).announce(id, choice(&OUTCOMES));
    let proof = announced.nonce_proof();
    (verify_announcement(announced.announcement).unwrap(), proof)
}

fn outcome<'a>(
    announcement: &'a Verified<Announcement>,
    nonces: Option<Nonces>,
    text: &str,
) -> Part<'a> {
    Part {
        announcement,
        attestation: None,
        nonces,
        selection: Selection::Outcome(text.to_owned()),
    }
}

/// The law of the proofs: the last of three chose its nonce so that it cancels the
/// others'. It alone knows the joint secret, and can prove that it knows its nonce in
/// no way, so nothing is added up.
#[test]
fn of_three_oracles_the_last_of_which_chose_its_nonces_after_the_others_there_is_no_sum() {
    let (first, first_proof) = honest("first", "match");
    let (second, second_proof) = honest("second", "game");
    let others = [
        outcome(&first, Some(Nonces::Proven(first_proof)), "draw"),
        outcome(&second, Some(Nonces::Proven(second_proof)), "draw"),
    ];
    let seen = joint_point(&others).unwrap().point;
    let last = Oracle::new("last");
    let (announcement, known, a) = last.announce_against(&seen, "spiel", &OUTCOMES, "draw");
    // Every check of the announcement passes, and the secret is known to one alone.
    let announcement = verify_announcement(announcement).unwrap();
    let with = |nonces| {
        let last = outcome(&announcement, nonces, "draw");
        joint_point(&[others[0].clone(), others[1].clone(), last])
    };
    let on_trust = with(Some(Nonces::OnTrust)).unwrap();
    assert_eq!((known.point(), None), (on_trust.point, on_trust.secret));

    let key = Box::new(last.key());
    let refused = with(None).unwrap_err();
    let event = "spiel".to_owned();
    assert_eq!(refused, PointsError::NoncesNotProven { event, key });
    let says = refused.to_string();
    for word in ["spiel", &last.key().to_string(), "cancels", "nonce_proof"] {
        assert!(says.contains(word), "{says}");
    }
    // With all that it knows.
    let attempt = NonceProof::prove(&announcement, &[a], &seed());
    assert_eq!(attempt, Err(NonceProofError::Scalars));
    let of_a = last.announce_scalar("spiel", &OUTCOMES, &a).nonce_proof();
    let guessed = guess_proof(&seen, &a);
    for proof in [of_a, guessed, first_proof, second_proof] {
        let refused = with(Some(Nonces::Proven(proof))).unwrap_err();
        let (event, key) = ("spiel".to_owned(), Box::new(last.key()));
        let source = NonceProofError::Wrong;
        assert_eq!(refused, PointsError::NonceProof { event, key, source });
    }
}

#[test]
fn a_sum_needs_a_proof_of_each_oracle_whatever_its_place_and_one_oracle_needs_none() {
    let (a, proof_a) = honest("a", "match");
    let (b, proof_b) = honest("b", "game");
    let [of_a, of_b] = [proof_a, proof_b].map(|proof| Some(Nonces::Proven(proof)));
    let sum = |nonces: [Option<Nonces>; 2]| {
        joint_point(&[
            outcome(&a, nonces[0], "home"),
            outcome(&b, nonces[1], "away"),
        ])
    };
    let right = sum([of_a, of_b]).unwrap();
    assert_eq!(sum([of_a, Some(Nonces::OnTrust)]).unwrap(), right);
    for (nonces, event) in [([None, of_b], "match"), ([of_a, None], "game")] {
        let refused = sum(nonces).unwrap_err();
        assert!(
            matches!(&refused, PointsError::NoncesNotProven { event: e, .. } if e == event),
            "{refused}"
        );
    }
    // The proof of another one, in a sum and alone.
    for refused in [sum([of_b, of_b]), joint_point(&[outcome(&a, of_b, "home")])] {
        assert!(matches!(refused, Err(PointsError::NonceProof { .. })));
    }
    assert!(joint_point(&[outcome(&a, None, "home")]).is_ok());
}

/// What taking nonces on trust means: an announcement proves a key and no nonce.
#[test]
fn who_is_taken_on_trust_and_announced_last_can_know_the_joint_secret_of_one_outcome_alone() {
    let (honest, proof) = honest("honest", "match");
    let proven = Some(Nonces::Proven(proof));
    let seen = joint_point(&[outcome(&honest, proven, "draw")])
        .unwrap()
        .point;
    let late = Oracle::new("late");
    let (late, known, _) = late.announce_against(&seen, "spiel", &OUTCOMES, "draw");
    let late = verify_announcement(late).unwrap();
    let sum = |texts: [&str; 2]| {
        let trusted = Some(Nonces::OnTrust);
        joint_point(&[
            outcome(&honest, proven, texts[0]),
            outcome(&late, trusted, texts[1]),
        ])
    };
    let joint = sum(["draw", "draw"]).unwrap();
    assert_eq!((joint.secret, joint.point), (None, known.point()));
    // It is for one outcome: the others still need both.
    for texts in [["home", "home"], ["draw", "away"]] {
        assert_ne!(known.point(), sum(texts).unwrap().point);
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
        nonces: Some(Nonces::OnTrust),
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
