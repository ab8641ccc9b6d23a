//! What refuses the start of a log that is not the one that others know.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use oracle_schema::tlog::Checkpoint;
use oracle_server::guard::Accept;
use oracle_server::log::Heads;
use oracle_server::service::{Options, ServiceError};
use oracle_server::signer::{Signer, Signing};
use oracle_server::store::SignHead as _;
use oracle_tests::database::Backend;
use oracle_tests::witness::Mood;
use oracle_tests::world::World;

use crate::series::{CENTS, SETTLED};
use crate::witness::{Site, checkpoint, text};

laws! {
    a_database_that_went_back_refuses_the_start,
    a_forked_log_refuses_the_start,
    one_witness_alone_does_not_refuse_what_a_quorum_cosigns,
    who_cannot_be_believed_does_not_refuse_the_start,
    a_policy_for_other_logs_refuses_the_start,
}

/// The line with which the whole service refuses to start.
async fn refusal(world: &World) -> String {
    world.database.wait_until_free().await;
    // What was restored is refused for that alone.
    let options = Options {
        accept: Accept {
            copy: true,
            ..Accept::default()
        },
        ..Options::default()
    };
    match world.run(options).await {
        Err(error @ ServiceError::Log(_)) => {
            let line = error.to_string();
            assert!(!line.contains('\n'), "{line}");
            line
        }
        Err(other) => panic!("not a refused start: {other}"),
        Ok(_) => panic!("the service started"),
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// Lets an event be attested, and puts database and journal back to before.
async fn go_back(backend: Backend, world: &mut World) {
    let size = checkpoint(world).await.size;
    let data = world.dir().join("data");
    let backup = world.dir().join("backup");
    world.stop().await;
    copy(&data, &backup);
    world.database.wait_until_free().await;
    world.start().await.unwrap();
    world.at(SETTLED).await;
    world.cosigner().run_due().await.unwrap();
    assert!(checkpoint(world).await.size > size);
    world.stop().await;
    match backend {
        Backend::Sqlite => {
            fs::remove_dir_all(&data).unwrap();
            fs::rename(&backup, &data).unwrap();
        }
        // As far as the heads go, which is what is compared.
        Backend::Postgres => {
            fs::copy(backup.join("journal"), data.join("journal")).unwrap();
            for table in ["cosignature", "cosigned_head", "head"] {
                let sql = format!("DELETE FROM {table} WHERE size > {size}");
                world.database.execute(&sql).await;
            }
        }
    }
}

async fn a_database_that_went_back_refuses_the_start(backend: Backend) {
    let outside = Site::of(1).await;
    let mirror = format!("mirrors = [{:?}]", outside.all[0].mirror_url());
    let section = outside.section("quorum W0\n", &mirror);
    let mut world = outside.world(backend, CENTS, &section).await;
    go_back(backend, &mut world).await;
    let later = outside.all[0].last().unwrap();
    let line = refusal(&world).await;
    assert!(line.starts_with("the log went back: witness W0 (witness.example/w0) knows"));
    assert!(
        line.contains(&format!("knows {} entries", later.size)),
        "{line}"
    );

    // Nobody else says so, and then the mirror does.
    outside.all[0].set_mood(Mood::Status(503));
    outside.all[0].mirror(&signed(&world, &later).await);
    let line = refusal(&world).await;
    let mirror = format!(
        "the log went back: mirror {}/ knows",
        outside.all[0].mirror_url()
    );
    assert!(line.starts_with(&mirror), "{line}");
    // The same start without the mirror: it was that alone. Nothing is signed, as
    // nobody answers.
    outside.all[0].mirror("");
    world.database.wait_until_free().await;
    world.start().await.unwrap();
    assert!(matches!(world.signing(), Signing::Waiting(_)));
}

/// A checkpoint signed with the log's own key; nobody runs the world meanwhile.
async fn signed(world: &World, checkpoint: &Checkpoint) -> String {
    world.database.wait_until_free().await;
    let signer = Signer::open(world.signer_files("data"), world.clock.clone()).unwrap();
    let heads = Heads::new(Arc::new(signer), &checkpoint.origin).unwrap();
    heads.sign_head(checkpoint.size, &checkpoint.root)
}

async fn a_forked_log_refuses_the_start(backend: Backend) {
    let outside = Site::of(1).await;
    let mirror = format!("mirrors = [{:?}]", outside.all[0].mirror_url());
    let section = outside.section("quorum W0\n", &mirror);
    let mut world = outside.world(backend, CENTS, &section).await;
    world.at(SETTLED).await;
    world.cosigner().run_due().await.unwrap();
    let ours = outside.all[0].last().unwrap();
    world.stop().await;
    for size in [ours.size, ours.size - 1] {
        let mut theirs = ours.clone();
        theirs.size = size;
        theirs.root = [7; 32];
        outside.all[0].set_mood(Mood::Honest);
        outside.all[0].set_last(Some(theirs.clone()));
        let line = refusal(&world).await;
        let expected = format!(
            "this is another log: witness W0 (witness.example/w0) knows other entries \
             than the first {size} of this database"
        );
        assert!(line.starts_with(&expected), "{line}");
        outside.all[0].set_mood(Mood::Status(503));
        outside.all[0].mirror(&signed(&world, &theirs).await);
        let line = refusal(&world).await;
        assert!(
            line.starts_with("this is another log: mirror http://"),
            "{line}"
        );
        assert!(line.contains(&format!("the first {size} ")), "{line}");
        outside.all[0].mirror("");
    }
}

async fn one_witness_alone_does_not_refuse_what_a_quorum_cosigns(backend: Backend) {
    let outside = Site::of(3).await;
    let section = outside.section("group two 2 W0 W1 W2\nquorum two\n", "");
    let mut world = outside.world(backend, CENTS, &section).await;
    outside.all[0].set_mood(Mood::Conflict("99999999\n"));
    world.stop().await;
    world.database.wait_until_free().await;
    let running = world.run(Options::default()).await.unwrap();
    running.stop().await.unwrap();
    // Whether the second says so too or nothing at all: there is no quorum.
    for mood in [Mood::Conflict("99999999\n"), Mood::Status(503)] {
        outside.all[1].set_mood(mood);
        let line = refusal(&world).await;
        assert!(line.starts_with("the log went back: witness W0"), "{line}");
    }
}

async fn who_cannot_be_believed_does_not_refuse_the_start(backend: Backend) {
    let outside = Site::of(1).await;
    let mirror = format!("mirrors = [{:?}]", outside.all[0].mirror_url());
    let section = outside.section("quorum W0\n", &mirror);
    let mut world = outside.world(backend, CENTS, &section).await;
    // What it cosigned is known.
    world.cosigner().run_due().await.unwrap();
    let good = text(&world, "/checkpoint").await;
    let mut later = checkpoint(&world).await;
    later.size += 1;
    let signature = good.rsplit_once("\n\n").unwrap().1;
    let foreign = World::new(backend, CENTS).await;
    for mirrored in [
        String::new(),
        "x".repeat(1_000_000),
        // Another size under the same signature, and another oracle's log.
        format!("{}\n{signature}", later.text()),
        text(&foreign, "/checkpoint").await,
        good.clone(),
    ] {
        outside.all[0].mirror(&mirrored);
        let is_good = mirrored == good;
        for mood in [
            Mood::Status(403),
            Mood::Status(404),
            Mood::Conflict("?"),
            Mood::Lying(Arc::new(|_, _| b"lie\n".to_vec())),
            Mood::Honest,
        ] {
            outside.all[0].set_mood(mood.clone());
            world.stop().await;
            world.database.wait_until_free().await;
            world.start().await.unwrap();
            // The witness had cosigned the log before it did not know it.
            let is_answered = is_good || matches!(mood, Mood::Honest);
            assert_eq!(world.signing() == Signing::On, is_answered);
        }
    }
}

async fn a_policy_for_other_logs_refuses_the_start(backend: Backend) {
    let outside = Site::of(1).await;
    let section = outside.section("quorum W0\n", "");
    let mut world = outside.world(backend, CENTS, &section).await;
    let ours = world.log_key().await;
    let theirs = World::new(backend, CENTS).await.log_key().await;
    world.stop().await;
    let policy = outside.dir.path().join("witness.policy");
    fs::write(
        &policy,
        outside.policy(&format!("quorum W0\nlog {theirs}\n")),
    )
    .unwrap();
    let line = refusal(&world).await;
    assert!(line.contains(&ours.to_string()), "{line}");
    let both = format!("quorum W0\nlog {theirs}\nlog {ours}\n");
    fs::write(&policy, outside.policy(&both)).unwrap();
    world.database.wait_until_free().await;
    world.start().await.unwrap();
}
