//! Whether anything is signed, by what witnesses and mirrors say or do not say.

use std::fs;
use std::time::Duration;

use chrono::TimeDelta;
use oracle_client::EventState;
use oracle_server::guard::Accept;
use oracle_server::service::Options;
use oracle_server::signer::Signing;
use oracle_tests::database::Backend;
use oracle_tests::http;
use oracle_tests::market::btcusd_fixing_cents;
use oracle_tests::witness::Mood;
use oracle_tests::world::{World, event_id, instant};
use tokio::time::timeout;

use crate::series::{CENTS, MATURITY, SETTLED, cents_at};
use crate::witness::{ALL, LATER, Site, text, wait};

laws! {
    a_silent_witness_beside_one_that_answers_delays_nothing,
    while_nobody_answers_the_service_runs_serves_and_ends,
    nothing_is_signed_before_a_witness_or_a_mirror_has_answered,
    a_contradiction_while_it_runs_stops_all_signing_until_a_start_passes,
    a_witness_that_a_quorum_outvotes_stops_nothing_for_good,
    a_contradiction_is_looked_into_until_silent_witnesses_answer,
    a_witness_that_does_not_know_the_log_counts_until_it_has_cosigned_it,
    a_mirror_with_less_than_an_accepted_copy_says_nothing_of_it,
    a_witness_does_not_learn_from_an_accepted_copy_what_it_is_asked_about,
}

async fn a_silent_witness_beside_one_that_answers_delays_nothing(backend: Backend) {
    // All tests of a process share its metrics.
    let name = format!("silent.{backend:?}");
    let outside = Site::named(&name, 3).await;
    let more = format!(
        "timeout = \"300ms\"\nmirrors = [{:?}]",
        outside.all[1].mirror_url()
    );
    let section = outside.section("group q any W0 W1 W2\nquorum q\n", &more);
    let mut world = outside.world(backend, CENTS, &section).await;
    world.stop().await;
    outside.all[0].set_mood(Mood::Silent);
    outside.all[1].set_mood(Mood::Silent);
    world.database.wait_until_free().await;
    let running = timeout(Duration::from_secs(30), world.run(Options::default()))
        .await
        .expect("the witnesses keep the service from starting")
        .unwrap();
    world.clock.set(instant(SETTLED));
    let url = format!("http://{}", running.public);
    let id = event_id("btc-cents", MATURITY);
    let client = http::client(&url);
    let attested = client.wait(&id, Duration::from_secs(20)).await.unwrap();
    assert_eq!(
        attested.outcome_text(),
        btcusd_fixing_cents(MATURITY).to_string()
    );
    assert_ne!(http::get(&url, "/readyz", &[]).await.status, 503);
    let metrics = http::get(&format!("http://{}", running.admin), "/metrics", &[]).await;
    let metrics = String::from_utf8(metrics.body).unwrap();
    let size = format!("oracle_witness_size{{witness=\"{name}/w0\"}} 0");
    assert!(metrics.contains(&size), "{metrics}");
    timeout(Duration::from_secs(20), running.stop())
        .await
        .expect("the witnesses keep the service from ending")
        .unwrap();
}

async fn while_nobody_answers_the_service_runs_serves_and_ends(backend: Backend) {
    let outside = Site::of(2).await;
    let more = format!(
        "timeout = \"300ms\"\nmirrors = [{:?}]",
        outside.all[1].mirror_url()
    );
    let mut world = outside
        .world(backend, CENTS, &outside.section(ALL, &more))
        .await;
    world.stop().await;
    outside.all[0].set_mood(Mood::Silent);
    outside.all[1].set_mood(Mood::Silent);
    world.database.wait_until_free().await;
    let running = timeout(Duration::from_secs(30), world.run(Options::default()))
        .await
        .expect("the witnesses keep the service from starting")
        .unwrap();
    let url = format!("http://{}", running.public);
    let id = event_id("btc-cents", MATURITY);
    http::client(&url).announcement(&id).await.unwrap();
    let ready = http::get(&url, "/readyz", &[]).await;
    assert_eq!(ready.status, 503);
    let said = ready.json()["signing"].to_string();
    assert!(
        said.contains("no witness and no mirror has answered"),
        "{said}"
    );
    // The service asks by itself once its time has come, and then attests.
    outside.all[0].trust(&world.log_key().await);
    outside.all[0].set_mood(Mood::Honest);
    world.clock.set(instant(SETTLED));
    let client = http::client(&url);
    client.wait(&id, Duration::from_secs(30)).await.unwrap();
    assert_eq!(
        http::get(&url, "/readyz", &[]).await.json()["signing"],
        "ok"
    );
    timeout(Duration::from_secs(20), running.stop())
        .await
        .expect("the witnesses keep the service from ending")
        .unwrap();
}

async fn nothing_is_signed_before_a_witness_or_a_mirror_has_answered(backend: Backend) {
    let outside = Site::of(1).await;
    let mirror = format!(
        "timeout = \"300ms\"\nmirrors = [{:?}]",
        outside.all[0].mirror_url()
    );
    let section = outside.section("quorum W0\n", &mirror);
    let times = [MATURITY, MATURITY + 600];
    let mut world = outside.world(backend, &cents_at(&times), &section).await;
    world.cosigner().run_due().await.unwrap();
    let good = text(&world, "/checkpoint").await;
    let entries = world.database.log().await.len();
    for (at, mood) in [(times[0], Mood::Silent), (times[1], Mood::Status(503))] {
        world.stop().await;
        outside.all[0].set_mood(mood);
        outside.all[0].mirror("");
        world.database.wait_until_free().await;
        world.start().await.unwrap();
        let before = world.database.log().await.len();
        for later in [60, 120] {
            world.at(at + later).await;
            world.look().await;
            assert_eq!(world.database.log().await.len(), before, "signed");
        }
        assert_eq!(world.get("/readyz").await.status, 503);
        if at == times[0] {
            // A mirror has what was the last head then, and still is.
            outside.all[0].mirror(&good);
        } else {
            outside.all[0].set_mood(Mood::Honest);
        }
        world.look().await;
        assert_eq!(world.signing(), Signing::On);
        world.run_due().await;
        let id = event_id("btc-cents", at);
        assert_eq!(world.event(&id).await.state, EventState::Attested);
    }
    assert!(world.database.log().await.len() > entries + 1);
}

async fn a_contradiction_while_it_runs_stops_all_signing_until_a_start_passes(backend: Backend) {
    let outside = Site::of(1).await;
    let section = outside.section("quorum W0\n", "");
    let times = [MATURITY, MATURITY + 600];
    let mut world = outside.world(backend, &cents_at(&times), &section).await;
    let mut cosigner = world.cosigner();
    cosigner.run_due().await.unwrap();
    world.at(times[0] + 60).await;
    let before = world.database.log().await.len();
    // Another copy has gone on.
    outside.all[0].set_mood(Mood::Conflict("99999999\n"));
    cosigner.run_due().await.unwrap();
    assert!(matches!(world.signing(), Signing::Doubted(_)));
    world.at(times[1] + 60).await;
    assert_eq!(world.database.log().await.len(), before, "signed in doubt");
    world.look().await;
    assert!(matches!(world.signing(), Signing::Stopped(_)));
    // What it says later changes nothing.
    outside.all[0].set_mood(Mood::Honest);
    wait(&world);
    cosigner.run_due().await.unwrap();
    world.look().await;
    world.run_due().await;
    assert_eq!(world.database.log().await.len(), before, "signed");
    let id = event_id("btc-cents", times[1]);
    assert_ne!(world.event(&id).await.state, EventState::Attested);
    let ready = world.get("/readyz").await;
    assert_eq!(ready.status, 503);
    let said = ready.json()["signing"].to_string();
    assert!(said.contains("the log went back: witness W0"), "{said}");
    world.stop().await;
    world.database.wait_until_free().await;
    world.start().await.unwrap();
    world.run_due().await;
    assert_eq!(world.event(&id).await.state, EventState::Attested);
}

async fn a_witness_that_a_quorum_outvotes_stops_nothing_for_good(backend: Backend) {
    let outside = Site::of(3).await;
    let section = outside.section("group two 2 W0 W1 W2\nquorum two\n", "");
    let times = [MATURITY, MATURITY + 600];
    let mut world = outside.world(backend, &cents_at(&times), &section).await;
    let mut cosigner = world.cosigner();
    outside.all[0].set_mood(Mood::Conflict("99999999\n"));
    for at in times {
        world.at(at + 60).await;
        cosigner.run_due().await.unwrap();
        world.look().await;
        assert_eq!(world.signing(), Signing::On);
        let id = event_id("btc-cents", at);
        assert_eq!(world.event(&id).await.state, EventState::Attested);
        wait(&world);
    }
    // Whoever says the same again is not news.
    world.at(world.now() + LATER).await;
    cosigner.run_due().await.unwrap();
    assert_eq!(world.signing(), Signing::On);
}

async fn a_contradiction_is_looked_into_until_silent_witnesses_answer(backend: Backend) {
    let outside = Site::of(3).await;
    let section = outside.section("group two 2 W0 W1 W2\nquorum two\n", "");
    let times = [MATURITY, MATURITY + 600];
    let mut world = outside.world(backend, &cents_at(&times), &section).await;
    let mut cosigner = world.cosigner();
    outside.all[0].set_mood(Mood::Conflict("99999999\n"));
    outside.all[2].set_mood(Mood::Status(503));
    world.at(times[0] + 60).await;
    cosigner.run_due().await.unwrap();
    let before = world.database.log().await.len();
    for _ in 0..2 {
        world.look().await;
        assert!(matches!(world.signing(), Signing::Doubted(_)));
    }
    world.at(times[1] + 60).await;
    assert_eq!(world.database.log().await.len(), before, "signed in doubt");
    outside.all[2].set_mood(Mood::Honest);
    world.look().await;
    assert_eq!(world.signing(), Signing::On);
    world.run_due().await;
    let id = event_id("btc-cents", times[1]);
    assert_eq!(world.event(&id).await.state, EventState::Attested);
}

async fn a_witness_that_does_not_know_the_log_counts_until_it_has_cosigned_it(backend: Backend) {
    let outside = Site::of(1).await;
    let section = outside.section("quorum W0\n", "");
    // Nobody told the witness of the log.
    let mut world = World::create(backend, &format!("{CENTS}{section}")).await;
    for _ in 0..2 {
        world.start().await.unwrap();
        assert_eq!(world.signing(), Signing::On);
        world.run_due().await;
        world.stop().await;
        world.database.wait_until_free().await;
    }
    world.start().await.unwrap();
    outside.all[0].trust(&world.log_key().await);
    world.cosigner().run_due().await.unwrap();
    world.stop().await;
    outside.all[0].set_mood(Mood::Status(404));
    world.database.wait_until_free().await;
    world.start().await.unwrap();
    assert!(matches!(world.signing(), Signing::Waiting(_)));
}

async fn a_mirror_with_less_than_an_accepted_copy_says_nothing_of_it(backend: Backend) {
    let outside = Site::of(1).await;
    let mirror = format!(
        "\n[witness]\nmirrors = [{:?}]\n",
        outside.all[0].mirror_url()
    );
    let mut world = World::new(backend, &format!("{CENTS}{mirror}")).await;
    let early = text(&world, "/checkpoint").await;
    outside.all[0].mirror(&early);
    world.at(SETTLED).await;
    let last = text(&world, "/checkpoint").await;
    assert_ne!(early, last);
    world.stop().await;
    let journal = world.dir().join("data/journal");
    // A copy that was accepted stays one through restarts, until somebody has shown that
    // it is the newest, and cannot have that from the copy itself; then it is the
    // oracle's own.
    let starts = [
        (&early, true, "waiting"),
        (&early, false, "waiting"),
        (&last, false, "waiting"),
        (&last, true, "ok"),
        (&early, false, "ok"),
    ];
    for (mirrored, is_copied, signing) in starts {
        outside.all[0].mirror(mirrored);
        if is_copied {
            let copy = world.dir().join("data/copy");
            fs::copy(&journal, &copy).unwrap();
            fs::rename(&copy, &journal).unwrap();
        }
        let options = Options {
            accept: Accept {
                copy: is_copied,
                ..Accept::default()
            },
            ..Options::default()
        };
        world.database.wait_until_free().await;
        let running = world.run(options).await.unwrap();
        let url = format!("http://{}", running.public);
        let ready = http::get(&url, "/readyz", &[]).await.json();
        assert_eq!(ready["signing"] == "ok", signing == "ok", "{ready}");
        running.stop().await.unwrap();
    }
}

async fn a_witness_does_not_learn_from_an_accepted_copy_what_it_is_asked_about(backend: Backend) {
    let outside = Site::of(1).await;
    let witness = &outside.all[0];
    let section = outside.section("quorum W0\n", "timeout = \"10s\"");
    let mut world = outside
        .world(backend, &cents_at(&[MATURITY]), &section)
        .await;
    world.cosigner().run_due().await.unwrap();
    let known = witness.last().unwrap().size;
    // What the original signed since, nobody outside has seen.
    world.at(MATURITY + 60).await;
    let entries = world.database.log().await.len();
    assert!(entries as u64 > known);
    world.stop().await;
    let journal = world.dir().join("data/journal");
    let copy = world.dir().join("data/copy");
    fs::copy(&journal, &copy).unwrap();
    fs::rename(&copy, &journal).unwrap();
    world.database.wait_until_free().await;
    let accept = Accept {
        copy: true,
        ..Accept::default()
    };
    let options = Options {
        accept,
        ..Options::default()
    };
    let asked = witness.asked().len();
    let running = world.run(options).await.unwrap();
    // It is asked at the start, and again and again.
    let again = async {
        while witness.asked().len() < asked + 3 {
            world.clock.advance(TimeDelta::seconds(1));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(1), again).await.unwrap();
    assert_eq!(witness.last().unwrap().size, known);
    let url = format!("http://{}", running.public);
    let ready = http::get(&url, "/readyz", &[]).await.json();
    assert_ne!(ready["signing"], "ok", "{ready}");
    assert_eq!(world.database.log().await.len(), entries);
    running.stop().await.unwrap();
}
