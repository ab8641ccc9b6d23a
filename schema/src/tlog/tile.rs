//! Tiles: the tree's hashes and the entries in files of 256.
//!
//! Source: C2SP `tlog-tiles`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::Hash;
use super::growing::subtree_root;
use super::tree::Subtrees;

/// Hashes of a full tile.
pub const WIDTH: u64 = 256;
/// Tree levels from a tile to the one above it.
const HEIGHT: u32 = 8;
/// Level of the topmost tiles of the largest tree (sizes are below 2^63).
const MAX_LEVEL: u32 = 7;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Content {
    /// Hashes of subtrees of level 8·n: n is the tile's level.
    Hashes(u32),
    /// The entries themselves.
    Entries,
}

/// One tile or entry bundle: its name, without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// What is in it.
    pub content: Content,
    /// Its index among those of its level.
    pub index: u64,
    /// Hashes or entries in it, 1 to 256; a full tile has 256.
    pub width: u64,
}

impl Tile {
    /// The tile of this content with this index in a tree of `size` leaves;
    /// `None` if it would be empty.
    pub fn of(content: Content, index: u64, size: u64) -> Option<Self> {
        let level = match content {
            Content::Hashes(level) if level > MAX_LEVEL => return None,
            Content::Hashes(level) => level,
            Content::Entries => 0,
        };
        let hashes = size >> (HEIGHT * level);
        let width = hashes.checked_sub(index.checked_mul(WIDTH)?)?.min(WIDTH);
        (width > 0).then_some(Self {
            content,
            index,
            width,
        })
    }

    /// Whether it is full, so that no larger tree has another.
    pub fn is_full(&self) -> bool {
        self.width == WIDTH
    }

    /// The full tile in the place of a partial one.
    pub fn full(self) -> Self {
        Self {
            width: WIDTH,
            ..self
        }
    }

    /// Every tile and bundle of a tree of `new` leaves that a tree of `old`
    /// leaves did not have, bundles first.
    pub fn new_between(old: u64, new: u64) -> Vec<Self> {
        let mut tiles = Vec::new();
        let levels = (0..=MAX_LEVEL).map(Content::Hashes);
        for content in std::iter::once(Content::Entries).chain(levels) {
            let shift = match content {
                Content::Hashes(level) => HEIGHT * level,
                Content::Entries => 0,
            };
            if new >> shift == 0 {
                break;
            }
            let first = (old >> shift) / WIDTH;
            let last = ((new >> shift) - 1) / WIDTH;
            for index in first..=last {
                let then = Self::of(content, index, old);
                tiles.extend(Self::of(content, index, new).filter(|now| Some(*now) != then));
            }
        }
        tiles
    }

    /// The tile that has the hash of this subtree in it, or from which it
    /// follows, in a tree of `size` leaves: its level, index and width.
    pub fn with_subtree(level: u32, index: u64, size: u64) -> Option<Self> {
        let above = level / HEIGHT;
        let within = level % HEIGHT;
        let tile = index >> (HEIGHT - within);
        Self::of(Content::Hashes(above), tile, size)
    }
}

/// Tiles of one tree, out of which proofs are made.
#[derive(Debug, Clone, Default)]
pub struct TileSet {
    size: u64,
    tiles: BTreeMap<Tile, Vec<u8>>,
}

/// A proof needs a tile that is not there, or not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no hash of level {level} and index {index} in the tiles")]
pub struct NoHash {
    /// Tree level.
    pub level: u32,
    /// Index in it.
    pub index: u64,
}

impl TileSet {
    /// No tiles yet, of a tree of `size` leaves.
    pub fn of(size: u64) -> Self {
        Self {
            size,
            tiles: BTreeMap::new(),
        }
    }

    /// Adds the bytes of one tile of hashes.
    pub fn insert(&mut self, tile: Tile, bytes: Vec<u8>) {
        self.tiles.insert(tile, bytes);
    }

    /// The tiles that the proof of inclusion of leaf `index` needs, or the proof
    /// of consistency with the tree that ends with it.
    pub fn needed(index: u64, size: u64) -> Vec<Tile> {
        let mut tiles = Vec::new();
        for level in 0..=MAX_LEVEL {
            let Some(last) = (size >> (HEIGHT * level)).checked_sub(1) else {
                break;
            };
            let on_the_way = index >> (HEIGHT * level) >> HEIGHT;
            for index in [on_the_way, last / WIDTH] {
                let tile = Tile::of(Content::Hashes(level), index, size);
                tiles.extend(tile.filter(|tile| !tiles.contains(tile)));
            }
        }
        tiles
    }
}

impl Subtrees for TileSet {
    type Error = NoHash;

    fn subtree(&self, level: u32, index: u64) -> Result<Hash, NoHash> {
        Tile::with_subtree(level, index, self.size)
            .and_then(|tile| self.tiles.get(&tile))
            .and_then(|bytes| subtree_in(bytes, level, index))
            .ok_or(NoHash { level, index })
    }
}

/// The hash of a complete subtree out of the bytes of the tile that
/// [`Tile::with_subtree`] names; `None` if they do not reach that far.
pub fn subtree_in(bytes: &[u8], level: u32, index: u64) -> Option<Hash> {
    let within = level % HEIGHT;
    let count = 1_usize << within;
    let place = index & ((1 << (HEIGHT - within)) - 1);
    let first = usize::try_from(place).ok()? * count;
    let hashes = bytes.get(first * 32..(first + count) * 32)?;
    let hashes: Vec<Hash> = hashes
        .chunks_exact(32)
        .filter_map(|hash| hash.try_into().ok())
        .collect();
    Some(subtree_root(&hashes))
}

/// Below `/tile/`: `0/x001/x234/067`, `entries/000.p/17`.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Hashes(level) => write!(f, "{level}/")?,
            Content::Entries => f.write_str("entries/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for group in groups.iter().skip(1).rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", self.index % 1000)?;
        if self.is_full() {
            return Ok(());
        }
        write!(f, ".p/{}", self.width)
    }
}

/// Not the name of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a tile")]
pub struct NameError;

impl FromStr for Tile {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        let (content, rest) = name.split_once('/').ok_or(NameError)?;
        let content = match content {
            "entries" => Content::Entries,
            level => Content::Hashes(number(level, u64::from(MAX_LEVEL))?),
        };
        let (path, width) = match rest.split_once(".p/") {
            Some((path, width)) => (path, u64::from(number(width, WIDTH - 1)?)),
            None => (rest, WIDTH),
        };
        let mut index = 0_u64;
        let mut groups = path.split('/').peekable();
        while let Some(group) = groups.next() {
            let digits = match groups.peek() {
                Some(_) => group.strip_prefix('x').ok_or(NameError)?,
                None => group,
            };
            if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(NameError);
            }
            let group: u64 = digits.parse().map_err(|_| NameError)?;
            index = index
                .checked_mul(1000)
                .and_then(|index| index.checked_add(group))
                .ok_or(NameError)?;
        }
        let tile = Self {
            content,
            index,
            width,
        };
        // One name for each tile: no leading x000, no width 0.
        if width > 0 && tile.to_string() == name {
            Ok(tile)
        } else {
            Err(NameError)
        }
    }
}

/// A decimal number without leading zeros, at most `max`.
fn number(text: &str, max: u64) -> Result<u32, NameError> {
    text.parse::<u32>()
        .ok()
        .filter(|n| u64::from(*n) <= max && n.to_string() == text)
        .ok_or(NameError)
}

/// An entry bundle: each entry behind its length, a big-endian u16. `None` if
/// one is longer than that can say.
pub fn bundle<E: AsRef<[u8]>>(entries: &[E]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for entry in entries {
        let entry = entry.as_ref();
        bytes.extend_from_slice(&u16::try_from(entry.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Some(bytes)
}

/// The entries of a bundle; `None` if the last one is cut off.
pub fn unbundle(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        bytes = rest;
    }
    Some(entries)
}
