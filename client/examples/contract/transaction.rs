//! Transactions by Peercoin's rules, and their check by consensus code.
//!
//! A version 3 Peercoin transaction has no time field of its own: its bytes are
//! those of a Bitcoin transaction, and taproot signs and verifies it by BIP341.
//! What differs is the fee, which is a rule of the chain: 10 units for each byte
//! of the full size, witness included and not discounted, and 1000 at least.

use bitcoin::hashes::Hash as _;
use bitcoin::sighash::{Prevouts, SighashCache};
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, TapSighashType, Transaction, TxIn, TxOut, Witness,
    absolute::LockTime,
};

use super::{Result, ensure};

/// Units of one peercoin: six decimals.
pub(crate) const COIN: u64 = 1_000_000;

/// The smallest output that wallets make: 0.01 PPC.
pub(crate) const MIN_OUTPUT: u64 = 10_000;

const FEE_PER_BYTE: u64 = 10;
const MIN_FEE: u64 = 1_000;

/// A signature over all of the transaction (`SIGHASH_DEFAULT`), bytes.
const SIGNATURE: usize = 64;

/// An output with the place where it stands, ready to be spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coin {
    /// Transaction and index.
    pub(crate) outpoint: OutPoint,
    /// Value and script. The value is in Peercoin's units, of which a peercoin
    /// has a million; the library calls a unit a satoshi.
    pub(crate) output: TxOut,
}

/// An output of so many units.
pub(crate) fn pay(script_pubkey: &ScriptBuf, units: u64) -> TxOut {
    TxOut {
        value: Amount::from_sat(units),
        script_pubkey: script_pubkey.clone(),
    }
}

/// What the chain demands for so many bytes, units.
pub(crate) fn fee_of_size(bytes: usize) -> u64 {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    bytes.saturating_mul(FEE_PER_BYTE).max(MIN_FEE)
}

/// The size that a transaction will have when each input carries its key-path
/// signature. Exact beforehand: a Schnorr signature has one length.
pub(crate) fn final_size(transaction: &Transaction) -> usize {
    let mut signed = transaction.clone();
    for input in &mut signed.input {
        input.witness = key_path(&[0; SIGNATURE]);
    }
    signed.total_size()
}

/// The witness of a key-path spend.
pub(crate) fn key_path(signature: &[u8; SIGNATURE]) -> Witness {
    Witness::from_slice(&[signature])
}

/// The fee of a settlement with this many outputs, units.
///
/// One input by key path: 162 bytes with one output, 205 with two.
pub(crate) fn settlement_fee(outputs: usize) -> u64 {
    let coin = OutPoint::null();
    let output = pay(&taproot_sized(), 0);
    let outputs = vec![output; outputs];
    fee_of_size(final_size(&unsigned(&[coin], outputs, LockTime::ZERO)))
}

/// Any script as long as a taproot output's.
fn taproot_sized() -> ScriptBuf {
    ScriptBuf::from_bytes(vec![0; 34])
}

/// An unsigned version 3 transaction.
pub(crate) fn unsigned(
    spends: &[OutPoint],
    output: Vec<TxOut>,
    lock_time: LockTime,
) -> Transaction {
    // A lock time counts only if an input says that it is not final. Peercoin
    // has no replace-by-fee, so nothing else is said by it.
    let sequence = if lock_time == LockTime::ZERO {
        Sequence::MAX
    } else {
        Sequence::ENABLE_LOCKTIME_NO_RBF
    };
    let input = |&previous_output| TxIn {
        previous_output,
        script_sig: ScriptBuf::new(),
        sequence,
        witness: Witness::new(),
    };
    Transaction {
        version: Version(3),
        lock_time,
        input: spends.iter().map(input).collect(),
        output,
    }
}

/// The transaction that ends a contract: a CET, or the refund.
///
/// The contract's output holds what both staked and the fee of a settlement with
/// two outputs. A share below [`MIN_OUTPUT`] is dropped: it goes to the other
/// party, and with it the fee of the output that is not there.
pub(crate) fn settlement(
    contract: &Coin,
    shares: [(&ScriptBuf, u64); 2],
    lock_time: LockTime,
) -> Result<Transaction> {
    let value = contract.output.value.to_sat();
    let outputs = match shares.map(|(script, units)| (script, units, units >= MIN_OUTPUT)) {
        [(one, units, true), (other, rest, true)] => vec![pay(one, units), pay(other, rest)],
        [(one, _, true), (_, _, false)] | [(_, _, false), (one, _, true)] => {
            vec![pay(one, value.saturating_sub(settlement_fee(1)))]
        }
        _ => return Err("both shares are below the smallest output".into()),
    };
    let transaction = unsigned(&[contract.outpoint], outputs, lock_time);
    check_fee(&transaction, value)?;
    Ok(transaction)
}

/// The fee is exactly what the size demands: not a unit less, which nodes
/// refuse, and not a unit more.
pub(crate) fn check_fee(transaction: &Transaction, spent: u64) -> Result<()> {
    let paid: u64 = transaction.output.iter().map(|o| o.value.to_sat()).sum();
    let size = final_size(transaction);
    let due = fee_of_size(size);
    ensure(spent.checked_sub(paid) == Some(due), || {
        format!("{size} bytes cost {due} units, but {spent} are spent and {paid} paid")
    })
}

/// What an input's key signs: BIP341, key path, `SIGHASH_DEFAULT`.
pub(crate) fn message(
    transaction: &Transaction,
    spent: &[TxOut],
    input: usize,
) -> Result<[u8; 32]> {
    let hash = SighashCache::new(transaction).taproot_key_spend_signature_hash(
        input,
        &Prevouts::All(spent),
        TapSighashType::Default,
    )?;
    Ok(hash.to_byte_array())
}

/// Checks a signed transaction as a node does: every input by the consensus
/// code under taproot rules, then the rules that are Peercoin's.
///
/// What a script check cannot see is not checked here: whether the spent outputs
/// exist, and whether the lock time has come.
pub(crate) fn verify(transaction: &Transaction, spent: &[TxOut]) -> Result<()> {
    consensus(transaction, spent)?;
    let total: u64 = spent.iter().map(|o| o.value.to_sat()).sum();
    check_fee(transaction, total)?;
    ensure(transaction.version == Version(3), || {
        "only version 3 is without a time field".to_owned()
    })?;
    let small = |o: &TxOut| o.value.to_sat() < MIN_OUTPUT;
    ensure(!transaction.output.iter().any(small), || {
        "an output is below the smallest one".to_owned()
    })
}

/// Every input's signature, by the consensus code.
pub(crate) fn consensus(transaction: &Transaction, spent: &[TxOut]) -> Result<()> {
    ensure(spent.len() == transaction.input.len(), || {
        "one spent output for each input".to_owned()
    })?;
    let bytes = bitcoin::consensus::serialize(transaction);
    let utxos = spent
        .iter()
        .map(|output| {
            Ok(bitcoinconsensus::Utxo {
                script_pubkey: output.script_pubkey.as_bytes().as_ptr(),
                script_pubkey_len: u32::try_from(output.script_pubkey.len())?,
                value: i64::try_from(output.value.to_sat())?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    for (index, output) in spent.iter().enumerate() {
        bitcoinconsensus::verify_with_flags(
            output.script_pubkey.as_bytes(),
            output.value.to_sat(),
            &bytes,
            Some(&utxos),
            index,
            bitcoinconsensus::VERIFY_ALL_PRE_TAPROOT | bitcoinconsensus::VERIFY_TAPROOT,
        )
        .map_err(|e| format!("consensus code refuses input {index}: {e}"))?;
    }
    Ok(())
}
