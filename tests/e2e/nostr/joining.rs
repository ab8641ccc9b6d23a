//! Relays that join an oracle with a past.

use super::*;

laws! {
    a_relay_that_joins_in_pieces_gets_what_is_open,
    a_new_relay_gets_what_is_open_and_what_comes,
    a_new_relay_gets_everything_when_asked_to,
    an_attestation_points_at_its_announcement_whatever_the_kinds_are_now,
}

async fn a_relay_that_joins_in_pieces_gets_what_is_open(backend: Backend) {
    let (first, second) = (Relay::start().await, Relay::start().await);
    let maturities: Vec<i64> = (0..12).map(|n| MATURITY + 600 * n).collect();
    let (mut world, mut deliverer) = world(backend, &cents_at(&maturities), &[&first]).await;
    deliverer.run_due().await.unwrap();
    at(&mut world, &mut deliverer, SETTLED).await;
    assert_eq!((first.kept(88).len(), first.kept(89).len()), (12, 1));
    // A process that ends in the middle of it.
    let url = second.url();
    let store = Store::open(&world.config().store_url, false).await.unwrap();
    let backlog = async || store.backlog(&url).await.unwrap().waiting;
    for queued in [0, 4, 8] {
        let more = store.join_relay(&url, false, 4, instant(world.now()));
        assert!(more.await.unwrap());
        assert_eq!(backlog().await, queued);
        // Nothing else is queued meanwhile.
        let filled = store.fill_outbox(&url, 4, instant(world.now()));
        assert!(!filled.await.unwrap());
        assert_eq!(backlog().await, queued);
    }
    store.close().await;
    at(&mut world, &mut deliverer, MATURITY + 660).await;
    world.edit(&first.url(), &second.url());
    let mut deliverer = world.deliverer(LONG);
    deliverer.run_due().await.unwrap();
    assert_eq!((second.kept(88).len(), second.kept(89).len()), (11, 1));
    at(&mut world, &mut deliverer, MATURITY + 600 * 11 + 60).await;
    assert_eq!((second.kept(88).len(), second.kept(89).len()), (11, 11));
    second.assert_sound();
}

/// An oracle with a past: one event attested, one announced.
async fn with_a_past(backend: Backend) -> (World, Relay, Relay) {
    let (first, second) = (Relay::start().await, Relay::start().await);
    let (mut world, mut deliverer) =
        world(backend, &cents_at(&[MATURITY, MATURITY + 7200]), &[&first]).await;
    deliverer.run_due().await.unwrap();
    at(&mut world, &mut deliverer, SETTLED).await;
    assert_eq!((first.kept(88).len(), first.kept(89).len()), (2, 1));
    (world, first, second)
}

async fn a_new_relay_gets_what_is_open_and_what_comes(backend: Backend) {
    let (mut world, first, second) = with_a_past(backend).await;
    world.edit(
        &format!("{:?}", first.url()),
        &format!("{:?}, {:?}", first.url(), second.url()),
    );
    let mut deliverer = world.deliverer(LONG);
    deliverer.run_due().await.unwrap();
    assert_eq!((second.kept(88).len(), second.kept(89).len()), (1, 0));
    at(&mut world, &mut deliverer, MATURITY + 7260).await;
    assert_eq!((first.kept(88).len(), first.kept(89).len()), (2, 2));
    assert_eq!((second.kept(88).len(), second.kept(89).len()), (1, 1));
    assert!(all(&second).is_subset(&all(&first)));
    second.assert_sound();
    assert_eq!(
        first.received().len(),
        4,
        "the old relay got something twice"
    );
}

async fn a_new_relay_gets_everything_when_asked_to(backend: Backend) {
    let (mut world, first, second) = with_a_past(backend).await;
    let list = format!("[{:?}, {:?}]\nbackfill = true", first.url(), second.url());
    world.edit(&format!("[{:?}]", first.url()), &list);
    let mut deliverer = world.deliverer(LONG);
    deliverer.run_due().await.unwrap();
    assert_eq!(all(&second), all(&first));
    at(&mut world, &mut deliverer, MATURITY + 7260).await;
    assert_eq!((second.kept(88).len(), second.kept(89).len()), (2, 2));
    assert_eq!(all(&second), all(&first));
    second.assert_sound();
}

async fn an_attestation_points_at_its_announcement_whatever_the_kinds_are_now(backend: Backend) {
    let relay = Relay::start().await;
    let (mut world, mut deliverer) = world(backend, CENTS, &[&relay]).await;
    deliverer.run_due().await.unwrap();
    drop(deliverer);
    world.edit(
        "[nostr]",
        "[nostr]\nannouncement_kind = 1088\nattestation_kind = 1089",
    );
    let mut deliverer = world.deliverer(LONG);
    deliverer.run_due().await.unwrap();
    at(&mut world, &mut deliverer, SETTLED).await;
    let (announced, attested) = (relay.kept(88), relay.kept(1089));
    assert_eq!((announced.len(), attested.len()), (1, 1));
    assert_eq!(attested[0].json["tags"][0][1], announced[0].id());
    relay.assert_sound();
    // For every relay, and for who asks the oracle, the ids are these.
    let second = Relay::start().await;
    let list = format!("[{:?}]\nbackfill = true", second.url());
    world.edit(&format!("[{:?}]", relay.url()), &list);
    world.deliverer(LONG).run_due().await.unwrap();
    assert_eq!(ids(&second.kept(88)), ids(&announced));
    assert_eq!(ids(&second.kept(1089)), ids(&attested));
    let shown = world.json(&path("btc-cents")).await;
    assert_eq!(shown["nostr"]["announcement"], announced[0].id());
    assert_eq!(shown["nostr"]["attestation"], attested[0].id());
}
