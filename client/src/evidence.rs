//! Evidence of an outcome: fetched or kept in a directory, and replayed.
//!
//! A bundle in a directory is `stated.json`, `manifest.json`, `policy.json`,
//! `announcement.tlv`, `attestation.tlv`, `proof.json` and one file a body, named by its
//! SHA-256, in `bodies/`. It is all that an auditor needs, now or in ten years,
//! with the oracle gone.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use oracle_feeds::replay::{self, Evidence, Report};
use oracle_schema::bundle::{Bundle as EventBundle, BundleError, BundlePart, End};
use oracle_schema::codec::Layout;
use oracle_schema::evidence::{MAX_MANIFEST_BYTES, Manifest};
use oracle_schema::tlog::NoteKey;
use oracle_schema::verify::{verify_announcement, verify_attestation};
use oracle_schema::{Announcement, Attestation, EventId};
use secp256k1::XOnlyPublicKey;
use serde::{Deserialize, Serialize};

use crate::attested::{Attested, check_event, check_key};
use crate::http::{ANY, Get};
use crate::model::EvidenceInfo;
use crate::{Client, Error, parse_key};

/// Longest file or answer of a bundle but its manifest, bytes: a provider's answer.
pub(crate) const LONGEST: usize = 16 * 1024 * 1024;

/// Most bytes of bodies held at once: the oracle is not trusted with the
/// reader's memory.
pub(crate) const MOST: usize = 512 * 1024 * 1024;

const STATED: &str = "stated.json";
const MANIFEST: &str = "manifest.json";
const POLICY: &str = "policy.json";
const ANNOUNCEMENT: &str = "announcement.tlv";
const ATTESTATION: &str = "attestation.tlv";
/// The event's bundle ([`oracle_schema::bundle`]).
const PROOF: &str = "proof.json";
const BODIES: &str = "bodies";
/// What an attestation names whose evidence is lost.
const NO_MANIFEST: [u8; 32] = [0; 32];

/// What the oracle says about an event's evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stated {
    /// The event.
    pub event_id: EventId,
    /// The oracle's key P, x-only hex.
    pub public_key: String,
    /// SHA-256 of the policy document, hex.
    pub policy_hash: String,
    /// SHA-256 of the manifest, hex.
    pub manifest_sha256: String,
}

/// Everything that an outcome rests on.
///
/// Announcement and attestation are verified; all the rest is what
/// [`Bundle::replay`] is there to check.
#[derive(Debug)]
pub struct Bundle {
    /// What the oracle says.
    pub stated: Stated,
    /// What was promised and signed.
    pub attested: Attested,
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
    /// The policy document's bytes.
    pub policy: Vec<u8>,
    /// What proves announcement, attestation and both hashes: the event's bundle
    /// ([`oracle_schema::bundle`]). `None` if it was fetched or saved without one.
    pub proof: Option<Vec<u8>>,
    /// Bodies by their SHA-256, lower-case hex; whether they have it is checked
    /// in the replay.
    pub bodies: BTreeMap<String, Vec<u8>>,
    /// Why bodies could not be fetched, by their SHA-256.
    pub unavailable: BTreeMap<String, String>,
}

impl Client {
    /// What the event's outcome rests on, as the server tells it. Unsigned.
    pub async fn evidence(&self, id: &EventId) -> Result<EvidenceInfo, Error> {
        self.json("evidence", &["v1", "events", id.as_str(), "evidence"])
            .await
            .map_err(|e| e.about(id))
    }

    /// What the event's outcome rests on, but for the providers' answers
    /// ([`Self::fetch_bodies`]): announcement and attestation verified, the rest
    /// to be replayed.
    ///
    /// Fails like [`Self::attestation`], and with [`Error::NoEvidence`].
    ///
    /// ```no_run
    /// # async fn demo(client: oracle_client::Client) -> Result<(), oracle_client::Error> {
    /// # let id = client.events(None).await?.events[0].event_id.clone();
    /// let mut bundle = client.bundle(&id).await?;
    /// client.fetch_bodies(&mut bundle).await?;
    /// bundle.save("evidence".as_ref())?;
    /// let report = bundle.replay()?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn bundle(&self, id: &EventId) -> Result<Bundle, Error> {
        let attested = self.attestation(id).await?;
        let (policy_hash, manifest_sha256, proof) = self.hashes(id).await?;
        let path = ["v1", "events", id.as_str(), "evidence"];
        let format = [("format", "manifest")];
        let manifest = self.long("manifest", &path, &format, MAX_MANIFEST_BYTES);
        let manifest = manifest.await.map_err(|e| e.about(id))?;
        let path = ["v1", "events", id.as_str(), "policy"];
        let policy = self.long("policy", &path, &[], LONGEST).await;
        Ok(Bundle {
            stated: Stated {
                event_id: id.clone(),
                public_key: attested.announcement.oracle_public_key.to_string(),
                policy_hash,
                manifest_sha256,
            },
            attested,
            manifest,
            policy: policy.map_err(|e| e.about(id))?,
            proof,
            bodies: BTreeMap::new(),
            unavailable: BTreeMap::new(),
        })
    }

    /// The hashes of policy and manifest, hex, and what proves them: they are in
    /// the log's entries. With [`crate::Options::unproven`] they are the server's
    /// word, and nothing proves them.
    async fn hashes(&self, id: &EventId) -> Result<(String, String, Option<Vec<u8>>), Error> {
        let none = || Error::NoEvidence(id.clone());
        if self.options.unproven {
            let policy_hash = self.event(id).await?.policy_hash.ok_or_else(none)?;
            let manifest = self.evidence(id).await?.manifest_sha256;
            return Ok((policy_hash, manifest.ok_or_else(none)?, None));
        }
        let (proven, proof) = self.proof(id).await?;
        match proven.end {
            Some(End::Attested {
                manifest_sha256, ..
            }) if manifest_sha256 != NO_MANIFEST => Ok((
                hex::encode(proven.policy_hash),
                hex::encode(manifest_sha256),
                Some(proof),
            )),
            _ => Err(none()),
        }
    }

    /// Fetches the providers' answers that a bundle lacks, as far as they may
    /// be passed on. What cannot be fetched is named in
    /// [`Bundle::unavailable`]; fails only where they grow beyond all bounds.
    pub async fn fetch_bodies(&self, bundle: &mut Bundle) -> Result<(), Error> {
        let mut room = MOST;
        for sha256 in named(&bundle.manifest, |o| o.public) {
            if bundle.bodies.contains_key(&sha256) {
                continue;
            }
            match self.evidence_body(&sha256).await {
                Ok(body) => {
                    room = room.checked_sub(body.len()).ok_or(Error::TooLarge {
                        what: "bodies",
                        limit: MOST,
                    })?;
                    bundle.bodies.insert(sha256, body);
                }
                Err(error) => {
                    bundle.unavailable.insert(sha256, error.to_string());
                }
            }
        }
        Ok(())
    }

    /// A recorded body by its SHA-256, hex; whether it has it is not checked
    /// here.
    pub async fn evidence_body(&self, sha256: &str) -> Result<Vec<u8>, Error> {
        self.long("evidence body", &["v1", "evidence", sha256], &[], LONGEST)
            .await
    }

    /// An answer that may be longer than any message.
    pub(crate) async fn long(
        &self,
        what: &'static str,
        path: &[&str],
        query: &[(&str, &str)],
        limit: usize,
    ) -> Result<Vec<u8>, Error> {
        let get = Get {
            what,
            path,
            query,
            accept: ANY,
            hold: Duration::ZERO,
            attempts: self.options.attempts,
        };
        self.http.get_up_to(limit, get).await
    }
}

impl Bundle {
    /// Replays it: [`oracle_feeds::replay`]. Fails only if what the oracle
    /// states is no SHA-256.
    pub fn replay(&self) -> Result<Report, Error> {
        let event = &self.attested.announcement.event;
        Ok(replay::replay(&Evidence {
            manifest: &self.manifest,
            manifest_sha256: sha256("manifest_sha256", &self.stated.manifest_sha256)?,
            policy: &self.policy,
            policy_hash: sha256("policy_hash", &self.stated.policy_hash)?,
            event_id: &event.event_id,
            maturity: event.maturity.unix(),
            descriptor: &event.descriptor,
            outcome: self.attested.outcome(),
            bodies: &self.bodies,
        }))
    }

    /// Reads a saved bundle, and verifies its announcement and attestation
    /// under `key`, else under the key that the bundle states. With an `identity`
    /// they must be proven to be in its log, and the hashes with them.
    pub fn load(
        dir: &Path,
        key: Option<XOnlyPublicKey>,
        identity: Option<&NoteKey>,
    ) -> Result<Self, Error> {
        let stated: Stated =
            serde_json::from_slice(&read(dir, STATED)?).map_err(|e| Error::Malformed {
                what: STATED,
                reason: e.to_string(),
            })?;
        let stated_key = parse_key(&stated.public_key).ok_or_else(|| Error::Malformed {
            what: STATED,
            reason: "public_key is not a 32-byte key in hex".to_owned(),
        })?;
        let mut bundle = Self {
            attested: verified(dir, &stated.event_id, key.unwrap_or(stated_key))?,
            manifest: read(dir, MANIFEST)?,
            policy: read(dir, POLICY)?,
            proof: match read(dir, PROOF) {
                Err(Error::File { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound =>
                {
                    None
                }
                proof => Some(proof?),
            },
            stated,
            bodies: BTreeMap::new(),
            unavailable: BTreeMap::new(),
        };
        if let Some(identity) = identity {
            bundle.prove(identity)?;
        }
        bundle.read_bodies(&dir.join(BODIES))?;
        Ok(bundle)
    }

    /// Checks that the messages and both hashes are in the log of an identity.
    fn prove(&self, identity: &NoteKey) -> Result<(), Error> {
        let unproven = |source| Error::Unproven {
            id: self.stated.event_id.clone(),
            source: Box::new(source),
        };
        let proof = match &self.proof {
            Some(proof) => proof.clone(),
            None => return Err(file(PROOF, std::io::ErrorKind::NotFound.into())),
        };
        let proof = EventBundle::parse(&proof).map_err(unproven)?;
        let proven = proof.verify(identity, None).map_err(unproven)?;
        let manifest = match &proven.end {
            Some(End::Attested {
                manifest_sha256,
                attestation,
                ..
            }) if *attestation == self.attested.attestation => *manifest_sha256,
            _ => return Err(unproven(BundleError::OtherEntry(BundlePart::Attestation))),
        };
        if proven.announcement != self.attested.announcement {
            return Err(unproven(BundleError::OtherEntry(BundlePart::Announcement)));
        }
        if hex::encode(proven.policy_hash) != self.stated.policy_hash {
            return Err(unproven(BundleError::Policy));
        }
        if hex::encode(manifest) != self.stated.manifest_sha256 {
            return Err(Error::Malformed {
                what: STATED,
                reason: "manifest_sha256 is not the one in the log".to_owned(),
            });
        }
        Ok(())
    }

    /// Takes the bodies it lacks from a directory of files named by their
    /// SHA-256: also those that the oracle does not pass on, if somebody did.
    pub fn read_bodies(&mut self, dir: &Path) -> Result<(), Error> {
        let mut room = MOST;
        for sha256 in named(&self.manifest, |_| true) {
            if self.bodies.contains_key(&sha256) {
                continue;
            }
            let body = match read(dir, &sha256) {
                Err(Error::File { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound =>
                {
                    continue;
                }
                body => body?,
            };
            room = room.checked_sub(body.len()).ok_or(Error::TooLarge {
                what: BODIES,
                limit: MOST,
            })?;
            self.bodies.insert(sha256, body);
        }
        Ok(())
    }

    /// Writes it into a directory, which is made if need be. What is there
    /// under the same names is replaced.
    pub fn save(&self, dir: &Path) -> Result<(), Error> {
        let bodies = dir.join(BODIES);
        std::fs::create_dir_all(&bodies).map_err(|e| file(BODIES, e))?;
        let stated = serde_json::to_vec_pretty(&self.stated).map_err(|e| Error::Malformed {
            what: STATED,
            reason: e.to_string(),
        })?;
        let files = [
            (STATED, stated),
            (MANIFEST, self.manifest.clone()),
            (POLICY, self.policy.clone()),
            (ANNOUNCEMENT, self.attested.announcement.to_tlv()),
            (ATTESTATION, self.attested.attestation.to_tlv(Layout::Spec)),
        ];
        for (name, bytes) in files {
            std::fs::write(dir.join(name), bytes).map_err(|e| file(name, e))?;
        }
        if let Some(proof) = &self.proof {
            std::fs::write(dir.join(PROOF), proof).map_err(|e| file(PROOF, e))?;
        }
        for (sha256, bytes) in &self.bodies {
            std::fs::write(bodies.join(sha256), bytes).map_err(|e| file(sha256, e))?;
        }
        Ok(())
    }
}

/// The bodies that a manifest names, as far as it can be read; names are hex,
/// fit for a path.
pub(crate) fn named(
    manifest: &[u8],
    which: impl Fn(&oracle_schema::evidence::Observation) -> bool,
) -> BTreeSet<String> {
    let manifest = serde_json::from_slice::<Manifest>(manifest);
    let observations = manifest.map(|m| m.observations).unwrap_or_default();
    let named = observations.into_iter().filter(which);
    let hashes = named.filter_map(|o| o.sha256);
    let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    hashes
        .filter(|s| s.len() == 64 && s.bytes().all(is_digit))
        .collect()
}

fn verified(dir: &Path, id: &EventId, key: XOnlyPublicKey) -> Result<Attested, Error> {
    let decode = |what| move |source| Error::Decode { what, source };
    let verify = |what| move |source| Error::Verify { what, source };
    let announcement =
        Announcement::from_any(&read(dir, ANNOUNCEMENT)?).map_err(decode(ANNOUNCEMENT))?;
    check_event(ANNOUNCEMENT, id, Some(&announcement.event.event_id))?;
    check_key(ANNOUNCEMENT, key, announcement.oracle_public_key)?;
    let announcement = verify_announcement(announcement).map_err(verify(ANNOUNCEMENT))?;
    let attestation =
        Attestation::from_any(&read(dir, ATTESTATION)?).map_err(decode(ATTESTATION))?;
    check_event(ATTESTATION, id, attestation.event_id.as_ref())?;
    let attestation =
        verify_attestation(attestation, &announcement).map_err(verify(ATTESTATION))?;
    Ok(Attested {
        announcement,
        attestation,
    })
}

fn read(dir: &Path, name: &str) -> Result<Vec<u8>, Error> {
    let opened = std::fs::File::open(dir.join(name)).map_err(|e| file(name, e))?;
    let mut bytes = Vec::new();
    let longest = if name == MANIFEST {
        MAX_MANIFEST_BYTES
    } else {
        LONGEST
    };
    let limit = longest as u64;
    opened
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| file(name, e))?;
    if bytes.len() > longest {
        return Err(Error::TooLarge {
            what: "file",
            limit: longest,
        });
    }
    Ok(bytes)
}

fn file(name: &str, source: std::io::Error) -> Error {
    Error::File {
        file: name.to_owned(),
        source,
    }
}

fn sha256(what: &'static str, hex: &str) -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(hex, &mut bytes).map_err(|_| Error::Malformed {
        what,
        reason: "not a SHA-256 in hex".to_owned(),
    })?;
    Ok(bytes)
}
