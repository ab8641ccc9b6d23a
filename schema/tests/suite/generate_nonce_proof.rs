//! Vectors of the proofs of nonces, computed as they are defined.

use hkdf::Hkdf;
use oracle_schema::Announcement;
use oracle_schema::nonce_proof::NONCE_PROOF_TAG;
use oracle_schema::tag::tagged_hash;
use secp256k1::{Scalar, SecretKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};

use crate::events::{choice, digits, samples};
use crate::generate::file;
use crate::oracle::{Announced, TestOracle, even, xonly};

/// The test oracle's.
pub(crate) const NONCE_SEED: [u8; 32] = [0x5e; 32];

pub(crate) fn seed() -> Hkdf<Sha512> {
    Hkdf::new(None, &NONCE_SEED)
}

/// A hash below the group order; that of every case here is.
fn scalar(hash: [u8; 32]) -> Scalar {
    Scalar::from_be_bytes(hash).unwrap()
}

/// Challenge and proof of an announcement.
fn proof(announcement: &Announcement, nonces: &[SecretKey]) -> ([u8; 32], Vec<u8>) {
    let public = announcement.oracle_public_key.to_byte_array();
    let digest: [u8; 32] = Sha256::digest(announcement.to_tlv()).into();
    let mut t = [0; 32];
    let domain = b"peercoin-dlc-oracle/nonce-proof-secret/v1";
    let info: [&[u8]; 3] = [domain, &public, &digest];
    seed().expand_multi_info(&info, &mut t).unwrap();
    let t = even(&SecretKey::from_secret_bytes(t).unwrap());
    let commitment = xonly(&t).to_byte_array();
    let challenge = tagged_hash(NONCE_PROOF_TAG, &[&commitment, &public, &digest]);
    let c = scalar(challenge);
    // c, c², c³ …, one after the other.
    let mut power = SecretKey::from_secret_bytes(challenge).unwrap();
    let mut z = t;
    for k in nonces {
        let term = even(k).mul_tweak(&power.into()).unwrap();
        z = z.add_tweak(&term.into()).unwrap();
        power = power.mul_tweak(&c).unwrap();
    }
    (challenge, [commitment, z.to_secret_bytes()].concat())
}

/// The proof of an announcement.
pub(crate) fn prove(announced: &Announced) -> [u8; 64] {
    let (_, proof) = proof(&announced.announcement, &announced.nonces);
    proof.try_into().unwrap()
}

pub(crate) fn cases() -> Value {
    let oracle = TestOracle::new("first oracle");
    let case = |name: &str, announcement: &Announcement, proof: &[u8], error: Option<&str>| {
        let mut case = json!({
            "name": name,
            "announcement": hex::encode(announcement.to_tlv()),
            "proof": hex::encode(proof),
        });
        if let Some(error) = error {
            case["error"] = json!(error);
        }
        case
    };
    let mut cases = Vec::new();
    for sample in samples(&oracle) {
        let announced = &sample.announced;
        let (challenge, proof) = proof(&announced.announcement, &announced.nonces);
        let mut valid = case(sample.name, &announced.announcement, &proof, None);
        let secrets = announced.nonces.iter();
        let secrets: Vec<String> = secrets.map(|k| hex::encode(k.to_secret_bytes())).collect();
        valid["nonce_secrets"] = json!(secrets);
        valid["nonce_seed"] = json!(hex::encode(NONCE_SEED));
        valid["challenge"] = json!(hex::encode(challenge));
        cases.push(valid);
    }
    let one = oracle.announce("proven", 1_795_363_200, choice(&["yes", "no"]));
    let two = oracle.announce("proven", 1_795_363_201, choice(&["yes", "no"]));
    let many = oracle.announce("numbers", 1_795_363_200, digits(10, false, 3));
    let [(_, good), (_, of_two), (_, of_many)] =
        [&one, &two, &many].map(|a| proof(&a.announcement, &a.nonces));
    let mut refused = |name: &str, announcement: &Announcement, proof: &[u8], error: &str| {
        cases.push(case(name, announcement, proof, Some(error)));
    };
    let edited = |at: usize, with: &[u8]| {
        let mut proof = good.clone();
        proof[at..at + with.len()].copy_from_slice(with);
        proof
    };
    let event = &one.announcement;
    refused("of another maturity", event, &of_two, "wrong");
    refused("of another event", event, &of_many, "wrong");
    let mut swapped = many.announcement.event.clone();
    swapped.nonces.swap(0, 1);
    let swapped = oracle.sign_event(swapped);
    refused("nonces in another order", &swapped, &of_many, "wrong");
    let other = TestOracle::new("second oracle").sign_event(event.event.clone());
    refused("by another key", &other, &good, "wrong");
    let mut resigned = event.clone();
    resigned.signature = two.announcement.signature;
    refused("under another signature", &resigned, &good, "wrong");
    let mut one_more = good.clone();
    one_more[63] ^= 1;
    refused("another response", event, &one_more, "wrong");
    refused(
        "another commitment",
        event,
        &edited(0, &of_two[..32]),
        "wrong",
    );
    let mut five = [0; 32];
    five[31] = 5;
    refused(
        "a commitment off the curve",
        event,
        &edited(0, &five),
        "commitment",
    );
    refused(
        "a response of zero",
        event,
        &edited(32, &[0; 32]),
        "response",
    );
    refused(
        "a response beyond the order",
        event,
        &edited(32, &[0xff; 32]),
        "response",
    );
    refused("a byte short", event, &good[..63], "length");
    refused(
        "a byte long",
        event,
        &[good.as_slice(), &[0]].concat(),
        "length",
    );
    refused("nothing", event, &[], "length");
    file(
        "Proofs that an announcement's maker knows the scalars of all its nonces \
         (docs/log-format.md). Valid ones have the nonces, the seed that t is derived from, and \
         the challenge before reduction; the others the error.",
        &cases,
    )
}
