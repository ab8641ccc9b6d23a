//! What a state of the model holds: the database, the journals, the memory of each
//! process, and what has been signed and shown so far.

/// How an event ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    /// One outcome is attested.
    Yes,
    /// The other outcome is attested.
    No,
    /// Nothing is ever signed.
    Refund,
}

/// A set of ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ends(u8);

impl Ends {
    pub(crate) fn add(&mut self, end: End) {
        self.0 |= 1 << (end as u8);
    }

    pub(crate) fn has(self, end: End) -> bool {
        self.0 & (1 << (end as u8)) != 0
    }

    pub(crate) fn count(self) -> u32 {
        self.0.count_ones()
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Where the row of the event stands; before `Committed` all states are alike here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Row {
    #[default]
    Undecided,
    Committed,
    Ended,
}

/// The database, as the last committed transaction left it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Database {
    /// `ledger.epoch`: who leads.
    pub(crate) epoch: u8,
    /// The intent row of the event.
    pub(crate) intent: Option<End>,
    /// The event's own row.
    pub(crate) row: Row,
    /// The entry of the log that tells of the end: it is visible.
    pub(crate) log: Option<End>,
    /// Whether a start recognises it as another than the last one it saw.
    pub(crate) is_foreign: bool,
}

/// One process's journal file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Journal {
    /// The record of the event.
    pub(crate) end: Option<End>,
    /// Whether a power cut leaves that record.
    pub(crate) is_synced: bool,
    /// The end in the log whose head it knows; none as long as it knows only a log
    /// without.
    pub(crate) head: Option<End>,
    /// Whether a power cut leaves that head.
    pub(crate) is_head_synced: bool,
}

impl Journal {
    /// Everything that was written is on the disk now.
    pub(crate) fn sync(&mut self) {
        self.is_synced = self.end.is_some();
        self.is_head_synced = self.head.is_some();
    }

    /// What is left after the power went: a torn record is cut off by the next start,
    /// as is what follows it.
    pub(crate) fn lose_unsynced(&mut self) {
        if !self.is_synced {
            self.end = None;
        }
        if !self.is_head_synced {
            self.head = None;
        }
    }
}

/// How far a process has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// No process.
    #[default]
    Down,
    /// It has the epoch and no signer.
    Took,
    /// It has opened its journal and read the intent row.
    Read(Option<End>),
    /// It may sign, and thinks that it leads.
    Leading(Work),
    /// It does not lead and waits.
    Standby,
}

/// What a leader holds in memory about the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Work {
    Idle,
    /// The sources say so, the time allows it, nothing is written.
    Decided(End),
    /// The store's ticket: the intent row is this.
    Ticket(End),
    /// The journal's record is in the page cache.
    Written(End),
    /// The journal's record is on the disk.
    Durable(End),
    /// The signature exists.
    Signed(End),
    /// The end is in the log; the journal does not know that head yet.
    Shown,
}

/// One process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    pub(crate) phase: Phase,
    /// The epoch that it took; stale when another one took the lead.
    pub(crate) epoch: u8,
    /// Whether it has seen the log with the event's end.
    pub(crate) has_seen: bool,
    /// Whether its start compared journal and database as they were last restored.
    pub(crate) has_compared: bool,
}

/// How many processes there are at most.
pub(crate) const SERVERS: usize = 2;

/// A state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the past"
)]
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) journals: [Journal; SERVERS],
    pub(crate) servers: [Server; SERVERS],
    /// Whether `attest_by` has come.
    pub(crate) is_expired: bool,
    /// A copy of the database, from whenever.
    pub(crate) database_copy: Option<Database>,
    /// A copy of one journal, from whenever.
    pub(crate) journal_copy: Option<(u8, Journal)>,
    pub(crate) has_database_gone_back: bool,
    pub(crate) has_journal_gone_back: bool,
    /// Whether a start has passed since the last restore.
    pub(crate) is_reconciled: bool,
    /// Every message for which a signature was ever made.
    pub(crate) signed: Ends,
    /// Every end that was ever visible.
    pub(crate) shown: Ends,
    /// Whether the second process has led after another.
    pub(crate) has_changed_hands: bool,
}
