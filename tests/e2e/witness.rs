//! What witnesses make of the log, and what they cannot.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use oracle_client::EventState;
use oracle_schema::tlog::checkpoint::NoteError;
use oracle_schema::tlog::{Checkpoint, Note, Policy};
use oracle_server::clock::{Clock as _, SystemClock};
use oracle_server::follow::Followers;
use oracle_server::store::Store;
use oracle_tests::database::{Backend, leave_out};
use oracle_tests::market::START;
use oracle_tests::witness::{Lie, Mood, Signing, Witness, section};
use oracle_tests::world::{World, event_id, instant};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::series::{CENTS, MATURITY, SETTLED, cents_at};

laws! {
    a_head_has_what_cosignatures_there_are_and_a_quorum_is_served_apart,
    what_is_no_cosignature_of_the_head_is_not_kept,
    what_others_say_beside_a_cosignature_is_passed_over,
    a_witness_that_forgot_is_told_the_log_from_where_it_is,
    a_slow_witness_is_asked_for_one_head_at_a_time_and_then_for_the_newest,
    a_quorum_meets_on_one_head_however_many_come_meanwhile,
    a_process_that_starts_knows_what_was_cosigned,
    another_policy_holds_for_what_there_is,
    a_witness_of_another_make_cosigns_the_log,
}

const COSIGNED: &str = "/v1/checkpoints/cosigned";
/// More than any wait after a failure.
pub(crate) const LATER: i64 = 1000;

/// Witnesses and what they are configured with.
pub(crate) struct Site {
    pub(crate) dir: TempDir,
    pub(crate) all: Vec<Witness>,
}

impl Site {
    pub(crate) async fn of(count: u8) -> Self {
        Self::named("witness.example", count).await
    }

    pub(crate) async fn named(name: &str, count: u8) -> Self {
        let mut all = Vec::new();
        for n in 0..count {
            let name = format!("{name}/w{n}");
            all.push(Witness::start(&name, n + 1, START).await);
        }
        let dir = TempDir::new().unwrap();
        Self { dir, all }
    }

    /// A policy with all of them as `W0`, `W1` … and this quorum.
    pub(crate) fn policy(&self, quorum: &str) -> String {
        let line = |(n, witness): (usize, &Witness)| witness.policy_line(&format!("W{n}"));
        let lines: String = self.all.iter().enumerate().map(line).collect();
        lines + quorum
    }

    pub(crate) fn section(&self, quorum: &str, more: &str) -> String {
        section(self.dir.path(), &self.policy(quorum), more)
    }

    /// An oracle that all of them know.
    pub(crate) async fn world(&self, backend: Backend, series: &str, section: &str) -> World {
        let mut world = World::create(backend, &format!("{series}{section}")).await;
        let key = world.log_key().await;
        self.all.iter().for_each(|w| w.trust(&key));
        world.start().await.unwrap();
        world.run_due().await;
        world
    }
}

pub(crate) const ALL: &str = "group q all W0 W1\nquorum q\n";

pub(crate) async fn text(world: &World, path: &str) -> String {
    let answer = world.get(path).await;
    assert_eq!(answer.status, 200, "{path}");
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    String::from_utf8(answer.body).unwrap()
}

pub(crate) async fn checkpoint(world: &World) -> Checkpoint {
    let note = text(world, "/checkpoint").await;
    Note::parse(&note).unwrap().checkpoint().clone()
}

/// The names of those whose cosignatures a note has.
fn cosigners(policy: &str, note: &str) -> Vec<String> {
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    let note = Note::parse(note).unwrap();
    let cosigned = policy.cosigned(&note).unwrap();
    cosigned.iter().map(|c| c.witness.name.clone()).collect()
}

pub(crate) fn wait(world: &World) {
    world.clock.advance(TimeDelta::seconds(LATER));
}

async fn a_head_has_what_cosignatures_there_are_and_a_quorum_is_served_apart(backend: Backend) {
    let outside = Site::of(3).await;
    let quorum = "group two 2 W0 W1 W2\nquorum two\n";
    let policy = outside.policy(quorum);
    let mut world = outside
        .world(backend, CENTS, &outside.section(quorum, ""))
        .await;
    outside.all[2].set_mood(Mood::Status(503));
    let missing = world.get(COSIGNED).await;
    assert_eq!(
        (missing.status, missing.problem()),
        (404, "not-cosigned".into())
    );
    assert_eq!(missing.header("retry-after"), "5");

    let mut cosigner = world.cosigner();
    cosigner.run_due().await.unwrap();
    let first = text(&world, "/checkpoint").await;
    assert_eq!(cosigners(&policy, &first), ["W0", "W1"]);
    assert_eq!(text(&world, COSIGNED).await, first);
    let lines: Vec<&str> = first.lines().collect();
    assert!(lines[4].contains(lines[0]), "the log's signature is first");

    world.at(SETTLED).await;
    let head = text(&world, "/checkpoint").await;
    assert_eq!(cosigners(&policy, &head), [""; 0]);
    assert_eq!(text(&world, COSIGNED).await, first);
    outside.all[2].set_mood(Mood::Honest);
    wait(&world);
    cosigner.run_due().await.unwrap();
    let note = text(&world, "/checkpoint").await;
    assert!(note.starts_with(&head));
    assert_eq!(cosigners(&policy, &note), ["W0", "W1", "W2"]);
    assert_eq!(text(&world, COSIGNED).await, note);
    let checked = Policy::parse(policy.as_bytes()).unwrap();
    assert_eq!(
        checked.check(&Note::parse(&note).unwrap()).unwrap().len(),
        3
    );
    let id = event_id("btc-cents", MATURITY);
    let proof = text(&world, &format!("/v1/proofs/{id}?format=tlog-proof")).await;
    assert!(
        proof.ends_with(&note),
        "offline proofs are cosigned as well"
    );

    let reader = Store::open(&world.config().store_url, false).await.unwrap();
    let rows = reader.reader().cosignatures().await.unwrap();
    let size = Note::parse(&note).unwrap().checkpoint().size;
    assert!(
        rows.iter()
            .all(|row| row.size == size && row.time == instant(START))
    );
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "witness.example/w0",
            "witness.example/w1",
            "witness.example/w2"
        ]
    );
    assert_eq!(world.database.count("cosignature").await, 3);
    let out = outside.dir.path().join("export");
    oracle_server::log::export(&reader.reader(), &out)
        .await
        .unwrap();
    reader.close().await;
    for file in ["checkpoint", "v1/checkpoints/cosigned"] {
        assert_eq!(fs::read_to_string(out.join(file)).unwrap(), note, "{file}");
    }
}

/// Answers that prove nothing.
fn lies() -> Vec<(&'static str, Lie)> {
    fn lie(f: impl Fn(&Signing, &Checkpoint) -> String + Send + Sync + 'static) -> Lie {
        Arc::new(move |signing, checkpoint| f(signing, checkpoint).into_bytes())
    }
    let now = START.unsigned_abs();
    vec![
        ("nothing", lie(|_, _| String::new())),
        ("bytes", Arc::new(|_, _| vec![0xff; 100])),
        ("a megabyte", lie(|_, _| "a".repeat(1_000_000))),
        (
            "a megabyte of lines",
            lie(move |s, c| s.line(c, now).repeat(6000)),
        ),
        ("a sentence", lie(|_, _| "thank you\n".to_owned())),
        (
            "no line feed",
            lie(move |s, c| s.line(c, now).trim_end().to_owned()),
        ),
        (
            "another size",
            lie(move |s, c| {
                let size = c.size + 1;
                s.line(&Checkpoint { size, ..c.clone() }, now)
            }),
        ),
        (
            "another root",
            lie(move |s, c| {
                let root = [7; 32];
                s.line(&Checkpoint { root, ..c.clone() }, now)
            }),
        ),
        (
            "another key id",
            lie(move |s, c| s.line_as(s.key.name(), [1, 2, 3, 4], c, now)),
        ),
        (
            "another name",
            lie(move |s, c| s.line_as("other.example", s.key.id(), c, now)),
        ),
        (
            "the log's name",
            lie(move |s, c| s.line_as(&c.origin, s.key.id(), c, now)),
        ),
        ("the end of time", lie(|s, c| s.line(c, u64::MAX))),
        (
            "the future",
            lie(move |s, c| s.line(c, now + 100 * LATER.unsigned_abs())),
        ),
        (
            "a true line and a false one",
            lie(move |s, c| {
                let mut other = c.clone();
                other.root = [7; 32];
                s.line(c, now) + &s.line(&other, now)
            }),
        ),
        (
            "another checkpoint before a true line",
            lie(move |s, c| format!("{}\n{}", c.text(), s.line(c, now))),
        ),
        (
            "a control character",
            lie(move |s, c| s.line(c, now).replace(' ', "\t")),
        ),
    ]
}

async fn what_is_no_cosignature_of_the_head_is_not_kept(backend: Backend) {
    let outside = Site::of(2).await;
    let [witness, elsewhere] = &outside.all[..] else {
        unreachable!()
    };
    let policy = witness.policy_line("W0") + "quorum W0\n";
    let section = section(outside.dir.path(), &policy, "");
    let world = outside.world(backend, CENTS, &section).await;
    witness.set_last(None);
    let mut cosigner = world.cosigner();
    let redirect = format!("{}/w/add-checkpoint", elsewhere.mirror_url());
    let mut moods = vec![
        ("redirect".to_owned(), Mood::Redirect(redirect)),
        ("conflict: no size".to_owned(), Mood::Conflict("many\n")),
        ("conflict: negative".to_owned(), Mood::Conflict("-1\n")),
        ("conflict: endless".to_owned(), Mood::Conflict("0\n")),
    ];
    for (what, lie) in lies() {
        moods.push((what.to_owned(), Mood::Lying(lie)));
    }
    for status in [201, 204, 301, 400, 403, 404, 422, 429, 500, 503] {
        moods.push((status.to_string(), Mood::Status(status)));
    }
    for (what, mood) in moods {
        let before = witness.asked().len();
        witness.set_mood(mood);
        cosigner.run_due().await.unwrap();
        let asked = witness.asked().len() - before;
        assert!((1..=3).contains(&asked), "{what}: asked {asked} times");
        assert_eq!(world.database.count("cosignature").await, 0, "{what}");
        assert_eq!(world.get(COSIGNED).await.status, 404, "{what}");
        // It is left alone for a while.
        cosigner.run_due().await.unwrap();
        assert_eq!(witness.asked().len() - before, asked, "{what}");
        wait(&world);
    }
    assert_eq!(elsewhere.asked(), [], "a redirect was followed");
    witness.set_mood(Mood::Honest);
    cosigner.run_due().await.unwrap();
    assert_eq!(cosigners(&policy, &text(&world, COSIGNED).await), ["W0"]);
}

async fn what_others_say_beside_a_cosignature_is_passed_over(backend: Backend) {
    let outside = Site::of(1).await;
    let policy = outside.policy("quorum W0\n");
    let section = outside.section("quorum W0\n", "");
    let world = outside.world(backend, CENTS, &section).await;
    outside.all[0].set_mood(Mood::Lying(Arc::new(|s, c| {
        let now = START.unsigned_abs();
        let other = s.line_as("stranger.example", [1, 2, 3, 4], c, now);
        let log = s.line_as(&c.origin, [1, 2, 3, 4], c, now);
        let line = s.line(c, now);
        let earlier = s.line(c, now - 1);
        format!("{other}{line}{line}{earlier}{log}").into_bytes()
    })));
    world.cosigner().run_due().await.unwrap();
    let note = text(&world, "/checkpoint").await;
    assert_eq!(cosigners(&policy, &note), ["W0"]);
    let lines = note.lines().filter(|line| line.starts_with('\u{2014}'));
    assert_eq!(lines.count(), 2, "{note}");
    let key = outside.all[0].key();
    let at = Note::parse(&note).unwrap().signed_by(key);
    assert_eq!(at, Ok(START.unsigned_abs()));
}

async fn a_witness_that_forgot_is_told_the_log_from_where_it_is(backend: Backend) {
    let outside = Site::of(1).await;
    let witness = &outside.all[0];
    let times: Vec<i64> = (0..4).map(|n| MATURITY + 600 * n).collect();
    let mut world = outside
        .world(
            backend,
            &cents_at(&times),
            &outside.section("quorum W0\n", ""),
        )
        .await;
    let mut cosigner = world.cosigner();
    let mut known = vec![None];
    for time in times {
        // What it knew at each time before, and the size that this is.
        for last in &known {
            witness.set_last(last.clone());
            world.at(world.now().max(time + 60)).await;
            wait(&world);
            let head = checkpoint(&world).await;
            let before = witness.asked().len();
            cosigner.run_due().await.unwrap();
            let asked = witness.asked().split_off(before);
            if witness.last() == *last {
                // It has this head already.
                continue;
            }
            assert_eq!(witness.last(), Some(head.clone()));
            let size = last.as_ref().map_or(0, |last| last.size);
            assert_eq!(asked.last(), Some(&(size, head.size)));
            assert!(asked.len() <= 2, "{asked:?}");
        }
        known.push(witness.last());
    }
    assert!(known.len() > 4);
}

async fn a_slow_witness_is_asked_for_one_head_at_a_time_and_then_for_the_newest(backend: Backend) {
    let outside = Site::of(1).await;
    let witness = &outside.all[0];
    let times: Vec<i64> = (0..10).map(|n| MATURITY + 60 * n).collect();
    let section = outside.section("quorum W0\n", "every = \"0s\"\ntimeout = \"60s\"");
    let mut world = outside.world(backend, &cents_at(&times), &section).await;
    world.cosigner().run_due().await.unwrap();
    witness.set_mood(Mood::Held);
    let before = witness.asked().len();
    let mut following = Followers::default();
    following.start(world.cosigner());
    world.at(times[0]).await;
    world.at(times[0] + 60).await;
    witness.wait_until(|w| w.asked().len() == before + 1).await;
    let first = witness.asked()[before].1;
    let mut sizes = Vec::new();
    for time in &times[1..] {
        world.at(time + 60).await;
        let id = event_id("btc-cents", *time);
        assert_eq!(world.event(&id).await.state, EventState::Attested);
        let note = text(&world, "/checkpoint").await;
        let note = Note::parse(&note).unwrap();
        assert!(matches!(
            note.signed_by(witness.key()),
            Err(NoteError::Unsigned(_))
        ));
        sizes.push(note.checkpoint().size);
    }
    let newest = sizes[sizes.len() - 1];
    assert!(sizes[0] < newest);
    witness.release();
    witness.release();
    witness
        .wait_until(|w| w.last().is_some_and(|last| last.size == newest))
        .await;
    following.stop().await;
    let asked = witness.asked().split_off(before);
    assert_eq!(asked.last(), Some(&(first, newest)), "{asked:?}");
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert_eq!(witness.most_under_way(), 1);
}

async fn a_quorum_meets_on_one_head_however_many_come_meanwhile(backend: Backend) {
    let outside = Site::of(2).await;
    let [slow, quick] = &outside.all[..] else {
        unreachable!()
    };
    let times: Vec<i64> = (0..5).map(|n| MATURITY + 60 * n).collect();
    let section = outside.section(ALL, "every = \"0s\"\ntimeout = \"60s\"");
    let mut world = outside.world(backend, &cents_at(&times), &section).await;
    world.cosigner().run_due().await.unwrap();
    let asked = [slow.asked().len(), quick.asked().len()];
    slow.set_mood(Mood::Held);
    let mut following = Followers::default();
    following.start(world.cosigner());
    world.at(times[0] + 60).await;
    quick.wait_until(|w| w.asked().len() == asked[1] + 1).await;
    let first = quick.asked()[asked[1]].1;
    for time in &times[1..] {
        world.at(time + 60).await;
    }
    let newest = checkpoint(&world).await.size;
    slow.release();
    slow.release();
    for witness in [slow, quick] {
        witness
            .wait_until(|w| w.last().is_some_and(|last| last.size == newest))
            .await;
    }
    following.stop().await;
    for (witness, before) in [slow, quick].into_iter().zip(asked) {
        let mut sizes: Vec<u64> = witness.asked()[before..].iter().map(|a| a.1).collect();
        sizes.dedup();
        assert_eq!(sizes, [first, newest]);
    }
}

async fn a_process_that_starts_knows_what_was_cosigned(backend: Backend) {
    let outside = Site::of(1).await;
    let section = outside.section("quorum W0\n", "");
    let mut world = outside.world(backend, CENTS, &section).await;
    world.cosigner().run_due().await.unwrap();
    let cosigned = text(&world, COSIGNED).await;
    world.stop().await;
    world.start().await.unwrap();
    let before = outside.all[0].asked().len();
    world.cosigner().run_due().await.unwrap();
    assert_eq!(
        outside.all[0].asked().len(),
        before,
        "asked for what it has"
    );
    assert_eq!(text(&world, COSIGNED).await, cosigned);
    let old = checkpoint(&world).await.size;
    world.at(SETTLED).await;
    world.cosigner().run_due().await.unwrap();
    let new = checkpoint(&world).await.size;
    assert_eq!(outside.all[0].asked()[before..], [(old, new)]);
}

async fn another_policy_holds_for_what_there_is(backend: Backend) {
    let outside = Site::of(2).await;
    let one = "group q any W0 W1\nquorum q\n";
    let world = outside
        .world(backend, CENTS, &outside.section(one, ""))
        .await;
    outside.all[1].set_mood(Mood::Status(500));
    world.cosigner().run_due().await.unwrap();
    assert_eq!(world.get(COSIGNED).await.status, 200);
    let write = |policy: &str| outside.section(policy, "");
    write(ALL);
    world.cosigner().run_due().await.unwrap();
    assert_eq!(world.get(COSIGNED).await.status, 404);
    write(one);
    world.cosigner().run_due().await.unwrap();
    assert_eq!(world.get(COSIGNED).await.status, 200);
    // Witnesses that are gone from the policy are gone from the list.
    let last = outside.all[1].policy_line("W1") + "quorum W1\n";
    fs::write(outside.dir.path().join("witness.policy"), last).unwrap();
    world.cosigner().run_due().await.unwrap();
    assert_eq!(world.get(COSIGNED).await.status, 404);
    assert_eq!(world.database.count("cosignature").await, 0);
}

/// Runs `aics-witness` where `ORACLE_TEST_WITNESS` names it.
async fn a_witness_of_another_make_cosigns_the_log(backend: Backend) {
    let Ok(program) = std::env::var("ORACLE_TEST_WITNESS") else {
        leave_out("a witness of another make: ORACLE_TEST_WITNESS is not set");
        return;
    };
    let dir = TempDir::new().unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(&program);
        command
            .args(args)
            .arg("--config")
            .arg(dir.path().join("witness.json"));
        command
    };
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let init = [
        "init",
        "--name",
        "other.example/w1",
        "--listen",
        &address.to_string(),
    ];
    let said = run(&init).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let key = said
        .split_whitespace()
        .find(|word| word.contains('+'))
        .expect(&said);
    let policy = format!("witness other {key} http://{address}\nquorum other\n");
    let section = section(dir.path(), &policy, "");
    let mut world = World::create(backend, &format!("{CENTS}{section}")).await;
    let log = world.log_key().await;
    let add = [
        "add-log",
        "--origin",
        log.name(),
        "--vkey",
        &log.to_string(),
    ];
    assert!(run(&add).output().unwrap().status.success());
    let mut process = run(&["serve"]).spawn().unwrap();
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    world.start().await.unwrap();
    while world.signing() != oracle_server::signer::Signing::On {
        // Not yet listening, perhaps.
        world.look().await;
    }
    world.run_due().await;
    // The witness's time is the real one, and this world's a day ahead.
    world.set_time(SystemClock.now().timestamp() + 86_400);
    let mut cosigner = world.cosigner();
    let mut sizes = Vec::new();
    for _ in 0..2 {
        let size = checkpoint(&world).await.size;
        let done = async {
            loop {
                cosigner.run_due().await.unwrap();
                let answer = world.get(COSIGNED).await;
                let note = String::from_utf8(answer.body).unwrap();
                match Note::parse(&note) {
                    Ok(note) if note.checkpoint().size == size => break note,
                    // Not yet listening, perhaps.
                    _ => wait(&world),
                }
            }
        };
        let note = timeout(Duration::from_secs(30), done).await.unwrap();
        assert_eq!(policy.check(&note).unwrap().len(), 1);
        sizes.push(size);
        // The event, long matured, has an end.
        world.at(world.now() + 90 * 86_400).await;
    }
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(sizes[0] < sizes[1], "{sizes:?}");
}
