//! `oracle sync`, and what other commands read from a mirror.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use oracle_client::{Error, EventId, Mirror, MirroredEvent};
use serde_json::json;

use super::output::{ERASE, is_watched, printable};
use super::trust::Trust;
use super::{Failure, Server, output};

const EXAMPLES: &str = "\
Fetches everything that the oracle published, hour by hour, and keeps it: `oracle get
ID --mirror DIR` and `oracle points ID --mirror DIR` then ask nobody, so that nobody
learns which event a contract is on. Every hour is verified, and has to go on where the
one before ended. Run it again for what is new; an interrupted one goes on.

Examples:
  oracle sync mirror --url http://127.0.0.1:8080
  oracle sync mirror --since 2026-11-22T16
  oracle points ppcusd-daily@2026-11-22T16:00:00Z --mirror mirror";

/// Keep a local mirror of everything that the oracle publishes
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SyncMirror {
    /// Directory of the mirror; it is made if it does not exist
    dir: PathBuf,
    #[command(flatten)]
    server: Server,
    /// Begin a new mirror with this hour (UTC), for example 2026-11-22T16, instead of the
    /// log's first. What was announced before is not in it
    #[arg(long, value_name = "HOUR")]
    since: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl SyncMirror {
    pub(super) async fn run(&self) -> Result<(), Failure> {
        no_witnesses(&self.server.trust)?;
        let client = self.server.client()?;
        let mut mirror = Mirror::open(&self.dir, &client.identity().await?)?;
        let (mut hours, mut entries) = (0, 0);
        let is_watched = is_watched();
        let synced = loop {
            let step = mirror.step(&client, self.since.as_deref()).await;
            let Ok(Some(step)) = step else {
                break step.map(|_| ());
            };
            hours += 1;
            entries += step.entries;
            if is_watched {
                let mut err = std::io::stderr().lock();
                // There is nobody left to tell if that fails.
                let _ = write!(err, "{ERASE}{}: {} entries", step.hour, step.size);
                let _ = err.flush();
            }
            if !step.complete {
                break Ok(());
            }
        };
        if is_watched {
            let _ = write!(std::io::stderr().lock(), "{ERASE}");
        }
        synced?;
        let kept = mirror.hours();
        let (first, last) = kept.unzip();
        let size = mirror.head().map_or(0, |head| head.size);
        if self.json {
            let value = json!({
                "directory": self.dir.display().to_string(),
                "identity": mirror.identity().to_string(),
                "first_hour": first,
                "last_hour": last,
                "fetched_hours": hours,
                "new_entries": entries,
                "log_size": size,
            });
            output::json(&value, true)?;
        } else {
            let kept = kept.map_or("none".to_owned(), |(first, last)| {
                format!("{first}..{last}")
            });
            output::line(&format!(
                "ok mirror hours={kept} log_size={size} new_entries={entries}"
            ))?;
        }
        self.server.trust.verdict(&client).await
    }
}

/// An event as a mirror has it, and what that is worth.
pub(super) struct FromMirror {
    pub(super) event: MirroredEvent,
    mirror: Mirror,
}

impl FromMirror {
    /// Looks an event up, held against what was proven before.
    pub(super) fn find(dir: &Path, id: &EventId, trust: &Trust) -> Result<Self, Failure> {
        no_witnesses(trust)?;
        let named = Mirror::identity_of(dir)?.ok_or_else(|| {
            let dir = dir.display();
            Failure::Usage(format!(
                "--mirror {dir}: there is no mirror; `oracle sync {dir}` makes one"
            ))
        })?;
        let mirror = Mirror::open(dir, &trust.identity()?.unwrap_or(named))?;
        let event = mirror.event(id)?;
        let got = event.genesis.oracle_public_key;
        if let Some(expected) = trust.key.filter(|key| *key != got) {
            return Err(Failure::Client(Error::WrongKey {
                what: "genesis",
                expected: Box::new(expected),
                got: Box::new(got),
            }));
        }
        trust.memory()?.check(&event.announcement)?;
        Ok(Self { event, mirror })
    }

    /// After the answer was printed: what it is worth.
    pub(super) fn verdict(&self, trust: &Trust) -> Result<(), Failure> {
        trust.verdict_on(self.mirror.identity())
    }
}

/// Hours have the log's signature alone: what a reader's witnesses have cosigned cannot
/// be seen in them, and must not be believed as if it had been.
fn no_witnesses(trust: &Trust) -> Result<(), Failure> {
    if trust.witnesses()?.is_none() {
        return Ok(());
    }
    Err(Failure::Usage(
        printable(
            "a mirror has no cosignatures, so it cannot meet a policy of witnesses: use it without \
         --witnesses and `witnesses` in the configuration file, or ask for the event's bundle",
        )
        .into_owned(),
    ))
}
