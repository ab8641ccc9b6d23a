//! What the run says: steps as they are done, a table of the outcomes, and with
//! `--out` all transactions as JSON, to be checked by others.

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Transaction, TxOut};
use oracle_client::points::Subject;
use serde_json::{Value, json};

use super::agreement::{Cet, Contract};
use super::party::Completed;
use super::transaction::{COIN, MIN_OUTPUT, fee_of_size, final_size};

/// Rows of the table beyond which only the neighbours of what came true are
/// shown.
const ROWS: usize = 12;

/// Numbers and says a step.
pub(crate) struct Steps(u32);

impl Steps {
    pub(crate) fn new(title: &str) -> Self {
        println!("{title}");
        Self(0)
    }

    /// A step that has been done, all its checks passed.
    pub(crate) fn done(&mut self, what: &str) {
        self.0 += 1;
        println!("{:>3}. {what}", self.0);
    }
}

/// Units as peercoins.
pub(crate) fn coins(units: u64) -> String {
    format!("{}.{:06}", units / COIN, units % COIN)
}

/// What a CET is for.
pub(crate) fn name(subject: &Subject) -> String {
    match subject {
        Subject::Outcome(outcome) => outcome.clone(),
        Subject::Digit { index, value } => format!("digit {index} = {value}"),
        Subject::Prefix { values, numbers } => match numbers {
            Some(numbers) => format!("{}–{}", numbers.start(), numbers.end()),
            None => values.concat(),
        },
    }
}

/// The outcomes, their points and transactions, and what became of them.
pub(crate) fn table(contract: &Contract, completed: &Completed) {
    let all = contract.cets.len();
    let shown = |index: usize| all <= ROWS || index.abs_diff(completed.index) <= ROWS / 2;
    println!(
        "\n  {:<17} {:>12} {:>12}  {:<15} {:<15} {:>6} {:>5}  verdict",
        "outcome", "Alice PPC", "Bob PPC", "point", "txid", "bytes", "fee"
    );
    for (index, cet) in contract.cets.iter().enumerate().filter(|(i, _)| shown(*i)) {
        let [alice, bob] = paid(contract, cet);
        let size = final_size(&cet.transaction);
        println!(
            "  {:<17} {:>12} {:>12}  {:.14}… {:.14}… {:>6} {:>5}  {}",
            name(&cet.when.subject),
            coins(alice),
            coins(bob),
            hex::encode(cet.when.point.compressed()),
            cet.transaction.compute_txid().to_string(),
            size,
            fee_of_size(size),
            if index == completed.index {
                "completed, valid"
            } else {
                "refused"
            },
        );
    }
    let hidden = (0..all).filter(|i| !shown(*i)).count();
    if hidden > 0 {
        println!("  … and {hidden} more CETs, all refused");
    }
    println!();
}

/// What a CET pays to Alice and to Bob, units.
fn paid(contract: &Contract, cet: &Cet) -> [u64; 2] {
    let outputs: Vec<u64> = cet
        .transaction
        .output
        .iter()
        .map(|o| o.value.to_sat())
        .collect();
    match outputs.as_slice() {
        [alice, bob] => [*alice, *bob],
        // A share below the smallest output went to the other party.
        [one] if cet.alice < MIN_OUTPUT => [0, *one],
        [one] => [*one, 0],
        _ => [contract.output.output.value.to_sat(), 0],
    }
}

/// How the oracle's attestation settled a contract.
pub(crate) struct Settlement {
    /// What was attested.
    pub(crate) outcome: String,
    pub(crate) completed: Completed,
    /// Every CET with the signature that the attestation makes of its own: valid
    /// in one, in all others not.
    pub(crate) transactions: Vec<Transaction>,
}

/// Everything that was made, for `--out`.
pub(crate) struct Record<'a> {
    pub(crate) contract: &'a Contract,
    pub(crate) funding: &'a Transaction,
    pub(crate) refund: &'a Transaction,
    /// None where the refund was taken.
    pub(crate) settlement: Option<&'a Settlement>,
}

impl Record<'_> {
    pub(crate) fn json(&self) -> Value {
        let contract = self.contract;
        let event = &contract.event;
        let spent = std::slice::from_ref(&contract.output.output);
        json!({
            "event_id": event.announcement.event.event_id.as_str(),
            "maturity": event.announcement.event.maturity.unix(),
            "attest_by": event.attest_by.timestamp(),
            "outcome": self.settlement.map(|s| &s.outcome),
            "funding": transaction(self.funding, &contract.spent),
            "refund": transaction(self.refund, spent),
            "cets": self.settlement.map_or_else(Vec::new, |s| self.cets(s)),
        })
    }

    fn cets(&self, settlement: &Settlement) -> Vec<Value> {
        let cets = self.contract.cets.iter().zip(&settlement.transactions);
        cets.enumerate()
            .map(|(index, (cet, transaction))| {
                let [alice, bob] = paid(self.contract, cet);
                json!({
                    "outcome": name(&cet.when.subject),
                    "point": hex::encode(cet.when.point.compressed()),
                    "alice": alice,
                    "bob": bob,
                    "came_true": index == settlement.completed.index,
                    "transaction": serialize_hex(transaction),
                })
            })
            .collect()
    }
}

fn transaction(transaction: &Transaction, spent: &[TxOut]) -> Value {
    json!({
        "transaction": serialize_hex(transaction),
        "spent": spent.iter().map(output).collect::<Vec<_>>(),
    })
}

fn output(output: &TxOut) -> Value {
    json!({
        "value": output.value.to_sat(),
        "script": hex::encode(output.script_pubkey.as_bytes()),
    })
}
