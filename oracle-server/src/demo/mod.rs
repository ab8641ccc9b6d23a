//! `demo`: the whole job on one machine, watched through the public client.
//!
//! The only place in the server that uses `oracle-client`: here it plays the
//! reader, over HTTP like any other.

mod once;
mod operators;
mod setup;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use oracle_client::{Client, StreamEvent};

use crate::cli::{CliError, DemoArgs};
use crate::clock::SystemClock;
use crate::service::{self, Options, Running};

/// Runs the demo until Ctrl-C, or one full cycle of it.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(crate) async fn demo(args: DemoArgs) -> Result<(), CliError> {
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
    let client = Client::new(&url).map_err(|e| CliError::Other(e.to_string()))?;
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

async fn stop(running: Running) -> Result<(), CliError> {
    running
        .stop()
        .await
        .map_err(|e| CliError::Other(e.to_string()))
}

async fn running_until_ctrl_c() {
    if let Err(e) = tokio::signal::ctrl_c().await {
        tracing::error!(error = %e, "cannot wait for Ctrl-C");
    }
}

/// Prints what a reader sees, verified, as it happens.
#[allow(clippy::print_stdout, reason = "the command's output")]
async fn watch(client: &Client, until: impl Future<Output = ()>) -> Result<(), CliError> {
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
            None => return Err(CliError::Other("the stream ended".to_owned())),
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
