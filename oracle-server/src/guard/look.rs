//! What a start would find beside the configuration: keystore, passphrase, and the
//! database with its open events. Everything is opened to read.

use chrono::{DateTime, Utc};

use crate::config::Config;
use crate::engine::{self, StartError};
use crate::signer::{Signer, read_passphrase};
use crate::store::Store;

/// The key at fault and why a start would be refused; else what could not be found out.
pub async fn look(
    config: &Config,
    now: DateTime<Utc>,
) -> Result<Vec<String>, (&'static str, String)> {
    let keystore = config.signer.keystore.clone();
    let passphrase = read_passphrase(config.signer.passphrase_file.as_deref())
        .map_err(|e| ("signer.passphrase_file", format!("{e}{ELSEWHERE}")))?;
    let opened = tokio::task::spawn_blocking(move || Signer::look(&keystore, passphrase)).await;
    let refuse = |e: &dyn std::fmt::Display| ("signer.keystore", format!("{e}{ELSEWHERE}"));
    let (public_key, network) = opened.map_err(|e| refuse(&e))?.map_err(|e| refuse(&e))?;
    if network != config.network {
        return Err(refuse(&format!("is of network {network}")));
    }
    let store = Store::look(&config.store_url)
        .await
        .map_err(|e| ("store.url", format!("{e}{ELSEWHERE}")))?;
    let found = compare(&store, config, &public_key.to_byte_array(), now).await;
    store.close().await;
    match found {
        Ok(()) => Ok(Vec::new()),
        // A start migrates it first.
        Err(StartError::Store(error)) if error.is_other_schema() => Ok(vec![format!(
            "the database could not be compared with the file, since an older version made \
             it: {error}"
        )]),
        Err(error @ StartError::ChoiceBudget { .. }) => {
            Err(("signer.max_open_choice_bits", error.to_string()))
        }
        Err(error @ StartError::WrongKey { .. }) => Err(("signer.keystore", error.to_string())),
        Err(error @ StartError::WrongNetwork { .. }) => Err(("oracle.network", error.to_string())),
        Err(error) => Err(("store.url", error.to_string())),
    }
}

/// What to do where those files are on another machine.
const ELSEWHERE: &str = "; --file-only checks the file alone";

async fn compare(
    store: &Store,
    config: &Config,
    public_key: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<(), StartError> {
    let oracle = store.oracle().await?;
    if oracle.network != config.network {
        return Err(StartError::WrongNetwork {
            config: config.network.clone(),
            what: "database",
            found: oracle.network,
        });
    }
    if oracle.public_key != *public_key {
        return Err(StartError::WrongKey {
            keystore: hex::encode(public_key),
            database: hex::encode(oracle.public_key),
        });
    }
    engine::check(store, config, now).await
}
