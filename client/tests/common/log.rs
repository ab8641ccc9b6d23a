//! A log of an oracle, honest or not, written as static files.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use oracle_schema::bundle::{BUNDLE_FORMAT, Bundle, Consistency, Included};
use oracle_schema::hour::{HOUR_FORMAT, Hour};
use oracle_schema::log_entry::{Genesis, GenesisStatement, LogEntry, NoticeKind};
use oracle_schema::policy::policy_hash;
use oracle_schema::tlog::checkpoint::Algorithm;
use oracle_schema::tlog::tile::{Content, bundle as bundle_of};
use oracle_schema::tlog::tree::{
    Appended, Subtrees, leaf_hash, node_hash, prove_consistency, prove_inclusion,
};
use oracle_schema::tlog::{Checkpoint, Growing, Hash, Note, NoteKey, Tile};
use oracle_schema::{Announcement, Attestation};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Announced, BODIES, Oracle, T, choice, event_id, manifest, policy};

pub const ORIGIN: &str = "oracle.test/log";

/// Entries and documents, and the keys that sign them.
#[derive(Clone)]
pub struct Log {
    pub oracle: Oracle,
    key: SigningKey,
    pub entries: Vec<Vec<u8>>,
    /// By path.
    pub documents: BTreeMap<String, Vec<u8>>,
    pub policy_hash: [u8; 32],
    pub manifest_hash: [u8; 32],
}

fn log_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// The key of an oracle's own log: [`log_key`] for the oracle of most tests.
fn log_key_of(oracle: &Oracle) -> SigningKey {
    if oracle.key() == Oracle::new("oracle").key() {
        return log_key();
    }
    SigningKey::from_bytes(&oracle.key().to_byte_array())
}

impl Log {
    /// A log with a genesis, and the documents of one price round.
    pub fn new() -> Self {
        Self::of(Oracle::new("oracle"))
    }

    /// An oracle's own log.
    pub fn home_of(oracle: Oracle) -> Self {
        let key = log_key_of(&oracle);
        Self::under(oracle, key)
    }

    /// A log under the key of the oracle of most tests, whoever's it is.
    pub fn of(oracle: Oracle) -> Self {
        Self::under(oracle, log_key())
    }

    fn under(oracle: Oracle, key: SigningKey) -> Self {
        let policy = policy();
        let document = policy.canonical().unwrap();
        let manifest = manifest(&policy);
        let mut log = Self {
            oracle,
            key,
            entries: Vec::new(),
            documents: BTreeMap::new(),
            policy_hash: policy_hash(&document),
            manifest_hash: Sha256::digest(&manifest).into(),
        };
        log.publish("policies", &document);
        log.publish("manifests", &manifest);
        for body in BODIES {
            log.publish("evidence", body.as_bytes());
        }
        log.push(&log.genesis());
        log
    }

    /// A document at the path of its hash.
    pub fn publish(&mut self, kind: &str, bytes: &[u8]) -> String {
        let path = format!("v1/{kind}/{}", hex::encode(Sha256::digest(bytes)));
        self.documents.insert(path.clone(), bytes.to_vec());
        path
    }

    pub fn genesis(&self) -> LogEntry {
        let statement = GenesisStatement {
            network: "peercoin-regtest".to_owned(),
            oracle_public_key: self.oracle.key(),
            log_public_key: self.key.verifying_key().to_bytes(),
            log_origin: ORIGIN.to_owned(),
            created_ms: 1,
        };
        let signature = self.oracle.sign_digest(&statement.digest().unwrap());
        LogEntry::Genesis(Genesis {
            statement,
            signature,
        })
    }

    /// Appends; the position.
    pub fn push(&mut self, entry: &LogEntry) -> u64 {
        self.entries.push(entry.to_bytes().unwrap());
        self.entries.len() as u64 - 1
    }

    pub fn promise(&self, id: &str) -> Announced {
        self.oracle.announce(id, choice(&["above", "not_above"]))
    }

    /// Announces a threshold event that matures at [`T`].
    pub fn announce(&mut self, id: &str) -> (u64, Announced) {
        let announced = self.promise(id);
        (self.push_announcement(&announced.announcement), announced)
    }

    pub fn push_announcement(&mut self, announcement: &Announcement) -> u64 {
        let policy_hash = self.policy_hash;
        self.push(&LogEntry::Announcement {
            policy_hash,
            announcement: announcement.clone(),
        })
    }

    /// Announces, and proves the nonces.
    pub fn push_proven(&mut self, announced: &Announced) -> u64 {
        let at = self.push_announcement(&announced.announcement);
        self.push_proof(at, announced.nonce_proof().to_bytes());
        at
    }

    pub fn push_proof(&mut self, announcement_position: u64, proof: [u8; 64]) -> u64 {
        self.push(&LogEntry::NonceProof {
            announcement_position,
            proof,
        })
    }

    pub fn attest(&mut self, (at, announced): &(u64, Announced), outcome: &str) -> u64 {
        let attestation = self.oracle.attest(announced, &[outcome]);
        self.push_attestation(*at, attestation)
    }

    pub fn push_attestation(&mut self, at: u64, attestation: Attestation) -> u64 {
        let manifest_sha256 = self.manifest_hash;
        self.push(&LogEntry::Attestation {
            announcement_position: at,
            manifest_sha256,
            attestation,
        })
    }

    pub fn notice(&mut self, id: &str, kind: NoticeKind) -> u64 {
        self.push(&LogEntry::Notice {
            kind,
            event_id: event_id(id),
            // When its policy gives it up.
            time_ms: (T.unsigned_abs() + 259_200) * 1000,
            reason: String::new(),
        })
    }

    /// A request of an operator, from the vectors.
    pub fn operator_action(&mut self) -> u64 {
        let vectors = include_str!("../../../schema/vectors/log_entries.json");
        let vectors: Value = serde_json::from_str(vectors).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        let case = cases.iter().find(|case| case["name"] == "operator-report");
        let entry = case.unwrap()["entry"].as_str().unwrap();
        self.entries.push(hex::decode(entry).unwrap());
        self.entries.len() as u64 - 1
    }

    /// One of everything, and `events` attested events.
    pub fn honest(events: usize) -> Self {
        let mut log = Self::new();
        let announced: Vec<_> = (0..events)
            .map(|n| log.announce(&format!("event-{n}")))
            .collect();
        log.announce("waits");
        log.announce("refunded");
        log.operator_action();
        for announced in &announced {
            log.attest(announced, "above");
        }
        log.notice("refunded", NoticeKind::Refund);
        log.notice("withdrawn", NoticeKind::Withdrawn);
        log
    }

    pub fn leaves(&self) -> impl Iterator<Item = Hash> {
        self.entries.iter().map(|entry| leaf_hash(entry))
    }

    pub fn root(&self) -> Hash {
        let mut tree = Growing::default();
        self.leaves().for_each(|leaf| {
            tree.append(leaf);
        });
        tree.root()
    }

    /// The signed note of these entries.
    pub fn checkpoint(&self) -> String {
        let checkpoint = Checkpoint {
            origin: ORIGIN.to_owned(),
            size: self.entries.len() as u64,
            root: self.root(),
        };
        signed_by(&self.key, checkpoint)
    }

    /// Everything that proves an event, as the service serves it.
    pub fn bundle(&self, id: &str, from: Option<u64>) -> Option<Bundle> {
        let positions = (0_u64..).zip(&self.entries);
        let last = |wanted: &dyn Fn(&LogEntry) -> bool| {
            let is_wanted = |bytes: &[u8]| LogEntry::from_bytes(bytes).is_ok_and(|e| wanted(&e));
            let found = positions.clone().filter(|(_, bytes)| is_wanted(bytes));
            found.map(|(position, _)| position).last()
        };
        let announced = last(&|entry| {
            matches!(entry, LogEntry::Announcement { announcement, .. }
                if announcement.event.event_id.as_str() == id)
        })?;
        let attested = last(&|entry| {
            matches!(entry, LogEntry::Attestation { announcement_position, .. }
                if *announcement_position == announced)
        });
        let proven = last(&|entry| {
            matches!(entry, LogEntry::NonceProof { announcement_position, .. }
                if *announcement_position == announced)
        });
        let refunded = last(
            &|entry| matches!(entry, LogEntry::Notice { event_id, .. } if event_id.as_str() == id),
        );
        let size = self.entries.len() as u64;
        let leaves = Leaves(self.leaves().collect());
        let policy =
            self.documents[&format!("v1/policies/{}", hex::encode(self.policy_hash))].clone();
        Some(Bundle {
            format: BUNDLE_FORMAT.to_owned(),
            event_id: id.to_owned(),
            checkpoint: self.checkpoint(),
            genesis: self.included(0),
            announcement: self.included(announced),
            nonce_proof: proven.map(|position| self.included(position)),
            attestation: attested.map(|position| self.included(position)),
            notice: refunded.map(|position| self.included(position)),
            policy: String::from_utf8(policy).unwrap(),
            anchor: None,
            consistency: from.map(|from| {
                let hashes = prove_consistency(from, size, &leaves).unwrap();
                Consistency::new(from, &hashes.unwrap_or_default())
            }),
        })
    }

    /// What the log got in an hour: entries from `first` up to all that it has now.
    pub fn hour(&self, hour: &str, first: u64, complete: bool) -> Hour {
        let mut before = Appended::default();
        let count = usize::try_from(first).unwrap();
        self.leaves()
            .take(count)
            .for_each(|leaf| before.append(leaf));
        let entries = self.entries.iter().skip(count);
        Hour {
            format: HOUR_FORMAT.to_owned(),
            hour: hour.to_owned(),
            complete,
            next: complete.then(|| hour_after(hour)),
            checkpoint: self.checkpoint(),
            genesis: self.included(0),
            first,
            left: before.left().iter().map(|h| STANDARD.encode(h)).collect(),
            entries: entries.map(|entry| STANDARD.encode(entry)).collect(),
        }
    }

    fn included(&self, position: u64) -> Included {
        let leaves = Leaves(self.leaves().collect());
        let hashes = prove_inclusion(position, self.entries.len() as u64, &leaves).unwrap();
        let entry = &self.entries[usize::try_from(position).unwrap()];
        Included::new(position, entry, &hashes.unwrap())
    }

    /// Writes the files of the log's state.
    pub fn write(&self, dir: &Path) {
        for (path, bytes) in self.files() {
            put(dir, &path, &bytes);
        }
    }

    /// Every file, by path.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let size = self.entries.len() as u64;
        let mut tree = Growing::default();
        let mut hashes: BTreeMap<(u32, u64), Vec<Hash>> = BTreeMap::new();
        for leaf in self.leaves() {
            for full in tree.append(leaf) {
                hashes.insert((full.level, full.index), full.hashes);
            }
        }
        let mut files = self.documents.clone();
        for tile in Tile::new_between(0, size) {
            let bytes = match tile.content {
                Content::Entries => {
                    let start = usize::try_from(tile.index * 256).unwrap();
                    let end = start + usize::try_from(tile.width).unwrap();
                    bundle_of(&self.entries[start..end]).unwrap()
                }
                Content::Hashes(level) => match hashes.get(&(level, tile.index)) {
                    Some(hashes) => hashes.concat(),
                    None => tree.partial(level as usize).concat(),
                },
            };
            files.insert(format!("tile/{tile}"), bytes);
        }
        files.insert("checkpoint".to_owned(), self.checkpoint().into_bytes());
        files
    }
}

/// Hashes of subtrees out of those of the leaves.
struct Leaves(Vec<Hash>);

impl Subtrees for Leaves {
    type Error = Infallible;

    fn subtree(&self, level: u32, index: u64) -> Result<Hash, Infallible> {
        Ok(match level.checked_sub(1) {
            None => self.0[usize::try_from(index).unwrap()],
            Some(below) => node_hash(
                &self.subtree(below, index * 2)?,
                &self.subtree(below, index * 2 + 1)?,
            ),
        })
    }
}

/// What readers of this log pin.
pub fn identity() -> NoteKey {
    note_key(&log_key())
}

/// What readers of an oracle's own log pin.
pub fn identity_of(oracle: &Oracle) -> NoteKey {
    note_key(&log_key_of(oracle))
}

fn note_key(key: &SigningKey) -> NoteKey {
    NoteKey::new(ORIGIN, Algorithm::Ed25519, &key.verifying_key().to_bytes()).unwrap()
}

/// A checkpoint, signed by the log's key.
pub fn sign(checkpoint: Checkpoint) -> String {
    signed_by(&log_key(), checkpoint)
}

fn signed_by(key: &SigningKey, checkpoint: Checkpoint) -> String {
    let signature = key.sign(checkpoint.text().as_bytes()).to_bytes();
    Note::signed(checkpoint, &note_key(key), &signature).to_text()
}

pub fn put(dir: &Path, path: &str, bytes: &[u8]) {
    let file = dir.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, bytes).unwrap();
}

/// Soon after every event's maturity.
pub const NOW: i64 = T + 60;

/// The hour after one of the first day.
fn hour_after(hour: &str) -> String {
    let (day, hour) = hour.split_once('T').unwrap();
    format!("{day}T{:02}", hour.parse::<u8>().unwrap() + 1)
}
