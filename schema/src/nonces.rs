//! Nonces under which something was attested, remembered so that none of them is
//! ever accepted in another announcement.
//!
//! Whoever can choose enough outcomes can forge an announcement in the oracle's
//! name (`docs/threat-model.md`), and would put the nonce of a past event into it:
//! that event's public attestation then "settles" the forged one. A reader who
//! remembers what was attested refuses it, proven or not.

use std::collections::HashMap;
use std::sync::Arc;

use crate::announcement::Announcement;
use crate::attestation::Attestation;
use crate::event::EventId;
use crate::tag::announcement_hash;
use crate::verify::Verified;

/// A nonce of an announcement was attested under in another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "nonce {index} was attested in the announcement of event {event}; \
     an oracle announces a nonce once: this announcement is forged"
)]
pub struct NonceReused {
    /// Its position, from 0.
    pub index: usize,
    /// The event whose attestation is known.
    pub event: EventId,
}

/// One attested announcement, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestedEvent {
    /// Name.
    pub event_id: EventId,
    /// [`announcement_hash`] of its event TLV.
    pub digest: [u8; 32],
    /// x coordinates of its nonces.
    pub nonces: Vec<[u8; 32]>,
}

impl AttestedEvent {
    /// Of an announcement whose attestation was verified against it.
    pub fn of(announcement: &Verified<Announcement>, _attestation: &Verified<Attestation>) -> Self {
        Self {
            event_id: announcement.event.event_id.clone(),
            digest: digest(announcement),
            nonces: nonces(announcement).collect(),
        }
    }
}

/// The attested nonces that a reader knows.
#[derive(Debug, Clone, Default)]
pub struct AttestedNonces(HashMap<[u8; 32], Arc<(EventId, [u8; 32])>>);

impl AttestedNonces {
    /// Refuses an announcement with a nonce that was attested under in another.
    pub fn check(&self, announcement: &Announcement) -> Result<(), NonceReused> {
        if self.0.is_empty() {
            return Ok(());
        }
        let digest = digest(announcement);
        for (index, nonce) in nonces(announcement).enumerate() {
            if let Some(known) = self.0.get(&nonce)
                && known.1 != digest
            {
                let event = known.0.clone();
                return Err(NonceReused { index, event });
            }
        }
        Ok(())
    }

    /// Whether all nonces of an attested announcement are known.
    pub fn knows(&self, event: &AttestedEvent) -> bool {
        event.nonces.iter().all(|nonce| self.0.contains_key(nonce))
    }

    /// Remembers an attested announcement; whether it was new. What was remembered
    /// first stays.
    pub fn learn(&mut self, event: &AttestedEvent) -> bool {
        let known = Arc::new((event.event_id.clone(), event.digest));
        let before = self.0.len();
        for nonce in &event.nonces {
            self.0.entry(*nonce).or_insert_with(|| Arc::clone(&known));
        }
        self.0.len() > before
    }
}

fn digest(announcement: &Announcement) -> [u8; 32] {
    announcement_hash(&announcement.event.to_tlv())
}

fn nonces(announcement: &Announcement) -> impl Iterator<Item = [u8; 32]> {
    let nonces = announcement.event.nonces.iter();
    nonces.map(secp256k1::XOnlyPublicKey::to_byte_array)
}
