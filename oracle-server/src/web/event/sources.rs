//! What was asked and answered, and what operators did.

use oracle_schema::evidence::Observation;
use oracle_schema::operator::{Report, Verb};

use super::super::words::Stamp;
use crate::store::ActionRow;

/// Exchanges shown; the API has all of them.
const SHOWN: usize = 60;

/// One exchange with a provider.
pub(super) struct Source {
    pub(super) leg: Option<String>,
    pub(super) name: String,
    pub(super) root: String,
    pub(super) adapter: String,
    pub(super) url: String,
    pub(super) sent: Option<Stamp>,
    pub(super) took_ms: i64,
    pub(super) status: Option<u16>,
    pub(super) failure: Option<String>,
    pub(super) literal: Option<String>,
    pub(super) verdict: String,
    /// Where it says more than the literal.
    pub(super) detail: Option<String>,
    pub(super) sha256: Option<String>,
    pub(super) public: bool,
    /// Why there is no body.
    pub(super) not_kept: Option<String>,
}

/// The last exchanges, the latest first, and how many there were before them.
pub(super) fn of(observations: Vec<Observation>) -> (Vec<Source>, usize) {
    let left_out = observations.len().saturating_sub(SHOWN);
    let shown = observations.into_iter().rev().take(SHOWN);
    (shown.map(Source::from).collect(), left_out)
}

impl Source {
    /// What the adapter made of it, in words.
    pub(super) fn verdict_in_words(&self) -> &str {
        match self.verdict.as_str() {
            "observation" => "read",
            "not_yet" => "not yet",
            "no_data" => "no data",
            "transient" => "failed, asked again",
            "permanent" => "failed for good",
            "contradiction" => "contradicts itself",
            other => other,
        }
    }

    /// Its class in the style sheet: `ok`, `none` or `failed`.
    pub(super) fn class(&self) -> &'static str {
        match self.verdict.as_str() {
            "observation" => "ok",
            "not_yet" | "no_data" => "none",
            _ => "failed",
        }
    }
}

impl From<Observation> for Source {
    fn from(o: Observation) -> Self {
        Self {
            took_ms: o.received_ms.saturating_sub(o.sent_ms),
            sent: Stamp::of_ms(o.sent_ms),
            detail: o.detail.filter(|d| o.literal.as_ref() != Some(d)),
            leg: o.leg,
            name: o.source,
            root: o.root,
            adapter: o.adapter,
            url: o.url,
            status: o.status,
            failure: o.failure,
            literal: o.literal,
            verdict: o.verdict,
            sha256: o.sha256,
            public: o.public,
            not_kept: o.not_kept,
        }
    }
}

/// A signed request of an operator.
pub(super) struct Action {
    pub(super) operator: String,
    pub(super) verb: &'static str,
    pub(super) outcome: Option<String>,
    pub(super) note: Option<String>,
    pub(super) links: Vec<Link>,
    pub(super) at: Stamp,
    pub(super) refusal: Option<String>,
    pub(super) sha256: String,
    pub(super) public_key: String,
    pub(super) position: i64,
}

/// A document that an operator points to.
pub(super) struct Link {
    pub(super) url: String,
    /// Whether a browser may be sent there.
    pub(super) safe: bool,
    pub(super) sha256: String,
}

impl Action {
    pub(super) fn of(row: &ActionRow) -> Self {
        let report = match row.verb {
            Verb::Report => Report::parse(&row.body).ok(),
            _ => None,
        };
        let (evidence, note) = report.map(|r| (r.evidence, r.note)).unwrap_or_default();
        Self {
            operator: row.operator.clone(),
            verb: match row.verb {
                Verb::Create => "created it",
                Verb::Report => "reported",
                Verb::Approve => "approved",
                Verb::Veto => "vetoed",
                Verb::Void => "proposed to void it",
            },
            outcome: row.outcome.clone(),
            note,
            links: evidence
                .into_iter()
                .map(|e| Link {
                    safe: e.url.starts_with("https://") || e.url.starts_with("http://"),
                    url: e.url,
                    sha256: hex::encode(e.sha256),
                })
                .collect(),
            at: Stamp(row.received_at),
            refusal: row.refusal.clone(),
            sha256: hex::encode(row.sha256),
            public_key: hex::encode(row.public_key),
            position: row.position,
        }
    }
}
