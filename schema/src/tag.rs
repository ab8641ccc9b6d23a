//! The only tagged hashes of the project.
//!
//! `H_tag(m) = SHA256(SHA256(tag) ‖ SHA256(tag) ‖ m)` (BIP340). The legacy
//! dialect (plain SHA256 of the event body and of the outcome) is deliberately
//! absent: one nonce signed in both dialects reveals the private key.

use secp256k1::Scalar;
use secp256k1::constants::CURVE_ORDER;
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

/// [`challenge`] as a scalar: `e = int(H(R ‖ P ‖ m)) mod n`.
pub fn challenge_scalar(nonce: &[u8; 32], public_key: &[u8; 32], message: &[u8; 32]) -> Scalar {
    reduce(challenge(nonce, public_key, message))
}

/// A hash as a scalar mod n. One subtraction suffices, since 2n > 2^256.
pub(crate) fn reduce(hash: [u8; 32]) -> Scalar {
    if let Ok(scalar) = Scalar::from_be_bytes(hash) {
        return scalar;
    }
    let mut out = hash;
    let mut borrow = false;
    for (byte, order) in out.iter_mut().zip(CURVE_ORDER).rev() {
        let (difference, under) = byte.overflowing_sub(order);
        let (difference, under_again) = difference.overflowing_sub(u8::from(borrow));
        *byte = difference;
        borrow = under || under_again;
    }
    // Below 2^256 − n, so in range: the fallback is unreachable.
    Scalar::from_be_bytes(out).unwrap_or(Scalar::ZERO)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_hash_at_or_above_the_order_is_reduced_by_it() {
        assert_eq!(reduce(CURVE_ORDER), Scalar::ZERO);
        let mut one_above = CURVE_ORDER;
        one_above[31] += 1;
        assert_eq!(reduce(one_above), Scalar::ONE);
        // 2^256 − 1 − n, from the order's published value.
        let largest = "000000000000000000000000000000014551231950b75fc4402da1732fc9bebe";
        assert_eq!(hex::encode(reduce([0xff; 32]).to_be_bytes()), largest);
    }

    #[test]
    fn a_hash_below_the_order_is_itself() {
        let mut below = CURVE_ORDER;
        below[31] -= 1;
        assert_eq!(reduce(below).to_be_bytes(), below);
        assert_eq!(reduce([0; 32]), Scalar::ZERO);
    }
}
