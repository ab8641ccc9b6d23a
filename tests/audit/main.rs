//! A log of a million attestations, and how long an audit of it takes.
//!
//! `audit [--attestations 1000000] [--dir DIR]` writes an honest log as static
//! files, of price rounds as they follow each other, and audits it twice: when
//! a tenth of it is there, and whole. Between the audits it verifies nothing but
//! the log's signatures on all cores, which is the limit that an audit is
//! compared with. One JSON object a line; it fails if an audit is not clean.
//!
//! Each measurement is a process of its own, so that its memory is its own.

mod child;
mod log;
#[path = "../../client/tests/common/oracle.rs"]
#[allow(dead_code, unreachable_pub, reason = "of the client's tests")]
#[allow(clippy::unwrap_used, reason = "of the client's tests")]
mod oracle;
#[path = "../../client/tests/common/round.rs"]
#[allow(dead_code, unreachable_pub, reason = "of the client's tests")]
#[allow(clippy::unwrap_used, clippy::panic, reason = "of the client's tests")]
mod round;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::{Parser, Subcommand};
use oracle_tests::made::Problem;
use serde_json::{Value, json};

/// A million attestations, audited.
#[derive(Debug, Parser)]
struct Args {
    /// Attestations in the log.
    #[arg(long, default_value_t = 1_000_000)]
    attestations: u64,
    /// Events of one price round.
    #[arg(long, default_value_t = 10_000)]
    per_round: u64,
    /// Where the log goes, about 600 bytes an attestation; a temporary directory
    /// where absent.
    #[arg(long)]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    measure: Option<Measure>,
}

/// What a process of its own measures.
#[derive(Debug, Subcommand)]
enum Measure {
    /// Audits the log in a directory.
    Audit { log: PathBuf },
    /// Verifies the signatures of the log in a directory, and nothing else.
    Verify { log: PathBuf },
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.measure {
        None => measure(&args),
        Some(Measure::Audit { log }) => child::audit(log).map(print),
        Some(Measure::Verify { log }) => child::verify(log).map(print),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            print(json!({"failed": e.to_string()}));
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "as a function to map with")]
fn print(line: Value) {
    println!("{line}");
}

fn measure(args: &Args) -> Result<(), Problem> {
    let dir = match &args.dir {
        Some(dir) => tempfile::TempDir::new_in(dir)?,
        None => tempfile::TempDir::new()?,
    };
    let mut log = log::Log::begin(dir.path())?;
    for attestations in [args.attestations / 10, args.attestations] {
        let built = log.grow(attestations, args.per_round)?;
        print(json!({"built": built}));
        // What is audited is in the page cache, as far as the machine has room.
        let before = run("verify", dir.path())?;
        let audited = run("audit", dir.path())?;
        let after = run("verify", dir.path())?;
        let ms = |line: &Value| line["ms"].as_u64().unwrap_or_default();
        let limit = ms(&before).midpoint(ms(&after)).max(1);
        print(json!({
            "verified": [before, after],
            "audited": audited,
            "audit_percent_of_verification": ms(&audited) * 100 / limit,
        }));
        if audited["verdict"] != "clean" {
            return Err(format!("the audit of an honest log ended {}", audited["verdict"]).into());
        }
    }
    Ok(())
}

fn run(what: &str, dir: &Path) -> Result<Value, Problem> {
    let child = Command::new(std::env::current_exe()?)
        .arg(what)
        .arg(dir)
        .stderr(Stdio::inherit())
        .output()?;
    let line: Value = serde_json::from_slice(&child.stdout)?;
    if child.status.success() {
        Ok(line)
    } else {
        Err(format!("{what}: {line}").into())
    }
}
