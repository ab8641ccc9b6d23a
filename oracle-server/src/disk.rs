//! Free space where the service writes, seen before it is gone.
//!
//! A full disk ends signing: the journal cannot promise and the database cannot
//! commit. Whoever runs the service is told while there is still time to act.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::health::{DiskHealth, HealthReport};

/// How often it is asked.
const EVERY: Duration = Duration::from_secs(10);

/// Free bytes, by what is written there.
const FREE: &str = "oracle_disk_free_bytes";

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
    let before = health.borrow().disk.is_little();
    match (before, found.is_little()) {
        (false, true) => tracing::error!(reason = found.reason(), "the disk is almost full"),
        (true, false) => tracing::info!("there is room on the disk again"),
        _ => {}
    }
    health.send_modify(|report| report.disk = found);
}

#[cfg(test)]
mod tests {
    use super::*;

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
