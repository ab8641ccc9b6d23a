//! Messages that must be refused, each with the name of the error it earns.
//!
//! The bytes are put together here by hand, field by field: an encoder of valid
//! messages could not make them.

use oracle_schema::codec::Layout;
use oracle_schema::{Announcement, Attestation, EventId, OracleEvent};
use serde_json::{Value, json};

use crate::events::{choice, digits};
use crate::generate::file;
use crate::oracle::{Announced, TestOracle};

pub(crate) fn cases(oracle: &TestOracle) -> Value {
    let mut cases = announcement_bytes(oracle);
    cases.extend(announcement_json(oracle));
    cases.extend(announcement_rules(oracle));
    cases.extend(attestation_bytes(oracle));
    cases.extend(attestation_rules(oracle));
    file(
        "Messages that must be refused. form says how to read input: announcement and attestation \
         are TLV hex, announcement_json and attestation_json are JSON text. stage is decode where \
         the bytes are no message, verify where the message is not true (an attestation against \
         the given announcement). error is the name of the kind of error.",
        &cases,
    )
}

fn case(name: &str, form: &str, stage: &str, error: &str, input: &str) -> Value {
    json!({ "name": name, "form": form, "stage": stage, "error": error, "input": input })
}

fn tlv(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0xfd];
    out.extend_from_slice(&kind.to_be_bytes());
    if let Ok(short @ 0..=0xfc) = u8::try_from(body.len()) {
        out.push(short);
    } else {
        out.push(0xfd);
        out.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
    }
    out.extend_from_slice(body);
    out
}

fn string(text: &[u8]) -> Vec<u8> {
    let mut out = vec![u8::try_from(text.len()).unwrap()];
    assert!(text.len() < 0xfd);
    out.extend_from_slice(text);
    out
}

/// The parts of an enum announcement; a case spoils one.
struct Parts {
    nonces: Vec<u8>,
    descriptor: Vec<u8>,
    event_id: Vec<u8>,
    surplus: Vec<u8>,
}

impl Parts {
    fn of(announced: &Announced) -> Self {
        let mut nonces = vec![0, 1];
        nonces.extend_from_slice(&announced.announcement.event.nonces[0].to_byte_array());
        Self {
            nonces,
            descriptor: enum_descriptor(&[b"yes", b"no"]),
            event_id: string(b"spoilt"),
            surplus: Vec::new(),
        }
    }

    fn hex(&self, announced: &Announced) -> String {
        let maturity = 1_795_363_200_u32.to_be_bytes();
        let event = [
            self.nonces.as_slice(),
            &maturity,
            &self.descriptor,
            &self.event_id,
            &self.surplus,
        ]
        .concat();
        let key = announced.announcement.oracle_public_key.to_byte_array();
        let signature = announced.announcement.signature.to_byte_array();
        let body = [signature.as_slice(), &key, &tlv(55_330, &event)].concat();
        hex::encode(tlv(55_332, &body))
    }
}

fn enum_descriptor(outcomes: &[&[u8]]) -> Vec<u8> {
    let mut body = u16::try_from(outcomes.len())
        .unwrap()
        .to_be_bytes()
        .to_vec();
    for outcome in outcomes {
        body.extend(string(outcome));
    }
    tlv(55_302, &body)
}

fn digits_descriptor(base: u16, is_signed: u8, nb_digits: u16) -> Vec<u8> {
    let mut body = base.to_be_bytes().to_vec();
    body.push(is_signed);
    body.extend(string(b"uUSD/PPC"));
    body.extend_from_slice(&0_i32.to_be_bytes());
    body.extend_from_slice(&nb_digits.to_be_bytes());
    tlv(55_306, &body)
}

fn announcement_bytes(oracle: &TestOracle) -> Vec<Value> {
    let announced = oracle.announce("spoilt", 1_795_363_200, choice(&["yes", "no"]));
    let good = announced.announcement.to_tlv();
    assert_eq!(hex::encode(&good), Parts::of(&announced).hex(&announced));
    let mut cases = Vec::new();
    let mut spoil = |name: &str, error: &str, change: &dyn Fn(&mut Parts)| {
        let mut parts = Parts::of(&announced);
        change(&mut parts);
        let input = parts.hex(&announced);
        cases.push(case(name, "announcement", "decode", error, &input));
    };
    spoil("no nonces", "empty", &|p| p.nonces = vec![0, 0]);
    spoil(
        "more nonces counted than there are bytes",
        "truncated",
        &|p| {
            p.nonces[0] = 0xff;
        },
    );
    spoil("nonce not on the curve", "point", &|p| {
        p.nonces[2..].fill(0xff);
    });
    spoil("unknown descriptor type", "type", &|p| {
        p.descriptor[2] = 0x07;
    });
    spoil("bytes after the event id", "trailing", &|p| {
        p.surplus = vec![0];
    });
    spoil("bytes after the outcomes", "trailing", &|p| {
        p.descriptor.push(0);
        p.descriptor[3] += 1;
    });
    spoil("empty event id", "event-id", &|p| p.event_id = vec![0]);
    spoil("event id not NFC", "event-id", &|p| {
        p.event_id = string("u\u{308}".as_bytes());
    });
    spoil("event id not UTF-8", "utf8", &|p| {
        p.event_id = string(&[0xff]);
    });
    spoil("event id of 4097 bytes", "too-long", &|p| {
        p.event_id = [[0xfd, 0x10, 0x01].as_slice(), &[b'x'; 4_097]].concat();
    });
    spoil("string length not minimal", "not-minimal", &|p| {
        p.event_id = [[0xfd, 0, 6].as_slice(), b"spoilt"].concat();
    });
    spoil("string longer than its message", "truncated", &|p| {
        p.event_id[0] += 1;
    });
    spoil("no outcomes", "empty", &|p| {
        p.descriptor = enum_descriptor(&[]);
    });
    let descriptors: [(&str, &str, Vec<u8>); 7] = [
        (
            "empty outcome",
            "descriptor",
            enum_descriptor(&[b"yes", b""]),
        ),
        (
            "outcome twice",
            "descriptor",
            enum_descriptor(&[b"yes", b"yes"]),
        ),
        (
            "outcome not NFC",
            "descriptor",
            enum_descriptor(&["u\u{308}".as_bytes()]),
        ),
        ("base 1", "descriptor", digits_descriptor(1, 0, 1)),
        ("no digits", "descriptor", digits_descriptor(2, 0, 0)),
        (
            "sign and 65535 digits",
            "descriptor",
            digits_descriptor(2, 1, 65_535),
        ),
        ("is_signed 2", "boolean", digits_descriptor(2, 2, 1)),
    ];
    for (name, error, descriptor) in descriptors {
        spoil(name, error, &|p| p.descriptor.clone_from(&descriptor));
    }
    cases.extend(announcement_frames(&good));
    cases
}

fn announcement_frames(good: &[u8]) -> Vec<Value> {
    let whole: [(&str, &str, Vec<u8>); 4] = [
        ("nothing", "truncated", Vec::new()),
        ("cut short", "truncated", good[..good.len() - 1].to_vec()),
        ("byte after the message", "trailing", [good, &[0]].concat()),
        (
            "message length not minimal",
            "not-minimal",
            [&good[..3], &[0xfd, 0, good[3]], &good[4..]].concat(),
        ),
    ];
    whole
        .iter()
        .map(|(name, error, bytes)| {
            case(name, "announcement", "decode", error, &hex::encode(bytes))
        })
        .collect()
}

fn announcement_json(oracle: &TestOracle) -> Vec<Value> {
    let announced = oracle.announce("spoilt", 1_795_363_200, digits(2, false, 1));
    let good = announced.announcement.to_json();
    let text = good.to_string();
    let mut cases = Vec::new();
    let mut add = |name: &str, error: &str, input: &str| {
        cases.push(case(name, "announcement_json", "decode", error, input));
    };
    let edits: [(&str, &str, Value); 9] = [
        ("unknown member", "/oracleEvent/extra", json!(1)),
        (
            "maturity not an integer",
            "/oracleEvent/eventMaturityEpoch",
            json!(1.5),
        ),
        (
            "maturity as text",
            "/oracleEvent/eventMaturityEpoch",
            json!("1"),
        ),
        (
            "maturity beyond 32 bits",
            "/oracleEvent/eventMaturityEpoch",
            json!(4_294_967_296_u64),
        ),
        (
            "key of 31 bytes",
            "/oraclePublicKey",
            json!("00".repeat(31)),
        ),
        (
            "key not on the curve",
            "/oraclePublicKey",
            json!("ff".repeat(32)),
        ),
        ("no nonces", "/oracleEvent/oracleNonces", json!([])),
        (
            "descriptor of no kind",
            "/oracleEvent/eventDescriptor",
            json!({}),
        ),
        ("event null", "/oracleEvent", json!(null)),
    ];
    for (name, pointer, value) in edits {
        let mut spoilt = good.clone();
        if let Some(place) = spoilt.pointer_mut(pointer) {
            *place = value;
        } else {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            spoilt.pointer_mut(parent).unwrap()[key] = value;
        }
        add(name, "json-shape", &spoilt.to_string());
    }
    add("not JSON", "json", &text[..text.len() - 1]);
    let twice = text.replace(
        r#""eventId":"spoilt""#,
        r#""eventId":"spoilt","eventId":"spoilt""#,
    );
    assert_ne!(twice, text);
    add("member twice", "json", &twice);
    add("text after the JSON", "json", &format!("{text}{{}}"));
    cases
}

fn announcement_rules(oracle: &TestOracle) -> Vec<Value> {
    let announced = oracle.announce("spoilt", 1_795_363_200, digits(2, false, 2));
    let event = &announced.announcement.event;
    let resigned = |change: &dyn Fn(&mut OracleEvent)| {
        let mut event = event.clone();
        change(&mut event);
        oracle.sign_event(event)
    };
    let other = TestOracle::new("second oracle");
    let forged = Announcement {
        oracle_public_key: other.public_key(),
        ..announced.announcement.clone()
    };
    let rules: [(&str, &str, Announcement); 5] = [
        (
            "a nonce too few",
            "nonce-count",
            resigned(&|e| e.nonces.truncate(1)),
        ),
        (
            "nonce twice",
            "duplicate-nonce",
            resigned(&|e| e.nonces[1] = e.nonces[0]),
        ),
        (
            "nonce is the key",
            "nonce-is-key",
            resigned(&|e| e.nonces[0] = oracle.public_key()),
        ),
        ("signed by another key", "announcement-signature", forged),
        (
            "event changed after signing",
            "announcement-signature",
            Announcement {
                event: resigned(&|e| e.event_id = EventId::parse("spoils").unwrap()).event,
                ..announced.announcement.clone()
            },
        ),
    ];
    rules
        .iter()
        .map(|(name, error, announcement)| {
            let input = hex::encode(announcement.to_tlv());
            case(name, "announcement", "verify", error, &input)
        })
        .collect()
}

fn attestation_bytes(oracle: &TestOracle) -> Vec<Value> {
    let announced = oracle.announce("spoilt", 1_795_363_200, digits(2, false, 2));
    let good = oracle.attest(&announced, &["1".to_owned(), "0".to_owned()]);
    let spec = good.to_tlv(Layout::Spec);
    let counted = good.to_tlv(Layout::Counted);
    let signed_nothing = Attestation {
        signatures: Vec::new(),
        outcomes: Vec::new(),
        ..good.clone()
    };
    let with_outcomes = |outcomes: &[&str]| Attestation {
        outcomes: outcomes.iter().map(ToString::to_string).collect(),
        ..good.clone()
    };
    let cases: [(&str, &str, Vec<u8>); 7] = [
        ("nothing", "truncated", Vec::new()),
        ("cut short", "truncated", spec[..spec.len() - 1].to_vec()),
        (
            "byte after the message",
            "trailing",
            [counted.as_slice(), &[0]].concat(),
        ),
        (
            "no signatures",
            "empty",
            signed_nothing.to_tlv(Layout::Spec),
        ),
        (
            "an outcome too few",
            "truncated",
            with_outcomes(&["1"]).to_tlv(Layout::Spec),
        ),
        (
            "an outcome too many",
            "trailing",
            with_outcomes(&["1", "0", "1"]).to_tlv(Layout::Spec),
        ),
        (
            "empty outcome",
            "empty",
            with_outcomes(&["1", ""]).to_tlv(Layout::Spec),
        ),
    ];
    let mut out: Vec<Value> = cases
        .iter()
        .map(|(name, error, bytes)| case(name, "attestation", "decode", error, &hex::encode(bytes)))
        .collect();
    for (name, pointer, value) in [
        ("unknown member", "extra", json!(true)),
        ("event id null", "eventId", json!(null)),
        ("an outcome too few", "outcomes", json!(["1"])),
        ("empty outcome", "outcomes", json!(["1", ""])),
        ("outcome as a number", "outcomes", json!(["1", 0])),
    ] {
        let mut spoilt = good.to_json();
        spoilt[pointer] = value;
        let input = spoilt.to_string();
        out.push(case(
            name,
            "attestation_json",
            "decode",
            "json-shape",
            &input,
        ));
    }
    out
}

fn attestation_rules(oracle: &TestOracle) -> Vec<Value> {
    let announced = oracle.announce("spoilt", 1_795_363_200, digits(10, true, 1));
    let texts = |texts: [&str; 2]| texts.map(ToOwned::to_owned);
    let good = oracle.attest(&announced, &texts(["-", "7"]));
    let changed = |change: &dyn Fn(&mut Attestation)| {
        let mut attestation = good.clone();
        change(&mut attestation);
        attestation
    };
    let other = TestOracle::new("second oracle");
    let rules: [(&str, &str, Attestation); 9] = [
        (
            "of another event",
            "event-id",
            changed(&|a| a.event_id = Some(EventId::parse("other").unwrap())),
        ),
        (
            "by another key",
            "public-key",
            changed(&|a| a.oracle_public_key = other.public_key()),
        ),
        (
            "a signature too few",
            "signature-count",
            changed(&|a| {
                a.signatures.truncate(1);
                a.outcomes.truncate(1);
            }),
        ),
        (
            "digit beyond the base",
            "outcome",
            oracle.attest(&announced, &texts(["+", "10"])),
        ),
        (
            "digit with a leading zero",
            "outcome",
            oracle.attest(&announced, &texts(["+", "07"])),
        ),
        (
            "no sign",
            "outcome",
            oracle.attest(&announced, &texts(["0", "7"])),
        ),
        (
            "negative zero",
            "outcome",
            oracle.attest(&announced, &texts(["-", "0"])),
        ),
        (
            "signatures in another order",
            "nonce",
            changed(&|a| a.signatures.swap(0, 1)),
        ),
        (
            "outcome changed after signing",
            "signature",
            changed(&|a| "8".clone_into(&mut a.outcomes[1])),
        ),
    ];
    let announcement = hex::encode(announced.announcement.to_tlv());
    rules
        .iter()
        .map(|(name, error, attestation)| {
            let input = hex::encode(attestation.to_tlv(Layout::Spec));
            let mut case = case(name, "attestation", "verify", error, &input);
            case["announcement"] = json!(announcement);
            case
        })
        .collect()
}
