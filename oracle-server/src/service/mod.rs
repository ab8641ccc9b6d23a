//! One oracle process: store, HTTP, and the engine and the outbox while it leads.
//!
//! Whoever gets the database's lead announces and attests; on Postgres the
//! others stand by, serve readers and try again every second. `assembly` puts the parts
//! together. The commands, the demo and the tests all start this, and a test that moves
//! time by hand drives the same parts itself.

mod assembly;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config::Config;
use crate::disk;
use crate::engine::{EngineError, StartError};
use crate::follow::Contradicted;
use crate::guard::{self, Accept, Refused};
use crate::stop::stopped;
use crate::store::StoreError;

pub use assembly::{Assembly, Lead, Serving, fetcher};

/// How often a standby asks for the lead and re-reads the published head.
const STANDBY_POLL: Duration = Duration::from_secs(1);

/// How to start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Serve readers only.
    pub read_only: bool,
    /// What the operator takes upon them.
    pub accept: Accept,
}

/// Why the service stopped or did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A check before the start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A listener or a server.
    #[error("{what}: {source}")]
    Io {
        /// Which.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody outside knows another log.
    #[error(transparent)]
    Log(Contradicted),
    /// The fetcher's settings.
    #[error("providers: {0}")]
    Fetch(#[from] oracle_feeds::fetch::FetchConfigError),
}

impl From<Contradicted> for ServiceError {
    fn from(error: Contradicted) -> Self {
        match error {
            // Of the database alone: a standby tries again.
            Contradicted::Store(error) => StartError::from(error).into(),
            error => Self::Log(error),
        }
    }
}

impl From<Refused> for ServiceError {
    fn from(error: Refused) -> Self {
        match error {
            Refused::Start(error) => error.into(),
            Refused::Outside(error) => error.into(),
        }
    }
}

/// A running service.
pub struct Running {
    /// Bound public address.
    pub public: SocketAddr,
    /// Bound admin address.
    pub admin: SocketAddr,
    /// The oracle's key, x-only.
    pub public_key: [u8; 32],
    assembly: Arc<Assembly>,
    serving: Serving,
    lead: JoinHandle<Result<(), ServiceError>>,
    disk: JoinHandle<()>,
    _stop: StopWhenDropped,
}

/// Ends the service with its [`Running`], also where nobody waits for the end: nothing
/// leads and signs that nobody can stop.
struct StopWhenDropped(Arc<Assembly>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Starts a service: every check that refuses a start happens here, before any
/// address is bound.
pub async fn start(
    config: Config,
    options: Options,
    clock: Arc<dyn Clock>,
) -> Result<Running, ServiceError> {
    let assembly = Arc::new(Assembly::open(config, clock).await?);
    let disk = disk::watch(&assembly.config, assembly.health.clone());
    let leader = Leader {
        assembly: assembly.clone(),
        options,
        has_started: AtomicBool::new(false),
    };
    // The first try is here, so that what refuses the start ends the command.
    let first = leader.try_lead().await?;
    if first.is_none() && !options.read_only {
        if leader.is_alone() {
            return Err(StartError::from(StoreError::Held).into());
        }
        // A standby that could not lead is found out now, not at the take-over.
        let Assembly {
            store,
            config,
            clock,
            ..
        } = &*assembly;
        drop(guard::open(store, config, clock).await?);
    }
    let serving = assembly.serve().await?;
    let lead = tokio::spawn(leader.run(first));
    Ok(Running {
        public: serving.public,
        admin: serving.admin,
        public_key: assembly.oracle.public_key,
        _stop: StopWhenDropped(assembly.clone()),
        assembly,
        serving,
        lead,
        disk,
    })
}

impl Running {
    /// Resolves when the engine has stopped: on [`Running::stop`], or by itself
    /// for a reason.
    pub async fn ended(&mut self) -> Result<(), ServiceError> {
        match (&mut self.lead).await {
            Ok(result) => result,
            Err(e) => Err(EngineError::Worker(e).into()),
        }
    }

    /// Finishes or safely leaves what is in flight, then closes everything.
    pub async fn stop(mut self) -> Result<(), ServiceError> {
        self.assembly.stop();
        self.disk.abort();
        let result = if self.lead.is_finished() {
            Ok(())
        } else {
            self.ended().await
        };
        self.serving.ended().await;
        self.assembly.store.close().await;
        result
    }
}

/// What takes and holds the lead.
struct Leader {
    assembly: Arc<Assembly>,
    options: Options,
    /// Whether the start's own try to lead is over.
    has_started: AtomicBool,
}

impl Leader {
    /// Whether nobody can stand by: whoever loses a SQLite file must go.
    fn is_alone(&self) -> bool {
        self.assembly.config.store_url.starts_with("sqlite:")
    }

    /// What leading takes, if this process may lead now.
    async fn try_lead(&self) -> Result<Option<Lead>, ServiceError> {
        // What an operator accepted is about the files as they are now, not about those
        // that a standby takes over some day.
        let accept = if self.has_started.swap(true, Ordering::Relaxed) {
            Accept::default()
        } else {
            self.options.accept
        };
        if self.options.read_only {
            return Ok(None);
        }
        self.assembly.lead(accept).await
    }

    /// Leads while it may, stands by otherwise, until the stop.
    async fn run(self, mut lead: Option<Lead>) -> Result<(), ServiceError> {
        let assembly = &self.assembly;
        let mut stop = assembly.stopping();
        loop {
            if let Some(mut leading) = lead.take() {
                let followers = assembly.follow(&leading.signer, leading.lookout.take());
                let ended = leading.engine.run(stop.clone()).await;
                followers.stop().await;
                match ended {
                    Ok(()) => return Ok(()),
                    Err(e) if !e.is_deposed() || self.is_alone() => return Err(e.into()),
                    Err(e) => tracing::error!(error = %e, "lost the lead; standing by"),
                }
                drop(leading);
                assembly.store.resign();
                assembly.health.send_modify(|report| report.begin(false));
            }
            tokio::select! {
                biased;
                () = stopped(&mut stop) => return Ok(()),
                () = tokio::time::sleep(STANDBY_POLL) => {}
            }
            if let Err(e) = assembly.store.refresh_head().await {
                tracing::warn!(error = %e, "cannot read the published head");
                continue;
            }
            lead = match self.try_lead().await {
                Ok(lead) => lead,
                Err(ServiceError::Start(StartError::Store(e))) if !e.is_refusal() => {
                    tracing::warn!(error = %e, "cannot take the lead");
                    assembly.store.resign();
                    None
                }
                Err(e) => return Err(e),
            };
        }
    }
}
