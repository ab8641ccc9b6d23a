//! What one audit leaves to the next: the head it came to, and beside it, in a
//! directory, the entries and facts that the next one compares with.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use oracle_schema::tlog::{Checkpoint, Growing, Hash, Note, NoteKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::AuditError;
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
    /// Facts that these said, by file; without them a mark is no beginning.
    #[serde(default)]
    pub(super) facts: Vec<u64>,
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
        facts: &[u64],
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
            facts: facts.to_vec(),
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
            None => Some(tempfile::tempdir().map_err(|e| work("temporary directory", e))?),
        };
        let dir = match (state, &temporary) {
            (_, Some(temporary)) => temporary.path().to_path_buf(),
            (state, None) => {
                let mut name = state.unwrap_or(Path::new("")).as_os_str().to_owned();
                name.push(".d");
                PathBuf::from(name)
            }
        };
        std::fs::create_dir_all(&dir).map_err(|e| work(&dir.display().to_string(), e))?;
        let lock = File::create(dir.join("lock")).map_err(|e| work("lock", e))?;
        lock.try_lock().map_err(|e| match e {
            std::fs::TryLockError::WouldBlock => AuditError::Busy(dir.clone()),
            std::fs::TryLockError::Error(e) => work("lock", e),
        })?;
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
    pub(super) fn is_kept(&self) -> bool {
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
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(work(MARK, e)),
            _ => Ok(()),
        }
    }

    pub(super) fn put_state(&self, state: &State) -> Result<(), AuditError> {
        match &self.file {
            Some(file) => put(file, state),
            None => Ok(()),
        }
    }

    /// Keeps two notes that contradict each other; says where.
    pub(super) fn keep_notes(&self, old: &str, new: &str) -> Result<Option<PathBuf>, AuditError> {
        if !self.is_kept() {
            return Ok(None);
        }
        let dir = self.dir.join("split-view");
        std::fs::create_dir_all(&dir).map_err(|e| work("split-view", e))?;
        for (name, note) in [("checkpoint-audited", old), ("checkpoint-served", new)] {
            std::fs::write(dir.join(name), note).map_err(|e| work(name, e))?;
        }
        Ok(Some(dir))
    }
}

const MARK: &str = "mark.json";

pub(super) fn work(file: &str, source: io::Error) -> AuditError {
    AuditError::Work {
        file: file.to_owned(),
        source,
    }
}

fn read<T: DeserializeOwned>(file: &Path) -> io::Result<Option<T>> {
    match std::fs::read(file) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        bytes => Ok(Some(serde_json::from_slice(&bytes?)?)),
    }
}

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

/// Makes the names in a directory outlast a power cut, where that is possible.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

/// Whole or not at all.
fn put(file: &Path, value: &impl Serialize) -> Result<(), AuditError> {
    let name = file.display().to_string();
    let mut next = file.as_os_str().to_owned();
    next.push(".next");
    let next = PathBuf::from(next);
    let written = || {
        let mut out = File::create(&next)?;
        out.write_all(&serde_json::to_vec_pretty(value)?)?;
        out.sync_all()?;
        std::fs::rename(&next, file)
    };
    written().map_err(|e| work(&name, e))
}
