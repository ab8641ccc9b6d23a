//! The parts of one process, put together in one way for `run`, the demo and the tests,
//! which differ by the configuration and the clock that they give it.

use std::net::SocketAddr;
use std::sync::Arc;

use oracle_feeds::fetch::{Fetcher, TimeSource};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::ServiceError;
use crate::clock::Clock;
use crate::command::{self, CommandSource, Commands};
use crate::config::{Calendar, Config};
use crate::engine::{self, Engine, StartError};
use crate::follow::{Anchorer, Cosigner, Followers, RelayTask, Timing};
use crate::guard::{self, Accept, Lookout, Passed};
use crate::health::HealthReport;
use crate::http;
use crate::listener;
use crate::signer::Signer;
use crate::stop::stopped;
use crate::store::{OracleRow, Store};

/// A process that stands still: nothing of it runs until it leads, serves or follows, and
/// whoever drives it by hand does these one by one.
pub struct Assembly {
    /// As loaded.
    pub config: Arc<Config>,
    /// What time it is for all parts.
    pub clock: Arc<dyn Clock>,
    /// Opened; it does not lead yet.
    pub store: Arc<Store>,
    /// Whose database it is.
    pub oracle: OracleRow,
    pub(super) health: watch::Sender<HealthReport>,
    stop: watch::Sender<bool>,
    mailbox: CommandSource,
    commands: Commands,
}

/// What a process has that leads.
pub struct Lead {
    /// It does nothing by itself.
    pub engine: Engine,
    /// Checked against database and journal.
    pub signer: Arc<Signer>,
    /// Where witnesses or mirrors are configured.
    pub lookout: Option<Lookout>,
}

/// Both listeners, served.
pub struct Serving {
    /// Bound public address.
    pub public: SocketAddr,
    /// Bound admin address.
    pub admin: SocketAddr,
    servers: [JoinHandle<std::io::Result<()>>; 2],
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

impl Assembly {
    /// Opens the database of a configuration.
    pub async fn open(
        config: impl Into<Arc<Config>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServiceError> {
        // Before anything counts.
        let _ = http::metrics::recorder();
        let config = config.into();
        let store = Store::open(&config.store_url, false)
            .await
            .map_err(StartError::from)?;
        let oracle = store.oracle().await.map_err(StartError::from)?;
        let (mailbox, commands) = command::channel();
        Ok(Self {
            config,
            clock,
            store: Arc::new(store),
            oracle,
            health: watch::Sender::new(HealthReport::standby()),
            stop: watch::Sender::new(false),
            mailbox,
            commands,
        })
    }

    /// Takes the lead, if nobody has it, and passes every check that leading needs.
    pub async fn lead(&self, accept: Accept) -> Result<Option<Lead>, ServiceError> {
        if !self.store.take_lead().await.map_err(StartError::from)? {
            return Ok(None);
        }
        // A large future, and a start is part of every test.
        let passing = guard::pass(&self.store, &self.config, accept, &self.clock);
        let Passed {
            signer,
            lookout,
            started,
        } = Box::pin(passing).await?;
        engine::configure(&self.store, &self.config, self.clock.now()).await?;
        tracing::info!(epoch = self.store.epoch(), "leading");
        let engine = Engine::new(engine::Parts {
            store: self.store.clone(),
            signer: signer.clone(),
            fetcher: Arc::new(fetcher(&self.config, self.clock.clone())?),
            clock: self.clock.clone(),
            config: self.config.clone(),
            started,
            health: self.health.clone(),
            commands: self.mailbox.open(),
        });
        Ok(Some(Lead {
            engine,
            signer,
            lookout,
        }))
    }

    /// Binds both listeners and serves readers and operators until [`Assembly::stop`].
    pub async fn serve(&self) -> Result<Serving, ServiceError> {
        let config = &self.config;
        let state = http::AppState::new(
            self.store.reader(),
            self.clock.clone(),
            http::Identity {
                name: config.name.clone(),
                oracle: self.oracle.clone(),
                max_open_choice_bits: config.signer.max_open_choice_bits,
                has_relays: config.nostr.is_some(),
            },
            Calendar::new(&config.series),
            self.health.subscribe(),
            self.stop.subscribe(),
            http::OperatorAccess {
                operators: config.operators.clone(),
                commands: self.commands.clone(),
            },
        );
        let (public_listener, public) = bind(config.http.listen).await?;
        let (admin_listener, admin) = bind(config.http.admin_listen).await?;
        let mut settings = http_config(config);
        if settings.public_url == format!("http://{}", config.http.listen) {
            // Nobody named it, and the port may be one that was free.
            settings.public_url = format!("http://{public}");
        }
        let servers = [
            tokio::spawn(http::serve(
                public_listener,
                listener::public_router(state.clone(), &settings),
                settings.limits(),
                wait_for_stop(self.stop.subscribe()),
            )),
            tokio::spawn(http::serve(
                admin_listener,
                listener::admin_router(state),
                http::Limits::admin(),
                wait_for_stop(self.stop.subscribe()),
            )),
        ];
        let public_key = hex::encode(self.oracle.public_key);
        tracing::info!(%public, %admin, public_key, "serving");
        Ok(Serving {
            public,
            admin,
            servers,
        })
    }

    /// Starts what follows the log while this process leads, as far as it is configured:
    /// relays, witnesses, anchors, and who asks outside whether anything may be signed.
    pub fn follow(&self, signer: &Arc<Signer>, lookout: Option<Lookout>) -> Followers {
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

    /// The stop signal of all parts.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Says to all parts that the process ends.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }
}

impl Serving {
    /// Waits until what is being answered is, after [`Assembly::stop`].
    pub async fn ended(self) {
        for server in self.servers {
            match server.await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => tracing::warn!(error = %e, "server stopped"),
                Err(e) => tracing::warn!(error = %e, "server task ended"),
            }
        }
    }
}

async fn wait_for_stop(mut stop: watch::Receiver<bool>) {
    stopped(&mut stop).await;
}

/// A listener, and the address that it got.
async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServiceError> {
    let failed = |source| ServiceError::Io {
        what: format!("listen on {address}"),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// What the routers need of a configuration.
fn http_config(config: &Config) -> http::HttpConfig {
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
