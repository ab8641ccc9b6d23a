//! The header fields, each in its one form (RFC 8941 as RFC 9421 and RFC 9530
//! serialise it).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{MAX_LIFETIME_S, SignatureError, TAG, profile};

/// Shortest nonce, characters.
pub const MIN_NONCE_CHARS: usize = 16;
/// Longest nonce, characters.
pub const MAX_NONCE_CHARS: usize = 64;
/// Longest operator name, characters.
pub const MAX_NAME_CHARS: usize = 64;

/// The covered components, in order.
pub(super) const COMPONENTS: &str = r#"("@method" "@authority" "@path" "@query" "content-digest")"#;

/// The parameters of a signature that an operator chooses. Displays as the
/// inner list of `Signature-Input` and `@signature-params`.
///
/// `nonce` and `keyid` are RFC 8941 strings of which every character stands
/// for itself: printable ASCII (0x20 to 0x7e) without `"` and `\`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    created: i64,
    expires: i64,
    nonce: String,
    keyid: String,
}

impl Parameters {
    /// Checks the bounds: times that are not negative and below 10^15,
    /// `expires` after `created` and at most [`MAX_LIFETIME_S`] later, a nonce
    /// of 16 to 64 characters, a name of 1 to 64.
    pub fn new(
        created: i64,
        expires: i64,
        nonce: &str,
        keyid: &str,
    ) -> Result<Self, SignatureError> {
        // RFC 8941 integers have at most 15 digits.
        const END: i64 = 1_000_000_000_000_000;
        if !(0..END).contains(&created) {
            return Err(profile("created", "is out of range"));
        }
        if !(0..END).contains(&expires) || expires <= created {
            return Err(profile("expires", "is not after created"));
        }
        if expires - created > MAX_LIFETIME_S {
            return Err(profile("expires", "is more than 60 s after created"));
        }
        if !plain(nonce) {
            return Err(profile("nonce", "holds a character that it may not"));
        }
        if !(MIN_NONCE_CHARS..=MAX_NONCE_CHARS).contains(&nonce.len()) {
            return Err(profile("nonce", "is not 16 to 64 characters long"));
        }
        if !plain(keyid) {
            return Err(profile("keyid", "holds a character that it may not"));
        }
        if !(1..=MAX_NAME_CHARS).contains(&keyid.len()) {
            return Err(profile("keyid", "is not 1 to 64 characters long"));
        }
        Ok(Self {
            created,
            expires,
            nonce: nonce.to_owned(),
            keyid: keyid.to_owned(),
        })
    }

    /// Reads what [`fmt::Display`] writes, and nothing else.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let order = "covers other components, or has other parameters, or in another order";
        let rest = text
            .strip_prefix(COMPONENTS)
            .ok_or_else(|| profile("signature-input", order))?;
        let (created, rest) = integer(rest, ";created=", "created")?;
        let (expires, rest) = integer(rest, ";expires=", "expires")?;
        let (nonce, rest) = string(rest, ";nonce=\"", "nonce")?;
        let (keyid, rest) = string(rest, ";keyid=\"", "keyid")?;
        let end = format!(";alg=\"ed25519\";tag=\"{TAG}\"");
        if rest != end {
            return Err(profile("signature-input", order));
        }
        Self::new(created, expires, nonce, keyid)
    }

    /// Unix seconds.
    pub fn created(&self) -> i64 {
        self.created
    }

    /// Unix seconds.
    pub fn expires(&self) -> i64 {
        self.expires
    }

    /// To be used once.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The operator's name.
    pub fn keyid(&self) -> &str {
        &self.keyid
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            created,
            expires,
            nonce,
            keyid,
        } = self;
        write!(
            f,
            "{COMPONENTS};created={created};expires={expires};nonce=\"{nonce}\";\
             keyid=\"{keyid}\";alg=\"ed25519\";tag=\"{TAG}\""
        )
    }
}

fn plain(text: &str) -> bool {
    let own = |b: u8| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\';
    text.bytes().all(own)
}

/// A parameter's non-negative integer in its shortest form, and what follows.
fn integer<'a>(
    text: &'a str,
    name: &str,
    field: &'static str,
) -> Result<(i64, &'a str), SignatureError> {
    let rest = text
        .strip_prefix(name)
        .ok_or_else(|| profile(field, "is not where it is due"))?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (digits, rest) = rest.split_at(end);
    let shortest = digits == "0" || !digits.starts_with('0');
    match digits.parse() {
        Ok(value) if shortest => Ok((value, rest)),
        _ => Err(profile(field, "is not a whole number of seconds")),
    }
}

/// A parameter's string, and what follows its closing quote.
fn string<'a>(
    text: &'a str,
    name: &str,
    field: &'static str,
) -> Result<(&'a str, &'a str), SignatureError> {
    text.strip_prefix(name)
        .ok_or_else(|| profile(field, "is not where it is due"))?
        .split_once('"')
        .ok_or_else(|| profile(field, "has no closing quote"))
}

/// `sha-256=:<base64>:`.
pub(super) fn content_digest(sha256: &[u8; 32]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(sha256))
}

/// `sig1=:<base64>:`.
pub(super) fn signature(signature: &[u8; 64]) -> String {
    format!("{}=:{}:", super::LABEL, STANDARD.encode(signature))
}

pub(super) fn parse_content_digest(text: &str) -> Result<[u8; 32], SignatureError> {
    binary(text, "sha-256").ok_or_else(|| profile("content-digest", "is not sha-256=:…: alone"))
}

pub(super) fn parse_signature(text: &str) -> Result<[u8; 64], SignatureError> {
    binary(text, super::LABEL).ok_or_else(|| profile("signature", "is not sig1=:…: of 64 bytes"))
}

/// A dictionary of one byte sequence. The engine refuses missing padding and
/// bits beyond the last byte, so that a value has one text.
fn binary<const N: usize>(text: &str, key: &str) -> Option<[u8; N]> {
    let inner = text
        .strip_prefix(key)?
        .strip_prefix("=:")?
        .strip_suffix(':')?;
    STANDARD.decode(inner).ok()?.try_into().ok()
}
