//! The only SQL of the project.
//!
//! One set of functions over two engines (`db`). Writers lock one row, the
//! ledger, whose `epoch` says who leads and whose `next_position` numbers the
//! log; what a transaction appends becomes visible with the head it commits.

mod anchor;
mod bodies;
mod commit;
mod creation;
pub(crate) mod db;
mod descriptor;
mod file_lock;
mod home;
mod lead;
mod ledger;
mod look;
mod nostr;
mod operator;
mod outbox;
mod publish;
pub mod read;
mod round;
mod sample;
mod schedule;
mod states;
mod status;
mod steps;
mod subject;
#[cfg(test)]
mod tests;
mod ticket;
mod tree;
mod witness;

use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use oracle_schema::EventId;
use oracle_schema::tlog::Growing;
use tokio::sync::{broadcast, watch};

use crate::keys::KeyError;

pub use anchor::{AnchorState, AnchorStep, DueAnchor, LONGEST_ANCHOR_WAIT, NewAnchor};
pub use bodies::BodiesToday;
pub use commit::{Candidate, Intent};
pub use creation::{Creation, CreationError};
pub use operator::{ActionRow, Effect, NewAction, OperatedEvent};
pub use outbox::{
    Backlog, Delivery, LONGEST_WAIT, OutboxItem, OutboxMessage, OutboxTlv, Undelivered,
};
pub use publish::{OpenCursor, OpenRefund, SignedEvent, SignedOutcome, UnprovenEvent};
pub use read::{
    HeadRow, HourOfLog, LogRow, Milestones, NostrMessage, NostrMessages, OpenPolicy, OracleRow,
    PublishedEvent, PublishedFilter, ReadStore, SeriesLine, StateChange,
};
pub(crate) use read::{OBSERVATIONS, STANCE};
pub use round::{Attempt, DecidedRound, DueRound, ObservedExchange, RoundResult};
pub use sample::sample_from;
pub use schedule::{DueSeries, NewEvent, ScheduledEvent, SeriesRow};
pub use status::Progress;
pub use steps::ChangeError;
pub use subject::DueSubject;
pub use ticket::CommittedOutcome;
pub use tree::SignHead;
pub use witness::{CosignatureRow, NewCosignature, SignedHead};

use crate::lifecycle::{Standing, State};
use db::{Db, args, millis};
use file_lock::FileLock;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine said no.
    #[error("database: {0}")]
    Sqlx(#[from] sqlx::Error),
    /// The SQLite file is not there, or cannot be opened.
    #[error("database {}: {source}", path.display())]
    Open {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// A row that this build did not write.
    #[error("database row is damaged: {0}")]
    Damaged(String),
    /// Not a URL of either engine.
    #[error("store url must start with sqlite: or postgres://")]
    Url,
    /// The schema is not one that this build can bring up to date.
    #[error("unknown schema version: {0}")]
    Schema(String),
    /// The engine does not keep what it commits.
    #[error("durability: {setting} is {found:?}; it must be {due:?}")]
    Durability {
        /// The query that reads the setting.
        setting: String,
        /// What it says.
        found: String,
        /// What it must say.
        due: &'static str,
    },
    /// `init` on a database that has an oracle.
    #[error("the database already belongs to an oracle")]
    AlreadyInitialised,
    /// `run` on a database that has none.
    #[error("the database belongs to no oracle yet; run `oracle-server init`")]
    NotInitialised,
    /// Another process leads.
    #[error("another process holds this database; stop that one first (docs/starting.md)")]
    Held,
    /// The database is another cluster, timeline or database, or was restored.
    #[error(
        "the database was {recorded} and is {found} (cluster/timeline/database/table): a \
         promoted replica or a restored copy may lack outcomes that are signed; see that it is \
         the newest, then start with --accept-database (docs/starting.md)"
    )]
    WentBack {
        /// As it was at the last accepted start.
        recorded: String,
        /// As it is now.
        found: String,
    },
    /// `init --join` for an SQLite database.
    #[error(
        "an SQLite database has one process and one journal, a standby needs Postgres; if the \
         journal was lost, restore a copy: an older one is completed from the database \
         (docs/starting.md)"
    )]
    JoinSqlite,
    /// `init --join` while nobody leads.
    #[error(
        "no process leads this database: a new journal may only be made beside one that does, \
         which shows that the database is the one in use. Start that one; if its journal was \
         lost, restore a copy: an older one is completed from the database (docs/starting.md)"
    )]
    NobodyLeads,
    /// Another process took over.
    #[error("another process has taken over (this one held epoch {epoch})")]
    Deposed {
        /// The epoch this process held.
        epoch: i64,
    },
    /// Nobody was named who signs the log's heads.
    #[error("the log cannot grow: no key signs its heads")]
    Unsigned,
    /// An SQLite database with hard links.
    #[error(
        "database {path} has {names} names: what SQLite has not yet put into the file it keeps \
         beside one of them, and under another it is lost; remove the other hard links"
    )]
    ManyNames {
        /// The one in the configuration.
        path: String,
        /// How many.
        names: u64,
    },
    /// An SQLite database, or the lock file beside it, cannot be locked.
    #[error("lock of {path}: {source}")]
    Lock {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl From<KeyError> for StoreError {
    fn from(error: KeyError) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl StoreError {
    /// What is stored cannot be read, however often it is asked for.
    pub fn is_damaged(&self) -> bool {
        matches!(self, Self::Damaged(_))
    }

    /// Asking again changes nothing: somebody has to look at the database.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::WentBack { .. } | Self::Damaged(_) | Self::ManyNames { .. }
        )
    }

    /// A constraint said no: this batch can never succeed as it is.
    pub fn is_constraint(&self) -> bool {
        matches!(self, Self::Sqlx(sqlx::Error::Database(e))
            if e.is_unique_violation() || e.is_foreign_key_violation() || e.is_check_violation())
    }

    /// A table or column that was asked for is not there: another version made the schema.
    pub fn is_other_schema(&self) -> bool {
        let Self::Sqlx(sqlx::Error::Database(e)) = self else {
            return false;
        };
        // Postgres has a code for each; SQLite has words alone.
        let is_missing = matches!(e.code().as_deref(), Some("42P01" | "42703"));
        let says = |words| e.message().starts_with(words);
        is_missing || says("no such table") || says("no such column")
    }
}

/// What holds the lead: dropped with the store.
enum Lease {
    /// None taken.
    None,
    /// SQLite: the locked database, and the locked file beside it by which earlier
    /// versions keep each other out.
    File(#[allow(dead_code, reason = "held for its locks")] (File, Option<FileLock>)),
    /// Postgres: a session advisory lock on its own connection.
    Session(Box<sqlx::pool::PoolConnection<sqlx::Postgres>>),
}

/// Write access, for the engine.
pub struct Store {
    db: Db,
    readers: Db,
    url: String,
    epoch: AtomicI64,
    head: watch::Sender<i64>,
    /// Counts what this process changed about cosignatures.
    cosigned: Arc<AtomicU64>,
    /// Counts exchanges read back.
    observations_read: Arc<AtomicU64>,
    changes: broadcast::Sender<StateChange>,
    lease: Mutex<Lease>,
    head_key: Mutex<Option<Arc<dyn SignHead>>>,
    /// The tree as the last transaction left it.
    tree: Mutex<Option<Growing>>,
    /// Whether the time of what is committed now is known to be right.
    is_time_confirmed: AtomicBool,
    /// What is kept of a day's bodies.
    room: Mutex<bodies::Room>,
}

/// How long the session that holds the lead may take to answer.
const LEASE_PATIENCE: Duration = Duration::from_secs(5);

/// Changes of state that a reader of them may be behind; more, and it misses
/// some.
const CHANGES: usize = 8192;

/// The advisory lock's key, "PPCDLC" and a number; one oracle per database.
const ADVISORY_LOCK: i64 = 0x5050_4344_4c43_0001;

impl Store {
    /// Opens a database and brings its schema up to date. `create` makes the
    /// SQLite file where there is none.
    pub async fn open(url: &str, create: bool) -> Result<Self, StoreError> {
        let db = Db::open(url, create).await?;
        db.migrate().await?;
        let readers = db.for_readers(url)?;
        let store = Self::over(db, readers, url);
        store.refresh_head().await?;
        Ok(store)
    }

    /// Over an open database; nobody leads it yet.
    fn over(db: Db, readers: Db, url: &str) -> Self {
        Self {
            db,
            readers,
            url: url.to_owned(),
            epoch: AtomicI64::new(0),
            head: watch::Sender::new(0),
            cosigned: Arc::default(),
            observations_read: Arc::default(),
            changes: broadcast::Sender::new(CHANGES),
            lease: Mutex::new(Lease::None),
            head_key: Mutex::default(),
            is_time_confirmed: AtomicBool::new(true),
            tree: Mutex::default(),
            room: Mutex::default(),
        }
    }

    /// The readers' side.
    pub fn reader(&self) -> ReadStore {
        ReadStore {
            db: self.readers.clone(),
            head: self.head.subscribe(),
            cosigned: self.cosigned.clone(),
            observations_read: self.observations_read.clone(),
            changes: self.changes.downgrade(),
        }
    }

    /// Re-reads the published head: what another process published shows too.
    pub async fn refresh_head(&self) -> Result<(), StoreError> {
        let row = self
            .db
            .fetch_optional("SELECT COALESCE(MAX(size), 0) AS size FROM head", args![])
            .await?;
        let size = row.map_or(Ok(0), |r| r.get("size"))?;
        self.head.send_if_modified(|head| {
            let newer = size > *head;
            *head = size.max(*head);
            newer
        });
        Ok(())
    }

    /// Entries of the largest head that this process has seen.
    pub fn seen_size(&self) -> u64 {
        self.head.borrow().unsigned_abs()
    }

    /// Writes the identity, the first journal and the genesis entry; once.
    pub async fn initialise(
        &self,
        oracle: &OracleRow,
        journal_id: &[u8; 16],
        genesis: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        if tx
            .fetch_optional("SELECT id FROM oracle", args![])
            .await?
            .is_some()
        {
            return Err(StoreError::AlreadyInitialised);
        }
        let incarnation = incarnation(&self.db, &mut tx).await?;
        tx.execute(
            "INSERT INTO oracle (id, public_key, log_public_key, log_origin, network) \
             VALUES (1, $1, $2, $3, $4)",
            args![
                oracle.public_key,
                oracle.log_public_key,
                oracle.log_origin.as_str(),
                oracle.network.as_str()
            ],
        )
        .await?;
        tx.execute(
            "INSERT INTO ledger \
             (id, epoch, next_position, head_time_ms, high_water_ms, incarnation) \
             VALUES (1, 0, 1, $1, $1, $2)",
            args![millis(now), incarnation],
        )
        .await?;
        tx.execute(
            "INSERT INTO log_entry (position, entry_type, event_id, entry) \
             VALUES (0, 0, NULL, $1)",
            args![genesis],
        )
        .await?;
        tx.execute(
            "INSERT INTO head (size, time_ms) VALUES (1, $1)",
            args![millis(now)],
        )
        .await?;
        join_journal(&mut tx, journal_id, now).await?;
        tx.commit().await?;
        self.refresh_head().await
    }

    /// Registers a further journal, a standby's; see [`Store::check_joinable`].
    pub async fn join(&self, journal_id: &[u8; 16], now: DateTime<Utc>) -> Result<(), StoreError> {
        self.check_joinable().await?;
        let mut tx = self.db.begin().await?;
        join_journal(&mut tx, journal_id, now).await?;
        tx.commit().await
    }

    /// Whether a journal was made for this database.
    pub async fn knows_journal(&self, journal_id: &[u8; 16]) -> Result<bool, StoreError> {
        let row = self
            .db
            .fetch_optional(
                "SELECT joined_ms FROM journal WHERE journal_id = $1",
                args![*journal_id],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Whose database this is.
    pub async fn oracle(&self) -> Result<OracleRow, StoreError> {
        self.reader().oracle().await
    }

    /// Tries to become the one process that writes: a locked file for SQLite,
    /// an advisory lock for Postgres, and a new epoch in both. `Ok(false)`:
    /// another process leads.
    pub async fn take_lead(&self) -> Result<bool, StoreError> {
        let Some(lease) = self.try_lease().await? else {
            return Ok(false);
        };
        let mut tx = self.db.begin().await?;
        let row = tx
            .fetch_optional(
                "UPDATE ledger SET epoch = epoch + 1 WHERE id = 1 RETURNING epoch, counted_epoch",
                args![],
            )
            .await?
            .ok_or(StoreError::NotInitialised)?;
        let (epoch, counted): (i64, i64) = (row.get("epoch")?, row.get("counted_epoch")?);
        if counted != epoch - 1 {
            steps::recount_events(&mut tx).await?;
        }
        tx.execute("UPDATE ledger SET counted_epoch = epoch", args![])
            .await?;
        tx.commit().await?;
        self.epoch.store(epoch, Ordering::SeqCst);
        *self.lease() = lease;
        self.refresh_head().await?;
        Ok(true)
    }

    /// Refuses a Postgres that may have gone back: a promoted replica, a restored
    /// copy, another database or cluster may lack intents whose signatures are out,
    /// and this process's journal need not know them. `accept`, a time, takes it as it
    /// is, and keeps that.
    pub async fn check_incarnation(&self, accept: Option<DateTime<Utc>>) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let found = incarnation(&self.db, &mut tx).await?;
        let recorded: String = tx
            .fetch_optional("SELECT incarnation FROM ledger WHERE id = 1", args![])
            .await?
            .ok_or(StoreError::NotInitialised)?
            .get("incarnation")?;
        if found == recorded {
            return tx.commit().await;
        }
        if is_less_of(&recorded, &found) {
            tracing::info!(found, "the database is remembered more closely from now on");
        } else {
            let Some(now) = accept else {
                return Err(StoreError::WentBack { recorded, found });
            };
            tracing::error!(recorded, found, "another life of the database, accepted");
            home::accept(&mut tx, "database", &recorded, &found, now).await?;
        }
        tx.execute(
            "UPDATE ledger SET incarnation = $1 WHERE id = 1",
            args![found],
        )
        .await?;
        tx.commit().await
    }

    async fn try_lease(&self) -> Result<Option<Lease>, StoreError> {
        match &self.db {
            Db::Sqlite { .. } => self.lock_file(),
            Db::Postgres(pool) => {
                let mut connection = pool.acquire().await?;
                let got: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
                    .bind(ADVISORY_LOCK)
                    .fetch_one(&mut *connection)
                    .await?;
                Ok(got.then(|| Lease::Session(Box::new(connection))))
            }
        }
    }

    /// Locks the SQLite file, which may have one name only.
    fn lock_file(&self) -> Result<Option<Lease>, StoreError> {
        let path = self.url.trim_start_matches("sqlite:");
        let beside = format!("{path}.lock");
        let io = |path: &str| {
            let path = path.to_owned();
            move |source| StoreError::Lock { path, source }
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&beside)
            .map_err(io(&beside))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => return Err(io(&beside)(e)),
        }
        // Elsewhere it would be in the way of SQLite's own locks.
        let lock = if cfg!(target_os = "linux") {
            match FileLock::try_take(Path::new(path)).map_err(io(path))? {
                Some(lock) => Some(lock),
                None => return Ok(None),
            }
        } else {
            None
        };
        let names = std::fs::metadata(path).map_err(io(path))?.nlink();
        if names != 1 {
            return Err(StoreError::ManyNames {
                path: path.to_owned(),
                names,
            });
        }
        Ok(Some(Lease::File((file, lock))))
    }

    /// Whether the lead is still held. A lost Postgres session loses it; the
    /// intent rows keep two leaders harmless until it is noticed.
    pub async fn still_leads(&self) -> bool {
        let lease = std::mem::replace(&mut *self.lease(), Lease::None);
        let (lease, alive) = match lease {
            Lease::None => (Lease::None, false),
            Lease::File(file) => (Lease::File(file), true),
            Lease::Session(mut connection) => {
                let answer = sqlx::query("SELECT 1").execute(&mut **connection);
                let alive = tokio::time::timeout(LEASE_PATIENCE, answer)
                    .await
                    .is_ok_and(|answer| answer.is_ok());
                if alive {
                    (Lease::Session(connection), true)
                } else {
                    // Never back into the pool: the session may live on there.
                    drop(connection.detach());
                    (Lease::None, false)
                }
            }
        };
        *self.lease() = lease;
        alive
    }

    /// The epoch this process took the lead with.
    pub fn epoch(&self) -> i64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Latest time of committed work.
    pub async fn high_water(&self) -> Result<DateTime<Utc>, StoreError> {
        let row = self
            .db
            .fetch_optional("SELECT high_water_ms FROM ledger WHERE id = 1", args![])
            .await?
            .ok_or(StoreError::NotInitialised)?;
        row.millis("high_water_ms")
    }

    /// Whether anything is committed but what `init` did.
    pub async fn has_work(&self) -> Result<bool, StoreError> {
        let row = self
            .db
            .fetch_optional("SELECT next_position FROM ledger WHERE id = 1", args![])
            .await?
            .ok_or(StoreError::NotInitialised)?;
        Ok(row.get::<i64>("next_position")? > 1)
    }

    /// Says whether the time of what is committed from now on is known to be right:
    /// only such time raises the high water, so that work under a wrong clock
    /// keeps no start under a right one out.
    pub fn confirm_time(&self, is_confirmed: bool) {
        self.is_time_confirmed
            .store(is_confirmed, Ordering::Release);
    }

    /// Gives up the lead: a session that went on holding the lock would keep
    /// every process out, this one included.
    pub fn resign(&self) {
        let lease = std::mem::replace(&mut *self.lease(), Lease::None);
        if let Lease::Session(connection) = lease {
            drop(connection.detach());
        }
        // It holds the signer, and with it the journal's lock.
        self.sign_heads_by(None);
    }

    /// Gives up the lead and closes every connection.
    pub async fn close(&self) {
        self.resign();
        self.readers.close_readers().await;
        self.db.close().await;
    }

    fn lease(&self) -> std::sync::MutexGuard<'_, Lease> {
        self.lease
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Which life of which database: cluster, timeline, and the numbers of the database
/// and of a table in it, which a restore makes anew. Empty for SQLite, which knows no
/// such thing.
async fn incarnation(db: &Db, tx: &mut db::Tx) -> Result<String, StoreError> {
    if matches!(db, Db::Sqlite { .. }) {
        return Ok(String::new());
    }
    tx.fetch_optional(
        "SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || \
         substring(pg_walfile_name(pg_current_wal_lsn()) from 1 for 8) || '/' || \
         (SELECT oid FROM pg_database WHERE datname = current_database())::text || '/' || \
         'ledger'::regclass::oid::text AS incarnation",
        args![],
    )
    .await?
    .map_or(Ok(String::new()), |r| r.get("incarnation"))
}

/// Whether `recorded` is what an earlier version wrote of `found`: cluster and
/// timeline.
fn is_less_of(recorded: &str, found: &str) -> bool {
    let rest = found.strip_prefix(recorded);
    recorded.split('/').count() == 2 && rest.is_some_and(|rest| rest.starts_with('/'))
}

async fn join_journal(
    tx: &mut db::Tx,
    journal_id: &[u8; 16],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO journal (journal_id, joined_ms) VALUES ($1, $2)",
        args![*journal_id, millis(now)],
    )
    .await?;
    Ok(())
}

fn event_id(text: &str) -> Result<EventId, StoreError> {
    EventId::parse(text).map_err(|e| StoreError::Damaged(format!("event id {text:?}: {e}")))
}

/// Reads the columns `state`, `vetoed`, `maturity` and `attest_by` of an event.
fn standing(row: &db::Row) -> Result<Standing, StoreError> {
    let state: String = row.get("state")?;
    Ok(Standing {
        state: State::parse(&state)
            .ok_or_else(|| StoreError::Damaged(format!("state {state:?}")))?,
        is_vetoed: row.get::<i64>("vetoed")? != 0,
        maturity: row.maturity()?,
        attest_by: row.seconds("attest_by")?,
    })
}
