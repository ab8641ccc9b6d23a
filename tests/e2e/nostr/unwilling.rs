//! Relays that refuse, hang up, are slow or away.

use super::*;

laws! {
    a_dead_relay_gets_later_what_the_others_have,
    a_refusal_is_asked_again_ever_more_rarely_and_blocks_nothing,
    a_message_refused_for_a_week_is_given_up,
    an_announcement_that_is_not_accepted_yet_holds_its_attestation_back,
    a_message_that_makes_the_relay_hang_up_keeps_no_other_back,
    a_relay_that_wants_less_is_left_alone_for_a_while,
    a_silent_relay_delays_neither_an_attestation_nor_the_end,
}

async fn a_dead_relay_gets_later_what_the_others_have(backend: Backend) {
    let (dead, alive) = (Relay::start().await, Relay::start().await);
    dead.set_down(true);
    let (mut world, mut deliverer) =
        world(backend, &format!("{CENTS}{MICROS}"), &[&dead, &alive]).await;
    deliverer.run_due().await.unwrap();
    at(&mut world, &mut deliverer, SETTLED).await;
    assert_eq!((alive.kept(88).len(), alive.kept(89).len()), (2, 2));
    assert!(dead.connections() > 0, "nobody tried");
    assert_eq!(dead.received(), []);
    // Tried again, but ever more rarely.
    for minute in 1..120 {
        world.set_time(SETTLED + 60 * minute);
        deliverer.run_due().await.unwrap();
    }
    let tries = dead.connections();
    assert!((15..=30).contains(&tries), "{tries} tries in two hours");
    dead.set_down(false);
    world.set_time(SETTLED + 7200 + LATER);
    deliverer.run_due().await.unwrap();
    assert_eq!(all(&dead), all(&alive));
    dead.assert_sound();
    alive.assert_sound();
}

async fn a_refusal_is_asked_again_ever_more_rarely_and_blocks_nothing(backend: Backend) {
    let (strict, other) = (Relay::start().await, Relay::start().await);
    let (mut world, mut deliverer) =
        world(backend, &format!("{CENTS}{MICROS}"), &[&strict, &other]).await;
    deliverer.run_due().await.unwrap();
    let unwanted = ids(&other.kept(88))[0].clone();
    // A relay that is new to the oracle and dislikes one announcement.
    drop(deliverer);
    let picky = Relay::start().await;
    let id = unwanted.clone();
    picky.answers(move |event| {
        if event.id() == id {
            Reply::Deny("blocked: not that one")
        } else {
            Reply::Accept
        }
    });
    world.edit(&strict.url(), &picky.url());
    let mut deliverer = world.deliverer(LONG);
    deliverer.run_due().await.unwrap();
    let asked = |relay: &Relay| {
        relay
            .received()
            .iter()
            .filter(|e| e.id() == unwanted)
            .count()
    };
    assert_eq!((picky.kept(88).len(), asked(&picky)), (1, 1));
    let mut asked_at = world.now();
    // Its attestation does not wait for what will not come.
    at(&mut world, &mut deliverer, SETTLED).await;
    assert_eq!(picky.kept(89).len(), 2);
    // The hour after the first refusal may or may not be over by now.
    let mut asked_before = asked(&picky);
    if asked_before > 1 {
        asked_at = world.now();
    }
    let mut wait_h = 1 << (asked_before - 1);
    while wait_h < 24 {
        let before = asked_at + wait_h * 3600 - 60;
        world.set_time(before.max(world.now()));
        deliverer.run_due().await.unwrap();
        assert_eq!(asked(&picky), asked_before, "before {wait_h} h");
        asked_at += wait_h * 3600 * 5 / 4 + 60;
        world.set_time(asked_at);
        deliverer.run_due().await.unwrap();
        asked_before += 1;
        assert_eq!(asked(&picky), asked_before, "after {wait_h} h");
        wait_h *= 2;
    }
    let refused_at = world.now();
    picky.answers(|_| Reply::Accept);
    world.set_time(refused_at + 31 * 3600);
    deliverer.run_due().await.unwrap();
    assert_eq!(all(&picky), all(&other));
    picky.assert_sound();
}

async fn a_message_refused_for_a_week_is_given_up(backend: Backend) {
    let relay = Relay::start().await;
    let (world, mut deliverer) = world(backend, CENTS, &[&relay]).await;
    relay.answers(|_| Reply::Deny("blocked: no"));
    for _ in 0..20 {
        deliverer.run_due().await.unwrap();
        world.clock.advance(TimeDelta::hours(31));
    }
    assert_eq!(relay.received().len(), 12);
    // Not even by a start after a clock that was wrong.
    drop(deliverer);
    relay.answers(|_| Reply::Accept);
    let mut deliverer = world.deliverer(LONG);
    deliverer.run_due().await.unwrap();
    assert_eq!(relay.received().len(), 12);
    let store = Store::open(&world.config().store_url, false).await.unwrap();
    let backlog = store.backlog(&relay.url()).await.unwrap();
    assert_eq!((backlog.waiting, backlog.refused), (0, 1));
    store.close().await;
}

async fn an_announcement_that_is_not_accepted_yet_holds_its_attestation_back(backend: Backend) {
    let relay = Relay::start().await;
    let (mut world, mut deliverer) = world(backend, &format!("{CENTS}{MICROS}"), &[&relay]).await;
    relay.answers(|event| match event.kind() {
        88 => Reply::Deny("error: disk full"),
        _ => Reply::Accept,
    });
    deliverer.run_due().await.unwrap();
    for n in 0..4 {
        at(&mut world, &mut deliverer, SETTLED + LATER * n).await;
    }
    assert!(relay.received().iter().all(|e| e.kind() == 88));
    relay.answers(|_| Reply::Accept);
    at(&mut world, &mut deliverer, SETTLED + LATER * 4).await;
    assert_eq!((relay.kept(88).len(), relay.kept(89).len()), (2, 2));
    relay.assert_sound();
}

async fn a_message_that_makes_the_relay_hang_up_keeps_no_other_back(backend: Backend) {
    let relay = Relay::start().await;
    let maturities: Vec<i64> = (0..12).map(|n| MATURITY + 600 * n).collect();
    let (world, mut deliverer) = world(backend, &cents_at(&maturities), &[&relay]).await;
    let poison = event_id("btc-cents", maturities[3]).to_string();
    let poison = BASE64.encode(
        world
            .get(&format!("/v1/announcements/{poison}?format=tlv"))
            .await
            .body,
    );
    let content = poison.clone();
    relay.answers(move |event| {
        if event.json["content"].as_str() == Some(&content) {
            Reply::HangUp
        } else {
            Reply::Accept
        }
    });
    for _ in 0..6 {
        deliverer.run_due().await.unwrap();
        world.clock.advance(TimeDelta::seconds(LATER));
    }
    let accepted: Vec<Event> = relay
        .kept(88)
        .into_iter()
        .filter(|e| e.json["content"].as_str() != Some(&poison))
        .collect();
    assert_eq!(accepted.len(), 11);
    relay.assert_sound();
}

async fn a_relay_that_wants_less_is_left_alone_for_a_while(backend: Backend) {
    let relay = Relay::start().await;
    let maturities: Vec<i64> = (0..40).map(|n| MATURITY + 600 * n).collect();
    let (world, mut deliverer) = world(backend, &cents_at(&maturities), &[&relay]).await;
    relay.answers(|_| Reply::Deny("rate-limited: slow down"));
    deliverer.run_due().await.unwrap();
    let sent = relay.received().len();
    assert!(
        sent <= 2,
        "{sent} events to a relay that said no to the first"
    );
    relay.answers(|_| Reply::Accept);
    deliverer.run_due().await.unwrap();
    assert_eq!(relay.received().len(), sent, "not left alone");
    // However many of a batch are too many, it is one sign to wait.
    let kept = AtomicUsize::new(0);
    relay.answers(move |_| match kept.fetch_add(1, Ordering::Relaxed) {
        0..10 => Reply::Accept,
        _ => Reply::Deny("rate-limited: slow down"),
    });
    world.clock.advance(TimeDelta::seconds(LATER));
    deliverer.run_due().await.unwrap();
    let sent = relay.received().len();
    assert_eq!(relay.kept(88).len(), 10);
    world.clock.advance(TimeDelta::seconds(2));
    deliverer.run_due().await.unwrap();
    assert!(relay.received().len() > sent, "left alone for too long");
    relay.answers(|_| Reply::Accept);
    world.clock.advance(TimeDelta::seconds(LATER));
    deliverer.run_due().await.unwrap();
    assert_eq!(relay.kept(88).len(), 40);
    relay.assert_sound();
}

async fn a_silent_relay_delays_neither_an_attestation_nor_the_end(backend: Backend) {
    let relay = Relay::start().await;
    relay.answers(|_| Reply::Silence);
    let mut world = World::create(backend, &format!("{CENTS}{}", relays(&[&relay]))).await;
    let running = world.run(Options::default()).await.unwrap();
    relay.wait_until(|received| !received.is_empty()).await;
    let id = event_id("btc-cents", MATURITY);
    world.clock.set(instant(SETTLED));
    let client = http::client(&format!("http://{}", running.public));
    // Less than the relay's time to answer.
    let attested = client.wait(&id, Duration::from_secs(20)).await.unwrap();
    assert_eq!(
        attested.outcome_text(),
        btcusd_fixing_cents(MATURITY).to_string()
    );
    let ready = http::get(&format!("http://{}", running.public), "/readyz", &[]).await;
    assert_ne!(ready.status, 503);
    let metrics = http::get(&format!("http://{}", running.admin), "/metrics", &[]).await;
    let metrics = String::from_utf8(metrics.body).unwrap();
    let depth = format!("oracle_nostr_outbox_depth{{relay=\"{}\"}} 1", relay.url());
    assert!(metrics.contains(&depth), "{metrics}");
    timeout(Duration::from_secs(20), running.stop())
        .await
        .expect("the relay keeps the service from ending")
        .unwrap();
    // It had not heard of the outcome; it does now.
    relay.answers(|_| Reply::Accept);
    world.database.wait_until_free().await;
    world.start().await.unwrap();
    let mut deliverer = world.deliverer(LONG);
    deliverer.run_due().await.unwrap();
    assert_eq!((relay.kept(88).len(), relay.kept(89).len()), (1, 1));
    relay.assert_sound();
}
