//! Facts of Peercoin's chain: attested once their block is deep enough, by nodes
//! that say the same, and found again from what is published.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_client::EventState;
use oracle_client::replay::{Conclusion, Report};
use oracle_feeds::loopback::{Fault, LoopbackNode, NodeFault};
use oracle_feeds::time::TimeSource;
use oracle_server::clock::{Clock as _, TestClock};
use oracle_tests::database::Backend;
use oracle_tests::world::{World, instant};
use tempfile::TempDir;

use crate::evidence::bundle;
use crate::facts::{DELAY, MATURITY, id};
use crate::time::break_all;

laws! {
    height_time_difficulty_and_supply_are_attested_and_follow_again,
    a_block_that_leaves_the_chain_before_it_is_deep_does_not_count,
    nodes_that_disagree_hold_and_one_that_stands_still_is_waited_for,
    a_node_in_trouble_is_asked_until_it_answers,
    a_start_without_the_node_that_an_event_needs_is_refused,
    a_boot_far_ahead_beside_a_node_of_the_same_machine_refunds_nothing,
}

/// From one block to the next, and from one look at the world to the next.
const SPACING: i64 = 600;
/// Of the first block; the one of height 28 is of the maturity.
const GENESIS: i64 = MATURITY - 28 * SPACING;
/// The last block whose median time is not after the maturity: five blocks later
/// that is its own.
const LAST: i64 = 28 + 5;
const DIFFICULTY: &str = "30.87630128400512";

/// Two nodes, their cookie files, and the sections that name them.
struct Nodes {
    nodes: [LoopbackNode; 2],
    dir: TempDir,
}

const NAMES: [&str; 2] = ["alice", "bob"];

impl Nodes {
    async fn start() -> Self {
        let node = async || LoopbackNode::start("regtest", GENESIS).await.unwrap();
        let nodes = Self {
            nodes: [node().await, node().await],
            dir: TempDir::new().unwrap(),
        };
        for (name, node) in NAMES.iter().zip(&nodes.nodes) {
            std::fs::write(nodes.cookie(name), node.cookie()).unwrap();
        }
        nodes
    }

    fn cookie(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn sections(&self) -> String {
        let of = |(name, node): (&&str, &LoopbackNode)| {
            format!(
                "\n[peercoin.{name}]\nurl = \"{}\"\ncookie_file = \"{}\"\nrate = \"10000/s\"\n",
                node.url(),
                self.cookie(name).display()
            )
        };
        NAMES.iter().zip(&self.nodes).map(of).collect()
    }

    /// An oracle with these events, and nodes of its time.
    async fn world(&self, backend: Backend, events: &[String]) -> World {
        let world = World::new(backend, &(self.sections() + &events.concat())).await;
        for node in &self.nodes {
            node.keep_time(world.time_source());
        }
        world
    }

    /// Both go on with their chains, and the world with them, block by block.
    async fn until(&self, world: &mut World, end: i64) {
        let mut now = world.now();
        while now < end {
            now = (now + SPACING).min(end);
            for node in &self.nodes {
                node.mine_until(now, SPACING);
            }
            world.at(now).await;
        }
    }

    fn both(&self, change: impl Fn(&LoopbackNode)) {
        self.nodes.iter().for_each(change);
    }
}

fn event(name: &str, of: &str, at: &str, lines: &str) -> String {
    let source = |node: &str| {
        format!(
            "{{ provider = \"peercoin\", name = \"{node}\", of = \"{of}\", at = {at}, confirmations = 6 }}"
        )
    };
    format!(
        r#"
[[event]]
id = "{name}"
kind = "fact"
title = "What is the {of} of the chain?"
maturity = "{}"
{lines}
agree = 2
stable_reads = 2
read_every = "5m"
settle_delay = "10m"
source = [ {}, {} ]
"#,
        instant(MATURITY).to_rfc3339(),
        source("alice"),
        source("bob"),
    )
}

fn above(level: i64) -> String {
    format!("outcomes = {{ yes = {{ above = \"{level}\" }}, no = {{ other = true }} }}")
}

fn digits(digits: u32, decimals: u32) -> String {
    format!("digits = {digits}\ndecimals = {decimals}\nunit = \"u\"")
}

async fn state(world: &World, event: &str) -> (EventState, Option<String>, String) {
    let event = world.event(&id(event)).await;
    (event.state, event.outcome, event.reason.unwrap_or_default())
}

async fn attested(world: &World, event: &str, outcome: &str) {
    let (now, found, reason) = state(world, event).await;
    let reached = (now, found.as_deref());
    let due = (EventState::Attested, Some(outcome));
    assert_eq!(reached, due, "{event}: {reason}");
    world.client().attestation(&id(event)).await.unwrap();
}

async fn replayed(world: &World, event: &str) -> Report {
    let bundle = bundle(world, &id(event)).await;
    let report = bundle.replay().unwrap();
    let conclusion = report.conclusion();
    assert_eq!(conclusion, Conclusion::Reproduced, "{event}: {report:#?}");
    report
}

async fn height_time_difficulty_and_supply_are_attested_and_follow_again(backend: Backend) {
    let nodes = Nodes::start().await;
    nodes.both(|node| {
        node.mine_until(GENESIS + 19 * SPACING, SPACING);
        node.set_difficulty(DIFFICULTY);
        node.set_supply("29431877.120400");
    });
    let at_maturity = "\"{maturity}\"";
    let events = [
        event("reached", "height", at_maturity, &above(LAST - 1)),
        event("missed", "height", at_maturity, &above(LAST)),
        event("difficulty", "difficulty", "20", &digits(25, 6)),
        event("supply", "supply", "20", &digits(45, 6)),
        event("supply-then", "supply", at_maturity, &above(29_431_877)),
        event("time", "time", "20", &digits(31, 0)),
    ];
    let mut world = nodes.world(backend, &events).await;
    nodes.until(&mut world, MATURITY).await;
    assert_eq!(state(&world, "reached").await.0, EventState::Matured);
    // What is known of an old block is known at once.
    nodes
        .until(&mut world, MATURITY + 2 * DELAY + SPACING)
        .await;
    attested(&world, "difficulty", "30876301").await;
    attested(&world, "supply", "29431877120400").await;
    attested(&world, "time", &(GENESIS + 20 * SPACING).to_string()).await;
    // The block after the last has six confirmations when eleven are on top of
    // the one of the maturity.
    let deep = GENESIS + (LAST + 1 + 5) * SPACING;
    nodes.until(&mut world, deep - 1).await;
    let (now, _, reason) = state(&world, "reached").await;
    assert_eq!(now, EventState::Matured, "{reason}");
    assert!(reason.contains("confirmations"), "{reason}");
    nodes.until(&mut world, deep + 2 * DELAY + SPACING).await;
    attested(&world, "reached", "yes").await;
    attested(&world, "missed", "no").await;
    attested(&world, "supply-then", "yes").await;
    for name in [
        "reached",
        "missed",
        "difficulty",
        "supply",
        "supply-then",
        "time",
    ] {
        let report = replayed(&world, name).await;
        assert!(
            report
                .observations
                .iter()
                .all(|o| o.url.starts_with("http://127.0.0.1:"))
        );
    }
    let path = "/v1/events/reached/evidence?format=manifest";
    let manifest = String::from_utf8(world.get(path).await.body).unwrap();
    assert!(manifest.contains(r#""method":"POST""#), "{manifest}");
    assert!(manifest.contains(r#"\"method\":\"getblockheader\""#));
    let (_, password) = nodes.nodes[0]
        .cookie()
        .split_once(':')
        .map(|(u, p)| (u.to_owned(), p.to_owned()))
        .unwrap();
    assert!(!manifest.contains(&password) && !manifest.contains("Basic"));
    let shown = world.json("/v1/events/reached/evidence").await.to_string();
    assert!(shown.contains("getblockheader") && !shown.contains(&password));
}

async fn a_block_that_leaves_the_chain_before_it_is_deep_does_not_count(backend: Backend) {
    let nodes = Nodes::start().await;
    let events = [event("difficulty", "difficulty", "30", &digits(12, 2))];
    let mut world = nodes.world(backend, &events).await;
    // 28 is of the maturity; 30 is four deep when 33 is there.
    nodes.until(&mut world, GENESIS + 33 * SPACING).await;
    let (now, _, reason) = state(&world, "difficulty").await;
    assert_eq!(now, EventState::Matured, "{reason}");
    assert!(reason.contains("lacks confirmations"), "{reason}");
    nodes.both(|node| {
        node.reorganise(5);
        assert_eq!(node.height(), 28);
        node.set_difficulty("5.25");
    });
    nodes
        .until(&mut world, GENESIS + 36 * SPACING + 2 * DELAY)
        .await;
    attested(&world, "difficulty", "525").await;
    replayed(&world, "difficulty").await;
}

async fn nodes_that_disagree_hold_and_one_that_stands_still_is_waited_for(backend: Backend) {
    let nodes = Nodes::start().await;
    let events = [event("difficulty", "difficulty", "20", &digits(12, 2))];
    let mut world = nodes.world(backend, &events).await;
    let [alice, bob] = &nodes.nodes;
    bob.mine_until(GENESIS + 22 * SPACING, SPACING);
    let end = MATURITY + 3 * DELAY;
    alice.mine_until(end, SPACING);
    for now in (1..)
        .map(|n| MATURITY - SPACING + n * SPACING)
        .take_while(|now| *now <= end)
    {
        world.at(now).await;
    }
    // One of two, however often it says so.
    let (now, _, reason) = state(&world, "difficulty").await;
    assert_eq!(now, EventState::Matured, "{reason}");
    assert!(reason.contains("peercoin:bob"), "{reason}");
    // It comes back with a chain of its own.
    bob.reorganise(5);
    bob.set_difficulty("7.5");
    nodes.until(&mut world, end + 2 * SPACING).await;
    let (now, _, reason) = state(&world, "difficulty").await;
    assert_eq!(now, EventState::Held, "{reason}");
    assert!(reason.contains("disagree"), "{reason}");
    nodes.until(&mut world, end + 2 * SPACING + 2 * DELAY).await;
    assert_eq!(state(&world, "difficulty").await.0, EventState::Held);
    // And finds the main one.
    let on_top = bob.height() - 17;
    bob.reorganise(on_top);
    bob.set_difficulty("28.5");
    let mended = world.now();
    nodes.until(&mut world, mended + 4 * DELAY).await;
    attested(&world, "difficulty", "2850").await;
    replayed(&world, "difficulty").await;
}

async fn a_node_in_trouble_is_asked_until_it_answers(backend: Backend) {
    let nodes = Nodes::start().await;
    let events = [event("time", "time", "20", &digits(31, 0))];
    let mut world = nodes.world(backend, &events).await;
    let [alice, bob] = &nodes.nodes;
    alice.set_fault(Some(NodeFault::WarmingUp));
    bob.change_cookie("__cookie__:after-a-restart");
    nodes.until(&mut world, MATURITY + 3 * DELAY).await;
    let (now, _, reason) = state(&world, "time").await;
    assert_eq!(now, EventState::Matured, "{reason}");
    assert!(!reason.contains("after-a-restart"), "{reason}");
    alice.set_fault(None);
    std::fs::write(nodes.cookie("bob"), bob.cookie()).unwrap();
    let mended = world.now();
    nodes.until(&mut world, mended + 4 * DELAY).await;
    attested(&world, "time", &(GENESIS + 20 * SPACING).to_string()).await;
    let report = replayed(&world, "time").await;
    for verdict in ["transient", "permanent", "observation"] {
        let seen = |o: &oracle_client::replay::Checked| o.verdict == verdict;
        assert!(report.observations.iter().any(seen), "{verdict}");
    }
}

async fn a_start_without_the_node_that_an_event_needs_is_refused(backend: Backend) {
    let nodes = Nodes::start().await;
    let events = [event("time", "time", "20", &digits(31, 0))];
    let mut world = nodes.world(backend, &events).await;
    world.stop().await;
    world.edit("[peercoin.bob]", "[peercoin.carol]");
    let text = std::fs::read_to_string(world.config_file()).unwrap();
    let events = text.find("\n[[event]]\nid = \"time\"").unwrap();
    std::fs::write(world.config_file(), &text[..events]).unwrap();
    let refused = world.start().await.unwrap_err().to_string();
    assert!(refused.contains("peercoin:bob/time@20"), "{refused}");
}

/// The time of whoever has the oracle's clock.
#[derive(Debug)]
struct SameMachine(Arc<TestClock>);

impl TimeSource for SameMachine {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }
}

/// Nothing answers but nodes that have their time from where the oracle has it.
async fn a_boot_far_ahead_beside_a_node_of_the_same_machine_refunds_nothing(backend: Backend) {
    let nodes = Nodes::start().await;
    nodes.both(|node| node.mine_until(GENESIS + 40 * SPACING, SPACING));
    let open = event("reached", "height", "\"{maturity}\"", &above(LAST - 1));
    let mut world = nodes.world(backend, &[open]).await;
    assert_eq!(state(&world, "reached").await.0, EventState::Announced);
    world.stop().await;
    break_all(&world, Some(&Fault::Down));
    world.set_ahead(TimeDelta::days(400));
    let same = Arc::new(SameMachine(world.clock.clone()));
    nodes.both(|node| node.keep_time(same.clone()));
    world.start().await.unwrap();
    for _ in 0..12 {
        world.run_due().await;
        world.clock.advance(TimeDelta::minutes(5));
    }
    let (now, outcome, reason) = state(&world, "reached").await;
    assert_eq!((now, outcome), (EventState::Matured, None), "{reason}");
    let ready = world.get("/readyz").await;
    let why = ready.json()["clock"]["unconfirmed"].clone();
    assert_eq!(ready.status, 503, "{why}");
    assert!(why.is_string(), "{why}");
    // The clock is set right, and the event goes on from what is read then.
    world.stop().await;
    world.set_ahead(TimeDelta::days(-400));
    nodes.both(|node| node.keep_time(world.time_source()));
    break_all(&world, None);
    world.start().await.unwrap();
    nodes
        .until(&mut world, MATURITY + 2 * DELAY + 12 * SPACING)
        .await;
    attested(&world, "reached", "yes").await;
}
