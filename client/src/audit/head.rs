//! The checkpoint, and whose it is.

use oracle_schema::log_entry::{Genesis, LogEntry};
use oracle_schema::tlog::checkpoint::{Algorithm, MAX_NOTE_BYTES};
use oracle_schema::tlog::tile::Content;
use oracle_schema::tlog::{Checkpoint, Note, NoteKey, Tile};
use secp256k1::XOnlyPublicKey;

use super::fetch::{Stop, stretch};
use super::report::{Finding, Head, Subject};
use super::source::Source;

/// The signed head of a log.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    pub(super) checkpoint: Checkpoint,
    /// The note, as served.
    pub(super) note: String,
}

/// Who signs a log: the genesis in its first entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) public_key: XOnlyPublicKey,
    pub(super) log_key: NoteKey,
    pub(super) network: String,
}

/// What the reader knows of the oracle beforehand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pinned<'a> {
    pub(super) identity: Option<&'a NoteKey>,
    pub(super) key: Option<XOnlyPublicKey>,
}

impl Pinned<'_> {
    /// What is another than it should be, if anything is.
    fn contradicts(self, found: &Identity) -> Option<String> {
        let (log, key) = (&found.log_key, found.public_key);
        let other_log = self.identity.filter(|pinned| *pinned != log);
        let other_key = self.key.filter(|pinned| *pinned != key);
        other_log
            .map(|pinned| format!("of the log {log}, expected {pinned}"))
            .or_else(|| other_key.map(|pinned| format!("by oracle key {key}, expected {pinned}")))
    }
}

/// Why there is no head to audit.
#[derive(Debug)]
pub(super) enum NoHead {
    Wrong(Finding),
    Absent(Finding),
}

fn wrong(subject: Subject, why: impl std::fmt::Display) -> NoHead {
    NoHead::Wrong(Finding::new(subject, why))
}

fn genesis_subject() -> Subject {
    Subject::Entry {
        position: 0,
        what: "genesis".to_owned(),
    }
}

/// The note as served, not yet known to be anyone's.
pub(super) async fn note(source: &Source) -> Result<(Note, String), NoHead> {
    let bytes = source.get("checkpoint", "checkpoint", MAX_NOTE_BYTES).await;
    let bytes = bytes.map_err(|a| NoHead::Absent(Finding::new(Subject::Checkpoint, a)))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong(Subject::Checkpoint, "is not UTF-8"))?;
    let note = Note::parse(&text).map_err(|e| wrong(Subject::Checkpoint, e))?;
    Ok((note, text))
}

/// Who signs, by the log's own genesis.
pub(super) async fn identity(
    source: &Source,
    size: u64,
    pinned: Pinned<'_>,
) -> Result<Identity, NoHead> {
    if size == 0 {
        return Err(wrong(
            Subject::Checkpoint,
            "covers nothing, not even a genesis",
        ));
    }
    let bundle = stretch(source, 0..1, size, None).await;
    let bytes = match bundle {
        Ok(stretch) => stretch.entries.into_iter().next(),
        // Its first entry may still be whole; the rest is judged later.
        Err(Stop::Bundle(_, entries)) => entries.into_iter().next(),
        Err(Stop::Absent(finding)) => return Err(NoHead::Absent(finding)),
        Err(Stop::Io(e)) => return Err(NoHead::Absent(Finding::new(genesis_subject(), e))),
    };
    let first = Tile::of(Content::Entries, 0, size);
    let name = first.map(|tile| tile.to_string()).unwrap_or_default();
    let bytes = bytes.ok_or_else(|| wrong(Subject::Tile(name), "has no entry in it"))?;
    let entry = LogEntry::from_bytes(&bytes).map_err(|e| wrong(genesis_subject(), e))?;
    let LogEntry::Genesis(genesis) = entry else {
        return Err(wrong(Subject::entry(0), "is no genesis"));
    };
    of(&genesis, pinned)
}

/// The keys of a genesis that the oracle key signed.
fn of(genesis: &Genesis, pinned: Pinned<'_>) -> Result<Identity, NoHead> {
    let bad = |why: String| wrong(genesis_subject(), why);
    genesis.verify().map_err(|e| bad(e.to_string()))?;
    let statement = &genesis.statement;
    let key = statement.oracle_public_key;
    let (name, log) = (&statement.log_origin, &statement.log_public_key);
    let log_key = NoteKey::new(name, Algorithm::Ed25519, log);
    let identity = Identity {
        public_key: key,
        log_key: log_key.map_err(|e| bad(format!("log key: {e}")))?,
        network: statement.network.clone(),
    };
    match pinned.contradicts(&identity) {
        None => Ok(identity),
        Some(why) => Err(bad(format!("is {why}"))),
    }
}

/// The identity that an earlier audit found, if it is the one expected.
pub(super) fn expected(identity: Identity, pinned: Pinned<'_>) -> Result<Identity, NoHead> {
    match pinned.contradicts(&identity) {
        None => Ok(identity),
        Some(why) => {
            let why = format!("the last audit was {why}");
            Err(wrong(Subject::Checkpoint, why))
        }
    }
}

/// What the log key signed.
pub(super) fn signed(note: &Note, text: String, identity: &Identity) -> Result<Signed, NoHead> {
    let checkpoint = note.verify(&identity.log_key);
    let checkpoint = checkpoint
        .map_err(|e| wrong(Subject::Checkpoint, e))?
        .clone();
    Ok(Signed {
        checkpoint,
        note: text,
    })
}

impl Signed {
    pub(super) fn head(&self, identity: &Identity) -> Head {
        Head {
            origin: self.checkpoint.origin.clone(),
            size: self.checkpoint.size,
            root: hex::encode(self.checkpoint.root),
            public_key: identity.public_key,
            log_public_key: hex::encode(identity.log_key.public_key()),
            network: identity.network.clone(),
        }
    }
}
