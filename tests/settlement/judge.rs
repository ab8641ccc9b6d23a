//! Checks what an example wrote, in another process than the one that made it,
//! with nothing of its code: the consensus library, and Peercoin's rules again.

use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::{Amount, ScriptBuf, Sequence, Transaction, TxOut};
use serde_json::Value;

/// The refund waits so long after the oracle's last moment, seconds.
const REFUND_MARGIN: i64 = 86_400;

/// Why a transaction is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// An input's signature.
    Script(usize),
    /// Not exactly the fee of its size: due, paid.
    Fee(u64, u64),
    /// An output below 0.01 PPC.
    Small(u64),
    /// A version with a time field.
    Version(i32),
}

/// What the chain demands: 10 units a byte of the whole, 1000 at least.
pub(crate) fn fee(bytes: usize) -> u64 {
    (10 * u64::try_from(bytes).unwrap()).max(1000)
}

/// All rules that a transaction can be checked by alone.
pub(crate) fn check(transaction: &Transaction, spent: &[TxOut]) -> Result<(), Refusal> {
    scripts(transaction, spent)?;
    exact_fee(transaction, spent)?;
    if transaction.version.0 != 3 {
        return Err(Refusal::Version(transaction.version.0));
    }
    let smallest = transaction.output.iter().map(|o| o.value.to_sat()).min();
    match smallest {
        Some(units) if units < 10_000 => Err(Refusal::Small(units)),
        _ => Ok(()),
    }
}

/// Every input, by the consensus code under taproot rules.
pub(crate) fn scripts(transaction: &Transaction, spent: &[TxOut]) -> Result<(), Refusal> {
    let bytes = bitcoin::consensus::serialize(transaction);
    let outputs: Vec<bitcoinconsensus::Utxo> = spent
        .iter()
        .map(|output| bitcoinconsensus::Utxo {
            script_pubkey: output.script_pubkey.as_bytes().as_ptr(),
            script_pubkey_len: u32::try_from(output.script_pubkey.len()).unwrap(),
            value: i64::try_from(output.value.to_sat()).unwrap(),
        })
        .collect();
    assert_eq!(spent.len(), transaction.input.len());
    for (input, output) in spent.iter().enumerate() {
        // With the spent outputs given, taproot is among the rules.
        bitcoinconsensus::verify(
            output.script_pubkey.as_bytes(),
            output.value.to_sat(),
            &bytes,
            Some(&outputs),
            input,
        )
        .map_err(|_| Refusal::Script(input))?;
    }
    Ok(())
}

pub(crate) fn exact_fee(transaction: &Transaction, spent: &[TxOut]) -> Result<(), Refusal> {
    let sum = |outputs: &[TxOut]| outputs.iter().map(|o| o.value.to_sat()).sum::<u64>();
    let due = fee(bitcoin::consensus::serialize(transaction).len());
    let paid = sum(spent).saturating_sub(sum(&transaction.output));
    if due == paid {
        Ok(())
    } else {
        Err(Refusal::Fee(due, paid))
    }
}

/// One CET of an example.
pub(crate) struct Cet {
    pub(crate) outcome: String,
    pub(crate) paid: [u64; 2],
    pub(crate) came_true: bool,
    pub(crate) transaction: Transaction,
}

/// A contract as an example wrote it down.
pub(crate) struct Contract {
    /// None where the refund was taken.
    pub(crate) outcome: Option<String>,
    pub(crate) maturity: i64,
    pub(crate) attest_by: i64,
    pub(crate) funding: (Transaction, Vec<TxOut>),
    pub(crate) refund: (Transaction, Vec<TxOut>),
    pub(crate) cets: Vec<Cet>,
}

impl Contract {
    pub(crate) fn read(json: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let number = |value: &Value| value.as_i64().unwrap();
        let units = |value: &Value| value.as_u64().unwrap();
        let transaction =
            |value: &Value| deserialize_hex::<Transaction>(value.as_str().unwrap()).unwrap();
        let output = |value: &Value| TxOut {
            value: Amount::from_sat(value["value"].as_u64().unwrap()),
            script_pubkey: ScriptBuf::from_hex(value["script"].as_str().unwrap()).unwrap(),
        };
        let signed = |value: &Value| {
            let spent = value["spent"].as_array().unwrap();
            let spent = spent.iter().map(output).collect();
            (transaction(&value["transaction"]), spent)
        };
        let cet = |value: &Value| Cet {
            outcome: text(&value["outcome"]),
            paid: [units(&value["alice"]), units(&value["bob"])],
            came_true: value["came_true"].as_bool().unwrap(),
            transaction: transaction(&value["transaction"]),
        };
        Self {
            outcome: json["outcome"].as_str().map(str::to_owned),
            maturity: number(&json["maturity"]),
            attest_by: number(&json["attest_by"]),
            funding: signed(&json["funding"]),
            refund: signed(&json["refund"]),
            cets: json["cets"].as_array().unwrap().iter().map(cet).collect(),
        }
    }

    /// What everything but the funding transaction spends.
    pub(crate) fn output(&self) -> &[TxOut] {
        &self.funding.0.output[..1]
    }

    /// The CET of what came true.
    pub(crate) fn settled(&self) -> &Cet {
        let mut found = self.cets.iter().filter(|cet| cet.came_true);
        let settled = found.next().unwrap();
        assert!(found.next().is_none(), "two CETs came true");
        settled
    }

    /// Funding, refund and the CET of what came true are valid; the CETs of all
    /// other outcomes are not, and nothing that is changed stays valid.
    pub(crate) fn assert_sound(&self) {
        let (funding, coins) = &self.funding;
        assert_eq!(check(funding, coins), Ok(()));
        let (refund, spent) = &self.refund;
        assert_eq!(spent, self.output());
        assert_eq!(check(refund, spent), Ok(()));
        self.assert_timed(refund, self.attest_by + REFUND_MARGIN);
        assert!(self.maturity < self.attest_by);
        if self.outcome.is_none() {
            assert!(self.cets.is_empty());
            return;
        }
        let settled = &self.settled().transaction;
        assert_eq!(check(settled, self.output()), Ok(()));
        let txid = funding.compute_txid();
        for cet in &self.cets {
            self.assert_timed(&cet.transaction, self.maturity);
            assert_eq!(cet.transaction.input[0].previous_output.txid, txid);
            assert_eq!(exact_fee(&cet.transaction, self.output()), Ok(()));
            if !cet.came_true {
                let refused = scripts(&cet.transaction, self.output());
                assert_eq!(refused, Err(Refusal::Script(0)), "{}", cet.outcome);
            }
        }
        self.assert_changes_are_refused();
    }

    /// One input of the contract's, locked until then by a time.
    fn assert_timed(&self, transaction: &Transaction, unix: i64) {
        assert!(transaction.lock_time.is_block_time());
        assert_eq!(i64::from(transaction.lock_time.to_consensus_u32()), unix);
        let [input] = transaction.input.as_slice() else {
            panic!("not one input");
        };
        // Final would switch the lock time off.
        assert_eq!(input.sequence, Sequence(0xffff_fffe));
        assert_eq!(input.previous_output.vout, 0);
        assert!(self.funding.0.lock_time.to_consensus_u32() == 0);
    }

    fn assert_changes_are_refused(&self) {
        let settled = &self.settled().transaction;
        let spent = self.output();

        // Signatures commit to outputs: no unit can be moved …
        let mut generous = settled.clone();
        generous.output[0].value += Amount::ONE_SAT;
        assert_eq!(scripts(&generous, spent), Err(Refusal::Script(0)));
        // … and this one would also pay a unit less than the chain demands.
        let due = fee(settled.total_size());
        let refused = exact_fee(&generous, spent);
        assert_eq!(refused, Err(Refusal::Fee(due, due - 1)));

        // They commit to what is spent …
        let mut richer = spent.to_vec();
        richer[0].value += Amount::ONE_SAT;
        assert_eq!(scripts(settled, &richer), Err(Refusal::Script(0)));

        // … to the lock time …
        let mut earlier = settled.clone();
        earlier.lock_time = bitcoin::absolute::LockTime::ZERO;
        assert_eq!(scripts(&earlier, spent), Err(Refusal::Script(0)));

        // … and to the payouts: another outcome's is not signed by this one. Two
        // prefixes of one payout share a transaction, and then a signature fits.
        let txid = settled.compute_txid();
        for other in &self.cets {
            let mut signed = other.transaction.clone();
            signed.input[0].witness = settled.input[0].witness.clone();
            let same = other.transaction.compute_txid() == txid;
            let expected = if same {
                Ok(())
            } else {
                Err(Refusal::Script(0))
            };
            assert_eq!(scripts(&signed, spent), expected, "{}", other.outcome);
        }
        // The refund's signature is no CET's either.
        let mut refund = settled.clone();
        refund.input[0].witness = self.refund.0.input[0].witness.clone();
        assert_eq!(scripts(&refund, spent), Err(Refusal::Script(0)));
    }
}
