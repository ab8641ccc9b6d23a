//! `demo`: the whole job on one machine, watched through the public client.
//!
//! The only place in the server that uses `oracle-client`: here it plays the
//! reader, over HTTP like any other.

mod once;
mod operators;
mod setup;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures::StreamExt as _;
use oracle_client::{Client, StreamEvent};

use crate::clock::SystemClock;
use crate::config::ConfigError;
use crate::create::CreateError;
use crate::service::{self, Options, Running, ServiceError};

/// What the command line says.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  oracle-server demo\n  oracle-server demo --once")]
pub(crate) struct DemoArgs {
    /// One full cycle, then a table and exit code 0, or the step that failed.
    #[arg(long)]
    pub(crate) once: bool,
    /// Where the demo's oracle lives.
    #[arg(long, default_value = "data/demo")]
    pub(crate) dir: PathBuf,
    /// How long after the start the match, the election and the market mature,
    /// seconds.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(5..=3600))]
    pub(crate) matures_in: u32,
    /// Address of the page and API: 127.0.0.1:8080, with --once any free port.
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
}

/// Why the demo ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// The configuration that it wrote.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its service.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// Its oracle could not be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A step of it, said in one line.
    #[error("{0}")]
    Step(String),
}

/// Runs the demo until Ctrl-C, or one full cycle of it.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(crate) async fn demo(args: DemoArgs) -> Result<(), DemoError> {
    // Enough is not required here: whoever tries it has the machine to himself.
    let _ = crate::descriptors::raise();
    let listen = match args.listen {
        Some(listen) => listen.to_string(),
        None if args.once => "127.0.0.1:0".to_owned(),
        None => "127.0.0.1:8080".to_owned(),
    };
    let setup = setup::setup(&args.dir, &listen, args.matures_in).await?;
    let fresh = setup.fresh;
    let running = service::start(setup.config, Options::default(), Arc::new(SystemClock)).await?;
    let url = format!("http://{}", running.public);
    let key = hex::encode(running.public_key);
    println!("Peercoin DLC oracle {key}");
    println!(
        "{} in {}; page {url}/  stream {url}/v1/stream  metrics http://{}/metrics\n",
        if fresh { "new oracle" } else { "resumed" },
        args.dir.display(),
        running.admin
    );
    let client = Client::new(&url).map_err(|e| DemoError::Step(e.to_string()))?;
    let reporting = tokio::spawn(operators::resolve(url.clone(), setup.operators));
    let result = if args.once {
        once::cycle(&client, &key).await
    } else {
        watch(&client, running_until_ctrl_c()).await
    };
    reporting.abort();
    stop(running).await?;
    drop(setup.venues);
    result
}

async fn stop(running: Running) -> Result<(), DemoError> {
    running
        .stop()
        .await
        .map_err(|e| DemoError::Step(e.to_string()))
}

async fn running_until_ctrl_c() {
    if let Err(e) = tokio::signal::ctrl_c().await {
        tracing::error!(error = %e, "cannot wait for Ctrl-C");
    }
}

/// Prints what a reader sees, verified, as it happens.
#[allow(clippy::print_stdout, reason = "the command's output")]
async fn watch(client: &Client, until: impl Future<Output = ()>) -> Result<(), DemoError> {
    println!("Events as a participant sees them, each one fetched and verified (Ctrl-C stops):");
    let mut events = client.watch(Some(0));
    tokio::pin!(until);
    loop {
        let event = tokio::select! {
            () = &mut until => {
                println!("stopped; start again to go on where it stopped");
                return Ok(());
            }
            event = events.next() => event,
        };
        match event {
            Some(Ok(event)) => show(client, &event).await,
            Some(Err(e)) => println!("  stream: {e}"),
            None => return Err(DemoError::Step("the stream ended".to_owned())),
        }
    }
}

#[allow(clippy::print_stdout, reason = "the command's output")]
async fn show(client: &Client, event: &StreamEvent) {
    let line = match event {
        StreamEvent::Announced { event_id, .. } => client.announcement(event_id).await.map(|a| {
            format!(
                "announced {event_id}  matures {}  {} nonces",
                a.event.maturity,
                a.event.nonces.len()
            )
        }),
        StreamEvent::Attested { event_id, .. } => client
            .attestation(event_id)
            .await
            .map(|a| format!("attested  {event_id}  = {}", a.outcome_text())),
        StreamEvent::Refunded { event_id, .. } => Ok(format!("refunded  {event_id}")),
        StreamEvent::State { .. } => return,
    };
    match line {
        Ok(line) => println!("  {line}"),
        Err(e) => println!("  {}: {e}", event.event_id()),
    }
}

/// How long one cycle may take: two maturities, settle delay and slack.
const CYCLE_LIMIT: Duration = Duration::from_secs(90);
