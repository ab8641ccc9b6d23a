//! What an event asks: stated by its operator, pinned by its policy, shown
//! wherever people read it.

use oracle_tests::database::Backend;
use oracle_tests::world::World;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::operators::{config, create, question};

laws! {
    what_an_operator_asks_is_what_readers_see_and_the_hash_pins,
}

async fn what_an_operator_asks_is_what_readers_see_and_the_hash_pins(backend: Backend) {
    let mut world = World::new(backend, &config()).await;
    let mut untitled = question("untitled", 2, &["yes", "no"]);
    untitled.as_object_mut().unwrap().remove("title");
    let refused = create(&mut world, &untitled).await;
    let found = (
        refused.status,
        refused.problem(),
        refused.json()["field"].clone(),
    );
    assert_eq!(found, (422, "bad-body".to_owned(), json!("title")));

    let mut hashes = Vec::new();
    for (id, title) in [
        ("q1", "Liegt am {maturity} Schnee in ÜBERLINGEN?"),
        ("q2", "<script>alert(1)</script> & co?"),
        ("q3", "Is it dry?"),
    ] {
        let mut body = question(id, 2, &["yes", "no"]);
        body["title"] = json!(title);
        body["description"] = json!("At noon.\nIce counts.");
        body["names"] = json!({"yes": "white", "area": "Bodensee"});
        assert_eq!(create(&mut world, &body).await.status, 201, "{id}");

        let event = world.get(&format!("/v1/events/{id}")).await.json();
        let policy = world.get(&format!("/v1/events/{id}/policy")).await;
        let hash = hex::encode(Sha256::digest(&policy.body));
        assert_eq!(event["policy_hash"], json!(hash));
        assert_eq!(policy.json()["title"], json!(title));
        let maturity = event["maturity"].as_str().unwrap();
        assert_eq!(event["title"], json!(title.replace("{maturity}", maturity)));
        assert_eq!(event["description"], body["description"]);
        assert_eq!(event["names"], body["names"]);
        hashes.push(hash);
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 3);

    let page = world.get("/events/q2").await;
    let html = String::from_utf8(page.body).unwrap();
    assert!(!html.contains("<script>alert"), "{html}");
    for shown in ["alert(1)", "&#38; co?", "Ice counts.", "white", "Bodensee"] {
        assert!(html.contains(shown), "{shown}: {html}");
    }
    let list = String::from_utf8(world.get("/events?q=q1").await.body).unwrap();
    assert!(list.contains("Schnee in ÜBERLINGEN?"), "{list}");

    for (q, ids) in [
        ("%C3%BCberlingen", vec!["q1"]),
        ("IS%20IT%20DRY", vec!["q3"]),
        ("bodensee", vec!["q1", "q2", "q3"]),
        ("q2", vec!["q2"]),
        ("Q2", vec![]),
        ("nobody-asks-this", vec![]),
    ] {
        assert_eq!(found_by(&world, q).await, ids, "{q}");
    }
}

async fn found_by(world: &World, q: &str) -> Vec<String> {
    let page = world.get(&format!("/v1/events?q={q}")).await.json();
    let events = page["events"].as_array().unwrap().iter();
    let id = |event: &Value| event["event_id"].as_str().unwrap().to_owned();
    events.map(id).collect()
}
