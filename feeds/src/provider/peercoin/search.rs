//! Which block is the last until a time.
//!
//! Blocks are not in the order of their own times, but the median of the last
//! eleven never goes back: consensus refuses a block that is not later than the
//! median before it. So the last block whose median is at most T is one block, and
//! no later block can change which.
//!
//! A node finds blocks by height alone. The search asks for several heights at
//! once: first ever further back from the tip, where T usually is, then evenly
//! between the two that enclose it. Each round is two requests, hashes and headers.

use std::collections::BTreeMap;

use super::block::{self, Block};
use crate::observation::{Exchange, Reading, Request};
use crate::provider::rpc::{self, Call};

/// Heights asked for at once: with four rounds after the first they find one block
/// in more than a million, and the first leaves at most half of the chain.
const AT_ONCE: u64 = 32;

/// The search so far.
pub(super) enum Search<'a> {
    /// Another request.
    Ask(Request),
    /// It is over.
    Found(Box<Found<'a>>),
}

/// What a search comes to.
pub(super) struct Found<'a> {
    /// The last block until the time.
    pub(super) last: Block<'a>,
    /// The one after it, the first whose median is after the time.
    pub(super) after: Block<'a>,
    /// How many exchanges it took.
    pub(super) used: usize,
}

/// Goes on with the search for the last block until `until` in a chain whose last
/// block that counts has the height `newest`.
pub(super) fn search(until: i64, newest: u64, done: &[Exchange]) -> Result<Search<'_>, Reading> {
    let mut heights = back_from(newest);
    let mut last: Option<Block<'_>> = None;
    let mut first_after: Option<Block<'_>> = None;
    let mut used = 0;
    loop {
        let (Some(hashes), headers) = (done.get(used), done.get(used + 1)) else {
            return Ok(Search::Ask(ask_hashes(&heights)));
        };
        let hashes = read_hashes(hashes, heights.len())?;
        let Some(headers) = headers else {
            return Ok(Search::Ask(ask_headers(&hashes)));
        };
        used += 2;
        let known = [last.take(), first_after.take()];
        let blocks = read_blocks(headers, &heights, &hashes)?;
        let (before, after) = enclose(until, known.into_iter().flatten().chain(blocks))?;
        if after.height == before.height + 1 {
            let last = before;
            return Ok(Search::Found(Box::new(Found { last, after, used })));
        }
        heights = between(before.height, after.height);
        last = Some(before);
        first_after = Some(after);
    }
}

/// `newest`, the one before it, and ever further back to the first.
fn back_from(newest: u64) -> Vec<u64> {
    let mut heights = vec![newest];
    let mut back = 1;
    while back < newest {
        heights.push(newest - back);
        back *= 2;
    }
    if newest > 0 {
        heights.push(0);
    }
    heights.reverse();
    heights
}

/// At most [`AT_ONCE`] heights evenly between two that are known.
fn between(before: u64, after: u64) -> Vec<u64> {
    let gap = after.saturating_sub(before);
    let parts = gap.min(AT_ONCE + 1);
    (1..parts).map(|n| before + gap * n / parts).collect()
}

fn ask_hashes(heights: &[u64]) -> Request {
    let call = |height: &u64| Call::new("getblockhash", format!("[{height}]"));
    rpc::batch(&heights.iter().map(call).collect::<Vec<_>>())
}

fn ask_headers(hashes: &[String]) -> Request {
    let call = |hash: &String| Call::new("getblockheader", format!("[\"{hash}\"]"));
    rpc::batch(&hashes.iter().map(call).collect::<Vec<_>>())
}

fn read_hashes(exchange: &Exchange, count: usize) -> Result<Vec<String>, Reading> {
    let results = rpc::results(exchange, count).map_err(|failed| failed.reading)?;
    results.into_iter().map(block::hash).collect()
}

fn read_blocks<'a>(
    exchange: &'a Exchange,
    heights: &[u64],
    hashes: &[String],
) -> Result<Vec<Block<'a>>, Reading> {
    let results = rpc::results(exchange, hashes.len()).map_err(|failed| failed.reading)?;
    let asked = heights.iter().zip(hashes);
    results
        .into_iter()
        .zip(asked)
        .map(|(result, (height, hash))| Block::read(result, *height, hash))
        .collect()
}

/// The last block until a time, and the first after it, of those that are known.
fn enclose<'a>(
    until: i64,
    known: impl Iterator<Item = Block<'a>>,
) -> Result<(Block<'a>, Block<'a>), Reading> {
    let mut blocks: BTreeMap<u64, Block<'a>> = BTreeMap::new();
    for block in known {
        blocks.insert(block.height, block);
    }
    let mut newest = i64::MIN;
    let (mut before, mut after) = (None, None);
    for block in blocks.into_values() {
        let median = block.median()?;
        if median < newest {
            // The node changed to another chain between two answers, or it errs.
            let why = format!("the median time of height {} went back", block.height);
            return Err(Reading::transient(why));
        }
        newest = median;
        if median <= until {
            before = Some(block);
        } else if after.is_none() {
            after = Some(block);
        }
    }
    let after = after.ok_or_else(|| {
        Reading::NotYet("the first block after the time has too few confirmations".to_owned())
    })?;
    let before =
        before.ok_or_else(|| Reading::NoData("the chain begins after the time".to_owned()))?;
    Ok((before, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::MAX_REQUESTS;

    #[test]
    fn the_first_heights_reach_from_the_tip_to_the_first_block() {
        assert_eq!(back_from(0), [0]);
        assert_eq!(back_from(1), [0, 1]);
        assert_eq!(back_from(5), [0, 1, 3, 4, 5]);
    }

    #[test]
    fn the_heights_between_are_new_and_few() {
        assert!(between(4, 5).is_empty());
        assert_eq!(between(4, 6), [5]);
        let wide = between(10, 10_000);
        assert_eq!(wide.len(), 32);
        assert!(wide.is_sorted() && wide.iter().all(|h| (11..10_000).contains(h)));
    }

    /// Chain information, the rounds, and the coins: whatever the answers are.
    #[test]
    fn no_chain_of_two_million_blocks_takes_too_many_requests() {
        let mut heights = back_from(2_000_000);
        let mut rounds = 1;
        loop {
            let widest = heights.windows(2).map(|w| w[1] - w[0]).max();
            let widest = widest.unwrap_or_default();
            if widest <= 1 {
                break;
            }
            heights = std::iter::once(0)
                .chain(between(0, widest))
                .chain([widest])
                .collect();
            rounds += 1;
        }
        let requests = 1 + 2 * rounds + 1;
        assert!(requests <= MAX_REQUESTS, "{requests} requests");
    }
}
