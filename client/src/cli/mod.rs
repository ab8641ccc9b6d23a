//! Arguments, and the way from a failure to an exit code.

mod audit;
mod equivocation;
mod event;
mod events;
mod evidence;
mod manual;
mod operator;
mod output;
mod points;
mod series;
mod settings;
mod show;
mod sync;
mod trust;
mod verify;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use oracle_client::points::PointsError;
use oracle_client::{Client, Error, EventId, parse_key};
use secp256k1::XOnlyPublicKey;

use self::output::{eline, printable};

const EXIT_CODES: &str = "\
Exit codes:
  0  done; for `verify` valid, for `wait` attested, for `evidence` reproduced,
     for `audit` clean
  1  failed, or something did not verify
  2  wrong arguments; for `evidence` and `audit` not everything could be
     had
  3  not attested or not even announced yet (`wait`: not within --timeout);
     or good but unproven: printed, and not to be relied on
  4  refunded: will never be attested
  5  withdrawn: was never announced
  6  the server does not know the event, or the mirror has no announcement of it";

/// Read a Peercoin DLC oracle: verify its messages, wait for outcomes, derive
/// adaptor points.
///
/// Named operators sign their requests with `oracle operator`.
///
/// Everything printed as fact has been proven to be in the oracle's log, against
/// the identity given; states and reasons are the server's word.
///
/// `$XDG_CONFIG_HOME/oracle/config.toml` (`~/.config/oracle/config.toml`, or the file
/// that `ORACLE_CONFIG` names) may say `url`, `identity`, `witnesses` and `memory` for
/// all commands; flags and environment (`ORACLE_URL`, `ORACLE_IDENTITY`,
/// `ORACLE_MEMORY`) go before it.
#[derive(Parser)]
#[command(name = "oracle", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// Nothing on stderr but errors and verdicts: no notes, no progress
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Events(events::Events),
    Series(series::Series),
    Show(show::Show),
    Verify(verify::Verify),
    Get(event::Get),
    Wait(event::Wait),
    Watch(watch::Watch),
    Points(points::Points),
    Sync(sync::SyncMirror),
    Evidence(evidence::EvidenceOf),
    Audit(audit::Audit),
    ProveEquivocation(equivocation::ProveEquivocation),
    Operator(operator::Operator),
    Completions(manual::Completions),
    Man(manual::Man),
}

/// Where the oracle is.
#[derive(Args)]
struct Server {
    #[command(flatten)]
    address: Address,
    #[command(flatten)]
    trust: trust::Trust,
}

impl Server {
    fn client(&self) -> Result<Client, Failure> {
        Ok(Client::with_options(
            self.address.url()?,
            self.trust.options()?,
        )?)
    }
}

/// The oracle's public address.
#[derive(Args)]
struct Address {
    /// Address of the oracle, for example <http://127.0.0.1:8080>
    #[arg(long, value_name = "URL", env = "ORACLE_URL")]
    url: Option<String>,
}

impl Address {
    fn url(&self) -> Result<&str, Failure> {
        let settings = settings::settings()?;
        self.url
            .as_deref()
            .or(settings.url.as_deref())
            .ok_or_else(|| {
                Failure::Usage(
                    "no oracle was named: give --url, set ORACLE_URL, or write url = \"…\" into the \
                     configuration file"
                        .to_owned(),
                )
            })
    }
}

/// One event at one oracle.
#[derive(Args)]
struct Remote {
    /// Event id, for example ppcusd-daily@2026-11-22T16:00:00Z
    id: EventId,
    #[command(flatten)]
    server: Server,
}

/// A folder of the XDG Base Directory Specification: as the environment says, or
/// below the home directory.
fn folder(name: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    absolute(name).or_else(|| absolute("HOME").map(|home| home.join(below_home)))
}

fn key(text: &str) -> Result<XOnlyPublicKey, String> {
    parse_key(text).ok_or_else(|| "not an x-only public key (64 hex digits)".to_owned())
}

/// How a command ends when it does not end well.
enum Failure {
    /// Reported on stderr; the code follows from the error.
    Client(Error),
    /// A verdict on an argument, reported on stdout as the command's result.
    Invalid(String),
    /// A verdict with its exit code: on stdout, unless the output is JSON, which
    /// has said it.
    Verdict(u8, Option<String>),
    /// An argument that cannot be used; on stderr, exit 2.
    Usage(String),
    /// Nobody reads our output any more.
    Output(std::io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

/// Runs one command and reports how it ended.
pub(crate) async fn run(cli: Cli) -> ExitCode {
    if cli.quiet {
        output::be_quiet();
    }
    let result = match cli.command {
        Command::Events(command) => command.run().await,
        Command::Series(command) => command.run().await,
        Command::Show(command) => command.run().await,
        Command::Verify(command) => command.run(),
        Command::Get(command) => command.run().await,
        Command::Wait(command) => command.run().await,
        Command::Watch(command) => command.run().await,
        Command::Points(command) => command.run().await,
        Command::Sync(command) => command.run().await,
        Command::Evidence(command) => command.run().await,
        Command::Audit(command) => command.run().await,
        Command::ProveEquivocation(command) => command.run(),
        Command::Operator(command) => command.run().await,
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Client(error)) => {
            eline(&format!("error: {}", printable(&error.to_string())));
            ExitCode::from(exit_code(&error))
        }
        Err(Failure::Invalid(verdict)) => {
            // Should stdout be gone, the exit code still says it.
            let _ = output::line(&format!("error: {}", printable(&verdict)));
            ExitCode::FAILURE
        }
        Err(Failure::Verdict(code, verdict)) => {
            if let Some(verdict) = verdict {
                let _ = output::line(&printable(&verdict));
            }
            ExitCode::from(code)
        }
        Err(Failure::Usage(reason)) => {
            eline(&format!("error: {}", printable(&reason)));
            ExitCode::from(2)
        }
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(Failure::Output(error)) => {
            eline(&format!("error: cannot write: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn exit_code(error: &Error) -> u8 {
    match error {
        // Not what was asked for is wrong, but what was found.
        Error::Points(PointsError::NoncesNotProven { .. } | PointsError::NonceProof { .. }) => 1,
        Error::Url(_)
        | Error::Points(_)
        | Error::Operator(_)
        | Error::Memory { .. }
        | Error::Mirror { .. } => 2,
        Error::NotAttested { .. } | Error::NotAnnounced { .. } => 3,
        Error::Refunded { .. } => 4,
        Error::Withdrawn { .. } => 5,
        Error::UnknownEvent(_) | Error::NotMirrored { .. } => 6,
        _ => 1,
    }
}
