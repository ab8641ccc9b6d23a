//! What one audit leaves to the next: the head it came to, and beside it, in a
//! directory, the entries and the index that the next one compares with.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use oracle_schema::tlog::{Checkpoint, Growing, Hash, Note, NoteKey};
use serde::{Deserialize, Serialize};

use super::AuditError;
use super::disk::{InFile as _, put, read};
use super::head::Identity;
use crate::parse_key;

/// Version of the state file's shape.
const VERSION: u32 = 1;
/// Positions whose evidence is asked for again; beyond so many the whole audit
/// has to be made again.
pub(super) const MOST_PENDING: usize = 10_000;

/// How far an audit came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    /// The oracle's key, x-only hex.
    public_key: String,
    /// The log's key, in the form of signed notes.
    log_key: String,
    network: String,
    /// Entries audited.
    pub(super) size: u64,
    /// How many mentions of these each file of the index has; without them a mark is no
    /// beginning.
    #[serde(default, rename = "facts")]
    pub(super) mentions: Vec<u64>,
    /// Of these entries, signatures and evidence from here on.
    pub(super) since: u64,
    /// The partial tiles of the tree of `size` entries, lowest level first: hex
    /// of their hashes.
    frontier: Vec<String>,
    /// Entries whose evidence could not be had.
    pub(super) pending: Vec<u64>,
    /// The first of these entries that proves nonces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) proofs_from: Option<u64>,
}

/// The state file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    version: u32,
    /// The head that was audited, as signed.
    pub(super) checkpoint: String,
    pub(super) mark: Mark,
}

impl Mark {
    pub(super) fn new(
        identity: &Identity,
        tree: &Growing,
        mentions: &[u64],
        since: u64,
        pending: &[u64],
    ) -> Self {
        let mut frontier: Vec<String> = (0..8)
            .map(|level| hex::encode(tree.partial(level).concat()))
            .collect();
        while frontier.last().is_some_and(String::is_empty) {
            frontier.pop();
        }
        Self {
            public_key: identity.public_key.to_string(),
            log_key: identity.log_key.to_string(),
            network: identity.network.clone(),
            size: tree.size(),
            mentions: mentions.to_vec(),
            since,
            frontier,
            pending: pending.to_vec(),
            proofs_from: None,
        }
    }

    /// Whose log it is.
    pub(super) fn identity(&self) -> Option<Identity> {
        Some(Identity {
            public_key: parse_key(&self.public_key)?,
            log_key: self.log_key.parse::<NoteKey>().ok()?,
            network: self.network.clone(),
        })
    }

    /// The tree so far; `None` if the mark is not whole.
    pub(super) fn tree(&self) -> Option<Growing> {
        let levels = self.frontier.iter().map(|level| {
            let bytes = hex::decode(level).ok()?;
            let hashes = bytes.chunks(32).map(|hash| Hash::try_from(hash).ok());
            hashes.collect::<Option<Vec<Hash>>>()
        });
        Growing::resume(self.size, levels.collect::<Option<_>>()?)
    }
}

impl State {
    pub(super) fn new(checkpoint: String, mark: Mark) -> Self {
        Self {
            version: VERSION,
            checkpoint,
            mark,
        }
    }

    /// What was audited, if the file is consistent in itself.
    pub(super) fn checkpoint(&self) -> Option<Checkpoint> {
        let note = Note::parse(&self.checkpoint).ok()?;
        let checkpoint = note.verify(&self.mark.identity()?.log_key).ok()?;
        let tree = self.mark.tree()?;
        let is_same = tree.size() == checkpoint.size && tree.root() == checkpoint.root;
        is_same.then(|| checkpoint.clone())
    }
}

/// The files of an audit.
#[derive(Debug)]
pub(super) struct Work {
    /// The state file; none if nothing is to be left behind.
    file: Option<PathBuf>,
    dir: PathBuf,
    /// Held as long as the audit runs.
    _lock: File,
    _temporary: Option<tempfile::TempDir>,
}

impl Work {
    /// The directory beside the state file, or one for the time of the audit.
    pub(super) fn open(state: Option<&Path>) -> Result<Self, AuditError> {
        let temporary = match state {
            Some(_) => None,
            None => Some(tempfile::tempdir().in_file("temporary directory")?),
        };
        let dir = match (state, &temporary) {
            (_, Some(temporary)) => temporary.path().to_path_buf(),
            (state, None) => {
                let mut name = state.unwrap_or(Path::new("")).as_os_str().to_owned();
                name.push(".d");
                PathBuf::from(name)
            }
        };
        std::fs::create_dir_all(&dir).in_file(&dir)?;
        let lock = File::create(dir.join("lock")).in_file("lock")?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(AuditError::Busy(dir)),
            Err(TryLockError::Error(e)) => Err(e).in_file("lock")?,
            Ok(()) => {}
        }
        Ok(Self {
            file: state.map(Path::to_path_buf),
            dir,
            _lock: lock,
            _temporary: temporary,
        })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether something is left behind.
    pub(super) fn is_lasting(&self) -> bool {
        self.file.is_some()
    }

    /// The state of the last audit.
    pub(super) fn state(&self) -> Result<Option<State>, AuditError> {
        let Some(file) = &self.file else {
            return Ok(None);
        };
        let damaged = |why: String| AuditError::State {
            file: file.clone(),
            why,
        };
        let state: Option<State> = read(file).map_err(|e| damaged(e.to_string()))?;
        if let Some(state) = &state
            && (state.version != VERSION || state.checkpoint().is_none())
        {
            return Err(damaged("is not the state of an audit".to_owned()));
        }
        Ok(state)
    }

    /// How far an interrupted audit came.
    pub(super) fn mark(&self) -> Option<Mark> {
        read(&self.dir.join(MARK)).ok().flatten()
    }

    pub(super) fn put_mark(&self, mark: &Mark) -> Result<(), AuditError> {
        put(&self.dir.join(MARK), mark)
    }

    pub(super) fn drop_mark(&self) -> Result<(), AuditError> {
        match std::fs::remove_file(self.dir.join(MARK)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.in_file(MARK),
        }
    }

    pub(super) fn put_state(&self, state: &State) -> Result<(), AuditError> {
        match &self.file {
            Some(file) => put(file, state),
            None => Ok(()),
        }
    }

    /// Writes down two notes that contradict each other; says where.
    pub(super) fn put_notes(&self, old: &str, new: &str) -> Result<Option<PathBuf>, AuditError> {
        if !self.is_lasting() {
            return Ok(None);
        }
        let dir = self.dir.join("split-view");
        std::fs::create_dir_all(&dir).in_file("split-view")?;
        for (name, note) in [("checkpoint-audited", old), ("checkpoint-served", new)] {
            std::fs::write(dir.join(name), note).in_file(name)?;
        }
        Ok(Some(dir))
    }
}

const MARK: &str = "mark.json";

/// The furthest of the marks that can be begun at; of two at one entry the later.
pub(super) fn furthest(
    marks: impl IntoIterator<Item = Mark>,
    usable: impl Fn(&Mark) -> io::Result<bool>,
) -> io::Result<Option<Mark>> {
    let mut best: Option<Mark> = None;
    for mark in marks {
        let is_further = best.as_ref().is_none_or(|best| best.size <= mark.size);
        if is_further && usable(&mark)? {
            best = Some(mark);
        }
    }
    Ok(best)
}
