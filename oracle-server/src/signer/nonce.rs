//! Nonces: derived, never stored.
//!
//! `k_i` = HKDF-SHA512(salt none, IKM `nonce_seed`, info = domain ‖ P ‖
//! SHA256(content) ‖ i as u32 BE), 64 bytes read as a big-endian number and
//! reduced mod n, where content = lp("tagged") ‖ lp(`policy_hash`) ‖ lp(event
//! TLV with an empty nonce list) and lp is a u32 BE length prefix. Any edit of
//! event or policy changes every R, so an old database with an edited policy
//! cannot meet an old nonce again. Vectors: `schema/vectors/nonce.json`.

use hkdf::Hkdf;
use oracle_schema::codec::event_tlv;
use oracle_schema::nonce_proof::{NonceProof, NonceProofError};
use oracle_schema::{Announcement, Descriptor, EventId, Maturity};
use secp256k1::{Parity, Scalar, SecretKey, XOnlyPublicKey};
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use super::sign::OracleKey;

const DOMAIN: &[u8] = b"peercoin-dlc-oracle/nonce/v1";
const DIALECT: &[u8] = b"tagged";

/// 2^256 mod n.
const TWO_256: [u8; 32] = [
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x45, 0x51, 0x23, 0x19, 0x50, 0xb7, 0x5f, 0xc4,
    0x40, 0x2d, 0xa1, 0x73, 0x2f, 0xc9, 0xbe, 0xbf,
];

/// SHA-256 of everything a nonce is bound to.
pub(super) fn content_hash(
    event_id: &EventId,
    maturity: Maturity,
    descriptor: &Descriptor,
    policy_hash: &[u8; 32],
) -> Result<[u8; 32], TooLong> {
    let tlv = event_tlv(&[], maturity, descriptor, event_id);
    let mut hash = Sha256::new();
    for part in [DIALECT, policy_hash, &tlv] {
        hash.update(length(part.len())?);
        hash.update(part);
    }
    Ok(hash.finalize().into())
}

/// A content whose length cannot be written before it: hashed without, it could have
/// the nonces of another. No descriptor that can be announced is as long.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("its content has {0} bytes, more than 2^32: give it fewer or shorter outcomes")]
pub struct TooLong(usize);

fn length(bytes: usize) -> Result<[u8; 4], TooLong> {
    let prefix = u32::try_from(bytes).map_err(|_| TooLong(bytes))?;
    Ok(prefix.to_be_bytes())
}

/// Derives the nonces of one keystore.
///
/// Holds the keyed HMAC of the extract step; `sha2` clears it on drop.
pub(super) struct NonceSeed {
    prk: Hkdf<Sha512>,
    public_key: [u8; 32],
}

impl NonceSeed {
    pub(super) fn new(seed: &[u8; 32], public_key: &XOnlyPublicKey) -> Self {
        Self {
            prk: Hkdf::new(None, seed),
            public_key: public_key.to_byte_array(),
        }
    }

    /// Nonce `index` of the event with this content; `None` where it is zero.
    pub(super) fn derive(&self, content_hash: &[u8; 32], index: u32) -> Option<SecretNonce> {
        let info = [DOMAIN, &self.public_key, content_hash, &index.to_be_bytes()];
        let mut wide = Zeroizing::new([0_u8; 64]);
        self.prk.expand_multi_info(&info, wide.as_mut()).ok()?;
        reduce_wide(&wide).map(SecretNonce)
    }
}

/// The scalars of one announcement's nonces, in announced order; cleared on drop.
pub(super) struct SecretNonces(Vec<SecretKey>);

impl SecretNonces {
    /// Room for all of them at once: growing would leave copies behind.
    pub(super) fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    pub(super) fn push(&mut self, nonce: &SecretNonce) {
        self.0.push(nonce.0);
    }

    /// That whoever announced knows all of them. Nothing but the announcement decides
    /// the proof: t, its own secret, is derived from it.
    pub(super) fn prove(
        &self,
        announcement: &Announcement,
        seed: &NonceSeed,
    ) -> Result<NonceProof, NonceProofError> {
        NonceProof::prove(announcement, &self.0, &seed.prk)
    }
}

impl Drop for SecretNonces {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(SecretKey::non_secure_erase);
    }
}

/// k of one nonce. Consumed by its signature; cleared on drop.
pub(super) struct SecretNonce(SecretKey);

impl SecretNonce {
    /// For the vectors, whose seed is a test's.
    #[cfg(test)]
    pub(super) fn to_hex(&self) -> String {
        hex::encode(self.0.as_secret_bytes())
    }

    /// R and whether its Y is odd.
    pub(super) fn public(&self) -> (XOnlyPublicKey, Parity) {
        self.0.x_only_public_key()
    }

    /// s = k' + e·x' with k' and x' the scalars of the even-Y points; `parity`
    /// is that of R. `None` on a zero scalar.
    pub(super) fn sign(self, parity: Parity, key: &OracleKey, e: &Scalar) -> Option<SecretKey> {
        let k = match parity {
            Parity::Even => self.0,
            Parity::Odd => self.0.negate(),
        };
        key.even_secret()
            .mul_tweak(e)
            .ok()?
            .add_tweak(&k.into())
            .ok()
    }
}

impl Drop for SecretNonce {
    fn drop(&mut self) {
        self.0.non_secure_erase();
    }
}

/// A 512-bit big-endian number mod n; `None` for zero.
pub(super) fn reduce_wide(wide: &[u8; 64]) -> Option<SecretKey> {
    let (hi, lo) = wide.split_at(32);
    let hi = reduce(hi.try_into().ok()?)
        .and_then(|hi| hi.mul_tweak(&Scalar::from_be_bytes(TWO_256).ok()?).ok());
    match (hi, reduce(lo.try_into().ok()?)) {
        (Some(hi), Some(lo)) => hi.add_tweak(&lo.into()).ok(),
        (one, other) => one.or(other),
    }
}

/// A 256-bit big-endian number mod n; `None` for zero.
fn reduce(bytes: [u8; 32]) -> Option<SecretKey> {
    let bytes = Zeroizing::new(bytes);
    // 2^256 < 2n, so one subtraction suffices; it is due with probability 2^-128.
    SecretKey::from_secret_bytes(*bytes)
        .or_else(|_| SecretKey::from_secret_bytes(minus_order(&bytes)))
        .ok()
}

fn minus_order(bytes: &[u8; 32]) -> [u8; 32] {
    let mut difference = [0; 32];
    let mut borrow = false;
    let order = secp256k1::constants::CURVE_ORDER;
    for (out, (a, b)) in difference.iter_mut().zip(bytes.iter().zip(order)).rev() {
        let (d, under) = a.overflowing_sub(b);
        let (d, under_borrow) = d.overflowing_sub(u8::from(borrow));
        *out = d;
        borrow = under || under_borrow;
    }
    // Below n: the subtraction was not due; all zeros then reads as zero.
    if borrow { [0; 32] } else { difference }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_written_whole_or_refused() {
        assert_eq!(length(0), Ok([0; 4]));
        assert_eq!(length(0x0102_0304), Ok([1, 2, 3, 4]));
        let most = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
        assert_eq!(length(most), Ok([0xff; 4]));
        assert_eq!(length(most + 1), Err(TooLong(most + 1)));
    }
}
