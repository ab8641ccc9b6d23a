//! The oracle: a running one, or the project's own demo, started for the run.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use chrono::TimeDelta;
use oracle_client::{Client, EventId, EventInfo, EventState};
use oracle_schema::policy::Policy;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::agreement::Event;
use super::terms::Terms;
use super::{Options, Result};

/// How long both parties may take to agree and sign, seconds. An event is left
/// alone if less time than that is left to its maturity and the margin before it.
const ENOUGH_TIME: i64 = 6;

/// Looks for an event again after so long, so many times.
const RETRY: Duration = Duration::from_millis(250);
const RETRIES: usize = 20;

/// How long the demo may take to start.
const START_LIMIT: Duration = Duration::from_mins(1);

/// Where the oracle is; ends the demo, if this is one, when dropped.
pub(crate) struct Oracle {
    /// Its address.
    pub(crate) url: String,
    _demo: Option<Demo>,
}

struct Demo {
    _server: Child,
    _directory: tempfile::TempDir,
}

impl Oracle {
    /// The oracle of the options; without an address, a demo.
    pub(crate) async fn open(options: &Options) -> Result<Self> {
        if let Some(url) = &options.url {
            let url = url.trim_end_matches('/').to_owned();
            return Ok(Self { url, _demo: None });
        }
        let server = match &options.server {
            Some(server) => server.clone(),
            None => build_server().await?,
        };
        start_demo(&server).await
    }

    /// The event that both parties agree on: the one asked for, or the next that
    /// is open, suits the terms and leaves enough time.
    pub(crate) async fn choose(
        client: &Client,
        terms: &Terms,
        options: &Options,
    ) -> Result<EventId> {
        if let Some(id) = &options.event {
            return Ok(id.clone());
        }
        // An oracle that has just started announces within a moment.
        for pause in std::iter::repeat_n(RETRY, RETRIES) {
            if let Some(id) = next_open(client, terms, options).await? {
                return Ok(id);
            }
            tokio::time::sleep(pause).await;
        }
        Err(format!(
            "the oracle has no open event of kind {:?} that suits the contract and matures in \
             {} s or later",
            terms.kind,
            enough_time(options)
        )
        .into())
    }
}

fn enough_time(options: &Options) -> i64 {
    ENOUGH_TIME + i64::from(options.margin)
}

async fn next_open(client: &Client, terms: &Terms, options: &Options) -> Result<Option<EventId>> {
    let soonest = options.now().timestamp() + enough_time(options);
    let mut cursor = None;
    loop {
        let page = client.events(cursor.as_deref()).await?;
        for info in page.events {
            let open = info.state == EventState::Announced && info.kind == terms.kind;
            let in_time = info.maturity.timestamp() >= soonest;
            if open && in_time && suits(client, terms, &info).await {
                return Ok(Some(info.event_id));
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(None);
        }
    }
}

async fn suits(client: &Client, terms: &Terms, info: &EventInfo) -> bool {
    match client.announcement(&info.event_id).await {
        Ok(announcement) => (terms.payouts)(&announcement, terms.stakes).is_ok(),
        Err(_) => false,
    }
}

/// What a party needs to know of an event. The announcement is verified against
/// the oracle's key; whoever signs after the maturity bets on the known.
pub(crate) async fn event(client: &Client, id: &EventId) -> Result<Event> {
    let info = client.event(id).await?;
    if info.state != EventState::Announced {
        return Err(format!("{id} is {}, not open", info.state).into());
    }
    let announcement = client.announcement(id).await?;
    // By the policy, which the announcement's log entry names: a server that says an earlier
    // one would have the refund come before a late attestation.
    let policy = Policy::parse(&client.policy(id).await?)?;
    let give_up_after = TimeDelta::seconds(policy.give_up_after_s.into());
    Ok(Event {
        attest_by: announcement.event.maturity.to_datetime() + give_up_after,
        announcement,
    })
}

/// Builds the server with the cargo that built this program.
async fn build_server() -> Result<PathBuf> {
    eprintln!("building the oracle's server; the first time this takes minutes …");
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let program = std::env::current_exe()?;
    // target/PROFILE/examples/NAME
    let profile = program.parent().and_then(Path::parent);
    let (profile, target) = profile
        .and_then(|profile| Some((profile, profile.parent()?)))
        .ok_or("the program is in no target directory")?;
    let mut build = Command::new(env!("CARGO"));
    build
        .current_dir(workspace)
        .args(["build", "-p", "oracle-server", "--bin", "oracle-server"]);
    build.arg("--target-dir").arg(target);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    if !build.status().await?.success() {
        return Err("the oracle's server was not built".into());
    }
    Ok(profile.join("oracle-server"))
}

/// Starts `oracle-server demo` on a free port, in a directory of its own.
async fn start_demo(server: &Path) -> Result<Oracle> {
    let directory = tempfile::tempdir()?;
    let mut child = Command::new(server)
        .args([
            "demo",
            "--listen",
            "127.0.0.1:0",
            "--matures-in",
            "30",
            "--dir",
        ])
        .arg(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| format!("{}: {e}", server.display()))?;
    let output = child.stdout.take().ok_or("the demo has no output")?;
    let mut lines = BufReader::new(output).lines();
    let address = async {
        while let Some(line) = lines.next_line().await? {
            // "new oracle in …; page http://127.0.0.1:PORT/  stream …"
            if let Some((_, rest)) = line.split_once("page ")
                && let Some((url, _)) = rest.split_once("/  ")
            {
                return Ok(url.to_owned());
            }
        }
        Err(super::Problem::from("the demo ended before it served"))
    };
    let url = tokio::time::timeout(START_LIMIT, address)
        .await
        .map_err(|_| "the demo did not start in time")??;
    // Nobody else reads what it prints, and it must not wait for a reader.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok(Oracle {
        url,
        _demo: Some(Demo {
            _server: child,
            _directory: directory,
        }),
    })
}
