//! Witnesses, mirrors, and what may not be one.

use std::fs;
use std::time::Duration;

use super::*;

const W0: &str = "w0.example+1cd5e9c3+BJcQMdMXaUqWAmkpbFyzPOsU6gYqXBoxqHmyKhGPh1JI";

fn with(section: &str, policy: &str) -> Result<Config, Refusal> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("witness.policy"), policy).unwrap();
    Config::parse(&format!("{GOOD}[witness]\n{section}\n"), dir.path())
}

fn refused(section: &str, policy: &str) -> Refusal {
    with(section, policy).map(|_| ()).unwrap_err()
}

/// A policy with one witness at this address.
fn at(url: &str) -> String {
    format!("witness W0 {} {url}\nquorum W0\n", key(1))
}

fn key(seed: u8) -> String {
    use ed25519_dalek::SigningKey;
    use oracle_schema::tlog::NoteKey;
    use oracle_schema::tlog::checkpoint::Algorithm;
    let public = SigningKey::from_bytes(&[seed; 32])
        .verifying_key()
        .to_bytes();
    NoteKey::new("w0.example", Algorithm::Cosignature, &public)
        .unwrap()
        .to_string()
}

const FILE: &str = "policy = \"witness.policy\"";

#[test]
fn nobody_is_asked_where_nobody_is_configured() {
    let config = Config::parse(GOOD, Path::new("/")).unwrap();
    assert_eq!(config.witness, None);
}

#[test]
fn a_policy_is_read_beside_the_file_and_has_defaults() {
    let witness = with(FILE, &at("https://w0.example/log/"))
        .unwrap()
        .witness
        .unwrap();
    let asked: Vec<_> = witness.asked().collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0].0, asked[0].2.as_str()),
        ("W0", "https://w0.example/log/")
    );
    assert_eq!(witness.timeout, Duration::from_secs(5));
    assert_eq!(witness.every, Duration::from_secs(1));
    assert!(witness.mirrors.is_empty());
    let section =
        "mirrors = [\"https://m.example/log\", \"http://127.0.0.1:1\"]\ntimeout = \"200ms\"";
    let witness = with(section, "").unwrap().witness.unwrap();
    assert_eq!(witness.asked().count(), 0);
    assert_eq!(witness.mirrors.len(), 2);
    assert_eq!(witness.timeout, Duration::from_millis(200));
}

#[test]
fn a_policy_is_refused_with_its_file_and_line() {
    let refusal = refused(FILE, "\n# two\nquorum W1\n");
    assert_eq!(refusal.key, "witness.policy");
    assert!(
        refusal.reason.contains("witness.policy: line 3: "),
        "{refusal}"
    );
    let refusal = refused("policy = \"other.policy\"", "");
    assert_eq!(refusal.key, "witness.policy");
    assert!(refusal.reason.contains("other.policy: "), "{refusal}");
    let wrong = at("https://w0.example").replace(&key(1), W0);
    assert!(refused(FILE, &wrong).reason.contains("line 1: key"));
}

#[test]
fn a_quorum_that_nobody_is_asked_for_is_refused() {
    let two = format!(
        "witness W0 {} https://w0.example\nwitness W1 {}\n",
        key(1),
        key(2)
    );
    for (quorum, is_met) in [("any", true), ("1", true), ("2", false), ("all", false)] {
        let policy = format!("{two}group q {quorum} W0 W1\nquorum q\n");
        let section = with(FILE, &policy);
        assert_eq!(section.is_ok(), is_met, "{quorum}");
        if let Err(refusal) = section {
            assert!(refusal.reason.contains("no quorum"), "{refusal}");
        }
    }
}

#[test]
fn addresses_with_secrets_or_in_the_open_are_refused_and_not_repeated() {
    for url in [
        "http://w0.example",
        "http://192.168.0.1/",
        "http://localhost/",
        "ftp://w0.example",
        "https://user:secret@w0.example",
        "https://w0.example/?secret",
        "https://w0.example/#secret",
        "secret",
    ] {
        let refusal = refused(FILE, &at(url));
        assert_eq!(refusal.key, "witness.policy", "{url}");
        assert!(!refusal.to_string().contains("secret"), "{refusal}");
        let mirrors = format!("mirrors = [\"https://m.example\", {url:?}]");
        let refusal = refused(&mirrors, "");
        assert_eq!(refusal.key, "witness.mirrors[1]", "{url}");
        assert!(!refusal.to_string().contains("secret"), "{refusal}");
    }
    let twice = "mirrors = [\"https://m.example\", \"https://M.example/\"]";
    assert_eq!(refused(twice, "").key, "witness.mirrors[1]");
}

#[test]
fn a_section_without_anybody_or_with_endless_patience_is_refused() {
    assert_eq!(refused("", "").key, "witness");
    assert_eq!(refused("startup = \"warn\"", "").key, "witness.startup");
    let good = at("https://w0.example");
    for timeout in ["0s", "61s", "soon"] {
        let section = format!("{FILE}\ntimeout = {timeout:?}");
        assert_eq!(refused(&section, &good).key, "witness.timeout");
    }
    let section = format!("{FILE}\nevery = \"often\"");
    assert_eq!(refused(&section, &good).key, "witness.every");
}
