//! A wallet of one key: pays, funds and signs by taproot's key path.

use std::collections::HashSet;

use bitcoin::consensus::serialize;
use bitcoin::hashes::Hash as _;
use bitcoin::key::TapTweak as _;
use bitcoin::secp256k1::{Keypair, Message, Secp256k1, SecretKey};
use bitcoin::sighash::{Prevouts, SighashCache};
use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, TapSighashType, Transaction, TxIn, TxOut, Txid, Witness,
    absolute::LockTime, transaction,
};

use super::chain::{Chain, MATURITY, fee};

/// Smallest output that wallets make, units.
const MIN_OUTPUT: u64 = 10_000;

/// What a wallet says if it has too little.
pub(super) const NO_FUNDS: (i64, &str) = (-4, "Insufficient funds");

/// The node's only wallet.
pub(super) struct Wallet {
    key: Keypair,
    script: ScriptBuf,
    /// Its transactions, whatever became of them.
    pub(super) seen: Vec<Transaction>,
}

impl Wallet {
    /// Of a fixed key.
    pub(super) fn new() -> Self {
        let secp = Secp256k1::new();
        let secret = SecretKey::from_slice(&[0x42; 32]).expect("a key");
        let key = Keypair::from_secret_key(&secp, &secret);
        let tweaked = key.tap_tweak(&secp, None).to_keypair();
        let (internal, _) = key.x_only_public_key();
        Self {
            script: ScriptBuf::new_p2tr(&secp, internal, None),
            key: tweaked,
            seen: Vec::new(),
        }
    }

    /// Where it is paid.
    pub(super) fn script(&self) -> &ScriptBuf {
        &self.script
    }

    /// Its coins that can be spent, own unconfirmed change included, in an order
    /// of their own.
    fn coins(&self, chain: &Chain) -> Vec<(OutPoint, TxOut)> {
        let taken: HashSet<OutPoint> = chain.spent_in_mempool().into_keys().collect();
        let mined = chain.unspent().into_iter();
        let mature = mined.filter(|(_, (_, height, is_coinbase))| {
            !is_coinbase || chain.blocks.len() - height >= MATURITY
        });
        let waiting = chain.mempool.iter().flat_map(|t| {
            let txid = t.compute_txid();
            (0..)
                .zip(&t.output)
                .map(move |(vout, o)| (OutPoint::new(txid, vout), o.clone()))
        });
        let all = mature
            .map(|(place, (output, ..))| (place, output))
            .chain(waiting);
        let mut coins: Vec<(OutPoint, TxOut)> = all
            .filter(|(place, output)| output.script_pubkey == self.script && !taken.contains(place))
            .collect();
        coins.sort_by_key(|(place, output)| (output.value, *place));
        coins
    }

    /// Adds inputs and change to outputs: one coin, the smallest that is enough.
    pub(super) fn fund(
        &self,
        chain: &Chain,
        mut transaction: Transaction,
    ) -> Result<(Transaction, u64), (i64, String)> {
        let wanted: u64 = transaction.output.iter().map(|o| o.value.to_sat()).sum();
        let coins = self.coins(chain);
        for (place, coin) in coins {
            let mut funded = transaction.clone();
            funded.input = vec![TxIn {
                previous_output: place,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::MAX,
                witness: Witness::new(),
            }];
            // Its change comes first, as a wallet may have it.
            let change = TxOut {
                value: Amount::ZERO,
                script_pubkey: self.script.clone(),
            };
            funded.output.insert(0, change);
            let mut signed = funded.clone();
            signed.input[0].witness = Witness::from_slice(&[[0; 64]]);
            let due = fee(serialize(&signed).len());
            let Some(rest) = coin.value.to_sat().checked_sub(wanted + due) else {
                continue;
            };
            if rest < MIN_OUTPUT {
                continue;
            }
            funded.output[0].value = Amount::from_sat(rest);
            transaction = funded;
            return Ok((transaction, due));
        }
        Err((NO_FUNDS.0, NO_FUNDS.1.to_owned()))
    }

    /// Signs what is its own; answers whether that is all of it.
    pub(super) fn sign(&self, chain: &Chain, mut transaction: Transaction) -> (Transaction, bool) {
        let unspent = chain.unspent();
        let spent: Option<Vec<TxOut>> = transaction
            .input
            .iter()
            .map(|i| {
                let place = i.previous_output;
                let waiting = chain
                    .mempool
                    .iter()
                    .find(|t| t.compute_txid() == place.txid);
                let waiting = waiting.and_then(|t| t.output.get(place.vout as usize).cloned());
                unspent.get(&place).map(|(o, ..)| o.clone()).or(waiting)
            })
            .collect();
        let Some(spent) = spent.filter(|all| all.iter().all(|o| o.script_pubkey == self.script))
        else {
            return (transaction, false);
        };
        let secp = Secp256k1::new();
        for input in 0..spent.len() {
            let hash = SighashCache::new(&transaction)
                .taproot_key_spend_signature_hash(
                    input,
                    &Prevouts::All(&spent),
                    TapSighashType::Default,
                )
                .expect("an input");
            let message = Message::from_digest(hash.to_byte_array());
            let signature = secp.sign_schnorr_no_aux_rand(&message, &self.key);
            transaction.input[input].witness = Witness::from_slice(&[signature.as_ref()]);
        }
        (transaction, true)
    }

    /// Pays out of one coin.
    pub(super) fn pay(
        &self,
        chain: &Chain,
        script: ScriptBuf,
        value: u64,
    ) -> Result<Transaction, (i64, String)> {
        let output = TxOut {
            value: Amount::from_sat(value),
            script_pubkey: script,
        };
        let (funded, _) = self.fund(chain, unfunded(vec![output]))?;
        Ok(self.sign(chain, funded).0)
    }

    /// Remembers a transaction that spends or pays its coins.
    pub(super) fn notice(&mut self, transaction: &Transaction) {
        let txid = transaction.compute_txid();
        let is_own = transaction
            .output
            .iter()
            .any(|o| o.script_pubkey == self.script);
        if is_own && !self.knows(txid) {
            self.seen.push(transaction.clone());
        }
    }

    /// Whether it has seen it.
    pub(super) fn knows(&self, txid: Txid) -> bool {
        self.seen.iter().any(|t| t.compute_txid() == txid)
    }

    /// How deep what spends the same coins is in the chain, if that is another
    /// transaction.
    pub(super) fn conflict(&self, chain: &Chain, txid: Txid) -> Option<usize> {
        let own = self.seen.iter().find(|t| t.compute_txid() == txid)?;
        let inputs: HashSet<OutPoint> = own.input.iter().map(|i| i.previous_output).collect();
        let spends = |t: &Transaction| {
            t.compute_txid() != txid && t.input.iter().any(|i| inputs.contains(&i.previous_output))
        };
        let height = chain
            .blocks
            .iter()
            .position(|b| b.txdata.iter().any(spends))?;
        Some(chain.blocks.len() - height)
    }
}

/// Outputs alone.
pub(super) fn unfunded(output: Vec<TxOut>) -> Transaction {
    Transaction {
        version: transaction::Version(3),
        lock_time: LockTime::ZERO,
        input: Vec::new(),
        output,
    }
}
