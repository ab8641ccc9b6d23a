//! How fast the real server hands out published messages over keep-alive
//! connections, beside a responder in the same process that does nothing but
//! send the same bytes.
//!
//! `load --connections 64 --seconds 10 [--store postgres://…]` prints one JSON
//! object a line; rates are per second, times in microseconds. Client and
//! server share the machine and the process.
//!
//! `load streams --count 10000` lets that many readers wait for attestations, and
//! `load create` makes events through the API.

mod create;
mod http;
mod oracle;
mod streams;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use oracle_server::service::{self, Options};
use serde_json::json;
use sqlx::Connection as _;

use http::{Answer, Connection, Measured};
use oracle::{Oracle, Result, Size, peak_kib, percent};

/// How long the server may take to announce, or to attest, everything.
const PATIENCE: Duration = Duration::from_mins(2);

/// Readers of published messages.
#[derive(Debug, Clone, Parser)]
struct Args {
    /// Keep-alive connections, each asking as fast as it is answered.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How long each kind of request is measured.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Threshold events; one tenth as many events of 20 digits are added.
    #[arg(long, default_value_t = 1000)]
    events: usize,
    /// `sqlite`, or postgres://… on which databases may be created.
    #[arg(long, default_value = "sqlite")]
    store: String,
    /// Where the run's files go; a temporary directory where absent.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Instead of the above.
    #[command(subcommand)]
    other: Option<Other>,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Other {
    /// Readers who wait on streams and long polls (real time, two minutes).
    Streams(streams::StreamArgs),
    /// Programs of operators that make events.
    Create(create::CreateArgs),
    /// The process of those readers.
    #[command(hide = true)]
    Read(streams::ReadArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    match load(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            println!("{}", json!({"failed": e.to_string()}));
            ExitCode::FAILURE
        }
    }
}

async fn load(args: &Args) -> Result<()> {
    if let Some(Other::Read(args)) = &args.other {
        return streams::read(args).await;
    }
    let dir = oracle::directory(args.dir.as_deref())?;
    if !args.store.starts_with("postgres") {
        return measure(args, dir.path(), "sqlite:data/oracle.db").await;
    }
    let name = format!("oracle_load_{}", std::process::id());
    let mut admin = sqlx::PgConnection::connect(&args.store).await?;
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&mut admin).await?;
    let (server, _) = args
        .store
        .rsplit_once('/')
        .ok_or("the URL names no database")?;
    let result = measure(args, dir.path(), &format!("{server}/{name}")).await;
    let drop_it = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    sqlx::query(sqlx::AssertSqlSafe(drop_it))
        .execute(&mut admin)
        .await?;
    result
}

async fn measure(args: &Args, dir: &std::path::Path, store: &str) -> Result<()> {
    match &args.other {
        Some(Other::Streams(args)) => return streams::streams(args, dir, store).await,
        Some(Other::Create(args)) => return create::create(args, dir, store).await,
        _ => {}
    }
    let size = Size {
        enums: args.events,
        digits: args.events / 10,
    };
    let oracle = Oracle::make(dir, store, size).await?;
    let clock = oracle.clock.clone();
    let running = service::start(oracle.config, Options::default(), clock.clone()).await?;
    let server = running.public;
    let seconds = Duration::from_secs(args.seconds);
    let ids: Vec<String> = (0..size.enums)
        .map(oracle::enum_id)
        .chain((0..size.digits).map(oracle::digits_id))
        .collect();
    let paths =
        |what: &str| -> Arc<[String]> { ids.iter().map(|id| format!("/v1/{what}/{id}")).collect() };
    let announcements = paths("announcements");
    let sample = all_served(server, &announcements).await?;
    println!(
        "{}",
        json!({"load": {"connections": args.connections, "seconds": args.seconds,
            "events": size.events(), "answer_bytes": sample.body.len(),
            "cores": std::thread::available_parallelism()?.get()}})
    );

    let bare = http::bare_responder(sample.body.clone()).await?;
    let one: Arc<[String]> = announcements.iter().take(1).cloned().collect();
    let limit = http::ask(bare, &one, args.connections, seconds, None).await?;
    report("limit_bare_responder", &limit, None);
    let alive: Arc<[String]> = Arc::new(["/healthz".to_owned()]);
    for (name, paths) in [
        ("one_announcement", &one),
        ("all_announcements", &announcements),
        ("healthz", &alive),
    ] {
        let measured = http::ask(server, paths, args.connections, seconds, None).await?;
        report(name, &measured, Some(&limit));
    }

    oracle::mature(&clock);
    let attestations = paths("attestations");
    all_served(server, &attestations).await?;
    let measured = http::ask(server, &attestations, args.connections, seconds, None).await?;
    report("all_attestations", &measured, Some(&limit));
    running.stop().await?;
    Ok(())
}

fn report(name: &str, measured: &Measured, limit: Option<&Measured>) {
    println!(
        "{}",
        json!({ name: {
            "per_s": measured.per_s,
            "p50_us": measured.percentile(50),
            "p99_us": measured.percentile(99),
            "refused": measured.refused,
            "percent_of_limit": limit.map(|l| percent(measured.per_s, l.per_s)),
            "peak_kib": peak_kib(),
        }})
    );
}

/// Waits until every path is answered with 200; answers one of the answers.
async fn all_served(server: std::net::SocketAddr, paths: &[String]) -> Result<Answer> {
    let ask_all = async {
        let mut connection = Connection::open(server).await?;
        let mut last = None;
        for path in paths {
            loop {
                let answer = connection.get(path).await?;
                if answer.status == 200 {
                    last = Some(answer);
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        last.ok_or_else(|| "nothing to ask for".into())
    };
    tokio::time::timeout(PATIENCE, ask_all)
        .await
        .map_err(|_| "not everything was published in time")?
}
