//! The only tagged hashes of the project.
//!
//! `H_tag(m) = SHA256(SHA256(tag) ‖ SHA256(tag) ‖ m)` (BIP340). The legacy
//! dialect (plain SHA256 of the event body and of the outcome) is deliberately
//! absent: one nonce signed in both dialects reveals the private key.

use sha2::{Digest, Sha256};

/// Tag of the announcement digest.
pub const ANNOUNCEMENT_TAG: &str = "DLC/oracle/announcement/v0";
/// Tag of the outcome digest.
pub const ATTESTATION_TAG: &str = "DLC/oracle/attestation/v0";
/// Tag of the BIP340 challenge.
pub const CHALLENGE_TAG: &str = "BIP0340/challenge";

/// Tagged SHA-256 over the concatenation of `parts`.
pub fn tagged_hash(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let tag = Sha256::digest(tag.as_bytes());
    let mut hash = Sha256::new_with_prefix(tag);
    hash.update(tag);
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// Digest that the announcement signature signs.
///
/// Input: the event TLV **with** its type and length. Output: 32 bytes.
/// Source: dlcspecs `Oracle.md`.
pub fn announcement_hash(event_tlv: &[u8]) -> [u8; 32] {
    tagged_hash(ANNOUNCEMENT_TAG, &[event_tlv])
}

/// Digest that an attestation signature signs.
///
/// Input: NFC UTF-8 outcome text. Output: 32 bytes.
/// Source: dlcspecs `Oracle.md`, "Signing Algorithm".
pub fn attestation_hash(outcome: &str) -> [u8; 32] {
    tagged_hash(ATTESTATION_TAG, &[outcome.as_bytes()])
}

/// BIP340 challenge `e` before reduction mod n: `H(R ‖ P ‖ m)`.
pub fn challenge(nonce: &[u8; 32], public_key: &[u8; 32], message: &[u8; 32]) -> [u8; 32] {
    tagged_hash(CHALLENGE_TAG, &[nonce, public_key, message])
}
