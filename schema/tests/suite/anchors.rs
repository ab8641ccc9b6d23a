//! Anchors: the vectors, and that no changed byte passes.

use oracle_schema::anchor::{
    Anchor, BlockHeader, ChainHash, Confirmation, MerkleBranch, Payload, Transaction,
    TransactionError, branch_of,
};
use oracle_schema::tlog::checkpoint::Algorithm;
use oracle_schema::tlog::{Checkpoint, Note, NoteKey};
use proptest::prelude::*;
use serde_json::Value;

use crate::generate_anchor;

fn cases() -> Vec<Value> {
    generate_anchor::cases()["cases"]
        .as_array()
        .unwrap()
        .clone()
}

fn bytes(case: &Value, key: &str) -> Vec<u8> {
    hex::decode(case[key].as_str().unwrap()).unwrap()
}

fn name(error: TransactionError) -> &'static str {
    match error {
        TransactionError::TooLong(_) => "too-long",
        TransactionError::Truncated => "truncated",
        TransactionError::Trailing(_) => "trailing",
        TransactionError::NotMinimal => "not-minimal",
        TransactionError::Form => "form",
        TransactionError::Ambiguous => "ambiguous",
        TransactionError::Anchors(_) => "anchors",
    }
}

#[test]
fn transactions_are_read_and_refused_as_the_vectors_say() {
    let mut seen = (0, 0);
    for case in cases()
        .iter()
        .filter(|case| case["transaction"].is_string())
    {
        let read = Transaction::parse(&bytes(case, "transaction"));
        let anchor = read.as_ref().map_err(|e| *e).and_then(Transaction::anchor);
        if let Some(error) = case["error"].as_str() {
            assert_eq!(anchor.map_err(name), Err(error), "{}", case["name"]);
            seen.1 += 1;
            continue;
        }
        let (vout, payload) = anchor.unwrap();
        assert_eq!(
            read.unwrap().txid().to_string(),
            case["txid"].as_str().unwrap()
        );
        assert_eq!(vout, case["vout"]);
        assert_eq!(payload.size, case["size"]);
        assert_eq!(hex::encode(payload.root), case["root"]);
        assert_eq!(payload.to_bytes().as_slice(), bytes(case, "payload"));
        assert_eq!(payload.script(), bytes(case, "script"));
        seen.0 += 1;
    }
    assert_eq!(seen, (4, 16));
}

#[test]
fn proofs_of_nodes_become_branches_as_the_vectors_say() {
    let mut seen = 0;
    for case in cases().iter().filter(|case| case["proof"].is_string()) {
        let txid: ChainHash = case["txid"].as_str().unwrap().parse().unwrap();
        let (header, branch) = branch_of(txid, &bytes(case, "proof")).unwrap();
        assert_eq!(header.hash().to_string(), case["block_hash"]);
        assert_eq!(header.0.as_slice(), bytes(case, "header"));
        assert_eq!(branch.position, case["position"]);
        let hashes: Vec<String> = branch.hashes.iter().map(|h| hex::encode(h.0)).collect();
        assert_eq!(Value::from(hashes), case["branch"]);
        branch.verify(txid, &header).unwrap();
        seen += 1;
    }
    assert_eq!(seen, 1 + 2 + 3 + 5 + 8);
}

/// No proof of a node leads to anything but the truth, whatever was changed in it.
#[test]
fn a_changed_byte_of_a_nodes_proof_changes_no_branch() {
    for case in cases().iter().filter(|case| case["proof"].is_string()) {
        let txid: ChainHash = case["txid"].as_str().unwrap().parse().unwrap();
        let good = bytes(case, "proof");
        let truth = branch_of(txid, &good).unwrap();
        for (at, mask) in (0..good.len()).flat_map(|at| [0x01, 0x80, 0xff].map(|m| (at, m))) {
            let mut copy = good.clone();
            copy[at] ^= mask;
            if let Ok((header, branch)) = branch_of(txid, &copy) {
                // The count of transactions and what the branch does not cover.
                assert!(branch == truth.1, "{} byte {at}", case["name"]);
                assert!(header.merkle_root() == truth.0.merkle_root());
            }
        }
    }
}

#[test]
fn a_changed_byte_of_a_branch_is_refused() {
    for case in cases().iter().filter(|case| case["proof"].is_string()) {
        let txid: ChainHash = case["txid"].as_str().unwrap().parse().unwrap();
        let (header, branch) = branch_of(txid, &bytes(case, "proof")).unwrap();
        for bit in 0..32 {
            let mut copy = branch.clone();
            copy.position ^= 1 << bit;
            assert!(
                copy.verify(txid, &header).is_err(),
                "{} bit {bit}",
                case["name"]
            );
        }
        for (level, at) in (0..branch.hashes.len()).flat_map(|l| (0..32).map(move |at| (l, at))) {
            let mut copy = branch.clone();
            copy.hashes[level].0[at] ^= 1;
            assert!(copy.verify(txid, &header).is_err(), "{}", case["name"]);
        }
        let mut longer = branch.clone();
        longer.hashes.push(txid);
        assert!(longer.verify(txid, &header).is_err());
    }
}

/// A served anchor in a block of three, and every text in it.
fn served() -> Anchor {
    let case = cases().into_iter().find(|c| c["txid"].is_string()).unwrap();
    let transaction = bytes(&case, "transaction");
    let read = Transaction::parse(&transaction).unwrap();
    let (vout, payload) = read.anchor().unwrap();
    let key = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
    let public = key.verifying_key().to_bytes();
    let note_key = NoteKey::new("log.example", Algorithm::Ed25519, &public).unwrap();
    let checkpoint = Checkpoint {
        origin: "log.example".to_owned(),
        size: payload.size,
        root: payload.root,
    };
    let signature = ed25519_dalek::Signer::sign(&key, checkpoint.text().as_bytes());
    let note = Note::signed(checkpoint, &note_key, &signature.to_bytes());
    let hashes = vec![ChainHash([1; 32]), ChainHash([2; 32])];
    let branch = MerkleBranch {
        position: 1,
        hashes,
    };
    let first = ChainHash::of(&[[1; 32], read.txid().0].concat());
    let root = ChainHash::of(&[first.0, [2; 32]].concat());
    let mut header = [0x66; 80];
    header[36..68].copy_from_slice(&root.0);
    Anchor {
        origin: "log.example".to_owned(),
        size: payload.size,
        root: hex::encode(payload.root),
        note: note.to_text(),
        txid: read.txid().to_string(),
        vout,
        transaction: hex::encode(transaction),
        confirmation: Some(Confirmation::new(5, &BlockHeader(header), &branch)),
    }
}

#[test]
fn a_changed_byte_in_anything_served_is_refused() {
    let good = served();
    let verified = good.verify().unwrap();
    assert_eq!(verified.payload.size, good.size);
    let json = serde_json::to_value(&good).unwrap();
    let mut seen = 0;
    for pointer in [
        "/origin",
        "/root",
        "/txid",
        "/transaction",
        "/confirmation/block_hash",
        "/confirmation/confirmed_at",
        "/confirmation/header",
        "/confirmation/branch/0",
        "/confirmation/branch/1",
    ] {
        let text = json.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        for at in 0..text.len() {
            for other in ['0', '1', 'A'] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, &other.to_string());
                if changed == text {
                    continue;
                }
                let mut copy = json.clone();
                *copy.pointer_mut(pointer).unwrap() = changed.into();
                let anchor: Anchor = serde_json::from_value(copy).unwrap();
                // Witnesses are the one part that a transaction's id leaves out.
                let is_witness = pointer == "/transaction" && anchor.verify().is_ok();
                if is_witness {
                    let of = |a: &Anchor| a.verify().unwrap();
                    assert_eq!(of(&anchor).txid, of(&good).txid);
                } else {
                    assert!(anchor.verify().is_err(), "{pointer} at {at}: {other}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 1000, "{seen}");
    for (pointer, value) in [("/size", 259), ("/vout", 0), ("/confirmation/position", 0)] {
        let mut copy = json.clone();
        *copy.pointer_mut(pointer).unwrap() = value.into();
        let anchor: Anchor = serde_json::from_value(copy).unwrap();
        assert!(anchor.verify().is_err(), "{pointer}");
    }
}

/// The note's first bytes are what is signed; its signature is checked by who has
/// the key.
#[test]
fn a_note_of_another_head_is_refused() {
    let good = served();
    for (from, to) in [
        ("258", "259"),
        ("log.example\n", "log.example2\n"),
        ("q6ur", "q6us"),
    ] {
        let mut copy = good.clone();
        copy.note = copy.note.replacen(from, to, 1);
        assert_ne!(copy.note, good.note);
        assert!(copy.verify().is_err(), "{from}");
    }
}

#[test]
fn a_right_child_that_equals_its_left_sibling_is_refused() {
    let leaf = ChainHash([1; 32]);
    let root = ChainHash::of(&[leaf.0, leaf.0].concat());
    let mut header = [0; 80];
    header[36..68].copy_from_slice(&root.0);
    let branch = |position| MerkleBranch {
        position,
        hashes: vec![leaf],
    };
    assert_eq!(branch(0).verify(leaf, &BlockHeader(header)), Ok(()));
    assert!(branch(1).verify(leaf, &BlockHeader(header)).is_err());
}

proptest! {
    #[test]
    fn a_payload_is_read_from_its_script_and_from_no_other(
        size: u64,
        root: [u8; 32],
        at in 0_usize..50,
        mask in 1_u8..,
    ) {
        let payload = Payload { size, root };
        let mut script = payload.script();
        prop_assert_eq!(Payload::from_script(&script), Some(payload));
        script[at] ^= mask;
        prop_assert_ne!(Payload::from_script(&script), Some(payload));
        prop_assert_eq!(Payload::from_script(&script).is_some(), at >= 10);
    }

    #[test]
    fn ids_are_read_as_they_are_written(bytes: [u8; 32]) {
        let text = ChainHash(bytes).to_string();
        prop_assert_eq!(text.parse(), Ok(ChainHash(bytes)));
        prop_assert!(text.to_uppercase().parse::<ChainHash>().is_err() || !text.contains(char::is_alphabetic));
    }
}
