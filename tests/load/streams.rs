//! Ten thousand readers who wait for the same attestation, on streams and on
//! long polls, while others go on asking for announcements.
//!
//! In real time: an attestation's own `attested_at` is read before it is
//! committed, so "after `attested_at`" is later than "after its commit". The
//! readers are a second process, whose descriptors and memory are its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::Args;
use oracle_feeds::loopback::LoopbackVenues;
use oracle_feeds::time::TimeSource;
use oracle_server::clock::{Clock as _, SystemClock};
use oracle_server::service::{self, Options};
use oracle_tests::made::{btcusd, make, preamble};
use rust_decimal::Decimal;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

use crate::http::{self, Connection};
use crate::oracle::{Result, peak_kib};

/// Descriptors a process needs besides one for each reader.
const DESCRIPTORS: u64 = 1000;
/// Connections that ask for announcements meanwhile.
const GETTERS: usize = 16;
/// Readers that connect at once: fewer than the listener's backlog.
const CONNECTING: usize = 256;
/// How long the last reader may take to hear of an attestation, microseconds.
const WITHIN_US: i64 = 1_000_000;
/// Time for all readers to be there.
const GATHER: TimeDelta = TimeDelta::seconds(40);
/// Time between two attestations.
const PACE: TimeDelta = TimeDelta::seconds(4);
/// What every message is bounded by.
const MESSAGE_BYTES: usize = 4096;
const VENUES: [&str; 4] = LoopbackVenues::BUILT_IN;
const PRICE: Decimal = Decimal::from_parts(6_123_450, 0, 0, false, 2);

/// Readers who wait.
#[derive(Debug, Clone, Args)]
pub(crate) struct StreamArgs {
    /// Streams, and then as many long polls.
    #[arg(long, default_value_t = 10_000)]
    count: usize,
    /// Attestations while the streams are open.
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    /// Announcements asked for per second meanwhile.
    #[arg(long, default_value_t = 2000)]
    gets: usize,
}

/// The other process.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReadArgs {
    #[arg(long)]
    server: SocketAddr,
    #[arg(long)]
    count: usize,
    /// Long polls for this event; streams where absent.
    #[arg(long)]
    poll: Option<String>,
    /// Attestations after which a stream has heard enough.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

/// When readers heard of one event, Unix microseconds.
#[derive(Debug, Serialize, Deserialize)]
struct Heard {
    event_id: String,
    readers: usize,
    p50_us: i64,
    p99_us: i64,
    last_us: i64,
}

#[derive(Debug)]
struct RealTime;

impl TimeSource for RealTime {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now()
    }
}

// --- the server's side -------------------------------------------------------

pub(crate) async fn streams(args: &StreamArgs, dir: &Path, store: &str) -> Result<()> {
    raise_descriptors(args.count)?;
    let venues = LoopbackVenues::start(
        &VENUES.map(|name| (name, 0)),
        Arc::new(RealTime),
        Arc::new(|_, _, _| Some(PRICE)),
    )
    .await?;
    let rounds = i32::try_from(args.rounds)?;
    let first = SystemClock.now() + GATHER;
    let over = first + PACE * rounds;
    let polled = over + GATHER;
    let text = config_text(&venues, store, args.rounds, first, polled)?;
    let config = make(dir, &text, Arc::new(SystemClock)).await?;
    let running = service::start(config, Options::default(), Arc::new(SystemClock)).await?;
    let server = running.public;
    let announcement: Arc<[String]> = Arc::new([format!("/v1/announcements/{}", event_id(0))]);
    crate::all_served(server, &announcement).await?;
    println!(
        "{}",
        json!({"streams": {"readers": args.count, "attestations": args.rounds,
            "cores": std::thread::available_parallelism()?.get()}})
    );

    let mut readers = Readers::start(args, server, None)?;
    readers.all_there(first).await?;
    let seconds = (over - SystemClock.now()).to_std()?;
    let gets = http::ask(server, &announcement, GETTERS, seconds, pace(args.gets));
    let (gets, heard) = tokio::join!(gets, readers.heard());
    crate::report("gets_meanwhile", &gets?, None);
    let streams = report(server, "stream", args.count, heard?).await;

    let last = event_id(args.rounds);
    let mut readers = Readers::start(args, server, Some(&last))?;
    readers.all_there(polled).await?;
    let polls = report(server, "long_poll", args.count, readers.heard().await?).await;
    println!("{}", json!({"server_peak_kib": peak_kib()}));
    running.stop().await?;
    streams.and(polls)
}

fn event_id(round: usize) -> String {
    format!("round-{round}")
}

/// How long each of the getters waits between two of its requests.
fn pace(gets_per_s: usize) -> Option<Duration> {
    u32::try_from(gets_per_s)
        .ok()
        .filter(|gets| *gets > 0)
        .map(|gets| Duration::from_secs(GETTERS as u64) / gets)
}

fn config_text(
    venues: &LoopbackVenues,
    store: &str,
    rounds: usize,
    first: DateTime<Utc>,
    polled: DateTime<Utc>,
) -> Result<String> {
    let many = "max_connections = 20000\nrate_limit";
    let mut text = preamble(store).replace("rate_limit", many) + &btcusd(venues)?;
    for round in 0..=rounds {
        let at = if round == rounds {
            polled
        } else {
            first + PACE * i32::try_from(round)?
        };
        let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
        write!(
            text,
            "\n[[event]]\nid = \"{}\"\nkind = \"threshold\"\nprice = \"btcusd\"\n\
             above = \"60000\"\nmaturity = \"{at}\"\n",
            event_id(round)
        )?;
    }
    Ok(text)
}

/// Says how long after `attested_at` the readers heard of each event; fails
/// where one heard nothing, or too late.
async fn report(server: SocketAddr, name: &str, readers: usize, heard: Vec<Heard>) -> Result<()> {
    let mut connection = Connection::open(server).await?;
    let mut late = Vec::new();
    for heard in heard {
        let path = format!("/v1/events/{}", heard.event_id);
        let event: Value = serde_json::from_slice(&connection.get(&path).await?.body)?;
        let at = event
            .get("attested_at")
            .and_then(Value::as_str)
            .ok_or("an event that was heard of is not attested")?;
        let at = DateTime::parse_from_rfc3339(at)?.timestamp_micros();
        let after = |us: i64| (us - at) / 1000;
        println!(
            "{}",
            json!({ name: {
                "event_id": heard.event_id, "readers": heard.readers,
                "p50_ms": after(heard.p50_us), "p99_ms": after(heard.p99_us),
                "last_ms": after(heard.last_us),
            }})
        );
        if heard.readers != readers || heard.last_us - at > WITHIN_US {
            late.push(heard.event_id);
        }
    }
    if late.is_empty() {
        return Ok(());
    }
    Err(format!("{name}: not everyone heard in time of {late:?}").into())
}

/// The process of the readers.
struct Readers {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Readers {
    fn start(args: &StreamArgs, server: SocketAddr, poll: Option<&str>) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("read")
            .args(["--server", &server.to_string()])
            .args(["--count", &args.count.to_string()])
            .args(["--rounds", &args.rounds.to_string()]);
        if let Some(id) = poll {
            command.args(["--poll", id]);
        }
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let out = child.stdout.take().ok_or("the readers say nothing")?;
        Ok(Self {
            child,
            lines: BufReader::new(out).lines(),
        })
    }

    async fn all_there(&mut self, before: DateTime<Utc>) -> Result<()> {
        let line = self.lines.next_line().await?;
        println!("{}", line.ok_or("the readers did not connect")?);
        if SystemClock.now() < before {
            return Ok(());
        }
        Err("not all readers were there in time: give them fewer".into())
    }

    async fn heard(mut self) -> Result<Vec<Heard>> {
        let mut heard = Vec::new();
        while let Some(line) = self.lines.next_line().await? {
            heard.push(serde_json::from_str(&line)?);
        }
        if self.child.wait().await?.success() {
            Ok(heard)
        } else {
            Err("the readers failed".into())
        }
    }
}

// --- the readers' side -------------------------------------------------------

/// Reads until everyone has heard of everything; prints one line when all are
/// connected, and one for each event.
pub(crate) async fn read(args: &ReadArgs) -> Result<()> {
    raise_descriptors(args.count)?;
    let began = SystemClock.now();
    let connecting = Arc::new(Semaphore::new(CONNECTING));
    let there = Arc::new(Barrier::new(args.count + 1));
    let mut reading = JoinSet::new();
    for _ in 0..args.count {
        let (connecting, there) = (connecting.clone(), there.clone());
        let args = args.clone();
        reading.spawn(async move {
            let turn = connecting.acquire().await?;
            let mut reader = Reader::open(&args).await?;
            drop(turn);
            there.wait().await;
            reader.listen(args.rounds).await
        });
    }
    tokio::select! {
        _ = there.wait() => {}
        failed = first_failure(&mut reading) => return failed,
    }
    let took = SystemClock.now() - began;
    println!(
        "{}",
        json!({"connected": {"readers": args.count, "ms": took.num_milliseconds()}})
    );

    let mut heard: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    while let Some(done) = reading.join_next().await {
        for (event_id, at) in done?? {
            heard.entry(event_id).or_default().push(at);
        }
    }
    for (event_id, mut at) in heard {
        at.sort_unstable();
        let rank = |percent: usize| at.get((at.len() - 1) * percent / 100).copied();
        let line = Heard {
            event_id,
            readers: at.len(),
            p50_us: rank(50).unwrap_or_default(),
            p99_us: rank(99).unwrap_or_default(),
            last_us: rank(100).unwrap_or_default(),
        };
        println!("{}", serde_json::to_string(&line)?);
    }
    Ok(())
}

/// Nobody is done before everyone is there, unless something went wrong.
async fn first_failure(reading: &mut JoinSet<Result<Vec<(String, i64)>>>) -> Result<()> {
    match reading.join_next().await {
        Some(done) => Err(done?.err().unwrap_or_else(|| "a reader ended early".into())),
        None => std::future::pending().await,
    }
}

/// One connection that waits for an attestation.
struct Reader {
    stream: TcpStream,
    buffer: Vec<u8>,
    poll: Option<String>,
}

impl Reader {
    /// Asks, and for a stream waits until the answer has begun.
    async fn open(args: &ReadArgs) -> Result<Self> {
        let mut reader = Self {
            stream: TcpStream::connect(args.server).await?,
            buffer: Vec::new(),
            poll: args.poll.clone(),
        };
        let path = match &args.poll {
            Some(id) => format!("/v1/attestations/{id}?wait=60"),
            None => "/v1/stream".to_owned(),
        };
        let request = format!("GET {path} HTTP/1.1\r\nhost: measured\r\n\r\n");
        reader.stream.write_all(request.as_bytes()).await?;
        while reader.poll.is_none() && !contains(&reader.buffer, b"\r\n\r\n") {
            reader.more().await?;
        }
        if reader.poll.is_none() && !reader.buffer.starts_with(b"HTTP/1.1 200 ") {
            return Err("a stream was refused".into());
        }
        Ok(reader)
    }

    /// The events heard of, with the time.
    async fn listen(&mut self, rounds: usize) -> Result<Vec<(String, i64)>> {
        if let Some(id) = self.poll.take() {
            self.more().await?;
            if !self.buffer.starts_with(b"HTTP/1.1 200 ") {
                return Err("a long poll ended without the attestation".into());
            }
            return Ok(vec![(id, SystemClock.now().timestamp_micros())]);
        }
        let mut heard = Vec::with_capacity(rounds);
        while heard.len() < rounds {
            self.more().await?;
            let now = SystemClock.now().timestamp_micros();
            while let Some(end) = self.buffer.windows(2).position(|w| w == b"\n\n") {
                let message: Vec<u8> = self.buffer.drain(..end + 2).collect();
                if let Some(event_id) = attested(&message)? {
                    heard.push((event_id, now));
                }
            }
        }
        Ok(heard)
    }

    async fn more(&mut self) -> Result<()> {
        if self.buffer.len() > MESSAGE_BYTES {
            return Err("a message without end".into());
        }
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err("the server closed the connection".into()),
            _ => Ok(()),
        }
    }
}

/// The event of an `attested` message. Messages are not split by the frames
/// that HTTP puts between them.
fn attested(message: &[u8]) -> Result<Option<String>> {
    let message = str::from_utf8(message)?;
    if !message.contains("event: attested\n") {
        return Ok(None);
    }
    let data = message
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .ok_or("a message without data")?;
    let data: Value = serde_json::from_str(data)?;
    Ok(data
        .get("event_id")
        .and_then(Value::as_str)
        .map(str::to_owned))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|w| w == part)
}

/// As many descriptors as the readers need, if the system allows them.
fn raise_descriptors(readers: usize) -> Result<()> {
    let need = u64::try_from(readers)? + DESCRIPTORS;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= need) {
        return Ok(());
    }
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(need),
            maximum: limit.maximum,
        },
    )
    .map_err(|_| format!("{need} open files are needed: raise `ulimit -n`").into())
}
