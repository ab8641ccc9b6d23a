//! One oracle and everything around it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_client::{Client, EventId, EventInfo};
use oracle_feeds::loopback::{Fault, LoopbackVenues};
use oracle_feeds::time::TimeSource;
use oracle_schema::tlog::NoteKey;
use oracle_schema::tlog::checkpoint::Algorithm;
use oracle_server::clock::{Clock, TestClock};
use oracle_server::config::Config;
use oracle_server::follow::{Anchorer, Cosigner, RelayTask, Timing};
use oracle_server::guard::Accept;
use oracle_server::service::{self, Assembly, Lead, Options, Running, ServiceError};
use oracle_server::signer::{Signer, SignerConfig, Signing};
use oracle_server::store::{Store, StoreError};
use secrecy::SecretString;
use tempfile::TempDir;

use crate::database::{Backend, Database};
use crate::http::{Answer, client, get};
use crate::made::{NETWORK, WORK_FACTOR, initialise};
use crate::{config, market};

const PASSPHRASE: &str = "a test's passphrase";

/// An oracle, its venues, its database and its time.
///
/// Nothing happens by itself: the engine works when [`World::at`] says so.
pub struct World {
    /// The only time there is.
    pub clock: Arc<TestClock>,
    /// The providers.
    pub venues: LoopbackVenues,
    /// What is stored.
    pub database: Database,
    true_time: Arc<TrueTime>,
    serving: Option<Box<Serving>>,
    dir: TempDir,
}

/// The parts of a service, which this drives by hand.
struct Serving {
    assembly: Assembly,
    lead: Lead,
    listeners: service::Serving,
}

/// What time it is, whatever the oracle's clock says.
#[derive(Debug)]
struct TrueTime {
    clock: Arc<TestClock>,
    /// How far the clock is ahead of it, seconds.
    ahead_s: AtomicI64,
}

impl TimeSource for TrueTime {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now() - TimeDelta::seconds(self.ahead_s.load(Ordering::SeqCst))
    }
}

/// A moment from Unix seconds.
pub fn instant(unix: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(unix, 0).expect("a time")
}

/// The id of a series' event.
pub fn event_id(series: &str, maturity: i64) -> EventId {
    let at = instant(maturity).format("%FT%TZ");
    EventId::parse(&format!("{series}@{at}")).expect("an event id")
}

impl World {
    /// A new oracle at [`market::START`] with these `[[series]]` and
    /// `[[event]]` sections; it has done what is due at that time.
    pub async fn new(backend: Backend, series: &str) -> Self {
        let mut world = Self::create(backend, series).await;
        world.start().await.expect("start");
        world.run_due().await;
        world
    }

    /// The same, not yet started.
    pub async fn create(backend: Backend, series: &str) -> Self {
        let clock = Arc::new(TestClock::at(instant(market::START)));
        let wanted: Vec<(&str, u16)> = market::venues()
            .chain(market::FACT_PROVIDERS)
            .map(|v| (v, 0))
            .collect();
        let true_time = Arc::new(TrueTime {
            clock: clock.clone(),
            ahead_s: AtomicI64::new(0),
        });
        let venues = LoopbackVenues::start(&wanted, true_time.clone(), Arc::new(market::price))
            .await
            .expect("venues");
        let dir = TempDir::new().expect("directory");
        std::fs::create_dir(dir.path().join("data")).expect("directory");
        let database = Database::create(backend, dir.path()).await;
        let text = config::text(database.url(), &venues, series);
        std::fs::write(dir.path().join("oracle.toml"), text).expect("configuration");
        config::write_private(&dir.path().join("data/passphrase"), PASSPHRASE);
        let world = Self {
            clock,
            venues,
            database,
            true_time,
            serving: None,
            dir,
        };
        initialise(&world.config(), world.clock.clone())
            .await
            .expect("an oracle");
        world
    }

    /// Where keystore and journal are or are to be, below the world's directory.
    pub fn signer_files(&self, below: &str) -> SignerConfig {
        let data = self.dir.path().join(below);
        std::fs::create_dir_all(&data).expect("directory");
        SignerConfig {
            keystore: data.join("keystore.age"),
            passphrase: SecretString::from(PASSPHRASE),
            journal: data.join("journal"),
        }
    }

    /// Makes another oracle's keystore and journal below the world's directory.
    pub fn foreign_signer(&self, below: &str) {
        let files = self.signer_files(below);
        Signer::create_with_work_factor(&files, NETWORK, WORK_FACTOR).expect("keystore");
    }

    /// The world's directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.dir.path().join("oracle.toml")
    }

    /// The configuration as it stands in the file.
    pub fn config(&self) -> Config {
        Config::load(&self.config_file()).expect("configuration")
    }

    /// Replaces text in the configuration file, for the next start.
    pub fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config_file()).expect("configuration");
        assert!(text.contains(from), "{from:?} is not in the configuration");
        std::fs::write(self.config_file(), text.replace(from, to)).expect("configuration");
    }

    /// Starts the oracle, with every check of a start. The engine stands still
    /// until the next [`World::run_due`].
    pub async fn start(&mut self) -> Result<(), ServiceError> {
        self.start_accepting(Accept::default()).await
    }

    /// The same, with what the operator takes upon them.
    pub async fn start_accepting(&mut self, accept: Accept) -> Result<(), ServiceError> {
        let assembly = Assembly::open(self.config(), self.clock.clone()).await?;
        let lead = assembly.lead(accept).await?.expect("somebody leads");
        let listeners = assembly.serve().await?;
        self.serving = Some(Box::new(Serving {
            assembly,
            lead,
            listeners,
        }));
        Ok(())
    }

    /// Exchanges that the oracle has read back from its database since its start.
    pub fn observations_read(&self) -> u64 {
        let serving = self.serving.as_ref().expect("a started world");
        serving.assembly.store.observations_read()
    }

    /// Starts the whole service, whose engine runs by itself.
    pub async fn run(&self, options: Options) -> Result<Running, ServiceError> {
        service::start(self.config(), options, self.clock.clone()).await
    }

    /// What `init --join` does for a standby; the configuration then names its
    /// journal.
    pub async fn join(&self, journal: &str) -> Result<(), StoreError> {
        let mut files = self.signer_files("data");
        files.journal = self.dir().join(journal);
        let keys = Signer::create_journal(&files).expect("a journal");
        let store = Store::open(&self.config().store_url, false).await?;
        let joined = store.join(&keys.journal_id, self.clock.now()).await;
        store.close().await;
        if joined.is_ok() {
            self.edit(r#""data/journal""#, &format!("{journal:?}"));
        }
        joined
    }

    /// Whether it is started.
    pub fn is_started(&self) -> bool {
        self.serving.is_some()
    }

    /// Stops the oracle; its files and rows stay.
    pub async fn stop(&mut self) {
        let serving = self.serving.take().expect("a started world");
        let Serving {
            assembly,
            lead,
            listeners,
        } = *serving;
        assembly.stop();
        listeners.ended().await;
        drop(lead);
        assembly.store.close().await;
    }

    /// Does everything that is due now.
    pub async fn run_due(&mut self) {
        let serving = self.serving.as_mut().expect("a started world");
        serving.lead.engine.run_due().await.expect("tick");
    }

    /// What passes published messages on to the configured relays; it does
    /// nothing by itself, and a relay has `answer` to take and answer a batch.
    pub fn deliverer(&self, answer: Duration) -> RelayTask {
        let serving = self.serving.as_ref().expect("a started world");
        let clock: Arc<dyn Clock> = self.clock.clone();
        let config = self.config().nostr.expect("relays");
        let timing = Timing {
            answer,
            ..Timing::default()
        };
        RelayTask::new(
            serving.assembly.store.clone(),
            &serving.lead.signer,
            &clock,
            &config,
            timing,
        )
    }

    /// What has heads cosigned by the configured witnesses; it does nothing by
    /// itself.
    pub fn cosigner(&self) -> Cosigner {
        let serving = self.serving.as_ref().expect("a started world");
        let clock: Arc<dyn Clock> = self.clock.clone();
        let config = self.config().witness.expect("witnesses");
        let gate = serving.lead.signer.gate();
        let store = serving.assembly.store.clone();
        Cosigner::new(store, &clock, &config, gate).expect("client")
    }

    /// Asks witnesses and mirrors, if nothing is signed until they answer.
    pub async fn look(&self) {
        let serving = self.serving.as_ref().expect("a started world");
        let lookout = serving.lead.lookout.as_ref().expect("witnesses or mirrors");
        lookout.run_due().await;
    }

    /// Whether anything is signed.
    pub fn signing(&self) -> Signing {
        let serving = self.serving.as_ref().expect("a started world");
        serving.lead.signer.gate().signing()
    }

    /// The key of the log's checkpoints.
    pub async fn log_key(&self) -> NoteKey {
        let store = Store::open(&self.config().store_url, false)
            .await
            .expect("store");
        let oracle = store.oracle().await.expect("oracle");
        store.close().await;
        let (origin, key) = (&oracle.log_origin, &oracle.log_public_key);
        NoteKey::new(origin, Algorithm::Ed25519, key).expect("key")
    }

    /// What anchors checkpoints through the configured node; it does nothing by
    /// itself.
    pub fn anchorer(&self) -> Anchorer {
        let serving = self.serving.as_ref().expect("a started world");
        let config = self.config();
        let anchor = config.anchor.expect("an [anchor]");
        Anchorer::new(
            serving.assembly.store.clone(),
            self.clock.clone(),
            &anchor,
            &config.network,
        )
        .expect("an HTTP client")
    }

    /// Runs something that asks the engine for an answer; the engine carries
    /// out what arrives, and does nothing else.
    pub async fn serving<T>(&mut self, asking: impl Future<Output = T>) -> T {
        let serving = self.serving.as_mut().expect("a started world");
        let mut asking = std::pin::pin!(asking);
        loop {
            tokio::select! {
                biased;
                answer = &mut asking => return answer,
                served = serving.lead.engine.serve_command() => served.expect("command"),
            }
        }
    }

    /// Waits until so many requests wait for the engine.
    pub async fn commands_waiting(&mut self, count: usize) {
        let serving = self.serving.as_mut().expect("a started world");
        while serving.lead.engine.waiting() < count {
            tokio::task::yield_now().await;
        }
    }

    /// Moves the time to `unix` and does everything that is due then.
    pub async fn at(&mut self, unix: i64) {
        self.clock.set(instant(unix));
        self.run_due().await;
    }

    /// Puts the time to `unix`; nothing is done.
    pub fn set_time(&self, unix: i64) {
        self.clock.set(instant(unix));
    }

    /// Somebody sets the oracle's clock ahead by this much, or back again; for everybody
    /// else it is as late as it was.
    pub fn set_ahead(&self, by: TimeDelta) {
        self.clock.jump(by);
        let ahead_s = &self.true_time.ahead_s;
        ahead_s.fetch_add(by.num_seconds(), Ordering::SeqCst);
    }

    /// The world's time, for what answers beside its venues.
    pub fn time_source(&self) -> Arc<dyn TimeSource> {
        self.true_time.clone()
    }

    /// What time it is, Unix seconds.
    pub fn now(&self) -> i64 {
        self.clock.now().timestamp()
    }

    /// Breaks or mends every venue of BTC/USD.
    pub fn break_all(&self, fault: Option<&Fault>) {
        for venue in LoopbackVenues::BUILT_IN {
            self.venues.set_fault(venue, fault.cloned());
        }
    }

    /// How many requests the venues have seen.
    pub fn requests_of(&self, venue: &str) -> usize {
        let requests = self.venues.requests();
        requests.iter().filter(|r| r.venue == venue).count()
    }

    /// The public address.
    pub fn url(&self) -> String {
        let serving = self.serving.as_ref().expect("a started world");
        format!("http://{}", serving.listeners.public)
    }

    /// A participant.
    pub fn client(&self) -> Client {
        client(&self.url())
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Answer {
        get(&self.url(), path, &[]).await
    }

    /// `GET path` with headers.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        get(&self.url(), path, headers).await
    }

    /// `GET path`, which must be JSON.
    pub async fn json(&self, path: &str) -> serde_json::Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.json());
        answer.json()
    }

    /// What the oracle says about an event.
    pub async fn event(&self, id: &EventId) -> EventInfo {
        self.client().event(id).await.expect("event")
    }
}
