//! `oracle show`: an event in words.

use chrono::{DateTime, Utc};
use clap::Args;
use oracle_client::bundle::{End, Proven};
use oracle_client::{Client, Error, EventId, EventInfo, EventState};
use oracle_schema::policy::{Policy, explain};
use serde_json::{Value, json};

use super::output::printable;
use super::{Failure, Remote, output};

const EXAMPLES: &str = "\
What it asks and by whom it is decided is from the event's policy; once the event is
announced, the policy is the one whose hash is in the oracle's log. Where it stands is
the server's word; an outcome or a refund is proven.

Examples:
  oracle show ppcusd-daily@2026-11-22T16:00:00Z --url http://127.0.0.1:8080
  oracle show pm-upgrade-2026 --json";

/// Tell in words what an event asks, who decides it and where it stands
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Show {
    #[command(flatten)]
    remote: Remote,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What is known of an event.
struct Shown {
    event: EventInfo,
    /// None where its rules are written in a way that this build does not know.
    policy: Option<Policy>,
    document: Vec<u8>,
    /// None before it is announced.
    proven: Option<Proven>,
}

impl Show {
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let client = self.remote.server.client()?;
        let shown = fetch(&client, &self.remote.id).await?;
        if self.json {
            output::json(&shown.to_json(), true)?;
        } else {
            for (name, text) in shown.lines() {
                output::line(printable(&format!("{name:<11} {text}")).trim_end())?;
            }
        }
        self.remote.server.trust.verdict(&client).await
    }
}

async fn fetch(client: &Client, id: &EventId) -> Result<Shown, Error> {
    let event = client.event(id).await?;
    let proven = match client.proven(id).await {
        Ok(proven) => Some(proven),
        Err(Error::NotAnnounced { .. } | Error::Withdrawn { .. }) => None,
        Err(error) => return Err(error),
    };
    let document = match &proven {
        Some(proven) => proven.policy.clone().into_bytes(),
        None => client.stated_policy(id).await?,
    };
    Ok(Shown {
        event,
        policy: Policy::parse(&document).ok(),
        document,
        proven,
    })
}

impl Shown {
    fn maturity(&self) -> i64 {
        match &self.proven {
            Some(proven) => proven.announcement.event.maturity.unix(),
            None => self.event.maturity.timestamp(),
        }
    }

    /// The outcome that the log proves.
    fn outcome(&self) -> Option<String> {
        let proven = self.proven.as_ref()?;
        proven.attestation().map(|a| a.outcome().to_string())
    }

    fn meaning(&self) -> Option<String> {
        let outcome = self.outcome()?;
        Some(match &self.policy {
            Some(policy) => policy.meaning(&outcome),
            None => outcome,
        })
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![("event", self.event.event_id.to_string())];
        let maturity = Some(self.maturity());
        match &self.policy {
            Some(policy) => {
                lines.push(("asks", policy.headline(maturity)));
                let question = policy.question(maturity);
                let description = question.description.unwrap_or_default();
                lines.extend(description.lines().map(|line| ("", line.to_owned())));
                for (key, name) in question.names {
                    lines.push(("names", format!("{key} is {name}")));
                }
                lines.push(("outcomes", self.outcomes(policy)));
                let mut heading = "decided by";
                for sentence in explain::explain(policy, maturity) {
                    // Those two are above, in full.
                    if !sentence.starts_with("asks: ") && !sentence.starts_with("that is: ") {
                        lines.push((heading, sentence));
                        heading = "";
                    }
                }
                let warnings = explain::warnings(policy, maturity);
                lines.extend(warnings.into_iter().map(|text| ("careful", text)));
            }
            None => lines.push((
                "decided by",
                "rules in a form that this version does not know; see --json".to_owned(),
            )),
        }
        if self.proven.is_none() {
            lines.push((
                "careful",
                "not announced: the rules may still change".to_owned(),
            ));
        }
        lines.push(("stands", self.stands()));
        lines
    }

    fn outcomes(&self, policy: &Policy) -> String {
        if let Some(outcomes) = &self.event.outcomes {
            return outcomes.join(", ");
        }
        let (base, digits, unit, sign) = match (policy.rule.fact_digits(), &self.event.digits) {
            (Some(d), _) => (
                u64::from(d.base),
                u64::from(d.digits),
                d.unit.clone(),
                d.signed,
            ),
            (None, Some(d)) => (
                d["base"].as_u64().unwrap_or_default(),
                d["nb_digits"].as_u64().unwrap_or_default(),
                d["unit"].as_str().unwrap_or_default().to_owned(),
                d["is_signed"].as_bool().unwrap_or_default(),
            ),
            (None, None) => return "not told".to_owned(),
        };
        let first = if sign {
            format!("-({base}^{digits}-1)")
        } else {
            "0".to_owned()
        };
        format!("whole numbers {first} to {base}^{digits}-1 of {unit}")
    }

    /// Where it stands, in a sentence.
    fn stands(&self) -> String {
        let event = &self.event;
        let maturity = time(DateTime::from_timestamp(self.maturity(), 0));
        let next = match event.next_attempt_at {
            Some(at) => format!("; the oracle looks next at {}", time(Some(at))),
            None => String::new(),
        };
        let reason = match &event.reason {
            Some(reason) => format!(": {reason}"),
            None => String::new(),
        };
        match self.proven.as_ref().and_then(|proven| proven.end.as_ref()) {
            Some(End::Attested { position, .. }) => {
                let meaning = self.meaning().unwrap_or_default();
                return format!("attested: {meaning} (entry {position} of the log)");
            }
            Some(End::Refunded {
                position, reason, ..
            }) => {
                return format!("refund: never attested: {reason} (entry {position} of the log)");
            }
            None => {}
        }
        let by = match event.attest_by {
            Some(by) => format!("; attested by {} or never", time(Some(by))),
            None => String::new(),
        };
        match event.state {
            EventState::Scheduled => {
                let at = event.more.get("announce_at").and_then(Value::as_str);
                let at = at
                    .map(|at| format!("; due to be at {at}"))
                    .unwrap_or_default();
                format!("scheduled: not announced yet{at}; matures {maturity}")
            }
            EventState::Announced => format!("announced: matures {maturity}{by}"),
            EventState::Matured => format!("matured at {maturity}, not decided yet{next}{by}"),
            EventState::Provisional => {
                format!(
                    "provisional: its sources agree, it becomes final when nothing changes{next}{by}"
                )
            }
            EventState::Held => format!("held: a human is needed{reason}{by}"),
            EventState::Committed => "committed: decided, its signature not out yet".to_owned(),
            EventState::Withdrawn => format!("withdrawn: never announced{reason}"),
            other => format!("{other}{reason}{next}{by}"),
        }
    }

    fn to_json(&self) -> Value {
        let maturity = Some(self.maturity());
        let explained = |f: fn(&Policy, Option<i64>) -> Vec<String>| {
            let policy = self.policy.as_ref();
            policy.map(|policy| f(policy, maturity)).unwrap_or_default()
        };
        let proven = self.proven.as_ref();
        json!({
            "event_id": self.event.event_id,
            "asks": self.policy.as_ref().map(|policy| policy.headline(maturity)),
            "decided_by": explained(explain::explain),
            "warnings": explained(explain::warnings),
            "stands": self.stands(),
            "outcome": self.outcome(),
            "meaning": self.meaning(),
            "is_proven": proven.is_some(),
            "announcement_position": proven.map(|proven| proven.announcement_position),
            "policy": serde_json::from_slice::<Value>(&self.document).ok(),
            "event": self.event,
        })
    }
}

fn time(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(
        || "an unknown time".to_owned(),
        |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}
