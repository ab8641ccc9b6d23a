//! One audit from beginning to end.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::entries::{self, Checked, Raw, Rules, subject};
use super::fetch::{Stop, Stretch, stretch};
use super::head::{self, Identity, NoHead, Pinned, Signed};
use super::index::{Facts, Kind};
use super::replay::{Chain, Linked};
use super::report::{Report, Subject};
use super::source::Source;
use super::spool::{Spool, SpoolReader};
use super::state::{MOST_PENDING, Mark, State, Work, furthest, work};
use super::tree::{Tree, broken_bundle};
use super::verdict::shrunk;
use super::{AuditError, AuditOptions, Progress, parallel};

/// Entries that are checked together: tiles enough that files are fetched
/// beside the checking, few enough to hold.
const STRETCH: u64 = 16 * 256;
/// Stretches between two marks.
const STRETCHES_A_MARK: u64 = 16;

/// Everything an audit works with.
pub(super) struct Run<'a> {
    pub(super) source: &'a Source,
    pub(super) options: &'a AuditOptions,
    pub(super) work: Work,
    pub(super) identity: Identity,
    pub(super) signed: Signed,
    /// The state of the last audit.
    pub(super) last: Option<State>,
    /// The tree goes on from that of the state, not from a mark or from nothing.
    pub(super) continues: bool,
    /// Entries in the tree, and in the spool, that were there before.
    pub(super) begun: (u64, u64),
    pub(super) since: u64,
    pub(super) tree: Tree,
    pub(super) spool: Spool,
    pub(super) facts: Facts,
    pub(super) chain: Chain,
    pub(super) pending: Vec<u64>,
    /// The first entry that proves nonces.
    pub(super) proofs_from: Option<u64>,
    /// More evidence is missing than is remembered.
    pub(super) forgets: bool,
    pub(super) report: Report,
}

pub(super) async fn run(
    source: &Source,
    options: &AuditOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, AuditError> {
    let work = Work::open(options.state.as_deref())?;
    let last = work.state()?;
    let mut report = Report::default();
    let marks = [last.as_ref().map(|last| last.mark.clone()), work.mark()];
    let known = marks.iter().flatten().find_map(Mark::identity);
    let (identity, signed) = match open(source, options, known).await {
        Ok(opened) => opened,
        Err(no_head) => {
            match no_head {
                NoHead::Wrong(finding) => report.violations.add(finding),
                NoHead::Absent(finding) => report.missing.add(finding),
            }
            return Ok(report);
        }
    };
    report.head = Some(signed.head(&identity));
    if let Some(last) = &last
        && let Some(finding) = shrunk(&work, last, &signed)?
    {
        report.violations.add(finding);
        return Ok(report);
    }
    let mut run = Run::new(source, options, work, (identity, signed), last, report)?;
    run.all(progress).await?;
    Ok(run.report)
}

/// The head, signed by the keys of the genesis or of the last audit.
async fn open(
    source: &Source,
    options: &AuditOptions,
    known: Option<Identity>,
) -> Result<(Identity, Signed), NoHead> {
    let (note, text) = head::note(source).await?;
    let pinned = Pinned {
        identity: options.identity.as_ref(),
        key: options.key,
    };
    let identity = match known {
        Some(identity) => head::expected(identity, pinned)?,
        None => head::identity(source, note.checkpoint().size, pinned).await?,
    };
    let signed = head::signed(&note, text, &identity)?;
    Ok((identity, signed))
}

impl<'a> Run<'a> {
    fn new(
        source: &'a Source,
        options: &'a AuditOptions,
        work: Work,
        (identity, signed): (Identity, Signed),
        last: Option<State>,
        report: Report,
    ) -> Result<Self, AuditError> {
        let dir = work.dir().to_path_buf();
        let file = |e| file(&dir, e);
        let mut spool = Spool::open(work.dir()).map_err(file)?;
        let mut facts = Facts::open(&work.dir().join("facts")).map_err(file)?;
        let chain = Chain::new(source.clone(), &work.dir().join("policies")).map_err(file)?;
        // What a mark rests on may have been lost with a disk, or not copied.
        let usable = |mark: &Mark| {
            let is_ours = mark.identity().as_ref() == Some(&identity)
                && mark.since <= options.since
                && mark.size <= signed.checkpoint.size;
            Ok(is_ours && spool.holds(mark.size)? && facts.holds(&mark.facts, mark.size)?)
        };
        let audited = last.as_ref().map_or(0, |last| last.mark.size);
        let marks = [last.as_ref().map(|last| last.mark.clone()), work.mark()];
        let mark = furthest(marks.into_iter().flatten(), usable).map_err(file)?;
        let resumed = mark.and_then(|mark| Some((mark.tree()?, mark)));
        let continues = match (&resumed, &last) {
            (Some((_, mark)), Some(last)) => *mark == last.mark,
            (_, last) => last.is_none(),
        };
        let kept = resumed.as_ref().map(|(_, mark)| mark.facts.clone());
        let proofs_from = resumed.as_ref().and_then(|(_, mark)| mark.proofs_from);
        facts.truncate(&kept.unwrap_or_default()).map_err(file)?;
        let (tree, since, pending) = match resumed {
            // From there on nothing was left out.
            Some((tree, mark)) if options.since <= mark.size => (tree, mark.since, mark.pending),
            Some((tree, mark)) => (tree, options.since, mark.pending),
            None => Default::default(),
        };
        // What came after may have been lost in a power cut, whole or in part.
        let read = tree.size().max(audited).min(signed.checkpoint.size);
        spool.truncate(read).map_err(file)?;
        let begun = (tree.size(), spool.count());
        let mut report = report;
        report.from = tree.size().max(options.since);
        Ok(Self {
            source,
            options,
            since: if tree.size() == 0 {
                options.since
            } else {
                since
            },
            tree: Tree::resume(tree),
            work,
            identity,
            signed,
            last,
            continues,
            begun,
            spool,
            facts,
            chain,
            pending,
            proofs_from,
            forgets: false,
            report,
        })
    }

    async fn all(&mut self, progress: &(dyn Fn(Progress) + Sync)) -> Result<(), AuditError> {
        self.again().await?;
        let is_read = self.read(progress).await?;
        if is_read {
            self.tree.edge(self.source).await;
            self.judge().await?;
            self.whole().await?;
            self.third_parties()?;
            self.anchors().await;
        }
        self.report.totals.tiles += self.tree.compared;
        let is_compared = self.tree.missing.is_empty();
        self.report
            .violations
            .extend(self.tree.violations.drain(..));
        self.report.missing.extend(self.tree.missing.drain(..));
        self.leave(is_read && is_compared)
    }

    /// Reads and checks what is new. Whether that was all of it.
    async fn read(&mut self, progress: &(dyn Fn(Progress) + Sync)) -> Result<bool, AuditError> {
        let spooled = self.spool.count();
        let total = self.signed.checkpoint.size;
        let mut range = self.next_range(self.tree.growing.size());
        let mut fetched = self.fetch(range.clone(), spooled).await?;
        for number in 1_u64.. {
            if range.is_empty() {
                break;
            }
            let stretch = match fetched {
                Ok(stretch) => stretch,
                Err(stop) => {
                    self.stopped(stop).await?;
                    return Ok(false);
                }
            };
            let raws = self.take(range.start, stretch)?;
            let next = self.next_range(range.end);
            let ahead = self.fetch(next.clone(), spooled);
            let (ahead, checked) = tokio::join!(ahead, self.check(raws, |p| p >= self.since));
            let (checked, linked) = checked?;
            self.absorb(checked, linked)?;
            (range, fetched) = (next, ahead?);
            let done = self.tree.growing.size();
            if number % STRETCHES_A_MARK == 0 {
                self.mark()?;
            }
            progress(Progress { done, total });
        }
        Ok(true)
    }

    /// The next stretch; empty at the end.
    fn next_range(&self, from: u64) -> Range<u64> {
        let total = self.signed.checkpoint.size;
        from..(from / STRETCH + 1).saturating_mul(STRETCH).min(total)
    }

    async fn fetch(
        &self,
        range: Range<u64>,
        spooled: u64,
    ) -> Result<Result<Stretch, Stop>, AuditError> {
        if range.is_empty() {
            return Ok(Ok(Stretch::default()));
        }
        let reader = self.reader()?;
        let total = self.signed.checkpoint.size;
        Ok(stretch(self.source, range, total, Some((reader, spooled))).await)
    }

    /// Keeps the entries of a stretch, and puts them into the tree.
    fn take(&mut self, start: u64, stretch: Stretch) -> Result<Arc<Vec<Raw>>, AuditError> {
        self.tree.append(&stretch);
        let raws = (start..).zip(stretch.entries);
        let raws: Vec<Raw> = raws
            .map(|(position, bytes)| Raw { position, bytes })
            .collect();
        let spooled = self.spool.count();
        for raw in raws.iter().filter(|raw| raw.position >= spooled) {
            self.spool.push(&raw.bytes).map_err(|e| self.file(e))?;
        }
        self.spool.flush().map_err(|e| self.file(e))?;
        Ok(Arc::new(raws))
    }

    /// Checks entries, and what those that are due rest on.
    async fn check(
        &self,
        raws: Arc<Vec<Raw>>,
        due: impl Fn(u64) -> bool,
    ) -> Result<(Vec<Checked>, Linked), AuditError> {
        let (key, jobs, since) = (self.identity.public_key, self.options.jobs, self.since);
        let spool = self.spool.dir().to_path_buf();
        let all = move || {
            let each = |reader: &mut io::Result<SpoolReader>, raw: &Raw| {
                let signatures = raw.position >= since;
                entries::check(raw, Rules { key, signatures }, |at| {
                    earlier(&raws, reader, at)
                })
            };
            let checked = parallel::map(jobs, &raws, || SpoolReader::open(&spool), each);
            checked.into_iter().collect::<io::Result<Vec<Checked>>>()
        };
        let checked = tokio::task::spawn_blocking(all).await;
        let checked = checked.map_err(io::Error::other).flatten();
        let mut checked = checked.map_err(|e| self.file(e))?;
        let links = checked.iter_mut().filter_map(|c| c.link.take()).collect();
        let linked = self.chain.check(links, due).await;
        Ok((checked, linked.map_err(|e| self.file(e))?))
    }

    fn absorb(&mut self, checked: Vec<Checked>, linked: Linked) -> Result<(), AuditError> {
        for entry in checked {
            self.report.totals.add(&entry.totals);
            self.report.violations.extend(entry.violations);
            for fact in entry.facts {
                if fact.kind == Kind::Proven {
                    let first = self.proofs_from.unwrap_or(fact.position);
                    self.proofs_from = Some(fact.position.min(first));
                }
                self.facts
                    .push(fact)
                    .map_err(|e| file(self.work.dir(), e))?;
            }
        }
        self.absorb_linked(linked, |_| true)
    }

    fn absorb_linked(
        &mut self,
        linked: Linked,
        keep: impl Fn(Kind) -> bool,
    ) -> Result<(), AuditError> {
        for fact in linked.facts.into_iter().filter(|fact| keep(fact.kind)) {
            self.facts
                .push(fact)
                .map_err(|e| file(self.work.dir(), e))?;
        }
        self.report.totals.add(&linked.totals);
        self.report.violations.extend(linked.violations);
        for (late, event) in linked.lateness {
            self.report.lateness.add(late, event.as_str());
        }
        let mut positions = BTreeSet::from_iter(linked.waiting);
        for (position, finding) in linked.missing {
            self.report.missing.add(finding);
            positions.insert(position);
        }
        for position in positions {
            if self.pending.len() < MOST_PENDING {
                self.pending.push(position);
            } else {
                self.forgets = true;
            }
        }
        Ok(())
    }

    /// Asks again for the evidence that earlier audits could not have.
    async fn again(&mut self) -> Result<(), AuditError> {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return Ok(());
        }
        let mut reader = self.reader()?;
        let raws = pending.into_iter().map(|position| {
            let bytes = reader.entry(position)?;
            Ok(Raw { position, bytes })
        });
        let raws: io::Result<Vec<Raw>> = raws.collect();
        let raws = Arc::new(raws.map_err(|e| self.file(e))?);
        let (_, linked) = self.check(raws, |_| true).await?;
        // The log itself was checked then.
        self.absorb_linked(linked, |kind| kind == Kind::Claimed)
    }

    /// Says why the log cannot be read further.
    async fn stopped(&mut self, stop: Stop) -> Result<(), AuditError> {
        match stop {
            Stop::Absent(finding) => self.report.missing.add(finding),
            Stop::Bundle(tile, entries) => {
                let findings = broken_bundle(self.source, tile, &entries).await;
                self.report.violations.extend(findings);
            }
            Stop::Io(e) => return Err(self.file(e)),
        }
        Ok(())
    }

    pub(super) fn reader(&self) -> Result<SpoolReader, AuditError> {
        SpoolReader::open(self.spool.dir()).map_err(|e| self.file(e))
    }

    pub(super) fn file(&self, e: io::Error) -> AuditError {
        file(self.work.dir(), e)
    }

    /// The entry at a position, named.
    pub(super) fn named(&self, position: u64) -> Subject {
        let bytes = self.reader().ok().and_then(|mut r| r.entry(position).ok());
        bytes.map_or_else(
            || Subject::entry(position),
            |bytes| subject(position, &bytes),
        )
    }
}

/// An entry before the ones at hand, or one of them.
fn earlier(raws: &[Raw], reader: &mut io::Result<SpoolReader>, at: u64) -> io::Result<Vec<u8>> {
    let first = raws.first().map_or(0, |raw| raw.position);
    let here = at
        .checked_sub(first)
        .and_then(|n| raws.get(usize::try_from(n).ok()?));
    if let Some(raw) = here.filter(|raw| raw.position == at) {
        return Ok(raw.bytes.clone());
    }
    match reader {
        Ok(reader) => reader.entry(at),
        Err(e) => Err(io::Error::new(e.kind(), e.to_string())),
    }
}

fn file(dir: &Path, e: io::Error) -> AuditError {
    work(&dir.display().to_string(), e)
}
