//! What an audit comes to.

use std::fmt;

use oracle_schema::EventId;
use secp256k1::XOnlyPublicKey;
use serde::{Serialize, Serializer};

use super::lateness::Lateness;
use crate::anchor::Anchored;

/// Findings of one kind that are listed; of more only the number.
pub const MOST_LISTED: usize = 100;

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The signed note of size and root, or its relation to an earlier one.
    Checkpoint,
    /// One entry of the log.
    Entry {
        /// Its position.
        position: u64,
        /// What it is, for people: `attestation of X`; empty if unreadable.
        what: String,
    },
    /// A tile of hashes or of entries, by its name below `tile/`.
    Tile(String),
    /// A policy document.
    Policy {
        /// Its hash in the log, hex.
        hash: String,
        /// The first entry that names it.
        position: u64,
    },
    /// The evidence of an outcome.
    Manifest {
        /// Its hash in the log, hex.
        hash: String,
        /// The entry that names it.
        position: u64,
        /// The event.
        event: String,
    },
    /// A recorded answer of a provider, by its SHA-256, hex.
    Evidence(String),
    /// The list of anchors.
    Anchors,
    /// A checkpoint in Peercoin.
    Anchor {
        /// Its transaction, as it is named.
        txid: String,
        /// The checkpoint's entries.
        size: u64,
    },
    /// A file of somebody else's, with its name.
    File(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint => f.write_str("checkpoint"),
            Self::Entry { position, what } if what.is_empty() => write!(f, "entry {position}"),
            Self::Entry { position, what } => write!(f, "entry {position} ({what})"),
            Self::Tile(name) => write!(f, "tile {name}"),
            Self::Policy { hash, position } => write!(f, "policy {hash} of entry {position}"),
            Self::Manifest {
                hash,
                position,
                event,
            } => write!(
                f,
                "manifest {hash} of entry {position} (attestation of {event})"
            ),
            Self::Evidence(hash) => write!(f, "evidence {hash}"),
            Self::Anchors => f.write_str("anchors"),
            Self::Anchor { txid, size } => write!(f, "anchor of {size} entries ({txid})"),
            Self::File(name) => write!(f, "file {name}"),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Subject {
    /// An entry that is not described.
    pub(super) fn entry(position: u64) -> Self {
        let what = String::new();
        Self::Entry { position, what }
    }

    /// The entry's position in the log, if it is about one.
    pub fn position(&self) -> Option<u64> {
        match self {
            Self::Entry { position, .. }
            | Self::Policy { position, .. }
            | Self::Manifest { position, .. } => Some(*position),
            Self::Checkpoint
            | Self::Tile(_)
            | Self::Evidence(_)
            | Self::Anchors
            | Self::Anchor { .. }
            | Self::File(_) => None,
        }
    }
}

/// Something that is wrong, or that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What it is about.
    pub subject: Subject,
    /// What is wrong with it, or why it is not there.
    pub what: String,
}

impl Finding {
    pub(super) fn new(subject: Subject, what: impl fmt::Display) -> Self {
        let what = what.to_string();
        Self { subject, what }
    }
}

/// `entry 17 (attestation of X): signature 0 is not valid over its outcome`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.what)
    }
}

/// Findings: the first [`MOST_LISTED`], and how many there are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Findings {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub first: Vec<Finding>,
}

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        self.count += 1;
        if self.first.len() < MOST_LISTED {
            self.first.push(finding);
        }
    }

    pub(super) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.add(finding));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// What was checked, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// Entries read and decoded.
    pub entries: u64,
    /// Announcements verified.
    pub announcements: u64,
    /// Attestations verified.
    pub attestations: u64,
    /// Notices of refunds and withdrawals.
    pub notices: u64,
    /// Proposals, holds and the like.
    pub statuses: u64,
    /// Requests of operators verified.
    pub operator_actions: u64,
    /// Proofs of nonces.
    pub nonce_proofs: u64,
    /// BIP340 and Ed25519 signatures verified.
    pub signatures: u64,
    /// Nonces compared with all others.
    pub nonces: u64,
    /// Tiles of hashes compared with the entries.
    pub tiles: u64,
    /// Policy documents read.
    pub policies: u64,
    /// Outcomes decided again out of their evidence.
    pub outcomes_replayed: u64,
    /// Exchanges with providers taken as recorded, because a licence keeps the
    /// answer with the oracle.
    pub withheld: u64,
    /// Messages of others compared with the log.
    pub third_party: u64,
    /// Anchors compared with the log.
    pub anchors: u64,
}

impl Totals {
    /// Adds what another part of the audit checked.
    pub(super) fn add(&mut self, other: &Self) {
        self.entries += other.entries;
        self.announcements += other.announcements;
        self.attestations += other.attestations;
        self.notices += other.notices;
        self.statuses += other.statuses;
        self.operator_actions += other.operator_actions;
        self.nonce_proofs += other.nonce_proofs;
        self.signatures += other.signatures;
        self.nonces += other.nonces;
        self.tiles += other.tiles;
        self.policies += other.policies;
        self.outcomes_replayed += other.outcomes_replayed;
        self.withheld += other.withheld;
        self.third_party += other.third_party;
        self.anchors += other.anchors;
    }
}

/// An event past its maturity and without an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The event.
    pub event_id: EventId,
    /// Its announcement's position.
    pub position: u64,
    /// Unix seconds.
    pub maturity: i64,
    /// When it counts as given up, Unix seconds; not known without its policy.
    pub due: Option<i64>,
}

/// The head that was audited, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Head {
    /// Whose log.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// Root of the tree, hex.
    pub root: String,
    /// The oracle's key P.
    #[serde(serialize_with = "display")]
    pub public_key: XOnlyPublicKey,
    /// Ed25519 key of the log, hex.
    pub log_public_key: String,
    /// Network of the genesis.
    pub network: String,
}

fn display<S: Serializer>(key: &XOnlyPublicKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}

/// What an audit comes to.
#[derive(Debug, Clone, PartialEq, Eq, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything was there, and all of it is as it must be.
    Clean,
    /// Something is wrong that an honest oracle never does.
    Violation,
    /// Nothing is wrong, but not everything could be had.
    Incomplete,
}

/// An audit, in figures and findings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// The head audited; none if it could not be read.
    pub head: Option<Head>,
    /// The first entry whose signatures and evidence were checked by this run.
    pub from: u64,
    /// What was checked by this run.
    pub totals: Totals,
    /// What is wrong.
    pub violations: Findings,
    /// What could not be had.
    pub missing: Findings,
    /// Announced events that have not matured yet.
    pub open: u64,
    /// Matured events without an end: how many.
    pub waiting_count: u64,
    /// The first of them, oldest first.
    pub waiting: Vec<Waiting>,
    /// How long decisions took.
    pub lateness: Lateness,
    /// The newest checkpoint that is in Peercoin.
    pub anchored: Option<Anchored>,
    /// What a reader should know though it is no finding.
    pub notes: Vec<String>,
}

impl Report {
    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        if !self.violations.is_empty() {
            Verdict::Violation
        } else if !self.missing.is_empty() {
            Verdict::Incomplete
        } else {
            Verdict::Clean
        }
    }
}
