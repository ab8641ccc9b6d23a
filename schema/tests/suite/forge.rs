//! An attacker who chooses outcomes, and what comes of it.
//!
//! The attack on Schnorr signatures whose nonces are known before their messages
//! (ROS; Benhamouda, Lepoint, Loss, Orrù, Raykova 2020), as far as it concerns an
//! oracle: of 256 open events with two outcomes each, the attacker picks every
//! outcome. The oracle attests honestly, event by event, and never sees the
//! message that the attacker puts together out of its signatures.

use k256::elliptic_curve::PrimeField as _;
use k256::elliptic_curve::sec1::ToEncodedPoint as _;
use k256::{ProjectivePoint, PublicKey, Scalar};
use oracle_schema::tag::{announcement_hash, attestation_hash, challenge_scalar};
use oracle_schema::{Announcement, Attestation, EventId, OracleEvent};
use secp256k1::XOnlyPublicKey;
use secp256k1::schnorr::Signature;
use serde_json::{Value, json};

use crate::book::Book;
use crate::events::choice;
use crate::generate::file;
use crate::generate_bundle::{ANNOUNCED, ATTESTED, T, World};
use crate::oracle::{Announced, TestOracle};

/// Bits of a group element: so many free choices forge anything.
const BITS: usize = 256;
const OUTCOMES: [&str; 2] = ["yes", "no"];

fn scalar(bytes: [u8; 32]) -> Scalar {
    Scalar::from_repr(bytes.into()).unwrap()
}

/// The point with an even y.
fn lift(x: &XOnlyPublicKey) -> ProjectivePoint {
    let compressed = [&[2], x.to_byte_array().as_slice()].concat();
    PublicKey::from_sec1_bytes(&compressed)
        .unwrap()
        .to_projective()
}

/// An event whose outcome the attacker picks.
struct Open {
    announced: Announced,
    /// Challenge of the first outcome.
    base: Scalar,
    /// 2^i over what the challenge grows by with the second outcome.
    weight: Scalar,
}

/// Opens the events: nothing is attested yet.
fn open_events(oracle: &TestOracle, label: &str) -> Vec<Open> {
    let key = oracle.public_key().to_byte_array();
    let mut power = Scalar::ONE;
    let open = |i: usize| {
        let announced = oracle.announce(&format!("{label} {i}"), T, choice(&OUTCOMES));
        let nonce = announced.announcement.event.nonces[0].to_byte_array();
        let [base, other] = OUTCOMES.map(|text| {
            let e = challenge_scalar(&nonce, &key, &attestation_hash(text));
            scalar(e.to_be_bytes())
        });
        let weight = power * (other - base).invert().unwrap();
        power += power;
        Open {
            announced,
            base,
            weight,
        }
    };
    (0..BITS).map(open).collect()
}

/// A valid signature of the oracle key over `digest`, which the oracle never signs:
/// it attests one outcome of each open event, no more.
fn forge(oracle: &TestOracle, label: &str, digest: &[u8; 32]) -> Signature {
    let events = open_events(oracle, label);
    let nonce: ProjectivePoint = events
        .iter()
        .map(|event| lift(&event.announced.announcement.event.nonces[0]) * event.weight)
        .sum();
    let encoded = nonce.to_affine().to_encoded_point(true);
    // BIP340 means the nonce with an even y: the negative one if this is odd.
    let is_even = encoded.as_bytes()[0] == 2;
    let signed = |s: Scalar| if is_even { s } else { -s };
    let x: [u8; 32] = encoded.as_bytes()[1..].try_into().unwrap();
    let wanted = challenge_scalar(&x, &oracle.public_key().to_byte_array(), digest);
    let base: Scalar = events.iter().map(|event| event.weight * event.base).sum();
    // What is left is written in binary, by the outcomes.
    let rest = signed(scalar(wanted.to_be_bytes())) - base;
    let bits: [u8; 32] = rest.to_repr().into();
    let mut s = Scalar::ZERO;
    for (i, event) in events.iter().enumerate() {
        let is_second = bits[31 - i / 8] >> (i % 8) & 1 == 1;
        let outcome = OUTCOMES[usize::from(is_second)];
        let attested = oracle.attest(&event.announced, &[outcome.to_owned()]);
        let signature = attested.signatures[0].as_byte_array();
        s += signed(event.weight) * scalar(signature[32..].try_into().unwrap());
    }
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&x);
    signature[32..].copy_from_slice(&s.to_bytes());
    Signature::from_byte_array(signature)
}

/// An announcement that the oracle never made, under the nonce of a past event.
pub(crate) fn forged_announcement(
    oracle: &TestOracle,
    past: &Announcement,
    id: &str,
) -> Announcement {
    let event = OracleEvent {
        nonces: past.event.nonces.clone(),
        maturity: past.event.maturity,
        descriptor: choice(&["draw", "anything else"]),
        event_id: EventId::parse(id).unwrap(),
    };
    Announcement {
        signature: forge(oracle, id, &announcement_hash(&event.to_tlv())),
        oracle_public_key: oracle.public_key(),
        event,
    }
}

/// The past event's attestation, under the forged event's name.
pub(crate) fn borrowed(past: &Attestation, id: &str) -> Attestation {
    Attestation {
        event_id: Some(EventId::parse(id).unwrap()),
        ..past.clone()
    }
}

/// The genuine messages at the positions of the log.
fn genuine(world: &World) -> (Announcement, Attestation) {
    use oracle_schema::log_entry::LogEntry;

    let entry = |position: u64| {
        let bytes = &world.book.entries[usize::try_from(position).unwrap()];
        LogEntry::from_bytes(bytes).unwrap()
    };
    match (entry(ANNOUNCED), entry(ATTESTED)) {
        (
            LogEntry::Announcement { announcement, .. },
            LogEntry::Attestation { attestation, .. },
        ) => (announcement, attestation),
        _ => unreachable!("the log is made so"),
    }
}

const FORGED: &str = "never-announced";

/// `forged.json`.
pub(crate) fn cases() -> Value {
    let world = World::new();
    let (oracle, book) = (&world.oracle, &world.book);
    let (past, attestation) = genuine(&world);
    let forged = forged_announcement(oracle, &past, FORGED);
    let settled = borrowed(&attestation, FORGED);
    let hex_of = |bundle: &oracle_schema::bundle::Bundle| serde_json::to_value(bundle).unwrap();

    // The forged messages in the place of the genuine ones, in the genuine log.
    let mut swapped = world.bundle();
    FORGED.clone_into(&mut swapped.event_id);
    let mut other = book.clone();
    other.entries.truncate(1);
    let at = other.announce(&forged);
    let end = other.attest(at, &settled);
    swapped.announcement.entry = other.included(at).entry;
    swapped.attestation.as_mut().unwrap().entry = other.included(end).entry;

    // A log of the attacker's, whose genesis names the attacker's log key under a
    // forged signature of the oracle key.
    let mut attacker = Book::empty(66);
    let statement = attacker.statement(oracle);
    let signature = forge(oracle, "genesis", &statement.digest().unwrap());
    attacker.genesis(statement, signature);
    let at = attacker.announce(&forged);
    let end = attacker.attest(at, &settled);
    let elsewhere = attacker.bundle(FORGED, at, Some(end));
    // Its first entry under the genuine checkpoint.
    let mut grafted = world.bundle();
    grafted.genesis.entry = attacker.included(0).entry;

    let case = |name: &str, error: &str, bundle| json!({ "name": name, "error": error, "bundle": hex_of(bundle) });
    let mut content = file(
        "What whoever chooses 256 open outcomes can forge (docs/threat-model.md): every signature of \
         the oracle key in here verifies, and the oracle never made it. `announcement` and \
         `attestation` are a forged pair under the nonce of `past`: to be refused by whoever knows \
         the past attestation, and never called proven. The cases are bundles that hold the pair or \
         a forged genesis: with `identity` they must be refused, for that reason. The keys are toys: \
         their secrets are known.",
        &[
            case("in-the-genuine-log", "inclusion", &swapped),
            case("in-a-log-of-the-attackers", "checkpoint", &elsewhere),
            case(
                "genesis-under-the-genuine-checkpoint",
                "inclusion",
                &grafted,
            ),
        ],
    );
    let more = json!({
        "oracle_secret": hex::encode(oracle.secret.to_secret_bytes()),
        "identity": book.identity().to_string(),
        "past": {
            "announcement": hex::encode(past.to_tlv()),
            "attestation": hex::encode(attestation.to_tlv(oracle_schema::codec::Layout::Spec)),
        },
        "announcement": hex::encode(forged.to_tlv()),
        "attestation": hex::encode(settled.to_tlv(oracle_schema::codec::Layout::Spec)),
    });
    if let (Value::Object(content), Value::Object(more)) = (&mut content, more) {
        content.extend(more);
    }
    content
}
