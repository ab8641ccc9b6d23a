//! One audit at work: what it audits, where it began, how far it came, and what it leaves to the
//! next one.

use std::io;

use super::AuditOptions;
use super::disk::Failed;
use super::entries::subject;
use super::head::{Identity, Signed};
use super::index::Index;
use super::replay::Replayer;
use super::report::{Report, Subject};
use super::source::Source;
use super::spool::{Spool, SpoolReader};
use super::state::{Mark, State, Work, furthest};
use super::tree::Tree;

/// Where the index is, below the audit's directory; the name is that of earlier versions, whose
/// files are read on.
const INDEX: &str = "facts";

/// Everything an audit works with.
pub(super) struct Session<'a> {
    pub(super) source: &'a Source,
    pub(super) options: &'a AuditOptions,
    /// Whose log it is.
    pub(super) identity: Identity,
    /// The head that is audited.
    pub(super) signed: Signed,
    pub(super) files: Files,
    pub(super) start: Start,
    pub(super) reached: Reached,
    pub(super) tree: Tree,
    pub(super) replayer: Replayer,
    pub(super) report: Report,
}

/// The audit's own files.
pub(super) struct Files {
    pub(super) work: Work,
    pub(super) spool: Spool,
    pub(super) index: Index,
}

/// Where an audit begins.
pub(super) struct Start {
    /// What the last audit left.
    pub(super) last: Option<State>,
    /// Whether the tree goes on from that of `last`, not from a mark or from nothing.
    pub(super) continues_last: bool,
    /// Entries that were in the tree before.
    entries: u64,
    /// Entries that were in the spool before.
    spooled: u64,
}

/// What an audit has come to besides the tree; a mark keeps it.
#[derive(Default)]
pub(super) struct Reached {
    /// Signatures and evidence of all entries from here on are checked.
    pub(super) since: u64,
    /// Entries whose evidence could not be had.
    pub(super) pending: Vec<u64>,
    /// More evidence is missing than is remembered.
    pub(super) forgets: bool,
    /// The first entry that proves nonces.
    pub(super) proofs_from: Option<u64>,
}

impl Files {
    pub(super) fn open(work: Work) -> io::Result<Self> {
        Ok(Self {
            spool: Spool::open(work.dir())?,
            index: Index::open(&work.dir().join(INDEX))?,
            work,
        })
    }

    /// Whether the entries and mentions that a mark rests on are there: they may have been lost
    /// with a disk, or not copied.
    fn hold(&self, mark: &Mark) -> io::Result<bool> {
        Ok(self.spool.holds(mark.size)? && self.index.holds(&mark.mentions, mark.size)?)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.spool.sync()?;
        self.index.sync()
    }
}

impl<'a> Session<'a> {
    /// Begins at the furthest mark that can be begun at, and cuts off the files what came after
    /// it: that may have been lost in a power cut, whole or in part.
    pub(super) fn begin(
        source: &'a Source,
        options: &'a AuditOptions,
        mut files: Files,
        (identity, signed): (Identity, Signed),
        last: Option<State>,
        mut report: Report,
    ) -> Result<Self, Failed> {
        let replayer = Replayer::new(source.clone(), &files.work.dir().join("policies"))?;
        let usable = |mark: &Mark| {
            let is_ours = mark.identity().as_ref() == Some(&identity)
                && mark.since <= options.since
                && mark.size <= signed.checkpoint.size;
            Ok(is_ours && files.hold(mark)?)
        };
        let audited = last.as_ref().map_or(0, |last| last.mark.size);
        let marks = [
            last.as_ref().map(|last| last.mark.clone()),
            files.work.mark(),
        ];
        let mark = furthest(marks.into_iter().flatten(), usable)?;
        let resumed = mark.and_then(|mark| Some((mark.tree()?, mark)));
        let continues_last = match (&resumed, &last) {
            (Some((_, mark)), Some(last)) => *mark == last.mark,
            (_, last) => last.is_none(),
        };
        let mentions = resumed.as_ref().map(|(_, mark)| mark.mentions.as_slice());
        files.index.truncate(mentions.unwrap_or_default())?;
        let (tree, reached) = match resumed {
            Some((tree, mark)) => (tree, Reached::from_mark(mark, options.since)),
            None => Default::default(),
        };
        let read = tree.size().max(audited).min(signed.checkpoint.size);
        files.spool.truncate(read)?;
        report.from = tree.size().max(options.since);
        let since = if tree.size() == 0 {
            options.since
        } else {
            reached.since
        };
        Ok(Self {
            source,
            options,
            identity,
            signed,
            start: Start {
                last,
                continues_last,
                entries: tree.size(),
                spooled: files.spool.count(),
            },
            files,
            reached: Reached { since, ..reached },
            tree: Tree::resume(tree),
            replayer,
            report,
        })
    }

    /// The entries as read; one for each thread.
    pub(super) fn entries(&self) -> io::Result<SpoolReader> {
        SpoolReader::open(self.files.spool.dir())
    }

    /// The entry at a position, for a finding.
    pub(super) fn subject_at(&self, position: u64) -> Subject {
        let bytes = self
            .entries()
            .and_then(|mut entries| entries.entry(position));
        bytes.map_or_else(
            |_| Subject::entry(position),
            |bytes| subject(position, &bytes),
        )
    }

    fn mark(&self) -> Mark {
        let mut mark = Mark::new(
            &self.identity,
            &self.tree.growing,
            self.files.index.counts(),
            self.reached.since,
            &self.reached.pending,
        );
        mark.proofs_from = self.reached.proofs_from;
        mark
    }

    /// Notes how far the audit is, as long as nothing is wrong.
    pub(super) fn put_mark(&mut self) -> Result<(), Failed> {
        let is_clean = self.report.violations.is_empty() && self.tree.is_clean();
        if !self.files.work.is_lasting() || !is_clean || self.reached.forgets {
            return Ok(());
        }
        // A mark rests on the entries and the mentions before it.
        self.files.sync()?;
        Ok(self.files.work.put_mark(&self.mark())?)
    }

    /// Leaves the audit's end to the next one; where something is wrong, the last one's.
    pub(super) fn keep_for_next(&mut self, is_complete: bool) -> Result<(), Failed> {
        if !self.files.work.is_lasting() {
            return Ok(());
        }
        if !self.report.violations.is_empty() {
            return self.go_back();
        }
        if !is_complete || self.reached.forgets {
            return self.put_mark();
        }
        self.files.sync()?;
        let state = State::new(self.signed.note.clone(), self.mark());
        self.files.work.put_state(&state)?;
        Ok(self.files.work.drop_mark()?)
    }

    /// What was downloaded may be what is wrong.
    fn go_back(&mut self) -> Result<(), Failed> {
        let last = self.start.last.as_ref().map(|last| &last.mark);
        let size = last.map_or(0, |last| last.size);
        let mentions = last.filter(|_| self.start.entries >= size);
        let mentions = mentions.map_or(&[][..], |last| &last.mentions);
        self.files.work.drop_mark()?;
        self.files.index.truncate(mentions)?;
        Ok(self.files.spool.truncate(size.min(self.start.spooled))?)
    }
}

impl Reached {
    /// From a mark on nothing was left out; where more is left out than then, that counts.
    fn from_mark(mark: Mark, since: u64) -> Self {
        Self {
            since: if since <= mark.size {
                mark.since
            } else {
                since
            },
            pending: mark.pending,
            forgets: false,
            proofs_from: mark.proofs_from,
        }
    }
}
