//! Nothing is believed that is not in the oracle's log.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::path::PathBuf;

use common::{
    Answer, ID, Log, Oracle, Server, announcement_path, attestation_path, choice, digits, event_id,
    identity, quick, run,
};
use oracle_client::bundle::BundleError;
use oracle_client::verify::{verify_announcement, verify_attestation};
use oracle_client::{Announcement, Attestation, Client, Error, Memory, NoteKey, Options};
use oracle_schema::nonces::AttestedEvent;
use oracle_schema::tlog::checkpoint::Algorithm;
use serde_json::Value;

/// Nothing is known but the identity.
fn pinned(url: &str) -> Client {
    let options = Options {
        identity: Some(identity()),
        unproven: false,
        ..quick()
    };
    Client::with_options(url, options).unwrap()
}

/// A server with [`ID`] announced and attested 5, and three other events.
async fn world() -> (Oracle, Server, String) {
    let oracle = Oracle::new("oracle");
    let (server, url) = Server::start(&oracle).await;
    let announced = oracle.announce(ID, digits(2, 4, false));
    server.announce(&announced);
    for other in ["a", "b", "c"] {
        server.announce(&oracle.announce(other, choice(&["yes", "no"])));
    }
    server.attest(ID, &oracle.attest(&announced, &["0", "1", "0", "1"]));
    (oracle, server, url)
}

/// Why nothing is proven.
fn refusal(error: &Error) -> &'static str {
    match error {
        Error::Unproven { source, .. } => source.name(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_genuine_event_passes_with_nothing_but_the_identity() {
    let (oracle, server, url) = world().await;
    let client = pinned(&url);
    let attested = client.attestation(&event_id(ID)).await.unwrap();
    assert_eq!(attested.outcome_text(), "5");
    assert_eq!(client.key().await.unwrap(), oracle.key());
    assert_eq!(
        server.seen("/v1/oracle").len(),
        0,
        "nobody's word was needed"
    );
    let open = client.attestation(&event_id("a")).await.unwrap_err();
    assert!(matches!(open, Error::NotAttested { .. }), "{open}");
}

#[tokio::test]
async fn without_an_identity_the_first_log_that_is_named_is_the_one() {
    let (_, server, url) = world().await;
    let options = Options {
        unproven: false,
        ..quick()
    };
    let client = Client::with_options(&url, options).unwrap();
    client.attestation(&event_id(ID)).await.unwrap();
    assert_eq!(client.identity().await.unwrap(), identity());
    let mut other = common::about(&Oracle::new("oracle"));
    other["log_origin"] = "another.test/log".into();
    server.put("/v1/oracle", [Answer::Json(other)]);
    let error = client.oracle().await.unwrap_err();
    assert!(matches!(error, Error::WrongIdentity { .. }), "{error}");
}

#[tokio::test]
async fn a_server_with_another_genesis_key_or_log_is_named() {
    let (oracle, server, url) = world().await;
    let announced = oracle.announce(ID, digits(2, 4, false));
    let refused = async || {
        let error = pinned(&url).announcement(&event_id(ID)).await.unwrap_err();
        refusal(&error)
    };
    // Another oracle's genesis before this one's announcement.
    let mut other = Log::of(Oracle::new("other"));
    other.push_announcement(&announced.announcement);
    let genuine = server.log(|log| std::mem::replace(log, other)).unwrap();
    assert_eq!(refused().await, "other-key");
    // Another oracle altogether, with its own announcement of that event.
    let impostor = Oracle::new("impostor");
    let mut other = Log::of(impostor.clone());
    other.push_announcement(&impostor.announce(ID, digits(2, 4, false)).announcement);
    server.log(|log| *log = other).unwrap();
    let options = Options {
        identity: Some(identity()),
        key: Some(oracle.key()),
        unproven: false,
        ..quick()
    };
    let client = Client::with_options(&url, options).unwrap();
    let error = client.announcement(&event_id(ID)).await.unwrap_err();
    assert!(matches!(error, Error::WrongKey { .. }), "{error}");
    // Another entry's proof.
    let mut bundle = genuine.bundle(ID, None).unwrap();
    bundle.announcement.hashes = genuine.bundle("a", None).unwrap().announcement.hashes;
    let path = format!("/v1/events/{ID}/bundle");
    server.put(&path, [Answer::Json(serde_json::to_value(bundle).unwrap())]);
    assert_eq!(refused().await, "inclusion");
    // A checkpoint by another key.
    let mut bundle = genuine.bundle(ID, None).unwrap();
    bundle.checkpoint = bundle
        .checkpoint
        .replace("oracle.test/log", "oracle.fake/log");
    server.put(&path, [Answer::Json(serde_json::to_value(bundle).unwrap())]);
    assert_eq!(refused().await, "checkpoint");
}

#[tokio::test]
async fn a_log_that_was_forked_or_went_back_is_named_by_who_saw_it_before() {
    let (oracle, server, url) = world().await;
    let client = pinned(&url);
    client.announcement(&event_id("a")).await.unwrap();
    let genuine = server.log(|log| log.clone()).unwrap();

    // It grew: fine, and proven.
    server.announce(&oracle.announce("d", choice(&["yes", "no"])));
    client.announcement(&event_id("d")).await.unwrap();
    let asked = server.seen("/v1/events/d/bundle").pop().unwrap().0;
    assert!(asked.ends_with("?from=10"), "{asked}");

    // Another history of the same length, and a longer one.
    let mut fork = Log::of(oracle.clone());
    for n in 0..12 {
        let announced = oracle.announce(&format!("fork-{n}"), choice(&["yes", "no"]));
        fork.push_announcement(&announced.announcement);
    }
    server.log(|log| *log = fork).unwrap();
    let error = client.announcement(&event_id("fork-0")).await.unwrap_err();
    assert_eq!(refusal(&error), "forked");

    // The beginning of the genuine one.
    server.log(|log| *log = genuine).unwrap();
    let error = client.announcement(&event_id("b")).await.unwrap_err();
    assert_eq!(refusal(&error), "older");
    let path = "/v1/events/b/bundle";
    server.put(path, [Answer::Problem(409, "ahead-of-log")]);
    let error = client.announcement(&event_id("b")).await.unwrap_err();
    assert_eq!(refusal(&error), "older");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn what_was_seen_is_remembered_in_a_file_from_one_run_to_the_next() {
    let (oracle, server, url) = world().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("memory");
    let client = || {
        let options = Options {
            identity: Some(identity()),
            memory: Memory::open(&file).unwrap(),
            unproven: false,
            ..quick()
        };
        Client::with_options(&url, options).unwrap()
    };
    client().attestation(&event_id(ID)).await.unwrap();
    let mut other = Log::of(oracle.clone());
    for n in 0..9 {
        let announced = oracle.announce(&format!("fork-{n}"), choice(&["yes", "no"]));
        other.push_announcement(&announced.announcement);
    }
    server.log(|log| *log = other).unwrap();
    let error = client()
        .announcement(&event_id("fork-3"))
        .await
        .unwrap_err();
    assert_eq!(refusal(&error), "forked");
}

#[tokio::test]
async fn an_attested_nonce_is_refused_in_another_announcement_proven_or_not() {
    let (oracle, server, url) = world().await;
    let past = oracle.announce(ID, digits(2, 4, false));
    let forged = oracle.announce_again(&past, "forged");
    for unproven in [false, true] {
        let options = Options {
            identity: Some(identity()),
            unproven,
            ..quick()
        };
        let client = Client::with_options(&url, options).unwrap();
        client.attestation(&event_id(ID)).await.unwrap();
        server.put(
            &announcement_path("forged"),
            [Answer::Bytes(forged.to_tlv())],
        );
        server.log(|log| log.push_announcement(&forged)).unwrap();
        let error = client.announcement(&event_id("forged")).await.unwrap_err();
        assert!(matches!(error, Error::NonceReused { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_refund_is_what_the_log_says_and_not_what_the_server_says() {
    let (_, server, url) = world().await;
    server.put(&attestation_path("a"), [Answer::Problem(410, "refunded")]);
    server
        .log(|log| log.notice("b", oracle_schema::log_entry::NoticeKind::Refund))
        .unwrap();
    let client = pinned(&url);
    let proven = client.proven(&event_id("b")).await.unwrap();
    assert!(matches!(
        proven.end,
        Some(oracle_client::bundle::End::Refunded { .. })
    ));
    let error = client.attestation(&event_id("b")).await.unwrap_err();
    assert!(matches!(error, Error::Refunded { .. }), "{error}");
    assert!(client.proven(&event_id("a")).await.unwrap().end.is_none());
    let error = client.attestation(&event_id("a")).await.unwrap_err();
    assert!(matches!(error, Error::NotAttested { .. }), "{error}");
}

#[tokio::test]
async fn a_quorum_that_is_demanded_must_have_cosigned() {
    let (_, _, url) = world().await;
    let witness = NoteKey::new("w.test", Algorithm::Cosignature, &identity().public_key()).unwrap();
    let policy = format!("witness w {witness}\nquorum w\n");
    let options = Options {
        identity: Some(identity()),
        witnesses: Some(oracle_client::WitnessPolicy::parse(policy.as_bytes()).unwrap()),
        unproven: false,
        ..quick()
    };
    let client = Client::with_options(&url, options).unwrap();
    let error = client.announcement(&event_id(ID)).await.unwrap_err();
    assert_eq!(refusal(&error), "quorum");
    assert!(error.is_transient(), "witnesses cosign a moment later");
}

fn vectors(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../schema/vectors");
    serde_json::from_slice(&std::fs::read(path.join(name)).unwrap()).unwrap()
}

#[tokio::test]
async fn the_command_proves_a_bundle_and_refuses_every_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle.json");
    let path = file.to_str().unwrap();
    let mut checked = 0;
    for case in vectors("bundles.json")["cases"].as_array().unwrap() {
        if !case["known"].is_null() {
            continue;
        }
        std::fs::write(&file, case["bundle"].to_string()).unwrap();
        let identity = case["identity"].as_str().unwrap();
        let ran = run(&["verify", path, "--identity", identity]).await;
        let name = &case["name"];
        if case["error"].is_null() {
            assert_eq!(ran.0, 0, "{name}: {}", ran.1);
            let size = case["bundle"]["checkpoint"]
                .as_str()
                .unwrap()
                .lines()
                .nth(1);
            let log = format!("ok log oracle.example/log size={}\n", size.unwrap());
            assert!(ran.1.starts_with(&log), "{name}: {}", ran.1);
            let is_proven = ran.1.contains("\nok nonces ");
            assert_eq!(
                is_proven,
                case["nonces_proven"] == true,
                "{name}: {}",
                ran.1
            );
            assert_ne!(is_proven, ran.1.contains("\nnot proven "), "{name}");
            // Without the identity it is nobody's.
            let ran = run(&["verify", path]).await;
            assert_eq!(ran.0, 3, "{name}: {}", ran.1);
            assert!(ran.1.lines().last().unwrap().starts_with("unproven: "));
        } else {
            assert_eq!(ran.0, 1, "{name}: {}", ran.1);
            assert!(ran.1.starts_with("error: bundle: "), "{name}: {}", ran.1);
        }
        checked += 1;
    }
    assert!(checked > 20);
}

#[tokio::test]
async fn the_command_never_calls_a_forged_pair_proven() {
    let forged = vectors("forged.json");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let memory = folder.path().join("memory").to_str().unwrap().to_owned();
    let (announcement, attestation) = (text(&forged["announcement"]), text(&forged["attestation"]));
    let identity = text(&forged["identity"]);
    let verify = [
        "verify",
        "--announcement",
        &announcement,
        "--attestation",
        &attestation,
        "--memory",
        &memory,
        "--identity",
        &identity,
    ];
    let ran = run(&verify).await;
    assert_eq!(ran.0, 3, "{}", ran.1);
    assert!(ran.1.lines().last().unwrap().starts_with("unproven: "));

    // Who knows the past event says what it is.
    let decoded = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
    let past = Announcement::from_tlv(&decoded(&forged["past"]["announcement"])).unwrap();
    let past = verify_announcement(past).unwrap();
    let (attested, _) = Attestation::from_tlv(&decoded(&forged["past"]["attestation"])).unwrap();
    let attested = verify_attestation(attested, &past).unwrap();
    let remembered = Memory::open(memory.as_ref()).unwrap();
    remembered
        .learn(&AttestedEvent::of(&past, &attested))
        .unwrap();
    let ran = run(&verify).await;
    assert_eq!(ran.0, 1, "{}{}", ran.1, ran.2);
    assert!(ran.2.contains("forged"), "{}", ran.2);

    // A bundle under another root than the one that was proven at that size.
    let other = folder.path().join("other").to_str().unwrap().to_owned();
    let of_another = format!("log 9 {} {identity}\n", "55".repeat(32));
    std::fs::write(&other, of_another).unwrap();
    let genuine = folder.path().join("genuine.json");
    std::fs::write(
        &genuine,
        vectors("bundles.json")["cases"][0]["bundle"].to_string(),
    )
    .unwrap();
    let genuine = genuine.to_str().unwrap();
    let ran = run(&[
        "verify",
        genuine,
        "--identity",
        &identity,
        "--memory",
        &other,
    ])
    .await;
    assert_eq!(ran.0, 1, "{}", ran.1);
    assert!(
        ran.1.contains("the log is not the one seen before"),
        "{}",
        ran.1
    );

    let bundle = folder.path().join("bundle.json");
    for case in forged["cases"].as_array().unwrap() {
        std::fs::write(&bundle, case["bundle"].to_string()).unwrap();
        let arguments = ["verify", bundle.to_str().unwrap(), "--identity", &identity];
        let ran = run(&arguments).await;
        assert_eq!(ran.0, 1, "{}: {}", case["name"], ran.1);
    }
}

#[tokio::test]
async fn a_key_alone_pins_nothing_and_says_so() {
    let (oracle, _, url) = world().await;
    let key = oracle.key().to_string();
    let identity = identity().to_string();
    let get = ["wait", ID, "--url", &url];
    let with = |more: &[&str]| {
        [&get, more]
            .concat()
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    let by_key: Vec<String> = with(&["--key", &key]);
    let by_identity: Vec<String> = with(&["--identity", &identity, "--key", &key]);
    for (arguments, code) in [(by_key, 3), (by_identity, 0)] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ran = run(&arguments).await;
        assert_eq!(ran.0, code, "{}", ran.2);
        assert!(ran.1.ends_with("outcome=5\n"), "{}", ran.1);
        assert_eq!(ran.2.contains("unproven: "), code == 3, "{}", ran.2);
    }
}

#[test]
fn an_error_says_which_part_and_why() {
    let error = Error::Unproven {
        id: event_id(ID),
        source: Box::new(BundleError::Policy),
    };
    let said = error.to_string();
    assert!(said.contains(ID) && said.contains("policy"), "{said}");
}

/// `oracle` as somebody with a home directory runs it.
async fn run_at(home: &std::path::Path, arguments: &[&str]) -> (i32, String) {
    let mut command = common::oracle(arguments);
    let output = command.env("HOME", home).output().await.unwrap();
    let mut said = String::from_utf8(output.stdout).unwrap();
    said.push_str(&String::from_utf8(output.stderr).unwrap());
    (output.status.code().unwrap(), said)
}

#[tokio::test]
async fn address_and_identity_may_stand_in_a_file_and_flags_go_before_it() {
    let (_, _server, url) = common::world(true).await;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/oracle");
    std::fs::create_dir_all(&folder).unwrap();
    let write = |text: &str| std::fs::write(folder.join("config.toml"), text).unwrap();
    let get = |more: &'static [&'static str]| {
        let arguments = [&["get", ID][..], more].concat();
        let home = home.path().to_owned();
        async move { run_at(&home, &arguments).await }
    };

    let (code, said) = get(&[]).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("--url"), "{said}");

    write(&format!("url = {url:?}\nidentity = \"{}\"\n", identity()));
    let (code, said) = get(&[]).await;
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("no identity was pinned"), "{said}");
    // What was proven is remembered where the file says, beside it.
    write(&format!(
        "url = {url:?}\nidentity = \"{}\"\nmemory = \"mine\"\n",
        identity()
    ));
    assert_eq!(get(&[]).await.0, 0);
    assert!(folder.join("mine").exists());

    // A flag is nearer than the file.
    let (code, said) = get(&["--url", "http://127.0.0.1:1"]).await;
    assert_eq!(code, 1, "{said}");

    for (text, named) in [
        ("identity = \"oracle.test/log\"", "identity"),
        ("identitiy = \"x\"", "identitiy"),
        ("url = 7", "url"),
    ] {
        write(text);
        let (code, said) = get(&[]).await;
        assert_eq!(code, 2, "{said}");
        assert!(
            said.contains("config.toml") && said.contains(named),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_file_that_was_named_must_be_there() {
    let mut command = common::oracle(&["get", ID]);
    let output = command
        .env("ORACLE_CONFIG", "/nowhere/oracle.toml")
        .output();
    let output = output.await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("/nowhere/oracle.toml"), "{said}");
}
