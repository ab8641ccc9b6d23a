//! The decision, made again.

use chrono::{DateTime, Utc};
use oracle_schema::EventId;
use oracle_schema::evidence::Manifest;
use oracle_schema::http_signature::body_sha256;
use oracle_schema::log_entry::LogEntry;
use oracle_schema::operator::{Approval, OperatorAction, Report as Signed, Verb};
use oracle_schema::policy::{LegPolicy, Policy, PricePolicy, VOID};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::observed::Attempt;
use super::{Evidence, Report};
use crate::Exact;
use crate::observation::SourceReading;
use crate::rule::{
    Cause, FactTrace, Fixing, OperatorReport, Trace, Verdict, cross, decide_leg, facts, outcome,
};

/// The recorded decision about a price.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceDecision {
    price: Exact,
    legs: Vec<LegDecision>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LegDecision {
    name: String,
    price: Decimal,
    trace: Trace,
}

/// The recorded decision about facts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FactDecision {
    outcome: String,
    trace: FactTrace,
}

/// What is decided again.
struct Case<'a> {
    manifest: &'a Manifest,
    policy: &'a Policy,
    evidence: &'a Evidence<'a>,
    attempts: &'a [Attempt],
    /// When it was decided.
    now: DateTime<Utc>,
}

/// Decides again, and compares with what was recorded and attested.
pub(super) fn replay(
    manifest: &Manifest,
    policy: &Policy,
    evidence: &Evidence<'_>,
    attempts: &[Attempt],
    report: &mut Report,
) {
    let Some(now) = DateTime::from_timestamp_millis(manifest.decided_ms) else {
        let why = "decided_ms: not a time";
        report.mismatches.push(why.to_owned());
        return;
    };
    let give_up = evidence
        .maturity
        .saturating_add(i64::from(policy.give_up_after_s));
    if now.timestamp() >= give_up {
        let why = "decided_ms: by then it was to be refunded";
        report.mismatches.push(why.to_owned());
    }
    let case = Case {
        manifest,
        policy,
        evidence,
        attempts,
        now,
    };
    let found = match policy.rule.price() {
        Some(price) => decide_price(&case, price, report),
        None => decide_facts(&case, report),
    };
    let Some(found) = found else { return };
    let attested = evidence.outcome.to_string();
    if found != attested {
        report.mismatches.push(format!(
            "outcome: attested {attested:?}, the evidence comes to {found:?}"
        ));
    }
    report.outcome = Some(found);
}

fn recorded<T: DeserializeOwned>(manifest: &Manifest, report: &mut Report) -> Option<T> {
    let decision = T::deserialize(&manifest.decision);
    decision
        .map_err(|e| report.mismatches.push(format!("decision: {e}")))
        .ok()
}

fn decide_price(case: &Case<'_>, price: &PricePolicy, report: &mut Report) -> Option<String> {
    let decision: Option<PriceDecision> = recorded(case.manifest, report);
    let names: Vec<&str> = price.legs.iter().map(|l| l.name.as_str()).collect();
    if let Some(decision) = &decision {
        let decided: Vec<&str> = decision.legs.iter().map(|l| l.name.as_str()).collect();
        if decided != names {
            let why = format!("decision.legs: decided {decided:?}, the policy has {names:?}");
            report.mismatches.push(why);
        }
    }
    let mut prices = Vec::with_capacity(price.legs.len());
    for leg in &price.legs {
        let path = format!("decision.legs.{}", leg.name);
        let (price, trace) = match decide_leg_again(case, leg) {
            Fixing::Attest { price, trace } => (price, trace),
            Fixing::Pending { cause, .. } => {
                let why = format!("{path}: the evidence comes to no price: {cause}");
                report.mismatches.push(why);
                continue;
            }
        };
        prices.push(price);
        let decided = decision.iter().flat_map(|d| &d.legs);
        if let Some(decided) = decided.into_iter().find(|l| l.name == leg.name) {
            compare(
                &format!("{path}.price"),
                &decided.price,
                &price,
                &mut report.mismatches,
            );
            compare_leg_traces(&path, &decided.trace, trace, report);
        }
    }
    if prices.len() != price.legs.len() {
        return None;
    }
    let found = match cross(&prices) {
        Ok(found) => found,
        Err(e) => {
            report.mismatches.push(format!("decision.price: {e}"));
            return None;
        }
    };
    if let Some(decision) = decision {
        compare(
            "decision.price",
            &decision.price,
            &found,
            &mut report.mismatches,
        );
    }
    let outcome = outcome(&case.policy.rule, &found, case.evidence.descriptor);
    report.price = Some(found);
    outcome
        .map(|outcome| outcome.to_string())
        .map_err(|e| report.mismatches.push(format!("outcome: {e}")))
        .ok()
}

/// A leg is decided by its first attempt that comes to a price, for good; the
/// last attempt tells why there is none. Samples were taken before T, so each
/// attempt had all of them.
fn decide_leg_again(case: &Case<'_>, leg: &LegPolicy) -> Fixing {
    let own = |a: &&Attempt| a.leg.as_deref() == Some(leg.name.as_str());
    let is_sample = |a: &&Attempt| {
        let mut sampled = leg.sources.iter().filter(|s| s.is_sampled());
        sampled.any(|s| s.id == a.reading.source)
    };
    let (samples, attempts): (Vec<_>, Vec<_>) =
        case.attempts.iter().filter(own).partition(is_sample);
    let samples = || samples.iter().map(|a| a.reading.clone());
    let attempts = attempts.iter().copied();
    let mut numbers: Vec<i64> = attempts.clone().map(|a| a.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut last = None;
    for number in numbers {
        let asked = attempts.clone().filter(|a| a.number == number);
        let asked = asked.map(|a| a.reading.clone());
        let readings: Vec<SourceReading> = samples().chain(asked).collect();
        let fixing = decide_leg(leg, case.evidence.maturity, case.now, &readings);
        if let Fixing::Attest { .. } = fixing {
            return fixing;
        }
        last = Some(fixing);
    }
    // An attempt at which nobody answered left no exchange, and samples may be
    // enough.
    let alone: Vec<SourceReading> = samples().collect();
    let fixing = decide_leg(leg, case.evidence.maturity, case.now, &alone);
    match (fixing, last) {
        (Fixing::Pending { .. }, Some(last)) => last,
        (fixing, _) => fixing,
    }
}

fn decide_facts(case: &Case<'_>, report: &mut Report) -> Option<String> {
    let readings: Vec<SourceReading> = case.attempts.iter().map(|a| a.reading.clone()).collect();
    let rule = &case.policy.rule;
    let recorded = recorded::<FactDecision>(case.manifest, report);
    let actions = operator_actions(case, report);
    if let Some(decision) = recorded.as_ref().filter(|d| is_release(d)) {
        return check_release(case, &actions, decision, report);
    }
    let reports = operator_reports(&actions);
    let at = case.evidence.maturity;
    let Some(again) = facts::decide(rule, at, case.now, &readings, &reports) else {
        let kind = rule.kind();
        let why = format!("decision: no rule of this build replays the kind {kind}");
        report.missing.push(why);
        return None;
    };
    if let Some(decision) = recorded {
        if let Verdict::Attest { outcome } = &again.verdict {
            compare(
                "decision.outcome",
                &decision.outcome,
                outcome,
                &mut report.mismatches,
            );
        }
        compare_fact_traces(&decision.trace, again.trace, report);
    }
    match again.verdict {
        Verdict::Attest { outcome } => Some(outcome),
        Verdict::Pending { cause } => no_outcome("pending", &cause, report),
        Verdict::Provisional { cause, .. } => no_outcome("provisional", &cause, report),
        Verdict::Hold { cause } => no_outcome("held", &cause, report),
    }
}

/// What operators did, each request checked against its own signature. That a
/// key was its operator's is the policy's word for a panel, else the oracle's.
fn operator_actions(case: &Case<'_>, report: &mut Report) -> Vec<OperatorAction> {
    let mut actions = Vec::with_capacity(case.manifest.operators.len());
    for (n, entry) in case.manifest.operators.iter().enumerate() {
        match operator_action(entry, case.evidence.event_id) {
            Ok(action) => actions.push(action),
            Err(why) => report.mismatches.push(format!("operators[{n}]: {why}")),
        }
    }
    actions
}

fn operator_action(entry: &str, event: &EventId) -> Result<OperatorAction, String> {
    let bytes = hex::decode(entry).map_err(|e| e.to_string())?;
    let entry = LogEntry::from_bytes(&bytes).map_err(|e| e.to_string())?;
    let LogEntry::OperatorAction(action) = entry else {
        return Err("not a request of an operator".to_owned());
    };
    action.verify().map_err(|e| e.to_string())?;
    if action.event_id != *event {
        return Err(format!("is about {}", action.event_id));
    }
    Ok(action)
}

fn operator_reports(actions: &[OperatorAction]) -> Vec<OperatorReport> {
    actions.iter().filter_map(operator_report).collect()
}

fn operator_report(action: &OperatorAction) -> Option<OperatorReport> {
    let body = (action.verb == Verb::Report).then_some(&action.body)?;
    Some(OperatorReport {
        operator: action.operator.clone(),
        public_key: hex::encode(action.public_key),
        outcome: Signed::parse(body).ok()?.outcome,
        received_ms: i64::try_from(action.time_ms).ok()?,
        sha256: body_sha256(body),
    })
}

/// Whether two operators decided instead of the rule: one proposed, another
/// approved.
fn is_release(decision: &FactDecision) -> bool {
    let sources = &decision.trace.sources;
    sources.len() == 2 && sources.iter().any(|s| s.verdict == Verb::Approve.name())
}

/// A release follows from no rule: the outcome is two operators' word. One signed
/// a report of it, or a proposal to void; another, under another key, signed its
/// approval once the event had matured.
fn check_release(
    case: &Case<'_>,
    actions: &[OperatorAction],
    decision: &FactDecision,
    report: &mut Report,
) -> Option<String> {
    let matured_ms = case.evidence.maturity.saturating_mul(1000);
    let proposes = |a: &OperatorAction| match a.verb {
        Verb::Report => Signed::parse(&a.body).is_ok_and(|r| r.outcome == decision.outcome),
        Verb::Void => decision.outcome == VOID,
        Verb::Create | Verb::Approve | Verb::Veto => false,
    };
    let approved = |target: &OperatorAction| {
        actions.iter().any(|a| {
            a.verb == Verb::Approve
                && a.operator != target.operator
                && a.public_key != target.public_key
                && i64::try_from(a.time_ms).is_ok_and(|ms| ms >= matured_ms)
                && Approval::parse(&a.body).is_ok_and(|b| b.report == body_sha256(&target.body))
        })
    };
    if actions.iter().any(|a| proposes(a) && approved(a)) {
        return Some(decision.outcome.clone());
    }
    let why = "decision: no two operators signed a proposal and an approval of that outcome";
    report.mismatches.push(why.to_owned());
    None
}

fn no_outcome(verdict: &str, cause: &Cause, report: &mut Report) -> Option<String> {
    report.mismatches.push(format!(
        "decision.outcome: the evidence comes to none ({verdict}): {cause}"
    ));
    None
}

fn compare<T: PartialEq + std::fmt::Display>(
    path: &str,
    recorded: &T,
    again: &T,
    mismatches: &mut Vec<String>,
) {
    if recorded != again {
        mismatches.push(format!(
            "{path}: recorded {recorded}, decided again {again}"
        ));
    }
}

/// Values must be equal; reasons are for people.
fn compare_leg_traces(path: &str, recorded: &Trace, again: Trace, report: &mut Report) {
    let (mut recorded, mut again) = (recorded.clone(), again);
    for source in &mut recorded.sources {
        source.why = None;
        let reread = again.sources.iter().find(|s| s.source == source.source);
        // One that did not answer in time left no exchange to record.
        if reread.is_some_and(|s| s.verdict == "unread") && source.price.is_none() {
            "unread".clone_into(&mut source.verdict);
        }
    }
    for source in &mut again.sources {
        source.why = None;
    }
    if recorded != again {
        differs(path, &json!(recorded), &json!(again), report);
    }
}

fn compare_fact_traces(recorded: &FactTrace, again: FactTrace, report: &mut Report) {
    let (mut recorded, mut again) = (recorded.clone(), again);
    for source in recorded.sources.iter_mut().chain(&mut again.sources) {
        source.why = None;
    }
    if recorded != again {
        differs("decision", &json!(recorded), &json!(again), report);
    }
}

/// Names the first value in which two traces differ.
fn differs(path: &str, recorded: &Value, again: &Value, report: &mut Report) {
    let mut path = format!("{path}.trace");
    let (recorded, again) = descend(&mut path, recorded, again);
    let why = format!("{path}: recorded {recorded}, decided again {again}");
    report.mismatches.push(why);
}

/// Down to the first pair of values that differ.
fn descend<'a>(path: &mut String, recorded: &'a Value, again: &'a Value) -> (&'a Value, &'a Value) {
    let next = match (recorded, again) {
        (Value::Object(a), Value::Object(b)) => a.iter().find_map(|(name, value)| {
            let other = b.get(name).unwrap_or(&Value::Null);
            (value != other).then(|| (name.clone(), value, other))
        }),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(n, (a, b))| (a != b).then(|| (n.to_string(), a, b)))
        }
        _ => None,
    };
    match next {
        None => (recorded, again),
        Some((step, recorded, again)) => {
            path.push('.');
            path.push_str(&step);
            descend(path, recorded, again)
        }
    }
}
