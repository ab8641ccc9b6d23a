//! `run`: the service, until a signal ends it.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::{CliError, RunArgs};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::descriptors;
use crate::guard::Accept;
use crate::memory;
use crate::service::{self, Options};

pub(super) async fn run(args: RunArgs) -> Result<(), CliError> {
    let config = Config::load(&args.config.config)?;
    // Before anything is opened.
    descriptors::ensure(config.http.max_connections).map_err(|e| CliError::Other(e.to_string()))?;
    match memory::lock() {
        Ok(()) => tracing::info!("memory is locked: no key reaches the swap"),
        Err(reason) => tracing::info!(%reason, "memory is not locked"),
    }
    let options = Options {
        read_only: args.read_only,
        accept: Accept {
            clock: args.accept.accept_clock,
            database: args.accept.accept_database,
            copy: args.accept.accept_copy,
        },
    };
    let mut terminated =
        signal(SignalKind::terminate()).map_err(|e| CliError::other("signals", e))?;
    let mut running = service::start(config, options, Arc::new(SystemClock)).await?;
    let ended = tokio::select! {
        ended = running.ended() => ended,
        _ = terminated.recv() => Ok(()),
        result = tokio::signal::ctrl_c() => result.map_err(|source| service::ServiceError::Io {
            what: "signals".to_owned(),
            source,
        }),
    };
    tracing::info!("stopping");
    running.stop().await?;
    Ok(ended?)
}
