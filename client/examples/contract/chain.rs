//! Where the transactions go: nowhere, or to a Peercoin node on regtest.

use bitcoin::hashes::Hash as _;
use bitcoin::{OutPoint, ScriptBuf, Transaction, TxOut, Txid};

use super::transaction::{COIN, Coin, pay, verify};
use super::{Options, Result};

/// What a party's coin has beyond its stake: for the fees, and change.
const SPARE: u64 = COIN;

/// The chain of a run.
pub(crate) enum Chain {
    /// No node: coins are made up, and what a node would check of a transaction
    /// in itself is checked here.
    Offline,
}

impl Chain {
    pub(crate) async fn open(_options: &Options) -> Result<Self> {
        Ok(Self::Offline)
    }

    /// A coin for each party, large enough for its stake.
    pub(crate) async fn coins(&mut self, wanted: [(&ScriptBuf, u64); 2]) -> Result<[Coin; 2]> {
        match self {
            Self::Offline => {
                let mut number = 0;
                Ok(wanted.map(|(script, stake)| {
                    number += 1;
                    Coin {
                        outpoint: OutPoint::new(Txid::from_byte_array([number; 32]), 0),
                        output: pay(script, stake + SPARE),
                    }
                }))
            }
        }
    }

    /// Puts a transaction into a block.
    pub(crate) async fn publish(
        &mut self,
        transaction: &Transaction,
        spent: &[TxOut],
    ) -> Result<()> {
        match self {
            Self::Offline => verify(transaction, spent),
        }
    }

    /// The chain must not take the refund yet.
    pub(crate) async fn refuses_early(&mut self, _refund: &Transaction) -> Result<()> {
        match self {
            Self::Offline => Ok(()),
        }
    }

    /// The chain must take none of these but the one at `index`.
    pub(crate) async fn refuse_all(&mut self, _all: &[Transaction], _index: usize) -> Result<()> {
        match self {
            Self::Offline => Ok(()),
        }
    }

    /// Settles: the CET's lock time has come.
    pub(crate) async fn settle(&mut self, cet: &Transaction, spent: &[TxOut]) -> Result<()> {
        self.publish(cet, spent).await
    }
}
