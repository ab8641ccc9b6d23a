//! The log's tree against the definition in RFC 6962, another implementation,
//! and the examples of the C2SP specifications.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use oracle_schema::tlog::tile::{self, Content, NameError, WIDTH};
use oracle_schema::tlog::tree::{
    Appended, ProofError, Subtrees, leaf_hash, left_of, prove_consistency, prove_inclusion, root,
    verify_consistency, verify_inclusion,
};
use oracle_schema::tlog::{Growing, Hash, Tile, TileSet};
use proptest::prelude::*;
use sha2::Sha256;

use crate::book::{Naive, mth};

fn entry(n: u64) -> Vec<u8> {
    format!("entry {n}").into_bytes()
}

fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(|n| leaf_hash(&entry(n))).collect()
}

/// The bytes of a tile by its definition.
fn tile_bytes(tile: Tile, naive: &Naive) -> Vec<u8> {
    let Content::Hashes(level) = tile.content else {
        panic!("not a tile of hashes")
    };
    let first = tile.index * WIDTH;
    (first..first + tile.width)
        .flat_map(|i| naive.subtree(8 * level, i).unwrap())
        .collect()
}

fn grown(leaves: &[Hash]) -> Growing {
    let mut tree = Growing::default();
    for leaf in leaves {
        tree.append(*leaf);
    }
    tree
}

#[test]
fn a_growing_tree_has_the_root_of_the_definition() {
    let leaves = leaves(600);
    let naive = Naive(leaves.clone());
    let mut tree = Growing::default();
    for (n, leaf) in leaves.iter().enumerate() {
        if n % 7 == 0 || n.is_power_of_two() {
            assert_eq!(tree.root(), mth(&leaves[..n]), "size {n}");
            assert_eq!(tree.root(), root(tree.size(), &naive).unwrap());
        }
        tree.append(*leaf);
    }
}

#[test]
fn each_tile_is_filled_once_and_a_tree_resumes_from_its_partial_tiles() {
    let size = 66_000;
    let leaves = leaves(size);
    let mut tree = Growing::default();
    let mut filled = Vec::new();
    for leaf in &leaves {
        filled.extend(tree.append(*leaf));
    }
    let full: Vec<Tile> = Tile::new_between(0, size)
        .into_iter()
        .filter(|t| t.is_full() && t.content != Content::Entries)
        .collect();
    let mut named: Vec<Tile> = filled
        .iter()
        .map(|t| Tile::of(Content::Hashes(t.level), t.index, size).unwrap())
        .collect();
    named.sort_unstable();
    assert_eq!(named, full);
    let last = filled
        .iter()
        .find(|t| t.level == 0 && t.index == 256)
        .unwrap();
    assert_eq!(last.hashes, leaves[65_536..65_792]);
    assert_eq!(last.root, mth(&leaves[65_536..65_792]));
    assert_eq!(tree.root(), mth(&leaves));
    let partial: Vec<Vec<Hash>> = (0..3).map(|level| tree.partial(level).to_vec()).collect();
    assert_eq!(Growing::resume(size, partial.clone()), Some(tree));
    assert_eq!(Growing::resume(size + 1, partial.clone()), None);
    assert_eq!(Growing::resume(size, partial[..2].to_vec()), None);
}

#[test]
fn every_leaf_of_every_tree_is_proved_and_no_other() {
    let leaves = leaves(66);
    let naive = Naive(leaves.clone());
    for size in 1..=66_u64 {
        let root = root(size, &naive).unwrap();
        for index in 0..size {
            let leaf = leaves[usize::try_from(index).unwrap()];
            let proof = prove_inclusion(index, size, &naive).unwrap().unwrap();
            let check = |leaf: &Hash, index, size, proof: &[Hash]| {
                verify_inclusion(leaf, index, size, proof, &root)
            };
            assert_eq!(check(&leaf, index, size, &proof), Ok(()));
            assert!(check(&[7; 32], index, size, &proof).is_err());
            let other = (index + 1) % size;
            assert!(other == index || check(&leaf, other, size, &proof).is_err());
            let mut longer = proof.clone();
            longer.push([7; 32]);
            assert!(check(&leaf, index, size, &longer).is_err());
            if let Some((_, shorter)) = proof.split_last() {
                assert!(check(&leaf, index, size, shorter).is_err());
            }
        }
        assert_eq!(prove_inclusion(size, size, &naive).unwrap(), None);
    }
}

#[test]
fn every_tree_is_consistent_with_its_beginnings_and_with_no_other() {
    let leaves = leaves(66);
    let naive = Naive(leaves);
    for new in 0..=66_u64 {
        let new_root = root(new, &naive).unwrap();
        for old in 0..=new {
            let old_root = root(old, &naive).unwrap();
            let proof = prove_consistency(old, new, &naive).unwrap().unwrap();
            let check = |old_root: &Hash, proof: &[Hash]| {
                verify_consistency(old, old_root, new, &new_root, proof)
            };
            assert_eq!(check(&old_root, &proof), Ok(()), "{old} to {new}");
            assert!(check(&[7; 32], &proof).is_err(), "{old} to {new}");
            for n in 0..proof.len() {
                let mut changed = proof.clone();
                changed[n][0] ^= 1;
                assert_eq!(check(&old_root, &changed), Err(ProofError::Root));
            }
            let mut longer = proof.clone();
            longer.push([7; 32]);
            assert!(check(&old_root, &longer).is_err());
        }
        assert_eq!(prove_consistency(new + 1, new, &naive).unwrap(), None);
    }
}

#[test]
fn another_implementation_has_the_same_roots_and_proofs() {
    let leaves = leaves(140);
    let naive = Naive(leaves);
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for size in 1..=140_u64 {
        theirs.push(entry(size - 1));
        let their_root = theirs.root();
        assert_eq!(
            their_root.as_bytes().as_slice(),
            root(size, &naive).unwrap()
        );
        for index in [0, size / 3, size - 1] {
            let ours = prove_inclusion(index, size, &naive).unwrap().unwrap();
            let position = usize::try_from(index).unwrap();
            assert_eq!(theirs.prove_inclusion(position).as_bytes(), ours.concat());
        }
        for old in [1, size / 2, size - 1]
            .into_iter()
            .filter(|old| (1..size).contains(old))
        {
            let ours = prove_consistency(old, size, &naive).unwrap().unwrap();
            let additions = usize::try_from(size - old).unwrap();
            assert_eq!(
                theirs.prove_consistency(additions).as_bytes(),
                ours.concat()
            );
        }
    }
}

#[test]
fn the_tiles_on_the_way_and_at_the_edge_are_enough_for_every_proof() {
    for size in [1, 2, 255, 256, 257, 512, 600, 66_000] {
        let naive = Naive(leaves(size));
        for index in [0, 1, 255, 256, size / 2, size - 1] {
            if index >= size {
                continue;
            }
            let mut tiles = TileSet::of(size);
            for tile in TileSet::needed(index, size) {
                tiles.insert(tile, tile_bytes(tile, &naive));
            }
            assert_eq!(
                prove_inclusion(index, size, &tiles).unwrap(),
                prove_inclusion(index, size, &naive).unwrap(),
                "{index} in {size}"
            );
            assert_eq!(
                prove_consistency(index + 1, size, &tiles).unwrap(),
                prove_consistency(index + 1, size, &naive).unwrap(),
                "{index} to {size}"
            );
        }
    }
}

/// The example of `tlog-tiles`, "Partial Tiles".
#[test]
fn a_tree_of_70000_has_the_tiles_of_the_specification() {
    let tiles = Tile::new_between(0, 70_000);
    let count = |content, full: bool| {
        tiles
            .iter()
            .filter(|t| t.content == content && t.is_full() == full)
            .count()
    };
    let width = |content| {
        let partial = tiles.iter().find(|t| t.content == content && !t.is_full());
        partial.map(|t| t.width)
    };
    assert_eq!(count(Content::Hashes(0), true), 273);
    assert_eq!(width(Content::Hashes(0)), Some(112));
    assert_eq!(count(Content::Hashes(1), true), 1);
    assert_eq!(width(Content::Hashes(1)), Some(17));
    assert_eq!(count(Content::Hashes(2), true), 0);
    assert_eq!(width(Content::Hashes(2)), Some(1));
    assert_eq!(count(Content::Entries, true), 273);
    assert_eq!(tiles.len(), 274 + 274 + 2 + 1);
    let full = Tile::new_between(0, 256);
    assert!(full.contains(&"0/000".parse().unwrap()));
    assert!(full.contains(&"1/000.p/1".parse().unwrap()));
}

#[test]
fn a_tile_has_one_name() {
    let name = |content, index, width| {
        let tile = Tile {
            content,
            index,
            width,
        };
        assert_eq!(tile.to_string().parse(), Ok(tile));
        tile.to_string()
    };
    assert_eq!(name(Content::Hashes(0), 1_234_067, 256), "0/x001/x234/067");
    assert_eq!(name(Content::Hashes(2), 0, 1), "2/000.p/1");
    assert_eq!(name(Content::Entries, 1000, 17), "entries/x001/000.p/17");
    for wrong in [
        "",
        "0",
        "0/",
        "0/1",
        "0/0001",
        "0/x000/001",
        "0/001.p/0",
        "0/001.p/256",
        "0/001.p/01",
        "00/001",
        "8/000",
        "0/x1/001",
        "0/001/002",
        "0/x001",
        "entries/-01",
        "0/+01",
        "0/001.p/",
        "0/x999/x999/x999/x999/x999/x999/x999/999",
        "entry/000",
        "0/001.p/1/",
        "0/00\u{0661}",
    ] {
        assert_eq!(wrong.parse::<Tile>(), Err(NameError), "{wrong}");
    }
}

#[test]
fn a_bundle_gives_its_entries_back_and_is_never_cut_off() {
    let entries: Vec<Vec<u8>> = vec![vec![], vec![1], vec![2; 65_535]];
    let bytes = tile::bundle(&entries).unwrap();
    assert_eq!(tile::unbundle(&bytes).unwrap(), entries);
    assert_eq!(tile::unbundle(&bytes[..bytes.len() - 1]), None);
    assert_eq!(tile::unbundle(&[0]), None);
    assert_eq!(tile::bundle(&[vec![0; 65_536]]), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn growing_in_any_steps_gives_the_same_tiles(mut sizes in prop::collection::vec(0_u64..2000, 1..8)) {
        sizes.sort_unstable();
        let mut have = std::collections::BTreeSet::new();
        let mut old = 0;
        for size in sizes {
            for tile in Tile::new_between(old, size) {
                prop_assert!(have.insert(tile), "{tile} twice");
            }
            // Everything a fresh tree of this size has is there.
            for tile in Tile::new_between(0, size) {
                prop_assert!(have.contains(&tile), "{tile} of {size}");
            }
            old = size;
        }
    }

    #[test]
    fn a_proof_of_one_tree_is_none_of_another(size in 2_u64..500, index in 0_u64..500, changed in 0_u64..500) {
        let (index, changed) = (index % size, changed % size);
        let mut leaves = leaves(size);
        let right = grown(&leaves).root();
        let proof = prove_inclusion(index, size, &Naive(leaves.clone())).unwrap().unwrap();
        let leaf = leaves[usize::try_from(index).unwrap()];
        leaves[usize::try_from(changed).unwrap()][31] ^= 1;
        let wrong = grown(&leaves).root();
        prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof, &right), Ok(()));
        prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof, &wrong), Err(ProofError::Root));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A reader who begins anywhere, with nothing but the subtrees before, gets the root
    /// that those have who saw every entry.
    #[test]
    fn a_tree_goes_on_from_its_largest_subtrees(first in 0_u64..700, count in 0_u64..300) {
        let leaves = leaves(first + count);
        let size = usize::try_from(first).unwrap();
        let naive = Naive(leaves.clone());
        let left = left_of(first, &naive).unwrap();
        prop_assert_eq!(Appended::resume(first + 1, left.clone()).filter(|_| first % 2 == 0), None);
        let mut tree = Appended::resume(first, left).unwrap();
        prop_assert_eq!(tree.root(), mth(&leaves[..size]));
        for leaf in &leaves[size..] {
            tree.append(*leaf);
        }
        prop_assert_eq!(tree.size(), first + count);
        prop_assert_eq!(tree.root(), mth(&leaves));
        prop_assert_eq!(tree.left(), left_of(first + count, &naive).unwrap());
    }
}

#[test]
fn a_size_that_no_log_has_is_no_tree() {
    assert_eq!(Appended::resume(1 << 63, vec![[0; 32]]), None);
    assert_eq!(Appended::resume(u64::MAX, vec![[0; 32]; 64]), None);
}
