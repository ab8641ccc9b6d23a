//! Lists: every event once however many pages, and filtered as one would in memory.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::*;
use crate::lifecycle::{self, Input, Step};
use crate::store::read::{EventFilter, EventState, EventView, listed};
use crate::store::steps::Reason;
use crate::store::{PublishedFilter, ReadStore};

laws! {
    pages_have_every_event_once_while_others_are_added,
    a_filtered_list_is_the_list_filtered_in_memory,
    messages_are_listed_as_the_published_events_in_memory,
    counts_are_those_of_the_rows,
    no_filter_reads_the_events_that_it_leaves_out,
}

/// Where the time stands when lists are read.
const NOW: i64 = MATURITY + 30;

/// The `n`th of many events: of several kinds and series, several at one maturity.
fn one_of_many(n: u32) -> NewEvent {
    let maturity = MATURITY + i64::from(n % 7) * 10 - i64::from(n % 3);
    NewEvent {
        series: (!n.is_multiple_of(4)).then(|| format!("s{}", n % 4)),
        kind: if n.is_multiple_of(2) {
            "threshold"
        } else {
            "match"
        },
        maturity: Maturity::from_unix(maturity).unwrap(),
        search: (!n.is_multiple_of(5)).then(|| format!("who wins no. {n}?")),
        ..new_event(&format!("e-{:03}-X{}", (n * 37) % 101, n % 2))
    }
}

fn key(event: &EventView) -> (Maturity, String) {
    (event.maturity, event.event_id.to_string())
}

async fn list(reader: &ReadStore, filter: &EventFilter) -> Vec<EventView> {
    reader.events(filter, at(NOW)).await.unwrap()
}

async fn pages_have_every_event_once_while_others_are_added(home: Home) {
    let reader = home.store.reader();
    let mut next = 0..;
    let mut more = async |count| {
        let events: Vec<NewEvent> = next.by_ref().take(count).map(one_of_many).collect();
        home.schedule(&events).await;
    };
    more(30).await;
    for latest_first in [false, true] {
        let mut filter = EventFilter {
            latest_first,
            limit: 1000,
            ..EventFilter::default()
        };
        let there: BTreeSet<_> = list(&reader, &filter).await.iter().map(key).collect();
        filter.limit = 7;
        let mut seen = Vec::new();
        loop {
            let page: Vec<_> = list(&reader, &filter).await.iter().map(key).collect();
            let Some(last) = page.last() else { break };
            filter.after = Some(last.clone());
            seen.extend(page);
            more(3).await;
        }
        assert!(seen.is_sorted_by(|a, b| if latest_first { a > b } else { a < b }));
        let seen: BTreeSet<_> = seen.into_iter().collect();
        assert!(there.is_subset(&seen), "{:?}", there.difference(&seen));
    }
}

/// Brings an event to a state; the steps are those of a real one.
fn way(event: &NewEvent, to: State) -> Vec<Step> {
    let outcome = oracle_schema::Outcome::Enum("above".to_owned());
    let void = oracle_schema::Outcome::Enum("void".to_owned());
    let inputs: &[Input<'_>] = match to {
        State::Scheduled => &[],
        State::Withdrawn => &[Input::Withdraw],
        State::Announced => &[Input::Announce],
        State::Provisional => &[Input::Announce, Input::Agree],
        State::Held => &[Input::Announce, Input::Hold],
        State::Committed => &[Input::Announce, Input::Commit],
        State::Attested => &[Input::Announce, Input::Commit, Input::Attest(&outcome)],
        State::Voided => &[Input::Announce, Input::Commit, Input::Attest(&void)],
        State::Refund => &[Input::Announce, Input::Commit, Input::Refund],
    };
    let mut standing = Standing {
        state: State::Scheduled,
        is_vetoed: false,
        maturity: event.maturity,
        attest_by: event.attest_by,
    };
    let take = |input: &Input<'_>| {
        let now = match input {
            Input::Announce => early(),
            _ => at(event.maturity.unix()),
        };
        let step = lifecycle::step(&standing, *input, now).unwrap();
        standing.state = step.to();
        step
    };
    inputs.iter().map(take).collect()
}

/// Forty events in all states; answers what each is found by besides its name.
async fn many(home: &Home) -> BTreeMap<String, Option<String>> {
    let events: Vec<NewEvent> = (0..40).map(one_of_many).collect();
    home.schedule(&events).await;
    let mut tx = home.store.leader_tx().await.unwrap();
    for (event, to) in events.iter().zip(State::ALL.into_iter().cycle()) {
        for step in way(event, to) {
            let steps = [(event.event_id.as_str(), step)];
            tx.take_steps(&steps, Reason::Keep).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
    let search = |e: NewEvent| (e.event_id.to_string(), e.search);
    events.into_iter().map(search).collect()
}

fn some<T: Clone + std::fmt::Debug + 'static>(values: Vec<T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::of(proptest::sample::select(values))
}

/// Times around the maturities, most of them within a second.
fn times() -> impl Strategy<Value = Option<DateTime<Utc>>> {
    let millis = (MATURITY - 10) * 1000..(MATURITY + 70) * 1000;
    let time = |ms: i64| DateTime::from_timestamp_millis(ms - ms % 500).unwrap();
    proptest::option::of(millis.prop_map(time))
}

fn filters(ids: Vec<String>) -> impl Strategy<Value = EventFilter> {
    let states = vec![
        EventState::Scheduled,
        EventState::Announced,
        EventState::Matured,
        EventState::Provisional,
        EventState::Held,
        EventState::Committed,
        EventState::Attested,
        EventState::Voided,
        EventState::Refund,
        EventState::Withdrawn,
    ];
    let texts = |of: &[&str]| -> Vec<String> { of.iter().map(|&t| t.to_owned()).collect() };
    let maturity = (MATURITY - 10..MATURITY + 70).prop_map(|s| Maturity::from_unix(s).unwrap());
    let after = (maturity, proptest::sample::select(ids));
    (
        some(states),
        some(texts(&["threshold", "match", "election"])),
        some(texts(&["s1", "s2", "none"])),
        (times(), times(), times()),
        some(texts(&[
            "e-0", "E-0", "X1", "x1", "no. 1", "WINS", "%", "_", "'",
        ])),
        proptest::option::of(after),
        any::<bool>(),
        1_i64..50,
    )
        .prop_map(
            |(state, kind, series, times, q, after, latest_first, limit)| EventFilter {
                state,
                kind,
                series,
                from: times.0,
                matures_after: times.1,
                to: times.2,
                q,
                after,
                latest_first,
                limit,
            },
        )
}

/// What a filter leaves of all events, earliest first.
fn in_memory(
    all: &[EventView],
    searches: &BTreeMap<String, Option<String>>,
    filter: &EventFilter,
) -> Vec<(Maturity, String)> {
    let time = |e: &EventView| e.maturity.to_datetime();
    let found = |event: &EventView, q: &str| {
        let id = event.event_id.as_str();
        let search = searches[id].as_deref().unwrap_or_default();
        id.contains(q) || search.contains(&q.to_lowercase())
    };
    let mut left: Vec<_> = all
        .iter()
        .filter(|e| filter.state.is_none_or(|state| e.state == state))
        .filter(|e| filter.kind.as_ref().is_none_or(|kind| e.kind == *kind))
        .filter(|e| filter.series.is_none() || e.series == filter.series)
        .filter(|e| filter.from.is_none_or(|from| time(e) >= from))
        .filter(|e| filter.matures_after.is_none_or(|after| time(e) > after))
        .filter(|e| filter.to.is_none_or(|to| time(e) <= to))
        .filter(|e| filter.q.as_ref().is_none_or(|q| found(e, q)))
        .map(key)
        .collect();
    left.sort();
    if filter.latest_first {
        left.reverse();
    }
    if let Some(after) = &filter.after {
        left.retain(|at| {
            if filter.latest_first {
                at < after
            } else {
                at > after
            }
        });
    }
    left.truncate(usize::try_from(filter.limit).unwrap());
    left
}

async fn counts_are_those_of_the_rows(home: Home) {
    many(&home).await;
    // A batch that is not committed counts for nothing, and neither does a name that is there.
    let mut tx = home.store.leader_tx().await.unwrap();
    let [step, ..] = way(&one_of_many(0), State::Attested)[..] else {
        panic!("no way");
    };
    let id = one_of_many(0).event_id;
    tx.try_steps(&[(id.as_str(), step)], Reason::Keep)
        .await
        .unwrap();
    drop(tx);
    home.schedule(&[one_of_many(0)]).await;
    let kept = "SELECT state || ' ' || events AS text FROM event_count WHERE events <> 0 \
                ORDER BY state";
    let rows = "SELECT state || ' ' || COUNT(*) AS text FROM event GROUP BY state ORDER BY state";
    assert_eq!(home.texts(kept).await, home.texts(rows).await);
}

async fn no_filter_reads_the_events_that_it_leaves_out(home: Home) {
    let Db::Sqlite { .. } = home.store.db else {
        // Postgres plans by what it has counted, and here it has seen nothing.
        return;
    };
    let of = |state: Option<EventState>, kind: Option<&str>, series: Option<&str>| EventFilter {
        state,
        kind: kind.map(str::to_owned),
        series: series.map(str::to_owned),
        limit: 50,
        ..EventFilter::default()
    };
    let (held, attested) = (Some(EventState::Held), Some(EventState::Attested));
    for (filter, index) in [
        (of(None, None, None), "event_by_maturity"),
        (of(held, None, None), "event_unattested"),
        (of(held, Some("match"), None), "event_unattested"),
        (of(None, Some("match"), None), "event_by_kind"),
        (of(attested, Some("match"), None), "event_by_kind"),
        (of(None, None, Some("s1")), "event_by_series"),
        (of(attested, None, Some("s1")), "event_by_series"),
        (of(None, Some("match"), Some("s1")), "event_by_series"),
        (of(attested, Some("match"), Some("s1")), "event_by_series"),
    ] {
        for latest_first in [false, true] {
            let filter = EventFilter {
                latest_first,
                ..filter.clone()
            };
            let (sql, args) = listed(&filter, early());
            let plan = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let rows = home.store.db.fetch(plan, args).await.unwrap();
            let steps: Vec<String> = rows.iter().map(|r| r.get("detail").unwrap()).collect();
            assert!(steps[0].contains(index), "{filter:?}: {steps:?}");
            // In the order of the list, without sorting what was found.
            assert!(!steps.join(" ").contains("TEMP"), "{filter:?}: {steps:?}");
        }
    }
}

async fn a_filtered_list_is_the_list_filtered_in_memory(home: Home) {
    let searches = many(&home).await;
    let reader = home.store.reader();
    let everything = EventFilter {
        limit: 1000,
        ..EventFilter::default()
    };
    let all = list(&reader, &everything).await;
    assert_eq!(all.len(), searches.len());
    let ids = searches.keys().cloned().collect();
    let holds = |filter: EventFilter| {
        let listed = block_in_place(|| Handle::current().block_on(list(&reader, &filter)));
        let listed: Vec<_> = listed.iter().map(key).collect();
        prop_assert_eq!(listed, in_memory(&all, &searches, &filter));
        Ok(())
    };
    let mut runner = TestRunner::new(Config::with_cases(300));
    runner.run(&filters(ids), holds).unwrap();
}

async fn messages_are_listed_as_the_published_events_in_memory(home: Home) {
    let _ = many(&home).await;
    let reader = home.store.reader();
    let everything = EventFilter {
        limit: 1000,
        ..EventFilter::default()
    };
    let hidden = [EventState::Scheduled, EventState::Withdrawn];
    let mut all = list(&reader, &everything).await;
    all.retain(|e| !hidden.contains(&e.state));
    let wanted = (
        some(vec!["s1", "s2", "none"]),
        times(),
        times(),
        any::<bool>(),
        0_i64..30,
        1_i64..30,
    );
    let holds = |(series, matures_after, matured_by, latest_first, skip, limit)| {
        let filter = PublishedFilter {
            series,
            matures_after,
            matured_by,
            before: None,
            latest_first,
            skip,
            limit,
        };
        let listed = reader.published(&filter);
        let listed = block_in_place(|| Handle::current().block_on(listed)).unwrap();
        let listed: Vec<_> = listed
            .iter()
            .map(|e| (e.maturity, e.event_id.to_string()))
            .collect();
        let mut due: Vec<_> = all
            .iter()
            .filter(|e| series.is_none() || e.series.as_deref() == series)
            .map(key)
            .filter(|(at, _)| matures_after.is_none_or(|after| at.to_datetime() > after))
            .filter(|(at, _)| matured_by.is_none_or(|by| at.to_datetime() <= by))
            .collect();
        due.sort();
        if latest_first {
            due.reverse();
        }
        let [skip, limit] = [skip, limit].map(|n| usize::try_from(n).unwrap());
        let due: Vec<_> = due.into_iter().skip(skip).take(limit).collect();
        prop_assert_eq!(listed, due);
        Ok(())
    };
    let mut runner = TestRunner::new(Config::with_cases(100));
    runner.run(&wanted, holds).unwrap();
}
