//! Vectors of the log by hours: what a reader who pinned the identity accepts, and
//! every way to be refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oracle_schema::hour::{HOUR_FORMAT, Hour};
use oracle_schema::tlog::tree::{Appended, leaf_hash};
use serde_json::{Value, json};

use crate::book::Book;
use crate::generate::file;
use crate::generate_bundle::World;
use crate::oracle::TestOracle;

/// What the log of the bundles got in four hours: with its first entry, without one,
/// in the middle, and in the hour that is not over; and which one each names next.
const HOURS: [(&str, u64, u64, Option<&str>); 4] = [
    ("2026-11-22T14", 0, 3, Some("2026-11-22T16")),
    ("2026-11-22T15", 3, 3, Some("2026-11-22T16")),
    ("2026-11-22T16", 3, 7, Some("2026-11-22T17")),
    ("2026-11-22T17", 7, 9, None),
];
/// The hour that the refused ones are made of.
const ASKED: &str = "2026-11-22T16";

/// The tree of a log's first entries.
fn tree(book: &Book, size: u64) -> Appended {
    let mut tree = Appended::default();
    for entry in book.entries.iter().take(usize::try_from(size).unwrap()) {
        tree.append(leaf_hash(entry));
    }
    tree
}

fn base64(hashes: &[[u8; 32]]) -> Vec<String> {
    hashes.iter().map(|hash| STANDARD.encode(hash)).collect()
}

fn hour(book: &Book, (name, first, end, next): (&str, u64, u64, Option<&str>)) -> Hour {
    let mut book = book.clone();
    book.entries.truncate(usize::try_from(end).unwrap());
    let entries = book.entries.iter().skip(usize::try_from(first).unwrap());
    Hour {
        format: HOUR_FORMAT.to_owned(),
        hour: name.to_owned(),
        complete: next.is_some(),
        next: next.map(str::to_owned),
        checkpoint: book.sign(book.head()),
        genesis: book.included(0),
        first,
        left: base64(tree(&book, first).left()),
        entries: entries.map(|entry| STANDARD.encode(entry)).collect(),
    }
}

struct Cases {
    book: Book,
    cases: Vec<Value>,
}

impl Cases {
    fn add(&mut self, name: &str, document: &impl serde::Serialize, more: Value) {
        let mut case = json!({
            "name": name,
            "identity": self.book.identity().to_string(),
            "hour": ASKED,
            "document": document,
            "error": null,
        });
        let object = case.as_object_mut().unwrap();
        if let Value::Object(more) = more {
            object.extend(more);
        }
        self.cases.push(case);
    }

    /// The genuine hour, changed.
    fn refuse(&mut self, name: &str, error: &str, change: impl FnOnce(&mut Hour)) {
        let mut changed = hour(&self.book, HOURS[2]);
        change(&mut changed);
        self.add(name, &changed, json!({ "error": error }));
    }
}

pub(crate) fn cases() -> Value {
    let World { oracle, book } = World::new();
    let mut cases = Cases {
        book,
        cases: Vec::new(),
    };
    accepted(&mut cases);
    about_the_form(&mut cases);
    about_the_log(&mut cases, &oracle);
    about_the_entries(&mut cases);
    about_what_comes_before(&mut cases);
    file(
        "What a log got in an hour (docs/bundles.md). `identity` is what the reader pinned, `hour` \
         what was asked for; `before`, where it is there, the tree with which the hour before \
         ended, as size and subtrees. Where error is not null the hour must be refused, for that \
         reason. `after` is the tree at its end, `types` those of its entries that this version knows, \
         `unknown` the positions of others.",
        &cases.cases,
    )
}

fn accepted(cases: &mut Cases) {
    let names = ["from-the-genesis", "empty", "in-the-middle", "open"];
    for (name, row) in names.into_iter().zip(HOURS) {
        let (asked, first, end, _) = row;
        let (before, after) = (tree(&cases.book, first), tree(&cases.book, end));
        let document = hour(&cases.book, row);
        let range = usize::try_from(first).unwrap()..usize::try_from(end).unwrap();
        let types: Vec<u8> = cases.book.entries[range].iter().map(|e| e[1]).collect();
        cases.add(
            name,
            &document,
            json!({
                "hour": asked,
                "before": { "size": first, "left": base64(before.left()) },
                "after": { "size": end, "left": base64(after.left()) },
                "complete": document.complete,
                "types": types,
            }),
        );
    }
}

fn about_the_form(cases: &mut Cases) {
    cases.add("not-an-object", &json!([]), json!({ "error": "json" }));
    let mut member = serde_json::to_value(hour(&cases.book, HOURS[2])).unwrap();
    member.as_object_mut().unwrap().remove("left");
    cases.add("without-a-member", &member, json!({ "error": "json" }));
    cases.refuse("another-format", "format", |h| {
        "peercoin-dlc-oracle/hour/v2".clone_into(&mut h.format);
    });
    cases.refuse("another-hour", "other-hour", |h| {
        "2026-11-22T15".clone_into(&mut h.hour);
    });
    for (name, next) in [
        ("next-is-earlier", Some("2026-11-22T15")),
        ("next-is-the-same", Some(ASKED)),
        ("next-is-no-hour", Some("../oracle")),
        ("next-is-on-no-day", Some("2026-11-31T05")),
        ("next-is-in-no-day", Some("2026-11-22T24")),
        ("next-is-in-a-year-with-a-sign", Some("+262142-12-31T23")),
        ("over-without-a-next", None),
    ] {
        cases.refuse(name, "next", |h| h.next = next.map(str::to_owned));
    }
    cases.refuse("next-before-it-is-over", "next", |h| h.complete = false);
    cases.refuse("entry-not-base64", "base64", |h| h.entries[1].push('!'));
    cases.refuse("subtree-not-base64", "base64", |h| h.left[0].push('!'));
    cases.refuse("subtree-too-short", "base64", |h| {
        "AAAA".clone_into(&mut h.left[0]);
    });
    cases.refuse("more-subtrees-than-any-tree-has", "base64", |h| {
        h.left = vec![h.left[0].clone(); 64];
    });
    cases.refuse("genesis-not-base64", "base64", |h| {
        h.genesis.entry.push('!');
    });
}

fn about_the_log(cases: &mut Cases, oracle: &TestOracle) {
    let book = cases.book.clone();
    let mut head = book.clone();
    head.entries.truncate(7);
    let other = Book::of(oracle, 8).sign(head.head());
    cases.refuse("signed-by-another-key", "checkpoint", |h| {
        h.checkpoint = other;
    });
    let mut forked = head.head();
    forked.root = [0x55; 32];
    let forked = head.sign(forked);
    cases.refuse("another-root", "inclusion", |h| h.checkpoint = forked);
    cases.refuse("genesis-not-included", "inclusion", |h| {
        h.genesis.hashes.pop();
    });
    cases.refuse("genesis-not-at-leaf-0", "other-entry", |h| {
        h.genesis.leaf_index = 1;
    });
    // Logs that begin otherwise, each with what it really has in that hour.
    let mut headless = book.clone();
    headless.entries[0].clone_from(&book.entries[1]);
    let mut borrowed = Book::empty(7);
    let elsewhere = Book::empty(8).statement(oracle);
    let signature = oracle.sign_digest(&elsewhere.digest().unwrap());
    borrowed.genesis(elsewhere, signature);
    let mut unsigned = Book::empty(7);
    let statement = unsigned.statement(oracle);
    let signature = TestOracle::new("second oracle").sign_digest(&statement.digest().unwrap());
    unsigned.genesis(statement, signature);
    for begun in [&mut borrowed, &mut unsigned] {
        begun.entries.extend_from_slice(&book.entries[1..]);
    }
    for (name, error, log) in [
        ("begins-with-an-announcement", "other-entry", headless),
        ("genesis-of-another-log", "other-log", borrowed),
        ("genesis-not-signed", "entry", unsigned),
    ] {
        cases.add(name, &hour(&log, HOURS[2]), json!({ "error": error }));
    }
}

fn about_the_entries(cases: &mut Cases) {
    cases.refuse("one-subtree-too-few", "left", |h| {
        h.left.pop();
    });
    cases.refuse("first-is-elsewhere", "left", |h| h.first = 4);
    cases.refuse("first-is-more-than-a-log-has", "left", |h| {
        h.first = 1 << 63;
    });
    cases.refuse("another-subtree", "root", |h| h.left.swap(0, 1));
    cases.refuse("one-entry-less", "root", |h| {
        h.entries.pop();
    });
    cases.refuse("one-entry-twice", "root", |h| {
        h.entries.push(h.entries[0].clone());
    });
    cases.refuse("entries-in-another-order", "root", |h| h.entries.swap(0, 1));
    let announced = cases.book.entries[1].clone();
    cases.refuse("entry-of-another-hour", "root", |h| {
        h.entries[3] = STANDARD.encode(announced);
    });
    // The log has an entry that is none.
    let mut log = cases.book.clone();
    log.entries[4].truncate(40);
    cases.add(
        "entry-cut-short",
        &hour(&log, HOURS[2]),
        json!({ "error": "entry" }),
    );
    // Or one that a later version of this format knows: the others count.
    for (name, bytes) in [
        ("entry-of-a-later-version", vec![2, 1]),
        ("entry-of-a-later-type", vec![1, 99]),
        ("notice-of-a-later-kind", vec![1, 3, 99]),
    ] {
        let mut log = cases.book.clone();
        log.entries[4] = bytes;
        let mut types: Vec<u8> = log.entries[3..7].iter().map(|e| e[1]).collect();
        types.remove(1);
        let after = tree(&log, 7);
        cases.add(
            name,
            &hour(&log, HOURS[2]),
            json!({
                "after": { "size": 7, "left": base64(after.left()) },
                "complete": true,
                "types": types,
                "unknown": [4],
            }),
        );
    }
}

fn about_what_comes_before(cases: &mut Cases) {
    let document = hour(&cases.book, HOURS[2]);
    let mut fork = cases.book.clone();
    fork.entries.swap(1, 2);
    let trees = [
        ("one-entry-is-missing", tree(&cases.book, 2)),
        ("one-entry-was-there-already", tree(&cases.book, 4)),
        ("goes-on-from-another-log", tree(&fork, 3)),
    ];
    for (name, before) in trees {
        let before = json!({ "size": before.size(), "left": base64(before.left()) });
        cases.add(name, &document, json!({ "before": before, "error": "gap" }));
    }
}
