//! How long a tick takes in which one source said another thing than before, where
//! many events ask it and it has said very much already.
//!
//! `flips [--events 60] [--answers 20000] [--few 20] [--ticks 20] [--postgres]` prints
//! one JSON object a line: the tick in which the first answer after all of them is
//! weighed (for which they are read), the ones after it, and the ratio to a source that
//! has said little. Time is injected; only the ticks take real time.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use oracle_tests::database::Backend;
use oracle_tests::flips::Flips;
use serde_json::json;

/// Events of one source that flips.
#[derive(Debug, Parser)]
struct Args {
    /// Events that ask the source.
    #[arg(long, default_value_t = 60)]
    events: usize,
    /// Answers it has given before.
    #[arg(long, default_value_t = 20_000)]
    answers: usize,
    /// What that is compared with.
    #[arg(long, default_value_t = 20)]
    few: usize,
    /// Ticks that are measured.
    #[arg(long, default_value_t = 20)]
    ticks: usize,
    /// In a new database of the server that `ORACLE_TEST_POSTGRES` names.
    #[arg(long)]
    postgres: bool,
}

/// What ticks took.
struct Measured {
    first: Duration,
    median: Duration,
    longest: Duration,
    read: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let few = measure(&args, args.few).await;
    let many = measure(&args, args.answers).await;
    let ratio = |a: Duration, b: Duration| a.as_micros() * 100 / b.as_micros().max(1);
    println!(
        "{}",
        json!({"ratio": {"events": args.events, "answers": [args.answers, args.few],
            "tick_percent": ratio(many.median, few.median),
            "first_tick_percent": ratio(many.first, few.first)}})
    );
    ExitCode::SUCCESS
}

async fn measure(args: &Args, answers: usize) -> Measured {
    let backend = if args.postgres {
        Backend::Postgres
    } else {
        Backend::Sqlite
    };
    let mut flips = Flips::new(backend, args.events).await;
    let begun = Instant::now();
    flips.have_said(answers).await;
    let first = begun.elapsed();
    let before = flips.world.observations_read();
    let mut took = Vec::with_capacity(args.ticks);
    for _ in 0..args.ticks {
        let begun = Instant::now();
        flips.flip().await;
        took.push(begun.elapsed());
    }
    let read = flips.world.observations_read() - before;
    took.sort_unstable();
    let measured = Measured {
        first,
        median: took.get(took.len() / 2).copied().unwrap_or_default(),
        longest: took.last().copied().unwrap_or_default(),
        read: read / u64::try_from(args.ticks.max(1)).unwrap_or(1),
    };
    println!(
        "{}",
        json!({"tick": {"events": args.events, "answers": answers, "ticks": args.ticks,
            "median_us": measured.median.as_micros(), "longest_us": measured.longest.as_micros(),
            "answers_read": measured.read, "first_us": measured.first.as_micros(),
            "store": if args.postgres { "postgres" } else { "sqlite" }}})
    );
    measured
}
