//! Makes the vectors of adaptor signatures, by their definition and not by the
//! code that they test.

use std::collections::BTreeMap;

use oracle_schema::tag::challenge_scalar;
use secp256k1::{Parity, Scalar, SecretKey};
use serde_json::{Value, json};

use crate::generate::file;
use crate::oracle::{even, secret, xonly};

/// An adaptor signature and all that goes with it.
struct Signed {
    key: SecretKey,
    message: [u8; 32],
    secret: SecretKey,
    nonce: SecretKey,
    scalar: [u8; 32],
    final_nonce: [u8; 32],
    final_odd: bool,
}

fn odd(secret: &SecretKey) -> bool {
    secret.x_only_public_key().1 == Parity::Odd
}

fn add(a: &SecretKey, b: &SecretKey) -> SecretKey {
    a.add_tweak(&Scalar::from(*b)).unwrap()
}

impl Signed {
    /// `s' = ±k + e·d`, with the sign of k after the parity of R = R' + T.
    fn new(label: &str) -> Self {
        let part = |name: &str| secret(&format!("adaptor {name} {label}"));
        let (key, nonce, opening) = (part("key"), part("nonce"), part("secret"));
        let message = part("message").to_secret_bytes();
        let final_nonce = add(&nonce, &opening);
        let final_odd = odd(&final_nonce);
        let r = xonly(&final_nonce).to_byte_array();
        let e = challenge_scalar(&r, &xonly(&key).to_byte_array(), &message);
        let k = if final_odd { nonce.negate() } else { nonce };
        let scalar = add(&even(&key).mul_tweak(&e).unwrap(), &k).to_secret_bytes();
        Self {
            key,
            message,
            secret: opening,
            nonce,
            scalar,
            final_nonce: r,
            final_odd,
        }
    }

    fn parities(&self) -> [bool; 4] {
        let (key, nonce) = (odd(&self.key), odd(&self.nonce));
        [key, nonce, odd(&self.secret), self.final_odd]
    }

    fn adaptor(&self) -> Vec<u8> {
        let nonce = self.nonce.public_key().serialize();
        [nonce.as_slice(), &self.scalar].concat()
    }

    fn signature(&self) -> Vec<u8> {
        let added = if self.final_odd {
            self.secret.negate()
        } else {
            self.secret
        };
        let own = SecretKey::from_secret_bytes(self.scalar).unwrap();
        let s = add(&own, &added).to_secret_bytes();
        [self.final_nonce, s].concat()
    }

    /// What a reader is given to work with; a spoilt case changes some of it.
    fn case(&self, name: &str) -> Value {
        json!({
            "name": name,
            "public_key": xonly(&self.key).to_string(),
            "message": hex::encode(self.message),
            "point": hex::encode(self.secret.public_key().serialize()),
            "secret": hex::encode(self.secret.to_secret_bytes()),
            "adaptor_signature": hex::encode(self.adaptor()),
            "signature": hex::encode(self.signature()),
        })
    }
}

/// `adaptor.json`.
pub(crate) fn cases() -> Value {
    let mut by_parity = BTreeMap::new();
    for attempt in 0.. {
        if by_parity.len() == 16 {
            break;
        }
        let signed = Signed::new(&attempt.to_string());
        by_parity.entry(signed.parities()).or_insert(signed);
    }
    let mut cases: Vec<_> = by_parity
        .iter()
        .map(|(parities, signed)| {
            let text = parities.map(|odd| if odd { "odd" } else { "even" });
            let mut case = signed.case(&format!("key-nonce-point-final-{}", text.join("-")));
            case["pre_sig"] = json!(hex::encode([signed.final_nonce, signed.scalar].concat()));
            case["parity"] = json!(signed.final_odd);
            case["error"] = Value::Null;
            case
        })
        .collect();
    let signed = &by_parity[&[true, true, false, true]];
    let spoilt = &mut |step: &str, name: &str, error: &str, changes: &[(&str, String)]| {
        let mut case = signed.case(name);
        for (key, value) in changes {
            case[*key] = json!(value);
        }
        case["step"] = json!(step);
        case["error"] = json!(error);
        cases.push(case);
    };
    spoil_bytes(signed, spoilt);
    spoil_meaning(signed, &Signed::new("other"), spoilt);
    file(
        "Adaptor signatures in the encoding of the musig2 crate: compressed R' (without the \
         adaptor point), then s'. Without an error: it verifies under public_key, message and \
         point; the secret adapts it to signature, from which the secret comes back; pre_sig and \
         parity are coinlib's form of it. With an error: the step (decode, verify, adapt, \
         extract) that refuses it; earlier steps pass, except that adapt and extract are asked \
         whatever verify says.",
        &cases,
    )
}

type Spoil<'a> = dyn FnMut(&str, &str, &str, &[(&str, String)]) + 'a;

fn spoil_bytes(signed: &Signed, spoilt: &mut Spoil<'_>) {
    const KEY: &str = "adaptor_signature";
    let whole = signed.adaptor();
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = whole.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        hex::encode(changed)
    };
    let order = secp256k1::constants::CURVE_ORDER;
    let short = hex::encode(&whole[..64]);
    let long = hex::encode([whole.as_slice(), &[0]].concat());
    // No point has the x coordinate 5.
    let mut off_curve = [0; 33];
    (off_curve[0], off_curve[32]) = (2, 5);
    for (name, error, value) in [
        ("a-byte-short", "length", short),
        ("a-byte-long", "length", long),
        ("nonce-at-infinity", "nonce", with(0, &[0; 33])),
        ("nonce-off-the-curve", "nonce", with(0, &off_curve)),
        ("nonce-of-no-parity", "nonce", with(0, &[4])),
        ("scalar-zero", "scalar", with(33, &[0; 32])),
        ("scalar-is-the-order", "scalar", with(33, &order)),
    ] {
        spoilt("decode", name, error, &[(KEY, value)]);
    }
    let other_parity = with(0, &[whole[0] ^ 1]);
    spoilt("verify", "nonce-negated", "invalid", &[(KEY, other_parity)]);
    let changed = with(64, &[whole[64] ^ 1]);
    spoilt("verify", "scalar-changed", "invalid", &[(KEY, changed)]);
    // R' = −T: no final nonce.
    let minus = signed.secret.negate().public_key().serialize();
    let cancelled = with(0, &minus);
    spoilt(
        "verify",
        "nonce-cancels-the-point",
        "infinity",
        &[(KEY, cancelled)],
    );
}

fn spoil_meaning(signed: &Signed, other: &Signed, spoilt: &mut Spoil<'_>) {
    let of = |secret: &SecretKey| hex::encode(secret.to_secret_bytes());
    let point = |secret: &SecretKey| hex::encode(secret.public_key().serialize());
    let negated = signed.secret.negate();
    let key = xonly(&other.key).to_string();
    let message = hex::encode(other.message);
    spoilt(
        "verify",
        "other-key",
        "invalid",
        &[("public_key", key.clone())],
    );
    spoilt(
        "verify",
        "other-message",
        "invalid",
        &[("message", message.clone())],
    );
    let others = point(&other.secret);
    spoilt(
        "verify",
        "other-point",
        "invalid",
        &[("point", others.clone())],
    );
    spoilt(
        "verify",
        "negated-point",
        "invalid",
        &[("point", point(&negated))],
    );
    spoilt(
        "adapt",
        "other-secret",
        "not-completed",
        &[("secret", of(&other.secret))],
    );
    spoilt(
        "adapt",
        "negated-secret",
        "not-completed",
        &[("secret", of(&negated))],
    );
    spoilt(
        "adapt",
        "adapted-under-another-key",
        "not-completed",
        &[("public_key", key)],
    );
    spoilt(
        "adapt",
        "adapted-for-another-message",
        "not-completed",
        &[("message", message)],
    );
    let unrelated = hex::encode(other.signature());
    spoilt(
        "extract",
        "unrelated-signature",
        "not-revealed",
        &[("signature", unrelated)],
    );
    let incomplete = hex::encode([signed.final_nonce, signed.scalar].concat());
    spoilt(
        "extract",
        "signature-not-completed",
        "not-revealed",
        &[("signature", incomplete)],
    );
    spoilt(
        "extract",
        "extracted-for-another-point",
        "not-revealed",
        &[("point", others)],
    );
    spoilt(
        "extract",
        "extracted-for-the-negated-point",
        "not-revealed",
        &[("point", point(&negated))],
    );
    let mut altered = signed.signature();
    altered[63] ^= 1;
    spoilt(
        "extract",
        "altered-signature",
        "not-revealed",
        &[("signature", hex::encode(altered))],
    );
}
