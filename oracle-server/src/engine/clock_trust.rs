//! What is known about the time besides what the clock says.
//!
//! Four questions, each with its own answer:
//!
//! - Has the clock jumped ahead? The monotonic clock tells. While it has,
//!   nothing is announced or decided, as that cannot be taken back. Providers
//!   only tell whether the jump was right (a machine that slept): what they say
//!   of a clock that did not jump stops nothing here.
//! - Is it right at the start? Nothing but committed work tells how late it is at
//!   least. So a start later than that is like a jump, until somebody outside tells
//!   the time: whoever announces under a wrong clock leaves times out for good.
//! - Do independent roots doubt it? Two that say alike that it is wrong. Then
//!   what rests on their answers waits, and nothing else.
//! - Has a deadline passed? A refund rests on no answer and is irrevocable: a
//!   machine whose clock jumps ahead, or wakes up years ahead, must not refund
//!   every event there is. So deadlines are measured from the last time that
//!   providers told since the start, by the monotonic clock, and of two words the one
//!   that waits longer counts. While nobody has told the time nothing is refunded.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use oracle_feeds::rule::clock::TOLERANCE_S;
use oracle_feeds::rule::{Doubt, Skews};

use crate::clock::Clock;
use crate::health::Unconfirmed;

/// How long a jump ahead, or a start, is not believed where nobody can be asked for the
/// time. Where somebody can, silence ends nothing: under a clock that is far off no
/// certificate is valid, and every provider seems to be down.
const UNCONFIRMED_FOR: Duration = Duration::from_mins(10);

/// How long after the last committed work a start is no jump, where nobody can be asked
/// for the time: longer, and somebody may still set the clock right.
const ALONE_S: i64 = 86_400;

/// How many roots must have told the time before a deadline is measured by it, where so
/// many can be asked: one may be a machine that has its time from where this one has it.
const INDEPENDENT: usize = 2;

/// How long after the start one root's word is enough for deadlines.
const ALONE_FOR: Duration = Duration::from_hours(24);

/// How far a clock may be behind and still be taken for right where only one that is
/// ahead does harm, seconds: who is late asks late and decides late.
const BEHIND_S: i64 = 3_600;

/// How long what a root told about the time counts.
const TOLD_FOR: Duration = Duration::from_hours(1);

/// A time, and the uptime at which it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    time: DateTime<Utc>,
    uptime: Duration,
}

impl Moment {
    /// What a clock says.
    pub(super) fn of(clock: &dyn Clock) -> Self {
        Self {
            time: clock.now(),
            uptime: clock.uptime(),
        }
    }

    /// Uptime from `earlier` to this moment.
    pub(super) fn since(self, earlier: Self) -> Duration {
        self.uptime.saturating_sub(earlier.uptime)
    }

    /// What time it is at `uptime`, Unix seconds, if the time was right.
    fn at(self, uptime: Duration) -> i64 {
        let since = uptime.saturating_sub(self.uptime);
        let since = TimeDelta::from_std(since).unwrap_or(TimeDelta::MAX);
        self.time
            .checked_add_signed(since)
            .map_or(i64::MAX, |t| t.timestamp())
    }
}

/// What a start knows of the time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Started {
    /// When something was last committed; none where nothing has been since `init`.
    pub last_work: Option<DateTime<Utc>>,
    /// Whether the operator has said that the clock is right.
    pub is_accepted: bool,
}

/// What is known about the time.
#[derive(Debug)]
pub(super) struct ClockTrust {
    /// How many roots can be asked for the time.
    asked: usize,
    /// Whether the operator has said that the clock is right, at the start.
    is_accepted: bool,
    /// Whether a root has said so since the start.
    is_confirmed: bool,
    /// Roots of the first round of questions for the time that have neither answered nor
    /// failed yet.
    unheard: BTreeSet<String>,
    start: Moment,
    /// The last time that the clock was found right, or the start.
    right: Moment,
    /// What time each root said it was. All told since the last jump.
    told: BTreeMap<String, Moment>,
    /// What the roots together said it was, of two words the earlier.
    provider: Option<Moment>,
    jump: Option<Jump>,
}

/// The clock is later than it can be, or than it is known to be.
#[derive(Debug, Clone, Copy)]
struct Jump {
    /// Uptime at which that was first seen.
    since: Duration,
    /// Whether a root has said so too.
    contradicted: bool,
    /// At the start: there is no time before it to compare with.
    is_start: bool,
}

impl ClockTrust {
    /// Nothing but the clock's own word.
    pub(super) fn new(clock: &dyn Clock) -> Self {
        let start = Moment::of(clock);
        Self {
            asked: 0,
            is_accepted: false,
            is_confirmed: false,
            unheard: BTreeSet::new(),
            start,
            right: start,
            told: BTreeMap::new(),
            provider: None,
            jump: None,
        }
    }

    /// At the start of a process that can ask so many roots for the time.
    pub(super) fn started(clock: &dyn Clock, started: Started, asked: usize) -> Self {
        let trust = Self::new(clock);
        let start = trust.start;
        let since_work = started
            .last_work
            .map(|last| (start.time - last).num_seconds());
        let is_late = match since_work {
            Some(since_work) if asked == 0 => since_work > ALONE_S,
            Some(since_work) => since_work > TOLERANCE_S,
            None => asked > 0,
        };
        let jump = (is_late && !started.is_accepted).then_some(Jump {
            since: start.uptime,
            contradicted: false,
            is_start: true,
        });
        Self {
            asked,
            is_accepted: started.is_accepted,
            jump,
            ..trust
        }
    }

    /// The clock was found `ahead_s` ahead of a root's, in an observation that
    /// began at `begun`. If the clock was set meanwhile, the measurement says
    /// nothing about now.
    pub(super) fn measured(&mut self, root: &str, begun: Moment, clock: &dyn Clock, ahead_s: i64) {
        // What was told before a jump is no word about it.
        self.runs_ahead(clock);
        let end = Moment::of(clock);
        if (end.time.timestamp() - begun.at(end.uptime)).abs() > 1 {
            return;
        }
        let ahead = |ahead_s: i64| TimeDelta::try_seconds(ahead_s).unwrap_or(TimeDelta::MAX);
        let Some(time) = end.time.checked_sub_signed(ahead(ahead_s)) else {
            return;
        };
        self.told.insert(root.to_owned(), Moment { time, ..end });
        let skews = self.skews(clock);
        // Of an even number the one by which the clock is further ahead.
        let Some(median_s) = skews.check().ahead_s else {
            return;
        };
        // Where all others have been gone for long, one has to be enough: refunds are
        // needed most where a provider has died.
        let is_alone = end.since(self.start) >= ALONE_FOR;
        let is_enough = is_alone || skews.by_root().len() >= INDEPENDENT.min(self.asked.max(1));
        if let Some(time) = end.time.checked_sub_signed(ahead(median_s.max(0)))
            && is_enough
        {
            self.provider = Some(Moment { time, ..end });
        }
        let is_right = self.jump.is_none() && skews.by_root().values().any(|s| confirms(*s));
        self.is_confirmed |= is_right;
        if is_right && median_s <= TOLERANCE_S {
            self.right = end;
        }
    }

    /// A root is asked for the time, in the first round of questions: until it has
    /// answered or failed, a jump is not believed on the word of the quickest.
    pub(super) fn asks_first(&mut self, root: &str) {
        self.unheard.insert(root.to_owned());
    }

    /// A root that was asked has answered or failed.
    pub(super) fn heard(&mut self, root: &str) {
        self.unheard.remove(root);
    }

    /// A root's word is none any more.
    pub(super) fn forget(&mut self, root: &str) {
        self.told.remove(root);
    }

    /// How far the clock is now ahead of each root that told the time lately.
    pub(super) fn skews(&self, clock: &dyn Clock) -> Skews {
        let now = Moment::of(clock);
        let fresh = self.told.iter();
        let fresh = fresh.filter(|(_, told)| now.since(**told) <= TOLD_FOR);
        fresh
            .map(|(root, told)| {
                let skew = now.time.timestamp().saturating_sub(told.at(now.uptime));
                (root.clone(), skew)
            })
            .collect()
    }

    /// The doubt that a decision about `roots` rests on: as many of them doubt
    /// the clock as say that it is right. Two that doubt it are enough, whichever
    /// events they were asked for.
    pub(super) fn doubted_by<'a>(
        &self,
        clock: &dyn Clock,
        roots: impl Iterator<Item = &'a str>,
    ) -> Option<Doubt> {
        let skews = self.skews(clock);
        let doubt = skews.doubt()?;
        let mut roots: Vec<&str> = roots.collect();
        roots.sort_unstable();
        roots.dedup();
        let is_doubting = |root: &&&str| doubt.roots.iter().any(|r| r == **root);
        let doubting = roots.iter().filter(is_doubting).count();
        let by_root = skews.by_root();
        let says_right = |root: &&&str| by_root.get(**root).is_some_and(|skew| is_close(*skew));
        let confirming = roots.iter().filter(says_right).count();
        (doubting > 0 && doubting >= confirming).then_some(doubt)
    }

    /// Whether the clock is later than it can be: it has jumped ahead, or the process has
    /// just started and nobody has told the time.
    ///
    /// A machine that slept looks the same. So a jump is believed once more
    /// roots say that the clock is right than say that it is not; where nobody can be
    /// asked, when no root has contradicted it for [`UNCONFIRMED_FOR`].
    pub(super) fn runs_ahead(&mut self, clock: &dyn Clock) -> bool {
        let now = Moment::of(clock);
        let ahead_s = now.time.timestamp() - self.right.at(now.uptime);
        let has_jumped = ahead_s > TOLERANCE_S;
        let Some(mut jump) = self.jump else {
            if has_jumped {
                self.jumped(now, None);
            }
            return has_jumped;
        };
        match (has_jumped, jump.is_start) {
            (false, false) => {
                self.jump = None;
                return false;
            }
            (true, true) => {
                self.jumped(now, Some(jump));
                self.right = now;
                return true;
            }
            _ => {}
        }
        let skews = self.skews(clock);
        let told = skews.by_root().values();
        let right = told.clone().filter(|skew| confirms(**skew)).count();
        // Nearer to the time that the monotonic clock tells than to the jump's: a
        // root that is itself an hour behind says nothing of a night's sleep. At a start
        // there is no such time.
        let wrong = |skew: &&i64| {
            let is_ahead = **skew > TOLERANCE_S;
            let is_behind = **skew < -BEHIND_S;
            is_behind || (is_ahead && (jump.is_start || skew.saturating_mul(2) > ahead_s))
        };
        let mut wrong = told.filter(wrong).count();
        // One root says little, and may be a cache: against one that confirms the clock
        // it takes two that say alike that it is wrong.
        let is_unanimous = wrong == 0;
        if right > 0 && skews.doubt().is_none_or(|doubt| confirms(doubt.ahead_s)) {
            wrong = 0;
        }
        // The first answer comes from whoever is nearest, the service's own machine even:
        // unless two say the same and nobody else, all are heard.
        let is_clear = is_unanimous && right >= INDEPENDENT.min(self.asked);
        if right > wrong && (is_clear || self.unheard.is_empty()) {
            self.jump = None;
            self.right = now;
            self.is_confirmed = true;
            return false;
        }
        jump.contradicted |= wrong > 0;
        self.jump = Some(jump);
        let is_settled = now.uptime.saturating_sub(jump.since) >= UNCONFIRMED_FOR;
        if jump.contradicted || self.asked > 0 || !is_settled {
            return true;
        }
        *self = Self::new(clock);
        false
    }

    /// What was told before a jump is no word about it, and neither is the operator's.
    fn jumped(&mut self, now: Moment, start: Option<Jump>) {
        self.told.clear();
        self.is_accepted = false;
        self.jump = Some(Jump {
            since: now.uptime,
            contradicted: start.is_some_and(|start| start.contradicted),
            is_start: start.is_some(),
        });
    }

    /// Whether it is more than that the process has just started: the clock moved ahead
    /// of the monotonic one, or a root contradicts the clock of the start.
    pub(super) fn has_jumped(&self) -> bool {
        self.jump.is_some_and(|j| !j.is_start || j.contradicted)
    }

    /// Whether somebody has said since the start, or since the last jump, that the clock
    /// is right: a root, the operator, or nobody can be asked.
    pub(super) fn is_confirmed(&self) -> bool {
        let is_told = self.is_confirmed || self.is_accepted || self.asked == 0;
        is_told && self.jump.is_none()
    }

    /// Whether the operator's word stands.
    pub(super) fn is_accepted(&self) -> bool {
        self.is_accepted
    }

    /// Whether roots should be asked for the time: it is open, or too few have told it
    /// for a deadline to be measured.
    pub(super) fn wants_words(&self) -> bool {
        self.jump.is_some() || self.provider.is_none()
    }

    /// Whether a root has said lately that the clock is right.
    pub(super) fn is_right(&self, clock: &dyn Clock) -> bool {
        self.skews(clock).by_root().values().copied().any(confirms)
    }

    /// Whether nobody has told the time by which a decision from the answers of `roots`
    /// would be made: none of them has, and lately no other that the clock is right.
    /// Without roots, what operators decide: nobody has confirmed the clock.
    pub(super) fn is_untold<'a>(
        &self,
        clock: &dyn Clock,
        roots: impl Iterator<Item = &'a str>,
    ) -> bool {
        if self.is_accepted {
            return false;
        }
        let skews = self.skews(clock);
        let mut roots = roots.peekable();
        // Nodes alone say nothing for a clock, and nobody else can be asked.
        if roots.peek().is_none() || self.asked == 0 {
            return !self.is_confirmed();
        }
        !roots.any(|root| skews.by_root().contains_key(root)) && !self.is_right(clock)
    }

    /// Why the clock is not believed for everything yet; none where it is.
    pub(super) fn unconfirmed(&self) -> Option<Unconfirmed> {
        match self.jump {
            Some(jump) if jump.contradicted => Some(Unconfirmed::Contradicted),
            Some(jump) if jump.is_start => Some(Unconfirmed::SinceStart),
            Some(_) => Some(Unconfirmed::Jumped),
            None if !self.is_confirmed() => Some(Unconfirmed::Never),
            None if self.asked > 0 && self.provider.is_none() => Some(Unconfirmed::TooFew),
            None => None,
        }
    }

    /// Whether `deadline` (Unix seconds) has passed at `uptime`.
    pub(super) fn has_passed(&self, deadline: i64, uptime: Duration) -> bool {
        if let Some(provider) = self.provider {
            return provider.at(uptime).saturating_add(TOLERANCE_S) >= deadline;
        }
        if self.is_accepted {
            return self.start.at(uptime) >= deadline;
        }
        if self.asked > 0 {
            // They will tell, sooner or later.
            return false;
        }
        if deadline > self.start.time.timestamp() {
            // This process has watched it pass.
            return self.start.at(uptime) >= deadline;
        }
        // Nobody can tell a late start from a clock that is ahead but the operator.
        self.is_accepted
    }
}

/// Whether a root says that the clock is not ahead, and not far behind.
fn confirms(skew: i64) -> bool {
    (-BEHIND_S..=TOLERANCE_S).contains(&skew)
}

/// Whether a root says that the clock is right.
fn is_close(skew: i64) -> bool {
    skew.saturating_abs() <= TOLERANCE_S
}

#[cfg(test)]
mod tests;
