//! Witness policies: the vectors, and the laws that no vector can show.

use oracle_schema::tlog::checkpoint::NoteError;
use oracle_schema::tlog::policy::{MAX_POLICY_BYTES, NotValid, PolicyFault};
use oracle_schema::tlog::{Note, Policy};
use proptest::prelude::*;
use serde_json::Value;

use crate::vectors::{run, text};

fn name(fault: PolicyFault) -> &'static str {
    match fault {
        PolicyFault::TooLong => "too-long",
        PolicyFault::Control => "control",
        PolicyFault::Keyword => "keyword",
        PolicyFault::Words => "words",
        PolicyFault::Key(_) => "key",
        PolicyFault::Algorithm => "algorithm",
        PolicyFault::Url => "url",
        PolicyFault::DuplicateKey => "duplicate-key",
        PolicyFault::NameTaken => "name-taken",
        PolicyFault::UnknownName => "unknown-name",
        PolicyFault::MemberTwice => "member-twice",
        PolicyFault::Threshold => "threshold",
        PolicyFault::SecondQuorum => "second-quorum",
        PolicyFault::NoQuorum => "no-quorum",
    }
}

fn check_note(policy: &Policy, case: &Value) {
    let note = Note::parse(text(&case["note"])).unwrap();
    match policy.check(&note) {
        Ok(cosigned) => {
            assert_eq!(case["valid"], true, "{case}");
            let times: Vec<u64> = serde_json::from_value(case["times"].clone()).unwrap();
            assert!(cosigned.iter().all(|c| times.contains(&c.time_s)));
            assert!(policy.is_met_by(|w| cosigned.iter().any(|c| c.witness == w)));
        }
        Err(NotValid::Log | NotValid::Quorum(_)) => assert_eq!(case["valid"], false, "{case}"),
        Err(NotValid::Note(error)) => panic!("{error}: {case}"),
    }
}

#[test]
fn policies_accept_and_refuse_what_the_vectors_say() {
    run("witness_policies.json", 38, |case| {
        let policy = Policy::parse(text(&case["policy"]).as_bytes());
        match (policy, case["notes"].as_array()) {
            (Ok(policy), Some(notes)) => notes.iter().for_each(|note| check_note(&policy, note)),
            (Err(error), None) => {
                assert_eq!(name(error.fault), text(&case["error"]), "{case}");
                assert_eq!(case["line"], error.line, "{case}");
            }
            other => panic!("{other:?}: {case}"),
        }
    });
}

/// A policy and a note of the vectors.
fn first() -> (Policy, String) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/witness_policies.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let case = &file["cases"][0];
    let policy = Policy::parse(text(&case["policy"]).as_bytes()).unwrap();
    (policy, text(&case["notes"][0]["note"]).to_owned())
}

#[test]
fn a_false_line_of_a_known_witness_refuses_the_checkpoint() {
    let (policy, note) = first();
    let forged = note.replacen("\n7\n", "\n8\n", 1);
    let forged = Note::parse(&forged).unwrap();
    assert!(matches!(
        policy.check(&forged),
        Err(NotValid::Note(NoteError::BadSignature(_)))
    ));
    // The cosignature of another witness under this one's name and key id.
    let lines: Vec<&str> = note.lines().collect();
    let [.., a, b] = lines[..] else { panic!() };
    let swapped = b.rsplit_once(' ').unwrap().0.to_owned() + " " + a.rsplit_once(' ').unwrap().1;
    let note = note.replace(b, &swapped);
    // Its key id is the other's: of nobody's key by that name.
    let missing = policy.check(&Note::parse(&note).unwrap()).unwrap_err();
    assert!(matches!(missing, NotValid::Quorum(_)), "{missing}");
    assert!(missing.to_string().contains("X1"), "{missing}");
}

#[test]
fn a_policy_is_bounded_and_its_names_are_octets() {
    let long = vec![b'#'; MAX_POLICY_BYTES + 1];
    let error = Policy::parse(&long).unwrap_err();
    assert_eq!((error.line, error.fault), (1, PolicyFault::TooLong));
    let (policy, _) = first();
    let key = &policy.witnesses()[0].key;
    let text = [
        b"witness \xff\xfe ".as_slice(),
        key.to_string().as_bytes(),
        b"\nquorum \xff\xfe\n",
    ]
    .concat();
    let policy = Policy::parse(&text).unwrap();
    assert_eq!(policy.witnesses()[0].name, "\u{fffd}\u{fffd}");
    let url = [&text[..], b"log x \xff\n"].concat();
    assert!(Policy::parse(&url).is_err());
}

#[test]
fn the_line_of_a_key_is_the_latest_that_verifies() {
    let (policy, note) = first();
    let note = Note::parse(&note).unwrap();
    let key = &policy.witnesses()[0].key;
    let line = note.line_of(key).unwrap();
    assert!(line.ends_with('\n') && note.to_text().contains(&line));
    let unknown = &policy.witnesses()[2].key;
    assert!(matches!(note.line_of(unknown), Err(NoteError::Unsigned(_))));
}

proptest! {
    #[test]
    fn more_cosignatures_never_break_a_quorum(mask in 0_u8..64, more in 0_u8..64) {
        let (policy, _) = first();
        let met = |mask: u8| {
            policy.is_met_by(|witness| {
                let place = policy.witnesses().iter().position(|w| w == witness).unwrap();
                mask >> place & 1 == 1
            })
        };
        prop_assert!(!met(mask) || met(mask | more));
        let of = |range: std::ops::Range<u8>| range.filter(|n| mask >> n & 1 == 1).count();
        prop_assert_eq!(met(mask), of(0..3) >= 2 && of(3..6) >= 1);
    }

    #[test]
    fn any_octets_are_a_policy_or_an_error_on_one_of_their_lines(text: Vec<u8>) {
        if let Err(error) = Policy::parse(&text) {
            let lines = text.split(|byte| *byte == b'\n').count();
            prop_assert!((1..=lines).contains(&error.line));
        }
    }
}
