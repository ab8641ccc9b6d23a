//! Before anything is signed: whether witnesses and mirrors know a later or
//! another log than the database has.

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
    /// TLS or the resolver could not be set up.
    #[error("HTTP client for witnesses: {0}")]
    Client(#[from] reqwest::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What somebody outside says about the log.
struct Said {
    who: String,
    result: Result<(), Doubt>,
}

/// Why the log is not what somebody knows.
enum Doubt {
    Contradicted(Contradicted),
    /// Nobody knows: no answer, or none that can be believed.
    Unknown(WitnessError),
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
            error => Self::Unknown(error),
        }
    }
}

/// Asks every witness and mirror, all at once, whether the log is the one they
/// know. A mirror that says no refuses the start, since it shows what this log's
/// own key signed. A witness that says no shows nothing: it refuses the start
/// unless a quorum of the others cosigns the head of now. Whoever cannot be asked
/// within the configured time is passed over with a warning.
pub async fn check_log(
    store: &Store,
    clock: &dyn Clock,
    config: &Witnessing,
) -> Result<(), Contradicted> {
    let reader = store.reader();
    let oracle = reader.oracle().await?;
    let key = oracle.identity()?;
    let logs = config.policy.logs();
    if !logs.is_empty() && logs.iter().all(|log| log.key != key) {
        return Err(Contradicted::NotInPolicy(key.to_string()));
    }
    tracing::info!(log = %key, "asking witnesses and mirrors what they know of the log");
    let Some(head) = reader.last_head().await? else {
        return Ok(());
    };
    let http = http_client()?;
    let witnesses = config.asked().map(|(name, witness, url)| {
        let witness = Witness::new(name, witness, url, http.clone(), config.timeout);
        ask_witness(&reader, clock, &head, witness)
    });
    let mirrors = config
        .mirrors
        .iter()
        .map(|mirror| ask_mirror(&reader, &head, mirror, &key, config, &http));
    let (witnesses, mirrors) = futures::join!(join_all(witnesses), join_all(mirrors));
    for said in mirrors {
        said.heard()?;
    }
    let mut cosigned = Vec::new();
    let mut contradicted = Vec::new();
    for ((_, key, _), said) in config.asked().zip(witnesses) {
        match said.heard() {
            Ok(true) => cosigned.push(key),
            Ok(false) => {}
            Err(error @ (Contradicted::WentBack { .. } | Contradicted::Forked { .. })) => {
                contradicted.push(error);
            }
            Err(error) => return Err(error),
        }
    }
    if contradicted.is_empty() {
        return Ok(());
    }
    // A policy that asks for nobody is met by nobody, who outvotes nobody.
    let is_outvoted =
        !cosigned.is_empty() && config.policy.is_met_by(|w| cosigned.contains(&&w.key));
    for error in contradicted {
        if !is_outvoted {
            return Err(error);
        }
        tracing::error!(%error, "a witness contradicts what a quorum has cosigned; started");
    }
    Ok(())
}

impl Said {
    /// Whether they know the log as it is; `false`: nobody knows.
    fn heard(self) -> Result<bool, Contradicted> {
        match self.result {
            Ok(()) => Ok(true),
            Err(Doubt::Contradicted(error)) => Err(error),
            Err(Doubt::Unknown(error)) => {
                tracing::warn!(
                    who = self.who, %error,
                    "cannot say whether the log went back; started without"
                );
                Ok(false)
            }
        }
    }
}

/// C2SP has no question for it: a submission of the head that is there shows
/// what the witness knows.
async fn ask_witness(
    reader: &ReadStore,
    clock: &dyn Clock,
    head: &SignedHead,
    witness: Witness,
) -> Said {
    let who = format!("witness {} ({})", witness.name, witness.key.name());
    let result = witness.cosign(reader, clock, head, head.size).await;
    // The cosignature itself is asked for again.
    let result = result.map(|_| ()).map_err(|error| match error {
        WitnessError::Ahead { theirs, ours } => Contradicted::WentBack {
            who: who.clone(),
            theirs,
            ours,
        }
        .into(),
        WitnessError::Forked(size) => Contradicted::Forked {
            who: who.clone(),
            size,
        }
        .into(),
        error => Doubt::from(error),
    });
    Said { who, result }
}

/// What a mirror has was signed by this log's own key, or it counts for nothing.
async fn ask_mirror(
    reader: &ReadStore,
    head: &SignedHead,
    mirror: &Url,
    key: &NoteKey,
    config: &Witnessing,
    http: &reqwest::Client,
) -> Said {
    let who = format!("mirror {mirror}");
    let result = match mirrored(http, mirror, key, config.timeout).await {
        Ok(note) => compare(reader, head, note.checkpoint(), &who).await,
        Err(error) => Err(error.into()),
    };
    Said { who, result }
}

async fn compare(
    reader: &ReadStore,
    head: &SignedHead,
    theirs: &Checkpoint,
    who: &str,
) -> Result<(), Doubt> {
    let who = who.to_owned();
    if theirs.size > head.size {
        return Err(Contradicted::WentBack {
            who,
            theirs: theirs.size,
            ours: head.size,
        }
        .into());
    }
    let ours = log::root(reader, theirs.size).await;
    if ours.map_err(Contradicted::from)? == theirs.root {
        return Ok(());
    }
    Err(Contradicted::Forked {
        who,
        size: theirs.size,
    }
    .into())
}
