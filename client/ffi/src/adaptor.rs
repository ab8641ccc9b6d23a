//! Adaptor signatures, in this project's encoding and in coinlib's.
#![forbid(unsafe_code)]

use oracle_math::adaptor::{AdaptorError, AdaptorSignature};
use oracle_math::coinlib::SchnorrAdaptorSignature;
use oracle_math::points::{AdaptorSecret, OutcomePoint};
use secp256k1::schnorr::Signature;
use secp256k1::{PublicKey, SecretKey, XOnlyPublicKey};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::abi::Failure;
use crate::points::request;

fn refused(error: AdaptorError) -> Failure {
    let name = match error {
        AdaptorError::Length => "length",
        AdaptorError::Nonce => "nonce",
        AdaptorError::Scalar => "scalar",
        AdaptorError::Infinity => "infinity",
        AdaptorError::Invalid => "invalid",
        AdaptorError::NotCompleted => "not-completed",
        AdaptorError::NotRevealed => "not-revealed",
    };
    Failure::refused(name, error)
}

fn array<const N: usize>(name: &str, text: &str) -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| Failure::request(format!("{name}: not {N} bytes of hex")))?;
    Ok(bytes)
}

fn public_key(text: &str) -> Result<XOnlyPublicKey, Failure> {
    XOnlyPublicKey::from_byte_array(array("public_key", text)?)
        .map_err(|_| Failure::request("public_key: not the x of a point"))
}

/// 33 bytes, or 32 for the point with an even y.
fn point(text: &str) -> Result<OutcomePoint, Failure> {
    let compressed = if text.len() == 64 {
        format!("02{text}")
    } else {
        text.to_owned()
    };
    PublicKey::from_slice(&array::<33>("point", &compressed)?)
        .map(|point| OutcomePoint { point })
        .map_err(|_| Failure::request("point: not on the curve"))
}

fn secret(text: &Zeroizing<String>) -> Result<AdaptorSecret, Failure> {
    let bytes = Zeroizing::new(array("secret", text)?);
    AdaptorSecret::from_bytes(&bytes).map_err(|error| Failure::refused("secret", error))
}

/// One of the two encodings; which one, its members say.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Signed {
    Ours(String),
    Coinlib { pre_sig: String, parity: bool },
}

impl Signed {
    fn read(&self, point: &OutcomePoint) -> Result<AdaptorSignature, Failure> {
        match self {
            Self::Ours(text) => text.parse().map_err(refused),
            Self::Coinlib { pre_sig, parity } => SchnorrAdaptorSignature {
                pre_sig: array("pre_sig", pre_sig)?,
                parity: *parity,
            }
            .adaptor(point)
            .map_err(refused),
        }
    }
}

fn signed_json(signed: &AdaptorSignature, point: &OutcomePoint) -> Result<Value, Failure> {
    let coinlib = SchnorrAdaptorSignature::new(signed, point).map_err(refused)?;
    Ok(json!({
        "adaptor_signature": signed.to_string(),
        "pre_sig": hex::encode(coinlib.pre_sig),
        "parity": coinlib.parity,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sign {
    secret_key: String,
    message: String,
    point: String,
    aux: String,
}

pub(crate) fn sign(bytes: &[u8]) -> Result<Value, Failure> {
    let asked: Sign = request(bytes)?;
    let text = Zeroizing::new(asked.secret_key);
    let key = Zeroizing::new(array("secret_key", &text)?);
    let mut key = SecretKey::from_secret_bytes(*key)
        .map_err(|_| Failure::request("secret_key: not a scalar between 1 and the group order"))?;
    let point = point(&asked.point)?;
    let mut pair = key.keypair();
    key.non_secure_erase();
    let message = array("message", &asked.message);
    let aux = array("aux", &asked.aux);
    let signed = message.and_then(|message| {
        AdaptorSignature::sign(&pair, &message, &point, &aux?).map_err(refused)
    });
    pair.non_secure_erase();
    signed_json(&signed?, &point)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verify {
    adaptor_signature: Signed,
    public_key: String,
    message: String,
    point: String,
}

pub(crate) fn verify(bytes: &[u8]) -> Result<Value, Failure> {
    let asked: Verify = request(bytes)?;
    let point = point(&asked.point)?;
    let signed = asked.adaptor_signature.read(&point)?;
    let message = array("message", &asked.message)?;
    signed
        .verify(&public_key(&asked.public_key)?, &message, &point)
        .map_err(refused)?;
    signed_json(&signed, &point)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Adapt {
    adaptor_signature: Signed,
    public_key: String,
    message: String,
    secret: String,
}

pub(crate) fn adapt(bytes: &[u8]) -> Result<Value, Failure> {
    let asked: Adapt = request(bytes)?;
    let secret = secret(&Zeroizing::new(asked.secret))?;
    let signed = asked.adaptor_signature.read(&secret.point())?;
    let message = array("message", &asked.message)?;
    let signature = signed
        .adapt(&secret, &public_key(&asked.public_key)?, &message)
        .map_err(refused)?;
    Ok(json!({ "signature": hex::encode(signature.as_byte_array()) }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Extract {
    adaptor_signature: Signed,
    signature: String,
    point: String,
}

pub(crate) fn extract(bytes: &[u8]) -> Result<Value, Failure> {
    let asked: Extract = request(bytes)?;
    let point = point(&asked.point)?;
    let signed = asked.adaptor_signature.read(&point)?;
    let signature = Signature::from_byte_array(array("signature", &asked.signature)?);
    let secret = signed.extract(&signature, &point).map_err(refused)?;
    Ok(json!({
        "secret": hex::encode(secret.to_bytes()),
        "adaptor_scalar": hex::encode(secret.normalised().to_bytes()),
    }))
}
