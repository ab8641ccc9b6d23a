//! Blocks, a mempool, and Peercoin's rules for what may be in them.

use std::collections::{HashMap, HashSet};

use bitcoin::block::{Header, Version};
use bitcoin::consensus::serialize;
use bitcoin::hashes::Hash as _;
use bitcoin::opcodes::all::OP_RETURN;
use bitcoin::script::Builder;
use bitcoin::{
    Amount, Block, BlockHash, CompactTarget, OutPoint, ScriptBuf, Sequence, Transaction, TxIn,
    TxOut, Txid, Witness, absolute::LockTime, transaction,
};

/// Blocks before a coinbase can be spent, regtest's: of any kind for the chain, and
/// one more of proof of stake for a wallet.
pub const MATURITY: usize = 60;
/// What a block pays to its miner, units: on regtest 50 PPC.
const REWARD: u64 = 50_000_000;
/// The chain's time is the median of so many blocks.
const MEDIAN_OF: usize = 11;
/// Longest `OP_RETURN` script: marker, length and 255 bytes.
const MAX_DATA: usize = 258;

/// What a transaction is judged by, beside the inputs' being there and mature
/// and the lock time; the text is the node's reason.
pub type Judge = fn(&Transaction, &[TxOut]) -> Result<(), String>;

/// Who made a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// A miner: all of regtest without minting.
    Work,
    /// Somebody who minted: most of a network's blocks.
    Stake,
}

impl Proof {
    /// A block of proof of stake has nonce 0 in Peercoin too.
    const fn nonce(self) -> u32 {
        match self {
            Self::Work => 1,
            Self::Stake => 0,
        }
    }
}

/// A chain that grows when told to.
pub(super) struct Chain {
    judge: Judge,
    /// The node's clock, Unix seconds.
    pub(super) now: i64,
    /// From the first to the last.
    pub(super) blocks: Vec<Block>,
    /// Blocks that a reorganisation left behind.
    pub(super) stale: Vec<Block>,
    /// In the order of their arrival.
    pub(super) mempool: Vec<Transaction>,
    /// Makes no two blocks alike.
    salt: u32,
}

impl Chain {
    /// Without a block.
    pub(super) fn new(judge: Judge) -> Self {
        Self {
            judge,
            now: 0,
            blocks: Vec::new(),
            stale: Vec::new(),
            mempool: Vec::new(),
            salt: 0,
        }
    }

    /// The median time of the last blocks.
    pub(super) fn median(&self) -> i64 {
        let times = self.blocks.iter().rev().take(MEDIAN_OF);
        let mut last: Vec<i64> = times.map(|b| b.header.time.into()).collect();
        last.sort_unstable();
        last.get(last.len() / 2).copied().unwrap_or_default()
    }

    /// Puts what waits into a block that pays to `miner`.
    pub(super) fn mine(&mut self, miner: &ScriptBuf, proof: Proof) -> BlockHash {
        let waiting = std::mem::take(&mut self.mempool);
        self.mine_with(miner, waiting, proof)
    }

    /// Puts these into a block.
    pub(super) fn mine_with(
        &mut self,
        miner: &ScriptBuf,
        waiting: Vec<Transaction>,
        proof: Proof,
    ) -> BlockHash {
        self.salt += 1;
        let time = self.now.max(self.median() + 1);
        let mut txdata = vec![coinbase(self.blocks.len(), self.salt, miner)];
        txdata.extend(waiting);
        let header = Header {
            version: Version::from_consensus(6),
            prev_blockhash: self
                .blocks
                .last()
                .map_or_else(BlockHash::all_zeros, Block::block_hash),
            merkle_root: bitcoin::TxMerkleNode::all_zeros(),
            time: u32::try_from(time).expect("a block's time"),
            bits: CompactTarget::from_consensus(0x1d00_ffff),
            nonce: proof.nonce(),
        };
        let mut block = Block { header, txdata };
        block.header.merkle_root = block.compute_merkle_root().expect("a coinbase");
        self.blocks.push(block);
        self.drop_conflicts();
        self.blocks.last().expect("just mined").block_hash()
    }

    /// Takes the last blocks back; what was in them waits again, as far as it
    /// still can.
    pub(super) fn reorganise(&mut self, depth: usize) {
        let from = self.blocks.len() - depth;
        let stale = self.blocks.split_off(from);
        let back = stale.iter().flat_map(|b| b.txdata.iter().skip(1).cloned());
        let waiting = std::mem::take(&mut self.mempool);
        let all: Vec<Transaction> = back.chain(waiting).collect();
        self.stale.extend(stale);
        for transaction in all {
            if self.accepts(&transaction).is_ok() {
                self.mempool.push(transaction);
            }
        }
    }

    /// How deep the block of this height is to a wallet, and to an index of
    /// transactions: both count blocks of proof of stake alone.
    pub(super) fn stake_depth(&self, height: usize) -> usize {
        let later = self.blocks.iter().skip(height + 1);
        let staked = |b: &&Block| b.header.nonce == Proof::Stake.nonce();
        1 + later.filter(staked).count()
    }

    /// The height of a block of the main chain.
    pub(super) fn height(&self, hash: BlockHash) -> Option<usize> {
        self.blocks.iter().position(|b| b.block_hash() == hash)
    }

    /// The block of the main chain that a transaction is in.
    pub(super) fn block_of(&self, txid: Txid) -> Option<(usize, &Block)> {
        let is_in = |b: &Block| b.txdata.iter().any(|t| t.compute_txid() == txid);
        self.blocks.iter().enumerate().find(|(_, b)| is_in(b))
    }

    /// Everything in blocks but coinbases, in order.
    pub(super) fn confirmed(&self) -> impl Iterator<Item = &Transaction> {
        self.blocks.iter().flat_map(|b| b.txdata.iter().skip(1))
    }

    /// Unspent outputs of blocks, with height and whether of a coinbase.
    pub(super) fn unspent(&self) -> HashMap<OutPoint, (TxOut, usize, bool)> {
        let mut all = HashMap::new();
        for (height, block) in self.blocks.iter().enumerate() {
            for transaction in &block.txdata {
                for input in &transaction.input {
                    all.remove(&input.previous_output);
                }
                let txid = transaction.compute_txid();
                for (output, vout) in transaction.output.iter().zip(0..) {
                    let entry = (output.clone(), height, transaction.is_coinbase());
                    all.insert(OutPoint::new(txid, vout), entry);
                }
            }
        }
        all
    }

    /// What a transaction of the mempool spends, and who does.
    pub(super) fn spent_in_mempool(&self) -> HashMap<OutPoint, Txid> {
        let spends = |t: &Transaction| {
            let txid = t.compute_txid();
            let inputs = t.input.iter().map(move |i| (i.previous_output, txid));
            inputs.collect::<Vec<_>>()
        };
        self.mempool.iter().flat_map(spends).collect()
    }

    /// Takes a transaction into the mempool, as a node does: again is no error.
    pub(super) fn send(&mut self, transaction: Transaction) -> Result<Txid, (i64, String)> {
        let txid = transaction.compute_txid();
        if self.mempool.iter().any(|t| t.compute_txid() == txid) {
            return Ok(txid);
        }
        let unspent = self.unspent();
        let is_there = |vout| unspent.contains_key(&OutPoint::new(txid, vout));
        if (0..).take(transaction.output.len()).any(is_there) {
            return Err((-27, "Transaction already in block chain".to_owned()));
        }
        match self.accepts(&transaction) {
            Ok(()) => {
                self.mempool.push(transaction);
                Ok(txid)
            }
            Err(reason) if reason == MISSING => {
                Err((-25, "bad-txns-inputs-missingorspent".to_owned()))
            }
            Err(reason) => Err((-26, reason)),
        }
    }

    /// Why a node would not take a transaction.
    pub(super) fn accepts(&self, transaction: &Transaction) -> Result<(), String> {
        let is_timed = transaction
            .input
            .iter()
            .any(|i| i.sequence != Sequence::MAX);
        let lock_time = i64::from(transaction.lock_time.to_consensus_u32());
        if is_timed && lock_time >= self.median() {
            return Err("non-final".to_owned());
        }
        let taken = self.spent_in_mempool();
        let unspent = self.unspent();
        let mut spent = Vec::new();
        for input in &transaction.input {
            let place = input.previous_output;
            if taken.contains_key(&place) {
                return Err("txn-mempool-conflict".to_owned());
            }
            let waiting = self.mempool.iter().find(|t| t.compute_txid() == place.txid);
            let waiting = waiting.and_then(|t| t.output.get(place.vout as usize).cloned());
            let output = match (unspent.get(&place), waiting) {
                (Some((_, height, true)), _) if self.blocks.len() - height < MATURITY => {
                    return Err("bad-txns-premature-spend-of-coinbase".to_owned());
                }
                (Some((output, ..)), _) => output.clone(),
                (None, Some(output)) => output,
                (None, None) => return Err(MISSING.to_owned()),
            };
            spent.push(output);
        }
        (self.judge)(transaction, &spent)
    }

    /// What waits but spends what a block has spent is gone.
    fn drop_conflicts(&mut self) {
        let mined: HashSet<OutPoint> = self
            .confirmed()
            .flat_map(|t| t.input.iter().map(|i| i.previous_output))
            .collect();
        self.mempool
            .retain(|t| !t.input.iter().any(|i| mined.contains(&i.previous_output)));
    }
}

/// As `testmempoolaccept` says it.
const MISSING: &str = "missing-inputs";

fn coinbase(height: usize, salt: u32, miner: &ScriptBuf) -> Transaction {
    let script_sig = Builder::new()
        .push_int(i64::try_from(height).expect("a height"))
        .push_int(salt.into())
        .into_script();
    Transaction {
        version: transaction::Version(3),
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::null(),
            script_sig,
            sequence: Sequence::MAX,
            witness: Witness::new(),
        }],
        output: vec![TxOut {
            value: Amount::from_sat(REWARD),
            script_pubkey: miner.clone(),
        }],
    }
}

/// What the chain demands: 10 units a byte of the whole, 1000 at least.
pub fn fee(bytes: usize) -> u64 {
    (10 * u64::try_from(bytes).expect("a size")).max(1000)
}

/// The rules for any transaction: signatures by consensus code, the fee, no small
/// outputs, at most one of data, no time field.
pub fn judge(transaction: &Transaction, spent: &[TxOut]) -> Result<(), String> {
    if transaction.version.0 != 3 {
        return Err("version".to_owned());
    }
    scripts(transaction, spent)?;
    let sum = |outputs: &[TxOut]| outputs.iter().map(|o| o.value.to_sat()).sum::<u64>();
    let paid = sum(spent).checked_sub(sum(&transaction.output));
    if paid.is_none_or(|paid| paid < fee(serialize(transaction).len())) {
        return Err("min fee not met".to_owned());
    }
    let (data, money): (Vec<&TxOut>, Vec<&TxOut>) = transaction
        .output
        .iter()
        .partition(|o| o.script_pubkey.as_bytes().first() == Some(&OP_RETURN.to_u8()));
    if data.len() > 1 || data.iter().any(|o| o.script_pubkey.len() > MAX_DATA) {
        return Err("scriptpubkey".to_owned());
    }
    if money.iter().any(|o| o.value.to_sat() < 10_000) {
        return Err("dust".to_owned());
    }
    Ok(())
}

/// Every input, by the consensus code under taproot rules.
pub fn scripts(transaction: &Transaction, spent: &[TxOut]) -> Result<(), String> {
    let bytes = serialize(transaction);
    let outputs: Vec<bitcoinconsensus::Utxo> = spent
        .iter()
        .map(|output| bitcoinconsensus::Utxo {
            script_pubkey: output.script_pubkey.as_bytes().as_ptr(),
            script_pubkey_len: u32::try_from(output.script_pubkey.len()).expect("a length"),
            value: i64::try_from(output.value.to_sat()).expect("a value"),
        })
        .collect();
    for (input, output) in spent.iter().enumerate() {
        // With the spent outputs given, taproot is among the rules.
        bitcoinconsensus::verify(
            output.script_pubkey.as_bytes(),
            output.value.to_sat(),
            &bytes,
            Some(&outputs),
            input,
        )
        .map_err(|_| "mandatory-script-verify-flag-failed".to_owned())?;
    }
    Ok(())
}
