//! Makes an oracle as `oracle-server init` does, but at a time of one's own and
//! with a keystore that opens fast.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use oracle_feeds::loopback::LoopbackVenues;
use oracle_server::clock::Clock;
use oracle_server::config::Config;
use oracle_server::create;
use oracle_server::signer::{Signer, SignerConfig, read_passphrase};
use oracle_server::store::Store;

/// The network of every oracle made here.
pub const NETWORK: &str = "peercoin-regtest";

/// scrypt's log2 N: the keystore's strength is not what is tested or measured.
pub const WORK_FACTOR: u8 = 2;

/// What went wrong.
pub type Problem = Box<dyn Error + Send + Sync>;

/// What every configuration begins with: store and signer below the
/// configuration file, free ports.
pub fn preamble(store: &str) -> String {
    format!(
        r#"[oracle]
name = "Test oracle"
network = "{NETWORK}"

[http]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
rate_limit = "1000000/s"
held_per_client = 20000

[store]
url = "{store}"

[signer]
keystore = "data/keystore.age"
passphrase_file = "data/passphrase"
journal = "data/journal"
"#
    )
}

/// One price over the built-in venues, settled at once.
pub fn btcusd(venues: &LoopbackVenues) -> Result<String, Problem> {
    let mut text = String::from(
        r#"
[price.btcusd]
method = "close1m_median"
sources = ["kraken:XBTUSD", "coinbase:BTC-USD", "bitstamp:btcusd", "gemini:btcusd"]
min_sources = 3
max_deviation = "0.5%"
max_trade_age = "15m"
settle_delay = "0s"
"#,
    );
    for venue in LoopbackVenues::BUILT_IN {
        let base = venues.base_url(venue).ok_or("a venue did not start")?;
        write!(
            text,
            "\n[provider.{venue}]\nbase_url = \"{base}\"\nrate = \"100/s\"\n"
        )?;
    }
    Ok(text)
}

/// Writes configuration and passphrase into an empty directory, then keystore,
/// journal and database.
pub async fn make(dir: &Path, text: &str, clock: Arc<dyn Clock>) -> Result<Config, Problem> {
    std::fs::create_dir_all(dir.join("data"))?;
    crate::config::write_private(&dir.join("data/passphrase"), "of a test\n");
    let file = dir.join("oracle.toml");
    std::fs::write(&file, text)?;
    let config = Config::load(&file)?;
    initialise(&config, clock).await?;
    Ok(config)
}

/// Where the signer's files are.
pub fn signer_files(config: &Config) -> Result<SignerConfig, Problem> {
    Ok(SignerConfig {
        keystore: config.signer.keystore.clone(),
        passphrase: read_passphrase(config.signer.passphrase_file.as_deref())?,
        journal: config.signer.journal.clone(),
    })
}

/// Keystore, journal and database of a configuration.
pub async fn initialise(config: &Config, clock: Arc<dyn Clock>) -> Result<(), Problem> {
    let files = signer_files(config)?;
    let store = Store::open(&config.store_url, true).await?;
    let keys = Signer::create_with_work_factor(&files, NETWORK, WORK_FACTOR)?;
    create::initialise(&store, &files, &keys, NETWORK, clock).await?;
    store.close().await;
    Ok(())
}
