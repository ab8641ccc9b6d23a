//! How fast the engine announces and attests when everything matures at once,
//! beside what the signer and the database alone can do in the same run.
//!
//! `burst --enums 100000 --digits 10000 [--store postgres://…]` prints one JSON
//! object a line; rates are per second, ratios in percent.

mod limits;
#[path = "../load/oracle.rs"]
mod oracle;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use oracle_server::engine::Engine;
use oracle_server::guard::Accept;
use oracle_server::service::Assembly;
use oracle_server::signer::Signer;
use oracle_server::store::Store;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use limits::Database;
use oracle::{Oracle, Result, Size, peak_kib, per_second, percent};

/// A burst of events that mature in one second.
#[derive(Debug, Parser)]
struct Args {
    /// Threshold events, one signature each.
    #[arg(long, default_value_t = 100_000)]
    enums: usize,
    /// Events of 20 binary digits, twenty signatures each.
    #[arg(long, default_value_t = 10_000)]
    digits: usize,
    /// `sqlite`, or postgres://… on which databases may be created.
    #[arg(long, default_value = "sqlite")]
    store: String,
    /// Where the run's files go; a temporary directory where absent.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Gives up after this many seconds.
    #[arg(long, default_value_t = 900)]
    limit_s: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let limit = Duration::from_secs(args.limit_s);
    let outcome = tokio::time::timeout(limit, Box::pin(burst(&args))).await;
    let reason = match outcome {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(e)) => e.to_string(),
        Err(_) => format!("not done after {} s", args.limit_s),
    };
    println!("{}", json!({"failed": reason}));
    ExitCode::FAILURE
}

async fn burst(args: &Args) -> Result<()> {
    let size = Size {
        enums: args.enums,
        digits: args.digits,
    };
    let dir = oracle::directory(args.dir.as_deref())?;
    let database = Database::create(&args.store, dir.path(), "burst").await?;
    let result = Box::pin(measure(size, dir.path(), &database, &args.store)).await;
    database.drop_it().await?;
    result
}

async fn measure(size: Size, dir: &Path, database: &Database, store: &str) -> Result<()> {
    println!(
        "{}",
        json!({"burst": {"enums": size.enums, "digits": size.digits, "store": database.engine(),
            "cores": std::thread::available_parallelism()?.get()}})
    );
    let mut run = Run::start(dir, &database.url, size).await?;
    run.announce().await?;
    let attested = run.attest().await?;
    let tree = limits::tree(&run, database).await?;
    run.store.close().await;
    drop(run);
    let signing = limits::signing(&dir.join("signing")).await?;
    let commit = limits::commit(database, store, dir).await?;
    println!(
        "{}",
        json!({"limit": {
            "signing_only_enum_per_s": signing.enums_per_s,
            "signing_only_digits_per_s": signing.digits_per_s,
            "plain_inserts_events_per_s": commit,
            "tree_entries_per_s": tree,
        }})
    );
    println!(
        "{}",
        json!({"ratio_percent": {
            "enum_attested_to_signing_only": percent(attested.enums, signing.enums_per_s),
            "digits_attested_to_signing_only": percent(attested.digits, signing.digits_per_s),
            "attested_to_plain_inserts": percent(attested.events, commit),
            // What the tree would take of the burst's time, were nothing done beside it.
            "tree_to_attesting": percent(attested.events, tree),
        }})
    );
    Ok(())
}

/// Events per second.
#[allow(
    clippy::struct_field_names,
    reason = "the fields are the names in the output"
)]
struct Rates {
    enums: u128,
    digits: u128,
    events: u128,
}

/// A started engine, driven by the injected clock.
pub(crate) struct Run {
    pub(crate) oracle: Oracle,
    pub(crate) store: Arc<Store>,
    pub(crate) signer: Arc<Signer>,
    engine: Engine,
    heads: Heads,
    size: Size,
}

impl Run {
    /// Makes the oracle and does everything a start does; nothing is announced.
    pub(crate) async fn start(dir: &Path, url: &str, size: Size) -> Result<Self> {
        let begin = Instant::now();
        let oracle = Oracle::make(dir, url, size).await?;
        let made = begin.elapsed();
        let begin = Instant::now();
        let assembly = Assembly::open(oracle.config.clone(), oracle.clock.clone()).await?;
        // The time is not asked for first: what is measured is announcing and attesting.
        let accept = Accept {
            clock: true,
            ..Accept::default()
        };
        let lead = assembly.lead(accept).await?.ok_or("somebody else leads")?;
        let (store, signer, engine) = (assembly.store, lead.signer, lead.engine);
        println!(
            "{}",
            json!({"start": {"events": size.events(),
            "make_and_load_configuration_ms": made.as_millis(),
            "open_and_schedule_ms": begin.elapsed().as_millis(), "peak_kib": peak_kib()}})
        );
        Ok(Self {
            heads: Heads::watch(&store),
            oracle,
            store,
            signer,
            engine,
            size,
        })
    }

    /// Announces everything.
    pub(crate) async fn announce(&mut self) -> Result<()> {
        let begin = Instant::now();
        self.engine.run_due().await?;
        let elapsed = begin.elapsed();
        let size = self.announced_size();
        let marks = self.heads.so_far(size).await?;
        let (rates, _) = self.rates(&marks, begin, 1, PER_ANNOUNCEMENT);
        println!(
            "{}",
            json!({"announced": {"events": self.size.events(),
            "ms": elapsed.as_millis(), "per_s": rates.events,
            "enum_per_s": rates.enums, "digits_per_s": rates.digits,
            "peak_kib": peak_kib()}})
        );
        Ok(())
    }

    /// Lets everything mature and attests it.
    async fn attest(&mut self) -> Result<Rates> {
        let base = self.announced_size();
        oracle::mature(&self.oracle.clock);
        let begin = Instant::now();
        self.engine.run_due().await?;
        let marks = self.heads.so_far(base + self.size.events()).await?;
        let (rates, last) = self.rates(&marks, begin, base, 1);
        let first = marks.iter().find(|(_, head)| *head > base);
        println!(
            "{}",
            json!({"attested": {"events": self.size.events(),
            "maturity_to_first_published_ms":
                first.map(|(at, _)| at.duration_since(begin).as_millis()),
            "maturity_to_last_published_ms": last.as_millis(),
            "per_s": rates.events, "enum_per_s": rates.enums,
            "digits_per_s": rates.digits,
            "digits_signatures_per_s": rates.digits * 20, "peak_kib": peak_kib()}})
        );
        Ok(rates)
    }

    /// Entries of the log once everything is announced.
    fn announced_size(&self) -> usize {
        1 + PER_ANNOUNCEMENT * self.size.events()
    }

    /// Rates of the phase whose first entry stands at `base` and that appends
    /// `entries` for each event, and how long it took: from `begin` to the head that
    /// covers the last enum event, from there to the last head.
    fn rates(
        &self,
        marks: &[(Instant, usize)],
        begin: Instant,
        base: usize,
        entries: usize,
    ) -> (Rates, Duration) {
        let reached = |events: usize| {
            let size = base + entries * events;
            let mark = marks.iter().find(|(_, head)| *head >= size);
            mark.map_or(begin, |(at, _)| *at).max(begin)
        };
        let enums = reached(self.size.enums);
        let all = reached(self.size.events());
        let rates = Rates {
            enums: per_second(self.size.enums, enums - begin),
            digits: per_second(self.size.digits, all - enums),
            events: per_second(self.size.events(), all - begin),
        };
        (rates, all - begin)
    }
}

/// Entries that an announcement takes in the log: its own and the proof of its nonces.
const PER_ANNOUNCEMENT: usize = 2;

/// When which head was published.
struct Heads {
    marks: watch::Receiver<Vec<(Instant, usize)>>,
    task: JoinHandle<()>,
}

impl Heads {
    fn watch(store: &Store) -> Self {
        let mut head = store.reader().head();
        let (sender, marks) = watch::channel(Vec::new());
        let task = tokio::spawn(async move {
            while head.changed().await.is_ok() {
                let size = usize::try_from(*head.borrow_and_update()).unwrap_or_default();
                sender.send_modify(|marks| marks.push((Instant::now(), size)));
            }
        });
        Self { marks, task }
    }

    /// Every mark, once the head has reached `size`.
    async fn so_far(&mut self, size: usize) -> Result<Vec<(Instant, usize)>> {
        let reached = self
            .marks
            .wait_for(|marks| marks.last().is_some_and(|(_, head)| *head >= size));
        match tokio::time::timeout(Duration::from_secs(5), reached).await {
            Ok(marks) => Ok(marks?.clone()),
            Err(_) => Err(format!("the head did not reach {size}: events are missing").into()),
        }
    }
}

impl Drop for Heads {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use oracle_server::clock::Clock as _;

    use super::*;
    use oracle_server::store::read::AttestationLookup;

    /// More than one commit batch of each kind.
    const SIZE: Size = Size {
        enums: 1100,
        digits: 1100,
    };

    #[tokio::test]
    async fn a_burst_of_several_batches_is_attested_to_the_last_event() {
        let dir = oracle::directory(None).unwrap();
        let url = format!("sqlite:{}", dir.path().join("burst.db").display());
        let mut run = Run::start(dir.path(), &url, SIZE).await.unwrap();
        run.announce().await.unwrap();
        run.attest().await.unwrap();
        let reader = run.store.reader();
        for (id, outcome) in [
            (oracle::enum_id(0), "above"),
            (oracle::enum_id(SIZE.enums - 1), "above"),
            (oracle::digits_id(0), "61234"),
            (oracle::digits_id(SIZE.digits - 1), "61234"),
        ] {
            match reader.attestation(&id).await.unwrap() {
                AttestationLookup::Attested(row) => assert_eq!(row.outcome, outcome, "{id}"),
                other => panic!("{id}: {other:?}"),
            }
        }
        let now = run.oracle.clock.now();
        let due = run.store.due_rounds(now, 10).await.unwrap();
        assert!(due.is_empty(), "the round is done: {due:?}");
        run.store.close().await;
    }
}
