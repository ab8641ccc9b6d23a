//! The demo's oracle: real venues' shapes replayed on loopback, a real keystore,
//! journal and database under one directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use oracle_client::operator::OperatorKey;
use oracle_feeds::loopback::{LoopbackVenues, MatchStage, ScriptedMatch, ScriptedRace, price_path};
use oracle_feeds::time::TimeSource;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{DemoError, operators};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::create::{self, Plan, make_passphrase};

/// Venues of the demo: prices, two of them a thin PPC market as generic JSON,
/// then matches and elections, and mirrors of other public values.
///
/// New ones go last: what a resumed demo knows of are the ports of the first.
const VENUES: [&str; 11] = [
    "kraken",
    "coinbase",
    "bitstamp",
    "gemini",
    "ppcbtc_a",
    "ppcbtc_b",
    "openligadb",
    "football-data",
    "ap",
    "mirror_a",
    "mirror_b",
];

/// How long before the start the demo's match kicked off.
const KICKED_OFF: TimeDelta = TimeDelta::hours(2);

/// The demo's configuration; `@name@` stands for an address of this run.
const TEMPLATE: &str = include_str!("oracle.toml");

/// Prices around which the replayed markets move.
const BTC_USD: Decimal = Decimal::from_parts(6_123_450, 0, 0, false, 2);
const PPC_BTC: Decimal = Decimal::from_parts(41_200, 0, 0, false, 10);

/// Ports of the venues, kept so that a resumed demo finds its generic sources
/// where the announced policies say they are.
#[derive(Serialize, Deserialize)]
struct Ports {
    ports: Vec<u16>,
}

#[derive(Debug)]
struct Now;

impl TimeSource for Now {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now()
    }
}

/// What the demo runs on.
pub(super) struct Setup {
    /// The replayed venues; they stop when this is dropped.
    pub(super) venues: LoopbackVenues,
    /// Ready to start.
    pub(super) config: Config,
    /// Who resolves the prediction market, under which key.
    pub(super) operators: Vec<(&'static str, OperatorKey)>,
    /// Whether this run made the oracle.
    pub(super) fresh: bool,
}

/// Starts the venues and makes the oracle where there is none.
///
/// Match, election, values and market mature `matures_in` seconds after this start.
pub(super) async fn setup(dir: &Path, listen: &str, matures_in: u32) -> Result<Setup, DemoError> {
    let io = |e: std::io::Error| DemoError::Step(format!("{}: {e}", dir.display()));
    std::fs::create_dir_all(dir.join("data")).map_err(io)?;
    let venues = start_venues(&dir.join("venues.json")).await?;
    let config_file = dir.join("oracle.toml");
    let fresh = !config_file.exists();
    let mut keys = Vec::new();
    for name in operators::NAMES {
        keys.push((name, operators::key(dir, name)?));
    }
    let text = || -> Result<String, DemoError> {
        let mut text = config_text(&venues, listen, matures_in)?;
        for (name, key) in &keys {
            text = text.replace(&format!("@{name}@"), &key.public_hex());
        }
        Ok(text)
    };
    if fresh {
        let passphrase = dir.join("data/passphrase");
        let passphrase_file: PathBuf = if passphrase.exists() {
            passphrase
        } else {
            make_passphrase(&passphrase)?
        };
        create::make(&Plan {
            dir: dir.to_owned(),
            network: "peercoin-regtest".to_owned(),
            store: "sqlite:data/oracle.db".to_owned(),
            passphrase_file,
            config: text()?,
        })
        .await?;
    }
    // Addresses may differ from run to run. And the keystore of a fresh oracle takes
    // its time on a slow machine: the match must not have matured meanwhile.
    std::fs::write(&config_file, text()?).map_err(io)?;
    Ok(Setup {
        venues,
        config: Config::load(&config_file)?,
        operators: keys,
        fresh,
    })
}

async fn start_venues(file: &Path) -> Result<LoopbackVenues, DemoError> {
    let failed = |e: &dyn std::fmt::Display| DemoError::Step(format!("{}: {e}", file.display()));
    let known: Option<Ports> = std::fs::read(file)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut ports = known.map(|p| p.ports).unwrap_or_default();
    ports.resize(VENUES.len(), 0);
    let wanted: Vec<(&str, u16)> = VENUES.into_iter().zip(ports).collect();
    let venues = LoopbackVenues::start(&wanted, Arc::new(Now), Arc::new(|venue: &str, _: &str, open| Some(price(venue, open))))
        .await
        .map_err(|e| {
            failed(&format_args!(
                "a venue's port is taken ({e}); is another demo running? Deleting the demo's directory starts over"
            ))
        })?;
    let ports = VENUES
        .iter()
        .filter_map(|name| venues.base_url(name))
        .filter_map(|base| url::Url::parse(&base).ok()?.port())
        .collect();
    play(&venues);
    let json = serde_json::to_vec(&Ports { ports }).map_err(|e| failed(&e))?;
    std::fs::write(file, json).map_err(|e| failed(&e))?;
    Ok(venues)
}

/// The match is over, the election certified, and the mirrors state what they
/// state; so they stay, for a demo that is resumed.
fn play(venues: &LoopbackVenues) {
    let kickoff = (SystemClock.now() - KICKED_OFF).timestamp();
    for (provider, id, home, away) in [
        ("openligadb", 77_001, 40, 7),
        ("football-data", 551_001, 5, 4),
    ] {
        venues.set_match(
            provider,
            &ScriptedMatch {
                id,
                home,
                away,
                kickoff,
                stage: MatchStage::Finished(2, 1),
            },
        );
    }
    let race = ScriptedRace {
        date: "2026-11-03".to_owned(),
        state: "GA".to_owned(),
        office: "S".to_owned(),
        candidates: vec![
            ("18702".to_owned(), 2_010_412),
            ("18705".to_owned(), 1_990_101),
        ],
        results_type: "certified",
        winner: Some("18702".to_owned()),
    };
    venues.set_answer("ap", &race.path(), race.body());
    for mirror in ["mirror_a", "mirror_b"] {
        venues.set_answer(mirror, "/release", r#"{"version":"16.0"}"#);
        venues.set_answer(mirror, "/height", r#"{"height":812345}"#);
    }
}

/// Two markets, whatever a venue calls them.
fn price(venue: &str, minute_open: i64) -> Decimal {
    let (market, base) = if venue.starts_with("ppcbtc") {
        ("ppcbtc", PPC_BTC)
    } else {
        ("btcusd", BTC_USD)
    };
    price_path(venue, market, base, minute_open)
}

/// [`TEMPLATE`] with the addresses of this run.
fn config_text(
    venues: &LoopbackVenues,
    listen: &str,
    matures_in: u32,
) -> Result<String, DemoError> {
    let matures = TimeDelta::seconds(matures_in.into());
    let now = SystemClock.now();
    let at = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut text = TEMPLATE
        .replace("@listen@", listen)
        .replace("@start@", &now.timestamp().to_string())
        .replace("@kickoff@", &at(now - KICKED_OFF))
        .replace("@maturity@", &at(now + matures));
    for name in VENUES {
        let url = if name.starts_with("ppcbtc") {
            venues.generic_url(name, "ppcbtc")
        } else {
            venues.base_url(name)
        };
        let url = url.ok_or_else(|| DemoError::Step(format!("venue {name} did not start")))?;
        text = text.replace(&format!("@{name}@"), &url);
    }
    Ok(text)
}
