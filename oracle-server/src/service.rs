//! One oracle process: store, HTTP, and the engine and the outbox while it leads.
//!
//! Whoever gets the database's lead announces and attests; on Postgres the
//! others stand by, serve readers and try again every second. The commands,
//! the demo and the tests all start this.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use oracle_feeds::fetch::{Fetcher, TimeSource};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::command;
use crate::config::Config;
use crate::disk;
use crate::engine::{self, Engine, EngineError, StartError};
use crate::follow::{Anchorer, Contradicted, Cosigner, Followers, RelayTask, Timing};
use crate::guard::{self, Accept, Lookout, Passed, Refused};
use crate::health::HealthReport;
use crate::http;
use crate::listener;
use crate::signer::Signer;
use crate::stop::stopped;
use crate::store::Store;

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
    stop: watch::Sender<bool>,
    lead: JoinHandle<Result<(), ServiceError>>,
    servers: Vec<JoinHandle<std::io::Result<()>>>,
    disk: JoinHandle<()>,
    store: Arc<Store>,
}

/// The clock as feeds see it.
#[derive(Debug)]
struct FeedTime(Arc<dyn Clock>);

impl TimeSource for FeedTime {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.0.now()
    }
}

/// A fetcher over a configuration's providers.
pub fn fetcher(config: &Config, clock: Arc<dyn Clock>) -> Result<Fetcher, ServiceError> {
    Ok(Fetcher::new(
        config.providers.clone(),
        Arc::new(FeedTime(clock)),
    )?)
}

/// Starts a service: every check that refuses a start happens here, before any
/// address is bound.
pub async fn start(
    config: Config,
    options: Options,
    clock: Arc<dyn Clock>,
) -> Result<Running, ServiceError> {
    // Before anything counts.
    let _ = http::metrics::recorder();
    let config = Arc::new(config);
    let store = Store::open(&config.store_url, false)
        .await
        .map_err(StartError::from)?;
    let store = Arc::new(store);
    let oracle = store.oracle().await.map_err(StartError::from)?;
    let (stop, stopped) = watch::channel(false);
    let health = watch::Sender::new(HealthReport::standby());
    let disk = disk::watch(&config, health.clone());
    let (port, commands) = command::channel();
    let leader = Leader {
        port,
        config: config.clone(),
        options,
        clock: clock.clone(),
        store: store.clone(),
        health: health.clone(),
        has_started: AtomicBool::new(false),
    };
    // The first try is here, so that what refuses the start ends the command.
    let first = leader.try_lead().await?;
    if first.is_none() && !options.read_only {
        if config.store_url.starts_with("sqlite:") {
            return Err(StartError::from(crate::store::StoreError::Held).into());
        }
        // A standby that could not lead is found out now, not at the take-over.
        drop(guard::open(&leader.store, &leader.config, &leader.clock).await?);
    }

    let state = http::AppState::new(
        store.reader(),
        clock,
        http::Identity {
            name: config.name.clone(),
            oracle: oracle.clone(),
            max_open_choice_bits: config.signer.max_open_choice_bits,
        },
        health.subscribe(),
        stopped.clone(),
        http::OperatorAccess {
            operators: config.operators.clone(),
            commands,
        },
    );
    let mut settings = http_config(&config);
    let public = bind(config.http.listen).await?;
    let admin = bind(config.http.admin_listen).await?;
    let io = |what: &str| {
        let what = what.to_owned();
        move |source| ServiceError::Io { what, source }
    };
    let public_addr = public.local_addr().map_err(io("public listener"))?;
    if settings.public_url == format!("http://{}", config.http.listen) {
        // Nobody named it, and the port may be one that was free.
        settings.public_url = format!("http://{public_addr}");
    }
    let admin_addr = admin.local_addr().map_err(io("admin listener"))?;
    let servers = vec![
        tokio::spawn(http::serve(
            public,
            listener::public_router(state.clone(), &settings),
            settings.limits(),
            wait_for_stop(stopped.clone()),
        )),
        tokio::spawn(http::serve(
            admin,
            listener::admin_router(state),
            http::Limits::admin(),
            wait_for_stop(stopped.clone()),
        )),
    ];
    tracing::info!(public = %public_addr, admin = %admin_addr,
        public_key = hex::encode(oracle.public_key), "serving");
    let lead = tokio::spawn(leader.run(first, stopped));
    Ok(Running {
        public: public_addr,
        admin: admin_addr,
        public_key: oracle.public_key,
        stop,
        lead,
        servers,
        disk,
        store,
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
        self.stop.send_replace(true);
        self.disk.abort();
        let result = if self.lead.is_finished() {
            Ok(())
        } else {
            self.ended().await
        };
        for server in self.servers {
            match server.await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => tracing::warn!(error = %e, "server stopped"),
                Err(e) => tracing::warn!(error = %e, "server task ended"),
            }
        }
        self.store.close().await;
        result
    }
}

/// What a process has that leads.
struct Lead {
    engine: Engine,
    signer: Arc<Signer>,
    lookout: Option<Lookout>,
}

/// What takes and holds the lead.
struct Leader {
    config: Arc<Config>,
    options: Options,
    clock: Arc<dyn Clock>,
    store: Arc<Store>,
    health: watch::Sender<HealthReport>,
    port: command::CommandSource,
    /// Whether the start's own try to lead is over.
    has_started: AtomicBool,
}

impl Leader {
    /// What leading takes, if this process may lead now.
    async fn try_lead(&self) -> Result<Option<Lead>, ServiceError> {
        let is_leader =
            !self.options.read_only && self.store.take_lead().await.map_err(StartError::from)?;
        // What an operator accepted is about the files as they are now, not about those
        // that a standby takes over some day.
        let accept = if self.has_started.swap(true, Ordering::Relaxed) {
            Accept::default()
        } else {
            self.options.accept
        };
        if !is_leader {
            return Ok(None);
        }
        let Passed {
            signer,
            lookout,
            started,
        } = guard::pass(&self.store, &self.config, accept, &self.clock).await?;
        let now = self.clock.now();
        engine::configure(&self.store, &self.config, now).await?;
        tracing::info!(epoch = self.store.epoch(), "leading");
        let engine = Engine::new(
            self.store.clone(),
            signer.clone(),
            Arc::new(fetcher(&self.config, self.clock.clone())?),
            self.clock.clone(),
            self.config.series.clone(),
            self.health.clone(),
        )
        .with_time(started, &self.config.time_roots())
        .with_operators(self.config.clone(), self.port.open());
        Ok(Some(Lead {
            engine,
            signer,
            lookout,
        }))
    }

    /// Starts what follows the log while this process leads, as far as it is configured:
    /// relays, witnesses, anchors, and who asks outside whether anything may be signed.
    fn follow(&self, signer: &Arc<Signer>, lookout: Option<Lookout>) -> Followers {
        let (store, clock) = (&self.store, &self.clock);
        let mut followers = Followers::default();
        if let Some(config) = &self.config.nostr {
            let timing = Timing::default();
            RelayTask::new(store.clone(), signer, clock, config, timing).start(&mut followers);
        }
        if let Some(config) = &self.config.witness {
            match Cosigner::new(store.clone(), clock, config, signer.gate()) {
                Ok(cosigner) => followers.start(cosigner),
                Err(error) => {
                    tracing::error!(%error, "no HTTP client for witnesses; nothing is cosigned");
                }
            }
        }
        if let Some(config) = &self.config.anchor {
            match Anchorer::new(store.clone(), clock.clone(), config, &self.config.network) {
                Ok(anchorer) => followers.start(anchorer),
                Err(error) => {
                    tracing::error!(%error, "no HTTP client for anchors; nothing is anchored");
                }
            }
        }
        if let Some(lookout) = lookout {
            followers.start(lookout);
        }
        followers
    }

    /// Leads while it may, stands by otherwise, until `stop`.
    async fn run(
        self,
        mut lead: Option<Lead>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), ServiceError> {
        loop {
            if let Some(mut leading) = lead.take() {
                let followers = self.follow(&leading.signer, leading.lookout.take());
                let ended = leading.engine.run(stop.clone()).await;
                followers.stop().await;
                match ended {
                    Ok(()) => return Ok(()),
                    // SQLite has no standby: whoever lost the file must go.
                    Err(e) if !e.is_deposed() || self.config.store_url.starts_with("sqlite:") => {
                        return Err(e.into());
                    }
                    Err(e) => tracing::error!(error = %e, "lost the lead; standing by"),
                }
                drop(leading);
                self.store.resign();
                self.health.send_modify(|report| report.begin(false));
            }
            tokio::select! {
                biased;
                () = stopped(&mut stop) => return Ok(()),
                () = tokio::time::sleep(STANDBY_POLL) => {}
            }
            if let Err(e) = self.store.refresh_head().await {
                tracing::warn!(error = %e, "cannot read the published head");
                continue;
            }
            lead = match self.try_lead().await {
                Ok(lead) => lead,
                Err(ServiceError::Start(StartError::Store(e))) if !e.is_refusal() => {
                    tracing::warn!(error = %e, "cannot take the lead");
                    self.store.resign();
                    None
                }
                Err(e) => return Err(e),
            };
        }
    }
}

async fn wait_for_stop(mut stop: watch::Receiver<bool>) {
    stopped(&mut stop).await;
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServiceError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServiceError::Io {
            what: format!("listen on {address}"),
            source,
        })
}

/// What the routers need of a configuration.
pub fn http_config(config: &Config) -> http::HttpConfig {
    http::HttpConfig {
        public_url: config.http.public_url.clone(),
        rate_limit: http::RateLimit {
            burst: config.http.rate_limit.burst(),
            interval: config.http.rate_limit.interval(),
        },
        max_connections: config.http.max_connections,
        held_per_client: config.http.held_per_client,
        trusted_proxies: config.http.trusted_proxies.clone(),
        forwarded_header: config.http.forwarded_header,
        assets: config.assets.clone(),
    }
}
