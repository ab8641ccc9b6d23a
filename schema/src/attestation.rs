//! What an oracle says happened.
//!
//! Source: dlcspecs `Messaging.md`, `oracle_attestation` (55400).

use secp256k1::XOnlyPublicKey;
use secp256k1::schnorr::Signature;

use crate::event::EventId;

/// One BIP340 signature per announced nonce, over the outcome's texts.
///
/// Whether it fits an announcement is checked by [`crate::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The event. `None` only in the old wire form that lacks it.
    pub event_id: Option<EventId>,
    /// The oracle's key P.
    pub oracle_public_key: XOnlyPublicKey,
    /// In nonce order; the first 32 bytes of each are its nonce.
    pub signatures: Vec<Signature>,
    /// The texts signed, in nonce order.
    pub outcomes: Vec<String>,
}
