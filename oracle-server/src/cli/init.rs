//! `init`: makes an oracle, or a standby's journal.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use oracle_schema::log_entry::{Genesis, GenesisStatement, LogEntry};
use oracle_schema::tlog::NoteKey;
use secrecy::SecretString;

use super::{CliError, InitArgs};
use crate::clock::{Clock, SystemClock};
use crate::guard;
use crate::signer::{PublicKeys, Signer, SignerConfig, Statement, read_passphrase};
use crate::store::{OracleRow, Store, StoreError};

/// What to make and where.
pub(crate) struct Init {
    pub(crate) dir: PathBuf,
    pub(crate) network: String,
    /// As written into the file; relative SQLite paths are relative to `dir`.
    pub(crate) store: String,
    pub(crate) passphrase_file: PathBuf,
    /// Text of `oracle.toml`.
    pub(crate) config: String,
}

#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command's output"
)]
pub(super) async fn init(args: InitArgs) -> Result<(), CliError> {
    let dir = args.dir;
    let data = dir.join("data");
    std::fs::create_dir_all(&data).map_err(|e| CliError::other(data.display(), e))?;
    let mut made_passphrase = false;
    let passphrase_file = match args.passphrase_file {
        Some(file) => std::path::absolute(&file).map_err(|e| CliError::other(file.display(), e))?,
        None if args.join => data.join("passphrase"),
        None => {
            made_passphrase = true;
            make_passphrase(&data.join("passphrase"))?
        }
    };
    let store = args
        .store
        .unwrap_or_else(|| "sqlite:data/oracle.db".to_owned());
    let shown = passphrase_file
        .strip_prefix(&dir)
        .unwrap_or(&passphrase_file)
        .display()
        .to_string();
    let config = |network: &str| config_text(network, &store, &shown);
    let init = Init {
        config: config(&args.network),
        dir,
        network: args.network,
        store: store.clone(),
        passphrase_file,
    };
    let (keys, identity) = if args.join {
        join(&init, config).await?
    } else {
        match make(&init).await {
            Ok(made) => made,
            Err(e) => {
                // As long as it opens nothing it is only in the way of the next try.
                if made_passphrase && !init.dir.join("data/keystore.age").exists() {
                    let _ = std::fs::remove_file(&init.passphrase_file);
                }
                return Err(e);
            }
        }
    };
    // Scripts read the key alone from stdout.
    eprintln!("identity, for participants to pin: {identity}");
    println!("{}", keys.public_key);
    Ok(())
}

/// Makes configuration, keystore, journal and database; refuses existing ones.
pub(crate) async fn make(init: &Init) -> Result<(PublicKeys, NoteKey), CliError> {
    let files = signer_files(init)?;
    let config_file = init.dir.join("oracle.toml");
    for path in [&config_file, &files.keystore, &files.journal] {
        if path.exists() {
            return Err(CliError::Other(format!(
                "{} already exists",
                path.display()
            )));
        }
    }
    let store = open_store(init, true).await?;
    if store.oracle().await.is_ok() {
        return Err(CliError::Other(
            "the database already belongs to an oracle".to_owned(),
        ));
    }
    let clock = SystemClock;
    let journal = files.journal.clone();
    let keys = Signer::create(&files, &init.network).map_err(|e| CliError::other("signer", e))?;
    let origin = format!("peercoin-dlc-oracle/{}", keys.public_key);
    let now = clock.now();
    let statement = GenesisStatement {
        network: init.network.clone(),
        oracle_public_key: keys.public_key,
        log_public_key: keys.log_public_key,
        log_origin: origin.clone(),
        created_ms: u64::try_from(now.timestamp_millis()).unwrap_or_default(),
    };
    let signer = Signer::open(files, std::sync::Arc::new(SystemClock))
        .map_err(|e| CliError::other("signer", e))?;
    let signature = signer
        .statement(Statement::Genesis(&statement))
        .map_err(|e| CliError::other("genesis", e))?;
    let genesis = LogEntry::Genesis(Genesis {
        statement,
        signature,
    })
    .to_bytes()
    .map_err(|e| CliError::other("genesis", e))?;
    let oracle = OracleRow {
        public_key: keys.public_key.to_byte_array(),
        log_public_key: keys.log_public_key,
        log_origin: origin,
        network: init.network.clone(),
    };
    let identity = oracle
        .identity()
        .map_err(|e| CliError::other("identity", e))?;
    store
        .initialise(&oracle, &keys.journal_id, &genesis, now)
        .await
        .map_err(|e| CliError::other("store", e))?;
    record_home(&store, init, &journal, &keys).await?;
    store.close().await;
    write_new(&config_file, init.config.as_bytes(), 0o600)?;
    Ok((keys, identity))
}

/// Makes a new journal for an existing keystore and database.
async fn join(
    init: &Init,
    config: impl Fn(&str) -> String,
) -> Result<(PublicKeys, NoteKey), CliError> {
    let files = signer_files(init)?;
    let store = open_store(init, false).await?;
    let failed = |e: StoreError| CliError::other("store", e);
    let oracle = store.oracle().await.map_err(failed)?;
    // Before there is a journal that nobody may use.
    store.check_joinable().await.map_err(failed)?;
    let keys = Signer::create_journal(&files).map_err(|e| CliError::other("signer", e))?;
    let joined = register(&store, init, &files.journal, &keys, &oracle).await;
    if joined.is_err() {
        // Empty, and unknown to the database.
        let _ = std::fs::remove_file(&files.journal);
    }
    joined?;
    store.close().await;
    let config_file = init.dir.join("oracle.toml");
    if !config_file.exists() {
        // The database knows its network, whatever the command line says.
        write_new(&config_file, config(&oracle.network).as_bytes(), 0o600)?;
    }
    let identity = oracle
        .identity()
        .map_err(|e| CliError::other("identity", e))?;
    Ok((keys, identity))
}

/// Makes a new journal known to the database.
async fn register(
    store: &Store,
    init: &Init,
    journal: &Path,
    keys: &PublicKeys,
    oracle: &OracleRow,
) -> Result<(), CliError> {
    if keys.public_key.to_byte_array() != oracle.public_key {
        return Err(CliError::Other(format!(
            "wrong key for this database: the keystore's public key is {}, the database's {}",
            keys.public_key,
            hex::encode(oracle.public_key)
        )));
    }
    store
        .join(&keys.journal_id, SystemClock.now())
        .await
        .map_err(|e| CliError::other("store", e))?;
    record_home(store, init, journal, keys).await
}

/// Writes down where journal and database are.
async fn record_home(
    store: &Store,
    init: &Init,
    journal: &Path,
    keys: &PublicKeys,
) -> Result<(), CliError> {
    let url = store_url(init)?;
    guard::record_home(store, &url, journal, &keys.journal_id)
        .await
        .map_err(|e| CliError::other("store", e))
}

fn signer_files(init: &Init) -> Result<SignerConfig, CliError> {
    let passphrase: SecretString = read_passphrase(Some(&init.passphrase_file))
        .map_err(|e| CliError::other("passphrase", e))?;
    let data = init.dir.join("data");
    Ok(SignerConfig {
        keystore: data.join("keystore.age"),
        passphrase,
        journal: data.join("journal"),
    })
}

fn store_url(init: &Init) -> Result<String, CliError> {
    let base = std::path::absolute(&init.dir).map_err(|e| CliError::other("directory", e))?;
    crate::config::store_url(&init.store, &base)
        .map_err(|_| CliError::Other("--store must start with sqlite: or postgres://".into()))
}

async fn open_store(init: &Init, create: bool) -> Result<Store, CliError> {
    Store::open(&store_url(init)?, create)
        .await
        .map_err(|e| CliError::other("store", e))
}

/// A random passphrase, 256 bits, in a file of its own.
pub(crate) fn make_passphrase(path: &Path) -> Result<PathBuf, CliError> {
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(|e| CliError::other("random", e))?;
    write_new(path, format!("{}\n", hex::encode(random)).as_bytes(), 0o600)?;
    Ok(path.to_owned())
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CliError> {
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .map_err(|e| CliError::other(path.display(), e))
}

/// The commented configuration that `init` leaves behind. Paths and URLs are
/// written as TOML strings, so no character in them can break the file.
fn config_text(network: &str, store: &str, passphrase_file: &str) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    include_str!("oracle.toml")
        .replace("\"@network@\"", &quoted(network))
        .replace("\"@store@\"", &quoted(store))
        .replace("\"@passphrase_file@\"", &quoted(passphrase_file))
}
