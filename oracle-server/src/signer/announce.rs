//! Announcing: nonces promised, signed, checked, and proven known.

use oracle_schema::codec::event_tlv;
use oracle_schema::nonce_proof::NonceProof;
use oracle_schema::tag::announcement_hash;
use oracle_schema::verify::verify_announcement;
use oracle_schema::{Announcement, Descriptor, EventId, Maturity, OracleEvent};
use secp256k1::{Parity, XOnlyPublicKey};

use super::nonce::{SecretNonce, SecretNonces, TooLong, content_hash};
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
    pub fn content_hash(&self) -> Result<[u8; 32], TooLong> {
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
    /// That this signer knows every nonce of it.
    pub nonce_proof: NonceProof,
}

/// What was announced before announcements had proofs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// Of which the announcement was made.
    pub draft: Draft,
    /// Its exact bytes, as stored.
    pub tlv: Vec<u8>,
}

/// An event's nonces in announced order.
struct Nonces {
    public: Vec<XOnlyPublicKey>,
    /// As [`SignedAnnouncement::nonce_map`].
    map: Vec<u8>,
    secret: SecretNonces,
}

impl Signer {
    /// Derives the nonces of every draft, sorts them by their x-only bytes (so
    /// that readers which re-sort signatures change nothing), signs, and proves that
    /// it knows them.
    ///
    /// Deterministic: the same draft gives the same bytes. Refuses while the gate is
    /// shut.
    pub fn announce(&self, drafts: &[Draft]) -> Result<Vec<SignedAnnouncement>, SignerError> {
        self.require_open()?;
        super::parallel::map(drafts, |draft| self.announce_one(draft))
    }

    /// The proofs of nonces that were announced already, in the order given.
    ///
    /// The announcement is made again: of bytes that this keystore would not
    /// announce nothing is proven. Refuses while the gate is shut.
    pub fn prove_nonces(&self, announced: &[Announced]) -> Result<Vec<NonceProof>, SignerError> {
        self.require_open()?;
        super::parallel::map(announced, |announced| {
            let again = self.announce_one(&announced.draft)?;
            if again.tlv == announced.tlv {
                return Ok(again.nonce_proof);
            }
            Err(SignerError::OtherAnnouncement {
                event_id: announced.draft.event_id.clone(),
            })
        })
    }

    fn announce_one(&self, draft: &Draft) -> Result<SignedAnnouncement, SignerError> {
        let refused = |reason: String| SignerError::Draft {
            event_id: draft.event_id.clone(),
            reason,
        };
        let content_hash = draft.content_hash();
        let content_hash = content_hash.map_err(|e| refused(e.to_string()))?;
        let nonces = self.nonces_of(draft, &content_hash)?;
        let event_tlv = event_tlv(
            &nonces.public,
            draft.maturity,
            &draft.descriptor,
            &draft.event_id,
        );
        let announcement = Announcement {
            signature: self.key.sign(&announcement_hash(&event_tlv)),
            oracle_public_key: self.key.public(),
            event: OracleEvent {
                nonces: nonces.public,
                maturity: draft.maturity,
                descriptor: draft.descriptor.clone(),
                event_id: draft.event_id.clone(),
            },
        };
        let announcement = verify_announcement(announcement)
            .map_err(|e| refused(e.to_string()))?
            .into_inner();
        let nonce_proof = nonces
            .secret
            .prove(&announcement, &self.nonces)
            .map_err(|e| refused(e.to_string()))?;
        Ok(SignedAnnouncement {
            tlv: announcement.to_tlv(),
            announcement,
            nonce_map: nonces.map,
            content_hash,
            nonce_proof,
        })
    }

    fn nonces_of(&self, draft: &Draft, content_hash: &[u8; 32]) -> Result<Nonces, SignerError> {
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
                let (nonce, parity) = self.nonce(draft, content_hash, index)?.public();
                let entry = match parity {
                    Parity::Even => index,
                    Parity::Odd => index | ODD,
                };
                Ok((nonce.to_byte_array(), nonce, entry))
            })
            .collect::<Result<Vec<_>, SignerError>>()?;
        derived.sort_unstable_by_key(|(bytes, _, _)| *bytes);
        // Derived once more in announced order: sorting secrets would leave copies.
        let mut secret = SecretNonces::with_capacity(count);
        for (_, _, entry) in &derived {
            secret.push(&self.nonce(draft, content_hash, entry & !ODD)?);
        }
        // Distinctness, and from P, is verify_announcement's to check.
        Ok(Nonces {
            map: derived
                .iter()
                .flat_map(|(_, _, entry)| entry.to_be_bytes())
                .collect(),
            public: derived.into_iter().map(|(_, nonce, _)| nonce).collect(),
            secret,
        })
    }

    fn nonce(
        &self,
        draft: &Draft,
        content_hash: &[u8; 32],
        index: u16,
    ) -> Result<SecretNonce, SignerError> {
        self.nonces
            .derive(content_hash, u32::from(index))
            .ok_or_else(|| SignerError::Arithmetic {
                event_id: draft.event_id.clone(),
            })
    }
}
