//! The configuration files of a world.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use oracle_feeds::loopback::LoopbackVenues;

use crate::made::preamble;
use crate::market;

/// Secrets that others may read are refused.
pub(crate) fn write_private(path: &Path, text: &str) {
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .expect("private file");
}

/// The public address of every world, for which operators sign; it is served at another
/// one, as behind a proxy.
pub const AUTHORITY: &str = "oracle.test";

/// The line of the configuration that says so.
pub const PUBLIC_URL: &str = "public_url = \"http://oracle.test\"\n";

/// The documented configuration, on loopback.
pub(crate) fn text(store: &str, venues: &LoopbackVenues, series: &str) -> String {
    let base = |venue: &str| venues.base_url(venue).expect("venue");
    let generic = |venue: &str| venues.generic_url(venue, "ppcbtc").expect("venue");
    let http = format!("[http]\n{PUBLIC_URL}");
    let mut text = preamble(store).replace("[http]\n", &http)
        + r#"
[price.btcusd]
method = "close1m_median"
sources = ["kraken:XBTUSD", "coinbase:BTC-USD", "bitstamp:btcusd", "gemini:btcusd"]
min_sources = 3
max_deviation = "0.5%"
max_trade_age = "15m"
settle_delay = "60s"

[price.ppcbtc]
method = "close1m_median"
sources = ["generic:ppcbtc_a", "generic:ppcbtc_b"]
min_sources = 2
max_deviation = "5%"
max_trade_age = "6h"

[price.ppcusd]
cross = ["ppcbtc", "btcusd"]
"#;
    // Writing to a String cannot fail.
    for venue in LoopbackVenues::BUILT_IN
        .into_iter()
        .chain(market::FACT_PROVIDERS)
    {
        let _ = write!(
            text,
            "\n[provider.{venue}]\nbase_url = \"{}\"\nrate = \"10000/s\"\ntimeout = \"5s\"\n",
            base(venue)
        );
    }
    for venue in market::PPC_VENUES {
        let _ = write!(
            text,
            "\n[generic.{venue}]\nurl = \"{}\"\nvalue = \"$.price\"\ntime = \"$.ts\"\n\
             time_unit = \"s\"\nrate = \"10000/s\"\n",
            generic(venue)
        );
    }
    text + series
}
