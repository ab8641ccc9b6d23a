//! The protocol as a graph: which steps there are from each state.

use stateright::{Model, Property};

use super::laws;
use super::rules::{Rules, Without};
use super::state::{End, Phase, Row, Work, World};
use super::steps::Reply;

/// One step of a process, or of the world around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    TakeLead(usize),
    Read(usize),
    Pass(usize),
    Decide(usize, End),
    Commit(usize, Reply),
    Finish(usize),
    Write(usize),
    Sync(usize),
    Sign(usize),
    Publish(usize, Reply),
    Note(usize),
    /// The process alone is gone: what it wrote stays in the page cache.
    Kill(usize),
    /// The machine is gone: what was not synced is lost.
    CutPower(usize),
    /// `attest_by` comes.
    Expire,
    CopyDatabase,
    RestoreDatabase,
    CopyJournal(usize),
    RestoreJournal(usize),
}

impl Model for Rules {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::default()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if !world.is_expired {
            actions.push(Action::Expire);
        }
        for i in 0..self.servers {
            self.steps(world, i, actions);
            if world.servers[i].phase != Phase::Down {
                actions.push(Action::Kill(i));
                if self.power_cuts {
                    actions.push(Action::CutPower(i));
                }
            }
        }
        self.restores(world, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = *world;
        match action {
            Action::TakeLead(i) => next.take_lead(i),
            Action::Read(i) => next.read(i, self),
            Action::Kill(i) => next.stop(i),
            Action::CutPower(i) => {
                next.stop(i);
                next.journals[i].lose_unsynced();
            }
            Action::Pass(i) => {
                let Phase::Read(intent) = world.servers[i].phase else {
                    return None;
                };
                next.pass(i, intent, self);
            }
            Action::Expire => next.is_expired = true,
            Action::CopyDatabase => next.database_copy = Some(world.database),
            Action::RestoreDatabase => {
                next.database = world.database_copy?;
                next.database.is_foreign = self.restore_is_seen;
                next.has_database_gone_back = true;
                next.forget_comparison();
            }
            Action::CopyJournal(i) => {
                let index = u8::try_from(i).ok()?;
                let mut copy = world.journals[i];
                copy.sync();
                next.journal_copy = Some((index, copy));
            }
            Action::RestoreJournal(i) => {
                next.journals[i] = world.journal_copy?.1;
                next.has_journal_gone_back = true;
                next.forget_comparison();
            }
            Action::Decide(i, _)
            | Action::Commit(i, _)
            | Action::Finish(i)
            | Action::Write(i)
            | Action::Sync(i)
            | Action::Sign(i)
            | Action::Publish(i, _)
            | Action::Note(i) => self.work(&mut next, i, action)?,
        }
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        laws::properties()
    }
}

impl Rules {
    /// What process `i` may do next.
    fn steps(&self, world: &World, i: usize, actions: &mut Vec<Action>) {
        let replies = [Reply::Done, Reply::Lost];
        match world.servers[i].phase {
            Phase::Down | Phase::Standby => {
                if world.database.epoch < self.epochs {
                    actions.push(Action::TakeLead(i));
                }
            }
            Phase::Took => actions.push(Action::Read(i)),
            Phase::Read(_) => actions.push(Action::Pass(i)),
            Phase::Leading(work) => match work {
                Work::Idle if world.database.row == Row::Committed => {
                    actions.push(Action::Finish(i));
                }
                // What it reads of its sources may differ from try to try.
                Work::Idle if world.database.row == Row::Undecided => {
                    let ends: &[End] = if world.is_expired {
                        &[End::Refund]
                    } else {
                        &[End::Yes, End::No]
                    };
                    actions.extend(ends.iter().map(|end| Action::Decide(i, *end)));
                }
                Work::Idle => {}
                Work::Decided(_) => actions.extend(replies.map(|r| Action::Commit(i, r))),
                Work::Ticket(end) if self.lacks(Without::JournalRecord) && end != End::Refund => {
                    actions.push(Action::Sign(i));
                }
                Work::Ticket(_) => actions.push(Action::Write(i)),
                Work::Written(end) => {
                    actions.push(Action::Sync(i));
                    if self.lacks(Without::Sync) && end != End::Refund {
                        actions.push(Action::Sign(i));
                    }
                }
                Work::Durable(End::Refund) | Work::Signed(_) => {
                    actions.extend(replies.map(|r| Action::Publish(i, r)));
                }
                Work::Durable(_) => actions.push(Action::Sign(i)),
                Work::Shown => actions.push(Action::Note(i)),
            },
        }
    }

    /// Does one of a leader's steps.
    fn work(&self, next: &mut World, i: usize, action: Action) -> Option<()> {
        let Phase::Leading(work) = next.servers[i].phase else {
            return None;
        };
        match (action, work) {
            (Action::Decide(_, end), Work::Idle) => {
                next.servers[i].phase = Phase::Leading(Work::Decided(end));
            }
            (Action::Finish(_), Work::Idle) => {
                let work = next.database.intent.map_or(Work::Idle, Work::Ticket);
                next.servers[i].phase = Phase::Leading(work);
            }
            (Action::Commit(_, reply), Work::Decided(end)) => next.commit(i, end, reply, self),
            (Action::Write(_), Work::Ticket(end)) => next.write(i, end),
            (Action::Sync(_), Work::Written(end)) => next.sync(i, end),
            (Action::Sign(_), Work::Ticket(end) | Work::Written(end) | Work::Durable(end)) => {
                next.sign(i, end);
            }
            (Action::Publish(_, reply), Work::Durable(end) | Work::Signed(end)) => {
                next.publish(i, end, reply, self);
            }
            (Action::Note(_), Work::Shown) => {
                next.note_head(i);
                next.servers[i].phase = Phase::Leading(Work::Idle);
            }
            _ => return None,
        }
        Some(())
    }

    /// What is put back, once each.
    fn restores(&self, world: &World, actions: &mut Vec<Action>) {
        let may_follow =
            |other_went_back: bool| !other_went_back || world.is_reconciled || self.both_go_back;
        if self.database_goes_back && !world.has_database_gone_back {
            if world.database_copy.is_none() {
                actions.push(Action::CopyDatabase);
            } else if may_follow(world.has_journal_gone_back)
                && (self.goes_back_under_processes || world.is_quiet())
            {
                actions.push(Action::RestoreDatabase);
            }
        }
        if !self.journal_goes_back || world.has_journal_gone_back {
            return;
        }
        match world.journal_copy {
            None => actions.extend((0..self.servers).map(Action::CopyJournal)),
            Some((index, _)) => {
                let i = usize::from(index);
                let is_down = world.servers[i].phase == Phase::Down;
                if is_down && may_follow(world.has_database_gone_back) {
                    actions.push(Action::RestoreJournal(i));
                }
            }
        }
    }
}

impl World {
    fn is_quiet(&self) -> bool {
        self.servers.iter().all(|s| s.phase == Phase::Down)
    }

    /// What was compared before a restore says nothing about what is there now.
    fn forget_comparison(&mut self) {
        self.is_reconciled = false;
        for server in &mut self.servers {
            server.has_compared = false;
        }
    }
}
