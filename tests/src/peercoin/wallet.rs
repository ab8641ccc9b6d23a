//! Coins of one key, spent by taproot's key path, and a node's wallet that has them.

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

/// A key and its address.
pub(super) struct Key {
    tweaked: Keypair,
    script: ScriptBuf,
}

impl Key {
    /// A fixed one.
    pub(super) fn of(secret: [u8; 32]) -> Self {
        let secp = Secp256k1::new();
        let secret = SecretKey::from_slice(&secret).expect("a key");
        let key = Keypair::from_secret_key(&secp, &secret);
        let (internal, _) = key.x_only_public_key();
        Self {
            tweaked: key.tap_tweak(&secp, None).to_keypair(),
            script: ScriptBuf::new_p2tr(&secp, internal, None),
        }
    }

    /// Where it is paid.
    pub(super) fn script(&self) -> &ScriptBuf {
        &self.script
    }

    /// Signs all inputs, which spend these outputs.
    pub(super) fn sign(&self, transaction: &mut Transaction, spent: &[TxOut]) {
        let secp = Secp256k1::new();
        for input in 0..spent.len() {
            let hash = SighashCache::new(&*transaction)
                .taproot_key_spend_signature_hash(
                    input,
                    &Prevouts::All(spent),
                    TapSighashType::Default,
                )
                .expect("an input");
            let message = Message::from_digest(hash.to_byte_array());
            let signature = secp.sign_schnorr_no_aux_rand(&message, &self.tweaked);
            transaction.input[input].witness = Witness::from_slice(&[signature.as_ref()]);
        }
    }

    /// Pays out of a coin, exactly the fee; the change comes first.
    ///
    /// `None` if the coin is too small for that.
    pub(super) fn pay(&self, coin: &(OutPoint, TxOut), outputs: &[TxOut]) -> Option<Transaction> {
        let (mut payment, _) = self.fund(coin, outputs)?;
        self.sign(&mut payment, std::slice::from_ref(&coin.1));
        Some(payment)
    }

    /// The same unsigned, and its fee.
    fn fund(
        &self,
        (place, coin): &(OutPoint, TxOut),
        outputs: &[TxOut],
    ) -> Option<(Transaction, u64)> {
        let mut funded = unfunded(outputs.to_vec());
        funded.input.push(TxIn {
            previous_output: *place,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[[0; 64]]),
        });
        let change = TxOut {
            value: Amount::ZERO,
            script_pubkey: self.script.clone(),
        };
        funded.output.insert(0, change);
        let due = fee(serialize(&funded).len());
        let wanted: u64 = outputs.iter().map(|o| o.value.to_sat()).sum();
        let rest = coin.value.to_sat().checked_sub(wanted + due)?;
        funded.input[0].witness = Witness::new();
        funded.output[0].value = Amount::from_sat(rest);
        (rest >= MIN_OUTPUT).then_some((funded, due))
    }
}

/// The node's only wallet.
pub(super) struct Wallet {
    key: Key,
    /// Its transactions, whatever became of them.
    pub(super) seen: Vec<Transaction>,
}

impl Wallet {
    /// Of a fixed key.
    pub(super) fn new() -> Self {
        Self {
            key: Key::of([0x42; 32]),
            seen: Vec::new(),
        }
    }

    /// Where it is paid.
    pub(super) fn script(&self) -> &ScriptBuf {
        self.key.script()
    }

    /// Its coins that can be spent, own unconfirmed change included, in an order
    /// of their own. What a block paid it counts as mature by its own count of
    /// confirmations, and a block later than the chain does.
    fn coins(&self, chain: &Chain) -> Vec<(OutPoint, TxOut)> {
        let taken: HashSet<OutPoint> = chain.spent_in_mempool().into_keys().collect();
        let mined = chain.unspent().into_iter();
        let mature = mined.filter(|(_, (_, height, is_coinbase))| {
            !is_coinbase || chain.stake_depth(*height) > MATURITY
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
            .filter(|(place, output)| {
                output.script_pubkey == *self.script() && !taken.contains(place)
            })
            .collect();
        coins.sort_by_key(|(place, output)| (output.value, *place));
        coins
    }

    /// Adds inputs and change to outputs: one coin, the smallest that is enough.
    pub(super) fn fund(
        &self,
        chain: &Chain,
        outputs: &[TxOut],
    ) -> Result<(Transaction, u64), (i64, String)> {
        let coins = self.coins(chain);
        let mut funded = coins.iter().filter_map(|c| self.key.fund(c, outputs));
        funded
            .next()
            .ok_or_else(|| (NO_FUNDS.0, NO_FUNDS.1.to_owned()))
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
        let own = |all: &Vec<TxOut>| all.iter().all(|o| o.script_pubkey == *self.script());
        let Some(spent) = spent.filter(own) else {
            return (transaction, false);
        };
        self.key.sign(&mut transaction, &spent);
        (transaction, true)
    }

    /// Remembers a transaction that spends or pays its coins.
    pub(super) fn notice(&mut self, transaction: &Transaction) {
        let txid = transaction.compute_txid();
        let is_own = transaction
            .output
            .iter()
            .any(|o| o.script_pubkey == *self.script());
        if is_own && !self.knows(txid) {
            self.seen.push(transaction.clone());
        }
    }

    /// Whether it has seen it.
    pub(super) fn knows(&self, txid: Txid) -> bool {
        self.seen.iter().any(|t| t.compute_txid() == txid)
    }

    /// How deep what spends the same coins is to the wallet, if that is another
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
        Some(chain.stake_depth(height))
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
