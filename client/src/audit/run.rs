//! One audit from beginning to end: reading and checking the entries, then the log as a whole.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::disk::Failed;
use super::entries::{self, Checked, Raw, Rules};
use super::fetch::{Stop, Stretch, stretch};
use super::head::{self, Identity, NoHead, Pinned, Signed};
use super::index::Kind;
use super::replay::Linked;
use super::report::Report;
use super::session::{Files, Session};
use super::source::Source;
use super::spool::SpoolReader;
use super::state::{MOST_PENDING, Mark, Work};
use super::tree::broken_bundle;
use super::verdict::shrunk;
use super::{AuditError, AuditOptions, Progress, parallel};

/// Entries that are checked together: tiles enough that files are fetched
/// beside the checking, few enough to hold.
const STRETCH: u64 = 16 * 256;
/// Stretches between two marks.
const STRETCHES_A_MARK: u64 = 16;

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
    let dir = work.dir().to_path_buf();
    let in_directory = |failed: Failed| failed.in_directory(&dir);
    let files = Files::open(work)
        .map_err(Failed::from)
        .map_err(in_directory)?;
    let begun = Session::begin(source, options, files, (identity, signed), last, report);
    let mut session = begun.map_err(in_directory)?;
    session
        .read_then_judge(progress)
        .await
        .map_err(in_directory)?;
    Ok(session.report)
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

impl Session<'_> {
    async fn read_then_judge(
        &mut self,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(), Failed> {
        self.retry_missing_evidence().await?;
        let is_read = self.read(progress).await?;
        if is_read {
            self.tree.edge(self.source).await;
            self.check_tree().await?;
            self.check_whole_log().await?;
            self.check_third_parties()?;
            self.check_anchors().await;
        }
        self.report.totals.tiles += self.tree.compared;
        let is_compared = self.tree.missing.is_empty();
        self.report
            .violations
            .extend(self.tree.violations.drain(..));
        self.report.missing.extend(self.tree.missing.drain(..));
        self.keep_for_next(is_read && is_compared)
    }

    /// Reads and checks what is new. Whether that was all of it.
    async fn read(&mut self, progress: &(dyn Fn(Progress) + Sync)) -> Result<bool, Failed> {
        let spooled = self.files.spool.count();
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
                    self.report_stop(stop).await?;
                    return Ok(false);
                }
            };
            let raws = self.append(range.start, stretch)?;
            let next = self.next_range(range.end);
            let ahead = self.fetch(next.clone(), spooled);
            let (ahead, checked) =
                tokio::join!(ahead, self.check(raws, |p| p >= self.reached.since));
            let (checked, linked) = checked?;
            self.absorb(checked, linked)?;
            (range, fetched) = (next, ahead?);
            let done = self.tree.growing.size();
            if number % STRETCHES_A_MARK == 0 {
                self.put_mark()?;
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
    ) -> Result<Result<Stretch, Stop>, Failed> {
        if range.is_empty() {
            return Ok(Ok(Stretch::default()));
        }
        let reader = self.entries()?;
        let total = self.signed.checkpoint.size;
        Ok(stretch(self.source, range, total, Some((reader, spooled))).await)
    }

    /// Keeps the entries of a stretch, and puts them into the tree.
    fn append(&mut self, start: u64, stretch: Stretch) -> Result<Arc<Vec<Raw>>, Failed> {
        self.tree.append(&stretch);
        let raws = (start..).zip(stretch.entries);
        let raws: Vec<Raw> = raws
            .map(|(position, bytes)| Raw { position, bytes })
            .collect();
        let spooled = self.files.spool.count();
        for raw in raws.iter().filter(|raw| raw.position >= spooled) {
            self.files.spool.push(&raw.bytes)?;
        }
        self.files.spool.flush()?;
        Ok(Arc::new(raws))
    }

    /// Checks entries, and what those that are due rest on.
    async fn check(
        &self,
        raws: Arc<Vec<Raw>>,
        due: impl Fn(u64) -> bool,
    ) -> Result<(Vec<Checked>, Linked), Failed> {
        let (key, jobs, since) = (
            self.identity.public_key,
            self.options.jobs,
            self.reached.since,
        );
        let spool = self.files.spool.dir().to_path_buf();
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
        let mut checked = checked.map_err(io::Error::other)??;
        let links = checked.iter_mut().filter_map(|c| c.link.take()).collect();
        let linked = self.replayer.check(links, due).await?;
        Ok((checked, linked))
    }

    fn absorb(&mut self, checked: Vec<Checked>, linked: Linked) -> Result<(), Failed> {
        for entry in checked {
            self.report.totals.add(&entry.totals);
            self.report.violations.extend(entry.violations);
            for mention in entry.mentions {
                if mention.kind == Kind::Proven {
                    let first = self.reached.proofs_from.unwrap_or(mention.position);
                    self.reached.proofs_from = Some(mention.position.min(first));
                }
                self.files.index.push(mention)?;
            }
        }
        self.absorb_linked(linked, |_| true)
    }

    fn absorb_linked(&mut self, linked: Linked, keep: impl Fn(Kind) -> bool) -> Result<(), Failed> {
        let mentions = linked.mentions.into_iter();
        for mention in mentions.filter(|mention| keep(mention.kind)) {
            self.files.index.push(mention)?;
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
            if self.reached.pending.len() < MOST_PENDING {
                self.reached.pending.push(position);
            } else {
                self.reached.forgets = true;
            }
        }
        Ok(())
    }

    /// Asks again for the evidence that earlier audits could not have.
    async fn retry_missing_evidence(&mut self) -> Result<(), Failed> {
        let pending = std::mem::take(&mut self.reached.pending);
        if pending.is_empty() {
            return Ok(());
        }
        let mut reader = self.entries()?;
        let raws = pending.into_iter().map(|position| {
            let bytes = reader.entry(position)?;
            Ok(Raw { position, bytes })
        });
        let raws: io::Result<Vec<Raw>> = raws.collect();
        let raws = Arc::new(raws?);
        let (_, linked) = self.check(raws, |_| true).await?;
        // The log itself was checked then.
        self.absorb_linked(linked, |kind| kind == Kind::Claimed)
    }

    /// Says why the log cannot be read further.
    async fn report_stop(&mut self, stop: Stop) -> Result<(), Failed> {
        match stop {
            Stop::Absent(finding) => self.report.missing.add(finding),
            Stop::Bundle(tile, entries) => {
                let findings = broken_bundle(self.source, tile, &entries).await;
                self.report.violations.extend(findings);
            }
            Stop::Io(e) => return Err(e.into()),
        }
        Ok(())
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
