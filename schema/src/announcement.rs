//! What an oracle promises: the nonces under which it will sign an outcome.
//!
//! Source: dlcspecs `Messaging.md`, `oracle_announcement` (55332) and
//! `oracle_event` (55330).

use secp256k1::XOnlyPublicKey;
use secp256k1::schnorr::Signature;

use crate::event::{Descriptor, EventId, Maturity};

/// An event with the nonces committed to it.
///
/// The fields are what the wire holds; whether they belong together (nonce
/// count, distinct nonces) is checked by [`crate::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OracleEvent {
    /// R values, one per signature of the attestation, in that order.
    pub nonces: Vec<XOnlyPublicKey>,
    /// When the outcome is fixed.
    pub maturity: Maturity,
    /// What the outcome can be.
    pub descriptor: Descriptor,
    /// Name, unique per oracle for ever.
    pub event_id: EventId,
}

/// An [`OracleEvent`] signed by the oracle's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// BIP340 over [`crate::tag::announcement_hash`] of the event TLV.
    pub signature: Signature,
    /// The oracle's key P.
    pub oracle_public_key: XOnlyPublicKey,
    /// What is announced.
    pub event: OracleEvent,
}
