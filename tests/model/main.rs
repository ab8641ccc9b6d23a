//! Commit, journal and signature as a model whose every state is looked at: crashes
//! anywhere, a change of the lead, answers that are lost, sources that change their mind,
//! older copies of database and journal.
//!
//! `docs/model.md` says which function of the server each step stands for, what the
//! bounds are, and which laws do not hold under which fault.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod laws;
mod protocol;
mod rules;
mod state;
mod steps;

use laws::{HAPPENS, LAWS, ONE_END, ONE_MESSAGE, PROMISED, SHOWN_STAYS};
use rules::{Rules, Without};
use stateright::{Checker, HasDiscoveries, Model};

/// Looks at every state: the model gets everywhere, and all laws hold but `limits`,
/// each of which is really broken.
fn all_hold_but(what: &str, limits: &[&str], rules: Rules) {
    let checker = rules.checker().spawn_bfs().join();
    println!("{what}: {} states", checker.unique_state_count());
    for law in LAWS {
        let counterexample = checker.discovery(law);
        assert_eq!(
            counterexample.is_some(),
            limits.contains(&law),
            "{what}: {law}: {:?}",
            counterexample.map(stateright::Path::into_actions)
        );
    }
    for happens in HAPPENS {
        let is_possible = rules.servers > 1 || happens != HAPPENS[2];
        assert_eq!(
            checker.discovery(happens).is_some(),
            is_possible,
            "{what}: {happens}"
        );
    }
}

/// Looks at every state: `law` holds, whatever others do.
fn holds(what: &str, law: &'static str, rules: Rules) {
    let rules = Rules { epochs: 2, ..rules };
    let checker = rules.checker().spawn_bfs().join();
    println!("{what}: {} states; {law}", checker.unique_state_count());
    checker.assert_no_discovery(law);
}

/// Looks until it has found a way to break `law`, and says which.
fn is_broken(what: &str, law: &'static str, rules: Rules) {
    let enough = HasDiscoveries::AllOf([law].into());
    // As small as such a way can be: it has to be found, not all of them.
    let rules = Rules { epochs: 2, ..rules };
    let checker = rules.checker().finish_when(enough).spawn_bfs().join();
    let states = checker.unique_state_count();
    let path = checker.assert_any_discovery(law).into_actions();
    println!("{what}: {states} states; {law}, broken by {path:?}");
}

#[test]
fn crashes_and_sources_that_change_their_mind_break_nothing() {
    all_hold_but("one process", &[], Rules::crashes(1));
}

#[test]
fn a_change_of_the_lead_breaks_nothing() {
    all_hold_but("two processes", &[], Rules::crashes(2));
}

#[test]
fn an_older_journal_breaks_nothing() {
    let two = Rules::crashes(2).with_old_journals();
    all_hold_but("two processes, an older journal", &[], two);
}

/// What was shown and not noted by the journal is not missed, and is shown again: the
/// same end.
#[test]
fn an_older_database_makes_one_process_sign_nothing_else() {
    let one = Rules::crashes(1).with_old_databases();
    all_hold_but("one process, an older database", &[SHOWN_STAYS], one);
}

#[test]
fn an_older_database_and_then_an_older_journal_make_one_process_sign_nothing_else() {
    let one = Rules::crashes(1).with_old_databases().with_old_journals();
    all_hold_but("one process, one after the other", &[SHOWN_STAYS], one);
}

#[test]
fn a_restore_that_is_seen_breaks_nothing_once_all_processes_are_stopped() {
    let two = Rules {
        restore_is_seen: true,
        goes_back_under_processes: false,
        ..Rules::crashes(2).with_old_databases()
    };
    all_hold_but("two processes, a restore that is seen", &[], two);
}

#[test]
fn limit_both_go_back() {
    let both = Rules {
        both_go_back: true,
        ..Rules::crashes(1).with_old_databases().with_old_journals()
    };
    is_broken("both go back", ONE_MESSAGE, both);
}

/// Its journal does not know what the other one's promised.
#[test]
fn limit_a_second_journal_does_not_see_that_the_database_alone_went_back() {
    let stopped = Rules {
        goes_back_under_processes: false,
        ..Rules::crashes(2).with_old_databases()
    };
    is_broken("a second journal", ONE_MESSAGE, stopped);
}

/// The number of its epoch is the restored database's: it still leads, and looks at
/// nothing again.
#[test]
fn limit_a_restore_under_a_deposed_leader_gives_the_lead_back_to_it() {
    let under = Rules {
        restore_is_seen: true,
        ..Rules::crashes(2).with_old_databases()
    };
    is_broken("a restore under a leader", ONE_MESSAGE, under);
}

/// After a restore two processes may hold the same epoch.
#[test]
fn what_is_published_is_the_intent_row_s_even_where_an_epoch_comes_again() {
    let unseen = Rules::crashes(2).with_old_databases();
    holds("one epoch twice", PROMISED, unseen);
    let without = unseen.without(&[Without::Comparison]);
    is_broken("one epoch twice, nothing compared", PROMISED, without);
}

#[test]
fn the_lead_is_not_what_safety_rests_on() {
    let without = Rules::crashes(2).without(&[Without::Epoch]);
    all_hold_but("two processes, no epoch", &[], without);
}

#[test]
fn under_the_epoch_the_unique_row_is_a_second_lock() {
    let without = Rules::crashes(2).without(&[Without::UniqueIntent, Without::RowStep]);
    all_hold_but("two processes, no unique row, no step", &[], without);
}

#[test]
fn without_the_epoch_either_the_unique_row_or_the_step_of_the_event_is_enough() {
    let two = Rules::crashes(2);
    let no_row = two.without(&[Without::Epoch, Without::UniqueIntent]);
    all_hold_but("two processes, no epoch, no unique row", &[], no_row);
    let neither = &[Without::Epoch, Without::UniqueIntent, Without::RowStep];
    is_broken(
        "no epoch, no unique row, no step",
        ONE_MESSAGE,
        two.without(neither),
    );
}

#[test]
fn without_reconciling_an_older_journal_forgets_a_promise() {
    let one = Rules::crashes(1).with_old_databases().with_old_journals();
    let without = one.without(&[Without::Reconcile]);
    is_broken("nothing reconciled", ONE_MESSAGE, without);
}

#[test]
fn a_signature_before_the_sync_is_a_promise_that_a_power_cut_forgets() {
    let one = Rules::crashes(1);
    let without = &[Without::Sync];
    is_broken("no sync", PROMISED, one.without(without));
    let old = one.with_old_databases().without(without);
    is_broken("no sync, an older database", ONE_MESSAGE, old);
}

#[test]
fn without_the_journal_an_older_database_signs_anew() {
    let one = Rules::crashes(1).with_old_databases();
    let without = one.without(&[Without::JournalRecord]);
    is_broken("no journal", ONE_END, without);
    is_broken("no journal", ONE_MESSAGE, without);
}
