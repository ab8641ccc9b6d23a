//! The end of an audit: what the log as a whole comes to.

use std::io;

use oracle_schema::log_entry::LogEntry;
use oracle_schema::operator::{Approval, Verb};
use oracle_schema::tlog::tree::leaf_hash;
use oracle_schema::tlog::{Checkpoint, Growing};
use sha2::{Digest, Sha256};

use super::disk::{Failed, InFile as _};
use super::documents::Known;
use super::events::{self, Law, Unfinished};
use super::head::Signed;
use super::report::{Finding, MOST_LISTED, Subject, Waiting};
use super::session::Session;
use super::state::{State, Work};
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

/// Names the files in which both notes are.
fn split_view(
    work: &Work,
    last: &State,
    signed: &Signed,
    why: &str,
) -> Result<Finding, AuditError> {
    let notes = work.put_notes(&last.checkpoint, &signed.note)?;
    let saved = notes.map(|dir| format!("; both signed notes are in {}", dir.display()));
    let why = format!("{why}{}", saved.unwrap_or_default());
    Ok(Finding::new(Subject::Checkpoint, why))
}

impl Session<'_> {
    /// Whether the tree is the one that was signed, and that of the last audit
    /// continued.
    pub(super) async fn check_tree(&mut self) -> Result<(), Failed> {
        let checkpoint = self.signed.checkpoint.clone();
        let mut tree = std::mem::take(&mut self.tree);
        let name = |position| self.subject_at(position);
        tree.judge(self.source, &checkpoint, name).await;
        self.tree = tree;
        let Some(old) = self.start.last.as_ref().and_then(State::checkpoint) else {
            return Ok(());
        };
        let is_old_continued = if self.tree.growing.root() == checkpoint.root {
            self.start.continues_last || self.is_rebuilt(&old)?
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
    fn is_rebuilt(&self, old: &Checkpoint) -> Result<bool, Failed> {
        let mut reader = self.entries()?;
        let mut tree = Growing::default();
        for position in 0..old.size {
            let entry = reader.entry(position)?;
            tree.append(leaf_hash(&entry));
        }
        Ok(tree.root() == old.root)
    }

    async fn forked(&mut self, old: &Checkpoint, new: &Checkpoint) -> Result<(), Failed> {
        if let Some(last) = &self.start.last {
            let why = format!(
                "its {} entries do not continue the {} audited before: a split view",
                new.size, old.size
            );
            let finding = split_view(&self.files.work, last, &self.signed, &why)?;
            self.report.violations.add(finding);
        }
        let other = first_other(self.source, self.entries()?, old.size, new.size).await?;
        if let Some(position) = other {
            let why = "is not the entry audited before";
            let finding = Finding::new(self.subject_at(position), why);
            self.report.violations.add(finding);
        }
        Ok(())
    }

    /// Nonces, event ids, ends and times over the whole log.
    pub(super) async fn check_whole_log(&mut self) -> Result<(), Failed> {
        self.files.index.flush()?;
        let (index, jobs) = (self.files.index.reader(), self.options.jobs);
        let law = Law {
            now: self.options.now,
            proofs_from: self.reached.proofs_from,
        };
        let whole = tokio::task::spawn_blocking(move || events::check(&index, jobs, law)).await;
        let whole = whole.map_err(io::Error::other)??;
        for (position, why) in whole.wrong {
            let finding = Finding::new(self.subject_at(position), why);
            self.report.violations.add(finding);
        }
        self.report.open = whole.open;
        for refund in whole.early {
            if !self.is_carried_out(&refund.operated)? {
                let why = format!(
                    "comes {} s before the event had to be given up, and no operator's approved proposal to void it is in an earlier entry",
                    refund.early_s
                );
                let finding = Finding::new(self.subject_at(refund.position), why);
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
    fn is_carried_out(&self, operated: &[u64]) -> Result<bool, Failed> {
        let mut reader = self.entries()?;
        let mut proposed: Vec<([u8; 32], [u8; 32])> = Vec::new();
        for position in operated {
            let bytes = reader.entry(*position)?;
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
    async fn unfinished(&mut self, mut event: Unfinished) -> Result<(), Failed> {
        let is_listed = self.report.waiting.len() < MOST_LISTED;
        if event.due().is_none() || is_listed {
            let bytes = self.entries()?.entry(event.position)?;
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
        match event.overdue(self.subject_at(event.position), self.options.now) {
            Some(finding) => self.report.violations.add(finding),
            None => self.report.waiting_count += 1,
        }
        Ok(())
    }

    /// Seconds to the refund by a policy that was not there, or not asked for;
    /// zero if it cannot be had.
    async fn give_up_s(&mut self, hash: &[u8; 32], position: u64) -> Result<u32, Failed> {
        let (known, is_new) = self.replayer.policy(hash).await?;
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

    /// Other people's messages, where a directory of them is given.
    pub(super) fn check_third_parties(&mut self) -> Result<(), Failed> {
        let Some(dir) = self.options.also.clone() else {
            return Ok(());
        };
        let key = self.identity.public_key;
        let (index, entries) = (self.files.index.reader(), self.entries()?);
        let checked = third_party::check(&dir, key, &index, entries, &mut self.report);
        Ok(checked.in_file(&dir)?)
    }
}
