//! The ticket without which nothing is signed.

use oracle_schema::{Descriptor, EventId, Maturity, Outcome};
use secp256k1::XOnlyPublicKey;

use crate::lifecycle::Standing;

/// An outcome that the intent row holds for ever.
///
/// Only the store's compare-and-swap makes one, so whoever holds it knows that
/// no other outcome of this event can be committed. The signer takes nothing
/// else.
#[derive(Debug, Clone)]
pub struct CommittedOutcome {
    pub(super) event_id: EventId,
    pub(super) standing: Standing,
    pub(super) descriptor: Descriptor,
    pub(super) policy_hash: [u8; 32],
    pub(super) nonces: Vec<XOnlyPublicKey>,
    pub(super) nonce_map: Vec<u8>,
    pub(super) outcome: Outcome,
    pub(super) epoch: i64,
}

impl CommittedOutcome {
    /// The event.
    pub fn event_id(&self) -> &EventId {
        &self.event_id
    }
    /// Not signed before it.
    pub fn maturity(&self) -> Maturity {
        self.standing.maturity
    }
    /// As announced.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }
    /// As announced.
    pub fn policy_hash(&self) -> &[u8; 32] {
        &self.policy_hash
    }
    /// As announced, in announced order.
    pub fn nonces(&self) -> &[XOnlyPublicKey] {
        &self.nonces
    }
    /// Per nonce a big-endian u16: derivation index, top bit set where R has odd Y.
    pub fn nonce_map(&self) -> &[u8] {
        &self.nonce_map
    }
    /// What happened.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }
    /// Takeover epoch under which it was committed.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }
}

#[cfg(test)]
impl CommittedOutcome {
    /// A ticket without a store, for the signer's own tests.
    pub(crate) fn for_tests(
        announced: &oracle_schema::Announcement,
        nonce_map: Vec<u8>,
        policy_hash: [u8; 32],
        outcome: Outcome,
    ) -> Self {
        let event = &announced.event;
        Self {
            event_id: event.event_id.clone(),
            standing: Standing {
                state: crate::lifecycle::State::Committed,
                is_vetoed: false,
                maturity: event.maturity,
                attest_by: chrono::DateTime::<chrono::Utc>::MAX_UTC,
            },
            descriptor: event.descriptor.clone(),
            policy_hash,
            nonces: event.nonces.clone(),
            nonce_map,
            outcome,
            epoch: 1,
        }
    }
}
