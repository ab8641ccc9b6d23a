//! A decision's trace, read as far as it is of a known shape.

use serde::Deserialize;
use serde_json::Value as Json;

use super::super::words::Stamp;

/// How an outcome was decided.
#[derive(Default)]
pub(super) struct Trace {
    /// The price under the rule, exact, and the legs it is the product of.
    pub(super) price: Option<String>,
    pub(super) legs: Vec<Leg>,
    /// What the sources of facts said.
    pub(super) facts: Option<Facts>,
    pub(super) agreed_since_ms: Option<i64>,
    /// The document itself, where it is of no known shape.
    pub(super) raw: Option<String>,
}

/// One fixing.
pub(super) struct Leg {
    pub(super) name: String,
    pub(super) price: Option<String>,
    pub(super) kept: u32,
    pub(super) min_sources: u32,
    pub(super) first_median: Option<String>,
    pub(super) clock: Clock,
    pub(super) votes: Vec<Vote>,
}

/// What facts came to.
pub(super) struct Facts {
    pub(super) outcome: Option<String>,
    pub(super) agree: u32,
    pub(super) since: Option<Stamp>,
    pub(super) clock: Clock,
    pub(super) votes: Vec<Vote>,
}

/// What one source said in the end.
pub(super) struct Vote {
    pub(super) source: String,
    pub(super) root: String,
    pub(super) verdict: String,
    pub(super) answer: Option<String>,
    pub(super) at: Option<Stamp>,
    pub(super) counts: bool,
    pub(super) why: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Clock {
    pub(super) dates: u32,
    pub(super) ahead_s: Option<i64>,
}

#[derive(Deserialize)]
struct PriceDecision {
    price: String,
    legs: Vec<LegDecision>,
}

#[derive(Deserialize)]
struct LegDecision {
    name: String,
    price: Option<String>,
    trace: LegTrace,
}

#[derive(Deserialize)]
struct LegTrace {
    kept: u32,
    min_sources: u32,
    first_median: Option<String>,
    #[serde(default)]
    clock: Clock,
    sources: Vec<SourceTrace>,
}

#[derive(Deserialize)]
struct FactDecision {
    outcome: Option<String>,
    trace: FactTrace,
}

#[derive(Deserialize)]
struct FactTrace {
    agree: u32,
    agreed_since_ms: Option<i64>,
    #[serde(default)]
    clock: Clock,
    sources: Vec<SourceTrace>,
}

/// Of prices and of facts alike.
#[derive(Deserialize)]
struct SourceTrace {
    source: String,
    root: String,
    verdict: String,
    literal: Option<String>,
    effective_at: Option<i64>,
    since_ms: Option<i64>,
    outcome: Option<String>,
    used: Option<bool>,
    why: Option<String>,
}

impl Trace {
    /// Of a published decision.
    pub(super) fn of(decision: &Json) -> Self {
        if let Ok(price) = PriceDecision::deserialize(decision) {
            return Self {
                price: Some(price.price),
                legs: price.legs.into_iter().map(Leg::from).collect(),
                ..Self::default()
            };
        }
        if let Ok(fact) = FactDecision::deserialize(decision) {
            let trace = fact.trace;
            let decided = fact.outcome.as_deref();
            return Self {
                agreed_since_ms: trace.agreed_since_ms,
                facts: Some(Facts {
                    agree: trace.agree,
                    since: trace.agreed_since_ms.and_then(Stamp::of_ms),
                    clock: trace.clock,
                    votes: trace
                        .sources
                        .into_iter()
                        .map(|source| Vote::of(source, decided))
                        .collect(),
                    outcome: fact.outcome,
                }),
                ..Self::default()
            };
        }
        Self {
            // A document read from JSON can always be written as such.
            raw: Some(serde_json::to_string_pretty(decision).unwrap_or_default()),
            ..Self::default()
        }
    }
}

impl From<LegDecision> for Leg {
    fn from(leg: LegDecision) -> Self {
        let trace = leg.trace;
        Self {
            name: leg.name,
            price: leg.price,
            kept: trace.kept,
            min_sources: trace.min_sources,
            first_median: trace.first_median,
            clock: trace.clock,
            votes: trace
                .sources
                .into_iter()
                .map(|source| Vote::of(source, None))
                .collect(),
        }
    }
}

impl Vote {
    /// A price counts if it was used, a fact if it is what was decided.
    fn of(source: SourceTrace, decided: Option<&str>) -> Self {
        let at = source.effective_at.and_then(Stamp::of_s);
        let same = source.outcome.is_some() && source.outcome.as_deref() == decided;
        let answer = match (source.literal, source.outcome) {
            (Some(literal), Some(outcome)) if literal != outcome => {
                Some(format!("{literal} → {outcome}"))
            }
            (literal, outcome) => literal.or(outcome),
        };
        Self {
            counts: source.used.unwrap_or(same),
            source: source.source,
            root: source.root,
            verdict: source.verdict,
            answer,
            at: at.or_else(|| source.since_ms.and_then(Stamp::of_ms)),
            why: source.why,
        }
    }
}
