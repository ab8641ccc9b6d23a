//! What a node says of its chain and of a block.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::MAX_HEIGHT;
use crate::json::{self, Field};
use crate::observation::Reading;

/// Hex digits of a block's hash.
const HASH: usize = 64;

/// The whole chain, as `getblockchaininfo` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tip {
    /// The last block's height.
    pub(super) height: u64,
    /// The median time of the last eleven blocks; 0 where nobody needs it.
    pub(super) median: i64,
}

#[derive(Deserialize)]
struct ChainInfo {
    #[serde(default)]
    chain: Field<String>,
    #[serde(default)]
    blocks: Field<u64>,
    #[serde(default)]
    mediantime: Field<i64>,
    #[serde(default)]
    initialblockdownload: Field<bool>,
}

/// The tip of the announced chain; `median`: whether its time is needed.
pub(super) fn tip(result: &RawValue, chain: &str, median: bool) -> Result<Tip, Reading> {
    let info: ChainInfo = json::parse(result.get().as_bytes())?;
    let found = info.chain.due("chain")?;
    if found != chain {
        return Err(Reading::Contradiction(format!(
            "the node is on chain {:?}, not on {chain:?}",
            json::quote(found)
        )));
    }
    let height = info.blocks.due("blocks")?;
    if height > MAX_HEIGHT {
        return Err(Reading::Contradiction(format!(
            "{height} blocks are more than any chain has"
        )));
    }
    let tip = Tip {
        height,
        median: if median {
            info.mediantime.due("mediantime")?
        } else {
            0
        },
    };
    // What it has is the beginning of a chain, and perhaps not of the main one.
    if info.initialblockdownload.hint() == Some(true) {
        return Err(Reading::NotYet(format!(
            "the node is still fetching the chain; it has {} blocks",
            tip.height
        )));
    }
    Ok(tip)
}

/// A block's hash, as `getblockhash` answers.
pub(super) fn hash(result: &RawValue) -> Result<String, Reading> {
    let text: Result<String, _> = serde_json::from_str(result.get());
    let hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    text.ok()
        .filter(|text| text.len() == HASH && text.bytes().all(hex))
        .ok_or_else(|| {
            let found = json::quote(result.get());
            Reading::Contradiction(format!("{found} where a block's hash is due"))
        })
}

/// A block of the main chain. What a bet may be about is read when it is.
#[derive(Clone)]
pub(super) struct Block<'a> {
    pub(super) height: u64,
    pub(super) hash: String,
    /// Blocks from it on, itself included.
    pub(super) depth: u64,
    header: Header<'a>,
}

#[derive(Clone, Deserialize)]
struct Header<'a> {
    #[serde(default)]
    hash: Field<String>,
    #[serde(default)]
    confirmations: Field<i64>,
    #[serde(default)]
    height: Field<u64>,
    #[serde(borrow, default)]
    time: Field<&'a RawValue>,
    #[serde(default)]
    mediantime: Field<i64>,
    #[serde(borrow, default)]
    difficulty: Field<&'a RawValue>,
    #[serde(default)]
    previousblockhash: Field<String>,
}

impl<'a> Block<'a> {
    /// The block of that height and hash, as `getblockheader` tells it.
    pub(super) fn read(result: &'a RawValue, height: u64, hash: &str) -> Result<Self, Reading> {
        let header: Header<'a> = json::parse(result.get().as_bytes())?;
        let own = header.hash.as_ref().due("hash")?;
        let at = *header.height.as_ref().due("height")?;
        if own != hash || at != height {
            return Err(Reading::Contradiction(format!(
                "the block {:?} of height {at} where the one of height {height} was asked for",
                json::quote(own)
            )));
        }
        let confirmations = *header.confirmations.as_ref().due("confirmations")?;
        let depth = u64::try_from(confirmations).ok().filter(|n| *n > 0);
        let depth = depth.ok_or_else(|| {
            // -1: another chain has won since its hash was asked for.
            Reading::NotYet(format!("the block of height {height} left the main chain"))
        })?;
        Ok(Self {
            height,
            hash: hash.to_owned(),
            depth,
            header,
        })
    }

    /// The median time of the block and the ten before it.
    pub(super) fn median(&self) -> Result<i64, Reading> {
        self.header.mediantime.as_ref().due("mediantime").copied()
    }

    /// Its own time, as it is written.
    pub(super) fn time(&self) -> Result<&'a RawValue, Reading> {
        self.header.time.as_ref().due("time").copied()
    }

    /// Its difficulty, as it is written.
    pub(super) fn difficulty(&self) -> Result<&'a RawValue, Reading> {
        self.header.difficulty.as_ref().due("difficulty").copied()
    }

    /// Whether it is the block after `other`.
    pub(super) fn is_next_of(&self, other: &Self) -> Result<bool, Reading> {
        let previous = self.header.previousblockhash.as_ref();
        Ok(*previous.due("previousblockhash")? == other.hash)
    }
}

#[derive(Deserialize)]
struct Coins<'a> {
    #[serde(default)]
    bestblock: Field<String>,
    #[serde(borrow, default)]
    total_amount: Field<&'a RawValue>,
}

/// The coins that there are after a block, as `gettxoutsetinfo` writes them.
pub(super) fn supply<'a>(result: &'a RawValue, hash: &str) -> Result<&'a RawValue, Reading> {
    let coins: Coins<'a> = json::parse(result.get().as_bytes())?;
    let at = coins.bestblock.due("bestblock")?;
    if at != hash {
        return Err(Reading::Contradiction(format!(
            "the coins after the block {:?}, not after {hash}",
            json::quote(at)
        )));
    }
    coins.total_amount.due("total_amount")
}
