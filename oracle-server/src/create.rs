//! Makes an oracle: configuration, keystore, journal and database; or a journal for a
//! standby of one.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oracle_schema::log_entry::{Genesis, GenesisStatement, LogEntry, LogEntryError};
use oracle_schema::tlog::NoteKey;

use crate::clock::{Clock, SystemClock};
use crate::engine::StartError;
use crate::guard;
use crate::signer::{PublicKeys, Signer, SignerConfig, SignerError, Statement, read_passphrase};
use crate::store::{OracleRow, Store, StoreError};

/// What to make and where.
pub(crate) struct Plan {
    pub(crate) dir: PathBuf,
    pub(crate) network: String,
    /// As written into the file; relative SQLite paths are relative to `dir`.
    pub(crate) store: String,
    pub(crate) passphrase_file: PathBuf,
    /// Text of `oracle.toml`.
    pub(crate) config: String,
}

/// Why an oracle could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A file of an oracle is there already.
    #[error("{} already exists", .0.display())]
    Exists(PathBuf),
    /// The database has an oracle.
    #[error("the database already belongs to an oracle")]
    Taken,
    /// Keystore and database are of two oracles.
    #[error(
        "wrong key for this database: the keystore's public key is {keystore}, the database's \
         {database}"
    )]
    WrongKey {
        /// x-only, hex.
        keystore: String,
        /// x-only, hex.
        database: String,
    },
    /// A database that there is no driver for.
    #[error("--store must start with sqlite: or postgres://")]
    StoreUrl,
    /// The database.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// Where database and journal are could not be written down.
    #[error("store: {0}")]
    Home(#[from] StartError),
    /// Keystore or journal.
    #[error("signer: {0}")]
    Signer(#[from] SignerError),
    /// The passphrase file.
    #[error("passphrase: {0}")]
    Passphrase(SignerError),
    /// The log's first entry.
    #[error("genesis: {0}")]
    Genesis(#[from] LogEntryError),
    /// The operating system has no random numbers.
    #[error("random: {0}")]
    Random(getrandom::Error),
    /// A file or directory.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl CreateError {
    /// Of a file or directory.
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File {
            path: path.to_owned(),
            source,
        }
    }
}

/// Makes configuration, keystore, journal and database; refuses existing ones.
pub(crate) async fn make(plan: &Plan) -> Result<(PublicKeys, NoteKey), CreateError> {
    let files = signer_files(plan)?;
    let config_file = plan.dir.join("oracle.toml");
    for path in [&config_file, &files.keystore, &files.journal] {
        if path.exists() {
            return Err(CreateError::Exists(path.clone()));
        }
    }
    let store = open_store(plan, true).await?;
    if store.oracle().await.is_ok() {
        return Err(CreateError::Taken);
    }
    let journal = files.journal.clone();
    let keys = Signer::create(&files, &plan.network)?;
    let identity = initialise(&store, &files, &keys, &plan.network, Arc::new(SystemClock)).await?;
    record_home(&store, plan, &journal, &keys).await?;
    store.close().await;
    write_new(&config_file, plan.config.as_bytes(), 0o600)?;
    Ok((keys, identity))
}

/// Begins the log of a new oracle in an empty database: its genesis, signed with the keys
/// that were just made in `files`. Answers what people pin.
pub async fn initialise(
    store: &Store,
    files: &SignerConfig,
    keys: &PublicKeys,
    network: &str,
    clock: Arc<dyn Clock>,
) -> Result<NoteKey, CreateError> {
    let now = clock.now();
    let statement = GenesisStatement {
        network: network.to_owned(),
        oracle_public_key: keys.public_key,
        log_public_key: keys.log_public_key,
        log_origin: format!("peercoin-dlc-oracle/{}", keys.public_key),
        created_ms: u64::try_from(now.timestamp_millis()).unwrap_or_default(),
    };
    let oracle = OracleRow {
        public_key: keys.public_key.to_byte_array(),
        log_public_key: keys.log_public_key,
        log_origin: statement.log_origin.clone(),
        network: statement.network.clone(),
    };
    let identity = oracle.identity()?;
    let signer = Signer::open(files.clone(), clock)?;
    let signature = signer.statement(Statement::Genesis(&statement))?;
    let genesis = LogEntry::Genesis(Genesis {
        statement,
        signature,
    })
    .to_bytes()?;
    store
        .initialise(&oracle, &keys.journal_id, &genesis, now)
        .await?;
    Ok(identity)
}

/// Makes a new journal for an existing keystore and database; `config` is the text of
/// `oracle.toml` for a network, where there is no such file yet.
pub(crate) async fn join(
    plan: &Plan,
    config: impl Fn(&str) -> String,
) -> Result<(PublicKeys, NoteKey), CreateError> {
    let files = signer_files(plan)?;
    let store = open_store(plan, false).await?;
    let oracle = store.oracle().await?;
    // Before there is a journal that nobody may use.
    store.check_joinable().await?;
    let keys = Signer::create_journal(&files)?;
    let joined = register(&store, plan, &files.journal, &keys, &oracle).await;
    if joined.is_err() {
        // Empty, and unknown to the database.
        let _ = std::fs::remove_file(&files.journal);
    }
    joined?;
    store.close().await;
    let config_file = plan.dir.join("oracle.toml");
    if !config_file.exists() {
        // The database knows its network, whatever the command line says.
        write_new(&config_file, config(&oracle.network).as_bytes(), 0o600)?;
    }
    Ok((keys, oracle.identity()?))
}

/// Makes a new journal known to the database.
async fn register(
    store: &Store,
    plan: &Plan,
    journal: &Path,
    keys: &PublicKeys,
    oracle: &OracleRow,
) -> Result<(), CreateError> {
    if keys.public_key.to_byte_array() != oracle.public_key {
        return Err(CreateError::WrongKey {
            keystore: keys.public_key.to_string(),
            database: hex::encode(oracle.public_key),
        });
    }
    store.join(&keys.journal_id, SystemClock.now()).await?;
    record_home(store, plan, journal, keys).await
}

/// Writes down where journal and database are.
async fn record_home(
    store: &Store,
    plan: &Plan,
    journal: &Path,
    keys: &PublicKeys,
) -> Result<(), CreateError> {
    let url = store_url(plan)?;
    Ok(guard::record_home(store, &url, journal, &keys.journal_id).await?)
}

fn signer_files(plan: &Plan) -> Result<SignerConfig, CreateError> {
    let passphrase =
        read_passphrase(Some(&plan.passphrase_file)).map_err(CreateError::Passphrase)?;
    let data = plan.dir.join("data");
    Ok(SignerConfig {
        keystore: data.join("keystore.age"),
        passphrase,
        journal: data.join("journal"),
    })
}

fn store_url(plan: &Plan) -> Result<String, CreateError> {
    let base = std::path::absolute(&plan.dir).map_err(CreateError::file(&plan.dir))?;
    crate::config::store_url(&plan.store, &base).map_err(|_| CreateError::StoreUrl)
}

async fn open_store(plan: &Plan, create: bool) -> Result<Store, CreateError> {
    Ok(Store::open(&store_url(plan)?, create).await?)
}

/// A random passphrase, 256 bits, in a file of its own.
pub(crate) fn make_passphrase(path: &Path) -> Result<PathBuf, CreateError> {
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(CreateError::Random)?;
    write_new(path, format!("{}\n", hex::encode(random)).as_bytes(), 0o600)?;
    Ok(path.to_owned())
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CreateError> {
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .map_err(CreateError::file(path))
}
