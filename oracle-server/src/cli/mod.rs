//! The commands.

mod check;
mod choice;
mod identity;
mod init;
mod log;
mod probe;
mod run;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::ConfigError;
use crate::create::CreateError;
use crate::demo::{self, DemoArgs, DemoError};
use crate::logging::Lines;
use crate::service::ServiceError;

/// A Peercoin DLC oracle: announces events ahead of time, attests their
/// outcomes when they mature, serves both.
#[derive(Debug, Parser)]
#[command(name = "oracle-server", version, about, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How log lines are written to stderr.
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: LogFormat,
}

const EXAMPLES: &str = "Examples:
  oracle-server demo --once
  oracle-server init --dir /var/lib/oracle --network peercoin
  oracle-server check --config /var/lib/oracle/oracle.toml
  oracle-server identity --config /var/lib/oracle/oracle.toml
  oracle-server probe --config /var/lib/oracle/oracle.toml
  oracle-server run --config /var/lib/oracle/oracle.toml --log-format json
  oracle-server log export /srv/mirror --config /var/lib/oracle/oracle.toml";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes an oracle: configuration, keystore, journal and database.
    Init(InitArgs),
    /// Runs the oracle until SIGTERM or SIGINT.
    Run(RunArgs),
    /// Checks a configuration and explains what it will do.
    ///
    /// Refuses what `run` would refuse: also a keystore or passphrase that is not there,
    /// and a series, provider or operator that is gone and that open events need. Keystore
    /// and database are opened to read; a service may be running on them.
    Check(CheckArgs),
    /// Asks each configured source its real question once and shows the answer.
    ///
    /// Prints the request without secrets, the answer, what was read in it and
    /// what would be decided. Signs and stores nothing. Exit code 1 if a source
    /// did not answer as documented.
    Probe(ProbeArgs),
    /// Prints what participants pin: the verifier key of the oracle's log.
    ///
    /// Everything else follows from it: the checkpoints that it signs, the genesis
    /// in them, the oracle key in that, announcements and attestations.
    Identity(ConfigArg),
    /// The log as files.
    #[command(subcommand)]
    Log(LogCommand),
    /// Shows the whole job on this machine, with replayed venues.
    Demo(DemoArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  oracle-server init --dir ./oracle --network peercoin-testnet")]
struct InitArgs {
    /// Where everything goes; made if it does not exist.
    #[arg(long)]
    dir: PathBuf,
    /// Which Peercoin network the oracle serves.
    #[arg(long, default_value = "peercoin", value_parser = ["peercoin", "peercoin-testnet", "peercoin-regtest"])]
    network: String,
    /// `sqlite:PATH` or `postgres://…`; by default SQLite inside the directory.
    #[arg(long)]
    store: Option<String>,
    /// File with the keystore's passphrase (mode 600); by default one is made.
    #[arg(long)]
    passphrase_file: Option<PathBuf>,
    /// Only make a new journal, for a standby of an existing oracle.
    #[arg(long)]
    join: bool,
}

#[derive(Debug, Args)]
struct ConfigArg {
    /// The configuration; relative paths inside are relative to it.
    #[arg(long)]
    config: PathBuf,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  oracle-server check --config ./oracle/oracle.toml\n  oracle-server check --config ./draft.toml --file-only"
)]
struct CheckArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The file alone: keystore, passphrase and database may be elsewhere.
    #[arg(long)]
    file_only: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  oracle-server probe --config ./oracle/oracle.toml --source kraken\n  oracle-server probe --config ./oracle/oracle.toml --at 2026-11-29T16:00:00Z --save ./answers"
)]
struct ProbeArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Only this source, by its id (`kraken:XBTUSD`), or all of a provider
    /// (`kraken`).
    #[arg(long)]
    source: Option<String>,
    /// Ask for the price at this past time (RFC 3339); by default of the last
    /// minute that would be decided by now. Facts are always asked now.
    #[arg(long)]
    at: Option<DateTime<Utc>>,
    /// Save the exchanges here, as samples that a test can read.
    #[arg(long)]
    save: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  oracle-server run --config ./oracle/oracle.toml")]
struct RunArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Serve readers only: never announce, never sign.
    #[arg(long)]
    read_only: bool,
    #[command(flatten)]
    accept: AcceptArgs,
}

#[derive(Debug, Args)]
struct AcceptArgs {
    /// The clock is right: start although it is behind the last committed work, and
    /// announce although no provider has confirmed it.
    #[arg(long)]
    accept_clock: bool,
    /// Start although the Postgres is another cluster, timeline or database than
    /// before, or its tables were restored.
    #[arg(long)]
    accept_database: bool,
    /// Start although journal or database were copied or restored: no other copy has
    /// run since, and none ever will.
    #[arg(long)]
    accept_copy: bool,
}

#[derive(Debug, Subcommand)]
enum LogCommand {
    /// Writes the log and all that it names by hash as static files, which any
    /// web server can serve and `oracle audit` reads.
    ///
    /// A further run adds what is new. It reads the database only, beside a
    /// running service if need be; the checkpoint is written last.
    Export(ExportArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  oracle-server log export /srv/mirror --config ./oracle/oracle.toml\n  oracle audit /srv/mirror"
)]
struct ExportArgs {
    /// Where the files go; made if it does not exist.
    dir: PathBuf,
    #[command(flatten)]
    config: ConfigArg,
}

/// Why a command failed; the exit code follows from it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The configuration: exit 2.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// Did not start, or stopped working: exit 1.
    #[error("{0}")]
    Service(#[from] ServiceError),
    /// Nothing was made: exit 1.
    #[error("{0}")]
    Create(#[from] CreateError),
    /// Anything else, said in one line: exit 1.
    #[error("{0}")]
    Other(String),
}

impl CliError {
    fn other(what: impl std::fmt::Display, e: impl std::fmt::Display) -> Self {
        Self::Other(format!("{what}: {e}"))
    }
}

impl From<DemoError> for CliError {
    fn from(error: DemoError) -> Self {
        match error {
            DemoError::Config(error) => error.into(),
            DemoError::Service(error) => error.into(),
            DemoError::Create(error) => error.into(),
            DemoError::Step(error) => Self::Other(error),
        }
    }
}

/// Runs a command line.
pub fn main(cli: Cli) -> ExitCode {
    let quiet = matches!(cli.command, Command::Demo(_));
    init_logging(cli.log_format, quiet);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(e) => return fail(&CliError::other("cannot start", e)),
    };
    let result = runtime.block_on(async {
        match cli.command {
            Command::Init(args) => init::init(args).await,
            Command::Run(args) => run::run(args).await,
            Command::Check(args) => check::check(&args.config.config, args.file_only).await,
            Command::Identity(args) => identity::identity(args).await,
            Command::Probe(args) => probe::probe(args).await,
            Command::Log(LogCommand::Export(args)) => log::export(args).await,
            Command::Demo(args) => Ok(demo::demo(args).await?),
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => fail(&e),
    }
}

#[allow(clippy::print_stderr, reason = "the command's own last word")]
fn fail(e: &CliError) -> ExitCode {
    eprintln!("error: {e}");
    match e {
        CliError::Config(_) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

fn init_logging(format: LogFormat, quiet: bool) {
    use tracing_subscriber::EnvFilter;
    let default = if quiet { "warn" } else { "info,sqlx=warn" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let json = format == LogFormat::Json;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Journals and files get plain text.
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(move || Lines::new(std::io::stderr(), json));
    // A second call in one process (tests) keeps the first subscriber.
    let _ = match format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => logs.json().try_init(),
    };
}
