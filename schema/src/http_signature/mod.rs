//! Signed operator requests: HTTP message signatures (RFC 9421) in one strict
//! profile, anything else is refused.
//!
//! ```text
//! Content-Digest: sha-256=:<base64>:
//! Signature-Input: sig1=("@method" "@authority" "@path" "@query" "content-digest")
//!     ;created=<s>;expires=<s>;nonce="…";keyid="<operator>";alg="ed25519";tag="oracle-operator"
//! Signature: sig1=:<base64>:
//! ```
//!
//! (`Signature-Input` is one line without spaces between parameters.) The
//! components and the parameters are these, in this order, each in the one
//! canonical form of RFC 8941; the digest is RFC 9530's over the body as sent.
//! Ed25519 is checked strictly: no small-order key, no second form of a
//! signature.
//!
//! A [`SignedRequest`] is well-formed and its body has the digest it names;
//! [`SignedRequest::verify`] alone makes a [`VerifiedRequest`]. No clock: the
//! caller says what time it is. That a nonce is used once is the caller's to
//! keep, per key and for ever.

mod base;
mod fields;

pub use base::{BaseError, BaseParts, SignatureBase};
pub use fields::{MAX_NAME_CHARS, MAX_NONCE_CHARS, MIN_NONCE_CHARS, Parameters};

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// The signature's label in both fields.
pub const LABEL: &str = "sig1";
/// The `tag` parameter.
pub const TAG: &str = "oracle-operator";
/// Longest time from `created` to `expires`, seconds.
pub const MAX_LIFETIME_S: i64 = 60;
/// How far two clocks may be apart, seconds, either way.
pub const CLOCK_TOLERANCE_S: i64 = 5;
/// Longest signature base, bytes: what a log entry has room for beside a body.
pub const MAX_BASE_BYTES: usize = 4096;

/// Field names, lower case, in the order in which [`FieldValues`] has them.
pub const FIELDS: [&str; 3] = ["content-digest", "signature-input", "signature"];

/// Why a request is not an operator's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It carries no signature.
    #[error("{0} is missing: the request is not signed")]
    Unsigned(&'static str),
    /// It is signed in another way than the profile's.
    #[error("{field}: {problem}")]
    Profile {
        /// Header field, parameter or part of the request.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The body is not the one that was signed.
    #[error("content-digest is not that of the body")]
    Digest,
    /// The key is not one (not a point, or of small order).
    #[error("the operator's public key is not an Ed25519 key")]
    Key,
    /// The signature is not by the key, or not over this request.
    #[error("the signature is not valid for this request and this key")]
    Signature,
    /// Genuine, and outside its time.
    #[error(
        "valid from {created} to {expires} (Unix seconds, {CLOCK_TOLERANCE_S} s tolerance); \
         it is {now}"
    )]
    Expired {
        /// As signed, Unix seconds.
        created: i64,
        /// As signed, Unix seconds.
        expires: i64,
        /// The receiver's time, Unix seconds.
        now: i64,
    },
}

impl SignatureError {
    /// The problem type that answers it: `unsigned`, `bad-signature` or
    /// `expired`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unsigned(_) => "unsigned",
            Self::Expired { .. } => "expired",
            Self::Profile { .. } | Self::Digest | Self::Key | Self::Signature => "bad-signature",
        }
    }
}

/// What of a request is signed, as its receiver knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// As sent, upper case.
    pub method: &'a str,
    /// Of the oracle's public address: lower-case host, and the port unless it
    /// is the scheme's own. Never from the `Host` field.
    pub authority: &'a str,
    /// Raw as sent, percent-encoding and all.
    pub path: &'a str,
    /// Raw as sent, without its `?`; none and empty sign alike.
    pub query: Option<&'a str>,
    /// As sent.
    pub body: &'a [u8],
}

/// The three fields that carry a signature, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldValues {
    /// `Content-Digest`.
    pub content_digest: String,
    /// `Signature-Input`.
    pub signature_input: String,
    /// `Signature`.
    pub signature: String,
}

impl FieldValues {
    /// Picks the three out of a request's header fields (lower-case name,
    /// value); each must be there exactly once.
    pub fn collect<'a>(
        fields: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, SignatureError> {
        let mut found: [Option<String>; 3] = [None, None, None];
        for (name, value) in fields {
            let Some((field, slot)) = FIELDS.iter().zip(&mut found).find(|(f, _)| **f == name)
            else {
                continue;
            };
            if slot.is_some() {
                return Err(profile(field, "occurs twice"));
            }
            let text = std::str::from_utf8(value).map_err(|_| profile(field, "is not ASCII"))?;
            *slot = Some(text.to_owned());
        }
        let [content_digest, signature_input, signature] = found;
        Ok(Self {
            signature_input: signature_input.ok_or(SignatureError::Unsigned("signature-input"))?,
            signature: signature.ok_or(SignatureError::Unsigned("signature"))?,
            content_digest: content_digest
                .ok_or_else(|| profile("content-digest", "is missing"))?,
        })
    }
}

/// Signs a request for the operator that `parameters` name.
///
/// Fails on a request that the profile cannot express: method, authority, path
/// or query with a character that is not visible ASCII.
pub fn sign(
    request: &Request<'_>,
    parameters: &Parameters,
    key: &SigningKey,
) -> Result<FieldValues, SignatureError> {
    let digest = fields::content_digest(&body_sha256(request.body));
    let base = SignatureBase::new(request, &digest, parameters)?;
    let signature = key.sign(base.as_str().as_bytes());
    Ok(FieldValues {
        content_digest: digest,
        signature_input: format!("{LABEL}={parameters}"),
        signature: fields::signature(&signature.to_bytes()),
    })
}

/// A request in the form of the profile, whose body has the digest it names.
/// Who sent it is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRequest {
    parameters: Parameters,
    base: SignatureBase,
    signature: [u8; 64],
    body: Vec<u8>,
}

impl SignedRequest {
    /// Reads the fields of a received request and compares the body's digest.
    pub fn parse(request: &Request<'_>, values: &FieldValues) -> Result<Self, SignatureError> {
        let parameters = values
            .signature_input
            .strip_prefix(LABEL)
            .and_then(|rest| rest.strip_prefix('='))
            .ok_or_else(|| profile("signature-input", "has another label than sig1"))?;
        let parameters = Parameters::parse(parameters)?;
        let signature = fields::parse_signature(&values.signature)?;
        let digest = fields::parse_content_digest(&values.content_digest)?;
        if digest != body_sha256(request.body) {
            return Err(SignatureError::Digest);
        }
        let base = SignatureBase::new(request, &values.content_digest, &parameters)?;
        Ok(Self {
            parameters,
            base,
            signature,
            body: request.body.to_vec(),
        })
    }

    /// Whom the request claims to be from: `keyid`.
    pub fn operator(&self) -> &str {
        self.parameters.keyid()
    }

    /// Checks the signature against the operator's key, then the time (`now`,
    /// Unix seconds).
    pub fn verify(
        self,
        public_key: &[u8; 32],
        now: i64,
    ) -> Result<VerifiedRequest, SignatureError> {
        verify_ed25519(public_key, self.base.as_str(), &self.signature)?;
        let (created, expires) = (self.parameters.created(), self.parameters.expires());
        let early = now.saturating_add(CLOCK_TOLERANCE_S) < created;
        let late = expires.saturating_add(CLOCK_TOLERANCE_S) < now;
        if early || late {
            return Err(SignatureError::Expired {
                created,
                expires,
                now,
            });
        }
        Ok(VerifiedRequest {
            public_key: *public_key,
            signed: self,
        })
    }
}

/// A request that an operator's key signed, in its time. Whether it is the
/// first with its nonce, and allowed, is for the receiver to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRequest {
    signed: SignedRequest,
    public_key: [u8; 32],
}

impl VerifiedRequest {
    /// The operator's name: `keyid`.
    pub fn operator(&self) -> &str {
        self.signed.operator()
    }

    /// The key that signed.
    pub fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }

    /// To be used once per key, for ever.
    pub fn nonce(&self) -> &str {
        self.signed.parameters.nonce()
    }

    /// When it was signed by the operator's clock, Unix seconds.
    pub fn created(&self) -> i64 {
        self.signed.parameters.created()
    }

    /// The bytes signed: evidence, with [`Self::signature`] and the body.
    pub fn base(&self) -> &str {
        self.signed.base.as_str()
    }

    /// Ed25519 over [`Self::base`].
    pub fn signature(&self) -> &[u8; 64] {
        &self.signed.signature
    }

    /// As sent.
    pub fn body(&self) -> &[u8] {
        &self.signed.body
    }

    /// What approvals name: the body's SHA-256.
    pub fn body_sha256(&self) -> [u8; 32] {
        body_sha256(&self.signed.body)
    }
}

/// SHA-256 of a body: what `Content-Digest` carries and approvals name.
pub fn body_sha256(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

/// Checks an Ed25519 signature over a signature base, strictly.
pub(crate) fn verify_ed25519(
    public_key: &[u8; 32],
    base: &str,
    signature: &[u8; 64],
) -> Result<(), SignatureError> {
    let key = VerifyingKey::from_bytes(public_key).map_err(|_| SignatureError::Key)?;
    if key.is_weak() {
        return Err(SignatureError::Key);
    }
    key.verify_strict(base.as_bytes(), &Signature::from_bytes(signature))
        .map_err(|_| SignatureError::Signature)
}

fn profile(field: &'static str, problem: &'static str) -> SignatureError {
    SignatureError::Profile { field, problem }
}
