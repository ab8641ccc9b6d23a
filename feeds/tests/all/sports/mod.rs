//! Matches: every sample with its reading, cases as they unfold over time, and
//! what sources must do to agree.

pub(crate) mod agreement;
mod football;
mod leagues;
mod listed;
mod markets;
mod mlb;
mod openligadb;
mod played;
mod refusals;
mod suspended;
mod void;

use std::collections::BTreeMap;

use oracle_feeds::fact::{MatchFact, Score};
use oracle_feeds::rule::{Cause, Decision, Verdict};
use oracle_feeds::{Exchange, Observation, Query, Reading, SourceReading};
use oracle_schema::policy::{FactSource, Market, MatchBasis, MatchPolicy, OnDissent};
use serde_json::Value;

use crate::common::{exchange, time};

macro_rules! sample {
    ($file:literal) => {
        include_str!(concat!("../../../samples/", $file))
    };
}
pub(crate) use sample;

pub(crate) const OPENLIGADB: &str = sample!("openligadb/finished.json");
pub(crate) const FOOTBALL_DATA: &str = sample!("football-data/finished.json");
pub(crate) const API_FOOTBALL: &str = sample!("api-football/ft.json");
pub(crate) const MLB: &str = sample!("mlb/final.json");

/// 2026-10-24T16:30:00Z, the kickoff of the samples.
pub(crate) const KICKOFF: i64 = 1_792_859_400;
/// Two hours later.
pub(crate) const AT: i64 = KICKOFF + 7200;
/// When what is not over is void: 48 h after kickoff.
pub(crate) const VOID_AT: i64 = KICKOFF + 48 * 3600;

/// A source as the samples have it: Munich at home to Dortmund, New York to the
/// Athletics, Boston to the Rangers and to Orlando, Dallas to the Giants.
pub(crate) fn source(provider: &str) -> FactSource {
    let (id, home, away) = match provider {
        "openligadb" => ("77001", "40", "7"),
        "football-data" => ("551001", "5", "4"),
        "api-football" => ("1400001", "157", "165"),
        "mlb" => ("780001", "121", "133"),
        "nhl" => ("2026020012", "6", "3"),
        "nba" => ("0022600123", "1610612738", "1610612753"),
        "espn-nfl" => ("401872931", "6", "19"),
        other => panic!("{other}"),
    };
    let parameters = [("match", id), ("home", home), ("away", away)];
    FactSource {
        id: format!("{provider}:{id}"),
        provider: provider.to_owned(),
        root: provider.to_owned(),
        parameters: parameters.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
    }
}

pub(crate) fn answer(status: u16, body: &str, at: i64) -> Exchange {
    Exchange {
        sent_at: time(at),
        received_at: time(at),
        date: Some(time(at)),
        ..exchange(status, body.as_bytes())
    }
}

pub(crate) fn interpret(source: &FactSource, done: &[Exchange]) -> Reading {
    oracle_feeds::provider(&source.provider)
        .unwrap()
        .interpret(&Query::Fact(source), done)
}

/// The fact in a body.
#[track_caller]
pub(crate) fn fact(provider: &str, body: &str) -> MatchFact {
    read(&source(provider), body)
}

/// The fact in a body that answers that source.
#[track_caller]
pub(crate) fn read(source: &FactSource, body: &str) -> MatchFact {
    match interpret(source, &[answer(200, body, AT)]) {
        Reading::Observation(Observation::Match(fact)) => *fact,
        other => panic!("{}: {}", other.verdict(), other.detail()),
    }
}

#[track_caller]
pub(crate) fn refused(provider: &str, body: &str, verdict: &str, detail: &str) {
    let reading = interpret(&source(provider), &[answer(200, body, AT)]);
    assert_eq!(reading.verdict(), verdict, "{}", reading.detail());
    assert!(reading.detail().contains(detail), "{}", reading.detail());
}

/// A body with something changed in it.
pub(crate) fn edited(body: &str, edit: impl Fn(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(body).unwrap();
    edit(&mut value);
    value.to_string()
}

pub(crate) fn score(home: u32, away: u32) -> Score {
    Score { home, away }
}

/// The contract's example: two sources must agree, read twice, and again after
/// two hours.
pub(crate) fn policy(agree: u32, providers: &[&str]) -> MatchPolicy {
    MatchPolicy {
        outcomes: ["home", "draw", "away", "void"].map(str::to_owned).into(),
        market: Market::Result,
        line: None,
        digits: None,
        kickoff: KICKOFF,
        basis: MatchBasis::RegularTime,
        void_after_s: 48 * 3600,
        agree: agree.try_into().unwrap(),
        stable_reads: 2.try_into().unwrap(),
        read_every_s: 30.try_into().unwrap(),
        settle_delay_s: 7200,
        on_dissent: OnDissent::Hold,
        sources: providers.iter().map(|p| source(p)).collect(),
        panel: None,
    }
}

/// Answers of sources over time, and what the rule makes of them.
pub(crate) struct Story {
    pub(crate) policy: MatchPolicy,
    pub(crate) readings: Vec<SourceReading>,
}

impl Story {
    pub(crate) fn new(policy: MatchPolicy) -> Self {
        Self {
            policy,
            readings: Vec::new(),
        }
    }

    /// Every source reads `bodies`, in the policy's order, at `at`.
    pub(crate) fn read(&mut self, at: i64, bodies: &[&str]) -> &mut Self {
        for (index, body) in bodies.iter().enumerate() {
            self.answered(index, at, answer(200, body, at));
        }
        self
    }

    /// No source answers at `at`.
    pub(crate) fn outage(&mut self, at: i64) -> &mut Self {
        for index in 0..self.policy.sources.len() {
            self.answered(index, at, answer(503, "", at));
        }
        self
    }

    /// One source is answered; the exchange's own `Date` stays.
    pub(crate) fn answered(&mut self, source: usize, at: i64, mut exchange: Exchange) {
        exchange.sent_at = time(at);
        let source = &self.policy.sources[source];
        self.readings.push(SourceReading {
            source: source.id.clone(),
            root: source.root.clone(),
            reading: interpret(source, std::slice::from_ref(&exchange)),
            exchanges: vec![exchange],
        });
    }

    pub(crate) fn decide(&self, now: i64) -> Decision {
        oracle_feeds::rule::matches::decide(&self.policy, AT, time(now), &self.readings, None)
    }

    /// `pending`, `hold`, `provisional home`, `attest void`.
    pub(crate) fn verdict(&self, now: i64) -> String {
        match self.decide(now).verdict {
            Verdict::Pending { .. } => "pending".to_owned(),
            Verdict::Hold { .. } => "hold".to_owned(),
            Verdict::Provisional { outcome, .. } => format!("provisional {outcome}"),
            Verdict::Attest { outcome } => format!("attest {outcome}"),
        }
    }

    pub(crate) fn reason(&self, now: i64) -> String {
        self.cause(now).to_string()
    }

    pub(crate) fn cause(&self, now: i64) -> Cause {
        match self.decide(now).verdict {
            Verdict::Pending { cause }
            | Verdict::Hold { cause }
            | Verdict::Provisional { cause, .. } => cause,
            Verdict::Attest { outcome } => panic!("attests {outcome}"),
        }
    }
}

/// The parameters of a source with one of them changed.
pub(crate) fn with(parameter: &str, value: &str, source: FactSource) -> FactSource {
    let mut parameters: BTreeMap<String, String> = source.parameters;
    parameters.insert(parameter.to_owned(), value.to_owned());
    FactSource {
        parameters,
        ..source
    }
}
