use std::path::Path;

use secp256k1::{Scalar, XOnlyPublicKey};
use serde_json::{Value, json};

use super::*;
use crate::signer::nonce::{NonceSeed, reduce_wide};
use crate::signer::{Announced, SignerError};

const SEED: [u8; 32] = [0x5e; 32];

/// The vector file as this build would write it.
fn generated() -> Value {
    let key = SecretKey::from_secret_bytes([0x11; 32]).unwrap();
    let (public_key, _) = key.x_only_public_key();
    let seed = NonceSeed::new(&SEED, &public_key);
    let descriptors = [
        ("enum", enum_event()),
        ("digits", digits_event(2, false, 4)),
        ("signed digits", digits_event(10, true, 3)),
    ];
    let cases: Vec<Value> = descriptors
        .into_iter()
        .map(|(name, descriptor)| {
            let draft = draft("vector", descriptor);
            let content_hash = draft.content_hash().unwrap();
            let tlv = oracle_schema::codec::event_tlv(
                &[],
                draft.maturity,
                &draft.descriptor,
                &draft.event_id,
            );
            let nonces: Vec<Value> = (0..u32::try_from(draft.descriptor.nonce_count()).unwrap())
                .map(|index| {
                    let nonce = seed.derive(&content_hash, index).unwrap();
                    let (r, parity) = nonce.public();
                    json!({
                        "index": index,
                        "k": nonce.to_hex(),
                        "r": hex::encode(r.to_byte_array()),
                        "odd_y": parity == secp256k1::Parity::Odd,
                    })
                })
                .collect();
            json!({
                "name": name,
                "policy_hash": hex::encode(draft.policy_hash),
                "event_tlv_without_nonces": hex::encode(tlv),
                "content_hash": hex::encode(content_hash),
                "nonces": nonces,
            })
        })
        .collect();
    json!({
        "comment": "Nonce derivation; the seed is a test's. Announced order is ascending by r.",
        "domain": "peercoin-dlc-oracle/nonce/v1",
        "nonce_seed": hex::encode(SEED),
        "public_key": hex::encode(public_key.to_byte_array()),
        "cases": cases,
    })
}

/// Regenerate with `REGENERATE_VECTORS=1 cargo test -p oracle-server nonce_vectors`.
#[test]
fn nonce_vectors_on_disk_are_what_this_build_derives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/vectors/nonce.json");
    let generated = generated();
    if std::env::var_os("REGENERATE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(&generated).unwrap() + "\n";
        std::fs::write(&path, text).unwrap();
    }
    let stored: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(stored, generated);
    let cases = stored["cases"].as_array().unwrap();
    let nonces: usize = cases
        .iter()
        .map(|c| c["nonces"].as_array().unwrap().len())
        .sum();
    assert_eq!((cases.len(), nonces), (3, 1 + 4 + 4));
}

#[test]
fn nonces_are_announced_ascending_with_the_map_back_to_their_index() {
    let rig = rig(1);
    let draft = draft("e", digits_event(2, true, 20));
    let announced = announce(&rig.signer, &draft);
    let nonces = &announced.announcement.event.nonces;
    assert_eq!(nonces.len(), 21);
    assert!(nonces.is_sorted_by_key(XOnlyPublicKey::to_byte_array));
    for (nonce, entry) in nonces.iter().zip(announced.nonce_map.as_chunks::<2>().0) {
        let entry = u16::from_be_bytes(*entry);
        let derived = rig
            .signer
            .nonces
            .derive(&announced.content_hash, u32::from(entry & 0x7fff))
            .unwrap();
        let (r, parity) = derived.public();
        assert_eq!((r, parity.to_u8()), (*nonce, u8::from(entry >> 15 == 1)));
    }
}

#[test]
fn another_key_or_seed_derives_other_nonces() {
    let keys = [1, 2].map(|fill| {
        let key = SecretKey::from_secret_bytes([fill; 32]).unwrap();
        key.x_only_public_key().0
    });
    let r = |seed: u8, key: &XOnlyPublicKey| {
        NonceSeed::new(&[seed; 32], key)
            .derive(&[0; 32], 0)
            .unwrap()
            .public()
            .0
    };
    assert_ne!(r(1, &keys[0]), r(1, &keys[1]));
    assert_ne!(r(1, &keys[0]), r(2, &keys[0]));
}

/// hi·2^256 + lo mod n, computed by doubling bit by bit.
fn slow_reduction(wide: &[u8; 64]) -> Option<SecretKey> {
    let mut value: Option<SecretKey> = None;
    for bit in (0..512).rev() {
        let doubled = value.and_then(|v| v.add_tweak(&v.into()).ok());
        value = if (wide[63 - bit / 8] >> (bit % 8)) & 1 == 0 {
            doubled
        } else {
            match doubled {
                None => SecretKey::from_secret_bytes(Scalar::ONE.to_be_bytes()).ok(),
                Some(v) => v.add_tweak(&Scalar::ONE).ok(),
            }
        };
    }
    value
}

#[test]
fn wide_reduction_is_exact_at_the_edges() {
    let order = secp256k1::constants::CURVE_ORDER;
    let mut above = order;
    above[31] += 1;
    let halves = [[0; 32], [1; 32], [0xff; 32], order, above];
    for hi in halves {
        for lo in halves {
            let mut wide = [0; 64];
            wide[..32].copy_from_slice(&hi);
            wide[32..].copy_from_slice(&lo);
            assert_eq!(reduce_wide(&wide), slow_reduction(&wide), "{hi:?} {lo:?}");
        }
    }
    assert_eq!(reduce_wide(&[0; 64]), None);
}

#[test]
fn every_announcement_is_proven_by_the_one_proof_that_it_ever_has() {
    let rig = rig(3);
    let drafts = [
        draft("enum", enum_event()),
        draft("digits", digits_event(10, true, 3)),
    ];
    let announced = rig.signer.announce(&drafts).unwrap();
    let stored: Vec<Announced> = drafts
        .iter()
        .zip(&announced)
        .map(|(draft, a)| Announced {
            draft: draft.clone(),
            tlv: a.tlv.clone(),
        })
        .collect();
    let proofs: Vec<_> = announced.iter().map(|a| a.nonce_proof).collect();
    for (a, proof) in announced.iter().zip(&proofs) {
        assert_eq!(proof.verify(&a.announcement), Ok(()));
    }
    assert_ne!(proofs[0], proofs[1]);
    let rig = rig.reopened();
    assert_eq!(rig.signer.prove_nonces(&stored).unwrap(), proofs);
}

#[test]
fn nothing_is_proven_of_what_this_keystore_would_not_announce_or_while_the_gate_is_shut() {
    let (own, other) = (rig(3), rig(4));
    let draft = draft("event", enum_event());
    let tlv = announce(&own.signer, &draft).tlv;
    let mut resigned = tlv.clone();
    resigned[7] ^= 1;
    let mut edited = draft.clone();
    edited.policy_hash = [4; 32];
    let of_another = announce(&other.signer, &draft).tlv;
    for (draft, tlv) in [(&draft, &resigned), (&draft, &of_another), (&edited, &tlv)] {
        let announced = Announced {
            draft: draft.clone(),
            tlv: tlv.clone(),
        };
        let refused = own.signer.prove_nonces(&[announced]).unwrap_err();
        assert!(matches!(refused, SignerError::OtherAnnouncement { .. }));
        assert!(refused.is_about_the_event());
    }
    let announced = Announced { draft, tlv };
    own.signer.gate().stop("a test".to_owned());
    let refused = own.signer.prove_nonces(&[announced]).unwrap_err();
    assert!(matches!(refused, SignerError::Shut { .. }), "{refused}");
}
