//! Checkpoints and offline proofs, against another implementation of signed
//! notes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use oracle_schema::tlog::checkpoint::{Algorithm, KeyError, NoteError, cosigned_text};
use oracle_schema::tlog::proof::TlogProofError;
use oracle_schema::tlog::tree::{leaf_hash, node_hash};
use oracle_schema::tlog::{Checkpoint, Note, NoteKey, TlogProof};

const ORIGIN: &str = "oracle.example/log";
const WITNESS: &str = "witness.example/w1";

fn secret(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

fn key(name: &str, algorithm: Algorithm, byte: u8) -> NoteKey {
    let public = secret(byte).verifying_key().to_bytes();
    NoteKey::new(name, algorithm, &public).unwrap()
}

fn log_key() -> NoteKey {
    key(ORIGIN, Algorithm::Ed25519, 1)
}

fn witness_key() -> NoteKey {
    key(WITNESS, Algorithm::Cosignature, 2)
}

fn two_entries() -> Checkpoint {
    Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 2,
        root: node_hash(&leaf_hash(b"a"), &leaf_hash(b"b")),
    }
}

fn signed(checkpoint: Checkpoint) -> Note {
    let signature = secret(1).sign(checkpoint.text().as_bytes());
    Note::signed(checkpoint, &log_key(), &signature.to_bytes())
}

fn cosigned(time_s: u64) -> Note {
    let mut note = signed(two_entries());
    let text = cosigned_text(time_s, &note.checkpoint().text());
    let mut signature = time_s.to_be_bytes().to_vec();
    signature.extend_from_slice(&secret(2).sign(text.as_bytes()).to_bytes());
    let mut bytes = witness_key().id().to_vec();
    bytes.extend_from_slice(&signature);
    let line = STANDARD.encode(bytes);
    note.add(&format!("\u{2014} {WITNESS} {line}\n")).unwrap();
    note
}

#[test]
fn a_note_reads_back_and_verifies_under_its_key_only() {
    let text = signed(two_entries()).to_text();
    let note = Note::parse(&text).unwrap();
    assert_eq!(note.to_text(), text);
    assert_eq!(note.verify(&log_key()), Ok(&two_entries()));
    let stranger = key(ORIGIN, Algorithm::Ed25519, 3);
    assert_eq!(
        note.verify(&stranger),
        Err(NoteError::Unsigned(ORIGIN.to_owned()))
    );
    let other = key("other.example", Algorithm::Ed25519, 1);
    assert_eq!(
        note.verify(&other),
        Err(NoteError::Origin(ORIGIN.to_owned()))
    );
}

#[test]
fn a_cosignature_has_a_time_that_is_signed_too() {
    let note = cosigned(1_700_000_000);
    assert_eq!(note.signed_by(&witness_key()), Ok(1_700_000_000));
    assert_eq!(note.verify(&log_key()), Ok(&two_entries()));
    // The same key as a log's is another key.
    let as_log = key(WITNESS, Algorithm::Ed25519, 2);
    assert_eq!(
        note.signed_by(&as_log),
        Err(NoteError::Unsigned(WITNESS.to_owned()))
    );
}

#[test]
fn no_changed_byte_passes() {
    let text = cosigned(1_700_000_000).to_text();
    for n in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[n] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else {
            continue;
        };
        let verified = Note::parse(&changed)
            .is_ok_and(|n| n.verify(&log_key()).is_ok() && n.signed_by(&witness_key()).is_ok());
        assert!(!verified, "byte {n}");
    }
}

#[test]
fn a_known_key_that_does_not_verify_refuses_the_note() {
    let mut note = signed(two_entries());
    let wrong = Note::signed(two_entries(), &log_key(), &[9; 64]).to_text();
    note.add(wrong.rsplit_once("\n\n").unwrap().1).unwrap();
    assert_eq!(
        note.verify(&log_key()),
        Err(NoteError::BadSignature(ORIGIN.to_owned()))
    );
}

#[test]
fn texts_that_are_no_checkpoints_are_refused_by_name() {
    let good = signed(two_entries()).to_text();
    let line = good.rsplit_once("\n\n").unwrap().1;
    let note = |text: &str| Note::parse(&format!("{text}\n{line}")).unwrap_err();
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    assert_eq!(note("o\n02\nx\n"), NoteError::Size);
    assert_eq!(
        note(&format!("o\n9223372036854775808\n{root}\n")),
        NoteError::Size
    );
    assert_eq!(note("o\n2\nAAAA\n"), NoteError::Root);
    assert_eq!(note("o\n2\n"), NoteError::Text);
    assert_eq!(note(&format!("o\n2\n{root}\nextension\n")), NoteError::Text);
    assert_eq!(note(&format!("\n2\n{root}\n")), NoteError::Text);
    assert_eq!(Note::parse(""), Err(NoteError::Form));
    assert_eq!(Note::parse("o\n2\n\tx\n"), Err(NoteError::Control));
    assert_eq!(Note::parse(good.trim_end()), Err(NoteError::Form));
    let broken = good.replace("\u{2014} ", "- ");
    assert_eq!(Note::parse(&broken), Err(NoteError::SignatureLine(1)));
    assert_eq!(
        Note::parse(&"x".repeat(70_000)),
        Err(NoteError::TooLong(70_000))
    );
}

#[test]
fn a_key_reads_back_from_its_text() {
    for key in [log_key(), witness_key()] {
        let text = key.to_string();
        assert_eq!(text.parse(), Ok(key.clone()));
        let (name, rest) = text.split_once('+').unwrap();
        assert_eq!(
            format!("{name}+00000000{}", &rest[8..]).parse::<NoteKey>(),
            Err(KeyError::Id)
        );
    }
    assert_eq!("a+b".parse::<NoteKey>(), Err(KeyError::Form));
    assert_eq!(
        NoteKey::new("a b", Algorithm::Ed25519, &[0; 32]),
        Err(KeyError::Name)
    );
    assert_eq!(
        NoteKey::new("a", Algorithm::Ed25519, &[0; 32]),
        Err(KeyError::Key)
    );
}

/// `PeterNeumann` is the key of the documentation of Go's sumdb notes.
#[test]
fn another_implementation_verifies_our_notes_and_has_the_same_key_ids() {
    use signed_note::{Note as TheirNote, StandardVerifier, VerifierList};
    let text = signed(two_entries()).to_text();
    let their_key = StandardVerifier::new(&log_key().to_string()).unwrap();
    let theirs = TheirNote::from_bytes(text.as_bytes()).unwrap();
    let known = VerifierList::new(vec![Box::new(their_key)]);
    let (verified, unknown) = theirs.verify(&known).unwrap();
    assert_eq!((verified.len(), unknown.len()), (1, 0));
    assert_eq!(theirs.text(), two_entries().text().as_bytes());

    let key: NoteKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
        .parse()
        .unwrap();
    assert_eq!(key.name(), "PeterNeumann");
    assert_eq!(hex::encode(key.id()), "c74f20a3");
}

#[test]
fn an_offline_proof_reads_back_and_proves_one_entry_only() {
    let proof = TlogProof {
        extra: None,
        index: 1,
        hashes: vec![leaf_hash(b"a")],
        note: cosigned(5),
    };
    let text = proof.to_string();
    let read: TlogProof = text.parse().unwrap();
    assert_eq!(read, proof);
    assert_eq!(read.verify(b"b", &log_key()).map(|c| c.size), Ok(2));
    assert!(matches!(
        read.verify(b"a", &log_key()),
        Err(TlogProofError::Proof(_))
    ));
    let extra = text.replacen("\nindex", "\nextra AAAA\nindex", 1);
    let with_extra = TlogProof {
        extra: Some(vec![0; 3]),
        ..proof.clone()
    };
    assert_eq!(extra.parse(), Ok(with_extra.clone()));
    assert_eq!(with_extra.to_string(), extra);
    assert_eq!(proof.entry(&log_key()), Err(TlogProofError::NoEntry));
    assert!(matches!(
        with_extra.entry(&log_key()),
        Err(TlogProofError::Proof(_))
    ));
    let itself = TlogProof {
        extra: Some(b"b".to_vec()),
        ..proof
    };
    assert_eq!(itself.entry(&log_key()), Ok(b"b".as_slice()));
    for (from, to) in [
        ("@v1", "@v2"),
        ("index 1", "index 01"),
        ("index 1", "index one"),
        ("index 1\n", "index 1\nAAAA\n"),
        ("\n\n", "\n"),
    ] {
        assert!(
            text.replacen(from, to, 1).parse::<TlogProof>().is_err(),
            "{from} {to}"
        );
    }
}
