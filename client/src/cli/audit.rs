//! `oracle audit`: everything that an oracle ever promised or said, checked.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use clap::Args;
use oracle_client::anchor::Node;
use oracle_client::audit::{AuditOptions, Progress, Report, Source, Totals, Verdict, audit};
use oracle_client::{NoteKey, Options};
use secp256k1::XOnlyPublicKey;

use super::output::{self, ERASE, printable};
use super::settings::settings;
use super::{Address, Failure, key};

const EXAMPLES: &str = "\
Reads the signed checkpoint, rebuilds the Merkle tree from the entries, compares
it with every tile, verifies every signature, looks for nonces and event ids
that occur twice and for events that are overdue, and decides every outcome
again from the policy and the evidence that the log names.

Exits 0 when all of it is right, 1 when something is wrong (named, one line
each), 2 when nothing is wrong but something could not be had.

With --state the next audit goes on where this one ended, checks that the log
was only appended to, and after an interruption reads nothing twice.

Examples:
  oracle audit http://127.0.0.1:8080
  oracle audit https://oracle.example --state ~/.oracle-audit --identity oracle.example/log+…
  oracle audit ./export --json
  oracle audit https://oracle.example --also ./attestations-i-was-given
  oracle audit https://oracle.example --peercoin-rpc http://127.0.0.1:9902 \
    --peercoin-cookie ~/.peercoin/.cookie";

/// Audit an oracle's log: has it ever lied, forgotten or contradicted itself
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Audit {
    /// Address of the oracle, or a directory with its exported log; by default the
    /// address that `ORACLE_URL` or the configuration file names
    source: Option<String>,
    /// Keep in this file how far the audit came, and start from there; a
    /// directory FILE.d beside it keeps the log's entries
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Compare with other people's announcements and attestations: a directory
    /// of files in hex, JSON or TLV
    #[arg(long, value_name = "DIR")]
    also: Option<PathBuf>,
    /// Check signatures and evidence from this position of the log on only
    #[arg(long, value_name = "N", default_value_t = 0)]
    since: u64,
    /// The oracle's identity: the verifier key of its log, `origin+hash+key`; without
    /// it the key that the log's own genesis names is believed
    #[arg(long, value_name = "VKEY", env = "ORACLE_IDENTITY")]
    identity: Option<NoteKey>,
    /// The oracle's x-only public key in hex, if known from elsewhere; without
    /// it the key of the log's own genesis is believed
    #[arg(long, value_name = "HEX", value_parser = key)]
    key: Option<XOnlyPublicKey>,
    /// Judge what is overdue as of this time (RFC 3339) instead of now, for an
    /// export that is not fresh
    #[arg(long, value_name = "TIME")]
    at: Option<DateTime<Utc>>,
    /// Ask this Peercoin node whether the anchors' blocks are in its chain; its
    /// address, without user and password
    #[arg(long, value_name = "URL", requires = "peercoin_cookie")]
    peercoin_rpc: Option<String>,
    /// The node's cookie, or another file with user:password
    #[arg(long, value_name = "FILE", requires = "peercoin_rpc")]
    peercoin_cookie: Option<PathBuf>,
    /// How many blocks make an anchor final
    #[arg(long, value_name = "N", default_value_t = 6)]
    peercoin_confirmations: u64,
    /// Threads; by default one for each core
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let now = self.at.unwrap_or_else(Utc::now).timestamp();
        let mut options = AuditOptions::at(now);
        options.key = self.key;
        options.identity = match &self.identity {
            Some(identity) => Some(identity.clone()),
            None => settings()?.identity.clone(),
        };
        options.since = self.since;
        options.state.clone_from(&self.state);
        options.also.clone_from(&self.also);
        options.jobs = self.jobs.unwrap_or(options.jobs);
        options.peercoin = self.peercoin()?;
        // A whole log is many requests, and a service limits their rate.
        let patient = Options {
            attempts: 5,
            ..Options::default()
        };
        let address = Address {
            url: self
                .source
                .clone()
                .or_else(|| std::env::var("ORACLE_URL").ok()),
        };
        let source = Source::new(address.url()?, &patient)?;
        let bar = Bar::new();
        let report = audit(&source, &options, &|progress| bar.show(progress)).await;
        bar.clear();
        let report = report.map_err(|e| Failure::Verdict(2, Some(format!("incomplete: {e}"))))?;
        if self.json {
            output::json(&summary(&report), true)?;
        } else {
            print(&report)?;
        }
        let verdict = |code| Failure::Verdict(code, (!self.json).then(|| conclusion(&report)));
        match report.verdict() {
            Verdict::Clean if self.json => Ok(()),
            Verdict::Clean => Ok(output::line(&conclusion(&report))?),
            Verdict::Violation => Err(verdict(1)),
            Verdict::Incomplete => Err(verdict(2)),
        }
    }
}

impl Audit {
    fn peercoin(&self) -> Result<Option<(Arc<Node>, u64)>, Failure> {
        let (Some(url), Some(cookie)) = (&self.peercoin_rpc, &self.peercoin_cookie) else {
            return Ok(None);
        };
        let node = Node::new(url, cookie, Options::default().timeout);
        let node = node.map_err(|e| Failure::Verdict(2, Some(format!("incomplete: {e}"))))?;
        Ok(Some((Arc::new(node), self.peercoin_confirmations)))
    }
}

/// The report, and the verdict in front.
fn summary(report: &Report) -> serde_json::Value {
    let mut summary = serde_json::json!({ "verdict": report.verdict() });
    if let (Some(to), Ok(serde_json::Value::Object(from))) =
        (summary.as_object_mut(), serde_json::to_value(report))
    {
        to.extend(from);
    }
    summary
}

fn print(report: &Report) -> std::io::Result<()> {
    if let Some(head) = &report.head {
        let (network, origin) = (printable(&head.network), printable(&head.origin));
        output::line(&format!("oracle {} on {network}", head.public_key))?;
        output::line(&format!(
            "log {origin}: {} entries, root {}",
            head.size, head.root
        ))?;
    }
    output::line(&checked(report.from, &report.totals))?;
    if let Some(line) = lateness(report) {
        output::line(&line)?;
    }
    if let Some(anchored) = &report.anchored {
        output::line(&printable(&format!("anchored {anchored}")))?;
    }
    for event in &report.waiting {
        let id = printable(event.event_id.as_str()).into_owned();
        let maturity = time(event.maturity);
        let due = event
            .due
            .map_or_else(String::new, |due| format!(", refund due {}", time(due)));
        output::line(&format!("waiting {id}: matured {maturity}{due}"))?;
    }
    more("waiting", report.waiting_count, report.waiting.len())?;
    for note in &report.notes {
        output::line(&printable(&format!("note {note}")))?;
    }
    for (word, findings) in [("missing", &report.missing), ("WRONG", &report.violations)] {
        for finding in &findings.first {
            output::line(&printable(&format!("{word} {finding}")))?;
        }
        more(word, findings.count, findings.first.len())?;
    }
    Ok(())
}

fn more(word: &str, count: u64, listed: usize) -> std::io::Result<()> {
    match count.saturating_sub(listed as u64) {
        0 => Ok(()),
        more => output::line(&format!("{word} … and {more} more")),
    }
}

fn checked(from: u64, totals: &Totals) -> String {
    let from = match from {
        0 => String::new(),
        from => format!("from entry {from} on "),
    };
    format!(
        "checked {from}{} entries: {} announcements, {} attestations, {} notices, \
         {} statuses, {} operator actions, {} proofs of nonces; {} signatures, {} nonces, {} tiles, {} policies, \
         {} outcomes decided again, {} answers withheld, {} messages of others, \
         {} anchors",
        totals.entries,
        totals.announcements,
        totals.attestations,
        totals.notices,
        totals.statuses,
        totals.operator_actions,
        totals.nonce_proofs,
        totals.signatures,
        totals.nonces,
        totals.tiles,
        totals.policies,
        totals.outcomes_replayed,
        totals.withheld,
        totals.third_party,
        totals.anchors,
    )
}

fn lateness(report: &Report) -> Option<String> {
    let lateness = &report.lateness;
    let ms = Duration::from_millis;
    let share = |percent| {
        Some(humantime::format_duration(
            ms(lateness.percentile(percent)?),
        ))
    };
    let (worst, event) = lateness.worst()?;
    Some(format!(
        "decided after the agreed delay: median {}, 99 % within {}, at worst {} ({})",
        share(50)?,
        share(99)?,
        humantime::format_duration(ms(worst)),
        printable(event)
    ))
}

fn conclusion(report: &Report) -> String {
    let count = report.violations.count;
    match report.verdict() {
        Verdict::Clean => {
            let waiting = match report.waiting_count {
                0 => String::new(),
                waiting => format!(", {waiting} matured and not yet attested"),
            };
            format!(
                "ok audit: nothing wrong{waiting}, {} to mature",
                report.open
            )
        }
        Verdict::Violation => format!("VIOLATION: {count} found"),
        Verdict::Incomplete => {
            let missing = report.missing.count;
            format!("incomplete: nothing wrong, but {missing} could not be had")
        }
    }
}

fn time(unix: i64) -> String {
    let time = DateTime::from_timestamp(unix, 0);
    time.map_or_else(|| unix.to_string(), |time| time.to_rfc3339())
}

/// A bar on a terminal, redrawn a few times a second.
struct Bar {
    is_shown: bool,
    started: Instant,
    drawn: Mutex<Option<Instant>>,
}

const WIDTH: u64 = 30;
const REDRAW: Duration = Duration::from_millis(100);

impl Bar {
    fn new() -> Self {
        Self {
            is_shown: output::is_watched(),
            started: Instant::now(),
            drawn: Mutex::new(None),
        }
    }

    fn show(&self, Progress { done, total }: Progress) {
        if !self.is_shown {
            return;
        }
        let Ok(mut drawn) = self.drawn.lock() else {
            return;
        };
        if drawn.is_some_and(|at| at.elapsed() < REDRAW) && done < total {
            return;
        }
        *drawn = Some(Instant::now());
        let part = |of: u64| done.saturating_mul(of) / total.max(1);
        let full = usize::try_from(part(WIDTH)).unwrap_or_default();
        let bar = format!(
            "{:<1$}",
            "█".repeat(full),
            usize::try_from(WIDTH).unwrap_or_default()
        );
        let elapsed = self.started.elapsed().as_secs();
        let percent = part(100);
        let mut err = std::io::stderr().lock();
        // There is nobody left to tell if that fails.
        let _ = write!(
            err,
            "{ERASE}audit [{bar}] {percent:>3} %  {done}/{total} entries  {elapsed} s"
        );
        let _ = err.flush();
    }

    fn clear(&self) {
        if self.is_shown {
            let _ = write!(std::io::stderr().lock(), "{ERASE}");
        }
    }
}
