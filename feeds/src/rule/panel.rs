//! What the reports of named operators come to.
//!
//! Every operator of the panel has one vote. An operator who reports two
//! outcomes has none: all reports of theirs are void. k equal votes are an
//! answer, even beside a dissenting one; where no answer can have k any more,
//! people must look.

use chrono::{DateTime, Utc};
use oracle_schema::policy::{OperatorsPolicy, PanelMember, PanelPolicy};

use super::agreement::{Vote, Voter};
use super::cause::Cause;
use super::decision::{Decision, FactTrace, Verdict, VoteTrace};
use super::grounds::Grounds;
use super::trace::ClockCheck;
use super::words::Words;

/// Source and root of a panel: together its operators are one source.
pub const PANEL: &str = "operators";

/// One report, of whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorReport {
    /// The operator's name.
    pub operator: String,
    /// The Ed25519 key that signed it, lower-case hex.
    pub public_key: String,
    /// The outcome reported.
    pub outcome: String,
    /// When it was received, Unix milliseconds.
    pub received_ms: i64,
    /// SHA-256 of the report's body.
    pub sha256: [u8; 32],
}

/// What the reports of a panel come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PanelState {
    /// Not enough equal reports yet, and still possible.
    Open {
        /// What is missing.
        cause: Cause,
    },
    /// k equal reports.
    Agreed {
        /// Which outcome.
        outcome: String,
        /// When the k-th of them was received, Unix milliseconds.
        since_ms: i64,
        /// Who says so, in the panel's order.
        by: Vec<String>,
    },
    /// No outcome can have k reports any more, or two have.
    Deadlock {
        /// Why, for people.
        why: Words,
        /// When the report that made it so was received, Unix milliseconds.
        since_ms: i64,
    },
}

/// One operator's vote.
struct Ballot<'a> {
    member: &'a PanelMember,
    /// The outcome, and when it was first reported.
    vote: Option<(&'a str, i64)>,
    /// When a second outcome was reported.
    contradicted_ms: Option<i64>,
    reports: u32,
}

/// Weighs the reports received from `at` (maturity, Unix seconds) until `now`,
/// in any order; those of others than the panel, or under another key than the
/// announced one, do not count.
pub fn state(
    panel: &PanelPolicy,
    at: i64,
    now: DateTime<Utc>,
    reports: &[OperatorReport],
) -> PanelState {
    weigh(panel, &ballots(panel, at, now, reports))
}

fn ballots<'a>(
    panel: &'a PanelPolicy,
    at: i64,
    now: DateTime<Utc>,
    reports: &'a [OperatorReport],
) -> Vec<Ballot<'a>> {
    let from = at.saturating_mul(1000);
    let until = now.timestamp_millis();
    let ballot = |member: &'a PanelMember| {
        let mut own: Vec<&OperatorReport> = reports
            .iter()
            .filter(|r| r.operator == member.name)
            .filter(|r| r.public_key.eq_ignore_ascii_case(&member.public_key))
            .filter(|r| (from..=until).contains(&r.received_ms))
            .collect();
        own.sort_by_key(|r| (r.received_ms, r.sha256));
        let first = own.first().map(|r| (r.outcome.as_str(), r.received_ms));
        let contradicts = |r: &&&OperatorReport| first.is_some_and(|(o, _)| o != r.outcome);
        let contradicted_ms = own.iter().find(contradicts).map(|r| r.received_ms);
        Ballot {
            member,
            vote: first.filter(|_| contradicted_ms.is_none()),
            contradicted_ms,
            reports: u32::try_from(own.len()).unwrap_or(u32::MAX),
        }
    };
    panel.members.iter().map(ballot).collect()
}

fn weigh(panel: &PanelPolicy, ballots: &[Ballot<'_>]) -> PanelState {
    let k = usize::try_from(panel.k.get()).unwrap_or(usize::MAX);
    let tally = tally(ballots);
    let mut answers = tally.iter().filter(|(_, times)| times.len() >= k);
    let last_ms = ballots.iter().flat_map(|b| {
        let first = b.vote.map(|(_, ms)| ms);
        [first, b.contradicted_ms]
    });
    let last_ms = last_ms.flatten().max().unwrap_or_default();
    match (answers.next(), answers.next()) {
        (Some((outcome, times)), None) => PanelState::Agreed {
            outcome: (*outcome).to_owned(),
            since_ms: times.get(k - 1).copied().unwrap_or(last_ms),
            by: ballots
                .iter()
                .filter(|b| b.vote.is_some_and(|(o, _)| o == *outcome))
                .map(|b| b.member.name.clone())
                .collect(),
        },
        (Some(_), Some(_)) => PanelState::Deadlock {
            why: format!("two outcomes have {k} reports each: {}", votes(ballots)).into(),
            since_ms: last_ms,
        },
        (None, _) => {
            let most = tally.iter().map(|(_, times)| times.len()).max();
            let most = most.unwrap_or_default();
            let open = ballots.iter().filter(|b| b.reports == 0).count();
            if most + open < k {
                return PanelState::Deadlock {
                    why: format!(
                        "no outcome can have {k} reports any more: {}",
                        votes(ballots)
                    )
                    .into(),
                    since_ms: last_ms,
                };
            }
            PanelState::Open {
                cause: Cause::TooFew {
                    have: u32::try_from(most).unwrap_or(u32::MAX),
                    need: panel.k.get(),
                    why: format!("equal reports: {}", votes(ballots)).into(),
                },
            }
        }
    }
}

/// The times of the votes by outcome, earliest first.
fn tally<'a>(ballots: &[Ballot<'a>]) -> Vec<(&'a str, Vec<i64>)> {
    let mut tally: Vec<(&str, Vec<i64>)> = Vec::new();
    for (outcome, ms) in ballots.iter().filter_map(|b| b.vote) {
        match tally.iter_mut().find(|(o, _)| *o == outcome) {
            Some((_, times)) => times.push(ms),
            None => tally.push((outcome, vec![ms])),
        }
    }
    for (_, times) in &mut tally {
        times.sort_unstable();
    }
    tally
}

fn votes(ballots: &[Ballot<'_>]) -> String {
    let votes = ballots.iter().map(|b| match b.vote {
        Some((outcome, _)) => format!("{} says {outcome}", b.member.name),
        None if b.contradicted_ms.is_some() => format!("{} contradicts himself", b.member.name),
        None => format!("{} has not reported", b.member.name),
    });
    votes.collect::<Vec<_>>().join(", ")
}

/// A panel as one voter among other sources. Its vote needs no second reading.
pub fn voter(
    panel: &PanelPolicy,
    at: i64,
    now: DateTime<Utc>,
    reports: &[OperatorReport],
) -> Voter {
    let now_ms = now.timestamp_millis();
    let (since_ms, vote) = match state(panel, at, now, reports) {
        PanelState::Open { cause } => (now_ms, Vote::Open(cause.to_string().into())),
        PanelState::Agreed {
            outcome,
            since_ms,
            by,
        } => {
            let because = Grounds::Reports(by);
            (since_ms, Vote::For { outcome, because })
        }
        PanelState::Deadlock { why, since_ms } => (since_ms, Vote::Objection(why)),
    };
    Voter::immediate(PANEL, PANEL, since_ms, now_ms, vote)
}

/// Decides an event of kind `operators`: k equal reports, and the settle delay
/// from the k-th of them, in which a veto may come (the store's, not seen
/// here).
pub fn decide(
    policy: &OperatorsPolicy,
    at: i64,
    now: DateTime<Utc>,
    reports: &[OperatorReport],
) -> Decision {
    let ballots = ballots(&policy.panel, at, now, reports);
    let mut agreed_since_ms = None;
    let verdict = match weigh(&policy.panel, &ballots) {
        _ if now.timestamp() < at => Verdict::Pending {
            cause: Cause::NotMatured,
        },
        PanelState::Open { cause } => Verdict::Pending { cause },
        PanelState::Deadlock { why, .. } => Verdict::Hold {
            cause: Cause::Deadlock { why },
        },
        PanelState::Agreed {
            outcome, since_ms, ..
        } => {
            agreed_since_ms = Some(since_ms);
            let open_ms = since_ms.saturating_add(i64::from(policy.settle_delay_s) * 1000);
            if now.timestamp_millis() >= open_ms {
                Verdict::Attest { outcome }
            } else {
                Verdict::Provisional {
                    outcome,
                    until: open_ms.div_euclid(1000) + i64::from(open_ms.rem_euclid(1000) != 0),
                    cause: Cause::Vetoable,
                }
            }
        }
    };
    let trace = FactTrace {
        at,
        sources: ballots.iter().map(trace).collect(),
        clock: ClockCheck {
            dates: 0,
            ahead_s: None,
        },
        agree: policy.panel.k.get(),
        agreed_since_ms,
    };
    Decision { verdict, trace }
}

fn trace(ballot: &Ballot<'_>) -> VoteTrace {
    VoteTrace {
        source: format!("{PANEL}:{}", ballot.member.name),
        root: PANEL.to_owned(),
        verdict: if ballot.reports == 0 {
            "unread"
        } else {
            "reports"
        }
        .to_owned(),
        literal: ballot.vote.map(|(outcome, _)| outcome.to_owned()),
        outcome: ballot.vote.map(|(outcome, _)| outcome.to_owned()),
        reads: ballot.reports,
        since_ms: ballot.vote.map(|(_, ms)| ms),
        why: ballot
            .contradicted_ms
            .map(|_| "reported two outcomes: no vote".to_owned()),
    }
}
