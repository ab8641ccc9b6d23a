//! The loopback node, with the examples' rules: they pay exactly the fee, and
//! nothing below the smallest output.

use bitcoin::{Transaction, TxOut};
use oracle_tests::peercoin::Node;

use crate::judge::{Refusal, check};

/// An empty chain of this name.
pub(crate) async fn start(network: &'static str) -> Node {
    Node::judged_by(network, strictly).await
}

fn strictly(transaction: &Transaction, spent: &[TxOut]) -> Result<(), String> {
    check(transaction, spent).map_err(|refusal| {
        match refusal {
            Refusal::Script(_) => "mandatory-script-verify-flag-failed",
            Refusal::Fee(..) => "fee is not exactly that of the size",
            Refusal::Small(_) => "dust",
            Refusal::Version(_) => "version",
        }
        .to_owned()
    })
}
