//! A log small enough to read, with keys that everybody knows, and the bundles
//! that are cut out of it.

use std::convert::Infallible;

use ed25519_dalek::{Signer as _, SigningKey};
use oracle_schema::bundle::{BUNDLE_FORMAT, Bundle, Consistency, Included};
use oracle_schema::log_entry::{Genesis, GenesisStatement, LogEntry, NoticeKind};
use oracle_schema::policy::policy_hash;
use oracle_schema::tlog::checkpoint::Algorithm;
use oracle_schema::tlog::tree::{
    Subtrees, empty_root, leaf_hash, node_hash, prove_consistency, prove_inclusion,
};
use oracle_schema::tlog::{Checkpoint, Hash, Note, NoteKey};
use oracle_schema::{Announcement, Attestation, EventId};
use secp256k1::schnorr::Signature;

use crate::generate_log::policy_samples;
use crate::oracle::TestOracle;

/// `MTH` as RFC 6962 writes it.
pub(crate) fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let k = leaves.len().next_power_of_two() / 2;
            node_hash(&mth(&leaves[..k]), &mth(&leaves[k..]))
        }
    }
}

/// All leaves, and every subtree by its definition.
pub(crate) struct Naive(pub(crate) Vec<Hash>);

impl Subtrees for Naive {
    type Error = Infallible;

    fn subtree(&self, level: u32, index: u64) -> Result<Hash, Infallible> {
        let (first, count) = (usize::try_from(index << level).unwrap(), 1 << level);
        Ok(mth(&self.0[first..first + count]))
    }
}

pub(crate) const ORIGIN: &str = "oracle.example/log";

/// Entries, and the key that signs their root.
#[derive(Clone)]
pub(crate) struct Book {
    pub(crate) entries: Vec<Vec<u8>>,
    seed: u8,
    policy: String,
}

impl Book {
    /// The log of an oracle; its key is that of the seed.
    pub(crate) fn of(oracle: &TestOracle, seed: u8) -> Self {
        let mut book = Self::empty(seed);
        let statement = book.statement(oracle);
        let signature = oracle.sign_digest(&statement.digest().unwrap());
        book.genesis(statement, signature);
        book
    }

    pub(crate) fn empty(seed: u8) -> Self {
        let (_, policy) = policy_samples().remove(0);
        Self {
            entries: Vec::new(),
            seed,
            policy: String::from_utf8(policy.canonical().unwrap()).unwrap(),
        }
    }

    pub(crate) fn statement(&self, oracle: &TestOracle) -> GenesisStatement {
        GenesisStatement {
            network: "peercoin-regtest".to_owned(),
            oracle_public_key: oracle.public_key(),
            log_public_key: self.secret().verifying_key().to_bytes(),
            log_origin: ORIGIN.to_owned(),
            created_ms: 1_795_276_800_000,
        }
    }

    pub(crate) fn genesis(&mut self, statement: GenesisStatement, signature: Signature) {
        self.push(&LogEntry::Genesis(Genesis {
            statement,
            signature,
        }));
    }

    fn secret(&self) -> SigningKey {
        SigningKey::from_bytes(&[self.seed; 32])
    }

    pub(crate) fn identity(&self) -> NoteKey {
        let public = self.secret().verifying_key().to_bytes();
        NoteKey::new(ORIGIN, Algorithm::Ed25519, &public).unwrap()
    }

    pub(crate) fn push(&mut self, entry: &LogEntry) -> u64 {
        self.entries.push(entry.to_bytes().unwrap());
        self.entries.len() as u64 - 1
    }

    pub(crate) fn announce(&mut self, announcement: &Announcement) -> u64 {
        self.push(&LogEntry::Announcement {
            policy_hash: policy_hash(self.policy.as_bytes()),
            announcement: announcement.clone(),
        })
    }

    pub(crate) fn prove(&mut self, announced: u64, proof: [u8; 64]) -> u64 {
        self.push(&LogEntry::NonceProof {
            announcement_position: announced,
            proof,
        })
    }

    pub(crate) fn attest(&mut self, announced: u64, attestation: &Attestation) -> u64 {
        self.push(&LogEntry::Attestation {
            announcement_position: announced,
            manifest_sha256: [0x22; 32],
            attestation: attestation.clone(),
        })
    }

    pub(crate) fn refund(&mut self, id: &str) -> u64 {
        self.push(&LogEntry::Notice {
            kind: NoticeKind::Refund,
            event_id: EventId::parse(id).unwrap(),
            time_ms: 1_795_622_400_000,
            reason: "no fixing within 72 h".to_owned(),
        })
    }

    fn leaves(&self) -> Vec<Hash> {
        self.entries.iter().map(|entry| leaf_hash(entry)).collect()
    }

    pub(crate) fn head(&self) -> Checkpoint {
        Checkpoint {
            origin: ORIGIN.to_owned(),
            size: self.entries.len() as u64,
            root: mth(&self.leaves()),
        }
    }

    /// Any checkpoint, signed by the log's key.
    pub(crate) fn sign(&self, checkpoint: Checkpoint) -> String {
        let signature = self.secret().sign(checkpoint.text().as_bytes()).to_bytes();
        Note::signed(checkpoint, &self.identity(), &signature).to_text()
    }

    pub(crate) fn included(&self, position: u64) -> Included {
        let size = self.entries.len() as u64;
        let hashes = prove_inclusion(position, size, &Naive(self.leaves())).unwrap();
        let entry = &self.entries[usize::try_from(position).unwrap()];
        Included::new(position, entry, &hashes.unwrap())
    }

    pub(crate) fn consistency(&self, from: u64) -> Consistency {
        let size = self.entries.len() as u64;
        let hashes = prove_consistency(from, size, &Naive(self.leaves())).unwrap();
        Consistency::new(from, &hashes.unwrap())
    }

    /// The bundle of an event that is announced and, if so, attested there.
    pub(crate) fn bundle(&self, id: &str, announced: u64, attested: Option<u64>) -> Bundle {
        Bundle {
            format: BUNDLE_FORMAT.to_owned(),
            event_id: id.to_owned(),
            checkpoint: self.sign(self.head()),
            genesis: self.included(0),
            announcement: self.included(announced),
            nonce_proof: None,
            attestation: attested.map(|position| self.included(position)),
            notice: None,
            policy: self.policy.clone(),
            anchor: None,
            consistency: None,
        }
    }
}
