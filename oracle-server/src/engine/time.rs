//! Asking for the time, beside the tick.
//!
//! While it is open what time it is, or something waits for it, every root that can be
//! asked is asked for the headers of an answer, again and again at growing distances.
//! What it tells is a word like that of any other answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_feeds::fetch::Fetcher;
use oracle_feeds::observation::{Exchange, SourceReading};
use oracle_feeds::rule::clock::TOLERANCE_S;
use oracle_schema::source_id::SourceId;

use super::clock_trust::Moment;
use super::{Engine, Seen};
use crate::backoff::Backoff;

/// Roots asked for the time at most.
const ROOTS: usize = 32;

/// Between two questions.
const PAUSE: Backoff = Backoff::new(TimeDelta::seconds(1), TimeDelta::minutes(1));

/// How long something may be held because of the time before the service is not ready.
const HELD: Duration = Duration::from_mins(1);

/// Who is asked for the time, and what waits for it.
#[derive(Debug, Default)]
pub(super) struct AskingTime {
    /// By root, the name under which it is configured how it is reached.
    roots: BTreeMap<String, String>,
    under_way: BTreeMap<String, tokio::task::Id>,
    /// Questions so far, since the time was last certain.
    rounds: u32,
    /// Uptime at which the next is due.
    due: Duration,
    /// Roots whose last answer did not tell the time and was not kept.
    dateless: BTreeSet<String>,
    /// Whether a decision waits for somebody to tell the time.
    is_wanted: bool,
    /// Uptime since which something is held because of the time.
    held_since: Option<Duration>,
}

impl AskingTime {
    /// Who can be asked: roots, and for each the name under which it is configured how it
    /// is reached. Of several at one host the first counts.
    pub(super) fn of(fetcher: &Fetcher, roots: &BTreeMap<String, String>) -> Self {
        let mut hosts = BTreeSet::new();
        let roots = roots.iter().filter(|(_, name)| {
            let host = fetcher.origin_of(name);
            host.is_some_and(|host| hosts.insert(host))
        });
        Self {
            roots: roots
                .take(ROOTS)
                .map(|(root, name)| (root.clone(), name.clone()))
                .collect(),
            ..Self::default()
        }
    }

    /// How many can be asked.
    pub(super) fn asked(&self) -> usize {
        self.roots.len()
    }

    /// A task died: the root that it asked, if any, may be asked again.
    pub(super) fn died(&mut self, task: tokio::task::Id) -> Option<String> {
        let mut dead = self.under_way.extract_if(.., |_, other| *other == task);
        dead.next().map(|(root, _)| root)
    }

    /// How many are under way.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Takes in whether something is held because of the time now. Answers whether that
    /// is over, so that what waited is due.
    pub(super) fn note_held(&mut self, is_held: bool, uptime: Duration) -> bool {
        let was_held = self.held_since.is_some();
        self.held_since = is_held.then(|| self.held_since.unwrap_or(uptime));
        was_held && !is_held
    }

    /// Whether something has been held for so long that people must look.
    pub(super) fn is_long_held(&self, uptime: Duration) -> bool {
        self.held_since
            .is_some_and(|since| uptime.saturating_sub(since) > HELD)
    }

    /// Whether a decision waits for somebody to tell the time.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_wanted
    }
}

/// What a root told when it was asked for the time alone.
pub(super) struct TimeSeen {
    begun: Moment,
    root: String,
    ahead_s: Option<i64>,
}

impl Engine {
    /// Asks the roots that have not told the time lately, if that is wanted and due.
    pub(super) fn ask_time(&mut self) {
        let is_open = self.clock_trust.runs_ahead(&*self.clock) || self.clock_trust.wants_words();
        let uptime = self.clock.uptime();
        if !is_open && !self.time.is_wanted {
            self.time.rounds = 0;
            self.time.due = uptime;
            return;
        }
        if uptime < self.time.due {
            return;
        }
        let told = self.clock_trust.skews(&*self.clock);
        let is_silent = |root: &String| {
            !told.by_root().contains_key(root) && !self.time.under_way.contains_key(root)
        };
        let silent: Vec<(String, String)> = self
            .time
            .roots
            .iter()
            .filter(|(root, _)| is_silent(root))
            .map(|(root, name)| (root.clone(), name.clone()))
            .collect();
        for (root, name) in silent {
            let (fetcher, clock) = (self.fetcher.clone(), self.clock.clone());
            let asked = root.clone();
            let task = self.observing.spawn(async move {
                let begun = Moment::of(&*clock);
                let ahead_s = fetcher.ask_time(&name).await;
                Seen::Time(TimeSeen {
                    begun,
                    root,
                    ahead_s,
                })
            });
            if self.time.rounds == 0 {
                self.clock_trust.asks_first(&asked);
            }
            self.time.under_way.insert(asked, task.id());
        }
        let pause = PAUSE.wait(i64::from(self.time.rounds));
        self.time.due = uptime + pause.to_std().unwrap_or_default();
        self.time.rounds = self.time.rounds.saturating_add(1);
    }

    /// Keeps what a root told.
    pub(super) fn take_in_time(&mut self, seen: &TimeSeen) {
        self.time.under_way.remove(&seen.root);
        self.clock_trust.heard(&seen.root);
        if let Some(ahead_s) = seen.ahead_s {
            self.clock_trust
                .measured(&seen.root, seen.begun, &*self.clock, ahead_s);
        }
    }

    /// Notes what a source's answers say of the time. That a node's clock says the same
    /// as the one here is no word: as a rule it is the same clock, or has its time from
    /// the same place.
    pub(super) fn note_skew(&mut self, begun: Moment, reading: &SourceReading) {
        let mut exchanges = reading.exchanges.iter();
        let Some(ahead_s) = exchanges.find_map(Exchange::clock_ahead_s) else {
            return;
        };
        let is_node = SourceId::read(&reading.source).is_node();
        if is_node && ahead_s.abs() <= TOLERANCE_S {
            self.clock_trust.forget(&reading.root);
            return;
        }
        self.clock_trust
            .measured(&reading.root, begun, &*self.clock, ahead_s);
    }

    /// Whether a decision from answers of these roots has to wait because nobody has
    /// told the time; then it is asked for.
    pub(super) fn waits_for_time<'a>(&mut self, roots: impl Iterator<Item = &'a str>) -> bool {
        let is_untold = self.clock_trust.is_untold(&*self.clock, roots);
        self.time.is_wanted |= is_untold;
        is_untold
    }

    /// Whether what a source answered must not be kept, because nobody has told the time
    /// at which it was asked.
    pub(super) fn is_dateless(&mut self, reading: &SourceReading) -> bool {
        let has_answered = reading.exchanges.iter().any(|e| e.status.is_some());
        let root = reading.root.as_str();
        if has_answered && self.waits_for_time(std::iter::once(root)) {
            self.time.dateless.insert(root.to_owned());
            return true;
        }
        self.time.dateless.remove(root);
        false
    }

    /// Whether answers of one of these roots were not kept, and still none would be.
    pub(super) fn lacks_time<'a>(&mut self, roots: impl Iterator<Item = &'a str> + Clone) -> bool {
        let mut silent = roots.clone();
        silent.any(|root| self.time.dateless.contains(root)) && self.waits_for_time(roots)
    }

    /// Ends the wish for the time once somebody has confirmed the clock. Answers whether
    /// something is held because of the time still.
    pub(super) fn is_held_for_time(&mut self) -> bool {
        if self.clock_trust.is_right(&*self.clock) || self.clock_trust.is_accepted() {
            self.time.is_wanted = false;
        }
        self.clock_trust.runs_ahead(&*self.clock) || self.time.is_wanted
    }

    /// Raises the signer's high water to a time at which something was committed, if that is
    /// known to be right.
    pub(super) fn raise_high_water(&self, now: DateTime<Utc>) {
        if self.clock_trust.is_confirmed() {
            self.signer.raise_high_water(now.timestamp_millis());
        }
    }
}
