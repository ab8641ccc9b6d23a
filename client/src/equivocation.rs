//! Two messages under one nonce: the oracle's secret key, for everyone to see.
//!
//! BIP340 signatures are `s = k + e·d` with `e = H(R ‖ P ‖ m)`. Two of them
//! under one `R` for different messages give `d = (s1 − s2) / (e1 − e2) mod n`.
//! `d·G` has the x coordinate `P`, which is all the proof there is to check: it
//! needs no word of anyone.

use std::fmt::Write as _;
use std::path::Path;

use oracle_schema::Attestation;
use oracle_schema::codec::Layout;
use oracle_schema::tag::{attestation_hash, challenge_scalar};
use secp256k1::constants::CURVE_ORDER;
use secp256k1::schnorr::Signature;
use secp256k1::{Scalar, SecretKey, XOnlyPublicKey};
use serde_json::json;

/// One signature with its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The outcome's text.
    pub message: String,
    /// BIP340 over [`attestation_hash`] of it.
    pub signature: Signature,
    /// Its place in its attestation: the digit, most significant first.
    pub index: usize,
}

/// The proof that an oracle signed two messages under one nonce.
#[derive(Clone, PartialEq, Eq)]
pub struct Equivocation {
    /// The oracle's key P.
    pub public_key: XOnlyPublicKey,
    /// The nonce's x coordinate.
    pub nonce: [u8; 32],
    /// What was signed under it.
    pub signed: [Signed; 2],
    secret: SecretKey,
}

impl std::fmt::Debug for Equivocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Equivocation")
            .field("public_key", &self.public_key)
            .field("signed", &self.signed)
            .finish_non_exhaustive()
    }
}

/// Why two attestations prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotProven {
    /// Two oracles may say what they like.
    #[error("the attestations are by different keys: {0} and {1}")]
    Keys(Box<XOnlyPublicKey>, Box<XOnlyPublicKey>),
    /// Different events, or an honest oracle.
    #[error("the attestations have no nonce in common: they are of different events")]
    Nonces,
    /// Anybody can write a text beside a nonce.
    #[error("signature {index} of the {which} attestation is not valid, so it is not the oracle's")]
    Signature {
        /// `first` or `second`.
        which: &'static str,
        /// Its place.
        index: usize,
    },
    /// What an honest oracle does.
    #[error("the attestations sign the same message under every nonce that they share")]
    SameMessages,
    /// Cannot happen to valid signatures of different messages.
    #[error("no key follows from the signatures")]
    Degenerate,
}

/// Looks for one nonce under which both attestations sign, differently, at any
/// place, and derives the key.
pub fn prove(first: &Attestation, second: &Attestation) -> Result<Equivocation, NotProven> {
    let key = first.oracle_public_key;
    if second.oracle_public_key != key {
        return Err(NotProven::Keys(
            Box::new(key),
            Box::new(second.oracle_public_key),
        ));
    }
    let mut why = NotProven::Nonces;
    for a in signed(first) {
        for b in signed(second).filter(|b| nonce(&b.signature) == nonce(&a.signature)) {
            let invalid = [("first", &a), ("second", &b)]
                .into_iter()
                .find(|(_, s)| !is_valid(&s.signature, &s.message, &key));
            if let Some((which, s)) = invalid {
                let index = s.index;
                why = NotProven::Signature { which, index };
            } else if a.message != b.message {
                return derive(key, [a, b]);
            } else if why == NotProven::Nonces {
                why = NotProven::SameMessages;
            }
        }
    }
    Err(why)
}

/// Whether the key signed this outcome's text.
pub(crate) fn is_valid(signature: &Signature, message: &str, key: &XOnlyPublicKey) -> bool {
    signature.verify(&attestation_hash(message), key).is_ok()
}

/// The x coordinate of a signature's nonce.
pub(crate) fn nonce(signature: &Signature) -> [u8; 32] {
    let mut nonce = [0; 32];
    let bytes = signature.as_byte_array();
    nonce.copy_from_slice(bytes.split_at(32).0);
    nonce
}

fn signed(attestation: &Attestation) -> impl Iterator<Item = Signed> + '_ {
    let pairs = attestation.signatures.iter().zip(&attestation.outcomes);
    pairs
        .enumerate()
        .map(|(index, (signature, message))| Signed {
            message: message.clone(),
            signature: *signature,
            index,
        })
}

fn derive(public_key: XOnlyPublicKey, signed: [Signed; 2]) -> Result<Equivocation, NotProven> {
    let [a, b] = &signed;
    let nonce = nonce(&a.signature);
    let e = |s: &Signed| {
        let message = attestation_hash(&s.message);
        challenge_scalar(&nonce, &public_key.to_byte_array(), &message).to_be_bytes()
    };
    let s = |s: &Signed| {
        let mut half = [0; 32];
        half.copy_from_slice(s.signature.as_byte_array().split_at(32).1);
        half
    };
    let above = difference(s(a), s(b));
    let below = difference(e(a), e(b)).and_then(|below| inverse(&below));
    let secret = above.zip(below).and_then(|(above, below)| {
        let below = Scalar::from_be_bytes(below.to_secret_bytes()).ok()?;
        above.mul_tweak(&below).ok()
    });
    let secret = secret.filter(|d| d.x_only_public_key().0 == public_key);
    Ok(Equivocation {
        public_key,
        nonce,
        secret: secret.ok_or(NotProven::Degenerate)?,
        signed,
    })
}

/// `a − b mod n`; none if it is zero.
fn difference(a: [u8; 32], b: [u8; 32]) -> Option<SecretKey> {
    let a = Scalar::from_be_bytes(a).ok()?;
    let b = SecretKey::from_secret_bytes(b).ok()?.negate();
    b.add_tweak(&a).ok()
}

/// `a^(n − 2) mod n`, which is `1 / a`.
fn inverse(a: &SecretKey) -> Option<SecretKey> {
    let mut exponent = CURVE_ORDER;
    // The order ends in …41.
    exponent[31] -= 2;
    let factor = Scalar::from_be_bytes(a.to_secret_bytes()).ok()?;
    let mut power: Option<SecretKey> = None;
    for bit in exponent
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |n| byte >> n & 1))
    {
        if let Some(base) = power {
            let square = Scalar::from_be_bytes(base.to_secret_bytes()).ok()?;
            power = Some(base.mul_tweak(&square).ok()?);
        }
        if bit == 1 {
            power = Some(match power {
                Some(base) => base.mul_tweak(&factor).ok()?,
                None => *a,
            });
        }
    }
    power
}

const CHECK: &str = include_str!("equivocation/check.py");

impl Equivocation {
    /// The oracle's secret key, 32 bytes big-endian: the one whose point has an
    /// even y. It is public by now.
    pub fn secret_key(&self) -> [u8; 32] {
        self.secret.to_secret_bytes()
    }

    /// The proof as JSON; all values that are bytes in hex.
    pub fn to_json(&self) -> serde_json::Value {
        let signed = self.signed.iter().map(|s| {
            json!({
                "message": s.message,
                "message_sha256": hex::encode(attestation_hash(&s.message)),
                "signature": hex::encode(s.signature.as_byte_array()),
                "index": s.index,
            })
        });
        json!({
            "version": 1,
            "public_key": self.public_key.to_string(),
            "nonce": hex::encode(self.nonce),
            "signed": signed.collect::<Vec<_>>(),
            "secret_key": hex::encode(self.secret_key()),
        })
    }

    /// Writes what convinces a stranger into a directory: `proof.json`, both
    /// attestations as TLV, `check.py` and `README.md`.
    pub fn save(&self, dir: &Path, attestations: [&Attestation; 2]) -> std::io::Result<()> {
        std::fs::create_dir_all(dir)?;
        let proof = format!("{:#}\n", self.to_json());
        std::fs::write(dir.join("proof.json"), proof)?;
        for (n, attestation) in (1..).zip(attestations) {
            let name = format!("attestation-{n}.tlv");
            std::fs::write(dir.join(name), attestation.to_tlv(Layout::Spec))?;
        }
        std::fs::write(dir.join("check.py"), CHECK)?;
        std::fs::write(dir.join("README.md"), self.readme())
    }

    fn readme(&self) -> String {
        let [a, b] = &self.signed;
        let mut text = String::from("# An oracle signed two outcomes under one nonce\n\n");
        // Writing into a String does not fail.
        let _ = write!(
            text,
            "The oracle with the public key\n`{}`\nsigned, under the nonce\n`{}`, both\n\n\
             - {:?} (signature {} of `attestation-1.tlv`) and\n\
             - {:?} (signature {} of `attestation-2.tlv`).\n\n",
            self.public_key,
            hex::encode(self.nonce),
            a.message,
            a.index,
            b.message,
            b.index
        );
        text.push_str(EXPLANATION);
        text
    }
}

const EXPLANATION: &str = "\
An honest oracle signs one message under a nonce, ever. Two signatures
`s = k + e·d mod n` with `e = SHA256(t ‖ t ‖ R ‖ P ‖ m)`,
`t = SHA256(\"BIP0340/challenge\")`, are two equations with the same `k`; so

    d = (s1 − s2) / (e1 − e2) mod n

is the oracle's secret key, which only its owner can have given away: it is
`secret_key` in `proof.json`. Nobody has to be believed. To check it:

- `python3 check.py` derives `d` from the two signatures alone and compares
  `d·G` with the public key. It needs Python and nothing else; it is short
  enough to read first.
- Or give `secret_key` to any secp256k1 tool: its x-only public key is
  `public_key`.

`m` is `message_sha256`: SHA-256 of `t ‖ t ‖ message` with
`t = SHA256(\"DLC/oracle/attestation/v0\")`.

Whoever has this key can sign any outcome of any event of this oracle. Its
announcements are worth nothing from now on.
";
