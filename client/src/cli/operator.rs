//! `oracle operator`: keys, and what an operator does with them.

use std::path::PathBuf;

use chrono::Utc;
use clap::{Args, Subcommand};
use oracle_client::EventId;
use oracle_client::operator::{Action, Operator as Sender, OperatorKey, Receipt};
use oracle_schema::operator::{Approval, Evidence, Reason, Report};
use serde_json::json;

use super::output::printable;
use super::{Address, Failure, output};

const EXAMPLES: &str = "\
Every request is signed with the operator's key for the oracle's public address,
which --url must be. A refusal names its kind; nothing has changed then.

Examples:
  oracle operator keygen --out alice.key
  oracle operator report pm-upgrade-2026 yes --key alice.key --operator alice --url $URL
  oracle operator approve pm-upgrade-2026 $SHA256 --key bob.key --operator bob --url $URL
  oracle operator veto pm-upgrade-2026 --reason \"asked wrongly\" \\
      --key bob.key --operator bob --url $URL";

/// Act as a named operator: create, report, approve, veto, void
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Operator {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key; prints its public half in hex
    Keygen {
        /// File to write, readable by its owner only; must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Create an event
    Create {
        /// The event as JSON: keys and values of an event in the configuration
        file: PathBuf,
        #[command(flatten)]
        sender: SenderArgs,
    },
    /// Report an event's outcome
    Report {
        /// Event id
        id: EventId,
        /// One of the event's outcomes
        outcome: String,
        /// A document that shows it, and the SHA-256 of its bytes; may be
        /// repeated
        #[arg(long, value_name = "URL=SHA256", value_parser = evidence)]
        evidence: Vec<Evidence>,
        /// For people
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        #[command(flatten)]
        sender: SenderArgs,
    },
    /// Approve another operator's report or proposal to void
    Approve {
        /// Event id
        id: EventId,
        /// SHA-256 of the body approved, as `report` and `void` print it
        #[arg(value_name = "REPORT_SHA256", value_parser = sha256)]
        report: [u8; 32],
        #[command(flatten)]
        sender: SenderArgs,
    },
    /// Hold an event until operators release it or it is refunded
    Veto {
        /// Event id
        id: EventId,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        sender: SenderArgs,
    },
    /// Propose to void an event; another operator's approval carries it out
    Void {
        /// Event id
        id: EventId,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        sender: SenderArgs,
    },
}

#[derive(Args)]
struct Why {
    /// For people
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

impl Why {
    fn body(self) -> Reason {
        Reason {
            reason: self.reason,
        }
    }
}

/// Who sends, to whom.
#[derive(Args)]
struct SenderArgs {
    /// The operator's key, as `keygen` wrote it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The operator's name in the oracle's configuration
    #[arg(long, value_name = "NAME")]
    operator: String,
    #[command(flatten)]
    address: Address,
    /// Print the oracle's answer as JSON
    #[arg(long)]
    json: bool,
}

impl Operator {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (action, sender) = match self.command {
            Command::Keygen { out, json } => {
                let key = OperatorKey::create(&out).map_err(oracle_client::Error::from)?;
                let public_key = key.public_hex();
                if json {
                    output::json(&json!({ "public_key": public_key }), true)?;
                } else {
                    output::line(&public_key)?;
                }
                return Ok(());
            }
            Command::Create { file, sender } => {
                let body = std::fs::read(&file)
                    .map_err(|e| Failure::Usage(format!("{}: {e}", file.display())))?;
                (Action::Create(body), sender)
            }
            Command::Report {
                id,
                outcome,
                evidence,
                note,
                sender,
            } => {
                let report = Report {
                    outcome,
                    evidence,
                    note,
                };
                (Action::Report(id, report), sender)
            }
            Command::Approve { id, report, sender } => {
                (Action::Approve(id, Approval { report }), sender)
            }
            Command::Veto { id, why, sender } => (Action::Veto(id, why.body()), sender),
            Command::Void { id, why, sender } => (Action::Void(id, why.body()), sender),
        };
        let key = OperatorKey::load(&sender.key).map_err(oracle_client::Error::from)?;
        let operator = Sender::new(sender.address.url()?, &sender.operator, key)?;
        let receipt = operator.send(&action, Utc::now().timestamp()).await?;
        if sender.json {
            output::json(&receipt.json, true)?;
            return Ok(());
        }
        output::line(&describe(&receipt))?;
        for warning in receipt.json["warnings"].as_array().into_iter().flatten() {
            output::note(&format!(
                "warning: {}",
                warning.as_str().unwrap_or_default()
            ));
        }
        Ok(())
    }
}

fn describe(receipt: &Receipt) -> String {
    format!(
        "ok {}{} state={} sha256={}",
        printable(&receipt.event_id),
        if receipt.repeated {
            " (known already)"
        } else {
            ""
        },
        printable(&receipt.state),
        printable(&receipt.sha256),
    )
}

fn sha256(text: &str) -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes)
        .map(|()| bytes)
        .map_err(|_| "not a SHA-256 (64 hex digits)".to_owned())
}

fn evidence(text: &str) -> Result<Evidence, String> {
    // An address may hold `=` itself.
    let (url, hash) = text
        .rsplit_once('=')
        .ok_or_else(|| "not URL=SHA256".to_owned())?;
    Ok(Evidence {
        url: url.to_owned(),
        sha256: sha256(hash)?,
    })
}
