//! The documents that a log names by their hashes: policies, manifests and the
//! answers that these name. Each is read once as long as it is needed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt as _;
use oracle_feeds::rule;
use oracle_schema::Descriptor;
use oracle_schema::evidence::{MAX_MANIFEST_BYTES, Manifest};
use oracle_schema::policy::{Policy, policy_hash};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::source::{Absent, Source};
use crate::evidence::{LONGEST, MOST, named};

/// Answers fetched at a time.
const AT_ONCE: usize = 8;
/// Documents of a kind that are expected, and how many bytes of them are cached.
const EXPECTED: usize = 4096;
const CACHED: u64 = 64 * 1024 * 1024;

pub(super) type Hash = [u8; 32];

/// A policy document, as far as it could be read.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// It has its hash and is canonical.
    Read(Arc<Document>),
    /// It has not, or is not.
    Wrong(String),
    /// It could not be had.
    Absent(Absent),
}

/// A policy document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) bytes: Vec<u8>,
    pub(super) policy: Policy,
    pub(super) descriptor: Option<Descriptor>,
}

/// A manifest and the answers it names, as far as they could be had.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) manifest: Vec<u8>,
    pub(super) bodies: BTreeMap<String, Vec<u8>>,
    pub(super) unavailable: BTreeMap<String, Absent>,
    /// Read out of the manifest, where it can be read.
    pub(super) decided_ms: Option<i64>,
    pub(super) operators: Vec<Hash>,
}

#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<Hash, Arc<Recorded>> for Bytes {
    fn weight(&self, _: &Hash, recorded: &Arc<Recorded>) -> u64 {
        let bodies: usize = recorded.bodies.values().map(Vec::len).sum();
        (recorded.manifest.len() + bodies + 256) as u64
    }
}

impl Weighter<Hash, Known> for Bytes {
    fn weight(&self, _: &Hash, known: &Known) -> u64 {
        match known {
            // The bytes, and about as much again of what was read in them.
            Known::Read(document) => 3 * document.bytes.len() as u64 + 256,
            Known::Wrong(_) | Known::Absent(_) => 256,
        }
    }
}

/// Where documents are read, and what was read of them.
pub(super) struct Documents {
    source: Source,
    dir: PathBuf,
    policies: Cache<Hash, Known, Bytes>,
    recorded: Cache<Hash, Arc<Recorded>, Bytes>,
}

impl Documents {
    /// Policies are stored in `dir`.
    pub(super) fn new(source: Source, dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        Ok(Self {
            source,
            dir: dir.to_path_buf(),
            policies: Cache::with_weighter(EXPECTED, CACHED, Bytes),
            recorded: Cache::with_weighter(EXPECTED, CACHED, Bytes),
        })
    }

    /// The policy under a hash, and whether it was read for this.
    pub(super) async fn policy(&self, hash: &Hash) -> io::Result<(Known, bool)> {
        if let Some(known) = self.policies.get(hash) {
            return Ok((known, false));
        }
        let name = hex::encode(hash);
        let file = self.dir.join(&name);
        let known = match std::fs::read(&file) {
            Ok(bytes) if policy_hash(&bytes) == *hash => read_policy(bytes),
            _ => {
                let path = format!("v1/policies/{name}");
                match self.source.get("policy", &path, LONGEST).await {
                    Err(absent) => Known::Absent(absent),
                    Ok(bytes) if policy_hash(&bytes) != *hash => {
                        let found = hex::encode(policy_hash(&bytes));
                        Known::Wrong(format!("the document's SHA-256 is {found}"))
                    }
                    Ok(bytes) => {
                        std::fs::write(&file, &bytes)?;
                        read_policy(bytes)
                    }
                }
            }
        };
        self.policies.insert(*hash, known.clone());
        Ok((known, true))
    }

    /// The manifest under a hash, and the answers that may be passed on.
    pub(super) async fn recorded(&self, hash: &Hash) -> Result<Arc<Recorded>, Absent> {
        if let Some(recorded) = self.recorded.get(hash) {
            return Ok(recorded);
        }
        if *hash == [0; 32] {
            let why = "no manifest: the oracle lost it with its database";
            return Err(Absent::Failed(why.to_owned()));
        }
        let path = format!("v1/manifests/{}", hex::encode(hash));
        let manifest = self
            .source
            .get("manifest", &path, MAX_MANIFEST_BYTES)
            .await?;
        let mut recorded = Recorded::of(manifest);
        let mut room = MOST;
        // A document with another hash names nothing that is worth fetching.
        let is_it = Hash::from(Sha256::digest(&recorded.manifest)) == *hash;
        let names = named(&recorded.manifest, |o| o.public && is_it);
        let bodies = futures::stream::iter(names).map(async |name| {
            let path = format!("v1/evidence/{name}");
            let body = self.source.get("evidence", &path, LONGEST).await;
            (name, body)
        });
        let mut bodies = bodies.buffered(AT_ONCE);
        while let Some((name, body)) = bodies.next().await {
            match body {
                Ok(body) => {
                    let more = || Absent::Failed(format!("its answers are over {MOST} bytes"));
                    room = room.checked_sub(body.len()).ok_or_else(more)?;
                    recorded.bodies.insert(name, body);
                }
                Err(absent) => {
                    recorded.unavailable.insert(name, absent);
                }
            }
        }
        let recorded = Arc::new(recorded);
        self.recorded.insert(*hash, recorded.clone());
        Ok(recorded)
    }
}

fn read_policy(bytes: Vec<u8>) -> Known {
    let policy = match Policy::parse(&bytes) {
        Ok(policy) => policy,
        Err(e) => return Known::Wrong(e.to_string()),
    };
    if policy.canonical().ok().as_deref() != Some(&bytes) {
        return Known::Wrong("the document is not canonical".to_owned());
    }
    let descriptor = rule::outcome::descriptor(&policy.rule).ok();
    Known::Read(Arc::new(Document {
        bytes,
        policy,
        descriptor,
    }))
}

impl Recorded {
    fn of(manifest: Vec<u8>) -> Self {
        let read = serde_json::from_slice::<Manifest>(&manifest).ok();
        let operators = read.iter().flat_map(|m| &m.operators);
        Self {
            decided_ms: read.as_ref().map(|m| m.decided_ms),
            // What is no hex has no entry either.
            operators: operators
                .map(|entry| Sha256::digest(hex::decode(entry).unwrap_or_default()).into())
                .collect(),
            manifest,
            ..Self::default()
        }
    }
}
