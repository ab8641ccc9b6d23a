//! Whether keystore, journal and database are of one oracle.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::engine::StartError;
use crate::signer::{Signer, SignerConfig, read_passphrase};
use crate::store::Store;

/// Opens the signer and checks that it belongs to this database.
pub async fn open(
    store: &Store,
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<Signer, StartError> {
    let network = config.network.as_str();
    let oracle = store.oracle().await?;
    let wrong = |what, found: &str| StartError::WrongNetwork {
        config: network.to_owned(),
        what,
        found: found.to_owned(),
    };
    if oracle.network != network {
        return Err(wrong("database", &oracle.network));
    }
    let files = SignerConfig {
        keystore: config.signer.keystore.clone(),
        passphrase: read_passphrase(config.signer.passphrase_file.as_deref())?,
        journal: config.signer.journal.clone(),
    };
    let clock = clock.clone();
    let signer = tokio::task::spawn_blocking(move || Signer::open(files, clock)).await??;
    if signer.public_key().to_byte_array() != oracle.public_key {
        return Err(StartError::WrongKey {
            keystore: signer.public_key().to_string(),
            database: hex::encode(oracle.public_key),
        });
    }
    if signer.network() != network {
        return Err(wrong("keystore", signer.network()));
    }
    if !store.knows_journal(&signer.journal_id()).await? {
        return Err(StartError::ForeignJournal);
    }
    Ok(signer)
}
