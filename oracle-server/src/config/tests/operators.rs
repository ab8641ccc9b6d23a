//! Operators, and panels of them.

use super::*;

const ALICE: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const BOB: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

#[test]
fn operators_keep_their_keys_and_scopes() {
    let config = contract();
    let names: Vec<&str> = config.operators.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["alice", "bob", "carol", "watcher"]);
    assert_eq!(hex::encode(config.operators[0].public_key), ALICE);
    assert!(Scope::ALL.into_iter().all(|s| config.operators[0].may(s)));
    assert!(config.operators[1].may(Scope::Report));
    assert!(!config.operators[1].may(Scope::Approve));
}

#[test]
fn one_key_under_two_names_is_refused() {
    let refusal = spoilt(BOB, ALICE);
    assert_eq!(refusal.key, "operator[1] \"bob\".public_key");
    assert!(refusal.reason.contains("alice"), "{}", refusal.reason);
    // The same key in other letters is the same key.
    let refusal = spoilt(BOB, &ALICE.to_uppercase());
    assert_eq!(refusal.key, "operator[1] \"bob\".public_key");
}

#[test]
fn a_key_that_proves_no_author_is_refused() {
    for (key, why) in [
        // y = 2 is on no point; the identity; y = 1 + p.
        (format!("02{}", "00".repeat(31)), "not a point"),
        (format!("01{}", "00".repeat(31)), "small order"),
        (format!("ee{}7f", "ff".repeat(30)), "small order"),
        ("ed25519 public key, hex".to_owned(), "64 hexadecimal"),
        (BOB[..62].to_owned(), "64 hexadecimal"),
        (format!("0x{}", &BOB[2..]), "64 hexadecimal"),
    ] {
        let refusal = spoilt(BOB, &key);
        assert_eq!(refusal.key, "operator[1] \"bob\".public_key", "{key}");
        assert!(refusal.reason.contains(why), "{key}: {}", refusal.reason);
    }
}

#[test]
fn a_refused_operator_is_named_with_its_key() {
    for (from, to, key) in [
        ("\"watcher\"", "\"alice\"", "operator[3] \"alice\".name"),
        ("\"watcher\"", "\"\"", "operator[3] \"\".name"),
        ("\"watcher\"", "\"a b\"", "operator[3] \"a b\".name"),
        (
            "scopes = [\"approve\"]",
            "scopes = [\"approve\", \"admin\"]",
            "operator[3] \"watcher\".scopes[1]",
        ),
        (
            "scopes = [\"approve\"]",
            "scopes = [\"approve\", \"approve\"]",
            "operator[3] \"watcher\".scopes[1]",
        ),
        ("scopes = [\"approve\"]", "", "operator[3].scopes"),
        (
            "scopes = [\"approve\"]",
            "scopes = [\"approve\"]\nadmin = true",
            "operator[3].admin",
        ),
    ] {
        assert_eq!(spoilt(from, to).key, key, "{to}");
    }
    let long = "a".repeat(65);
    let refusal = spoilt("\"watcher\"", &format!("\"{long}\""));
    assert_eq!(refusal.key, format!("operator[3] \"{long}\".name"));
}

#[test]
fn a_panel_pins_keys_and_refuses_who_may_not_report() {
    let config = contract();
    let event = config.events.last().unwrap();
    let panel = event.definition.policy.rule.panel().unwrap();
    assert_eq!(panel.k.get(), 2);
    let names: Vec<&str> = panel.members.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["alice", "bob", "carol"]);
    assert_eq!(panel.members[1].public_key, BOB);

    let at = "event[5] \"pm-upgrade-2026\"";
    for (panel, key) in [
        (r#"["alice", "bob", "watcher"]"#, "panel[2]"),
        (r#"["alice", "bob", "dave"]"#, "panel[2]"),
        (r#"["alice", "bob", "alice"]"#, "panel[2]"),
        (r#"["alice"]"#, "k"),
        ("[]", "panel"),
    ] {
        let refusal = spoilt(r#"["alice", "bob", "carol"]"#, panel);
        assert_eq!(refusal.key, format!("{at}.{key}"), "{panel}");
    }
    for k in ["k = 0", "k = 4"] {
        let refusal = spoilt("k = 2\nsettle_delay", &format!("{k}\nsettle_delay"));
        assert_eq!(refusal.key, format!("{at}.k"));
    }
}

#[test]
fn a_panel_among_sources_is_checked_like_any_other() {
    let at = "event[3] \"us-sen-ga-2026\".source";
    let source = r#"{ provider = "operators", panel = ["alice", "bob"], k = 2 }"#;
    for (to, key) in [
        (
            r#"{ provider = "operators", panel = ["alice", "watcher"], k = 2 }"#,
            "[1].panel[1]",
        ),
        (
            r#"{ provider = "operators", panel = ["alice", "bob"], k = 3 }"#,
            "[1].k",
        ),
        (
            r#"{ provider = "operators", panel = ["alice", "bob"], k = -1 }"#,
            "[1].k",
        ),
        (
            r#"{ provider = "operators", panel = ["alice", "bob"], k = "2" }"#,
            "[1].k",
        ),
        (
            r#"{ provider = "operators", panel = "alice", k = 1 }"#,
            "[1].panel",
        ),
        (
            r#"{ provider = "operators", panel = ["alice", "bob"] }"#,
            "[1].k",
        ),
        (r#"{ provider = "operators", k = 2 }"#, "[1].panel"),
        (
            r#"{ provider = "operators", panel = ["alice", "bob"], k = 2, root = "x" }"#,
            "[1].root",
        ),
        (
            r#"{ provider = "operators", panel = ["alice"], k = 1 }, { provider = "operators", panel = ["bob"], k = 1 }"#,
            "[2].provider",
        ),
    ] {
        assert_eq!(spoilt(source, to).key, format!("{at}{key}"), "{to}");
    }
}
