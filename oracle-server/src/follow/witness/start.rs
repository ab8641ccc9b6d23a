//! Whether witnesses and mirrors know a later or another log than the database has.

use futures::future::join_all;
use oracle_schema::tlog::Checkpoint;
use oracle_schema::tlog::NoteKey;
use url::Url;

use super::client::{Witness, WitnessError, http_client, mirrored};
use crate::clock::Clock;
use crate::config::Witnessing;
use crate::log;
use crate::store::{ReadStore, SignedHead, Store, StoreError};

/// Why a log must not grow.
#[derive(Debug, thiserror::Error)]
pub enum Contradicted {
    /// Somebody knows more entries.
    #[error(
        "the log went back: {who} knows {theirs} entries, this database has {ours}; \
         restore the database and journal of that log (docs/witnesses.md)"
    )]
    WentBack {
        /// The witness or mirror.
        who: String,
        /// Entries that it knows.
        theirs: u64,
        /// Entries in the database.
        ours: u64,
    },
    /// Somebody knows other entries.
    #[error(
        "this is another log: {who} knows other entries than the first {size} of this \
         database; restore the database and journal of that log (docs/witnesses.md)"
    )]
    Forked {
        /// The witness or mirror.
        who: String,
        /// Entries that differ.
        size: u64,
    },
    /// The policy names logs, and this one is not among them.
    #[error("none of the logs in the witness policy is this one, whose key is {0}")]
    NotInPolicy(String),
    /// A witness says so, and others that are silent could outvote it.
    #[error(transparent)]
    Undecided(Box<Contradicted>),
    /// TLS or the resolver could not be set up.
    #[error("HTTP client for witnesses: {0}")]
    Client(#[from] reqwest::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What somebody outside says about the log.
struct Statement {
    who: String,
    result: Result<(), Doubt>,
    /// A witness, the head of now.
    has_cosigned: bool,
}

/// Why the log is not what somebody knows.
enum Doubt {
    Contradicted(Contradicted),
    /// Nobody knows: no answer, or none that can be believed.
    Unknown(WitnessError),
    /// A mirror or a witness has less than an accepted copy.
    Behind(u64),
}

impl From<Contradicted> for Doubt {
    fn from(error: Contradicted) -> Self {
        Self::Contradicted(error)
    }
}

impl From<WitnessError> for Doubt {
    fn from(error: WitnessError) -> Self {
        match error {
            // This database's own trouble.
            WitnessError::Store(error) => Self::Contradicted(error.into()),
            WitnessError::Behind(size) => Self::Behind(size),
            error => Self::Unknown(error),
        }
    }
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// A quorum of the witnesses cosigns the head of now.
    Quorum,
    /// Somebody answered that this is the log, as far as they know it.
    ThisLog,
    /// Nobody who can be believed answered.
    Nothing,
}

/// Whether the database is a copy that was accepted and that nobody has confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// It is not.
    No,
    /// It is, and has not been served yet.
    Unserved,
    /// It is, and is served: a mirror may have it from this very process.
    Served,
}

/// Asks every witness and mirror, all at once, whether the log is the one they
/// know. A mirror that says no is a contradiction, since it shows what this log's
/// own key signed. A witness that says no shows nothing: it is one unless a quorum
/// of the others cosigns the head of now. Whoever cannot be asked within the
/// configured time is passed over with a warning.
///
/// Of a copy that was accepted, whoever does not know the log, or knows less of it, says
/// nothing.
pub async fn ask(
    store: &Store,
    clock: &dyn Clock,
    config: &Witnessing,
    copied: Copied,
) -> Result<Heard, Contradicted> {
    let reader = store.reader();
    let oracle = reader.oracle().await?;
    let key = oracle.identity()?;
    let logs = config.policy.logs();
    if !logs.is_empty() && logs.iter().all(|log| log.key != key) {
        return Err(Contradicted::NotInPolicy(key.to_string()));
    }
    tracing::info!(log = %key, "asking witnesses and mirrors what they know of the log");
    let Some(head) = reader.last_head().await? else {
        return Ok(Heard::Nothing);
    };
    let http = http_client()?;
    let cosigned = reader.cosignatures().await?;
    let question = Question {
        reader: &reader,
        clock,
        head: &head,
        copied,
    };
    let witnesses = config.asked().map(|(name, key, url)| {
        let is_new = !cosigned.iter().any(|row| row.key == key.to_string());
        let witness = Witness::new(name, key, url, http.clone(), config.timeout);
        question.witness(witness, is_new)
    });
    let mirrors = config
        .mirrors
        .iter()
        .map(|mirror| question.mirror(mirror, &key, config, &http));
    let (witnesses, mirrors) = futures::join!(join_all(witnesses), join_all(mirrors));
    let mut has_mirror = false;
    for statement in mirrors {
        has_mirror |= statement.heard()?;
    }
    match judge(config, witnesses)? {
        Heard::Nothing if has_mirror => Ok(Heard::ThisLog),
        answer => Ok(answer),
    }
}

/// What the witnesses say together; a contradiction unless it is outvoted.
fn judge(config: &Witnessing, witnesses: Vec<Statement>) -> Result<Heard, Contradicted> {
    let mut answered = Vec::new();
    let mut silent = Vec::new();
    let mut contradicted = Vec::new();
    for ((_, key, _), statement) in config.asked().zip(witnesses) {
        let has_cosigned = statement.has_cosigned;
        match statement.heard() {
            Ok(true) => answered.push((key, has_cosigned)),
            Ok(false) => silent.push(key),
            Err(error @ (Contradicted::WentBack { .. } | Contradicted::Forked { .. })) => {
                contradicted.push(error);
            }
            Err(error) => return Err(error),
        }
    }
    // A policy that asks for nobody is met by nobody, who outvotes nobody.
    let is_quorum = answered.iter().any(|(_, cosigned)| *cosigned)
        && config
            .policy
            .is_met_by(|w| answered.contains(&(&w.key, true)));
    let may_be_quorum = !silent.is_empty()
        && config
            .policy
            .is_met_by(|w| answered.contains(&(&w.key, true)) || silent.contains(&&w.key));
    for error in contradicted {
        if !is_quorum && may_be_quorum {
            return Err(Contradicted::Undecided(Box::new(error)));
        }
        if !is_quorum {
            return Err(error);
        }
        tracing::error!(%error, "a witness contradicts what a quorum has cosigned; passed over");
    }
    Ok(match answered.is_empty() {
        _ if is_quorum => Heard::Quorum,
        true => Heard::Nothing,
        false => Heard::ThisLog,
    })
}

impl Statement {
    /// Whether they know the log as it is; `false`: nobody knows.
    fn heard(self) -> Result<bool, Contradicted> {
        match self.result {
            Ok(()) => Ok(true),
            Err(Doubt::Contradicted(error)) => Err(error),
            Err(Doubt::Unknown(error)) => {
                tracing::warn!(
                    who = self.who, %error,
                    "cannot say whether the log went back"
                );
                Ok(false)
            }
            Err(Doubt::Behind(size)) => {
                tracing::warn!(
                    who = self.who,
                    size,
                    "does not show the last head of its own knowledge, and this is a copy: that \
                     says nothing"
                );
                Ok(false)
            }
        }
    }
}

/// What is asked about, of whom.
struct Question<'a> {
    reader: &'a ReadStore,
    clock: &'a dyn Clock,
    head: &'a SignedHead,
    copied: Copied,
}

impl Question<'_> {
    fn is_copy(&self) -> bool {
        self.copied != Copied::No
    }

    /// C2SP has no question for it: a submission of the head that is there shows
    /// what the witness knows. One that is new to this log (`is_new`) and does not know
    /// it has nothing to say against it.
    async fn witness(&self, witness: Witness, is_new: bool) -> Statement {
        let who = format!("witness {} ({})", witness.name, witness.key.name());
        let mut has_cosigned = false;
        let result = match self.submit(&witness).await {
            // The cosignature itself is asked for again.
            Ok(()) => {
                has_cosigned = true;
                Ok(())
            }
            Err(WitnessError::Status(404, _)) if is_new && !self.is_copy() => {
                tracing::warn!(who, "does not know this log, and never cosigned it");
                Ok(())
            }
            Err(WitnessError::Ahead { theirs, ours }) => Err(Contradicted::WentBack {
                who: who.clone(),
                theirs,
                ours,
            }
            .into()),
            Err(WitnessError::Forked(size)) => Err(Contradicted::Forked {
                who: who.clone(),
                size,
            }
            .into()),
            Err(error) => Err(error.into()),
        };
        Statement {
            who,
            result,
            has_cosigned,
        }
    }

    /// Submits the head, or a later one if this process has published that meanwhile
    /// and the witness has it already.
    async fn submit(&self, witness: &Witness) -> Result<(), WitnessError> {
        let mut head = self.head.clone();
        loop {
            let known = head.size;
            // To tell it the rest of a copy would make it say what it does not know.
            let feed = !self.is_copy();
            let cosigned = witness.cosign(self.reader, self.clock, &head, known, feed);
            match cosigned.await {
                Ok(_) => return Ok(()),
                Err(WitnessError::Ahead { theirs, ours }) => match self.reader.last_head().await? {
                    Some(last) if last.size >= theirs && last.size > head.size => head = last,
                    _ => return Err(WitnessError::Ahead { theirs, ours }),
                },
                Err(error) => return Err(error),
            }
        }
    }

    /// What a mirror has was signed by this log's own key, or it counts for nothing.
    async fn mirror(
        &self,
        mirror: &Url,
        key: &NoteKey,
        config: &Witnessing,
        http: &reqwest::Client,
    ) -> Statement {
        let who = format!("mirror {mirror}");
        let result = match mirrored(http, mirror, key, config.timeout).await {
            Ok(note) => self.compare(note.checkpoint(), &who).await,
            // It can be filled when there is something to fill it with.
            Err(WitnessError::Status(404, _)) if self.head.size == 1 && !self.is_copy() => {
                tracing::warn!(who, "has nothing yet, and the log has one entry");
                Ok(())
            }
            Err(error) => Err(error.into()),
        };
        Statement {
            who,
            result,
            has_cosigned: false,
        }
    }

    async fn compare(&self, theirs: &Checkpoint, who: &str) -> Result<(), Doubt> {
        let who = who.to_owned();
        // This process may have published since.
        let ours = self.reader.head_size().await.map_err(Contradicted::from)?;
        if theirs.size > ours {
            return Err(Contradicted::WentBack {
                who,
                theirs: theirs.size,
                ours,
            }
            .into());
        }
        let root = log::root(self.reader, theirs.size).await;
        if root.map_err(Contradicted::from)? != theirs.root {
            return Err(Contradicted::Forked {
                who,
                size: theirs.size,
            }
            .into());
        }
        if self.copied == Copied::Served || (self.is_copy() && theirs.size != ours) {
            return Err(Doubt::Behind(theirs.size));
        }
        Ok(())
    }
}
