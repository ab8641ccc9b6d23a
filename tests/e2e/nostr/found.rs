//! How readers find what relays have: tags and ids.

use std::io::Write as _;

use super::*;

laws! {
    events_are_found_by_each_of_their_tags,
    a_reader_like_ddks_reads_both_messages_by_the_ids_that_are_told,
    what_was_published_before_there_were_tags_keeps_its_id,
    an_upgrade_with_other_kinds_keeps_the_ids_of_what_was_published,
    an_oracle_without_relays_tells_no_ids,
}

/// What a stranger gets from a relay for one filter.
async fn asked(relay: &Relay, filter: Value) -> Vec<Value> {
    let url = relay.url();
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut socket, _) = client_async(&url, stream).await.unwrap();
    let request = json!(["REQ", "here", filter]).to_string();
    socket.send(Message::text(request)).await.unwrap();
    let mut events = Vec::new();
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message.unwrap() else {
            continue;
        };
        let mut message: Value = serde_json::from_str(&text).unwrap();
        match message[0].as_str().unwrap() {
            "EVENT" => events.push(message[2].take()),
            "EOSE" => return events,
            _ => {}
        }
    }
    panic!("the relay hung up");
}

async fn events_are_found_by_each_of_their_tags(backend: Backend) {
    let relay = Relay::start().await;
    let titled = MICROS.replace(
        "announce_ahead",
        "title = \"{price} \\\"fixing\\\" at {maturity} in \\\\ {unit}, für ₿\"\nannounce_ahead",
    );
    let series = format!("{CENTS}{titled}{}", threshold("ppc-option", "0.25"));
    let (mut world, mut deliverer) = world(backend, &series, &[&relay]).await;
    deliverer.run_due().await.unwrap();
    at(&mut world, &mut deliverer, SETTLED).await;
    relay.assert_sound();
    let shown = world.json(&path("ppc-micros")).await;
    let hash = shown["policy_hash"].clone();
    let day = (MATURITY / 86_400).to_string();
    let (cents, micros, option) = ("btc-cents", "ppc-micros", "ppc-option");
    for (filter, of) in [
        (json!({"#d": [shown["event_id"]]}), &[micros][..]),
        (json!({"#t": ["digits"]}), &[cents, micros]),
        (json!({"#t": ["threshold"]}), &[option]),
        (json!({"#s": [micros, option]}), &[micros, option]),
        (json!({"#n": ["PPCUSD"]}), &[micros, option]),
        (json!({"#n": ["BTC"]}), &[cents]),
        (json!({"#n": ["USD"], "#t": ["digits"]}), &[cents, micros]),
        (json!({"#x": [hash]}), &[micros]),
        (json!({"#D": [day]}), &[cents, micros, option]),
        (json!({"#D": ["1"]}), &[]),
    ] {
        for kind in [88, 89] {
            let mut filter = filter.clone();
            filter["kinds"] = json!([kind]);
            filter["authors"] = json!([world.json("/v1/oracle").await["public_key"]]);
            let found: BTreeSet<String> = asked(&relay, filter.clone())
                .await
                .iter()
                .map(|event| tag(event, "s").unwrap().to_owned())
                .collect();
            let of: BTreeSet<String> = of.iter().map(|s| (*s).to_owned()).collect();
            assert_eq!(found, of, "{filter}");
        }
    }
    let found = asked(&relay, json!({"ids": [shown["nostr"]["announcement"]]})).await;
    let title = "ppcusd \"fixing\" at 2026-11-22T15:30:00Z in \\ uUSD/PPC, für ₿";
    assert_eq!(shown["title"], title);
    assert_eq!(tag(&found[0], "title"), Some(title));
    assert_eq!(tag(&found[0], "maturity"), Some(&*MATURITY.to_string()));
    let announcement = &shown["nostr"]["announcement"];
    let found = asked(&relay, json!({"#e": [announcement]})).await;
    assert_eq!(found[0]["id"], shown["nostr"]["attestation"]);
}

fn tag<'a>(event: &'a Value, name: &str) -> Option<&'a str> {
    let tags = event["tags"].as_array()?;
    tags.iter().find(|tag| tag[0] == name)?[1].as_str()
}

/// What ddk's `NostrOracle` does: it subscribes to both kinds, keeps by its Nostr id whatever
/// it can decode, and answers questions for such ids. The decoding is ddk's own.
async fn a_reader_like_ddks_reads_both_messages_by_the_ids_that_are_told(backend: Backend) {
    let relay = Relay::start().await;
    let (mut world, mut deliverer) = world(backend, CENTS, &[&relay]).await;
    let since = world.now();
    deliverer.run_due().await.unwrap();
    at(&mut world, &mut deliverer, SETTLED).await;
    let (mut announcements, mut attestations) = (HashMap::new(), HashMap::new());
    for event in asked(&relay, json!({"kinds": [88, 89], "since": since})).await {
        let id = event["id"].as_str().unwrap().to_owned();
        let content = BASE64.decode(event["content"].as_str().unwrap()).unwrap();
        if event["kind"] == 88 {
            let read = OracleAnnouncement::from_tlv_bytes_or_legacy(&content).unwrap();
            announcements.insert(id, read);
        } else {
            let read = OracleAttestation::from_tlv_bytes_or_legacy(&content).unwrap();
            attestations.insert(id, read);
        }
    }
    // The service tells the ids, and so does the mount for kormir's readers.
    let rows = world.json("/compat/kormir/list-events").await;
    let told = world.json(&path("btc-cents")).await["nostr"].take();
    assert_eq!(rows[0]["announcement_event_id"], told["announcement"]);
    assert_eq!(rows[0]["attestation_event_id"], told["attestation"]);
    let announcement = &announcements[told["announcement"].as_str().unwrap()];
    let attestation = &attestations[told["attestation"].as_str().unwrap()];
    assert_eq!(attestation.event_id, announcement.oracle_event.event_id);
    let secp = Secp256k1::new();
    announcement.validate(&secp).unwrap();
    attestation.validate(&secp, announcement).unwrap();
    read_with_ddk(&world, &relay, &told).await;
}

/// ddk's own client decodes the same two, where it was built (tests/peers/nostr).
async fn read_with_ddk(world: &World, relay: &Relay, told: &Value) {
    let Some(program) = std::env::var_os("ORACLE_TEST_DDK_NOSTR") else {
        leave_out("reading events with ddk's Nostr client: ORACLE_TEST_DDK_NOSTR is not set");
        return;
    };
    let oracle = world.json("/v1/oracle").await;
    let output = tokio::process::Command::new(program)
        .args([&relay.url(), text(&oracle["public_key"])])
        .arg(event_id("btc-cents", MATURITY).as_str())
        .args([&told["announcement"], &told["attestation"]].map(text))
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    assert_eq!(said.matches("ddk: Received a").count(), 2, "{said}");
    relay.assert_sound();
    let _ = writeln!(std::io::stderr(), "\n{said}");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

async fn what_was_published_before_there_were_tags_keeps_its_id(backend: Backend) {
    let relay = Relay::start().await;
    let (mut world, mut deliverer) =
        world(backend, &cents_at(&[MATURITY, MATURITY + 7200]), &[&relay]).await;
    // As an earlier release published: no tags, no eras.
    world
        .database
        .execute("INSERT INTO nostr_era VALUES (0, 88, 89, 0)")
        .await;
    relay.answers(|_| Reply::HangUp);
    deliverer.run_due().await.unwrap();
    let sent = relay.received().len();
    assert!(sent > 0);
    drop(deliverer);
    world.database.execute("DELETE FROM nostr_era").await;
    relay.answers(|_| Reply::Accept);
    world.clock.advance(TimeDelta::seconds(LATER));
    let mut deliverer = world.deliverer(LONG);
    deliverer.run_due().await.unwrap();
    // What is sent again, or for the first time, is what it would have been.
    let before = relay.kept(88);
    assert_eq!(before.len(), 2);
    assert!(before.iter().all(|e| e.json["tags"] == json!([])));
    relay.assert_sound();
    let shown = world.json(&path("btc-cents")).await;
    assert!(ids(&before).contains(&shown["nostr"]["announcement"].as_str().unwrap().to_owned()));
    // What is published from then on has tags, and points at what there is.
    at(&mut world, &mut deliverer, SETTLED).await;
    let [attested] = &relay.kept(89)[..] else {
        panic!("{:?}", relay.kept(89));
    };
    assert_eq!(shown["nostr"]["announcement"], attested.json["tags"][0][1]);
    assert_eq!(attested.tag("s"), Some("btc-cents"));
    let shown = world.json(&path("btc-cents")).await;
    assert_eq!(shown["nostr"]["attestation"], attested.id());
    // So it is for another relay, and for another start.
    drop(deliverer);
    world.stop().await;
    world.start().await.unwrap();
    let second = Relay::start().await;
    let list = format!("[{:?}, {:?}]\nbackfill = true", relay.url(), second.url());
    world.edit(&format!("[{:?}]", relay.url()), &list);
    let received = relay.received().len();
    world.deliverer(LONG).run_due().await.unwrap();
    assert_eq!(all(&second), all(&relay));
    assert_eq!(relay.received().len(), received, "something was sent twice");
}

async fn an_upgrade_with_other_kinds_keeps_the_ids_of_what_was_published(backend: Backend) {
    let relay = Relay::start().await;
    let (world, mut publisher) = world(backend, CENTS, &[&relay]).await;
    // As an earlier release published, and left it: no tags, no eras.
    world
        .database
        .execute("INSERT INTO nostr_era VALUES (0, 88, 89, 0)")
        .await;
    publisher.run_due().await.unwrap();
    let sent = ids(&relay.kept(88));
    assert_eq!(sent.len(), 1);
    drop(publisher);
    world.database.execute("DELETE FROM nostr_era").await;
    let list = format!("[{:?}]", relay.url());
    let kinds = "announcement_kind = 1088\nattestation_kind = 1089";
    world.edit(&list, &format!("{list}\n{kinds}"));
    world.deliverer(LONG).run_due().await.unwrap();
    let told = world.json(&path("btc-cents")).await["nostr"]["announcement"].take();
    assert_eq!(told, *sent[0]);
}

async fn an_oracle_without_relays_tells_no_ids(backend: Backend) {
    let world = World::new(backend, CENTS).await;
    assert_eq!(world.json(&path("btc-cents")).await["nostr"], Value::Null);
    let rows = world.json("/compat/kormir/list-events").await;
    assert_eq!(rows[0]["announcement_event_id"], Value::Null);
    let listed = world.json("/v1/events").await;
    assert!(listed["events"][0].get("nostr").is_none());
}
