//! Checkpoints in Peercoin, whatever the node and the process do.
//!
//! The node is a loopback one (`oracle_tests::peercoin`); `anchor_audit` has a real
//! one too, where `PEERCOIND` names it.

use std::path::Path;
use std::time::Duration;

use bitcoin::Transaction;
use bitcoin::consensus::encode::serialize_hex;
use oracle_client::EventState;
use oracle_schema::anchor::{Anchor, Anchors, Payload};
use oracle_server::follow::Anchorer;
use oracle_server::service::Options;
use oracle_server::store::Store;
use oracle_tests::database::Backend;
use oracle_tests::http;
use oracle_tests::market::START;
use oracle_tests::peercoin::{Fault, MATURITY, Node};
use oracle_tests::world::{World, event_id};

use crate::series::{CENTS, SETTLED};

laws! {
    a_checkpoint_is_anchored_confirmed_and_served_with_its_proof,
    the_schedule_anchors_the_newest_checkpoint_and_none_twice,
    a_crash_at_any_request_anchors_the_same_head_once,
    what_the_network_forgot_is_sent_again_byte_for_byte,
    a_block_that_leaves_the_chain_takes_its_confirmation_along,
    a_checkpoint_whose_coins_were_spent_is_anchored_by_another_transaction,
    a_prepared_transaction_whose_coins_are_gone_is_given_up_unsent,
    a_node_that_does_not_answer_is_asked_again_ever_more_rarely,
    a_transaction_refused_against_the_nodes_word_is_made_anew_ever_more_rarely,
    a_node_of_another_network_is_refused_by_name,
    one_anchor_that_a_node_cannot_prove_keeps_no_other_back,
    a_clock_that_was_ahead_for_a_while_stops_nothing,
    a_new_cookie_is_read_and_a_wrong_password_is_not_repeated,
    an_empty_wallet_loses_no_head,
    a_hanging_node_delays_neither_an_attestation_nor_the_end,
    a_deposed_process_anchors_nothing,
    only_the_process_that_leads_anchors,
    an_export_has_the_anchors_of_its_checkpoints,
    many_anchors_come_in_pages,
}

/// More than any wait after a failure.
const LATER: i64 = 4000;
const EVERY: i64 = 3 * 3600;

/// A series, and a section that anchors its log through the node there.
pub(crate) fn section(url: &str, cookie: &Path) -> String {
    let cookie = cookie.display();
    format!(
        "{CENTS}\n[anchor]\nevery = \"3h\"\nrpc = \"{url}\"\ncookie_file = \"{cookie}\"\n\
         confirmations = 3\ntimeout = \"1s\"\n"
    )
}

fn of(node: &Node) -> String {
    section(&node.url(), &node.cookie())
}

/// A node with coins.
async fn node() -> Node {
    let node = Node::start("regtest").await;
    node.set_time(START);
    node.mine(MATURITY + 10);
    node
}

/// A node with coins, and an oracle that anchors through it; nothing is anchored
/// yet.
pub(crate) async fn world(backend: Backend) -> (World, Node) {
    let node = node().await;
    (World::new(backend, &of(&node)).await, node)
}

/// Lets time go by and does what is due then.
async fn at(world: &World, anchorer: &mut Anchorer, unix: i64) {
    world.set_time(unix);
    anchorer.run_due().await.unwrap();
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

/// The one transaction that waits.
fn waiting(node: &Node) -> Transaction {
    let [waiting] = node.mempool().try_into().unwrap();
    waiting
}

async fn newest(world: &World) -> u64 {
    let heads = world.database.heads().await;
    heads.last().unwrap().0.unsigned_abs()
}

async fn a_checkpoint_is_anchored_confirmed_and_served_with_its_proof(backend: Backend) {
    let (world, node) = world(backend).await;
    let mut anchorer = world.anchorer();
    assert_eq!(served(&world).await, []);
    anchorer.run_due().await.unwrap();
    assert_eq!(anchorer.trouble(), None);
    let [sent] = served(&world).await.try_into().unwrap();
    assert_eq!(sent.size, newest(&world).await);
    assert_eq!(sent.confirmation, None);
    let waiting = waiting(&node);
    assert_eq!(sent.txid, waiting.compute_txid().to_string());
    assert_eq!(sent.transaction, serialize_hex(&waiting));
    // One taproot input, 48 bytes of data, change: as documented.
    assert_eq!(waiting.total_size(), 221);

    node.mine(2);
    at(&world, &mut anchorer, START + 60).await;
    let still = served(&world).await;
    assert_eq!(still, std::slice::from_ref(&sent), "two are not three");
    node.mine(1);
    at(&world, &mut anchorer, START + 120).await;
    let [confirmed] = served(&world).await.try_into().unwrap();
    let confirmation = confirmed.confirmation.clone().unwrap();
    assert_eq!(confirmation.height, MATURITY as u64 + 10);
    assert_eq!(confirmation.position, 1);
    assert_eq!((confirmed.size, confirmed.txid), (sent.size, sent.txid));
    assert_eq!(anchored(&node).len(), 1);
    assert_eq!(node.sent().len(), 1, "what waits is not sent again");

    // So deep that nothing is expected any more: nobody asks about it.
    node.mine(100);
    at(&world, &mut anchorer, START + 1200).await;
    let calls = node.calls("gettransaction");
    at(&world, &mut anchorer, START + 6000).await;
    assert_eq!(node.calls("gettransaction"), calls);
}

async fn the_schedule_anchors_the_newest_checkpoint_and_none_twice(backend: Backend) {
    let (mut world, node) = world(backend).await;
    let mut anchorer = world.anchorer();
    anchorer.run_due().await.unwrap();
    let first = newest(&world).await;
    world.at(SETTLED).await;
    let grown = newest(&world).await;
    assert!(grown > first);
    at(&world, &mut anchorer, START + EVERY - 1).await;
    assert_eq!(anchored(&node).len(), 1, "before its time");
    at(&world, &mut anchorer, START + EVERY).await;
    let sizes = |node: &Node| anchored(node).iter().map(|p| p.size).collect::<Vec<_>>();
    assert_eq!(sizes(&node), [first, grown]);
    for n in 2..6 {
        node.mine(1);
        at(&world, &mut anchorer, START + n * EVERY).await;
    }
    assert_eq!(sizes(&node), [first, grown], "the log has not grown");
    let served = served(&world).await;
    assert_eq!(
        served.iter().map(|a| a.size).collect::<Vec<_>>(),
        [first, grown]
    );
    assert!(served.iter().all(|a| a.confirmation.is_some()));
}

/// Every method that an anchor takes, in the order of their first use; the mempool
/// is asked about once the sending that failed was made good.
const METHODS: [&str; 12] = [
    "getblockchaininfo",
    "createrawtransaction",
    "fundrawtransaction",
    "signrawtransactionwithwallet",
    "testmempoolaccept",
    "gettransaction",
    "getrawtransaction",
    "sendrawtransaction",
    "getmempoolentry",
    "getmempoolentry",
    "getblockheader",
    "gettxoutproof",
];

async fn a_crash_at_any_request_anchors_the_same_head_once(backend: Backend) {
    for fault in [
        Fault::Ignore,
        Fault::Lose,
        Fault::Say(-28, "Loading block index…"),
    ] {
        let (mut world, node) = world(backend).await;
        let mut now = START;
        for method in METHODS {
            // The process ends there, and another begins.
            node.fault(method, Some(fault));
            at(&world, &mut world.anchorer(), now).await;
            node.fault(method, None);
            world.stop().await;
            world.start().await.unwrap();
            now += 61;
            // In a block only once the mempool was asked about.
            node.mine(usize::from(node.calls("getmempoolentry") > 0));
        }
        let size = newest(&world).await;
        for _ in 0..5 {
            node.mine(1);
            now += LATER;
            at(&world, &mut world.anchorer(), now).await;
        }
        let [anchor] = served(&world).await.try_into().unwrap();
        assert_eq!(anchor.size, size, "{fault:?}");
        assert!(anchor.confirmation.is_some(), "{fault:?}");
        assert_eq!(anchored(&node).len(), 1, "{fault:?}: anchored twice");
        let mut sent = node.sent();
        sent.dedup();
        assert_eq!(sent, [anchor.transaction], "{fault:?}");
        for method in METHODS {
            assert!(node.calls(method) > 0, "{method} was never asked");
        }
    }
}

async fn what_the_network_forgot_is_sent_again_byte_for_byte(backend: Backend) {
    let (world, node) = world(backend).await;
    let mut anchorer = world.anchorer();
    anchorer.run_due().await.unwrap();
    node.forget_mempool();
    at(&world, &mut anchorer, START + 30).await;
    assert!(node.mempool().is_empty(), "looked at before its time");
    at(&world, &mut anchorer, START + 60).await;
    let [first, second] = node.sent().try_into().unwrap();
    assert_eq!(first, second);
    node.mine(3);
    at(&world, &mut anchorer, START + 120).await;
    assert!(served(&world).await[0].confirmation.is_some());
}

async fn a_block_that_leaves_the_chain_takes_its_confirmation_along(backend: Backend) {
    let (world, node) = world(backend).await;
    let mut anchorer = world.anchorer();
    anchorer.run_due().await.unwrap();
    node.mine(3);
    at(&world, &mut anchorer, START + 60).await;
    let [before] = served(&world).await.try_into().unwrap();
    let block = before.confirmation.clone().unwrap();

    node.reorganise(3);
    node.mine_empty();
    at(&world, &mut anchorer, START + 660).await;
    let [between] = served(&world).await.try_into().unwrap();
    assert_eq!(between.confirmation, None);

    node.mine(3);
    at(&world, &mut anchorer, START + 720).await;
    let [after] = served(&world).await.try_into().unwrap();
    let other = after.confirmation.clone().unwrap();
    assert_ne!(other.block_hash, block.block_hash);
    assert_eq!(other.height, block.height + 1);
    assert_eq!((after.txid, anchored(&node).len()), (before.txid, 1));
}

async fn a_checkpoint_whose_coins_were_spent_is_anchored_by_another_transaction(backend: Backend) {
    let (world, node) = world(backend).await;
    let mut anchorer = world.anchorer();
    anchorer.run_due().await.unwrap();
    let lost = waiting(&node);
    node.double_spend(&lost);
    assert!(node.mempool().is_empty());
    // While that block may still leave the chain, so may the other spending.
    at(&world, &mut anchorer, START + 60).await;
    node.mine(1);
    at(&world, &mut anchorer, START + 120).await;
    assert_eq!(anchored(&node), []);
    node.mine(1);
    at(&world, &mut anchorer, START + 180).await;
    let other = waiting(&node);
    assert_ne!(other.compute_txid(), lost.compute_txid());
    let [anchor] = served(&world).await.try_into().unwrap();
    assert_eq!(anchor.txid, other.compute_txid().to_string());
    node.mine(3);
    at(&world, &mut anchorer, START + 240).await;
    assert_eq!(anchored(&node).len(), 1);
    assert!(served(&world).await[0].confirmation.is_some());
}

async fn a_prepared_transaction_whose_coins_are_gone_is_given_up_unsent(backend: Backend) {
    let (world, node) = world(backend).await;
    node.fault("sendrawtransaction", Some(Fault::Ignore));
    world.anchorer().run_due().await.unwrap();
    assert_eq!(served(&world).await, [], "what nobody has is not served");
    node.fault("sendrawtransaction", None);
    assert_eq!(world.database.count("anchor").await, 1);
    let lost = &node.signed()[0];
    node.double_spend(lost);
    let mut anchorer = world.anchorer();
    at(&world, &mut anchorer, START + LATER).await;
    let other = waiting(&node);
    assert_ne!(other.compute_txid(), lost.compute_txid());
    assert_eq!(anchored(&node).len(), 1);
    assert_eq!(served(&world).await.len(), 1);
}

async fn a_node_that_does_not_answer_is_asked_again_ever_more_rarely(backend: Backend) {
    let (world, node) = world(backend).await;
    let mut anchorer = world.anchorer();
    node.fault("", Some(Fault::Say(-28, "Verifying blocks…")));
    let mut asked = Vec::new();
    for second in 0..4000 {
        let before = node.calls("getblockchaininfo");
        at(&world, &mut anchorer, START + second).await;
        if node.calls("getblockchaininfo") > before {
            asked.push(second);
        }
    }
    assert_eq!(asked[..6], [0, 1, 3, 7, 15, 31]);
    assert!(asked.windows(2).all(|pair| pair[1] - pair[0] <= 600));
    let trouble = anchorer.trouble().unwrap();
    assert!(
        trouble.contains("Verifying blocks… (code -28)"),
        "{trouble}"
    );
    node.fault("", None);
    at(&world, &mut anchorer, START + 2 * LATER).await;
    assert_eq!((anchorer.trouble(), anchored(&node).len()), (None, 1));
}

async fn a_transaction_refused_against_the_nodes_word_is_made_anew_ever_more_rarely(
    backend: Backend,
) {
    let (world, node) = world(backend).await;
    let mut anchorer = world.anchorer();
    node.fault(
        "sendrawtransaction",
        Some(Fault::Say(-26, "min relay fee not met")),
    );
    let mut made = Vec::new();
    for second in 0..200 {
        let before = node.signed().len();
        at(&world, &mut anchorer, START + second).await;
        if node.signed().len() > before {
            made.push(second);
        }
    }
    assert_eq!(made, [0, 1, 3, 7, 15, 31, 63, 127]);
    let trouble = anchorer.trouble().unwrap();
    assert!(trouble.contains("said it would take"), "{trouble}");
    assert_eq!(served(&world).await, []);
    node.fault("sendrawtransaction", None);
    at(&world, &mut anchorer, START + LATER).await;
    assert_eq!((anchorer.trouble(), anchored(&node).len()), (None, 1));
    assert_eq!(served(&world).await.len(), 1);
}

async fn a_node_of_another_network_is_refused_by_name(backend: Backend) {
    let node = Node::start("main").await;
    node.mine(MATURITY + 10);
    let world = World::new(backend, &of(&node)).await;
    let mut anchorer = world.anchorer();
    anchorer.run_due().await.unwrap();
    assert_eq!(
        anchorer.trouble(),
        Some("the node is on chain \"main\"; network peercoin-regtest is \"regtest\"")
    );
    assert_eq!(node.calls("createrawtransaction"), 0);
    assert!(node.sent().is_empty());
}

async fn one_anchor_that_a_node_cannot_prove_keeps_no_other_back(backend: Backend) {
    let (mut world, node) = world(backend).await;
    let mut anchorer = world.anchorer();
    anchorer.run_due().await.unwrap();
    node.mine(3);
    // A node that keeps no old blocks says so.
    let pruned = Fault::Say(-1, "Block not available (pruned data)");
    node.fault("gettxoutproof", Some(pruned));
    world.at(SETTLED).await;
    at(&world, &mut anchorer, START + EVERY).await;
    assert_eq!((anchorer.trouble(), anchored(&node).len()), (None, 2));
    node.fault("gettxoutproof", None);
    at(&world, &mut anchorer, START + EVERY + 30).await;
    assert_eq!(served(&world).await[0].confirmation, None, "asked too soon");
    node.mine(3);
    at(&world, &mut anchorer, START + EVERY + LATER).await;
    assert!(
        served(&world)
            .await
            .iter()
            .all(|a| a.confirmation.is_some())
    );
}

async fn a_clock_that_was_ahead_for_a_while_stops_nothing(backend: Backend) {
    let (mut world, node) = world(backend).await;
    let mut anchorer = world.anchorer();
    node.fault("getblockchaininfo", Some(Fault::Ignore));
    at(&world, &mut anchorer, START + 400 * EVERY).await;
    node.fault("getblockchaininfo", None);
    at(&world, &mut anchorer, START + 401 * EVERY).await;
    assert_eq!(anchored(&node).len(), 1);
    world.at(SETTLED).await;
    anchorer.run_due().await.unwrap();
    assert_eq!(anchored(&node).len(), 2, "the next is not due in weeks");
    node.mine(3);
    at(&world, &mut anchorer, SETTLED + 60).await;
    assert!(
        served(&world)
            .await
            .iter()
            .all(|a| a.confirmation.is_some())
    );
    // Its clock can be put right: nothing says that work was committed later.
    world.stop().await;
    world.start().await.unwrap();
}

async fn a_new_cookie_is_read_and_a_wrong_password_is_not_repeated(backend: Backend) {
    let (world, node) = world(backend).await;
    let mut anchorer = world.anchorer();
    node.change_password("first-secret", false);
    anchorer.run_due().await.unwrap();
    assert_eq!(anchorer.trouble(), Some("the node refuses this login"));
    node.change_password("second-secret", true);
    at(&world, &mut anchorer, START + LATER).await;
    assert_eq!((anchorer.trouble(), anchored(&node).len()), (None, 1));
    std::fs::write(node.cookie(), "third-secret").unwrap();
    at(&world, &mut anchorer, START + 2 * LATER).await;
    let trouble = anchorer.trouble().unwrap();
    assert!(
        trouble.ends_with("not a cookie file (user:password)"),
        "{trouble}"
    );
    assert!(!trouble.contains("secret"), "{trouble}");
}

async fn an_empty_wallet_loses_no_head(backend: Backend) {
    let node = Node::start("regtest").await;
    let world = World::new(backend, &of(&node)).await;
    let mut anchorer = world.anchorer();
    anchorer.run_due().await.unwrap();
    let trouble = anchorer.trouble().unwrap().to_owned();
    assert_eq!(trouble, "fundrawtransaction: Insufficient funds (code -4)");
    assert_eq!(world.database.count("anchor").await, 0);
    node.set_time(START);
    // Its wallet keeps what it mines on regtest immature, however deep it is.
    node.work(MATURITY * 2);
    at(&world, &mut anchorer, START + LATER).await;
    assert_eq!(anchorer.trouble(), Some(trouble.as_str()));
    node.pay_wallet(1_000_000);
    at(&world, &mut anchorer, START + 2 * LATER).await;
    assert_eq!((anchorer.trouble(), anchored(&node).len()), (None, 1));
    // In a chain of proof of work alone it has one confirmation for ever there; its
    // depth is asked of its block.
    node.work(3);
    at(&world, &mut anchorer, START + 3 * LATER).await;
    assert!(served(&world).await[0].confirmation.is_some());
}

async fn a_hanging_node_delays_neither_an_attestation_nor_the_end(backend: Backend) {
    let node = node().await;
    node.fault("", Some(Fault::Hang));
    let text = of(&node).replace("\"1s\"", "\"5m\"");
    let mut world = World::create(backend, &text).await;
    let running = world.run(Options::default()).await.unwrap();
    let url = format!("http://{}", running.public);
    while node.calls("getblockchaininfo") == 0 {
        tokio::task::yield_now().await;
    }
    let id = event_id("btc-cents", crate::series::MATURITY);
    let client = http::client(&url);
    while client.announcement(&id).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.set_time(SETTLED);
    client.wait(&id, Duration::from_mins(1)).await.unwrap();
    assert_eq!(client.event(&id).await.unwrap().state, EventState::Attested);
    let stopping = tokio::time::timeout(Duration::from_secs(10), running.stop());
    stopping.await.expect("the end waits for the node").unwrap();
    assert_eq!(node.calls("getblockchaininfo"), 1);
    world.start().await.unwrap();
}

async fn a_deposed_process_anchors_nothing(backend: Backend) {
    let (world, node) = world(backend).await;
    let mut anchorer = world.anchorer();
    // Another process took over, and this one does not know.
    world
        .database
        .execute("UPDATE ledger SET epoch = epoch + 1")
        .await;
    let error = anchorer.run_due().await.unwrap_err().to_string();
    assert!(error.contains("another process has taken over"), "{error}");
    assert!(node.sent().is_empty());
    assert_eq!(world.database.count("anchor").await, 0);
}

async fn only_the_process_that_leads_anchors(backend: Backend) {
    let node = node().await;
    let world = World::create(backend, &of(&node)).await;
    let leader = world.run(Options::default()).await.unwrap();
    let reader = Options {
        read_only: true,
        ..Options::default()
    };
    let standby = world.run(reader).await.unwrap();
    while node.sent().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let url = format!("http://{}", standby.public);
    while http::get(&url, "/v1/anchors", &[]).await.json()["anchors"][0].is_null() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    leader.stop().await.unwrap();
    let asked = node.calls("getblockchaininfo");
    world.set_time(START + LATER);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(node.calls("getblockchaininfo"), asked);
    assert_eq!(anchored(&node).len(), 1);
    standby.stop().await.unwrap();
}

pub(crate) async fn export(world: &World, dir: &Path) {
    let store = Store::open(&world.config().store_url, false).await.unwrap();
    oracle_server::log::export(&store.reader(), dir)
        .await
        .unwrap();
    store.close().await;
}

async fn an_export_has_the_anchors_of_its_checkpoints(backend: Backend) {
    let (world, node) = world(backend).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("v1/anchors");
    export(&world, dir.path()).await;
    assert!(!file.exists(), "nothing is anchored");
    let mut anchorer = world.anchorer();
    anchorer.run_due().await.unwrap();
    for blocks in [0, 3] {
        node.mine(blocks);
        at(&world, &mut anchorer, world.now() + 60).await;
        export(&world, dir.path()).await;
        let answer = world.get("/v1/anchors").await;
        assert_eq!(std::fs::read(&file).unwrap(), answer.body);
    }
    assert!(served(&world).await[0].confirmation.is_some());
}

async fn many_anchors_come_in_pages(backend: Backend) {
    let node = node().await;
    let series = of(&node).replace("at = [\"2026-11-22T15:30:00Z\"]", "every = \"3h\"");
    let mut world = World::new(backend, &series).await;
    let mut anchorer = world.anchorer();
    let mut sizes = Vec::new();
    for n in 0..5 {
        world.at(START + n * EVERY).await;
        node.mine(3);
        anchorer.run_due().await.unwrap();
        sizes.push(newest(&world).await);
    }
    sizes.dedup();
    assert!(sizes.len() >= 3, "{sizes:?}");
    let mut found = Vec::new();
    let mut path = "/v1/anchors?limit=2".to_owned();
    loop {
        let page: Anchors = serde_json::from_slice(&world.get(&path).await.body).unwrap();
        let page_sizes: Vec<u64> = page.anchors.iter().map(|a| a.size).collect();
        assert!(page_sizes.len() <= 2);
        found.splice(0..0, page_sizes);
        let Some(before) = page.next_before else {
            break;
        };
        path = format!("/v1/anchors?limit=2&before={before}");
    }
    assert_eq!(found, sizes);
    for bad in ["limit=0", "limit=1001", "before=0", "before=x", "cursor=1"] {
        let answer = world.get(&format!("/v1/anchors?{bad}")).await;
        assert_eq!(answer.status, 400, "{bad}");
    }
}
