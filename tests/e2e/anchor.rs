//! Checkpoints in Peercoin, whatever the node and the process do.
//!
//! The node is a loopback one (`oracle_tests::peercoin`).

use std::time::Duration;

use bitcoin::Transaction;
use bitcoin::consensus::encode::serialize_hex;
use oracle_schema::anchor::{Anchor, Anchors, Payload};
use oracle_server::publish::Anchorer;
use oracle_tests::database::Backend;
use oracle_tests::market::START;
use oracle_tests::peercoin::{Fault, MATURITY, Node};
use oracle_tests::world::World;

use crate::series::{CENTS, SETTLED};

laws! {
    a_checkpoint_is_anchored_confirmed_and_served_with_its_proof,
}

/// More than any wait after a failure.
const LATER: i64 = 4000;
const EVERY: i64 = 3 * 3600;

/// A node with coins, and an oracle that anchors through it; nothing is anchored
/// yet.
async fn world(backend: Backend) -> (World, Node) {
    let node = Node::start("regtest").await;
    node.set_time(START);
    node.mine(MATURITY + 10);
    let text = format!(
        "{CENTS}\n[anchor]\nevery = \"3h\"\nrpc = {:?}\ncookie_file = {:?}\nconfirmations = 3\n\
         timeout = \"1s\"\n",
        node.url(),
        node.cookie()
    );
    (World::new(backend, &text).await, node)
}

/// Lets time go by and does what is due then.
async fn at(world: &World, anchorer: &mut Anchorer, unix: i64) {
    world.set_time(unix);
    anchorer.settle().await.unwrap();
}

async fn served(world: &World) -> Vec<Anchor> {
    let answer = world.get("/v1/anchors").await;
    assert_eq!(answer.status, 200);
    let anchors: Anchors = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(anchors.next_before, None);
    for anchor in &anchors.anchors {
        anchor.verify().unwrap();
    }
    anchors.anchors
}

/// The anchors in transactions that are in blocks or wait, in order.
fn anchored(node: &Node) -> Vec<Payload> {
    let alive = node.alive();
    let outputs = alive.iter().flat_map(|t: &Transaction| &t.output);
    outputs
        .filter_map(|o| Payload::from_script(o.script_pubkey.as_bytes()))
        .collect()
}

async fn a_checkpoint_is_anchored_confirmed_and_served_with_its_proof(backend: Backend) {
    let (world, node) = world(backend).await;
    let mut anchorer = world.anchorer();
    assert_eq!(served(&world).await, []);
    anchorer.settle().await.unwrap();
    assert_eq!(anchorer.trouble(), None);
    let [sent] = served(&world).await.try_into().unwrap();
    let (size, _) = *world.database.heads().await.last().unwrap();
    assert_eq!(sent.size, size.unsigned_abs());
    assert_eq!(sent.confirmation, None);
    let [waiting] = node.mempool().try_into().unwrap();
    assert_eq!(sent.txid, waiting.compute_txid().to_string());
    assert_eq!(sent.transaction, serialize_hex(&waiting));

    node.mine(2);
    at(&world, &mut anchorer, START + 60).await;
    assert_eq!(
        served(&world).await,
        [sent.clone()],
        "two blocks are not three"
    );
    node.mine(1);
    at(&world, &mut anchorer, START + 120).await;
    let [confirmed] = served(&world).await.try_into().unwrap();
    let confirmation = confirmed.confirmation.clone().unwrap();
    assert_eq!(confirmation.height, MATURITY as u64 + 10);
    assert_eq!(confirmation.position, 1);
    assert_eq!((confirmed.size, confirmed.txid), (sent.size, sent.txid));
    assert_eq!(anchored(&node).len(), 1);
    assert_eq!(node.sent().len(), 1);
}
