//! Where in a mirror the entries of an event are, and what they prove.

use std::collections::HashMap;

use oracle_schema::bundle::{BundleError, BundlePart, End};
use oracle_schema::hour::ProvenHour;
use oracle_schema::log_entry::{GenesisStatement, LogEntry, NoticeKind};
use oracle_schema::nonce_proof::NonceProof;
use oracle_schema::verify::{verify_announcement, verify_attestation};
use oracle_schema::{Announcement, Attestation, EventId, Verified};

use crate::Error;
use crate::attested::check_key;
use crate::proof::unproven;

/// What a mirror proves about an event: what [`oracle_schema::bundle::Proven`] says, but
/// for the policy's document, which is not in the log. Whoever has it from elsewhere
/// holds its SHA-256 against [`Self::policy_hash`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirroredEvent {
    /// Who the oracle is.
    pub genesis: GenesisStatement,
    /// What was promised.
    pub announcement: Verified<Announcement>,
    /// Where it stands in the log.
    pub announcement_position: u64,
    /// That whoever announced it knows the scalars of its nonces.
    pub nonce_proof: Option<NonceProof>,
    /// SHA-256 of the policy document.
    pub policy_hash: [u8; 32],
    /// How the event ended, if the mirror has an end of it.
    pub end: Option<End>,
}

impl MirroredEvent {
    /// The attestation, if the event ended with one.
    pub fn attestation(&self) -> Option<&Verified<Attestation>> {
        match &self.end {
            Some(End::Attested { attestation, .. }) => Some(attestation),
            Some(End::Refunded { .. }) | None => None,
        }
    }
}

/// The entries of a mirror, and positions by what they are about. Their own signatures
/// are checked when an event is looked up.
#[derive(Debug, Default)]
pub(super) struct Index {
    genesis: Option<GenesisStatement>,
    /// Those of events, by position.
    entries: HashMap<u64, LogEntry>,
    announced: HashMap<String, Vec<u64>>,
    /// By the position of their announcement.
    attested: HashMap<u64, Vec<u64>>,
    proven: HashMap<u64, Vec<u64>>,
    notices: HashMap<String, Vec<u64>>,
}

impl Index {
    /// Adds what an hour has from a position on; how many entries that are.
    pub(super) fn add(&mut self, known: u64, hour: &ProvenHour) -> usize {
        self.genesis.get_or_insert_with(|| hour.genesis.clone());
        for (position, entry) in hour.entries.iter().filter(|(at, _)| *at >= known) {
            let places = match entry {
                LogEntry::Announcement { announcement, .. } => {
                    let id = announcement.event.event_id.to_string();
                    self.announced.entry(id).or_default()
                }
                LogEntry::Attestation {
                    announcement_position,
                    ..
                } => self.attested.entry(*announcement_position).or_default(),
                LogEntry::NonceProof {
                    announcement_position,
                    ..
                } => self.proven.entry(*announcement_position).or_default(),
                LogEntry::Notice { event_id, .. } => {
                    self.notices.entry(event_id.to_string()).or_default()
                }
                LogEntry::Genesis(_) | LogEntry::OperatorAction(_) | LogEntry::Status(_) => {
                    continue;
                }
            };
            places.push(*position);
            self.entries.insert(*position, entry.clone());
        }
        let new = hour.checkpoint.size.saturating_sub(known);
        usize::try_from(new).unwrap_or(usize::MAX)
    }

    pub(super) fn event_ids(&self) -> impl Iterator<Item = &str> {
        self.announced.keys().map(String::as_str)
    }

    /// `None` if there is no announcement of it.
    pub(super) fn event(&self, id: &EventId) -> Result<Option<MirroredEvent>, Error> {
        const WHAT: &str = "announcement";
        let places = self.announced.get(id.as_str());
        let Some((at, entry)) = self.only(id, WHAT, places)? else {
            return self.withdrawn(id);
        };
        let (
            Some(genesis),
            LogEntry::Announcement {
                policy_hash,
                announcement,
            },
        ) = (&self.genesis, entry)
        else {
            return Ok(None);
        };
        let key = announcement.oracle_public_key;
        check_key(WHAT, genesis.oracle_public_key, key)?;
        let announcement = verify_announcement(announcement.clone())
            .map_err(|source| Error::Verify { what: WHAT, source })?;
        Ok(Some(MirroredEvent {
            genesis: genesis.clone(),
            nonce_proof: self.nonce_proof(id, at, &announcement)?,
            end: self.end(id, at, &announcement)?,
            announcement,
            announcement_position: at,
            policy_hash: *policy_hash,
        }))
    }

    /// The one entry of a kind that an event may have.
    fn only(
        &self,
        id: &EventId,
        what: &'static str,
        places: Option<&Vec<u64>>,
    ) -> Result<Option<(u64, &LogEntry)>, Error> {
        match places.map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([at]) => Ok(self.entries.get(at).map(|entry| (*at, entry))),
            Some([first, second, ..]) => Err(Error::Twice {
                id: id.clone(),
                what,
                first: *first,
                second: *second,
            }),
        }
    }

    fn withdrawn(&self, id: &EventId) -> Result<Option<MirroredEvent>, Error> {
        let places = self.notices.get(id.as_str());
        match self.only(id, "notice", places)? {
            Some((
                _,
                LogEntry::Notice {
                    kind: NoticeKind::Withdrawn,
                    reason,
                    ..
                },
            )) => Err(Error::Withdrawn {
                id: id.clone(),
                reason: reason.clone(),
            }),
            _ => Ok(None),
        }
    }

    fn nonce_proof(
        &self,
        id: &EventId,
        announced: u64,
        announcement: &Announcement,
    ) -> Result<Option<NonceProof>, Error> {
        let places = self.proven.get(&announced);
        let Some((at, LogEntry::NonceProof { proof, .. })) =
            self.only(id, "nonce proof", places)?
        else {
            return Ok(None);
        };
        check_place(id, BundlePart::NonceProof, at, announced)?;
        let wrong = |source| unproven(id)(BundleError::NonceProof(source));
        let proof = NonceProof::from_bytes(proof).map_err(wrong)?;
        proof.verify(announcement).map_err(wrong)?;
        Ok(Some(proof))
    }

    fn end(
        &self,
        id: &EventId,
        announced: u64,
        announcement: &Verified<Announcement>,
    ) -> Result<Option<End>, Error> {
        let attested = self.only(id, "attestation", self.attested.get(&announced))?;
        let notice = self.only(id, "notice", self.notices.get(id.as_str()))?;
        match (attested, notice) {
            (Some(_), Some(_)) => Err(unproven(id)(BundleError::TwoEnds)),
            (
                Some((
                    position,
                    LogEntry::Attestation {
                        manifest_sha256,
                        attestation,
                        ..
                    },
                )),
                None,
            ) => {
                check_place(id, BundlePart::Attestation, position, announced)?;
                let attestation = verify_attestation(attestation.clone(), announcement);
                Ok(Some(End::Attested {
                    position,
                    manifest_sha256: *manifest_sha256,
                    attestation: attestation.map_err(|source| Error::Verify {
                        what: "attestation",
                        source,
                    })?,
                }))
            }
            (
                None,
                Some((
                    position,
                    LogEntry::Notice {
                        kind: NoticeKind::Refund,
                        time_ms,
                        reason,
                        ..
                    },
                )),
            ) => Ok(Some(End::Refunded {
                position,
                time_ms: *time_ms,
                reason: reason.clone(),
            })),
            _ => Ok(None),
        }
    }
}

/// That an entry comes after the announcement that it names.
fn check_place(id: &EventId, part: BundlePart, at: u64, announced: u64) -> Result<(), Error> {
    if at > announced {
        return Ok(());
    }
    Err(unproven(id)(BundleError::OtherAnnouncement {
        part,
        got: announced,
        expected: announced,
    }))
}
