//! `oracle points`, as a participant types it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::{Announced, ID, Oracle, Server, choice, digits, identity_of, join, run, world};
use oracle_client::Announcement;
use oracle_schema::point::{prefix_point, sum};
use serde_json::Value;

#[tokio::test]
async fn points_show_secrets_only_for_what_came_true() {
    let (_, _, url) = world(true).await;
    let points = async |more: &[&str]| {
        let ran = run(&join(&["points", ID, "--url", &url, "--json"], more)).await;
        ran.json()["points"].as_array().unwrap().clone()
    };
    assert_eq!(points(&[]).await.len(), 8);
    let five = points(&["--outcome", "5"]).await;
    assert_eq!(five.len(), 1);
    assert_eq!(five[0]["outcome"], "5");
    for name in [
        "compressed",
        "xonly",
        "odd_y",
        "secret",
        "secret_normalised",
    ] {
        assert!(!five[0][name].is_null(), "{name}");
    }
    assert!(points(&["--outcome", "4"]).await[0]["secret"].is_null());
    let prefix = points(&["--prefix", "0,1"]).await;
    assert_eq!(
        (prefix[0]["first"].as_str(), prefix[0]["last"].as_str()),
        (Some("4"), Some("7"))
    );
    assert!(prefix[0]["secret"].is_string());
    let range = points(&["--range", "3..6"]).await;
    let shown: Vec<_> = range
        .iter()
        .map(|p| (p["prefix"].as_str().unwrap(), p["secret"].is_string()))
        .collect();
    assert_eq!(
        shown,
        [("0,0,1,1", false), ("0,1,0", true), ("0,1,1,0", false)]
    );

    let coinlib = points(&["--range", "3..6", "--coinlib"]).await;
    assert_eq!(coinlib[1]["xonly"], range[1]["xonly"]);
    assert_eq!(
        coinlib[1]["secret_normalised"],
        range[1]["secret_normalised"]
    );
    assert!(coinlib[1]["secret"].is_null());
    assert_eq!(coinlib[1]["locktime"], 1_795_363_200);
    let ran = run(&["points", ID, "--url", &url, "--outcome", "5", "--coinlib"]).await;
    assert!(ran.1.contains("reveal_time=1795363200"), "{}", ran.1);
    // A day after attest_by, 2026-11-25T16:00:00Z.
    assert!(ran.1.contains("refund_locktime=1795708800"), "{}", ran.1);
    assert!(ran.1.contains(&format!(
        "secret_normalised={}",
        five[0]["secret_normalised"].as_str().unwrap()
    )));
}

#[tokio::test]
async fn points_that_the_event_does_not_have_are_a_usage_error() {
    let (_, _, url) = world(false).await;
    for more in [
        &["--outcome", "16"][..],
        &["--prefix", "0,2"],
        &["--range", "0..16"],
        &["--coinlib"],
    ] {
        let ran = run(&join(&["points", ID, "--url", &url], more)).await;
        assert_eq!(ran.0, 2, "{more:?}: {}", ran.2);
    }
}

/// A second oracle with an event of its own.
async fn second(announced: impl Fn(&Oracle) -> Announced, texts: &[&str]) -> (String, String) {
    let signer = Oracle::new("second");
    let (server, url) = Server::start(&signer).await;
    let announced = announced(&signer);
    server.announce(&announced);
    let id = announced.announcement.event.event_id.as_str();
    server.attest(id, &signer.attest(&announced, texts));
    (url, signer.key().to_string())
}

#[tokio::test]
async fn points_of_two_oracles_are_sums_that_open_when_both_agree() {
    let (_, _, url) = world(true).await;
    let (other, key) = second(
        |o| o.announce("price", digits(2, 4, false)),
        &["0", "1", "1", "0"],
    )
    .await;
    let with = format!("{other},price");
    let range = ["points", ID, "--url", &url, "--json", "--range", "4..7"];
    let keyed = ["--with", &with, "--with-key", &key];
    let unproven = run(&join(&range, &keyed)).await;
    assert_eq!(unproven.0, 3, "a key alone pins no log: {}", unproven.2);
    let pinned = identity_of(&Oracle::new("second")).to_string();
    let joint = run(&join(&range, &join(&keyed, &["--with-identity", &pinned])))
        .await
        .json();
    let alone = run(&range).await.json();
    assert_eq!(joint["oracles"].as_array().unwrap().len(), 2);
    assert_eq!(joint["oracles"][1]["outcome"], "6");
    // 5 and 6 both begin with 01, and the digits after that differ.
    assert_eq!(joint["points"][0]["prefix"], "0,1");
    assert_ne!(joint["points"][0]["xonly"], alone["points"][0]["xonly"]);
    assert!(joint["points"][0]["secret"].is_string());
    let five = ["points", ID, "--url", &url, "--json", "--outcome", "5"];
    let joint = run(&join(&five, &["--with", &with])).await.json();
    assert!(joint["points"][0]["secret"].is_null());
}

#[tokio::test]
async fn another_oracle_may_word_the_outcome_as_it_likes() {
    let signer = Oracle::new("oracle");
    let (server, url) = Server::start(&signer).await;
    let announced = signer.announce(ID, choice(&["home", "draw"]));
    server.announce(&announced);
    server.attest(ID, &signer.attest(&announced, &["draw"]));
    let (other, _) = second(|o| o.announce("7731", choice(&["1", "X"])), &["X"]).await;
    let arguments = ["points", ID, "--url", &url, "--json", "--outcome", "draw"];
    let with = format!("{other},7731,X");
    let joint = run(&join(&arguments, &["--with", &with])).await.json();
    let point: &Value = &joint["points"][0];
    assert_eq!(
        (&point["outcome"], &point["with"][0]),
        (&"draw".into(), &"X".into())
    );
    assert!(point["secret_normalised"].is_string());
}

/// A server of an oracle whose log proves no nonces, with one event.
async fn unproven(signer: &Oracle, announcement: &Announcement) -> String {
    let (server, url) = Server::start(signer).await;
    server.log(|log| log.push_announcement(announcement));
    url
}

#[tokio::test]
async fn an_oracle_whose_nonces_are_not_proven_is_refused_unless_it_is_named() {
    let (first, _, url) = world(false).await;
    let signer = Oracle::new("second");
    let announced = signer.announce("price", digits(2, 4, false));
    let other = unproven(&signer, &announced.announcement).await;
    let (with, key) = (format!("{other},price"), signer.key().to_string());
    let five = ["points", ID, "--url", &url, "--outcome", "5"];
    let sum = join(&five, &["--with", &with, "--json"]);

    let ran = run(&sum).await;
    assert_eq!((ran.0, ran.1.as_str()), (1, ""));
    for word in ["event price of oracle", &key, "cancels", "--trust-nonces"] {
        assert!(ran.2.contains(word), "{word}: {}", ran.2);
    }
    let trusted = run(&join(&sum, &["--trust-nonces", &key])).await;
    assert!(trusted.2.contains("nonces of price are taken on trust"));
    let said = trusted.json();
    let known = |i: usize| said["oracles"][i]["nonces"].as_str();
    assert_eq!((known(0), known(1)), (Some("proven"), Some("on-trust")));
    // Whose key is named and not needed is said, too.
    let first = first.key().to_string();
    let ran = run(&join(&sum, &["--trust-nonces", &first])).await;
    assert_eq!(ran.0, 1, "proven is what it is: {}", ran.2);
    let nobody = Oracle::new("nobody").key().to_string();
    let ran = run(&join(&sum, &["--trust-nonces", &nobody])).await;
    assert_eq!(ran.0, 2, "{}", ran.2);
    // One oracle alone needs no proof, and says what it has.
    let alone = run(&["points", "price", "--url", &other, "--outcome", "5"]).await;
    assert!(alone.1.contains("nonces=unproven"), "{}", alone.1);
}

/// The attack, as the participant would meet it.
#[tokio::test]
async fn three_oracles_the_last_of_which_chose_its_nonces_after_the_others_are_refused() {
    const OUTCOMES: [&str; 3] = ["home", "draw", "away"];
    let mut seen = Vec::new();
    let mut urls = Vec::new();
    for (name, id) in [("first", "match"), ("second", "game")] {
        let signer = Oracle::new(name);
        let announced = signer.announce(id, choice(&OUTCOMES));
        let (server, url) = Server::start(&signer).await;
        server.announce(&announced);
        seen.push(prefix_point(&announced.announcement, &["draw".to_owned()]).unwrap());
        urls.push(url);
    }
    let last = Oracle::new("last");
    let others = sum(&seen).unwrap();
    let (announcement, known, _) = last.announce_against(&others, "spiel", &OUTCOMES, "draw");
    urls.push(unproven(&last, &announcement).await);
    let with = [format!("{},game", urls[1]), format!("{},spiel", urls[2])];
    let draw = ["points", "match", "--url", &urls[0], "--outcome", "draw"];
    let draw = join(&draw, &["--with", &with[0], "--with", &with[1], "--json"]);
    let ran = run(&draw).await;
    assert_eq!((ran.0, ran.1.as_str()), (1, ""));
    assert!(ran.2.contains("event spiel of oracle"), "{}", ran.2);
    // What it is saved from: the point whose secret the last knows alone.
    let key = last.key().to_string();
    let trusted = run(&join(&draw, &["--trust-nonces", &key])).await.json();
    let point = hex::encode(known.point().compressed());
    assert_eq!(trusted["points"][0]["compressed"], point.as_str());
}

#[tokio::test]
async fn oracles_that_do_not_fit_together_are_a_usage_error() {
    let (_, _, url) = world(true).await;
    let (other, key) = second(|o| o.announce("price", digits(2, 5, false)), &["0"; 5]).await;
    let with = format!("{other},price");
    let itself = format!("{url},{ID}");
    let five = ["points", ID, "--url", &url, "--outcome", "5"];
    for (arguments, more) in [
        // Digits of another length: the same prefix means other numbers.
        (
            &["points", ID, "--url", &url, "--prefix", "0"],
            &["--with", &with][..],
        ),
        // One oracle is not two.
        (&five, &["--with", &itself]),
        (
            &five,
            &["--with", &with, "--with-key", &key, "--with-key", &key],
        ),
        (&five, &["--with", "no-comma"]),
    ] {
        let ran = run(&join(arguments, more)).await;
        assert_eq!(ran.0, 2, "{more:?}: {}", ran.2);
    }
    // The wrong key is no usage error.
    let wrong = Oracle::new("oracle").key().to_string();
    let ran = run(&join(&five, &["--with", &with, "--with-key", &wrong])).await;
    assert_eq!(ran.0, 1, "{}", ran.2);
}
