use std::fs;
use std::os::unix::fs::PermissionsExt;

use secrecy::ExposeSecret;

use super::*;
use crate::signer::SignerError;
use crate::signer::keystore::passphrase_from;

fn mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn created() -> (TempDir, SignerConfig, crate::signer::PublicKeys) {
    let dir = TempDir::new().unwrap();
    let cfg = config(&dir);
    let keys = Signer::create_with_work_factor(&cfg, "peercoin", WORK_FACTOR).unwrap();
    (dir, cfg, keys)
}

fn open(cfg: SignerConfig) -> Result<Signer, SignerError> {
    Signer::open(cfg, Arc::new(TestClock::at(time(MATURITY))))
}

#[test]
fn what_init_made_opens_with_the_same_keys() {
    let (_dir, cfg, keys) = created();
    let signer = open(cfg).unwrap();
    assert_eq!(signer.public_key(), keys.public_key);
    assert_eq!(signer.log_public_key(), keys.log_public_key);
    assert_eq!(signer.journal_id(), keys.journal_id);
    assert_eq!(signer.network(), "peercoin");
}

#[test]
fn keystore_and_journal_are_for_their_owner_only_and_leave_no_temporary_file() {
    let (dir, cfg, _) = created();
    for path in [&cfg.keystore, &cfg.journal] {
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

/// However busy the machine is at `init`: the header of the file says how often a guess
/// at the passphrase is hashed.
#[test]
fn the_work_for_a_guess_at_the_passphrase_is_fixed() {
    let dir = TempDir::new().unwrap();
    let cfg = config(&dir);
    Signer::create(&cfg, "peercoin").unwrap();
    let sealed = fs::read(&cfg.keystore).unwrap();
    let header = String::from_utf8_lossy(&sealed[..200]);
    let stanza = header.lines().nth(1).unwrap();
    assert!(stanza.starts_with("-> scrypt "), "{stanza}");
    assert!(stanza.ends_with(" 17"), "{stanza}");
    open(cfg).unwrap();
}

#[test]
fn init_refuses_an_existing_keystore_or_journal_and_changes_nothing() {
    for keep in ["keystore.age", "journal"] {
        let (dir, cfg, _) = created();
        let before = fs::read(dir.path().join(keep)).unwrap();
        for path in [&cfg.keystore, &cfg.journal] {
            if !path.ends_with(keep) {
                fs::remove_file(path).unwrap();
            }
        }
        assert!(matches!(
            Signer::create_with_work_factor(&cfg, "peercoin", WORK_FACTOR),
            Err(SignerError::Exists { .. })
        ));
        assert_eq!(fs::read(dir.path().join(keep)).unwrap(), before);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_joining_standby_gets_a_journal_of_its_own() {
    let (dir, mut cfg, keys) = created();
    cfg.journal = dir.path().join("standby");
    let joined = Signer::create_journal(&cfg).unwrap();
    assert_ne!(joined.journal_id, keys.journal_id);
    assert_eq!(joined.public_key, keys.public_key);
    assert_eq!(open(cfg).unwrap().public_key(), keys.public_key);
}

#[test]
fn a_wrong_passphrase_refuses_and_names_no_secret() {
    let (_dir, mut cfg, _) = created();
    cfg.passphrase = SecretString::from("wrong horse");
    let error = open(cfg).unwrap_err();
    assert!(matches!(error, SignerError::Keystore { .. }));
    assert!(!format!("{error:?}{error}").contains("horse"));
}

#[test]
fn a_keystore_that_others_can_read_refuses() {
    for bits in [0o640, 0o604, 0o660, 0o666] {
        let (_dir, cfg, _) = created();
        mode(&cfg.keystore, bits);
        assert!(matches!(
            open(cfg),
            Err(SignerError::Permissions { mode, .. }) if mode == bits
        ));
    }
}

#[test]
fn one_trailing_newline_is_not_part_of_the_passphrase() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("passphrase");
    for (text, expected) in [
        ("a b", "a b"),
        ("a b\n", "a b"),
        ("a b\n\n", "a b\n"),
        (" a", " a"),
    ] {
        fs::write(&path, text).unwrap();
        mode(&path, 0o600);
        let read = passphrase_from(Some(&path), None).unwrap();
        assert_eq!(read.expose_secret(), expected);
    }
    for bad in [&b""[..], b"\n", b"\xff"] {
        fs::write(&path, bad).unwrap();
        assert!(matches!(
            passphrase_from(Some(&path), None),
            Err(SignerError::BadPassphrase { .. })
        ));
    }
    mode(&path, 0o644);
    assert!(matches!(
        passphrase_from(Some(&path), None),
        Err(SignerError::Permissions { .. })
    ));
}

#[test]
fn the_systemd_credential_serves_where_no_file_is_configured() {
    let dir = TempDir::new().unwrap();
    let credential = dir.path().join("passphrase");
    fs::write(&credential, "from systemd\n").unwrap();
    mode(&credential, 0o440);
    let directory = Some(dir.path().as_os_str());
    let read = passphrase_from(None, directory).unwrap();
    assert_eq!(read.expose_secret(), "from systemd");
    assert!(matches!(
        passphrase_from(None, None),
        Err(SignerError::NoPassphrase)
    ));
    let missing = dir.path().join("missing");
    assert!(passphrase_from(Some(&missing), directory).is_err());
}

#[test]
fn debug_of_a_signer_shows_public_things_only() {
    let shown = format!("{:?}", rig(1).signer);
    for secret in ["0101010101", "0707070707", "0909090909"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("public_key"));
}
