//! Vectors of bundles: what a reader who pinned the identity accepts, and every
//! way to be refused.

use oracle_schema::bundle::{Bundle, Consistency};
use oracle_schema::tlog::Checkpoint;
use serde_json::{Value, json};

use crate::book::Book;
use crate::events::{choice, digits};
use crate::generate::file;
use crate::generate_nonce_proof::prove;
use crate::oracle::TestOracle;

pub(crate) const T: u32 = 1_795_363_200;
const MATCH: &str = "bl1-2026-r9-fcb-bvb";
const PRICE: &str = "ppcusd-daily@2026-11-22T16:00:00Z";
const OPEN: &str = "open";
const GONE: &str = "gone";

/// The log that the vectors are of, and where things stand in it.
pub(crate) struct World {
    pub(crate) oracle: TestOracle,
    pub(crate) book: Book,
}

/// Positions in the log.
pub(crate) const ANNOUNCED: u64 = 1;
const PRICE_ANNOUNCED: u64 = 2;
const OPEN_ANNOUNCED: u64 = 3;
const GONE_ANNOUNCED: u64 = 4;
pub(crate) const ATTESTED: u64 = 5;
const PRICE_ATTESTED: u64 = 6;
const REFUNDED: u64 = 7;

impl World {
    pub(crate) fn new() -> Self {
        let oracle = TestOracle::new("first oracle");
        let mut book = Book::of(&oracle, 7);
        let cup = oracle.announce(MATCH, T, choice(&["home", "draw", "away", "void"]));
        let price = oracle.announce(PRICE, T, digits(2, false, 20));
        let open = oracle.announce(OPEN, T, choice(&["yes", "no"]));
        let gone = oracle.announce(GONE, T, choice(&["yes", "no"]));
        for announced in [&cup, &price, &open, &gone] {
            book.announce(&announced.announcement);
        }
        book.attest(ANNOUNCED, &oracle.attest(&cup, &["draw".to_owned()]));
        let bits: Vec<String> = format!("{:020b}", 251_873)
            .chars()
            .map(String::from)
            .collect();
        book.attest(PRICE_ANNOUNCED, &oracle.attest(&price, &bits));
        book.refund(GONE);
        // Somebody else's event, so that nothing above is the last entry.
        let later = oracle.announce("later", T, choice(&["yes", "no"]));
        book.announce(&later.announcement);
        Self { oracle, book }
    }

    pub(crate) fn bundle(&self) -> Bundle {
        self.book.bundle(MATCH, ANNOUNCED, Some(ATTESTED))
    }
}

/// What the reader remembers, for the cases about it.
fn known(head: &Checkpoint) -> Value {
    json!({ "size": head.size, "root": hex::encode(head.root) })
}

struct Cases<'a> {
    world: &'a World,
    cases: Vec<Value>,
}

impl Cases<'_> {
    fn add(&mut self, name: &str, bundle: &Bundle, expected: Value) {
        let mut case = json!({
            "name": name,
            "identity": self.world.book.identity().to_string(),
            "bundle": bundle,
            "error": null,
        });
        let object = case.as_object_mut().unwrap();
        if let Value::Object(more) = expected {
            object.extend(more);
        }
        self.cases.push(case);
    }

    /// The genuine bundle, changed.
    fn refuse(&mut self, name: &str, error: &str, change: impl FnOnce(&mut Bundle)) {
        let mut bundle = self.world.bundle();
        change(&mut bundle);
        self.add(name, &bundle, json!({ "error": error }));
    }
}

pub(crate) fn cases() -> Value {
    let world = World::new();
    let mut cases = Cases {
        world: &world,
        cases: Vec::new(),
    };
    accepted(&mut cases);
    about_the_checkpoint(&mut cases);
    about_the_genesis(&mut cases);
    about_the_messages(&mut cases);
    about_what_was_seen_before(&mut cases);
    about_the_nonces(&mut cases);
    file(
        "Bundles (docs/bundles.md). `identity` is what the reader pinned; `known`, where it is \
         there, the checkpoint that the reader saw before. Where error is not null the bundle must \
         be refused, for that reason. `outcome` is the attested one, null if there is none; \
         `refunded` says that the log has a notice of it, `nonces_proven` that the bundle proves \
         that the announcer knows the nonces.",
        &cases.cases,
    )
}

fn accepted(cases: &mut Cases<'_>) {
    let book = &cases.world.book;
    let price = book.bundle(PRICE, PRICE_ANNOUNCED, Some(PRICE_ATTESTED));
    let open = book.bundle(OPEN, OPEN_ANNOUNCED, None);
    let mut gone = book.bundle(GONE, GONE_ANNOUNCED, None);
    gone.notice = Some(book.included(REFUNDED));
    let bundle = cases.world.bundle();
    cases.add("attested", &bundle, json!({ "outcome": "draw" }));
    cases.add("attested-digits", &price, json!({ "outcome": "251873" }));
    cases.add("announced", &open, json!({ "outcome": null }));
    cases.add(
        "refunded",
        &gone,
        json!({ "outcome": null, "refunded": true }),
    );
}

fn about_the_checkpoint(cases: &mut Cases<'_>) {
    let other = Book::of(&cases.world.oracle, 8);
    let head = cases.world.book.head();
    let signed_by_another = other.sign(head.clone());
    cases.refuse("signed-by-another-key", "checkpoint", |b| {
        b.checkpoint = signed_by_another;
    });
    cases.refuse("of-another-origin", "checkpoint", |b| {
        b.checkpoint = b
            .checkpoint
            .replace("oracle.example/log", "oracle.example/lag");
    });
    cases.refuse("another-size", "checkpoint", |b| {
        b.checkpoint = b.checkpoint.replacen("\n9\n", "\n8\n", 1);
    });
    let fork = Checkpoint {
        root: [0x55; 32],
        ..head
    };
    let forked = cases.world.book.sign(fork);
    cases.refuse("another-root", "inclusion", |b| b.checkpoint = forked);
    cases.refuse("another-format", "format", |b| {
        "peercoin-dlc-oracle/bundle/v2".clone_into(&mut b.format);
    });
}

fn about_the_genesis(cases: &mut Cases<'_>) {
    let (oracle, book) = (&cases.world.oracle, &cases.world.book);
    // A log whose first entry names another log key, signed by the true oracle key.
    let mut borrowed = Book::empty(7);
    let elsewhere = Book::empty(8).statement(oracle);
    let signature = oracle.sign_digest(&elsewhere.digest().unwrap());
    borrowed.genesis(elsewhere, signature);
    borrowed.entries.extend_from_slice(&book.entries[1..]);
    let borrowed = borrowed.bundle(MATCH, ANNOUNCED, Some(ATTESTED));
    // One whose genesis the oracle key did not sign.
    let mut unsigned = Book::empty(7);
    let statement = unsigned.statement(oracle);
    let signature = TestOracle::new("second oracle").sign_digest(&statement.digest().unwrap());
    unsigned.genesis(statement, signature);
    unsigned.entries.extend_from_slice(&book.entries[1..]);
    let unsigned = unsigned.bundle(MATCH, ANNOUNCED, Some(ATTESTED));
    // One of another oracle, which has this one's announcements in it.
    let mut other = Book::of(&TestOracle::new("second oracle"), 7);
    other.entries.extend_from_slice(&book.entries[1..]);
    let other = other.bundle(MATCH, ANNOUNCED, Some(ATTESTED));
    let elsewhere = book.included(ANNOUNCED);
    cases.add(
        "genesis-of-another-log",
        &borrowed,
        json!({ "error": "other-log" }),
    );
    cases.add("genesis-not-signed", &unsigned, json!({ "error": "entry" }));
    cases.add(
        "genesis-of-another-key",
        &other,
        json!({ "error": "other-key" }),
    );
    cases.refuse("genesis-not-at-leaf-0", "other-entry", |b| {
        b.genesis = elsewhere;
    });
    cases.refuse("genesis-not-included", "inclusion", |b| {
        b.genesis.hashes.pop();
    });
}

fn about_the_messages(cases: &mut Cases<'_>) {
    let (oracle, book) = (&cases.world.oracle, &cases.world.book);
    let [open, price, attested_price, refund] =
        [OPEN_ANNOUNCED, PRICE_ANNOUNCED, PRICE_ATTESTED, REFUNDED].map(|n| book.included(n));
    let later = book.included(8);
    // A log that announces what the oracle key did not sign.
    let mut liar = book.clone();
    let mut forged = oracle
        .announce("forged", T, choice(&["yes", "no"]))
        .announcement;
    forged.event.event_id = "another".parse().unwrap();
    let at = liar.announce(&forged);
    let liar = liar.bundle("another", at, None);
    cases.add(
        "announcement-not-signed",
        &liar,
        json!({ "error": "announcement-signature" }),
    );
    cases.refuse("announcement-of-another-event", "other-event", |b| {
        b.announcement = open.clone();
    });
    cases.refuse("announcement-is-an-attestation", "other-entry", |b| {
        b.announcement = attested_price.clone();
    });
    cases.refuse("proof-of-another-entry", "inclusion", |b| {
        b.announcement.hashes.clone_from(&open.hashes);
    });
    cases.refuse("position-of-another-entry", "inclusion", |b| {
        b.announcement.leaf_index = price.leaf_index;
    });
    cases.refuse("attestation-of-another-event", "other-announcement", |b| {
        b.attestation = Some(attested_price.clone());
    });
    cases.refuse("attestation-is-an-announcement", "other-entry", |b| {
        b.attestation = Some(later.clone());
    });
    cases.refuse("attestation-not-included", "inclusion", |b| {
        if let Some(attestation) = &mut b.attestation {
            attestation.hashes.reverse();
        }
    });
    cases.refuse("notice-of-another-event", "other-event", |b| {
        b.attestation = None;
        b.notice = Some(refund.clone());
    });
    cases.refuse("attested-and-refunded", "two-ends", |b| {
        b.notice = Some(refund.clone());
    });
    cases.refuse("another-policy", "policy", |b| b.policy.push(' '));
    cases.refuse("entry-not-base64", "base64", |b| {
        b.announcement.entry.push('!');
    });
    cases.refuse("hash-too-short", "base64", |b| {
        b.announcement.hashes = vec!["AAAA".to_owned()];
    });
    cases.refuse("more-hashes-than-any-tree-needs", "base64", |b| {
        let hash = b.announcement.hashes.first().cloned().unwrap();
        b.announcement.hashes = vec![hash; 64];
    });
}

fn about_the_nonces(cases: &mut Cases<'_>) {
    let World { oracle, book } = cases.world;
    let cup = oracle.announce(MATCH, T, choice(&["home", "draw", "away", "void"]));
    let price = oracle.announce(PRICE, T, digits(2, false, 20));
    let last = oracle.announce("last", T, choice(&["yes", "no"]));
    let [of_cup, of_price, of_last] = [&cup, &price, &last].map(prove);
    let mut off_the_curve = of_cup;
    off_the_curve[..32].copy_from_slice(&[0; 32]);
    off_the_curve[31] = 5;
    let mut spoilt = of_cup;
    spoilt[63] ^= 1;
    let mut book = book.clone();
    let proven = book.prove(ANNOUNCED, of_cup);
    let price_proven = book.prove(PRICE_ANNOUNCED, of_price);
    let wrong = [of_price, spoilt, off_the_curve].map(|proof| book.prove(ANNOUNCED, proof));
    let early = book.prove(wrong[2] + 2, of_last);
    let announced_last = book.announce(&last.announcement);
    assert_eq!(announced_last, early + 1);

    let with = |mut bundle: Bundle, position| {
        bundle.nonce_proof = Some(book.included(position));
        bundle
    };
    let of_match = |position| with(book.bundle(MATCH, ANNOUNCED, Some(ATTESTED)), position);
    let of_digits = book.bundle(PRICE, PRICE_ANNOUNCED, Some(PRICE_ATTESTED));
    let of_digits = with(of_digits, price_proven);
    let of_last = with(book.bundle("last", announced_last, None), early);
    cases.add(
        "nonces-proven",
        &of_match(proven),
        json!({ "outcome": "draw", "nonces_proven": true }),
    );
    cases.add(
        "nonces-proven-digits",
        &of_digits,
        json!({ "outcome": "251873", "nonces_proven": true }),
    );
    let mut not_included = of_match(proven);
    if let Some(proof) = &mut not_included.nonce_proof {
        proof.hashes.reverse();
    }
    let refused = [
        ("nonce-proof-not-included", "inclusion", not_included),
        (
            "nonce-proof-is-an-attestation",
            "other-entry",
            of_match(ATTESTED),
        ),
        (
            "nonce-proof-of-another-event",
            "other-announcement",
            of_match(price_proven),
        ),
        (
            "nonce-proof-before-its-announcement",
            "other-announcement",
            of_last,
        ),
        (
            "nonce-proof-of-other-nonces",
            "nonce-proof",
            of_match(wrong[0]),
        ),
        ("nonce-proof-spoilt", "nonce-proof", of_match(wrong[1])),
        (
            "nonce-proof-off-the-curve",
            "nonce-proof",
            of_match(wrong[2]),
        ),
    ];
    for (name, error, bundle) in refused {
        cases.add(name, &bundle, json!({ "error": error }));
    }
}

fn about_what_was_seen_before(cases: &mut Cases<'_>) {
    let book = cases.world.book.clone();
    let mut earlier = book.clone();
    earlier.entries.truncate(5);
    let five = earlier.head();
    let with = |consistency| Bundle {
        consistency,
        ..cases.world.bundle()
    };
    let grown = with(Some(book.consistency(5)));
    let silent = with(None);
    let mut short = book.consistency(5);
    short.hashes.pop();
    let short = with(Some(short));
    let elsewhere = with(Some(Consistency {
        from: 4,
        ..book.consistency(5)
    }));
    let mut fork = five.clone();
    fork.root = [0x66; 32];
    let mut ahead = book.head();
    ahead.size += 1;
    let mut other = book.head();
    other.root = [0x77; 32];
    let cases_of = [
        ("grew", &grown, &five, Value::Null),
        ("same", &silent, &book.head(), Value::Null),
        ("forked", &grown, &fork, json!("forked")),
        ("forked-at-the-same-size", &silent, &other, json!("forked")),
        ("consistency-too-short", &short, &five, json!("forked")),
        ("older", &silent, &ahead, json!("older")),
        ("no-consistency", &silent, &five, json!("no-consistency")),
        (
            "consistency-from-elsewhere",
            &elsewhere,
            &five,
            json!("no-consistency"),
        ),
    ];
    let mut added = Vec::new();
    for (name, bundle, head, error) in cases_of {
        let outcome = error.is_null().then_some("draw");
        added.push((
            name,
            bundle.clone(),
            json!({ "known": known(head), "error": error, "outcome": outcome }),
        ));
    }
    for (name, bundle, expected) in added {
        cases.add(name, &bundle, expected);
    }
}
