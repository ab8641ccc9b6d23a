//! The log as a Merkle tree: hashes, proofs, tiles and checkpoints.
//!
//! Pure: what is stored or served where is the business of others, who give the
//! hashes of complete subtrees through [`Subtrees`] and get roots and proofs.
//!
//! - [`tree`]: RFC 6962 hashing, inclusion and consistency proofs and their
//!   verification (RFC 9162, section 2.1).
//! - [`growing`]: a tree that entries are appended to.
//! - [`tile`]: C2SP `tlog-tiles`: names of tiles, entry bundles, subtrees out of
//!   tiles.
//! - [`checkpoint`]: C2SP `tlog-checkpoint` and `signed-note`.
//! - [`proof`]: C2SP `tlog-proof`, a proof that verifies offline.
//! - [`policy`]: C2SP `tlog-policy`, which cosignatures make a checkpoint
//!   believable.

pub mod checkpoint;
pub mod growing;
pub mod policy;
pub mod proof;
pub mod tile;
pub mod tree;

pub use checkpoint::{Checkpoint, Note, NoteKey};
pub use growing::{FullTile, Growing};
pub use policy::Policy;
pub use proof::TlogProof;
pub use tile::{Tile, TileSet};
pub use tree::Subtrees;

/// SHA-256 of a leaf or of an inner node.
pub type Hash = [u8; 32];
