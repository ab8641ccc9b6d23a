//! Attesting: promise durably, then sign, then check, then let go.

use chrono::{DateTime, SecondsFormat, Utc};
use oracle_schema::codec::Layout;
use oracle_schema::{Attestation, EventId};
use secp256k1::schnorr::Signature;
use secp256k1::{Parity, XOnlyPublicKey};

use super::announce::ODD;
use super::nonce::content_hash;
use super::sign::{Position, check};
use super::{CLOCK_TOLERANCE_MS, JournalRecord, Signer, SignerError};
use crate::lifecycle::IntentKind;
use crate::store::CommittedOutcome;

/// An attestation ready to be stored, then published.
#[derive(Debug, Clone)]
pub struct SignedAttestation {
    /// The event.
    pub event_id: EventId,
    /// Signed, and checked against the announced nonces.
    pub attestation: Attestation,
    /// Its TLV, 55400, spec layout.
    pub tlv: Vec<u8>,
}

/// Where the k of a position comes from.
#[derive(Clone, Copy)]
struct Origin {
    index: u16,
    parity: Parity,
}

/// A ticket found consistent.
struct Prepared {
    record: JournalRecord,
    origins: Vec<Origin>,
}

impl Signer {
    /// Signs committed outcomes, in the order given.
    ///
    /// Refuses the whole batch, with nothing written or released, when the gate is
    /// shut, or one event is not mature by this signer's clock, contradicts the journal, or
    /// has a ticket that does not fit its announcement. When a check against
    /// the announced nonces fails, the batch stays journaled and nothing is
    /// released; repeating the others alone gives their signatures.
    ///
    /// Deterministic: the same ticket gives the same bytes, however often.
    pub fn attest(
        &self,
        tickets: &[CommittedOutcome],
    ) -> Result<Vec<SignedAttestation>, SignerError> {
        self.require_open()?;
        self.check_time(tickets)?;
        let prepared = super::parallel::map(tickets, |ticket| self.prepare(ticket))?;
        let (records, origins): (Vec<_>, Vec<_>) =
            prepared.into_iter().map(|p| (p.record, p.origins)).unzip();
        // From here on every event of the batch has one end only, on the disk.
        self.journal_append(&records)?;
        // Somebody may have contradicted the log meanwhile: the promise stands, and is
        // kept by a later start.
        self.require_open()?;
        let jobs: Vec<_> = tickets.iter().zip(records).zip(origins).collect();
        super::parallel::map(&jobs, |((ticket, record), origins)| {
            self.sign_one(ticket, record, origins)
        })
    }

    fn check_time(&self, tickets: &[CommittedOutcome]) -> Result<(), SignerError> {
        let now: DateTime<Utc> = self.clock.now();
        let high_water = self
            .high_water_ms
            .load(std::sync::atomic::Ordering::Acquire);
        let behind_ms = high_water.saturating_sub(now.timestamp_millis());
        if behind_ms > CLOCK_TOLERANCE_MS {
            return Err(SignerError::ClockBehind { behind_ms });
        }
        match tickets.iter().find(|t| now < t.maturity().to_datetime()) {
            None => Ok(()),
            Some(ticket) => Err(SignerError::NotMatured {
                event_id: ticket.event_id().clone(),
                maturity: ticket.maturity(),
                now: now.to_rfc3339_opts(SecondsFormat::Millis, true),
            }),
        }
    }

    /// Checks what the store says against itself and builds the record.
    fn prepare(&self, ticket: &CommittedOutcome) -> Result<Prepared, SignerError> {
        let refused = |reason| SignerError::Ticket {
            event_id: ticket.event_id().clone(),
            reason,
        };
        let count = ticket.descriptor().nonce_count();
        let messages = ticket.outcome().messages();
        if ticket.descriptor().parse_messages(&messages).as_ref() != Ok(ticket.outcome()) {
            return Err(refused("the outcome is not one of the event"));
        }
        let nonces: Vec<[u8; 32]> = ticket
            .nonces()
            .iter()
            .map(XOnlyPublicKey::to_byte_array)
            .collect();
        if nonces.len() != count {
            return Err(refused("the number of nonces"));
        }
        if !nonces.is_sorted_by(|a, b| a < b) {
            return Err(refused("nonces are not distinct and ascending"));
        }
        if nonces.contains(&self.key.public().to_byte_array()) {
            return Err(refused("a nonce is the oracle's key"));
        }
        Ok(Prepared {
            origins: origins(ticket.nonce_map(), count)
                .ok_or_else(|| refused("the nonce map is not a permutation"))?,
            record: JournalRecord {
                event_id: ticket.event_id().as_str().to_owned(),
                kind: IntentKind::Attest,
                content_hash: content_hash(
                    ticket.event_id(),
                    ticket.maturity(),
                    ticket.descriptor(),
                    ticket.policy_hash(),
                )
                .map_err(|_| refused("its content is longer than any that was announced"))?,
                epoch: ticket.epoch(),
                maturity: ticket.maturity().epoch(),
                nonces,
                messages,
            },
        })
    }

    /// Signs one journaled event; all of its signatures or none.
    fn sign_one(
        &self,
        ticket: &CommittedOutcome,
        record: &JournalRecord,
        origins: &[Origin],
    ) -> Result<SignedAttestation, SignerError> {
        let event_id = ticket.event_id();
        let public_key = self.key.public();
        let key_bytes = public_key.to_byte_array();
        let positions: Vec<Position> = ticket
            .nonces()
            .iter()
            .zip(&record.messages)
            .map(|(nonce, message)| Position::new(*nonce, &key_bytes, message))
            .collect();
        let scalars = positions
            .iter()
            .zip(origins)
            .map(|(position, origin)| {
                self.nonces
                    .derive(&record.content_hash, u32::from(origin.index))?
                    .sign(origin.parity, &self.key, position.challenge())
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| SignerError::Arithmetic {
                event_id: event_id.clone(),
            })?;
        if !check(&public_key, &positions, &scalars) {
            tracing::error!(%event_id, "signatures do not fit the announced nonces");
            return Err(SignerError::CheckFailed {
                event_id: event_id.clone(),
            });
        }
        let signatures: Vec<Signature> = positions
            .iter()
            .zip(&scalars)
            .map(|(position, s)| position.signature(s))
            .collect();
        let attestation = Attestation {
            event_id: Some(event_id.clone()),
            oracle_public_key: public_key,
            signatures,
            outcomes: record.messages.clone(),
        };
        Ok(SignedAttestation {
            event_id: event_id.clone(),
            tlv: attestation.to_tlv(Layout::Spec),
            attestation,
        })
    }
}

/// Reads a nonce map; `None` unless it names every index below `count` once. A
/// repeated index would sign two positions under one k.
fn origins(map: &[u8], count: usize) -> Option<Vec<Origin>> {
    let (entries, rest) = map.as_chunks::<2>();
    if entries.len() != count || !rest.is_empty() {
        return None;
    }
    let mut seen = vec![false; count];
    entries
        .iter()
        .map(|entry| {
            let entry = u16::from_be_bytes(*entry);
            let index = entry & !ODD;
            let seen = seen.get_mut(usize::from(index))?;
            (!std::mem::replace(seen, true)).then_some(Origin {
                index,
                parity: if entry & ODD == 0 {
                    Parity::Even
                } else {
                    Parity::Odd
                },
            })
        })
        .collect()
}
