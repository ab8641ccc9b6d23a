//! When sources agree: the part that matches and elections have in common.
//!
//! A rule turns every reading of a source into a [`Vote`]; this module looks at
//! the votes over time. It never counts how often a source was asked in vain.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::cause::Cause;
use super::clock::Skews;
use super::decision::{Decision, FactTrace, Verdict, VoteTrace};
use super::grounds::Grounds;
use super::words::Words;
use crate::observation::{Exchange, Observation, Reading, SourceReading};

/// What one reading of a source means for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vote {
    /// An outcome, and what of the fact it rests on (`2-1`): if that changes,
    /// the source has changed its mind though the outcome may be the same.
    For {
        /// One of the event's.
        outcome: String,
        /// What it rests on.
        because: Grounds,
    },
    /// Nothing yet: the match goes on, the count is not done. A source may move
    /// on from here as it likes.
    Open(Words),
    /// What no outcome stands for, or what contradicts the announcement: people
    /// must look.
    Objection(Words),
    /// No answer. It neither confirms nor contradicts what the source said
    /// before.
    Silent(Words),
    /// An answer that cannot be read: as good as none, but where it leaves too
    /// few sources people must look.
    Unreadable(Words),
}

impl Vote {
    /// Of a reading that holds no fact.
    pub fn without_fact(reading: &Reading) -> Self {
        let detail = format!("{}: {}", reading.verdict(), reading.detail()).into();
        match reading {
            Reading::Observation(_) => Self::Objection("another kind of fact".into()),
            Reading::Contradiction(_) => Self::Unreadable(detail),
            Reading::NotYet(_) | Reading::Lagging(_) | Reading::NoData(_) => Self::Open(detail),
            Reading::Transient { .. } | Reading::Permanent(_) => Self::Silent(detail),
        }
    }

    fn why(&self) -> Option<&Words> {
        match self {
            Self::For { .. } => None,
            Self::Open(why) | Self::Objection(why) | Self::Silent(why) | Self::Unreadable(why) => {
                Some(why)
            }
        }
    }

    /// Whether to leave it is a change of mind.
    fn is_settled(&self) -> bool {
        matches!(self, Self::For { .. } | Self::Objection(_))
    }

    fn is_mute(&self) -> bool {
        matches!(self, Self::Silent(_) | Self::Unreadable(_))
    }
}

/// What a policy asks of its sources.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Maturity, Unix seconds.
    pub at: i64,
    /// Roots that must say the same.
    pub agree: u32,
    /// Equal consecutive reads before a source counts.
    pub stable_reads: u32,
    /// Seconds from the first agreement to the decision.
    pub settle_delay_s: u32,
}

/// One source's votes over time.
#[derive(Debug, Clone)]
pub struct Voter {
    source: String,
    root: String,
    verdict: String,
    literal: Option<String>,
    /// What made its last answer doubtful.
    doubt: Option<Words>,
    /// The last vote of all, silence included.
    last: Option<Vote>,
    /// When the last vote was asked for, milliseconds.
    last_ms: i64,
    /// When the source gave its answer: a cache's was given before it was asked for.
    answered_ms: i64,
    /// The unbroken run of equal votes up to now, silence left out; an unreadable
    /// answer sets its count back.
    run: Option<Run>,
    /// When the source last turned away from an outcome or an objection.
    turned_ms: Option<i64>,
    /// Votes that stand at once need no second reading (a panel's).
    immediate: bool,
}

#[derive(Debug, Clone)]
struct Run {
    vote: Vote,
    since_ms: i64,
    reads: u32,
}

impl Voter {
    /// A source and its readings, in any order; `vote` says what each means.
    ///
    /// A reading counts only if every request of it was sent, and by `Date`
    /// answered, at or after `at` (Unix seconds).
    pub fn new(
        source: &str,
        root: &str,
        at: i64,
        readings: &[SourceReading],
        vote: impl Fn(&SourceReading) -> Vote,
    ) -> Self {
        let mut own: Vec<((i64, i64), &SourceReading)> = readings
            .iter()
            .filter(|r| r.source == source)
            .filter_map(|r| asked_ms(r, at).map(|ms| (ms, r)))
            .collect();
        // Ties by content, so that the order of the readings never matters.
        let content = |r: &SourceReading| format!("{:?}", r.reading);
        own.sort_by(|((a_ms, a_age), a), ((b_ms, b_age), b)| {
            let content = || content(a).cmp(&content(b));
            a_ms.cmp(b_ms).then_with(content).then(b_age.cmp(a_age))
        });
        let mut voter = Self::unread(source, root);
        for ((ms, age_ms), reading) in own {
            reading.reading.verdict().clone_into(&mut voter.verdict);
            voter.literal = match &reading.reading {
                Reading::Observation(_) => Some(reading.reading.detail().to_owned()),
                _ => None,
            };
            voter.doubt = doubt(&reading.reading);
            voter.take(ms, vote(reading));
            voter.answered_ms = ms.saturating_sub(age_ms);
        }
        voter
    }

    /// A voter whose vote needs no second reading: a panel of operators, who
    /// said `vote` at `since_ms`.
    pub fn immediate(source: &str, root: &str, since_ms: i64, now_ms: i64, vote: Vote) -> Self {
        let mut voter = Self::unread(source, root);
        voter.immediate = true;
        "reports".clone_into(&mut voter.verdict);
        voter.take(since_ms, vote);
        voter.last_ms = now_ms;
        voter.answered_ms = now_ms;
        voter
    }

    fn unread(source: &str, root: &str) -> Self {
        Self {
            source: source.to_owned(),
            root: root.to_owned(),
            verdict: "unread".to_owned(),
            literal: None,
            doubt: None,
            last: None,
            last_ms: i64::MIN,
            answered_ms: i64::MIN,
            run: None,
            turned_ms: None,
            immediate: false,
        }
    }

    fn take(&mut self, ms: i64, vote: Vote) {
        // A reading that is handed over twice is one reading.
        let again = self.last.is_some() && self.last_ms == ms;
        self.last = Some(vote.clone());
        self.last_ms = ms;
        if let Vote::Unreadable(_) = vote {
            self.require_restatement(ms);
        }
        if vote.is_mute() {
            return;
        }
        match &mut self.run {
            Some(run) if same(&run.vote, &vote) => {
                run.reads = run.reads.saturating_add(u32::from(!again));
                // The latest words of an open vote or an objection.
                run.vote = vote;
            }
            run => {
                let turned = run.as_ref().is_some_and(|old| old.vote.is_settled());
                if turned {
                    self.turned_ms = Some(ms);
                }
                *run = Some(Run {
                    vote,
                    since_ms: ms,
                    reads: 1,
                });
            }
        }
    }

    /// An answer that contradicts itself is a change: what the source said still
    /// contradicts others, but it must say so anew to count.
    fn require_restatement(&mut self, ms: i64) {
        if let Some(run) = self.run.as_mut().filter(|r| r.vote.is_settled()) {
            run.reads = 0;
            self.turned_ms = Some(ms);
        }
    }

    /// The outcome the source stands for, heard in its last answer.
    fn outcome(&self) -> Option<&str> {
        self.last.as_ref().filter(|vote| !vote.is_mute())?;
        self.stance()
    }

    /// The outcome the source stood for when it was last heard.
    fn stance(&self) -> Option<&str> {
        match &self.run.as_ref()?.vote {
            Vote::For { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    fn objection(&self) -> Option<&Words> {
        match &self.run.as_ref()?.vote {
            Vote::Objection(why) => Some(why),
            _ => None,
        }
    }

    fn trace(&self) -> VoteTrace {
        VoteTrace {
            source: self.source.clone(),
            root: self.root.clone(),
            verdict: self.verdict.clone(),
            literal: self.literal.clone(),
            outcome: self.stance().map(str::to_owned),
            reads: self.run.as_ref().map_or(0, |r| r.reads),
            since_ms: self.run.as_ref().map(|r| r.since_ms),
            why: self
                .last
                .as_ref()
                .and_then(Vote::why)
                .or(self.doubt.as_ref())
                .map(Words::to_string),
        }
    }
}

/// What makes a fact doubtful.
fn doubt(reading: &Reading) -> Option<Words> {
    let doubts = match reading {
        Reading::Observation(Observation::Match(fact)) => &fact.doubts,
        Reading::Observation(Observation::Election(fact)) => &fact.doubts,
        _ => return None,
    };
    (!doubts.is_empty()).then(|| doubts.join("; ").into())
}

/// Whether two votes belong to one run: an outcome with its grounds; the words
/// of an open vote or an objection may change.
fn same(a: &Vote, b: &Vote) -> bool {
    match (a, b) {
        (Vote::For { .. }, Vote::For { .. }) => a == b,
        (Vote::Open(_), Vote::Open(_)) | (Vote::Objection(_), Vote::Objection(_)) => true,
        _ => false,
    }
}

/// When a reading was asked for, and how old it was at most then, milliseconds;
/// none if any of it was asked or made before `at`.
///
/// When it was made, `Date` alone says: what a cache has held since before the
/// maturity says nothing of it, and is no reason to doubt a clock.
fn asked_ms(reading: &SourceReading, at: i64) -> Option<(i64, i64)> {
    let early = |e: &Exchange| {
        e.sent_at.timestamp() < at || e.made_at().is_some_and(|d| d.timestamp() < at)
    };
    if reading.exchanges.iter().any(early) {
        return None;
    }
    let oldest_s = reading.exchanges.iter().map(Exchange::age_s).max()?;
    let sent_ms = reading.exchanges.last()?.sent_at.timestamp_millis();
    Some((sent_ms, i64::from(oldest_s) * 1000))
}

/// Decides from votes.
///
/// - Nothing while the roots' clocks make the local one doubtful
///   ([`Skews::cause`]): settle delays are measured by it.
/// - Roots that stand for different outcomes, or one that objects: hold. A
///   silent root's last stance still contradicts; it does not confirm.
/// - `agree` roots with `stable_reads` equal reads each, all heard in their
///   last answer: agreed. The settle delay runs from the moment there were that
///   many, or from the last time any source turned away from an outcome or an
///   objection, whichever is later.
/// - An unreadable answer is no vote, and a change: the source must say again
///   what it said. Where that leaves too few: hold.
/// - Once it is over, `agree` of them must have said so again: a copy that a
///   cache made before does not tell.
/// - Several sources of one root count once, and object if they differ.
pub fn decide(
    terms: &Terms,
    now: DateTime<Utc>,
    voters: &[Voter],
    readings: &[SourceReading],
) -> Decision {
    let skews = skews(terms.at, voters, readings);
    let mut trace = FactTrace {
        at: terms.at,
        sources: voters.iter().map(Voter::trace).collect(),
        clock: skews.check(),
        agree: terms.agree,
        agreed_since_ms: None,
    };
    let verdict = match skews.cause() {
        Some(cause) if now.timestamp() >= terms.at => Verdict::Pending { cause },
        _ => weigh(terms, now, voters, &mut trace),
    };
    Decision { verdict, trace }
}

fn weigh(terms: &Terms, now: DateTime<Utc>, voters: &[Voter], trace: &mut FactTrace) -> Verdict {
    let unreadable = voters
        .iter()
        .any(|v| matches!(v.last, Some(Vote::Unreadable(_))));
    let too_few = |cause: Cause| {
        if unreadable {
            let leaves = Box::new(cause);
            let cause = Cause::Unreadable { leaves };
            Verdict::Hold { cause }
        } else {
            Verdict::Pending { cause }
        }
    };
    if now.timestamp() < terms.at {
        let cause = Cause::NotMatured;
        return Verdict::Pending { cause };
    }
    if let Some(cause) = dissent(voters) {
        return Verdict::Hold { cause };
    }
    // From here on there is one outcome at most.
    let Some(outcome) = voters.iter().find_map(Voter::stance).map(str::to_owned) else {
        let why = whys(voters, terms.stable_reads).into();
        return too_few(Cause::NoOutcome { why });
    };
    let mut roots: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for voter in voters.iter().filter(|v| v.outcome().is_some()) {
        let Some(run) = &voter.run else { continue };
        if run.reads < terms.stable_reads && !voter.immediate {
            continue;
        }
        let entry = (run.since_ms, voter.answered_ms);
        let best = roots.entry(voter.root.as_str()).or_insert(entry);
        *best = (best.0.min(entry.0), best.1.max(entry.1));
    }
    let needed = usize::try_from(terms.agree.max(1)).unwrap_or(usize::MAX);
    let turned = voters.iter().filter_map(|v| v.turned_ms).max();
    let mut since: Vec<i64> = roots.values().map(|(since, _)| *since).collect();
    since.sort_unstable();
    let Some(agreed) = since.get(needed - 1).copied() else {
        let whys = whys(voters, terms.stable_reads);
        return too_few(Cause::TooFew {
            have: u32::try_from(roots.len()).unwrap_or(u32::MAX),
            need: terms.agree.max(1),
            why: format!("sources stand for {outcome:?}: {whys}").into(),
        });
    };
    let agreed = agreed.max(turned.unwrap_or(i64::MIN));
    trace.agreed_since_ms = Some(agreed);
    let open_ms = agreed.saturating_add(i64::from(terms.settle_delay_s) * 1000);
    let confirmed = roots
        .values()
        .filter(|(_, answered)| *answered >= open_ms)
        .count();
    if now.timestamp_millis() >= open_ms && confirmed >= needed {
        return Verdict::Attest { outcome };
    }
    Verdict::Provisional {
        outcome,
        until: open_ms.div_euclid(1000) + i64::from(open_ms.rem_euclid(1000) != 0),
        cause: Cause::Agreed,
    }
}

/// Why sources contradict each other, if they do.
fn dissent(voters: &[Voter]) -> Option<Cause> {
    let objections: Vec<String> = voters
        .iter()
        .filter_map(|v| Some(format!("{}: {}", v.source, v.objection()?)))
        .collect();
    if !objections.is_empty() {
        let why = objections.join("; ").into();
        return Some(Cause::Objection { why });
    }
    let stances: Vec<(&str, &str)> = voters
        .iter()
        .filter_map(|v| Some((v.source.as_str(), v.stance()?)))
        .collect();
    let first = stances.first()?.1;
    if stances.iter().all(|(_, outcome)| *outcome == first) {
        return None;
    }
    let stances: Vec<String> = stances
        .into_iter()
        .map(|(source, outcome)| format!("{source} says {outcome}"))
        .collect();
    let why = stances.join(", ").into();
    Some(Cause::Dissent { why })
}

fn whys(voters: &[Voter], stable_reads: u32) -> String {
    let whys: Vec<String> = voters
        .iter()
        .map(|v| {
            let unread = Some("not read yet".to_owned());
            let why = v
                .last
                .as_ref()
                .map_or(unread, |vote| vote.why().map(Words::to_string));
            let read_enough = v.run.as_ref().is_some_and(|r| r.reads >= stable_reads);
            let agrees = if read_enough || v.immediate {
                "agrees"
            } else {
                "agrees, not often enough yet"
            };
            format!("{}: {}", v.source, why.as_deref().unwrap_or(agrees))
        })
        .collect();
    whys.join("; ")
}

/// One skew per root, of its latest reading with a `Date`.
fn skews(at: i64, voters: &[Voter], readings: &[SourceReading]) -> Skews {
    let mut by_root: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for reading in readings {
        if !voters.iter().any(|v| v.source == reading.source) {
            continue;
        }
        for exchange in &reading.exchanges {
            let sent = exchange.sent_at.timestamp();
            let Some(ahead) = exchange.clock_ahead_s() else {
                continue;
            };
            // A clock that is ahead asks too early by the providers' time: such
            // readings do not count, and tell the most.
            if sent < at {
                continue;
            }
            let entry = (sent, ahead);
            let latest = by_root.entry(reading.root.as_str()).or_insert(entry);
            // Of one second the larger skew, whatever the order.
            *latest = entry.max(*latest);
        }
    }
    let skews = by_root.into_iter();
    skews
        .map(|(root, (_, skew))| (root.to_owned(), skew))
        .collect()
}
