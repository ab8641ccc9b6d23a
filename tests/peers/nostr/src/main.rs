//! Listens to a relay with ddk's own Nostr client (`ddk::oracle::nostr::NostrOracle`):
//! it must decode an announcement and its attestation, and says what else it cannot do.
//!
//! What must work is an error if it does not; what is known not to work in ddk is
//! shown, and an error if it suddenly does, so that docs/nostr.md is mended.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ddk::ddk_manager::Oracle as _;
use ddk::logger::{LogRecord, LogWriter, Logger};
use ddk::oracle::nostr::NostrOracle;
use nostr::{PublicKey, Timestamp};
use tokio::sync::watch;

type Problem = Box<dyn Error + Send + Sync>;

/// So many clients are started, each looked at so often, with so long between looks.
const TRIES: usize = 20;
const LOOKS: usize = 10;
const PAUSE: Duration = Duration::from_millis(100);

const USAGE: &str = "usage: oracle-peer-ddk-nostr RELAY KEY EVENT ANNOUNCEMENT ATTESTATION\n\
    RELAY: its URL; KEY: the oracle's public key (/v1/oracle); EVENT: its id there; the \
    others are the ids of the Nostr events (\"nostr\" of /v1/events/{id})";

/// What ddk says of what it has decoded; it tells that nowhere else.
#[derive(Default)]
struct Said(Mutex<Vec<String>>);

impl LogWriter for Said {
    fn write_log(&self, record: &LogRecord) {
        if record.message.starts_with("Received a") {
            let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            said.push(record.message.clone());
        }
    }

    fn flush(&self) {}
}

impl Said {
    /// Whether both messages of an event come to be decoded.
    async fn of_both(&self, event: &str) -> bool {
        let wanted =
            ["announcement", "attestation"].map(|w| format!("Received {w} event: {event}"));
        for _ in 0..LOOKS {
            let found = {
                let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                wanted.iter().all(|line| said.contains(line))
            };
            if found {
                return true;
            }
            tokio::time::sleep(PAUSE).await;
        }
        false
    }
}

#[tokio::main]
async fn main() -> Result<(), Problem> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [relay, key, event, announcement, attestation] = args.as_slice() else {
        return Err(USAGE.into());
    };
    let key = PublicKey::parse(key)?;
    // It subscribes before it listens: what a relay answers in between is lost on it.
    let mut tries = 0;
    let (oracle, stop) = loop {
        tries += 1;
        let said = Arc::new(Said::default());
        let logger = Arc::new(Logger::new("peer".to_owned(), said.clone()));
        let since = Some(Timestamp::zero());
        let oracle = Arc::new(NostrOracle::new(vec![relay], since, key, logger).await?);
        let (stop, stopped) = watch::channel(false);
        oracle.start(stopped);
        if said.of_both(event).await {
            break (oracle, stop);
        }
        let _ = stop.send(true);
        if tries == TRIES {
            return Err(format!("ddk never decoded both messages of {event}").into());
        }
    };
    println!("ddk: Received announcement event: {event}");
    println!("ddk: Received attestation event: {event}");
    println!("by client {tries}; those before subscribed too early to hear it");

    // In tasks of their own: ddk panics over what it cannot read.
    let (client, id) = (oracle.clone(), announcement.clone());
    let asked = tokio::spawn(async move { client.get_announcement(&id).await });
    not_given("the announcement by its Nostr id", asked.await)?;
    for (what, id) in [
        ("the attestation by its Nostr id", attestation),
        (
            "the attestation by the oracle's id, as ddk's manager asks",
            event,
        ),
    ] {
        let (client, id) = (oracle.clone(), id.clone());
        let asked = tokio::spawn(async move { client.get_attestation(&id).await });
        not_given(what, asked.await)?;
    }
    let _ = stop.send(true);
    Ok(())
}

/// What ddk cannot give; says how it fails.
fn not_given<T, E: std::fmt::Debug, J: std::fmt::Debug>(
    what: &str,
    result: Result<Result<T, E>, J>,
) -> Result<(), Problem> {
    let why = match result {
        Ok(Ok(_)) => {
            return Err(
                format!("ddk gives {what} now: docs/nostr.md says that it does not").into(),
            );
        }
        Ok(Err(error)) => format!("{error:?}"),
        Err(panic) => format!("{panic:?}"),
    };
    println!("not given: {what}: {why}");
    Ok(())
}
