//! Elections from the providers' bytes to the verdict: every sample with the
//! reading it must have, and what happens over days.

use std::collections::BTreeMap;

use chrono::Duration;
use oracle_feeds::fact::ElectionFact;
use oracle_feeds::rule::{Verdict, election};
use oracle_feeds::{Observation, Query, Reading, SourceReading, provider};
use oracle_schema::policy::{ElectionBasis, ElectionPolicy, FactSource};
use proptest::prelude::*;

use crate::common::{T, exchange, time};

mod ap;
mod calls;
mod kerg2;
mod listed;
mod real;

macro_rules! sample {
    ($file:literal) => {
        include_str!(concat!("../../../samples/", $file))
    };
}

use sample;

const CALLED: &str = sample!("ap/v3_called.json");
const CERTIFIED: &str = sample!("ap/v3_certified.json");
const RUNOFF: &str = sample!("ap/v3_runoff.json");
const FINAL: &str = sample!("bundeswahlleiterin/kerg2_endgueltig.csv");

fn source(provider: &str, parameters: &[(&str, &str)]) -> FactSource {
    FactSource {
        id: provider.to_owned(),
        provider: provider.to_owned(),
        root: provider.to_owned(),
        parameters: parameters
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
    }
}

fn ap() -> FactSource {
    source(
        "ap",
        &[("date", "2026-11-03"), ("state", "GA"), ("office", "S")],
    )
}

fn federal() -> FactSource {
    let path = "/bundestagswahlen/2029/kerg2.csv";
    source(
        "bundeswahlleiterin",
        &[("path", path), ("area", "Bund"), ("vote", "2")],
    )
}

fn interpret(source: &FactSource, body: &[u8]) -> Reading {
    provider(&source.provider)
        .unwrap()
        .interpret(&Query::Fact(source), &[exchange(200, body)])
}

fn fact(source: &FactSource, body: &str) -> ElectionFact {
    match interpret(source, body.as_bytes()) {
        Reading::Observation(Observation::Election(fact)) => fact,
        other => panic!("{}: {}", other.verdict(), other.detail()),
    }
}

#[track_caller]
fn refused(source: &FactSource, body: &str, verdict: &str, detail: &str) {
    let reading = interpret(source, body.as_bytes());
    assert_eq!(reading.verdict(), verdict, "{}", reading.detail());
    assert!(reading.detail().contains(detail), "{}", reading.detail());
}

/// `text` with something of it changed, which must be there.
#[track_caller]
fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}

/// One reading, `hours` after maturity.
fn read(source: &FactSource, hours: i64, body: &str) -> SourceReading {
    let mut answer = exchange(200, body.as_bytes());
    answer.sent_at = time(T) + Duration::hours(hours);
    answer.date = Some(answer.sent_at);
    SourceReading {
        source: source.id.clone(),
        root: source.root.clone(),
        reading: provider(&source.provider)
            .unwrap()
            .interpret(&Query::Fact(source), std::slice::from_ref(&answer)),
        exchanges: vec![answer],
    }
}

fn names(outcomes: &[&str]) -> Vec<String> {
    outcomes.iter().map(|o| (*o).to_owned()).collect()
}

fn policy(
    basis: ElectionBasis,
    source: FactSource,
    candidates: &[(&str, &[&str])],
    settle_hours: u32,
) -> ElectionPolicy {
    let mut outcomes: Vec<String> = candidates.iter().map(|(o, _)| (*o).to_owned()).collect();
    outcomes.extend(names(&["other", "runoff", "tie", "void"]));
    ElectionPolicy {
        outcomes,
        basis,
        agree: 1.try_into().unwrap(),
        stable_reads: 2.try_into().unwrap(),
        read_every_s: 3600.try_into().unwrap(),
        settle_delay_s: settle_hours * 3600,
        candidates: candidates
            .iter()
            .map(|(outcome, ids)| {
                let by_provider = BTreeMap::from([(source.provider.clone(), names(ids))]);
                ((*outcome).to_owned(), by_provider)
            })
            .collect(),
        sources: vec![source],
        panel: None,
    }
}

fn senate(basis: ElectionBasis, settle_hours: u32) -> ElectionPolicy {
    let candidates: [(&str, &[&str]); 2] = [("alder", &["18702"]), ("birch", &["18705"])];
    policy(basis, ap(), &candidates, settle_hours)
}

fn strongest() -> ElectionPolicy {
    let candidates: [(&str, &[&str]); 2] = [("union", &["CDU", "CSU"]), ("spd", &["SPD"])];
    policy(ElectionBasis::Endgueltig, federal(), &candidates, 0)
}

/// The verdict at the last reading, of bodies read hour after hour.
fn verdict(policy: &ElectionPolicy, bodies: &[&str]) -> Verdict {
    let source = &policy.sources[0];
    let readings: Vec<_> = (0..)
        .zip(bodies)
        .map(|(hour, body)| read(source, hour, body))
        .collect();
    let now = time(T) + Duration::hours(i64::try_from(bodies.len()).unwrap() - 1);
    election::decide(policy, T, now, &readings, None).verdict
}

#[track_caller]
fn attests(policy: &ElectionPolicy, bodies: &[&str], outcome: &str) {
    let found = verdict(policy, bodies);
    assert_eq!(
        found,
        Verdict::Attest {
            outcome: outcome.to_owned()
        }
    );
}

#[track_caller]
fn pends(policy: &ElectionPolicy, bodies: &[&str], why: &str) {
    match verdict(policy, bodies) {
        Verdict::Pending { cause } => assert!(cause.to_string().contains(why), "{cause}"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn holds(policy: &ElectionPolicy, bodies: &[&str], why: &str) {
    match verdict(policy, bodies) {
        Verdict::Hold { cause } => assert!(cause.to_string().contains(why), "{cause}"),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn no_mangled_answer_panics_an_adapter(
        cut in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        for (source, body) in [(ap(), CERTIFIED), (federal(), FINAL)] {
            let mut bytes = body.as_bytes().to_vec();
            let at = cut.index(bytes.len());
            let _ = interpret(&source, &bytes[..at]).detail();
            bytes[at] = byte;
            let _ = interpret(&source, &bytes).detail();
        }
    }
}
