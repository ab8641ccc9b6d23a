//! What a writer may change: whole batches, from where events stand, while it leads.

use oracle_schema::tlog::Growing;
use oracle_schema::tlog::tree::leaf_hash;

use super::*;
use crate::keys::LegKey;
use crate::lifecycle::{self, Input, Step};
use crate::store::lead::NewEntry;
use crate::store::steps::Reason;
use crate::store::{Attempt, OpenRefund, Progress, RoundResult, StoreError};

laws! {
    steps_are_taken_only_from_where_they_begin,
    a_batch_of_steps_is_taken_as_a_whole_or_not_at_all,
    an_event_has_one_intent_and_the_same_again_is_no_conflict,
    a_batch_with_a_conflict_commits_none_of_its_outcomes,
    what_is_published_is_what_the_intent_row_says,
    a_deposed_leader_changes_nothing,
    positions_stay_gapless_whatever_was_rolled_back,
    a_nonce_is_burned_once,
}

fn step(from: State, input: Input<'_>) -> Step {
    let standing = Standing {
        state: from,
        is_vetoed: false,
        maturity: Maturity::from_unix(MATURITY).unwrap(),
        attest_by: at(ATTEST_BY),
    };
    lifecycle::step(&standing, input, at(MATURITY)).unwrap()
}

async fn states(home: &Home) -> Vec<String> {
    let sql = "SELECT event_id || ' ' || state || ' ' || COALESCE(reason, '-') AS text \
               FROM event ORDER BY event_id";
    home.texts(sql).await
}

async fn steps_are_taken_only_from_where_they_begin(home: Home) {
    home.announce("a").await;
    let agree = step(State::Announced, Input::Agree);
    let mut tx = home.store.leader_tx().await.unwrap();
    let reason = Reason::Set("they agree");
    tx.take_steps(&[("a", agree)], reason).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(states(&home).await, ["a provisional they agree"]);
    // Once more, and from a state in which it is not: nothing.
    for stale in [agree, step(State::Held, Input::Agree)] {
        let mut tx = home.store.leader_tx().await.unwrap();
        let reason = Reason::Set("another");
        assert_eq!(tx.try_steps(&[("a", stale)], reason).await.unwrap(), 0);
        tx.commit().await.unwrap();
    }
    // A veto that nobody knew of is another place too.
    let mut tx = home.store.leader_tx().await.unwrap();
    let veto = step(State::Provisional, Input::Veto);
    tx.take_steps(&[("a", veto)], Reason::Keep).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = home.store.leader_tx().await.unwrap();
    let hold = step(State::Held, Input::Agree);
    let taken = tx.try_steps(&[("a", hold)], Reason::Clear).await.unwrap();
    assert_eq!(taken, 0);
    tx.commit().await.unwrap();
    assert_eq!(states(&home).await, ["a held they agree"]);
}

async fn a_batch_of_steps_is_taken_as_a_whole_or_not_at_all(home: Home) {
    for id in ["a", "b", "c"] {
        home.announce(id).await;
    }
    let agree = step(State::Announced, Input::Agree);
    let stale = step(State::Provisional, Input::Hold);
    let batch = [("a", agree), ("b", stale), ("c", agree)];
    let mut tx = home.store.leader_tx().await.unwrap();
    let refused = tx.take_steps(&batch, Reason::Set("no")).await;
    let Err(ChangeError::Moved { expected, found }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((expected, found), (3, 2));
    drop(tx);
    let before = ["a announced -", "b announced -", "c announced -"];
    assert_eq!(states(&home).await, before);
}

async fn end(home: &Home, id: &str, text: &str) -> (Candidate, oracle_schema::Outcome) {
    let candidate = home.candidate(id).await;
    let descriptor = &candidate.announcement().event.descriptor;
    let outcome = descriptor.parse_messages(&[text.to_owned()]).unwrap();
    (candidate, outcome)
}

async fn an_event_has_one_intent_and_the_same_again_is_no_conflict(home: Home) {
    home.announce("a").await;
    let first = [end(&home, "a", "above").await];
    let other = [end(&home, "a", "not_above").await];
    let commit = async |decided| {
        let committed = home.store.commit_outcomes(decided, &[6; 32], at(MATURITY));
        committed.await
    };
    let tickets = commit(&first).await.unwrap();
    assert_eq!(tickets[0].outcome(), &first[0].1);
    for _ in 0..2 {
        match commit(&other).await {
            Err(ChangeError::Conflict { event, existing }) => {
                assert_eq!((event.as_str(), existing.as_str()), ("a", "above"));
            }
            answer => panic!("{answer:?}"),
        }
        assert_eq!(commit(&first).await.unwrap()[0].outcome(), &first[0].1);
    }
    let given_up = [first[0].0.clone()];
    let refund = home.store.commit_refunds(&given_up, "late", at(ATTEST_BY));
    assert!(matches!(
        refund.await,
        Err(ChangeError::Conflict { existing, .. }) if existing == "above"
    ));
    let intents = home.store.intents_after("", 10).await.unwrap();
    assert_eq!(intents.len(), 1);
    assert_eq!(intents[0].messages, ["above"]);
    assert_eq!(states(&home).await, ["a committed -"]);
}

async fn a_batch_with_a_conflict_commits_none_of_its_outcomes(home: Home) {
    home.announce("a").await;
    home.announce("b").await;
    let batch = [
        end(&home, "a", "above").await,
        end(&home, "b", "above").await,
    ];
    let taken = [end(&home, "b", "not_above").await];
    let committed = home.store.commit_outcomes(&taken, &[6; 32], at(MATURITY));
    committed.await.unwrap();
    let before = home.image().await;
    let refused = home
        .store
        .commit_outcomes(&batch, &[6; 32], at(MATURITY))
        .await;
    assert!(matches!(refused, Err(ChangeError::Conflict { event, .. }) if event.as_str() == "b"));
    assert_eq!(home.image().await, before);
}

#[track_caller]
fn deposed<T: std::fmt::Debug>(answer: Result<T, impl Into<ChangeError>>) {
    let error = answer.unwrap_err().into();
    let is = matches!(error, ChangeError::Store(StoreError::Deposed { .. }));
    assert!(is, "{error:?}");
}

async fn what_is_published_is_what_the_intent_row_says(home: Home) {
    home.announce("a").await;
    let signed = [home.signed_outcome("a", "above").await];
    // As after an older database was put in place under a process that has its ticket: the
    // same event was committed again, to another end.
    let other = r#"["not_above"]"#;
    home.execute(&format!("UPDATE intent SET messages = '{other}'"))
        .await;
    let before = home.image().await;
    let refused = home.store.publish_attestations(&signed, at(MATURITY));
    let refused = refused.await;
    let Err(ChangeError::Conflict { existing, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(existing, "not_above");
    let refund = OpenRefund {
        event_id: EventId::parse("a").unwrap(),
        content_hash: [4; 32],
        epoch: 1,
        standing: Standing {
            state: State::Committed,
            is_vetoed: false,
            maturity: Maturity::from_unix(MATURITY).unwrap(),
            attest_by: at(ATTEST_BY),
        },
        reason: "no outcome".to_owned(),
    };
    let refused = home.store.publish_refunds(&[refund], at(ATTEST_BY)).await;
    assert!(
        matches!(refused, Err(ChangeError::Entry { .. })),
        "{refused:?}"
    );
    assert_eq!(home.image().await, before);
}

async fn a_deposed_leader_changes_nothing(home: Home) {
    for id in ["a", "b"] {
        home.announce(id).await;
    }
    let scheduled = new_event("scheduled");
    home.schedule(std::slice::from_ref(&scheduled)).await;
    let decided = [end(&home, "a", "above").await];
    let open = home.candidate("b").await;
    let signed = [home.signed(&scheduled)];
    let due = home
        .store
        .due_announcements(at(MATURITY), 10)
        .await
        .unwrap();
    let rounds = home.store.due_rounds(at(MATURITY), 10).await.unwrap();
    let attempt = Attempt {
        leg_key: leg(),
        maturity: Maturity::from_unix(MATURITY).unwrap(),
        exchanges: Vec::new(),
        decision: Some("{}".to_owned()),
    };
    let pending = RoundResult::Pending {
        due: at(MATURITY + 60),
        reason: "they do not answer".to_owned(),
    };
    // What another process does first.
    home.execute("UPDATE ledger SET epoch = epoch + 1").await;
    let before = home.image().await;
    let now = at(ATTEST_BY);
    let store = &home.store;
    let policies = [([9; 32], b"{}".to_vec())];
    deposed(store.schedule(&[new_event("new")], &[], &[]).await);
    deposed(store.put_series(&[], &[], &policies).await);
    deposed(store.put_providers(&["kraken"]).await);
    deposed(store.publish_announcements(&signed, early()).await);
    deposed(store.withdraw(&due, "too late", now).await);
    deposed(
        store
            .commit_outcomes(&decided, &[6; 32], at(MATURITY))
            .await,
    );
    deposed(
        store
            .commit_refunds(std::slice::from_ref(&open), "late", now)
            .await,
    );
    deposed(store.progress(&open, Progress::Agree, at(MATURITY)).await);
    deposed(store.hold(&open, "look", at(MATURITY)).await);
    deposed(store.note_late(now, 10).await);
    deposed(store.save_attempt(&attempt).await);
    deposed(
        store
            .finish_attempt(&rounds[0], &pending, at(MATURITY))
            .await,
    );
    deposed(store.lease_round(&rounds[0], at(MATURITY)).await);
    deposed(store.close_round(&rounds[0]).await);
    deposed(store.reclaim_rounds(at(MATURITY)).await);
    deposed(store.forget_bodies(now, now).await);
    deposed(store.burn_operator_nonce(&[1; 32], "n", now).await);
    deposed(store.complete_tree(now).await);
    deposed(store.restore_intents(&[]).await);
    assert_eq!(home.image().await, before);
}

pub(super) fn leg() -> LegKey {
    let leg = serde_json::json!({
        "name": "btcusd", "method": "close1m_median", "min_sources": 1, "max_deviation": "0.005",
        "max_trade_age_s": 900, "settle_delay_s": 60,
        "sources": [{"id": "kraken:XBTUSD", "provider": "kraken", "symbol": "XBTUSD", "root": "kraken"}],
    });
    LegKey::of(&serde_json::from_value(leg).unwrap()).unwrap()
}

async fn positions_stay_gapless_whatever_was_rolled_back(home: Home) {
    let store = &home.store;
    home.announce("a").await;
    // A batch that fails after its first event was written.
    let (good, bad) = (new_event("good"), new_event("bad"));
    home.schedule(&[good.clone(), bad.clone()]).await;
    let mut batch = [home.signed(&good), home.signed(&bad)];
    batch[1].announcement.event.nonces = batch[0].announcement.event.nonces.clone();
    let refused = home.publish(&batch).await.unwrap_err();
    let ChangeError::Store(refused) = refused else {
        panic!("{refused}");
    };
    assert!(refused.is_constraint(), "{refused}");
    // Entries that were appended and never committed: the tree in memory has them.
    let (mut tx, reserved) = store.appending_tx(1, early()).await.unwrap();
    let entry = NewEntry {
        entry_type: 1,
        event_id: "a",
        bytes: b"never committed".to_vec(),
    };
    tx.append(&reserved, vec![entry]).await.unwrap();
    drop(tx);
    home.publish(&[home.signed(&good)]).await.unwrap();
    home.attest("a", "above").await;

    let sql = "SELECT position AS text FROM log_entry ORDER BY position";
    let expected: Vec<String> = (0..6).map(|n: u32| n.to_string()).collect();
    assert_eq!(home.texts(sql).await, expected);
    // Heads are where batches ended, and their roots are those of the entries.
    let sizes = home
        .texts("SELECT size AS text FROM head ORDER BY size")
        .await;
    assert_eq!(sizes, ["1", "3", "5", "6"]);
    let entries = "SELECT entry FROM log_entry ORDER BY position";
    let rows = store.db.fetch(entries, args![]).await.unwrap();
    let mut tree = Growing::default();
    for row in &rows {
        tree.append(leaf_hash(&row.get::<Vec<u8>>("entry").unwrap()));
        let stored = store.reader().root_at(tree.size()).await.unwrap();
        assert!(stored.is_none_or(|root| root == tree.root()));
    }
    assert_eq!(store.seen_size(), 6);
}

async fn a_nonce_is_burned_once(home: Home) {
    let (a, b) = (new_event("a"), new_event("b"));
    home.schedule(&[a.clone(), b.clone()]).await;
    let first = home.signed(&a);
    let mut again = home.signed(&b);
    again.announcement.event.nonces = first.announcement.event.nonces.clone();
    home.publish(&[first]).await.unwrap();
    let before = home.image().await;
    assert!(home.publish(&[again]).await.is_err());
    assert_eq!(home.image().await, before);
}
