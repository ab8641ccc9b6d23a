//! The end of an audit: what the log as a whole comes to, and what is left to
//! the next one.

use std::io;

use oracle_schema::log_entry::LogEntry;
use oracle_schema::operator::{Approval, Verb};
use oracle_schema::tlog::tree::leaf_hash;
use oracle_schema::tlog::{Checkpoint, Growing};
use sha2::{Digest, Sha256};

use super::documents::Known;
use super::events::{self, Law, Unfinished};
use super::head::Signed;
use super::report::{Finding, MOST_LISTED, Subject, Waiting};
use super::run::Run;
use super::state::{Mark, State, Work};
use super::tree::{first_other, is_continued};
use super::{AuditError, third_party};

/// What is wrong if the log is smaller than it was, or another.
pub(super) fn shrunk(
    work: &Work,
    last: &State,
    signed: &Signed,
) -> Result<Option<Finding>, AuditError> {
    let Some(old) = last.checkpoint() else {
        return Ok(None);
    };
    let new = &signed.checkpoint;
    let why = if new.size < old.size {
        let (new, old) = (new.size, old.size);
        format!("covers {new} entries; the audit before saw {old}")
    } else if new.size == old.size && new.root != old.root {
        let size = old.size;
        format!("has another root over {size} entries than the one audited before: a split view")
    } else {
        return Ok(None);
    };
    split_view(work, last, signed, &why).map(Some)
}

/// Names the files in which both notes are kept.
fn split_view(
    work: &Work,
    last: &State,
    signed: &Signed,
    why: &str,
) -> Result<Finding, AuditError> {
    let kept = work.keep_notes(&last.checkpoint, &signed.note)?;
    let kept = kept.map(|dir| format!("; both signed notes are in {}", dir.display()));
    let why = format!("{why}{}", kept.unwrap_or_default());
    Ok(Finding::new(Subject::Checkpoint, why))
}

impl Run<'_> {
    /// Whether the tree is the one that was signed, and that of the last audit
    /// continued.
    pub(super) async fn judge(&mut self) -> Result<(), AuditError> {
        let checkpoint = self.signed.checkpoint.clone();
        let mut tree = std::mem::take(&mut self.tree);
        let name = |position| self.named(position);
        tree.judge(self.source, &checkpoint, name).await;
        self.tree = tree;
        let Some(old) = self.last.as_ref().and_then(State::checkpoint) else {
            return Ok(());
        };
        let is_old_continued = if self.tree.growing.root() == checkpoint.root {
            self.continues || self.is_rebuilt(&old)?
        } else {
            is_continued(self.source, &old, &checkpoint).await
        };
        if !is_old_continued {
            self.forked(&old, &checkpoint).await?;
        }
        Ok(())
    }

    /// Whether the entries as read begin with those under an earlier head. A tree
    /// that does not go on from that head says nothing about it.
    fn is_rebuilt(&self, old: &Checkpoint) -> Result<bool, AuditError> {
        let mut reader = self.reader()?;
        let mut tree = Growing::default();
        for position in 0..old.size {
            let entry = reader.entry(position).map_err(|e| self.file(e))?;
            tree.append(leaf_hash(&entry));
        }
        Ok(tree.root() == old.root)
    }

    async fn forked(&mut self, old: &Checkpoint, new: &Checkpoint) -> Result<(), AuditError> {
        if let Some(last) = &self.last {
            let why = format!(
                "its {} entries do not continue the {} audited before: a split view",
                new.size, old.size
            );
            let finding = split_view(&self.work, last, &self.signed, &why)?;
            self.report.violations.add(finding);
        }
        let other = first_other(self.source, self.reader()?, old.size, new.size).await;
        if let Some(position) = other.map_err(|e| self.file(e))? {
            let why = "is not the entry audited before";
            let finding = Finding::new(self.named(position), why);
            self.report.violations.add(finding);
        }
        Ok(())
    }

    /// Nonces, event ids, ends and times over the whole log.
    pub(super) async fn whole(&mut self) -> Result<(), AuditError> {
        self.facts.flush().map_err(|e| self.file(e))?;
        let (facts, jobs) = (self.facts.reader(), self.options.jobs);
        let law = Law {
            now: self.options.now,
            proofs_from: self.proofs_from,
        };
        let whole = tokio::task::spawn_blocking(move || events::check(&facts, jobs, law)).await;
        let whole = whole.map_err(io::Error::other).flatten();
        let whole = whole.map_err(|e| self.file(e))?;
        for (position, why) in whole.wrong {
            let finding = Finding::new(self.named(position), why);
            self.report.violations.add(finding);
        }
        self.report.open = whole.open;
        for refund in whole.early {
            if !self.is_carried_out(&refund.operated)? {
                let why = format!(
                    "comes {} s before the event had to be given up, and no operator's approved proposal to void it is in an earlier entry",
                    refund.early_s
                );
                let finding = Finding::new(self.named(refund.position), why);
                self.report.violations.add(finding);
            }
        }
        for event in whole.unfinished {
            self.unfinished(event).await?;
        }
        Ok(())
    }

    /// Whether one of these requests proposes to void, and another operator's
    /// approves that.
    fn is_carried_out(&self, operated: &[u64]) -> Result<bool, AuditError> {
        let mut reader = self.reader()?;
        let mut proposed: Vec<([u8; 32], [u8; 32])> = Vec::new();
        for position in operated {
            let bytes = reader.entry(*position).map_err(|e| self.file(e))?;
            let Ok(LogEntry::OperatorAction(action)) = LogEntry::from_bytes(&bytes) else {
                continue;
            };
            if action.verb == Verb::Void {
                proposed.push((Sha256::digest(&action.body).into(), action.public_key));
            } else if let Ok(approval) = Approval::parse(&action.body) {
                let by_another = |(body, key): &([u8; 32], [u8; 32])| {
                    *body == approval.report && *key != action.public_key
                };
                if proposed.iter().any(by_another) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// A matured event without an end: waiting, or overdue.
    async fn unfinished(&mut self, mut event: Unfinished) -> Result<(), AuditError> {
        let is_listed = self.report.waiting.len() < MOST_LISTED;
        if event.due().is_none() || is_listed {
            let bytes = self.reader()?.entry(event.position);
            let bytes = bytes.map_err(|e| self.file(e))?;
            let Ok(LogEntry::Announcement {
                policy_hash,
                announcement,
            }) = LogEntry::from_bytes(&bytes)
            else {
                return Ok(());
            };
            if event.due().is_none() {
                event.give_up_s = self.give_up_s(&policy_hash, event.position).await?;
            }
            if event.overdue(Subject::entry(0), self.options.now).is_none() && is_listed {
                self.report.waiting.push(Waiting {
                    event_id: announcement.event.event_id,
                    position: event.position,
                    maturity: i64::from(event.maturity),
                    due: event.due(),
                });
            }
        }
        match event.overdue(self.named(event.position), self.options.now) {
            Some(finding) => self.report.violations.add(finding),
            None => self.report.waiting_count += 1,
        }
        Ok(())
    }

    /// Seconds to the refund by a policy that was not there, or not asked for;
    /// zero if it cannot be had.
    async fn give_up_s(&mut self, hash: &[u8; 32], position: u64) -> Result<u32, AuditError> {
        let known = self.chain.policy(hash).await;
        let (known, is_new) = known.map_err(|e| self.file(e))?;
        let subject = Subject::Policy {
            hash: hex::encode(hash),
            position,
        };
        match known {
            Known::Read(document) => return Ok(document.policy.give_up_after_s),
            // Said before, unless this is the first time that it is asked for.
            Known::Wrong(why) if is_new => {
                self.report.violations.add(Finding::new(subject, why));
            }
            Known::Absent(why) if is_new => self.report.missing.add(Finding::new(subject, why)),
            Known::Wrong(_) | Known::Absent(_) => {}
        }
        Ok(0)
    }

    pub(super) fn third_parties(&mut self) -> Result<(), AuditError> {
        let Some(dir) = self.options.also.clone() else {
            return Ok(());
        };
        let key = self.identity.public_key;
        let (facts, reader) = (self.facts.reader(), self.reader()?);
        let checked = third_party::check(&dir, key, &facts, reader, &mut self.report);
        checked.map_err(|e| super::state::work(&dir.display().to_string(), e))
    }

    fn reached(&self) -> Mark {
        let mut mark = Mark::new(
            &self.identity,
            &self.tree.growing,
            self.facts.counts(),
            self.since,
            &self.pending,
        );
        mark.proofs_from = self.proofs_from;
        mark
    }

    /// Notes how far the audit is, as long as nothing is wrong.
    pub(super) fn mark(&mut self) -> Result<(), AuditError> {
        let is_clean = self.report.violations.is_empty() && self.tree.is_clean();
        if !self.work.is_kept() || !is_clean || self.forgets {
            return Ok(());
        }
        self.sync()?;
        self.work.put_mark(&self.reached())
    }

    /// A mark rests on the entries and the facts before it.
    fn sync(&mut self) -> Result<(), AuditError> {
        self.spool.sync().map_err(|e| self.file(e))?;
        self.facts.sync().map_err(|e| self.file(e))
    }

    /// Keeps the audit's end, or goes back to the last one's.
    pub(super) fn leave(&mut self, is_whole: bool) -> Result<(), AuditError> {
        if !self.work.is_kept() {
            return Ok(());
        }
        if !self.report.violations.is_empty() {
            // What was downloaded may be what is wrong.
            let last = self.last.as_ref().map(|last| &last.mark);
            let size = last.map_or(0, |last| last.size);
            let (audited, entries) = self.begun;
            let facts = last.filter(|_| audited >= size);
            let facts = facts.map_or_else(Vec::new, |last| last.facts.clone());
            self.work.drop_mark()?;
            let cut = self.facts.truncate(&facts);
            cut.map_err(|e| self.file(e))?;
            let cut = self.spool.truncate(size.min(entries));
            return cut.map_err(|e| self.file(e));
        }
        if !is_whole || self.forgets {
            return self.mark();
        }
        self.sync()?;
        let state = State::new(self.signed.note.clone(), self.reached());
        self.work.put_state(&state)?;
        self.work.drop_mark()
    }
}
