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

/// As much of an announcement as an attestation is held against.
///
/// Its nonces are bytes: it is read out of an announcement that was verified
/// before, and an attestation's signatures need not more of them. Who reads a
/// whole log saves a square root for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// The oracle's key P.
    pub oracle_public_key: XOnlyPublicKey,
    /// x coordinates of the R values, in the order of the signatures.
    pub nonces: Vec<[u8; 32]>,
    /// When the outcome is fixed.
    pub maturity: Maturity,
    /// What the outcome can be.
    pub descriptor: Descriptor,
    /// Name of the event.
    pub event_id: EventId,
}

impl From<&Announcement> for Promise {
    fn from(announcement: &Announcement) -> Self {
        let event = &announcement.event;
        Self {
            oracle_public_key: announcement.oracle_public_key,
            nonces: event
                .nonces
                .iter()
                .map(XOnlyPublicKey::to_byte_array)
                .collect(),
            maturity: event.maturity,
            descriptor: event.descriptor.clone(),
            event_id: event.event_id.clone(),
        }
    }
}
