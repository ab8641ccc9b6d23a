//! Laws over arbitrary messages and arbitrary bytes.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use oracle_schema::codec::Layout;
use oracle_schema::verify::{verify_announcement, verify_attestation};
use oracle_schema::{
    Announcement, Attestation, Descriptor, DigitsDescriptor, EnumDescriptor, Outcome,
};
use proptest::collection::{hash_set, vec};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use crate::checks;
use crate::oracle::TestOracle;

fn enum_descriptor() -> impl Strategy<Value = Descriptor> {
    let texts = hash_set("\\PC{1,12}", 1..12);
    texts.prop_filter_map("distinct after NFC", |texts| {
        let texts = texts.iter().map(|t| t.nfc().collect()).collect();
        EnumDescriptor::new(texts).ok().map(Descriptor::Enum)
    })
}

fn digits_descriptor() -> impl Strategy<Value = Descriptor> {
    let unit = "\\PC{0,12}".prop_map(|unit| unit.nfc().collect());
    (2..=u16::MAX, any::<bool>(), unit, any::<i32>(), 1_u16..12).prop_map(
        |(base, is_signed, unit, precision, nb_digits)| {
            DigitsDescriptor::new(base, is_signed, unit, precision, nb_digits)
                .map(Descriptor::Digits)
                .unwrap()
        },
    )
}

fn outcome(descriptor: &Descriptor, pick: i128) -> Outcome {
    match descriptor {
        Descriptor::Digits(cut) => Outcome::Digits(cut.split(pick)),
        Descriptor::Enum(choice) => {
            let index = usize::try_from(pick.unsigned_abs() % 97).unwrap();
            let outcomes = choice.outcomes();
            Outcome::Enum(outcomes[index % outcomes.len()].clone())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_message_reads_back_and_verifies_in_every_form(
        descriptor in prop_oneof![enum_descriptor(), digits_descriptor()],
        id in "[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}",
        maturity in any::<u32>(),
        key in "[a-z]{4}",
        pick in any::<i128>(),
    ) {
        let oracle = TestOracle::new(&key);
        let outcome = outcome(&descriptor, pick);
        let announced = oracle.announce(&id, maturity, descriptor);
        let announcement = announced.announcement.clone();
        let tlv = announcement.to_tlv();
        prop_assert_eq!(Announcement::from_tlv(&tlv), Ok(announcement.clone()));
        let json = announcement.to_json().to_string();
        prop_assert_eq!(Announcement::from_json(json), Ok(announcement.clone()));
        let announcement = verify_announcement(announcement).unwrap();

        let attestation = oracle.attest(&announced, &outcome.messages());
        for layout in [Layout::Spec, Layout::Counted] {
            let tlv = attestation.to_tlv(layout);
            let expected = (attestation.clone(), layout);
            prop_assert_eq!(Attestation::from_tlv(&tlv), Ok(expected));
        }
        let json = attestation.to_json().to_string();
        prop_assert_eq!(Attestation::from_json(json), Ok(attestation.clone()));
        let attestation = verify_attestation(attestation, &announcement).unwrap();
        prop_assert_eq!(attestation.outcome(), &outcome);
    }

    #[test]
    fn no_decoder_panics_on_arbitrary_bytes(data in vec(any::<u8>(), 0..600)) {
        for (_, check) in all_checks() {
            check(&data);
        }
    }

    /// Arbitrary bytes rarely get past a header; spoilt seeds do.
    #[test]
    fn no_decoder_panics_on_spoilt_seeds(
        pick in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        with in vec(any::<u8>(), 0..9),
    ) {
        let (path, seed) = pick.get(&SEEDS);
        let mut data = seed.clone();
        let at = at.index(data.len() + 1);
        let end = data.len().min(at + with.len());
        data.splice(at..end, with);
        let (_, check) = all_checks()
            .into_iter()
            .find(|(target, _)| path.starts_with(&format!("{target}/")))
            .unwrap();
        check(&data);
    }
}

static SEEDS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(crate::seeds::files);

type Check = fn(&[u8]);

fn all_checks() -> [(&'static str, Check); 15] {
    [
        ("anchor", checks::anchor),
        ("announcement_tlv", checks::announcement_tlv),
        ("announcement_json", checks::announcement_json),
        ("attestation_tlv", checks::attestation_tlv),
        ("attestation_json", checks::attestation_json),
        ("log_entry", checks::log_entry),
        ("nonce_proof", checks::nonce_proof),
        ("note", checks::note),
        ("tile_name", checks::tile_name),
        ("tlog_proof", checks::tlog_proof),
        ("bundle", checks::bundle),
        ("hour", checks::hour),
        ("operator_body", checks::operator_body),
        ("operator_request", checks::operator_request),
        ("policy", checks::policy),
    ]
}

#[test]
fn every_check_holds_for_every_seed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut seen = 0;
    for (target, check) in all_checks() {
        for seed in fs::read_dir(root.join(target)).unwrap() {
            check(&fs::read(seed.unwrap().path()).unwrap());
            seen += 1;
        }
    }
    assert_eq!(seen, SEEDS.len());
}
