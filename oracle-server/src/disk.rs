//! Free space where the service writes, seen before it is gone.
//!
//! A full disk ends signing: the journal cannot promise and the database cannot
//! commit. Whoever runs the service is told while there is still time to act.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::health::HealthReport;

/// How often it is asked.
const EVERY: Duration = Duration::from_secs(10);

/// Below this the health report says so.
const LITTLE: u64 = 1024 * MIB;

/// Below this the service is not ready: somebody has to make room.
const ALMOST_NONE: u64 = 128 * MIB;

const MIB: u64 = 1024 * 1024;

/// Free bytes, by what is written there.
const FREE: &str = "oracle_disk_free_bytes";

/// How much room is left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiskHealth {
    /// Bytes free to the service, by what is written there: `database` (with
    /// SQLite) and `journal`. Of what cannot be asked there is no figure.
    pub free: BTreeMap<&'static str, u64>,
}

impl DiskHealth {
    /// Where there is least.
    fn least(&self) -> Option<(&'static str, u64)> {
        let all = self.free.iter().map(|(name, free)| (*name, *free));
        all.min_by_key(|(_, free)| *free)
    }

    /// `ok`, or where how little is left. Never a path.
    pub fn reason(&self) -> String {
        match self.least() {
            Some((name, free)) if free < LITTLE => format!(
                "{} MiB are left on the disk of the {name}; make room, below {} MiB the \
                 service is not ready",
                free / MIB,
                ALMOST_NONE / MIB
            ),
            _ => "ok".to_owned(),
        }
    }

    /// So little that writing may fail at any moment.
    pub fn is_almost_full(&self) -> bool {
        self.least().is_some_and(|(_, free)| free < ALMOST_NONE)
    }
}

/// The directories that a configuration has the service write to.
fn places(config: &Config) -> Vec<(&'static str, PathBuf)> {
    let parent = |path: &Path| path.parent().map(Path::to_owned).unwrap_or_default();
    let mut places = vec![("journal", parent(&config.signer.journal))];
    if let Some(path) = config.store_url.strip_prefix("sqlite:") {
        places.push(("database", parent(Path::new(path))));
    }
    places
}

fn ask(places: &[(&'static str, PathBuf)]) -> DiskHealth {
    let mut health = DiskHealth::default();
    for (name, path) in places {
        match rustix::fs::statvfs(path) {
            Ok(found) => {
                let free = found.f_bavail.saturating_mul(found.f_frsize);
                health.free.insert(name, free);
            }
            Err(error) => tracing::warn!(%error, place = name, "free space cannot be asked"),
        }
    }
    health
}

/// Watches until the task is aborted; the first figures are in `health` when this
/// returns.
pub(crate) fn watch(config: &Config, health: watch::Sender<HealthReport>) -> JoinHandle<()> {
    let places = places(config);
    note(&health, ask(&places));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(EVERY).await;
            note(&health, ask(&places));
        }
    })
}

#[allow(
    clippy::cast_precision_loss,
    reason = "gauges are floats by their format"
)]
fn note(health: &watch::Sender<HealthReport>, found: DiskHealth) {
    for (name, free) in &found.free {
        metrics::gauge!(FREE, "of" => *name).set(*free as f64);
    }
    let is_little = |disk: &DiskHealth| disk.least().is_some_and(|(_, free)| free < LITTLE);
    let before = is_little(&health.borrow().disk);
    match (before, is_little(&found)) {
        (false, true) => tracing::error!(reason = found.reason(), "the disk is almost full"),
        (true, false) => tracing::info!("there is room on the disk again"),
        _ => {}
    }
    health.send_modify(|report| report.disk = found);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(journal: u64, database: u64) -> DiskHealth {
        DiskHealth {
            free: BTreeMap::from([("journal", journal), ("database", database)]),
        }
    }

    #[test]
    fn little_room_is_told_before_it_is_gone() {
        assert_eq!(with(LITTLE, LITTLE).reason(), "ok");
        let little = with(LITTLE, LITTLE - MIB);
        assert!(little.reason().starts_with("1023 MiB"), "{little:?}");
        assert!(little.reason().contains("database"), "{little:?}");
        assert!(!little.is_almost_full(), "still ready");
        assert!(with(ALMOST_NONE - 1, LITTLE).is_almost_full());
        assert_eq!(DiskHealth::default().reason(), "ok");
    }

    #[test]
    fn the_disk_under_a_directory_can_be_asked() {
        let found = ask(&[
            ("journal", std::env::temp_dir()),
            ("database", "/nowhere/at/all".into()),
        ]);
        assert!(found.free.contains_key("journal"));
        assert!(!found.free.contains_key("database"));
    }
}
