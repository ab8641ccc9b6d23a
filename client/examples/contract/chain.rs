//! Where the transactions go: nowhere, or to a Peercoin node on regtest.

use bitcoin::hashes::Hash as _;
use bitcoin::{OutPoint, ScriptBuf, Transaction, TxOut, Txid};

use super::node::Node;
use super::transaction::{COIN, Coin, pay, verify};
use super::{Options, Result, ensure};

/// What a party's coin has beyond its stake: for the fees, and change.
const SPARE: u64 = COIN;

/// How long before the maturity a node's clock starts at the earliest, seconds.
const BEFORE: i64 = 3600;

/// The chain of a run.
pub(crate) enum Chain {
    /// No node: coins are made up, and of a transaction is checked what can be
    /// checked of it alone.
    Offline,
    /// A node on regtest, whose blocks pay for the coins.
    Node(Node),
}

impl Chain {
    /// Opens the node of the options, if there is one, at a time before the
    /// event's maturity (Unix seconds).
    pub(crate) async fn open(options: &Options, maturity: i64) -> Result<Self> {
        match (&options.node, &options.cookie) {
            (Some(url), Some(cookie)) => Ok(Self::Node(
                Node::open(url, cookie, maturity - BEFORE..maturity).await?,
            )),
            _ => Ok(Self::Offline),
        }
    }

    /// A coin for each party, large enough for its stake.
    pub(crate) async fn coins(&self, wanted: [(&ScriptBuf, u64); 2]) -> Result<[Coin; 2]> {
        let [alice, bob] = wanted.map(|(script, stake)| (script, stake + SPARE));
        match self {
            Self::Offline => {
                let made_up = |(script, units): (&ScriptBuf, u64), number: u8| Coin {
                    outpoint: OutPoint::new(Txid::from_byte_array([number; 32]), 0),
                    output: pay(script, units),
                };
                Ok([made_up(alice, 0xa1), made_up(bob, 0xb0)])
            }
            Self::Node(node) => node.pay([alice, bob]).await,
        }
    }

    /// Puts a transaction into a block.
    pub(crate) async fn publish(&self, transaction: &Transaction, spent: &[TxOut]) -> Result<()> {
        verify(transaction, spent)?;
        match self {
            Self::Offline => Ok(()),
            Self::Node(node) => node.confirm(transaction).await,
        }
    }

    /// A node must refuse this now; says why it does.
    pub(crate) async fn refuse(&self, transaction: &Transaction) -> Result<()> {
        let Self::Node(node) = self else {
            return Ok(());
        };
        let refusal = node.refusal(transaction).await?;
        ensure(refusal.is_some(), || {
            format!(
                "the node would take {} too early, or for the wrong outcome",
                transaction.compute_txid()
            )
        })
    }

    /// Lets the lock time of a CET come.
    pub(crate) async fn pass(&self, unix: i64) -> Result<()> {
        match self {
            Self::Offline => Ok(()),
            Self::Node(node) => node.pass(unix).await,
        }
    }

    /// What the transactions are checked by.
    pub(crate) fn judge(&self) -> &'static str {
        match self {
            Self::Offline => "consensus code (no node)",
            Self::Node(_) => "consensus code and a Peercoin node on regtest",
        }
    }
}
