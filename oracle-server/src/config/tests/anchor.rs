//! The node that anchors checkpoints, and what may not be one.

use super::*;

fn with(section: &str) -> Result<Config, Refusal> {
    Config::parse(&format!("{GOOD}[anchor]\n{section}\n"), Path::new("/base"))
}

fn refused(section: &str) -> Refusal {
    match with(section) {
        Ok(_) => panic!("{section:?} was accepted"),
        Err(refusal) => refusal,
    }
}

const COOKIE: &str = "cookie_file = \"node/.cookie\"";

#[test]
fn nothing_is_anchored_where_nothing_is_configured() {
    let config = Config::parse(GOOD, Path::new("/")).unwrap();
    assert_eq!(config.anchor, None);
}

#[test]
fn a_node_has_defaults_and_files_relative_to_the_configuration() {
    let anchor = with(COOKIE).unwrap().anchor.unwrap();
    let cookie = RpcLogin::Cookie("/base/node/.cookie".into());
    assert_eq!(anchor.login, cookie);
    assert_eq!(anchor.every.as_secs(), 6 * 3600);
    assert_eq!((anchor.confirmations, anchor.timeout.as_secs()), (6, 30));
    assert_eq!(anchor.wallet, None);
    assert_eq!(anchor.rpc.as_str(), "http://127.0.0.1:18443/");

    let text = "user = \"oracle\"\npassword_file = \"/run/secret\"\nwallet = \"a b\"\n\
                rpc = \"https://node.example:9902\"";
    let anchor = with(text).unwrap().anchor.unwrap();
    let (user, file) = ("oracle".to_owned(), "/run/secret".into());
    assert_eq!(anchor.login, RpcLogin::Password { user, file });
    assert_eq!(anchor.wallet.as_deref(), Some("a b"));
}

#[test]
fn a_refusal_names_the_key_and_repeats_no_address() {
    for (key, section) in [
        ("anchor.every", "every = \"59s\""),
        ("anchor.every", "every = \"often\""),
        ("anchor.timeout", "timeout = \"500ms\""),
        ("anchor.timeout", "timeout = \"6m\""),
        ("anchor.confirmations", "confirmations = 0"),
        ("anchor.confirmations", "confirmations = 1001"),
        ("anchor.wallet", "wallet = \"\""),
        ("anchor.rpc", "rpc = \"ftp://127.0.0.1\""),
        ("anchor.rpc", "rpc = \"127.0.0.1:9902\""),
        ("anchor.rpc", "rpc = \"http://me:hunter2@127.0.0.1:9902\""),
        (
            "anchor.rpc",
            "rpc = \"http://127.0.0.1:9902/wallet/hunter2\"",
        ),
        ("anchor.rpc", "rpc = \"http://127.0.0.1:9902/?key=hunter2\""),
        ("anchor.cookie_file", "user = \"me\""),
        ("anchor.cookie_file", "password_file = \"p\""),
    ] {
        let text = if section.contains("user =") || section.contains("password_file") {
            section.to_owned()
        } else {
            format!("{section}\n{COOKIE}")
        };
        let refusal = refused(&text);
        assert_eq!(refusal.key, key, "{section}: {refusal}");
        assert!(!refusal.to_string().contains("hunter2"), "{refusal}");
    }
    assert_eq!(refused("").key, "anchor.cookie_file");
    let both = format!("{COOKIE}\nuser = \"me\"\npassword_file = \"p\"");
    assert_eq!(refused(&both).key, "anchor.cookie_file");
    let colon = "user = \"a:b\"\npassword_file = \"p\"";
    assert_eq!(refused(colon).key, "anchor.user");
    let unknown = refused("password = \"hunter2\"");
    assert_eq!(unknown.key, "anchor.password");
    assert!(!unknown.to_string().contains("hunter2"), "{unknown}");
}
