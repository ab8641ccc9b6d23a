//! Bundles as a reader elsewhere would verify them.

use oracle_schema::bundle::{Bundle, BundleError, Proven};
use oracle_schema::nonces::{AttestedEvent, AttestedNonces};
use oracle_schema::tlog::{Checkpoint, NoteKey};
use oracle_schema::verify::{verify_announcement, verify_attestation};
use oracle_schema::{Announcement, Attestation};
use proptest::prelude::*;
use serde_json::Value;

use crate::events::choice;
use crate::forge::{borrowed, forged_announcement};
use crate::generate_bundle::{T, World};
use crate::oracle::TestOracle;
use crate::vectors::{array, bytes, read, run, text};

fn verified(case: &Value) -> Result<Proven, BundleError> {
    let bundle = Bundle::parse(case["bundle"].to_string().as_bytes())?;
    let identity: NoteKey = text(&case["identity"]).parse().unwrap();
    let proven = bundle.verify(&identity, None)?;
    if let Some(size) = case["known"]["size"].as_u64() {
        let known = Checkpoint {
            origin: identity.name().to_owned(),
            size,
            root: array(&case["known"]["root"]),
        };
        bundle.continues(&proven.checkpoint, &known)?;
    }
    Ok(proven)
}

#[test]
fn bundles_are_accepted_or_refused_for_the_named_reason() {
    run("bundles.json", 45, |case| match verified(case) {
        Ok(proven) => {
            assert!(case["error"].is_null(), "{}", case["name"]);
            let outcome = proven.attestation().map(|a| a.outcome().to_string());
            assert_eq!(outcome.as_deref(), case["outcome"].as_str());
            let is_refunded = proven.end.is_some() && outcome.is_none();
            assert_eq!(is_refunded, case["refunded"] == true, "{}", case["name"]);
            let is_proven = proven.nonce_proof.is_some();
            assert_eq!(is_proven, case["nonces_proven"] == true, "{}", case["name"]);
        }
        Err(error) => assert_eq!(case["error"], error.name(), "{}: {error}", case["name"]),
    });
}

#[test]
fn what_is_forged_under_the_oracle_key_is_refused_though_every_signature_holds() {
    let file = read("forged.json");
    let announcement = |value: &Value| {
        verify_announcement(Announcement::from_tlv(&bytes(value)).unwrap()).unwrap()
    };
    let attestation = |value: &Value| Attestation::from_tlv(&bytes(value)).unwrap().0;
    let past = announcement(&file["past"]["announcement"]);
    let attested = verify_attestation(attestation(&file["past"]["attestation"]), &past).unwrap();
    let forged = announcement(&file["announcement"]);
    verify_attestation(attestation(&file["attestation"]), &forged).unwrap();
    assert_eq!(past.oracle_public_key, forged.oracle_public_key);

    let mut memory = AttestedNonces::default();
    memory.learn(&AttestedEvent::of(&past, &attested));
    assert!(memory.check(&forged).is_err());

    let identity: NoteKey = text(&file["identity"]).parse().unwrap();
    let cases = file["cases"].as_array().unwrap();
    for case in cases {
        let bundle = Bundle::parse(case["bundle"].to_string().as_bytes()).unwrap();
        let error = bundle.verify(&identity, None).unwrap_err();
        assert_eq!(case["error"], error.name(), "{}: {error}", case["name"]);
    }
    assert_eq!(cases.len(), 3);
}

/// Fresh forgeries, by an oracle that nobody saw before.
#[test]
fn a_forged_announcement_verifies_and_convinces_nobody_who_remembers() {
    for round in 0..3 {
        let oracle = TestOracle::new(&format!("attacked oracle {round}"));
        let past = oracle.announce("past", T, choice(&["draw", "not"]));
        let attestation = oracle.attest(&past, &["draw".to_owned()]);
        let forged = forged_announcement(&oracle, &past.announcement, "forged");

        // Why a signature of P is worth nothing: both are valid.
        let forged = verify_announcement(forged).unwrap();
        verify_attestation(borrowed(&attestation, "forged"), &forged).unwrap();

        let genuine = verify_announcement(past.announcement).unwrap();
        let attestation = verify_attestation(attestation, &genuine).unwrap();
        let mut memory = AttestedNonces::default();
        assert_eq!(memory.check(&forged), Ok(()), "nothing is known yet");
        assert!(memory.learn(&AttestedEvent::of(&genuine, &attestation)));
        let refused = memory.check(&forged).unwrap_err();
        assert_eq!((refused.index, refused.event.as_str()), (0, "past"));
        assert_eq!(memory.check(&genuine), Ok(()));
        // Also under the past event's own name.
        let renamed = forged_announcement(&oracle, &genuine, "past");
        assert!(memory.check(&renamed).is_err());
    }
}

proptest! {
    /// Whatever byte of a bundle changes, it proves the same or nothing.
    #[test]
    fn a_changed_byte_proves_nothing_else(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let world = World::new();
        let identity = world.book.identity();
        let bundle = world.bundle();
        let genuine = bundle.verify(&identity, None).unwrap();
        let mut bytes = serde_json::to_vec(&bundle).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let changed = Bundle::parse(&bytes).and_then(|b| b.verify(&identity, None));
        if let Ok(proven) = changed {
            // A member's name may have become unknown: then less is proven.
            let less = proven.end.is_none() || proven.end == genuine.end;
            prop_assert!(less);
            prop_assert_eq!(proven.announcement, genuine.announcement);
            prop_assert_eq!(proven.checkpoint, genuine.checkpoint);
            prop_assert_eq!(proven.policy, genuine.policy);
        }
    }
}
