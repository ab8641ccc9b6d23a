//! Operator requests: the vectors, and the laws that no vector can show.

use oracle_schema::EventId;
use oracle_schema::http_signature::{
    FieldValues, MAX_BASE_BYTES, Parameters, Request, SignatureError, SignedRequest, sign,
};
use oracle_schema::log_entry::{LogEntry, MAX_ENTRY_BYTES};
use oracle_schema::operator::{
    Approval, BodyError, MAX_BODY_BYTES, OperatorAction, Reason, Report, Verb,
};
use proptest::prelude::*;
use serde_json::json;

use crate::generate_operator::{EVENT, NOW, Sample, key, parameters, signed, verbs};
use crate::vectors::{array, bytes, run, text};

fn alice() -> [u8; 32] {
    key("alice").verifying_key().to_bytes()
}

#[test]
fn requests_are_accepted_or_refused_as_recorded() {
    run("operator_requests.json", 49, |case| {
        let body = bytes(&case["body"]);
        let request = Request {
            method: text(&case["method"]),
            authority: text(&case["authority"]),
            path: text(&case["path"]),
            query: case["query"].as_str(),
            body: &body,
        };
        let fields = FieldValues {
            content_digest: text(&case["content_digest"]).to_owned(),
            signature_input: text(&case["signature_input"]).to_owned(),
            signature: text(&case["signature"]).to_owned(),
        };
        let public_key = array(&case["public_key"]);
        let now = case["now"].as_i64().unwrap();
        let verified =
            SignedRequest::parse(&request, &fields).and_then(|r| r.verify(&public_key, now));
        match (case["error"].as_str(), verified) {
            (None, Ok(verified)) => {
                assert_eq!(verified.base(), text(&case["base"]));
                assert_eq!(verified.nonce(), text(&case["nonce"]));
                assert_eq!(verified.created(), case["created"].as_i64().unwrap());
                assert_eq!(verified.body_sha256(), array(&case["body_sha256"]));
                assert_eq!(verified.body(), body);
                assert_eq!(verified.operator(), "alice");
                assert_eq!(verified.public_key(), &public_key);
            }
            (Some(name), Err(error)) => assert_eq!(error.name(), name, "{}", case["name"]),
            (expected, got) => panic!("{}: expected {expected:?}, got {got:?}", case["name"]),
        }
    });
}

#[test]
fn bodies_are_read_or_refused_by_the_member_at_fault() {
    run("operator_bodies.json", 30, |case| {
        let body = bytes(&case["body"]);
        let result = match text(&case["form"]) {
            "report" => Report::parse(&body).map(drop),
            "approval" => Approval::parse(&body).map(drop),
            "reason" => Reason::parse(&body).map(drop),
            other => panic!("unknown form {other}"),
        };
        let at_fault = |error: &BodyError| error.field().unwrap_or("body").to_owned();
        let found = result.as_ref().err().map(at_fault);
        assert_eq!(found.as_deref(), case["error"].as_str(), "{case}");
    });
}

#[test]
fn a_field_that_is_missing_or_twice_there_is_refused() {
    let fields = [
        ("content-digest", b"a".as_slice()),
        ("signature-input", b"b"),
        ("host", b"ignored"),
        ("signature", b"c"),
    ];
    assert!(FieldValues::collect(fields).is_ok());
    for (missing, name) in [(0, "bad-signature"), (1, "unsigned"), (3, "unsigned")] {
        let rest = fields.iter().enumerate().filter(|(i, _)| *i != missing);
        let error = FieldValues::collect(rest.map(|(_, f)| *f)).unwrap_err();
        assert_eq!(error.name(), name, "without {}", fields[missing].0);
    }
    for twice in [0, 1, 3] {
        let more = fields.iter().chain([&fields[twice]]).copied();
        assert_eq!(
            FieldValues::collect(more).unwrap_err().name(),
            "bad-signature"
        );
    }
    let foreign = fields.map(|(name, _)| (name, b"\xff".as_slice()));
    assert_eq!(
        FieldValues::collect(foreign).unwrap_err().name(),
        "bad-signature"
    );
}

/// The neutral point and the point of order 2 verify a fixed signature over
/// many messages where the check is lax.
#[test]
fn a_key_of_small_order_signs_nothing() {
    let mut sample = signed(
        "report",
        "/v1/events/x/reports",
        &json!({ "outcome": "yes" }),
    );
    let neutral: [u8; 32] = std::array::from_fn(|i| u8::from(i == 0));
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    // R neutral, s = 0.
    let base64 = format!("AQ{}==", "A".repeat(84));
    sample.fields.signature = format!("sig1=:{base64}:");
    for weak in [neutral, minus_one] {
        assert_eq!(sample.verified(&weak), Err(SignatureError::Key));
    }
}

/// s + L passes where the range of s is not checked.
#[test]
fn a_signature_has_no_second_form() {
    use base64::Engine as _;
    const ORDER: [u8; 16] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14,
    ];
    let engine = &base64::engine::general_purpose::STANDARD;
    let mut sample = signed(
        "report",
        "/v1/events/x/reports",
        &json!({ "outcome": "yes" }),
    );
    let inner = sample.fields.signature.strip_prefix("sig1=:").unwrap();
    let mut signature = engine.decode(inner.strip_suffix(':').unwrap()).unwrap();
    let mut carry = 0;
    let order = ORDER.into_iter().chain([0; 15]).chain([0x10]);
    for (byte, add) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    sample.fields.signature = format!("sig1=:{}:", engine.encode(&signature));
    assert_eq!(sample.verified(&alice()), Err(SignatureError::Signature));
}

#[test]
fn what_the_profile_cannot_express_is_not_signed() {
    let sample = signed(
        "report",
        "/v1/events/x/reports",
        &json!({ "outcome": "yes" }),
    );
    let ok = sample.request();
    let signs = |request: Request<'_>| {
        sign(&request, &parameters("0123456789abcdef"), &key("alice")).is_ok()
    };
    let long = "a".repeat(MAX_BASE_BYTES);
    assert!(signs(ok));
    assert!(!signs(Request { path: "/ä", ..ok }));
    assert!(!signs(Request { path: "", ..ok }));
    assert!(!signs(Request { path: "/a b", ..ok }));
    assert!(!signs(Request {
        authority: "a\nb",
        ..ok
    }));
    assert!(!signs(Request {
        query: Some(&long),
        ..ok
    }));
    for (nonce, name) in [("0123456789abcde", "alice"), ("0123456789abcdef", "")] {
        assert!(Parameters::new(NOW, NOW + 60, nonce, name).is_err());
    }
}

#[test]
fn the_longest_action_fits_into_a_log_entry() {
    let mut sample = signed("report", "/v1/events/x/reports", &json!({}));
    sample.body = vec![b' '; MAX_BODY_BYTES];
    let base_len = |s: &Sample| s.verified(&alice()).unwrap().base().len();
    sample.query = Some(String::new());
    sample.sign_again(&parameters("0123456789abcdef"));
    let room = MAX_BASE_BYTES - base_len(&sample);
    sample.query = Some("q".repeat(room));
    sample.sign_again(&parameters("0123456789abcdef"));
    assert_eq!(base_len(&sample), MAX_BASE_BYTES);
    let request = sample.verified(&alice()).unwrap();
    let id = EventId::one_off("x").unwrap();
    let action = OperatorAction::new(Verb::Report, id, 0, &request);
    let entry = LogEntry::OperatorAction(action);
    let bytes = entry.to_bytes().unwrap();
    assert!(bytes.len() <= MAX_ENTRY_BYTES);
    assert_eq!(LogEntry::from_bytes(&bytes), Ok(entry.clone()));
    assert_eq!(entry.verify(), Ok(()));
}

#[test]
fn a_changed_byte_of_a_logged_action_is_noticed() {
    for (verb, sample) in verbs() {
        let request = sample.verified(&alice()).unwrap();
        let id = EventId::one_off(EVENT).unwrap();
        let action = OperatorAction::new(verb, id, 1, &request);
        let bytes = LogEntry::OperatorAction(action).to_bytes().unwrap();
        let time = 2 + 1 + EVENT.len()..2 + 1 + EVENT.len() + 8;
        // The time is the oracle's word, not the operator's.
        for at in (0..bytes.len()).filter(|at| !time.contains(at)) {
            let mut copy = bytes.clone();
            copy[at] ^= 1;
            let accepted = LogEntry::from_bytes(&copy).and_then(|entry| entry.verify());
            assert!(accepted.is_err(), "{verb} byte {at}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_changed_byte_of_a_signed_request_is_refused(
        part in 0_usize..6,
        at in any::<prop::sample::Index>(),
        mask in 1_u8..=255,
    ) {
        let honest = verbs().swap_remove(1).1;
        let mut sample = honest.clone();
        let part = match part {
            0 => &mut sample.fields.content_digest,
            1 => &mut sample.fields.signature_input,
            2 => &mut sample.fields.signature,
            3 => &mut sample.path,
            4 => &mut sample.authority,
            _ => &mut sample.method,
        };
        let mut bytes = part.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
        // What is no text never gets here: FieldValues refuses it.
        prop_assume!(std::str::from_utf8(&bytes).is_ok());
        *part = String::from_utf8(bytes).unwrap();
        let error = sample.verified(&alice()).unwrap_err();
        prop_assert_eq!(error.name(), "bad-signature");
    }

    #[test]
    fn any_changed_byte_of_a_body_is_refused(at in any::<prop::sample::Index>(), mask in 1_u8..=255) {
        let mut sample = verbs().swap_remove(1).1;
        let at = at.index(sample.body.len());
        sample.body[at] ^= mask;
        prop_assert_eq!(sample.verified(&alice()), Err(SignatureError::Digest));
    }

    #[test]
    fn what_is_signed_verifies(
        nonce in "[ !#-\\[\\]-~]{16,64}",
        name in "[A-Za-z0-9._-]{1,64}",
        lifetime in 1_i64..=60,
        path in "/[!-~]{0,80}",
        query in proptest::option::of("[!-~]{0,40}"),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let parameters = Parameters::new(NOW, NOW + lifetime, &nonce, &name).unwrap();
        let request = Request {
            method: "POST",
            authority: "oracle.example:8443",
            path: &path,
            query: query.as_deref(),
            body: &body,
        };
        let fields = sign(&request, &parameters, &key(&name)).unwrap();
        let public_key = key(&name).verifying_key().to_bytes();
        let verified = SignedRequest::parse(&request, &fields).unwrap().verify(&public_key, NOW);
        let verified = verified.unwrap();
        prop_assert_eq!(verified.operator(), &name);
        prop_assert_eq!(verified.nonce(), &nonce);
        prop_assert_eq!(verified.body(), &body[..]);
    }
}
