//! Anchors: payloads, transactions of every form, and proofs that they are in a
//! block, each with the answer that a reader must come to.

use oracle_schema::anchor::{ChainHash, Payload, TAG};
use serde_json::{Value, json};

use crate::generate::file;

const PAYLOAD: Payload = Payload {
    size: 258,
    root: [0xab; 32],
};

/// A transaction's parts, put together as a node does.
struct Parts {
    version: i32,
    time: Option<u32>,
    script_sig: Vec<u8>,
    outputs: Vec<Vec<u8>>,
    witness: Option<Vec<Vec<u8>>>,
}

impl Parts {
    fn anchor() -> Self {
        let change = [&[0x51, 0x20], [0x22; 32].as_slice()].concat();
        Self {
            version: 3,
            time: None,
            script_sig: Vec::new(),
            outputs: vec![change, PAYLOAD.script()],
            witness: Some(vec![vec![0x33; 64]]),
        }
    }

    fn bytes(&self, has_witness: bool) -> Vec<u8> {
        let mut bytes = self.version.to_le_bytes().to_vec();
        bytes.extend(self.time.map(u32::to_le_bytes).into_iter().flatten());
        let witness = self.witness.as_ref().filter(|_| has_witness);
        if witness.is_some() {
            bytes.extend([0, 1]);
        }
        bytes.push(1);
        bytes.extend([0x11; 32]);
        bytes.extend([7, 0, 0, 0]);
        text(&mut bytes, &self.script_sig);
        bytes.extend([0xff; 4]);
        bytes.push(u8::try_from(self.outputs.len()).unwrap());
        for script in &self.outputs {
            bytes.extend(123_456_u64.to_le_bytes());
            text(&mut bytes, script);
        }
        if let Some(items) = witness {
            bytes.push(u8::try_from(items.len()).unwrap());
            for item in items {
                text(&mut bytes, item);
            }
        }
        bytes.extend([0; 4]);
        bytes
    }
}

fn text(bytes: &mut Vec<u8>, item: &[u8]) {
    if let Some(short) = u8::try_from(item.len()).ok().filter(|n| *n < 0xfd) {
        bytes.push(short);
    } else {
        bytes.push(0xfd);
        bytes.extend(u16::try_from(item.len()).unwrap().to_le_bytes());
    }
    bytes.extend(item);
}

/// `anchors.json`.
pub(crate) fn cases() -> Value {
    let mut cases = vec![
        valid("taproot, with a witness", &Parts::anchor()),
        valid(
            "without a witness",
            &Parts {
                witness: None,
                script_sig: vec![0x44; 107],
                ..Parts::anchor()
            },
        ),
        valid(
            "an older version, with a time",
            &Parts {
                version: 2,
                time: Some(1_795_363_200),
                ..Parts::anchor()
            },
        ),
        valid(
            "a version below zero has a time",
            &Parts {
                version: -1,
                time: Some(1),
                script_sig: vec![0x55; 300],
                ..Parts::anchor()
            },
        ),
    ];
    cases.extend(invalid());
    cases.extend([1, 2, 3, 5, 8].into_iter().flat_map(proofs));
    file(
        "Anchors in Peercoin (docs/anchors.md). `transaction`: id and payload, or the error; \
         `proof`: gettxoutproof of one transaction, with header, position and branch, or the \
         error.",
        &cases,
    )
}

fn valid(name: &str, parts: &Parts) -> Value {
    json!({
        "name": name,
        "transaction": hex::encode(parts.bytes(true)),
        "txid": ChainHash::of(&parts.bytes(false)).to_string(),
        "vout": 1,
        "size": PAYLOAD.size,
        "root": hex::encode(PAYLOAD.root),
        "payload": hex::encode(PAYLOAD.to_bytes()),
        "script": hex::encode(PAYLOAD.script()),
    })
}

fn invalid() -> Vec<Value> {
    let refused = |name: &str, error: &str, bytes: Vec<u8>| json!({ "name": name, "transaction": hex::encode(bytes), "error": error });
    let good = Parts::anchor().bytes(true);
    let with = |outputs: Vec<Vec<u8>>| {
        let parts = Parts {
            outputs,
            ..Parts::anchor()
        };
        parts.bytes(true)
    };
    let mut tag = PAYLOAD.script();
    tag[2] ^= 1;
    // The same bytes, pushed another way.
    let long_push = [&[0x6a, 0x4c, 0x30], &PAYLOAD.script()[2..]].concat();
    let longer = [&[0x6a, 0x31], PAYLOAD.to_bytes().as_slice(), &[0]].concat();
    let mut dummy = good.clone();
    dummy[5] = 2;
    let stripped = Parts {
        outputs: vec![vec![0x51; 4]],
        ..Parts::anchor()
    };
    vec![
        refused("empty", "truncated", Vec::new()),
        refused("cut off", "truncated", good[..good.len() - 1].to_vec()),
        refused("surplus byte", "trailing", [good.as_slice(), &[0]].concat()),
        refused("unknown flag", "form", dummy),
        refused(
            "no inputs",
            "form",
            vec![3, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        ),
        refused("an empty witness", "form", {
            let parts = Parts {
                witness: Some(Vec::new()),
                ..Parts::anchor()
            };
            parts.bytes(true)
        }),
        refused("a count in five bytes", "not-minimal", {
            let mut bytes = Parts::anchor().bytes(false);
            bytes.splice(4..5, [0xfe, 1, 0, 0, 0]);
            bytes
        }),
        refused("a count beyond the end", "truncated", {
            let mut bytes = Parts::anchor().bytes(false);
            bytes.splice(4..5, [0xfe, 0xff, 0xff, 0xff, 0xff]);
            bytes
        }),
        refused(
            "as long as a node of a tree",
            "ambiguous",
            stripped.bytes(true),
        ),
        refused("no anchor", "anchors", with(vec![vec![0x51]])),
        refused("two anchors", "anchors", with(vec![PAYLOAD.script(); 2])),
        refused("another tag", "anchors", with(vec![tag])),
        refused("another push", "anchors", with(vec![long_push])),
        refused("a byte more", "anchors", with(vec![longer])),
        refused(
            "a byte less",
            "anchors",
            with(vec![PAYLOAD.script()[..49].to_vec()]),
        ),
        refused("no data", "anchors", with(vec![TAG.to_vec()])),
    ]
}

/// A block of so many transactions, and the proof of each that BIP37 has.
fn proofs(count: usize) -> Vec<Value> {
    let leaves: Vec<[u8; 32]> = (0..count)
        .map(|n| [u8::try_from(n).unwrap() + 1; 32])
        .collect();
    (0..count)
        .map(|position| proof(&leaves, position))
        .collect()
}

fn proof(leaves: &[[u8; 32]], position: usize) -> Value {
    let join = |pair: &[[u8; 32]]| {
        let right = pair.get(1).unwrap_or(&pair[0]);
        ChainHash::of(&[pair[0], *right].concat()).0
    };
    let mut levels = vec![leaves.to_vec()];
    while levels.last().unwrap().len() > 1 {
        let next = levels.last().unwrap().chunks(2).map(join).collect();
        levels.push(next);
    }
    let branch: Vec<[u8; 32]> = (0..levels.len() - 1)
        .map(|level| {
            let sibling = (position >> level) ^ 1;
            let own = levels[level][position >> level];
            levels[level].get(sibling).copied().unwrap_or(own)
        })
        .collect();
    let mut header = vec![6, 0, 0, 0];
    header.extend([0x77; 32]);
    header.extend(levels.last().unwrap()[0]);
    header.extend(1_795_363_200_u32.to_le_bytes());
    header.extend([0xff, 0xff, 0, 0x1d, 0, 0, 0, 0]);
    let (mut flags, mut hashes) = (Vec::new(), Vec::new());
    walk(
        &levels,
        levels.len() - 1,
        0,
        position,
        &mut flags,
        &mut hashes,
    );
    let mut bytes = header.clone();
    bytes.extend(u32::try_from(leaves.len()).unwrap().to_le_bytes());
    bytes.push(u8::try_from(hashes.len()).unwrap());
    bytes.extend(hashes.concat());
    let packed: Vec<u8> = flags
        .chunks(8)
        .map(|byte| {
            (0..)
                .zip(byte)
                .map(|(bit, flag)| u8::from(*flag) << bit)
                .sum()
        })
        .collect();
    text(&mut bytes, &packed);
    json!({
        "name": format!("transaction {position} of {}", leaves.len()),
        "proof": hex::encode(bytes),
        "txid": ChainHash(leaves[position]).to_string(),
        "header": hex::encode(&header),
        "block_hash": ChainHash::of(&header).to_string(),
        "position": position,
        "branch": branch.iter().map(hex::encode).collect::<Vec<_>>(),
    })
}

fn walk(
    levels: &[Vec<[u8; 32]>],
    height: usize,
    index: usize,
    position: usize,
    flags: &mut Vec<bool>,
    hashes: &mut Vec<[u8; 32]>,
) {
    let is_parent = position >> height == index;
    flags.push(is_parent);
    if height == 0 || !is_parent {
        hashes.push(levels[height][index]);
        return;
    }
    for child in [2 * index, 2 * index + 1] {
        if child < levels[height - 1].len() {
            walk(levels, height - 1, child, position, flags, hashes);
        }
    }
}
