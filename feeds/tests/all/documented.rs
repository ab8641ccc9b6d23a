//! `docs/feeds.md` lists what the adapters look at, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use oracle_feeds::{provider, provider_names};

const PAGE: &str = include_str!("../../../docs/feeds.md");

/// Field and class (`decides`, `takes away`) of each table row, by the heading
/// that the table stands under.
fn documented() -> BTreeMap<&'static str, BTreeSet<(&'static str, &'static str)>> {
    let mut sections = BTreeMap::<_, BTreeSet<_>>::new();
    let mut heading = "";
    for line in PAGE.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            heading = name.trim();
        } else if let Some(row) = line.strip_prefix("| `") {
            let (field, rest) = row.split_once("` |").unwrap();
            let class = rest.split('|').next().unwrap().trim();
            let is_new = sections.entry(heading).or_default().insert((field, class));
            assert!(is_new, "{heading}: {field} is listed twice");
        }
    }
    sections
}

#[test]
fn the_page_lists_what_each_adapter_looks_at() {
    let mut sections = documented();
    for name in provider_names() {
        let adapter = provider(name).unwrap();
        let classes = [
            (adapter.deciding(), "decides"),
            (adapter.hints(), "takes away"),
        ];
        let of = |(fields, class): (&[&'static str], _)| {
            let rows: Vec<_> = fields.iter().map(|field| (*field, class)).collect();
            rows
        };
        let listed: BTreeSet<_> = classes.into_iter().flat_map(of).collect();
        let shown = sections.remove(name).unwrap_or_default();
        assert_eq!(shown, listed, "docs/feeds.md on {name}");
    }
    let unknown: Vec<_> = sections.keys().collect();
    assert!(unknown.is_empty(), "no adapter is called {unknown:?}");
}
