//! What an auditor says of anchors: true ones, wrong ones, and those on a real
//! node.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use oracle_client::Options;
use oracle_client::anchor::{Log, Node as Asked, Tiles, Verdict, check};
use oracle_client::audit::{AuditOptions, Report, Source, Verdict as Audited, audit};
use oracle_schema::anchor::{Anchor, Anchors};
use oracle_schema::tlog::checkpoint::Algorithm;
use oracle_schema::tlog::{Checkpoint, Note, NoteKey, Tile};
use oracle_tests::database::{Backend, leave_out};
use oracle_tests::made::NETWORK;
use oracle_tests::market::START;
use oracle_tests::peercoin::{Fault, Node, PEERCOIND, RealNode};
use oracle_tests::world::World;
use serde_json::json;

use crate::anchor::{export, section, world};
use crate::series::SETTLED;

laws! {
    an_auditor_finds_every_anchor_in_the_log_and_in_the_chain,
    a_wrong_anchor_is_a_violation_that_says_what_is_wrong,
    what_a_node_cannot_say_is_no_violation,
    an_audit_checks_what_is_anchored_and_names_a_wrong_anchor,
    checkpoints_are_anchored_through_a_real_node,
}

struct Served<'a>(&'a World);

impl Tiles for Served<'_> {
    async fn tile(&self, tile: Tile) -> Result<Vec<u8>, String> {
        let answer = self.0.get(&format!("/tile/{tile}")).await;
        if answer.status == 200 {
            Ok(answer.body)
        } else {
            Err(format!("tile {tile}: {}", answer.status))
        }
    }
}

async fn head(world: &World) -> (Checkpoint, NoteKey) {
    let oracle = world.client().oracle().await.unwrap();
    let key = NoteKey::new(
        &oracle.log_origin,
        Algorithm::Ed25519,
        &oracle.log_public_key,
    );
    let key = key.unwrap();
    let answer = world.get("/checkpoint").await;
    let note = Note::parse(std::str::from_utf8(&answer.body).unwrap()).unwrap();
    (note.verify(&key).unwrap().clone(), key)
}

async fn anchors(world: &World) -> Vec<Anchor> {
    let answer = world.get("/v1/anchors").await;
    let anchors: Anchors = serde_json::from_slice(&answer.body).unwrap();
    anchors.anchors
}

fn asked(url: &str, cookie: &std::path::Path) -> Asked {
    Asked::new(url, cookie, Duration::from_secs(5)).unwrap()
}

/// An oracle with a confirmed anchor and one that waits, and a grown log.
async fn anchored(backend: Backend) -> (World, Node, Vec<Anchor>) {
    let (mut world, node) = world(backend).await;
    let mut anchorer = world.anchorer();
    anchorer.run_due().await.unwrap();
    node.mine(3);
    world.at(SETTLED).await;
    anchorer.run_due().await.unwrap();
    world.set_time(START + 4 * 3600);
    anchorer.run_due().await.unwrap();
    let anchors = anchors(&world).await;
    (world, node, anchors)
}

async fn an_auditor_finds_every_anchor_in_the_log_and_in_the_chain(backend: Backend) {
    let (world, node, anchors) = anchored(backend).await;
    let (head, key) = head(&world).await;
    let log = Log {
        head: &head,
        key: &key,
        network: NETWORK,
    };
    let tiles = Served(&world);
    let asked = asked(&node.url(), &node.cookie());
    let [old, new] = anchors.as_slice() else {
        panic!("{anchors:?}");
    };
    assert!(old.size < new.size && new.size == head.size);
    assert_eq!(
        check(new, &log, &tiles, Some((&asked, 1))).await,
        Verdict::Pending
    );
    for confirmations in [None, Some(1), Some(3)] {
        let node = confirmations.map(|n| (&asked, n));
        let Verdict::Anchored(found) = check(old, &log, &tiles, node).await else {
            panic!("{confirmations:?}");
        };
        assert_eq!((found.size, &found.txid), (old.size, &old.txid));
        let said = found.to_string();
        assert!(said.starts_with(&format!("the log had at least {} entries at 20", old.size)));
    }
    let deeper = check(old, &log, &tiles, Some((&asked, 4))).await;
    assert_eq!(deeper, Verdict::Pending);
}

async fn a_wrong_anchor_is_a_violation_that_says_what_is_wrong(backend: Backend) {
    let (world, node, anchors) = anchored(backend).await;
    let (head, key) = head(&world).await;
    let log = Log {
        head: &head,
        key: &key,
        network: NETWORK,
    };
    let tiles = Served(&world);
    let asked = asked(&node.url(), &node.cookie());
    let [old, new] = anchors.as_slice() else {
        panic!("{anchors:?}");
    };
    let violation =
        async |anchor: &Anchor, log: &Log<'_>| match check(anchor, log, &tiles, Some((&asked, 3)))
            .await
        {
            Verdict::Violation(why) => why,
            other => panic!("{other:?}"),
        };
    let changed = |change: fn(&mut Anchor, &Anchor)| {
        let mut copy = old.clone();
        change(&mut copy, new);
        copy
    };
    let other = changed(|a, b| a.transaction.clone_from(&b.transaction));
    assert!(violation(&other, &log).await.starts_with("txid: "));
    let other = changed(|a, b| a.note.clone_from(&b.note));
    assert!(violation(&other, &log).await.starts_with("note: "));
    let other = changed(|a, _| a.size += 1);
    assert!(
        violation(&other, &log)
            .await
            .starts_with("the transaction anchors size")
    );
    let other = changed(|a, b| {
        (a.txid, a.transaction) = (b.txid.clone(), b.transaction.clone());
        (a.size, a.root, a.note) = (b.size, b.root.clone(), b.note.clone());
    });
    let said = violation(&other, &log).await;
    assert!(said.starts_with("block proof: "), "{said}");
    let other = changed(|a, _| a.confirmation.as_mut().unwrap().height += 1);
    assert!(
        violation(&other, &log)
            .await
            .contains("its block is at height")
    );

    // The log that is shown is another one, or less than was anchored.
    let mut forked = head.clone();
    forked.root[0] ^= 1;
    let fork = Log {
        head: &forked,
        ..log.clone()
    };
    let said = violation(old, &fork).await;
    assert!(said.contains("is not the one anchored"), "{said}");
    let mut shorter = head.clone();
    shorter.size = old.size - 1;
    let cut = Log {
        head: &shorter,
        ..log.clone()
    };
    assert!(violation(old, &cut).await.contains("the log shows"));
    let foreign = NoteKey::new(key.name(), Algorithm::Ed25519, &[0x58; 32]);
    if let Ok(foreign) = foreign {
        let unsigned = Log {
            key: &foreign,
            ..log.clone()
        };
        assert!(
            violation(old, &unsigned)
                .await
                .starts_with("its checkpoint: ")
        );
    }

    node.reorganise(3);
    // As deep as the auditor asks, past the anchor's height.
    node.mine(6);
    let said = violation(old, &log).await;
    assert!(said.ends_with("is not in the main chain"), "{said}");
}

async fn what_a_node_cannot_say_is_no_violation(backend: Backend) {
    let (world, node, anchors) = anchored(backend).await;
    let (head, key) = head(&world).await;
    let log = Log {
        head: &head,
        key: &key,
        network: NETWORK,
    };
    let tiles = Served(&world);
    let unknown =
        async |asked: &Asked| match check(&anchors[0], &log, &tiles, Some((asked, 3))).await {
            Verdict::Unknown(why) => why,
            other => panic!("{other:?}"),
        };
    let behind = Node::start("regtest").await;
    behind.mine(5);
    let said = unknown(&asked(&behind.url(), &behind.cookie())).await;
    assert!(said.starts_with("the node is at height 4"), "{said}");
    let foreign = Node::start("main").await;
    let said = unknown(&asked(&foreign.url(), &foreign.cookie())).await;
    assert!(said.contains("on chain \"main\""), "{said}");
    let asked = asked(&node.url(), &node.cookie());
    node.fault("", Some(Fault::Say(-28, "Rewinding blocks…")));
    assert!(unknown(&asked).await.contains("Rewinding blocks…"));
    node.fault("", None);
    node.change_password("another", false);
    assert_eq!(
        unknown(&asked).await,
        "peercoin node: it refuses this login"
    );
}

async fn audited(source: &str, world: &World, node: &Node) -> Report {
    audited_by(source, world, asked(&node.url(), &node.cookie())).await
}

async fn audited_by(source: &str, world: &World, node: Asked) -> Report {
    let source = Source::new(source, &Options::default()).unwrap();
    let mut options = AuditOptions::at(world.now());
    options.peercoin = Some((Arc::new(node), 3));
    audit(&source, &options, &|_| ()).await.unwrap()
}

async fn an_audit_checks_what_is_anchored_and_names_a_wrong_anchor(backend: Backend) {
    let (world, node, anchors) = anchored(backend).await;
    let dir = tempfile::tempdir().unwrap();
    export(&world, dir.path()).await;
    let dir = dir.path().to_str().unwrap();
    for source in [&world.url(), dir] {
        let report = audited(source, &world, &node).await;
        assert_eq!(report.verdict(), Audited::Clean, "{report:?}");
        assert_eq!(report.totals.anchors, 2);
        assert_eq!(report.anchored.unwrap().txid, anchors[0].txid);
    }

    // Another transaction's bytes in the list.
    let file = format!("{dir}/v1/anchors");
    let text = std::fs::read_to_string(&file).unwrap();
    let swapped = text.replacen(&anchors[0].transaction, &anchors[1].transaction, 1);
    std::fs::write(&file, swapped).unwrap();
    let report = audited(dir, &world, &node).await;
    let [violation] = report.violations.first.as_slice() else {
        panic!("{report:?}");
    };
    let expected = format!(
        "anchor of {} entries ({}): txid: ",
        anchors[0].size, anchors[0].txid
    );
    assert!(violation.to_string().starts_with(&expected), "{violation}");

    node.reorganise(3);
    // As deep as the auditor asks, past the anchor's height.
    node.mine(6);
    let report = audited(&world.url(), &world, &node).await;
    assert_eq!(report.verdict(), Audited::Violation);
    let said = report.violations.first[0].to_string();
    assert!(said.ends_with("is not in the main chain"), "{said}");

    node.fault("", Some(Fault::Say(-28, "Loading wallet…")));
    let report = audited(&world.url(), &world, &node).await;
    assert_eq!(report.verdict(), Audited::Incomplete, "{report:?}");
}

/// The same on a real `peercoind`, where there is one.
async fn checkpoints_are_anchored_through_a_real_node(backend: Backend) {
    let Some(program) = std::env::var_os(PEERCOIND).map(PathBuf::from) else {
        leave_out(&format!(
            "anchors on a real Peercoin node: {PEERCOIND} is not set"
        ));
        return;
    };
    let node = RealNode::start(&program).await;
    node.call("createwallet", &json!(["anchors"])).await;
    let address = node.call("getnewaddress", &json!([])).await;
    let world = World::new(backend, &section(&node.url, &node.cookie)).await;
    let mut anchorer = world.anchorer();
    // What its wallet mines is no money there.
    node.call("generatetoaddress", &json!([70, address])).await;
    anchorer.run_due().await.unwrap();
    let trouble = anchorer.trouble();
    assert_eq!(
        trouble,
        Some("fundrawtransaction: Insufficient funds (code -4)")
    );
    node.pay(&address, 1_000_000).await;
    world.set_time(START + 60);
    anchorer.run_due().await.unwrap();
    assert_eq!(anchorer.trouble(), None);
    node.mine(3).await;
    world.set_time(START + 120);
    anchorer.run_due().await.unwrap();
    assert_eq!(anchorer.trouble(), None);
    let [first] = anchors(&world).await.try_into().unwrap();
    let block = first.confirmation.clone().unwrap().block_hash;
    let audited = async || {
        let asked = asked(&node.url, &node.cookie);
        audited_by(&world.url(), &world, asked).await
    };
    let report = audited().await;
    assert_eq!(report.verdict(), Audited::Clean, "{report:?}");
    assert_eq!(report.anchored.unwrap().block_hash, block);

    // Its block leaves the chain, and the transaction comes back. The new blocks pay
    // elsewhere: else the first could be the very one that left.
    node.call("invalidateblock", &json!([block])).await;
    node.call("generatetoaddress", &json!([6, address])).await;
    let report = audited().await;
    assert_eq!(report.verdict(), Audited::Violation);
    let said = report.violations.first[0].to_string();
    assert!(said.ends_with("is not in the main chain"), "{said}");
    world.set_time(START + 13 * 60);
    anchorer.run_due().await.unwrap();
    let [again] = anchors(&world).await.try_into().unwrap();
    assert_eq!(again.txid, first.txid);
    let other = again.confirmation.clone().unwrap().block_hash;
    assert_ne!(other, block);
    let report = audited().await;
    assert_eq!(report.verdict(), Audited::Clean, "{report:?}");
    node.tell(&format!(
        "anchor {} of {} bytes: audited in block {block}, and in {other} after that had left",
        first.txid,
        first.transaction.len() / 2
    ));
}
