//! One oracle on disk, the venues it asks, and what readers got from it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use oracle_feeds::TimeSource;
use oracle_feeds::loopback::{Fault, LoopbackVenues, price_path};
use oracle_server::clock::{Clock as _, SystemClock};
use oracle_server::create;
use oracle_server::signer::{Signer, SignerConfig, read_passphrase};
use oracle_server::store::Store;
use rust_decimal::Decimal;

use crate::database::Database;

const NETWORK: &str = "peercoin-regtest";

/// scrypt's log2 N of the tests' keystores: a hundred starts in one test leave
/// no second for each.
const WORK_FACTOR: u8 = 4;

#[derive(Debug)]
struct Now;

impl TimeSource for Now {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now()
    }
}

pub(crate) fn now() -> DateTime<Utc> {
    SystemClock.now()
}

/// The four venues, on ports that stay while children come and go.
pub(crate) async fn venues() -> LoopbackVenues {
    let ports = LoopbackVenues::BUILT_IN.map(|name| (name, 0));
    let base = Decimal::new(6_123_450, 2);
    LoopbackVenues::start(
        &ports,
        Arc::new(Now),
        Arc::new(move |venue, _, minute| Some(price_path(venue, "btcusd", base, minute))),
    )
    .await
    .unwrap()
}

/// All venues tell another price from now on.
pub(crate) fn change_price(venues: &LoopbackVenues) {
    break_venues(venues, Some(&Fault::Factor(Decimal::new(15, 1))));
}

/// The same fault, or none, at every venue.
pub(crate) fn break_venues(venues: &LoopbackVenues, fault: Option<&Fault>) {
    for name in LoopbackVenues::BUILT_IN {
        venues.set_fault(name, fault.cloned());
    }
}

/// An oracle's directory.
pub(crate) struct Home {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) database: Database,
}

impl Home {
    /// On SQLite, inside its directory.
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::sqlite(&dir.path().join("oracle.db"));
        Self::made(dir, database).await
    }

    /// On Postgres, where there is one.
    pub(crate) async fn postgres(test: &str) -> Option<Self> {
        let database = Database::postgres(test).await?;
        Some(Self::made(tempfile::tempdir().unwrap(), database).await)
    }

    /// What `init` makes, with a keystore that opens fast.
    async fn made(dir: tempfile::TempDir, database: Database) -> Self {
        write_private(&dir.path().join("passphrase"), b"correct horse\n");
        let files = signer_files(dir.path());
        let keys = Signer::create_with_work_factor(&files, NETWORK, WORK_FACTOR).unwrap();
        let store = Store::open(database.url(), true).await.unwrap();
        create::initialise(&store, &files, &keys, NETWORK, Arc::new(SystemClock))
            .await
            .unwrap();
        store.close().await;
        Self { dir, database }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("oracle.toml")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.path("journal")
    }

    /// Writes the configuration: these venues, these series.
    pub(crate) fn configure(&self, venues: &LoopbackVenues, series: &str) {
        let text = config(venues, self.database.url(), series);
        std::fs::write(self.config(), text).unwrap();
    }
}

pub(crate) fn signer_files(dir: &Path) -> SignerConfig {
    SignerConfig {
        keystore: dir.join("keystore.age"),
        passphrase: read_passphrase(Some(&dir.join("passphrase"))).unwrap(),
        journal: dir.join("journal"),
    }
}

pub(crate) fn write_private(path: &Path, bytes: &[u8]) {
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .unwrap();
}

/// A configuration of one price from four venues.
pub(crate) fn config(venues: &LoopbackVenues, store: &str, series: &str) -> String {
    let mut text = format!(
        r#"
[oracle]
name = "Crash tests"
network = "{NETWORK}"
[http]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
rate_limit = "10000/s"
[store]
url = "{store}"
[signer]
keystore = "keystore.age"
passphrase_file = "passphrase"
journal = "journal"
[price.btcusd]
method = "close1m_median"
sources = ["kraken:XBTUSD", "coinbase:BTC-USD", "bitstamp:btcusd", "gemini:btcusd"]
min_sources = 3
max_deviation = "0.5%"
max_trade_age = "15m"
settle_delay = "0s"
"#
    );
    for name in LoopbackVenues::BUILT_IN {
        let base = venues.base_url(name).unwrap();
        writeln!(
            text,
            "[provider.{name}]\nbase_url = \"{base}\"\nrate = \"1000/s\""
        )
        .unwrap();
    }
    text + series
}

/// A digit series of one second, one of two, and a threshold series of one.
pub(crate) const BUSY: &str = r#"
[[series]]
id = "digits-1s"
kind = "digits"
price = "btcusd"
decimals = 0
base = 2
digits = 18
unit = "USD/BTC"
every = "1s"
announce_ahead = "20s"
give_up_after = "1h"
[[series]]
id = "decimal-2s"
kind = "digits"
price = "btcusd"
decimals = 2
base = 10
digits = 8
unit = "cent/BTC"
every = "2s"
announce_ahead = "20s"
give_up_after = "1h"
[[series]]
id = "above-1s"
kind = "threshold"
price = "btcusd"
above = "61234.5"
every = "1s"
announce_ahead = "20s"
give_up_after = "1h"
"#;

/// The same events every two seconds: enough where nothing is stormed.
pub(crate) fn calm(digits: u32) -> String {
    format!(
        r#"
[[series]]
id = "price"
kind = "digits"
price = "btcusd"
decimals = 0
base = 2
digits = {digits}
unit = "USD/BTC"
every = "2s"
announce_ahead = "10s"
give_up_after = "1h"
[[series]]
id = "above"
kind = "threshold"
price = "btcusd"
above = "70000"
every = "2s"
announce_ahead = "10s"
give_up_after = "1h"
"#
    )
}
