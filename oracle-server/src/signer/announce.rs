//! Announcing: nonces promised, signed, checked.

use oracle_schema::codec::event_tlv;
use oracle_schema::tag::announcement_hash;
use oracle_schema::verify::verify_announcement;
use oracle_schema::{Announcement, Descriptor, EventId, Maturity, OracleEvent};
use secp256k1::{Parity, XOnlyPublicKey};

use super::nonce::content_hash;
use super::{Signer, SignerError};

/// Derivation indices share a u16 with the parity bit.
const MAX_NONCES: usize = 1 << 15;
/// Top bit of a nonce map entry: R has odd Y.
pub(super) const ODD: u16 = 1 << 15;

/// An event to announce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Name.
    pub event_id: EventId,
    /// When its outcome is fixed.
    pub maturity: Maturity,
    /// What can come out.
    pub descriptor: Descriptor,
    /// SHA-256 of its policy document; bound into every nonce.
    pub policy_hash: [u8; 32],
}

impl Draft {
    /// SHA-256 of everything the event's nonces are bound to: dialect, policy
    /// hash and event TLV without nonces.
    pub fn content_hash(&self) -> [u8; 32] {
        content_hash(
            &self.event_id,
            self.maturity,
            &self.descriptor,
            &self.policy_hash,
        )
    }
}

/// An announcement ready to be stored, then published.
#[derive(Debug, Clone)]
pub struct SignedAnnouncement {
    /// Signed and verified.
    pub announcement: Announcement,
    /// Its TLV, 55332.
    pub tlv: Vec<u8>,
    /// Per nonce, in announced order, a big-endian u16: the derivation index,
    /// and the top bit where R has odd Y. Not secret; saves a multiplication
    /// per digit when attesting.
    pub nonce_map: Vec<u8>,
    /// As [`Draft::content_hash`].
    pub content_hash: [u8; 32],
}

impl Signer {
    /// Derives the nonces of every draft, sorts them by their x-only bytes (so
    /// that readers which re-sort signatures change nothing), and signs.
    ///
    /// Deterministic: the same draft gives the same bytes. Refuses while the gate is
    /// shut.
    pub fn announce(&self, drafts: &[Draft]) -> Result<Vec<SignedAnnouncement>, SignerError> {
        self.require_open()?;
        super::parallel::map(drafts, |draft| self.announce_one(draft))
    }

    fn announce_one(&self, draft: &Draft) -> Result<SignedAnnouncement, SignerError> {
        let refused = |reason: String| SignerError::Draft {
            event_id: draft.event_id.clone(),
            reason,
        };
        let content_hash = draft.content_hash();
        let (nonces, nonce_map) = self.nonces_of(draft, &content_hash)?;
        let event_tlv = event_tlv(&nonces, draft.maturity, &draft.descriptor, &draft.event_id);
        let announcement = Announcement {
            signature: self.key.sign(&announcement_hash(&event_tlv)),
            oracle_public_key: self.key.public(),
            event: OracleEvent {
                nonces,
                maturity: draft.maturity,
                descriptor: draft.descriptor.clone(),
                event_id: draft.event_id.clone(),
            },
        };
        let announcement = verify_announcement(announcement)
            .map_err(|e| refused(e.to_string()))?
            .into_inner();
        Ok(SignedAnnouncement {
            tlv: announcement.to_tlv(),
            announcement,
            nonce_map,
            content_hash,
        })
    }

    /// Nonces in announced order, and the map back to their derivation.
    fn nonces_of(
        &self,
        draft: &Draft,
        content_hash: &[u8; 32],
    ) -> Result<(Vec<XOnlyPublicKey>, Vec<u8>), SignerError> {
        let count = draft.descriptor.nonce_count();
        if count > MAX_NONCES {
            return Err(SignerError::Draft {
                event_id: draft.event_id.clone(),
                reason: format!("{count} nonces; at most {MAX_NONCES} are possible"),
            });
        }
        let mut derived = (0_u16..)
            .take(count)
            .map(|index| {
                let (nonce, parity) = self
                    .nonces
                    .derive(content_hash, u32::from(index))
                    .ok_or_else(|| SignerError::Arithmetic {
                        event_id: draft.event_id.clone(),
                    })?
                    .public();
                let entry = match parity {
                    Parity::Even => index,
                    Parity::Odd => index | ODD,
                };
                Ok((nonce.to_byte_array(), nonce, entry))
            })
            .collect::<Result<Vec<_>, SignerError>>()?;
        derived.sort_unstable_by_key(|(bytes, _, _)| *bytes);
        let map = derived
            .iter()
            .flat_map(|(_, _, entry)| entry.to_be_bytes())
            .collect();
        // Distinctness, and from P, is verify_announcement's to check.
        Ok((
            derived.into_iter().map(|(_, nonce, _)| nonce).collect(),
            map,
        ))
    }
}
