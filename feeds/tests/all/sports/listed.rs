//! Each adapter is strict about the fields on its lists and deaf to all others.

use crate::deaf::{self, Lists};

use super::football::shootout;
use super::{API_FOOTBALL, AT, FOOTBALL_DATA, MLB, OPENLIGADB, answer, interpret, sample, source};

/// Answers in which every deciding field has a say.
const STRICT: [(&str, &str); 6] = [
    ("openligadb", OPENLIGADB),
    ("football-data", FOOTBALL_DATA),
    ("api-football", API_FOOTBALL),
    ("mlb", MLB),
    ("mlb", sample!("mlb/completed_early.json")),
    (
        "openligadb",
        sample!("openligadb/finished_goals_disagree.json"),
    ),
];

/// Answers in which some have none: the match is not over, or a part stands in
/// for another.
const DEAF: [(&str, &str); 14] = [
    ("openligadb", sample!("openligadb/scheduled.json")),
    ("openligadb", sample!("openligadb/rescheduled.json")),
    ("football-data", sample!("football-data/timed.json")),
    ("football-data", sample!("football-data/in_play.json")),
    ("football-data", sample!("football-data/finished_aet.json")),
    ("football-data", sample!("football-data/postponed.json")),
    ("football-data", sample!("football-data/suspended.json")),
    ("football-data", sample!("football-data/cancelled.json")),
    ("api-football", sample!("api-football/ns.json")),
    ("api-football", sample!("api-football/aet.json")),
    ("api-football", sample!("api-football/pst.json")),
    ("api-football", sample!("api-football/abd.json")),
    ("api-football", sample!("api-football/tbd.json")),
    ("api-football", sample!("api-football/wo.json")),
];

#[track_caller]
fn tried(provider: &str, body: &str, strict: bool) {
    let source = source(provider);
    let read = |body: &str| interpret(&source, &[answer(200, body, AT)]);
    let mut lists = Lists::of(provider);
    if body.starts_with('[') {
        lists = lists.under("[]");
    }
    let tried = deaf::json(body, &lists, &read);
    if strict {
        tried.is_strict_and_deaf();
    } else {
        tried.is_deaf();
    }
}

#[test]
fn finished_matches_are_read_strictly_where_it_counts_and_nowhere_else() {
    for (provider, body) in STRICT {
        tried(provider, body, true);
    }
}

#[test]
fn other_answers_are_deaf_too_and_never_become_another_fact() {
    for (provider, body) in DEAF {
        tried(provider, body, false);
    }
    tried("football-data", &shootout(), false);
    let day = sample!("openligadb/matchday_list.json");
    tried("openligadb", day, true);
}
