//! An oracle with many one-off events on one price, all maturing in one second:
//! real configuration file, keystore, journal, database and loopback venues.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_feeds::loopback::LoopbackVenues;
use oracle_feeds::time::TimeSource;
use oracle_server::clock::{Clock, TestClock};
use oracle_server::config::Config;
use oracle_tests::made::{btcusd, make, preamble};
use rust_decimal::Decimal;

/// What went wrong; these programs have one reader, who reads it.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// When the oracle is made, Unix seconds.
const START: i64 = 1_800_000_000;
/// When every event matures: seconds after [`START`].
const MATURES_AFTER: i64 = 3600;
/// The price of everything, in dollars.
const PRICE: Decimal = Decimal::from_parts(6_123_450, 0, 0, false, 2);
const VENUES: [&str; 4] = LoopbackVenues::BUILT_IN;

/// How many events, of which kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Threshold events: two outcomes, one nonce.
    pub(crate) enums: usize,
    /// Events of 20 binary digits: twenty nonces.
    pub(crate) digits: usize,
}

impl Size {
    /// All of them.
    pub(crate) fn events(self) -> usize {
        self.enums + self.digits
    }
}

/// An oracle that has been made and not been started.
pub(crate) struct Oracle {
    /// Stands at the start; nothing has matured.
    pub(crate) clock: Arc<TestClock>,
    /// As loaded from the file.
    pub(crate) config: Config,
    _venues: LoopbackVenues,
}

#[derive(Debug)]
struct VenueTime(Arc<TestClock>);

impl TimeSource for VenueTime {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }
}

/// When every event matures.
pub(crate) fn maturity() -> DateTime<Utc> {
    time(START + MATURES_AFTER)
}

/// Name of the `n`-th threshold event. Threshold events come before the others
/// in the order of ids, which is the order of attesting.
pub(crate) fn enum_id(n: usize) -> String {
    format!("a-threshold-{n:07}")
}

/// Name of the `n`-th event of digits.
pub(crate) fn digits_id(n: usize) -> String {
    format!("b-digits-{n:07}")
}

impl Oracle {
    /// Makes one in an empty directory, on the database `store` (as in the
    /// configuration).
    pub(crate) async fn make(dir: &Path, store: &str, size: Size) -> Result<Self> {
        let clock = Arc::new(TestClock::at(Self::start()));
        Self::make_with(dir, store, size, clock, |text| text).await
    }

    /// When the oracle is made.
    pub(crate) fn start() -> DateTime<Utc> {
        time(START)
    }

    /// The same, with something else in its configuration.
    pub(crate) async fn make_with(
        dir: &Path,
        store: &str,
        size: Size,
        clock: Arc<TestClock>,
        edit: impl FnOnce(String) -> String,
    ) -> Result<Self> {
        let venues = LoopbackVenues::start(
            &VENUES.map(|name| (name, 0)),
            Arc::new(VenueTime(clock.clone())),
            Arc::new(|_, _, _| Some(PRICE)),
        )
        .await?;
        let text = edit(config_text(&venues, store, size)?);
        let config = make(dir, &text, clock.clone()).await?;
        Ok(Self {
            clock,
            config,
            _venues: venues,
        })
    }
}

/// Lets every event mature.
pub(crate) fn mature(clock: &TestClock) {
    clock.set(maturity() + TimeDelta::seconds(1));
}

fn config_text(venues: &LoopbackVenues, store: &str, size: Size) -> Result<String> {
    let mut text = preamble(store) + &btcusd(venues)?;
    let at = maturity().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    for n in 0..size.enums {
        write!(
            text,
            "\n[[event]]\nid = \"{}\"\nkind = \"threshold\"\nprice = \"btcusd\"\n\
             above = \"60000\"\nmaturity = \"{at}\"\n",
            enum_id(n)
        )?;
    }
    for n in 0..size.digits {
        write!(
            text,
            "\n[[event]]\nid = \"{}\"\nkind = \"digits\"\nprice = \"btcusd\"\ndecimals = 0\n\
             base = 2\ndigits = 20\nunit = \"USD/BTC\"\nmaturity = \"{at}\"\n",
            digits_id(n)
        )?;
    }
    Ok(text)
}

/// Largest resident memory of this process so far, KiB.
pub(crate) fn peak_kib() -> Option<u64> {
    std::fs::read_to_string("/proc/self/status")
        .ok()?
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .ok()
}

/// A directory that lives as long as the run: under `dir`, or where temporary
/// files go.
pub(crate) fn directory(dir: Option<&Path>) -> Result<tempfile::TempDir> {
    Ok(match dir {
        Some(dir) => {
            std::fs::create_dir_all(dir)?;
            tempfile::TempDir::new_in(dir)?
        }
        None => tempfile::TempDir::new()?,
    })
}

/// `count` in `elapsed`, per second.
pub(crate) fn per_second(count: usize, elapsed: std::time::Duration) -> u128 {
    let nanos = elapsed.as_nanos().max(1);
    u128::try_from(count).unwrap_or(u128::MAX) * 1_000_000_000 / nanos
}

/// `part` of `whole`, in percent.
pub(crate) fn percent(part: u128, whole: u128) -> u128 {
    part * 100 / whole.max(1)
}

fn time(unix: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(unix, 0).unwrap_or_default()
}
