//! Replay: recorded evidence, read again by the same adapters and decided again
//! by the same rule, must come to what was attested.
//!
//! What that shows: given what the oracle says its sources answered, nothing
//! but the attested outcome follows under the announced policy. That the
//! sources answered so is the oracle's word, except where somebody kept or can
//! still ask for the same answer.

mod decided;
mod observed;

use std::collections::BTreeMap;

use oracle_schema::evidence::{MANIFEST_VERSION, Manifest};
use oracle_schema::policy::{Policy, canonical_json};
use oracle_schema::{Descriptor, EventId, Outcome};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Exact;

/// Everything that is replayed. Announcement and attestation are verified
/// before, by whoever fills this in.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The manifest's bytes.
    pub manifest: &'a [u8],
    /// What the oracle says their SHA-256 is.
    pub manifest_sha256: [u8; 32],
    /// The policy document's bytes.
    pub policy: &'a [u8],
    /// What the oracle says their SHA-256 is.
    pub policy_hash: [u8; 32],
    /// As announced.
    pub event_id: &'a EventId,
    /// As announced, Unix seconds.
    pub maturity: i64,
    /// As announced.
    pub descriptor: &'a Descriptor,
    /// As attested.
    pub outcome: &'a Outcome,
    /// Bodies by their SHA-256, lower-case hex.
    pub bodies: &'a BTreeMap<String, Vec<u8>>,
}

/// What became of one exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", content = "why", rename_all = "snake_case")]
pub enum Standing {
    /// The body has its hash, and the adapter reads in it what was recorded.
    Reproduced,
    /// No answer came, so there is nothing to read again.
    Unanswered,
    /// The licence keeps the body with the oracle, or the oracle did not keep it, which
    /// [`Checked::note`] says: taken as recorded.
    Withheld,
    /// What it takes to read it again is not there: taken as recorded.
    Missing(String),
    /// It contradicts itself, its body or the policy. Begins with the field.
    Mismatch(String),
}

/// One exchange and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Which leg of a price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leg: Option<String>,
    /// As the policy names it.
    pub source: String,
    /// Exchanges of one attempt at one source belong together.
    pub attempt: i64,
    /// What was asked, without secrets.
    pub url: String,
    /// SHA-256 of the body, hex.
    pub sha256: Option<String>,
    /// As recorded.
    pub verdict: String,
    /// As recorded.
    pub literal: Option<String>,
    /// What became of it.
    #[serde(flatten)]
    pub standing: Standing,
    /// What a reader should know though it contradicts nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a replay comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// The evidence leads to the attested outcome and to no other.
    Reproduced,
    /// Nothing contradicts the attested outcome, but not everything that should
    /// be there is.
    Incomplete,
    /// It does not.
    Mismatch,
}

/// A replay, line by line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Every exchange, in the manifest's order.
    pub observations: Vec<Checked>,
    /// The price that the evidence comes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Exact>,
    /// The outcome that the evidence comes to: the text, or the integer in
    /// decimal.
    pub outcome: Option<String>,
    /// What contradicts beyond single exchanges. Each begins with what it is
    /// about: `manifest_sha256`, `policy_hash`, `decision.legs.btcusd`, ….
    pub mismatches: Vec<String>,
    /// What could not be checked beyond single exchanges.
    pub missing: Vec<String>,
}

impl Report {
    /// How many exchanges stand so.
    pub fn count(&self, standing: impl Fn(&Standing) -> bool) -> usize {
        let all = self.observations.iter();
        all.filter(|o| standing(&o.standing)).count()
    }

    /// What it comes to.
    pub fn conclusion(&self) -> Conclusion {
        let any = |standing: fn(&Standing) -> bool| self.count(standing) > 0;
        if !self.mismatches.is_empty() || any(|s| matches!(s, Standing::Mismatch(_))) {
            Conclusion::Mismatch
        } else if !self.missing.is_empty() || any(|s| matches!(s, Standing::Missing(_))) {
            Conclusion::Incomplete
        } else {
            Conclusion::Reproduced
        }
    }
}

/// Replays an outcome. Never fails: what is wrong is in the report.
pub fn replay(evidence: &Evidence<'_>) -> Report {
    let mut report = Report::default();
    let stated = [
        (
            "manifest_sha256",
            evidence.manifest,
            evidence.manifest_sha256,
        ),
        ("policy_hash", evidence.policy, evidence.policy_hash),
    ];
    for (what, bytes, stated) in stated {
        let found: [u8; 32] = Sha256::digest(bytes).into();
        if found != stated {
            report.mismatches.push(format!(
                "{what}: stated {}, the bytes have {}",
                hex::encode(stated),
                hex::encode(found)
            ));
        }
    }
    let policy = match Policy::parse(evidence.policy) {
        Ok(policy) => policy,
        Err(e) => {
            report.mismatches.push(format!("policy: {e}"));
            return report;
        }
    };
    let manifest = match parse(evidence.manifest) {
        Ok(manifest) => manifest,
        Err(why) => {
            report.mismatches.push(why);
            return report;
        }
    };
    if manifest.maturity != evidence.maturity {
        report.mismatches.push(format!(
            "maturity: {} in the manifest, announced was {}",
            manifest.maturity, evidence.maturity
        ));
    }
    match crate::rule::outcome::descriptor(&policy.rule) {
        Ok(descriptor) if descriptor == *evidence.descriptor => {}
        _ => report
            .mismatches
            .push("policy: announced were other outcomes than its own".to_owned()),
    }
    let at = evidence.maturity;
    let replayed = observed::replay(&manifest, &policy, at, evidence.bodies);
    report.observations = replayed.checked;
    decided::replay(
        &manifest,
        &policy,
        evidence,
        &replayed.readings,
        &mut report,
    );
    report
}

fn parse(bytes: &[u8]) -> Result<Manifest, String> {
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|e| format!("manifest: {e}"))?;
    if manifest.version != MANIFEST_VERSION {
        return Err(format!(
            "manifest: version {}; this build reads {MANIFEST_VERSION}",
            manifest.version
        ));
    }
    // What two readers could read differently is no evidence.
    if canonical_json(&manifest).ok().as_deref() != Some(bytes) {
        return Err("manifest: not canonical".to_owned());
    }
    Ok(manifest)
}
