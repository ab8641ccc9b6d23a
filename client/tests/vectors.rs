//! The participants' vector files, read as an implementer elsewhere would.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::DateTime;
use oracle_client::adaptor::{AdaptorError, AdaptorSignature};
use oracle_client::coinlib::{
    CoinlibError, MedianTimeLocktime, SchnorrAdaptorSignature, check_locktimes, outcomes,
    refund_locktime, reveal_locktime,
};
use oracle_client::points::{
    AdaptorSecret, JointPoint, NonceProof, Nonces, OutcomePoint, Part, Selection, joint_point,
    joint_points,
};
use oracle_client::{Announcement, Attestation, Verified, sample};
use oracle_schema::verify::{verify_announcement, verify_attestation};
use secp256k1::schnorr::Signature;
use secp256k1::{PublicKey, XOnlyPublicKey};
use serde_json::Value;

fn cases(file: &str, expected: usize) -> Vec<Value> {
    let path = format!("{}/../schema/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let content: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = content["cases"].as_array().unwrap().clone();
    assert_eq!(cases.len(), expected, "cases in {file}");
    cases
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(text(value)).unwrap()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap()
}

fn point(value: &Value) -> OutcomePoint {
    let point = PublicKey::from_slice(&bytes(value)).unwrap();
    OutcomePoint { point }
}

struct Oracle {
    announcement: Verified<Announcement>,
    attestation: Verified<Attestation>,
    nonce_proof: NonceProof,
}

impl Oracle {
    fn all(value: &Value) -> Vec<Self> {
        let one = |value: &Value| {
            let announcement = Announcement::from_tlv(&bytes(&value["announcement"])).unwrap();
            let announcement = verify_announcement(announcement).unwrap();
            let (attestation, _) = Attestation::from_tlv(&bytes(&value["attestation"])).unwrap();
            let attestation = verify_attestation(attestation, &announcement).unwrap();
            Self {
                announcement,
                attestation,
                nonce_proof: NonceProof::from_bytes(&bytes(&value["nonce_proof"])).unwrap(),
            }
        };
        value.as_array().unwrap().iter().map(one).collect()
    }

    fn part(&self, selection: Selection) -> Part<'_> {
        Part {
            announcement: &self.announcement,
            attestation: Some(&self.attestation),
            nonces: Some(Nonces::Proven(self.nonce_proof)),
            selection,
        }
    }
}

#[test]
fn the_samples_are_cases_of_the_vectors() {
    let cases = cases("attestations.json", 10);
    let hex = |name: &str, key: &str| {
        let case = cases.iter().find(|case| case["name"] == name).unwrap();
        text(&case[key]).to_owned()
    };
    assert_eq!(sample::MATCH_ANNOUNCEMENT, hex("enum", "announcement"));
    assert_eq!(sample::MATCH_ATTESTATION, hex("enum", "tlv"));
    let name = "digits-base-10";
    assert_eq!(sample::RAIN_ANNOUNCEMENT, hex(name, "announcement"));
    assert_eq!(sample::RAIN_ATTESTATION, hex(name, "tlv"));
    let cases = self::cases("nonce_proof.json", 23);
    let proof = |name: &str| {
        let case = cases.iter().find(|case| case["name"] == name).unwrap();
        text(&case["proof"]).to_owned()
    };
    assert_eq!(sample::MATCH_NONCE_PROOF, proof("enum"));
    assert_eq!(sample::RAIN_NONCE_PROOF, proof(name));
}

/// The page for other languages quotes the vectors; a reader recomputes them.
#[test]
fn every_long_number_of_the_wallets_page_is_in_the_vectors() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let page = std::fs::read_to_string(format!("{root}/docs/for-wallets.md")).unwrap();
    let files = ["adaptor", "coinlib", "joint", "points", "tags"];
    let vectors: String = files
        .map(|name| std::fs::read_to_string(format!("{root}/schema/vectors/{name}.json")).unwrap())
        .concat();
    let is_long = |word: &&str| word.len() >= 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let numbers: Vec<_> = page
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(is_long)
        .collect();
    assert_eq!(numbers.len(), 23);
    for number in numbers {
        assert!(vectors.contains(number), "{number}");
    }
}

#[test]
fn joint_points_and_secrets_are_the_recorded_sums() {
    let mut odd = 0;
    for case in cases("joint.json", 16) {
        let oracles = Oracle::all(&case["oracles"]);
        let prefixes: Vec<_> = case["oracles"].as_array().unwrap().iter().collect();
        let parts: Vec<_> = oracles
            .iter()
            .zip(&prefixes)
            .map(|(oracle, value)| oracle.part(Selection::Prefix(texts(&value["prefix"]))))
            .collect();
        let joint = joint_point(&parts).unwrap();
        let secret = joint.secret.clone().unwrap();
        assert_eq!(joint.point.compressed(), array(&case["compressed"]));
        assert_eq!(joint.point.xonly(), array(&case["xonly"]));
        assert_eq!(Some(joint.point.odd_y()), case["odd_y"].as_bool());
        assert_eq!(secret.to_bytes(), array(&case["secret"]));
        let normalised = secret.normalised();
        assert_eq!(normalised.to_bytes(), array(&case["secret_normalised"]));
        assert_eq!(secret.point(), joint.point);
        assert_eq!(normalised.point(), joint.point.even());
        odd += usize::from(joint.point.odd_y());
        // One oracle alone opens nothing.
        let mut waiting = parts.clone();
        waiting[0].attestation = None;
        assert_eq!(joint_point(&waiting).unwrap().secret, None);
        for (part, value) in parts.iter().zip(prefixes) {
            let alone = joint_point(std::slice::from_ref(part)).unwrap();
            assert_eq!(alone.point, point(&value["compressed"]));
            assert_eq!(alone.secret.unwrap().to_bytes(), array(&value["secret"]));
            assert_ne!(alone.point, joint.point);
        }
    }
    assert!((4..=12).contains(&odd), "both parities occur");
}

fn joint(oracles: &[Oracle], prefixes: &Value) -> Vec<JointPoint> {
    let prefixes = prefixes.as_array().unwrap().iter().map(texts);
    let parts: Vec<_> = oracles
        .iter()
        .zip(prefixes)
        .map(|(oracle, prefix)| oracle.part(Selection::Prefix(prefix)))
        .collect();
    joint_points(&parts).unwrap()
}

#[test]
fn coinlib_gets_what_is_recorded() {
    for case in cases("coinlib.json", 11) {
        if case["name"] == "locktimes" {
            check_rule(&case);
            continue;
        }
        let oracles = Oracle::all(&case["oracles"]);
        let announcements: Vec<_> = oracles.iter().map(|o| &o.announcement).collect();
        let reveal = reveal_locktime(&announcements).unwrap();
        assert_eq!(u64::from(reveal.value()), case["reveal_locktime"]);
        let attest_by = DateTime::from_timestamp(case["attest_by"].as_i64().unwrap(), 0).unwrap();
        let margin = Duration::from_secs(case["margin"].as_u64().unwrap());
        let refund = refund_locktime(attest_by, margin).unwrap();
        assert_eq!(u64::from(refund.value()), case["refund_locktime"]);
        check_locktimes(reveal, reveal, refund).unwrap();

        let recorded = case["outcomes"].as_array().unwrap();
        let points: Vec<_> = recorded
            .iter()
            .flat_map(|outcome| joint(&oracles, &outcome["prefixes"]))
            .collect();
        let made = outcomes(&points, reveal).unwrap();
        let order: Vec<_> = made.keys().map(hex::encode).collect();
        let expected: Vec<_> = recorded.iter().map(|o| text(&o["xonly"])).collect();
        assert_eq!(order, expected, "in coinlib's order");
        for (entry, recorded) in made.values().zip(recorded) {
            let scalar = entry.adaptor_scalar.as_ref();
            let scalar = scalar.map(|s| hex::encode(s.to_bytes()));
            assert_eq!(scalar.as_deref(), recorded["adaptor_scalar"].as_str());
            assert_eq!(entry.locktime, reveal);
        }
        for (xonly, entry) in &made {
            let Some(scalar) = &entry.adaptor_scalar else {
                continue;
            };
            // What coinlib computes from the scalar is the key of its map.
            assert_eq!(
                (scalar.point().xonly(), scalar.point().odd_y()),
                (*xonly, false)
            );
        }
        let twice = [points.as_slice(), &points].concat();
        let error = outcomes(&twice, reveal).unwrap_err();
        assert!(matches!(error, CoinlibError::SharedPoint(_)));
    }
}

fn check_rule(case: &Value) {
    let locktime = |key: &str| MedianTimeLocktime::new(case[key].as_i64().unwrap());
    let rule = || {
        let (cet, reveal) = (locktime("cet")?, locktime("reveal")?);
        check_locktimes(cet, reveal, locktime("refund")?)
    };
    let name = rule().err().map(|error| match error {
        CoinlibError::AfterReveal { .. } => "after-reveal",
        CoinlibError::AfterRefund { .. } => "after-refund",
        CoinlibError::Locktime(_) => "not-a-timestamp",
        other => panic!("{other}"),
    });
    assert_eq!(name, case["error"].as_str(), "{case}");
}

fn name(error: AdaptorError) -> &'static str {
    match error {
        AdaptorError::Length => "length",
        AdaptorError::Nonce => "nonce",
        AdaptorError::Scalar => "scalar",
        AdaptorError::Infinity => "infinity",
        AdaptorError::Invalid => "invalid",
        AdaptorError::NotCompleted => "not-completed",
        AdaptorError::NotRevealed => "not-revealed",
    }
}

struct AdaptorCase {
    key: XOnlyPublicKey,
    message: [u8; 32],
    point: OutcomePoint,
    secret: AdaptorSecret,
    signature: Signature,
}

impl AdaptorCase {
    fn read(case: &Value) -> Self {
        Self {
            key: XOnlyPublicKey::from_byte_array(array(&case["public_key"])).unwrap(),
            message: array(&case["message"]),
            point: point(&case["point"]),
            secret: AdaptorSecret::from_bytes(&array(&case["secret"])).unwrap(),
            signature: Signature::from_byte_array(array(&case["signature"])),
        }
    }
}

#[test]
fn adaptor_signatures_are_adapted_extracted_and_refused_as_recorded() {
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases("adaptor.json", 39) {
        let given = AdaptorCase::read(&case);
        let decoded = AdaptorSignature::from_bytes(&bytes(&case["adaptor_signature"]));
        let step = case["step"].as_str().unwrap_or("whole");
        *met.entry(step.to_owned()).or_default() += 1;
        let error = match (step, decoded) {
            ("whole", Ok(adaptor)) => {
                check_whole(&adaptor, &given, &case);
                continue;
            }
            ("decode", decoded) => decoded.unwrap_err(),
            ("verify", Ok(adaptor)) => adaptor
                .verify(&given.key, &given.message, &given.point)
                .unwrap_err(),
            ("adapt", Ok(adaptor)) => adaptor
                .adapt(&given.secret, &given.key, &given.message)
                .unwrap_err(),
            ("extract", Ok(adaptor)) => {
                adaptor.extract(&given.signature, &given.point).unwrap_err()
            }
            (step, decoded) => panic!("{step}: {decoded:?}"),
        };
        assert_eq!(name(error), text(&case["error"]), "{}", case["name"]);
    }
    // 2^4: parities of key, nonce, point and final nonce.
    assert_eq!(met["whole"], 16);
}

fn check_whole(adaptor: &AdaptorSignature, given: &AdaptorCase, case: &Value) {
    let name = &case["name"];
    assert_eq!(adaptor.to_string(), text(&case["adaptor_signature"]));
    assert_eq!(
        adaptor.verify(&given.key, &given.message, &given.point),
        Ok(()),
        "{name}"
    );
    let completed = adaptor.adapt(&given.secret, &given.key, &given.message);
    assert_eq!(completed, Ok(given.signature), "{name}");
    let extracted = adaptor.extract(&given.signature, &given.point);
    assert_eq!(extracted.as_ref(), Ok(&given.secret), "{name}");
    let coinlib = SchnorrAdaptorSignature::new(adaptor, &given.point).unwrap();
    assert_eq!(coinlib.pre_sig, array(&case["pre_sig"]));
    assert_eq!(Some(coinlib.parity), case["parity"].as_bool());
    assert_eq!(coinlib.adaptor(&given.point), Ok(*adaptor), "{name}");
}
