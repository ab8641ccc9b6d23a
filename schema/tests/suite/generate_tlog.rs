//! Vectors of the log's tree: roots and proofs as RFC 6962 defines them, names
//! of tiles, signed notes, offline proofs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use oracle_schema::tlog::checkpoint::Algorithm;
use oracle_schema::tlog::{Checkpoint, Note, NoteKey, TlogProof};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::generate::file;

type Hash = [u8; 32];

const SIZES: [usize; 6] = [1, 2, 3, 7, 8, 300];
const ORIGIN: &str = "oracle.example/log";

/// The n-th entry of every tree here.
fn entry(n: usize) -> Vec<u8> {
    format!("entry {n}").into_bytes()
}

/// RFC 6962, 2.1: `MTH(D[from:to])`.
fn root(from: usize, to: usize) -> Hash {
    match to - from {
        0 => Sha256::digest([]).into(),
        1 => Sha256::digest([&[0], entry(from).as_slice()].concat()).into(),
        n => {
            let k = split(n);
            node(&root(from, from + k), &root(from + k, to))
        }
    }
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::digest([&[1], left.as_slice(), right.as_slice()].concat()).into()
}

/// The largest power of two below n.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// RFC 6962, 2.1.1: `PATH(m, D[from:to])`, m counted from `from`.
fn path(m: usize, from: usize, to: usize) -> Vec<Hash> {
    if to - from == 1 {
        return Vec::new();
    }
    let k = split(to - from);
    let (mut path, last) = if m < k {
        (path(m, from, from + k), root(from + k, to))
    } else {
        (path(m - k, from + k, to), root(from, from + k))
    };
    path.push(last);
    path
}

/// RFC 6962, 2.1.2: `SUBPROOF(m, D[from:to], complete)`.
fn subproof(m: usize, from: usize, to: usize, complete: bool) -> Vec<Hash> {
    let n = to - from;
    if m == n {
        return if complete {
            Vec::new()
        } else {
            vec![root(from, to)]
        };
    }
    let k = split(n);
    let (mut proof, last) = if m <= k {
        (subproof(m, from, from + k, complete), root(from + k, to))
    } else {
        (subproof(m - k, from + k, to, false), root(from, from + k))
    };
    proof.push(last);
    proof
}

pub(crate) fn cases() -> Value {
    let hexes = |hashes: Vec<Hash>| hashes.iter().map(hex::encode).collect::<Vec<_>>();
    let mut cases = Vec::new();
    for size in SIZES {
        for index in [0, size / 2, size - 1] {
            cases.push(json!({
                "kind": "inclusion", "size": size, "root": hex::encode(root(0, size)),
                "index": index, "entry": hex::encode(entry(index)),
                "proof": hexes(path(index, 0, size)),
            }));
        }
        for old in [1, size.div_ceil(2), size] {
            cases.push(json!({
                "kind": "consistency", "old": old, "old_root": hex::encode(root(0, old)),
                "new": size, "new_root": hex::encode(root(0, size)),
                "proof": hexes(subproof(old, 0, size, true)),
            }));
        }
    }
    cases.extend(tiles());
    cases.extend(notes());
    file(
        "The log's tree (RFC 6962; C2SP tlog-tiles, signed-note, tlog-cosignature, tlog-proof). \
         Entry n is the text \"entry n\". key is a C2SP verifier key. Where valid is false, what \
         the case holds must be refused.",
        &cases,
    )
}

fn tiles() -> Vec<Value> {
    let tile = |name: &str, level: Option<u32>, index: u64, width: u64| {
        json!({
            "kind": "tile", "name": name, "valid": true,
            "level": level, "index": index, "width": width,
        })
    };
    let mut cases = vec![
        tile("0/000", Some(0), 0, 256),
        tile("entries/000.p/1", None, 0, 1),
        tile("1/x001/234.p/255", Some(1), 1234, 255),
        tile("entries/x001/x234/067", None, 1_234_067, 256),
    ];
    for name in [
        "",
        "0",
        "0/",
        "0/0",
        "0/0000",
        "0/x000/001",
        "0/001/002",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/01",
        "8/000",
        "00/000",
        "-1/000",
        "entries/00a",
        "Entries/000",
        "0/000/",
        "0//000",
    ] {
        cases.push(json!({"kind": "tile", "name": name, "valid": false}));
    }
    cases
}

fn secret(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

fn notes() -> Vec<Value> {
    let public = secret(1).verifying_key().to_bytes();
    let key = NoteKey::new(ORIGIN, Algorithm::Ed25519, &public).unwrap();
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 300,
        root: root(0, 300),
    };
    let signature = secret(1).sign(checkpoint.text().as_bytes()).to_bytes();
    let note = Note::signed(checkpoint, &key, &signature);
    let text = note.to_text();
    let line = text.rsplit_once("\n\n").unwrap().1;
    let size = |size: &str| text.replacen("\n300\n", size, 1);
    let other = {
        let mut bytes = key.id().to_vec();
        bytes.extend([9; 64]);
        format!("{text}\u{2014} {ORIGIN} {}\n", STANDARD.encode(bytes))
    };
    let stranger = format!(
        "{text}\u{2014} witness.example {}\n",
        STANDARD.encode([3; 76])
    );
    let proof = TlogProof {
        extra: Some(entry(299)),
        index: 299,
        hashes: path(299, 0, 300),
        note,
    };
    let proved = proof.to_string();
    let of = |kind: &str, name: &str, valid: bool, text: &str| {
        json!({
            "kind": kind, "name": name, "key": key.to_string(), "text": text, "valid": valid,
        })
    };
    vec![
        of("note", "signed by the log", true, &text),
        of("note", "with a line of a stranger", true, &stranger),
        of(
            "note",
            "a second line of the log that does not verify",
            false,
            &other,
        ),
        of("note", "another size", false, &size("\n299\n")),
        of("note", "a leading zero", false, &size("\n0300\n")),
        of("note", "an extension line", false, &size("\n300\nx\n")),
        of(
            "note",
            "no empty line",
            false,
            &text.replacen("\n\n", "\n", 1),
        ),
        of(
            "note",
            "no signature",
            false,
            text.strip_suffix(line).unwrap(),
        ),
        of("note", "a carriage return", false, &size("\r\n300\n")),
        of("tlog-proof", "of the last entry", true, &proved),
        of(
            "tlog-proof",
            "of another index",
            false,
            &proved.replacen("index 299", "index 298", 1),
        ),
        of(
            "tlog-proof",
            "of no index",
            false,
            &proved.replacen("index 299\n", "", 1),
        ),
        of(
            "tlog-proof",
            "of another version",
            false,
            &proved.replacen("@v1", "@v2", 1),
        ),
        of(
            "tlog-proof",
            "of another entry",
            false,
            &proved.replacen(
                &STANDARD.encode(entry(299)),
                &STANDARD.encode(entry(298)),
                1,
            ),
        ),
    ]
}
