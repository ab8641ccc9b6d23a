//! A stretch of the log with the tiles that it fills, downloaded or read again.

use std::collections::BTreeMap;
use std::ops::Range;

use futures::StreamExt as _;
use oracle_schema::log_entry::MAX_ENTRY_BYTES;
use oracle_schema::tlog::tile::{Content, WIDTH};
use oracle_schema::tlog::{Hash, Tile};

use super::report::{Finding, Subject};
use super::source::{Absent, Source};
use super::spool::SpoolReader;

/// Files fetched at a time.
const AT_ONCE: usize = 16;
/// Longest bundle: 256 entries behind their lengths.
const LONGEST_BUNDLE: usize = 256 * (MAX_ENTRY_BYTES + 2);
/// Longest tile of hashes.
const LONGEST_TILE: usize = 256 * 32;

/// Entries in a row, and the tiles they fill.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    pub(super) entries: Vec<Vec<u8>>,
    pub(super) tiles: BTreeMap<Tile, Result<Vec<u8>, Absent>>,
}

/// Why a stretch is not there.
#[derive(Debug)]
pub(super) enum Stop {
    /// A bundle could not be had.
    Absent(Finding),
    /// A bundle is not one: its name, and the entries it begins with.
    Bundle(Tile, Vec<Vec<u8>>),
    /// What was downloaded before cannot be read.
    Io(std::io::Error),
}

/// Fetches the entries of `range` in a log of `size` entries; those that
/// `spooled` has are read there.
pub(super) async fn stretch(
    source: &Source,
    range: Range<u64>,
    size: u64,
    spooled: Option<(SpoolReader, u64)>,
) -> Result<Stretch, Stop> {
    let mut stretch = Stretch::default();
    let mut at = range.start;
    if let Some((mut reader, count)) = spooled {
        while at < range.end.min(count) {
            stretch.entries.push(reader.entry(at).map_err(Stop::Io)?);
            at += 1;
        }
    }
    let indexes = at / WIDTH..range.end.div_ceil(WIDTH);
    let bundles = indexes.filter(|_| at < range.end);
    let bundles = bundles.filter_map(|index| Tile::of(Content::Entries, index, size));
    let filled = Tile::new_between(range.start, range.end);
    let filled = filled.into_iter().filter(Tile::is_full);
    let tiles = filled.filter(|tile| tile.content != Content::Entries);
    let wanted: Vec<Tile> = bundles.chain(tiles).collect();
    let mut files = futures::stream::iter(wanted)
        .map(async |tile| (tile, file(source, tile).await))
        .buffered(AT_ONCE);
    while let Some((tile, bytes)) = files.next().await {
        if tile.content != Content::Entries {
            stretch.tiles.insert(tile, bytes);
            continue;
        }
        let bytes = bytes.map_err(|absent| Stop::Absent(about(tile, absent)))?;
        let (entries, is_whole) = unbundle(&bytes);
        if !is_whole || entries.len() as u64 != tile.width {
            return Err(Stop::Bundle(tile, entries));
        }
        let positions = tile.index.saturating_mul(WIDTH)..;
        let new = positions
            .zip(entries)
            .filter(|(p, _)| (at..range.end).contains(p));
        stretch.entries.extend(new.map(|(_, entry)| entry));
    }
    Ok(stretch)
}

/// One tile or bundle.
pub(super) async fn file(source: &Source, tile: Tile) -> Result<Vec<u8>, Absent> {
    let limit = match tile.content {
        Content::Entries => LONGEST_BUNDLE,
        Content::Hashes(_) => LONGEST_TILE,
    };
    source.get("tile", &format!("tile/{tile}"), limit).await
}

pub(super) fn about(tile: Tile, what: impl std::fmt::Display) -> Finding {
    Finding::new(Subject::Tile(tile.to_string()), what)
}

/// The hashes of a tile; `None` if it has not as many as it must.
pub(super) fn hashes(tile: Tile, bytes: &[u8]) -> Option<Vec<Hash>> {
    let hashes: Vec<Hash> = bytes
        .chunks_exact(32)
        .filter_map(|hash| hash.try_into().ok())
        .collect();
    let is_whole = bytes.len() == hashes.len() * 32 && hashes.len() as u64 == tile.width;
    is_whole.then_some(hashes)
}

/// The entries of a bundle, and whether nothing is cut off.
fn unbundle(mut bytes: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let Some((entry, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        else {
            break;
        };
        entries.push(entry.to_vec());
        bytes = rest;
    }
    (entries, bytes.is_empty())
}
