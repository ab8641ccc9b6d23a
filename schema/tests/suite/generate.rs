//! Makes the vector files, the same bytes of meaning on every machine.

use oracle_schema::codec::Layout;
use oracle_schema::point::{OutcomePoint, adaptor_secret, group_range, prefix_point, sum};
use oracle_schema::tag::{
    ANNOUNCEMENT_TAG, ATTESTATION_TAG, CHALLENGE_TAG, announcement_hash, attestation_hash,
    challenge, challenge_scalar, tagged_hash,
};
use oracle_schema::{Attestation, Descriptor, DigitsDescriptor, Outcome};
use serde_json::{Value, json};

use crate::events::samples;
use crate::forge;
use crate::generate_adaptor;
use crate::generate_anchor;
use crate::generate_bundle;
use crate::generate_hour;
use crate::generate_invalid;
use crate::generate_log;
use crate::generate_nonce_proof;
use crate::generate_operator;
use crate::generate_participant;
use crate::generate_tlog;
use crate::generate_witness;
use crate::oracle::TestOracle;

/// File name and content of every vector file.
pub(crate) fn files() -> Vec<(&'static str, Value)> {
    let oracle = TestOracle::new("first oracle");
    vec![
        ("adaptor.json", generate_adaptor::cases()),
        ("anchors.json", generate_anchor::cases()),
        ("announcements.json", announcements(&oracle)),
        ("attestations.json", attestations(&oracle)),
        ("bundles.json", generate_bundle::cases()),
        ("coinlib.json", generate_participant::coinlib()),
        ("digits.json", digits()),
        ("forged.json", forge::cases()),
        ("hours.json", generate_hour::cases()),
        ("invalid.json", generate_invalid::cases(&oracle)),
        ("joint.json", generate_participant::joint()),
        ("log_entries.json", generate_log::cases(&oracle)),
        ("nonce_proof.json", generate_nonce_proof::cases()),
        ("operator_bodies.json", generate_operator::bodies()),
        ("operator_requests.json", generate_operator::cases()),
        ("points.json", points(&oracle)),
        ("policies.json", generate_log::policies()),
        ("ranges.json", ranges()),
        ("tags.json", tags(&oracle)),
        ("tlog.json", generate_tlog::cases()),
        ("witness_policies.json", generate_witness::cases()),
    ]
}

pub(crate) fn file(about: &str, cases: &[Value]) -> Value {
    json!({ "about": about, "cases": cases })
}

fn announcements(oracle: &TestOracle) -> Value {
    let case = |sample: &crate::events::Sample| {
        let announcement = &sample.announced.announcement;
        let event_tlv = announcement.event.to_tlv();
        let nonce_secrets: Vec<_> = sample
            .announced
            .nonces
            .iter()
            .map(|k| hex::encode(k.to_secret_bytes()))
            .collect();
        json!({
            "name": sample.name,
            "oracle_secret": hex::encode(oracle.secret.to_secret_bytes()),
            "nonce_secrets": nonce_secrets,
            "tlv": hex::encode(announcement.to_tlv()),
            "event_tlv": hex::encode(&event_tlv),
            "content_tlv": hex::encode(announcement.event.content_tlv()),
            "announcement_hash": hex::encode(announcement_hash(&event_tlv)),
            "json": announcement.to_json(),
        })
    };
    file(
        "Valid announcements. event_tlv is what announcement_hash hashes; content_tlv is the \
         event TLV with an empty nonce list. The secrets are of the test oracle.",
        &samples(oracle).iter().map(case).collect::<Vec<_>>(),
    )
}

fn attestations(oracle: &TestOracle) -> Value {
    let case = |sample: &crate::events::Sample| {
        let attestation = oracle.attest(&sample.announced, &sample.texts);
        let old = Attestation {
            event_id: None,
            ..attestation.clone()
        };
        let outcome = sample
            .announced
            .announcement
            .event
            .descriptor
            .parse_messages(&sample.texts)
            .unwrap();
        json!({
            "name": sample.name,
            "announcement": hex::encode(sample.announced.announcement.to_tlv()),
            "outcome": outcome.to_string(),
            "messages": sample.texts,
            "tlv": hex::encode(attestation.to_tlv(Layout::Spec)),
            "tlv_counted": hex::encode(attestation.to_tlv(Layout::Counted)),
            "tlv_without_event_id": hex::encode(old.to_tlv(Layout::Spec)),
            "tlv_counted_without_event_id": hex::encode(old.to_tlv(Layout::Counted)),
            "json": attestation.to_json(),
        })
    };
    file(
        "Valid attestations of the announcement, in both layouts, and in the old form that lacks \
         the event id. outcome is the enum text or the attested integer.",
        &samples(oracle).iter().map(case).collect::<Vec<_>>(),
    )
}

fn digits() -> Value {
    let max_64 = i128::from(u64::MAX);
    let rows: Vec<(u16, bool, u16, i128)> = vec![
        (2, false, 20, 0),
        (2, false, 20, 1),
        (2, false, 20, 251_317),
        (2, false, 20, 1_048_575),
        (2, false, 20, 1_048_576),
        (2, false, 20, -1),
        (2, false, 64, max_64),
        (2, false, 64, max_64 + 1),
        (2, false, 64, (1 << 53) + 1),
        (2, false, 127, i128::MAX),
        (2, true, 64, -max_64),
        (2, true, 64, -max_64 - 1),
        (2, true, 20, i128::MIN),
        (10, false, 4, 70),
        (10, false, 4, 9_999),
        (10, false, 4, 10_000),
        (10, true, 3, 0),
        (10, true, 3, -42),
        (10, true, 3, -999),
        (10, true, 3, -1_000),
        (10, true, 3, 1_000),
        (16, false, 2, 0xf3),
        (16, false, 16, max_64),
        (3, false, 5, 100),
        (65_535, false, 2, 65_535),
        (65_535, false, 8, i128::MAX),
    ];
    let case = |(base, is_signed, nb_digits, value): (u16, bool, u16, i128)| {
        let cut = DigitsDescriptor::new(base, is_signed, String::new(), 0, nb_digits).unwrap();
        let outcome = Outcome::Digits(cut.split(value));
        json!({
            "base": base,
            "is_signed": is_signed,
            "nb_digits": nb_digits,
            "value": value.to_string(),
            "messages": outcome.messages(),
            "attested": outcome.to_string(),
        })
    };
    file(
        "A value cut into digits and clamped to what they hold. Integers are decimal strings.",
        &rows.into_iter().map(case).collect::<Vec<_>>(),
    )
}

fn points(oracle: &TestOracle) -> Value {
    let second = TestOracle::new("second oracle");
    let mut cases = Vec::new();
    let theirs = samples(&second);
    for (sample, other) in samples(oracle).iter().zip(&theirs) {
        for count in prefix_lengths(sample.texts.len()) {
            cases.push(point_case(sample.name, count, &[(oracle, sample)]));
        }
        let all = sample.texts.len();
        let name = format!("{}-two-oracles", sample.name);
        cases.push(point_case(
            &name,
            all,
            &[(oracle, sample), (&second, other)],
        ));
    }
    let signed = samples(oracle).into_iter().filter(|sample| {
        let descriptor = &sample.announced.announcement.event.descriptor;
        matches!(descriptor, Descriptor::Digits(digits) if digits.is_signed())
    });
    for sample in signed.take(1) {
        let announcement = &sample.announced.announcement;
        let mut zero = vec!["0"; sample.texts.len()];
        zero[0] = "-";
        cases.push(json!({
            "name": format!("{}-negative-zero", sample.name),
            "announcements": [hex::encode(announcement.to_tlv())],
            "prefix": zero,
            "error": "negative-zero",
        }));
    }
    file(
        "The point of every outcome that begins with the prefix: the sum over the given \
         announcements. secret is the sum of s of as many signatures of each attestation; \
         secret_normalised is n - secret where the point has an odd y. With an error: no \
         attestation can ever begin so, and there is no point.",
        &cases,
    )
}

fn prefix_lengths(all: usize) -> Vec<usize> {
    let mut lengths = vec![1, 2, 3, 7, all];
    lengths.retain(|n| *n <= all);
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}

fn point_case(name: &str, count: usize, parts: &[(&TestOracle, &crate::events::Sample)]) -> Value {
    let mut points: Vec<OutcomePoint> = Vec::new();
    let mut signatures = Vec::new();
    let mut announcements = Vec::new();
    let mut attestations = Vec::new();
    for (oracle, sample) in parts {
        let announcement = &sample.announced.announcement;
        let attestation = oracle.attest(&sample.announced, &sample.texts);
        points.push(prefix_point(announcement, &sample.texts[..count]).unwrap());
        signatures.extend_from_slice(&attestation.signatures[..count]);
        announcements.push(hex::encode(announcement.to_tlv()));
        attestations.push(hex::encode(attestation.to_tlv(Layout::Spec)));
    }
    let point = sum(&points).unwrap();
    let secret = adaptor_secret(&signatures).unwrap();
    json!({
        "name": format!("{name}-{count}"),
        "announcements": announcements,
        "attestations": attestations,
        "prefix": parts[0].1.texts[..count],
        "compressed": hex::encode(point.compressed()),
        "xonly": hex::encode(point.xonly()),
        "odd_y": point.odd_y(),
        "secret": hex::encode(secret.to_bytes()),
        "secret_normalised": hex::encode(secret.normalised().to_bytes()),
    })
}

fn ranges() -> Value {
    let rows: Vec<(u16, u16, u128, u128)> = vec![
        (10, 4, 5_677, 8_621),
        (10, 6, 135_677, 138_621),
        (2, 14, 5_677, 8_621),
        (10, 4, 2_200, 4_999),
        (10, 4, 0, 9_999),
        (10, 4, 0, 0),
        (10, 4, 9_999, 9_999),
        (10, 1, 3, 7),
        (2, 20, 0, 249_999),
        (2, 20, 250_000, 1_048_575),
        (16, 16, 1, u128::from(u64::MAX) - 1),
        (3, 4, 40, 41),
    ];
    let case = |(base, nb_digits, start, end): (u16, u16, u128, u128)| {
        json!({
            "base": base,
            "nb_digits": nb_digits,
            "start": start.to_string(),
            "end": end.to_string(),
            "prefixes": group_range(base, nb_digits, start..=end).unwrap(),
        })
    };
    file(
        "The fewest digit prefixes that cover exactly start to end, both included, in ascending \
         order, never an empty prefix (dlcspecs NumericOutcomeCompression.md).",
        &rows.into_iter().map(case).collect::<Vec<_>>(),
    )
}

fn tags(oracle: &TestOracle) -> Value {
    let mut cases = Vec::new();
    for tag in [ANNOUNCEMENT_TAG, ATTESTATION_TAG, CHALLENGE_TAG] {
        for message in ["", "yes", "0"] {
            cases.push(json!({
                "kind": "tagged_hash",
                "tag": tag,
                "message": hex::encode(message),
                "hash": hex::encode(tagged_hash(tag, &[message.as_bytes()])),
            }));
        }
    }
    for text in ["yes", "15", "+", "-", "雨"] {
        cases.push(json!({
            "kind": "attestation_hash",
            "outcome": text,
            "hash": hex::encode(attestation_hash(text)),
        }));
    }
    for sample in samples(oracle).iter().take(3) {
        let nonce = sample.announced.announcement.event.nonces[0].to_byte_array();
        let key = oracle.public_key().to_byte_array();
        let message = attestation_hash(&sample.texts[0]);
        cases.push(json!({
            "kind": "challenge",
            "nonce": hex::encode(nonce),
            "public_key": hex::encode(key),
            "message": hex::encode(message),
            "hash": hex::encode(challenge(&nonce, &key, &message)),
            "scalar": hex::encode(challenge_scalar(&nonce, &key, &message).to_be_bytes()),
        }));
    }
    file("Tagged hashes (BIP340).", &cases)
}
