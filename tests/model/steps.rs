//! What a process does, step by step. `docs/model.md` names the function of the server
//! that each step stands for.

use super::rules::{Rules, Without};
use super::state::{End, Phase, Row, Work, World};

/// What a process hears of its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// It is committed.
    Done,
    /// It is committed, and the answer was lost.
    Lost,
}

impl World {
    /// The process becomes the leader; whoever led need not notice.
    pub(crate) fn take_lead(&mut self, i: usize) {
        self.database.epoch += 1;
        let has_log = self.database.log.is_some();
        let server = &mut self.servers[i];
        server.epoch = self.database.epoch;
        server.has_seen |= has_log;
        server.phase = Phase::Took;
    }

    /// It opens its journal, compares the heads, and compares the ends.
    pub(crate) fn read(&mut self, i: usize, rules: &Rules) {
        let database = self.database;
        // What a killed process left in the page cache is synced before it counts.
        self.journals[i].sync();
        let journal = self.journals[i];
        let size_is_less = database.log.is_none() && self.servers[i].has_seen;
        let is_other_log = journal.head.is_some() && journal.head != database.log;
        let is_refused = database.is_foreign || size_is_less || is_other_log;
        let is_contradicted = !rules.lacks(Without::Reconcile) && self.is_contradicted(i);
        if is_refused || is_contradicted {
            return self.stop(i);
        }
        self.servers[i].has_compared = true;
        self.servers[i].phase = Phase::Read(database.intent);
    }

    fn is_contradicted(&self, i: usize) -> bool {
        let (database, journal) = (self.database, self.journals[i]);
        let attested = database.log.filter(|end| *end != End::Refund);
        match (database.intent, journal.end) {
            (Some(intent), Some(end)) => intent != end,
            (Some(end), None) | (None, Some(end)) => attested.is_some_and(|log| log != end),
            (None, None) => attested.is_some(),
        }
    }

    /// It completes what the journal or the database lacks, and may sign.
    pub(crate) fn pass(&mut self, i: usize, intent: Option<End>, rules: &Rules) {
        if !rules.lacks(Without::Reconcile) {
            match (intent, self.journals[i].end) {
                (None, Some(end)) => {
                    if !self.leads(i, rules) {
                        return self.stand_by(i);
                    }
                    if !self.put_intent(end, rules) {
                        return self.stop(i);
                    }
                }
                (Some(end), None) => {
                    self.journals[i].end = Some(end);
                    self.journals[i].sync();
                }
                _ => {}
            }
        }
        self.has_changed_hands |= i > 0 && self.servers[i].epoch > 1;
        self.is_reconciled |= self.servers[i].has_compared;
        self.note_head(i);
        self.servers[i].phase = Phase::Leading(Work::Idle);
    }

    /// Inserts the intent row and moves the event's row, in one transaction; whether
    /// that is how the event ends.
    fn put_intent(&mut self, end: End, rules: &Rules) -> bool {
        let database = &mut self.database;
        let is_known = database.intent.is_some() && !rules.lacks(Without::UniqueIntent);
        if is_known {
            return database.intent == Some(end);
        }
        if database.row != Row::Undecided && !rules.lacks(Without::RowStep) {
            return false;
        }
        database.intent = Some(end);
        database.row = Row::Committed;
        true
    }

    /// Whether the transaction's look at the ledger finds the process's epoch.
    fn leads(&self, i: usize, rules: &Rules) -> bool {
        self.servers[i].epoch == self.database.epoch || rules.lacks(Without::Epoch)
    }

    /// Commits what the process has decided.
    pub(crate) fn commit(&mut self, i: usize, end: End, reply: Reply, rules: &Rules) {
        if !self.leads(i, rules) {
            return self.stand_by(i);
        }
        let is_committed = self.put_intent(end, rules);
        let work = if is_committed && reply == Reply::Done {
            Work::Ticket(end)
        } else {
            Work::Idle
        };
        self.servers[i].phase = Phase::Leading(work);
    }

    /// Writes the journal's record, which another end refuses.
    pub(crate) fn write(&mut self, i: usize, end: End) {
        let journal = &mut self.journals[i];
        let work = match journal.end {
            None => {
                journal.end = Some(end);
                Work::Written(end)
            }
            Some(known) if known == end => Work::Durable(end),
            Some(_) => Work::Idle,
        };
        self.servers[i].phase = Phase::Leading(work);
    }

    pub(crate) fn sync(&mut self, i: usize, end: End) {
        self.journals[i].sync();
        self.servers[i].phase = Phase::Leading(Work::Durable(end));
    }

    pub(crate) fn sign(&mut self, i: usize, end: End) {
        self.signed.add(end);
        self.servers[i].phase = Phase::Leading(Work::Signed(end));
    }

    /// Attestation or notice, log and head, in one transaction.
    pub(crate) fn publish(&mut self, i: usize, end: End, reply: Reply, rules: &Rules) {
        if !self.leads(i, rules) {
            return self.stand_by(i);
        }
        let database = &mut self.database;
        let is_attestation = end != End::Refund;
        let is_bound = match database.intent {
            Some(intent) if rules.lacks(Without::Comparison) => {
                !is_attestation || intent != End::Refund
            }
            intent => intent == Some(end),
        };
        let can_step = database.row == Row::Committed || rules.lacks(Without::RowStep);
        if !is_bound || !can_step || database.log.is_some() {
            self.servers[i].phase = Phase::Leading(Work::Idle);
            return;
        }
        database.log = Some(end);
        database.row = Row::Ended;
        self.shown.add(end);
        self.servers[i].has_seen |= reply == Reply::Done;
        let work = if reply == Reply::Done {
            Work::Shown
        } else {
            Work::Idle
        };
        self.servers[i].phase = Phase::Leading(work);
    }

    /// The journal learns how long the log is; nothing syncs that.
    pub(crate) fn note_head(&mut self, i: usize) {
        let journal = &mut self.journals[i];
        if journal.head.is_none() {
            journal.head = self.database.log;
            journal.is_head_synced = false;
        }
    }

    /// It has lost the lead and remembers what it saw.
    fn stand_by(&mut self, i: usize) {
        self.servers[i].phase = Phase::Standby;
        self.servers[i].has_compared = false;
        self.servers[i].epoch = 0;
    }

    /// Nothing is left of the process.
    pub(crate) fn stop(&mut self, i: usize) {
        self.servers[i] = super::state::Server::default();
    }
}
