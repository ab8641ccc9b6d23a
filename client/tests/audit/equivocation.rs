//! Two messages under one nonce give the key; honest ones do not.

use oracle_client::equivocation::{NotProven, prove};
use oracle_schema::verify::{verify_announcement, verify_attestation};
use proptest::prelude::*;

use super::common::{Oracle, choice, digits};

#[test]
fn honest_attestations_prove_nothing() {
    let oracle = Oracle::new("honest");
    let a = oracle.announce("a", choice(&["yes", "no"]));
    let b = oracle.announce("b", choice(&["yes", "no"]));
    let yes = oracle.attest(&a, &["yes"]);
    assert_eq!(prove(&yes, &yes).unwrap_err(), NotProven::SameMessages);
    let no = oracle.attest(&b, &["no"]);
    assert_eq!(prove(&yes, &no).unwrap_err(), NotProven::Nonces);
    let other = Oracle::new("other");
    let theirs = other.attest(&other.announce("a", choice(&["yes", "no"])), &["no"]);
    assert!(matches!(
        prove(&yes, &theirs).unwrap_err(),
        NotProven::Keys(..)
    ));
    let mut forged = yes.clone();
    forged.outcomes = vec!["no".to_owned()];
    let invalid = NotProven::Signature {
        which: "second",
        index: 0,
    };
    assert_eq!(prove(&yes, &forged).unwrap_err(), invalid);
}

#[test]
fn one_digit_is_enough_even_where_other_signatures_are_damaged() {
    let oracle = Oracle::new("oracle");
    let announced = oracle.announce("digits", digits(2, 4, false));
    let first = oracle.attest(&announced, &["0", "1", "0", "1"]);
    let mut second = oracle.attest(&announced, &["0", "1", "1", "1"]);
    second.signatures[0] = second.signatures[1];
    let proof = prove(&first, &second).unwrap();
    assert_eq!(proof.signed.each_ref().map(|s| s.index), [2, 2]);
    assert_eq!(
        proof.signed.each_ref().map(|s| s.message.as_str()),
        ["0", "1"]
    );
}

/// A key, an event and two of its outcomes.
fn cases() -> impl Strategy<Value = (String, String, u16, u16, u64, u64)> {
    let names = ("[a-z]{1,8}", "[a-z0-9]{1,20}");
    (
        names.0,
        names.1,
        2..=16_u16,
        1..=6_u16,
        any::<u64>(),
        any::<u64>(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_two_outcomes_of_one_event_give_the_key_and_equal_ones_do_not(
        (key, id, base, count, a, b) in cases(),
    ) {
        let oracle = Oracle::new(&key);
        let descriptor = digits(base, count, false);
        let announced = oracle.announce(&id, descriptor);
        let max = u64::from(base).pow(u32::from(count));
        let texts = |n: u64| {
            let n = n % max;
            let place = |i: u16| (n / u64::from(base).pow(u32::from(i)) % u64::from(base)).to_string();
            (0..count).rev().map(place).collect::<Vec<_>>()
        };
        let attest = |n| {
            let texts = texts(n);
            oracle.attest(&announced, &texts.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let (first, second) = (attest(a), attest(b));
        let verified = verify_announcement(announced.announcement.clone()).unwrap();
        verify_attestation(first.clone(), &verified).unwrap();
        match prove(&first, &second) {
            Err(why) => {
                prop_assert_eq!(a % max, b % max);
                prop_assert_eq!(why, NotProven::SameMessages);
            }
            Ok(proof) => {
                prop_assert_ne!(a % max, b % max);
                let secret = secp256k1::SecretKey::from_secret_bytes(proof.secret_key()).unwrap();
                prop_assert_eq!(secret.x_only_public_key().0, oracle.key());
                let own = secp256k1::SecretKey::from_secret_bytes(oracle.secret()).unwrap();
                prop_assert!(secret == own || secret == own.negate());
            }
        }
    }
}
