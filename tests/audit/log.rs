//! An honest log of price rounds, written as it grows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use ed25519_dalek::{Signer as _, SigningKey};
use oracle_schema::log_entry::{Genesis, GenesisStatement, LogEntry};
use oracle_schema::policy::policy_hash;
use oracle_schema::tlog::checkpoint::Algorithm;
use oracle_schema::tlog::tile::{Content, WIDTH, bundle};
use oracle_schema::tlog::tree::leaf_hash;
use oracle_schema::tlog::{Checkpoint, Growing, Hash, Note, NoteKey, Tile};
use oracle_tests::made::{NETWORK, Problem};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::oracle::{Announced, Oracle, choice};
use crate::round;

const ORIGIN: &str = "oracle.test/log";
/// Maturity of the first round, Unix seconds; the others follow by the minute.
const FIRST: u32 = 1_795_363_200;
const EVERY_S: u32 = 60;
/// After every maturity, before anything is overdue for good.
pub(crate) const NOW: i64 = FIRST as i64 + 250_000;

/// A log in a directory.
pub(crate) struct Log {
    dir: PathBuf,
    oracle: Oracle,
    key: SigningKey,
    tree: Growing,
    /// Entries of the bundle that is not full yet.
    tail: Vec<Vec<u8>>,
    attestations: u64,
    rounds: u32,
}

impl Log {
    /// Begins with the genesis.
    pub(crate) fn begin(dir: &Path) -> Result<Self, Problem> {
        let mut log = Self {
            dir: dir.to_path_buf(),
            oracle: Oracle::new("oracle"),
            key: SigningKey::from_bytes(&[7; 32]),
            tree: Growing::default(),
            tail: Vec::new(),
            attestations: 0,
            rounds: 0,
        };
        let statement = GenesisStatement {
            network: NETWORK.to_owned(),
            oracle_public_key: log.oracle.key(),
            log_public_key: log.key.verifying_key().to_bytes(),
            log_origin: ORIGIN.to_owned(),
            created_ms: 1,
        };
        let signature = log.oracle.sign_digest(&statement.digest()?);
        let genesis = LogEntry::Genesis(Genesis {
            statement,
            signature,
        });
        log.append(&[genesis.to_bytes()?])?;
        Ok(log)
    }

    /// Adds rounds until so many events are attested, and signs the checkpoint.
    pub(crate) fn grow(&mut self, attestations: u64, per_round: u64) -> Result<Value, Problem> {
        while self.attestations < attestations {
            let events = per_round.min(attestations - self.attestations);
            self.round(events)?;
        }
        self.close()?;
        Ok(json!({
            "attestations": self.attestations,
            "entries": self.tree.size(),
            "rounds": self.rounds,
        }))
    }

    /// Announces the events of one price and maturity, then attests them.
    fn round(&mut self, events: u64) -> Result<(), Problem> {
        let maturity = FIRST + self.rounds * EVERY_S;
        let policy = round::policy();
        let document = policy.canonical()?;
        self.document("policies", &document)?;
        let bodies = [
            format!(r#"{{"price":"0.26","ts":{maturity}}}"#),
            format!(r#"{{"price":0.261,"ts":{}}}"#, maturity - 60),
        ];
        for body in &bodies {
            self.document("evidence", body.as_bytes())?;
        }
        let manifest = round::manifest_at(
            &policy,
            maturity.into(),
            bodies.each_ref().map(String::as_str),
        );
        self.document("manifests", &manifest)?;
        let policy_hash = policy_hash(&document);
        let manifest_sha256: [u8; 32] = Sha256::digest(&manifest).into();

        let first = self.tree.size();
        let (oracle, round) = (self.oracle.clone(), self.rounds);
        let numbers: Vec<u64> = (0..events).collect();
        let announced: Vec<Announced> = on_all_cores(&numbers, |n| {
            let id = format!("ppcusd-above-{round}-{n}");
            oracle.announce_at(&id, choice(&["above", "not_above"]), maturity)
        })?;
        let entries = announced.iter().map(|announced| {
            let announcement = announced.announcement.clone();
            LogEntry::Announcement {
                policy_hash,
                announcement,
            }
            .to_bytes()
        });
        self.append(&entries.collect::<Result<Vec<_>, _>>()?)?;
        let with_position: Vec<(u64, &Announced)> = (first..).zip(&announced).collect();
        let entries = on_all_cores(&with_position, |(position, announced)| {
            LogEntry::Attestation {
                announcement_position: *position,
                manifest_sha256,
                attestation: oracle.attest(announced, &["above"]),
            }
            .to_bytes()
        })?;
        self.append(&entries.into_iter().collect::<Result<Vec<_>, _>>()?)?;
        self.attestations += events;
        self.rounds += 1;
        Ok(())
    }

    fn append(&mut self, entries: &[Vec<u8>]) -> Result<(), Problem> {
        for entry in entries {
            self.tail.push(entry.clone());
            for full in self.tree.append(leaf_hash(entry)) {
                let tile = Tile {
                    content: Content::Hashes(full.level),
                    index: full.index,
                    width: WIDTH,
                };
                self.put(&format!("tile/{tile}"), &full.hashes.concat())?;
                if full.level == 0 {
                    let entries = std::mem::take(&mut self.tail);
                    let content = Content::Entries;
                    let bytes = bundle(&entries).ok_or("an entry is too long")?;
                    self.put(&format!("tile/{}", Tile { content, ..tile }), &bytes)?;
                }
            }
        }
        Ok(())
    }

    /// The partial tiles at the right edge, and the checkpoint.
    fn close(&self) -> Result<(), Problem> {
        let size = self.tree.size();
        let mut edge: BTreeMap<Tile, Vec<u8>> = BTreeMap::new();
        for level in 0..8 {
            let hashes: &[Hash] = self.tree.partial(level as usize);
            let index = (size >> (8 * level)) / WIDTH;
            if let Some(tile) = Tile::of(Content::Hashes(level), index, size) {
                edge.insert(tile, hashes.concat());
            }
        }
        if let Some(tile) = Tile::of(Content::Entries, size / WIDTH, size) {
            edge.insert(tile, bundle(&self.tail).ok_or("an entry is too long")?);
        }
        for (tile, bytes) in edge {
            self.put(&format!("tile/{tile}"), &bytes)?;
        }
        let checkpoint = Checkpoint {
            origin: ORIGIN.to_owned(),
            size,
            root: self.tree.root(),
        };
        let public = self.key.verifying_key().to_bytes();
        let key = NoteKey::new(ORIGIN, Algorithm::Ed25519, &public)?;
        let signature = self.key.sign(checkpoint.text().as_bytes()).to_bytes();
        let note = Note::signed(checkpoint, &key, &signature).to_text();
        self.put("checkpoint", note.as_bytes())
    }

    fn document(&self, kind: &str, bytes: &[u8]) -> Result<(), Problem> {
        let hash = hex::encode(Sha256::digest(bytes));
        self.put(&format!("v1/{kind}/{hash}"), bytes)
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), Problem> {
        let file = self.dir.join(path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(fs::write(file, bytes)?)
    }
}

/// `each` of the items, in their order.
fn on_all_cores<T: Sync, R: Send>(
    items: &[T],
    each: impl Fn(&T) -> R + Sync,
) -> Result<Vec<R>, Problem> {
    let cores = thread::available_parallelism()?.get();
    let share = items.len().div_ceil(cores).max(1);
    let each = &each;
    thread::scope(|scope| {
        let threads: Vec<_> = items
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().map(each).collect::<Vec<R>>()))
            .collect();
        let mut done = Vec::with_capacity(items.len());
        for thread in threads {
            done.extend(thread.join().map_err(|_| "a thread died")?);
        }
        Ok(done)
    })
}
