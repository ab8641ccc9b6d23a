//! Auditing an oracle's log: from public files alone, everything that it ever
//! promised or said.
//!
//! [`audit`] reads the signed checkpoint, rebuilds the tree from the entries,
//! compares it with every served tile, verifies every signature, looks for
//! nonces and event ids that occur twice, and decides every outcome again from
//! the evidence that the log names. Memory does not grow with the log: what has
//! to be compared over all of it is in files.
//!
//! | file | for |
//! |---|---|
//! | `source`, `fetch` | files of a log, from a service or a directory |
//! | `head`, `tree` | checkpoint, genesis; the tree rebuilt and compared |
//! | `entries` | each entry with the announcement that it names |
//! | `index`, `events` | what must hold over the whole log |
//! | `documents`, `replay` | policies and evidence; decisions made again |
//! | `session`, `run` | one audit at work; from its beginning to its end |
//! | `verdict` | what the log as a whole comes to |
//! | `state`, `spool`, `disk` | what one audit leaves to the next; its files |
//! | `anchors` | its checkpoints in Peercoin |
//! | `third_party` | other people's messages against the log |

mod anchors;
mod disk;
mod documents;
mod entries;
mod events;
mod fetch;
mod head;
mod index;
mod lateness;
mod parallel;
mod replay;
mod report;
mod run;
mod session;
mod source;
mod spool;
mod state;
mod third_party;
mod tree;
mod verdict;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use oracle_schema::tlog::NoteKey;
use secp256k1::XOnlyPublicKey;

use crate::anchor::Node;

pub use events::GRACE_S;
pub use lateness::Lateness;
pub use report::{Finding, Findings, Head, MOST_LISTED, Report, Subject, Totals, Verdict, Waiting};
pub use source::Source;

/// What to audit, against what.
#[derive(Debug, Clone)]
pub struct AuditOptions {
    /// The oracle's identity, the verifier key of its log; without it the one that
    /// the log's own genesis names is believed.
    pub identity: Option<NoteKey>,
    /// The oracle's key P, if known from elsewhere; without it that of the
    /// log's own genesis is believed.
    pub key: Option<XOnlyPublicKey>,
    /// The time by which events are overdue, Unix seconds.
    pub now: i64,
    /// Signatures and evidence are checked from this position on; tree, nonces
    /// and event ids always from the beginning.
    pub since: u64,
    /// Where the audit's end is stored for the next one, which then starts there;
    /// a directory of the same name with `.d` keeps what it needs.
    pub state: Option<PathBuf>,
    /// A directory of other people's announcements and attestations.
    pub also: Option<PathBuf>,
    /// The node that is asked for anchors' blocks, and how deep in its chain they
    /// must be.
    pub peercoin: Option<(Arc<Node>, u64)>,
    /// Threads.
    pub jobs: NonZeroUsize,
}

impl AuditOptions {
    /// Everything, on all cores, with nothing stored.
    pub fn at(now: i64) -> Self {
        let cores = std::thread::available_parallelism();
        Self {
            identity: None,
            key: None,
            now,
            since: 0,
            state: None,
            also: None,
            peercoin: None,
            jobs: cores.unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// How far an audit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Entries checked, those of earlier audits included.
    pub done: u64,
    /// Entries there are.
    pub total: u64,
}

/// Why an audit could not be made: something about this machine, not the log.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A file of the audit's own.
    #[error("{file}: {source}")]
    Work {
        /// Which.
        file: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The state of the last audit cannot be used.
    #[error("{}: {why}; without it and its directory the audit starts anew", file.display())]
    State {
        /// The state file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Another audit is using the state.
    #[error("{}: another audit is at work there", .0.display())]
    Busy(PathBuf),
}

/// Audits a log.
///
/// What is wrong and what could not be had is in the report; `progress` is told
/// after each stretch of a few thousand entries.
///
/// ```no_run
/// use oracle_client::Options;
/// use oracle_client::audit::{AuditOptions, Source, Verdict, audit};
///
/// # async fn demo(now: i64) -> Result<(), Box<dyn std::error::Error>> {
/// let source = Source::new("https://oracle.example", &Options::default())?;
/// let report = audit(&source, &AuditOptions::at(now), &|_| ()).await?;
/// for violation in &report.violations.first {
///     println!("{violation}");
/// }
/// assert_eq!(report.verdict(), Verdict::Clean);
/// # Ok(())
/// # }
/// ```
pub async fn audit(
    source: &Source,
    options: &AuditOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, AuditError> {
    run::run(source, options, progress).await
}
