//! The vector files, read as an implementer elsewhere would read them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use oracle_schema::codec::Layout;
use oracle_schema::log_entry::LogEntry;
use oracle_schema::point::{PointError, adaptor_secret, group_range, prefix_point, sum};
use oracle_schema::policy::{Policy, policy_hash};
use oracle_schema::tag::{attestation_hash, challenge, challenge_scalar, tagged_hash};
use oracle_schema::tlog::tile::Content;
use oracle_schema::tlog::tree::{leaf_hash, verify_consistency, verify_inclusion};
use oracle_schema::tlog::{Hash, Note, NoteKey, Tile, TlogProof};
use oracle_schema::verify::{VerifyError, verify_announcement, verify_attestation};
use oracle_schema::{Announcement, Attestation, DigitsDescriptor, Outcome, Promise, Verified};
use secp256k1::{SecretKey, XOnlyPublicKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{generate, seeds};

pub(crate) fn read(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("vectors")
        .join(file);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Runs every case of a file and insists on how many there are, so that a file
/// cut short cannot pass.
pub(crate) fn run(file: &str, expected: usize, check: impl Fn(&Value)) {
    let content = read(file);
    let cases = content["cases"].as_array().unwrap();
    cases.iter().for_each(check);
    assert_eq!(cases.len(), expected, "cases in {file}");
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(text(value)).unwrap()
}

pub(crate) fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap()
}

fn number(value: &Value) -> u16 {
    u16::try_from(value.as_u64().unwrap()).unwrap()
}

fn verified(value: &Value) -> Verified<Announcement> {
    verify_announcement(Announcement::from_tlv(&bytes(value)).unwrap()).unwrap()
}

#[test]
fn files_on_disk_are_what_the_generator_makes() {
    for (name, content) in generate::files() {
        assert_eq!(read(name), content, "{name}: run the `vectors` example");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (path, content) in seeds::files() {
        assert_eq!(fs::read(root.join(&path)).unwrap(), content, "seed {path}");
    }
}

#[test]
fn announcements_read_back_and_verify_in_every_form() {
    run("announcements.json", 10, |case| {
        let tlv = bytes(&case["tlv"]);
        let announcement = Announcement::from_tlv(&tlv).unwrap();
        assert_eq!(announcement.to_tlv(), tlv);
        assert_eq!(announcement.event.to_tlv(), bytes(&case["event_tlv"]));
        assert_eq!(
            announcement.event.content_tlv(),
            bytes(&case["content_tlv"])
        );
        assert_eq!(announcement.to_json(), case["json"]);
        let json = case["json"].to_string();
        let upper = format!(" \n{}\n", hex::encode_upper(&tlv));
        // Type and length take six bytes here, four in a short message.
        let bare = &tlv[if tlv[3] == 0xfd { 6 } else { 4 }..];
        for form in [tlv.as_slice(), bare, upper.as_bytes(), json.as_bytes()] {
            assert_eq!(Announcement::from_any(form).as_ref(), Ok(&announcement));
        }
        let key: [u8; 32] = array(&case["oracle_secret"]);
        let key = SecretKey::from_secret_bytes(key).unwrap();
        assert_eq!(key.x_only_public_key().0, announcement.oracle_public_key);
        verify_announcement(announcement).unwrap();
    });
}

#[test]
fn attestations_read_back_and_verify_in_every_form() {
    run("attestations.json", 10, |case| {
        let announcement = verified(&case["announcement"]);
        let forms = [
            ("tlv", Layout::Spec, true),
            ("tlv_counted", Layout::Counted, true),
            ("tlv_without_event_id", Layout::Spec, false),
            ("tlv_counted_without_event_id", Layout::Counted, false),
        ];
        for (form, layout, has_id) in forms {
            let tlv = bytes(&case[form]);
            let (attestation, found) = Attestation::from_tlv(&tlv).unwrap();
            assert_eq!(found, layout, "{} {form}", case["name"]);
            assert_eq!(attestation.event_id.is_some(), has_id);
            assert_eq!(attestation.to_tlv(layout), tlv);
            let bare = &tlv[if tlv[3] == 0xfd { 6 } else { 4 }..];
            assert_eq!(Attestation::from_any(bare).as_ref(), Ok(&attestation));
            let checked = verify_attestation(attestation, &announcement).unwrap();
            assert_eq!(checked.outcome().to_string(), text(&case["outcome"]));
            assert_eq!(checked.outcomes, texts(&case["messages"]));
        }
        let from_tlv = Attestation::from_tlv(&bytes(&case["tlv"])).unwrap().0;
        assert_eq!(from_tlv.to_json(), case["json"]);
        let json = case["json"].to_string();
        assert_eq!(Attestation::from_any(json.as_bytes()).unwrap(), from_tlv);
    });
}

/// The stage and the name of the error that a message meets.
fn refusal(case: &Value) -> (&'static str, &'static str) {
    let input = text(&case["input"]);
    match text(&case["form"]) {
        "announcement" => match Announcement::from_tlv(&hex::decode(input).unwrap()) {
            Err(error) => ("decode", error.name()),
            Ok(message) => ("verify", verify_announcement(message).unwrap_err().name()),
        },
        "attestation" => match Attestation::from_tlv(&hex::decode(input).unwrap()) {
            Err(error) => ("decode", error.name()),
            Ok((message, _)) => {
                let announcement = verified(&case["announcement"]);
                let error = verify_attestation(message, &announcement).unwrap_err();
                ("verify", error.name())
            }
        },
        "announcement_json" => ("decode", Announcement::from_json(input).unwrap_err().name()),
        "attestation_json" => ("decode", Attestation::from_json(input).unwrap_err().name()),
        other => panic!("unknown form {other}"),
    }
}

#[test]
fn spoilt_messages_are_refused_for_the_stated_reason() {
    run("invalid.json", 62, |case| {
        let expected = (text(&case["stage"]), text(&case["error"]));
        assert_eq!(refusal(case), expected, "{}", case["name"]);
    });
}

#[test]
fn every_rule_has_a_case_that_breaks_it() {
    let content = read("invalid.json");
    let met: BTreeSet<_> = content["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| (text(&case["stage"]), text(&case["error"])))
        .collect();
    // outcome-count is absent: no wire form holds more or fewer texts than
    // signatures; the test below builds such a value.
    let rules = "nonce-count duplicate-nonce nonce-is-key announcement-signature event-id \
                 public-key signature-count nonce outcome signature";
    for rule in rules.split_whitespace() {
        assert!(met.contains(&("verify", rule)), "no case breaks {rule}");
    }
    let kinds = "truncated trailing not-minimal type boolean utf8 too-long empty point descriptor \
                 event-id json json-shape";
    for kind in kinds.split_whitespace() {
        assert!(met.contains(&("decode", kind)), "no case is {kind}");
    }
}

#[test]
fn fewer_texts_than_signatures_are_refused() {
    let content = read("attestations.json");
    let case = &content["cases"][4];
    let announcement = verified(&case["announcement"]);
    let (mut attestation, _) = Attestation::from_tlv(&bytes(&case["tlv"])).unwrap();
    let expected = attestation.outcomes.len();
    attestation.outcomes.pop();
    let got = expected - 1;
    assert_eq!(
        verify_attestation(attestation, &announcement),
        Err(VerifyError::OutcomeCount { got, expected })
    );
}

#[test]
fn adaptor_secrets_open_the_points_seen_from_the_announcement() {
    let met = std::cell::RefCell::new(BTreeSet::new());
    run("points.json", 35, |case| {
        let prefix = texts(&case["prefix"]);
        if case["error"] == "negative-zero" {
            let announcement = verified(&case["announcements"][0]);
            let refused = prefix_point(&announcement, &prefix);
            assert_eq!(refused, Err(PointError::NegativeZero));
            return;
        }
        let mut points = Vec::new();
        let mut signatures = Vec::new();
        let pairs = case["announcements"].as_array().unwrap().iter();
        for (announcement, attestation) in pairs.zip(case["attestations"].as_array().unwrap()) {
            let announcement = verified(announcement);
            let (attestation, _) = Attestation::from_tlv(&bytes(attestation)).unwrap();
            let attestation = verify_attestation(attestation, &announcement).unwrap();
            points.push(prefix_point(&announcement, &prefix).unwrap());
            signatures.extend_from_slice(&attestation.signatures[..prefix.len()]);
        }
        let point = sum(&points).unwrap();
        let secret = adaptor_secret(&signatures).unwrap();
        assert_eq!(point.compressed(), array(&case["compressed"]));
        assert_eq!(point.xonly(), array(&case["xonly"]));
        assert_eq!(Some(point.odd_y()), case["odd_y"].as_bool());
        assert_eq!(secret.to_bytes(), array(&case["secret"]));
        assert_eq!(
            secret.normalised().to_bytes(),
            array(&case["secret_normalised"])
        );
        // Both ways to the same point: from the public side and from s.
        assert_eq!(secret.point(), point);
        assert_eq!(secret.normalised().point().xonly(), point.xonly());
        assert!(!secret.normalised().point().odd_y());
        let kind = match (points.len(), prefix.len()) {
            (1, 1) if text(&case["name"]).starts_with("enum") => "enum",
            (1, 1) => "digit",
            (1, _) => "prefix",
            _ => "oracles",
        };
        met.borrow_mut().insert((kind, point.odd_y()));
    });
    assert_eq!(met.borrow().len(), 8, "every kind in both parities");
}

#[test]
fn ranges_are_grouped_as_recorded() {
    run("ranges.json", 12, |case| {
        let bound = |key: &str| text(&case[key]).parse::<u128>().unwrap();
        let (base, nb_digits) = (number(&case["base"]), number(&case["nb_digits"]));
        let range = bound("start")..=bound("end");
        let prefixes: Vec<Vec<u16>> = serde_json::from_value(case["prefixes"].clone()).unwrap();
        assert_eq!(group_range(base, nb_digits, range), Ok(prefixes));
    });
}

#[test]
fn values_are_cut_and_clamped_as_recorded() {
    run("digits.json", 26, |case| {
        let (base, nb_digits) = (number(&case["base"]), number(&case["nb_digits"]));
        let is_signed = case["is_signed"].as_bool().unwrap();
        let cut = DigitsDescriptor::new(base, is_signed, String::new(), 0, nb_digits).unwrap();
        let outcome = Outcome::Digits(cut.split(text(&case["value"]).parse().unwrap()));
        assert_eq!(outcome.messages(), texts(&case["messages"]));
        assert_eq!(outcome.to_string(), text(&case["attested"]));
        let parsed = cut.parse(&outcome.messages()).map(Outcome::Digits);
        assert_eq!(parsed, Ok(outcome));
    });
}

#[test]
fn tags_hash_as_recorded() {
    run("tags.json", 17, |case| match text(&case["kind"]) {
        "tagged_hash" => {
            let hash = tagged_hash(text(&case["tag"]), &[&bytes(&case["message"])]);
            assert_eq!(hash, array(&case["hash"]));
        }
        "attestation_hash" => {
            assert_eq!(
                attestation_hash(text(&case["outcome"])),
                array(&case["hash"])
            );
        }
        "challenge" => {
            let (r, p) = (array(&case["nonce"]), array(&case["public_key"]));
            let m = array(&case["message"]);
            assert_eq!(challenge(&r, &p, &m), array(&case["hash"]));
            let scalar = challenge_scalar(&r, &p, &m).to_be_bytes();
            assert_eq!(scalar, array(&case["scalar"]));
        }
        other => panic!("unknown kind {other}"),
    });
}

#[test]
fn log_entries_have_one_encoding() {
    run("log_entries.json", 37, |case| {
        let bytes = bytes(&case["entry"]);
        let entry = LogEntry::from_bytes(&bytes);
        let checked = entry.and_then(|entry| {
            entry.verify()?;
            if let LogEntry::Genesis(genesis) = &entry {
                let digest = genesis.statement.digest()?;
                assert_eq!(digest, array(&case["genesis_digest"]));
            }
            entry.to_bytes()
        });
        if let Some(name) = case["error"].as_str() {
            assert_eq!(checked.unwrap_err().name(), name, "{}", case["name"]);
        } else {
            assert_eq!(checked, Ok(bytes.clone()));
            let leaf = Sha256::digest([&[0], bytes.as_slice()].concat());
            assert_eq!(<[u8; 32]>::from(leaf), array(&case["leaf_hash"]));
        }
    });
}

#[test]
fn trees_proofs_tiles_and_notes_are_as_recorded() {
    let hashes = |value: &Value| -> Vec<Hash> {
        let hashes = value.as_array().unwrap();
        hashes.iter().map(array).collect()
    };
    let number = |value: &Value| value.as_u64().unwrap();
    run("tlog.json", 71, |case| match text(&case["kind"]) {
        "inclusion" => {
            let leaf = leaf_hash(&bytes(&case["entry"]));
            let (index, size) = (number(&case["index"]), number(&case["size"]));
            let (proof, root) = (hashes(&case["proof"]), array(&case["root"]));
            assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));
        }
        "consistency" => {
            let (old, new) = (number(&case["old"]), number(&case["new"]));
            let (was, is) = (array(&case["old_root"]), array(&case["new_root"]));
            let proof = hashes(&case["proof"]);
            assert_eq!(verify_consistency(old, &was, new, &is, &proof), Ok(()));
        }
        "tile" => {
            let tile = text(&case["name"]).parse::<Tile>();
            assert_eq!(tile.is_ok(), case["valid"] == true, "{case}");
            let level = |tile: &Tile| match tile.content {
                Content::Entries => json!(null),
                Content::Hashes(level) => json!(level),
            };
            if let Ok(tile) = tile {
                assert_eq!(level(&tile), case["level"]);
                assert_eq!(
                    json!([tile.index, tile.width]),
                    json!([case["index"], case["width"]])
                );
            }
        }
        kind => {
            let key: NoteKey = text(&case["key"]).parse().unwrap();
            let content = text(&case["text"]);
            let valid = match kind {
                "note" => Note::parse(content).is_ok_and(|note| note.verify(&key).is_ok()),
                "tlog-proof" => {
                    let proof = content.parse::<TlogProof>();
                    proof.is_ok_and(|proof| proof.entry(&key).is_ok())
                }
                other => panic!("unknown kind {other}"),
            };
            assert_eq!(valid, case["valid"] == true, "{case}");
        }
    });
}

#[test]
fn an_entry_reads_the_same_whichever_key_its_reader_knows() {
    let oracle = array(&Value::from(
        "45dd095a8888e3ad6ca7eeff538d43c5cb0e79fee57c5483d6169895c110ac05",
    ));
    let oracle = XOnlyPublicKey::from_byte_array(oracle).unwrap();
    let other = SecretKey::from_secret_bytes([9; 32]).unwrap();
    let other = other.x_only_public_key().0;
    run("log_entries.json", 37, |case| {
        let bytes = bytes(&case["entry"]);
        let entry = LogEntry::from_bytes(&bytes);
        let promise = match &entry {
            Ok(LogEntry::Announcement {
                policy_hash,
                announcement,
            }) => Some((*policy_hash, Promise::from(announcement))),
            _ => None,
        };
        for key in [oracle, other] {
            assert_eq!(LogEntry::from_bytes_of(&bytes, &key), entry);
            if entry.is_ok() {
                assert_eq!(LogEntry::promise_of(&bytes, &key), promise);
            }
        }
    });
}

#[test]
fn policies_hash_as_recorded() {
    run("policies.json", 7, |case| {
        let canonical = text(&case["canonical"]);
        assert_eq!(
            policy_hash(canonical.as_bytes()),
            array(&case["policy_hash"])
        );
        let policy = Policy::parse(canonical.as_bytes()).unwrap();
        assert_eq!(policy.canonical().unwrap(), canonical.as_bytes());
        let question = policy.question(case["maturity"].as_i64());
        assert_eq!(json!(question.title), case["title"]);
        assert_eq!(json!(question.description), case["description"]);
        assert_eq!(json!(question.names), case["names"]);
    });
}
