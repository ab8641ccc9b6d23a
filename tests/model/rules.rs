//! Which faults happen, and which mechanisms are taken away.

/// One model.
#[derive(Clone, Copy, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "every one is a switch of its own"
)]
pub(crate) struct Rules {
    /// Processes, each with its own journal.
    pub(crate) servers: usize,
    /// Takeovers at most: what bounds the model.
    pub(crate) epochs: u8,
    /// A machine loses power, and its journal what was not synced.
    pub(crate) power_cuts: bool,
    /// An older copy of the database is put in place, at any time.
    pub(crate) database_goes_back: bool,
    /// A start sees that it is another database (another cluster, timeline, table).
    pub(crate) restore_is_seen: bool,
    /// An older copy of a journal is put in place, of a process that is down.
    pub(crate) journal_goes_back: bool,
    /// Both go back without a start in between.
    pub(crate) both_go_back: bool,
    /// The database goes back while processes run; else all are stopped first.
    pub(crate) goes_back_under_processes: bool,
    /// What is taken away.
    pub(crate) without: &'static [Without],
}

/// A mechanism that a model lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Without {
    /// `intent.event_id` is not unique: the last insert counts.
    UniqueIntent,
    /// The step of the event's row is not compared with where it begins.
    RowStep,
    /// Transactions do not look at the ledger's epoch.
    Epoch,
    /// A start does not reconcile journal and intent row.
    Reconcile,
    /// The signature is made before the journal is synced.
    Sync,
    /// There is no journal record at all.
    JournalRecord,
    /// What is published is not compared with the intent row.
    Comparison,
}

impl Rules {
    /// Crashes, changes of the lead and sources that change their mind; nothing is
    /// restored.
    pub(crate) fn crashes(servers: usize) -> Self {
        Self {
            servers,
            epochs: 3,
            power_cuts: true,
            database_goes_back: false,
            restore_is_seen: false,
            journal_goes_back: false,
            both_go_back: false,
            goes_back_under_processes: true,
            without: &[],
        }
    }

    /// The same, and older copies of the database.
    pub(crate) fn with_old_databases(self) -> Self {
        Self {
            database_goes_back: true,
            ..self
        }
    }

    /// The same, and older copies of a journal.
    pub(crate) fn with_old_journals(self) -> Self {
        Self {
            journal_goes_back: true,
            ..self
        }
    }

    pub(crate) fn without(self, without: &'static [Without]) -> Self {
        Self { without, ..self }
    }

    pub(crate) fn lacks(&self, mechanism: Without) -> bool {
        self.without.contains(&mechanism)
    }
}
