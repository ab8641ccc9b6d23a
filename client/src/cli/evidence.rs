//! `oracle evidence`: what an outcome rests on, read and decided again.

use std::path::PathBuf;

use clap::Args;
use oracle_client::replay::{Checked, Conclusion, Report, Standing};
use oracle_client::{Bundle, Client, Error, EventId, Options};
use serde_json::json;

use super::output::{eline, note, printable};
use super::trust::{KEY_PROVES_NOTHING, Trust};
use super::{Address, Failure, output};

const EXAMPLES: &str = "\
Fetches the manifest, the policy and the providers' recorded answers, checks
every hash, reads the answers again with the same adapters and decides again by
the announced rule. It must come to what the oracle attested.

One line an exchange: `ok` read again, `none` no answer came, `withheld` kept
back by its licence (or `not kept`, and why) and taken as recorded, `missing` or
`MISMATCH` and why.
Exits 0 when reproduced, 1 when not, 2 when something needed cannot be had.

What it cannot show: that the sources really answered so. With --identity, the
hashes of the manifest and the policy are proven to be in the oracle's log.

Examples:
  oracle evidence ppcusd-daily@2026-11-22T16:00:00Z --url http://127.0.0.1:8080
  oracle evidence bl1-2026-r9-fcb-bvb --url $URL --save ./fcb-bvb
  oracle evidence --from ./fcb-bvb --json";

/// Replay the evidence of an outcome: is it what the announced rule makes of it
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct EvidenceOf {
    /// Event id, for example ppcusd-daily@2026-11-22T16:00:00Z
    #[arg(required_unless_present = "from")]
    id: Option<EventId>,
    #[command(flatten)]
    address: Address,
    #[command(flatten)]
    trust: Trust,
    /// Providers' answers, each in a file named by its SHA-256; what is here is
    /// not fetched, and what the oracle withholds is read from here
    #[arg(long, value_name = "DIR")]
    bodies: Option<PathBuf>,
    /// Keep everything in this directory
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Replay what was kept, without a network
    #[arg(long, value_name = "DIR", conflicts_with = "save")]
    from: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl EvidenceOf {
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let url = match self.from {
            Some(_) => None,
            None => Some(self.address.url()?),
        };
        let options = self.trust.options()?;
        let bundle = self.bundle(url, options).await.map_err(failure)?;
        for (sha256, why) in &bundle.unavailable {
            eline(&printable(&format!("not fetched: {sha256}: {why}")));
        }
        let report = bundle.replay().map_err(failure)?;
        let conclusion = report.conclusion();
        if self.json {
            output::json(&summary(&bundle, &report), true)?;
        } else {
            print(&report)?;
        }
        let say = |verdict: String| (!self.json).then_some(verdict);
        match conclusion {
            Conclusion::Reproduced => {
                if !self.json {
                    output::line(&ok(&bundle, &report))?;
                }
                self.worth()
            }
            Conclusion::Mismatch => Err(Failure::Verdict(
                1,
                say(format!("MISMATCH {}", why(&report))),
            )),
            Conclusion::Incomplete => Err(Failure::Verdict(
                2,
                say(format!("incomplete: {}", why(&report))),
            )),
        }
    }

    /// What a reproduced outcome is worth: with a key and no identity the messages
    /// themselves may be forged.
    fn worth(&self) -> Result<(), Failure> {
        let is_pinned = self.trust.is_pinned()?;
        if self.trust.key.is_some() && !is_pinned {
            eline(&format!(
                "unproven: {KEY_PROVES_NOTHING}, and --key alone pins no log; give --identity"
            ));
            return Err(Failure::Verdict(3, None));
        }
        if !is_pinned {
            note("note: no identity was pinned; give --identity");
        }
        Ok(())
    }

    async fn bundle(&self, url: Option<&str>, options: Options) -> Result<Bundle, Error> {
        if let Some(dir) = &self.from {
            let identity = options.identity.as_ref();
            let mut bundle = Bundle::load(dir, options.key, identity)?;
            if let Some(id) = self.id.as_ref().filter(|id| **id != bundle.stated.event_id) {
                return Err(Error::WrongEvent {
                    what: "bundle",
                    asked: id.clone(),
                    got: bundle.stated.event_id.to_string(),
                });
            }
            if let Some(dir) = &self.bodies {
                bundle.read_bodies(dir)?;
            }
            return Ok(bundle);
        }
        let (Some(id), Some(url)) = (&self.id, url) else {
            return Err(Error::Url("an event and --url are needed".to_owned()));
        };
        let client = Client::with_options(url, options)?;
        let mut bundle = client.bundle(id).await?;
        if let Some(dir) = &self.bodies {
            bundle.read_bodies(dir)?;
        }
        client.fetch_bodies(&mut bundle).await?;
        if let Some(dir) = &self.save {
            bundle.save(dir)?;
        }
        Ok(bundle)
    }
}

/// What cannot be had is no verdict on the oracle.
fn failure(error: Error) -> Failure {
    let unavailable = error.is_transient()
        || matches!(
            error,
            Error::NoEvidence(_) | Error::File { .. } | Error::Problem { status: 404, .. }
        );
    if unavailable {
        Failure::Verdict(2, Some(format!("incomplete: {error}")))
    } else {
        Failure::Client(error)
    }
}

fn print(report: &Report) -> std::io::Result<()> {
    for observation in &report.observations {
        output::line(&printable(&line(observation)))?;
    }
    if let Some(price) = &report.price {
        output::line(&format!("decided again: price={price}"))?;
    }
    if let Some(outcome) = &report.outcome {
        output::line(&format!("decided again: outcome={}", printable(outcome)))?;
    }
    Ok(())
}

fn line(checked: &Checked) -> String {
    let (word, why) = match &checked.standing {
        Standing::Reproduced => ("ok", ""),
        Standing::Unanswered => ("none", ""),
        Standing::Withheld => ("withheld", ""),
        Standing::Missing(why) => ("missing", why.as_str()),
        Standing::Mismatch(why) => ("MISMATCH", why.as_str()),
    };
    let mut line = format!(
        "{word} {} attempt={} {}",
        name(checked),
        checked.attempt,
        checked.verdict
    );
    let literal = checked.literal.as_ref().map(|l| format!("{l:?}"));
    let body = checked.sha256.as_ref().map(|h| format!("sha256={h}"));
    let why = Some(why.to_owned()).filter(|why| !why.is_empty());
    for more in [literal, body, why, checked.note.clone()]
        .into_iter()
        .flatten()
    {
        line.push(' ');
        line.push_str(&more);
    }
    line
}

fn name(checked: &Checked) -> String {
    match &checked.leg {
        Some(leg) => format!("{leg} {}", checked.source),
        None => checked.source.clone(),
    }
}

fn ok(bundle: &Bundle, report: &Report) -> String {
    let read = report.count(|s| *s == Standing::Reproduced);
    let withheld = report.count(|s| *s == Standing::Withheld);
    let kept_back = match withheld {
        0 => String::new(),
        withheld => format!(", {withheld} withheld and taken as recorded"),
    };
    format!(
        "ok evidence {} outcome={} manifest={}: {read} answers read again{kept_back}",
        printable(bundle.stated.event_id.as_str()),
        printable(&bundle.attested.outcome_text()),
        bundle.stated.manifest_sha256,
    )
}

/// Everything that is wrong; else everything that is not there.
fn why(report: &Report) -> String {
    let wrong = report.conclusion() == Conclusion::Mismatch;
    let exchanges = report.observations.iter().filter_map(|o| {
        let why = match &o.standing {
            Standing::Mismatch(why) if wrong => why,
            Standing::Missing(why) if !wrong => why,
            _ => return None,
        };
        Some(format!("{} attempt={}: {why}", name(o), o.attempt))
    });
    let general = if wrong {
        &report.mismatches
    } else {
        &report.missing
    };
    let all: Vec<String> = exchanges.chain(general.iter().cloned()).collect();
    all.join("; ")
}

fn summary(bundle: &Bundle, report: &Report) -> serde_json::Value {
    json!({
        "event_id": bundle.stated.event_id,
        "conclusion": report.conclusion(),
        "attested": bundle.attested.outcome_text(),
        "manifest_sha256": bundle.stated.manifest_sha256,
        "policy_hash": bundle.stated.policy_hash,
        "read_again": report.count(|s| *s == Standing::Reproduced),
        "withheld": report.count(|s| *s == Standing::Withheld),
        "unavailable": bundle.unavailable,
        "report": report,
    })
}
