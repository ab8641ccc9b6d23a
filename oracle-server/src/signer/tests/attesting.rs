use std::collections::HashSet;

use oracle_schema::log_entry::GenesisStatement;
use oracle_schema::verify::{verify_announcement, verify_attestation};
use oracle_schema::{Announcement, Attestation, Outcome};
use proptest::prelude::*;

use super::*;
use crate::lifecycle::IntentKind;
use crate::signer::sign::{Position, check};
use crate::signer::{Gate, JournalRecord, SignerError, Statement};

fn assert_verifies(announcement: &Announcement, attestation: Attestation, outcome: &Outcome) {
    let announcement = verify_announcement(announcement.clone()).unwrap();
    let attestation = verify_attestation(attestation, &announcement).unwrap();
    assert_eq!(attestation.outcome(), outcome);
}

fn any_descriptor() -> impl Strategy<Value = Descriptor> {
    prop_oneof![
        Just(enum_event()),
        (2..=16_u16, any::<bool>(), 1..=24_u16).prop_map(|(b, s, n)| digits_event(b, s, n)),
    ]
}

#[test]
fn a_signer_whose_gate_is_shut_signs_no_message_and_promises_none() {
    let rig = rig(1);
    let draft = draft("e", enum_event());
    let announced = announce(&rig.signer, &draft);
    let ticket = ticket(&draft, &announced, number(&enum_event(), 0));
    let shut = [
        Gate::wait as fn(&Gate, String),
        Gate::doubt,
        // From here on it stays shut.
        Gate::stop,
        |gate, _| gate.open(),
    ];
    for shut in shut {
        rig.signer.gate().open();
        shut(rig.signer.gate(), "why".to_owned());
        let announced = rig.signer.announce(std::slice::from_ref(&draft));
        let attested = rig.signer.attest(std::slice::from_ref(&ticket));
        assert!(matches!(announced, Err(SignerError::Shut { .. })));
        assert!(matches!(attested, Err(SignerError::Shut { .. })));
    }
    assert_eq!(rig.signer.journal_records().unwrap(), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_attestation_verifies_against_its_announcement(
        descriptor in any_descriptor(),
        value in any::<i64>(),
        fill in 1..=9_u8,
    ) {
        let rig = rig(fill);
        let draft = draft("e", descriptor.clone());
        let announced = announce(&rig.signer, &draft);
        let outcome = number(&descriptor, i128::from(value));
        let ticket = ticket(&draft, &announced, outcome.clone());
        let signed = rig.signer.attest(std::slice::from_ref(&ticket)).unwrap().remove(0);
        let (read, _) = Attestation::from_tlv(&signed.tlv).unwrap();
        prop_assert_eq!(&read, &signed.attestation);
        assert_verifies(&announced.announcement, read, &outcome);

        let again = rig.reopened().signer.attest(&[ticket]).unwrap().remove(0);
        prop_assert_eq!(again.tlv, signed.tlv);
    }

    #[test]
    fn any_change_of_content_or_policy_changes_every_nonce(
        bit in 0..256_usize,
        later in 1..1000_u32,
    ) {
        let rig = rig(1);
        let base = draft("e", digits_event(2, false, 12));
        let mut policy = base.clone();
        policy.policy_hash[bit / 8] ^= 1 << (bit % 8);
        let mut maturity = base.clone();
        maturity.maturity = Maturity::from_epoch(MATURITY + later);
        let mut name = base.clone();
        name.event_id = EventId::one_off(&format!("e{later}")).unwrap();
        let mut unit = base.clone();
        unit.descriptor = digits_event(2, true, 11);

        let drafts = [base, policy, maturity, name, unit];
        let announced = rig.signer.announce(&drafts).unwrap();
        let nonces: Vec<_> = announced.iter().flat_map(|a| &a.announcement.event.nonces).collect();
        let distinct: HashSet<_> = nonces.iter().map(|n| n.to_byte_array()).collect();
        prop_assert_eq!(distinct.len(), nonces.len());
    }
}

#[test]
fn both_parities_of_key_and_nonce_occur_and_verify() {
    let mut seen = HashSet::new();
    for fill in 1..=6 {
        let rig = rig(fill);
        let draft = draft("e", digits_event(2, false, 16));
        let announced = announce(&rig.signer, &draft);
        let (_, key) = SecretKey::from_secret_bytes([fill; 32])
            .unwrap()
            .x_only_public_key();
        seen.extend(
            announced
                .nonce_map
                .iter()
                .step_by(2)
                .map(|b| (key.to_u8(), b >> 7)),
        );
        let outcome = number(&draft.descriptor, 12_345);
        let signed = rig
            .signer
            .attest(&[ticket(&draft, &announced, outcome.clone())])
            .unwrap()
            .remove(0);
        assert_verifies(&announced.announcement, signed.attestation, &outcome);
    }
    assert_eq!(seen.len(), 4);
}

/// Two positions whose scalars were made under each other's nonce pass the
/// plain sum `Σ s_i·G = Σ R_i + (Σ e_i)·P`; the weighted one refuses them.
#[test]
fn swapped_nonces_pass_the_plain_sum_and_fail_the_weighted_one() {
    let rig = rig(1);
    let draft = draft("e", digits_event(2, false, 2));
    let announced = announce(&rig.signer, &draft);
    let public_key = rig.signer.public_key();
    let nonces = &announced.announcement.event.nonces;
    let positions: Vec<_> = nonces
        .iter()
        .zip(["0", "1"])
        .map(|(n, m)| Position::new(*n, &public_key.to_byte_array(), m))
        .collect();
    let sign = |at: usize, position: &Position| {
        let entry = u16::from_be_bytes(*announced.nonce_map.as_chunks::<2>().0.get(at).unwrap());
        let nonce = rig
            .signer
            .nonces
            .derive(&announced.content_hash, u32::from(entry & 0x7fff));
        let parity = secp256k1::Parity::from_u8(u8::from(entry >> 15 == 1)).unwrap();
        nonce
            .unwrap()
            .sign(parity, &rig.signer.key, position.challenge())
            .unwrap()
    };
    let right = [sign(0, &positions[0]), sign(1, &positions[1])];
    assert!(check(&public_key, &positions, &right));

    let swapped = [sign(1, &positions[0]), sign(0, &positions[1])];
    assert_ne!(right, swapped);
    let sum = |s: &[SecretKey; 2]| s[0].add_tweak(&s[1].into()).unwrap();
    assert_eq!(
        sum(&right),
        sum(&swapped),
        "the plain sum sees no difference"
    );
    assert!(!check(&public_key, &positions, &swapped));
}

#[test]
fn a_ticket_with_exchanged_nonce_map_entries_releases_nothing() {
    let rig = rig(1);
    let draft = draft("e", digits_event(2, false, 4));
    let mut announced = announce(&rig.signer, &draft);
    announced.nonce_map.rotate_left(2);
    let outcome = number(&draft.descriptor, 5);
    let error = rig.signer.attest(&[ticket(&draft, &announced, outcome)]);
    assert!(matches!(error, Err(SignerError::CheckFailed { .. })));
}

#[test]
fn a_wrong_parity_bit_releases_nothing() {
    for digits in [1, 5] {
        let rig = rig(1);
        let draft = draft("e", digits_event(2, false, digits));
        let mut announced = announce(&rig.signer, &draft);
        announced.nonce_map[0] ^= 0x80;
        let outcome = number(&draft.descriptor, 1);
        let error = rig.signer.attest(&[ticket(&draft, &announced, outcome)]);
        assert!(matches!(error, Err(SignerError::CheckFailed { .. })));
    }
}

#[test]
fn a_nonce_map_that_repeats_an_index_is_refused_before_the_journal() {
    let rig = rig(1);
    let draft = draft("e", digits_event(2, false, 3));
    let announced = announce(&rig.signer, &draft);
    let outcome = number(&draft.descriptor, 5);
    let (first, rest) = announced.nonce_map.split_at(2);
    let maps = [
        [first, first, &rest[2..]].concat(),
        first.to_vec(),
        [first, rest, &[0]].concat(),
        [first, &rest[..2], &[0x7f, 0xff]].concat(),
    ];
    for nonce_map in maps {
        let damaged = SignedAnnouncement {
            nonce_map,
            ..announced.clone()
        };
        let error = rig
            .signer
            .attest(&[ticket(&draft, &damaged, outcome.clone())]);
        assert!(matches!(error, Err(SignerError::Ticket { .. })));
    }
    assert_eq!(rig.signer.journal_records().unwrap().len(), 0);
}

#[test]
fn a_nonce_list_changed_after_the_first_signature_is_refused() {
    let rig = rig(1);
    let draft = draft("e", digits_event(2, false, 3));
    let announced = announce(&rig.signer, &draft);
    let outcome = number(&draft.descriptor, 5);
    rig.signer
        .attest(&[ticket(&draft, &announced, outcome.clone())])
        .unwrap();
    let mut other = announced;
    let stranger = announce(&rig.signer, &super::draft("f", enum_event()));
    other.announcement.event.nonces[0] = stranger.announcement.event.nonces[0];
    other
        .announcement
        .event
        .nonces
        .sort_by_key(XOnlyPublicKey::to_byte_array);
    let error = rig.signer.attest(&[ticket(&draft, &other, outcome)]);
    assert!(
        matches!(error, Err(SignerError::Conflict { .. })),
        "{error:?}"
    );
}

#[test]
fn second_outcome_is_refused_and_the_refusal_names_both() {
    let rig = rig(1);
    let draft = draft("e", enum_event());
    let announced = announce(&rig.signer, &draft);
    let of = |value| ticket(&draft, &announced, number(&draft.descriptor, value));
    rig.signer.attest(&[of(0)]).unwrap();
    let error = rig
        .reopened()
        .signer
        .attest(&[of(1)])
        .unwrap_err()
        .to_string();
    assert!(error.contains("attest above "), "{error}");
    assert!(error.contains("attest not_above "), "{error}");
}

#[test]
fn two_outcomes_of_one_event_in_one_batch_are_refused_before_the_journal() {
    let rig = rig(1);
    let draft = draft("e", enum_event());
    let announced = announce(&rig.signer, &draft);
    let of = |value| ticket(&draft, &announced, number(&draft.descriptor, value));
    assert!(matches!(
        rig.signer.attest(&[of(0), of(1)]),
        Err(SignerError::Conflict { .. })
    ));
    assert_eq!(rig.signer.journal_records().unwrap().len(), 0);
    assert_eq!(rig.signer.attest(&[of(1), of(1)]).unwrap().len(), 2);
    assert_eq!(rig.signer.journal_records().unwrap().len(), 1);
}

#[test]
fn a_refunded_event_is_never_signed() {
    let rig = rig(1);
    let draft = draft("e", enum_event());
    let announced = announce(&rig.signer, &draft);
    let end = JournalRecord {
        event_id: draft.event_id.to_string(),
        kind: IntentKind::Refund,
        content_hash: announced.content_hash,
        epoch: 1,
        maturity: MATURITY,
        nonces: Vec::new(),
        messages: Vec::new(),
    };
    let attest = JournalRecord {
        kind: IntentKind::Attest,
        ..end.clone()
    };
    assert!(matches!(
        rig.signer.record_ends(&[end.clone(), attest]),
        Err(SignerError::NotAnEnd { .. })
    ));
    rig.signer.record_ends(std::slice::from_ref(&end)).unwrap();
    rig.signer.record_ends(&[end]).unwrap();
    let of = ticket(&draft, &announced, number(&draft.descriptor, 0));
    assert!(matches!(
        rig.signer.attest(&[of]),
        Err(SignerError::Conflict { .. })
    ));
}

#[test]
fn nothing_is_signed_or_journaled_before_maturity() {
    let rig = rig(1);
    let draft = draft("e", enum_event());
    let announced = announce(&rig.signer, &draft);
    let of = ticket(&draft, &announced, number(&draft.descriptor, 0));
    rig.clock
        .set(time(MATURITY) - chrono::TimeDelta::milliseconds(1));
    assert!(matches!(
        rig.signer.attest(std::slice::from_ref(&of)),
        Err(SignerError::NotMatured { .. })
    ));
    assert_eq!(rig.signer.journal_records().unwrap().len(), 0);
    rig.clock.set(time(MATURITY));
    assert!(rig.signer.attest(&[of]).is_ok());
}

#[test]
fn a_clock_more_than_a_minute_behind_committed_work_signs_nothing() {
    let rig = rig(1);
    let draft = draft("e", enum_event());
    let announced = announce(&rig.signer, &draft);
    let of = ticket(&draft, &announced, number(&draft.descriptor, 0));
    let now = i64::from(MATURITY) * 1000;
    rig.signer.set_high_water(now + 60_001);
    assert!(matches!(
        rig.signer.attest(std::slice::from_ref(&of)),
        Err(SignerError::ClockBehind { behind_ms: 60_001 })
    ));
    rig.signer.set_high_water(now + 60_000);
    assert!(rig.signer.attest(&[of]).is_ok());
}

#[test]
fn a_burst_is_signed_in_order_whatever_the_cores() {
    let rig = rig(1);
    let drafts: Vec<_> = (0..200)
        .map(|i| draft(&format!("e{i}"), digits_event(2, i % 2 == 0, 3)))
        .collect();
    let announced = rig.signer.announce(&drafts).unwrap();
    let outcomes: Vec<_> = drafts
        .iter()
        .zip(0_i128..)
        .map(|(d, i)| number(&d.descriptor, i))
        .collect();
    let tickets: Vec<_> = drafts
        .iter()
        .zip(&announced)
        .zip(&outcomes)
        .map(|((d, a), o)| ticket(d, a, o.clone()))
        .collect();
    let signed = rig.signer.attest(&tickets).unwrap();
    assert_eq!(signed.len(), 200);
    for ((a, s), o) in announced.iter().zip(signed).zip(&outcomes) {
        assert_verifies(&a.announcement, s.attestation, o);
    }
    let journaled: Vec<_> = rig
        .signer
        .journal_records()
        .unwrap()
        .into_iter()
        .map(|r| r.event_id)
        .collect();
    let expected: Vec<_> = drafts.iter().map(|d| d.event_id.to_string()).collect();
    assert_eq!(journaled, expected);
}

#[test]
fn a_statement_is_a_bip340_signature_over_its_own_tag() {
    let rig = rig(2);
    let statement = GenesisStatement {
        network: "peercoin-regtest".to_owned(),
        oracle_public_key: rig.signer.public_key(),
        log_public_key: rig.signer.log_public_key(),
        log_origin: "test".to_owned(),
        created_ms: 1,
    };
    let signature = rig
        .signer
        .statement(Statement::Genesis(&statement))
        .unwrap();
    let digest = statement.digest().unwrap();
    assert!(signature.verify(&digest, &rig.signer.public_key()).is_ok());
}
