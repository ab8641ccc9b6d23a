//! What must hold over the whole log: a nonce once, an event id once, one end
//! an event, and an end in time.

use std::num::NonZeroUsize;

use super::index::{BUCKETS, Family, IndexReader, Kind, Mention};
use super::parallel;
use super::report::{Finding, Subject};

/// Seconds after its refund was due that an oracle has to say so.
pub const GRACE_S: i64 = 600;

/// What the index of the whole log comes to.
#[derive(Debug, Default)]
pub(super) struct Whole {
    /// Positions, and what is wrong there.
    pub(super) wrong: Vec<(u64, String)>,
    /// Announcements without an end.
    pub(super) unfinished: Vec<Unfinished>,
    /// Events announced without an end whose maturity is to come.
    pub(super) open: u64,
    /// Refunds before their time.
    pub(super) early: Vec<EarlyRefund>,
}

/// A refund before the event had to be given up: two operators may have
/// carried it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EarlyRefund {
    /// Of the notice.
    pub(super) position: u64,
    /// How much too early, seconds.
    pub(super) early_s: i64,
    /// What operators asked or approved about the event before.
    pub(super) operated: Vec<u64>,
}

/// A matured event without an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unfinished {
    pub(super) maturity: u32,
    pub(super) position: u64,
    /// Seconds from maturity to the refund; zero if not known.
    pub(super) give_up_s: u32,
}

/// By what it is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Law {
    /// Unix seconds.
    pub(super) now: i64,
    /// The first entry that proves nonces: from there on every announcement has such
    /// a proof, and under every checkpoint that has the announcement, as both are
    /// published at once.
    pub(super) proofs_from: Option<u64>,
}

/// Checks the index, file by file.
pub(super) fn check(index: &IndexReader, jobs: NonZeroUsize, law: Law) -> std::io::Result<Whole> {
    let numbers: Vec<usize> = (0..BUCKETS).collect();
    let each = |(): &mut (), number: &usize| {
        index.bucket(*number).map(|mentions| {
            let mut whole = Whole::default();
            for group in mentions.chunk_by(|a, b| a.group() == b.group()) {
                whole.group(group, law);
            }
            whole
        })
    };
    let mut all = Whole::default();
    for part in parallel::map(jobs, &numbers, || (), each) {
        let part = part?;
        all.wrong.extend(part.wrong);
        all.unfinished.extend(part.unfinished);
        all.open += part.open;
        all.early.extend(part.early);
    }
    all.wrong.sort();
    all.unfinished.sort_by_key(|u| (u.maturity, u.position));
    all.early.sort_by_key(|refund| refund.position);
    Ok(all)
}

impl Whole {
    /// Everything that mentions one key.
    fn group(&mut self, mentions: &[Mention], law: Law) {
        match mentions.first().map(|mention| mention.group().0) {
            Some(Family::Nonces) => self.nonce(mentions),
            Some(Family::Events) => {
                self.event(mentions, law.now);
                self.proofs(mentions, law.proofs_from);
            }
            Some(Family::Actions) => self.action(mentions),
            None => {}
        }
    }

    fn nonce(&mut self, mentions: &[Mention]) {
        let Some((first, others)) = mentions.split_first() else {
            return;
        };
        // The announcement's own rule speaks of a nonce twice in one entry.
        for mention in others.iter().filter(|f| f.position != first.position) {
            let nonce = hex::encode(mention.key);
            let at = first.position;
            let why = format!("announces nonce {nonce}, which entry {at} announced before");
            self.wrong.push((mention.position, why));
        }
    }

    fn event(&mut self, mentions: &[Mention], now: i64) {
        let mut announced: Option<&Mention> = None;
        let mut end: Option<(&Mention, &str)> = None;
        let mut operated = Vec::new();
        for mention in mentions {
            let at = mention.position;
            if mention.kind == Kind::Operated {
                operated.push(at);
                continue;
            }
            let mut wrong = |why: String| self.wrong.push((at, why));
            if let Some((end, how)) = end {
                wrong(format!(
                    "comes after the event {how} in entry {}",
                    end.position
                ));
            }
            match (mention.kind, announced) {
                (Kind::Announced, Some(first)) => {
                    wrong(format!(
                        "announces the event of entry {} again",
                        first.position
                    ));
                }
                (Kind::Withdrawn, Some(first)) => {
                    wrong(format!("withdraws what entry {} announced", first.position));
                }
                (Kind::Attested | Kind::Refunded, None) => {
                    wrong("ends an event that was not announced before".to_owned());
                }
                (Kind::Status, None) => {
                    wrong("speaks of an event that was not announced before".to_owned());
                }
                _ => {}
            }
            match mention.kind {
                Kind::Announced => announced = announced.or(Some(mention)),
                Kind::Attested => end = end.or(Some((mention, "was attested"))),
                Kind::Refunded => {
                    if end.is_none() {
                        self.refund(mention, announced, &operated);
                    }
                    end = end.or(Some((mention, "was refunded")));
                }
                Kind::Withdrawn => end = end.or(Some((mention, "was withdrawn"))),
                Kind::Status
                | Kind::Operated
                | Kind::Nonce
                | Kind::Logged
                | Kind::Claimed
                | Kind::Proven => {}
            }
        }
        let Some(mention) = announced.filter(|_| end.is_none()) else {
            return;
        };
        let (maturity, give_up_s) = mention.time;
        if i64::from(maturity) > now {
            self.open += 1;
        } else {
            self.unfinished.push(Unfinished {
                maturity,
                position: mention.position,
                give_up_s,
            });
        }
    }

    /// Whether an event's nonces are proven once, and where they must be.
    fn proofs(&mut self, mentions: &[Mention], proofs_from: Option<u64>) {
        let mut proofs = mentions
            .iter()
            .filter(|mention| mention.kind == Kind::Proven);
        let first = proofs.next();
        for again in proofs {
            let at = first.map_or(0, |first| first.position);
            let why = format!("proves again what entry {at} proved");
            self.wrong.push((again.position, why));
        }
        let announced = mentions
            .iter()
            .find(|mention| mention.kind == Kind::Announced);
        let (Some(announced), Some(from), None) = (announced, proofs_from, first) else {
            return;
        };
        if announced.position > from {
            let why = format!(
                "has no proof that the oracle knows its nonces, which the log has of every announcement since entry {from}"
            );
            self.wrong.push((announced.position, why));
        }
    }

    /// Whether a refund came in its time.
    fn refund(&mut self, refund: &Mention, announced: Option<&Mention>, operated: &[u64]) {
        let Some((maturity, give_up_s)) = announced.map(|announced| announced.time) else {
            return;
        };
        let due = i64::from(maturity) + i64::from(give_up_s);
        let early_s = due - i64::from(refund.time.0);
        // Without its policy nobody knows when it was due.
        if give_up_s > 0 && early_s > 0 {
            self.early.push(EarlyRefund {
                position: refund.position,
                early_s,
                operated: operated.to_vec(),
            });
        }
    }

    fn action(&mut self, mentions: &[Mention]) {
        let logged = mentions.iter().find(|mention| mention.kind == Kind::Logged);
        for mention in mentions
            .iter()
            .filter(|mention| mention.kind == Kind::Claimed)
        {
            if logged.is_none_or(|logged| logged.position > mention.position) {
                let hash = hex::encode(mention.key);
                let why = format!(
                    "rests on an operator's request that is in no earlier entry (SHA-256 {hash})"
                );
                self.wrong.push((mention.position, why));
            }
        }
    }
}

impl Unfinished {
    /// When the refund is due, Unix seconds, if that is known.
    pub(super) fn due(&self) -> Option<i64> {
        let give_up = i64::from(self.give_up_s);
        (give_up > 0).then(|| i64::from(self.maturity) + give_up)
    }

    /// What is wrong if it is overdue.
    pub(super) fn overdue(&self, subject: Subject, now: i64) -> Option<Finding> {
        let due = self.due()?;
        (due.saturating_add(GRACE_S) < now).then(|| {
            let late = now - due;
            let why = format!(
                "is overdue: neither attested nor refunded {late} s after it had to be given up (maturity {}, refund due {due})",
                self.maturity
            );
            Finding::new(subject, why)
        })
    }
}
